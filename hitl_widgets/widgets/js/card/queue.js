// @ts-check
// The item on the screen, the next ones, and the last decisions. Plain state, no clock, no DOM.

/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").ItemAct} Act */
/** @typedef {import("./types.d.ts").Decide} Decide */

export const KEPT = 50; // decisions that can be undone
export const REVISION = "revision"; // `chosen_by` of an item that was decided before

/** @param {Decide} act @returns {Past} */
export function pastOf({ decision_id, item_id, verdict, label_id, certainty, flags, note, reason, wrong, missing, values, touched, seen }) {
  return { decision_id, item_id, verdict, label_id, certainty, certainty_source: seen.certainty, flags, note, reason, wrong, missing, suggestion: seen.suggestion ?? null,
    hidden: Boolean(seen.hidden), chosen_by: seen.chosen_by,
    ...((reason || wrong || missing) && seen.target && seen.method ? { map: { method: seen.method, target: seen.target, display: seen.display ?? null, against: seen.against ?? null,
      models: [seen.model, seen.values_model].flatMap((model) => model ?? []) } } : {}),
    ...(values ? { values } : {}), ...(touched ? { touched } : {}) };
}

export class Queue {
  constructor() {
    /** The item on the screen, then the ones after it. @type {Item[]} */
    this.items = [];
    /** The last decisions that stand, the newest at the end. @type {Past[]} */
    this.past = [];
    /** Ids of decisions that were undone here. @type {Set<string>} */
    this.undone = new Set();
  }

  /** @returns {Item | undefined} */
  get current() { return this.items[0]; }

  /** Adds an item at the end. A newer version of a waiting item replaces it, and takes over its picture; the first two items
   * aren't replaced. @param {Item} item */
  push(item) {
    const at = this.items.findIndex((i) => i.item_id === item.item_id);
    const former = this.items[at];
    if (!former) this.items.push(item);
    else if (at >= 2 || former.fetching) {
      const { picture, small, side } = former;
      if (picture) Object.assign(item, { picture, small, side });
      former.picture = undefined; // not to be closed with it
      this.items[at] = item;
    }
  }

  /** @param {string} item_id @returns {Item | undefined} */
  find(item_id) { return this.items.find((i) => i.item_id === item_id); }

  /** All copies of an item: in the queue, and with decisions that can be undone. @param {string} item_id @returns {Item[]} */
  kept(item_id) { return [...this.items, ...this.past.flatMap(({ item }) => item ?? [])].filter((item) => item.item_id === item_id); }

  /** Removes items, except among the first `keep`. @param {string[]} item_ids @param {number} keep */
  drop(item_ids, keep) {
    const gone = new Set(item_ids);
    this.items = this.items.filter((item, i) => i < keep || !gone.has(item.item_id));
  }

  /** Moves the current item to the end; or the last one back to the screen. @param {1 | -1} by */
  turn(by) {
    const [first, ...rest] = this.items;
    if (by > 0) this.items = [...rest, first];
    else this.items = [...this.items.slice(-1), ...this.items.slice(0, -1)];
  }

  /** Records the decision on the current item, and shows the next one. @param {Past} past */
  decide(past) {
    const item = this.items.shift();
    if (item) this.#add({ ...past, item });
  }

  /** Records an answer given before the suggestion is shown; the item stays on the screen, now with the suggestion. @param {Past} past @param {number} now */
  hold(past, now) {
    const item = this.items[0];
    if (!item) return;
    this.#add({ ...past, item });
    this.#reveal(item, now);
  }

  /** Shows the suggestion of an item that has just been answered for the first time. @param {Item} item @param {number} now */
  #reveal(item, now) {
    const first = /** @type {Past} */ (this.past.at(-1));
    first.revealed = true;
    Object.assign(item, { first, revealed_at: now, blind: false });
  }

  /** Records the second answer to the current item, which keeps or changes the first, and shows the next item. @param {Past} past */
  second(past) {
    const item = this.items.shift();
    if (item?.first) this.revise(item.first, { ...past, item, second: true });
  }

  /** Replaces a former decision by a newer one. @param {Past} former @param {Past} past */
  revise(former, past) {
    const at = this.past.indexOf(former);
    if (at >= 0) this.past.splice(at, 1);
    this.#add({ ...past, item: former.item, thumb: former.thumb, former: { past: former, at: Math.max(0, at) } });
  }

  /** @param {Past} past */
  #add(past) {
    // Only the newest blind answer can be undone and stay blind: the model's suggestions for the earlier ones have been shown.
    for (const earlier of this.past) earlier.revealed = true;
    this.past.push(past);
    if (this.past.length > KEPT) this.past.shift();
  }

  /** Undoes the last decision. Its item is on the screen again and the others wait; if it revised another decision, that one
   * stands again and the screen stays as it is, except for an item that was answered before its suggestion was shown.
   * @param {number} [now] @returns {Past | undefined} */
  undo(now = 0) {
    const last = this.past.pop();
    if (!last) return undefined;
    this.undone.add(last.decision_id);
    if (last.former && last.second && last.item) {
      const { item, former } = last;
      this.past.push(former.past);
      this.#reveal(item, now);
      this.items = [item, ...this.items.filter((i) => i.item_id !== item.item_id)];
    } else if (last.former) this.past.splice(last.former.at, 0, last.former.past);
    else if (last.chosen_by !== REVISION) {
      const item = last.item ?? { item_id: last.item_id, chosen_by: last.chosen_by ?? "", blind: false, height: 0, width: 0,
        probs: [], maps: {}, fetching: true };
      item.blind = isHidden(last);
      item.first = undefined;
      this.items = [item, ...this.items.filter((i) => i.item_id !== item.item_id)];
    }
    return last;
  }

  /** Takes back a rejected decision: its item comes next, not at once, since a key may be about to be pressed. If it was a
   * revision, the former decision stands. @param {string} decision_id @returns {Item | undefined} */
  bringBack(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return undefined;
    const [past] = this.past.splice(at, 1);
    const { item, former } = past;
    if (item?.first === past) item.first = undefined;
    if (former) this.past.splice(former.at, 0, former.past);
    else if (item && !this.find(item.item_id)) this.items.splice(1, 0, item);
    return item;
  }

  /** Removes a decision that was refused because its item was decided elsewhere. @param {string} decision_id @returns {Item | undefined} */
  forget(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return undefined;
    const [past] = this.past.splice(at, 1);
    if (past.item?.first === past) past.item.first = undefined;
    return past.item;
  }

  /** Merges the last decisions of the log with those of this page: decisions that aren't stored yet come last, undone ones are
   * left out. @param {Past[]} stored @param {Act[]} waiting */
  remember(stored, waiting) {
    const here = new Map(this.past.map((past) => [past.decision_id, past]));
    for (const act of waiting) {
      if (act.kind === "retract") this.undone.add(act.retracts);
      else if (!here.has(act.decision_id)) here.set(act.decision_id, pastOf(act));
    }
    const replaced = new Set();
    for (const { former } of here.values()) for (let f = former; f; f = f.past.former) replaced.add(f.past.decision_id);
    const known = stored.filter((past) => !this.undone.has(past.decision_id)).map((past) => ({ ...past, ...here.get(past.decision_id) }));
    const ids = new Set(stored.map((past) => past.decision_id));
    for (const past of here.values()) {
      if (ids.has(past.decision_id) || this.undone.has(past.decision_id)) continue;
      const at = known.findIndex((earlier) => earlier.item_id === past.item_id && earlier.verdict !== "skip");
      if (at >= 0 && !past.former && !here.has(known[at].decision_id)) {
        const [former] = known.splice(at, 1);
        past.former = { past: former, at };
      }
      known.push(past);
    }
    this.past = known.filter((past) => !replaced.has(past.decision_id)).slice(-KEPT);
    for (const earlier of this.past.slice(0, -1)) earlier.revealed = true;
  }

  clear() { this.items = []; this.past = []; this.undone.clear(); }
}

/** Whether the suggestion of this past item is still to be hidden. @param {Past} past */
export const isHidden = (past) => past.hidden && !past.revealed;
