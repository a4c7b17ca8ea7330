"""Redactions: permanent removal of notes and people's names from a project's log. Read `Redactions` and `redact`.

An event of kind "redacted" records the removal of a note, by the ids of the events that held it, or of a person's name,
by the number that replaces it ("person 3f2a91bc"). A name that comes back, from an open page, an import or another copy
of the project, is recognised by a slow hash and replaced by the number before it is stored. Hash and number depend only
on the name and the project, so that copies of a project which forget a person independently agree.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ..events import Event, canonical, undo_id
from ..records import check_annotator
from .checks import checksum
from .schema import CLAIM, EVENT

KIND = "redacted"
# Names that belong to nobody: the summary of all annotators, and imported answers without an annotator.
NOBODYS = frozenset({"consensus", "import"})
# Replaces a text that can't be empty.
REMOVED = "[removed]"
# Kind of event -> key of the note in its body.
NOTES = {"decided": "note", "repeated": "note", "adjudicated": "note", "thread": "text", "taxonomy": "why"}
# Minimum length of names that are replaced in texts: shorter ones are too often another word.
SHORTEST_IN_TEXTS = 3
# Parameters n, r and p of scrypt. A guess takes 0.1 s and 32 MB.
HARDNESS = (2**15, 8, 1)
# Limit of the work for one name that somebody else's log may require.
MOST_HARDNESS = 2**18

# Keys in bodies with people's names, beside the annotator, and keys with free text.
_NAMED = {"role": ("annotator",), "assigned": ("annotator",)}
_TEXTS = {"decided": ("note",), "repeated": ("note",), "adjudicated": ("note",), "thread": ("text",),
          "taxonomy": ("why",), "adopted": ("why", "name"), "adopted_values": ("why",), "imported": ("name",),
          "presumed": ("why",), "policy": ("purpose", "planted.purpose"), "told": ("text", "lines"),
          "assigned": ("why",), "role": ("why",), "settled": ("why",), "taken_in": ("why",), "exported": ("file",)}
# The ids of notices are made from the person's name.
_TOLD = re.compile(r"told-[a-z]+-")
# The columns that a checksum covers.
_COLUMNS = [EVENT.c[name] for name in ("seq", "id", "kind", "annotator", "item_id", "acted_at", "stored_at", "body")]
# Older SQLites compare with no more than 999 values in a statement.
_CHUNK, _VALUES = 2_000, 400


@dataclass(frozen=True, slots=True)
class Person:
    """A person who was forgotten: the number in place of the name, and whether it also replaces the name in texts."""

    number: str
    in_texts: bool


class Redactions:
    """The redactions of a log, up to some event; False in a boolean context if there are none.

    Attributes
    ----------
    notes : set of str
        Ids of the events whose note was removed.
    met : mapping
        Forgotten name -> person, for names that came back in this process, as an annotator's name or in an import. Only
        these names can be removed from texts: the log has only their hashes, and hashing every word takes too long.
    """

    def __init__(self, bodies: Iterable[Mapping[str, Any]] = ()) -> None:
        self._people: dict[tuple[str, tuple[int, int, int]], dict[str, Person]] = {}  # salt and hardness -> by hash
        self.notes: set[str] = set()
        self.met: Mapping[str, Person] = {}
        self._known: dict[str, Person | None] = {}
        for body in bodies:
            self.take(body)

    def __bool__(self) -> bool:
        return bool(self._people or self.notes)

    def take(self, body: Mapping[str, Any]) -> None:
        """Apply the body of an event of kind "redacted"; ValueError if it isn't in the form of this package."""
        if body.get("of") == "note":
            self.notes.update(_texts(*body["events"]))
        elif "hash" in body:
            salt, digest, number = _texts(body["salt"], body["hash"], body["number"])
            check_annotator(number)
            self._people.setdefault((salt, _checked_hardness(body["hardness"])), {})[digest] = \
                Person(number, bool(body.get("texts", True)))
            self._known.clear()

    def person(self, name: str) -> Person | None:
        """The forgotten person with this name; None for any other name. Slow on the first call for a name."""
        if not self._people or name in NOBODYS:
            return None
        if name not in self._known:
            self._known[name] = next((found for (salt, hardness), of in self._people.items() if (
                found := of.get(fingerprint(name, salt, hardness)[0])) is not None), None)
            if (person := self._known[name]) is not None:
                self.met = {**self.met, name: person}
        return self._known[name]

    def who(self, name: str) -> str:
        """The number in place of a forgotten name; every other name unchanged."""
        person = self.person(name)
        return name if person is None else person.number

    def text(self, text: str) -> str:
        """Return a text with the forgotten names in `met` replaced."""
        return Change(self.met).text(text) if self.met else text

    def applied(self, event: Event) -> Event:
        """Return an event without redacted notes, and with the forgotten names in `met` replaced by numbers."""
        for name in (event.annotator, *_names_in(event.kind, event.body)):
            self.person(name)
        if not self.met and event.id not in self.notes:
            return event
        change = Change(self.met, notes=self.notes)
        annotator, body = change.name(event.annotator), change.body(event.id, event.kind, event.body)
        return event if (annotator, body) == (event.annotator, event.body) else \
            replace(event, annotator=annotator, body=body)


def _texts(*values: Any) -> tuple[str, ...]:
    """Return values of a body; ValueError if one isn't a text."""
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"a redaction says {values!r:.200}, and text is expected")
    return values


def _checked_hardness(given: Sequence[int]) -> tuple[int, int, int]:
    """The parameters of a hash; ValueError if computing it would take too long or is impossible."""
    n, r, p = given
    if not (all(type(one) is int for one in given) and 1 < n <= MOST_HARDNESS and n & (n - 1) == 0
            and 1 <= r <= 16 and 1 <= p <= 4):
        raise ValueError(f"a name is redacted with the hardness {given!r}")
    return n, r, p


@lru_cache(maxsize=1_000)
def fingerprint(name: str, salt: str, hardness: tuple[int, int, int] = HARDNESS) -> tuple[str, str]:
    """The hash by which a name is recognised, and the number that replaces it.

    With the log, names can be guessed and tested, at 0.1 s for each: not a whole dictionary, but a list of people.
    """
    n, r, p = hardness
    made = hashlib.scrypt(name.encode("utf-8", "surrogatepass"), salt=salt.encode(), n=n, r=r, p=p, dklen=20,
                          maxmem=256 * r * n).hex()
    return made[:32], f"person {made[32:]}"


def body_of_person(name: str, salt: str, *, texts: bool) -> dict[str, Any]:
    """The body of the event that records that a person was forgotten."""
    digest, number = fingerprint(name, salt)
    return {"of": "person", "hash": digest, "number": number, "salt": salt, "hardness": list(HARDNESS), "texts": texts}


@dataclass(frozen=True)
class Change:
    """A change of events: names become numbers, notes are removed, and ids that contain a name are replaced.

    Parameters
    ----------
    people : mapping
        Name -> the person with the number.
    notes : collection of str
        Ids of the events whose note is removed.
    ids : mapping
        Id of an event -> its new id.
    """

    people: Mapping[str, Person]
    notes: Collection[str] = ()
    ids: Mapping[str, str] = field(default_factory=dict)

    def name(self, name: str) -> str:
        """The new name of a person."""
        person = self.people.get(name)
        return name if person is None else person.number

    def text(self, text: str) -> str:
        """Return a text with names replaced, where they are whole words."""
        pattern = _words(tuple(sorted((name for name, person in self.people.items()
                                       if person.in_texts and len(name) >= SHORTEST_IN_TEXTS), key=len, reverse=True)))
        return text if pattern is None else pattern.sub(lambda found: self.people[found[0]].number, text)

    def body(self, id: str, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body of an event after the change."""
        made: dict[str, Any] = _with_ids(body, self.ids) if self.ids else dict(body)
        for path in _TEXTS.get(kind, ()):
            _put(made, path.split("."), self.text)
        for path in _NAMED.get(kind, ()):
            _put(made, path.split("."), self.name)
        note = NOTES.get(kind)
        if id in self.notes and made.get(note or "") not in (None, ""):
            if kind == "thread":
                made["text"] = REMOVED
            elif kind == "taxonomy":
                made["why"] = None
            else:
                del made["note"]
        return made


@lru_cache(maxsize=100)
def _words(names: tuple[str, ...]) -> re.Pattern[str] | None:
    return as_words(names) if names else None


def as_words(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds names as whole words; of names with the same beginning, the one that is listed first."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")


def _put(body: dict[str, Any], path: Sequence[str], change: Any) -> None:
    name, *rest = path
    value = body.get(name)
    if rest:
        if isinstance(value, Mapping):
            body[name] = dict(value)
            _put(body[name], rest, change)
    elif isinstance(value, str):
        body[name] = change(value)
    elif isinstance(value, (list, tuple)):
        body[name] = [change(one) if isinstance(one, str) else one for one in value]


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, Mapping):
        return {name: _with_ids(one, ids) for name, one in value.items()}
    return [_with_ids(one, ids) for one in value] if isinstance(value, (list, tuple)) else value


def _names_in(kind: str, body: Mapping[str, Any]) -> Iterator[str]:
    for path in _NAMED.get(kind, ()):
        value = body.get(path)
        yield from [value] if isinstance(value, str) else \
            (one for one in value if isinstance(one, str)) if isinstance(value, (list, tuple)) else ()


# -- a whole log ---------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Redacted:
    """How much was changed in a log: events that had another annotator, texts, notes and claims."""

    n_events: int = 0
    n_texts: int = 0
    n_notes: int = 0
    n_claims: int = 0


def redactions_in(conn: sa.Connection) -> Redactions:
    """The redactions of a log, on a connection."""
    bodies = conn.scalars(sa.select(EVENT.c.body).where(EVENT.c.kind == KIND).order_by(EVENT.c.seq)).all()
    return Redactions(map(json.loads, bodies))


def redact(conn: sa.Connection, redactions: Redactions) -> Redacted:
    """Remove all redacted content from a log, in the transaction of a connection; a second call changes nothing.

    Parameters
    ----------
    conn : sqlalchemy.Connection
    redactions : Redactions
        The redactions of the log, or of the log and of another copy of the project.
    """
    forgotten = {name: person for name in everybody(conn) if (person := redactions.person(name)) is not None}
    return rename(conn, forgotten, notes=redactions.notes)


def rename(conn: sa.Connection, people: Mapping[str, Person], *, notes: Collection[str] = (),
           ids: Mapping[str, str] | None = None) -> Redacted:
    """Replace people's names in a whole log, and remove notes, in the transaction of a connection."""
    new_ids = {**_new_ids(conn, people), **(ids or {})}
    change = Change(people, notes, new_ids)
    n_events = n_texts = n_notes = 0
    # Claims are only hints, and are made again.
    n_claims = sum(conn.execute(sa.delete(CLAIM).where(CLAIM.c.annotator == name)).rowcount for name in people)
    for condition in _concerned(people, notes, new_ids):
        since = 0
        while rows := conn.execute(sa.select(*_COLUMNS).where(EVENT.c.seq > since, condition).order_by(
                EVENT.c.seq).limit(_CHUNK)).all():
            changed = []
            for row in rows:
                body = json.loads(row.body)
                made = change.body(row.id, row.kind, body)
                text = row.body if made == body else canonical(made)
                new = {**row._mapping, "id": new_ids.get(row.id, row.id), "annotator": change.name(row.annotator),
                       "body": text}
                n_events += new["annotator"] != row.annotator
                n_notes += row.id in notes and text != row.body
                n_texts += row.id not in notes and text != row.body
                if new != dict(row._mapping):
                    changed.append({"of": row.seq, "new_id": new["id"], "who": new["annotator"], "says": text,
                                    "sum": checksum(new)})
            if changed:
                conn.execute(_UPDATE, changed)
            since = rows[-1].seq
    return Redacted(n_events, n_texts, n_notes, n_claims)


_UPDATE = sa.update(EVENT).where(EVENT.c.seq == sa.bindparam("of")).values(
    id=sa.bindparam("new_id"), annotator=sa.bindparam("who"), body=sa.bindparam("says"), checksum=sa.bindparam("sum"))


def _concerned(people: Mapping[str, Person], notes: Collection[str], ids: Mapping[str, str]
               ) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions for the events that may have to be changed; they may overlap."""
    for name in people:
        # The name as it is written in JSON.
        spelt = json.dumps(name, ensure_ascii=False)[1:-1]
        yield (EVENT.c.annotator == name) | EVENT.c.body.contains(spelt, autoescape=True)
    of_notes = sorted(notes)
    for start in range(0, len(of_notes), _VALUES):
        yield EVENT.c.id.in_(of_notes[start:start + _VALUES])
    for id in ids:
        yield (EVENT.c.id == id) | EVENT.c.body.contains(id, autoescape=True)


def everybody(conn: sa.Connection) -> set[str]:
    """Everybody who is named in a log: annotators, and people with claims, roles or assignments."""
    found, last = set(conn.scalars(sa.select(CLAIM.c.annotator).distinct())), ""
    next_name = sa.select(sa.func.min(EVENT.c.annotator)).where(EVENT.c.annotator > sa.bindparam("last"))
    while (name := conn.scalar(next_name, {"last": last})) is not None:
        found.add(last := str(name))
    for kind, body in conn.execute(sa.select(EVENT.c.kind, EVENT.c.body).where(EVENT.c.kind.in_(_NAMED))):
        found.update(_names_in(kind, json.loads(body)))
    return found


def _new_ids(conn: sa.Connection, people: Mapping[str, Person]) -> dict[str, str]:
    """New ids for the events whose id contains a name, or was made from one."""
    made: dict[str, str] = {}
    for name, person in people.items():
        told = sa.select(EVENT.c.id, EVENT.c.acted_at, EVENT.c.body).where(EVENT.c.kind == "told",
                                                                           EVENT.c.annotator == name)
        for row in conn.execute(told):
            made |= _new_told_id(row.id, row.acted_at, row.body, person)
        if _may_be_in_ids(name):
            holding = sa.select(EVENT.c.id).where(EVENT.c.id.contains(name, autoescape=True))
            made |= _without_name(conn.scalars(holding), name, person)
    return made


def _new_told_id(id: str, acted_at: int, body: str, person: Person) -> dict[str, str]:
    if (prefix := _TOLD.match(id)) is None:
        return {}
    about = json.loads(body)
    text = f"{person.number}\0{acted_at}\0{about.get('kind')}\0{about.get('answer_first')}"
    return {id: prefix[0] + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}


def _may_be_in_ids(name: str) -> bool:
    return len(name) >= SHORTEST_IN_TEXTS and re.fullmatch(r"[0-9A-Za-z_.:-]+", name) is not None


def _without_name(ids: Iterable[str], name: str, person: Person) -> dict[str, str]:
    pattern = re.compile(rf"(?<![0-9A-Za-z]){re.escape(name)}(?![0-9A-Za-z])")
    made: dict[str, str] = {}
    for id in ids:
        if name in id and (new := pattern.sub(person.number.replace(" ", "-"), id)) != id:
            made[id] = new[:80]
            made[undo_id(id)] = undo_id(made[id])
    return made
