"""Automation bias: the effect of seeing a suggestion on people's labels. Read `automation_bias` first.

Whether a card's suggestion is shown is drawn at random. Both arms are compared on the same kind of cards: those on
which the model is wrong (the effect), on which it is right (over-correction), and all (anchoring).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri, stdtrit

from ..drawing import html
from ..records import Estimate, check_count
from .experiment_cards import DRAWN, SUGGESTED, WITHOUT, check, drawn, is_blind, judged, same_names, truth_of
from .intervals import student_mean, wilson
from .power import cards_needed, power_of, power_of_counts

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

__all__ = ["AutomationBias", "automation_bias", "cards_needed", "power_of"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Z = -float(ndtri(0.025))
# An arm counts as possible for only some cards if its sum of weights is this many standard errors below their number.
FAR = 3.0
# d' and the criterion need this many cards with a right model, and this many with a wrong one, in an arm.
ENOUGH = 10


# What the figures are, in words.
IN_WORDS = {"effect": "take the suggestion, where it is wrong", "anchoring": "take the suggestion, all cards",
            "over_correction": "leave the suggestion, where it is right", "planted": "take a planted wrong suggestion",
            "map_share": "the map's part, where the suggestion is wrong", "map_anchoring": "the map's part, all cards",
            "across_people": "take a wrong suggestion, mean of people", "revised": "changed the answer on seeing it",
            "revised_to_suggestion": "took it, of those who had answered otherwise"}


@dataclass(frozen=True)
class AutomationBias:
    """Effect of seeing a suggestion on people's labels, as `automation_bias` measures it.

    Attributes
    ----------
    effect : Estimate or None
        P(model's label | shown, model wrong) - P(the same | blind, model wrong). None unless there are cards, shown and
        blind, on which the model is known to be wrong.
    anchoring : Estimate
        P(model's label | shown) - P(the same | blind), on all cards: it needs no truth, and mixes help and harm.
    over_correction : Estimate or None
        P(another label | shown, model right) - P(the same | blind, model right): above 0 if seeing the model's right
        label makes people choose another one. None unless there are cards, shown and blind, on which the model is known
        to be right.
    planted : Estimate or None
        P(takes it | a wrong suggestion was planted) - P(gives the same wrong label | blind), on gold items: those whose
        label is in `truth`, without hold-out items where the table has `chosen_by`. It isn't part of `effect`. None if
        no suggestion was planted (shown wrong on purpose), or if no comparable gold item was answered blind.
    map_share : Estimate or None
        The part of the effect that is due to the saliency map: P(model's label | shown with the map, model wrong) -
        P(the same | shown without the map, model wrong). None unless there are such cards with and without the map.
    map_anchoring : Estimate or None
        The same as `map_share`, on all cards.
    across_people : Estimate or None
        Mean of the effects on each person, with Student's t interval. This interval generalises to other people; the
        interval of `effect` generalises to other items, for the same people.
    revised : Estimate or None
        Share of answer-first cards whose answer was changed when the suggestion was seen.
    revised_to_suggestion : Estimate or None
        Of the answer-first cards whose first answer wasn't the suggestion, the share that was changed to it.
    per_annotator, per_label : DataFrame
        A row for each person, and for each label that the model suggested: n_shown, n_blind; anchoring, effect and
        over_correction with their intervals (_low, _high) and n_wrong, n_right, the cards behind the latter two; NaN
        where not measured. d_prime and criterion (signal detection) say how well people tell right suggestions from
        wrong ones, and how reluctant they are to take one (negative: eager), if they see them; d_prime_blind and
        criterion_blind, if they don't; NaN below 10 cards with a right, or with a wrong suggestion.
    arms : DataFrame
        A row for each arm: n, n_wrong, n_right, took_wrong (wrong suggestions that were given as label) and the mean
        arm_probability.
    why : dict
        The reason for each figure that is None.
    notes : tuple of str
        Remarks to show with the figures.
    randomised : bool
        Whether the table records that arms were drawn at random.
    """

    effect: Estimate | None
    anchoring: Estimate
    over_correction: Estimate | None
    planted: Estimate | None
    map_share: Estimate | None
    map_anchoring: Estimate | None
    across_people: Estimate | None
    revised: Estimate | None
    revised_to_suggestion: Estimate | None
    per_annotator: pd.DataFrame
    per_label: pd.DataFrame
    arms: pd.DataFrame
    why: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    randomised: bool = True
    _worth: tuple[float, float] = field(default=(math.nan, math.nan), repr=False)  # wrong cards, shown and without

    def power(self, n: int = 0, effect: float = 0.2, *, blind: float = 0.05, model_error: float = 0.15) -> float:
        """Probability that this experiment finds a true effect, once `n` more cards were answered.

        Future cards are assumed to be like those so far: in their arms and weights, how many have a known truth and a
        wrong suggestion, and how many people share an item. If no truth is known so far, all of them are assumed to
        have one. Normal approximation.

        Parameters
        ----------
        n : int
            Further cards of all people.
        effect : float
            The true effect.
        blind, model_error : float
            How often people make the model's error blind, and how often the model is wrong: used only until the
            experiment has a blind card with a known wrong suggestion.

        Returns
        -------
        float
            From 0 to 1.
        """
        check_count("n", n, "a number of cards, 0 or more,", least=0)
        n_shown, n_blind = (float(self.arms["n"].reindex(list(arms)).sum()) for arms in (SUGGESTED, WITHOUT))
        if not n_shown or not n_blind:
            return power_of(n, effect, blind=blind, model_error=model_error) if n else 0.0
        wrong_shown, wrong_blind = (float(self.arms["n_wrong"].reindex(list(arms)).sum())
                                    for arms in (SUGGESTED, WITHOUT))
        if not wrong_shown or not wrong_blind:
            n_judged = float(self.arms[["n_wrong", "n_right"]].to_numpy().sum())
            n_wrong = n * model_error * (n_judged / float(self.arms["n"].sum()) if n_judged else 1.0)
            return power_of_counts(wrong_shown + n_wrong * n_shown / (n_shown + n_blind),
                                   wrong_blind + n_wrong * n_blind / (n_shown + n_blind), effect, blind=blind)
        grown = 1 + n / float(self.arms["n"].sum())
        rate = float(self.arms["took_wrong"].reindex(list(WITHOUT)).sum()) / wrong_blind
        # With few cards, a rate of 0 is no reason to take the error as known.
        rate = (rate * wrong_blind + 0.5) / (wrong_blind + 1)
        rate = min(max(rate, -effect), 1 - effect)
        worth_shown, worth_blind = (min(n_cards, worth) if worth > 0 else n_cards for n_cards, worth in
                                    zip((wrong_shown, wrong_blind), self._worth, strict=True))
        return power_of_counts(worth_shown * grown, worth_blind * grown, effect, blind=rate)

    def figures(self) -> dict[str, Estimate]:
        """Return all figures by name. A figure that is None becomes an Estimate of NaN with the reason in `why`."""
        return {name: Estimate(math.nan, why=self.why.get(name, "not measured"))
                if getattr(self, name) is None else getattr(self, name)
                for name in ("effect", "anchoring", "over_correction", "planted", "map_share", "map_anchoring",
                             "across_people", "revised", "revised_to_suggestion")}

    def __str__(self) -> str:
        return "\n".join([*(f"{name}: {estimate}" for name, estimate in self.figures().items()), *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [[IN_WORDS[name], f"{estimate.value:+.3f}", f"{estimate.low:+.3f} to {estimate.high:+.3f}", estimate.n]
                for name, estimate in self.figures().items() if not math.isnan(estimate)]
        missing = [f"{IN_WORDS[name]}: {estimate.why}." for name, estimate in self.figures().items()
                   if math.isnan(estimate)]
        notes = [*self.notes, *(["Not measured. " + " ".join(missing)] if missing else [])]
        return html.page("What seeing a suggestion did", html.table(["", "difference", "95 % interval", "cards"], rows),
                         *map(html.paragraph, notes))

    def plot(self) -> Drawing:
        """Draw every difference with its interval, then each person's and each label's."""
        from ..drawing.forest import plot_forest
        figures = self.figures()
        names = {"effect": "effect, model wrong", "over_correction": "left, model right", "anchoring": "anchoring, all",
                 "planted": "planted", "map_share": "the map's share"}
        which = "anchoring" if self.effect is None else "effect"
        groups = [("all people", [(text, figures[name]) for name, text in names.items()
                                  if name in ("effect", "anchoring") or getattr(self, name) is not None])]
        for heading, table in (("by person", self.per_annotator), ("by suggested label", self.per_label)):
            groups.append((f"{heading}: {which}", [
                (str(name), Estimate(row[which], row[f"{which}_low"], row[f"{which}_high"],
                                     n=int(row["n_wrong"] if which == "effect" else row["n_shown"] + row["n_blind"]),
                                     why="not enough cards")) for name, row in table.iterrows()]))
        return plot_forest(groups, xlabel="difference that seeing the suggestion makes (95 % intervals)",
                           title="Automation bias" if self.randomised else "Automation bias (not randomised)")


def automation_bias(votes: pd.DataFrame, truth: pd.Series | Mapping[Any, Any] | None = None, *,
                    min_blind: int = 2) -> AutomationBias:
    """Measure the effect of seeing the model's suggestion on people's labels.

    A card is one item as shown to one person. Its arm says how it was shown, and is drawn at random. Cards of the arm
    "shown" are compared with cards of the arms "blind" and "answer_first". For "answer_first" the first answer is used,
    which the person gave before seeing the suggestion. On cards of the arm "no_map", the suggestion was shown without
    its saliency map; of the figures, only `map_share` and `map_anchoring` use them, which compare "shown" with
    "no_map". If a person has several cards of an item whose arm was drawn, only the first one in the table counts.

    Each card is weighted by the inverse of the probability of its arm, since some cards, such as those of the audit,
    are blind more often than others. Cards with an arm probability of 1 are left out. If the table has no column
    `arm`, the column `shown` is used, and the result has a note that it may not have been drawn at random.

    The truth of an item is taken from `truth`. For other items it is the majority of the blind votes of *other* people.
    The person's own vote is left out because it would make the model seem right more often on blind cards only. So the
    truth doesn't depend on the arm, and without an effect the expected difference is 0, even where the majority is
    wrong.

    Parameters
    ----------
    votes : DataFrame
        Table of votes with `shown` and `suggestion` (`quality.votes.VOTE_COLUMNS`).
    truth : Series or mapping of item_id to label, optional
        True labels, such as gold. They must not come from people who saw a suggestion. For items without one, the
        majority of blind votes is used.
    min_blind : int
        Smallest number of blind votes of other people that make a majority.

    Returns
    -------
    AutomationBias

    Raises
    ------
    ShapeError
        If the table lacks item_id, annotator, label, shown or suggestion.
    BadInput
        If `truth` names an item twice, or its items or labels are of another type than those of the votes (1 and
        "1"), or a probability isn't between 0 and 1.

    Notes
    -----
    The interval of a difference is computed from Wilson's interval of each arm (Newcombe's method 10, "square and
    add"). The number of cards is replaced by the effective number, which allows for weights and for several cards of
    one item. Items with cards in both arms make the arms correlated, and the interval allows for this, too (MOVER).

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I; Zou and Donner (2008), Construction of
    confidence limits about effect measures, doi:10.1002/sim.3095; Kish (1965), Survey Sampling.

    Examples
    --------
    >>> rows = [(f"i{k}", "ada", "cat" if arm == "shown" else "dog", arm == "shown", "cat", arm, 0.5)
    ...         for k, arm in enumerate(["shown", "blind"] * 50)]
    >>> votes = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "shown", "suggestion", "arm",
    ...                                     "arm_probability"])
    >>> automation_bias(votes, {f"i{k}": "dog" for k in range(100)}).effect
    1.000 (0.899 to 1.000, n = 100)
    """
    votes, known, every, cards, randomised = _cards(votes, truth, min_blind)
    no_truth = ("no card has a truth in both arms: pass truth=, or have items answered blind by "
                f"{min_blind} or more people")
    why = {"effect": no_truth, "over_correction": no_truth, "across_people": "nobody has an effect of their own",
           "map_share": "no card was shown without map", "map_anchoring": "no card was shown without map",
           **dict.fromkeys(("revised", "revised_to_suggestion"), "nobody saw the suggestion after answering")}
    people = _table(cards, "annotator")
    figures: dict[str, Estimate | None] = {
        "effect": _known(contrast(cards[cards["wrong"]])),
        "over_correction": _known(contrast(cards[cards["right"]], leaving=True)),
        "map_share": _known(contrast(cards[cards["wrong"]], SUGGESTED, ("no_map",))),
        "map_anchoring": _known(contrast(cards, SUGGESTED, ("no_map",))),
        "across_people": _known(student_mean(people["effect"].to_numpy(float), within=(-1, 1)))}
    figures["planted"], why["planted"] = _planted(votes, known)
    figures["revised"], figures["revised_to_suggestion"] = _revised(every[every["arm"] == "answer_first"])
    worth = [math.nan if share is None else share.worth for share in _shares(cards[cards["wrong"]],
                                                                             (SUGGESTED, WITHOUT))]
    return AutomationBias(
        anchoring=contrast(cards), **figures, per_annotator=people, per_label=_table(cards, "suggestion"),
        arms=_arms(cards), notes=_notes(votes, every, cards, known, randomised=randomised),
        why={name: reason for name, reason in why.items() if figures[name] is None}, randomised=randomised,
        _worth=(worth[0], worth[1]))


def bias_by_label(votes: Mapping[str, pd.DataFrame], truth: Mapping[str, pd.Series] | None = None, *,
                  min_blind: int = 2) -> pd.DataFrame:
    """Automation bias of each label, for items with several labels: each label is a separate yes-or-no question.

    Parameters
    ----------
    votes : mapping
        Label's name -> a table of votes, as for `automation_bias`, whose labels and suggestions say whether this label
        is on.
    truth : mapping, optional
        Label's name -> its truth, as for `automation_bias`.
    min_blind : int
        See `automation_bias`.

    Returns
    -------
    DataFrame
        The columns of `AutomationBias.per_label`, with a row for each label. All cards of a label are counted, whether
        the model suggested that it is on or off.
    """
    tables = [_table(_cards(of_label, None if truth is None else truth.get(name), min_blind)[3].assign(suggestion=name),
                     "suggestion") for name, of_label in votes.items()]
    return pd.concat(tables) if tables else _table(pd.DataFrame(columns=[
        "suggestion", "item_id", "arm", "arm_probability", "took", "right", "wrong"]), "suggestion")


def _cards(votes: pd.DataFrame, truth: pd.Series | Mapping[Any, Any] | None, min_blind: int
           ) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, pd.DataFrame, bool]:
    """The checked votes and truth, every card with an arm, those to be compared, and whether the arms were recorded."""
    check_count("min_blind", min_blind, "a number of votes, 1 or more,", least=1)
    votes, known = check(votes), truth_of(truth)
    same_names(votes, known)
    every, randomised = drawn(votes)
    # Where the drawn arm was the only possible one there is nothing to compare with.
    cards = every[every["arm_probability"] < 1] if randomised else every
    return votes, known, every, judged(cards, votes, known, min_blind), randomised


def contrast(cards: pd.DataFrame, first: Sequence[str] = SUGGESTED, second: Sequence[str] = WITHOUT, *,
             leaving: bool = False) -> Estimate:
    """Difference between two groups of arms in how often the model's label is given, first minus second.

    Parameters
    ----------
    cards : DataFrame
        With item_id, arm, arm_probability and took (whether the label is the model's).
    first, second : sequence of str
        Names of arms.
    leaving : bool
        Count labels that aren't the model's instead.
    """
    shares = _shares(cards, (first, second), leaving=leaving)
    empty = [arms for arms, share in zip((first, second), shares, strict=True) if share is None]
    if empty:
        return Estimate(math.nan, why=f"no such card of the arm {' or '.join(empty[0])}")
    one, other = shares
    assert one is not None
    assert other is not None
    return _difference(one, other)


def share_with(cards: pd.DataFrame, arms: Sequence[str]) -> Estimate:
    """How often the model's label is given in a group of arms, with Wilson's interval. `cards` is as in `contrast`."""
    share = _shares(cards, (arms,))[0]
    if share is None:
        return Estimate(math.nan, why=f"no such card of the arm {' or '.join(arms)}")
    return Estimate(share.value, *share.wilson(), n=share.n)


def agreement_with_model(votes: pd.DataFrame) -> tuple[Estimate, Estimate, Estimate]:
    """How often people's labels agree with the model: blind, with its suggestion shown, and the difference.

    Only cards whose arm was drawn at random count, weighted as in `automation_bias`. The agreement of blind labels
    says how good the model is. The agreement with a visible suggestion doesn't, since people may follow it.

    Parameters
    ----------
    votes : DataFrame
        A table of votes; see `automation_bias`.

    Returns
    -------
    blind, shown, difference : Estimate
        The difference is shown minus blind, `AutomationBias.anchoring`.
    """
    cards, randomised = drawn(check(votes))
    cards = cards[cards["arm_probability"] < 1] if randomised else cards
    cards = cards.assign(took=cards["label"].to_numpy(object) == cards["suggestion"].to_numpy(object))
    return share_with(cards, WITHOUT), share_with(cards, SUGGESTED), contrast(cards)


def _shares(cards: pd.DataFrame, groups: Sequence[Sequence[str]], *, leaving: bool = False) -> list[_Share | None]:
    """How often the model's label (or another one) is given in each group of arms; None for a group without cards."""
    value = cards["took"].to_numpy(np.float64)
    value = 1 - value if leaving else value
    arm, weight = cards["arm"].to_numpy(object), 1 / cards["arm_probability"].to_numpy(np.float64)
    item = pd.factorize(cards["item_id"])[0]
    shares: list[_Share | None] = []
    for arms in groups:
        of_arm = [arm == name for name in arms]
        # An arm for only a part of the cards is left out if another one stands for all of them.
        of_arm = [of for of in of_arm if not _is_partial(weight[of], len(cards))] or of_arm
        inside = np.logical_or.reduce(of_arm)
        if not inside.any():
            shares.append(None)
            continue
        # Every arm's weights stand for the same cards: each counts by its effective number of cards.
        scaled = sum(np.where(of, weight * weight[of].sum() / max((weight[of] ** 2).sum(), 1e-300), 0.0)
                     for of in of_arm)
        shares.append(_share(value[inside], np.asarray(scaled)[inside], item[inside]))
    return shares


def _is_partial(weight: Floats, n_cards: int) -> bool:
    """Whether an arm was possible for only some of the cards, for example because it was introduced later.

    If it was possible for all cards, the sum of 1 / probability over its cards is the number of all cards, up to random
    error.
    """
    error = math.sqrt(float((weight * (weight - 1)).sum()))
    return bool(n_cards - weight.sum() >= FAR * max(1.0, error))


@dataclass(frozen=True)
class _Share:
    """A weighted share, its effective number of independent trials, and each item's contribution to its error."""

    value: float
    n: int
    worth: float
    pulls: Floats

    def wilson(self) -> tuple[float, float]:
        low, high = wilson(min(self.value, 1.0) * self.worth, self.worth)
        return min(low, self.value), max(high, self.value)


def _share(value: Floats, weight: Floats, item: Ints) -> _Share:
    total = weight.sum()
    mean = float((weight * value).sum() / total)
    worth = float(total ** 2 / (weight ** 2).sum())
    pulls = np.bincount(item, weight * (value - mean)) / total
    n_items = len(np.unique(item))
    if 1 < n_items < len(value) and 0 < mean < 1:
        between = n_items / (n_items - 1) * float((pulls ** 2).sum())
        few = float(stdtrit(n_items - 1, 0.025) / ndtri(0.025)) ** 2
        worth /= max(1.0, few * between / (mean * (1 - mean) / worth))
    return _Share(mean, len(value), worth, pulls)


def _difference(first: _Share, second: _Share) -> Estimate:
    """First minus second, with Newcombe's "square and add" interval, which allows for items that occur in both."""
    (low_1, high_1), (low_2, high_2) = first.wilson(), second.wilson()
    n = min(len(first.pulls), len(second.pulls))
    size = math.sqrt(float((first.pulls ** 2).sum() * (second.pulls ** 2).sum()))
    alike = float(first.pulls[:n] @ second.pulls[:n]) / size if size else 0.0
    alike = min(1.0, max(-1.0, alike))  # rounding may leave more
    # If the shown and blind answers to every item are equal, the width would be 0. So it is at least the width for as
    # many pairs without a difference (Tango 1998).
    least = Z ** 2 / (min(first.worth, second.worth) + Z ** 2)
    below, above = (max(math.sqrt(max(0.0, a ** 2 + b ** 2 - 2 * alike * a * b)), min(least, math.hypot(a, b)))
                    for a, b in ((first.value - low_1, high_2 - second.value),
                                 (high_1 - first.value, second.value - low_2)))
    difference = first.value - second.value
    return Estimate(difference, max(-1.0, difference - below), min(1.0, difference + above), n=first.n + second.n)


def _known(estimate: Estimate) -> Estimate | None:
    return None if math.isnan(estimate) else estimate


def _table(cards: pd.DataFrame, by: str) -> pd.DataFrame:
    """The figures of each person or suggested label."""
    rows = {}
    cards = cards[[by, "item_id", "arm", "arm_probability", "took", "right", "wrong"]]
    for name, own in cards.groupby(by, sort=True):
        row: dict[str, float] = {
            "n_shown": int(own["arm"].isin(SUGGESTED).sum()), "n_blind": int(own["arm"].isin(WITHOUT).sum()),
            "n_wrong": int(own["wrong"].sum()), "n_right": int(own["right"].sum())}
        for figure, estimate in (("anchoring", contrast(own)), ("effect", contrast(own[own["wrong"]])),
                                 ("over_correction", contrast(own[own["right"]], leaving=True))):
            row |= {figure: estimate.value, f"{figure}_low": estimate.low, f"{figure}_high": estimate.high}
        for arms, ending in ((SUGGESTED, ""), (WITHOUT, "_blind")):
            row[f"d_prime{ending}"], row[f"criterion{ending}"] = _detection(own[own["arm"].isin(arms)])
        rows[name] = row
    index = pd.Index(list(rows), name="annotator" if by == "annotator" else "label", dtype=object)
    table = pd.DataFrame(list(rows.values()), index=index, columns=_COLUMNS)
    return table.astype({name: int if name.startswith("n_") else float for name in _COLUMNS})


_COLUMNS = ["n_shown", "n_blind", "n_wrong", "n_right",
            *(f"{name}{end}" for name in ("anchoring", "effect", "over_correction") for end in ("", "_low", "_high")),
            "d_prime", "criterion", "d_prime_blind", "criterion_blind"]


def _detection(cards: pd.DataFrame) -> tuple[float, float]:
    """Signal detection's d' and criterion of taking right suggestions against taking wrong ones, log-linear."""
    right, wrong, took = (cards[name].to_numpy(np.bool_) for name in ("right", "wrong", "took"))
    if min(right.sum(), wrong.sum()) < ENOUGH:
        return math.nan, math.nan
    hit, false = (float(ndtri((took[of].sum() + 0.5) / (of.sum() + 1))) for of in (right, wrong))
    return hit - false, -(hit + false) / 2


def _arms(cards: pd.DataFrame) -> pd.DataFrame:
    groups = cards.assign(took_wrong=cards["took"] & cards["wrong"]).groupby("arm")
    return pd.DataFrame({"n": groups.size(), "n_wrong": groups["wrong"].sum(), "n_right": groups["right"].sum(),
                         "took_wrong": groups["took_wrong"].sum(),
                         "arm_probability": groups["arm_probability"].mean()}).rename_axis("arm")


def _revised(first: pd.DataFrame) -> tuple[Estimate | None, Estimate | None]:
    """Shares of answers that were changed once the suggestion was seen, and that were changed into it."""
    if first.empty or "label_after" not in first:
        return None, None
    after, before = first["label_after"].fillna(first["label"]), first["label"]
    apart = (before != first["suggestion"]).to_numpy(np.bool_)
    figures: list[Estimate | None] = []
    for happened in ((after != before).to_numpy(np.bool_), (after == first["suggestion"]).to_numpy(np.bool_)[apart]):
        k, n = int(happened.sum()), len(happened)
        figures.append(Estimate(k / n, *wilson(k, n), n=n) if n else None)
    return figures[0], figures[1]


def _planted(votes: pd.DataFrame, known: pd.Series) -> tuple[Estimate | None, str]:
    """How much more often a planted wrong suggestion is taken than the same wrong label is given blind, on gold items.

    Chance decides which of a person's gold is planted. The hold-out is no base: a majority, which would be its truth,
    errs with the people, and how hard its items are is another matter.
    """
    plants = votes[votes["planted"] & votes["suggestion"].notna()]
    if plants.empty:
        return None, "nothing was planted"
    gold = votes["item_id"].isin(known.index).to_numpy(np.bool_)
    if "chosen_by" in votes:
        gold = gold & votes["chosen_by"].ne("holdout").to_numpy(np.bool_, na_value=True)
    plants = plants[plants["item_id"].isin(known.index)]
    if plants.empty:
        return None, "truth= has none of the items on which a suggestion was planted"
    plants = judged(plants, votes, known, 1)
    plants = plants[plants["wrong"]]
    hidden = is_blind(plants)
    seen, item = plants[~hidden], pd.factorize(plants["item_id"])[0]
    took = plants["took"].to_numpy(np.float64)
    if hidden.any() and len(seen):  # plants of which some were hidden at random are an experiment of their own
        ones = np.ones(len(plants))
        return _difference(*(_share(took[of], ones[of], item[of]) for of in (~hidden, hidden))), ""
    # Gold tests, which are no arm: the experiment's own cards have a model's errors, which are on harder items.
    is_test = ~votes["arm"].isin(DRAWN) if "arm" in votes else True
    blind = votes[~votes["planted"] & is_blind(votes) & is_test & gold]
    blind = blind.assign(truth=known.reindex(blind["item_id"]).to_numpy(object))
    n_blind = blind["truth"].value_counts()
    seen = seen[seen["truth"].isin(n_blind.index)]
    if seen.empty:
        return None, "no gold item with a label like the planted ones was answered blind"
    given = blind.groupby(["truth", "label"]).size()
    pairs = seen.groupby(["truth", "suggestion"]).size() / len(seen)
    of_truth = pairs.index.get_level_values(0)
    rate = given.reindex(pairs.index).fillna(0).to_numpy(np.float64) / n_blind.reindex(of_truth).to_numpy(np.float64)
    part = pairs.groupby(level=0).sum()
    worth = 1 / float((part ** 2 / n_blind.reindex(part.index)).sum())
    nothing = np.zeros(0)
    base = _Share(float((pairs.to_numpy() * rate).sum()), int(n_blind.reindex(part.index).sum()), worth, nothing)
    taken = _share(seen["took"].to_numpy(np.float64), np.ones(len(seen)), pd.factorize(seen["item_id"])[0])
    return _difference(taken, base), ""


def _notes(votes: pd.DataFrame, every: pd.DataFrame, cards: pd.DataFrame, known: pd.Series, *,
           randomised: bool) -> tuple[str, ...]:
    notes = []
    if not randomised:
        notes.append("As far as known, chance did not draw what was shown: the table has no column arm. Cards that "
                     "were shown and cards that were blind may differ in other ways too.")
    elif "arm_probability" not in votes:
        notes.append("The table has no column arm_probability: every card weighs the same.")
    if randomised and "arm_probability" in votes:
        weight = 1 / cards["arm_probability"].to_numpy(np.float64)
        for name in ("answer_first", "no_map"):
            if (own := (cards["arm"] == name).to_numpy(np.bool_)).any() and _is_partial(weight[own], len(cards)):
                notes.append(f"The arm {name} was possible for a part of the cards only: figures that rest on it "
                             "compare it with cards that may differ in other ways too.")
    if n_certain := len(every) - len(cards):
        notes.append(f"{n_certain:,} cards are left out, since no other arm was possible for them.")
    if len(known) and not known.index.isin(votes["item_id"]).any():
        notes.append(f"None of the {len(known):,} items of the truth is in the table: it judges nothing.")
    return tuple(notes)
