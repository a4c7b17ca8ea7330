// @ts-check
// The connection between the card and the objects of the item on the screen, in tasks that ask for objects (objects/image.js).
//
// The objects belong to the draft and are created at first use: from the browser's storage, from the decision that is revised
// or was undone, or from the model's proposals.

import { ImageObjects, newMemory } from "../objects/image.js";
import { act, key } from "../objects/keys.js";
import { boundsOf } from "../objects/shapes.js";
import { isText } from "../text/item_text.js";
import { toUnits } from "../text/offsets.js";
import { act as actOnSpans, key as keyOnSpans } from "../text/span_keys.js";
import { TextSpans } from "../text/spans.js";
import { Draft } from "./draft.js";
import { setId } from "./sets.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("../messages.d.ts").ObjectEntry} ObjectEntry */
/** @typedef {import("../objects/types.d.ts").Shape} Shape */

/** @type {Record<string, Shape["kind"]>} */
const KINDS = { boxes: "box", polygons: "polygon", points: "point", spans: "span" };
/** Prefix of the target of an object's saliency map. */
const OF_OBJECT = "object:";
const PACE_MS = 400; // between two objects while the delete key is held down: time enough to release it

/** @param {string | null | undefined} target */
export const isOfObject = (target) => Boolean(target?.startsWith(OF_OBJECT));

/** The objects of a decision, in the form in which the kernel sends those of a decision that is revised. @param {ImageObjects} objects @returns {ObjectEntry[]} */
export function entriesOf(objects) {
  const there = new Map(objects.list.map((object) => [object.id, object]));
  const sent = new Map(objects.sent.map((given) => [given.id, given]));
  const left = objects.list.map((object) => {
    const act = objects.became(object);
    const { score, origin, proposal, certainty, unsure } = object;
    const reason = objects.reasonOf(object.id);
    return /** @type {ObjectEntry} */ ({ .../** @type {any} */ (sent.get(object.id)), origin, act, ...(score === null ? {} : { score }),
      ...(proposal && act !== "accepted" ? { was: { at: [...proposal.at], label_id: proposal.label_id } } : {}),
      ...(certainty === null ? {} : { certainty }), ...(unsure ? { unsure } : {}), ...(reason && { reason }) });
  });
  const gone = objects.shown.flatMap((entry) => {
    if (there.has(entry.id) || (entry.origin ?? "model") !== "model") return [];
    const was = entry.was ?? { at: entry.at, label_id: entry.label_id };
    const reason = objects.reasonOf(entry.id);
    return [/** @type {ObjectEntry} */ ({ id: entry.id, kind: entry.kind, at: was.at, label_id: was.label_id, origin: "model", act: "deleted", was,
      ...(typeof entry.score === "number" ? { score: entry.score } : {}), ...(reason && { reason }) })];
  });
  return [...left, ...gone];
}

/** @param {Iterable<{label_id: string}>} objects @returns {Record<string, number>} */
function countsOf(objects) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { label_id } of objects) counts[label_id] = (counts[label_id] ?? 0) + 1;
  return counts;
}

export class Annotating {
  /** @param {CardSession} session */
  constructor(session) {
    this.session = session;
    /** Kept from item to item: the label used last, and the usual size of its objects. */
    this.memory = newMemory();
    this.repeated_at = -Infinity;
    /** The layout of the page, for the keys of spans; set by text/span_layer.js. @type {import("../text/span_keys.js").Page} */
    this.page = {};
  }

  /** The kind of the objects that the task asks for; null if it asks for none. @returns {Shape["kind"] | null} */
  get kind() { return KINDS[this.session.setup?.task ?? ""] ?? null; }

  /** The word for one object. */
  get noun() { return this.kind === "span" ? "span" : "object"; }

  /** Whether the task asks for objects. */
  get on() { return this.kind !== null; }

  /** The objects of the item on the screen. @returns {ImageObjects | null} */
  get objects() {
    const { item, draft, face } = this.session;
    if (!this.on || !item || face || item.fetching || item.broken || !item.width) return null;
    if (!draft.objects || draft.objects_of !== item) {
      if (this.kind === "span" && !isText(item.picture)) return null; // it comes with the text
      draft.objects = this.#made(item, draft);
      draft.objects_of = item;
    }
    return draft.objects;
  }

  /** The objects that the kernel sent for an item, without those whose label was retired. @param {Item} item @returns {ObjectEntry[]} */
  #sent({ objects = [] }) { return objects.filter(({ label_id }) => this.session.labels.has(label_id)); }

  /** The objects that the person can see: only their own if the item is blind. @param {Item} item */
  #visible(item) { return this.#sent(item).filter(({ origin }) => !item.blind || origin === "person"); }

  /** @param {Item} item @param {Draft} draft @returns {ImageObjects} */
  #made(item, draft) {
    const { memory } = this;
    const kind = /** @type {Shape["kind"]} */ (this.kind);
    /** @type {import("../objects/types.d.ts").Size} */
    const size = [item.width, item.height];
    const shown = this.#visible(item);
    const units = isText(item.picture) ? toUnits(item.picture.text) : null;
    if (draft.objects && draft.objects_of?.item_id === item.item_id && draft.objects.size.every((side, i) => side === size[i])
      && !(draft.objects instanceof TextSpans && draft.objects.units.text !== units?.text)) return draft.objects;
    const kept = units ? TextSpans.fromDraft(draft.kept?.objects, memory, units) : ImageObjects.fromDraft(draft.kept?.objects, memory);
    if (kept) return this.#restored(kept, item, draft);
    if (units && draft.kept) this.session.notice = { bad: true, text: "The text has changed: the spans that you had begun don't fit it." };
    /** @param {Partial<import("../objects/types.d.ts").ObjectsOf>} [more] @returns {ImageObjects} */
    const made = (more) => {
      const of = { kind, size, shown, memory, ...more };
      return units ? TextSpans.of({ ...of, units }) : ImageObjects.of(of);
    };
    if (this.session.revising) return made({ given: this.#entriesOf(this.session.revising.past, shown) });
    const before = draft.former?.filter(({ label_id }) => this.session.labels.has(label_id));
    const again = shown.some(({ origin }) => origin !== undefined);
    const objects = made(before ? { given: before } : again ? { given: shown } : {});
    if (before) { // a decision was undone: its objects come back, and the proposals are those of that time
      objects.shown = shown;
      objects.answered = false;
    }
    const doubtful = shown.filter(({ doubt, act }) => doubt && act !== "deleted").map(({ id }) => id);
    if (!before && doubtful.length) {
      objects.take(doubtful[0]);
      objects.pass = { ids: doubtful, at: 0 }; // Tab leads to the others first
      this.session.notice = { bad: false, text: `${doubtful.length === 1 ? `One ${this.noun} is` : `${doubtful.length} ${this.noun}s are`} in doubt since the labels changed: it is in focus${
        doubtful.length === 1 ? "" : ", and Tab leads to the next"}.` };
    }
    return objects;
  }

  /** @param {Past} past @param {ObjectEntry[]} otherwise @returns {ObjectEntry[]} */
  #entriesOf({ objects, instance }, otherwise) {
    const entries = instance ? entriesOf(instance) : objects ?? otherwise;
    return entries.filter(({ label_id }) => this.session.labels.has(label_id));
  }

  /** The objects from the browser's storage, fitted to the item as it came after a reload. @param {ImageObjects} kept @param {Item} item @param {Draft} draft @returns {ImageObjects} */
  #restored(kept, item, draft) {
    const [width, height] = [item.width / kept.size[0], item.height / kept.size[1]];
    if (width !== 1 || height !== 1) {
      /** @param {readonly number[]} at */
      const scaled = (at) => at.map((value, i) => value * (i % 2 ? height : width));
      kept.list = kept.list.map((object) => ({ ...object, at: scaled(object.at), proposal: object.proposal && { ...object.proposal, at: scaled(object.proposal.at) } }));
      kept.size = [item.width, item.height];
      kept.shown = this.#visible(item);
      kept.reasons.clear();
      this.session.notice = { bad: true, text: "The image has another size now: your objects were scaled to it. Check that they fit." };
    } else if (draft.kept?.screen.blind !== item.blind) kept.shown = this.#visible(item);
    else Object.assign(item, draft.kept.screen); // the model may have learnt since, and the person changed what was on the screen before
    return kept;
  }

  /** Ids of all labels, in order. @returns {string[]} */
  get labels() { return [...this.session.labels.keys()]; }

  /** The label of the object in focus, or of the next new one. @returns {string | null} */
  get label_id() {
    const { objects } = this;
    const { label_id } = this.memory;
    return objects?.current?.label_id ?? (label_id !== null && this.session.labels.has(label_id) ? label_id : null);
  }

  /** The target of a map: the object in focus, if a model proposed it. @returns {string | null} */
  get target() {
    const { current = null } = this.objects ?? {};
    return current?.proposal && current.origin === "model" ? OF_OBJECT + current.id : null;
  }

  /** The judgement of the explanation of the object in focus; null if no proposal is in focus. @returns {import("./marks.js").Marks | null} */
  get marks() { return this.target ? this.objects?.marks ?? null : null; }

  /** Why no explanation can be judged now. */
  get unexplained() {
    if (this.session.blind) return "This item is shown blind: its map is hidden, so no reason can be judged.";
    return this.objects?.current ? `You added this ${this.noun}: the model gives no reason for it.`
      : `Choose ${this.noun === "span" ? "a" : "an"} ${this.noun} first (Tab): each has a reason of its own.`;
  }

  /** @param {string} target @returns {string} */
  named(target) {
    const object = this.objects?.get(target.slice(OF_OBJECT.length));
    return object ? `this ${this.session.nameOf(object.label_id)}` : `${this.noun === "span" ? "a" : "an"} ${this.noun}`;
  }

  // Keys

  /** Reports a change of the objects. @param {string | null} words null: nothing was changed @returns {boolean} */
  done(words) {
    if (words === null) return false;
    const { session } = this;
    session.touched_at = session.now();
    session.answering.wants_map = true;
    session.say(words);
    return true;
  }

  /** A key that is always the same: Tab, arrows, Esc. @param {KeyboardEvent} event @returns {boolean} whether it was for the objects */
  key(event) {
    const { objects } = this;
    if (!objects) return false;
    return this.done(objects instanceof TextSpans ? keyOnSpans(objects, event, this.page) : key(objects, event));
  }

  /** A key of the table. @param {string} action @param {import("../objects/types.d.ts").View} [view] @returns {boolean} */
  act(action, view) {
    const { objects, labels } = this;
    if (!objects) return false;
    return this.done(objects instanceof TextSpans ? actOnSpans(objects, action, { labels }) : act(objects, action, { view, labels }));
  }

  /** Whether the key that deletes, held down, goes on to the next object now. @returns {boolean} */
  goesOn() {
    const now = this.session.now();
    if (now - this.repeated_at < PACE_MS) return false;
    this.repeated_at = now;
    return true;
  }

  /** A label's key: changes the label of the object in focus, or sets that of the next new one. @param {string} label_id */
  label(label_id) {
    const { objects, session } = this;
    if (!objects) return;
    const words = objects.relabel(label_id);
    if (words === null) this.memory.label_id = label_id;
    this.done(words === null ? `New ${this.noun}s: ${session.nameOf(label_id)}` : words || session.nameOf(label_id));
  }

  /** @param {(objects: ImageObjects) => string | null} step @returns {boolean} whether the step applied to objects */
  withObjects(step) { return this.objects ? this.done(step(this.objects)) : false; }

  /** Hides the other objects while a key is held. @param {boolean} alone */
  hold(alone) {
    const { objects } = this;
    if (!objects || objects.alone === alone) return;
    objects.alone = alone;
    objects.version++;
    this.session.changed();
  }

  /** The bounds of the object in focus. */
  get bounds() {
    const { current = null } = this.objects ?? {};
    return current && current.kind !== "span" ? boundsOf(current.at) : null;
  }

  // What is stored

  /** What Enter stores. @param {boolean} guess @returns {import("./session.js").Choice | string} or why it can't be stored */
  choice(guess) {
    const { objects, session } = this;
    if (session.item?.broken) return "This item can't be shown: flag it as bad data, or skip it.";
    if (!objects) return "The item isn't here yet.";
    const unknown = objects.list.find(({ label_id }) => !session.labels.has(label_id));
    if (unknown) {
      objects.take(unknown.id);
      return `The label of this ${this.noun} isn't in the taxonomy any more: press another one's key, or delete the ${this.noun}.`;
    }
    if (objects.problem) return objects.problem;
    const label_id = setId(new Set(objects.list.map((object) => object.label_id)));
    if (guess) return { verdict: "unsure", label_id, words: `Unsure, with ${objects.words()}`, guess: true };
    return { verdict: objects.verdict, label_id, words: `Stored: ${objects.words()}` };
  }

  /** The fields that a decision has for objects. @param {import("./session.js").Choice} choice @returns {Pick<import("./types.d.ts").Decide, "objects" | "size" | "touched" | "reasons">} */
  said({ verdict, guess }) {
    const { objects } = this;
    if (!objects) return {};
    const { judgements } = objects;
    const judged = Object.keys(judgements).length ? { reasons: judgements } : {};
    if (verdict === "skip" || (verdict === "unsure" && !guess && objects.empty)) return judged;
    return { ...judged, objects: objects.sent, size: [objects.size[0], objects.size[1]], touched: objects.touched };
  }

  /** What was on the screen, for the log. @returns {object} */
  get seen() {
    const { item } = this.session;
    const { objects } = this;
    if (!objects || !item) return {};
    // For a blind item: what would have been shown.
    return { objects: item.blind ? this.#sent(item) : objects.shown, ...(item.model ? { model: item.model } : {}) };
  }

  /** The fields that the page keeps of a decision on objects. @param {import("./types.d.ts").Decide} act @returns {Partial<Past>} */
  past({ objects: sent }) {
    const { objects } = this;
    if (!objects) return {};
    objects.remember();
    return { instance: objects, ...(sent ? { counts: countsOf(sent) } : {}) };
  }

  /** The draft of a decision that was undone or refused: its objects, with their undo steps. @param {Past} past @returns {Draft} */
  draftOf(past) {
    const draft = new Draft(past);
    if (past.instance) Object.assign(draft, { objects: past.instance, objects_of: past.item });
    else if (this.on) draft.former = past.objects ?? null;
    return draft;
  }

  /** The number of objects by label, in words. @param {Record<string, number> | undefined} [counts] by default those of the item on the screen @returns {string} */
  inWords(counts = countsOf(this.objects?.list ?? [])) {
    const names = Object.entries(counts).sort(([a], [b]) => this.labels.indexOf(a) - this.labels.indexOf(b));
    return names.map(([label_id, n]) => `${n} ${this.session.nameOf(label_id)}`).join(", ") || `no ${this.noun}s`;
  }
}
