// @ts-check
// The state of the card, and what happens on a key.

import { assignKeys, bind, clashes } from "../keys.js";
import { Annotating, isOfObject } from "./annotating.js";
import { Answering } from "./answering.js";
import { Brush } from "./brush.js";
import { Draft, flagName } from "./draft.js";
import { Extras } from "./extras.js";
import { DraftStore } from "./drafts.js";
import { newId } from "../outbox.js";
import { People } from "./people.js";
import { Parts } from "./parts.js";
import { decodeAhead, release, retry } from "../pictures.js";
import { isHidden, pastOf, Queue, REVISION } from "./queue.js";
import { readable } from "./reading.js";
import { Refusals } from "./refusals.js";
import { Regions } from "./regions.js";
import { keepMap, mainTarget, MapDisplay, mapKey } from "./display.js";
import { Session } from "../session.js";
import { isSet, membersOf } from "./sets.js";
import { Tally } from "./tally.js";
import { tintOf } from "../text/tint.js";

/** @typedef {import("./types.d.ts").Act} Act */
/** @typedef {import("./types.d.ts").CardReady} CardReady */
/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Labels} Labels */
/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").Push} Push */
/** @typedef {import("./types.d.ts").Reply} Reply */
/** @typedef {import("./types.d.ts").Saliency} Saliency */
/** @typedef {import("./types.d.ts").Seen} Seen */
/** @typedef {import("./types.d.ts").Surroundings} Surroundings */
/** @typedef {import("../types.d.ts").Label} Label */
/** @typedef {{verdict: import("./types.d.ts").Verdict, label_id: string | null, words: string, guess?: boolean}} Choice */
/** @typedef {{value: number, source: "given" | "carried"}} Certainty */

const LOW = 6; // items left when more are asked for
const MORE_MS = 2000;
const REVEALED_MS = 150; // nobody reads a suggestion and answers it faster
const QUIET_MS = 1000; // without a key for this long, no key is about to be pressed
const RECENT = 12; // labels used lately
const RESTS_MS = 250; // without a key for this long, the map of the label in focus is requested
const TOUCHES = 8; // decisions whose pictures stay decoded

/** @extends {Session<CardReady, Act>} */
export class CardSession extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, around.storage);
    /** @type {Surroundings} */
    this.around = around;
    this.queue = new Queue();
    this.drafts = new DraftStore(around.storage, around.now);
    this.extras = new Extras(around, { queue: this.queue, changed: () => this.changed(false), say: (text, bad) => this.say(text, bad) });
    /** @type {Map<string, Label>} */
    this.labels = new Map();
    /** label_id -> key @type {Map<string, string>} */
    this.keys = new Map();
    /** Every key that a label ever had here; no key is given to another label. @type {Map<string, string>} */
    this.given = new Map();
    /** The card's own keys: key -> action @type {Map<string, string>} */
    this.bindings = new Map();
    /** @type {Certainty | null} */
    this.certainty = null;
    this.draft = new Draft();
    this.brush = new Brush();
    this.answering = new Answering(this);
    this.annotating = new Annotating(this);
    this.people = new People(around.storage, (said) => this.#speak(said));
    /** The content of the drawer over the labels. @type {import("./people.js").Drawer | null} */
    this.drawer = null;
    /** Whether the kernel has been told that this sitting is over. */
    this.stopped = false;
    /** A choice that waits for a certainty. @type {Choice | null} */
    this.asking = null;
    /** The next label is a best guess. */
    this.guessing = false;
    /** The label that arrows went to; without one the suggestion is in focus. @type {string | null} */
    this.pointed = null;
    /** The label that the one in focus is compared with: why this one and not that? @type {string | null} */
    this.rival = null;
    /** The label that the mouse is over, or that a search has marked: explained, but not what Enter takes. @type {string | null} */
    this.peeked = null;
    /** The past decision that is on the screen, and what the screen held before. @type {{past: Past, item: Item, certainty: Certainty | null, draft: Draft} | null} */
    this.revising = null;
    /** label_ids, the last used first @type {string[]} */
    this.recent = [];
    this.display = new MapDisplay();
    this.tally = new Tally();
    /** @type {string | null} */
    this.end = null;
    /** The card's own code failed. @type {string | null} */
    this.crashed = null;
    /** Whether the notice is about an act that couldn't be stored for a while. */
    this.troubled = false;
    this.named = false;
    this.naming = false;
    this.more_at = -Infinity;
    /** @type {Set<string>} */
    this.mine = new Set();
    /** The annotator's decisions that this page knows of: item_id -> decision ids @type {Map<string, Set<string>>} */
    this.known = new Map();
    /** What somebody else did, and when this page learnt of it. @type {{text: string, at: number} | null} */
    this.news = null;
    /** The state of background learning. @type {import("../messages.d.ts").LearningEntry | null} */
    this.learning = null;
    /** How many pixels of the screen an item's longer side can have; 0 while the card is out of view. */
    this.side = 0;
    /** Items that are still here, though they were decided in another tab. @type {Set<string>} */
    this.elsewhere = new Set();
    /** The last decision made here, if it was refused because another one stands. @type {{at: number, text: string} | null} */
    this.refused = null;
    /** All decisions that were refused for that reason. */
    this.never = new Refusals();
    this.touched_at = -Infinity;
    /** The table of keys from the kernel, and the part of it for a person who may only read. @type {Record<"all" | "reading", import("../types.d.ts").KeyTable> | null} */
    this.keys_of = null;
    /** How many items forward a reader has gone. */
    this.turned = 0;
  }

  // What the card shows

  get item() { return this.revising?.item ?? this.queue.current; }

  /** Why nothing can be answered here, in a sentence: the person's role allows them to read. @returns {string | null} */
  get reading() { return this.people.reading; }
  get needs_name() { return Boolean(this.setup?.annotator_is_default) && !this.named; }

  /** Whether a model's prediction is hidden from the person; false as long as there is no model. */
  get blind() { return Boolean(this.item?.blind && (this.item.model || this.item.values_model || this.item.problem)); }

  /** The suggestion that the person can see. @returns {[string, number] | null} */
  get suggestion() {
    const item = this.item;
    if (!item?.suggestion || item.blind || item.broken || !this.labels.has(item.suggestion)) return null;
    return item.probs.find(([id]) => id === item.suggestion) ?? null;
  }

  /** The label that Enter takes. @returns {Label | undefined} */
  get focused() {
    const { item } = this;
    if (this.annotating.on) return this.labels.get(this.annotating.label_id ?? "");
    const main = this.answering.many && item && !item.blind && !item.broken ? item.target : this.suggestion?.[0];
    return this.labels.get(this.pointed ?? main ?? "");
  }

  /** Whether all labels of a suggestion still exist. @param {string} label_id of a label, or of a set */
  knows(label_id) { return membersOf(label_id).every((id) => this.labels.has(id)); }

  /** Whether the suggestion has only just appeared: a key pressed now wasn't meant for it. */
  get early() { return Boolean(this.first && this.around.now() - (this.item?.revealed_at ?? 0) < REVEALED_MS); }

  /** The label whose meaning is shown. @returns {Label | undefined} */
  get explained() { return this.labels.get(this.peeked ?? "") ?? this.focused; }

  /** The person's judgement of the explanation of the item, or in tasks with objects of the object in focus. @returns {import("./marks.js").Marks | null} */
  get marks() { return this.annotating.on ? this.annotating.marks : this.draft; }

  /** The map that the person can see. @returns {Saliency | null} */
  get saliency() {
    const map = this.display.of(this.item, this.mapped, this.against);
    if (map && (this.answering.alone || this.answering.target !== null || this.annotating.on) && this.mapped !== map.target) return null; // a map of another target doesn't explain this one
    return map && this.#isThere(map.target) && this.#isThere(map.against ?? map.target) ? map : null;
  }

  /** The target chosen for the map: the value of the active attribute, else the label in focus, or the object in focus; null: the label whose map comes by default.
   * @returns {string | null} */
  get mapped() {
    if (this.annotating.on) return this.annotating.target;
    return this.answering.target ?? (this.answering.alone ? null : this.pointed);
  }

  /** The target of the next map: as `mapped`, else the label whose map comes by default, unless an edit retired it.
   * @returns {string | null} */
  get toExplain() {
    const main = this.item && !this.answering.alone ? mainTarget(this.item) : null;
    return this.mapped ?? (main && this.labels.has(main) ? main : null);
  }

  /** The label that the map compares the one in focus with. @returns {string | null} */
  get against() { return this.rival !== null && this.answering.target === null && this.rival !== this.focused?.label_id ? this.rival : null; }

  /** Why nothing can be decided just now, or null. @returns {"start" | "name" | "consent" | "closed" | "fetch" | "wait" | "empty" | "enough" | null} */
  get face() {
    if (this.closed) return "closed";
    if (!this.setup || this.naming) return "start";
    if (this.needs_name) return "name";
    if (this.people.question) return "consent";
    if (this.item) return this.item.fetching ? "fetch" : null;
    return this.end === "enough" || this.end === "empty" ? this.end : "wait";
  }

  now() { return this.around.now(); }

  // What the kernel says

  /** The handshake; the kernel ignores one that arrives after a later one. */
  greeting() { return { ...super.greeting(), have: this.#have() }; }

  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") this.#ready(reply);
    else if (reply.kind === "stored") this.#stored(reply);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.link.flush();
    this.#ask();
    this.changed(false);
  }

  /** @param {import("../messages.d.ts").Stored} reply */
  #stored({ decision_id, aside }) {
    const act = this.outbox.settle(decision_id);
    if (this.troubled && !this.pending) { this.notice = null; this.troubled = false; }
    if (aside && act && this.mine.has(decision_id)) this.#keptAside(act, aside);
  }

  /** Takes back an act that the person's role no longer allowed: it is in the log, and counts nowhere. @param {Act} act @param {string} why */
  #keptAside(act, why) {
    const at = this.around.now();
    const text = act.kind === "decide" ? this.never.add(act.decision_id, act.item_id, why, at) : why;
    this.notice = { text, bad: true };
    this.news = { text, at };
    if (act.kind !== "decide") return;
    const past = this.queue.past.find((one) => one.decision_id === act.decision_id);
    if (past?.former) this.queue.bringBack(act.decision_id); // what it revised stands
    else if (this.#forget(act) && act.verdict !== "skip") this.tally.add(-1, at);
  }

  /** Removes a decision that doesn't stand from the past. @param {Act} act @returns {boolean} whether it was counted */
  #forget({ decision_id }) { return Boolean(this.queue.forget(decision_id)) || this.tally.left.get(decision_id) === 1; }

  /** @param {CardReady} setup */
  #ready(setup) {
    const { setup: former } = this;
    if (former && (former.annotator !== setup.annotator || former.project_id !== setup.project_id)) {
      for (const item of this.queue.items) release(item);
      this.queue.clear();
      this.elsewhere.clear();
      this.revising = null;
      this.more_at = -Infinity;
    }
    this.setup = setup;
    this.naming = false;
    this.bindings = bind(setup.keys);
    this.keys_of = { all: setup.keys, reading: readable(setup.keys) };
    this.#name(setup.taxonomy);
    const [clash] = clashes(setup.taxonomy.labels, this.bindings);
    if (clash) this.notice = { bad: false, text: `${clash.label.name} can't have the key ${clash.key}: the card uses it (${
      clash.action.replaceAll("_", " ")}). wb.review(keys={"${clash.action}": ...}) frees it.` };
    this.display.methods = setup.methods;
    this.outbox.open(setup.project_id, this.around.base, setup.annotator);
    this.tally.take(setup.progress);
    this.tally.ahead(this.#onTheirWay(), this.around.now());
    this.drafts.open(setup.project_id, this.around.base, setup.annotator);
    this.people.open(setup.project_id, this.around.base, setup.annotator);
    this.people.set(setup.about, setup.consent, setup.reading, this.people.aside);
    this.#offer();
    for (const [id, { act }] of this.outbox.entries) {
      this.mine.add(id);
      if (act.kind === "decide") this.#know(act.item_id, id);
    }
    // Items that were pushed before it was known which answers aren't stored yet.
    this.queue.items = this.queue.items.filter(({ item_id, first }) => first || !this.outbox.holds(item_id));
    this.link.restart();
    this.#restoreDraft();
    if (this.item?.fetching) this.#fetch(this.item.item_id);
  }

  /** Offers only the keys that the person's role allows. */
  #offer() {
    const { setup, keys_of } = this;
    const keys = keys_of?.[this.reading === null ? "all" : "reading"];
    if (!setup || !keys || setup.keys === keys) return;
    this.setup = { ...setup, keys };
    this.asking = null;
    this.guessing = false;
    this.brush.kind = null;
  }

  /** @returns {boolean} whether nothing can be answered here, and the person was told so */
  #refuses() {
    if (this.reading) this.say(this.reading, true);
    return this.reading !== null;
  }

  /** @param {Labels} taxonomy */
  #name(taxonomy) {
    this.labels = new Map(taxonomy.labels.map((label) => [label.label_id, label]));
    this.answering.take(taxonomy);
    this.keys = assignKeys(taxonomy.labels, this.given, this.bindings);
    for (const [label_id, key] of this.keys) this.given.set(label_id, key);
    this.extras.examples.clear();
    if (this.setup) this.setup = { ...this.setup, taxonomy };
  }

  /** @param {import("./types.d.ts").Rejected} reply */
  #rejected({ decision_id, item_id, reason, again, decided }) {
    // Replies reach every tab; this one is about another's act.
    if (decision_id && !this.mine.has(decision_id)) return;
    const act = again || !decision_id ? undefined : this.outbox.settle(decision_id);
    if (act?.kind === "retract" && this.never.has(act.retracts)) return; // nothing to take back: its decision was refused, in words
    this.notice = { text: reason, bad: true };
    if (item_id) {
      if (this.revising?.item.item_id === item_id) this.#leave();
      this.queue.items = this.queue.items.filter((item) => !(item.fetching && item.item_id === item_id));
    }
    if (!decision_id) { this.naming = false; return; }
    if (again) {
      this.troubled = true;
      return this.link.postpone(decision_id, reason);
    }
    if (act && act.kind !== "decide" && act.kind !== "retract") this.people.refused(act);
    if (act?.kind !== "decide") return;
    if (decided) {
      // Another tab or notebook was first: that decision stands, and the item doesn't come back; if an undo has brought it
      // back, it goes again.
      const at = this.around.now();
      const text = this.never.add(decision_id, act.item_id, reason, at);
      this.notice = { text, bad: true };
      this.news = { text, at }; // the notice gives way to the next key
      if (this.queue.past.at(-1)?.decision_id === decision_id) this.refused = { at, text };
      if (this.#forget(act) && act.verdict !== "skip" && act.seen.chosen_by !== REVISION) this.tally.add(-1, this.around.now());
      this.elsewhere.add(act.item_id);
      return;
    }
    const past = this.queue.past.find((one) => one.decision_id === decision_id);
    const item = this.queue.bringBack(decision_id);
    if (!item) return;
    item.rejection = reason;
    // The person's input is kept.
    if (past && (this.answering.merged || this.annotating.on) && this.queue.find(item.item_id) === item) item.draft = this.annotating.draftOf(past);
  }

  /** @param {Push} push @param {ArrayBufferView[]} buffers */
  push(push, buffers) {
    if (this.extras.take(push, buffers)) return;
    const heard = this.people.take(push);
    if (heard !== undefined) {
      if (heard) this.#tell(heard);
      this.#offer();
      return this.changed(false);
    }
    this.status(push);
    const { item } = this;
    if (push.kind === "item") this.#arrived({ ...push.item, bytes: buffers[0], maps: {} }, Boolean(push.again));
    else if (push.kind === "map") {
      const bytes = buffers[0];
      const map = { ...push, values: bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
      for (const kept of this.#kept(push.item_id)) keepMap(kept, map);
      if (push.item_id !== item?.item_id) return;
    } else if (push.kind === "segments") this.#split(push, buffers[0]);
    else if (push.kind === "drop") {
      if (!push.decision_id || !this.mine.has(push.decision_id)) {
        this.queue.drop(push.item_ids, push.keep);
        if (push.decision_id) for (const item_id of push.item_ids) this.elsewhere.add(item_id);
        this.#leaveToOthers();
      }
    } else if (push.kind === "progress") {
      if (this.setup) this.setup = { ...this.setup, progress: push.progress };
      if (!this.pending) this.tally.take(push.progress);
    } else if (push.kind === "past") {
      this.queue.remember(push.past, this.#onTheirWay());
      for (const { label_id } of this.queue.past) this.#used(label_id);
    } else if (push.kind === "taxonomy") this.#name(push.taxonomy);
    else if (push.kind === "learning") this.learning = push.learning;
    else if (push.kind === "news") this.#tell(push.text);
    else if (push.kind === "end") {
      this.end = push.reason;
      if (!this.item) this.stop();
    }
    this.#decode();
    // Pushes about later items change nothing visible.
    if (push.kind !== "item" || this.item !== item) this.changed(false);
  }

  /** Shows news, without replacing a refusal that can't have been read yet. @param {string} text */
  #tell(text) {
    const at = this.around.now();
    this.news = { text: this.never.before(text, at), at };
  }

  /** Notes that the line below the item was painted with a text. @param {string} text */
  told(text) {
    const at = this.around.now();
    if (this.never.painted(text, at) && this.news) this.news.at = at; // it is read from here on
  }

  /** @param {string} item_id @param {string} decision_id */
  #know(item_id, decision_id) { this.known.set(item_id, (this.known.get(item_id) ?? new Set()).add(decision_id)); }

  /** @param {Item} item @param {boolean} again it was requested, and isn't part of the queue */
  #arrived(item, again) {
    this.trouble = null;
    if (item.standing) this.#know(item.item_id, item.standing);
    if (!again) {
      this.elsewhere.delete(item.item_id); // asked again
      if (!this.outbox.holds(item.item_id)) this.queue.push(item);
      if (this.queue.current === item) this.#restoreDraft();
      this.end = null;
      return;
    }
    if (this.revising?.item.item_id === item.item_id) {
      const { past } = this.revising;
      past.item = this.revising.item = { ...item, blind: isHidden(past) };
    }
    const asked = this.queue.find(item.item_id);
    if (asked?.fetching) this.queue.push({ ...item, blind: asked.blind, chosen_by: asked.chosen_by });
  }

  /** Drops items that were decided in another tab, but not while a key may be about to be pressed. */
  #leaveToOthers() {
    if (!this.elsewhere.size) return;
    const { current } = this.queue;
    this.queue.drop([...this.elsewhere], 1);
    const stays = current && this.elsewhere.has(current.item_id) ? current.item_id : null;
    this.elsewhere = new Set(stays === null ? [] : [stays]);
    const may_press = !this.watching && this.around.now() - this.touched_at < QUIET_MS;
    if (stays === null || this.revising || this.asking || this.guessing || may_press) return;
    this.elsewhere.clear();
    this.queue.drop([stays], 0);
    if (!this.watching) this.drafts.drop(stays);
    this.draft = new Draft();
    this.#restoreDraft();
    this.#decode();
    if (this.watching) this.changed(false);
    else this.say("The last item was decided in another tab or notebook.");
  }

  /** To be called a few times a second. */
  tick() {
    super.tick();
    this.keepDraft();
    this.#leaveToOthers();
    if (this.answering.wants_map && this.around.now() - this.touched_at >= RESTS_MS) {
      this.answering.wants_map = false;
      this.#wantMap();
    }
    this.#ask();
  }

  /** Keeps the draft over a reload, until the item is decided. */
  keepDraft() {
    const { item } = this;
    if (item && !this.face && !this.watching && !this.revising && !item.first) this.drafts.put(item.item_id, this.draft);
  }

  /** Called when the page is left. */
  leave() { this.keepDraft(); }

  /** Keeps unfinished input for the page that takes over. */
  yields() {
    this.keepDraft();
    if (this.revising) this.#leave();
    this.asking = this.brush.kind = null;
    this.guessing = false;
    this.draft = new Draft();
  }

  resumes() { this.#restoreDraft(); }

  /** Restores the draft of the item on the screen, from before the page was reloaded. */
  #restoreDraft() {
    const { current } = this.queue;
    if (!current || this.revising || !this.setup || this.watching || !this.draft.empty) return;
    const draft = current.draft ?? this.drafts.draft(current.item_id);
    if (!draft) return;
    this.draft = draft;
    this.notice = { bad: false, text: `Your ${this.annotating.on ? `${this.annotating.noun}s` : "flags"} and note for this item are here again.` };
  }

  /** Shows on the card that its own code failed. @param {unknown} error */
  crash(error) {
    this.crashed = error instanceof Error ? error.message : String(error);
    console.error("hitl_widgets:", error);
  }

  // What the person does

  /** Enter: the label in focus, which is the visible suggestion unless the person moved on. */
  accept() {
    if (!this.item) return;
    if (this.asking && this.certainty?.source === "given") return this.#decide(this.asking);
    const { first } = this;
    if (first?.verdict === "unsure" && (this.pointed === null || this.pointed === first.label_id)) {
      return this.#choice({ verdict: "unsure", label_id: first.label_id, words: "Unsure, as before" });
    }
    const { many, alone } = this.answering;
    if (many || alone || this.annotating.on) {
      const choice = this.annotating.on ? this.annotating.choice(this.guesses) : this.answering.choice;
      return typeof choice === "string" ? this.say(choice, true) : this.#choice(choice);
    }
    if (!this.focused) return this.say("No suggestion is shown for this item: choose a label.", true);
    this.choose(this.focused.label_id, this.guesses, true);
  }

  /** The answer that the person gave to this item before its suggestion was shown. @returns {Past | undefined} */
  get first() { return this.revising ? undefined : this.item?.first; }

  /** Whether Enter stores the label in focus as a best guess; when a guess is revised, only while its label stays in focus. */
  get guesses() {
    const past = this.revising?.past ?? this.first;
    return this.guessing || (past?.verdict === "unsure" && past.label_id !== null
      && (this.answering.many ? !this.draft.labels.size : past.label_id === this.focused?.label_id));
  }

  /** A label is the answer; where several may be, it is turned on or off; where its attributes are asked, they are next.
   * @param {string} label_id @param {boolean} [guess] it is a best guess @param {boolean} [enter] what is on the card is stored */
  choose(label_id, guess = this.guessing, enter = false) {
    const label = this.labels.get(label_id);
    if (!this.item || !label || this.#refuses()) return;
    if (this.annotating.on) return this.annotating.label(label_id);
    if (this.answering.many) return this.answering.toggle(label_id);
    if (!enter && !this.face && this.answering.asks(label_id)) return this.answering.select(label_id);
    if (guess) return this.#choice({ verdict: "unsure", label_id, words: `Unsure, perhaps ${label.name}`, guess });
    const seen = this.suggestion;
    const verdict = !seen ? "answer" : seen[0] === label_id ? "accept" : "correct";
    const done = { accept: "Accepted", correct: "Corrected to", answer: "Answered" }[verdict];
    const values = this.answering.merged ? this.answering.inWords(this.answering.valuesOf([label_id])) : "";
    this.#choice({ verdict, label_id, words: `${done} ${label.name}${values && `, ${values}`}` });
  }

  /** The label with this key, if there is one. @param {string} key */
  press(key) {
    for (const [label_id, of] of this.keys) if (of === key) return this.choose(label_id);
  }

  /** Unsure of the object in focus, or of the item if no object is in focus. */
  unsure() { if (!this.annotating.withObjects((objects) => objects.unsure())) this.#choice({ verdict: "unsure", label_id: null, words: "Unsure" }); }

  /** Unsure, with the next label that is chosen as the best guess. */
  guess() {
    if (!this.item || this.face) return;
    this.guessing = !this.guessing;
    this.say(!this.guessing ? "Not decided yet." : this.answering.many || this.answering.alone || this.annotating.on ? "Unsure: Enter stores what is on the card as your best guess."
      : "Unsure: which label is your best guess?");
  }

  skip() {
    if (this.revising) return this.say("A decision that is revised can't be skipped: choose, or leave with Esc.", true);
    if (this.first) return this.say("You have answered this item already: Enter keeps your answer, another label changes it.", true);
    this.#choice({ verdict: "skip", label_id: null, words: "Skipped" });
  }

  /** Flags the item, and goes on without a label. */
  flag() {
    if (!this.item || this.face) return;
    if (!this.draft.flags.size) this.draft.flags.add("bad_data");
    this.#choice({ verdict: "unsure", label_id: null, words: `Flagged: ${[...this.draft.flags].map(flagName).join(", ").toLowerCase()}` });
  }

  /** @param {string} flag */
  toggleFlag(flag) {
    if (this.item && !this.face) this.say(this.draft.flag(flag));
  }

  /** @param {import("./types.d.ts").Reason} reason */
  judge(reason) {
    if (!this.item || this.face) return;
    const { marks } = this;
    if (!marks) return this.say(this.annotating.unexplained);
    if (!this.saliency && marks.reason !== reason) return this.say("No map is shown, so there is no reason to judge.");
    const elsewhere = this.#elsewhere;
    if (elsewhere) return this.say(elsewhere, true);
    const before = this.annotating.on ? marks.judgement : null;
    const words = marks.judge(reason);
    if (before && before.reason !== marks.reason) this.#judged(marks, before);
    else if (!before) this.#remember();
    this.say(words);
  }

  /** Why the map on the screen can't be judged, or null: a decision judges one map, of a label or of an attribute.
   * @returns {string | null} */
  get #elsewhere() {
    const { draft: { judged, map }, saliency, answering } = this;
    const target = saliency?.target ?? answering.target;
    if (this.annotating.on || !judged || !map || target === null || answering.attributeOf(map.target) === answering.attributeOf(target)) return null;
    return `You judged the map for ${answering.mapped(map.target) ?? this.nameOf(map.target)}, and a decision judges one map only. Take that back there first.`;
  }

  /** Why nothing can be marked yet, or null: the map isn't on the screen, and the marks would be taken for those of another one.
   * @returns {string | null} */
  get #notYet() {
    const { answering, annotating, saliency, display: { on, method } } = this;
    if (annotating.on || !on || !method || saliency || answering.target === null) return null;
    return `The map of ${answering.mapped(answering.target)} isn't here yet: mark it once it is, or press Esc for the label's.`;
  }

  /** Remembers the map on the screen as the judged one, whatever map is shown when the item is decided. */
  #remember() {
    if (!this.draft.judged) this.draft.map = null;
    else if (this.saliency) this.draft.map = this.#shownMap(this.saliency);
  }

  /** @param {Saliency} map @returns {import("../messages.d.ts").ShownMap} as the log has it */
  #shownMap(map) {
    return { method: map.by ?? map.method, target: map.target, display: this.display.mode, against: map.against ?? null, models: map.model ? [map.model] : [] };
  }

  /** Records a judgement of an object's explanation, and the map on the screen.
   * @param {import("./marks.js").Marks} marks @param {import("./marks.js").Judgement} before */
  #judged(marks, before) {
    const { saliency, annotating: { objects } } = this;
    const { method, display } = marks;
    objects?.judged({ ...before, method, display });
    if (saliency) Object.assign(marks, { method: saliency.by ?? saliency.method, display: this.display.mode });
  }

  /** Switches the brush: to mark what is wrong, what is missing, or off. */
  nextBrush() {
    const { item } = this;
    if (!item?.width || this.face || item.broken) return;
    if (item.blind) return this.say(this.blind ? "This item is shown blind: its map is hidden, so no reason can be marked." : "There is no model yet, so no reason can be marked.");
    if (!this.marks) return this.say(this.annotating.unexplained);
    this.say(this.brush.next(item, this.marks, tintOf(this.saliency)));
    const { bounds } = this.annotating;
    if (bounds && this.brush.kind === "wrong") this.brush.cursor = { x: (bounds[0] + bounds[2]) / 2, y: (bounds[1] + bounds[3]) / 2 };
    this.#wantParts();
  }

  /** Switches the brush between whole parts of the item and spots. */
  nextTool() {
    const { brush, item } = this;
    if (!brush.kind || !item || brush.words) return;
    brush.in_parts = !brush.in_parts;
    if (item.parts === null) item.parts = undefined; // they never came: requested again
    this.say(brush.in_parts ? "The brush marks whole parts" : "The brush marks spots");
    this.#wantParts();
  }

  /** Requests the parts of the item from the kernel at first use. */
  #wantParts() {
    const { item, brush } = this;
    if (!item || !brush.kind || !brush.in_parts || brush.words) return;
    if (item.parts) brush.part = item.parts.at(0.5, 0.5);
    if (item.parts !== undefined) return;
    item.parts = null;
    this.extras.ask({ kind: "segments", item_id: item.item_id });
  }

  /** @param {Extract<Push, {kind: "segments"}>} push @param {ArrayBufferView | undefined} bytes */
  #split({ item_id, width, height, problem }, bytes) {
    const cells = bytes && new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const parts = cells && cells.length === width * height ? new Parts(width, height, cells) : undefined;
    for (const kept of this.#kept(item_id)) kept.parts = parts;
    if (this.item?.item_id !== item_id || !this.brush.in_parts) return;
    if (parts) this.brush.part = parts.at(0.5, 0.5);
    else {
      this.brush.in_parts = false;
      this.notice = { bad: true, text: `This item has no parts to mark: ${problem ?? "none came"}` };
    }
  }

  /** All copies of an item, with those of decisions that may be undone. @param {string} item_id @returns {Set<Item>} */
  #kept(item_id) {
    const revised = this.revising?.item;
    return new Set([...this.queue.kept(item_id), ...(revised?.item_id === item_id ? [revised] : [])]);
  }

  /** Runs a step with the brush. @param {(brush: Brush, item: Item, marks: import("./marks.js").Marks) => void} step */
  withBrush(step) {
    const { item, marks } = this;
    if (!item || !this.brush.kind) return;
    if (!marks) this.brush.kind = null; // the object that it was for isn't in focus any more
    else {
      const regions = marks.regions ??= new Regions(item.width, item.height);
      const { begun } = regions;
      const { reason } = marks;
      const not = this.#elsewhere ?? this.#notYet;
      if (not) return this.say(not, true);
      step(this.brush, item, marks);
      if (regions.begun > begun && this.annotating.on) this.#judged(marks, { reason, ...regions.before });
      else if (regions.begun > begun) this.#remember();
    }
    this.changed();
  }

  /** @param {string} note */
  write(note) {
    this.draft.note = note;
    this.changed();
  }

  /** @param {Choice} choice */
  #choice(choice) {
    if (!this.item || this.face || this.early || this.watching || this.#refuses()) return;
    this.touched_at = this.around.now();
    const policy = this.setup?.certainty ?? "keep";
    const given = this.certainty?.source === "given";
    const asks = policy === "ask" ? choice.verdict !== "skip" : policy === "unsure_only" && choice.verdict === "unsure";
    if (asks && !given) {
      this.asking = choice;
      return this.say(`${choice.words}: how sure are you, from 0 to 10?`);
    }
    this.#decide(choice);
  }

  /** @param {number} value 0 to 10 */
  rate(value) {
    if (!this.item || this.face) return;
    if (!this.asking && this.annotating.withObjects((objects) => objects.rate(value))) return;
    this.touched_at = this.around.now();
    this.certainty = { value, source: "given" };
    if (this.asking) return this.#decide(this.asking);
    this.say(`Certainty ${value}`);
  }

  /** @param {1 | -1} by */
  nudge(by) {
    if (!this.item || this.face || (!this.asking && this.annotating.withObjects((objects) => objects.nudge(by)))) return;
    const value = Math.max(0, Math.min(10, (this.certainty?.value ?? 5) + by));
    this.certainty = { value, source: "given" };
    this.say(this.asking ? `${this.asking.words}: certainty ${value}, Enter decides` : `Certainty ${value}`);
  }

  /** @returns {boolean} whether there was something to leave */
  escape() {
    if (this.brush.kind) {
      this.brush.kind = null;
      this.say("The brush is put away");
      return true;
    }
    if (this.drawer) {
      this.open(null);
      return true;
    }
    if (this.answering.leave()) return true;
    const open = this.asking !== null || this.guessing || this.revising !== null;
    if (this.revising) this.say("Nothing was changed.");
    else if (this.asking || this.guessing) this.say("Not decided yet.");
    this.#leave();
    this.asking = null;
    this.guessing = false;
    if (open) this.changed();
    return open;
  }

  // What the person says to others

  /** Opens or closes the drawer. @param {import("./people.js").Drawer | null} drawer */
  open(drawer) {
    if (!this.setup || this.face === "name" || this.face === "start") return;
    if (drawer === "questions" && !this.setup.people) return this.say("Questions can't be asked here.", true);
    this.drawer = this.drawer === drawer ? null : drawer;
    this.people.replying = null;
    this.changed();
  }

  /** Opens the guideline of a label. @param {string} label_id */
  guide(label_id) {
    if (!this.labels.has(label_id)) return;
    this.pointed = label_id;
    this.peeked = null;
    if (this.drawer !== "guideline") this.open("guideline");
    else this.changed();
  }

  /** @param {string} text @returns {boolean} */
  ask(text) {
    const answered = this.people.replying !== null;
    const sent = this.people.write(text, this.item?.item_id, this.explained?.label_id);
    if (sent) this.say(answered ? "Your answer is on its way." : "Your question is on its way: colleagues see it on their cards.");
    return sent;
  }

  /** Ends the sitting; the kernel then says which suggestions were wrong on purpose. */
  stop() {
    if (this.stopped || !this.people.about?.takes_part.length) return;
    this.stopped = true;
    this.extras.ask({ kind: "stop" });
  }

  /** @param {any} said */
  #speak(said) {
    const act = { ...this.#act(said.kind, ""), ...said };
    if (!said.item_id) delete act.item_id;
    this.outbox.put(act);
    this.changed();
    this.#soon(() => this.link.flush());
  }

  /** @returns {import("./types.d.ts").ItemAct[]} */
  #onTheirWay() {
    return [...this.outbox.entries.values()].flatMap(({ act }) => (act.kind === "decide" || act.kind === "retract" ? [act] : []));
  }

  undo() {
    if (this.closed || this.needs_name || this.watching || this.#refuses()) return;
    const { objects } = this.annotating;
    if (this.brush.kind && (objects ? objects.judging && objects.undo() : this.draft.regions?.undo())) return this.say("The last stroke is taken back");
    if (!this.brush.kind && !this.asking && this.annotating.withObjects((objects) => objects.undo())) return;
    if (this.brush.kind || this.asking || this.guessing || this.revising) { this.escape(); return; }
    // Don't undo the decision before: the last one was refused a moment ago, and nobody can have read that yet.
    if (this.refused && this.around.now() - this.refused.at < QUIET_MS) return this.say(this.refused.text, true);
    this.refused = null;
    const before = this.queue.current;
    const last = this.queue.undo(this.around.now());
    if (!last) return this.say("Nothing to undo here.");
    const retract = this.#act("retract", last.item_id);
    this.outbox.put({ ...retract, kind: "retract", retracts: last.decision_id });
    if (last.verdict !== "skip" && !last.former) this.tally.add(-1, this.around.now());
    this.pointed = this.rival = null;
    if (last.second) this.#pointAtFirst();
    else if (this.answering.merged && last.label_id && this.labels.has(last.label_id)) this.pointed = last.label_id;
    if ((last.second || !last.former) && last.item) last.item.shown_at = undefined;
    // Flags, note and values are on the screen again with the item.
    if (this.queue.current !== before) {
      if (before) before.draft = this.draft;
      this.draft = this.annotating.draftOf(last);
    }
    this.say(`Undone: ${this.wordsOf(last)}${last.former ? `. ${this.wordsOf(last.former.past)} is your answer again` : ""}`);
    this.link.flush();
    if (this.queue.current?.fetching) this.#fetch(last.item_id);
    this.#decode();
  }

  /** A past decision in words. @param {Past} past */
  wordsOf({ verdict, label_id, label, values = {}, counts }) {
    const label_name = counts ? this.annotating.inWords(counts) : label_id ? this.nameOf(label_id, label) : null;
    const name = [label_name, this.answering.inWords(values)].filter(Boolean).join(", ") || null;
    return verdict === "skip" ? "skipped" : name === null ? "unsure" : verdict === "unsure" ? `perhaps ${name}` : name;
  }

  /** The name of a label, of a set of labels, or of an attribute. @param {string | null | undefined} label_id
   * @param {string | null} [then] as it was called when it was chosen */
  nameOf(label_id, then) {
    if (isOfObject(label_id)) return this.annotating.named(label_id ?? "");
    /** @param {string} id */
    const name = (id) => this.labels.get(id)?.name ?? this.answering.attributes.get(id)?.name ?? (isSet(label_id) ? id : then ?? id);
    return this.answering.named(label_id ?? null, name);
  }

  /** Goes back along the past decisions, or forward again to the present. @param {1 | -1} by */
  step(by) {
    if (this.reading && !this.revising && (by > 0 || this.turned > 0)) return this.#turn(by);
    const { first } = this.queue.current ?? {}; // on the screen already
    const past = this.queue.past.filter((one) => one !== first);
    const at = this.revising ? past.indexOf(this.revising.past) : past.length;
    const to = Math.max(0, at + by);
    if (to < past.length) this.revise(past[to]);
    else if (this.revising) this.escape();
  }

  /** Goes to the next item without an answer, or back again. @param {1 | -1} by */
  #turn(by) {
    const { items } = this.queue;
    if (items.length < 2) return this.say("There is no other item to read.");
    this.queue.turn(by);
    this.turned += by;
    this.pointed = this.rival = null;
    this.draft = new Draft();
    this.#decode();
    this.say("");
  }

  /** Show a past decision, to be revised. @param {Past} past */
  revise(past) {
    if (this.closed || this.needs_name || !this.setup || !this.queue.past.includes(past)) return;
    if (past === this.queue.current?.first) { this.escape(); return; }
    const before = this.revising ?? { certainty: this.certainty, draft: this.draft };
    const item = past.item ?? { item_id: past.item_id, chosen_by: REVISION, blind: isHidden(past), height: 0, width: 0, probs: [],
      maps: {}, fetching: true };
    item.blind = isHidden(past);
    item.shown_at = undefined;
    this.#know(past.item_id, past.decision_id);
    this.revising = { past, item, certainty: before.certainty, draft: before.draft };
    this.draft = new Draft(past);
    this.certainty = past.certainty === null ? null : { value: past.certainty, source: past.certainty_source ?? "carried" };
    this.pointed = past.label_id && this.labels.has(past.label_id) ? past.label_id : null;
    this.rival = null;
    this.asking = null;
    this.guessing = false; // a label is an answer now, unless the person says again that it is a guess
    this.brush.kind = null;
    // A blind item came without its map; one from before this page opened must come anew.
    if (item.fetching || (past.hidden && !item.blind && !Object.keys(item.maps).length)) this.#fetch(item.item_id);
    this.#decode();
    this.say(`You answered: ${this.wordsOf(past)}. ${this.reading ? "" : "Choose again to revise it; "}Esc goes back.`);
  }

  #leave() {
    if (!this.revising) return;
    ({ certainty: this.certainty, draft: this.draft } = this.revising);
    this.revising = null;
    this.pointed = this.rival = null;
  }

  /** The next label comes into focus. @param {1 | -1} by */
  point(by) {
    if (!this.item || this.face) return;
    const order = this.order;
    if (!order.length) return;
    const at = order.indexOf(this.focused?.label_id ?? "");
    this.pointed = order[at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length];
    this.#wantMap();
    this.changed();
  }

  /** Compares the label in focus with the suggestion, or the suggestion with the next best label; called again, ends the
   * comparison. */
  oppose() {
    this.#look(() => {
      const { focused, suggestion } = this;
      if (this.answering.target !== null) {
        this.notice = { bad: false, text: "The map of an attribute isn't compared with another one. Esc goes back to the labels." };
        return;
      }
      const other = focused?.label_id === suggestion?.[0] ? this.order.find((id) => id !== focused?.label_id) : suggestion?.[0];
      const rival = this.rival === null ? this.labels.get(other ?? "") : undefined;
      this.rival = rival?.label_id ?? null;
      this.notice = { bad: false, text: !focused || !suggestion || !other ? "There is no other label to compare this one with."
        : rival ? `Why ${focused.name}, and not ${rival.name}?` : `Why ${focused.name}?` };
      this.#wantMap();
    });
  }

  /** Requests the map of the label in focus. The suggestion's own maps come without a request, unless the model changed since
   * the item came; so a method that a person switches to is requested. @param {boolean} [switched] */
  #wantMap(switched = false) {
    const { item, against, display: { on, method } } = this;
    const target = this.mapped ?? (item && !this.annotating.on && mainTarget(item));
    if (!on || !method || !target || !item || (!mainTarget(item) && !this.annotating.on && this.answering.target === null) || (this.answering.alone && this.mapped === null) || item.blind || item.no_map || item.broken) return;
    const key = mapKey(item, method, target, against);
    if ((key === method && !switched) || item.maps[key]) return;
    const asked = { method, target, ...(against === null ? {} : { against }) };
    item.maps[key] = { ...asked, height: 0, width: 0, box: [0, 0, 0, 0], signed: false };
    this.extras.ask({ kind: "map", item_id: item.item_id, ...asked });
  }

  /** @param {string | null} label_id */
  peek(label_id) {
    if (this.peeked === label_id) return;
    this.peeked = label_id;
    this.changed();
  }

  /** Labels that an earlier answer to this item may mean now. @returns {string[]} */
  get candidates() { return this.item?.candidates?.filter((id) => this.labels.has(id)) ?? []; }

  /** The labels that arrows go through: those that an earlier answer may mean, the model's, then those with a key. @returns {string[]} */
  get order() {
    if (this.answering.merged) return [...this.labels.keys()].filter((id) => this.keys.has(id));
    const likely = this.suggestion ? this.item?.probs.map(([id]) => id).filter((id) => this.labels.has(id)) ?? [] : [];
    return [...new Set([...this.candidates, ...likely, ...[...this.labels.keys()].filter((id) => this.keys.has(id))])];
  }

  /** Changes the display of the map, if there is one to show. @param {() => void} change */
  #look(change) {
    if (!this.display.methods.length) return this.say("No saliency map was asked for.");
    if (this.blind) return this.say("This item is shown blind: its map is hidden too.");
    change();
    this.changed();
  }

  toggleMap() { this.#look(() => { this.display.toggle(); this.#wantMap(); }); }

  /** @param {"method" | "mode"} what */
  nextMap(what) { this.#look(() => { this.display.next(what); this.#wantMap(what === "method"); }); }

  /** @param {number} by */
  fade(by) { this.#look(() => this.display.fade(by)); }

  /** @param {string | null} name null: the default name */
  name(name) {
    if (name === null) this.named = true;
    else {
      // No decisions until the kernel knows the name: they would carry the former one.
      this.naming = true;
      this.link.hello(() => ({ kind: "name", annotator: name }));
    }
    this.changed();
  }

  /** Decodes the picture in full size, when the view is zoomed in further than its resolution allows. */
  sharpen() {
    const { item } = this;
    if (!item?.small || !this.around.decode) return;
    item.small = false;
    this.around.decode(item).then((picture) => {
      if (!item.picture) return;
      release(item);
      item.picture = picture;
      this.changed(false);
    }, () => { /* it stays as it is */ });
  }

  /** Sets how many pixels of the screen an item's longer side can have; 0 while the card is out of view. @param {number} side */
  resize(side) {
    const came = side > 0 && !(this.side > 0);
    this.side = side;
    if (came) retry(this.revising ? [this.revising.item, ...this.queue.items] : this.queue.items);
    if (side > 0) this.#decode();
    if (came) this.changed(false);
  }

  /** Notes that a picture of the current item is on the screen. */
  painted() {
    if (this.item && this.item.shown_at === undefined) this.item.shown_at = this.around.now();
  }

  // How a decision is made

  /** @param {Choice} choice */
  #decide(choice) {
    const { item, revising } = this;
    const { verdict, label_id } = choice;
    let { words } = choice;
    if (!item || this.face) return;
    this.asking = null;
    this.guessing = false;
    this.brush.kind = null;
    const rated = verdict !== "skip" ? this.certainty : null;
    /** @type {import("./types.d.ts").Decide} */
    const act = { ...this.#act("decide", item.item_id), kind: "decide", verdict, label_id, ...this.draft.said,
      certainty: rated?.value ?? null, ...this.answering.said(choice), ...this.annotating.said(choice), seen: this.#seen(item, rated?.source), known: [...this.known.get(item.item_id) ?? []] };
    this.#know(item.item_id, act.decision_id);
    this.refused = null;
    this.stopped = false;
    // Kept in the browser before anything else: it isn't lost if something fails from here on.
    this.outbox.put(act);
    const past = { ...pastOf(act), ...(label_id === null ? {} : { label: this.nameOf(label_id) }), ...this.annotating.past(act) };
    const shows = !revising && this.#isFirst(item, verdict);
    const second = !revising && item.first;
    if (revising) this.queue.revise(revising.past, past);
    else if (shows) this.queue.hold(past, this.around.now());
    else if (second) this.queue.second(past);
    else this.queue.decide(past);
    if (revising) this.#leave();
    else if (shows) {
      this.tally.add(1, this.around.now());
      this.drafts.drop(item.item_id);
      item.shown_at = this.around.now();
      this.rival = null;
      this.draft.hold(past);
      this.#pointAtFirst();
      words += ". The model's suggestion is here now: Enter keeps your answer, another label changes it.";
    } else {
      if (verdict !== "skip" && !second) this.tally.add(1, this.around.now());
      this.drafts.drop(item.item_id);
      this.draft = new Draft();
      this.#restoreDraft();
      this.pointed = this.rival = null;
      if (this.certainty) this.certainty = this.setup?.certainty === "keep" ? { ...this.certainty, source: "carried" } : null;
    }
    this.#used(label_id);
    item.rejection = undefined;
    if (!this.item?.picture) this.#decode();
    this.say(words);
    // The next item is on the screen first. (What was decided is in the storage already.)
    this.#soon(() => {
      this.link.flush();
      this.#ask();
      this.#decode();
    });
  }

  /** Whether this answer is given before the suggestion, which is shown afterwards. @param {Item} item @param {Choice["verdict"]} verdict */
  #isFirst(item, verdict) {
    return Boolean(item.answer_first && item.blind && !item.broken && verdict !== "skip"
      && ((item.suggestion && this.knows(item.suggestion)) || (this.answering.alone && item.values)));
  }

  /** Puts the person's own answer in focus, so that Enter keeps it. */
  #pointAtFirst() {
    const { first } = this;
    this.pointed = first?.label_id && this.labels.has(first.label_id) ? first.label_id : null;
  }

  /** @param {() => void} step */
  #soon(step) {
    if (this.around.soon) this.around.soon(step);
    else step();
  }

  /** @param {string | null} label_id */
  #used(label_id) {
    const ids = membersOf(label_id);
    this.recent = [...ids, ...this.recent.filter((id) => !ids.includes(id))].slice(0, RECENT);
  }

  /** @template {Act["kind"]} K @param {K} kind @param {string} item_id */
  #act(kind, item_id) {
    const decision_id = newId();
    this.touched_at = this.around.now();
    this.mine.add(decision_id);
    return { kind, decision_id, item_id, acted_at: this.around.instant(), annotator: this.setup?.annotator ?? "" };
  }

  /** What is on the screen at this moment. @param {Item} item @param {Seen["certainty"]} certainty @returns {Seen} */
  #seen(item, certainty) {
    /** @type {Seen} */
    const seen = { chosen_by: this.revising ? REVISION : item.chosen_by, taxonomy: this.setup?.taxonomy.version };
    const suggestion = item.broken || !item.suggestion || !this.knows(item.suggestion) ? undefined : item.suggestion;
    const probs = item.probs.filter(([id]) => this.labels.has(id));
    if (suggestion) Object.assign(seen, { suggestion, probs: Object.fromEntries(probs), model: item.model });
    Object.assign(seen, item.broken ? {} : this.answering.seen, this.annotating.seen);
    if (item.blind) seen.hidden = true;
    const map = this.#mapSeen;
    if (map) Object.assign(seen, { method: map.method, target: map.target, display: map.display ?? undefined });
    if (map?.against) seen.against = map.against;
    if (certainty) seen.certainty = certainty;
    if (item.shown_at !== undefined) seen.shown_ms = Math.round(this.around.now() - item.shown_at);
    return this.#exposed(seen, item);
  }

  /** The judged map, or else the map on the screen. Null if the judged map is of a label retired since or of another model than
   * the item's, or if something was judged without a map and that on the screen is an attribute's.
   * @returns {import("../messages.d.ts").ShownMap | null} */
  get #mapSeen() {
    const { draft: { judged, map }, saliency, answering } = this;
    if (judged && map) return this.#isStill(map) ? map : null;
    return !saliency || (judged && !answering.alone && answering.attributeOf(saliency.target)) ? null : this.#shownMap(saliency);
  }

  /** @param {import("../messages.d.ts").ShownMap} map whether its target still exists and its model is that of the item on the screen */
  #isStill({ target, against, models }) {
    const { item, answering } = this;
    const model = answering.attributeOf(target) ? item?.values_model : item?.model;
    return this.#isThere(target) && this.#isThere(against ?? target) && (!model || !models?.length || models.includes(model));
  }

  /** Whether the target of a map still exists. @param {string} target */
  #isThere(target) { return this.labels.has(target) || Boolean(this.answering.attributeOf(target)) || isOfObject(target); }

  /** Adds how the item was shown, as the kernel sent it; the randomised arm only if the item was really shown in that
   * way. @param {Seen} seen @param {Item} item @returns {Seen} */
  #exposed(seen, { exposure, blind, first }) {
    const { arm, arm_probability, ...rest } = /** @type {Partial<Seen>} */ (exposure ?? {});
    const differs = this.revising || (!blind && (arm === "blind" || (arm === "answer_first" && !first)));
    return { ...seen, ...rest, ...(differs || arm === undefined ? {} : { arm, arm_probability }) };
  }

  /** @param {string} item_id */
  #fetch(item_id) { this.extras.ask({ kind: "fetch", item_id }); }

  #have() {
    const decided = this.#onTheirWay().map((act) => act.item_id);
    return [...new Set([...this.queue.items.map((i) => i.item_id), ...decided])];
  }

  /** Asks for more items before they run out; the answer comes as pushes. */
  #ask() {
    const now = this.around.now();
    if (!this.setup || this.closed || this.queue.items.length > LOW || now - this.more_at < MORE_MS) return;
    if (this.end && this.queue.items.length === 0 && now - this.more_at < 5 * MORE_MS) return;
    this.more_at = now;
    this.extras.ask({ kind: "more", have: this.#have() });
  }

  #decode() {
    const { past } = this.queue;
    const items = this.revising ? [this.revising.item, ...this.queue.items] : this.queue.items;
    const kept = new Set([...past.slice(-TOUCHES).map(({ item }) => item), ...items]);
    for (const { item } of past.slice(0, -TOUCHES)) if (item?.picture && !kept.has(item)) release(item);
    decodeAhead(items, (item) => { if (item === this.item) this.changed(false); }, this.around.decode, this.side);
  }
}
