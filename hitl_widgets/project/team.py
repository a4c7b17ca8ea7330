"""Roles of a project's people: invitations, and acts that are set aside and taken in. Read `invite` first.

Which act a role allows is in `hitl_widgets.storage.roles`. Until somebody is invited, everybody may do everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import BadInput
from ..events import ANSWERS, Event
from ..records import check_annotator, new_id
from ..storage.roles import BOUND_TO_PLACE, NEEDS, ROLES

if TYPE_CHECKING:
    from .project import Project

COLUMNS = ["annotator", "role", "since", "given_by"]
ASIDE_COLUMNS = ["id", "annotator", "kind", "item_id", "label", "acted_at", "stored_at", "role"]
GIVEN = tuple(reversed(ROLES[1:]))
# What the card says about a person's role.
READS = {"guest": "You are a guest in this project", "none": "You have no role in this project"}


def roles(project: Project) -> pd.DataFrame:
    """Return a table of everybody with a role: annotator, role, since (NaT for the project's creator), given_by."""
    project.refresh()
    with project.state.lock:
        agreements = project.state.agreements
        given = agreements.given
        rows = [(name, role, given[name].acted_at if name in given else pd.NaT,
                 given[name].annotator if name in given else None)
                for name, role in agreements.roles.given.items()]
    table = pd.DataFrame(sorted(rows, key=lambda row: (-ROLES.index(str(row[1])), str(row[0]))), columns=COLUMNS)
    return table.assign(since=pd.to_datetime(table["since"], utc=True))


def invite(project: Project, name: str, role: str = "annotator") -> pd.DataFrame:
    """Give a person a role, as an owner; the first time, everybody who worked here before becomes an annotator.

    Returns
    -------
    DataFrame
        The table of `roles`.

    Raises
    ------
    BadInput
        When there is no such role.
    NotAllowed
        When somebody else than an owner acts, or the last owner would get another role.
    """
    name = check_annotator(name)
    if role not in GIVEN:
        raise BadInput(f"role is {role!r}; one of {', '.join(GIVEN)} is expected. wb.people.withdraw({name!r}) takes a "
                       "person's role away.")
    project.require("role")
    known = project.state.roles
    new = {name: role}
    if not known.in_force:
        new |= {other: "annotator" for other in sorted(project.log.people()) if other not in (name, project.annotator)
                and other not in known.owners}
    if known.of(name) != role or not known.in_force:
        _give(project, new)
        if others := [other for other in new if other != name]:
            project.notify(f"From now on people do here what their role allows. {_listed(others)} worked here before, "
                           f"and {'is an annotator' if len(others) == 1 else 'are annotators'} now; "
                           "wb.people.roles() lists everybody.")
    return roles(project)


def withdraw(project: Project, name: str) -> pd.DataFrame:
    """Withdraw a person's role, as an owner: earlier answers still count, later ones don't.

    Raises
    ------
    BadInput
        When nobody of that name has a role.
    NotAllowed
        When somebody else than an owner acts, or they are the last owner.
    """
    project.require("role")
    known = project.state.roles
    if check_annotator(name) not in (project.log.people() if not known.in_force else known.given):
        raise BadInput(f"{name!r} has no role in this project; wb.people.roles() lists who has one.")
    if not known.in_force and name not in known.owners:
        everybody = sorted(project.log.people() - {name, *known.owners})
        _give(project, {**dict.fromkeys(everybody, "annotator"), name: "none"})
    elif known.of(name) != "none":
        _give(project, {name: "none"})
    project.log.release(None, name)
    return roles(project)


def _give(project: Project, new: dict[str, str]) -> None:
    """Store the roles of some people, all of them or none."""
    at = project._now()
    project.take_in(*(Event(id=new_id(), kind="role", annotator=project.annotator, acted_at=at,
                            body={"annotator": name, "role": role}) for name, role in new.items()))
    project.tell("people")


def set_aside(project: Project, reader: str) -> pd.DataFrame:
    """Return a table of the acts that are set aside: a person's own, or everybody's for an owner.

    Columns: id, annotator, kind ("decided", "retracted", ...), item_id, label (as given), acted_at, stored_at, role
    (the person's current role).
    """
    project.refresh()
    owner = project.state.agreements.is_owner(reader)
    known = project.state.roles
    rows = [(event.id, event.annotator, event.kind, event.item_id, event.body.get("label"), event.acted_at,
             event.stored_at, known.of(event.annotator))
            for event in project.log.set_aside_events() if owner or event.annotator == reader]
    return pd.DataFrame(rows, columns=ASIDE_COLUMNS)


def take_in(project: Project, ids: str | Iterable[str] | pd.DataFrame) -> pd.DataFrame:
    """Have acts that were set aside count from now on, as an owner.

    An answer that its author retracted meanwhile is taken in together with the retraction.

    Parameters
    ----------
    project : Project
    ids : str, iterable of str or DataFrame
        Ids from `set_aside`, or its table.

    Returns
    -------
    DataFrame
        The acts that are still set aside.

    Raises
    ------
    BadInput
        When one of them isn't set aside, or can't be taken in, such as a taxonomy edit.
    NotAllowed
        When somebody else than an owner acts.
    """
    project.require("taken_in")
    if isinstance(ids, pd.DataFrame):
        if "id" not in ids.columns:
            raise BadInput("a table without a column 'id' was given; that of wb.people.set_aside() is expected.")
        ids = ids["id"]
    wanted: dict[str, None] = dict.fromkeys([ids] if isinstance(ids, str) else ids)
    aside = {event.id: event for event in project.log.set_aside_events()}
    for id in wanted:
        if id not in aside:
            raise BadInput(f"{id!r} isn't kept aside; wb.people.set_aside() lists what is.")
        if (event := aside[id]).kind in BOUND_TO_PLACE:
            what = "an edit of the taxonomy" if event.kind == "taxonomy" else "it"
            raise BadInput(f"{id!r} can't be taken in: {what} holds only at its own place in the log. Do it anew.")
    if not wanted:
        return set_aside(project, project.annotator)
    wanted |= dict.fromkeys(event.id for event in aside.values() if event.kind == "retracted"
                            and event.body["decision_id"] in wanted and aside[event.body["decision_id"]].annotator
                            == event.annotator)
    event = Event(id=new_id(), kind="taken_in", annotator=project.annotator, acted_at=project._now(),
                  body={"events": list(wanted)})
    project.log.rewrite("before-take-in", lambda conn: project.log.append_within(conn, event))
    project.refresh()
    project.tell("decisions")
    return set_aside(project, project.annotator)


def reading(project: Project, annotator: str) -> str | None:
    """Why a card is read-only, in a sentence for its person; None if it isn't. Quick."""
    known = project.state.roles
    if not known.in_force or (role := known.of(annotator)) not in READS:
        return None
    return f"{READS[role]}: this card is for reading. {_listed(known.owners)} can invite you."


# 14 branches: most are for singular and plural.
def aside_in_words(project: Project, annotator: str) -> str | None:
    """Tell a person how many of their answers are set aside, and an owner whose answers are; None if there are none."""
    known = project.state.roles
    if not known.in_force:
        return None
    role, owners = known.of(annotator), known.owners
    events = project.log.set_aside_events()
    own = sum(event.annotator == annotator and event.kind in ANSWERS for event in events)
    others = {event.annotator: None for event in events if event.annotator != annotator} if role == "owner" else {}
    said = []
    if own:
        said.append(f"{_answers(own, 'your ')} kept aside, since your role didn't allow "
                    f"{'it' if own == 1 else 'them'} when {'it was' if own == 1 else 'they were'} stored: "
                    f"{_listed(owners)} can take {'it' if own == 1 else 'them'} in.")
    if others:
        n = sum(event.annotator in others for event in events)
        said.append(f"{n:,} act{'' if n == 1 else 's'} by {_listed(others)} {'is' if n == 1 else 'are'} kept aside: "
                    "wb.people.set_aside() lists them, and wb.people.take_in(...) has them count.")
    return " ".join(said) or None


def kept_aside(project: Project, annotator: str) -> str:
    """Tell a person, in a sentence, why their last act was set aside."""
    why = project.state.roles.refusal(annotator, NEEDS["decided"])
    return f"Kept aside: {why} It isn't lost, and counts once an owner takes it in."


def _answers(n: int, whose: str) -> str:
    return f"{n:,} of {whose}answers {'is' if n == 1 else 'are'}"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
