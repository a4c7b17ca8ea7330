// @ts-check
// Counts and pace. They follow the keys, until the kernel sends its own.

/** @typedef {import("./types.d.ts").Progress} Progress */

const PACE = 20; // decisions from which the pace is told
const BREAK_MS = 60_000; // longer than this between two decisions is a break

export class Tally {
  constructor() {
    this.answered = 0;
    this.today = 0;
    this.in_round = 0;
    /** In this review. */
    this.here = 0;
    /** When the last decisions were made. @type {number[]} */
    this.times = [];
  }

  /** What the log has. @param {Progress} progress */
  take({ answered = 0, today = 0, in_round = 0, here = this.here }) { Object.assign(this, { answered, today, in_round, here }); }

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
