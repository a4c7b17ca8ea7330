// The words on the wire between the other desk and Python, and of the desk's state.

import type { KeyTable, Label, Picture } from "./types.d.ts";

export type Why = "other" | "unsure" | "flagged";
export interface OtherBody { item_id: string; why: Why; annotator: string; note: string | null }

/** An item on a page. `gone`: the act that took it away, or "elsewhere"; null where it lies here. */
export interface Tile extends OtherBody {
  gone: string | null; picture: Picture | null; large: Picture | null; problem: string | null; asked: boolean; asked_large: boolean;
}
export interface Place { label_id: string; name: string; path: string }
export interface TaxonomyBody { version: number; labels: Label[]; other: string | null; places: Place[] }
export interface Setup { kind: "ready"; project_id: string; annotator: string; keys: KeyTable; taxonomy: TaxonomyBody }

export type ActKind = "assign" | "make" | "leave_out" | "send_back";
/** What was done, for the undo: the latest last. */
export interface Done { act_id: string; words: string }

export type Reply = Setup
  | { kind: "stored"; decision_id: string; label: string | null; label_id: string | null }
  | { kind: "rejected"; decision_id?: string; reason: string; again?: boolean }
  | { kind: "noted" };
export type Push =
  | { kind: "pages"; pages: OtherBody[][] }
  | { kind: "unplaced"; item_ids: string[]; more: OtherBody[] }
  | { kind: "acts"; acts: { act_id: string; act: string; n: number; label: string | null }[] }
  | { kind: "pictures"; item_ids: string[]; problems: (string | null)[]; large: boolean }
  | { kind: "taxonomy"; taxonomy: TaxonomyBody }
  | { kind: "problem"; reason: string | null }
  | { kind: "closed"; reason: string };
