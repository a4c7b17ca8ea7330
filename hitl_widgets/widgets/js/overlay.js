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

/**
 * A map as RGBA, clear where it says nothing, so that the item stays visible there.
 * @param {Uint8Array} values one byte a cell; 128 is zero when signed
 * @param {boolean} signed
 * @returns {Uint8ClampedArray<ArrayBuffer>}
 */
export function colourise(values, signed) {
  const colours = signed ? TABLES.signed : TABLES.rising;
  const out = new Uint8ClampedArray(values.length * 4);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    out.set(colours.subarray(v * 3, v * 3 + 3), i * 4);
    const strength = signed ? Math.min(1, Math.abs(v - 128) / 127) : v / 255;
    // Full colour from 60 % of the peak on; below it fades out smoothly.
    const t = Math.min(1, strength / 0.6);
    out[i * 4 + 3] = 255 * t * t * (3 - 2 * t);
  }
  return out;
}

/** The scale that is drawn beside the map, as a CSS gradient. @param {boolean} signed */
export function gradient(signed) {
  return `linear-gradient(90deg, ${(signed ? SIGNED : RISING).join(", ")})`;
}
