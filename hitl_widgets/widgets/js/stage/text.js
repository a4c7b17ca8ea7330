// @ts-check
// A text on the card's stage: as large as it reads well, with the words that count behind its letters.

import { setAttribute } from "../dom.js";
import { isText } from "../text/item_text.js";
import { TextView } from "../text/view.js";

/** @typedef {import("../card/session.js").CardSession} CardSession */
/** @typedef {import("../text/item_text.js").ItemText} ItemText */

const LARGEST = 3;
const SMALLEST = 0.6;
const PADDING = 48; // of the page, both sides together

/** @param {CardSession} session */
export function buildReader(session) {
  const view = new TextView(() => { for (const redraw of layers) redraw(); });
  /** What draws over the text or below it, when the text has moved. @type {(() => void)[]} */
  const layers = [];
  let room = { width: 0, height: 0 };
  /** How much larger than it would be: it stays so for the texts that follow. */
  let times = 1;
  setAttribute(view.element, "role", "document");

  /** The text on the stage. @returns {ItemText | null} */
  const text = () => (isText(session.item?.picture) ? session.item.picture : null);

  function update() {
    const shown = text();
    const { item } = session;
    view.element.hidden = !shown || Boolean(item?.broken);
    if (!shown || !room.width) return;
    const another = shown !== view.text;
    const setting = shown.setting({ width: room.width - PADDING, height: room.height - PADDING });
    view.show(shown, { ...setting, size: Math.round(setting.size * times * 2) / 2 }, item?.before ?? []);
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
    element: view.element, view, update, resize, text,
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
