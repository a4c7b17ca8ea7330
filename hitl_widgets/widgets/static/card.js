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
    const key3 = ROOT + "probe";
    storage.setItem(key3, "1");
    const kept = storage.getItem(key3) === "1";
    storage.removeItem(key3);
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
      const key3 = this.storage.key(i) ?? "";
      if (!key3.startsWith(place)) continue;
      if (!key3.startsWith(mine)) {
        this.others++;
        continue;
      }
      try {
        const { act: act3, n } = JSON.parse(this.storage.getItem(key3) ?? "");
        if (act3?.decision_id && !this.entries.has(act3.decision_id)) left.push({ act: act3, n, sent_at: null, tries: 0 });
      } catch {
      }
    }
    const all = [...this.entries.values(), ...left].sort((a, b) => a.n - b.n);
    this.entries = new Map(all.map((entry) => [entry.act.decision_id, entry]));
  }
  /** @param {A} act */
  put(act3) {
    this.last = Math.max(this.last + 1, this.now());
    this.entries.set(act3.decision_id, { act: act3, n: this.last, sent_at: null, tries: 0 });
    if (!this.storage) return;
    try {
      this.storage.setItem(this.#key(act3), JSON.stringify({ act: act3, n: this.last }));
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
    let held2 = false;
    for (const { act: act3 } of this.entries.values()) if (act3.item_id === item_id && (act3.kind === "decide" || act3.kind === "retract")) held2 = act3.kind === "decide";
    return held2;
  }
  /** @param {A} act */
  #key(act3) {
    return join([...this.owner.slice(0, 2), act3.annotator ?? "", act3.decision_id]);
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
var REPEATABLE = /* @__PURE__ */ new Set([
  "surer",
  "less_sure",
  "fainter",
  "stronger",
  "zoom_in",
  "zoom_out",
  "left",
  "right",
  "up",
  "down",
  "page_up",
  "page_down",
  "next_label",
  "previous_label",
  "earlier",
  "later"
]);
function bind(table) {
  return new Map(Object.entries(table).flatMap(([action, [keys]]) => keys.map((key3) => [key3, action])));
}
function pressed({ key: key3, shiftKey }) {
  if (key3.length > 1 || key3 === " ") return (shiftKey ? "Shift+" : "") + (key3 === " " ? "Space" : key3);
  return shiftKey && /\p{L}/u.test(key3) ? `Shift+${key3.toUpperCase()}` : key3.toLowerCase();
}
function digitOf({ code, key: key3, shiftKey }) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code)?.[1];
  return digit && !(shiftKey && code.startsWith("Digit")) && (code.startsWith("Digit") || key3 === digit) ? digit : null;
}
function read(event, bindings, { asking = false } = {}) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  const step = SCALE.indexOf(event.code);
  if (step >= 0 && (event.shiftKey || asking)) return { kind: "certainty", value: step };
  const digit = digitOf(event);
  if (digit !== null) return asking ? { kind: "certainty", value: Number(digit) } : { kind: "label", key: digit };
  if (event.key === "Escape") return { kind: "escape" };
  const key3 = pressed(event);
  const action = bindings.get(key3);
  if (action) return { kind: "do", action };
  return /^[^\s]$/u.test(key3) ? { kind: "label", key: key3 } : null;
}
function assignKeys(labels, before = /* @__PURE__ */ new Map(), bindings = /* @__PURE__ */ new Map()) {
  const present = new Set(labels.map((l) => l.label_id));
  const keys = new Map([...before].filter(([id]) => present.has(id)));
  const taken2 = new Set(before.values());
  const letters = [..."abcdefghijklmnopqrstuvwxyz"].filter((k) => !bindings.has(k));
  for (const { label_id, key: key3, letter } of [...labels].sort((a, b) => Number(!a.key) - Number(!b.key))) {
    const wanted = key3?.toLowerCase() ?? (letter === void 0 ? void 0 : letters[letter]);
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
function clashes(labels, bindings) {
  return labels.flatMap((label) => {
    const key3 = label.own_key ? label.key?.toLowerCase() ?? "" : "";
    const action = bindings.get(key3);
    return action ? [{ label, key: key3, action }] : [];
  });
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
function keyName(key3) {
  if (key3.startsWith("Shift+")) return `⇧${keyName(key3.slice(6))}`;
  return NAMES[key3] ?? (key3.length === 1 ? key3.toUpperCase() : key3);
}

// hitl_widgets/widgets/js/dom.js
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value2] of Object.entries(attributes)) {
    if (typeof value2 === "function") node.addEventListener(name.slice(2), value2);
    else if (name === "text") node.textContent = String(value2);
    else if (value2 === true) node.setAttribute(name, "");
    else if (value2 !== false) node.setAttribute(name, String(value2));
  }
  node.append(...children.filter((child) => child !== null && child !== void 0));
  return node;
}
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setAttribute(node, name, value2) {
  if (value2 === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value2) node.setAttribute(name, value2);
}
function inOrder(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
}
var cap = (key3) => h("kbd", { class: "hitl-cap", text: keyName(key3) });
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
var actionButton = (action, text, onclick) => h(
  "button",
  { class: "hitl-key-button", type: "button", tabindex: "-1", onclick },
  capOf(action),
  h("span", { text })
);

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
  const words2 = h("span", { role: "status" });
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
  }, h("span", { class: "hitl-eye", "aria-hidden": "true", text: "◉" }), words2, button);
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
    if (watching) setText(words2, session.taking ? "Taking over …" : "This notebook is open in another browser page, which has the keys. Here you only watch.");
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
  const close2 = () => {
    clearInterval(clock);
    removeEventListener("pagehide", onLeave);
    removeEventListener("pageshow", onReturn);
    model.off("msg:custom", onReply);
    feed?.off("msg:custom", onPush);
    feed?.off("comm_live_update", onLine);
  };
  return { state, close: close2 };
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
      const ends2 = [render2(el, state), buildWatching(el, state)];
      state.appear();
      return () => {
        for (const end of ends2) end?.();
      };
    }
  };
};

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
function below(sorted, limit, of = (value2) => value2) {
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
var within = (value2, most) => Math.max(0, Math.min(most, value2));
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
      const word2 = this.words.at(this.character(found.index));
      if (word2[0] >= from) return this.snapped(...word2);
      unit = this.unit(word2[1]);
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
      const written2 = this.lines.slice(0, 200).map(({ start, end }) => this.text.slice(start, Math.min(end, start + 300))).filter((line) => line.trim());
      this.code = written2.length >= 2 && written2.filter((line) => CODE.test(line)).length >= 0.5 * written2.length;
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
    const across2 = Math.max(8, Math.min(width / size, COLUMN) / 0.5);
    return this.lines.reduce((sum, { start, end }) => sum + Math.max(0.6, Math.ceil((end - start) / across2)) * size * LEADING, 0);
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
var AHEAD = 8;
var MOST_PIXELS = 32e6;
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
function decodeAhead(items, onDone, decoder = decode, side = Infinity) {
  let pixels = 0;
  for (const [i, item] of items.entries()) {
    pixels += item.height * item.width;
    if (i > 0 && (i >= AHEAD || pixels > MOST_PIXELS)) break;
    if (item.decoding || item.broken || !item.bytes) continue;
    const larger = item.small && shrunk(item.width, item.height, side) > 1.3 * shrunk(item.width, item.height, item.side ?? side);
    if (item.picture && !larger) continue;
    item.small = item.mime !== "text/plain" && shrunk(item.width, item.height, side) < 1;
    item.side = side;
    item.decoding = decoder(item, side).then(
      (picture) => {
        release(item);
        item.picture = picture;
      },
      (error) => {
        if (item.picture) return;
        item.broken = `The browser can't show this picture (${error.message}). Flag it, skip it, or answer all the same.`;
        item.undecoded = true;
      }
    ).then(() => {
      item.decoding = void 0;
      onDone(item);
    });
  }
}
function retry(items) {
  for (const item of items) {
    if (!item.undecoded) continue;
    item.undecoded = false;
    item.broken = void 0;
  }
}
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
function release(item) {
  if (item.picture && "close" in item.picture) item.picture.close();
  item.picture = void 0;
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
function smoothstep(x, from, to) {
  const t = Math.max(0, Math.min(1, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
}
var COVERS = {
  over: (strength) => smoothstep(strength, 0, 0.6),
  // the item stays visible where nothing counts
  beside: () => 1,
  hot: (strength) => smoothstep(strength, 0.15, 0.45)
  // a mask: only its opacity is used
};
function colourise(values, signed, cover = "over") {
  const words2 = wordsOf(signed, cover);
  const out = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = words2[values[i]];
  return new Uint8ClampedArray(out.buffer);
}
var WORDS = /* @__PURE__ */ new Map();
function wordsOf(signed, cover) {
  const name = `${cover} ${signed}`;
  let words2 = WORDS.get(name);
  if (!words2) {
    const rgba = new Uint8ClampedArray(256 * 4);
    for (let v = 0; v < 256; v++) {
      rgba.set((signed ? TABLES.signed : TABLES.unsigned).subarray(v * 3, v * 3 + 3), v * 4);
      rgba[v * 4 + 3] = 255 * COVERS[cover](signed ? Math.min(1, Math.abs(v - 128) / 127) : v / 255);
    }
    words2 = new Uint32Array(rgba.buffer);
    WORDS.set(name, words2);
  }
  return words2;
}
var isEmpty = (values, signed) => values.every((value2) => value2 === (signed ? 128 : 0));
function gradient(signed) {
  return `linear-gradient(90deg, ${(signed ? colours_default.signed : colours_default.unsigned).colours.join(", ")})`;
}

// hitl_widgets/widgets/js/card/regions.js
var KINDS = (
  /** @type {const} */
  ["wrong", "missing"]
);
var STROKES = 50;
var made = 0;
function encode(mask) {
  const runs = [];
  let value2 = 0;
  let from = 0;
  for (let i = 0; i <= mask.length; i++) {
    if (i < mask.length && mask[i] === value2) continue;
    runs.push(i - from);
    from = i;
    value2 = 1 - value2;
  }
  return runs;
}
function decode2(runs, n_pixels) {
  const mask = new Uint8Array(n_pixels);
  let at = 0;
  runs.forEach((run, i) => {
    if (i % 2) mask.fill(1, at, at + run);
    at += run;
  });
  return mask;
}
var Regions = class {
  /** @param {number} width @param {number} height @param {Partial<Record<Kind, RegionEntry | null>>} [before] what was marked earlier */
  constructor(width, height, before = {}) {
    this.number = ++made;
    this.width = width;
    this.height = height;
    this.masks = { wrong: new Uint8Array(width * height), missing: new Uint8Array(width * height) };
    this.counts = { wrong: 0, missing: 0 };
    for (const kind of KINDS) {
      const region = before[kind];
      if (region && region.size[0] === height && region.size[1] === width) this.#put(kind, region.runs);
    }
    this.strokes = [];
    this.begun = 0;
    this.version = 0;
  }
  /** @param {Kind} kind @param {number[]} runs */
  #put(kind, runs) {
    this.masks[kind] = decode2(runs, this.width * this.height);
    this.counts[kind] = runs.reduce((sum, run, i) => i % 2 ? sum + run : sum, 0);
  }
  /** Begins a stroke, which can be undone as a whole. */
  begin() {
    this.strokes.push({ wrong: encode(this.masks.wrong), missing: encode(this.masks.missing) });
    if (this.strokes.length > STROKES) this.strokes.shift();
    this.begun++;
  }
  /** The regions before the last stroke. @returns {Partial<Record<Kind, RegionEntry>>} */
  get before() {
    const last = this.strokes.at(-1);
    return Object.fromEntries(KINDS.flatMap((kind) => last && last[kind].length > 1 ? [[kind, { size: [this.height, this.width], runs: last[kind] }]] : []));
  }
  /** Marks a round spot, or the path to it from the last one. A pixel is of one kind only.
   * @param {Kind} kind @param {number} x @param {number} y in item pixels @param {number} radius
   * @param {{erase?: boolean, from?: {x: number, y: number}}} [how] */
  spot(kind, x, y, radius, { erase = false, from = { x, y } } = {}) {
    const value2 = erase ? 0 : 1;
    const other = kind === "wrong" ? "missing" : "wrong";
    const [dx, dy] = [x - from.x, y - from.y];
    const length2 = dx * dx + dy * dy;
    const top = Math.max(0, Math.floor(Math.min(y, from.y) - radius));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(y, from.y) + radius));
    const left = Math.max(0, Math.floor(Math.min(x, from.x) - radius));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(x, from.x) + radius));
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const [px, py] = [column + 0.5 - from.x, row + 0.5 - from.y];
        const t = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
        const under = column === Math.floor(x) && row === Math.floor(y);
        if (!under && (px - t * dx) ** 2 + (py - t * dy) ** 2 > radius * radius) continue;
        const at = row * this.width + column;
        this.counts[kind] += value2 - this.masks[kind][at];
        this.counts[other] -= this.masks[other][at];
        this.masks[kind][at] = value2;
        this.masks[other][at] = 0;
      }
    }
    this.version++;
  }
  /** Marks a whole part of the item. @param {Kind} kind @param {Parts} parts @param {number} part @param {{erase?: boolean}} [how] */
  fill(kind, parts, part, { erase = false } = {}) {
    const value2 = erase ? 0 : 1;
    const other = kind === "wrong" ? "missing" : "wrong";
    for (const at of this.#pixels(parts, part)) {
      this.counts[kind] += value2 - this.masks[kind][at];
      this.counts[other] -= this.masks[other][at];
      this.masks[kind][at] = value2;
      this.masks[other][at] = 0;
    }
    this.version++;
  }
  /** Marks characters of a text, [start, end). @param {Kind} kind @param {number} start @param {number} end @param {{erase?: boolean}} [how] */
  mark(kind, start, end, { erase = false } = {}) {
    const value2 = erase ? 0 : 1;
    const other = kind === "wrong" ? "missing" : "wrong";
    for (let at = start; at < end; at++) {
      this.counts[kind] += value2 - this.masks[kind][at];
      this.counts[other] -= this.masks[other][at];
      this.masks[kind][at] = value2;
      this.masks[other][at] = 0;
    }
    this.version++;
  }
  /** Whether all of some characters are marked. @param {Kind} kind @param {number} start @param {number} end */
  marks(kind, start, end) {
    const at = this.masks[kind].indexOf(0, start);
    return end > start && (at < 0 || at >= end);
  }
  /** The marked spans of a text, as [start, end) in order. @param {Kind} kind @returns {[number, number][]} */
  spans(kind) {
    const spans = [];
    const mask = this.masks[kind];
    for (let start = this.counts[kind] ? mask.indexOf(1) : -1; start >= 0; ) {
      const stop = mask.indexOf(0, start);
      const end = stop < 0 ? mask.length : stop;
      spans.push([start, end]);
      start = stop < 0 ? -1 : mask.indexOf(1, end);
    }
    return spans;
  }
  /** Whether all of a part is marked. @param {Kind} kind @param {Parts} parts @param {number} part */
  covers(kind, parts, part) {
    for (const at of this.#pixels(parts, part)) if (!this.masks[kind][at]) return false;
    return true;
  }
  /** The item's pixels that lie in a part. @param {Parts} parts @param {number} part */
  *#pixels(parts, part) {
    const { left, top, right, bottom } = parts.bounds[part];
    const [across2, down2] = [this.width / parts.width, this.height / parts.height];
    for (let row = Math.floor(top * down2); row < Math.min(this.height, (bottom + 1) * down2); row++) {
      for (let column = Math.floor(left * across2); column < Math.min(this.width, (right + 1) * across2); column++) {
        if (parts.at((column + 0.5) / this.width, (row + 0.5) / this.height) === part) yield row * this.width + column;
      }
    }
  }
  /** @returns {boolean} whether there was a stroke to undo */
  undo() {
    const before = this.strokes.pop();
    if (!before) return false;
    for (const kind of KINDS) this.#put(kind, before[kind]);
    this.version++;
    return true;
  }
  /** How many pixels are marked. @param {Kind} kind */
  count(kind) {
    return this.counts[kind];
  }
  /** The region as the log has it, or null where nothing is marked. @param {Kind} kind @returns {RegionEntry | null} */
  region(kind) {
    return this.counts[kind] ? { size: [this.height, this.width], runs: encode(this.masks[kind]) } : null;
  }
  /** The marks as RGBA, `times` larger: stripes for what is wrong, dots for what is missing, so that the two differ not
   * only by colour. @param {number} times @returns {{width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>}} */
  drawn(times) {
    const [width, height] = [Math.max(1, Math.round(this.width * times)), Math.max(1, Math.round(this.height * times))];
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let y = 0, at = 0; y < height; y++) {
      const row = Math.min(this.height - 1, Math.floor(y / times)) * this.width;
      for (let x = 0; x < width; x++, at += 4) {
        const i = row + Math.min(this.width - 1, Math.floor(x / times));
        if (this.masks.wrong[i]) pixels.set((x + y) % 8 < 4 ? [...REGIONS.wrong, 215] : [255, 255, 255, 120], at);
        else if (this.masks.missing[i]) pixels.set(x % 8 < 4 && y % 8 < 4 ? [...REGIONS.missing, 230] : [255, 255, 255, 120], at);
      }
    }
    return { width, height, pixels };
  }
};

// hitl_widgets/widgets/js/card/marks.js
var Marks = class {
  /** @param {Judgement | null} [before] */
  constructor(before) {
    this.reason = before?.reason ?? null;
    const [height, width] = (before?.wrong ?? before?.missing)?.size ?? [0, 0];
    this.regions = before && width ? new Regions(width, height, before) : null;
    this.method = before?.method;
    this.display = before?.display;
    this.map = before?.map ?? null;
  }
  /** The judgement as a decision stores it. */
  get judgement() {
    return { reason: this.reason, wrong: this.regions?.region("wrong") ?? null, missing: this.regions?.region("missing") ?? null };
  }
  /** Whether there is a judgement. */
  get judged() {
    return this.reason !== null || KINDS.some((kind) => this.regions?.count(kind));
  }
  /** The reason that the map shows is right, or wrong; the same judgement again removes it.
   * @param {Reason} reason @returns {string} what happened, in words */
  judge(reason) {
    if (reason === "right" && this.regions?.count("wrong")) return "A region is marked as wrong: the reason can't be right.";
    this.reason = this.reason === reason ? null : reason;
    return this.reason ? `The reason is ${reason}${reason === "wrong" ? ": the brush marks where" : ""}` : "The reason is not judged";
  }
};

// hitl_widgets/widgets/js/objects/shapes.js
var LEAST = 1;
var SIDES = (
  /** @type {const} */
  ["left", "top", "right", "bottom"]
);
var SAME = 5e-3;
var within2 = (value2, low, high) => Math.max(low, Math.min(high, value2));
function boundsOf(at) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < at.length; i += 2) {
    x0 = Math.min(x0, at[i]);
    x1 = Math.max(x1, at[i]);
    y0 = Math.min(y0, at[i + 1]);
    y1 = Math.max(y1, at[i + 1]);
  }
  return [x0, y0, x1, y1];
}
var spotsOf = (at) => Array.from({ length: at.length / 2 }, (_, i) => ({ x: at[2 * i], y: at[2 * i + 1] }));
var same = (a, b) => a.length === b.length && a.every((value2, i) => Math.abs(value2 - b[i]) < SAME);
var rounded = (at) => at.map((value2) => Math.round(value2 * 100) / 100);
function moved(at, dx, dy, [width, height]) {
  const [x0, y0, x1, y1] = boundsOf(at);
  const by_x = dx < 0 ? Math.max(dx, Math.min(0, -x0)) : Math.min(dx, Math.max(0, width - x1));
  const by_y = dy < 0 ? Math.max(dy, Math.min(0, -y0)) : Math.min(dy, Math.max(0, height - y1));
  return by_x || by_y ? at.map((value2, i) => value2 + (i % 2 ? by_y : by_x)) : at;
}
function withSide(at, side, to, [width, height]) {
  const [x0, y0, x1, y1] = at;
  if (side === "left") return [within2(to, 0, Math.max(0, x1 - LEAST)), y0, x1, y1];
  if (side === "top") return [x0, within2(to, 0, Math.max(0, y1 - LEAST)), x1, y1];
  if (side === "right") return [x0, y0, within2(to, Math.min(width, x0 + LEAST), width), y1];
  return [x0, y0, x1, within2(to, Math.min(height, y0 + LEAST), height)];
}
var sideOf = (at, side) => at[SIDES.indexOf(side)];
var pushed = (at, side, by, size) => withSide(at, side, sideOf(at, side) + by, size);
function boxBetween(a, b, [width, height]) {
  const [x0, x1] = [within2(Math.min(a.x, b.x), 0, Math.max(0, width - LEAST)), within2(Math.max(a.x, b.x), 0, width)];
  const [y0, y1] = [within2(Math.min(a.y, b.y), 0, Math.max(0, height - LEAST)), within2(Math.max(a.y, b.y), 0, height)];
  return [x0, y0, Math.max(x1, x0 + LEAST), Math.max(y1, y0 + LEAST)];
}
function boxAround({ x, y }, width, height, size) {
  const [w, h2] = [within2(width, LEAST, size[0]), within2(height, LEAST, size[1])];
  const [x0, y0] = [within2(x - w / 2, 0, size[0] - w), within2(y - h2 / 2, 0, size[1] - h2)];
  return [x0, y0, x0 + w, y0 + h2];
}
function withVertex(at, vertex, { x, y }, [width, height]) {
  return at.map((value2, i) => i === 2 * vertex ? within2(x, 0, width) : i === 2 * vertex + 1 ? within2(y, 0, height) : value2);
}
function split(at, vertex) {
  const spots = spotsOf(at);
  const [a, b] = [spots[vertex], spots[(vertex + 1) % spots.length]];
  return [...at.slice(0, 2 * vertex + 2), (a.x + b.x) / 2, (a.y + b.y) / 2, ...at.slice(2 * vertex + 2)];
}
var without = (at, vertex) => at.filter((_, i) => i >> 1 !== vertex);
function longestEdge(at) {
  const lengths = spotsOf(at).map(({ x, y }, i, all) => Math.hypot(all[(i + 1) % all.length].x - x, all[(i + 1) % all.length].y - y));
  return lengths.indexOf(Math.max(...lengths));
}
function furthest(at, dx, dy) {
  const far = spotsOf(at).map(({ x, y }) => x * dx + y * dy);
  return far.indexOf(Math.max(...far));
}
function areaOf(kind, at) {
  if (kind === "point") return 0;
  if (kind === "box") return (at[2] - at[0]) * (at[3] - at[1]);
  return Math.abs(spotsOf(at).reduce((sum, { x, y }, i, all) => sum + x * all[(i + 1) % all.length].y - all[(i + 1) % all.length].x * y, 0)) / 2;
}
var turn = (a, b, c) => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
var between = (a, b, c) => Math.min(a.x, b.x) <= c.x && c.x <= Math.max(a.x, b.x) && Math.min(a.y, b.y) <= c.y && c.y <= Math.max(a.y, b.y);
function meet(a, b, c, d) {
  const [t1, t2, t3, t4] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  if (t1 * t2 < 0 && t3 * t4 < 0) return true;
  return t1 === 0 && between(a, b, c) || t2 === 0 && between(a, b, d) || t3 === 0 && between(c, d, a) || t4 === 0 && between(c, d, b);
}
function problemOf(at) {
  const spots = spotsOf(at);
  const n = spots.length;
  if (new Set(spots.map(({ x, y }) => `${x} ${y}`)).size < n) return "has the same corner twice";
  const edges = spots.map((a, i) => ({ i, a, b: spots[(i + 1) % n], low: Math.min(a.x, spots[(i + 1) % n].x), high: Math.max(a.x, spots[(i + 1) % n].x) })).sort((one, two) => one.low - two.low);
  for (const [k, one] of edges.entries()) {
    for (let l = k + 1; l < n && edges[l].low <= one.high; l++) {
      const two = edges[l];
      const neighbours = (one.i + 1) % n === two.i || (two.i + 1) % n === one.i;
      if (!neighbours && meet(one.a, one.b, two.a, two.b)) return "crosses itself";
    }
  }
  return areaOf("polygon", at) > 0 ? null : "has no area";
}
function contains(kind, at, { x, y }) {
  if (kind === "point") return false;
  if (kind === "box") return x >= at[0] && x <= at[2] && y >= at[1] && y <= at[3];
  let inside = false;
  const spots = spotsOf(at);
  spots.forEach((a, i) => {
    const b = spots[(i + 1) % spots.length];
    if (a.y > y !== b.y > y && x < a.x + (y - a.y) * (b.x - a.x) / (b.y - a.y)) inside = !inside;
  });
  return inside;
}
function distance({ x, y }, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const t = dx || dy ? within2(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy), 0, 1) : 0;
  return Math.hypot(x - a.x - t * dx, y - a.y - t * dy);
}
function outline(kind, at) {
  if (kind !== "box") return spotsOf(at);
  const [x0, y0, x1, y1] = at;
  return [{ x: x0, y: y0 }, { x: x1, y: y0 }, { x: x1, y: y1 }, { x: x0, y: y1 }];
}

// hitl_widgets/widgets/js/objects/image.js
var MOST = 1e3;
var STEPS = 1e3;
var MOST_CERTAIN = 10;
var newMemory = () => ({ label_id: null, sizes: /* @__PURE__ */ new Map() });
function shapeOf({ id, kind, at, label_id, score = null, origin, was, certainty = null, unsure = false }) {
  const by_model = (origin ?? "model") === "model";
  return { id, kind, at, label_id, certainty, unsure, score, origin: origin ?? "model", proposal: by_model ? was ?? { at, label_id } : null };
}
var byScore = (a, b) => (a.score ?? Infinity) - (b.score ?? Infinity) || 0;
var ImageObjects = class _ImageObjects {
  /** @param {ObjectsOf} of */
  static of({ kind, size, shown, given, memory }) {
    const present = (given ?? shown).filter(({ act: act3 }) => act3 !== "deleted");
    return new _ImageObjects({ kind, size, shown: given ?? shown, list: present.map(shapeOf), answered: given !== void 0, memory }).judgedAs(given);
  }
  /** @param {ObjectsDraft | null | undefined} draft @param {Memory} [memory] @returns {ImageObjects | null} */
  static fromDraft(draft, memory) {
    if (!draft || !Array.isArray(draft.list) || !Array.isArray(draft.shown) || !draft.size) return null;
    const { kind, size, shown, list, touched, focus } = draft;
    const objects = new _ImageObjects({ kind, size, shown, list, answered: draft.answered, memory }).judgedAs(draft.reasons);
    for (const id of touched) objects.known.add(id);
    if (focus !== null) objects.take(focus);
    return objects;
  }
  /** Adds earlier judgements of explanations. @param {Iterable<{id: string, reason?: import("../messages.d.ts").ObjectReasonEntry}>} [entries] @returns {this} */
  judgedAs(entries = []) {
    for (const { id, reason } of entries) if (reason) this.reasons.set(id, new Marks(reason));
    return this;
  }
  /** @param {{kind: Shape["kind"], size: import("./types.d.ts").Size, shown: ObjectEntry[], list: readonly Shape[], answered: boolean, memory?: Memory}} of */
  constructor({ kind, size, shown, list, answered, memory = newMemory() }) {
    this.kind = kind;
    this.size = size;
    this.shown = shown;
    this.answered = answered;
    this.memory = memory;
    this.list = list;
    this.focus = null;
    this.vertex = null;
    this.drawing = null;
    this.side = null;
    this.alone = false;
    this.version = 0;
    this.known = /* @__PURE__ */ new Set();
    this.reasons = /* @__PURE__ */ new Map();
    this.steps = [];
    this.tag = "";
    this.pass = { ids: [], at: -1 };
    this.checked = /* @__PURE__ */ new WeakMap();
  }
  // What there is
  /** The object in focus. @returns {Shape | null} */
  get current() {
    return this.focus === null ? null : this.get(this.focus);
  }
  /** @param {string} id @returns {Shape | null} */
  get(id) {
    return this.list.find((object) => object.id === id) ?? null;
  }
  /** Whether an object is a proposal that was neither changed nor in focus. @param {Shape} object */
  isProposal(object) {
    return !this.answered && object.proposal !== null && !this.known.has(object.id);
  }
  /** What was done to an object. @param {Shape} object @returns {"accepted" | "moved" | "relabelled" | "added"} */
  became({ proposal, at, label_id }) {
    if (!proposal) return "added";
    return proposal.label_id !== label_id ? "relabelled" : same(proposal.at, at) ? "accepted" : "moved";
  }
  // Focus
  /** @param {string | null} id */
  take(id) {
    if (id !== this.focus) {
      this.vertex = null;
      this.side = null;
    }
    if (this.drawing && (this.drawing.how === "corners" || this.drawing.id !== id)) this.drawing = null;
    this.focus = id !== null && this.get(id) ? id : null;
    this.tag = "";
    this.version++;
    if (this.focus === null) return;
    this.known.add(this.focus);
    const { pass } = this;
    const at = pass.ids.indexOf(this.focus);
    if (at < 0) pass.ids.splice(++pass.at, 0, this.focus);
    else pass.at = at;
  }
  /** The next object, or null after the last one: then nothing is in focus. @returns {Shape | null} */
  next() {
    this.take(this.following());
    if (this.focus === null) this.pass = { ids: [], at: -1 };
    return this.current;
  }
  /** The objects in the order of Tab. @returns {Shape[]} */
  get order() {
    return [...this.list].sort(byScore);
  }
  /** The word for one object. */
  get noun() {
    return "object";
  }
  /** @returns {string | null} */
  following() {
    const { ids, at } = this.pass;
    const there = new Set(this.list.map(({ id }) => id));
    const later = ids.find((id, i) => i > at && there.has(id));
    if (later !== void 0) return later;
    const visited = new Set(ids);
    const left = this.order.filter(({ id }) => !visited.has(id));
    return (left.find(({ id }) => !this.known.has(id)) ?? left[0])?.id ?? null;
  }
  /** The one that was in focus before, or null where there is none. @returns {Shape | null} */
  previous() {
    const { ids, at } = this.pass;
    let i = this.focus === null ? at : at - 1;
    while (i >= 0 && !this.get(ids[i])) i--;
    this.take(i < 0 ? null : ids[i]);
    if (i < 0) this.pass.at = -1;
    return this.current;
  }
  // Steps
  /** Adds an undo step; one that continues the last, as with a key held down, is merged with it.
   * @param {string} tag what it is @param {readonly Shape[]} list @param {string} words that say what was done
   * @param {{goes_on?: boolean, focus?: string | null}} [how] */
  step(tag, list, words2, { goes_on = false, focus = this.focus } = {}) {
    if (!(goes_on && this.tag === tag)) this.steps.push({ list: this.list, focus: this.focus, vertex: this.vertex, words: words2 });
    if (this.steps.length > STEPS) this.steps.shift();
    this.list = list;
    if (focus !== this.focus) this.take(focus);
    if (focus !== null) this.known.add(focus);
    this.tag = tag;
    this.version++;
  }
  /** Changes the object in focus. @param {string} tag @param {Partial<Shape>} change @param {string} words @param {boolean} [goes_on] */
  change(tag, change, words2, goes_on = false) {
    const { current } = this;
    if (!current) return;
    this.step(tag, this.list.map((object) => object === current ? { ...object, ...change } : object), words2, { goes_on });
  }
  /** Moves or reshapes the object in focus. @param {string} tag @param {At} at @param {string} words @param {boolean} [goes_on]
   * @returns {boolean} whether anything changed */
  place(tag, at, words2, goes_on = false) {
    if (!this.current || at === this.current.at || at.length === this.current.at.length && at.every((value2, i) => value2 === this.current?.at[i])) return false;
    if (this.drawing && "plain" in this.drawing) this.drawing.plain = false;
    this.change(tag, { at }, words2, goes_on);
    return true;
  }
  /** The judgement of the explanation of the object in focus. @returns {Marks | null} */
  get marks() {
    if (this.focus === null) return null;
    const marks = this.reasons.get(this.focus) ?? new Marks();
    this.reasons.set(this.focus, marks);
    return marks;
  }
  /** Adds an undo step for a judgement. @param {import("../card/marks.js").Judgement} before the former judgement */
  judged(before) {
    this.step("reason", this.list, "what was said of the reason");
    this.steps[this.steps.length - 1].judged = before;
  }
  /** Whether the last step was a judgement of the explanation of the object in focus. */
  get judging() {
    const last = this.steps.at(-1);
    return last?.judged !== void 0 && last.focus === this.focus;
  }
  /** A version of all marked regions: goes up with each stroke. */
  get marked() {
    return [...this.reasons.values()].reduce((n, { regions }) => n + (regions?.version ?? 0), 0);
  }
  /** The judgement of the explanation of an object. @param {string} id @returns {import("../messages.d.ts").ObjectReasonEntry | null} */
  reasonOf(id) {
    const marks = this.reasons.get(id);
    if (!marks?.judged) return null;
    const { judgement: { reason, wrong, missing }, method, display } = marks;
    return { reason: reason ?? "wrong", ...wrong && { wrong }, ...missing && { missing }, ...method && { method }, ...display && { display } };
  }
  /** The judgements as a decision stores them, of objects that are or were on the screen. @returns {Record<string, import("../messages.d.ts").ObjectReasonEntry>} */
  get judgements() {
    const there = new Set([...this.shown, ...this.list].map(({ id }) => id));
    return Object.fromEntries([...this.reasons.keys()].flatMap((id) => {
      const reason = there.has(id) ? this.reasonOf(id) : null;
      return reason ? [[id, reason]] : [];
    }));
  }
  /** @returns {string | null} what was taken back, in words */
  undo() {
    const { drawing } = this;
    if (drawing?.how === "corners") {
      if (!drawing.spots.pop()) this.drawing = null;
      this.version++;
      return this.drawing ? "Corner taken back" : "Not drawn";
    }
    const step = this.steps.pop();
    if (!step) return null;
    this.list = step.list;
    this.drawing = null;
    this.take(step.focus);
    this.vertex = step.vertex;
    if (step.judged && step.focus !== null) this.reasons.set(step.focus, new Marks(step.judged));
    return `Taken back: ${step.words}`;
  }
  // What is said of the object in focus
  /** @param {string} label_id @returns {string | null} */
  relabel(label_id) {
    const { current, drawing } = this;
    if (drawing?.how === "corners") {
      drawing.label_id = this.memory.label_id = label_id;
      this.version++;
      return "";
    }
    if (!current) return null;
    this.memory.label_id = label_id;
    if (current.label_id === label_id) return "";
    const fits = drawing && "plain" in drawing && drawing.plain && this.kind === "box";
    const [x0, y0, x1, y1] = boundsOf(current.at);
    const at = fits ? boxAround({ x: (x0 + x1) / 2, y: (y0 + y1) / 2 }, ...this.usual(label_id), this.size) : current.at;
    this.change("relabel", { label_id, at }, "another label");
    return "";
  }
  /** @param {number | null} certainty @returns {string | null} */
  rate(certainty) {
    if (!this.current) return null;
    if (certainty !== this.current.certainty) this.change("certainty", { certainty }, "certainty");
    return certainty === null ? "No certainty" : `Certainty ${certainty} for this ${this.noun}`;
  }
  /** @param {1 | -1} by @returns {string | null} */
  nudge(by) {
    if (!this.current) return null;
    const now = this.current.certainty;
    return this.rate(now === null ? by > 0 ? MOST_CERTAIN : MOST_CERTAIN - 1 : Math.max(0, Math.min(MOST_CERTAIN, now + by)));
  }
  /** @returns {string | null} */
  unsure() {
    if (!this.current) return null;
    const unsure = !this.current.unsure;
    this.change("unsure", { unsure }, "unsure");
    return unsure ? `Unsure of this ${this.noun}` : `Sure of this ${this.noun} again`;
  }
  /** Deletes the object in focus, and focuses the next one. @returns {string | null} */
  remove() {
    const { current } = this;
    if (!current) return null;
    const list = this.list.filter((object) => object !== current);
    this.step("delete", list, "deleted");
    this.drawing = null;
    this.take(this.following());
    return "Deleted";
  }
  /** @param {At} at @param {string} label_id @returns {Shape | null} null: there are too many */
  add(at, label_id) {
    if (this.list.length >= MOST) return null;
    const object = { id: newId(), kind: this.kind, at, label_id, certainty: null, unsure: false, score: null, origin: "person", proposal: null };
    this.memory.label_id = label_id;
    this.step("add", [...this.list, object], "added", { focus: object.id });
    return object;
  }
  /** How wide and high a new box of a label is: the median of those here, or of the last item, or a twelfth of the item.
   * @param {string} label_id @returns {[number, number]} */
  usual(label_id) {
    return this.#median(label_id) ?? this.memory.sizes.get(label_id) ?? [this.size[0] / 12, this.size[1] / 12];
  }
  /** @param {string} label_id @returns {[number, number] | null} */
  #median(label_id) {
    const fresh = this.drawing && "id" in this.drawing ? this.drawing.id : null;
    const bounds = this.list.filter((object) => object.label_id === label_id && object.id !== fresh).map(({ at }) => boundsOf(at));
    if (!bounds.length) return null;
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    return [middle(bounds.map(([x0, , x1]) => x1 - x0)), middle(bounds.map(([, y0, , y1]) => y1 - y0))];
  }
  /** Remembers the sizes of the boxes for the next item; to be called when the item is decided. */
  remember() {
    for (const label_id of new Set(this.list.map((object) => object.label_id))) {
      const median = this.#median(label_id);
      if (median) this.memory.sizes.set(label_id, median);
    }
  }
  // What is stored
  /** Why it can't be decided as it is. @returns {string | null} */
  get problem() {
    if (this.drawing?.how === "corners") return "A polygon isn't closed yet: Enter closes it, Esc gives it up.";
    const bad = this.kind === "polygon" ? this.list.find((object) => this.problemWith(object)) : void 0;
    return bad ? `A polygon ${this.problemWith(bad)}: move or remove a corner, or delete it.` : null;
  }
  /** @param {Shape} object @returns {string | null} */
  problemWith(object) {
    if (object.kind !== "polygon" || object.proposal && object.at === object.proposal.at) return null;
    let problem = this.checked.get(object);
    if (problem === void 0) this.checked.set(object, problem = problemOf(object.at));
    return problem;
  }
  /** @returns {Given[]} */
  get sent() {
    const before = new Map(this.shown.map((entry) => [entry.id, entry.at]));
    return this.list.map(({ id, kind, at, label_id, certainty, unsure }) => {
      const shown = before.get(id);
      return {
        id,
        kind,
        at: shown && same(shown, at) ? [...shown] : rounded(at),
        label_id,
        ...certainty === null ? {} : { certainty },
        ...unsure ? { unsure: (
          /** @type {const} */
          true
        ) } : {}
      };
    });
  }
  /** What was on the screen before the person acted, for the log. */
  get seen() {
    return this.shown.filter(({ act: act3 }) => act3 !== "deleted").map(({ id, kind, at, label_id, score, origin, was }) => ({
      id,
      kind,
      at,
      label_id,
      score: score ?? null,
      ...origin ? { origin } : {},
      ...was ? { was } : {}
    }));
  }
  /** Ids of objects that were in focus or changed, and are or were on the screen. @returns {string[]} */
  get touched() {
    const there = new Set([...this.shown, ...this.list].map(({ id }) => id));
    return [...this.known].filter((id) => there.has(id));
  }
  /** Whether anything differs from what was shown. */
  get differs() {
    const before = this.shown.filter(({ act: act3 }) => act3 !== "deleted");
    if (before.length !== this.list.length) return true;
    const shapes = new Map(this.list.map((object) => [object.id, object]));
    return before.some((entry) => {
      const now = shapes.get(entry.id);
      return !now || now.label_id !== entry.label_id || !same(now.at, entry.at);
    });
  }
  /** @returns {"accept" | "correct" | "answer"} */
  get verdict() {
    return this.seen.length === 0 ? "answer" : this.differs ? "correct" : "accept";
  }
  /** Whether nothing was in focus or changed, so that no draft is needed. */
  get empty() {
    return this.known.size === 0 && this.steps.length === 0;
  }
  /** @returns {ObjectsDraft | null} */
  toDraft() {
    if (this.empty) return null;
    const { size, kind, shown, list, touched, focus, answered } = this;
    return { size, kind, shown, list: [...list], touched, focus, answered, reasons: Object.entries(this.judgements).map(([id, reason]) => ({ id, reason })) };
  }
  // In words
  /** @param {(label_id: string) => string} nameOf @returns {string} */
  describe(nameOf) {
    const { current, drawing } = this;
    if (drawing?.how === "corners") return `Drawing ${nameOf(drawing.label_id)}: ${counted(drawing.spots.length, "corner")}`;
    if (!current) return this.list.length ? `${counted(this.list.length, this.noun)}, none in focus` : `No ${this.noun}s`;
    const place = this.order.indexOf(current) + 1;
    const became2 = this.became(current);
    return [
      `${place} of ${this.list.length}: ${nameOf(current.label_id)}`,
      current.score === null ? "added" : `score ${current.score.toFixed(2)}`,
      became2 === "moved" || became2 === "relabelled" ? became2 : "",
      current.certainty === null ? "" : `certainty ${current.certainty}`,
      current.unsure ? "unsure" : "",
      this.reasons.get(current.id)?.reason ? `reason ${this.reasons.get(current.id)?.reason}` : "",
      this.problemWith(current) ?? "",
      this.vertex === null ? "" : `corner ${this.vertex + 1} of ${current.at.length / 2}`
    ].filter(Boolean).join(", ");
  }
  /** @returns {string} */
  words() {
    const counts = { accepted: 0, moved: 0, relabelled: 0, added: 0 };
    for (const object of this.list) counts[this.became(object)]++;
    const there = new Set(this.list.map(({ id }) => id));
    const deleted = this.seen.filter(({ id }) => !there.has(id)).length;
    const parts = Object.entries({ ...counts, deleted }).filter(([, n]) => n).map(([what, n]) => `${n} ${what === "accepted" ? "as proposed" : what}`);
    return `${counted(this.list.length, this.noun)}${parts.length ? `: ${parts.join(", ")}` : ""}`;
  }
};
var counted = (n, what) => `${n || "no"} ${what}${n === 1 ? "" : "s"}`;

// hitl_widgets/widgets/js/objects/keys.js
var STEP = 1;
var FAR = 10;
var FINE = 0.1;
var JUMPS = 64;
var ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
var EDGES = { ArrowLeft: ["left", "right"], ArrowRight: ["right", "left"], ArrowUp: ["top", "bottom"], ArrowDown: ["bottom", "top"] };
var FIXED = [
  [["Tab", "⇧", "Tab"], "the next object, lowest score first, and back; after the last one Tab leaves the card"],
  [["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "move the object in focus by 1 pixel, with ⇧ by 10"],
  [["Alt", "ArrowRight"], "pull the side there outwards; with ⇧ push the opposite side the same way. On a polygon: move a corner"],
  [["Escape"], "leave the corner, then the object: keys apply to the item again"]
];
var ACTIONS = {
  draw: [["n"], "a new object of the label used last: arrows move it, Space, arrows size it, Space; a polygon: Space sets each corner, Enter closes it"],
  delete: [["x", "Delete"], "delete the object in focus"],
  next_corner: [["v"], "a polygon's next corner; arrows move it"],
  previous_corner: [["Shift+V"], "a polygon's previous corner"],
  add_corner: [["i"], "add a corner, in the middle of the next edge"],
  remove_corner: [["Shift+X"], "remove the corner; at least three remain"]
};
function key(objects, event) {
  if (event.ctrlKey || event.metaKey) return null;
  if (ARROWS[event.key]) return arrow(objects, event);
  if (event.altKey) return null;
  if (event.key === "Tab") return tab(objects, event);
  if (event.key === "Escape") return escape(objects);
  if (!objects.drawing || event.shiftKey) return null;
  if (event.key === " ") return event.repeat ? "" : confirm(objects);
  if (event.key === "Enter") return event.repeat ? "" : finish(objects);
  return event.key === "Backspace" && objects.drawing.how === "corners" ? objects.undo() : null;
}
function act(objects, action, around = {}) {
  if (action === "draw") return draw(objects, around);
  if (objects.drawing?.how === "corners") return action in ACTIONS ? "Close the polygon first (Enter), or give it up (Esc)" : null;
  if (action === "delete") return objects.remove();
  const { current, vertex } = objects;
  if (!current || current.kind !== "polygon") return null;
  const n = current.at.length / 2;
  if (action === "next_corner" || action === "previous_corner") {
    objects.vertex = vertex === null ? 0 : (vertex + (action === "next_corner" ? 1 : n - 1)) % n;
    objects.tag = "";
    objects.version++;
    return "";
  }
  if (action === "add_corner") {
    const after = vertex ?? longestEdge(current.at);
    objects.place("corner", split(current.at, after), "a corner added");
    objects.vertex = after + 1;
    return "";
  }
  if (action !== "remove_corner") return null;
  if (vertex === null) return "Choose a corner first (v)";
  if (n <= 3) return "A polygon has three corners at least";
  objects.place("corner", without(current.at, vertex), "a corner taken away");
  objects.vertex = vertex % (n - 1);
  return "";
}
function tab(objects, { shiftKey, repeat }) {
  if (objects.drawing?.how === "corners") return finish(objects);
  if (repeat && objects.focus !== null) return "";
  return (shiftKey ? objects.previous() : objects.next()) ? "" : null;
}
function escape(objects) {
  const { drawing } = objects;
  if (drawing?.how === "corners") objects.drawing = null;
  else if (drawing) while (objects.get(drawing.id) && objects.undo() !== null) ;
  else if (objects.vertex !== null) objects.vertex = null;
  else if (objects.focus !== null) objects.take(null);
  else return null;
  objects.version++;
  return drawing ? "Not drawn" : "";
}
function arrow(objects, { key: name, shiftKey, altKey, repeat = false }) {
  const { drawing, current, size } = objects;
  const [dx, dy] = ARROWS[name];
  const jump = shiftKey ? drawing && "plain" in drawing || drawing?.how === "corners" ? Math.max(FAR, Math.round(Math.max(...size) / JUMPS)) : FAR : STEP;
  if (drawing?.how === "corners") {
    const { x, y } = drawing.cursor;
    drawing.cursor = { x: within2(x + dx * jump, 0, size[0]), y: within2(y + dy * jump, 0, size[1]) };
    objects.version++;
    return "";
  }
  if (!current) return null;
  const tag = `${name} ${shiftKey} ${altKey}`;
  const { at } = current;
  if (current.kind === "box" && (altKey || drawing?.how === "sizing")) {
    const side = altKey ? EDGES[name][shiftKey ? 1 : 0] : dx ? "right" : "bottom";
    objects.place(tag, pushed(at, side, (dx + dy) * (altKey ? STEP : jump), size), "a side moved", repeat);
    objects.side = side;
  } else if (current.kind === "polygon" && (altKey || objects.vertex !== null)) {
    objects.vertex ??= furthest(at, dx, dy);
    objects.version++;
    const { x, y } = spotsOf(at)[objects.vertex];
    objects.place(tag, withVertex(at, objects.vertex, { x: x + dx * jump, y: y + dy * jump }, size), "a corner moved", repeat);
  } else {
    const by = altKey ? shiftKey ? STEP : FINE : jump;
    objects.place(tag, moved(at, dx * by, dy * by, size), "moved", repeat);
  }
  return "";
}
function beginning({ current, size }, view, width, height) {
  const whole = !view || view.width >= size[0] && view.height >= size[1];
  if (!current || !whole) {
    const { x: x2, y: y2, width: w, height: h2 } = view ?? { x: 0, y: 0, width: size[0], height: size[1] };
    return { x: x2 + w / 2, y: y2 + h2 / 2 };
  }
  const [x0, y0, x1, y1] = boundsOf(current.at);
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const gap = Math.max(2, width / 8);
  if (x1 + gap + width <= size[0]) return { x: x1 + gap + width / 2, y };
  if (x0 - gap - width >= 0) return { x: x0 - gap - width / 2, y };
  return { x, y: y1 + gap + height <= size[1] ? y1 + gap + height / 2 : Math.max(height / 2, y0 - gap - height / 2) };
}
function labelOf({ memory, current, list }, labels) {
  const wanted = [memory.label_id, current?.label_id, list[0]?.label_id, labels?.[0]];
  return wanted.find((label_id) => label_id && (!labels || labels.includes(label_id))) ?? null;
}
function draw(objects, { view, labels }) {
  if (objects.drawing?.how === "corners") return confirm(objects);
  const label_id = labelOf(objects, labels);
  if (label_id === null) return "There is no label yet";
  const [width, height] = objects.kind === "box" ? objects.usual(label_id) : [objects.size[0] / 24, objects.size[1] / 24];
  const spot = beginning(objects, view, width, height);
  if (objects.kind === "polygon") {
    objects.take(null);
    objects.drawing = { how: "corners", spots: [], cursor: spot, label_id };
    objects.version++;
    return "Arrows move the cross, Space sets a corner, Enter closes the polygon";
  }
  const object = objects.add(objects.kind === "box" ? boxAround(spot, width, height, objects.size) : [spot.x, spot.y], label_id);
  if (!object) return "There are too many objects";
  objects.drawing = { how: "placing", id: object.id, plain: true };
  return objects.kind === "box" ? "Arrows move the new box; Space, and they size it" : "Arrows move the new point; Space sets it";
}
function confirm(objects) {
  const { drawing } = objects;
  objects.version++;
  if (drawing?.how === "corners") {
    const last = drawing.spots.at(-1);
    if (last && last.x === drawing.cursor.x && last.y === drawing.cursor.y) return "Move the cross to the next corner first";
    drawing.spots.push({ ...drawing.cursor });
    return "";
  }
  if (drawing?.how === "placing" && objects.kind === "box") {
    drawing.how = "sizing";
    return "Arrows move the right and the lower side; Space when it fits";
  }
  objects.drawing = null;
  return "";
}
function finish(objects) {
  const { drawing } = objects;
  if (drawing?.how !== "corners") {
    objects.drawing = null;
    objects.version++;
    return "";
  }
  return close(objects) ? "" : "A polygon has three corners at least: Space sets one, Esc gives it up";
}
function close(objects) {
  const { drawing } = objects;
  if (drawing?.how !== "corners" || drawing.spots.length < 3) return false;
  objects.drawing = null;
  objects.add(drawing.spots.flatMap(({ x, y }) => [x, y]), drawing.label_id);
  return true;
}

// hitl_widgets/widgets/js/text/span_keys.js
var FIXED2 = [
  [["ArrowLeft", "ArrowRight"], "select the word before or after; ↑ and ↓ the one a line above or below"],
  [["Space", "⇧", "Space"], "one word more, one word less: of what is selected, or of the span in focus"],
  [["⇧", "ArrowLeft", "ArrowRight"], "one character more or less at the end that the keys move"],
  [["Alt", "ArrowLeft", "ArrowRight"], "pull the start or the end outwards by a word; with ⇧ push the opposite end the same way"],
  [["Alt", "ArrowUp", "ArrowDown"], "select the sentence before or after"],
  [["Tab", "⇧", "Tab"], "the next span, and the one before; after the last one Tab leaves the card"],
  [["Escape"], "deselect: keys apply to the text again"]
];
function key2(spans, event, page = {}) {
  if (event.ctrlKey || event.metaKey) return null;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") return across(spans, event, page);
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    if (event.shiftKey) return null;
    return down(spans, event.key === "ArrowDown" ? 1 : -1, event.altKey, page);
  }
  if (event.altKey) return null;
  if (event.key === " ") return spans.range ? (byWord(spans, spans.hand, !event.shiftKey, event.repeat), "") : word(spans, 1, page);
  if (event.key === "Tab") return event.repeat && spans.focus !== null ? "" : (event.shiftKey ? spans.previous() : spans.next()) ? "" : null;
  if (event.key !== "Escape" || !spans.range) return null;
  spans.release();
  return "";
}
function act2(spans, action, { labels } = {}) {
  if (action === "draw") return spans.draw(labelOf(spans, labels));
  if (action === "delete") return spans.remove();
  if (action === "other_end") return spans.turn();
  return action === "widen" ? spans.widen() : null;
}
function across(spans, { key: name, shiftKey, altKey, repeat }, page) {
  const at = spans.range?.[spans.hand === "end" ? 1 : 0] ?? beginning2(spans, page);
  const to_right = name === "ArrowRight";
  const leftwards = page.leftwards?.(Math.max(0, spans.range?.[0] ?? at)) ?? false;
  const by = to_right === leftwards ? -1 : 1;
  if (altKey) {
    if (!spans.range) return word(spans, by, page);
    const end = by > 0 === !shiftKey ? "end" : "start";
    byWord(spans, end, !shiftKey, repeat);
    return "";
  }
  if (shiftKey) return byCharacter(spans, by, at, repeat);
  return word(spans, by, page);
}
var beginning2 = (spans, page) => spans.caret ?? page.first?.() ?? 0;
function word(spans, by, page) {
  const { range, units } = spans;
  const from = range?.[by > 0 ? 1 : 0] ?? beginning2(spans, page);
  const found = by > 0 ? units.wordAfter(from) : units.wordBefore(from);
  if (found) spans.select(...found);
  else if (!range) return by > 0 ? "The text ends here" : "The text begins here";
  return "";
}
function byWord(spans, end, outwards, repeat) {
  const { range, units } = spans;
  if (!range) return;
  const [start, stop] = range;
  let to = null;
  if (end === "end" && outwards) {
    const here = stop > start ? units.wordAt(stop - 1) : null;
    const next = here && here[1] > stop ? here : units.wordAfter(stop);
    if (next) to = [start, next[1]];
  } else if (end === "end") {
    const last = units.wordBefore(stop);
    const left = units.wordBefore(last && last[1] === stop ? last[0] : stop);
    if (left && left[1] > start) to = [start, left[1]];
  } else if (outwards) {
    const here = units.wordAt(start);
    const next = here && here[0] < start ? here : units.wordBefore(start);
    if (next) to = [next[0], stop];
  } else {
    const next = units.wordAfter(start);
    const left = next && next[0] === start ? units.wordAfter(next[1]) : next;
    if (left && left[0] < stop) to = [left[0], stop];
  }
  if (to) spans.put(to, end, `word ${end} ${outwards}`, repeat);
}
function byCharacter(spans, by, at, repeat) {
  const { range, units, hand } = spans;
  if (!range) {
    const [start, end] = by > 0 ? [at, units.boundary(at, 1)] : [units.boundary(at, -1), at];
    if (end > start) spans.select(start, end, by > 0 ? "end" : "start");
    return "";
  }
  const to = units.boundary(at, by);
  const next = hand === "end" ? [range[0], to] : [to, range[1]];
  if (next[1] > next[0]) spans.put(next, hand, `character ${hand} ${by}`, repeat);
  return "";
}
function down(spans, by, sentences, page) {
  const { range, units } = spans;
  const at = range ?? /** @type {const} */
  [beginning2(spans, page), beginning2(spans, page)];
  if (!sentences && page.below) {
    const character = page.below(at, by);
    const found = character === null ? null : units.wordAt(character) ?? nearest(units, character);
    if (found) spans.select(...found);
    return "";
  }
  const here = units.sentences.at(by > 0 ? Math.max(at[0], at[1] - 1) : at[0]);
  const inside = by < 0 ? units.wordBefore(here[0]) : range ? units.wordAfter(here[1]) : units.wordAfter(at[0]);
  if (!inside) return "";
  if (!sentences) spans.select(...by > 0 ? inside : units.wordAfter(units.sentences.at(inside[0])[0]) ?? inside);
  else spans.select(...units.trimmed(units.sentences.at(inside[0])));
  return "";
}
function nearest(units, character) {
  const [before, after] = [units.wordBefore(character), units.wordAfter(character)];
  if (!before || !after) return before ?? after;
  return character - before[1] <= after[0] - character ? before : after;
}
var SpanPointing = class {
  /** @param {TextSpans} spans */
  constructor(spans) {
    this.spans = spans;
    this.from = null;
    this.end = null;
    this.moved = false;
    this.drags = 0;
  }
  /** @param {number} character under the pointer @param {{extends?: boolean, end?: End | null, clicks?: number}} [how] `end`: an end of the span in focus
   * is under the pointer; `clicks`: 2 for a word, 3 for a sentence */
  down(character, { extends: more = false, end = null, clicks = 1 } = {}) {
    const { spans } = this;
    const { units } = spans;
    this.drags++;
    this.moved = false;
    this.end = end;
    this.from = character;
    if (clicks > 1) {
      const range = clicks === 2 ? units.wordAt(character) ?? units.graphemes.at(character) : units.trimmed(units.sentences.at(character));
      spans.select(...range);
      this.from = null;
    } else if (more && spans.range) {
      const [start, stop] = spans.range;
      spans.put(character < start ? [units.graphemes.at(character)[0], stop] : [start, units.graphemes.at(character)[1]], character < start ? "start" : "end", "click");
      this.from = null;
    }
  }
  /** @param {number} character @returns {boolean} whether anything changed */
  moveTo(character) {
    const { spans, from, end } = this;
    if (from === null || character === from && !this.moved) return false;
    const goes_on = this.moved;
    this.moved = true;
    if (end && spans.range) {
      const [start, stop] = spans.range;
      const [low, high] = spans.units.graphemes.at(character);
      const to = end === "start" ? (
        /** @type {const} */
        [Math.min(low, spans.units.boundary(stop, -1)), stop]
      ) : (
        /** @type {const} */
        [start, Math.max(high, spans.units.boundary(start, 1))]
      );
      return spans.put(to, end, `drag ${this.drags}`, goes_on);
    }
    const range = spans.units.trimmed(spans.units.snapped(Math.min(from, character), Math.max(from, character) + 1));
    spans.select(...range, character < from ? "start" : "end");
    return true;
  }
  /** @returns {boolean} whether anything changed */
  up() {
    const { spans, from, moved: moved2, end } = this;
    this.from = null;
    this.end = null;
    if (from === null || moved2 || end) return from !== null;
    const over = spans.over(from);
    const at = over.findIndex(({ id }) => id === spans.focus);
    if (over.length) spans.take(over[(at + 1) % over.length].id);
    else spans.release(from);
    return true;
  }
};

// hitl_widgets/widgets/js/text/spans.js
var QUOTED = 40;
var asRead = (a, b) => a.at[0] - b.at[0] || b.at[1] - a.at[1];
function inBrief(quote, most = QUOTED) {
  const line = quote.replace(/\s+/gu, " ");
  const characters = line.length > most ? [...line.slice(0, 2 * most + 2)] : null;
  return characters && characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : line;
}
var TextSpans = class _TextSpans extends ImageObjects {
  /** @override @param {ObjectsOf & {units: Units}} of @returns {TextSpans} */
  static of({ size, shown, given, memory, units }) {
    const present = (given ?? shown).filter(({ act: act3 }) => act3 !== "deleted");
    return new _TextSpans({ kind: "span", size, shown: given ?? shown, list: present.map(shapeOf), answered: given !== void 0, memory, units }).judgedAs(given);
  }
  /** Null where it is of another text. @override @param {ObjectsDraft | null | undefined} draft @param {Memory} [memory] @param {Units} [units] @returns {TextSpans | null} */
  static fromDraft(draft, memory, units) {
    if (!units || !draft || !Array.isArray(draft.list) || !Array.isArray(draft.shown) || draft.size?.[0] !== units.length) return null;
    const { size, shown, list, quotes = [], touched, focus, answered } = draft;
    if (list.some(({ at }, i) => units.quote(at[0], at[1]) !== quotes[i])) return null;
    const spans = new _TextSpans({ kind: "span", size, shown, list, answered, memory, units }).judgedAs(draft.reasons);
    for (const id of touched) spans.known.add(id);
    if (focus !== null) spans.take(focus);
    return spans;
  }
  /** @param {ConstructorParameters<typeof ImageObjects>[0] & {units: Units}} of */
  constructor({ units, ...of }) {
    super(of);
    this.units = units;
    this.selection = null;
    this.caret = null;
    this.hand = "end";
    this.another = false;
    this.widened = null;
  }
  // What there is
  /** @override */
  get order() {
    return [...this.list].sort(asRead);
  }
  /** @override */
  get noun() {
    return "span";
  }
  /** The range that keys work on. @returns {Range | null} */
  get range() {
    const { current } = this;
    return current ? [current.at[0], current.at[1]] : this.selection;
  }
  /** The last span over exactly what is selected. @returns {Shape | null} */
  get under() {
    const { selection } = this;
    if (!selection || this.another) return null;
    return this.list.filter(({ at }) => at[0] === selection[0] && at[1] === selection[1]).at(-1) ?? null;
  }
  /** The text of a span. @param {Shape} span @returns {string} */
  quoteOf({ at }) {
    return this.units.quote(at[0], at[1]);
  }
  /** The spans over a character, the shortest first. @param {number} character @returns {Shape[]} */
  over(character) {
    return this.list.filter(({ at }) => at[0] <= character && character < at[1]).sort((a, b) => a.at[1] - a.at[0] - (b.at[1] - b.at[0]));
  }
  // Selection
  /** Selects characters, as far as whole graphemes go; no span is in focus then. @param {number} start @param {number} end @param {End} [hand] */
  select(start, end, hand = "end") {
    if (this.focus !== null) super.take(null);
    this.selection = this.units.snapped(start, end);
    this.caret = this.selection[hand === "end" ? 1 : 0];
    this.hand = hand;
    this.another = false;
    this.tag = "";
    this.version++;
  }
  /** Nothing is selected, nor in focus. @param {number | null} [caret] where reading goes on */
  release(caret = this.caret) {
    if (this.focus !== null) super.take(null);
    this.selection = null;
    this.another = false;
    this.caret = caret;
    this.version++;
  }
  /** The range gets another place: of the span in focus it is a step. @param {Range} to @param {End} hand @param {string} tag @param {boolean} [goes_on]
   * @returns {boolean} whether anything changed */
  put(to, hand, tag, goes_on = false) {
    const { range } = this;
    this.hand = hand;
    this.version++;
    if (range && range[0] === to[0] && range[1] === to[1]) return false;
    if (this.current) {
      this.place(tag, [...to], "moved", goes_on);
      this.caret = to[hand === "end" ? 1 : 0];
    } else this.select(to[0], to[1], hand);
    return true;
  }
  /** The whole sentence, then the line, then as it was. @returns {string | null} */
  widen() {
    const { range, units, widened } = this;
    const goes_on = Boolean(widened && range && range[0] === widened.now[0] && range[1] === widened.now[1]);
    const base = goes_on && widened ? widened.base : range ?? units.wordAfter(this.caret ?? 0);
    if (!base) return null;
    const [first] = units.sentences.at(base[0]);
    const sentence = units.trimmed([first, Math.max(units.sentences.at(base[1] - 1)[1], base[1])]);
    const line = [units.lineAt(base[0])[0], units.lineAt(base[1] - 1)[1]];
    const levels = [base];
    for (const [start, end] of [sentence, line]) {
      const [low, high] = levels[levels.length - 1];
      if (start <= low && end >= high && (start < low || end > high)) levels.push([start, end]);
    }
    const level = ((goes_on && widened ? widened.level : 0) + 1) % levels.length;
    this.put(levels[level], "end", "widen", goes_on);
    this.widened = { base, now: levels[level], level };
    return "";
  }
  /** Switches to the other end. @returns {string | null} */
  turn() {
    if (!this.range) return null;
    this.hand = this.hand === "end" ? "start" : "end";
    this.version++;
    return this.hand === "end" ? "The keys move the end now" : "The keys move the start now";
  }
  // Focus
  /** @override @param {string | null} id */
  take(id) {
    const before = this.focus;
    super.take(id);
    const { current } = this;
    if (!current) return;
    this.selection = null;
    this.another = false;
    this.caret = current.at[1];
    if (before !== id) this.hand = "end";
  }
  /** Focuses the span under the selection. @returns {boolean} whether one is in focus */
  grab() {
    if (!this.current && this.under) this.take(this.under.id);
    return this.current !== null;
  }
  /** Spans in doubt first, then in reading order. @override @returns {string | null} */
  following() {
    const { pass, order, current, selection, caret } = this;
    const due = pass.ids.find((id, i) => i > pass.at && !this.known.has(id) && this.get(id));
    if (due !== void 0) return due;
    if (current) return order[order.indexOf(current) + 1]?.id ?? null;
    const from = selection?.[0] ?? caret ?? 0;
    return order.find(({ at }) => at[0] >= from)?.id ?? null;
  }
  /** @override @returns {Shape | null} */
  next() {
    const id = this.following();
    if (id === null) this.release(null);
    else this.take(id);
    return this.current;
  }
  /** @override @returns {Shape | null} */
  previous() {
    const { order, current, selection, caret } = this;
    const from = selection?.[0] ?? caret ?? 0;
    const before = current ? order[order.indexOf(current) - 1] : order.filter(({ at }) => at[0] < from).at(-1);
    if (before) this.take(before.id);
    else this.release(null);
    return this.current;
  }
  // Steps
  /** @override @param {string} tag @param {readonly Shape[]} list @param {string} words @param {{goes_on?: boolean, focus?: string | null}} [how] */
  step(tag, list, words2, how) {
    const [n, selection] = [this.steps.length, this.selection];
    const last = this.steps[n - 1];
    super.step(tag, list, words2, how);
    const now = this.steps[this.steps.length - 1];
    if (now && now !== last) now.selection = selection;
  }
  /** @override @returns {string | null} */
  undo() {
    const step = this.steps.at(-1);
    const words2 = super.undo();
    if (words2 !== null && step && this.focus === null) {
      this.selection = step.selection ?? null;
      if (this.selection) this.caret = this.selection[1];
      this.another = false;
    }
    return words2;
  }
  // What is said of a span
  /** Changes the label of the span in focus, or of that under the selection; else makes a new span of the selection. @override @param {string} label_id @returns {string | null} */
  relabel(label_id) {
    if (this.grab()) return super.relabel(label_id);
    return this.selection ? this.mark(this.selection, label_id) : null;
  }
  /** A new span. @param {Range} range @param {string} label_id @returns {string} what is to be said */
  mark([start, end], label_id) {
    const same2 = this.list.find(({ at, label_id: other }) => at[0] === start && at[1] === end && other === label_id);
    if (same2) {
      this.take(same2.id);
      return "This span is there already";
    }
    return this.add([start, end], label_id) ? "" : "There are too many spans";
  }
  /** What is selected becomes a span of the label used last; of a span in focus, another one over the same characters. @param {string | null} label_id
   * @returns {string} what is to be said */
  draw(label_id) {
    const { range } = this;
    if (!range) return "Arrows select words; a label's key makes a span of them";
    if (this.current || this.under) {
      this.select(range[0], range[1]);
      this.another = true;
      return "Another span over these words: press its label's key";
    }
    if (label_id === null) return "There is no label yet";
    return this.mark(range, label_id);
  }
  /** @override @param {number | null} certainty @returns {string | null} */
  rate(certainty) {
    return this.grab() ? super.rate(certainty) : null;
  }
  /** @override @param {1 | -1} by @returns {string | null} */
  nudge(by) {
    return this.grab() ? super.nudge(by) : null;
  }
  /** @override @returns {string | null} */
  unsure() {
    return this.grab() ? super.unsure() : null;
  }
  /** After a proposal the next one is in focus; where the person's own span was, its words are selected. @override @returns {string | null} */
  remove() {
    if (!this.grab()) return null;
    const { current } = this;
    if (!current) return null;
    const next = this.following();
    this.step("delete", this.list.filter((span) => span !== current), "deleted");
    if (current.proposal && next !== null) this.take(next);
    else this.select(current.at[0], current.at[1]);
    return "Deleted";
  }
  // What is stored
  /** Sizes mean nothing here. @override */
  remember() {
  }
  /** @override @returns {ObjectsDraft | null} */
  toDraft() {
    const draft = super.toDraft();
    return draft && { ...draft, quotes: draft.list.map((span) => this.quoteOf(span)) };
  }
  // In words
  /** @override @param {(label_id: string) => string} nameOf @returns {string} */
  describe(nameOf) {
    const { current, selection, under, list } = this;
    if (current) return `${super.describe(nameOf)}: ${inBrief(this.quoteOf(current))}`;
    if (!selection) return list.length ? `${counted(list.length, "span")}, none in focus` : "No spans";
    return `Selected${under ? `, ${nameOf(under.label_id)}` : ""}: ${inBrief(this.units.quote(selection[0], selection[1]))}`;
  }
};

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
var beforeOf = (past) => !past || past.verdict === "skip" ? null : { label_id: past.label_id, values: past.values ?? {}, touched: past.touched ?? [] };
var Draft = class extends Marks {
  /** @param {Past} [past] the decision that is revised
   * @param {ByHand} [by_hand] what the browser kept @param {KeptObjects} [kept] and of objects */
  constructor(past, by_hand, kept) {
    super(past);
    this.before = by_hand ? by_hand.before : beforeOf(past);
    this.labels = new Map(by_hand?.labels);
    this.values = new Map(by_hand?.values);
    this.objects = null;
    this.objects_of = null;
    this.kept = kept ?? null;
    this.former = null;
    this.flags = new Set(past?.flags);
    this.note = past?.note ?? "";
  }
  /** The fields of a decision that come from the draft. */
  get said() {
    return { note: this.note.trim() || null, flags: [...this.flags], ...this.judgement };
  }
  /** @returns {ByHand} */
  get by_hand() {
    return { labels: [...this.labels], values: [...this.values], before: this.before };
  }
  /** What is kept of the objects. @returns {KeptObjects | null} */
  get kept_objects() {
    const { objects, objects_of: item } = this;
    if (!objects || !item) return this.kept;
    const drawn2 = objects.toDraft();
    return drawn2 && { objects: drawn2, screen: { blind: item.blind, model: item.model, exposure: item.exposure } };
  }
  /** Starts again from the answer just given, while its item stays on the screen. @param {Past} past */
  hold(past) {
    this.before = beforeOf(past);
    this.labels.clear();
    this.values.clear();
  }
  /** Whether the draft holds nothing. */
  get empty() {
    return (this.objects ? this.objects.empty : !this.kept && !this.former) && !this.labels.size && !this.values.size && !this.flags.size && !this.note.trim() && !this.judged;
  }
  /** @param {string} flag @returns {string} what happened, in words */
  flag(flag) {
    if (!this.flags.delete(flag)) this.flags.add(flag);
    return this.flags.has(flag) ? `${flagName(flag)}: marked, and stored with your decision` : `${flagName(flag)}: not marked`;
  }
};

// hitl_widgets/widgets/js/card/sets.js
var MARK = "+";
var NONE_OF_THEM = "none of them";
var setId = (label_ids) => MARK + [...new Set(label_ids)].sort().join(MARK);
var isSet = (label_id) => Boolean(label_id?.startsWith(MARK));
var membersOf = (label_id) => !label_id ? [] : isSet(label_id) ? label_id.slice(1).split(MARK).filter(Boolean) : [label_id];

// hitl_widgets/widgets/js/card/annotating.js
var KINDS2 = { boxes: "box", polygons: "polygon", points: "point", spans: "span" };
var OF_OBJECT = "object:";
var PACE_MS = 400;
var isOfObject = (target) => Boolean(target?.startsWith(OF_OBJECT));
function entriesOf(objects) {
  const there = new Map(objects.list.map((object) => [object.id, object]));
  const sent = new Map(objects.sent.map((given) => [given.id, given]));
  const left = objects.list.map((object) => {
    const act3 = objects.became(object);
    const { score, origin, proposal, certainty, unsure } = object;
    const reason = objects.reasonOf(object.id);
    return (
      /** @type {ObjectEntry} */
      {
        .../** @type {any} */
        sent.get(object.id),
        origin,
        act: act3,
        ...score === null ? {} : { score },
        ...proposal && act3 !== "accepted" ? { was: { at: [...proposal.at], label_id: proposal.label_id } } : {},
        ...certainty === null ? {} : { certainty },
        ...unsure ? { unsure } : {},
        ...reason && { reason }
      }
    );
  });
  const gone = objects.shown.flatMap((entry) => {
    if (there.has(entry.id) || (entry.origin ?? "model") !== "model") return [];
    const was = entry.was ?? { at: entry.at, label_id: entry.label_id };
    const reason = objects.reasonOf(entry.id);
    return [
      /** @type {ObjectEntry} */
      {
        id: entry.id,
        kind: entry.kind,
        at: was.at,
        label_id: was.label_id,
        origin: "model",
        act: "deleted",
        was,
        ...typeof entry.score === "number" ? { score: entry.score } : {},
        ...reason && { reason }
      }
    ];
  });
  return [...left, ...gone];
}
function countsOf(objects) {
  const counts = {};
  for (const { label_id } of objects) counts[label_id] = (counts[label_id] ?? 0) + 1;
  return counts;
}
var Annotating = class {
  /** @param {CardSession} session */
  constructor(session) {
    this.session = session;
    this.memory = newMemory();
    this.repeated_at = -Infinity;
    this.page = {};
  }
  /** The kind of the objects that the task asks for; null if it asks for none. @returns {Shape["kind"] | null} */
  get kind() {
    return KINDS2[this.session.setup?.task ?? ""] ?? null;
  }
  /** The word for one object. */
  get noun() {
    return this.kind === "span" ? "span" : "object";
  }
  /** Whether the task asks for objects. */
  get on() {
    return this.kind !== null;
  }
  /** The objects of the item on the screen. @returns {ImageObjects | null} */
  get objects() {
    const { item, draft, face } = this.session;
    if (!this.on || !item || face || item.fetching || item.broken || !item.width) return null;
    if (!draft.objects || draft.objects_of !== item) {
      if (this.kind === "span" && !isText(item.picture)) return null;
      draft.objects = this.#made(item, draft);
      draft.objects_of = item;
    }
    return draft.objects;
  }
  /** The objects that the kernel sent for an item, without those whose label was retired. @param {Item} item @returns {ObjectEntry[]} */
  #sent({ objects = [] }) {
    return objects.filter(({ label_id }) => this.session.labels.has(label_id));
  }
  /** The objects that the person can see: only their own if the item is blind. @param {Item} item */
  #visible(item) {
    return this.#sent(item).filter(({ origin }) => !item.blind || origin === "person");
  }
  /** @param {Item} item @param {Draft} draft @returns {ImageObjects} */
  #made(item, draft) {
    const { memory } = this;
    const kind = (
      /** @type {Shape["kind"]} */
      this.kind
    );
    const size = [item.width, item.height];
    const shown = this.#visible(item);
    const units = isText(item.picture) ? toUnits(item.picture.text) : null;
    if (draft.objects && draft.objects_of?.item_id === item.item_id && draft.objects.size.every((side, i) => side === size[i]) && !(draft.objects instanceof TextSpans && draft.objects.units.text !== units?.text)) return draft.objects;
    const kept = units ? TextSpans.fromDraft(draft.kept?.objects, memory, units) : ImageObjects.fromDraft(draft.kept?.objects, memory);
    if (kept) return this.#restored(kept, item, draft);
    if (units && draft.kept) this.session.notice = { bad: true, text: "The text has changed: the spans that you had begun don't fit it." };
    const made2 = (more) => {
      const of = { kind, size, shown, memory, ...more };
      return units ? TextSpans.of({ ...of, units }) : ImageObjects.of(of);
    };
    if (this.session.revising) return made2({ given: this.#entriesOf(this.session.revising.past, shown) });
    const before = draft.former?.filter(({ label_id }) => this.session.labels.has(label_id));
    const again = shown.some(({ origin }) => origin !== void 0);
    const objects = made2(before ? { given: before } : again ? { given: shown } : {});
    if (before) {
      objects.shown = shown;
      objects.answered = false;
    }
    const doubtful = shown.filter(({ doubt, act: act3 }) => doubt && act3 !== "deleted").map(({ id }) => id);
    if (!before && doubtful.length) {
      objects.take(doubtful[0]);
      objects.pass = { ids: doubtful, at: 0 };
      this.session.notice = { bad: false, text: `${doubtful.length === 1 ? `One ${this.noun} is` : `${doubtful.length} ${this.noun}s are`} in doubt since the labels changed: it is in focus${doubtful.length === 1 ? "" : ", and Tab leads to the next"}.` };
    }
    return objects;
  }
  /** @param {Past} past @param {ObjectEntry[]} otherwise @returns {ObjectEntry[]} */
  #entriesOf({ objects, instance }, otherwise) {
    const entries = instance ? entriesOf(instance) : objects ?? otherwise;
    return entries.filter(({ label_id }) => this.session.labels.has(label_id));
  }
  /** The objects from the browser's storage, fitted to the item as it came after a reload. @param {ImageObjects} kept @param {Item} item @param {Draft} draft @returns {ImageObjects} */
  #restored(kept, item, draft) {
    const [width, height] = [item.width / kept.size[0], item.height / kept.size[1]];
    if (width !== 1 || height !== 1) {
      const scaled = (at) => at.map((value2, i) => value2 * (i % 2 ? height : width));
      kept.list = kept.list.map((object) => ({ ...object, at: scaled(object.at), proposal: object.proposal && { ...object.proposal, at: scaled(object.proposal.at) } }));
      kept.size = [item.width, item.height];
      kept.shown = this.#visible(item);
      kept.reasons.clear();
      this.session.notice = { bad: true, text: "The image has another size now: your objects were scaled to it. Check that they fit." };
    } else if (draft.kept?.screen.blind !== item.blind) kept.shown = this.#visible(item);
    else Object.assign(item, draft.kept.screen);
    return kept;
  }
  /** Ids of all labels, in order. @returns {string[]} */
  get labels() {
    return [...this.session.labels.keys()];
  }
  /** The label of the object in focus, or of the next new one. @returns {string | null} */
  get label_id() {
    const { objects } = this;
    const { label_id } = this.memory;
    return objects?.current?.label_id ?? (label_id !== null && this.session.labels.has(label_id) ? label_id : null);
  }
  /** The target of a map: the object in focus, if a model proposed it. @returns {string | null} */
  get target() {
    const { current = null } = this.objects ?? {};
    return current?.proposal && current.origin === "model" ? OF_OBJECT + current.id : null;
  }
  /** The judgement of the explanation of the object in focus; null if no proposal is in focus. @returns {import("./marks.js").Marks | null} */
  get marks() {
    return this.target ? this.objects?.marks ?? null : null;
  }
  /** Why no explanation can be judged now. */
  get unexplained() {
    if (this.session.blind) return "This item is shown blind: its map is hidden, so no reason can be judged.";
    return this.objects?.current ? `You added this ${this.noun}: the model gives no reason for it.` : `Choose ${this.noun === "span" ? "a" : "an"} ${this.noun} first (Tab): each has a reason of its own.`;
  }
  /** @param {string} target @returns {string} */
  named(target) {
    const object = this.objects?.get(target.slice(OF_OBJECT.length));
    return object ? `this ${this.session.nameOf(object.label_id)}` : `${this.noun === "span" ? "a" : "an"} ${this.noun}`;
  }
  // Keys
  /** Reports a change of the objects. @param {string | null} words null: nothing was changed @returns {boolean} */
  done(words2) {
    if (words2 === null) return false;
    const { session } = this;
    session.touched_at = session.now();
    session.answering.wants_map = true;
    session.say(words2);
    return true;
  }
  /** A key that is always the same: Tab, arrows, Esc. @param {KeyboardEvent} event @returns {boolean} whether it was for the objects */
  key(event) {
    const { objects } = this;
    if (!objects) return false;
    return this.done(objects instanceof TextSpans ? key2(objects, event, this.page) : key(objects, event));
  }
  /** A key of the table. @param {string} action @param {import("../objects/types.d.ts").View} [view] @returns {boolean} */
  act(action, view) {
    const { objects, labels } = this;
    if (!objects) return false;
    return this.done(objects instanceof TextSpans ? act2(objects, action, { labels }) : act(objects, action, { view, labels }));
  }
  /** Whether the key that deletes, held down, goes on to the next object now. @returns {boolean} */
  goesOn() {
    const now = this.session.now();
    if (now - this.repeated_at < PACE_MS) return false;
    this.repeated_at = now;
    return true;
  }
  /** A label's key: changes the label of the object in focus, or sets that of the next new one. @param {string} label_id */
  label(label_id) {
    const { objects, session } = this;
    if (!objects) return;
    const words2 = objects.relabel(label_id);
    if (words2 === null) this.memory.label_id = label_id;
    this.done(words2 === null ? `New ${this.noun}s: ${session.nameOf(label_id)}` : words2 || session.nameOf(label_id));
  }
  /** @param {(objects: ImageObjects) => string | null} step @returns {boolean} whether the step applied to objects */
  withObjects(step) {
    return this.objects ? this.done(step(this.objects)) : false;
  }
  /** Hides the other objects while a key is held. @param {boolean} alone */
  hold(alone) {
    const { objects } = this;
    if (!objects || objects.alone === alone) return;
    objects.alone = alone;
    objects.version++;
    this.session.changed();
  }
  /** The bounds of the object in focus. */
  get bounds() {
    const { current = null } = this.objects ?? {};
    return current && current.kind !== "span" ? boundsOf(current.at) : null;
  }
  // What is stored
  /** What Enter stores. @param {boolean} guess @returns {import("./session.js").Choice | string} or why it can't be stored */
  choice(guess) {
    const { objects, session } = this;
    if (session.item?.broken) return "This item can't be shown: flag it as bad data, or skip it.";
    if (!objects) return "The item isn't here yet.";
    const unknown = objects.list.find(({ label_id: label_id2 }) => !session.labels.has(label_id2));
    if (unknown) {
      objects.take(unknown.id);
      return `The label of this ${this.noun} isn't in the taxonomy any more: press another one's key, or delete the ${this.noun}.`;
    }
    if (objects.problem) return objects.problem;
    const label_id = setId(new Set(objects.list.map((object) => object.label_id)));
    if (guess) return { verdict: "unsure", label_id, words: `Unsure, with ${objects.words()}`, guess: true };
    return { verdict: objects.verdict, label_id, words: `Stored: ${objects.words()}` };
  }
  /** The fields that a decision has for objects. @param {import("./session.js").Choice} choice @returns {Pick<import("./types.d.ts").Decide, "objects" | "size" | "touched" | "reasons">} */
  said({ verdict, guess }) {
    const { objects } = this;
    if (!objects) return {};
    const { judgements } = objects;
    const judged2 = Object.keys(judgements).length ? { reasons: judgements } : {};
    if (verdict === "skip" || verdict === "unsure" && !guess && objects.empty) return judged2;
    return { ...judged2, objects: objects.sent, size: [objects.size[0], objects.size[1]], touched: objects.touched };
  }
  /** What was on the screen, for the log. @returns {object} */
  get seen() {
    const { item } = this.session;
    const { objects } = this;
    if (!objects || !item) return {};
    return { objects: item.blind ? this.#sent(item) : objects.shown, ...item.model ? { model: item.model } : {} };
  }
  /** The fields that the page keeps of a decision on objects. @param {import("./types.d.ts").Decide} act @returns {Partial<Past>} */
  past({ objects: sent }) {
    const { objects } = this;
    if (!objects) return {};
    objects.remember();
    return { instance: objects, ...sent ? { counts: countsOf(sent) } : {} };
  }
  /** The draft of a decision that was undone or refused: its objects, with their undo steps. @param {Past} past @returns {Draft} */
  draftOf(past) {
    const draft = new Draft(past);
    if (past.instance) Object.assign(draft, { objects: past.instance, objects_of: past.item });
    else if (this.on) draft.former = past.objects ?? null;
    return draft;
  }
  /** The number of objects by label, in words. @param {Record<string, number> | undefined} [counts] by default those of the item on the screen @returns {string} */
  inWords(counts = countsOf(this.objects?.list ?? [])) {
    const names = Object.entries(counts).sort(([a], [b]) => this.labels.indexOf(a) - this.labels.indexOf(b));
    return names.map(([label_id, n]) => `${n} ${this.session.nameOf(label_id)}`).join(", ") || `no ${this.noun}s`;
  }
};

// hitl_widgets/widgets/js/card/values.js
var LONGEST2 = 8;
var STRIDE = 10;
var attributeIdOf = (target) => target.split("=", 1)[0];
var ends = ({ low = 0, high = 1 }) => ({ low, high });
var digits = ({ step = 1 }) => Math.max(0, Math.round(-Math.log10(step)));
function nearest2(attribute, number) {
  const { low, high } = ends(attribute);
  const inside = Math.max(low, Math.min(high, number));
  return attribute.kind === "ordinal" ? Math.round(inside) : Number(inside.toFixed(digits(attribute)));
}
function written(attribute, value2) {
  if (typeof value2 === "string" || attribute.kind !== "continuous") return String(value2);
  const short = value2.toFixed(digits(attribute));
  return Number(short) === value2 ? short : String(Number(value2.toFixed(4)));
}
function stepsOf(attribute) {
  if (attribute.kind === "choices") return attribute.choices ?? [];
  const { low, high } = ends(attribute);
  return attribute.kind === "ordinal" && high - low <= 10 ? Array.from({ length: high - low + 1 }, (_, i) => low + i) : [];
}
function stepped(attribute, value2, by, far = false) {
  const { choices, step = 1 } = attribute;
  if (choices) {
    const at = value2 === null ? -1 : choices.indexOf(String(value2));
    return choices[at < 0 ? by > 0 ? 0 : choices.length - 1 : Math.max(0, Math.min(choices.length - 1, at + by))];
  }
  const { low, high } = ends(attribute);
  return nearest2(attribute, typeof value2 === "number" ? value2 + by * step * (far ? STRIDE : 1) : (low + high) / 2);
}
function extreme(attribute, end) {
  if (attribute.choices) return attribute.choices[end > 0 ? attribute.choices.length - 1 : 0];
  const { low, high } = ends(attribute);
  return end > 0 ? high : low;
}
var isUnit = ({ kind, low = 0, high = 1 }) => kind === "continuous" && low >= 0 && high <= 1;
var numberOf = (attribute, text) => Number(isUnit(attribute) && !text.includes(".") ? `0.${text}` : text.replace(/^-?\.?$/, "0"));
function judged(attribute, text) {
  const { low, high } = ends(attribute);
  const number = numberOf(attribute, text);
  if (text.length > LONGEST2 || !Number.isFinite(number)) return "no";
  if (text === "-" || text === ".") return "begun";
  if (number >= low && number <= high) return "value";
  return number >= 0 && number < low && number * 10 <= high || number <= 0 && number > high && number * 10 >= low ? "begun" : "no";
}
function typed(attribute, text, key3) {
  const { choices, kind, low = 0 } = attribute;
  if (choices) {
    const choice = /^\d$/.test(key3) ? choices[(Number(key3) + 9) % 10] : void 0;
    return choice === void 0 ? null : { text: "", value: choice };
  }
  if (!(/^\d$/.test(key3) || key3 === "." && kind === "continuous" || key3 === "-" && low < 0)) return null;
  for (const next of key3 === "-" ? ["-"] : [text + key3, key3]) {
    const is = judged(attribute, next);
    if (is !== "no") return { text: next, value: is === "value" ? numberOf(attribute, next) : null };
  }
  return { text: "", value: null };
}

// hitl_widgets/widgets/js/card/answering.js
var MOVES = {
  ArrowRight: (attribute, value2) => stepped(attribute, value2, 1),
  ArrowLeft: (attribute, value2) => stepped(attribute, value2, -1),
  "Shift+ArrowRight": (attribute, value2) => stepped(attribute, value2, 1, true),
  "Shift+ArrowLeft": (attribute, value2) => stepped(attribute, value2, -1, true),
  Home: (attribute) => extreme(attribute, -1),
  End: (attribute) => extreme(attribute, 1),
  Delete: () => null
};
var Answering = class {
  /** @param {CardSession} session */
  constructor(session) {
    this.session = session;
    this.attributes = /* @__PURE__ */ new Map();
    this.hand = { item: null, field: null, text: "" };
    this.wants_map = false;
  }
  /** @param {import("../messages.d.ts").Labels} taxonomy */
  take(taxonomy) {
    this.attributes = this.session.annotating?.on ? /* @__PURE__ */ new Map() : new Map((taxonomy.attributes ?? []).map((attribute) => [attribute.attribute_id, attribute]));
  }
  /** An item may have several labels. */
  get many() {
    return this.session.setup?.task === "multilabel";
  }
  /** The task asks for attributes only. */
  get alone() {
    return this.session.setup?.task === "scale";
  }
  /** An answer is more than one label: labels, bars and values are shown in one section. */
  get merged() {
    return this.many || this.alone || this.attributes.size > 0;
  }
  // Labels
  /** The labels that the person can see suggested. @returns {Set<string> | null} */
  get proposed() {
    const { item } = this.session;
    const seen = this.many && item?.suggestion && !item.blind && !item.broken && this.session.knows(item.suggestion);
    return seen ? new Set(membersOf(item.suggestion)) : null;
  }
  /** Where a label's state comes from. @param {string} label_id @returns {{on: boolean, by: "hand" | "model" | "before" | null}} */
  state(label_id) {
    const { labels, before } = this.session.draft;
    const by_hand = labels.get(label_id);
    if (by_hand !== void 0) return { on: by_hand, by: "hand" };
    if (before?.label_id) return { on: membersOf(before.label_id).includes(label_id), by: before.touched.includes(label_id) ? "hand" : "before" };
    return { on: Boolean(this.proposed?.has(label_id)), by: this.proposed ? "model" : null };
  }
  /** The labels that are on, in the taxonomy's order. @returns {string[]} */
  get on() {
    return this.many ? [...this.session.labels.keys()].filter((label_id) => this.state(label_id).on) : [];
  }
  /** @param {string} label_id */
  toggle(label_id) {
    const { session } = this;
    const label = session.labels.get(label_id);
    if (!session.item || session.face || !label || session.early) return;
    const on = !this.state(label_id).on;
    session.draft.labels.set(label_id, on);
    session.pointed = label_id;
    session.peeked = null;
    this.hand.field = null;
    this.#touched(`${label.name}: ${on ? "on" : "off"}`);
  }
  /** Chooses a label whose attributes are asked, and goes to them. @param {string} label_id */
  select(label_id) {
    const { session } = this;
    if (session.early) return;
    session.pointed = label_id;
    session.peeked = null;
    const [first] = this.fields;
    this.#take(first?.attribute_id ?? null);
    this.#touched(`${session.labels.get(label_id)?.name}: Enter stores it`);
  }
  /** @param {string} said */
  #touched(said) {
    this.session.touched_at = this.session.now();
    this.wants_map = true;
    this.session.say(said);
  }
  // Attributes
  /** The labels whose attributes are asked. @returns {string[]} */
  get #labels() {
    if (this.many) return this.on;
    const { focused } = this.session;
    return !this.alone && focused ? [focused.label_id] : [];
  }
  /** Whether any attribute is asked for a label. @param {string} label_id */
  asks(label_id) {
    return [...this.attributes.values()].some(({ labels }) => !labels || labels.includes(label_id));
  }
  /** The attributes that are asked now. @returns {Attribute[]} */
  get fields() {
    return this.session.item ? this.#asked(this.#labels) : [];
  }
  /** The attributes that are asked for some labels. @param {string[]} of @returns {Attribute[]} */
  #asked(of) {
    return [...this.attributes.values()].filter(({ labels }) => !labels || of.some((label_id) => labels.includes(label_id)));
  }
  /** The largest number of attributes asked at once, for which room is kept. */
  get most() {
    const all = [...this.attributes.values()];
    const counts = [...this.session.labels.keys()].map((label_id) => all.filter(({ labels }) => !labels || labels.includes(label_id)).length);
    return this.many || this.alone ? all.length : Math.max(0, ...counts);
  }
  /** The active attribute, which takes the keys; null: the labels take them. @returns {Attribute | null} */
  get field() {
    const { item } = this.session;
    if (this.hand.item !== item) this.hand = { item, field: null, text: "" };
    const { fields } = this;
    return fields.find(({ attribute_id }) => attribute_id === this.hand.field) ?? (this.alone ? fields[0] ?? null : null);
  }
  /** The target of the map while an attribute is active: its value, or its suggested choice. Null: nothing is suggested for
   * it, or no attribute is active. @returns {string | null} */
  get target() {
    const { field } = this;
    const suggested = field && this.session.item?.values?.[field.attribute_id];
    return !suggested ? null : field.choices ? `${field.attribute_id}=${suggested.value}` : field.attribute_id;
  }
  /** The attribute that a map explains; null if it explains something else. @param {string | null | undefined} target @returns {Attribute | null} */
  attributeOf(target) {
    return this.attributes.get(attributeIdOf(target ?? "")) ?? null;
  }
  /** What a map of an attribute explains, in words; null if it explains something else. @param {string} target @returns {string | null} */
  mapped(target) {
    const attribute = this.attributeOf(target);
    if (!attribute) return null;
    if (attribute.choices) return [attribute.name, ...target.includes("=") ? [target.slice(target.indexOf("=") + 1)] : []].join(": ");
    const value2 = this.session.item?.values?.[target]?.value;
    return value2 === void 0 ? attribute.name : `${attribute.name} ${written(attribute, value2)}`;
  }
  /** @param {string | null} attribute_id */
  #take(attribute_id) {
    this.hand = { item: this.session.item, field: attribute_id, text: "" };
    this.session.touched_at = this.session.now();
    this.wants_map = true;
  }
  /** @param {string} attribute_id */
  hold(attribute_id) {
    this.#take(attribute_id);
    this.session.changed();
  }
  /** Goes from the labels to the attributes, from one to the next, and back to the labels. @param {1 | -1} by @returns {boolean} whether there was another */
  move(by) {
    const places = [...this.alone ? [] : [null], ...this.fields.map(({ attribute_id }) => attribute_id)];
    if (places.length < 2) return false;
    const at = places.indexOf(this.field?.attribute_id ?? null);
    this.#take(places[(at + by + places.length) % places.length]);
    this.session.changed();
    return true;
  }
  /** Back to the labels. @returns {boolean} whether an attribute was active */
  leave() {
    if (this.alone || this.session.asking || !this.field) return false;
    this.#take(null);
    this.session.changed();
    return true;
  }
  /** The given value of an attribute, or the suggested one. @param {Attribute} attribute @returns {Given | null} */
  given({ attribute_id }) {
    const { draft: { values, before }, item } = this.session;
    const by_hand = values.get(attribute_id);
    if (by_hand !== void 0) return by_hand === null ? null : { value: by_hand, by: "hand" };
    if (before) {
      const value2 = before.values[attribute_id];
      const touched = before.touched.includes(attribute_id);
      if (value2 !== void 0) return { value: value2, by: touched ? "hand" : "before" };
      if (touched) return null;
    }
    return item && !item.blind && !item.broken && item.values?.[attribute_id] ? { ...item.values[attribute_id], by: "model" } : null;
  }
  /** @param {Attribute} attribute @param {Value | null} value null: nothing is said */
  set(attribute, value2) {
    const { session } = this;
    if (!session.item || session.face || session.early) return;
    session.draft.values.set(attribute.attribute_id, value2);
    session.touched_at = session.now();
    session.say(`${attribute.name}: ${value2 === null ? "no value" : written(attribute, value2)}`);
  }
  /** Sets a value by dragging. @param {Attribute} attribute @param {number} number */
  drag(attribute, number) {
    this.#take(attribute.attribute_id);
    this.set(attribute, nearest2(attribute, number));
  }
  /** Handles a key while an attribute is active. @param {string} name as the table of keys writes it @param {string} digit the digit on it, if any
   * @param {boolean} repeat @returns {boolean} whether it was for the attribute */
  key(name, digit, repeat) {
    const attribute = this.session.face ? null : this.field;
    if (!attribute) return false;
    if ((name === "ArrowDown" || name === "ArrowUp") && this.move(name === "ArrowDown" ? 1 : -1)) return true;
    if (name === "Backspace" && (this.session.draft.values.get(attribute.attribute_id) ?? null) === null) return false;
    const step = MOVES[name === "Backspace" ? "Delete" : name];
    if (step) {
      this.hand.text = "";
      this.set(attribute, step(attribute, this.given(attribute)?.value ?? null));
      return true;
    }
    if (!digit && /^\d$/.test(name)) return false;
    const next = typed(attribute, this.hand.text, digit || name);
    if (!next) return false;
    if (repeat) return true;
    this.#take(attribute.attribute_id);
    this.hand.text = next.text;
    if (next.value === null) this.session.say(`${attribute.name}: ${next.text || "that isn't on the scale"} …`);
    else this.set(attribute, next.value);
    return true;
  }
  // What is stored
  /** The values as they stand, of the attributes that are asked. @returns {Record<string, Value>} */
  get values() {
    return this.valuesOf(this.#labels);
  }
  /** @param {string[]} of label_ids @returns {Record<string, Value>} */
  valuesOf(of) {
    return Object.fromEntries(this.#asked(of).flatMap((attribute) => {
      const given = this.given(attribute);
      return given ? [[attribute.attribute_id, given.value]] : [];
    }));
  }
  /** What Enter stores, where that isn't one label. @returns {import("./session.js").Choice | string} or why there is nothing */
  get choice() {
    const { session, values } = this;
    const label_id = this.many ? setId(this.on) : null;
    const seen = this.many ? this.proposed && setId(this.proposed) : this.#suggestedValues;
    if (this.alone && !Object.keys(values).length) return "No value is given yet: give one, or press u if you are unsure.";
    const same2 = this.many ? seen === label_id : Object.entries(values).every(([id, value2]) => this.#suggestedValues?.[id] === value2);
    const words2 = this.many ? session.nameOf(label_id) : this.inWords(values);
    if (session.guesses) return { verdict: "unsure", label_id, words: `Unsure, perhaps ${words2}`, guess: true };
    const verdict = seen === null ? "answer" : same2 ? "accept" : "correct";
    return { verdict, label_id, words: `${{ accept: "Accepted", correct: "Corrected to", answer: "Answered" }[verdict]}: ${words2}` };
  }
  /** The values that the person can see suggested. @returns {Record<string, Value> | null} */
  get #suggestedValues() {
    const { item } = this.session;
    if (!item?.values || item.blind || item.broken) return null;
    const known2 = Object.entries(item.values).filter(([id]) => this.attributes.has(id));
    return known2.length ? Object.fromEntries(known2.map(([id, { value: value2 }]) => [id, value2])) : null;
  }
  /** The fields that a decision has for labels and values. @param {import("./session.js").Choice} choice
   * @returns {Pick<import("./types.d.ts").Decide, "values" | "touched">} */
  said({ verdict, label_id, guess }) {
    if (!this.merged || verdict === "skip" || verdict === "unsure" && label_id === null && !guess) return {};
    const { draft: { labels, values, before }, pointed } = this.session;
    const of = membersOf(label_id);
    const asked = new Set(this.#asked(of).map(({ attribute_id }) => attribute_id));
    const label = !this.many && !this.alone && pointed !== null && pointed === label_id ? [pointed] : [];
    const touched = [.../* @__PURE__ */ new Set([...before?.touched ?? [], ...labels.keys(), ...label, ...values.keys()])].filter((id) => this.session.labels.has(id) || asked.has(id));
    return { ...asked.size ? { values: this.valuesOf(of) } : {}, touched };
  }
  /** The suggested values, for the log. @returns {object} */
  get seen() {
    const { item } = this.session;
    const values = Object.entries(item?.values ?? {}).filter(([id]) => this.attributes.has(id));
    if (!values.length) return {};
    return { values: Object.fromEntries(values.map(([id, { value: value2 }]) => [id, value2])), ...item?.values_model ? { values_model: item.values_model } : {} };
  }
  /** The visible values in words. */
  get suggestedWords() {
    return this.inWords(this.#suggestedValues ?? {});
  }
  /** @param {Record<string, Value>} values */
  inWords(values) {
    return Object.entries(values).map(([id, value2]) => {
      const attribute = this.attributes.get(id);
      return !attribute ? String(value2) : attribute.kind === "choices" ? String(value2) : `${attribute.name} ${written(attribute, value2)}`;
    }).join(", ");
  }
  /** The name of a label, or of a set of labels. @param {string | null} label_id @param {(label_id: string) => string} name */
  named(label_id, name) {
    if (!isSet(label_id)) return name(label_id ?? "");
    const ids = new Set(membersOf(label_id));
    const order = [...this.session.labels.keys()].filter((id) => ids.has(id));
    return [...order, ...[...ids].filter((id) => !order.includes(id))].map(name).join(", ") || NONE_OF_THEM;
  }
};

// hitl_widgets/widgets/js/text/marking.js
var Marking = class {
  /** @param {ItemText} text @param {Tinted[]} [tinted] the words with weights: the strongest is active first */
  constructor(text, tinted = []) {
    this.text = text;
    const [strongest2] = byStrength(tinted);
    this.at = (strongest2 && this.#wordOf(strongest2)) ?? text.units.wordAfter(0) ?? [0, Math.min(1, text.n)];
    this.from = this.at;
  }
  /** The active words. @returns {Range} */
  get range() {
    return [Math.min(this.at[0], this.from[0]), Math.max(this.at[1], this.from[1])];
  }
  /** The word that a token belongs to; a sign by itself is one too. @param {{start: number, end: number}} token @returns {Range} */
  #wordOf({ start, end }) {
    const word2 = this.text.units.wordAt(start);
    return word2 ? [Math.min(word2[0], start), Math.max(word2[1], end)] : [start, end];
  }
  /** @param {Range | null} word @param {boolean} [extend] the words up to it become active too */
  to(word2, extend = false) {
    if (!word2) return;
    this.at = word2;
    if (!extend) this.from = word2;
  }
  /** To the next word, or the one before. @param {1 | -1} by @param {boolean} [extend] */
  step(by, extend = false) {
    const { units } = this.text;
    this.to(by > 0 ? units.wordAfter(this.at[1]) : units.wordBefore(this.at[0]), extend);
    if (!extend) this.from = this.at;
  }
  /** To the word that counts next less, or next more. @param {1 | -1} by @param {Tinted[]} tinted */
  stronger(by, tinted) {
    const order = byStrength(tinted).map((token) => this.#wordOf(token));
    if (!order.length) return this.step(by);
    const here = order.findIndex(([start, end]) => start === this.at[0] && end === this.at[1]);
    this.to(order[here < 0 ? 0 : (here + by + order.length) % order.length]);
  }
  /** The word at a character, or the sign that is there; none at white space. @param {number} character @returns {Range | null} */
  wordAt(character) {
    const { units } = this.text;
    if (!this.text.n) return null;
    const word2 = units.wordAt(character);
    if (word2) return word2;
    const sign = units.graphemes.at(character);
    return units.quote(...sign).trim() ? sign : null;
  }
};
var byStrength = (tinted) => [...tinted].sort((a, b) => b.strength - a.strength || a.start - b.start);

// hitl_widgets/widgets/js/card/brush.js
var Brush = class {
  constructor() {
    this.kind = null;
    this.erasing = false;
    this.radius = 0.06;
    this.cursor = { x: 0, y: 0 };
    this.in_parts = false;
    this.part = 0;
    this.clearing = null;
    this.words = null;
  }
  /** Switches the brush: to mark what is wrong, then what is missing, then off. @param {Item} item @param {Marks} marks
   * @param {import("../text/view.js").Tinted[]} [tinted] the words of a text that count @returns {string} in words */
  next(item, marks, tinted = []) {
    this.kind = this.kind === null ? "wrong" : this.kind === "wrong" ? "missing" : null;
    this.erasing = false;
    marks.regions ??= new Regions(item.width, item.height);
    if (this.kind === "wrong") this.words = isText(item.picture) ? new Marking(item.picture, tinted) : null;
    if (this.kind === "wrong") this.cursor = { x: item.width / 2, y: item.height / 2 };
    return this.kind === "wrong" ? "Mark what should not have counted" : this.kind === "missing" ? "Mark what should have counted" : "The brush is put away";
  }
  /** @param {number} factor */
  resize(factor) {
    this.radius = Math.max(4e-3, Math.min(0.3, this.radius * factor));
  }
  /** Radius in item pixels. @param {Item} item */
  size(item) {
    return this.radius * Math.max(item.width, item.height);
  }
  /** Moves the brush by half its width, or to the next part. @param {Item} item @param {number} dx @param {number} dy */
  move(item, dx, dy) {
    if (this.in_parts) {
      this.part = item.parts?.next(this.part, dx, dy) ?? 0;
      return;
    }
    const step = this.size(item);
    this.cursor = {
      x: Math.max(0, Math.min(item.width - 1, this.cursor.x + dx * step)),
      y: Math.max(0, Math.min(item.height - 1, this.cursor.y + dy * step))
    };
  }
  /** Goes to the next part by number, so that every part can be reached. @param {Item} item @param {1 | -1} by */
  step(item, by) {
    if (this.in_parts && item.parts) this.part = (this.part + by + item.parts.n) % item.parts.n;
  }
  /** The pointer is over a point of the item, in its pixels. @param {Item} item @param {{x: number, y: number}} at
   * @returns {boolean} whether that is another part */
  over(item, at) {
    const part = this.in_parts && item.parts ? item.parts.at(at.x / item.width, at.y / item.height) : this.part;
    const other = part !== this.part;
    this.part = part;
    return other;
  }
  /** Marks the active part, or clears it if it was marked; the other parts of a stroke do as the first.
   * @param {Item} item @param {Marks} marks @param {boolean} begins */
  fill({ parts }, marks, begins) {
    const { regions } = marks;
    if (!this.kind || !regions || !parts) return;
    if (begins) regions.begin();
    if (begins || this.clearing === null) this.clearing = this.erasing || regions.covers(this.kind, parts, this.part);
    regions.fill(this.kind, parts, this.part, { erase: this.clearing });
    this.#judge(marks);
  }
  /** Applies the brush at its position, by a key. @param {Item} item @param {Marks} marks */
  press(item, marks) {
    if (this.words) this.#markWords(this.words, marks);
    else if (this.in_parts) this.fill(item, marks, true);
    else this.paint(item, marks, this.cursor);
  }
  /** Marks the active words, or clears them if all of them were marked. @param {Marking} words @param {Marks} marks */
  #markWords({ range: [start, end] }, marks) {
    const { regions } = marks;
    if (!this.kind || !regions) return;
    regions.begin();
    regions.mark(this.kind, start, end, { erase: this.erasing || regions.marks(this.kind, start, end) });
    this.#judge(marks);
  }
  /** A marked region implies that the reason is wrong. @param {Marks} marks */
  #judge(marks) {
    if (KINDS.some((kind) => marks.regions?.count(kind))) marks.reason = "wrong";
  }
  /** Paints from one point to the next, in item pixels; a stroke begins if no former point is given.
   * @param {Item} item @param {Marks} marks @param {{x: number, y: number}} at @param {{x: number, y: number}} [from] */
  paint(item, marks, at, from) {
    const { regions } = marks;
    if (!this.kind || !regions) return;
    if (this.in_parts) {
      if (at.x < 0 || at.y < 0 || at.x >= item.width || at.y >= item.height) return;
      if (this.over(item, at) || !from) this.fill(item, marks, !from);
      return;
    }
    if (!from) regions.begin();
    regions.spot(this.kind, at.x, at.y, this.size(item), { erase: this.erasing, from });
    this.cursor = at;
    this.#judge(marks);
  }
};

// hitl_widgets/widgets/js/card/extras.js
var Extras = class {
  /**
   * @param {Pick<import("./types.d.ts").Surroundings, "decode" | "save" | "send">} around
   * @param {{queue: Queue, changed: () => void, say: (text: string, bad: boolean) => void}} card
   */
  constructor(around, card) {
    this.around = around;
    this.card = card;
    this.examples = /* @__PURE__ */ new Map();
    this.packing = false;
  }
  /** Requests the examples of a label. @param {Label} label */
  wantExamples({ label_id, n_examples }) {
    if (!n_examples || this.examples.has(label_id)) return;
    this.examples.set(label_id, []);
    this.ask({ kind: "examples", label_ids: [label_id] });
  }
  /** Requests the whole project as a file. */
  wantArchive() {
    if (this.packing) return;
    this.packing = true;
    this.card.say("The archive is being made …", false);
    this.ask({ kind: "archive" });
  }
  /** Sends a request that the card can do without: it isn't sent again. @param {import("../messages.d.ts").CardAct} message */
  ask(message) {
    try {
      this.around.send(message);
    } catch (error) {
      console.warn("hitl_widgets: not sent:", error);
    }
  }
  /** @param {Push} push @param {ArrayBufferView[]} buffers @returns {boolean} whether it was one of these */
  take(push, buffers) {
    if (push.kind === "thumbnail") this.#thumbnail(push.item_id, buffers[0]);
    else if (push.kind === "examples") this.#examples(push.label_id, push.examples, buffers);
    else if (push.kind === "archive") this.#archive(push.name, push.problem, buffers[0]);
    else return false;
    return true;
  }
  /** @param {string} item_id @param {ArrayBufferView} bytes */
  #thumbnail(item_id, bytes) {
    const wanting = () => this.card.queue.past.filter((past) => past.item_id === item_id && !past.thumb);
    if (!wanting().length) return;
    this.#picture(bytes).then((picture) => {
      for (const past of wanting()) past.thumb = picture ?? void 0;
      this.card.changed();
    });
  }
  /** @param {string} label_id @param {Omit<Example, "picture">[]} examples @param {ArrayBufferView[]} buffers */
  #examples(label_id, examples, buffers) {
    Promise.all(examples.map(async (example, i) => ({ ...example, picture: await this.#picture(buffers[i]) }))).then((all) => {
      this.examples.set(label_id, all);
      this.card.changed();
    });
  }
  /** @param {ArrayBufferView} bytes @returns {Promise<Picture | null>} */
  async #picture(bytes) {
    if (!bytes?.byteLength || !this.around.decode) return null;
    return this.around.decode({ bytes }).catch(() => null);
  }
  /** @param {string} name @param {string | undefined} problem @param {ArrayBufferView | undefined} bytes */
  #archive(name, problem, bytes) {
    this.packing = false;
    if (problem || !bytes) return this.card.say(problem ?? "No archive came.", true);
    this.around.save?.(name, bytes);
    const size = Math.max(1, Math.round(bytes.byteLength / 1024)).toLocaleString("en");
    this.card.say(`${name}: ${size} KB handed to the browser's downloads.`, false);
  }
};

// hitl_widgets/widgets/js/card/drafts.js
var ROOT2 = "hitl_widgets/draft/";
var DAYS = 30;
var DraftStore = class {
  /** @param {Store | null} storage @param {() => number} now */
  constructor(storage, now) {
    this.storage = storage;
    this.now = now;
    this.place = "";
    this.written = /* @__PURE__ */ new Map();
  }
  /** Sets whose drafts these are. @param {string} project_id @param {string} base @param {string} annotator */
  open(project_id, base, annotator) {
    this.place = ROOT2 + [project_id, base, annotator].map(encodeURIComponent).join("/") + "/";
    this.written.clear();
    const { storage } = this;
    const keys = Array.from({ length: storage?.length ?? 0 }, (_, i) => storage?.key(i) ?? "").filter((key3) => key3.startsWith(ROOT2));
    for (const key3 of keys) if (!(this.now() - (this.#read(key3)?.at ?? 0) < DAYS * 864e5)) this.#remove(key3);
  }
  /** @param {string} item_id @param {Draft} draft */
  put(item_id, draft) {
    const looks = JSON.stringify([[...draft.flags], draft.note, draft.reason, draft.map?.target, draft.regions?.version, draft.by_hand, draft.objects?.version, draft.objects?.marked]);
    if (!this.place || looks === this.written.get(item_id)) return;
    if (draft.empty) this.drop(item_id);
    else {
      try {
        this.storage?.setItem(this.#key(item_id), JSON.stringify({ at: this.now(), said: draft.said, by_hand: draft.by_hand, kept: draft.kept_objects ?? void 0, map: draft.map ?? void 0 }));
      } catch {
      }
    }
    this.written.set(item_id, looks);
  }
  /** @param {string} item_id @returns {Draft | null} */
  draft(item_id) {
    const kept = this.place ? this.#read(this.#key(item_id)) : null;
    return kept?.said ? new Draft({ ...kept.said, map: kept.map }, kept.by_hand ?? { labels: [], values: [], before: null }, kept.kept) : null;
  }
  /** Deletes the draft of an item that was decided. @param {string} item_id */
  drop(item_id) {
    this.written.delete(item_id);
    this.#remove(this.#key(item_id));
  }
  /** @param {string} item_id */
  #key(item_id) {
    return this.place + encodeURIComponent(item_id);
  }
  /** @param {string} key @returns {{at: number, said: import("./types.d.ts").Past, by_hand?: import("./draft.js").ByHand, kept?: import("./draft.js").KeptObjects, map?: import("../messages.d.ts").ShownMap} | null} */
  #read(key3) {
    try {
      return JSON.parse(this.storage?.getItem(key3) ?? "null");
    } catch {
      return null;
    }
  }
  /** @param {string} key */
  #remove(key3) {
    try {
      this.storage?.removeItem(key3);
    } catch {
    }
  }
};

// hitl_widgets/widgets/js/card/people.js
var ROOT3 = "hitl_widgets/read/";
var People = class {
  /** @param {import("../outbox.js").Store | null} storage @param {(act: any) => void} send adds who acts, and when */
  constructor(storage, send) {
    this.storage = storage;
    this.send = send;
    this.annotator = "";
    this.place = "";
    this.threads = [];
    this.heard = false;
    this.notices = [];
    this.about = null;
    this.question = null;
    this.reading = null;
    this.aside = null;
    this.read = {};
    this.replying = null;
    this.of_label = false;
    this.unsent = "";
    this.over = /* @__PURE__ */ new Set();
  }
  /** Sets the person, and loads what they have read. @param {string} project_id @param {string} base @param {string} annotator */
  open(project_id, base, annotator) {
    const place = ROOT3 + [project_id, base, annotator].map(encodeURIComponent).join("/");
    if (place === this.place) return;
    this.place = place;
    this.annotator = annotator;
    this.aside = null;
    this.replying = null;
    this.over.clear();
    this.read = {};
    try {
      this.read = JSON.parse(this.storage?.getItem(place) ?? "{}");
    } catch {
    }
  }
  /** @param {Push} push @returns {string | null | undefined} what is news to the person, in a sentence; undefined: it wasn't for here */
  take(push) {
    if (push.kind === "threads") return this.#threads(push.threads);
    if (push.kind === "notices") this.notices = push.notices.filter(({ notice }) => !this.over.has(notice));
    else if (push.kind === "about") this.set(push.about, push.consent, push.reading, push.aside);
    else return void 0;
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
    if (!this.heard || !this.annotator) {
      this.heard = true;
      return null;
    }
    const last = this.fresh.find(({ thread, posts }) => !before.has(`${thread} ${posts.length}`))?.posts.at(-1);
    return last ? `${last.annotator} ${last.act === "ask" ? "asks" : last.act === "answer" ? "answers" : "has settled a question"}: ${last.text}` : null;
  }
  /** Threads in which somebody else had the last word, and that the person hasn't looked at since. @returns {Thread[]} */
  get fresh() {
    return this.threads.filter(({ thread, posts, settled }) => posts.length > (this.read[thread] ?? 0) && posts.at(-1)?.annotator !== this.annotator && (!settled || posts.some(({ annotator }) => annotator === this.annotator)));
  }
  /** @param {string | undefined} item_id @returns {Thread[]} */
  ofItem(item_id) {
    return item_id === void 0 ? [] : this.threads.filter((thread) => thread.item_id === item_id);
  }
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
    try {
      this.storage?.setItem(this.place, JSON.stringify(this.read));
    } catch {
    }
  }
  // What the person says
  /** @param {string} text @param {string | undefined} item_id @param {string | undefined} label_id @returns {boolean} whether there was something to send */
  write(text, item_id, label_id) {
    const words2 = text.trim();
    if (!words2) return false;
    const thread = this.threads.find((one) => one.thread === this.replying);
    if (thread) this.send({ kind: "respond", thread: thread.thread, text: words2 });
    else if (this.of_label && label_id) this.send({ kind: "ask", text: words2, label_id });
    else if (item_id) this.send({ kind: "ask", text: words2, item_id });
    else return false;
    this.replying = null;
    return true;
  }
  /** @param {Thread} thread @param {Settling} how @param {string} [label_id] */
  settle({ thread, posts }, how, label_id) {
    const answer = posts.filter(({ act: act3 }) => act3 === "answer").at(-1);
    this.send({ kind: "settle", thread, how, ...label_id ? { label_id } : {}, ...how === "sentence" && answer ? { text: answer.text } : {} });
  }
  /** @param {boolean} yes @param {string} [to] */
  consent(yes, to = this.question?.to) {
    if (!to) return;
    const policy = this.question?.policy;
    if (this.question) this.over.add(policy ?? this.question.text);
    this.question = null;
    this.send({ kind: "consent", to, yes, ...policy ? { policy } : {} });
  }
  /** @param {Notice} notice */
  dismiss({ notice }) {
    this.over.add(notice);
    this.notices = this.notices.filter((one) => one.notice !== notice);
    this.send({ kind: "dismiss", notice });
  }
  /** Takes back an act that was refused. @param {PeopleAct} act */
  refused(act3) {
    if (act3.kind === "ask" || act3.kind === "respond") this.unsent = act3.text;
    if (act3.kind === "dismiss") this.over.delete(act3.notice);
    if (act3.kind === "consent" && act3.policy) this.over.delete(act3.policy);
  }
};

// hitl_widgets/widgets/js/card/parts.js
var Parts = class {
  /** @param {number} width @param {number} height of the cells, which may be larger than the item's pixels
   * @param {Uint16Array} numbers of each cell's part, along the rows, from 0 on without gaps */
  constructor(width, height, numbers) {
    this.width = width;
    this.height = height;
    this.numbers = numbers;
    this.bounds = [];
    this.middles = [];
    for (let i = 0; i < numbers.length; i++) {
      const [x, y, part] = [i % width, Math.floor(i / width), numbers[i]];
      const bounds = this.bounds[part] ??= { left: x, top: y, right: x, bottom: y };
      Object.assign(bounds, { left: Math.min(bounds.left, x), right: Math.max(bounds.right, x), bottom: y });
      const middle = this.middles[part] ??= { x: 0, y: 0, n: 0 };
      middle.n++;
      middle.x += (x - middle.x) / middle.n;
      middle.y += (y - middle.y) / middle.n;
    }
  }
  get n() {
    return this.middles.length;
  }
  /** The part under a point, in shares of the item. @param {number} x @param {number} y */
  at(x, y) {
    const cell = (share, n) => Math.max(0, Math.min(n - 1, Math.floor(share * n)));
    return this.numbers[cell(y, this.height) * this.width + cell(x, this.width)];
  }
  /** The next part in a direction: the nearest whose middle lies that way; sideways distance counts double.
   * @param {number} part @param {number} dx @param {number} dy one of them 1 or -1, the other 0 */
  next(part, dx, dy) {
    const from = this.middles[part];
    let [best, least] = [part, Infinity];
    this.middles.forEach(({ x, y }, i) => {
      const ahead2 = (x - from.x) * dx + (y - from.y) * dy;
      const aside = Math.abs((x - from.x) * dy) + Math.abs((y - from.y) * dx);
      const far = ahead2 + 2 * aside + (ahead2 < aside ? this.width + this.height : 0);
      if (i !== part && ahead2 > 0 && far < least) [best, least] = [i, far];
    });
    return best;
  }
  /** The parts' edges as RGBA, dashed in black and white so that they show on anything, and the active part brightened.
   * @param {number} width @param {number} height @param {number} current
   * @returns {{width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>}} */
  drawn(width, height, current) {
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i += 4) {
        const part = this.at((x + 0.5) / width, (y + 0.5) / height);
        const beside = [this.at((x + 1.5) / width, (y + 0.5) / height), this.at((x + 0.5) / width, (y + 1.5) / height)];
        const edge = beside.some((other) => other !== part);
        const own = part === current || edge && beside.includes(current);
        if (edge) pixels.set((x + y) % 6 < 3 && !own ? [0, 0, 0, 150] : [255, 255, 255, own ? 255 : 170], i);
        else if (own) pixels.set([255, 255, 255, 90], i);
      }
    }
    return { width, height, pixels };
  }
};

// hitl_widgets/widgets/js/card/queue.js
var KEPT2 = 50;
var REVISION = "revision";
function pastOf({ decision_id, item_id, verdict, label_id, certainty, flags, note, reason, wrong, missing, values, touched, seen }) {
  return {
    decision_id,
    item_id,
    verdict,
    label_id,
    certainty,
    certainty_source: seen.certainty,
    flags,
    note,
    reason,
    wrong,
    missing,
    suggestion: seen.suggestion ?? null,
    hidden: Boolean(seen.hidden),
    chosen_by: seen.chosen_by,
    ...(reason || wrong || missing) && seen.target && seen.method ? { map: {
      method: seen.method,
      target: seen.target,
      display: seen.display ?? null,
      against: seen.against ?? null,
      models: [seen.model, seen.values_model].flatMap((model) => model ?? [])
    } } : {},
    ...values ? { values } : {},
    ...touched ? { touched } : {}
  };
}
var Queue = class {
  constructor() {
    this.items = [];
    this.past = [];
    this.undone = /* @__PURE__ */ new Set();
  }
  /** @returns {Item | undefined} */
  get current() {
    return this.items[0];
  }
  /** Adds an item at the end. A newer version of a waiting item replaces it, and takes over its picture; the first two items
   * aren't replaced. @param {Item} item */
  push(item) {
    const at = this.items.findIndex((i) => i.item_id === item.item_id);
    const former = this.items[at];
    if (!former) this.items.push(item);
    else if (at >= 2 || former.fetching) {
      const { picture, small, side } = former;
      if (picture) Object.assign(item, { picture, small, side });
      former.picture = void 0;
      this.items[at] = item;
    }
  }
  /** @param {string} item_id @returns {Item | undefined} */
  find(item_id) {
    return this.items.find((i) => i.item_id === item_id);
  }
  /** All copies of an item: in the queue, and with decisions that can be undone. @param {string} item_id @returns {Item[]} */
  kept(item_id) {
    return [...this.items, ...this.past.flatMap(({ item }) => item ?? [])].filter((item) => item.item_id === item_id);
  }
  /** Removes items, except among the first `keep`. @param {string[]} item_ids @param {number} keep */
  drop(item_ids, keep) {
    const gone = new Set(item_ids);
    this.items = this.items.filter((item, i) => i < keep || !gone.has(item.item_id));
  }
  /** Moves the current item to the end; or the last one back to the screen. @param {1 | -1} by */
  turn(by) {
    const [first, ...rest] = this.items;
    if (by > 0) this.items = [...rest, first];
    else this.items = [...this.items.slice(-1), ...this.items.slice(0, -1)];
  }
  /** Records the decision on the current item, and shows the next one. @param {Past} past */
  decide(past) {
    const item = this.items.shift();
    if (item) this.#add({ ...past, item });
  }
  /** Records an answer given before the suggestion is shown; the item stays on the screen, now with the suggestion. @param {Past} past @param {number} now */
  hold(past, now) {
    const item = this.items[0];
    if (!item) return;
    this.#add({ ...past, item });
    this.#reveal(item, now);
  }
  /** Shows the suggestion of an item that has just been answered for the first time. @param {Item} item @param {number} now */
  #reveal(item, now) {
    const first = (
      /** @type {Past} */
      this.past.at(-1)
    );
    first.revealed = true;
    Object.assign(item, { first, revealed_at: now, blind: false });
  }
  /** Records the second answer to the current item, which keeps or changes the first, and shows the next item. @param {Past} past */
  second(past) {
    const item = this.items.shift();
    if (item?.first) this.revise(item.first, { ...past, item, second: true });
  }
  /** Replaces a former decision by a newer one. @param {Past} former @param {Past} past */
  revise(former, past) {
    const at = this.past.indexOf(former);
    if (at >= 0) this.past.splice(at, 1);
    this.#add({ ...past, item: former.item, thumb: former.thumb, former: { past: former, at: Math.max(0, at) } });
  }
  /** @param {Past} past */
  #add(past) {
    for (const earlier of this.past) earlier.revealed = true;
    this.past.push(past);
    if (this.past.length > KEPT2) this.past.shift();
  }
  /** Undoes the last decision. Its item is on the screen again and the others wait; if it revised another decision, that one
   * stands again and the screen stays as it is, except for an item that was answered before its suggestion was shown.
   * @param {number} [now] @returns {Past | undefined} */
  undo(now = 0) {
    const last = this.past.pop();
    if (!last) return void 0;
    this.undone.add(last.decision_id);
    if (last.former && last.second && last.item) {
      const { item, former } = last;
      this.past.push(former.past);
      this.#reveal(item, now);
      this.items = [item, ...this.items.filter((i) => i.item_id !== item.item_id)];
    } else if (last.former) this.past.splice(last.former.at, 0, last.former.past);
    else if (last.chosen_by !== REVISION) {
      const item = last.item ?? {
        item_id: last.item_id,
        chosen_by: last.chosen_by ?? "",
        blind: false,
        height: 0,
        width: 0,
        probs: [],
        maps: {},
        fetching: true
      };
      item.blind = isHidden(last);
      item.first = void 0;
      this.items = [item, ...this.items.filter((i) => i.item_id !== item.item_id)];
    }
    return last;
  }
  /** Takes back a rejected decision: its item comes next, not at once, since a key may be about to be pressed. If it was a
   * revision, the former decision stands. @param {string} decision_id @returns {Item | undefined} */
  bringBack(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return void 0;
    const [past] = this.past.splice(at, 1);
    const { item, former } = past;
    if (item?.first === past) item.first = void 0;
    if (former) this.past.splice(former.at, 0, former.past);
    else if (item && !this.find(item.item_id)) this.items.splice(1, 0, item);
    return item;
  }
  /** Removes a decision that was refused because its item was decided elsewhere. @param {string} decision_id @returns {Item | undefined} */
  forget(decision_id) {
    const at = this.past.findIndex((p) => p.decision_id === decision_id);
    if (at < 0) return void 0;
    const [past] = this.past.splice(at, 1);
    if (past.item?.first === past) past.item.first = void 0;
    return past.item;
  }
  /** Merges the last decisions of the log with those of this page: decisions that aren't stored yet come last, undone ones are
   * left out. @param {Past[]} stored @param {Act[]} waiting */
  remember(stored, waiting) {
    const here = new Map(this.past.map((past) => [past.decision_id, past]));
    for (const act3 of waiting) {
      if (act3.kind === "retract") this.undone.add(act3.retracts);
      else if (!here.has(act3.decision_id)) here.set(act3.decision_id, pastOf(act3));
    }
    const replaced = /* @__PURE__ */ new Set();
    for (const { former } of here.values()) for (let f = former; f; f = f.past.former) replaced.add(f.past.decision_id);
    const known2 = stored.filter((past) => !this.undone.has(past.decision_id)).map((past) => ({ ...past, ...here.get(past.decision_id) }));
    const ids = new Set(stored.map((past) => past.decision_id));
    for (const past of here.values()) {
      if (ids.has(past.decision_id) || this.undone.has(past.decision_id)) continue;
      const at = known2.findIndex((earlier) => earlier.item_id === past.item_id && earlier.verdict !== "skip");
      if (at >= 0 && !past.former && !here.has(known2[at].decision_id)) {
        const [former] = known2.splice(at, 1);
        past.former = { past: former, at };
      }
      known2.push(past);
    }
    this.past = known2.filter((past) => !replaced.has(past.decision_id)).slice(-KEPT2);
    for (const earlier of this.past.slice(0, -1)) earlier.revealed = true;
  }
  clear() {
    this.items = [];
    this.past = [];
    this.undone.clear();
  }
};
var isHidden = (past) => past.hidden && !past.revealed;

// hitl_widgets/widgets/js/card/reading.js
var READS = /* @__PURE__ */ new Set([
  "help",
  "question",
  "guideline",
  "project",
  "map",
  "display",
  "method",
  "against",
  "fainter",
  "stronger",
  "zoom_in",
  "zoom_out",
  "fit",
  "left",
  "right",
  "up",
  "down",
  "page_up",
  "page_down",
  "next_label",
  "previous_label",
  "earlier",
  "later"
]);
var readable = (keys) => Object.fromEntries(Object.entries(keys).filter(([action]) => READS.has(action)));
var reads = (action) => action.kind === "escape" || action.kind === "do" && READS.has(action.action);

// hitl_widgets/widgets/js/card/refusals.js
var TOLD_MS = 1e4;
var Refusals = class {
  constructor() {
    this.all = /* @__PURE__ */ new Map();
    this.text = "";
  }
  /** @param {string} decision_id */
  has(decision_id) {
    return this.all.has(decision_id);
  }
  /** Whether some refusal can't have been read yet. */
  get untold() {
    return [...this.all.values()].some(({ painted_at }) => painted_at === null);
  }
  /** Adds a refusal. @param {string} decision_id @param {string} item_id @param {string} reason @param {number} now @returns {string} the text about it,
   * and about the others still to be shown */
  add(decision_id, item_id, reason, now) {
    const before = new Set(this.#current(now).map((refusal) => refusal.item_id));
    before.delete(item_id);
    this.all.set(decision_id, { item_id, reason, painted_at: null });
    this.text = `${item_id}: ${reason}${before.size ? ` The same goes for ${[...before].join(", ")}.` : ""}`;
    return this.text;
  }
  /** Other news, preceded by the text about refusals still to be shown. @param {string} news @param {number} now */
  before(news, now) {
    return this.#current(now).length ? `${this.text} ${news}` : news;
  }
  /** Notes that a text was painted. @param {string} text @param {number} now @returns {boolean} whether it showed a refusal for the first time */
  painted(text, now) {
    if (!this.text || !text.includes(this.text)) return false;
    let first = false;
    for (const refusal of this.all.values()) {
      if (refusal.painted_at === null) {
        refusal.painted_at = now;
        first = true;
      }
    }
    return first;
  }
  /** @param {number} now */
  #current(now) {
    return [...this.all.values()].filter(({ painted_at }) => painted_at === null || now - painted_at < TOLD_MS);
  }
};

// hitl_widgets/widgets/js/card/display.js
var MODES = (
  /** @type {const} */
  ["overlay", "side_by_side", "hot"]
);
var mainTarget = (item) => item.target ?? item.suggestion;
var mapKey = (item, method, target, against = null) => [
  method,
  ...target === null || target === mainTarget(item) ? [] : [target],
  ...against === null ? [] : ["against", against]
].join(" ");
function keepMap(item, map) {
  const key3 = mapKey(item, map.method, map.target, map.against);
  const of_value = item.values?.[attributeIdOf(map.target)] !== void 0;
  const model = of_value ? item.values_model : item.model ?? item.values_model;
  if (!map.model || !model || map.model === model) item.maps[key3] = map;
  else if (!item.maps[key3]?.values) item.maps[key3] = { ...map, values: void 0, problem: "no map: the model has learnt more since this item came" };
}
var MapDisplay = class {
  constructor() {
    this.on = true;
    this.mode = "overlay";
    this.opacity = 0.55;
    this.at = 0;
    this.methods = [];
  }
  get method() {
    return this.methods[this.at] ?? null;
  }
  /** The map that a person sees: the one that compares the label in focus with another, if it has come, else that of the
   * label alone, else that of the suggestion.
   * @param {Item | undefined} item @param {string | null} [target] @param {string | null} [against] @returns {Saliency | null} */
  of(item, target = null, against = null) {
    const { method } = this;
    if (!this.on || !item || item.blind || item.no_map || !method) return null;
    const wanted = [mapKey(item, method, target, against), mapKey(item, method, target), method];
    return wanted.map((key3) => item.maps[key3]).find((map) => map?.values) ?? null;
  }
  toggle() {
    this.on = !this.on;
  }
  /** The next method, or the next mode; a map that was off is only turned on. @param {"method" | "mode"} what */
  next(what) {
    if (this.on && what === "method") this.at = (this.at + 1) % this.methods.length;
    if (this.on && what === "mode") this.mode = MODES[(MODES.indexOf(this.mode) + 1) % MODES.length];
    this.on = true;
  }
  /** @param {number} by */
  fade(by) {
    this.opacity = Math.max(0.1, Math.min(1, this.opacity + by));
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

// hitl_widgets/widgets/js/card/tally.js
var PACE = 20;
var BREAK_MS = 6e4;
var Tally = class {
  constructor() {
    this.answered = 0;
    this.today = 0;
    this.in_round = 0;
    this.here = 0;
    this.times = [];
    this.left = /* @__PURE__ */ new Map();
  }
  /** Takes the counts of the log. @param {Progress} progress */
  take({ answered = 0, today = 0, in_round = 0, here = this.here }) {
    Object.assign(this, { answered, today, in_round, here });
  }
  /** Counts the acts that aren't stored yet, as when they were made. @param {Act[]} acts @param {number} now */
  ahead(acts, now) {
    const midnight = new Date(now).setHours(0, 0, 0, 0);
    for (const act3 of acts) {
      const by = act3.kind === "decide" ? Number(isNew(act3)) : -(this.left.get(act3.retracts) ?? 1);
      this.left.set(act3.decision_id, by);
      for (
        const name of
        /** @type {const} */
        ["answered", "in_round", "here"]
      ) this[name] += by;
      if (Date.parse(act3.acted_at) >= midnight) this.today += by;
    }
  }
  /** @param {1 | -1} by @param {number} now */
  add(by, now) {
    for (
      const name of
      /** @type {const} */
      ["answered", "today", "in_round", "here"]
    ) this[name] += by;
    if (by > 0) this.times = [...this.times.slice(1 - PACE), now];
  }
  /** Seconds that a decision takes, breaks left out; null before there are enough of them. */
  get pace_s() {
    const steps = this.times.slice(1).map((at, i) => at - this.times[i]).filter((ms) => ms < BREAK_MS).sort((a, b) => a - b);
    return steps.length < 4 ? null : steps[Math.floor(steps.length / 2)] / 1e3;
  }
};
var isNew = ({ verdict, seen, known: known2 }) => verdict !== "skip" && seen.chosen_by !== REVISION && !(seen.arm === "answer_first" && !seen.hidden && known2?.length);

// hitl_widgets/widgets/js/text/tint.js
var LEAST2 = 0.08;
var FOR = "240 130 20";
var AGAINST = "67 147 195";
var TINTS = /* @__PURE__ */ new WeakMap();
function tintOf(map) {
  if (!map) return NONE;
  let tinted = TINTS.get(map);
  if (!tinted) {
    tinted = [];
    const { tokens = [], values, signed } = map;
    let done = 0;
    for (let i = 0; values && i < values.length && tokens.length === 2 * values.length; i++) {
      const [start, end] = [Math.max(done, tokens[2 * i]), tokens[2 * i + 1]];
      const weight = signed ? (values[i] - 128) / 127 : values[i] / 255;
      if (end <= start) continue;
      if (Math.abs(weight) >= LEAST2) tinted.push({ start, end, strength: Math.min(1, Math.abs(weight)), speaks_for: weight > 0 });
      done = end;
    }
    TINTS.set(map, tinted);
  }
  return tinted;
}
var NONE = [];
function strongest(text, tinted, most) {
  const words2 = /* @__PURE__ */ new Map();
  for (const { start, end, strength, speaks_for } of tinted) {
    const word2 = text.slice(start, end);
    const key3 = word2.toLowerCase();
    const counted2 = words2.get(key3) ?? { word: word2, n: 0, weight: 0, start, end };
    counted2.n++;
    counted2.weight += speaks_for ? strength : -strength;
    words2.set(key3, counted2);
  }
  return [...words2.values()].filter(({ weight }) => Math.abs(weight) >= LEAST2).sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, most);
}
var alphaOf = (opacity) => 0.75 * Math.sqrt(opacity);
function tintGradient(signed, opacity) {
  const alpha = alphaOf(opacity).toFixed(2);
  return `linear-gradient(90deg, ${signed ? `rgb(${AGAINST} / ${alpha}), transparent` : "transparent"}, rgb(${FOR} / ${alpha}))`;
}
var UNEXPLAINED = 0.05;
function unexplained(map) {
  const { delta } = map ?? {};
  return typeof delta !== "number" || !(delta > UNEXPLAINED) ? "" : delta > 1 ? "explains nothing of this output" : `${Math.round(100 * delta)} % of the output unexplained`;
}

// hitl_widgets/widgets/js/card/session.js
var LOW = 6;
var MORE_MS = 2e3;
var REVEALED_MS = 150;
var QUIET_MS2 = 1e3;
var RECENT = 12;
var RESTS_MS = 250;
var TOUCHES = 8;
var CardSession = class extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, around.storage);
    this.around = around;
    this.queue = new Queue();
    this.drafts = new DraftStore(around.storage, around.now);
    this.extras = new Extras(around, { queue: this.queue, changed: () => this.changed(false), say: (text, bad) => this.say(text, bad) });
    this.labels = /* @__PURE__ */ new Map();
    this.keys = /* @__PURE__ */ new Map();
    this.given = /* @__PURE__ */ new Map();
    this.bindings = /* @__PURE__ */ new Map();
    this.certainty = null;
    this.draft = new Draft();
    this.brush = new Brush();
    this.answering = new Answering(this);
    this.annotating = new Annotating(this);
    this.people = new People(around.storage, (said) => this.#speak(said));
    this.drawer = null;
    this.stopped = false;
    this.asking = null;
    this.guessing = false;
    this.pointed = null;
    this.rival = null;
    this.peeked = null;
    this.revising = null;
    this.recent = [];
    this.display = new MapDisplay();
    this.tally = new Tally();
    this.end = null;
    this.crashed = null;
    this.troubled = false;
    this.named = false;
    this.naming = false;
    this.more_at = -Infinity;
    this.mine = /* @__PURE__ */ new Set();
    this.known = /* @__PURE__ */ new Map();
    this.news = null;
    this.learning = null;
    this.side = 0;
    this.elsewhere = /* @__PURE__ */ new Set();
    this.refused = null;
    this.never = new Refusals();
    this.touched_at = -Infinity;
    this.keys_of = null;
    this.turned = 0;
  }
  // What the card shows
  get item() {
    return this.revising?.item ?? this.queue.current;
  }
  /** Why nothing can be answered here, in a sentence: the person's role allows them to read. @returns {string | null} */
  get reading() {
    return this.people.reading;
  }
  get needs_name() {
    return Boolean(this.setup?.annotator_is_default) && !this.named;
  }
  /** Whether a model's prediction is hidden from the person; false as long as there is no model. */
  get blind() {
    return Boolean(this.item?.blind && (this.item.model || this.item.values_model || this.item.problem));
  }
  /** The suggestion that the person can see. @returns {[string, number] | null} */
  get suggestion() {
    const item = this.item;
    if (!item?.suggestion || item.blind || item.broken || !this.labels.has(item.suggestion)) return null;
    return item.probs.find(([id]) => id === item.suggestion) ?? null;
  }
  /** The label that Enter takes. @returns {Label | undefined} */
  get focused() {
    const { item } = this;
    if (this.annotating.on) return this.labels.get(this.annotating.label_id ?? "");
    const main = this.answering.many && item && !item.blind && !item.broken ? item.target : this.suggestion?.[0];
    return this.labels.get(this.pointed ?? main ?? "");
  }
  /** Whether all labels of a suggestion still exist. @param {string} label_id of a label, or of a set */
  knows(label_id) {
    return membersOf(label_id).every((id) => this.labels.has(id));
  }
  /** Whether the suggestion has only just appeared: a key pressed now wasn't meant for it. */
  get early() {
    return Boolean(this.first && this.around.now() - (this.item?.revealed_at ?? 0) < REVEALED_MS);
  }
  /** The label whose meaning is shown. @returns {Label | undefined} */
  get explained() {
    return this.labels.get(this.peeked ?? "") ?? this.focused;
  }
  /** The person's judgement of the explanation of the item, or in tasks with objects of the object in focus. @returns {import("./marks.js").Marks | null} */
  get marks() {
    return this.annotating.on ? this.annotating.marks : this.draft;
  }
  /** The map that the person can see. @returns {Saliency | null} */
  get saliency() {
    const map = this.display.of(this.item, this.mapped, this.against);
    if (map && (this.answering.alone || this.answering.target !== null || this.annotating.on) && this.mapped !== map.target) return null;
    return map && this.#isThere(map.target) && this.#isThere(map.against ?? map.target) ? map : null;
  }
  /** The target chosen for the map: the value of the active attribute, else the label in focus, or the object in focus; null: the label whose map comes by default.
   * @returns {string | null} */
  get mapped() {
    if (this.annotating.on) return this.annotating.target;
    return this.answering.target ?? (this.answering.alone ? null : this.pointed);
  }
  /** The target of the next map: as `mapped`, else the label whose map comes by default, unless an edit retired it.
   * @returns {string | null} */
  get toExplain() {
    const main = this.item && !this.answering.alone ? mainTarget(this.item) : null;
    return this.mapped ?? (main && this.labels.has(main) ? main : null);
  }
  /** The label that the map compares the one in focus with. @returns {string | null} */
  get against() {
    return this.rival !== null && this.answering.target === null && this.rival !== this.focused?.label_id ? this.rival : null;
  }
  /** Why nothing can be decided just now, or null. @returns {"start" | "name" | "consent" | "closed" | "fetch" | "wait" | "empty" | "enough" | null} */
  get face() {
    if (this.closed) return "closed";
    if (!this.setup || this.naming) return "start";
    if (this.needs_name) return "name";
    if (this.people.question) return "consent";
    if (this.item) return this.item.fetching ? "fetch" : null;
    return this.end === "enough" || this.end === "empty" ? this.end : "wait";
  }
  now() {
    return this.around.now();
  }
  // What the kernel says
  /** The handshake; the kernel ignores one that arrives after a later one. */
  greeting() {
    return { ...super.greeting(), have: this.#have() };
  }
  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") this.#ready(reply);
    else if (reply.kind === "stored") this.#stored(reply);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.link.flush();
    this.#ask();
    this.changed(false);
  }
  /** @param {import("../messages.d.ts").Stored} reply */
  #stored({ decision_id, aside }) {
    const act3 = this.outbox.settle(decision_id);
    if (this.troubled && !this.pending) {
      this.notice = null;
      this.troubled = false;
    }
    if (aside && act3 && this.mine.has(decision_id)) this.#keptAside(act3, aside);
  }
  /** Takes back an act that the person's role no longer allowed: it is in the log, and counts nowhere. @param {Act} act @param {string} why */
  #keptAside(act3, why) {
    const at = this.around.now();
    const text = act3.kind === "decide" ? this.never.add(act3.decision_id, act3.item_id, why, at) : why;
    this.notice = { text, bad: true };
    this.news = { text, at };
    if (act3.kind !== "decide") return;
    const past = this.queue.past.find((one) => one.decision_id === act3.decision_id);
    if (past?.former) this.queue.bringBack(act3.decision_id);
    else if (this.#forget(act3) && act3.verdict !== "skip") this.tally.add(-1, at);
  }
  /** Removes a decision that doesn't stand from the past. @param {Act} act @returns {boolean} whether it was counted */
  #forget({ decision_id }) {
    return Boolean(this.queue.forget(decision_id)) || this.tally.left.get(decision_id) === 1;
  }
  /** @param {CardReady} setup */
  #ready(setup) {
    const { setup: former } = this;
    if (former && (former.annotator !== setup.annotator || former.project_id !== setup.project_id)) {
      for (const item of this.queue.items) release(item);
      this.queue.clear();
      this.elsewhere.clear();
      this.revising = null;
      this.more_at = -Infinity;
    }
    this.setup = setup;
    this.naming = false;
    this.bindings = bind(setup.keys);
    this.keys_of = { all: setup.keys, reading: readable(setup.keys) };
    this.#name(setup.taxonomy);
    const [clash] = clashes(setup.taxonomy.labels, this.bindings);
    if (clash) this.notice = { bad: false, text: `${clash.label.name} can't have the key ${clash.key}: the card uses it (${clash.action.replaceAll("_", " ")}). wb.review(keys={"${clash.action}": ...}) frees it.` };
    this.display.methods = setup.methods;
    this.outbox.open(setup.project_id, this.around.base, setup.annotator);
    this.tally.take(setup.progress);
    this.tally.ahead(this.#onTheirWay(), this.around.now());
    this.drafts.open(setup.project_id, this.around.base, setup.annotator);
    this.people.open(setup.project_id, this.around.base, setup.annotator);
    this.people.set(setup.about, setup.consent, setup.reading, this.people.aside);
    this.#offer();
    for (const [id, { act: act3 }] of this.outbox.entries) {
      this.mine.add(id);
      if (act3.kind === "decide") this.#know(act3.item_id, id);
    }
    this.queue.items = this.queue.items.filter(({ item_id, first }) => first || !this.outbox.holds(item_id));
    this.link.restart();
    this.#restoreDraft();
    if (this.item?.fetching) this.#fetch(this.item.item_id);
  }
  /** Offers only the keys that the person's role allows. */
  #offer() {
    const { setup, keys_of } = this;
    const keys = keys_of?.[this.reading === null ? "all" : "reading"];
    if (!setup || !keys || setup.keys === keys) return;
    this.setup = { ...setup, keys };
    this.asking = null;
    this.guessing = false;
    this.brush.kind = null;
  }
  /** @returns {boolean} whether nothing can be answered here, and the person was told so */
  #refuses() {
    if (this.reading) this.say(this.reading, true);
    return this.reading !== null;
  }
  /** @param {Labels} taxonomy */
  #name(taxonomy) {
    this.labels = new Map(taxonomy.labels.map((label) => [label.label_id, label]));
    this.answering.take(taxonomy);
    this.keys = assignKeys(taxonomy.labels, this.given, this.bindings);
    for (const [label_id, key3] of this.keys) this.given.set(label_id, key3);
    this.extras.examples.clear();
    if (this.setup) this.setup = { ...this.setup, taxonomy };
  }
  /** @param {import("./types.d.ts").Rejected} reply */
  #rejected({ decision_id, item_id, reason, again, decided }) {
    if (decision_id && !this.mine.has(decision_id)) return;
    const act3 = again || !decision_id ? void 0 : this.outbox.settle(decision_id);
    if (act3?.kind === "retract" && this.never.has(act3.retracts)) return;
    this.notice = { text: reason, bad: true };
    if (item_id) {
      if (this.revising?.item.item_id === item_id) this.#leave();
      this.queue.items = this.queue.items.filter((item2) => !(item2.fetching && item2.item_id === item_id));
    }
    if (!decision_id) {
      this.naming = false;
      return;
    }
    if (again) {
      this.troubled = true;
      return this.link.postpone(decision_id, reason);
    }
    if (act3 && act3.kind !== "decide" && act3.kind !== "retract") this.people.refused(act3);
    if (act3?.kind !== "decide") return;
    if (decided) {
      const at = this.around.now();
      const text = this.never.add(decision_id, act3.item_id, reason, at);
      this.notice = { text, bad: true };
      this.news = { text, at };
      if (this.queue.past.at(-1)?.decision_id === decision_id) this.refused = { at, text };
      if (this.#forget(act3) && act3.verdict !== "skip" && act3.seen.chosen_by !== REVISION) this.tally.add(-1, this.around.now());
      this.elsewhere.add(act3.item_id);
      return;
    }
    const past = this.queue.past.find((one) => one.decision_id === decision_id);
    const item = this.queue.bringBack(decision_id);
    if (!item) return;
    item.rejection = reason;
    if (past && (this.answering.merged || this.annotating.on) && this.queue.find(item.item_id) === item) item.draft = this.annotating.draftOf(past);
  }
  /** @param {Push} push @param {ArrayBufferView[]} buffers */
  push(push, buffers) {
    if (this.extras.take(push, buffers)) return;
    const heard = this.people.take(push);
    if (heard !== void 0) {
      if (heard) this.#tell(heard);
      this.#offer();
      return this.changed(false);
    }
    this.status(push);
    const { item } = this;
    if (push.kind === "item") this.#arrived({ ...push.item, bytes: buffers[0], maps: {} }, Boolean(push.again));
    else if (push.kind === "map") {
      const bytes = buffers[0];
      const map = { ...push, values: bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
      for (const kept of this.#kept(push.item_id)) keepMap(kept, map);
      if (push.item_id !== item?.item_id) return;
    } else if (push.kind === "segments") this.#split(push, buffers[0]);
    else if (push.kind === "drop") {
      if (!push.decision_id || !this.mine.has(push.decision_id)) {
        this.queue.drop(push.item_ids, push.keep);
        if (push.decision_id) for (const item_id of push.item_ids) this.elsewhere.add(item_id);
        this.#leaveToOthers();
      }
    } else if (push.kind === "progress") {
      if (this.setup) this.setup = { ...this.setup, progress: push.progress };
      if (!this.pending) this.tally.take(push.progress);
    } else if (push.kind === "past") {
      this.queue.remember(push.past, this.#onTheirWay());
      for (const { label_id } of this.queue.past) this.#used(label_id);
    } else if (push.kind === "taxonomy") this.#name(push.taxonomy);
    else if (push.kind === "learning") this.learning = push.learning;
    else if (push.kind === "news") this.#tell(push.text);
    else if (push.kind === "end") {
      this.end = push.reason;
      if (!this.item) this.stop();
    }
    this.#decode();
    if (push.kind !== "item" || this.item !== item) this.changed(false);
  }
  /** Shows news, without replacing a refusal that can't have been read yet. @param {string} text */
  #tell(text) {
    const at = this.around.now();
    this.news = { text: this.never.before(text, at), at };
  }
  /** Notes that the line below the item was painted with a text. @param {string} text */
  told(text) {
    const at = this.around.now();
    if (this.never.painted(text, at) && this.news) this.news.at = at;
  }
  /** @param {string} item_id @param {string} decision_id */
  #know(item_id, decision_id) {
    this.known.set(item_id, (this.known.get(item_id) ?? /* @__PURE__ */ new Set()).add(decision_id));
  }
  /** @param {Item} item @param {boolean} again it was requested, and isn't part of the queue */
  #arrived(item, again) {
    this.trouble = null;
    if (item.standing) this.#know(item.item_id, item.standing);
    if (!again) {
      this.elsewhere.delete(item.item_id);
      if (!this.outbox.holds(item.item_id)) this.queue.push(item);
      if (this.queue.current === item) this.#restoreDraft();
      this.end = null;
      return;
    }
    if (this.revising?.item.item_id === item.item_id) {
      const { past } = this.revising;
      past.item = this.revising.item = { ...item, blind: isHidden(past) };
    }
    const asked = this.queue.find(item.item_id);
    if (asked?.fetching) this.queue.push({ ...item, blind: asked.blind, chosen_by: asked.chosen_by });
  }
  /** Drops items that were decided in another tab, but not while a key may be about to be pressed. */
  #leaveToOthers() {
    if (!this.elsewhere.size) return;
    const { current } = this.queue;
    this.queue.drop([...this.elsewhere], 1);
    const stays = current && this.elsewhere.has(current.item_id) ? current.item_id : null;
    this.elsewhere = new Set(stays === null ? [] : [stays]);
    const may_press = !this.watching && this.around.now() - this.touched_at < QUIET_MS2;
    if (stays === null || this.revising || this.asking || this.guessing || may_press) return;
    this.elsewhere.clear();
    this.queue.drop([stays], 0);
    if (!this.watching) this.drafts.drop(stays);
    this.draft = new Draft();
    this.#restoreDraft();
    this.#decode();
    if (this.watching) this.changed(false);
    else this.say("The last item was decided in another tab or notebook.");
  }
  /** To be called a few times a second. */
  tick() {
    super.tick();
    this.keepDraft();
    this.#leaveToOthers();
    if (this.answering.wants_map && this.around.now() - this.touched_at >= RESTS_MS) {
      this.answering.wants_map = false;
      this.#wantMap();
    }
    this.#ask();
  }
  /** Keeps the draft over a reload, until the item is decided. */
  keepDraft() {
    const { item } = this;
    if (item && !this.face && !this.watching && !this.revising && !item.first) this.drafts.put(item.item_id, this.draft);
  }
  /** Called when the page is left. */
  leave() {
    this.keepDraft();
  }
  /** Keeps unfinished input for the page that takes over. */
  yields() {
    this.keepDraft();
    if (this.revising) this.#leave();
    this.asking = this.brush.kind = null;
    this.guessing = false;
    this.draft = new Draft();
  }
  resumes() {
    this.#restoreDraft();
  }
  /** Restores the draft of the item on the screen, from before the page was reloaded. */
  #restoreDraft() {
    const { current } = this.queue;
    if (!current || this.revising || !this.setup || this.watching || !this.draft.empty) return;
    const draft = current.draft ?? this.drafts.draft(current.item_id);
    if (!draft) return;
    this.draft = draft;
    this.notice = { bad: false, text: `Your ${this.annotating.on ? `${this.annotating.noun}s` : "flags"} and note for this item are here again.` };
  }
  /** Shows on the card that its own code failed. @param {unknown} error */
  crash(error) {
    this.crashed = error instanceof Error ? error.message : String(error);
    console.error("hitl_widgets:", error);
  }
  // What the person does
  /** Enter: the label in focus, which is the visible suggestion unless the person moved on. */
  accept() {
    if (!this.item) return;
    if (this.asking && this.certainty?.source === "given") return this.#decide(this.asking);
    const { first } = this;
    if (first?.verdict === "unsure" && (this.pointed === null || this.pointed === first.label_id)) {
      return this.#choice({ verdict: "unsure", label_id: first.label_id, words: "Unsure, as before" });
    }
    const { many, alone } = this.answering;
    if (many || alone || this.annotating.on) {
      const choice = this.annotating.on ? this.annotating.choice(this.guesses) : this.answering.choice;
      return typeof choice === "string" ? this.say(choice, true) : this.#choice(choice);
    }
    if (!this.focused) return this.say("No suggestion is shown for this item: choose a label.", true);
    this.choose(this.focused.label_id, this.guesses, true);
  }
  /** The answer that the person gave to this item before its suggestion was shown. @returns {Past | undefined} */
  get first() {
    return this.revising ? void 0 : this.item?.first;
  }
  /** Whether Enter stores the label in focus as a best guess; when a guess is revised, only while its label stays in focus. */
  get guesses() {
    const past = this.revising?.past ?? this.first;
    return this.guessing || past?.verdict === "unsure" && past.label_id !== null && (this.answering.many ? !this.draft.labels.size : past.label_id === this.focused?.label_id);
  }
  /** A label is the answer; where several may be, it is turned on or off; where its attributes are asked, they are next.
   * @param {string} label_id @param {boolean} [guess] it is a best guess @param {boolean} [enter] what is on the card is stored */
  choose(label_id, guess = this.guessing, enter = false) {
    const label = this.labels.get(label_id);
    if (!this.item || !label || this.#refuses()) return;
    if (this.annotating.on) return this.annotating.label(label_id);
    if (this.answering.many) return this.answering.toggle(label_id);
    if (!enter && !this.face && this.answering.asks(label_id)) return this.answering.select(label_id);
    if (guess) return this.#choice({ verdict: "unsure", label_id, words: `Unsure, perhaps ${label.name}`, guess });
    const seen = this.suggestion;
    const verdict = !seen ? "answer" : seen[0] === label_id ? "accept" : "correct";
    const done = { accept: "Accepted", correct: "Corrected to", answer: "Answered" }[verdict];
    const values = this.answering.merged ? this.answering.inWords(this.answering.valuesOf([label_id])) : "";
    this.#choice({ verdict, label_id, words: `${done} ${label.name}${values && `, ${values}`}` });
  }
  /** The label with this key, if there is one. @param {string} key */
  press(key3) {
    for (const [label_id, of] of this.keys) if (of === key3) return this.choose(label_id);
  }
  /** Unsure of the object in focus, or of the item if no object is in focus. */
  unsure() {
    if (!this.annotating.withObjects((objects) => objects.unsure())) this.#choice({ verdict: "unsure", label_id: null, words: "Unsure" });
  }
  /** Unsure, with the next label that is chosen as the best guess. */
  guess() {
    if (!this.item || this.face) return;
    this.guessing = !this.guessing;
    this.say(!this.guessing ? "Not decided yet." : this.answering.many || this.answering.alone || this.annotating.on ? "Unsure: Enter stores what is on the card as your best guess." : "Unsure: which label is your best guess?");
  }
  skip() {
    if (this.revising) return this.say("A decision that is revised can't be skipped: choose, or leave with Esc.", true);
    if (this.first) return this.say("You have answered this item already: Enter keeps your answer, another label changes it.", true);
    this.#choice({ verdict: "skip", label_id: null, words: "Skipped" });
  }
  /** Flags the item, and goes on without a label. */
  flag() {
    if (!this.item || this.face) return;
    if (!this.draft.flags.size) this.draft.flags.add("bad_data");
    this.#choice({ verdict: "unsure", label_id: null, words: `Flagged: ${[...this.draft.flags].map(flagName).join(", ").toLowerCase()}` });
  }
  /** @param {string} flag */
  toggleFlag(flag) {
    if (this.item && !this.face) this.say(this.draft.flag(flag));
  }
  /** @param {import("./types.d.ts").Reason} reason */
  judge(reason) {
    if (!this.item || this.face) return;
    const { marks } = this;
    if (!marks) return this.say(this.annotating.unexplained);
    if (!this.saliency && marks.reason !== reason) return this.say("No map is shown, so there is no reason to judge.");
    const elsewhere = this.#elsewhere;
    if (elsewhere) return this.say(elsewhere, true);
    const before = this.annotating.on ? marks.judgement : null;
    const words2 = marks.judge(reason);
    if (before && before.reason !== marks.reason) this.#judged(marks, before);
    else if (!before) this.#remember();
    this.say(words2);
  }
  /** Why the map on the screen can't be judged, or null: a decision judges one map, of a label or of an attribute.
   * @returns {string | null} */
  get #elsewhere() {
    const { draft: { judged: judged2, map }, saliency, answering } = this;
    const target = saliency?.target ?? answering.target;
    if (this.annotating.on || !judged2 || !map || target === null || answering.attributeOf(map.target) === answering.attributeOf(target)) return null;
    return `You judged the map for ${answering.mapped(map.target) ?? this.nameOf(map.target)}, and a decision judges one map only. Take that back there first.`;
  }
  /** Why nothing can be marked yet, or null: the map isn't on the screen, and the marks would be taken for those of another one.
   * @returns {string | null} */
  get #notYet() {
    const { answering, annotating, saliency, display: { on, method } } = this;
    if (annotating.on || !on || !method || saliency || answering.target === null) return null;
    return `The map of ${answering.mapped(answering.target)} isn't here yet: mark it once it is, or press Esc for the label's.`;
  }
  /** Remembers the map on the screen as the judged one, whatever map is shown when the item is decided. */
  #remember() {
    if (!this.draft.judged) this.draft.map = null;
    else if (this.saliency) this.draft.map = this.#shownMap(this.saliency);
  }
  /** @param {Saliency} map @returns {import("../messages.d.ts").ShownMap} as the log has it */
  #shownMap(map) {
    return { method: map.by ?? map.method, target: map.target, display: this.display.mode, against: map.against ?? null, models: map.model ? [map.model] : [] };
  }
  /** Records a judgement of an object's explanation, and the map on the screen.
   * @param {import("./marks.js").Marks} marks @param {import("./marks.js").Judgement} before */
  #judged(marks, before) {
    const { saliency, annotating: { objects } } = this;
    const { method, display } = marks;
    objects?.judged({ ...before, method, display });
    if (saliency) Object.assign(marks, { method: saliency.by ?? saliency.method, display: this.display.mode });
  }
  /** Switches the brush: to mark what is wrong, what is missing, or off. */
  nextBrush() {
    const { item } = this;
    if (!item?.width || this.face || item.broken) return;
    if (item.blind) return this.say(this.blind ? "This item is shown blind: its map is hidden, so no reason can be marked." : "There is no model yet, so no reason can be marked.");
    if (!this.marks) return this.say(this.annotating.unexplained);
    this.say(this.brush.next(item, this.marks, tintOf(this.saliency)));
    const { bounds } = this.annotating;
    if (bounds && this.brush.kind === "wrong") this.brush.cursor = { x: (bounds[0] + bounds[2]) / 2, y: (bounds[1] + bounds[3]) / 2 };
    this.#wantParts();
  }
  /** Switches the brush between whole parts of the item and spots. */
  nextTool() {
    const { brush, item } = this;
    if (!brush.kind || !item || brush.words) return;
    brush.in_parts = !brush.in_parts;
    if (item.parts === null) item.parts = void 0;
    this.say(brush.in_parts ? "The brush marks whole parts" : "The brush marks spots");
    this.#wantParts();
  }
  /** Requests the parts of the item from the kernel at first use. */
  #wantParts() {
    const { item, brush } = this;
    if (!item || !brush.kind || !brush.in_parts || brush.words) return;
    if (item.parts) brush.part = item.parts.at(0.5, 0.5);
    if (item.parts !== void 0) return;
    item.parts = null;
    this.extras.ask({ kind: "segments", item_id: item.item_id });
  }
  /** @param {Extract<Push, {kind: "segments"}>} push @param {ArrayBufferView | undefined} bytes */
  #split({ item_id, width, height, problem }, bytes) {
    const cells = bytes && new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const parts = cells && cells.length === width * height ? new Parts(width, height, cells) : void 0;
    for (const kept of this.#kept(item_id)) kept.parts = parts;
    if (this.item?.item_id !== item_id || !this.brush.in_parts) return;
    if (parts) this.brush.part = parts.at(0.5, 0.5);
    else {
      this.brush.in_parts = false;
      this.notice = { bad: true, text: `This item has no parts to mark: ${problem ?? "none came"}` };
    }
  }
  /** All copies of an item, with those of decisions that may be undone. @param {string} item_id @returns {Set<Item>} */
  #kept(item_id) {
    const revised = this.revising?.item;
    return /* @__PURE__ */ new Set([...this.queue.kept(item_id), ...revised?.item_id === item_id ? [revised] : []]);
  }
  /** Runs a step with the brush. @param {(brush: Brush, item: Item, marks: import("./marks.js").Marks) => void} step */
  withBrush(step) {
    const { item, marks } = this;
    if (!item || !this.brush.kind) return;
    if (!marks) this.brush.kind = null;
    else {
      const regions = marks.regions ??= new Regions(item.width, item.height);
      const { begun } = regions;
      const { reason } = marks;
      const not = this.#elsewhere ?? this.#notYet;
      if (not) return this.say(not, true);
      step(this.brush, item, marks);
      if (regions.begun > begun && this.annotating.on) this.#judged(marks, { reason, ...regions.before });
      else if (regions.begun > begun) this.#remember();
    }
    this.changed();
  }
  /** @param {string} note */
  write(note) {
    this.draft.note = note;
    this.changed();
  }
  /** @param {Choice} choice */
  #choice(choice) {
    if (!this.item || this.face || this.early || this.watching || this.#refuses()) return;
    this.touched_at = this.around.now();
    const policy = this.setup?.certainty ?? "keep";
    const given = this.certainty?.source === "given";
    const asks = policy === "ask" ? choice.verdict !== "skip" : policy === "unsure_only" && choice.verdict === "unsure";
    if (asks && !given) {
      this.asking = choice;
      return this.say(`${choice.words}: how sure are you, from 0 to 10?`);
    }
    this.#decide(choice);
  }
  /** @param {number} value 0 to 10 */
  rate(value2) {
    if (!this.item || this.face) return;
    if (!this.asking && this.annotating.withObjects((objects) => objects.rate(value2))) return;
    this.touched_at = this.around.now();
    this.certainty = { value: value2, source: "given" };
    if (this.asking) return this.#decide(this.asking);
    this.say(`Certainty ${value2}`);
  }
  /** @param {1 | -1} by */
  nudge(by) {
    if (!this.item || this.face || !this.asking && this.annotating.withObjects((objects) => objects.nudge(by))) return;
    const value2 = Math.max(0, Math.min(10, (this.certainty?.value ?? 5) + by));
    this.certainty = { value: value2, source: "given" };
    this.say(this.asking ? `${this.asking.words}: certainty ${value2}, Enter decides` : `Certainty ${value2}`);
  }
  /** @returns {boolean} whether there was something to leave */
  escape() {
    if (this.brush.kind) {
      this.brush.kind = null;
      this.say("The brush is put away");
      return true;
    }
    if (this.drawer) {
      this.open(null);
      return true;
    }
    if (this.answering.leave()) return true;
    const open = this.asking !== null || this.guessing || this.revising !== null;
    if (this.revising) this.say("Nothing was changed.");
    else if (this.asking || this.guessing) this.say("Not decided yet.");
    this.#leave();
    this.asking = null;
    this.guessing = false;
    if (open) this.changed();
    return open;
  }
  // What the person says to others
  /** Opens or closes the drawer. @param {import("./people.js").Drawer | null} drawer */
  open(drawer) {
    if (!this.setup || this.face === "name" || this.face === "start") return;
    if (drawer === "questions" && !this.setup.people) return this.say("Questions can't be asked here.", true);
    this.drawer = this.drawer === drawer ? null : drawer;
    this.people.replying = null;
    this.changed();
  }
  /** Opens the guideline of a label. @param {string} label_id */
  guide(label_id) {
    if (!this.labels.has(label_id)) return;
    this.pointed = label_id;
    this.peeked = null;
    if (this.drawer !== "guideline") this.open("guideline");
    else this.changed();
  }
  /** @param {string} text @returns {boolean} */
  ask(text) {
    const answered = this.people.replying !== null;
    const sent = this.people.write(text, this.item?.item_id, this.explained?.label_id);
    if (sent) this.say(answered ? "Your answer is on its way." : "Your question is on its way: colleagues see it on their cards.");
    return sent;
  }
  /** Ends the sitting; the kernel then says which suggestions were wrong on purpose. */
  stop() {
    if (this.stopped || !this.people.about?.takes_part.length) return;
    this.stopped = true;
    this.extras.ask({ kind: "stop" });
  }
  /** @param {any} said */
  #speak(said) {
    const act3 = { ...this.#act(said.kind, ""), ...said };
    if (!said.item_id) delete act3.item_id;
    this.outbox.put(act3);
    this.changed();
    this.#soon(() => this.link.flush());
  }
  /** @returns {import("./types.d.ts").ItemAct[]} */
  #onTheirWay() {
    return [...this.outbox.entries.values()].flatMap(({ act: act3 }) => act3.kind === "decide" || act3.kind === "retract" ? [act3] : []);
  }
  undo() {
    if (this.closed || this.needs_name || this.watching || this.#refuses()) return;
    const { objects } = this.annotating;
    if (this.brush.kind && (objects ? objects.judging && objects.undo() : this.draft.regions?.undo())) return this.say("The last stroke is taken back");
    if (!this.brush.kind && !this.asking && this.annotating.withObjects((objects2) => objects2.undo())) return;
    if (this.brush.kind || this.asking || this.guessing || this.revising) {
      this.escape();
      return;
    }
    if (this.refused && this.around.now() - this.refused.at < QUIET_MS2) return this.say(this.refused.text, true);
    this.refused = null;
    const before = this.queue.current;
    const last = this.queue.undo(this.around.now());
    if (!last) return this.say("Nothing to undo here.");
    const retract = this.#act("retract", last.item_id);
    this.outbox.put({ ...retract, kind: "retract", retracts: last.decision_id });
    if (last.verdict !== "skip" && !last.former) this.tally.add(-1, this.around.now());
    this.pointed = this.rival = null;
    if (last.second) this.#pointAtFirst();
    else if (this.answering.merged && last.label_id && this.labels.has(last.label_id)) this.pointed = last.label_id;
    if ((last.second || !last.former) && last.item) last.item.shown_at = void 0;
    if (this.queue.current !== before) {
      if (before) before.draft = this.draft;
      this.draft = this.annotating.draftOf(last);
    }
    this.say(`Undone: ${this.wordsOf(last)}${last.former ? `. ${this.wordsOf(last.former.past)} is your answer again` : ""}`);
    this.link.flush();
    if (this.queue.current?.fetching) this.#fetch(last.item_id);
    this.#decode();
  }
  /** A past decision in words. @param {Past} past */
  wordsOf({ verdict, label_id, label, values = {}, counts }) {
    const label_name = counts ? this.annotating.inWords(counts) : label_id ? this.nameOf(label_id, label) : null;
    const name = [label_name, this.answering.inWords(values)].filter(Boolean).join(", ") || null;
    return verdict === "skip" ? "skipped" : name === null ? "unsure" : verdict === "unsure" ? `perhaps ${name}` : name;
  }
  /** The name of a label, of a set of labels, or of an attribute. @param {string | null | undefined} label_id
   * @param {string | null} [then] as it was called when it was chosen */
  nameOf(label_id, then) {
    if (isOfObject(label_id)) return this.annotating.named(label_id ?? "");
    const name = (id) => this.labels.get(id)?.name ?? this.answering.attributes.get(id)?.name ?? (isSet(label_id) ? id : then ?? id);
    return this.answering.named(label_id ?? null, name);
  }
  /** Goes back along the past decisions, or forward again to the present. @param {1 | -1} by */
  step(by) {
    if (this.reading && !this.revising && (by > 0 || this.turned > 0)) return this.#turn(by);
    const { first } = this.queue.current ?? {};
    const past = this.queue.past.filter((one) => one !== first);
    const at = this.revising ? past.indexOf(this.revising.past) : past.length;
    const to = Math.max(0, at + by);
    if (to < past.length) this.revise(past[to]);
    else if (this.revising) this.escape();
  }
  /** Goes to the next item without an answer, or back again. @param {1 | -1} by */
  #turn(by) {
    const { items } = this.queue;
    if (items.length < 2) return this.say("There is no other item to read.");
    this.queue.turn(by);
    this.turned += by;
    this.pointed = this.rival = null;
    this.draft = new Draft();
    this.#decode();
    this.say("");
  }
  /** Show a past decision, to be revised. @param {Past} past */
  revise(past) {
    if (this.closed || this.needs_name || !this.setup || !this.queue.past.includes(past)) return;
    if (past === this.queue.current?.first) {
      this.escape();
      return;
    }
    const before = this.revising ?? { certainty: this.certainty, draft: this.draft };
    const item = past.item ?? {
      item_id: past.item_id,
      chosen_by: REVISION,
      blind: isHidden(past),
      height: 0,
      width: 0,
      probs: [],
      maps: {},
      fetching: true
    };
    item.blind = isHidden(past);
    item.shown_at = void 0;
    this.#know(past.item_id, past.decision_id);
    this.revising = { past, item, certainty: before.certainty, draft: before.draft };
    this.draft = new Draft(past);
    this.certainty = past.certainty === null ? null : { value: past.certainty, source: past.certainty_source ?? "carried" };
    this.pointed = past.label_id && this.labels.has(past.label_id) ? past.label_id : null;
    this.rival = null;
    this.asking = null;
    this.guessing = false;
    this.brush.kind = null;
    if (item.fetching || past.hidden && !item.blind && !Object.keys(item.maps).length) this.#fetch(item.item_id);
    this.#decode();
    this.say(`You answered: ${this.wordsOf(past)}. ${this.reading ? "" : "Choose again to revise it; "}Esc goes back.`);
  }
  #leave() {
    if (!this.revising) return;
    ({ certainty: this.certainty, draft: this.draft } = this.revising);
    this.revising = null;
    this.pointed = this.rival = null;
  }
  /** The next label comes into focus. @param {1 | -1} by */
  point(by) {
    if (!this.item || this.face) return;
    const order = this.order;
    if (!order.length) return;
    const at = order.indexOf(this.focused?.label_id ?? "");
    this.pointed = order[at < 0 ? by > 0 ? 0 : order.length - 1 : (at + by + order.length) % order.length];
    this.#wantMap();
    this.changed();
  }
  /** Compares the label in focus with the suggestion, or the suggestion with the next best label; called again, ends the
   * comparison. */
  oppose() {
    this.#look(() => {
      const { focused, suggestion } = this;
      if (this.answering.target !== null) {
        this.notice = { bad: false, text: "The map of an attribute isn't compared with another one. Esc goes back to the labels." };
        return;
      }
      const other = focused?.label_id === suggestion?.[0] ? this.order.find((id) => id !== focused?.label_id) : suggestion?.[0];
      const rival = this.rival === null ? this.labels.get(other ?? "") : void 0;
      this.rival = rival?.label_id ?? null;
      this.notice = { bad: false, text: !focused || !suggestion || !other ? "There is no other label to compare this one with." : rival ? `Why ${focused.name}, and not ${rival.name}?` : `Why ${focused.name}?` };
      this.#wantMap();
    });
  }
  /** Requests the map of the label in focus. The suggestion's own maps come without a request, unless the model changed since
   * the item came; so a method that a person switches to is requested. @param {boolean} [switched] */
  #wantMap(switched = false) {
    const { item, against, display: { on, method } } = this;
    const target = this.mapped ?? (item && !this.annotating.on && mainTarget(item));
    if (!on || !method || !target || !item || !mainTarget(item) && !this.annotating.on && this.answering.target === null || this.answering.alone && this.mapped === null || item.blind || item.no_map || item.broken) return;
    const key3 = mapKey(item, method, target, against);
    if (key3 === method && !switched || item.maps[key3]) return;
    const asked = { method, target, ...against === null ? {} : { against } };
    item.maps[key3] = { ...asked, height: 0, width: 0, box: [0, 0, 0, 0], signed: false };
    this.extras.ask({ kind: "map", item_id: item.item_id, ...asked });
  }
  /** @param {string | null} label_id */
  peek(label_id) {
    if (this.peeked === label_id) return;
    this.peeked = label_id;
    this.changed();
  }
  /** Labels that an earlier answer to this item may mean now. @returns {string[]} */
  get candidates() {
    return this.item?.candidates?.filter((id) => this.labels.has(id)) ?? [];
  }
  /** The labels that arrows go through: those that an earlier answer may mean, the model's, then those with a key. @returns {string[]} */
  get order() {
    if (this.answering.merged) return [...this.labels.keys()].filter((id) => this.keys.has(id));
    const likely = this.suggestion ? this.item?.probs.map(([id]) => id).filter((id) => this.labels.has(id)) ?? [] : [];
    return [.../* @__PURE__ */ new Set([...this.candidates, ...likely, ...[...this.labels.keys()].filter((id) => this.keys.has(id))])];
  }
  /** Changes the display of the map, if there is one to show. @param {() => void} change */
  #look(change) {
    if (!this.display.methods.length) return this.say("No saliency map was asked for.");
    if (this.blind) return this.say("This item is shown blind: its map is hidden too.");
    change();
    this.changed();
  }
  toggleMap() {
    this.#look(() => {
      this.display.toggle();
      this.#wantMap();
    });
  }
  /** @param {"method" | "mode"} what */
  nextMap(what) {
    this.#look(() => {
      this.display.next(what);
      this.#wantMap(what === "method");
    });
  }
  /** @param {number} by */
  fade(by) {
    this.#look(() => this.display.fade(by));
  }
  /** @param {string | null} name null: the default name */
  name(name) {
    if (name === null) this.named = true;
    else {
      this.naming = true;
      this.link.hello(() => ({ kind: "name", annotator: name }));
    }
    this.changed();
  }
  /** Decodes the picture in full size, when the view is zoomed in further than its resolution allows. */
  sharpen() {
    const { item } = this;
    if (!item?.small || !this.around.decode) return;
    item.small = false;
    this.around.decode(item).then((picture) => {
      if (!item.picture) return;
      release(item);
      item.picture = picture;
      this.changed(false);
    }, () => {
    });
  }
  /** Sets how many pixels of the screen an item's longer side can have; 0 while the card is out of view. @param {number} side */
  resize(side) {
    const came = side > 0 && !(this.side > 0);
    this.side = side;
    if (came) retry(this.revising ? [this.revising.item, ...this.queue.items] : this.queue.items);
    if (side > 0) this.#decode();
    if (came) this.changed(false);
  }
  /** Notes that a picture of the current item is on the screen. */
  painted() {
    if (this.item && this.item.shown_at === void 0) this.item.shown_at = this.around.now();
  }
  // How a decision is made
  /** @param {Choice} choice */
  #decide(choice) {
    const { item, revising } = this;
    const { verdict, label_id } = choice;
    let { words: words2 } = choice;
    if (!item || this.face) return;
    this.asking = null;
    this.guessing = false;
    this.brush.kind = null;
    const rated = verdict !== "skip" ? this.certainty : null;
    const act3 = {
      ...this.#act("decide", item.item_id),
      kind: "decide",
      verdict,
      label_id,
      ...this.draft.said,
      certainty: rated?.value ?? null,
      ...this.answering.said(choice),
      ...this.annotating.said(choice),
      seen: this.#seen(item, rated?.source),
      known: [...this.known.get(item.item_id) ?? []]
    };
    this.#know(item.item_id, act3.decision_id);
    this.refused = null;
    this.stopped = false;
    this.outbox.put(act3);
    const past = { ...pastOf(act3), ...label_id === null ? {} : { label: this.nameOf(label_id) }, ...this.annotating.past(act3) };
    const shows = !revising && this.#isFirst(item, verdict);
    const second = !revising && item.first;
    if (revising) this.queue.revise(revising.past, past);
    else if (shows) this.queue.hold(past, this.around.now());
    else if (second) this.queue.second(past);
    else this.queue.decide(past);
    if (revising) this.#leave();
    else if (shows) {
      this.tally.add(1, this.around.now());
      this.drafts.drop(item.item_id);
      item.shown_at = this.around.now();
      this.rival = null;
      this.draft.hold(past);
      this.#pointAtFirst();
      words2 += ". The model's suggestion is here now: Enter keeps your answer, another label changes it.";
    } else {
      if (verdict !== "skip" && !second) this.tally.add(1, this.around.now());
      this.drafts.drop(item.item_id);
      this.draft = new Draft();
      this.#restoreDraft();
      this.pointed = this.rival = null;
      if (this.certainty) this.certainty = this.setup?.certainty === "keep" ? { ...this.certainty, source: "carried" } : null;
    }
    this.#used(label_id);
    item.rejection = void 0;
    if (!this.item?.picture) this.#decode();
    this.say(words2);
    this.#soon(() => {
      this.link.flush();
      this.#ask();
      this.#decode();
    });
  }
  /** Whether this answer is given before the suggestion, which is shown afterwards. @param {Item} item @param {Choice["verdict"]} verdict */
  #isFirst(item, verdict) {
    return Boolean(item.answer_first && item.blind && !item.broken && verdict !== "skip" && (item.suggestion && this.knows(item.suggestion) || this.answering.alone && item.values));
  }
  /** Puts the person's own answer in focus, so that Enter keeps it. */
  #pointAtFirst() {
    const { first } = this;
    this.pointed = first?.label_id && this.labels.has(first.label_id) ? first.label_id : null;
  }
  /** @param {() => void} step */
  #soon(step) {
    if (this.around.soon) this.around.soon(step);
    else step();
  }
  /** @param {string | null} label_id */
  #used(label_id) {
    const ids = membersOf(label_id);
    this.recent = [...ids, ...this.recent.filter((id) => !ids.includes(id))].slice(0, RECENT);
  }
  /** @template {Act["kind"]} K @param {K} kind @param {string} item_id */
  #act(kind, item_id) {
    const decision_id = newId();
    this.touched_at = this.around.now();
    this.mine.add(decision_id);
    return { kind, decision_id, item_id, acted_at: this.around.instant(), annotator: this.setup?.annotator ?? "" };
  }
  /** What is on the screen at this moment. @param {Item} item @param {Seen["certainty"]} certainty @returns {Seen} */
  #seen(item, certainty) {
    const seen = { chosen_by: this.revising ? REVISION : item.chosen_by, taxonomy: this.setup?.taxonomy.version };
    const suggestion = item.broken || !item.suggestion || !this.knows(item.suggestion) ? void 0 : item.suggestion;
    const probs = item.probs.filter(([id]) => this.labels.has(id));
    if (suggestion) Object.assign(seen, { suggestion, probs: Object.fromEntries(probs), model: item.model });
    Object.assign(seen, item.broken ? {} : this.answering.seen, this.annotating.seen);
    if (item.blind) seen.hidden = true;
    const map = this.#mapSeen;
    if (map) Object.assign(seen, { method: map.method, target: map.target, display: map.display ?? void 0 });
    if (map?.against) seen.against = map.against;
    if (certainty) seen.certainty = certainty;
    if (item.shown_at !== void 0) seen.shown_ms = Math.round(this.around.now() - item.shown_at);
    return this.#exposed(seen, item);
  }
  /** The judged map, or else the map on the screen. Null if the judged map is of a label retired since or of another model than
   * the item's, or if something was judged without a map and that on the screen is an attribute's.
   * @returns {import("../messages.d.ts").ShownMap | null} */
  get #mapSeen() {
    const { draft: { judged: judged2, map }, saliency, answering } = this;
    if (judged2 && map) return this.#isStill(map) ? map : null;
    return !saliency || judged2 && !answering.alone && answering.attributeOf(saliency.target) ? null : this.#shownMap(saliency);
  }
  /** @param {import("../messages.d.ts").ShownMap} map whether its target still exists and its model is that of the item on the screen */
  #isStill({ target, against, models }) {
    const { item, answering } = this;
    const model = answering.attributeOf(target) ? item?.values_model : item?.model;
    return this.#isThere(target) && this.#isThere(against ?? target) && (!model || !models?.length || models.includes(model));
  }
  /** Whether the target of a map still exists. @param {string} target */
  #isThere(target) {
    return this.labels.has(target) || Boolean(this.answering.attributeOf(target)) || isOfObject(target);
  }
  /** Adds how the item was shown, as the kernel sent it; the randomised arm only if the item was really shown in that
   * way. @param {Seen} seen @param {Item} item @returns {Seen} */
  #exposed(seen, { exposure, blind, first }) {
    const { arm, arm_probability, ...rest } = (
      /** @type {Partial<Seen>} */
      exposure ?? {}
    );
    const differs = this.revising || !blind && (arm === "blind" || arm === "answer_first" && !first);
    return { ...seen, ...rest, ...differs || arm === void 0 ? {} : { arm, arm_probability } };
  }
  /** @param {string} item_id */
  #fetch(item_id) {
    this.extras.ask({ kind: "fetch", item_id });
  }
  #have() {
    const decided = this.#onTheirWay().map((act3) => act3.item_id);
    return [.../* @__PURE__ */ new Set([...this.queue.items.map((i) => i.item_id), ...decided])];
  }
  /** Asks for more items before they run out; the answer comes as pushes. */
  #ask() {
    const now = this.around.now();
    if (!this.setup || this.closed || this.queue.items.length > LOW || now - this.more_at < MORE_MS) return;
    if (this.end && this.queue.items.length === 0 && now - this.more_at < 5 * MORE_MS) return;
    this.more_at = now;
    this.extras.ask({ kind: "more", have: this.#have() });
  }
  #decode() {
    const { past } = this.queue;
    const items = this.revising ? [this.revising.item, ...this.queue.items] : this.queue.items;
    const kept = /* @__PURE__ */ new Set([...past.slice(-TOUCHES).map(({ item }) => item), ...items]);
    for (const { item } of past.slice(0, -TOUCHES)) if (item?.picture && !kept.has(item)) release(item);
    decodeAhead(items, (item) => {
      if (item === this.item) this.changed(false);
    }, this.around.decode, this.side);
  }
};

// hitl_widgets/widgets/js/card/about.js
var SIDE = 40;
var WHY = {
  random: "drawn at random",
  margin: "chosen: two labels are close",
  entropy: "chosen: many labels are possible",
  least_confidence: "chosen: the model is in doubt",
  balanced_margin: "chosen: two labels are close, and one of them has few answers",
  balanced_entropy: "chosen: many labels are possible, and the likeliest has few answers",
  typiclust: "chosen: typical of many others",
  k_centre: "chosen: unlike the items answered so far",
  diverse_margin: "chosen: two labels are close; unlike the others",
  spread: "chosen: its values are the least certain",
  diverse_spread: "chosen: its values are the least certain; unlike the others",
  doubt: "chosen: its objects are the least certain",
  diverse_doubt: "chosen: its objects are the least certain; unlike the others",
  contested: "chosen: people differ about its objects",
  most_corrected: "chosen: like images whose proposals were corrected",
  disagreement: "chosen: answers differ",
  skipped: "skipped before",
  holdout: "drawn at random",
  gold: "drawn at random",
  audit: "drawn at random",
  revision: "decided before",
  relabel: "asked again: the labels changed",
  check: "drawn at random",
  "second look": "asked again: the answer may be wrong"
};
var WHY_OF_SETS = {
  margin: "chosen: a label may be on or off",
  entropy: "chosen: many labels may be on or off",
  balanced_margin: "chosen: a label with few answers may be on or off",
  balanced_entropy: "chosen: labels with few answers may be on or off",
  diverse_margin: "chosen: a label may be on or off; unlike the others"
};
var whyChosen = (chosen_by, many = false) => (many ? WHY_OF_SETS[chosen_by] : void 0) ?? WHY[chosen_by] ?? `chosen by ${chosen_by.replaceAll("_", " ")}`;
var asText = (value2) => value2 === null || value2 === void 0 ? "" : typeof value2 === "object" ? JSON.stringify(value2) : String(value2);
var sizeInWords = ({ mime, width, height }) => !width ? "" : mime === "text/plain" ? `${width.toLocaleString("en")} character${width === 1 ? "" : "s"}` : `${width} × ${height}`;
function exampleOf(example, side) {
  const canvas = h("canvas", {
    class: "hitl-thumb",
    width: side,
    height: side,
    role: "img",
    style: `width: ${side}px; height: ${side}px`,
    "aria-label": `${example.against ? "counter-example" : "example"} ${example.name}${example.case ? `, ${example.case}` : ""}`
  });
  const words2 = example.problem ?? `${example.name}: ${example.against ? "counter-example" : "example"}${example.case ? ` (${example.case})` : ""}`;
  const element = h(
    "span",
    { class: `hitl-example${example.against ? " hitl-against" : ""}`, title: words2 },
    canvas,
    h("span", { class: "hitl-example-sign", "aria-hidden": "true", text: example.problem ? "!" : example.against ? "✗" : "✓" })
  );
  drawSmall(canvas, example.picture);
  return element;
}
function inShort(threads) {
  const last = threads.at(-1)?.posts.at(-1);
  const n = threads.length === 1 ? "1 question" : `${threads.length} questions`;
  return !last ? "" : last.act === "ask" ? n : `${n} · ${last.annotator}: ${last.text}`;
}
function buildAbout(session) {
  const name = h("strong");
  const definition = h("span", { class: "hitl-definition" });
  const sensitive = h("span", { class: "hitl-sensitive" });
  const link = h("a", { target: "_blank", rel: "noopener noreferrer", tabindex: "0", text: "more" });
  const examples = h("div", { class: "hitl-examples" });
  const meaning = h(
    "section",
    { class: "hitl-meaning", "aria-label": "The label in focus" },
    h("p", {}, name, definition, link),
    sensitive,
    examples
  );
  const facts = h("p", { class: "hitl-facts" });
  const asked = h("button", { class: "hitl-asked-of", type: "button", tabindex: "-1", hidden: true, onclick: () => session.open("questions") });
  const meta = h("p", { class: "hitl-meta" });
  const about = h("div", { class: "hitl-about-item" }, meaning, h("section", { "aria-label": "The item" }, h("div", { class: "hitl-facts-row" }, facts, asked), meta));
  let drawn2 = null;
  let described = null;
  let read2 = null;
  function update() {
    const { item, setup, answering } = session;
    const asked_of = answering.field;
    const explained = asked_of ? { ...asked_of, path: asked_of.name, label_id: "", link: "", n_examples: 0, sensitive: "" } : session.explained;
    if (setup && setup.taxonomy !== read2) {
      read2 = setup.taxonomy;
      meaning.hidden = !setup.taxonomy.labels.some((label) => label.definition || label.link || label.n_examples || label.sensitive) && ![...answering.attributes.values()].some((attribute) => attribute.definition);
    }
    if (!meaning.hidden) {
      setText(name, explained ? explained.path : "");
      setText(definition, explained ? explained.definition ? ` ${explained.definition} ` : " has no definition yet. " : "The meaning of a label appears here when it is in focus (arrow keys, or the mouse over it).");
      const address = /^https?:/.test(explained?.link ?? "") ? explained?.link ?? null : null;
      link.hidden = !address;
      setAttribute(link, "href", address);
      setText(sensitive, explained?.sensitive ? `Sensitive, because ${explained.sensitive}` : "");
      if (!asked_of && session.explained) session.extras.wantExamples(session.explained);
      const list = asked_of || !explained ? void 0 : session.extras.examples.get(explained.label_id);
      if (list !== drawn2) {
        drawn2 = list;
        examples.replaceChildren(...(list ?? []).map((example) => exampleOf(example, SIDE)));
      }
    }
    const known2 = !item || session.face ? "" : [
      item.item_id,
      sizeInWords(item),
      session.revising ? whyChosen("revision") : !item.blind && whyChosen(item.chosen_by, answering.many),
      item.model && !item.blind && `model ${item.model.slice(0, 7)}`
    ].filter(Boolean).join(" · ");
    setText(facts, known2);
    const threads = session.people.ofItem(item?.item_id);
    asked.hidden = !known2 || !threads.length;
    setText(asked, inShort(threads));
    setAttribute(facts, "title", known2);
    if (item?.meta !== described) {
      described = item?.meta;
      meta.replaceChildren(...Object.entries(item?.meta ?? {}).flatMap(([key3, value2], i) => [
        document.createTextNode(i ? " · " : ""),
        h("b", { text: `${key3} ` }),
        document.createTextNode(asText(value2))
      ]));
    }
    meta.hidden = !meta.children.length || session.face !== null;
  }
  return { about, update };
}

// hitl_widgets/widgets/js/help.js
function buildHelp(session, { refocus, first, takes_focus = true }) {
  const list = h("dl", {});
  const close2 = h("button", { class: "hitl-key-button", type: "button", onclick: () => toggle(false) }, cap("Escape"), h("span", { text: "Close" }));
  const help = h(
    "div",
    { class: "hitl-help", hidden: true, role: "dialog", "aria-label": "Keys" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-face-title", text: "Keys" }), close2),
    list
  );
  let drawn2 = null;
  let n_own = 0;
  function toggle(open = help.hidden) {
    help.hidden = !open;
    if (!open) refocus();
    else if (takes_focus) close2.focus();
  }
  function update() {
    const { setup } = session;
    const own = typeof first === "function" ? first() : first;
    if (!setup || setup.keys === drawn2 && own.length === n_own) return;
    drawn2 = setup.keys;
    n_own = own.length;
    const rows = [...own, ...Object.values(setup.keys), [["Escape"], "close what is open, or leave the widget"]];
    list.replaceChildren(...rows.filter(([keys]) => keys.length).map(([keys, words2]) => h(
      "div",
      {},
      h("dt", {}, ...keys.map((key3) => key3 === "…" || key3 === "letters" ? h("span", { text: key3 }) : cap(key3))),
      h("dd", { text: words2 })
    )));
  }
  return { help, update, toggle };
}

// hitl_widgets/widgets/js/card/faces.js
var FACES = {
  start: ["…", "Waiting for the kernel", "The card opens as soon as the kernel answers."],
  name: ["✎", "Who is labelling?", "Decisions carry your name, so that people can be told apart later."],
  consent: ["?", "Before you begin", ""],
  closed: ["✓", "This card is closed", ""],
  fetch: ["…", "Fetching the item again", ""],
  wait: ["…", "The next items are on their way", ""],
  empty: ["✓", "Nothing left to label", "Every item of this queue has your answer. Train on them in a cell below, or undo the last one with z."],
  enough: ["✓", "All done", "You have answered as many items as this review asked for. Train on the answers in a cell below, or undo the last one with z."]
};
function buildFace(session, refocus) {
  const sign = h("div", { class: "hitl-sign", "aria-hidden": "true" });
  const title = h("h3", { class: "hitl-face-title" });
  const words2 = h("p", { class: "hitl-face-words", role: "status" });
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
    h("button", { class: "hitl-key-button", type: "button", text: "Go on without a name", onclick: () => {
      session.name(null);
      refocus();
    } })
  );
  const answer = (yes) => {
    session.people.consent(yes);
    refocus();
  };
  const consent = h(
    "div",
    { class: "hitl-name-form" },
    h("button", { class: "hitl-primary", type: "button", onclick: () => answer(true) }, cap("y"), document.createTextNode(" Yes, I take part")),
    h("button", { class: "hitl-key-button", type: "button", onclick: () => answer(false) }, cap("n"), h("span", { text: "No: all suggestions as the model makes them" }))
  );
  const face = h("div", { class: "hitl-face" }, sign, title, words2, form, consent);
  function update() {
    const kind = session.face;
    face.hidden = kind === null;
    form.hidden = kind !== "name";
    consent.hidden = kind !== "consent";
    if (kind === null) return;
    const [symbol, head, text] = FACES[kind];
    setText(sign, symbol);
    setText(title, head);
    const s2 = Math.round(session.waited_ms / 1e3);
    setText(words2, session.gone && kind !== "closed" && kind !== "name" ? `The kernel was restarted or has died. Run the notebook from the top: ${session.pending ? `${session.pending === 1 ? "1 decision waits" : `${session.pending} decisions wait`} here and will be stored then.` : "all your decisions are stored."}` : kind === "consent" ? session.people.question?.text ?? "" : kind === "closed" ? `${session.closed} ${session.pending ? `${session.pending === 1 ? "1 decision waits" : `${session.pending} decisions wait`} to be stored.` : "All your decisions here are stored."}` : kind === "wait" && session.trouble ? session.trouble : ["wait", "start", "fetch"].includes(kind) && s2 >= 3 ? `The kernel hasn't answered for ${s2} s: it may be running a cell. Your decisions are kept; the card goes on when it answers.` : text);
    face.classList.toggle("hitl-calm", ["wait", "start", "fetch"].includes(kind));
  }
  return { face, update };
}

// hitl_widgets/widgets/js/card/drawer.js
var TITLES = { questions: "Questions", guideline: "Guideline", project: "About this project", notices: "What you are told" };
var SIDE2 = 64;
var SETTLED = { example: "became an example", counter_example: "became a counter-example", sentence: "went into the definition", none: "settled" };
function ago(at, now) {
  const minutes = (now - Date.parse(at)) / 6e4;
  if (!(minutes >= 1)) return "now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(at).toLocaleDateString();
}
function buildDrawer(session, refocus) {
  const title = h("h3", { class: "hitl-face-title" });
  const close2 = h("button", { class: "hitl-key-button", type: "button", onclick: () => {
    session.open(null);
    refocus();
  } }, cap("Escape"), h("span", { text: "Close" }));
  const content = h("div", { class: "hitl-drawer-content" });
  const asking = buildAsking(session, refocus);
  const drawer = h(
    "aside",
    { class: "hitl-drawer", role: "region", "aria-label": "Questions", hidden: true },
    h("div", { class: "hitl-row" }, title, close2),
    content,
    asking.form
  );
  let drawn2 = null;
  function update() {
    const { drawer: kind } = session;
    const opened = drawer.hidden && kind !== null;
    drawer.hidden = kind === null;
    if (kind === null) {
      drawn2 = null;
      return;
    }
    setText(title, TITLES[kind]);
    drawer.setAttribute("aria-label", TITLES[kind]);
    asking.form.hidden = kind !== "questions" || session.reading !== null;
    asking.update();
    const label = session.explained;
    if (kind === "guideline" && label) session.extras.wantExamples(label);
    const examples = label && session.extras.examples.get(label.label_id);
    const state = JSON.stringify([kind, kind === "questions" ? [session.item?.item_id, label?.label_id, session.people.threads, session.people.replying] : kind === "guideline" ? [label, session.people.about, examples?.map(({ name, picture }) => [name, Boolean(picture)])] : [session.people.about, session.people.notices, session.setup?.annotator]]);
    if (state === drawn2) return;
    drawn2 = state;
    const { scrollTop } = content;
    content.replaceChildren(...{ questions: questionsOf, guideline: guidelineOf, project: projectOf, notices: noticesOf }[kind](session, asking.focus));
    content.scrollTop = opened ? 0 : scrollTop;
  }
  return { drawer, update, ask() {
    if (session.drawer !== "questions") session.open("questions");
    if (session.drawer === "questions") asking.focus();
  } };
}
function buildAsking(session, refocus) {
  const box = h("input", { class: "hitl-ask-box", type: "text", maxlength: "2000", "aria-label": "Your question", autocomplete: "off" });
  const choices = [false, true].map((of_label) => {
    const words2 = h("span");
    const button = h("button", { class: "hitl-key-button", type: "button", onclick: () => {
      session.people.of_label = of_label;
      session.people.replying = null;
      session.changed();
      box.focus({ preventScroll: true });
    } }, words2);
    return { of_label, words: words2, button };
  });
  const about = h("div", { class: "hitl-ask-about", role: "group", "aria-label": "What the question is about" }, h("span", { class: "hitl-quiet", text: "About" }), ...choices.map(({ button }) => button));
  const form = h("form", { class: "hitl-ask", onsubmit: (event) => {
    event.preventDefault();
    if (session.ask(box.value)) {
      box.value = "";
      refocus();
    }
  } }, about, h("div", { class: "hitl-row" }, box, h("button", { class: "hitl-primary", type: "submit", text: "Send" })));
  function update() {
    const { people, item, explained } = session;
    const thread = people.threads.find((one) => one.thread === people.replying);
    if (people.unsent) {
      box.value ||= people.unsent;
      people.unsent = "";
    }
    if (!item) people.of_label = true;
    for (const { of_label, words: words3, button } of choices) {
      button.hidden = of_label ? !explained : !item;
      setText(words3, of_label ? `the label ${explained?.name}` : "this item");
      button.setAttribute("aria-pressed", String(!thread && (people.of_label && Boolean(explained)) === of_label));
    }
    about.classList.toggle("hitl-nothing", Boolean(thread));
    const words2 = thread ? `Answer ${thread.posts[0]?.annotator}` : "What do you want to ask?";
    if (box.placeholder !== words2) box.placeholder = words2;
    box.setAttribute("aria-label", thread ? words2 : "Your question");
  }
  return { form, update, focus: () => {
    update();
    box.focus({ preventScroll: true });
  } };
}
function questionsOf(session, focus) {
  const { people, item, explained } = session;
  const [ofItem, ofLabel, others] = people.sorted(item?.item_id, explained?.label_id);
  const fresh = new Set(people.fresh);
  const parts = [[ofItem, "This item"], [ofLabel, `The label ${explained?.name}`], [others, "Elsewhere"]];
  const sections = parts.flatMap(([threads, head]) => threads.length ? [h(
    "section",
    {},
    h("h4", { class: "hitl-title", text: (
      /** @type {string} */
      head
    ) }),
    .../** @type {Thread[]} */
    threads.map((thread) => threadOf(session, thread, fresh.has(thread), focus, threads === others))
  )] : []);
  people.look([...ofItem, ...ofLabel, ...others]);
  return sections.length ? sections : [h("p", { class: "hitl-quiet", text: "Nobody has asked anything yet. What you ask appears on the cards of your colleagues, and their answers appear here." })];
}
function threadOf(session, thread, fresh, focus, elsewhere) {
  const { people } = session;
  const label = session.labels.get(thread.label_id ?? "") ?? session.explained;
  const answered = thread.posts.some(({ act: act3 }) => act3 === "answer");
  const settling = (how, text, title) => h("button", { class: "hitl-key-button", type: "button", title, onclick: () => people.settle(thread, how, how === "none" ? void 0 : label?.label_id) }, h("span", { text }));
  const what = elsewhere ? [thread.item_id, session.labels.get(thread.label_id ?? "")?.path].filter(Boolean).join(" · ") : "";
  const makes = !answered || !label || thread.settled ? [] : [
    ...thread.item_id ? [
      settling("example", `Example of ${label.name}`, `The item becomes an example of ${label.path}`),
      settling("counter_example", "Counter-example", `The item becomes an example of what is not ${label.path}`)
    ] : [],
    settling("sentence", thread.item_id ? "Sentence of the definition" : `Sentence of the definition of ${label.name}`, `The last answer is added to the definition of ${label.path}`)
  ];
  return h(
    "article",
    { class: `hitl-thread${fresh ? " hitl-fresh" : ""}`, "data-thread": thread.thread },
    ...what ? [h("p", { class: "hitl-quiet", text: what })] : [],
    ...thread.posts.filter(({ text }) => text).map((post) => h(
      "p",
      { class: post.act === "ask" ? "hitl-asked" : "hitl-answered" },
      h("b", { text: post.annotator === people.annotator ? "You" : post.annotator }),
      document.createTextNode(` ${post.text} `),
      h("span", { class: "hitl-quiet", text: ago(post.at, session.now()) })
    )),
    h("div", { class: "hitl-thread-acts" }, ...thread.settled ? [h("span", { class: "hitl-quiet", text: `✓ ${SETTLED[thread.how ?? "none"] ?? "settled"}` })] : [
      h("button", { class: "hitl-key-button hitl-answer-this", type: "button", "aria-pressed": String(people.replying === thread.thread), onclick: () => {
        people.replying = thread.thread;
        focus();
        session.changed();
      } }, h("span", { text: "Answer" })),
      ...makes.length ? [h("span", { class: "hitl-quiet", text: "Make it:" })] : [],
      ...makes,
      ...answered ? [settling("none", "Settled", "Nothing is to be done")] : []
    ])
  );
}
function guidelineOf(session) {
  const { people: { about }, explained: label } = session;
  const purpose = about?.purpose ? [h("p", { class: "hitl-purpose" }, h("b", { text: "Purpose " }), document.createTextNode(about.purpose))] : [];
  if (!label) return [...purpose, h("p", { class: "hitl-quiet", text: "Go to a label with the arrow keys, or click the i beside it." })];
  const all = session.extras.examples.get(label.label_id) ?? [];
  const groups = [["Examples", all.filter(({ against, case: hard }) => !against && !hard), ""], ["Counter-examples", all.filter(({ against, case: hard }) => against && !hard), "against"]];
  for (const hard of new Set(all.flatMap((example) => example.case ?? []))) groups.push([`Hard to see: ${hard}`, all.filter((example) => example.case === hard), hard]);
  const address = /^https?:/.test(label.link ?? "") ? label.link ?? "" : "";
  return [
    ...purpose,
    h("h4", { class: "hitl-guided", text: label.path }),
    h("p", { class: "hitl-definition", text: label.definition || "It has no definition yet. A question about it may become one." }),
    ...label.sensitive ? [h("p", { class: "hitl-sensitive", text: `Sensitive, because ${label.sensitive}` })] : [],
    ...address ? [h("p", {}, h("a", { href: address, target: "_blank", rel: "noopener noreferrer", text: "more" }))] : [],
    ...groups.flatMap(([head, examples, kind]) => examples.length ? [h(
      "section",
      { "data-case": kind },
      h("h4", { class: "hitl-title", text: head }),
      h("div", { class: "hitl-examples" }, ...examples.map((example) => exampleOf(example, SIDE2)))
    )] : []),
    ...all.length ? [] : [h("p", { class: "hitl-quiet", text: label.n_examples ? "Its examples are on their way …" : "It has no examples yet." })]
  ];
}
function whoSees(about, annotator) {
  const owner = about?.owner === annotator ? "you made this project and see" : `${about?.owner ?? "the owner"} sees`;
  return about?.names ? `Your figures are yours. In this project names are shown to the owner: ${owner} them beside each person's figures.` : `Your figures are yours. Names aren't shown to the owner: ${owner} the figures of groups of five people or more.`;
}
function projectOf(session) {
  const { people, setup } = session;
  const { about } = people;
  return [
    h("p", { class: "hitl-purpose" }, h("b", { text: "Purpose " }), document.createTextNode(about?.purpose ?? "Nobody has written down what this project is for.")),
    ...about?.asked ? [h("p", { class: "hitl-assigned", text: about.asked })] : [],
    h("p", { text: whoSees(about, setup?.annotator ?? "") }),
    h("p", { text: "In a cell, wb.people.own() shows your own figures: your slips, your calibration, your bias." }),
    h("p", { class: "hitl-quiet", text: "The project's log lies in its folder: whoever can open the folder can read all of it, names too." }),
    ...(about?.takes_part ?? []).map((to) => h(
      "section",
      { class: "hitl-takes-part" },
      h("p", { text: to === "planted" ? "You agreed that some suggestions may be wrong on purpose. You may stop at any time; you are told which ones when the sitting is over." : `You take part in: ${to}.` }),
      h(
        "div",
        { class: "hitl-row" },
        h("button", { class: "hitl-key-button", type: "button", onclick: () => people.consent(false, to) }, h("span", { text: "Stop taking part" })),
        h("button", { class: "hitl-key-button", type: "button", onclick: () => {
          session.stop();
          session.open(null);
        } }, h("span", { text: "End the sitting: which ones were wrong?" }))
      )
    ))
  ];
}
function noticesOf(session) {
  return session.people.notices.map((notice) => h(
    "section",
    {},
    h("p", { text: notice.text }),
    h("ul", { class: "hitl-lines" }, ...notice.lines.map((line) => h("li", { text: line }))),
    h("button", { class: "hitl-primary", type: "button", text: "Understood", onclick: () => {
      session.people.dismiss(notice);
      if (!session.people.notices.length) session.open(null);
    } })
  ));
}
function buildNotice(session, refocus) {
  const words2 = h("span", { class: "hitl-told-words", role: "status", "aria-live": "polite" });
  const show2 = h("button", { class: "hitl-key-button", type: "button", onclick: () => session.open("notices") }, h("span", { text: "Which ones?" }));
  const done = h("button", { class: "hitl-primary", type: "button", text: "Understood", onclick: () => {
    const [notice] = session.people.notices;
    if (notice) session.people.dismiss(notice);
    refocus();
  } });
  const bar = h("div", { class: "hitl-told", hidden: true }, words2, show2, done);
  return { bar, update() {
    const [notice] = session.people.notices;
    bar.hidden = !notice || session.drawer === "notices";
    setText(words2, notice?.text ?? "");
    bar.classList.toggle("hitl-alarm", notice?.kind === "alarm");
    show2.hidden = !notice?.lines.length;
  } };
}

// hitl_widgets/widgets/js/card/attributes.js
var SOURCES = { hand: "", model: "suggested", before: "as you answered" };
function buildSteps(session, attribute) {
  const choices = attribute.kind === "choices";
  const buttons = stepsOf(attribute).map((value2, i) => {
    const key3 = !choices ? null : i < 10 ? String((i + 1) % 10) : null;
    const button = h(
      "button",
      {
        class: choices ? "hitl-choice" : "hitl-step",
        type: "button",
        tabindex: "-1",
        role: "radio",
        "aria-checked": "false",
        "aria-label": `${attribute.name}: ${written(attribute, value2)}`,
        ...key3 ? { "aria-keyshortcuts": key3 } : {},
        onclick: () => {
          session.answering.hold(attribute.attribute_id);
          session.answering.set(attribute, value2);
        }
      },
      key3 ? cap(key3) : null,
      h("span", { text: written(attribute, value2) })
    );
    return { value: value2, button };
  });
  const element = h("div", { class: choices ? "hitl-choice-row" : "hitl-steps", role: "radiogroup", "aria-label": attribute.name }, ...buttons.map(({ button }) => button));
  if (!choices) element.style.gridTemplateColumns = `repeat(${buttons.length}, 1fr)`;
  function update(given, held2) {
    element.classList.toggle("hitl-held", held2);
    for (const { value: value2, button } of buttons) {
      const on = given?.value === value2;
      setAttribute(button, "aria-checked", String(on));
      setAttribute(button, "data-by", on ? given.by : null);
      const { low, high } = given ?? {};
      button.classList.toggle("hitl-below", !choices && !on && given?.by === "model" && typeof value2 === "number" && (low ?? value2 + 1) <= value2 && value2 <= (high ?? value2 - 1));
    }
  }
  return { element, update };
}
function buildScale(session, attribute) {
  const { low = 0, high = 1, step = 1 } = attribute;
  const band = h("span", { class: "hitl-band" });
  const thumb = h("span", { class: "hitl-thumb-mark" });
  const track = h(
    "div",
    { class: "hitl-scale-track", role: "slider", "aria-label": attribute.name, "aria-valuemin": low, "aria-valuemax": high },
    h("span", { class: "hitl-rail" }),
    band,
    thumb
  );
  const element = h(
    "div",
    { class: "hitl-value-scale" },
    h("span", { class: "hitl-end", text: written(attribute, low) }),
    track,
    h("span", { class: "hitl-end", text: written(attribute, high) })
  );
  const share = (value2) => `${100 * Math.max(0, Math.min(1, (value2 - low) / (high - low)))}%`;
  const drag = (event) => {
    const { left, width } = track.getBoundingClientRect();
    session.answering.drag(attribute, low + (event.clientX - left) / width * (high - low));
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    track.setPointerCapture(event.pointerId);
    drag(event);
    track.addEventListener("pointermove", drag);
    track.addEventListener("lostpointercapture", () => track.removeEventListener("pointermove", drag), { once: true });
  });
  function update(given, held2) {
    const value2 = typeof given?.value === "number" ? given.value : null;
    const interval = given?.by === "model" && typeof given.low === "number" && typeof given.high === "number" ? [given.low, given.high] : null;
    element.classList.toggle("hitl-held", held2);
    thumb.hidden = value2 === null;
    band.hidden = !interval;
    if (value2 !== null) thumb.style.left = share(value2);
    setAttribute(thumb, "data-by", given?.by ?? null);
    if (interval) Object.assign(band.style, { left: share(interval[0]), width: `calc(${share(interval[1])} - ${share(interval[0])})` });
    setAttribute(track, "aria-valuenow", value2 === null ? null : String(value2));
    setAttribute(track, "aria-valuetext", value2 === null ? "no value" : `${written(attribute, value2)}${given && SOURCES[given.by] ? `, ${SOURCES[given.by]}` : ""}`);
    track.title = `Drag, or ${isUnit(attribute) ? "digits after the point" : "type the number"}; arrows step by ${nearest2({ ...attribute, low: 0, high: Infinity }, step)}`;
  }
  return { element, update };
}
function buildField(session, attribute) {
  const control = stepsOf(attribute).length ? buildSteps(session, attribute) : buildScale(session, attribute);
  const name = h("button", {
    class: "hitl-field-name",
    type: "button",
    tabindex: "-1",
    text: attribute.name,
    title: attribute.definition ?? attribute.name,
    onclick: () => session.answering.hold(attribute.attribute_id)
  });
  const value2 = h("span", { class: "hitl-field-value" });
  const row = h(
    "div",
    { class: "hitl-value", role: "group", "aria-label": attribute.name, "data-attribute": attribute.attribute_id },
    name,
    control.element,
    value2,
    attribute.sensitive ? h("span", { class: "hitl-sensitive", text: `Sensitive: ${attribute.sensitive}`, title: attribute.sensitive }) : null
  );
  function update(asked, held2) {
    row.hidden = !asked;
    if (!asked) return;
    const given = session.answering.given(attribute);
    const typing = held2 ? session.answering.hand.text : "";
    row.classList.toggle("hitl-in-hand", held2);
    setAttribute(row, "data-by", given?.by ?? null);
    control.update(given, held2);
    setText(value2, given ? written(attribute, given.value) : typing ? `${typing}…` : "–");
    value2.title = given ? SOURCES[given.by] : "no value";
  }
  return { row, update };
}
function buildFields(session) {
  const title = h("h3", { class: "hitl-title" });
  const hint = h("span", { class: "hitl-caps" }, cap("Tab"));
  const rows = h("div", { class: "hitl-values" });
  const element = h("section", { class: "hitl-fields", "aria-label": "Attributes" }, h("div", { class: "hitl-row" }, title, hint), rows);
  let drawn2 = null;
  let fields = /* @__PURE__ */ new Map();
  function update() {
    const { answering, setup } = session;
    element.hidden = !answering.attributes.size;
    if (element.hidden || !setup) return;
    if (setup.taxonomy !== drawn2) {
      drawn2 = setup.taxonomy;
      fields = new Map([...answering.attributes].map(([id, attribute]) => [id, buildField(session, attribute)]));
      rows.replaceChildren(...[...fields.values()].map(({ row }) => row));
      rows.style.setProperty("--hitl-n-values", String(Math.min(answering.most, 4)));
    }
    const asked = new Set(answering.fields.map(({ attribute_id }) => attribute_id));
    const held2 = answering.field?.attribute_id;
    for (const [id, { update: show2 }] of fields) show2(asked.has(id), id === held2);
    const of = answering.alone ? "" : answering.many ? [...asked].length ? session.nameOf(session.focused?.label_id) : "" : session.focused?.name ?? "";
    setText(title, answering.alone ? "Values" : !asked.size ? "No attributes are asked" : answering.many ? "Attributes" : `Attributes of ${of}`);
    hint.hidden = asked.size < (answering.alone ? 2 : 1);
  }
  return { element, update };
}

// hitl_widgets/widgets/js/card/object_list.js
var MOST2 = 60;
var BEFORE = 20;
var QUOTED2 = 60;
function became(session, objects, object) {
  const what = objects.became(object);
  const words2 = what === "relabelled" ? `was ${session.nameOf(object.proposal?.label_id)}` : what === "accepted" ? objects.isProposal(object) ? "" : "✓" : what;
  return [words2, object.certainty === null ? "" : `certainty ${object.certainty}`, object.unsure ? "unsure" : "", reasonOf(objects, object), objects.problemWith(object) ? "crosses itself" : ""].filter(Boolean).join(", ");
}
var reasonOf = (objects, { id }) => {
  const reason = objects.reasons.get(id)?.reason;
  return reason ? `${reason} reason` : "";
};
function heading(session) {
  const { item, annotating, setup } = session;
  const { objects } = annotating;
  if (item?.broken) return ["This item can't be shown", `${keyName(setup?.keys.flag?.[0][0] ?? "")} flags it as bad data and goes on. You may also skip it.`];
  if (!item || !objects) return ["", ""];
  const counts = annotating.inWords();
  if (objects.list.length) return [objects.list.length === 1 ? `1 ${objects.noun}` : `${objects.list.length} ${objects.noun}s`, counts];
  if (item.chosen_by === "second look") return ["What do you see?", "Asked once more, blind: proposals and answers stay hidden."];
  if (session.blind) return ["What do you see?", "Asked blind: what the model proposes stays hidden."];
  if (item.problem) return ["The model failed on this item", item.problem];
  if (objects.shown.length) return [`No ${objects.noun}s`, "Enter stores that there are none."];
  if (item.model) return ["Nothing is proposed", item.threshold === void 0 ? "" : `The model found no object with a score of ${item.threshold.toFixed(2)} or more.`];
  return ["What do you see?", "There is no model yet: your first answers will train one."];
}
function buildObjectList(session, colourOf) {
  const title = h("h3", { class: "hitl-title" });
  const margin = h("span", { class: "hitl-quiet hitl-margin" });
  const accept = h("span", { class: "hitl-accept" }, capOf("accept"), h("span"));
  const rows = h("div", { class: "hitl-object-rows", tabindex: "-1", role: "listbox", "aria-label": "Objects" });
  const part = h("p", { class: "hitl-quiet hitl-object-part", hidden: true });
  const empty = h("p", { class: "hitl-quiet hitl-object-none", hidden: true }, capOf("draw"), h("span", { text: "draws an object; so does dragging over the picture" }));
  const no_span = h("p", { class: "hitl-quiet hitl-object-none", hidden: true }, cap("ArrowRight"), h("span", { text: "selects a word, a label's key makes a span of it" }));
  const hint = h("span", { class: "hitl-caps" }, cap("Tab"), h("span", { text: "the next" }));
  const element = h(
    "section",
    { class: "hitl-objects-said hitl-merged", hidden: true },
    h("div", { class: "hitl-row" }, title, margin, accept),
    rows,
    empty,
    no_span,
    h("div", { class: "hitl-row hitl-object-below" }, hint, part)
  );
  let drawn2 = /* @__PURE__ */ new Map();
  let of = null;
  let taxonomy = null;
  let order = "";
  let in_view = null;
  let scrolled = false;
  let scrolled_in = null;
  rows.addEventListener("scroll", () => {
    scrolled = true;
  });
  function build() {
    const parts = { key: h("kbd", { class: "hitl-cap" }), name: h("span", { class: "hitl-name" }), score: h("span", { class: "hitl-p" }), what: h("span", { class: "hitl-object-what" }), quote: h("bdi", { class: "hitl-quote", dir: "auto" }) };
    const row = h("button", { class: "hitl-object-row", type: "button", tabindex: "-1", role: "option", onclick: () => {
      session.annotating.withObjects((objects) => {
        objects.take(built.object?.id ?? null);
        return "";
      });
    } }, parts.key, parts.name, parts.quote, parts.what, parts.score);
    const built = { row, ...parts, object: null, looks: "" };
    return built;
  }
  function draw2(objects) {
    const all = objects.order;
    const { current } = objects;
    const from = all.length <= MOST2 ? 0 : Math.max(0, Math.min(all.length - MOST2, (current ? all.indexOf(current) : 0) - BEFORE));
    const shown = all.slice(from, from + MOST2);
    const there = new Set(shown.map(({ id }) => id));
    const spare = [...drawn2].flatMap(([id, at]) => there.has(id) ? [] : [at]);
    const next = new Map(shown.map(({ id }) => [id, drawn2.get(id) ?? spare.shift() ?? build()]));
    const ids = [...next.keys()].join();
    if (ids !== order) {
      order = ids;
      inOrder(rows, [...next.values()].map(({ row }) => row));
    }
    drawn2 = next;
    part.hidden = all.length <= MOST2;
    setText(part, `${from + 1} to ${from + shown.length} of ${all.length}`);
    for (const object of shown) {
      const at = (
        /** @type {Row} */
        drawn2.get(object.id)
      );
      const focused = object === current;
      const looks = `${focused} ${objects.isProposal(object)} ${reasonOf(objects, object)}`;
      if (at.object === object && at.looks === looks) continue;
      Object.assign(at, { object, looks });
      const key3 = session.keys.get(object.label_id) ?? "";
      const what = became(session, objects, object);
      const score = object.score === null ? "" : object.score.toFixed(2);
      const quote = objects instanceof TextSpans ? inBrief(objects.quoteOf(object), QUOTED2) : "";
      setText(at.quote, quote);
      setText(at.key, key3.toUpperCase());
      at.key.style.setProperty("--hitl-of-label", colourOf(object.label_id));
      setText(at.name, session.nameOf(object.label_id));
      setText(at.what, what);
      setText(at.score, score);
      at.row.classList.toggle("hitl-proposed", objects.isProposal(object));
      at.row.classList.toggle("hitl-focused", focused);
      setAttribute(at.row, "aria-selected", String(focused));
      setAttribute(at.row, "aria-label", [session.nameOf(object.label_id), quote, score && `score ${score}`, what].filter(Boolean).join(", "));
    }
  }
  function scroll() {
    const { focus = null } = session.annotating.objects ?? {};
    const place = focus && `${focus} ${order}`;
    if (of !== scrolled_in) {
      if (scrolled) rows.scrollTop = 0;
      scrolled = false;
      scrolled_in = of;
      in_view = null;
    }
    if (place === in_view) return;
    in_view = place;
    const row = focus === null ? void 0 : drawn2.get(focus)?.row;
    if (!row) return;
    const { offsetTop: top, offsetHeight: height } = row;
    if (top < rows.scrollTop) rows.scrollTop = top;
    else if (top + height > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + height - rows.clientHeight;
  }
  function update() {
    const { annotating, setup } = session;
    element.hidden = !annotating.on;
    if (element.hidden) return;
    const { objects } = annotating;
    if (setup?.taxonomy !== taxonomy || objects !== of) {
      taxonomy = setup?.taxonomy;
      of = objects;
      for (const at of drawn2.values()) at.looks = "";
    }
    const [head, text] = heading(session);
    setText(title, head);
    setText(margin, text);
    margin.title = text;
    margin.classList.toggle("hitl-wraps", !objects?.list.length);
    accept.hidden = !objects;
    setText(
      /** @type {Node} */
      accept.lastChild,
      !objects ? "" : session.guesses ? "best guess" : objects.verdict === "accept" ? "accept all" : "store"
    );
    const none = objects !== null && !objects.list.length;
    empty.hidden = !none || objects.kind === "span";
    no_span.hidden = !none || objects.kind !== "span";
    setAttribute(element, "data-kind", annotating.kind);
    setText(
      /** @type {Node} */
      hint.lastChild,
      annotating.kind === "span" ? "the next, as you read" : "the next, the least certain first"
    );
    hint.hidden = !objects?.list.length;
    if (objects) draw2(objects);
    else {
      rows.replaceChildren();
      drawn2 = /* @__PURE__ */ new Map();
      order = "";
    }
  }
  return { element, update, scroll };
}
function hints(session) {
  const { annotating: { objects }, setup } = session;
  if (!objects || !setup) return "";
  const key3 = (action, words2) => setup.keys[action]?.[0].length ? `${keyName(setup.keys[action][0][0])} ${words2}` : "";
  const { current, drawing } = objects;
  if (objects instanceof TextSpans) return hintsOfSpans(objects, key3);
  if (drawing?.how === "corners") return "arrows move the cross · Space sets a corner · ⏎ Enter closes · Esc gives it up";
  if (drawing) return `arrows ${drawing.how === "sizing" ? "size" : "move"} it · Space when it fits · a label's key · Esc gives it up`;
  if (!current) return [objects.list.length ? "Tab takes the least certain" : "", key3("draw", "draws one"), key3("accept", objects.list.length ? "stores all" : "stores that there are none"), key3("skip", "skips")].filter(Boolean).join(" · ");
  const by_kind = { box: "arrows move, Alt the sides, ⇧ × 10", polygon: `arrows move, ${key3("next_corner", "a corner")}`, point: "arrows move, ⇧ × 10", span: "" }[current.kind];
  return [by_kind, "a label's key", key3("snap", "snaps"), key3("delete", "deletes"), key3("unsure", "unsure"), key3("undo", "undoes"), "Tab next", key3("accept", "stores all")].filter(Boolean).join(" · ");
}
function hintsOfSpans({ range, current, under, list }, key3) {
  if (!range) return ["← → select a word", "↑ ↓ by lines", list.length ? "Tab takes a span" : "", key3("accept", list.length ? "stores all" : "stores that there are none"), key3("skip", "skips")].filter(Boolean).join(" · ");
  const ends2 = "Space a word more, ⇧ Space less, ⇧ ← → by character";
  if (!current && !under) return ["a label's key makes a span", ends2, key3("widen", "the sentence"), key3("other_end", "the other end"), "Esc deselects"].filter(Boolean).join(" · ");
  return ["a label's key", ends2, key3("delete", "deletes"), key3("unsure", "unsure"), key3("undo", "undoes"), "Tab next", key3("accept", "stores all")].filter(Boolean).join(" · ");
}

// hitl_widgets/widgets/js/objects/snap.js
var REACH = 5;
var USUAL = 3;
var LEAST3 = 3;
var PIECES = 8;
var NARROW = 0.45;
var SLACK = 1;
var ROUNDS = [{ power: 2, reach: Infinity }, { power: 2, reach: Infinity }, { power: 12, reach: 1.5 }];
var FINE2 = 0.5;
var BESIDE = [-2, -1, 0, 1, 2];
function snap(objects, grey, { side = false } = {}) {
  const { current, size } = objects;
  if (!current) return null;
  if (!grey) return "There is no picture to snap to";
  const sides = side && objects.side ? [objects.side] : SIDES;
  const { at, n } = current.kind === "box" ? snapBox(grey, current.at, size, { sides }) : current.kind === "polygon" ? snapPolygon(grey, current.at, size) : snapPoint(grey, current.at, size);
  if (!objects.place("snap", at, "snapped")) return `No edge within ${REACH} pixels`;
  return current.kind === "point" ? "Snapped" : `Snapped ${n} ${current.kind === "box" ? "side" : "corner"}${n === 1 ? "" : "s"}`;
}
function peak(profile, from, to, start, usual) {
  let [best, most] = [-1, 0];
  for (let i = Math.max(1, from); i <= Math.min(profile.length - 2, to); i++) {
    const counts = profile[i] * Math.exp(-(((i - start) / usual) ** 2) / 2);
    if (profile[i] < LEAST3 || profile[i] < profile[i - 1] || profile[i] < profile[i + 1] || counts <= most) continue;
    [best, most] = [i, counts];
  }
  if (best < 0) return null;
  const [a, b, c] = [profile[best - 1], profile[best], profile[best + 1]];
  const curve = a - 2 * b + c;
  return best + (curve < 0 ? within2((a - c) / (2 * curve), -0.5, 0.5) : 0);
}
function edgeNear(grey, at, side, start, low, high, power) {
  const upright = side === "left" || side === "right";
  const { values, width, height } = grey;
  const [x0, y0, x1, y1] = at;
  const [scale, origin, n_across] = upright ? [grey.scale_x, grey.left, width] : [grey.scale_y, grey.top, height];
  const [first, last] = upright ? [y0, y1].map((y) => y * grey.scale_y - grey.top) : [x0, x1].map((x) => x * grey.scale_x - grey.left);
  const n_along = upright ? height : width;
  const [top, bottom] = [within2(Math.floor(first), 0, n_along - 1), within2(Math.ceil(last), 1, n_along)];
  const [step_across, step_along] = upright ? [1, width] : [width, 1];
  const [from, to] = [Math.ceil(low * scale - origin - 1e-9), Math.floor(high * scale - origin + 1e-9)];
  const begin = Math.max(2, from - 1);
  const end = Math.min(n_across - 2, to + 1);
  if (end - begin < 2 || bottom <= top) return null;
  const n_pieces = within2(Math.floor((bottom - top) / 3), 1, PIECES);
  const profile = new Array(end - begin + 1).fill(0);
  let total = 0;
  const sums = new Float64Array(profile.length * n_pieces);
  for (let k = top; k < bottom; k++) {
    const share = (k + 0.5 - first) / (last - first);
    const weight = Math.sin(Math.PI * within2(share, 0, 1)) ** power;
    total += weight;
    const piece = Math.min(n_pieces - 1, Math.floor((k - top) / (bottom - top) * n_pieces));
    for (let b = begin; b <= end; b++) {
      const i = k * step_along + b * step_across;
      sums[piece * profile.length + b - begin] += weight * (values[i] + values[i + step_across] - values[i - step_across] - values[i - 2 * step_across]) / 4;
    }
  }
  if (total === 0) return null;
  sums.forEach((sum, i) => {
    profile[i % profile.length] += Math.abs(sum) / total;
  });
  const found = peak(profile, from - begin, to - begin, start * scale - origin - begin, USUAL * scale);
  return found === null ? null : (found + begin + origin) / scale;
}
function snapBox(grey, at, size, { reach = REACH, sides = SIDES } = {}) {
  const start = at;
  const fixed = /* @__PURE__ */ new Map();
  for (const side of sides) {
    const limit = side === "left" || side === "top" ? 0 : size[side === "right" ? 0 : 1];
    if (Math.abs(sideOf(start, side) - limit) <= reach) fixed.set(side, limit);
  }
  let now = start;
  for (const [side, to] of fixed) now = withSide(now, side, to, size);
  const found = /* @__PURE__ */ new Set();
  for (const { power, reach: again } of ROUNDS) {
    const between2 = now;
    for (const side of sides) {
      if (fixed.has(side) || again < Infinity && !found.has(side)) continue;
      const first = side === "left" || side === "top";
      const across2 = side === "left" || side === "right" ? start[2] - start[0] : start[3] - start[1];
      const [origin, from] = [sideOf(start, side), sideOf(again < Infinity ? between2 : start, side)];
      const out = reach + SLACK;
      const inwards = Math.min(out, Math.max(1, NARROW * across2));
      const to = edgeNear(grey, between2, side, origin, Math.max(from - again, origin - (first ? out : inwards)), Math.min(from + again, origin + (first ? inwards : out)), power);
      if (to === null) continue;
      found.add(side);
      now = withSide(now, side, to, size);
    }
  }
  return { at: now, n: SIDES.filter((side) => sideOf(now, side) !== sideOf(start, side)).length };
}
function value({ values, width, height, left, top, scale_x, scale_y }, x, y) {
  const [u, v] = [within2(x * scale_x - left - 0.5, 0, width - 1), within2(y * scale_y - top - 0.5, 0, height - 1)];
  const [i, j] = [Math.min(width - 2, Math.floor(u)), Math.min(height - 2, Math.floor(v))];
  if (i < 0 || j < 0) return values[0];
  const [fx, fy] = [u - i, v - j];
  const at = j * width + i;
  return (1 - fy) * ((1 - fx) * values[at] + fx * values[at + 1]) + fy * ((1 - fx) * values[at + width] + fx * values[at + width + 1]);
}
function snapPolygon(grey, at, size, { reach = REACH } = {}) {
  const corners = outline("polygon", at);
  const snapped = corners.map((corner, i) => cornerNear(grey, corner, corners.at(i - 1) ?? corner, corners[(i + 1) % corners.length], size, reach));
  const now = snapped.flatMap(({ x, y }) => [x, y]);
  for (let i = 0; i < corners.length && problemOf(now); i++) now.splice(2 * i, 2, corners[i].x, corners[i].y);
  return { at: now, n: spotsOf(now).filter(({ x, y }, i) => x !== corners[i].x || y !== corners[i].y).length };
}
function cornerNear(grey, corner, before, after, [width, height], reach) {
  const [tx, ty] = [after.x - before.x, after.y - before.y];
  const length = Math.hypot(tx, ty);
  if (!length) return corner;
  const [ux, uy] = [tx / length, ty / length];
  const n = Math.round(reach / FINE2);
  const margin = Math.round(1 / FINE2) + 1;
  const samples = Array.from({ length: 2 * (n + margin) + 1 }, (_, i) => {
    const s3 = (i - n - margin) * FINE2;
    return BESIDE.reduce((sum, t) => sum + value(grey, corner.x - uy * s3 + ux * t, corner.y + ux * s3 + uy * t), 0) / BESIDE.length;
  });
  const wide = Math.round(1 / FINE2);
  const profile = samples.map((_, i) => i < wide || i >= samples.length - wide ? 0 : Math.abs(samples[i + wide] - samples[i - wide]) / 2);
  const found = peak(profile, margin, margin + 2 * n, n + margin, USUAL / FINE2);
  if (found === null) return corner;
  const s2 = (found - n - margin) * FINE2;
  return { x: within2(corner.x - uy * s2, 0, width), y: within2(corner.y + ux * s2, 0, height) };
}
function snapPoint(grey, at, [width, height], { reach = REACH } = {}) {
  const [x, y] = at;
  const wide = reach + 2;
  const around = [];
  for (let dy = -wide; dy <= wide; dy++) {
    for (let dx = -wide; dx <= wide; dx++) {
      const far2 = Math.hypot(dx, dy);
      if (far2 > wide || x + dx < 0 || y + dy < 0 || x + dx > width || y + dy > height) continue;
      let smooth = 0;
      for (let j = -1; j <= 1; j++) for (let i = -1; i <= 1; i++) smooth += value(grey, x + dx + i, y + dy + j) * (2 - Math.abs(i)) * (2 - Math.abs(j)) / 16;
      around.push({ x: x + dx, y: y + dy, value: smooth, far: far2 });
    }
  }
  const sorted = around.map((spot) => spot.value).sort((a, b) => a - b);
  const usual = sorted[sorted.length >> 1];
  const near = around.filter(({ far: far2 }) => far2 <= reach);
  const best = near.reduce((a, b) => Math.abs(b.value - usual) > Math.abs(a.value - usual) ? b : a, near[0]);
  const height_of_it = best ? best.value - usual : 0;
  if (!best || Math.abs(height_of_it) < LEAST3) return { at, n: 0 };
  let [weight, mx, my] = [0, 0, 0];
  for (const spot of around) {
    const w = Math.max(0, (spot.value - usual) / height_of_it - 0.5);
    if (Math.hypot(spot.x - best.x, spot.y - best.y) > reach) continue;
    weight += w;
    mx += w * spot.x;
    my += w * spot.y;
  }
  const [to_x, to_y] = [mx / weight, my / weight];
  const far = Math.hypot(to_x - x, to_y - y);
  const share = far > reach ? reach / far : 1;
  return { at: [within2(x + (to_x - x) * share, 0, width), within2(y + (to_y - y) * share, 0, height)], n: 1 };
}
function lookedAt(at, scale = 1) {
  const [x0, y0, x1, y1] = boundsOf(at);
  const margin = REACH + SLACK + 3 / Math.min(1, scale);
  return [x0 - margin, y0 - margin, x1 + margin, y1 + margin];
}

// hitl_widgets/widgets/js/objects/palette.js
var COLOURS = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#bbbbbb"];
var UNKNOWN = "#ffffff";
function palette(labels) {
  const colours = new Map([...labels].map(({ label_id, colour }, i) => [label_id, /^#[0-9a-f]{3,8}$/i.test(colour ?? "") ? (
    /** @type {string} */
    colour
  ) : COLOURS[i % COLOURS.length]]));
  return (label_id) => colours.get(label_id) ?? UNKNOWN;
}

// hitl_widgets/widgets/js/objects/pointing.js
var NEAR = 6;
var FAR2 = 4;
var AROUND = [[["left", "top"], ["top"]], [["top", "right"], ["right"]], [["right", "bottom"], ["bottom"]], [["bottom", "left"], ["left"]]];
function offset({ kind, at }, spot) {
  const corners = outline(kind, at);
  return Math.min(...corners.map((corner, i) => distance(spot, corner, corners[(i + 1) % corners.length])));
}
function hit(objects, spot, px) {
  return (objects.current && handle(objects.current, spot, NEAR * px)) ?? body(objects, spot, NEAR * px);
}
function handle({ id, kind, at }, spot, near) {
  if (kind === "point") return null;
  const corners = outline(kind, at);
  const corner = corners.findIndex(({ x, y }) => Math.hypot(x - spot.x, y - spot.y) <= near);
  if (kind === "polygon") {
    if (corner >= 0) return { id, part: "vertex", vertex: corner };
    const middle = corners.findIndex(({ x, y }, i) => Math.hypot((x + corners[(i + 1) % corners.length].x) / 2 - spot.x, (y + corners[(i + 1) % corners.length].y) / 2 - spot.y) <= near);
    return middle < 0 ? null : { id, part: "middle", vertex: middle };
  }
  if (corner >= 0) return { id, part: "sides", sides: AROUND[corner][0] };
  const side = corners.findIndex((a, i) => distance(spot, a, corners[(i + 1) % 4]) <= near);
  return side < 0 ? null : { id, part: "sides", sides: AROUND[side][1] };
}
function body({ list }, spot, near) {
  const at_hand = list.filter(({ at }) => {
    const [x0, y0, x1, y1] = boundsOf(at);
    return spot.x >= x0 - 2 * near && spot.x <= x1 + 2 * near && spot.y >= y0 - 2 * near && spot.y <= y1 + 2 * near;
  });
  const points = at_hand.filter(({ kind }) => kind === "point").map((object) => ({ object, far: Math.hypot(object.at[0] - spot.x, object.at[1] - spot.y) }));
  const inside = at_hand.filter(({ kind, at }) => contains(kind, at, spot)).map((object) => ({ object, far: areaOf(object.kind, object.at) }));
  const beside = at_hand.filter(({ kind }) => kind !== "point").map((object) => ({ object, far: offset(object, spot) })).filter(({ far }) => far <= near);
  for (const found of [points, inside, beside]) {
    const [best] = found.sort((a, b) => a.far - b.far);
    if (best) return { id: best.object.id, part: "body" };
  }
  return null;
}
function cursorFor(found) {
  if (!found) return "";
  if (found.part !== "sides") return found.part === "body" ? "move" : "crosshair";
  const [sides] = [(found.sides ?? []).map((side) => SIDES.indexOf(side)).sort().join("")];
  return { 0: "ew-resize", 2: "ew-resize", 1: "ns-resize", 3: "ns-resize", "01": "nwse-resize", 23: "nwse-resize" }[sides] ?? "nesw-resize";
}
var Pointing = class {
  /** @param {ImageObjects} objects @param {{labels?: string[]}} [around] ids of the labels there are, in order */
  constructor(objects, { labels } = {}) {
    this.objects = objects;
    this.labels = labels;
    this.drags = 0;
    this.drag = null;
  }
  /** @param {Spot} spot @param {number} px pixels of the item for one of the screen @param {{pans?: boolean}} [how] `pans`: a drag from an empty place moves the view
   * @returns {boolean} whether the press is for objects */
  down(spot, px, { pans = false } = {}) {
    const { objects } = this;
    const { drawing } = objects;
    this.drags++;
    if (drawing?.how === "corners") {
      this.#corner(drawing, spot, px);
      return true;
    }
    const found = drawing ? null : hit(objects, spot, px);
    if (found) objects.take(found.id);
    if (found?.part === "vertex") objects.vertex = found.vertex ?? null;
    if (!found && (pans || objects.kind === "polygon")) return false;
    this.drag = { hit: found, from: spot, at: objects.current?.at ?? [], px, moving: false };
    return true;
  }
  /** @param {Extract<ImageObjects["drawing"], {how: "corners"}>} drawing @param {Spot} spot @param {number} px */
  #corner(drawing, spot, px) {
    const [first] = drawing.spots;
    const [width, height] = this.objects.size;
    if (first && drawing.spots.length > 2 && Math.hypot(first.x - spot.x, first.y - spot.y) <= NEAR * px) close(this.objects);
    else {
      drawing.cursor = { x: within2(spot.x, 0, width), y: within2(spot.y, 0, height) };
      drawing.spots.push({ ...drawing.cursor });
    }
    this.objects.version++;
  }
  /** @param {Spot} spot @returns {boolean} whether anything changed */
  moveTo(spot) {
    const { objects, drag } = this;
    if (!drag) return false;
    if (!drag.moving && Math.hypot(spot.x - drag.from.x, spot.y - drag.from.y) < FAR2 * drag.px) return false;
    const goes_on = drag.moving;
    drag.moving = true;
    if (!drag.hit) return this.#draw(drag, spot, goes_on);
    const { part, sides = [], vertex = 0 } = drag.hit;
    const { size } = objects;
    const [dx, dy] = [spot.x - drag.from.x, spot.y - drag.from.y];
    const tag = `drag ${this.drags}`;
    if (part === "body") return objects.place(tag, moved(drag.at, dx, dy, size), "moved", goes_on);
    if (part === "sides") {
      const at = sides.reduce((box, side) => withSide(box, side, drag.at[SIDES.indexOf(side)] + (side === "left" || side === "right" ? dx : dy), size), drag.at);
      return objects.place(tag, at, "a side moved", goes_on);
    }
    if (part === "middle" && !goes_on) {
      drag.at = split(drag.at, vertex);
      drag.hit = { ...drag.hit, part: "vertex", vertex: vertex + 1 };
    }
    objects.vertex = drag.hit.vertex ?? 0;
    const { x, y } = spotsOf(drag.at)[objects.vertex];
    return objects.place(tag, withVertex(drag.at, objects.vertex, { x: x + dx, y: y + dy }, size), "a corner moved", goes_on);
  }
  /** Draws a box from where the drag began; a box that a key has begun is moved there. @param {NonNullable<Pointing["drag"]>} drag @param {Spot} spot
   * @param {boolean} goes_on @returns {boolean} */
  #draw({ from }, spot, goes_on) {
    const { objects } = this;
    if (objects.kind !== "box") return false;
    const at = boxBetween(from, spot, objects.size);
    if (goes_on) return objects.place(objects.tag, at, "drawn", true);
    if (objects.drawing) {
      objects.drawing = null;
      return objects.place("drawn", at, "drawn");
    }
    const label_id = labelOf(objects, this.labels);
    if (label_id === null || !objects.add(at, label_id)) this.drag = null;
    return this.drag !== null;
  }
  /** @param {Spot} spot @param {{adds?: boolean}} [how] `adds`: a click at an empty place adds a point @returns {boolean} whether anything changed */
  up(spot, { adds = true } = {}) {
    const { objects, drag } = this;
    this.drag = null;
    if (!drag || drag.hit || drag.moving) return drag !== null;
    const [width, height] = objects.size;
    const at = [within2(spot.x, 0, width), within2(spot.y, 0, height)];
    if (objects.kind === "point" && objects.drawing) {
      objects.drawing = null;
      objects.place("drawn", at, "drawn");
    } else if (objects.kind === "point" && adds) {
      const label_id = labelOf(objects, this.labels);
      if (label_id !== null) objects.add(at, label_id);
    } else objects.take(null);
    return true;
  }
};

// hitl_widgets/widgets/js/stage/svg.js
var SVG = "http://www.w3.org/2000/svg";
function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value2] of Object.entries(attributes)) node.setAttribute(name, value2);
  node.append(...children);
  return node;
}
function show(node, on) {
  const display = on ? "" : "none";
  if (node.style.display !== display) node.style.display = display;
}

// hitl_widgets/widgets/js/stage/others.js
var TAG_FROM = 18;
var TAG_LETTER = 7;
var TAG_AT = { box: [4, 12], polygon: [4, 12], span: [4, 12], point: [8, 4] };
var A_PART = 32;
var MOST_PARTS = 6;
var TAGS_AT_ONCE = 150;
var paths = /* @__PURE__ */ new WeakMap();
function pathOf({ kind, at }) {
  let path = paths.get(at);
  if (path === void 0) paths.set(at, path = kind === "point" ? `M${at[0]} ${at[1]}h0` : `M${outline(kind, at).map(({ x, y }) => `${x} ${y}`).join("L")}Z`);
  return path;
}
function partOf(at, [width, height], parts) {
  if (parts === 1) return 0;
  const [x0, y0, x1, y1] = boundsOf(at);
  const place = (share) => Math.max(0, Math.min(parts - 1, Math.floor(share * parts)));
  return parts * place((y0 + y1) / 2 / height) + place((x0 + x1) / 2 / width);
}
function bundled(objects) {
  const parts = Math.max(1, Math.min(MOST_PARTS, Math.round(Math.sqrt(objects.list.length / A_PART))));
  const found = /* @__PURE__ */ new Map();
  for (const object of objects.list) {
    if (object.id === objects.focus) continue;
    const { kind, label_id, unsure } = object;
    const name = `${objects.isProposal(object) ? "p" : "-"}${objects.problemWith(object) ? "!" : "-"}${unsure ? "?" : "-"}${partOf(object.at, objects.size, parts)} ${kind} ${label_id}`;
    const list = found.get(name);
    if (list) list.push(object);
    else found.set(name, [object]);
  }
  return found;
}
function buildOthers(host) {
  const shapes = s("g");
  const words2 = s("g");
  const element = s("g", { class: "hitl-others" }, shapes, words2);
  let bundles = /* @__PURE__ */ new Map();
  const free = [];
  let tag_of = null;
  const untagged = /* @__PURE__ */ new Set();
  function another() {
    const again = free.pop();
    if (again) {
      for (const node of [again.group, again.tags]) show(node, true);
      return again;
    }
    const [edge, line] = ["edge", "line"].map((name) => s("path", { class: `hitl-object-${name}` }));
    const group = s("g", {}, edge, line);
    const tags = s("text", { class: "hitl-object-tag" });
    shapes.append(group);
    words2.append(tags);
    return { group, edge, line, tags, list: [], looks: "", px: 0 };
  }
  function draw2(at, name, list, px) {
    const [{ kind, label_id }] = list;
    const looks = `${name.slice(0, 3)} ${kind} ${label_id}`;
    const fresh = at.looks !== looks;
    if (fresh) {
      at.looks = looks;
      at.group.setAttribute("class", `hitl-object hitl-${kind}${name[0] === "p" ? " hitl-proposed" : ""}${name[1] === "!" ? " hitl-crossed" : ""}`);
      at.group.style.color = host.colourOf(label_id);
    }
    const moved2 = at.list.length !== list.length || list.some((object, i) => object.at !== at.list[i].at);
    at.list = list;
    if (moved2) {
      const path = list.map(pathOf).join("");
      at.edge.setAttribute("d", path);
      at.line.setAttribute("d", path);
    }
    if (!fresh && !moved2 && at.px === px) return;
    at.px = px;
    untagged.add(at);
  }
  function hideTags({ tags: { style } }, away) {
    const visibility = away ? "hidden" : "";
    if (style.visibility !== visibility) style.visibility = visibility;
  }
  function tag({ tags, list, px }) {
    const [{ kind, label_id, unsure }] = list;
    const word2 = host.tagOf(label_id) + (unsure ? "?" : "");
    const [right, down2] = TAG_AT[kind];
    const xs = [];
    const ys = [];
    for (const object of list) {
      const [x0, y0, x1, y1] = boundsOf(object.at);
      if (kind !== "point" && (x1 - x0 < TAG_FROM * px || y1 - y0 < TAG_FROM * px)) continue;
      for (let i = 0; i < word2.length; i++) {
        xs.push((x0 + (right + i * TAG_LETTER) * px).toFixed(2));
        ys.push((y0 + down2 * px).toFixed(2));
      }
    }
    tags.setAttribute("x", xs.join(" "));
    tags.setAttribute("y", ys.join(" "));
    setText(tags, word2.repeat(word2.length ? xs.length / word2.length : 0));
  }
  function update(objects, px) {
    if (tag_of !== host.tagOf) {
      tag_of = host.tagOf;
      for (const each of bundles.values()) each.looks = "";
    }
    const wanted = bundled(objects);
    const next = /* @__PURE__ */ new Map();
    for (const [name, at] of bundles) {
      if (wanted.has(name)) next.set(name, at);
      else {
        for (const node of [at.group, at.tags]) show(node, false);
        at.looks = "";
        free.push(at);
        untagged.delete(at);
      }
    }
    for (const [name, list] of wanted) {
      const at = next.get(name) ?? another();
      next.set(name, at);
      draw2(at, name, list, px);
    }
    bundles = next;
    let n = 0;
    for (const { list } of untagged) n += list.length;
    if (n <= TAGS_AT_ONCE) rest();
    else for (const at of untagged) hideTags(at, true);
    return untagged.size > 0;
  }
  function rest() {
    for (const at of untagged) {
      tag(at);
      hideTags(at, false);
    }
    untagged.clear();
  }
  const hide = (away) => {
    element.classList.toggle("hitl-away", away);
  };
  return { element, update, rest, hide };
}

// hitl_widgets/widgets/js/stage/objects.js
var MIDDLES_FROM = 44;
var LETTER2 = 7.4;
var CROSS = 9;
var dots = (spots) => spots.map(({ x, y }) => `M${x} ${y}h0`).join("");
function handles({ kind, at }, px) {
  if (kind === "point") return [];
  const corners = outline(kind, at);
  const [x0, y0, x1, y1] = boundsOf(at);
  return kind === "polygon" || Math.min(x1 - x0, y1 - y0) < MIDDLES_FROM * px ? corners : corners.flatMap((a, i) => [a, { x: (a.x + corners[(i + 1) % 4].x) / 2, y: (a.y + corners[(i + 1) % 4].y) / 2 }]);
}
function inHand({ kind, at }, { vertex, side }) {
  if (kind === "polygon" && vertex !== null && vertex < at.length / 2) return dots([spotsOf(at)[vertex]]);
  if (kind !== "box" || !side) return "";
  const [x0, y0, x1, y1] = at;
  return side === "left" || side === "right" ? `M${sideOf(at, side)} ${y0}V${y1}` : `M${x0} ${sideOf(at, side)}H${x1}`;
}
function buildObjects(host) {
  const others = buildOthers(host);
  const [halo, rim, mark, held2, grips] = ["halo", "rim", "mark", "held", "grips"].map((name) => s("path", { class: `hitl-object-${name}` }));
  const words2 = s("text", { class: "hitl-object-words" });
  const focus = s("g", { class: "hitl-object-focus" }, halo, rim, mark, held2, grips, words2);
  const [trace_edge, trace, cross_edge, cross] = ["trace-edge", "trace", "cross-edge", "cross"].map((name) => s("path", { class: `hitl-object-${name}` }));
  const drawing = s("g", { class: "hitl-object-drawing" }, trace_edge, trace, cross_edge, cross);
  const svg = s("svg", { class: "hitl-objects", role: "img", preserveAspectRatio: "none" }, others.element, focus, drawing);
  let shown = { objects: null, version: -1, tag: null, px: 0 };
  let px = 1;
  let pointing = null;
  function drawFocus(objects) {
    const { current } = objects;
    show(focus, current !== null);
    if (!current) return;
    const path = pathOf(current);
    for (const each of [halo, rim, mark]) setAttribute(each, "d", path);
    setAttribute(grips, "d", dots(handles(current, px)));
    setAttribute(held2, "d", inHand(current, objects));
    focus.style.color = host.colourOf(current.label_id);
    setAttribute(focus, "class", `hitl-object-focus hitl-${current.kind}${objects.problemWith(current) ? " hitl-crossed" : ""}`);
    const { score, certainty, unsure } = current;
    setText(words2, [host.nameOf(current.label_id), score === null ? "" : score.toFixed(2), certainty === null ? "" : `certainty ${certainty}`, unsure ? "unsure" : ""].filter(Boolean).join(" · "));
    const [x0, y0, , y1] = boundsOf(current.at);
    const above = y0 - 22 * px >= view.y;
    const gap = current.kind === "point" ? 12 : 7;
    const length = LETTER2 * px * (words2.textContent ?? "").length;
    setAttribute(words2, "x", String(Math.max(view.x + 3 * px, Math.min(x0, view.x + view.width - length - 4 * px))));
    setAttribute(words2, "y", String(above ? y0 - gap * px : Math.min(y1 + (gap + 11) * px, view.y + view.height - 4 * px)));
  }
  function drawDrawing({ drawing: what }) {
    const on = what?.how === "corners";
    show(drawing, on);
    if (!on) return;
    const { spots, cursor, label_id } = what;
    const path = `M${[...spots, cursor].map(({ x, y }) => `${x} ${y}`).join("L")}`;
    for (const each of [trace_edge, trace]) setAttribute(each, "d", `${path}${dots(spots)}`);
    const arm = CROSS * px;
    for (const each of [cross_edge, cross]) setAttribute(each, "d", `M${cursor.x - arm} ${cursor.y}h${2 * arm}M${cursor.x} ${cursor.y - arm}v${2 * arm}`);
    drawing.style.color = host.colourOf(label_id);
  }
  let view = { x: 0, y: 0, width: 1, height: 1 };
  function update() {
    const { objects } = host;
    show(svg, objects !== null);
    if (!objects) {
      shown.objects = null;
      return;
    }
    others.hide(objects.alone);
    if (shown.objects === objects && shown.version === objects.version && shown.tag === host.tagOf && shown.px === px) return;
    if (shown.objects !== objects) pointing = null;
    shown = { objects, version: objects.version, tag: host.tagOf, px };
    others.update(objects, px);
    drawFocus(objects);
    drawDrawing(objects);
    setAttribute(svg, "aria-label", objects.describe(host.nameOf));
  }
  let waiting = false;
  function restSoon() {
    if (waiting) return;
    waiting = true;
    host.soon(() => {
      waiting = false;
      others.rest();
    });
  }
  function look(next, per_pixel) {
    const { x, y, width, height } = next;
    if (x === view.x && y === view.y && width === view.width && height === view.height && per_pixel === px) return;
    const zoomed = per_pixel !== px;
    view = next;
    px = per_pixel;
    setAttribute(svg, "viewBox", `${x} ${y} ${width} ${height}`);
    if (zoomed) svg.style.setProperty("--hitl-px", `${px}px`);
    const { objects } = host;
    if (!objects || objects !== shown.objects) return;
    if (zoomed && others.update(objects, px)) restSoon();
    shown.px = px;
    drawFocus(objects);
    drawDrawing(objects);
  }
  function spotAt({ clientX, clientY }) {
    const { left, top, width, height } = svg.getBoundingClientRect();
    return { x: view.x + (clientX - left) / width * view.width, y: view.y + (clientY - top) / height * view.height };
  }
  svg.addEventListener("pointerdown", (event) => {
    const { objects } = host;
    if (event.button !== 0 || !objects) return;
    if (pointing?.objects !== objects) pointing = new Pointing(objects, { labels: host.labels });
    const adds = host.has_keys();
    if (!pointing.down(spotAt(event), px, { pans: event.shiftKey })) return;
    event.stopPropagation();
    svg.setPointerCapture(event.pointerId);
    host.changed();
    const drag = (e) => {
      if (pointing?.moveTo(spotAt(e))) host.changed();
    };
    svg.addEventListener("pointermove", drag);
    svg.addEventListener("lostpointercapture", (e) => {
      svg.removeEventListener("pointermove", drag);
      if (pointing?.up(spotAt(e), { adds })) host.changed();
    }, { once: true });
  });
  svg.addEventListener("pointermove", (event) => {
    const { objects } = host;
    if (!objects || event.buttons) return;
    if (objects.drawing?.how !== "corners") svg.style.cursor = cursorFor(hit(objects, spotAt(event), px));
    else if (objects.drawing.spots.length) {
      objects.drawing.cursor = spotAt(event);
      objects.version++;
      host.changed();
    }
  });
  svg.addEventListener("dblclick", (event) => {
    if (host.objects && (host.objects.drawing || hit(host.objects, spotAt(event), px))) event.stopPropagation();
  });
  return { svg, update, rest: others.rest, look };
}
function greyAround(picture, size, at) {
  if (isText(picture)) return null;
  const [width, height] = sizeOf(picture);
  const [scale_x, scale_y] = [width / size[0], height / size[1]];
  const [x0, y0, x1, y1] = lookedAt(at, Math.min(scale_x, scale_y));
  const [left, top] = [Math.max(0, Math.floor(x0 * scale_x)), Math.max(0, Math.floor(y0 * scale_y))];
  const [w, h2] = [Math.min(width, Math.ceil(x1 * scale_x)) - left, Math.min(height, Math.ceil(y1 * scale_y)) - top];
  if (w < 1 || h2 < 1) return null;
  const canvas = document.createElement("canvas");
  canvas.width = w;
  canvas.height = h2;
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d", { willReadFrequently: true })
  );
  context.drawImage(picture, left, top, w, h2, 0, 0, w, h2);
  const { data } = context.getImageData(0, 0, w, h2);
  const values = new Float32Array(w * h2);
  for (let i = 0; i < values.length; i++) values[i] = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  return { values, width: w, height: h2, left, top, scale_x, scale_y };
}

// hitl_widgets/widgets/js/text/span_layer.js
var MOST_LANES = 4;
var NEAR2 = 6;
var CLICKS_MS = 450;
var AROUND2 = 0.5;
var FEW = 8;
var LETTER3 = 6.2;
var RTL = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
var LTR = /[\p{L}\p{N}]/u;
function lanesOf(spans) {
  const sorted = [...spans].sort((a, b) => a.at[1] - a.at[0] - (b.at[1] - b.at[0]) || a.at[0] - b.at[0]);
  const lanes = /* @__PURE__ */ new Map();
  const taken2 = [];
  for (const { id, at } of sorted) {
    const [start, end] = at;
    let lane = 0;
    for (; lane < taken2.length; lane++) {
      const i = firstFrom(taken2[lane], start);
      const free = (i === 0 || taken2[lane][i - 1][1] <= start) && (i === taken2[lane].length || taken2[lane][i][0] >= end);
      if (free) break;
    }
    (taken2[lane] ??= []).splice(firstFrom(taken2[lane], start), 0, [start, end]);
    lanes.set(id, lane);
  }
  return lanes;
}
function firstFrom(ranges, start) {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = low + high >> 1;
    if (ranges[middle][0] < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
function fill(parent, n, name = "") {
  while (parent.children.length > n) parent.lastElementChild?.remove();
  while (parent.children.length < n) parent.append(h("span", name ? { class: name } : {}));
}
function put(node, { left, top, width, height }) {
  Object.assign(
    /** @type {HTMLElement} */
    node.style,
    { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` }
  );
}
function buildSpans(host, reader) {
  const { view } = reader;
  const under = h("div", { class: "hitl-text-layer hitl-under hitl-spans", "aria-hidden": "true" });
  const over = h("div", { class: "hitl-text-layer hitl-over hitl-spans", "aria-hidden": "true" });
  const selected = h("div", { class: "hitl-selected" });
  const hands = h("div", { class: "hitl-hands" }, h("span"), h("span"));
  over.append(selected, hands);
  view.page.prepend(under);
  view.page.append(over);
  const slots = /* @__PURE__ */ new Map();
  let waiting = false;
  const shown = { spans: null, version: -1, layout: -1, tag: null, list: null };
  let lanes = /* @__PURE__ */ new Map();
  let layout = 0;
  let n_lanes = 0;
  let revealed = "";
  let ends2 = null;
  const column = { x: 0, at: "" };
  const current = () => host.objects instanceof TextSpans && reader.text() ? host.objects : null;
  function build(id) {
    const slot = { under: h("div", {}), over: h("div", {}), span: null, looks: "", layout: -1, lane: -1 };
    under.append(slot.under);
    over.insertBefore(slot.over, selected);
    slots.set(id, slot);
    return slot;
  }
  const stays = (slot, span, lane) => Boolean(slot?.span && slot.span.at[0] === span.at[0] && slot.span.at[1] === span.at[1] && slot.layout === layout && slot.lane === lane);
  function draw2(slot, span, looks, lane, rects) {
    if (slot.span === span && slot.looks === looks && slot.layout === layout && slot.lane === lane) return;
    Object.assign(slot, { span, looks, layout, lane });
    for (const part of [slot.under, slot.over]) {
      part.className = looks;
      part.style.setProperty("--hitl-of-label", host.colourOf(span.label_id));
    }
    if (rects) {
      fill(slot.under, rects.length);
      fill(slot.over, rects.length);
      rects.forEach((rect, i2) => {
        put(slot.under.children[i2], rect);
        put(slot.over.children[i2], { ...rect, top: rect.top + rect.height, height: 0 });
      });
      slot.over.style.setProperty("--hitl-lane", String(Math.min(lane, MOST_LANES)));
    }
    const bars = (
      /** @type {HTMLElement[]} */
      [...slot.over.children]
    );
    const [words2, i] = tagOf(span, bars.map(({ style }) => parseFloat(style.width)));
    bars.forEach((bar, k) => setText(bar, k === i ? words2 : ""));
  }
  function tagOf({ label_id, unsure, certainty }, widths) {
    const name = `${host.nameOf(label_id)}${unsure ? "?" : ""}`;
    const [widest] = widths.map((width, i) => ({ width, i })).sort((a, b) => b.width - a.width);
    for (const words2 of [certainty === null ? name : `${name} ${certainty}`, name]) {
      const i = widths.findIndex((width) => width >= LETTER3 * words2.length);
      if (i >= 0) return [words2, i];
    }
    if (!widest) return ["", 0];
    const n = Math.floor(widest.width / LETTER3) - 1;
    return [n >= 3 ? `${name.slice(0, n)}…` : `${host.tagOf(label_id)}${unsure ? "?" : ""}`, widest.i];
  }
  function drawAll(spans, all = false) {
    if (shown.list !== spans.list) {
      shown.list = spans.list;
      lanes = lanesOf(spans.list);
      const n = Math.min(MOST_LANES, Math.max(1, ...[...lanes.values()].map((lane) => lane + 1)));
      if (n !== n_lanes) {
        n_lanes = n;
        view.page.style.setProperty("--hitl-lanes", String(n));
        layout++;
      }
    }
    const { current: focused } = spans;
    const places = new Map(spans.list.filter((span) => !stays(slots.get(span.id), span, lanes.get(span.id) ?? 0)).map((span) => [span.id, view.rects(span.at[0], span.at[1])]));
    const [top, bottom] = all ? [-Infinity, Infinity] : view.window(AROUND2);
    waiting = false;
    for (const [id, rects] of places) {
      if (slots.has(id) || rects.some((rect) => rect.top < bottom && rect.top + rect.height > top)) continue;
      places.delete(id);
      waiting ||= rects.length > 0;
    }
    const apart = places.size > FEW;
    if (apart) for (const layer of [under, over]) layer.remove();
    letGo(new Set(spans.list.map(({ id }) => id)));
    for (const span of spans.list) {
      const rects = places.get(span.id);
      if (!rects && !slots.has(span.id)) continue;
      const looks = `hitl-span${spans.isProposal(span) ? " hitl-proposed" : ""}${span === focused ? " hitl-focused" : ""}`;
      draw2(slots.get(span.id) ?? build(span.id), span, looks, lanes.get(span.id) ?? 0, rects);
    }
    if (!apart) return;
    view.page.prepend(under);
    view.page.append(over);
  }
  function letGo(there) {
    for (const [id, { under: below3, over: above }] of slots) {
      if (there.has(id)) continue;
      below3.remove();
      above.remove();
      slots.delete(id);
    }
  }
  function edgeOf([start, stop], end) {
    const rects = view.rects(start, stop);
    const rect = end === "start" ? rects[0] : rects.at(-1);
    if (!rect) return null;
    const quote = reader.text()?.slice(start, stop) ?? "";
    const leftwards = RTL.test(quote) || !LTR.test(quote) && view.directionAt(start) === "rtl";
    return { x: end === "start" === leftwards ? rect.left + rect.width : rect.left, top: rect.top, bottom: rect.top + rect.height };
  }
  function drawRange(spans) {
    const { range, hand, current: focused, units } = spans;
    const rects = range && !focused ? view.rects(...range) : [];
    fill(selected, rects.length);
    rects.forEach((rect, i) => put(selected.children[i], rect));
    hands.hidden = !range;
    ends2 = null;
    if (!range) return;
    const [start, end] = [edgeOf(units.graphemes.at(range[0]), "start"), edgeOf(units.graphemes.at(range[1] - 1), "end")];
    [start, end].forEach((at, i) => {
      const bar = (
        /** @type {HTMLElement} */
        hands.children[i]
      );
      bar.hidden = !at;
      bar.className = hand === (i ? "end" : "start") ? "hitl-end-held" : "";
      if (at) put(bar, { left: at.x, top: at.top, width: 0, height: at.bottom - at.top });
    });
    if (start && end) ends2 = { start, end };
  }
  function reveal(spans) {
    const { range, focus, hand, units } = spans;
    const now = range ? `${focus} ${range} ${hand}` : "";
    if (now === revealed) return;
    const came = focus !== null && !revealed.startsWith(`${focus} `);
    revealed = now;
    if (!range || from !== null) return;
    if (came) view.reveal(...range);
    view.reveal(...units.graphemes.at(hand === "end" ? range[1] - 1 : range[0]));
  }
  function update(all = false) {
    const spans = current();
    for (const layer of [under, over]) layer.hidden = !spans;
    if (!spans) {
      if (shown.spans) setAttribute(view.element, "aria-description", null);
      shown.spans = null;
      return;
    }
    for (const layer of [under, over]) layer.classList.toggle("hitl-away", spans.alone);
    if (shown.spans === spans && shown.version === spans.version && shown.layout === layout && shown.tag === host.tagOf) return;
    if (shown.spans !== spans || shown.tag !== host.tagOf) {
      for (const slot of slots.values()) slot.looks = "";
      if (shown.spans !== spans) {
        pointing = null;
        revealed = "";
        shown.list = null;
      }
    }
    Object.assign(shown, { spans, version: spans.version, tag: host.tagOf });
    reveal(spans);
    drawAll(spans, all);
    drawRange(spans);
    shown.layout = layout;
    setAttribute(view.element, "aria-description", spans.describe(host.nameOf));
  }
  reader.over(() => {
    layout++;
    update(current() === shown.spans);
  });
  function updateLater() {
    const spans = current();
    if (waiting && spans && spans === shown.spans) drawAll(spans, true);
  }
  function below2(range, by) {
    const units = current()?.units;
    if (!units) return null;
    const rects = view.rects(...range);
    const here = by > 0 ? rects.at(-1) : rects[0];
    if (!here) return null;
    const middle = here.top + here.height / 2;
    if (column.at !== range.join()) column.x = here.left + here.width / 2;
    let best = null;
    let line = NaN;
    for (let word2 = by > 0 ? units.wordAfter(range[1]) : units.wordBefore(range[0]); word2; word2 = by > 0 ? units.wordAfter(word2[1]) : units.wordBefore(word2[0])) {
      let at = view.rects(...word2);
      if (!at.length) {
        view.reveal(...word2);
        at = view.rects(...word2);
      }
      const rect = by > 0 ? at[0] : at.at(-1);
      if (!rect) continue;
      const y = rect.top + rect.height / 2;
      if (Math.abs(y - middle) < rect.height * 0.6) continue;
      if (Number.isNaN(line)) line = y;
      else if (Math.abs(y - line) > rect.height * 0.6) break;
      const far = Math.max(0, rect.left - column.x, column.x - rect.left - rect.width);
      if (!best || far < best.far) best = { word: word2, far };
    }
    if (!best) return null;
    column.at = best.word.join();
    return best.word[0];
  }
  function first() {
    const { left, top, right, height } = view.element.getBoundingClientRect();
    for (let y = top + 8; y < top + height; y += 12) {
      for (const x of [left + (right - left) * 0.1, left + (right - left) * 0.5, right - (right - left) * 0.1]) {
        const character = view.characterAt(x, y);
        if (character !== null && view.element.scrollTop > 0) return character;
      }
    }
    return 0;
  }
  let pointing = null;
  let from = null;
  let clicks = 0;
  let clicked = { at: -Infinity, character: -1 };
  function endAt({ clientX, clientY }) {
    const { left, top } = view.page.getBoundingClientRect();
    if (!ends2 || current()?.focus === null) return null;
    for (
      const end of
      /** @type {const} */
      ["end", "start"]
    ) {
      const { x, top: above, bottom } = ends2[end];
      if (Math.abs(clientX - left - x) <= NEAR2 && clientY - top >= above - 2 && clientY - top <= bottom + NEAR2) return end;
    }
    return null;
  }
  view.element.addEventListener("mousedown", (event) => {
    const spans = current();
    if (event.button !== 0 || !spans || view.element.closest(".hitl-painting")) return;
    if (event.clientX > view.element.getBoundingClientRect().left + view.element.clientWidth) return;
    event.preventDefault();
    const end = endAt(event);
    const character = view.characterAt(event.clientX, event.clientY) ?? (end && spans.range ? spans.range[end === "end" ? 1 : 0] - (end === "end" ? 1 : 0) : null);
    if (character === null) {
      spans.release();
      return host.changed();
    }
    if (pointing?.spans !== spans) pointing = new SpanPointing(spans);
    clicks = event.timeStamp - clicked.at < CLICKS_MS && clicked.character === character ? clicks + 1 : 1;
    clicked = { at: event.timeStamp, character };
    from = character;
    pointing.down(character, { extends: event.shiftKey, end: event.shiftKey ? null : end, clicks: Math.min(3, clicks) });
    host.changed();
    const drag = (e) => {
      const to = view.characterAt(e.clientX, e.clientY);
      if (to !== null && pointing?.moveTo(to)) host.changed();
    };
    document.addEventListener("mousemove", drag);
    document.addEventListener("mouseup", () => {
      document.removeEventListener("mousemove", drag);
      const changed = pointing?.up();
      if (changed) host.changed();
      from = null;
    }, { once: true });
  });
  view.element.addEventListener("mousemove", (event) => {
    if (!event.buttons) view.element.style.cursor = current() && endAt(event) ? "ew-resize" : "";
  });
  return { update: () => update(), updateLater, page: { below: below2, first, leftwards: (character) => view.directionAt(character) === "rtl" } };
}

// hitl_widgets/widgets/js/card/beside.js
function buildCertainty(session) {
  const state = h("span", { class: "hitl-quiet" });
  const steps = [..."`1234567890"].map((key3, value2) => h("button", {
    class: "hitl-step",
    type: "button",
    tabindex: "-1",
    role: "radio",
    "aria-checked": "false",
    "aria-label": `certainty ${value2} of 10`,
    title: `⇧ ${key3}`,
    "aria-keyshortcuts": `Shift+${key3}`,
    text: value2,
    onclick: () => session.rate(value2)
  }));
  const element = h(
    "section",
    { class: "hitl-certainty" },
    h(
      "div",
      { class: "hitl-row" },
      h("h3", { class: "hitl-title", text: "How sure are you?" }),
      state,
      h("span", { class: "hitl-caps" }, cap("⇧"), cap("`"), h("span", { text: "…" }), cap("0"), h("span", { text: "or" }), capOf("less_sure"), capOf("surer"))
    ),
    h("div", { class: "hitl-steps", role: "radiogroup", "aria-label": "Certainty, from a guess (0) to certain (10)" }, ...steps)
  );
  function update() {
    const { asking, annotating } = session;
    const object = asking ? null : annotating.objects?.current ?? null;
    const certainty = !object ? session.certainty : object.certainty === null ? null : { value: object.certainty, source: "given" };
    steps.forEach((step, value2) => {
      step.classList.toggle("hitl-below", certainty !== null && value2 < certainty.value);
      setAttribute(step, "aria-checked", String(certainty?.value === value2));
    });
    element.classList.toggle("hitl-asking", asking !== null);
    element.classList.toggle("hitl-carried", certainty?.source === "carried");
    setText(state, asking ? `${asking.words}: rate it to decide, or press Esc` : !certainty ? `not given${object ? ` for this ${session.annotating.noun}` : ""}` : certainty.source === "given" ? `${certainty.value}, for this ${object ? session.annotating.noun : "item"}` : `${certainty.value}, carried over`);
  }
  return { element, update };
}
function buildFlags(session, refocus) {
  const flags = Object.entries(FLAGS).map(([flag, words2]) => {
    const button = actionButton(`flag_${flag}`, words2, () => session.toggleFlag(flag));
    button.classList.add("hitl-flag");
    return { flag, button };
  });
  const note = h("input", {
    class: "hitl-note",
    type: "text",
    maxlength: "10000",
    "aria-label": "Note on this item",
    placeholder: "Note",
    autocomplete: "off"
  });
  const field = h("label", { class: "hitl-note-field" }, capOf("note"), note);
  note.addEventListener("input", () => session.write(note.value));
  note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      refocus();
    }
  });
  const element = h(
    "section",
    { class: "hitl-flags", role: "group", "aria-label": "Flags and note" },
    ...flags.map(({ button }) => button),
    field
  );
  function update() {
    for (const { flag, button } of flags) setAttribute(button, "aria-pressed", String(session.draft.flags.has(flag)));
    if (note.value !== session.draft.note) note.value = session.draft.note;
  }
  return { element, update, write: () => note.focus({ preventScroll: true }) };
}
var QUOTES = 3;
var QUOTED3 = 24;
function quotesOf(text, spans) {
  const quotes = spans.slice(0, QUOTES).map(([start, end]) => `“${text.slice(start, Math.min(end, start + QUOTED3))}${end > start + QUOTED3 ? "…" : ""}”`);
  return quotes.join(", ") + (spans.length > QUOTES ? ` and ${spans.length - QUOTES} more` : "");
}
function buildReason(session) {
  const right = actionButton("right_reason", "Right reason", () => session.judge("right"));
  const wrong = actionButton("wrong_reason", "Wrong reason", () => session.judge("wrong"));
  const brush = actionButton("brush", "Mark where", () => session.nextBrush());
  const parts = h("button", {
    class: "hitl-key-button",
    type: "button",
    tabindex: "-1",
    title: "Mark whole parts of the item",
    "aria-keyshortcuts": "p",
    onclick: () => session.nextTool()
  }, cap("p"), h("span", { text: "Parts" }));
  const said = h("span");
  const words2 = h(
    "div",
    { class: "hitl-revising hitl-brush-words", hidden: true, onpointerdown: (event) => event.stopPropagation() },
    said,
    parts
  );
  const element = h("div", { class: "hitl-reason", role: "group", "aria-label": "The reason" }, right, wrong, brush);
  function update() {
    const { marks, item, brush: { kind: tool, erasing, in_parts, words: in_words } } = session;
    element.hidden = !session.display.methods.length || session.answering.alone && !item?.target;
    element.classList.toggle("hitl-nothing", !item || item.blind || Boolean(item.broken) || !(item.target ?? item.suggestion ?? session.answering.target));
    setAttribute(right, "aria-pressed", String(marks?.reason === "right"));
    setAttribute(wrong, "aria-pressed", String(marks?.reason === "wrong"));
    setAttribute(brush, "aria-pressed", String(tool !== null));
    const text = isText(item?.picture) ? item.picture : null;
    parts.hidden = tool === null || text !== null;
    setAttribute(parts, "aria-pressed", String(in_parts));
    const marked = KINDS.filter((kind) => marks?.regions?.count(kind)).map((kind) => `${kind}: ${text ? quotesOf(text, marks?.regions?.spans(kind) ?? []) : `${marks?.regions?.count(kind).toLocaleString("en")} px`}`);
    words2.hidden = !tool && !marked.length;
    words2.parentElement?.classList.toggle("hitl-has-bottom", !words2.hidden);
    const how = in_words ? "Space marks · ⇧ arrows more · . next strongest · E erases" : !in_parts ? "mouse, or arrows and Space · E erases · [ ] size" : item?.parts ? "click, or arrows and Space · E erases" : "the parts are on their way …";
    setText(said, tool ? `${erasing ? "Erase" : tool === "wrong" ? "What should not count" : "What should count"}: ${how}` : `Marked as ${marked.join(", ")}`);
  }
  return { element, words: words2, update };
}
function buildActions(session) {
  const guess = actionButton("guess", "Guess", () => session.guess());
  guess.title = "Unsure, with a best guess";
  const flag = actionButton("flag", "Flag", () => session.flag());
  flag.title = "Flag the item (as bad data, unless another flag is on) and go on";
  const element = h(
    "div",
    { class: "hitl-actions" },
    actionButton("unsure", "Unsure", () => session.unsure()),
    guess,
    actionButton("skip", "Skip", () => session.skip()),
    flag,
    actionButton("undo", "Undo", () => session.undo())
  );
  return { element, update() {
    setAttribute(guess, "aria-pressed", String(session.guessing));
  } };
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
function likelyFirst(labels, candidates) {
  const likely = candidates.flatMap((label_id) => labels.filter((label) => label.label_id === label_id));
  return [...likely, ...labels.filter((label) => !likely.includes(label))];
}
function match(labels, query, { probs = /* @__PURE__ */ new Map(), recent = [], limit = 12 } = {}) {
  const parts = plain(query.trim()).split(/\s+/).filter(Boolean);
  const wanted = parts.join(" ");
  const lately = new Map(recent.map((label_id, i) => [label_id, recent.length - i]));
  const found = [];
  labels.forEach((label, i) => {
    const { name, path, words: words2 } = spelled(label);
    const rank = !wanted || name.startsWith(wanted) ? 0 : parts.every((part) => words2.includes(` ${part}`)) ? 1 : parts.every((part) => path.includes(part)) ? 2 : -1;
    if (rank >= 0) found.push({ label, rank, used: lately.get(label.label_id) ?? 0, p: probs.get(label.label_id) ?? 0, i });
  });
  found.sort((a, b) => a.rank - b.rank || b.used - a.used || b.p - a.p || a.i - b.i);
  return found.slice(0, limit).map((f) => f.label);
}

// hitl_widgets/widgets/js/card/labels_on.js
var ONE_COLUMN = 10;
var BESIDE_VALUES = 5;
var TWO_COLUMNS = 14;
var LINES = 12;
var SHORT = 16;
function columnsOf({ answering }, labels, searching) {
  const n = labels.length + new Set(labels.flatMap((label) => label.group ?? [])).size;
  if (answering.merged && !searching && n <= (answering.most ? BESIDE_VALUES : ONE_COLUMN)) return 1;
  if (searching) return 2;
  const wide = answering.merged || labels.some(({ name }) => name.length > SHORT);
  return wide ? labels.length <= TWO_COLUMNS ? 2 : 3 : n <= LINES ? 2 : 3;
}
function words(on, by) {
  if (by === "hand") return on ? "turned on" : "turned off";
  if (by === "before") return on ? "on, as you answered" : "off, as you answered";
  return on ? "on, suggested" : "off, not touched";
}
function buildMark(session, label_id) {
  const box = h("span", { class: "hitl-check", "aria-hidden": "true" });
  const fill2 = h("span", { class: "hitl-fill" });
  const track = h("span", { class: "hitl-track", "aria-hidden": "true" }, fill2);
  const p = h("span", { class: "hitl-p" });
  function update(chip) {
    const { answering, item, pointed, focused, suggestion } = session;
    const { many, proposed } = answering;
    const { on, by } = many ? answering.state(label_id) : { on: focused?.label_id === label_id, by: pointed === label_id ? "hand" : "model" };
    const share = proposed || !many && suggestion ? item?.probs.find(([id]) => id === label_id)?.[1] : void 0;
    const suggested = many ? Boolean(proposed?.has(label_id)) : suggestion?.[0] === label_id;
    box.classList.toggle("hitl-round", !many);
    setAttribute(chip, "data-on", String(on));
    setAttribute(chip, "data-by", by);
    chip.classList.toggle("hitl-suggested", suggested);
    setText(box, on ? many ? "✓" : "●" : many && by === "hand" ? "×" : "");
    track.classList.toggle("hitl-unknown", share === void 0);
    fill2.style.width = `${100 * (share ?? 0)}%`;
    setText(p, share === void 0 ? "" : percent(share));
    const name = session.labels.get(label_id)?.name ?? label_id;
    const state = many ? words(on, by) : on ? "chosen" : "";
    setAttribute(chip, "aria-label", [name, share !== void 0 && percent(share), state, many && by === "hand" && suggested && "suggested"].filter(Boolean).join(", "));
    setAttribute(chip, many ? "aria-checked" : "aria-pressed", String(on));
    if (many) box.title = words(on, by);
  }
  return { box, track, p, update };
}

// hitl_widgets/widgets/js/card/panel.js
var MOST_CHIPS = 30;
var FEW2 = 10;
var percent = (p) => p > 0 && p < 5e-3 ? "<1 %" : `${Math.round(100 * p)} %`;
var ahead = (points) => `${Math.round(points)} ${Math.round(points) === 1 ? "point" : "points"} above the next`;
function buildBars(session) {
  const title = h("h3", { class: "hitl-title" });
  const margin = h("span", { class: "hitl-quiet hitl-margin" });
  const accept = h("span", { class: "hitl-accept" }, capOf("accept"), h("span"));
  const plain2 = h("div", { class: "hitl-plain" }, h("strong"), h("span"));
  const bars = h("div", { class: "hitl-bars" });
  const element = h("section", { class: "hitl-says" }, h("div", { class: "hitl-row" }, title, margin, accept), plain2, bars);
  const rows = [];
  function row(i) {
    while (rows.length <= i) {
      const parts = {
        cap: h("kbd", { class: "hitl-cap" }),
        name: h("span", { class: "hitl-name" }),
        group: h("span", { class: "hitl-of-group" }),
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
        h("span", { class: "hitl-named" }, parts.name, parts.group),
        h("span", { class: "hitl-track" }, parts.fill),
        parts.p
      );
      bars.append(line);
      rows.push({ row: line, ...parts });
    }
    return rows[i];
  }
  function words2() {
    const { item, suggestion, setup, answering } = session;
    if (!item || suggestion || answering.proposed || answering.suggestedWords) return ["", ""];
    if (item.chosen_by === "second look") return ["What do you see?", "This item is asked once more, blind: the answer that was given and the model's suggestion stay hidden."];
    if (session.blind && item.answer_first) return ["What do you see?", "You answer first: the model's suggestion and map appear then, and you may change your answer."];
    if (session.blind) return ["What do you see?", "This item is asked blind: the model's suggestion and map stay hidden."];
    if (item.broken) return ["This item can't be shown", `${keyName(setup?.keys.flag?.[0][0] ?? "")} flags it as bad data and goes on. You may also skip it, or answer all the same.`];
    if (item.problem) return ["The model failed on this item", item.problem];
    if (item.model && !answering.alone) return ["What do you see?", item.suggestion ? "The label that the model suggested isn't in the taxonomy any more." : "The model can't tell the likely labels apart."];
    return ["What do you see?", session.learning?.learnt ? "This item came before the model had learnt from your answers. The next ones come with a suggestion." : "There is no model yet: your first answers will train one, and measure it."];
  }
  function update() {
    const { item, focused, first, answering } = session;
    element.hidden = session.annotating.on;
    if (element.hidden) return;
    const seen = session.suggestion;
    const probs = seen && !answering.merged ? (item?.probs ?? []).filter(([id]) => session.labels.has(id)) : [];
    probs.forEach(([label_id, p], i) => {
      const line = row(i);
      const name = session.labels.get(label_id)?.name ?? label_id;
      const key3 = session.keys.get(label_id) ?? "";
      const suggested = label_id === seen?.[0];
      line.row.hidden = false;
      line.row.dataset.label = label_id;
      line.row.classList.toggle("hitl-suggested", suggested);
      line.row.classList.toggle("hitl-own", label_id === first?.label_id);
      line.row.classList.toggle("hitl-focused", label_id === focused?.label_id);
      setText(line.cap, key3.toUpperCase());
      line.cap.classList.toggle("hitl-nokey", !key3);
      setText(line.name, name);
      setText(line.group, session.labels.get(label_id)?.group ?? "");
      line.fill.style.width = `${100 * p}%`;
      setText(line.p, percent(p));
      setAttribute(line.row, "aria-label", `${name}, ${percent(p)}${suggested ? ", suggested" : ""}${label_id === first?.label_id ? ", your answer" : ""}`);
      setAttribute(line.row, "aria-keyshortcuts", key3 || null);
    });
    for (const line of rows.slice(probs.length)) line.row.hidden = true;
    setText(margin, probs.length > 1 ? ahead(100 * (probs[0][1] - probs[1][1])) : "");
    element.classList.toggle("hitl-merged", answering.merged);
    if (answering.merged) return updateMerged();
    const [head, text] = words2();
    setText(title, seen ? "The model suggests" : "Your answer");
    setText(
      /** @type {Node} */
      plain2.firstChild,
      head
    );
    setText(
      /** @type {Node} */
      plain2.lastChild,
      text
    );
    plain2.hidden = !head;
    accept.hidden = !focused && !first;
    const keeps = first && (focused?.label_id === first.label_id || first.verdict === "unsure" && session.pointed === null);
    if (first) setText(margin, `you: ${session.wordsOf(first)}`);
    setText(
      /** @type {Node} */
      accept.lastChild,
      keeps ? "keep yours" : session.guesses ? "best guess" : focused && focused.label_id !== seen?.[0] ? focused.name : "accept"
    );
  }
  function updateMerged() {
    const { focused, first, answering, suggestion, item } = session;
    const { many, alone, proposed, suggestedWords } = answering;
    const seen = proposed ? session.nameOf(item?.suggestion) : alone ? suggestedWords : suggestion ? session.nameOf(suggestion[0]) : "";
    const [head, text] = words2();
    plain2.hidden = true;
    setText(title, seen ? "The model suggests" : head || "Your answer");
    setText(margin, first ? `you: ${session.wordsOf(first)}` : seen || text);
    margin.title = margin.textContent ?? "";
    const choice = many || alone ? answering.choice : focused ? { verdict: suggestion?.[0] === focused.label_id ? "accept" : "answer", words: focused.name } : "";
    accept.hidden = typeof choice === "string" || !item;
    if (typeof choice === "string") return;
    const stored = many ? session.nameOf(setId(answering.on)) : alone ? "store" : focused?.name ?? "";
    setText(
      /** @type {Node} */
      accept.lastChild,
      session.guesses ? "best guess" : choice.verdict === "accept" ? "accept" : stored
    );
    accept.title = `Enter stores: ${choice.words}`;
  }
  return { element, update };
}
function buildLabels(session, refocus) {
  const title = h("h3", { class: "hitl-title", text: "Labels" });
  const box = h("input", {
    class: "hitl-search",
    type: "search",
    placeholder: "Search labels",
    "aria-label": "Search labels",
    autocomplete: "off",
    spellcheck: "false"
  });
  const find = h("label", { class: "hitl-find" }, capOf("search"), box);
  const columns = h("div", { class: "hitl-columns" });
  const chips = h("div", { class: "hitl-chips", role: "group", "aria-label": "Labels" }, columns);
  const heading2 = h("div", { class: "hitl-row" }, title, find);
  const element = h("section", {}, heading2, chips);
  let marked = 0;
  let searching = false;
  let drawn2 = null;
  let likely = "";
  const marks = /* @__PURE__ */ new Map();
  function markOf(label_id) {
    const mark = marks.get(label_id) ?? buildMark(session, label_id);
    marks.set(label_id, mark);
    return mark;
  }
  function shown() {
    const labels = session.setup?.taxonomy.labels ?? [];
    const likely2 = session.candidates;
    if (!searching) return likelyFirst(labels, likely2).filter((label) => session.keys.has(label.label_id) || likely2.includes(label.label_id)).slice(0, MOST_CHIPS);
    return match(labels, box.value, { probs: new Map(session.suggestion ? session.item?.probs : []), recent: session.recent });
  }
  function draw2() {
    const labels = shown();
    const { answering } = session;
    const n_columns = columnsOf(session, labels, searching);
    columns.style.columnCount = String(n_columns);
    element.classList.toggle("hitl-merged", answering.merged);
    chips.classList.toggle("hitl-one-column", n_columns === 1);
    chips.classList.toggle("hitl-three-columns", n_columns === 3);
    marks.clear();
    let group;
    columns.replaceChildren(...labels.flatMap((label, i) => {
      const key3 = session.keys.get(label.label_id);
      const likely2 = !searching && session.candidates.includes(label.label_id);
      const heading3 = searching || likely2 || label.group === group ? [] : [h("div", { class: "hitl-group", text: label.group ?? "" })];
      if (heading3.length) group = label.group;
      return [...heading3, h(
        "button",
        {
          class: `hitl-chip${searching && i === marked ? " hitl-marked" : ""}${likely2 ? " hitl-likely" : ""}`,
          type: "button",
          tabindex: "-1",
          "data-label": label.label_id,
          title: label.definition ? `${label.path}: ${label.definition}` : label.path,
          ...key3 ? { "aria-keyshortcuts": key3 } : {},
          ...answering.many ? { role: "checkbox", "aria-checked": "false" } : {},
          onclick: () => {
            leave2();
            session.choose(label.label_id);
          },
          onpointerenter: () => session.peek(label.label_id),
          onpointerleave: () => session.peek(null)
        },
        key3 ? cap(key3) : h("span", { class: "hitl-cap hitl-nokey" }),
        answering.merged ? markOf(label.label_id).box : null,
        h("span", { class: "hitl-name", text: searching || likely2 ? label.path : label.name }),
        answering.merged && n_columns < 3 ? markOf(label.label_id).track : null,
        answering.merged ? markOf(label.label_id).p : null,
        h("span", {
          class: "hitl-i",
          title: `What is ${label.name}?`,
          "aria-hidden": "true",
          text: "i",
          onclick: (event) => {
            event.stopPropagation();
            leave2();
            session.guide(label.label_id);
            refocus();
          }
        })
      )];
    }), ...searching && !labels.length ? [h("p", { class: "hitl-quiet", text: "No label matches. Esc leaves the search." })] : []);
    chips.classList.toggle("hitl-many", labels.length > 18);
    if (!searching) return;
    setText(title, labels.length < 12 ? `${labels.length} ${labels.length === 1 ? "label matches" : "labels match"}` : "The best 12");
    session.peek(labels[marked]?.label_id ?? null);
  }
  function leave2() {
    if (!searching) return;
    searching = false;
    chips.style.minHeight = "";
    box.value = "";
    marked = 0;
    drawn2 = null;
    session.peek(null);
  }
  box.addEventListener("focus", () => {
    chips.style.minHeight = `${chips.offsetHeight}px`;
    searching = true;
    marked = 0;
    draw2();
  });
  box.addEventListener("input", () => {
    marked = 0;
    draw2();
  });
  chips.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("blur", () => {
    leave2();
    update();
  });
  box.addEventListener("keydown", (event) => {
    const labels = shown();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && labels.length) {
      event.preventDefault();
      marked = (marked + step + labels.length) % labels.length;
      draw2();
    } else if (event.key === "Enter" && !event.isComposing && labels[marked]) {
      event.preventDefault();
      const { label_id } = labels[marked];
      refocus();
      session.choose(label_id);
    }
  });
  function update() {
    const { setup, focused } = session;
    element.hidden = session.answering.alone;
    find.hidden = !setup || setup.taxonomy.labels.length <= FEW2 && !searching;
    if (setup && (setup.taxonomy !== drawn2 || !searching && likely !== session.candidates.join())) {
      drawn2 = setup.taxonomy;
      likely = session.candidates.join();
      setText(title, likely ? "Labels, the likely ones first" : setup.taxonomy.labels.length > MOST_CHIPS ? `Labels with a key, of ${setup.taxonomy.labels.length.toLocaleString("en")}` : "Labels");
      draw2();
    }
    columns.classList.toggle("hitl-keys-away", session.answering.field !== null);
    heading2.hidden = session.answering.merged && find.hidden && !likely && !searching;
    const suggested = session.suggestion?.[0];
    for (const chip of columns.children) {
      const { label } = (
        /** @type {HTMLElement} */
        chip.dataset
      );
      chip.classList.toggle("hitl-suggested", label !== void 0 && label === suggested);
      chip.classList.toggle("hitl-own", label !== void 0 && label === session.first?.label_id);
      chip.classList.toggle("hitl-focused", label !== void 0 && label === focused?.label_id && !searching);
      if (label !== void 0) marks.get(label)?.update(
        /** @type {HTMLElement} */
        chip
      );
    }
  }
  return { element, update, search() {
    find.hidden = !session.setup;
    box.focus({ preventScroll: true });
  } };
}

// hitl_widgets/widgets/js/objects/zoom.js
var SHARE = 0.4;
var MOST3 = 32;
var POINT = 24;
var held = ({ times, x, y }) => ({ times, x: within2(x, 0.5 / times, 1 - 0.5 / times), y: within2(y, 0.5 / times, 1 - 0.5 / times) });
function viewOf(near, [width, height]) {
  const { times, x, y } = held(near);
  return { x: (x - 0.5 / times) * width, y: (y - 0.5 / times) * height, width: width / times, height: height / times };
}
function closeUp([x0, y0, x1, y1], [width, height]) {
  const [w, h2] = x1 > x0 && y1 > y0 ? [x1 - x0, y1 - y0] : [POINT, POINT];
  const times = within2(SHARE * Math.min(width / w, height / h2), 1, MOST3);
  return held({ times, x: (x0 + x1) / 2 / width, y: (y0 + y1) / 2 / height });
}
function revealing(near, bounds, size) {
  const view = viewOf(near, size);
  const shift = (from, length, low, high) => high - low >= length ? (low + high - length) / 2 - from : Math.max(0, high - from - length) + Math.min(0, low - from);
  const [dx, dy] = [shift(view.x, view.width, bounds[0], bounds[2]), shift(view.y, view.height, bounds[1], bounds[3])];
  return dx || dy ? held({ times: near.times, x: near.x + dx / size[0], y: near.y + dy / size[1] }) : near;
}

// hitl_widgets/widgets/js/text/view.js
var WHOLE = 3;
var NEAR3 = 1.5;
var FAR3 = 5;
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
      this.before.replaceChildren(...before.map(({ item_id, text: words2 }) => h("p", { dir: "auto", title: item_id, text: words2 })));
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
    for (let i = few ? 0 : this.#sectionAt(top - FAR3 * 2 * height); i < sections.length; i++) {
      const section = sections[i];
      const [from, to] = few ? [0, 0] : [section.element.offsetTop, section.element.offsetTop + section.element.offsetHeight];
      const away = few ? 0 : Math.max(from - top - height, top - to) / height;
      if (away > FAR3 * 2) break;
      if (away <= NEAR3 && !section.pieces) {
        this.#draw(section);
        changed = true;
      } else if (away > FAR3 && section.pieces) this.#empty(section);
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
    const write2 = (parent, start, end) => {
      const node = document.createTextNode(text.text.slice(start, end));
      const piece = { node, start, end };
      this.piece_of.set(node, piece);
      pieces.push(piece);
      parent.appendChild(node);
    };
    const words2 = this.#tintedIn(section);
    let at = 0;
    const drawn2 = [];
    for (let i = section.from; i < section.to; i++) {
      const { start, end } = text.lines[i];
      const line = h("p", { class: start === end ? "hitl-line hitl-blank" : "hitl-line", dir: "auto" });
      let done = start;
      while (at < words2.length && words2[at].from < end) {
        const { from, to, word: word2 } = words2[at];
        const [begins, ends2] = [Math.max(from, done), Math.min(to, end)];
        if (ends2 > begins) {
          if (begins > done) write2(line, done, begins);
          const mark = h("span", { class: `hitl-word ${word2.speaks_for ? "hitl-for" : "hitl-counts-against"}${word2.strength > 0.3 ? " hitl-strong" : ""}`, style: `--t:${word2.strength.toFixed(2)}` });
          write2(mark, begins, ends2);
          line.appendChild(mark);
          done = ends2;
        }
        if (to > end) break;
        at++;
      }
      if (done < end) write2(line, done, end);
      drawn2.push(line);
    }
    section.element.replaceChildren(...drawn2);
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
    const words2 = [];
    for (const word2 of this.tinted) {
      if (word2.end <= first || word2.start >= last) continue;
      let [from, to] = [text.unit(word2.start), text.unit(word2.end)];
      if (cuts(text.text, from) || cuts(text.text, to)) [from, to] = text.units.snapped(word2.start, word2.end).map((character) => text.unit(character));
      const before = words2[words2.length - 1];
      if (before && from < before.to) {
        if (word2.strength > before.word.strength) before.word = word2;
        before.to = Math.max(before.to, to);
      } else words2.push({ from, to, word: word2 });
    }
    return words2;
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
  #unitOf(node, offset2) {
    const piece = this.piece_of.get(node);
    if (piece) return piece.start + offset2;
    if (!this.lines.contains(node)) return null;
    const after = node.childNodes[offset2] ?? null;
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
  const same2 = last && Math.abs(last.top - rect.top) < rect.height / 2;
  if (same2 && rect.left <= last.left + last.width + 1.5 && rect.left + rect.width >= last.left - 1.5) {
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
function drawBoxes(layer, rects, name) {
  while (layer.children.length > rects.length) layer.lastElementChild?.remove();
  while (layer.children.length < rects.length) layer.append(h("span"));
  rects.forEach(({ left, top, width, height }, i) => {
    const box = (
      /** @type {HTMLElement} */
      layer.children[i]
    );
    if (box.className !== name) box.className = name;
    Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  });
}

// hitl_widgets/widgets/js/stage/text.js
var LARGEST = 3;
var SMALLEST = 0.6;
var PADDING = 48;
var LISTED = 14;
var ASIDE = 172;
function buildReader(session) {
  const view = new TextView(() => {
    for (const redraw of layers) redraw();
  });
  const layers = [];
  let room = { width: 0, height: 0 };
  let times = 1;
  const marks = { wrong: h("div"), missing: h("div"), in_hand: h("div") };
  let marked = "";
  layers.push(() => {
    marked = "";
    drawMarks();
  });
  view.over.append(...Object.values(marks));
  const words2 = buildWords((start, end) => view.reveal(start, end));
  const element = h("div", { class: "hitl-text" }, view.element, words2.element);
  setAttribute(view.element, "role", "document");
  const text = () => isText(session.item?.picture) ? session.item.picture : null;
  function update() {
    const shown = text();
    const { item } = session;
    element.hidden = !shown || Boolean(item?.broken);
    if (!shown || !room.width) return;
    const another = shown !== view.text;
    const { saliency, display: { mode, opacity } } = session;
    const beside = mode === "side_by_side" && Boolean(saliency);
    words2.element.hidden = !beside;
    const setting = shown.setting({ width: room.width - PADDING - (beside ? ASIDE : 0), height: room.height - PADDING });
    view.show(shown, { ...setting, size: Math.round(setting.size * times * 2) / 2 }, item?.before ?? [], tintOf(saliency));
    view.lines.classList.toggle("hitl-only", mode === "hot" && Boolean(saliency));
    view.lines.classList.toggle("hitl-untinted", beside);
    element.style.setProperty("--hitl-strength", alphaOf(opacity).toFixed(2));
    if (beside) words2.update(shown, saliency);
    drawMarks();
    if (another) {
      setAttribute(view.element, "aria-label", `Item ${item?.item_id}, ${shown.n.toLocaleString("en")} characters`);
      session.painted();
    }
  }
  function drawMarks() {
    const { brush } = session;
    const regions = session.marks?.regions;
    const shown = text();
    const fits = shown !== null && shown === view.text && regions?.width === shown.n;
    const in_hand = fits && brush.kind && brush.words?.text === shown ? brush.words.range : null;
    const state = `${fits ? `${regions.number} ${regions.version}` : ""} ${in_hand} ${brush.erasing}`;
    if (state === marked) return;
    marked = state;
    for (const kind of KINDS) {
      drawBoxes(marks[kind], fits ? regions.spans(kind).flatMap(([start, end]) => view.rects(start, end)) : [], `hitl-text-mark hitl-text-${kind}`);
    }
    drawBoxes(marks.in_hand, in_hand ? view.rects(...in_hand) : [], `hitl-text-in-hand${brush.erasing ? " hitl-erasing" : ""}`);
  }
  function lead(words3, key3, extend) {
    const across2 = { ArrowRight: 1, ArrowLeft: -1 }[key3];
    const down2 = { ArrowDown: 1, ArrowUp: -1 }[key3];
    if (across2) words3.step(
      /** @type {1 | -1} */
      view.directionAt(words3.at[0]) === "rtl" ? -across2 : across2,
      extend
    );
    else if (down2) words3.to(wordBelow(
      words3,
      /** @type {1 | -1} */
      down2
    ), extend);
    else if ((key3 === "," || key3 === ".") && !extend) words3.stronger(key3 === "." ? 1 : -1, tintOf(session.saliency));
    else return false;
    view.reveal(...words3.at);
    session.withBrush(() => {
    });
    return true;
  }
  function wordBelow(words3, by) {
    view.reveal(...words3.at);
    const { left, top } = view.page.getBoundingClientRect();
    const rects = view.rects(...words3.at);
    const rect = by > 0 ? rects[rects.length - 1] : rects[0];
    if (!rect) return null;
    for (let lines = 1; lines <= 3; lines++) {
      const y = top + rect.top + rect.height / 2 + by * lines * 1.3 * rect.height;
      const character = view.characterAt(left + rect.left + rect.width / 2, y);
      const word2 = character === null ? null : words3.wordAt(character) ?? words3.text.units.wordBefore(character) ?? words3.text.units.wordAfter(character);
      if (word2 && (by > 0 ? word2[0] >= words3.at[1] : word2[1] <= words3.at[0])) return word2;
    }
    return null;
  }
  view.element.addEventListener("pointerdown", (event) => {
    const { brush } = session;
    const { words: tool } = brush;
    if (event.button !== 0 || !brush.kind || !tool) return;
    const at = (e) => {
      const character = view.characterAt(e.clientX, e.clientY);
      return character === null ? null : tool.wordAt(character);
    };
    const first = at(event);
    if (!first) return;
    event.preventDefault();
    view.element.setPointerCapture(event.pointerId);
    session.withBrush(() => tool.to(first));
    const drag = (e) => {
      const word2 = at(e);
      if (word2) session.withBrush(() => tool.to(word2, true));
    };
    view.element.addEventListener("pointermove", drag);
    view.element.addEventListener("lostpointercapture", () => {
      view.element.removeEventListener("pointermove", drag);
      session.withBrush((brush2, item, draft) => brush2.press(item, draft));
    }, { once: true });
  });
  function resize(now) {
    room = now;
    update();
    view.resized();
  }
  return {
    element,
    view,
    update,
    resize,
    text,
    lead,
    get times() {
      return times;
    },
    /** Letters become larger or smaller; 0: as they were, and back to the beginning. @param {number} factor */
    zoom(factor) {
      times = factor ? Math.max(SMALLEST, Math.min(LARGEST, times * (factor > 1 ? 1.15 : 1 / 1.15))) : 1;
      if (Math.abs(times - 1) < 0.01) times = 1;
      if (!factor) view.top();
      update();
    },
    /** @param {number} by in shares of the window */
    scroll: (by) => view.scroll(by),
    /** @param {() => void} redraw called whenever the text has moved */
    over: (redraw) => {
      layers.push(redraw);
    }
  };
}
function buildWords(reveal) {
  const list = h("ol", { class: "hitl-counted" });
  const element = h("aside", { class: "hitl-words", hidden: true, "aria-label": "The words that count most" }, list);
  let drawn2 = null;
  function update(text, map) {
    if (map === drawn2) return;
    drawn2 = map;
    const counted2 = strongest(text, tintOf(map), LISTED);
    const most = Math.max(1, ...counted2.map(({ weight }) => Math.abs(weight)));
    list.classList.toggle("hitl-signed", Boolean(map?.signed));
    list.replaceChildren(...counted2.map(({ word: word2, n, weight, start, end }) => {
      const name = h("bdi", { class: "hitl-name" });
      setText(name, word2);
      return h(
        "li",
        { title: `${word2}${n > 1 ? `, ${n} times` : ""}: speaks ${weight > 0 ? "for" : "against"} the label`, onclick: () => reveal(start, end) },
        name,
        n > 1 ? h("span", { class: "hitl-quiet", text: `× ${n}` }) : null,
        h("span", { class: `hitl-weight ${weight > 0 ? "hitl-for" : "hitl-counts-against"}`, style: `--t:${(Math.abs(weight) / most).toFixed(3)}` })
      );
    }));
  }
  return { element, update };
}

// hitl_widgets/widgets/js/card/stage.js
var CRISP_FROM = 2;
var MOST4 = 32;
var MARGIN = 12;
var GAP = 10;
var MARKED_SIDE = 448;
var METHODS = {
  gradcam: "Grad-CAM",
  saliency: "Saliency",
  integrated_gradients: "Integrated gradients",
  occlusion: "Occlusion",
  kernelshap: "KernelSHAP",
  lime: "LIME",
  contributions: "Contributions",
  erasure: "Words left out"
};
var SHOWN = { overlay: "over", side_by_side: "beside", hot: "hot only" };
var SHOWN_OF_TEXT = { overlay: "tint", side_by_side: "list", hot: "strong only" };
var methodName = (method) => METHODS[method] ?? method;
function drawn(map, cover, canvas = document.createElement("canvas")) {
  canvas.width = map.width;
  canvas.height = map.height;
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  context.putImageData(new ImageData(colourise(
    /** @type {Uint8Array} */
    map.values,
    map.signed,
    cover
  ), map.width, map.height), 0, 0);
  return canvas;
}
var emptyWords = ({ values, signed }) => values instanceof Uint8Array && isEmpty(values, signed) ? `empty: nothing here speaks for ${signed ? "or against " : ""}it` : "";
function lay(canvas, { box: [x0, y0, x1, y1] }, item) {
  Object.assign(canvas.style, {
    left: `${100 * x0 / item.width}%`,
    top: `${100 * y0 / item.height}%`,
    width: `${100 * (x1 - x0) / item.width}%`,
    height: `${100 * (y1 - y0) / item.height}%`
  });
}
function buildStage(session) {
  const image = h("canvas", { class: "hitl-image", role: "img" });
  const map = h("canvas", { class: "hitl-map", "aria-hidden": "true" });
  const alone = h("canvas", { class: "hitl-map", "aria-hidden": "true" });
  const planes = [h("div", { class: "hitl-plane" }, image, map), h("div", { class: "hitl-plane" }, alone)];
  const marked = h("canvas", { class: "hitl-marked-region", "aria-hidden": "true" });
  const brush = h("div", { class: "hitl-brush", hidden: true, "aria-hidden": "true" });
  const parts = h("canvas", { class: "hitl-parts", "aria-hidden": "true" });
  planes[0].append(marked, parts, brush);
  const sheet = h("div", { class: "hitl-sheet" }, planes[0]);
  const beside = h("div", { class: "hitl-sheet hitl-beside", hidden: true }, planes[1]);
  const broken = h("div", { class: "hitl-broken", role: "note" });
  const closeness = h("span", { class: "hitl-closeness", hidden: true });
  const reader = buildReader(session);
  const stage = h("div", { class: "hitl-stage" }, h("div", { class: "hitl-sheets" }, sheet, beside), reader.element, broken, closeness);
  let room = { width: 0, height: 0 };
  let near = { times: 1, x: 0.5, y: 0.5 };
  let fitted = "";
  let layer = null;
  let held2 = [null, null, null, null];
  function fit() {
    const item = session.item;
    if (!item?.width || !room.width) return;
    const two = !beside.hidden;
    const wanted = [item.item_id, item.width, item.height, two, room.width, room.height].join(" ");
    if (wanted === fitted) return;
    fitted = wanted;
    const width = (room.width - 2 * MARGIN - (two ? GAP : 0)) / (two ? 2 : 1);
    const scale = Math.min(width / item.width, (room.height - 2 * MARGIN) / item.height);
    const whole = scale >= 4 ? Math.floor(scale) : scale;
    for (const each of [sheet, beside]) {
      each.style.width = `${item.width * whole}px`;
      each.style.height = `${item.height * whole}px`;
    }
    place();
  }
  function place() {
    const item = session.item;
    const { times } = near;
    near.x = Math.max(0.5 / times, Math.min(1 - 0.5 / times, near.x));
    near.y = Math.max(0.5 / times, Math.min(1 - 0.5 / times, near.y));
    for (const plane of planes) {
      plane.style.transform = times === 1 ? "" : `scale(${times}) translate(${100 * (0.5 / times - near.x)}%, ${100 * (0.5 / times - near.y)}%)`;
    }
    stage.classList.toggle("hitl-near", times > 1);
    const scale = item?.width ? parseFloat(sheet.style.width) / item.width * times : 1;
    stage.classList.toggle("hitl-crisp", scale >= CRISP_FROM);
    nameCloseness(times, scale);
    if (layer && item?.width) layer.look(viewOf(near, [item.width, item.height]), 1 / scale);
    if (times > 1) session.sharpen();
  }
  function nameCloseness(times, scale = times) {
    closeness.hidden = times === 1;
    setText(closeness, `${Math.round(100 * scale)} %`);
  }
  function over(what) {
    layer = what;
    sheet.append(what.svg);
    place();
  }
  const view = () => viewOf(near, [session.item?.width ?? 1, session.item?.height ?? 1]);
  function closer(bounds) {
    const { width = 1, height = 1 } = session.item ?? {};
    const next = closeUp(bounds, [width, height]);
    near = Math.abs(next.times - near.times) < 0.01 ? { times: 1, x: 0.5, y: 0.5 } : next;
    place();
  }
  function reveal(bounds) {
    const next = revealing(near, bounds, [session.item?.width ?? 1, session.item?.height ?? 1]);
    if (next === near) return;
    near = next;
    place();
  }
  function zoom(factor, at = { x: 0.5, y: 0.5 }) {
    if (reader.text()) {
      reader.zoom(factor);
      return nameCloseness(reader.times);
    }
    const times = Math.max(1, Math.min(MOST4, near.times * factor));
    const [x, y] = [near.x + (at.x - 0.5) / near.times, near.y + (at.y - 0.5) / near.times];
    near = { times, x: x - (at.x - 0.5) / times, y: y - (at.y - 0.5) / times };
    place();
  }
  function move(x, y) {
    if (reader.text()) return reader.scroll(y);
    near = { ...near, x: near.x + x / near.times, y: near.y + y / near.times };
    place();
  }
  const shareAt = (event) => {
    const { left, top, width, height } = sheet.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  };
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(2 ** (-event.deltaY / 200), shareAt(event));
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => session.brush.kind || reader.text() || (near.times > 1 ? zoom(0) : zoom(4, shareAt(event))));
  const pixelAt = (event) => {
    const { x, y } = shareAt(event);
    const { width = 0, height = 0 } = session.item ?? {};
    return { x: (near.x + (x - 0.5) / near.times) * width, y: (near.y + (y - 0.5) / near.times) * height };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || reader.text() || near.times === 1 && !session.brush.kind) return;
    stage.setPointerCapture(event.pointerId);
    let from = shareAt(event);
    let point = pixelAt(event);
    const painting = session.brush.kind !== null;
    const paint = (before) => session.withBrush((tool, item, draft) => tool.paint(item, draft, point, before));
    if (painting) paint();
    const drag = (e) => {
      const to = shareAt(e);
      if (painting) {
        const before = point;
        point = pixelAt(e);
        paint(before);
      } else move(from.x - to.x, from.y - to.y);
      from = to;
    };
    stage.addEventListener("pointermove", drag);
    stage.addEventListener("lostpointercapture", () => stage.removeEventListener("pointermove", drag), { once: true });
  });
  stage.addEventListener("pointermove", (event) => {
    const { item, brush: tool } = session;
    if (item && !reader.text() && tool.kind && tool.in_parts && !event.buttons && tool.over(item, pixelAt(event))) session.withBrush(() => {
    });
  });
  function drawImage(item, hot) {
    const picture = isText(item?.picture) ? null : item?.picture ?? null;
    if (held2[0] === picture && held2[1] === hot && picture) return;
    sheet.classList.toggle("hitl-empty", !picture);
    if (!picture || !item) {
      held2[0] = null;
      return;
    }
    const another = held2[0] !== picture;
    held2[0] = picture;
    held2[1] = hot;
    const [width, height] = sizeOf(picture);
    if (image.width !== width || image.height !== height) {
      image.width = width;
      image.height = height;
    }
    const context = (
      /** @type {CanvasRenderingContext2D} */
      image.getContext("2d")
    );
    context.globalCompositeOperation = "copy";
    context.drawImage(picture, 0, 0);
    if (hot) {
      const [x0, y0, x1, y1] = hot.box;
      const [kx, ky] = [width / item.width, height / item.height];
      context.globalCompositeOperation = "destination-in";
      context.imageSmoothingEnabled = true;
      context.drawImage(drawn(hot, "hot"), x0 * kx, y0 * ky, (x1 - x0) * kx, (y1 - y0) * ky);
    }
    if (another && room.width) session.painted();
  }
  function drawMap(canvas, item, saliency, cover) {
    canvas.hidden = !saliency || !item?.picture;
    const i = cover === "over" ? 2 : 3;
    if (!saliency || !item || saliency === held2[i]) return;
    held2[i] = saliency;
    drawn(saliency, cover, canvas);
    lay(canvas, saliency, item);
  }
  function drawRegions(item) {
    const { marks, brush: { kind, erasing, cursor, in_parts } } = session;
    const regions = marks?.regions;
    const visible = Boolean(regions && item?.picture && regions.width === item.width && regions.height === item.height);
    marked.hidden = !visible;
    brush.hidden = !visible || !kind || in_parts;
    drawParts(visible && kind && in_parts ? item : void 0);
    if (!regions || !item || !visible) return;
    const state = `${regions.number} ${regions.version}`;
    if (state !== painted) {
      painted = state;
      const { width, height, pixels } = regions.drawn(MARKED_SIDE / Math.max(item.width, item.height));
      marked.width = width;
      marked.height = height;
      marked.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    }
    const across2 = 2 * session.brush.size(item);
    Object.assign(brush.style, {
      left: `${100 * cursor.x / item.width}%`,
      top: `${100 * cursor.y / item.height}%`,
      width: `${100 * across2 / item.width}%`,
      height: `${100 * across2 / item.height}%`
    });
    brush.classList.toggle("hitl-erasing", erasing);
  }
  function drawParts(item) {
    parts.hidden = !item?.parts;
    if (!item?.parts) return;
    const state = `${item.item_id} ${session.brush.part}`;
    if (state === split2) return;
    split2 = state;
    const times = MARKED_SIDE / Math.max(item.width, item.height);
    const { width, height, pixels } = item.parts.drawn(Math.max(1, Math.round(item.width * times)), Math.max(1, Math.round(item.height * times)), session.brush.part);
    parts.width = width;
    parts.height = height;
    parts.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  }
  let shown;
  let painted = "";
  let split2 = "";
  function update() {
    const { item, saliency } = session;
    const { mode, on, method } = session.display;
    const is_text = Boolean(reader.text());
    if (is_text !== stage.classList.contains("hitl-is-text")) {
      stage.classList.toggle("hitl-is-text", is_text);
      stage.classList.add("hitl-of-texts");
      nameCloseness(is_text ? reader.times : near.times);
    }
    stage.classList.toggle("hitl-painting", session.brush.kind !== null);
    stage.classList.toggle("hitl-is-broken", Boolean(item?.broken));
    setText(broken, item?.broken ?? "");
    reader.update();
    if (is_text) return;
    const two = mode === "side_by_side" && on && Boolean(method) && !item?.blind && !item?.no_map && !item?.broken && Boolean(item && (session.answering.target ?? mainTarget(item)));
    beside.hidden = !two;
    if (item?.item_id !== shown) {
      shown = item?.item_id;
      if (near.times !== 1) {
        near = { times: 1, x: 0.5, y: 0.5 };
        place();
      }
    }
    fit();
    layer?.update();
    drawImage(item, mode === "hot" ? saliency : null);
    drawMap(map, item, mode === "overlay" ? saliency : null, "over");
    drawMap(alone, item, two ? saliency : null, "beside");
    map.style.opacity = String(session.display.opacity);
    drawRegions(item);
    setAttribute(image, "aria-label", item ? `Item ${item.item_id}, ${item.width} by ${item.height} pixels` : "No item");
  }
  const watch = new ResizeObserver(([{ contentRect }]) => {
    room = contentRect;
    session.resize(Math.ceil(Math.max(room.width, room.height) * devicePixelRatio));
    fit();
    reader.resize({ width: room.width, height: stage.clientHeight });
    if (room.width && held2[0] && held2[0] === session.item?.picture) session.painted();
  });
  watch.observe(stage);
  return { stage, reader, update, zoom, move, over, view, closer, reveal, stop: () => watch.disconnect() };
}
function buildLegend(session) {
  const toggle = actionButton("map", "", () => session.toggleMap());
  toggle.title = "Saliency map on or off";
  const how = actionButton("display", "", () => session.nextMap("mode"));
  how.title = "Over the item, beside it, or the item only where the map is hot";
  const words2 = h("span", { class: "hitl-map-words" });
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
    "aria-label": "Opacity of the map",
    title: "Opacity of the map",
    oninput: (event) => session.fade(Number(event.target.value) - session.display.opacity)
  });
  const legend = h("div", { class: "hitl-legend" }, toggle, how, words2, scale, opacity);
  function update() {
    const { item, saliency } = session;
    const { on, method, mode, opacity: strength } = session.display;
    const pushed2 = item && method ? item.maps[mapKey(item, method, session.mapped, session.against)] ?? (session.answering.target === null ? item.maps[method] : null) : null;
    legend.hidden = !item || !session.display.methods.length || session.answering.alone && !item.target;
    if (legend.hidden) return;
    setText(
      /** @type {Node} */
      toggle.lastChild,
      on ? "Map on" : "Map off"
    );
    setAttribute(toggle, "aria-pressed", String(on));
    how.hidden = !on || session.blind;
    const is_text = item?.mime === "text/plain";
    setText(
      /** @type {Node} */
      how.lastChild,
      (is_text ? SHOWN_OF_TEXT : SHOWN)[mode]
    );
    const [target, other] = [saliency?.target, saliency?.against].map((id) => id && (session.answering.mapped(id) ?? session.nameOf(id)));
    setText(words2, session.blind ? item?.answer_first ? "hidden until you have answered" : "hidden while the item is blind" : pushed2?.problem ? pushed2.problem : saliency ? [`${methodName(saliency.by ?? saliency.method)} for ${target}${other ? ` and not ${other}` : ""}`, emptyWords(saliency), unexplained(saliency)].filter(Boolean).join(" · ") : !on || !item || item.no_map ? "" : item.broken || !session.toExplain ? "no prediction to explain" : "map on its way …");
    setAttribute(words2, "title", words2.textContent);
    scale.hidden = !saliency;
    opacity.hidden = !saliency || mode !== "overlay";
    legend.classList.toggle("hitl-unexplained", unexplained(saliency) !== "");
    if (saliency) {
      bar.style.background = is_text ? tintGradient(saliency.signed, strength) : gradient(saliency.signed);
      const of = session.answering.attributeOf(saliency.target);
      const is_scale = of !== null && !of.choices;
      setText(low, !saliency.signed ? "less" : is_scale ? "lower" : "against");
      setText(high, !saliency.signed ? "more" : is_scale ? "higher" : "for");
      setAttribute(bar, "aria-label", saliency.signed ? is_scale ? "Scale: blue makes the value lower, orange higher" : `Scale: blue speaks against the ${of ? "choice" : "label"}, orange for it` : "Scale: dark counted a little, bright counted most");
    }
    if (opacity.value !== String(strength)) opacity.value = String(strength);
  }
  return { legend, update };
}

// hitl_widgets/widgets/js/card/strip.js
var SHOWN2 = 16;
var SIDE3 = 44;
var SIGNS = { accept: "✓", correct: "✎", answer: "●", unsure: "?", skip: "↷" };
function buildStrip(session) {
  const row = h("div", { class: "hitl-past", role: "list" });
  const hint = h("span", { class: "hitl-strip-keys", "aria-hidden": "true" }, capOf("earlier"), capOf("later"));
  const empty = h("span", { class: "hitl-quiet", text: "Your last decisions appear here; click one to revise it." });
  const strip = h("nav", { class: "hitl-strip", "aria-label": "Last decisions" }, hint, empty, row);
  let entries = /* @__PURE__ */ new Map();
  function build(past) {
    const canvas = h("canvas", { class: "hitl-thumb", width: SIDE3, height: SIDE3, "aria-hidden": "true" });
    const caption = h("span", { class: "hitl-caption" });
    const said = h("span", { class: "hitl-caption hitl-model-said" });
    const button = h(
      "button",
      { class: "hitl-past-item", type: "button", tabindex: "-1", onclick: () => session.revise(past) },
      canvas,
      h("span", { class: `hitl-sign-${past.verdict}`, "aria-hidden": "true", text: SIGNS[past.verdict] }),
      caption,
      said
    );
    return { entry: h("div", { role: "listitem" }, button), canvas, caption, said, drawn: null };
  }
  function update() {
    const past = session.queue.past.slice(-SHOWN2);
    strip.hidden = !session.setup;
    empty.hidden = past.length > 0;
    hint.hidden = !past.length;
    const before = entries;
    entries = new Map(past.map((one) => [one, before.get(one) ?? build(one)]));
    for (const [one, parts] of entries) {
      if (!one.thumb && isText(one.item?.picture)) one.thumb = new ItemText(beginningOf(one.item.picture));
      if (!one.thumb && one.item?.picture) {
        drawSmall(parts.canvas, one.item.picture);
        one.thumb = parts.canvas;
        parts.drawn = one.thumb;
      } else if (one.thumb && parts.drawn !== one.thumb) {
        if (one.thumb !== parts.canvas) drawSmall(parts.canvas, one.thumb);
        parts.drawn = one.thumb;
      }
      const answer = session.wordsOf(one);
      setText(parts.caption, answer);
      const model = one.hidden && !isHidden(one) && one.suggestion ? session.labels.get(one.suggestion)?.name : void 0;
      setText(parts.said, model ? `model: ${model}` : "");
      parts.said.classList.toggle("hitl-differs", Boolean(model) && one.suggestion !== one.label_id);
      const words2 = [
        `${one.item_id}: ${answer}`,
        model && `the model said ${model}`,
        one.certainty !== null && `certainty ${one.certainty}`,
        ...one.flags.map(flagName),
        one.note && `“${one.note}”`
      ].filter(Boolean).join(", ");
      const button = (
        /** @type {HTMLElement} */
        parts.entry.firstChild
      );
      setAttribute(button, "title", words2);
      setAttribute(button, "aria-label", `Revise ${words2}`);
      setAttribute(button, "aria-current", session.revising?.past === one ? "true" : null);
    }
    inOrder(row, [...entries.values()].map(({ entry }) => entry));
  }
  return { strip, update };
}

// hitl_widgets/widgets/js/card/header.js
var QUEUES = { second_look: "Second looks", relabel: "Asked again" };
var MEANS = {
  "Second looks": "Answers that may be wrong, yours first, are asked again without the model's prediction",
  "Asked again": "Items whose answer a change of the taxonomy left in doubt"
};
var NEWS_MS = 6e4;
var count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
function buildHeader(session, on) {
  const focus = h(
    "span",
    { class: "hitl-focus", title: "A click on the card gives it the keys, Esc gives them back to the notebook" },
    h("span", { class: "hitl-dot", "aria-hidden": "true" }),
    h("span", { class: "hitl-focus-on", text: "Keys on" }),
    h("span", { class: "hitl-focus-off", text: "Click to use the keys" })
  );
  const done = h("span", { class: "hitl-done" });
  const meter = h("span", { class: "hitl-meter", "aria-hidden": "true" }, h("span"));
  const pace = h("span", { class: "hitl-quiet hitl-pace" });
  const pending = h("span", { class: "hitl-pending", role: "status" });
  const who = h("button", { class: "hitl-who", type: "button", onclick: () => session.open("project") });
  const badge = h("span", { class: "hitl-badge", role: "status", hidden: true });
  const questions = h("button", { class: "hitl-key-button", type: "button", title: "Ask a question; answers appear here", hidden: true, onclick: on.ask }, capOf("question"), badge, h("span", { class: "hitl-wide", text: "Questions" }));
  const help = h("button", { class: "hitl-key-button", type: "button", title: "All keys", onclick: on.help }, capOf("help"), h("span", { text: "Keys" }));
  const header = h(
    "div",
    { class: "hitl-header hitl-one-line" },
    focus,
    h("span", { class: "hitl-progress" }, done, meter, pace, pending),
    h("span", { class: "hitl-about" }, who, questions, help)
  );
  function update() {
    const { setup, tally } = session;
    const { pace_s } = tally;
    const number = (x) => x.toLocaleString("en");
    const { round, asked, answered = 0, open, items } = setup?.progress ?? {};
    const queue = QUEUES[setup?.queue ?? ""];
    const others = items === void 0 || open === void 0 ? 0 : items - answered - open;
    const all = items ?? (open === void 0 ? void 0 : answered + open);
    const [n, of] = setup?.n ? [tally.here, setup.n] : queue ? [tally.here, asked] : [tally.answered, all];
    setText(done, !setup ? "" : [
      `${queue ? `${queue}: ` : ""}${number(n)}${of ? ` of ${number(of)}` : ""}${setup.n ? " here" : queue ? " done" : ""}`,
      !queue && !setup.n && others > 0 && `${number(others)} by others`,
      !queue && round && `${number(tally.in_round)} in round ${round}`,
      `${number(tally.today)} today`
    ].filter(Boolean).join(" · "));
    done.title = `${done.textContent}. ${queue ? MEANS[queue] : "Items that have your answer: in all, since the last fine-tuning, today. Items done by others aren't asked of you"}`;
    meter.hidden = !of;
    if (of) meter.firstChild.style.width = `${Math.min(100, 100 * n / of)}%`;
    setText(pace, pace_s === null ? "" : `${pace_s < 10 ? pace_s.toFixed(1) : Math.round(pace_s)} s each`);
    setText(pending, session.pending ? `${session.pending} to be stored` : setup ? "all stored" : "");
    pending.classList.toggle("hitl-late", session.pending > 0 && session.waited_ms > 2e3);
    const fresh = session.people.fresh.length;
    questions.hidden = !setup?.people;
    badge.hidden = !fresh;
    questions.lastChild.hidden = fresh > 0;
    setText(badge, fresh ? `${fresh} new` : "");
    setText(who, setup ? `${setup.annotator} · taxonomy v${setup.taxonomy.version}` : "");
    who.title = `${who.textContent}. About this project: its purpose, and who sees what`;
  }
  return { header, update };
}
function buildTemporary(session) {
  const button = h("button", { class: "hitl-primary", type: "button", text: "Download the archive", onclick: () => session.extras.wantArchive() });
  const bar = h(
    "div",
    { class: "hitl-temporary", role: "note", hidden: true },
    h("span", { text: "This server is temporary: your decisions are lost with it, unless you download them." }),
    button
  );
  return { bar, update() {
    bar.hidden = !session.setup?.temporary;
    button.disabled = session.extras.packing;
  } };
}
function buildStanding(session) {
  const text = h("span");
  const bar = h("div", { class: "hitl-temporary hitl-standing", role: "status", hidden: true }, text);
  return { bar, update() {
    const { reading, people: { aside } } = session;
    setText(text, [reading, aside].filter(Boolean).join(" "));
    bar.hidden = !reading && !aside;
  } };
}
function buildFooter(session) {
  const notice = h("span", { class: "hitl-notice", role: "status" });
  const news = h("span", { class: "hitl-news", role: "status" });
  const learnt = h("span", { role: "status" });
  const next = h("span");
  const learning = h("span", { class: "hitl-learning" }, learnt, next);
  const footer = h("div", { class: "hitl-footer" }, notice, news, learning);
  function wrong() {
    const { item, pending, waited_ms } = session;
    if (session.crashed) return `The card itself failed: ${session.crashed}. Your decisions are kept; reload the page.`;
    if (session.gone && !session.closed) {
      return `The kernel was restarted or has died: run the notebook from the top. ${session.pending ? `${count(session.pending, "decision is", "decisions are")} kept ${session.outbox.durable ? "in this browser" : "in this tab only"} until then.` : "All your decisions are stored."}`;
    }
    if (item?.rejection) return `Not stored: ${item.rejection}`;
    if (waited_ms > 4e3 && pending) {
      return `The kernel hasn't answered for ${Math.round(waited_ms / 1e3)} s. ${count(pending, "decision is", "decisions are")} kept ${session.outbox.durable ? "in this browser" : "in this tab only"} and sent again.`;
    }
    return session.trouble ?? (session.notice?.bad ? session.notice.text : null);
  }
  function update() {
    const { setup, outbox, notice: said } = session;
    const bad = wrong();
    const hint = bad === null && !said?.text && setup ? hints(session) : "";
    setText(notice, bad ?? (!setup ? "" : !outbox.durable ? `${said?.text ?? ""} (this browser keeps nothing: unstored decisions live in this tab only)` : outbox.others ? `${said?.text ?? ""} (${count(outbox.others, "decision", "decisions")} of another annotator wait in this browser until they open the card)` : said?.text || hint));
    notice.classList.toggle("hitl-hint", hint !== "");
    notice.classList.toggle("hitl-bad", bad !== null);
    const { news: heard } = session;
    const untold = heard && session.never.untold;
    const fresh = heard && (untold || session.now() - heard.at < NEWS_MS) && heard.text !== notice.textContent ? heard.text : "";
    setText(news, fresh);
    news.title = fresh;
    const { text = "", next: follows = "", why = "" } = session.learning ?? {};
    setText(learnt, text);
    setText(next, follows && ` · ${follows}`);
    learning.title = why;
    session.told(`${notice.textContent} ${fresh}`);
  }
  return { footer, update };
}

// hitl_widgets/widgets/js/card/render.js
var CERTAINTY_KEYS = [[["⇧", "`", "…", "0"], "how sure you are: 0, 1 … 9, 10"]];
var LABEL_KEYS = {
  classify: [[["1", "…", "0", "letters"], "choose the label with that key"]],
  multilabel: [[["1", "…", "0", "letters"], "turn the label with that key on or off"]],
  scale: []
};
var OBJECT_KEYS = [[["1", "…", "0", "letters"], "the label with that key: of the object in focus, or else of what you draw next"], ...FIXED];
var SPAN_KEYS = [[["1", "…", "0", "letters"], "make what is selected a span of the label with that key; of the span in focus: change its label"], ...FIXED2];
var VALUE_KEYS = [
  [["Tab", "⇧", "Tab"], "from the labels to their attributes, from one to the next, and back; so do ↑ and ↓ there"],
  [["1", "…", "0"], "in an attribute: the choice with that key, or the number, digit by digit; on a scale from 0 to 1 digits are tenths, hundredths"],
  [["ArrowLeft", "ArrowRight"], "in an attribute: a step down or up; with ⇧ ten steps, Home and End to the ends"],
  [["Backspace"], "in an attribute: removes your value"]
];
var WITHOUT_ITEM = /* @__PURE__ */ new Set(["undo", "earlier", "later", "help", "question", "guideline", "project"]);
var SCROLLS = { ArrowDown: 0.1, ArrowUp: -0.1, PageDown: 0.9, PageUp: -0.9, End: 9, Home: -9 };
function render(el, session) {
  const refocus = () => root.focus({ preventScroll: true });
  const stage = buildStage(session);
  const legend = buildLegend(session);
  const reason = buildReason(session);
  const about = buildAbout(session);
  const header = buildHeader(session, { help: () => help.toggle(), ask: () => drawer.ask() });
  const temporary = buildTemporary(session);
  const standing = buildStanding(session);
  const bars = buildBars(session);
  let looks = { labels: null, keys: null, colourOf: () => "#fff", tagOf: () => "" };
  const objects = buildObjectList(session, (label_id) => looks.colourOf(label_id));
  const host = {
    get objects() {
      return session.annotating.objects;
    },
    get labels() {
      return session.annotating.labels;
    },
    nameOf: (label_id) => session.nameOf(label_id),
    get colourOf() {
      return looks.colourOf;
    },
    get tagOf() {
      return looks.tagOf;
    },
    changed: () => session.annotating.done(""),
    has_keys: () => root.contains(document.activeElement),
    soon
  };
  const layer = buildObjects(host);
  const spans = buildSpans(host, stage.reader);
  session.annotating.page = spans.page;
  const labels = buildLabels(session, refocus);
  const fields = buildFields(session);
  const certainty = buildCertainty(session);
  const flags = buildFlags(session, refocus);
  const actions = buildActions(session);
  const strip = buildStrip(session);
  const footer = buildFooter(session);
  const face = buildFace(session, refocus);
  const drawer = buildDrawer(session, refocus);
  const notice = buildNotice(session, refocus);
  const keyRows = () => [...session.annotating.kind === "span" ? SPAN_KEYS : session.annotating.on ? OBJECT_KEYS : LABEL_KEYS[session.setup?.task ?? "classify"] ?? [], ...CERTAINTY_KEYS, ...session.answering.attributes.size ? VALUE_KEYS : []];
  const help = buildHelp(session, { refocus, first: keyRows, takes_focus: false });
  const revising = h("div", { class: "hitl-revising", hidden: true });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  stage.stage.append(revising, reason.words);
  const panel = h("div", { class: "hitl-panel" }, bars.element, objects.element, labels.element, fields.element, certainty.element, reason.element, flags.element, actions.element);
  const body2 = h(
    "div",
    { class: "hitl-body" },
    h("div", { class: "hitl-left" }, stage.stage, legend.legend, about.about),
    panel,
    face.face,
    drawer.drawer,
    help.help
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
    temporary.bar,
    standing.bar,
    body2,
    notice.bar,
    strip.strip,
    footer.footer,
    live
  );
  const actionsByName = {
    accept: () => session.accept(),
    toggle: () => session.focused && session.choose(session.focused.label_id),
    search: () => labels.search(),
    next_label: () => session.point(1),
    previous_label: () => session.point(-1),
    unsure: () => session.unsure(),
    guess: () => session.guess(),
    skip: () => session.skip(),
    undo: () => session.undo(),
    earlier: () => session.step(-1),
    later: () => session.step(1),
    surer: () => session.nudge(1),
    less_sure: () => session.nudge(-1),
    flag: () => session.flag(),
    flag_ethics: () => session.toggleFlag("ethics"),
    flag_bad_data: () => session.toggleFlag("bad_data"),
    flag_not_in_taxonomy: () => session.toggleFlag("not_in_taxonomy"),
    flag_second_look: () => session.toggleFlag("second_look"),
    note: () => flags.write(),
    right_reason: () => session.judge("right"),
    wrong_reason: () => session.judge("wrong"),
    brush: () => session.nextBrush(),
    map: () => session.toggleMap(),
    display: () => session.nextMap("mode"),
    method: () => session.nextMap("method"),
    against: () => session.oppose(),
    fainter: () => session.fade(-0.1),
    stronger: () => session.fade(0.1),
    zoom_in: () => stage.zoom(1.5),
    zoom_out: () => stage.zoom(1 / 1.5),
    fit: () => stage.zoom(0),
    left: () => stage.move(-0.1, 0),
    right: () => stage.move(0.1, 0),
    up: () => stage.move(0, -0.1),
    down: () => stage.move(0, 0.1),
    page_up: () => stage.move(0, -0.9),
    page_down: () => stage.move(0, 0.9),
    question: () => drawer.ask(),
    guideline: () => session.open("guideline"),
    project: () => session.open("project"),
    help: () => help.toggle(),
    ...Object.fromEntries(["draw", "delete", "other_end", "widen", "next_corner", "previous_corner", "add_corner", "remove_corner"].map((name) => [
      name,
      () => {
        if (!session.annotating.act(name, stage.view()) && name !== "draw") session.say(session.annotating.kind === "span" ? "Arrows select words, Tab takes a span." : "Choose an object first (Tab).");
      }
    ])),
    snap: () => toEdges(),
    snap_side: () => toEdges(true),
    alone: () => session.annotating.hold(true),
    close_up: () => {
      const { bounds } = session.annotating;
      if (bounds) stage.closer(bounds);
      else stage.zoom(0);
    }
  };
  function toEdges(side = false) {
    const { current = null, size } = session.annotating.objects ?? {};
    const picture = session.item?.picture;
    if (!current || !size || !picture) return session.say("Choose an object first (Tab).");
    session.annotating.withObjects((all) => snap(all, greyAround(picture, size, current.at), { side }));
  }
  function act3(action) {
    if (session.face && action.kind === "do" && !WITHOUT_ITEM.has(action.action)) return;
    if (session.reading && !reads(action)) return session.say(session.reading, true);
    if (action.kind === "label") session.press(action.key);
    else if (action.kind === "certainty") session.rate(action.value);
    else if (action.kind === "do") actionsByName[action.action]?.();
    else if (!help.help.hidden) help.toggle(false);
    else if (!session.escape()) handBack(root);
  }
  const brushKeys = {
    ArrowLeft: (brush, item) => brush.move(item, -1, 0),
    ArrowRight: (brush, item) => brush.move(item, 1, 0),
    ArrowUp: (brush, item) => brush.move(item, 0, -1),
    ArrowDown: (brush, item) => brush.move(item, 0, 1),
    " ": (brush, item, draft) => brush.press(item, draft),
    p: () => session.nextTool(),
    ",": (brush, item) => brush.step(item, -1),
    ".": (brush, item) => brush.step(item, 1),
    e: (brush) => {
      brush.erasing = !brush.erasing;
    },
    "]": (brush) => brush.resize(1.3),
    "[": (brush) => brush.resize(1 / 1.3),
    PageUp: (brush) => brush.resize(1.3),
    PageDown: (brush) => brush.resize(1 / 1.3)
  };
  function onWords(event) {
    const { words: words2, kind } = session.brush;
    if (!words2 || !kind || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return false;
    const { key: key3, shiftKey } = event;
    if (key3 === " ") session.withBrush((brush, item, draft) => brush.press(item, draft));
    else if (key3 === "e" && !shiftKey) session.withBrush((brush) => {
      brush.erasing = !brush.erasing;
    });
    else if (!stage.reader.lead(words2, key3, shiftKey)) return false;
    return true;
  }
  function onValue(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || session.face || session.drawer || session.asking) return false;
    if (event.key === "Tab") return session.answering.move(event.shiftKey ? -1 : 1);
    return session.answering.key(pressed(event), digitOf(event) ?? "", event.repeat);
  }
  function onObject(event) {
    if (!session.annotating.on || event.isComposing || session.face || session.drawer || session.asking) return false;
    if (event.key === "Tab" ? event.target !== root : session.brush.kind) return false;
    session.brush.kind = null;
    return session.annotating.key(event) || event.key === " " && event.target === root;
  }
  function onKey(event) {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (!help.help.hidden && SCROLLS[event.key]) {
      event.preventDefault();
      help.help.scrollBy(0, SCROLLS[event.key] * help.help.clientHeight);
      return;
    }
    if (target.closest("input:not([type=range])")) {
      if (event.key === "Escape") {
        if (target.closest(".hitl-drawer")) session.escape();
        refocus();
      }
      return;
    }
    if (target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
    if (session.face === "consent" && !event.ctrlKey && !event.altKey && !event.metaKey && (event.key === "y" || event.key === "n")) {
      event.preventDefault();
      return session.people.consent(event.key === "y");
    }
    if (help.help.hidden && !session.reading && onWords(event)) return event.preventDefault();
    if (session.brush.kind && !session.brush.words && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey && brushKeys[event.key]) {
      event.preventDefault();
      return session.withBrush(brushKeys[event.key]);
    }
    if (help.help.hidden && !session.reading && (onObject(event) || onValue(event))) {
      event.preventDefault();
      return;
    }
    const action = read(event, session.bindings, { asking: session.asking !== null });
    if (!action) return;
    event.preventDefault();
    const name = action.kind === "do" ? action.action : action.kind;
    if (event.repeat && !REPEATABLE.has(name) && !(name === "delete" && session.annotating.goesOn())) return;
    if (!help.help.hidden && name !== "help" && name !== "escape") return;
    act3(action);
  }
  function isForAnyItem(event) {
    const action = read(event, session.bindings);
    return action?.kind === "do" && WITHOUT_ITEM.has(action.action);
  }
  keepKeys(root, el, (event) => guard(() => {
    const { item } = root.dataset;
    if (frame) update();
    if (root.dataset.item !== item && !isForAnyItem(event)) event.preventDefault();
    else onKey(event);
  }));
  for (const name of ["keyup", "focusout"]) root.addEventListener(name, () => session.annotating.hold(false));
  root.addEventListener("click", (event) => {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    if (!target.closest("input:not([type=range]), a") && !help.help.contains(target) && !target.closest(".hitl-ask, .hitl-answer-this")) refocus();
  });
  function guard(step) {
    try {
      step();
    } catch (error) {
      session.crash(error);
      footer.update();
    }
  }
  function soon(step) {
    requestAnimationFrame(() => setTimeout(() => guard(step)));
  }
  let spoken = null;
  let named = null;
  let later = false;
  let frame = 0;
  let revealed = "";
  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { item } = session;
    if (session.setup && session.setup.keys !== named) {
      named = session.setup.keys;
      nameKeys(root, session.setup.keys);
    }
    if (session.annotating.on) updateObjects();
    setAttribute(root, "data-item", item && !session.face ? item.item_id : "");
    setAttribute(root, "data-pending", String(session.pending));
    setAttribute(root, "data-task", session.setup?.task ?? null);
    setAttribute(root, "data-field", session.answering.field?.attribute_id ?? null);
    setAttribute(root, "data-face", session.face ?? "");
    setAttribute(root, "data-learnt", String(session.learning?.learnt ?? 0));
    setAttribute(root, "data-learning", session.learning?.name ?? null);
    setAttribute(root, "data-answered", session.first ? "first" : null);
    setAttribute(root, "data-reading", session.reading ? "true" : null);
    panel.inert = session.reading !== null;
    revising.hidden = !session.revising;
    stage.stage.classList.toggle("hitl-has-top", session.revising !== null);
    if (session.revising) setText(revising, `You answered: ${session.wordsOf(session.revising.past)}. ${session.reading ? "Press" : "Choose again to revise it, or press"} Esc.`);
    stage.update();
    spans.update();
    bars.update();
    labels.update();
    fields.update();
    certainty.update();
    face.update();
    drawer.update();
    notice.update();
    strip.strip.classList.toggle("hitl-nothing", !notice.bar.hidden);
    if (later) return;
    later = true;
    soon(() => {
      later = false;
      updateLater();
    });
  }
  function updateObjects() {
    const { setup, keys, annotating } = session;
    if (!layer.svg.parentNode && annotating.kind !== "span") stage.over(layer);
    if (setup && (looks.labels !== setup.taxonomy || looks.keys !== keys)) {
      looks = { labels: setup.taxonomy, keys, colourOf: palette(setup.taxonomy.labels), tagOf: (label_id) => keys.get(label_id)?.toUpperCase() ?? "" };
    }
    const { bounds } = annotating;
    if (bounds && bounds.join() !== revealed) stage.reveal(bounds);
    revealed = bounds?.join() ?? "";
  }
  function updateLater() {
    const { item } = session;
    layer.rest();
    spans.updateLater();
    objects.update();
    legend.update();
    reason.update();
    flags.update();
    actions.update();
    footer.update();
    header.update();
    temporary.update();
    standing.update();
    about.update();
    strip.update();
    help.update();
    objects.scroll();
    const step = item?.first ?? item;
    if (step && step !== spoken) {
      spoken = step;
      const seen = session.suggestion;
      const proposed = session.answering.proposed;
      setText(live, session.annotating.on ? `${session.blind ? "Blind item. " : ""}${session.annotating.inWords()}` : proposed ? `Suggestion: ${session.nameOf(item?.suggestion)}` : seen ? `${session.first ? `You answered ${session.wordsOf(session.first)}. ` : ""}Suggestion: ${session.labels.get(seen[0])?.name}, ${percent(seen[1])}` : session.blind ? "Blind item: what do you see?" : "No suggestion: what do you see?");
    }
  }
  const stop = session.subscribe((at_once) => {
    if (!at_once) frame ||= requestAnimationFrame(() => guard(update));
    else guard(update);
  });
  el.append(root);
  guard(update);
  return () => {
    stop();
    cancelAnimationFrame(frame);
    stage.stop();
    root.remove();
  };
}

// hitl_widgets/widgets/js/card.js
function afterFrame(step) {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    step();
  };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    once();
  };
  requestAnimationFrame(() => port2.postMessage(null));
  setTimeout(once, 100);
}
function save(name, bytes) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([
    /** @type {BlobPart} */
    bytes
  ], { type: "application/zip" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 6e4);
}
var card_default = widget((line) => new CardSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => (/* @__PURE__ */ new Date()).toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode,
  save,
  soon: afterFrame
}), render);
export {
  card_default as default
};
