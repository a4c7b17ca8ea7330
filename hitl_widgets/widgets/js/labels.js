// @ts-check
// Which labels does a person mean who types these letters?

/** @typedef {import("./types.d.ts").Label} Label */

/** @param {string} text */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * Labels that match what was typed, best first: names that begin with it, then words that do, then any place in
 * name or path. Among equals the likelier comes first, then the taxonomy's order.
 * @param {Label[]} labels
 * @param {string} query
 * @param {Map<string, number>} [probs] label_id -> probability
 * @param {number} [limit]
 * @returns {Label[]}
 */
export function match(labels, query, probs = new Map(), limit = 12) {
  const wanted = plain(query.trim());
  /** @type {{label: Label, rank: number, p: number, i: number}[]} */
  const found = [];
  labels.forEach((label, i) => {
    const name = plain(label.name);
    const path = plain(label.path);
    const rank = !wanted ? 0 : name.startsWith(wanted) ? 0
      : ` ${path.replace(/[^\p{L}\p{N}]+/gu, " ")}`.includes(` ${wanted}`) ? 1 : path.includes(wanted) ? 2 : -1;
    if (rank >= 0) found.push({ label, rank, p: probs.get(label.label_id) ?? 0, i });
  });
  found.sort((a, b) => a.rank - b.rank || b.p - a.p || a.i - b.i);
  return found.slice(0, limit).map((f) => f.label);
}
