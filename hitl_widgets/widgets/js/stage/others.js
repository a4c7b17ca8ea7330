// @ts-check
// The objects that aren't in focus, as SVG: those that look alike and lie in the same part of the item are one element.
//
//   const others = buildOthers(host)          // host: colours and tags of labels
//   others.update(objects, px)                // only elements that hold other objects than before are written; true: tags wait
//   others.rest()                             // after the frame: tags that were too many for it, hidden until then
//   others.hide(true)
//
// A browser styles, lays out and paints each element by itself: 500 boxes with a tag each would be 2000 of them, and a frame
// too late. All in one would be as bad: where one object changes, its whole element is painted again.

import { setText } from "../dom.js";
import { boundsOf, outline } from "../objects/shapes.js";
import { s, show } from "./svg.js";

/** @typedef {import("../objects/image.js").ImageObjects} ImageObjects */
/** @typedef {import("../objects/types.d.ts").At} At */
/** @typedef {import("../objects/types.d.ts").Shape} Shape */
/** @typedef {import("../objects/types.d.ts").Size} Size */
/** Objects that look alike. `px`: pixels of the item for one of the screen, when its tags were written; `looks`: what else was written.
 * @typedef {{group: SVGGElement, edge: SVGPathElement, line: SVGPathElement, tags: SVGTextElement, list: Shape[], looks: string, px: number}} Bundle */
/** @typedef {{colourOf: (label_id: string) => string, tagOf: (label_id: string) => string}} Looks */

const TAG_FROM = 18; // pixels of the screen that an object has at least where its tag is written
const TAG_LETTER = 7; // pixels of the screen from one letter of a tag to the next
/** Where a tag begins, in pixels of the screen from the upper left corner of its object, or from a point. */
const TAG_AT = { box: [4, 12], polygon: [4, 12], span: [4, 12], point: [8, 4] };
const A_PART = 32; // objects that a part of the item has, about
const MOST_PARTS = 6; // along each side
const TAGS_AT_ONCE = 150; // more of them come a moment after the shapes: text takes a browser longest

/** @type {WeakMap<At, string>} */
const paths = new WeakMap();

/** A path around an object; a point is a line without length, which a round cap makes a dot. @param {Shape} object */
export function pathOf({ kind, at }) {
  let path = paths.get(at);
  if (path === undefined) paths.set(at, path = kind === "point" ? `M${at[0]} ${at[1]}h0` : `M${outline(kind, at).map(({ x, y }) => `${x} ${y}`).join("L")}Z`);
  return path;
}

/** The cell of the item in which an object lies, with `parts` cells along each side. @param {At} at @param {Size} size @param {number} parts */
function partOf(at, [width, height], parts) {
  if (parts === 1) return 0;
  const [x0, y0, x1, y1] = boundsOf(at);
  /** @param {number} share */
  const place = (share) => Math.max(0, Math.min(parts - 1, Math.floor(share * parts)));
  return parts * place((y0 + y1) / 2 / height) + place((x0 + x1) / 2 / width);
}

/** The objects that aren't in focus, those that look alike and lie near each other together. @param {ImageObjects} objects @returns {Map<string, Shape[]>} */
export function bundled(objects) {
  const parts = Math.max(1, Math.min(MOST_PARTS, Math.round(Math.sqrt(objects.list.length / A_PART))));
  /** @type {Map<string, Shape[]>} */
  const found = new Map();
  for (const object of objects.list) {
    if (object.id === objects.focus) continue;
    const { kind, label_id, unsure } = object;
    const name = `${objects.isProposal(object) ? "p" : "-"}${objects.problemWith(object) ? "!" : "-"}${unsure ? "?" : "-"}${partOf(object.at, objects.size, parts)} ${kind} ${label_id}`;
    const list = found.get(name);
    if (list) list.push(object);
    else found.set(name, [object]);
  }
  return found;
}

/** @param {Looks} host */
export function buildOthers(host) {
  const shapes = s("g");
  const words = s("g"); // above all shapes, so that they can be read
  const element = s("g", { class: "hitl-others" }, shapes, words);
  /** @type {Map<string, Bundle>} */
  let bundles = new Map();
  /** @type {Bundle[]} */
  const free = [];
  /** Colours and tags that were drawn. @type {unknown} */
  let tag_of = null;
  /** Those whose tags are to be written. @type {Set<Bundle>} */
  const untagged = new Set();

  /** @returns {Bundle} */
  function another() {
    const again = free.pop();
    if (again) {
      for (const node of [again.group, again.tags]) show(node, true);
      return again;
    }
    const [edge, line] = ["edge", "line"].map((name) => s("path", { class: `hitl-object-${name}` }));
    const group = s("g", {}, edge, line);
    const tags = s("text", { class: "hitl-object-tag" });
    shapes.append(group);
    words.append(tags);
    return { group, edge, line, tags, list: [], looks: "", px: 0 };
  }

  /** @param {Bundle} at @param {string} name @param {Shape[]} list @param {number} px */
  function draw(at, name, list, px) {
    const [{ kind, label_id }] = list;
    const looks = `${name.slice(0, 3)} ${kind} ${label_id}`;
    const fresh = at.looks !== looks;
    if (fresh) {
      at.looks = looks;
      at.group.setAttribute("class", `hitl-object hitl-${kind}${name[0] === "p" ? " hitl-proposed" : ""}${name[1] === "!" ? " hitl-crossed" : ""}`);
      at.group.style.color = host.colourOf(label_id);
    }
    const moved = at.list.length !== list.length || list.some((object, i) => object.at !== at.list[i].at);
    at.list = list;
    if (moved) {
      const path = list.map(pathOf).join("");
      at.edge.setAttribute("d", path);
      at.line.setAttribute("d", path);
    }
    if (!fresh && !moved && at.px === px) return;
    at.px = px;
    untagged.add(at);
  }

  /** Tags that are yet to be written may be of another item, or of another zoom. @param {Bundle} at @param {boolean} away */
  function hideTags({ tags: { style } }, away) {
    const visibility = away ? "hidden" : "";
    if (style.visibility !== visibility) style.visibility = visibility;
  }

  /** The tags of objects that have room for one. @param {Bundle} at */
  function tag({ tags, list, px }) {
    const [{ kind, label_id, unsure }] = list;
    const word = host.tagOf(label_id) + (unsure ? "?" : "");
    const [right, down] = TAG_AT[kind];
    /** @type {string[]} */
    const xs = [];
    /** @type {string[]} */
    const ys = [];
    for (const object of list) {
      const [x0, y0, x1, y1] = boundsOf(object.at);
      if (kind !== "point" && (x1 - x0 < TAG_FROM * px || y1 - y0 < TAG_FROM * px)) continue;
      for (let i = 0; i < word.length; i++) {
        xs.push((x0 + (right + i * TAG_LETTER) * px).toFixed(2));
        ys.push((y0 + down * px).toFixed(2));
      }
    }
    tags.setAttribute("x", xs.join(" "));
    tags.setAttribute("y", ys.join(" "));
    setText(tags, word.repeat(word.length ? xs.length / word.length : 0));
  }

  /** @param {ImageObjects} objects @param {number} px pixels of the item for one of the screen @returns {boolean} whether tags are yet to be written, by `rest` */
  function update(objects, px) {
    if (tag_of !== host.tagOf) {
      tag_of = host.tagOf;
      for (const each of bundles.values()) each.looks = "";
    }
    const wanted = bundled(objects);
    /** @type {typeof bundles} */
    const next = new Map();
    for (const [name, at] of bundles) {
      if (wanted.has(name)) next.set(name, at);
      else { for (const node of [at.group, at.tags]) show(node, false); at.looks = ""; free.push(at); untagged.delete(at); }
    }
    for (const [name, list] of wanted) {
      const at = next.get(name) ?? another();
      next.set(name, at);
      draw(at, name, list, px);
    }
    bundles = next;
    let n = 0;
    for (const { list } of untagged) n += list.length;
    if (n <= TAGS_AT_ONCE) rest();
    else for (const at of untagged) hideTags(at, true);
    return untagged.size > 0;
  }

  /** The tags that aren't written yet. */
  function rest() {
    for (const at of untagged) {
      tag(at);
      hideTags(at, false);
    }
    untagged.clear();
  }

  /** @param {boolean} away */
  const hide = (away) => { element.classList.toggle("hitl-away", away); };

  return { element, update, rest, hide };
}
