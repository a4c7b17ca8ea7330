// @ts-check
// The taxonomy editor on the page: builds DOM, wires events, returns a cleanup.

import { capOf, h, nameKeys, setAttribute, setText } from "../dom.js";
import { buildHelp } from "../help.js";
import { handBack, keepKeys } from "../notebook.js";
import { buildForm, many } from "./form.js";
import { bind, pressed } from "../keys.js";
import { buildAttributes } from "./attributes.js";
import { buildLabel } from "./label.js";
import { drawSmall } from "../pictures.js";

/** @typedef {import("./session.js").EditorSession} EditorSession */
/** @typedef {import("./tree.js").Row} Row */

const HIGH = 44; // a row
const SPARE = 6; // rows kept beyond what is seen
const PICTURES = 3;
const SIDE = 34;
const DRAGGED = "application/x-hitl-labels";

/** @param {HTMLElement} el @param {EditorSession} session @returns {() => void} */
export function render(el, session) {
  const refocus = () => tree.element.focus({ preventScroll: true });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const header = buildTop(session, { refocus, toggleHelp: () => help.toggle() });
  const tree = buildTree(session);
  const form = buildForm(session, refocus);
  const label = buildLabel(session);
  const attributes = buildAttributes(session);
  const history = buildHistory(session);
  const help = buildHelp(session, { refocus, first: [
    [["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"], "move through the tree; left closes, right opens"],
    [["letters"], "to the label whose name begins with these letters"]] });
  const start = h("p", { class: "hitl-wait", role: "status", text: "Waiting for the kernel …" });
  const footer = buildBottom(session);
  const body = h("div", { class: "hitl-editor-body" }, h("div", { class: "hitl-tree-side" }, tree.element, tree.top, start),
    h("div", { class: "hitl-side" }, form.element, history.element, label.element, attributes.element), help.help);
  const root = h("div", { class: "hitl-card hitl-editor", role: "region", "aria-label": "Taxonomy editor", "data-lm-suppress-shortcuts": "true",
    "data-version": "0" }, header.element, body, footer.element, live);

  /** @type {Record<string, () => void>} */
  const actions = {
    rename: () => session.begin("rename", { ids: session.focus ? [session.focus] : [], inline: true }),
    describe: () => session.begin("describe", { ids: session.focus ? [session.focus] : [] }),
    add: () => session.begin("add", { target: session.label?.parent ?? null }), add_under: () => session.begin("add", { target: session.focus }),
    split: () => session.begin("split", { ids: session.focus ? [session.focus] : [] }), merge: () => session.begin("merge"),
    retire: () => session.begin("retire"), cut: () => session.take(), put: () => session.put(session.focus), put_top: () => session.put(null),
    select: () => session.select(), select_beside: () => session.selectSiblings(), undo: () => session.undo(),
    history: () => { session.showing_history = !session.showing_history; if (session.showing_history) session.leave(); session.changed(); },
    attributes: () => attributes.enter(), add_attribute: () => session.begin("add_attribute"),
    search: () => header.find.focus(), help: () => help.toggle(),
  };
  /** The usual shortcuts with Ctrl. @type {Record<string, () => void>} */
  const usual = { x: actions.cut, v: actions.put, z: actions.undo, a: actions.select_beside };
  for (const part of [label.element, attributes.element, header.element]) part.addEventListener("click", (event) => {
    const name = /** @type {HTMLElement} */ (event.target).closest("button")?.dataset.does;
    if (name) actions[name]?.();
  });

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.closest("input, textarea") !== null;
    if (event.key === "Escape") {
      event.preventDefault();
      if (!help.help.hidden) return help.toggle(false);
      const inside = target !== tree.element;
      if (!session.escape() && !inside) return handBack(root);
      return refocus();
    }
    if (!help.help.hidden) { if (event.key === "?") help.toggle(false); return; }
    if (typing && target === header.find && (event.key === "Enter" || event.key === "ArrowDown")) { event.preventDefault(); return refocus(); }
    if (target !== tree.element || event.altKey || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      const act = usual[event.key.toLowerCase()];
      if (act) { event.preventDefault(); act(); }
      return;
    }
    if (!event.shiftKey || event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (session.lead(event.key, event.shiftKey, tree.page())) return event.preventDefault();
    }
    const action = bind(session.setup?.keys ?? {}).get(pressed(event));
    if (action) {
      event.preventDefault();
      if (!event.repeat) actions[action]?.();
      if (frame) update(); // at once: what is typed next belongs in the field that this opens
    } else if (/^[\p{L}\p{N}]$/u.test(event.key) && !event.shiftKey) {
      event.preventDefault();
      session.type(event.key);
    }
  }

  keepKeys(root, el, onKey, ["keyup", "keypress", "paste", "cut", "copy"]);

  /** @type {unknown} */
  let named = null;
  let frame = 0;
  /** @type {unknown} */
  let formed = null;

  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    if (session.setup && session.setup.keys !== named) {
      named = session.setup.keys;
      help.update();
      nameKeys(root, session.setup.keys);
    }
    setAttribute(root, "data-version", String(session.tree.version));
    const waiting = session.tree.version === 0;
    start.hidden = !waiting;
    tree.element.hidden = waiting;
    setText(start, session.waited_ms > 3000 ? "The kernel hasn't answered yet: it may be running a cell." : "Waiting for the kernel …");
    header.update();
    tree.update(form);
    form.update();
    history.update();
    label.element.hidden = waiting || session.form !== null || session.showing_history;
    attributes.element.hidden = label.element.hidden;
    if (!label.element.hidden) { label.update(); attributes.update(); }
    footer.update();
    if (formed && !session.form && root.contains(document.activeElement)) refocus();
    formed = session.form;
    setText(live, session.notice?.text ?? "");
  }

  const stop = session.subscribe(() => {
    setAttribute(root, "data-acting", session.acting ? "true" : null);
    frame ||= requestAnimationFrame(update);
  });
  el.append(root);
  update();
  return () => { stop(); cancelAnimationFrame(frame); tree.stop(); root.remove(); };
}

/** @param {EditorSession} session @param {{refocus: () => void, toggleHelp: () => void}} how */
function buildTop(session, { refocus, toggleHelp }) {
  const version = h("strong");
  const facts = h("span", { class: "hitl-quiet" });
  const find = h("input", { type: "search", class: "hitl-search", placeholder: "Search labels", "aria-label": "Search labels", autocomplete: "off",
    spellcheck: "false", oninput: () => session.find(find.value) });
  const button = (/** @type {string} */ name, /** @type {string} */ words) => h("button", { type: "button", class: "hitl-key-button", "data-does": name },
    capOf(name), h("span", { text: words }));
  const past = button("history", "History");
  const element = h("div", { class: "hitl-header" }, h("span", { class: "hitl-editor-title" }, version, facts),
    h("label", { class: "hitl-find" }, capOf("search"), find), h("span", { class: "hitl-about" }, button("undo", "Undo"), past,
      h("button", { type: "button", class: "hitl-key-button", onclick: () => { toggleHelp(); } }, capOf("help"), h("span", { text: "Keys" }))));
  find.addEventListener("blur", () => { if (!find.value) session.find(""); });
  past.addEventListener("click", refocus);

  function update() {
    const { tree, count: [stand, doubt], setup } = session;
    setText(version, tree.version ? `Taxonomy, version ${tree.version}` : "Taxonomy");
    setText(facts, [many(tree.labels.length, "label"), tree.attributes.length ? many(tree.attributes.length, "attribute") : "", many(stand + doubt, "answer"), doubt ? `${doubt.toLocaleString("en")} to look at again` : "",
      setup?.annotator ?? ""].filter(Boolean).join(" · "));
    if (document.activeElement !== find && find.value !== session.query) find.value = session.query;
    setAttribute(past, "aria-pressed", String(session.showing_history));
  }
  return { element, find, update };
}

/** The tree, of which only the rows in sight are built. @param {EditorSession} session */
function buildTree(session) {
  const space = h("div", { class: "hitl-tree-space", role: "presentation" });
  const element = h("div", { class: "hitl-tree", role: "tree", tabindex: "0", "aria-label": "Labels", "aria-multiselectable": "true" }, space);
  const top = h("button", { type: "button", class: "hitl-top-drop", tabindex: "-1", text: "Put it at the top level", onclick: () => { session.put(null); } });
  const own = `hitl-row-${Math.random().toString(36).slice(2)}`;
  /** @type {Map<string, ReturnType<typeof buildRow>>} */
  const built = new Map();
  /** @type {string | null} */
  let focused = null;
  /** @type {string[]} */
  let dragged = [];
  let form = /** @type {{submit: () => void} | null} */ (null);
  const page = () => Math.max(1, Math.floor(element.clientHeight / HIGH) - 1);

  /** @param {EventTarget | null} target */
  const rowOf = (target) => /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (target).closest?.("[data-label]"));

  element.addEventListener("scroll", () => draw(false));
  element.addEventListener("click", (event) => {
    const row = rowOf(event.target);
    const id = row?.dataset.label;
    if (!id || /** @type {HTMLElement} */ (event.target).closest("input")) return;
    element.focus({ preventScroll: true });
    if (/** @type {HTMLElement} */ (event.target).closest(".hitl-twist")) return session.toggle(id);
    if (event.shiftKey) return session.go(id, { extend: true });
    if (event.ctrlKey || event.metaKey) return session.go(id, { toggle: true });
    session.selected.clear();
    session.go(id);
  });
  element.addEventListener("dblclick", (event) => {
    const id = rowOf(event.target)?.dataset.label;
    if (id && !/** @type {HTMLElement} */ (event.target).closest(".hitl-twist, input")) session.begin("rename", { ids: [id], inline: true });
  });
  element.addEventListener("dragstart", (event) => {
    const id = rowOf(event.target)?.dataset.label;
    if (!id || !event.dataTransfer) return;
    dragged = session.selected.has(id) ? session.about : [id];
    event.dataTransfer.setData(DRAGGED, dragged.join("\n"));
    event.dataTransfer.effectAllowed = "move";
    top.classList.add("hitl-offered");
    event.stopPropagation();
  });
  for (const name of /** @type {const} */ (["dragover", "dragenter"])) for (const place of [element, top]) place.addEventListener(name, (event) => {
    if (!dragged.length) return;
    event.stopPropagation();
    const row = rowOf(event.target);
    for (const other of space.querySelectorAll(".hitl-over")) if (other !== row) other.classList.remove("hitl-over");
    if (row ? dragged.includes(row.dataset.label ?? "") : place === element) return;
    event.preventDefault();
    row?.classList.add("hitl-over");
  });
  for (const place of [element, top]) place.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const id = place === top ? null : rowOf(event.target)?.dataset.label;
    if (id !== undefined && dragged.length) session.drop(dragged, id);
    settle();
  });
  element.addEventListener("dragend", () => settle());

  function settle() {
    dragged = [];
    top.classList.remove("hitl-offered");
    for (const row of space.querySelectorAll(".hitl-over")) row.classList.remove("hitl-over");
  }

  /** @param {boolean} all also the rows that are there already */
  function draw(all) {
    const { rows } = session;
    const from = Math.max(0, Math.floor(element.scrollTop / HIGH) - SPARE);
    const to = Math.min(rows.length, Math.ceil((element.scrollTop + (element.clientHeight || 480)) / HIGH) + SPARE);
    const seen = new Map(rows.slice(from, to).map((row, i) => [row.label.label_id, { row, at: from + i }]));
    // The row in focus is always there: assistive technology is pointed at it.
    const at = session.at;
    if (at >= 0 && !seen.has(rows[at].label.label_id)) seen.set(rows[at].label.label_id, { row: rows[at], at });
    for (const [id, row] of built) if (!seen.has(id)) { row.element.remove(); built.delete(id); }
    space.style.height = `${rows.length * HIGH}px`;
    for (const [id, { row, at: place }] of seen) {
      let parts = built.get(id);
      if (parts && !all) continue;
      if (!parts) {
        parts = buildRow(session, `${own}-${place}-${id.replace(/[^\w-]/g, "_")}`, () => form?.submit());
        built.set(id, parts);
        space.append(parts.element);
      }
      parts.element.style.top = `${place * HIGH}px`;
      parts.update(row);
    }
    setAttribute(element, "aria-activedescendant", built.get(session.focus ?? "")?.element.id ?? null);
    session.want([...seen.keys()]);
  }

  /** @param {{submit: () => void}} its */
  function update(its) {
    form = its;
    const at = session.at;
    if (session.focus !== focused && at >= 0) {
      const [above, below] = [at * HIGH, (at + 1) * HIGH - element.clientHeight];
      if (element.scrollTop > above) element.scrollTop = above;
      else if (element.scrollTop < below) element.scrollTop = below;
    }
    focused = session.focus;
    top.classList.toggle("hitl-offered", session.cut.length > 0 || dragged.length > 0);
    draw(true);
  }
  const watcher = new ResizeObserver(() => draw(false));
  watcher.observe(element);
  return { element, top, update, page, stop: () => watcher.disconnect() };
}

/** @param {EditorSession} session @param {string} id @param {() => void} submit */
function buildRow(session, id, submit) {
  const twist = h("span", { class: "hitl-twist", "aria-hidden": "true" });
  const dot = h("span", { class: "hitl-swatch", "aria-hidden": "true" });
  const name = h("span", { class: "hitl-name" });
  const key = h("kbd", { class: "hitl-cap" });
  const definition = h("span", { class: "hitl-row-definition" });
  const box = h("input", { type: "text", class: "hitl-rename", "aria-label": "New name", autocomplete: "off", spellcheck: "false",
    oninput: () => session.fill({ to: box.value }), onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") { event.preventDefault(); submit(); }
    } });
  const pictures = h("span", { class: "hitl-row-pictures", "aria-hidden": "true" });
  const stand = h("span", { class: "hitl-count" });
  const doubt = h("span", { class: "hitl-doubted" });
  const element = h("div", { class: "hitl-tree-row", role: "treeitem", id, draggable: "true" }, twist, dot,
    h("span", { class: "hitl-row-words" }, h("span", { class: "hitl-row-name" }, name, box, key), definition), pictures,
    h("span", { class: "hitl-row-counts" }, stand, doubt));
  /** @type {unknown} */
  let drawn = null;

  /** @param {Row} row */
  function update({ label, level, size, place, open }) {
    const { focus, selected, form, counts } = session;
    const mine = label.label_id;
    element.dataset.label = mine;
    element.style.setProperty("--hitl-level", String(Math.min(level, 12) - 1));
    setAttribute(element, "aria-level", String(level));
    setAttribute(element, "aria-setsize", String(size));
    setAttribute(element, "aria-posinset", String(place));
    setAttribute(element, "aria-expanded", open === null ? null : String(open));
    setAttribute(element, "aria-selected", String(selected.has(mine)));
    element.classList.toggle("hitl-focused", mine === focus);
    element.classList.toggle("hitl-cut", session.cut.includes(mine));
    element.classList.toggle("hitl-inner", open !== null);
    setText(twist, open === null ? "" : open ? "▾" : "▸");
    dot.style.background = label.colour ?? "transparent";
    dot.classList.toggle("hitl-no-colour", !label.colour);
    setText(name, label.name);
    const renaming = form?.kind === "rename" && form.inline && form.ids[0] === mine;
    if (renaming && box.hidden) { box.value = form.values.to; box.hidden = false; box.focus(); box.select(); }
    if (!renaming) box.hidden = true;
    name.hidden = renaming;
    setText(key, (label.key ?? "").toUpperCase());
    key.hidden = !label.key || renaming;
    setText(definition, label.definition ?? "");
    definition.hidden = !label.definition;
    const [s, d] = counts.get(mine) ?? [0, 0];
    setText(stand, s.toLocaleString("en"));
    setText(doubt, d ? `${d.toLocaleString("en")} in doubt` : "");
    doubt.hidden = !d;
    setAttribute(element, "aria-label", [label.name, label.key ? `key ${label.key}` : "", many(s, "answer"), d ? `${d} in doubt` : "",
      label.definition ?? ""].filter(Boolean).join(", "));
    const examples = (session.examples.get(mine) ?? []).filter((e) => !e.against && e.picture).slice(0, PICTURES);
    if (drawn !== (drawn = session.examples.get(mine))) {
      const canvases = examples.map(() => h("canvas", { class: "hitl-thumb", width: SIDE * 2, height: SIDE * 2 }));
      pictures.replaceChildren(...canvases);
      examples.forEach((example, i) => drawSmall(canvases[i], example.picture));
    }
  }
  box.hidden = true;
  return { element, update };
}

/** The history: every edit, the latest first, with a button to undo it, or buttons to settle it. @param {EditorSession} session */
function buildHistory(session) {
  const list = h("ol", { class: "hitl-history-list" });
  const element = h("section", { class: "hitl-history", "aria-label": "History" }, h("h3", { class: "hitl-form-title", text: "History" }), list);
  /** @type {unknown} */
  let drawn = null;
  let acting = false;

  function update() {
    element.hidden = !session.showing_history || session.form !== null;
    if (element.hidden || (drawn === session.history && acting === Boolean(session.acting))) return;
    drawn = session.history;
    acting = Boolean(session.acting);
    list.replaceChildren(...session.history.map((past) => {
      const at = new Date(past.at);
      const when = Number.isNaN(at.getTime()) ? "" : at.toLocaleString("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
      const state = past.to_settle ? `made apart, to be settled${session.may_settle ? "" : " by a reviewer or an owner"}` : past.reverted_by !== null ? `undone by version ${past.reverted_by}` : past.reverts !== null ? `undoes version ${past.reverts}` : "";
      return h("li", { class: past.reverted_by !== null ? "hitl-undone" : "" }, h("span", { class: "hitl-version", text: past.to_settle ? "apart" : `v${past.version}` }),
        h("div", {}, h("p", { class: "hitl-history-prose", text: past.prose }), past.why ? h("p", { class: "hitl-why", text: `“${past.why}”` }) : null,
          h("p", { class: "hitl-quiet", text: [past.annotator, when, state].filter(Boolean).join(" · ") })),
        past.reverted_by === null && past.version > 1 ? h("button", { type: "button", class: "hitl-undo", "aria-label": `Undo version ${past.version}: ${past.prose}`,
          text: "Undo", onclick: () => session.undo(past.edit_id) }) : null,
        past.to_settle && session.may_settle ? h("div", { class: "hitl-settle" }, ...[true, false].map((apply) => h("button", { type: "button", class: "hitl-undo",
          "aria-label": `${apply ? "Apply" : "Leave"} the edit made apart: ${past.prose}`, text: apply ? "Apply" : "Leave", onclick: () => session.settle(past.edit_id, apply) }))) : null);
    }));
    if (!session.history.length) list.replaceChildren(h("li", { class: "hitl-quiet", text: "No changes yet." }));
  }
  return { element, update };
}

/** @param {EditorSession} session */
function buildBottom(session) {
  const notice = h("span", { class: "hitl-notice" });
  const element = h("div", { class: "hitl-footer" }, notice);

  function update() {
    const { notice: word, closed, gone, trouble, waited_ms, selected } = session;
    const text = closed ?? (gone ? "The kernel was restarted or has died. Run the notebook from the top; what you typed stays here."
      : waited_ms > 3000 ? `The kernel hasn't answered for ${Math.round(waited_ms / 1000)} s: it may be running a cell. What you typed stays here.`
        : trouble ?? word?.text ?? (selected.size > 1 ? `${selected.size} labels selected.` : ""));
    setText(notice, text || "An edit is previewed before it is applied, and every edit can be undone.");
    notice.classList.toggle("hitl-bad", Boolean(closed || gone || trouble || (word?.bad && text === word.text)));
    notice.classList.toggle("hitl-quiet", !text);
  }
  return { element, update };
}
