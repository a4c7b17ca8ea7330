"""The union of two logs of one project: all events of both, in an order that doesn't depend on which log comes first.

`union` is a pure function of the contents of two logs. Read it first, then `Steps`, which decides which taxonomy edits
are valid ("hold") if several were made from one version, and `acts_of`, which reads a log. The reasons are in
docs/decisions/0014-joining.md.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..errors import BadInput
from ..events import Event, canonical, comparable
from .checks import checksum
from .roles import Roles, asked
from .schema import EVENT, add, id_of_edit, instant

# Separates the two parts of a conflicting act's new id: its former id, and a hash of its content.
MARK = ".joined-"
_JOINED = re.compile(r"(.+)\.joined-[0-9a-f]{16}\Z", re.DOTALL)
_MOST = 80 - len(MARK) - 16  # longer ids are cut to this length before a mark is added
_VERSION = "taxonomy"  # key in bodies whose value is a version number, if it is a whole number


class Act(NamedTuple):
    """A row of `schema.EVENT` without the columns that depend on the log: number, checksum and `aside`."""

    id: str
    kind: str
    annotator: str
    item_id: str | None
    acted_at: int
    stored_at: int
    body: str
    tick: int


@dataclass(frozen=True)
class Union:
    """The union of two logs.

    Parameters
    ----------
    acts : list of Act
        In the order of (tick, id).
    new : tuple of Act
        Acts that the first log didn't have.
    same : tuple of Act
        Acts that both logs had.
    conflicting : tuple of Act
        Acts that got a new id, because another act with different content has the same id.
    forks : tuple of str
        Ids of the taxonomy edits that aren't part of the history after joining, the earliest first.
    changed : bool
        Whether the union differs from the first log.
    """

    acts: list[Act]
    new: tuple[Act, ...] = ()
    same: tuple[Act, ...] = ()
    conflicting: tuple[Act, ...] = ()
    forks: tuple[str, ...] = ()
    changed: bool = False


def base_id(id: str) -> str:
    """The id that an act had before it was joined."""
    found = _JOINED.match(id) if MARK in id else None
    return found[1] if found else id


def check_edit(event: Event, project_id: str) -> None:
    """Raise ValueError if an event has an id reserved for another taxonomy edit, in this log or in a union."""
    id, start = base_id(event.id), id_of_edit(project_id, "")
    if not id.startswith(start) or not (of := id.removeprefix(start)).isdecimal():
        return
    made = int(event.body["taxonomy"]["version"]) - 1 if event.kind == "taxonomy" else None
    if int(of) not in (0, made) or made is None:
        raise ValueError(f"the event {event.id!r} isn't an edit of version {of}")


# 16 branches: loops over both logs, in the order in which ids and numbers are determined.
def union(mine: Sequence[Act], theirs: Sequence[Act]) -> Union:
    """Merge two logs; the operation is commutative and associative in `acts`.

    An act that both logs have is kept once; if it was stored twice, such as an undo on two machines, the earlier one is
    kept. Acts with the same id but different content are all kept, and the later ones get new ids derived from their
    content. If several taxonomy edits start from the same version, the earliest one and the edits after it stay in the
    history. The versions made by the others get negative numbers.

    Parameters
    ----------
    mine, theirs : sequence of Act
        Each in the order of its log.

    Raises
    ------
    BadInput
        If the logs begin differently, so that they aren't copies of one project.
    """
    logs = (_Origin(mine), _Origin(theirs, 1))
    alone, contested = _parted(logs)
    final: list[tuple[Act, _Origin]] = [(act, logs[place]) for place in (0, 1) for act in alone[place]]
    renamed: dict[tuple[int, str], str] = {}
    for base, group in contested.items():
        for id, variants in _by_id(base, group):
            first, origin, _ = variants[0]
            renamed |= {(log.number, act.id): id for act, log, _ in variants if act.id != id}
            final.append((first._replace(id=id), origin))
    steps = Steps.of([log for log in logs if log.keys], [act for act, _ in final if act.kind in Roles.KINDS])
    for key, (act, origin) in steps.acts.items():
        id = steps.id_of(key)
        renamed |= {(log.number, log.ids[key]): id for log in logs if log.ids.get(key, id) != id}
        final.append((act._replace(id=id), origin))
    of_log = [_Local(log, steps, {old: new for (number, old), new in renamed.items() if number == log.number})
              for log in logs]
    acts = {act.id: act for act in (of_log[origin.number].written(act) for act, origin in final)}
    had, theirs_now = ({renamed.get((place, act.id), act.id) for act in log.acts} for place, log in enumerate(logs))
    return _compared(mine, sorted(acts.values(), key=lambda act: (act.tick, act.id)), had, theirs_now,
                     forks=tuple(steps.id_of(key) for key in steps.losing))


def _compared(mine: Sequence[Act], acts: list[Act], had: Set[str], theirs: Set[str], *,
              forks: tuple[str, ...]) -> Union:
    """The union, with the ids of its acts that each log had before."""
    before = {act.id for act in mine}
    return Union(acts, new=tuple(act for act in acts if act.id not in had),
                 same=tuple(act for act in acts if act.id in had and act.id in theirs),
                 conflicting=tuple(act for act in acts if MARK in act.id and act.kind != "taxonomy"
                                   and act.id not in before),
                 forks=forks, changed=acts != list(mine))


class _Origin:
    """One of the two logs to be joined, with its taxonomy steps.

    Version numbers and ids may differ between logs. So each step has a key that is the same in every log
    (`step_key`), and this class maps the log's own version numbers and ids to these keys.

    Attributes
    ----------
    acts : sequence of Act
    number : int
        0 for the first log, 1 for the second.
    keys : dict
        Number of a version -> key of the step that made it.
    ids : dict
        Key of a step -> its id in this log.
    parents : dict
        Key of a step -> key of the step before; None for the first.
    steps : dict
        Key of a step -> its acts.
    """

    def __init__(self, acts: Sequence[Act], number: int = 0) -> None:
        self.acts, self.number = acts, number
        self.keys: dict[int, str] = {}
        self.ids: dict[str, str] = {}
        self.parents: dict[str, str | None] = {}
        self.steps: dict[str, list[Act]] = {}
        bodies = {act.id: json.loads(act.body) for act in acts if act.kind == "taxonomy"}
        key_of: dict[str, str] = {}
        last: int | None = None
        waiting = [act for act in acts if act.kind == "taxonomy"]
        for act in waiting:
            body = bodies[act.id]
            version = int(body.get("fork") or body["taxonomy"]["version"])
            before = body["after"] if version < 0 else last
            last = last if version < 0 else version
            parent = None if before is None else self.keys[before]
            key = step_key(body, parent, key_of)
            key_of[act.id], self.keys[version] = key, key
            self.ids[key], self.parents[key] = act.id, parent
            self.steps.setdefault(key, []).append(act)


def step_key(body: Mapping[str, Any], parent: str | None, key_of: Mapping[str, str] | None = None) -> str:
    """The key of a taxonomy step, which is the same in every copy of a project: 16 hexadecimal digits.

    It is a hash of the resulting taxonomy, of the edits, and of the step before, but not of author and reason.

    Parameters
    ----------
    body : mapping
        The body of the step's event.
    parent : str or None
        Key of the step before; None for a project's first.
    key_of : mapping, optional
        Id of each earlier step in its log -> its key.
    """
    taxonomy = {name: value for name, value in body["taxonomy"].items() if name != "version"}
    parts = {name: body[name] for name in ("edits", "resolution", "values") if body.get(name)}
    parts |= {name: (key_of or {}).get(body[name], body[name]) for name in ("reverts", "settles") if body.get(name)}
    text = canonical({"after": parent or "", "taxonomy": taxonomy, **parts})
    return blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass
class Steps:
    """All taxonomy steps of both logs: those that stay in the history ("hold"), and those that don't.

    Attributes
    ----------
    acts : dict
        Key -> the act, as it was first stored, and its log.
    number_of : dict
        Key -> number of the resulting version: positive for valid steps, -1, -2, ... for the others.
    after : dict
        Key -> number of the version before the step; None for the first.
    losing : tuple of str
        Keys of the other steps, the earliest first.
    """

    acts: dict[str, tuple[Act, _Origin]] = field(default_factory=dict)
    number_of: dict[str, int] = field(default_factory=dict)
    after: dict[str, int | None] = field(default_factory=dict)
    losing: tuple[str, ...] = ()

    @classmethod
    def of(cls, logs: Sequence[_Origin], roles: Sequence[Act] = ()) -> Steps:
        """Decide which steps are valid: of several from the same version, only the earliest by (tick, key).

        A step isn't valid either if its author's role, according to the "role" acts in `roles`, doesn't allow it.
        """
        refused = _refused([act for log in logs for acts in log.steps.values() for act in acts], roles)
        steps = cls(_first_of_each(logs, refused))
        parents = {key: parent for log in logs for key, parent in log.parents.items()}
        children: defaultdict[str | None, list[str]] = defaultdict(list)
        for key in sorted(steps.acts, key=lambda key: (steps.acts[key][0].tick, key)):
            children[parents[key]].append(key)
        if len(children[None]) > 1:
            raise BadInput("the two projects begin with different taxonomies, so that they aren't copies of one; "
                           "nothing was joined.")
        tip = next(iter(children[None]), None)
        while tip is not None:
            steps.number_of[tip] = int(json.loads(steps.acts[tip][0].body)["taxonomy"]["version"])
            tip = next((key for key in children[tip] if steps.acts[key][0] not in refused), None)
        steps.losing = tuple(sorted(steps.acts.keys() - steps.number_of.keys(),
                                    key=lambda key: (steps.acts[key][0].tick, key)))
        steps.number_of |= {key: -place for place, key in enumerate(steps.losing, 1)}
        steps.after = {key: None if (parent := parents[key]) is None else steps.number_of[parent]
                       for key in steps.acts}
        return steps

    def id_of(self, key: str) -> str:
        """The id of a step; a step that doesn't hold never gets the id reserved for an edit of today's version."""
        base = base_id(self.acts[key][0].id)
        return base if self.number_of[key] >= 0 else f"{base[:_MOST]}{MARK}{key}"


def _first_of_each(logs: Sequence[_Origin], refused: Set[Act]) -> dict[str, tuple[Act, _Origin]]:
    """Key of a step -> its first act and the log of this act; acts that aren't refused come before refused ones."""
    found: dict[str, tuple[Act, _Origin]] = {}
    for log in logs:
        for key, act in ((key, act) for key, acts in log.steps.items() for act in acts):
            former = found.get(key)
            if former is None or ((act in refused, *_first(act, log))
                                  < (former[0] in refused, *_first(*former))):
                found[key] = act, log
    return found


def _refused(steps: Iterable[Act], giving: Iterable[Act]) -> set[Act]:
    """The taxonomy edits that their authors' roles don't allow, by the acts that gave the roles."""
    roles, refused = Roles(), set[Act]()
    for act in sorted({*steps, *giving}, key=lambda act: (act.tick, base_id(act.id), act.id)):
        event = Event(act.id, act.kind, act.annotator, instant(act.acted_at), json.loads(act.body), act.item_id)
        if act.kind != "taxonomy":
            roles.take(event)
        elif not roles.allows(*asked(event)):
            refused.add(act)
    return refused


class _Local:
    """Rewrites the acts of one log with the ids and numbers of the union."""

    def __init__(self, log: _Origin, steps: Steps, ids: Mapping[str, str]) -> None:
        self._log, self._steps, self._ids = log, steps, ids
        self._numbers = {number: new for number, key in log.keys.items() if (new := steps.number_of[key]) != number}
        self._key_of = {steps.id_of(key): key for key in steps.acts}

    def written(self, act: Act) -> Act:
        if act.kind == "taxonomy":
            body = json.loads(act.body)
            key = self._key_of[act.id]
            number = self._steps.number_of[key]
            now = with_numbers({name: value for name, value in body.items() if name not in ("fork", "after")},
                            self._ids, {})
            if number < 0:
                now |= {"fork": number, "after": self._steps.after[key]}
            return act if now == body else act._replace(body=_text(now))
        if not (self._numbers and f'"{_VERSION}":' in act.body) and not any(id in act.body for id in self._ids):
            return act
        body = json.loads(act.body)
        now = with_numbers(body, self._ids, self._numbers)
        return act if now == body else act._replace(body=_text(now))


# 14 branches: an act is in the first log, in the second, or in both, where it is the same or another.
def _parted(logs: tuple[_Origin, _Origin]) -> tuple[tuple[list[Act], list[Act]], dict[str, list[tuple[Act, _Origin]]]]:
    """Split the acts that aren't taxonomy edits in two groups.

    The first group has acts whose id is in only one log, and acts that are identical in both logs (listed with the
    first log). The second group has all others, by id.
    """
    by_id: tuple[dict[str, list[Act]], dict[str, list[Act]]] = ({}, {})
    for place, log in enumerate(logs):
        for act in log.acts:
            if act.kind != "taxonomy":
                by_id[place].setdefault(base_id(act.id), []).append(act)
    alone: tuple[list[Act], list[Act]] = ([], [])
    contested: dict[str, list[tuple[Act, _Origin]]] = {}
    for base in by_id[0] | by_id[1]:
        mine, theirs = (acts.get(base, []) for acts in by_id)
        of = mine or theirs
        if len(of) == 1 and of[0].id == base and (not (mine and theirs) or mine == theirs):
            alone[0 if mine else 1].append(of[0])
        else:
            contested[base] = [(act, log) for acts, log in ((mine, logs[0]), (theirs, logs[1])) for act in acts]
    return alone, contested


def _by_id(base: str, group: Sequence[tuple[Act, _Origin]]) -> Iterator[tuple[str, list[tuple[Act, _Origin, str]]]]:
    """Group acts that have the same id by their content, and yield each group with its id in the union."""
    is_there = any(act.id == base for act, _ in group)  # otherwise the ids aren't from a union, and are kept
    for place, variants in enumerate(_by_meaning(group)):
        first, _, meaning = variants[0]
        if not is_there:
            yield first.id, variants
        else:
            yield base if place == 0 else f"{base[:_MOST]}{MARK}{meaning}", variants


def _by_meaning(group: Iterable[tuple[Act, _Origin]]) -> list[list[tuple[Act, _Origin, str]]]:
    """Group acts that have the same id by their content, the earliest group first; each group is sorted by time."""
    by: defaultdict[str, list[tuple[Act, _Origin, str]]] = defaultdict(list)
    for act, log in group:
        meaning = _meaning(act, log)
        by[meaning].append((act, log, meaning))
    for variants in by.values():
        variants.sort(key=lambda one: _first(one[0], one[1]))
    return sorted(by.values(), key=lambda variants: (variants[0][0].tick, variants[0][2]))


def _first(act: Act, log: _Origin) -> tuple[int, int, int, str, str]:
    """The sort key for acts with the same content, by time; equal only for equal acts."""
    body = _global(json.loads(act.body), log.keys)
    if act.kind == "taxonomy":  # its version numbers depend on the log
        body = {name: value for name, value in body.items() if name not in ("fork", "after")}
    return act.tick, act.acted_at, act.stored_at, act.annotator, canonical(body)


def _meaning(act: Act, log: _Origin) -> str:
    """Hash of an act's content, the same in every log that has it: 16 hexadecimal digits."""
    body = json.loads(act.body)
    body.pop("nth", None)
    said = comparable(_global(body, log.keys))
    return blake2b(f"{act.kind}\0{act.annotator}\0{act.item_id or ''}\0{said}".encode(), digest_size=8).hexdigest()


def _global(value: Any, keys: Mapping[int, str]) -> Any:
    """Replace version numbers in a part of a body by step keys, and ids by those from before joining."""
    if isinstance(value, str):
        return base_id(value)
    if isinstance(value, list):
        return [_global(one, keys) for one in value]
    if isinstance(value, dict):
        return {name: keys.get(one, one) if name == _VERSION and type(one) is int else _global(one, keys)
                for name, one in value.items()}
    return value


def with_numbers(value: Any, ids: Mapping[str, str], numbers: Mapping[int, int]) -> Any:
    """Replace ids and version numbers in a part of a body."""
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, list):
        return [with_numbers(one, ids, numbers) for one in value]
    if isinstance(value, dict):
        return {ids.get(name, name): numbers.get(one, one) if name == _VERSION and type(one) is int
                else with_numbers(one, ids, numbers) for name, one in value.items()}
    return value


def _text(body: Mapping[str, Any]) -> str:
    """A body as JSON text in the log's form, with the event's number among those of its annotator at the end."""
    text = canonical({name: value for name, value in body.items() if name != "nth"})
    if "nth" not in body:
        return text
    number = canonical([body["nth"]])[1:-1]
    return f'{text[:-1]}{"" if text == "{}" else ","}"nth":{number}}}'


# -- a log's rows --------------------------------------------------------------------------------------------


_CHUNK = 5_000


def acts_of(conn: sa.Connection) -> list[Act]:
    """All acts of a log, in its order."""
    columns = [EVENT.c[name] for name in Act._fields]
    return [Act(*row) for row in conn.execute(sa.select(*columns).order_by(EVENT.c.seq))]


def write(conn: sa.Connection, acts: Sequence[Act]) -> None:
    """Replace a log's events by these acts, in this order; `Log.rewrite` recomputes what follows from them."""
    conn.execute(sa.delete(EVENT))
    for start in range(0, len(acts), _CHUNK):
        rows = []
        for seq, act in enumerate(acts[start:start + _CHUNK], start + 1):
            row = {**act._asdict(), "seq": seq, "aside": 0}
            rows.append({**row, "checksum": checksum(row)})
        add(conn, EVENT, rows)
