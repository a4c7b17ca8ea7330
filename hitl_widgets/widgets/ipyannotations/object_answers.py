"""What an annotator of ipyannotations submits, as the objects of a decision: see `ObjectAnswers`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import BadInput
from ...records import SHAPE_OF, Seen
from ...taxonomy.labels import Taxonomy
from ..host import CardHost
from ..window import Entry
from .canvas import AnnotatorCanvas, ObjectList, kind_of
from .dialect import from_dialect, to_dialect, with_ids

# Items whose objects are kept for Undo, which shows them again.
N_KEPT = 50


class ObjectAnswers:
    """Reads an annotator of boxes, polygons or points, and puts the proposals on it where the item isn't blind.

    Parameters
    ----------
    host : CardHost
    widget : BoxAnnotator, PolygonAnnotator or PointAnnotator

    Raises
    ------
    BadInput
        When the project asks for other objects than the annotator gives.
    """

    def __init__(self, host: CardHost, widget: Any) -> None:
        self.kind = SHAPE_OF[host.task]
        if kind_of(widget) != self.kind:
            take = "text.TextTagger(classes=" if self.kind == "span" else \
                f"images.{self.kind.capitalize()}Annotator(options="
            raise BadInput(f"view is a {type(widget).__name__}, and this project asks for {host.task}. Take "
                           f"ipyannotations.{take}wb.taxonomy.names).")
        self._host, self.taxonomy = host, host.taxonomy
        self._check_options(widget)
        self._canvas = AnnotatorCanvas(widget)
        self.controls: Sequence[Any] = [ObjectList(self._canvas).view]
        self._entry: Entry | None = None
        self._seen, self._scale, self._size = Seen(hidden=True), (1.0, 1.0), (1, 1)
        self._given: OrderedDict[str, Sequence[Mapping[str, Any]]] = OrderedDict()
        self.remark = ""

    def notices(self) -> list[str]:
        """List what to know before the first item."""
        offered = set(map(str, self._canvas.widget.options))
        notices = []
        if missing := [name for name in self.taxonomy.names if name not in offered]:
            notices.append(f"Labels that the annotator doesn't offer: {', '.join(missing[:8])}. To have them, make it "
                           f"with {type(self._canvas.widget).__name__}(options=wb.taxonomy.names).")
        if self.taxonomy.attributes:
            notices.append("An annotator doesn't ask for attributes; the card does.")
        return notices

    def show(self, entry: Entry) -> None:
        """Put the proposals on the picture that is displayed now, or after Undo what was given."""
        canvas, picture = self._canvas, self._host.pool.picture(entry.item.position)
        self._entry, self._size = entry, (picture.height, picture.width)
        self._scale = (canvas.canvas.original_width / picture.width, canvas.canvas.original_height / picture.height)
        self._seen = self._would_show(entry)
        objects: Sequence[Mapping[str, Any]] = () if self._seen.hidden else self._seen.objects
        canvas.load(to_dialect(self._given.get(entry.item.id, objects), self._scale, self._name_of))

    def close(self) -> None:
        """Leave the annotator as it was."""
        self._canvas.close()

    def arguments(self, value: Any, entry: Entry) -> dict[str, Any]:
        """Make the arguments of `CardHost.decide`; BadInput for a submission of which the log could keep nothing."""
        seen = self._seen if self._entry is entry else replace(self._would_show(entry), hidden=True)
        if value is None:
            return {"verdict": "skip", "seen": seen}
        if self._canvas.unfinished:
            raise BadInput("a polygon isn't closed. Click on its first point, the red one, or take its points back "
                           "with Undo.")
        # Not the value, which a data_postprocessor may have changed.
        objects, n_flat = from_dialect(self._canvas.data(), self.kind, self._scale)
        self.remark = f" Left out, since without area: {n_flat}." if n_flat else ""
        shown = () if seen.hidden else seen.objects
        given = with_ids(objects, shown, scale=self._scale, size=self._size, label_id_of=self._label_id)
        offered = self._offered([one["label_id"] for one in (*given, *seen.objects, *seen.withheld)])
        self._given[entry.item.id] = given
        while len(self._given) > N_KEPT:
            self._given.popitem(last=False)
        return {"objects": given, "seen": replace(seen, taxonomy=offered.version)}

    def _check_options(self, widget: Any) -> None:
        options = [str(option) for option in widget.options]
        if odd := [option for option in options if option not in self.taxonomy] or ([] if options else ["none"]):
            raise BadInput(f"the annotator's options have {', '.join(odd[:8])}, and an object needs a label of "
                           f"taxonomy v{self.taxonomy.version}, which has: {', '.join(self.taxonomy.names[:8])}. Make "
                           f"it with {type(widget).__name__}(options=wb.taxonomy.names).")

    def _would_show(self, entry: Entry) -> Seen:
        seen: Seen = self._host.would_show(entry.item)  # type: ignore[attr-defined]
        # The annotator shows nothing once the person has answered.
        return replace(seen, arm=None, arm_probability=None, hidden=True) if seen.arm == "answer_first" else seen

    def _name_of(self, label_id: str) -> str:
        """The name that the annotator has for a label: that of the time at which it was opened, where it had one."""
        return (self.taxonomy if label_id in self.taxonomy else self._host.taxonomy).name_of(label_id)

    def _label_id(self, name: str) -> str:
        return (self.taxonomy if name in self.taxonomy else self._host.taxonomy).answer(name).id

    def _offered(self, label_ids: Sequence[str]) -> Taxonomy:
        """The version that has all these labels: the one for which the annotator was opened, or today's."""
        for taxonomy in (self.taxonomy, self._host.taxonomy):
            if all(label_id in taxonomy for label_id in label_ids):
                return taxonomy
        raise BadInput("labels changed since this review was opened, so that no version has all of these. Run "
                       "wb.review(view=...) again with options=wb.taxonomy.names.")
