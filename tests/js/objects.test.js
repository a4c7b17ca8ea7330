// The objects of an item without a browser: keys, drawing, undo, drafts, snapping, the mouse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ImageObjects, MOST, newMemory } from "../../hitl_widgets/widgets/js/objects/image.js";
import { ACTIONS, act as actOn, key as keyOn } from "../../hitl_widgets/widgets/js/objects/keys.js";
import { palette } from "../../hitl_widgets/widgets/js/objects/palette.js";
import { cursorFor, hit, Pointing } from "../../hitl_widgets/widgets/js/objects/pointing.js";
import { boundsOf, problemOf } from "../../hitl_widgets/widgets/js/objects/shapes.js";
import { closeUp, revealing, viewOf } from "../../hitl_widgets/widgets/js/objects/zoom.js";

const SIZE = [100, 80];
const NAMES = { L0: "RBC", L1: "WBC", L2: "Platelets" };
const nameOf = (id) => NAMES[id];
const box = (id, at, score, more = {}) => ({ id, kind: "box", at, label_id: "L0", score, ...more });
const open = (shown, more = {}) => ImageObjects.of({ kind: shown[0]?.kind ?? "box", size: SIZE, shown, ...more });
const press = (objects, chord, more = {}) => {
  const parts = chord.split("+");
  const key = parts.pop();
  return keyOn(objects, { key: key === "Space" ? " " : key, code: key, shiftKey: parts.includes("Shift"), altKey: parts.includes("Alt"), ctrlKey: parts.includes("Control"), metaKey: false, repeat: false, ...more });
};
const type = (objects, chords) => chords.split(" ").map((chord) => press(objects, chord));
const hold = (objects, chord, n) => { for (let i = 0; i < n; i++) press(objects, chord, { repeat: i > 0 }); };
const act = (objects, action, around = {}) => actOn(objects, action, { labels: ["L0", "L1", "L2"], ...around });
const three = () => open([box("a", [10, 10, 30, 30], 0.9), box("b", [40, 10, 60, 30], 0.2), box("c", [40, 40, 60, 60], 0.5)]);
const SQUARE = { id: "p", kind: "polygon", at: [20, 20, 60, 20, 60, 60, 20, 60], label_id: "L0", score: 0.5 };

test("Tab goes from the least score to the highest, those without a score last, and then leaves the card", () => {
  const objects = three();
  objects.add([0, 0, 5, 5], "L1");
  objects.take(null);
  objects.known.clear();
  objects.pass = { ids: [], at: -1 };
  const order = Array.from({ length: 4 }, () => (press(objects, "Tab"), objects.current.id));
  assert.deepEqual(order.slice(0, 3), ["b", "c", "a"]);
  assert.equal(objects.current.origin, "person");
  assert.equal(press(objects, "Tab"), null);
  assert.equal(objects.focus, null);
  assert.equal(press(objects, "Tab"), "", "when the card has the keys again, it begins again");
  assert.equal(objects.focus, "b");
});

test("what nobody touched comes first, and nothing comes twice before all have come", () => {
  const objects = three();
  objects.take("a"); // by the mouse
  type(objects, "Escape Tab");
  assert.equal(objects.focus, "b");
  type(objects, "Tab");
  assert.equal(objects.focus, "c");
  assert.equal(press(objects, "Tab"), null);
});

test("Shift+Tab goes back the way that Tab came, and leaves the card before the first one", () => {
  const objects = three();
  type(objects, "Tab Tab Shift+Tab");
  assert.equal(objects.focus, "b");
  assert.equal(press(objects, "Shift+Tab"), null);
  type(objects, "Tab Tab Tab");
  assert.equal(objects.focus, "a");
});

test("a Tab that is held down doesn't leave the card", () => {
  const objects = three();
  press(objects, "Tab");
  assert.equal(press(objects, "Tab", { repeat: true }), "");
  assert.equal(objects.focus, "b");
});

test("without an object in focus, arrows, labels, certainty, u and undo are the card's", () => {
  const objects = three();
  assert.equal(press(objects, "ArrowLeft"), null);
  assert.equal(objects.relabel("L1"), null);
  assert.equal(objects.rate(3), null);
  assert.equal(objects.nudge(1), null);
  assert.equal(objects.unsure(), null);
  assert.equal(objects.undo(), null);
  assert.equal(act(objects, "delete"), null);
  assert.equal(press(objects, "Escape"), null);
  assert.equal(press(objects, "Enter"), null);
  assert.equal(press(objects, "Space"), null);
  assert.equal(objects.empty, true);
});

test("keys with Ctrl, and with Alt where that isn't an arrow, are the browser's", () => {
  const objects = three();
  press(objects, "Tab");
  assert.equal(press(objects, "Control+ArrowLeft"), null);
  assert.equal(press(objects, "Alt+Tab"), null);
  assert.deepEqual(objects.current.at, [40, 10, 60, 30]);
});

test("arrows move by a pixel, with Shift by ten, and stop at the edge of the item", () => {
  const objects = three();
  type(objects, "Tab ArrowRight ArrowDown ArrowDown Shift+ArrowLeft");
  assert.deepEqual(objects.current.at, [31, 12, 51, 32]);
  hold(objects, "Shift+ArrowRight", 20);
  assert.deepEqual(objects.current.at, [80, 12, 100, 32], "its size stays");
  hold(objects, "Shift+ArrowUp", 5);
  assert.deepEqual(objects.current.at, [80, 0, 100, 20]);
});

test("Alt and an arrow pull the side there; with Shift the opposite side goes the same way", () => {
  const objects = three();
  type(objects, "Tab Alt+ArrowLeft Alt+ArrowUp Alt+ArrowRight Alt+ArrowDown");
  assert.deepEqual(objects.current.at, [39, 9, 61, 31]);
  type(objects, "Alt+Shift+ArrowLeft Alt+Shift+ArrowUp Alt+Shift+ArrowRight Alt+Shift+ArrowDown");
  assert.deepEqual(objects.current.at, [40, 10, 60, 30]);
  hold(objects, "Alt+Shift+ArrowRight", 30);
  assert.deepEqual(objects.current.at, [59, 10, 60, 30], "a pixel is left");
  hold(objects, "Alt+ArrowRight", 60);
  assert.deepEqual(objects.current.at, [59, 10, 100, 30], "no further than the item");
});

test("a key that is held down is one step to undo; pressed again it is another", () => {
  const objects = three();
  press(objects, "Tab");
  hold(objects, "ArrowRight", 12);
  hold(objects, "ArrowRight", 3);
  hold(objects, "ArrowDown", 2);
  assert.deepEqual(objects.current.at, [55, 12, 75, 32]);
  assert.match(objects.undo(), /moved/);
  assert.deepEqual(objects.current.at, [55, 10, 75, 30]);
  objects.undo();
  assert.deepEqual(objects.current.at, [52, 10, 72, 30]);
  objects.undo();
  assert.deepEqual(objects.current.at, [40, 10, 60, 30]);
  assert.equal(objects.undo(), null);
});

test("a held key that goes on at another object is a step of its own", () => {
  const objects = three();
  type(objects, "Tab ArrowRight Tab");
  press(objects, "ArrowRight", { repeat: true });
  assert.deepEqual(objects.current.at, [41, 40, 61, 60]);
  objects.undo();
  assert.deepEqual(objects.get("b").at, [41, 10, 61, 30]);
  assert.deepEqual(objects.get("c").at, [40, 40, 60, 60]);
});

test("what changes nothing is no step", () => {
  const objects = open([box("a", [0, 0, 100, 80], 0.5)]);
  type(objects, "Tab ArrowLeft Alt+ArrowRight Shift+ArrowDown");
  objects.relabel("L0");
  assert.equal(objects.steps.length, 0);
});

test("every kind of change can be taken back, one after the other, with the focus where it was", () => {
  const objects = three();
  press(objects, "Tab");
  objects.relabel("L1");
  objects.rate(7);
  objects.unsure();
  press(objects, "Alt+ArrowUp");
  act(objects, "delete");
  act(objects, "draw");
  const states = [];
  while (objects.undo() !== null) states.push([objects.list.length, objects.focus, objects.get("b")?.unsure, objects.get("b")?.certainty, objects.get("b")?.label_id]);
  assert.deepEqual(states, [[2, "c", undefined, undefined, undefined], [3, "b", true, 7, "L1"], [3, "b", true, 7, "L1"], [3, "b", false, 7, "L1"],
    [3, "b", false, null, "L1"], [3, "b", false, null, "L0"]]);
  assert.deepEqual(objects.sent, three().sent);
});

test("undo goes on after the item was decided: the card keeps the objects as they are", () => {
  const objects = three();
  type(objects, "Tab ArrowRight");
  const sent = JSON.stringify(objects.sent);
  objects.remember();
  assert.equal(JSON.stringify(objects.sent), sent);
  assert.notEqual(objects.undo(), null);
  assert.equal(objects.differs, false);
});

test("a deleted object hands the focus on; the last one leaves none, and Tab goes on from there", () => {
  const objects = three();
  press(objects, "Tab");
  act(objects, "delete");
  assert.equal(objects.focus, "c");
  act(objects, "delete");
  act(objects, "delete");
  assert.equal(objects.focus, null);
  assert.equal(press(objects, "Tab"), null);
  assert.deepEqual(objects.sent, []);
  assert.deepEqual(objects.touched.sort(), ["a", "b", "c"]);
  assert.equal(objects.verdict, "correct");
});

test("certainty goes up and down within 0 and 10, for the object in focus only", () => {
  const objects = three();
  press(objects, "Tab");
  objects.nudge(1);
  assert.equal(objects.current.certainty, 10);
  objects.nudge(1);
  assert.equal(objects.current.certainty, 10);
  objects.nudge(-1);
  assert.equal(objects.current.certainty, 9);
  objects.rate(0);
  objects.nudge(-1);
  assert.deepEqual(objects.sent.map(({ certainty }) => certainty), [undefined, 0, undefined]);
  objects.rate(null);
  assert.ok(!("certainty" in objects.sent[1]));
});

test("Esc lets go of one thing after the other", () => {
  const objects = open([SQUARE]);
  press(objects, "Tab");
  act(objects, "next_corner");
  assert.equal(objects.vertex, 0);
  assert.equal(press(objects, "Escape"), "");
  assert.deepEqual([objects.vertex, objects.focus], [null, "p"]);
  assert.equal(press(objects, "Escape"), "");
  assert.equal(objects.focus, null);
  assert.equal(press(objects, "Escape"), null);
});

// What is stored

test("the verdict follows from what was shown: all as it is, something else, or nothing was proposed", () => {
  const objects = three();
  type(objects, "Tab Tab");
  assert.equal(objects.verdict, "accept", "looking changes nothing");
  objects.rate(4);
  assert.equal(objects.verdict, "accept", "nor does a certainty");
  press(objects, "ArrowRight");
  assert.equal(objects.verdict, "correct");
  press(objects, "ArrowLeft");
  assert.equal(objects.verdict, "accept", "back where it was");
  act(objects, "draw");
  assert.equal(objects.verdict, "correct");
  const none = open([]);
  act(none, "draw");
  assert.equal(none.verdict, "answer");
  assert.equal(open([]).verdict, "answer");
});

test("what nobody moved is sent to the last digit, what was moved to a hundredth of a pixel", () => {
  const at = [10.123456789, 10.5, 30.987654321, 30.25];
  const objects = open([box("a", at, 0.9), box("b", [...at], 0.95)]);
  type(objects, "Tab ArrowRight ArrowLeft Tab ArrowRight");
  assert.deepEqual(objects.sent, [{ id: "a", kind: "box", at, label_id: "L0" }, { id: "b", kind: "box", at: [11.12, 10.5, 31.99, 30.25], label_id: "L0" }]);
});

test("what was seen is what was shown, whatever happened to it", () => {
  const objects = three();
  press(objects, "Tab");
  act(objects, "delete");
  act(objects, "draw");
  assert.deepEqual(objects.seen.map(({ id, score }) => [id, score]), [["a", 0.9], ["b", 0.2], ["c", 0.5]]);
  assert.deepEqual(Object.keys(objects.seen[0]), ["id", "kind", "at", "label_id", "score"]);
  const added = objects.current.id;
  assert.deepEqual(objects.touched, ["b", "c", added]);
  objects.undo();
  assert.deepEqual(objects.touched, ["b", "c"], "an object that isn't there any more was never on the screen before");
});

test("an earlier answer is looked at again with its ids, and its deleted objects stay away", () => {
  const given = [{ ...box("a", [11, 10, 31, 30], 0.9), origin: "model", act: "moved", was: { at: [10, 10, 30, 30], label_id: "L0" }, certainty: 8 },
    { ...box("x", [1, 1, 9, 9], null), origin: "person", act: "added", unsure: true }, { ...box("b", [40, 10, 60, 30], 0.2), origin: "model", act: "deleted" }];
  const objects = ImageObjects.of({ kind: "box", size: SIZE, shown: [], given });
  assert.deepEqual(objects.sent, [{ id: "a", kind: "box", at: [11, 10, 31, 30], label_id: "L0", certainty: 8 },
    { id: "x", kind: "box", at: [1, 1, 9, 9], label_id: "L0", unsure: true }]);
  assert.equal(objects.became(objects.get("a")), "moved");
  assert.equal(objects.became(objects.get("x")), "added");
  assert.equal(objects.isProposal(objects.get("a")), false);
  assert.deepEqual(objects.seen[0], { id: "a", kind: "box", at: [11, 10, 31, 30], label_id: "L0", score: 0.9, origin: "model", was: { at: [10, 10, 30, 30], label_id: "L0" } });
  assert.equal(objects.verdict, "accept");
});

test("a draft outlives a reload, with what was touched and in focus; without anything done there is none", () => {
  const objects = three();
  assert.equal(objects.toDraft(), null);
  type(objects, "Tab Tab ArrowRight");
  objects.unsure();
  act(objects, "draw");
  const memory = newMemory();
  const again = ImageObjects.fromDraft(JSON.parse(JSON.stringify(objects.toDraft())), memory);
  assert.deepEqual(again.sent, objects.sent);
  assert.deepEqual(again.seen, objects.seen);
  assert.deepEqual([...again.touched].sort(), [...objects.touched].sort());
  assert.equal(again.focus, objects.focus);
  assert.equal(again.verdict, "correct");
  assert.equal(again.became(again.get("c")), "moved");
  press(again, "ArrowLeft");
  assert.equal(again.steps.length, 1);
  for (const broken of [null, undefined, {}, { list: 3 }, { list: [], shown: [] }]) assert.equal(ImageObjects.fromDraft(broken), null);
});

test("words say how many stand, and what is in focus", () => {
  const objects = three();
  assert.equal(objects.describe(nameOf), "3 objects, none in focus");
  type(objects, "Tab Tab");
  assert.equal(objects.describe(nameOf), "2 of 3: RBC, score 0.50");
  objects.relabel("L1");
  objects.rate(6);
  objects.unsure();
  assert.equal(objects.describe(nameOf), "2 of 3: WBC, score 0.50, relabelled, certainty 6, unsure");
  type(objects, "Tab");
  act(objects, "delete");
  act(objects, "draw");
  assert.equal(objects.words(), "3 objects: 1 as proposed, 1 relabelled, 1 added, 1 deleted");
  assert.match(objects.describe(nameOf), /^3 of 3: WBC, added$/);
  assert.equal(open([]).describe(nameOf), "No objects");
});

test("a proposal is one as long as nobody looked at it", () => {
  const objects = three();
  press(objects, "Tab");
  assert.deepEqual(objects.list.map((object) => objects.isProposal(object)), [true, false, true]);
});

// Drawing by keys

test("n places a box of the median size of the label used last; digits, arrows and Alt go on with it", () => {
  const objects = open([box("a", [10, 10, 20, 30], 0.9), box("b", [40, 10, 52, 34], 0.2), box("c", [40, 40, 54, 70], 0.5), box("w", [60, 60, 64, 64], 0.6, { label_id: "L1" })]);
  press(objects, "Tab");
  objects.relabel("L0");
  press(objects, "Escape");
  act(objects, "draw");
  assert.deepEqual(objects.current.at, [44, 28, 56, 52], "12 by 24, in the middle of the item");
  assert.equal(objects.current.label_id, "L0");
  objects.relabel("L1");
  assert.deepEqual(objects.current.at, [48, 38, 52, 42], "as the others of the label, as long as nothing was done to it");
  press(objects, "ArrowRight");
  objects.relabel("L0");
  assert.deepEqual(objects.current.at, [49, 38, 53, 42], "but then it keeps its size");
});

test("without a box of the label, its size is that on the last item, or a twelfth of this one", () => {
  const memory = newMemory();
  const first = ImageObjects.of({ kind: "box", size: SIZE, shown: [box("a", [10, 10, 40, 20], 0.9)], memory });
  press(first, "Tab");
  first.relabel("L2");
  first.remember();
  const second = ImageObjects.of({ kind: "box", size: SIZE, shown: [], memory });
  act(second, "draw");
  assert.equal(second.current.label_id, "L2");
  assert.deepEqual(second.current.at, [35, 35, 65, 45]);
  const fresh = open([]);
  act(fresh, "draw");
  const [x0, y0, x1, y1] = fresh.current.at;
  assert.ok(Math.abs(x1 - x0 - 100 / 12) < 1e-9 && Math.abs(y1 - y0 - 80 / 12) < 1e-9);
  assert.equal(fresh.current.label_id, "L0", "the first label there is");
});

test("a label that is gone isn't drawn again", () => {
  const memory = newMemory();
  memory.label_id = "L9";
  const objects = ImageObjects.of({ kind: "box", size: SIZE, shown: [], memory });
  act(objects, "draw");
  assert.equal(objects.current.label_id, "L0");
  assert.match(actOn(open([]), "draw", { labels: [] }), /no label/);
});

test("something new is placed beside the object in focus, or in the middle of what is in view", () => {
  const objects = three();
  objects.take("a");
  act(objects, "draw");
  assert.deepEqual(objects.current.at, [32.5, 10, 52.5, 30]);
  const right = open([box("a", [80, 10, 100, 30], 0.9)]);
  press(right, "Tab");
  act(right, "draw");
  assert.deepEqual(right.current.at, [57.5, 10, 77.5, 30]);
  const near = three();
  near.take("a");
  act(near, "draw", { view: { x: 50, y: 40, width: 50, height: 40 } });
  assert.deepEqual(near.current.at, [65, 50, 85, 70]);
});

test("Space and arrows draw a box: its place, then its size; Tab, Enter or Space end it", () => {
  for (const end of ["Space", "Enter", "Tab"]) {
    const objects = three();
    act(objects, "draw");
    const [x0, y0, x1, y1] = objects.current.at;
    type(objects, "ArrowLeft ArrowUp Space ArrowRight ArrowRight Shift+ArrowDown");
    assert.deepEqual(objects.current.at, [x0 - 1, y0 - 1, x1 + 1, y1 + 9]);
    const { id } = objects.current;
    press(objects, end);
    assert.equal(objects.drawing, null, end);
    if (end !== "Tab") {
      press(objects, "ArrowRight");
      assert.deepEqual(objects.get(id).at, [x0, y0 - 1, x1 + 2, y1 + 9], "from there on arrows move it");
    }
  }
});

test("Enter ends drawing first, and Space too: neither decides the item", () => {
  const objects = three();
  act(objects, "draw");
  assert.equal(press(objects, "Enter"), "");
  assert.equal(press(objects, "Enter"), null);
  act(objects, "draw");
  assert.notEqual(press(objects, "Space"), null);
  assert.notEqual(press(objects, "Space"), null);
  assert.equal(press(objects, "Space"), null);
});

test("Esc gives up what is drawn, with all that was done to it", () => {
  const objects = three();
  objects.take("c");
  act(objects, "draw");
  type(objects, "ArrowLeft Space ArrowDown");
  assert.equal(press(objects, "Escape"), "Not drawn");
  assert.equal(objects.list.length, 3);
  assert.equal(objects.focus, "c");
  assert.equal(objects.steps.length, 0);
});

test("with Shift something new crosses a large item in 64 steps; what is there moves by ten", () => {
  const objects = ImageObjects.of({ kind: "box", size: [6400, 4800], shown: [box("a", [0, 0, 50, 50], 0.4)] });
  act(objects, "draw");
  const [x0] = objects.current.at;
  press(objects, "Shift+ArrowRight");
  assert.equal(objects.current.at[0], x0 + 100);
  type(objects, "Enter Shift+ArrowRight");
  assert.equal(objects.current.at[0], x0 + 110);
});

test("there is a most of objects", () => {
  const objects = open(Array.from({ length: MOST }, (_, i) => box(`m${i}`, [i % 90, 0, (i % 90) + 5, 5], 0.5)));
  assert.match(act(objects, "draw"), /too many/);
  assert.equal(objects.list.length, MOST);
});

test("a polygon is drawn corner by corner, and closed by Enter; three at least", () => {
  const objects = open([SQUARE]);
  act(objects, "draw");
  assert.equal(objects.list.length, 1);
  assert.match(objects.problem, /isn't closed/);
  type(objects, "Space Shift+ArrowRight Space");
  assert.match(press(objects, "Enter"), /three corners/);
  type(objects, "Shift+ArrowDown ArrowDown Space Enter");
  assert.equal(objects.problem, null);
  assert.equal(objects.list.length, 2);
  const { at, origin, label_id } = objects.current;
  assert.deepEqual([...at], [50, 40, 60, 40, 60, 51]);
  assert.deepEqual([origin, label_id], ["person", "L0"]);
  objects.undo();
  assert.equal(objects.list.length, 1);
});

test("undo and Backspace take back corners one by one, Esc all of them; a corner isn't set twice", () => {
  const objects = open([SQUARE]);
  act(objects, "draw");
  type(objects, "Space");
  assert.match(press(objects, "Space"), /next corner/);
  type(objects, "ArrowRight Space");
  assert.equal(objects.drawing.spots.length, 2);
  objects.undo();
  assert.equal(press(objects, "Backspace"), "Corner taken back");
  assert.equal(objects.drawing.spots.length, 0);
  objects.undo();
  assert.equal(objects.drawing, null);
  act(objects, "draw");
  type(objects, "Space Escape");
  assert.equal(objects.drawing, null);
  assert.equal(objects.steps.length, 0);
});

test("a digit while a polygon is drawn is its label; other actions wait", () => {
  const objects = open([SQUARE]);
  act(objects, "draw");
  assert.equal(objects.relabel("L2"), "");
  assert.match(act(objects, "delete"), /Close the polygon/);
  type(objects, "Space Shift+ArrowRight Space Shift+ArrowDown Space Tab");
  assert.equal(objects.current.label_id, "L2");
});

test("a point is drawn by n, arrows and Space; Alt moves it by a tenth of a pixel", () => {
  const objects = ImageObjects.of({ kind: "point", size: SIZE, shown: [] });
  act(objects, "draw");
  type(objects, "ArrowRight Shift+ArrowDown Space Alt+ArrowLeft");
  assert.deepEqual(objects.sent.map(({ kind, at }) => [kind, at]), [["point", [50.9, 50]]]);
  hold(objects, "Shift+ArrowLeft", 20);
  assert.equal(objects.current.at[0], 0);
});

// Polygons

test("a polygon's corners are chosen, moved, added and taken away", () => {
  const objects = open([SQUARE]);
  press(objects, "Tab");
  act(objects, "next_corner");
  act(objects, "next_corner");
  assert.equal(objects.vertex, 1);
  act(objects, "previous_corner");
  act(objects, "previous_corner");
  assert.equal(objects.vertex, 3);
  type(objects, "ArrowLeft Shift+ArrowDown");
  assert.deepEqual(objects.current.at, [20, 20, 60, 20, 60, 60, 19, 70]);
  act(objects, "add_corner");
  assert.deepEqual(objects.current.at, [20, 20, 60, 20, 60, 60, 19, 70, 19.5, 45], "in the middle of the edge back to the first");
  assert.equal(objects.vertex, 4);
  act(objects, "remove_corner");
  assert.deepEqual(objects.current.at, [20, 20, 60, 20, 60, 60, 19, 70]);
  act(objects, "remove_corner");
  assert.equal(objects.current.at.length, 6);
  assert.match(act(objects, "remove_corner"), /three corners/);
  assert.equal(objects.current.at.length, 6);
  for (let i = 0; i < 5; i++) objects.undo();
  assert.deepEqual(objects.current.at, SQUARE.at);
});

test("without a corner in hand arrows move the polygon; Alt takes the corner that lies furthest there", () => {
  const objects = open([{ ...SQUARE, at: [20, 20, 60, 25, 50, 60] }]);
  type(objects, "Tab ArrowRight");
  assert.deepEqual(objects.current.at, [21, 20, 61, 25, 51, 60]);
  press(objects, "Alt+ArrowDown");
  assert.deepEqual([objects.vertex, ...objects.current.at.slice(4)], [2, 51, 61]);
  hold(objects, "Shift+ArrowDown", 5);
  assert.equal(objects.current.at[5], 80, "within the item");
});

test("without a corner in hand one is added to the longest edge", () => {
  const objects = open([{ ...SQUARE, at: [20, 20, 80, 20, 80, 40, 20, 40] }]);
  press(objects, "Tab");
  act(objects, "add_corner");
  assert.deepEqual(objects.current.at.slice(0, 6), [20, 20, 50, 20, 80, 20]);
  assert.match(act(open([SQUARE]), "remove_corner") ?? "null", /null/);
});

test("corners are nothing to boxes", () => {
  const objects = three();
  press(objects, "Tab");
  for (const action of ["next_corner", "previous_corner", "add_corner", "remove_corner"]) assert.equal(act(objects, action), null);
});

test("a polygon that crosses itself is said, and can't be stored until it is mended", () => {
  const objects = open([SQUARE]);
  press(objects, "Tab");
  act(objects, "next_corner");
  hold(objects, "Shift+ArrowRight", 5);
  assert.equal(problemOf(objects.current.at), "crosses itself");
  assert.match(objects.problem, /crosses itself/);
  assert.match(objects.describe(nameOf), /crosses itself/);
  objects.undo();
  assert.equal(objects.problem, null);
});

test("polygons without area, with a corner twice, or touching themselves have a problem", () => {
  assert.equal(problemOf([0, 0, 10, 0, 5, 8]), null);
  assert.equal(problemOf([0, 0, 10, 0, 10, 10, 0, 10]), null);
  assert.equal(problemOf([0, 0, 10, 0, 5, 0]), "has no area");
  assert.equal(problemOf([0, 0, 10, 0, 10, 10, 0, 0, 0, 10]), "has the same corner twice");
  assert.equal(problemOf([0, 0, 10, 10, 10, 0, 0, 10]), "crosses itself");
  assert.equal(problemOf([0, 0, 10, 0, 10, 10, 5, 0, 0, 10]), "crosses itself");
});

// The mouse

test("a press takes the smallest object there, and a drag moves it in one step", () => {
  const objects = open([box("large", [0, 0, 90, 70], 0.9), box("small", [20, 20, 40, 40], 0.5)]);
  const mouse = new Pointing(objects);
  assert.equal(mouse.down({ x: 30, y: 30 }, 0.5), true);
  assert.equal(objects.focus, "small");
  assert.equal(mouse.moveTo({ x: 31, y: 30 }), false, "a trembling hand drags nothing");
  mouse.moveTo({ x: 36.5, y: 30 });
  mouse.moveTo({ x: 40.25, y: 31.5 });
  mouse.up({ x: 40.25, y: 31.5 });
  assert.deepEqual(objects.current.at, [30.25, 21.5, 50.25, 41.5]);
  objects.undo();
  assert.deepEqual(objects.current.at, [20, 20, 40, 40]);
  assert.equal(objects.undo(), null);
});

test("sides and corners of the box in focus are dragged", () => {
  const objects = open([box("a", [20, 20, 60, 60], 0.5)]);
  press(objects, "Tab");
  assert.deepEqual(hit(objects, { x: 60.5, y: 40 }, 0.5), { id: "a", part: "sides", sides: ["right"] });
  const corner = hit(objects, { x: 19, y: 61 }, 0.5);
  assert.deepEqual([...corner.sides].sort(), ["bottom", "left"]);
  assert.equal(cursorFor(corner), "nesw-resize");
  assert.equal(cursorFor(hit(objects, { x: 20, y: 20 }, 0.5)), "nwse-resize");
  assert.equal(cursorFor(hit(objects, { x: 40, y: 60 }, 0.5)), "ns-resize");
  assert.equal(cursorFor(hit(objects, { x: 40, y: 40 }, 0.5)), "move");
  assert.equal(cursorFor(hit(objects, { x: 90, y: 70 }, 0.5)), "");
  const mouse = new Pointing(objects);
  mouse.down({ x: 20, y: 60 }, 0.5);
  mouse.moveTo({ x: 10.5, y: 70 });
  mouse.moveTo({ x: 5.5, y: 200 });
  assert.deepEqual(objects.current.at, [5.5, 20, 60, 80]);
  mouse.moveTo({ x: 99, y: 60 });
  assert.deepEqual(objects.current.at, [59, 20, 60, 60], "a side stops a pixel before the other");
});

test("a drag from an empty place draws a box of the label used last; a click there lets go", () => {
  const objects = three();
  objects.memory.label_id = "L1";
  const mouse = new Pointing(objects, { labels: ["L0", "L1"] });
  mouse.down({ x: 90, y: 70 }, 0.5);
  mouse.moveTo({ x: 80, y: 60 });
  mouse.moveTo({ x: 70.5, y: 50.5 });
  mouse.up({ x: 70.5, y: 50.5 });
  assert.deepEqual([...objects.current.at, objects.current.label_id], [70.5, 50.5, 90, 70, "L1"]);
  mouse.down({ x: 5, y: 75 }, 0.5);
  mouse.up({ x: 5, y: 75 });
  assert.equal(objects.focus, null);
  assert.equal(objects.list.length, 4);
  objects.undo();
  assert.equal(objects.list.length, 3, "drawn in one step");
  assert.equal(mouse.down({ x: 5, y: 75 }, 0.5, { pans: true }), false);
});

test("after n a drag draws the new box where the mouse says", () => {
  const objects = three();
  act(objects, "draw");
  const mouse = new Pointing(objects);
  mouse.down({ x: 10, y: 50 }, 0.5);
  mouse.moveTo({ x: 30, y: 70 });
  mouse.up({ x: 30, y: 70 });
  assert.equal(objects.list.length, 4);
  assert.deepEqual(objects.current.at, [10, 50, 30, 70]);
  assert.equal(objects.drawing, null);
});

test("a click adds a point, on a card that has the keys; a click on a point takes it", () => {
  const objects = ImageObjects.of({ kind: "point", size: SIZE, shown: [] });
  const mouse = new Pointing(objects, { labels: ["L0"] });
  mouse.down({ x: 20, y: 30 }, 0.5);
  mouse.up({ x: 20, y: 30 }, { adds: false });
  assert.equal(objects.list.length, 0);
  mouse.down({ x: 20, y: 30 }, 0.5);
  mouse.up({ x: 20.25, y: 30 });
  assert.deepEqual(objects.sent.map(({ at }) => at), [[20.25, 30]]);
  mouse.down({ x: 21, y: 31 }, 0.5);
  mouse.moveTo({ x: 31, y: 41 });
  mouse.up({ x: 31, y: 41 });
  assert.deepEqual(objects.sent.map(({ at }) => at), [[30.25, 40]]);
});

test("clicks set the corners of a polygon, and one on the first closes it; corners and edges are dragged", () => {
  const objects = ImageObjects.of({ kind: "polygon", size: SIZE, shown: [] });
  const mouse = new Pointing(objects, { labels: ["L0"] });
  assert.equal(mouse.down({ x: 10, y: 10 }, 0.5), false, "before n the mouse moves the view");
  act(objects, "draw");
  for (const [x, y] of [[10, 10], [50, 10], [50, 50], [10.5, 10.5]]) { mouse.down({ x, y }, 0.5); mouse.up({ x, y }); }
  assert.deepEqual(objects.current.at, [10, 10, 50, 10, 50, 50]);
  mouse.down({ x: 50, y: 50 }, 0.5);
  mouse.moveTo({ x: 60, y: 55 });
  mouse.up({ x: 60, y: 55 });
  assert.deepEqual(objects.current.at, [10, 10, 50, 10, 60, 55]);
  mouse.down({ x: 30, y: 10 }, 0.5);
  mouse.moveTo({ x: 30, y: 5 });
  mouse.moveTo({ x: 30, y: 2 });
  mouse.up({ x: 30, y: 2 });
  assert.deepEqual(objects.current.at, [10, 10, 30, 2, 50, 10, 60, 55]);
  assert.equal(objects.vertex, 1);
});

// What is in view

test("the view comes close to an object, and moves only as far as it takes to see another", () => {
  const near = closeUp([40, 30, 60, 50], SIZE);
  assert.deepEqual(near, { times: 0.4 * 80 / 20, x: 0.5, y: 0.5 });
  assert.deepEqual(viewOf(near, SIZE), { x: 18.75, y: 15, width: 62.5, height: 50 });
  assert.equal(revealing(near, [30, 20, 60, 50], SIZE), near);
  const moved = viewOf(revealing(near, [70, 20, 90, 50], SIZE), SIZE);
  assert.ok(Math.abs(moved.x + moved.width - 90) < 1e-9 && moved.y === 15);
  const corner = viewOf(closeUp([0, 0, 4, 4], SIZE), SIZE);
  assert.deepEqual([corner.x, corner.y], [0, 0], "nothing beside the item is in view");
  assert.ok(Math.abs(closeUp([50, 40, 50, 40], SIZE).times - 0.4 * 80 / 24) < 1e-9);
});

// Many objects

test("500 objects: a key replaces one of them, and leaves the others the same", () => {
  const shown = Array.from({ length: 500 }, (_, i) => box(`m${i}`, [i % 90, i % 70, (i % 90) + 8, (i % 70) + 8], (i * 37 % 500) / 500));
  const objects = open(shown);
  const order = [];
  while (press(objects, "Tab") !== null) order.push(objects.current.score);
  assert.equal(order.length, 500);
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
  objects.take("m250");
  const { list } = objects;
  press(objects, "ArrowRight");
  assert.equal(objects.list.filter((object, i) => object !== list[i]).length, 1);
  assert.deepEqual(boundsOf(objects.current.at), [71, 40, 79, 48]);
  assert.equal(objects.sent.length, 500);
});

test("labels have their own colour, or one of a few that differ; an unknown one has white", () => {
  const colourOf = palette([{ label_id: "a" }, { label_id: "b", colour: "#123456" }, { label_id: "c", colour: "url(evil)" }]);
  assert.equal(colourOf("b"), "#123456");
  assert.match(colourOf("c"), /^#/);
  assert.notEqual(colourOf("a"), colourOf("c"));
  assert.equal(colourOf("z"), "#ffffff");
});

test("actions that aren't of the table do nothing", () => {
  const objects = three();
  press(objects, "Tab");
  assert.deepEqual(Object.keys(ACTIONS).filter((action) => act(three(), action) !== null), ["draw"], "with nothing in focus only drawing means objects");
  assert.equal(act(objects, "no such action"), null);
});
