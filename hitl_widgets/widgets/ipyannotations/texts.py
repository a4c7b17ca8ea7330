"""Texts on ipyannotations labellers, shown as plain text: no part of one is read as HTML, Markdown or math.

`PlainText` shows a text. `TaggedText` is a text with spans on ipyannotations' `TextTagger`, whose internals no other
module knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets

from ..comm import STATIC

STYLE = """
.hitl-labeller .hitl-plain, .hitl-labeller .entity-tagger { white-space: pre-wrap; overflow-wrap: anywhere;
  text-align: start; unicode-bidi: plaintext; max-width: 70ch; max-height: 60vh; overflow-y: auto; }
.hitl-labeller .hitl-plain { font-size: 1.15em; line-height: 1.5; }
"""
# TextTagger writes its text as HTML. Characters that HTML would interpret are replaced by others of the same length, so
# that offsets stay the same.
HARMLESS = str.maketrans({"<": "‹", ">": "›", "&": "＆", "\r": " ", "\0": "␀"})

Tagged = tuple[int, int, str]  # start, end and label; [start, end) in characters


class PlainText(anywidget.AnyWidget):
    """A text, shown as it came."""

    _esm = STATIC / "plain.js"
    text = traitlets.Unicode().tag(sync=True)


class TaggedText:
    """The text and the spans on a `TextTagger`: in characters here, in UTF-16 units there.

    Parameters
    ----------
    widget : TextTagger
    say : callable
        Called with a message to show below the labeller.
    """

    def __init__(self, widget: Any, say: Callable[[str], None] = lambda text: None) -> None:
        self.widget, self.say = widget, say
        self.text = ""
        self._units = np.zeros(1, np.int64)  # UTF-16 unit at which each character begins, and the end of the text
        self._ours = False
        widget.display = self.display
        # Not the tagger's own `data`, which is linked to this: a link that is busy doesn't pass corrections on.
        widget.text_widget.observe(self._on_spans, "entity_spans")

    def close(self) -> None:
        """Stop listening to the tagger, and give it back its own `display`."""
        self.widget.text_widget.unobserve(self._on_spans, "entity_spans")
        self.widget.__dict__.pop("display", None)

    def display(self, text: str) -> None:
        """Show a text without spans."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        self.text, self._units = text, np.concatenate([[0], np.cumsum(1 + (points > 0xFFFF))])
        self.load(())
        self.widget.text_widget.text = text.translate(HARMLESS)

    def load(self, spans: Sequence[Tagged]) -> None:
        """Put spans on the text, of which no two may overlap."""
        self._set([(int(self._units[start]), int(self._units[end]), label) for start, end, label in spans])
        self.widget._undo_queue.clear()

    def spans(self) -> list[Tagged]:
        """The spans that are there, in the order of the text."""
        return sorted(self._in_characters(one) for one in self.widget.data)

    def _in_characters(self, span: Sequence[Any]) -> Tagged:
        """A span as Python has it: whole characters, within the text, without white space at its ends."""
        start, end = (min(max(int(unit), 0), int(self._units[-1])) for unit in span[:2])
        first = int(np.searchsorted(self._units, start, side="right")) - 1
        last = int(np.searchsorted(self._units, end, side="left"))
        while first < last and self.text[first].isspace():
            first += 1
        while first < last and self.text[last - 1].isspace():
            last -= 1
        return first, last, str(span[2])

    def _on_spans(self, change: Any) -> None:
        """Take back a span that is empty or overlaps another one: the tagger would draw both wrong."""
        if self._ours:
            return
        self.say("")
        kept: list[Tagged] = []
        for span in map(self._in_characters, change["new"]):
            if span[0] == span[1]:
                continue
            if any(span[0] < end and start < span[1] for start, end, _ in kept):
                self.say("Taken back: a span that overlaps another one. The tagger can't show both; the card can.")
                continue
            kept.append(span)
        data = [(int(self._units[start]), int(self._units[end]), label) for start, end, label in kept]
        if data != [tuple(one) for one in change["new"]]:
            self._set(data)
            # The widget has noted two changes for Undo, but the person made one or none of them.
            queue = self.widget._undo_queue
            del queue[max(0, len(queue) - (2 if data == [tuple(one) for one in change["old"]] else 1)):]

    def _set(self, data: list[Tagged]) -> None:
        self._ours = True
        try:
            self.widget.data = data
        finally:
            self._ours = False


def not_overlapping(spans: Sequence[Any], place_of: Callable[[Any], tuple[int, int]]) -> list[Any]:
    """Leave out each span that overlaps one before it in the list."""
    kept: list[Any] = []
    for one in spans:
        start, end = place_of(one)
        if all(end <= place_of(other)[0] or place_of(other)[1] <= start for other in kept):
            kept.append(one)
    return kept
