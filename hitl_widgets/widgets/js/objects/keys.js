// @ts-check
// The effect of keys on the objects of an item. Keys in `key` are fixed; those in ACTIONS come from the table of keys.

import { boundsOf, boxAround, furthest, longestEdge, moved, pushed, split, spotsOf, within, without, withVertex } from "./shapes.js";

/** @typedef {import("./image.js").ImageObjects} ImageObjects */
/** @typedef {import("./types.d.ts").KeyPress} KeyPress */
/** @typedef {import("./types.d.ts").Side} Side */
/** @typedef {import("./types.d.ts").Spot} Spot */
/** @typedef {import("./types.d.ts").View} View */
/** `view`: what is in view, the whole item where it is missing; `labels`: ids of all labels, in order.
 * @typedef {{view?: View, labels?: string[]}} Around */

export const STEP = 1; // pixels that an arrow moves
export const FAR = 10; // with Shift
const FINE = 0.1; // a point, with Alt
const JUMPS = 64; // with Shift, a new object crosses the item in this many steps

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** The side that an arrow points to, and the one opposite. @type {Record<string, [Side, Side]>} */
const EDGES = { ArrowLeft: ["left", "right"], ArrowRight: ["right", "left"], ArrowUp: ["top", "bottom"], ArrowDown: ["bottom", "top"] };

/** Names of the keys in `key`, for the list of keys. @type {[string[], string][]} */
export const FIXED = [
  [["Tab", "⇧", "Tab"], "the next object, lowest score first, and back; after the last one Tab leaves the card"],
  [["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "move the object in focus by 1 pixel, with ⇧ by 10"],
  [["Alt", "ArrowRight"], "pull the side there outwards; with ⇧ push the opposite side the same way. On a polygon: move a corner"],
  [["Escape"], "leave the corner, then the object: keys apply to the item again"],
];

/** Keys of the table: action -> keys that are free on the card, words. */
export const ACTIONS = {
  draw: [["n"], "a new object of the label used last: arrows move it, Space, arrows size it, Space; a polygon: Space sets each corner, Enter closes it"],
  delete: [["x", "Delete"], "delete the object in focus"],
  next_corner: [["v"], "a polygon's next corner; arrows move it"],
  previous_corner: [["Shift+V"], "a polygon's previous corner"],
  add_corner: [["i"], "add a corner, in the middle of the next edge"],
  remove_corner: [["Shift+X"], "remove the corner; at least three remain"],
};

/** @param {ImageObjects} objects @param {KeyPress} event @returns {string | null} what is to be said, or null: the key isn't for objects now */
export function key(objects, event) {
  if (event.ctrlKey || event.metaKey) return null;
  if (ARROWS[event.key]) return arrow(objects, event);
  if (event.altKey) return null;
  if (event.key === "Tab") return tab(objects, event);
  if (event.key === "Escape") return escape(objects);
  if (!objects.drawing || event.shiftKey) return null;
  if (event.key === " ") return event.repeat ? "" : confirm(objects);
  if (event.key === "Enter") return event.repeat ? "" : finish(objects);
  return event.key === "Backspace" && objects.drawing.how === "corners" ? objects.undo() : null;
}

/** @param {ImageObjects} objects @param {string} action @param {Around} [around] @returns {string | null} null: not for objects now */
export function act(objects, action, around = {}) {
  if (action === "draw") return draw(objects, around);
  if (objects.drawing?.how === "corners") return action in ACTIONS ? "Close the polygon first (Enter), or give it up (Esc)" : null;
  if (action === "delete") return objects.remove();
  const { current, vertex } = objects;
  if (!current || current.kind !== "polygon") return null;
  const n = current.at.length / 2;
  if (action === "next_corner" || action === "previous_corner") {
    objects.vertex = vertex === null ? 0 : (vertex + (action === "next_corner" ? 1 : n - 1)) % n;
    objects.tag = "";
    objects.version++;
    return "";
  }
  if (action === "add_corner") {
    const after = vertex ?? longestEdge(current.at);
    objects.place("corner", split(current.at, after), "a corner added");
    objects.vertex = after + 1;
    return "";
  }
  if (action !== "remove_corner") return null;
  if (vertex === null) return "Choose a corner first (v)";
  if (n <= 3) return "A polygon has three corners at least";
  objects.place("corner", without(current.at, vertex), "a corner taken away");
  objects.vertex = vertex % (n - 1);
  return "";
}

/** @param {ImageObjects} objects @param {KeyPress} event @returns {string | null} */
function tab(objects, { shiftKey, repeat }) {
  if (objects.drawing?.how === "corners") return finish(objects);
  if (repeat && objects.focus !== null) return "";
  return (shiftKey ? objects.previous() : objects.next()) ? "" : null;
}

/** @param {ImageObjects} objects @returns {string | null} */
function escape(objects) {
  const { drawing } = objects;
  if (drawing?.how === "corners") objects.drawing = null;
  else if (drawing) while (objects.get(drawing.id) && objects.undo() !== null);
  else if (objects.vertex !== null) objects.vertex = null;
  else if (objects.focus !== null) objects.take(null);
  else return null;
  objects.version++;
  return drawing ? "Not drawn" : "";
}

/** @param {ImageObjects} objects @param {KeyPress} event @returns {string | null} */
function arrow(objects, { key: name, shiftKey, altKey, repeat = false }) {
  const { drawing, current, size } = objects;
  const [dx, dy] = ARROWS[name];
  const jump = shiftKey ? (drawing && "plain" in drawing || drawing?.how === "corners" ? Math.max(FAR, Math.round(Math.max(...size) / JUMPS)) : FAR) : STEP;
  if (drawing?.how === "corners") {
    const { x, y } = drawing.cursor;
    drawing.cursor = { x: within(x + dx * jump, 0, size[0]), y: within(y + dy * jump, 0, size[1]) };
    objects.version++;
    return "";
  }
  if (!current) return null;
  const tag = `${name} ${shiftKey} ${altKey}`;
  const { at } = current;
  if (current.kind === "box" && (altKey || drawing?.how === "sizing")) {
    const side = altKey ? EDGES[name][shiftKey ? 1 : 0] : dx ? "right" : "bottom";
    objects.place(tag, pushed(at, side, (dx + dy) * (altKey ? STEP : jump), size), "a side moved", repeat);
    objects.side = side;
  } else if (current.kind === "polygon" && (altKey || objects.vertex !== null)) {
    objects.vertex ??= furthest(at, dx, dy);
    objects.version++;
    const { x, y } = spotsOf(at)[objects.vertex];
    objects.place(tag, withVertex(at, objects.vertex, { x: x + dx * jump, y: y + dy * jump }, size), "a corner moved", repeat);
  } else {
    const by = altKey ? (shiftKey ? STEP : FINE) : jump;
    objects.place(tag, moved(at, dx * by, dy * by, size), "moved", repeat);
  }
  return "";
}

/** The position of a new object: in the middle of the view, or beside the object in focus. @param {ImageObjects} objects @param {View | undefined} view
 * @param {number} width @param {number} height @returns {Spot} */
function beginning({ current, size }, view, width, height) {
  const whole = !view || (view.width >= size[0] && view.height >= size[1]);
  if (!current || !whole) {
    const { x, y, width: w, height: h } = view ?? { x: 0, y: 0, width: size[0], height: size[1] };
    return { x: x + w / 2, y: y + h / 2 };
  }
  const [x0, y0, x1, y1] = boundsOf(current.at);
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const gap = Math.max(2, width / 8);
  if (x1 + gap + width <= size[0]) return { x: x1 + gap + width / 2, y };
  if (x0 - gap - width >= 0) return { x: x0 - gap - width / 2, y };
  return { x, y: y1 + gap + height <= size[1] ? y1 + gap + height / 2 : Math.max(height / 2, y0 - gap - height / 2) };
}

/** The label of a new object. @param {ImageObjects} objects @param {string[] | undefined} labels @returns {string | null} */
export function labelOf({ memory, current, list }, labels) {
  const wanted = [memory.label_id, current?.label_id, list[0]?.label_id, labels?.[0]];
  return wanted.find((label_id) => label_id && (!labels || labels.includes(label_id))) ?? null;
}

/** @param {ImageObjects} objects @param {Around} around @returns {string} */
function draw(objects, { view, labels }) {
  if (objects.drawing?.how === "corners") return confirm(objects);
  const label_id = labelOf(objects, labels);
  if (label_id === null) return "There is no label yet";
  const [width, height] = objects.kind === "box" ? objects.usual(label_id) : [objects.size[0] / 24, objects.size[1] / 24];
  const spot = beginning(objects, view, width, height);
  if (objects.kind === "polygon") {
    objects.take(null);
    objects.drawing = { how: "corners", spots: [], cursor: spot, label_id };
    objects.version++;
    return "Arrows move the cross, Space sets a corner, Enter closes the polygon";
  }
  const object = objects.add(objects.kind === "box" ? boxAround(spot, width, height, objects.size) : [spot.x, spot.y], label_id);
  if (!object) return "There are too many objects";
  objects.drawing = { how: "placing", id: object.id, plain: true };
  return objects.kind === "box" ? "Arrows move the new box; Space, and they size it" : "Arrows move the new point; Space sets it";
}

/** Completes a step of drawing: the box is placed or sized, or the corner is set. @param {ImageObjects} objects @returns {string} */
function confirm(objects) {
  const { drawing } = objects;
  objects.version++;
  if (drawing?.how === "corners") {
    const last = drawing.spots.at(-1);
    if (last && last.x === drawing.cursor.x && last.y === drawing.cursor.y) return "Move the cross to the next corner first";
    drawing.spots.push({ ...drawing.cursor });
    return "";
  }
  if (drawing?.how === "placing" && objects.kind === "box") {
    drawing.how = "sizing";
    return "Arrows move the right and the lower side; Space when it fits";
  }
  objects.drawing = null;
  return "";
}

/** @param {ImageObjects} objects @returns {string} */
function finish(objects) {
  const { drawing } = objects;
  if (drawing?.how !== "corners") {
    objects.drawing = null;
    objects.version++;
    return "";
  }
  return close(objects) ? "" : "A polygon has three corners at least: Space sets one, Esc gives it up";
}

/** Closes the polygon. @param {ImageObjects} objects @returns {boolean} whether it has enough corners */
export function close(objects) {
  const { drawing } = objects;
  if (drawing?.how !== "corners" || drawing.spots.length < 3) return false;
  objects.drawing = null;
  objects.add(drawing.spots.flatMap(({ x, y }) => [x, y]), drawing.label_id);
  return true;
}
