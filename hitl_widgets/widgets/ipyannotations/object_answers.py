"""Convert what is drawn in a widget of ipyannotations, such as BoxAnnotator, to the objects of a decision.

Read `ObjectAnswers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import BadInput
from ...objects.dialect import from_dialect, to_dialect, with_ids
from ...records import SHAPE_OF
from ..host import CardHost
from ..window import Entry
from .annotator_answers import AnnotatorAnswers
from .canvas import AnnotatorCanvas, ObjectList, kind_of


class ObjectAnswers(AnnotatorAnswers):
    """Reads the objects of a BoxAnnotator, PolygonAnnotator or PointAnnotator, and draws the proposals on it.

    Proposals aren't drawn if the item is blind.

    Parameters
    ----------
    host : CardHost
    widget : BoxAnnotator, PolygonAnnotator or PointAnnotator

    Raises
    ------
    BadInput
        When the widget draws another kind of objects than the project asks for, or its options aren't labels.
    """

    MADE_WITH = "options"

    def __init__(self, host: CardHost, widget: Any) -> None:
        self.kind = SHAPE_OF[host.task]
        if kind_of(widget) != self.kind:
            take = "text.TextTagger(classes=" if self.kind == "span" else \
                f"images.{self.kind.capitalize()}Annotator(options="
            raise BadInput(f"view is a {type(widget).__name__}, and this project asks for {host.task}. Take "
                           f"ipyannotations.{take}wb.taxonomy.names).")
        super().__init__(host)
        self._check_options(widget)
        self._canvas = AnnotatorCanvas(widget)
        self.controls: Sequence[Any] = [ObjectList(self._canvas).view]
        self._scale, self._size = (1.0, 1.0), (1, 1)
        self.remark = ""

    def notices(self) -> list[str]:
        """List what a person should know before the first item."""
        offered = set(map(str, self._canvas.widget.options))
        notices = []
        if missing := [name for name in self.taxonomy.names if name not in offered]:
            notices.append(f"Labels that the annotator doesn't offer: {', '.join(missing[:8])}. To have them, make it "
                           f"with {type(self._canvas.widget).__name__}(options=wb.taxonomy.names).")
        if self.taxonomy.attributes:
            notices.append("An annotator doesn't ask for attributes; the card does.")
        return notices

    def show(self, entry: Entry) -> None:
        """Draw the proposals on the picture that is displayed now; after Undo, draw the former answer instead."""
        canvas, picture = self._canvas, self._host.pool.picture(entry.item.position)
        self._entry, self._size = entry, (picture.height, picture.width)
        self._scale = (canvas.canvas.original_width / picture.width, canvas.canvas.original_height / picture.height)
        self._seen = self._would_show(entry)
        objects: Sequence[Mapping[str, Any]] = () if self._seen.hidden else self._seen.objects
        canvas.load(to_dialect(self._given.get(entry.item.id, objects), self._scale, self._name_of))

    def close(self) -> None:
        """Restore the widget's own `display` and drawing."""
        self._canvas.close()

    def arguments(self, value: Any, entry: Entry) -> dict[str, Any]:
        """Make the arguments of `CardHost.decide`; BadInput for a submission that can't be stored."""
        seen = self._seen if self._entry is entry else replace(self._would_show(entry), hidden=True)
        if value is None:
            return {"verdict": "skip", "seen": seen}
        if self._canvas.unfinished:
            raise BadInput("a polygon isn't closed. Click on its first point, the red one, or take its points back "
                           "with Undo.")
        # `value` isn't used: a data_postprocessor may have changed it.
        objects, n_flat = from_dialect(self._canvas.data(), self.kind, self._scale)
        self.remark = f" Left out, since without area: {n_flat}." if n_flat else ""
        shown = () if seen.hidden else seen.objects
        given = with_ids(objects, shown, scale=self._scale, size=self._size, label_id_of=self._label_id)
        return self._decided(given, seen, entry)

    def _check_options(self, widget: Any) -> None:
        options = [str(option) for option in widget.options]
        if odd := [option for option in options if option not in self.taxonomy] or ([] if options else ["none"]):
            raise BadInput(f"the annotator's options have {', '.join(odd[:8])}, and an object needs a label of "
                           f"taxonomy v{self.taxonomy.version}, which has: {', '.join(self.taxonomy.names[:8])}. Make "
                           f"it with {type(widget).__name__}(options=wb.taxonomy.names).")
