// @ts-check
// The brush that marks regions, by mouse or by keys.

import { isText } from "../text/item_text.js";
import { Marking } from "../text/marking.js";
import { KINDS, Regions } from "./regions.js";

/** @typedef {import("./marks.js").Marks} Marks */
/** @typedef {import("./types.d.ts").Item} Item */

export class Brush {
  constructor() {
    /** What the brush marks; null while it is put away. @type {import("./regions.js").Kind | null} */
    this.kind = null;
    this.erasing = false;
    /** Radius as a share of the item's longer side. */
    this.radius = 0.06;
    /** Position of the brush when moved by keys, in item pixels. */
    this.cursor = { x: 0, y: 0 };
    /** Whether whole parts of the item are marked instead of spots. */
    this.in_parts = false;
    /** The active part. */
    this.part = 0;
    /** Whether the current stroke erases; decided by its first part. @type {boolean | null} */
    this.clearing = null;
    /** The active words, if the item is a text. @type {Marking | null} */
    this.words = null;
  }

  /** Switches the brush: to mark what is wrong, then what is missing, then off. @param {Item} item @param {Marks} marks
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

  /** Radius in item pixels. @param {Item} item */
  size(item) { return this.radius * Math.max(item.width, item.height); }

  /** Moves the brush by half its width, or to the next part. @param {Item} item @param {number} dx @param {number} dy */
  move(item, dx, dy) {
    if (this.in_parts) {
      this.part = item.parts?.next(this.part, dx, dy) ?? 0;
      return;
    }
    const step = this.size(item);
    this.cursor = { x: Math.max(0, Math.min(item.width - 1, this.cursor.x + dx * step)),
      y: Math.max(0, Math.min(item.height - 1, this.cursor.y + dy * step)) };
  }

  /** Goes to the next part by number, so that every part can be reached. @param {Item} item @param {1 | -1} by */
  step(item, by) { if (this.in_parts && item.parts) this.part = (this.part + by + item.parts.n) % item.parts.n; }

  /** The pointer is over a point of the item, in its pixels. @param {Item} item @param {{x: number, y: number}} at
   * @returns {boolean} whether that is another part */
  over(item, at) {
    const part = this.in_parts && item.parts ? item.parts.at(at.x / item.width, at.y / item.height) : this.part;
    const other = part !== this.part;
    this.part = part;
    return other;
  }

  /** Marks the active part, or clears it if it was marked; the other parts of a stroke do as the first.
   * @param {Item} item @param {Marks} marks @param {boolean} begins */
  fill({ parts }, marks, begins) {
    const { regions } = marks;
    if (!this.kind || !regions || !parts) return;
    if (begins) regions.begin();
    if (begins || this.clearing === null) this.clearing = this.erasing || regions.covers(this.kind, parts, this.part);
    regions.fill(this.kind, parts, this.part, { erase: this.clearing });
    this.#judge(marks);
  }

  /** Applies the brush at its position, by a key. @param {Item} item @param {Marks} marks */
  press(item, marks) {
    if (this.words) this.#markWords(this.words, marks);
    else if (this.in_parts) this.fill(item, marks, true);
    else this.paint(item, marks, this.cursor);
  }

  /** Marks the active words, or clears them if all of them were marked. @param {Marking} words @param {Marks} marks */
  #markWords({ range: [start, end] }, marks) {
    const { regions } = marks;
    if (!this.kind || !regions) return;
    regions.begin();
    regions.mark(this.kind, start, end, { erase: this.erasing || regions.marks(this.kind, start, end) });
    this.#judge(marks);
  }

  /** A marked region implies that the reason is wrong. @param {Marks} marks */
  #judge(marks) { if (KINDS.some((kind) => marks.regions?.count(kind))) marks.reason = "wrong"; }

  /** Paints from one point to the next, in item pixels; a stroke begins if no former point is given.
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
