// @ts-check
// The state of the taxonomy editor, and what happens on a key.

import { newId } from "../outbox.js";
import { Session } from "../session.js";
import { begin, proposal } from "./proposal.js";
import { lead, Tree, typeahead } from "./tree.js";

/** @typedef {import("../messages.d.ts").Apply} Apply */
/** @typedef {import("../messages.d.ts").Revert} Revert */
/** @typedef {import("../messages.d.ts").SettleEdit} SettleEdit */
/** @typedef {import("../types.d.ts").Example} Example */
/** @typedef {import("./types.d.ts").EditorReady} EditorReady */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").FormKind} FormKind */
/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").Push} Push */
/** @typedef {import("./types.d.ts").Reply} Reply */
/** @typedef {import("./types.d.ts").Surroundings} Surroundings */
/** @typedef {import("./types.d.ts").Values} Values */

const WAIT_MS = 250; // after the last key, before an edit is previewed
const TYPING_MS = 700; // letters that come closer together are one word
const SHUT_FROM = 200; // a larger taxonomy opens with its top only

/** @extends {Session<EditorReady, Apply | Revert | SettleEdit>} */
export class EditorSession extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, null); // an edit waits in its form, not in the browser's storage
    /** @type {Surroundings} */
    this.around = around;
    this.tree = new Tree();
    /** label_id -> number of its answers that stand, and of those in doubt; labels under it included. @type {Map<string, [number, number]>} */
    this.counts = new Map();
    /** The answers of all labels: how many stand, and how many are in doubt. @type {[number, number]} */
    this.count = [0, 0];
    /** The latest first. @type {Past[]} */
    this.history = [];
    /** Whether the person's role lets them settle edits that were made apart. */
    this.may_settle = false;
    /** label_id -> small pictures of it. @type {Map<string, Example[]>} */
    this.examples = new Map();
    /** @type {Set<string>} */
    this.asked = new Set();
    /** @type {string | null} */
    this.focus = null;
    /** @type {Set<string>} */
    this.selected = new Set();
    /** Where a selection with Shift began. @type {string | null} */
    this.anchor = null;
    /** Labels that were cut, to be put elsewhere. @type {string[]} */
    this.cut = [];
    /** @type {Set<string>} */
    this.shut = new Set();
    this.query = "";
    /** @type {Form | null} */
    this.form = null;
    /** @type {import("./types.d.ts").EditPreview | null} */
    this.preview = null;
    /** Why the form can't be applied, in words. @type {string | null} */
    this.problem = null;
    /** What somebody changed in the taxonomy while the form was open. @type {string | null} */
    this.overtaken = null;
    this.showing_history = false;
    this.ask = 0;
    /** @type {number | null} */
    this.ask_at = null;
    /** The act that is on its way. @type {{id: string, form: Form} | null} */
    this.acting = null;
    /** Edits that were made here. @type {Set<string>} */
    this.done = new Set();
    this.typed = "";
    this.typed_at = -Infinity;
    /** The path of a label that an edit will create. @type {string | null} */
    this.seek = null;
    /** @type {import("./tree.js").Row[] | null} */
    this.shown = null;
  }

  // What is seen

  /** @returns {import("./tree.js").Row[]} */
  get rows() { return this.shown ??= this.tree.rows(this.shut, this.query); }

  get at() { return this.rows.findIndex((row) => row.label.label_id === this.focus); }

  get label() { return this.tree.byId.get(this.focus ?? ""); }

  /** The labels that an edit applies to: those selected, else the one in focus. @returns {string[]} */
  get about() {
    if (this.selected.size) return this.tree.labels.filter((label) => this.selected.has(label.label_id)).map((label) => label.label_id);
    return this.focus === null ? [] : [this.focus];
  }

  /** Whether the form can be applied as it is. */
  get ready() { return this.form !== null && (this.preview !== null || this.form.kind === "leave") && this.problem === null && this.ask_at === null && !this.acting; }

  // What the kernel says

  tick() {
    super.tick();
    if (this.ask_at !== null && this.around.now() >= this.ask_at) this.#ask();
  }

  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") {
      this.setup = reply;
      this.outbox.open(reply.project_id, "", reply.annotator);
      this.link.restart();
      if (this.form) this.#dirty(0);
    } else if (reply.kind === "stored") this.#stored(reply);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.changed();
  }

  /** @param {import("./types.d.ts").EditStored} reply */
  #stored(reply) {
    this.outbox.settle(reply.decision_id);
    this.done.add(reply.edit_id);
    if (this.acting?.id !== reply.decision_id) return;
    // A form that was opened meanwhile stays open.
    if (this.acting.form === this.form) this.leave();
    this.acting = null;
    this.selected.clear();
    this.cut = [];
    this.notice = { text: `${reply.prose} Version ${reply.version}.`, bad: false };
  }

  /** @param {import("./types.d.ts").Rejected} reply */
  #rejected({ decision_id, reason, again }) {
    if (decision_id && again) return this.link.postpone(decision_id, reason);
    if (decision_id) this.outbox.settle(decision_id);
    const acting = this.acting?.id === decision_id ? this.acting : null;
    if (acting) this.acting = null;
    if (acting && acting.form === this.form) this.problem = reason;
    else this.notice = { text: reason, bad: true };
  }

  /** @param {Push} push @param {ArrayBufferView[]} buffers */
  push(push, buffers = []) {
    if (push.kind === "taxonomy") this.#taxonomy(push);
    else if (push.kind === "counts") {
      this.counts = new Map(Object.entries(push.counts));
      this.count = push.count;
      this.asked.clear(); // answers have come, and pictures of them may have
    } else if (push.kind === "preview") {
      if (push.ask !== this.ask || !this.form || this.ask_at !== null) return;
      this.preview = push.preview ?? null;
      this.problem = push.problem ?? null;
    } else if (push.kind === "examples") this.#examples(push, buffers);
    else this.status(push);
    this.changed();
  }

  /** @param {import("./types.d.ts").PushTree} push */
  #taxonomy({ taxonomy, history, may_settle }) {
    const before = this.tree;
    const first = before.version === 0;
    this.history = history;
    this.may_settle = may_settle;
    const waiting = history.filter((past) => past.to_settle).length;
    if (first && waiting && may_settle) this.notice = { bad: false,
      text: `${waiting === 1 ? "1 edit that was made apart waits" : `${waiting} edits that were made apart wait`} to be settled: the history has ${waiting === 1 ? "it" : "them"}.` };
    if (taxonomy.version === before.version) return;
    this.tree = new Tree(taxonomy.labels.map((label) => ({ ...label, path: "" })), taxonomy.version, taxonomy.inner_answers, taxonomy.attributes);
    this.shown = null;
    this.asked.clear();
    this.examples.clear();
    if (first && taxonomy.labels.length > SHUT_FROM) this.shut = new Set(this.tree.labels.flatMap((l) => (this.tree.under.has(l.label_id) ? [l.label_id] : [])));
    this.selected = new Set([...this.selected].filter((id) => this.tree.byId.has(id)));
    this.cut = this.cut.filter((id) => this.tree.byId.has(id));
    const sought = this.seek === null ? undefined : this.tree.labels.find((label) => label.path === this.seek);
    if (sought) this.#reveal(sought.label_id);
    else if (!this.tree.byId.has(this.focus ?? "")) {
      const place = before.labels.findIndex((label) => label.label_id === this.focus);
      const near = before.labels.slice(0, Math.max(0, place)).reverse().find((label) => this.tree.byId.has(label.label_id));
      this.focus = near?.label_id ?? this.tree.labels[0]?.label_id ?? null;
    }
    this.seek = null;
    if (first) return;
    const news = history.filter((past) => past.version > before.version && past.version <= taxonomy.version);
    const others = news.filter((past) => !this.done.has(past.edit_id) && (!this.acting || past.annotator !== this.setup?.annotator));
    const words = others.map((past) => `${past.annotator}: ${past.prose}`).join(" ");
    if (this.form && !(this.acting && this.acting.form === this.form)) {
      this.overtaken = `The taxonomy changed meanwhile. ${words}`;
      this.#dirty(0);
    } else if (words && !this.acting) this.notice = { text: words, bad: false };
  }

  /** @param {import("./types.d.ts").Examples} push @param {ArrayBufferView[]} buffers */
  #examples({ label_id, examples }, buffers) {
    Promise.all(examples.map(async (example, i) => ({ ...example,
      picture: example.problem ? null : await this.around.decode({ bytes: buffers[i] }).catch(() => null) })))
      .then((pictures) => { this.examples.set(label_id, pictures); this.changed(); });
  }

  // Where one is

  /** Requests the pictures of these labels, unless they were requested before. @param {string[]} label_ids */
  want(label_ids) {
    const missing = label_ids.filter((id) => !this.asked.has(id));
    if (!missing.length || !this.setup || this.gone) return;
    for (const id of missing) this.asked.add(id);
    this.around.send({ kind: "examples", label_ids: missing });
  }

  /** @param {string | null} id @param {{extend?: boolean, toggle?: boolean}} [how] */
  go(id, { extend = false, toggle = false } = {}) {
    if (id === null || !this.tree.byId.has(id)) return;
    if (extend) {
      this.anchor ??= this.focus;
      const ids = this.rows.map((row) => row.label.label_id);
      const [from, to] = [ids.indexOf(this.anchor ?? id), ids.indexOf(id)].sort((a, b) => a - b);
      this.selected = new Set(ids.slice(Math.max(0, from), to + 1));
    } else {
      this.anchor = id;
      if (toggle && !this.selected.delete(id)) this.selected.add(id);
    }
    this.focus = id;
    this.changed();
  }

  /** Handles a key in the tree. @param {string} key @param {boolean} extend @param {number} page @returns {boolean} */
  lead(key, extend, page) {
    const step = lead(this.rows, this.at, key, page);
    if (!step) return false;
    if (step.open !== undefined && this.focus) this.toggle(this.focus, step.open);
    else if (step.to !== undefined) this.go(this.rows[step.to]?.label.label_id ?? null, { extend });
    return true;
  }

  /** Goes to the label that begins with the typed letters. @param {string} letter */
  type(letter) {
    const now = this.around.now();
    this.typed = now - this.typed_at < TYPING_MS ? this.typed + letter : letter;
    this.typed_at = now;
    const to = typeahead(this.rows, Math.max(0, this.at), this.typed);
    if (to >= 0) this.go(this.rows[to].label.label_id);
  }

  /** @param {string} id @param {boolean} [open] */
  toggle(id, open = this.shut.has(id)) {
    if (open) this.shut.delete(id);
    else this.shut.add(id);
    this.shown = null;
    this.changed();
  }

  /** @param {string} query */
  find(query) {
    this.query = query;
    this.shown = null;
    if (query && this.at < 0) {
      const wanted = query.trim().toLowerCase();
      const row = this.rows.find((r) => r.label.path.toLowerCase().includes(wanted) && (r.open === null || r.label.name.toLowerCase().includes(wanted)));
      this.focus = (row ?? this.rows[0])?.label.label_id ?? this.focus;
    }
    this.changed();
  }

  select() { if (this.focus) this.go(this.focus, { toggle: true }); }

  selectSiblings() {
    const parent = this.label?.parent ?? null;
    for (const label of this.tree.children(parent)) this.selected.add(label.label_id);
    this.changed();
  }

  /** @param {string} id */
  #reveal(id) {
    for (const above of this.tree.above(id)) this.shut.delete(above.label_id);
    if (this.query) this.query = "";
    this.shown = null;
    this.focus = id;
  }

  // What one changes

  /** Opens a form. @param {FormKind} kind
   * @param {{ids?: string[], target?: string | null, inline?: boolean, undoes?: Past | null, attribute?: string | null}} [how] */
  begin(kind, { ids = this.about, target = null, inline = false, undoes = null, attribute = null } = {}) {
    const of_attribute = kind.endsWith("_attribute");
    if (of_attribute) ids = [];
    if (!this.setup || this.closed || (!["add", "revert", "settle", "leave"].includes(kind) && !ids.length && !of_attribute)) return;
    if (kind === "merge" && ids.length < 2) return this.say("First select the labels to merge with Space, or drag one onto the other.", true);
    if (["rename", "split", "describe"].includes(kind)) ids = ids.slice(0, 1);
    this.form = begin(kind, kind === "add" ? [] : ids, this.tree, { target, inline, undoes, attribute });
    this.overtaken = null;
    this.notice = null;
    this.#dirty(0);
    this.changed();
  }

  /** @param {Partial<Values>} values */
  fill(values) {
    if (!this.form) return;
    Object.assign(this.form.values, values);
    this.#dirty(WAIT_MS);
    this.changed();
  }

  /** Changes the kind of edit for the same labels: dropped labels may be moved under another, or merged with it. @param {FormKind} kind */
  turn(kind) {
    const { form } = this;
    if (!form) return;
    const { target } = form.values;
    if (kind === "merge" && target) {
      this.form = { ...begin("merge", [target, ...form.ids.filter((id) => id !== target)], this.tree, { target: null }), why: form.why };
    } else if (kind === "move" && form.kind === "merge") {
      this.form = { ...begin("move", form.ids.slice(1), this.tree, { target: form.ids[0] }), why: form.why };
    }
    this.#dirty(0);
    this.changed();
  }

  leave() {
    this.form = this.preview = this.problem = this.overtaken = this.ask_at = null;
    this.changed();
  }

  /** @param {number} wait_ms */
  #dirty(wait_ms) {
    if (!this.form) return;
    if (this.form.kind === "leave") { this.problem = this.preview = this.ask_at = null; this.ask++; return; } // nothing to preview
    const { problem } = proposal(this.form, this.tree);
    this.problem = problem ?? null;
    this.ask_at = problem ? null : this.around.now() + wait_ms;
    if (problem) { this.preview = null; this.ask++; } else if (!wait_ms) this.#ask();
  }

  #ask() {
    this.ask_at = null;
    if (!this.form) return;
    const { does } = proposal(this.form, this.tree);
    if (!does) return;
    this.preview = null;
    this.around.send({ kind: "preview", ask: ++this.ask, ...does });
  }

  apply() {
    const { form } = this;
    if (!this.setup || !form || !this.ready) return;
    const { does } = proposal(form, this.tree);
    if (!does) return;
    if (form.kind === "add") this.seek = form.values.target ? `${this.tree.path(form.values.target)} / ${form.values.name.trim()}` : form.values.name.trim();
    const act = "settle" in does ? { kind: "settle_edit", edit_id: does.settle, apply: form.kind === "settle" } : { kind: "edit_id" in does ? "revert" : "apply", ...does, base: this.preview?.version };
    this.#act({ ...act, why: form.why.trim() || null }, form);
  }

  /** Previews undoing an edit. @param {string} [edit_id] by default the last that stands */
  undo(edit_id) {
    const stands = this.history.filter((past) => past.reverted_by === null && !past.to_settle);
    const undoes = edit_id ? stands.find((past) => past.edit_id === edit_id) : stands.find((past) => past.reverts === null);
    if (!undoes) return this.say("There is nothing to undo.", true);
    this.begin("revert", { ids: [], undoes });
  }

  /** Previews settling an edit that was made apart: applying it, or leaving it. @param {string} edit_id @param {boolean} apply */
  settle(edit_id, apply) {
    const undoes = this.history.find((past) => past.edit_id === edit_id && past.to_settle);
    if (!undoes || !this.may_settle) return this.say(undoes ? "Your role doesn't let you settle edits." : "Somebody has settled this edit.", true);
    this.begin(apply ? "settle" : "leave", { ids: [], undoes });
  }

  /** @param {object} act @param {Form} form */
  #act(act, form) {
    const id = newId();
    this.acting = { id, form };
    this.notice = null;
    this.outbox.put(/** @type {any} */ ({ ...act, decision_id: id, annotator: this.setup?.annotator, acted_at: this.around.instant() }));
    this.link.flush();
    this.changed();
  }

  /** Cuts labels, to be put elsewhere. */
  take() {
    this.cut = this.about;
    this.say(this.cut.length ? `${this.cut.map((id) => this.tree.call(id)).join(", ")}: go to the new parent, then put ${this.cut.length > 1 ? "them" : "it"} there.` : "", false);
  }

  /** @param {string | null} target */
  put(target) {
    if (!this.cut.length) return this.say("Choose a label to move first.", true);
    this.drop(this.cut, target);
  }

  /** Moves labels under another one, or to the top. @param {string[]} ids @param {string | null} target */
  drop(ids, target) {
    const moved = ids.filter((id) => id !== target);
    if (moved.length) this.begin("move", { ids: moved, target });
  }

  /** Closes the innermost thing that is open; false when there is none. */
  escape() {
    if (this.form) this.leave();
    else if (this.showing_history) this.showing_history = false;
    else if (this.query) this.find("");
    else if (this.cut.length) { this.cut = []; this.notice = null; } else if (this.selected.size) this.selected.clear();
    else return false;
    this.changed();
    return true;
  }
}
