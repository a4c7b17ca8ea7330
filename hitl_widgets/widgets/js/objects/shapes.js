// @ts-check
// Shapes as flat lists of numbers, in pixels of the item: bounds, moves, edges, vertices. Pure functions; none leaves the item.

/** @typedef {import("./types.d.ts").At} At */
/** @typedef {import("./types.d.ts").Bounds} Bounds */
/** @typedef {import("./types.d.ts").Kind} Kind */
/** @typedef {import("./types.d.ts").Side} Side */
/** @typedef {import("./types.d.ts").Size} Size */
/** @typedef {import("./types.d.ts").Spot} Spot */

export const LEAST = 1; // pixels that a side has at least
export const SIDES = /** @type {const} */ (["left", "top", "right", "bottom"]);
const SAME = 0.005; // pixels: what is sent has two decimals

/** @param {number} value @param {number} low @param {number} high */
export const within = (value, low, high) => Math.max(low, Math.min(high, value));

/** @param {At} at @returns {Bounds} */
export function boundsOf(at) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < at.length; i += 2) {
    x0 = Math.min(x0, at[i]);
    x1 = Math.max(x1, at[i]);
    y0 = Math.min(y0, at[i + 1]);
    y1 = Math.max(y1, at[i + 1]);
  }
  return [x0, y0, x1, y1];
}

/** @param {At} at @returns {Spot[]} */
export const spotsOf = (at) => Array.from({ length: at.length / 2 }, (_, i) => ({ x: at[2 * i], y: at[2 * i + 1] }));

/** Whether two shapes are equal at the precision at which they are sent. @param {At} a @param {At} b */
export const same = (a, b) => a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) < SAME);

/** A shape as it is sent: rounded to a hundredth of a pixel. @param {At} at */
export const rounded = (at) => at.map((value) => Math.round(value * 100) / 100);

/** Moves the whole shape; it stops at the edge of the item. @param {At} at @param {number} dx @param {number} dy @param {Size} size @returns {At} */
export function moved(at, dx, dy, [width, height]) {
  const [x0, y0, x1, y1] = boundsOf(at);
  const by_x = dx < 0 ? Math.max(dx, Math.min(0, -x0)) : Math.min(dx, Math.max(0, width - x1));
  const by_y = dy < 0 ? Math.max(dy, Math.min(0, -y0)) : Math.min(dy, Math.max(0, height - y1));
  return by_x || by_y ? at.map((value, i) => value + (i % 2 ? by_y : by_x)) : at;
}

/** Moves one side of a box, as far as the item and the opposite side leave room. @param {At} at @param {Side} side @param {number} to @param {Size} size @returns {At} */
export function withSide(at, side, to, [width, height]) {
  const [x0, y0, x1, y1] = at;
  if (side === "left") return [within(to, 0, Math.max(0, x1 - LEAST)), y0, x1, y1];
  if (side === "top") return [x0, within(to, 0, Math.max(0, y1 - LEAST)), x1, y1];
  if (side === "right") return [x0, y0, within(to, Math.min(width, x0 + LEAST), width), y1];
  return [x0, y0, x1, within(to, Math.min(height, y0 + LEAST), height)];
}

/** The position of a side. @param {At} at of a box @param {Side} side */
export const sideOf = (at, side) => at[SIDES.indexOf(side)];

/** Moves a side of a box by a number of pixels. @param {At} at @param {Side} side @param {number} by @param {Size} size */
export const pushed = (at, side, by, size) => withSide(at, side, sideOf(at, side) + by, size);

/** A box between two corners, in any order; at least a pixel wide and high. @param {Spot} a @param {Spot} b @param {Size} size @returns {At} */
export function boxBetween(a, b, [width, height]) {
  const [x0, x1] = [within(Math.min(a.x, b.x), 0, Math.max(0, width - LEAST)), within(Math.max(a.x, b.x), 0, width)];
  const [y0, y1] = [within(Math.min(a.y, b.y), 0, Math.max(0, height - LEAST)), within(Math.max(a.y, b.y), 0, height)];
  return [x0, y0, Math.max(x1, x0 + LEAST), Math.max(y1, y0 + LEAST)];
}

/** A box of a size around a point, moved into the item. @param {Spot} centre @param {number} width @param {number} height @param {Size} size @returns {At} */
export function boxAround({ x, y }, width, height, size) {
  const [w, h] = [within(width, LEAST, size[0]), within(height, LEAST, size[1])];
  const [x0, y0] = [within(x - w / 2, 0, size[0] - w), within(y - h / 2, 0, size[1] - h)];
  return [x0, y0, x0 + w, y0 + h];
}

/** @param {At} at @param {number} vertex @param {Spot} to @param {Size} size @returns {At} */
export function withVertex(at, vertex, { x, y }, [width, height]) {
  return at.map((value, i) => (i === 2 * vertex ? within(x, 0, width) : i === 2 * vertex + 1 ? within(y, 0, height) : value));
}

/** Adds a vertex in the middle of the edge after a vertex. @param {At} at @param {number} vertex @returns {At} */
export function split(at, vertex) {
  const spots = spotsOf(at);
  const [a, b] = [spots[vertex], spots[(vertex + 1) % spots.length]];
  return [...at.slice(0, 2 * vertex + 2), (a.x + b.x) / 2, (a.y + b.y) / 2, ...at.slice(2 * vertex + 2)];
}

/** Removes a vertex. @param {At} at @param {number} vertex @returns {At} */
export const without = (at, vertex) => at.filter((_, i) => i >> 1 !== vertex);

/** The longest edge of a polygon, by the vertex that it follows. @param {At} at */
export function longestEdge(at) {
  const lengths = spotsOf(at).map(({ x, y }, i, all) => Math.hypot(all[(i + 1) % all.length].x - x, all[(i + 1) % all.length].y - y));
  return lengths.indexOf(Math.max(...lengths));
}

/** The vertex that lies furthest in a direction. @param {At} at @param {number} dx @param {number} dy */
export function furthest(at, dx, dy) {
  const far = spotsOf(at).map(({ x, y }) => x * dx + y * dy);
  return far.indexOf(Math.max(...far));
}

/** @param {Kind} kind @param {At} at in square pixels */
export function areaOf(kind, at) {
  if (kind === "point") return 0;
  if (kind === "box") return (at[2] - at[0]) * (at[3] - at[1]);
  return Math.abs(spotsOf(at).reduce((sum, { x, y }, i, all) => sum + x * all[(i + 1) % all.length].y - all[(i + 1) % all.length].x * y, 0)) / 2;
}

/** On which side of a line a point lies. @param {Spot} a @param {Spot} b @param {Spot} c */
const turn = (a, b, c) => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);

/** Whether c, on the line through a and b, lies between them. @param {Spot} a @param {Spot} b @param {Spot} c */
const between = (a, b, c) => Math.min(a.x, b.x) <= c.x && c.x <= Math.max(a.x, b.x) && Math.min(a.y, b.y) <= c.y && c.y <= Math.max(a.y, b.y);

/** Whether two edges have a point in common. @param {Spot} a @param {Spot} b @param {Spot} c @param {Spot} d */
function meet(a, b, c, d) {
  const [t1, t2, t3, t4] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  if (t1 * t2 < 0 && t3 * t4 < 0) return true;
  return (t1 === 0 && between(a, b, c)) || (t2 === 0 && between(a, b, d)) || (t3 === 0 && between(c, d, a)) || (t4 === 0 && between(c, d, b));
}

/** Why a polygon can't be stored as it is, or null. @param {At} at @returns {string | null} */
export function problemOf(at) {
  const spots = spotsOf(at);
  const n = spots.length;
  if (new Set(spots.map(({ x, y }) => `${x} ${y}`)).size < n) return "has the same corner twice";
  // From left to right: an edge is compared with those that begin before it ends.
  const edges = spots.map((a, i) => ({ i, a, b: spots[(i + 1) % n], low: Math.min(a.x, spots[(i + 1) % n].x), high: Math.max(a.x, spots[(i + 1) % n].x) }))
    .sort((one, two) => one.low - two.low);
  for (const [k, one] of edges.entries()) {
    for (let l = k + 1; l < n && edges[l].low <= one.high; l++) {
      const two = edges[l];
      const neighbours = (one.i + 1) % n === two.i || (two.i + 1) % n === one.i;
      if (!neighbours && meet(one.a, one.b, two.a, two.b)) return "crosses itself";
    }
  }
  return areaOf("polygon", at) > 0 ? null : "has no area";
}

/** Whether a point lies inside. @param {Kind} kind @param {At} at @param {Spot} spot */
export function contains(kind, at, { x, y }) {
  if (kind === "point") return false;
  if (kind === "box") return x >= at[0] && x <= at[2] && y >= at[1] && y <= at[3];
  let inside = false;
  const spots = spotsOf(at);
  spots.forEach((a, i) => {
    const b = spots[(i + 1) % spots.length];
    if (a.y > y !== b.y > y && x < a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y)) inside = !inside;
  });
  return inside;
}

/** @param {Spot} spot @param {Spot} a @param {Spot} b from the point to the stretch between a and b */
export function distance({ x, y }, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const t = dx || dy ? within(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy), 0, 1) : 0;
  return Math.hypot(x - a.x - t * dx, y - a.y - t * dy);
}

/** The corners of a shape in order. @param {Kind} kind @param {At} at @returns {Spot[]} */
export function outline(kind, at) {
  if (kind !== "box") return spotsOf(at);
  const [x0, y0, x1, y1] = at;
  return [{ x: x0, y: y0 }, { x: x1, y: y0 }, { x: x1, y: y1 }, { x: x0, y: y1 }];
}
