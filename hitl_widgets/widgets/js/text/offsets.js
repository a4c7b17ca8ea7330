// @ts-check
// Places in a text: characters (Unicode code points), which Python, the log and the messages count, and UTF-16 units, which the
// browser counts. Read `toUnits` first.
//
//   const units = toUnits(text);
//   units.length                              // characters
//   units.unit(character)                     // where a character begins, in units: text.slice(units.unit(3), units.unit(9))
//   units.character(unit)                     // the character that begins there, or that the unit is a part of
//   units.quote(start, end)                   // the text between two characters
//   units.graphemes.at(character)             // what is seen as one sign: [start, end) in characters; so do words and sentences
//   units.snapped(start, end)                 // as far outwards as it takes to have whole graphemes
//   units.wordAfter(character), units.wordBefore(character)    // the next word or sign that isn't punctuation, or null
//
// The text is never normalised or changed. Everything is found with an index or near the place: a text may have a megabyte.

/** @typedef {readonly [start: number, end: number]} Range [start, end) in characters */

const PAIR = /[\ud800-\udfff]/;
/** What a word consists of: neither white space, punctuation nor controls. */
const LETTER = /[^\s\p{Z}\p{P}\p{Cc}\p{Cf}\p{Cs}]/gu;
const VISIBLE = /[^\s\p{Z}\p{Cc}\p{Cf}\p{Cs}]/gu;

/** For browsers without Intl.Segmenter. @type {Record<"grapheme" | "word" | "sentence", RegExp>} */
const PLAIN = {
  grapheme: /\r\n|\p{RI}\p{RI}|[^](?:[\p{M}\p{EMod}\u200c]|\u200d[^])*/gu,
  word: /[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}_\u200c\u200d]|['’.](?=\p{L}))*|\r\n|\p{RI}\p{RI}|[^](?:[\p{M}\p{EMod}\u200c]|\u200d[^])*/gu,
  sentence: /(?:[^.!?\u0964\u06d4\u061f\u3002\uff01\uff1f\r\n](?:\.(?=\p{Ll}|\d))?)*(?:[.!?\u0964\u06d4\u061f\u3002\uff01\uff1f]+["'”’)\]]*[^\S\r\n]*|\r\n|[\r\n]|$)/gu,
};

/** Where a text can be cut, so that each part falls into the same pieces as the whole: at the end of a line, between a space and a letter, before
 * an emoji that nothing joins. (Unicode Standard Annex 29; a sentence goes on over a space.) */
const SAFE = {
  word: /(?<=[\n\u3002\uff01\uff1f])|(?<=[ \t])(?=\p{L})|(?<![\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]|[\u{110bd}\u{110cd}])(?=[\u{1f300}-\u{1f3fa}\u{1f400}-\u{1faff}])/gu,
  sentence: /(?<=[\n\u3002])|(?<=[.!?] )(?=\p{Lu})/gu,
};
const PART = 2048; // units, at least: a browser looks through all that it was given
const KEPT = 8; // parts

/** The pieces that a text falls into, by the units where they begin and end. */
class Cuts {
  /** @type {Map<number, (unit: number) => Range>} */
  #parts = new Map();

  /** @param {string} text @param {"grapheme" | "word" | "sentence"} granularity */
  constructor(text, granularity) {
    this.text = text;
    this.granularity = granularity;
    /** Where the parts begin. */
    this.starts = [0];
    const safe = SAFE[granularity === "sentence" ? "sentence" : "word"];
    for (let at = PART; at < text.length; at += PART) {
      safe.lastIndex = at;
      const found = safe.exec(text);
      if (!found) break;
      if (found.index > (this.starts.at(-1) ?? 0)) this.starts.push(found.index);
      at = Math.max(at, found.index);
    }
  }

  /** The piece that a unit is in. @param {number} unit @returns {Range} in units */
  at(unit) {
    const i = below(this.starts, unit + 1) - 1;
    const start = this.starts[i];
    let pieces = this.#parts.get(i);
    if (!pieces) {
      if (this.#parts.size >= KEPT) this.#parts.delete(/** @type {number} */ (this.#parts.keys().next().value));
      this.#parts.set(i, pieces = piecesOf(this.text.slice(start, this.starts[i + 1]), this.granularity));
    }
    const [from, to] = pieces(unit - start);
    return [start + from, start + to];
  }
}

/** @param {string} part @param {"grapheme" | "word" | "sentence"} granularity @returns {(unit: number) => Range} the piece with a unit */
function piecesOf(part, granularity) {
  const Segmenter = /** @type {typeof Intl.Segmenter | undefined} */ (Intl.Segmenter);
  if (Segmenter) {
    const segments = new Segmenter(undefined, { granularity }).segment(part);
    return (unit) => {
      const { index, segment } = segments.containing(unit) ?? { index: unit, segment: "" };
      return [index, index + segment.length];
    };
  }
  const starts = [...part.matchAll(PLAIN[granularity])].filter(([piece]) => piece).map(({ index }) => index);
  return (unit) => {
    const i = below(starts, unit + 1) - 1;
    return [starts[i] ?? 0, starts[i + 1] ?? part.length];
  };
}

/** How many values of a sorted list are below a limit. @param {ArrayLike<number>} sorted @param {number} limit @param {(value: number, i: number) => number} [of] */
function below(sorted, limit, of = (value) => value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(sorted[middle], middle) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where the characters begin that take two units. @param {string} text @returns {Int32Array} */
function pairsOf(text) {
  if (!PAIR.test(text)) return new Int32Array(0);
  const pairs = [];
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) pairs.push(i++);
  }
  return Int32Array.from(pairs);
}

/** @param {number} value @param {number} most */
const within = (value, most) => Math.max(0, Math.min(most, value));

export class Units {
  /** @type {Partial<Record<"grapheme" | "word" | "sentence", Cuts>>} */
  #cuts = {};

  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.pairs = pairsOf(text);
    /** In characters. */
    this.length = text.length - this.pairs.length;
    /** Whether a unit begins something to stop at. */
    this.letters = text.search(LETTER) >= 0 ? LETTER : VISIBLE;
  }

  /** @param {number} character @returns {number} */
  unit(character) {
    const at = within(character, this.length);
    return at + below(this.pairs, at, (unit, i) => unit - i);
  }

  /** @param {number} unit @returns {number} */
  character(unit) {
    const at = within(unit, this.text.length);
    return at - below(this.pairs, at);
  }

  /** @param {number} start @param {number} end @returns {string} */
  quote(start, end) { return this.text.slice(this.unit(start), this.unit(end)); }

  /** @param {"grapheme" | "word" | "sentence"} granularity */
  #of(granularity) {
    const cuts = this.#cuts[granularity] ??= new Cuts(this.text, granularity);
    return {
      /** The piece with a character; the last one at the end of the text. @param {number} character @returns {Range} */
      at: (character) => {
        if (!this.length) return /** @type {const} */ ([0, 0]);
        const [start, end] = cuts.at(this.unit(within(character, this.length - 1)));
        return [this.character(start), this.character(end)];
      },
    };
  }

  get graphemes() { return this.#of("grapheme"); }
  get words() { return this.#of("word"); }
  get sentences() { return this.#of("sentence"); }

  /** @param {number} start @param {number} end @returns {Range} at least one grapheme where the text isn't empty */
  snapped(start, end) {
    const [from, first_end] = this.graphemes.at(start);
    if (end <= first_end) return [from, first_end];
    return [from, this.graphemes.at(end - 1)[1]];
  }

  /** The boundary between graphemes that follows a place, or comes before it. @param {number} character @param {1 | -1} by */
  boundary(character, by) {
    if (by > 0) return character >= this.length ? this.length : this.graphemes.at(character)[1];
    return character <= 0 ? 0 : this.graphemes.at(character - 1)[0];
  }

  /** A place that cuts no grapheme, the next one in a direction. @param {number} character @param {1 | -1} by */
  #whole(character, by) {
    if (character <= 0 || character >= this.length) return within(character, this.length);
    const [start, end] = this.graphemes.at(character);
    return start === character ? character : by > 0 ? end : start;
  }

  /** The first word that begins at a character or after it; a word is anything but white space and punctuation. @param {number} character @returns {Range | null} */
  wordAfter(character) {
    const { letters, text } = this;
    const from = this.#whole(character, 1);
    let unit = this.unit(from);
    while (unit < text.length) {
      letters.lastIndex = unit;
      const found = letters.exec(text);
      if (!found) return null;
      const word = this.words.at(this.character(found.index));
      if (word[0] >= from) return this.snapped(...word);
      unit = this.unit(word[1]); // the place is within this word
    }
    return null;
  }

  /** The last word that ends at a character or before it. @param {number} character @returns {Range | null} */
  wordBefore(character) {
    const { text } = this;
    const to = this.#whole(character, -1);
    let unit = this.unit(to);
    while (unit > 0) {
      const first = this.unit(this.character(unit - 1)); // of the character before
      if (text.slice(first, unit).search(this.letters) < 0) { unit = first; continue; } // a segmenter is slow far from where it began
      const [start, end] = this.words.at(this.character(first));
      if (end <= to) return this.snapped(start, end);
      unit = this.unit(start);
    }
    return null;
  }

  /** The word with a character, or null where white space or punctuation is there. @param {number} character @returns {Range | null} */
  wordAt(character) {
    const [start, end] = this.words.at(character);
    return this.isWord(start, end) ? this.snapped(start, end) : null;
  }

  /** @param {number} start @param {number} end */
  isWord(start, end) { return this.quote(start, end).search(this.letters) >= 0; }

  /** Without white space at its ends; as it was where nothing else is there. @param {Range} range @returns {Range} */
  trimmed([start, end]) {
    const quote = this.quote(start, end);
    const left = quote.length - quote.trimStart().length;
    if (left === quote.length) return [start, end];
    const from = this.unit(start) + left;
    return [this.character(from), this.character(from + quote.trim().length)];
  }

  /** The line with a character, without its end. @param {number} character @returns {Range} */
  lineAt(character) {
    const unit = this.unit(within(character, Math.max(0, this.length - 1)));
    const start = unit === 0 ? 0 : this.text.lastIndexOf("\n", unit - 1) + 1;
    const end = this.text.indexOf("\n", unit);
    return this.trimmed([this.character(start), end < 0 ? this.length : Math.max(this.character(end), this.character(unit) + 1)]);
  }
}

/** @param {string} text as it came @returns {Units} */
export const toUnits = (text) => new Units(text);
