// @ts-check
// Questions, consent and notices. Plain state; acts go out through `send`.

/** @typedef {import("../messages.d.ts").ThreadEntry} Thread */
/** @typedef {import("../messages.d.ts").NoticeEntry} Notice */
/** @typedef {import("../messages.d.ts").About} About */
/** @typedef {import("../messages.d.ts").ConsentQuestion} Question */
/** @typedef {import("../messages.d.ts").Settle["how"]} Settling */
/** @typedef {import("./types.d.ts").PeopleAct} PeopleAct */
/** @typedef {import("./types.d.ts").Push} Push */
/** The content of the drawer, over the right half of the card. @typedef {"questions" | "guideline" | "project" | "notices"} Drawer */

const ROOT = "hitl_widgets/read/";

export class People {
  /** @param {import("../outbox.js").Store | null} storage @param {(act: any) => void} send adds who acts, and when */
  constructor(storage, send) {
    this.storage = storage;
    this.send = send;
    this.annotator = "";
    this.place = "";
    /** The latest last. @type {Thread[]} */
    this.threads = [];
    /** Whether threads have come. */
    this.heard = false;
    /** @type {Notice[]} */
    this.notices = [];
    /** @type {About | null} */
    this.about = null;
    /** @type {Question | null} */
    this.question = null;
    /** Why the person can't answer here; null if they can. @type {string | null} */
    this.reading = null;
    /** Which answers are kept aside, in words. @type {string | null} */
    this.aside = null;
    /** How many posts of a thread the person has read. @type {Record<string, number>} */
    this.read = {};
    /** The thread that the person answers. @type {string | null} */
    this.replying = null;
    /** Whether the question is about the label rather than the item. */
    this.of_label = false;
    /** Refused text, put back into the field. */
    this.unsent = "";
    /** Ids of notices and questions that were dismissed or answered, and may still arrive once more. @type {Set<string>} */
    this.over = new Set();
  }

  /** Sets the person, and loads what they have read. @param {string} project_id @param {string} base @param {string} annotator */
  open(project_id, base, annotator) {
    const place = ROOT + [project_id, base, annotator].map(encodeURIComponent).join("/");
    if (place === this.place) return;
    this.place = place;
    this.annotator = annotator;
    this.aside = null;
    this.replying = null;
    this.over.clear();
    this.read = {};
    try { this.read = JSON.parse(this.storage?.getItem(place) ?? "{}"); } catch { /* all is new then */ }
  }

  /** @param {Push} push @returns {string | null | undefined} what is news to the person, in a sentence; undefined: it wasn't for here */
  take(push) {
    if (push.kind === "threads") return this.#threads(push.threads);
    if (push.kind === "notices") this.notices = push.notices.filter(({ notice }) => !this.over.has(notice));
    else if (push.kind === "about") this.set(push.about, push.consent, push.reading, push.aside);
    else return undefined;
    return null;
  }

  /** @param {About | null | undefined} about @param {Question | null | undefined} question
   * @param {string | null} [reading] why the card is for reading @param {string | null} [aside] what is kept aside */
  set(about, question, reading = null, aside = null) {
    this.about = about ?? null;
    this.reading = reading;
    this.aside = aside;
    this.question = question && !this.over.has(question.policy ?? question.text) ? question : null;
  }

  /** @param {Thread[]} threads */
  #threads(threads) {
    const before = new Set(this.fresh.map(({ thread, posts }) => `${thread} ${posts.length}`));
    this.threads = threads;
    if (!this.heard || !this.annotator) { // only the badge counts what was there when the page opened
      this.heard = true;
      return null;
    }
    const last = this.fresh.find(({ thread, posts }) => !before.has(`${thread} ${posts.length}`))?.posts.at(-1);
    return last ? `${last.annotator} ${last.act === "ask" ? "asks" : last.act === "answer" ? "answers" : "has settled a question"}: ${last.text}` : null;
  }

  /** Threads in which somebody else had the last word, and that the person hasn't looked at since. @returns {Thread[]} */
  get fresh() {
    return this.threads.filter(({ thread, posts, settled }) => posts.length > (this.read[thread] ?? 0)
      && posts.at(-1)?.annotator !== this.annotator && (!settled || posts.some(({ annotator }) => annotator === this.annotator)));
  }

  /** @param {string | undefined} item_id @returns {Thread[]} */
  ofItem(item_id) { return item_id === undefined ? [] : this.threads.filter((thread) => thread.item_id === item_id); }

  /** Threads by where they belong: the item, the label, and what is new or open elsewhere.
   * @param {string | undefined} item_id @param {string | undefined} label_id @returns {[Thread[], Thread[], Thread[]]} */
  sorted(item_id, label_id) {
    const item = this.ofItem(item_id);
    const label = this.threads.filter((thread) => thread.label_id !== null && thread.label_id === label_id && !item.includes(thread));
    const fresh = new Set(this.fresh);
    const others = this.threads.filter((thread) => !item.includes(thread) && !label.includes(thread));
    return [item, label, [...others.filter((thread) => fresh.has(thread)), ...others.filter((thread) => !fresh.has(thread) && !thread.settled)].slice(0, 20)];
  }

  /** Marks threads on the screen as read. @param {Thread[]} threads */
  look(threads) {
    const fresh = threads.filter(({ thread, posts }) => posts.length > (this.read[thread] ?? 0));
    if (!fresh.length) return;
    for (const { thread, posts } of fresh) this.read[thread] = posts.length;
    try { this.storage?.setItem(this.place, JSON.stringify(this.read)); } catch { /* they are new again after a reload */ }
  }

  // What the person says

  /** @param {string} text @param {string | undefined} item_id @param {string | undefined} label_id @returns {boolean} whether there was something to send */
  write(text, item_id, label_id) {
    const words = text.trim();
    if (!words) return false;
    const thread = this.threads.find((one) => one.thread === this.replying);
    if (thread) this.send({ kind: "respond", thread: thread.thread, text: words });
    else if (this.of_label && label_id) this.send({ kind: "ask", text: words, label_id });
    else if (item_id) this.send({ kind: "ask", text: words, item_id });
    else return false;
    this.replying = null;
    return true;
  }

  /** @param {Thread} thread @param {Settling} how @param {string} [label_id] */
  settle({ thread, posts }, how, label_id) {
    const answer = posts.filter(({ act }) => act === "answer").at(-1);
    this.send({ kind: "settle", thread, how, ...(label_id ? { label_id } : {}), ...(how === "sentence" && answer ? { text: answer.text } : {}) });
  }

  /** @param {boolean} yes @param {string} [to] */
  consent(yes, to = this.question?.to) {
    if (!to) return;
    const policy = this.question?.policy;
    if (this.question) this.over.add(policy ?? this.question.text);
    this.question = null;
    this.send({ kind: "consent", to, yes, ...(policy ? { policy } : {}) });
  }

  /** @param {Notice} notice */
  dismiss({ notice }) {
    this.over.add(notice);
    this.notices = this.notices.filter((one) => one.notice !== notice);
    this.send({ kind: "dismiss", notice });
  }

  /** Takes back an act that was refused. @param {PeopleAct} act */
  refused(act) {
    if (act.kind === "ask" || act.kind === "respond") this.unsent = act.text;
    if (act.kind === "dismiss") this.over.delete(act.notice);
    if (act.kind === "consent" && act.policy) this.over.delete(act.policy);
  }
}
