// @ts-check
// The two comms of a widget: acts go out and are answered on the widget's own, pushes come on the feed's. Read `widget`.

import { newId } from "./outbox.js";
import { leave, pageOf } from "./page.js";
import { buildWatching } from "./watching.js";

/** @typedef {import("./types.d.ts").WidgetModel} WidgetModel */
/** The state of a widget, as far as its comms call it; `line` is told whether the kernel is there, `leave` that the page is left.
 * @typedef {import("./session.js").Session<any, any> & {reply: (content: any) => void, push: (content: any, buffers: ArrayBufferView[]) => void}} Talker */
/** @typedef {{send: (message: object) => void, reopen: () => void, page: import("./page.js").Page}} Line */

const TARGET = "hitl_widgets.acts";
const SETTLE_MS = 400; // a new comm needs this long to get a subshell of its own

/** Pushes come on the feed's comm, which may be made a moment after the card's. @param {WidgetModel} model */
async function findFeed(model) {
  for (let wait = 50; ; wait = Math.min(2000, wait * 2)) {
    try {
      const feed = await model.widget_manager.get_model(model.get("feed"));
      if (feed) return feed;
    } catch { /* not there yet */ }
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** Makes the state of a widget model with its connection, and a function that ends it.
 * @template {Talker} T
 * @param {WidgetModel} model @param {(line: Line) => T} make @returns {{state: T, close: () => void}} */
function connect(model, make) {
  const page = pageOf();
  /** Each message says which page it comes from. @param {object} message */
  const signed = (message) => ({ ...message, page: page.id });
  let send = (/** @type {object} */ message) => model.send(message);
  /** @type {import("./types.d.ts").WidgetComm | null} */
  let line = null;

  // Two acts in a row weren't answered: the card's comm may be blocked, and a new one may get through.
  async function reopen() {
    const comm = await model.widget_manager._create_comm?.(TARGET, newId()).catch(() => undefined);
    if (!comm) return;
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    comm.open({ feed: model.get("feed") });
    comm.on_msg((message) => {
      // The first answer on the new comm puts it in use.
      if (line !== comm) { line?.close(); line = comm; send = (m) => comm.send(m); }
      state.reply(message.content.data);
    });
    comm.send(signed(state.greeting()));
  }

  const state = make({
    page,
    send: (message) => send(signed(message)),
    reopen: () => { reopen().catch((error) => console.warn("hitl_widgets: no new line:", error)); },
  });
  /** @param {any} content */
  const onReply = (content) => state.reply(content);
  /** @param {any} content @param {ArrayBufferView[]} buffers */
  const onPush = (content, buffers) => state.push(content, buffers);
  /** @type {WidgetModel | undefined} */
  let feed;
  const onLine = () => state.line(feed?.comm_live !== false);
  model.on("msg:custom", onReply);
  // Not awaited: the model counts as ready at once, whatever the kernel is doing.
  findFeed(model).then((found) => {
    feed = found;
    feed.on("msg:custom", onPush);
    feed.on("comm_live_update", onLine);
    state.hello();
  });
  const clock = setInterval(() => state.tick(), 250);
  const onLeave = () => {
    state.leave();
    leave(page);
    try { send(signed({ kind: "leave" })); } catch { /* the kernel finds out by itself */ }
  };
  /** The browser had kept the page, and shows it again. @param {PageTransitionEvent} event */
  const onReturn = ({ persisted }) => { if (persisted) state.hello(); };
  addEventListener("pagehide", onLeave);
  addEventListener("pageshow", onReturn);
  const close = () => {
    clearInterval(clock);
    removeEventListener("pagehide", onLeave);
    removeEventListener("pageshow", onReturn);
    model.off("msg:custom", onReply);
    feed?.off("msg:custom", onPush);
    feed?.off("comm_live_update", onLine);
  };
  return { state, close };
}

/** What anywidget loads: `initialize` once for each widget model, `render` for each view of it.
 * @template {Talker} T
 * @param {(line: Line) => T} make @param {(el: HTMLElement, state: T) => (() => void) | undefined | void} render */
export const widget = (make, render) => () => {
  /** @type {T | undefined} */
  let state;
  return {
    /** @param {{model: WidgetModel}} context */
    initialize({ model }) {
      const connected = connect(model, make);
      state = connected.state;
      return connected.close;
    },
    /** @param {{el: HTMLElement}} context */
    render({ el }) {
      if (!state) return undefined;
      const ends = [render(el, state), buildWatching(el, state)];
      state.appear();
      return () => { for (const end of ends) end?.(); };
    },
  };
};
