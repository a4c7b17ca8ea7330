"""The order of gold items for a person: labels in fixed shares, groups in turn, no item twice.

Read `gold_order`, which works on arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import BadInput, ShapeError

# Of the gold items that a person is asked, this share has a label that is declared to be rare.
RARE_SHARE = 0.5
# Weight of a label of a sensitive pair, relative to other labels.
PAIR_WEIGHT = 2.0


def gold_order(labels: Sequence[str] | npt.NDArray[np.object_], seen: npt.NDArray[np.bool_],
               draws: npt.NDArray[np.float64], *, rare: Collection[str] = (),
               pairs: Collection[tuple[str, str]] = (),
               groups: Sequence[str] | npt.NDArray[np.object_] | None = None) -> npt.NDArray[np.int64]:
    """Put the gold items that a person hasn't seen into the order in which they are asked.

    Each label is asked equally often, however many gold items have it. Labels that are declared to be rare together
    make up half of the gold items, because people who seldom see a label tend to overlook it. Both labels of a pair are
    asked twice as often as other labels. Within a label, groups take turns. Items that a person has already seen are
    counted too, so that the shares hold from the beginning until gold is used up.

    Parameters
    ----------
    labels : array_like of str, shape (n_gold,)
        The known label of each gold item.
    seen : ndarray of bool, shape (n_gold,)
        Items that the person has answered, seen or helped to make gold: never asked again.
    draws : ndarray of float64, shape (n_gold,)
        A random number of each item for this person, so that no two people are asked in the same order.
    rare : collection of str
        Labels that are declared to be rare.
    pairs : collection of (str, str)
        Pairs of labels whose confusion does harm.
    groups : array_like of str, shape (n_gold,), optional
        A metadata column, such as where the item comes from.

    Returns
    -------
    ndarray of int64, shape (n_unseen,)
        Places in `labels`, the first to be asked first.

    Raises
    ------
    ShapeError
        If an array has another length than `labels`.
    BadInput
        If a pair isn't two labels.

    References
    ----------
    Half of the feedback positive: Epping et al. (2026), arXiv:2603.11511.

    Examples
    --------
    >>> labels = ["cat"] * 4 + ["lynx"] * 2
    >>> [labels[place] for place in gold_order(labels, np.zeros(6, bool), np.arange(6) / 6)]
    ['cat', 'lynx', 'cat', 'lynx', 'cat', 'cat']
    """
    n_gold = len(labels)
    for name, given in (("seen", seen), ("draws", draws), ("groups", groups)):
        if given is not None and len(given) != n_gold:
            raise ShapeError(f"{name} has {len(given)} values for {n_gold} gold items; one for each is expected.")
    if not n_gold:
        return np.empty(0, np.int64)
    names, label = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    group = np.zeros(n_gold, np.int64) if groups is None else \
        np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    weights = _weights(names, {str(name) for name in rare}, pairs)
    # Seen items come first in their label and group, so that the n-th item of a label is asked at the time n / weight.
    first = np.lexsort((draws, ~seen))
    in_group = _rank(label * (group.max() + 1) + group, first)
    in_label = _rank(label, np.lexsort((draws, in_group, ~seen)))
    asked_at = (in_label + 0.5) / weights[label]
    order = np.lexsort((draws, asked_at))
    return np.asarray(order[~seen[order]], np.int64)


def _weights(names: npt.NDArray[np.str_], rare: set[str],
             pairs: Collection[tuple[str, str]]) -> npt.NDArray[np.float64]:
    """How often each label is asked, relative to the others."""
    if odd := [pair for pair in pairs if isinstance(pair, str) or len(pair) != 2]:
        raise BadInput(f"{odd[0]!r} isn't a pair of labels; two names are expected, such as ('cat', 'lynx').")
    paired = {str(name) for pair in pairs for name in pair}
    weights = np.array([PAIR_WEIGHT if name in paired else 1.0 for name in names])
    is_rare = np.array([name in rare for name in names])
    if is_rare.any() and not is_rare.all():
        weights[is_rare] *= RARE_SHARE / weights[is_rare].sum()
        weights[~is_rare] *= (1 - RARE_SHARE) / weights[~is_rare].sum()
    return weights


def _rank(stratum: npt.NDArray[np.int64], order: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """The place of each item within its stratum, from 0, where items come in this order."""
    rank = np.empty(len(stratum), np.int64)
    by_stratum = order[np.argsort(stratum[order], kind="stable")]
    counts = np.bincount(stratum)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank[by_stratum] = np.arange(len(stratum)) - starts[stratum[by_stratum]]
    return rank
