// @ts-check
// How is an item drawn, and its saliency map over it?

import { h, setAttribute, setText } from "./dom.js";
import { colourise, gradient } from "./overlay.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./types.d.ts").Item} Item */
/** @typedef {import("./types.d.ts").Saliency} Saliency */

const CRISP_FROM = 2; // a picture enlarged this much or more keeps its pixels' edges

/** What people call a method. @type {Record<string, string>} */
const METHODS = { gradcam: "Grad-CAM", saliency: "Saliency", integrated_gradients: "Integrated gradients",
  occlusion: "Occlusion", kernelshap: "KernelSHAP", lime: "LIME" };

/** @param {string} method */
export const methodName = (method) => METHODS[method] ?? method;

/** @param {Session} session */
export function buildStage(session) {
  const image = h("canvas", { class: "hitl-image", role: "img" });
  const map = h("canvas", { class: "hitl-map", "aria-hidden": "true" });
  const sheet = h("div", { class: "hitl-sheet" }, image, map);
  const broken = h("div", { class: "hitl-broken", role: "note" });
  const stage = h("div", { class: "hitl-stage" }, sheet, broken);
  /** @type {unknown} */
  let drawn = null;
  /** @type {Saliency | null} */
  let mapped = null;
  /** @type {Item | undefined} */
  let fitted;

  /** The item as large as it fits. */
  function fit() {
    const item = session.item;
    if (!item?.width || !stage.clientWidth) return;
    fitted = item;
    const scale = Math.min((stage.clientWidth - 24) / item.width, (stage.clientHeight - 24) / item.height);
    // Whole steps keep every pixel of a tiny picture the same size.
    const whole = scale >= 4 ? Math.floor(scale) : scale;
    sheet.style.width = `${item.width * whole}px`;
    sheet.style.height = `${item.height * whole}px`;
    sheet.classList.toggle("hitl-crisp", scale >= CRISP_FROM);
  }

  /** @param {Item | undefined} item */
  function drawImage(item) {
    const picture = item?.picture ?? null;
    if (picture === drawn) return;
    drawn = picture;
    sheet.classList.toggle("hitl-empty", !picture);
    if (!picture) return;
    const [width, height] = "naturalWidth" in picture ? [picture.naturalWidth, picture.naturalHeight]
      : [picture.width, picture.height];
    if (image.width !== width || image.height !== height) { image.width = width; image.height = height; }
    const context = /** @type {CanvasRenderingContext2D} */ (image.getContext("2d"));
    context.clearRect(0, 0, width, height);
    context.drawImage(picture, 0, 0);
    session.painted();
  }

  /** @param {Item | undefined} item */
  function drawMap(item) {
    const saliency = session.saliency;
    map.hidden = !saliency || !item?.picture;
    map.style.opacity = String(session.opacity);
    if (!saliency?.values || !item || saliency === mapped) return;
    mapped = saliency;
    map.width = saliency.width;
    map.height = saliency.height;
    const context = /** @type {CanvasRenderingContext2D} */ (map.getContext("2d"));
    context.putImageData(new ImageData(colourise(saliency.values, saliency.signed), saliency.width, saliency.height), 0, 0);
    const [x0, y0, x1, y1] = saliency.box;
    Object.assign(map.style, { left: `${(100 * x0) / item.width}%`, top: `${(100 * y0) / item.height}%`,
      width: `${(100 * (x1 - x0)) / item.width}%`, height: `${(100 * (y1 - y0)) / item.height}%` });
  }

  function update() {
    const item = session.item;
    if (item !== fitted) fit();
    drawImage(item);
    drawMap(item);
    stage.classList.toggle("hitl-is-broken", Boolean(item?.broken));
    setText(broken, item?.broken ?? "");
    setAttribute(image, "aria-label", item ? `Item ${item.item_id}, ${item.width} by ${item.height} pixels` : "No item");
  }

  const watch = new ResizeObserver(fit);
  watch.observe(stage);
  return { stage, update, stop: () => watch.disconnect() };
}

/** The line under the item: which map is shown, on what scale, how strong. @param {Session} session */
export function buildLegend(session) {
  const toggle = h("button", { class: "hitl-key-button", type: "button", tabindex: "-1", "aria-keyshortcuts": "h",
    title: "Saliency map on or off (h)", onclick: () => session.toggleMap() }, h("kbd", { class: "hitl-cap", text: "H" }),
  h("span", { class: "hitl-map-state" }));
  const words = h("span", { class: "hitl-map-words" });
  const low = h("span", { text: "less" });
  const bar = h("span", { class: "hitl-scale-bar", role: "img" });
  const high = h("span", { text: "more" });
  const scale = h("span", { class: "hitl-scale" }, low, bar, high);
  const opacity = h("input", { class: "hitl-opacity", type: "range", min: "0.1", max: "1", step: "0.1",
    "aria-label": "Strength of the map", title: "Strength of the map ( , and . )",
    oninput: (/** @type {any} */ event) => session.setOpacity(Number(event.target.value)) });
  const legend = h("div", { class: "hitl-legend" }, toggle, words, scale, opacity);

  function update() {
    const { item, method_name } = session;
    const saliency = session.saliency;
    const pushed = item && method_name ? item.maps[method_name] : null;
    legend.hidden = !item || !session.setup?.methods.length;
    setText(/** @type {Node} */ (toggle.lastChild), session.map_shown ? "Map on" : "Map off");
    setAttribute(toggle, "aria-pressed", String(session.map_shown));
    const target = saliency && session.labels.get(saliency.target)?.name;
    setText(words, item?.blind ? "hidden while the item is blind" : pushed?.problem ? pushed.problem
      : saliency ? `${methodName(saliency.method)} for ${target}`
        : !session.map_shown || !item ? "" : item.broken || !item.suggestion ? "no prediction to explain" : "map on its way …");
    setAttribute(words, "title", words.textContent);
    scale.hidden = opacity.hidden = !saliency;
    if (saliency) {
      bar.style.background = gradient(saliency.signed);
      setText(low, saliency.signed ? "against" : "less");
      setText(high, saliency.signed ? "for" : "more");
      setAttribute(bar, "aria-label", saliency.signed ? "Scale: blue speaks against the label, orange for it"
        : "Scale: dark counted a little, bright counted most");
    }
    if (opacity.value !== String(session.opacity)) opacity.value = String(session.opacity);
  }
  return { legend, update };
}
