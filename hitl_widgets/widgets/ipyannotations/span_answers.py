"""What ipyannotations' `TextTagger` submits, as the spans of a decision: see `SpanAnswers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ipywidgets

from ...errors import BadInput
from ...objects.dialect import with_ids
from ...records import Seen
from ..host import CardHost
from ..window import Entry
from .annotator_answers import AnnotatorAnswers
from .texts import HARMLESS, TaggedText, not_overlapping


class SpanAnswers(AnnotatorAnswers):
    """Reads spans from a `TextTagger`, and shows proposed spans in it unless the item is blind.

    Parameters
    ----------
    host : CardHost
    widget : TextTagger

    Raises
    ------
    BadInput
        When a class of the tagger isn't a label, or its name has a character that the tagger would read as HTML.
    """

    MADE_WITH = "classes"

    def __init__(self, host: CardHost, widget: Any) -> None:
        super().__init__(host)
        self._widget = widget
        self._check_classes([str(one) for one in widget.class_selector.options])
        line = ipywidgets.Label()
        self._tagged = TaggedText(widget, lambda text: setattr(line, "value", text))
        self.controls: Sequence[Any] = [line]
        self.remark = ""

    def notices(self) -> list[str]:
        """List what to know before the first item."""
        notices = ["The tagger shows the signs <, > and & as ‹, › and ＆; spans are those of the text as it is."]
        offered = set(map(str, self._widget.class_selector.options))
        if missing := [name for name in self.taxonomy.names if name not in offered]:
            notices.append(f"Labels that the tagger doesn't offer: {', '.join(missing[:8])}. To have them, make it "
                           "with TextTagger(classes=wb.taxonomy.names).")
        if self.taxonomy.attributes:
            notices.append("A tagger doesn't ask for attributes; the card does.")
        return notices

    def show(self, entry: Entry) -> None:
        """Show spans on the text of an item: those of the last answer after Undo, otherwise the proposed ones."""
        self._entry, self._seen = entry, self._would_show(entry)
        objects = self._given.get(entry.item.id, () if self._seen.hidden else self._seen.objects)
        self._tagged.load([(int(one["at"][0]), int(one["at"][1]), self._name_of(one["label_id"])) for one in objects])

    def close(self) -> None:
        """Stop listening to the tagger, and give it back its own `display`."""
        self._tagged.close()

    def arguments(self, value: Any, entry: Entry) -> dict[str, Any]:
        """Make the arguments of `CardHost.decide`; BadInput for a submission that can't be stored."""
        seen = self._seen if self._entry is entry else replace(self._would_show(entry), hidden=True)
        if value is None:
            return {"verdict": "skip", "seen": seen}
        # As boxes of height 1, which is how spans are matched with those that were on the screen.
        boxes = [{"kind": "box", "at": (start, 0, end, 1), "label": label}
                 for start, end, label in self._tagged.spans()]
        shown = [] if seen.hidden else [{**one, "kind": "box", "at": (one["at"][0], 0, one["at"][1], 1)}
                                        for one in seen.objects]
        found = with_ids(boxes, shown, scale=(1, 1), size=(1, max(1, len(self._tagged.text))),
                         label_id_of=self._label_id)
        given = [{**one, "kind": "span", "at": (int(one["at"][0]), int(one["at"][2]))} for one in found]
        return self._decided(given, seen, entry)

    def _check_classes(self, classes: Sequence[str]) -> None:
        made = "Make it with TextTagger(classes=wb.taxonomy.names)."
        if odd := [name for name in classes if name not in self.taxonomy]:
            raise BadInput(f"the tagger's classes have {', '.join(odd[:8])}, and a span needs a label of taxonomy "
                           f"v{self.taxonomy.version}, which has: {', '.join(self.taxonomy.names[:8])}. {made}")
        if signs := [name for name in {*classes, *self.taxonomy.names} if name.translate(HARMLESS) != name]:
            raise BadInput(f"the tagger writes the names of classes as HTML, and {signs[0]!r} has a sign that HTML "
                           "reads. Rename the label with edits.rename, or leave view out to get the card.")

    def _would_show(self, entry: Entry) -> Seen:
        """What the person would see. Of overlapping proposals, the tagger shows only the one with the highest score."""
        seen = super()._would_show(entry)
        ranked = sorted(seen.objects, key=lambda one: -float(one.get("score") or 0))
        kept = {one["id"] for one in not_overlapping(ranked, lambda one: (one["at"][0], one["at"][1]))}
        return replace(seen, objects=tuple(one for one in seen.objects if one["id"] in kept))

    def _name_of(self, label_id: str) -> str:
        return super()._name_of(label_id).translate(HARMLESS)
