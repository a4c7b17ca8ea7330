// @ts-check
// The edits that a filled-in form means, as hitl_widgets.edits reads them. Read `begin` and `proposal`.

/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./types.d.ts").Form} Form */
/** @typedef {import("./types.d.ts").FormKind} FormKind */
/** @typedef {import("./types.d.ts").Values} Values */
/** @typedef {{does: {edits: object[]} | {edit_id: string}, problem?: undefined} | {problem: string, does?: undefined}} Proposal */

/** How each kind of edit is headed. @type {Record<FormKind, string>} */
export const TITLES = { rename: "Rename", split: "Split", merge: "Merge", add: "Add a label", retire: "Retire", move: "Move",
  describe: "Describe", revert: "Undo" };

/** A form as it is opened. @param {FormKind} kind @param {string[]} ids @param {Tree} tree
 * @param {{target?: string | null, inline?: boolean, undoes?: import("./types.d.ts").Past | null}} [more] @returns {Form} */
export function begin(kind, ids, tree, { target = null, inline = false, undoes = null } = {}) {
  const label = tree.byId.get(ids[0]);
  return { kind, ids, why: "", inline, undoes, values: {
    to: label?.name ?? "", into: kind === "merge" ? label?.name ?? "" : "", keep_parent: false, name: "", target, like: [],
    definition: label?.definition ?? "", key: label?.own_key ? label?.key ?? "" : "", colour: label?.colour ?? "",
    link: label?.link ?? "", sensitive: label?.sensitive ?? "", examples: (label?.examples ?? []).join("\n"),
    counter_examples: (label?.counter_examples ?? []).join("\n") } };
}

/** @param {string} text one name a line */
export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** What the form means today, or what it still needs. @param {Form} form @param {Tree} tree @returns {Proposal} */
export function proposal(form, tree) {
  const { values, undoes } = form;
  const gone = [...form.ids, values.target, ...values.like].find((id) => id && !tree.byId.has(id));
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
      return edits({ edit: "merge", labels: names, into: values.into.trim() });
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
    case "revert":
      return undoes ? { does: { edit_id: undoes.edit_id } } : { problem: "There is nothing to undo." };
  }
}

/** The fields in which the form says something else than the taxonomy. @param {Form} form @param {Tree} tree */
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
