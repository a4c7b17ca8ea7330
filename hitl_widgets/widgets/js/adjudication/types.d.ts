// Types of the adjudication's state, beyond those of the messages.

import type { Adjudicate, AdjudicationAct, CaseEntry, PastVerdict, Undo } from "../messages.d.ts";
import type { Picture, Surroundings as Common } from "../types.d.ts";

export type { AdjudicationProgress, AdjudicationPush as Push, AdjudicationReady, AdjudicationReply as Reply, CompetingAnswer, Labels, PastVerdict, Rejected } from "../messages.d.ts";
export type Cause = Adjudicate["cause"];
/** An act that is sent again until it is stored. */
export type Act = Adjudicate | (Undo & { item_id: string });

/** A waiting item, with its picture. */
export interface Case extends CaseEntry { bytes?: ArrayBufferView; picture: Picture | null }
/** A verdict that can be undone; `case`: the case it decided, if that happened on this page. */
export interface Past extends PastVerdict { case?: Case }

export interface Surroundings extends Common<AdjudicationAct> {
  storage: import("../outbox.js").Store | null; base: string;
  decode: (image: { bytes?: ArrayBufferView; mime?: string }) => Promise<Picture>;
}
