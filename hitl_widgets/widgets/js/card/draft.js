// @ts-check
// A draft: flags, note and judgement of the reason, until the item is decided.

import { Marks } from "./marks.js";

/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").Item} Item */

export const FLAGS = /** @type {const} */ ({ ethics: "Ethics or bias", bad_data: "Bad data", not_in_taxonomy: "Not in the taxonomy",
  second_look: "Second look" });

/** @param {string} flag */
export const flagName = (flag) => FLAGS[/** @type {keyof typeof FLAGS} */ (flag)] ?? flag;

/** The answer that is revised. @typedef {{label_id: string | null, values: Record<string, number | string>, touched: string[]}} Before */
/** The changes made by hand since, as the browser's storage keeps them.
 * @typedef {{labels: [string, boolean][], values: [string, number | string | null][], before: Before | null}} ByHand */

/** What the browser's storage keeps of objects: what was done to them, and what was on the screen then.
 * @typedef {{objects: import("../objects/types.d.ts").ObjectsDraft, screen: {blind: boolean, model?: string, exposure?: Record<string, unknown>}}} KeptObjects */

/** @param {Past | undefined} past @returns {Before | null} */
const beforeOf = (past) => (!past || past.verdict === "skip" ? null : { label_id: past.label_id, values: past.values ?? {}, touched: past.touched ?? [] });

export class Draft extends Marks {
  /** @param {Past} [past] the decision that is revised
   * @param {ByHand} [by_hand] what the browser kept @param {KeptObjects} [kept] and of objects */
  constructor(past, by_hand, kept) {
    super(past);
    /** The answer from which labels and values start, in place of a model's suggestion. */
    this.before = by_hand ? by_hand.before : beforeOf(past);
    /** Labels that were turned on or off by hand. @type {Map<string, boolean>} */
    this.labels = new Map(by_hand?.labels);
    /** Values of attributes given by hand; null: removed. @type {Map<string, number | string | null>} */
    this.values = new Map(by_hand?.values);
    /** The objects of the item, once they were asked for (card/annotating.js), and the item. @type {import("../objects/image.js").ImageObjects | null} */
    this.objects = null;
    /** @type {Item | null} */
    this.objects_of = null;
    this.kept = kept ?? null;
    /** The objects of a decision that was undone. @type {import("../messages.d.ts").ObjectEntry[] | null} */
    this.former = null;
    /** @type {Set<string>} */
    this.flags = new Set(past?.flags);
    this.note = past?.note ?? "";
  }

  /** The fields of a decision that come from the draft. */
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

  /** Starts again from the answer just given, while its item stays on the screen. @param {Past} past */
  hold(past) {
    this.before = beforeOf(past);
    this.labels.clear();
    this.values.clear();
  }

  /** Whether the draft holds nothing. */
  get empty() { return (this.objects ? this.objects.empty : !this.kept && !this.former) && !this.labels.size && !this.values.size && !this.flags.size && !this.note.trim() && !this.judged; }

  /** @param {string} flag @returns {string} what happened, in words */
  flag(flag) {
    if (!this.flags.delete(flag)) this.flags.add(flag);
    return this.flags.has(flag) ? `${flagName(flag)}: marked, and stored with your decision` : `${flagName(flag)}: not marked`;
  }
}
