// The objects of an item: boxes, polygons, points or spans, each with a label.

export type Kind = "box" | "polygon" | "point" | "span";
/** Coordinates in pixels of the item, (0, 0) the top left corner: a box as x0, y0, x1, y1; a point as x, y; a polygon as x0, y0, x1, y1, ...;
 * a span as its first character and the one behind its last. */
export type At = readonly number[];
export type Size = readonly [width: number, height: number];
export type Bounds = readonly [x0: number, y0: number, x1: number, y1: number];
export type Side = "left" | "top" | "right" | "bottom";
export interface Spot { x: number; y: number }

/** An object as Python sends it: a proposal; with `origin` it is one of an earlier decision, `was` what the model had proposed. */
export interface ObjectEntry {
  id: string; kind: Kind; at: number[]; label_id: string; score?: number | null; origin?: "model" | "person";
  was?: { at: number[]; label_id: string } | null; certainty?: number | null; unsure?: boolean; act?: string; label?: string;
  reason?: import("../messages.d.ts").ObjectReasonEntry;
}

/** An object as it stands; never changed in place. `score` and `proposal` are null where a person added it. */
export interface Shape {
  id: string; kind: Kind; at: At; label_id: string; certainty: number | null; unsure: boolean; score: number | null;
  origin: "model" | "person"; proposal: { at: At; label_id: string } | null;
}

/** An object as it is sent to the kernel. */
export interface Given { id: string; kind: Kind; at: number[]; label_id: string; certainty?: number; unsure?: true }

/** Kept by the card from one item to the next: the label used last, and the usual box size by label. */
export interface Memory { label_id: string | null; sizes: Map<string, [number, number]> }

/** The arguments that make the objects of an item. `shown`: what is proposed; `given`: the objects of an earlier answer, where there is one. */
export interface ObjectsOf { kind: Kind; size: Size; shown: ObjectEntry[]; given?: ObjectEntry[]; memory?: Memory }

/** The draft that the browser keeps of undecided objects. */
export interface ObjectsDraft { size: Size; kind: Kind; shown: ObjectEntry[]; list: Shape[]; touched: string[]; focus: string | null; answered: boolean; quotes?: string[];
  reasons?: { id: string; reason: import("../messages.d.ts").ObjectReasonEntry }[] }

/** The part of the item that is in view, in its pixels. */
export interface View { x: number; y: number; width: number; height: number }

/** A key, as the browser reports it. */
export interface KeyPress { key: string; code: string; shiftKey: boolean; altKey: boolean; ctrlKey: boolean; metaKey: boolean; repeat?: boolean }

/** The part of an object under the pointer. */
export interface Hit { id: string; part: "body" | "vertex" | "middle" | "sides"; sides?: Side[]; vertex?: number }

/** The item's grey values around an object: `scale` pixels of the picture for one of the item, from `left`, `top` in the picture. */
export interface Grey { values: Float32Array; width: number; height: number; left: number; top: number; scale_x: number; scale_y: number }
