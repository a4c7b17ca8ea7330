// @ts-check
// The brush that marks regions, by mouse or by keys.

import { isText } from "../text/item_text.js";
import { Marking } from "../text/marking.js";
import { KINDS, Regions } from "./regions.js";

/** @typedef {import("./marks.js").Marks} Marks */
/** @typedef {import("./types.d.ts").Item} Item */

export class Brush {
  constructor() {
    /** What it marks; null while it is put away. @type {import("./regions.js").Kind | null} */
    this.kind = null;
    this.erasing = false;
    /** As a share of the item's longer side. */
    this.radius = 0.06;
    /** Where the keys' brush stands, in item pixels. */
    this.cursor = { x: 0, y: 0 };
    /** Whole parts of the item are marked, instead of spots. */
    this.in_parts = false;
    /** The part in hand. */
    this.part = 0;
    /** Whether the stroke that goes on takes marks away: its first part says so. @type {boolean | null} */
    this.clearing = null;
    /** The words in hand, of a text. @type {Marking | null} */
    this.words = null;
  }

  /** For what is wrong, then for what is missing, then put away. @param {Item} item @param {Marks} marks
   * @param {import("../text/view.js").Tinted[]} [tinted] the words of a text that count @returns {string} in words */
  next(item, marks, tinted = []) {
    this.kind = this.kind === null ? "wrong" : this.kind === "wrong" ? "missing" : null;
    this.erasing = false;
    marks.regions ??= new Regions(item.width, item.height);
    if (this.kind === "wrong") this.words = isText(item.picture) ? new Marking(item.picture, tinted) : null;
    if (this.kind === "wrong") this.cursor = { x: item.width / 2, y: item.height / 2 };
    return this.kind === "wrong" ? "Mark what should not have counted" : this.kind === "missing" ? "Mark what should have counted" : "The brush is put away";
  }

  /** @param {number} factor */
  resize(factor) { this.radius = Math.max(0.004, Math.min(0.3, this.radius * factor)); }

  /** In item pixels. @param {Item} item */
  size(item) { return this.radius * Math.max(item.width, item.height); }

  /** By half its width, or to the next part. @param {Item} item @param {number} dx @param {number} dy */
  move(item, dx, dy) {
    if (this.in_parts) {
      this.part = item.parts?.next(this.part, dx, dy) ?? 0;
      return;
    }
    const step = this.size(item);
    this.cursor = { x: Math.max(0, Math.min(item.width - 1, this.cursor.x + dx * step)),
      y: Math.max(0, Math.min(item.height - 1, this.cursor.y + dy * step)) };
  }

  /** To the next part by number, so that none is out of reach. @param {Item} item @param {1 | -1} by */
  step(item, by) { if (this.in_parts && item.parts) this.part = (this.part + by + item.parts.n) % item.parts.n; }

  /** The pointer is over a point of the item, in its pixels. @param {Item} item @param {{x: number, y: number}} at
   * @returns {boolean} whether that is another part */
  over(item, at) {
    const part = this.in_parts && item.parts ? item.parts.at(at.x / item.width, at.y / item.height) : this.part;
    const other = part !== this.part;
    this.part = part;
    return other;
  }

  /** Marks the part in hand, or clears it where it was marked; the further parts of a stroke follow the first.
   * @param {Item} item @param {Marks} marks @param {boolean} begins */
  fill({ parts }, marks, begins) {
    const { regions } = marks;
    if (!this.kind || !regions || !parts) return;
    if (begins) regions.begin();
    if (begins || this.clearing === null) this.clearing = this.erasing || regions.covers(this.kind, parts, this.part);
    regions.fill(this.kind, parts, this.part, { erase: this.clearing });
    this.#judge(marks);
  }

  /** What the keys' brush does where it stands. @param {Item} item @param {Marks} marks */
  press(item, marks) {
    if (this.words) this.#markWords(this.words, marks);
    else if (this.in_parts) this.fill(item, marks, true);
    else this.paint(item, marks, this.cursor);
  }

  /** The words in hand are marked, or cleared where all of them were. @param {Marking} words @param {Marks} marks */
  #markWords({ range: [start, end] }, marks) {
    const { regions } = marks;
    if (!this.kind || !regions) return;
    regions.begin();
    regions.mark(this.kind, start, end, { erase: this.erasing || regions.marks(this.kind, start, end) });
    this.#judge(marks);
  }

  /** A region says by itself that the reason is wrong. @param {Marks} marks */
  #judge(marks) { if (KINDS.some((kind) => marks.regions?.count(kind))) marks.reason = "wrong"; }

  /** Paints from one point to the next, in item pixels; a stroke begins where there is no former point.
   * @param {Item} item @param {Marks} marks @param {{x: number, y: number}} at @param {{x: number, y: number}} [from] */
  paint(item, marks, at, from) {
    const { regions } = marks;
    if (!this.kind || !regions) return;
    if (this.in_parts) {
      if (at.x < 0 || at.y < 0 || at.x >= item.width || at.y >= item.height) return; // beside the item
      if (this.over(item, at) || !from) this.fill(item, marks, !from);
      return;
    }
    if (!from) regions.begin();
    regions.spot(this.kind, at.x, at.y, this.size(item), { erase: this.erasing, from });
    this.cursor = at;
    this.#judge(marks);
  }
}
