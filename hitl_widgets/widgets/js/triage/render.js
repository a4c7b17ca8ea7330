// @ts-check
// Triage on the page: builds DOM, wires events, returns a cleanup.

import { cap, capOf, h, nameKeys, setAttribute, setText } from "../dom.js";
import { buildHelp } from "../help.js";
import { handBack, keepKeys } from "../notebook.js";
import { pressed } from "../keys.js";
import { match } from "../labels.js";
import { drawSmall } from "../pictures.js";
import { buildPicker } from "../picker.js";
import { items } from "./session.js";

/** @typedef {import("./session.js").TriageSession} TriageSession */
/** @typedef {import("./types.d.ts").Tile} Tile */

const SIDE = 80;
const LARGE = 200;
const SHOWN = 40; // labels; the rest are found by typing
const WHY = { other: "answered “other”", unsure: "unsure", flagged: "flagged: not in the taxonomy" };
const SIGNS = { other: "", unsure: "?", flagged: "⚑" };

/** @param {HTMLElement} el @param {TriageSession} session @returns {() => void} */
export function render(el, session) {
  const refocus = () => grid.element.focus({ preventScroll: true });
  const header = buildTop(session, () => help.toggle());
  const strip = buildClusters(session, refocus);
  const grid = buildGrid(session);
  const face = h("div", { class: "hitl-triage-face" }, h("div", { class: "hitl-sign", "aria-hidden": "true" }), h("h3", { class: "hitl-face-title" }),
    h("p", { class: "hitl-face-words", role: "status" }));
  const large = buildLarge(session);
  const say = buildSay(session, refocus);
  const help = buildHelp(session, { refocus, first: [
    [["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"], "from item to item"],
    [["1", "…", "0", "letters"], "give the label with that key to what is selected, or to the whole group"],
    [["Ctrl", "A"], "select the whole group, or nothing"]] });
  const notice = h("span", { class: "hitl-notice" });
  const pending = h("span", { class: "hitl-quiet" });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  const body = h("div", { class: "hitl-triage-body" }, h("div", { class: "hitl-triage-left" }, strip.element, grid.element, face),
    h("div", { class: "hitl-side hitl-triage-side" }, large.element, say.element), help.help);
  const root = h("div", { class: "hitl-card hitl-triage", role: "region", "aria-label": "Triage", "data-lm-suppress-shortcuts": "true",
    "data-pending": "0", "data-unplaced": "" }, header.element, body, h("div", { class: "hitl-footer" }, notice, pending), live);

  /** @type {Record<string, () => void>} */
  const actions = {
    select: () => { if (session.focus) session.go(session.focus, { toggle: true }); }, new_label: () => session.startMaking(),
    leave_out: () => session.leaveOut(), send_back: () => session.sendBack(), undo: () => session.undo(), next_page: () => session.turn(1),
    previous_page: () => session.turn(-1), regroup: () => session.regroup(), search: () => say.search(), help: () => help.toggle(),
  };
  root.addEventListener("click", (event) => {
    const name = /** @type {HTMLElement} */ (event.target).closest("button")?.dataset.does;
    if (!name) return;
    actions[name]?.();
    if (!["new_label", "search", "help"].includes(name)) refocus();
  });

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") {
      event.preventDefault();
      if (!help.help.hidden) return help.toggle(false);
      const inside = target.closest("input, textarea") !== null;
      if (!session.escape() && !inside) return handBack(root);
      return refocus();
    }
    if (!help.help.hidden) { if (event.key === "?") help.toggle(false); return; }
    if (target.closest("input, textarea")) return;
    if (target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
    if (event.altKey || event.isComposing) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() === "a") { event.preventDefault(); session.selectAll(); }
      if (event.key.toLowerCase() === "z") { event.preventDefault(); session.undo(); }
      return;
    }
    if (session.lead(event.key, grid.columns(), event.shiftKey)) return event.preventDefault();
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
    const key = digit && !event.shiftKey ? digit[1] : pressed(event);
    const action = session.bindings.get(key);
    if (action) {
      event.preventDefault();
      if (!event.repeat || action.endsWith("_page")) actions[action]?.();
      if (frame) update(); // at once: what is typed next belongs in the field that this opens
    } else if (/^[^\s]$/u.test(key) && !event.shiftKey) {
      event.preventDefault();
      if (!event.repeat) session.press(key);
    }
  }

  keepKeys(root, el, onKey);

  /** @type {unknown} */
  let named = null;
  let frame = 0;
  let making = false;

  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { setup, closed, gone, trouble, waited_ms, notice: word, pending: n, pages } = session;
    if (setup && setup.keys !== named) {
      named = setup.keys;
      help.update();
      nameKeys(root, setup.keys);
    }
    const empty = pages !== null && session.n === 0;
    face.hidden = pages !== null && !empty;
    grid.element.hidden = strip.element.hidden = !face.hidden;
    setText(/** @type {Node} */ (face.children[0]), empty ? "✓" : "…");
    setText(/** @type {Node} */ (face.children[1]), empty ? "Nothing to sort" : "Grouping similar items");
    setText(/** @type {Node} */ (face.children[2]), empty ? "Items answered “other” or unsure, or flagged “not in the taxonomy”, appear here by themselves."
      : "Items that were answered “other” or unsure, or flagged, are grouped by similarity.");
    header.update();
    strip.update();
    grid.update();
    large.update();
    say.update();
    const text = closed ?? (gone ? "The kernel was restarted or has died. Run the notebook from the top: your changes are kept."
      : waited_ms > 5000 ? `The kernel hasn't answered for ${Math.round(waited_ms / 1000)} s: it may be running a cell. Your changes are kept.` : trouble ?? word?.text);
    setText(notice, text ?? "One undo takes back one step, for all its items.");
    notice.classList.toggle("hitl-bad", Boolean(closed || gone || trouble || (word?.bad && text === word.text)));
    notice.classList.toggle("hitl-quiet", !text);
    setText(pending, n ? `${n} to be stored` : "");
    setText(live, word?.text ?? "");
    if (making && !session.making && root.contains(document.activeElement)) refocus();
    making = session.making;
  }

  const stop = session.subscribe(() => {
    // The number of waiting acts is set at once, since a hidden tab has no frames.
    setAttribute(root, "data-pending", String(session.pending));
    setAttribute(root, "data-unplaced", session.pages ? String(session.n) : "");
    frame ||= requestAnimationFrame(update);
  });
  el.append(root);
  update();
  return () => { stop(); cancelAnimationFrame(frame); root.remove(); };
}

/** @param {TriageSession} session @param {() => void} toggleHelp */
function buildTop(session, toggleHelp) {
  const facts = h("span", { class: "hitl-quiet" });
  const button = (/** @type {string} */ does, /** @type {string} */ words) => h("button", { type: "button", class: "hitl-key-button", "data-does": does },
    capOf(does), h("span", { text: words }));
  const undo = button("undo", "Undo");
  const element = h("div", { class: "hitl-header" }, h("span", { class: "hitl-editor-title" }, h("strong", { text: "Triage" }), facts),
    h("span", { class: "hitl-about" }, undo, button("regroup", "Group again"),
      h("button", { type: "button", class: "hitl-key-button", onclick: () => { toggleHelp(); } }, capOf("help"), h("span", { text: "Keys" }))));

  function update() {
    const { open, pages, setup, done } = session;
    setText(facts, [pages ? items(session.n) : "", open.length > 1 ? `group ${open.indexOf(session.page) + 1} of ${open.length}` : "",
      session.words[session.page]?.join(", ") ?? "", setup?.annotator ?? ""].filter(Boolean).join(" · "));
    const last = done.at(-1);
    setAttribute(undo, "title", last ? `Undo: ${last.words}` : null);
    setAttribute(undo, "aria-disabled", last ? null : "true");
  }
  return { element, update };
}

/** The clusters, each as its most typical item. @param {TriageSession} session @param {() => void} refocus */
function buildClusters(session, refocus) {
  const list = h("div", { class: "hitl-clusters", role: "group", "aria-label": "Groups" });
  const element = h("div", { class: "hitl-clusters-row" }, capOf("previous_page"), list, capOf("next_page"));
  /** @type {Map<number, {button: HTMLElement, canvas: HTMLCanvasElement, n: HTMLElement, drawn: unknown}>} */
  const built = new Map();

  function update() {
    const { open, page } = session;
    for (const [at, parts] of built) if (!open.includes(at)) { parts.button.remove(); built.delete(at); }
    open.forEach((at, i) => {
      let parts = built.get(at);
      if (!parts) {
        const canvas = h("canvas", { class: "hitl-thumb", width: 72, height: 72, "aria-hidden": "true" });
        const n = h("span", { class: "hitl-caption" });
        const button = h("button", { type: "button", class: "hitl-cluster", tabindex: "-1", onclick: () => { session.open_page(at); refocus(); } }, canvas, n);
        parts = { button, canvas, n, drawn: null };
        built.set(at, parts);
        const next = [...built].filter(([other]) => other > at).sort((a, b) => a[0] - b[0])[0];
        list.insertBefore(button, next?.[1].button ?? null);
      }
      const tiles = session.on(at);
      const { picture } = tiles[0];
      if (parts.drawn !== picture) { drawSmall(parts.canvas, picture); parts.drawn = picture; }
      setText(parts.n, String(tiles.length));
      const words = session.words[at]?.join(", ") ?? "";
      setAttribute(parts.button, "aria-label", `group ${i + 1}, ${items(tiles.length)}${words && `: ${words}`}`);
      setAttribute(parts.button, "title", words || null);
      setAttribute(parts.button, "aria-current", at === page ? "true" : null);
      if (at === page) {
        const { offsetLeft, offsetWidth } = parts.button;
        if (offsetLeft < list.scrollLeft) list.scrollLeft = offsetLeft;
        else if (offsetLeft + offsetWidth > list.scrollLeft + list.clientWidth) list.scrollLeft = offsetLeft + offsetWidth - list.clientWidth;
      }
    });
  }
  return { element, update };
}

/** The items of a cluster. @param {TriageSession} session */
function buildGrid(session) {
  const own = `hitl-tile-${Math.random().toString(36).slice(2)}`;
  const element = h("div", { class: "hitl-grid", role: "listbox", tabindex: "0", "aria-label": "Similar items", "aria-multiselectable": "true" });
  /** @type {Map<string, {tile: HTMLElement, canvas: HTMLCanvasElement, drawn: unknown}>} */
  const built = new Map();
  /** @type {string | null} */
  let focused = null;
  let count = 0;
  const columns = () => Math.max(1, getComputedStyle(element).gridTemplateColumns.split(" ").length);

  element.addEventListener("click", (event) => {
    const id = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest("[data-item]"))?.dataset.item;
    element.focus({ preventScroll: true });
    if (!id) return;
    if (event.shiftKey) session.go(id, { extend: true });
    else session.go(id, { toggle: true });
  });

  /** @param {Tile} tile */
  function build(tile) {
    const canvas = h("canvas", { class: "hitl-thumb", width: SIDE * 2, height: SIDE * 2, "aria-hidden": "true" });
    const node = h("div", { class: "hitl-tile", role: "option", id: `${own}-${count++}`, "data-item": tile.item_id, "aria-label": `${tile.item_id}, ${WHY[tile.why]}` },
      canvas, SIGNS[tile.why] ? h("span", { class: "hitl-tile-why", "aria-hidden": "true", title: WHY[tile.why], text: SIGNS[tile.why] }) : null,
      h("span", { class: "hitl-tile-tick", "aria-hidden": "true", text: "✓" }));
    const parts = { tile: node, canvas, drawn: /** @type {unknown} */ (null) };
    built.set(tile.item_id, parts);
    return parts;
  }

  function update() {
    const { shown, selected, focus } = session;
    const wanted = shown.map((tile) => (built.get(tile.item_id) ?? build(tile)).tile);
    if (wanted.length !== element.children.length || wanted.some((node, i) => node !== element.children[i])) element.replaceChildren(...wanted);
    if (built.size > 400) for (const [id, parts] of built) if (!parts.tile.isConnected) built.delete(id);
    for (const tile of shown) {
      const parts = /** @type {{tile: HTMLElement, canvas: HTMLCanvasElement, drawn: unknown}} */ (built.get(tile.item_id));
      const picture = tile.picture ?? tile.problem;
      if (parts.drawn !== picture) {
        drawSmall(parts.canvas, tile.picture);
        parts.tile.classList.toggle("hitl-tile-broken", tile.problem !== null);
        parts.drawn = picture;
      }
      setAttribute(parts.tile, "aria-selected", String(selected.has(tile.item_id)));
      parts.tile.classList.toggle("hitl-focused", tile.item_id === focus);
    }
    const at = built.get(focus ?? "")?.tile;
    setAttribute(element, "aria-activedescendant", at?.isConnected ? at.id : null);
    if (focus !== focused && at?.isConnected) {
      if (at.offsetTop < element.scrollTop) element.scrollTop = at.offsetTop - 8;
      else if (at.offsetTop + at.offsetHeight > element.scrollTop + element.clientHeight) element.scrollTop = at.offsetTop + at.offsetHeight - element.clientHeight + 8;
    }
    focused = focus;
  }
  return { element, update, columns };
}

/** The item in focus, larger, and why it is here. @param {TriageSession} session */
function buildLarge(session) {
  const canvas = h("canvas", { class: "hitl-thumb", width: LARGE * 2, height: LARGE * 2, role: "img", "aria-label": "The item in focus" });
  const id = h("p", { class: "hitl-large-id" });
  const why = h("p", { class: "hitl-quiet" });
  const note = h("p", { class: "hitl-why" });
  const element = h("section", { class: "hitl-large", "aria-label": "The item in focus" }, canvas, h("div", {}, id, why, note));
  /** @type {unknown} */
  let drawn = null;

  function update() {
    const { tile } = session;
    element.hidden = !tile;
    if (!tile) return;
    const picture = tile.large ?? tile.picture;
    if (drawn !== picture) { drawSmall(canvas, picture); drawn = picture; }
    setText(id, tile.item_id);
    setText(why, `${WHY[tile.why]} by ${tile.annotator}${tile.problem ? `. ${tile.problem}` : ""}`);
    setText(note, tile.note ? `“${tile.note}”` : "");
    note.hidden = !tile.note;
  }
  return { element, update };
}

/** The choices for the items: a label, a new one, or none. @param {TriageSession} session @param {() => void} refocus */
function buildSay(session, refocus) {
  const title = h("h3", { class: "hitl-form-title" });
  const box = h("input", { class: "hitl-search", type: "search", placeholder: "Search labels", "aria-label": "Search labels", autocomplete: "off", spellcheck: "false",
    oninput: () => draw(), onblur: () => { box.value = ""; draw(); }, onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const [first] = found();
      if (first && box.value) { session.assign(first.label_id); refocus(); }
    } });
  const columns = h("div", { class: "hitl-columns" });
  const chips = h("div", { class: "hitl-chips hitl-triage-labels", role: "group", "aria-label": "Labels" }, columns);
  const does = (/** @type {string} */ action, /** @type {string} */ words) => h("button", { type: "button", class: "hitl-key-button", "data-does": action },
    capOf(action), h("span", { text: words }));
  const actions = h("div", { class: "hitl-does" }, does("new_label", "New label"), does("leave_out", "Leave out"), does("send_back", "Send back"), does("select", "Select"));
  const choose = h("div", { class: "hitl-triage-choose" }, h("div", { class: "hitl-row" }, h("h3", { class: "hitl-title", text: "Labels" }),
    h("label", { class: "hitl-find" }, capOf("search"), box)), chips, actions);
  const name = h("input", { type: "text", maxlength: "200", autocomplete: "off", spellcheck: "false" });
  const definition = h("textarea", { rows: "2", placeholder: "What makes an item this and nothing else" });
  /** @type {string | null} */
  let under = null;
  const where = buildPicker({ label: "Under", nothing: "at the top", labels: () => /** @type {any} */ (session.taxonomy.places), onpick: (id) => { under = id; } });
  const own = Math.random().toString(36).slice(2);
  name.id = `hitl-new-${own}`;
  definition.id = `hitl-means-${own}`;
  const words = h("p", { class: "hitl-quiet" });
  const form = h("form", { class: "hitl-form", "aria-label": "New label", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!name.value.trim()) return name.focus();
    session.make(name.value, under, definition.value);
    refocus();
  } }, h("div", { class: "hitl-field" }, h("label", { for: name.id, text: "Name" }), name), where.element,
  h("div", { class: "hitl-field" }, h("label", { for: definition.id, text: "Definition" }), definition), words,
  h("div", { class: "hitl-form-actions" }, h("button", { class: "hitl-key-button", type: "button", onclick: () => { session.escape(); refocus(); } }, cap("Escape"), h("span", { text: "Cancel" })),
    h("button", { class: "hitl-primary", type: "submit" }, h("span", { text: "Create" }), cap("Enter"))));
  const element = h("section", { class: "hitl-triage-say", "aria-label": "What to do with these items" }, title, choose, form);
  let making = false;
  let drawn = "";

  const found = () => {
    const labels = session.taxonomy.labels.filter((label) => label.label_id !== session.taxonomy.other);
    return box.value ? match(labels, box.value, { limit: SHOWN }) : labels.slice(0, SHOWN);
  };

  function draw() {
    const labels = found();
    const now = labels.map((label) => `${label.label_id} ${label.name} ${session.keys.get(label.label_id)} ${label.colour}`).join("\n") + box.value;
    if (now === drawn) return;
    drawn = now;
    /** @type {string | undefined} */
    let group;
    columns.replaceChildren(...labels.flatMap((label, i) => {
      const heading = box.value || label.group === group ? [] : [h("div", { class: "hitl-group", text: label.group ?? "" })];
      if (heading.length) group = label.group;
      const key = session.keys.get(label.label_id) ?? "";
      const dot = h("span", { class: `hitl-swatch${label.colour ? "" : " hitl-no-colour"}`, "aria-hidden": "true" });
      if (label.colour) dot.style.background = label.colour;
      return [...heading, h("button", { type: "button", class: `hitl-chip${box.value && i === 0 ? " hitl-marked" : ""}`, tabindex: "-1", title: label.definition ?? label.path,
        "aria-keyshortcuts": key || false, onmousedown: (/** @type {Event} */ event) => event.preventDefault(), onclick: () => { session.assign(label.label_id); refocus(); } },
      h("kbd", { class: `hitl-cap${key ? "" : " hitl-nokey"}`, text: key.toUpperCase() }), dot, h("span", { class: "hitl-name", text: box.value ? label.path : label.name }))];
    }));
  }

  function update() {
    const { about, shown, selected } = session;
    element.hidden = !about.length;
    const n = about.length;
    setText(title, selected.size ? `${selected.size} selected of ${shown.length}` : n === 1 ? "This item" : `All ${n} of this group`);
    choose.hidden = session.making;
    form.hidden = !session.making;
    setText(words, `${items(n)} get this label${n > 6 ? "; six of them become its examples" : " and become its examples"}.`);
    if (session.making && !making) {
      name.value = definition.value = "";
      under = null;
      where.show(null);
      where.box.value = "";
      if (element.closest(".hitl-triage")?.contains(document.activeElement)) name.focus();
    }
    making = session.making;
    draw();
  }
  return { element, update, search: () => box.focus() };
}
