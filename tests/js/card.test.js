// The card's session without a browser: a kernel that is a list, a clock that is a number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { PATIENCE_MS } from "../../hitl_widgets/widgets/js/link.js";
import { KEYS, memoryStorage } from "./storage.js";

const LABELS = ["cat", "dog", "owl"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1) }));

function open({ storage = memoryStorage(), certainty = "keep", annotator = "ada", before = (_) => {}, ...more } = {}) {
  const kernel = { sent: [], saved: [], reopened: 0, now: 1000 };
  const session = new CardSession({
    send: (message) => kernel.sent.push(message), reopen: () => { kernel.reopened++; }, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }),
    save: (name, bytes) => kernel.saved.push([name, bytes.byteLength]),
  });
  session.hello();
  before(session);
  session.reply({ kind: "ready", project_id: "p", annotator, annotator_is_default: false, certainty, methods: ["gradcam"],
    taxonomy: { version: 3, labels: LABELS }, progress: { answered: 5, today: 2, in_round: 3, round: 1, items: 100 },
    keys: KEYS, n: null, temporary: false, ...more });
  return { session, kernel, storage };
}

const item = (id, more = {}) => ({ kind: "item", item: { item_id: id, chosen_by: "margin", blind: false, height: 8, width: 8,
  mime: "image/png", suggestion: "L1", model: "m", probs: [["L1", 0.8], ["L0", 0.2]], ...more } });
const fill = (session, ...ids) => ids.forEach((id) => session.push(item(id), [new Uint8Array(4)]));
const acts = (kernel) => kernel.sent.filter((m) => m.kind === "decide" || m.kind === "retract");
const storeAll = (session, kernel) => acts(kernel).forEach((a) => session.reply({ kind: "stored", decision_id: a.decision_id }));

test("the next item is there at once, before the kernel has answered", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.accept();
  assert.equal(session.item.item_id, "b");
  assert.equal(session.pending, 1);
  const [act] = acts(kernel);
  assert.deepEqual([act.item_id, act.verdict, act.label_id, act.annotator], ["a", "accept", "L1", "ada"]);
  session.reply({ kind: "stored", decision_id: act.decision_id });
  assert.equal(session.pending, 0);
});

test("the verdict follows from what was visible", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.push(item("c", { blind: true }), [new Uint8Array(4)]);
  session.choose("L1");
  session.choose("L0");
  session.choose("L1");
  assert.deepEqual(acts(kernel).map((a) => a.verdict), ["accept", "correct", "answer"]);
  assert.equal(acts(kernel)[2].seen.hidden, true);
  assert.equal(acts(kernel)[2].seen.suggestion, "L1");
});

test("nothing visible can't be accepted", () => {
  const { session, kernel } = open();
  session.push(item("a", { blind: true }), [new Uint8Array(4)]);
  session.accept();
  assert.equal(session.item.item_id, "a");
  assert.equal(acts(kernel).length, 0);
});

test("seen names the map only while it is on the screen, and how long the item was looked at", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  for (const id of ["a", "b"]) {
    session.push({ kind: "map", item_id: id, method: "gradcam", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false },
      [new Uint8Array([200])]);
  }
  session.painted();
  kernel.now += 640;
  session.accept();
  session.toggleMap();
  session.accept();
  session.accept();
  const [first, second] = acts(kernel).map((a) => a.seen);
  assert.deepEqual(first, { chosen_by: "margin", taxonomy: 3, suggestion: "L1", probs: { L1: 0.8, L0: 0.2 }, model: "m",
    method: "gradcam", target: "L1", display: "overlay", shown_ms: 640 });
  assert.equal(second.method, undefined);
});

test("an undo goes out behind its decision, and what follows behind the undo", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.accept();
  session.undo();
  assert.equal(session.item.item_id, "a");
  session.choose("L2");
  const [decided, undone, again] = acts(kernel);
  assert.deepEqual(acts(kernel).map((a) => a.kind), ["decide", "retract", "decide"]);
  assert.equal(undone.retracts, decided.decision_id);
  assert.deepEqual([decided.after, undone.after, again.after], [undefined, decided.decision_id, undone.decision_id]);
  storeAll(session, kernel);
  assert.equal(session.pending, 0);
});

test("fifty decisions can be undone, and no more", () => {
  const { session } = open();
  fill(session, ...Array.from({ length: 60 }, (_, i) => `i${i}`));
  for (let i = 0; i < 55; i++) session.accept();
  for (let i = 0; i < 60; i++) session.undo();
  assert.equal(session.item.item_id, "i5");
});

test("what wasn't answered in five seconds is sent again, and after ten another line is tried", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c", "d", "e", "f", "g", "h");
  session.accept();
  kernel.now += PATIENCE_MS - 1;
  session.tick();
  assert.equal(acts(kernel).length, 1);
  kernel.now += 1;
  session.tick();
  assert.equal(acts(kernel).length, 2);
  assert.equal(kernel.reopened, 0);
  kernel.now += PATIENCE_MS;
  session.tick();
  assert.equal(kernel.reopened, 1);
  assert.equal(new Set(acts(kernel).map((a) => a.decision_id)).size, 1);
  assert.equal(session.waited_ms, 2 * PATIENCE_MS);
});

test("a greeting that nobody answers is repeated soon", () => {
  const sent = [];
  let now = 0;
  const session = new CardSession({ send: (m) => sent.push(m), reopen() {}, now: () => now, instant: () => "", storage: null, base: "/" });
  session.hello();
  for (now = 0; now < 1000; now += 250) session.tick();
  assert.ok(sent.length >= 2);
  assert.deepEqual(sent.map((m) => m.n), sent.map((_, i) => i + 1));
  assert.equal(session.face, "start");
});

test("after a reload the decisions go out again, in the tab's order, under the same ids", () => {
  const first = open();
  fill(first.session, "a", "b", "c");
  first.session.accept();
  first.session.choose("L0");
  first.session.unsure();
  const second = open({ storage: first.storage });
  assert.deepEqual(acts(second.kernel), acts(first.kernel));
  assert.equal(second.session.pending, 3);
  fill(second.session, "a", "d");
  assert.equal(second.session.item.item_id, "d", "an item whose answer is on its way doesn't come back");
  storeAll(second.session, second.kernel);
  assert.equal(second.storage.length, 0);
});

test("after a reload the header counts the decisions that wait, as it did when they were made", () => {
  const counts = ({ tally }) => [tally.answered, tally.in_round, tally.here];
  const first = open();
  fill(first.session, "a", "b", "c", "d", "e");
  first.session.accept();
  first.session.choose("L0");
  first.session.skip();
  first.session.unsure();
  first.session.undo();
  first.session.undo();
  first.session.undo();
  first.session.accept();
  first.session.step(-1);
  first.session.choose("L2"); // a revision
  assert.deepEqual(counts(first.session), [7, 5, 2]);
  const second = open({ storage: first.storage, progress: { answered: 5, today: 2, in_round: 3, here: 0, items: 100 } });
  assert.deepEqual(counts(second.session), [7, 5, 2], "from the first moment");
  second.session.push({ kind: "progress", progress: { answered: 6, today: 3, in_round: 4, here: 1, items: 100 } }, []);
  assert.deepEqual(counts(second.session), [7, 5, 2], "a part is stored");
  storeAll(second.session, second.kernel);
  second.session.push({ kind: "progress", progress: { answered: 7, today: 4, in_round: 5, here: 2, items: 100 } }, []);
  assert.deepEqual(counts(second.session), [7, 5, 2]);
});

test("after a reload a waiting decision that is refused since another one stands isn't counted any more", () => {
  const first = open();
  fill(first.session, "a", "b");
  first.session.accept();
  const { session, kernel } = open({ storage: first.storage });
  assert.equal(session.tally.answered, 6);
  session.reply({ kind: "rejected", decision_id: acts(kernel)[0].decision_id, item_id: "a", reason: "Decided in another tab.", again: false, decided: true });
  assert.equal(session.tally.answered, 5);
});

test("after a reload a waiting answer of an earlier day isn't counted today, and one of both answers to an item is", () => {
  const first = openFirst();
  first.session.choose("L0");
  first.session.accept();
  const { session } = open({ storage: first.storage });
  assert.deepEqual([session.tally.answered, session.tally.today], [6, 3]);
  const later = new CardSession({ send() {}, reopen() {}, now: () => Date.parse("2026-03-03T12:00:00Z"), instant: () => "",
    storage: first.storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  later.reply({ ...session.setup, kind: "ready", progress: { answered: 5, today: 2, in_round: 3, items: 100 } });
  assert.deepEqual([later.tally.answered, later.tally.today], [6, 2]);
});

test("an item that is pushed before `ready` doesn't come back either, when its answer is on its way", () => {
  const first = open();
  fill(first.session, "a", "b");
  first.session.accept();
  const { session, kernel, storage } = open({ storage: first.storage, before: (s) => fill(s, "a", "b") });
  assert.deepEqual(session.queue.items.map((i) => i.item_id), ["b"]);
  storeAll(session, kernel);
  assert.equal(storage.length, 0);
});

test("another annotator's decisions are counted, never sent as mine", () => {
  const first = open({ annotator: "ada" });
  fill(first.session, "a", "b");
  first.session.accept();
  const second = open({ storage: first.storage, annotator: "bob" });
  assert.equal(acts(second.kernel).length, 0);
  assert.equal(second.session.outbox.others, 1);
  assert.equal(first.storage.length, 1);
});

test("a rejected decision brings its item back as the next one, with the reason", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.accept();
  session.reply({ kind: "rejected", decision_id: acts(kernel)[0].decision_id, reason: "no such label" });
  assert.deepEqual(session.queue.items.map((i) => i.item_id), ["b", "a", "c"]);
  assert.equal(session.queue.items[1].rejection, "no such label");
  assert.equal(session.pending, 0);
});

test("what another tab's act is told is nothing to this one", () => {
  const { session } = open();
  fill(session, "a");
  session.reply({ kind: "rejected", decision_id: "f".repeat(32), reason: "no such label" });
  assert.equal(session.notice, null);
});

test("what couldn't be stored just now stays, and is sent again", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.accept();
  session.reply({ kind: "rejected", decision_id: acts(kernel)[0].decision_id, reason: "disk full", again: true });
  assert.equal(session.pending, 1);
  assert.equal(session.item.item_id, "b");
  kernel.now += PATIENCE_MS;
  session.tick();
  assert.equal(acts(kernel).length, 2);
});

const refuse = (session, act) => session.reply({ kind: "rejected", decision_id: act.decision_id, reason: "busy", again: true });

test("what waits behind a refused act goes out again as soon as that one is stored, in the tab's order", () => {
  const { session, kernel } = open();
  fill(session, ..."abcd");
  for (let i = 0; i < 4; i++) session.accept();
  const first = acts(kernel);
  for (const act of first) refuse(session, act);
  kernel.sent.length = 0;
  kernel.now += PATIENCE_MS - 1;
  session.tick();
  assert.equal(acts(kernel).length, 0, "a log that refuses isn't hurried");
  kernel.now += 1;
  session.tick();
  assert.deepEqual(acts(kernel).map((a) => a.item_id), ["a", "b", "c", "d"]);
  assert.deepEqual(acts(kernel).map((a) => a.after), [undefined, ...first.slice(0, 3).map((a) => a.decision_id)]);
  for (const act of first) refuse(session, act);
  kernel.sent.length = 0;
  session.reply({ kind: "stored", decision_id: first[0].decision_id });
  assert.deepEqual(acts(kernel).map((a) => a.item_id), ["b", "c", "d"]);
  storeAll(session, kernel);
  assert.equal(session.pending, 0);
});

test("an act that got lost is sent again together with those that were refused because of it", () => {
  const { session, kernel } = open();
  fill(session, ..."abc");
  session.accept();
  kernel.now += 1000;
  session.accept();
  session.accept();
  for (const act of acts(kernel).slice(1)) refuse(session, act);
  kernel.sent.length = 0;
  kernel.now += PATIENCE_MS - 1000;
  session.tick();
  assert.deepEqual(acts(kernel).map((a) => a.item_id), ["a", "b", "c"]);
});

test("certainty is carried over under `keep`, and says so", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.accept();
  session.rate(7);
  session.accept();
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => [a.certainty, a.seen.certainty]), [[null, undefined], [7, "given"], [7, "carried"]]);
});

test("under `ask` a decision waits for its certainty; a skip doesn't", () => {
  const { session, kernel } = open({ certainty: "ask" });
  fill(session, "a", "b", "c", "d");
  session.accept();
  assert.equal(session.item.item_id, "a");
  session.rate(4);
  session.skip();
  session.rate(9);
  session.accept();
  session.choose("L0");
  session.escape();
  assert.equal(session.item.item_id, "d");
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.certainty]), [["accept", 4], ["skip", null], ["accept", 9]]);
});

test("under `unsure_only` only an unsure waits", () => {
  const { session, kernel } = open({ certainty: "unsure_only" });
  fill(session, "a", "b");
  session.accept();
  session.unsure();
  session.rate(2);
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.certainty]), [["accept", null], ["unsure", 2]]);
});

test("a new model replaces what waits, but not the item on the screen and the next one", () => {
  const { session } = open();
  fill(session, "a", "b", "c", "d");
  session.push({ kind: "drop", item_ids: ["a", "b", "c", "d"], keep: 2 }, []);
  session.push(item("e", { model: "new" }), [new Uint8Array(4)]);
  session.push(item("b", { model: "new" }), [new Uint8Array(4)]);
  assert.deepEqual(session.queue.items.map((i) => [i.item_id, i.model]), [["a", "m"], ["b", "m"], ["e", "new"]]);
});

test("an item that comes anew with another model's suggestion has its picture at once, and what is on the screen stays", async () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  await Promise.resolve();
  await Promise.resolve();
  const [, , third] = session.queue.items;
  await third.decoding;
  const { picture } = third;
  assert.ok(picture);
  for (const id of ["a", "b", "c"]) session.push(item(id, { model: "newer", suggestion: "L2", probs: [["L2", 0.9]] }), [new Uint8Array(4)]);
  assert.deepEqual(session.queue.items.map(({ model }) => model), ["m", "m", "newer"]);
  assert.equal(session.queue.items[2].picture, picture);
  for (let n = 0; n < 3; n++) session.accept();
  assert.deepEqual(acts(kernel).map(({ label_id, seen }) => [label_id, seen.model]), [["L1", "m"], ["L1", "m"], ["L2", "newer"]]);
});

test("a method that a person switches to is asked for once, since after a change of models it doesn't come by itself", () => {
  const { session, kernel } = open();
  session.display.methods = ["gradcam", "occlusion"];
  fill(session, "a");
  const asked = () => kernel.sent.filter((m) => m.kind === "map");
  session.toggleMap();
  session.toggleMap();
  assert.deepEqual(asked(), []);
  for (let n = 0; n < 3; n++) session.nextMap("method");
  assert.deepEqual(asked().filter((m) => m.method === "occlusion"), [{ kind: "map", item_id: "a", method: "occlusion", target: "L1" }]);
  session.push({ kind: "map", item_id: "a", method: "occlusion", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false,
    model: "newer" }, [new Uint8Array([200])]);
  assert.match(session.item.maps.occlusion.problem, /has learnt more/);
});

test("no map is waited for where an edit took away the label that it would explain", () => {
  const { session } = open();
  fill(session, "a");
  assert.equal(session.toExplain, "L1");
  session.push({ kind: "taxonomy", taxonomy: { version: 4, labels: LABELS.filter(({ label_id }) => label_id !== "L1") } }, []);
  assert.equal(session.toExplain, null);
  session.pointed = "L0";
  assert.equal(session.toExplain, "L0");
});

test("a map of a newer model takes no place beside the suggestion of the former one", () => {
  const { session } = open();
  fill(session, "a", "b");
  const map = (item_id, model, more = {}) => session.push({ kind: "map", item_id, method: "gradcam", target: "L1", height: 1, width: 1,
    box: [0, 0, 8, 8], signed: false, model, ...more }, [new Uint8Array([200])]);
  map("a", "m");
  map("a", "newer");
  assert.equal(session.saliency.model, "m");
  map("b", "newer");
  session.point(1);
  map("a", "newer", { target: session.pointed });
  assert.equal(session.saliency.target, "L1");
  assert.match(session.queue.items[0].maps[`gradcam ${session.pointed}`].problem, /has learnt more/);
  session.choose("L1");
  assert.equal(session.saliency, null);
  assert.match(session.item.maps.gradcam.problem, /has learnt more/);
});

test("a map that comes after the decision is there when the decision is undone", () => {
  const { session } = open();
  fill(session, "a", "b");
  session.accept();
  session.push({ kind: "map", item_id: "a", method: "gradcam", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false },
    [new Uint8Array([200])]);
  assert.equal(session.saliency, null);
  session.undo();
  assert.deepEqual([session.item.item_id, session.saliency?.target], ["a", "L1"]);
});

test("an item decided in another tab leaves this one's queue, and the screen once no finger is about to press", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c", "d");
  const ids = () => session.queue.items.map((i) => i.item_id);
  const decideElsewhere = (item_id) => session.push({ kind: "drop", item_ids: [item_id], keep: 1, decision_id: `theirs ${item_id}` }, []);
  decideElsewhere("c");
  assert.deepEqual(ids(), ["a", "b", "d"]);
  session.accept();
  decideElsewhere("b");
  assert.deepEqual(ids(), ["b", "d"]);
  kernel.now += 1000;
  session.tick();
  assert.deepEqual(ids(), ["d"]);
  decideElsewhere("d");
  assert.deepEqual(ids(), []);
});

test("more items are asked for before they run out, and not at every key", () => {
  const { session, kernel } = open();
  fill(session, ..."abcdefghij");
  kernel.sent.length = 0;
  kernel.now += 10_000;
  for (let i = 0; i < 8; i++) session.accept();
  assert.equal(kernel.sent.filter((m) => m.kind === "more").length, 1);
  assert.deepEqual(new Set(kernel.sent.find((m) => m.kind === "more").have), new Set("abcdefghij"));
});

test("a label keeps its key when the taxonomy changes", () => {
  const { session } = open();
  session.push({ kind: "taxonomy", taxonomy: { version: 4, labels: [
    { label_id: "L9", name: "ant", path: "ant", key: "1" }, ...LABELS.slice(1)] } }, []);
  assert.deepEqual([...session.keys], [["L1", "2"], ["L2", "3"], ["L9", "4"]]);
});

const past = (id, more = {}) => ({ decision_id: `d-${id}`, item_id: id, verdict: "correct", label_id: "L0", label: "cat", certainty: 6,
  flags: [], note: null, suggestion: "L1", hidden: false, chosen_by: "margin", ...more });
const told = (session) => session.queue.past.map((p) => [p.item_id, session.wordsOf(p)]);

test("what was decided before a reload can be undone, and its item is fetched again", () => {
  const { session, kernel } = open();
  session.push({ kind: "past", past: [past("x"), past("y")] }, []);
  fill(session, "a");
  session.undo();
  assert.deepEqual(acts(kernel).map((a) => [a.kind, a.retracts]), [["retract", "d-y"]]);
  assert.deepEqual([session.face, session.item.item_id], ["fetch", "y"]);
  assert.deepEqual(kernel.sent.at(-1), { kind: "fetch", item_id: "y" });
  session.accept();
  assert.equal(acts(kernel).length, 1, "nothing is decided on an item that isn't there");
  session.push({ ...item("y"), again: true }, [new Uint8Array(4)]);
  assert.deepEqual([session.face, session.item.item_id, session.queue.items.length], [null, "y", 2]);
  session.choose("L2");
  assert.equal(acts(kernel)[1].seen.chosen_by, "margin", "it is asked for the reason it was asked for first");
  assert.equal(session.item.item_id, "a");
});

test("an item that can't be fetched lets the others on", () => {
  const { session } = open();
  session.push({ kind: "past", past: [past("x")] }, []);
  fill(session, "a");
  session.undo();
  session.reply({ kind: "rejected", item_id: "x", reason: "it left the pool." });
  assert.deepEqual([session.face, session.item.item_id], [null, "a"]);
  assert.match(session.notice.text, /left the pool/);
});

test("a past decision is revised in place: the item on the screen waits, and comes back", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.rate(9);
  session.toggleFlag("second_look");
  session.write("odd");
  session.choose("L0");
  session.choose("L1");
  session.toggleFlag("ethics");
  session.step(-1);
  session.step(-1);
  assert.equal(session.item.item_id, "a");
  assert.deepEqual([[...session.draft.flags], session.draft.note, session.certainty.value], [["second_look"], "odd", 9]);
  assert.equal(session.focused.label_id, "L0", "Enter would keep what was said");
  session.choose("L2");
  const act = acts(kernel).at(-1);
  assert.deepEqual([act.item_id, act.label_id, act.note, act.flags, act.seen.chosen_by], ["a", "L2", "odd", ["second_look"], "revision"]);
  assert.deepEqual([session.item.item_id, [...session.draft.flags]], ["c", ["ethics"]], "and so do the flags set there before");
  assert.deepEqual(told(session), [["b", "dog"], ["a", "owl"]]);
  assert.equal(session.tally.answered, 7, "a revision isn't another answer");
});

test("undoing a revision lets the former answer stand again, and leaves the screen alone", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  session.choose("L1");
  session.revise(session.queue.past[0]);
  session.choose("L2");
  storeAll(session, kernel);
  session.undo();
  assert.deepEqual(acts(kernel).at(-1).retracts, acts(kernel).at(-2).decision_id);
  assert.deepEqual(told(session), [["a", "cat"], ["b", "dog"]]);
  assert.equal(session.item.item_id, "c");
  assert.match(session.notice.text, /cat is your answer again/);
});

test("after a reload too: the log says what stands again", () => {
  const { session } = open();
  session.push({ kind: "past", past: [past("b"), past("a", { decision_id: "d-revision", chosen_by: "revision", label_id: "L2" })] }, []);
  fill(session, "c");
  session.undo();
  assert.deepEqual([session.item.item_id, session.face], ["c", null]);
  session.push({ kind: "past", past: [past("a"), past("b")] }, []);
  assert.deepEqual(told(session), [["a", "cat"], ["b", "cat"]]);
});

test("Esc leaves a revision as it was", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.rate(3);
  session.choose("L0");
  session.rate(8);
  session.step(-1);
  assert.deepEqual(session.certainty, { value: 3, source: "given" }, "as it was said of this item");
  assert.equal(session.escape(), true);
  assert.deepEqual([session.item.item_id, session.certainty.value, acts(kernel).length], ["b", 8, 1]);
  assert.equal(session.escape(), false);
});

test("a blind item's suggestion is told afterwards, and not before the next decision", () => {
  const { session, kernel } = open();
  session.push(item("a", { blind: true }), [new Uint8Array(4)]);
  fill(session, "b", "c");
  session.choose("L0");
  storeAll(session, kernel);
  assert.equal(session.queue.past[0].revealed, undefined);
  session.undo();
  storeAll(session, kernel);
  assert.equal(session.item.blind, true, "taken back at once it is as blind as before");
  session.choose("L0");
  session.choose("L0");
  assert.equal(session.queue.past[0].revealed, true);
  session.step(-1);
  session.step(-1);
  assert.deepEqual([session.item.item_id, session.item.blind], ["a", false]);
  session.choose("L1");
  const { seen, verdict } = acts(kernel).at(-1);
  assert.deepEqual([verdict, seen.hidden, seen.suggestion], ["accept", undefined, "L1"], "the log knows that it was seen");
});

test("after a reload, what is on its way stands among the past, and what was taken back doesn't", () => {
  const storage = memoryStorage();
  const first = open({ storage });
  fill(first.session, "a", "b", "c");
  first.session.choose("L0");
  first.session.choose("L1");
  first.session.choose("L2");
  first.session.undo();
  const { session } = open({ storage });
  session.push({ kind: "past", past: [past("x")] }, []);
  assert.deepEqual(session.queue.past.map((p) => [p.item_id, p.label_id]), [["x", "L0"], ["a", "L0"], ["b", "L1"]]);
});

test("a list of the past that was made a moment ago brings nothing back that was undone since", () => {
  const { session } = open();
  session.push({ kind: "past", past: [past("x"), past("y")] }, []);
  fill(session, "a");
  session.undo();
  session.push({ kind: "past", past: [past("x"), past("y")] }, []);
  assert.deepEqual(session.queue.past.map((p) => p.item_id), ["x"]);
});

test("unsure may carry a best guess", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.guess();
  assert.equal(session.escape(), true);
  session.guess();
  session.choose("L2");
  session.unsure();
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id]), [["unsure", "L2"], ["unsure", null]]);
});

test("flags and a note go with the decision, and not with the next one", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.toggleFlag("ethics");
  session.toggleFlag("second_look");
  session.toggleFlag("ethics");
  session.write("  a scar? ");
  session.accept();
  session.accept();
  session.flag();
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.flags, a.note]),
    [["accept", ["second_look"], "a scar?"], ["accept", [], null], ["unsure", ["bad_data"], null]]);
});

test("what was said beside the label is there again after an undo, and the next item keeps its own", () => {
  const { session } = open();
  fill(session, "a", "b");
  session.write("first");
  session.accept();
  session.write("second");
  session.undo();
  assert.equal(session.draft.note, "first");
  session.accept();
  assert.equal(session.draft.note, "second");
});

test("arrows move the focus through the model's labels, then the others; Enter takes the one in focus", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  assert.equal(session.focused.label_id, "L1");
  session.point(1);
  session.point(1);
  assert.equal(session.focused.label_id, "L2");
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id]), [["correct", "L2"]]);
  assert.equal(session.focused.label_id, "L1", "and the next item begins with its suggestion");
});

test("a mouse that rests on a label explains it, and changes nothing that Enter does", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.peek("L2");
  assert.deepEqual([session.explained.label_id, session.focused.label_id], ["L2", "L1"]);
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => a.label_id), ["L1"]);
});

test("the log tells how the map was shown", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  for (const id of ["a", "b"]) {
    session.push({ kind: "map", item_id: id, method: "gradcam", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array(1)]);
  }
  session.nextMap("mode");
  session.accept();
  session.nextMap("mode");
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => a.seen.display), ["side_by_side", "hot"]);
});

test("what arrives for later items repaints nothing", () => {
  const { session } = open();
  fill(session, "a");
  let painted = 0;
  session.subscribe(() => { painted++; });
  fill(session, "b", "c");
  session.push({ kind: "map", item_id: "c", method: "gradcam", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array(1)]);
  assert.equal(painted, 0);
  session.push({ kind: "map", item_id: "a", method: "gradcam", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array(1)]);
  assert.equal(painted, 1);
});

test("the counts follow the keys, and the pace leaves breaks out", () => {
  const { session, kernel } = open();
  fill(session, ..."abcdefgh");
  for (const ms of [0, 2000, 2000, 3000, 600_000, 3000, 4000]) {
    kernel.now += ms;
    session.accept();
  }
  const { answered, today, in_round, here } = session.tally;
  assert.deepEqual({ answered, today, in_round, here }, { answered: 12, today: 9, in_round: 10, here: 7 });
  assert.equal(session.tally.pace_s, 3);
  session.undo();
  assert.equal(session.tally.today, 8);
});

test("the archive goes to the downloads, or the card says why not", () => {
  const { session, kernel } = open();
  session.extras.wantArchive();
  assert.deepEqual(kernel.sent.at(-1), { kind: "archive" });
  session.push({ kind: "archive", name: "p.zip" }, [new Uint8Array(2048)]);
  assert.deepEqual(kernel.saved, [["p.zip", 2048]]);
  session.push({ kind: "archive", name: "p.zip", problem: "the disk is full." }, []);
  assert.deepEqual([session.notice.bad, session.notice.text], [true, "the disk is full."]);
});

test("examples of a label are asked for once", () => {
  const { session, kernel } = open();
  const label = { ...LABELS[0], n_examples: 2 };
  session.extras.wantExamples(label);
  session.extras.wantExamples(label);
  session.extras.wantExamples(LABELS[1]);
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "examples"), [{ kind: "examples", label_ids: ["L0"] }]);
});

const paint = (session, at, from) => session.withBrush((brush, item, draft) => brush.paint(item, draft, at, from));
const shown = (session, id) => session.push({ kind: "map", item_id: id, method: "gradcam", target: "L1", height: 1, width: 1,
  box: [0, 0, 8, 8], signed: false }, [new Uint8Array(1)]);

test("a wrong reason and its region go with the decision, and are there again when it is revised", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  shown(session, "a");
  session.nextBrush();
  session.brush.radius = 1 / 8;
  paint(session, { x: 2.5, y: 1.5 });
  paint(session, { x: 4.5, y: 1.5 }, { x: 2.5, y: 1.5 });
  assert.equal(session.draft.reason, "wrong");
  session.accept();
  const [act] = acts(kernel);
  assert.deepEqual([act.reason, act.wrong.size, act.missing], ["wrong", [8, 8], null]);
  assert.equal(act.wrong.runs.reduce((a, b) => a + b), 64);
  assert.deepEqual([session.draft.reason, session.draft.regions, session.brush.kind], [null, null, null], "the next item begins without");
  session.step(-1);
  assert.equal(session.draft.regions.count("wrong"), act.wrong.runs.filter((_, i) => i % 2).reduce((a, b) => a + b));
  session.choose("L0");
  assert.deepEqual(acts(kernel)[1].wrong, act.wrong);
});

test("Undo takes back strokes while the brush is in hand, then puts it away, and only then decisions", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.accept();
  session.nextBrush();
  paint(session, { x: 1, y: 1 });
  session.undo();
  assert.deepEqual([session.draft.regions.region("wrong"), session.brush.kind], [null, "wrong"]);
  session.undo();
  assert.equal(session.brush.kind, null);
  assert.equal(session.pending, 1, "nothing was undone");
  session.undo();
  assert.equal(session.item.item_id, "a");
  assert.equal(acts(kernel).length, 2);
});

test("a reason is judged only where one is shown", () => {
  const { session } = open();
  fill(session, "a");
  session.judge("right");
  assert.equal(session.draft.reason, null);
  shown(session, "a");
  session.judge("right");
  assert.equal(session.draft.reason, "right");
  session.judge("right");
  assert.equal(session.draft.reason, null);
  session.nextBrush();
  paint(session, { x: 1, y: 1 });
  session.judge("right");
  assert.equal(session.draft.reason, "wrong");
});

test("an item looked at closely comes in full, once", async () => {
  const asked = [];
  const { session } = open();
  session.around.decode = async (image, side) => { asked.push(side); return { width: 1, height: 1 }; };
  session.side = 100;
  session.push(item("a", { width: 1000, height: 500 }), [new Uint8Array(4)]);
  await new Promise((done) => setTimeout(done, 1));
  session.sharpen();
  session.sharpen();
  await new Promise((done) => setTimeout(done, 1));
  assert.deepEqual(asked, [100, undefined]);
});

const retire = (session, label_id, version = 4) => session.push({ kind: "taxonomy",
  taxonomy: { version, labels: LABELS.filter((label) => label.label_id !== label_id) } }, []);

test("a suggestion whose label was retired meanwhile is no suggestion, and isn't told to the log", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  shown(session, "a");
  retire(session, "L1");
  assert.deepEqual([session.suggestion, session.saliency], [null, null]);
  session.choose("L0");
  const { verdict, seen } = acts(kernel)[0];
  assert.equal(verdict, "answer");
  assert.deepEqual(seen, { chosen_by: "margin", taxonomy: 4 });
});

test("a retired label's key goes to no other, and is its own again when it comes back", () => {
  const { session } = open();
  retire(session, "L1");
  const owl2 = { label_id: "L9", name: "eagle", path: "eagle" };
  session.push({ kind: "taxonomy", taxonomy: { version: 5, labels: [LABELS[0], LABELS[2], owl2] } }, []);
  assert.notEqual(session.keys.get("L9"), "2");
  session.push({ kind: "taxonomy", taxonomy: { version: 6, labels: [...LABELS, owl2] } }, []);
  assert.equal(session.keys.get("L1"), "2");
});

test("a trouble that is over is not told any more", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.accept();
  const { decision_id } = acts(kernel)[0];
  session.reply({ kind: "rejected", decision_id, reason: "the disk is full.", again: true });
  assert.match(session.notice.text, /disk is full/);
  session.reply({ kind: "stored", decision_id });
  assert.equal(session.notice, null);
});

test("while a certainty is asked for, steps go up and down and Enter decides", () => {
  const { session, kernel } = open({ certainty: "ask" });
  fill(session, "a", "b");
  session.choose("L0");
  session.nudge(1);
  session.nudge(1);
  assert.equal(acts(kernel).length, 0);
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id, a.certainty]), [["correct", "L0", 7]]);
  session.flag();
  assert.equal(acts(kernel).length, 1, "a flag alone is a decision too, and asks");
});

test("an unsure with a guess that is looked at again stays unsure on Enter", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.guess();
  session.choose("L0");
  session.step(-1);
  session.toggleFlag("ethics");
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id, a.flags]), [["unsure", "L0", []], ["unsure", "L0", ["ethics"]]]);
});

test("how many were answered in this review is the kernel's to know", () => {
  const { session } = open({ n: 4, progress: { answered: 9, today: 3, in_round: 3, here: 3, items: 100 } });
  assert.equal(session.tally.here, 3);
});

test("the map follows the label in focus, once it has come, and the log tells whose it was", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  shown(session, "a");
  session.point(1);
  session.point(-1);
  session.point(1);
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "map"), [{ kind: "map", item_id: "a", method: "gradcam", target: "L0" }]);
  assert.equal(session.saliency.target, "L1", "until then the suggestion's stays");
  session.push({ kind: "map", item_id: "a", method: "gradcam", target: "L0", height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array(1)]);
  assert.equal(session.saliency.target, "L0");
  session.accept();
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.seen.target]), [["correct", "L0"]]);
});

const mapFor = (session, id, target, against) => session.push({ kind: "map", item_id: id, method: "gradcam", target,
  ...(against ? { against } : {}), height: 1, width: 1, box: [0, 0, 8, 8], signed: false }, [new Uint8Array(1)]);

test("why this label and not that one: the pair is asked for once, follows the focus, and the log tells it", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  mapFor(session, "a", "L1");
  session.oppose();
  assert.equal(session.notice.text, "Why dog, and not cat?");
  assert.equal(session.saliency.against, undefined, "until it has come, the suggestion's own stays");
  mapFor(session, "a", "L1", "L0");
  assert.deepEqual([session.saliency.target, session.saliency.against], ["L1", "L0"]);
  session.point(1); // to the rival itself: there is nothing to hold it against
  assert.deepEqual([session.focused.label_id, session.against], ["L0", null]);
  session.oppose();
  session.oppose();
  assert.equal(session.notice.text, "Why cat, and not dog?");
  mapFor(session, "a", "L0", "L1");
  session.accept();
  assert.deepEqual([session.item.item_id, session.rival], ["b", null], "the next item begins without");
  session.accept();
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "map").map((m) => [m.target, m.against]), [["L1", "L0"], ["L0", undefined], ["L0", "L1"]]);
  assert.deepEqual(acts(kernel).map(({ seen }) => [seen.target, seen.against]), [["L0", "L1"], [undefined, undefined]]);
});

test("a blind item is held against nothing, nor one of which only one label is known", () => {
  const { session, kernel } = open({ taxonomy: { version: 1, labels: LABELS.slice(1, 2) } });
  session.push(item("a", { blind: true }), [new Uint8Array(4)]);
  session.oppose();
  assert.equal(session.rival, null);
  session.choose("L1");
  fill(session, "b");
  session.oppose();
  assert.match(session.notice.text, /no other label/);
  assert.deepEqual([session.rival, kernel.sent.filter((m) => m.kind === "map")], [null, []]);
});

const HALVES = () => new Uint8Array(new Uint16Array([0, 1]).buffer);

test("parts come when they are first wanted; a click marks one, another takes it back, a drag goes on as it began", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.nextTool();
  assert.equal(session.brush.in_parts, false, "nothing without the brush in hand");
  session.nextBrush();
  session.nextTool();
  paint(session, { x: 1, y: 1 });
  assert.equal(session.draft.regions.region("wrong"), null, "nothing before they are there");
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "segments"), [{ kind: "segments", item_id: "a" }]);
  session.push({ kind: "segments", item_id: "a", width: 2, height: 1 }, [HALVES()]);
  paint(session, { x: 1, y: 1 });
  assert.deepEqual([session.draft.regions.count("wrong"), session.draft.reason], [32, "wrong"]);
  paint(session, { x: 1, y: 1 });
  assert.equal(session.draft.regions.count("wrong"), 0);
  paint(session, { x: 1, y: 1 });
  paint(session, { x: 7, y: 1 }, { x: 1, y: 1 });
  assert.equal(session.draft.regions.count("wrong"), 64);
  paint(session, { x: 9, y: 1 });
  session.undo();
  assert.equal(session.draft.regions.count("wrong"), 0, "a drag is one stroke");
  session.withBrush((brush, item, draft) => { brush.move(item, -1, 0); brush.step(item, 1); brush.press(item, draft); });
  assert.deepEqual(session.draft.regions.region("wrong"), { size: [8, 8], runs: [4, ...Array(15).fill(4)] });
  session.accept();
  assert.deepEqual(acts(kernel)[0].wrong.runs.length, 16);
  session.nextBrush();
  assert.deepEqual(kernel.sent.filter((m) => m.kind === "segments").map((m) => m.item_id), ["a", "b"], "the next item's too");
});

test("an item that falls into no parts is marked by spots, and says so", () => {
  const { session } = open();
  fill(session, "a");
  session.nextBrush();
  session.nextTool();
  session.push({ kind: "segments", item_id: "a", width: 0, height: 0, problem: "it ends too early." }, []);
  assert.match(session.notice.text, /ends too early/);
  assert.equal(session.brush.in_parts, false);
});

const drafts = (storage) => Array.from({ length: storage.length }, (_, i) => storage.key(i)).filter((key) => key.includes("/draft/"));

test("what was said beside the label outlives a reload, for that item and person, until it is decided", () => {
  const storage = memoryStorage();
  const { session } = open({ storage });
  fill(session, "a", "b");
  session.toggleFlag("ethics");
  session.write("odd hem");
  session.nextBrush();
  paint(session, { x: 2, y: 2 });
  session.tick();

  const other = open({ storage, annotator: "grace" }).session;
  fill(other, "a");
  assert.equal(other.draft.note, "", "not another person's");

  const { session: again, kernel } = open({ storage, before: (early) => fill(early, "a", "b") });
  assert.deepEqual([[...again.draft.flags], again.draft.note, again.draft.reason], [["ethics"], "odd hem", "wrong"]);
  assert.deepEqual(again.draft.regions.region("wrong"), session.draft.regions.region("wrong"));
  assert.match(again.notice.text, /here again/);
  again.accept();
  assert.deepEqual([acts(kernel)[0].note, acts(kernel)[0].flags], ["odd hem", ["ethics"]]);
  assert.deepEqual([again.draft.note, again.item.item_id], ["", "b"], "the next item begins without");
  again.tick();
  assert.deepEqual(drafts(storage), []);
});

test("a draft that was taken back, or has grown old, isn't kept", () => {
  const storage = memoryStorage();
  const { session } = open({ storage });
  fill(session, "a");
  session.toggleFlag("ethics");
  session.tick();
  assert.equal(drafts(storage).length, 1);
  session.toggleFlag("ethics");
  session.tick();
  assert.equal(drafts(storage).length, 0);
  session.write("later");
  session.tick();
  const late = open({ storage, before: (early) => { early.around.now = () => 1000 + 31 * 86_400_000; early.drafts.now = early.around.now; } });
  assert.equal(drafts(storage).length, 0);
  fill(late.session, "a");
  assert.equal(late.session.draft.note, "");
});

test("an item that was decided in another tab takes what was said of it along", () => {
  const { session, kernel } = open();
  fill(session, "a", "b");
  session.write("mine");
  session.push({ kind: "drop", item_ids: ["a"], keep: 1, decision_id: "another" });
  kernel.now += 2000;
  session.tick();
  assert.deepEqual([session.item.item_id, session.draft.note], ["b", ""]);
});

test("a guess that is revised with a label's key is an answer; Shift+U says again that it is a guess", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.guess();
  session.choose("L2");
  session.step(-1);
  session.press(session.keys.get("L2"));
  session.step(-1);
  session.guess();
  session.press(session.keys.get("L0"));
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id]), [["unsure", "L2"], ["correct", "L2"], ["unsure", "L0"]]);
});

test("a decision names those of this annotator on its item that the page knows of", () => {
  const { session, kernel } = open();
  session.push(item("a", { standing: "former" }), [new Uint8Array(4)]);
  fill(session, "b");
  session.choose("L0");
  session.choose("L1");
  session.step(-1);
  session.step(-1);
  session.choose("L2");
  const [first, second, third] = acts(kernel);
  assert.deepEqual([first.known, second.known, third.known], [["former"], [], ["former", first.decision_id]]);
});

test("a decision on an item that was decided elsewhere at the same moment is dropped, in words, and its item stays away", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  const [act] = acts(kernel);
  session.reply({ kind: "rejected", decision_id: act.decision_id, reason: "you decided this item in another tab: dog.", decided: true });
  session.push({ kind: "past", past: [{ decision_id: "theirs", item_id: "a", verdict: "answer", label_id: "L1", label: "dog", certainty: null,
    certainty_source: null, flags: [], note: null, reason: null, wrong: null, missing: null, suggestion: null, hidden: false, chosen_by: "margin" }] }, []);
  assert.equal(session.pending, 0);
  assert.deepEqual(session.queue.items.map((i) => i.item_id), ["b", "c"]);
  assert.deepEqual(session.queue.past.map((p) => p.decision_id), ["theirs"]);
  assert.match(session.notice.text, /^a: you decided this item in another tab: dog/);
  session.step(-1);
  session.push({ ...item("a"), again: true }, [new Uint8Array(4)]);
  session.choose("L2");
  assert.ok(acts(kernel).at(-1).known.includes("theirs"));
});

test("what somebody else did is there for the card to say", () => {
  const { session } = open();
  session.push({ kind: "news", text: "bob adopted model 63f5c4a." }, []);
  assert.equal(session.news.text, "bob adopted model 63f5c4a.");
});

const STANDS_ALREADY = { kind: "rejected", reason: "you decided this item in another tab: dog.", decided: true };
const refuseAsDecided = (session, act) => session.reply({ ...STANDS_ALREADY, decision_id: act.decision_id });

test("an undo that waits behind a refused decision takes nothing back, and its item goes again", () => {
  const { session, kernel, storage } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  session.undo();
  assert.equal(session.item.item_id, "a");
  const [decided, undone] = acts(kernel);
  session.push({ kind: "drop", item_ids: ["a"], keep: 1, decision_id: "theirs" });
  refuseAsDecided(session, decided);
  session.reply({ kind: "rejected", decision_id: undone.decision_id, reason: "decision isn't in the log" });
  assert.equal(session.pending, 0);
  assert.equal(storage.length, 0);
  assert.match(session.notice.text, /^a: you decided this item in another tab: dog/);
  session.push({ kind: "past", past: [past("a", { decision_id: "theirs" })] }, []);
  assert.equal(session.item.item_id, "a", "not from under a finger");
  session.choose("L2");
  assert.ok(!acts(kernel).at(-1).known.includes("theirs"), "the screen never said so");
  refuseAsDecided(session, acts(kernel).at(-1));
  session.undo();
  kernel.now += 2000;
  session.tick();
  assert.deepEqual(session.queue.items.map((i) => i.item_id), ["b", "c"]);
});

test("refusals that come together are told together", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  session.choose("L1");
  for (const act of acts(kernel)) refuseAsDecided(session, act);
  assert.equal(session.notice.text, "b: you decided this item in another tab: dog. The same goes for a.");
  session.choose("L0");
  assert.match(session.news.text, /^b: you decided/, "also when the next item is decided");
});

test("a refusal is told until a text that tells of it was painted, however long that takes, whatever else is told meanwhile", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c", "d");
  for (const label of ["L0", "L1", "L2"]) session.choose(label);
  const [a, b, c] = acts(kernel);
  refuseAsDecided(session, a); // in a tab that nobody looks at, nothing is painted
  kernel.now += 60_000;
  refuseAsDecided(session, b);
  session.push({ kind: "news", text: "bob adopted model 63f5c4a." }, []);
  session.say("");
  kernel.now += 120_000;
  assert.equal(session.never.untold, true);
  assert.equal(session.news.text, "b: you decided this item in another tab: dog. The same goes for a. bob adopted model 63f5c4a.");
  session.told("another text");
  assert.equal(session.never.untold, true, "that one says nothing of them");
  session.told(session.news.text);
  assert.equal(session.never.untold, false);
  assert.equal(session.news.at, kernel.now, "it is to be read from here on");
  kernel.now += 5000;
  session.push({ kind: "news", text: "bob left." }, []);
  assert.match(session.news.text, /^b: .* bob left\.$/, "nobody reads so fast");
  kernel.now += 20_000;
  refuseAsDecided(session, c);
  assert.equal(session.news.text, "c: you decided this item in another tab: dog.");
  session.told(session.news.text);
  kernel.now += 20_000;
  session.push({ kind: "news", text: "bob is back." }, []);
  assert.equal(session.news.text, "bob is back.");
});

test("an undo just after the last decision was refused isn't one of the decision before", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  session.choose("L1");
  refuseAsDecided(session, acts(kernel)[1]);
  session.undo();
  assert.deepEqual(acts(kernel).map((act) => act.kind), ["decide", "decide"]);
  assert.match(session.notice.text, /^b: you decided this item in another tab/);
  kernel.now += 2000;
  session.undo();
  assert.equal(acts(kernel).at(-1).retracts, acts(kernel)[0].decision_id);
});

test("an item that was decided in another tab doesn't wait behind one that an undo brings back", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  session.push({ kind: "drop", item_ids: ["b"], keep: 1, decision_id: "theirs" });
  session.undo();
  session.tick();
  kernel.now += 2000;
  session.tick();
  assert.deepEqual(session.queue.items.map((i) => i.item_id), ["a", "c"]);
});

test("a revision isn't disturbed by what another tab decides", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  kernel.now += 2000;
  session.step(-1);
  session.write("mine");
  session.push({ kind: "drop", item_ids: ["b"], keep: 1, decision_id: "theirs" });
  session.tick();
  assert.equal(session.draft.note, "mine");
  session.escape();
  session.tick();
  assert.deepEqual(session.queue.items.map((i) => i.item_id), ["c"]);
});

test("a list of the past that was made between a decision and its undo doesn't make the next one a revision", () => {
  const { session, kernel } = open();
  fill(session, "a", "b", "c");
  session.choose("L0");
  session.choose("L0");
  const [first, second] = acts(kernel);
  storeAll(session, kernel);
  session.undo();
  session.choose("L2");
  session.push({ kind: "past", past: [past("a", { decision_id: first.decision_id }), past("b", { decision_id: second.decision_id })] }, []);
  session.undo();
  assert.equal(session.item.item_id, "b");
  session.undo();
  assert.deepEqual([session.item.item_id, acts(kernel).at(-1).retracts], ["a", first.decision_id]);
});

const FIRST = { blind: true, answer_first: true, exposure: { arm: "answer_first", arm_probability: 0.2 } };
/** A card whose first item is answered first, with its map. */
function openFirst(more = {}) {
  const { session, kernel, storage } = open(more);
  session.push(item("a", FIRST), [new Uint8Array(4)]);
  session.push({ kind: "map", item_id: "a", method: "gradcam", target: "L1", height: 1, width: 1, box: [0, 0, 8, 8], signed: false },
    [new Uint8Array([200])]);
  fill(session, "b", "c");
  return { session, kernel, storage };
}

test("how an item is shown comes back with its decision, also when it is sent again", () => {
  const { session, kernel, storage } = open();
  session.push(item("a", { exposure: { arm: "shown", arm_probability: 0.9, planted: true, repeat_of: "d0" } }), [new Uint8Array(4)]);
  session.accept();
  const { seen } = acts(kernel)[0];
  assert.deepEqual([seen.arm, seen.arm_probability, seen.planted, seen.repeat_of], ["shown", 0.9, true, "d0"]);
  const second = open({ storage });
  assert.deepEqual(acts(second.kernel)[0].seen, seen);
});

test("a blind answer that is given again once the model's word is known is no blind answer of its arm", () => {
  const { session, kernel } = open();
  session.push(item("a", { blind: true, exposure: { arm: "blind", arm_probability: 0.1 } }), [new Uint8Array(4)]);
  fill(session, "b", "c");
  session.choose("L0");
  session.undo();
  session.choose("L0");
  session.choose("L1");
  session.undo();
  session.undo();
  session.choose("L0");
  const seen = acts(kernel).filter((a) => a.kind === "decide" && a.item_id === "a").map((a) => a.seen);
  assert.deepEqual(seen.map((s) => [s.hidden, s.arm]), [[true, "blind"], [true, "blind"], [undefined, undefined]]);
});

test("an item without a map says nothing of it", () => {
  const { session, kernel } = open();
  session.push(item("a", { no_map: true, exposure: { arm: "no_map", arm_probability: 0.1 } }), [new Uint8Array(4)]);
  session.point(1);
  session.toggleMap();
  session.toggleMap();
  assert.equal(session.saliency, null);
  assert.ok(!kernel.sent.some((m) => m.kind === "map"));
  session.accept();
  assert.deepEqual([acts(kernel)[0].seen.arm, acts(kernel)[0].seen.method], ["no_map", undefined]);
});

test("answered first, an item shows its suggestion then, and Enter keeps the answer", () => {
  const { session, kernel } = openFirst();
  assert.deepEqual([session.suggestion, session.saliency, session.blind], [null, null, true]);
  session.choose("L0");
  assert.equal(session.pending, 1, "the first answer is stored at once");
  assert.equal(session.item.item_id, "a");
  assert.deepEqual([session.suggestion[0], session.saliency.target, session.focused.label_id], ["L1", "L1", "L0"]);
  kernel.now += 400;
  session.accept();
  assert.equal(session.item.item_id, "b");
  const [first, second] = acts(kernel);
  assert.deepEqual([first.verdict, first.label_id, first.seen.hidden, first.seen.arm, first.seen.method], ["answer", "L0", true, "answer_first", undefined]);
  assert.deepEqual([second.verdict, second.label_id, second.seen.hidden, second.seen.arm, second.seen.method], ["correct", "L0", undefined, "answer_first", "gradcam"]);
  assert.deepEqual(second.known, [first.decision_id]);
  assert.equal(second.seen.shown_ms, 400);
  assert.equal(session.tally.answered, 6, "one item is counted once");
  assert.equal(session.queue.past.length, 1);
});

test("answered first, a label's key changes the answer, but not a key that was on its way", () => {
  const { session, kernel } = openFirst();
  session.choose("L0");
  kernel.now += 60;
  session.choose("L2");
  assert.equal(acts(kernel).length, 1);
  kernel.now += 400;
  session.choose("L1");
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id]), [["answer", "L0"], ["accept", "L1"]]);
  assert.equal(session.item.item_id, "b");
});

test("answered first, undo takes back the last act, and then the one before", () => {
  const { session, kernel } = openFirst();
  session.write("odd");
  session.choose("L0");
  kernel.now += 400;
  session.choose("L1");
  session.undo();
  assert.deepEqual([session.item.item_id, session.first?.label_id, session.draft.note], ["a", "L0", "odd"]);
  kernel.now += 400;
  session.choose("L2");
  session.undo();
  session.undo();
  assert.deepEqual([session.item.item_id, session.first, session.draft.note], ["a", undefined, "odd"]);
  kernel.now += 400;
  session.choose("L1");
  assert.equal(session.item.item_id, "b", "it isn't asked blind again: its suggestion was seen");
  const decided = acts(kernel).filter((a) => a.kind === "decide");
  assert.deepEqual(decided.map((a) => a.seen.arm), ["answer_first", "answer_first", "answer_first", undefined]);
  assert.equal(session.tally.answered, 6);
  assert.equal(session.pending, acts(kernel).length);
});

test("answered first, unsure can be kept, a skip goes on at once, and nothing is skipped after an answer", () => {
  const { session, kernel } = openFirst();
  session.unsure();
  kernel.now += 400;
  session.skip();
  assert.equal(session.item.item_id, "a");
  session.accept();
  assert.equal(session.item.item_id, "b");
  assert.deepEqual(acts(kernel).map((a) => [a.verdict, a.label_id]), [["unsure", null], ["unsure", null]]);
  const other = openFirst();
  other.session.skip();
  assert.equal(other.session.item.item_id, "b");
});

test("answered first, the first answer stands when the tab is closed", () => {
  const { session, kernel, storage } = openFirst();
  session.write("odd");
  session.choose("L0");
  session.tick();
  const later = open({ storage });
  later.session.push(item("a", FIRST), [new Uint8Array(4)]);
  fill(later.session, "b");
  assert.equal(later.session.item.item_id, "b");
  assert.deepEqual(acts(later.kernel).map((a) => a.decision_id), acts(kernel).map((a) => a.decision_id));
});

test("answered first, the kernel's word on its queue leaves the item on the screen until it is kept", () => {
  const { session, kernel } = openFirst();
  session.choose("L0");
  const [{ decision_id }] = acts(kernel);
  session.push({ kind: "drop", item_ids: ["a"], keep: 1, decision_id }, []);
  session.push({ kind: "end", reason: "enough" }, []);
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty: "keep", methods: ["gradcam"],
    taxonomy: { version: 3, labels: LABELS }, progress: {}, keys: KEYS, n: null, temporary: false });
  assert.deepEqual([session.item.item_id, session.first.label_id, session.face], ["a", "L0", null]);
  session.step(-1);
  assert.equal(session.revising, null);
  storeAll(session, kernel);
  kernel.now += 400;
  session.accept();
  assert.equal(session.item.item_id, "b");
});

test("answered first, an answer that was refused is asked again, with the suggestion that was seen", () => {
  const { session, kernel } = openFirst();
  session.choose("L0");
  session.reply({ kind: "rejected", decision_id: acts(kernel)[0].decision_id, reason: "no such label" });
  assert.deepEqual([session.item.item_id, session.first, session.item.rejection], ["a", undefined, "no such label"]);
  session.choose("L2");
  assert.deepEqual([session.item.item_id, acts(kernel).at(-1).seen.arm], ["b", undefined]);
});
