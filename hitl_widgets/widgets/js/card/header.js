// @ts-check
// The line above the item, the warning that the server is temporary, and the line below the item.

import { capOf, h, setText } from "../dom.js";
import { hints } from "./object_list.js";

/** @typedef {import("./session.js").CardSession} CardSession */

/** Names of the queues other than that of open items. @type {Record<string, string>} */
const QUEUES = { second_look: "Second looks", relabel: "Asked again" };
/** @type {Record<string, string>} */
const MEANS = { "Second looks": "Answers that may be wrong, yours first, are asked again without the model's prediction",
  "Asked again": "Items whose answer a change of the taxonomy left in doubt" };
const NEWS_MS = 60_000; // news of others is shown for this long

/** @param {number} n @param {string} one @param {string} many */
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** @param {CardSession} session @param {{help: () => void, ask: () => void}} on */
export function buildHeader(session, on) {
  const focus = h("span", { class: "hitl-focus", title: "A click on the card gives it the keys, Esc gives them back to the notebook" }, h("span", { class: "hitl-dot", "aria-hidden": "true" }),
    h("span", { class: "hitl-focus-on", text: "Keys on" }), h("span", { class: "hitl-focus-off", text: "Click to use the keys" }));
  const done = h("span", { class: "hitl-done" });
  const meter = h("span", { class: "hitl-meter", "aria-hidden": "true" }, h("span"));
  const pace = h("span", { class: "hitl-quiet hitl-pace" });
  const pending = h("span", { class: "hitl-pending", role: "status" });
  const who = h("button", { class: "hitl-who", type: "button", onclick: () => session.open("project") });
  const badge = h("span", { class: "hitl-badge", role: "status", hidden: true });
  const questions = h("button", { class: "hitl-key-button", type: "button", title: "Ask a question; answers appear here", hidden: true, onclick: on.ask }, capOf("question"), badge, h("span", { class: "hitl-wide", text: "Questions" }));
  const help = h("button", { class: "hitl-key-button", type: "button", title: "All keys", onclick: on.help }, capOf("help"), h("span", { text: "Keys" }));
  const header = h("div", { class: "hitl-header hitl-one-line" }, focus,
    h("span", { class: "hitl-progress" }, done, meter, pace, pending), h("span", { class: "hitl-about" }, who, questions, help));

  function update() {
    const { setup, tally } = session;
    const { pace_s } = tally;
    const number = (/** @type {number} */ x) => x.toLocaleString("en");
    const { round, asked, answered = 0, open, items } = setup?.progress ?? {};
    const queue = QUEUES[setup?.queue ?? ""];
    const others = items === undefined || open === undefined ? 0 : items - answered - open;
    const all = items ?? (open === undefined ? undefined : answered + open);
    const [n, of] = setup?.n ? [tally.here, setup.n] : queue ? [tally.here, asked] : [tally.answered, all];
    setText(done, !setup ? "" : [`${queue ? `${queue}: ` : ""}${number(n)}${of ? ` of ${number(of)}` : ""}${setup.n ? " here" : queue ? " done" : ""}`,
      !queue && !setup.n && others > 0 && `${number(others)} by others`,
      !queue && round && `${number(tally.in_round)} in round ${round}`, `${number(tally.today)} today`].filter(Boolean).join(" · "));
    done.title = `${done.textContent}. ${queue ? MEANS[queue] : "Items that have your answer: in all, since the last fine-tuning, today. Items done by others aren't asked of you"}`;
    meter.hidden = !of;
    if (of) /** @type {HTMLElement} */ (meter.firstChild).style.width = `${Math.min(100, (100 * n) / of)}%`;
    setText(pace, pace_s === null ? "" : `${pace_s < 10 ? pace_s.toFixed(1) : Math.round(pace_s)} s each`);
    setText(pending, session.pending ? `${session.pending} to be stored` : setup ? "all stored" : "");
    pending.classList.toggle("hitl-late", session.pending > 0 && session.waited_ms > 2000);
    const fresh = session.people.fresh.length;
    questions.hidden = !setup?.people;
    badge.hidden = !fresh;
    /** @type {HTMLElement} */ (questions.lastChild).hidden = fresh > 0;
    setText(badge, fresh ? `${fresh} new` : "");
    setText(who, setup ? `${setup.annotator} · taxonomy v${setup.taxonomy.version}` : "");
    who.title = `${who.textContent}. About this project: its purpose, and who sees what`;
  }
  return { header, update };
}

/** The warning on Binder, where the work exists only on a temporary server. @param {CardSession} session */
export function buildTemporary(session) {
  const button = h("button", { class: "hitl-primary", type: "button", text: "Download the archive", onclick: () => session.extras.wantArchive() });
  const bar = h("div", { class: "hitl-temporary", role: "note", hidden: true },
    h("span", { text: "This server is temporary: your decisions are lost with it, unless you download them." }), button);
  return { bar, update() { bar.hidden = !session.setup?.temporary; button.disabled = session.extras.packing; } };
}

/** The bar that says what the person's role allows, and which answers are kept aside. @param {CardSession} session */
export function buildStanding(session) {
  const text = h("span");
  const bar = h("div", { class: "hitl-temporary hitl-standing", role: "status", hidden: true }, text);
  return { bar, update() {
    const { reading, people: { aside } } = session;
    setText(text, [reading, aside].filter(Boolean).join(" "));
    bar.hidden = !reading && !aside;
  } };
}

/** @param {CardSession} session */
export function buildFooter(session) {
  const notice = h("span", { class: "hitl-notice", role: "status" });
  const news = h("span", { class: "hitl-news", role: "status" });
  // Screen readers announce what was learnt, but not when the model learns next.
  const learnt = h("span", { role: "status" });
  const next = h("span");
  const learning = h("span", { class: "hitl-learning" }, learnt, next);
  const footer = h("div", { class: "hitl-footer" }, notice, news, learning);

  /** @returns {string | null} */
  function wrong() {
    const { item, pending, waited_ms } = session;
    if (session.crashed) return `The card itself failed: ${session.crashed}. Your decisions are kept; reload the page.`;
    if (session.gone && !session.closed) {
      return `The kernel was restarted or has died: run the notebook from the top. ${session.pending ? `${count(session.pending, "decision is", "decisions are")} kept ${
        session.outbox.durable ? "in this browser" : "in this tab only"} until then.` : "All your decisions are stored."}`;
    }
    if (item?.rejection) return `Not stored: ${item.rejection}`;
    if (waited_ms > 4000 && pending) {
      return `The kernel hasn't answered for ${Math.round(waited_ms / 1000)} s. ${count(pending, "decision is", "decisions are")} kept ${
        session.outbox.durable ? "in this browser" : "in this tab only"} and sent again.`;
    }
    return session.trouble ?? (session.notice?.bad ? session.notice.text : null);
  }

  function update() {
    const { setup, outbox, notice: said } = session;
    const bad = wrong();
    const hint = bad === null && !said?.text && setup ? hints(session) : "";
    setText(notice, bad ?? (!setup ? "" : !outbox.durable ? `${said?.text ?? ""} (this browser keeps nothing: unstored decisions live in this tab only)`
      : outbox.others ? `${said?.text ?? ""} (${count(outbox.others, "decision", "decisions")} of another annotator wait in this browser until they open the card)`
        : said?.text || hint));
    notice.classList.toggle("hitl-hint", hint !== "");
    notice.classList.toggle("hitl-bad", bad !== null);
    const { news: heard } = session;
    const untold = heard && session.never.untold;
    const fresh = heard && (untold || session.now() - heard.at < NEWS_MS) && heard.text !== notice.textContent ? heard.text : "";
    setText(news, fresh);
    news.title = fresh;
    const { text = "", next: follows = "", why = "" } = session.learning ?? {};
    setText(learnt, text);
    setText(next, follows && ` · ${follows}`);
    learning.title = why;
    session.told(`${notice.textContent} ${fresh}`);
  }
  return { footer, update };
}
