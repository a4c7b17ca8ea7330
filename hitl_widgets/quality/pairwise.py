"""Agreement of each two annotators on the items that both voted on. Read `Pairs`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from .coefficients import Floats, Ints
from .resampling import ALIKE, OverItems, around
from .votes import EncodedVotes

PAIR_COLUMNS = ["first", "second", "n_items", "percent", "cohen_kappa", "low", "high", "why"]

_ONE_ITEM = "an interval needs two items"
_ALIKE = "an interval needs items that aren't all alike"


@dataclass(frozen=True)
class Pairs:
    """Every two annotators with items in common, and each such item.

    Attributes
    ----------
    first, second : ndarray of int64, shape (n_pairs,)
        Places of the annotators.
    n : ndarray of float, shape (n_pairs,)
        Items that both voted on.
    percent, kappa, chance : ndarray of float, shape (n_pairs,)
        Share of these on which they agree, Cohen's kappa (NaN where both gave one and the same label to all), and the
        share expected by chance.
    pair, item, one, other : ndarray of int64, shape (n_rows,)
        An item of a pair: place of the pair and of the item, and the labels that the two gave.
    slope : ndarray of float, shape (n_rows,)
        Derivative of the pair's kappa with respect to this item; 0 where it is undefined.
    """

    first: Ints
    second: Ints
    n: Floats
    percent: Floats
    kappa: Floats
    chance: Floats
    pair: Ints
    item: Ints
    one: Ints
    other: Ints
    slope: Floats

    @classmethod
    def of(cls, votes: EncodedVotes) -> Pairs:
        """Pair the annotators of each item."""
        first, second, item, one, other = _rows(votes)
        n_people, n_labels = len(votes.annotators), max(1, len(votes.labels))
        codes, pair = _numbered(first * n_people + second)
        n = np.bincount(pair, minlength=len(codes)).astype(np.float64)
        same = (one == other).astype(np.float64)
        percent = np.bincount(pair, same, len(codes)) / n
        shares = [np.bincount(pair * n_labels + of, minlength=len(codes) * n_labels).reshape(-1, n_labels)
                  / n[:, None] for of in (one, other)]
        chance = (shares[0] * shares[1]).sum(axis=1)
        left = np.where(chance < 1 - 1e-12, 1 - chance, np.nan)
        kappa = (percent - chance) / left
        by_chance = shares[1][pair, one] + shares[0][pair, other] - 2 * chance[pair]
        slope = ((same - percent[pair]) / left[pair] - (1 - percent[pair]) / left[pair] ** 2 * by_chance) / n[pair]
        return cls(codes // max(1, n_people), codes % max(1, n_people), n, percent, kappa, chance, pair, item, one,
                   other, np.nan_to_num(slope))

    def with_one(self, annotator: int) -> Pairs:
        """Return the pairs that one annotator is in, by place."""
        kept = (self.first == annotator) | (self.second == annotator)
        rows = kept[self.pair]
        place = np.cumsum(kept) - 1
        return Pairs(self.first[kept], self.second[kept], self.n[kept], self.percent[kept], self.kappa[kept],
                     self.chance[kept], place[self.pair[rows]], self.item[rows], self.one[rows], self.other[rows],
                     self.slope[rows])

    def together(self, name: object, n_items: int) -> pd.DataFrame:
        """All pairs of one annotator as one row, in the columns of `table`; the others are "5 others".

        Parameters
        ----------
        name : object
            Name of the annotator who is in all of these pairs.
        n_items : int
            Number of items in the table of votes.
        """
        kappa = self.mean(n_items)
        n_shared = len(np.unique(self.item))
        why = "" if np.isfinite(kappa.low) else "all gave one and the same label" if np.isnan(kappa.value) else \
            _ONE_ITEM if n_shared < 2 else _ALIKE
        return pd.DataFrame([[name, f"{len(self.n)} others", n_shared,
                              float(self.n @ self.percent / self.n.sum()), kappa.value, kappa.low, kappa.high, why]],
                            columns=PAIR_COLUMNS)

    def mean(self, n_items: int, *, level: float = 0.95) -> OverItems:
        """Cohen's kappa averaged over pairs, each weighted by its items; pairs without a kappa are left out.

        The kappa of few items is too low on average. So the interval contains two other intervals, both Student's on
        the scale log(1 - kappa), by the jackknife over items: one for the mean kappa after bias correction by the
        jackknife, and one for the pooled kappa, which is computed from the observed disagreement in all pairs and the
        disagreement expected from votes on different items.

        Parameters
        ----------
        n_items : int
            Number of items in the table of votes.
        """
        kept = np.isfinite(self.kappa)
        total = float(self.n[kept].sum())
        if not total:
            return OverItems(np.nan, np.nan, np.nan, np.nan)
        value = float(self.n[kept] @ self.kappa[kept]) / total
        if value >= 1 - 1e-12:
            left, n = 1 - float(self.n[kept] @ self.chance[kept]) / total, len(np.unique(self.item))
            low = 1 - float(unseen(n, level)) / left if n >= 2 else np.nan
            return OverItems(value, max(-1.0, low) if n >= 2 else np.nan, 1.0 if n >= 2 else np.nan, 0.0)
        without, pooled, pooled_without = self._without_item(n_items)
        found = [_jackknife(value, without, level, corrected=True)]
        if np.isfinite(pooled) and pooled < 1:
            found.append(_jackknife(pooled, pooled_without, level))
        found = [each for each in found if np.isfinite(each.low)]
        if not found:
            return OverItems(value, np.nan, np.nan, np.nan)
        low, high = min(each.low for each in found), max(each.high for each in found)
        return OverItems(value, max(-1.0, min(low, value)), max(high, value), max(each.error for each in found),
                         bias=value - found[-1].centre)

    def _without_item(self, n_items: int) -> tuple[Floats, float, Floats]:
        """Leave-one-item-out values of the mean kappa; the pooled kappa, and its leave-one-item-out values."""
        n_labels = int(max(self.one.max(), self.other.max())) + 1
        one, other = (np.bincount(self.pair * n_labels + of, minlength=len(self.n) * n_labels).reshape(-1, n_labels)
                      for of in (self.one, self.other))
        pair, same, used = self.pair, (self.one == self.other).astype(np.float64), _numbered(self.item)[0]
        agreeing, met = self.n * self.percent, (one * other).sum(axis=1).astype(np.float64)
        rest, agreeing_rest = self.n[pair] - 1, agreeing[pair] - same
        met_rest = met[pair] - other[pair, self.one] - one[pair, self.other] + same

        def without(whole: Floats, without_row: Floats) -> Floats:
            return np.asarray(whole.sum() + np.bincount(self.item, without_row - whole[pair], n_items)[used])

        expected = met_rest / np.maximum(rest, 1) ** 2
        defined = (rest > 0) & (expected < 1 - 1e-12)
        kappa = np.where(defined, (agreeing_rest - rest * expected) / np.where(defined, 1 - expected, 1), 0.0)
        kept = np.isfinite(self.kappa)
        mean = _ratio(without(np.where(kept, self.n * self.kappa, 0.0), kappa),
                      without(self.n * kept, rest * defined))

        def by_chance(n: Floats, agreeing: Floats, met: Floats) -> Floats:
            return np.where(n > 1, n - (met - agreeing) / np.maximum(n - 1, 1), 0.0)

        observed, chance = np.where(self.n > 1, self.n - agreeing, 0.0), by_chance(self.n, agreeing, met)
        pooled = 1 - _ratio(observed.sum(), chance.sum())
        return mean, float(pooled), 1 - _ratio(without(observed, np.where(rest > 1, rest - agreeing_rest, 0.0)),
                                               without(chance, by_chance(rest, agreeing_rest, met_rest)))

    def leave_out(self, n_people: int) -> tuple[Floats, float]:
        """The mean kappa without each annotator, NaN where no pair is left; and its variance over votes, by slopes."""
        kept = np.isfinite(self.kappa)
        total = float(self.n[kept].sum())
        mean = float(self.n[kept] @ self.kappa[kept]) / total if total else np.nan
        influence = np.where(kept[self.pair], self.kappa[self.pair] - mean + self.n[self.pair] * self.slope, 0.0)
        vote = np.concatenate([self.item * n_people + of[self.pair] for of in (self.first, self.second)])
        of_vote = np.bincount(_numbered(vote)[1], np.tile(influence, 2)) / max(1.0, total)
        n, weighted = self.n * kept, np.where(kept, self.n * self.kappa, 0.0)
        rest = [of.sum() - np.bincount(self.first, of, n_people) - np.bincount(self.second, of, n_people)
                for of in (weighted, n)]
        return np.where(rest[1] > 0, rest[0] / np.where(rest[1] > 0, rest[1], 1), np.nan), float((of_vote ** 2).sum())

    def table(self, annotators: pd.Index, *, level: float = 0.95) -> pd.DataFrame:
        """One row per pair: first, second, n_items, percent, cohen_kappa, low, high, why."""
        n, kappa = self.n, self.kappa
        error = np.sqrt(n / np.maximum(n - 1, 1) * np.bincount(self.pair, self.slope ** 2, len(n)))
        student = -stdtrit(np.maximum(n - 1, 1), (1 - level) / 2)
        left = np.where(kappa < 1 - 1e-12, 1 - kappa, np.nan)
        low, high = 1 - left * np.exp(student * error / left), 1 - left * np.exp(-student * error / left)
        perfect = kappa >= 1 - 1e-12
        low = np.where(perfect, 1 - unseen(n, level) / np.where(perfect, 1 - self.chance, 1.0), low)
        alike = (error < ALIKE) & ~perfect
        few = (n < 2) | np.isnan(kappa) | alike
        why = np.where(np.isnan(kappa), "both gave one and the same label to all items",
                       np.where(n < 2, _ONE_ITEM, np.where(alike, _ALIKE, "")))
        return pd.DataFrame({"first": annotators[self.first], "second": annotators[self.second],
                             "n_items": n.astype(np.int64), "percent": self.percent, "cohen_kappa": kappa,
                             "low": np.where(few, np.nan, np.maximum(low, -1.0)),
                             "high": np.where(few, np.nan, np.where(perfect, 1.0, high)), "why": why})


def _numbered(codes: Ints) -> tuple[Ints, Ints]:
    """The codes that occur, in order, and the place of each; without sorting where they are small."""
    if len(codes) and codes.max() <= 4 * len(codes):
        there = np.flatnonzero(np.bincount(codes))
        place = np.zeros(int(codes.max()) + 1, np.int64)
        place[there] = np.arange(len(there))
        return there.astype(np.int64), place[codes]
    different, place = np.unique(codes, return_inverse=True)
    return different, place.astype(np.int64)


def _ratio(above: Floats, below: Floats) -> Floats:
    """The quotient, NaN where it is undefined."""
    defined = np.asarray(below) > 1e-12
    return np.where(defined, above / np.where(defined, below, 1.0), np.nan)


def _jackknife(value: float, without: Floats, level: float, *, corrected: bool = False) -> OverItems:
    """Interval by the jackknife over items, on the scale log(1 - kappa)."""
    n = len(without)
    if n < 2 or not np.isfinite(without).all():
        return OverItems(value, np.nan, np.nan, np.nan)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    if error < ALIKE:
        return OverItems(value, np.nan, np.nan, 0.0)
    found = OverItems(value, value, value, error, (n - 1) * (float(without.mean()) - value) if corrected else 0.0)
    student = -float(stdtrit(n - 1, (1 - level) / 2))
    low, high = around(found.centre, error, student, student)
    return replace(found, low=low, high=high)


def unseen(n: Floats | float, level: float) -> Floats:
    """Share of items that may differ though none of n did: the upper end of the exact binomial interval."""
    return np.asarray(1 - ((1 - level) / 2) ** (1 / np.maximum(n, 1)), np.float64)


def _rows(votes: EncodedVotes) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Every two votes of one item: annotators, the first before the second, the item, and the labels."""
    order = np.lexsort((votes.annotator, votes.item))
    item, annotator, label = votes.item[order], votes.annotator[order], votes.label[order]
    n_votes = np.bincount(item, minlength=len(votes.items))
    start = np.cumsum(n_votes) - n_votes
    left, right = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for m in np.unique(n_votes[n_votes >= 2]).tolist():
        one, other = np.triu_indices(m, 1)
        starts = start[n_votes == m][:, None]
        left.append((starts + one).ravel())
        right.append((starts + other).ravel())
    i, j = np.concatenate(left), np.concatenate(right)
    return annotator[i], annotator[j], item[i], label[i], label[j]
