// @ts-check
// The list of keys, as it is shown over a widget.

import { cap, h } from "./dom.js";

/**
 * @param {{setup: {keys: import("./types.d.ts").KeyTable} | null}} session
 * @param {{refocus: () => void, first: [string[], string][] | (() => [string[], string][]), takes_focus?: boolean}} how `first`: what keys do that aren't
 *   in the table; `takes_focus`: the keyboard goes to the list, and back with `refocus`
 */
export function buildHelp(session, { refocus, first, takes_focus = true }) {
  const list = h("dl", {});
  const close = h("button", { class: "hitl-key-button", type: "button", onclick: () => toggle(false) }, cap("Escape"), h("span", { text: "Close" }));
  const help = h("div", { class: "hitl-help", hidden: true, role: "dialog", "aria-label": "Keys" },
    h("div", { class: "hitl-row" }, h("h3", { class: "hitl-face-title", text: "Keys" }), close), list);
  /** @type {unknown} */
  let drawn = null;
  let n_own = 0;

  function toggle(open = help.hidden) {
    help.hidden = !open;
    if (!open) refocus();
    else if (takes_focus) close.focus();
  }

  function update() {
    const { setup } = session;
    const own = typeof first === "function" ? first() : first;
    if (!setup || (setup.keys === drawn && own.length === n_own)) return;
    drawn = setup.keys;
    n_own = own.length;
    /** @type {[string[], string][]} */
    const rows = [...own, ...Object.values(setup.keys), [["Escape"], "close what is open, or leave the widget"]];
    list.replaceChildren(...rows.filter(([keys]) => keys.length).map(([keys, words]) => h("div", {},
      h("dt", {}, ...keys.map((key) => (key === "…" || key === "letters" ? h("span", { text: key }) : cap(key)))),
      h("dd", { text: words }))));
  }
  return { help, update, toggle };
}
