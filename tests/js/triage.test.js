// The other desk without a browser: a kernel that is a list, a clock that is a number.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Sorting } from "../../hitl_widgets/widgets/js/sorting.js";
import { memoryStorage } from "./storage.js";

const KEYS = JSON.parse(readFileSync(new URL("../../hitl_widgets/widgets/js/keys/triage.json", import.meta.url), "utf8"));
const TAXONOMY = { version: 3, other: "L9", places: [], labels: [["cat", "L0"], ["dog", "L1"], ["bat", "L2"], ["Other", "L9"]]
  .map(([name, label_id], i) => ({ label_id, name, path: name, key: name === "bat" ? "b" : String(i + 1), own_key: name === "bat" })) };
const body = (item_id) => ({ item_id, why: "other", annotator: "ann", note: null });
const PAGES = [["a", "b", "c"], ["d", "e"]].map((page) => page.map(body));

function open({ storage = memoryStorage(), pages = PAGES } = {}) {
  const kernel = { sent: [], now: 1000 };
  const sorting = new Sorting({ send: (message) => kernel.sent.push(message), reopen: () => {}, now: () => kernel.now,
    instant: () => "2026-03-01T09:30:00.000Z", storage, base: "/", decode: async () => ({ width: 1, height: 1 }) });
  sorting.hello();
  sorting.reply({ kind: "ready", project_id: "p", annotator: "ann", keys: KEYS, taxonomy: TAXONOMY });
  sorting.push({ kind: "pages", pages });
  const acts = () => kernel.sent.filter((m) => m.decision_id);
  const store = () => acts().forEach((act) => sorting.reply({ kind: "stored", decision_id: act.decision_id }));
  return { sorting, kernel, acts, store, storage };
}
const shown = (sorting) => sorting.shown.map((tile) => tile.item_id);

test("a key gives its label to the whole cluster, and the next one comes", () => {
  const { sorting, acts } = open();
  sorting.press("1");
  const [act] = acts();
  assert.deepEqual([act.kind, act.item_ids, act.label_id, act.taxonomy], ["assign", ["a", "b", "c"], "L0", 3]);
  assert.deepEqual(shown(sorting), ["d", "e"]);
  assert.equal(sorting.n, 2);
});

test("what is selected goes, the rest stays", () => {
  const { sorting, acts } = open();
  sorting.go("a", { toggle: true });
  sorting.lead("ArrowRight", 7, false);
  sorting.go("b", { toggle: true });
  sorting.press("2");
  assert.deepEqual(acts()[0].item_ids, ["a", "b"]);
  assert.deepEqual(shown(sorting), ["c"]);
  assert.equal(sorting.focus, "c");
});

test("a label that means other has no key here, and one whose key is the desk's gets another", () => {
  const { sorting } = open();
  assert.equal(sorting.keys.has("L9"), false);
  assert.ok(sorting.keys.get("L2"));
  assert.notEqual(sorting.keys.get("L2"), "b");
});

test("undo takes back the last act, all of it, and goes where it was", () => {
  const { sorting, acts, store } = open();
  sorting.press("1");
  sorting.leaveOut();
  store();
  sorting.undo();
  sorting.undo();
  assert.deepEqual(acts().slice(2).map((a) => [a.kind, a.retracts]), [["undo", acts()[1].decision_id], ["undo", acts()[0].decision_id]]);
  assert.deepEqual(shown(sorting), ["a", "b", "c"]);
  assert.equal(sorting.n, 5);
  sorting.undo();
  assert.match(sorting.notice.text, /nothing to undo/i);
});

test("an act that is refused lays its items out again, with the reason", () => {
  const { sorting, acts } = open();
  sorting.press("1");
  sorting.reply({ kind: "rejected", decision_id: acts()[0].decision_id, reason: "that label was retired." });
  assert.equal(sorting.n, 5);
  assert.deepEqual(sorting.notice, { text: "that label was retired.", bad: true });
  assert.equal(sorting.done.length, 0);
});

test("an undo that is refused takes its items away again and can be tried again", () => {
  const { sorting, acts, store } = open();
  sorting.make("owl", null, "");
  store();
  sorting.undo();
  sorting.reply({ kind: "rejected", decision_id: acts()[1].decision_id, reason: "version 5 rests on it." });
  assert.deepEqual(shown(sorting), ["d", "e"]);
  assert.equal(sorting.done.length, 1);
});

test("an act waits in the browser's storage until it is stored, also for the next page", () => {
  const storage = memoryStorage();
  const first = open({ storage });
  first.sorting.press("1");
  const again = open({ storage, pages: PAGES });
  assert.deepEqual(again.acts().map((act) => act.decision_id), first.acts().map((act) => act.decision_id));
  again.store();
  assert.equal(again.sorting.pending, 0);
});

test("acts name the one before them that isn't stored yet", () => {
  const { sorting, acts } = open();
  sorting.press("1");
  sorting.undo();
  assert.equal(acts()[1].after, acts()[0].decision_id);
});

test("what somebody else sorts goes, what comes later is the last cluster", () => {
  const { sorting } = open();
  sorting.push({ kind: "unplaced", item_ids: ["b", "c", "d", "e", "f"], more: [body("f")] });
  assert.deepEqual(shown(sorting), ["b", "c"]);
  assert.deepEqual(sorting.open, [0, 1, 2]);
  sorting.push({ kind: "unplaced", item_ids: ["a", "b", "c", "d", "e", "f"], more: [] });
  assert.deepEqual(shown(sorting), ["a", "b", "c"]);
});

test("an act on its way isn't undone by a look from before it", () => {
  const { sorting } = open();
  sorting.press("1");
  sorting.push({ kind: "unplaced", item_ids: ["a", "b", "c", "d", "e"], more: [] });
  assert.equal(sorting.n, 2);
  sorting.push({ kind: "pages", pages: PAGES });
  assert.equal(sorting.n, 2);
});

test("arrows go from item to item and from row to row, Shift selects on the way", () => {
  const { sorting } = open({ pages: [["a", "b", "c", "d", "e"].map(body)] });
  sorting.lead("ArrowDown", 2, false);
  assert.equal(sorting.focus, "c");
  sorting.lead("ArrowRight", 2, true);
  sorting.lead("ArrowRight", 2, true);
  assert.deepEqual([...sorting.selected], ["c", "d", "e"]);
  sorting.lead("Home", 2, false);
  sorting.lead("ArrowUp", 2, false);
  assert.equal(sorting.focus, "a");
  assert.equal(sorting.lead("q", 2, false), false);
});

test("what was done before a reload can still be undone", () => {
  const { sorting, acts } = open();
  sorting.push({ kind: "acts", acts: [{ act_id: "former-1", act: "assigned", n: 4, label: "cat" }] });
  sorting.undo();
  assert.equal(acts()[0].retracts, "former-1");
  assert.match(sorting.notice.text, /4 items → cat/);
});
