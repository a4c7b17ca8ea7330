// @ts-check
// The list of a taxonomy's attributes: range, labels for which each is asked, and buttons for its edits.

import { capOf, h } from "../dom.js";

/** @typedef {import("./session.js").EditorSession} EditorSession */
/** @typedef {import("./types.d.ts").TreeAttribute} Attribute */
/** @typedef {import("./tree.js").Tree} Tree */

/** The end of a scale as typed: with a decimal point if the scale is continuous. @param {Attribute} one @param {number | undefined} end */
export function typed({ kind }, end) {
  if (end === undefined) return "";
  return kind === "continuous" && Number.isInteger(end) ? end.toFixed(1) : String(end);
}

/** The range of an attribute, and the labels for which it is asked, in words. @param {Attribute} one @param {Tree} tree */
export function asks(one, tree) {
  const range = one.choices ? one.choices.join(", ")
    : `from ${typed(one, one.low)} to ${typed(one, one.high)}${one.kind === "continuous" ? ", any number between" : ""}`;
  return one.labels?.length ? `${range}; asked of ${one.labels.map((id) => tree.call(id)).join(", ")}` : range;
}

/** @param {EditorSession} session */
export function buildAttributes(session) {
  const list = h("ul", { class: "hitl-attributes-list" });
  const add = h("button", { type: "button", class: "hitl-key-button", "data-does": "add_attribute" }, capOf("add_attribute"), h("span", { text: "Add an attribute" }));
  const element = h("section", { class: "hitl-attributes", "aria-label": "Attributes" },
    h("h3", { class: "hitl-form-title" }, capOf("attributes"), h("span", { text: "Attributes" })), list, add);
  /** @type {unknown} */
  let drawn = null;

  /** @param {Attribute} one @param {string} words @param {import("./types.d.ts").FormKind} kind */
  const does = (one, words, kind) => h("button", { type: "button", class: "hitl-instead", "aria-label": `${words} ${one.name}`, text: words,
    onclick: () => session.begin(kind, { attribute: one.attribute_id }) });

  function update() {
    if (drawn === session.tree) return;
    drawn = session.tree;
    const { attributes } = session.tree;
    list.replaceChildren(...attributes.map((one) => h("li", {}, h("strong", { text: one.name }),
      h("span", { class: "hitl-quiet", text: asks(one, session.tree) }), one.definition ? h("span", { text: one.definition }) : null,
      one.sensitive ? h("span", { class: "hitl-sensitive", text: `Sensitive, for the purpose: ${one.sensitive}` }) : null,
      h("span", { class: "hitl-attribute-does" }, does(one, "Rename", "rename_attribute"), does(one, "Change", "change_attribute"), does(one, "Retire", "retire_attribute")))));
    if (!attributes.length) list.replaceChildren(h("li", { class: "hitl-quiet", text: "No attributes: only the label is asked." }));
  }
  /** Moves the focus to the first button. */
  const enter = () => (/** @type {HTMLElement} */ (list.querySelector("button") ?? add)).focus();
  return { element, update, enter };
}
