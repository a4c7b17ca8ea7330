// @ts-check
// The effect of keys on the spans of a text. Keys in `key` are fixed; those in ACTIONS come from the table of keys.

import { labelOf } from "../objects/keys.js";

/** @typedef {import("./offsets.js").Range} Range */
/** @typedef {import("./spans.js").End} End */
/** @typedef {import("./spans.js").TextSpans} TextSpans */
/** @typedef {import("../objects/types.d.ts").KeyPress} KeyPress */
/** What keys need to know of the page. `below`: the character that lies a line below (1) or above (-1) a range, null at the ends; `first`: the first
 * character in view; `leftwards`: whether the line of a character is read from right to left; `labels`: ids of all labels.
 * @typedef {{below?: (range: Range, by: 1 | -1) => number | null, first?: () => number, leftwards?: (character: number) => boolean, labels?: string[]}} Page */

/** Names of the keys in `key`, for the list of keys. @type {[string[], string][]} */
export const FIXED = [
  [["ArrowLeft", "ArrowRight"], "select the word before or after; ↑ and ↓ the one a line above or below"],
  [["Space", "⇧", "Space"], "one word more, one word less: of what is selected, or of the span in focus"],
  [["⇧", "ArrowLeft", "ArrowRight"], "one character more or less at the end that the keys move"],
  [["Alt", "ArrowLeft", "ArrowRight"], "pull the start or the end outwards by a word; with ⇧ push the opposite end the same way"],
  [["Alt", "ArrowUp", "ArrowDown"], "select the sentence before or after"],
  [["Tab", "⇧", "Tab"], "the next span, and the one before; after the last one Tab leaves the card"],
  [["Escape"], "deselect: keys apply to the text again"],
];

/** Keys of the table. */
export const ACTIONS = new Set(["draw", "delete", "other_end", "widen"]);

/** @param {TextSpans} spans @param {KeyPress} event @param {Page} [page] @returns {string | null} what is to be said, or null: the key isn't for spans now */
export function key(spans, event, page = {}) {
  if (event.ctrlKey || event.metaKey) return null;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") return across(spans, event, page);
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    if (event.shiftKey) return null; // the text scrolls
    return down(spans, event.key === "ArrowDown" ? 1 : -1, event.altKey, page);
  }
  if (event.altKey) return null;
  if (event.key === " ") return spans.range ? (byWord(spans, spans.hand, !event.shiftKey, event.repeat), "") : word(spans, 1, page);
  if (event.key === "Tab") return event.repeat && spans.focus !== null ? "" : (event.shiftKey ? spans.previous() : spans.next()) ? "" : null;
  if (event.key !== "Escape" || !spans.range) return null;
  spans.release();
  return "";
}

/** @param {TextSpans} spans @param {string} action @param {Page} [page] @returns {string | null} null: not for spans now */
export function act(spans, action, { labels } = {}) {
  if (action === "draw") return spans.draw(labelOf(spans, labels));
  if (action === "delete") return spans.remove();
  if (action === "other_end") return spans.turn();
  return action === "widen" ? spans.widen() : null;
}

/** @param {TextSpans} spans @param {KeyPress} event @param {Page} page @returns {string} */
function across(spans, { key: name, shiftKey, altKey, repeat }, page) {
  const at = spans.range?.[spans.hand === "end" ? 1 : 0] ?? beginning(spans, page);
  const to_right = name === "ArrowRight";
  const leftwards = page.leftwards?.(Math.max(0, spans.range?.[0] ?? at)) ?? false;
  const by = to_right === leftwards ? -1 : 1;
  if (altKey) {
    if (!spans.range) return word(spans, by, page);
    const end = (by > 0) === !shiftKey ? "end" : "start";
    byWord(spans, end, !shiftKey, repeat);
    return "";
  }
  if (shiftKey) return byCharacter(spans, by, at, repeat);
  return word(spans, by, page);
}

/** Where keys begin. @param {TextSpans} spans @param {Page} page */
const beginning = (spans, page) => spans.caret ?? page.first?.() ?? 0;

/** The next word is selected, or the one before. @param {TextSpans} spans @param {1 | -1} by @param {Page} page @returns {string} */
function word(spans, by, page) {
  const { range, units } = spans;
  const from = range?.[by > 0 ? 1 : 0] ?? beginning(spans, page);
  const found = by > 0 ? units.wordAfter(from) : units.wordBefore(from);
  if (found) spans.select(...found);
  else if (!range) return by > 0 ? "The text ends here" : "The text begins here";
  return "";
}

/** One end goes outwards or inwards by a word. @param {TextSpans} spans @param {End} end @param {boolean} outwards @param {boolean} [repeat] */
function byWord(spans, end, outwards, repeat) {
  const { range, units } = spans;
  if (!range) return;
  const [start, stop] = range;
  /** @type {Range | null} */
  let to = null;
  if (end === "end" && outwards) {
    const here = stop > start ? units.wordAt(stop - 1) : null; // a word that is cut is whole first
    const next = here && here[1] > stop ? here : units.wordAfter(stop);
    if (next) to = [start, next[1]];
  } else if (end === "end") {
    const last = units.wordBefore(stop);
    const left = units.wordBefore(last && last[1] === stop ? last[0] : stop);
    if (left && left[1] > start) to = [start, left[1]];
  } else if (outwards) {
    const here = units.wordAt(start);
    const next = here && here[0] < start ? here : units.wordBefore(start);
    if (next) to = [next[0], stop];
  } else {
    const next = units.wordAfter(start);
    const left = next && next[0] === start ? units.wordAfter(next[1]) : next;
    if (left && left[0] < stop) to = [left[0], stop];
  }
  if (to) spans.put(to, end, `word ${end} ${outwards}`, repeat);
}

/** @param {TextSpans} spans @param {1 | -1} by @param {number} at @param {boolean} [repeat] @returns {string} */
function byCharacter(spans, by, at, repeat) {
  const { range, units, hand } = spans;
  if (!range) {
    const [start, end] = by > 0 ? [at, units.boundary(at, 1)] : [units.boundary(at, -1), at];
    if (end > start) spans.select(start, end, by > 0 ? "end" : "start");
    return "";
  }
  const to = units.boundary(at, by);
  /** @type {Range} */
  const next = hand === "end" ? [range[0], to] : [to, range[1]];
  if (next[1] > next[0]) spans.put(next, hand, `character ${hand} ${by}`, repeat);
  return "";
}

/** The word a line below or above, or the sentence that follows or comes before. @param {TextSpans} spans @param {1 | -1} by @param {boolean} sentences
 * @param {Page} page @returns {string} */
function down(spans, by, sentences, page) {
  const { range, units } = spans;
  const at = range ?? /** @type {const} */ ([beginning(spans, page), beginning(spans, page)]);
  if (!sentences && page.below) {
    const character = page.below(at, by);
    const found = character === null ? null : units.wordAt(character) ?? nearest(units, character);
    if (found) spans.select(...found);
    return "";
  }
  const here = units.sentences.at(by > 0 ? Math.max(at[0], at[1] - 1) : at[0]);
  const inside = by < 0 ? units.wordBefore(here[0]) : range ? units.wordAfter(here[1]) : units.wordAfter(at[0]);
  if (!inside) return "";
  if (!sentences) spans.select(...(by > 0 ? inside : units.wordAfter(units.sentences.at(inside[0])[0]) ?? inside));
  else spans.select(...units.trimmed(units.sentences.at(inside[0])));
  return "";
}

/** @param {import("./offsets.js").Units} units @param {number} character @returns {Range | null} */
function nearest(units, character) {
  const [before, after] = [units.wordBefore(character), units.wordAfter(character)];
  if (!before || !after) return before ?? after;
  return character - before[1] <= after[0] - character ? before : after;
}

/** The mouse on spans: it selects characters and focuses spans. */
export class SpanPointing {
  /** @param {TextSpans} spans */
  constructor(spans) {
    this.spans = spans;
    /** Where the drag began. @type {number | null} */
    this.from = null;
    /** The end of the span in focus that is dragged. @type {End | null} */
    this.end = null;
    this.moved = false;
    this.drags = 0;
  }

  /** @param {number} character under the pointer @param {{extends?: boolean, end?: End | null, clicks?: number}} [how] `end`: an end of the span in focus
   * is under the pointer; `clicks`: 2 for a word, 3 for a sentence */
  down(character, { extends: more = false, end = null, clicks = 1 } = {}) {
    const { spans } = this;
    const { units } = spans;
    this.drags++;
    this.moved = false;
    this.end = end;
    this.from = character;
    if (clicks > 1) {
      const range = clicks === 2 ? units.wordAt(character) ?? units.graphemes.at(character) : units.trimmed(units.sentences.at(character));
      spans.select(...range);
      this.from = null;
    } else if (more && spans.range) {
      const [start, stop] = spans.range;
      spans.put(character < start ? [units.graphemes.at(character)[0], stop] : [start, units.graphemes.at(character)[1]], character < start ? "start" : "end", "click");
      this.from = null;
    }
  }

  /** @param {number} character @returns {boolean} whether anything changed */
  moveTo(character) {
    const { spans, from, end } = this;
    if (from === null || (character === from && !this.moved)) return false;
    const goes_on = this.moved;
    this.moved = true;
    if (end && spans.range) {
      const [start, stop] = spans.range;
      const [low, high] = spans.units.graphemes.at(character);
      const to = end === "start" ? /** @type {const} */ ([Math.min(low, spans.units.boundary(stop, -1)), stop]) : /** @type {const} */ ([start, Math.max(high, spans.units.boundary(start, 1))]);
      return spans.put(to, end, `drag ${this.drags}`, goes_on);
    }
    const range = spans.units.trimmed(spans.units.snapped(Math.min(from, character), Math.max(from, character) + 1));
    spans.select(...range, character < from ? "start" : "end");
    return true;
  }

  /** @returns {boolean} whether anything changed */
  up() {
    const { spans, from, moved, end } = this;
    this.from = null;
    this.end = null;
    if (from === null || moved || end) return from !== null;
    const over = spans.over(from);
    const at = over.findIndex(({ id }) => id === spans.focus);
    if (over.length) spans.take(over[(at + 1) % over.length].id); // a click more takes the one that lies around it
    else spans.release(from);
    return true;
  }
}
