// @ts-check
// The other desk, as anywidget loads it.

import { widget } from "./comms.js";
import { render } from "./deskview.js";
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
