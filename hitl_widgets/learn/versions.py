"""The versions of a project's models, read from its log. Read `LoggedVersions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..errors import BadInput
from ..events import Event
from ..storage.log import Log
from ..taxonomy.history import Lineage

# Minimum length of a beginning that may stand for a version.
SHORTEST = 4
BACKGROUND, IMPORTED = "background", "imported"


class Version(NamedTuple):
    """A model in the registry: its name, the labels of its outputs, and the taxonomy version of these labels."""

    name: str
    label_ids: tuple[str, ...]
    taxonomy: int


class LoggedVersions:
    """The versions of a project's models in its log, which is read anew at each call.

    Parameters
    ----------
    log : Log
    lineage : callable
        Returns today's `Lineage`.
    """

    def __init__(self, log: Log, lineage: Callable[[], Lineage]) -> None:
        self._log, self._lineage = log, lineage

    def find(self, beginning: str) -> Version:
        """The version that begins with this text or was imported under this name; BadInput unless exactly one does."""
        versions = {version.name: version for version in versions_in(self._log.events(), self._lineage())}
        fitting = [version for version, name in self.names().items() if name == beginning]
        if not fitting and len(beginning) >= SHORTEST:
            fitting = [name for name in versions if name.startswith(beginning)]
        if len(fitting) != 1:
            newest = ", ".join(list(versions)[-8:]) or "none yet"
            raise BadInput(f"model version {beginning!r} {'is unknown' if not fitting else 'fits more than one'}; "
                           f"there are: {newest}. See wb.models().")
        return versions[fitting[0]]

    def names(self) -> dict[str, str]:
        """Names of versions, version -> name: those given to imports, and the classes of estimators."""
        return given_names(self._log)

    def named(self, version: str) -> dict[str, str]:
        """The name of a version, as a part of an event's body; empty if it has none."""
        return {"name": name} if (name := self.names().get(version)) else {}

    def around(self, n_round: int) -> tuple[Version, Version]:
        """The versions before and after a round; BadInput where there was none before."""
        before = None
        for event in self._log.events():
            if event.kind == "adopted":
                before = event.body["model"]
            elif event.kind == "trained" and event.body["round"] == n_round and before is not None:
                return self.find(before), self.find(event.body["model"])
        raise BadInput(f"there was no model before round {n_round}, so there is nothing to compare with.")

    def thresholds_of(self, version: str) -> dict[str, float]:
        """The thresholds of a model's labels by label_id; empty if it has none."""
        return next((dict(event.body["thresholds"])
                     for event in reversed(list(self._log.events(kind=("adopted", "trained"))))
                     if event.body["model"] == version and "thresholds" in event.body), {})

    def was_estimator(self, version: str) -> bool:
        """Whether stored probabilities come from an estimator and weren't imported."""
        return not any(event.body["model"] == version and (event.kind == IMPORTED or event.body["origin"] == IMPORTED)
                       for event in self._log.events(kind=(IMPORTED, "adopted")))

    def was_learnt_in_background(self, version: str) -> bool:
        """Whether a version was learnt in the background while somebody labelled."""
        return any(event.body["model"] == version and event.body["origin"] == BACKGROUND
                   for event in self._log.events(kind="adopted"))


def given_names(log: Log) -> dict[str, str]:
    """Names of the models in a log: version -> its first name."""
    named = [event.body for event in log.events(kind=(IMPORTED, "adopted", "trained")) if event.body.get("name")]
    return {body["model"]: body["name"] for body in reversed(named)}


# 13 branches: each kind of event tells of a version in its own way; forks and rounds for values tell of none.
def versions_in(events: Iterable[Event], lineage: Lineage) -> Iterable[Version]:
    """The versions in the log, each as it first appeared: later edits of the taxonomy don't change it."""
    versions: dict[str, Version] = {}
    today = 0
    for event in events:
        if event.kind == "taxonomy" and "fork" in event.body:
            continue  # the edit doesn't hold
        if event.kind == "taxonomy" and event.body["taxonomy"]["version"] in lineage.versions:
            today = event.body["taxonomy"]["version"]
        elif event.kind == "trained" and event.body["model"] != (event.body.get("values") or {}).get("model"):
            name = event.body["model"]
            version = body_version(event.body, lineage, otherwise=today)
            versions.setdefault(name, Version(name, lineage.versions[version].label_ids, version))
        elif event.kind in ("adopted", IMPORTED):
            name, label_ids = event.body["model"], tuple(event.body["label_ids"])
            if name not in versions or versions[name].label_ids != label_ids:
                # It isn't today's version if the taxonomy changed while the model was being logged.
                fitting = [number for number in (*lineage.versions, *reversed(lineage.forks.steps))
                           if lineage.versions[number].label_ids == label_ids]
                versions[name] = Version(name, label_ids, today if today in fitting else max(fitting, default=today))
    return versions.values()


def body_version(body: Mapping[str, Any], lineage: Lineage, *, otherwise: int) -> int:
    """The taxonomy version under which a run trained; an event of an earlier package doesn't say."""
    version = int(body.get("taxonomy", otherwise))
    return version if version in lineage.versions else otherwise
