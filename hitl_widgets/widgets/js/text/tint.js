// @ts-check
// The words that count for a label: a map of a text as tints, and as a list of words. Pure, no DOM.

/** @typedef {import("./item_text.js").ItemText} ItemText */
/** @typedef {import("./view.js").Tinted} Tinted */
/** @typedef {import("../card/types.d.ts").Saliency} Saliency */
/** A word and all its places: `weight` is the sum over them, from the strongest place's 1 or -1. @typedef {{word: string, n: number, weight: number, start: number, end: number}} Counted */

const LEAST = 0.08; // below that nobody sees a tint
const FOR = "240 130 20";
const AGAINST = "67 147 195";

/** @type {WeakMap<Saliency, Tinted[]>} */
const TINTS = new WeakMap();

/** Each token that counts, in the order of the text; made once for each map. @param {Saliency | null} map @returns {Tinted[]} */
export function tintOf(map) {
  if (!map) return NONE;
  let tinted = TINTS.get(map);
  if (!tinted) {
    tinted = [];
    const { tokens = [], values, signed } = map;
    let done = 0;
    for (let i = 0; values && i < values.length && tokens.length === 2 * values.length; i++) {
      const [start, end] = [Math.max(done, tokens[2 * i]), tokens[2 * i + 1]];
      const weight = signed ? (values[i] - 128) / 127 : values[i] / 255;
      if (end <= start) continue; // a model's own tokens may overlap
      if (Math.abs(weight) >= LEAST) tinted.push({ start, end, strength: Math.min(1, Math.abs(weight)), speaks_for: weight > 0 });
      done = end;
    }
    TINTS.set(map, tinted);
  }
  return tinted;
}

/** @type {Tinted[]} */
const NONE = [];

/** The words that count most, those that count for the label or against it together. @param {ItemText} text @param {Tinted[]} tinted
 * @param {number} most @returns {Counted[]} */
export function strongest(text, tinted, most) {
  /** @type {Map<string, Counted>} */
  const words = new Map();
  for (const { start, end, strength, speaks_for } of tinted) {
    const word = text.slice(start, end);
    const key = word.toLowerCase();
    const counted = words.get(key) ?? { word, n: 0, weight: 0, start, end };
    counted.n++;
    counted.weight += speaks_for ? strength : -strength;
    words.set(key, counted);
  }
  return [...words.values()].filter(({ weight }) => Math.abs(weight) >= LEAST).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, most);
}

/** The opacity of tints at an opacity of the map from 0.1 to 1; letters stay readable on the strongest. @param {number} opacity */
export const alphaOf = (opacity) => 0.75 * Math.sqrt(opacity);

/** The scale of tints, as a CSS gradient. @param {boolean} signed @param {number} opacity */
export function tintGradient(signed, opacity) {
  const alpha = alphaOf(opacity).toFixed(2);
  return `linear-gradient(90deg, ${signed ? `rgb(${AGAINST} / ${alpha}), transparent` : "transparent"}, rgb(${FOR} / ${alpha}))`;
}

/** Where a map explains less than this of the model's output, the card says so. */
const UNEXPLAINED = 0.05;

/** The share of the output that a map leaves unexplained, in words; "" if it is small. @param {Saliency | null} map */
export function unexplained(map) {
  const { delta } = map ?? {};
  return typeof delta !== "number" || !(delta > UNEXPLAINED) ? "" : delta > 1 ? "explains nothing of this output" : `${Math.round(100 * delta)} % of the output unexplained`;
}
