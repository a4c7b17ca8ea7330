"""Calibration of people's certainty: how often answers are right at each step of certainty, for each annotator.

`calibration` makes a `Calibration` from answers that gold or other annotators can judge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import rankdata

from ..errors import BadInput
from .intervals import jeffreys

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

# Certainties that are counted together, so that few answers make a curve.
STEPS = ((0, 2), (3, 4), (5, 6), (7, 8), (9, 9), (10, 10))
# With fewer judged answers there is no verdict; an annotator who gives one certainty in this share of them is flagged.
MIN_ANSWERS, CONSTANT_SHARE = 10, 0.9
COLUMNS = ["annotator", "n", "right", "certainty", "brier", "auroc", "low", "high", "verdict"]


@dataclass(frozen=True)
class Calibration:
    """How well some annotators' certainty predicts that their answers are right.

    Parameters
    ----------
    table : DataFrame
        One row an annotator, and "all": n (answers with a certainty that can be judged), right (the share that is),
        certainty (the mean), brier (the mean squared distance of certainty / 10 from right or wrong: 0 is best; always
        answering 5 scores 0.25), auroc (how well it separates right from wrong: 0.5 not at all, 1 always) with low and
        high (95 %), and the verdict in words.
    curve : DataFrame
        One row an annotator and step: annotator, certainty (such as "7-8"), mean, n, share (right), low and high
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
    """How far each annotator's certainty can be trusted.

    Parameters
    ----------
    answers : DataFrame
        One row an answer: annotator, certainty (0 to 10, NaN where none was given), right (bool), judged_by ("gold" or
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

    The area is how often, of a right and a wrong answer, the right one has the higher score; ties count half.

    Parameters
    ----------
    scores : array_like of float, shape (n_answers,)
    right : array_like of bool, shape (n_answers,)
    level : float
        Share of such intervals that hold the truth, between 0 and 1.

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
    scores, right = np.asarray(scores, float), np.asarray(right, bool)
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not n_right or not n_wrong:
        return math.nan, 0.0, 1.0
    area = float((rankdata(scores)[right].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))
    z, more = -float(ndtri((1 - level) / 2)), (n_right + n_wrong) / 2 - 1

    def excess(truth: float) -> float:
        spread = truth * (1 - truth) * (1 + more * (1 - truth) / (2 - truth) + more * truth / (1 + truth))
        return (area - truth) ** 2 - z * z * spread / (n_right * n_wrong)

    tiny = 1e-9  # at 0 and 1 themselves there is no spread, and so a root that means nothing
    low = 0.0 if area == 0 else float(brentq(excess, 0, min(area, 1 - tiny)))
    high = 1.0 if area == 1 else float(brentq(excess, max(area, tiny), 1))
    return area, low, high


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
    """Put the numbers into words; the first that holds."""
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
