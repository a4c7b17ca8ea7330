// hitl_widgets/widgets/js/shield.js
var shield_default = {
  /** @param {{el: HTMLElement}} context */
  render({ el }) {
    el.style.display = "none";
    (function shield() {
      const box = (
        /** @type {HTMLElement | null} */
        el.closest(".hitl-labeller")
      );
      if (!box) return requestAnimationFrame(shield);
      box.dataset.lmSuppressShortcuts = "true";
      box.addEventListener("keydown", (event) => event.stopPropagation());
    })();
  }
};
export {
  shield_default as default
};
