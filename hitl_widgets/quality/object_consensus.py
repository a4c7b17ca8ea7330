"""Consensus of several people on the objects of images. Read `consensus_objects` first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, softmax

from ..errors import BadInput, ShapeError
from ..objects.overlap import bounds, clusters, overlaps
from .object_matching import Floats, Ints, columns_of, coordinates, kinds_in, known_sizes, reviewed_pairs

CONSENSUS = "consensus"
# Objects of two people that overlap by as much are the same.
SAME = 0.5
# Number of objects by which an annotator's ability is shrunk towards that of all people; the smallest and the largest
# ability; the smallest and the usual spread, as parts of an object's size.
PRIOR, LEAST, MOST, LEAST_SPREAD, USUAL_SPREAD = 10.0, 0.55, 0.99, 0.01, 0.1
# Weight of an object of which its annotator was unsure.
UNSURE = 0.5
# Of spans that overlap equally, those with the same label are grouped first.
SAME_LABEL = 1e-6
_ITERATIONS = 10
_NEARLY = 1e-6


def consensus_objects(objects: pd.DataFrame, reviewed: pd.DataFrame | None = None, *,
                      sizes: Mapping[Any, tuple[float, float]] | None = None) -> pd.DataFrame:
    """Combine the objects that several people found in each image: which are there, with which label, and where.

    Parameters
    ----------
    objects : DataFrame
        A row per object and annotator, such as `wb.objects()`: item_id, annotator, label_id or label, kind (boxes
        without it), x0, y0, x1, y1; `points` of polygons; start and end of spans. Rows with the act "deleted" or the
        status "planted" are ignored. Rows with the status "unsure" have half the weight, and rows without a label are
        only used for the place of an object.
    reviewed : DataFrame, optional
        item_id and annotator of each image that each person looked at, also of those in which they found nothing.
        By default `objects.attrs["reviewed"]`, which `wb.objects()` sets, else the images in which they found
        something.
    sizes : mapping of item_id to (width, height), optional
        Size of each image in pixels; only points need it. By default `objects.attrs["sizes"]`, which `wb.objects()`
        sets, or the columns width and height.

    Returns
    -------
    DataFrame
        The columns of `objects` and status, a row per object of the consensus: annotator is "consensus"; label by
        weighted votes; coordinates the weighted median of each side or of the point, for polygons and spans the one
        that overlaps the others most; certainty the mean of those given; status "decided", or "unsure" if the weights
        for and against the object are equal, two labels have equal weights, or everybody who found it was unsure, or
        "to_review" without any label. Also share (of the weight of those who reviewed the image, from 0.5 to 1) and
        n (people who found it). Objects of images that only one person reviewed are unchanged.

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If kinds are mixed, a coordinate is missing, or the size of an image with points isn't known.

    Notes
    -----
    Objects of different people are treated as the same object if they overlap by 0.5 or more on average, whatever their
    labels; each person has at most one of them. Each person has three weights, shrunk towards the mean of all people.
    The weights of their votes on whether an object is there, and on its label, are the log odds of being right,
    estimated by EM. The weight for its place is the inverse variance of their sides. People who corrected the same
    proposals didn't find them independently: objects that all of them left unchanged are those of the model.

    References
    ----------
    Dawid and Skene (1979), Maximum Likelihood Estimation of Observer Error-rates, doi:10.2307/2346806, with one error
    rate a person; Nitzan and Paroush (1982), Optimal Decision Rules in Uncertain Dichotomous Choice Situations,
    doi:10.2307/2526438, for the weights; Braylan et al. (2022), doi:10.1145/3485447.3512242.

    Examples
    --------
    >>> objects = pd.DataFrame({"item_id": 1, "annotator": ["ann", "bob", "cleo", "cleo"], "label": "cell",
    ...                         "x0": [0, 1, 2, 90], "y0": 0, "x1": [40, 41, 46, 99], "y1": 40})
    >>> consensus_objects(objects)[["annotator", "x0", "x1", "n"]].values.tolist()
    [['consensus', 1.0, 41.0, 3]]
    """
    votes = _Votes.of(objects, reviewed, sizes)
    table = _joined(votes, _Weights.of(votes))
    table.attrs |= objects.attrs
    return table


def object_abilities(objects: pd.DataFrame, reviewed: pd.DataFrame | None = None, *,
                     sizes: Mapping[Any, tuple[float, float]] | None = None) -> pd.DataFrame:
    """Estimate how well each annotator finds, names and places objects, by comparison with the others.

    Parameters
    ----------
    objects, reviewed, sizes
        See `consensus_objects`.

    Returns
    -------
    DataFrame
        A row per person: annotator, n (objects that somebody found in images that they and others reviewed), found and
        named (how often they are right about whether an object is there, and about its label), spread (standard
        deviation of where they place a side, as part of the object's size). All are shrunk towards the mean of all
        people.
    """
    votes = _Votes.of(objects, reviewed, sizes)
    weights = _Weights.of(votes)
    return pd.DataFrame({"annotator": np.asarray(votes.people),
                         "n": np.bincount(votes.asked_person, minlength=len(votes.people)), "found": weights.found,
                         "named": weights.named, "spread": weights.spread})


@dataclass(frozen=True, eq=False)
class _Votes:
    """Groups of objects, and the vote of each reviewer of an image on each of its groups.

    Parameters
    ----------
    rows : DataFrame
        The objects, with `at` (their coordinates).
    kind : str
    person, label, group : ndarray of int64, shape (n_objects,)
        Places of each object's person, label and group; label is -1 if there is none.
    people : Index
    worth : ndarray of float, shape (n_objects,)
        0.5 where its annotator was unsure, else 1.
    asked_group, asked_person, asked_object : ndarray of int64, shape (n_votes,)
        The votes: a group, a person who reviewed its image, and their object in the group, -1 for none; only for images
        that two people or more reviewed.
    """

    rows: pd.DataFrame
    kind: str
    person: Ints
    label: Ints
    group: Ints
    people: pd.Index
    worth: Floats
    asked_group: Ints
    asked_person: Ints
    asked_object: Ints

    # 13 branches: an image is seen by one person or by several, who reviewed it whole or left objects in it.
    @classmethod
    def of(cls, objects: pd.DataFrame, reviewed: pd.DataFrame | None,
           sizes: Mapping[Any, tuple[float, float]] | None) -> _Votes:
        rows, kind = _checked(objects)
        told = reviewed_pairs(objects) if reviewed is None else reviewed
        told = rows if told is None else told
        if missing := [name for name in ("item_id", "annotator") if name not in told]:
            raise ShapeError(f"the table of what was reviewed lacks {', '.join(missing)}.")
        pairs = pd.concat([told[["item_id", "annotator"]], rows[["item_id", "annotator"]]]).drop_duplicates()
        people = pd.Index(sorted(pairs["annotator"].unique(), key=str), dtype=object)
        person = people.get_indexer(pd.Index(rows["annotator"], dtype=object)).astype(np.int64)
        reviewers = {item: people.get_indexer(pd.Index(of, dtype=object)) for item, of in
                     pairs.groupby("item_id", sort=False)["annotator"]}
        label = pd.factorize(rows["label_id" if "label_id" in rows else "label"])[0].astype(np.int64)
        worth = np.where(rows["status"].eq("unsure"), UNSURE, 1.0)
        ats, group, n_groups = rows["at"].tolist(), np.full(len(rows), -1, np.int64), 0
        asked: list[tuple[int, int, int]] = []
        known = known_sizes(rows, sizes)
        for item, found in rows.groupby("item_id", sort=False).indices.items():
            places = np.asarray(found, np.int64)
            if len(reviewers[item]) < 2:
                group[places] = n_groups + np.arange(len(places))
                n_groups += len(places)
                continue
            if kind == "point" and item not in known:
                raise BadInput(f"the size of image {item!r} isn't known; points need it, as columns width and height "
                               "or as sizes={item_id: (width, height)}.")
            overlap = _overlaps(kind, [ats[place] for place in places], label[places], known.get(item))
            for part in clusters(overlap, person[places], SAME):
                group[places[part]] = n_groups
                theirs = dict(zip(person[places[part]].tolist(), places[part].tolist(), strict=True))
                asked += [(n_groups, int(who), theirs.get(int(who), -1)) for who in reviewers[item]]
                n_groups += 1
        of_votes = np.array(asked, np.int64).reshape(-1, 3)
        return cls(rows, kind, person, label, group, people, np.asarray(worth, np.float64), *of_votes.T)


def _overlaps(kind: str, ats: Sequence[Sequence[float]], label: Ints, size: tuple[float, float] | None) -> Floats:
    """How far the objects of an image overlap each other."""
    overlap = overlaps(kind, ats, ats, size=size)
    if kind == "span":  # the same words may have two spans: of equal overlaps that of the same label is meant
        overlap += SAME_LABEL * (label[:, None] == label[None, :]) * (overlap > 0)
    return overlap


@dataclass(frozen=True, eq=False)
class _Weights:
    """How well each person finds, names and places objects: see `object_abilities`.

    Parameters
    ----------
    found, named, spread : ndarray of float, shape (n_people,)
    n_labels : int
    """

    found: Floats
    named: Floats
    spread: Floats
    n_labels: int

    @classmethod
    def of(cls, votes: _Votes) -> _Weights:
        n_labels = max(2, int(votes.label.max(initial=-1)) + 1)
        return cls(_found(votes), _named(votes, n_labels), _spread(votes), n_labels)

    @property
    def for_being(self) -> Floats:
        return np.asarray(np.log(self.found / (1 - self.found)))

    @property
    def for_label(self) -> Floats:
        return np.asarray(np.log(self.named / (1 - self.named) * (self.n_labels - 1)))

    @property
    def for_place(self) -> Floats:
        return np.asarray(1 / self.spread ** 2)


def _found(votes: _Votes) -> Floats:
    """How often each person is right about whether an object is there."""
    ability, who, group = np.full(len(votes.people), 0.8), votes.asked_person, votes.asked_group
    yes = votes.asked_object >= 0
    for _ in range(_ITERATIONS if len(who) else 0):
        weight = np.log(ability / (1 - ability))[who] * np.where(yes, 1.0, -1.0)
        there = expit(np.bincount(group, weight)[group])
        ability = _shrunk(who, np.where(yes, there, 1 - there), len(ability))
    return ability


def _named(votes: _Votes, n_labels: int) -> Floats:
    """How often each person is right about the label of an object that others found too."""
    ability = np.full(len(votes.people), 0.8)
    some = np.flatnonzero(votes.label >= 0)
    n_groups = int(votes.group.max(initial=-1)) + 1
    some = some[np.bincount(votes.group[some], minlength=n_groups)[votes.group[some]] >= 2] if len(some) else some
    who, group, label = votes.person[some], votes.group[some], votes.label[some]
    for _ in range(_ITERATIONS if len(some) else 0):
        weight = np.log(ability / (1 - ability) * (n_labels - 1))[who]
        scores = np.bincount(group * n_labels + label, weight, n_groups * n_labels).reshape(-1, n_labels)[group]
        ability = _shrunk(who, softmax(scores, axis=1)[np.arange(len(some)), label], len(ability))
    return ability


def _shrunk(who: Ints, right: Floats, n_people: int) -> Floats:
    n = np.bincount(who, minlength=n_people)
    return np.clip((np.bincount(who, right, n_people) + PRIOR * right.mean()) / (n + PRIOR), LEAST, MOST)


def _spread(votes: _Votes) -> Floats:
    """Standard deviation of where each person places a side, as part of the object's size.

    For each two people, the median squared distance of objects that both found gives the sum of their variances.
    """
    n_people = len(votes.people)
    apart: dict[tuple[int, int], list[float]] = {}
    order = np.argsort(votes.group, kind="stable")
    if not len(order):
        return np.full(n_people, USUAL_SPREAD)
    ends = np.flatnonzero(np.diff(np.append(votes.group[order], -1))) + 1
    boxes = bounds(votes.rows["at"].tolist(), votes.kind)
    for start, end in zip(np.append(0, ends[:-1]).tolist(), ends.tolist(), strict=True):
        members = order[start:end]
        for one, other in combinations(members.tolist(), 2):
            a, b = boxes[one], boxes[other]
            area = (a[2] - a[0]) * (a[3] - a[1])
            people = sorted((int(votes.person[one]), int(votes.person[other])))
            apart.setdefault((people[0], people[1]), []).append(float(((a - b) ** 2).mean()) / max(area, 1.0))
    if not apart:
        return np.full(n_people, USUAL_SPREAD)
    pairs, values = np.array(list(apart)), np.array([np.median(of) for of in apart.values()])
    root_n = np.sqrt([len(of) for of in apart.values()])
    usual = float(np.average(values, weights=root_n ** 2)) / 2
    design = np.zeros((len(pairs), n_people))
    design[np.arange(len(pairs)), pairs[:, 0]] = design[np.arange(len(pairs)), pairs[:, 1]] = 1
    # Rows that shrink each person's variance towards the usual one.
    drawn = np.sqrt(PRIOR) * np.eye(n_people)
    from scipy.optimize import nnls  # opening a project doesn't need it
    variance = nnls(np.vstack([design * root_n[:, None], drawn]),
                    np.concatenate([values * root_n, np.full(n_people, np.sqrt(PRIOR) * usual)]))[0]
    return np.maximum(np.sqrt(variance), LEAST_SPREAD)


def _checked(objects: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    if not isinstance(objects, pd.DataFrame):
        raise BadInput(f"objects is a {type(objects).__name__}; a table of objects is expected, as wb.objects() makes "
                       "it.")
    columns = columns_of(objects)
    if missing := [name for name in ("item_id", "annotator", *columns[:2]) if name not in objects] + \
            ([] if {"label", "label_id"} & set(objects) else ["label"]):
        raise ShapeError(f"the table of objects lacks {', '.join(missing)}; item_id, annotator, label and "
                         f"{', '.join(columns)} are expected, as wb.objects() has them.")
    kept = np.ones(len(objects), bool)
    for name, gone in (("act", "deleted"), ("status", "planted")):
        if name in objects:
            kept &= objects[name].ne(gone).to_numpy(np.bool_)
    rows = objects[kept].reset_index(drop=True)
    if "status" not in rows:
        rows = rows.assign(status=pd.Series("decided", rows.index, dtype=object))
    kinds = kinds_in(rows)
    if len(kinds) > 1:
        raise BadInput(f"the table has objects of the kinds {', '.join(map(str, kinds))}; those of one kind are "
                       "expected.")
    return rows.assign(at=pd.Series(coordinates(rows, kinds[0]) if len(rows) else [], rows.index, dtype=object)), \
        str(kinds[0])


def _joined(votes: _Votes, weights: _Weights) -> pd.DataFrame:
    """One row for each group that the consensus keeps."""
    weight = weights.for_being
    rows, of_object = votes.rows, weight[votes.person] * votes.worth
    n_groups = int(votes.group.max(initial=-1)) + 1
    whole = np.bincount(votes.asked_group, weight[votes.asked_person], n_groups)
    yes = np.bincount(votes.group, of_object, n_groups)
    alone = np.bincount(votes.asked_group, minlength=n_groups) == 0
    share = np.where(alone, 1.0, yes / np.where(whole > 0, whole, 1.0))
    order = np.argsort(votes.group, kind="stable")
    first = np.searchsorted(votes.group[order], np.arange(n_groups + 1))
    made, places = [], []
    for group in np.flatnonzero((share >= 0.5 - _NEARLY) & ~alone).tolist():
        members = order[first[group]:first[group + 1]]
        made.append({**_one(votes, members, weights, tied=share[group] <= 0.5 + _NEARLY),
                     "share": float(share[group]), "n": len(members)})
        places.append(group)
    names = [*(name for name in rows.columns if name != "at"), "share", "n"]
    single = alone[votes.group]
    table = pd.concat([part for part in (
        pd.DataFrame(made, columns=names), rows[single].assign(annotator=CONSENSUS, share=1.0, n=1)[names])
        if len(part)] or [pd.DataFrame(columns=names)], ignore_index=True)
    table = table.iloc[np.argsort([*places, *votes.group[single]], kind="stable")].reset_index(drop=True)
    for name in rows.columns:
        if name in table:
            table[name] = table[name].astype(rows[name].dtype if name not in ("x0", "y0", "x1", "y1") else np.float64)
    if "object_id" in table:
        table["object_id"] = _unique(table)
    return table.astype({"share": np.float64, "n": np.int64})


def _one(votes: _Votes, members: Ints, weights: _Weights, *, tied: bool) -> dict[str, Any]:
    """Join the objects of a group."""
    rows, who = votes.rows, votes.person[members]
    weight = weights.for_label[who] * votes.worth[members]
    heaviest = members[int(weight.argmax())]
    row = rows.iloc[heaviest].to_dict()
    named = votes.label[members] >= 0
    if named.any():
        of_label = np.bincount(votes.label[members][named], weight[named])
        best = int(of_label.argmax())
        tied = tied or int((of_label >= of_label[best] - _NEARLY).sum()) > 1
        stands = members[named][int(np.where(votes.label[members][named] == best, weight[named], -1.0).argmax())]
        row |= {name: rows.at[stands, name] for name in ("label", "label_id") if name in rows}
    row |= _place(votes, members, weights.for_place[who])
    of_one_person = {"decision_id": None, "model": None, "verdict": None, "iou_to_proposal": np.nan, "score": np.nan}
    row |= {name: nothing for name, nothing in of_one_person.items() if name in row}
    row |= {name: _heaviest(rows[name].iloc[members], weight) for name in ("origin", "act", "object_id") if name in row}
    if "certainty" in row:
        given = rows["certainty"].iloc[members].to_numpy(np.float64)
        row["certainty"] = float(np.nanmean(given)) if np.isfinite(given).any() else np.nan
    doubt = bool(rows["status"].iloc[members].isin(["unsure", "to_review"]).all())
    row["status"] = "to_review" if not named.any() else "unsure" if tied or doubt else "decided"
    return {**row, "annotator": CONSENSUS}


def _heaviest(values: Iterable[Any], weight: Floats) -> Any:
    """The value with the largest total weight; the first one of a tie."""
    of_value: dict[Any, float] = {}
    for value, worth in zip(values, weight, strict=True):
        of_value[value] = of_value.get(value, 0.0) + float(worth)
    return max(of_value, key=lambda value: of_value[value])


def _place(votes: _Votes, members: Ints, weight: Floats) -> dict[str, Any]:
    """Coordinates of the consensus object."""
    ats: list[Sequence[float]] = [votes.rows["at"].iloc[place] for place in members]
    if votes.kind == "span":  # one that somebody marked: its ends are those of words
        best = int((overlaps("span", ats, ats) @ weight).argmax())
        return {name: votes.rows[name].iloc[members[best]] for name in ("start", "end", "quote") if name in votes.rows}
    if votes.kind == "polygon":
        best = int((overlaps("polygon", ats, ats) @ weight).argmax())
        found: dict[str, Any] = {"points": votes.rows["points"].iloc[members[best]]}
        at: Sequence[float] = bounds([ats[best]])[0].tolist()
    else:
        found, sides = {}, [weighted_median(np.array(side), weight) for side in zip(*ats, strict=True)]
        at = sides if len(sides) == 4 else [*sides, *sides]
    return found | {name: float(value) for name, value in zip(("x0", "y0", "x1", "y1"), at, strict=True)
                    if name in votes.rows}


def weighted_median(values: Floats, weight: npt.ArrayLike) -> float:
    """Value with half of the weight below and half above; the middle of two where it falls between them.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
    weight : array_like of float, shape (n,)

    Examples
    --------
    >>> weighted_median(np.array([1.0, 2.0, 9.0]), [1, 1, 1]), weighted_median(np.array([1.0, 2.0]), [1, 1])
    (2.0, 1.5)
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(np.asarray(weight, np.float64)[order])
    half = reached[-1] / 2
    low = int(np.searchsorted(reached, half * (1 - _NEARLY)))
    high = int(np.searchsorted(reached, half * (1 + _NEARLY)))
    return float((values[order[low]] + values[order[min(high, len(order) - 1)]]) / 2)


def _unique(table: pd.DataFrame) -> pd.Series:
    """Unique ids of objects within an image, also if two people gave different objects the same id."""
    again = table.groupby(["item_id", "object_id"]).cumcount()
    return pd.Series([one if not n else f"{one}-{n}" for one, n in zip(table["object_id"], again, strict=True)],
                     table.index, dtype=table["object_id"].dtype)
