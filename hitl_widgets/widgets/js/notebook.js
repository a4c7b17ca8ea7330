// @ts-check
// The keyboard between a widget and the notebook around it.

/** Keeps the keys pressed in a widget from JupyterLab, whose shortcuts would cut cells and change their kind. Ctrl+S goes to
 * JupyterLab, which saves the notebook; the browser would save the page.
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

/** Gives the keyboard back to the notebook, if there is one. @param {HTMLElement} root */
export function handBack(root) {
  /** @type {HTMLElement | null} */ (root.closest(".jp-Cell"))?.focus({ preventScroll: true });
  if (root.contains(document.activeElement)) /** @type {HTMLElement} */ (document.activeElement).blur();
}
