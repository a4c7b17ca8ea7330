// Triage without a browser: a kernel that is a list, a clock that is a number.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TriageSession } from "../../hitl_widgets/widgets/js/triage/session.js";
import { memoryStorage } from "./storage.js";

const KEYS = JSON.parse(readFileSync(new URL("../../hitl_widgets/widgets/js/keys/triage.json", import.meta.url), "utf8"));
const TAXONOMY = { version: 3, other: "L9", places: [], labels: [["cat", "L0"], ["dog", "L1"], ["bat", "L2"], ["Other", "L9"]]
  .map(([name, label_id], i) => ({ label_id, name, path: name, key: name === "bat" ? "b" : String(i + 1), own_key: name === "bat" })) };
const body = (item_id) => ({ item_id, why: "other", annotator: "ann", note: null });
const PAGES = [["a", "b", "c"], ["d", "e"]].map((page) => page.map(body));

function open({ storage = memoryStorage(), pages = PAGES } = {}) {
  const kernel = { sent: [], now: 1000 };
  const session = new TriageSession({ send: (message) => kernel.sent.push(message), reopen: () => {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ann", keys: KEYS, taxonomy: TAXONOMY });
  session.push({ kind: "pages", pages, words: pages.map(() => []) });
  const acts = () => kernel.sent.filter((m) => m.decision_id);
  const store = () => acts().forEach((act) => session.reply({ kind: "stored", decision_id: act.decision_id }));
  return { session, kernel, acts, store, storage };
}
const shown = (session) => session.shown.map((tile) => tile.item_id);

test("a key gives its label to the whole cluster, and the next one comes", () => {
  const { session, acts } = open();
  session.press("1");
  const [act] = acts();
  assert.deepEqual([act.kind, act.item_ids, act.label_id, act.taxonomy], ["assign", ["a", "b", "c"], "L0", 3]);
  assert.deepEqual(shown(session), ["d", "e"]);
  assert.equal(session.n, 2);
});

test("the words that set a group of texts apart are those of its page", () => {
  const { session } = open();
  session.push({ kind: "pages", pages: PAGES, words: [["prize", "won"], []] });
  assert.deepEqual(session.words[session.page], ["prize", "won"]);
  session.turn(1);
  assert.deepEqual(session.words[session.page], []);
});

test("what is selected goes, the rest stays", () => {
  const { session, acts } = open();
  session.go("a", { toggle: true });
  session.lead("ArrowRight", 7, false);
  session.go("b", { toggle: true });
  session.press("2");
  assert.deepEqual(acts()[0].item_ids, ["a", "b"]);
  assert.deepEqual(shown(session), ["c"]);
  assert.equal(session.focus, "c");
});

test("a label that means other has no key here, and one whose key triage uses gets another", () => {
  const { session } = open();
  assert.equal(session.keys.has("L9"), false);
  assert.ok(session.keys.get("L2"));
  assert.notEqual(session.keys.get("L2"), "b");
});

test("undo takes back the last act, all of it, and goes where it was", () => {
  const { session, acts, store } = open();
  session.press("1");
  session.leaveOut();
  store();
  session.undo();
  session.undo();
  assert.deepEqual(acts().slice(2).map((a) => [a.kind, a.retracts]), [["undo", acts()[1].decision_id], ["undo", acts()[0].decision_id]]);
  assert.deepEqual(shown(session), ["a", "b", "c"]);
  assert.equal(session.n, 5);
  session.undo();
  assert.match(session.notice.text, /nothing to undo/i);
});

test("an act that is refused lays its items out again, with the reason", () => {
  const { session, acts } = open();
  session.press("1");
  session.reply({ kind: "rejected", decision_id: acts()[0].decision_id, reason: "that label was retired." });
  assert.equal(session.n, 5);
  assert.deepEqual(session.notice, { text: "that label was retired.", bad: true });
  assert.equal(session.done.length, 0);
});

test("an undo that is refused takes its items away again and can be tried again", () => {
  const { session, acts, store } = open();
  session.make("owl", null, "");
  store();
  session.undo();
  session.reply({ kind: "rejected", decision_id: acts()[1].decision_id, reason: "version 5 rests on it." });
  assert.deepEqual(shown(session), ["d", "e"]);
  assert.equal(session.done.length, 1);
});

test("an act waits in the browser's storage until it is stored, also for the next page", () => {
  const storage = memoryStorage();
  const first = open({ storage });
  first.session.press("1");
  const again = open({ storage, pages: PAGES });
  assert.deepEqual(again.acts().map((act) => act.decision_id), first.acts().map((act) => act.decision_id));
  again.store();
  assert.equal(again.session.pending, 0);
});

test("acts name the one before them that isn't stored yet", () => {
  const { session, acts } = open();
  session.press("1");
  session.undo();
  assert.equal(acts()[1].after, acts()[0].decision_id);
});

test("what somebody else sorts goes, what comes later is the last cluster", () => {
  const { session } = open();
  session.push({ kind: "unplaced", item_ids: ["b", "c", "d", "e", "f"], more: [body("f")] });
  assert.deepEqual(shown(session), ["b", "c"]);
  assert.deepEqual(session.open, [0, 1, 2]);
  session.push({ kind: "unplaced", item_ids: ["a", "b", "c", "d", "e", "f"], more: [] });
  assert.deepEqual(shown(session), ["a", "b", "c"]);
});

test("an act on its way isn't undone by a look from before it", () => {
  const { session } = open();
  session.press("1");
  session.push({ kind: "unplaced", item_ids: ["a", "b", "c", "d", "e"], more: [] });
  assert.equal(session.n, 2);
  session.push({ kind: "pages", pages: PAGES, words: [[], []] });
  assert.equal(session.n, 2);
});

test("arrows go from item to item and from row to row, Shift selects on the way", () => {
  const { session } = open({ pages: [["a", "b", "c", "d", "e"].map(body)] });
  session.lead("ArrowDown", 2, false);
  assert.equal(session.focus, "c");
  session.lead("ArrowRight", 2, true);
  session.lead("ArrowRight", 2, true);
  assert.deepEqual([...session.selected], ["c", "d", "e"]);
  session.lead("Home", 2, false);
  session.lead("ArrowUp", 2, false);
  assert.equal(session.focus, "a");
  assert.equal(session.lead("q", 2, false), false);
});

test("what was done before a reload can still be undone", () => {
  const { session, acts } = open();
  session.push({ kind: "acts", acts: [{ act_id: "former-1", act: "assigned", n: 4, label: "cat" }] });
  session.undo();
  assert.equal(acts()[0].retracts, "former-1");
  assert.match(session.notice.text, /4 items → cat/);
});
