// @ts-check
// A draft: flags, note and judgement of the reason, until the item is decided.

import { Marks } from "./marks.js";

/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").Item} Item */

export const FLAGS = /** @type {const} */ ({ ethics: "Ethics or bias", bad_data: "Bad data", not_in_taxonomy: "Not in the taxonomy",
  second_look: "Second look" });

/** @param {string} flag */
export const flagName = (flag) => FLAGS[/** @type {keyof typeof FLAGS} */ (flag)] ?? flag;

/** What was answered, where it is looked at again. @typedef {{label_id: string | null, values: Record<string, number | string>, touched: string[]}} Before */
/** What was done by hand since, as the browser's storage keeps it.
 * @typedef {{labels: [string, boolean][], values: [string, number | string | null][], before: Before | null}} ByHand */

/** What the browser's storage keeps of objects: what was done to them, and what was on the screen then.
 * @typedef {{objects: import("../objects/types.d.ts").ObjectsDraft, screen: {blind: boolean, model?: string, exposure?: Record<string, unknown>}}} KeptObjects */

/** @param {Past | undefined} past @returns {Before | null} */
const beforeOf = (past) => (!past || past.verdict === "skip" ? null : { label_id: past.label_id, values: past.values ?? {}, touched: past.touched ?? [] });

export class Draft extends Marks {
  /** @param {Past} [past] what was said of a decision that is looked at again
   * @param {ByHand} [by_hand] what the browser kept @param {KeptObjects} [kept] and of objects */
  constructor(past, by_hand, kept) {
    super(past);
    /** Labels and values start from it, and not from what a model suggests. */
    this.before = by_hand ? by_hand.before : beforeOf(past);
    /** Labels that were turned on or off by hand. @type {Map<string, boolean>} */
    this.labels = new Map(by_hand?.labels);
    /** Values of attributes given by hand; null: taken away. @type {Map<string, number | string | null>} */
    this.values = new Map(by_hand?.values);
    /** The objects of the item, once they were asked for (card/annotating.js), and the item. @type {import("../objects/image.js").ImageObjects | null} */
    this.objects = null;
    /** @type {Item | null} */
    this.objects_of = null;
    this.kept = kept ?? null;
    /** The objects of a decision that was taken back. @type {import("../messages.d.ts").ObjectEntry[] | null} */
    this.former = null;
    /** @type {Set<string>} */
    this.flags = new Set(past?.flags);
    this.note = past?.note ?? "";
  }

  /** As a decision has it. */
  get said() {
    return { note: this.note.trim() || null, flags: [...this.flags], ...this.judgement };
  }

  /** @returns {ByHand} */
  get by_hand() { return { labels: [...this.labels], values: [...this.values], before: this.before }; }

  /** What is kept of the objects. @returns {KeptObjects | null} */
  get kept_objects() {
    const { objects, objects_of: item } = this;
    if (!objects || !item) return this.kept;
    const drawn = objects.toDraft();
    return drawn && { objects: drawn, screen: { blind: item.blind, model: item.model, exposure: item.exposure } };
  }

  /** The answer is stored, and its item stays on the screen. @param {Past} past */
  hold(past) {
    this.before = beforeOf(past);
    this.labels.clear();
    this.values.clear();
  }

  /** Nothing is said. */
  get empty() { return (this.objects ? this.objects.empty : !this.kept && !this.former) && !this.labels.size && !this.values.size && !this.flags.size && !this.note.trim() && !this.judged; }

  /** @param {string} flag @returns {string} what happened, in words */
  flag(flag) {
    if (!this.flags.delete(flag)) this.flags.add(flag);
    return this.flags.has(flag) ? `${flagName(flag)}: marked, and stored with your decision` : `${flagName(flag)}: not marked`;
  }
}
