// @ts-check
// A text on the card: its lines, its font size, and the positions of its characters. Pure, no DOM.
//
// Two ways of counting meet here. The log, Python and the messages count characters (Unicode code points); the browser
// counts UTF-16 units, of which an emoji has two. Lines and pieces are in units, everything else in characters.

import { toUnits } from "./offsets.js";

/** A line of a text, in units, without the break that ends it. @typedef {{start: number, end: number}} Line */
/** How a text is set: `size` in pixels of the screen. @typedef {{size: number, mono: boolean}} Setting */

const BREAK = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/gu;
const LONGEST = 4_000; // units of a line that are laid out at once; a longer one is cut at a blank
const SECTION = 6_000; // units, about, of a section: what is drawn, or not, as a whole
const SIZES = [22, 19, 17];
const MONO = 13.5;
const LEADING = 1.55;
const COLUMN = 36; // ems across, at most: some 70 letters
/** What a line of code looks like, in the languages that people ask about most. */
const CODE = /^(?:\t| {2,})\S|[{};]\s*$|^\s*(?:def |class |import |from \S+ import |function |const |let |var |return\b|if \(|for \(|while \(|public |private |#include|#!|@\w+|<\/?[a-z][\w-]*[ >])/u;

export class ItemText {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.units = toUnits(text);
    /** How many characters it has. */
    this.n = this.units.length;
    /** @type {Line[] | null} */
    this.cut = null;
    /** @type {boolean | null} */
    this.code = null;
  }

  // As pictures have them.
  get width() { return this.n; }
  get height() { return 1; }

  /** The unit at which a character begins. @param {number} character */
  unit(character) { return this.units.unit(character); }

  /** The character that a unit belongs to. @param {number} unit */
  character(unit) { return this.units.character(unit); }

  /** The characters from one to another. @param {number} start @param {number} end */
  slice(start, end) { return this.units.quote(start, end); }

  /** Its lines; those that are too long for a browser are cut. @returns {Line[]} */
  get lines() { return (this.cut ??= linesOf(this.text)); }

  /** Lines that are drawn together: [from, to) for each section. @returns {[number, number][]} */
  get sections() {
    /** @type {[number, number][]} */
    const sections = [];
    const { lines } = this;
    for (let from = 0; from < lines.length;) {
      let to = from + 1;
      while (to < lines.length && lines[to].end - lines[from].start < SECTION) to++;
      sections.push([from, to]);
      from = to;
    }
    return sections;
  }

  /** Whether it reads better in letters of one width: code, or a log. */
  get is_code() {
    if (this.code === null) {
      const written = this.lines.slice(0, 200).map(({ start, end }) => this.text.slice(start, Math.min(end, start + 300))).filter((line) => line.trim());
      this.code = written.length >= 2 && written.filter((line) => CODE.test(line)).length >= 0.5 * written.length;
    }
    return this.code;
  }

  /** The font for a room: a short text is set larger, if all of it still fits.
   * @param {{width: number, height: number}} room in pixels @returns {Setting} */
  setting(room) {
    if (this.is_code) return { size: MONO, mono: true };
    const fits = this.text.length < 4000 && SIZES.find((size) => this.#height(size, room.width) <= room.height);
    return { size: fits || SIZES[SIZES.length - 1], mono: false };
  }

  /** About how high it is. @param {number} size @param {number} width */
  #height(size, width) {
    const across = Math.max(8, Math.min(width / size, COLUMN) / 0.5);
    return this.lines.reduce((sum, { start, end }) => sum + Math.max(0.6, Math.ceil((end - start) / across)) * size * LEADING, 0);
  }
}

/** @param {string} text @returns {Line[]} */
function linesOf(text) {
  /** @type {Line[]} */
  const lines = [];
  let start = 0;
  for (const found of text.matchAll(BREAK)) {
    addLine(lines, text, start, found.index);
    start = found.index + found[0].length;
  }
  if (start < text.length || !lines.length) addLine(lines, text, start, text.length);
  return lines;
}

/** @param {Line[]} lines @param {string} text @param {number} start @param {number} end */
function addLine(lines, text, start, end) {
  while (end - start > LONGEST) {
    const blank = text.lastIndexOf(" ", start + LONGEST);
    let at = blank > start + LONGEST / 2 ? blank + 1 : start + LONGEST;
    if (/[\ud800-\udbff]/.test(text[at - 1])) at--; // half of a pair
    lines.push({ start, end: at });
    start = at;
  }
  lines.push({ start, end });
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true }); // a mark at the beginning is a character like any other

/** @param {ArrayBufferView} bytes */
export const textOf = (bytes) => new ItemText(utf8.decode(bytes));

/** @param {unknown} picture @returns {picture is ItemText} */
export const isText = (picture) => picture instanceof ItemText;
