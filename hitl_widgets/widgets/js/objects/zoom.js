// @ts-check
// Zoom of an item: seen `times` closer than the whole, with the point `x`, `y` (shares of the item) in the middle.

import { within } from "./shapes.js";

/** @typedef {import("./types.d.ts").Bounds} Bounds */
/** @typedef {import("./types.d.ts").Size} Size */
/** @typedef {import("./types.d.ts").View} View */
/** @typedef {{times: number, x: number, y: number}} Near */

const SHARE = 0.4; // of the view that an object fills
const MOST = 32;
const POINT = 24; // pixels around a point

/** @param {Near} near @returns {Near} moved so that the view lies inside the item */
const held = ({ times, x, y }) => ({ times, x: within(x, 0.5 / times, 1 - 0.5 / times), y: within(y, 0.5 / times, 1 - 0.5 / times) });

/** The view, in pixels of the item. @param {Near} near @param {Size} size @returns {View} */
export function viewOf(near, [width, height]) {
  const { times, x, y } = held(near);
  return { x: (x - 0.5 / times) * width, y: (y - 0.5 / times) * height, width: width / times, height: height / times };
}

/** The zoom at which an object fills two fifths of the view. @param {Bounds} bounds @param {Size} size @returns {Near} */
export function closeUp([x0, y0, x1, y1], [width, height]) {
  const [w, h] = x1 > x0 && y1 > y0 ? [x1 - x0, y1 - y0] : [POINT, POINT];
  const times = within(SHARE * Math.min(width / w, height / h), 1, MOST);
  return held({ times, x: (x0 + x1) / 2 / width, y: (y0 + y1) / 2 / height });
}

/** The same zoom, moved as little as needed to show an object. @param {Near} near @param {Bounds} bounds @param {Size} size @returns {Near} */
export function revealing(near, bounds, size) {
  const view = viewOf(near, size);
  /** @param {number} from @param {number} length @param {number} low @param {number} high */
  const shift = (from, length, low, high) => (high - low >= length ? (low + high - length) / 2 - from : Math.max(0, high - from - length) + Math.min(0, low - from));
  const [dx, dy] = [shift(view.x, view.width, bounds[0], bounds[2]), shift(view.y, view.height, bounds[1], bounds[3])];
  return dx || dy ? held({ times: near.times, x: near.x + dx / size[0], y: near.y + dy / size[1] }) : near;
}
