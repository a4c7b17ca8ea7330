// @ts-check
// Which item is on the screen, which come next, which were just decided? Plain state, no clock, no DOM.

/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {{item: Item, decision_id: string, words: string}} Past */

export const KEPT = 50; // decisions that can be undone

export class Queue {
  constructor() {
    /** The item on the screen, then the ones after it. @type {Item[]} */
    this.items = [];
    /** @type {Past[]} */
    this.past = [];
  }

  /** @returns {Item | undefined} */
  get current() { return this.items[0]; }

  /** An item arrives: to the end; a newer version of one that waits takes its place; the first two stay as they are.
   * @param {Item} item */
  push(item) {
    const at = this.items.findIndex((i) => i.item_id === item.item_id);
    if (at < 0) this.items.push(item);
    else if (at >= 2) this.items[at] = item;
  }

  /** @param {string} item_id @returns {Item | undefined} */
  find(item_id) { return this.items.find((i) => i.item_id === item_id); }

  /** Items are taken out, but for the first `keep`. @param {string[]} item_ids @param {number} keep */
  drop(item_ids, keep) {
    const gone = new Set(item_ids);
    this.items = this.items.filter((item, i) => i < keep || !gone.has(item.item_id));
  }

  /** The current item is decided; the next one takes the screen. @param {string} decision_id @param {string} words */
  decide(decision_id, words) {
    const item = this.items.shift();
    if (!item) return;
    this.past.push({ item, decision_id, words });
    if (this.past.length > KEPT) this.past.shift();
  }

  /** The last decision is taken back: its item is on the screen again, the others wait. @returns {Past | undefined} */
  undo() {
    const last = this.past.pop();
    if (!last) return undefined;
    this.items = [last.item, ...this.items.filter((i) => i.item_id !== last.item.item_id)];
    return last;
  }

  /** A decision was rejected: its item comes next, never under a finger that is about to press.
   * @param {string} decision_id @returns {Item | undefined} */
  bringBack(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return undefined;
    const [{ item }] = this.past.splice(at, 1);
    if (!this.find(item.item_id)) this.items.splice(1, 0, item);
    return item;
  }

  clear() { this.items = []; this.past = []; }
}
