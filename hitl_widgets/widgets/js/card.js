// @ts-check
// The decision card, as anywidget loads it.

import "./css/card.css";
import "./css/attributes.css";
import "./css/objects.css";
import "./css/spans.css";
import "./css/text.css";
import { widget } from "./comms.js";
import { basePath, probe } from "./outbox.js";
import { decode } from "./pictures.js";
import { CardSession } from "./card/session.js";
import { render } from "./card/render.js";

/** Runs a step once the next frame is painted; after a short while if none is, as in a hidden tab. @param {() => void} step */
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

export default widget((line) => new CardSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => new Date().toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode,
  save,
  soon: afterFrame,
}), render);
