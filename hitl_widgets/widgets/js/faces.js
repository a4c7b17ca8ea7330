// @ts-check
// What lies over the card when there is nothing to decide, or when the keys are asked for?

import { cap, h, setText } from "./dom.js";

/** @typedef {import("./session.js").Session} Session */

/** @type {Record<string, [string, string, string]>} */
const FACES = {
  start: ["…", "Waiting for the kernel", "The card opens as soon as the kernel answers."],
  name: ["✎", "Who is labelling?", "Decisions carry your name, so that people can be told apart later."],
  closed: ["✓", "This card is closed", ""],
  fetch: ["…", "The item is being fetched again", ""],
  wait: ["…", "The next items are on their way", ""],
  empty: ["✓", "Nothing left to ask", "Every item of this queue has your answer. Train on them in a cell below, or undo the last one with z."],
  enough: ["✓", "That's what you asked for", "This review is complete. Train on the answers in a cell below, or undo the last one with z."],
};

/** What stands in the card's place when there is nothing to decide. @param {Session} session @param {() => void} refocus */
export function buildFace(session, refocus) {
  const sign = h("div", { class: "hitl-sign", "aria-hidden": "true" });
  const title = h("h3", { class: "hitl-face-title" });
  const words = h("p", { class: "hitl-face-words", role: "status" });
  const box = h("input", { class: "hitl-name-box", type: "text", maxlength: "200", "aria-label": "Your name", placeholder: "Your name" });
  const form = h("form", { class: "hitl-name-form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!box.value.trim()) return box.focus();
    session.name(box.value.trim());
    refocus();
  } }, box, h("button", { class: "hitl-primary", type: "submit", text: "Start" }),
  h("button", { class: "hitl-key-button", type: "button", text: "Go on without", onclick: () => { session.name(null); refocus(); } }));
  const face = h("div", { class: "hitl-face" }, sign, title, words, form);

  function update() {
    const kind = session.face;
    face.hidden = kind === null;
    form.hidden = kind !== "name";
    if (kind === null) return;
    const [symbol, head, text] = FACES[kind];
    setText(sign, symbol);
    setText(title, head);
    const s = Math.round(session.waited_ms / 1000);
    setText(words, session.gone && kind !== "closed" && kind !== "name" ? "The kernel was restarted or has died. Run the cell again: what you decided is kept."
      : kind === "closed" ? `${session.closed} What you decided here is kept.`
      : kind === "wait" && session.problem ? session.problem
        : ["wait", "start", "fetch"].includes(kind) && s >= 3
          ? `The kernel hasn't answered for ${s} s: it may be running a cell. What you decided is kept; the card goes on when it answers.` : text);
    face.classList.toggle("hitl-calm", ["wait", "start", "fetch"].includes(kind));
  }
  return { face, update };
}

/** @type {[string[], string][]} */
const LABEL_KEYS = [[["1", "…", "0", "letters"], "choose the label with that key"],
  [["Shift", "`", "1", "…", "9", "0"], "how sure you are: 0, 1 … 9, 10"]];

/** @param {{setup: {keys: import("./types.d.ts").KeyTable} | null}} session @param {() => void} onClose
 * @param {[string[], string][]} first what keys do that aren't in the table */
export function buildHelp(session, onClose, first = LABEL_KEYS) {
  const list = h("dl", {});
  const help = h("div", { class: "hitl-help", hidden: true, role: "dialog", "aria-label": "Keys" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-face-title", text: "Keys" }),
      h("button", { class: "hitl-key-button", type: "button", onclick: onClose }, cap("Escape"), h("span", { text: "Close" }))), list);
  /** @type {unknown} */
  let drawn = null;

  function update() {
    const { setup } = session;
    if (!setup || setup.keys === drawn) return;
    drawn = setup.keys;
    /** @type {[string[], string][]} */
    const rows = [...first, ...Object.values(setup.keys), [["Escape"], "close what is open, or leave the card"]];
    list.replaceChildren(...rows.filter(([keys]) => keys.length).map(([keys, words]) => h("div", {},
      h("dt", {}, ...keys.map((key) => (key === "…" || key === "letters" ? h("span", { text: key }) : cap(key)))),
      h("dd", { text: words }))));
  }
  return { help, update };
}
