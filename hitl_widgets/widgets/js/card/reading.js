// @ts-check
// The card of a person whose role allows reading only.

/** @typedef {import("../types.d.ts").KeyTable} KeyTable */

/** What a person may do on a card that is for reading. */
const READS = new Set(["help", "question", "guideline", "project", "map", "display", "method", "against", "fainter", "stronger", "zoom_in", "zoom_out", "fit",
  "left", "right", "up", "down", "page_up", "page_down", "next_label", "previous_label", "earlier", "later"]);

/** The keys that do something on such a card. @param {KeyTable} keys @returns {KeyTable} */
export const readable = (keys) => Object.fromEntries(Object.entries(keys).filter(([action]) => READS.has(action)));

/** @param {import("../keys.js").Action} action */
export const reads = (action) => action.kind === "escape" || (action.kind === "do" && READS.has(action.action));
