// @ts-check
// Triage, as anywidget loads it.

import "./css/card.css";
import "./css/editor.css";
import "./css/triage.css";
import { widget } from "./comms.js";
import { render } from "./triageview.js";
import { basePath, probe } from "./outbox.js";
import { decode } from "./pictures.js";
import { Sorting } from "./sorting.js";

export default widget((line) => new Sorting({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => new Date().toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode,
}), render);
