// The state of the adjudication, as far as it is more than the messages.

import type { Adjudicate, AdjudicationAct, CaseEntry, PastVerdict, Undo } from "../messages.d.ts";
import type { Picture, Surroundings as Common } from "../types.d.ts";

export type { AdjudicationProgress, AdjudicationPush as Push, AdjudicationReady, AdjudicationReply as Reply, CompetingAnswer, Labels, PastVerdict, Rejected } from "../messages.d.ts";
export type Cause = Adjudicate["cause"];
/** What is sent until it is stored. */
export type Act = Adjudicate | (Undo & { item_id: string });

/** An item that waits, with its picture. */
export interface Case extends CaseEntry { bytes?: ArrayBufferView; picture: Picture | null }
/** A verdict that can be undone; `case`: what it was about, where it was made on this page. */
export interface Past extends PastVerdict { case?: Case }

export interface Surroundings extends Common<AdjudicationAct> {
  storage: import("../outbox.js").Store | null; base: string;
  decode: (image: { bytes?: ArrayBufferView; mime?: string }) => Promise<Picture>;
}
