"""Arms of thresholds: the score from which a person sees proposals, and which of these are withheld at random.

The misses that a prefill causes can be estimated only if proposals are shown at random. So the threshold of each person
and image is drawn, and in a tenth of the images a few of the proposals above it are withheld: `seen.withheld` in the
log. Blind images show nothing, and nothing is withheld there. Read `draw_proposals` first.

Recipe, for a script that has only the log: the seed is that of the event "created". As in `arms`, texts joined by NUL
characters are hashed to a number from 0 to 1. The number of ``"threshold"``, seed, annotator and item_id draws the
threshold: below .8 the usual one, below .9 the lower one, else the higher one. The usual threshold of a label is that
of the model (`thresholds` of the event "adopted"), or .3 if it has none; the lower one is half of it, and the higher
one lies halfway between it and 1. In the log, `seen.threshold` is the mean over today's labels, and
`seen.threshold_probability` is the probability of the draw, .8 or .1; with .1, a threshold below .5 is the lower one.
Some proposals of an image are withheld if the number of ``"withhold"``, seed, annotator and item_id is below .1: those
whose own number, of ``"withheld"``, seed, annotator, item_id and the proposal's id, is below .05.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from .arms import number

# The threshold of a label for which the model has none.
USUAL = 0.3
# Probability of each threshold, in the order in which they divide the interval from 0 to 1.
THRESHOLDS: Mapping[str, float] = {"usual": 0.8, "lower": 0.1, "higher": 0.1}
# Share of the images in which proposals are withheld, and the probability for each proposal there.
WITHHELD_IN, WITHHELD = 0.1, 0.05


class Drawn(NamedTuple):
    """The threshold that was drawn and its probability; None if it wasn't drawn."""

    which: str
    probability: float | None


class Proposed(Protocol):
    """Protocol of a proposal, as far as it is needed here."""

    @property
    def id(self) -> str:
        """Its id, unique in its image."""

    @property
    def label_id(self) -> str:
        """The id of its label."""

    @property
    def score(self) -> float:
        """Its score, from 0 to 1."""


P = TypeVar("P", bound=Proposed)


@dataclass(frozen=True)
class DrawnProposals(Generic[P]):
    """An image's proposals at or above the threshold, as drawn for a person.

    Parameters
    ----------
    shown : list of Proposal
        The proposals that are shown, or would be in an image that isn't blind.
    withheld : list of Proposal
        The proposals that are withheld, each with the probability `WITHHELD`.
    threshold : float
        The minimum score of proposals that are shown; if labels have thresholds of their own, the mean of these.
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
    """Which threshold was drawn, by the threshold and probability in the log; None if none was drawn.

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
    """Whether a proposal above the threshold is withheld from a person."""
    return number("withhold", str(seed), annotator, item_id) < WITHHELD_IN \
        and number("withheld", str(seed), annotator, item_id, proposal_id) < WITHHELD


def draw_proposals(proposals: Sequence[P], thresholds: Mapping[str, float], label_ids: Iterable[str], *, seed: int,
                   annotator: str, item_id: str, drawn: bool, hidden: bool) -> DrawnProposals[P]:
    """Draw the proposals of an image that a person is shown, always the same ones for the same model and seed.

    Parameters
    ----------
    proposals : sequence of Proposal
        All proposals for the image.
    thresholds : mapping
        label_id -> the score from which objects of the label are usually shown; `USUAL` for other labels.
    label_ids : iterable of str
        Today's labels.
    seed : int
        The project's.
    annotator, item_id : str
    drawn : bool
        Whether the threshold is drawn and proposals are withheld. Otherwise all from the usual threshold on are shown.
    hidden : bool
        Whether the image is blind. Its threshold is drawn all the same, to record what would have been shown.

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
