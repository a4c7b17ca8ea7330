// Texts as the card holds them: lines, characters and units, and what reads better as code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../hitl_widgets/widgets/js/pictures.js";
import { isText, ItemText, textOf } from "../../hitl_widgets/widgets/js/text/item_text.js";

const FAMILY = "👩‍👩‍👧";
const bytes = (text) => new TextEncoder().encode(text);
const linesOf = (text) => new ItemText(text).lines.map(({ start, end }) => text.slice(start, end));

test("a text comes as it is: with its mark at the beginning, NUL and line breaks of every kind", async () => {
  const text = `\ufeffa\r\nb\u0000${FAMILY}e\u0301\u2028`;
  const item = await decode({ bytes: bytes(text), mime: "text/plain" });
  assert.ok(isText(item));
  assert.equal(item.text, text);
  assert.equal(item.n, [...text].length);
});

test("what comes without a word on what it is, is a text unless it begins as a PNG does", async () => {
  assert.ok(isText(await decode({ bytes: bytes("89 PNG") })));
  await assert.rejects(decode({ bytes: new Uint8Array([0x89, 0x50, 0x4e, 0x47]) })); // there is no browser here
});

test("characters and units are told apart: an emoji is one character of two units", () => {
  const text = `a${FAMILY}bé𝒳!`;
  const item = new ItemText(text);
  const characters = [...text];
  let unit = 0;
  characters.forEach((character, i) => {
    assert.equal(item.unit(i), unit);
    for (let k = 0; k < character.length; k++) assert.equal(item.character(unit + k), i);
    unit += character.length;
  });
  assert.equal(item.unit(characters.length), text.length);
  assert.equal(item.character(text.length), characters.length);
  assert.equal(item.slice(1, 6), FAMILY);
});

test("half of a pair is a character by itself", () => {
  const item = new ItemText("a\ud83db\udc00");
  assert.equal(item.n, 4);
  assert.deepEqual([0, 1, 2, 3, 4].map((i) => item.unit(i)), [0, 1, 2, 3, 4]);
});

test("a text is cut at every kind of line break, and nothing between them is lost", () => {
  assert.deepEqual(linesOf("one\r\ntwo\rthree\n\nfour\u2028five\u0085"), ["one", "two", "three", "", "four", "five"]);
  assert.deepEqual(linesOf("\n"), [""]);
  assert.deepEqual(linesOf(""), [""]);
});

test("a line that is too long for a browser is cut at blanks, never within a character", () => {
  const words = "word ".repeat(5000);
  assert.equal(linesOf(words).join(""), words);
  assert.ok(linesOf(words).length > 5 && linesOf(words).every((line) => line.endsWith(" ")));
  const emoji = "👍".repeat(9000);
  assert.equal(linesOf(emoji).join(""), emoji);
  assert.ok(linesOf(emoji).every((line) => line.length % 2 === 0));
});

test("sections hold every line once, in order", () => {
  const item = new ItemText("A line of a long text.\n".repeat(3000));
  const { sections } = item;
  assert.ok(sections.length > 5);
  assert.equal(sections[0][0], 0);
  sections.slice(1).forEach(([from], i) => assert.equal(from, sections[i][1]));
  assert.equal(sections.at(-1)[1], item.lines.length);
});

test("code is set in letters of one width, prose and a single line are not", () => {
  const code = "def f(x):\n    if x:\n        return 1\n    return 2\n";
  assert.ok(new ItemText(code).is_code);
  assert.ok(!new ItemText("Dear all,\nplease vote by Friday.\n\nYours,\nAda").is_code);
  assert.ok(!new ItemText("<script>alert(1)</script>").is_code);
  assert.deepEqual(new ItemText(code).setting({ width: 500, height: 400 }).mono, true);
});

test("a short text has larger letters than an article, whose letters are as large as they read well", () => {
  const room = { width: 500, height: 300 };
  const short = new ItemText("See you at eight?").setting(room).size;
  const article = new ItemText("A sentence of an article. ".repeat(80)).setting(room).size;
  assert.ok(short > article);
  assert.ok(article >= 16);
});

test("a megabyte is cut into lines at once", () => {
  const item = textOf(bytes("One line of a log, at some length, 👍.\n".repeat(25_000)));
  assert.equal(item.lines.length, 25_000);
  assert.equal(item.character(item.unit(600_000)), 600_000);
});
