// @ts-check
// The controls beside the labels: certainty, flags, note, reason, other actions.

import { actionButton, cap, capOf, h, setAttribute, setText } from "../dom.js";
import { KINDS } from "./regions.js";
import { FLAGS } from "./draft.js";
import { isText } from "../text/item_text.js";

/** @typedef {import("./session.js").CardSession} CardSession */

/** Eleven steps, as on the number row. @param {CardSession} session */
export function buildCertainty(session) {
  const state = h("span", { class: "hitl-quiet" });
  const steps = [..."`1234567890"].map((key, value) => h("button", { class: "hitl-step", type: "button", tabindex: "-1",
    role: "radio", "aria-checked": "false", "aria-label": `certainty ${value} of 10`, title: `⇧ ${key}`,
    "aria-keyshortcuts": `Shift+${key}`, text: value, onclick: () => session.rate(value) }));
  const element = h("section", { class: "hitl-certainty" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-title", text: "How sure are you?" }), state,
      h("span", { class: "hitl-caps" }, cap("⇧"), cap("`"), h("span", { text: "…" }), cap("0"), h("span", { text: "or" }), capOf("less_sure"), capOf("surer"))),
    h("div", { class: "hitl-steps", role: "radiogroup", "aria-label": "Certainty, from a guess (0) to certain (10)" }, ...steps));

  function update() {
    const { asking, annotating } = session;
    // With an object in focus, this is the object's certainty.
    const object = asking ? null : annotating.objects?.current ?? null;
    const certainty = !object ? session.certainty : object.certainty === null ? null : { value: object.certainty, source: "given" };
    steps.forEach((step, value) => {
      step.classList.toggle("hitl-below", certainty !== null && value < certainty.value);
      setAttribute(step, "aria-checked", String(certainty?.value === value));
    });
    element.classList.toggle("hitl-asking", asking !== null);
    element.classList.toggle("hitl-carried", certainty?.source === "carried");
    setText(state, asking ? `${asking.words}: rate it to decide, or press Esc`
      : !certainty ? `not given${object ? ` for this ${session.annotating.noun}` : ""}` : certainty.source === "given" ? `${certainty.value}, for this ${object ? session.annotating.noun : "item"}` : `${certainty.value}, carried over`);
  }
  return { element, update };
}

/** Flags and a note. @param {CardSession} session @param {() => void} refocus */
export function buildFlags(session, refocus) {
  const flags = Object.entries(FLAGS).map(([flag, words]) => {
    const button = actionButton(`flag_${flag}`, words, () => session.toggleFlag(flag));
    button.classList.add("hitl-flag");
    return { flag, button };
  });
  const note = h("input", { class: "hitl-note", type: "text", maxlength: "10000", "aria-label": "Note on this item",
    placeholder: "Note", autocomplete: "off" });
  const field = h("label", { class: "hitl-note-field" }, capOf("note"), note);
  note.addEventListener("input", () => session.write(note.value));
  note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); refocus(); }
  });
  const element = h("section", { class: "hitl-flags", role: "group", "aria-label": "Flags and note" },
    ...flags.map(({ button }) => button), field);

  function update() {
    for (const { flag, button } of flags) setAttribute(button, "aria-pressed", String(session.draft.flags.has(flag)));
    if (note.value !== session.draft.note) note.value = session.draft.note;
  }
  return { element, update, write: () => note.focus({ preventScroll: true }) };
}

const QUOTES = 3; // of what is marked in a text
const QUOTED = 24; // characters of each

/** The marked words of a text, quoted. @param {import("../text/item_text.js").ItemText} text @param {[number, number][]} spans */
function quotesOf(text, spans) {
  const quotes = spans.slice(0, QUOTES).map(([start, end]) => `“${text.slice(start, Math.min(end, start + QUOTED))}${end > start + QUOTED ? "…" : ""}”`);
  return quotes.join(", ") + (spans.length > QUOTES ? ` and ${spans.length - QUOTES} more` : "");
}

/** The controls that judge the reason that the map shows. @param {CardSession} session */
export function buildReason(session) {
  const right = actionButton("right_reason", "Right reason", () => session.judge("right"));
  const wrong = actionButton("wrong_reason", "Wrong reason", () => session.judge("wrong"));
  const brush = actionButton("brush", "Mark where", () => session.nextBrush());
  const parts = h("button", { class: "hitl-key-button", type: "button", tabindex: "-1", title: "Mark whole parts of the item",
    "aria-keyshortcuts": "p", onclick: () => session.nextTool() }, cap("p"), h("span", { text: "Parts" }));
  const said = h("span");
  // A press here must not reach the item below.
  const words = h("div", { class: "hitl-revising hitl-brush-words", hidden: true, onpointerdown: (/** @type {Event} */ event) => event.stopPropagation() },
    said, parts);
  const element = h("div", { class: "hitl-reason", role: "group", "aria-label": "The reason" }, right, wrong, brush);

  function update() {
    const { marks, item, brush: { kind: tool, erasing, in_parts, words: in_words } } = session;
    element.hidden = !session.display.methods.length || (session.answering.alone && !item?.target);
    element.classList.toggle("hitl-nothing", !item || item.blind || Boolean(item.broken) || !(item.target ?? item.suggestion ?? session.answering.target));
    setAttribute(right, "aria-pressed", String(marks?.reason === "right"));
    setAttribute(wrong, "aria-pressed", String(marks?.reason === "wrong"));
    setAttribute(brush, "aria-pressed", String(tool !== null));
    const text = isText(item?.picture) ? item.picture : null;
    parts.hidden = tool === null || text !== null;
    setAttribute(parts, "aria-pressed", String(in_parts));
    const marked = KINDS.filter((kind) => marks?.regions?.count(kind)).map((kind) => `${kind}: ${text ? quotesOf(text, marks?.regions?.spans(kind) ?? []) : `${marks?.regions?.count(kind).toLocaleString("en")} px`}`);
    words.hidden = !tool && !marked.length;
    words.parentElement?.classList.toggle("hitl-has-bottom", !words.hidden);
    const how = in_words ? "Space marks · ⇧ arrows more · . next strongest · E erases" : !in_parts ? "mouse, or arrows and Space · E erases · [ ] size"
      : item?.parts ? "click, or arrows and Space · E erases" : "the parts are on their way …";
    setText(said, tool ? `${erasing ? "Erase" : tool === "wrong" ? "What should not count" : "What should count"}: ${how}` : `Marked as ${marked.join(", ")}`);
  }
  return { element, words, update };
}

/** Buttons for the actions other than choosing a label. @param {CardSession} session */
export function buildActions(session) {
  const guess = actionButton("guess", "Guess", () => session.guess());
  guess.title = "Unsure, with a best guess";
  const flag = actionButton("flag", "Flag", () => session.flag());
  flag.title = "Flag the item (as bad data, unless another flag is on) and go on";
  const element = h("div", { class: "hitl-actions" },
    actionButton("unsure", "Unsure", () => session.unsure()), guess, actionButton("skip", "Skip", () => session.skip()),
    flag,
    actionButton("undo", "Undo", () => session.undo()));
  return { element, update() { setAttribute(guess, "aria-pressed", String(session.guessing)); } };
}
