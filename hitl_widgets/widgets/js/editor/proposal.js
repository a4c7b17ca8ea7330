// @ts-check
// The edits that a filled-in form means, as hitl_widgets.edits reads them. Read `begin` and `proposal`.

import { typed } from "./attributes.js";

/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").FormKind} FormKind */
/** @typedef {import("./types.d.ts").Values} Values */
/** @typedef {{does: {edits: object[]} | {edit_id: string} | {settle: string}, problem?: undefined} | {problem: string, does?: undefined}} Proposal */

/** The heading of each kind of edit. @type {Record<FormKind, string>} */
export const TITLES = { rename: "Rename", split: "Split", merge: "Merge", add: "Add a label", retire: "Retire", move: "Move",
  describe: "Describe", revert: "Undo", settle: "Apply", leave: "Leave", add_attribute: "Add an attribute", rename_attribute: "Rename the attribute",
  change_attribute: "Change the attribute", retire_attribute: "Retire the attribute" };

/** A form as it is opened. @param {FormKind} kind @param {string[]} ids @param {Tree} tree
 * @param {{target?: string | null, inline?: boolean, undoes?: import("./types.d.ts").Past | null, attribute?: string | null}} [more] @returns {Form} */
export function begin(kind, ids, tree, { target = null, inline = false, undoes = null, attribute = null } = {}) {
  const label = tree.byId.get(ids[0]);
  const one = tree.attribute(attribute);
  if (one) return { kind, ids, attribute, why: "", inline, undoes, values: { ...begin(kind, [], tree).values, to: one.name, definition: one.definition ?? "",
    sensitive: one.sensitive ?? "", low: typed(one, one.low), high: typed(one, one.high), choices: (one.choices ?? []).join("\n"), of: one.labels ?? [] } };
  return { kind, ids, attribute, why: "", inline, undoes, values: {
    low: "", high: "", choices: "", of: [], map: "", ask: false,
    to: label?.name ?? "", into: kind === "merge" ? label?.name ?? "" : "", keep_parent: false, name: "", target, like: [],
    definition: label?.definition ?? "", key: label?.own_key ? label?.key ?? "" : "", colour: label?.colour ?? "",
    link: label?.link ?? "", sensitive: label?.sensitive ?? "", examples: (label?.examples ?? []).join("\n"),
    counter_examples: (label?.counter_examples ?? []).join("\n") } };
}

/** @param {string} text one name a line */
export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** The edits that the form means under the present taxonomy, or what it still lacks. @param {Form} form @param {Tree} tree @returns {Proposal} */
export function proposal(form, tree) {
  const { values, undoes } = form;
  const gone = [...form.ids, values.target, ...values.like, ...values.of].find((id) => id && !tree.byId.has(id));
  if (gone) return { problem: "One of these labels isn't in the taxonomy any more: somebody has changed it. The history says who." };
  /** @param {object[]} edits @returns {Proposal} */
  const edits = (...edits) => ({ does: { edits } });
  const names = form.ids.map((id) => tree.call(id));
  const target = values.target === null ? null : tree.call(values.target);
  const into = lines(values.into);
  switch (form.kind) {
    case "rename":
      if (!values.to.trim() || values.to.trim() === tree.byId.get(form.ids[0])?.name) return { problem: "Type another name." };
      return edits({ edit: "rename", label: names[0], to: values.to.trim() });
    case "split":
      if (new Set(into).size < 2) return { problem: "Type two names or more, one per line." };
      return edits({ edit: "split", label: names[0], into, ...(values.keep_parent ? { keep_parent: true } : {}) });
    case "merge":
      if (form.ids.length < 2) return { problem: "Select two labels or more." };
      if (!values.into.trim()) return { problem: "Type a name for the merged label." };
      // The name that the form began with means the first label, even if others have the same name.
      return edits({ edit: "merge", labels: names, into: values.into.trim() === tree.byId.get(form.ids[0])?.name ? names[0] : values.into.trim() });
    case "add":
      if (!values.name.trim()) return { problem: "Type a name." };
      return edits({ edit: "add", label: values.name.trim(), ...(target === null ? {} : { under: target }),
        ...(values.like.length ? { like: values.like.map((id) => tree.call(id)) } : {}) });
    case "retire":
      return edits(...names.map((label) => ({ edit: "retire", label, ...(target === null ? {} : { to: target }) })));
    case "move": {
      const moved = form.ids.filter((id) => (tree.byId.get(id)?.parent ?? null) !== values.target);
      if (!moved.length) return { problem: "It is there already." };
      return edits(...moved.map((id) => ({ edit: "move", label: tree.call(id), under: target })));
    }
    case "describe": {
      const said = describes(form, tree);
      return Object.keys(said).length ? edits({ edit: "describe", label: names[0], ...said }) : { problem: "Nothing is changed yet." };
    }
    case "add_attribute":
      if (!values.name.trim()) return { problem: "Type a name." };
      if (!lines(values.choices).length && !(values.low.trim() && values.high.trim())) return { problem: "Type the ends of its scale, or its choices." };
      return edits({ edit: "add_attribute", name: values.name.trim(), ...range(values), ...(values.of.length ? { labels: values.of.map((id) => tree.call(id)) } : {}),
        ...(values.definition.trim() ? { definition: values.definition.trim() } : {}), ...(values.sensitive.trim() ? { sensitive: values.sensitive.trim() } : {}),
        ...(values.ask ? { ask: true } : {}) });
    case "rename_attribute": case "change_attribute": case "retire_attribute": {
      const one = tree.attribute(form.attribute);
      if (!one) return { problem: "This attribute isn't in the taxonomy any more: somebody has changed it. The history says who." };
      if (form.kind === "retire_attribute") return edits({ edit: "retire_attribute", name: one.name });
      if (form.kind === "change_attribute") {
        const said = changes(form, one, tree);
        return Object.keys(said).length ? edits({ edit: "change_attribute", name: one.name, ...said }) : { problem: "Nothing is changed yet." };
      }
      if (!values.to.trim() || values.to.trim() === one.name) return { problem: "Type another name." };
      return edits({ edit: "rename_attribute", name: one.name, to: values.to.trim() });
    }
    case "settle": case "leave":
      return undoes ? { does: { settle: undoes.edit_id } } : { problem: "There is nothing to settle." };
    case "revert":
      return undoes ? { does: { edit_id: undoes.edit_id } } : { problem: "There is nothing to undo." };
  }
}

/** The ends of a scale are sent as typed: a decimal point in one of them makes the scale continuous. @param {Values} values */
const range = ({ choices, low, high }) => (lines(choices).length ? { choices: lines(choices) } : { scale: [low.trim(), high.trim()] });

/** The fields in which the form differs from the attribute. @param {Form} form @param {import("./types.d.ts").TreeAttribute} one @param {Tree} tree */
function changes({ kind, attribute, values }, one, tree) {
  const before = begin(kind, [], tree, { attribute }).values;
  /** @type {Record<string, unknown>} */
  const said = {};
  if (["low", "high", "choices"].some((name) => lines(values[/** @type {"low"} */ (name)]).join("\n") !== before[/** @type {"low"} */ (name)])) {
    // Whoever types choices in place of a scale needn't empty its ends.
    const other = one.choices && values.low.trim() && values.high.trim() ? { ...values, choices: "" } : values;
    Object.assign(said, range(other));
  }
  if (values.of.join() !== before.of.join()) said.labels = values.of.map((id) => tree.call(id));
  if (values.definition.trim() !== before.definition) said.definition = values.definition.trim();
  if (values.sensitive.trim() !== before.sensitive) said.sensitive = values.sensitive.trim() || false;
  if (lines(values.map).length && ("scale" in said || "choices" in said)) {
    /** A value of a scale is a number, a choice a text. @param {string} text */
    const read = (text) => (text === "" ? null : text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);
    said.map = lines(values.map).map((line) => { const at = line.indexOf("="); return at < 0 ? [read(line), null] : [read(line.slice(0, at).trim()), read(line.slice(at + 1).trim())]; });
  }
  return said;
}

/** The fields in which the form differs from the taxonomy. @param {Form} form @param {Tree} tree */
function describes({ ids, values }, tree) {
  const before = begin("describe", ids, tree).values;
  /** @type {Record<string, string | string[] | null>} */
  const said = {};
  for (const name of /** @type {const} */ (["definition", "link", "key", "colour", "sensitive"])) {
    const now = values[name].trim();
    if (now !== before[name]) said[name] = now || (name === "definition" || name === "link" ? "" : null);
  }
  for (const name of /** @type {const} */ (["examples", "counter_examples"])) {
    if (lines(values[name]).join("\n") !== before[name]) said[name] = lines(values[name]);
  }
  return said;
}
