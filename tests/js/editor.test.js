// The taxonomy editor without a browser: a kernel that is a list, a clock that is a number.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EditorSession } from "../../hitl_widgets/widgets/js/editor/session.js";
import { asks } from "../../hitl_widgets/widgets/js/editor/attributes.js";
import { begin, proposal } from "../../hitl_widgets/widgets/js/editor/proposal.js";
import { lead, Tree, typeahead } from "../../hitl_widgets/widgets/js/editor/tree.js";

const KEYS = JSON.parse(readFileSync(new URL("../../hitl_widgets/widgets/js/keys/editor.json", import.meta.url), "utf8"));
const LABELS = [["top"], ["tee", "top"], ["polo", "top"], ["shoe"], ["boot", "shoe"], ["Überzieher"]]
  .map(([name, parent]) => ({ label_id: `L-${name}`, name, ...(parent ? { parent: `L-${parent}` } : {}) }));
const labels = () => structuredClone(LABELS);
const names = (rows) => rows.map((row) => row.label.name);

function open() {
  const kernel = { sent: [], now: 1000 };
  const session = new EditorSession({ send: (message) => kernel.sent.push(message), reopen: () => {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ann", keys: KEYS });
  session.push({ kind: "taxonomy", taxonomy: { version: 1, inner_answers: false, labels: labels() }, history: [] });
  const of = (kind) => kernel.sent.filter((m) => m.kind === kind);
  const previewed = (more = {}) => session.push({ kind: "preview", ask: of("preview").at(-1).ask, preview: { version: session.tree.version,
    prose: "It would.", carried: 5, again: 0, minutes: 0, measured: true, labels: [], settled: "", model: "", ...more } });
  return { session, kernel, of, previewed };
}

test("rows follow the tree, and what is shut hides what lies under it", () => {
  const tree = new Tree(labels());
  assert.deepEqual(names(tree.rows(new Set())), ["top", "tee", "polo", "shoe", "boot", "Überzieher"]);
  const rows = tree.rows(new Set(["L-top"]));
  assert.deepEqual(names(rows), ["top", "shoe", "boot", "Überzieher"]);
  assert.deepEqual(rows.map((r) => [r.level, r.place, r.size, r.open]), [[1, 1, 3, false], [1, 2, 3, true], [2, 1, 1, null], [1, 3, 3, null]]);
});

test("a search keeps what lies above a label, whatever is shut, and reads letters without their accents", () => {
  const tree = new Tree(labels());
  assert.deepEqual(names(tree.rows(new Set(["L-shoe"]), "boo")), ["shoe", "boot"]);
  assert.deepEqual(names(tree.rows(new Set(), "uber")), ["Überzieher"]);
  assert.deepEqual(names(tree.rows(new Set(), "shoe boot")), ["shoe", "boot"]);
});

test("arrows lead as in WAI-ARIA's tree pattern", () => {
  const rows = new Tree(labels()).rows(new Set(["L-shoe"]));   // top, tee, polo, shoe, Überzieher
  assert.deepEqual(lead(rows, 0, "ArrowDown"), { to: 1 });
  assert.deepEqual(lead(rows, 0, "ArrowUp"), { to: 0 });
  assert.deepEqual(lead(rows, 3, "ArrowRight"), { open: true });
  assert.deepEqual(lead(rows, 0, "ArrowRight"), { to: 1 });
  assert.deepEqual(lead(rows, 1, "ArrowRight"), { to: 1 });
  assert.deepEqual(lead(rows, 2, "ArrowLeft"), { to: 0 });
  assert.deepEqual(lead(rows, 0, "ArrowLeft"), { open: false });
  assert.deepEqual(lead(rows, 1, "End"), { to: 4 });
  assert.deepEqual(lead(rows, 3, "Home"), { to: 0 });
  assert.equal(lead(rows, 0, "x"), null);
});

test("one letter goes on to the next label that begins with it, more stay while they fit", () => {
  const rows = new Tree(labels()).rows(new Set());
  assert.equal(typeahead(rows, 0, "t"), 1);
  assert.equal(typeahead(rows, 1, "t"), 0);
  assert.equal(typeahead(rows, 1, "te"), 1);
  assert.equal(typeahead(rows, 0, "u"), 5);
  assert.equal(typeahead(rows, 0, "q"), -1);
});

test("a label is called by its path where another has its name", () => {
  const tree = new Tree([...labels(), { label_id: "L-2", name: "tee" }]);
  assert.equal(tree.call("L-tee"), "top / tee");
  assert.equal(tree.call("L-polo"), "polo");
});

test("each form means the edits that Python reads", () => {
  const tree = new Tree(labels());
  const edits = (kind, ids, values, more) => {
    const form = begin(kind, ids, tree, more);
    Object.assign(form.values, values);
    const { does, problem } = proposal(form, tree);
    return does?.edits ?? does ?? problem;
  };
  assert.deepEqual(edits("rename", ["L-tee"], { to: " T-shirt " }), [{ edit: "rename", label: "tee", to: "T-shirt" }]);
  assert.match(edits("rename", ["L-tee"], {}), /another name/);
  assert.deepEqual(edits("split", ["L-tee"], { into: "a\n\n b ", keep_parent: true }), [{ edit: "split", label: "tee", into: ["a", "b"], keep_parent: true }]);
  assert.match(edits("split", ["L-tee"], { into: "a\na" }), /two names/);
  assert.deepEqual(edits("merge", ["L-tee", "L-polo"], {}), [{ edit: "merge", labels: ["tee", "polo"], into: "tee" }]);
  assert.match(edits("merge", ["L-tee"], {}), /two labels/);
  assert.deepEqual(edits("add", [], { name: "clog", like: ["L-boot"] }, { target: "L-shoe" }), [{ edit: "add", label: "clog", under: "shoe", like: ["boot"] }]);
  assert.deepEqual(edits("retire", ["L-tee", "L-polo"], { target: "L-boot" }),
    [{ edit: "retire", label: "tee", to: "boot" }, { edit: "retire", label: "polo", to: "boot" }]);
  assert.deepEqual(edits("move", ["L-tee"], {}, { target: null }), [{ edit: "move", label: "tee", under: null }]);
  assert.match(edits("move", ["L-tee"], {}, { target: "L-top" }), /already/);
  assert.deepEqual(edits("describe", ["L-tee"], { definition: "short", key: "t", examples: "a\nb" }),
    [{ edit: "describe", label: "tee", definition: "short", key: "t", examples: ["a", "b"] }]);
  assert.match(edits("describe", ["L-tee"], {}), /Nothing/);
  assert.deepEqual(edits("revert", [], {}, { undoes: { edit_id: "e1" } }), { edit_id: "e1" });
});

test("an edit is previewed a moment after the last key, and applied only as it was previewed", () => {
  const { session, kernel, of, previewed } = open();
  session.begin("rename", { ids: ["L-tee"] });
  session.fill({ to: "T" });
  session.fill({ to: "T-shirt" });
  assert.equal(of("preview").length, 0);
  kernel.now += 300;
  session.tick();
  assert.deepEqual(of("preview").map((m) => m.edits[0].to), ["T-shirt"]);
  session.apply();
  assert.equal(of("apply").length, 0);   // nothing was seen yet
  previewed();
  session.fill({ to: "T-shirts" });
  session.apply();
  assert.equal(of("apply").length, 0);   // what was seen is another edit
  kernel.now += 300;
  session.tick();
  previewed();
  session.form.why = "plural";
  session.apply();
  const [act] = of("apply");
  assert.deepEqual([act.edits[0].to, act.why, act.base], ["T-shirts", "plural", 1]);
  session.reply({ kind: "stored", decision_id: act.decision_id, edit_id: "e1", version: 2, prose: "Done." });
  assert.equal(session.form, null);
});

test("a preview that was overtaken by another is not shown", () => {
  const { session, kernel, of } = open();
  session.begin("rename", { ids: ["L-tee"] });
  for (const to of ["a", "b"]) { session.fill({ to }); kernel.now += 300; session.tick(); }
  session.push({ kind: "preview", ask: of("preview")[0].ask, preview: { prose: "old" } });
  assert.equal(session.preview, null);
});

test("whoever has a form open is told what somebody else changed, and nothing typed is lost", () => {
  const { session, of, kernel, previewed } = open();
  session.begin("split", { ids: ["L-tee"] });
  session.fill({ into: "a\nb" });
  kernel.now += 300;
  session.tick();
  previewed();
  const renamed = labels().map((label) => (label.label_id === "L-tee" ? { ...label, name: "jersey" } : label));
  session.push({ kind: "taxonomy", taxonomy: { version: 2, inner_answers: false, labels: renamed },
    history: [{ edit_id: "e9", version: 2, prose: "Rename “tee” to “jersey”.", annotator: "bob", at: "", why: null, reverted_by: null, reverts: null }] });
  assert.match(session.overtaken, /bob: Rename/);
  assert.equal(session.form.values.into, "a\nb");
  assert.equal(of("preview").at(-1).edits[0].label, "jersey");   // previewed anew, under its new name
  assert.equal(session.ready, false);
  previewed();
  session.apply();
  assert.equal(of("apply")[0].base, 2);
});

test("a form about a label that is gone says so and keeps what was typed", () => {
  const { session, of } = open();
  session.begin("rename", { ids: ["L-boot"] });
  session.fill({ to: "ankle boot" });
  session.push({ kind: "taxonomy", taxonomy: { version: 2, inner_answers: false, labels: labels().filter((l) => l.name !== "boot") }, history: [] });
  assert.match(session.problem, /isn't in the taxonomy any more/);
  assert.equal(session.form.values.to, "ankle boot");
  assert.equal(of("apply").length, 0);
});

test("a refusal stands in the form, which stays", () => {
  const { session, of, previewed } = open();
  session.begin("retire", { ids: ["L-boot"] });
  previewed();
  session.apply();
  session.reply({ kind: "rejected", decision_id: of("apply")[0].decision_id, reason: "no label would be left." });
  assert.equal(session.problem, "no label would be left.");
  assert.equal(session.form.kind, "retire");
});

test("an act that isn't answered is sent again under the same id", () => {
  const { session, kernel, of, previewed } = open();
  session.begin("retire", { ids: ["L-boot"] });
  previewed();
  session.apply();
  kernel.now += 6000;
  session.tick();
  assert.equal(of("apply").length, 2);
  assert.equal(of("apply")[0].decision_id, of("apply")[1].decision_id);
});

test("a merge into the name that the form began with means the first label, whatever else has this name", () => {
  const tree = new Tree([...labels(), { label_id: "L-other", name: "tee" }]);
  const form = begin("merge", ["L-tee", "L-other"], tree);
  assert.equal(form.values.into, "tee");
  assert.deepEqual(proposal(form, tree).does.edits, [{ edit: "merge", labels: ["top / tee", "tee"], into: "top / tee" }]);
  form.values.into = "shirt";
  assert.equal(proposal(form, tree).does.edits[0].into, "shirt");
});

test("Shift selects a run of labels, Space one more, and a merge is about what is selected", () => {
  const { session, of } = open();
  session.go("L-tee");
  session.lead("ArrowDown", true, 10);
  assert.deepEqual(session.about, ["L-tee", "L-polo"]);
  session.go("L-boot", { toggle: true });
  session.begin("merge");
  assert.deepEqual(of("preview").at(-1).edits[0].labels, ["tee", "polo", "boot"]);
});

test("what is taken up can be put under another label, at the top, or be merged with it instead", () => {
  const { session, of } = open();
  session.go("L-polo");
  session.take();
  session.put("L-shoe");
  assert.deepEqual(of("preview").at(-1).edits, [{ edit: "move", label: "polo", under: "shoe" }]);
  session.turn("merge");
  assert.deepEqual(of("preview").at(-1).edits, [{ edit: "merge", labels: ["shoe", "polo"], into: "shoe" }]);
  session.leave();
  session.put(null);
  assert.deepEqual(of("preview").at(-1).edits, [{ edit: "move", label: "polo", under: null }]);
});

test("undo is about the last edit that stands and is no undo itself", () => {
  const { session, of } = open();
  const past = (version, more) => ({ edit_id: `e${version}`, version, prose: "", annotator: "ann", at: "", why: null, reverted_by: null, reverts: null, ...more });
  session.push({ kind: "taxonomy", taxonomy: { version: 4, inner_answers: false, labels: labels() },
    history: [past(4, { reverts: 3 }), past(3, { reverted_by: 4 }), past(2)] });
  session.undo();
  assert.equal(of("preview").at(-1).edit_id, "e2");
});

test("after an added label came, it is in focus", () => {
  const { session, of, kernel, previewed } = open();
  session.toggle("L-shoe", false);
  session.begin("add", { target: "L-shoe" });
  session.fill({ name: "clog" });
  kernel.now += 300;
  session.tick();
  previewed();
  session.apply();
  session.reply({ kind: "stored", decision_id: of("apply")[0].decision_id, edit_id: "e1", version: 2, prose: "Add “clog”." });
  session.push({ kind: "taxonomy", taxonomy: { version: 2, inner_answers: false, labels: [...labels().slice(0, 5), { label_id: "L-clog", name: "clog", parent: "L-shoe" }, labels()[5]] }, history: [] });
  assert.equal(session.focus, "L-clog");
  assert.ok(session.at >= 0);   // what hid it is open
});

test("pictures are asked for once, and anew when answers have come", () => {
  const { session, of } = open();
  session.want(["L-tee", "L-polo"]);
  session.want(["L-tee"]);
  assert.deepEqual(of("examples").map((m) => m.label_ids), [["L-tee", "L-polo"]]);
  session.push({ kind: "counts", counts: { "L-tee": [3, 1] }, count: [3, 1] });
  session.want(["L-tee"]);
  assert.equal(of("examples").length, 2);
});

const ATTRIBUTES = [{ attribute_id: "A-blur", name: "blur", kind: "ordinal", low: 0, high: 10, step: 1 },
  { attribute_id: "A-tone", name: "tone", kind: "continuous", low: 0, high: 1, step: 0.01, definition: "how bright", sensitive: "audit" },
  { attribute_id: "A-view", name: "view", kind: "choices", choices: ["front", "side"], labels: ["L-tee"] }];

function withAttributes() {
  const { session, kernel, of, previewed } = open();
  session.push({ kind: "taxonomy", taxonomy: { version: 2, inner_answers: false, labels: labels(), attributes: ATTRIBUTES }, history: [] });
  return { session, kernel, of, previewed };
}

test("an attribute is told in words, with a point where any number between is a value", () => {
  const { session: { tree } } = withAttributes();
  assert.deepEqual(tree.attributes.map((one) => asks(one, tree)), ["from 0 to 10", "from 0.0 to 1.0, any number between", "front, side; asked of tee"]);
});

test("an attribute is added with a scale as it was typed, or with choices", () => {
  const { session, kernel, of } = withAttributes();
  session.begin("add_attribute");
  assert.equal(session.problem, "Type a name.");
  session.fill({ name: " ears " });
  assert.equal(session.problem, "Type the ends of its scale, or its choices.");
  const edit = (values) => { session.fill(values); return proposal(session.form, session.tree).does.edits[0]; };
  assert.deepEqual(edit({ low: "0", high: "1.0" }), { edit: "add_attribute", name: "ears", scale: ["0", "1.0"] });
  assert.deepEqual(edit({ choices: "up\n\ndown", of: ["L-tee"], ask: true, definition: "how", sensitive: "why" }),
    { edit: "add_attribute", name: "ears", choices: ["up", "down"], labels: ["tee"], definition: "how", sensitive: "why", ask: true });
  kernel.now += 300;
  session.tick();
  assert.equal(of("preview").at(-1).edits[0].name, "ears");
});

test("a changed attribute says only what is another, and what values become", () => {
  const { session } = withAttributes();
  const edit = (values) => { session.fill(values); return proposal(session.form, session.tree).does?.edits[0]; };
  session.begin("change_attribute", { attribute: "A-tone" });
  assert.equal(session.problem, "Nothing is changed yet.");
  assert.deepEqual(edit({ sensitive: "" }), { edit: "change_attribute", name: "tone", sensitive: false });
  session.begin("change_attribute", { attribute: "A-blur" });
  assert.deepEqual(edit({ high: "5", map: "3 = 1\n4=\n10 = 5" }), { edit: "change_attribute", name: "blur", scale: ["0", "5"], map: [[3, 1], [4, null], [10, 5]] });
  assert.deepEqual(edit({ high: "10", choices: "sharp\nblurred", map: "0 = sharp" }),
    { edit: "change_attribute", name: "blur", choices: ["sharp", "blurred"], map: [[0, "sharp"]] });
  session.begin("change_attribute", { attribute: "A-view" });
  assert.deepEqual(edit({ of: [] }), { edit: "change_attribute", name: "view", labels: [] });
  assert.deepEqual(edit({ of: ["L-tee"], low: "0", high: "9", map: "" }), { edit: "change_attribute", name: "view", scale: ["0", "9"] });
});

test("an attribute is renamed and retired, and one that is gone is named", () => {
  const { session, of, previewed } = withAttributes();
  session.begin("rename_attribute", { attribute: "A-blur" });
  session.fill({ to: "sharpness" });
  session.tick();
  assert.deepEqual(proposal(session.form, session.tree).does, { edits: [{ edit: "rename_attribute", name: "blur", to: "sharpness" }] });
  session.begin("retire_attribute", { attribute: "A-blur" });
  previewed();
  session.apply();
  assert.deepEqual(of("apply").at(-1).edits, [{ edit: "retire_attribute", name: "blur" }]);
  session.begin("retire_attribute", { attribute: "A-tone" });
  session.push({ kind: "taxonomy", taxonomy: { version: 3, inner_answers: false, labels: labels(), attributes: [] }, history: [] });
  assert.match(session.problem, /isn't in the taxonomy any more/);
});

function withEditApart({ may_settle = true } = {}) {
  const opened = open();
  const apart = { edit_id: "e-fork", version: -1, prose: "Add “clog”.", annotator: "bob", at: "", why: null, reverts: null, reverted_by: null, to_settle: true };
  const push = (version, history) => opened.session.push({ kind: "taxonomy", taxonomy: { version, inner_answers: false, labels: labels() }, history, may_settle });
  push(1, [apart]);
  return { ...opened, push };
}

test("an edit made apart is applied with a reason, after its preview", () => {
  const { session, of, previewed, push } = withEditApart();
  session.settle("e-fork", true);
  assert.equal(session.form.kind, "settle");
  assert.deepEqual(of("preview").at(-1), { kind: "preview", ask: of("preview").at(-1).ask, settle: "e-fork" });
  assert.equal(session.ready, false);
  previewed();
  session.form.why = " both are right ";
  session.apply();
  const act = of("settle_edit").at(-1);
  assert.deepEqual([act.edit_id, act.apply, act.why], ["e-fork", true, "both are right"]);
  session.reply({ kind: "stored", decision_id: act.decision_id, edit_id: "e2", version: 2, prose: "Add “clog”." });
  assert.equal(session.form, null);
  push(2, []);
  assert.equal(session.notice.text, "Add “clog”. Version 2.");
});

test("an edit made apart is left without a preview", () => {
  const { session, of } = withEditApart();
  const before = of("preview").length;
  session.settle("e-fork", false);
  assert.equal(session.ready, true);
  session.apply();
  assert.deepEqual([of("settle_edit").at(-1).apply, of("preview").length], [false, before]);
});

test("an edit that is refused says why in its form, and one that somebody else has settled isn't asked about", () => {
  const { session, of, push } = withEditApart();
  session.settle("e-fork", false);
  session.apply();
  session.reply({ kind: "rejected", decision_id: of("settle_edit").at(-1).decision_id, reason: "It was settled already." });
  assert.equal(session.problem, "It was settled already.");
  session.leave();
  push(1, []);
  session.settle("e-fork", true);
  assert.equal(session.form, null);
  assert.match(session.notice.text, /settled this edit/);
});

test("whose role doesn't allow it settles nothing, and undo passes edits to settle by", () => {
  const { session } = withEditApart({ may_settle: false });
  session.settle("e-fork", true);
  assert.equal(session.form, null);
  assert.match(session.notice.text, /role/);
  session.undo();
  assert.match(session.notice.text, /nothing to undo/);
});
