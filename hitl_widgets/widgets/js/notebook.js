// @ts-check
// The keyboard between a widget and the notebook around it.

/** Keys that are pressed in a widget are its own: JupyterLab's shortcuts would cut cells and change their kind. Ctrl+S goes
 * to JupyterLab, which saves the notebook; the browser would save the page.
 * @param {HTMLElement} root @param {HTMLElement} el what anywidget has put it in @param {(event: KeyboardEvent) => void} onKey
 * @param {string[]} [others] events that go no further either */
export function keepKeys(root, el, onKey, others = ["keyup", "keypress"]) {
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      el.parentElement?.dispatchEvent(new KeyboardEvent("keydown", event));
      return;
    }
    onKey(event);
  });
  for (const name of others) root.addEventListener(name, (event) => event.stopPropagation());
}

/** The keyboard goes back to the notebook, where there is one. @param {HTMLElement} root */
export function handBack(root) {
  /** @type {HTMLElement | null} */ (root.closest(".jp-Cell"))?.focus({ preventScroll: true });
  if (root.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
}
