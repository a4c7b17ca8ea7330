// @ts-check
// Snapping: sides, corners and points are moved to nearby edges of the picture. Pure functions on grey values, no DOM.
//
// A side of a box goes to the edge of the item where that is within 5 pixels, and else to where the grey values change most
// across it, averaged along it (Sobel's derivative, with a parabola through the maximum, for subpixel accuracy). Of two edges the
// nearer one wins, unless the other is much stronger: people and models are off by 5 pixels less often than by 2. A corner of
// a polygon goes along its normal in the same way; a point goes to the centre of the spot that differs most from its surroundings.

import { boundsOf, outline, problemOf, SIDES, sideOf, spotsOf, within, withSide } from "./shapes.js";

/** @typedef {import("./types.d.ts").At} At */
/** @typedef {import("./types.d.ts").Grey} Grey */
/** @typedef {import("./types.d.ts").Side} Side */
/** @typedef {import("./types.d.ts").Size} Size */
/** @typedef {import("./types.d.ts").Spot} Spot */
/** `n`: how many sides or corners moved. @typedef {{at: At, n: number}} Snapped */

export const REACH = 5; // pixels of the item
const USUAL = 3; // pixels that a side is off, as a standard deviation
const LEAST = 3; // grey levels of 255 that an edge has at least, averaged along it: less is noise, or the blocks of a JPEG file
const PIECES = 8; // of a side: light and dark stretches of one edge must not cancel out
const NARROW = 0.45; // of a box's width or height that a side moves inwards at most
const SLACK = 1; // pixels that an edge is wide
/** Rounds of the search: how strongly the middle of a side is weighted, and how far from its last position the edge may be. First most
 * of the side, against noise; then its middle, where round objects touch their box: most of their outline lies further inside. */
const ROUNDS = [{ power: 2, reach: Infinity }, { power: 2, reach: Infinity }, { power: 12, reach: 1.5 }];
const FINE = 0.5; // pixels between two samples along a normal
const BESIDE = [-2, -1, 0, 1, 2]; // pixels along an edge over which a corner's samples are averaged

/** Snaps the object in focus, or with `side` only its side that was moved last, as one undo step.
 * @param {import("./image.js").ImageObjects} objects @param {Grey | null} grey of the picture around it (greyAround in stage/objects.js)
 * @param {{side?: boolean}} [how] @returns {string | null} what happened, in words; null: nothing is in focus */
export function snap(objects, grey, { side = false } = {}) {
  const { current, size } = objects;
  if (!current) return null;
  if (!grey) return "There is no picture to snap to";
  const sides = side && objects.side ? [objects.side] : SIDES;
  const { at, n } = current.kind === "box" ? snapBox(grey, current.at, size, { sides }) : current.kind === "polygon" ? snapPolygon(grey, current.at, size) : snapPoint(grey, current.at, size);
  if (!objects.place("snap", at, "snapped")) return `No edge within ${REACH} pixels`;
  return current.kind === "point" ? "Snapped" : `Snapped ${n} ${current.kind === "box" ? "side" : "corner"}${n === 1 ? "" : "s"}`;
}

/** The highest local maximum of a profile, between samples; maxima further away are weighted less.
 * @param {number[]} profile @param {number} from @param {number} to the samples that may be it @param {number} start where it is looked from @param {number} usual
 * how far away it usually is @returns {number | null} */
function peak(profile, from, to, start, usual) {
  let [best, most] = [-1, 0];
  for (let i = Math.max(1, from); i <= Math.min(profile.length - 2, to); i++) {
    const counts = profile[i] * Math.exp(-(((i - start) / usual) ** 2) / 2);
    if (profile[i] < LEAST || profile[i] < profile[i - 1] || profile[i] < profile[i + 1] || counts <= most) continue;
    [best, most] = [i, counts];
  }
  if (best < 0) return null;
  const [a, b, c] = [profile[best - 1], profile[best], profile[best + 1]];
  const curve = a - 2 * b + c;
  return best + (curve < 0 ? within((a - c) / (2 * curve), -0.5, 0.5) : 0);
}

/** The position of the edge near a side of a box. @param {Grey} grey @param {At} at @param {Side} side @param {number} start where the side was
 * @param {number} low @param {number} high between which the edge may be @param {number} power of the middle @returns {number | null} */
function edgeNear(grey, at, side, start, low, high, power) {
  const upright = side === "left" || side === "right";
  const { values, width, height } = grey;
  const [x0, y0, x1, y1] = at;
  // Across the side, then along it, in pixels of the picture.
  const [scale, origin, n_across] = upright ? [grey.scale_x, grey.left, width] : [grey.scale_y, grey.top, height];
  const [first, last] = (upright ? [y0, y1].map((y) => y * grey.scale_y - grey.top) : [x0, x1].map((x) => x * grey.scale_x - grey.left));
  const n_along = upright ? height : width;
  const [top, bottom] = [within(Math.floor(first), 0, n_along - 1), within(Math.ceil(last), 1, n_along)];
  const [step_across, step_along] = upright ? [1, width] : [width, 1];
  const [from, to] = [Math.ceil(low * scale - origin - 1e-9), Math.floor(high * scale - origin + 1e-9)];
  const begin = Math.max(2, from - 1);
  const end = Math.min(n_across - 2, to + 1);
  if (end - begin < 2 || bottom <= top) return null;
  const n_pieces = within(Math.floor((bottom - top) / 3), 1, PIECES);
  const profile = new Array(end - begin + 1).fill(0);
  let total = 0;
  const sums = new Float64Array(profile.length * n_pieces);
  for (let k = top; k < bottom; k++) {
    const share = (k + 0.5 - first) / (last - first);
    const weight = Math.sin(Math.PI * within(share, 0, 1)) ** power;
    total += weight;
    const piece = Math.min(n_pieces - 1, Math.floor(((k - top) / (bottom - top)) * n_pieces));
    for (let b = begin; b <= end; b++) {
      const i = k * step_along + b * step_across;
      sums[piece * profile.length + b - begin] += weight * (values[i] + values[i + step_across] - values[i - step_across] - values[i - 2 * step_across]) / 4;
    }
  }
  if (total === 0) return null;
  sums.forEach((sum, i) => { profile[i % profile.length] += Math.abs(sum) / total; });
  const found = peak(profile, from - begin, to - begin, start * scale - origin - begin, USUAL * scale);
  return found === null ? null : (found + begin + origin) / scale;
}

/** @param {Grey} grey @param {At} at @param {Size} size @param {{reach?: number, sides?: readonly Side[]}} [how] @returns {Snapped} */
export function snapBox(grey, at, size, { reach = REACH, sides = SIDES } = {}) {
  const start = at;
  /** @type {Map<Side, number>} */
  const fixed = new Map();
  for (const side of sides) {
    const limit = side === "left" || side === "top" ? 0 : size[side === "right" ? 0 : 1];
    if (Math.abs(sideOf(start, side) - limit) <= reach) fixed.set(side, limit);
  }
  let now = start;
  for (const [side, to] of fixed) now = withSide(now, side, to, size);
  /** @type {Set<Side>} */
  const found = new Set();
  for (const { power, reach: again } of ROUNDS) {
    const between = now;
    for (const side of sides) {
      if (fixed.has(side) || (again < Infinity && !found.has(side))) continue;
      const first = side === "left" || side === "top";
      const across = side === "left" || side === "right" ? start[2] - start[0] : start[3] - start[1];
      const [origin, from] = [sideOf(start, side), sideOf(again < Infinity ? between : start, side)];
      const out = reach + SLACK;
      const inwards = Math.min(out, Math.max(1, NARROW * across));
      const to = edgeNear(grey, between, side, origin, Math.max(from - again, origin - (first ? out : inwards)), Math.min(from + again, origin + (first ? inwards : out)), power);
      if (to === null) continue;
      found.add(side);
      now = withSide(now, side, to, size);
    }
  }
  return { at: now, n: SIDES.filter((side) => sideOf(now, side) !== sideOf(start, side)).length };
}

/** A grey value between pixels. @param {Grey} grey @param {number} x @param {number} y in pixels of the item */
function value({ values, width, height, left, top, scale_x, scale_y }, x, y) {
  const [u, v] = [within(x * scale_x - left - 0.5, 0, width - 1), within(y * scale_y - top - 0.5, 0, height - 1)];
  const [i, j] = [Math.min(width - 2, Math.floor(u)), Math.min(height - 2, Math.floor(v))];
  if (i < 0 || j < 0) return values[0];
  const [fx, fy] = [u - i, v - j];
  const at = j * width + i;
  return (1 - fy) * ((1 - fx) * values[at] + fx * values[at + 1]) + fy * ((1 - fx) * values[at + width] + fx * values[at + width + 1]);
}

/** @param {Grey} grey @param {At} at @param {Size} size @param {{reach?: number}} [how] @returns {Snapped} */
export function snapPolygon(grey, at, size, { reach = REACH } = {}) {
  const corners = outline("polygon", at);
  const snapped = corners.map((corner, i) => cornerNear(grey, corner, corners.at(i - 1) ?? corner, corners[(i + 1) % corners.length], size, reach));
  const now = snapped.flatMap(({ x, y }) => [x, y]);
  // Corners go back one by one until the edges no longer cross.
  for (let i = 0; i < corners.length && problemOf(now); i++) now.splice(2 * i, 2, corners[i].x, corners[i].y);
  return { at: now, n: spotsOf(now).filter(({ x, y }, i) => x !== corners[i].x || y !== corners[i].y).length };
}

/** @param {Grey} grey @param {Spot} corner @param {Spot} before @param {Spot} after @param {Size} size @param {number} reach @returns {Spot} */
function cornerNear(grey, corner, before, after, [width, height], reach) {
  const [tx, ty] = [after.x - before.x, after.y - before.y];
  const length = Math.hypot(tx, ty);
  if (!length) return corner;
  const [ux, uy] = [tx / length, ty / length];
  const n = Math.round(reach / FINE);
  const margin = Math.round(1 / FINE) + 1; // for the derivative, and for the neighbours of the last one
  const samples = Array.from({ length: 2 * (n + margin) + 1 }, (_, i) => {
    const s = (i - n - margin) * FINE;
    return BESIDE.reduce((sum, t) => sum + value(grey, corner.x - uy * s + ux * t, corner.y + ux * s + uy * t), 0) / BESIDE.length;
  });
  const wide = Math.round(1 / FINE);
  const profile = samples.map((_, i) => (i < wide || i >= samples.length - wide ? 0 : Math.abs(samples[i + wide] - samples[i - wide]) / 2));
  const found = peak(profile, margin, margin + 2 * n, n + margin, USUAL / FINE);
  if (found === null) return corner;
  const s = (found - n - margin) * FINE;
  return { x: within(corner.x - uy * s, 0, width), y: within(corner.y + ux * s, 0, height) };
}

/** @param {Grey} grey @param {At} at @param {Size} size @param {{reach?: number}} [how] @returns {Snapped} */
export function snapPoint(grey, at, [width, height], { reach = REACH } = {}) {
  const [x, y] = at;
  const wide = reach + 2;
  /** @type {{x: number, y: number, value: number, far: number}[]} */
  const around = [];
  for (let dy = -wide; dy <= wide; dy++) {
    for (let dx = -wide; dx <= wide; dx++) {
      const far = Math.hypot(dx, dy);
      if (far > wide || x + dx < 0 || y + dy < 0 || x + dx > width || y + dy > height) continue;
      let smooth = 0;
      for (let j = -1; j <= 1; j++) for (let i = -1; i <= 1; i++) smooth += value(grey, x + dx + i, y + dy + j) * (2 - Math.abs(i)) * (2 - Math.abs(j)) / 16;
      around.push({ x: x + dx, y: y + dy, value: smooth, far });
    }
  }
  const sorted = around.map((spot) => spot.value).sort((a, b) => a - b);
  const usual = sorted[sorted.length >> 1];
  const near = around.filter(({ far }) => far <= reach);
  const best = near.reduce((a, b) => (Math.abs(b.value - usual) > Math.abs(a.value - usual) ? b : a), near[0]);
  const height_of_it = best ? best.value - usual : 0;
  if (!best || Math.abs(height_of_it) < LEAST) return { at, n: 0 };
  // The centre of all pixels that differ more than half as much: a single noisy maximum isn't a good position.
  let [weight, mx, my] = [0, 0, 0];
  for (const spot of around) {
    const w = Math.max(0, (spot.value - usual) / height_of_it - 0.5);
    if (Math.hypot(spot.x - best.x, spot.y - best.y) > reach) continue;
    weight += w;
    mx += w * spot.x;
    my += w * spot.y;
  }
  const [to_x, to_y] = [mx / weight, my / weight];
  const far = Math.hypot(to_x - x, to_y - y);
  const share = far > reach ? reach / far : 1;
  return { at: [within(x + (to_x - x) * share, 0, width), within(y + (to_y - y) * share, 0, height)], n: 1 };
}

/** The part of an item that snapping looks at. @param {At} at @param {number} [scale] pixels of the picture for one of the item
 * @returns {import("./types.d.ts").Bounds} */
export function lookedAt(at, scale = 1) {
  const [x0, y0, x1, y1] = boundsOf(at);
  const margin = REACH + SLACK + 3 / Math.min(1, scale);
  return [x0 - margin, y0 - margin, x1 + margin, y1 + margin];
}
