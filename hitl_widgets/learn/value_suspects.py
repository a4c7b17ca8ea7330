"""Values that were probably given by mistake: those far from out-of-fold predictions.

`suspected_values` returns the probability that each answer's value is right. The items with the least probable values
are asked again (second looks).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..project.project import Project
from ..taxonomy.attributes import Value
from .registry import Registry
from .value_candidate import ValueCandidate, fit_value_candidate
from .values import FittedAttribute

COLUMNS = ["item_id", "position", "annotator", "decision_id", "unsure", "chosen_by", "attribute_id", "value",
           "expected", "right"]
# Prior share of wrong answers, its maximum, and the number of passes that estimate it.
SHARE, MOST, PASSES = 0.05, 0.5, 50


def suspected_values(project: Project, registry: Registry) -> pd.DataFrame:
    """The probability that each value is right, for training items.

    Parameters
    ----------
    project : Project
        Has the answers.
    registry : Registry
        Has the descriptors.

    Returns
    -------
    DataFrame
        One row for each value: item_id, position, annotator, decision_id, unsure (False), chosen_by, attribute_id,
        value, expected (the out-of-fold prediction, a value of the attribute), right.
    """
    new = fit_value_candidate(project, registry)
    if isinstance(new, str):
        return pd.DataFrame({name: pd.Series(dtype=bool if name == "unsure" else float if name == "right" else object)
                             for name in COLUMNS})
    return pd.concat([_of_attribute(new, one) for one in new.fitted.values()], ignore_index=True)


def _of_attribute(new: ValueCandidate, one: FittedAttribute) -> pd.DataFrame:
    attribute, votes = one.attribute, new.votes.iloc[one.answers]
    expected: list[Value] = [attribute.choices[k] for k in one.predicted.argmax(axis=1).tolist()] \
        if attribute.scale is None else list(map(attribute.nearest, one.predicted.tolist()))
    return pd.DataFrame({
        "item_id": votes["item_id"].to_numpy(), "position": votes["position"].to_numpy(np.int64),
        "annotator": votes["annotator"].to_numpy(), "decision_id": votes["decision_id"].to_numpy(),
        "unsure": False, "chosen_by": votes["chosen_by"].to_numpy(), "attribute_id": attribute.id,
        "value": pd.Series(one.values, dtype=object), "expected": pd.Series(expected, dtype=object),
        "right": probability_right(one)})


def probability_right(one: FittedAttribute) -> np.ndarray:
    """The probability that each answer is right, and not a slip: shape (n,).

    A right answer on a scale differs from its out-of-fold prediction by a normal distribution with the deviation
    expected there; a slip is uniform over the scale. The right choice is the item's own, whose probability the head
    gives; a slip is any other. The share of slips is estimated from the answers.

    Parameters
    ----------
    one : FittedAttribute

    References
    ----------
    Box and Tiao (1968), A Bayesian approach to some outlier problems, doi:10.1093/biomet/55.1.119; Dempster, Laird and
    Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    """
    attribute = one.attribute
    if attribute.scale is None:
        of_right = np.clip(1 - one.errors, 1e-9, 1)
        of_slip = (1 - of_right) / (len(attribute.choices) - 1)
    else:
        length = attribute.scale[1] - attribute.scale[0]
        away = one.errors * length / one.deviations
        of_right = np.exp(-away ** 2 / 2) / (one.deviations * np.sqrt(2 * np.pi))
        of_slip = np.full(len(away), 1 / length)
    share, right = SHARE, np.ones(len(of_right))
    for _ in range(PASSES):
        right = (1 - share) * of_right / ((1 - share) * of_right + share * of_slip + 1e-300)
        # The prior is one slip in twenty answers.
        share = min(MOST, float(((1 - right).sum() + 1) / (len(right) + 1 / SHARE)))
    return np.asarray(right)
