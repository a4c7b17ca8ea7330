// @ts-check
// The bar over a widget on a page that only watches while another page of the same kernel is active.

import { cap, h, setText } from "./dom.js";
import { keepKeys } from "./notebook.js";

/** @typedef {import("./session.js").Session<any, any>} Session */

const QUIET_MS = 1000; // keys pressed just when another page took over are ignored

/** Puts the bar over the widget, and blocks keys and pointer while the page watches.
 * @param {HTMLElement} el @param {Session} session @returns {() => void} */
export function buildWatching(el, session) {
  const root = /** @type {HTMLElement | null} */ (el.firstElementChild);
  if (!root) return () => {};
  const words = h("span", { role: "status" });
  const button = h("button", { type: "button", title: "The other page only watches then. Nothing that was done there is lost.",
    onclick: () => session.takeOver() }, cap("Enter"), h("span", { text: "Take over here" }));
  const bar = h("div", { class: "hitl-watching", tabindex: "0", role: "group", "aria-label": "This page only watches",
    "data-lm-suppress-shortcuts": "true", hidden: true }, h("span", { class: "hitl-eye", "aria-hidden": "true", text: "◉" }), words, button);
  el.prepend(bar);
  let since = 0;

  keepKeys(bar, el, (event) => {
    if (event.key !== "Enter" || event.target === button) return;
    event.preventDefault();
    if (!event.repeat && session.around.now() - since >= QUIET_MS) session.takeOver();
  });

  function update() {
    const { watching } = session;
    if (watching === bar.hidden) {
      const focused = watching ? root : bar;
      const had_keys = focused?.contains(document.activeElement) ?? false;
      since = session.around.now();
      bar.hidden = !watching;
      root?.toggleAttribute("inert", watching);
      // Else keys would go to the notebook, which takes them for shortcuts.
      if (had_keys) (watching ? bar : root)?.focus({ preventScroll: true });
    }
    if (watching) setText(words, session.taking ? "Taking over …" : "This notebook is open in another browser page, which has the keys. Here you only watch.");
  }
  const stop = session.subscribe(update);
  update();
  return () => { stop(); bar.remove(); };
}
