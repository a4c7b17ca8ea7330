// The words on the wire (Python's names, so that a search finds both ends) and of the card's state.

export type Verdict = "accept" | "correct" | "answer" | "unsure" | "skip";
export type Policy = "keep" | "ask" | "unsure_only";

/** A label; `own_key`: the taxonomy itself names its key. */
export interface Label {
  label_id: string; name: string; path: string; key?: string; own_key?: boolean; definition?: string; link?: string;
  colour?: string; sensitive?: string; n_examples?: number;
}
/** action -> its keys, and what it does in words */
export type KeyTable = Record<string, [string[], string]>;
/** `answered`: nobody named it as an example, it was answered so. */
export interface Example { name: string; against: boolean; problem: string | null; picture: Picture | null; answered?: boolean }
export type Reason = "right" | "wrong";
/** Pixels of an item at its own size [height, width], as run lengths along the rows; the first run is outside. */
export interface RegionBody { size: [number, number]; runs: number[] }
/** What a decision says of the explanation. */
export interface Reasoned { reason: Reason | null; wrong: RegionBody | null; missing: RegionBody | null }

/** A decision that stands. `revealed`: what the model said of a blind item is told by now. `former`: the decision that
 * this one revised, and its place among the past. */
export interface Past extends Reasoned {
  decision_id: string; item_id: string; verdict: Verdict; label_id: string | null; label?: string | null;
  certainty: number | null; certainty_source?: "given" | "carried" | null; flags: string[]; note: string | null; suggestion: string | null; hidden: boolean; chosen_by?: string;
  item?: Item; thumb?: Picture | HTMLCanvasElement; revealed?: boolean; former?: { past: Past; at: number };
}

export interface Setup {
  kind: "ready"; project_id: string; annotator: string; annotator_is_default: boolean;
  taxonomy: { version: number; labels: Label[] }; certainty: Policy; methods: string[]; progress: Progress;
  keys: KeyTable; n: number | null; temporary: boolean;
}
export interface Progress { answered?: number; today?: number; in_round?: number; here?: number; open?: number; items?: number; round?: number }

/** A saliency map: one byte a cell (128 is zero when signed), lying on `box` of the item. */
export interface Saliency {
  method: string; target: string; against?: string | null; height: number; width: number;
  box: [number, number, number, number]; signed: boolean; values?: Uint8Array; problem?: string;
}

export interface Item {
  item_id: string; chosen_by: string; blind: boolean; height: number; width: number; mime?: string;
  /** label_ids that an earlier answer leaves as likely, where the item is asked again */
  candidates?: string[];
  meta?: Record<string, unknown>; suggestion?: string; probs: [string, number][]; model?: string;
  broken?: string; problem?: string;
  bytes?: ArrayBufferView; picture?: Picture; decoding?: Promise<void>;
  maps: Record<string, Saliency>; shown_at?: number; rejection?: string;
  fetching?: boolean; draft?: import("./draft.js").Draft; small?: boolean;
  /** What clicks mark; null while it is on its way. */
  parts?: import("./parts.js").Parts | null;
}
export type Picture = ImageBitmap | HTMLImageElement;

/** What was on the screen: the fields of records.Seen. */
export interface Seen {
  suggestion?: string; probs?: Record<string, number>; hidden?: boolean; method?: string; target?: string; against?: string;
  display?: "overlay" | "side_by_side" | "hot"; model?: string; taxonomy?: number; certainty?: "given" | "carried"; chosen_by?: string; shown_ms?: number;
}

export interface Decide extends Reasoned {
  kind: "decide"; decision_id: string; item_id: string; verdict: Verdict; label_id: string | null;
  certainty: number | null; note: string | null; flags: string[]; seen: Seen; acted_at: string; annotator: string;
}
export interface Retract {
  kind: "retract"; decision_id: string; retracts: string; item_id: string; acted_at: string; annotator: string;
}
/** On the wire an act may name the one `after` which it comes: the kernel refuses it until that one is stored. */
export type Act = (Decide | Retract) & { after?: string };

export type Reply =
  | Setup
  | { kind: "stored"; decision_id: string }
  | { kind: "rejected"; decision_id?: string; item_id?: string; reason: string; again?: boolean }
  | { kind: "noted" };

export type Push =
  | { kind: "item"; item: Omit<Item, "maps" | "bytes">; again?: boolean }
  | ({ kind: "map"; item_id: string } & Omit<Saliency, "values">)
  | { kind: "segments"; item_id: string; height: number; width: number; problem?: string }
  | { kind: "drop"; item_ids: string[]; keep: number; decision_id?: string }
  | { kind: "past"; past: Past[] }
  | { kind: "thumbnail"; item_id: string }
  | { kind: "examples"; label_id: string; examples: Omit<Example, "picture">[] }
  | { kind: "archive"; name: string; problem?: string }
  | { kind: "progress"; progress: Progress }
  | { kind: "taxonomy"; taxonomy: Setup["taxonomy"] }
  | { kind: "end"; reason: "empty" | "enough" }
  | { kind: "problem"; reason: string | null }
  | { kind: "closed"; reason: string };

/** The little of an ipywidgets model that the card uses. */
export interface WidgetModel {
  get(name: string): any;
  on(event: string, callback: (...args: any[]) => void): void;
  off(event: string, callback: (...args: any[]) => void): void;
  send(content: unknown): void;
  comm_live: boolean;
  widget_manager: {
    get_model(id: string): Promise<WidgetModel> | undefined;
    _create_comm?(target: string, id: string, data?: unknown): Promise<WidgetComm>;
  };
}
export interface WidgetComm {
  open(data: unknown): void; send(data: unknown): void; close(): void;
  on_msg(callback: (message: { content: { data: any } }) => void): void;
}
