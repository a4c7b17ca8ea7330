// Answers that are more than one label: sets of labels, and values of attributes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { membersOf, setId } from "../../hitl_widgets/widgets/js/card/sets.js";
import { nearest, stepped, typed, written } from "../../hitl_widgets/widgets/js/card/values.js";
import { KEYS, memoryStorage } from "./storage.js";

const LABELS = ["indoor", "people", "night", "water"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1) }));
const BLUR = { attribute_id: "Ablur", name: "blur", kind: "ordinal", low: 0, high: 10, step: 1 };
const VIEW = { attribute_id: "Aview", name: "view", kind: "choices", choices: ["front", "side"], labels: ["L1"] };
const LOOK = { attribute_id: "Alook", name: "look", kind: "continuous", low: 0, high: 1, step: 0.01, sensitive: "a purpose" };

function open({ task = "multilabel", attributes = [], labels = LABELS, storage = memoryStorage(), certainty = "keep" } = {}) {
  const kernel = { sent: [], now: 1000 };
  const session = new CardSession({ send: (message) => kernel.sent.push(message), reopen: () => {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty, task, methods: ["gradcam"],
    taxonomy: { version: 3, labels: task === "scale" ? [] : labels, attributes }, progress: { answered: 5 }, keys: KEYS, n: null, temporary: false });
  return { session, kernel, storage };
}

const MANY = { suggestion: "+L0+L2", target: "L0", probs: [["L0", 0.9], ["L1", 0.2], ["L2", 0.7], ["L3", 0.1]] };
const VALUES = { values: { Ablur: { value: 3, low: 2, high: 5 }, Aview: { value: "side", low: null, high: null } }, values_model: "v" };
const ONE = { suggestion: "L0", probs: [["L0", 0.9], ["L1", 0.1]] };
function fill(session, of, ...ids) {
  for (const id of ids) session.push({ kind: "item", item: { item_id: id, chosen_by: "random", blind: false, height: 8, width: 8, mime: "image/png", model: "m", probs: [], ...of } },
    [new Uint8Array(4)]);
}
const acts = (kernel) => kernel.sent.filter((m) => m.kind === "decide" || m.kind === "retract");
const keys = (session, ...names) => names.map((name) => session.answering.key(name, /^\d$/.test(name) ? name : "", false));

test("a set's id is made of its labels' ids, and read again", () => {
  assert.deepEqual([setId(["Lb", "La", "La"]), setId([]), membersOf("+La+Lb"), membersOf("+"), membersOf("La"), membersOf(null)],
    ["+La+Lb", "+", ["La", "Lb"], [], ["La"], []]);
});

test("suggested labels are on already, and accepting them is one act", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b");
  assert.deepEqual(session.answering.on, ["L0", "L2"]);
  session.accept();
  const [act] = acts(kernel);
  assert.deepEqual([act.verdict, act.label_id, act.touched, act.seen.suggestion], ["accept", "+L0+L2", [], "+L0+L2"]);
  assert.equal(act.values, undefined);
  assert.equal(session.item.item_id, "b");
});

test("each label's key turns it on or off, and what was touched is told from what was turned off", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b");
  session.press("2");
  session.press("3");
  assert.equal(acts(kernel).length, 0, "nothing is decided by a label's key");
  assert.deepEqual(LABELS.map(({ label_id }) => session.answering.state(label_id)), [{ on: true, by: "model" }, { on: true, by: "hand" },
    { on: false, by: "hand" }, { on: false, by: "model" }]);
  session.accept();
  const [act] = acts(kernel);
  assert.deepEqual([act.verdict, act.label_id, act.touched], ["correct", "+L0+L1", ["L1", "L2"]]);
  assert.deepEqual(session.answering.on, ["L0", "L2"], "the next item begins with its own suggestion");
});

test("a label that was turned on and off again is touched, and the set is the suggested one", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b");
  session.press("2");
  session.press("2");
  session.accept();
  assert.deepEqual([acts(kernel)[0].verdict, acts(kernel)[0].touched], ["accept", ["L1"]]);
});

test("none of them is an answer, and unsure is something else", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b", "c");
  session.press("1");
  session.press("3");
  session.accept();
  session.unsure();
  session.skip();
  assert.deepEqual(acts(kernel).map((act) => [act.verdict, act.label_id, act.touched]), [["correct", "+", ["L0", "L2"]], ["unsure", null, undefined], ["skip", null, undefined]]);
  assert.equal(session.wordsOf(session.queue.past[0]), "none of them");
});

test("a blind item begins with every label off, and its answer is judged by what was visible", () => {
  const { session, kernel } = open();
  fill(session, { ...MANY, blind: true }, "a");
  assert.deepEqual([session.answering.on, session.answering.proposed, session.focused], [[], null, undefined]);
  session.press("1");
  session.press("3");
  session.accept();
  const [act] = acts(kernel);
  assert.deepEqual([act.verdict, act.label_id, act.seen.hidden, act.seen.suggestion], ["answer", "+L0+L2", true, "+L0+L2"]);
});

test("the map is that of the label touched last, asked for once the keys rest, and of the likeliest before", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a");
  assert.equal(session.focused.label_id, "L0");
  const map = (target) => session.push({ kind: "map", item_id: "a", method: "gradcam", target, against: null, height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array([9])]);
  map("L0");
  assert.equal(session.saliency.target, "L0");
  session.press("4");
  session.press("2");
  session.tick();
  assert.ok(!kernel.sent.some((m) => m.kind === "map"));
  kernel.now += 300;
  session.tick();
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "map").map((m) => m.target), ["L1"]);
  map("L1");
  assert.equal(session.saliency.target, "L1");
});

test("undo brings the set back, and Enter stores it again with what was touched", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b");
  session.press("2");
  session.press("3");
  session.accept();
  session.undo();
  assert.deepEqual([session.item.item_id, session.answering.on], ["a", ["L0", "L1"]]);
  assert.deepEqual(session.answering.state("L2"), { on: false, by: "hand" });
  session.press("4");
  session.accept();
  const [, , again] = acts(kernel);
  assert.deepEqual([again.label_id, again.touched], ["+L0+L1+L3", ["L1", "L2", "L3"]]);
});

test("a former set is revised from what it was, and left as it was", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b");
  session.press("2");
  session.accept();
  session.press("4");
  session.step(-1);
  assert.deepEqual(session.answering.on, ["L0", "L1", "L2"]);
  session.escape();
  assert.deepEqual(session.answering.on, ["L0", "L2", "L3"], "what was begun is there again");
  session.step(-1);
  session.press("1");
  session.accept();
  assert.deepEqual([acts(kernel)[1].label_id, acts(kernel)[1].seen.chosen_by], ["+L1+L2", "revision"]);
  assert.deepEqual(session.queue.past.map((past) => session.wordsOf(past)), ["people, night"]);
});

test("labels that were turned on outlive a reload", () => {
  const { session, storage } = open();
  fill(session, MANY, "a");
  session.press("2");
  session.leave();
  const again = open({ storage });
  fill(again.session, MANY, "a");
  assert.deepEqual([again.session.answering.on, again.session.answering.state("L1").by], [["L0", "L1", "L2"], "hand"]);
});

test("a set that is refused comes back as it was, with the reason", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b", "c");
  session.press("2");
  session.accept();
  session.reply({ kind: "rejected", decision_id: acts(kernel)[0].decision_id, reason: "label 'people' is gone." });
  session.accept();
  assert.deepEqual([session.item.item_id, session.item.rejection, session.answering.on], ["a", "label 'people' is gone.", ["L0", "L1", "L2"]]);
});

test("a best guess of several labels", () => {
  const { session, kernel } = open();
  fill(session, MANY, "a", "b");
  session.guess();
  session.press("2");
  session.accept();
  assert.deepEqual([acts(kernel)[0].verdict, acts(kernel)[0].label_id], ["unsure", "+L0+L1+L2"]);
  assert.equal(session.wordsOf(session.queue.past[0]), "perhaps indoor, people, night");
});

test("a certainty is asked before the set is stored, where it is wanted", () => {
  const { session, kernel } = open({ certainty: "ask" });
  fill(session, MANY, "a", "b");
  session.press("2");
  session.accept();
  assert.equal(acts(kernel).length, 0);
  session.rate(7);
  assert.deepEqual([acts(kernel)[0].label_id, acts(kernel)[0].certainty], ["+L0+L1+L2", 7]);
});

test("answered first, the set stays on the card beside the suggestion, and Enter keeps it", () => {
  const { session, kernel } = open();
  fill(session, { ...MANY, blind: true, answer_first: true }, "a");
  fill(session, MANY, "b");
  session.press("2");
  session.accept();
  assert.deepEqual([session.item.item_id, session.answering.on, [...session.answering.proposed]], ["a", ["L1"], ["L0", "L2"]]);
  session.press("1");
  assert.deepEqual(session.answering.on, ["L1"], "a key that was on its way isn't meant for it");
  kernel.now += 400;
  session.press("1");
  session.accept();
  assert.deepEqual(acts(kernel).map((act) => [act.verdict, act.label_id]), [["answer", "+L1"], ["correct", "+L0+L1"]]);
});

test("where one label is all that is asked, its key stores it; where its attributes are asked, they are next", () => {
  const { session, kernel } = open({ task: "classify", attributes: [{ ...BLUR, labels: ["L1"] }, VIEW] });
  fill(session, ONE, "a", "b", "c");
  session.press("3");
  assert.deepEqual([acts(kernel)[0].label_id, acts(kernel)[0].values, acts(kernel)[0].touched], ["L2", undefined, []]);
  session.press("2");
  assert.equal(session.item.item_id, "b");
  assert.deepEqual([session.answering.fields.map(({ name }) => name), session.answering.field.name], [["blur", "view"], "blur"]);
  keys(session, "1", "0", "ArrowDown", "2");
  session.accept();
  const act = acts(kernel)[1];
  assert.deepEqual([act.verdict, act.label_id, act.values, act.touched], ["correct", "L1", { Ablur: 10, Aview: "side" }, ["L1", "Ablur", "Aview"]]);
  assert.equal(session.wordsOf(session.queue.past[1]), "people, blur 10, side");
});

test("suggested values are there already, and go with the label as not touched", () => {
  const { session, kernel } = open({ task: "classify", attributes: [{ ...BLUR, labels: ["L0", "L1"] }, VIEW] });
  fill(session, { ...ONE, ...VALUES }, "a", "b");
  assert.deepEqual(session.answering.given(BLUR), { value: 3, low: 2, high: 5, by: "model" });
  session.accept();
  const [act] = acts(kernel);
  assert.deepEqual([act.verdict, act.values, act.touched], ["accept", { Ablur: 3 }, []]);
  assert.deepEqual([act.seen.values, act.seen.values_model], [{ Ablur: 3, Aview: "side" }, "v"]);
});

test("blind, no value is shown, and the log has what was kept back", () => {
  const { session, kernel } = open({ task: "scale", attributes: [BLUR, { ...VIEW, labels: undefined }] });
  fill(session, { ...VALUES, blind: true }, "a", "b");
  assert.equal(session.blind, true);
  assert.equal(session.answering.given(BLUR), null);
  session.accept();
  assert.match(session.notice.text, /No value is given yet/);
  keys(session, "7");
  session.accept();
  assert.deepEqual([acts(kernel)[0].verdict, acts(kernel)[0].values, acts(kernel)[0].seen.values.Ablur], ["answer", { Ablur: 7 }, 3]);
});

test("values alone: Enter takes the suggested ones, and a value given by hand is a correction", () => {
  const { session, kernel } = open({ task: "scale", attributes: [BLUR] });
  fill(session, VALUES, "a", "b", "c");
  session.accept();
  keys(session, "4");
  session.accept();
  session.unsure();
  assert.deepEqual(acts(kernel).map((act) => [act.verdict, act.label_id, act.values, act.touched]), [["accept", null, { Ablur: 3 }, []],
    ["correct", null, { Ablur: 4 }, ["Ablur"]], ["unsure", null, undefined, undefined]]);
});

test("in a set, the attributes of each label that is on are asked, and those of every item", () => {
  const { session, kernel } = open({ attributes: [BLUR, VIEW, { ...LOOK, labels: ["L3"] }] });
  fill(session, MANY, "a", "b");
  assert.deepEqual(session.answering.fields.map(({ name }) => name), ["blur"]);
  session.press("2");
  assert.deepEqual(session.answering.fields.map(({ name }) => name), ["blur", "view"]);
  assert.equal(session.answering.field, null, "the keys are the labels' still");
  session.answering.move(1);
  session.answering.move(1);
  keys(session, "1");
  session.answering.move(1);
  assert.equal(session.answering.field, null, "and round");
  session.press("2");
  session.accept();
  assert.deepEqual([acts(kernel)[0].values, acts(kernel)[0].touched], [{}, ["L1"]], "a value of a label that is off isn't stored");
});

test("what was said of an attribute can be taken back, and Backspace is an undo only then", () => {
  const { session } = open({ task: "scale", attributes: [BLUR] });
  fill(session, VALUES, "a");
  assert.deepEqual(keys(session, "8", "Backspace"), [true, true]);
  assert.equal(session.answering.given(BLUR), null);
  assert.deepEqual(keys(session, "Backspace", "z", "u"), [false, false, false]);
  assert.equal(session.answering.key("8", "", false), false, "with Shift it is a certainty");
});

test("Escape leads from an attribute back to the labels", () => {
  const { session } = open({ task: "classify", attributes: [{ ...BLUR, labels: ["L1"] }] });
  fill(session, ONE, "a");
  session.press("2");
  assert.deepEqual([session.escape(), session.answering.field, session.pointed], [true, null, "L1"]);
});

test("numbers are typed digit by digit as long as they are on the scale", () => {
  const type = (attribute, ...pressed) => pressed.reduce((text, key) => typed(attribute, text, key)?.text ?? "!", "");
  const value = (attribute, ...pressed) => { const last = pressed.pop(); return typed(attribute, type(attribute, ...pressed), last)?.value; };
  assert.deepEqual([value(BLUR, "1", "0"), value(BLUR, "0"), value(BLUR, "7", "3"), value(BLUR, "1", "0", "0")], [10, 0, 3, 0]);
  assert.deepEqual([value(LOOK, "7"), value(LOOK, "7", "3"), value(LOOK, "0", "5"), value(LOOK, "1", "."), value(LOOK, ".", "4")], [0.7, 0.73, 0.05, 1, 0.4]);
  const warmth = { kind: "continuous", low: -20, high: 40, step: 0.1 };
  assert.deepEqual([value(warmth, "-", "7", ".", "5"), value(warmth, "3", "7"), value(warmth, "5", "5")], [-7.5, 37, 5]);
  const year = { kind: "ordinal", low: 18, high: 99, step: 1 };
  assert.deepEqual([value(year, "4"), value(year, "4", "2")], [null, 42]);
  assert.deepEqual([typed(VIEW, "", "2").value, typed(VIEW, "", "3"), typed(BLUR, "", "."), typed(BLUR, "", "-")], ["side", null, null, null]);
});

test("arrows step along a scale and along choices, and stop at the ends", () => {
  assert.deepEqual([stepped(BLUR, 10, 1), stepped(BLUR, null, 1), stepped(LOOK, 0.5, -1), stepped(LOOK, 0.5, 1, true), stepped(VIEW, null, 1), stepped(VIEW, "side", 1)],
    [10, 5, 0.49, 0.6, "front", "side"]);
  assert.deepEqual([nearest(BLUR, 11.2), nearest(LOOK, 0.4999), written(LOOK, 0.5), written(LOOK, 0.7342), written(BLUR, 3)], [10, 0.5, "0.50", "0.7342", "3"]);
});

test("of values alone the map is that of the attribute in hand", () => {
  const { session, kernel } = open({ task: "scale", attributes: [BLUR, LOOK] });
  fill(session, { values: { ...VALUES.values, Alook: { value: 0.5, low: 0.4, high: 0.6 } }, target: "Ablur" }, "a");
  const map = (target) => session.push({ kind: "map", item_id: "a", method: "gradcam", target, against: null, height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array([9])]);
  map("Ablur");
  assert.equal(session.saliency.target, "Ablur");
  session.answering.move(1);
  kernel.now += 300;
  session.tick();
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "map").map((m) => m.target), ["Alook"]);
  map("Alook");
  assert.equal(session.saliency.target, "Alook");
});

test("another attribute's map says nothing of the one in hand, and none is asked for where nothing is suggested", () => {
  const { session, kernel } = open({ task: "scale", attributes: [BLUR, LOOK] });
  fill(session, { values: { Ablur: { value: 3, low: 2, high: 5 } }, target: "Ablur" }, "a");
  session.push({ kind: "map", item_id: "a", method: "gradcam", target: "Ablur", against: null, height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array([9])]);
  session.answering.move(1);
  kernel.now += 300;
  session.tick();
  assert.deepEqual([session.saliency, kernel.sent.filter((m) => m.kind === "map").length], [null, 0]);
});

/** A card with labels and two attributes of the suggested one, whose item has a map for that label. */
function besideLabel(of = {}, setup = {}) {
  const { session, kernel, storage } = open({ task: "classify", attributes: [BLUR, { ...VIEW, labels: undefined }], ...setup });
  fill(session, { ...ONE, ...VALUES, ...of }, "a", "b");
  const map = (target, more = {}) => session.push({ kind: "map", item_id: session.item.item_id, method: "gradcam", target, against: null, height: 1, width: 1, box: [0, 0, 8, 8], signed: false, ...more },
    [new Uint8Array([9])]);
  const rest = () => { kernel.now += 300; session.tick(); };
  map("L0", { model: "m" });
  return { session, kernel, storage, map, rest };
}
const asked = (kernel) => kernel.sent.filter((m) => m.kind === "map").map((m) => m.target);

test("beside a label, the map is that of the attribute in hand, and the label's again when that is left", () => {
  const { session, kernel, map, rest } = besideLabel();
  assert.equal(session.saliency.target, "L0");
  session.answering.move(1);
  rest();
  assert.equal(session.saliency, null, "the label's map isn't taken for the attribute's");
  map("Ablur", { model: "v" });
  assert.deepEqual([session.saliency.target, session.answering.mapped("Ablur")], ["Ablur", "blur 3"]);
  session.answering.move(1);
  rest();
  map("Aview=side", { model: "v" });
  assert.deepEqual([session.saliency.target, session.answering.mapped("Aview=side")], ["Aview=side", "view: side"]);
  assert.deepEqual(asked(kernel), ["Ablur", "Aview=side"]);
  assert.equal(session.escape(), true);
  rest();
  assert.deepEqual([session.saliency.target, session.answering.mapped("L0"), asked(kernel).length], ["L0", null, 2]);
});

test("a map of an attribute is compared with the version of what suggested the value, not with the labels' model", () => {
  const { session, map, rest } = besideLabel();
  session.answering.move(1);
  rest();
  map("Ablur", { model: "m" });
  assert.equal(session.saliency, null);
  assert.match(session.item.maps["gradcam Ablur"].problem, /learnt more/);
});

test("where nothing is suggested of the attribute in hand, the label's map stays", () => {
  const { session, kernel, rest } = besideLabel({ values: undefined, values_model: undefined });
  session.answering.move(1);
  rest();
  assert.deepEqual([session.answering.field.name, session.saliency.target, asked(kernel)], ["blur", "L0", []]);
});

test("an attribute has its map also where no model suggests a label", () => {
  const { session, kernel, map, rest } = besideLabel({ suggestion: undefined, probs: [], model: undefined });
  session.answering.move(1);
  rest();
  assert.deepEqual(asked(kernel), ["Ablur"]);
  map("Ablur", { model: "v" });
  assert.equal(session.saliency.target, "Ablur");
});

test("in a set too, the map is that of the attribute in hand", () => {
  const { session, kernel, map, rest } = besideLabel({ ...MANY }, { task: "multilabel" });
  session.answering.move(1);
  rest();
  map("Ablur", { model: "v" });
  assert.deepEqual([asked(kernel), session.saliency.target], [["Ablur"], "Ablur"]);
  session.press("2");
  rest();
  assert.deepEqual(asked(kernel), ["Ablur", "L1"], "a label's key leads back to labels");
});

test("of values alone a choice has a map too", () => {
  const { session, kernel, map, rest } = besideLabel({ suggestion: undefined, probs: [], model: undefined, target: "Ablur" }, { task: "scale" });
  session.answering.move(1);
  rest();
  assert.deepEqual(asked(kernel), ["Aview=side"]);
  map("Aview=side", { model: "v" });
  assert.equal(session.saliency.target, "Aview=side");
});

test("the log has the map of the attribute that was on the screen", () => {
  const { session, kernel, map, rest } = besideLabel();
  session.answering.move(1);
  rest();
  map("Ablur", { model: "v" });
  session.accept();
  const { seen } = acts(kernel)[0];
  assert.deepEqual([seen.method, seen.target, seen.display], ["gradcam", "Ablur", "overlay"]);
});

test("what is said of a label's map stays that map's, also where an attribute's is on the screen at last", () => {
  const { session, kernel, storage, map, rest } = besideLabel();
  session.judge("wrong");
  session.answering.move(1);
  rest();
  map("Ablur", { model: "v" });
  session.judge("right");
  assert.match(session.notice.text, /the map for indoor, and a decision judges one map only/);
  session.nextBrush();
  session.withBrush((brush, item, draft) => brush.press(item, draft));
  assert.deepEqual([session.draft.reason, session.draft.regions.count("wrong")], ["wrong", 0]);
  session.tick();
  const again = besideLabel({}, { storage }).session;
  assert.equal(again.draft.map.target, "L0", "after a reload too");
  session.accept();
  const [act] = acts(kernel);
  assert.deepEqual([act.reason, act.seen.target], ["wrong", "L0"]);
  session.undo();
  assert.equal(session.draft.map.target, "L0", "and after an undo");
});

test("what is said of an attribute's map is that map's, and once it is taken back the label's can be judged", () => {
  const { session, kernel, map, rest } = besideLabel();
  session.answering.move(1);
  rest();
  map("Ablur", { model: "v" });
  session.nextBrush();
  session.withBrush((brush, item, draft) => brush.press(item, draft));
  session.escape();
  session.answering.leave();
  rest();
  session.judge("right");
  assert.match(session.notice.text, /the map for blur 3/);
  session.answering.move(1);
  session.draft.regions.undo();
  session.judge("wrong");
  session.answering.leave();
  session.judge("right");
  session.accept();
  assert.deepEqual([acts(kernel)[0].reason, acts(kernel)[0].seen.target], ["right", "L0"]);
});

test("an answer that is looked at again keeps the map of which something was said", () => {
  const { session, kernel } = besideLabel();
  session.push({ kind: "past", past: [{ decision_id: "d1", item_id: "z", verdict: "accept", label_id: "L0", label: "indoor", certainty: null, certainty_source: null, flags: [], note: null,
    reason: "wrong", wrong: null, missing: null, suggestion: "L0", hidden: false, chosen_by: "random", map: { method: "saliency", target: "L0", display: "hot", against: null, models: ["m"] } }] }, []);
  session.revise(session.queue.past[0]);
  session.push({ kind: "item", again: true, item: { item_id: "z", chosen_by: "revision", blind: false, height: 8, width: 8, mime: "image/png", model: "m", ...ONE } }, [new Uint8Array(4)]);
  session.accept();
  assert.deepEqual([acts(kernel)[0].reason, acts(kernel)[0].seen.method, acts(kernel)[0].seen.display], ["wrong", "saliency", "hot"]);
});

test("a map of which something was said isn't logged once its label was retired, or where another model suggests", () => {
  const past = { decision_id: "d1", item_id: "z", verdict: "accept", label_id: "L0", label: "indoor", certainty: null, certainty_source: null, flags: [], note: null,
    reason: "wrong", wrong: null, missing: null, suggestion: "L0", hidden: false, chosen_by: "random", map: { method: "saliency", target: "L0", display: "hot", against: null, models: ["m"] } };
  const again = (item = {}, of = {}) => {
    const { session, kernel } = besideLabel();
    session.push({ kind: "past", past: [{ ...past, map: { ...past.map, ...of } }] }, []);
    session.revise(session.queue.past[0]);
    session.push({ kind: "item", again: true, item: { item_id: "z", chosen_by: "revision", blind: false, height: 8, width: 8, mime: "image/png", model: "m", ...ONE, ...item } }, [new Uint8Array(4)]);
    session.accept();
    const [act] = acts(kernel);
    return [act.reason, act.seen.method, act.seen.target];
  };
  assert.deepEqual(again(), ["wrong", "saliency", "L0"]);
  assert.deepEqual(again({ model: "newer" }), ["wrong", undefined, undefined]);
  assert.deepEqual(again({}, { target: "retired" }), ["wrong", undefined, undefined]);
  assert.deepEqual(again({}, { target: "Aretired" }), ["wrong", undefined, undefined]);
});

test("nothing is marked while the map of the attribute in hand is on its way", () => {
  const { session, kernel, map, rest } = besideLabel();
  session.answering.move(1);
  rest();
  session.nextBrush();
  const press = () => session.withBrush((brush, item, draft) => brush.press(item, draft));
  press();
  assert.match(session.notice.text, /The map of blur 3 isn't here yet/);
  assert.equal(session.draft.regions?.count("wrong") ?? 0, 0);
  map("Ablur", { model: "v" });
  press();
  session.accept();
  const [{ seen, wrong }] = acts(kernel);
  assert.deepEqual([seen.target, Boolean(wrong)], ["Ablur", true]);
});

test("what was said of the label's map keeps the brush from an attribute whose map is on its way", () => {
  const { session, rest } = besideLabel();
  session.judge("wrong");
  session.answering.move(1);
  rest();
  session.nextBrush();
  session.withBrush((brush, item, draft) => brush.press(item, draft));
  assert.match(session.notice.text, /a decision judges one map/);
});

test("the map of an attribute isn't compared with another", () => {
  const { session, rest } = besideLabel();
  session.answering.move(1);
  rest();
  session.oppose();
  assert.match(session.notice.text, /isn't compared/);
  assert.equal(session.against, null);
});
