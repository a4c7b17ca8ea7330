// The state of the card, as far as it is more than the messages.

import type { Ask, CardAct, Consent, Decide, Dismiss, ItemEntry, PastDecision, PushMap, Respond, Retract, Settle } from "../messages.d.ts";
import type { Picture, Surroundings as Common } from "../types.d.ts";

export type { CardPush as Push, CardReady, CardReply as Reply, Decide, Labels, Progress, RegionEntry, Rejected, Seen } from "../messages.d.ts";
export type Verdict = Decide["verdict"];
export type Reason = NonNullable<Decide["reason"]>;
/** What is sent until it is stored. */
export type Act = ItemAct | PeopleAct;
export type ItemAct = Decide | (Retract & { item_id: string });
/** What a person says to others, agrees to, or has read. */
export type PeopleAct = Ask | Respond | Settle | Consent | Dismiss;

/** A decision that stands. `revealed`: what the model said of a blind item is told by now. `former`: the decision that
 * this one revised, and its place among the past. */
export interface Past extends Omit<PastDecision, "label" | "certainty_source" | "chosen_by"> {
  label?: string | null; certainty_source?: PastDecision["certainty_source"]; chosen_by?: string | null;
  /** It is the second answer to an item that was answered first; `former` is the first. */
  second?: boolean;
  /** Its objects, with all the steps that led to them. */
  instance?: import("../objects/image.js").ImageObjects;
  item?: Item; thumb?: Picture | HTMLCanvasElement; revealed?: boolean; former?: { past: Past; at: number };
}

/** A saliency map; without `values` it was asked for and isn't there. */
export interface Saliency extends Omit<PushMap, "kind" | "item_id" | "against"> { against?: string | null; values?: Uint8Array }

export interface Item extends Omit<ItemEntry, "meta"> {
  meta?: Record<string, unknown>; bytes?: ArrayBufferView; picture?: Picture; decoding?: Promise<void>;
  maps: Record<string, Saliency>; shown_at?: number; rejection?: string;
  fetching?: boolean; draft?: import("./draft.js").Draft; small?: boolean;
  /** Pixels of the screen that its picture was decoded for. */
  side?: number;
  /** The browser couldn't decode its picture. */
  undecoded?: boolean;
  /** Of an item that is answered first: the answer that was given before the suggestion was shown, and when it was shown. */
  first?: Past; revealed_at?: number;
  /** What clicks mark; null while it is on its way. */
  parts?: import("./parts.js").Parts | null;
}

/** `soon`: when the next frame is painted. */
export interface Surroundings extends Common<CardAct> {
  storage: import("../outbox.js").Store | null; base: string;
  decode?: (item: { bytes?: ArrayBufferView; mime?: string; width?: number; height?: number }, side?: number) => Promise<Picture>;
  save?: (name: string, bytes: ArrayBufferView) => void;
  soon?: (step: () => void) => void;
}
