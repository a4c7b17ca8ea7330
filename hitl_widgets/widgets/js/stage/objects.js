// @ts-check
// The objects of an item as SVG over it, in the item's own pixels; the map and the picture stay beneath.
//
// What the card calls:
//
//   const layer = buildObjects(host)          // see Host; `stage.over(layer)` puts it over the item (card/stage.js)
//   layer.update()                            // whenever anything changed; only elements that look different are touched
//   layer.rest()                              // a moment after the frame: draws what the frame had no time for
//   layer.look(view, px)                      // the stage calls it: what is in view, and pixels of the item for one of the screen
//   greyAround(picture, size, at)             // the item's grey values around an object, for objects/snap.js
//
// The pointer: a press on an object takes it, a drag moves it, or its side, or its corner. A drag from an empty place draws a
// box, a click there adds a point (on a card that has the keys); with Shift, or the middle button, it moves the view.

import { setAttribute, setText } from "../dom.js";
import { cursorFor, hit, Pointing } from "../objects/pointing.js";
import { boundsOf, outline, sideOf, spotsOf } from "../objects/shapes.js";
import { lookedAt } from "../objects/snap.js";
import { sizeOf } from "../pictures.js";
import { isText } from "../text/item_text.js";
import { buildOthers, pathOf } from "./others.js";
import { s, show } from "./svg.js";

/** @typedef {import("../objects/image.js").ImageObjects} ImageObjects */
/** @typedef {import("../objects/types.d.ts").Grey} Grey */
/** @typedef {import("../objects/types.d.ts").Shape} Shape */
/** @typedef {import("../objects/types.d.ts").Spot} Spot */
/** @typedef {import("../objects/types.d.ts").View} View */
/** What the layer needs of the card. `objects`: those of the item on the screen, null where there are none; `nameOf`: a label's name; `tagOf`: the tag at
 * each object, such as the label's key; `labels`: ids of all labels; `changed`: to be called when a person did something; `has_keys`: the card has the keyboard; `soon`: does a step just
 * after the next frame.
 * @typedef {{readonly objects: ImageObjects | null, nameOf: (label_id: string) => string, colourOf: (label_id: string) => string,
 *   tagOf: (label_id: string) => string, readonly labels: string[], changed: () => void, has_keys: () => boolean, soon: (step: () => void) => void}} Host */

const MIDDLES_FROM = 44; // pixels of the screen that a box has at least where the middles of its sides are marked
const LETTER = 7.4; // pixels of the screen that a letter of the words takes, about
const CROSS = 9; // pixels of the screen, half a cross

/** Dots at some places. @param {Spot[]} spots */
const dots = (spots) => spots.map(({ x, y }) => `M${x} ${y}h0`).join("");

/** The handles of an object. @param {Shape} object @param {number} px @returns {Spot[]} */
function handles({ kind, at }, px) {
  if (kind === "point") return [];
  const corners = outline(kind, at);
  const [x0, y0, x1, y1] = boundsOf(at);
  return kind === "polygon" || Math.min(x1 - x0, y1 - y0) < MIDDLES_FROM * px ? corners : corners.flatMap((a, i) => [a, { x: (a.x + corners[(i + 1) % 4].x) / 2, y: (a.y + corners[(i + 1) % 4].y) / 2 }]);
}

/** @param {Shape} object @param {ImageObjects} objects the side or the corner that is in hand */
function inHand({ kind, at }, { vertex, side }) {
  if (kind === "polygon" && vertex !== null && vertex < at.length / 2) return dots([spotsOf(at)[vertex]]);
  if (kind !== "box" || !side) return "";
  const [x0, y0, x1, y1] = at;
  return side === "left" || side === "right" ? `M${sideOf(at, side)} ${y0}V${y1}` : `M${x0} ${sideOf(at, side)}H${x1}`;
}

/** @param {Host} host */
export function buildObjects(host) {
  const others = buildOthers(host);
  const [halo, rim, mark, held, grips] = ["halo", "rim", "mark", "held", "grips"].map((name) => s("path", { class: `hitl-object-${name}` }));
  const words = s("text", { class: "hitl-object-words" });
  const focus = s("g", { class: "hitl-object-focus" }, halo, rim, mark, held, grips, words);
  const [trace_edge, trace, cross_edge, cross] = ["trace-edge", "trace", "cross-edge", "cross"].map((name) => s("path", { class: `hitl-object-${name}` }));
  const drawing = s("g", { class: "hitl-object-drawing" }, trace_edge, trace, cross_edge, cross);
  const svg = s("svg", { class: "hitl-objects", role: "img", preserveAspectRatio: "none" }, others.element, focus, drawing);

  /** What is drawn at present. @type {{objects: ImageObjects | null, version: number, tag: unknown, px: number}} */
  let shown = { objects: null, version: -1, tag: null, px: 0 };
  let px = 1;
  /** @type {Pointing | null} */
  let pointing = null;

  /** @param {ImageObjects} objects */
  function drawFocus(objects) {
    const { current } = objects;
    show(focus, current !== null);
    if (!current) return;
    const path = pathOf(current);
    for (const each of [halo, rim, mark]) setAttribute(each, "d", path);
    setAttribute(grips, "d", dots(handles(current, px)));
    setAttribute(held, "d", inHand(current, objects));
    focus.style.color = host.colourOf(current.label_id);
    setAttribute(focus, "class", `hitl-object-focus hitl-${current.kind}${objects.problemWith(current) ? " hitl-crossed" : ""}`);
    const { score, certainty, unsure } = current;
    setText(words, [host.nameOf(current.label_id), score === null ? "" : score.toFixed(2), certainty === null ? "" : `certainty ${certainty}`, unsure ? "unsure" : ""].filter(Boolean).join(" · "));
    const [x0, y0, , y1] = boundsOf(current.at);
    const above = y0 - 22 * px >= view.y;
    const gap = current.kind === "point" ? 12 : 7;
    const length = LETTER * px * (words.textContent ?? "").length;
    setAttribute(words, "x", String(Math.max(view.x + 3 * px, Math.min(x0, view.x + view.width - length - 4 * px))));
    setAttribute(words, "y", String(above ? y0 - gap * px : Math.min(y1 + (gap + 11) * px, view.y + view.height - 4 * px)));
  }

  /** @param {ImageObjects} objects */
  function drawDrawing({ drawing: what }) {
    const on = what?.how === "corners";
    show(drawing, on);
    if (!on) return;
    const { spots, cursor, label_id } = what;
    const path = `M${[...spots, cursor].map(({ x, y }) => `${x} ${y}`).join("L")}`;
    for (const each of [trace_edge, trace]) setAttribute(each, "d", `${path}${dots(spots)}`);
    const arm = CROSS * px;
    for (const each of [cross_edge, cross]) setAttribute(each, "d", `M${cursor.x - arm} ${cursor.y}h${2 * arm}M${cursor.x} ${cursor.y - arm}v${2 * arm}`);
    drawing.style.color = host.colourOf(label_id);
  }

  /** @type {View} */
  let view = { x: 0, y: 0, width: 1, height: 1 };

  function update() {
    const { objects } = host;
    show(svg, objects !== null);
    if (!objects) { shown.objects = null; return; }
    others.hide(objects.alone);
    if (shown.objects === objects && shown.version === objects.version && shown.tag === host.tagOf && shown.px === px) return;
    if (shown.objects !== objects) pointing = null;
    shown = { objects, version: objects.version, tag: host.tagOf, px };
    others.update(objects, px);
    drawFocus(objects);
    drawDrawing(objects);
    setAttribute(svg, "aria-label", objects.describe(host.nameOf));
  }

  /** Whether tags of another zoom are to be written just after the frame. */
  let waiting = false;

  /** The card may draw nothing else after a zoom. */
  function restSoon() {
    if (waiting) return;
    waiting = true;
    host.soon(() => {
      waiting = false;
      others.rest();
    });
  }

  /** @param {View} next @param {number} per_pixel */
  function look(next, per_pixel) {
    const { x, y, width, height } = next;
    if (x === view.x && y === view.y && width === view.width && height === view.height && per_pixel === px) return;
    const zoomed = per_pixel !== px;
    view = next;
    px = per_pixel;
    setAttribute(svg, "viewBox", `${x} ${y} ${width} ${height}`);
    if (zoomed) svg.style.setProperty("--hitl-px", `${px}px`);
    const { objects } = host;
    if (!objects || objects !== shown.objects) return; // another item's: `update` draws it
    if (zoomed && others.update(objects, px)) restSoon();
    shown.px = px;
    drawFocus(objects);
    drawDrawing(objects);
  }

  // The pointer

  /** @param {MouseEvent} event @returns {Spot} */
  function spotAt({ clientX, clientY }) {
    const { left, top, width, height } = svg.getBoundingClientRect();
    return { x: view.x + ((clientX - left) / width) * view.width, y: view.y + ((clientY - top) / height) * view.height };
  }

  svg.addEventListener("pointerdown", (event) => {
    const { objects } = host;
    if (event.button !== 0 || !objects) return;
    if (pointing?.objects !== objects) pointing = new Pointing(objects, { labels: host.labels });
    const adds = host.has_keys();
    if (!pointing.down(spotAt(event), px, { pans: event.shiftKey })) return;
    event.stopPropagation();
    svg.setPointerCapture(event.pointerId);
    host.changed();
    const drag = (/** @type {PointerEvent} */ e) => { if (pointing?.moveTo(spotAt(e))) host.changed(); };
    svg.addEventListener("pointermove", drag);
    svg.addEventListener("lostpointercapture", (e) => {
      svg.removeEventListener("pointermove", drag);
      if (pointing?.up(spotAt(e), { adds })) host.changed();
    }, { once: true });
  });
  svg.addEventListener("pointermove", (event) => {
    const { objects } = host;
    if (!objects || event.buttons) return;
    if (objects.drawing?.how !== "corners") svg.style.cursor = cursorFor(hit(objects, spotAt(event), px));
    else if (objects.drawing.spots.length) {
      objects.drawing.cursor = spotAt(event);
      objects.version++;
      host.changed();
    }
  });
  // A double click on an object must not zoom.
  svg.addEventListener("dblclick", (event) => { if (host.objects && (host.objects.drawing || hit(host.objects, spotAt(event), px))) event.stopPropagation(); });

  return { svg, update, rest: others.rest, look };
}

/** The item's grey values around an object: what objects/snap.js looks at.
 * @param {import("../types.d.ts").Picture | HTMLCanvasElement} picture the item's, perhaps smaller @param {import("../objects/types.d.ts").Size} size of the item
 * @param {readonly number[]} at of the object @returns {Grey | null} null: no picture is there */
export function greyAround(picture, size, at) {
  if (isText(picture)) return null;
  const [width, height] = sizeOf(picture);
  const [scale_x, scale_y] = [width / size[0], height / size[1]];
  const [x0, y0, x1, y1] = lookedAt(at, Math.min(scale_x, scale_y));
  const [left, top] = [Math.max(0, Math.floor(x0 * scale_x)), Math.max(0, Math.floor(y0 * scale_y))];
  const [w, h] = [Math.min(width, Math.ceil(x1 * scale_x)) - left, Math.min(height, Math.ceil(y1 * scale_y)) - top];
  if (w < 1 || h < 1) return null;
  const canvas = document.createElement("canvas");
  canvas.width = w;
  canvas.height = h;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(picture, left, top, w, h, 0, 0, w, h);
  const { data } = context.getImageData(0, 0, w, h);
  const values = new Float32Array(w * h);
  // Luma as in Rec. 601.
  for (let i = 0; i < values.length; i++) values[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  return { values, width: w, height: h, left, top, scale_x, scale_y };
}
