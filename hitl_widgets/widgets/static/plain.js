// hitl_widgets/widgets/js/plain.js
var plain_default = {
  /** @param {{model: {get: (name: string) => any, on: (event: string, callback: () => void) => void}, el: HTMLElement}} context */
  render({ model, el }) {
    const text = document.createElement("div");
    text.className = "hitl-plain";
    text.dir = "auto";
    text.tabIndex = 0;
    const show = () => {
      text.textContent = model.get("text");
      text.scrollTop = 0;
    };
    model.on("change:text", show);
    show();
    el.append(text);
  }
};
export {
  plain_default as default
};
