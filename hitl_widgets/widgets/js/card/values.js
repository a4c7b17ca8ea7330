// @ts-check
// Values of attributes: how keys change them, and how they are written.

/** @typedef {import("../messages.d.ts").AttributeEntry} Attribute */
/** @typedef {number | string} Value */

const LONGEST = 8; // characters of a number that is typed
const STRIDE = 10; // steps, with Shift

/** The attribute that a map's target names: an attribute's id, and of choices one of them after "=". @param {string} target */
export const attributeIdOf = (target) => target.split("=", 1)[0];

/** @param {Attribute} attribute */
const ends = ({ low = 0, high = 1 }) => ({ low, high });

/** Digits after the point of a number that arrow keys make. @param {Attribute} attribute */
const digits = ({ step = 1 }) => Math.max(0, Math.round(-Math.log10(step)));

/** The value of a scale that is nearest to a number. @param {Attribute} attribute @param {number} number @returns {number} */
export function nearest(attribute, number) {
  const { low, high } = ends(attribute);
  const inside = Math.max(low, Math.min(high, number));
  return attribute.kind === "ordinal" ? Math.round(inside) : Number(inside.toFixed(digits(attribute)));
}

/** A value as text. @param {Attribute} attribute @param {Value} value @returns {string} */
export function written(attribute, value) {
  if (typeof value === "string" || attribute.kind !== "continuous") return String(value);
  const short = value.toFixed(digits(attribute));
  return Number(short) === value ? short : String(Number(value.toFixed(4)));
}

/** All values, if they are choices or steps and few enough to be shown side by side. @param {Attribute} attribute @returns {Value[]} */
export function stepsOf(attribute) {
  if (attribute.kind === "choices") return attribute.choices ?? [];
  const { low, high } = ends(attribute);
  return attribute.kind === "ordinal" && high - low <= 10 ? Array.from({ length: high - low + 1 }, (_, i) => low + i) : [];
}

/** The next value along the scale or the choices; without a value the first, or the last, or the middle of a scale.
 * @param {Attribute} attribute @param {Value | null} value @param {1 | -1} by @param {boolean} [far] @returns {Value} */
export function stepped(attribute, value, by, far = false) {
  const { choices, step = 1 } = attribute;
  if (choices) {
    const at = value === null ? -1 : choices.indexOf(String(value));
    return choices[at < 0 ? (by > 0 ? 0 : choices.length - 1) : Math.max(0, Math.min(choices.length - 1, at + by))];
  }
  const { low, high } = ends(attribute);
  return nearest(attribute, typeof value === "number" ? value + by * step * (far ? STRIDE : 1) : (low + high) / 2);
}

/** The lowest value, or the highest. @param {Attribute} attribute @param {1 | -1} end @returns {Value} */
export function extreme(attribute, end) {
  if (attribute.choices) return attribute.choices[end > 0 ? attribute.choices.length - 1 : 0];
  const { low, high } = ends(attribute);
  return end > 0 ? high : low;
}

/** Whether a digit alone means tenths: on a scale inside 0 to 1. @param {Attribute} attribute */
export const isUnit = ({ kind, low = 0, high = 1 }) => kind === "continuous" && low >= 0 && high <= 1;

/** The number typed so far, however incomplete. @param {Attribute} attribute @param {string} text */
const numberOf = (attribute, text) => Number(isUnit(attribute) && !text.includes(".") ? `0.${text}` : text.replace(/^-?\.?$/, "0"));

/** Whether a typed text is a value, may become one, or neither. @param {Attribute} attribute @param {string} text */
function judged(attribute, text) {
  const { low, high } = ends(attribute);
  const number = numberOf(attribute, text);
  if (text.length > LONGEST || !Number.isFinite(number)) return "no";
  if (text === "-" || text === ".") return "begun";
  if (number >= low && number <= high) return "value";
  return (number >= 0 && number < low && number * 10 <= high) || (number <= 0 && number > high && number * 10 >= low) ? "begun" : "no";
}

/**
 * The result of a key for the number that is being typed, or for the choices: a digit extends the number as long as that
 * is on the scale, and else begins a new one.
 * @param {Attribute} attribute @param {string} text what is typed so far @param {string} key
 * @returns {{text: string, value: Value | null} | null} `value`: null as long as it is none; null in all: the key means nothing here
 */
export function typed(attribute, text, key) {
  const { choices, kind, low = 0 } = attribute;
  if (choices) {
    const choice = /^\d$/.test(key) ? choices[(Number(key) + 9) % 10] : undefined;
    return choice === undefined ? null : { text: "", value: choice };
  }
  if (!(/^\d$/.test(key) || (key === "." && kind === "continuous") || (key === "-" && low < 0))) return null;
  for (const next of key === "-" ? ["-"] : [text + key, key]) {
    const is = judged(attribute, next);
    if (is !== "no") return { text: next, value: is === "value" ? numberOf(attribute, next) : null };
  }
  return { text: "", value: null };
}
