"""How many cards the experiment on automation bias still needs, and how long that takes. Read `plan_experiment`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from ..drawing import html
from ..errors import BadInput
from ..quality.power import CardsNeeded, cards_needed
from ..quality.suggestion_effect import AutomationBias, automation_bias

ASSUMED = {"model_error": 0.15, "blind": 0.05, "blind_share": 0.1}
MIN_KNOWN = 20  # minimum number of cards to estimate a share from the project
PACE_DAYS = 28.0
MOST = 10_000_000


@dataclass(frozen=True)
class ExperimentPlan:
    """Sample size and power of the continuous experiment on automation bias.

    Parameters
    ----------
    needed : CardsNeeded
        The size of a whole experiment with this project's shares, if the truth of every card is known.
    power : float
        Probability with which the cards so far find the effect.
    target : float
        The power that is planned for.
    n_so_far : int
        Number of cards so far whose arm was drawn at random.
    n_more : int
        Number of cards that are still needed from all people, if the truth is known for the same share of them as so
        far. If it isn't known for any card so far, the number of cards with a known truth.
    per_week : float
        Number of cards per week, at the pace of the last four weeks; 0 if nobody answered.
    assumed : tuple of str
        Names of the shares that this project can't estimate yet, for which usual values are assumed.
    n_known : int
        Number of cards among `n_so_far` whose truth is known: gold, or the majority of others' blind answers.
    """

    needed: CardsNeeded
    power: float
    target: float
    n_so_far: int
    n_more: int
    per_week: float
    assumed: tuple[str, ...] = ()
    n_known: int = 0

    @property
    def weeks(self) -> float:
        """Weeks that `n_more` cards take at the present pace; infinite if nobody answers, or no truth is known."""
        if not self.n_more:
            return 0.0
        return self.n_more / self.per_week if self.per_week and self.n_known else math.inf

    def _lines(self) -> list[str]:
        lines = [f"{self.needed} Only cards count whose truth is known: gold, and items that two others answered blind "
                 "and alike.",
                 f"So far {self.n_so_far:,} cards were drawn at random, and the truth of {self.n_known:,} is known; "
                 f"they find such an effect with probability {self.power:.2f}."]
        if self.n_more:
            pace = "nobody answered in the last four weeks" if not self.per_week else \
                "at present no card's truth becomes known" if not self.n_known else \
                f"{self.weeks:,.1f} weeks at the present {self.per_week:,.0f} a week"
            known = "with a known truth" if not self.n_known else \
                f"(the truth of {self.n_known / self.n_so_far:.0%} known, as so far)"
            lines.append(f"{self.n_more:,} more cards {known} are needed for a power of {self.target:.0%}: {pace}.")
        if self.assumed:
            lines.append(f"Assumed, since too few cards tell: {', '.join(self.assumed)}.")
        return lines

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.page("Plan of the experiment on automation bias", *map(html.paragraph, self._lines()))


def plan_experiment(votes: pd.DataFrame, *, truth: pd.Series | None = None, effect: float = 0.2, power: float = 0.8,
                    blind_share: float | None = None, now: pd.Timestamp | None = None) -> ExperimentPlan:
    """Plan how many more cards are needed to find an effect of the suggestion, from the votes so far.

    Parameters
    ----------
    votes : DataFrame
        The table from `Workbench.votes`, or that of a project's `Answers.cards`.
    truth : Series of item_id to label, optional
        Labels that nobody gave in sight of a suggestion, such as gold.
    effect : float
        The effect to find: P(the model's label | shown, model wrong) - P(the same | blind, model wrong).
    power : float
        Probability of finding it, between 0 and 1.
    blind_share : float, optional
        Share of further cards that are blind; by default the share so far.
    now : Timestamp, optional
        The end of the four weeks in which the pace is measured.

    Raises
    ------
    BadInput
        If a share isn't valid.
    """
    if isinstance(power, bool) or not isinstance(power, (int, float)) or not 0 < power < 1:
        raise BadInput(f"power is {power!r}; a probability between 0 and 1 is expected, such as 0.8.")
    bias = automation_bias(votes, truth)
    shares, assumed = _shares(bias, blind_share, effect)
    needed = cards_needed(effect, power=power, **shares)
    n_so_far = int(bias.arms["n"].sum()) if len(bias.arms) else 0
    known = {name: shares[name] for name in ("blind", "model_error")}
    n_known = int(bias.arms[["n_wrong", "n_right"]].to_numpy().sum()) if len(bias.arms) else 0
    if n_known and bias.power(MOST, effect, **known) >= power:
        n_more = _least(lambda n: bias.power(n, effect, **known) >= power)
    else:  # cards without a known truth don't help
        n_more = needed.n_cards
    return ExperimentPlan(needed, bias.power(0, effect, **known) if n_so_far else 0.0, power, n_so_far, n_more,
                          _pace(votes, now), assumed, n_known)


def _shares(bias: AutomationBias, blind_share: float | None, effect: float) -> tuple[dict[str, float], tuple[str, ...]]:
    """Shares of wrong suggestions, of the same error in blind answers, and of blind cards; and those assumed."""
    shares, arms = dict(ASSUMED), bias.arms
    known = set[str]()
    if len(arms):
        n, n_wrong, n_right = (float(arms[name].sum()) for name in ("n", "n_wrong", "n_right"))
        blind = arms.reindex(["blind", "answer_first"]).fillna(0)
        if n_wrong + n_right >= MIN_KNOWN and n_wrong:
            shares["model_error"] = n_wrong / (n_wrong + n_right)
            known.add("model_error")
        if float(blind["n_wrong"].sum()) >= MIN_KNOWN:
            rate = float(blind["took_wrong"].sum()) / float(blind["n_wrong"].sum())
            shares["blind"] = min(max(rate, 0.01), 0.5)
            if abs(effect) < 1:  # leaves room for the effect: the share plus the effect must lie between 0 and 1
                shares["blind"] = min(max(shares["blind"], -effect), 1 - effect)
            known.add("blind")
        if n >= MIN_KNOWN and 0 < (share := float(blind["n"].sum()) / n) < 1:
            shares["blind_share"] = share
            known.add("blind_share")
    if blind_share is not None:
        shares["blind_share"] = blind_share
        known.add("blind_share")
    words = {"model_error": "the model is wrong in", "blind": "people make its error blind in",
             "blind_share": "cards are blind in"}
    return shares, tuple(f"{words[name]} {shares[name]:.0%}" for name in words if name not in known)


def _pace(votes: pd.DataFrame, now: pd.Timestamp | None) -> float:
    """Cards per week whose arm was drawn at random, in the last four weeks or since the first such card."""
    at = votes.loc[votes["arm"].notna() & (votes["arm"] != "none"), "acted_at"]
    now = pd.Timestamp.now(tz="UTC") if now is None else now
    lately = at[at > now - pd.Timedelta(days=PACE_DAYS)]
    if not len(lately):
        return 0.0
    days = PACE_DAYS if len(lately) < len(at) else max(1.0, (now - lately.min()) / pd.Timedelta(days=1))
    return 7 * len(lately) / days


def _least(enough: Callable[[int], bool]) -> int:
    """The smallest number for which `enough` holds, by bisection."""
    low, high = 0, 1
    if enough(0):
        return 0
    while high < MOST and not enough(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
