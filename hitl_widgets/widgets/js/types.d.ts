// What the widgets share: messages under short names, pictures, and the little of ipywidgets that is used.

import type { ExampleEntry, KeyTable, LabelEntry } from "./messages.d.ts";

export type { KeyTable };
export type Label = LabelEntry;
/** What is shown of an item: a picture, or a text. */
export type Picture = ImageBitmap | HTMLImageElement | import("./text/item_text.js").ItemText;
export interface Example extends ExampleEntry { picture: Picture | null }

/** What a session needs of the world around it. `A`: the acts that it sends. */
export interface Surroundings<A> {
  send: (act: A | import("./messages.d.ts").PageAct) => void; page?: import("./page.js").Page; reopen: () => void; now: () => number; instant: () => string;
}
/** The least that an act has which is sent until it is stored. */
export interface Lasting { kind: string; decision_id: string; annotator?: string; item_id?: string | null }
/** A word on what just happened. */
export interface Notice { text: string; bad: boolean }

/** The little of an ipywidgets model that a widget uses. */
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
