"""Bias of values: how far answers are pulled towards the value that the model suggests. Read `value_bias` first.

Whether a card's suggestion is shown is drawn at random. Both arms are compared on the same kind of cards, as in
`suggestion_effect`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from .coefficients import Floats
from .experiment_cards import SUGGESTED, WITHOUT, EffectFigures, check, drawn, is_blind
from .intervals import student_mean
from .suggestion_effect import contrast

FIGURES = ("pull", "nearer", "taken", "across_people")
IN_WORDS = {"pull": "part of the way to the suggestion", "nearer": "nearer to the suggestion",
            "taken": "give exactly the suggested value", "across_people": "part of the way, mean of people"}
_PERSON_COLUMNS = ["annotator", "n_shown", "n_blind",
                   *(f"{name}{end}" for name in FIGURES[:3] for end in ("", "_low", "_high"))]
# Number of blind answers by which a person's offset is shrunk towards 0.
_OFFSET_PRIOR = 5.0
_NO_REFERENCE = ("no card has a reference in both arms: pass truth=, or have items answered blind by two or more "
                 "people")


@dataclass(frozen=True, repr=False)
class ValueBias(EffectFigures):
    """Effect of seeing a suggested value on people's values, as `value_bias` measures it.

    Attributes
    ----------
    pull : Estimate
        How much of the way from their own answer to the suggested value people go when they see it: 0 not at all, 1 all
        the way (or: the share who take it over as it is). It needs a reference, which is `truth` or other people's
        blind answers.
    nearer : Estimate
        By what part answers are nearer to the suggestion when it is seen: 0.3 if their mean distance is 30 % less. It
        needs no reference. Where people err after they were pulled, it is below the pull.
    taken : Estimate
        How much more often the suggested value itself is given: P(the same | shown) - P(the same | blind).
    across_people : Estimate
        Mean of the people's own pulls, with Student's interval: for people like these. The interval of `pull` is for
        these people and items like these.
    per_annotator : DataFrame
        A row per person: annotator, n_shown, n_blind, and pull, nearer and taken with their intervals (_low, _high).
    notes : tuple of str
        Remarks to show with the figures.
    """

    pull: Estimate
    nearer: Estimate
    taken: Estimate
    across_people: Estimate
    per_annotator: pd.DataFrame
    notes: tuple[str, ...] = ()

    IN_WORDS: ClassVar[Mapping[str, str]] = IN_WORDS
    TITLE: ClassVar[str] = "What seeing a suggested value did"
    UNIT: ClassVar[str] = "part"
    COUNTED: ClassVar[str] = "cards"


def value_bias(values: pd.DataFrame, truth: pd.Series | Mapping[Any, float] | None = None, *,
               min_blind: int = 1) -> ValueBias:
    """Measure how far seeing the model's value pulls people's values towards it.

    Only cards whose arm was drawn at random count, each weighted by the inverse of its arm's probability, as in
    `suggestion_effect.automation_bias`.

    Parameters
    ----------
    values : DataFrame
        Values of one attribute: item_id, annotator, value, suggested (the model's value, visible or not), shown; also
        arm, arm_probability, planted and repeat_of.
    truth : Series or mapping of item_id to number, optional
        Values that nobody gave in sight of a suggestion. For items that it lacks, the reference is the mean of *other*
        people's blind values.
    min_blind : int
        Smallest number of blind values of other people that make a reference.

    Returns
    -------
    ValueBias

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If a value isn't a number.

    Notes
    -----
    With x the answer, s the suggestion and r a reference that is independent of the arm, the regression slope of s - x
    on s - r in sight of the suggestion is (1 - pull) times the blind slope, whatever the errors of x, s and r. The
    interval of this ratio is Fieller's, with items as clusters. Each person's own offset, estimated from their blind
    answers, is added to the reference.

    References
    ----------
    Fieller (1954), Some Problems in Interval Estimation, doi:10.1111/j.2517-6161.1954.tb00159.x; Tversky and Kahneman
    (1974), Judgment under Uncertainty, doi:10.1126/science.185.4157.1124, for the anchoring effect.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> own, suggested, shown = rng.normal(5, 1, 400), np.full(400, 8.0), np.arange(400) % 2 == 0
    >>> values = pd.DataFrame({"item_id": range(400), "annotator": "ann", "suggested": suggested, "shown": shown,
    ...                        "value": np.where(shown, own + 0.4 * (suggested - own), own)})
    >>> value_bias(values, dict.fromkeys(range(400), 5.0)).pull.value.__round__(1)
    0.4
    """
    check_count("min_blind", min_blind, "a number of values, 1 or more,", least=1)
    every, votes, randomised = _cards(values)
    cards = every[every["arm_probability"] < 1] if randomised else every
    cards = cards.assign(reference=_references(cards, votes, truth, min_blind),
                         took=cards["label"].to_numpy(np.float64) == cards["suggestion"].to_numpy(np.float64))
    people = _people(cards)
    notes = []
    if not randomised:
        notes.append("As far as known, chance did not draw what was shown: the table has no column arm. Cards that "
                     "were shown and cards that were blind may differ in other ways too.")
    if n_certain := len(every) - len(cards):
        notes.append(f"{n_certain:,} cards are left out, since no other arm was possible for them.")
    return ValueBias(_pull(cards), _nearer(cards), contrast(cards),
                     student_mean(people["pull"].to_numpy(np.float64), why="nobody has a pull of their own"), people,
                     tuple(notes))


def _cards(values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, bool]:
    """Cards whose arm was drawn; all values; and whether the arms were recorded."""
    if not isinstance(values, pd.DataFrame):
        raise BadInput(f"values is a {type(values).__name__}; a table of values is expected.")
    if missing := [name for name in ("item_id", "annotator", "value", "suggested", "shown") if name not in values]:
        raise ShapeError(f"the table of values lacks {', '.join(missing)}; how far a suggestion pulls can be measured "
                         "only from item_id, annotator, value, suggested and shown.")
    for name in ("attribute_id", "attribute"):
        if name in values and values[name].nunique() > 1:
            raise BadInput(f"the table has values of {', '.join(map(str, values[name].unique()[:5]))}; those of one "
                           "attribute are expected.")
    try:
        numbers = values.assign(label=values["value"].astype(np.float64),
                                suggestion=values["suggested"].astype(np.float64))
    except (TypeError, ValueError):
        raise BadInput("the table has values that aren't numbers; choices are labels: give them to automation_bias, "
                       "with the choice as label and suggestion.") from None
    votes = check(numbers)
    cards, randomised = drawn(votes)
    return cards.reset_index(drop=True), votes, randomised


def _references(cards: pd.DataFrame, votes: pd.DataFrame, truth: pd.Series | Mapping[Any, float] | None,
                min_blind: int) -> Floats:
    """Each card's truth, or the mean of other people's blind values, or NaN."""
    known = pd.Series(truth, dtype=np.float64) if truth is not None else pd.Series(dtype=np.float64)
    reference = known.reindex(cards["item_id"]).to_numpy(np.float64, copy=True)
    blind = votes[~votes["planted"].to_numpy(np.bool_) & is_blind(votes)]
    blind = blind.drop_duplicates(["item_id", "annotator"], keep="last")
    sums = blind.groupby("item_id")["label"].agg(["sum", "size"]).reindex(cards["item_id"]).fillna(0.0)
    own = blind.set_index(["item_id", "annotator"])["label"]
    mine = own.reindex(pd.MultiIndex.from_frame(cards[["item_id", "annotator"]])).to_numpy(np.float64)
    there = ~np.isnan(mine)
    n = sums["size"].to_numpy(np.float64) - there
    others = np.where(n >= min_blind, (sums["sum"].to_numpy(np.float64) - np.where(there, mine, 0)) / np.maximum(n, 1),
                      np.nan)
    reference = np.where(np.isnan(reference), others, reference)
    return reference + _offsets(cards, reference)


def _offsets(cards: pd.DataFrame, reference: Floats) -> Floats:
    """How far above the reference each card's annotator answers blind, on other cards; shrunk towards 0."""
    apart = np.nan_to_num(cards["label"].to_numpy(np.float64) - reference)
    weight = np.where(cards["arm"].isin(list(WITHOUT)) & ~np.isnan(reference), 1 / cards["arm_probability"], 0.0)
    person = pd.factorize(cards["annotator"])[0]
    sums, n, squares = (np.bincount(person, of)[person] - of for of in (weight * apart, weight, weight ** 2))
    worth = n ** 2 / np.maximum(squares, 1e-12)
    return np.asarray(sums / np.maximum(n, 1e-12) * worth / (worth + _OFFSET_PRIOR))


def _pull(cards: pd.DataFrame) -> Estimate:
    judged = cards[~np.isnan(cards["reference"].to_numpy(np.float64))]
    suggested, given = judged["suggestion"].to_numpy(np.float64), judged["label"].to_numpy(np.float64)
    way = suggested - judged["reference"].to_numpy(np.float64)
    return _one_minus_ratio(judged, (suggested - given) * way, way ** 2, _NO_REFERENCE)


def _nearer(cards: pd.DataFrame) -> Estimate:
    distance = abs(cards["suggestion"].to_numpy(np.float64) - cards["label"].to_numpy(np.float64))
    return _one_minus_ratio(cards, distance, np.ones(len(cards)), "no cards in both arms")


def _one_minus_ratio(cards: pd.DataFrame, values: Floats, of: Floats, why: str) -> Estimate:
    """1 - shown / blind, each the sum of `values` over the sum of `of`, with Fieller's interval; items are clusters."""
    arm, weight = cards["arm"].to_numpy(object), 1 / cards["arm_probability"].to_numpy(np.float64)
    inside = [np.isin(arm, arms) for arms in (SUGGESTED, WITHOUT)]
    n = int(inside[0].sum() + inside[1].sum())
    item = pd.factorize(cards["item_id"])[0]
    slopes, pulls, worths = [], [], []
    for some in inside:
        if (total := float((weight * of)[some].sum())) <= 0:
            return Estimate(math.nan, n=n, why=why if not some.any() else "suggestions are what people answer anyway")
        slopes.append(float((weight * values)[some].sum()) / total)
        left, share = (np.bincount(item[some], (weight * column)[some], int(item.max()) + 1) / total
                       for column in (values - slopes[-1] * of, of))
        pulls.append(left / np.maximum(1 - share, 0.1))  # corrects the residuals of items with a high leverage
        worths.append(1 / float((share ** 2).sum()))
    (shown, blind), n_items = slopes, len(np.unique(item[inside[0] | inside[1]]))
    if n_items < 2:
        return Estimate(math.nan, n=n, why="an interval needs two items")
    (v_shown, both), (_, v_blind) = [[float(a @ b) for b in pulls] for a in pulls]
    student = -float(stdtrit(max(1.0, min(worths) - 1), 0.025))
    low, high = _fieller(shown, blind, v_shown, v_blind, both, student)
    return Estimate(1 - shown / blind, 1 - high, 1 - low, n=n) if low <= high else \
        Estimate(math.nan, n=n, why="too few blind cards whose suggestion is far from what people answer")


def _fieller(first: float, second: float, v_first: float, v_second: float, both: float,
             student: float) -> tuple[float, float]:
    """Interval of first / second; (inf, -inf) where it has no end."""
    square = student ** 2
    a, b, c = second ** 2 - square * v_second, first * second - square * both, first ** 2 - square * v_first
    if a <= 0:
        return math.inf, -math.inf
    root = math.sqrt(max(0.0, b * b - a * c))
    return min(first / second, (b - root) / a), max(first / second, (b + root) / a)


def _people(cards: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name, own in cards.groupby("annotator", sort=True):
        row: dict[str, Any] = {"annotator": name, "n_shown": _count(own, SUGGESTED), "n_blind": _count(own, WITHOUT)}
        for figure, estimate in (("pull", _pull(own)), ("nearer", _nearer(own)), ("taken", contrast(own))):
            row |= {figure: estimate.value, f"{figure}_low": estimate.low, f"{figure}_high": estimate.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=_PERSON_COLUMNS)


def _count(cards: pd.DataFrame, arms: Sequence[str]) -> int:
    return int(cards["arm"].isin(list(arms)).sum())
