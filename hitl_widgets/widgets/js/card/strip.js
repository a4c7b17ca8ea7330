// @ts-check
// The last decisions: thumbnails in a row, the newest at the right; a click revises one.

import { capOf, h, inOrder, setAttribute, setText } from "../dom.js";
import { beginningOf, drawSmall } from "../pictures.js";
import { isText, ItemText } from "../text/item_text.js";
import { isHidden } from "./queue.js";
import { flagName } from "./draft.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("./types.d.ts").Past} Past */

const SHOWN = 16;
const SIDE = 44;
const SIGNS = { accept: "✓", correct: "✎", answer: "●", unsure: "?", skip: "↷" };

/** @param {CardSession} session */
export function buildStrip(session) {
  const row = h("div", { class: "hitl-past", role: "list" });
  const hint = h("span", { class: "hitl-strip-keys", "aria-hidden": "true" }, capOf("earlier"), capOf("later"));
  const empty = h("span", { class: "hitl-quiet", text: "Your last decisions appear here; click one to revise it." });
  const strip = h("nav", { class: "hitl-strip", "aria-label": "Last decisions" }, hint, empty, row);
  /** @type {Map<Past, {entry: HTMLElement, canvas: HTMLCanvasElement, caption: HTMLElement, said: HTMLElement, drawn: unknown}>} */
  let entries = new Map();

  /** @param {Past} past */
  function build(past) {
    const canvas = h("canvas", { class: "hitl-thumb", width: SIDE, height: SIDE, "aria-hidden": "true" });
    const caption = h("span", { class: "hitl-caption" });
    const said = h("span", { class: "hitl-caption hitl-model-said" });
    const button = h("button", { class: "hitl-past-item", type: "button", tabindex: "-1", onclick: () => session.revise(past) },
      canvas, h("span", { class: `hitl-sign-${past.verdict}`, "aria-hidden": "true", text: SIGNS[past.verdict] }), caption, said);
    return { entry: h("div", { role: "listitem" }, button), canvas, caption, said, drawn: null };
  }

  function update() {
    const past = session.queue.past.slice(-SHOWN);
    strip.hidden = !session.setup;
    empty.hidden = past.length > 0;
    hint.hidden = !past.length;
    const before = entries;
    entries = new Map(past.map((one) => [one, before.get(one) ?? build(one)]));
    for (const [one, parts] of entries) {
      if (!one.thumb && isText(one.item?.picture)) one.thumb = new ItemText(beginningOf(one.item.picture));
      if (!one.thumb && one.item?.picture) {
        // Drawn small once: the picture itself is released after a while.
        drawSmall(parts.canvas, one.item.picture);
        one.thumb = parts.canvas;
        parts.drawn = one.thumb;
      } else if (one.thumb && parts.drawn !== one.thumb) {
        if (one.thumb !== parts.canvas) drawSmall(parts.canvas, one.thumb);
        parts.drawn = one.thumb;
      }
      const answer = session.wordsOf(one);
      setText(parts.caption, answer);
      // The model's suggestion for a blind item is shown afterwards.
      const model = one.hidden && !isHidden(one) && one.suggestion ? session.labels.get(one.suggestion)?.name : undefined;
      setText(parts.said, model ? `model: ${model}` : "");
      parts.said.classList.toggle("hitl-differs", Boolean(model) && one.suggestion !== one.label_id);
      const words = [`${one.item_id}: ${answer}`, model && `the model said ${model}`, one.certainty !== null && `certainty ${one.certainty}`,
        ...one.flags.map(flagName), one.note && `“${one.note}”`].filter(Boolean).join(", ");
      const button = /** @type {HTMLElement} */ (parts.entry.firstChild);
      setAttribute(button, "title", words);
      setAttribute(button, "aria-label", `Revise ${words}`);
      setAttribute(button, "aria-current", session.revising?.past === one ? "true" : null);
    }
    // A thumbnail is drawn before it is on the page: a browser would lay out the page first.
    inOrder(row, [...entries.values()].map(({ entry }) => entry));
  }
  return { strip, update };
}
