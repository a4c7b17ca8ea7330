"""Arms: how an item is shown to a person, assigned at random by a hash that can be recomputed from the log.

The effect of a suggestion on people can be estimated only if it was shown at random. So each person and item has a
pseudo-random number, `draw`, and the shares of the arms divide the interval from 0 to 1, in the order of `ARMS`.
Hold-out and gold items have no arm: they are always blind. Read `Arms.of` first.

Recipe, for a script that has only the log: the seed is that of the event "created"; the shares are `arms` of the latest
event "policy" that has them, `DEFAULT` without one. The number of a person and an item is made of the text ``seed``,
``annotator`` and ``item_id``, joined by one NUL character each, in UTF-8: its BLAKE2b hash of 8 bytes, read as a whole
number (big-endian), shifted right by 11 bits and divided by 2 to the power 53. The arm is the first, in the order
blind, no_map, answer_first, shown, up to which the shares add up to more than the number. For an item of the audit, the
share of "blind" is 1/2, or more where the project's is, and the others share what is left in their proportions. The
share of the arm that was drawn is in the log, as `seen.arm_probability`: it says whether an item was one of the audit.
After an event "told" with `answer_first` (see `adaptive`), 3/4 of the share of "shown" goes to "answer_first" for that
person, and for suggestions of its `label_id` where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from ..records import Arm

# In the order in which they divide the interval from 0 to 1.
ARMS: tuple[Arm, ...] = ("blind", "no_map", "answer_first", "shown")
DEFAULT: Mapping[str, float] = {"blind": 0.1, "no_map": 0.0, "answer_first": 0.0, "shown": 0.9}
# Share of the audit's items that are blind; more where the project's share of blind items is larger.
AUDIT_BLIND = 0.5
# Where people follow wrong suggestions, this part of "shown" becomes "answer_first". The rest goes on measuring.
ADAPTED = 0.75
# Without a suggestion until the person has answered.
HIDDEN: frozenset[str] = frozenset({"blind", "answer_first"})


class Drawn(NamedTuple):
    """An arm, and the probability with which it was drawn."""

    arm: Arm
    probability: float


def draw(seed: int, annotator: str, item_id: str) -> float:
    """Compute the pseudo-random number of a person and an item, from 0 up to (not including) 1.

    Examples
    --------
    >>> draw(0, "ada", "item-1") == draw(0, "ada", "item-1") != draw(0, "bob", "item-1")
    True
    """
    return number(str(seed), annotator, item_id)


def number(*texts: str) -> float:
    """Compute the pseudo-random number of some texts, from 0 up to (not including) 1: see the recipe above."""
    text = "\0".join(texts).encode("utf-8", "surrogatepass")
    return float((int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) * 2.0**-53)


class Arms:
    """The arms of a project: draws how suggestions are shown to each person for each item.

    Parameters
    ----------
    seed : int
        The project's seed.
    shares : mapping of str to float
        The share of each of `ARMS`; their sum is 1.
    """

    def __init__(self, seed: int, shares: Mapping[str, float] = DEFAULT) -> None:
        self.seed, self.shares = seed, shares

    def of(self, annotator: str, item_id: str, *, audited: bool = False) -> Drawn:
        """Draw the arm of a person and an item: always the same one, as long as the shares don't change.

        Parameters
        ----------
        annotator, item_id : str
        audited : bool
            Whether the item is one of the audit's, at least half of which are blind.
        """
        shares, number = self.audit_shares if audited else self.shares, draw(self.seed, annotator, item_id)
        total, drawn = 0.0, Drawn("shown", 1.0)
        for arm in ARMS:
            if (share := shares.get(arm, 0.0)) > 0:
                total, drawn = total + share, Drawn(arm, share)
                if number < total:
                    break
        return drawn  # the last one where the shares add up to a little less than 1

    def answering_first(self) -> Arms:
        """Make the arms of a person who follows wrong suggestions: "answer_first" gets most of the share of "shown"."""
        moved = ADAPTED * self.shares.get("shown", 0.0)
        return Arms(self.seed, {**self.shares, "shown": self.shares.get("shown", 0.0) - moved,
                                "answer_first": self.shares.get("answer_first", 0.0) + moved})

    @property
    def audit_shares(self) -> dict[str, float]:
        """The shares of the arms for items of the audit."""
        blind = self.shares.get("blind", 0.0)
        if blind >= AUDIT_BLIND:
            return dict(self.shares)
        rest = {arm: share * (1 - AUDIT_BLIND) / (1 - blind) for arm, share in self.shares.items()}
        return {**rest, "blind": AUDIT_BLIND}


def of_audit(arm: str | None, probability: float | None) -> bool:
    """Whether a stored arm, by its probability, may have been drawn with the audit's shares, at least half blind."""
    if arm not in ARMS or probability is None:
        return False
    return probability >= AUDIT_BLIND if arm == "blind" else probability <= AUDIT_BLIND
