// @ts-check
// The item on the screen, the next ones, and the last decisions. Plain state, no clock, no DOM.

/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").ItemAct} Act */
/** @typedef {import("./types.d.ts").Decide} Decide */

export const KEPT = 50; // decisions that can be undone
export const REVISION = "revision"; // why an item is on the screen that was decided before

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
    /** What stands of the last decisions, the newest at the end. @type {Past[]} */
    this.past = [];
    /** Ids of decisions that were taken back here. @type {Set<string>} */
    this.undone = new Set();
  }

  /** @returns {Item | undefined} */
  get current() { return this.items[0]; }

  /** An item arrives: to the end; a newer version of one that waits takes its place, and has its picture at once; the
   * first two stay as they are. @param {Item} item */
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

  /** An item as it waits here, and as each decision keeps it that can be undone. @param {string} item_id @returns {Item[]} */
  kept(item_id) { return [...this.items, ...this.past.flatMap(({ item }) => item ?? [])].filter((item) => item.item_id === item_id); }

  /** Items are taken out, but for the first `keep`. @param {string[]} item_ids @param {number} keep */
  drop(item_ids, keep) {
    const gone = new Set(item_ids);
    this.items = this.items.filter((item, i) => i < keep || !gone.has(item.item_id));
  }

  /** The next item takes the screen, and the current one comes last; or back again. @param {1 | -1} by */
  turn(by) {
    const [first, ...rest] = this.items;
    if (by > 0) this.items = [...rest, first];
    else this.items = [...this.items.slice(-1), ...this.items.slice(0, -1)];
  }

  /** The current item is decided; the next one takes the screen. @param {Past} past */
  decide(past) {
    const item = this.items.shift();
    if (item) this.#add({ ...past, item });
  }

  /** The current item is answered before its suggestion is shown: it stays on the screen, with both. @param {Past} past @param {number} now */
  hold(past, now) {
    const item = this.items[0];
    if (!item) return;
    this.#add({ ...past, item });
    this.#reveal(item, now);
  }

  /** The last answer is the first one to its item: the suggestion is seen from here on. @param {Item} item @param {number} now */
  #reveal(item, now) {
    const first = /** @type {Past} */ (this.past.at(-1));
    first.revealed = true;
    Object.assign(item, { first, revealed_at: now, blind: false });
  }

  /** The item that was answered first is kept, or answered otherwise; the next one takes the screen. @param {Past} past */
  second(past) {
    const item = this.items.shift();
    if (item?.first) this.revise(item.first, { ...past, item, second: true });
  }

  /** A former decision is replaced by a newer one. @param {Past} former @param {Past} past */
  revise(former, past) {
    const at = this.past.indexOf(former);
    if (at >= 0) this.past.splice(at, 1);
    this.#add({ ...past, item: former.item, thumb: former.thumb, former: { past: former, at: Math.max(0, at) } });
  }

  /** @param {Past} past */
  #add(past) {
    // Only the newest blind answer can be taken back as blind as it was given: what the model said of the others is told.
    for (const earlier of this.past) earlier.revealed = true;
    this.past.push(past);
    if (this.past.length > KEPT) this.past.shift();
  }

  /** The last decision is taken back. Its item is on the screen again and the others wait; where it revised another
   * decision, that one stands again and the screen stays as it is, but for an item that was answered first.
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

  /** A decision was rejected: its item comes next, never under a finger that is about to press. A revision leaves the
   * former decision. @param {string} decision_id @returns {Item | undefined} */
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

  /** A decision that never came to stand: its item was decided elsewhere. @param {string} decision_id @returns {Item | undefined} */
  forget(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return undefined;
    const [past] = this.past.splice(at, 1);
    if (past.item?.first === past) past.item.first = undefined;
    return past.item;
  }

  /** What the log knows of the last decisions is brought together with what this page knows: decisions that are on
   * their way come last, those taken back stay away. @param {Past[]} stored @param {Act[]} waiting */
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
