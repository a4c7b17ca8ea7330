"""What does a label of yesterday's taxonomy mean today?

The taxonomies of a project in the order of their versions, with the step from each to the next. Read
`Lineage.resolve` first: every old answer passes through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from .changes import compose
from .differences import between
from .errors import TaxonomyMismatch
from .events import Event
from .taxonomy import Taxonomy

Resolution = Mapping[str, Sequence[str]]


def taxonomy_event(taxonomy: Taxonomy, *, id: str, annotator: str, acted_at: datetime, edits: Iterable[Any] = (),
                   resolution: Resolution | None = None, why: str | None = None) -> Event:
    """The event that makes a taxonomy today's. `resolution` tells what became of the labels that changed."""
    body = {"taxonomy": taxonomy.as_body(), "edits": [edit.as_body() for edit in edits], "why": why,
            "resolution": {old: list(new) for old, new in (resolution or {}).items()}}
    return Event(id=id, kind="taxonomy", annotator=annotator, acted_at=acted_at, body=body)


class Lineage:
    """Every version of a project's taxonomy; built from the log's events of kind "taxonomy", in their order."""

    def __init__(self, history: Iterable[Event]) -> None:
        self.versions: dict[int, Taxonomy] = {}
        self._steps: dict[int, dict[str, tuple[str, ...]]] = {}
        self._resolved: dict[tuple[str, int], tuple[str, ...]] = {}
        for event in history:
            version = Taxonomy.from_body(event.body["taxonomy"])
            self.versions[version.version] = version
            self._steps[version.version] = {old: tuple(new) for old, new in event.body["resolution"].items()}

    @property
    def today(self) -> Taxonomy:
        """The newest version."""
        return self.versions[max(self.versions)]

    def resolve(self, label_id: str, version: int | None) -> tuple[str, ...]:
        """What a label of some version (None: the first) means today: one label_id, when it is carried over exactly;
        several, when it is in doubt among them; none, when nothing is left of it."""
        key = (label_id, version or min(self.versions))
        if key not in self._resolved:
            stands: tuple[str, ...] = (label_id,)
            for later in sorted(v for v in self._steps if v > key[1]):
                step = self._steps[later]
                stands = compose({label_id: stands}, {old: step.get(old, (old,)) for old in stands})[label_id]
            # A label of which a part is no answer any more is certain of nothing.
            self._resolved[key] = stands if set(stands) <= set(self.today.label_ids) else ()
        return self._resolved[key]

    def exactly(self, label_id: str | None, version: int | None) -> str | None:
        """Today's label_id when that is certain, else None."""
        if label_id is None:
            return None
        stands = self.resolve(label_id, version)
        return stands[0] if len(stands) == 1 else None

    def columns(self, label_ids: Sequence[str]) -> np.ndarray:
        """How a model's columns add up to today's labels: float32, shape (len(label_ids), n_labels).

        A merged label sums its parts, the children of a split share their parent's probability, a new label has none
        and a retired one leaves.
        """
        today = {label_id: column for column, label_id in enumerate(self.today.label_ids)}
        sums = np.zeros((len(label_ids), len(today)), np.float32)
        for row, label_id in enumerate(label_ids):
            newest = max((v for v, t in self.versions.items() if label_id in t.label_ids), default=max(self.versions))
            stands = self.resolve(label_id, newest)
            for new in stands:
                sums[row, today[new]] += 1 / len(stands)
        return sums

    def recognise(self, given: Taxonomy) -> int:
        """Which version a taxonomy equals (the newest, where several do).

        Raises
        ------
        TaxonomyMismatch
            When it was never one; the message names the edits that would lead there.
        """
        former = [v for v, t in self.versions.items() if t.digest == given.digest]
        if former:
            return max(former)
        today, names = self.today, list(self.today.names)
        has = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        steps = [str(edit) for edit in between(today, given)]
        more = ", ..." if len(steps) > 8 else ""
        raise TaxonomyMismatch(
            f"the project is at taxonomy v{today.version}, which has: {has}. The taxonomy given was never one of its "
            f"versions. These edits would lead there: wb.apply([{', '.join(steps[:8])}{more}]). Open the project "
            "without a taxonomy and apply them, or choose another folder.")
