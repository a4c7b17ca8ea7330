// @ts-check
// The page in the card's place when there is nothing to decide.

import { cap, h, setText } from "../dom.js";

/** @typedef {import("./session.js").CardSession} CardSession */

/** @type {Record<string, [string, string, string]>} */
const FACES = {
  start: ["…", "Waiting for the kernel", "The card opens as soon as the kernel answers."],
  name: ["✎", "Who is labelling?", "Decisions carry your name, so that people can be told apart later."],
  consent: ["?", "Before you begin", ""],
  closed: ["✓", "This card is closed", ""],
  fetch: ["…", "Fetching the item again", ""],
  wait: ["…", "The next items are on their way", ""],
  empty: ["✓", "Nothing left to label", "Every item of this queue has your answer. Train on them in a cell below, or undo the last one with z."],
  enough: ["✓", "All done", "You have answered as many items as this review asked for. Train on the answers in a cell below, or undo the last one with z."],
};

/** Builds the page in the card's place. @param {CardSession} session @param {() => void} refocus */
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
  h("button", { class: "hitl-key-button", type: "button", text: "Go on without a name", onclick: () => { session.name(null); refocus(); } }));
  /** @param {boolean} yes */
  const answer = (yes) => { session.people.consent(yes); refocus(); };
  const consent = h("div", { class: "hitl-name-form" },
    h("button", { class: "hitl-primary", type: "button", onclick: () => answer(true) }, cap("y"), document.createTextNode(" Yes, I take part")),
    h("button", { class: "hitl-key-button", type: "button", onclick: () => answer(false) }, cap("n"), h("span", { text: "No: all suggestions as the model makes them" })));
  const face = h("div", { class: "hitl-face" }, sign, title, words, form, consent);

  function update() {
    const kind = session.face;
    face.hidden = kind === null;
    form.hidden = kind !== "name";
    consent.hidden = kind !== "consent";
    if (kind === null) return;
    const [symbol, head, text] = FACES[kind];
    setText(sign, symbol);
    setText(title, head);
    const s = Math.round(session.waited_ms / 1000);
    setText(words, session.gone && kind !== "closed" && kind !== "name" ? `The kernel was restarted or has died. Run the notebook from the top: ${
      session.pending ? `${session.pending === 1 ? "1 decision waits" : `${session.pending} decisions wait`} here and will be stored then.` : "all your decisions are stored."}`
      : kind === "consent" ? session.people.question?.text ?? ""
      : kind === "closed" ? `${session.closed} ${session.pending ? `${session.pending === 1 ? "1 decision waits" : `${session.pending} decisions wait`} to be stored.` : "All your decisions here are stored."}`
      : kind === "wait" && session.trouble ? session.trouble
        : ["wait", "start", "fetch"].includes(kind) && s >= 3
          ? `The kernel hasn't answered for ${s} s: it may be running a cell. Your decisions are kept; the card goes on when it answers.` : text);
    face.classList.toggle("hitl-calm", ["wait", "start", "fetch"].includes(kind));
  }
  return { face, update };
}
