// @ts-check
// Drafts of items that aren't decided yet: an entry of the browser's storage for each, so that they outlive a reload.

import { Draft } from "./draft.js";

/** @typedef {import("../outbox.js").Store} Store */

const ROOT = "hitl_widgets/draft/";
const DAYS = 30; // a draft older than this is deleted: somebody else has the item by then

export class DraftStore {
  /** @param {Store | null} storage @param {() => number} now */
  constructor(storage, now) {
    this.storage = storage;
    this.now = now;
    this.place = "";
    /** The drafts as they were last written: item_id -> text. @type {Map<string, string>} */
    this.written = new Map();
  }

  /** Sets whose drafts these are. @param {string} project_id @param {string} base @param {string} annotator */
  open(project_id, base, annotator) {
    this.place = ROOT + [project_id, base, annotator].map(encodeURIComponent).join("/") + "/";
    this.written.clear();
    const { storage } = this;
    const keys = Array.from({ length: storage?.length ?? 0 }, (_, i) => storage?.key(i) ?? "").filter((key) => key.startsWith(ROOT));
    for (const key of keys) if (!(this.now() - (this.#read(key)?.at ?? 0) < DAYS * 86_400_000)) this.#remove(key);
  }

  /** @param {string} item_id @param {Draft} draft */
  put(item_id, draft) {
    const looks = JSON.stringify([[...draft.flags], draft.note, draft.reason, draft.map?.target, draft.regions?.version, draft.by_hand, draft.objects?.version, draft.objects?.marked]);
    if (!this.place || looks === this.written.get(item_id)) return;
    if (draft.empty) this.drop(item_id);
    else {
      try { this.storage?.setItem(this.#key(item_id), JSON.stringify({ at: this.now(), said: draft.said, by_hand: draft.by_hand, kept: draft.kept_objects ?? undefined, map: draft.map ?? undefined })); } catch { /* full: it lives in this tab only */ }
    }
    this.written.set(item_id, looks);
  }

  /** @param {string} item_id @returns {Draft | null} */
  draft(item_id) {
    const kept = this.place ? this.#read(this.#key(item_id)) : null;
    return kept?.said ? new Draft({ ...kept.said, map: kept.map }, kept.by_hand ?? { labels: [], values: [], before: null }, kept.kept) : null;
  }

  /** Deletes the draft of an item that was decided. @param {string} item_id */
  drop(item_id) {
    this.written.delete(item_id);
    this.#remove(this.#key(item_id));
  }

  /** @param {string} item_id */
  #key(item_id) { return this.place + encodeURIComponent(item_id); }

  /** @param {string} key @returns {{at: number, said: import("./types.d.ts").Past, by_hand?: import("./draft.js").ByHand, kept?: import("./draft.js").KeptObjects, map?: import("../messages.d.ts").ShownMap} | null} */
  #read(key) {
    try { return JSON.parse(this.storage?.getItem(key) ?? "null"); } catch { return null; }
  }

  /** @param {string} key */
  #remove(key) {
    try { this.storage?.removeItem(key); } catch { /* it grows old */ }
  }
}
