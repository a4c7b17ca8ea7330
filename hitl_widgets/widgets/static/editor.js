// hitl_widgets/widgets/js/outbox.js
var ROOT = "hitl_widgets/outbox/";
var join = (parts) => ROOT + parts.map(encodeURIComponent).join("/");
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
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
    const { kind, reason, page = null, asks: asks2 } = (
      /** @type {{kind: string, reason: string | null, page?: string | null, asks?: boolean}} */
      push
    );
    if (kind === "active") {
      this.#turn(page);
      if (asks2 && page === this.own_page.id) this.#say({ kind: "here" });
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

// hitl_widgets/widgets/js/editor/attributes.js
function typed({ kind }, end) {
  if (end === void 0) return "";
  return kind === "continuous" && Number.isInteger(end) ? end.toFixed(1) : String(end);
}
function asks(one, tree) {
  const range2 = one.choices ? one.choices.join(", ") : `from ${typed(one, one.low)} to ${typed(one, one.high)}${one.kind === "continuous" ? ", any number between" : ""}`;
  return one.labels?.length ? `${range2}; asked of ${one.labels.map((id) => tree.call(id)).join(", ")}` : range2;
}
function buildAttributes(session) {
  const list = h("ul", { class: "hitl-attributes-list" });
  const add = h("button", { type: "button", class: "hitl-key-button", "data-does": "add_attribute" }, capOf("add_attribute"), h("span", { text: "Add an attribute" }));
  const element = h(
    "section",
    { class: "hitl-attributes", "aria-label": "Attributes" },
    h("h3", { class: "hitl-form-title" }, capOf("attributes"), h("span", { text: "Attributes" })),
    list,
    add
  );
  let drawn = null;
  const does = (one, words, kind) => h("button", {
    type: "button",
    class: "hitl-instead",
    "aria-label": `${words} ${one.name}`,
    text: words,
    onclick: () => session.begin(kind, { attribute: one.attribute_id })
  });
  function update() {
    if (drawn === session.tree) return;
    drawn = session.tree;
    const { attributes } = session.tree;
    list.replaceChildren(...attributes.map((one) => h(
      "li",
      {},
      h("strong", { text: one.name }),
      h("span", { class: "hitl-quiet", text: asks(one, session.tree) }),
      one.definition ? h("span", { text: one.definition }) : null,
      one.sensitive ? h("span", { class: "hitl-sensitive", text: `Sensitive, for the purpose: ${one.sensitive}` }) : null,
      h("span", { class: "hitl-attribute-does" }, does(one, "Rename", "rename_attribute"), does(one, "Change", "change_attribute"), does(one, "Retire", "retire_attribute"))
    )));
    if (!attributes.length) list.replaceChildren(h("li", { class: "hitl-quiet", text: "No attributes: only the label is asked." }));
  }
  const enter = () => (
    /** @type {HTMLElement} */
    (list.querySelector("button") ?? add).focus()
  );
  return { element, update, enter };
}

// hitl_widgets/widgets/js/editor/proposal.js
var TITLES = {
  rename: "Rename",
  split: "Split",
  merge: "Merge",
  add: "Add a label",
  retire: "Retire",
  move: "Move",
  describe: "Describe",
  revert: "Undo",
  settle: "Apply",
  leave: "Leave",
  add_attribute: "Add an attribute",
  rename_attribute: "Rename the attribute",
  change_attribute: "Change the attribute",
  retire_attribute: "Retire the attribute"
};
function begin(kind, ids, tree, { target = null, inline = false, undoes = null, attribute = null } = {}) {
  const label = tree.byId.get(ids[0]);
  const one = tree.attribute(attribute);
  if (one) return { kind, ids, attribute, why: "", inline, undoes, values: {
    ...begin(kind, [], tree).values,
    to: one.name,
    definition: one.definition ?? "",
    sensitive: one.sensitive ?? "",
    low: typed(one, one.low),
    high: typed(one, one.high),
    choices: (one.choices ?? []).join("\n"),
    of: one.labels ?? []
  } };
  return { kind, ids, attribute, why: "", inline, undoes, values: {
    low: "",
    high: "",
    choices: "",
    of: [],
    map: "",
    ask: false,
    to: label?.name ?? "",
    into: kind === "merge" ? label?.name ?? "" : "",
    keep_parent: false,
    name: "",
    target,
    like: [],
    definition: label?.definition ?? "",
    key: label?.own_key ? label?.key ?? "" : "",
    colour: label?.colour ?? "",
    link: label?.link ?? "",
    sensitive: label?.sensitive ?? "",
    examples: (label?.examples ?? []).join("\n"),
    counter_examples: (label?.counter_examples ?? []).join("\n")
  } };
}
var lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
function proposal(form, tree) {
  const { values, undoes } = form;
  const gone = [...form.ids, values.target, ...values.like, ...values.of].find((id) => id && !tree.byId.has(id));
  if (gone) return { problem: "One of these labels isn't in the taxonomy any more: somebody has changed it. The history says who." };
  const edits = (...edits2) => ({ does: { edits: edits2 } });
  const names = form.ids.map((id) => tree.call(id));
  const target = values.target === null ? null : tree.call(values.target);
  const into = lines(values.into);
  switch (form.kind) {
    case "rename":
      if (!values.to.trim() || values.to.trim() === tree.byId.get(form.ids[0])?.name) return { problem: "Type another name." };
      return edits({ edit: "rename", label: names[0], to: values.to.trim() });
    case "split":
      if (new Set(into).size < 2) return { problem: "Type two names or more, one per line." };
      return edits({ edit: "split", label: names[0], into, ...values.keep_parent ? { keep_parent: true } : {} });
    case "merge":
      if (form.ids.length < 2) return { problem: "Select two labels or more." };
      if (!values.into.trim()) return { problem: "Type a name for the merged label." };
      return edits({ edit: "merge", labels: names, into: values.into.trim() === tree.byId.get(form.ids[0])?.name ? names[0] : values.into.trim() });
    case "add":
      if (!values.name.trim()) return { problem: "Type a name." };
      return edits({
        edit: "add",
        label: values.name.trim(),
        ...target === null ? {} : { under: target },
        ...values.like.length ? { like: values.like.map((id) => tree.call(id)) } : {}
      });
    case "retire":
      return edits(...names.map((label) => ({ edit: "retire", label, ...target === null ? {} : { to: target } })));
    case "move": {
      const moved = form.ids.filter((id) => (tree.byId.get(id)?.parent ?? null) !== values.target);
      if (!moved.length) return { problem: "It is there already." };
      return edits(...moved.map((id) => ({ edit: "move", label: tree.call(id), under: target })));
    }
    case "describe": {
      const said = describes(form, tree);
      return Object.keys(said).length ? edits({ edit: "describe", label: names[0], ...said }) : { problem: "Nothing is changed yet." };
    }
    case "add_attribute":
      if (!values.name.trim()) return { problem: "Type a name." };
      if (!lines(values.choices).length && !(values.low.trim() && values.high.trim())) return { problem: "Type the ends of its scale, or its choices." };
      return edits({
        edit: "add_attribute",
        name: values.name.trim(),
        ...range(values),
        ...values.of.length ? { labels: values.of.map((id) => tree.call(id)) } : {},
        ...values.definition.trim() ? { definition: values.definition.trim() } : {},
        ...values.sensitive.trim() ? { sensitive: values.sensitive.trim() } : {},
        ...values.ask ? { ask: true } : {}
      });
    case "rename_attribute":
    case "change_attribute":
    case "retire_attribute": {
      const one = tree.attribute(form.attribute);
      if (!one) return { problem: "This attribute isn't in the taxonomy any more: somebody has changed it. The history says who." };
      if (form.kind === "retire_attribute") return edits({ edit: "retire_attribute", name: one.name });
      if (form.kind === "change_attribute") {
        const said = changes(form, one, tree);
        return Object.keys(said).length ? edits({ edit: "change_attribute", name: one.name, ...said }) : { problem: "Nothing is changed yet." };
      }
      if (!values.to.trim() || values.to.trim() === one.name) return { problem: "Type another name." };
      return edits({ edit: "rename_attribute", name: one.name, to: values.to.trim() });
    }
    case "settle":
    case "leave":
      return undoes ? { does: { settle: undoes.edit_id } } : { problem: "There is nothing to settle." };
    case "revert":
      return undoes ? { does: { edit_id: undoes.edit_id } } : { problem: "There is nothing to undo." };
  }
}
var range = ({ choices, low, high }) => lines(choices).length ? { choices: lines(choices) } : { scale: [low.trim(), high.trim()] };
function changes({ kind, attribute, values }, one, tree) {
  const before = begin(kind, [], tree, { attribute }).values;
  const said = {};
  if (["low", "high", "choices"].some((name) => lines(values[
    /** @type {"low"} */
    name
  ]).join("\n") !== before[
    /** @type {"low"} */
    name
  ])) {
    const other = one.choices && values.low.trim() && values.high.trim() ? { ...values, choices: "" } : values;
    Object.assign(said, range(other));
  }
  if (values.of.join() !== before.of.join()) said.labels = values.of.map((id) => tree.call(id));
  if (values.definition.trim() !== before.definition) said.definition = values.definition.trim();
  if (values.sensitive.trim() !== before.sensitive) said.sensitive = values.sensitive.trim() || false;
  if (lines(values.map).length && ("scale" in said || "choices" in said)) {
    const read = (text) => text === "" ? null : text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    said.map = lines(values.map).map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [read(line), null] : [read(line.slice(0, at).trim()), read(line.slice(at + 1).trim())];
    });
  }
  return said;
}
function describes({ ids, values }, tree) {
  const before = begin("describe", ids, tree).values;
  const said = {};
  for (
    const name of
    /** @type {const} */
    ["definition", "link", "key", "colour", "sensitive"]
  ) {
    const now = values[name].trim();
    if (now !== before[name]) said[name] = now || (name === "definition" || name === "link" ? "" : null);
  }
  for (
    const name of
    /** @type {const} */
    ["examples", "counter_examples"]
  ) {
    if (lines(values[name]).join("\n") !== before[name]) said[name] = lines(values[name]);
  }
  return said;
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

// hitl_widgets/widgets/js/editor/tree.js
var Tree = class {
  /** @param {Node[]} labels @param {number} [version] @param {boolean} [inner_answers] @param {import("./types.d.ts").TreeAttribute[]} [attributes] */
  constructor(labels = [], version = 0, inner_answers = false, attributes = []) {
    this.labels = labels;
    this.attributes = attributes;
    this.version = version;
    this.inner_answers = inner_answers;
    this.byId = new Map(labels.map((label) => [label.label_id, label]));
    this.under = /* @__PURE__ */ new Map();
    this.named = /* @__PURE__ */ new Map();
    for (const label of labels) {
      const parent = label.parent ?? null;
      const siblings = this.under.get(parent);
      if (siblings) siblings.push(label);
      else this.under.set(parent, [label]);
      this.named.set(label.name, (this.named.get(label.name) ?? 0) + 1);
      label.path = parent ? `${this.byId.get(parent)?.path} / ${label.name}` : label.name;
    }
  }
  /** The labels right under this one; under null those at the top. @param {string | null} id @returns {Node[]} */
  children(id) {
    return this.under.get(id) ?? [];
  }
  /** Whether it may be an answer. @param {string} id */
  answers(id) {
    return this.inner_answers || !this.under.has(id);
  }
  /** The labels above this one, the top first. @param {string} id @returns {Node[]} */
  above(id) {
    const found = [];
    for (let at = this.byId.get(id)?.parent; at; at = this.byId.get(at)?.parent) found.push(
      /** @type {Node} */
      this.byId.get(at)
    );
    return found.reverse();
  }
  /** Whether one lies somewhere under the other. @param {string} id @param {string} other */
  isUnder(id, other) {
    return this.above(id).some((label) => label.label_id === other);
  }
  /** @param {string} id */
  path(id) {
    return this.byId.get(id)?.path ?? id;
  }
  /** @param {string | null} id */
  attribute(id) {
    return this.attributes.find((one) => one.attribute_id === id);
  }
  /** The name of a label in edits: its name, or its path if another label has the same name. @param {string} id */
  call(id) {
    const name = this.byId.get(id)?.name ?? id;
    return this.named.get(name) === 1 ? name : this.path(id);
  }
  /**
   * The rows to be seen, from the top.
   * @param {Set<string>} shut label_ids that hide what lies under them
   * @param {string} [query] only labels whose path has all these words, and what lies above them
   * @returns {Row[]}
   */
  rows(shut, query = "") {
    const parts = plain(query.trim()).split(/\s+/).filter(Boolean);
    const kept = parts.length ? this.#matching(parts) : null;
    const rows = [];
    const put = (parent, level) => {
      const siblings = kept ? this.children(parent).filter((label) => kept.has(label.label_id)) : this.children(parent);
      siblings.forEach((label, i) => {
        const inner = this.under.has(label.label_id);
        const open = inner ? kept !== null || !shut.has(label.label_id) : null;
        rows.push({ label, level, size: siblings.length, place: i + 1, open });
        if (open) put(label.label_id, level + 1);
      });
    };
    put(null, 1);
    return rows;
  }
  /** @param {string[]} parts */
  #matching(parts) {
    const kept = /* @__PURE__ */ new Set();
    for (const label of this.labels) {
      const path = plain(this.path(label.label_id));
      if (!parts.every((part) => path.includes(part))) continue;
      kept.add(label.label_id);
      for (const above of this.above(label.label_id)) kept.add(above.label_id);
    }
    return kept;
  }
};
function lead(rows, at, key, page = 10) {
  const row = rows[at];
  const within2 = (to) => ({ to: Math.max(0, Math.min(rows.length - 1, to)) });
  if (key === "Home") return within2(0);
  if (key === "End") return within2(rows.length - 1);
  if (key === "ArrowDown") return within2(at + 1);
  if (key === "ArrowUp") return within2(at - 1);
  if (key === "PageDown") return within2(at + page);
  if (key === "PageUp") return within2(at - page);
  if (key === "ArrowRight") return row?.open === false ? { open: true } : row?.open ? within2(at + 1) : within2(at);
  if (key === "ArrowLeft") {
    if (row?.open) return { open: false };
    for (let to = at - 1; to >= 0; to--) if (rows[to].level < (row?.level ?? 0)) return within2(to);
    return within2(at);
  }
  return null;
}
function typeahead(rows, at, typed2) {
  const wanted = plain(typed2);
  const from = wanted.length === 1 || [...wanted].every((letter) => letter === wanted[0]) ? at + 1 : at;
  const sought = from > at ? wanted[0] : wanted;
  for (let i = 0; i < rows.length; i++) {
    const to = (from + i) % rows.length;
    if (plain(rows[to].label.name).startsWith(sought)) return to;
  }
  return -1;
}

// hitl_widgets/widgets/js/editor/session.js
var WAIT_MS = 250;
var TYPING_MS = 700;
var SHUT_FROM = 200;
var EditorSession = class extends Session {
  /** @param {Surroundings} around */
  constructor(around) {
    super(around, null);
    this.around = around;
    this.tree = new Tree();
    this.counts = /* @__PURE__ */ new Map();
    this.count = [0, 0];
    this.history = [];
    this.may_settle = false;
    this.examples = /* @__PURE__ */ new Map();
    this.asked = /* @__PURE__ */ new Set();
    this.focus = null;
    this.selected = /* @__PURE__ */ new Set();
    this.anchor = null;
    this.cut = [];
    this.shut = /* @__PURE__ */ new Set();
    this.query = "";
    this.form = null;
    this.preview = null;
    this.problem = null;
    this.overtaken = null;
    this.showing_history = false;
    this.ask = 0;
    this.ask_at = null;
    this.acting = null;
    this.done = /* @__PURE__ */ new Set();
    this.typed = "";
    this.typed_at = -Infinity;
    this.seek = null;
    this.shown = null;
  }
  // What is seen
  /** @returns {import("./tree.js").Row[]} */
  get rows() {
    return this.shown ??= this.tree.rows(this.shut, this.query);
  }
  get at() {
    return this.rows.findIndex((row) => row.label.label_id === this.focus);
  }
  get label() {
    return this.tree.byId.get(this.focus ?? "");
  }
  /** The labels that an edit applies to: those selected, else the one in focus. @returns {string[]} */
  get about() {
    if (this.selected.size) return this.tree.labels.filter((label) => this.selected.has(label.label_id)).map((label) => label.label_id);
    return this.focus === null ? [] : [this.focus];
  }
  /** Whether the form can be applied as it is. */
  get ready() {
    return this.form !== null && (this.preview !== null || this.form.kind === "leave") && this.problem === null && this.ask_at === null && !this.acting;
  }
  // What the kernel says
  tick() {
    super.tick();
    if (this.ask_at !== null && this.around.now() >= this.ask_at) this.#ask();
  }
  /** @param {Reply} reply */
  reply(reply) {
    this.answered(reply);
    if (reply.kind === "ready") {
      this.setup = reply;
      this.outbox.open(reply.project_id, "", reply.annotator);
      this.link.restart();
      if (this.form) this.#dirty(0);
    } else if (reply.kind === "stored") this.#stored(reply);
    else if (reply.kind === "rejected") this.#rejected(reply);
    this.changed();
  }
  /** @param {import("./types.d.ts").EditStored} reply */
  #stored(reply) {
    this.outbox.settle(reply.decision_id);
    this.done.add(reply.edit_id);
    if (this.acting?.id !== reply.decision_id) return;
    if (this.acting.form === this.form) this.leave();
    this.acting = null;
    this.selected.clear();
    this.cut = [];
    this.notice = { text: `${reply.prose} Version ${reply.version}.`, bad: false };
  }
  /** @param {import("./types.d.ts").Rejected} reply */
  #rejected({ decision_id, reason, again }) {
    if (decision_id && again) return this.link.postpone(decision_id, reason);
    if (decision_id) this.outbox.settle(decision_id);
    const acting = this.acting?.id === decision_id ? this.acting : null;
    if (acting) this.acting = null;
    if (acting && acting.form === this.form) this.problem = reason;
    else this.notice = { text: reason, bad: true };
  }
  /** @param {Push} push @param {ArrayBufferView[]} buffers */
  push(push, buffers = []) {
    if (push.kind === "taxonomy") this.#taxonomy(push);
    else if (push.kind === "counts") {
      this.counts = new Map(Object.entries(push.counts));
      this.count = push.count;
      this.asked.clear();
    } else if (push.kind === "preview") {
      if (push.ask !== this.ask || !this.form || this.ask_at !== null) return;
      this.preview = push.preview ?? null;
      this.problem = push.problem ?? null;
    } else if (push.kind === "examples") this.#examples(push, buffers);
    else this.status(push);
    this.changed();
  }
  /** @param {import("./types.d.ts").PushTree} push */
  #taxonomy({ taxonomy, history, may_settle }) {
    const before = this.tree;
    const first = before.version === 0;
    this.history = history;
    this.may_settle = may_settle;
    const waiting = history.filter((past) => past.to_settle).length;
    if (first && waiting && may_settle) this.notice = {
      bad: false,
      text: `${waiting === 1 ? "1 edit that was made apart waits" : `${waiting} edits that were made apart wait`} to be settled: the history has ${waiting === 1 ? "it" : "them"}.`
    };
    if (taxonomy.version === before.version) return;
    this.tree = new Tree(taxonomy.labels.map((label) => ({ ...label, path: "" })), taxonomy.version, taxonomy.inner_answers, taxonomy.attributes);
    this.shown = null;
    this.asked.clear();
    this.examples.clear();
    if (first && taxonomy.labels.length > SHUT_FROM) this.shut = new Set(this.tree.labels.flatMap((l) => this.tree.under.has(l.label_id) ? [l.label_id] : []));
    this.selected = new Set([...this.selected].filter((id) => this.tree.byId.has(id)));
    this.cut = this.cut.filter((id) => this.tree.byId.has(id));
    const sought = this.seek === null ? void 0 : this.tree.labels.find((label) => label.path === this.seek);
    if (sought) this.#reveal(sought.label_id);
    else if (!this.tree.byId.has(this.focus ?? "")) {
      const place = before.labels.findIndex((label) => label.label_id === this.focus);
      const near = before.labels.slice(0, Math.max(0, place)).reverse().find((label) => this.tree.byId.has(label.label_id));
      this.focus = near?.label_id ?? this.tree.labels[0]?.label_id ?? null;
    }
    this.seek = null;
    if (first) return;
    const news = history.filter((past) => past.version > before.version && past.version <= taxonomy.version);
    const others = news.filter((past) => !this.done.has(past.edit_id) && (!this.acting || past.annotator !== this.setup?.annotator));
    const words = others.map((past) => `${past.annotator}: ${past.prose}`).join(" ");
    if (this.form && !(this.acting && this.acting.form === this.form)) {
      this.overtaken = `The taxonomy changed meanwhile. ${words}`;
      this.#dirty(0);
    } else if (words && !this.acting) this.notice = { text: words, bad: false };
  }
  /** @param {import("./types.d.ts").Examples} push @param {ArrayBufferView[]} buffers */
  #examples({ label_id, examples }, buffers) {
    Promise.all(examples.map(async (example, i) => ({
      ...example,
      picture: example.problem ? null : await this.around.decode({ bytes: buffers[i] }).catch(() => null)
    }))).then((pictures) => {
      this.examples.set(label_id, pictures);
      this.changed();
    });
  }
  // Where one is
  /** Requests the pictures of these labels, unless they were requested before. @param {string[]} label_ids */
  want(label_ids) {
    const missing = label_ids.filter((id) => !this.asked.has(id));
    if (!missing.length || !this.setup || this.gone) return;
    for (const id of missing) this.asked.add(id);
    this.around.send({ kind: "examples", label_ids: missing });
  }
  /** @param {string | null} id @param {{extend?: boolean, toggle?: boolean}} [how] */
  go(id, { extend = false, toggle = false } = {}) {
    if (id === null || !this.tree.byId.has(id)) return;
    if (extend) {
      this.anchor ??= this.focus;
      const ids = this.rows.map((row) => row.label.label_id);
      const [from, to] = [ids.indexOf(this.anchor ?? id), ids.indexOf(id)].sort((a, b) => a - b);
      this.selected = new Set(ids.slice(Math.max(0, from), to + 1));
    } else {
      this.anchor = id;
      if (toggle && !this.selected.delete(id)) this.selected.add(id);
    }
    this.focus = id;
    this.changed();
  }
  /** Handles a key in the tree. @param {string} key @param {boolean} extend @param {number} page @returns {boolean} */
  lead(key, extend, page) {
    const step = lead(this.rows, this.at, key, page);
    if (!step) return false;
    if (step.open !== void 0 && this.focus) this.toggle(this.focus, step.open);
    else if (step.to !== void 0) this.go(this.rows[step.to]?.label.label_id ?? null, { extend });
    return true;
  }
  /** Goes to the label that begins with the typed letters. @param {string} letter */
  type(letter) {
    const now = this.around.now();
    this.typed = now - this.typed_at < TYPING_MS ? this.typed + letter : letter;
    this.typed_at = now;
    const to = typeahead(this.rows, Math.max(0, this.at), this.typed);
    if (to >= 0) this.go(this.rows[to].label.label_id);
  }
  /** @param {string} id @param {boolean} [open] */
  toggle(id, open = this.shut.has(id)) {
    if (open) this.shut.delete(id);
    else this.shut.add(id);
    this.shown = null;
    this.changed();
  }
  /** @param {string} query */
  find(query) {
    this.query = query;
    this.shown = null;
    if (query && this.at < 0) {
      const wanted = query.trim().toLowerCase();
      const row = this.rows.find((r) => r.label.path.toLowerCase().includes(wanted) && (r.open === null || r.label.name.toLowerCase().includes(wanted)));
      this.focus = (row ?? this.rows[0])?.label.label_id ?? this.focus;
    }
    this.changed();
  }
  select() {
    if (this.focus) this.go(this.focus, { toggle: true });
  }
  selectSiblings() {
    const parent = this.label?.parent ?? null;
    for (const label of this.tree.children(parent)) this.selected.add(label.label_id);
    this.changed();
  }
  /** @param {string} id */
  #reveal(id) {
    for (const above of this.tree.above(id)) this.shut.delete(above.label_id);
    if (this.query) this.query = "";
    this.shown = null;
    this.focus = id;
  }
  // What one changes
  /** Opens a form. @param {FormKind} kind
   * @param {{ids?: string[], target?: string | null, inline?: boolean, undoes?: Past | null, attribute?: string | null}} [how] */
  begin(kind, { ids = this.about, target = null, inline = false, undoes = null, attribute = null } = {}) {
    const of_attribute = kind.endsWith("_attribute");
    if (of_attribute) ids = [];
    if (!this.setup || this.closed || !["add", "revert", "settle", "leave"].includes(kind) && !ids.length && !of_attribute) return;
    if (kind === "merge" && ids.length < 2) return this.say("First select the labels to merge with Space, or drag one onto the other.", true);
    if (["rename", "split", "describe"].includes(kind)) ids = ids.slice(0, 1);
    this.form = begin(kind, kind === "add" ? [] : ids, this.tree, { target, inline, undoes, attribute });
    this.overtaken = null;
    this.notice = null;
    this.#dirty(0);
    this.changed();
  }
  /** @param {Partial<Values>} values */
  fill(values) {
    if (!this.form) return;
    Object.assign(this.form.values, values);
    this.#dirty(WAIT_MS);
    this.changed();
  }
  /** Changes the kind of edit for the same labels: dropped labels may be moved under another, or merged with it. @param {FormKind} kind */
  turn(kind) {
    const { form } = this;
    if (!form) return;
    const { target } = form.values;
    if (kind === "merge" && target) {
      this.form = { ...begin("merge", [target, ...form.ids.filter((id) => id !== target)], this.tree, { target: null }), why: form.why };
    } else if (kind === "move" && form.kind === "merge") {
      this.form = { ...begin("move", form.ids.slice(1), this.tree, { target: form.ids[0] }), why: form.why };
    }
    this.#dirty(0);
    this.changed();
  }
  leave() {
    this.form = this.preview = this.problem = this.overtaken = this.ask_at = null;
    this.changed();
  }
  /** @param {number} wait_ms */
  #dirty(wait_ms) {
    if (!this.form) return;
    if (this.form.kind === "leave") {
      this.problem = this.preview = this.ask_at = null;
      this.ask++;
      return;
    }
    const { problem } = proposal(this.form, this.tree);
    this.problem = problem ?? null;
    this.ask_at = problem ? null : this.around.now() + wait_ms;
    if (problem) {
      this.preview = null;
      this.ask++;
    } else if (!wait_ms) this.#ask();
  }
  #ask() {
    this.ask_at = null;
    if (!this.form) return;
    const { does } = proposal(this.form, this.tree);
    if (!does) return;
    this.preview = null;
    this.around.send({ kind: "preview", ask: ++this.ask, ...does });
  }
  apply() {
    const { form } = this;
    if (!this.setup || !form || !this.ready) return;
    const { does } = proposal(form, this.tree);
    if (!does) return;
    if (form.kind === "add") this.seek = form.values.target ? `${this.tree.path(form.values.target)} / ${form.values.name.trim()}` : form.values.name.trim();
    const act = "settle" in does ? { kind: "settle_edit", edit_id: does.settle, apply: form.kind === "settle" } : { kind: "edit_id" in does ? "revert" : "apply", ...does, base: this.preview?.version };
    this.#act({ ...act, why: form.why.trim() || null }, form);
  }
  /** Previews undoing an edit. @param {string} [edit_id] by default the last that stands */
  undo(edit_id) {
    const stands = this.history.filter((past) => past.reverted_by === null && !past.to_settle);
    const undoes = edit_id ? stands.find((past) => past.edit_id === edit_id) : stands.find((past) => past.reverts === null);
    if (!undoes) return this.say("There is nothing to undo.", true);
    this.begin("revert", { ids: [], undoes });
  }
  /** Previews settling an edit that was made apart: applying it, or leaving it. @param {string} edit_id @param {boolean} apply */
  settle(edit_id, apply) {
    const undoes = this.history.find((past) => past.edit_id === edit_id && past.to_settle);
    if (!undoes || !this.may_settle) return this.say(undoes ? "Your role doesn't let you settle edits." : "Somebody has settled this edit.", true);
    this.begin(apply ? "settle" : "leave", { ids: [], undoes });
  }
  /** @param {object} act @param {Form} form */
  #act(act, form) {
    const id = newId();
    this.acting = { id, form };
    this.notice = null;
    this.outbox.put(
      /** @type {any} */
      { ...act, decision_id: id, annotator: this.setup?.annotator, acted_at: this.around.instant() }
    );
    this.link.flush();
    this.changed();
  }
  /** Cuts labels, to be put elsewhere. */
  take() {
    this.cut = this.about;
    this.say(this.cut.length ? `${this.cut.map((id) => this.tree.call(id)).join(", ")}: go to the new parent, then put ${this.cut.length > 1 ? "them" : "it"} there.` : "", false);
  }
  /** @param {string | null} target */
  put(target) {
    if (!this.cut.length) return this.say("Choose a label to move first.", true);
    this.drop(this.cut, target);
  }
  /** Moves labels under another one, or to the top. @param {string[]} ids @param {string | null} target */
  drop(ids, target) {
    const moved = ids.filter((id) => id !== target);
    if (moved.length) this.begin("move", { ids: moved, target });
  }
  /** Closes the innermost thing that is open; false when there is none. */
  escape() {
    if (this.form) this.leave();
    else if (this.showing_history) this.showing_history = false;
    else if (this.query) this.find("");
    else if (this.cut.length) {
      this.cut = [];
      this.notice = null;
    } else if (this.selected.size) this.selected.clear();
    else return false;
    this.changed();
    return true;
  }
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
    const typed2 = box.value === (chosen?.path ?? "") ? "" : box.value;
    found = [...typed2 ? [] : [null], .../** @type {Node[]} */
    match(
      /** @type {any} */
      labels(),
      typed2,
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
function buildPickers({ label, nothing, labels, onpick, start = [] }) {
  let chosen = [];
  const chips = h("span", { class: "hitl-chosen" });
  const one = buildPicker({ label, nothing, labels: () => labels().filter((node) => !chosen.includes(node.label_id)), onpick: (id) => {
    one.show(null);
    one.box.value = "";
    if (id) put([...chosen, id]);
  } });
  one.element.append(chips);
  function put(ids) {
    draw(ids);
    onpick(ids);
  }
  function draw(ids) {
    chosen = ids;
    chips.replaceChildren(...ids.map((id) => {
      const name = labels().find((node) => node.label_id === id)?.path ?? id;
      const chip = h("button", { type: "button", class: "hitl-chip-off", "aria-label": `without ${name}`, onclick: () => put(chosen.filter((other) => other !== id)) });
      setText(chip, `${name} ×`);
      return chip;
    }));
  }
  draw(start);
  return { element: one.element };
}

// hitl_widgets/widgets/js/editor/form.js
var SHOWN = 6;
var many = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
function buildForm(session, refocus) {
  const title = h("h3", { class: "hitl-form-title" });
  const overtaken = h("p", { class: "hitl-overtaken", role: "status" });
  const fields = h("div", { class: "hitl-fields" });
  const preview = buildPreview(session);
  const why = h("input", {
    type: "text",
    id: "hitl-why",
    maxlength: "500",
    placeholder: "for the history",
    autocomplete: "off",
    oninput: () => {
      if (session.form) session.form.why = why.value;
    }
  });
  const apply = h("button", { class: "hitl-primary", type: "submit" }, h("span", { text: "Apply" }), cap("Enter"));
  const cancel = h("button", { class: "hitl-key-button", type: "button", onclick: () => {
    session.leave();
    refocus();
  } }, cap("Escape"), h("span", { text: "Cancel" }));
  const element = h(
    "form",
    { class: "hitl-form", "aria-label": "Edit", onsubmit: (event) => {
      event.preventDefault();
      submit();
    }, onkeydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        submit();
      }
    } },
    title,
    overtaken,
    fields,
    preview.element,
    h("div", { class: "hitl-field" }, h("label", { for: "hitl-why", text: "Why?" }), why),
    h("div", { class: "hitl-form-actions" }, cancel, apply)
  );
  const own = `hitl-why-${Math.random().toString(36).slice(2)}`;
  why.id = own;
  element.querySelector("label[for=hitl-why]")?.setAttribute("for", own);
  let drawn = null;
  let shows = [];
  function submit() {
    if (document.activeElement !== apply) return apply.focus();
    session.apply();
  }
  function text(label, name, { area = 0, more = {} } = {}) {
    const id = `hitl-${name}-${own}`;
    const attributes = {
      id,
      autocomplete: "off",
      spellcheck: "false",
      ...more,
      oninput: (event) => session.fill(
        /** @type {Partial<Values>} */
        { [name]: event.target.value }
      )
    };
    const box = area ? h("textarea", { rows: String(area), ...attributes }) : h("input", { type: "text", ...attributes });
    box.value = session.form?.values[name] ?? "";
    return h("div", { class: "hitl-field" }, h("label", { for: id, text: label }), box);
  }
  function target(label, nothing, fits = () => true) {
    const picker = buildPicker({
      label,
      nothing,
      labels: () => session.tree.labels.filter((node) => fits(node.label_id)),
      onpick: (id) => session.fill({ target: id })
    });
    shows.push(() => picker.show(session.tree.byId.get(session.form?.values.target ?? "") ?? null));
    return picker.element;
  }
  const instead = (words, kind) => h("button", { type: "button", class: "hitl-instead", text: words, onclick: () => session.turn(kind) });
  function build(form) {
    switch (form.kind) {
      case "revert":
      case "settle":
      case "leave":
        return [];
      case "rename":
        return form.inline ? [] : [text("New name", "to")];
      case "split":
        return [
          text("Into, one per line", "into", { area: 4, more: { placeholder: "T-shirt\nPullover\nShirt" } }),
          h(
            "label",
            { class: "hitl-option" },
            h("input", { type: "checkbox", onchange: (event) => session.fill({ keep_parent: event.target.checked }) }),
            h("span", { text: "keep it, with these as its children" })
          )
        ];
      case "merge":
        return [text("Into", "into"), form.ids.length === 2 ? instead("Put one under the other instead", "move") : null];
      case "add": {
        const like = buildPickers({ label: "Its items may have been answered as", nothing: "another label …", labels: () => session.tree.labels, onpick: (ids) => session.fill({ like: ids }) });
        return [text("Name", "name"), target("Under", "at the top"), like.element];
      }
      case "retire":
        return [target("Its answers become", "open again", (id) => !form.ids.some((own2) => own2 === id || session.tree.isUnder(id, own2)))];
      case "move":
        return [
          target("Under", "at the top", (id) => !form.ids.some((own2) => own2 === id || session.tree.isUnder(id, own2))),
          form.values.target && form.ids.length ? instead("Merge them instead", "merge") : null
        ];
      case "retire_attribute":
        return [];
      case "rename_attribute":
        return [text("New name", "to")];
      case "add_attribute":
        return [
          text("Name", "name"),
          ...asked(form),
          h(
            "label",
            { class: "hitl-option" },
            h("input", { type: "checkbox", onchange: (event) => session.fill({ ask: event.target.checked }) }),
            h("span", { text: "also ask it of items answered before" })
          )
        ];
      case "change_attribute":
        return [...asked(form), text(
          "Old value = new value, where it isn't in proportion or the same choice",
          "map",
          { area: 3, more: { placeholder: "3 = 1\n4 = 2\n5 =    (asked again)" } }
        )];
      case "describe":
        return [
          text("Definition", "definition", { area: 3, more: { placeholder: "What makes an item this and nothing else" } }),
          h("div", { class: "hitl-two" }, text("Key", "key", { more: { maxlength: "1", placeholder: "a digit if free" } }), colour()),
          text("Examples, one item id per line", "examples", { area: 2 }),
          text("Counter-examples", "counter_examples", { area: 2 }),
          text("Link", "link", { more: { placeholder: "https://" } }),
          text("Sensitive, because", "sensitive")
        ];
    }
  }
  function asked(form) {
    const of = buildPickers({ label: "Asked of", nothing: "every item", labels: () => session.tree.labels, start: form.values.of, onpick: (ids) => session.fill({ of: ids }) });
    return [
      h("div", { class: "hitl-two" }, text("Scale from", "low", { more: { placeholder: "0, or 0.0 for any number between" } }), text("to", "high", { more: { placeholder: "10, or 1.0" } })),
      text("Or choices, one per line", "choices", { area: 3, more: { placeholder: "front\nside" } }),
      of.element,
      text("Definition", "definition", { area: 2 }),
      text("Sensitive: the purpose for which it is asked", "sensitive")
    ];
  }
  function colour() {
    const field = text("Colour", "colour", { more: { placeholder: "#1b9e77" } });
    const box = (
      /** @type {HTMLInputElement} */
      field.querySelector("input")
    );
    const well = h("input", { type: "color", "aria-label": "Choose a colour", tabindex: "-1", oninput: () => {
      box.value = well.value;
      session.fill({ colour: well.value });
    } });
    well.value = /^#[0-9a-f]{6}$/i.test(box.value) ? box.value : "#888888";
    field.append(well);
    field.classList.add("hitl-colour-field");
    return field;
  }
  function update() {
    const { form } = session;
    element.hidden = form === null;
    if (form && form !== drawn) {
      shows = [];
      fields.replaceChildren(.../** @type {Node[]} */
      build(form).filter(Boolean));
      why.value = form.why;
      drawn = form;
      const first = (
        /** @type {HTMLElement | null} */
        fields.querySelector("input, textarea")
      );
      if (!form.inline && element.closest(".hitl-editor")?.contains(document.activeElement)) (first ?? apply).focus();
    }
    drawn = form;
    if (!form) return;
    const names = form.ids.map((id) => `“${session.tree.byId.get(id)?.name ?? id}”`);
    const few = names.length > 3 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
    const attribute = session.tree.attribute(form.attribute);
    if (attribute) few.push(`“${attribute.name}”`);
    setText(title, [TITLES[form.kind], form.undoes ? `${form.undoes.to_settle ? "the edit made apart" : `version ${form.undoes.version}`}: ${form.undoes.prose}` : "", few.length > 1 ? `${few.slice(0, -1).join(", ")} and ${few.at(-1)}` : few.join("")].filter(Boolean).join(" "));
    for (const show of shows) show();
    setText(overtaken, session.overtaken ?? "");
    overtaken.hidden = !session.overtaken;
    preview.update();
    setAttribute(apply, "aria-disabled", session.ready ? null : "true");
    setText(
      /** @type {Node} */
      apply.firstChild,
      session.acting?.form === form ? form.kind === "leave" ? "Leaving …" : "Applying …" : TITLES[form.kind === "leave" ? "leave" : "settle"]
    );
  }
  return { element, update, submit };
}
function buildPreview(session) {
  const words = h("p", { class: "hitl-preview-words" });
  const prose = h("p", { class: "hitl-prose" });
  const figures = h("dl", { class: "hitl-figures" });
  const labels = h("ul", { class: "hitl-again" });
  const model = h("p", { class: "hitl-quiet" });
  const element = h("section", { class: "hitl-preview", "aria-label": "What it would do", "aria-live": "polite" }, prose, figures, labels, model, words);
  let drawn = null;
  const figure = (name, value, kind) => h("div", { class: kind }, h("dt", { text: name }), h("dd", { text: value }));
  function update() {
    const { preview, problem } = session;
    words.classList.toggle("hitl-bad", problem !== null && preview !== null);
    const leaving = session.form?.kind === "leave";
    setText(words, problem ?? (leaving ? "It never becomes an edit of this taxonomy. Answers that were given under it mean what they would if it had been undone." : preview ? "" : "Working out what it would do …"));
    words.hidden = !words.textContent;
    element.classList.toggle("hitl-pale", preview === null && !leaving || session.ask_at !== null);
    if (preview === drawn) return;
    drawn = preview;
    if (!preview) return [prose, figures, labels, model].forEach((part) => {
      part.hidden = true;
    });
    const { carried, again, minutes, measured, settled } = preview;
    setText(prose, preview.prose);
    const time = again === 0 ? "none" : minutes < 1 ? "under 1 min" : `${Math.round(minutes).toLocaleString("en")} min`;
    figures.replaceChildren(
      figure("carried over as they are", carried.toLocaleString("en"), "hitl-carried"),
      figure("to look at again", again.toLocaleString("en"), again ? "hitl-doubt" : "hitl-carried"),
      figure(measured ? "time at your pace" : "time at a typical pace", time, "hitl-time")
    );
    const most = Math.max(1, ...preview.labels.map(([, n]) => n));
    labels.replaceChildren(...preview.labels.slice(0, SHOWN).map(([name, n]) => {
      const fill = h("span", { class: "hitl-fill" });
      fill.style.width = `${100 * n / most}%`;
      return h("li", {}, h("span", { class: "hitl-name", text: name }), h("span", { class: "hitl-track" }, fill), h("span", { class: "hitl-p", text: n.toLocaleString("en") }));
    }), ...preview.labels.length > SHOWN ? [h("li", { class: "hitl-quiet", text: `and ${many(preview.labels.length - SHOWN, "more label")}` })] : []);
    setText(model, [settled, preview.model && `${preview.model[0].toUpperCase()}${preview.model.slice(1)}.`].filter(Boolean).join(" "));
    prose.hidden = figures.hidden = false;
    labels.hidden = !preview.labels.length;
    model.hidden = !model.textContent;
  }
  return { element, update };
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
    const { lines: lines2 } = this;
    for (let from = 0; from < lines2.length; ) {
      let to = from + 1;
      while (to < lines2.length && lines2[to].end - lines2[from].start < SECTION) to++;
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
  const lines2 = [];
  let start = 0;
  for (const found of text.matchAll(BREAK)) {
    addLine(lines2, text, start, found.index);
    start = found.index + found[0].length;
  }
  if (start < text.length || !lines2.length) addLine(lines2, text, start, text.length);
  return lines2;
}
function addLine(lines2, text, start, end) {
  while (end - start > LONGEST) {
    const blank = text.lastIndexOf(" ", start + LONGEST);
    let at = blank > start + LONGEST / 2 ? blank + 1 : start + LONGEST;
    if (/[\ud800-\udbff]/.test(text[at - 1])) at--;
    lines2.push({ start, end: at });
    start = at;
  }
  lines2.push({ start, end });
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

// hitl_widgets/widgets/js/editor/label.js
var SIDE = 56;
function buildLabel(session) {
  const path = h("p", { class: "hitl-label-path hitl-quiet" });
  const name = h("h3", { class: "hitl-label-name" });
  const facts = h("p", { class: "hitl-quiet" });
  const definition = h("p", { class: "hitl-label-definition" });
  const sensitive = h("p", { class: "hitl-sensitive" });
  const link = h("a", { target: "_blank", rel: "noopener noreferrer", text: "more about it" });
  const examples = h("div", { class: "hitl-examples" });
  const does = (action, words) => h(
    "button",
    { type: "button", class: "hitl-key-button", "data-does": action },
    capOf(action),
    h("span", { text: words })
  );
  const one = h(
    "div",
    { class: "hitl-does" },
    does("rename", "Rename"),
    does("describe", "Describe"),
    does("split", "Split"),
    does("add", "Add beside"),
    does("add_under", "Add under"),
    does("cut", "Move"),
    does("put", "Put it here"),
    does("retire", "Retire")
  );
  const several = h("div", { class: "hitl-does" }, does("merge", "Merge"), does("cut", "Move"), does("retire", "Retire"));
  const element = h("section", { class: "hitl-label", "aria-label": "The label in focus" }, path, name, facts, definition, sensitive, link, examples, one, several);
  let drawn = null;
  function update() {
    const { label, tree, selected, counts } = session;
    const marked = session.about;
    const group = selected.size > 1;
    element.hidden = !label;
    if (!label) return;
    one.querySelector("[data-does=put]").hidden = !session.cut.length;
    one.hidden = group;
    several.hidden = !group;
    if (group) {
      let [stand2, doubt2] = [0, 0];
      for (const id2 of marked) {
        const [s, d] = counts.get(id2) ?? [0, 0];
        stand2 += s;
        doubt2 += d;
      }
      setText(path, "");
      setText(name, `${selected.size} labels`);
      setText(facts, [many(stand2, "answer"), doubt2 ? `${doubt2.toLocaleString("en")} in doubt` : ""].filter(Boolean).join(" · "));
      setText(definition, marked.map((id2) => tree.call(id2)).join(", "));
      definition.classList.remove("hitl-quiet");
      sensitive.hidden = link.hidden = examples.hidden = true;
      drawn = null;
      return;
    }
    const id = label.label_id;
    const [stand, doubt] = counts.get(id) ?? [0, 0];
    setText(path, tree.above(id).map((above) => above.name).join(" / "));
    setText(name, label.name);
    setText(facts, [
      label.key ? `key ${label.key.toUpperCase()}` : "no key",
      many(stand, "answer"),
      doubt ? `${doubt.toLocaleString("en")} in doubt` : "",
      tree.answers(id) ? "" : `${many(tree.children(id).length, "label")} under it`
    ].filter(Boolean).join(" · "));
    setText(definition, label.definition || "No definition yet. A written definition helps people to agree.");
    definition.classList.toggle("hitl-quiet", !label.definition);
    sensitive.hidden = !label.sensitive;
    setText(sensitive, `Sensitive: ${label.sensitive ?? ""}`);
    link.hidden = !label.link;
    if (label.link) link.href = label.link;
    const pictures = session.examples.get(id);
    examples.hidden = !pictures?.length;
    if (drawn === pictures) return;
    drawn = pictures;
    examples.replaceChildren(...(pictures ?? []).map((example) => {
      const canvas = h("canvas", {
        class: "hitl-thumb",
        width: SIDE * 2,
        height: SIDE * 2,
        role: "img",
        "aria-label": `${example.answered ? "answered as this:" : example.against ? "counter-example" : "example"} ${example.name}`
      });
      const element2 = h(
        "span",
        { class: `hitl-example${example.against ? " hitl-against" : example.answered ? " hitl-answered" : ""}`, title: example.problem ?? example.name },
        canvas,
        example.answered ? null : h("span", { class: "hitl-example-sign", "aria-hidden": "true", text: example.problem ? "!" : example.against ? "✗" : "✓" })
      );
      drawSmall(canvas, example.picture);
      return element2;
    }));
  }
  return { element, update };
}

// hitl_widgets/widgets/js/editor/render.js
var HIGH = 44;
var SPARE = 6;
var PICTURES = 3;
var SIDE2 = 34;
var DRAGGED = "application/x-hitl-labels";
function render(el, session) {
  const refocus = () => tree.element.focus({ preventScroll: true });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const header = buildTop(session, { refocus, toggleHelp: () => help.toggle() });
  const tree = buildTree(session);
  const form = buildForm(session, refocus);
  const label = buildLabel(session);
  const attributes = buildAttributes(session);
  const history = buildHistory(session);
  const help = buildHelp(session, { refocus, first: [
    [["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"], "move through the tree; left closes, right opens"],
    [["letters"], "to the label whose name begins with these letters"]
  ] });
  const start = h("p", { class: "hitl-wait", role: "status", text: "Waiting for the kernel …" });
  const footer = buildBottom(session);
  const body = h(
    "div",
    { class: "hitl-editor-body" },
    h("div", { class: "hitl-tree-side" }, tree.element, tree.top, start),
    h("div", { class: "hitl-side" }, form.element, history.element, label.element, attributes.element),
    help.help
  );
  const root = h("div", {
    class: "hitl-card hitl-editor",
    role: "region",
    "aria-label": "Taxonomy editor",
    "data-lm-suppress-shortcuts": "true",
    "data-version": "0"
  }, header.element, body, footer.element, live);
  const actions = {
    rename: () => session.begin("rename", { ids: session.focus ? [session.focus] : [], inline: true }),
    describe: () => session.begin("describe", { ids: session.focus ? [session.focus] : [] }),
    add: () => session.begin("add", { target: session.label?.parent ?? null }),
    add_under: () => session.begin("add", { target: session.focus }),
    split: () => session.begin("split", { ids: session.focus ? [session.focus] : [] }),
    merge: () => session.begin("merge"),
    retire: () => session.begin("retire"),
    cut: () => session.take(),
    put: () => session.put(session.focus),
    put_top: () => session.put(null),
    select: () => session.select(),
    select_beside: () => session.selectSiblings(),
    undo: () => session.undo(),
    history: () => {
      session.showing_history = !session.showing_history;
      if (session.showing_history) session.leave();
      session.changed();
    },
    attributes: () => attributes.enter(),
    add_attribute: () => session.begin("add_attribute"),
    search: () => header.find.focus(),
    help: () => help.toggle()
  };
  const usual = { x: actions.cut, v: actions.put, z: actions.undo, a: actions.select_beside };
  for (const part of [label.element, attributes.element, header.element]) part.addEventListener("click", (event) => {
    const name = (
      /** @type {HTMLElement} */
      event.target.closest("button")?.dataset.does
    );
    if (name) actions[name]?.();
  });
  function onKey(event) {
    const target = (
      /** @type {HTMLElement} */
      event.target
    );
    const typing = target.closest("input, textarea") !== null;
    if (event.key === "Escape") {
      event.preventDefault();
      if (!help.help.hidden) return help.toggle(false);
      const inside = target !== tree.element;
      if (!session.escape() && !inside) return handBack(root);
      return refocus();
    }
    if (!help.help.hidden) {
      if (event.key === "?") help.toggle(false);
      return;
    }
    if (typing && target === header.find && (event.key === "Enter" || event.key === "ArrowDown")) {
      event.preventDefault();
      return refocus();
    }
    if (target !== tree.element || event.altKey || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      const act = usual[event.key.toLowerCase()];
      if (act) {
        event.preventDefault();
        act();
      }
      return;
    }
    if (!event.shiftKey || event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (session.lead(event.key, event.shiftKey, tree.page())) return event.preventDefault();
    }
    const action = bind(session.setup?.keys ?? {}).get(pressed(event));
    if (action) {
      event.preventDefault();
      if (!event.repeat) actions[action]?.();
      if (frame) update();
    } else if (/^[\p{L}\p{N}]$/u.test(event.key) && !event.shiftKey) {
      event.preventDefault();
      session.type(event.key);
    }
  }
  keepKeys(root, el, onKey, ["keyup", "keypress", "paste", "cut", "copy"]);
  let named = null;
  let frame = 0;
  let formed = null;
  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (session.setup && session.setup.keys !== named) {
      named = session.setup.keys;
      help.update();
      nameKeys(root, session.setup.keys);
    }
    setAttribute(root, "data-version", String(session.tree.version));
    const waiting = session.tree.version === 0;
    start.hidden = !waiting;
    tree.element.hidden = waiting;
    setText(start, session.waited_ms > 3e3 ? "The kernel hasn't answered yet: it may be running a cell." : "Waiting for the kernel …");
    header.update();
    tree.update(form);
    form.update();
    history.update();
    label.element.hidden = waiting || session.form !== null || session.showing_history;
    attributes.element.hidden = label.element.hidden;
    if (!label.element.hidden) {
      label.update();
      attributes.update();
    }
    footer.update();
    if (formed && !session.form && root.contains(document.activeElement)) refocus();
    formed = session.form;
    setText(live, session.notice?.text ?? "");
  }
  const stop = session.subscribe(() => {
    setAttribute(root, "data-acting", session.acting ? "true" : null);
    frame ||= requestAnimationFrame(update);
  });
  el.append(root);
  update();
  return () => {
    stop();
    cancelAnimationFrame(frame);
    tree.stop();
    root.remove();
  };
}
function buildTop(session, { refocus, toggleHelp }) {
  const version = h("strong");
  const facts = h("span", { class: "hitl-quiet" });
  const find = h("input", {
    type: "search",
    class: "hitl-search",
    placeholder: "Search labels",
    "aria-label": "Search labels",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => session.find(find.value)
  });
  const button = (name, words) => h(
    "button",
    { type: "button", class: "hitl-key-button", "data-does": name },
    capOf(name),
    h("span", { text: words })
  );
  const past = button("history", "History");
  const element = h(
    "div",
    { class: "hitl-header" },
    h("span", { class: "hitl-editor-title" }, version, facts),
    h("label", { class: "hitl-find" }, capOf("search"), find),
    h(
      "span",
      { class: "hitl-about" },
      button("undo", "Undo"),
      past,
      h("button", { type: "button", class: "hitl-key-button", onclick: () => {
        toggleHelp();
      } }, capOf("help"), h("span", { text: "Keys" }))
    )
  );
  find.addEventListener("blur", () => {
    if (!find.value) session.find("");
  });
  past.addEventListener("click", refocus);
  function update() {
    const { tree, count: [stand, doubt], setup } = session;
    setText(version, tree.version ? `Taxonomy, version ${tree.version}` : "Taxonomy");
    setText(facts, [
      many(tree.labels.length, "label"),
      tree.attributes.length ? many(tree.attributes.length, "attribute") : "",
      many(stand + doubt, "answer"),
      doubt ? `${doubt.toLocaleString("en")} to look at again` : "",
      setup?.annotator ?? ""
    ].filter(Boolean).join(" · "));
    if (document.activeElement !== find && find.value !== session.query) find.value = session.query;
    setAttribute(past, "aria-pressed", String(session.showing_history));
  }
  return { element, find, update };
}
function buildTree(session) {
  const space = h("div", { class: "hitl-tree-space", role: "presentation" });
  const element = h("div", { class: "hitl-tree", role: "tree", tabindex: "0", "aria-label": "Labels", "aria-multiselectable": "true" }, space);
  const top = h("button", { type: "button", class: "hitl-top-drop", tabindex: "-1", text: "Put it at the top level", onclick: () => {
    session.put(null);
  } });
  const own = `hitl-row-${Math.random().toString(36).slice(2)}`;
  const built = /* @__PURE__ */ new Map();
  let focused = null;
  let dragged = [];
  let form = (
    /** @type {{submit: () => void} | null} */
    null
  );
  const page = () => Math.max(1, Math.floor(element.clientHeight / HIGH) - 1);
  const rowOf = (target) => (
    /** @type {HTMLElement | null} */
    /** @type {HTMLElement} */
    target.closest?.("[data-label]")
  );
  element.addEventListener("scroll", () => draw(false));
  element.addEventListener("click", (event) => {
    const row = rowOf(event.target);
    const id = row?.dataset.label;
    if (!id || /** @type {HTMLElement} */
    event.target.closest("input")) return;
    element.focus({ preventScroll: true });
    if (
      /** @type {HTMLElement} */
      event.target.closest(".hitl-twist")
    ) return session.toggle(id);
    if (event.shiftKey) return session.go(id, { extend: true });
    if (event.ctrlKey || event.metaKey) return session.go(id, { toggle: true });
    session.selected.clear();
    session.go(id);
  });
  element.addEventListener("dblclick", (event) => {
    const id = rowOf(event.target)?.dataset.label;
    if (id && !/** @type {HTMLElement} */
    event.target.closest(".hitl-twist, input")) session.begin("rename", { ids: [id], inline: true });
  });
  element.addEventListener("dragstart", (event) => {
    const id = rowOf(event.target)?.dataset.label;
    if (!id || !event.dataTransfer) return;
    dragged = session.selected.has(id) ? session.about : [id];
    event.dataTransfer.setData(DRAGGED, dragged.join("\n"));
    event.dataTransfer.effectAllowed = "move";
    top.classList.add("hitl-offered");
    event.stopPropagation();
  });
  for (
    const name of
    /** @type {const} */
    ["dragover", "dragenter"]
  ) for (const place of [element, top]) place.addEventListener(name, (event) => {
    if (!dragged.length) return;
    event.stopPropagation();
    const row = rowOf(event.target);
    for (const other of space.querySelectorAll(".hitl-over")) if (other !== row) other.classList.remove("hitl-over");
    if (row ? dragged.includes(row.dataset.label ?? "") : place === element) return;
    event.preventDefault();
    row?.classList.add("hitl-over");
  });
  for (const place of [element, top]) place.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const id = place === top ? null : rowOf(event.target)?.dataset.label;
    if (id !== void 0 && dragged.length) session.drop(dragged, id);
    settle();
  });
  element.addEventListener("dragend", () => settle());
  function settle() {
    dragged = [];
    top.classList.remove("hitl-offered");
    for (const row of space.querySelectorAll(".hitl-over")) row.classList.remove("hitl-over");
  }
  function draw(all) {
    const { rows } = session;
    const from = Math.max(0, Math.floor(element.scrollTop / HIGH) - SPARE);
    const to = Math.min(rows.length, Math.ceil((element.scrollTop + (element.clientHeight || 480)) / HIGH) + SPARE);
    const seen = new Map(rows.slice(from, to).map((row, i) => [row.label.label_id, { row, at: from + i }]));
    const at = session.at;
    if (at >= 0 && !seen.has(rows[at].label.label_id)) seen.set(rows[at].label.label_id, { row: rows[at], at });
    for (const [id, row] of built) if (!seen.has(id)) {
      row.element.remove();
      built.delete(id);
    }
    space.style.height = `${rows.length * HIGH}px`;
    for (const [id, { row, at: place }] of seen) {
      let parts = built.get(id);
      if (parts && !all) continue;
      if (!parts) {
        parts = buildRow(session, `${own}-${place}-${id.replace(/[^\w-]/g, "_")}`, () => form?.submit());
        built.set(id, parts);
        space.append(parts.element);
      }
      parts.element.style.top = `${place * HIGH}px`;
      parts.update(row);
    }
    setAttribute(element, "aria-activedescendant", built.get(session.focus ?? "")?.element.id ?? null);
    session.want([...seen.keys()]);
  }
  function update(its) {
    form = its;
    const at = session.at;
    if (session.focus !== focused && at >= 0) {
      const [above, below2] = [at * HIGH, (at + 1) * HIGH - element.clientHeight];
      if (element.scrollTop > above) element.scrollTop = above;
      else if (element.scrollTop < below2) element.scrollTop = below2;
    }
    focused = session.focus;
    top.classList.toggle("hitl-offered", session.cut.length > 0 || dragged.length > 0);
    draw(true);
  }
  const watcher = new ResizeObserver(() => draw(false));
  watcher.observe(element);
  return { element, top, update, page, stop: () => watcher.disconnect() };
}
function buildRow(session, id, submit) {
  const twist = h("span", { class: "hitl-twist", "aria-hidden": "true" });
  const dot = h("span", { class: "hitl-swatch", "aria-hidden": "true" });
  const name = h("span", { class: "hitl-name" });
  const key = h("kbd", { class: "hitl-cap" });
  const definition = h("span", { class: "hitl-row-definition" });
  const box = h("input", {
    type: "text",
    class: "hitl-rename",
    "aria-label": "New name",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => session.fill({ to: box.value }),
    onkeydown: (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        submit();
      }
    }
  });
  const pictures = h("span", { class: "hitl-row-pictures", "aria-hidden": "true" });
  const stand = h("span", { class: "hitl-count" });
  const doubt = h("span", { class: "hitl-doubted" });
  const element = h(
    "div",
    { class: "hitl-tree-row", role: "treeitem", id, draggable: "true" },
    twist,
    dot,
    h("span", { class: "hitl-row-words" }, h("span", { class: "hitl-row-name" }, name, box, key), definition),
    pictures,
    h("span", { class: "hitl-row-counts" }, stand, doubt)
  );
  let drawn = null;
  function update({ label, level, size, place, open }) {
    const { focus, selected, form, counts } = session;
    const mine = label.label_id;
    element.dataset.label = mine;
    element.style.setProperty("--hitl-level", String(Math.min(level, 12) - 1));
    setAttribute(element, "aria-level", String(level));
    setAttribute(element, "aria-setsize", String(size));
    setAttribute(element, "aria-posinset", String(place));
    setAttribute(element, "aria-expanded", open === null ? null : String(open));
    setAttribute(element, "aria-selected", String(selected.has(mine)));
    element.classList.toggle("hitl-focused", mine === focus);
    element.classList.toggle("hitl-cut", session.cut.includes(mine));
    element.classList.toggle("hitl-inner", open !== null);
    setText(twist, open === null ? "" : open ? "▾" : "▸");
    dot.style.background = label.colour ?? "transparent";
    dot.classList.toggle("hitl-no-colour", !label.colour);
    setText(name, label.name);
    const renaming = form?.kind === "rename" && form.inline && form.ids[0] === mine;
    if (renaming && box.hidden) {
      box.value = form.values.to;
      box.hidden = false;
      box.focus();
      box.select();
    }
    if (!renaming) box.hidden = true;
    name.hidden = renaming;
    setText(key, (label.key ?? "").toUpperCase());
    key.hidden = !label.key || renaming;
    setText(definition, label.definition ?? "");
    definition.hidden = !label.definition;
    const [s, d] = counts.get(mine) ?? [0, 0];
    setText(stand, s.toLocaleString("en"));
    setText(doubt, d ? `${d.toLocaleString("en")} in doubt` : "");
    doubt.hidden = !d;
    setAttribute(element, "aria-label", [
      label.name,
      label.key ? `key ${label.key}` : "",
      many(s, "answer"),
      d ? `${d} in doubt` : "",
      label.definition ?? ""
    ].filter(Boolean).join(", "));
    const examples = (session.examples.get(mine) ?? []).filter((e) => !e.against && e.picture).slice(0, PICTURES);
    if (drawn !== (drawn = session.examples.get(mine))) {
      const canvases = examples.map(() => h("canvas", { class: "hitl-thumb", width: SIDE2 * 2, height: SIDE2 * 2 }));
      pictures.replaceChildren(...canvases);
      examples.forEach((example, i) => drawSmall(canvases[i], example.picture));
    }
  }
  box.hidden = true;
  return { element, update };
}
function buildHistory(session) {
  const list = h("ol", { class: "hitl-history-list" });
  const element = h("section", { class: "hitl-history", "aria-label": "History" }, h("h3", { class: "hitl-form-title", text: "History" }), list);
  let drawn = null;
  let acting = false;
  function update() {
    element.hidden = !session.showing_history || session.form !== null;
    if (element.hidden || drawn === session.history && acting === Boolean(session.acting)) return;
    drawn = session.history;
    acting = Boolean(session.acting);
    list.replaceChildren(...session.history.map((past) => {
      const at = new Date(past.at);
      const when = Number.isNaN(at.getTime()) ? "" : at.toLocaleString("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
      const state = past.to_settle ? `made apart, to be settled${session.may_settle ? "" : " by a reviewer or an owner"}` : past.reverted_by !== null ? `undone by version ${past.reverted_by}` : past.reverts !== null ? `undoes version ${past.reverts}` : "";
      return h(
        "li",
        { class: past.reverted_by !== null ? "hitl-undone" : "" },
        h("span", { class: "hitl-version", text: past.to_settle ? "apart" : `v${past.version}` }),
        h(
          "div",
          {},
          h("p", { class: "hitl-history-prose", text: past.prose }),
          past.why ? h("p", { class: "hitl-why", text: `“${past.why}”` }) : null,
          h("p", { class: "hitl-quiet", text: [past.annotator, when, state].filter(Boolean).join(" · ") })
        ),
        past.reverted_by === null && past.version > 1 ? h("button", {
          type: "button",
          class: "hitl-undo",
          "aria-label": `Undo version ${past.version}: ${past.prose}`,
          text: "Undo",
          onclick: () => session.undo(past.edit_id)
        }) : null,
        past.to_settle && session.may_settle ? h("div", { class: "hitl-settle" }, ...[true, false].map((apply) => h("button", {
          type: "button",
          class: "hitl-undo",
          "aria-label": `${apply ? "Apply" : "Leave"} the edit made apart: ${past.prose}`,
          text: apply ? "Apply" : "Leave",
          onclick: () => session.settle(past.edit_id, apply)
        }))) : null
      );
    }));
    if (!session.history.length) list.replaceChildren(h("li", { class: "hitl-quiet", text: "No changes yet." }));
  }
  return { element, update };
}
function buildBottom(session) {
  const notice = h("span", { class: "hitl-notice" });
  const element = h("div", { class: "hitl-footer" }, notice);
  function update() {
    const { notice: word, closed, gone, trouble, waited_ms, selected } = session;
    const text = closed ?? (gone ? "The kernel was restarted or has died. Run the notebook from the top; what you typed stays here." : waited_ms > 3e3 ? `The kernel hasn't answered for ${Math.round(waited_ms / 1e3)} s: it may be running a cell. What you typed stays here.` : trouble ?? word?.text ?? (selected.size > 1 ? `${selected.size} labels selected.` : ""));
    setText(notice, text || "An edit is previewed before it is applied, and every edit can be undone.");
    notice.classList.toggle("hitl-bad", Boolean(closed || gone || trouble || word?.bad && text === word.text));
    notice.classList.toggle("hitl-quiet", !text);
  }
  return { element, update };
}

// hitl_widgets/widgets/js/editor.js
var editor_default = widget((line) => new EditorSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => (/* @__PURE__ */ new Date()).toISOString(),
  decode
}), render);
export {
  editor_default as default
};
