// @ts-check
// The attributes that are asked of the label in focus, below the labels: choices, steps of a scale, or a scale to drag along.

import { cap, h, setAttribute, setText } from "../dom.js";
import { isUnit, nearest, stepsOf, written } from "./values.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("../messages.d.ts").AttributeEntry} Attribute */
/** @typedef {import("./answering.js").Given} Given */
/** @typedef {{element: HTMLElement, update: (given: Given | null, held: boolean) => void}} Control */

const SOURCES = { hand: "", model: "suggested", before: "as you answered" };

/** A button for each choice, or each step of a short scale. @param {CardSession} session @param {Attribute} attribute @returns {Control} */
function buildSteps(session, attribute) {
  const choices = attribute.kind === "choices";
  const buttons = stepsOf(attribute).map((value, i) => {
    const key = !choices ? null : i < 10 ? String((i + 1) % 10) : null;
    const button = h("button", { class: choices ? "hitl-choice" : "hitl-step", type: "button", tabindex: "-1", role: "radio", "aria-checked": "false",
      "aria-label": `${attribute.name}: ${written(attribute, value)}`, ...(key ? { "aria-keyshortcuts": key } : {}),
      onclick: () => { session.answering.hold(attribute.attribute_id); session.answering.set(attribute, value); } },
    key ? cap(key) : null, h("span", { text: written(attribute, value) }));
    return { value, button };
  });
  const element = h("div", { class: choices ? "hitl-choice-row" : "hitl-steps", role: "radiogroup", "aria-label": attribute.name }, ...buttons.map(({ button }) => button));
  if (!choices) element.style.gridTemplateColumns = `repeat(${buttons.length}, 1fr)`;

  /** @param {Given | null} given @param {boolean} held */
  function update(given, held) {
    element.classList.toggle("hitl-held", held);
    for (const { value, button } of buttons) {
      const on = given?.value === value;
      setAttribute(button, "aria-checked", String(on));
      setAttribute(button, "data-by", on ? given.by : null);
      const { low, high } = given ?? {};
      button.classList.toggle("hitl-below", !choices && !on && given?.by === "model" && typeof value === "number" && (low ?? value + 1) <= value && value <= (high ?? value - 1));
    }
  }
  return { element, update };
}

/** A scale along which a value is dragged, with the interval of the suggestion. @param {CardSession} session @param {Attribute} attribute @returns {Control} */
function buildScale(session, attribute) {
  const { low = 0, high = 1, step = 1 } = attribute;
  const band = h("span", { class: "hitl-band" });
  const thumb = h("span", { class: "hitl-thumb-mark" });
  const track = h("div", { class: "hitl-scale-track", role: "slider", "aria-label": attribute.name, "aria-valuemin": low, "aria-valuemax": high },
    h("span", { class: "hitl-rail" }), band, thumb);
  const element = h("div", { class: "hitl-value-scale" }, h("span", { class: "hitl-end", text: written(attribute, low) }), track,
    h("span", { class: "hitl-end", text: written(attribute, high) }));
  /** @param {number} value */
  const share = (value) => `${100 * Math.max(0, Math.min(1, (value - low) / (high - low)))}%`;
  /** @param {PointerEvent} event */
  const drag = (event) => {
    const { left, width } = track.getBoundingClientRect();
    session.answering.drag(attribute, low + ((event.clientX - left) / width) * (high - low));
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    track.setPointerCapture(event.pointerId);
    drag(event);
    track.addEventListener("pointermove", drag);
    track.addEventListener("lostpointercapture", () => track.removeEventListener("pointermove", drag), { once: true });
  });

  /** @param {Given | null} given @param {boolean} held */
  function update(given, held) {
    const value = typeof given?.value === "number" ? given.value : null;
    const interval = given?.by === "model" && typeof given.low === "number" && typeof given.high === "number" ? [given.low, given.high] : null;
    element.classList.toggle("hitl-held", held);
    thumb.hidden = value === null;
    band.hidden = !interval;
    if (value !== null) thumb.style.left = share(value);
    setAttribute(thumb, "data-by", given?.by ?? null);
    if (interval) Object.assign(band.style, { left: share(interval[0]), width: `calc(${share(interval[1])} - ${share(interval[0])})` });
    setAttribute(track, "aria-valuenow", value === null ? null : String(value));
    setAttribute(track, "aria-valuetext", value === null ? "no value" : `${written(attribute, value)}${given && SOURCES[given.by] ? `, ${SOURCES[given.by]}` : ""}`);
    track.title = `Drag, or ${isUnit(attribute) ? "digits after the point" : "type the number"}; arrows step by ${nearest({ ...attribute, low: 0, high: Infinity }, step)}`;
  }
  return { element, update };
}

/** @param {CardSession} session @param {Attribute} attribute */
function buildField(session, attribute) {
  const control = stepsOf(attribute).length ? buildSteps(session, attribute) : buildScale(session, attribute);
  const name = h("button", { class: "hitl-field-name", type: "button", tabindex: "-1", text: attribute.name, title: attribute.definition ?? attribute.name,
    onclick: () => session.answering.hold(attribute.attribute_id) });
  const value = h("span", { class: "hitl-field-value" });
  const row = h("div", { class: "hitl-value", role: "group", "aria-label": attribute.name, "data-attribute": attribute.attribute_id }, name, control.element, value,
    attribute.sensitive ? h("span", { class: "hitl-sensitive", text: `Sensitive: ${attribute.sensitive}`, title: attribute.sensitive }) : null);

  /** @param {boolean} asked @param {boolean} held */
  function update(asked, held) {
    row.hidden = !asked;
    if (!asked) return;
    const given = session.answering.given(attribute);
    const typing = held ? session.answering.hand.text : "";
    row.classList.toggle("hitl-in-hand", held);
    setAttribute(row, "data-by", given?.by ?? null);
    control.update(given, held);
    setText(value, given ? written(attribute, given.value) : typing ? `${typing}…` : "–");
    value.title = given ? SOURCES[given.by] : "no value";
  }
  return { row, update };
}

/** @param {CardSession} session */
export function buildFields(session) {
  const title = h("h3", { class: "hitl-title" });
  const hint = h("span", { class: "hitl-caps" }, cap("Tab"));
  const rows = h("div", { class: "hitl-values" });
  const element = h("section", { class: "hitl-fields", "aria-label": "Attributes" }, h("div", { class: "hitl-row" }, title, hint), rows);
  /** @type {unknown} */
  let drawn = null;
  /** @type {Map<string, ReturnType<typeof buildField>>} */
  let fields = new Map();

  function update() {
    const { answering, setup } = session;
    element.hidden = !answering.attributes.size;
    if (element.hidden || !setup) return;
    if (setup.taxonomy !== drawn) {
      drawn = setup.taxonomy;
      fields = new Map([...answering.attributes].map(([id, attribute]) => [id, buildField(session, attribute)]));
      rows.replaceChildren(...[...fields.values()].map(({ row }) => row));
      // The height is the same for every label in focus, so that the item beside it keeps its size.
      rows.style.setProperty("--hitl-n-values", String(Math.min(answering.most, 4)));
    }
    const asked = new Set(answering.fields.map(({ attribute_id }) => attribute_id));
    const held = answering.field?.attribute_id;
    for (const [id, { update: show }] of fields) show(asked.has(id), id === held);
    const of = answering.alone ? "" : answering.many ? [...asked].length ? session.nameOf(session.focused?.label_id) : "" : session.focused?.name ?? "";
    setText(title, answering.alone ? "Values" : !asked.size ? "No attributes are asked" : answering.many ? "Attributes" : `Attributes of ${of}`);
    hint.hidden = asked.size < (answering.alone ? 2 : 1);
  }
  return { element, update };
}
