// @ts-check
// Decisions that were refused because another tab or notebook had decided their item; each is shown until a person could read it.

export const TOLD_MS = 10_000; // for this long after it was painted, a refusal is shown together with later ones

/** `painted_at`: null until its text was painted, which doesn't happen in a hidden tab.
 * @typedef {{item_id: string, reason: string, painted_at: number | null}} Refusal */

export class Refusals {
  constructor() {
    /** By decision_id, the latest at the end. @type {Map<string, Refusal>} */
    this.all = new Map();
    /** The text about the refusals still to be shown, or "". */
    this.text = "";
  }

  /** @param {string} decision_id */
  has(decision_id) { return this.all.has(decision_id); }

  /** Whether some refusal can't have been read yet. */
  get untold() { return [...this.all.values()].some(({ painted_at }) => painted_at === null); }

  /** Adds a refusal. @param {string} decision_id @param {string} item_id @param {string} reason @param {number} now @returns {string} the text about it,
   * and about the others still to be shown */
  add(decision_id, item_id, reason, now) {
    const before = new Set(this.#current(now).map((refusal) => refusal.item_id));
    before.delete(item_id);
    this.all.set(decision_id, { item_id, reason, painted_at: null });
    this.text = `${item_id}: ${reason}${before.size ? ` The same goes for ${[...before].join(", ")}.` : ""}`;
    return this.text;
  }

  /** Other news, preceded by the text about refusals still to be shown. @param {string} news @param {number} now */
  before(news, now) { return this.#current(now).length ? `${this.text} ${news}` : news; }

  /** Notes that a text was painted. @param {string} text @param {number} now @returns {boolean} whether it showed a refusal for the first time */
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
