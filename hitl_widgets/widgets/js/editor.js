// @ts-check
// The taxonomy editor, as anywidget loads it.

import "./css/card.css";
import "./css/text.css";
import "./css/editor.css";
import { widget } from "./comms.js";
import { EditorSession } from "./editor/session.js";
import { render } from "./editor/render.js";
import { decode } from "./pictures.js";

export default widget((line) => new EditorSession({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => new Date().toISOString(),
  decode,
}), render);
