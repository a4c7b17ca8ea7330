// @ts-check
// A text on the card's stage, in letters of a readable size, with the saliency map as a tint behind its words.

import { KINDS } from "../card/regions.js";
import { h, setAttribute, setText } from "../dom.js";
import { isText } from "../text/item_text.js";
import { alphaOf, strongest, tintOf } from "../text/tint.js";
import { drawBoxes, TextView } from "../text/view.js";

/** @typedef {import("../card/session.js").CardSession} CardSession */
/** @typedef {import("../text/item_text.js").ItemText} ItemText */
/** @typedef {import("../text/marking.js").Marking} Marking */

const LARGEST = 3;
const SMALLEST = 0.6;
const PADDING = 48; // of the page, both sides together
const LISTED = 14; // words beside the text
const ASIDE = 172; // pixels that their list takes

/** @param {CardSession} session */
export function buildReader(session) {
  const view = new TextView(() => { for (const redraw of layers) redraw(); });
  /** Functions that redraw the layers over and below the text when it has moved. @type {(() => void)[]} */
  const layers = [];
  let room = { width: 0, height: 0 };
  /** Enlargement of the letters; kept for the next texts. */
  let times = 1;
  const marks = { wrong: h("div"), missing: h("div"), in_hand: h("div") };
  let marked = "";
  layers.push(() => { marked = ""; drawMarks(); });
  view.over.append(...Object.values(marks));
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
    view.show(shown, { ...setting, size: Math.round(setting.size * times * 2) / 2 }, item?.before ?? [], tintOf(saliency));
    view.lines.classList.toggle("hitl-only", mode === "hot" && Boolean(saliency));
    view.lines.classList.toggle("hitl-untinted", beside);
    element.style.setProperty("--hitl-strength", alphaOf(opacity).toFixed(2));
    if (beside) words.update(shown, saliency);
    drawMarks();
    if (another) {
      setAttribute(view.element, "aria-label", `Item ${item?.item_id}, ${shown.n.toLocaleString("en")} characters`);
      session.painted();
    }
  }

  /** Draws the marked words and the active ones. */
  function drawMarks() {
    const { brush } = session;
    const regions = session.marks?.regions;
    const shown = text();
    const fits = shown !== null && shown === view.text && regions?.width === shown.n;
    const in_hand = fits && brush.kind && brush.words?.text === shown ? brush.words.range : null;
    const state = `${fits ? `${regions.number} ${regions.version}` : ""} ${in_hand} ${brush.erasing}`;
    if (state === marked) return;
    marked = state;
    for (const kind of KINDS) {
      drawBoxes(marks[kind], fits ? regions.spans(kind).flatMap(([start, end]) => view.rects(start, end)) : [], `hitl-text-mark hitl-text-${kind}`);
    }
    drawBoxes(marks.in_hand, in_hand ? view.rects(...in_hand) : [], `hitl-text-in-hand${brush.erasing ? " hitl-erasing" : ""}`);
  }

  /** Goes to other words by a key. @param {Marking} words @param {string} key @param {boolean} extend @returns {boolean} whether it is one of these */
  function lead(words, key, extend) {
    const across = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const down = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (across) words.step(/** @type {1 | -1} */ (view.directionAt(words.at[0]) === "rtl" ? -across : across), extend);
    else if (down) words.to(wordBelow(words, /** @type {1 | -1} */ (down)), extend);
    else if ((key === "," || key === ".") && !extend) words.stronger(key === "." ? 1 : -1, tintOf(session.saliency));
    else return false;
    view.reveal(...words.at);
    session.withBrush(() => {});
    return true;
  }

  /** Goes to the word a line below the active one, or above it. @param {Marking} words @param {1 | -1} by */
  function wordBelow(words, by) {
    view.reveal(...words.at);
    const { left, top } = view.page.getBoundingClientRect();
    const rects = view.rects(...words.at);
    const rect = by > 0 ? rects[rects.length - 1] : rects[0];
    if (!rect) return null;
    for (let lines = 1; lines <= 3; lines++) { // over a blank line too
      const y = top + rect.top + rect.height / 2 + by * lines * 1.3 * rect.height;
      const character = view.characterAt(left + rect.left + rect.width / 2, y);
      const word = character === null ? null : words.wordAt(character) ?? words.text.units.wordBefore(character) ?? words.text.units.wordAfter(character);
      if (word && (by > 0 ? word[0] >= words.at[1] : word[1] <= words.at[0])) return word;
    }
    return null;
  }

  // With the mouse: a click marks a word, dragging marks all words on the way.
  view.element.addEventListener("pointerdown", (event) => {
    const { brush } = session;
    const { words: tool } = brush;
    if (event.button !== 0 || !brush.kind || !tool) return;
    const at = (/** @type {PointerEvent} */ e) => { const character = view.characterAt(e.clientX, e.clientY); return character === null ? null : tool.wordAt(character); };
    const first = at(event);
    if (!first) return;
    event.preventDefault();
    view.element.setPointerCapture(event.pointerId);
    session.withBrush(() => tool.to(first));
    const drag = (/** @type {PointerEvent} */ e) => { const word = at(e); if (word) session.withBrush(() => tool.to(word, true)); };
    view.element.addEventListener("pointermove", drag);
    view.element.addEventListener("lostpointercapture", () => {
      view.element.removeEventListener("pointermove", drag);
      session.withBrush((brush, item, draft) => brush.press(item, draft));
    }, { once: true });
  });

  /** @param {{width: number, height: number}} now */
  function resize(now) {
    room = now;
    update();
    view.resized();
  }

  return {
    element, view, update, resize, text, lead,
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
