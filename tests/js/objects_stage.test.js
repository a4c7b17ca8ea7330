// The objects as SVG, on a document that counts what is written to it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ImageObjects } from "../../hitl_widgets/widgets/js/objects/image.js";
import { act, key } from "../../hitl_widgets/widgets/js/objects/keys.js";
import { buildObjects } from "../../hitl_widgets/widgets/js/stage/objects.js";

let writes = 0;

class Element {
  constructor(tag) {
    Object.assign(this, { tag, attributes: {}, children: [], listeners: {}, text: "" });
    this.style = new Proxy({}, { set: (style, name, value) => { writes++; style[name] = value; return true; }, get: (style, name) => (name === "setProperty" ? (k, v) => { writes++; style[k] = v; } : style[name] ?? "") });
    const names = new Set();
    this.classList = { toggle: (name, on) => { if (names.has(name) !== on) writes++; if (on) names.add(name); else names.delete(name); return on; }, contains: (name) => names.has(name) };
  }
  get textContent() { return this.text; }
  set textContent(text) { writes++; this.text = text; }
  setAttribute(name, value) { writes++; this.attributes[name] = String(value); }
  getAttribute(name) { return this.attributes[name] ?? null; }
  removeAttribute(name) { writes++; delete this.attributes[name]; }
  append(...children) { writes += children.length; this.children.push(...children); }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  getBoundingClientRect() { return { left: 0, top: 0, width: 200, height: 160 }; }
  setPointerCapture() {}
  removeEventListener() {}
}
globalThis.document = { createElementNS: (_, tag) => new Element(tag) };

const SIZE = [100, 80];
const NAMES = { L0: "RBC", L1: "<b>WBC</b>" };
const shownOf = (n) => Array.from({ length: n }, (_, i) => ({ id: `m${i}`, kind: "box", at: [i % 80, i % 60, (i % 80) + 15, (i % 60) + 12], label_id: `L${i % 2}`, score: (i * 37 % n) / n }));

function open(shown, kind = "box") {
  const host = { objects: ImageObjects.of({ kind, size: SIZE, shown }), nameOf: (id) => NAMES[id], colourOf: (id) => (id === "L0" ? "#111111" : "#222222"),
    tagOf: (id) => id.slice(1), labels: ["L0", "L1"], changed: () => layer.update(), has_keys: () => true, soon: (step) => later.push(step) };
  /** What comes just after the frame. */
  const later = [];
  const layer = buildObjects(host);
  layer.look({ x: 0, y: 0, width: 100, height: 80 }, 0.5);
  layer.update();
  const [others, focus, drawing] = layer.svg.children;
  return { host, layer, others, focus, drawing, later };
}

const press = (objects, name, more = {}) => key(objects, { key: name, code: name, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, ...more });
/** What is to be seen of the objects that aren't in focus: what looks alike, and its tags. */
function seen(others) {
  const [shapes, words] = others.children;
  return shapes.children.map((group, i) => ({ group, path: group.children[1].attributes.d, edge: group.children[0].attributes.d, proposed: /hitl-proposed/.test(group.attributes.class),
    colour: group.style.color, tags: words.children[i].text, x: words.children[i].attributes.x, y: words.children[i].attributes.y })).filter(({ group }) => group.style.display !== "none");
}
/** How many letters of tags are to be seen. */
const tagged = (others) => (others.children[1].style.visibility === "hidden" ? 0 : others.children[1].children.filter(({ style }) => style.visibility !== "hidden" && style.display !== "none").reduce((n, { text }) => n + text.length, 0));
const counted = (others) => seen(others).reduce((n, { path }) => n + path.split("M").length - 1, 0);

test("each object is drawn in its own pixels, with its label's colour and tag; proposals are marked as such", () => {
  const { layer, others } = open([{ id: "a", kind: "box", at: [1.5, 2, 30, 40.25], label_id: "L0", score: 0.5 }, { id: "b", kind: "point", at: [3, 4], label_id: "L1", score: 0.5 },
    { id: "c", kind: "box", at: [1, 2, 9, 40], label_id: "L0", score: 0.5 }]);
  assert.equal(layer.svg.attributes.viewBox, "0 0 100 80");
  const [box, point] = seen(others);
  assert.equal(box.path, "M1.5 2L30 2L30 40.25L1.5 40.25ZM1 2L9 2L9 40L1 40Z");
  assert.equal(box.edge, box.path);
  assert.equal(box.tags, "0", "the second is too narrow for a tag");
  assert.deepEqual([box.x, box.y], ["3.50", "8.00"], "4 and 12 pixels of the screen from its corner, where one of them is half a pixel of the item");
  assert.equal(point.path, "M3 4h0");
  assert.deepEqual([point.x, point.y], ["7.00", "6.00"]);
  assert.ok(box.proposed);
  assert.deepEqual([box.colour, point.colour], ["#111111", "#222222"]);
});

test("every letter of a tag has its place, and closer by it is another", () => {
  const { host, layer, others } = open([{ id: "a", kind: "box", at: [0, 0, 40, 40], label_id: "L0", score: 0.5 }, { id: "b", kind: "box", at: [50, 10, 90, 50], label_id: "L0", score: 0.6 }]);
  for (const id of ["a", "b"]) { host.objects.take(id); host.objects.unsure(); }
  host.objects.take(null);
  layer.update();
  const [{ tags, x, y }] = seen(others);
  assert.deepEqual([tags, x, y], ["0?0?", "2.00 5.50 52.00 55.50", "6.00 6.00 16.00 16.00"]);
  layer.look({ x: 0, y: 0, width: 50, height: 40 }, 0.25);
  assert.deepEqual([seen(others)[0].x, seen(others)[0].y], ["1.00 2.75 51.00 52.75", "3.00 3.00 13.00 13.00"]);
});

test("the object in focus is drawn apart, with its words, and no markup comes from a name", () => {
  const { host, layer, others, focus } = open(shownOf(3));
  assert.equal(focus.style.display, "none");
  press(host.objects, "Tab");
  press(host.objects, "Tab");
  layer.update();
  const { current } = host.objects;
  assert.equal(focus.style.display, "");
  assert.equal(counted(others), 2);
  assert.ok(!seen(others).some(({ path }) => path.includes(`M${current.at[0]} ${current.at[1]}`)));
  assert.equal(focus.children.at(-1).text, `${NAMES[current.label_id]} · ${current.score.toFixed(2)}`);
  assert.equal(layer.svg.attributes["aria-label"], host.objects.describe(host.nameOf));
  press(host.objects, "Tab");
  layer.update();
  const again = seen(others).filter(({ path }) => path.includes(`M${current.at[0]} ${current.at[1]}`));
  assert.deepEqual(again.map(({ proposed }) => proposed), [false], "it was looked at");
});

test("a key among 500 objects writes no more than one among 5, and none writes where nothing changed", () => {
  const counts = [5, 500].map((n) => {
    const { host, layer } = open(shownOf(n));
    press(host.objects, "Tab");
    layer.update();
    writes = 0;
    press(host.objects, "ArrowRight");
    layer.update();
    return writes;
  });
  assert.equal(counts[0], counts[1]);
  assert.ok(counts[1] < 30, String(counts));
  const { host, layer } = open(shownOf(500));
  writes = 0;
  layer.update();
  layer.look({ x: 0, y: 0, width: 100, height: 80 }, 0.5);
  assert.equal(writes, 0);
  host.objects.alone = true;
  layer.update();
  assert.equal(writes, 1, "the others are hidden at once");
});

test("what looks alike and lies together is one element, and the next object touches those alone that it left and joins", () => {
  const shown = Array.from({ length: 500 }, (_, i) => ({ id: `m${i}`, kind: "box", at: [(i * 37) % 90, (i * 23) % 70, (i * 37) % 90 + 9, (i * 23) % 70 + 9], label_id: `L${i % 2}`, score: i / 500 }));
  const { host, layer, others } = open(shown);
  assert.equal(counted(others), 500);
  const n = seen(others).length;
  assert.ok(n <= 2 * 4 * 4, String(n));
  press(host.objects, "Tab");
  layer.update();
  const paths = () => new Map(others.children[0].children.map((group) => [group, group.children[1].attributes.d]));
  const before = paths();
  press(host.objects, "Tab");
  layer.update();
  assert.equal([...paths()].filter(([group, path]) => before.get(group) !== path).length, 2, "the one that comes into focus leaves one, the one before is in a new one");
});

test("more tags than a frame has time for come a moment after the shapes, and none of the former image is seen meanwhile", () => {
  const { host, layer, others } = open(shownOf(20));
  assert.equal(tagged(others), 20);
  host.objects = ImageObjects.of({ kind: "box", size: SIZE, shown: shownOf(400).map((one) => ({ ...one, id: `x${one.id}` })) });
  layer.update();
  assert.equal(counted(others), 400);
  assert.equal(tagged(others), 0);
  layer.rest();
  assert.equal(tagged(others), 400);
  writes = 0;
  layer.rest();
  assert.equal(writes, 0);
});

test("after a zoom many tags come back just after the frame, also where the card draws nothing else", () => {
  const { host, layer, others, later } = open(shownOf(400));
  layer.rest();
  layer.look({ x: 0, y: 0, width: 80, height: 64 }, 0.4);
  layer.look({ x: 0, y: 0, width: 50, height: 40 }, 0.25);
  assert.equal(tagged(others), 0, "their places are those of another zoom");
  assert.equal(later.length, 1, "once for all steps of a frame");
  later.pop()();
  assert.equal(tagged(others), 400);
  const [x] = seen(others)[0].path.slice(1).split(" ");
  assert.equal(seen(others)[0].x.split(" ")[0], (Number(x) + 4 * 0.25).toFixed(2));
  layer.look({ x: 5, y: 5, width: 50, height: 40 }, 0.25);
  assert.deepEqual([tagged(others), later.length], [400, 0], "another part as close by has the same tags");
  layer.look({ x: 0, y: 0, width: 100, height: 80 }, 0.5);
  assert.equal(later.length, 1, "and the next zoom asks again");
  host.objects = null;
  layer.update();
  later.pop()();
  assert.equal(layer.svg.style.display, "none", "what comes after the image is gone harms nothing");
});

test("few tags of another zoom are written at once", () => {
  const { layer, others, later } = open(shownOf(20));
  layer.look({ x: 0, y: 0, width: 50, height: 40 }, 0.25);
  assert.deepEqual([tagged(others), later.length], [20, 0]);
});

test("the next object hides no tags but those that are written again", () => {
  // All objects of a label lie on one spot, so that they are one element: 200 here, and 60 there.
  const shown = Array.from({ length: 260 }, (_, i) => ({ id: `m${i}`, kind: "box", at: i < 200 ? [0, 0, 15, 12] : [80, 60, 95, 72], label_id: i < 200 ? "L0" : "L1", score: i / 260 }));
  const { host, layer, others } = open(shown);
  layer.rest();
  assert.equal(tagged(others), 260);
  host.objects.take("m7");
  layer.update();
  assert.equal(tagged(others), 60);
  layer.rest();
  assert.equal(tagged(others), 259);
  host.objects = ImageObjects.of({ kind: "box", size: SIZE, shown: shownOf(400).map((one) => ({ ...one, id: `x${one.id}` })) });
  layer.update();
  host.objects = ImageObjects.of({ kind: "box", size: SIZE, shown: shownOf(20).map((one) => ({ ...one, id: `y${one.id}` })) });
  layer.update();
  assert.equal(tagged(others), 20, "elements that were hidden are used again");
});

test("elements of objects that are gone are used again, also for another item's", () => {
  const { host, layer, others } = open(shownOf(20));
  host.objects.take("m3");
  layer.update();
  act(host.objects, "delete");
  layer.update();
  assert.equal(counted(others), 18, "without the one in focus now");
  act(host.objects, "draw");
  layer.update();
  assert.equal(counted(others), 19);
  const n = others.children[0].children.length;
  host.objects = ImageObjects.of({ kind: "box", size: SIZE, shown: shownOf(8).map((one) => ({ ...one, id: `x${one.id}` })) });
  layer.update();
  assert.equal(others.children[0].children.length, n);
  assert.equal(counted(others), 8);
  host.objects = null;
  layer.update();
  assert.equal(layer.svg.style.display, "none");
});

test("a polygon that is drawn has a line and a cross", () => {
  const { host, layer, drawing } = open([], "polygon");
  assert.equal(drawing.style.display, "none");
  act(host.objects, "draw", { labels: ["L0"] });
  press(host.objects, " ");
  press(host.objects, "ArrowRight");
  layer.update();
  assert.equal(drawing.style.display, "");
  assert.equal(drawing.children[1].attributes.d, "M50 40L51 40M50 40h0");
});

test("the pointer is read in the item's pixels, also from close by; a press on nothing that pans is the stage's", () => {
  const { host, layer } = open(shownOf(1));
  layer.look({ x: 10, y: 5, width: 50, height: 40 }, 0.25);
  let stopped = 0;
  const event = (x, y, more = {}) => ({ clientX: x, clientY: y, button: 0, buttons: 0, pointerId: 1, shiftKey: false, stopPropagation: () => stopped++, ...more });
  layer.svg.listeners.pointerdown(event(8, 12));
  assert.equal(host.objects.focus, "m0", "12 and 8 in the item's pixels");
  layer.svg.listeners.pointermove(event(48, 12, { buttons: 1 }));
  layer.svg.listeners.lostpointercapture(event(48, 12));
  assert.deepEqual(host.objects.current.at, [10, 0, 25, 12]);
  assert.equal(stopped, 1);
  layer.svg.listeners.pointerdown(event(190, 150, { shiftKey: true }));
  assert.equal(stopped, 1);
});
