// @ts-check
// Elements of SVG.

const SVG = "http://www.w3.org/2000/svg";

/** @template {keyof SVGElementTagNameMap} K @param {K} tag @param {Record<string, string>} attributes @param {Node[]} children @returns {SVGElementTagNameMap[K]} */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** @param {SVGElement} node @param {boolean} on */
export function show(node, on) {
  const display = on ? "" : "none";
  if (node.style.display !== display) node.style.display = display;
}
