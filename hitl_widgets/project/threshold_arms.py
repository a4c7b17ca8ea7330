"""Arms of thresholds: the score from which a person sees proposals, and which of these are withheld by chance.

The misses that a prefill causes can be estimated only if chance decided what was proposed. So the threshold of each
person and image is drawn, and in a tenth of the images a few of the proposals above it are kept from the person:
`seen.withheld` in the log. Blind images show nothing, and nothing is withheld there. Read `draw_proposals` first.

Recipe, for a script that has only the log: the seed is that of the event "created". A number from 0 to 1 is made of
some texts, joined by one NUL character each, as in `arms`. That of ``"threshold"``, seed, annotator and item_id draws
the threshold: below .8 the usual one, below .9 the lower one, else the higher one. The usual threshold of a label is
that of the model (`thresholds` of the event "adopted"), or .3 where it has none; the lower one is half of it, and the
higher one lies half way from it to 1. In the log, `seen.threshold` is the mean over today's labels, and
`seen.threshold_probability` says how probable the draw was: of the two rare ones, the lower one is below .5, and the
higher one at least .5. That of ``"withhold"``, seed, annotator and item_id is below .1 in the images in which some
proposals are withheld: each one whose own number, of ``"withheld"``, seed, annotator, item_id and its id, is below .05.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from .arms import number

# The threshold of a label whose model names none.
USUAL = 0.3
# How often each threshold is drawn, in the order in which they cut the numbers from 0 to 1.
THRESHOLDS: Mapping[str, float] = {"usual": 0.8, "lower": 0.1, "higher": 0.1}
# In so many of the images some proposals are withheld, each of them with this probability.
WITHHELD_IN, WITHHELD = 0.1, 0.05


class Drawn(NamedTuple):
    """Which threshold was drawn, and with which probability; None where it wasn't drawn."""

    which: str
    probability: float | None


class Proposed(Protocol):
    """The part of a proposal that matters here."""

    @property
    def id(self) -> str:
        """Its id, among those of its image."""

    @property
    def label_id(self) -> str:
        """Its label."""

    @property
    def score(self) -> float:
        """From 0 to 1."""


P = TypeVar("P", bound=Proposed)


@dataclass(frozen=True)
class DrawnProposals(Generic[P]):
    """An image's proposals at or above the threshold, as drawn for a person.

    Parameters
    ----------
    shown : list of Proposal
        Those that are shown, or in a blind image would be.
    withheld : list of Proposal
        Those that are kept from the person, each with the probability `WITHHELD`.
    threshold : float
        The least score of a proposal that is shown; where labels have thresholds of their own, their mean.
    probability : float or None
        The probability with which the threshold was drawn; None where it wasn't drawn.
    """

    shown: list[P]
    withheld: list[P]
    threshold: float
    probability: float | None


def moved(threshold: float, which: str) -> float:
    """A label's threshold under a draw, from its usual one.

    Examples
    --------
    >>> [moved(0.4, which) for which in ("usual", "lower", "higher")]
    [0.4, 0.2, 0.7]
    """
    return {"usual": threshold, "lower": threshold / 2, "higher": (1 + threshold) / 2}[which]


def threshold_arm(threshold: float | None, probability: float | None) -> str | None:
    """Tell which threshold was drawn, from what the log has of it; None where none was drawn.

    Examples
    --------
    >>> threshold_arm(0.3, 0.8), threshold_arm(0.15, 0.1), threshold_arm(0.65, 0.1), threshold_arm(0.3, None)
    ('usual', 'lower', 'higher', None)
    """
    if threshold is None or probability is None:
        return None
    return "usual" if probability >= 0.5 else "lower" if threshold < 0.5 else "higher"


def draw_threshold(seed: int, annotator: str, item_id: str) -> Drawn:
    """Draw the threshold of a person and an image: "usual", "lower" or "higher"."""
    drawn, total = number("threshold", str(seed), annotator, item_id), 0.0
    for which in ("usual", "lower"):
        total += THRESHOLDS[which]
        if drawn < total:
            return Drawn(which, THRESHOLDS[which])
    return Drawn("higher", THRESHOLDS["higher"])


def is_withheld(seed: int, annotator: str, item_id: str, proposal_id: str) -> bool:
    """Whether a proposal of an image is kept from a person where the threshold would show it."""
    return number("withhold", str(seed), annotator, item_id) < WITHHELD_IN \
        and number("withheld", str(seed), annotator, item_id, proposal_id) < WITHHELD


def draw_proposals(proposals: Sequence[P], thresholds: Mapping[str, float], label_ids: Iterable[str], *, seed: int,
                   annotator: str, item_id: str, drawn: bool, hidden: bool) -> DrawnProposals[P]:
    """Draw what a person is shown of an image's proposals: always the same, as long as the model and the seed are.

    Parameters
    ----------
    proposals : sequence of Proposal
        All of the image's.
    thresholds : mapping
        label_id -> the score from which objects of the label are usually shown; `USUAL` for other labels.
    label_ids : iterable of str
        Today's labels.
    seed : int
        The project's.
    annotator, item_id : str
    drawn : bool
        Whether the threshold is drawn, and proposals withheld. Else everything from the usual threshold on is shown.
    hidden : bool
        Whether the image is blind. Its threshold is drawn all the same, to tell what would have been shown.

    Returns
    -------
    DrawnProposals
        In the order of the proposals.
    """
    arm = draw_threshold(seed, annotator, item_id) if drawn else Drawn("usual", None)
    at = {label_id: moved(thresholds.get(label_id, USUAL), arm.which) for label_id in label_ids}
    usual = moved(USUAL, arm.which)
    above = [one for one in proposals if one.score >= at.get(one.label_id, usual)]
    kept_back = [drawn and not hidden and is_withheld(seed, annotator, item_id, one.id) for one in above]
    return DrawnProposals([one for one, back in zip(above, kept_back, strict=True) if not back],
                          [one for one, back in zip(above, kept_back, strict=True) if back],
                          round(sum(at.values()) / len(at), 6) if at else usual, arm.probability)
