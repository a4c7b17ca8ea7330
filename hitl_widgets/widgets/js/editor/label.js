// @ts-check
// The label in focus: its details, and buttons for its edits.

import { capOf, h, setText } from "../dom.js";
import { many } from "./form.js";
import { drawSmall } from "../pictures.js";

/** @typedef {import("./session.js").EditorSession} EditorSession */

const SIDE = 56;

/** @param {EditorSession} session */
export function buildLabel(session) {
  const path = h("p", { class: "hitl-label-path hitl-quiet" });
  const name = h("h3", { class: "hitl-label-name" });
  const facts = h("p", { class: "hitl-quiet" });
  const definition = h("p", { class: "hitl-label-definition" });
  const sensitive = h("p", { class: "hitl-sensitive" });
  const link = h("a", { target: "_blank", rel: "noopener noreferrer", text: "more about it" });
  const examples = h("div", { class: "hitl-examples" });
  const does = (/** @type {string} */ action, /** @type {string} */ words) => h("button", { type: "button", class: "hitl-key-button", "data-does": action },
    capOf(action), h("span", { text: words }));
  const one = h("div", { class: "hitl-does" }, does("rename", "Rename"), does("describe", "Describe"), does("split", "Split"), does("add", "Add beside"),
    does("add_under", "Add under"), does("cut", "Move"), does("put", "Put it here"), does("retire", "Retire"));
  const several = h("div", { class: "hitl-does" }, does("merge", "Merge"), does("cut", "Move"), does("retire", "Retire"));
  const element = h("section", { class: "hitl-label", "aria-label": "The label in focus" }, path, name, facts, definition, sensitive, link, examples, one, several);
  /** @type {unknown} */
  let drawn = null;

  function update() {
    const { label, tree, selected, counts } = session;
    const marked = session.about;
    const group = selected.size > 1;
    element.hidden = !label;
    if (!label) return;
    /** @type {HTMLElement} */ (one.querySelector("[data-does=put]")).hidden = !session.cut.length;
    one.hidden = group;
    several.hidden = !group;
    if (group) {
      let [stand, doubt] = [0, 0];
      for (const id of marked) { const [s, d] = counts.get(id) ?? [0, 0]; stand += s; doubt += d; }
      setText(path, "");
      setText(name, `${selected.size} labels`);
      setText(facts, [many(stand, "answer"), doubt ? `${doubt.toLocaleString("en")} in doubt` : ""].filter(Boolean).join(" · "));
      setText(definition, marked.map((id) => tree.call(id)).join(", "));
      definition.classList.remove("hitl-quiet");
      sensitive.hidden = link.hidden = examples.hidden = true;
      drawn = null;
      return;
    }
    const id = label.label_id;
    const [stand, doubt] = counts.get(id) ?? [0, 0];
    setText(path, tree.above(id).map((above) => above.name).join(" / "));
    setText(name, label.name);
    setText(facts, [label.key ? `key ${label.key.toUpperCase()}` : "no key", many(stand, "answer"), doubt ? `${doubt.toLocaleString("en")} in doubt` : "",
      tree.answers(id) ? "" : `${many(tree.children(id).length, "label")} under it`].filter(Boolean).join(" · "));
    setText(definition, label.definition || "No definition yet. A written definition helps people to agree.");
    definition.classList.toggle("hitl-quiet", !label.definition);
    sensitive.hidden = !label.sensitive;
    setText(sensitive, `Sensitive: ${label.sensitive ?? ""}`);
    link.hidden = !label.link;
    if (label.link) link.href = label.link; // Python let https and http through only
    const pictures = session.examples.get(id);
    examples.hidden = !pictures?.length;
    if (drawn === pictures) return;
    drawn = pictures;
    examples.replaceChildren(...(pictures ?? []).map((example) => {
      const canvas = h("canvas", { class: "hitl-thumb", width: SIDE * 2, height: SIDE * 2, role: "img",
        "aria-label": `${example.answered ? "answered as this:" : example.against ? "counter-example" : "example"} ${example.name}` });
      const element = h("span", { class: `hitl-example${example.against ? " hitl-against" : example.answered ? " hitl-answered" : ""}`, title: example.problem ?? example.name }, canvas,
        example.answered ? null : h("span", { class: "hitl-example-sign", "aria-hidden": "true", text: example.problem ? "!" : example.against ? "✗" : "✓" }));
      drawSmall(canvas, example.picture);
      return element;
    }));
  }
  return { element, update };
}
