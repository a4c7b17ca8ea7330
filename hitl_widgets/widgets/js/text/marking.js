// @ts-check
// The active words while a text is marked: moved word by word, extended with Shift, or in the order of their weights. Pure, no DOM.

/** @typedef {import("./item_text.js").ItemText} ItemText */
/** @typedef {import("./view.js").Tinted} Tinted */
/** @typedef {readonly [start: number, end: number]} Range [start, end) in characters */

export class Marking {
  /** @param {ItemText} text @param {Tinted[]} [tinted] the words with weights: the strongest is active first */
  constructor(text, tinted = []) {
    this.text = text;
    const [strongest] = byStrength(tinted);
    /** The active word. @type {Range} */
    this.at = (strongest && this.#wordOf(strongest)) ?? text.units.wordAfter(0) ?? [0, Math.min(1, text.n)];
    /** The word from which the range was extended. */
    this.from = this.at;
  }

  /** The active words. @returns {Range} */
  get range() { return [Math.min(this.at[0], this.from[0]), Math.max(this.at[1], this.from[1])]; }

  /** The word that a token belongs to; a sign by itself is one too. @param {{start: number, end: number}} token @returns {Range} */
  #wordOf({ start, end }) {
    const word = this.text.units.wordAt(start);
    return word ? [Math.min(word[0], start), Math.max(word[1], end)] : [start, end];
  }

  /** @param {Range | null} word @param {boolean} [extend] the words up to it become active too */
  to(word, extend = false) {
    if (!word) return;
    this.at = word;
    if (!extend) this.from = word;
  }

  /** To the next word, or the one before. @param {1 | -1} by @param {boolean} [extend] */
  step(by, extend = false) {
    const { units } = this.text;
    this.to(by > 0 ? units.wordAfter(this.at[1]) : units.wordBefore(this.at[0]), extend);
    if (!extend) this.from = this.at;
  }

  /** To the word that counts next less, or next more. @param {1 | -1} by @param {Tinted[]} tinted */
  stronger(by, tinted) {
    const order = byStrength(tinted).map((token) => this.#wordOf(token));
    if (!order.length) return this.step(by);
    const here = order.findIndex(([start, end]) => start === this.at[0] && end === this.at[1]);
    this.to(order[here < 0 ? 0 : (here + by + order.length) % order.length]);
  }

  /** The word at a character, or the sign that is there; none at white space. @param {number} character @returns {Range | null} */
  wordAt(character) {
    const { units } = this.text;
    if (!this.text.n) return null;
    const word = units.wordAt(character);
    if (word) return word;
    const sign = units.graphemes.at(character);
    return units.quote(...sign).trim() ? sign : null;
  }
}

/** @param {Tinted[]} tinted */
const byStrength = (tinted) => [...tinted].sort((a, b) => b.strength - a.strength || a.start - b.start);
