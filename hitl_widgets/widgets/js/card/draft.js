// @ts-check
// A draft: flags, note and judgement of the reason, until the item is decided.

import { KINDS, Regions } from "./regions.js";

/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Reason} Reason */

export const FLAGS = /** @type {const} */ ({ ethics: "Ethics or bias", bad_data: "Bad data", not_in_taxonomy: "Not in the taxonomy",
  second_look: "Second look" });

/** @param {string} flag */
export const flagName = (flag) => FLAGS[/** @type {keyof typeof FLAGS} */ (flag)] ?? flag;

export class Draft {
  /** @param {Past} [past] what was said of a decision that is looked at again */
  constructor(past) {
    /** @type {Set<string>} */
    this.flags = new Set(past?.flags);
    this.note = past?.note ?? "";
    /** @type {Reason | null} */
    this.reason = past?.reason ?? null;
    const [height, width] = (past?.wrong ?? past?.missing)?.size ?? [0, 0];
    /** @type {Regions | null} */
    this.regions = past && width ? new Regions(width, height, past) : null;
  }

  /** As a decision has it. */
  get said() {
    return { note: this.note.trim() || null, flags: [...this.flags], reason: this.reason,
      wrong: this.regions?.region("wrong") ?? null, missing: this.regions?.region("missing") ?? null };
  }

  /** Nothing is said. */
  get empty() { return !this.flags.size && !this.note.trim() && !this.reason && !KINDS.some((kind) => this.regions?.count(kind)); }

  /** @param {string} flag @returns {string} what happened, in words */
  flag(flag) {
    if (!this.flags.delete(flag)) this.flags.add(flag);
    return this.flags.has(flag) ? `${flagName(flag)}: marked, and stored with your decision` : `${flagName(flag)}: not marked`;
  }

  /** The reason that the map shows is right, or wrong; said again, it is taken back.
   * @param {Reason} reason @returns {string} what happened, in words */
  judge(reason) {
    if (reason === "right" && this.regions?.count("wrong")) return "A region is marked as wrong: the reason can't be right.";
    this.reason = this.reason === reason ? null : reason;
    return this.reason ? `The reason is ${reason}${reason === "wrong" ? ": the brush marks where" : ""}` : "The reason is not judged";
  }
}
