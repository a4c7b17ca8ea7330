// @ts-check
// The drawer, which covers the labels while it is open: questions, the guideline of a label, the project, notices.

import { exampleOf } from "./about.js";
import { cap, h, setText } from "../dom.js";

/** @typedef {import("./session.js").CardSession} CardSession */
/** @typedef {import("./people.js").Thread} Thread */

const TITLES = { questions: "Questions", guideline: "Guideline", project: "About this project", notices: "What you are told" };
const SIDE = 64;
/** @type {Record<string, string>} */
const SETTLED = { example: "became an example", counter_example: "became a counter-example", sentence: "went into the definition", none: "settled" };

/** A time relative to now, in words. @param {string} at @param {number} now */
export function ago(at, now) {
  const minutes = (now - Date.parse(at)) / 60_000;
  if (!(minutes >= 1)) return "now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(at).toLocaleDateString();
}

/** @param {CardSession} session @param {() => void} refocus */
export function buildDrawer(session, refocus) {
  const title = h("h3", { class: "hitl-face-title" });
  const close = h("button", { class: "hitl-key-button", type: "button", onclick: () => { session.open(null); refocus(); } }, cap("Escape"), h("span", { text: "Close" }));
  const content = h("div", { class: "hitl-drawer-content" });
  const asking = buildAsking(session, refocus);
  const drawer = h("aside", { class: "hitl-drawer", role: "region", "aria-label": "Questions", hidden: true },
    h("div", { class: "hitl-row" }, title, close), content, asking.form);
  /** @type {string | null} */
  let drawn = null;

  function update() {
    const { drawer: kind } = session;
    const opened = drawer.hidden && kind !== null;
    drawer.hidden = kind === null;
    if (kind === null) { drawn = null; return; }
    setText(title, TITLES[kind]);
    drawer.setAttribute("aria-label", TITLES[kind]);
    asking.form.hidden = kind !== "questions" || session.reading !== null;
    asking.update();
    const label = session.explained;
    if (kind === "guideline" && label) session.extras.wantExamples(label);
    const examples = label && session.extras.examples.get(label.label_id);
    const state = JSON.stringify([kind, kind === "questions" ? [session.item?.item_id, label?.label_id, session.people.threads, session.people.replying]
      : kind === "guideline" ? [label, session.people.about, examples?.map(({ name, picture }) => [name, Boolean(picture)])]
        : [session.people.about, session.people.notices, session.setup?.annotator]]);
    if (state === drawn) return;
    drawn = state;
    const { scrollTop } = content;
    content.replaceChildren(...{ questions: questionsOf, guideline: guidelineOf, project: projectOf, notices: noticesOf }[kind](session, asking.focus));
    content.scrollTop = opened ? 0 : scrollTop;
  }

  return { drawer, update, ask() {
    if (session.drawer !== "questions") session.open("questions");
    if (session.drawer === "questions") asking.focus();
  } };
}

/** The field for a question, or an answer. @param {CardSession} session @param {() => void} refocus */
function buildAsking(session, refocus) {
  const box = h("input", { class: "hitl-ask-box", type: "text", maxlength: "2000", "aria-label": "Your question", autocomplete: "off" });
  const choices = [false, true].map((of_label) => {
    const words = h("span");
    const button = h("button", { class: "hitl-key-button", type: "button", onclick: () => { session.people.of_label = of_label; session.people.replying = null; session.changed(); box.focus({ preventScroll: true }); } }, words);
    return { of_label, words, button };
  });
  const about = h("div", { class: "hitl-ask-about", role: "group", "aria-label": "What the question is about" }, h("span", { class: "hitl-quiet", text: "About" }), ...choices.map(({ button }) => button));
  const form = h("form", { class: "hitl-ask", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    if (session.ask(box.value)) {
      box.value = "";
      refocus();
    }
  } }, about, h("div", { class: "hitl-row" }, box, h("button", { class: "hitl-primary", type: "submit", text: "Send" })));

  function update() {
    const { people, item, explained } = session;
    const thread = people.threads.find((one) => one.thread === people.replying);
    if (people.unsent) {
      box.value ||= people.unsent;
      people.unsent = "";
    }
    if (!item) people.of_label = true;
    for (const { of_label, words, button } of choices) {
      button.hidden = of_label ? !explained : !item;
      setText(words, of_label ? `the label ${explained?.name}` : "this item");
      button.setAttribute("aria-pressed", String(!thread && (people.of_label && Boolean(explained)) === of_label));
    }
    about.classList.toggle("hitl-nothing", Boolean(thread));
    const words = thread ? `Answer ${thread.posts[0]?.annotator}` : "What do you want to ask?";
    if (box.placeholder !== words) box.placeholder = words;
    box.setAttribute("aria-label", thread ? words : "Your question");
  }
  return { form, update, focus: () => { update(); box.focus({ preventScroll: true }); } };
}

/** @param {CardSession} session @param {() => void} focus */
function questionsOf(session, focus) {
  const { people, item, explained } = session;
  const [ofItem, ofLabel, others] = people.sorted(item?.item_id, explained?.label_id);
  const fresh = new Set(people.fresh);
  const parts = [[ofItem, "This item"], [ofLabel, `The label ${explained?.name}`], [others, "Elsewhere"]];
  const sections = parts.flatMap(([threads, head]) => (threads.length ? [h("section", {}, h("h4", { class: "hitl-title", text: /** @type {string} */ (head) }),
    .../** @type {Thread[]} */ (threads).map((thread) => threadOf(session, thread, fresh.has(thread), focus, threads === others)))] : []));
  people.look([...ofItem, ...ofLabel, ...others]);
  return sections.length ? sections : [h("p", { class: "hitl-quiet", text: "Nobody has asked anything yet. What you ask appears on the cards of your colleagues, and their answers appear here." })];
}

/** @param {CardSession} session @param {Thread} thread @param {boolean} fresh @param {() => void} focus @param {boolean} elsewhere */
function threadOf(session, thread, fresh, focus, elsewhere) {
  const { people } = session;
  const label = session.labels.get(thread.label_id ?? "") ?? session.explained;
  const answered = thread.posts.some(({ act }) => act === "answer");
  /** @param {import("./people.js").Settling} how @param {string} text @param {string} title */
  const settling = (how, text, title) => h("button", { class: "hitl-key-button", type: "button", title, onclick: () => people.settle(thread, how, how === "none" ? undefined : label?.label_id) }, h("span", { text }));
  const what = elsewhere ? [thread.item_id, session.labels.get(thread.label_id ?? "")?.path].filter(Boolean).join(" · ") : "";
  const makes = !answered || !label || thread.settled ? [] : [
    ...(thread.item_id ? [settling("example", `Example of ${label.name}`, `The item becomes an example of ${label.path}`),
      settling("counter_example", "Counter-example", `The item becomes an example of what is not ${label.path}`)] : []),
    settling("sentence", thread.item_id ? "Sentence of the definition" : `Sentence of the definition of ${label.name}`, `The last answer is added to the definition of ${label.path}`)];
  return h("article", { class: `hitl-thread${fresh ? " hitl-fresh" : ""}`, "data-thread": thread.thread },
    ...(what ? [h("p", { class: "hitl-quiet", text: what })] : []),
    ...thread.posts.filter(({ text }) => text).map((post) => h("p", { class: post.act === "ask" ? "hitl-asked" : "hitl-answered" }, h("b", { text: post.annotator === people.annotator ? "You" : post.annotator }),
      document.createTextNode(` ${post.text} `), h("span", { class: "hitl-quiet", text: ago(post.at, session.now()) }))),
    h("div", { class: "hitl-thread-acts" }, ...(thread.settled ? [h("span", { class: "hitl-quiet", text: `✓ ${SETTLED[thread.how ?? "none"] ?? "settled"}` })] : [
      h("button", { class: "hitl-key-button hitl-answer-this", type: "button", "aria-pressed": String(people.replying === thread.thread), onclick: () => { people.replying = thread.thread; focus(); session.changed(); } }, h("span", { text: "Answer" })),
      ...(makes.length ? [h("span", { class: "hitl-quiet", text: "Make it:" })] : []), ...makes, ...(answered ? [settling("none", "Settled", "Nothing is to be done")] : [])])));
}

/** @param {CardSession} session */
function guidelineOf(session) {
  const { people: { about }, explained: label } = session;
  const purpose = about?.purpose ? [h("p", { class: "hitl-purpose" }, h("b", { text: "Purpose " }), document.createTextNode(about.purpose))] : [];
  if (!label) return [...purpose, h("p", { class: "hitl-quiet", text: "Go to a label with the arrow keys, or click the i beside it." })];
  const all = session.extras.examples.get(label.label_id) ?? [];
  /** @type {[string, typeof all, string][]} */
  const groups = [["Examples", all.filter(({ against, case: hard }) => !against && !hard), ""], ["Counter-examples", all.filter(({ against, case: hard }) => against && !hard), "against"]];
  for (const hard of new Set(all.flatMap((example) => example.case ?? []))) groups.push([`Hard to see: ${hard}`, all.filter((example) => example.case === hard), hard]);
  const address = /^https?:/.test(label.link ?? "") ? label.link ?? "" : "";
  return [...purpose, h("h4", { class: "hitl-guided", text: label.path }),
    h("p", { class: "hitl-definition", text: label.definition || "It has no definition yet. A question about it may become one." }),
    ...(label.sensitive ? [h("p", { class: "hitl-sensitive", text: `Sensitive, because ${label.sensitive}` })] : []),
    ...(address ? [h("p", {}, h("a", { href: address, target: "_blank", rel: "noopener noreferrer", text: "more" }))] : []),
    ...groups.flatMap(([head, examples, kind]) => (examples.length ? [h("section", { "data-case": kind }, h("h4", { class: "hitl-title", text: head }),
      h("div", { class: "hitl-examples" }, ...examples.map((example) => exampleOf(example, SIDE))))] : [])),
    ...(all.length ? [] : [h("p", { class: "hitl-quiet", text: label.n_examples ? "Its examples are on their way …" : "It has no examples yet." })])];
}

/** Who sees what, in words. @param {import("./people.js").About | null} about @param {string} annotator */
export function whoSees(about, annotator) {
  const owner = about?.owner === annotator ? "you made this project and see" : `${about?.owner ?? "the owner"} sees`;
  return about?.names ? `Your figures are yours. In this project names are shown to the owner: ${owner} them beside each person's figures.`
    : `Your figures are yours. Names aren't shown to the owner: ${owner} the figures of groups of five people or more.`;
}

/** @param {CardSession} session */
function projectOf(session) {
  const { people, setup } = session;
  const { about } = people;
  return [h("p", { class: "hitl-purpose" }, h("b", { text: "Purpose " }), document.createTextNode(about?.purpose ?? "Nobody has written down what this project is for.")),
    ...(about?.asked ? [h("p", { class: "hitl-assigned", text: about.asked })] : []),
    h("p", { text: whoSees(about, setup?.annotator ?? "") }),
    h("p", { text: "In a cell, wb.people.own() shows your own figures: your slips, your calibration, your bias." }),
    h("p", { class: "hitl-quiet", text: "The project's log lies in its folder: whoever can open the folder can read all of it, names too." }),
    ...(about?.takes_part ?? []).map((to) => h("section", { class: "hitl-takes-part" },
      h("p", { text: to === "planted" ? "You agreed that some suggestions may be wrong on purpose. You may stop at any time; you are told which ones when the sitting is over." : `You take part in: ${to}.` }),
      h("div", { class: "hitl-row" }, h("button", { class: "hitl-key-button", type: "button", onclick: () => people.consent(false, to) }, h("span", { text: "Stop taking part" })),
        h("button", { class: "hitl-key-button", type: "button", onclick: () => { session.stop(); session.open(null); } }, h("span", { text: "End the sitting: which ones were wrong?" })))))];
}

/** @param {CardSession} session */
function noticesOf(session) {
  return session.people.notices.map((notice) => h("section", {}, h("p", { text: notice.text }),
    h("ul", { class: "hitl-lines" }, ...notice.lines.map((line) => h("li", { text: line }))),
    h("button", { class: "hitl-primary", type: "button", text: "Understood", onclick: () => { session.people.dismiss(notice); if (!session.people.notices.length) session.open(null); } })));
}

/** The bar with a notice, in place of the last decisions until it is dismissed. @param {CardSession} session @param {() => void} refocus */
export function buildNotice(session, refocus) {
  const words = h("span", { class: "hitl-told-words", role: "status", "aria-live": "polite" });
  const show = h("button", { class: "hitl-key-button", type: "button", onclick: () => session.open("notices") }, h("span", { text: "Which ones?" }));
  const done = h("button", { class: "hitl-primary", type: "button", text: "Understood", onclick: () => {
    const [notice] = session.people.notices;
    if (notice) session.people.dismiss(notice);
    refocus();
  } });
  const bar = h("div", { class: "hitl-told", hidden: true }, words, show, done);
  return { bar, update() {
    const [notice] = session.people.notices;
    bar.hidden = !notice || session.drawer === "notices";
    setText(words, notice?.text ?? "");
    bar.classList.toggle("hitl-alarm", notice?.kind === "alarm");
    show.hidden = !notice?.lines.length;
  } };
}
