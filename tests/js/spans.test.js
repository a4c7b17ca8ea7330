// The spans of a text without a browser: what is selected, keys, overlapping spans, proposals, undo, drafts, the mouse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newMemory } from "../../hitl_widgets/widgets/js/objects/image.js";
import { ItemText } from "../../hitl_widgets/widgets/js/text/item_text.js";
import { toUnits } from "../../hitl_widgets/widgets/js/text/offsets.js";
import { act as actOn, key as keyOn, SpanPointing } from "../../hitl_widgets/widgets/js/text/span_keys.js";
import { buildSpans } from "../../hitl_widgets/widgets/js/text/span_layer.js";
import { inBrief, TextSpans } from "../../hitl_widgets/widgets/js/text/spans.js";
import { TextView } from "../../hitl_widgets/widgets/js/text/view.js";

const TEXT = "Ana 👩🏽\u200d🚀 flew to New York. She met Sam!";
const NAMES = { L0: "place", L1: "person" };
const nameOf = (id) => NAMES[id];
const find = (text, quote) => {
  const start = [...text.slice(0, text.indexOf(quote))].length;
  return [start, start + [...quote].length];
};
const span = (id, quote, score, more = {}) => ({ id, kind: "span", at: find(TEXT, quote), label_id: "L0", score, ...more });
const open = (shown = [], { text = TEXT, ...more } = {}) => {
  const units = toUnits(text);
  return TextSpans.of({ kind: "span", size: [units.length, 1], shown, units, ...more });
};
const press = (spans, chord, more = {}, page = {}) => {
  const parts = chord.split("+");
  const key = parts.pop();
  return keyOn(spans, { key: key === "Space" ? " " : { Left: "ArrowLeft", Right: "ArrowRight", Up: "ArrowUp", Down: "ArrowDown" }[key] ?? key, code: key, shiftKey: parts.includes("Shift"), altKey: parts.includes("Alt"),
    ctrlKey: parts.includes("Control"), metaKey: false, repeat: false, ...more }, page);
};
const type = (spans, chords) => chords.split(" ").map((chord) => (/^\d$/.test(chord) ? spans.relabel(`L${chord - 1}`) : chord === "z" ? spans.undo()
  : { x: "delete", n: "draw", e: "other_end", a: "widen" }[chord] ? actOn(spans, { x: "delete", n: "draw", e: "other_end", a: "widen" }[chord], { labels: ["L0", "L1"] }) : press(spans, chord)));
const range = (spans) => spans.range && spans.units.quote(...spans.range);
const all = (spans) => spans.order.map((one) => `${nameOf(one.label_id)} ${spans.quoteOf(one)}`);

test("labelling the next word takes two keys, and the one after it two more", () => {
  const spans = open();
  type(spans, "Right 2 Right 1");
  assert.deepEqual(all(spans), ["person Ana", "place 👩🏽\u200d🚀"]);
  assert.equal(spans.current.label_id, "L0", "it is in focus, so that a certainty is its own");
  assert.deepEqual(spans.sent.map(({ at }) => at), [[0, 3], [4, 8]], "characters, not units");
});

test("arrows select word by word, and stay at the ends", () => {
  const spans = open();
  type(spans, "Right Right Right");
  assert.equal(range(spans), "flew");
  type(spans, "Left");
  assert.equal(range(spans), "👩🏽\u200d🚀");
  type(spans, "Left Left Left");
  assert.equal(range(spans), "Ana");
  assert.equal(spans.version > 0 && spans.empty, true, "what is only selected is no work to keep");
});

test("Space takes a word more, and with Shift one less", () => {
  const spans = open();
  type(spans, "Right Right Right Right Right Space");
  assert.equal(range(spans), "New York");
  type(spans, "Shift+Space");
  assert.equal(range(spans), "New");
  type(spans, "Shift+Space");
  assert.equal(range(spans), "New", "a word stays");
  type(spans, "Space 1");
  assert.deepEqual(all(spans), ["place New York"]);
});

test("Shift and arrows move the end in hand by whole graphemes", () => {
  const spans = open();
  type(spans, "Right Shift+Right Shift+Right");
  assert.equal(range(spans), "Ana 👩🏽\u200d🚀");
  type(spans, "Shift+Left Shift+Left Shift+Left");
  assert.equal(range(spans), "An");
  type(spans, "e Shift+Right");
  assert.equal(range(spans), "n");
  type(spans, "Shift+Right");
  assert.equal(range(spans), "n", "one stays");
});

test("Alt pulls the ends outwards by words, and with Shift pushes the opposite end the same way", () => {
  const spans = open([span("a", "York", 0.5)]);
  type(spans, "Tab Alt+Left");
  assert.equal(range(spans), "New York");
  type(spans, "Alt+Right");
  assert.equal(range(spans), "New York. She");
  type(spans, "Alt+Shift+Left");
  assert.equal(range(spans), "New York");
  type(spans, "Alt+Shift+Right");
  assert.equal(range(spans), "York");
  assert.equal(spans.became(spans.current), "accepted", "it is where it was proposed again");
});

test("a cut word is made whole first", () => {
  const spans = open();
  spans.select(...find(TEXT, "ew Yor"));
  type(spans, "Space");
  assert.equal(range(spans), "ew York");
  type(spans, "Alt+Left");
  assert.equal(range(spans), "New York");
});

test("a sentence is selected by one key, the line by one more, and then it is as it was", () => {
  const spans = open([], { text: "One two. Three four.\nFive." });
  type(spans, "Right a");
  assert.equal(range(spans), "One two.");
  type(spans, "a");
  assert.equal(range(spans), "One two. Three four.");
  type(spans, "a");
  assert.equal(range(spans), "One");
  type(spans, "Alt+Down");
  assert.equal(range(spans), "Three four.");
  type(spans, "Alt+Down Alt+Up");
  assert.equal(range(spans), "Three four.");
});

test("up and down go to the word that the page says lies there, or else from sentence to sentence", () => {
  const spans = open();
  type(spans, "Right");
  press(spans, "Down", {}, { below: ([start], by) => start + by * 22 });
  assert.equal(range(spans), "York");
  press(spans, "Down", {}, { below: () => null });
  assert.equal(range(spans), "York", "there is no line below");
  type(spans, "Down");
  assert.equal(range(spans), "She");
  type(spans, "Up");
  assert.equal(range(spans), "Ana");
  assert.equal(press(spans, "Shift+Down"), null, "the text scrolls");
});

test("where a line is read from right to left, the left arrow leads on", () => {
  const spans = open([], { text: "مرحبا بالعالم الكبير" });
  const page = { leftwards: () => true };
  press(spans, "Left", {}, page);
  press(spans, "Left", {}, page);
  assert.equal(range(spans), "بالعالم");
  press(spans, "Alt+Left", {}, page);
  assert.equal(range(spans), "بالعالم الكبير");
  press(spans, "Right", {}, page);
  assert.equal(range(spans), "مرحبا");
});

test("the first word is the first one in view", () => {
  const spans = open();
  press(spans, "Right", {}, { first: () => find(TEXT, "New")[0] });
  assert.equal(range(spans), "New");
});

test("spans may overlap: a part, the whole, and the same words twice", () => {
  const spans = open();
  spans.select(...find(TEXT, "New York"));
  type(spans, "1");
  spans.select(...find(TEXT, "York"));
  type(spans, "2");
  assert.deepEqual(all(spans), ["place New York", "person York"]);
  spans.select(...find(TEXT, "York"));
  type(spans, "n 1");
  assert.deepEqual(all(spans), ["place New York", "person York", "place York"]);
  type(spans, "n 1");
  assert.equal(spans.list.length, 3, "the same label over the same words is there once");
  assert.deepEqual(spans.over(find(TEXT, "York")[0]).map((one) => spans.quoteOf(one)), ["York", "York", "New York"]);
});

test("n makes a span of the label used last", () => {
  const memory = newMemory();
  const spans = open([], { memory });
  assert.match(type(spans, "n")[0], /Arrows select words/);
  type(spans, "Right 2 Right Right n");
  assert.deepEqual(all(spans), ["person Ana", "person flew"]);
});

test("correcting a proposal costs a key, as going on does: another label, a word more, away with it", () => {
  const spans = open([span("a", "Ana", 0.9), span("b", "New", 0.4), span("c", "She", 0.3)]);
  assert.equal(spans.verdict, "accept");
  type(spans, "Tab 2 Tab Space Tab x");
  assert.deepEqual(all(spans), ["person Ana", "place New York"]);
  assert.deepEqual(spans.list.map((one) => spans.became(one)), ["relabelled", "moved"]);
  assert.equal(spans.verdict, "correct");
  assert.deepEqual(spans.touched, ["a", "b", "c"]);
  assert.equal(spans.words(), "2 spans: 1 moved, 1 relabelled, 1 deleted");
});

test("Tab goes through spans as one reads, from where reading is, and then leaves the card", () => {
  const spans = open([span("c", "She", 0.1), span("a", "Ana", 0.9), span("b", "New York", 0.4), span("d", "York", 0.2)]);
  const seen = [];
  while (press(spans, "Tab") !== null) seen.push(spans.focus);
  assert.deepEqual(seen, ["a", "b", "d", "c"]);
  spans.select(...find(TEXT, "flew"));
  type(spans, "Tab");
  assert.equal(spans.focus, "b");
  type(spans, "Shift+Tab");
  assert.equal(spans.focus, "a");
  assert.equal(press(spans, "Shift+Tab"), null);
  type(spans, "Tab");
  assert.equal(spans.focus, "a", "and begins again");
});

test("those in doubt come first", () => {
  const spans = open([span("a", "Ana", 0.9), span("b", "York", 0.9), span("c", "Sam", 0.9)]);
  spans.take("b");
  spans.pass = { ids: ["b", "c"], at: 0 };
  spans.known.delete("c");
  type(spans, "Tab");
  assert.equal(spans.focus, "c");
});

test("what is exactly selected is meant by the keys of a span", () => {
  const spans = open([span("a", "Ana", 0.9), span("b", "Sam", 0.9)]);
  type(spans, "Right 2");
  assert.deepEqual(all(spans), ["person Ana", "place Sam"], "another label, not a second span");
  assert.equal(spans.became(spans.get("a")), "relabelled");
  spans.select(...find(TEXT, "Sam"));
  assert.equal(spans.touched.includes("b"), false, "going over it isn't looking at it");
  spans.rate(3);
  assert.deepEqual([spans.get("b").certainty, spans.focus], [3, "b"]);
  spans.select(...find(TEXT, "Ana"));
  spans.unsure();
  assert.equal(spans.get("a").unsure, true);
  spans.select(...find(TEXT, "flew"));
  assert.deepEqual([spans.rate(3), spans.nudge(1), spans.unsure(), spans.remove()], [null, null, null, null]);
});

test("undo goes back step by step, and what was selected is selected again", () => {
  const spans = open([span("a", "Sam", 0.5)]);
  type(spans, "Right 1 Space 2");
  assert.deepEqual(all(spans), ["person Ana 👩🏽\u200d🚀", "place Sam"]);
  assert.equal(spans.undo(), "Taken back: another label");
  assert.equal(spans.undo(), "Taken back: moved");
  assert.deepEqual(all(spans), ["place Ana", "place Sam"]);
  assert.equal(spans.undo(), "Taken back: added");
  assert.equal(range(spans), "Ana", "another key labels it");
  assert.equal(spans.undo(), null);
  type(spans, "Tab x z");
  assert.equal(spans.focus, "a");
});

test("holding a key that moves an end is one step", () => {
  const spans = open([span("a", "Ana", 0.5)]);
  type(spans, "Tab");
  for (let i = 0; i < 5; i++) press(spans, "Shift+Right", { repeat: i > 0 });
  spans.undo();
  assert.equal(range(spans), "Ana");
});

test("after a deleted proposal the next span is in focus; where an own one was, its words are selected", () => {
  const spans = open([span("a", "Ana", 0.5), span("b", "Sam", 0.5)]);
  type(spans, "Tab x");
  assert.equal(spans.focus, "b");
  type(spans, "x");
  assert.equal(spans.focus, null);
  type(spans, "Left 1 x");
  assert.equal(range(spans), "met");
});

test("Esc lets go once, and then it is the card's", () => {
  const spans = open([span("a", "Sam", 0.5)]);
  type(spans, "Tab");
  assert.equal(press(spans, "Escape"), "");
  assert.deepEqual([spans.focus, spans.selection], [null, null]);
  assert.equal(press(spans, "Escape"), null);
  type(spans, "Left");
  assert.equal(range(spans), "Sam", "reading goes on where it was");
});

test("a draft brings spans back, unless the text is another one now", () => {
  const spans = open([span("a", "Sam", 0.5)]);
  assert.equal(spans.toDraft(), null);
  type(spans, "Right 2 Tab");
  const kept = JSON.parse(JSON.stringify(spans.toDraft()));
  const again = TextSpans.fromDraft(kept, newMemory(), toUnits(TEXT));
  assert.deepEqual(all(again), all(spans));
  assert.deepEqual([again.focus, again.touched.length], ["a", 2]);
  assert.equal(TextSpans.fromDraft(kept, newMemory(), toUnits(TEXT.replace("Sam", "Kim"))), null);
  assert.equal(TextSpans.fromDraft(kept, newMemory(), toUnits(`${TEXT} `)), null);
});

test("the mouse selects whole graphemes, takes spans, and drags their ends", () => {
  const spans = open([span("a", "New York", 0.5), span("b", "York", 0.5)]);
  const pointing = new SpanPointing(spans);
  const drag = (from, to, how) => { pointing.down(from, how); pointing.moveTo(to); pointing.up(); };
  drag(6, 2);
  assert.equal(range(spans), "a 👩🏽\u200d🚀", "from the middle of an emoji, backwards");
  const at = find(TEXT, "York")[0];
  const click = (character, how) => { pointing.down(character, how); pointing.up(); };
  click(at);
  assert.equal(spans.focus, "b", "the shortest one there");
  click(at);
  assert.equal(spans.focus, "a", "and with another click the one around it");
  drag(at, find(TEXT, "She")[1] - 1, { end: "end" });
  assert.equal(range(spans), "New York. She");
  assert.equal(spans.became(spans.get("a")), "moved");
  drag(0, find(TEXT, "Sam")[0], { end: "start" });
  assert.equal(range(spans), "e", "an end never passes the other one");
  click(0, { clicks: 2 });
  assert.equal(range(spans), "Ana");
  click(0, { clicks: 3 });
  assert.equal(range(spans), "Ana 👩🏽\u200d🚀 flew to New York.");
  click(find(TEXT, "Sam")[0]);
  assert.equal(spans.range, null, "a click beside them lets go");
  type(spans, "Right");
  assert.equal(range(spans), "Sam", "and says where reading goes on");
  click(find(TEXT, "met")[0], { extends: true });
  assert.equal(range(spans), "met Sam");
});

test("in words", () => {
  const spans = open([span("a", "New York", 0.5)]);
  assert.equal(spans.describe(nameOf), "1 span, none in focus");
  type(spans, "Tab");
  assert.equal(spans.describe(nameOf), "1 of 1: place, score 0.50: New York");
  spans.select(...find(TEXT, "flew"));
  assert.equal(spans.describe(nameOf), "Selected: flew");
  assert.equal(inBrief("a\r\n b"), "a b");
  assert.equal([...inBrief("👩".repeat(99))].length, 40);
});

test("no key breaks a text of nothing but punctuation, marks or one sign", () => {
  for (const text of ["...", "\u0301", "\u200d", "👩", "\u0000", "a", "\r\n", " x ", "\u0600"]) {
    const spans = open([], { text });
    for (const chord of "Right Left Space Shift+Space Shift+Left Shift+Right e a a Alt+Left Alt+Right Alt+Shift+Left Alt+Shift+Right Up Down Alt+Down Alt+Up 1 Right n 2 x z Tab Shift+Tab".split(" ")) {
      type(spans, chord);
      const { range: now, units } = spans;
      if (now) assert.ok(0 <= now[0] && now[0] < now[1] && now[1] <= units.length, `${JSON.stringify(text)} ${chord} ${now}`);
    }
  }
});

// What is drawn of them while one scrolls, on a document in which each line is as high as any other.

const WINDOW = 800; // pixels
const LINE = 38;
const LETTER = 8;
/** How often a layer was taken off the page. */
let taken_off = 0;

class Element {
  constructor() {
    Object.assign(this, { attributes: {}, children: [], listeners: {}, parent: null, className: "", textContent: "", hidden: false, down: 0 });
    this.style = { setProperty(name, value) { this[name] = value; } };
    this.classList = { toggle() {} };
  }
  get lastElementChild() { return this.children.at(-1) ?? null; }
  get clientHeight() { return WINDOW; }
  get scrollTop() { return this.down; }
  set scrollTop(down) { this.down = Math.max(0, down); }
  get offsetHeight() { return this.children.length ? LINE * this.children.length : parseFloat(this.style.height); }
  get offsetTop() {
    if (this.className !== "hitl-section") return 0;
    let top = 0;
    for (const section of this.parent.children) {
      if (section === this) break;
      top += section.offsetHeight;
    }
    return top;
  }
  getBoundingClientRect() { return { left: 0, top: -this.parent.scrollTop }; }
  setAttribute(name, value) { if (name === "class") this.className = value; else this.attributes[name] = value; }
  getAttribute(name) { return this.attributes[name] ?? null; }
  removeAttribute(name) { delete this.attributes[name]; }
  insertBefore(child, before) {
    if (child.parent) child.parent.children.splice(child.parent.children.indexOf(child), 1);
    child.parent = this;
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, child);
  }
  append(...children) { for (const child of children) this.insertBefore(child, null); }
  appendChild(child) { this.insertBefore(child, null); }
  prepend(child) { this.insertBefore(child, this.children[0] ?? null); }
  replaceChildren(...children) { this.children = []; this.append(...children); }
  remove() {
    if (/hitl-text-layer/.test(this.className)) taken_off++;
    this.parent?.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = null;
  }
  addEventListener(name, listener) { this.listeners[name] = listener; }
}

class Range {
  setStart(node, offset) { Object.assign(this, { node, from: offset }); }
  setEnd(node, offset) { this.to = offset; }
  getClientRects() {
    const line = this.node.parent;
    const section = line.parent;
    const top = section.offsetTop + LINE * section.children.indexOf(line) - section.parent.parent.parent.scrollTop;
    return [{ left: LETTER * this.from, top, width: LETTER * (this.to - this.from), height: LINE }];
  }
}

/** A long text on the page with a span in every fifth line, as the card shows it first. */
function show(n_lines = 1500) {
  globalThis.document = { createElement: () => new Element(), createTextNode: () => ({ parent: null }), createRange: () => new Range() };
  /** @param {string} name of its spans */
  const another = (name) => {
    const lines = Array.from({ length: n_lines }, (_, i) => `${name} ${String(i).padStart(4, "0")} stayed at home.`);
    const text = lines.join("\n");
    const shown = lines.flatMap((line, i) => (i % 5 ? [] : [{ id: `${name}${i}`, kind: "span", at: [i * (line.length + 1), i * (line.length + 1) + name.length], label_id: "L0", score: 0.5 }]));
    return { item: new ItemText(text), spans: open(shown, { text }) };
  };
  const { item, spans } = another("Ana");
  let redraw = () => {};
  let text = item;
  const view = new TextView(() => redraw());
  const reader = { view, text: () => text, over: (/** @type {() => void} */ step) => { redraw = step; } };
  const host = { objects: spans, nameOf, colourOf: () => "#111111", tagOf: () => "1", labels: ["L0", "L1"], changed: () => {}, has_keys: () => true, soon: () => {} };
  const layer = buildSpans(host, reader);
  /** The card shows a text. */
  const turn = (next) => {
    [text, host.objects] = [next.item, next.spans];
    view.show(text, { size: 17, mono: false });
    layer.update();
  };
  turn({ item, spans });
  /** Where spans are drawn, in pixels of the page. */
  const drawn = () => view.page.children[0].children.flatMap(({ children }) => children.map(({ style }) => parseFloat(style.top)));
  return { view, host, layer, another, turn, drawn };
}

/** Those of so many lines that have a span. */
const spansIn = (n_lines) => Math.ceil(n_lines / 5);
const in_first_frame = spansIn(Math.ceil((1.5 * WINDOW) / LINE));

test("spans near the window come in a new text's first frame, and the others that the page has come after it", () => {
  const { view, layer, another, turn, drawn } = show();
  const in_section = spansIn(view.sections[0].to);
  assert.ok(in_section > in_first_frame);
  assert.equal(drawn().length, in_first_frame);
  layer.updateLater();
  assert.equal(drawn().length, in_section);
  turn(another("Sam"));
  assert.equal(drawn().length, in_first_frame);
  layer.updateLater();
  assert.equal(drawn().length, in_section);
});

test("scrolling through a long text shows the spans of each page, where nothing else makes the card draw", () => {
  const { view, layer, drawn } = show();
  layer.updateLater();
  const { element } = view;
  let pages = 0;
  const height = () => view.lines.children.reduce((sum, section) => sum + section.offsetHeight, 0);
  for (; element.scrollTop + 2 * WINDOW < height(); pages++) {
    view.scroll(0.9);
    element.listeners.scroll();
    const seen = (top) => top >= element.scrollTop && top < element.scrollTop + WINDOW;
    const wanted = view.lines.children.flatMap((section, k) => section.children.map((_, i) => [view.sections[k].from + i, section.offsetTop + LINE * i]))
      .filter(([line, top]) => line % 5 === 0 && seen(top)).map(([, top]) => top);
    assert.ok(wanted.length > 2);
    assert.deepEqual(drawn().filter(seen).sort((a, b) => a - b), wanted, `page ${pages}`);
  }
  assert.ok(pages > 60, String(pages));
});

test("spans of parts of a text that the page hasn't drawn cost nothing at a key", () => {
  const { host, layer } = show();
  layer.updateLater();
  taken_off = 0;
  for (let i = 0; i < 3; i++) {
    press(host.objects, "Tab");
    layer.update();
    layer.updateLater();
  }
  assert.equal(taken_off, 0, "the layers stay on the page");
});
