// @ts-check
// The state of the adjudication, and what happens on a key: first a label, then a cause, then Enter.

import { assignKeys, bind } from "../keys.js";
import { newId } from "../outbox.js";
import { Session } from "../session.js";

/** @typedef {import("./types.d.ts").Act} Act */
/** @typedef {import("./types.d.ts").AdjudicationReady} AdjudicationReady */
/** @typedef {import("./types.d.ts").Case} Case */
/** @typedef {import("./types.d.ts").Cause} Cause */
/** @typedef {import("./types.d.ts").Past} Past */
/** @typedef {import("./types.d.ts").Push} Push */
/** @typedef {import("./types.d.ts").Reply} Reply */
/** @typedef {import("./types.d.ts").Surroundings} Surroundings */
/** @typedef {import("../types.d.ts").Label} Label */

const LOW = 3; // cases left when more are asked for
const MORE_MS = 2000;

/** @extends {Session<AdjudicationReady, Act>} */
export class AdjudicationSession extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, around.storage);
    /** @type {Surroundings} */
    this.around = around;
    /** The case on the screen, then those after it. @type {Case[]} */
    this.cases = [];
    /** @type {Map<string, Label>} */
    this.labels = new Map();
    /** label_id -> key @type {Map<string, string>} */
    this.keys = new Map();
    /** @type {Map<string, string>} */
    this.bindings = new Map();
    /** The chosen label; a label_id of null means that the answers stay as they are. @type {{label_id: string | null} | null} */
    this.chosen = null;
    /** @type {Cause | null} */
    this.cause = null;
    this.note = "";
    /** The newest at the end. @type {Past[]} */
    this.past = [];
    /** Verdicts that were taken back here. @type {Set<string>} */
    this.undone = new Set();
    /** @type {import("./types.d.ts").AdjudicationProgress | null} */
    this.progress = null;
    /** @type {string | null} */
    this.end = null;
    this.more_at = -Infinity;
  }

  get item() { return this.cases[0]; }

  /** Why no case can be judged at the moment; null if one can. @returns {"start" | "closed" | "wait" | "end" | null} */
  get face() {
    if (this.closed) return "closed";
    if (!this.setup) return "start";
    return this.item ? null : this.end ? "end" : "wait";
  }

  /** The labels that were answered to the case on the screen, the most frequent first. @returns {string[]} */
  get competing() {
    /** @type {Map<string, number>} */
    const n = new Map();
    for (const { label_id } of this.item?.answers ?? []) if (label_id && this.labels.has(label_id)) n.set(label_id, (n.get(label_id) ?? 0) + 1);
    return [...n].sort(([, a], [, b]) => b - a).map(([id]) => id);
  }

  greeting() { return { ...super.greeting(), have: this.#have() }; }

  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") {
      this.setup = reply;
      this.bindings = bind(reply.keys);
      this.labels = new Map(reply.taxonomy.labels.map((label) => [label.label_id, label]));
      this.keys = assignKeys(reply.taxonomy.labels, this.keys, this.bindings);
      this.outbox.open(`${reply.project_id}:adjudication`, this.around.base, reply.annotator);
      this.cases = this.cases.filter(({ item_id }) => !this.#isOnItsWay(item_id));
      this.link.restart();
    } else if (reply.kind === "stored") this.outbox.settle(reply.decision_id);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.link.flush();
    this.changed(false);
  }

  /** @param {import("./types.d.ts").Rejected} reply */
  #rejected({ decision_id, reason, again }) {
    this.notice = { text: reason, bad: true };
    if (!decision_id) return;
    if (again) return this.link.postpone(decision_id, reason);
    const act = this.outbox.settle(decision_id);
    if (act?.kind !== "adjudicate") return;
    const at = this.past.findIndex((past) => past.decision_id === decision_id);
    const [past] = at < 0 ? [] : this.past.splice(at, 1);
    if (past?.case && !this.cases.includes(past.case)) this.cases.splice(1, 0, past.case); // never under a finger that is about to press
  }

  /** @param {Push} push @param {ArrayBufferView[]} [buffers] */
  push(push, buffers = []) {
    if (push.kind === "case") this.#arrived({ ...push.case, bytes: buffers[0], picture: null });
    else if (push.kind === "adjudication") {
      this.progress = push.progress;
      const here = new Map(this.past.map((past) => [past.decision_id, past]));
      const stored = push.past.filter(({ decision_id }) => !this.undone.has(decision_id));
      const ids = new Set(stored.map(({ decision_id }) => decision_id));
      this.past = [...stored.map((past) => ({ ...here.get(past.decision_id), ...past })),
        ...this.past.filter(({ decision_id }) => !ids.has(decision_id) && this.outbox.entries.has(decision_id))];
    } else if (push.kind === "end") this.end = push.reason;
    else this.status(push);
    this.changed(false);
  }

  /** @param {Case} arrived */
  #arrived(arrived) {
    if (this.cases.some(({ item_id }) => item_id === arrived.item_id) || this.#isOnItsWay(arrived.item_id)) return;
    this.cases.push(arrived);
    this.end = null;
    if (arrived.broken || !arrived.bytes) return;
    this.around.decode(arrived).then((picture) => { arrived.picture = picture; this.changed(false); },
      () => { arrived.broken = "The browser can't show this picture."; this.changed(false); });
  }

  tick() {
    super.tick();
    this.#ask();
  }

  // What the person does

  /** A label's key; once a label is chosen, digits are the causes. @param {string} key */
  press(key) {
    if (this.face) return;
    const cause = this.chosen && /^[1-9]$/.test(key) ? this.setup?.causes[Number(key) - 1] : undefined;
    if (cause) return this.because(cause[0]);
    for (const [label_id, of] of this.keys) if (of === key) return this.choose(label_id);
  }

  /** @param {string | null} label_id null: none, the answers stay as they are */
  choose(label_id) {
    if (this.face || (label_id !== null && !this.labels.has(label_id))) return;
    this.chosen = { label_id };
    this.say(`${label_id === null ? "No label" : this.labels.get(label_id)?.name}: why did the answers differ?`);
  }

  /** @param {Cause} cause */
  because(cause) {
    if (this.face || !this.chosen) return this.say("Choose the label first.", true);
    this.cause = cause;
    this.changed();
  }

  /** @param {string} note */
  write(note) { this.note = note; }

  store() {
    const { item, chosen, cause, setup } = this;
    if (this.face || !item || !setup) return;
    if (!chosen) return this.say("Choose the label first: its key, or a click.", true);
    if (!cause) return this.say("Why did the answers differ? Choose a cause.", true);
    const act = /** @type {const} */ ({ kind: "adjudicate", decision_id: newId(), item_id: item.item_id, label_id: chosen.label_id, cause, note: this.note.trim() || undefined,
      annotator: setup.annotator, acted_at: this.around.instant() });
    this.outbox.put(act);
    const label = chosen.label_id === null ? null : this.labels.get(chosen.label_id)?.name ?? null;
    this.past.push({ decision_id: act.decision_id, item_id: item.item_id, label, cause, case: item });
    this.cases.shift();
    this.#clear();
    this.say(`${item.item_id}: ${label ?? "no label"}, ${this.causeInWords(cause)}`);
    this.link.flush();
    this.#ask();
  }

  undo() {
    if (this.closed || !this.setup) return;
    const last = this.past.pop();
    if (!last) return this.say("There is nothing to undo.");
    this.undone.add(last.decision_id);
    this.outbox.put({ kind: "undo", decision_id: newId(), retracts: last.decision_id, item_id: last.item_id, annotator: this.setup.annotator, acted_at: this.around.instant() });
    this.#clear();
    if (last.case) this.cases = [last.case, ...this.cases.filter(({ item_id }) => item_id !== last.item_id)];
    this.say(`Undone: ${last.item_id}, ${last.label ?? "no label"}`);
    this.link.flush();
  }

  /** Closes the innermost thing that is open; false when there is none. */
  escape() {
    if (this.cause) this.cause = null;
    else if (this.chosen) this.chosen = null;
    else return false;
    this.changed();
    return true;
  }

  /** @param {Cause} cause */
  causeInWords(cause) { return this.setup?.causes.find(([name]) => name === cause)?.[1] ?? cause; }

  #clear() {
    this.chosen = this.cause = null;
    this.note = "";
  }

  /** @param {string} item_id */
  #isOnItsWay(item_id) {
    let on = false;
    for (const { act } of this.outbox.entries.values()) if (act.item_id === item_id) on = act.kind === "adjudicate";
    return on;
  }

  #have() { return [...new Set([...this.cases.map(({ item_id }) => item_id), ...[...this.outbox.entries.values()].map(({ act }) => act.item_id)])]; }

  #ask() {
    const now = this.around.now();
    if (!this.setup || this.closed || this.cases.length > LOW || now - this.more_at < (this.end ? 5 : 1) * MORE_MS) return;
    this.more_at = now;
    try { this.around.send({ kind: "more", have: this.#have() }); } catch (error) { console.warn("hitl_widgets: not sent:", error); }
  }
}

/** The progress in words. @param {import("./types.d.ts").AdjudicationProgress | null} progress */
export function inWords(progress) {
  if (!progress) return "";
  const percent = (/** @type {number} */ x) => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;
  const { judged, error, low, high, goal, left } = progress;
  return [`${judged} judged`, error === null ? "residual error not known yet"
    : `residual error ${percent(error)}${low === null || high === null ? "" : ` (${percent(low)} to ${percent(high)})`}`,
  goal === null ? "" : left === null ? `goal: at most ${percent(goal)}` : left === 0 ? `the goal of ${percent(goal)} is met` : `about ${left} more until it is at most ${percent(goal)}`]
    .filter(Boolean).join(" · ");
}
