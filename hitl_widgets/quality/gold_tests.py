"""Gold and hidden tests: a person's accuracy where the answer is known, and alarms when it is too low.

`gold_figures` makes a table with a row for each person; `accuracy` and `sequential_test` do the same for one sequence
of right and wrong answers. Nothing here blocks anybody: an alarm is shown to the person first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import betaincinv

from ..errors import BadInput, ShapeError
from ..records import Estimate

State = Literal["open", "fine", "alarm"]
Right = Sequence[bool] | npt.NDArray[np.bool_]

# Jeffreys' prior: half a right and half a wrong answer.
PRIOR = (0.5, 0.5)
GOLD_COLUMNS = ["annotator", "n", "n_right", "accuracy", "low", "high", "state", "n_alarms", "n_since"]


@dataclass(frozen=True)
class SequentialTest:
    """Result of the sequential test of a person's gold answers so far.

    Attributes
    ----------
    state : {"open", "fine", "alarm"}
        The latest conclusion: "fine" if the answers favour `good`, "alarm" if they favour `poor`, "open" before the
        first conclusion.
    conclusions : tuple of (int, str)
        For each conclusion, the number of answers after which it was drawn, and whether it was "fine" or "alarm".
    n : int
        Answers in all.
    log_ratio : float
        Log-likelihood ratio (natural logarithm) of the answers since the latest conclusion; positive values favour
        `poor`.
    """

    state: State
    conclusions: tuple[tuple[int, State], ...]
    n: int
    log_ratio: float

    @property
    def n_since(self) -> int:
        """Answers since the latest conclusion."""
        return self.n - (self.conclusions[-1][0] if self.conclusions else 0)

    @property
    def n_alarms(self) -> int:
        """Number of alarms; each new one is to be shown to the person."""
        return sum(state == "alarm" for _, state in self.conclusions)


@dataclass(frozen=True)
class RunLength:
    """How the repeated test behaves for a person who is right with a fixed probability.

    Attributes
    ----------
    p_alarm : float
        Probability that a test ends in an alarm, not in "fine".
    n_answers : float
        Mean number of gold answers until a test ends.
    """

    p_alarm: float
    n_answers: float

    @property
    def between_alarms(self) -> float:
        """Mean number of gold answers from one alarm to the next: the average run length. Infinite without alarms."""
        return self.n_answers / self.p_alarm if self.p_alarm else math.inf


def accuracy(right: Right, *, prior: tuple[float, float] = PRIOR, level: float = 0.95) -> Estimate:
    """A person's accuracy on gold items, estimated by a Beta posterior.

    It is the accuracy on gold items, not on the pool. Gold items are drawn by label (`sampling.gold_order`), so rare
    labels have a larger weight than in the pool.

    Parameters
    ----------
    right : array_like of bool, shape (n_answers,)
    prior : tuple of float
        Numbers of right and wrong answers that are assumed beforehand; Jeffreys' prior by default. Experience with
        other people can be passed here, such as (9, 1).
    level : float
        Confidence level of the interval.

    Returns
    -------
    Estimate
        Mean of the posterior and its equal-tailed interval. The interval begins at 0 if no answer was right, and ends
        at 1 if all were right. NaN without answers.

    Raises
    ------
    BadInput
        If a count of the prior isn't above 0, or the level isn't between 0 and 1.

    Examples
    --------
    >>> accuracy([True] * 18 + [False] * 2)
    0.881 (0.716 to 0.979, n = 20: few items)
    """
    right = _flags(right)
    if min(prior) <= 0 or not 0 < level < 1:
        raise BadInput(f"prior {prior!r} and level {level!r} can't be used: two counts above 0 and a share between 0 "
                       "and 1 are expected, such as (0.5, 0.5) and 0.95.")
    n, k = len(right), int(right.sum())
    if not n:
        return Estimate(math.nan, why="no gold item answered yet")
    a, b, tail = k + prior[0], n - k + prior[1], (1 - level) / 2
    return Estimate(a / (a + b), float(betaincinv(a, b, tail)) if k else 0.0,
                    float(betaincinv(a, b, 1 - tail)) if k < n else 1.0, n=n)


def sequential_test(right: Right, *, good: float = 0.9, poor: float = 0.7, false_alarms: float = 0.05,
                    missed: float = 0.05) -> SequentialTest:
    """Wald's sequential probability ratio test of a person's gold answers, restarted after each conclusion.

    The test compares two hypotheses: the person's accuracy is `poor`, or it is `good`. Each answer adds the logarithm
    of the likelihood ratio of "poor" to "good". The test ends with "alarm" if the sum reaches
    log((1 - missed) / false_alarms), and with "fine" if it falls to log(missed / (1 - false_alarms)). Then a new test
    begins at 0, since people get tired and learn.

    With the defaults, 3 wrong answers among the first 4 give an alarm, as do 4 among 9, and 12 right answers in a row
    give "fine". Since the test is repeated, there will be false alarms: a person with an accuracy of 0.9 gets one every
    729 gold answers on average. With an accuracy of 0.7 there is an alarm every 21 answers (see `run_length`).

    Parameters
    ----------
    right : array_like of bool, shape (n_answers,)
        Whether each answer was right, in the order in which the person answered. Only the first answer to each gold
        item should be included.
    good, poor : float
        Accuracy of a good annotator, and of one who should get an alarm; poor < good.
    false_alarms, missed : float
        Probability that a single test ends with "alarm" if the accuracy is `good`, and that it ends with "fine" if the
        accuracy is `poor`.

    Returns
    -------
    SequentialTest

    Raises
    ------
    BadInput
        If poor isn't below good, or a risk isn't between 0 and 0.5.

    References
    ----------
    Wald (1945), Sequential Tests of Statistical Hypotheses, doi:10.1214/aoms/1177731118.

    Examples
    --------
    >>> sequential_test([True] * 12).state
    'fine'
    >>> sequential_test([True] * 12 + [True, False, False, False]).state
    'alarm'
    """
    if_right, if_wrong, low, high = _steps(good, poor, false_alarms, missed)
    conclusions: list[tuple[int, State]] = []
    ratio = 0.0
    right = _flags(right)
    for place, is_right in enumerate(right.tolist(), 1):
        ratio += if_right if is_right else if_wrong
        if not low < ratio < high:
            conclusions.append((place, "alarm" if ratio >= high else "fine"))
            ratio = 0.0
    return SequentialTest(conclusions[-1][1] if conclusions else "open", tuple(conclusions), len(right), ratio)


@lru_cache(maxsize=256)
def run_length(p_right: float, *, good: float = 0.9, poor: float = 0.7, false_alarms: float = 0.05,
               missed: float = 0.05) -> RunLength:
    """Mean length of a test and its probability of an alarm, for a person who is right with probability `p_right`.

    The result is exact: it is computed from the probability of each number of wrong answers, until all tests have
    ended.

    Parameters
    ----------
    p_right : float
        From 0 to 1.
    good, poor, false_alarms, missed : float
        See `sequential_test`.

    Returns
    -------
    RunLength

    Examples
    --------
    >>> often, seldom = run_length(0.7), run_length(0.9)
    >>> round(often.between_alarms), round(seldom.between_alarms)
    (21, 729)
    """
    if not 0 <= p_right <= 1:
        raise BadInput(f"p_right is {p_right!r}; a probability from 0 to 1 is expected.")
    if_right, if_wrong, low, high = _steps(good, poor, false_alarms, missed)
    going = np.ones(1)  # by the number of wrong answers: the probability that the test is still open
    p_alarm, n_answers, n = 0.0, 0.0, 0
    while going.sum() > 1e-12:
        n_answers += float(going.sum())
        n += 1
        going = np.append(going * p_right, 0.0) + np.append(0.0, going * (1 - p_right))
        wrong = np.arange(n + 1)
        ratio = wrong * if_wrong + (n - wrong) * if_right
        p_alarm += float(going[ratio >= high].sum())
        going[(ratio >= high) | (ratio <= low)] = 0.0
    return RunLength(p_alarm, n_answers)


def gold_figures(answers: pd.DataFrame, *, good: float = 0.9, poor: float = 0.7) -> pd.DataFrame:
    """Accuracy on gold, and the sequential test, of each person.

    Where a person answered a gold item several times, the first answer counts: after it, the person may know the
    answer.

    Parameters
    ----------
    answers : DataFrame
        A row for each answer to a gold item, in the order in which people acted, or with `acted_at`: item_id,
        annotator, label and truth. Rows without a label or a truth are left out.
    good, poor : float
        See `sequential_test`.

    Returns
    -------
    DataFrame
        A row for each person, sorted by name: annotator, n, n_right, accuracy, low, high, state, n_alarms, and n_since,
        the answers since the latest conclusion.

    Raises
    ------
    ShapeError
        If a column is missing.

    Examples
    --------
    >>> answers = pd.DataFrame({"item_id": [*"abc"], "annotator": "ada", "label": [*"xyx"], "truth": [*"xxy"]})
    >>> gold_figures(answers)[["annotator", "n", "n_right", "state"]].to_dict("records")
    [{'annotator': 'ada', 'n': 3, 'n_right': 1, 'state': 'open'}]
    """
    if missing := [name for name in ("item_id", "annotator", "label", "truth") if name not in answers.columns]:
        raise ShapeError(f"the table of gold answers lacks {', '.join(missing)}; a row for each answer with item_id, "
                         "annotator, label and truth is expected.")
    rows = answers[answers[["item_id", "annotator", "label", "truth"]].notna().all(axis=1)]
    if "acted_at" in rows:
        rows = rows.sort_values("acted_at", kind="stable")
    rows = rows.drop_duplicates(["item_id", "annotator"])
    right = (rows["label"].astype(object) == rows["truth"].astype(object)).to_numpy(np.bool_)
    figures = []
    for annotator, places in sorted(rows.groupby("annotator", observed=True).indices.items(), key=lambda p: str(p[0])):
        own = right[places]
        share, test = accuracy(own), sequential_test(own, good=good, poor=poor)
        figures.append([annotator, len(own), int(own.sum()), share.value, share.low, share.high, test.state,
                        test.n_alarms, test.n_since])
    return pd.DataFrame(figures, columns=GOLD_COLUMNS)


def _steps(good: float, poor: float, false_alarms: float, missed: float) -> tuple[float, float, float, float]:
    """What a right and a wrong answer add, and the two bounds."""
    if not 0 < poor < good < 1:
        raise BadInput(f"good is {good!r} and poor {poor!r}; shares of right answers with 0 < poor < good < 1 are "
                       "expected, such as 0.9 and 0.7.")
    if not (0 < false_alarms < 0.5 and 0 < missed < 0.5):
        raise BadInput(f"the risks are {false_alarms!r} and {missed!r}; both lie between 0 and 0.5, such as 0.05.")
    return (math.log(poor / good), math.log((1 - poor) / (1 - good)), math.log(missed / (1 - false_alarms)),
            math.log((1 - missed) / false_alarms))


def _flags(right: Right) -> npt.NDArray[np.bool_]:
    flags = np.asarray(right)
    if flags.ndim != 1 or (flags.size and flags.dtype != np.bool_):
        raise BadInput(f"right has the shape {flags.shape} and the type {flags.dtype}; a sequence of True (right) and "
                       "False is expected.")
    return flags.astype(np.bool_)
