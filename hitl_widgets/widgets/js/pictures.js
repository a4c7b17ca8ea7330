// @ts-check
// Pictures, decoded ahead into their items, so that the next one is ready.

import { isText, textOf } from "./text/item_text.js";

/** @typedef {import("./card/types.d.ts").Item} Item */

const AHEAD = 8;
const MOST_PIXELS = 32_000_000; // decoded ahead at most: 128 MB

/** Whether bytes are a text. A picture may come without a media type; no text begins with the first byte of a PNG.
 * @param {{bytes?: ArrayBufferView, mime?: string}} item */
const isOfText = ({ bytes, mime }) => mime === "text/plain" || Boolean(!mime && bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, 1)[0] !== 0x89);

/** Decodes bytes as a picture or a text. A picture that the screen shows much smaller is decoded at that size, so that keys don't wait.
 * @param {{bytes?: ArrayBufferView, mime?: string, width?: number, height?: number}} image @param {number} [side] of the screen
 * @returns {Promise<import("./types.d.ts").Picture>} */
export async function decode({ bytes, mime, width = 0, height = 0 }, side = Infinity) {
  if (bytes && isOfText({ bytes, mime })) return textOf(bytes);
  const blob = new Blob([/** @type {BlobPart} */ (bytes)], { type: mime });
  const scale = shrunk(width, height, side);
  if ("createImageBitmap" in globalThis) {
    return scale === 1 ? createImageBitmap(blob) : createImageBitmap(blob, { resizeWidth: Math.max(1, Math.round(width * scale)),
      resizeHeight: Math.max(1, Math.round(height * scale)), resizeQuality: "high" });
  }
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try { await image.decode(); } finally { URL.revokeObjectURL(image.src); }
  return image;
}

/** The factor by which a decoded picture is shrunk; 1 if that would gain little, or if the card is out of view.
 * @param {number} width @param {number} height @param {number} side */
export const shrunk = (width, height, side) => (side > 0 && Math.max(width, height) > 1.3 * side ? side / Math.max(width, height) : 1);

/**
 * Starts decoding the first few items' pictures, and releases those no longer needed.
 * @param {Item[]} items
 * @param {(item: Item) => void} onDone called for each item whose picture is ready, or can't be
 * @param {typeof decode} [decoder]
 * @param {number} [side] pixels of the screen for the longer side
 */
export function decodeAhead(items, onDone, decoder = decode, side = Infinity) {
  let pixels = 0;
  for (const [i, item] of items.entries()) {
    pixels += item.height * item.width;
    if (i > 0 && (i >= AHEAD || pixels > MOST_PIXELS)) break;
    if (item.decoding || item.broken || !item.bytes) continue;
    const larger = item.small && shrunk(item.width, item.height, side) > 1.3 * shrunk(item.width, item.height, item.side ?? side);
    if (item.picture && !larger) continue;
    item.small = item.mime !== "text/plain" && shrunk(item.width, item.height, side) < 1;
    item.side = side;
    item.decoding = decoder(item, side).then(
      (picture) => { release(item); item.picture = picture; },
      (error) => {
        if (item.picture) return;
        item.broken = `The browser can't show this picture (${error.message}). Flag it, skip it, or answer all the same.`;
        item.undecoded = true;
      },
    ).then(() => { item.decoding = undefined; onDone(item); });
  }
}

/** Tries again the pictures that the browser couldn't show; called when the card comes into view. @param {Item[]} items */
export function retry(items) {
  for (const item of items) {
    if (!item.undecoded) continue;
    item.undecoded = false;
    item.broken = undefined;
  }
}

/** A picture's own size. @param {import("./types.d.ts").Picture | HTMLCanvasElement} picture @returns {[number, number]} */
export const sizeOf = (picture) => (isText(picture) ? [picture.n, 1] : "naturalWidth" in picture ? [picture.naturalWidth, picture.naturalHeight]
  : [picture.width, picture.height]);

const EXCERPT = 600; // units of a text that are shown small
/** The element shown in place of a canvas if the item is a text. @type {WeakMap<HTMLCanvasElement, HTMLElement>} */
const EXCERPTS = new WeakMap();

/** The beginning of a text, for where there is little room. @param {import("./text/item_text.js").ItemText} text */
export const beginningOf = (text) => text.text.slice(0, EXCERPT).replace(/\s+/gu, " ").trim();

/** Draws a picture on a canvas, as large as it fits; for a text, its beginning is shown in place of the canvas, in the same parent.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./types.d.ts").Picture | HTMLCanvasElement | null | undefined} picture */
export function drawSmall(canvas, picture) {
  const excerpt = EXCERPTS.get(canvas);
  if (isText(picture)) return write(canvas, excerpt, beginningOf(picture));
  if (excerpt && canvas.hidden) {
    excerpt.hidden = true;
    canvas.hidden = false;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!picture) return;
  const [width, height] = sizeOf(picture);
  const scale = Math.min(canvas.width / width, canvas.height / height);
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(picture, (canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2, width * scale, height * scale);
}

/** @param {HTMLCanvasElement} canvas @param {HTMLElement | undefined} excerpt @param {string} text */
function write(canvas, excerpt, text) {
  if (!excerpt) {
    excerpt = document.createElement("span");
    excerpt.className = `${canvas.className} hitl-excerpt`;
    excerpt.dir = "auto";
    EXCERPTS.set(canvas, excerpt);
  }
  if (!excerpt.parentNode) canvas.after(excerpt);
  canvas.hidden = true;
  excerpt.hidden = false;
  if (excerpt.textContent !== text) excerpt.textContent = text;
}

/** @param {Item} item */
export function release(item) {
  if (item.picture && "close" in item.picture) item.picture.close();
  item.picture = undefined;
}
