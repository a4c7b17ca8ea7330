// @ts-check
// Keeps the keys pressed over a labeller from JupyterLab's shortcuts, which would cut the cell or change its kind.

export default {
  /** @param {{el: HTMLElement}} context */
  render({ el }) {
    el.style.display = "none";
    (function shield() {
      const box = /** @type {HTMLElement | null} */ (el.closest(".hitl-labeller"));
      if (!box) return requestAnimationFrame(shield); // not in the page yet
      box.dataset.lmSuppressShortcuts = "true";
      box.addEventListener("keydown", (event) => event.stopPropagation());
    })();
  },
};
