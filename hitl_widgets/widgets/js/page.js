// @ts-check
// The browser page with the widgets: its id, and its id before it was reloaded.

import { newId } from "./outbox.js";

/** @typedef {{id: string, left: string | null}} Page */

const PLACE = "hitl_widgets/left";
const OF_WINDOW = Symbol.for("hitl_widgets.page");

/** The page, the same for each widget in it. A copy of a page (Duplicate tab) gets a new id and no former one: only
 * a page that is left writes down its id, and the next page in the tab deletes the note.
 * @param {any} [world] @param {() => import("./outbox.js").Store | undefined} [open] its storage @returns {Page} */
export function pageOf(world = globalThis, open = () => world.sessionStorage) {
  return world[OF_WINDOW] ??= { id: newId(), left: taken(open) };
}

/** @param {() => import("./outbox.js").Store | undefined} open */
function taken(open) {
  try {
    const storage = open();
    const left = storage?.getItem(PLACE) ?? null;
    storage?.removeItem(PLACE);
    return left;
  } catch {
    return null;
  }
}

/** Notes the id of a page that is left, for the case that it is reloaded. @param {Page} page @param {() => import("./outbox.js").Store | undefined} [open] */
export function leave({ id }, open = () => globalThis.sessionStorage) {
  try { open()?.setItem(PLACE, id); } catch { /* then the kernel waits for it a few seconds */ }
}
