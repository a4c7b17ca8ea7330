"""Misses that a prefill causes: how many objects people overlook where the model doesn't propose them.

If an image comes with boxes, people overlook objects that weren't proposed. So a few proposals are withheld at random,
and what people add there is compared with what they find in blind images, which show no proposal at all. Read
`prefill_bias` first.

An image whose only proposal is withheld looks like a blind one, and people may search it afresh. So what is missed is
measured in images with two or more proposals, at withheld ones beside which another one is shown. A proposal counts
there with a probability that depends only on how many the image has; its inverse is the place's weight, so that
withheld and blind places stand for the same places, whatever people do where nothing is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..objects.overlap import overlaps
from ..records import Estimate
from .intervals import student_mean
from .suggestion_effect import contrast, share_with

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FIGURES = ("missed", "missed_share", "found_blind", "added", "proposed", "across_people")
IN_WORDS = {"missed": "objects missed where they aren't proposed, found blind",
            "missed_share": "the same, as a part of what is found blind",
            "found_blind": "found in blind images", "added": "added where the proposal was withheld",
            "proposed": "more often there where proposed than blind", "across_people": "missed, mean of people"}
COLUMNS = ("item_id", "annotator", "arm", "arm_probability", "threshold", "threshold_probability", "hidden", "objects",
           "seen", "withheld")
# Smallest overlap of an object with the place at which it lies.
SAME = {"box": 0.5, "polygon": 0.5, "point": 1e-9, "span": 0.5}
# Places that overlap another one by this or more are left out: an object at one of them would be at both.
TWICE = 0.5
BANDS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0)
SHOWN_ARMS = ("shown", "no_map")
_PLACE_COLUMNS = ["item_id", "annotator", "label_id", "score", "arm", "arm_probability", "took", "beside_others"]


@dataclass(frozen=True, repr=False)
class PrefillBias:
    """Effect of showing proposals on people's objects, as `prefill_bias` measures it.

    Attributes
    ----------
    missed : Estimate
        P(found | blind) - P(added | withheld): above 0 where people overlook objects that aren't proposed while others
        are. Wrong proposals count alike in both probabilities, and make it smaller.
    missed_share : Estimate
        1 - P(added | withheld) / P(found | blind): of the objects that people find blind, the part that they miss where
        only the proposal is missing. Proposals that nobody takes for an object don't change it.
    found_blind, added : Estimate
        The two probabilities, over the places where the model's proposals are at or above the threshold, in images with
        two or more of them.
    proposed : Estimate
        P(an object is there | its proposal is shown) - P(found | blind): objects that the proposal helped to find, and
        wrong proposals that were kept. Places in images with a single proposal count here too.
    across_people : Estimate
        Mean of the people's own `missed`, with Student's interval: for people like these. The intervals of the others
        are for these people and images like these.
    per_annotator, per_label : DataFrame
        A row per person, and a row per proposed label: n_withheld, n_blind; found_blind, added and missed with its
        interval (_low, _high).
    by_score : DataFrame
        The same for bands of the proposals' score.
    by_threshold : DataFrame
        A row for each threshold that was drawn ("lower", "usual", "higher"), of images that were shown: n_images,
        threshold (mean), n_shown (proposals an image), and an image's mean of added, deleted, changed (moved or
        relabelled) and of seconds, each with its interval (_low, _high).
    notes : tuple of str
        Remarks to show with the figures.
    """

    missed: Estimate
    missed_share: Estimate
    found_blind: Estimate
    added: Estimate
    proposed: Estimate
    across_people: Estimate
    per_annotator: pd.DataFrame
    per_label: pd.DataFrame
    by_score: pd.DataFrame
    by_threshold: pd.DataFrame
    notes: tuple[str, ...] = ()

    def figures(self) -> dict[str, Estimate]:
        """List every figure by name."""
        return {name: getattr(self, name) for name in FIGURES}

    def __repr__(self) -> str:
        return "\n".join([*(f"{IN_WORDS[name]}: {estimate!r}" for name, estimate in self.figures().items()),
                          *self.notes])

    def _repr_html_(self) -> str:
        rows = [[IN_WORDS[name], "none" if math.isnan(estimate) else f"{estimate.value:+.3f}",
                 estimate.why or f"{estimate.low:+.3f} to {estimate.high:+.3f}", estimate.n]
                for name, estimate in self.figures().items()]
        return html.page("What the proposals hide", html.table(["", "", "95 % interval", "places"], rows),
                         *map(html.paragraph, self.notes))


def prefill_bias(images: pd.DataFrame) -> PrefillBias:
    """Measure how many objects people miss where they aren't proposed.

    Only images whose arm and threshold were drawn at random count, each weighted by the inverse of its arm's
    probability. A place is the location of a proposal at or above the threshold. It counts as found if one of the
    person's objects overlaps it by half or more (a point within 3 % of the image's diagonal), whatever its label.
    Places that overlap each other by half or more don't count. What is missed is measured in images with two or more
    proposals at or above the threshold, and at withheld ones only if another one was shown.

    Parameters
    ----------
    images : DataFrame
        A row for each image and annotator: item_id, annotator, arm, arm_probability, threshold and
        threshold_probability, hidden (whether the image was blind), objects (those of the answer, with the act
        "deleted" for proposals that the person deleted), seen (the proposals that were shown, or in a blind image would
        have been) and withheld (those that were kept back), each a list of mappings with kind, at, label_id, and score
        or act, and of a withheld one p, the probability of that; optionally shown_ms, width and height, which points
        need.

    Returns
    -------
    PrefillBias

    Raises
    ------
    ShapeError
        If a column is missing.

    Notes
    -----
    The interval of a difference combines Wilson's intervals of both shares by the square-and-add method, with the
    effective sample size of weighted places clustered by image (`suggestion_effect.contrast`). The interval of the
    ratio is made of the same limits, by the method of variance recovery.

    References
    ----------
    Donner and Zou (2012), Closed-form confidence intervals for functions of the normal mean and standard deviation,
    doi:10.1177/0962280210383082; Skitka, Mosier and Burdick (1999), Does automation bias decision-making?,
    doi:10.1006/ijhc.1999.0252, for errors of omission.
    """
    if not isinstance(images, pd.DataFrame):
        raise BadInput(f"images is a {type(images).__name__}; a table of images is expected.")
    if missing := [name for name in COLUMNS if name not in images]:
        raise ShapeError(f"the table of images lacks {', '.join(missing)}; a row for each image and annotator with "
                         f"{', '.join(COLUMNS)} is expected.")
    drawn = images[_is_drawn(images)].drop_duplicates(["item_id", "annotator"]).reset_index(drop=True)
    places, n_twice = places_of(drawn)
    compared = places[places["beside_others"]]
    people = _table(compared, "annotator")
    notes = []
    if n_certain := len(images) - len(drawn):
        notes.append(f"{n_certain:,} answers are left out, since it wasn't drawn how their image was shown.")
    if n_twice:
        notes.append(f"{n_twice:,} places are left out, since another proposal lies at the same place.")
    if n_single := int((~places["beside_others"] & places["arm"].isin(("blind", "withheld"))).sum()):
        notes.append(f"{n_single:,} blind or withheld places are left out of what is missed, since no other proposal "
                     "was shown with them, or would have been.")
    return PrefillBias(
        missed(compared), missed_share(compared), share_with(compared, ("blind",)), share_with(compared, ("withheld",)),
        contrast(places, SHOWN_ARMS, ("blind",)),
        student_mean(people["missed"].to_numpy(np.float64), within=(-1, 1), why="nobody has a figure of their own"),
        people, _table(compared, "label_id"), _by_score(compared), _by_threshold(drawn), tuple(notes))


def places_of(images: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Every place at which the model proposes something, and whether the person has an object there.

    Parameters
    ----------
    images : DataFrame
        The table of `prefill_bias`, only with images whose arm and threshold were drawn at random.

    Returns
    -------
    places : DataFrame
        item_id, annotator, label_id and score (of the proposal), arm ("withheld", "blind", "shown" or "no_map"),
        arm_probability (of a withheld place times the probability that another proposal is shown), took (whether an
        object is there), beside_others (whether the image has other proposals, one of which is shown or would be).
    n_twice : int
        Places that were left out because they overlap another one.
    """
    rows, n_twice = list[tuple[Any, ...]](), 0
    names = ("item_id", "annotator", "arm", "arm_probability", "objects", "seen", "withheld")
    sizes = images[["height", "width"]].to_numpy(np.float64) if {"height", "width"} <= set(images) else \
        np.full((len(images), 2), np.nan)
    for (item_id, annotator, arm, probability, objects, seen, withheld), size in zip(
            zip(*(images[name] for name in names), strict=True), sizes, strict=True):
        places = [*seen, *withheld]
        if not places:
            continue
        there = [one for one in objects if one.get("act") != "deleted"]
        found = at_places(places, there, (float(size[0]), float(size[1])))
        twice = _overlaps(places, places, (float(size[0]), float(size[1])))
        np.fill_diagonal(twice, 0.0)
        alone = twice.max(axis=1, initial=0.0) < TWICE
        n_twice += int((~alone).sum())
        beside_others = len(places) > 1 and len(seen) > 0
        rows += [(item_id, annotator, place.get("label_id"), place.get("score"), arm if k < len(seen) else "withheld",
                  probability * (1.0 if k < len(seen) else _beside_shown(place, len(places) - 1)), bool(found[k]),
                  beside_others) for k, place in enumerate(places) if alone[k]]
    return pd.DataFrame(rows, columns=_PLACE_COLUMNS).astype({"took": bool, "beside_others": bool}), n_twice


def _beside_shown(withheld: Mapping[str, Any], n_others: int) -> float:
    """Probability that one or more of the other proposals are shown; 1 if the withheld one doesn't say how probable."""
    p = withheld.get("p")
    return 1 - p ** n_others if n_others and isinstance(p, (int, float)) and 0 <= p < 1 else 1.0


def at_places(places: Sequence[Mapping[str, Any]], objects: Sequence[Mapping[str, Any]], size: tuple[float, float]
              ) -> Bools:
    """Whether one of the objects is at each place: bool, shape (n_places,).

    Parameters
    ----------
    places, objects : sequence of mapping
        With kind and coordinates (`at`).
    size : (float, float)
        Height and width of the image, for points.
    """
    if not places or not objects:
        return np.zeros(len(places), np.bool_)
    least = np.array([SAME[place["kind"]] for place in places])
    return np.asarray(_overlaps(places, objects, size).max(axis=1) >= least)


def _overlaps(places: Sequence[Mapping[str, Any]], objects: Sequence[Mapping[str, Any]], size: tuple[float, float]
              ) -> Floats:
    """How far each place and each object overlap, 0 where they are of different kinds: shape (n_places, n_objects)."""
    found = np.zeros((len(places), len(objects)))
    for kind in {one["kind"] for one in places}:
        rows, columns = ([k for k, one in enumerate(some) if one["kind"] == kind] for some in (places, objects))
        if columns:
            found[np.ix_(rows, columns)] = overlaps(kind, [places[k]["at"] for k in rows],
                                                    [objects[k]["at"] for k in columns], size=size)
    return found


def _is_drawn(images: pd.DataFrame) -> Bools:
    """Which images had an arm and a threshold that were drawn at random, and were shown as the arm says."""
    probability = pd.to_numeric(images["arm_probability"], errors="coerce").to_numpy(np.float64)
    threshold = pd.to_numeric(images["threshold_probability"], errors="coerce").to_numpy(np.float64)
    hidden = images["hidden"].to_numpy(np.bool_, na_value=False)
    arm = images["arm"].to_numpy(object)
    as_drawn = np.where(hidden, arm == "blind", np.isin(arm, SHOWN_ARMS))
    return np.asarray((probability > 0) & (probability < 1) & ~np.isnan(threshold) & as_drawn)


def missed(places: pd.DataFrame) -> Estimate:
    """P(found | blind) - P(added | withheld) of a table of places, as returned by `places_of`."""
    return contrast(places, ("blind",), ("withheld",))


def missed_share(places: pd.DataFrame) -> Estimate:
    """1 - P(added | withheld) / P(found | blind) of a table of places, by variance recovery for a ratio."""
    found, added = share_with(places, ("blind",)), share_with(places, ("withheld",))
    for estimate in (found, added):
        if math.isnan(estimate):
            return estimate
    if found.value == 0:
        return Estimate(math.nan, n=found.n + added.n, why="nothing was found blind where the model proposes something")
    low, high = ratio_limits(added, found)
    return Estimate(1 - added.value / found.value, 1 - high, 1 - low, n=found.n + added.n)


def ratio_limits(first: Estimate, second: Estimate) -> tuple[float, float]:
    """Interval of first / second, of two independent figures of 0 or more with intervals; second isn't 0."""
    a, b, ends = first.value, second.value, list[float]()
    for mine, other, sign in ((first.low, second.high, -1), (first.high, second.low, 1)):
        below = other * (2 * b - other)
        root = (a * b) ** 2 - mine * (2 * a - mine) * below
        ends.append((a * b + sign * math.sqrt(max(0.0, root))) / below if below else math.inf if sign > 0 else
                    mine * (2 * a - mine) / (2 * a * b) if a else 0.0)
    return max(0.0, min(ends[0], a / b)), max(ends[1], a / b)


def _table(places: pd.DataFrame, by: str) -> pd.DataFrame:
    """The figures of each person, label or band of scores."""
    rows = []
    for name, own in places.groupby(by, sort=True, observed=True):
        there = missed(own)
        rows.append({by: name, "n_withheld": int((own["arm"] == "withheld").sum()),
                     "n_blind": int((own["arm"] == "blind").sum()), "found_blind": share_with(own, ("blind",)).value,
                     "added": share_with(own, ("withheld",)).value, "missed": there.value, "missed_low": there.low,
                     "missed_high": there.high})
    return pd.DataFrame(rows, columns=[by, "n_withheld", "n_blind", "found_blind", "added", "missed", "missed_low",
                                       "missed_high"])


def _by_score(places: pd.DataFrame) -> pd.DataFrame:
    bands = pd.cut(places["score"].astype(float), BANDS, include_lowest=True,
                   labels=[f"{low:g} to {high:g}" for low, high in pairwise(BANDS)])
    return _table(places.assign(score=bands.astype(object)), "score")


def _by_threshold(images: pd.DataFrame) -> pd.DataFrame:
    """What was added, deleted and changed in an image, and how long it took, for each threshold."""
    shown = images[~images["hidden"].to_numpy(np.bool_)]
    acts = [[one.get("act") for one in objects] for objects in shown["objects"]]
    each = pd.DataFrame({
        "arm": _threshold_arms(shown), "threshold": shown["threshold"].to_numpy(np.float64),
        "n_shown": [len(seen) for seen in shown["seen"]], "added": [of.count("added") for of in acts],
        "deleted": [of.count("deleted") for of in acts],
        "changed": [of.count("moved") + of.count("relabelled") for of in acts],
        "seconds": pd.to_numeric(shown["shown_ms"], errors="coerce").to_numpy(np.float64) / 1000
        if "shown_ms" in shown else np.full(len(shown), np.nan)})
    rows = []
    for which in ("lower", "usual", "higher"):
        if (own := each[each["arm"] == which]).empty:
            continue
        row = {"threshold_arm": which, "n_images": len(own), "threshold": own["threshold"].mean(),
               "n_shown": own["n_shown"].mean()}
        for name in ("added", "deleted", "changed", "seconds"):
            mean = student_mean(own[name].to_numpy(np.float64))
            row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=["threshold_arm", "n_images", "threshold", "n_shown", *(
        f"{name}{end}" for name in ("added", "deleted", "changed", "seconds") for end in ("", "_low", "_high"))])


def _threshold_arms(images: pd.DataFrame) -> list[str]:
    """Which threshold was drawn, by its value and probability in the log: see `project.shown_objects`."""
    return ["usual" if probability >= 0.5 else "lower" if threshold < 0.5 else "higher" for threshold, probability in
            zip(images["threshold"], images["threshold_probability"], strict=True)]
