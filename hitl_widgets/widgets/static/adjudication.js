// hitl_widgets/widgets/js/keys.js
function bind(table) {
  return new Map(Object.entries(table).flatMap(([action, [keys]]) => keys.map((key) => [key, action])));
}
function pressed({ key, shiftKey }) {
  if (key.length > 1 || key === " ") return (shiftKey ? "Shift+" : "") + (key === " " ? "Space" : key);
  return shiftKey && /\p{L}/u.test(key) ? `Shift+${key.toUpperCase()}` : key.toLowerCase();
}
function assignKeys(labels, before = /* @__PURE__ */ new Map(), bindings = /* @__PURE__ */ new Map()) {
  const present = new Set(labels.map((l) => l.label_id));
  const keys = new Map([...before].filter(([id]) => present.has(id)));
  const taken2 = new Set(before.values());
  const letters = [..."abcdefghijklmnopqrstuvwxyz"].filter((k) => !bindings.has(k));
  for (const { label_id, key, letter } of [...labels].sort((a, b) => Number(!a.key) - Number(!b.key))) {
    const wanted = key?.toLowerCase() ?? (letter === void 0 ? void 0 : letters[letter]);
    if (!wanted || keys.has(label_id) || taken2.has(wanted) || !/^[\p{L}\d]$/u.test(wanted) || bindings.has(wanted)) continue;
    keys.set(label_id, wanted);
    taken2.add(wanted);
  }
  const free = [..."1234567890abcdefghijklmnopqrstuvwxyz"].filter((k) => !taken2.has(k) && !bindings.has(k));
  for (const { label_id } of labels) {
    if (!keys.has(label_id) && free.length) keys.set(
      label_id,
      /** @type {string} */
      free.shift()
    );
  }
  return keys;
}
var NAMES = {
  Escape: "Esc",
  Enter: "⏎ Enter",
  Backspace: "⌫",
  Space: "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "PgUp",
  PageDown: "PgDn"
};
function keyName(key) {
  if (key.startsWith("Shift+")) return `⇧${keyName(key.slice(6))}`;
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

// hitl_widgets/widgets/js/outbox.js
var ROOT = "hitl_widgets/outbox/";
var join = (parts) => ROOT + parts.map(encodeURIComponent).join("/");
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
function basePath(doc, path) {
  try {
    const config = JSON.parse(doc.getElementById("jupyter-config-data")?.textContent ?? "");
    if (config.baseUrl) return config.baseUrl;
  } catch {
  }
  return /^(.*?\/)(?:lab|doc|notebooks|nbclassic|tree|voila|consoles)(?:\/|$)/.exec(path)?.[1] ?? "/";
}
function probe(open) {
  try {
    const storage = open();
    if (!storage) return null;
    const key = ROOT + "probe";
    storage.setItem(key, "1");
    const kept = storage.getItem(key) === "1";
    storage.removeItem(key);
    return kept ? storage : null;
  } catch {
    return null;
  }
}
var Outbox = class {
  /** @param {Store | null} storage null: kept in this tab only @param {() => number} [now] */
  constructor(storage, now = Date.now) {
    this.storage = storage;
    this.now = now;
    this.entries = /* @__PURE__ */ new Map();
    this.others = 0;
    this.last = 0;
    this.owner = [];
  }
  get pending() {
    return this.entries.size;
  }
  /** Whether acts are kept when this tab is closed. */
  get durable() {
    return this.storage !== null;
  }
  /** Sets the annotator of the acts, and loads those that an earlier page left.
   * @param {string} project_id @param {string} base @param {string} annotator */
  open(project_id, base, annotator) {
    this.owner = [project_id, base, annotator];
    const place = join([project_id, base]) + "/";
    const mine = join(this.owner) + "/";
    const left = [];
    this.others = 0;
    for (let i = 0; this.storage && i < this.storage.length; i++) {
      const key = this.storage.key(i) ?? "";
      if (!key.startsWith(place)) continue;
      if (!key.startsWith(mine)) {
        this.others++;
        continue;
      }
      try {
        const { act, n } = JSON.parse(this.storage.getItem(key) ?? "");
        if (act?.decision_id && !this.entries.has(act.decision_id)) left.push({ act, n, sent_at: null, tries: 0 });
      } catch {
      }
    }
    const all = [...this.entries.values(), ...left].sort((a, b) => a.n - b.n);
    this.entries = new Map(all.map((entry) => [entry.act.decision_id, entry]));
  }
  /** @param {A} act */
  put(act) {
    this.last = Math.max(this.last + 1, this.now());
    this.entries.set(act.decision_id, { act, n: this.last, sent_at: null, tries: 0 });
    if (!this.storage) return;
    try {
      this.storage.setItem(this.#key(act), JSON.stringify({ act, n: this.last }));
    } catch {
      this.storage = null;
    }
  }
  /** Removes an act that the log has, or will never have. @param {string} decision_id @returns {A | undefined} */
  settle(decision_id) {
    const entry = this.entries.get(decision_id);
    if (!entry) return void 0;
    this.entries.delete(decision_id);
    try {
      this.storage?.removeItem(this.#key(entry.act));
    } catch {
    }
    return entry.act;
  }
  /** Whether a decision about this item isn't stored yet. @param {string} item_id */
  holds(item_id) {
    let held = false;
    for (const { act } of this.entries.values()) if (act.item_id === item_id && (act.kind === "decide" || act.kind === "retract")) held = act.kind === "decide";
    return held;
  }
  /** @param {A} act */
  #key(act) {
    return join([...this.owner.slice(0, 2), act.annotator ?? "", act.decision_id]);
  }
};

// hitl_widgets/widgets/js/link.js
var PATIENCE_MS = 5e3;
var GREETING_MS = 250;
var LONGEST_MS = 3e4;
var Link = class {
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
    this.greeting = null;
    this.greeted_at = 0;
    this.greetings = 0;
    this.reopened = 0;
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
  flush() {
    this.#sendWhere((entry) => entry.sent_at === null);
  }
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
    let after;
    let going = false;
    for (const [id, entry] of entries) {
      const refused = entry.problem !== void 0;
      const waits = refused && entry.after !== void 0 && entries.has(entry.after);
      const freed = refused && entry.after !== void 0 && !waits;
      if (freed || going && refused || due(entry, waits)) {
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
    entry.problem = void 0;
    this.waiting_since ??= entry.sent_at;
    this.#send(after === void 0 ? entry.act : { ...entry.act, after });
  }
  /** @param {object} message */
  #send(message) {
    try {
      this.send(message);
    } catch (error) {
      console.warn("hitl_widgets: not sent:", error);
    }
  }
};
var patience = (tries) => Math.min(LONGEST_MS, PATIENCE_MS * 2 ** Math.max(0, tries - 2));

// hitl_widgets/widgets/js/session.js
var WATCH_MS = 2e3;
var Session = class {
  /** @param {import("./types.d.ts").Surroundings<any>} around
   * @param {import("./outbox.js").Store | null} storage null: acts that wait are kept in this tab only */
  constructor(around, storage) {
    this.around = around;
    this.outbox = new Outbox(storage, around.now);
    this.link = new Link(this.outbox, around);
    this.setup = null;
    this.notice = null;
    this.trouble = null;
    this.closed = null;
    this.gone = false;
    this.tab = newId();
    this.greetings = 0;
    this.own_page = around.page ?? { id: this.tab, left: null };
    this.active = null;
    this.taking = false;
    this.watched_at = -Infinity;
    this.views = /* @__PURE__ */ new Set();
  }
  /** @param {(at_once: boolean) => void} view called at each change; `at_once`: don't wait for the next frame @returns {() => void} */
  subscribe(view) {
    this.views.add(view);
    return () => {
      this.views.delete(view);
    };
  }
  changed(at_once = true) {
    for (const view of this.views) view(at_once);
  }
  get pending() {
    return this.outbox.pending;
  }
  /** Milliseconds for which the kernel hasn't answered. */
  get waited_ms() {
    return this.link.waiting_since === null ? 0 : this.around.now() - this.link.waiting_since;
  }
  hello() {
    this.link.hello(() => this.greeting());
    this.changed();
  }
  /** The handshake; the kernel ignores one that arrives after a later one. @returns {object} */
  greeting() {
    const { left } = this.own_page;
    return { kind: "hello", tab: this.tab, n: ++this.greetings, shows: this.views.size > 0, ...left === null ? {} : { left }, ...this.taking ? { takes: true } : {} };
  }
  // Of all pages that show this kernel's widgets one is active, and the others watch.
  get watching() {
    return this.active !== null && this.active !== this.own_page.id && !this.closed;
  }
  /** Called when the widget becomes visible: only then can its page become active. */
  appear() {
    if (this.greetings && this.active !== this.own_page.id) this.#watch();
  }
  /** Makes this page the active one, whichever is now. */
  takeOver() {
    if (!this.watching) return;
    this.taking = true;
    this.hello();
  }
  /** Takes from an answer that the connection works, and which page is active. @param {{kind: string, active?: string | null, page?: string}} reply */
  answered(reply) {
    if (reply.page !== void 0) return;
    this.link.answered();
    if (reply.kind !== "ready") return;
    if (reply.active !== void 0) this.#turn(reply.active);
    this.taking = false;
  }
  /** @param {string | null} active */
  #turn(active) {
    const before = this.watching;
    if (!before && active !== null && active !== this.own_page.id) this.yields();
    this.active = active;
    if (!before || this.watching) return;
    if (!this.taking) this.hello();
    this.resumes();
  }
  /** Called when another page takes over: keeps unfinished input. */
  yields() {
  }
  /** Called when this page becomes active again. */
  resumes() {
  }
  /** Called when the page is left. */
  leave() {
  }
  #watch() {
    this.watched_at = this.around.now();
    this.#say({ kind: "watch" });
  }
  /** Sends a page's report on itself, once. @param {import("./messages.d.ts").PageAct} message */
  #say(message) {
    try {
      this.around.send(message);
    } catch (error) {
      console.warn("hitl_widgets: not sent:", error);
    }
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
    const { kind, reason, page = null, asks } = (
      /** @type {{kind: string, reason: string | null, page?: string | null, asks?: boolean}} */
      push
    );
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
};

// hitl_widgets/widgets/js/adjudication/session.js
var LOW = 3;
var MORE_MS = 2e3;
var AdjudicationSession = class extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, around.storage);
    this.around = around;
    this.cases = [];
    this.labels = /* @__PURE__ */ new Map();
    this.keys = /* @__PURE__ */ new Map();
    this.bindings = /* @__PURE__ */ new Map();
    this.chosen = null;
    this.cause = null;
    this.note = "";
    this.past = [];
    this.undone = /* @__PURE__ */ new Set();
    this.progress = null;
    this.end = null;
    this.more_at = -Infinity;
  }
  get item() {
    return this.cases[0];
  }
  /** Why no case can be judged at the moment; null if one can. @returns {"start" | "closed" | "wait" | "end" | null} */
  get face() {
    if (this.closed) return "closed";
    if (!this.setup) return "start";
    return this.item ? null : this.end ? "end" : "wait";
  }
  /** The labels that were answered to the case on the screen, the most frequent first. @returns {string[]} */
  get competing() {
    const n = /* @__PURE__ */ new Map();
    for (const { label_id } of this.item?.answers ?? []) if (label_id && this.labels.has(label_id)) n.set(label_id, (n.get(label_id) ?? 0) + 1);
    return [...n].sort(([, a], [, b]) => b - a).map(([id]) => id);
  }
  greeting() {
    return { ...super.greeting(), have: this.#have() };
  }
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
    const at = this.past.findIndex((past2) => past2.decision_id === decision_id);
    const [past] = at < 0 ? [] : this.past.splice(at, 1);
    if (past?.case && !this.cases.includes(past.case)) this.cases.splice(1, 0, past.case);
  }
  /** @param {Push} push @param {ArrayBufferView[]} [buffers] */
  push(push, buffers = []) {
    if (push.kind === "case") this.#arrived({ ...push.case, bytes: buffers[0], picture: null });
    else if (push.kind === "adjudication") {
      this.progress = push.progress;
      const here = new Map(this.past.map((past) => [past.decision_id, past]));
      const stored = push.past.filter(({ decision_id }) => !this.undone.has(decision_id));
      const ids = new Set(stored.map(({ decision_id }) => decision_id));
      this.past = [
        ...stored.map((past) => ({ ...here.get(past.decision_id), ...past })),
        ...this.past.filter(({ decision_id }) => !ids.has(decision_id) && this.outbox.entries.has(decision_id))
      ];
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
    this.around.decode(arrived).then(
      (picture) => {
        arrived.picture = picture;
        this.changed(false);
      },
      () => {
        arrived.broken = "The browser can't show this picture.";
        this.changed(false);
      }
    );
  }
  tick() {
    super.tick();
    this.#ask();
  }
  // What the person does
  /** A label's key; once a label is chosen, digits are the causes. @param {string} key */
  press(key) {
    if (this.face) return;
    const cause = this.chosen && /^[1-9]$/.test(key) ? this.setup?.causes[Number(key) - 1] : void 0;
    if (cause) return this.because(cause[0]);
    for (const [label_id, of] of this.keys) if (of === key) return this.choose(label_id);
  }
  /** @param {string | null} label_id null: none, the answers stay as they are */
  choose(label_id) {
    if (this.face || label_id !== null && !this.labels.has(label_id)) return;
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
  write(note) {
    this.note = note;
  }
  store() {
    const { item, chosen, cause, setup } = this;
    if (this.face || !item || !setup) return;
    if (!chosen) return this.say("Choose the label first: its key, or a click.", true);
    if (!cause) return this.say("Why did the answers differ? Choose a cause.", true);
    const act = (
      /** @type {const} */
      {
        kind: "adjudicate",
        decision_id: newId(),
        item_id: item.item_id,
        label_id: chosen.label_id,
        cause,
        note: this.note.trim() || void 0,
        annotator: setup.annotator,
        acted_at: this.around.instant()
      }
    );
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
  causeInWords(cause) {
    return this.setup?.causes.find(([name]) => name === cause)?.[1] ?? cause;
  }
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
  #have() {
    return [.../* @__PURE__ */ new Set([...this.cases.map(({ item_id }) => item_id), ...[...this.outbox.entries.values()].map(({ act }) => act.item_id)])];
  }
  #ask() {
    const now = this.around.now();
    if (!this.setup || this.closed || this.cases.length > LOW || now - this.more_at < (this.end ? 5 : 1) * MORE_MS) return;
    this.more_at = now;
    try {
      this.around.send({ kind: "more", have: this.#have() });
    } catch (error) {
      console.warn("hitl_widgets: not sent:", error);
    }
  }
};
function inWords(progress) {
  if (!progress) return "";
  const percent = (x) => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;
  const { judged, error, low, high, goal, left } = progress;
  return [
    `${judged} judged`,
    error === null ? "residual error not known yet" : `residual error ${percent(error)}${low === null || high === null ? "" : ` (${percent(low)} to ${percent(high)})`}`,
    goal === null ? "" : left === null ? `goal: at most ${percent(goal)}` : left === 0 ? `the goal of ${percent(goal)} is met` : `about ${left} more until it is at most ${percent(goal)}`
  ].filter(Boolean).join(" · ");
}

// hitl_widgets/drawing/colours.json
var colours_default = {
  unsigned: {
    first_code: 0,
    last_code: 255,
    colours: [
      "#000004",
      "#0c0826",
      "#240c4f",
      "#420a68",
      "#5d126e",
      "#781c6d",
      "#932667",
      "#ae305c",
      "#c73e4c",
      "#dd513a",
      "#ed6925",
      "#f8850f",
      "#fca50a",
      "#fac62d",
      "#f2e661",
      "#fcffa4"
    ]
  },
  signed: {
    first_code: 1,
    last_code: 255,
    colours: ["#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fee0b6", "#fdb863", "#e08214", "#b35806"]
  },
  regions: { wrong: "#e6007e", missing: "#0096c8" }
};

// hitl_widgets/widgets/js/card/overlay.js
var rgbOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
var REGIONS = { wrong: rgbOf(colours_default.regions.wrong), missing: rgbOf(colours_default.regions.missing) };
function tableOf({ colours, first_code, last_code }) {
  const rgb = colours.map(rgbOf);
  const out = new Uint8ClampedArray(256 * 3);
  for (let v = 0; v < 256; v++) {
    const at = Math.max(0, (v - first_code) / (last_code - first_code) * (rgb.length - 1));
    const low = Math.min(Math.floor(at), rgb.length - 2);
    for (let c = 0; c < 3; c++) out[v * 3 + c] = rgb[low][c] + (at - low) * (rgb[low + 1][c] - rgb[low][c]);
  }
  return out;
}
var TABLES = { unsigned: tableOf(colours_default.unsigned), signed: tableOf(colours_default.signed) };

// hitl_widgets/widgets/js/card/draft.js
var FLAGS = (
  /** @type {const} */
  {
    ethics: "Ethics or bias",
    bad_data: "Bad data",
    not_in_taxonomy: "Not in the taxonomy",
    second_look: "Second look"
  }
);
var flagName = (flag) => FLAGS[
  /** @type {keyof typeof FLAGS} */
  flag
] ?? flag;

// hitl_widgets/widgets/js/dom.js
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = String(value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== void 0));
  return node;
}
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
var cap = (key) => h("kbd", { class: "hitl-cap", text: keyName(key) });
var capOf = (action) => h("kbd", { class: "hitl-cap", "data-action": action });
function nameKeys(root, table) {
  for (const kbd of root.querySelectorAll("[data-action]")) {
    const keys = table[
      /** @type {HTMLElement} */
      kbd.dataset.action ?? ""
    ]?.[0] ?? [];
    setText(kbd, keyName(keys[0] ?? ""));
    kbd.classList.toggle("hitl-nokey", !keys.length);
    const button = kbd.closest("button");
    if (button) setAttribute(button, "aria-keyshortcuts", keys.length ? keys.join(" ") : null);
  }
}

// hitl_widgets/widgets/js/help.js
function buildHelp(session, { refocus, first, takes_focus = true }) {
  const list = h("dl", {});
  const close = h("button", { class: "hitl-key-button", type: "button", onclick: () => toggle(false) }, cap("Escape"), h("span", { text: "Close" }));
  const help = h(
    "div",
    { class: "hitl-help", hidden: true, role: "dialog", "aria-label": "Keys" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-face-title", text: "Keys" }), close),
    list
  );
  let drawn = null;
  let n_own = 0;
  function toggle(open = help.hidden) {
    help.hidden = !open;
    if (!open) refocus();
    else if (takes_focus) close.focus();
  }
  function update() {
    const { setup } = session;
    const own = typeof first === "function" ? first() : first;
    if (!setup || setup.keys === drawn && own.length === n_own) return;
    drawn = setup.keys;
    n_own = own.length;
    const rows = [...own, ...Object.values(setup.keys), [["Escape"], "close what is open, or leave the widget"]];
    list.replaceChildren(...rows.filter(([keys]) => keys.length).map(([keys, words]) => h(
      "div",
      {},
      h("dt", {}, ...keys.map((key) => key === "…" || key === "letters" ? h("span", { text: key }) : cap(key))),
      h("dd", { text: words })
    )));
  }
  return { help, update, toggle };
}

// hitl_widgets/widgets/js/labels.js
var plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
var known = /* @__PURE__ */ new WeakMap();
function spelled(label) {
  let forms = known.get(label);
  if (!forms) {
    const path = plain(label.path);
    forms = { name: plain(label.name), path, words: ` ${path.replace(/[^\p{L}\p{N}]+/gu, " ")}` };
    known.set(label, forms);
  }
  return forms;
}
function match(labels, query, { probs = /* @__PURE__ */ new Map(), recent = [], limit = 12 } = {}) {
  const parts = plain(query.trim()).split(/\s+/).filter(Boolean);
  const wanted = parts.join(" ");
  const lately = new Map(recent.map((label_id, i) => [label_id, recent.length - i]));
  const found = [];
  labels.forEach((label, i) => {
    const { name, path, words } = spelled(label);
    const rank = !wanted || name.startsWith(wanted) ? 0 : parts.every((part) => words.includes(` ${part}`)) ? 1 : parts.every((part) => path.includes(part)) ? 2 : -1;
    if (rank >= 0) found.push({ label, rank, used: lately.get(label.label_id) ?? 0, p: probs.get(label.label_id) ?? 0, i });
  });
  found.sort((a, b) => a.rank - b.rank || b.used - a.used || b.p - a.p || a.i - b.i);
  return found.slice(0, limit).map((f) => f.label);
}

// hitl_widgets/widgets/js/notebook.js
function keepKeys(root, el, onKey, others = ["keyup", "keypress"]) {
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      el.parentElement?.dispatchEvent(new KeyboardEvent("keydown", event));
      return;
    }
    onKey(event);
  });
  for (const name of others) root.addEventListener(name, (event) => event.stopPropagation());
}
function handBack(root) {
  root.closest(".jp-Cell")?.focus({ preventScroll: true });
  if (root.contains(document.activeElement)) document.activeElement.blur();
}

// hitl_widgets/widgets/js/text/offsets.js
var PAIR = /[\ud800-\udfff]/;
var LETTER = /[^\s\p{Z}\p{P}\p{Cc}\p{Cf}\p{Cs}]/gu;
var VISIBLE = /[^\s\p{Z}\p{Cc}\p{Cf}\p{Cs}]/gu;
var PLAIN = {
  grapheme: /\r\n|\p{RI}\p{RI}|[^](?:[\p{M}\p{EMod}\u200c]|\u200d[^])*/gu,
  word: /[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}_\u200c\u200d]|['’.](?=\p{L}))*|\r\n|\p{RI}\p{RI}|[^](?:[\p{M}\p{EMod}\u200c]|\u200d[^])*/gu,
  sentence: /(?:[^.!?\u0964\u06d4\u061f\u3002\uff01\uff1f\r\n](?:\.(?=\p{Ll}|\d))?)*(?:[.!?\u0964\u06d4\u061f\u3002\uff01\uff1f]+["'”’)\]]*[^\S\r\n]*|\r\n|[\r\n]|$)/gu
};
var SAFE = {
  word: /(?<=[\n\u3002\uff01\uff1f])|(?<=[ \t])(?=\p{L})|(?<![\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]|[\u{110bd}\u{110cd}])(?=[\u{1f300}-\u{1f3fa}\u{1f400}-\u{1faff}])/gu,
  sentence: /(?<=[\n\u3002])|(?<=[.!?] )(?=\p{Lu})/gu
};
var PART = 2048;
var KEPT = 8;
var Cuts = class {
  /** @type {Map<number, (unit: number) => Range>} */
  #parts = /* @__PURE__ */ new Map();
  /** @param {string} text @param {"grapheme" | "word" | "sentence"} granularity */
  constructor(text, granularity) {
    this.text = text;
    this.granularity = granularity;
    this.starts = [0];
    const safe = SAFE[granularity === "sentence" ? "sentence" : "word"];
    for (let at = PART; at < text.length; at += PART) {
      safe.lastIndex = at;
      const found = safe.exec(text);
      if (!found) break;
      if (found.index > (this.starts.at(-1) ?? 0)) this.starts.push(found.index);
      at = Math.max(at, found.index);
    }
  }
  /** The piece that a unit is in. @param {number} unit @returns {Range} in units */
  at(unit) {
    const i = below(this.starts, unit + 1) - 1;
    const start = this.starts[i];
    let pieces = this.#parts.get(i);
    if (!pieces) {
      if (this.#parts.size >= KEPT) this.#parts.delete(
        /** @type {number} */
        this.#parts.keys().next().value
      );
      this.#parts.set(i, pieces = piecesOf(this.text.slice(start, this.starts[i + 1]), this.granularity));
    }
    const [from, to] = pieces(unit - start);
    return [start + from, start + to];
  }
};
function piecesOf(part, granularity) {
  const Segmenter = (
    /** @type {typeof Intl.Segmenter | undefined} */
    Intl.Segmenter
  );
  if (Segmenter) {
    const segments = new Segmenter(void 0, { granularity }).segment(part);
    return (unit) => {
      const { index, segment } = segments.containing(unit) ?? { index: unit, segment: "" };
      return [index, index + segment.length];
    };
  }
  const starts = [...part.matchAll(PLAIN[granularity])].filter(([piece]) => piece).map(({ index }) => index);
  return (unit) => {
    const i = below(starts, unit + 1) - 1;
    return [starts[i] ?? 0, starts[i + 1] ?? part.length];
  };
}
function below(sorted, limit, of = (value) => value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = low + high >> 1;
    if (of(sorted[middle], middle) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
function pairsOf(text) {
  if (!PAIR.test(text)) return new Int32Array(0);
  const pairs = [];
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 64512) === 55296 && (text.charCodeAt(i + 1) & 64512) === 56320) pairs.push(i++);
  }
  return Int32Array.from(pairs);
}
var within = (value, most) => Math.max(0, Math.min(most, value));
var Units = class {
  /** @type {Partial<Record<"grapheme" | "word" | "sentence", Cuts>>} */
  #cuts = {};
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.pairs = pairsOf(text);
    this.length = text.length - this.pairs.length;
    this.letters = text.search(LETTER) >= 0 ? LETTER : VISIBLE;
  }
  /** @param {number} character @returns {number} */
  unit(character) {
    const at = within(character, this.length);
    return at + below(this.pairs, at, (unit, i) => unit - i);
  }
  /** @param {number} unit @returns {number} */
  character(unit) {
    const at = within(unit, this.text.length);
    return at - below(this.pairs, at);
  }
  /** @param {number} start @param {number} end @returns {string} */
  quote(start, end) {
    return this.text.slice(this.unit(start), this.unit(end));
  }
  /** @param {"grapheme" | "word" | "sentence"} granularity */
  #of(granularity) {
    const cuts2 = this.#cuts[granularity] ??= new Cuts(this.text, granularity);
    return {
      /** The piece with a character; the last one at the end of the text. @param {number} character @returns {Range} */
      at: (character) => {
        if (!this.length) return (
          /** @type {const} */
          [0, 0]
        );
        const [start, end] = cuts2.at(this.unit(within(character, this.length - 1)));
        return [this.character(start), this.character(end)];
      }
    };
  }
  get graphemes() {
    return this.#of("grapheme");
  }
  get words() {
    return this.#of("word");
  }
  get sentences() {
    return this.#of("sentence");
  }
  /** @param {number} start @param {number} end @returns {Range} at least one grapheme where the text isn't empty */
  snapped(start, end) {
    const [from, first_end] = this.graphemes.at(start);
    if (end <= first_end) return [from, first_end];
    return [from, this.graphemes.at(end - 1)[1]];
  }
  /** The boundary between graphemes that follows a place, or comes before it. @param {number} character @param {1 | -1} by */
  boundary(character, by) {
    if (by > 0) return character >= this.length ? this.length : this.graphemes.at(character)[1];
    return character <= 0 ? 0 : this.graphemes.at(character - 1)[0];
  }
  /** A place that cuts no grapheme, the next one in a direction. @param {number} character @param {1 | -1} by */
  #whole(character, by) {
    if (character <= 0 || character >= this.length) return within(character, this.length);
    const [start, end] = this.graphemes.at(character);
    return start === character ? character : by > 0 ? end : start;
  }
  /** The first word that begins at a character or after it; a word is anything but white space and punctuation. @param {number} character @returns {Range | null} */
  wordAfter(character) {
    const { letters, text } = this;
    const from = this.#whole(character, 1);
    let unit = this.unit(from);
    while (unit < text.length) {
      letters.lastIndex = unit;
      const found = letters.exec(text);
      if (!found) return null;
      const word = this.words.at(this.character(found.index));
      if (word[0] >= from) return this.snapped(...word);
      unit = this.unit(word[1]);
    }
    return null;
  }
  /** The last word that ends at a character or before it. @param {number} character @returns {Range | null} */
  wordBefore(character) {
    const { text } = this;
    const to = this.#whole(character, -1);
    let unit = this.unit(to);
    while (unit > 0) {
      const first = this.unit(this.character(unit - 1));
      if (text.slice(first, unit).search(this.letters) < 0) {
        unit = first;
        continue;
      }
      const [start, end] = this.words.at(this.character(first));
      if (end <= to) return this.snapped(start, end);
      unit = this.unit(start);
    }
    return null;
  }
  /** The word with a character, or null where white space or punctuation is there. @param {number} character @returns {Range | null} */
  wordAt(character) {
    const [start, end] = this.words.at(character);
    return this.isWord(start, end) ? this.snapped(start, end) : null;
  }
  /** @param {number} start @param {number} end */
  isWord(start, end) {
    return this.quote(start, end).search(this.letters) >= 0;
  }
  /** Without white space at its ends; as it was where nothing else is there. @param {Range} range @returns {Range} */
  trimmed([start, end]) {
    const quote = this.quote(start, end);
    const left = quote.length - quote.trimStart().length;
    if (left === quote.length) return [start, end];
    const from = this.unit(start) + left;
    return [this.character(from), this.character(from + quote.trim().length)];
  }
  /** The line with a character, without its end. @param {number} character @returns {Range} */
  lineAt(character) {
    const unit = this.unit(within(character, Math.max(0, this.length - 1)));
    const start = unit === 0 ? 0 : this.text.lastIndexOf("\n", unit - 1) + 1;
    const end = this.text.indexOf("\n", unit);
    return this.trimmed([this.character(start), end < 0 ? this.length : Math.max(this.character(end), this.character(unit) + 1)]);
  }
};
var toUnits = (text) => new Units(text);

// hitl_widgets/widgets/js/text/item_text.js
var BREAK = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/gu;
var LONGEST = 4e3;
var SECTION = 6e3;
var SIZES = [22, 19, 17];
var MONO = 13.5;
var LEADING = 1.55;
var COLUMN = 36;
var CODE = /^(?:\t| {2,})\S|[{};]\s*$|^\s*(?:def |class |import |from \S+ import |function |const |let |var |return\b|if \(|for \(|while \(|public |private |#include|#!|@\w+|<\/?[a-z][\w-]*[ >])/u;
var ItemText = class {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.units = toUnits(text);
    this.n = this.units.length;
    this.cut = null;
    this.code = null;
  }
  // As pictures have them.
  get width() {
    return this.n;
  }
  get height() {
    return 1;
  }
  /** The unit at which a character begins. @param {number} character */
  unit(character) {
    return this.units.unit(character);
  }
  /** The character that a unit belongs to. @param {number} unit */
  character(unit) {
    return this.units.character(unit);
  }
  /** The characters from one to another. @param {number} start @param {number} end */
  slice(start, end) {
    return this.units.quote(start, end);
  }
  /** Its lines; those that are too long for a browser are cut. @returns {Line[]} */
  get lines() {
    return this.cut ??= linesOf(this.text);
  }
  /** Lines that are drawn together: [from, to) for each section. @returns {[number, number][]} */
  get sections() {
    const sections = [];
    const { lines } = this;
    for (let from = 0; from < lines.length; ) {
      let to = from + 1;
      while (to < lines.length && lines[to].end - lines[from].start < SECTION) to++;
      sections.push([from, to]);
      from = to;
    }
    return sections;
  }
  /** Whether it reads better in letters of one width: code, or a log. */
  get is_code() {
    if (this.code === null) {
      const written = this.lines.slice(0, 200).map(({ start, end }) => this.text.slice(start, Math.min(end, start + 300))).filter((line) => line.trim());
      this.code = written.length >= 2 && written.filter((line) => CODE.test(line)).length >= 0.5 * written.length;
    }
    return this.code;
  }
  /** The font for a room: a short text is set larger, if all of it still fits.
   * @param {{width: number, height: number}} room in pixels @returns {Setting} */
  setting(room) {
    if (this.is_code) return { size: MONO, mono: true };
    const fits = this.text.length < 4e3 && SIZES.find((size) => this.#height(size, room.width) <= room.height);
    return { size: fits || SIZES[SIZES.length - 1], mono: false };
  }
  /** About how high it is. @param {number} size @param {number} width */
  #height(size, width) {
    const across = Math.max(8, Math.min(width / size, COLUMN) / 0.5);
    return this.lines.reduce((sum, { start, end }) => sum + Math.max(0.6, Math.ceil((end - start) / across)) * size * LEADING, 0);
  }
};
function linesOf(text) {
  const lines = [];
  let start = 0;
  for (const found of text.matchAll(BREAK)) {
    addLine(lines, text, start, found.index);
    start = found.index + found[0].length;
  }
  if (start < text.length || !lines.length) addLine(lines, text, start, text.length);
  return lines;
}
function addLine(lines, text, start, end) {
  while (end - start > LONGEST) {
    const blank = text.lastIndexOf(" ", start + LONGEST);
    let at = blank > start + LONGEST / 2 ? blank + 1 : start + LONGEST;
    if (/[\ud800-\udbff]/.test(text[at - 1])) at--;
    lines.push({ start, end: at });
    start = at;
  }
  lines.push({ start, end });
}
var utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
var textOf = (bytes) => new ItemText(utf8.decode(bytes));
var isText = (picture) => picture instanceof ItemText;

// hitl_widgets/widgets/js/pictures.js
var isOfText = ({ bytes, mime }) => mime === "text/plain" || Boolean(!mime && bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, 1)[0] !== 137);
async function decode({ bytes, mime, width = 0, height = 0 }, side = Infinity) {
  if (bytes && isOfText({ bytes, mime })) return textOf(bytes);
  const blob = new Blob([
    /** @type {BlobPart} */
    bytes
  ], { type: mime });
  const scale = shrunk(width, height, side);
  if ("createImageBitmap" in globalThis) {
    return scale === 1 ? createImageBitmap(blob) : createImageBitmap(blob, {
      resizeWidth: Math.max(1, Math.round(width * scale)),
      resizeHeight: Math.max(1, Math.round(height * scale)),
      resizeQuality: "high"
    });
  }
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return image;
}
var shrunk = (width, height, side) => side > 0 && Math.max(width, height) > 1.3 * side ? side / Math.max(width, height) : 1;
var sizeOf = (picture) => isText(picture) ? [picture.n, 1] : "naturalWidth" in picture ? [picture.naturalWidth, picture.naturalHeight] : [picture.width, picture.height];

// hitl_widgets/widgets/js/text/view.js
var WHOLE = 3;
var NEAR = 1.5;
var FAR = 5;
var EDGE = 0.12;
var PEEK = 96;
var TextView = class {
  /** @param {() => void} [on_layout] called when rectangles have become others */
  constructor(on_layout = () => {
  }) {
    this.before = h("div", { class: "hitl-before", hidden: true });
    this.lines = h("div", { class: "hitl-lines" });
    this.under = h("div", { class: "hitl-text-layer hitl-under", "aria-hidden": "true" });
    this.over = h("div", { class: "hitl-text-layer hitl-over", "aria-hidden": "true" });
    this.page = h("div", { class: "hitl-page" }, this.under, this.before, this.lines, this.over);
    this.element = h("div", { class: "hitl-reader" }, this.page);
    this.text = null;
    this.sections = [];
    this.tinted = [];
    this.piece_of = /* @__PURE__ */ new WeakMap();
    this.set = "";
    this.on_layout = on_layout;
    this.element.addEventListener("scroll", () => {
      if (this.#drawNear()) this.on_layout();
    }, { passive: true });
  }
  /** Another text, or the same one set otherwise. @param {ItemText | null} text @param {Setting} setting
   * @param {{item_id: string, text: string}[]} [before] what came before it @param {Tinted[]} [tinted] as of `tint` */
  show(text, setting, before = [], tinted = []) {
    const set = `${setting.size} ${setting.mono}`;
    const other = text !== this.text;
    if (!other) this.tint(tinted);
    if (!other && set === this.set) return;
    this.text = text;
    this.set = set;
    this.page.style.setProperty("--hitl-size", `${setting.size}px`);
    this.page.classList.toggle("hitl-mono", setting.mono);
    if (other) {
      this.tinted = tinted;
      this.#lay(setting);
      this.before.hidden = !before.length;
      this.before.replaceChildren(...before.map(({ item_id, text: words }) => h("p", { dir: "auto", title: item_id, text: words })));
      if (this.sections.length <= WHOLE) this.#drawNear();
      this.element.scrollTop = before.length ? Math.max(0, this.#place(this.lines) - PEEK) : 0;
    }
    this.#drawNear();
    this.on_layout();
  }
  /** Called when the window has another size. */
  resized() {
    this.#drawNear();
    this.on_layout();
  }
  /** Words that count, behind their letters, in the order in which they stand. @param {Tinted[]} tinted */
  tint(tinted) {
    if (tinted === this.tinted || !tinted.length && !this.tinted.length) return;
    this.tinted = tinted;
    for (const section of this.sections) if (section.pieces) this.#draw(section);
  }
  /** The sections, empty at first. @param {Setting} setting */
  #lay({ size }) {
    const { text } = this;
    if (!text) {
      this.sections = [];
      this.lines.replaceChildren();
      return;
    }
    const { lines } = text;
    this.sections = text.sections.map(([from, to]) => ({ element: h("div", { class: "hitl-section" }), from, to, start: lines[from].start, end: lines[to - 1].end, pieces: null }));
    if (this.sections.length > WHOLE) {
      for (const { element, from, to } of this.sections) {
        let n = 0;
        for (let i = from; i < to; i++) n += Math.max(0.6, Math.ceil((lines[i].end - lines[i].start) / 72));
        element.style.height = `${Math.round(n * size * 1.55)}px`;
      }
    }
    this.lines.replaceChildren(...this.sections.map(({ element }) => element));
  }
  /** Draws what is near the window, and takes out what is far. @returns {boolean} whether anything changed */
  #drawNear() {
    const { sections, element } = this;
    const few = sections.length <= WHOLE;
    if (few && sections.every(({ pieces }) => pieces)) return false;
    const height = few ? 0 : element.clientHeight || 600;
    const top = few ? 0 : element.scrollTop - this.page.offsetTop;
    let changed = false;
    for (let i = few ? 0 : this.#sectionAt(top - FAR * 2 * height); i < sections.length; i++) {
      const section = sections[i];
      const [from, to] = few ? [0, 0] : [section.element.offsetTop, section.element.offsetTop + section.element.offsetHeight];
      const away = few ? 0 : Math.max(from - top - height, top - to) / height;
      if (away > FAR * 2) break;
      if (away <= NEAR && !section.pieces) {
        this.#draw(section);
        changed = true;
      } else if (away > FAR && section.pieces) this.#empty(section);
    }
    return changed;
  }
  /** The distance of an element from the top of the scrolled content. @param {HTMLElement} of */
  #place(of) {
    return this.page.offsetTop + of.offsetTop;
  }
  /** The last section that begins above a height. @param {number} top */
  #sectionAt(top) {
    let [low, high] = [0, this.sections.length - 1];
    while (low < high) {
      const middle = low + high + 1 >> 1;
      if (this.sections[middle].element.offsetTop <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  /** @param {Section} section */
  #empty(section) {
    section.element.style.height = `${section.element.offsetHeight}px`;
    section.element.replaceChildren();
    section.pieces = null;
  }
  /** @param {Section} section */
  #draw(section) {
    const text = (
      /** @type {ItemText} */
      this.text
    );
    const pieces = [];
    const write = (parent, start, end) => {
      const node = document.createTextNode(text.text.slice(start, end));
      const piece = { node, start, end };
      this.piece_of.set(node, piece);
      pieces.push(piece);
      parent.appendChild(node);
    };
    const words = this.#tintedIn(section);
    let at = 0;
    const drawn = [];
    for (let i = section.from; i < section.to; i++) {
      const { start, end } = text.lines[i];
      const line = h("p", { class: start === end ? "hitl-line hitl-blank" : "hitl-line", dir: "auto" });
      let done = start;
      while (at < words.length && words[at].from < end) {
        const { from, to, word } = words[at];
        const [begins, ends] = [Math.max(from, done), Math.min(to, end)];
        if (ends > begins) {
          if (begins > done) write(line, done, begins);
          const mark = h("span", { class: `hitl-word ${word.speaks_for ? "hitl-for" : "hitl-counts-against"}${word.strength > 0.3 ? " hitl-strong" : ""}`, style: `--t:${word.strength.toFixed(2)}` });
          write(mark, begins, ends);
          line.appendChild(mark);
          done = ends;
        }
        if (to > end) break;
        at++;
      }
      if (done < end) write(line, done, end);
      drawn.push(line);
    }
    section.element.replaceChildren(...drawn);
    section.element.style.height = "";
    section.pieces = pieces;
  }
  /** The words with a tint that lie in a section, in units. A model's own tokens may cut what is drawn as one sign, such as
   * a family of emoji: it has one tint then, the strongest. @param {Section} section */
  #tintedIn({ start, end }) {
    const text = (
      /** @type {ItemText} */
      this.text
    );
    const [first, last] = [text.character(start), text.character(end)];
    const words = [];
    for (const word of this.tinted) {
      if (word.end <= first || word.start >= last) continue;
      let [from, to] = [text.unit(word.start), text.unit(word.end)];
      if (cuts(text.text, from) || cuts(text.text, to)) [from, to] = text.units.snapped(word.start, word.end).map((character) => text.unit(character));
      const before = words[words.length - 1];
      if (before && from < before.to) {
        if (word.strength > before.word.strength) before.word = word;
        before.to = Math.max(before.to, to);
      } else words.push({ from, to, word });
    }
    return words;
  }
  /** The pieces that hold some of the units. @param {number} start @param {number} end @returns {Piece[]} */
  #piecesIn(start, end) {
    const found = [];
    for (const section of this.sections) {
      if (section.end < start || section.start >= end || !section.pieces) continue;
      const { pieces } = section;
      let [low, high] = [0, pieces.length];
      while (low < high) {
        const middle = low + high >> 1;
        if (pieces[middle].end <= start) low = middle + 1;
        else high = middle;
      }
      for (; low < pieces.length && pieces[low].start < end; low++) found.push(pieces[low]);
    }
    return found;
  }
  /** Where characters are on the page: a rectangle for each line; none for what isn't drawn just now.
   * @param {number} start @param {number} end @returns {Rect[]} */
  rects(start, end) {
    const { text } = this;
    if (!text) return [];
    const [from, to] = [text.unit(start), text.unit(end)];
    const origin = this.page.getBoundingClientRect();
    const range = document.createRange();
    const rects = [];
    for (const piece of this.#piecesIn(from, to)) {
      range.setStart(piece.node, Math.max(0, from - piece.start));
      range.setEnd(piece.node, Math.min(piece.end, to) - piece.start);
      for (const { left, top, width, height } of range.getClientRects()) {
        if (width) join2(rects, { left: left - origin.left, top: top - origin.top, width, height });
      }
    }
    return rects;
  }
  /** The character under a point of the screen, or null beside the text. @param {number} x @param {number} y @returns {number | null} */
  characterAt(x, y) {
    const at = caretAt(x, y);
    const piece = at && this.piece_of.get(at.node);
    if (!piece || !this.text || !piece.node.isConnected) return null;
    let unit = piece.start + at.offset;
    const before = this.text.character(Math.max(piece.start, unit - 1));
    if (unit > piece.start && this.#holds(before, x, y)) return before;
    if (unit >= piece.end) unit = piece.end - 1;
    return this.text.character(unit);
  }
  /** @param {number} character @param {number} x @param {number} y */
  #holds(character, x, y) {
    const { left, top } = this.page.getBoundingClientRect();
    return this.rects(character, character + 1).some((rect) => x - left >= rect.left && x - left < rect.left + rect.width && y - top >= rect.top - 2 && y - top <= rect.top + rect.height + 2);
  }
  /** The selected characters, as [start, end). @param {Range} range @returns {[number, number] | null} */
  rangeToCharacters(range) {
    const { text } = this;
    const [first, last] = [this.#unitOf(range.startContainer, range.startOffset), this.#unitOf(range.endContainer, range.endOffset)];
    if (!text || first === null || last === null) return null;
    const [start, end] = [text.character(first), text.character(last)];
    return end > start ? [start, end] : null;
  }
  /** @param {Node} node @param {number} offset @returns {number | null} */
  #unitOf(node, offset) {
    const piece = this.piece_of.get(node);
    if (piece) return piece.start + offset;
    if (!this.lines.contains(node)) return null;
    const after = node.childNodes[offset] ?? null;
    for (const section of this.sections) {
      for (const one of section.pieces ?? []) {
        const follows = after ? after.contains(one.node) || after.compareDocumentPosition(one.node) & Node.DOCUMENT_POSITION_FOLLOWING : node.compareDocumentPosition(one.node) & Node.DOCUMENT_POSITION_FOLLOWING && !node.contains(one.node);
        if (follows) return one.start;
      }
    }
    return this.text?.text.length ?? null;
  }
  /** Scrolls as little as needed to show some characters. @param {number} start @param {number} end */
  reveal(start, end) {
    const { element, text } = this;
    if (!text) return;
    this.#drawAt(text.unit(start));
    const rects = this.rects(start, end);
    if (!rects.length) return;
    const top = rects[0].top + this.page.offsetTop;
    const bottom = rects[rects.length - 1].top + rects[rects.length - 1].height + this.page.offsetTop;
    const edge = EDGE * element.clientHeight;
    if (top - edge < element.scrollTop) element.scrollTop = top - edge;
    else if (bottom + edge > element.scrollTop + element.clientHeight) element.scrollTop = Math.min(top - edge, bottom + edge - element.clientHeight);
  }
  /** Draws the section that holds a unit, wherever the window is. @param {number} unit */
  #drawAt(unit) {
    const section = this.sections.find(({ end }) => end > unit) ?? this.sections[this.sections.length - 1];
    if (!section || section.pieces) return;
    this.#draw(section);
    this.element.scrollTop = this.#place(section.element);
    this.#drawNear();
    this.on_layout();
  }
  /** The direction in which the line of a character is read. @param {number} character @returns {"ltr" | "rtl"} */
  directionAt(character) {
    const unit = this.text?.unit(character) ?? 0;
    const [piece] = this.#piecesIn(unit, unit + 1);
    const line = piece?.node.parentElement?.closest("p");
    return line && getComputedStyle(line).direction === "rtl" ? "rtl" : "ltr";
  }
  /** What of the page is in the window, and so much around it: its top and its bottom. @param {number} around in windows @returns {[number, number]} */
  window(around) {
    const { scrollTop, clientHeight } = this.element;
    const top = scrollTop - this.page.offsetTop;
    return [top - around * clientHeight, top + (1 + around) * clientHeight];
  }
  /** By shares of the window. @param {number} by */
  scroll(by) {
    this.element.scrollTop += by * this.element.clientHeight;
  }
  /** To the beginning. */
  top() {
    this.element.scrollTop = 0;
  }
};
var cuts = (text, unit) => unit > 0 && unit < text.length && (text.charCodeAt(unit) >= 768 || text.charCodeAt(unit - 1) >= 768);
function join2(rects, rect) {
  const last = rects[rects.length - 1];
  const same = last && Math.abs(last.top - rect.top) < rect.height / 2;
  if (same && rect.left <= last.left + last.width + 1.5 && rect.left + rect.width >= last.left - 1.5) {
    const right = Math.max(last.left + last.width, rect.left + rect.width);
    const bottom = Math.max(last.top + last.height, rect.top + rect.height);
    last.left = Math.min(last.left, rect.left);
    last.top = Math.min(last.top, rect.top);
    last.width = right - last.left;
    last.height = bottom - last.top;
  } else rects.push(rect);
}
function caretAt(x, y) {
  if (document.caretPositionFromPoint) {
    const at = document.caretPositionFromPoint(x, y);
    return at && { node: at.offsetNode, offset: at.offset };
  }
  const range = (
    /** @type {any} */
    document.caretRangeFromPoint?.(x, y)
  );
  return range ? { node: range.startContainer, offset: range.startOffset } : null;
}

// hitl_widgets/widgets/js/adjudication/render.js
var PADDING = 48;
var MOST_LABELS = 30;
var FEW = 10;
var FACES = {
  start: ["…", "Waiting for the kernel", "The adjudication opens as soon as the kernel answers."],
  closed: ["✓", "This adjudication is closed", ""],
  wait: ["…", "The next item is on its way", ""],
  end: ["✓", "Nothing left to adjudicate", "No item has competing answers that wait for a verdict."]
};
function render(el, session) {
  const refocus = () => root.focus({ preventScroll: true });
  const picture = buildPicture(session);
  const answers = h("div", { class: "hitl-answers", role: "list", "aria-label": "The answers, without names" });
  const labels = buildLabels(session, refocus);
  const causes = buildCauses(session);
  const note = h("input", {
    class: "hitl-note",
    type: "text",
    maxlength: "10000",
    "aria-label": "Note on the verdict",
    placeholder: "Note",
    autocomplete: "off",
    oninput: (event) => session.write(event.target.value)
  });
  note.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    refocus();
    session.store();
  });
  const store = h("button", { class: "hitl-primary hitl-store", type: "button", onclick: () => {
    session.store();
    refocus();
  } }, capOf("store"), document.createTextNode(" Store"));
  const undo = h("button", { class: "hitl-key-button", type: "button", onclick: () => {
    session.undo();
    refocus();
  } }, capOf("undo"), h("span", { text: "Undo" }));
  const progress = h("span", { class: "hitl-done", role: "status" });
  const pending = h("span", { class: "hitl-pending", role: "status" });
  const who = h("span", { class: "hitl-quiet" });
  const header = h(
    "div",
    { class: "hitl-header" },
    h("h3", { class: "hitl-title", text: "Adjudication" }),
    h("span", { class: "hitl-progress" }, progress, pending),
    h("span", { class: "hitl-about" }, who, h("button", { class: "hitl-key-button", type: "button", title: "All keys", onclick: () => help.toggle() }, capOf("help"), h("span", { text: "Keys" })))
  );
  const help = buildHelp(session, { refocus, first: [[["1", "…", "0", "letters"], "the label with that key; then 1 to 5 are the causes"]] });
  const face = h("div", { class: "hitl-face", hidden: true }, h("div", { class: "hitl-sign", "aria-hidden": "true" }), h("h3", { class: "hitl-face-title" }), h("p", { class: "hitl-face-words", role: "status" }));
  const notice = h("span", { class: "hitl-notice", role: "status" });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const body = h(
    "div",
    { class: "hitl-body hitl-adjudication-body" },
    picture.element,
    h(
      "div",
      { class: "hitl-panel" },
      h("section", {}, h("h3", { class: "hitl-title", text: "The answers" }), answers),
      labels.element,
      causes.element,
      h("div", { class: "hitl-row" }, h("label", { class: "hitl-note-field" }, capOf("note"), note), undo, store)
    ),
    face,
    help.help
  );
  const root = h(
    "div",
    { class: "hitl-card hitl-adjudication", tabindex: "0", role: "region", "aria-label": "Adjudication", "data-lm-suppress-shortcuts": "true", "data-item": "", "data-pending": "0" },
    header,
    body,
    h("div", { class: "hitl-footer" }, notice),
    live
  );
  const actions = {
    store: () => session.store(),
    undecided: () => session.choose(null),
    note: () => note.focus({ preventScroll: true }),
    search: () => labels.search(),
    undo: () => session.undo(),
    help: () => help.toggle()
  };
  function onKey(event) {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (event.key === "Escape") {
      event.preventDefault();
      if (!help.help.hidden) return help.toggle(false);
      if (target.closest("input")) return refocus();
      return session.escape() ? void 0 : handBack(root);
    }
    if (!help.help.hidden) {
      if (event.key === "?") help.toggle(false);
      return;
    }
    if (target.closest("input") || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
    const key = digit && !event.shiftKey ? digit[1] : pressed(event);
    const action = session.bindings.get(key);
    if (!action && !/^[^\s]$/u.test(key)) return;
    event.preventDefault();
    if (event.repeat) return;
    if (action) actions[action]?.();
    else session.press(key);
  }
  keepKeys(root, el, (event) => {
    const { item } = root.dataset;
    if (frame) update();
    if (root.dataset.item === item) onKey(event);
    else event.preventDefault();
  });
  root.addEventListener("click", (event) => {
    if (!/** @type {HTMLElement} */
    event.target.closest("input, a, button")) refocus();
  });
  let drawn = null;
  let named = null;
  let frame = 0;
  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { item, setup, face: kind } = session;
    if (setup && setup.keys !== named) {
      named = setup.keys;
      help.update();
      nameKeys(root, setup.keys);
    }
    setAttribute(root, "data-item", item && !kind ? item.item_id : "");
    setAttribute(root, "data-pending", String(session.pending));
    picture.update();
    labels.update();
    causes.update();
    if (item !== drawn) {
      drawn = item;
      answers.replaceChildren(...(item?.answers ?? []).map(answerOf));
      if (item) setText(live, `${item.answers.length} answers: ${session.competing.map((id) => session.labels.get(id)?.name).join(", ")}`);
    }
    if (note.value !== session.note) note.value = session.note;
    store.disabled = !session.chosen || !session.cause;
    setText(progress, inWords(session.progress));
    setText(pending, session.pending ? `${session.pending} to be stored` : setup ? "all stored" : "");
    setText(who, setup?.annotator ?? "");
    face.hidden = kind === null;
    if (kind) {
      const [sign, head, text] = FACES[kind];
      setText(
        /** @type {Node} */
        face.children[0],
        sign
      );
      setText(
        /** @type {Node} */
        face.children[1],
        head
      );
      setText(
        /** @type {Node} */
        face.children[2],
        kind === "closed" ? session.closed ?? "" : kind === "end" ? session.progress?.done ?? text : session.trouble ?? text
      );
      face.classList.toggle("hitl-calm", kind === "start" || kind === "wait");
    }
    const waits = session.gone ? "The kernel was restarted or has died. Run the notebook from the top: your verdicts are kept." : session.waited_ms > 5e3 && session.pending ? `The kernel hasn't answered for ${Math.round(session.waited_ms / 1e3)} s. Your verdicts are kept and sent again.` : session.trouble;
    setText(notice, waits ?? session.notice?.text ?? session.progress?.done ?? "");
    notice.classList.toggle("hitl-bad", Boolean(waits || session.notice?.bad));
  }
  const stop = session.subscribe((at_once) => {
    if (at_once) update();
    else frame ||= requestAnimationFrame(update);
  });
  el.append(root);
  update();
  return () => {
    stop();
    cancelAnimationFrame(frame);
    root.remove();
  };
}
function answerOf({ letter, label, certainty, note, reason, flags }) {
  const more = [certainty !== null && `certainty ${certainty}`, reason && `the map's reason: ${reason}`, ...flags.map(flagName)].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "hitl-answer", role: "listitem" },
    h("span", { class: "hitl-letter", text: letter }),
    h("div", {}, h("p", {}, h("b", { text: label ?? "unsure" }), document.createTextNode(more ? ` ${more}` : "")), ...note ? [h("p", { class: "hitl-said", text: note })] : [])
  );
}
function buildPicture(session) {
  const canvas = h("canvas", { class: "hitl-image", role: "img" });
  const broken = h("p", { class: "hitl-quiet", role: "note" });
  const facts = h("p", { class: "hitl-facts" });
  const reader = new TextView();
  const stage = h("div", { class: "hitl-stage" }, canvas, reader.element, broken);
  const element = h("div", { class: "hitl-left" }, stage, h("div", { class: "hitl-about-item" }, facts));
  let drawn = null;
  return { element, update() {
    const { item } = session;
    setText(facts, item ? [item.item_id, ...Object.entries(item.meta).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)].join(" · ") : "");
    setText(broken, item?.broken ?? "");
    setAttribute(canvas, "aria-label", item ? `Item ${item.item_id}` : "No item");
    const is_text = isText(item?.picture);
    stage.classList.toggle("hitl-is-text", is_text);
    reader.element.hidden = !is_text;
    canvas.hidden = !item?.picture || is_text;
    if (isText(item?.picture)) return reader.show(item.picture, item.picture.setting({ width: stage.clientWidth - PADDING, height: stage.clientHeight - PADDING }));
    if (!item?.picture || item.picture === drawn) return;
    drawn = item.picture;
    const [width, height] = sizeOf(item.picture);
    canvas.width = width;
    canvas.height = height;
    canvas.classList.toggle("hitl-pixels", Math.max(width, height) < 200);
    canvas.getContext("2d").drawImage(item.picture, 0, 0);
  } };
}
function buildLabels(session, refocus) {
  const box = h("input", { class: "hitl-search", type: "search", placeholder: "Search labels", "aria-label": "Search labels", autocomplete: "off", spellcheck: "false" });
  const find = h("label", { class: "hitl-find" }, capOf("search"), box);
  const columns = h("div", { class: "hitl-columns" });
  const none = h("button", { class: "hitl-key-button", type: "button", tabindex: "-1", onclick: () => {
    session.choose(null);
    refocus();
  } }, capOf("undecided"), h("span", { text: "None: the answers stay" }));
  const element = h("section", {}, h("div", { class: "hitl-row" }, h("h3", { class: "hitl-title", text: "What is it?" }), none, find), h("div", { class: "hitl-chips", role: "group", "aria-label": "Labels" }, columns));
  let drawn = "";
  const shown = () => {
    const labels = session.setup?.taxonomy.labels ?? [];
    if (box.value) return match(labels, box.value);
    const first = session.competing;
    return [...first.flatMap((id) => session.labels.get(id) ?? []), ...labels.filter(({ label_id }) => !first.includes(label_id) && session.keys.has(label_id))].slice(0, MOST_LABELS);
  };
  box.addEventListener("input", () => update());
  box.addEventListener("keydown", (event) => {
    const [label] = shown();
    if (event.key !== "Enter" || event.isComposing || !label || !box.value) return;
    event.preventDefault();
    box.value = "";
    refocus();
    session.choose(label.label_id);
  });
  function update() {
    find.hidden = (session.setup?.taxonomy.labels.length ?? 0) <= FEW && document.activeElement !== box;
    setAttribute(none, "aria-pressed", String(session.chosen?.label_id === null));
    const labels = shown();
    const likely = new Set(session.competing);
    const state = JSON.stringify([labels.map(({ label_id, name }) => [label_id, name, session.keys.get(label_id)]), [...likely]]);
    if (state !== drawn) {
      drawn = state;
      columns.style.columnCount = "2";
      columns.replaceChildren(...labels.map((label) => {
        const key = session.keys.get(label.label_id);
        return h("button", {
          class: `hitl-chip${likely.has(label.label_id) ? " hitl-likely" : ""}`,
          type: "button",
          tabindex: "-1",
          "data-label": label.label_id,
          title: label.definition ? `${label.path}: ${label.definition}` : label.path,
          ...key ? { "aria-keyshortcuts": key } : {},
          onclick: () => {
            box.value = "";
            session.choose(label.label_id);
            refocus();
          }
        }, key ? cap(key) : h("span", { class: "hitl-cap hitl-nokey" }), h("span", { class: "hitl-name", text: label.name }));
      }));
    }
    columns.classList.toggle("hitl-judging", session.chosen !== null);
    for (const chip of columns.children) setAttribute(chip, "aria-pressed", String(session.chosen?.label_id === /** @type {HTMLElement} */
    chip.dataset.label));
  }
  return { element, update, search() {
    find.hidden = false;
    box.focus({ preventScroll: true });
  } };
}
function buildCauses(session) {
  const list = h("div", { class: "hitl-causes", role: "radiogroup", "aria-label": "Why did the answers differ?" });
  const element = h("section", {}, h("h3", { class: "hitl-title", text: "Why did the answers differ?" }), list);
  return { element, update() {
    const { setup, chosen, cause } = session;
    if (setup && list.children.length !== setup.causes.length) {
      list.replaceChildren(...setup.causes.map(([name, words], i) => h("button", {
        class: "hitl-chip hitl-cause",
        type: "button",
        role: "radio",
        tabindex: "-1",
        "data-cause": name,
        "aria-keyshortcuts": String(i + 1),
        onclick: () => session.because(name)
      }, cap(String(i + 1)), h("span", { class: "hitl-name", text: words }))));
    }
    element.classList.toggle("hitl-off", !chosen);
    for (const button of list.children) setAttribute(button, "aria-checked", String(cause === /** @type {HTMLElement} */
    button.dataset.cause));
  } };
}

// hitl_widgets/widgets/js/page.js
var PLACE = "hitl_widgets/left";
var OF_WINDOW = /* @__PURE__ */ Symbol.for("hitl_widgets.page");
function pageOf(world = globalThis, open = () => world.sessionStorage) {
  return world[OF_WINDOW] ??= { id: newId(), left: taken(open) };
}
function taken(open) {
  try {
    const storage = open();
    const left = storage?.getItem(PLACE) ?? null;
    storage?.removeItem(PLACE);
    return left;
  } catch {
    return null;
  }
}
function leave({ id }, open = () => globalThis.sessionStorage) {
  try {
    open()?.setItem(PLACE, id);
  } catch {
  }
}

// hitl_widgets/widgets/js/watching.js
var QUIET_MS = 1e3;
function buildWatching(el, session) {
  const root = (
    /** @type {HTMLElement | null} */
    el.firstElementChild
  );
  if (!root) return () => {
  };
  const words = h("span", { role: "status" });
  const button = h("button", {
    type: "button",
    title: "The other page only watches then. Nothing that was done there is lost.",
    onclick: () => session.takeOver()
  }, cap("Enter"), h("span", { text: "Take over here" }));
  const bar = h("div", {
    class: "hitl-watching",
    tabindex: "0",
    role: "group",
    "aria-label": "This page only watches",
    "data-lm-suppress-shortcuts": "true",
    hidden: true
  }, h("span", { class: "hitl-eye", "aria-hidden": "true", text: "◉" }), words, button);
  el.prepend(bar);
  let since = 0;
  keepKeys(bar, el, (event) => {
    if (event.key !== "Enter" || event.target === button) return;
    event.preventDefault();
    if (!event.repeat && session.around.now() - since >= QUIET_MS) session.takeOver();
  });
  function update() {
    const { watching } = session;
    if (watching === bar.hidden) {
      const focused = watching ? root : bar;
      const had_keys = focused?.contains(document.activeElement) ?? false;
      since = session.around.now();
      bar.hidden = !watching;
      root?.toggleAttribute("inert", watching);
      if (had_keys) (watching ? bar : root)?.focus({ preventScroll: true });
    }
    if (watching) setText(words, session.taking ? "Taking over …" : "This notebook is open in another browser page, which has the keys. Here you only watch.");
  }
  const stop = session.subscribe(update);
  update();
  return () => {
    stop();
    bar.remove();
  };
}

// hitl_widgets/widgets/js/comms.js
var TARGET = "hitl_widgets.acts";
var SETTLE_MS = 400;
async function findFeed(model) {
  for (let wait = 50; ; wait = Math.min(2e3, wait * 2)) {
    try {
      const feed = await model.widget_manager.get_model(model.get("feed"));
      if (feed) return feed;
    } catch {
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}
function connect(model, make) {
  const page = pageOf();
  const signed = (message) => ({ ...message, page: page.id });
  let send = (message) => model.send(message);
  let line = null;
  async function reopen() {
    const comm = await model.widget_manager._create_comm?.(TARGET, newId()).catch(() => void 0);
    if (!comm) return;
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    comm.open({ feed: model.get("feed") });
    comm.on_msg((message) => {
      if (line !== comm) {
        line?.close();
        line = comm;
        send = (m) => comm.send(m);
      }
      state.reply(message.content.data);
    });
    comm.send(signed(state.greeting()));
  }
  const state = make({
    page,
    send: (message) => send(signed(message)),
    reopen: () => {
      reopen().catch((error) => console.warn("hitl_widgets: no new line:", error));
    }
  });
  const onReply = (content) => state.reply(content);
  const onPush = (content, buffers) => state.push(content, buffers);
  let feed;
  const onLine = () => state.line(feed?.comm_live !== false);
  model.on("msg:custom", onReply);
  findFeed(model).then((found) => {
    feed = found;
    feed.on("msg:custom", onPush);
    feed.on("comm_live_update", onLine);
    state.hello();
  });
  const clock = setInterval(() => state.tick(), 250);
  const onLeave = () => {
    state.leave();
    leave(page);
    try {
      send(signed({ kind: "leave" }));
    } catch {
    }
  };
  const onReturn = ({ persisted }) => {
    if (persisted) state.hello();
  };
  addEventListener("pagehide", onLeave);
  addEventListener("pageshow", onReturn);
  const close = () => {
    clearInterval(clock);
    removeEventListener("pagehide", onLeave);
    removeEventListener("pageshow", onReturn);
    model.off("msg:custom", onReply);
    feed?.off("msg:custom", onPush);
    feed?.off("comm_live_update", onLine);
  };
  return { state, close };
}
var widget = (make, render2) => () => {
  let state;
  return {
    /** @param {{model: WidgetModel}} context */
    initialize({ model }) {
      const connected = connect(model, make);
      state = connected.state;
      return connected.close;
    },
    /** @param {{el: HTMLElement}} context */
    render({ el }) {
      if (!state) return void 0;
      const ends = [render2(el, state), buildWatching(el, state)];
      state.appear();
      return () => {
        for (const end of ends) end?.();
      };
    }
  };
};

// hitl_widgets/widgets/js/adjudication.js
var adjudication_default = widget((line) => new AdjudicationSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => (/* @__PURE__ */ new Date()).toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode
}), render);
export {
  adjudication_default as default
};
