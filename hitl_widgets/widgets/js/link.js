// @ts-check
// Delivery of acts: each is sent, sent again if no answer comes, and at last sent on a new comm.


export const PATIENCE_MS = 5000;
const GREETING_MS = 250; // the first greeting may leave before its subshell is there, and then waits for the cell
const LONGEST_MS = 30_000;

export class Link {
  /**
   * @param {import("./outbox.js").Outbox<any>} outbox
   * @param {{send: (message: any) => void, reopen: () => void, now: () => number}} line
   */
  constructor(outbox, { send, reopen, now }) {
    this.outbox = outbox;
    this.send = send;
    this.reopen = reopen;
    this.now = now;
    this.ready = false;
    /** Makes the greeting, until it is answered. @type {(() => object) | null} */
    this.greeting = null;
    this.greeted_at = 0;
    this.greetings = 0;
    this.reopened = 0;
    /** Since when has nothing been answered? @type {number | null} */
    this.waiting_since = null;
  }

  /** @param {() => object} greeting */
  hello(greeting) {
    this.greeting = greeting;
    this.greetings = 0;
    this.#greet();
  }

  /** Notes an answer of any kind: the connection works. */
  answered() {
    this.reopened = 0;
    this.waiting_since = null;
    this.greeting = null;
  }

  /** Sends what hasn't been sent yet, and what was refused only because it waited for an act that is stored by now. */
  flush() { this.#sendWhere((entry) => entry.sent_at === null); }

  /** Sends all waiting acts in the tab's order, once the kernel says `ready`. */
  restart() {
    this.ready = true;
    for (const entry of this.outbox.entries.values()) entry.sent_at = null;
    this.flush();
  }

  /** Keeps an act that the server couldn't store now, to be sent again after a while.
   * @param {string} decision_id @param {string} reason */
  postpone(decision_id, reason) {
    const entry = this.outbox.entries.get(decision_id);
    if (entry) entry.problem = reason;
  }

  /** Sends unanswered acts again; to be called a few times a second. */
  tick() {
    const now = this.now();
    if (this.greeting && now - this.greeted_at >= Math.min(PATIENCE_MS, GREETING_MS * 2 ** this.greetings)) this.#greet();
    this.#sendWhere((entry, waits) => !waits && (entry.sent_at === null || now - entry.sent_at >= patience(entry.tries)));
    // No answer within the time of two acts: a new comm is tried, and again after the same time.
    if (this.waiting_since !== null && now - this.waiting_since >= 2 * PATIENCE_MS * (this.reopened + 1)) {
      this.reopened++;
      this.reopen();
    }
  }

  #greet() {
    if (!this.greeting) return;
    this.greetings++;
    this.greeted_at = this.now();
    this.waiting_since ??= this.greeted_at;
    this.#send(this.greeting());
  }

  /** Each act names the one before it that isn't stored yet: the kernel takes it after that one or not at all, so that
   * the log tells the tab's order whatever is lost, refused or sent again.
   * @param {(entry: import("./outbox.js").Entry<any>, waits: boolean) => boolean} due */
  #sendWhere(due) {
    if (!this.ready) return;
    const { entries } = this.outbox;
    /** @type {string | undefined} */
    let after;
    let going = false;
    for (const [id, entry] of entries) {
      const refused = entry.problem !== undefined;
      const waits = refused && entry.after !== undefined && entries.has(entry.after);
      const freed = refused && entry.after !== undefined && !waits;
      if (freed || (going && refused) || due(entry, waits)) {
        going = true;
        this.#sendEntry(entry, after);
      }
      after = id;
    }
  }

  /** @param {import("./outbox.js").Entry<any>} entry @param {string | undefined} after */
  #sendEntry(entry, after) {
    entry.sent_at = this.now();
    entry.tries++;
    entry.after = after;
    entry.problem = undefined;
    this.waiting_since ??= entry.sent_at;
    this.#send(after === undefined ? entry.act : { ...entry.act, after });
  }

  /** @param {object} message */
  #send(message) {
    // A closed comm throws; what wasn't sent stays here, and the next tick tries again.
    try { this.send(message); } catch (error) { console.warn("hitl_widgets: not sent:", error); }
  }
}

/** 5, 5, 10, 20, 30, 30 ... seconds. @param {number} tries */
const patience = (tries) => Math.min(LONGEST_MS, PATIENCE_MS * 2 ** Math.max(0, tries - 2));
