// Types of the triage's state, beyond those of the messages.

import type { Assign, LeaveOut, Make, SendBack, TriageAct, Undo, UnplacedItem } from "../messages.d.ts";
import type { Picture, Surroundings as Common } from "../types.d.ts";

export type { Pictures, Rejected, TriageLabels, TriagePush as Push, TriageReady, TriageReply as Reply, Unplaced, UnplacedItem } from "../messages.d.ts";
/** An act that is sent again until it is stored. An undo keeps the items it brings back, in case it is refused. */
export type Act = Assign | Make | LeaveOut | SendBack | (Undo & { item_ids: string[]; words: string });

/** An item on a page. `gone`: the act that took it away, or "elsewhere"; null where it is still to be sorted. */
export interface Tile extends UnplacedItem {
  gone: string | null; picture: Picture | null; large: Picture | null; problem: string | null; asked: boolean; asked_large: boolean;
}
/** An act that can be undone. */
export interface Done { act_id: string; words: string }

export interface Surroundings extends Common<TriageAct> {
  storage: import("../outbox.js").Store | null; base: string;
  decode: (image: { bytes?: ArrayBufferView; mime?: string }) => Promise<Picture>;
}
