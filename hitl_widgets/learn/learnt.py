"""Records of the items that a model and its ancestors were trained on.

With them, a model isn't measured on gold items that it has learnt. The event of a run, or of a head that is adopted in
the background, has the ids of the training items, packed by `pack`; `learnt_gold` and `never_learnt` read them. Ids are
stored as their CRC-32, in 4 bytes or less; if two ids have the same checksum, a gold item may be left out needlessly.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..errors import LogDamaged
from ..events import Event
from ..project.project import Project
from ..records import LABELLING


def pack(item_ids: Iterable[str]) -> str:
    """Write a set of ids as text: some 3.5 bytes for each, and fewer the more there are.

    Examples
    --------
    >>> len(unpack(pack(["a", "b", "a"])))
    2
    """
    sums = np.unique(np.array([zlib.crc32(item_id.encode()) for item_id in item_ids], np.uint32))
    steps = np.diff(sums, prepend=np.uint32(0)).astype("<u4")
    # First bytes of all numbers together, then second bytes, ...: upper bytes are similar, and compress well.
    return base64.b64encode(zlib.compress(steps.view(np.uint8).reshape(-1, 4).T.tobytes(), 9)).decode()


def unpack(text: str) -> np.ndarray:
    """The CRC-32 of each id that `pack` wrote, in ascending order: uint32.

    Raises
    ------
    LogDamaged
        When it isn't what `pack` wrote.
    """
    try:
        steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1).T
    except (ValueError, zlib.error) as error:
        raise LogDamaged(f"a training's record of what it learnt from can't be read ({error}); go back to a copy of "
                         "the log, in copies/.") from error
    return np.cumsum(np.ascontiguousarray(steps).view("<u4").ravel(), dtype=np.uint32)


# Logs of earlier versions lack a training's parent and the items it learnt; both are inferred here.
def learnt_gold(project: Project, versions: Iterable[str | None]) -> set[int]:
    """Positions of the gold items that one of these models, or one of its ancestors, was trained on.

    Trainings by earlier versions of this package, and a user's nets, have no record: there an item counts as learnt if
    it had an answer by then and wasn't gold yet.
    """
    gold = {str(project.pool.ids[position]): position for position in project.measuring().gold}
    events = list(project.log.events(kind=("adopted", "trained", "gold"))) if gold else []
    learnt = set[int]()
    answered = None
    for event in _ancestry(_lines(events), versions):
        if "learnt" in event.body:
            sums = unpack(event.body["learnt"])
            learnt |= {position for item_id, position in gold.items() if zlib.crc32(item_id.encode()) in sums}
        else:
            answered = _answered_at(project, gold) if answered is None else answered
            since = _gold_since(events)
            learnt |= {gold[item_id] for item_id, seq in answered.items()
                       if seq < (event.seq or 0) and since[item_id] > (event.seq or 0)}
    return learnt


def never_learnt(project: Project, version: str, item_ids: Sequence[str]) -> np.ndarray:
    """Mask of the items that neither a model nor any of its ancestors was trained on: bool, shape (n_items,).

    Where there is no record, as for a user's net, an item counts as learnt if it had an answer by then.

    Parameters
    ----------
    project : Project
    version : str
        The model.
    item_ids : sequence of str
        Items that may train.
    """
    lines, never = _lines(project.log.events(kind=("adopted", "trained"))), np.ones(len(item_ids), np.bool_)
    sums = np.array([zlib.crc32(item_id.encode()) for item_id in item_ids], np.uint32)
    answered: np.ndarray | None = None
    for event in _ancestry(lines, [version]):
        if "learnt" in event.body:
            never &= ~np.isin(sums, unpack(event.body["learnt"]))
        else:
            if answered is None:
                first, never_yet = _answered_at(project, item_ids), np.iinfo(np.int64).max
                answered = np.array([first.get(item_id, never_yet) for item_id in item_ids], np.int64)
            never &= answered > (event.seq or 0)
    return never


def _lines(events: Iterable[Event]) -> dict[str, list[tuple[Event, str | None]]]:
    """Version of each model -> the events by which it was trained or adopted, each with the parent's version."""
    former, lines = None, dict[str, list[tuple[Event, str | None]]]()
    for event in events:
        if event.kind == "gold":
            continue
        name = event.body["model"]
        if event.kind == "trained":
            parent = event.body["parent"] if "parent" in event.body else \
                former if event.body.get("start", "adopted") == "adopted" else None
            lines.setdefault(name, []).append((event, parent))
        else:
            if name not in lines or "learnt" in event.body:
                lines.setdefault(name, []).append((event, None))
            former = name
    return lines


def _ancestry(lines: dict[str, list[tuple[Event, str | None]]], versions: Iterable[str | None]) -> Iterator[Event]:
    """The events by which models and their ancestors learnt: trainings, and adoptions of nets without a training."""
    seen, left = set[str](), [version for version in versions if version is not None]
    while left:
        if (version := left.pop()) not in seen:
            seen.add(version)
            for event, parent in lines.get(version, ()):
                yield event
                left += [] if parent is None else [parent]


def _answered_at(project: Project, gold: Iterable[str]) -> dict[str, int]:
    """The number of the event that first gave each of these items a label; hold-out items are left out."""
    places = project.pool.positions(list(gold)).tolist()
    may_train = [item_id for item_id, place in zip(gold, places, strict=True) if not project.queue.holdout[place]]
    first: dict[str, int] = {}
    for event in project.log.events_of(may_train):
        if event.kind == "decided" and event.body["verdict"] in LABELLING \
                and not event.body.get("seen", {}).get("planted"):
            first.setdefault(event.item_id or "", event.seq or 0)
    return first


def _gold_since(events: Iterable[Event]) -> dict[str, int]:
    """Map each gold item to the number of the event that made it gold."""
    since: dict[str, int] = {}
    for event in events:
        for item_id, label_id in event.body["answers"].items() if event.kind == "gold" else ():
            if label_id is None:
                since.pop(item_id, None)
            else:
                since.setdefault(item_id, event.seq or 0)
    return since
