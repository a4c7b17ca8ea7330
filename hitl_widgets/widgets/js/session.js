// @ts-check
// The communication between a widget and its kernel, shared by all widgets. Each widget model has one session, which all its views show.

import { Link } from "./link.js";
import { newId, Outbox } from "./outbox.js";

/** @typedef {import("./types.d.ts").Lasting} Lasting */
/** @typedef {import("./types.d.ts").Notice} Notice */

const WATCH_MS = 2000; // a watching page reports itself at this interval

/** @template Ready what the kernel answers to a greeting @template {Lasting} Act what is sent until it is stored */
export class Session {
  /** @param {import("./types.d.ts").Surroundings<any>} around
   * @param {import("./outbox.js").Store | null} storage null: acts that wait are kept in this tab only */
  constructor(around, storage) {
    this.around = around;
    /** @type {Outbox<Act>} */
    this.outbox = new Outbox(storage, around.now);
    this.link = new Link(this.outbox, around);
    /** @type {Ready | null} */
    this.setup = null;
    /** @type {Notice | null} */
    this.notice = null;
    /** Why items or replies are late; null if they are not. @type {string | null} */
    this.trouble = null;
    /** Why the kernel takes no further acts. @type {string | null} */
    this.closed = null;
    /** Whether the kernel was restarted or has died. */
    this.gone = false;
    this.tab = newId();
    this.greetings = 0;
    /** @type {import("./page.js").Page} */
    this.own_page = around.page ?? { id: this.tab, left: null };
    /** The id of the active page; null until the kernel says. @type {string | null} */
    this.active = null;
    /** Whether this page has asked to become the active one. */
    this.taking = false;
    this.watched_at = -Infinity;
    /** @type {Set<(at_once: boolean) => void>} */
    this.views = new Set();
  }

  /** @param {(at_once: boolean) => void} view called at each change; `at_once`: don't wait for the next frame @returns {() => void} */
  subscribe(view) {
    this.views.add(view);
    return () => { this.views.delete(view); };
  }

  changed(at_once = true) { for (const view of this.views) view(at_once); }

  get pending() { return this.outbox.pending; }

  /** Milliseconds for which the kernel hasn't answered. */
  get waited_ms() { return this.link.waiting_since === null ? 0 : this.around.now() - this.link.waiting_since; }

  hello() {
    this.link.hello(() => this.greeting());
    this.changed();
  }

  /** The handshake; the kernel ignores one that arrives after a later one. @returns {object} */
  greeting() {
    const { left } = this.own_page;
    return { kind: "hello", tab: this.tab, n: ++this.greetings, shows: this.views.size > 0, ...(left === null ? {} : { left }), ...(this.taking ? { takes: true } : {}) };
  }

  // Of all pages that show this kernel's widgets one is active, and the others watch.

  get watching() { return this.active !== null && this.active !== this.own_page.id && !this.closed; }

  /** Called when the widget becomes visible: only then can its page become active. */
  appear() { if (this.greetings && this.active !== this.own_page.id) this.#watch(); }

  /** Makes this page the active one, whichever is now. */
  takeOver() {
    if (!this.watching) return;
    this.taking = true;
    this.hello();
  }

  /** Takes from an answer that the connection works, and which page is active. @param {{kind: string, active?: string | null, page?: string}} reply */
  answered(reply) {
    if (reply.page !== undefined) return; // an answer to a page's report on itself says nothing about the acts
    this.link.answered();
    if (reply.kind !== "ready") return;
    if (reply.active !== undefined) this.#turn(reply.active);
    this.taking = false;
  }

  /** @param {string | null} active */
  #turn(active) {
    const before = this.watching;
    if (!before && active !== null && active !== this.own_page.id) this.yields();
    this.active = active;
    if (!before || this.watching) return;
    if (!this.taking) this.hello(); // brings what has happened meanwhile
    this.resumes();
  }

  /** Called when another page takes over: keeps unfinished input. */
  yields() {}

  /** Called when this page becomes active again. */
  resumes() {}

  /** Called when the page is left. */
  leave() {}

  #watch() {
    this.watched_at = this.around.now();
    this.#say({ kind: "watch" });
  }

  /** Sends a page's report on itself, once. @param {import("./messages.d.ts").PageAct} message */
  #say(message) {
    try { this.around.send(message); } catch (error) { console.warn("hitl_widgets: not sent:", error); }
  }

  /** Notes whether the kernel of this widget is alive. @param {boolean} live */
  line(live) {
    this.gone = !live;
    this.changed(false);
  }

  /** To be called a few times a second. */
  tick() {
    this.link.tick();
    if (this.watching && this.views.size && this.around.now() - this.watched_at >= WATCH_MS) this.#watch();
    if (this.link.waiting_since !== null) this.changed(false);
  }

  /** Takes a push about the widget as a whole. @param {{kind: string}} push @returns {boolean} whether it was that */
  status(push) {
    const { kind, reason, page = null, asks } = /** @type {{kind: string, reason: string | null, page?: string | null, asks?: boolean}} */ (push);
    if (kind === "active") {
      this.#turn(page);
      if (asks && page === this.own_page.id) this.#say({ kind: "here" });
    } else if (kind === "problem") this.trouble = reason;
    else if (kind === "closed") this.closed = reason;
    else return false;
    return true;
  }

  /** @param {string} text @param {boolean} [bad] */
  say(text, bad = false) {
    this.notice = text ? { text, bad } : null;
    this.changed();
  }
}
