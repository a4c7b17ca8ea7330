// Places in a text: characters, as Python counts them, and UTF-16 units, as the browser does; graphemes, words, sentences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { toUnits } from "../../hitl_widgets/widgets/js/text/offsets.js";

const ASTRONAUT = "👩🏽‍🚀"; // four characters, seven units
const MIXED = `a${ASTRONAUT}b\r\n🇪🇺é مرحبا بالعالم\u0000 end`;

const wordsOf = (text) => {
  const units = toUnits(text);
  const found = [];
  for (let word = units.wordAfter(0); word; word = units.wordAfter(word[1])) found.push(units.quote(...word));
  return found;
};

test("a character is a code point, wherever it lies", () => {
  const units = toUnits(MIXED);
  const characters = [...MIXED];
  assert.equal(units.length, characters.length);
  let unit = 0;
  for (const [i, character] of characters.entries()) {
    assert.equal(units.unit(i), unit);
    assert.equal(units.character(unit), i);
    if (character.length === 2) assert.equal(units.character(unit + 1), i, "the second half belongs to its character");
    assert.equal(units.quote(i, i + 1), character);
    unit += character.length;
  }
  assert.equal(units.unit(units.length), MIXED.length);
  assert.equal(units.character(MIXED.length), units.length);
});

test("places outside are moved to the ends", () => {
  const units = toUnits("a🎈b");
  assert.deepEqual([units.unit(-3), units.unit(9), units.character(-1), units.character(99)], [0, 4, 0, 3]);
});

test("an empty text has places too", () => {
  const units = toUnits("");
  assert.deepEqual([units.length, units.unit(0), units.character(0), units.quote(0, 0), units.wordAfter(0)], [0, 0, 0, "", null]);
});

test("a grapheme is never cut: emoji that are joined, flags, marks, the end of a line", () => {
  const units = toUnits(`x${ASTRONAUT}y🇪🇺n\u0303\r\nक्षि`);
  for (let at = 1; at <= 4; at++) assert.equal(units.quote(...units.graphemes.at(at)), ASTRONAUT);
  assert.equal(units.quote(...units.snapped(2, 3)), ASTRONAUT);
  assert.equal(units.quote(...units.snapped(4, 7)), `${ASTRONAUT}y🇪🇺`);
  assert.equal(units.quote(...units.graphemes.at(9)), "n\u0303");
  assert.equal(units.quote(...units.graphemes.at(11)), "\r\n");
  assert.equal(units.boundary(1, 1), 5);
  assert.equal(units.boundary(5, -1), 1);
  assert.equal(units.boundary(units.length, 1), units.length);
  assert.equal(units.boundary(0, -1), 0);
});

test("words are what isn't white space or punctuation, in every script", () => {
  assert.deepEqual(wordsOf("Hi, O'Neil \u2014 it's 5 \u20ac! "), ["Hi", "O'Neil", "it's", "5", "\u20ac"]);
  assert.deepEqual(wordsOf(`${ASTRONAUT}${ASTRONAUT} \u0645\u0631\u062d\u0628\u0627\u060c \u0628\u0627\u0644\u0639\u0627\u0644\u0645.`), [ASTRONAUT, ASTRONAUT, "\u0645\u0631\u062d\u0628\u0627", "\u0628\u0627\u0644\u0639\u0627\u0644\u0645"]);
  assert.deepEqual(wordsOf("...!"), [".", ".", ".", "!"], "where there is nothing else, signs are words");
  assert.equal(wordsOf("你好。世界").join(""), "你好世界");
});

test("the words before a place are those after the one before it, backwards", () => {
  const text = "One, two \u2014 three\r\n\r\n\u0645\u0631\u062d\u0628\u0627 👩🏽‍🚀!!  end.";
  const units = toUnits(text);
  const back = [];
  for (let word = units.wordBefore(units.length); word; word = units.wordBefore(word[0])) back.unshift(units.quote(...word));
  assert.deepEqual(back, wordsOf(text));
});

test("sentences and lines come without the white space around them", () => {
  const units = toUnits("Born in Paris. He moved.\r\n\r\n  Then \u2026 nothing? ");
  assert.equal(units.quote(...units.trimmed(units.sentences.at(3))), "Born in Paris.");
  assert.equal(units.quote(...units.trimmed(units.sentences.at(17))), "He moved.");
  assert.equal(units.quote(...units.lineAt(3)), "Born in Paris. He moved.");
  assert.equal(units.quote(...units.lineAt(32)), "Then \u2026 nothing?");
});

test("a long text is looked at in parts, which fall into the same pieces as the whole", () => {
  const pieces = ["a ", "b\r\n", "word ", ASTRONAUT, "🎈", "\u200d", "🇪🇺", "\u0301", "\u0645\u0631\u062d\u0628\u0627 ", "你好。", "x.y ", "\u0600", "🏽", "\n", "'", "\u00a0", "\ufeff", "e\u0301 "];
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let round = 0; round < 2; round++) {
    const text = Array.from({ length: 6000 }, () => pieces[random(pieces.length)]).join("");
    const units = toUnits(text);
    for (const [granularity, at] of [["grapheme", units.graphemes.at], ["word", units.words.at]]) {
      let character = 0;
      for (const { segment } of new Intl.Segmenter(undefined, { granularity }).segment(text)) {
        const [start, end] = at(character);
        assert.equal(start, character);
        assert.equal(units.quote(start, end), segment);
        character = end;
      }
      assert.equal(character, units.length);
    }
  }
});

test("browsers without Intl.Segmenter keep graphemes whole and find words", () => {
  const { Segmenter } = Intl;
  Intl.Segmenter = undefined;
  try {
    assert.deepEqual(wordsOf(`It's ${ASTRONAUT} in São Paulo, 🇪🇺 \u0645\u0631\u062d\u0628\u0627`), ["It's", ASTRONAUT, "in", "São", "Paulo", "🇪🇺", "\u0645\u0631\u062d\u0628\u0627"]);
    const units = toUnits("One. Two!\r\nThree");
    assert.equal(units.quote(...units.graphemes.at(9)), "\r\n");
    assert.equal(units.quote(...units.trimmed(units.sentences.at(6))), "Two!");
  } finally { Intl.Segmenter = Segmenter; }
});

test("the word before a long row of signs is found without cutting each of them", () => {
  const units = toUnits(`one ${ASTRONAUT} two${"-\0".repeat(3000)}`);
  const { words } = units;
  let n_cut = 0;
  Object.defineProperty(units, "words", { get: () => { n_cut += 1; return words; } });
  const found = [];
  for (let word = units.wordBefore(units.length); word; word = units.wordBefore(word[0])) found.push(units.quote(...word));
  assert.deepEqual(found, ["two", ASTRONAUT, "one"]);
  assert.ok(n_cut < 10, `${n_cut} times`);
});
