// @ts-check
// Regions: the pixels of an item that a person marked, as wrong or as missing. Pure state at the item's own size, no DOM.

import { REGIONS } from "./overlay.js";

/** @typedef {import("./types.d.ts").RegionEntry} RegionEntry */
/** @typedef {import("./parts.js").Parts} Parts */
/** @typedef {"wrong" | "missing"} Kind */

export const KINDS = /** @type {const} */ (["wrong", "missing"]);
const STROKES = 50; // that can be undone
let made = 0;

/** Run-length encoding (RLE) of a mask along the rows; the first run is outside. @param {Uint8Array} mask @returns {number[]} */
export function encode(mask) {
  const runs = [];
  let value = 0;
  let from = 0;
  for (let i = 0; i <= mask.length; i++) {
    if (i < mask.length && mask[i] === value) continue;
    runs.push(i - from);
    from = i;
    value = 1 - value;
  }
  return runs;
}

/** @param {number[]} runs @param {number} n_pixels @returns {Uint8Array} */
export function decode(runs, n_pixels) {
  const mask = new Uint8Array(n_pixels);
  let at = 0;
  runs.forEach((run, i) => { if (i % 2) mask.fill(1, at, at + run); at += run; });
  return mask;
}

export class Regions {
  /** @param {number} width @param {number} height @param {Partial<Record<Kind, RegionEntry | null>>} [before] what was marked earlier */
  constructor(width, height, before = {}) {
    /** A number for each instance, by which drawings of it are recognised. */
    this.number = ++made;
    this.width = width;
    this.height = height;
    /** @type {Record<Kind, Uint8Array>} */
    this.masks = { wrong: new Uint8Array(width * height), missing: new Uint8Array(width * height) };
    /** How many pixels are marked: counted as they change, for a photograph has millions. @type {Record<Kind, number>} */
    this.counts = { wrong: 0, missing: 0 };
    for (const kind of KINDS) {
      const region = before[kind];
      if (region && region.size[0] === height && region.size[1] === width) this.#put(kind, region.runs);
    }
    /** The masks before each stroke, as RLE. @type {Record<Kind, number[]>[]} */
    this.strokes = [];
    /** How many strokes were ever begun. */
    this.begun = 0;
    this.version = 0;
  }

  /** @param {Kind} kind @param {number[]} runs */
  #put(kind, runs) {
    this.masks[kind] = decode(runs, this.width * this.height);
    this.counts[kind] = runs.reduce((sum, run, i) => (i % 2 ? sum + run : sum), 0);
  }

  /** Begins a stroke, which can be undone as a whole. */
  begin() {
    this.strokes.push({ wrong: encode(this.masks.wrong), missing: encode(this.masks.missing) });
    if (this.strokes.length > STROKES) this.strokes.shift();
    this.begun++;
  }

  /** The regions before the last stroke. @returns {Partial<Record<Kind, RegionEntry>>} */
  get before() {
    const last = this.strokes.at(-1);
    return Object.fromEntries(KINDS.flatMap((kind) => (last && last[kind].length > 1 ? [[kind, { size: [this.height, this.width], runs: last[kind] }]] : [])));
  }

  /** Marks a round spot, or the path to it from the last one. A pixel is of one kind only.
   * @param {Kind} kind @param {number} x @param {number} y in item pixels @param {number} radius
   * @param {{erase?: boolean, from?: {x: number, y: number}}} [how] */
  spot(kind, x, y, radius, { erase = false, from = { x, y } } = {}) {
    const value = erase ? 0 : 1;
    const other = kind === "wrong" ? "missing" : "wrong";
    const [dx, dy] = [x - from.x, y - from.y];
    const length2 = dx * dx + dy * dy;
    const top = Math.max(0, Math.floor(Math.min(y, from.y) - radius));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(y, from.y) + radius));
    const left = Math.max(0, Math.floor(Math.min(x, from.x) - radius));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(x, from.x) + radius));
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const [px, py] = [column + 0.5 - from.x, row + 0.5 - from.y];
        const t = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
        // The pixel under the point always belongs to the spot, however small the spot is.
        const under = column === Math.floor(x) && row === Math.floor(y);
        if (!under && (px - t * dx) ** 2 + (py - t * dy) ** 2 > radius * radius) continue;
        const at = row * this.width + column;
        this.counts[kind] += value - this.masks[kind][at];
        this.counts[other] -= this.masks[other][at];
        this.masks[kind][at] = value;
        this.masks[other][at] = 0;
      }
    }
    this.version++;
  }

  /** Marks a whole part of the item. @param {Kind} kind @param {Parts} parts @param {number} part @param {{erase?: boolean}} [how] */
  fill(kind, parts, part, { erase = false } = {}) {
    const value = erase ? 0 : 1;
    const other = kind === "wrong" ? "missing" : "wrong";
    for (const at of this.#pixels(parts, part)) {
      this.counts[kind] += value - this.masks[kind][at];
      this.counts[other] -= this.masks[other][at];
      this.masks[kind][at] = value;
      this.masks[other][at] = 0;
    }
    this.version++;
  }

  /** Marks characters of a text, [start, end). @param {Kind} kind @param {number} start @param {number} end @param {{erase?: boolean}} [how] */
  mark(kind, start, end, { erase = false } = {}) {
    const value = erase ? 0 : 1;
    const other = kind === "wrong" ? "missing" : "wrong";
    for (let at = start; at < end; at++) {
      this.counts[kind] += value - this.masks[kind][at];
      this.counts[other] -= this.masks[other][at];
      this.masks[kind][at] = value;
      this.masks[other][at] = 0;
    }
    this.version++;
  }

  /** Whether all of some characters are marked. @param {Kind} kind @param {number} start @param {number} end */
  marks(kind, start, end) {
    const at = this.masks[kind].indexOf(0, start);
    return end > start && (at < 0 || at >= end);
  }

  /** The marked spans of a text, as [start, end) in order. @param {Kind} kind @returns {[number, number][]} */
  spans(kind) {
    /** @type {[number, number][]} */
    const spans = [];
    const mask = this.masks[kind];
    for (let start = this.counts[kind] ? mask.indexOf(1) : -1; start >= 0;) {
      const stop = mask.indexOf(0, start);
      const end = stop < 0 ? mask.length : stop;
      spans.push([start, end]);
      start = stop < 0 ? -1 : mask.indexOf(1, end);
    }
    return spans;
  }

  /** Whether all of a part is marked. @param {Kind} kind @param {Parts} parts @param {number} part */
  covers(kind, parts, part) {
    for (const at of this.#pixels(parts, part)) if (!this.masks[kind][at]) return false;
    return true;
  }

  /** The item's pixels that lie in a part. @param {Parts} parts @param {number} part */
  * #pixels(parts, part) {
    const { left, top, right, bottom } = parts.bounds[part];
    const [across, down] = [this.width / parts.width, this.height / parts.height];
    for (let row = Math.floor(top * down); row < Math.min(this.height, (bottom + 1) * down); row++) {
      for (let column = Math.floor(left * across); column < Math.min(this.width, (right + 1) * across); column++) {
        if (parts.at((column + 0.5) / this.width, (row + 0.5) / this.height) === part) yield row * this.width + column;
      }
    }
  }

  /** @returns {boolean} whether there was a stroke to undo */
  undo() {
    const before = this.strokes.pop();
    if (!before) return false;
    for (const kind of KINDS) this.#put(kind, before[kind]);
    this.version++;
    return true;
  }

  /** How many pixels are marked. @param {Kind} kind */
  count(kind) { return this.counts[kind]; }

  /** The region as the log has it, or null where nothing is marked. @param {Kind} kind @returns {RegionEntry | null} */
  region(kind) {
    return this.counts[kind] ? { size: [this.height, this.width], runs: encode(this.masks[kind]) } : null;
  }

  /** The marks as RGBA, `times` larger: stripes for what is wrong, dots for what is missing, so that the two differ not
   * only by colour. @param {number} times @returns {{width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>}} */
  drawn(times) {
    const [width, height] = [Math.max(1, Math.round(this.width * times)), Math.max(1, Math.round(this.height * times))];
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let y = 0, at = 0; y < height; y++) {
      const row = Math.min(this.height - 1, Math.floor(y / times)) * this.width;
      for (let x = 0; x < width; x++, at += 4) {
        const i = row + Math.min(this.width - 1, Math.floor(x / times));
        if (this.masks.wrong[i]) pixels.set((x + y) % 8 < 4 ? [...REGIONS.wrong, 215] : [255, 255, 255, 120], at);
        else if (this.masks.missing[i]) pixels.set(x % 8 < 4 && y % 8 < 4 ? [...REGIONS.missing, 230] : [255, 255, 255, 120], at);
      }
    }
    return { width, height, pixels };
  }
}
