// @ts-check
// The objects of the item as a list, in the order in which Tab comes to them, and what the model proposes in a line.

import { capOf, cap, h, inOrder, setAttribute, setText } from "../dom.js";
import { keyName } from "../keys.js";
import { inBrief, TextSpans } from "../text/spans.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("../objects/image.js").ImageObjects} ImageObjects */
/** @typedef {import("../objects/types.d.ts").Shape} Shape */
/** @typedef {{row: HTMLElement, key: HTMLElement, name: HTMLElement, score: HTMLElement, what: HTMLElement, quote: HTMLElement, object: Shape | null, looks: string}} Row */

const MOST = 60; // rows at once; with more objects those around the one in focus
const BEFORE = 20;
const QUOTED = 60; // characters of a span's quote

/** What was done to an object, in words. @param {CardSession} session @param {ImageObjects} objects @param {Shape} object @returns {string} */
function became(session, objects, object) {
  const what = objects.became(object);
  const words = what === "relabelled" ? `was ${session.nameOf(object.proposal?.label_id)}` : what === "accepted" ? (objects.isProposal(object) ? "" : "✓") : what;
  return [words, object.certainty === null ? "" : `certainty ${object.certainty}`, object.unsure ? "unsure" : "", reasonOf(objects, object), objects.problemWith(object) ? "crosses itself" : ""].filter(Boolean).join(", ");
}

/** The judgement of an object's explanation, in words. @param {ImageObjects} objects @param {Shape} object */
const reasonOf = (objects, { id }) => {
  const reason = objects.reasons.get(id)?.reason;
  return reason ? `${reason} reason` : "";
};

/** A summary of the objects, or why nothing is proposed. @param {CardSession} session @returns {[string, string]} a heading, and the rest */
function heading(session) {
  const { item, annotating, setup } = session;
  const { objects } = annotating;
  if (item?.broken) return ["This item can't be shown", `${keyName(setup?.keys.flag?.[0][0] ?? "")} flags it as bad data and goes on. You may also skip it.`];
  if (!item || !objects) return ["", ""];
  const counts = annotating.inWords();
  if (objects.list.length) return [objects.list.length === 1 ? `1 ${objects.noun}` : `${objects.list.length} ${objects.noun}s`, counts];
  if (item.chosen_by === "second look") return ["What do you see?", "Asked once more, blind: proposals and answers stay hidden."];
  if (session.blind) return ["What do you see?", "Asked blind: what the model proposes stays hidden."];
  if (item.problem) return ["The model failed on this item", item.problem];
  if (objects.shown.length) return [`No ${objects.noun}s`, "Enter stores that there are none."];
  if (item.model) return ["Nothing is proposed", item.threshold === undefined ? "" : `The model found no object with a score of ${item.threshold.toFixed(2)} or more.`];
  return ["What do you see?", "There is no model yet: your first answers will train one."];
}

/** @param {CardSession} session @param {(label_id: string) => string} colourOf */
export function buildObjectList(session, colourOf) {
  const title = h("h3", { class: "hitl-title" });
  const margin = h("span", { class: "hitl-quiet hitl-margin" });
  const accept = h("span", { class: "hitl-accept" }, capOf("accept"), h("span"));
  const rows = h("div", { class: "hitl-object-rows", tabindex: "-1", role: "listbox", "aria-label": "Objects" });
  const part = h("p", { class: "hitl-quiet hitl-object-part", hidden: true });
  const empty = h("p", { class: "hitl-quiet hitl-object-none", hidden: true }, capOf("draw"), h("span", { text: "draws an object; so does dragging over the picture" }));
  const no_span = h("p", { class: "hitl-quiet hitl-object-none", hidden: true }, cap("ArrowRight"), h("span", { text: "selects a word, a label's key makes a span of it" }));
  const hint = h("span", { class: "hitl-caps" }, cap("Tab"), h("span", { text: "the next" }));
  const element = h("section", { class: "hitl-objects-said hitl-merged", hidden: true }, h("div", { class: "hitl-row" }, title, margin, accept), rows, empty, no_span,
    h("div", { class: "hitl-row hitl-object-below" }, hint, part));
  /** @type {Map<string, Row>} */
  let drawn = new Map();
  /** @type {unknown} */
  let of = null;
  /** @type {unknown} */
  let taxonomy = null;
  let order = "";
  /** The object that was brought into view, and the order of the rows then. @type {string | null} */
  let in_view = null;
  let scrolled = false;
  /** The objects of the item when the list last scrolled. @type {unknown} */
  let scrolled_in = null;
  rows.addEventListener("scroll", () => { scrolled = true; });

  /** @returns {Row} */
  function build() {
    const parts = { key: h("kbd", { class: "hitl-cap" }), name: h("span", { class: "hitl-name" }), score: h("span", { class: "hitl-p" }), what: h("span", { class: "hitl-object-what" }), quote: h("bdi", { class: "hitl-quote", dir: "auto" }) };
    const row = h("button", { class: "hitl-object-row", type: "button", tabindex: "-1", role: "option", onclick: () => {
      session.annotating.withObjects((objects) => { objects.take(built.object?.id ?? null); return ""; });
    } }, parts.key, parts.name, parts.quote, parts.what, parts.score);
    /** @type {Row} */
    const built = { row, ...parts, object: null, looks: "" };
    return built;
  }

  /** @param {ImageObjects} objects */
  function draw(objects) {
    const all = objects.order;
    const { current } = objects;
    const from = all.length <= MOST ? 0 : Math.max(0, Math.min(all.length - MOST, (current ? all.indexOf(current) : 0) - BEFORE));
    const shown = all.slice(from, from + MOST);
    const there = new Set(shown.map(({ id }) => id));
    const spare = [...drawn].flatMap(([id, at]) => (there.has(id) ? [] : [at])); // the next image's rows are these, written anew
    const next = new Map(shown.map(({ id }) => [id, drawn.get(id) ?? spare.shift() ?? build()]));
    const ids = [...next.keys()].join();
    if (ids !== order) {
      order = ids;
      inOrder(rows, [...next.values()].map(({ row }) => row));
    }
    drawn = next;
    part.hidden = all.length <= MOST;
    setText(part, `${from + 1} to ${from + shown.length} of ${all.length}`);
    for (const object of shown) {
      const at = /** @type {Row} */ (drawn.get(object.id));
      const focused = object === current;
      const looks = `${focused} ${objects.isProposal(object)} ${reasonOf(objects, object)}`;
      if (at.object === object && at.looks === looks) continue;
      Object.assign(at, { object, looks });
      const key = session.keys.get(object.label_id) ?? "";
      const what = became(session, objects, object);
      const score = object.score === null ? "" : object.score.toFixed(2);
      const quote = objects instanceof TextSpans ? inBrief(objects.quoteOf(object), QUOTED) : "";
      setText(at.quote, quote);
      setText(at.key, key.toUpperCase());
      at.key.style.setProperty("--hitl-of-label", colourOf(object.label_id));
      setText(at.name, session.nameOf(object.label_id));
      setText(at.what, what);
      setText(at.score, score);
      at.row.classList.toggle("hitl-proposed", objects.isProposal(object));
      at.row.classList.toggle("hitl-focused", focused);
      setAttribute(at.row, "aria-selected", String(focused));
      setAttribute(at.row, "aria-label", [session.nameOf(object.label_id), quote, score && `score ${score}`, what].filter(Boolean).join(", "));
    }
  }

  /** Scrolls the list, and nothing around it, to the row of the object in focus. To be called after everything else on the card is
   * written: reading a position forces the browser to lay out the page. */
  function scroll() {
    const { focus = null } = session.annotating.objects ?? {};
    const place = focus && `${focus} ${order}`;
    if (of !== scrolled_in) {
      if (scrolled) rows.scrollTop = 0;
      scrolled = false;
      scrolled_in = of;
      in_view = null;
    }
    if (place === in_view) return;
    in_view = place;
    const row = focus === null ? undefined : drawn.get(focus)?.row;
    if (!row) return;
    const { offsetTop: top, offsetHeight: height } = row; // from the top of the list, which is its offsetParent
    if (top < rows.scrollTop) rows.scrollTop = top;
    else if (top + height > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + height - rows.clientHeight;
  }

  function update() {
    const { annotating, setup } = session;
    element.hidden = !annotating.on;
    if (element.hidden) return;
    const { objects } = annotating;
    if (setup?.taxonomy !== taxonomy || objects !== of) {
      taxonomy = setup?.taxonomy;
      of = objects;
      for (const at of drawn.values()) at.looks = "";
    }
    const [head, text] = heading(session);
    setText(title, head);
    setText(margin, text);
    margin.title = text;
    margin.classList.toggle("hitl-wraps", !objects?.list.length);
    accept.hidden = !objects;
    setText(/** @type {Node} */ (accept.lastChild), !objects ? "" : session.guesses ? "best guess" : objects.verdict === "accept" ? "accept all" : "store");
    const none = objects !== null && !objects.list.length;
    empty.hidden = !none || objects.kind === "span";
    no_span.hidden = !none || objects.kind !== "span";
    setAttribute(element, "data-kind", annotating.kind);
    setText(/** @type {Node} */ (hint.lastChild), annotating.kind === "span" ? "the next, as you read" : "the next, the least certain first");
    hint.hidden = !objects?.list.length;
    if (objects) draw(objects);
    else {
      rows.replaceChildren();
      drawn = new Map();
      order = "";
    }
  }
  return { element, update, scroll };
}

/** One line on what the keys do now. @param {CardSession} session @returns {string} */
export function hints(session) {
  const { annotating: { objects }, setup } = session;
  if (!objects || !setup) return "";
  /** @param {string} action @param {string} words */
  const key = (action, words) => (setup.keys[action]?.[0].length ? `${keyName(setup.keys[action][0][0])} ${words}` : "");
  const { current, drawing } = objects;
  if (objects instanceof TextSpans) return hintsOfSpans(objects, key);
  if (drawing?.how === "corners") return "arrows move the cross · Space sets a corner · ⏎ Enter closes · Esc gives it up";
  if (drawing) return `arrows ${drawing.how === "sizing" ? "size" : "move"} it · Space when it fits · a label's key · Esc gives it up`;
  if (!current) return [objects.list.length ? "Tab takes the least certain" : "", key("draw", "draws one"), key("accept", objects.list.length ? "stores all" : "stores that there are none"), key("skip", "skips")].filter(Boolean).join(" · ");
  const by_kind = { box: "arrows move, Alt the sides, ⇧ × 10", polygon: `arrows move, ${key("next_corner", "a corner")}`, point: "arrows move, ⇧ × 10", span: "" }[current.kind];
  return [by_kind, "a label's key", key("snap", "snaps"), key("delete", "deletes"), key("unsure", "unsure"), key("undo", "undoes"), "Tab next", key("accept", "stores all")].filter(Boolean).join(" · ");
}

/** @param {TextSpans} spans @param {(action: string, words: string) => string} key @returns {string} */
function hintsOfSpans({ range, current, under, list }, key) {
  if (!range) return ["← → select a word", "↑ ↓ by lines", list.length ? "Tab takes a span" : "", key("accept", list.length ? "stores all" : "stores that there are none"), key("skip", "skips")].filter(Boolean).join(" · ");
  const ends = "Space a word more, ⇧ Space less, ⇧ ← → by character";
  if (!current && !under) return ["a label's key makes a span", ends, key("widen", "the sentence"), key("other_end", "the other end"), "Esc deselects"].filter(Boolean).join(" · ");
  return ["a label's key", ends, key("delete", "deletes"), key("unsure", "unsure"), key("undo", "undoes"), "Tab next", key("accept", "stores all")].filter(Boolean).join(" · ");
}
