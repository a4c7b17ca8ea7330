// @ts-check
// The definition of the label in focus, and the item's metadata.

import { h, setAttribute, setText } from "../dom.js";
import { drawSmall } from "../pictures.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("../types.d.ts").Example} Example */

const SIDE = 40;

/** Why an item was chosen, in words. @type {Record<string, string>} */
const WHY = { random: "drawn at random", margin: "chosen: two labels are close",
  entropy: "chosen: many labels are possible", least_confidence: "chosen: the model is in doubt",
  balanced_margin: "chosen: two labels are close, and one of them has few answers",
  balanced_entropy: "chosen: many labels are possible, and the likeliest has few answers",
  typiclust: "chosen: typical of many others", k_centre: "chosen: unlike the items answered so far",
  diverse_margin: "chosen: two labels are close; unlike the others",
  spread: "chosen: its values are the least certain", diverse_spread: "chosen: its values are the least certain; unlike the others",
  doubt: "chosen: its objects are the least certain", diverse_doubt: "chosen: its objects are the least certain; unlike the others",
  contested: "chosen: people differ about its objects", most_corrected: "chosen: like images whose proposals were corrected", disagreement: "chosen: answers differ", skipped: "skipped before",
  holdout: "drawn at random", gold: "drawn at random", audit: "drawn at random", revision: "decided before",
  relabel: "asked again: the labels changed", check: "drawn at random", "second look": "asked again: the answer may be wrong" };

/** The wording where an item may have several labels. @type {Record<string, string>} */
const WHY_OF_SETS = { margin: "chosen: a label may be on or off", entropy: "chosen: many labels may be on or off",
  balanced_margin: "chosen: a label with few answers may be on or off", balanced_entropy: "chosen: labels with few answers may be on or off",
  diverse_margin: "chosen: a label may be on or off; unlike the others" };

/** @param {string} chosen_by @param {boolean} [many] */
export const whyChosen = (chosen_by, many = false) => (many ? WHY_OF_SETS[chosen_by] : undefined) ?? WHY[chosen_by] ?? `chosen by ${chosen_by.replaceAll("_", " ")}`;

/** @param {unknown} value */
const asText = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** The size of an item in words. @param {import("./types.d.ts").Item} item */
const sizeInWords = ({ mime, width, height }) => (!width ? "" : mime === "text/plain" ? `${width.toLocaleString("en")} character${width === 1 ? "" : "s"}` : `${width} × ${height}`);

/** @param {Example} example @param {number} side */
export function exampleOf(example, side) {
  const canvas = h("canvas", { class: "hitl-thumb", width: side, height: side, role: "img", style: `width: ${side}px; height: ${side}px`,
    "aria-label": `${example.against ? "counter-example" : "example"} ${example.name}${example.case ? `, ${example.case}` : ""}` });
  const words = example.problem ?? `${example.name}: ${example.against ? "counter-example" : "example"}${example.case ? ` (${example.case})` : ""}`;
  const element = h("span", { class: `hitl-example${example.against ? " hitl-against" : ""}`, title: words }, canvas,
    h("span", { class: "hitl-example-sign", "aria-hidden": "true", text: example.problem ? "!" : example.against ? "✗" : "✓" }));
  drawSmall(canvas, example.picture);
  return element;
}

/** The questions about an item, in a few words. @param {import("./people.js").Thread[]} threads */
function inShort(threads) {
  const last = threads.at(-1)?.posts.at(-1);
  const n = threads.length === 1 ? "1 question" : `${threads.length} questions`;
  return !last ? "" : last.act === "ask" ? n : `${n} · ${last.annotator}: ${last.text}`;
}

/** @param {CardSession} session */
export function buildAbout(session) {
  const name = h("strong");
  const definition = h("span", { class: "hitl-definition" });
  const sensitive = h("span", { class: "hitl-sensitive" });
  const link = h("a", { target: "_blank", rel: "noopener noreferrer", tabindex: "0", text: "more" });
  const examples = h("div", { class: "hitl-examples" });
  const meaning = h("section", { class: "hitl-meaning", "aria-label": "The label in focus" },
    h("p", {}, name, definition, link), sensitive, examples);
  const facts = h("p", { class: "hitl-facts" });
  const asked = h("button", { class: "hitl-asked-of", type: "button", tabindex: "-1", hidden: true, onclick: () => session.open("questions") });
  const meta = h("p", { class: "hitl-meta" });
  const about = h("div", { class: "hitl-about-item" }, meaning, h("section", { "aria-label": "The item" }, h("div", { class: "hitl-facts-row" }, facts, asked), meta));
  /** @type {unknown} */
  let drawn = null;
  /** @type {unknown} */
  let described = null;
  /** @type {unknown} */
  let read = null;

  function update() {
    const { item, setup, answering } = session;
    const asked_of = answering.field;
    const explained = asked_of ? { ...asked_of, path: asked_of.name, label_id: "", link: "", n_examples: 0, sensitive: "" } : session.explained; // its row has the purpose
    if (setup && setup.taxonomy !== read) {
      read = setup.taxonomy;
      meaning.hidden = !setup.taxonomy.labels.some((label) => label.definition || label.link || label.n_examples || label.sensitive)
        && ![...answering.attributes.values()].some((attribute) => attribute.definition);
    }
    if (!meaning.hidden) {
      setText(name, explained ? explained.path : "");
      setText(definition, explained ? (explained.definition ? ` ${explained.definition} ` : " has no definition yet. ")
        : "The meaning of a label appears here when it is in focus (arrow keys, or the mouse over it).");
      const address = /^https?:/.test(explained?.link ?? "") ? explained?.link ?? null : null;
      link.hidden = !address;
      setAttribute(link, "href", address);
      setText(sensitive, explained?.sensitive ? `Sensitive, because ${explained.sensitive}` : "");
      if (!asked_of && session.explained) session.extras.wantExamples(session.explained);
      const list = asked_of || !explained ? undefined : session.extras.examples.get(explained.label_id);
      if (list !== drawn) {
        drawn = list;
        examples.replaceChildren(...(list ?? []).map((example) => exampleOf(example, SIDE)));
      }
    }
    const known = !item || session.face ? "" : [item.item_id, sizeInWords(item),
      session.revising ? whyChosen("revision") : !item.blind && whyChosen(item.chosen_by, answering.many),
      item.model && !item.blind && `model ${item.model.slice(0, 7)}`].filter(Boolean).join(" · ");
    setText(facts, known);
    const threads = session.people.ofItem(item?.item_id);
    asked.hidden = !known || !threads.length;
    setText(asked, inShort(threads));
    setAttribute(facts, "title", known);
    if (item?.meta !== described) {
      described = item?.meta;
      meta.replaceChildren(...Object.entries(item?.meta ?? {}).flatMap(([key, value], i) => [
        document.createTextNode(i ? " · " : ""), h("b", { text: `${key} ` }), document.createTextNode(asText(value))]));
    }
    meta.hidden = !meta.children.length || session.face !== null;
  }
  return { about, update };
}
