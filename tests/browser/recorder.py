"""Which keys did a person press, on which item, and what should stand in the log for it?

`Recorder` listens in the page, outside the card's code: it notes each key press before the card gets it, with the item
on the screen at that moment, and each entry that is written to the browser's storage. The notes live here, so that they
outlive reloads, closed tabs and dead kernels. Read `Recorder.expected` first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from playwright.sync_api import BrowserContext, Page

_NOTE = """() => {
  const visit = Math.random().toString(36).slice(2);
  const note = (what) => window.hitlNote({visit, at: Date.now(), ...what});
  addEventListener('keydown', (event) => {
    const card = event.target?.closest?.('.hitl-card');
    if (card && !event.repeat) note({what: 'key', key: event.key, item: card.dataset.item});
  }, true);
  const {setItem} = Storage.prototype;
  Storage.prototype.setItem = function (key, value) {
    setItem.call(this, key, value);
    if (!key.startsWith('hitl_widgets/outbox/') || key.endsWith('/probe')) return;
    const {decision_id, kind, item_id, verdict, label_id, retracts} = JSON.parse(value).act;
    note({what: 'kept', id: decision_id, kind, item: item_id, verdict, label: label_id, retracts});
  };
  new MutationObserver((changes) => {
    for (const {target} of changes) if (target.matches('.hitl-card')) note({what: 'shown', item: target.dataset.item});
  }).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-item']});
}"""


class Act(NamedTuple):
    """What a key did: "decide" or "retract", of which item, and for a decision as what."""

    kind: str
    item: str
    said: str | None


class Recorder:
    """Every key press on a card in any page of a browser context, with the item that the person saw.

    The pages are opened afterwards. `said` is what each key says of an item: a label_id or a verdict.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.said = {"u": "unsure", "s": "skip"}
        self.notes: list[tuple[Page, dict[str, Any]]] = []
        context.expose_binding("hitlNote", lambda source, note: self.notes.append((source["page"], note)))
        context.add_init_script(f"({_NOTE})()")

    def forget(self) -> None:
        """Begin anew."""
        self.notes.clear()

    def noted(self, what: str, *pages: Page) -> list[dict[str, Any]]:
        """The notes of one sort, of these pages or of all."""
        return [note for page, note in self.notes if note["what"] == what and (not pages or page in pages)]

    def expected(self, *pages: Page) -> list[Act]:
        """What the keys should have done, in order: one act for each that met an item, none for the others."""
        done: list[Act] = []
        decided: defaultdict[str, list[str]] = defaultdict(list)  # by visit: what could be undone there
        for note in self.noted("key", *pages):
            key, item, mine = note["key"], note["item"], decided[note["visit"]]
            if key in self.said and item:
                mine.append(item)
                done.append(Act("decide", item, self.said[key]))
            elif key == "z" and mine:
                done.append(Act("retract", mine.pop(), None))
        return done

    def kept(self, *pages: Page) -> list[Act]:
        """What the browser's storage was given, in order."""
        return [Act(note["kind"], note["item"], note.get("label") or note.get("verdict"))
                for note in self.noted("kept", *pages)]

    def ids(self, *pages: Page) -> list[str]:
        """The ids under which it was kept, in the same order."""
        return [str(note["id"]) for note in self.noted("kept", *pages)]

    def screens(self, pages: Iterable[Page]) -> list[tuple[float, float, str]]:
        """From when to when (ms) an item was on one of these pages: (start, end, item)."""
        spans = []
        for page in pages:
            shown = self.noted("shown", page)
            spans += [(a["at"], b["at"], a["item"]) for a, b in pairwise(shown) if a["item"]]
        return spans
