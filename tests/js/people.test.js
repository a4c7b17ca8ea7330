// What people ask each other, agree to and are told, on the card's session: a kernel that is a list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { ago, whoSees } from "../../hitl_widgets/widgets/js/card/drawer.js";
import { KEYS, memoryStorage } from "./storage.js";

const LABELS = ["cat", "dog", "owl"].map((name, i) => ({ label_id: `L${i}`, name, path: name, key: String(i + 1) }));
const ABOUT = { purpose: "Find cats.", owner: "eve", names: false, takes_part: ["planted"] };
const READY = { kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty: "keep", methods: ["gradcam"],
  taxonomy: { version: 3, labels: LABELS }, progress: {}, keys: KEYS, n: null, temporary: false, people: true, about: null, consent: null };

function open({ storage = memoryStorage(), ...more } = {}) {
  const kernel = { sent: [], now: 1000 };
  const session = new CardSession({ send: (message) => kernel.sent.push(message), reopen() {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ ...READY, ...more });
  for (const id of ["a", "b"]) {
    session.push({ kind: "item", item: { item_id: id, chosen_by: "margin", blind: false, height: 8, width: 8, mime: "image/png",
      suggestion: "L1", model: "m", probs: [["L1", 0.8], ["L0", 0.2]] } }, [new Uint8Array(4)]);
  }
  return { session, kernel, storage };
}

const lasting = (kernel) => kernel.sent.filter((m) => "decision_id" in m);
const post = (annotator, act, text) => ({ annotator, act, text, at: "2026-03-01T09:30:00Z" });
const thread = (id, posts, more = {}) => ({ thread: id, item_id: "a", label_id: null, settled: false, how: null, posts, ...more });
const push = (session, kind, more) => session.push({ kind, ...more }, []);

test("a question about the item or the label goes out like a decision, and is sent again after a reload", () => {
  const { session, kernel, storage } = open();
  assert.equal(session.ask("   "), false);
  assert.equal(session.ask(" Is it a cat? "), true);
  session.people.of_label = true;
  session.ask("When is it a dog?");
  session.accept();
  const [item, label, decision] = lasting(kernel);
  assert.deepEqual([item.kind, item.text, item.item_id, item.label_id, item.annotator], ["ask", "Is it a cat?", "a", undefined, "ada"]);
  assert.deepEqual([label.text, label.item_id, label.label_id, label.after], ["When is it a dog?", undefined, "L1", item.decision_id]);
  assert.equal(decision.after, label.decision_id);
  const later = open({ storage });
  assert.deepEqual(lasting(later.kernel).map((m) => m.decision_id), [item, label, decision].map((m) => m.decision_id));
  assert.equal(later.session.item.item_id, "b", "a question hides no decision on the same item");
  assert.deepEqual(later.session.queue.past, []);
  later.session.push({ kind: "past", past: [] }, []);
  assert.deepEqual(later.session.queue.past.map((past) => past.item_id), ["a"]);
});

test("a question that was refused is in the field again", () => {
  const { session, kernel } = open();
  session.ask("Why?");
  session.reply({ kind: "rejected", decision_id: lasting(kernel)[0].decision_id, reason: "no such item" });
  assert.deepEqual([session.people.unsent, session.notice.bad, session.item.item_id], ["Why?", true, "a"]);
});

test("what others wrote is new until it was looked at, also after a reload; what one wrote oneself never is", () => {
  const { session, storage } = open();
  push(session, "threads", { threads: [thread("t1", [post("ada", "ask", "Cat?")])] });
  assert.deepEqual([session.people.fresh.length, session.news], [0, null]);
  const answered = [thread("t1", [post("ada", "ask", "Cat?"), post("bob", "answer", "A cat.")])];
  push(session, "threads", { threads: answered });
  assert.equal(session.people.fresh.length, 1);
  assert.equal(session.news.text, "bob answers: A cat.");
  const other = open({ storage });
  push(other.session, "threads", { threads: answered });
  assert.equal(other.session.people.fresh.length, 1);
  other.session.people.look(answered);
  assert.equal(other.session.people.fresh.length, 0);
  const later = open({ storage });
  push(later.session, "threads", { threads: answered });
  assert.equal(later.session.people.fresh.length, 0);
});

test("what was asked before the page opened is told by the badge alone", () => {
  const { session } = open();
  push(session, "threads", { threads: [thread("t1", [post("bob", "ask", "Cat?")])] });
  assert.deepEqual([session.people.fresh.length, session.news], [1, null]);
});

test("questions are sorted by where they belong, and what was settled elsewhere isn't listed", () => {
  const { session } = open();
  push(session, "threads", { threads: [thread("item", [post("bob", "ask", "?")]), thread("label", [post("bob", "ask", "?")], { item_id: null, label_id: "L1" }),
    thread("open", [post("bob", "ask", "?")], { item_id: "z" }), thread("over", [post("bob", "ask", "?")], { item_id: "y", settled: true })] });
  assert.deepEqual(session.people.sorted("a", "L1").map((part) => part.map((one) => one.thread)), [["item"], ["label"], ["open"]]);
});

test("an answer is sent to its question, and settles it by one act", () => {
  const { session, kernel } = open();
  const one = thread("t1", [post("bob", "ask", "Cat?"), post("eve", "answer", "With ears.")]);
  push(session, "threads", { threads: [one] });
  session.people.replying = "t1";
  session.ask("A cat.");
  session.people.settle(one, "sentence", "L0");
  session.people.settle(one, "example", "L0");
  assert.deepEqual(lasting(kernel).map(({ kind, thread: of, how, label_id, text }) => [kind, of, how, label_id, text]),
    [["respond", "t1", undefined, undefined, "A cat."], ["settle", "t1", "sentence", "L0", "With ears."], ["settle", "t1", "example", "L0", undefined]]);
  assert.equal(session.people.replying, null);
});

test("nothing is decided before the person has agreed or not, once", () => {
  const consent = { to: "planted", text: "Some suggestions are wrong on purpose. Do you agree?" };
  const { session, kernel } = open({ consent });
  assert.equal(session.face, "consent");
  session.accept();
  assert.equal(session.pending, 0);
  session.people.consent(true);
  push(session, "about", { about: ABOUT, consent }); // pushed before the answer was stored
  assert.equal(session.face, null);
  assert.deepEqual(lasting(kernel).map(({ kind, to, yes }) => [kind, to, yes]), [["consent", "planted", true]]);
});

test("a yes says which question was read, and a question that changed is asked again though its words are the same", () => {
  const consent = { to: "planted", text: "Do you agree?", policy: "p1" };
  const { session, kernel } = open({ consent });
  session.people.consent(true);
  assert.deepEqual(lasting(kernel).map(({ yes, policy }) => [yes, policy]), [[true, "p1"]]);
  push(session, "about", { about: ABOUT, consent });
  assert.equal(session.face, null);
  push(session, "about", { about: ABOUT, consent: { ...consent, policy: "p2" } });
  assert.equal(session.face, "consent");
});

test("a notice stays until it is dismissed, and blocks nothing", () => {
  const { session, kernel } = open();
  const notices = [{ notice: "n1", kind: "alarm", text: "Three of ten", lines: [] }];
  push(session, "notices", { notices });
  session.accept();
  assert.equal(session.item.item_id, "b");
  session.people.dismiss(session.people.notices[0]);
  push(session, "notices", { notices });
  assert.deepEqual(session.people.notices, []);
  assert.deepEqual(lasting(kernel).map(({ kind, notice }) => [kind, notice]), [["decide", undefined], ["dismiss", "n1"]]);
});

test("the end of a sitting is told once, by who takes part", () => {
  const { session, kernel } = open({ about: ABOUT });
  const stops = () => kernel.sent.filter((m) => m.kind === "stop").length;
  push(session, "end", { reason: "enough" });
  assert.equal(stops(), 0, "items are left on this page");
  session.accept();
  session.accept();
  push(session, "end", { reason: "enough" });
  push(session, "end", { reason: "enough" });
  assert.equal(stops(), 1);
  const other = open({ about: { ...ABOUT, takes_part: [] } });
  other.session.stop();
  assert.ok(!other.kernel.sent.some((m) => m.kind === "stop"));
});

test("Esc closes what lies over the labels first, and opening it again closes it", () => {
  const { session } = open();
  session.open("guideline");
  session.guess();
  assert.equal(session.escape(), true);
  assert.deepEqual([session.drawer, session.guessing], [null, true]);
  session.guide("L2");
  assert.deepEqual([session.drawer, session.explained.label_id], ["guideline", "L2"]);
  session.open("guideline");
  assert.equal(session.drawer, null);
});

test("who sees whose figures, and when it was", () => {
  assert.match(whoSees({ ...ABOUT, names: true }, "ada"), /names are shown to the owner: eve sees/);
  assert.match(whoSees(ABOUT, "eve"), /groups of five/);
  const at = "2026-03-01T09:30:00Z";
  assert.deepEqual([0, 5, 130].map((minutes) => ago(at, Date.parse(at) + 60_000 * minutes)), ["now", "5 min ago", "2 h ago"]);
});
