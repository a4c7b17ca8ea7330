// @ts-check
// Labels that match what a person types.

/** @typedef {import("./types.d.ts").Label} Label */

/** @param {string} text */
export const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** @type {WeakMap<Label, {name: string, path: string, words: string}>} */
const known = new WeakMap();

/** @param {Label} label */
function spelled(label) {
  let forms = known.get(label);
  if (!forms) {
    const path = plain(label.path);
    forms = { name: plain(label.name), path, words: ` ${path.replace(/[^\p{L}\p{N}]+/gu, " ")}` };
    known.set(label, forms);
  }
  return forms;
}

/**
 * The labels, with those first that an earlier answer may mean, in its order. Keys don't change.
 * @template {{label_id: string}} T
 * @param {T[]} labels
 * @param {string[]} candidates label_ids
 */
export function likelyFirst(labels, candidates) {
  const likely = candidates.flatMap((label_id) => labels.filter((label) => label.label_id === label_id));
  return [...likely, ...labels.filter((label) => !likely.includes(label))];
}

/**
 * Labels that match what was typed, best first: names that begin with it, then words that do, then any place in
 * name or path. Among equals those used lately come first, then the likelier, then the taxonomy's order.
 * @param {Label[]} labels
 * @param {string} query
 * @param {{probs?: Map<string, number>, recent?: string[], limit?: number}} [hints] probs: label_id -> probability; recent: label_ids, the last used first
 * @returns {Label[]}
 */
export function match(labels, query, { probs = new Map(), recent = [], limit = 12 } = {}) {
  const parts = plain(query.trim()).split(/\s+/).filter(Boolean);
  const wanted = parts.join(" ");
  const lately = new Map(recent.map((label_id, i) => [label_id, recent.length - i]));
  /** @type {{label: Label, rank: number, used: number, p: number, i: number}[]} */
  const found = [];
  labels.forEach((label, i) => {
    const { name, path, words } = spelled(label);
    const rank = !wanted || name.startsWith(wanted) ? 0 : parts.every((part) => words.includes(` ${part}`)) ? 1 : parts.every((part) => path.includes(part)) ? 2 : -1;
    if (rank >= 0) found.push({ label, rank, used: lately.get(label.label_id) ?? 0, p: probs.get(label.label_id) ?? 0, i });
  });
  found.sort((a, b) => a.rank - b.rank || b.used - a.used || b.p - a.p || a.i - b.i);
  return found.slice(0, limit).map((f) => f.label);
}
