"""Metrics of a multilabel classifier, each with its n and its 95 % interval.

`multilabel_metrics` returns the `MultilabelMetrics` of one model, `compare_sets` estimates the gain of one model over
another on the same items, and `best_thresholds` finds the probability from which each label counts as on.

An array of sets has a row per item and a column per label: 1 or True where the label is on, 0 or False where it is off,
NaN where it is unknown. Unknown states are left out of every count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit, ndtri

from ..errors import BadInput, ShapeError
from ..records import Estimate
from .calibration import N_BINS, calibration_error, reliability
from .intervals import clusters_of, design_effect, jeffreys
from .metrics import compare, estimate_from_list, estimate_to_list, json_number

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FIGURES = ("macro_f1", "micro_f1", "exact_match", "hamming")
# Number of resamples over which a threshold is averaged, and number of items with the label by which it is shrunk
# towards 0.5. Of 0, 2, 5, 10, 20 and 40 items, 2 is best for nets of few items whose probabilities are too low, too
# high or right: from 5 on the gain for too low ones is lost (benchmarks/sets.py).
RESAMPLES, THRESHOLD_PRIOR = 64, 2.0
# With many items fewer resamples suffice: resamples times items is about this.
_RESAMPLED = 64_000
# Number of further items that the interval of a gain assumes to differ. Without them it contained the gain in 78 of 100
# cases where models differ on few items; with two, in 93 or more in nearly all settings (benchmarks/sets.py).
UNSEEN = 2
# Limits of a threshold: outside them a handful of items would decide.
LOWEST, HIGHEST = 0.02, 0.98

_NO_ITEM = "no item with a known answer"
_NO_LABEL = "no item has any of the labels"
_SHARES = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False, repr=False)
class MultilabelMetrics:
    """F1, exact match and Hamming loss of a model that gives each item a set of labels.

    `metrics["macro_f1"]`, `["micro_f1"]`, `["exact_match"]` and `["hamming"]` are `Estimate`s; `per_label` is a table.

    - macro_f1: the mean of the labels' F1, over labels that at least one item has.
    - micro_f1: F1 of all labels' decisions together.
    - exact_match: share of items whose whole set is right, among items whose labels are all known.
    - hamming: share of wrong decisions, one decision for each known label of an item; 0 is best.

    Parameters
    ----------
    label_ids, names : tuple of str
        Ids and names of the labels.
    counts : ndarray of int64, shape (n_labels, 4)
        True positives, false positives, false negatives and true negatives of each label.
    figures : mapping of str to Estimate
        One for each of `FIGURES`.
    thresholds : tuple of float
        The probability from which each label counted as on.
    effects : ndarray of float, shape (n_labels, 3)
        Design effect of each label's precision, recall and F1: 1 where items were drawn one by one.
    ece, ece_by_chance : ndarray of float, shape (n_labels,)
        The two results of `calibration.calibration_error` for each label.
    n : int
        Number of items measured.
    left_out, n_unsure, n_tied, n_in_doubt, n_items
        See `metrics.Metrics`.
    """

    label_ids: tuple[str, ...]
    names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    figures: Mapping[str, Estimate]
    thresholds: tuple[float, ...]
    effects: Floats
    ece: Floats
    ece_by_chance: Floats
    n: int
    left_out: int = 0
    n_unsure: int = 0
    n_tied: int = 0
    n_in_doubt: int = 0
    n_items: int | None = None
    FIGURES: tuple[str, ...] = field(default=FIGURES, init=False)

    def __getitem__(self, name: str) -> Estimate:
        """Estimate of one of `FIGURES`; BadInput for another name."""
        if name not in self.figures:
            raise BadInput(f"figure {name!r} is unknown; one of {', '.join(FIGURES)} is expected, or see .per_label.")
        return self.figures[name]

    @property
    def why(self) -> str:
        """Reason why there are no estimates; empty when there are."""
        if self.n:
            return ""
        return f"none of {self.left_out} items has a prediction" if self.left_out else _NO_ITEM

    @property
    def coverage(self) -> str:
        """How many of the measuring items are answered, in words; empty if that isn't known."""
        parts = [] if self.n_items is None else [f"{self.n + self.left_out} of {self.n_items} items answered"]
        parts += [f"{count} {what}" for count, what in (
            (self.n_unsure, "unsure"), (self.left_out if self.n_items is not None else 0, "of them have no prediction"),
            (self.n_tied, "tied between annotators"),
            (self.n_in_doubt, "in doubt since an edit, which will be asked again")) if count]
        return ", ".join(parts)

    @property
    def per_label(self) -> pd.DataFrame:
        """Table of one row per label.

        label, n (items that have the label), n_known (items of which it is known whether they have it), n_predicted,
        threshold; precision, recall and f1, each with its interval (`_low`, `_high`); ece and ece_by_chance. A share of
        nothing is NaN: precision where the label was never predicted, recall where no item has it.
        """
        tp, fp, fn, _ = self.counts.T
        table: dict[str, Any] = {"label": list(self.names), "n": tp + fn, "n_known": self.counts.sum(axis=1),
                                 "n_predicted": tp + fp, "threshold": list(self.thresholds)}
        for name, of, effect in zip(_SHARES, (tp + fp, tp + fn, tp + fp + fn), self.effects.T, strict=True):
            ends = np.array([jeffreys(k / e, n / e) if n else (math.nan, math.nan)
                             for k, n, e in zip(tp, of, effect, strict=True)]).reshape(-1, 2)
            shares = [np.where(of > 0, tp / np.maximum(of, 1), np.nan), ends[:, 0], ends[:, 1]]
            for ending, share in zip(("", "_low", "_high"), shares, strict=True):
                table[f"{name}{ending}"] = _f1_of_overlap(share) if name == "f1" else share
        table |= {"ece": self.ece, "ece_by_chance": self.ece_by_chance}
        return pd.DataFrame(table, index=pd.Index(self.label_ids, name="label_id"))

    def __repr__(self) -> str:
        lines = [f"{name.replace('_', ' '):<18} {self[name]}" for name in FIGURES]
        return "\n".join(lines + ([self.coverage] if self.coverage else []))

    def to_dict(self) -> dict[str, Any]:
        """Write the counts and estimates, ready for JSON."""
        return {"kind": "multilabel", "label_ids": list(self.label_ids), "names": list(self.names), "n": self.n,
                "counts": self.counts.tolist(), "thresholds": list(self.thresholds),
                "figures": {name: estimate_to_list(figure) for name, figure in self.figures.items()},
                "left_out": self.left_out,
                **({} if (self.effects == 1).all() else {"effects": self.effects.tolist()}),
                "ece": [[json_number(value) for value in column] for column in (self.ece, self.ece_by_chance)],
                **{name: value for name in ("n_unsure", "n_tied", "n_in_doubt", "n_items")
                   if (value := getattr(self, name))}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> MultilabelMetrics:
        """Read what `to_dict` wrote."""
        n_labels = len(body["label_ids"])
        ece, by_chance = (np.array([math.nan if value is None else value for value in column], np.float64)
                          for column in body["ece"])
        return cls(tuple(body["label_ids"]), tuple(body["names"]),
                   np.array(body["counts"], np.int64).reshape(n_labels, 4),
                   {name: estimate_from_list(figure) for name, figure in body["figures"].items()},
                   tuple(body["thresholds"]),
                   np.array(body.get("effects", np.ones((n_labels, 3))), np.float64).reshape(n_labels, 3),
                   ece, by_chance, body["n"], body["left_out"], body.get("n_unsure", 0), body.get("n_tied", 0),
                   body.get("n_in_doubt", 0), body.get("n_items"))


def multilabel_metrics(truth: npt.ArrayLike, probs: npt.ArrayLike, thresholds: npt.ArrayLike = 0.5,
                       label_ids: Sequence[str] = (), names: Sequence[str] | None = None, *, n_unsure: int = 0,
                       n_tied: int = 0, n_in_doubt: int = 0, n_items: int | None = None,
                       groups: npt.ArrayLike | None = None) -> MultilabelMetrics:
    """Compare predicted sets of labels with known ones.

    Parameters
    ----------
    truth : array_like, shape (n_items, n_labels)
        1 (on), 0 (off) or NaN (not known).
    probs : array_like of float, shape (n_items, n_labels)
        Probability that each label is on; they needn't sum to 1. A row of NaN is an item that couldn't be read: it is
        left out and counted. NaN for one label is a label that the model doesn't know: it counts as off.
    thresholds : float or array_like of float, shape (n_labels,)
        A label counts as on from this probability.
    label_ids : sequence of str
        Ids of the columns.
    names : sequence of str, optional
        Names of the labels; by default their ids.
    n_unsure, n_tied, n_in_doubt, n_items : int
        See `metrics.Metrics`.
    groups : array_like, shape (n_items,), optional
        The group of each item, if items were drawn by whole groups: intervals are wider if the items in a group are
        alike.

    Returns
    -------
    MultilabelMetrics

    Raises
    ------
    ShapeError
        If the shapes don't match.
    BadInput
        If the truth holds something else than 1, 0 and NaN.

    Notes
    -----
    An F1 is 2 o / (1 + o) with o the share of rightly predicted items among those that have the label or were predicted
    to, so that Jeffreys' interval of o is transformed to an interval of the F1. The interval of the macro F1 combines
    the labels' intervals by square-and-add, with the correlation of the labels' errors over items. The intervals of
    the micro F1 and the Hamming loss treat an item's labels as one cluster.

    References
    ----------
    Goutte and Gaussier (2005), A Probabilistic Interpretation of Precision, Recall and F-score,
    doi:10.1007/978-3-540-31865-1_25; Zou and Donner (2008), doi:10.1002/sim.3095; Rao and Scott (1992),
    doi:10.2307/2532311.

    Examples
    --------
    >>> metrics = multilabel_metrics([[1, 0], [1, 1], [0, 1]], [[.9, .2], [.7, .4], [.6, .8]], 0.5, ["a", "b"])
    >>> metrics["macro_f1"].value.__round__(3), metrics["exact_match"].value.__round__(3)
    (0.733, 0.333)
    """
    true, predicted = _sets("truth", truth, len(label_ids)), as_array("probs", probs, len(label_ids))
    if true.shape != predicted.shape:
        raise ShapeError(f"truth has shape {true.shape} and probs {predicted.shape}; a row for each of the same items "
                         "is expected from both.")
    names = tuple(names or label_ids)
    limits = _limits(thresholds, len(label_ids))
    if len(names) != len(label_ids):
        raise ShapeError(f"there are {len(names)} names and {len(label_ids)} label_ids; one name per label is "
                         "expected.")
    cluster = clusters_of(groups, len(true))
    read = ~np.isnan(predicted).all(axis=1) if len(label_ids) else np.ones(len(true), bool)
    told = ~np.isnan(true).all(axis=1) if len(label_ids) else np.zeros(len(true), bool)
    keep = read & told
    true, predicted, cluster = true[keep], predicted[keep], cluster[keep]
    with np.errstate(invalid="ignore"):
        cells = _Cells(true, predicted >= limits, cluster, independent=groups is None)
    ece = np.array([_calibration(predicted[:, k], true[:, k]) for k in range(len(label_ids))]).reshape(-1, 2)
    left_out = int((told & ~read).sum())
    return MultilabelMetrics(tuple(label_ids), names, cells.counts, cells.figures(left_out),
                             tuple(limits.tolist()), cells.effects(), ece[:, 0], ece[:, 1], len(true), left_out,
                             n_unsure, n_tied, n_in_doubt, n_items)


# 15 branches: three figures in one formula, and what holds where nothing can be compared or nothing differs.
def compare_sets(truth: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike, figure: str = "macro_f1", *,
                 groups: npt.ArrayLike | None = None) -> Estimate:
    """Gain of one model over another on the same items: after minus before.

    Parameters
    ----------
    truth : array_like, shape (n_items, n_labels)
        1 (on), 0 (off) or NaN (not known).
    before, after : array_like of bool, shape (n_items, n_labels)
        What each model predicts to be on: its probabilities from their thresholds up.
    figure : "macro_f1", "micro_f1" or "exact_match"
    groups : array_like, shape (n_items,), optional
        See `multilabel_metrics`.

    Returns
    -------
    Estimate
        From -1 to 1. Exact match has Tango's interval for pairs; an F1 has both models' intervals joined by square and
        add, minus what the two have in common.

    Raises
    ------
    ShapeError
        If the three don't fit together.

    References
    ----------
    Zou and Donner (2008), Construction of confidence limits about effect measures, doi:10.1002/sim.3095.

    Examples
    --------
    >>> truth = [[1, 0]] * 20 + [[0, 1]] * 20
    >>> compare_sets(truth, [[1, 0]] * 40, [[1, 0]] * 25 + [[0, 1]] * 15, "exact_match")
    0.375 (0.242 to 0.530, n = 40)
    """
    if figure not in FIGURES[:3]:
        raise BadInput(f"figure {figure!r} can't be compared; one of {', '.join(FIGURES[:3])} is expected.")
    true = _sets("truth", truth)
    first, second = (np.asarray(on, bool) for on in (before, after))
    if not true.shape == first.shape == second.shape:
        raise ShapeError(f"truth has shape {true.shape}, before {first.shape} and after {second.shape}; a row for each "
                         "of the same items is expected from all.")
    cluster = clusters_of(groups, len(true))
    told = ~np.isnan(true).all(axis=1)
    one, other = (_Cells(true[told], on[told], cluster[told], independent=groups is None) for on in (first, second))
    if figure == "exact_match":
        whole = one.known.all(axis=1)
        return compare(one.exact[whole], other.exact[whole], None if groups is None else one.cluster[whole])
    (value_1, low_1, high_1, pulls_1), (value_2, low_2, high_2, pulls_2) = (
        cells.macro() if figure == "macro_f1" else cells.micro() for cells in (one, other))
    n = int(told.sum())
    if math.isnan(value_1) or math.isnan(value_2):
        return Estimate(math.nan, why=_NO_LABEL if n else _NO_ITEM)
    size = math.sqrt(float((pulls_1 ** 2).sum() * (pulls_2 ** 2).sum()))
    alike = min(1.0, max(-1.0, float(pulls_1 @ pulls_2) / size)) if size else 0.0
    apart = (first != second)[told] & one.known & ((one.tp + one.fn > 0) | (figure == "micro_f1"))
    gain, n_apart = value_2 - value_1, len(np.unique(one.cluster[apart.any(axis=1)]))
    # A few differing items say little about others, so two more are assumed. If none differs, the width is that for
    # pairs without a difference.
    more = math.sqrt((n_apart + UNSEEN) / n_apart) if n_apart else 0.0
    below, above = (more * math.sqrt(max(0.0, a * a + b * b - 2 * alike * a * b)) if n_apart else
                    _least(one, macro=figure == "macro_f1")
                    for a, b in ((value_2 - low_2, high_1 - value_1), (high_2 - value_2, value_1 - low_1)))
    return Estimate(gain, max(-1.0, gain - below), min(1.0, gain + above), n=n)


def best_thresholds(truth: npt.ArrayLike, probs: npt.ArrayLike, weights: npt.ArrayLike | None = None, *,
                    rng: np.random.Generator | None = None) -> Floats:
    """Probability from which each label should count as on, for the highest F1.

    The best threshold on few items is unstable. So it is averaged over resamples of the items (a Bayesian bootstrap),
    on the scale of log-odds, and shrunk towards 0.5 as if `THRESHOLD_PRIOR` further items with the label had given 0.5.

    Parameters
    ----------
    truth : array_like of float, shape (n_items, n_labels)
        1 (on), 0 (off), the share of answers that say on, or NaN (not known).
    probs : array_like of float, shape (n_items, n_labels)
        Probabilities from models that never saw these items' answers. Items with NaN are left out.
    weights : array_like of float, shape (n_items,) or (n_items, n_labels), optional
        How much each item, or each item's label, counts; by default 1.
    rng : Generator, optional
        Generator of the resamples; by default one with seed 0, so that the same answers give the same thresholds.

    Returns
    -------
    ndarray of float, shape (n_labels,)
        From `LOWEST` to `HIGHEST`; 0.5 for a label that no item has, or all have.

    Raises
    ------
    ShapeError
        If the shapes don't match.

    References
    ----------
    Lipton, Elkan and Naryanaswamy (2014), Optimal Thresholding of Classifiers to Maximize F1 Measure,
    doi:10.1007/978-3-662-44851-9_15; Rubin (1981), The Bayesian Bootstrap, doi:10.1214/aos/1176345338.

    Examples
    --------
    >>> truth = np.repeat([[1], [0]], [40, 160], axis=0)
    >>> probs = np.repeat([[0.3], [0.1]], [40, 160], axis=0)
    >>> best_thresholds(truth, probs).round(2).tolist()
    [0.19]
    """
    true, predicted = as_array("truth", truth), as_array("probs", probs)
    if true.shape != predicted.shape:
        raise ShapeError(f"truth has shape {true.shape} and probs {predicted.shape}; a row for each of the same items "
                         "is expected from both.")
    weigh = np.ones_like(true) if weights is None else np.asarray(weights, np.float64)
    if weigh.shape not in (true.shape, true.shape[:1]):
        raise ShapeError(f"weights have shape {weigh.shape}; one for each of {len(true)} items, or one for each item "
                         "and label, is expected.")
    weigh = np.broadcast_to(weigh if weigh.ndim == 2 else weigh[:, None], true.shape)
    rng = np.random.default_rng(0) if rng is None else rng
    n_resamples = int(np.clip(_RESAMPLED // max(1, len(true)), 8, RESAMPLES))
    draws = rng.exponential(size=(n_resamples, len(true)))
    return np.array([_threshold(true[:, k], predicted[:, k], weigh[:, k], draws) for k in range(true.shape[1])])


def reliability_of_labels(truth: npt.ArrayLike, probs: npt.ArrayLike, label_ids: Sequence[str], *,
                          n_bins: int = N_BINS) -> pd.DataFrame:
    """How often each label is on, by the probability that the model gave it.

    Parameters
    ----------
    truth, probs, label_ids
        See `multilabel_metrics`.
    n_bins : int
        Number of bins of a label, as for `calibration.reliability`.

    Returns
    -------
    DataFrame
        One row per label and bin: label_id, n, confidence (the mean probability), right (the share that is on), low,
        high (95 %).
    """
    true, predicted = _sets("truth", truth, len(label_ids)), as_array("probs", probs, len(label_ids))
    frames = []
    for k, label_id in enumerate(label_ids):
        some = ~np.isnan(true[:, k]) & ~np.isnan(predicted[:, k])
        frame = reliability(predicted[some, k], true[some, k] > 0, n_bins=n_bins)
        frame.insert(0, "label_id", label_id)
        frames.append(frame)
    columns = ["label_id", "n", "confidence", "right", "low", "high"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


class _Cells:
    """Decisions of a model, one for each item and label, and the figures that follow.

    Parameters
    ----------
    true : ndarray of float, shape (n_items, n_labels)
    on : ndarray of bool, shape (n_items, n_labels)
    cluster : ndarray of int64, shape (n_items,)
    independent : bool
        Whether each item is its own cluster.
    """

    def __init__(self, true: Floats, on: Bools, cluster: npt.NDArray[np.int64], *, independent: bool) -> None:
        self.known, self.cluster, self.independent = ~np.isnan(true), cluster, independent
        is_on = true > 0
        self.hit, self.false = is_on & on & self.known, ~is_on & on & self.known
        self.miss = is_on & ~on & self.known
        self.exact: Bools = np.asarray(~(self.false | self.miss).any(axis=1), np.bool_)
        self.tp, self.fp, self.fn = (cells.sum(axis=0) for cells in (self.hit, self.false, self.miss))
        self.counts = np.stack([self.tp, self.fp, self.fn, self.known.sum(axis=0) - self.tp - self.fp - self.fn],
                               axis=1).astype(np.int64)

    def effects(self) -> Floats:
        """Design effects of each label's precision, recall and F1."""
        effects = np.ones((len(self.tp), 3))
        for k in range(0 if self.independent else len(self.tp)):
            for column, of in enumerate((self.hit | self.false, self.hit | self.miss,
                                         self.hit | self.false | self.miss)):
                effects[k, column] = design_effect(self.hit[of[:, k], k], self.cluster[of[:, k]])
        return effects

    def figures(self, left_out: int) -> dict[str, Estimate]:
        """Estimate each of `FIGURES`."""
        n = len(self.known)
        if not n:
            why = f"none of {left_out} items has a prediction" if left_out else _NO_ITEM
            return {name: Estimate(math.nan, why=why) for name in FIGURES}
        found = {}
        for name, (value, low, high, _) in (("macro_f1", self.macro()), ("micro_f1", self.micro())):
            found[name] = Estimate(math.nan, why=_NO_LABEL) if math.isnan(value) else Estimate(value, low, high, n=n)
        whole = self.known.all(axis=1)
        n_whole, n_exact = int(whole.sum()), int(self.exact[whole].sum())
        effect = 1.0 if self.independent else design_effect(self.exact[whole], self.cluster[whole])
        found["exact_match"] = Estimate(n_exact / n_whole, *jeffreys(n_exact / effect, n_whole / effect), n=n_whole) \
            if n_whole else Estimate(math.nan, why="of no item every label is known")
        rows, columns = np.nonzero(self.known)
        wrong = (self.false | self.miss)[rows, columns]
        effect = design_effect(wrong, self.cluster[rows])
        found["hamming"] = Estimate(wrong.mean(), *jeffreys(wrong.sum() / effect, len(wrong) / effect), n=n)
        return found

    def macro(self) -> tuple[float, float, float, Floats]:
        """Macro F1, its interval, and what each cluster adds to its error."""
        there = self.tp + self.fn > 0
        if not there.any():
            return math.nan, math.nan, math.nan, np.zeros(0)
        tp, of = self.tp[there], (self.tp + self.fp + self.fn)[there]
        effects = self.effects()[there, 2]
        f1 = _f1_of_overlap(tp / of)
        ends = _f1_of_overlap(np.array([jeffreys(k / e, n / e) for k, n, e in zip(tp, of, effects, strict=True)]))
        pulls = self._pulls(2.0 * self.hit - f1_cells(self.hit, self.false, self.miss) * _spread(f1, there),
                            np.maximum(1, 2 * self.tp + self.fp + self.fn))[:, there]
        # With few items of a label its F1 is too low on average, for most labels alike: the interval is shifted
        # accordingly.
        divisor = self._pulls(f1_cells(self.hit, self.false, self.miss), np.maximum(1, 2 * self.tp + self.fp + self.fn))
        too_low = float((pulls * divisor[:, there]).sum(axis=0).mean())
        sizes = np.sqrt((pulls ** 2).sum(axis=0))
        alike = pulls.T @ pulls / np.where(np.outer(sizes, sizes) > 0, np.outer(sizes, sizes), 1.0)
        np.fill_diagonal(alike, 1.0)
        below, above = f1 - ends[:, 0], ends[:, 1] - f1
        low, high = (math.sqrt(max(0.0, float(half @ alike @ half))) / len(f1) for half in (below, above))
        value = float(f1.mean())
        low, high = max(0.0, value + too_low - low), min(1.0, value + too_low + high)
        return value, min(value, low), max(value, high), pulls.mean(axis=1)

    def micro(self) -> tuple[float, float, float, Floats]:
        """Micro F1, its interval, and what each cluster adds to its error."""
        tp, of = int(self.tp.sum()), int((self.tp + self.fp + self.fn).sum())
        if not of:
            return math.nan, math.nan, math.nan, np.zeros(0)
        rows, columns = np.nonzero(self.hit | self.false | self.miss)
        effect = design_effect(self.hit[rows, columns], self.cluster[rows])
        low, high = (float(_f1_of_overlap(np.array(end))) for end in jeffreys(tp / effect, of / effect))
        value = 2 * tp / (tp + of)
        pulls = self._pulls(2.0 * self.hit - value * f1_cells(self.hit, self.false, self.miss),
                            np.full(len(self.tp), tp + of))
        return value, low, high, pulls.sum(axis=1)

    def _pulls(self, cells: Floats, sizes: Any) -> Floats:
        """Sum over each cluster."""
        pulls = np.zeros((int(self.cluster.max(initial=-1)) + 1, cells.shape[1]))
        np.add.at(pulls, self.cluster, cells / sizes)
        return pulls


def f1_cells(hit: Bools, false: Bools, miss: Bools) -> Floats:
    """What each decision adds to the divisor of F1: 2 where rightly on, 1 where wrong."""
    return np.asarray(2.0 * hit + false + miss, np.float64)


def _spread(values: Floats, there: Bools) -> Floats:
    every = np.zeros(len(there))
    every[there] = values
    return every


def _least(cells: _Cells, *, macro: bool) -> float:
    """Half the width of the interval of a difference in F1 if no item differs: Tango's, for the labels' own items."""
    z2 = float(ndtri(0.975)) ** 2
    n_clusters = len(np.unique(cells.cluster))
    worth = n_clusters / max(1, len(cells.cluster))  # of items of a group at most one counts
    of = (cells.tp + cells.fp + cells.fn)[cells.tp + cells.fn > 0] * worth
    if not macro:
        return z2 / (float(of.sum()) + z2)
    return math.sqrt(float(((z2 / (of + z2)) ** 2).sum())) / len(of)


def _threshold(true: Floats, probs: Floats, weights: Floats, draws: Floats) -> float:
    """The best threshold of one label."""
    some = ~np.isnan(true) & ~np.isnan(probs) & (weights > 0)
    true, probs, weights, draws = true[some], probs[some], weights[some], draws[:, some]
    n_on = float((weights * true).sum() / weights.mean()) if len(true) else 0.0
    if n_on <= 0 or (true >= 1).all():
        return 0.5
    order = np.argsort(-probs, kind="stable")
    true, probs, weights = true[order], probs[order], (weights[order] * draws[:, order])
    on, every = np.cumsum(weights * true, axis=1), np.cumsum(weights, axis=1)
    f1 = 2 * on / (every + on[:, -1:])
    f1[:, :-1][:, probs[:-1] == probs[1:]] = -1.0  # a threshold can't part equal probabilities
    best = f1.argmax(axis=1)
    odds = logit(np.clip(probs, 1e-4, 1 - 1e-4))
    below = np.append(odds[1:], odds[-1] - 1.0)
    between = float(((odds[best] + below[best]) / 2).mean())
    shrunk = between * n_on / (n_on + THRESHOLD_PRIOR)
    return float(np.clip(expit(shrunk), LOWEST, HIGHEST))


def _calibration(probs: Floats, true: Floats) -> tuple[float, float]:
    some = ~np.isnan(probs) & ~np.isnan(true)
    return calibration_error(probs[some], true[some] > 0) if some.any() else (math.nan, math.nan)


def _f1_of_overlap(overlap: Floats) -> Floats:
    return np.asarray(2 * overlap / (1 + overlap))


def as_array(name: str, values: npt.ArrayLike, n_labels: int | None = None) -> Floats:
    """Return an array of one row per item and one column per label; ShapeError for another shape."""
    array = np.asarray(values, np.float64)
    if not array.size and n_labels is not None:
        array = array.reshape(len(array), n_labels)
    if array.ndim != 2 or (n_labels is not None and array.shape[1] != n_labels):
        raise ShapeError(f"{name} has shape {array.shape}; a row for each item and a column for each "
                         f"of {'the' if n_labels is None else n_labels} labels is expected.")
    return array


def _sets(name: str, values: npt.ArrayLike, n_labels: int | None = None) -> Floats:
    array = as_array(name, values, n_labels)
    if len(odd := array[~np.isnan(array) & (array != 0) & (array != 1)]):
        raise BadInput(f"{name} has {odd[0]:g}; 1 (on), 0 (off) or NaN (not known) is expected.")
    return array


def _limits(thresholds: npt.ArrayLike, n_labels: int) -> Floats:
    limits = np.asarray(thresholds, np.float64)
    if limits.shape not in ((), (n_labels,)):
        raise ShapeError(f"thresholds have shape {limits.shape}; one for all labels, or one for each of {n_labels}, is "
                         "expected.")
    return np.broadcast_to(limits, (n_labels,)).copy()
