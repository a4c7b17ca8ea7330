// Two pages on one kernel: one acts, the other one watches. The sessions without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { EditorSession } from "../../hitl_widgets/widgets/js/editor/session.js";
import { leave, pageOf } from "../../hitl_widgets/widgets/js/page.js";
import { KEYS, memoryStorage } from "./storage.js";

const LABELS = ["cat", "dog"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1) }));
const READY = { kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty: "keep", methods: [],
  taxonomy: { version: 1, labels: LABELS }, progress: {}, keys: KEYS, n: null, temporary: false };
const item = (id) => ({ kind: "item", item: { item_id: id, chosen_by: "margin", blind: false, height: 8, width: 8, suggestion: "L1", model: "m",
  probs: [["L1", 0.8], ["L0", 0.2]] } });

function open({ id = "here", left = null, active = "here", storage = memoryStorage(), view = true } = {}) {
  const kernel = { sent: [], now: 1000, of: (kind) => kernel.sent.filter((message) => message.kind === kind) };
  const session = new CardSession({ send: (message) => kernel.sent.push(message), reopen() {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }), page: { id, left } });
  if (view) session.subscribe(() => {});
  session.hello();
  session.reply({ ...READY, active });
  for (const one of ["a", "b", "c"]) session.push(item(one), [new Uint8Array(4)]);
  return { session, kernel, storage };
}

test("a page that the kernel calls active acts, another one only watches", () => {
  const acting = open();
  assert.equal(acting.session.watching, false);
  acting.session.accept();
  assert.equal(acting.kernel.of("decide").length, 1);
  const watching = open({ active: "there" });
  assert.equal(watching.session.watching, true);
  watching.session.accept();
  watching.session.undo();
  assert.equal(watching.session.item.item_id, "a");
  assert.equal(watching.kernel.of("decide").length, 0);
});

test("a greeting says what page was reloaded, and whether the widget is to be seen", () => {
  const { kernel } = open({ left: "before" });
  assert.deepEqual([kernel.sent[0].left, kernel.sent[0].shows, kernel.sent[0].takes], ["before", true, undefined]);
  const unseen = open({ view: false });
  assert.equal(unseen.kernel.sent[0].shows, false);
  assert.ok(!("left" in unseen.kernel.sent[0]));
});

test("a widget that becomes visible after its greeting says so, where another page is active or none", () => {
  const { session, kernel } = open({ active: null, view: false });
  session.appear();
  assert.equal(kernel.of("watch").length, 1);
  const acting = open();
  acting.session.appear();
  assert.equal(acting.kernel.of("watch").length, 0);
});

test("the button asks to take over, once, and the page acts when the kernel says so", () => {
  const { session, kernel } = open({ active: "there" });
  session.takeOver();
  assert.equal(kernel.sent.at(-1).takes, true);
  assert.equal(session.watching, true);
  session.reply({ ...READY, active: "here" });
  assert.equal(session.watching, false);
  assert.equal(session.greeting().takes, undefined, "a later greeting takes nothing");
  session.accept();
  assert.equal(kernel.of("decide").length, 1);
});

test("a page that learns that it is active greets again, for what has happened meanwhile", () => {
  const { session, kernel } = open({ active: "there" });
  session.push({ kind: "active", page: "here", asks: false }, []);
  assert.equal(session.watching, false);
  assert.equal(kernel.of("hello").length, 2);
});

test("only the active page answers whether it is there still", () => {
  const acting = open();
  acting.session.push({ kind: "active", page: "here", asks: true }, []);
  assert.equal(acting.kernel.of("here").length, 1);
  acting.session.push({ kind: "active", page: "here", asks: false }, []);
  assert.equal(acting.kernel.of("here").length, 1);
  const watching = open({ active: "there" });
  watching.session.push({ kind: "active", page: "there", asks: true }, []);
  assert.equal(watching.kernel.of("here").length, 0);
});

test("a page that watches says so every two seconds, as long as the widget is to be seen", () => {
  const { session, kernel } = open({ active: "there" });
  const tick = (ms) => { kernel.now += ms; session.tick(); };
  tick(2000);
  tick(1000);
  tick(1000);
  assert.equal(kernel.of("watch").length, 2);
  const acting = open();
  acting.kernel.now += 9000;
  acting.session.tick();
  assert.equal(acting.kernel.of("watch").length, 0);
  const unseen = open({ active: "there", view: false });
  unseen.kernel.now += 9000;
  unseen.session.tick();
  assert.equal(unseen.kernel.of("watch").length, 0);
});

test("what another page is told of itself counts as no answer here: the greeting is sent until ready comes", () => {
  const { session, kernel } = open();
  session.hello();
  const n = kernel.of("hello").length;
  session.reply({ kind: "noted", page: "there" });
  session.reply({ kind: "noted", page: "here" });
  kernel.now += 60_000;
  session.tick();
  assert.equal(kernel.of("hello").length, n + 1);
  session.reply({ kind: "noted" });
  kernel.now += 60_000;
  session.tick();
  assert.equal(kernel.of("hello").length, n + 1);
});

test("decisions that wait are sent from a page that watches by now", () => {
  const { session, kernel } = open();
  session.accept();
  session.accept();
  const [first, second] = kernel.of("decide");
  session.reply({ kind: "stored", decision_id: first.decision_id });
  session.push({ kind: "active", page: "there", asks: false }, []);
  assert.equal(session.pending, 1);
  kernel.now += 6000;
  session.tick();
  assert.deepEqual(kernel.of("decide").slice(2).map((act) => act.decision_id), [second.decision_id]);
});

test("a draft goes with whoever takes over, and is there again where it was begun", () => {
  const storage = memoryStorage();
  const first = open({ storage });
  first.session.toggleFlag("ethics");
  first.session.write("what is that?");
  first.session.push({ kind: "active", page: "there", asks: false }, []);
  assert.equal(first.session.draft.note, "", "the page that watches shows the item as it is");
  const second = open({ id: "there", active: "there", storage });
  assert.deepEqual([second.session.draft.note, [...second.session.draft.flags]], ["what is that?", ["ethics"]]);
  first.kernel.now += 500;
  first.session.tick();
  first.session.push({ kind: "active", page: "here", asks: false }, []);
  assert.equal(first.session.draft.note, "what is that?");
});

test("what was decided with a draft elsewhere leaves none behind", () => {
  const storage = memoryStorage();
  const first = open({ storage });
  first.session.write("a note");
  first.session.push({ kind: "active", page: "there", asks: false }, []);
  const second = open({ id: "there", active: "there", storage });
  second.session.accept();
  const [act] = second.kernel.of("decide");
  first.session.push({ kind: "drop", item_ids: ["a"], keep: 1, decision_id: act.decision_id }, []);
  first.kernel.now += 500;
  first.session.tick();
  first.session.push({ kind: "active", page: "here", asks: false }, []);
  assert.deepEqual([first.session.item.item_id, first.session.draft.note], ["b", ""]);
});

test("a page that watches follows the items at once and without a word", () => {
  const { session, kernel } = open();
  session.accept();
  session.push({ kind: "active", page: "there", asks: false }, []);
  const words = session.notice?.text;
  session.push({ kind: "drop", item_ids: ["b"], keep: 1, decision_id: "x" }, []);
  assert.equal(session.item.item_id, "c");
  assert.equal(session.notice?.text, words);
  assert.equal(kernel.of("decide").length, 1);
});

test("a page that begins to watch leaves a revision and a question for a certainty", () => {
  const { session } = open();
  session.accept();
  session.step(-1);
  assert.ok(session.revising);
  session.push({ kind: "active", page: "there", asks: false }, []);
  assert.equal(session.revising, null);
  assert.equal(session.item.item_id, "b");
});

test("a closed widget has no page to take over from", () => {
  const { session } = open({ active: "there" });
  session.push({ kind: "closed", reason: "Another card has taken over." }, []);
  assert.equal(session.watching, false);
});

test("a form of the editor waits while another page acts", () => {
  const sent = [];
  const session = new EditorSession({ send: (message) => sent.push(message), reopen() {}, now: () => 0, instant: () => "", decode: async () => null, page: { id: "here", left: null } });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ada", keys: KEYS, active: "here" });
  session.push({ kind: "taxonomy", taxonomy: { version: 1, inner_answers: true, labels: [{ label_id: "L0", name: "cat" }] }, history: [] });
  session.begin("add");
  session.fill({ name: "owl" });
  session.push({ kind: "active", page: "there", asks: false });
  session.push({ kind: "active", page: "here", asks: false });
  assert.equal(session.form.values.name, "owl");
});

// -- the page

test("all widgets of a page share its id, and another page has another", () => {
  const world = {};
  const page = pageOf(world, () => memoryStorage());
  assert.equal(pageOf(world), page);
  assert.notEqual(pageOf({}, () => memoryStorage()).id, page.id);
});

test("a page that was reloaded knows its former id, once; a copy of a page that is there still doesn't", () => {
  const storage = memoryStorage();
  const first = pageOf({}, () => storage);
  assert.equal(first.left, null);
  assert.equal(pageOf({}, () => storage).left, null, "a copy of it");
  leave(first, () => storage);
  assert.equal(pageOf({}, () => storage).left, first.id);
  assert.equal(pageOf({}, () => storage).left, null);
});

test("a page without storage has an id all the same", () => {
  const denied = () => { throw new Error("SecurityError"); };
  const page = pageOf({}, denied);
  assert.equal(page.left, null);
  assert.equal(page.id.length, 32);
  leave(page, denied);
});
