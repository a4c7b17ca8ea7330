// The objects of an image on the card: the session without a browser, with a kernel that is a list.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { entriesOf } from "../../hitl_widgets/widgets/js/card/annotating.js";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { memoryStorage } from "./storage.js";

const table = (name) => JSON.parse(readFileSync(new URL(`../../hitl_widgets/widgets/js/keys/card${name}.json`, import.meta.url), "utf8"));
const KEYS = Object.fromEntries(Object.entries({ ...table(""), ...table(".objects") }).filter(([, row]) => row));
const LABELS = ["RBC", "WBC", "Platelets"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1), own_key: false }));
const press = (key, more = {}) => ({ key, code: "", shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });

function open({ storage = memoryStorage(), task = "boxes", now = 1000 } = {}) {
  const kernel = { sent: [], now };
  const session = new CardSession({ send: (message) => kernel.sent.push(message), reopen() {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty: "keep", methods: ["gradcam"], task,
    taxonomy: { version: 3, labels: LABELS }, progress: { answered: 5, today: 2, in_round: 3, round: 1, items: 100 }, keys: KEYS, n: null, temporary: false });
  return { session, kernel, storage };
}

const boxes = (id, n = 3) => Array.from({ length: n }, (_, k) => ({ id: `${id}.${k}`, kind: "box", at: [10 * k, 10, 10 * k + 8, 20], label_id: `L${k % 2}`, score: 0.9 - 0.1 * k }));
const item = (id, more = {}) => ({ kind: "item", item: { item_id: id, chosen_by: "margin", blind: false, height: 100, width: 200, mime: "image/png",
  model: "m", probs: [], threshold: 0.3, exposure: { threshold: 0.3, threshold_probability: 1, arm: "shown", arm_probability: 0.9 }, objects: boxes(id), ...more } });
const fill = (session, ...ids) => ids.forEach((id) => session.push(item(id), [new Uint8Array(4)]));
const decided = (kernel) => kernel.sent.filter((m) => m.kind === "decide");
const key = (session, name, more) => session.annotating.key(press(name, more));

test("Enter stores every proposal as it is, and says what was on the screen", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.accept();
  const [act] = decided(kernel);
  assert.deepEqual([act.verdict, act.label_id, act.size, act.touched], ["accept", "+L0+L1", [200, 100], []]);
  assert.deepEqual(act.objects, boxes("a").map(({ score, ...rest }) => rest));
  assert.deepEqual(act.seen.objects, boxes("a"));
  assert.deepEqual([act.seen.threshold, act.seen.threshold_probability, act.seen.arm, act.seen.model], [0.3, 1, "shown", "m"]);
  assert.equal(session.item.item_id, "b");
  assert.equal(session.annotating.objects.list[0].id, "b.0");
});

test("Tab takes the least certain object; its label, place and certainty are changed by keys, and it is deleted by one", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  assert.ok(key(session, "Tab"));
  assert.equal(session.annotating.objects.focus, "a.2");
  session.press("2"); // the label with that key
  assert.ok(key(session, "ArrowRight"));
  session.rate(7);
  session.unsure();
  assert.ok(session.item.item_id === "a", "the item isn't closed");
  assert.ok(key(session, "Tab"));
  assert.ok(session.annotating.act("delete"));
  session.accept();
  const [act] = decided(kernel);
  assert.equal(act.verdict, "correct");
  assert.deepEqual(act.objects.map(({ id, label_id, at, certainty, unsure }) => [id, label_id, at[0], certainty, unsure]),
    [["a.0", "L0", 0, undefined, undefined], ["a.2", "L1", 21, 7, true]]);
  assert.ok(act.touched.includes("a.1") && act.touched.includes("a.2"));
  assert.equal(act.certainty, null, "it was of an object");
});

test("with no object in focus the keys are the item's, and Tab goes on after the last object", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  for (let k = 0; k < 3; k++) assert.ok(key(session, "Tab"));
  assert.equal(key(session, "Tab"), false, "the browser leaves the card");
  assert.equal(key(session, "ArrowLeft"), false);
  assert.ok(key(session, "Tab"));
  assert.ok(key(session, "Escape"));
  session.rate(4);
  session.unsure();
  assert.deepEqual([decided(kernel)[0].verdict, decided(kernel)[0].certainty], ["unsure", 4]);
});

test("undo takes back one step after the other, then the decision with its objects, then what was done before it", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  key(session, "Tab");
  session.press("2");
  key(session, "ArrowRight");
  session.accept();
  key(session, "Tab"); // on the next image
  session.press("3");
  session.undo();
  assert.equal(session.item.item_id, "b");
  session.undo();
  assert.equal(session.item.item_id, "a");
  assert.deepEqual(kernel.sent.at(-1).kind, "retract");
  assert.deepEqual([session.annotating.objects.get("a.2").label_id, session.annotating.objects.get("a.2").at[0]], ["L1", 21]);
  session.undo();
  assert.equal(session.annotating.objects.get("a.2").at[0], 20);
  session.undo();
  assert.equal(session.annotating.objects.get("a.2").label_id, "L0");
  session.accept();
  assert.equal(decided(kernel).at(-1).verdict, "accept");
  assert.deepEqual(decided(kernel).at(-1).seen.objects, boxes("a"));
});

test("what was done to the next image is there again after an undo of the one before", () => {
  const { session } = open();
  fill(session, "a", "b");
  session.accept();
  key(session, "Tab");
  session.undo(); // nothing was changed: the decision
  assert.equal(session.item.item_id, "a");
  session.accept();
  assert.equal(session.item.item_id, "b");
  assert.equal(session.annotating.objects.focus, "b.2");
});

test("a draft outlives a reload, with what was on the screen then, also when the model has learnt since", () => {
  const { session, storage } = open();
  fill(session, "a");
  key(session, "Tab");
  session.press("2");
  session.leave();
  const again = open({ storage });
  again.session.push(item("a", { model: "newer", objects: boxes("other", 5), exposure: { threshold: 0.5 } }), [new Uint8Array(4)]);
  assert.match(again.session.notice.text, /objects and note .* are here again/);
  assert.equal(again.session.annotating.objects.get("a.2").label_id, "L1");
  again.session.accept();
  const [act] = decided(again.kernel);
  assert.deepEqual([act.seen.objects, act.seen.model, act.seen.threshold], [boxes("a"), "m", 0.3]);
  assert.deepEqual(act.objects.length, 3);
});

test("a draft of an image that changed its size is scaled to it, and that is said", () => {
  const { session, storage } = open();
  fill(session, "a");
  key(session, "Tab");
  key(session, "ArrowRight");
  session.leave();
  const again = open({ storage });
  again.session.push(item("a", { width: 400, height: 200 }), [new Uint8Array(4)]);
  assert.deepEqual([...again.session.annotating.objects.get("a.2").at], [42, 20, 58, 40]);
  assert.match(again.session.notice.text, /another size/);
});

test("a blind image shows nothing, and the log has what would have been shown", () => {
  const { session, kernel } = open();
  session.push(item("a", { blind: true }), [new Uint8Array(4)]);
  assert.equal(session.annotating.objects.list.length, 0);
  session.accept();
  const [act] = decided(kernel);
  assert.deepEqual([act.verdict, act.objects, act.seen.hidden, act.label_id], ["answer", [], true, "+"]);
  assert.deepEqual(act.seen.objects, boxes("a"));
});

test("an earlier image is looked at again with its objects as they were left, and revised", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  key(session, "Tab");
  session.press("2");
  key(session, "Tab");
  session.annotating.act("delete");
  session.accept();
  assert.equal(session.wordsOf(session.queue.past[0]), "1 RBC, 1 WBC");
  session.step(-1);
  assert.equal(session.item.item_id, "a");
  assert.deepEqual(session.annotating.objects.list.map(({ id, label_id }) => [id, label_id]), [["a.0", "L0"], ["a.2", "L1"]]);
  key(session, "Tab");
  session.press("3");
  session.accept();
  const act = decided(kernel).at(-1);
  assert.equal(act.seen.chosen_by, "revision");
  assert.deepEqual(act.seen.objects.map(({ id, act: what, was }) => [id, what, was?.label_id]),
    [["a.0", "accepted", undefined], ["a.2", "relabelled", "L0"], ["a.1", "deleted", "L1"]]);
  assert.equal(session.item.item_id, "b");
});

test("of a decision from before the page opened the kernel's objects are looked at again, and taken up by an undo", () => {
  const { session, kernel } = open();
  const objects = [{ id: "z.0", kind: "box", at: [0, 0, 9, 9], label_id: "L2", origin: "person", act: "added" }];
  session.push({ kind: "past", past: [{ decision_id: "d0", item_id: "z", verdict: "correct", label_id: "+L2", label: "Platelets", certainty: null, certainty_source: null,
    flags: [], note: null, reason: null, wrong: null, missing: null, suggestion: null, hidden: false, chosen_by: "margin", objects, counts: { L2: 1 } }] }, []);
  fill(session, "a");
  session.undo();
  assert.deepEqual(kernel.sent.slice(-2).map(({ kind, item_id }) => [kind, item_id]), [["retract", "z"], ["fetch", "z"]]);
  session.push({ ...item("z"), again: true }, [new Uint8Array(4)]);
  assert.deepEqual(session.annotating.objects.list.map(({ id }) => id), ["z.0"]);
  session.accept();
  const act = decided(kernel).at(-1);
  assert.deepEqual([act.verdict, act.objects.map(({ id }) => id), act.seen.objects.map(({ id }) => id)], ["correct", ["z.0"], ["z.0", "z.1", "z.2"]]);
});

test("objects that an edit left in doubt are in focus first, and that is said", () => {
  const { session } = open();
  const objects = boxes("a", 4).map((one, k) => ({ ...one, origin: "model", act: "accepted", ...(k % 2 ? { doubt: true } : {}) }));
  session.push(item("a", { chosen_by: "relabel", objects }), [new Uint8Array(4)]);
  assert.equal(session.annotating.objects.focus, "a.1");
  assert.match(session.notice.text, /2 objects are in doubt/);
  key(session, "Tab");
  assert.equal(session.annotating.objects.focus, "a.3");
});

test("a proposal of a label that the taxonomy doesn't have any more isn't shown; an object of one is asked about before Enter", () => {
  const { session, kernel } = open();
  session.push(item("a", { objects: [...boxes("a"), { id: "a.9", kind: "box", at: [1, 1, 5, 5], label_id: "gone", score: 0.5 }] }), [new Uint8Array(4)]);
  assert.equal(session.annotating.objects.list.length, 3);
  session.push({ kind: "taxonomy", taxonomy: { version: 4, labels: LABELS.slice(1) } }, []);
  session.accept();
  assert.equal(decided(kernel).length, 0);
  assert.match(session.notice.text, /isn't in the taxonomy any more/);
  assert.equal(session.annotating.objects.focus, "a.0");
});

test("the map is of the object in focus, asked for once the keys rest", () => {
  const { session, kernel } = open();
  session.push(item("a", { target: "object:a.2" }), [new Uint8Array(4)]);
  const map = { kind: "map", item_id: "a", method: "gradcam", target: "object:a.2", against: null, height: 1, width: 1, box: [0, 0, 8, 8], signed: false, model: "m" };
  session.push(map, [new Uint8Array([200])]);
  assert.equal(session.saliency, null, "nothing is in focus");
  key(session, "Tab");
  assert.equal(session.saliency.target, "object:a.2");
  assert.equal(session.nameOf("object:a.2"), "this RBC");
  key(session, "Tab");
  assert.equal(session.saliency, null, "another object's map says nothing of this one");
  kernel.now += 1000;
  session.tick();
  assert.deepEqual(kernel.sent.at(-1), { kind: "map", item_id: "a", method: "gradcam", target: "object:a.1" });
});

test("a refused decision comes back with its objects and all the steps", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  key(session, "Tab");
  session.press("2");
  session.accept();
  session.reply({ kind: "rejected", decision_id: decided(kernel)[0].decision_id, reason: "the image has another size" });
  session.accept(); // b
  assert.equal(session.item.item_id, "a");
  assert.equal(session.annotating.objects.get("a.2").label_id, "L1");
  session.undo();
  assert.equal(session.annotating.objects.get("a.2").label_id, "L0");
});

test("an unsure keeps what was done to the objects; a skip doesn't need them", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.unsure();
  key(session, "Tab");
  session.press("2");
  key(session, "Escape");
  session.unsure();
  session.skip();
  assert.deepEqual(decided(kernel).map((act) => [act.verdict, act.objects?.length]), [["unsure", undefined], ["unsure", 3], ["skip", undefined]]);
});

test("a label's key without an object in focus is of what is drawn next", () => {
  const { session, kernel } = open();
  session.push(item("a", { objects: [] }), [new Uint8Array(4)]);
  session.press("3");
  assert.ok(session.annotating.act("draw"));
  for (const name of ["ArrowRight", " ", "ArrowDown", " "]) assert.ok(key(session, name));
  session.accept();
  const [act] = decided(kernel);
  assert.deepEqual([act.verdict, act.objects.length, act.objects[0].label_id], ["answer", 1, "L2"]);
});

test("the objects of a decision are told as the kernel tells them", () => {
  const { session } = open();
  fill(session, "a");
  key(session, "Tab");
  key(session, "ArrowRight");
  const [first, , moved] = entriesOf(session.annotating.objects);
  assert.deepEqual(first, { id: "a.0", kind: "box", at: [0, 10, 8, 20], label_id: "L0", origin: "model", act: "accepted", score: 0.9 });
  assert.deepEqual([moved.act, moved.was], ["moved", { at: [20, 10, 28, 20], label_id: "L0" }]);
});

test("held down, the key that deletes goes on slowly, and each deletion is taken back by itself", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  const { annotating } = session;
  key(session, "Tab");
  annotating.act("delete");
  const again = [0, 33, 66, 399, 433, 800].filter((ms) => { kernel.now = 5000 + ms; return annotating.goesOn() && annotating.act("delete"); });
  assert.deepEqual(again, [0, 433], "two more, however fast the keyboard repeats");
  assert.equal(annotating.objects.list.length, 0);
  session.undo();
  assert.deepEqual(annotating.objects.list.map(({ id }) => id), ["a.0"]);
  assert.equal(annotating.objects.focus, "a.0");
});

const mapOf = (session, id, target) => session.push({ kind: "map", item_id: id, method: "gradcam", target, height: 1, width: 1, box: [0, 0, 200, 100], signed: false }, [new Uint8Array(1)]);
const paint = (session, x) => session.withBrush((brush, of, marks) => brush.paint(of, marks, { x, y: 50 }));

test("a reason is judged of the object in focus, by the map that is on the screen, and goes with the decision", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.judge("wrong");
  assert.match(session.notice.text, /Choose an object first/);
  session.nextBrush();
  assert.equal(session.brush.kind, null, "nothing is in focus");
  key(session, "Tab"); // a.2
  session.judge("wrong");
  assert.match(session.notice.text, /No map is shown/);
  mapOf(session, "a", "object:a.2");
  session.judge("wrong");
  key(session, "Tab"); // a.1
  mapOf(session, "a", "object:a.1");
  session.nextBrush();
  assert.deepEqual(session.brush.cursor, { x: 14, y: 15 }, "it begins at the object");
  session.brush.radius = 1 / 50;
  paint(session, 100);
  assert.match(session.annotating.objects.describe(() => "cell"), /reason wrong/);
  session.accept();
  const [act] = decided(kernel);
  assert.deepEqual(Object.keys(act.reasons), ["a.2", "a.1"]);
  assert.deepEqual(act.reasons["a.2"], { reason: "wrong", method: "gradcam", display: "overlay" });
  assert.deepEqual([act.reasons["a.1"].reason, act.reasons["a.1"].wrong.size], ["wrong", [100, 200]]);
  assert.deepEqual([act.reason, act.wrong, act.verdict], [null, null, "accept"], "it is no correction, and not of the whole image");
  assert.deepEqual(session.annotating.objects.judgements, {}, "the next image begins without");
});

test("of an object that the person added, and of a blind image, there is no reason to judge", () => {
  const { session } = open();
  fill(session, "a");
  session.annotating.act("draw");
  session.judge("wrong");
  assert.match(session.notice.text, /You added this object/);
  const other = open().session;
  other.push(item("b", { blind: true }), [new Uint8Array(4)]);
  other.annotating.act("draw");
  other.judge("wrong");
  assert.match(other.notice.text, /shown blind/);
  other.nextBrush();
  assert.match(other.notice.text, /shown blind/);
  assert.equal(other.brush.kind, null);
});

test("strokes and judgements are steps: undo takes them back one by one, with the brush in hand or not", () => {
  const { session } = open();
  fill(session, "a");
  key(session, "Tab");
  key(session, "ArrowRight");
  mapOf(session, "a", "object:a.2");
  session.judge("right");
  session.judge("wrong");
  session.nextBrush();
  session.brush.radius = 1 / 50;
  paint(session, 50);
  paint(session, 150);
  const { objects } = session.annotating;
  const said = () => [objects.reasonOf("a.2")?.reason, objects.marks.regions?.count("wrong") ?? 0];
  const two = said()[1];
  session.undo();
  assert.deepEqual(said(), ["wrong", two / 2]);
  assert.equal(session.brush.kind, "wrong");
  session.undo();
  assert.deepEqual(said(), ["wrong", 0]);
  session.escape();
  session.undo();
  assert.deepEqual(said(), ["right", 0]);
  session.undo();
  assert.deepEqual([said(), objects.list[2].at[0]], [[undefined, 0], 21]);
  session.undo();
  assert.equal(objects.list[2].at[0], 20);
});

test("what was marked outlives a reload, and undo of the decision; it is there when the decision is looked at again", () => {
  const { session, kernel, storage } = open();
  fill(session, "a", "b");
  key(session, "Tab");
  mapOf(session, "a", "object:a.2");
  session.nextBrush();
  paint(session, 50);
  session.escape();
  session.keepDraft();
  const again = open({ storage });
  fill(again.session, "a", "b");
  const { wrong } = again.session.annotating.objects.reasonOf("a.2");
  assert.deepEqual(wrong, session.annotating.objects.reasonOf("a.2").wrong);
  again.session.accept();
  again.session.undo();
  assert.deepEqual(again.session.annotating.objects.reasonOf("a.2").wrong, wrong);
  again.session.accept();
  assert.deepEqual(decided(again.kernel).map((act) => act.reasons["a.2"].wrong), [wrong, wrong]);
  again.session.step(-1);
  assert.deepEqual(again.session.annotating.objects.reasonOf("a.2").wrong, wrong);
  again.session.accept();
  assert.deepEqual(decided(again.kernel)[2].reasons["a.2"].wrong, wrong, "a revision says it again");
  assert.equal(decided(kernel).length, 0);
});

test("what is said of a proposal's reason stays when it is deleted; the mark on what isn't proposed is nobody's", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  key(session, "Tab");
  mapOf(session, "a", "object:a.2");
  session.judge("wrong");
  session.annotating.act("delete");
  session.accept();
  const [act] = decided(kernel);
  assert.deepEqual([act.objects.map(({ id }) => id), act.reasons["a.2"].reason], [["a.0", "a.1"], "wrong"]);
  const past = { objects: entriesOf(session.queue.past.at(-1).instance) };
  assert.deepEqual(past.objects.at(-1), { id: "a.2", kind: "box", at: [20, 10, 28, 20], label_id: "L0", origin: "model", act: "deleted",
    was: { at: [20, 10, 28, 20], label_id: "L0" }, score: 0.7, reason: { reason: "wrong", method: "gradcam", display: "overlay" } });
});
