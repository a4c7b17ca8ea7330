// @ts-check
// Elements without innerHTML: text is only ever text.

import { keyName } from "./keys.js";

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | ((event: any) => void)>} [attributes] `text` is the text, `on...` listens
 * @param {(Node | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = String(value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Gives a parent these children in this order; those in place already aren't touched. @param {Element} parent @param {Element[]} children */
export function inOrder(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, i) => { if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null); });
}

/** A key that is always the same. @param {string} key */
export const cap = (key) => h("kbd", { class: "hitl-cap", text: keyName(key) });

/** The key of an action, filled in by `nameKeys`. @param {string} action */
export const capOf = (action) => h("kbd", { class: "hitl-cap", "data-action": action });

/** Writes the keys of actions on their caps, and for screen readers on the buttons around them.
 * @param {HTMLElement} root @param {import("./types.d.ts").KeyTable} table */
export function nameKeys(root, table) {
  for (const kbd of root.querySelectorAll("[data-action]")) {
    const keys = table[/** @type {HTMLElement} */ (kbd).dataset.action ?? ""]?.[0] ?? [];
    setText(kbd, keyName(keys[0] ?? ""));
    kbd.classList.toggle("hitl-nokey", !keys.length);
    const button = kbd.closest("button");
    if (button) setAttribute(button, "aria-keyshortcuts", keys.length ? keys.join(" ") : null);
  }
}

/** @param {string} action @param {string} text @param {() => void} onclick */
export const actionButton = (action, text, onclick) => h("button", { class: "hitl-key-button", type: "button", tabindex: "-1", onclick },
  capOf(action), h("span", { text }));
