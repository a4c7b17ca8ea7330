// Keys pressed over a labeller are its own: JupyterLab's shortcuts would cut the cell or change its kind.
export default {
  render({ el }) {
    el.style.display = "none";
    (function shield() {
      const box = el.closest(".hitl-labeller");
      if (!box) return requestAnimationFrame(shield); // not in the page yet
      box.dataset.lmSuppressShortcuts = "true";
      box.addEventListener("keydown", (event) => event.stopPropagation());
    })();
  },
};
