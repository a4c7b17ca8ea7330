"""The versions of a project's models, as its log tells of them. Read `LoggedVersions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..errors import BadInput
from ..events import Event
from ..storage.log import Log
from ..taxonomy.history import Lineage

# Shortest beginning of a version that may stand for it.
SHORTEST = 4
BACKGROUND, IMPORTED = "background", "imported"


class Version(NamedTuple):
    """A model in the registry: its name, the labels of its outputs, and the taxonomy version that these are from."""

    name: str
    label_ids: tuple[str, ...]
    taxonomy: int


class LoggedVersions:
    """What the log tells of the versions of a project's models; it is read anew each time.

    Parameters
    ----------
    log : Log
    lineage : callable
        Gives the `Lineage` of today.
    """

    def __init__(self, log: Log, lineage: Callable[[], Lineage]) -> None:
        self._log, self._lineage = log, lineage

    def find(self, beginning: str) -> Version:
        """The version that begins so, or that was imported under this name; BadInput unless there is exactly one."""
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
        """The names under which versions were imported, and of estimators their classes: version -> name."""
        return given_names(self._log)

    def named(self, version: str) -> dict[str, str]:
        """The name of a version, as a part of an event's body; empty where it wasn't imported."""
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
        """The thresholds of a model's labels, by their ids; none where it has none."""
        return next((dict(event.body["thresholds"])
                     for event in reversed(list(self._log.events(kind=("adopted", "trained"))))
                     if event.body["model"] == version and "thresholds" in event.body), {})

    def was_estimator(self, version: str) -> bool:
        """Whether stored probabilities are an estimator's, and weren't imported."""
        return not any(event.body["model"] == version and (event.kind == IMPORTED or event.body["origin"] == IMPORTED)
                       for event in self._log.events(kind=(IMPORTED, "adopted")))

    def was_learnt_in_background(self, version: str) -> bool:
        """Whether a version was learnt while somebody labelled."""
        return any(event.body["model"] == version and event.body["origin"] == BACKGROUND
                   for event in self._log.events(kind="adopted"))


def given_names(log: Log) -> dict[str, str]:
    """The names under which models came into a log: version -> the first one."""
    named = [event.body for event in log.events(kind=(IMPORTED, "adopted", "trained")) if event.body.get("name")]
    return {body["model"]: body["name"] for body in reversed(named)}


def versions_in(events: Iterable[Event], lineage: Lineage) -> Iterable[Version]:
    """The versions in the log, each as it came first: a later edit of the taxonomy doesn't change what it was."""
    versions: dict[str, Version] = {}
    today = 0
    for event in events:
        if event.kind == "taxonomy" and "fork" in event.body:
            continue  # it doesn't hold
        if event.kind == "taxonomy" and event.body["taxonomy"]["version"] in lineage.versions:
            today = event.body["taxonomy"]["version"]
        elif event.kind == "trained" and event.body["model"] != (event.body.get("values") or {}).get("model"):
            name = event.body["model"]
            version = body_version(event.body, lineage, otherwise=today)
            versions.setdefault(name, Version(name, lineage.versions[version].label_ids, version))
        elif event.kind in ("adopted", IMPORTED):
            name, label_ids = event.body["model"], tuple(event.body["label_ids"])
            if name not in versions or versions[name].label_ids != label_ids:
                # Another version than today's when the taxonomy changed while the model was on its way into the log.
                fitting = [number for number in (*lineage.versions, *reversed(lineage.forks.steps))
                           if lineage.versions[number].label_ids == label_ids]
                versions[name] = Version(name, label_ids, today if today in fitting else max(fitting, default=today))
    return versions.values()


def body_version(body: Mapping[str, Any], lineage: Lineage, *, otherwise: int) -> int:
    """The taxonomy version under which a run trained; an event of an earlier package doesn't say."""
    version = int(body.get("taxonomy", otherwise))
    return version if version in lineage.versions else otherwise
