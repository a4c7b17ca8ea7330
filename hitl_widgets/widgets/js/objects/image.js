// @ts-check
// The objects of one item: the list, the one in focus, and the undo steps. Pure state, no DOM.
//
// What the card calls (everything else here is for stage/objects.js):
//
//   const memory = newMemory();                                 // one for the card: the label used last, sizes by label
//   objects = ImageObjects.of({ kind, size: [w, h], shown: item.objects, given: past?.objects, memory });
//       // kind: "box" | "polygon" | "point"; shown: what Python proposes (nothing where the item is blind);
//       // given: the objects of an earlier answer that is revised (those with act "deleted" are left out)
//   objects = ImageObjects.fromDraft(draft, memory)             // null where the draft can't be read
//   objects.toDraft()                                           // JSON, or null: nothing was touched
//   objects.version                                             // goes up with everything that a draft or the screen shows
//
//   key(objects, event) (objects/keys.js)                 // keys that are always the same: Tab, Shift+Tab, arrows with
//       // Shift and Alt, and while something is drawn Space, Enter, Backspace. Esc gives up one thing after the other.
//       // Returns words for the notice ("" where nothing is to be said), or null: the key is the card's. Call it before
//       // anything else; Tab gives null after the last object (let the browser leave the card), arrows give null with
//       // nothing in focus, Esc gives null once nothing is in focus.
//   act(objects, action, { view, labels }) (objects/keys.js)    // keys of the table: see ACTIONS there. null: not just now.
//       // view: what is in view (stage.view()); labels: ids of the labels there are. Ask no action twice for a held key.
//   objects.relabel(label_id)                                   // a label's key. null: nothing is in focus
//   objects.rate(value), objects.nudge(by)                      // certainty of the object in focus. null: nothing is in focus
//   objects.unsure()                                            // of the object in focus. null: nothing is in focus, so it is the item
//   objects.undo()                                              // words, or null: nothing is left to take back, so it is the decision
//   snap(objects, grey, { side }) (objects/snap.js)             // one step; words. grey: greyAround(item.picture, size, objects.current.at) of stage/objects.js
//       // side: true: only the side that was moved last
//   objects.alone = true | false                                // the others are hidden while a key is held
//
//   objects.problem                                             // why it can't be decided now, in words, or null
//   objects.sent, objects.seen, objects.touched, objects.verdict, objects.size    // what goes into a decision
//   objects.remember()                                          // call it when the item is decided: sizes go into the memory
//   objects.words(nameOf), objects.describe(nameOf)             // "20 objects: 17 as proposed, 2 moved"; "3 of 20: RBC, score 0.41"
//
// An instance that was decided stays as it is, with its steps: the card keeps it with the past decision, and undo goes on in it.
//
// The order of Tab: untouched objects first, lowest score first; those without a score are last.

import { Marks } from "../card/marks.js";
import { newId } from "../outbox.js";
import { boundsOf, boxAround, problemOf, rounded, same } from "./shapes.js";

/** @typedef {import("./types.d.ts").At} At */
/** @typedef {import("./types.d.ts").Given} Given */
/** @typedef {import("./types.d.ts").Memory} Memory */
/** @typedef {import("./types.d.ts").ObjectEntry} ObjectEntry */
/** @typedef {import("./types.d.ts").ObjectsDraft} ObjectsDraft */
/** @typedef {import("./types.d.ts").ObjectsOf} ObjectsOf */
/** @typedef {import("./types.d.ts").Shape} Shape */
/** @typedef {import("./types.d.ts").Spot} Spot */
/** The object that is being drawn. A polygon has no object before it is closed. `placing`: arrows move it; `sizing`: they move
 * its right and lower side. `plain`: it is unchanged so far, so another label still changes its size.
 * @typedef {{how: "placing" | "sizing", id: string, plain: boolean} | {how: "corners", spots: Spot[], cursor: Spot, label_id: string}} Drawing */
/** An undo step. `selection`: the selected range of the text then; `judged`: the former judgement of the focused object's explanation.
 * @typedef {{list: readonly Shape[], focus: string | null, vertex: number | null, words: string, selection?: readonly [number, number] | null, judged?: import("../card/marks.js").Judgement}} Step */

export const MOST = 1000; // objects in a decision
const STEPS = 1000; // that can be undone
const MOST_CERTAIN = 10;

/** @returns {Memory} */
export const newMemory = () => ({ label_id: null, sizes: new Map() });

/** @param {ObjectEntry} entry @returns {Shape} */
export function shapeOf({ id, kind, at, label_id, score = null, origin, was, certainty = null, unsure = false }) {
  const by_model = (origin ?? "model") === "model";
  return { id, kind, at, label_id, certainty, unsure, score, origin: origin ?? "model", proposal: by_model ? was ?? { at, label_id } : null };
}

/** Lowest score first; without a score last, in the order in which they were added. @param {Shape} a @param {Shape} b */
const byScore = (a, b) => (a.score ?? Infinity) - (b.score ?? Infinity) || 0;

export class ImageObjects {
  /** @param {ObjectsOf} of */
  static of({ kind, size, shown, given, memory }) {
    const present = (given ?? shown).filter(({ act }) => act !== "deleted");
    return new ImageObjects({ kind, size, shown: given ?? shown, list: present.map(shapeOf), answered: given !== undefined, memory }).judgedAs(given);
  }

  /** @param {ObjectsDraft | null | undefined} draft @param {Memory} [memory] @returns {ImageObjects | null} */
  static fromDraft(draft, memory) {
    if (!draft || !Array.isArray(draft.list) || !Array.isArray(draft.shown) || !draft.size) return null;
    const { kind, size, shown, list, touched, focus } = draft;
    const objects = new ImageObjects({ kind, size, shown, list, answered: draft.answered, memory }).judgedAs(draft.reasons);
    for (const id of touched) objects.known.add(id);
    if (focus !== null) objects.take(focus);
    return objects;
  }

  /** Adds earlier judgements of explanations. @param {Iterable<{id: string, reason?: import("../messages.d.ts").ObjectReasonEntry}>} [entries] @returns {this} */
  judgedAs(entries = []) {
    for (const { id, reason } of entries) if (reason) this.reasons.set(id, new Marks(reason));
    return this;
  }

  /** @param {{kind: Shape["kind"], size: import("./types.d.ts").Size, shown: ObjectEntry[], list: readonly Shape[], answered: boolean, memory?: Memory}} of */
  constructor({ kind, size, shown, list, answered, memory = newMemory() }) {
    this.kind = kind;
    this.size = size;
    /** What was on the screen before the person did anything: `seen` says it. */
    this.shown = shown;
    /** Whether an earlier answer is revised. */
    this.answered = answered;
    this.memory = memory;
    /** Replaced as a whole, as are the objects in it, so that an identical reference means no change. @type {readonly Shape[]} */
    this.list = list;
    /** The id of the object in focus. @type {string | null} */
    this.focus = null;
    /** The active corner of the polygon in focus. @type {number | null} */
    this.vertex = null;
    /** @type {Drawing | null} */
    this.drawing = null;
    /** The side of the box in focus that was moved last. @type {import("./types.d.ts").Side | null} */
    this.side = null;
    /** Whether the other objects are hidden. */
    this.alone = false;
    this.version = 0;
    /** Ids of objects that were in focus or changed. @type {Set<string>} */
    this.known = new Set();
    /** Judgements of objects' explanations, deleted objects included. @type {Map<string, Marks>} */
    this.reasons = new Map();
    /** @type {Step[]} */
    this.steps = [];
    /** The tag of the last step, as long as nothing else happened since. */
    this.tag = "";
    /** Ids in the order in which Tab visited them, and the present position. @type {{ids: string[], at: number}} */
    this.pass = { ids: [], at: -1 };
    /** @type {WeakMap<Shape, string | null>} */
    this.checked = new WeakMap();
  }

  // What there is

  /** The object in focus. @returns {Shape | null} */
  get current() { return this.focus === null ? null : this.get(this.focus); }

  /** @param {string} id @returns {Shape | null} */
  get(id) { return this.list.find((object) => object.id === id) ?? null; }

  /** Whether an object is a proposal that was neither changed nor in focus. @param {Shape} object */
  isProposal(object) { return !this.answered && object.proposal !== null && !this.known.has(object.id); }

  /** What was done to an object. @param {Shape} object @returns {"accepted" | "moved" | "relabelled" | "added"} */
  became({ proposal, at, label_id }) {
    if (!proposal) return "added";
    return proposal.label_id !== label_id ? "relabelled" : same(proposal.at, at) ? "accepted" : "moved";
  }

  // Focus

  /** @param {string | null} id */
  take(id) {
    if (id !== this.focus) { this.vertex = null; this.side = null; }
    if (this.drawing && (this.drawing.how === "corners" || this.drawing.id !== id)) this.drawing = null;
    this.focus = id !== null && this.get(id) ? id : null;
    this.tag = "";
    this.version++;
    if (this.focus === null) return;
    this.known.add(this.focus);
    const { pass } = this;
    const at = pass.ids.indexOf(this.focus);
    if (at < 0) pass.ids.splice(++pass.at, 0, this.focus);
    else pass.at = at;
  }

  /** The next object, or null after the last one: then nothing is in focus. @returns {Shape | null} */
  next() {
    this.take(this.following());
    if (this.focus === null) this.pass = { ids: [], at: -1 };
    return this.current;
  }

  /** The objects in the order of Tab. @returns {Shape[]} */
  get order() { return [...this.list].sort(byScore); }

  /** The word for one object. */
  get noun() { return "object"; }

  /** @returns {string | null} */
  following() {
    const { ids, at } = this.pass;
    const there = new Set(this.list.map(({ id }) => id));
    const later = ids.find((id, i) => i > at && there.has(id));
    if (later !== undefined) return later;
    const visited = new Set(ids);
    const left = this.order.filter(({ id }) => !visited.has(id));
    return (left.find(({ id }) => !this.known.has(id)) ?? left[0])?.id ?? null;
  }

  /** The one that was in focus before, or null where there is none. @returns {Shape | null} */
  previous() {
    const { ids, at } = this.pass;
    let i = this.focus === null ? at : at - 1;
    while (i >= 0 && !this.get(ids[i])) i--;
    this.take(i < 0 ? null : ids[i]);
    if (i < 0) this.pass.at = -1;
    return this.current;
  }

  // Steps

  /** Adds an undo step; one that continues the last, as with a key held down, is merged with it.
   * @param {string} tag what it is @param {readonly Shape[]} list @param {string} words that say what was done
   * @param {{goes_on?: boolean, focus?: string | null}} [how] */
  step(tag, list, words, { goes_on = false, focus = this.focus } = {}) {
    if (!(goes_on && this.tag === tag)) this.steps.push({ list: this.list, focus: this.focus, vertex: this.vertex, words });
    if (this.steps.length > STEPS) this.steps.shift();
    this.list = list;
    if (focus !== this.focus) this.take(focus);
    if (focus !== null) this.known.add(focus);
    this.tag = tag;
    this.version++;
  }

  /** Changes the object in focus. @param {string} tag @param {Partial<Shape>} change @param {string} words @param {boolean} [goes_on] */
  change(tag, change, words, goes_on = false) {
    const { current } = this;
    if (!current) return;
    this.step(tag, this.list.map((object) => (object === current ? { ...object, ...change } : object)), words, { goes_on });
  }

  /** Moves or reshapes the object in focus. @param {string} tag @param {At} at @param {string} words @param {boolean} [goes_on]
   * @returns {boolean} whether anything changed */
  place(tag, at, words, goes_on = false) {
    if (!this.current || at === this.current.at || (at.length === this.current.at.length && at.every((value, i) => value === this.current?.at[i]))) return false;
    if (this.drawing && "plain" in this.drawing) this.drawing.plain = false;
    this.change(tag, { at }, words, goes_on);
    return true;
  }

  /** The judgement of the explanation of the object in focus. @returns {Marks | null} */
  get marks() {
    if (this.focus === null) return null;
    const marks = this.reasons.get(this.focus) ?? new Marks();
    this.reasons.set(this.focus, marks);
    return marks;
  }

  /** Adds an undo step for a judgement. @param {import("../card/marks.js").Judgement} before the former judgement */
  judged(before) {
    this.step("reason", this.list, "what was said of the reason");
    this.steps[this.steps.length - 1].judged = before;
  }

  /** Whether the last step was a judgement of the explanation of the object in focus. */
  get judging() {
    const last = this.steps.at(-1);
    return last?.judged !== undefined && last.focus === this.focus;
  }

  /** A version of all marked regions: goes up with each stroke. */
  get marked() { return [...this.reasons.values()].reduce((n, { regions }) => n + (regions?.version ?? 0), 0); }

  /** The judgement of the explanation of an object. @param {string} id @returns {import("../messages.d.ts").ObjectReasonEntry | null} */
  reasonOf(id) {
    const marks = this.reasons.get(id);
    if (!marks?.judged) return null;
    const { judgement: { reason, wrong, missing }, method, display } = marks;
    return { reason: reason ?? "wrong", ...(wrong && { wrong }), ...(missing && { missing }), ...(method && { method }), ...(display && { display }) };
  }

  /** The judgements as a decision stores them, of objects that are or were on the screen. @returns {Record<string, import("../messages.d.ts").ObjectReasonEntry>} */
  get judgements() {
    const there = new Set([...this.shown, ...this.list].map(({ id }) => id));
    return Object.fromEntries([...this.reasons.keys()].flatMap((id) => {
      const reason = there.has(id) ? this.reasonOf(id) : null;
      return reason ? [[id, reason]] : [];
    }));
  }

  /** @returns {string | null} what was taken back, in words */
  undo() {
    const { drawing } = this;
    if (drawing?.how === "corners") {
      if (!drawing.spots.pop()) this.drawing = null;
      this.version++;
      return this.drawing ? "Corner taken back" : "Not drawn";
    }
    const step = this.steps.pop();
    if (!step) return null;
    this.list = step.list;
    this.drawing = null;
    this.take(step.focus);
    this.vertex = step.vertex;
    if (step.judged && step.focus !== null) this.reasons.set(step.focus, new Marks(step.judged));
    return `Taken back: ${step.words}`;
  }

  // What is said of the object in focus

  /** @param {string} label_id @returns {string | null} */
  relabel(label_id) {
    const { current, drawing } = this;
    if (drawing?.how === "corners") {
      drawing.label_id = this.memory.label_id = label_id;
      this.version++;
      return "";
    }
    if (!current) return null;
    this.memory.label_id = label_id;
    if (current.label_id === label_id) return "";
    const fits = drawing && "plain" in drawing && drawing.plain && this.kind === "box";
    const [x0, y0, x1, y1] = boundsOf(current.at);
    const at = fits ? boxAround({ x: (x0 + x1) / 2, y: (y0 + y1) / 2 }, ...this.usual(label_id), this.size) : current.at;
    this.change("relabel", { label_id, at }, "another label");
    return "";
  }

  /** @param {number | null} certainty @returns {string | null} */
  rate(certainty) {
    if (!this.current) return null;
    if (certainty !== this.current.certainty) this.change("certainty", { certainty }, "certainty");
    return certainty === null ? "No certainty" : `Certainty ${certainty} for this ${this.noun}`;
  }

  /** @param {1 | -1} by @returns {string | null} */
  nudge(by) {
    if (!this.current) return null;
    const now = this.current.certainty;
    return this.rate(now === null ? (by > 0 ? MOST_CERTAIN : MOST_CERTAIN - 1) : Math.max(0, Math.min(MOST_CERTAIN, now + by)));
  }

  /** @returns {string | null} */
  unsure() {
    if (!this.current) return null;
    const unsure = !this.current.unsure;
    this.change("unsure", { unsure }, "unsure");
    return unsure ? `Unsure of this ${this.noun}` : `Sure of this ${this.noun} again`;
  }

  /** Deletes the object in focus, and focuses the next one. @returns {string | null} */
  remove() {
    const { current } = this;
    if (!current) return null;
    const list = this.list.filter((object) => object !== current);
    this.step("delete", list, "deleted");
    this.drawing = null;
    this.take(this.following());
    return "Deleted";
  }

  /** @param {At} at @param {string} label_id @returns {Shape | null} null: there are too many */
  add(at, label_id) {
    if (this.list.length >= MOST) return null;
    /** @type {Shape} */
    const object = { id: newId(), kind: this.kind, at, label_id, certainty: null, unsure: false, score: null, origin: "person", proposal: null };
    this.memory.label_id = label_id;
    this.step("add", [...this.list, object], "added", { focus: object.id });
    return object;
  }

  /** How wide and high a new box of a label is: the median of those here, or of the last item, or a twelfth of the item.
   * @param {string} label_id @returns {[number, number]} */
  usual(label_id) {
    return this.#median(label_id) ?? this.memory.sizes.get(label_id) ?? [this.size[0] / 12, this.size[1] / 12];
  }

  /** @param {string} label_id @returns {[number, number] | null} */
  #median(label_id) {
    const fresh = this.drawing && "id" in this.drawing ? this.drawing.id : null;
    const bounds = this.list.filter((object) => object.label_id === label_id && object.id !== fresh).map(({ at }) => boundsOf(at));
    if (!bounds.length) return null;
    /** @param {number[]} values */
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    return [middle(bounds.map(([x0, , x1]) => x1 - x0)), middle(bounds.map(([, y0, , y1]) => y1 - y0))];
  }

  /** Remembers the sizes of the boxes for the next item; to be called when the item is decided. */
  remember() {
    for (const label_id of new Set(this.list.map((object) => object.label_id))) {
      const median = this.#median(label_id);
      if (median) this.memory.sizes.set(label_id, median);
    }
  }

  // What is stored

  /** Why it can't be decided as it is. @returns {string | null} */
  get problem() {
    if (this.drawing?.how === "corners") return "A polygon isn't closed yet: Enter closes it, Esc gives it up.";
    const bad = this.kind === "polygon" ? this.list.find((object) => this.problemWith(object)) : undefined;
    return bad ? `A polygon ${this.problemWith(bad)}: move or remove a corner, or delete it.` : null;
  }

  /** @param {Shape} object @returns {string | null} */
  problemWith(object) {
    if (object.kind !== "polygon" || (object.proposal && object.at === object.proposal.at)) return null;
    let problem = this.checked.get(object);
    if (problem === undefined) this.checked.set(object, problem = problemOf(object.at));
    return problem;
  }

  /** @returns {Given[]} */
  get sent() {
    const before = new Map(this.shown.map((entry) => [entry.id, entry.at]));
    return this.list.map(({ id, kind, at, label_id, certainty, unsure }) => {
      const shown = before.get(id);
      // Unmoved objects get their exact coordinates again, so that they count as accepted.
      return { id, kind, at: shown && same(shown, at) ? [...shown] : rounded(at), label_id, ...(certainty === null ? {} : { certainty }),
        ...(unsure ? { unsure: /** @type {const} */ (true) } : {}) };
    });
  }

  /** What was on the screen before the person acted, for the log. */
  get seen() {
    return this.shown.filter(({ act }) => act !== "deleted").map(({ id, kind, at, label_id, score, origin, was }) => ({ id, kind, at, label_id, score: score ?? null,
      ...(origin ? { origin } : {}), ...(was ? { was } : {}) }));
  }

  /** Ids of objects that were in focus or changed, and are or were on the screen. @returns {string[]} */
  get touched() {
    const there = new Set([...this.shown, ...this.list].map(({ id }) => id));
    return [...this.known].filter((id) => there.has(id));
  }

  /** Whether anything differs from what was shown. */
  get differs() {
    const before = this.shown.filter(({ act }) => act !== "deleted");
    if (before.length !== this.list.length) return true;
    const shapes = new Map(this.list.map((object) => [object.id, object]));
    return before.some((entry) => {
      const now = shapes.get(entry.id);
      return !now || now.label_id !== entry.label_id || !same(now.at, entry.at);
    });
  }

  /** @returns {"accept" | "correct" | "answer"} */
  get verdict() { return this.seen.length === 0 ? "answer" : this.differs ? "correct" : "accept"; }

  /** Whether nothing was in focus or changed, so that no draft is needed. */
  get empty() { return this.known.size === 0 && this.steps.length === 0; }

  /** @returns {ObjectsDraft | null} */
  toDraft() {
    if (this.empty) return null;
    const { size, kind, shown, list, touched, focus, answered } = this;
    return { size, kind, shown, list: [...list], touched, focus, answered, reasons: Object.entries(this.judgements).map(([id, reason]) => ({ id, reason })) };
  }

  // In words

  /** @param {(label_id: string) => string} nameOf @returns {string} */
  describe(nameOf) {
    const { current, drawing } = this;
    if (drawing?.how === "corners") return `Drawing ${nameOf(drawing.label_id)}: ${counted(drawing.spots.length, "corner")}`;
    if (!current) return this.list.length ? `${counted(this.list.length, this.noun)}, none in focus` : `No ${this.noun}s`;
    const place = this.order.indexOf(current) + 1;
    const became = this.became(current);
    return [`${place} of ${this.list.length}: ${nameOf(current.label_id)}`, current.score === null ? "added" : `score ${current.score.toFixed(2)}`,
      became === "moved" || became === "relabelled" ? became : "", current.certainty === null ? "" : `certainty ${current.certainty}`,
      current.unsure ? "unsure" : "", this.reasons.get(current.id)?.reason ? `reason ${this.reasons.get(current.id)?.reason}` : "", this.problemWith(current) ?? "",
      this.vertex === null ? "" : `corner ${this.vertex + 1} of ${current.at.length / 2}`].filter(Boolean).join(", ");
  }

  /** @returns {string} */
  words() {
    /** @type {Record<string, number>} */
    const counts = { accepted: 0, moved: 0, relabelled: 0, added: 0 };
    for (const object of this.list) counts[this.became(object)]++;
    const there = new Set(this.list.map(({ id }) => id));
    const deleted = this.seen.filter(({ id }) => !there.has(id)).length;
    const parts = Object.entries({ ...counts, deleted }).filter(([, n]) => n).map(([what, n]) => `${n} ${what === "accepted" ? "as proposed" : what}`);
    return `${counted(this.list.length, this.noun)}${parts.length ? `: ${parts.join(", ")}` : ""}`;
  }
}

/** @param {number} n @param {string} what */
export const counted = (n, what) => `${n || "no"} ${what}${n === 1 ? "" : "s"}`;
