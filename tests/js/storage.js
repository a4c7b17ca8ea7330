import { readFileSync } from "node:fs";

/** The card's own keys, as Python sends them. */
export const KEYS = JSON.parse(readFileSync(new URL("../../hitl_widgets/widgets/js/keys/card.json", import.meta.url), "utf8"));

/** The browser's storage, in memory; `limit` entries at most. */
export function memoryStorage(limit = Infinity) {
  const map = new Map();
  return {
    get length() { return map.size; },
    key: (i) => [...map.keys()][i] ?? null,
    getItem: (key) => map.get(key) ?? null,
    setItem(key, value) {
      if (!map.has(key) && map.size >= limit) throw new Error("QuotaExceededError");
      map.set(key, String(value));
    },
    removeItem: (key) => map.delete(key),
  };
}
