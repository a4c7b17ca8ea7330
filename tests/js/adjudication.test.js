// The adjudication without a browser: a kernel that is a list, a clock that is a number.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AdjudicationSession, inWords } from "../../hitl_widgets/widgets/js/adjudication/session.js";
import { memoryStorage } from "./storage.js";

const KEYS = JSON.parse(readFileSync(new URL("../../hitl_widgets/widgets/js/keys/adjudication.json", import.meta.url), "utf8"));
const LABELS = ["cat", "dog", "owl"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1), own_key: false }));
const CAUSES = [["ambiguous", "ambiguous"], ["guideline_gap", "a gap"], ["slip", "a slip"], ["edge_case", "an edge"], ["disagreement", "honest"]];
const answer = (letter, i) => ({ letter, label_id: `L${i}`, label: LABELS[i].name, certainty: null, note: null, reason: null, flags: [] });

function open({ storage = memoryStorage() } = {}) {
  const kernel = { sent: [], now: 10_000 };
  const session = new AdjudicationSession({ send: (message) => kernel.sent.push(message), reopen() {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "eve", keys: KEYS, taxonomy: { version: 1, labels: LABELS }, causes: CAUSES });
  for (const id of ["a", "b"]) session.push({ kind: "case", case: { item_id: id, meta: {}, height: 8, width: 8, answers: [answer("A", 0), answer("B", 1), answer("C", 1)] } }, [new Uint8Array(4)]);
  return { session, kernel, storage, acts: () => kernel.sent.filter((m) => m.decision_id) };
}

test("a label, a cause, then Enter: the next item is there at once", () => {
  const { session, acts } = open();
  assert.deepEqual(session.competing, ["L1", "L0"]);
  session.press("3");
  assert.equal(session.chosen.label_id, "L2");
  session.store();
  assert.equal(session.pending, 0, "a cause is asked for");
  session.press("3");
  session.write("an ear is hidden ");
  session.store();
  assert.deepEqual(acts().map(({ kind, item_id, label_id, cause, note }) => [kind, item_id, label_id, cause, note]), [["adjudicate", "a", "L2", "slip", "an ear is hidden"]]);
  assert.deepEqual([session.item.item_id, session.chosen, session.cause, session.note], ["b", null, null, ""]);
});

test("no label may be chosen, Esc takes back a choice, and no cause comes before a label", () => {
  const { session, acts } = open();
  session.because("slip");
  assert.equal(session.cause, null);
  session.choose(null);
  session.press("1");
  assert.deepEqual([session.chosen.label_id, session.cause], [null, "ambiguous"]);
  session.escape();
  session.escape();
  assert.deepEqual([session.chosen, session.escape()], [null, false]);
  session.choose(null);
  session.press("5");
  session.store();
  assert.equal(acts()[0].label_id, null);
});

test("undo brings the item back, behind its verdict, also after a reload", () => {
  const { session, acts, storage } = open();
  session.press("1");
  session.press("4");
  session.store();
  session.undo();
  const [verdict, undo] = acts();
  assert.deepEqual([undo.kind, undo.retracts, undo.after, session.item.item_id], ["undo", verdict.decision_id, verdict.decision_id, "a"]);
  session.undo();
  assert.equal(acts().length, 2);
  const later = open({ storage });
  assert.deepEqual(later.acts().map((act) => act.decision_id), [verdict, undo].map((act) => act.decision_id));
  later.session.push({ kind: "adjudication", progress: { judged: 3 }, past: [{ decision_id: "old", item_id: "z", label: "cat", cause: "slip" }] });
  later.session.undo();
  assert.equal(later.acts().at(-1).retracts, "old");
});

test("a refused verdict comes back as the next item, and one that waits isn't asked again", () => {
  const { session, acts, storage } = open();
  session.press("1");
  session.press("1");
  session.store();
  const later = open({ storage });
  assert.deepEqual(later.session.cases.map((one) => one.item_id), ["b"]);
  session.reply({ kind: "rejected", decision_id: acts()[0].decision_id, reason: "no such label" });
  assert.deepEqual(session.cases.map((one) => one.item_id), ["b", "a"]);
  assert.equal(session.notice.bad, true);
});

test("the residual error is told with its interval and what is left to the goal", () => {
  const progress = { judged: 12, error: 0.031, low: 0.012, high: 0.06, goal: 0.05, left: 20, done: null };
  assert.equal(inWords(progress), "12 judged · residual error 3.1 % (1.2 % to 6.0 %) · about 20 more until it is at most 5.0 %");
  assert.match(inWords({ ...progress, left: 0 }), /goal of 5.0 % is met/);
  assert.match(inWords({ ...progress, error: null, goal: null }), /12 judged · residual error not known yet$/);
});
