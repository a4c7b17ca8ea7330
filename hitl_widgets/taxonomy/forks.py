"""Forks of a taxonomy's history: steps that don't hold, after copies of a project were edited separately and joined.

If several steps started from one version, the earliest holds (`storage.joining`); the others' versions have
negative numbers. `Lineage` asks `Forks` how to follow an answer that was given under one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .edits import Resolution

if TYPE_CHECKING:
    from .history import Lineage, Step


class Applied(NamedTuple):
    """The application of a fork's step: a version that holds, and the ids of the step's labels in it."""

    version: int
    twins: Mapping[str, str]


class Forks:
    """Steps of the taxonomy that don't hold, after copies of a project were edited separately and joined.

    Parameters
    ----------
    steps : mapping of int to Step
        Negative number of the resulting version -> step.
    held : sequence of Step
        The steps that hold, of which some apply steps of forks.
    settled : mapping of str to (int or None), optional
        Id of a step that was settled without a new step -> the first version that has its changes; None if it isn't
        applied.
    """

    def __init__(self, steps: Mapping[int, Step], held: Sequence[Step],
                 settled: Mapping[str, int | None] | None = None) -> None:
        self.steps, self.settled = steps, settled or {}
        self._applied = {id: Applied(version, {}) for id, version in self.settled.items() if version is not None}
        self._applied |= {step.settles: Applied(step.version, step.twins) for step in held if step.settles} \
            if steps else {}
        self._back: dict[int, Resolution] = {}

    def branch(self, version: int) -> int:
        """Return the version that holds from which a version's fork branches off."""
        while version < 0:
            version = self.steps[version].before or 0
        return version

    def path(self, version: int | None) -> list[Step]:
        """List the steps from a fork's version back to where it branches off; empty for a version that holds."""
        path: list[Step] = []
        while version is not None and version < 0:
            path.append(self.steps[version])
            version = path[-1].before
        return path

    def back(self, step: Step, lineage: Lineage) -> Resolution:
        """Return what answers given after a step mean without it."""
        if step.version not in self._back:
            from .revert import reverse
            self._back[step.version] = reverse(lineage, step)
        return self._back[step.version]

    def applied(self, step: Step, to: int | None = None) -> Applied | None:
        """Return where a step was applied, up to the version `to` (None: today); None if it wasn't."""
        applied = self._applied.get(step.id)
        return applied if applied is None or to is None or applied.version <= to else None

    def is_settled(self, step: Step) -> bool:
        """Whether somebody decided if a step is applied."""
        return step.id in self._applied or step.id in self.settled

    @property
    def unsettled(self) -> list[Step]:
        """The steps that aren't settled, the earliest first."""
        return [step for step in self.steps.values() if not self.is_settled(step)]
