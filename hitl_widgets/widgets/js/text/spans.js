// @ts-check
// The spans of one text: objects as in objects/image.js, with a selection. Pure state, no DOM.
//
// A span is an object of kind "span" whose `at` is [start, end) in characters. Undo, labels, certainty, drafts and what is sent
// are as for other objects. What differs:
//
//   spans = TextSpans.of({ kind: "span", size: [units.length, 1], shown, given, memory, units })    // units: toUnits(text)
//   spans.range                        // the range that keys work on: the span in focus, or the selection, or null
//   spans.hand                         // the end that keys move: "start" or "end"
//   spans.relabel(label_id)            // with something selected: a new span there; on a span in focus: another label
//
// With nothing in focus, keys for a span mean the one whose characters are exactly those that are selected. Tab goes through
// spans as one reads.

import { counted, ImageObjects, shapeOf } from "../objects/image.js";

/** @typedef {import("./offsets.js").Range} Range */
/** @typedef {import("./offsets.js").Units} Units */
/** @typedef {import("../objects/types.d.ts").Memory} Memory */
/** @typedef {import("../objects/types.d.ts").ObjectsDraft} ObjectsDraft */
/** @typedef {import("../objects/types.d.ts").ObjectsOf} ObjectsOf */
/** @typedef {import("../objects/types.d.ts").Shape} Shape */
/** @typedef {"start" | "end"} End */

const QUOTED = 40; // characters of a quote in words

/** By where they begin, the longer one first. @param {Shape} a @param {Shape} b */
const asRead = (a, b) => a.at[0] - b.at[0] || b.at[1] - a.at[1];

/** A quote on one line, cut where it is long. @param {string} quote @param {number} [most] */
export function inBrief(quote, most = QUOTED) {
  const line = quote.replace(/\s+/gu, " ");
  const characters = line.length > most ? [...line.slice(0, 2 * most + 2)] : null;
  return characters && characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : line;
}

export class TextSpans extends ImageObjects {
  /** @override @param {ObjectsOf & {units: Units}} of @returns {TextSpans} */
  static of({ size, shown, given, memory, units }) {
    const present = (given ?? shown).filter(({ act }) => act !== "deleted");
    return new TextSpans({ kind: "span", size, shown: given ?? shown, list: present.map(shapeOf), answered: given !== undefined, memory, units }).judgedAs(given);
  }

  /** Null where it is of another text. @override @param {ObjectsDraft | null | undefined} draft @param {Memory} [memory] @param {Units} [units] @returns {TextSpans | null} */
  static fromDraft(draft, memory, units) {
    if (!units || !draft || !Array.isArray(draft.list) || !Array.isArray(draft.shown) || draft.size?.[0] !== units.length) return null;
    const { size, shown, list, quotes = [], touched, focus, answered } = draft;
    if (list.some(({ at }, i) => units.quote(at[0], at[1]) !== quotes[i])) return null;
    const spans = new TextSpans({ kind: "span", size, shown, list, answered, memory, units }).judgedAs(draft.reasons);
    for (const id of touched) spans.known.add(id);
    if (focus !== null) spans.take(focus);
    return spans;
  }

  /** @param {ConstructorParameters<typeof ImageObjects>[0] & {units: Units}} of */
  constructor({ units, ...of }) {
    super(of);
    this.units = units;
    /** The selection, which isn't a span yet. @type {Range | null} */
    this.selection = null;
    /** The reading position, from which keys continue when nothing is selected. @type {number | null} */
    this.caret = null;
    /** The end of the range that keys move. @type {End} */
    this.hand = "end";
    /** Whether another span is to be made over characters that have one. */
    this.another = false;
    /** The range before it was widened, and after. @type {{base: Range, now: Range, level: number} | null} */
    this.widened = null;
  }

  // What there is

  /** @override */
  get order() { return [...this.list].sort(asRead); }

  /** @override */
  get noun() { return "span"; }

  /** The range that keys work on. @returns {Range | null} */
  get range() {
    const { current } = this;
    return current ? [current.at[0], current.at[1]] : this.selection;
  }

  /** The last span over exactly what is selected. @returns {Shape | null} */
  get under() {
    const { selection } = this;
    if (!selection || this.another) return null;
    return this.list.filter(({ at }) => at[0] === selection[0] && at[1] === selection[1]).at(-1) ?? null;
  }

  /** The text of a span. @param {Shape} span @returns {string} */
  quoteOf({ at }) { return this.units.quote(at[0], at[1]); }

  /** The spans over a character, the shortest first. @param {number} character @returns {Shape[]} */
  over(character) {
    return this.list.filter(({ at }) => at[0] <= character && character < at[1]).sort((a, b) => a.at[1] - a.at[0] - (b.at[1] - b.at[0]));
  }

  // Selection

  /** Selects characters, as far as whole graphemes go; no span is in focus then. @param {number} start @param {number} end @param {End} [hand] */
  select(start, end, hand = "end") {
    if (this.focus !== null) super.take(null);
    this.selection = this.units.snapped(start, end);
    this.caret = this.selection[hand === "end" ? 1 : 0];
    this.hand = hand;
    this.another = false;
    this.tag = "";
    this.version++;
  }

  /** Nothing is selected, nor in focus. @param {number | null} [caret] where reading goes on */
  release(caret = this.caret) {
    if (this.focus !== null) super.take(null);
    this.selection = null;
    this.another = false;
    this.caret = caret;
    this.version++;
  }

  /** The range gets another place: of the span in focus it is a step. @param {Range} to @param {End} hand @param {string} tag @param {boolean} [goes_on]
   * @returns {boolean} whether anything changed */
  put(to, hand, tag, goes_on = false) {
    const { range } = this;
    this.hand = hand;
    this.version++;
    if (range && range[0] === to[0] && range[1] === to[1]) return false;
    if (this.current) {
      this.place(tag, [...to], "moved", goes_on);
      this.caret = to[hand === "end" ? 1 : 0];
    } else this.select(to[0], to[1], hand);
    return true;
  }

  /** The whole sentence, then the line, then as it was. @returns {string | null} */
  widen() {
    const { range, units, widened } = this;
    const goes_on = Boolean(widened && range && range[0] === widened.now[0] && range[1] === widened.now[1]);
    const base = goes_on && widened ? widened.base : range ?? units.wordAfter(this.caret ?? 0);
    if (!base) return null;
    const [first] = units.sentences.at(base[0]);
    const sentence = units.trimmed([first, Math.max(units.sentences.at(base[1] - 1)[1], base[1])]);
    const line = [units.lineAt(base[0])[0], units.lineAt(base[1] - 1)[1]];
    /** @type {Range[]} */
    const levels = [base];
    for (const [start, end] of [sentence, line]) {
      const [low, high] = levels[levels.length - 1];
      if (start <= low && end >= high && (start < low || end > high)) levels.push([start, end]);
    }
    const level = ((goes_on && widened ? widened.level : 0) + 1) % levels.length;
    this.put(levels[level], "end", "widen", goes_on);
    this.widened = { base, now: levels[level], level };
    return "";
  }

  /** Switches to the other end. @returns {string | null} */
  turn() {
    if (!this.range) return null;
    this.hand = this.hand === "end" ? "start" : "end";
    this.version++;
    return this.hand === "end" ? "The keys move the end now" : "The keys move the start now";
  }

  // Focus

  /** @override @param {string | null} id */
  take(id) {
    const before = this.focus;
    super.take(id);
    const { current } = this;
    if (!current) return;
    this.selection = null;
    this.another = false;
    this.caret = current.at[1];
    if (before !== id) this.hand = "end";
  }

  /** Focuses the span under the selection. @returns {boolean} whether one is in focus */
  grab() {
    if (!this.current && this.under) this.take(this.under.id);
    return this.current !== null;
  }

  /** Spans in doubt first, then in reading order. @override @returns {string | null} */
  following() {
    const { pass, order, current, selection, caret } = this;
    const due = pass.ids.find((id, i) => i > pass.at && !this.known.has(id) && this.get(id));
    if (due !== undefined) return due;
    if (current) return order[order.indexOf(current) + 1]?.id ?? null;
    const from = selection?.[0] ?? caret ?? 0;
    return order.find(({ at }) => at[0] >= from)?.id ?? null;
  }

  /** @override @returns {Shape | null} */
  next() {
    const id = this.following();
    if (id === null) this.release(null);
    else this.take(id);
    return this.current;
  }

  /** @override @returns {Shape | null} */
  previous() {
    const { order, current, selection, caret } = this;
    const from = selection?.[0] ?? caret ?? 0;
    const before = current ? order[order.indexOf(current) - 1] : order.filter(({ at }) => at[0] < from).at(-1);
    if (before) this.take(before.id);
    else this.release(null);
    return this.current;
  }

  // Steps

  /** @override @param {string} tag @param {readonly Shape[]} list @param {string} words @param {{goes_on?: boolean, focus?: string | null}} [how] */
  step(tag, list, words, how) {
    const [n, selection] = [this.steps.length, this.selection];
    const last = this.steps[n - 1];
    super.step(tag, list, words, how);
    const now = this.steps[this.steps.length - 1];
    if (now && now !== last) now.selection = selection;
  }

  /** @override @returns {string | null} */
  undo() {
    const step = this.steps.at(-1);
    const words = super.undo();
    if (words !== null && step && this.focus === null) {
      this.selection = step.selection ?? null;
      if (this.selection) this.caret = this.selection[1];
      this.another = false;
    }
    return words;
  }

  // What is said of a span

  /** Changes the label of the span in focus, or of that under the selection; else makes a new span of the selection. @override @param {string} label_id @returns {string | null} */
  relabel(label_id) {
    if (this.grab()) return super.relabel(label_id);
    return this.selection ? this.mark(this.selection, label_id) : null;
  }

  /** A new span. @param {Range} range @param {string} label_id @returns {string} what is to be said */
  mark([start, end], label_id) {
    const same = this.list.find(({ at, label_id: other }) => at[0] === start && at[1] === end && other === label_id);
    if (same) {
      this.take(same.id);
      return "This span is there already";
    }
    return this.add([start, end], label_id) ? "" : "There are too many spans";
  }

  /** What is selected becomes a span of the label used last; of a span in focus, another one over the same characters. @param {string | null} label_id
   * @returns {string} what is to be said */
  draw(label_id) {
    const { range } = this;
    if (!range) return "Arrows select words; a label's key makes a span of them";
    if (this.current || this.under) {
      this.select(range[0], range[1]);
      this.another = true;
      return "Another span over these words: press its label's key";
    }
    if (label_id === null) return "There is no label yet";
    return this.mark(range, label_id);
  }

  /** @override @param {number | null} certainty @returns {string | null} */
  rate(certainty) { return this.grab() ? super.rate(certainty) : null; }

  /** @override @param {1 | -1} by @returns {string | null} */
  nudge(by) { return this.grab() ? super.nudge(by) : null; }

  /** @override @returns {string | null} */
  unsure() { return this.grab() ? super.unsure() : null; }

  /** After a proposal the next one is in focus; where the person's own span was, its words are selected. @override @returns {string | null} */
  remove() {
    if (!this.grab()) return null;
    const { current } = this;
    if (!current) return null;
    const next = this.following();
    this.step("delete", this.list.filter((span) => span !== current), "deleted");
    if (current.proposal && next !== null) this.take(next);
    else this.select(current.at[0], current.at[1]);
    return "Deleted";
  }

  // What is stored

  /** Sizes mean nothing here. @override */
  remember() {}

  /** @override @returns {ObjectsDraft | null} */
  toDraft() {
    const draft = super.toDraft();
    return draft && { ...draft, quotes: draft.list.map((span) => this.quoteOf(span)) };
  }

  // In words

  /** @override @param {(label_id: string) => string} nameOf @returns {string} */
  describe(nameOf) {
    const { current, selection, under, list } = this;
    if (current) return `${super.describe(nameOf)}: ${inBrief(this.quoteOf(current))}`;
    if (!selection) return list.length ? `${counted(list.length, "span")}, none in focus` : "No spans";
    return `Selected${under ? `, ${nameOf(under.label_id)}` : ""}: ${inBrief(this.units.quote(selection[0], selection[1]))}`;
  }
}
