// @ts-check
// The adjudication, as anywidget loads it.

import "./css/card.css";
import "./css/text.css";
import "./css/adjudication.css";
import { AdjudicationSession } from "./adjudication/session.js";
import { render } from "./adjudication/render.js";
import { widget } from "./comms.js";
import { basePath, probe } from "./outbox.js";
import { decode } from "./pictures.js";

export default widget((line) => new AdjudicationSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => new Date().toISOString(),
  storage: probe(() => globalThis.localStorage),
  base: basePath(document, location.pathname),
  decode,
}), render);
