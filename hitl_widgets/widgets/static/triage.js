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
    const cuts = this.#cuts[granularity] ??= new Cuts(this.text, granularity);
    return {
      /** The piece with a character; the last one at the end of the text. @param {number} character @returns {Range} */
      at: (character) => {
        if (!this.length) return (
          /** @type {const} */
          [0, 0]
        );
        const [start, end] = cuts.at(this.unit(within(character, this.length - 1)));
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
var EXCERPT = 600;
var EXCERPTS = /* @__PURE__ */ new WeakMap();
var beginningOf = (text) => text.text.slice(0, EXCERPT).replace(/\s+/gu, " ").trim();
function drawSmall(canvas, picture) {
  const excerpt = EXCERPTS.get(canvas);
  if (isText(picture)) return write(canvas, excerpt, beginningOf(picture));
  if (excerpt && canvas.hidden) {
    excerpt.hidden = true;
    canvas.hidden = false;
  }
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!picture) return;
  const [width, height] = sizeOf(picture);
  const scale = Math.min(canvas.width / width, canvas.height / height);
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(picture, (canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2, width * scale, height * scale);
}
function write(canvas, excerpt, text) {
  if (!excerpt) {
    excerpt = document.createElement("span");
    excerpt.className = `${canvas.className} hitl-excerpt`;
    excerpt.dir = "auto";
    EXCERPTS.set(canvas, excerpt);
  }
  if (!excerpt.parentNode) canvas.after(excerpt);
  canvas.hidden = true;
  excerpt.hidden = false;
  if (excerpt.textContent !== text) excerpt.textContent = text;
}

// hitl_widgets/widgets/js/picker.js
function buildPicker({ label, nothing, labels, onpick }) {
  const id = `hitl-${newId()}`;
  const box = h("input", {
    type: "text",
    role: "combobox",
    id,
    "aria-expanded": "false",
    "aria-controls": `${id}-list`,
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: nothing,
    onclick: () => open(),
    onblur: () => close(),
    oninput: () => open(),
    onkeydown: (event) => onKey(event)
  });
  const list = h("ul", { class: "hitl-choices", role: "listbox", id: `${id}-list`, "aria-label": label, hidden: true });
  const element = h("div", { class: "hitl-field hitl-picker" }, h("label", { for: id, text: label }), h("div", { class: "hitl-picker-box" }, box, list));
  let found = [];
  let marked = 0;
  let chosen = null;
  function open() {
    const typed = box.value === (chosen?.path ?? "") ? "" : box.value;
    found = [...typed ? [] : [null], .../** @type {Node[]} */
    match(
      /** @type {any} */
      labels(),
      typed,
      { limit: 8 }
    )];
    marked = Math.max(0, found.indexOf(chosen));
    draw();
  }
  function draw() {
    list.replaceChildren(...found.map((node, i) => h("li", {
      role: "option",
      id: `${id}-${i}`,
      "aria-selected": String(i === marked),
      class: node ? "" : "hitl-quiet",
      text: node?.path ?? nothing,
      onmousedown: (event) => {
        event.preventDefault();
        pick(node);
      }
    })));
    list.hidden = !found.length;
    setAttribute(box, "aria-expanded", String(!list.hidden));
    setAttribute(box, "aria-activedescendant", list.hidden ? null : `${id}-${marked}`);
  }
  function close() {
    list.hidden = true;
    setAttribute(box, "aria-expanded", "false");
    setAttribute(box, "aria-activedescendant", null);
    if (!box.value.trim() && chosen) pick(null);
    box.value = chosen?.path ?? "";
  }
  function pick(node) {
    chosen = node;
    close();
    onpick(node?.label_id ?? null);
  }
  function onKey(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return open();
      marked = (marked + (event.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length);
      draw();
    } else if (event.key === "Enter" && !list.hidden && found.length) {
      event.preventDefault();
      event.stopPropagation();
      pick(found[marked]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  }
  function show(node) {
    const typing = document.activeElement === box && box.value !== (chosen?.path ?? "");
    chosen = node;
    if (!typing) box.value = node?.path ?? "";
  }
  return { element, show, box };
}

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

// hitl_widgets/widgets/js/triage/session.js
var tileOf = (body) => ({ ...body, gone: null, picture: null, large: null, problem: null, asked: false, asked_large: false });
var items = (n) => n === 1 ? "1 item" : `${n.toLocaleString("en")} items`;
var TriageSession = class extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, around.storage);
    this.around = around;
    this.taxonomy = { version: 0, labels: [], other: null, places: [] };
    this.keys = /* @__PURE__ */ new Map();
    this.bindings = /* @__PURE__ */ new Map();
    this.pages = null;
    this.words = [];
    this.tiles = /* @__PURE__ */ new Map();
    this.page = 0;
    this.focus = null;
    this.selected = /* @__PURE__ */ new Set();
    this.anchor = null;
    this.making = false;
    this.done = [];
  }
  // What is seen
  /** The items that are still on a page. @param {number} page @returns {Tile[]} */
  on(page) {
    return (this.pages?.[page] ?? []).filter((tile) => tile.gone === null);
  }
  get shown() {
    return this.on(this.page);
  }
  /** The numbers of the pages that still have items. @returns {number[]} */
  get open() {
    return (this.pages ?? []).flatMap((_, page) => this.on(page).length ? [page] : []);
  }
  /** The items that an act applies to: those selected, else the whole page. @returns {Tile[]} */
  get about() {
    const { shown } = this;
    const chosen = shown.filter((tile) => this.selected.has(tile.item_id));
    return chosen.length ? chosen : shown;
  }
  get tile() {
    return this.tiles.get(this.focus ?? "") ?? null;
  }
  get n() {
    return this.open.reduce((sum, page) => sum + this.on(page).length, 0);
  }
  // What the kernel says
  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") {
      this.setup = reply;
      this.bindings = bind(reply.keys);
      this.#name(reply.taxonomy);
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
    const act = (
      /** @type {any} */
      this.outbox.settle(decision_id)
    );
    if (act?.kind === "undo") {
      for (const item_id of act.item_ids ?? []) {
        const tile = this.tiles.get(item_id);
        if (tile) tile.gone = act.retracts;
      }
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
      const waiting = /* @__PURE__ */ new Set([...this.outbox.entries.keys()]);
      this.pages = push.pages.map((page) => page.map((body) => {
        const known2 = before.get(body.item_id);
        return known2 ? { ...known2, ...body, gone: known2.gone !== null && waiting.has(known2.gone) ? known2.gone : null } : tileOf(body);
      }));
      this.words = push.words;
      this.tiles = new Map(this.pages.flat().map((tile) => [tile.item_id, tile]));
      this.page = this.open[0] ?? 0;
      this.#settle();
    } else if (push.kind === "unplaced") this.#unplaced(push);
    else if (push.kind === "acts") {
      const here = /* @__PURE__ */ new Set([...this.done.map((done) => done.act_id), ...this.outbox.entries.keys()]);
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
      if (!lying.has(tile.item_id) && tile.gone === null) {
        tile.gone = "elsewhere";
        left++;
      } else if (lying.has(tile.item_id) && tile.gone === "elsewhere") tile.gone = null;
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
      if (problems[i]) {
        tile.problem = problems[i];
        return;
      }
      this.around.decode({ bytes: buffers[i] }).then((picture) => {
        if (large) tile.large = picture;
        else tile.picture = picture;
        this.changed();
      }, () => {
        tile.problem = "The browser can't show this picture.";
      });
    });
  }
  // Where one is
  /** Requests the visible pictures, once. */
  want() {
    if (!this.setup || this.gone || !this.pages) return;
    const firsts = this.open.map((page) => this.on(page)[0]);
    const missing = [...this.shown, ...firsts].filter((tile2) => !tile2.asked);
    for (const tile2 of missing) tile2.asked = true;
    if (missing.length) this.around.send({ kind: "pictures", item_ids: [...new Set(missing.map((tile2) => tile2.item_id))] });
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
    if (to !== void 0 && to !== this.page) this.open_page(to);
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
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: ids.length - 1 };
    if (!(key in steps)) return false;
    const to = steps[key];
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
  leaveOut() {
    this.#act("leave_out", {}, inWords("left_out", this.about.length, null));
  }
  sendBack() {
    this.#act("send_back", {}, inWords("sent_back", this.about.length, null));
  }
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
    if (page >= 0) {
      this.page = page;
      this.focus = back[0].item_id;
    }
    this.#settle();
    this.changed();
  }
  /** @param {object} act */
  #send(act) {
    this.outbox.put(
      /** @type {any} */
      { ...act, annotator: this.setup?.annotator, acted_at: this.around.instant() }
    );
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
};
function inWords(act, n, label) {
  return act === "assigned" ? `${items(n)} → ${label}` : act === "left_out" ? `${items(n)} left out` : `${items(n)} sent back`;
}

// hitl_widgets/widgets/js/triage/render.js
var SIDE = 80;
var LARGE = 200;
var SHOWN = 40;
var WHY = { other: "answered “other”", unsure: "unsure", flagged: "flagged: not in the taxonomy" };
var SIGNS = { other: "", unsure: "?", flagged: "⚑" };
function render(el, session) {
  const refocus = () => grid.element.focus({ preventScroll: true });
  const header = buildTop(session, () => help.toggle());
  const strip = buildClusters(session, refocus);
  const grid = buildGrid(session);
  const face = h(
    "div",
    { class: "hitl-triage-face" },
    h("div", { class: "hitl-sign", "aria-hidden": "true" }),
    h("h3", { class: "hitl-face-title" }),
    h("p", { class: "hitl-face-words", role: "status" })
  );
  const large = buildLarge(session);
  const say = buildSay(session, refocus);
  const help = buildHelp(session, { refocus, first: [
    [["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"], "from item to item"],
    [["1", "…", "0", "letters"], "give the label with that key to what is selected, or to the whole group"],
    [["Ctrl", "A"], "select the whole group, or nothing"]
  ] });
  const notice = h("span", { class: "hitl-notice" });
  const pending = h("span", { class: "hitl-quiet" });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const body = h(
    "div",
    { class: "hitl-triage-body" },
    h("div", { class: "hitl-triage-left" }, strip.element, grid.element, face),
    h("div", { class: "hitl-side hitl-triage-side" }, large.element, say.element),
    help.help
  );
  const root = h("div", {
    class: "hitl-card hitl-triage",
    role: "region",
    "aria-label": "Triage",
    "data-lm-suppress-shortcuts": "true",
    "data-pending": "0",
    "data-unplaced": ""
  }, header.element, body, h("div", { class: "hitl-footer" }, notice, pending), live);
  const actions = {
    select: () => {
      if (session.focus) session.go(session.focus, { toggle: true });
    },
    new_label: () => session.startMaking(),
    leave_out: () => session.leaveOut(),
    send_back: () => session.sendBack(),
    undo: () => session.undo(),
    next_page: () => session.turn(1),
    previous_page: () => session.turn(-1),
    regroup: () => session.regroup(),
    search: () => say.search(),
    help: () => help.toggle()
  };
  root.addEventListener("click", (event) => {
    const name = (
      /** @type {HTMLElement} */
      event.target.closest("button")?.dataset.does
    );
    if (!name) return;
    actions[name]?.();
    if (!["new_label", "search", "help"].includes(name)) refocus();
  });
  function onKey(event) {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (event.key === "Escape") {
      event.preventDefault();
      if (!help.help.hidden) return help.toggle(false);
      const inside = target.closest("input, textarea") !== null;
      if (!session.escape() && !inside) return handBack(root);
      return refocus();
    }
    if (!help.help.hidden) {
      if (event.key === "?") help.toggle(false);
      return;
    }
    if (target.closest("input, textarea")) return;
    if (target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
    if (event.altKey || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() === "a") {
        event.preventDefault();
        session.selectAll();
      }
      if (event.key.toLowerCase() === "z") {
        event.preventDefault();
        session.undo();
      }
      return;
    }
    if (session.lead(event.key, grid.columns(), event.shiftKey)) return event.preventDefault();
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
    const key = digit && !event.shiftKey ? digit[1] : pressed(event);
    const action = session.bindings.get(key);
    if (action) {
      event.preventDefault();
      if (!event.repeat || action.endsWith("_page")) actions[action]?.();
      if (frame) update();
    } else if (/^[^\s]$/u.test(key) && !event.shiftKey) {
      event.preventDefault();
      if (!event.repeat) session.press(key);
    }
  }
  keepKeys(root, el, onKey);
  let named = null;
  let frame = 0;
  let making = false;
  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { setup, closed, gone, trouble, waited_ms, notice: word, pending: n, pages } = session;
    if (setup && setup.keys !== named) {
      named = setup.keys;
      help.update();
      nameKeys(root, setup.keys);
    }
    const empty = pages !== null && session.n === 0;
    face.hidden = pages !== null && !empty;
    grid.element.hidden = strip.element.hidden = !face.hidden;
    setText(
      /** @type {Node} */
      face.children[0],
      empty ? "✓" : "…"
    );
    setText(
      /** @type {Node} */
      face.children[1],
      empty ? "Nothing to sort" : "Grouping similar items"
    );
    setText(
      /** @type {Node} */
      face.children[2],
      empty ? "Items answered “other” or unsure, or flagged “not in the taxonomy”, appear here by themselves." : "Items that were answered “other” or unsure, or flagged, are grouped by similarity."
    );
    header.update();
    strip.update();
    grid.update();
    large.update();
    say.update();
    const text = closed ?? (gone ? "The kernel was restarted or has died. Run the notebook from the top: your changes are kept." : waited_ms > 5e3 ? `The kernel hasn't answered for ${Math.round(waited_ms / 1e3)} s: it may be running a cell. Your changes are kept.` : trouble ?? word?.text);
    setText(notice, text ?? "One undo takes back one step, for all its items.");
    notice.classList.toggle("hitl-bad", Boolean(closed || gone || trouble || word?.bad && text === word.text));
    notice.classList.toggle("hitl-quiet", !text);
    setText(pending, n ? `${n} to be stored` : "");
    setText(live, word?.text ?? "");
    if (making && !session.making && root.contains(document.activeElement)) refocus();
    making = session.making;
  }
  const stop = session.subscribe(() => {
    setAttribute(root, "data-pending", String(session.pending));
    setAttribute(root, "data-unplaced", session.pages ? String(session.n) : "");
    frame ||= requestAnimationFrame(update);
  });
  el.append(root);
  update();
  return () => {
    stop();
    cancelAnimationFrame(frame);
    root.remove();
  };
}
function buildTop(session, toggleHelp) {
  const facts = h("span", { class: "hitl-quiet" });
  const button = (does, words) => h(
    "button",
    { type: "button", class: "hitl-key-button", "data-does": does },
    capOf(does),
    h("span", { text: words })
  );
  const undo = button("undo", "Undo");
  const element = h(
    "div",
    { class: "hitl-header" },
    h("span", { class: "hitl-editor-title" }, h("strong", { text: "Triage" }), facts),
    h(
      "span",
      { class: "hitl-about" },
      undo,
      button("regroup", "Group again"),
      h("button", { type: "button", class: "hitl-key-button", onclick: () => {
        toggleHelp();
      } }, capOf("help"), h("span", { text: "Keys" }))
    )
  );
  function update() {
    const { open, pages, setup, done } = session;
    setText(facts, [
      pages ? items(session.n) : "",
      open.length > 1 ? `group ${open.indexOf(session.page) + 1} of ${open.length}` : "",
      session.words[session.page]?.join(", ") ?? "",
      setup?.annotator ?? ""
    ].filter(Boolean).join(" · "));
    const last = done.at(-1);
    setAttribute(undo, "title", last ? `Undo: ${last.words}` : null);
    setAttribute(undo, "aria-disabled", last ? null : "true");
  }
  return { element, update };
}
function buildClusters(session, refocus) {
  const list = h("div", { class: "hitl-clusters", role: "group", "aria-label": "Groups" });
  const element = h("div", { class: "hitl-clusters-row" }, capOf("previous_page"), list, capOf("next_page"));
  const built = /* @__PURE__ */ new Map();
  function update() {
    const { open, page } = session;
    for (const [at, parts] of built) if (!open.includes(at)) {
      parts.button.remove();
      built.delete(at);
    }
    open.forEach((at, i) => {
      let parts = built.get(at);
      if (!parts) {
        const canvas = h("canvas", { class: "hitl-thumb", width: 72, height: 72, "aria-hidden": "true" });
        const n = h("span", { class: "hitl-caption" });
        const button = h("button", { type: "button", class: "hitl-cluster", tabindex: "-1", onclick: () => {
          session.open_page(at);
          refocus();
        } }, canvas, n);
        parts = { button, canvas, n, drawn: null };
        built.set(at, parts);
        const next = [...built].filter(([other]) => other > at).sort((a, b) => a[0] - b[0])[0];
        list.insertBefore(button, next?.[1].button ?? null);
      }
      const tiles = session.on(at);
      const { picture } = tiles[0];
      if (parts.drawn !== picture) {
        drawSmall(parts.canvas, picture);
        parts.drawn = picture;
      }
      setText(parts.n, String(tiles.length));
      const words = session.words[at]?.join(", ") ?? "";
      setAttribute(parts.button, "aria-label", `group ${i + 1}, ${items(tiles.length)}${words && `: ${words}`}`);
      setAttribute(parts.button, "title", words || null);
      setAttribute(parts.button, "aria-current", at === page ? "true" : null);
      if (at === page) {
        const { offsetLeft, offsetWidth } = parts.button;
        if (offsetLeft < list.scrollLeft) list.scrollLeft = offsetLeft;
        else if (offsetLeft + offsetWidth > list.scrollLeft + list.clientWidth) list.scrollLeft = offsetLeft + offsetWidth - list.clientWidth;
      }
    });
  }
  return { element, update };
}
function buildGrid(session) {
  const own = `hitl-tile-${Math.random().toString(36).slice(2)}`;
  const element = h("div", { class: "hitl-grid", role: "listbox", tabindex: "0", "aria-label": "Similar items", "aria-multiselectable": "true" });
  const built = /* @__PURE__ */ new Map();
  let focused = null;
  let count = 0;
  const columns = () => Math.max(1, getComputedStyle(element).gridTemplateColumns.split(" ").length);
  element.addEventListener("click", (event) => {
    const id = (
      /** @type {HTMLElement | null} */
      /** @type {HTMLElement} */
      event.target.closest("[data-item]")?.dataset.item
    );
    element.focus({ preventScroll: true });
    if (!id) return;
    if (event.shiftKey) session.go(id, { extend: true });
    else session.go(id, { toggle: true });
  });
  function build(tile) {
    const canvas = h("canvas", { class: "hitl-thumb", width: SIDE * 2, height: SIDE * 2, "aria-hidden": "true" });
    const node = h(
      "div",
      { class: "hitl-tile", role: "option", id: `${own}-${count++}`, "data-item": tile.item_id, "aria-label": `${tile.item_id}, ${WHY[tile.why]}` },
      canvas,
      SIGNS[tile.why] ? h("span", { class: "hitl-tile-why", "aria-hidden": "true", title: WHY[tile.why], text: SIGNS[tile.why] }) : null,
      h("span", { class: "hitl-tile-tick", "aria-hidden": "true", text: "✓" })
    );
    const parts = { tile: node, canvas, drawn: (
      /** @type {unknown} */
      null
    ) };
    built.set(tile.item_id, parts);
    return parts;
  }
  function update() {
    const { shown, selected, focus } = session;
    const wanted = shown.map((tile) => (built.get(tile.item_id) ?? build(tile)).tile);
    if (wanted.length !== element.children.length || wanted.some((node, i) => node !== element.children[i])) element.replaceChildren(...wanted);
    if (built.size > 400) {
      for (const [id, parts] of built) if (!parts.tile.isConnected) built.delete(id);
    }
    for (const tile of shown) {
      const parts = (
        /** @type {{tile: HTMLElement, canvas: HTMLCanvasElement, drawn: unknown}} */
        built.get(tile.item_id)
      );
      const picture = tile.picture ?? tile.problem;
      if (parts.drawn !== picture) {
        drawSmall(parts.canvas, tile.picture);
        parts.tile.classList.toggle("hitl-tile-broken", tile.problem !== null);
        parts.drawn = picture;
      }
      setAttribute(parts.tile, "aria-selected", String(selected.has(tile.item_id)));
      parts.tile.classList.toggle("hitl-focused", tile.item_id === focus);
    }
    const at = built.get(focus ?? "")?.tile;
    setAttribute(element, "aria-activedescendant", at?.isConnected ? at.id : null);
    if (focus !== focused && at?.isConnected) {
      if (at.offsetTop < element.scrollTop) element.scrollTop = at.offsetTop - 8;
      else if (at.offsetTop + at.offsetHeight > element.scrollTop + element.clientHeight) element.scrollTop = at.offsetTop + at.offsetHeight - element.clientHeight + 8;
    }
    focused = focus;
  }
  return { element, update, columns };
}
function buildLarge(session) {
  const canvas = h("canvas", { class: "hitl-thumb", width: LARGE * 2, height: LARGE * 2, role: "img", "aria-label": "The item in focus" });
  const id = h("p", { class: "hitl-large-id" });
  const why = h("p", { class: "hitl-quiet" });
  const note = h("p", { class: "hitl-why" });
  const element = h("section", { class: "hitl-large", "aria-label": "The item in focus" }, canvas, h("div", {}, id, why, note));
  let drawn = null;
  function update() {
    const { tile } = session;
    element.hidden = !tile;
    if (!tile) return;
    const picture = tile.large ?? tile.picture;
    if (drawn !== picture) {
      drawSmall(canvas, picture);
      drawn = picture;
    }
    setText(id, tile.item_id);
    setText(why, `${WHY[tile.why]} by ${tile.annotator}${tile.problem ? `. ${tile.problem}` : ""}`);
    setText(note, tile.note ? `“${tile.note}”` : "");
    note.hidden = !tile.note;
  }
  return { element, update };
}
function buildSay(session, refocus) {
  const title = h("h3", { class: "hitl-form-title" });
  const box = h("input", {
    class: "hitl-search",
    type: "search",
    placeholder: "Search labels",
    "aria-label": "Search labels",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => draw(),
    onblur: () => {
      box.value = "";
      draw();
    },
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const [first] = found();
      if (first && box.value) {
        session.assign(first.label_id);
        refocus();
      }
    }
  });
  const columns = h("div", { class: "hitl-columns" });
  const chips = h("div", { class: "hitl-chips hitl-triage-labels", role: "group", "aria-label": "Labels" }, columns);
  const does = (action, words2) => h(
    "button",
    { type: "button", class: "hitl-key-button", "data-does": action },
    capOf(action),
    h("span", { text: words2 })
  );
  const actions = h("div", { class: "hitl-does" }, does("new_label", "New label"), does("leave_out", "Leave out"), does("send_back", "Send back"), does("select", "Select"));
  const choose = h("div", { class: "hitl-triage-choose" }, h(
    "div",
    { class: "hitl-row" },
    h("h3", { class: "hitl-title", text: "Labels" }),
    h("label", { class: "hitl-find" }, capOf("search"), box)
  ), chips, actions);
  const name = h("input", { type: "text", maxlength: "200", autocomplete: "off", spellcheck: "false" });
  const definition = h("textarea", { rows: "2", placeholder: "What makes an item this and nothing else" });
  let under = null;
  const where = buildPicker({ label: "Under", nothing: "at the top", labels: () => (
    /** @type {any} */
    session.taxonomy.places
  ), onpick: (id) => {
    under = id;
  } });
  const own = Math.random().toString(36).slice(2);
  name.id = `hitl-new-${own}`;
  definition.id = `hitl-means-${own}`;
  const words = h("p", { class: "hitl-quiet" });
  const form = h(
    "form",
    { class: "hitl-form", "aria-label": "New label", onsubmit: (event) => {
      event.preventDefault();
      if (!name.value.trim()) return name.focus();
      session.make(name.value, under, definition.value);
      refocus();
    } },
    h("div", { class: "hitl-field" }, h("label", { for: name.id, text: "Name" }), name),
    where.element,
    h("div", { class: "hitl-field" }, h("label", { for: definition.id, text: "Definition" }), definition),
    words,
    h(
      "div",
      { class: "hitl-form-actions" },
      h("button", { class: "hitl-key-button", type: "button", onclick: () => {
        session.escape();
        refocus();
      } }, cap("Escape"), h("span", { text: "Cancel" })),
      h("button", { class: "hitl-primary", type: "submit" }, h("span", { text: "Create" }), cap("Enter"))
    )
  );
  const element = h("section", { class: "hitl-triage-say", "aria-label": "What to do with these items" }, title, choose, form);
  let making = false;
  let drawn = "";
  const found = () => {
    const labels = session.taxonomy.labels.filter((label) => label.label_id !== session.taxonomy.other);
    return box.value ? match(labels, box.value, { limit: SHOWN }) : labels.slice(0, SHOWN);
  };
  function draw() {
    const labels = found();
    const now = labels.map((label) => `${label.label_id} ${label.name} ${session.keys.get(label.label_id)} ${label.colour}`).join("\n") + box.value;
    if (now === drawn) return;
    drawn = now;
    let group;
    columns.replaceChildren(...labels.flatMap((label, i) => {
      const heading = box.value || label.group === group ? [] : [h("div", { class: "hitl-group", text: label.group ?? "" })];
      if (heading.length) group = label.group;
      const key = session.keys.get(label.label_id) ?? "";
      const dot = h("span", { class: `hitl-swatch${label.colour ? "" : " hitl-no-colour"}`, "aria-hidden": "true" });
      if (label.colour) dot.style.background = label.colour;
      return [...heading, h(
        "button",
        {
          type: "button",
          class: `hitl-chip${box.value && i === 0 ? " hitl-marked" : ""}`,
          tabindex: "-1",
          title: label.definition ?? label.path,
          "aria-keyshortcuts": key || false,
          onmousedown: (event) => event.preventDefault(),
          onclick: () => {
            session.assign(label.label_id);
            refocus();
          }
        },
        h("kbd", { class: `hitl-cap${key ? "" : " hitl-nokey"}`, text: key.toUpperCase() }),
        dot,
        h("span", { class: "hitl-name", text: box.value ? label.path : label.name })
      )];
    }));
  }
  function update() {
    const { about, shown, selected } = session;
    element.hidden = !about.length;
    const n = about.length;
    setText(title, selected.size ? `${selected.size} selected of ${shown.length}` : n === 1 ? "This item" : `All ${n} of this group`);
    choose.hidden = session.making;
    form.hidden = !session.making;
    setText(words, `${items(n)} get this label${n > 6 ? "; six of them become its examples" : " and become its examples"}.`);
    if (session.making && !making) {
      name.value = definition.value = "";
      under = null;
      where.show(null);
      where.box.value = "";
      if (element.closest(".hitl-triage")?.contains(document.activeElement)) name.focus();
    }
    making = session.making;
    draw();
  }
  return { element, update, search: () => box.focus() };
}

// hitl_widgets/widgets/js/triage.js
var triage_default = widget((line) => new TriageSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => (/* @__PURE__ */ new Date()).toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode
}), render);
export {
  triage_default as default
};
