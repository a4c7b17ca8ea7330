// @ts-check
// A person's judgement of an explanation: whether the reason that the map shows is right, and the regions where it isn't.

import { KINDS, Regions } from "./regions.js";

/** @typedef {import("./types.d.ts").Reason} Reason */
/** @typedef {import("../messages.d.ts").RegionEntry} RegionEntry */
/** The judgement as the log and the browser's storage keep it; `method` and `display` are those of the map on the screen.
 * @typedef {{reason?: Reason | null, wrong?: RegionEntry | null, missing?: RegionEntry | null, method?: string, display?: import("../messages.d.ts").ObjectReasonEntry["display"],
 *   map?: import("../messages.d.ts").ShownMap | null}} Judgement */

export class Marks {
  /** @param {Judgement | null} [before] */
  constructor(before) {
    /** @type {Reason | null} */
    this.reason = before?.reason ?? null;
    const [height, width] = (before?.wrong ?? before?.missing)?.size ?? [0, 0];
    /** @type {Regions | null} */
    this.regions = before && width ? new Regions(width, height, before) : null;
    this.method = before?.method;
    this.display = before?.display;
    /** The map that was judged. @type {import("../messages.d.ts").ShownMap | null} */
    this.map = before?.map ?? null;
  }

  /** The judgement as a decision stores it. */
  get judgement() {
    return { reason: this.reason, wrong: this.regions?.region("wrong") ?? null, missing: this.regions?.region("missing") ?? null };
  }

  /** Whether there is a judgement. */
  get judged() { return this.reason !== null || KINDS.some((kind) => this.regions?.count(kind)); }

  /** The reason that the map shows is right, or wrong; the same judgement again removes it.
   * @param {Reason} reason @returns {string} what happened, in words */
  judge(reason) {
    if (reason === "right" && this.regions?.count("wrong")) return "A region is marked as wrong: the reason can't be right.";
    this.reason = this.reason === reason ? null : reason;
    return this.reason ? `The reason is ${reason}${reason === "wrong" ? ": the brush marks where" : ""}` : "The reason is not judged";
  }
}
