// @ts-check
// Counts and pace, updated at each key until the kernel sends its own.

import { REVISION } from "./queue.js";

/** @typedef {import("./types.d.ts").Progress} Progress */
/** @typedef {import("./types.d.ts").ItemAct} Act */

const PACE = 20; // decisions from which the pace is computed
const BREAK_MS = 60_000; // longer than this between two decisions is a break

export class Tally {
  constructor() {
    this.answered = 0;
    this.today = 0;
    this.in_round = 0;
    /** Number answered in this review. */
    this.here = 0;
    /** When the last decisions were made. @type {number[]} */
    this.times = [];
    /** The change of the counts by each act that an earlier page left, by decision_id. @type {Map<string, number>} */
    this.left = new Map();
  }

  /** Takes the counts of the log. @param {Progress} progress */
  take({ answered = 0, today = 0, in_round = 0, here = this.here }) { Object.assign(this, { answered, today, in_round, here }); }

  /** Counts the acts that aren't stored yet, as when they were made. @param {Act[]} acts @param {number} now */
  ahead(acts, now) {
    const midnight = new Date(now).setHours(0, 0, 0, 0);
    for (const act of acts) {
      // An undone decision that isn't waiting is in the log, most likely as an answer.
      const by = act.kind === "decide" ? Number(isNew(act)) : -(this.left.get(act.retracts) ?? 1);
      this.left.set(act.decision_id, by);
      for (const name of /** @type {const} */ (["answered", "in_round", "here"])) this[name] += by;
      if (Date.parse(act.acted_at) >= midnight) this.today += by;
    }
  }

  /** @param {1 | -1} by @param {number} now */
  add(by, now) {
    for (const name of /** @type {const} */ (["answered", "today", "in_round", "here"])) this[name] += by;
    if (by > 0) this.times = [...this.times.slice(1 - PACE), now];
  }

  /** Seconds that a decision takes, breaks left out; null before there are enough of them. */
  get pace_s() {
    const steps = this.times.slice(1).map((at, i) => at - this.times[i]).filter((ms) => ms < BREAK_MS).sort((a, b) => a - b);
    return steps.length < 4 ? null : steps[Math.floor(steps.length / 2)] / 1000;
  }
}

/** Whether a decision closes an item: it is no skip, revision or second answer after the suggestion was shown.
 * @param {import("./types.d.ts").Decide} act */
const isNew = ({ verdict, seen, known }) => verdict !== "skip" && seen.chosen_by !== REVISION
  && !(seen.arm === "answer_first" && !seen.hidden && known?.length);
