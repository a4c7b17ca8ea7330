// Types that the widgets share: messages under short names, pictures, and the parts of ipywidgets in use.

import type { ExampleEntry, KeyTable, LabelEntry } from "./messages.d.ts";

export type { KeyTable };
export type Label = LabelEntry;
/** The content of an item: a picture or a text. */
export type Picture = ImageBitmap | HTMLImageElement | import("./text/item_text.js").ItemText;
export interface Example extends ExampleEntry { picture: Picture | null }

/** The environment of a session: clock, connection and page. `A`: the type of the acts that it sends. */
export interface Surroundings<A> {
  send: (act: A | import("./messages.d.ts").PageAct) => void; page?: import("./page.js").Page; reopen: () => void; now: () => number; instant: () => string;
}
/** The fields that every act has which is sent again until it is stored. */
export interface Lasting { kind: string; decision_id: string; annotator?: string; item_id?: string | null }
/** A short message about the last event. */
export interface Notice { text: string; bad: boolean }

/** The parts of an ipywidgets model that a widget uses. */
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
