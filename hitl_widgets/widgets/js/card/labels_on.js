// @ts-check
// The mark, the bar and the probability beside a label, in tasks whose answer is more than one label.

import { h, setAttribute, setText } from "../dom.js";
import { percent } from "./panel.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("../types.d.ts").Label} Label */

const ONE_COLUMN = 10; // labels that fit below each other
const BESIDE_VALUES = 5; // and with attributes below them
const TWO_COLUMNS = 14; // labels with a bar beside each
const LINES = 12; // labels and headings that fit in two columns of a low window
const SHORT = 16; // characters that can be read in a third of the panel

/** In how many columns labels are listed. @param {CardSession} session @param {Label[]} labels @param {boolean} searching */
export function columnsOf({ answering }, labels, searching) {
  const n = labels.length + new Set(labels.flatMap((label) => label.group ?? [])).size;
  if (answering.merged && !searching && n <= (answering.most ? BESIDE_VALUES : ONE_COLUMN)) return 1;
  if (searching) return 2;
  const wide = answering.merged || labels.some(({ name }) => name.length > SHORT);
  return wide ? (labels.length <= TWO_COLUMNS ? 2 : 3) : n <= LINES ? 2 : 3;
}

/** A label's state in words. @param {boolean} on @param {string | null} by */
function words(on, by) {
  if (by === "hand") return on ? "turned on" : "turned off";
  if (by === "before") return on ? "on, as you answered" : "off, as you answered";
  return on ? "on, suggested" : "off, not touched";
}

/** The mark, the bar and the probability of a label. @param {CardSession} session @param {string} label_id */
export function buildMark(session, label_id) {
  const box = h("span", { class: "hitl-check", "aria-hidden": "true" });
  const fill = h("span", { class: "hitl-fill" });
  const track = h("span", { class: "hitl-track", "aria-hidden": "true" }, fill);
  const p = h("span", { class: "hitl-p" });

  /** @param {HTMLElement} chip */
  function update(chip) {
    const { answering, item, pointed, focused, suggestion } = session;
    const { many, proposed } = answering;
    const { on, by } = many ? answering.state(label_id)
      : { on: focused?.label_id === label_id, by: pointed === label_id ? "hand" : "model" };
    const share = proposed || (!many && suggestion) ? item?.probs.find(([id]) => id === label_id)?.[1] : undefined;
    const suggested = many ? Boolean(proposed?.has(label_id)) : suggestion?.[0] === label_id;
    box.classList.toggle("hitl-round", !many);
    setAttribute(chip, "data-on", String(on));
    setAttribute(chip, "data-by", by);
    chip.classList.toggle("hitl-suggested", suggested);
    setText(box, on ? (many ? "✓" : "●") : many && by === "hand" ? "×" : "");
    track.classList.toggle("hitl-unknown", share === undefined);
    fill.style.width = `${100 * (share ?? 0)}%`;
    setText(p, share === undefined ? "" : percent(share));
    const name = session.labels.get(label_id)?.name ?? label_id;
    const state = many ? words(on, by) : on ? "chosen" : "";
    setAttribute(chip, "aria-label", [name, share !== undefined && percent(share), state, many && by === "hand" && suggested && "suggested"].filter(Boolean).join(", "));
    setAttribute(chip, many ? "aria-checked" : "aria-pressed", String(on));
    if (many) box.title = words(on, by);
  }
  return { box, track, p, update };
}
