// @ts-check
// The mouse on the objects of an item: it focuses them, drags them by a side or a corner, and draws new ones.

import { close, labelOf } from "./keys.js";
import { areaOf, boundsOf, boxBetween, contains, distance, moved, outline, SIDES, split, spotsOf, within, withSide, withVertex } from "./shapes.js";

/** @typedef {import("./image.js").ImageObjects} ImageObjects */
/** @typedef {import("./types.d.ts").Hit} Hit */
/** @typedef {import("./types.d.ts").Shape} Shape */
/** @typedef {import("./types.d.ts").Side} Side */
/** @typedef {import("./types.d.ts").Spot} Spot */

const NEAR = 6; // pixels of the screen from which a side, a corner or a point is taken
const FAR = 4; // pixels of the screen after which a press is a drag

/** The corners, and the sides between them, in the order of `outline`. @type {[Side[], Side[]][]} */
const AROUND = [[["left", "top"], ["top"]], [["top", "right"], ["right"]], [["right", "bottom"], ["bottom"]], [["bottom", "left"], ["left"]]];

/** How far a spot is from the outline of an object. @param {Shape} object @param {Spot} spot */
function offset({ kind, at }, spot) {
  const corners = outline(kind, at);
  return Math.min(...corners.map((corner, i) => distance(spot, corner, corners[(i + 1) % corners.length])));
}

/** The part under the pointer: a handle of the object in focus, or else the smallest object there. @param {ImageObjects} objects @param {Spot} spot
 * @param {number} px pixels of the item for one of the screen @returns {Hit | null} */
export function hit(objects, spot, px) {
  return (objects.current && handle(objects.current, spot, NEAR * px)) ?? body(objects, spot, NEAR * px);
}

/** @param {Shape} object @param {Spot} spot @param {number} near @returns {Hit | null} */
function handle({ id, kind, at }, spot, near) {
  if (kind === "point") return null;
  const corners = outline(kind, at);
  const corner = corners.findIndex(({ x, y }) => Math.hypot(x - spot.x, y - spot.y) <= near);
  if (kind === "polygon") {
    if (corner >= 0) return { id, part: "vertex", vertex: corner };
    const middle = corners.findIndex(({ x, y }, i) => Math.hypot((x + corners[(i + 1) % corners.length].x) / 2 - spot.x, (y + corners[(i + 1) % corners.length].y) / 2 - spot.y) <= near);
    return middle < 0 ? null : { id, part: "middle", vertex: middle };
  }
  if (corner >= 0) return { id, part: "sides", sides: AROUND[corner][0] };
  const side = corners.findIndex((a, i) => distance(spot, a, corners[(i + 1) % 4]) <= near);
  return side < 0 ? null : { id, part: "sides", sides: AROUND[side][1] };
}

/** @param {ImageObjects} objects @param {Spot} spot @param {number} near @returns {Hit | null} */
function body({ list }, spot, near) {
  const at_hand = list.filter(({ at }) => {
    const [x0, y0, x1, y1] = boundsOf(at);
    return spot.x >= x0 - 2 * near && spot.x <= x1 + 2 * near && spot.y >= y0 - 2 * near && spot.y <= y1 + 2 * near;
  });
  const points = at_hand.filter(({ kind }) => kind === "point").map((object) => ({ object, far: Math.hypot(object.at[0] - spot.x, object.at[1] - spot.y) }));
  const inside = at_hand.filter(({ kind, at }) => contains(kind, at, spot)).map((object) => ({ object, far: areaOf(object.kind, object.at) }));
  const beside = at_hand.filter(({ kind }) => kind !== "point").map((object) => ({ object, far: offset(object, spot) })).filter(({ far }) => far <= near);
  for (const found of [points, inside, beside]) {
    const [best] = found.sort((a, b) => a.far - b.far);
    if (best) return { id: best.object.id, part: "body" };
  }
  return null;
}

/** The cursor for a part. @param {Hit | null} found @returns {string} a CSS cursor, "" for the usual one */
export function cursorFor(found) {
  if (!found) return "";
  if (found.part !== "sides") return found.part === "body" ? "move" : "crosshair";
  const [sides] = [(found.sides ?? []).map((side) => SIDES.indexOf(side)).sort().join("")];
  return { 0: "ew-resize", 2: "ew-resize", 1: "ns-resize", 3: "ns-resize", "01": "nwse-resize", 23: "nwse-resize" }[sides] ?? "nesw-resize";
}

export class Pointing {
  /** @param {ImageObjects} objects @param {{labels?: string[]}} [around] ids of the labels there are, in order */
  constructor(objects, { labels } = {}) {
    this.objects = objects;
    this.labels = labels;
    this.drags = 0;
    /** The current drag: its part, its start, and whether it has moved. @type {{hit: Hit | null, from: Spot, at: readonly number[], px: number, moving: boolean} | null} */
    this.drag = null;
  }

  /** @param {Spot} spot @param {number} px pixels of the item for one of the screen @param {{pans?: boolean}} [how] `pans`: a drag from an empty place moves the view
   * @returns {boolean} whether the press is for objects */
  down(spot, px, { pans = false } = {}) {
    const { objects } = this;
    const { drawing } = objects;
    this.drags++;
    if (drawing?.how === "corners") {
      this.#corner(drawing, spot, px);
      return true;
    }
    const found = drawing ? null : hit(objects, spot, px);
    if (found) objects.take(found.id);
    if (found?.part === "vertex") objects.vertex = found.vertex ?? null;
    if (!found && (pans || objects.kind === "polygon")) return false;
    this.drag = { hit: found, from: spot, at: objects.current?.at ?? [], px, moving: false };
    return true;
  }

  /** @param {Extract<ImageObjects["drawing"], {how: "corners"}>} drawing @param {Spot} spot @param {number} px */
  #corner(drawing, spot, px) {
    const [first] = drawing.spots;
    const [width, height] = this.objects.size;
    if (first && drawing.spots.length > 2 && Math.hypot(first.x - spot.x, first.y - spot.y) <= NEAR * px) close(this.objects);
    else {
      drawing.cursor = { x: within(spot.x, 0, width), y: within(spot.y, 0, height) };
      drawing.spots.push({ ...drawing.cursor });
    }
    this.objects.version++;
  }

  /** @param {Spot} spot @returns {boolean} whether anything changed */
  moveTo(spot) {
    const { objects, drag } = this;
    if (!drag) return false;
    if (!drag.moving && Math.hypot(spot.x - drag.from.x, spot.y - drag.from.y) < FAR * drag.px) return false;
    const goes_on = drag.moving;
    drag.moving = true;
    if (!drag.hit) return this.#draw(drag, spot, goes_on);
    const { part, sides = [], vertex = 0 } = drag.hit;
    const { size } = objects;
    const [dx, dy] = [spot.x - drag.from.x, spot.y - drag.from.y];
    const tag = `drag ${this.drags}`;
    if (part === "body") return objects.place(tag, moved(drag.at, dx, dy, size), "moved", goes_on);
    if (part === "sides") {
      const at = sides.reduce((box, side) => withSide(box, side, drag.at[SIDES.indexOf(side)] + (side === "left" || side === "right" ? dx : dy), size), drag.at);
      return objects.place(tag, at, "a side moved", goes_on);
    }
    if (part === "middle" && !goes_on) {
      drag.at = split(drag.at, vertex);
      drag.hit = { ...drag.hit, part: "vertex", vertex: vertex + 1 };
    }
    objects.vertex = drag.hit.vertex ?? 0;
    const { x, y } = spotsOf(drag.at)[objects.vertex];
    return objects.place(tag, withVertex(drag.at, objects.vertex, { x: x + dx, y: y + dy }, size), "a corner moved", goes_on);
  }

  /** Draws a box from where the drag began; a box that a key has begun is moved there. @param {NonNullable<Pointing["drag"]>} drag @param {Spot} spot
   * @param {boolean} goes_on @returns {boolean} */
  #draw({ from }, spot, goes_on) {
    const { objects } = this;
    if (objects.kind !== "box") return false;
    const at = boxBetween(from, spot, objects.size);
    if (goes_on) return objects.place(objects.tag, at, "drawn", true);
    if (objects.drawing) {
      objects.drawing = null;
      return objects.place("drawn", at, "drawn");
    }
    const label_id = labelOf(objects, this.labels);
    if (label_id === null || !objects.add(at, label_id)) this.drag = null;
    return this.drag !== null;
  }

  /** @param {Spot} spot @param {{adds?: boolean}} [how] `adds`: a click at an empty place adds a point @returns {boolean} whether anything changed */
  up(spot, { adds = true } = {}) {
    const { objects, drag } = this;
    this.drag = null;
    if (!drag || drag.hit || drag.moving) return drag !== null;
    const [width, height] = objects.size;
    const at = [within(spot.x, 0, width), within(spot.y, 0, height)];
    if (objects.kind === "point" && objects.drawing) {
      objects.drawing = null;
      objects.place("drawn", at, "drawn");
    } else if (objects.kind === "point" && adds) {
      const label_id = labelOf(objects, this.labels);
      if (label_id !== null) objects.add(at, label_id);
    } else objects.take(null);
    return true;
  }
}
