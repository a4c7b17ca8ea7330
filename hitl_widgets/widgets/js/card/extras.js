// @ts-check
// Requests beside the items: pictures of past ones, examples of a label, the project as a file.

/** @typedef {import("../types.d.ts").Label} Label */
/** @typedef {import("../types.d.ts").Example} Example */
/** @typedef {import("../types.d.ts").Picture} Picture */
/** @typedef {import("./types.d.ts").Push} Push */
/** @typedef {import("./queue.js").Queue} Queue */

export class Extras {
  /**
   * @param {Pick<import("./types.d.ts").Surroundings, "decode" | "save" | "send">} around
   * @param {{queue: Queue, changed: () => void, say: (text: string, bad: boolean) => void}} card
   */
  constructor(around, card) {
    this.around = around;
    this.card = card;
    /** The examples of each label. @type {Map<string, Example[]>} */
    this.examples = new Map();
    this.packing = false;
  }

  /** Requests the examples of a label. @param {Label} label */
  wantExamples({ label_id, n_examples }) {
    if (!n_examples || this.examples.has(label_id)) return;
    this.examples.set(label_id, []);
    this.ask({ kind: "examples", label_ids: [label_id] });
  }

  /** Requests the whole project as a file. */
  wantArchive() {
    if (this.packing) return;
    this.packing = true;
    this.card.say("The archive is being made …", false);
    this.ask({ kind: "archive" });
  }

  /** Sends a request that the card can do without: it isn't sent again. @param {import("../messages.d.ts").CardAct} message */
  ask(message) {
    try { this.around.send(message); } catch (error) { console.warn("hitl_widgets: not sent:", error); }
  }

  /** @param {Push} push @param {ArrayBufferView[]} buffers @returns {boolean} whether it was one of these */
  take(push, buffers) {
    if (push.kind === "thumbnail") this.#thumbnail(push.item_id, buffers[0]);
    else if (push.kind === "examples") this.#examples(push.label_id, push.examples, buffers);
    else if (push.kind === "archive") this.#archive(push.name, push.problem, buffers[0]);
    else return false;
    return true;
  }

  /** @param {string} item_id @param {ArrayBufferView} bytes */
  #thumbnail(item_id, bytes) {
    const wanting = () => this.card.queue.past.filter((past) => past.item_id === item_id && !past.thumb);
    if (!wanting().length) return;
    this.#picture(bytes).then((picture) => {
      for (const past of wanting()) past.thumb = picture ?? undefined;
      this.card.changed();
    });
  }

  /** @param {string} label_id @param {Omit<Example, "picture">[]} examples @param {ArrayBufferView[]} buffers */
  #examples(label_id, examples, buffers) {
    Promise.all(examples.map(async (example, i) => ({ ...example, picture: await this.#picture(buffers[i]) }))).then((all) => {
      this.examples.set(label_id, all);
      this.card.changed();
    });
  }

  /** @param {ArrayBufferView} bytes @returns {Promise<Picture | null>} */
  async #picture(bytes) {
    if (!bytes?.byteLength || !this.around.decode) return null;
    return this.around.decode({ bytes }).catch(() => null);
  }

  /** @param {string} name @param {string | undefined} problem @param {ArrayBufferView | undefined} bytes */
  #archive(name, problem, bytes) {
    this.packing = false;
    if (problem || !bytes) return this.card.say(problem ?? "No archive came.", true);
    this.around.save?.(name, bytes);
    const size = Math.max(1, Math.round(bytes.byteLength / 1024)).toLocaleString("en");
    this.card.say(`${name}: ${size} KB handed to the browser's downloads.`, false);
  }
}
