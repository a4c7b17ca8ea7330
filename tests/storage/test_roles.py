"""Tests of the pure rule of roles: which events count, by the events before them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.errors import NotAllowed
from hitl_widgets.events import KINDS, Event
from hitl_widgets.storage.roles import NEEDS, ROLES, Roles

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)


def event(kind: str, who: str, /, item_id: str | None = None, **body: Any) -> Event:
    return Event("event-of-test", kind, who, AT, body, item_id)


def made_by(maker: str, **given: str) -> Roles:
    """The roles of a project that somebody made, and in which they gave some people theirs."""
    roles = Roles()
    roles.take(event("created", maker))
    for name, role in given.items():
        roles.take(event("role", maker, annotator=name, role=role))
    return roles


def decided(annotator: str, **body: Any) -> Event:
    return event("decided", annotator, item_id="item-1", verdict="skip", **body)


def test_until_a_role_is_given_everybody_may_do_everything_but_give_roles() -> None:
    roles = made_by("olga")
    assert not roles.in_force
    for kind in set(KINDS) - {"role", "taken_in"}:
        assert roles.permits(event(kind, "anybody")), kind
    assert roles.permits(event("role", "olga", annotator="ben", role="guest"))
    assert not roles.permits(event("role", "anybody", annotator="ben", role="guest"))
    assert not roles.permits(event("taken_in", "anybody", events=["event-1"]))


def test_each_role_may_do_what_its_kind_needs_and_a_larger_one_more() -> None:
    roles = made_by("olga", guy="guest", ann="annotator", rose="reviewer", nina="none")
    may = {"guy": set[str](), "ann": {"decided", "repeated", "retracted", "thread", "trained", "adopted",
                                      "adopted_values"}}
    may["rose"] = may["ann"] | {"taxonomy", "settled", "gold", "presumed", "sorted", "adjudicated", "planned",
                                "imported"}
    may["olga"] = may["rose"] | {"policy", "assigned", "taken_in"}
    may["nina"] = may["stranger"] = set()
    everything = set(KINDS) - {"created", "told", "exported", "redacted", "consented", "role"}
    for name, kinds in may.items():
        assert {kind for kind in everything if roles.permits(event(kind, name))} == kinds, name


def test_every_kind_of_event_says_what_it_needs() -> None:
    assert set(KINDS) <= set(NEEDS)
    assert all(need.role in ROLES for need in NEEDS.values())


def test_whoever_stops_agreeing_may_always_say_so() -> None:
    roles = made_by("olga", guy="guest")
    assert roles.permits(event("consented", "guy", to="planted", yes=False))
    assert not roles.permits(event("consented", "guy", to="planted", yes=True))
    assert roles.permits(event("told", "guy", read="notice-1"))


def test_an_answer_in_another_name_needs_a_reviewer_whatever_that_name_may_do() -> None:
    roles = made_by("olga", ann="annotator", rose="reviewer")
    assert roles.permits(decided("stranger", by="rose"))
    assert not roles.permits(decided("stranger", by="ann"))
    assert not roles.permits(decided("ann", by="stranger"))
    assert not roles.permits(decided("ann", seen={"chosen_by": "import"}))
    assert roles.permits(decided("rose", seen={"chosen_by": "import"}))


def test_a_person_takes_back_their_own_answer_and_a_reviewer_anybodys() -> None:
    roles = made_by("olga", ann="annotator", rose="reviewer")
    undo = event("retracted", "ann", item_id="item-1", decision_id="decision-1")
    assert roles.permits(undo, author="ann")
    assert not roles.permits(undo, author="rose")
    assert roles.permits(event("retracted", "rose", item_id="item-1", decision_id="decision-1"), author="ann")


def test_a_model_of_imported_predictions_needs_a_reviewer_and_an_experiment_the_owner() -> None:
    roles = made_by("olga", ann="annotator", rose="reviewer")
    assert not roles.permits(event("adopted", "ann", origin="imported"))
    assert roles.permits(event("adopted", "rose", origin="imported"))
    assert not roles.permits(event("planned", "rose", **{"for": "bias"}))
    assert roles.permits(event("planned", "olga", **{"for": "bias"}))


def test_the_last_owner_keeps_the_role_and_of_two_either_may_go() -> None:
    roles = made_by("olga", ann="annotator")
    last = event("role", "olga", annotator="olga", role="reviewer")
    assert not roles.permits(last)
    with pytest.raises(NotAllowed, match="olga is the last owner"):
        roles.check(last)
    roles.take(event("role", "olga", annotator="ann", role="owner"))
    assert roles.permits(last)
    roles.take(last)
    assert (roles.owners, roles.of("olga")) == (("ann",), "reviewer")


def test_of_two_owners_who_withdraw_each_other_the_first_in_the_logs_order_prevails() -> None:
    roles = made_by("olga", ann="owner")
    roles.take(event("role", "olga", annotator="ann", role="none"))
    roles.take(event("role", "ann", annotator="olga", role="none"))
    assert (roles.owners, roles.of("ann")) == (("olga",), "none")


@pytest.mark.parametrize("body", [{}, {"annotator": "ann"}, {"annotator": 7, "role": "guest"},
                                  {"annotator": "ann", "role": "king"}, {"annotator": "ann", "role": ["owner"]}])
def test_an_invented_role_gives_nobody_anything(body: Mapping[str, Any]) -> None:
    roles = made_by("olga")
    forged = event("role", "olga", **body)
    assert not roles.permits(forged)
    roles.take(forged)
    assert not roles.in_force


def test_what_an_owner_took_in_is_permitted_and_a_role_never_is_by_that() -> None:
    roles = Roles(taken_in={"event-of-test"})
    for one in (event("created", "olga"), event("role", "olga", annotator="ann", role="none")):
        roles.take(one)
    assert roles.permits(decided("ann"))
    assert not roles.permits(event("role", "ann", annotator="ann", role="owner"))


def test_a_refusal_says_what_the_person_is_what_is_needed_and_who_gives_it() -> None:
    roles = made_by("olga", guy="guest", rose="owner")
    with pytest.raises(NotAllowed, match=(
            r"guy has the role of a guest in this project, and answering items needs that of annotator, reviewer or "
            r"owner. olga and rose give roles, with wb.people.invite\('guy', role='annotator'\).")):
        roles.check(decided("guy"))
    with pytest.raises(NotAllowed, match="stranger has no role in this project"):
        roles.check(event("thread", "stranger"))


names = st.sampled_from(["olga", "ann", "ben"])
acts = st.one_of(st.builds(lambda who, whom, role: event("role", who, annotator=whom, role=role), names, names,
                           st.sampled_from(ROLES)), st.builds(decided, names))


@given(st.lists(acts, max_size=30))
def test_there_is_always_an_owner_and_what_counts_follows_from_what_came_before(log: list[Event]) -> None:
    roles, before = made_by("olga"), list[Event]()
    for one in log:
        again = made_by("olga")
        for former in before:
            again.take(former)
        assert roles.permits(one) == again.permits(one)
        roles.take(one)
        before.append(one)
        assert roles.owners
