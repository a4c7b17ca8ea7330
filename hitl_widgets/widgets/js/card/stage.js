// @ts-check
// The item as it is drawn, with its saliency map over it, beside it, or as a window on it.

import { actionButton, h, setAttribute, setText } from "../dom.js";
import { colourise, gradient, isEmpty } from "./overlay.js";
import { sizeOf } from "../pictures.js";
import { mainTarget, mapKey } from "./display.js";
import { closeUp, revealing, viewOf } from "../objects/zoom.js";
import { buildReader } from "../stage/text.js";
import { isText } from "../text/item_text.js";
import { tintGradient, unexplained } from "../text/tint.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Saliency} Saliency */

const CRISP_FROM = 2; // a picture enlarged this much or more keeps its pixels' edges
const MOST = 32; // times closer than the whole item
const MARGIN = 12;
const GAP = 10;
const MARKED_SIDE = 448; // pixels along the longer side of what is drawn of a marked region

/** The names of the methods. @type {Record<string, string>} */
const METHODS = { gradcam: "Grad-CAM", saliency: "Saliency", integrated_gradients: "Integrated gradients",
  occlusion: "Occlusion", kernelshap: "KernelSHAP", lime: "LIME", contributions: "Contributions", erasure: "Words left out" };
const SHOWN = { overlay: "over", side_by_side: "beside", hot: "hot only" };
const SHOWN_OF_TEXT = { overlay: "tint", side_by_side: "list", hot: "strong only" };

/** @param {string} method */
export const methodName = (method) => METHODS[method] ?? method;

/** @param {Saliency} map @param {"over" | "beside" | "hot"} cover @param {HTMLCanvasElement} [canvas] */
function drawn(map, cover, canvas = document.createElement("canvas")) {
  canvas.width = map.width;
  canvas.height = map.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(colourise(/** @type {Uint8Array} */ (map.values), map.signed, cover), map.width, map.height), 0, 0);
  return canvas;
}

/** @param {Saliency} map */
const emptyWords = ({ values, signed }) => values instanceof Uint8Array && isEmpty(values, signed)
  ? `empty: nothing here speaks for ${signed ? "or against " : ""}it` : "";

/** @param {HTMLElement} canvas @param {Saliency} map @param {Item} item */
function lay(canvas, { box: [x0, y0, x1, y1] }, item) {
  Object.assign(canvas.style, { left: `${(100 * x0) / item.width}%`, top: `${(100 * y0) / item.height}%`,
    width: `${(100 * (x1 - x0)) / item.width}%`, height: `${(100 * (y1 - y0)) / item.height}%` });
}

/** @param {CardSession} session */
export function buildStage(session) {
  const image = h("canvas", { class: "hitl-image", role: "img" });
  const map = h("canvas", { class: "hitl-map", "aria-hidden": "true" });
  const alone = h("canvas", { class: "hitl-map", "aria-hidden": "true" });
  const planes = [h("div", { class: "hitl-plane" }, image, map), h("div", { class: "hitl-plane" }, alone)];
  const marked = h("canvas", { class: "hitl-marked-region", "aria-hidden": "true" });
  const brush = h("div", { class: "hitl-brush", hidden: true, "aria-hidden": "true" });
  const parts = h("canvas", { class: "hitl-parts", "aria-hidden": "true" });
  planes[0].append(marked, parts, brush);
  const sheet = h("div", { class: "hitl-sheet" }, planes[0]);
  const beside = h("div", { class: "hitl-sheet hitl-beside", hidden: true }, planes[1]);
  const broken = h("div", { class: "hitl-broken", role: "note" });
  const closeness = h("span", { class: "hitl-closeness", hidden: true });
  const reader = buildReader(session);
  const stage = h("div", { class: "hitl-stage" }, h("div", { class: "hitl-sheets" }, sheet, beside), reader.element, broken, closeness);

  let room = { width: 0, height: 0 };
  /** The zoom factor, and the point of the item in the middle. */
  let near = { times: 1, x: 0.5, y: 0.5 };
  let fitted = "";
  /** The layer over the item. @type {{svg: Element, update: () => void, look: (view: import("../objects/types.d.ts").View, px: number) => void} | null} */
  let layer = null;
  /** The content of the canvases. @type {unknown[]} */
  let held = [null, null, null, null];

  /** Makes the item as large as it fits. */
  function fit() {
    const item = session.item;
    if (!item?.width || !room.width) return;
    const two = !beside.hidden;
    const wanted = [item.item_id, item.width, item.height, two, room.width, room.height].join(" ");
    if (wanted === fitted) return;
    fitted = wanted;
    const width = (room.width - 2 * MARGIN - (two ? GAP : 0)) / (two ? 2 : 1);
    const scale = Math.min(width / item.width, (room.height - 2 * MARGIN) / item.height);
    // Whole steps keep every pixel of a tiny picture the same size.
    const whole = scale >= 4 ? Math.floor(scale) : scale;
    for (const each of [sheet, beside]) {
      each.style.width = `${item.width * whole}px`;
      each.style.height = `${item.height * whole}px`;
    }
    place();
  }

  function place() {
    const item = session.item;
    const { times } = near;
    near.x = Math.max(0.5 / times, Math.min(1 - 0.5 / times, near.x));
    near.y = Math.max(0.5 / times, Math.min(1 - 0.5 / times, near.y));
    for (const plane of planes) {
      plane.style.transform = times === 1 ? "" : `scale(${times}) translate(${100 * (0.5 / times - near.x)}%, ${100 * (0.5 / times - near.y)}%)`;
    }
    stage.classList.toggle("hitl-near", times > 1);
    const scale = item?.width ? (parseFloat(sheet.style.width) / item.width) * times : 1;
    stage.classList.toggle("hitl-crisp", scale >= CRISP_FROM);
    nameCloseness(times, scale);
    if (layer && item?.width) layer.look(viewOf(near, [item.width, item.height]), 1 / scale);
    if (times > 1) session.sharpen();
  }

  /** @param {number} times closer than at first @param {number} [scale] pixels of the screen for each of the item */
  function nameCloseness(times, scale = times) {
    closeness.hidden = times === 1;
    setText(closeness, `${Math.round(100 * scale)} %`);
  }

  /** Puts a layer over the item, in the item's pixels. @param {NonNullable<typeof layer>} what */
  function over(what) {
    layer = what;
    sheet.append(what.svg);
    place();
  }

  /** What is in view, in pixels of the item. */
  const view = () => viewOf(near, [session.item?.width ?? 1, session.item?.height ?? 1]);

  /** Zooms in on a part of the item, or shows the whole again. @param {import("../objects/types.d.ts").Bounds} bounds */
  function closer(bounds) {
    const { width = 1, height = 1 } = session.item ?? {};
    const next = closeUp(bounds, [width, height]);
    near = Math.abs(next.times - near.times) < 0.01 ? { times: 1, x: 0.5, y: 0.5 } : next;
    place();
  }

  /** Moves the view as little as needed to show a part of the item. @param {import("../objects/types.d.ts").Bounds} bounds */
  function reveal(bounds) {
    const next = revealing(near, bounds, [session.item?.width ?? 1, session.item?.height ?? 1]);
    if (next === near) return;
    near = next;
    place();
  }

  /** @param {number} factor @param {{x: number, y: number}} [at] the point that stays where it is, as shares of the sheet */
  function zoom(factor, at = { x: 0.5, y: 0.5 }) {
    if (reader.text()) {
      reader.zoom(factor);
      return nameCloseness(reader.times);
    }
    const times = Math.max(1, Math.min(MOST, near.times * factor));
    const [x, y] = [near.x + (at.x - 0.5) / near.times, near.y + (at.y - 0.5) / near.times];
    near = { times, x: x - (at.x - 0.5) / times, y: y - (at.y - 0.5) / times };
    place();
  }

  /** @param {number} x @param {number} y as shares of what is in view */
  function move(x, y) {
    if (reader.text()) return reader.scroll(y);
    near = { ...near, x: near.x + x / near.times, y: near.y + y / near.times };
    place();
  }

  /** @param {MouseEvent} event */
  const shareAt = (event) => {
    const { left, top, width, height } = sheet.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  };
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // without Ctrl the notebook scrolls
    event.preventDefault();
    zoom(2 ** (-event.deltaY / 200), shareAt(event));
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => session.brush.kind || reader.text() || (near.times > 1 ? zoom(0) : zoom(4, shareAt(event))));
  /** The point of the item that is under the pointer. @param {MouseEvent} event */
  const pixelAt = (event) => {
    const { x, y } = shareAt(event);
    const { width = 0, height = 0 } = session.item ?? {};
    return { x: (near.x + (x - 0.5) / near.times) * width, y: (near.y + (y - 0.5) / near.times) * height };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || reader.text() || (near.times === 1 && !session.brush.kind)) return;
    stage.setPointerCapture(event.pointerId);
    let from = shareAt(event);
    let point = pixelAt(event);
    const painting = session.brush.kind !== null;
    /** @param {{x: number, y: number}} [before] */
    const paint = (before) => session.withBrush((tool, item, draft) => tool.paint(item, draft, point, before));
    if (painting) paint();
    const drag = (/** @type {PointerEvent} */ e) => {
      const to = shareAt(e);
      if (painting) {
        const before = point;
        point = pixelAt(e);
        paint(before);
      } else move(from.x - to.x, from.y - to.y);
      from = to;
    };
    stage.addEventListener("pointermove", drag);
    stage.addEventListener("lostpointercapture", () => stage.removeEventListener("pointermove", drag), { once: true });
  });

  // The part under the pointer is the active one.
  stage.addEventListener("pointermove", (event) => {
    const { item, brush: tool } = session;
    if (item && !reader.text() && tool.kind && tool.in_parts && !event.buttons && tool.over(item, pixelAt(event))) session.withBrush(() => {});
  });

  /** @param {Item | undefined} item @param {Saliency | null} hot */
  function drawImage(item, hot) {
    const picture = isText(item?.picture) ? null : item?.picture ?? null;
    if (held[0] === picture && held[1] === hot && picture) return;
    sheet.classList.toggle("hitl-empty", !picture);
    if (!picture || !item) { held[0] = null; return; }
    const another = held[0] !== picture;
    held[0] = picture;
    held[1] = hot;
    const [width, height] = sizeOf(picture);
    if (image.width !== width || image.height !== height) { image.width = width; image.height = height; }
    const context = /** @type {CanvasRenderingContext2D} */ (image.getContext("2d"));
    context.globalCompositeOperation = "copy";
    context.drawImage(picture, 0, 0);
    if (hot) {
      const [x0, y0, x1, y1] = hot.box;
      const [kx, ky] = [width / item.width, height / item.height];
      context.globalCompositeOperation = "destination-in";
      context.imageSmoothingEnabled = true;
      context.drawImage(drawn(hot, "hot"), x0 * kx, y0 * ky, (x1 - x0) * kx, (y1 - y0) * ky);
    }
    if (another && room.width) session.painted();
  }

  /** @param {HTMLCanvasElement} canvas @param {Item | undefined} item @param {Saliency | null} saliency @param {"over" | "beside"} cover */
  function drawMap(canvas, item, saliency, cover) {
    canvas.hidden = !saliency || !item?.picture;
    const i = cover === "over" ? 2 : 3;
    if (!saliency || !item || saliency === held[i]) return;
    held[i] = saliency;
    drawn(saliency, cover, canvas);
    lay(canvas, saliency, item);
  }

  /** @param {Item | undefined} item */
  function drawRegions(item) {
    const { marks, brush: { kind, erasing, cursor, in_parts } } = session;
    const regions = marks?.regions;
    const visible = Boolean(regions && item?.picture && regions.width === item.width && regions.height === item.height);
    marked.hidden = !visible;
    brush.hidden = !visible || !kind || in_parts;
    drawParts(visible && kind && in_parts ? item : undefined);
    if (!regions || !item || !visible) return;
    const state = `${regions.number} ${regions.version}`;
    if (state !== painted) {
      painted = state;
      const { width, height, pixels } = regions.drawn(MARKED_SIDE / Math.max(item.width, item.height));
      marked.width = width;
      marked.height = height;
      /** @type {CanvasRenderingContext2D} */ (marked.getContext("2d")).putImageData(new ImageData(pixels, width, height), 0, 0);
    }
    const across = 2 * session.brush.size(item);
    Object.assign(brush.style, { left: `${(100 * cursor.x) / item.width}%`, top: `${(100 * cursor.y) / item.height}%`,
      width: `${(100 * across) / item.width}%`, height: `${(100 * across) / item.height}%` });
    brush.classList.toggle("hitl-erasing", erasing);
  }

  /** @param {Item | undefined} item whose parts are to be seen */
  function drawParts(item) {
    parts.hidden = !item?.parts;
    if (!item?.parts) return;
    const state = `${item.item_id} ${session.brush.part}`;
    if (state === split) return;
    split = state;
    const times = MARKED_SIDE / Math.max(item.width, item.height);
    const { width, height, pixels } = item.parts.drawn(Math.max(1, Math.round(item.width * times)), Math.max(1, Math.round(item.height * times)), session.brush.part);
    parts.width = width;
    parts.height = height;
    /** @type {CanvasRenderingContext2D} */ (parts.getContext("2d")).putImageData(new ImageData(pixels, width, height), 0, 0);
  }

  /** @type {string | undefined} */
  let shown;
  let painted = "";
  let split = "";
  function update() {
    const { item, saliency } = session;
    const { mode, on, method } = session.display;
    const is_text = Boolean(reader.text());
    if (is_text !== stage.classList.contains("hitl-is-text")) {
      stage.classList.toggle("hitl-is-text", is_text);
      stage.classList.add("hitl-of-texts"); // it stays as high where a text can't be read, or none is here
      nameCloseness(is_text ? reader.times : near.times);
    }
    stage.classList.toggle("hitl-painting", session.brush.kind !== null);
    stage.classList.toggle("hitl-is-broken", Boolean(item?.broken));
    setText(broken, item?.broken ?? "");
    reader.update();
    if (is_text) return;
    const two = mode === "side_by_side" && on && Boolean(method) && !item?.blind && !item?.no_map && !item?.broken
      && Boolean(item && (session.answering.target ?? mainTarget(item)));
    beside.hidden = !two;
    if (item?.item_id !== shown) {
      shown = item?.item_id;
      if (near.times !== 1) { near = { times: 1, x: 0.5, y: 0.5 }; place(); }
    }
    fit();
    layer?.update();
    drawImage(item, mode === "hot" ? saliency : null);
    drawMap(map, item, mode === "overlay" ? saliency : null, "over");
    drawMap(alone, item, two ? saliency : null, "beside");
    map.style.opacity = String(session.display.opacity);
    drawRegions(item);
    setAttribute(image, "aria-label", item ? `Item ${item.item_id}, ${item.width} by ${item.height} pixels` : "No item");
  }

  const watch = new ResizeObserver(([{ contentRect }]) => {
    room = contentRect;
    session.resize(Math.ceil(Math.max(room.width, room.height) * devicePixelRatio));
    fit();
    reader.resize({ width: room.width, height: stage.clientHeight }); // a line above or below doesn't make its letters smaller
    if (room.width && held[0] && held[0] === session.item?.picture) session.painted(); // it came into view
  });
  watch.observe(stage);
  return { stage, reader, update, zoom, move, over, view, closer, reveal, stop: () => watch.disconnect() };
}

/** The line under the item: which map is shown, how, on what scale, how strong. @param {CardSession} session */
export function buildLegend(session) {
  const toggle = actionButton("map", "", () => session.toggleMap());
  toggle.title = "Saliency map on or off";
  const how = actionButton("display", "", () => session.nextMap("mode"));
  how.title = "Over the item, beside it, or the item only where the map is hot";
  const words = h("span", { class: "hitl-map-words" });
  const low = h("span", { text: "less" });
  const bar = h("span", { class: "hitl-scale-bar", role: "img" });
  const high = h("span", { text: "more" });
  const scale = h("span", { class: "hitl-scale" }, low, bar, high);
  const opacity = h("input", { class: "hitl-opacity", type: "range", min: "0.1", max: "1", step: "0.1",
    "aria-label": "Opacity of the map", title: "Opacity of the map",
    oninput: (/** @type {any} */ event) => session.fade(Number(event.target.value) - session.display.opacity) });
  const legend = h("div", { class: "hitl-legend" }, toggle, how, words, scale, opacity);

  function update() {
    const { item, saliency } = session;
    const { on, method, mode, opacity: strength } = session.display;
    const pushed = item && method ? item.maps[mapKey(item, method, session.mapped, session.against)] ?? (session.answering.target === null ? item.maps[method] : null) : null;
    legend.hidden = !item || !session.display.methods.length || (session.answering.alone && !item.target);
    if (legend.hidden) return;
    setText(/** @type {Node} */ (toggle.lastChild), on ? "Map on" : "Map off");
    setAttribute(toggle, "aria-pressed", String(on));
    how.hidden = !on || session.blind;
    const is_text = item?.mime === "text/plain";
    setText(/** @type {Node} */ (how.lastChild), (is_text ? SHOWN_OF_TEXT : SHOWN)[mode]);
    const [target, other] = [saliency?.target, saliency?.against].map((id) => id && (session.answering.mapped(id) ?? session.nameOf(id)));
    setText(words, session.blind ? (item?.answer_first ? "hidden until you have answered" : "hidden while the item is blind") : pushed?.problem ? pushed.problem
      : saliency ? [`${methodName(saliency.by ?? saliency.method)} for ${target}${other ? ` and not ${other}` : ""}`, emptyWords(saliency), unexplained(saliency)].filter(Boolean).join(" · ")
        : !on || !item || item.no_map ? "" : item.broken || !session.toExplain ? "no prediction to explain" : "map on its way …");
    setAttribute(words, "title", words.textContent);
    scale.hidden = !saliency;
    opacity.hidden = !saliency || mode !== "overlay";
    legend.classList.toggle("hitl-unexplained", unexplained(saliency) !== "");
    if (saliency) {
      bar.style.background = is_text ? tintGradient(saliency.signed, strength) : gradient(saliency.signed);
      const of = session.answering.attributeOf(saliency.target);
      const is_scale = of !== null && !of.choices;
      setText(low, !saliency.signed ? "less" : is_scale ? "lower" : "against");
      setText(high, !saliency.signed ? "more" : is_scale ? "higher" : "for");
      setAttribute(bar, "aria-label", saliency.signed ? is_scale ? "Scale: blue makes the value lower, orange higher"
        : `Scale: blue speaks against the ${of ? "choice" : "label"}, orange for it`
        : "Scale: dark counted a little, bright counted most");
    }
    if (opacity.value !== String(strength)) opacity.value = String(strength);
  }
  return { legend, update };
}
