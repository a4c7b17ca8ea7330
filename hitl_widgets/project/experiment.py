"""Experiments on automation bias, during which the model that makes the suggestions isn't changed.

An experiment is running while the owner plants suggestions (`wb.people.plant`), and from ``wb.people.plan(hold=True)``
until the planned number of cards is answered. Read `running` first.
"""

from __future__ import annotations

from typing import Any

from .policy import PLANTED, require_owner
from .project import Project

FOR = "bias"


def running(project: Project) -> str:
    """Why the model should stay as it is, and until when, in a sentence; "" where no experiment is running.

    Parameters
    ----------
    project : Project
        The project. Without an adopted model there are no suggestions, and no experiment is running.
    """
    if project.adopted() is None:
        return ""
    if project.state.policy.get(PLANTED):
        return "Suggestions are planted to measure automation bias, so the model stays as it is until " \
               "wb.people.plant(None) ends that."
    plan = _plan(project)
    left = 0 if plan is None else plan["n_before"] + plan["n_cards"] - n_drawn(project)
    if plan is None or left <= 0:
        return ""
    return f"An experiment on automation bias is running, so the model stays as it is until {left:,} more " \
           f"{'card is' if left == 1 else 'cards are'} answered, or wb.people.plan(hold=False) ends it."


def hold(project: Project, n_cards: int, *, effect: float, power: float) -> None:
    """Begin an experiment of so many cards, as the owner.

    Parameters
    ----------
    project : Project
    n_cards : int
        Number of further cards whose arm is drawn at random.
    effect, power : float
        The effect to be found, and the probability of finding it.

    Raises
    ------
    BadInput
        When somebody else than the owner acts.
    """
    require_owner(project, "begins experiments")
    project.record("planned", {"for": FOR, "effect": float(effect), "power": float(power), "n_cards": int(n_cards),
                               "n_before": n_drawn(project)})


def release(project: Project) -> None:
    """End the experiment that was begun last, as the owner; does nothing if none is running."""
    require_owner(project, "ends experiments")
    if _plan(project) is not None:
        project.record("planned", {"for": FOR, "ended": True})


def n_drawn(project: Project) -> int:
    """Count the current answers to cards whose arm was drawn at random."""
    arms = project.log.annotations(columns=["arm"])["arm"]
    return sum(arm is not None and arm != "none" for arm in arms)


def _plan(project: Project) -> dict[str, Any] | None:
    """The body of the last plan; None without one, or if it was ended."""
    last = [event for event in project.log.events(kind="planned") if event.body.get("for") == FOR][-1:]
    return None if not last or last[0].body.get("ended") else dict(last[0].body)
