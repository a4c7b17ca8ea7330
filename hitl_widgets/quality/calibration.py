"""Calibration: how often people are right at each step of certainty, and models at each confidence.

`calibration` makes a `Calibration` of people from answers that gold or other annotators can judge. `reliability`
compares a model's confidence with how often it is right, and `calibration_error` summarizes this in one number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from ..errors import BadInput, ShapeError
from .intervals import jeffreys

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

# Certainties that are counted together, so that few answers make a curve.
STEPS = ((0, 2), (3, 4), (5, 6), (7, 8), (9, 9), (10, 10))
# With fewer judged answers there is no verdict; an annotator who gives one certainty in this share of them is flagged.
MIN_ANSWERS, CONSTANT_SHARE = 10, 0.9
# Bins of a model's confidence, of equally many items.
N_BINS = 10
COLUMNS = ["annotator", "n", "right", "certainty", "brier", "auroc", "low", "high", "verdict"]


@dataclass(frozen=True)
class Calibration:
    """How well some annotators' certainty predicts that their answers are right.

    Parameters
    ----------
    table : DataFrame
        One row per annotator, and "all": n (answers with a certainty that can be judged), right (the share that is),
        certainty (the mean), brier (the mean squared distance of certainty / 10 from right or wrong: 0 is best; always
        answering 5 scores 0.25), auroc (how well it separates right from wrong: 0.5 not at all, 1 always) with low and
        high (95 %), and the verdict in words.
    curve : DataFrame
        One row per annotator and step: annotator, certainty (such as "7-8"), mean, n, share (right), low and high
        (95 %).
    judged_by : dict of str to int
        How many answers gold judged ("gold"), and how many the other annotators of the item ("others").
    """

    table: pd.DataFrame
    curve: pd.DataFrame
    judged_by: dict[str, int]

    def plot(self) -> Drawing:
        """Draw a curve for each annotator, with counts and 95 % intervals.

        On the diagonal the share of right answers is certainty / 10.
        """
        from ..drawing.plots import plot_calibration
        return plot_calibration(self.curve, self.table)

    def __repr__(self) -> str:
        lines = [f"{self.judged_by['gold']} answers with a certainty were judged by gold, "
                 f"{self.judged_by['others']} by other annotators"]
        lines += [f"{row.annotator}: {row.verdict}" for row in self.table.itertuples(index=False)]
        return "\n".join(lines)


def calibration(answers: pd.DataFrame) -> Calibration:
    """Measure how well each annotator's certainty predicts whether their answers are right.

    Parameters
    ----------
    answers : DataFrame
        One row per answer: annotator, certainty (0 to 10, NaN where none was given), right (bool), judged_by ("gold" or
        "others").

    Returns
    -------
    Calibration
    """
    judged = answers[answers["certainty"].notna()]
    groups = [(name, judged[judged["annotator"] == name]) for name in sorted(answers["annotator"].unique())]
    if len(groups) > 1:
        groups.append(("all", judged))
    curve = []
    for name, rows in groups:
        for low, high in STEPS:
            if len(some := rows[rows["certainty"].round().between(low, high)]):
                n, n_right = len(some), int(some["right"].sum())
                curve.append((name, f"{low}-{high}" if low < high else f"{low}", some["certainty"].mean(), n,
                              n_right / n, *jeffreys(n_right, n)))
    return Calibration(pd.DataFrame([_row(name, rows) for name, rows in groups], columns=COLUMNS),
                       pd.DataFrame(curve, columns=["annotator", "certainty", "mean", "n", "share", "low", "high"]),
                       {source: int((judged["judged_by"] == source).sum()) for source in ("gold", "others")})


def auroc(scores: npt.ArrayLike, right: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Area under the ROC curve, with its interval.

    The area is the probability that a right answer has a higher score than a wrong one; ties count half.

    Parameters
    ----------
    scores : array_like of float, shape (n_answers,)
    right : array_like of bool, shape (n_answers,)
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    area, low, high : float
        From 0 to 1; (NaN, 0, 1) where all are right, or all wrong.

    References
    ----------
    Newcombe (2006), Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2,
    doi:10.1002/sim.2324, method 5: Hanley's and McNeil's variance, solved for the area as Wilson does for a share.

    Examples
    --------
    >>> [round(value, 2) for value in auroc([1, 2, 3, 4], [False, True, False, True])]
    [0.75, 0.23, 0.97]
    """
    if not 0 < level < 1:
        raise BadInput(f"level {level!r} can't be used: a share between 0 and 1 is expected, such as 0.95.")
    from scipy.optimize import brentq  # these two take long to load
    from scipy.stats import rankdata
    scores, right = np.asarray(scores, float), np.asarray(right, bool)
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not n_right or not n_wrong:
        return math.nan, 0.0, 1.0
    area = float((rankdata(scores)[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))
    z, more = -float(ndtri((1 - level) / 2)), (n_right + n_wrong) / 2 - 1

    def excess(truth: float) -> float:
        spread = truth * (1 - truth) * (1 + more * (1 - truth) / (2 - truth) + more * truth / (1 + truth))
        return (area - truth) ** 2 - z * z * spread / (n_right * n_wrong)

    tiny = 1e-9  # at exactly 0 and 1 the variance is 0, which makes a meaningless root
    low = 0.0 if area == 0 else float(brentq(excess, 0, min(area, 1 - tiny)))
    high = 1.0 if area == 1 else float(brentq(excess, max(area, tiny), 1))
    return area, low, high


def reliability(confidence: npt.ArrayLike, right: npt.ArrayLike, *, n_bins: int = N_BINS) -> pd.DataFrame:
    """How often a model is right, by its confidence.

    Parameters
    ----------
    confidence : array_like of float, shape (n_items,)
        The probability of each item's most probable label, 0 to 1.
    right : array_like of bool, shape (n_items,)
        Whether that label is right.
    n_bins : int
        Number of bins, 1 or more; they hold equally many items each, give or take one.

    Returns
    -------
    DataFrame
        One row per bin, from the least confident one: n, confidence (the mean), right (the share), low and high (95 %).
        With fewer items than bins, one row per item.

    Raises
    ------
    ShapeError
        If the two differ in number.

    Examples
    --------
    >>> reliability([0.6, 0.7, 0.9, 1.0], [False, True, True, True], n_bins=2)[["n", "confidence", "right"]]
       n  confidence  right
    0  2        0.65    0.5
    1  2        0.95    1.0
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, bool)
    if confidence.shape != right.shape or confidence.ndim != 1:
        raise ShapeError(f"confidence has shape {confidence.shape} and right {right.shape}; a number and a verdict for "
                         "each item are expected.")
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, max(1, min(n_bins, len(order)))) if len(order) else []
    rows = [(len(some), float(confidence[some].mean()), float(right[some].mean()),
             *jeffreys(int(right[some].sum()), len(some))) for some in bins]
    return pd.DataFrame(rows, columns=["n", "confidence", "right", "low", "high"])


def calibration_error(confidence: npt.ArrayLike, right: npt.ArrayLike, *, n_bins: int = N_BINS) -> tuple[float, float]:
    """Expected calibration error (ECE) of a model, and its expected value if the model were perfectly calibrated.

    Parameters
    ----------
    confidence, right, n_bins
        See `reliability`.

    Returns
    -------
    error, by_chance : float
        The mean distance of confidence from accuracy over bins of equally many items, 0 to 1; and its expected value
        for a perfectly calibrated model on as many items: with few items the error is never near 0. NaN without items.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using Bayesian Binning; Nixon et al.
    (2019), Measuring Calibration in Deep Learning, for bins of equal mass.

    Examples
    --------
    >>> [round(value, 3) for value in calibration_error([0.6, 0.7, 0.9, 1.0], [False, True, True, True], n_bins=2)]
    [0.1, 0.194]
    """
    confidence = np.asarray(confidence, float)
    table = reliability(confidence, right, n_bins=n_bins)
    if not len(table):
        return math.nan, math.nan
    n = table["n"].to_numpy(float)
    error = float((n * (table["confidence"] - table["right"]).abs()).sum() / n.sum())
    ends = np.cumsum(table["n"].to_numpy())[:-1]
    spread = np.array([(some * (1 - some)).sum() for some in np.split(np.sort(confidence), ends)])
    return error, float((np.sqrt(2 / math.pi) * np.sqrt(np.maximum(spread, 0))).sum() / n.sum())


def _row(name: str, rows: pd.DataFrame) -> tuple[Any, ...]:
    n = len(rows)
    if not n:
        return name, 0, math.nan, math.nan, math.nan, math.nan, 0.0, 1.0, "no answer with a certainty can be judged yet"
    certainty, right = rows["certainty"].to_numpy(float), rows["right"].to_numpy(bool)
    brier = float(((certainty / 10 - right) ** 2).mean())
    area, low, high = auroc(certainty, right)
    return (name, n, float(right.mean()), float(certainty.mean()), brier, area, low, high,
            _verdict(certainty, right, area, low, high))


def _verdict(certainty: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], area: float, low: float,
             high: float) -> str:
    """Put the numbers into words: the first statement that holds."""
    values, counts = np.unique(certainty, return_counts=True)
    most, n = int(counts.argmax()), len(certainty)
    if n < MIN_ANSWERS:
        return f"too few to tell: {n} answers, {MIN_ANSWERS} or more are needed"
    if counts[most] >= CONSTANT_SHARE * n:
        return f"rates nearly everything {values[most]:g}: it tells nothing apart"
    if math.isnan(area):
        return f"all {n} are {'right' if right.all() else 'wrong'}: nothing to tell apart"
    if high < 0.5:
        return f"upside down: wrong answers are the more certain ones (AUROC {area:.2f})"
    if low <= 0.5:
        return f"can't be told from chance yet (AUROC {area:.2f}, {low:.2f} to {high:.2f}, {n} answers)"
    return f"tells right from wrong (AUROC {area:.2f}, {low:.2f} to {high:.2f}, {n} answers)"
