// @ts-check
// Which key does what? `read` turns a key press into an action; `HELP` says the same to people.
//
// Digits are read by their place on the keyboard (event.code), so that a French keyboard, where digits need Shift,
// labels and rates like any other. Letters are read by what is printed on them.

/** @typedef {import("./types.d.ts").Label} Label */
/** @typedef {{kind: "accept"|"unsure"|"skip"|"undo"|"flag"|"map"|"method"|"help"|"search"|"escape"}
 *         | {kind: "label", key: string} | {kind: "certainty", value: number} | {kind: "nudge", by: 1 | -1}
 *         | {kind: "opacity", by: 1 | -1}} Action */
/** @typedef {{key: string, code: string, shiftKey: boolean, ctrlKey: boolean, altKey: boolean, metaKey: boolean,
 *             repeat?: boolean, isComposing?: boolean}} KeyPress */

/** @type {Record<string, Action>} */
const COMMANDS = {
  Enter: { kind: "accept" }, " ": { kind: "accept" }, u: { kind: "unsure" }, s: { kind: "skip" },
  z: { kind: "undo" }, Backspace: { kind: "undo" }, f: { kind: "flag" }, h: { kind: "map" }, v: { kind: "method" },
  "?": { kind: "help" }, "/": { kind: "search" }, Escape: { kind: "escape" },
  "-": { kind: "nudge", by: -1 }, "=": { kind: "nudge", by: 1 }, "+": { kind: "nudge", by: 1 },
  ",": { kind: "opacity", by: -1 }, ".": { kind: "opacity", by: 1 },
};

/** Letters that no label gets: the card's own, and `n`, kept for the note. */
export const RESERVED = new Set([...Object.keys(COMMANDS).filter((k) => /^[a-z]$/.test(k)), "n"]);

// The number row with the key to its left: eleven keys side by side, for a scale of eleven steps.
const SCALE = ["Backquote", "Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8", "Digit9",
  "Digit0"];

/**
 * @param {KeyPress} event
 * @param {{asking?: boolean}} [state] `asking`: the card waits for a certainty, so Shift isn't needed
 * @returns {Action | null} null: not a key of the card
 */
export function read(event, { asking = false } = {}) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  const step = SCALE.indexOf(event.code);
  if (step >= 0 && (event.shiftKey || asking)) return { kind: "certainty", value: step };
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && (event.code.startsWith("Digit") || event.key === digit[1])) return { kind: "label", key: digit[1] };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (COMMANDS[key]) return COMMANDS[key];
  return /^[^\s]$/u.test(key) ? { kind: "label", key } : null;
}

/** Actions that a held-down key may repeat; a decision is never one of them. */
export const REPEATABLE = new Set(["nudge", "opacity"]);

/**
 * Every label's key: its own where it has one that isn't the card's, then the free letters in order. Keys given
 * before stay where they are, so that a label keeps its key as long as the card is open.
 * @param {Label[]} labels
 * @param {Map<string, string>} [before] label_id -> key
 * @returns {Map<string, string>} label_id -> key
 */
export function assignKeys(labels, before = new Map()) {
  const present = new Set(labels.map((l) => l.label_id));
  /** @type {Map<string, string>} */
  const keys = new Map([...before].filter(([id]) => present.has(id)));
  const taken = new Set(before.values());
  for (const { label_id, key } of labels) {
    const wanted = key?.toLowerCase();
    if (!wanted || keys.has(label_id) || taken.has(wanted) || !/^[\p{L}\d]$/u.test(wanted) || RESERVED.has(wanted)) continue;
    keys.set(label_id, wanted);
    taken.add(wanted);
  }
  const free = [..."1234567890abcdefghijklmnopqrstuvwxyz"].filter((k) => !taken.has(k) && !RESERVED.has(k));
  for (const { label_id } of labels) {
    if (!keys.has(label_id) && free.length) keys.set(label_id, /** @type {string} */ (free.shift()));
  }
  return keys;
}

/** What the help page says: keys, and what they do. @type {[string[], string][]} */
export const HELP = [
  [["Enter", "Space"], "accept the model's suggestion"],
  [["1", "…", "0", "letters"], "choose the label with that key"],
  [["/"], "search a label by typing; Enter takes the marked one"],
  [["u"], "unsure: closes the item without a label"],
  [["s"], "skip: the item comes again later"],
  [["z", "Backspace"], "undo, up to 50 decisions back"],
  [["Shift", "` 1 … 9 0"], "how sure you are: 0, 1 … 9, 10"],
  [["-", "="], "one step less sure, one step surer"],
  [["h"], "saliency map on or off"],
  [["v"], "next saliency method"],
  [[",", "."], "map fainter, map stronger"],
  [["f"], "flag the item as bad data"],
  [["?"], "these keys"],
  [["Esc"], "close what is open, or leave the card"],
];
