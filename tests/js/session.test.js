// The card's session without a browser: a kernel that is a list, a clock that is a number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../hitl_widgets/widgets/js/session.js";
import { PATIENCE_MS } from "../../hitl_widgets/widgets/js/link.js";
import { memoryStorage } from "./storage.js";

const LABELS = ["cat", "dog", "owl"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1) }));

function open({ storage = memoryStorage(), certainty = "keep", annotator = "ada", before = (_) => {} } = {}) {
  const kernel = { sent: [], reopened: 0, now: 1000 };
  const session = new Session({
    send: (message) => kernel.sent.push(message), reopen: () => { kernel.reopened++; }, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }),
  });
  session.hello();
  before(session);
  session.reply({ kind: "ready", project_id: "p", annotator, annotator_is_default: false, certainty, methods: ["gradcam"],
    taxonomy: { version: 3, labels: LABELS }, progress: { answered: 5, items: 100 } });
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
    method: "gradcam", target: "L1", shown_ms: 640 });
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
  const session = new Session({ send: (m) => sent.push(m), reopen() {}, now: () => now, instant: () => "", storage: null, base: "/" });
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
