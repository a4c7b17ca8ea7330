// @ts-check
// Saliency maps as colours. Python reads the same tables; a map is transparent where nothing counts.

import COLOURS from "../../../drawing/colours.json" with { type: "json" };

/** @param {string} colour "#rrggbb" @returns {number[]} */
const rgbOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

/** The colours that mark regions, as RGB. */
export const REGIONS = { wrong: rgbOf(COLOURS.regions.wrong), missing: rgbOf(COLOURS.regions.missing) };

/** @param {typeof COLOURS.signed} table @returns {Uint8ClampedArray} 256 RGB triples, linear between the table's colours */
function tableOf({ colours, first_code, last_code }) {
  const rgb = colours.map(rgbOf);
  const out = new Uint8ClampedArray(256 * 3);
  for (let v = 0; v < 256; v++) {
    const at = Math.max(0, ((v - first_code) / (last_code - first_code)) * (rgb.length - 1));
    const low = Math.min(Math.floor(at), rgb.length - 2);
    for (let c = 0; c < 3; c++) out[v * 3 + c] = rgb[low][c] + (at - low) * (rgb[low + 1][c] - rgb[low][c]);
  }
  return out;
}

const TABLES = { unsigned: tableOf(COLOURS.unsigned), signed: tableOf(COLOURS.signed) };

/** From 0 below `from` to 1 above `to`, smoothly. @param {number} x @param {number} from @param {number} to */
function smoothstep(x, from, to) {
  const t = Math.max(0, Math.min(1, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

/** How opaque a value is. @type {Record<"over" | "beside" | "hot", (strength: number) => number>} */
const COVERS = {
  over: (strength) => smoothstep(strength, 0, 0.6), // the item stays visible where nothing counts
  beside: () => 1,
  hot: (strength) => smoothstep(strength, 0.15, 0.45), // a mask: only its opacity is used
};

/**
 * A map as RGBA.
 * @param {Uint8Array} values one byte a cell; 128 is zero when signed
 * @param {boolean} signed
 * @param {keyof typeof COVERS} [cover]
 * @returns {Uint8ClampedArray<ArrayBuffer>}
 */
export function colourise(values, signed, cover = "over") {
  const words = wordsOf(signed, cover);
  const out = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = words[values[i]];
  return new Uint8ClampedArray(out.buffer);
}

/** @type {Map<string, Uint32Array>} */
const WORDS = new Map();

/** The RGBA of each of the 256 values as one word, made once: colouring a map lies between a key and a frame.
 * @param {boolean} signed @param {keyof typeof COVERS} cover */
function wordsOf(signed, cover) {
  const name = `${cover} ${signed}`;
  let words = WORDS.get(name);
  if (!words) {
    const rgba = new Uint8ClampedArray(256 * 4);
    for (let v = 0; v < 256; v++) {
      rgba.set((signed ? TABLES.signed : TABLES.unsigned).subarray(v * 3, v * 3 + 3), v * 4);
      rgba[v * 4 + 3] = 255 * COVERS[cover](signed ? Math.min(1, Math.abs(v - 128) / 127) : v / 255);
    }
    words = new Uint32Array(rgba.buffer);
    WORDS.set(name, words);
  }
  return words;
}

/** Whether nothing in a map counts, as where no part of an image speaks for the label. @param {Uint8Array} values @param {boolean} signed */
export const isEmpty = (values, signed) => values.every((value) => value === (signed ? 128 : 0));

/** The scale that is drawn beside the map, as a CSS gradient. @param {boolean} signed */
export function gradient(signed) {
  return `linear-gradient(90deg, ${(signed ? COLOURS.signed : COLOURS.unsigned).colours.join(", ")})`;
}
