import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, Regions } from "../../hitl_widgets/widgets/js/card/regions.js";
import { Parts } from "../../hitl_widgets/widgets/js/card/parts.js";
import { assignKeys, bind, clashes, keyName, read as readKey } from "../../hitl_widgets/widgets/js/keys.js";
import { likelyFirst, match } from "../../hitl_widgets/widgets/js/labels.js";
import { basePath, newId, Outbox, probe } from "../../hitl_widgets/widgets/js/outbox.js";
import { colourise, isEmpty } from "../../hitl_widgets/widgets/js/card/overlay.js";
import { decodeAhead, retry, shrunk } from "../../hitl_widgets/widgets/js/pictures.js";
import COLOURS from "../../hitl_widgets/drawing/colours.json" with { type: "json" };
import { inOrder } from "../../hitl_widgets/widgets/js/dom.js";
import { KEYS, memoryStorage } from "./storage.js";

const BINDINGS = bind(KEYS);
const read = (event, state) => readKey(event, BINDINGS, state);
const key = (key, code = "", more = {}) => ({ key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more });

test("digits choose labels by their place, so that a French keyboard needs no Shift", () => {
  assert.deepEqual(read(key("&", "Digit1")), { kind: "label", key: "1" });
  assert.deepEqual(read(key("7", "Numpad7")), { kind: "label", key: "7" });
  assert.deepEqual(read(key("Home", "Numpad7")), { kind: "do", action: "fit" }, "without NumLock it is another key");
});

test("Shift and the number row rate from 0 to 10", () => {
  const row = ["Backquote", ..."1234567890"].map((c) => (c.length > 1 ? c : `Digit${c}`));
  assert.deepEqual(row.map((code) => read(key("?", code, { shiftKey: true })).value), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(read(key("3", "Digit3"), { asking: true }), { kind: "certainty", value: 3 });
  assert.deepEqual(read(key("3", "Numpad3"), { asking: true }), { kind: "certainty", value: 3 });
  assert.deepEqual(read(key("/", "Digit7", { shiftKey: true })), { kind: "certainty", value: 7 }, "on a German keyboard too");
  assert.deepEqual(read(key("S", "KeyS", { shiftKey: true })), { kind: "do", action: "search" }, "where / needs Shift and a digit");
});

test("the browser's and the system's own shortcuts are left alone", () => {
  for (const held of ["ctrlKey", "altKey", "metaKey"]) assert.equal(read(key("z", "KeyZ", { [held]: true })), null);
  assert.equal(read(key("Tab", "Tab")), null);
  assert.equal(read(key("F5", "F5")), null);
});

test("labels beyond ten get letters, never one of the card's own", () => {
  const labels = Array.from({ length: 40 }, (_, i) => ({ label_id: `L${i}`, name: `n${i}`, path: `n${i}`, ...(i === 2 ? { key: "z" } : {}) }));
  const keys = assignKeys(labels, new Map(), BINDINGS);
  assert.equal(keys.get("L0"), "1");
  assert.equal(keys.get("L10"), "a");
  assert.equal(new Set(keys.values()).size, keys.size);
  for (const letter of BINDINGS.keys()) assert.ok(![...keys.values()].includes(letter), letter);
});

test("keys are read as they are written in the table", () => {
  const shifted = { shiftKey: true };
  assert.deepEqual(read(key("Enter", "Enter")), { kind: "do", action: "accept" });
  assert.deepEqual(read(key(" ", "Space")), { kind: "do", action: "accept" });
  assert.deepEqual(read(key("u", "KeyU")), { kind: "do", action: "unsure" });
  assert.deepEqual(read(key("U", "KeyU")), { kind: "do", action: "unsure" }, "Caps Lock changes nothing");
  assert.deepEqual(read(key("U", "KeyU", shifted)), { kind: "do", action: "guess" });
  assert.deepEqual(read(key("?", "Slash", shifted)), { kind: "do", action: "help" });
  assert.deepEqual(read(key("ArrowLeft", "ArrowLeft", shifted)), { kind: "do", action: "left" });
  assert.equal(read(key("Enter", "Enter", shifted)), null, "Shift+Enter runs cells elsewhere, and does nothing here");
  assert.equal(read(key("A", "KeyA", shifted)), null, "a label is chosen by a plain key");
  assert.equal(keyName("Shift+E"), "⇧E");
});

test("keys of one's own choosing take the place of the card's", () => {
  const mine = bind({ ...KEYS, skip: [["x"], ""] });
  assert.deepEqual(readKey(key("x", "KeyX"), mine), { kind: "do", action: "skip" });
  assert.deepEqual(readKey(key("s", "KeyS"), mine), { kind: "label", key: "s" });
});

test("a label that wants one of the card's keys is named", () => {
  const labels = [{ label_id: "s", name: "sandal", path: "sandal", key: "s", own_key: true }, { label_id: "b", name: "bag", path: "bag", key: "1" }];
  assert.deepEqual(clashes(labels, BINDINGS).map(({ label, key, action }) => [label.name, key, action]), [["sandal", "s", "skip"]]);
});

test("what was used lately comes first in the search, before anything is typed too", () => {
  const labels = ["ant", "bee", "cow"].map((name) => ({ label_id: name, name, path: name }));
  const hints = { recent: ["cow"], probs: new Map([["bee", 0.9]]) };
  assert.deepEqual(match(labels, "", hints).map((l) => l.name), ["cow", "bee", "ant"]);
});

test("one label is found among a thousand, whatever its accents", () => {
  const labels = Array.from({ length: 1000 }, (_, i) => ({ label_id: `${i}`, name: `espèce ${i}`, path: `genre / espèce ${i}` }));
  assert.equal(match(labels, "espece 742")[0].label_id, "742");
});

test("what an earlier answer leaves as likely comes first, in its order, and keeps its key", () => {
  const labels = ["ant", "bee", "cow", "dog"].map((name) => ({ label_id: name, name, path: name }));
  assert.deepEqual(likelyFirst(labels, ["dog", "gone", "bee"]).map((l) => l.name), ["dog", "bee", "ant", "cow"]);
  assert.deepEqual(likelyFirst(labels, []), labels);
  assert.equal(assignKeys(labels).get("dog"), "4");
});

test("a label's own key is kept", () => {
  const keys = assignKeys([{ label_id: "a", name: "a", path: "a" }, { label_id: "b", name: "b", path: "b", key: "b" }]);
  assert.deepEqual([...keys.entries()].sort(), [["a", "1"], ["b", "b"]]);
});

test("a label without a digit has the letter at its place, and any free key where that is another one's own", () => {
  const labels = [{ label_id: "b", name: "b", path: "b", key: null, letter: 1 }, { label_id: "z", name: "z", path: "z", key: "a" }, { label_id: "c", name: "c", path: "c", key: null, letter: 0 }];
  assert.deepEqual([...assignKeys(labels, new Map(), new Map([["b", "brush"]])).entries()].sort(), [["b", "c"], ["c", "1"], ["z", "a"]]);
});

test("a new label never gets a key that another one had on the open card", () => {
  const keys = assignKeys([{ label_id: "new", name: "new", path: "new", key: "2" }], new Map([["gone", "2"]]));
  assert.deepEqual([...keys.entries()], [["new", "1"]]);
});

test("a map in which nothing counts is told from one with a single cell that does", () => {
  assert.ok(isEmpty(new Uint8Array([0, 0, 0]), false));
  assert.ok(isEmpty(new Uint8Array([128, 128]), true));
  assert.ok(!isEmpty(new Uint8Array([0, 1, 0]), false));
  assert.ok(!isEmpty(new Uint8Array([128, 127]), true));
});

test("search takes beginnings first, then words, then any place; likelier ones first among equals", () => {
  const labels = ["wildcat", "house cat", "cattle", "Catfish", "dog"].map((name) => ({ label_id: name, name, path: name }));
  assert.deepEqual(match(labels, "cat", { probs: new Map([["Catfish", 0.9]]) }).map((l) => l.name), ["Catfish", "cattle", "house cat", "wildcat"]);
  const bees = ["Apis 012", "Osmia 012", "Osmia 120"].map((name) => ({ label_id: name, name, path: name }));
  assert.deepEqual(match(bees, "osm 12").map((l) => l.name), ["Osmia 120", "Osmia 012"]);
  assert.deepEqual(match(bees, "012 osm").map((l) => l.name), ["Osmia 012"]);
  assert.deepEqual(match([{ label_id: "x", name: "Élan", path: "Élan" }], "elan").length, 1);
});

test("the outbox goes on in the tab when the storage is full, and says so", () => {
  const outbox = new Outbox(memoryStorage(1), () => 5);
  outbox.open("p", "/", "ada");
  const act = (decision_id) => ({ kind: "decide", decision_id, item_id: decision_id, annotator: "ada" });
  outbox.put(act("one"));
  assert.ok(outbox.durable);
  outbox.put(act("two"));
  assert.ok(!outbox.durable);
  assert.equal(outbox.pending, 2);
});

test("the tab's order survives a clock that goes backwards", () => {
  const storage = memoryStorage();
  let now = 100;
  const outbox = new Outbox(storage, () => now);
  outbox.open("p", "/", "ada");
  for (const id of ["one", "two", "three"]) {
    outbox.put({ kind: "decide", decision_id: id, item_id: id, annotator: "ada" });
    now -= 10;
  }
  const later = new Outbox(storage);
  later.open("p", "/", "ada");
  assert.deepEqual([...later.entries.keys()], ["one", "two", "three"]);
});

test("one origin, several people: entries of another base path are not even counted", () => {
  const storage = memoryStorage();
  const outbox = new Outbox(storage);
  outbox.open("p", "/user/ada/", "ada");
  outbox.put({ kind: "decide", decision_id: "one", item_id: "x", annotator: "ada" });
  const other = new Outbox(storage);
  other.open("p", "/user/bob/", "ada");
  assert.deepEqual([other.pending, other.others], [0, 0]);
});

test("a storage that doesn't keep things is no storage", () => {
  assert.equal(probe(() => undefined), null);
  assert.equal(probe(() => { throw new Error("denied"); }), null);
  assert.equal(probe(() => memoryStorage(0)), null);
  const works = memoryStorage();
  assert.equal(probe(() => works), works);
  assert.equal(works.length, 0);
});

test("the base path comes from the page, else from its address", () => {
  const page = (text) => ({ getElementById: () => (text === null ? null : { textContent: text }) });
  assert.equal(basePath(page('{"baseUrl": "/user/ada/"}'), "/lab"), "/user/ada/");
  assert.equal(basePath(page(null), "/user/ada/lab/tree/a.ipynb"), "/user/ada/");
  assert.equal(basePath(page(null), "/somewhere"), "/");
});

test("ids are 32 hexadecimal digits, each a new one", () => {
  const ids = new Set(Array.from({ length: 100 }, newId));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});

test("a map is clear where it says nothing and full where it says most", () => {
  const alpha = (values, signed) => [...colourise(new Uint8Array(values), signed)].filter((_, i) => i % 4 === 3);
  assert.deepEqual(alpha([0, 255], false), [0, 255]);
  assert.deepEqual(alpha([1, 128, 255], true), [255, 0, 255]);
  const [r, g, b] = colourise(new Uint8Array([1]), true);
  assert.ok(b > r, "against is blue");
  assert.ok(g < b);
});

// tests/drawing/test_overlay.py says the same of Python's tables.
for (const [name, signed] of [["unsigned", false], ["signed", true]]) {
  test(`the ${name} colours are linear between those of the shared file`, () => {
    const { colours, first_code, last_code } = COLOURS[name];
    const rgb = colours.map((colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
    const drawn = colourise(Uint8Array.from({ length: 256 }, (_, code) => code), signed, "beside");
    for (let code = 0; code < 256; code++) {
      const at = (Math.max(0, code - first_code) * (rgb.length - 1)) / (last_code - first_code);
      const low = Math.min(Math.floor(at), rgb.length - 2);
      for (let c = 0; c < 3; c++) {
        const expected = rgb[low][c] + (at - low) * (rgb[low + 1][c] - rgb[low][c]);
        assert.ok(Math.abs(drawn[4 * code + c] - expected) <= 0.5 + 1e-9, `${code} ${c}`);
      }
    }
  });
}

test("beside the item a map covers all, and as a window it opens where it is hot", () => {
  const alpha = (values, cover) => [...colourise(new Uint8Array(values), false, cover)].filter((_, i) => i % 4 === 3);
  assert.deepEqual(alpha([0, 255], "beside"), [255, 255]);
  assert.deepEqual(alpha([0, 30, 255], "hot"), [0, 0, 255]);
});

test("the first few pictures are decoded ahead, each once", async () => {
  const items = Array.from({ length: 20 }, (_, i) => ({ item_id: String(i), height: 10, width: 10, bytes: new Uint8Array(1), maps: {}, probs: [] }));
  let decoded = 0;
  const decoder = async () => { decoded++; return { width: 10, height: 10 }; };
  decodeAhead(items, () => {}, decoder);
  decodeAhead(items, () => {}, decoder);
  await new Promise((done) => setTimeout(done, 5));
  assert.equal(decoded, 8);
  assert.ok(items[7].picture);
});

test("a picture that the browser can't read is a broken item, not an endless wait", async () => {
  const items = [{ item_id: "a", height: 1, width: 1, bytes: new Uint8Array(1), maps: {}, probs: [] }];
  await new Promise((done) => decodeAhead(items, done, async () => { throw new Error("not a png"); }));
  assert.match(items[0].broken, /not a png/);
});

test("marks become run lengths and come back", () => {
  assert.deepEqual(encode(Uint8Array.from([0, 1, 1, 0])), [1, 2, 1]);
  assert.deepEqual(encode(Uint8Array.from([1, 0, 0, 1])), [0, 1, 2, 1]);
  assert.deepEqual(encode(Uint8Array.from([0, 0])), [2]);
  const mask = Uint8Array.from({ length: 60 }, (_, i) => Number((i * 7) % 5 < 2));
  assert.deepEqual(decode(encode(mask), 60), mask);
});

test("a pixel is wrong or missing, never both, and the eraser takes either", () => {
  const marks = new Regions(6, 4);
  marks.spot("wrong", 2.5, 1.5, 0.1);
  assert.deepEqual([marks.count("wrong"), marks.region("wrong")], [1, { size: [4, 6], runs: [8, 1, 15] }]);
  marks.spot("missing", 2.5, 1.5, 0.1);
  assert.deepEqual([marks.count("wrong"), marks.count("missing")], [0, 1]);
  marks.spot("wrong", 2.5, 1.5, 3, { erase: true });
  assert.deepEqual([marks.region("wrong"), marks.region("missing")], [null, null]);
  marks.spot("wrong", 100, 100, 2);
  assert.equal(marks.count("wrong"), 0, "nothing lies outside");
});

test("a stroke leaves no gaps, and is taken back as one", () => {
  const marks = new Regions(20, 5);
  marks.begin();
  marks.spot("wrong", 1.5, 2.5, 1);
  marks.spot("wrong", 18.5, 2.5, 1, { from: { x: 1.5, y: 2.5 } });
  assert.deepEqual(marks.masks.wrong.slice(41, 59), new Uint8Array(18).fill(1));
  assert.equal(marks.undo(), true);
  assert.equal(marks.count("wrong"), 0);
  assert.equal(marks.undo(), false);
});

test("what is wrong has stripes and what is missing has dots: no colour is the only sign", () => {
  const marks = new Regions(16, 16);
  marks.spot("wrong", 4, 8, 3);
  marks.spot("missing", 12, 8, 3);
  const { width, pixels } = marks.drawn(2);
  const alpha = (x, y) => pixels[(y * width + x) * 4 + 3];
  assert.notEqual(alpha(8, 16), alpha(12, 16));
  assert.notEqual(alpha(24, 16), alpha(28, 16));
  assert.equal(alpha(0, 0), 0);
});

test("a picture much larger than the screen is decoded smaller, one a little larger isn't", () => {
  assert.equal(shrunk(1024, 512, 512), 0.5);
  assert.equal(shrunk(600, 500, 512), 1);
  assert.equal(shrunk(28, 28, 512), 1);
  assert.equal(shrunk(4000, 3000, Infinity), 1);
});

// 0 0 1 1 over an item of twice the size
// 2 2 2 1
const PARTS = new Parts(4, 2, new Uint16Array([0, 0, 1, 1, 2, 2, 2, 1]));

test("parts are found under a point, next to one another, and by their bounds", () => {
  assert.equal(PARTS.n, 3);
  assert.deepEqual([[0, 0], [0.99, 0.4], [0.6, 0.6], [0.8, 0.9], [-1, 2], [5, 0]].map(([x, y]) => PARTS.at(x, y)), [0, 1, 2, 1, 2, 1]);
  assert.deepEqual(PARTS.bounds, [{ left: 0, top: 0, right: 1, bottom: 0 }, { left: 2, top: 0, right: 3, bottom: 1 }, { left: 0, top: 1, right: 2, bottom: 1 }]);
  assert.deepEqual([PARTS.next(0, 1, 0), PARTS.next(0, 0, 1), PARTS.next(1, -1, 0), PARTS.next(0, -1, 0)], [1, 2, 0, 0]);
});

test("a part is marked as the item's own pixels, and a pixel is of one kind only", () => {
  const marks = new Regions(8, 4);
  marks.begin();
  marks.fill("wrong", PARTS, 1);
  assert.deepEqual(marks.region("wrong"), { size: [4, 8], runs: [4, 4, 4, 4, 6, 2, 6, 2] });
  assert.deepEqual([marks.covers("wrong", PARTS, 1), marks.covers("wrong", PARTS, 2), marks.count("wrong")], [true, false, 12]);
  marks.fill("missing", PARTS, 1);
  assert.deepEqual([marks.count("wrong"), marks.count("missing")], [0, 12]);
  marks.fill("missing", PARTS, 1, { erase: true });
  assert.equal(marks.region("missing"), null);
  marks.fill("wrong", PARTS, 0);
  marks.undo();
  assert.equal(marks.count("wrong"), 0, "all that was done since the stroke began");
});

test("parts coarser and finer than the item's pixels cover it once each", () => {
  for (const [width, height] of [[3, 5], [4, 2], [9, 7]]) {
    const marks = new Regions(width, height);
    for (const part of [0, 1, 2]) marks.fill("wrong", PARTS, part);
    assert.equal(marks.count("wrong"), width * height);
  }
});

test("the edges of parts are drawn, and the part in hand is lit up", () => {
  const { pixels } = PARTS.drawn(16, 8, 0);
  const alpha = (x, y) => pixels[(y * 16 + x) * 4 + 3];
  assert.deepEqual([alpha(2, 1), alpha(7, 1), alpha(2, 3), alpha(12, 2), alpha(2, 6)], [90, 255, 255, 0, 0]);
});

test("a picture that is decoded while the card is out of view is decoded in full, and tried again when it comes into view", async () => {
  // Decoded for a width of 0 it was shown as broken, and stayed so.
  assert.equal(shrunk(64, 64, 0), 1);
  const item = { item_id: "a", width: 64, height: 64, bytes: new Uint8Array(1) };
  await new Promise((done) => decodeAhead([item], done, async () => { throw new Error("no memory"); }, 0));
  assert.match(item.broken, /can't show this picture \(no memory\)/);
  retry([item]);
  await new Promise((done) => decodeAhead([item], done, async () => ({ width: 64, height: 64 }), 500));
  assert.equal(item.broken, undefined);
  assert.equal(item.picture.width, 64);
});

test("a file that the kernel can't read isn't tried again", () => {
  const item = { item_id: "a", broken: "not an image" };
  retry([item]);
  assert.equal(item.broken, "not an image");
});

test("a picture that was decoded for a narrow card is decoded anew for a wide one, and stays until then", async () => {
  const item = { item_id: "a", width: 1000, height: 500, bytes: new Uint8Array(1) };
  const sides = [];
  const decoder = async (_, side) => { sides.push(side); return { width: side, height: side / 2 }; };
  await new Promise((done) => decodeAhead([item], done, decoder, 200));
  decodeAhead([item], () => {}, decoder, 210);
  assert.deepEqual(sides, [200]);
  const former = item.picture;
  const wider = new Promise((done) => decodeAhead([item], done, decoder, 700));
  assert.equal(item.picture, former);
  await wider;
  assert.deepEqual([sides, item.picture.width], [[200, 700], 700]);
});

test("children that are there already aren't touched when others come and go", () => {
  const moves = [];
  const parent = {
    children: [],
    insertBefore(child, before) {
      moves.push(child.name);
      if (this.children.includes(child)) this.children.splice(this.children.indexOf(child), 1);
      this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, child);
    },
  };
  const child = (name) => ({ name, remove() { moves.push(`-${name}`); parent.children.splice(parent.children.indexOf(this), 1); } });
  const [a, b, c, d] = [..."abcd"].map(child);
  /** Puts these in, and says what was moved for it. */
  const put = (...children) => { moves.length = 0; inOrder(parent, children); assert.deepEqual(parent.children, children); return moves.join(" "); };
  assert.equal(put(a, b, c), "a b c");
  assert.equal(put(a, b, c), "");
  assert.equal(put(b, c, d), "-a d");
  assert.equal(put(c, b, d), "c");
  assert.equal(put(), "-c -b -d");
});
