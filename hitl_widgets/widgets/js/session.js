// @ts-check
// What does the card know, and what happens on a key? One session a widget model: every view shows the same cursor.

import { assignKeys } from "./keys.js";
import { Link } from "./link.js";
import { newId, Outbox } from "./outbox.js";
import { decodeAhead, release } from "./pictures.js";
import { Queue } from "./queue.js";

/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Label} Label */
/** @typedef {import("./types.d.ts").Setup} Setup */
/** @typedef {import("./types.d.ts").Seen} Seen */
/** @typedef {import("./types.d.ts").Reply} Reply */
/** @typedef {import("./types.d.ts").Push} Push */
/** @typedef {import("./types.d.ts").Saliency} Saliency */
/** @typedef {import("./types.d.ts").Verdict} Verdict */
/** @typedef {{verdict: Verdict, label_id: string | null, words: string}} Choice */
/** @typedef {{send: (message: object) => void, reopen: () => void, now: () => number, instant: () => string,
 *             storage: import("./outbox.js").Store | null, base: string,
 *             decode?: (item: Item) => Promise<import("./types.d.ts").Picture>}} Surroundings */

const LOW = 6; // items left when more are asked for
const MORE_MS = 2000;
const QUIET_MS = 1000; // without a key for so long, no finger is about to press

export class Session {
  /** @param {Surroundings} around */
  constructor(around) {
    this.around = around;
    this.queue = new Queue();
    this.outbox = new Outbox(around.storage, around.now);
    this.link = new Link(this.outbox, around);
    /** @type {Setup | null} */
    this.setup = null;
    /** @type {Map<string, Label>} */
    this.labels = new Map();
    /** label_id -> key @type {Map<string, string>} */
    this.keys = new Map();
    /** @type {{value: number, source: "given" | "carried"} | null} */
    this.certainty = null;
    /** A choice that waits for a certainty. @type {Choice | null} */
    this.asking = null;
    this.map_shown = true;
    this.method = 0;
    this.opacity = 0.55;
    this.answered = 0;
    /** @type {string | null} */
    this.end = null;
    /** @type {string | null} */
    this.closed = null;
    /** Something is wrong with the next items. @type {string | null} */
    this.problem = null;
    /** A word on what just happened. @type {{text: string, bad: boolean} | null} */
    this.notice = null;
    this.named = false;
    this.naming = false;
    this.tab = newId();
    this.greetings = 0;
    this.more_at = -Infinity;
    /** @type {Set<string>} */
    this.mine = new Set();
    /** @type {Set<() => void>} */
    this.views = new Set();
    /** The item on the screen, where it was decided in another tab. @type {string | null} */
    this.elsewhere = null;
    this.touched_at = -Infinity;
  }

  /** @param {() => void} view @returns {() => void} */
  subscribe(view) {
    this.views.add(view);
    return () => { this.views.delete(view); };
  }

  #changed() { for (const view of this.views) view(); }

  // What the card shows

  get item() { return this.queue.current; }
  get pending() { return this.outbox.pending; }
  get needs_name() { return Boolean(this.setup?.annotator_is_default) && !this.named; }

  /** The suggestion that the person can see. @returns {[string, number] | null} */
  get suggestion() {
    const item = this.item;
    if (!item?.suggestion || item.blind || item.broken || !this.labels.has(item.suggestion)) return null;
    return item.probs.find(([id]) => id === item.suggestion) ?? null;
  }

  get method_name() { return this.setup?.methods[this.method] ?? null; }

  /** The map that the person can see. @returns {Saliency | null} */
  get saliency() {
    const map = this.map_shown && this.item && !this.item.blind && this.method_name
      ? this.item.maps[this.method_name] : null;
    return map?.values ? map : null;
  }

  /** Why nothing can be decided just now, or null. @returns {"start" | "name" | "closed" | "wait" | "empty" | "enough" | null} */
  get face() {
    if (this.closed) return "closed";
    if (!this.setup || this.naming) return "start";
    if (this.needs_name) return "name";
    if (this.item) return null;
    return this.end === "enough" || this.end === "empty" ? this.end : "wait";
  }

  /** Milliseconds for which the kernel hasn't answered. */
  get waited_ms() { return this.link.waiting_since === null ? 0 : this.around.now() - this.link.waiting_since; }

  // What the kernel says

  hello() {
    this.link.hello(() => this.greeting());
    this.#changed();
  }

  /** A handshake: one that arrives after a later one changes nothing. */
  greeting() { return { kind: "hello", tab: this.tab, n: ++this.greetings, have: this.#have() }; }

  /** @param {Reply} reply */
  reply(reply) {
    this.link.answered();
    if (reply.kind === "ready") this.#ready(reply);
    else if (reply.kind === "stored") this.outbox.settle(reply.decision_id);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.link.flush();
    this.#ask();
    this.#changed();
  }

  /** @param {Setup} setup */
  #ready(setup) {
    if (this.setup && (this.setup.annotator !== setup.annotator || this.setup.project_id !== setup.project_id)) {
      for (const item of this.queue.items) release(item);
      this.queue.clear();
      this.more_at = -Infinity;
    }
    this.setup = setup;
    this.naming = false;
    this.#name(setup.taxonomy);
    this.answered = setup.progress.answered ?? 0;
    this.outbox.open(setup.project_id, this.around.base, setup.annotator);
    for (const id of this.outbox.entries.keys()) this.mine.add(id);
    // What was pushed before it was known which answers are on their way.
    this.queue.items = this.queue.items.filter(({ item_id }) => !this.outbox.holds(item_id));
    this.link.restart();
  }

  /** @param {Setup["taxonomy"]} taxonomy */
  #name(taxonomy) {
    this.labels = new Map(taxonomy.labels.map((label) => [label.label_id, label]));
    this.keys = assignKeys(taxonomy.labels, this.keys);
    if (this.setup) this.setup = { ...this.setup, taxonomy };
  }

  /** @param {{decision_id?: string, reason: string, again?: boolean}} reply */
  #rejected({ decision_id, reason, again }) {
    this.notice = { text: reason, bad: true };
    if (!decision_id) { this.naming = false; return; }
    if (again) return this.link.postpone(decision_id, reason);
    const act = this.outbox.settle(decision_id);
    if (act?.kind !== "decide") return;
    const item = this.queue.bringBack(decision_id);
    if (item) item.rejection = reason;
  }

  /** @param {Push} push @param {ArrayBufferView[]} buffers */
  push(push, buffers) {
    if (push.kind === "item") {
      const { item } = push;
      if (item.item_id === this.elsewhere) this.elsewhere = null; // asked again
      if (!this.outbox.holds(item.item_id)) this.queue.push({ ...item, bytes: buffers[0], maps: {} });
      this.end = null;
      this.problem = null;
    } else if (push.kind === "map") {
      const item = this.queue.find(push.item_id);
      const bytes = buffers[0];
      if (item) {
        item.maps[push.method] = { ...push,
          values: bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
      }
    } else if (push.kind === "drop") {
      if (!push.decision_id || !this.mine.has(push.decision_id)) {
        this.queue.drop(push.item_ids, push.keep);
        if (push.decision_id && this.item && push.item_ids.includes(this.item.item_id)) this.elsewhere = this.item.item_id;
        this.#leaveToOthers();
      }
    } else if (push.kind === "progress") {
      if (this.setup) this.setup = { ...this.setup, progress: push.progress };
      if (!this.pending) this.answered = push.progress.answered ?? this.answered;
    } else if (push.kind === "taxonomy") this.#name(push.taxonomy);
    else if (push.kind === "end") this.end = push.reason;
    else if (push.kind === "problem") this.problem = push.reason;
    else if (push.kind === "closed") this.closed = push.reason;
    this.#decode();
    this.#changed();
  }

  /** What was decided in another tab isn't asked again here; but it doesn't go from under a finger. */
  #leaveToOthers() {
    if (!this.elsewhere || this.asking || this.around.now() - this.touched_at < QUIET_MS) return;
    if (this.item?.item_id === this.elsewhere) {
      this.queue.drop([this.elsewhere], 0);
      this.#decode();
      this.#say("The last item was decided in another tab.", false);
    }
    this.elsewhere = null;
  }

  /** To be called a few times a second. */
  tick() {
    this.link.tick();
    this.#leaveToOthers();
    this.#ask();
    if (this.link.waiting_since !== null) this.#changed();
  }

  // What the person does

  /** Enter: the visible suggestion is right. */
  accept() {
    const seen = this.suggestion;
    if (!this.item) return;
    if (!seen) return this.#say("No suggestion is shown for this item: choose a label.", true);
    this.choose(seen[0]);
  }

  /** @param {string} label_id */
  choose(label_id) {
    const label = this.labels.get(label_id);
    if (!this.item || !label) return;
    const seen = this.suggestion;
    const verdict = !seen ? "answer" : seen[0] === label_id ? "accept" : "correct";
    const done = { accept: "Accepted", correct: "Corrected to", answer: "Answered" }[verdict];
    this.#choice({ verdict, label_id, words: `${done} ${label.name}` });
  }

  unsure() { this.#choice({ verdict: "unsure", label_id: null, words: "Unsure" }); }

  skip() { this.#choice({ verdict: "skip", label_id: null, words: "Skipped" }); }

  /** The item itself is no good. */
  flag() {
    if (this.item) this.#decide({ verdict: "unsure", label_id: null, words: "Flagged as bad data" }, ["bad_data"]);
  }

  /** @param {Choice} choice */
  #choice(choice) {
    if (!this.item || this.face) return;
    this.touched_at = this.around.now();
    const policy = this.setup?.certainty ?? "keep";
    const given = this.certainty?.source === "given";
    const asks = policy === "ask" ? choice.verdict !== "skip" : policy === "unsure_only" && choice.verdict === "unsure";
    if (asks && !given) {
      this.asking = choice;
      return this.#say(`${choice.words}: how sure are you, from 0 to 10?`, false);
    }
    this.#decide(choice);
  }

  /** @param {number} value 0 to 10 */
  rate(value) {
    if (!this.item || this.face) return;
    this.touched_at = this.around.now();
    this.certainty = { value, source: "given" };
    if (this.asking) return this.#decide(this.asking);
    this.#say(`Certainty ${value}`, false);
  }

  /** @param {1 | -1} by */
  nudge(by) { this.rate(Math.max(0, Math.min(10, (this.certainty?.value ?? 5) + by))); }

  /** @returns {boolean} whether there was something to leave */
  escape() {
    if (!this.asking) return false;
    this.asking = null;
    this.#say("Not decided yet.", false);
    return true;
  }

  undo() {
    if (this.closed || this.needs_name) return;
    if (this.asking) { this.escape(); return; }
    const last = this.queue.undo();
    if (!last) return this.#say("Nothing to undo here.", false);
    const retract = this.#act("retract", last.item.item_id);
    this.outbox.put({ ...retract, kind: "retract", retracts: last.decision_id });
    last.item.shown_at = undefined;
    if (last.words !== "Skipped") this.answered--;
    this.#say(`Undone: ${last.words}`, false);
    this.link.flush();
    this.#decode();
  }

  toggleMap() {
    if (!this.setup?.methods.length) return this.#say("No saliency map was asked for.", false);
    if (this.item?.blind) return this.#say("This item is shown blind: its map is hidden too.", false);
    this.map_shown = !this.map_shown;
    this.#changed();
  }

  nextMethod() {
    const n = this.setup?.methods.length ?? 0;
    if (n < 2) return this.toggleMap();
    if (this.map_shown) this.method = (this.method + 1) % n;
    this.map_shown = true;
    this.#changed();
  }

  /** @param {number} opacity 0 to 1 */
  setOpacity(opacity) {
    this.opacity = Math.max(0.1, Math.min(1, opacity));
    this.#changed();
  }

  /** @param {string | null} name null: go on under the default one */
  name(name) {
    if (name === null) this.named = true;
    else {
      // Nothing can be decided until the kernel knows: it would carry the former name.
      this.naming = true;
      this.link.hello(() => ({ kind: "name", annotator: name }));
    }
    this.#changed();
  }

  /** A picture of the current item is on the screen. */
  painted() {
    if (this.item && this.item.shown_at === undefined) this.item.shown_at = this.around.now();
  }

  // How a decision is made

  /** @param {Choice} choice @param {string[]} [flags] */
  #decide({ verdict, label_id, words }, flags = []) {
    const item = this.item;
    if (!item || this.face) return;
    this.asking = null;
    const rated = verdict !== "skip" ? this.certainty : null;
    const act = this.#act("decide", item.item_id);
    // Kept in the browser before anything else: whatever goes wrong from here on, it isn't lost.
    this.outbox.put({ ...act, kind: "decide", verdict, label_id, note: null, flags,
      certainty: rated?.value ?? null, seen: this.#seen(item, rated?.source) });
    this.queue.decide(act.decision_id, words);
    if (verdict !== "skip") this.answered++;
    if (this.certainty) this.certainty = this.setup?.certainty === "keep" ? { ...this.certainty, source: "carried" } : null;
    item.rejection = undefined;
    const oldest = this.queue.past.length > 8 ? this.queue.past[this.queue.past.length - 9].item : null;
    if (oldest) release(oldest);
    this.#say(words, false);
    this.link.flush();
    this.#ask();
    this.#decode();
  }

  /** @template {"decide" | "retract"} K @param {K} kind @param {string} item_id */
  #act(kind, item_id) {
    const decision_id = newId();
    this.touched_at = this.around.now();
    this.mine.add(decision_id);
    return { kind, decision_id, item_id, acted_at: this.around.instant(), annotator: this.setup?.annotator ?? "" };
  }

  /** What is on the screen at this moment. @param {Item} item @param {Seen["certainty"]} certainty @returns {Seen} */
  #seen(item, certainty) {
    /** @type {Seen} */
    const seen = { chosen_by: item.chosen_by, taxonomy: this.setup?.taxonomy.version };
    const suggestion = item.broken ? undefined : item.suggestion;
    if (suggestion) Object.assign(seen, { suggestion, probs: Object.fromEntries(item.probs), model: item.model });
    if (item.blind) seen.hidden = true;
    const map = this.saliency;
    if (map) Object.assign(seen, { method: map.method, target: map.target });
    if (certainty) seen.certainty = certainty;
    if (item.shown_at !== undefined) seen.shown_ms = Math.round(this.around.now() - item.shown_at);
    return seen;
  }

  /** @param {string} text @param {boolean} bad */
  #say(text, bad) {
    this.notice = { text, bad };
    this.#changed();
  }

  #have() {
    const decided = [...this.outbox.entries.values()].map(({ act }) => act.item_id);
    return [...new Set([...this.queue.items.map((i) => i.item_id), ...decided])];
  }

  /** Asks for more items before they run out; the answer comes as pushes. */
  #ask() {
    const now = this.around.now();
    if (!this.setup || this.closed || this.queue.items.length > LOW || now - this.more_at < MORE_MS) return;
    if (this.end && this.queue.items.length === 0 && now - this.more_at < 5 * MORE_MS) return;
    this.more_at = now;
    try { this.around.send({ kind: "more", have: this.#have() }); } catch { /* the tick asks again */ }
  }

  #decode() { decodeAhead(this.queue.items, () => this.#changed(), this.around.decode); }
}
