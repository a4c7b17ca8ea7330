// @ts-check
// How does the card look, and which key presses reach the session? Builds DOM, wires events, returns a cleanup.

import { cap, h, setAttribute, setText } from "./dom.js";
import { HELP, read, REPEATABLE } from "./keys.js";
import { match } from "./labels.js";
import { buildLegend, buildStage } from "./stage.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./types.d.ts").Label} Label */

const MOST_CHIPS = 30;

/** @param {number} p */
const percent = (p) => (p > 0 && p < 0.005 ? "<1 %" : `${Math.round(100 * p)} %`);
/** @param {number} n @param {string} one @param {string} many */
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** @param {HTMLElement} el @param {Session} session @returns {() => void} */
export function render(el, session) {
  const stage = buildStage(session);
  const legend = buildLegend(session);
  const header = buildHeader(session, () => toggleHelp());
  const panel = buildPanel(session);
  const footer = buildFooter(session);
  const face = buildFace(session, () => root.focus({ preventScroll: true }));
  const help = buildHelp(() => toggleHelp(false));
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const body = h("div", { class: "hitl-body" },
    h("div", { class: "hitl-left" }, stage.stage, legend.legend), panel.panel, face.face, help);
  const root = h("div", { class: "hitl-card", tabindex: "0", role: "application", "aria-label": "Decision card",
    "aria-roledescription": "decision card", "data-lm-suppress-shortcuts": "true", "data-item": "", "data-pending": "0" },
  header.header, body, footer.footer, live);

  function toggleHelp(open = help.hidden) {
    help.hidden = !open;
    if (!open) root.focus({ preventScroll: true });
  }

  /** @param {import("./keys.js").Action} action */
  function act(action) {
    switch (action.kind) {
      case "accept": return session.accept();
      case "label": {
        const found = [...session.keys].find(([, key]) => key === action.key);
        return found && session.choose(found[0]);
      }
      case "unsure": return session.unsure();
      case "skip": return session.skip();
      case "undo": return session.undo();
      case "flag": return session.flag();
      case "certainty": return session.rate(action.value);
      case "nudge": return session.nudge(action.by);
      case "map": return session.toggleMap();
      case "method": return session.nextMethod();
      case "opacity": return session.setOpacity(session.opacity + action.by * 0.1);
      case "search": return panel.search();
      case "help": return toggleHelp();
      case "escape":
        if (!help.hidden) toggleHelp(false);
        else if (!session.escape()) root.blur();
    }
  }

  root.addEventListener("keydown", (event) => {
    // JupyterLab's own shortcuts would cut cells and change their kind.
    event.stopPropagation();
    const target = /** @type {HTMLElement} */ (event.target);
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
    // A click anywhere on the card gives it the keys; a button hands them back once it has done its work.
    const target = /** @type {HTMLElement} */ (event.target);
    if (!target.closest("input, a") && !help.contains(target)) root.focus({ preventScroll: true });
  });

  /** @type {unknown} */
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
      setText(live, seen ? `Suggestion: ${session.labels.get(seen[0])?.name}, ${percent(seen[1])}`
        : item.blind ? "Blind item: what do you see?" : "No suggestion: what do you see?");
    }
  }

  const stop = session.subscribe(update);
  el.append(root);
  update();
  return () => { stop(); stage.stop(); root.remove(); };
}

/** @param {Session} session @param {() => void} onHelp */
function buildHeader(session, onHelp) {
  const focus = h("span", { class: "hitl-focus" }, h("span", { class: "hitl-dot", "aria-hidden": "true" }),
    h("span", { class: "hitl-focus-on", text: "Keys on" }), h("span", { class: "hitl-focus-off" }, document.createTextNode("Click "),
      h("span", { class: "hitl-wide", text: "the card " }), document.createTextNode("to use the keys")));
  const done = h("span", { class: "hitl-done" });
  const meter = h("span", { class: "hitl-meter", "aria-hidden": "true" }, h("span"));
  const pending = h("span", { class: "hitl-pending", role: "status" });
  const who = h("span", { class: "hitl-who" });
  const help = h("button", { class: "hitl-key-button", type: "button", "aria-keyshortcuts": "?", title: "All keys (?)", onclick: onHelp },
    cap("?"), h("span", { text: "Keys" }));
  const header = h("div", { class: "hitl-header" }, focus,
    h("span", { class: "hitl-progress" }, done, meter, pending), h("span", { class: "hitl-about" }, who, help));

  function update() {
    const { setup } = session;
    const items = setup?.progress.items;
    setText(done, setup ? `${session.answered.toLocaleString("en")}${items ? ` of ${items.toLocaleString("en")}` : ""} answered` : "");
    meter.hidden = !items;
    if (items) /** @type {HTMLElement} */ (meter.firstChild).style.width = `${Math.min(100, (100 * session.answered) / items)}%`;
    const late = session.pending > 0 && session.waited_ms > 2000;
    setText(pending, session.pending ? `${session.pending} to be stored` : setup ? "all stored" : "");
    pending.classList.toggle("hitl-late", late);
    setText(who, setup ? `${setup.annotator} · taxonomy v${setup.taxonomy.version}` : "");
  }
  return { header, update };
}

/** Suggestions, labels, certainty, and what else can be done. @param {Session} session */
function buildPanel(session) {
  const title = h("h3", { class: "hitl-title" });
  const accept = h("span", { class: "hitl-accept" }, cap("Enter"), h("span", { text: "accept" }));
  const plain = h("div", { class: "hitl-plain" }, h("strong"), h("span"));
  const bars = h("div", { class: "hitl-bars" });
  const labelsTitle = h("h3", { class: "hitl-title", text: "Labels" });
  const box = h("input", { class: "hitl-search", type: "search", placeholder: "Search labels", "aria-label": "Search labels",
    autocomplete: "off", spellcheck: "false" });
  const find = h("label", { class: "hitl-find" }, cap("/"), box);
  const chips = h("div", { class: "hitl-chips", role: "group", "aria-label": "Labels" });
  const certainty = buildCertainty(session);
  const actions = h("div", { class: "hitl-actions" },
    button("u", "Unsure", () => session.unsure()), button("s", "Skip", () => session.skip()),
    button("f", "Bad data", () => session.flag()), button("z", "Undo", () => session.undo()));
  const panel = h("div", { class: "hitl-panel" },
    h("section", { class: "hitl-says" }, h("div", { class: "hitl-row" }, title, accept), plain, bars),
    h("section", {}, h("div", { class: "hitl-row" }, labelsTitle, find), chips),
    h("section", {}, certainty.element), actions);

  let marked = 0;
  let query = "";
  /** @type {unknown} */
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
      return h("button", { class: `hitl-chip${query && i === marked ? " hitl-marked" : ""}`, type: "button", tabindex: "-1",
        "data-label": label.label_id, title: label.definition ? `${label.path}: ${label.definition}` : label.path,
        ...(key ? { "aria-keyshortcuts": key } : {}), onclick: () => { leave(); session.choose(label.label_id); } },
      key ? cap(key) : h("span", { class: "hitl-cap hitl-nokey" }), h("span", { class: "hitl-name", text: query ? label.path : label.name }));
    }), ...(query && !labels.length ? [h("p", { class: "hitl-quiet", text: "No label matches. Esc leaves the search." })] : []));
  }

  function leave() {
    query = box.value = "";
    marked = 0;
    drawn = null;
  }

  box.addEventListener("input", () => { query = box.value; marked = 0; drawChips(); });
  box.addEventListener("blur", () => { leave(); update(); });
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
      /** @type {HTMLElement} */ (panel.closest(".hitl-card")).focus({ preventScroll: true });
      session.choose(label_id);
    }
  });

  /** @type {{row: HTMLElement, cap: HTMLElement, name: HTMLElement, fill: HTMLElement, p: HTMLElement}[]} */
  const rows = [];
  function row(/** @type {number} */ i) {
    while (rows.length <= i) {
      const parts = { cap: h("kbd", { class: "hitl-cap" }), name: h("span", { class: "hitl-name" }),
        fill: h("span", { class: "hitl-fill" }), p: h("span", { class: "hitl-p" }) };
      const line = h("button", { class: "hitl-bar", type: "button", tabindex: "-1",
        onclick: (/** @type {any} */ event) => session.choose(event.currentTarget.dataset.label) },
      parts.cap, parts.name, h("span", { class: "hitl-track" }, parts.fill), parts.p);
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
    const [head, words] = !item || seen ? ["", ""]
      : item.blind ? ["What do you see?", "This item is asked blind: what the model says of it, and why, stays hidden."]
        : item.broken ? ["This item can't be shown", "F flags it as bad data and goes on. You may also skip it, or answer all the same."]
          : item.problem ? ["The model failed on this item", item.problem]
            : ["What do you see?", "There is no model yet: the first answers are yours alone."];
    setText(title, seen ? "The model suggests" : "Your answer");
    setText(/** @type {Node} */ (plain.firstChild), head);
    setText(/** @type {Node} */ (plain.lastChild), words);
    plain.hidden = !head;
  }

  function update() {
    const { setup } = session;
    find.hidden = !setup || setup.taxonomy.labels.length <= 10;
    if (setup && setup.taxonomy !== drawn) {
      drawn = setup.taxonomy;
      setText(labelsTitle, setup.taxonomy.labels.length > MOST_CHIPS
        ? `Labels with a key, of ${setup.taxonomy.labels.length.toLocaleString("en")}` : "Labels");
      drawChips();
    }
    drawBars();
    accept.hidden = !session.suggestion;
    const chosen = session.suggestion?.[0];
    for (const chip of chips.children) chip.classList.toggle("hitl-suggested", /** @type {HTMLElement} */ (chip).dataset.label === chosen);
    certainty.update();
  }

  return { panel, update, search() { if (!find.hidden) box.focus({ preventScroll: true }); } };
}

/** @param {string} key @param {string} text @param {() => void} onclick */
function button(key, text, onclick) {
  return h("button", { class: "hitl-key-button", type: "button", tabindex: "-1", "aria-keyshortcuts": key, onclick },
    cap(key), h("span", { text }));
}

/** Eleven steps, as on the number row. @param {Session} session */
function buildCertainty(session) {
  const state = h("span", { class: "hitl-quiet" });
  const steps = [..."`1234567890"].map((key, value) => h("button", { class: "hitl-step", type: "button", tabindex: "-1",
    role: "radio", "aria-checked": "false", "aria-label": `certainty ${value} of 10`, title: `⇧ ${key}`,
    "aria-keyshortcuts": `Shift+${key}`, text: value, onclick: () => session.rate(value) }));
  const element = h("div", { class: "hitl-certainty" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-title", text: "How sure are you?" }), state),
    h("div", { class: "hitl-steps", role: "radiogroup", "aria-label": "Certainty" }, ...steps),
    h("div", { class: "hitl-row hitl-hint" }, h("span", { text: "a guess" }),
      h("span", { class: "hitl-caps" }, cap("⇧"), document.createTextNode(" + "), cap("`"), cap("1"), document.createTextNode(" … "), cap("9"), cap("0"),
        document.createTextNode("  or  "), cap("-"), cap("=")),
      h("span", { text: "certain" })));

  function update() {
    const { certainty, asking } = session;
    steps.forEach((step, value) => {
      const on = certainty?.value === value;
      step.classList.toggle("hitl-below", certainty !== null && value < certainty.value);
      setAttribute(step, "aria-checked", String(on));
    });
    element.classList.toggle("hitl-asking", asking !== null);
    element.classList.toggle("hitl-carried", certainty?.source === "carried");
    setText(state, asking ? `${asking.words.replace(/ \w+$/, "")}: rate it to decide · Esc`
      : !certainty ? "not given" : certainty.source === "given" ? `${certainty.value}, for this item` : `${certainty.value}, carried over`);
  }
  return { element, update };
}

/** @param {Session} session */
function buildFooter(session) {
  const notice = h("span", { class: "hitl-notice", role: "status" });
  const about = h("span", { class: "hitl-item" });
  const footer = h("div", { class: "hitl-footer" }, notice, about);

  function update() {
    const { item, setup } = session;
    const s = Math.round(session.waited_ms / 1000);
    const problem = item?.rejection ? `Not stored: ${item.rejection}`
      : session.waited_ms > 4000 && session.pending
        ? `The kernel hasn't answered for ${s} s. ${count(session.pending, "decision is", "decisions are")} kept ${
          session.outbox.durable ? "in this browser" : "in this tab only"} and sent again.`
        : session.problem ?? (session.notice?.bad ? session.notice.text : null);
    setText(notice, problem ?? (!setup ? "" : !session.outbox.durable ? `${session.notice?.text ?? ""} (this browser keeps nothing: unstored decisions live in this tab only)`
      : session.outbox.others ? `${count(session.outbox.others, "decision", "decisions")} of another annotator wait in this browser until they open the card`
        : session.notice?.text ?? ""));
    notice.classList.toggle("hitl-bad", problem !== null);
    setText(about, !item || session.face ? "" : [item.item_id, item.width && `${item.width}×${item.height}`,
      !item.blind && item.chosen_by && `chosen by ${item.chosen_by.replaceAll("_", " ")}`, item.model && !item.blind && `model ${item.model.slice(0, 7)}`]
      .filter(Boolean).join("  ·  "));
    setAttribute(about, "title", about.textContent);
  }
  return { footer, update };
}

/** What stands in the card's place when there is nothing to decide. @param {Session} session @param {() => void} refocus */
function buildFace(session, refocus) {
  const sign = h("div", { class: "hitl-sign", "aria-hidden": "true" });
  const title = h("h3", { class: "hitl-face-title" });
  const words = h("p", { class: "hitl-face-words" });
  const box = h("input", { class: "hitl-name-box", type: "text", maxlength: "200", "aria-label": "Your name", placeholder: "Your name" });
  const form = h("form", { class: "hitl-name-form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!box.value.trim()) return box.focus();
    session.name(box.value.trim());
    refocus();
  } }, box, h("button", { class: "hitl-primary", type: "submit", text: "Start" }),
  h("button", { class: "hitl-key-button", type: "button", text: "Go on without", onclick: () => { session.name(null); refocus(); } }));
  const face = h("div", { class: "hitl-face" }, sign, title, words, form);

  /** @type {Record<string, [string, string, string]>} */
  const FACES = {
    start: ["…", "Waiting for the kernel", "The card opens as soon as the kernel answers."],
    name: ["✎", "Who is labelling?", "Decisions carry your name, so that people can be told apart later."],
    closed: ["✓", "This card is closed", ""],
    wait: ["…", "The next items are on their way", ""],
    empty: ["✓", "Nothing left to ask", "Every item of this queue has your answer. Train on them in a cell below, or undo the last one with z."],
    enough: ["✓", "That's what you asked for", "This review is complete. Train on the answers in a cell below, or undo the last one with z."],
  };

  function update() {
    const kind = session.face;
    face.hidden = kind === null;
    form.hidden = kind !== "name";
    if (kind === null) return;
    const [symbol, head, text] = FACES[kind];
    setText(sign, symbol);
    setText(title, head);
    const s = Math.round(session.waited_ms / 1000);
    setText(words, kind === "closed" ? `${session.closed} What you decided here is kept.`
      : kind === "wait" && session.problem ? session.problem
        : (kind === "wait" || kind === "start") && s >= 3
          ? `The kernel hasn't answered for ${s} s: it may be running a cell. What you decided is kept; the card goes on when it answers.` : text);
    face.classList.toggle("hitl-calm", kind === "wait" || kind === "start");
  }
  return { face, update };
}

/** @param {() => void} onClose */
function buildHelp(onClose) {
  return h("div", { class: "hitl-help", hidden: true, role: "dialog", "aria-label": "Keys" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-face-title", text: "Keys" }),
      h("button", { class: "hitl-key-button", type: "button", onclick: onClose }, cap("Esc"), h("span", { text: "Close" }))),
    h("dl", {}, ...HELP.flatMap(([keys, words]) => [
      h("dt", {}, ...keys.map((key) => (key === "…" || key === "letters" ? h("span", { text: key }) : cap(key)))),
      h("dd", { text: words })])));
}
