// Types of the card's state, beyond those of the messages.

import type { Ask, CardAct, Consent, Decide, Dismiss, ItemEntry, PastDecision, PushMap, Respond, Retract, Settle } from "../messages.d.ts";
import type { Picture, Surroundings as Common } from "../types.d.ts";

export type { CardPush as Push, CardReady, CardReply as Reply, Decide, Labels, Progress, RegionEntry, Rejected, Seen } from "../messages.d.ts";
export type Verdict = Decide["verdict"];
export type Reason = NonNullable<Decide["reason"]>;
/** An act that is sent again until it is stored. */
export type Act = ItemAct | PeopleAct;
export type ItemAct = Decide | (Retract & { item_id: string });
/** An act of communication: a question, an answer, settling, consent, or dismissing a notice. */
export type PeopleAct = Ask | Respond | Settle | Consent | Dismiss;

/** A decision that stands. `revealed`: the model's suggestion for the blind item has been shown since. `former`: the decision that
 * this one revised, and its place among the past. */
export interface Past extends Omit<PastDecision, "label" | "certainty_source" | "chosen_by"> {
  label?: string | null; certainty_source?: PastDecision["certainty_source"]; chosen_by?: string | null;
  /** The second answer to an item that is answered before its suggestion is shown; `former` is the first answer. */
  second?: boolean;
  /** Its objects, with their undo steps. */
  instance?: import("../objects/image.js").ImageObjects;
  item?: Item; thumb?: Picture | HTMLCanvasElement; revealed?: boolean; former?: { past: Past; at: number };
}

/** A saliency map; without `values` it was requested but hasn't come. */
export interface Saliency extends Omit<PushMap, "kind" | "item_id" | "against"> { against?: string | null; values?: Uint8Array }

export interface Item extends Omit<ItemEntry, "meta"> {
  meta?: Record<string, unknown>; bytes?: ArrayBufferView; picture?: Picture; decoding?: Promise<void>;
  maps: Record<string, Saliency>; shown_at?: number; rejection?: string;
  fetching?: boolean; draft?: import("./draft.js").Draft; small?: boolean;
  /** The size on the screen, in pixels of the longer side, for which its picture was decoded. */
  side?: number;
  /** The browser couldn't decode its picture. */
  undecoded?: boolean;
  /** The answer that was given before the suggestion was shown, and when the suggestion was shown. */
  first?: Past; revealed_at?: number;
  /** The parts (superpixels) that clicks mark; null while they are being loaded. */
  parts?: import("./parts.js").Parts | null;
}

/** `soon`: when the next frame is painted. */
export interface Surroundings extends Common<CardAct> {
  storage: import("../outbox.js").Store | null; base: string;
  decode?: (item: { bytes?: ArrayBufferView; mime?: string; width?: number; height?: number }, side?: number) => Promise<Picture>;
  save?: (name: string, bytes: ArrayBufferView) => void;
  soon?: (step: () => void) => void;
}
