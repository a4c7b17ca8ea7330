// @ts-check
// A colour for each label: its own, or one of eight that people with any kind of colour vision tell apart (Okabe and Ito, 2008).

/** Black is left out, since lines have a dark edge. */
const COLOURS = ["#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#bbbbbb"];
const UNKNOWN = "#ffffff";

/** @param {Iterable<{label_id: string, colour?: string}>} labels in the taxonomy's order @returns {(label_id: string) => string} */
export function palette(labels) {
  const colours = new Map([...labels].map(({ label_id, colour }, i) => [label_id, /^#[0-9a-f]{3,8}$/i.test(colour ?? "") ? /** @type {string} */ (colour) : COLOURS[i % COLOURS.length]]));
  return (label_id) => colours.get(label_id) ?? UNKNOWN;
}
