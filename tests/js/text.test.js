// Texts as the card holds them: lines, characters and units, and what reads better as code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Regions } from "../../hitl_widgets/widgets/js/card/regions.js";
import { CardSession } from "../../hitl_widgets/widgets/js/card/session.js";
import { decode } from "../../hitl_widgets/widgets/js/pictures.js";
import { isText, ItemText, textOf } from "../../hitl_widgets/widgets/js/text/item_text.js";
import { Marking } from "../../hitl_widgets/widgets/js/text/marking.js";
import { strongest, tintOf, unexplained } from "../../hitl_widgets/widgets/js/text/tint.js";
import { KEYS, memoryStorage } from "./storage.js";

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

const TINTS = (...rows) => rows.map(([start, end, strength, speaks_for = true]) => ({ start, end, strength, speaks_for }));

test("a map of a text becomes tints with a sign, without what nobody would see", () => {
  const map = { tokens: [0, 4, 5, 10, 11, 14], values: Uint8Array.from([255, 130, 1]), signed: true };
  assert.deepEqual(tintOf(map), TINTS([0, 4, 1, true], [11, 14, 1, false]));
  assert.equal(tintOf(map), tintOf(map)); // made once
  assert.deepEqual(tintOf({ tokens: [0, 4], values: Uint8Array.from([255]), signed: false }), TINTS([0, 4, 1]));
});

test("a map whose tokens don't fit its values is no map; tokens that overlap are cut", () => {
  assert.deepEqual(tintOf({ tokens: [0, 4, 5], values: Uint8Array.from([255, 0]), signed: true }), []);
  assert.deepEqual(tintOf(null), []);
  assert.deepEqual(tintOf({ tokens: [0, 4, 2, 6, 1, 3], values: Uint8Array.from([255, 255, 255]), signed: true }), TINTS([0, 4, 1], [4, 6, 1]));
});

test("the list of words counts a word in all its places", () => {
  const text = new ItemText("Free tea, FREE 🙂 free no");
  const counted = strongest(text, TINTS([0, 4, 0.5], [10, 14, 0.25], [15, 16, 0.6], [17, 21, 0.2], [22, 24, 0.9, false]), 9);
  assert.deepEqual(counted.map(({ word, n, weight }) => [word, n, Math.round(100 * weight)]), [["Free", 3, 95], ["no", 1, -90], ["🙂", 1, 60]]);
  assert.equal(strongest(text, TINTS([0, 4, 0.5]), 0).length, 0);
});

test("what a map leaves unexplained is said above 5 %", () => {
  assert.equal(unexplained({ delta: 0.049 }), "");
  assert.equal(unexplained({}), "");
  assert.equal(unexplained({ delta: null }), "");
  assert.equal(unexplained({ delta: 0.124 }), "12 % of the output unexplained");
});

test("the strongest word is in hand first; arrows go on from it, and with Shift take more", () => {
  const text = new ItemText("She is a good 👩‍⚕️ nurse, they say.");
  const tinted = TINTS([0, 3, 0.4], [text.text.indexOf("nurse") - 1, text.text.indexOf("nurse") + 4, 0.9]); // an emoji before it has a unit more
  const words = new Marking(text, tinted);
  assert.equal(text.slice(...words.range), "nurse");
  words.step(1, true);
  assert.equal(text.slice(...words.range), "nurse, they");
  words.step(-1);
  assert.equal(text.slice(...words.range), "nurse");
  words.step(-1);
  assert.equal(text.slice(...words.range), "👩‍⚕️");
  words.stronger(1, tinted);
  assert.equal(text.slice(...words.range), "nurse");
  words.stronger(1, tinted);
  assert.equal(text.slice(...words.range), "She");
  words.step(-1);
  assert.equal(text.slice(...words.range), "She"); // there is none before it
});

test("without a map the first word is in hand, and signs can be marked where there are no words", () => {
  assert.deepEqual(new Marking(new ItemText("  a b")).range, [2, 3]);
  const signs = new Marking(new ItemText("?!"));
  assert.deepEqual(signs.range, [0, 1]);
  assert.deepEqual(signs.wordAt(1), [1, 2]);
  assert.equal(new Marking(new ItemText("a b")).wordAt(1), null);
});

test("marks of a text are runs of characters, of one kind each, and are taken back step by step", () => {
  const regions = new Regions(10, 1);
  regions.begin();
  regions.mark("wrong", 2, 5);
  regions.begin();
  regions.mark("missing", 4, 7);
  assert.deepEqual([regions.spans("wrong"), regions.spans("missing")], [[[2, 4]], [[4, 7]]]);
  assert.deepEqual(regions.region("wrong"), { size: [1, 10], runs: [2, 2, 6] });
  assert.ok(regions.marks("wrong", 2, 4) && !regions.marks("wrong", 2, 5));
  regions.undo();
  assert.deepEqual([regions.spans("wrong"), regions.spans("missing")], [[[2, 5]], []]);
  regions.mark("missing", 8, 10);
  assert.deepEqual(regions.spans("missing"), [[8, 10]]);
});

function open(text, more = {}) {
  const sent = [];
  const session = new CardSession({ send: (message) => sent.push(message), reopen() {}, now: () => 0, instant: () => "2026-03-01T09:30:00.000Z", storage: memoryStorage(), base: "/", decode });
  session.hello();
  session.reply({ kind: "ready", project_id: "p", annotator: "ada", annotator_is_default: false, certainty: "keep", methods: ["contributions"],
    taxonomy: { version: 1, labels: ["ham", "spam"].map((name, i) => ({ label_id: `L${i}`, name, path: name })) }, progress: { answered: 0, today: 0, in_round: 0, round: 1, items: 9 }, keys: KEYS, n: null, temporary: false });
  for (const item_id of ["a", "b"]) {
    session.push({ kind: "item", item: { item_id, chosen_by: "margin", blind: false, height: 1, width: [...text].length, mime: "text/plain", suggestion: "L1", model: "m", probs: [["L1", 0.8], ["L0", 0.2]], ...more } }, [bytes(text)]);
  }
  session.push({ kind: "map", item_id: "a", method: "contributions", target: "L1", against: null, height: 1, width: 2, box: [0, 0, 9, 1], signed: true, model: "m", delta: 0, tokens: [0, 4, 5, 6] }, [Uint8Array.from([140, 255])]);
  return { session, sent, decided: () => new Promise((done) => setTimeout(done)).then(() => sent.filter(({ kind }) => kind === "decide")) };
}

test("words are marked and decided with: the log gets characters of the text, and the map that was seen", async () => {
  const { session, decided } = open("free 👍👍👍👍");
  await decided();
  session.nextBrush();
  session.withBrush((brush, item, draft) => brush.press(item, draft));
  session.nextBrush();
  session.withBrush((brush, item, draft) => { brush.words.step(-1); brush.press(item, draft); });
  session.accept();
  const [act] = await decided();
  assert.deepEqual([act.wrong, act.missing, act.reason], [{ size: [1, 9], runs: [5, 1, 3] }, { size: [1, 9], runs: [0, 4, 5] }, "wrong"]);
  assert.deepEqual([act.verdict, act.seen.method, act.seen.target], ["accept", "contributions", "L1"]);
  assert.equal(session.brush.kind, null);
});

test("the log gets the method that made the map, where the best one was asked for", async () => {
  const { session, decided } = open("free tea");
  await decided();
  session.item.maps.contributions.by = "erasure";
  session.accept();
  assert.equal((await decided())[0].seen.method, "erasure");
});

test("a blind text has no words to mark, and p divides no text into parts", async () => {
  const { session, decided, sent } = open("free tea", { blind: true });
  await decided();
  session.nextBrush();
  assert.equal(session.brush.kind, null);
  const other = open("free tea");
  await other.decided();
  other.session.nextBrush();
  other.session.nextTool();
  assert.ok(!other.session.brush.in_parts);
  assert.ok(![...sent, ...other.sent].some(({ kind }) => kind === "segments"));
});
