// @ts-check
// How does a saliency map become colours? Tables that stay apart for colour-blind eyes, and clear where nothing counts.

/** Ordered in lightness, so that it reads in grey too (inferno's anchors). */
const RISING = ["#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d",
  "#fcffa4"];
/** Blue speaks against, orange for; white is nothing. */
const SIGNED = ["#0b3c8c", "#2f6fc4", "#86b3e0", "#f7f7f7", "#f9b26b", "#e0701f", "#99400b"];

/** @param {string[]} anchors @returns {Uint8ClampedArray} 256 RGB triples */
function table(anchors) {
  const rgb = anchors.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  const out = new Uint8ClampedArray(256 * 3);
  for (let v = 0; v < 256; v++) {
    const at = (v / 255) * (rgb.length - 1);
    const low = Math.min(Math.floor(at), rgb.length - 2);
    for (let c = 0; c < 3; c++) out[v * 3 + c] = rgb[low][c] + (at - low) * (rgb[low + 1][c] - rgb[low][c]);
  }
  return out;
}

const TABLES = { rising: table(RISING), signed: table(SIGNED) };

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
      rgba.set((signed ? TABLES.signed : TABLES.rising).subarray(v * 3, v * 3 + 3), v * 4);
      rgba[v * 4 + 3] = 255 * COVERS[cover](signed ? Math.min(1, Math.abs(v - 128) / 127) : v / 255);
    }
    words = new Uint32Array(rgba.buffer);
    WORDS.set(name, words);
  }
  return words;
}

/** The scale that is drawn beside the map, as a CSS gradient. @param {boolean} signed */
export function gradient(signed) {
  return `linear-gradient(90deg, ${(signed ? SIGNED : RISING).join(", ")})`;
}
