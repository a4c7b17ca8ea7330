// @ts-check
// A field in which one label is found by typing: read `buildPicker`.

import { h, setAttribute, setText } from "./dom.js";
import { match } from "./labels.js";
import { newId } from "./outbox.js";

/** @typedef {import("./editor/types.d.ts").Node} Node */

/**
 * @param {{label: string, nothing: string, labels: () => Node[], onpick: (label_id: string | null) => void}} how
 *   `nothing`: what no label means here, such as "at the top"
 */
export function buildPicker({ label, nothing, labels, onpick }) {
  const id = `hitl-${newId()}`;
  const box = h("input", { type: "text", role: "combobox", id, "aria-expanded": "false", "aria-controls": `${id}-list`,
    "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", placeholder: nothing, onclick: () => open(), onblur: () => close(),
    oninput: () => open(), onkeydown: (/** @type {KeyboardEvent} */ event) => onKey(event) });
  const list = h("ul", { class: "hitl-choices", role: "listbox", id: `${id}-list`, "aria-label": label, hidden: true });
  const element = h("div", { class: "hitl-field hitl-picker" }, h("label", { for: id, text: label }), h("div", { class: "hitl-picker-box" }, box, list));
  /** @type {(Node | null)[]} */
  let found = [];
  let marked = 0;
  /** @type {Node | null} */
  let chosen = null;

  function open() {
    const typed = box.value === (chosen?.path ?? "") ? "" : box.value;
    found = [...(typed ? [] : [null]), .../** @type {Node[]} */ (match(/** @type {any} */ (labels()), typed, { limit: 8 }))];
    marked = Math.max(0, found.indexOf(chosen));
    draw();
  }

  function draw() {
    list.replaceChildren(...found.map((node, i) => h("li", { role: "option", id: `${id}-${i}`, "aria-selected": String(i === marked),
      class: node ? "" : "hitl-quiet", text: node?.path ?? nothing,
      onmousedown: (/** @type {Event} */ event) => { event.preventDefault(); pick(node); } })));
    list.hidden = !found.length;
    setAttribute(box, "aria-expanded", String(!list.hidden));
    setAttribute(box, "aria-activedescendant", list.hidden ? null : `${id}-${marked}`);
  }

  function close() {
    list.hidden = true;
    setAttribute(box, "aria-expanded", "false");
    setAttribute(box, "aria-activedescendant", null);
    if (!box.value.trim() && chosen) pick(null);
    box.value = chosen?.path ?? "";
  }

  /** @param {Node | null} node */
  function pick(node) {
    chosen = node;
    close();
    onpick(node?.label_id ?? null);
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return open();
      marked = (marked + (event.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length);
      draw();
    } else if (event.key === "Enter" && !list.hidden && found.length) {
      event.preventDefault();
      event.stopPropagation();
      pick(found[marked]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  }

  /** Shows the label that the form has chosen. @param {Node | null} node */
  function show(node) {
    const typing = document.activeElement === box && box.value !== (chosen?.path ?? "");
    chosen = node;
    if (!typing) box.value = node?.path ?? "";
  }

  return { element, show, box };
}

/** Several labels: those chosen as chips, and a field for one more.
 * @param {{label: string, nothing: string, labels: () => Node[], onpick: (label_ids: string[]) => void, start?: string[]}} how
 *   `start`: those chosen when it is opened */
export function buildPickers({ label, nothing, labels, onpick, start = [] }) {
  /** @type {string[]} */
  let chosen = [];
  const chips = h("span", { class: "hitl-chosen" });
  const one = buildPicker({ label, nothing, labels: () => labels().filter((node) => !chosen.includes(node.label_id)), onpick: (id) => {
    one.show(null);
    one.box.value = "";
    if (id) put([...chosen, id]);
  } });
  one.element.append(chips);

  /** @param {string[]} ids */
  function put(ids) {
    draw(ids);
    onpick(ids);
  }

  /** @param {string[]} ids */
  function draw(ids) {
    chosen = ids;
    chips.replaceChildren(...ids.map((id) => {
      const name = labels().find((node) => node.label_id === id)?.path ?? id;
      const chip = h("button", { type: "button", class: "hitl-chip-off", "aria-label": `without ${name}`, onclick: () => put(chosen.filter((other) => other !== id)) });
      setText(chip, `${name} ×`);
      return chip;
    }));
  }
  draw(start);
  return { element: one.element };
}
