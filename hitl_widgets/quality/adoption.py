"""Adoption: whether a new model takes the place of the adopted one, from the same items. Read `better` first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .metrics import compare


@dataclass(frozen=True)
class Verdict:
    """Whether a model is adopted, and the reason in words."""

    adopted: bool
    why: str


def better(new: np.ndarray, adopted: np.ndarray, best: np.ndarray | None = None,
           groups: np.ndarray | None = None) -> Verdict:
    """Adopt a new model where it got more items right than the adopted one, and not fewer than the best so far.

    A tie keeps the adopted model. The point estimate decides: a model that is worse in truth is then adopted in fewer
    than half of the cases, at any number of items, while a rule that waits until "worse" is beyond doubt adopts it
    nearly always where items are few. Holding each model against the best so far, too, keeps several small losses from
    adding up.

    Parameters
    ----------
    new, adopted : ndarray of bool, shape (n_items,)
        Where each model was right, on the same items in the same order.
    best : ndarray of bool, shape (n_items,), or None
        The same of the best model so far, where that is another one than the adopted.
    groups : ndarray, shape (n_items,), optional
        As for `metrics.compare`.

    Returns
    -------
    Verdict
        Without items the new model is adopted, as "not measured".

    Examples
    --------
    >>> better(np.array([True] * 31 + [False] * 9), np.array([True] * 30 + [False] * 10))
    Verdict(adopted=True, why="1 of 40 items more right than the former model; can't be told apart at n = 40")
    """
    if not (n := len(new)):
        return Verdict(adopted=True, why="not measured")
    gain = int(new.sum()) - int(adopted.sum())
    interval = compare(adopted, new, groups)
    doubt = f"; can't be told apart at n = {n}" if interval.low <= 0 <= interval.high else ""
    if gain <= 0:
        return Verdict(adopted=False, why=(
            f"{-gain} of {n} items fewer right than the former model" if gain else
            f"as many of {n} items right as the former model") + doubt)
    if best is not None and (behind := int(best.sum()) - int(new.sum())) > 0:
        return Verdict(adopted=False, why=f"{gain} of {n} items more right than the former model, but {behind} fewer "
                                          "than the best one so far")
    return Verdict(adopted=True, why=f"{gain} of {n} items more right than the former model{doubt}")
