// @ts-check
// The talk between a widget and its kernel, the same for all three. One session a widget model: every view shows the same.

import { Link } from "./link.js";
import { newId, Outbox } from "./outbox.js";

/** @typedef {import("./types.d.ts").Lasting} Lasting */
/** @typedef {import("./types.d.ts").Notice} Notice */

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
  greeting() { return { kind: "hello", tab: this.tab, n: ++this.greetings }; }

  /** The kernel that this widget talked to is there, or is gone. @param {boolean} live */
  line(live) {
    this.gone = !live;
    this.changed(false);
  }

  /** To be called a few times a second. */
  tick() {
    this.link.tick();
    if (this.link.waiting_since !== null) this.changed(false);
  }

  /** Takes a push about the widget as a whole. @param {{kind: string}} push @returns {boolean} whether it was that */
  status(push) {
    const { kind, reason } = /** @type {{kind: string, reason: string | null}} */ (push);
    if (kind === "problem") this.trouble = reason;
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
