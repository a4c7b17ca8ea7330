// @ts-check
// The card on the page: builds DOM, wires events, returns a cleanup.

import { buildAbout } from "./about.js";
import { h, nameKeys, setAttribute, setText } from "../dom.js";
import { buildHelp } from "../help.js";
import { handBack, keepKeys } from "../notebook.js";
import { buildFace } from "./faces.js";
import { buildDrawer, buildNotice } from "./drawer.js";
import { digitOf, pressed, read, REPEATABLE } from "../keys.js";
import { buildFields } from "./attributes.js";
import { buildObjectList } from "./object_list.js";
import { FIXED } from "../objects/keys.js";
import { snap } from "../objects/snap.js";
import { palette } from "../objects/palette.js";
import { buildObjects, greyAround } from "../stage/objects.js";
import { FIXED as SPAN_FIXED } from "../text/span_keys.js";
import { buildSpans } from "../text/span_layer.js";
import { buildActions, buildCertainty, buildFlags, buildReason } from "./beside.js";
import { buildBars, buildLabels, percent } from "./panel.js";
import { buildLegend, buildStage } from "./stage.js";
import { buildStrip } from "./strip.js";
import { buildFooter, buildHeader, buildStanding, buildTemporary } from "./header.js";
import { reads } from "./reading.js";

/** @typedef {import("./session.js").CardSession} CardSession */

/** @type {[string[], string][]} */
const CERTAINTY_KEYS = [[["⇧", "`", "…", "0"], "how sure you are: 0, 1 … 9, 10"]];
/** @type {Record<string, [string[], string][]>} */
const LABEL_KEYS = { classify: [[["1", "…", "0", "letters"], "choose the label with that key"]],
  multilabel: [[["1", "…", "0", "letters"], "turn the label with that key on or off"]], scale: [] };
/** @type {[string[], string][]} */
const OBJECT_KEYS = [[["1", "…", "0", "letters"], "the label with that key: of the object in focus, or else of what you draw next"], ...FIXED];
/** @type {[string[], string][]} */
const SPAN_KEYS = [[["1", "…", "0", "letters"], "make what is selected a span of the label with that key; of the span in focus: change its label"], ...SPAN_FIXED];
/** @type {[string[], string][]} */
const VALUE_KEYS = [[["Tab", "⇧", "Tab"], "from the labels to their attributes, from one to the next, and back; so do ↑ and ↓ there"],
  [["1", "…", "0"], "in an attribute: the choice with that key, or the number, digit by digit; on a scale from 0 to 1 digits are tenths, hundredths"],
  [["ArrowLeft", "ArrowRight"], "in an attribute: a step down or up; with ⇧ ten steps, Home and End to the ends"],
  [["Backspace"], "in an attribute: removes your value"]];
/** Actions that are possible while no item is on the screen. */
const WITHOUT_ITEM = new Set(["undo", "earlier", "later", "help", "question", "guideline", "project"]);
/** How far a key scrolls the list of keys. @type {Record<string, number>} */
const SCROLLS = { ArrowDown: 0.1, ArrowUp: -0.1, PageDown: 0.9, PageUp: -0.9, End: 9, Home: -9 };

/** @param {HTMLElement} el @param {CardSession} session @returns {() => void} */
export function render(el, session) {
  const refocus = () => root.focus({ preventScroll: true });
  const stage = buildStage(session);
  const legend = buildLegend(session);
  const reason = buildReason(session);
  const about = buildAbout(session);
  const header = buildHeader(session, { help: () => help.toggle(), ask: () => drawer.ask() });
  const temporary = buildTemporary(session);
  const standing = buildStanding(session);
  const bars = buildBars(session);
  /** Colours and tags of objects, kept while the labels and their keys stay the same. @type {{labels: unknown, keys: unknown, colourOf: (label_id: string) => string, tagOf: (label_id: string) => string}} */
  let looks = { labels: null, keys: null, colourOf: () => "#fff", tagOf: () => "" };
  const objects = buildObjectList(session, (label_id) => looks.colourOf(label_id));
  /** @type {import("../stage/objects.js").Host} */
  const host = {
    get objects() { return session.annotating.objects; }, get labels() { return session.annotating.labels; },
    nameOf: (label_id) => session.nameOf(label_id), get colourOf() { return looks.colourOf; }, get tagOf() { return looks.tagOf; },
    changed: () => session.annotating.done(""), has_keys: () => root.contains(document.activeElement), soon,
  };
  const layer = buildObjects(host);
  const spans = buildSpans(host, stage.reader);
  session.annotating.page = spans.page;
  const labels = buildLabels(session, refocus);
  const fields = buildFields(session);
  const certainty = buildCertainty(session);
  const flags = buildFlags(session, refocus);
  const actions = buildActions(session);
  const strip = buildStrip(session);
  const footer = buildFooter(session);
  const face = buildFace(session, refocus);
  const drawer = buildDrawer(session, refocus);
  const notice = buildNotice(session, refocus);
  const keyRows = () => [...(session.annotating.kind === "span" ? SPAN_KEYS : session.annotating.on ? OBJECT_KEYS : LABEL_KEYS[session.setup?.task ?? "classify"] ?? []), ...CERTAINTY_KEYS, ...(session.answering.attributes.size ? VALUE_KEYS : [])];
  const help = buildHelp(session, { refocus, first: keyRows, takes_focus: false });
  const revising = h("div", { class: "hitl-revising", hidden: true });
  const live = h("div", { class: "hitl-spoken", "aria-live": "polite" });
  stage.stage.append(revising, reason.words);
  const panel = h("div", { class: "hitl-panel" }, bars.element, objects.element, labels.element, fields.element, certainty.element, reason.element, flags.element, actions.element);
  const body = h("div", { class: "hitl-body" },
    h("div", { class: "hitl-left" }, stage.stage, legend.legend, about.about),
    panel,
    face.face, drawer.drawer, help.help);
  const root = h("div", { class: "hitl-card", tabindex: "0", role: "application", "aria-label": "Decision card",
    "aria-roledescription": "decision card", "data-lm-suppress-shortcuts": "true", "data-item": "", "data-pending": "0" },
  header.header, temporary.bar, standing.bar, body, notice.bar, strip.strip, footer.footer, live);

  /** @type {Record<string, () => void>} */
  const actionsByName = {
    accept: () => session.accept(), toggle: () => session.focused && session.choose(session.focused.label_id), search: () => labels.search(), next_label: () => session.point(1),
    previous_label: () => session.point(-1), unsure: () => session.unsure(), guess: () => session.guess(),
    skip: () => session.skip(), undo: () => session.undo(), earlier: () => session.step(-1), later: () => session.step(1),
    surer: () => session.nudge(1), less_sure: () => session.nudge(-1), flag: () => session.flag(),
    flag_ethics: () => session.toggleFlag("ethics"), flag_bad_data: () => session.toggleFlag("bad_data"),
    flag_not_in_taxonomy: () => session.toggleFlag("not_in_taxonomy"), flag_second_look: () => session.toggleFlag("second_look"),
    note: () => flags.write(), right_reason: () => session.judge("right"), wrong_reason: () => session.judge("wrong"),
    brush: () => session.nextBrush(), map: () => session.toggleMap(), display: () => session.nextMap("mode"),
    method: () => session.nextMap("method"), against: () => session.oppose(),
    fainter: () => session.fade(-0.1), stronger: () => session.fade(0.1),
    zoom_in: () => stage.zoom(1.5), zoom_out: () => stage.zoom(1 / 1.5), fit: () => stage.zoom(0),
    left: () => stage.move(-0.1, 0), right: () => stage.move(0.1, 0), up: () => stage.move(0, -0.1), down: () => stage.move(0, 0.1),
    page_up: () => stage.move(0, -0.9), page_down: () => stage.move(0, 0.9),
    question: () => drawer.ask(), guideline: () => session.open("guideline"), project: () => session.open("project"),
    help: () => help.toggle(),
    ...Object.fromEntries(["draw", "delete", "other_end", "widen", "next_corner", "previous_corner", "add_corner", "remove_corner"].map((name) => [name,
      () => { if (!session.annotating.act(name, stage.view()) && name !== "draw") session.say(session.annotating.kind === "span" ? "Arrows select words, Tab takes a span." : "Choose an object first (Tab)."); }])),
    snap: () => toEdges(), snap_side: () => toEdges(true), alone: () => session.annotating.hold(true), close_up: () => { const { bounds } = session.annotating; if (bounds) stage.closer(bounds); else stage.zoom(0); },
  };

  /** Snaps the object in focus to the edges in the picture. @param {boolean} [side] only the side that was moved last */
  function toEdges(side = false) {
    const { current = null, size } = session.annotating.objects ?? {};
    const picture = session.item?.picture;
    if (!current || !size || !picture) return session.say("Choose an object first (Tab).");
    session.annotating.withObjects((all) => snap(all, greyAround(picture, size, current.at), { side }));
  }

  /** @param {import("../keys.js").Action} action */
  function act(action) {
    if (session.face && action.kind === "do" && !WITHOUT_ITEM.has(action.action)) return;
    if (session.reading && !reads(action)) return session.say(session.reading, true);
    if (action.kind === "label") session.press(action.key);
    else if (action.kind === "certainty") session.rate(action.value);
    else if (action.kind === "do") actionsByName[action.action]?.();
    else if (!help.help.hidden) help.toggle(false);
    else if (!session.escape()) handBack(root);
  }

  /** What keys do while the brush is active. @type {Record<string, Parameters<CardSession["withBrush"]>[0]>} */
  const brushKeys = {
    ArrowLeft: (brush, item) => brush.move(item, -1, 0), ArrowRight: (brush, item) => brush.move(item, 1, 0),
    ArrowUp: (brush, item) => brush.move(item, 0, -1), ArrowDown: (brush, item) => brush.move(item, 0, 1),
    " ": (brush, item, draft) => brush.press(item, draft), p: () => session.nextTool(),
    ",": (brush, item) => brush.step(item, -1), ".": (brush, item) => brush.step(item, 1), e: (brush) => { brush.erasing = !brush.erasing; },
    "]": (brush) => brush.resize(1.3), "[": (brush) => brush.resize(1 / 1.3), PageUp: (brush) => brush.resize(1.3),
    PageDown: (brush) => brush.resize(1 / 1.3),
  };

  /** A key for the words of a text, while these are marked. @param {KeyboardEvent} event @returns {boolean} */
  function onWords(event) {
    const { words, kind } = session.brush;
    if (!words || !kind || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return false;
    const { key, shiftKey } = event;
    if (key === " ") session.withBrush((brush, item, draft) => brush.press(item, draft));
    else if (key === "e" && !shiftKey) session.withBrush((brush) => { brush.erasing = !brush.erasing; });
    else if (!stage.reader.lead(words, key, shiftKey)) return false;
    return true;
  }

  /** Handles a key that is for an attribute, or goes to one. @param {KeyboardEvent} event @returns {boolean} */
  function onValue(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || session.face || session.drawer || session.asking) return false;
    if (event.key === "Tab") return session.answering.move(event.shiftKey ? -1 : 1);
    return session.answering.key(pressed(event), digitOf(event) ?? "", event.repeat);
  }

  /** A key for the objects of the item: Tab, arrows, Esc. @param {KeyboardEvent} event @returns {boolean} */
  function onObject(event) {
    if (!session.annotating.on || event.isComposing || session.face || session.drawer || session.asking) return false;
    if (event.key === "Tab" ? event.target !== root : session.brush.kind) return false; // Tab: from one button to the next
    session.brush.kind = null; // the next object has a reason of its own
    return session.annotating.key(event) || (event.key === " " && event.target === root); // the notebook doesn't scroll below it
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (!help.help.hidden && SCROLLS[event.key]) {
      event.preventDefault();
      help.help.scrollBy(0, SCROLLS[event.key] * help.help.clientHeight);
      return;
    }
    if (target.closest("input:not([type=range])")) {
      if (event.key === "Escape") {
        if (target.closest(".hitl-drawer")) session.escape();
        refocus();
      }
      return;
    }
    if (target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
    if (session.face === "consent" && !event.ctrlKey && !event.altKey && !event.metaKey && (event.key === "y" || event.key === "n")) {
      event.preventDefault();
      return session.people.consent(event.key === "y");
    }
    if (help.help.hidden && !session.reading && onWords(event)) return event.preventDefault();
    if (session.brush.kind && !session.brush.words && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey && brushKeys[event.key]) {
      event.preventDefault();
      return session.withBrush(brushKeys[event.key]);
    }
    if (help.help.hidden && !session.reading && (onObject(event) || onValue(event))) {
      event.preventDefault();
      return;
    }
    const action = read(event, session.bindings, { asking: session.asking !== null });
    if (!action) return;
    event.preventDefault();
    const name = action.kind === "do" ? action.action : action.kind;
    if (event.repeat && !REPEATABLE.has(name) && !(name === "delete" && session.annotating.goesOn())) return;
    if (!help.help.hidden && name !== "help" && name !== "escape") return;
    act(action);
  }

  /** Whether a key does the same whatever item is on the screen. @param {KeyboardEvent} event */
  function isForAnyItem(event) {
    const action = read(event, session.bindings);
    return action?.kind === "do" && WITHOUT_ITEM.has(action.action);
  }

  keepKeys(root, el, (event) => guard(() => {
    // A decision applies to the item on the screen, not to one that came after the last frame.
    const { item } = root.dataset;
    if (frame) update();
    if (root.dataset.item !== item && !isForAnyItem(event)) event.preventDefault();
    else onKey(event);
  }));
  // Shows again the objects that were hidden while a key was held.
  for (const name of ["keyup", "focusout"]) root.addEventListener(name, () => session.annotating.hold(false));
  root.addEventListener("click", (event) => {
    // A click anywhere on the card gives it the keys; a button hands them back once it has done its work.
    const target = /** @type {HTMLElement} */ (event.target);
    if (!target.closest("input:not([type=range]), a") && !help.help.contains(target) && !target.closest(".hitl-ask, .hitl-answer-this")) refocus();
  });

  /** Runs a step, and shows its errors on the card. @param {() => void} step */
  function guard(step) {
    try { step(); } catch (error) {
      session.crash(error);
      footer.update();
    }
  }

  /** Runs a step just after the next frame. @param {() => void} step */
  function soon(step) {
    requestAnimationFrame(() => setTimeout(() => guard(step)));
  }

  /** @type {unknown} */
  let spoken = null;
  /** @type {unknown} */
  let named = null;
  let later = false;
  let frame = 0;
  let revealed = "";

  // What a key changes at once; painted in the very next frame.
  function update() {
    cancelAnimationFrame(frame);
    frame = 0;
    const { item } = session;
    if (session.setup && session.setup.keys !== named) {
      named = session.setup.keys;
      nameKeys(root, session.setup.keys);
    }
    if (session.annotating.on) updateObjects();
    setAttribute(root, "data-item", item && !session.face ? item.item_id : "");
    setAttribute(root, "data-pending", String(session.pending));
    setAttribute(root, "data-task", session.setup?.task ?? null);
    setAttribute(root, "data-field", session.answering.field?.attribute_id ?? null);
    setAttribute(root, "data-face", session.face ?? "");
    setAttribute(root, "data-learnt", String(session.learning?.learnt ?? 0));
    setAttribute(root, "data-learning", session.learning?.name ?? null);
    setAttribute(root, "data-answered", session.first ? "first" : null);
    setAttribute(root, "data-reading", session.reading ? "true" : null);
    panel.inert = session.reading !== null; // what would be refused can't be clicked either
    revising.hidden = !session.revising;
    stage.stage.classList.toggle("hitl-has-top", session.revising !== null);
    if (session.revising) setText(revising, `You answered: ${session.wordsOf(session.revising.past)}. ${session.reading ? "Press" : "Choose again to revise it, or press"} Esc.`);
    stage.update();
    spans.update();
    bars.update();
    labels.update();
    fields.update();
    certainty.update();
    face.update();
    drawer.update();
    notice.update();
    strip.strip.classList.toggle("hitl-nothing", !notice.bar.hidden);
    if (later) return;
    later = true;
    // The rest may come a moment after the picture.
    soon(() => { later = false; updateLater(); });
  }

  /** Updates the objects on the stage. */
  function updateObjects() {
    const { setup, keys, annotating } = session;
    if (!layer.svg.parentNode && annotating.kind !== "span") stage.over(layer);
    if (setup && (looks.labels !== setup.taxonomy || looks.keys !== keys)) {
      looks = { labels: setup.taxonomy, keys, colourOf: palette(setup.taxonomy.labels), tagOf: (label_id) => keys.get(label_id)?.toUpperCase() ?? "" };
    }
    const { bounds } = annotating;
    if (bounds && bounds.join() !== revealed) stage.reveal(bounds);
    revealed = bounds?.join() ?? "";
  }

  function updateLater() {
    const { item } = session;
    layer.rest();
    spans.updateLater();
    objects.update();
    legend.update();
    reason.update();
    flags.update();
    actions.update();
    footer.update();
    header.update();
    temporary.update();
    standing.update();
    about.update();
    strip.update();
    help.update();
    objects.scroll(); // the last of all that is written
    const step = item?.first ?? item;
    if (step && step !== spoken) {
      spoken = step;
      const seen = session.suggestion;
      const proposed = session.answering.proposed;
      setText(live, session.annotating.on ? `${session.blind ? "Blind item. " : ""}${session.annotating.inWords()}` : proposed ? `Suggestion: ${session.nameOf(item?.suggestion)}` : seen ? `${session.first ? `You answered ${session.wordsOf(session.first)}. ` : ""}Suggestion: ${session.labels.get(seen[0])?.name}, ${percent(seen[1])}`
        : session.blind ? "Blind item: what do you see?" : "No suggestion: what do you see?");
    }
  }

  const stop = session.subscribe((at_once) => {
    // Changes from the kernel wait together for the next frame, since keys go first.
    if (!at_once) frame ||= requestAnimationFrame(() => guard(update));
    else guard(update);
  });
  el.append(root);
  guard(update);
  return () => { stop(); cancelAnimationFrame(frame); stage.stop(); root.remove(); };
}
