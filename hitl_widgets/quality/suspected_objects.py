"""Probable annotation errors in images: differences between people's objects and a model's proposals.

There are four kinds of errors: a missing object, a wrong label, objects that are wrongly grouped (one for several, or
several for one) and a wrong place. Read `suspicions` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..objects.overlap import overlaps
from ..records import LABELLING

Floats = npt.NDArray[np.float64]
Kind = Literal["missing", "wrong label", "wrongly grouped", "wrong place"]

IN_WORDS: Mapping[str, str] = {
    "missing": "an object may be missing", "wrong label": "the label may be wrong",
    "wrongly grouped": "one object may be several, or several one", "wrong place": "the place may be wrong"}
COLUMNS = ["item_id", "position", "annotator", "decision_id", "unsure", "chosen_by", "object_id", "error", "label_id",
           "expected_id", "at", "right"]
# A proposal with at least this score contradicts an annotation; it is weighed against a proposal of the person's label.
SURE = 0.6
# Objects that overlap by `SAME` or more are the same; by less than `APART` they are unrelated.
SAME, APART = 0.5, 0.1
# A proposal with this part of its area in another object lies inside it.
INSIDE = 0.75
# Two objects inside one proposal are parts of it, unless one of them is nearly the whole.
WHOLE = 0.7
# Factor of the score of a deleted proposal: a person said that nothing is there.
DELETED = 0.5


class Suspicion(NamedTuple):
    """One object that may be wrong.

    Parameters
    ----------
    error : "missing", "wrong label", "wrongly grouped" or "wrong place"
    right : float
        Probability that the person is right, as far as the model's scores tell.
    place : int or None
        Place of the object among the person's; None for one that is missing.
    at : sequence of float
        The object's coordinates, or the proposal's if the object is missing.
    expected_id : str or None
        The label that the model expects there.
    """

    error: Kind
    right: float
    place: int | None
    at: Sequence[float]
    expected_id: str | None


class Placed(NamedTuple):
    """A person's object, in the form that `suspected_objects` needs.

    Parameters
    ----------
    id : str
    at : tuple of float
    label_id : str or None
        None if an edit left it in doubt.
    is_deleted : bool
        Whether it is a proposal that the person deleted.
    in_doubt : bool
        Whether the person was unsure of it, or an edit left its label in doubt: it explains a proposal at its place,
        and isn't suspected itself.
    """

    id: str
    at: tuple[float, ...]
    label_id: str | None
    is_deleted: bool = False
    in_doubt: bool = False


# 19 branches: one kind of error after the other, since each looks only at what the ones before left unexplained.
def suspicions(kind: str, objects: Sequence[Any], proposals: Sequence[Any], *, deleted: Sequence[Any] = (),
               size: tuple[float, float] | None = None) -> list[Suspicion]:
    """List the objects of one image that may be wrong, the least probable first; one for each object at most.

    Parameters
    ----------
    kind : "box", "polygon" or "point"
    objects : sequence
        The person's objects, each with `at` and `label_id`.
    proposals : sequence
        The model's proposals, each with `at`, `label_id` and `score`.
    deleted : sequence
        Proposals that the person deleted, in the form of `objects`.
    size : (float, float), optional
        Height and width of the image, for points.
    """
    sure = [one for one in proposals if one.score >= SURE]
    if not sure:
        return []
    scores = np.array([one.score for one in sure], np.float64)
    ats, theirs = [one.at for one in objects], [one.at for one in sure]
    overlap = overlaps(kind, ats, theirs, size=size) if objects else np.zeros((0, len(sure)))
    found = _grouped(kind, ats, theirs, scores, overlap) if kind != "point" else []
    # Objects that are one for several, or several for one, aren't also at a wrong place.
    grouped = {one.place for one in found}
    explained = np.zeros(len(sure), np.bool_)
    for one in found:
        assert one.place is not None
        explained |= overlap[one.place] > APART
    for place, thing in enumerate(objects):
        if place in grouped or not (overlap[place] > 0).any():
            continue
        best = int(overlap[place].argmax())
        expected_id = sure[best].label_id
        if overlap[place, best] >= SAME:
            explained[best] = True
            agreed = any(of >= SAME and other.label_id == thing.label_id
                         for other, of in zip(sure, overlap[place], strict=True))
            if not agreed:
                right = _right(scores[best], _weaker(kind, thing, proposals, size))
                found.append(Suspicion("wrong label", right, place, thing.at, expected_id))
        elif overlap[place, best] > APART and overlap[:, best].argmax() == place:
            explained[best] = True
            found.append(Suspicion("wrong place", _right(scores[best], 0.0), place, thing.at, expected_id))
    unexplained = ~explained & (overlap.max(axis=0, initial=0.0) <= APART)
    found += _missing(kind, [sure[place] for place in np.flatnonzero(unexplained)], deleted, size)
    return sorted(found, key=lambda one: one.right)


def _missing(kind: str, unexplained: Sequence[Any], deleted: Sequence[Any], size: tuple[float, float] | None
             ) -> list[Suspicion]:
    """List the proposals that no object explains; one that was deleted is less probable."""
    if not unexplained:
        return []
    gone = overlaps(kind, [one.at for one in deleted], [one.at for one in unexplained], size=size).max(axis=0) \
        if deleted else np.zeros(len(unexplained))
    return [Suspicion("missing", 1 - one.score * (DELETED if there >= SAME else 1.0), None, one.at, one.label_id)
            for one, there in zip(unexplained, gone, strict=True)]


def suspected_objects(images: pd.DataFrame, proposals: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """List the objects that may be wrong, in all answered images.

    Parameters
    ----------
    images : DataFrame
        A row for each image and annotator: item_id, position, annotator, decision_id, verdict, chosen_by, width,
        height, as in `Answers.reviewed_images`, and objects: a sequence of `Placed`, including deleted objects and
        objects in doubt.
    proposals : mapping
        item_id -> the model's proposals.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, the least probable object first: object_id is None if an object seems to be missing;
        expected_id is the label that the model expects, and at the coordinates; right is the probability that the
        person is right. Objects in doubt aren't listed, and no object is reported as missing at their places.
    """
    rows: list[tuple[Any, ...]] = []
    for image in images.to_dict("records"):
        some = proposals.get(image["item_id"], ())
        if image["verdict"] not in LABELLING or not some:
            continue
        there = [one for one in image["objects"] if not one.is_deleted]
        gone = [one for one in image["objects"] if one.is_deleted]
        about = (image["item_id"], image["position"], image["annotator"], image["decision_id"], False,
                 image["chosen_by"])
        for one in suspicions(some[0].kind, there, some, deleted=gone, size=(image["height"], image["width"])):
            thing = None if one.place is None else there[one.place]
            if thing is None or not thing.in_doubt:
                rows.append((*about, None if thing is None else thing.id, one.error,
                             None if thing is None else thing.label_id, one.expected_id, tuple(one.at), one.right))
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object).astype(
        {"position": np.int64, "unsure": bool, "right": float})
    return table.sort_values("right", kind="stable", ignore_index=True)


def _grouped(kind: str, ats: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], scores: Floats,
             overlap: Floats) -> list[Suspicion]:
    """Find objects that cover several proposals, and proposals that cover several objects."""
    if not len(ats):
        return []
    crowd = overlaps(kind, theirs, ats, crowd=np.ones(len(ats), np.bool_)).T  # part of each proposal inside an object
    part = overlaps(kind, ats, theirs, crowd=np.ones(len(theirs), np.bool_))  # part of each object inside a proposal
    apart = _apart(kind, theirs)
    found = []
    for place, at in enumerate(ats):
        inside = np.flatnonzero((crowd[place] >= INSIDE) & (overlap[place] < SAME))
        inside = inside[[all(apart[one, other] for other in inside if other != one) for one in inside]]
        if len(inside) > 1:
            found.append(Suspicion("wrongly grouped", _right(float(np.sort(scores[inside])[-2]), 0.0), place, at, None))
            continue
        for whole in np.flatnonzero((part[place] >= INSIDE) & (overlap[place] < WHOLE)):
            others = np.flatnonzero((part[:, whole] >= INSIDE) & (overlap[:, whole] < WHOLE))
            if len(others) > 1:
                found.append(Suspicion("wrongly grouped", _right(float(scores[whole]), 0.0), place, at, None))
                break
    return found


def _apart(kind: str, ats: Sequence[Sequence[float]]) -> npt.NDArray[np.bool_]:
    return np.asarray(overlaps(kind, ats, ats) <= 0.3)


def _weaker(kind: str, thing: Any, proposals: Sequence[Any], size: tuple[float, float] | None) -> float:
    """The best score of a proposal with the person's own label there."""
    same = [one for one in proposals if one.label_id == thing.label_id]
    if not same:
        return 0.0
    at_place = overlaps(kind, [thing.at], [one.at for one in same], size=size)[0] >= SAME
    return max((one.score for one, there in zip(same, at_place, strict=True) if there), default=0.0)


def _right(against: float, own: float) -> float:
    """Probability that the person is right, from a score against them and one for them."""
    return float((1 - against) / (1 - against + against * (1 - own)))
