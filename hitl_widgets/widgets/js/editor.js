// @ts-check
// The taxonomy editor, as anywidget loads it.

import "./css/card.css";
import "./css/editor.css";
import { widget } from "./comms.js";
import { Editing } from "./editing.js";
import { render } from "./editorview.js";
import { decode } from "./pictures.js";

export default widget((line) => new Editing({
  ...line,
  now: () => performance.timeOrigin + performance.now(),
  instant: () => new Date().toISOString(),
  decode,
}), render);
