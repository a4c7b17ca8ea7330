// The words on the wire between the taxonomy editor and Python, and of the editor's state.

import type { Example, KeyTable } from "./types.d.ts";

/** A label of the tree; `path` is made here. */
export interface Node {
  label_id: string; name: string; path: string; parent?: string; key?: string; own_key?: boolean; definition?: string;
  link?: string; colour?: string; sensitive?: string; examples?: string[]; counter_examples?: string[];
}
export interface TaxonomyBody { version: number; inner_answers: boolean; labels: Node[] }

/** An edit as the log has it; `reverted_by` is the version that undid it, `reverts` the version that it undid. */
export interface Past {
  edit_id: string; version: number; prose: string; annotator: string; at: string; why: string | null;
  reverted_by: number | null; reverts: number | null;
}

/** What an edit would do: answers that are carried over, items to look at again, and of which labels they are. */
export interface Preview {
  version: number; prose: string; carried: number; again: number; minutes: number; measured: boolean;
  labels: [string, number][]; settled: string; model: string;
}

export type FormKind = "rename" | "split" | "merge" | "add" | "retire" | "move" | "describe" | "revert";
export interface Values {
  to: string; into: string; keep_parent: boolean; name: string; target: string | null; like: string[];
  definition: string; key: string; colour: string; link: string; sensitive: string; examples: string;
  counter_examples: string;
}
/** What a person is about to change. `ids` are the labels that it is about; `undoes` the edit that is taken back. */
export interface Form { kind: FormKind; ids: string[]; values: Values; why: string; inline: boolean; undoes: Past | null }

export interface Setup { kind: "ready"; project_id: string; annotator: string; keys: KeyTable }
export type Reply = Setup
  | { kind: "stored"; decision_id: string; edit_id: string; version: number; prose: string }
  | { kind: "rejected"; decision_id?: string; reason: string; again?: boolean }
  | { kind: "noted" };
export type Push =
  | { kind: "taxonomy"; taxonomy: TaxonomyBody; history: Past[] }
  | { kind: "counts"; counts: Record<string, [number, number]>; count: [number, number] }
  | { kind: "preview"; ask: number; preview?: Preview; problem?: string }
  | { kind: "examples"; label_id: string; examples: Omit<Example, "picture">[] }
  | { kind: "problem"; reason: string | null }
  | { kind: "closed"; reason: string };
