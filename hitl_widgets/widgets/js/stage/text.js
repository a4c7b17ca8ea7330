// @ts-check
// A text on the card's stage: as large as it reads well, with the words that count behind its letters.

import { h, setAttribute, setText } from "../dom.js";
import { isText } from "../text/item_text.js";
import { alphaOf, strongest, tintOf } from "../text/tint.js";
import { TextView } from "../text/view.js";

/** @typedef {import("../card/session.js").CardSession} CardSession */
/** @typedef {import("../text/item_text.js").ItemText} ItemText */

const LARGEST = 3;
const SMALLEST = 0.6;
const PADDING = 48; // of the page, both sides together
const LISTED = 14; // words beside the text
const ASIDE = 172; // pixels that their list takes

/** @param {CardSession} session */
export function buildReader(session) {
  const view = new TextView(() => { for (const redraw of layers) redraw(); });
  /** What draws over the text or below it, when the text has moved. @type {(() => void)[]} */
  const layers = [];
  let room = { width: 0, height: 0 };
  /** How much larger than it would be: it stays so for the texts that follow. */
  let times = 1;
  const words = buildWords((start, end) => view.reveal(start, end));
  const element = h("div", { class: "hitl-text" }, view.element, words.element);
  setAttribute(view.element, "role", "document");

  /** The text on the stage. @returns {ItemText | null} */
  const text = () => (isText(session.item?.picture) ? session.item.picture : null);

  function update() {
    const shown = text();
    const { item } = session;
    element.hidden = !shown || Boolean(item?.broken);
    if (!shown || !room.width) return;
    const another = shown !== view.text;
    const { saliency, display: { mode, opacity } } = session;
    const beside = mode === "side_by_side" && Boolean(saliency);
    words.element.hidden = !beside;
    const setting = shown.setting({ width: room.width - PADDING - (beside ? ASIDE : 0), height: room.height - PADDING });
    view.show(shown, { ...setting, size: Math.round(setting.size * times * 2) / 2 }, item?.before ?? []);
    view.tint(tintOf(saliency));
    view.lines.classList.toggle("hitl-only", mode === "hot" && Boolean(saliency));
    view.lines.classList.toggle("hitl-untinted", beside);
    element.style.setProperty("--hitl-strength", alphaOf(opacity).toFixed(2));
    if (beside) words.update(shown, saliency);
    if (another) {
      setAttribute(view.element, "aria-label", `Item ${item?.item_id}, ${shown.n.toLocaleString("en")} characters`);
      session.painted();
    }
  }

  /** @param {{width: number, height: number}} now */
  function resize(now) {
    room = now;
    update();
    view.resized();
  }

  return {
    element, view, update, resize, text,
    get times() { return times; },
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
    over: (redraw) => { layers.push(redraw); },
  };
}

/** The words that count most, beside the text. @param {(start: number, end: number) => void} reveal */
function buildWords(reveal) {
  const list = h("ol", { class: "hitl-counted" });
  const element = h("aside", { class: "hitl-words", hidden: true, "aria-label": "The words that count most" }, list);
  /** @type {unknown} */
  let drawn = null;

  /** @param {ItemText} text @param {import("../card/types.d.ts").Saliency | null} map */
  function update(text, map) {
    if (map === drawn) return;
    drawn = map;
    const counted = strongest(text, tintOf(map), LISTED);
    const most = Math.max(1, ...counted.map(({ weight }) => Math.abs(weight)));
    list.classList.toggle("hitl-signed", Boolean(map?.signed));
    list.replaceChildren(...counted.map(({ word, n, weight, start, end }) => {
      const name = h("bdi", { class: "hitl-name" });
      setText(name, word);
      return h("li", { title: `${word}${n > 1 ? `, ${n} times` : ""}: speaks ${weight > 0 ? "for" : "against"} the label`, onclick: () => reveal(start, end) },
        name, n > 1 ? h("span", { class: "hitl-quiet", text: `× ${n}` }) : null,
        h("span", { class: `hitl-weight ${weight > 0 ? "hitl-for" : "hitl-counts-against"}`, style: `--t:${(Math.abs(weight) / most).toFixed(3)}` }));
    }));
  }
  return { element, update };
}
