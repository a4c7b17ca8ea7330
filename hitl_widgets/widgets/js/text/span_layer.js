// @ts-check
// The spans on the page of a text: a wash behind the letters, a bar below them with the label's name, and what is selected.
//
//   const layer = buildSpans(host, stage.reader)     // Host as for stage/objects.js
//   layer.update()                                   // whenever anything changed: only elements that look otherwise are touched
//   layer.updateLater()                              // after the frame: the spans of a new text that aren't in view
//   layer.page                                       // for the keys: which word lies a line below, and the like
//
// Spans that overlap have their bars below one another, the shortest first. The mouse: a drag selects characters, a click takes the
// span there (again: the one around it), a double click selects a word, a triple click the sentence, with Shift the range goes on
// to there; a drag from an end of the span in focus moves that end.

import { h, setAttribute, setText } from "../dom.js";
import { SpanPointing } from "./span_keys.js";
import { TextSpans } from "./spans.js";

/** @typedef {import("../stage/objects.js").Host} Host */
/** @typedef {import("../objects/types.d.ts").Shape} Shape */
/** @typedef {import("./offsets.js").Range} Range */
/** @typedef {import("./view.js").Rect} Rect */
/** @typedef {ReturnType<typeof import("../stage/text.js").buildReader>} Reader */
/** What of a span is on the page. @typedef {{under: HTMLElement, over: HTMLElement, span: Shape | null, looks: string, layout: number, lane: number}} Slot */

export const MOST_LANES = 4;
const NEAR = 6; // pixels from which an end is taken
const CLICKS_MS = 450;
const AROUND = 0.5; // windows above and below in which spans of a new text are drawn at once
const FEW = 8; // with more spans to be drawn they are written outside of the page: each change within it is looked at by the page's rules
const LETTER = 6.2; // pixels of a letter of a tag, about
const RTL = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const LTR = /[\p{L}\p{N}]/u;

/** In which line below the letters each span has its bar: the shortest next to them, so that none crosses another.
 * @param {readonly Shape[]} spans @returns {Map<string, number>} id -> 0 for the first line */
export function lanesOf(spans) {
  const sorted = [...spans].sort((a, b) => a.at[1] - a.at[0] - (b.at[1] - b.at[0]) || a.at[0] - b.at[0]);
  /** @type {Map<string, number>} */
  const lanes = new Map();
  /** Which characters are taken in a line: ranges in order. @type {Range[][]} */
  const taken = [];
  for (const { id, at } of sorted) {
    const [start, end] = at;
    let lane = 0;
    for (; lane < taken.length; lane++) {
      const i = firstFrom(taken[lane], start);
      const free = (i === 0 || taken[lane][i - 1][1] <= start) && (i === taken[lane].length || taken[lane][i][0] >= end);
      if (free) break;
    }
    (taken[lane] ??= []).splice(firstFrom(taken[lane], start), 0, [start, end]);
    lanes.set(id, lane);
  }
  return lanes;
}

/** @param {Range[]} ranges @param {number} start */
function firstFrom(ranges, start) {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle][0] < start) low = middle + 1; else high = middle;
  }
  return low;
}

/** @param {HTMLElement} parent @param {number} n of children with a class */
function fill(parent, n, name = "") {
  while (parent.children.length > n) parent.lastElementChild?.remove();
  while (parent.children.length < n) parent.append(h("span", name ? { class: name } : {}));
}

/** @param {Element} node @param {Rect} rect */
function put(node, { left, top, width, height }) {
  Object.assign(/** @type {HTMLElement} */ (node).style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

/** @param {Host} host @param {Reader} reader */
export function buildSpans(host, reader) {
  const { view } = reader;
  const under = h("div", { class: "hitl-text-layer hitl-under hitl-spans", "aria-hidden": "true" });
  const over = h("div", { class: "hitl-text-layer hitl-over hitl-spans", "aria-hidden": "true" });
  const selected = h("div", { class: "hitl-selected" });
  const hands = h("div", { class: "hitl-hands" }, h("span"), h("span"));
  over.append(selected, hands);
  view.page.prepend(under);
  view.page.append(over);
  /** @type {Map<string, Slot>} */
  const slots = new Map();
  /** Whether some spans out of view have yet to be drawn. */
  let waiting = false;
  /** What the elements show. @type {{spans: TextSpans | null, version: number, layout: number, tag: unknown, list: unknown}} */
  const shown = { spans: null, version: -1, layout: -1, tag: null, list: null };
  /** @type {Map<string, number>} */
  let lanes = new Map();
  let layout = 0;
  let n_lanes = 0;
  /** What was in view last. */
  let revealed = "";
  /** Where the ends of the range are, in pixels of the page. @type {{start: {x: number, top: number, bottom: number}, end: {x: number, top: number, bottom: number}} | null} */
  let ends = null;
  /** The column that up and down keep, as long as they go on. */
  const column = { x: 0, at: "" };

  const current = () => (host.objects instanceof TextSpans && reader.text() ? host.objects : null);

  /** @param {string} id @returns {Slot} */
  function build(id) {
    const slot = { under: h("div", {}), over: h("div", {}), span: null, looks: "", layout: -1, lane: -1 };
    under.append(slot.under);
    over.insertBefore(slot.over, selected);
    slots.set(id, slot);
    return slot;
  }

  /** Whether a span lies where it was drawn. @param {Slot | undefined} slot @param {Shape} span @param {number} lane */
  const stays = (slot, span, lane) => Boolean(slot?.span && slot.span.at[0] === span.at[0] && slot.span.at[1] === span.at[1] && slot.layout === layout && slot.lane === lane);

  /** @param {Slot} slot @param {Shape} span @param {string} looks @param {number} lane @param {Rect[] | undefined} rects where they are others */
  function draw(slot, span, looks, lane, rects) {
    if (slot.span === span && slot.looks === looks && slot.layout === layout && slot.lane === lane) return;
    Object.assign(slot, { span, looks, layout, lane });
    for (const part of [slot.under, slot.over]) {
      part.className = looks;
      part.style.setProperty("--hitl-of-label", host.colourOf(span.label_id));
    }
    if (rects) {
      fill(slot.under, rects.length);
      fill(slot.over, rects.length);
      rects.forEach((rect, i) => {
        put(slot.under.children[i], rect);
        put(slot.over.children[i], { ...rect, top: rect.top + rect.height, height: 0 });
      });
      slot.over.style.setProperty("--hitl-lane", String(Math.min(lane, MOST_LANES)));
    }
    const bars = /** @type {HTMLElement[]} */ ([...slot.over.children]);
    const [words, i] = tagOf(span, bars.map(({ style }) => parseFloat(style.width)));
    bars.forEach((bar, k) => setText(bar, k === i ? words : ""));
  }

  /** As much of what is to be said of a span as there is room for, and at which of its places. @param {Shape} span @param {number[]} widths @returns {[string, number]} */
  function tagOf({ label_id, unsure, certainty }, widths) {
    const name = `${host.nameOf(label_id)}${unsure ? "?" : ""}`;
    const [widest] = widths.map((width, i) => ({ width, i })).sort((a, b) => b.width - a.width);
    for (const words of [certainty === null ? name : `${name} ${certainty}`, name]) {
      const i = widths.findIndex((width) => width >= LETTER * words.length);
      if (i >= 0) return [words, i];
    }
    if (!widest) return ["", 0];
    const n = Math.floor(widest.width / LETTER) - 1;
    return [n >= 3 ? `${name.slice(0, n)}…` : `${host.tagOf(label_id)}${unsure ? "?" : ""}`, widest.i];
  }

  /** @param {TextSpans} spans @param {boolean} [all] those out of view too */
  function drawAll(spans, all = false) {
    if (shown.list !== spans.list) {
      shown.list = spans.list;
      lanes = lanesOf(spans.list);
      const n = Math.min(MOST_LANES, Math.max(1, ...[...lanes.values()].map((lane) => lane + 1)));
      if (n !== n_lanes) { // lines move apart
        n_lanes = n;
        view.page.style.setProperty("--hitl-lanes", String(n));
        layout++;
      }
    }
    const { current: focused } = spans;
    // All places are read before anything is written: else the page would be laid out anew for each span.
    const places = new Map(spans.list.filter((span) => !stays(slots.get(span.id), span, lanes.get(span.id) ?? 0)).map((span) => [span.id, view.rects(span.at[0], span.at[1])]));
    const [top, bottom] = all ? [-Infinity, Infinity] : view.window(AROUND);
    waiting = false;
    for (const [id, rects] of places) {
      if (slots.has(id) || rects.some((rect) => rect.top < bottom && rect.top + rect.height > top)) continue;
      places.delete(id);
      waiting ||= rects.length > 0; // what the page hasn't drawn itself comes when it does
    }
    const apart = places.size > FEW;
    if (apart) for (const layer of [under, over]) layer.remove();
    letGo(new Set(spans.list.map(({ id }) => id)));
    for (const span of spans.list) {
      const rects = places.get(span.id);
      if (!rects && !slots.has(span.id)) continue;
      const looks = `hitl-span${spans.isProposal(span) ? " hitl-proposed" : ""}${span === focused ? " hitl-focused" : ""}`;
      draw(slots.get(span.id) ?? build(span.id), span, looks, lanes.get(span.id) ?? 0, rects);
    }
    if (!apart) return;
    view.page.prepend(under);
    view.page.append(over);
  }

  /** Spans that are gone take their elements along. @param {Set<string>} there */
  function letGo(there) {
    for (const [id, { under: below, over: above }] of slots) {
      if (there.has(id)) continue;
      below.remove();
      above.remove();
      slots.delete(id);
    }
  }

  /** Where a grapheme begins or ends on the page. @param {Range} grapheme @param {"start" | "end"} end */
  function edgeOf([start, stop], end) {
    const rects = view.rects(start, stop);
    const rect = end === "start" ? rects[0] : rects.at(-1);
    if (!rect) return null;
    const quote = reader.text()?.slice(start, stop) ?? "";
    const leftwards = RTL.test(quote) || (!LTR.test(quote) && view.directionAt(start) === "rtl");
    return { x: (end === "start") === leftwards ? rect.left + rect.width : rect.left, top: rect.top, bottom: rect.top + rect.height };
  }

  /** @param {TextSpans} spans */
  function drawRange(spans) {
    const { range, hand, current: focused, units } = spans;
    const rects = range && !focused ? view.rects(...range) : [];
    fill(selected, rects.length);
    rects.forEach((rect, i) => put(selected.children[i], rect));
    hands.hidden = !range;
    ends = null;
    if (!range) return;
    const [start, end] = [edgeOf(units.graphemes.at(range[0]), "start"), edgeOf(units.graphemes.at(range[1] - 1), "end")];
    [start, end].forEach((at, i) => {
      const bar = /** @type {HTMLElement} */ (hands.children[i]);
      bar.hidden = !at;
      bar.className = hand === (i ? "end" : "start") ? "hitl-end-held" : "";
      if (at) put(bar, { left: at.x, top: at.top, width: 0, height: at.bottom - at.top });
    });
    if (start && end) ends = { start, end };
  }

  /** The range is in view: all of a span that comes into focus, or else the end in hand. @param {TextSpans} spans */
  function reveal(spans) {
    const { range, focus, hand, units } = spans;
    const now = range ? `${focus} ${range} ${hand}` : "";
    if (now === revealed) return;
    const came = focus !== null && !revealed.startsWith(`${focus} `);
    revealed = now;
    if (!range || from !== null) return;
    if (came) view.reveal(...range);
    view.reveal(...units.graphemes.at(hand === "end" ? range[1] - 1 : range[0]));
  }

  /** @param {boolean} [all] those out of view too */
  function update(all = false) {
    const spans = current();
    for (const layer of [under, over]) layer.hidden = !spans;
    if (!spans) {
      if (shown.spans) setAttribute(view.element, "aria-description", null);
      shown.spans = null;
      return;
    }
    for (const layer of [under, over]) layer.classList.toggle("hitl-away", spans.alone);
    if (shown.spans === spans && shown.version === spans.version && shown.layout === layout && shown.tag === host.tagOf) return;
    if (shown.spans !== spans || shown.tag !== host.tagOf) {
      for (const slot of slots.values()) slot.looks = "";
      if (shown.spans !== spans) { pointing = null; revealed = ""; shown.list = null; }
    }
    Object.assign(shown, { spans, version: spans.version, tag: host.tagOf });
    reveal(spans);
    drawAll(spans, all);
    drawRange(spans);
    shown.layout = layout;
    setAttribute(view.element, "aria-description", spans.describe(host.nameOf));
  }
  // Where more of a text is drawn while it scrolls, the card draws nothing after it.
  reader.over(() => { layout++; update(current() === shown.spans); });

  function updateLater() {
    const spans = current();
    if (waiting && spans && spans === shown.spans) drawAll(spans, true);
  }

  // For the keys

  /** The character that lies a line below a range, or above it, near the same column. @param {Range} range @param {1 | -1} by @returns {number | null} */
  function below(range, by) {
    const units = current()?.units;
    if (!units) return null;
    const rects = view.rects(...range);
    const here = by > 0 ? rects.at(-1) : rects[0];
    if (!here) return null;
    const middle = here.top + here.height / 2;
    if (column.at !== range.join()) column.x = here.left + here.width / 2;
    /** @type {{word: Range, far: number} | null} */
    let best = null;
    let line = NaN;
    for (let word = by > 0 ? units.wordAfter(range[1]) : units.wordBefore(range[0]); word; word = by > 0 ? units.wordAfter(word[1]) : units.wordBefore(word[0])) {
      let at = view.rects(...word);
      if (!at.length) { // not drawn yet
        view.reveal(...word);
        at = view.rects(...word);
      }
      const rect = by > 0 ? at[0] : at.at(-1);
      if (!rect) continue;
      const y = rect.top + rect.height / 2;
      if (Math.abs(y - middle) < rect.height * 0.6) continue;
      if (Number.isNaN(line)) line = y;
      else if (Math.abs(y - line) > rect.height * 0.6) break;
      const far = Math.max(0, rect.left - column.x, column.x - rect.left - rect.width);
      if (!best || far < best.far) best = { word, far };
    }
    if (!best) return null;
    column.at = best.word.join();
    return best.word[0];
  }

  /** The first character in view. */
  function first() {
    const { left, top, right, height } = view.element.getBoundingClientRect();
    for (let y = top + 8; y < top + height; y += 12) {
      for (const x of [left + (right - left) * 0.1, left + (right - left) * 0.5, right - (right - left) * 0.1]) {
        const character = view.characterAt(x, y);
        if (character !== null && view.element.scrollTop > 0) return character;
      }
    }
    return 0;
  }

  // The mouse

  /** @type {SpanPointing | null} */
  let pointing = null;
  /** Where the pointer went down. @type {number | null} */
  let from = null;
  let clicks = 0;
  let clicked = { at: -Infinity, character: -1 };

  /** The end of the span in focus that is near a point of the screen. @param {MouseEvent} event */
  function endAt({ clientX, clientY }) {
    const { left, top } = view.page.getBoundingClientRect();
    if (!ends || current()?.focus === null) return null;
    for (const end of /** @type {const} */ (["end", "start"])) {
      const { x, top: above, bottom } = ends[end];
      if (Math.abs(clientX - left - x) <= NEAR && clientY - top >= above - 2 && clientY - top <= bottom + NEAR) return end;
    }
    return null;
  }

  view.element.addEventListener("mousedown", (event) => {
    const spans = current();
    if (event.button !== 0 || !spans || view.element.closest(".hitl-painting")) return;
    if (event.clientX > view.element.getBoundingClientRect().left + view.element.clientWidth) return; // the bar that scrolls
    event.preventDefault(); // what is selected is the card's
    const end = endAt(event);
    const character = view.characterAt(event.clientX, event.clientY) ?? (end && spans.range ? spans.range[end === "end" ? 1 : 0] - (end === "end" ? 1 : 0) : null);
    if (character === null) {
      spans.release();
      return host.changed();
    }
    if (pointing?.spans !== spans) pointing = new SpanPointing(spans);
    clicks = event.timeStamp - clicked.at < CLICKS_MS && clicked.character === character ? clicks + 1 : 1;
    clicked = { at: event.timeStamp, character };
    from = character;
    pointing.down(character, { extends: event.shiftKey, end: event.shiftKey ? null : end, clicks: Math.min(3, clicks) });
    host.changed();
    const drag = (/** @type {MouseEvent} */ e) => {
      const to = view.characterAt(e.clientX, e.clientY);
      if (to !== null && pointing?.moveTo(to)) host.changed();
    };
    document.addEventListener("mousemove", drag);
    document.addEventListener("mouseup", () => {
      document.removeEventListener("mousemove", drag);
      const changed = pointing?.up();
      if (changed) host.changed();
      from = null;
    }, { once: true });
  });
  view.element.addEventListener("mousemove", (event) => {
    if (!event.buttons) view.element.style.cursor = current() && endAt(event) ? "ew-resize" : "";
  });

  return { update: () => update(), updateLater, page: { below, first, leftwards: (/** @type {number} */ character) => view.directionAt(character) === "rtl" } };
}
