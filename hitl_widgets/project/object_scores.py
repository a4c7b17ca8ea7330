"""Scores by which strategies select images with objects: uncertainty, disagreement, corrections. See `ObjectScores`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..objects.overlap import match_one_to_one, overlaps
from ..records import SHAPE_OF
from ..sampling.object_strategies import apart, doubt_of
from ..sampling.uncertainty import Scores
from .threshold_arms import USUAL

if TYPE_CHECKING:
    from .project import Project

# Number of further searched images after which the scores count as changed.
STEP = 20
# Images per batch of the model.
AT_ONCE = 8
# Minimum overlap (IoU) of an object that two answers have in common; for points, any nearness.
SAME = {"box": 0.5, "polygon": 0.5, "point": 1e-9, "span": 0.5}


class ObjectScores:
    """Scores of a project's images, from their objects: an `object_strategies.OfObjects`. Safe for many threads.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._model: str | None = None
        self._doubt = np.empty(0, np.float32)
        self._corrected: tuple[Any, dict[str, float]] | None = None

    def state(self, *, of_answers: bool) -> object:
        """A value that changes with the model, every `STEP` images it has searched and, if `of_answers`, answers."""
        with self._lock:
            return self._model, int((~np.isnan(self._doubt)).sum()) // STEP, \
                self._project.state.taken_in if of_answers else None

    @property
    def has_model(self) -> bool:
        """Whether a model proposes objects."""
        return self._project.propose is not None and self._project.state.adopted is not None

    def ahead(self, positions: np.ndarray, budget_s: float, search: Callable[[np.ndarray], object]) -> None:
        """Have the model search those images that it hasn't searched yet; after `budget_s`, no batch begins.

        Parameters
        ----------
        positions : ndarray of int
        budget_s : float
            Seconds.
        search : callable
            Has the model search the images at some positions.
        """
        end = time.monotonic() + budget_s
        known = self.doubt(positions)
        missing = positions[np.isnan(known)] if known is not None else positions[:0]
        for start in range(0, len(missing), AT_ONCE):
            if time.monotonic() >= end:
                return
            search(some := missing[start:start + AT_ONCE])
            for position in some.tolist():
                self.note(position)

    def note(self, position: int) -> None:
        """Compute the doubt about one image; the model searches it if it hasn't yet."""
        propose, event = self._project.propose, self._project.state.adopted
        if propose is None or event is None:
            return
        proposals, limits = propose(position), event.body.get("thresholds", {})
        doubt = doubt_of([one.score for one in proposals], [limits.get(one.label_id, USUAL) for one in proposals])
        with self._lock:
            if self._of_today()[0] == event.body["model"]:
                self._doubt[position] = doubt

    def doubt(self, positions: np.ndarray) -> Scores | None:
        """How doubtful the proposals of images are, NaN for images not searched yet; None without a model."""
        if not self.has_model:
            return None
        with self._lock:
            return np.array(self._of_today()[1][positions])

    def contested(self, positions: np.ndarray) -> Scores | None:
        """How far the answers to images disagree; the model's proposals from the threshold on count as one answer."""
        project = self._project
        if project.task not in SHAPE_OF:
            return None
        kind, event, propose = SHAPE_OF[project.task], project.state.adopted, project.propose
        wanted, scores = set(positions.tolist()), dict[int, float]()
        images = project.answers().reviewed_images(teaching=False)
        images = images[images["position"].isin(list(wanted))]
        for position, group in images.groupby("position"):
            place, size = int(str(position)), (float(group["height"].iloc[0]), float(group["width"].iloc[0]))
            answers: list[Sequence[Any]] = list(group["objects"])
            if propose is not None and event is not None and not np.isnan(self._doubt_at(place)):
                limits = event.body.get("thresholds", {})
                answers.append([one for one in propose(place) if one.score >= limits.get(one.label_id, USUAL)])
            scores[place] = apart([_common(kind, one, other, size) for one, other in combinations(answers, 2)])
        return np.array([scores.get(place, np.nan) for place in positions.tolist()], np.float32)

    def corrected(self, positions: np.ndarray) -> Scores | None:
        """The share of the objects of answered images that isn't as proposed; NaN where nothing was proposed."""
        project = self._project
        if project.task not in SHAPE_OF:
            return None
        key = project.state.taken_in
        if self._corrected is None or self._corrected[0] != key:
            table = project.objects(deleted=True)
            stood = (table["act"] == "accepted").groupby(table["item_id"]).mean()
            proposed = (table["origin"] == "model").groupby(table["item_id"]).any()
            self._corrected = key, {str(item_id): 1 - float(share) for item_id, share in stood[proposed].items()}
        parts = self._corrected[1]
        if not parts:
            return None
        return np.array([parts.get(str(item_id), np.nan) for item_id in project.pool.ids[positions]], np.float32)

    def _doubt_at(self, position: int) -> float:
        with self._lock:
            return float(self._of_today()[1][position])

    def _of_today(self) -> tuple[str | None, np.ndarray]:
        """The adopted model and its doubts; those of a former model are dropped."""
        event = self._project.state.adopted
        model = None if event is None else str(event.body["model"])
        if model != self._model or len(self._doubt) != len(self._project.pool):
            self._model, self._doubt = model, np.full(len(self._project.pool), np.nan, np.float32)
        return self._model, self._doubt


def _common(kind: str, one: Sequence[Any], other: Sequence[Any], size: tuple[float, float]) -> tuple[int, int, int]:
    """How many objects two answers have in common, with the same label, and how many each has."""
    if not one or not other:
        return 0, len(one), len(other)
    overlap = overlaps(kind, [thing.at for thing in one], [thing.at for thing in other], size=size)
    same = np.array([[a.label_id == b.label_id for b in other] for a in one])
    return len(match_one_to_one(np.where(same, overlap, 0.0), SAME[kind])[0]), len(one), len(other)
