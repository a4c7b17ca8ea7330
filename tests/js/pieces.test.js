import assert from "node:assert/strict";
import { test } from "node:test";
import { assignKeys, read, RESERVED } from "../../hitl_widgets/widgets/js/keys.js";
import { match } from "../../hitl_widgets/widgets/js/labels.js";
import { basePath, newId, Outbox, probe } from "../../hitl_widgets/widgets/js/outbox.js";
import { colourise } from "../../hitl_widgets/widgets/js/overlay.js";
import { decodeAhead } from "../../hitl_widgets/widgets/js/pictures.js";
import { memoryStorage } from "./storage.js";

const key = (key, code = "", more = {}) => ({ key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more });

test("digits choose labels by their place, so that a French keyboard needs no Shift", () => {
  assert.deepEqual(read(key("&", "Digit1")), { kind: "label", key: "1" });
  assert.deepEqual(read(key("7", "Numpad7")), { kind: "label", key: "7" });
  assert.equal(read(key("Home", "Numpad7")), null);
});

test("Shift and the number row rate from 0 to 10", () => {
  const row = ["Backquote", ..."1234567890"].map((c) => (c.length > 1 ? c : `Digit${c}`));
  assert.deepEqual(row.map((code) => read(key("?", code, { shiftKey: true })).value), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(read(key("3", "Digit3"), { asking: true }), { kind: "certainty", value: 3 });
});

test("the browser's and the system's own shortcuts are left alone", () => {
  for (const held of ["ctrlKey", "altKey", "metaKey"]) assert.equal(read(key("z", "KeyZ", { [held]: true })), null);
  assert.equal(read(key("Tab", "Tab")), null);
  assert.equal(read(key("ArrowDown", "ArrowDown")), null);
});

test("labels beyond ten get letters, never one of the card's own", () => {
  const labels = Array.from({ length: 40 }, (_, i) => ({ label_id: `L${i}`, name: `n${i}`, path: `n${i}`, ...(i === 2 ? { key: "z" } : {}) }));
  const keys = assignKeys(labels);
  assert.equal(keys.get("L0"), "1");
  assert.equal(keys.get("L10"), "a");
  assert.equal(new Set(keys.values()).size, keys.size);
  for (const letter of RESERVED) assert.ok(![...keys.values()].includes(letter), letter);
});

test("a label's own key is kept", () => {
  const keys = assignKeys([{ label_id: "a", name: "a", path: "a" }, { label_id: "b", name: "b", path: "b", key: "b" }]);
  assert.deepEqual([...keys.entries()].sort(), [["a", "1"], ["b", "b"]]);
});

test("search takes beginnings first, then words, then any place; likelier ones first among equals", () => {
  const labels = ["wildcat", "house cat", "cattle", "Catfish", "dog"].map((name) => ({ label_id: name, name, path: name }));
  assert.deepEqual(match(labels, "cat", new Map([["Catfish", 0.9]])).map((l) => l.name), ["Catfish", "cattle", "house cat", "wildcat"]);
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
