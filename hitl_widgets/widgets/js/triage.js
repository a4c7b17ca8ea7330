// @ts-check
// Triage, as anywidget loads it.

import "./css/card.css";
import "./css/text.css";
import "./css/editor.css";
import "./css/triage.css";
import { widget } from "./comms.js";
import { render } from "./triage/render.js";
import { basePath, probe } from "./outbox.js";
import { decode } from "./pictures.js";
import { TriageSession } from "./triage/session.js";

export default widget((line) => new TriageSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => new Date().toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode,
}), render);
