// @ts-check
// The form of an edit and, below it, its preview.

import { cap, h, setAttribute, setText } from "../dom.js";
import { buildPicker, buildPickers } from "../picker.js";
import { TITLES } from "./proposal.js";

/** @typedef {import("./session.js").EditorSession} EditorSession */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").Values} Values */

const SHOWN = 6; // labels that a preview names

/** @param {number} n @param {string} one */
export const many = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;

/** @param {EditorSession} session @param {() => void} refocus */
export function buildForm(session, refocus) {
  const title = h("h3", { class: "hitl-form-title" });
  const overtaken = h("p", { class: "hitl-overtaken", role: "status" });
  const fields = h("div", { class: "hitl-fields" });
  const preview = buildPreview(session);
  const why = h("input", { type: "text", id: "hitl-why", maxlength: "500", placeholder: "for the history", autocomplete: "off",
    oninput: () => { if (session.form) session.form.why = why.value; } });
  const apply = h("button", { class: "hitl-primary", type: "submit" }, h("span", { text: "Apply" }), cap("Enter"));
  const cancel = h("button", { class: "hitl-key-button", type: "button", onclick: () => { session.leave(); refocus(); } }, cap("Escape"), h("span", { text: "Cancel" }));
  const element = h("form", { class: "hitl-form", "aria-label": "Edit", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
  }, onkeydown: (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  } }, title, overtaken, fields, preview.element, h("div", { class: "hitl-field" }, h("label", { for: "hitl-why", text: "Why?" }), why),
  h("div", { class: "hitl-form-actions" }, cancel, apply));
  // Two views of one editor must not share an id.
  const own = `hitl-why-${Math.random().toString(36).slice(2)}`;
  why.id = own;
  element.querySelector("label[for=hitl-why]")?.setAttribute("for", own);
  /** @type {Form | null} */
  let drawn = null;
  /** @type {(() => void)[]} */
  let shows = [];

  /** The first Enter shows the preview, the second applies the edit. */
  function submit() {
    if (document.activeElement !== apply) return apply.focus();
    session.apply();
  }

  /** @param {string} label @param {"to" | "into" | "name" | "definition" | "key" | "colour" | "link" | "sensitive" | "examples" | "counter_examples" | "low" | "high" | "choices" | "map"} name
   * @param {{area?: number, more?: Record<string, string>}} [how] */
  function text(label, name, { area = 0, more = {} } = {}) {
    const id = `hitl-${name}-${own}`;
    const attributes = { id, autocomplete: "off", spellcheck: "false", ...more,
      oninput: (/** @type {any} */ event) => session.fill(/** @type {Partial<Values>} */ ({ [name]: event.target.value })) };
    const box = area ? h("textarea", { rows: String(area), ...attributes }) : h("input", { type: "text", ...attributes });
    box.value = session.form?.values[name] ?? "";
    return h("div", { class: "hitl-field" }, h("label", { for: id, text: label }), box);
  }

  /** @param {string} label @param {string} nothing @param {(id: string) => boolean} [fits] */
  function target(label, nothing, fits = () => true) {
    const picker = buildPicker({ label, nothing, labels: () => session.tree.labels.filter((node) => fits(node.label_id)),
      onpick: (id) => session.fill({ target: id }) });
    shows.push(() => picker.show(session.tree.byId.get(session.form?.values.target ?? "") ?? null));
    return picker.element;
  }

  /** @param {string} words @param {"move" | "merge"} kind */
  const instead = (words, kind) => h("button", { type: "button", class: "hitl-instead", text: words, onclick: () => session.turn(kind) });

  /** @param {Form} form @returns {(HTMLElement | null)[]} */
  function build(form) {
    switch (form.kind) {
      case "revert": case "settle": case "leave": return [];
      case "rename": return form.inline ? [] : [text("New name", "to")];
      case "split": return [text("Into, one per line", "into", { area: 4, more: { placeholder: "T-shirt\nPullover\nShirt" } }),
        h("label", { class: "hitl-option" }, h("input", { type: "checkbox", onchange: (/** @type {any} */ event) => session.fill({ keep_parent: event.target.checked }) }),
          h("span", { text: "keep it, with these as its children" }))];
      case "merge": return [text("Into", "into"), form.ids.length === 2 ? instead("Put one under the other instead", "move") : null];
      case "add": {
        const like = buildPickers({ label: "Its items may have been answered as", nothing: "another label …", labels: () => session.tree.labels, onpick: (ids) => session.fill({ like: ids }) });
        return [text("Name", "name"), target("Under", "at the top"), like.element];
      }
      case "retire": return [target("Its answers become", "open again", (id) => !form.ids.some((own) => own === id || session.tree.isUnder(id, own)))];
      case "move": return [target("Under", "at the top", (id) => !form.ids.some((own) => own === id || session.tree.isUnder(id, own))),
        form.values.target && form.ids.length ? instead("Merge them instead", "merge") : null];
      case "retire_attribute": return [];
      case "rename_attribute": return [text("New name", "to")];
      case "add_attribute": return [text("Name", "name"), ...asked(form),
        h("label", { class: "hitl-option" }, h("input", { type: "checkbox", onchange: (/** @type {any} */ event) => session.fill({ ask: event.target.checked }) }),
          h("span", { text: "also ask it of items answered before" }))];
      case "change_attribute": return [...asked(form), text("Old value = new value, where it isn't in proportion or the same choice", "map",
        { area: 3, more: { placeholder: "3 = 1\n4 = 2\n5 =    (asked again)" } })];
      case "describe": return [text("Definition", "definition", { area: 3, more: { placeholder: "What makes an item this and nothing else" } }),
        h("div", { class: "hitl-two" }, text("Key", "key", { more: { maxlength: "1", placeholder: "a digit if free" } }), colour()),
        text("Examples, one item id per line", "examples", { area: 2 }), text("Counter-examples", "counter_examples", { area: 2 }),
        text("Link", "link", { more: { placeholder: "https://" } }), text("Sensitive, because", "sensitive")];
    }
  }

  /** The fields of an attribute: its range, and the labels for which it is asked. @param {Form} form */
  function asked(form) {
    const of = buildPickers({ label: "Asked of", nothing: "every item", labels: () => session.tree.labels, start: form.values.of, onpick: (ids) => session.fill({ of: ids }) });
    return [h("div", { class: "hitl-two" }, text("Scale from", "low", { more: { placeholder: "0, or 0.0 for any number between" } }), text("to", "high", { more: { placeholder: "10, or 1.0" } })),
      text("Or choices, one per line", "choices", { area: 3, more: { placeholder: "front\nside" } }), of.element, text("Definition", "definition", { area: 2 }),
      text("Sensitive: the purpose for which it is asked", "sensitive")];
  }

  function colour() {
    const field = text("Colour", "colour", { more: { placeholder: "#1b9e77" } });
    const box = /** @type {HTMLInputElement} */ (field.querySelector("input"));
    const well = h("input", { type: "color", "aria-label": "Choose a colour", tabindex: "-1", oninput: () => { box.value = well.value; session.fill({ colour: well.value }); } });
    well.value = /^#[0-9a-f]{6}$/i.test(box.value) ? box.value : "#888888";
    field.append(well);
    field.classList.add("hitl-colour-field");
    return field;
  }

  function update() {
    const { form } = session;
    element.hidden = form === null;
    if (form && form !== drawn) {
      shows = [];
      fields.replaceChildren(.../** @type {Node[]} */ (build(form).filter(Boolean)));
      why.value = form.why;
      drawn = form;
      const first = /** @type {HTMLElement | null} */ (fields.querySelector("input, textarea"));
      // Only where the editor has the focus: two views of it may be open.
      if (!form.inline && element.closest(".hitl-editor")?.contains(document.activeElement)) (first ?? apply).focus();
    }
    drawn = form;
    if (!form) return;
    const names = form.ids.map((id) => `“${session.tree.byId.get(id)?.name ?? id}”`);
    const few = names.length > 3 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
    const attribute = session.tree.attribute(form.attribute);
    if (attribute) few.push(`“${attribute.name}”`);
    setText(title, [TITLES[form.kind], form.undoes ? `${form.undoes.to_settle ? "the edit made apart" : `version ${form.undoes.version}`}: ${form.undoes.prose}` : "", few.length > 1 ? `${few.slice(0, -1).join(", ")} and ${few.at(-1)}` : few.join("")].filter(Boolean).join(" "));
    for (const show of shows) show();
    setText(overtaken, session.overtaken ?? "");
    overtaken.hidden = !session.overtaken;
    preview.update();
    setAttribute(apply, "aria-disabled", session.ready ? null : "true");
    setText(/** @type {Node} */ (apply.firstChild), session.acting?.form === form ? (form.kind === "leave" ? "Leaving …" : "Applying …") : TITLES[form.kind === "leave" ? "leave" : "settle"]);
  }
  return { element, update, submit };
}

/** @param {EditorSession} session */
function buildPreview(session) {
  const words = h("p", { class: "hitl-preview-words" });
  const prose = h("p", { class: "hitl-prose" });
  const figures = h("dl", { class: "hitl-figures" });
  const labels = h("ul", { class: "hitl-again" });
  const model = h("p", { class: "hitl-quiet" });
  const element = h("section", { class: "hitl-preview", "aria-label": "What it would do", "aria-live": "polite" }, prose, figures, labels, model, words);
  /** @type {unknown} */
  let drawn = null;

  /** @param {string} name @param {string} value @param {string} kind */
  const figure = (name, value, kind) => h("div", { class: kind }, h("dt", { text: name }), h("dd", { text: value }));

  function update() {
    const { preview, problem } = session;
    words.classList.toggle("hitl-bad", problem !== null && preview !== null);
    const leaving = session.form?.kind === "leave";
    setText(words, problem ?? (leaving ? "It never becomes an edit of this taxonomy. Answers that were given under it mean what they would if it had been undone."
      : preview ? "" : "Working out what it would do …"));
    words.hidden = !words.textContent;
    element.classList.toggle("hitl-pale", (preview === null && !leaving) || session.ask_at !== null);
    if (preview === drawn) return;
    drawn = preview;
    if (!preview) return [prose, figures, labels, model].forEach((part) => { part.hidden = true; });
    const { carried, again, minutes, measured, settled } = preview;
    setText(prose, preview.prose);
    const time = again === 0 ? "none" : minutes < 1 ? "under 1 min" : `${Math.round(minutes).toLocaleString("en")} min`;
    figures.replaceChildren(figure("carried over as they are", carried.toLocaleString("en"), "hitl-carried"),
      figure("to look at again", again.toLocaleString("en"), again ? "hitl-doubt" : "hitl-carried"),
      figure(measured ? "time at your pace" : "time at a typical pace", time, "hitl-time"));
    const most = Math.max(1, ...preview.labels.map(([, n]) => n));
    labels.replaceChildren(...preview.labels.slice(0, SHOWN).map(([name, n]) => {
      const fill = h("span", { class: "hitl-fill" });
      fill.style.width = `${(100 * n) / most}%`;
      return h("li", {}, h("span", { class: "hitl-name", text: name }), h("span", { class: "hitl-track" }, fill), h("span", { class: "hitl-p", text: n.toLocaleString("en") }));
    }), ...(preview.labels.length > SHOWN ? [h("li", { class: "hitl-quiet", text: `and ${many(preview.labels.length - SHOWN, "more label")}` })] : []));
    setText(model, [settled, preview.model && `${preview.model[0].toUpperCase()}${preview.model.slice(1)}.`].filter(Boolean).join(" "));
    prose.hidden = figures.hidden = false;
    labels.hidden = !preview.labels.length;
    model.hidden = !model.textContent;
  }
  return { element, update };
}
