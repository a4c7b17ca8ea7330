"""Base class of the readers of objects and spans: labels under their former names, and the answer before an Undo."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from ...errors import BadInput
from ...records import Seen
from ...taxonomy.labels import Taxonomy
from ..host import CardHost
from ..window import Entry

# Items whose objects are kept for Undo, which shows them again.
N_KEPT = 50


class AnnotatorAnswers:
    """Base class that turns what an annotator of ipyannotations submits into the objects of a decision.

    Parameters
    ----------
    host : CardHost

    Attributes
    ----------
    taxonomy : Taxonomy
        The version of the taxonomy when the annotator was opened.
    """

    # Name of the argument with which the labels are passed to the annotator's class.
    MADE_WITH: ClassVar[str]

    def __init__(self, host: CardHost) -> None:
        self._host, self.taxonomy = host, host.taxonomy
        self._entry: Entry | None = None
        self._seen = Seen(hidden=True)
        self._given: OrderedDict[str, Sequence[Mapping[str, Any]]] = OrderedDict()

    def _would_show(self, entry: Entry) -> Seen:
        seen: Seen = self._host.would_show(entry.item)  # type: ignore[attr-defined]
        # The annotator shows nothing once the person has answered.
        return replace(seen, arm=None, arm_probability=None, hidden=True) if seen.arm == "answer_first" else seen

    def _decided(self, given: Sequence[Mapping[str, Any]], seen: Seen, entry: Entry) -> dict[str, Any]:
        """The arguments of `CardHost.decide` for these objects. The objects are also kept, for Undo."""
        # What was withheld wasn't on the screen: its labels may be of any version.
        offered = self._offered([one["label_id"] for one in (*given, *seen.objects)])
        self._given[entry.item.id] = given
        while len(self._given) > N_KEPT:
            self._given.popitem(last=False)
        return {"objects": given, "seen": replace(seen, taxonomy=offered.version)}

    def _name_of(self, label_id: str) -> str:
        """The label's name when the annotator was opened; today's name for a label that was added since."""
        return (self.taxonomy if label_id in self.taxonomy else self._host.taxonomy).name_of(label_id)

    def _label_id(self, name: str) -> str:
        return (self.taxonomy if name in self.taxonomy else self._host.taxonomy).answer(name).id

    def _offered(self, label_ids: Sequence[str]) -> Taxonomy:
        """A version of the taxonomy that contains all of these labels.

        This is the version when the annotator was opened if it contains them, otherwise today's version.

        Raises
        ------
        BadInput
            If neither version contains all of them.
        """
        for taxonomy in (self.taxonomy, self._host.taxonomy):
            if all(label_id in taxonomy for label_id in label_ids):
                return taxonomy
        raise BadInput("labels changed since this review was opened, so that no version has all of these. Run "
                       f"wb.review(view=...) again with {self.MADE_WITH}=wb.taxonomy.names.")
