// @ts-check
// The saliency map on the screen: which method, and how it is shown. The same for every item, until the person changes it.

/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Saliency} Saliency */

import { attributeIdOf } from "./values.js";

export const MODES = /** @type {const} */ (["overlay", "side_by_side", "hot"]);

/** The label whose map the kernel sends unasked. @param {Item} item */
export const mainTarget = (item) => item.target ?? item.suggestion;

/** The key of a map in an item's maps: for its main target, the name of the method alone.
 * @param {Item} item @param {string} method @param {string | null} target @param {string | null} [against] */
export const mapKey = (item, method, target, against = null) => [method, ...(target === null || target === mainTarget(item) ? [] : [target]),
  ...(against === null ? [] : ["against", against])].join(" ");

/** Adds a map to an item. A map of another model than that of the shown prediction isn't kept; the reason is put in its place.
 * @param {Item} item @param {Saliency} map */
export function keepMap(item, map) {
  const key = mapKey(item, map.method, map.target, map.against);
  const of_value = item.values?.[attributeIdOf(map.target)] !== undefined;
  const model = of_value ? item.values_model : item.model ?? item.values_model;
  if (!map.model || !model || map.model === model) item.maps[key] = map;
  else if (!item.maps[key]?.values) item.maps[key] = { ...map, values: undefined, problem: "no map: the model has learnt more since this item came" };
}

export class MapDisplay {
  constructor() {
    this.on = true;
    /** @type {typeof MODES[number]} */
    this.mode = "overlay";
    this.opacity = 0.55;
    this.at = 0;
    /** @type {string[]} */
    this.methods = [];
  }

  get method() { return this.methods[this.at] ?? null; }

  /** The map that a person sees: the one that compares the label in focus with another, if it has come, else that of the
   * label alone, else that of the suggestion.
   * @param {Item | undefined} item @param {string | null} [target] @param {string | null} [against] @returns {Saliency | null} */
  of(item, target = null, against = null) {
    const { method } = this;
    if (!this.on || !item || item.blind || item.no_map || !method) return null;
    const wanted = [mapKey(item, method, target, against), mapKey(item, method, target), method];
    return wanted.map((key) => item.maps[key]).find((map) => map?.values) ?? null;
  }

  toggle() { this.on = !this.on; }

  /** The next method, or the next mode; a map that was off is only turned on. @param {"method" | "mode"} what */
  next(what) {
    if (this.on && what === "method") this.at = (this.at + 1) % this.methods.length;
    if (this.on && what === "mode") this.mode = MODES[(MODES.indexOf(this.mode) + 1) % MODES.length];
    this.on = true;
  }

  /** @param {number} by */
  fade(by) { this.opacity = Math.max(0.1, Math.min(1, this.opacity + by)); }
}
