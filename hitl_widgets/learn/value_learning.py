"""One attempt of learning values of attributes in the background: fit heads, compare, adopt."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..errors import IdReused
from ..events import Event, after_id
from ..project import experiment
from ..project.project import Project
from .registry import Registry
from .value_candidate import ValueCandidate, ValueComparison, compare_values_with, fit_value_candidate

BACKGROUND = "background"
DROPPED = "Another kernel adopted heads for attributes that learnt as many items or more."


class ValuesLearnt(NamedTuple):
    """The result of one attempt: the adopted version, or None, and why; `frozen` while an experiment runs."""

    version: str | None
    why: str
    frozen: bool = False


def learn_values(project: Project, registry: Registry, is_ending: Callable[[], bool]) -> ValuesLearnt:
    """Fit heads to the values, and adopt them if they are better than the adopted ones.

    Hold `registry.training`.

    Parameters
    ----------
    project : Project
        Its lock is held only while the answers are read.
    registry : Registry
    is_ending : callable
        Returns True once the result is no longer to be adopted.
    """
    values = registry.values
    values.follow()
    new = fit_value_candidate(project, registry)
    if isinstance(new, str):
        return ValuesLearnt(None, new)
    while True:
        former = values.adoption
        found = compare_values_with(project, values, new, former)
        values.follow()
        if values.adoption is former or values.missing:  # not the result of follow: a card follows on another thread
            break
        if _has_learnt(values.adoption, len(new.taught)):
            return ValuesLearnt(None, DROPPED)
    if not found.adopted or is_ending():
        return ValuesLearnt(None, found.why)
    if why := experiment.running(project):  # it began during the fit
        return ValuesLearnt(None, why, frozen=True)
    try:
        # Two kernels that compared with the same heads use the same event id, so that the later event is refused.
        version = adopt_values(registry, new, found, origin=BACKGROUND,
                               event_id=f"values-{project.id}-{after_id(former)}")
    except IdReused:
        values.follow()
        return ValuesLearnt(None, DROPPED)
    return ValuesLearnt(version, found.why)


def adopt_values(registry: Registry, new: ValueCandidate, found: ValueComparison, *, origin: str,
                 event_id: str | None = None) -> str:
    """Adopt heads, and return their version.

    Parameters
    ----------
    registry : Registry
    new : ValueCandidate
    found : ValueComparison
        Why they are adopted.
    origin : str
        "trained" or "background".
    event_id : str or None
        Id of the event; a new one when None.
    """
    version = registry.values.install(new.net(registry), new.attributes, taxonomy=new.lineage.today.version,
                                      origin=origin, event_id=event_id, **new.body(), why=found.why,
                                      compared=found.compared)
    registry.values.remove_old()
    return version


def _has_learnt(event: Event | None, n: int) -> bool:
    return event is not None and int(event.body["n_training"]) >= n
