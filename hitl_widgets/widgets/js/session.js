// @ts-check
// The talk between a widget and its kernel, the same for all three. One session a widget model: every view shows the same.

import { Link } from "./link.js";
import { newId, Outbox } from "./outbox.js";

/** @typedef {import("./types.d.ts").Lasting} Lasting */
/** @typedef {import("./types.d.ts").Notice} Notice */

const WATCH_MS = 2000; // a page that watches says so as often

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
    /** Why what follows is late. @type {string | null} */
    this.trouble = null;
    /** Why no further act is taken. @type {string | null} */
    this.closed = null;
    /** The kernel was restarted, or has died. */
    this.gone = false;
    this.tab = newId();
    this.greetings = 0;
    /** @type {import("./page.js").Page} */
    this.own_page = around.page ?? { id: this.tab, left: null };
    /** The id of the page that acts; null as long as nobody has said. @type {string | null} */
    this.active = null;
    /** The person wants to act here. */
    this.taking = false;
    this.watched_at = -Infinity;
    /** @type {Set<(at_once: boolean) => void>} */
    this.views = new Set();
  }

  /** @param {(at_once: boolean) => void} view told whether a person waits for it, or the next frame will do @returns {() => void} */
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

  /** A handshake: one that arrives after a later one changes nothing. @returns {object} */
  greeting() {
    const { left } = this.own_page;
    return { kind: "hello", tab: this.tab, n: ++this.greetings, shows: this.views.size > 0, ...(left === null ? {} : { left }), ...(this.taking ? { takes: true } : {}) };
  }

  // Of all pages that show this kernel's widgets one acts, and the others watch.

  get watching() { return this.active !== null && this.active !== this.own_page.id && !this.closed; }

  /** The widget has become visible: a page without one doesn't become active. */
  appear() { if (this.greetings && this.active !== this.own_page.id) this.#watch(); }

  /** The person wants to act here, whatever page does now. */
  takeOver() {
    if (!this.watching) return;
    this.taking = true;
    this.hello();
  }

  /** What an answer says of the line and of the pages. @param {{kind: string, active?: string | null, page?: string}} reply */
  answered(reply) {
    if (reply.page !== undefined) return; // to what a page said of itself: it tells nothing of the acts
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
    if (!this.taking) this.hello(); // what has happened meanwhile comes again
    this.resumes();
  }

  /** Another page takes over; what was begun here is kept. */
  yields() {}

  /** This page acts again. */
  resumes() {}

  /** The page goes. */
  leave() {}

  #watch() {
    this.watched_at = this.around.now();
    this.#say({ kind: "watch" });
  }

  /** What a page says of itself isn't sent again. @param {import("./messages.d.ts").PageAct} message */
  #say(message) {
    try { this.around.send(message); } catch (error) { console.warn("hitl_widgets: not sent:", error); }
  }

  /** The kernel that this widget talked to is there, or is gone. @param {boolean} live */
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
