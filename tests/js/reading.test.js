// A card that is for reading, and answers that are kept aside, on the card's session: a kernel that is a list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { readable } from "../../hitl_widgets/widgets/js/card/reading.js";
import { KEYS, memoryStorage } from "./storage.js";

const LABELS = ["cat", "dog", "owl"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1) }));
const READING = "You are a guest in this project: this card is for reading. olga can invite you.";
const READY = { kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty: "keep", methods: ["gradcam"],
  taxonomy: { version: 3, labels: LABELS }, progress: {}, keys: KEYS, n: null, temporary: false, people: true, about: null, consent: null, reading: null };

function open({ storage = memoryStorage(), ...more } = {}) {
  const kernel = { sent: [], now: 1000 };
  const session = new CardSession({ send: (message) => kernel.sent.push(message), reopen() {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ ...READY, ...more });
  for (const id of ["a", "b", "c"]) {
    session.push({ kind: "item", item: { item_id: id, chosen_by: "margin", blind: false, height: 8, width: 8, mime: "image/png",
      suggestion: "L1", model: "m", probs: [["L1", 0.8], ["L0", 0.2]] } }, [new Uint8Array(4)]);
  }
  return { session, kernel, storage };
}

const lasting = (kernel) => kernel.sent.filter((m) => "decision_id" in m);
const about = (session, more) => session.push({ kind: "about", about: null, consent: null, reading: null, aside: null, ...more }, []);

test("on a card that is for reading nothing is decided, and it says why", () => {
  const { session, kernel } = open({ reading: READING });
  for (const act of [() => session.accept(), () => session.press("1"), () => session.unsure(), () => session.skip(), () => session.flag(),
    () => session.choose("L0"), () => session.undo()]) {
    session.say("");
    act();
    assert.equal(session.notice?.text, READING);
  }
  assert.equal(session.pending, 0);
  assert.deepEqual(lasting(kernel), []);
  assert.equal(session.item.item_id, "a");
});

test("it offers no key that would be refused", () => {
  const offered = Object.keys(open({ reading: READING }).session.setup.keys);
  for (const action of ["accept", "unsure", "skip", "undo", "note", "flag", "brush"]) assert.ok(!offered.includes(action), action);
  for (const action of ["later", "earlier", "map", "help", "guideline"]) assert.ok(offered.includes(action), action);
  assert.deepEqual(open().session.setup.keys, KEYS);
  assert.ok(Object.keys(readable(KEYS)).length > 10);
});

test("a reader goes on to the next items and back, without an answer", () => {
  const { session, kernel } = open({ reading: READING });
  const seen = [1, 1, 1, -1, -1].map((by) => { session.step(by); return session.item.item_id; });
  assert.deepEqual(seen, ["b", "c", "a", "c", "b"]);
  assert.deepEqual(lasting(kernel), []);
});

test("who is given a role labels on the same card, and who loses it reads", () => {
  const { session, kernel } = open({ reading: READING });
  about(session, {});
  assert.deepEqual([session.reading, session.setup.keys], [null, KEYS]);
  session.press("1");
  assert.deepEqual(lasting(kernel).map(({ kind, label_id }) => [kind, label_id]), [["decide", "L0"]]);
  about(session, { reading: READING });
  session.press("1");
  assert.equal(lasting(kernel).length, 1);
  assert.equal(session.setup.keys.accept, undefined);
});

test("a label keeps its key when a reader becomes an annotator", () => {
  const labels = [...LABELS, { label_id: "L3", name: "auk", path: "auk", key: "a" }, ...["e", "f", "g", "h", "i", "j", "k"].map((name) => ({ label_id: name, name, path: name, key: null }))];
  const taxonomy = { version: 3, labels };
  const reader = open({ reading: READING, taxonomy }).session;
  const before = new Map(reader.keys);
  about(reader, {});
  assert.deepEqual(reader.keys, before);
  assert.deepEqual(before, open({ taxonomy }).session.keys);
});

test("an answer that is kept aside is told, leaves the outbox and what the person did, and isn't sent again", () => {
  const { session, kernel, storage } = open();
  session.press("1");
  const [{ decision_id }] = lasting(kernel);
  session.reply({ kind: "stored", decision_id, aside: "Kept aside: ada has no role in this project." });
  assert.equal(session.notice.text, "a: Kept aside: ada has no role in this project.");
  assert.deepEqual([session.pending, session.queue.past.length, session.tally.here], [0, 0, 0]);
  assert.ok(session.never.untold, "it is told until somebody could read it");
  session.told(session.news.text);
  assert.ok(!session.never.untold);
  const later = open({ storage });
  assert.deepEqual(lasting(later.kernel), []);
});

test("several answers that are kept aside are told together", () => {
  const { session, kernel } = open();
  session.press("1");
  session.press("2");
  for (const { decision_id } of lasting(kernel)) session.reply({ kind: "stored", decision_id, aside: "Kept aside: no role." });
  assert.equal(session.notice.text, "b: Kept aside: no role. The same goes for a.");
});

test("what a revision that is kept aside replaced stands again", () => {
  const { session, kernel } = open();
  session.press("1");
  const [first] = lasting(kernel);
  session.reply({ kind: "stored", decision_id: first.decision_id });
  session.step(-1);
  session.press("2");
  const second = lasting(kernel).at(-1);
  session.reply({ kind: "stored", decision_id: second.decision_id, aside: "Kept aside: no role." });
  assert.deepEqual(session.queue.past.map((past) => past.decision_id), [first.decision_id]);
});

test("another tab's answer that is kept aside changes nothing here", () => {
  const { session } = open();
  session.press("1");
  session.reply({ kind: "stored", decision_id: "someone-elses-act", aside: "Kept aside: no role." });
  assert.equal(session.pending, 1);
  assert.ok(!session.never.untold);
});
