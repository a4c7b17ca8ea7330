"""Two logs of one project become one: the same events in the same order, whichever is joined to which."""

import json
import random
from itertools import permutations

import pytest

from hitl_widgets.errors import BadInput
from hitl_widgets.events import canonical
from hitl_widgets.storage.joining import MARK, Act, base_id, step_key, union


class Desk:
    """A log in memory, with a clock of its own."""

    def __init__(self, acts=(), *, late=0):
        self.acts, self.late = list(acts), late

    def copy(self, *, late=0):
        return Desk(self.acts, late=late)

    def add(self, id, kind, who, body, *, item=None, at=None):
        if any(act.id == id for act in self.acts):
            return
        last = self.acts[-1].tick if self.acts else 0
        tick = max(last + 1, (at if at is not None else last + 2) + self.late)
        nth = 1 + sum(act.annotator == who for act in self.acts)
        body = canonical(body)
        self.acts.append(Act(id, kind, who, item, tick, tick, f'{body[:-1]}{"," * (body != "{}")}"nth":{nth}}}', tick))

    def edit(self, name, who, *, at=None, why=None):
        version = self.version
        self.add(f"taxonomy-project-{version}", "taxonomy", who, taxonomy_body(version + 1, name, why), at=at)

    def decide(self, id, label, who="ada", *, item="img-1", at=None, **more):
        self.add(id, "decided", who, {"verdict": "answer", "label_id": label, "seen": {"taxonomy": self.version},
                                      **more}, item=item, at=at)

    @property
    def version(self):
        return max(json.loads(act.body)["taxonomy"]["version"] for act in self.acts
                   if act.kind == "taxonomy" and MARK not in act.id)

    def random_act(self, rng, who):
        decided = [act for act in self.acts if act.kind == "decided"]
        chance = rng.random()
        if chance < 0.2:
            self.edit(f"label {rng.randint(0, 3)}", who, why=rng.choice([None, "better"]))
        elif chance < 0.3 and decided:
            act = rng.choice(decided)
            self.add(f"undo-of-{base_id(act.id)}", "retracted", rng.choice(["ada", "bob"]),
                     {"decision_id": act.id}, item=act.item_id)
        elif chance < 0.4:
            self.add(f"adjudication-{rng.randint(0, 3)}", "planned", who,
                     {"for": "adjudication", "seed": rng.randint(0, 2), "taxonomy": self.version})
        elif chance < 0.5 and decided:
            edits = [act.id for act in self.acts if act.kind == "taxonomy"]
            self.add(f"thread-{rng.random()}", "thread", who, {"edit": rng.choice(edits), "of": rng.choice(decided).id})
        else:
            self.decide(f"decision-{rng.randint(0, 40)}", f"L{rng.randint(0, 2)}", who,
                        item=f"img-{rng.randint(0, 5)}", first={"taxonomy": self.version})


def taxonomy_body(version, name, why=None):
    return {"taxonomy": {"version": version, "labels": [{"id": name}]}, "edits": [{"edit": "add", "label": name}],
            "resolution": {}, "why": why}


def begun():
    desk = Desk()
    desk.add("taxonomy-project-0", "taxonomy", "ada",
             {"taxonomy": {"version": 1, "labels": [{"id": "cat"}]}, "edits": [], "resolution": {}})
    return desk


def joined(*desks):
    acts = desks[0].acts
    for desk in desks[1:]:
        acts = union(acts, desk.acts).acts
    return acts


def body_of(acts, id):
    return next(json.loads(act.body) for act in acts if act.id == id)


def test_a_log_joined_to_itself_or_to_a_part_of_it_stays_as_it_is():
    desk = begun()
    part = desk.copy()
    desk.decide("decision-1", "cat")
    desk.edit("lynx", "ada")
    for other in (desk, part):
        found = union(desk.acts, other.acts)
        assert not found.changed
        assert found.acts == desk.acts
        assert not found.new


def test_events_are_ordered_by_when_their_logs_stored_them():
    one = begun()
    other = one.copy()
    one.decide("decision-b", "cat", at=10)
    other.decide("decision-a", "cat", at=20)
    one.decide("decision-c", "cat", at=30)
    found = union(one.acts, other.acts)
    assert [act.id for act in found.acts[1:]] == ["decision-b", "decision-a", "decision-c"]
    assert [act.id for act in found.new] == ["decision-a"]
    assert found.changed


def test_of_events_that_were_stored_at_one_instant_the_ids_decide():
    one = begun()
    other = one.copy()
    one.decide("decision-b", "cat", at=10)
    other.decide("decision-a", "cat", at=10)
    assert [act.id for act in joined(one, other)[1:]] == ["decision-a", "decision-b"]


def test_an_undo_on_both_desks_is_one_undo_as_it_was_stored_first():
    one = begun()
    one.decide("decision-1", "cat")
    other = one.copy()
    for desk, at in ((one, 50), (other, 40)):
        desk.add("undo-of-decision-1", "retracted", "ada", {"decision_id": "decision-1"}, item="img-1", at=at)
    acts = joined(one, other)
    assert [act.tick for act in acts if act.kind == "retracted"] == [40]


def test_what_has_one_id_and_says_different_things_is_kept_twice():
    one = begun()
    other = one.copy()
    one.decide("img-1/ada", "cat", at=10)
    other.decide("img-1/ada", "dog", at=20)
    found = union(one.acts, other.acts)
    by = {base_id(act.id): [] for act in found.acts}
    for act in found.acts:
        by[base_id(act.id)].append((act.id, json.loads(act.body).get("label_id")))
    [(first, cat), (later, dog)] = by["img-1/ada"]
    assert (first, cat, dog) == ("img-1/ada", "cat", "dog")
    assert MARK in later
    assert [act.id for act in found.conflicting] == [later]
    assert not union(found.acts, other.acts).changed
    assert not union(found.acts, other.acts).conflicting


def test_what_refers_to_an_event_under_another_id_refers_to_it_still():
    one = begun()
    other = one.copy()
    one.decide("img-1/ada", "cat", at=10)
    other.decide("img-1/ada", "dog", at=20)
    other.add("undo-1", "retracted", "ada", {"decision_id": "img-1/ada"}, item="img-1", at=30)
    acts = joined(one, other)
    dog = next(act.id for act in acts if MARK in act.id)
    assert body_of(acts, "undo-1")["decision_id"] == dog
    assert joined(other, one) == acts


def test_of_two_edits_of_one_version_the_earlier_holds_and_the_other_has_a_number_of_its_own():
    one = begun()
    other = one.copy()
    one.edit("lynx", "ada", at=20)
    one.decide("decision-1", "lynx", at=30)
    other.edit("fox", "bob", at=10)
    other.decide("decision-2", "fox", at=40)
    found = union(one.acts, other.acts)
    assert body_of(found.acts, "taxonomy-project-1")["edits"][0]["label"] == "fox"
    [lost] = found.forks
    assert (body_of(found.acts, lost)["fork"], body_of(found.acts, lost)["after"]) == (-1, 1)
    assert body_of(found.acts, "decision-1")["seen"]["taxonomy"] == -1
    assert body_of(found.acts, "decision-2")["seen"]["taxonomy"] == 2


def test_edits_made_of_an_edit_that_does_not_hold_do_not_hold_either():
    one = begun()
    other = one.copy()
    one.edit("lynx", "ada", at=10)
    one.edit("fox", "ada", at=50)
    other.edit("wolf", "bob", at=20)
    other.edit("hare", "bob", at=30)
    acts = joined(one, other)
    assert [body_of(acts, f"taxonomy-project-{version}")["edits"][0]["label"] for version in (1, 2)] == ["lynx", "fox"]
    lost = {body["edits"][0]["label"]: (body["fork"], body["after"]) for act in acts
            if act.kind == "taxonomy" and "fork" in (body := json.loads(act.body))}
    assert lost == {"wolf": (-1, 1), "hare": (-2, -1)}


def test_the_same_edit_on_two_desks_is_one_edit():
    one = begun()
    other = one.copy()
    one.edit("lynx", "ada", at=20)
    one.decide("decision-1", "lynx")
    other.edit("lynx", "bob", at=10, why="seen often")
    other.decide("decision-2", "lynx")
    found = union(one.acts, other.acts)
    assert not found.forks
    assert {body_of(found.acts, id)["seen"]["taxonomy"] for id in ("decision-1", "decision-2")} == {2}


def test_a_third_desk_with_an_earlier_edit_changes_which_holds():
    desks = [begun() for _ in range(3)]
    for at, desk in enumerate(desks):
        desk.edit(f"label {at}", "ada", at=30 - 10 * at)
        desk.decide(f"decision-{at}", "cat", at=50 + at)
    results = [joined(*some) for some in permutations(desks)]
    assert all(acts == results[0] for acts in results)
    assert body_of(results[0], "taxonomy-project-1")["edits"][0]["label"] == "label 2"
    assert [body_of(results[0], f"decision-{at}")["seen"]["taxonomy"] for at in range(3)] == [-2, -1, 2]


def test_what_a_step_is_known_by_leaves_out_who_made_it_and_why():
    assert step_key(taxonomy_body(2, "lynx"), "0" * 16) == step_key(taxonomy_body(7, "lynx", "why"), "0" * 16)
    assert step_key(taxonomy_body(2, "lynx"), "0" * 16) != step_key(taxonomy_body(2, "lynx"), "1" * 16)


def test_logs_that_begin_with_other_taxonomies_are_refused():
    other = Desk()
    other.add("taxonomy-project-0", "taxonomy", "ada", taxonomy_body(1, "sparrow"))
    with pytest.raises(BadInput, match="different taxonomies"):
        union(begun().acts, other.acts)


@pytest.mark.parametrize("seed", range(60))
def test_desks_join_to_the_same_log_in_any_order_and_grouping(seed):
    rng = random.Random(seed)
    begin = begun()
    for _ in range(3):
        begin.random_act(rng, "ada")
    desks = [begin.copy(late=rng.choice([0, 0, 5])) for _ in range(4)]
    for _ in range(25):
        place = rng.randrange(len(desks))
        desks[place].random_act(rng, ["ada", "bob", "cy", "dee"][place])
        if rng.random() < 0.06:  # some of them meet before the end
            desks[place].acts = joined(desks[place], rng.choice(desks))
    results = []
    for _ in range(5):
        some = [desk.acts for desk in desks]
        while len(some) > 1:
            rng.shuffle(some)
            some.append(union(some.pop(), some.pop()).acts)
        results.append(some[0])
    assert all(acts == results[0] for acts in results)
    assert not any(union(results[0], desk.acts).changed for desk in desks)
    ticks = [act.tick for act in results[0]]
    assert ticks == sorted(ticks)
    assert len({act.id for act in results[0]}) == len(ticks)
