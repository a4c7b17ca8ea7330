// @ts-check
// Answers that are more than one label: sets of labels, and values of attributes.
//
// What the person did by hand is in the draft; everything else comes from the answer that is revised, or from the visible
// suggestion of a model.

import { isSet, membersOf, NONE_OF_THEM, setId } from "./sets.js";
import { attributeIdOf, extreme, nearest, stepped, typed, written } from "./values.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("../messages.d.ts").AttributeEntry} Attribute */
/** @typedef {import("./values.js").Value} Value */
/** @typedef {{value: Value, by: "hand" | "model" | "before", low?: number | null, high?: number | null}} Given */

/** How arrows and similar keys change the value of the active attribute. @type {Record<string, (attribute: Attribute, value: Value | null) => Value | null>} */
const MOVES = {
  ArrowRight: (attribute, value) => stepped(attribute, value, 1), ArrowLeft: (attribute, value) => stepped(attribute, value, -1),
  "Shift+ArrowRight": (attribute, value) => stepped(attribute, value, 1, true),
  "Shift+ArrowLeft": (attribute, value) => stepped(attribute, value, -1, true),
  Home: (attribute) => extreme(attribute, -1), End: (attribute) => extreme(attribute, 1), Delete: () => null,
};

export class Answering {
  /** @param {CardSession} session */
  constructor(session) {
    this.session = session;
    /** @type {Map<string, Attribute>} */
    this.attributes = new Map();
    /** The active attribute, its item, and the digits of a number typed so far. @type {{item: unknown, field: string | null, text: string}} */
    this.hand = { item: null, field: null, text: "" };
    /** Whether a map for the label in focus is to be requested once no key has been pressed for a moment. */
    this.wants_map = false;
  }

  /** @param {import("../messages.d.ts").Labels} taxonomy */
  take(taxonomy) { this.attributes = this.session.annotating?.on ? new Map() : new Map((taxonomy.attributes ?? []).map((attribute) => [attribute.attribute_id, attribute])); }

  /** An item may have several labels. */
  get many() { return this.session.setup?.task === "multilabel"; }

  /** The task asks for attributes only. */
  get alone() { return this.session.setup?.task === "scale"; }

  /** An answer is more than one label: labels, bars and values are shown in one section. */
  get merged() { return this.many || this.alone || this.attributes.size > 0; }

  // Labels

  /** The labels that the person can see suggested. @returns {Set<string> | null} */
  get proposed() {
    const { item } = this.session;
    const seen = this.many && item?.suggestion && !item.blind && !item.broken && this.session.knows(item.suggestion);
    return seen ? new Set(membersOf(item.suggestion)) : null;
  }

  /** Where a label's state comes from. @param {string} label_id @returns {{on: boolean, by: "hand" | "model" | "before" | null}} */
  state(label_id) {
    const { labels, before } = this.session.draft;
    const by_hand = labels.get(label_id);
    if (by_hand !== undefined) return { on: by_hand, by: "hand" };
    if (before?.label_id) return { on: membersOf(before.label_id).includes(label_id), by: before.touched.includes(label_id) ? "hand" : "before" };
    return { on: Boolean(this.proposed?.has(label_id)), by: this.proposed ? "model" : null };
  }

  /** The labels that are on, in the taxonomy's order. @returns {string[]} */
  get on() { return this.many ? [...this.session.labels.keys()].filter((label_id) => this.state(label_id).on) : []; }

  /** @param {string} label_id */
  toggle(label_id) {
    const { session } = this;
    const label = session.labels.get(label_id);
    if (!session.item || session.face || !label || session.early) return;
    const on = !this.state(label_id).on;
    session.draft.labels.set(label_id, on);
    session.pointed = label_id;
    session.peeked = null;
    this.hand.field = null;
    this.#touched(`${label.name}: ${on ? "on" : "off"}`);
  }

  /** Chooses a label whose attributes are asked, and goes to them. @param {string} label_id */
  select(label_id) {
    const { session } = this;
    if (session.early) return;
    session.pointed = label_id;
    session.peeked = null;
    const [first] = this.fields;
    this.#take(first?.attribute_id ?? null);
    this.#touched(`${session.labels.get(label_id)?.name}: Enter stores it`);
  }

  /** @param {string} said */
  #touched(said) {
    this.session.touched_at = this.session.now();
    this.wants_map = true;
    this.session.say(said);
  }

  // Attributes

  /** The labels whose attributes are asked. @returns {string[]} */
  get #labels() {
    if (this.many) return this.on;
    const { focused } = this.session;
    return !this.alone && focused ? [focused.label_id] : [];
  }

  /** Whether any attribute is asked for a label. @param {string} label_id */
  asks(label_id) { return [...this.attributes.values()].some(({ labels }) => !labels || labels.includes(label_id)); }

  /** The attributes that are asked now. @returns {Attribute[]} */
  get fields() { return this.session.item ? this.#asked(this.#labels) : []; }

  /** The attributes that are asked for some labels. @param {string[]} of @returns {Attribute[]} */
  #asked(of) {
    return [...this.attributes.values()].filter(({ labels }) => !labels || of.some((label_id) => labels.includes(label_id)));
  }

  /** The largest number of attributes asked at once, for which room is kept. */
  get most() {
    const all = [...this.attributes.values()];
    const counts = [...this.session.labels.keys()].map((label_id) => all.filter(({ labels }) => !labels || labels.includes(label_id)).length);
    return this.many || this.alone ? all.length : Math.max(0, ...counts);
  }

  /** The active attribute, which takes the keys; null: the labels take them. @returns {Attribute | null} */
  get field() {
    const { item } = this.session;
    if (this.hand.item !== item) this.hand = { item, field: null, text: "" };
    const { fields } = this;
    return fields.find(({ attribute_id }) => attribute_id === this.hand.field) ?? (this.alone ? fields[0] ?? null : null);
  }

  /** The target of the map while an attribute is active: its value, or its suggested choice. Null: nothing is suggested for
   * it, or no attribute is active. @returns {string | null} */
  get target() {
    const { field } = this;
    const suggested = field && this.session.item?.values?.[field.attribute_id];
    return !suggested ? null : field.choices ? `${field.attribute_id}=${suggested.value}` : field.attribute_id;
  }

  /** The attribute that a map explains; null if it explains something else. @param {string | null | undefined} target @returns {Attribute | null} */
  attributeOf(target) { return this.attributes.get(attributeIdOf(target ?? "")) ?? null; }

  /** What a map of an attribute explains, in words; null if it explains something else. @param {string} target @returns {string | null} */
  mapped(target) {
    const attribute = this.attributeOf(target);
    if (!attribute) return null;
    if (attribute.choices) return [attribute.name, ...(target.includes("=") ? [target.slice(target.indexOf("=") + 1)] : [])].join(": ");
    const value = this.session.item?.values?.[target]?.value;
    return value === undefined ? attribute.name : `${attribute.name} ${written(attribute, value)}`;
  }

  /** @param {string | null} attribute_id */
  #take(attribute_id) {
    this.hand = { item: this.session.item, field: attribute_id, text: "" };
    this.session.touched_at = this.session.now();
    this.wants_map = true;
  }

  /** @param {string} attribute_id */
  hold(attribute_id) {
    this.#take(attribute_id);
    this.session.changed();
  }

  /** Goes from the labels to the attributes, from one to the next, and back to the labels. @param {1 | -1} by @returns {boolean} whether there was another */
  move(by) {
    const places = [...(this.alone ? [] : [null]), ...this.fields.map(({ attribute_id }) => attribute_id)];
    if (places.length < 2) return false;
    const at = places.indexOf(this.field?.attribute_id ?? null);
    this.#take(places[(at + by + places.length) % places.length]);
    this.session.changed();
    return true;
  }

  /** Back to the labels. @returns {boolean} whether an attribute was active */
  leave() {
    if (this.alone || this.session.asking || !this.field) return false;
    this.#take(null);
    this.session.changed();
    return true;
  }

  /** The given value of an attribute, or the suggested one. @param {Attribute} attribute @returns {Given | null} */
  given({ attribute_id }) {
    const { draft: { values, before }, item } = this.session;
    const by_hand = values.get(attribute_id);
    if (by_hand !== undefined) return by_hand === null ? null : { value: by_hand, by: "hand" };
    if (before) {
      const value = before.values[attribute_id];
      const touched = before.touched.includes(attribute_id);
      if (value !== undefined) return { value, by: touched ? "hand" : "before" };
      if (touched) return null;
    }
    return item && !item.blind && !item.broken && item.values?.[attribute_id] ? { ...item.values[attribute_id], by: "model" } : null;
  }

  /** @param {Attribute} attribute @param {Value | null} value null: nothing is said */
  set(attribute, value) {
    const { session } = this;
    if (!session.item || session.face || session.early) return;
    session.draft.values.set(attribute.attribute_id, value);
    session.touched_at = session.now();
    session.say(`${attribute.name}: ${value === null ? "no value" : written(attribute, value)}`);
  }

  /** Sets a value by dragging. @param {Attribute} attribute @param {number} number */
  drag(attribute, number) {
    this.#take(attribute.attribute_id);
    this.set(attribute, nearest(attribute, number));
  }

  /** Handles a key while an attribute is active. @param {string} name as the table of keys writes it @param {string} digit the digit on it, if any
   * @param {boolean} repeat @returns {boolean} whether it was for the attribute */
  key(name, digit, repeat) {
    const attribute = this.session.face ? null : this.field;
    if (!attribute) return false;
    if ((name === "ArrowDown" || name === "ArrowUp") && this.move(name === "ArrowDown" ? 1 : -1)) return true;
    if (name === "Backspace" && (this.session.draft.values.get(attribute.attribute_id) ?? null) === null) return false;
    const step = MOVES[name === "Backspace" ? "Delete" : name];
    if (step) {
      this.hand.text = "";
      this.set(attribute, step(attribute, this.given(attribute)?.value ?? null));
      return true;
    }
    if (!digit && /^\d$/.test(name)) return false; // with Shift a digit is a certainty, whatever the keyboard prints there
    const next = typed(attribute, this.hand.text, digit || name);
    if (!next) return false;
    if (repeat) return true;
    this.#take(attribute.attribute_id);
    this.hand.text = next.text;
    if (next.value === null) this.session.say(`${attribute.name}: ${next.text || "that isn't on the scale"} …`);
    else this.set(attribute, next.value);
    return true;
  }

  // What is stored

  /** The values as they stand, of the attributes that are asked. @returns {Record<string, Value>} */
  get values() { return this.valuesOf(this.#labels); }

  /** @param {string[]} of label_ids @returns {Record<string, Value>} */
  valuesOf(of) {
    return Object.fromEntries(this.#asked(of).flatMap((attribute) => {
      const given = this.given(attribute);
      return given ? [[attribute.attribute_id, given.value]] : [];
    }));
  }

  /** What Enter stores, where that isn't one label. @returns {import("./session.js").Choice | string} or why there is nothing */
  get choice() {
    const { session, values } = this;
    const label_id = this.many ? setId(this.on) : null;
    const seen = this.many ? this.proposed && setId(this.proposed) : this.#suggestedValues;
    if (this.alone && !Object.keys(values).length) return "No value is given yet: give one, or press u if you are unsure.";
    const same = this.many ? seen === label_id : Object.entries(values).every(([id, value]) => this.#suggestedValues?.[id] === value);
    const words = this.many ? session.nameOf(label_id) : this.inWords(values);
    if (session.guesses) return { verdict: "unsure", label_id, words: `Unsure, perhaps ${words}`, guess: true };
    const verdict = seen === null ? "answer" : same ? "accept" : "correct";
    return { verdict, label_id, words: `${{ accept: "Accepted", correct: "Corrected to", answer: "Answered" }[verdict]}: ${words}` };
  }

  /** The values that the person can see suggested. @returns {Record<string, Value> | null} */
  get #suggestedValues() {
    const { item } = this.session;
    if (!item?.values || item.blind || item.broken) return null;
    const known = Object.entries(item.values).filter(([id]) => this.attributes.has(id));
    return known.length ? Object.fromEntries(known.map(([id, { value }]) => [id, value])) : null;
  }

  /** The fields that a decision has for labels and values. @param {import("./session.js").Choice} choice
   * @returns {Pick<import("./types.d.ts").Decide, "values" | "touched">} */
  said({ verdict, label_id, guess }) {
    if (!this.merged || verdict === "skip" || (verdict === "unsure" && label_id === null && !guess)) return {};
    const { draft: { labels, values, before }, pointed } = this.session;
    const of = membersOf(label_id);
    const asked = new Set(this.#asked(of).map(({ attribute_id }) => attribute_id));
    const label = !this.many && !this.alone && pointed !== null && pointed === label_id ? [pointed] : [];
    const touched = [...new Set([...before?.touched ?? [], ...labels.keys(), ...label, ...values.keys()])]
      .filter((id) => this.session.labels.has(id) || asked.has(id));
    return { ...(asked.size ? { values: this.valuesOf(of) } : {}), touched };
  }

  /** The suggested values, for the log. @returns {object} */
  get seen() {
    const { item } = this.session;
    const values = Object.entries(item?.values ?? {}).filter(([id]) => this.attributes.has(id));
    if (!values.length) return {};
    return { values: Object.fromEntries(values.map(([id, { value }]) => [id, value])), ...(item?.values_model ? { values_model: item.values_model } : {}) };
  }

  /** The visible values in words. */
  get suggestedWords() { return this.inWords(this.#suggestedValues ?? {}); }

  /** @param {Record<string, Value>} values */
  inWords(values) {
    return Object.entries(values).map(([id, value]) => {
      const attribute = this.attributes.get(id);
      return !attribute ? String(value) : attribute.kind === "choices" ? String(value) : `${attribute.name} ${written(attribute, value)}`;
    }).join(", ");
  }

  /** The name of a label, or of a set of labels. @param {string | null} label_id @param {(label_id: string) => string} name */
  named(label_id, name) {
    if (!isSet(label_id)) return name(label_id ?? "");
    const ids = new Set(membersOf(label_id));
    const order = [...this.session.labels.keys()].filter((id) => ids.has(id));
    return [...order, ...[...ids].filter((id) => !order.includes(id))].map(name).join(", ") || NONE_OF_THEM;
  }
}
