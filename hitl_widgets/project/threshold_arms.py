"""Randomised thresholds: which of the model's proposed objects a person sees in an image.

Proposals are shown if their score is at or above a threshold. People may overlook objects that weren't proposed. How
often this happens can be estimated only if chance decides which proposals are shown. So the threshold is drawn for each
person and image. In addition, in a tenth of the images a few proposals above the threshold are withheld; the log has
them in `seen.withheld`. In blind images no proposals are shown, and none are withheld. Read `draw_proposals` first.

The draws can be recomputed from the log, as follows. ``number(a, b, ...)`` hashes texts to a number from 0 to 1, as
described in `arms`. The seed is that of the event "created".

1. The threshold: ``number("threshold", seed, annotator, item_id)`` below .8 means the usual threshold, from .8 to below
   .9 the lower one, and from .9 the higher one. The usual threshold of a label is that of the model (`thresholds` of
   the event "adopted"), or .3 if the model has none for it. The lower threshold is half of the usual one. The higher
   threshold is halfway between the usual one and 1.
2. The images with withheld proposals: ``number("withhold", seed, annotator, item_id)`` is below .1.
3. The withheld proposals in such an image: ``number("withheld", seed, annotator, item_id, proposal_id)`` is below .05.

In the log, `seen.threshold` is the mean of the drawn thresholds of today's labels. `seen.threshold_probability` is .8
for the usual threshold, and .1 for the lower and the higher one; of these two, `seen.threshold` is below .5 for the
lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from .arms import number

# The threshold of a label for which the model has none.
USUAL = 0.3
# Probability of each threshold. They divide the interval from 0 to 1 in this order.
THRESHOLDS: Mapping[str, float] = {"usual": 0.8, "lower": 0.1, "higher": 0.1}
# Share of the images in which proposals are withheld, and the probability for each proposal there.
WITHHELD_IN, WITHHELD = 0.1, 0.05


class Drawn(NamedTuple):
    """Which threshold is used, and the probability with which it was drawn; None if it wasn't drawn."""

    which: str
    probability: float | None


class Proposed(Protocol):
    """Protocol with the attributes of a proposal that are used here."""

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
        The proposals that are shown; in a blind image, those that would be shown if it weren't blind.
    withheld : list of Proposal
        The proposals above the threshold that are withheld, each with the probability `WITHHELD`.
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
    """The drawn threshold of a label, computed from its usual threshold.

    Examples
    --------
    >>> [moved(0.4, which) for which in ("usual", "lower", "higher")]
    [0.4, 0.2, 0.7]
    """
    return {"usual": threshold, "lower": threshold / 2, "higher": (1 + threshold) / 2}[which]


def threshold_arm(threshold: float | None, probability: float | None) -> str | None:
    """Which threshold was drawn, from the threshold and probability in the log; None if none was drawn.

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
        Whether the threshold is drawn and proposals are withheld. If False, all proposals with at least the usual
        threshold are shown.
    hidden : bool
        Whether the image is blind. Its threshold is drawn nevertheless, to record what would have been shown.

    Returns
    -------
    DrawnProposals
        Shown and withheld proposals, each in the order of `proposals`.
    """
    arm = draw_threshold(seed, annotator, item_id) if drawn else Drawn("usual", None)
    at = {label_id: moved(thresholds.get(label_id, USUAL), arm.which) for label_id in label_ids}
    usual = moved(USUAL, arm.which)
    above = [one for one in proposals if one.score >= at.get(one.label_id, usual)]
    kept_back = [drawn and not hidden and is_withheld(seed, annotator, item_id, one.id) for one in above]
    return DrawnProposals([one for one, back in zip(above, kept_back, strict=True) if not back],
                          [one for one, back in zip(above, kept_back, strict=True) if back],
                          round(sum(at.values()) / len(at), 6) if at else usual, arm.probability)
