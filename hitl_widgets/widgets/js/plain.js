// @ts-check
// A text above a labeller, set by textContent alone, so that no part is read as HTML, Markdown or math.

export default {
  /** @param {{model: {get: (name: string) => any, on: (event: string, callback: () => void) => void}, el: HTMLElement}} context */
  render({ model, el }) {
    const text = document.createElement("div");
    text.className = "hitl-plain";
    text.dir = "auto";
    text.tabIndex = 0; // long texts scroll by keys
    const show = () => { text.textContent = model.get("text"); text.scrollTop = 0; };
    model.on("change:text", show);
    show();
    el.append(text);
  },
};
