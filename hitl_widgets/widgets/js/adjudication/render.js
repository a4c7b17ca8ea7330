// @ts-check
// The adjudication on the page: builds DOM, wires events, returns a cleanup.

import { flagName } from "../card/draft.js";
import { cap, capOf, h, nameKeys, setAttribute, setText } from "../dom.js";
import { buildHelp } from "../help.js";
import { pressed } from "../keys.js";
import { match } from "../labels.js";
import { handBack, keepKeys } from "../notebook.js";
import { sizeOf } from "../pictures.js";
import { isText } from "../text/item_text.js";
import { TextView } from "../text/view.js";
import { inWords } from "./session.js";

const PADDING = 48; // around a text, both sides together

/** @typedef {import("./session.js").AdjudicationSession} AdjudicationSession */
/** @typedef {import("../types.d.ts").Label} Label */

const MOST_LABELS = 30;
const FEW = 10; // labels that need no search
/** @type {Record<string, [string, string, string]>} */
const FACES = { start: ["…", "Waiting for the kernel", "The adjudication opens as soon as the kernel answers."], closed: ["✓", "This adjudication is closed", ""],
  wait: ["…", "The next item is on its way", ""], end: ["✓", "Nothing left to adjudicate", "No item has competing answers that wait for a verdict."] };

/** @param {HTMLElement} el @param {AdjudicationSession} session @returns {() => void} */
export function render(el, session) {
  const refocus = () => root.focus({ preventScroll: true });
  const picture = buildPicture(session);
  const answers = h("div", { class: "hitl-answers", role: "list", "aria-label": "The answers, without names" });
  const labels = buildLabels(session, refocus);
  const causes = buildCauses(session);
  const note = h("input", { class: "hitl-note", type: "text", maxlength: "10000", "aria-label": "Note on the verdict", placeholder: "Note", autocomplete: "off",
    oninput: (/** @type {any} */ event) => session.write(event.target.value) });
  note.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    refocus();
    session.store();
  });
  const store = h("button", { class: "hitl-primary hitl-store", type: "button", onclick: () => { session.store(); refocus(); } }, capOf("store"), document.createTextNode(" Store"));
  const undo = h("button", { class: "hitl-key-button", type: "button", onclick: () => { session.undo(); refocus(); } }, capOf("undo"), h("span", { text: "Undo" }));
  const progress = h("span", { class: "hitl-done", role: "status" });
  const pending = h("span", { class: "hitl-pending", role: "status" });
  const who = h("span", { class: "hitl-quiet" });
  const header = h("div", { class: "hitl-header" }, h("h3", { class: "hitl-title", text: "Adjudication" }), h("span", { class: "hitl-progress" }, progress, pending),
    h("span", { class: "hitl-about" }, who, h("button", { class: "hitl-key-button", type: "button", title: "All keys", onclick: () => help.toggle() }, capOf("help"), h("span", { text: "Keys" }))));
  const help = buildHelp(session, { refocus, first: [[["1", "…", "0", "letters"], "the label with that key; then 1 to 5 are the causes"]] });
  const face = h("div", { class: "hitl-face", hidden: true }, h("div", { class: "hitl-sign", "aria-hidden": "true" }), h("h3", { class: "hitl-face-title" }), h("p", { class: "hitl-face-words", role: "status" }));
  const notice = h("span", { class: "hitl-notice", role: "status" });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const body = h("div", { class: "hitl-body hitl-adjudication-body" }, picture.element,
    h("div", { class: "hitl-panel" }, h("section", {}, h("h3", { class: "hitl-title", text: "The answers" }), answers), labels.element, causes.element,
      h("div", { class: "hitl-row" }, h("label", { class: "hitl-note-field" }, capOf("note"), note), undo, store)), face, help.help);
  const root = h("div", { class: "hitl-card hitl-adjudication", tabindex: "0", role: "region", "aria-label": "Adjudication", "data-lm-suppress-shortcuts": "true", "data-item": "", "data-pending": "0" },
    header, body, h("div", { class: "hitl-footer" }, notice), live);

  /** @type {Record<string, () => void>} */
  const actions = { store: () => session.store(), undecided: () => session.choose(null), note: () => note.focus({ preventScroll: true }), search: () => labels.search(),
    undo: () => session.undo(), help: () => help.toggle() };

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") {
      event.preventDefault();
      if (!help.help.hidden) return help.toggle(false);
      if (target.closest("input")) return refocus();
      return session.escape() ? undefined : handBack(root);
    }
    if (!help.help.hidden) { if (event.key === "?") help.toggle(false); return; }
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
    // A key applies to the case on the screen, not to one that came after the last frame.
    const { item } = root.dataset;
    if (frame) update();
    if (root.dataset.item === item) onKey(event);
    else event.preventDefault();
  });
  root.addEventListener("click", (event) => {
    if (!(/** @type {HTMLElement} */ (event.target)).closest("input, a, button")) refocus();
  });

  /** @type {unknown} */
  let drawn = null;
  /** @type {unknown} */
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
      setText(/** @type {Node} */ (face.children[0]), sign);
      setText(/** @type {Node} */ (face.children[1]), head);
      setText(/** @type {Node} */ (face.children[2]), kind === "closed" ? session.closed ?? "" : kind === "end" ? session.progress?.done ?? text : session.trouble ?? text);
      face.classList.toggle("hitl-calm", kind === "start" || kind === "wait");
    }
    const waits = session.gone ? "The kernel was restarted or has died. Run the notebook from the top: your verdicts are kept."
      : session.waited_ms > 5000 && session.pending ? `The kernel hasn't answered for ${Math.round(session.waited_ms / 1000)} s. Your verdicts are kept and sent again.` : session.trouble;
    setText(notice, waits ?? session.notice?.text ?? session.progress?.done ?? "");
    notice.classList.toggle("hitl-bad", Boolean(waits || session.notice?.bad));
  }

  const stop = session.subscribe((at_once) => {
    if (at_once) update();
    else frame ||= requestAnimationFrame(update);
  });
  el.append(root);
  update();
  return () => { stop(); cancelAnimationFrame(frame); root.remove(); };
}

/** @param {import("./types.d.ts").CompetingAnswer} answer */
function answerOf({ letter, label, certainty, note, reason, flags }) {
  const more = [certainty !== null && `certainty ${certainty}`, reason && `the map's reason: ${reason}`, ...flags.map(flagName)].filter(Boolean).join(" · ");
  return h("div", { class: "hitl-answer", role: "listitem" }, h("span", { class: "hitl-letter", text: letter }),
    h("div", {}, h("p", {}, h("b", { text: label ?? "unsure" }), document.createTextNode(more ? ` ${more}` : "")), ...(note ? [h("p", { class: "hitl-said", text: note })] : [])));
}

/** @param {AdjudicationSession} session */
function buildPicture(session) {
  const canvas = h("canvas", { class: "hitl-image", role: "img" });
  const broken = h("p", { class: "hitl-quiet", role: "note" });
  const facts = h("p", { class: "hitl-facts" });
  const reader = new TextView();
  const stage = h("div", { class: "hitl-stage" }, canvas, reader.element, broken);
  const element = h("div", { class: "hitl-left" }, stage, h("div", { class: "hitl-about-item" }, facts));
  /** @type {unknown} */
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
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(item.picture, 0, 0);
  } };
}

/** The labels, with those that were answered at the top, and a search. @param {AdjudicationSession} session @param {() => void} refocus */
function buildLabels(session, refocus) {
  const box = h("input", { class: "hitl-search", type: "search", placeholder: "Search labels", "aria-label": "Search labels", autocomplete: "off", spellcheck: "false" });
  const find = h("label", { class: "hitl-find" }, capOf("search"), box);
  const columns = h("div", { class: "hitl-columns" });
  const none = h("button", { class: "hitl-key-button", type: "button", tabindex: "-1", onclick: () => { session.choose(null); refocus(); } }, capOf("undecided"), h("span", { text: "None: the answers stay" }));
  const element = h("section", {}, h("div", { class: "hitl-row" }, h("h3", { class: "hitl-title", text: "What is it?" }), none, find), h("div", { class: "hitl-chips", role: "group", "aria-label": "Labels" }, columns));
  let drawn = "";
  /** @returns {Label[]} */
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
        return h("button", { class: `hitl-chip${likely.has(label.label_id) ? " hitl-likely" : ""}`, type: "button", tabindex: "-1", "data-label": label.label_id,
          title: label.definition ? `${label.path}: ${label.definition}` : label.path, ...(key ? { "aria-keyshortcuts": key } : {}),
          onclick: () => { box.value = ""; session.choose(label.label_id); refocus(); } }, key ? cap(key) : h("span", { class: "hitl-cap hitl-nokey" }), h("span", { class: "hitl-name", text: label.name }));
      }));
    }
    columns.classList.toggle("hitl-judging", session.chosen !== null); // digits choose a cause now
    for (const chip of columns.children) setAttribute(chip, "aria-pressed", String(session.chosen?.label_id === /** @type {HTMLElement} */ (chip).dataset.label));
  }
  return { element, update, search() { find.hidden = false; box.focus({ preventScroll: true }); } };
}

/** @param {AdjudicationSession} session */
function buildCauses(session) {
  const list = h("div", { class: "hitl-causes", role: "radiogroup", "aria-label": "Why did the answers differ?" });
  const element = h("section", {}, h("h3", { class: "hitl-title", text: "Why did the answers differ?" }), list);
  return { element, update() {
    const { setup, chosen, cause } = session;
    if (setup && list.children.length !== setup.causes.length) {
      list.replaceChildren(...setup.causes.map(([name, words], i) => h("button", { class: "hitl-chip hitl-cause", type: "button", role: "radio", tabindex: "-1", "data-cause": name, "aria-keyshortcuts": String(i + 1),
        onclick: () => session.because(name) }, cap(String(i + 1)), h("span", { class: "hitl-name", text: words }))));
    }
    element.classList.toggle("hitl-off", !chosen);
    for (const button of list.children) setAttribute(button, "aria-checked", String(cause === /** @type {HTMLElement} */ (button).dataset.cause));
  } };
}
