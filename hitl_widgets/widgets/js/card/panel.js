// @ts-check
// The model's predictions as bars, the labels with their keys, and a search.

import { cap, capOf, h, setAttribute, setText } from "../dom.js";
import { keyName } from "../keys.js";
import { setId } from "./sets.js";
import { likelyFirst, match } from "../labels.js";
import { buildMark, columnsOf } from "./labels_on.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("../types.d.ts").Label} Label */

const MOST_CHIPS = 30;
const FEW = 10; // labels whose search is shown only while it is used

/** @param {number} p */
export const percent = (p) => (p > 0 && p < 0.005 ? "<1 %" : `${Math.round(100 * p)} %`);

/** @param {number} points */
const ahead = (points) => `${Math.round(points)} ${Math.round(points) === 1 ? "point" : "points"} above the next`;

/** The model's predictions as bars. @param {CardSession} session */
export function buildBars(session) {
  const title = h("h3", { class: "hitl-title" });
  const margin = h("span", { class: "hitl-quiet hitl-margin" });
  const accept = h("span", { class: "hitl-accept" }, capOf("accept"), h("span"));
  const plain = h("div", { class: "hitl-plain" }, h("strong"), h("span"));
  const bars = h("div", { class: "hitl-bars" });
  const element = h("section", { class: "hitl-says" }, h("div", { class: "hitl-row" }, title, margin, accept), plain, bars);
  /** @type {{row: HTMLElement, cap: HTMLElement, name: HTMLElement, group: HTMLElement, fill: HTMLElement, p: HTMLElement}[]} */
  const rows = [];

  /** @param {number} i */
  function row(i) {
    while (rows.length <= i) {
      const parts = { cap: h("kbd", { class: "hitl-cap" }), name: h("span", { class: "hitl-name" }), group: h("span", { class: "hitl-of-group" }),
        fill: h("span", { class: "hitl-fill" }), p: h("span", { class: "hitl-p" }) };
      const line = h("button", { class: "hitl-bar", type: "button", tabindex: "-1",
        onclick: (/** @type {any} */ event) => session.choose(event.currentTarget.dataset.label) },
      parts.cap, h("span", { class: "hitl-named" }, parts.name, parts.group), h("span", { class: "hitl-track" }, parts.fill), parts.p);
      bars.append(line);
      rows.push({ row: line, ...parts });
    }
    return rows[i];
  }

  /** The text in place of the bars: a heading, and the rest. @returns {[string, string]} */
  function words() {
    const { item, suggestion, setup, answering } = session;
    if (!item || suggestion || answering.proposed || answering.suggestedWords) return ["", ""];
    if (item.chosen_by === "second look") return ["What do you see?", "This item is asked once more, blind: the answer that was given and the model's suggestion stay hidden."];
    if (session.blind && item.answer_first) return ["What do you see?", "You answer first: the model's suggestion and map appear then, and you may change your answer."];
    if (session.blind) return ["What do you see?", "This item is asked blind: the model's suggestion and map stay hidden."];
    if (item.broken) return ["This item can't be shown", `${keyName(setup?.keys.flag?.[0][0] ?? "")} flags it as bad data and goes on. You may also skip it, or answer all the same.`];
    if (item.problem) return ["The model failed on this item", item.problem];
    if (item.model && !answering.alone) return ["What do you see?", item.suggestion ? "The label that the model suggested isn't in the taxonomy any more."
      : "The model can't tell the likely labels apart."];
    return ["What do you see?", session.learning?.learnt ? "This item came before the model had learnt from your answers. The next ones come with a suggestion."
      : "There is no model yet: your first answers will train one, and measure it."];
  }

  function update() {
    const { item, focused, first, answering } = session;
    element.hidden = session.annotating.on; // objects have a list of their own
    if (element.hidden) return;
    const seen = session.suggestion;
    const probs = seen && !answering.merged ? (item?.probs ?? []).filter(([id]) => session.labels.has(id)) : [];
    probs.forEach(([label_id, p], i) => {
      const line = row(i);
      const name = session.labels.get(label_id)?.name ?? label_id;
      const key = session.keys.get(label_id) ?? "";
      const suggested = label_id === seen?.[0];
      line.row.hidden = false;
      line.row.dataset.label = label_id;
      line.row.classList.toggle("hitl-suggested", suggested);
      line.row.classList.toggle("hitl-own", label_id === first?.label_id);
      line.row.classList.toggle("hitl-focused", label_id === focused?.label_id);
      setText(line.cap, key.toUpperCase());
      line.cap.classList.toggle("hitl-nokey", !key);
      setText(line.name, name);
      setText(line.group, session.labels.get(label_id)?.group ?? "");
      line.fill.style.width = `${100 * p}%`;
      setText(line.p, percent(p));
      setAttribute(line.row, "aria-label", `${name}, ${percent(p)}${suggested ? ", suggested" : ""}${label_id === first?.label_id ? ", your answer" : ""}`);
      setAttribute(line.row, "aria-keyshortcuts", key || null);
    });
    for (const line of rows.slice(probs.length)) line.row.hidden = true;
    setText(margin, probs.length > 1 ? ahead(100 * (probs[0][1] - probs[1][1])) : "");
    element.classList.toggle("hitl-merged", answering.merged);
    if (answering.merged) return updateMerged();
    const [head, text] = words();
    setText(title, seen ? "The model suggests" : "Your answer");
    setText(/** @type {Node} */ (plain.firstChild), head);
    setText(/** @type {Node} */ (plain.lastChild), text);
    plain.hidden = !head;
    accept.hidden = !focused && !first;
    const keeps = first && (focused?.label_id === first.label_id || (first.verdict === "unsure" && session.pointed === null));
    if (first) setText(margin, `you: ${session.wordsOf(first)}`);
    setText(/** @type {Node} */ (accept.lastChild), keeps ? "keep yours" : session.guesses ? "best guess" : focused && focused.label_id !== seen?.[0] ? focused.name : "accept");
  }
  /** Updates the line above the labels where bars and values are shown beside these: the suggestion, and what Enter does. */
  function updateMerged() {
    const { focused, first, answering, suggestion, item } = session;
    const { many, alone, proposed, suggestedWords } = answering;
    const seen = proposed ? session.nameOf(item?.suggestion) : alone ? suggestedWords : suggestion ? session.nameOf(suggestion[0]) : "";
    const [head, text] = words();
    plain.hidden = true;
    setText(title, seen ? "The model suggests" : head || "Your answer");
    setText(margin, first ? `you: ${session.wordsOf(first)}` : seen || text);
    margin.title = margin.textContent ?? "";
    const choice = many || alone ? answering.choice : focused ? { verdict: suggestion?.[0] === focused.label_id ? "accept" : "answer", words: focused.name } : "";
    accept.hidden = typeof choice === "string" || !item;
    if (typeof choice === "string") return;
    const stored = many ? session.nameOf(setId(answering.on)) : alone ? "store" : focused?.name ?? "";
    setText(/** @type {Node} */ (accept.lastChild), session.guesses ? "best guess" : choice.verdict === "accept" ? "accept" : stored);
    accept.title = `Enter stores: ${choice.words}`;
  }

  return { element, update };
}

/** The labels with their keys, and a search over all of them. @param {CardSession} session @param {() => void} refocus */
export function buildLabels(session, refocus) {
  const title = h("h3", { class: "hitl-title", text: "Labels" });
  const box = h("input", { class: "hitl-search", type: "search", placeholder: "Search labels", "aria-label": "Search labels",
    autocomplete: "off", spellcheck: "false" });
  const find = h("label", { class: "hitl-find" }, capOf("search"), box);
  const columns = h("div", { class: "hitl-columns" });
  const chips = h("div", { class: "hitl-chips", role: "group", "aria-label": "Labels" }, columns);
  const heading = h("div", { class: "hitl-row" }, title, find);
  const element = h("section", {}, heading, chips);
  let marked = 0;
  let searching = false;
  /** @type {unknown} */
  let drawn = null;
  let likely = "";
  /** @type {Map<string, ReturnType<typeof buildMark>>} */
  const marks = new Map();

  /** @param {string} label_id */
  function markOf(label_id) {
    const mark = marks.get(label_id) ?? buildMark(session, label_id);
    marks.set(label_id, mark);
    return mark;
  }

  function shown() {
    const labels = session.setup?.taxonomy.labels ?? [];
    const likely = session.candidates;
    if (!searching) return likelyFirst(labels, likely).filter((label) => session.keys.has(label.label_id) || likely.includes(label.label_id)).slice(0, MOST_CHIPS);
    return match(labels, box.value, { probs: new Map(session.suggestion ? session.item?.probs : []), recent: session.recent });
  }

  function draw() {
    const labels = shown();
    const { answering } = session;
    const n_columns = columnsOf(session, labels, searching);
    columns.style.columnCount = String(n_columns);
    element.classList.toggle("hitl-merged", answering.merged);
    chips.classList.toggle("hitl-one-column", n_columns === 1);
    chips.classList.toggle("hitl-three-columns", n_columns === 3);
    marks.clear();
    /** @type {string | undefined} */
    let group;
    columns.replaceChildren(...labels.flatMap((label, i) => {
      const key = session.keys.get(label.label_id);
      const likely = !searching && session.candidates.includes(label.label_id);
      const heading = searching || likely || label.group === group ? [] : [h("div", { class: "hitl-group", text: label.group ?? "" })];
      if (heading.length) group = label.group;
      return [...heading, h("button", { class: `hitl-chip${searching && i === marked ? " hitl-marked" : ""}${likely ? " hitl-likely" : ""}`, type: "button", tabindex: "-1",
        "data-label": label.label_id, title: label.definition ? `${label.path}: ${label.definition}` : label.path,
        ...(key ? { "aria-keyshortcuts": key } : {}), ...(answering.many ? { role: "checkbox", "aria-checked": "false" } : {}),
        onclick: () => { leave(); session.choose(label.label_id); },
        onpointerenter: () => session.peek(label.label_id), onpointerleave: () => session.peek(null) },
      key ? cap(key) : h("span", { class: "hitl-cap hitl-nokey" }), answering.merged ? markOf(label.label_id).box : null,
      h("span", { class: "hitl-name", text: searching || likely ? label.path : label.name }), answering.merged && n_columns < 3 ? markOf(label.label_id).track : null,
      answering.merged ? markOf(label.label_id).p : null,
      h("span", { class: "hitl-i", title: `What is ${label.name}?`, "aria-hidden": "true", text: "i",
        onclick: (/** @type {Event} */ event) => { event.stopPropagation(); leave(); session.guide(label.label_id); refocus(); } }))];
    }), ...(searching && !labels.length ? [h("p", { class: "hitl-quiet", text: "No label matches. Esc leaves the search." })] : []));
    chips.classList.toggle("hitl-many", labels.length > 18);
    if (!searching) return;
    setText(title, labels.length < 12 ? `${labels.length} ${labels.length === 1 ? "label matches" : "labels match"}` : "The best 12");
    session.peek(labels[marked]?.label_id ?? null);
  }

  function leave() {
    if (!searching) return;
    searching = false;
    chips.style.minHeight = "";
    box.value = "";
    marked = 0;
    drawn = null;
    session.peek(null);
  }

  box.addEventListener("focus", () => {
    // The height is kept, so that the item above and beside it doesn't move with every letter.
    chips.style.minHeight = `${chips.offsetHeight}px`;
    searching = true;
    marked = 0;
    draw();
  });
  box.addEventListener("input", () => { marked = 0; draw(); });
  // A click on a label must reach it before the search closes under the pointer.
  chips.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("blur", () => { leave(); update(); });
  box.addEventListener("keydown", (event) => {
    const labels = shown();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && labels.length) {
      event.preventDefault();
      marked = (marked + step + labels.length) % labels.length;
      draw();
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
    find.hidden = !setup || (setup.taxonomy.labels.length <= FEW && !searching);
    if (setup && (setup.taxonomy !== drawn || (!searching && likely !== session.candidates.join()))) {
      drawn = setup.taxonomy;
      likely = session.candidates.join();
      setText(title, likely ? "Labels, the likely ones first" : setup.taxonomy.labels.length > MOST_CHIPS
        ? `Labels with a key, of ${setup.taxonomy.labels.length.toLocaleString("en")}` : "Labels");
      draw();
    }
    columns.classList.toggle("hitl-keys-away", session.answering.field !== null);
    heading.hidden = session.answering.merged && find.hidden && !likely && !searching;
    const suggested = session.suggestion?.[0];
    for (const chip of columns.children) {
      const { label } = /** @type {HTMLElement} */ (chip).dataset;
      chip.classList.toggle("hitl-suggested", label !== undefined && label === suggested);
      chip.classList.toggle("hitl-own", label !== undefined && label === session.first?.label_id);
      chip.classList.toggle("hitl-focused", label !== undefined && label === focused?.label_id && !searching);
      if (label !== undefined) marks.get(label)?.update(/** @type {HTMLElement} */ (chip));
    }
  }
  return { element, update, search() {
    find.hidden = !session.setup; // what is typed next is meant for the search, not for the labels' keys
    box.focus({ preventScroll: true });
  } };
}
