// Types of the taxonomy editor's state, beyond those of the messages.

import type { AttributeEntry, EditEntry, EditorAct, TreeLabel } from "../messages.d.ts";
import type { Picture, Surroundings as Common } from "../types.d.ts";

export type { EditorPush as Push, EditorReady, EditorReply as Reply, EditPreview, EditStored, Examples, PushTree, Rejected } from "../messages.d.ts";
export type Past = EditEntry;
export type TreeAttribute = AttributeEntry;
/** A label of the tree, with its path. */
export interface Node extends TreeLabel { path: string }

export type FormKind = "rename" | "split" | "merge" | "add" | "retire" | "move" | "describe" | "revert" | "settle" | "leave"
  | "add_attribute" | "rename_attribute" | "change_attribute" | "retire_attribute";
export interface Values {
  to: string; into: string; keep_parent: boolean; name: string; target: string | null; like: string[];
  definition: string; key: string; colour: string; link: string; sensitive: string; examples: string;
  counter_examples: string;
  /** The fields for an attribute: the ends of its scale and its choices as typed, the labels for which it is asked, and the mapping of old values to new ones. */
  low: string; high: string; choices: string; of: string[]; map: string; ask: boolean;
}
/** The form of an edit. `ids`: the labels that it changes; `attribute`: the attribute_id; `undoes`: the edit that is undone, or settled. */
export interface Form { kind: FormKind; ids: string[]; attribute: string | null; values: Values; why: string; inline: boolean; undoes: Past | null }

export interface Surroundings extends Common<EditorAct> {
  decode: (image: { bytes?: ArrayBufferView; mime?: string }) => Promise<Picture>;
}
