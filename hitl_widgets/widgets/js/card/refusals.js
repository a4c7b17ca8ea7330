// @ts-check
// Decisions that were refused since another tab or notebook had decided their item: each is told until a person could read of it.

export const TOLD_MS = 10_000; // so long after it was painted, a refusal is told with those that follow

/** `painted_at`: null as long as no text that tells of it was painted, as in a tab that nobody looks at.
 * @typedef {{item_id: string, reason: string, painted_at: number | null}} Refusal */

export class Refusals {
  constructor() {
    /** By decision_id, the latest at the end. @type {Map<string, Refusal>} */
    this.all = new Map();
    /** What tells of those that are still to be told, or "". */
    this.text = "";
  }

  /** @param {string} decision_id */
  has(decision_id) { return this.all.has(decision_id); }

  /** Whether nobody can have read of one yet. */
  get untold() { return [...this.all.values()].some(({ painted_at }) => painted_at === null); }

  /** One more. @param {string} decision_id @param {string} item_id @param {string} reason @param {number} now @returns {string} what tells of it,
   * and of the others that are still to be told */
  add(decision_id, item_id, reason, now) {
    const before = new Set(this.#current(now).map((refusal) => refusal.item_id));
    before.delete(item_id);
    this.all.set(decision_id, { item_id, reason, painted_at: null });
    this.text = `${item_id}: ${reason}${before.size ? ` The same goes for ${[...before].join(", ")}.` : ""}`;
    return this.text;
  }

  /** Other news, behind what is still to be told. @param {string} news @param {number} now */
  before(news, now) { return this.#current(now).length ? `${this.text} ${news}` : news; }

  /** This text was painted. @param {string} text @param {number} now @returns {boolean} whether somebody could read of a refusal for the first time */
  painted(text, now) {
    if (!this.text || !text.includes(this.text)) return false;
    let first = false;
    for (const refusal of this.all.values()) {
      if (refusal.painted_at === null) {
        refusal.painted_at = now;
        first = true;
      }
    }
    return first;
  }

  /** @param {number} now */
  #current(now) { return [...this.all.values()].filter(({ painted_at }) => painted_at === null || now - painted_at < TOLD_MS); }
}
