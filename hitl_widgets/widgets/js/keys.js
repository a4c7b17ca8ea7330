// @ts-check
// Keys and their actions. The table comes from Python (keys/card.json and `wb.review(keys=...)`): action -> keys, words.
//
// Digits are read by their place on the keyboard (event.code), so that a French keyboard, where digits need Shift,
// labels and rates like any other. Letters are read by what is printed on them.

/** @typedef {import("./types.d.ts").Label} Label */
/** @typedef {import("./types.d.ts").KeyTable} KeyTable */
/** @typedef {{kind: "label", key: string} | {kind: "certainty", value: number} | {kind: "escape"}
 *         | {kind: "do", action: string}} Action */
/** @typedef {{key: string, code: string, shiftKey: boolean, ctrlKey: boolean, altKey: boolean, metaKey: boolean,
 *             repeat?: boolean, isComposing?: boolean}} KeyPress */

// The number row with the key to its left: eleven keys side by side, for a scale of eleven steps.
const SCALE = ["Backquote", "Digit1", "Digit2", "Digit3", "Digit4", "Digit5", "Digit6", "Digit7", "Digit8", "Digit9",
  "Digit0"];

/** Actions that a held-down key may repeat; a decision is never one of them. */
export const REPEATABLE = new Set(["surer", "less_sure", "fainter", "stronger", "zoom_in", "zoom_out", "left", "right", "up",
  "down", "page_up", "page_down", "next_label", "previous_label", "earlier", "later"]);

/** The inverted table: key -> action. @param {KeyTable} table @returns {Map<string, string>} */
export function bind(table) {
  return new Map(Object.entries(table).flatMap(([action, [keys]]) => keys.map((key) => [key, action])));
}

/** The name of the pressed key, as in the table: "a", "Shift+E", "Enter", "Space". @param {KeyPress} event */
export function pressed({ key, shiftKey }) {
  if (key.length > 1 || key === " ") return (shiftKey ? "Shift+" : "") + (key === " " ? "Space" : key);
  return shiftKey && /\p{L}/u.test(key) ? `Shift+${key.toUpperCase()}` : key.toLowerCase();
}

/** The digit on a key that was pressed without Shift, or null. @param {KeyPress} event */
export function digitOf({ code, key, shiftKey }) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code)?.[1];
  return digit && !(shiftKey && code.startsWith("Digit")) && (code.startsWith("Digit") || key === digit) ? digit : null;
}

/**
 * @param {KeyPress} event
 * @param {Map<string, string>} bindings key -> action
 * @param {{asking?: boolean}} [state] `asking`: the card waits for a certainty, so Shift isn't needed
 * @returns {Action | null} null: not a key of the card
 */
export function read(event, bindings, { asking = false } = {}) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  const step = SCALE.indexOf(event.code);
  if (step >= 0 && (event.shiftKey || asking)) return { kind: "certainty", value: step };
  const digit = digitOf(event);
  if (digit !== null) return asking ? { kind: "certainty", value: Number(digit) } : { kind: "label", key: digit };
  if (event.key === "Escape") return { kind: "escape" };
  const key = pressed(event);
  const action = bindings.get(key);
  if (action) return { kind: "do", action };
  return /^[^\s]$/u.test(key) ? { kind: "label", key } : null;
}

/**
 * Every label's key: that of the taxonomy, unless it is the card's; else the letter at its place among the free ones; else
 * any free one. Keys given before stay, so that a label keeps its key as long as the card is open.
 * @param {Label[]} labels
 * @param {Map<string, string>} [before] label_id -> key
 * @param {Map<string, string>} [bindings] the card's own keys
 * @returns {Map<string, string>} label_id -> key
 */
export function assignKeys(labels, before = new Map(), bindings = new Map()) {
  const present = new Set(labels.map((l) => l.label_id));
  /** @type {Map<string, string>} */
  const keys = new Map([...before].filter(([id]) => present.has(id)));
  const taken = new Set(before.values());
  const letters = [..."abcdefghijklmnopqrstuvwxyz"].filter((k) => !bindings.has(k));
  for (const { label_id, key, letter } of [...labels].sort((a, b) => Number(!a.key) - Number(!b.key))) {
    const wanted = key?.toLowerCase() ?? (letter === undefined ? undefined : letters[letter]);
    if (!wanted || keys.has(label_id) || taken.has(wanted) || !/^[\p{L}\d]$/u.test(wanted) || bindings.has(wanted)) continue;
    keys.set(label_id, wanted);
    taken.add(wanted);
  }
  const free = [..."1234567890abcdefghijklmnopqrstuvwxyz"].filter((k) => !taken.has(k) && !bindings.has(k));
  for (const { label_id } of labels) {
    if (!keys.has(label_id) && free.length) keys.set(label_id, /** @type {string} */ (free.shift()));
  }
  return keys;
}

/** Labels whose own key is taken by the card, with the card's action. @param {Label[]} labels @param {Map<string, string>} bindings
 * @returns {{label: Label, key: string, action: string}[]} */
export function clashes(labels, bindings) {
  return labels.flatMap((label) => {
    const key = label.own_key ? label.key?.toLowerCase() ?? "" : "";
    const action = bindings.get(key);
    return action ? [{ label, key, action }] : [];
  });
}

/** @type {Record<string, string>} */
const NAMES = { Escape: "Esc", Enter: "⏎ Enter", Backspace: "⌫", Space: "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑",
  ArrowDown: "↓", PageUp: "PgUp", PageDown: "PgDn" };

/** How a key is written on its cap. @param {string} key @returns {string} */
export function keyName(key) {
  if (key.startsWith("Shift+")) return `⇧${keyName(key.slice(6))}`;
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}
