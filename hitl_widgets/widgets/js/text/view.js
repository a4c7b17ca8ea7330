// @ts-check
// A text on the page. It is drawn once and isn't changed: marks and tints lie in layers below or over its letters, which are
// redrawn when the layout changes. All places are in characters; rectangles are in pixels of the page
// of the text, which the layers fill. Of a long text only what is near the window is in the document.

import { h } from "../dom.js";

/** @typedef {import("./item_text.js").ItemText} ItemText */
/** @typedef {import("./item_text.js").Setting} Setting */
/** @typedef {{left: number, top: number, width: number, height: number}} Rect */
/** A text node, and the units of the text that it holds. @typedef {{node: Text, start: number, end: number}} Piece */
/** A word with a tint: how strong from 0 to 1, and whether it speaks for the label. @typedef {{start: number, end: number, strength: number, speaks_for: boolean}} Tinted */
/** @typedef {{element: HTMLElement, from: number, to: number, start: number, end: number, pieces: Piece[] | null}} Section */

const WHOLE = 3; // so many sections are drawn at once, wherever the window is
const NEAR = 1.5; // windows above and below that are drawn too
const FAR = 5; // windows away from which on a section is taken out again
const EDGE = 0.12; // of the window that is kept between a word and its edge
const PEEK = 96; // pixels that are seen of what came before

export class TextView {
  /** @param {() => void} [on_layout] called when rectangles have become others */
  constructor(on_layout = () => {}) {
    this.before = h("div", { class: "hitl-before", hidden: true });
    this.lines = h("div", { class: "hitl-lines" });
    this.under = h("div", { class: "hitl-text-layer hitl-under", "aria-hidden": "true" });
    this.over = h("div", { class: "hitl-text-layer hitl-over", "aria-hidden": "true" });
    this.page = h("div", { class: "hitl-page" }, this.under, this.before, this.lines, this.over);
    /** What scrolls. */
    this.element = h("div", { class: "hitl-reader" }, this.page);
    /** @type {ItemText | null} */
    this.text = null;
    /** @type {Section[]} */
    this.sections = [];
    /** @type {Tinted[]} */
    this.tinted = [];
    /** @type {WeakMap<Node, Piece>} */
    this.piece_of = new WeakMap();
    this.set = "";
    this.on_layout = on_layout;
    this.element.addEventListener("scroll", () => { if (this.#drawNear()) this.on_layout(); }, { passive: true });
  }

  /** Another text, or the same one set otherwise. @param {ItemText | null} text @param {Setting} setting
   * @param {{item_id: string, text: string}[]} [before] what came before it @param {Tinted[]} [tinted] as of `tint` */
  show(text, setting, before = [], tinted = []) {
    const set = `${setting.size} ${setting.mono}`;
    const other = text !== this.text;
    if (!other) this.tint(tinted);
    if (!other && set === this.set) return;
    this.text = text;
    this.set = set;
    this.page.style.setProperty("--hitl-size", `${setting.size}px`);
    this.page.classList.toggle("hitl-mono", setting.mono);
    if (other) {
      this.tinted = tinted; // its words are written once, with their tint
      this.#lay(setting);
      this.before.hidden = !before.length;
      this.before.replaceChildren(...before.map(({ item_id, text: words }) => h("p", { dir: "auto", title: item_id, text: words })));
      // All is written before a place is asked for: the page is laid out once.
      if (this.sections.length <= WHOLE) this.#drawNear();
      this.element.scrollTop = before.length ? Math.max(0, this.#place(this.lines) - PEEK) : 0;
    }
    this.#drawNear();
    this.on_layout();
  }

  /** Called when the window has another size. */
  resized() {
    this.#drawNear();
    this.on_layout();
  }

  /** Words that count, behind their letters, in the order in which they stand. @param {Tinted[]} tinted */
  tint(tinted) {
    if (tinted === this.tinted || (!tinted.length && !this.tinted.length)) return;
    this.tinted = tinted;
    for (const section of this.sections) if (section.pieces) this.#draw(section);
  }

  /** The sections, empty at first. @param {Setting} setting */
  #lay({ size }) {
    const { text } = this;
    if (!text) { this.sections = []; this.lines.replaceChildren(); return; }
    const { lines } = text;
    this.sections = text.sections.map(([from, to]) => ({ element: h("div", { class: "hitl-section" }), from, to, start: lines[from].start, end: lines[to - 1].end, pieces: null }));
    if (this.sections.length > WHOLE) {
      for (const { element, from, to } of this.sections) {
        let n = 0;
        for (let i = from; i < to; i++) n += Math.max(0.6, Math.ceil((lines[i].end - lines[i].start) / 72));
        element.style.height = `${Math.round(n * size * 1.55)}px`; // about; the real height follows
      }
    }
    this.lines.replaceChildren(...this.sections.map(({ element }) => element));
  }

  /** Draws what is near the window, and takes out what is far. @returns {boolean} whether anything changed */
  #drawNear() {
    const { sections, element } = this;
    const few = sections.length <= WHOLE;
    if (few && sections.every(({ pieces }) => pieces)) return false;
    const height = few ? 0 : element.clientHeight || 600;
    const top = few ? 0 : element.scrollTop - this.page.offsetTop;
    let changed = false;
    for (let i = few ? 0 : this.#sectionAt(top - FAR * 2 * height); i < sections.length; i++) {
      const section = sections[i];
      const [from, to] = few ? [0, 0] : [section.element.offsetTop, section.element.offsetTop + section.element.offsetHeight];
      const away = few ? 0 : Math.max(from - top - height, top - to) / height;
      if (away > FAR * 2) break;
      if (away <= NEAR && !section.pieces) { this.#draw(section); changed = true; }
      else if (away > FAR && section.pieces) this.#empty(section);
    }
    return changed;
  }

  /** The distance of an element from the top of the scrolled content. @param {HTMLElement} of */
  #place(of) { return this.page.offsetTop + of.offsetTop; }

  /** The last section that begins above a height. @param {number} top */
  #sectionAt(top) {
    let [low, high] = [0, this.sections.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.sections[middle].element.offsetTop <= top) low = middle; else high = middle - 1;
    }
    return low;
  }

  /** @param {Section} section */
  #empty(section) {
    section.element.style.height = `${section.element.offsetHeight}px`;
    section.element.replaceChildren();
    section.pieces = null;
  }

  /** @param {Section} section */
  #draw(section) {
    const text = /** @type {ItemText} */ (this.text);
    /** @type {Piece[]} */
    const pieces = [];
    /** @param {Node} parent @param {number} start @param {number} end */
    const write = (parent, start, end) => {
      const node = document.createTextNode(text.text.slice(start, end));
      const piece = { node, start, end };
      this.piece_of.set(node, piece);
      pieces.push(piece);
      parent.appendChild(node);
    };
    const words = this.#tintedIn(section);
    let at = 0;
    const drawn = [];
    for (let i = section.from; i < section.to; i++) {
      const { start, end } = text.lines[i];
      const line = h("p", { class: start === end ? "hitl-line hitl-blank" : "hitl-line", dir: "auto" });
      let done = start;
      while (at < words.length && words[at].from < end) {
        const { from, to, word } = words[at];
        const [begins, ends] = [Math.max(from, done), Math.min(to, end)];
        if (ends > begins) {
          if (begins > done) write(line, done, begins);
          const mark = h("span", { class: `hitl-word ${word.speaks_for ? "hitl-for" : "hitl-counts-against"}${word.strength > 0.3 ? " hitl-strong" : ""}`, style: `--t:${word.strength.toFixed(2)}` });
          write(mark, begins, ends);
          line.appendChild(mark);
          done = ends;
        }
        if (to > end) break;
        at++;
      }
      if (done < end) write(line, done, end);
      drawn.push(line);
    }
    section.element.replaceChildren(...drawn);
    section.element.style.height = "";
    section.pieces = pieces;
  }

  /** The words with a tint that lie in a section, in units. A model's own tokens may cut what is drawn as one sign, such as
   * a family of emoji: it has one tint then, the strongest. @param {Section} section */
  #tintedIn({ start, end }) {
    const text = /** @type {ItemText} */ (this.text);
    const [first, last] = [text.character(start), text.character(end)];
    /** @type {{from: number, to: number, word: Tinted}[]} */
    const words = [];
    for (const word of this.tinted) {
      if (word.end <= first || word.start >= last) continue;
      let [from, to] = [text.unit(word.start), text.unit(word.end)];
      if (cuts(text.text, from) || cuts(text.text, to)) [from, to] = text.units.snapped(word.start, word.end).map((character) => text.unit(character));
      const before = words[words.length - 1];
      if (before && from < before.to) {
        if (word.strength > before.word.strength) before.word = word;
        before.to = Math.max(before.to, to);
      } else words.push({ from, to, word });
    }
    return words;
  }

  /** The pieces that hold some of the units. @param {number} start @param {number} end @returns {Piece[]} */
  #piecesIn(start, end) {
    const found = [];
    for (const section of this.sections) {
      if (section.end < start || section.start >= end || !section.pieces) continue;
      const { pieces } = section;
      let [low, high] = [0, pieces.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (pieces[middle].end <= start) low = middle + 1; else high = middle;
      }
      for (; low < pieces.length && pieces[low].start < end; low++) found.push(pieces[low]);
    }
    return found;
  }

  /** Where characters are on the page: a rectangle for each line; none for what isn't drawn just now.
   * @param {number} start @param {number} end @returns {Rect[]} */
  rects(start, end) {
    const { text } = this;
    if (!text) return [];
    const [from, to] = [text.unit(start), text.unit(end)];
    const origin = this.page.getBoundingClientRect();
    const range = document.createRange();
    /** @type {Rect[]} */
    const rects = [];
    for (const piece of this.#piecesIn(from, to)) {
      range.setStart(piece.node, Math.max(0, from - piece.start));
      range.setEnd(piece.node, Math.min(piece.end, to) - piece.start);
      for (const { left, top, width, height } of range.getClientRects()) {
        if (width) join(rects, { left: left - origin.left, top: top - origin.top, width, height });
      }
    }
    return rects;
  }

  /** The character under a point of the screen, or null beside the text. @param {number} x @param {number} y @returns {number | null} */
  characterAt(x, y) {
    const at = caretAt(x, y);
    const piece = at && this.piece_of.get(at.node);
    if (!piece || !this.text || !piece.node.isConnected) return null;
    let unit = piece.start + at.offset;
    // The caret is nearest to the point, and may be behind the character that the point is on.
    const before = this.text.character(Math.max(piece.start, unit - 1));
    if (unit > piece.start && this.#holds(before, x, y)) return before;
    if (unit >= piece.end) unit = piece.end - 1;
    return this.text.character(unit);
  }

  /** @param {number} character @param {number} x @param {number} y */
  #holds(character, x, y) {
    const { left, top } = this.page.getBoundingClientRect();
    return this.rects(character, character + 1).some((rect) => x - left >= rect.left && x - left < rect.left + rect.width
      && y - top >= rect.top - 2 && y - top <= rect.top + rect.height + 2);
  }

  /** The selected characters, as [start, end). @param {Range} range @returns {[number, number] | null} */
  rangeToCharacters(range) {
    const { text } = this;
    const [first, last] = [this.#unitOf(range.startContainer, range.startOffset), this.#unitOf(range.endContainer, range.endOffset)];
    if (!text || first === null || last === null) return null;
    const [start, end] = [text.character(first), text.character(last)];
    return end > start ? [start, end] : null;
  }

  /** @param {Node} node @param {number} offset @returns {number | null} */
  #unitOf(node, offset) {
    const piece = this.piece_of.get(node);
    if (piece) return piece.start + offset;
    if (!this.lines.contains(node)) return null;
    // Between elements: where the next piece begins, or the text ends.
    const after = node.childNodes[offset] ?? null;
    for (const section of this.sections) {
      for (const one of section.pieces ?? []) {
        const follows = after ? after.contains(one.node) || after.compareDocumentPosition(one.node) & Node.DOCUMENT_POSITION_FOLLOWING
          : node.compareDocumentPosition(one.node) & Node.DOCUMENT_POSITION_FOLLOWING && !node.contains(one.node);
        if (follows) return one.start;
      }
    }
    return this.text?.text.length ?? null;
  }

  /** Scrolls as little as needed to show some characters. @param {number} start @param {number} end */
  reveal(start, end) {
    const { element, text } = this;
    if (!text) return;
    this.#drawAt(text.unit(start));
    const rects = this.rects(start, end);
    if (!rects.length) return;
    const top = rects[0].top + this.page.offsetTop;
    const bottom = rects[rects.length - 1].top + rects[rects.length - 1].height + this.page.offsetTop;
    const edge = EDGE * element.clientHeight;
    if (top - edge < element.scrollTop) element.scrollTop = top - edge;
    else if (bottom + edge > element.scrollTop + element.clientHeight) element.scrollTop = Math.min(top - edge, bottom + edge - element.clientHeight);
  }

  /** Draws the section that holds a unit, wherever the window is. @param {number} unit */
  #drawAt(unit) {
    const section = this.sections.find(({ end }) => end > unit) ?? this.sections[this.sections.length - 1];
    if (!section || section.pieces) return;
    this.#draw(section);
    this.element.scrollTop = this.#place(section.element);
    this.#drawNear();
    this.on_layout();
  }

  /** The direction in which the line of a character is read. @param {number} character @returns {"ltr" | "rtl"} */
  directionAt(character) {
    const unit = this.text?.unit(character) ?? 0;
    const [piece] = this.#piecesIn(unit, unit + 1);
    const line = piece?.node.parentElement?.closest("p");
    return line && getComputedStyle(line).direction === "rtl" ? "rtl" : "ltr";
  }

  /** What of the page is in the window, and so much around it: its top and its bottom. @param {number} around in windows @returns {[number, number]} */
  window(around) {
    const { scrollTop, clientHeight } = this.element;
    const top = scrollTop - this.page.offsetTop;
    return [top - around * clientHeight, top + (1 + around) * clientHeight];
  }

  /** By shares of the window. @param {number} by */
  scroll(by) { this.element.scrollTop += by * this.element.clientHeight; }

  /** To the beginning. */
  top() { this.element.scrollTop = 0; }
}

/** Whether a place may be within what is drawn as one sign: next to a mark, a joiner or an emoji. @param {string} text @param {number} unit */
const cuts = (text, unit) => unit > 0 && unit < text.length && (text.charCodeAt(unit) >= 0x300 || text.charCodeAt(unit - 1) >= 0x300);

/** Rectangles on one line that touch become one. @param {Rect[]} rects @param {Rect} rect */
function join(rects, rect) {
  const last = rects[rects.length - 1];
  const same = last && Math.abs(last.top - rect.top) < rect.height / 2;
  if (same && rect.left <= last.left + last.width + 1.5 && rect.left + rect.width >= last.left - 1.5) {
    const right = Math.max(last.left + last.width, rect.left + rect.width);
    const bottom = Math.max(last.top + last.height, rect.top + rect.height);
    last.left = Math.min(last.left, rect.left);
    last.top = Math.min(last.top, rect.top);
    last.width = right - last.left;
    last.height = bottom - last.top;
  } else rects.push(rect);
}

/** @param {number} x @param {number} y @returns {{node: Node, offset: number} | null} */
function caretAt(x, y) {
  if (document.caretPositionFromPoint) {
    const at = document.caretPositionFromPoint(x, y);
    return at && { node: at.offsetNode, offset: at.offset };
  }
  const range = /** @type {any} */ (document).caretRangeFromPoint?.(x, y);
  return range ? { node: range.startContainer, offset: range.startOffset } : null;
}

/** A box for each rectangle, in a layer: the elements that are there already are used again.
 * @param {HTMLElement} layer @param {Rect[]} rects @param {string} name of the class */
export function drawBoxes(layer, rects, name) {
  while (layer.children.length > rects.length) layer.lastElementChild?.remove();
  while (layer.children.length < rects.length) layer.append(h("span"));
  rects.forEach(({ left, top, width, height }, i) => {
    const box = /** @type {HTMLElement} */ (layer.children[i]);
    if (box.className !== name) box.className = name;
    Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  });
}
