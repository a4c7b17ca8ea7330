// @ts-check
// The decision card, as anywidget loads it: `initialize` once for each widget model, `render` for each view of it.

import { basePath, newId, probe } from "./outbox.js";
import { decode } from "./pictures.js";
import { Session } from "./session.js";
import { render } from "./view.js";

/** @typedef {import("./types.d.ts").WidgetModel} WidgetModel */

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

/** Once the next frame is painted; soon all the same where none is, as in a tab that nobody looks at. @param {() => void} step */
function afterFrame(step) {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    step();
  };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); once(); };
  requestAnimationFrame(() => port2.postMessage(null));
  setTimeout(once, 100);
}

/** Hands a file to the browser's downloads. @param {string} name @param {ArrayBufferView} bytes */
function save(name, bytes) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (bytes)], { type: "application/zip" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {WidgetModel} model */
function connect(model) {
  let send = (/** @type {object} */ message) => model.send(message);
  /** @type {import("./types.d.ts").WidgetComm | null} */
  let line = null;

  // Two acts in a row weren't answered: whatever holds the card's comm, a fresh one may get through.
  async function reopen() {
    const comm = await model.widget_manager._create_comm?.(TARGET, newId()).catch(() => undefined);
    if (!comm) return;
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    comm.open({ feed: model.get("feed") });
    comm.on_msg((message) => {
      // The first answer on the new line makes it the line.
      if (line !== comm) { line?.close(); line = comm; send = (m) => comm.send(m); }
      session.reply(message.content.data);
    });
    comm.send(session.greeting());
  }

  const session = new Session({
    send: (message) => send(message),
    reopen: () => { reopen().catch((error) => console.warn("hitl_widgets: no new line:", error)); },
    now: () => performance.timeOrigin + performance.now(),
    instant: () => new Date().toISOString(),
    storage: probe(() => globalThis.localStorage),
    base: basePath(document, location.pathname),
    decode,
    save,
    soon: afterFrame,
  });
  return session;
}

export default () => {
  /** @type {Session | undefined} */
  let session;
  return {
    /** @param {{model: WidgetModel}} context */
    initialize({ model }) {
      const opened = session = connect(model);
      /** @param {any} content */
      const onReply = (content) => opened.reply(content);
      /** @param {any} content @param {ArrayBufferView[]} buffers */
      const onPush = (content, buffers) => opened.push(content, buffers);
      /** @type {WidgetModel | undefined} */
      let feed;
      const onLine = () => opened.line(feed?.comm_live !== false);
      model.on("msg:custom", onReply);
      // Not awaited: the model counts as ready at once, whatever the kernel is doing.
      findFeed(model).then((found) => {
        feed = found;
        feed.on("msg:custom", onPush);
        feed.on("comm_live_update", onLine);
        opened.hello();
      });
      const clock = setInterval(() => opened.tick(), 250);
      const onLeave = () => opened.keepDraft();
      addEventListener("pagehide", onLeave);
      return () => {
        clearInterval(clock);
        removeEventListener("pagehide", onLeave);
        model.off("msg:custom", onReply);
        feed?.off("msg:custom", onPush);
        feed?.off("comm_live_update", onLine);
      };
    },
    /** @param {{el: HTMLElement}} context */
    render({ el }) {
      return session ? render(el, session) : undefined;
    },
  };
};
