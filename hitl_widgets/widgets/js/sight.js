// @ts-check
// Which saliency map is on the screen, and how? The same for every item, until the person changes it.

/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Saliency} Saliency */

export const DISPLAYS = /** @type {const} */ (["overlay", "side_by_side", "hot"]);

export class Sight {
  constructor() {
    this.on = true;
    /** @type {typeof DISPLAYS[number]} */
    this.display = "overlay";
    this.opacity = 0.55;
    this.at = 0;
    /** @type {string[]} */
    this.methods = [];
  }

  get method() { return this.methods[this.at] ?? null; }

  /** The map that a person sees of an item. @param {Item | undefined} item @returns {Saliency | null} */
  of(item) {
    const map = this.on && item && !item.blind && this.method ? item.maps[this.method] : null;
    return map?.values ? map : null;
  }

  toggle() { this.on = !this.on; }

  /** The next method, or the next display; a map that was off comes on as it was. @param {"method" | "display"} what */
  next(what) {
    if (this.on && what === "method") this.at = (this.at + 1) % this.methods.length;
    if (this.on && what === "display") this.display = DISPLAYS[(DISPLAYS.indexOf(this.display) + 1) % DISPLAYS.length];
    this.on = true;
  }

  /** @param {number} by */
  fade(by) { this.opacity = Math.max(0.1, Math.min(1, this.opacity + by)); }
}
