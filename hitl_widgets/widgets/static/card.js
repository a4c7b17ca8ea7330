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
  /** True when every act would outlive this tab. */
  get durable() {
    return this.storage !== null;
  }
  /** From here on the acts are this annotator's; what an earlier page left behind is taken up again.
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
  /** @param {Act} act */
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
  /** The log has it, or will never have it. @param {string} decision_id @returns {Act | undefined} */
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
  /** Is a decision about this item on its way? @param {string} item_id */
  holds(item_id) {
    let held = false;
    for (const { act } of this.entries.values()) if (act.item_id === item_id) held = act.kind === "decide";
    return held;
  }
  /** @param {Act} act */
  #key(act) {
    return join([...this.owner.slice(0, 2), act.annotator, act.decision_id]);
  }
};

// hitl_widgets/widgets/js/keys.js
var COMMANDS = {
  Enter: { kind: "accept" },
  " ": { kind: "accept" },
  u: { kind: "unsure" },
  s: { kind: "skip" },
  z: { kind: "undo" },
  Backspace: { kind: "undo" },
  f: { kind: "flag" },
  h: { kind: "map" },
  v: { kind: "method" },
  "?": { kind: "help" },
  "/": { kind: "search" },
  Escape: { kind: "escape" },
  "-": { kind: "nudge", by: -1 },
  "=": { kind: "nudge", by: 1 },
  "+": { kind: "nudge", by: 1 },
  ",": { kind: "opacity", by: -1 },
  ".": { kind: "opacity", by: 1 }
};
var RESERVED = /* @__PURE__ */ new Set([...Object.keys(COMMANDS).filter((k) => /^[a-z]$/.test(k)), "n"]);
var SCALE = [
  "Backquote",
  "Digit1",
  "Digit2",
  "Digit3",
  "Digit4",
  "Digit5",
  "Digit6",
  "Digit7",
  "Digit8",
  "Digit9",
  "Digit0"
];
function read(event, { asking = false } = {}) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  const step = SCALE.indexOf(event.code);
  if (step >= 0 && (event.shiftKey || asking)) return { kind: "certainty", value: step };
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && (event.code.startsWith("Digit") || event.key === digit[1])) return { kind: "label", key: digit[1] };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (COMMANDS[key]) return COMMANDS[key];
  return /^[^\s]$/u.test(key) ? { kind: "label", key } : null;
}
var REPEATABLE = /* @__PURE__ */ new Set(["nudge", "opacity"]);
function assignKeys(labels, before = /* @__PURE__ */ new Map()) {
  const present = new Set(labels.map((l) => l.label_id));
  const keys = new Map([...before].filter(([id]) => present.has(id)));
  const taken = new Set(before.values());
  for (const { label_id, key } of labels) {
    const wanted = key?.toLowerCase();
    if (!wanted || keys.has(label_id) || taken.has(wanted) || !/^[\p{L}\d]$/u.test(wanted) || RESERVED.has(wanted)) continue;
    keys.set(label_id, wanted);
    taken.add(wanted);
  }
  const free = [..."1234567890abcdefghijklmnopqrstuvwxyz"].filter((k) => !taken.has(k) && !RESERVED.has(k));
  for (const { label_id } of labels) {
    if (!keys.has(label_id) && free.length) keys.set(
      label_id,
      /** @type {string} */
      free.shift()
    );
  }
  return keys;
}
var HELP = [
  [["Enter", "Space"], "accept the model's suggestion"],
  [["1", "…", "0", "letters"], "choose the label with that key"],
  [["/"], "search a label by typing; Enter takes the marked one"],
  [["u"], "unsure: closes the item without a label"],
  [["s"], "skip: the item comes again later"],
  [["z", "Backspace"], "undo, up to 50 decisions back"],
  [["Shift", "` 1 … 9 0"], "how sure you are: 0, 1 … 9, 10"],
  [["-", "="], "one step less sure, one step surer"],
  [["h"], "saliency map on or off"],
  [["v"], "next saliency method"],
  [[",", "."], "map fainter, map stronger"],
  [["f"], "flag the item as bad data"],
  [["?"], "these keys"],
  [["Esc"], "close what is open, or leave the card"]
];

// hitl_widgets/widgets/js/link.js
var PATIENCE_MS = 5e3;
var GREETING_MS = 250;
var LONGEST_MS = 3e4;
var Link = class {
  /**
   * @param {Outbox} outbox
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
  /** Whatever came back, the line is alive. */
  answered() {
    this.reopened = 0;
    this.waiting_since = null;
    this.greeting = null;
  }
  /** Sends what hasn't been sent yet, and what was refused only because it waited for an act that is stored by now. */
  flush() {
    this.#sendWhere((entry) => entry.sent_at === null);
  }
  /** The line says `ready`: everything that waits goes out, in the tab's order. */
  restart() {
    this.ready = true;
    for (const entry of this.outbox.entries.values()) entry.sent_at = null;
    this.flush();
  }
  /** The server couldn't store it now: it stays here, and goes out again after a while.
   * @param {string} decision_id @param {string} reason */
  postpone(decision_id, reason) {
    const entry = this.outbox.entries.get(decision_id);
    if (entry) entry.problem = reason;
  }
  /** Looks after what wasn't answered; to be called a few times a second. */
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
   * @param {(entry: import("./outbox.js").Entry, waits: boolean) => boolean} due */
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
  /** @param {import("./outbox.js").Entry} entry @param {string | undefined} after */
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

// hitl_widgets/widgets/js/pictures.js
var AHEAD = 8;
var MOST_PIXELS = 32e6;
async function decode(item) {
  const blob = new Blob([
    /** @type {BlobPart} */
    item.bytes
  ], { type: item.mime });
  if ("createImageBitmap" in globalThis) return createImageBitmap(blob);
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return image;
}
function decodeAhead(items, onDone, decoder = decode) {
  let pixels = 0;
  for (const [i, item] of items.entries()) {
    pixels += item.height * item.width;
    if (i > 0 && (i >= AHEAD || pixels > MOST_PIXELS)) break;
    if (item.picture || item.decoding || item.broken || !item.bytes) continue;
    item.decoding = decoder(item).then(
      (picture) => {
        item.picture = picture;
      },
      (error) => {
        item.broken = `The browser can't show this picture (${error.message}). Flag it, skip it, or answer all the same.`;
      }
    ).then(() => {
      item.decoding = void 0;
      onDone(item);
    });
  }
}
function release(item) {
  if (item.picture && "close" in item.picture) item.picture.close();
  item.picture = void 0;
}

// hitl_widgets/widgets/js/queue.js
var KEPT = 50;
var Queue = class {
  constructor() {
    this.items = [];
    this.past = [];
  }
  /** @returns {Item | undefined} */
  get current() {
    return this.items[0];
  }
  /** An item arrives: to the end; a newer version of one that waits takes its place; the first two stay as they are.
   * @param {Item} item */
  push(item) {
    const at = this.items.findIndex((i) => i.item_id === item.item_id);
    if (at < 0) this.items.push(item);
    else if (at >= 2) this.items[at] = item;
  }
  /** @param {string} item_id @returns {Item | undefined} */
  find(item_id) {
    return this.items.find((i) => i.item_id === item_id);
  }
  /** Items are taken out, but for the first `keep`. @param {string[]} item_ids @param {number} keep */
  drop(item_ids, keep) {
    const gone = new Set(item_ids);
    this.items = this.items.filter((item, i) => i < keep || !gone.has(item.item_id));
  }
  /** The current item is decided; the next one takes the screen. @param {string} decision_id @param {string} words */
  decide(decision_id, words) {
    const item = this.items.shift();
    if (!item) return;
    this.past.push({ item, decision_id, words });
    if (this.past.length > KEPT) this.past.shift();
  }
  /** The last decision is taken back: its item is on the screen again, the others wait. @returns {Past | undefined} */
  undo() {
    const last = this.past.pop();
    if (!last) return void 0;
    this.items = [last.item, ...this.items.filter((i) => i.item_id !== last.item.item_id)];
    return last;
  }
  /** A decision was rejected: its item comes next, never under a finger that is about to press.
   * @param {string} decision_id @returns {Item | undefined} */
  bringBack(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return void 0;
    const [{ item }] = this.past.splice(at, 1);
    if (!this.find(item.item_id)) this.items.splice(1, 0, item);
    return item;
  }
  clear() {
    this.items = [];
    this.past = [];
  }
};

// hitl_widgets/widgets/js/session.js
var LOW = 6;
var MORE_MS = 2e3;
var QUIET_MS = 1e3;
var Session = class {
  /** @param {Surroundings} around */
  constructor(around) {
    this.around = around;
    this.queue = new Queue();
    this.outbox = new Outbox(around.storage, around.now);
    this.link = new Link(this.outbox, around);
    this.setup = null;
    this.labels = /* @__PURE__ */ new Map();
    this.keys = /* @__PURE__ */ new Map();
    this.certainty = null;
    this.asking = null;
    this.map_shown = true;
    this.method = 0;
    this.opacity = 0.55;
    this.answered = 0;
    this.end = null;
    this.closed = null;
    this.problem = null;
    this.notice = null;
    this.named = false;
    this.naming = false;
    this.tab = newId();
    this.greetings = 0;
    this.more_at = -Infinity;
    this.mine = /* @__PURE__ */ new Set();
    this.views = /* @__PURE__ */ new Set();
    this.elsewhere = null;
    this.touched_at = -Infinity;
  }
  /** @param {() => void} view @returns {() => void} */
  subscribe(view) {
    this.views.add(view);
    return () => {
      this.views.delete(view);
    };
  }
  #changed() {
    for (const view of this.views) view();
  }
  // What the card shows
  get item() {
    return this.queue.current;
  }
  get pending() {
    return this.outbox.pending;
  }
  get needs_name() {
    return Boolean(this.setup?.annotator_is_default) && !this.named;
  }
  /** The suggestion that the person can see. @returns {[string, number] | null} */
  get suggestion() {
    const item = this.item;
    if (!item?.suggestion || item.blind || item.broken || !this.labels.has(item.suggestion)) return null;
    return item.probs.find(([id]) => id === item.suggestion) ?? null;
  }
  get method_name() {
    return this.setup?.methods[this.method] ?? null;
  }
  /** The map that the person can see. @returns {Saliency | null} */
  get saliency() {
    const map = this.map_shown && this.item && !this.item.blind && this.method_name ? this.item.maps[this.method_name] : null;
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
  get waited_ms() {
    return this.link.waiting_since === null ? 0 : this.around.now() - this.link.waiting_since;
  }
  // What the kernel says
  hello() {
    this.link.hello(() => this.greeting());
    this.#changed();
  }
  /** A handshake: one that arrives after a later one changes nothing. */
  greeting() {
    return { kind: "hello", tab: this.tab, n: ++this.greetings, have: this.#have() };
  }
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
    if (!decision_id) {
      this.naming = false;
      return;
    }
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
      if (item.item_id === this.elsewhere) this.elsewhere = null;
      if (!this.outbox.holds(item.item_id)) this.queue.push({ ...item, bytes: buffers[0], maps: {} });
      this.end = null;
      this.problem = null;
    } else if (push.kind === "map") {
      const item = this.queue.find(push.item_id);
      const bytes = buffers[0];
      if (item) {
        item.maps[push.method] = {
          ...push,
          values: bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        };
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
  unsure() {
    this.#choice({ verdict: "unsure", label_id: null, words: "Unsure" });
  }
  skip() {
    this.#choice({ verdict: "skip", label_id: null, words: "Skipped" });
  }
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
  nudge(by) {
    this.rate(Math.max(0, Math.min(10, (this.certainty?.value ?? 5) + by)));
  }
  /** @returns {boolean} whether there was something to leave */
  escape() {
    if (!this.asking) return false;
    this.asking = null;
    this.#say("Not decided yet.", false);
    return true;
  }
  undo() {
    if (this.closed || this.needs_name) return;
    if (this.asking) {
      this.escape();
      return;
    }
    const last = this.queue.undo();
    if (!last) return this.#say("Nothing to undo here.", false);
    const retract = this.#act("retract", last.item.item_id);
    this.outbox.put({ ...retract, kind: "retract", retracts: last.decision_id });
    last.item.shown_at = void 0;
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
      this.naming = true;
      this.link.hello(() => ({ kind: "name", annotator: name }));
    }
    this.#changed();
  }
  /** A picture of the current item is on the screen. */
  painted() {
    if (this.item && this.item.shown_at === void 0) this.item.shown_at = this.around.now();
  }
  // How a decision is made
  /** @param {Choice} choice @param {string[]} [flags] */
  #decide({ verdict, label_id, words }, flags = []) {
    const item = this.item;
    if (!item || this.face) return;
    this.asking = null;
    const rated = verdict !== "skip" ? this.certainty : null;
    const act = this.#act("decide", item.item_id);
    this.outbox.put({
      ...act,
      kind: "decide",
      verdict,
      label_id,
      note: null,
      flags,
      certainty: rated?.value ?? null,
      seen: this.#seen(item, rated?.source)
    });
    this.queue.decide(act.decision_id, words);
    if (verdict !== "skip") this.answered++;
    if (this.certainty) this.certainty = this.setup?.certainty === "keep" ? { ...this.certainty, source: "carried" } : null;
    item.rejection = void 0;
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
    const seen = { chosen_by: item.chosen_by, taxonomy: this.setup?.taxonomy.version };
    const suggestion = item.broken ? void 0 : item.suggestion;
    if (suggestion) Object.assign(seen, { suggestion, probs: Object.fromEntries(item.probs), model: item.model });
    if (item.blind) seen.hidden = true;
    const map = this.saliency;
    if (map) Object.assign(seen, { method: map.method, target: map.target });
    if (certainty) seen.certainty = certainty;
    if (item.shown_at !== void 0) seen.shown_ms = Math.round(this.around.now() - item.shown_at);
    return seen;
  }
  /** @param {string} text @param {boolean} bad */
  #say(text, bad) {
    this.notice = { text, bad };
    this.#changed();
  }
  #have() {
    const decided = [...this.outbox.entries.values()].map(({ act }) => act.item_id);
    return [.../* @__PURE__ */ new Set([...this.queue.items.map((i) => i.item_id), ...decided])];
  }
  /** Asks for more items before they run out; the answer comes as pushes. */
  #ask() {
    const now = this.around.now();
    if (!this.setup || this.closed || this.queue.items.length > LOW || now - this.more_at < MORE_MS) return;
    if (this.end && this.queue.items.length === 0 && now - this.more_at < 5 * MORE_MS) return;
    this.more_at = now;
    try {
      this.around.send({ kind: "more", have: this.#have() });
    } catch {
    }
  }
  #decode() {
    decodeAhead(this.queue.items, () => this.#changed(), this.around.decode);
  }
};

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
var cap = (key) => h("kbd", { class: "hitl-cap", text: NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key) });
var NAMES = { Enter: "⏎ Enter", Backspace: "⌫", Shift: "⇧ Shift", "`": "`" };

// hitl_widgets/widgets/js/labels.js
var plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
function match(labels, query, probs = /* @__PURE__ */ new Map(), limit = 12) {
  const wanted = plain(query.trim());
  const found = [];
  labels.forEach((label, i) => {
    const name = plain(label.name);
    const path = plain(label.path);
    const rank = !wanted ? 0 : name.startsWith(wanted) ? 0 : ` ${path.replace(/[^\p{L}\p{N}]+/gu, " ")}`.includes(` ${wanted}`) ? 1 : path.includes(wanted) ? 2 : -1;
    if (rank >= 0) found.push({ label, rank, p: probs.get(label.label_id) ?? 0, i });
  });
  found.sort((a, b) => a.rank - b.rank || b.p - a.p || a.i - b.i);
  return found.slice(0, limit).map((f) => f.label);
}

// hitl_widgets/widgets/js/overlay.js
var RISING = [
  "#000004",
  "#1b0c41",
  "#4a0c6b",
  "#781c6d",
  "#a52c60",
  "#cf4446",
  "#ed6925",
  "#fb9b06",
  "#f7d13d",
  "#fcffa4"
];
var SIGNED = ["#0b3c8c", "#2f6fc4", "#86b3e0", "#f7f7f7", "#f9b26b", "#e0701f", "#99400b"];
function table(anchors) {
  const rgb = anchors.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  const out = new Uint8ClampedArray(256 * 3);
  for (let v = 0; v < 256; v++) {
    const at = v / 255 * (rgb.length - 1);
    const low = Math.min(Math.floor(at), rgb.length - 2);
    for (let c = 0; c < 3; c++) out[v * 3 + c] = rgb[low][c] + (at - low) * (rgb[low + 1][c] - rgb[low][c]);
  }
  return out;
}
var TABLES = { rising: table(RISING), signed: table(SIGNED) };
function colourise(values, signed) {
  const colours = signed ? TABLES.signed : TABLES.rising;
  const out = new Uint8ClampedArray(values.length * 4);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    out.set(colours.subarray(v * 3, v * 3 + 3), i * 4);
    const strength = signed ? Math.min(1, Math.abs(v - 128) / 127) : v / 255;
    const t = Math.min(1, strength / 0.6);
    out[i * 4 + 3] = 255 * t * t * (3 - 2 * t);
  }
  return out;
}
function gradient(signed) {
  return `linear-gradient(90deg, ${(signed ? SIGNED : RISING).join(", ")})`;
}

// hitl_widgets/widgets/js/stage.js
var CRISP_FROM = 2;
var METHODS = {
  gradcam: "Grad-CAM",
  saliency: "Saliency",
  integrated_gradients: "Integrated gradients",
  occlusion: "Occlusion",
  kernelshap: "KernelSHAP",
  lime: "LIME"
};
var methodName = (method) => METHODS[method] ?? method;
function buildStage(session) {
  const image = h("canvas", { class: "hitl-image", role: "img" });
  const map = h("canvas", { class: "hitl-map", "aria-hidden": "true" });
  const sheet = h("div", { class: "hitl-sheet" }, image, map);
  const broken = h("div", { class: "hitl-broken", role: "note" });
  const stage = h("div", { class: "hitl-stage" }, sheet, broken);
  let drawn = null;
  let mapped = null;
  let fitted;
  function fit() {
    const item = session.item;
    if (!item?.width || !stage.clientWidth) return;
    fitted = item;
    const scale = Math.min((stage.clientWidth - 24) / item.width, (stage.clientHeight - 24) / item.height);
    const whole = scale >= 4 ? Math.floor(scale) : scale;
    sheet.style.width = `${item.width * whole}px`;
    sheet.style.height = `${item.height * whole}px`;
    sheet.classList.toggle("hitl-crisp", scale >= CRISP_FROM);
  }
  function drawImage(item) {
    const picture = item?.picture ?? null;
    if (picture === drawn) return;
    drawn = picture;
    sheet.classList.toggle("hitl-empty", !picture);
    if (!picture) return;
    const [width, height] = "naturalWidth" in picture ? [picture.naturalWidth, picture.naturalHeight] : [picture.width, picture.height];
    if (image.width !== width || image.height !== height) {
      image.width = width;
      image.height = height;
    }
    const context = (
      /** @type {CanvasRenderingContext2D} */
      image.getContext("2d")
    );
    context.clearRect(0, 0, width, height);
    context.drawImage(picture, 0, 0);
    session.painted();
  }
  function drawMap(item) {
    const saliency = session.saliency;
    map.hidden = !saliency || !item?.picture;
    map.style.opacity = String(session.opacity);
    if (!saliency?.values || !item || saliency === mapped) return;
    mapped = saliency;
    map.width = saliency.width;
    map.height = saliency.height;
    const context = (
      /** @type {CanvasRenderingContext2D} */
      map.getContext("2d")
    );
    context.putImageData(new ImageData(colourise(saliency.values, saliency.signed), saliency.width, saliency.height), 0, 0);
    const [x0, y0, x1, y1] = saliency.box;
    Object.assign(map.style, {
      left: `${100 * x0 / item.width}%`,
      top: `${100 * y0 / item.height}%`,
      width: `${100 * (x1 - x0) / item.width}%`,
      height: `${100 * (y1 - y0) / item.height}%`
    });
  }
  function update() {
    const item = session.item;
    if (item !== fitted) fit();
    drawImage(item);
    drawMap(item);
    stage.classList.toggle("hitl-is-broken", Boolean(item?.broken));
    setText(broken, item?.broken ?? "");
    setAttribute(image, "aria-label", item ? `Item ${item.item_id}, ${item.width} by ${item.height} pixels` : "No item");
  }
  const watch = new ResizeObserver(fit);
  watch.observe(stage);
  return { stage, update, stop: () => watch.disconnect() };
}
function buildLegend(session) {
  const toggle = h(
    "button",
    {
      class: "hitl-key-button",
      type: "button",
      tabindex: "-1",
      "aria-keyshortcuts": "h",
      title: "Saliency map on or off (h)",
      onclick: () => session.toggleMap()
    },
    h("kbd", { class: "hitl-cap", text: "H" }),
    h("span", { class: "hitl-map-state" })
  );
  const words = h("span", { class: "hitl-map-words" });
  const low = h("span", { text: "less" });
  const bar = h("span", { class: "hitl-scale-bar", role: "img" });
  const high = h("span", { text: "more" });
  const scale = h("span", { class: "hitl-scale" }, low, bar, high);
  const opacity = h("input", {
    class: "hitl-opacity",
    type: "range",
    min: "0.1",
    max: "1",
    step: "0.1",
    "aria-label": "Strength of the map",
    title: "Strength of the map ( , and . )",
    oninput: (event) => session.setOpacity(Number(event.target.value))
  });
  const legend = h("div", { class: "hitl-legend" }, toggle, words, scale, opacity);
  function update() {
    const { item, method_name } = session;
    const saliency = session.saliency;
    const pushed = item && method_name ? item.maps[method_name] : null;
    legend.hidden = !item || !session.setup?.methods.length;
    setText(
      /** @type {Node} */
      toggle.lastChild,
      session.map_shown ? "Map on" : "Map off"
    );
    setAttribute(toggle, "aria-pressed", String(session.map_shown));
    const target = saliency && session.labels.get(saliency.target)?.name;
    setText(words, item?.blind ? "hidden while the item is blind" : pushed?.problem ? pushed.problem : saliency ? `${methodName(saliency.method)} for ${target}` : !session.map_shown || !item ? "" : item.broken || !item.suggestion ? "no prediction to explain" : "map on its way …");
    setAttribute(words, "title", words.textContent);
    scale.hidden = opacity.hidden = !saliency;
    if (saliency) {
      bar.style.background = gradient(saliency.signed);
      setText(low, saliency.signed ? "against" : "less");
      setText(high, saliency.signed ? "for" : "more");
      setAttribute(bar, "aria-label", saliency.signed ? "Scale: blue speaks against the label, orange for it" : "Scale: dark counted a little, bright counted most");
    }
    if (opacity.value !== String(session.opacity)) opacity.value = String(session.opacity);
  }
  return { legend, update };
}

// hitl_widgets/widgets/js/view.js
var MOST_CHIPS = 30;
var percent = (p) => p > 0 && p < 5e-3 ? "<1 %" : `${Math.round(100 * p)} %`;
var count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
function render(el, session) {
  const stage = buildStage(session);
  const legend = buildLegend(session);
  const header = buildHeader(session, () => toggleHelp());
  const panel = buildPanel(session);
  const footer = buildFooter(session);
  const face = buildFace(session, () => root.focus({ preventScroll: true }));
  const help = buildHelp(() => toggleHelp(false));
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const body = h(
    "div",
    { class: "hitl-body" },
    h("div", { class: "hitl-left" }, stage.stage, legend.legend),
    panel.panel,
    face.face,
    help
  );
  const root = h(
    "div",
    {
      class: "hitl-card",
      tabindex: "0",
      role: "application",
      "aria-label": "Decision card",
      "aria-roledescription": "decision card",
      "data-lm-suppress-shortcuts": "true",
      "data-item": "",
      "data-pending": "0"
    },
    header.header,
    body,
    footer.footer,
    live
  );
  function toggleHelp(open = help.hidden) {
    help.hidden = !open;
    if (!open) root.focus({ preventScroll: true });
  }
  function act(action) {
    switch (action.kind) {
      case "accept":
        return session.accept();
      case "label": {
        const found = [...session.keys].find(([, key]) => key === action.key);
        return found && session.choose(found[0]);
      }
      case "unsure":
        return session.unsure();
      case "skip":
        return session.skip();
      case "undo":
        return session.undo();
      case "flag":
        return session.flag();
      case "certainty":
        return session.rate(action.value);
      case "nudge":
        return session.nudge(action.by);
      case "map":
        return session.toggleMap();
      case "method":
        return session.nextMethod();
      case "opacity":
        return session.setOpacity(session.opacity + action.by * 0.1);
      case "search":
        return panel.search();
      case "help":
        return toggleHelp();
      case "escape":
        if (!help.hidden) toggleHelp(false);
        else if (!session.escape()) root.blur();
    }
  }
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (target.closest("input")) {
      if (event.key === "Escape") root.focus({ preventScroll: true });
      return;
    }
    if (target.closest("button") && (event.key === "Enter" || event.key === " ")) return;
    const action = read(event, { asking: session.asking !== null });
    if (!action) return;
    event.preventDefault();
    if (event.repeat && !REPEATABLE.has(action.kind)) return;
    if (!help.hidden && action.kind !== "help" && action.kind !== "escape") return;
    act(action);
  });
  for (const name of ["keyup", "keypress"]) root.addEventListener(name, (event) => event.stopPropagation());
  root.addEventListener("click", (event) => {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (!target.closest("input, a") && !help.contains(target)) root.focus({ preventScroll: true });
  });
  let spoken = null;
  function update() {
    const { item } = session;
    setAttribute(root, "data-item", item && !session.face ? item.item_id : "");
    setAttribute(root, "data-pending", String(session.pending));
    setAttribute(root, "data-face", session.face ?? "");
    stage.update();
    legend.update();
    panel.update();
    header.update();
    footer.update();
    face.update();
    if (item && item !== spoken) {
      spoken = item;
      const seen = session.suggestion;
      setText(live, seen ? `Suggestion: ${session.labels.get(seen[0])?.name}, ${percent(seen[1])}` : item.blind ? "Blind item: what do you see?" : "No suggestion: what do you see?");
    }
  }
  const stop = session.subscribe(update);
  el.append(root);
  update();
  return () => {
    stop();
    stage.stop();
    root.remove();
  };
}
function buildHeader(session, onHelp) {
  const focus = h(
    "span",
    { class: "hitl-focus" },
    h("span", { class: "hitl-dot", "aria-hidden": "true" }),
    h("span", { class: "hitl-focus-on", text: "Keys on" }),
    h(
      "span",
      { class: "hitl-focus-off" },
      document.createTextNode("Click "),
      h("span", { class: "hitl-wide", text: "the card " }),
      document.createTextNode("to use the keys")
    )
  );
  const done = h("span", { class: "hitl-done" });
  const meter = h("span", { class: "hitl-meter", "aria-hidden": "true" }, h("span"));
  const pending = h("span", { class: "hitl-pending", role: "status" });
  const who = h("span", { class: "hitl-who" });
  const help = h(
    "button",
    { class: "hitl-key-button", type: "button", "aria-keyshortcuts": "?", title: "All keys (?)", onclick: onHelp },
    cap("?"),
    h("span", { text: "Keys" })
  );
  const header = h(
    "div",
    { class: "hitl-header" },
    focus,
    h("span", { class: "hitl-progress" }, done, meter, pending),
    h("span", { class: "hitl-about" }, who, help)
  );
  function update() {
    const { setup } = session;
    const items = setup?.progress.items;
    setText(done, setup ? `${session.answered.toLocaleString("en")}${items ? ` of ${items.toLocaleString("en")}` : ""} answered` : "");
    meter.hidden = !items;
    if (items) meter.firstChild.style.width = `${Math.min(100, 100 * session.answered / items)}%`;
    const late = session.pending > 0 && session.waited_ms > 2e3;
    setText(pending, session.pending ? `${session.pending} to be stored` : setup ? "all stored" : "");
    pending.classList.toggle("hitl-late", late);
    setText(who, setup ? `${setup.annotator} · taxonomy v${setup.taxonomy.version}` : "");
  }
  return { header, update };
}
function buildPanel(session) {
  const title = h("h3", { class: "hitl-title" });
  const accept = h("span", { class: "hitl-accept" }, cap("Enter"), h("span", { text: "accept" }));
  const plain2 = h("div", { class: "hitl-plain" }, h("strong"), h("span"));
  const bars = h("div", { class: "hitl-bars" });
  const labelsTitle = h("h3", { class: "hitl-title", text: "Labels" });
  const box = h("input", {
    class: "hitl-search",
    type: "search",
    placeholder: "Search labels",
    "aria-label": "Search labels",
    autocomplete: "off",
    spellcheck: "false"
  });
  const find = h("label", { class: "hitl-find" }, cap("/"), box);
  const chips = h("div", { class: "hitl-chips", role: "group", "aria-label": "Labels" });
  const certainty = buildCertainty(session);
  const actions = h(
    "div",
    { class: "hitl-actions" },
    button("u", "Unsure", () => session.unsure()),
    button("s", "Skip", () => session.skip()),
    button("f", "Bad data", () => session.flag()),
    button("z", "Undo", () => session.undo())
  );
  const panel = h(
    "div",
    { class: "hitl-panel" },
    h("section", { class: "hitl-says" }, h("div", { class: "hitl-row" }, title, accept), plain2, bars),
    h("section", {}, h("div", { class: "hitl-row" }, labelsTitle, find), chips),
    h("section", {}, certainty.element),
    actions
  );
  let marked = 0;
  let query = "";
  let drawn = null;
  function shown() {
    const labels = session.setup?.taxonomy.labels ?? [];
    if (query) return match(labels, query, new Map(session.item?.probs ?? []));
    return labels.filter((label) => session.keys.has(label.label_id)).slice(0, MOST_CHIPS);
  }
  function drawChips() {
    const labels = shown();
    const columns = query || labels.length <= 14 ? 2 : 3;
    chips.style.gridTemplate = `repeat(${Math.ceil(labels.length / columns)}, auto) / repeat(${columns}, minmax(0, 1fr))`;
    chips.replaceChildren(...labels.map((label, i) => {
      const key = session.keys.get(label.label_id);
      return h(
        "button",
        {
          class: `hitl-chip${query && i === marked ? " hitl-marked" : ""}`,
          type: "button",
          tabindex: "-1",
          "data-label": label.label_id,
          title: label.definition ? `${label.path}: ${label.definition}` : label.path,
          ...key ? { "aria-keyshortcuts": key } : {},
          onclick: () => {
            leave();
            session.choose(label.label_id);
          }
        },
        key ? cap(key) : h("span", { class: "hitl-cap hitl-nokey" }),
        h("span", { class: "hitl-name", text: query ? label.path : label.name })
      );
    }), ...query && !labels.length ? [h("p", { class: "hitl-quiet", text: "No label matches. Esc leaves the search." })] : []);
  }
  function leave() {
    query = box.value = "";
    marked = 0;
    drawn = null;
  }
  box.addEventListener("input", () => {
    query = box.value;
    marked = 0;
    drawChips();
  });
  box.addEventListener("blur", () => {
    leave();
    update();
  });
  box.addEventListener("keydown", (event) => {
    const labels = shown();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && labels.length) {
      event.preventDefault();
      marked = (marked + step + labels.length) % labels.length;
      drawChips();
    } else if (event.key === "Enter" && !event.isComposing && query && labels[marked]) {
      event.preventDefault();
      const { label_id } = labels[marked];
      panel.closest(".hitl-card").focus({ preventScroll: true });
      session.choose(label_id);
    }
  });
  const rows = [];
  function row(i) {
    while (rows.length <= i) {
      const parts = {
        cap: h("kbd", { class: "hitl-cap" }),
        name: h("span", { class: "hitl-name" }),
        fill: h("span", { class: "hitl-fill" }),
        p: h("span", { class: "hitl-p" })
      };
      const line = h(
        "button",
        {
          class: "hitl-bar",
          type: "button",
          tabindex: "-1",
          onclick: (event) => session.choose(event.currentTarget.dataset.label)
        },
        parts.cap,
        parts.name,
        h("span", { class: "hitl-track" }, parts.fill),
        parts.p
      );
      bars.append(line);
      rows.push({ row: line, ...parts });
    }
    return rows[i];
  }
  function drawBars() {
    const { item } = session;
    const seen = session.suggestion;
    const probs = seen ? (item?.probs ?? []).filter(([id]) => session.labels.has(id)) : [];
    probs.forEach(([label_id, p], i) => {
      const line = row(i);
      const name = session.labels.get(label_id)?.name ?? label_id;
      const key = session.keys.get(label_id) ?? "";
      line.row.hidden = false;
      line.row.dataset.label = label_id;
      line.row.classList.toggle("hitl-suggested", label_id === seen?.[0]);
      setText(line.cap, key.toUpperCase());
      line.cap.classList.toggle("hitl-nokey", !key);
      setText(line.name, name);
      line.fill.style.width = `${100 * p}%`;
      setText(line.p, percent(p));
      setAttribute(line.row, "aria-label", `${name}, ${percent(p)}${label_id === seen?.[0] ? ", suggested" : ""}`);
      setAttribute(line.row, "aria-keyshortcuts", (label_id === seen?.[0] ? "Enter " : "") + key);
    });
    for (const line of rows.slice(probs.length)) line.row.hidden = true;
    const [head, words] = !item || seen ? ["", ""] : item.blind ? ["What do you see?", "This item is asked blind: what the model says of it, and why, stays hidden."] : item.broken ? ["This item can't be shown", "F flags it as bad data and goes on. You may also skip it, or answer all the same."] : item.problem ? ["The model failed on this item", item.problem] : ["What do you see?", "There is no model yet: the first answers are yours alone."];
    setText(title, seen ? "The model suggests" : "Your answer");
    setText(
      /** @type {Node} */
      plain2.firstChild,
      head
    );
    setText(
      /** @type {Node} */
      plain2.lastChild,
      words
    );
    plain2.hidden = !head;
  }
  function update() {
    const { setup } = session;
    find.hidden = !setup || setup.taxonomy.labels.length <= 10;
    if (setup && setup.taxonomy !== drawn) {
      drawn = setup.taxonomy;
      setText(labelsTitle, setup.taxonomy.labels.length > MOST_CHIPS ? `Labels with a key, of ${setup.taxonomy.labels.length.toLocaleString("en")}` : "Labels");
      drawChips();
    }
    drawBars();
    accept.hidden = !session.suggestion;
    const chosen = session.suggestion?.[0];
    for (const chip of chips.children) chip.classList.toggle(
      "hitl-suggested",
      /** @type {HTMLElement} */
      chip.dataset.label === chosen
    );
    certainty.update();
  }
  return { panel, update, search() {
    if (!find.hidden) box.focus({ preventScroll: true });
  } };
}
function button(key, text, onclick) {
  return h(
    "button",
    { class: "hitl-key-button", type: "button", tabindex: "-1", "aria-keyshortcuts": key, onclick },
    cap(key),
    h("span", { text })
  );
}
function buildCertainty(session) {
  const state = h("span", { class: "hitl-quiet" });
  const steps = [..."`1234567890"].map((key, value) => h("button", {
    class: "hitl-step",
    type: "button",
    tabindex: "-1",
    role: "radio",
    "aria-checked": "false",
    "aria-label": `certainty ${value} of 10`,
    title: `⇧ ${key}`,
    "aria-keyshortcuts": `Shift+${key}`,
    text: value,
    onclick: () => session.rate(value)
  }));
  const element = h(
    "div",
    { class: "hitl-certainty" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-title", text: "How sure are you?" }), state),
    h("div", { class: "hitl-steps", role: "radiogroup", "aria-label": "Certainty" }, ...steps),
    h(
      "div",
      { class: "hitl-row hitl-hint" },
      h("span", { text: "a guess" }),
      h(
        "span",
        { class: "hitl-caps" },
        cap("⇧"),
        document.createTextNode(" + "),
        cap("`"),
        cap("1"),
        document.createTextNode(" … "),
        cap("9"),
        cap("0"),
        document.createTextNode("  or  "),
        cap("-"),
        cap("=")
      ),
      h("span", { text: "certain" })
    )
  );
  function update() {
    const { certainty, asking } = session;
    steps.forEach((step, value) => {
      const on = certainty?.value === value;
      step.classList.toggle("hitl-below", certainty !== null && value < certainty.value);
      setAttribute(step, "aria-checked", String(on));
    });
    element.classList.toggle("hitl-asking", asking !== null);
    element.classList.toggle("hitl-carried", certainty?.source === "carried");
    setText(state, asking ? `${asking.words.replace(/ \w+$/, "")}: rate it to decide · Esc` : !certainty ? "not given" : certainty.source === "given" ? `${certainty.value}, for this item` : `${certainty.value}, carried over`);
  }
  return { element, update };
}
function buildFooter(session) {
  const notice = h("span", { class: "hitl-notice", role: "status" });
  const about = h("span", { class: "hitl-item" });
  const footer = h("div", { class: "hitl-footer" }, notice, about);
  function update() {
    const { item, setup } = session;
    const s = Math.round(session.waited_ms / 1e3);
    const problem = item?.rejection ? `Not stored: ${item.rejection}` : session.waited_ms > 4e3 && session.pending ? `The kernel hasn't answered for ${s} s. ${count(session.pending, "decision is", "decisions are")} kept ${session.outbox.durable ? "in this browser" : "in this tab only"} and sent again.` : session.problem ?? (session.notice?.bad ? session.notice.text : null);
    setText(notice, problem ?? (!setup ? "" : !session.outbox.durable ? `${session.notice?.text ?? ""} (this browser keeps nothing: unstored decisions live in this tab only)` : session.outbox.others ? `${count(session.outbox.others, "decision", "decisions")} of another annotator wait in this browser until they open the card` : session.notice?.text ?? ""));
    notice.classList.toggle("hitl-bad", problem !== null);
    setText(about, !item || session.face ? "" : [
      item.item_id,
      item.width && `${item.width}×${item.height}`,
      !item.blind && item.chosen_by && `chosen by ${item.chosen_by.replaceAll("_", " ")}`,
      item.model && !item.blind && `model ${item.model.slice(0, 7)}`
    ].filter(Boolean).join("  ·  "));
    setAttribute(about, "title", about.textContent);
  }
  return { footer, update };
}
function buildFace(session, refocus) {
  const sign = h("div", { class: "hitl-sign", "aria-hidden": "true" });
  const title = h("h3", { class: "hitl-face-title" });
  const words = h("p", { class: "hitl-face-words" });
  const box = h("input", { class: "hitl-name-box", type: "text", maxlength: "200", "aria-label": "Your name", placeholder: "Your name" });
  const form = h(
    "form",
    { class: "hitl-name-form", onsubmit: (event) => {
      event.preventDefault();
      if (!box.value.trim()) return box.focus();
      session.name(box.value.trim());
      refocus();
    } },
    box,
    h("button", { class: "hitl-primary", type: "submit", text: "Start" }),
    h("button", { class: "hitl-key-button", type: "button", text: "Go on without", onclick: () => {
      session.name(null);
      refocus();
    } })
  );
  const face = h("div", { class: "hitl-face" }, sign, title, words, form);
  const FACES = {
    start: ["…", "Waiting for the kernel", "The card opens as soon as the kernel answers."],
    name: ["✎", "Who is labelling?", "Decisions carry your name, so that people can be told apart later."],
    closed: ["✓", "This card is closed", ""],
    wait: ["…", "The next items are on their way", ""],
    empty: ["✓", "Nothing left to ask", "Every item of this queue has your answer. Train on them in a cell below, or undo the last one with z."],
    enough: ["✓", "That's what you asked for", "This review is complete. Train on the answers in a cell below, or undo the last one with z."]
  };
  function update() {
    const kind = session.face;
    face.hidden = kind === null;
    form.hidden = kind !== "name";
    if (kind === null) return;
    const [symbol, head, text] = FACES[kind];
    setText(sign, symbol);
    setText(title, head);
    const s = Math.round(session.waited_ms / 1e3);
    setText(words, kind === "closed" ? `${session.closed} What you decided here is kept.` : kind === "wait" && session.problem ? session.problem : (kind === "wait" || kind === "start") && s >= 3 ? `The kernel hasn't answered for ${s} s: it may be running a cell. What you decided is kept; the card goes on when it answers.` : text);
    face.classList.toggle("hitl-calm", kind === "wait" || kind === "start");
  }
  return { face, update };
}
function buildHelp(onClose) {
  return h(
    "div",
    { class: "hitl-help", hidden: true, role: "dialog", "aria-label": "Keys" },
    h(
      "div",
      { class: "hitl-row" },
      h("h3", { class: "hitl-face-title", text: "Keys" }),
      h("button", { class: "hitl-key-button", type: "button", onclick: onClose }, cap("Esc"), h("span", { text: "Close" }))
    ),
    h("dl", {}, ...HELP.flatMap(([keys, words]) => [
      h("dt", {}, ...keys.map((key) => key === "…" || key === "letters" ? h("span", { text: key }) : cap(key))),
      h("dd", { text: words })
    ]))
  );
}

// hitl_widgets/widgets/js/card.js
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
function connect(model) {
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
      session.reply(message.content.data);
    });
    comm.send(session.greeting());
  }
  const session = new Session({
    send: (message) => send(message),
    reopen: () => {
      reopen().catch((error) => console.warn("hitl_widgets: no new line:", error));
    },
    now: () => performance.timeOrigin + performance.now(),
    instant: () => (/* @__PURE__ */ new Date()).toISOString(),
    storage: probe(() => globalThis.localStorage),
    base: basePath(document, location.pathname)
  });
  return session;
}
var card_default = () => {
  let session;
  return {
    /** @param {{model: WidgetModel}} context */
    initialize({ model }) {
      const opened = session = connect(model);
      const onReply = (content) => opened.reply(content);
      const onPush = (content, buffers) => opened.push(content, buffers);
      let feed;
      model.on("msg:custom", onReply);
      findFeed(model).then((found) => {
        feed = found;
        feed.on("msg:custom", onPush);
        opened.hello();
      });
      const clock = setInterval(() => opened.tick(), 250);
      return () => {
        clearInterval(clock);
        model.off("msg:custom", onReply);
        feed?.off("msg:custom", onPush);
      };
    },
    /** @param {{el: HTMLElement}} context */
    render({ el }) {
      return session ? render(el, session) : void 0;
    }
  };
};
export {
  card_default as default
};
