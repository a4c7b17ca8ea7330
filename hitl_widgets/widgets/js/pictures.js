// @ts-check
// How is the next item's picture ready before anybody asks? Decoded ahead, into the item itself.

/** @typedef {import("./types.d.ts").Item} Item */

const AHEAD = 8;
const MOST_PIXELS = 32_000_000; // decoded ahead at most: 128 MB

/** @param {Item} item @returns {Promise<import("./types.d.ts").Picture>} */
async function decode(item) {
  const blob = new Blob([/** @type {BlobPart} */ (item.bytes)], { type: item.mime });
  if ("createImageBitmap" in globalThis) return createImageBitmap(blob);
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try { await image.decode(); } finally { URL.revokeObjectURL(image.src); }
  return image;
}

/**
 * Starts decoding the first few items' pictures, and lets go of what the queue has left behind.
 * @param {Item[]} items
 * @param {(item: Item) => void} onDone called for each item whose picture is ready, or can't be
 */
export function decodeAhead(items, onDone, decoder = decode) {
  let pixels = 0;
  for (const [i, item] of items.entries()) {
    pixels += item.height * item.width;
    if (i > 0 && (i >= AHEAD || pixels > MOST_PIXELS)) break;
    if (item.picture || item.decoding || item.broken || !item.bytes) continue;
    item.decoding = decoder(item).then(
      (picture) => { item.picture = picture; },
      (error) => { item.broken = `The browser can't show this picture (${error.message}). Flag it, skip it, or answer all the same.`; },
    ).then(() => { item.decoding = undefined; onDone(item); });
  }
}

/** @param {Item} item */
export function release(item) {
  if (item.picture && "close" in item.picture) item.picture.close();
  item.picture = undefined;
}
