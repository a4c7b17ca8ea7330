// @ts-check
// The rows of a tree of labels, and navigation by keys. Pure, no DOM.

import { plain } from "../labels.js";

/** @typedef {import("./types.d.ts").Node} Node */
/** @typedef {{label: Node, level: number, size: number, place: number, open: boolean | null}} Row
 * `place` of `size` siblings, from 1 on; `open` is null where nothing lies under the label */

/** The labels of a taxonomy, depth first, with their parents and children. */
export class Tree {
  /** @param {Node[]} labels @param {number} [version] @param {boolean} [inner_answers] @param {import("./types.d.ts").TreeAttribute[]} [attributes] */
  constructor(labels = [], version = 0, inner_answers = false, attributes = []) {
    this.labels = labels;
    this.attributes = attributes;
    this.version = version;
    this.inner_answers = inner_answers;
    this.byId = new Map(labels.map((label) => [label.label_id, label]));
    /** @type {Map<string | null, Node[]>} */
    this.under = new Map();
    /** @type {Map<string, number>} */
    this.named = new Map();
    for (const label of labels) {
      const parent = label.parent ?? null;
      const siblings = this.under.get(parent);
      if (siblings) siblings.push(label);
      else this.under.set(parent, [label]);
      this.named.set(label.name, (this.named.get(label.name) ?? 0) + 1);
      // Depth first: the parent of a label has its path already.
      label.path = parent ? `${this.byId.get(parent)?.path} / ${label.name}` : label.name;
    }
  }

  /** The labels right under this one; under null those at the top. @param {string | null} id @returns {Node[]} */
  children(id) { return this.under.get(id) ?? []; }

  /** Whether it may be an answer. @param {string} id */
  answers(id) { return this.inner_answers || !this.under.has(id); }

  /** The labels above this one, the top first. @param {string} id @returns {Node[]} */
  above(id) {
    const found = [];
    for (let at = this.byId.get(id)?.parent; at; at = this.byId.get(at)?.parent) found.push(/** @type {Node} */ (this.byId.get(at)));
    return found.reverse();
  }

  /** Whether one lies somewhere under the other. @param {string} id @param {string} other */
  isUnder(id, other) { return this.above(id).some((label) => label.label_id === other); }

  /** @param {string} id */
  path(id) { return this.byId.get(id)?.path ?? id; }

  /** @param {string | null} id */
  attribute(id) { return this.attributes.find((one) => one.attribute_id === id); }

  /** The name of a label in edits: its name, or its path if another label has the same name. @param {string} id */
  call(id) {
    const name = this.byId.get(id)?.name ?? id;
    return this.named.get(name) === 1 ? name : this.path(id);
  }

  /**
   * The rows to be seen, from the top.
   * @param {Set<string>} shut label_ids that hide what lies under them
   * @param {string} [query] only labels whose path has all these words, and what lies above them
   * @returns {Row[]}
   */
  rows(shut, query = "") {
    const parts = plain(query.trim()).split(/\s+/).filter(Boolean);
    const kept = parts.length ? this.#matching(parts) : null;
    /** @type {Row[]} */
    const rows = [];
    /** @param {string | null} parent @param {number} level */
    const put = (parent, level) => {
      const siblings = kept ? this.children(parent).filter((label) => kept.has(label.label_id)) : this.children(parent);
      siblings.forEach((label, i) => {
        const inner = this.under.has(label.label_id);
        const open = inner ? kept !== null || !shut.has(label.label_id) : null;
        rows.push({ label, level, size: siblings.length, place: i + 1, open });
        if (open) put(label.label_id, level + 1);
      });
    };
    put(null, 1);
    return rows;
  }

  /** @param {string[]} parts */
  #matching(parts) {
    const kept = new Set();
    for (const label of this.labels) {
      const path = plain(this.path(label.label_id));
      if (!parts.every((part) => path.includes(part))) continue;
      kept.add(label.label_id);
      for (const above of this.above(label.label_id)) kept.add(above.label_id);
    }
    return kept;
  }
}

/** The effect of a key on a row, as in WAI-ARIA's tree pattern: another row, or opening or closing this one.
 * @param {Row[]} rows @param {number} at @param {string} key @param {number} [page] rows to be seen at once
 * @returns {{to?: number, open?: boolean} | null} null: not a key of the pattern */
export function lead(rows, at, key, page = 10) {
  const row = rows[at];
  const within = (/** @type {number} */ to) => ({ to: Math.max(0, Math.min(rows.length - 1, to)) });
  if (key === "Home") return within(0);
  if (key === "End") return within(rows.length - 1);
  if (key === "ArrowDown") return within(at + 1);
  if (key === "ArrowUp") return within(at - 1);
  if (key === "PageDown") return within(at + page);
  if (key === "PageUp") return within(at - page);
  if (key === "ArrowRight") return row?.open === false ? { open: true } : row?.open ? within(at + 1) : within(at);
  if (key === "ArrowLeft") {
    if (row?.open) return { open: false };
    for (let to = at - 1; to >= 0; to--) if (rows[to].level < (row?.level ?? 0)) return within(to);
    return within(at);
  }
  return null;
}

/** The next row whose name begins with what was typed, from the one in focus on and round; -1 when there is none.
 * One letter goes on to the next, more stay while they fit. @param {Row[]} rows @param {number} at @param {string} typed */
export function typeahead(rows, at, typed) {
  const wanted = plain(typed);
  const from = wanted.length === 1 || [...wanted].every((letter) => letter === wanted[0]) ? at + 1 : at;
  const sought = from > at ? wanted[0] : wanted;
  for (let i = 0; i < rows.length; i++) {
    const to = (from + i) % rows.length;
    if (plain(rows[to].label.name).startsWith(sought)) return to;
  }
  return -1;
}
