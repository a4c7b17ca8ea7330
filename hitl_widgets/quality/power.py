"""Sample size and power of experiments on automation bias. Read `cards_needed` first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from ..errors import BadInput
from ..records import check_number


@dataclass(frozen=True)
class CardsNeeded:
    """Size of an experiment that finds an effect of the suggestion, if there is one.

    Attributes
    ----------
    effect, blind, model_error, blind_share, power, level : float
        The arguments of `cards_needed`.
    per_arm : int
        Decisions needed with the suggestion and as many without it, where the model is wrong.
    cards_per_arm : int
        Cards of each of two equal arms that contain `per_arm` wrong suggestions.
    n_cards : int
        All cards, if a share `blind_share` of them is blind.
    n_plants : int
        Planted wrong suggestions, on items with a known answer, that have the same power with as many blind decisions.
    """

    effect: float
    blind: float
    model_error: float
    blind_share: float
    power: float
    level: float
    per_arm: int
    cards_per_arm: int
    n_cards: int
    n_plants: int

    def __str__(self) -> str:
        return (f"{self.n_cards:,} cards with {self.blind_share:.0%} blind find an effect of {self.effect:+.2f} in "
                f"{self.power:.0%} of such experiments, where the model is wrong in {self.model_error:.0%} and people "
                f"make the same error blind in {self.blind:.0%}. Two arms of the same size need {self.cards_per_arm:,} "
                f"cards each. {self.n_plants:,} planted wrong suggestions tell as much.")


def cards_needed(effect: float = 0.2, *, blind: float = 0.05, model_error: float = 0.15, blind_share: float = 0.1,
                 power: float = 0.8, level: float = 0.95) -> CardsNeeded:
    """Size of an experiment that finds an effect of the suggestion with a given probability.

    The effect is P(the model's label | shown, model wrong) - P(the same | blind, model wrong), and is found where its
    interval leaves out 0. Normal approximation; decisions are assumed to be independent.

    Parameters
    ----------
    effect : float
        The true effect to find, not 0.
    blind : float
        How often people give the model's wrong label without seeing it.
    model_error : float
        Share of cards on which the model is wrong.
    blind_share : float
        Share of cards without the suggestion, between 0 and 1.
    power : float
        Share of such experiments that find it.
    level : float
        Confidence level of the interval.

    Raises
    ------
    BadInput
        If a share can't be one, or the effect is 0 or leaves blind + effect outside 0 to 1.

    Examples
    --------
    >>> plan = cards_needed(0.2, blind=0.05, model_error=0.15)
    >>> plan.per_arm, plan.cards_per_arm, plan.n_cards
    (47, 308, 894)
    """
    _check(effect, blind, model_error, blind_share)
    _check_numbers(power=power, level=level)
    if not 0 < power < 1 or not 0 < level < 1:
        raise BadInput(f"power {power!r} and level {level!r}: both are shares between 0 and 1, such as 0.8 and 0.95.")
    factor = ((_z(level) + float(ndtri(power))) / effect) ** 2
    shown = blind + effect
    per_arm = factor * (shown * (1 - shown) + blind * (1 - blind))
    together = factor * (shown * (1 - shown) / (1 - blind_share) + blind * (1 - blind) / blind_share)
    return CardsNeeded(effect, blind, model_error, blind_share, power, level, _up(per_arm), _up(per_arm / model_error),
                       _up(together / model_error), _up(per_arm))


def power_of(n_cards: float, effect: float = 0.2, *, blind: float = 0.05, model_error: float = 0.15,
             blind_share: float = 0.1, level: float = 0.95) -> float:
    """Probability with which an experiment of `n_cards` cards finds a true effect of the suggestion.

    Parameters
    ----------
    n_cards : int
        Cards of all people and both arms.
    effect, blind, model_error, blind_share, level : float
        See `cards_needed`.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> round(power_of(894, 0.2, blind=0.05, model_error=0.15), 2)
    0.8
    """
    _check(effect, blind, model_error, blind_share)
    _check_numbers(n_cards=n_cards, level=level)
    n_wrong = n_cards * model_error
    return power_of_counts(n_wrong * (1 - blind_share), n_wrong * blind_share, effect, blind=blind, level=level)


def power_of_counts(n_shown: float, n_blind: float, effect: float, *, blind: float, level: float = 0.95) -> float:
    """Probability that these numbers of shown and blind decisions on wrong suggestions find a true effect."""
    if min(n_shown, n_blind) <= 0:
        return 0.0
    shown = blind + effect
    error = math.sqrt(shown * (1 - shown) / n_shown + blind * (1 - blind) / n_blind)
    return 1.0 if error == 0 else float(ndtr(abs(effect) / error - _z(level)))


def _z(level: float) -> float:
    return float(ndtri((1 + level) / 2))


def _up(number: float) -> int:
    return math.ceil(number - 1e-9)


def _check_numbers(**arguments: float) -> None:
    for name, value in arguments.items():
        check_number(name, value, "a number", -math.inf, math.inf)


def _check(effect: float, blind: float, model_error: float, blind_share: float) -> None:
    _check_numbers(effect=effect, blind=blind, model_error=model_error, blind_share=blind_share)
    if not 0 <= blind <= 1 or not 0 < model_error <= 1 or not 0 < blind_share < 1:
        raise BadInput(f"blind {blind!r}, model_error {model_error!r} and blind_share {blind_share!r} are shares of "
                       "cards: from 0 to 1, and something must be blind, something shown and something wrong.")
    if not effect or not 0 <= blind + effect <= 1:
        raise BadInput(f"effect {effect!r} can't be used: a difference that isn't 0 is expected, with blind + effect "
                       f"between 0 and 1 (blind is {blind!r}).")
