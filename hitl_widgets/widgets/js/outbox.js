// @ts-check
// The acts that the log hasn't confirmed yet: one entry of the browser's storage for each, deleted when it is stored.

/** @typedef {import("./types.d.ts").Lasting} Lasting */
/** @template A @typedef {{act: A, n: number, sent_at: number | null, tries: number, problem?: string, after?: string}} Entry */
/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} Store */

const ROOT = "hitl_widgets/outbox/";

/** @param {string[]} parts */
const join = (parts) => ROOT + parts.map(encodeURIComponent).join("/");

/** An id for an act: 32 hexadecimal digits. (crypto.randomUUID is absent on plain-http hubs.) */
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** Where this server's pages begin: a JupyterHub gives many people one origin. @param {Document} doc @param {string} path */
export function basePath(doc, path) {
  try {
    const config = JSON.parse(doc.getElementById("jupyter-config-data")?.textContent ?? "");
    if (config.baseUrl) return config.baseUrl;
  } catch { /* not a Jupyter page: the address has to do */ }
  return /^(.*?\/)(?:lab|doc|notebooks|nbclassic|tree|voila|consoles)(?:\/|$)/.exec(path)?.[1] ?? "/";
}

/** The storage if it works, else null. @param {() => Store | undefined} open @returns {Store | null} */
export function probe(open) {
  try {
    const storage = open();
    if (!storage) return null;
    const key = ROOT + "probe";
    storage.setItem(key, "1");
    const kept = storage.getItem(key) === "1";
    storage.removeItem(key);
    return kept ? storage : null;
  } catch {
    return null;
  }
}

/** @template {Lasting} A */
export class Outbox {
  /** @param {Store | null} storage null: kept in this tab only @param {() => number} [now] */
  constructor(storage, now = Date.now) {
    this.storage = storage;
    this.now = now;
    /** By decision_id, in the tab's order. @type {Map<string, Entry<A>>} */
    this.entries = new Map();
    /** Acts that wait here under another annotator's name. */
    this.others = 0;
    this.last = 0;
    /** @type {string[]} */
    this.owner = [];
  }

  get pending() { return this.entries.size; }

  /** Whether acts are kept when this tab is closed. */
  get durable() { return this.storage !== null; }

  /** Sets the annotator of the acts, and loads those that an earlier page left.
   * @param {string} project_id @param {string} base @param {string} annotator */
  open(project_id, base, annotator) {
    this.owner = [project_id, base, annotator];
    const place = join([project_id, base]) + "/";
    const mine = join(this.owner) + "/";
    /** @type {Entry<A>[]} */
    const left = [];
    this.others = 0;
    for (let i = 0; this.storage && i < this.storage.length; i++) {
      const key = this.storage.key(i) ?? "";
      if (!key.startsWith(place)) continue;
      if (!key.startsWith(mine)) { this.others++; continue; }
      try {
        const { act, n } = JSON.parse(this.storage.getItem(key) ?? "");
        if (act?.decision_id && !this.entries.has(act.decision_id)) left.push({ act, n, sent_at: null, tries: 0 });
      } catch { /* an entry that nobody can read stays where it is */ }
    }
    const all = [...this.entries.values(), ...left].sort((a, b) => a.n - b.n);
    this.entries = new Map(all.map((entry) => [entry.act.decision_id, entry]));
  }

  /** @param {A} act */
  put(act) {
    // Later than every earlier act, even if the clock was set back.
    this.last = Math.max(this.last + 1, this.now());
    this.entries.set(act.decision_id, { act, n: this.last, sent_at: null, tries: 0 });
    if (!this.storage) return;
    try {
      this.storage.setItem(this.#key(act), JSON.stringify({ act, n: this.last }));
    } catch {
      this.storage = null;
    }
  }

  /** Removes an act that the log has, or will never have. @param {string} decision_id @returns {A | undefined} */
  settle(decision_id) {
    const entry = this.entries.get(decision_id);
    if (!entry) return undefined;
    this.entries.delete(decision_id);
    try { this.storage?.removeItem(this.#key(entry.act)); } catch { /* sent again on the next visit, stored once */ }
    return entry.act;
  }

  /** Whether a decision about this item isn't stored yet. @param {string} item_id */
  holds(item_id) {
    let held = false;
    for (const { act } of this.entries.values()) if (act.item_id === item_id && (act.kind === "decide" || act.kind === "retract")) held = act.kind === "decide";
    return held;
  }

  /** @param {A} act */
  #key(act) { return join([...this.owner.slice(0, 2), act.annotator ?? "", act.decision_id]); }
}
