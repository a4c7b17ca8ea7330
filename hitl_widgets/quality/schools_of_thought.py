"""Schools of thought: groups of annotators who understand the labels differently.

People agree with each other within a school, and less with those of other schools. No truth is assumed: the smaller
school isn't wrong. Read `schools` first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln

from ..drawing import html
from ..drawing.figures import Drawing
from ..drawing.schools import plot_schools
from ..records import Estimate, check_count, check_number
from . import one_school
from .votes import EncodedVotes, encode

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_PEOPLE = 4  # two groups of fewer people can't be told from noise
EVERY_SPLIT = 12  # up to this many people every split is tried
N_HALVES = 20
STABLE = 0.2  # the adjusted Rand index of halves of the items, below which a split isn't reported
PRIOR = 1.0  # number of votes by which a school's distribution of an item is shrunk towards everybody's


@dataclass(frozen=True)
class Schools:
    """Schools of thought among people, as `schools` finds them.

    Attributes
    ----------
    n : int
        Number of schools. It is 1 if people of one school could look as divided by chance (`p_value` above the level),
        or if different halves of the items give different groups (a stability below 0.2 for two and for three groups).
    p_value : float
        Probability that people of one school, with the noise and the confusions of these people, look as divided as
        these people or more; NaN if it can't be tested.
    members : Series
        Annotator -> school, 1 for the largest.
    dividing_items : DataFrame
        Items that divide the first school from the others, most first, by item_id: evidence (natural log of the Bayes
        factor of a distribution for each school against one for all), division (the largest total variation between
        two schools, 0 to 1), and for each school g n_g (votes), label_g (the most frequent label) and a column
        "school g: label" for each label's share. Empty with one school.
    stability : Estimate
        Mean adjusted Rand index between the schools found in one half of the items and those found in the other half,
        over 20 random divisions of the items: 1 for equal schools, 0 on average by chance. The interval contains 95 %
        of the 20 values. With one school, it is the stability of the best split in two.
    together : DataFrame
        Annotators x annotators: the share of these half samples in which two people are in the same school.
    people : DataFrame
        A row for each annotator: school, n (votes), agreement_own and agreement_others (share of equal votes on the
        same items, compared with people of the same school and of other schools).
    soft_targets : DataFrame
        Items x labels, rows sum to 1: the schools' distributions, each weighted by its number of people.
    soft_targets_of : dict of int to DataFrame
        The distributions of each school, items x labels.
    why : str
        Why nothing was tested; empty if it was.
    sizes : Series
        School -> number of people, including people who aren't listed in `members`.
    """

    n: int
    p_value: float
    members: pd.Series
    dividing_items: pd.DataFrame
    stability: Estimate
    together: pd.DataFrame
    people: pd.DataFrame
    soft_targets: pd.DataFrame
    soft_targets_of: dict[int, pd.DataFrame]
    why: str = ""
    sizes: pd.Series = field(default_factory=lambda: pd.Series(dtype="int64"))

    def seen_by(self, annotator: str) -> Schools:
        """Return the same schools for somebody who may see other people only in aggregate.

        `members`, `people` and `together` contain only this annotator; `sizes` says how many people a school has.
        """
        mine = np.asarray(self.members.index == annotator)
        return replace(self, members=self.members[mine], people=self.people[mine],
                       together=self.together.loc[mine, mine])

    def __str__(self) -> str:
        if self.why:
            return f"schools of thought weren't tested: {self.why}"
        said = f"{self.n} schools" if self.n > 1 else "one school"
        return (f"{said} of thought (2 against 1: p = {self.p_value:.3g}; "
                f"split-half stability {self.stability.value:.2f})")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [html.paragraph(str(self))]
        if self.n > 1:
            parts.append(html.table(["school", "people"], [
                [int(school), self._who(int(school))] for school in self.sizes.index]))
            parts.append(html.paragraph("They differ most on: " + ", ".join(map(str, self.dividing_items.index[:8]))))
        return html.page("Schools of thought", *parts)

    def _who(self, school: int) -> str:
        """The names of the people of a school, and the number of those whose names aren't shown."""
        names = [str(name) for name in self.members.index[(self.members == school).to_numpy(np.bool_, na_value=False)]]
        rest = int(self.sizes[school]) - len(names)
        others = [] if not rest else [f"{rest} {'others' if names else 'people'}" if rest > 1 else
                                      "1 other" if names else "1 person"]
        return ", ".join(names + others)

    def plot(self) -> Drawing:
        """Draw how often two people are in the same school, and the items that divide the schools most.

        The first part shows `together`. If `together` has fewer than two people, as after `seen_by`, the number of
        people in each school is drawn instead.
        """
        return plot_schools(self.together, self.members, self.dividing_items, sizes=self.sizes, title=str(self))


def schools(votes: pd.DataFrame, *, level: float = 0.05, n_boot: int = 199, seed: int = 0) -> Schools:
    """Find groups of people who understand the labels differently.

    The model of one school is: each item has one distribution of labels, and every person's label is drawn from it,
    changed by the person's own noise, confusions and rate of copying visible suggestions. With two schools, each item
    has two distributions. Then people agree more within their school, and less with the other school, than the model of
    one school predicts.

    For each split of the people in two groups, this contrast is computed; with more than 12 people, a good split is
    searched for instead of trying all of them. The largest contrast is compared with the largest contrasts in data
    drawn from the fitted model of one school. This is a parametric bootstrap; the likelihood ratio of two schools
    against one has no chi-square distribution. Each person's own level of agreement (an additive
    effect) is subtracted first. So a person who is only noisier, or who differs from everybody, doesn't make a school.
    A school has at least two people. Each school that is found is tested for two schools within it.

    Parameters
    ----------
    votes : DataFrame
        Table of votes (`quality.votes.VOTE_COLUMNS`); only items with two votes or more count. Shown votes that are
        likely copies of the suggestion count for less in the distributions.
    level : float
        Two schools are reported if the p-value is at most this, and different halves of the items give similar schools.
    n_boot : int
        Data sets drawn under one school; the smallest p-value is 1 / (n_boot + 1).
    seed : int

    Returns
    -------
    Schools

    References
    ----------
    Welinder, Branson, Belongie and Perona (2010), The Multidimensional Wisdom of Crowds; McLachlan (1987), On
    Bootstrapping the Likelihood Ratio Test Statistic for the Number of Components in a Normal Mixture,
    doi:10.2307/2347790; Hubert and Arabie (1985), Comparing Partitions, doi:10.1007/BF01908075.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mine, theirs = rng.integers(2, size=(2, 60))
    >>> votes = pd.DataFrame([(i, f"p{j}", "ab"[(mine, theirs)[j % 2][i]]) for i in range(60) for j in range(6)],
    ...                      columns=["item_id", "annotator", "label"])
    >>> found = schools(votes)
    >>> found.n, found.members.tolist()
    (2, [1, 2, 1, 2, 1, 2])
    """
    check_number("level", level, "a share between 0 and 1, such as 0.05,", 0, 1)
    check_count("n_boot", n_boot, "a number of data sets, 19 or more,", least=19)
    coded, rng = encode(votes), np.random.default_rng(check_count("seed", seed, "a whole number, 0 or more,", least=0))
    several = (np.bincount(coded.item, minlength=len(coded.items)) >= 2)[coded.item]
    people = np.unique(coded.annotator[several])
    used, n_people, copied = _of_rows(coded, several, people), len(coded.annotators), np.zeros(len(coded))
    if why := _untestable(used):
        return _result(coded, np.zeros(n_people, np.int64), math.nan, Estimate(math.nan, why=why),
                       np.full((n_people, n_people), math.nan), copied, why)
    model = one_school.fit(used)
    tested = _test(used, n_boot, rng, model)
    group, together = np.full(n_people, -1), np.full((n_people, n_people), math.nan)
    group[people] = _divide(used, tested, level, n_boot, rng)
    stability, together[np.ix_(people, people)] = _halves(
        used, tested, max(2, len(np.unique(group[people]))), rng)
    copied[several] = model.copied
    return _result(coded, group, tested.p_value, stability, together, copied)


@dataclass(frozen=True)
class _Tested:
    """The best split in two, its p-value, and the agreement of each pair of people expected under one school."""

    p_value: float
    side: Ints
    expected: Floats
    spread: Floats


def _test(votes: EncodedVotes, n_boot: int, rng: np.random.Generator,
          model: one_school.OneSchool | None = None) -> _Tested:
    model = model or one_school.fit(votes)
    drawn = np.stack([one_school.pairs(one_school.grid(model.draw(votes, rng), votes)) for _ in range(n_boot)])
    expected, spread = drawn.mean(axis=0), drawn.std(axis=0)
    agreed = one_school.pairs(one_school.grid(votes.label, votes))[None]
    contrasts, sides = _best_splits(np.concatenate([agreed, drawn]), expected, spread, _shared(votes))
    beyond = int((contrasts[1:] >= contrasts[0] - 1e-9).sum())
    return _Tested((1 + beyond) / (n_boot + 1), sides[0], expected, spread)


def _best_splits(agreed: Floats, expected: Floats, spread: Floats, shared: Floats) -> tuple[Floats, Ints]:
    """Find the split of the people with the largest contrast, for each table of pairwise agreement.

    Parameters
    ----------
    agreed : ndarray, shape (n_tables, n_people, n_people)
    expected, spread : ndarray, shape (n_people, n_people)
        Mean and standard deviation under one school.
    shared : ndarray, shape (n_people, n_people)
        How many items two people both labelled.

    Returns
    -------
    contrasts : ndarray, shape (n_tables,)
    sides : ndarray of int, shape (n_tables, n_people)
        0 or 1; at least two people each.
    """
    n_people = len(expected)
    first, second = np.triu_indices(n_people, 1)
    known = (shared[first, second] > 0) & (spread[first, second] > 0)
    first, second = first[known], second[known]
    weight = np.sqrt(shared[first, second])
    residual = (agreed[:, first, second] - expected[first, second]) / spread[first, second]
    own = np.zeros((len(first), n_people))
    own[np.arange(len(first)), first] = own[np.arange(len(first)), second] = 1
    # Each person's own level of agreement says nothing about schools, so it is projected out.
    axes, lengths, _ = np.linalg.svd(own, full_matrices=False)
    basis = axes[:, lengths > 1e-9]
    residual -= residual @ basis @ basis.T
    if n_people <= EVERY_SPLIT:
        sides = _every_split(n_people)
        patterns = _patterns(sides, first, second, weight, basis)
        found = residual @ patterns.T
        best = found.argmax(axis=1)
        return found[np.arange(len(found)), best], sides[best]
    best_sides = np.array([_climb(_square(row * weight, first, second, n_people)) for row in residual])
    patterns = _patterns(best_sides, first, second, weight, basis)
    return (residual * patterns).sum(axis=1), best_sides


def _patterns(sides: Ints, first: Ints, second: Ints, weight: Floats, basis: Floats) -> Floats:
    """Unit vector of each split's effect on the pairs; 0 if people's own levels of agreement explain all of it."""
    patterns = np.where(sides[:, first] == sides[:, second], 1.0, -1.0) * weight
    patterns -= patterns @ basis @ basis.T
    size = np.linalg.norm(patterns, axis=1, keepdims=True)
    return np.divide(patterns, size, out=np.zeros_like(patterns), where=size > 1e-6 * np.linalg.norm(weight))


@lru_cache(maxsize=16)
def _every_split(n_people: int) -> Ints:
    """All splits in two sides of two or more people; shape (n_splits, n_people), with the first person on side 0."""
    sides = np.array([[number >> place & 1 for place in range(n_people)] for number in range(2 ** n_people) if
                      not number & 1], np.int64)
    return sides[(sides.sum(axis=1) >= 2) & (sides.sum(axis=1) <= n_people - 2)]


def _square(values: Floats, first: Ints, second: Ints, n_people: int) -> Floats:
    square = np.zeros((n_people, n_people))
    square[first, second] = square[second, first] = values
    return square


def _climb(square: Floats) -> Ints:
    """Split by the leading eigenvector, then move people one at a time while that increases the contrast."""
    vector = np.linalg.eigh(square)[1][:, -1]
    sign = np.where(vector >= 0, 1.0, -1.0)
    for small in (1.0, -1.0):
        if (sign == small).sum() < 2:
            sign[np.argsort(-small * vector)[:2]] = small
    for _ in range(4 * len(sign)):
        gain = -sign * (square @ sign)
        for side in (1.0, -1.0):
            if (sign == side).sum() <= 2:
                gain[sign == side] = -np.inf
        if gain.max() <= 1e-9:
            break
        sign[gain.argmax()] *= -1
    return (sign != sign[0]).astype(np.int64)


def _divide(votes: EncodedVotes, tested: _Tested, level: float, n_boot: int, rng: np.random.Generator) -> Ints:
    """Groups of people: all in one, or both sides of the best split, each divided further at a fifth of the level.

    A split that isn't found in both halves of the items shows that people don't fit the model of one school, but not
    who belongs to which.
    """
    group, n_groups = np.zeros(len(tested.side), np.int64), 0
    # With three schools of equal size, a split in two may separate any one of them from the others.
    if tested.p_value > level or max(_halves(votes, tested, n, rng)[0] for n in (2, 3)) < STABLE:
        return group
    for side in (0, 1):
        inside = np.flatnonzero(tested.side == side)
        parts, own = np.zeros(len(inside), np.int64), _of_people(votes, inside)
        if not _untestable(own):
            parts = _divide(own, _test(own, n_boot, rng), level / 5, n_boot, rng)
        group[inside] = parts + n_groups
        n_groups += int(parts.max()) + 1
    return group


def _halves(votes: EncodedVotes, tested: _Tested, n: int, rng: np.random.Generator) -> tuple[Estimate, Floats]:
    """Split-half stability of a division into n groups, and how often each pair of people is in the same group."""
    table, n_people = one_school.grid(votes.label, votes), len(votes.annotators)
    shared = one_school.pairs(np.where(table < 0, -1, 0))
    rate = _ratio(tested.expected, shared)
    alike, together = [], np.zeros((n_people, n_people))
    for _ in range(N_HALVES):
        order = rng.permutation(len(table))
        groups = []
        for half in (table[order[::2]], table[order[1::2]]):
            both = one_school.pairs(np.where(half < 0, -1, 0))
            group = _into(n, one_school.pairs(half), rate * both, tested.spread * np.sqrt(_ratio(both, shared)), both)
            together += group[:, None] == group[None, :]
            groups.append(group)
        alike.append(adjusted_rand(*groups))
    mean, (low, high) = float(np.mean(alike)), np.quantile(alike, [0.025, 0.975])
    return Estimate(mean, min(low, mean), max(high, mean), n=len(votes.items)), together / (2 * N_HALVES)


def adjusted_rand(first: Ints, second: Ints) -> float:
    """Adjusted Rand index of two partitions of the same people: 1 if they are equal, 0 on average by chance.

    The result equals scikit-learn's `adjusted_rand_score`, whose slow checks of the input are left out.
    """
    counts = np.zeros((int(first.max()) + 1, int(second.max()) + 1))
    np.add.at(counts, (first, second), 1.0)
    both, rows, columns, every = (float((n * (n - 1) / 2).sum()) for n in (
        counts, counts.sum(axis=1), counts.sum(axis=0), counts.sum()))
    chance = rows * columns / every if every else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def _into(n: int, agreed: Floats, expected: Floats, spread: Floats, shared: Floats) -> Ints:
    """Split people into n groups of two or more, if possible: the group with the largest contrast is split next."""
    group = np.zeros(len(agreed), np.int64)
    for new in range(1, n):
        best, where, side = -math.inf, group[:0], group[:0]
        for one in range(new):
            inside = np.flatnonzero(group == one)
            if len(inside) < FEWEST_PEOPLE:
                continue
            of = np.ix_(inside, inside)
            contrasts, sides = _best_splits(agreed[of][None], expected[of], spread[of], shared[of])
            if contrasts[0] > best:
                best, where, side = float(contrasts[0]), inside, sides[0]
        group[where[side == 1]] = new
    return group


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _of_rows(votes: EncodedVotes, kept: npt.NDArray[np.bool_], people: Ints | None = None) -> EncodedVotes:
    """Some of the votes, with their items only, and all people or those named."""
    places, item = np.unique(votes.item[kept], return_inverse=True)
    annotators, annotator = votes.annotators, votes.annotator[kept]
    if people is not None:
        annotators, annotator = annotators[people], np.searchsorted(people, annotator)
    return EncodedVotes(votes.items[places], annotators, votes.labels, item.astype(np.int64),
                        annotator.astype(np.int64), votes.label[kept], votes.shown[kept], votes.suggestion[kept],
                        votes.rows[kept], votes.n_repeated)


def _of_people(votes: EncodedVotes, people: Ints) -> EncodedVotes:
    """The votes of some people, for items that two of them labelled."""
    inside = np.isin(votes.annotator, people)
    inside &= (np.bincount(votes.item, inside, len(votes.items)) >= 2)[votes.item]
    return _of_rows(votes, inside, people)


def _shared(votes: EncodedVotes) -> Floats:
    """How many items each two people both labelled; 0 on the diagonal."""
    return one_school.pairs(one_school.grid(np.zeros(len(votes), np.int64), votes))


def _untestable(votes: EncodedVotes) -> str:
    if len(votes.annotators) < FEWEST_PEOPLE:
        return (f"{FEWEST_PEOPLE} people or more have to label the same items, and "
                f"{len(votes.annotators) or 'nobody'} did")
    n_pairs = int((_shared(votes) > 0).sum()) // 2
    if n_pairs <= len(votes.annotators):
        return f"only {n_pairs} pairs of people labelled the same items, too few to split them"
    return ""


def _renumbered(group: Ints) -> Ints:
    """Groups numbered from 0 by their size, the largest first; -1 stays."""
    inside = group >= 0
    names, firsts, sizes = np.unique(group[inside], return_index=True, return_counts=True)
    order = np.lexsort((firsts, -sizes))
    place = np.empty(int(names.max(initial=-1)) + 1, np.int64)
    place[names[order]] = np.arange(len(names))
    return np.where(inside, place[group] if len(place) else group, -1)


def _result(votes: EncodedVotes, group: Ints, p_value: float, stability: Estimate, together: Floats, copied: Floats,
            why: str = "") -> Schools:
    """Make the result from the groups; people in group -1 are in no school."""
    group = _renumbered(group)
    n, names = max(1, int(group.max(initial=0)) + 1), votes.annotators
    members = pd.Series(group + 1, index=names, name="school").astype("Int64" if (group < 0).any() else "int64")
    if (group < 0).any():
        members = members.mask(group < 0)
    counts = np.zeros((n + 1, len(votes.items), len(votes.labels)))  # the last for those who are in no school
    np.add.at(counts, (group[votes.annotator], votes.item, votes.label), 1 - copied)
    whole = counts.sum(axis=0)
    usual = (whole.sum(axis=0) + 1) / (whole.sum() + len(votes.labels))
    all_of = _drawn_to(whole, usual)
    of_school = np.stack([_drawn_to(counts[g], all_of) for g in range(n)]) if n > 1 else all_of[None]
    sizes = np.bincount(group[group >= 0], minlength=n).astype(np.float64)
    sizes = sizes / sizes.sum() if sizes.sum() else np.ones(n)

    def frame(values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, index=votes.items, columns=votes.labels)

    return Schools(n, p_value, members, _dividing(votes, counts[:n], of_school), stability,
                   pd.DataFrame(together, index=names, columns=names), _people(votes, members, group),
                   frame(np.einsum("g,gik->ik", sizes, of_school)), {g + 1: frame(of_school[g]) for g in range(n)}, why,
                   pd.Series(np.bincount(group[group >= 0], minlength=n), index=pd.RangeIndex(1, n + 1, name="school"),
                             name="n_people"))


def _drawn_to(counts: Floats, usual: Floats) -> Floats:
    return (counts + PRIOR * usual) / (counts.sum(axis=-1, keepdims=True) + PRIOR)


def _dividing(votes: EncodedVotes, counts: Floats, of_school: Floats) -> pd.DataFrame:
    """Items with evidence for a distribution of each school, most first."""
    n_schools = len(counts)
    evidence = sum(_log_marginal(own) for own in counts) - _log_marginal(counts.sum(axis=0))
    heard = counts.sum(axis=2) > 0
    apart = [np.where(heard[a] & heard[b], np.abs(of_school[a] - of_school[b]).sum(axis=1) / 2, 0.0)
             for a, b in combinations(range(n_schools), 2)]
    table = pd.DataFrame({"evidence": evidence, "division": np.max(apart, axis=0) if apart else 0.0},
                         index=votes.items)
    for g in range(n_schools):
        likeliest = of_school[g].argmax(axis=1) if len(votes) else np.zeros(0, np.int64)
        own = pd.Series(votes.labels.to_numpy(object)[likeliest], index=votes.items, dtype=object)
        table[f"n_{g + 1}"], table[f"label_{g + 1}"] = counts[g].sum(axis=1).round(2), own.where(heard[g], None)
    shares = pd.DataFrame(np.concatenate(list(of_school), axis=1), index=votes.items,
                          columns=[f"school {g + 1}: {label}" for g in range(n_schools) for label in votes.labels])
    kept = (evidence > 0) & (n_schools > 1)
    return table.join(shares)[kept].sort_values(["evidence", "division"], ascending=False, kind="stable")


def _log_marginal(counts: Floats) -> Floats:
    """Log probability of labels of an item whose distribution is unknown, by Jeffreys' prior."""
    n_labels = counts.shape[-1]
    return (gammaln(counts + 0.5) - gammaln(0.5)).sum(axis=-1) + gammaln(n_labels / 2) \
        - gammaln(counts.sum(axis=-1) + n_labels / 2)


def _people(votes: EncodedVotes, members: pd.Series, group: Ints) -> pd.DataFrame:
    alike, shared = one_school.pairs(one_school.grid(votes.label, votes)), _shared(votes)
    same = (group[:, None] == group[None, :]) & (group >= 0)[:, None]
    table = pd.DataFrame({"school": members, "n": np.bincount(votes.annotator, minlength=len(group))})
    for name, which in (("agreement_own", same), ("agreement_others", ~same)):
        n = (shared * which).sum(axis=1)
        table[name] = np.where(n > 0, _ratio((alike * which).sum(axis=1), n), math.nan)
    return table
