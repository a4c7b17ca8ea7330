// @ts-check
// The state of triage, and what happens on a key.

import { assignKeys, bind } from "../keys.js";
import { newId } from "../outbox.js";
import { Session } from "../session.js";

/** @typedef {import("./types.d.ts").Act} Act */
/** @typedef {import("./types.d.ts").Done} Done */
/** @typedef {import("./types.d.ts").Push} Push */
/** @typedef {import("./types.d.ts").Reply} Reply */
/** @typedef {import("./types.d.ts").Surroundings} Surroundings */
/** @typedef {import("./types.d.ts").Tile} Tile */
/** @typedef {import("./types.d.ts").TriageLabels} TriageLabels */
/** @typedef {import("./types.d.ts").TriageReady} TriageReady */
/** @typedef {import("./types.d.ts").UnplacedItem} UnplacedItem */

/** @param {UnplacedItem} body @returns {Tile} */
const tileOf = (body) => ({ ...body, gone: null, picture: null, large: null, problem: null, asked: false, asked_large: false });

/** @param {number} n */
export const items = (n) => (n === 1 ? "1 item" : `${n.toLocaleString("en")} items`);

/** @extends {Session<TriageReady, Act>} */
export class TriageSession extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, around.storage);
    /** @type {Surroundings} */
    this.around = around;
    /** @type {TriageLabels} */
    this.taxonomy = { version: 0, labels: [], other: null, places: [] };
    /** label_id -> key @type {Map<string, string>} */
    this.keys = new Map();
    /** @type {Map<string, string>} */
    this.bindings = new Map();
    /** The groups of items; null until the kernel sends them. @type {Tile[][] | null} */
    this.pages = null;
    /** The words that distinguish each page, if items are texts. @type {string[][]} */
    this.words = [];
    /** By item_id. @type {Map<string, Tile>} */
    this.tiles = new Map();
    this.page = 0;
    /** item_id of the item in focus. @type {string | null} */
    this.focus = null;
    /** @type {Set<string>} */
    this.selected = new Set();
    /** @type {string | null} */
    this.anchor = null;
    /** Whether a new label is being made for the items. */
    this.making = false;
    /** What can be undone, the latest last. @type {Done[]} */
    this.done = [];
  }

  // What is seen

  /** The items that are still on a page. @param {number} page @returns {Tile[]} */
  on(page) { return (this.pages?.[page] ?? []).filter((tile) => tile.gone === null); }

  get shown() { return this.on(this.page); }

  /** The numbers of the pages that still have items. @returns {number[]} */
  get open() { return (this.pages ?? []).flatMap((_, page) => (this.on(page).length ? [page] : [])); }

  /** The items that an act applies to: those selected, else the whole page. @returns {Tile[]} */
  get about() {
    const { shown } = this;
    const chosen = shown.filter((tile) => this.selected.has(tile.item_id));
    return chosen.length ? chosen : shown;
  }

  get tile() { return this.tiles.get(this.focus ?? "") ?? null; }

  get n() { return this.open.reduce((sum, page) => sum + this.on(page).length, 0); }

  // What the kernel says

  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") {
      this.setup = reply;
      this.bindings = bind(reply.keys);
      this.#name(reply.taxonomy);
      // "desk" stays: under it acts may wait in browsers from before triage had its name.
      this.outbox.open(`${reply.project_id}:desk`, this.around.base, reply.annotator);
      this.link.restart();
    } else if (reply.kind === "stored") this.outbox.settle(reply.decision_id);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.link.flush();
    this.changed();
  }

  /** @param {import("./types.d.ts").Rejected} reply */
  #rejected({ decision_id, reason, again }) {
    this.notice = { text: reason, bad: true };
    if (!decision_id) return;
    if (again) return this.link.postpone(decision_id, reason);
    const act = /** @type {any} */ (this.outbox.settle(decision_id));
    // Nothing was stored: the items that the act removed come back, and those that an undo brought back are removed.
    if (act?.kind === "undo") {
      for (const item_id of act.item_ids ?? []) { const tile = this.tiles.get(item_id); if (tile) tile.gone = act.retracts; }
      this.done.push({ act_id: act.retracts, words: act.words });
    } else {
      for (const tile of this.tiles.values()) if (tile.gone === decision_id) tile.gone = null;
      this.done = this.done.filter((done) => done.act_id !== decision_id);
    }
    this.#settle();
  }

  /** @param {TriageLabels} taxonomy */
  #name(taxonomy) {
    this.taxonomy = taxonomy;
    this.keys = assignKeys(taxonomy.labels.filter((label) => label.label_id !== taxonomy.other), this.keys, this.bindings);
  }

  /** @param {Push} push @param {ArrayBufferView[]} buffers */
  push(push, buffers = []) {
    if (push.kind === "pages") {
      const before = this.tiles;
      const waiting = new Set([...this.outbox.entries.keys()]);
      this.pages = push.pages.map((page) => page.map((body) => {
        const known = before.get(body.item_id);
        // Items that an unconfirmed act has removed aren't shown again.
        return known ? { ...known, ...body, gone: known.gone !== null && waiting.has(known.gone) ? known.gone : null } : tileOf(body);
      }));
      this.words = push.words;
      this.tiles = new Map(this.pages.flat().map((tile) => [tile.item_id, tile]));
      this.page = this.open[0] ?? 0;
      this.#settle();
    } else if (push.kind === "unplaced") this.#unplaced(push);
    else if (push.kind === "acts") {
      const here = new Set([...this.done.map((done) => done.act_id), ...this.outbox.entries.keys()]);
      const former = push.acts.filter((act) => !here.has(act.act_id)).map(({ act_id, act, n, label }) => ({ act_id, words: inWords(act, n, label) }));
      this.done = [...former, ...this.done];
    } else if (push.kind === "pictures") this.#pictures(push, buffers);
    else if (push.kind === "taxonomy") this.#name(push.taxonomy);
    else this.status(push);
    this.changed();
  }

  /** @param {import("./types.d.ts").Unplaced} push */
  #unplaced({ item_ids, more }) {
    if (!this.pages) return;
    const lying = new Set(item_ids);
    let left = 0;
    for (const tile of this.tiles.values()) {
      if (!lying.has(tile.item_id) && tile.gone === null) { tile.gone = "elsewhere"; left++; } else if (lying.has(tile.item_id) && tile.gone === "elsewhere") tile.gone = null;
    }
    const fresh = more.filter((body) => !this.tiles.has(body.item_id)).map(tileOf);
    if (fresh.length) {
      this.pages.push(fresh);
      for (const tile of fresh) this.tiles.set(tile.item_id, tile);
      this.notice = { text: `${items(fresh.length)} arrived: they are the last group.`, bad: false };
    } else if (left) this.notice = { text: `${items(left)} were sorted elsewhere meanwhile.`, bad: false };
    this.#settle();
  }

  /** @param {import("./types.d.ts").Pictures} push @param {ArrayBufferView[]} buffers */
  #pictures({ item_ids, problems, large }, buffers) {
    item_ids.forEach((item_id, i) => {
      const tile = this.tiles.get(item_id);
      if (!tile) return;
      if (problems[i]) { tile.problem = problems[i]; return; }
      this.around.decode({ bytes: buffers[i] }).then((picture) => {
        if (large) tile.large = picture;
        else tile.picture = picture;
        this.changed();
      }, () => { tile.problem = "The browser can't show this picture."; });
    });
  }

  // Where one is

  /** Requests the visible pictures, once. */
  want() {
    if (!this.setup || this.gone || !this.pages) return;
    const firsts = this.open.map((page) => this.on(page)[0]);
    const missing = [...this.shown, ...firsts].filter((tile) => !tile.asked);
    for (const tile of missing) tile.asked = true;
    if (missing.length) this.around.send({ kind: "pictures", item_ids: [...new Set(missing.map((tile) => tile.item_id))] });
    const { tile } = this;
    if (tile && !tile.asked_large) {
      tile.asked_large = true;
      this.around.send({ kind: "pictures", item_ids: [tile.item_id], large: true });
    }
  }

  /** Moves the focus to an item that is still here. @param {number} [at] its former position on the page */
  #settle(at = 0) {
    const { open } = this;
    if (!open.includes(this.page)) this.page = open.find((page) => page > this.page) ?? open.at(-1) ?? 0;
    const { shown } = this;
    if (!shown.some((tile) => tile.item_id === this.focus)) this.focus = (shown[Math.min(at, shown.length - 1)] ?? null)?.item_id ?? null;
    this.selected = new Set([...this.selected].filter((id) => this.tiles.get(id)?.gone === null));
    this.want();
  }

  /** @param {number} by */
  turn(by) {
    const { open } = this;
    const at = open.indexOf(this.page);
    const to = open[Math.max(0, Math.min(open.length - 1, at + by))];
    if (to !== undefined && to !== this.page) this.open_page(to);
  }

  /** @param {number} page */
  open_page(page) {
    this.page = page;
    this.selected.clear();
    this.anchor = null;
    this.focus = null;
    this.making = false;
    this.#settle();
    this.changed();
  }

  /** @param {string} item_id @param {{extend?: boolean, toggle?: boolean}} [how] */
  go(item_id, { extend = false, toggle = false } = {}) {
    const ids = this.shown.map((tile) => tile.item_id);
    if (!ids.includes(item_id)) return;
    if (extend) {
      this.anchor ??= this.focus;
      const [from, to] = [ids.indexOf(this.anchor ?? item_id), ids.indexOf(item_id)].sort((a, b) => a - b);
      this.selected = new Set(ids.slice(Math.max(0, from), to + 1));
    } else {
      this.anchor = item_id;
      if (toggle && !this.selected.delete(item_id)) this.selected.add(item_id);
    }
    this.focus = item_id;
    this.want();
    this.changed();
  }

  /** Handles a key in the grid. @param {string} key @param {number} columns @param {boolean} extend @returns {boolean} */
  lead(key, columns, extend) {
    const ids = this.shown.map((tile) => tile.item_id);
    const at = Math.max(0, ids.indexOf(this.focus ?? ""));
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: ids.length - 1 };
    if (!(key in steps)) return false;
    const to = steps[key];
    // Up from the first row and down from the last stay where they are.
    if (ids.length && to >= 0) this.go(ids[Math.min(to, ids.length - 1)], { extend });
    return true;
  }

  selectAll() {
    const { shown } = this;
    const all = shown.every((tile) => this.selected.has(tile.item_id));
    this.selected = new Set(all ? [] : shown.map((tile) => tile.item_id));
    this.changed();
  }

  // What one does

  /** @param {string} key */
  press(key) {
    const found = [...this.keys].find(([, its]) => its === key);
    if (found) this.assign(found[0]);
  }

  /** @param {string} label_id */
  assign(label_id) {
    const label = this.taxonomy.labels.find((its) => its.label_id === label_id);
    if (label) this.#act("assign", { label_id, taxonomy: this.taxonomy.version }, inWords("assigned", this.about.length, label.name));
  }

  /** @param {string} name @param {string | null} under @param {string} definition */
  make(name, under, definition) {
    if (!name.trim()) return;
    this.#act("make", { name: name.trim(), under, definition: definition.trim() }, inWords("assigned", this.about.length, name.trim()));
    this.making = false;
  }

  leaveOut() { this.#act("leave_out", {}, inWords("left_out", this.about.length, null)); }

  sendBack() { this.#act("send_back", {}, inWords("sent_back", this.about.length, null)); }

  /** @param {Exclude<Act["kind"], "undo">} kind @param {object} more @param {string} words */
  #act(kind, more, words) {
    const { about, setup } = this;
    if (!setup || !about.length || this.closed) return;
    const decision_id = newId();
    const at = this.shown.findIndex((tile) => tile.item_id === about[0].item_id);
    for (const tile of about) tile.gone = decision_id;
    this.selected.clear();
    this.done.push({ act_id: decision_id, words });
    this.notice = { text: `${words}.`, bad: false };
    this.#send({ kind, decision_id, item_ids: about.map((tile) => tile.item_id), ...more });
    this.#settle(at);
    this.changed();
  }

  undo() {
    const last = this.done.pop();
    if (!this.setup || this.closed) return;
    if (!last) return this.say("There is nothing to undo.", true);
    const back = [...this.tiles.values()].filter((tile) => tile.gone === last.act_id);
    for (const tile of back) tile.gone = null;
    this.notice = { text: `Undone: ${last.words}.`, bad: false };
    this.#send({ kind: "undo", decision_id: newId(), retracts: last.act_id, item_ids: back.map((tile) => tile.item_id), words: last.words });
    const page = (this.pages ?? []).findIndex((tiles) => tiles.includes(back[0]));
    if (page >= 0) { this.page = page; this.focus = back[0].item_id; }
    this.#settle();
    this.changed();
  }

  /** @param {object} act */
  #send(act) {
    this.outbox.put(/** @type {any} */ ({ ...act, annotator: this.setup?.annotator, acted_at: this.around.instant() }));
    this.link.flush();
  }

  regroup() {
    if (!this.setup || this.closed) return;
    this.around.send({ kind: "regroup" });
    this.say("Grouping similar items …");
  }

  startMaking() {
    if (!this.setup || !this.about.length || this.closed) return;
    this.making = true;
    this.changed();
  }

  /** Closes the innermost thing that is open; false when there is none. */
  escape() {
    if (this.making) this.making = false;
    else if (this.selected.size) this.selected.clear();
    else return false;
    this.changed();
    return true;
  }
}

/** An act in words. @param {string} act @param {number} n @param {string | null} label */
function inWords(act, n, label) {
  return act === "assigned" ? `${items(n)} → ${label}` : act === "left_out" ? `${items(n)} left out` : `${items(n)} sent back`;
}
