"""Roles: what each person may do, by the events of a log.

`Roles.permits` is a pure function of the events that were taken in before. Read `NEEDS` first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..errors import NotAllowed
from ..events import ANSWERS, Event

# Each role includes the rights of those before it. "none" is for people without a role, or whose role was withdrawn.
ROLES = ("none", "guest", "annotator", "reviewer", "owner")


class Need(NamedTuple):
    """The minimum role that an act needs, and the name of the act in a sentence."""

    role: str
    words: str


# Kind of event -> what it needs. Kinds that are missing here need the owner.
NEEDS: Mapping[str, Need] = {
    "created": Need("none", "making the project"),
    "told": Need("none", "reading what one is told"),
    "exported": Need("none", "exporting"),
    # `project.forgetting` checks before who may forget what: a removal must never be set aside.
    "redacted": Need("none", "forgetting"),
    "decided": Need("annotator", "answering items"),
    "repeated": Need("annotator", "answering items"),
    "retracted": Need("annotator", "taking an answer back"),
    "thread": Need("annotator", "asking questions and answering them"),
    "consented": Need("annotator", "agreeing to what the owner asks"),
    "trained": Need("annotator", "training a model"),
    "adopted": Need("annotator", "adopting a model"),
    "adopted_values": Need("annotator", "adopting a model"),
    "imported": Need("reviewer", "importing predictions"),
    "taxonomy": Need("reviewer", "editing the taxonomy"),
    "settled": Need("reviewer", "settling edits of the taxonomy"),
    "gold": Need("reviewer", "setting known answers"),
    "presumed": Need("reviewer", "presuming labels"),
    "sorted": Need("reviewer", "sorting items in triage"),
    "adjudicated": Need("reviewer", "adjudicating"),
    "planned": Need("reviewer", "planning an adjudication"),
    "policy": Need("owner", "setting what holds for the people of the project"),
    "assigned": Need("owner", "assigning items to people"),
    "role": Need("owner", "giving and withdrawing roles"),
    "taken_in": Need("owner", "taking in what is kept aside"),
}
OWNER = Need("owner", "this")
IMPORTING = Need("reviewer", "importing answers")
FOR_OTHERS = Need("reviewer", "storing answers in the name of others")
OF_OTHERS = Need("reviewer", "taking back an answer of somebody else")
READING_AHEAD = Need("reviewer", "reading questions about items that one hasn't answered")
JOINING = Need("annotator", "joining another copy of the project")
MOVING = Need("owner", "moving the project")
EXPERIMENT = Need("owner", "beginning and ending experiments")
# Kinds that can't be taken in later, since their meaning depends on their place in the log.
BOUND_TO_PLACE = frozenset({"created", "role", "taken_in", "taxonomy"})


class Roles:
    """What each person may do, after the events that were taken in.

    Until a role is given, everybody may do everything, except giving roles and taking in events that were kept aside,
    which only the project's creator may. From then on a person has the role that they were given last, or none.

    Whether an act counts depends on the log alone: the same events in the same order give the same result everywhere.

    Parameters
    ----------
    taken_in : collection of str
        Ids of the events that an owner took in, anywhere in the log: these are permitted.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> at, roles = datetime(2026, 3, 1, tzinfo=timezone.utc), Roles()
    >>> roles.take(Event("event-01", "created", "ann", at))
    >>> roles.take(Event("event-02", "role", "ann", at, {"annotator": "bob", "role": "guest"}))
    >>> roles.of("bob"), roles.permits(Event("event-03", "decided", "bob", at, {"verdict": "skip"}, "item-1"))
    ('guest', False)
    """

    # Kinds of events that change permissions; and kinds that only an owner may store, even before roles are given.
    KINDS = ("created", "role")
    OF_OWNERS = ("role", "taken_in")

    def __init__(self, taken_in: Collection[str] = ()) -> None:
        self._taken_in = taken_in
        self._maker: str | None = None
        self._given: Mapping[str, str] | None = None

    @property
    def in_force(self) -> bool:
        """Whether anybody was given a role: until then everybody may do nearly everything, see `Roles`."""
        return self._given is not None

    @property
    def owners(self) -> tuple[str, ...]:
        """The people with the role of an owner, the project's creator first."""
        return self._owners(self._all)

    @property
    def given(self) -> Mapping[str, str]:
        """Person -> role, for everybody who was ever given one, and for the project's creator."""
        return dict(self._all)

    @property
    def _all(self) -> Mapping[str, str]:
        return self._given if self._given is not None else {} if self._maker is None else {self._maker: "owner"}

    @staticmethod
    def _owners(given: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(name for name, role in given.items() if role == "owner")

    def of(self, annotator: str) -> str:
        """The role of a person: one of `ROLES`."""
        return self._all.get(annotator, "none")

    def allows(self, annotator: str, need: Need) -> bool:
        """Whether a person's role meets this need."""
        return not self.in_force or ROLES.index(self.of(annotator)) >= ROLES.index(need.role)

    def permits(self, event: Event, *, author: str | None = None) -> bool:
        """Whether an event counts.

        Parameters
        ----------
        event : Event
        author : str or None
            For a retraction, the author of the decision; None for the person's own.
        """
        if event.kind == "role":
            return self._may_give(event)
        if event.kind == "taken_in":
            return not self._all or event.annotator in self.owners
        if event.kind == "taxonomy" and event.body.get("fork"):  # it doesn't hold: settling it needs the role
            return True
        return not self.in_force or event.id in self._taken_in or self.allows(*asked(event, author=author))

    def check(self, event: Event, *, author: str | None = None) -> None:
        """Raise NotAllowed if an event isn't permitted; the message says why, and who may."""
        if self.permits(event, author=author):
            return
        if event.kind == "role" and event.annotator in self.owners:
            raise NotAllowed(f"{event.body.get('annotator')} is the last owner, and a project keeps one: give somebody "
                             "else the role first, with wb.people.invite(name, role='owner').")
        raise self.refusal(*asked(event, author=author))

    def require(self, annotator: str, kind: str) -> None:
        """Raise NotAllowed if a person may not store events of a kind."""
        need = NEEDS.get(kind, OWNER)
        if need.role == "owner":
            if self._all and annotator not in self.owners:
                raise self.refusal(annotator, need)
        elif not self.allows(annotator, need):
            raise self.refusal(annotator, need)

    def refusal(self, annotator: str, need: Need) -> NotAllowed:
        """The error for a person whose role doesn't allow what they want to do."""
        *others, last = ROLES[ROLES.index(need.role):]
        who = last if not others else f"{', '.join(others)} or {last}"
        *more, owner = self.owners or ("whoever made the project",)
        owners = f"{', '.join(more)} and {owner} give" if more else f"{owner} gives"
        has = {"none": "no role", "annotator": "the role of an annotator", "owner": "the role of an owner"}.get(
            role := self.of(annotator), f"the role of a {role}")
        return NotAllowed(f"{annotator} has {has} in this project, and {need.words} needs that of {who}. {owners} "
                          f"roles, with wb.people.invite({annotator!r}, role={need.role!r}).")

    def _may_give(self, event: Event) -> bool:
        name, role = event.body.get("annotator"), event.body.get("role")
        if not isinstance(name, str) or role not in ROLES:
            return False
        given = self._all or {event.annotator: "owner"}  # a log without the project's creator
        return event.annotator in self._owners(given) and bool(self._owners({**given, name: role}))

    def take(self, event: Event) -> None:
        """Apply an event of one of `KINDS`; a role given by somebody who may not give it is ignored."""
        if event.kind == "created" and self._maker is None:
            self._maker = event.annotator
        elif event.kind == "role" and self._may_give(event):
            self._given = {**(self._all or {event.annotator: "owner"}), event.body["annotator"]: event.body["role"]}

    def then(self, event: Event) -> Roles:
        """Return the roles after one more event, as a new object."""
        roles = Roles(self._taken_in)
        roles._maker, roles._given = self._maker, self._given
        roles.take(event)
        return roles


# 14 branches: one for each act whose need differs from that of its kind.
def asked(event: Event, *, author: str | None = None) -> tuple[str, Need]:
    """The person whose role counts for an event, and what the event needs.

    Parameters
    ----------
    event : Event
    author : str or None
        For a retraction, the author of the decision; None for the person's own.
    """
    body, who = event.body, event.annotator
    need = NEEDS.get(event.kind, OWNER)
    if event.kind in ANSWERS:
        by, seen = body.get("by"), body.get("seen")
        imported = isinstance(seen, Mapping) and seen.get("chosen_by") == "import"
        if isinstance(by, str) and by != who:
            return by, IMPORTING if imported else FOR_OTHERS
        return who, IMPORTING if imported else need
    if event.kind == "retracted" and author not in (None, who):
        return who, OF_OTHERS
    if event.kind == "consented" and not body.get("yes"):
        return who, Need("none", need.words)  # everybody may say no at any time
    if event.kind == "adopted" and body.get("origin") == "imported":
        return who, NEEDS["imported"]
    if event.kind == "planned" and body.get("for") == "bias":
        return who, EXPERIMENT
    return who, need
