"""The state that follows from the log is the same, whether it was read at once or followed event by event."""

from threading import Thread

import numpy as np
import pytest

from hitl_widgets import edits
from hitl_widgets.errors import LogBusy
from hitl_widgets.events import KINDS
from hitl_widgets.items.pool import Pool
from hitl_widgets.project import assignments
from hitl_widgets.project.label_index import LabelIndex
from hitl_widgets.project.project import Project
from hitl_widgets.project.state import PROJECTIONS
from hitl_widgets.project.triage import UnplacedItems
from hitl_widgets.records import Seen
from hitl_widgets.taxonomy.labels import Taxonomy

NAMES = ["cat", "dog", "other"]


def pool():
    return Pool.from_images(np.random.default_rng(0).integers(0, 255, (30, 4, 4), np.uint8),
                            ids=[f"i{k}" for k in range(30)])


@pytest.fixture
def open_(tmp_path):
    opened = []

    def one_more(annotator="ada"):
        opened.append(Project(tmp_path / "p", pool(), Taxonomy(NAMES), annotator=annotator, holdout=0.3,
                              annotators_per_item=2, notify=lambda line: None))
        return opened[-1]
    yield one_more
    for project in opened:
        project.close()


def seen_of(project):
    """All that the state says, as far as anybody may ask."""
    state, lineage = project.state, project.lineage
    people = ("ada", "bob")
    return {
        "next": {who: [(item.id, item.blind) for item in project.next(30, annotator=who, strategy="random")]
                 for who in people},
        "skipped": {who: state.queue.skipped(who) for who in people},
        "acted": {who: state.n_acted(who, 0) for who in people},
        "labels": {place: state.label_index.of(place) for place in range(30)},
        "unplaced": {who: places for who, places in state.label_index.unplaced.items() if places},
        "measures": state.reference.measuring(lineage), "gold": (state.gold, np.flatnonzero(state.queue.gold).tolist()),
        "presumed": state.presumed, "trained": (state.n_trained, state.trained_at),
        "taxonomy": [step.id for step in lineage.steps],
        "assigned": {who: np.flatnonzero(state.assignments.covered(who)).tolist()
                     for who in state.assignments.by_annotator},
    }


def one_of_each(project, other):
    """Acts of every kind, one after the other: what was done is given back after each."""
    first = project.decide("i0", label="cat")
    yield "decided"
    project.decide("i1", label="dog", flags=["not_in_taxonomy"])
    other.decide("i1", "unsure")
    yield "decided by two"
    project.decide("i0", label="dog")
    for k in (2, 12, 13):
        project.decide(f"i{k}", label="cat")
    project.decide("i2", "skip")
    yield "revised and skipped"
    project.retract(project.latest(1)[0].id if project.latest(1) else first.id)
    project.set_gold({"i3": "cat", "i4": "dog"})
    yield "retracted, and gold"
    for k in range(5, 12):
        project.decide(f"i{k}", label="other")
    UnplacedItems(other).send_back(["i5", "i6"])
    yield "sent back"
    act = UnplacedItems(project).assign(["i7", "i8"], "cat")
    back = UnplacedItems(project).send_back(["i9"])
    yield "assigned"
    UnplacedItems(other).undo(act.id)
    UnplacedItems(other).undo(back.id)
    yield "undone"
    project.apply(edits.split("cat", ["lion", "house cat"]))
    yield "edited"
    assignments.assign(project, "bob", items=["i20", "i21"])
    assignments.assign(project, "cyd", labels=["lion"])
    yield "assigned to people"
    assert project.presume({"i12": "lion", "i13": "lion"}, estimate={"value": 0.1}) == ["i12", "i13"]
    project.decide("i13", label="house cat")
    project.record("trained", {"round": 1})
    project.decide("i10", label="lion")
    yield "presumed, trained and answered"


def test_following_says_what_reading_says(open_):
    project, other, follower = open_(), open_("bob"), open_()
    for done in one_of_each(project, other):
        follower.refresh()
        read = open_()
        assert seen_of(follower) == seen_of(read), done
        assert seen_of(project) == seen_of(read), done


def test_who_was_unsure_in_sight_of_a_suggestion_is_none_of_the_unsure_that_measure(tmp_path, monkeypatch):
    """Of many items at once it was one, since the table of annotations doesn't say what was in sight."""
    monkeypatch.setattr("hitl_widgets.project.state.FEW", 2)

    def opened():
        return Project(tmp_path / "p", pool(), Taxonomy(NAMES), annotator="ada", holdout=0.5, notify=lambda line: None)
    project = opened()
    suggestion = project.taxonomy.label("cat").id
    for place in np.flatnonzero(project.queue.holdout)[:8].tolist():
        project.decide(f"i{place}", "unsure", seen=Seen(suggestion=suggestion, hidden=place % 2 == 0, taxonomy=1))
    n_blind = sum(place % 2 == 0 for place in np.flatnonzero(project.queue.holdout)[:8].tolist())
    assert 0 < n_blind < 8
    assert project.measuring().n_unsure == n_blind
    project.close()
    again = opened()
    assert again.measuring().n_unsure == n_blind
    again.close()


def test_a_retraction_by_another_process_is_followed_for_every_annotator(open_):
    project, follower = open_(), open_("bob")
    decisions = [project.decide("i0", label="cat", annotator=who) for who in ("ada", "bob")]
    follower.refresh()
    project.retract(decisions[1].id)
    follower.refresh()
    assert follower.state.label_index.of(0).keys() == {"ada"}


def test_every_kind_of_event_is_taken_in_or_has_no_part_in_the_state():
    answers = {"decided", "retracted"}  # they lie in the table of annotations, which `State.place` takes in
    read_when_asked_for = {"planned", "thread", "adjudicated", "imported", "exported", "redacted"}
    of_the_log = {"taken_in"}  # says which events the log gives
    assert set(PROJECTIONS) | answers | read_when_asked_for | of_the_log == set(KINDS)


@pytest.mark.parametrize("error", [LogBusy("held for 10 s"), KeyboardInterrupt()])
def test_a_look_at_the_log_that_fails_on_its_way_takes_in_no_event_twice(open_, monkeypatch, error):
    mine, other = open_(), open_("bob")
    other.decide("i0", label="other")
    UnplacedItems(other, "other").send_back(["i0"])
    other.record("trained", {"key": "k"})
    other.apply(edits.add("bird"))

    def fails(*arguments, **more):
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(mine.log, "changed_annotations", fails)
    with pytest.raises(type(error)):
        mine.refresh()
    mine.refresh()
    assert seen_of(mine) == seen_of(open_())
    assert mine.round == other.round
    assert mine.edits()["version"].tolist() == other.edits()["version"].tolist()


def test_apply_counts_answers_that_came_while_its_edit_was_previewed(open_, monkeypatch):
    mine, other = open_(), open_("bob")
    refresh = mine.state.refresh

    def with_others_meanwhile():
        refresh()
        monkeypatch.undo()
        for k in range(5):
            other.decide(f"i{k}", label="dog")

    monkeypatch.setattr(mine.state, "refresh", with_others_meanwhile)
    merge = edits.merge(["cat", "dog"], "pet")
    preview = mine.preview(merge)
    assert sum(preview.kept.values()) == 0
    assert sum(mine.apply(merge, base=preview).preview.kept.values()) == 5


def test_the_label_index_counts_as_a_look_at_every_item_does():
    rng = np.random.default_rng(0)
    index, lineage_free = LabelIndex(40), [("a", 1), ("b", 1), ("b", 2), ("c", None)]
    for _ in range(60):
        places = rng.permutation(40)[:rng.integers(1, 12)]
        given = [lineage_free[k] if k < 4 else (None, None) for k in rng.integers(0, 6, len(places))]
        late = {int(place): lineage_free[rng.integers(4)] for place, (label_id, _) in zip(places, given, strict=True)
                if label_id is None and rng.random() < 0.5}
        index.note_all(places, str(rng.choice(["ada", "bob", "cyd"])), [label_id for label_id, _ in given],
                       [version for _, version in given], unplaced={}, put_off=late)
        wanted = {lineage_free[k] for k in rng.permutation(4)[:2]}
        look = index.look(lambda pair, wanted=wanted: int(pair in wanted), put_off=True) > 0
        assert index.n_items(wanted) == look.sum()
        answered = [{who: pair for who, pair in index.of(place).items() if place not in index.put_off[who]}
                    for place in range(40)]
        assert sum(index.counts().values()) == sum(map(len, answered))


def test_within_one_look_the_log_is_asked_again_only_once_this_process_stored_something(open_):
    project, other = open_("ada"), open_("bob")

    def n_of_bob():
        return project.tally("bob")["answered"]
    with project.state.one_look():
        assert n_of_bob() == 0
        other.decide("i0", label="cat")
        assert n_of_bob() == 0
        project.decide("i1", label="cat")
        assert (n_of_bob(), project.tally("ada")["answered"]) == (1, 1)
        other.decide("i2", label="cat")
        assert n_of_bob() == 1
    assert n_of_bob() == 2


def test_one_look_counts_for_its_thread_alone_and_only_where_it_succeeded(open_, monkeypatch):
    project, other = open_("ada"), open_("bob")
    counts = []
    with project.state.one_look():
        project.refresh()
        other.decide("i0", label="cat")
        thread = Thread(target=lambda: counts.append(project.tally("bob")["answered"]))
        thread.start()
        thread.join()
    assert counts == [1]

    def busy():
        raise LogBusy("busy")
    with project.state.one_look():
        with monkeypatch.context() as patched:
            patched.setattr(project.log, "last_seq", busy)
            with pytest.raises(LogBusy):
                project.refresh()
        other.decide("i1", label="cat")
        assert project.tally("bob")["answered"] == 2


def test_the_decisions_that_stand_are_found_for_many_items_at_once(open_):
    project, other = open_("ada"), open_("bob")
    first = project.decide("i0", label="cat")
    again = project.decide("i0", label="dog")
    gone = project.decide("i1", label="cat")
    project.retract(gone.id)
    other.decide("i2", label="cat")
    assert project.standing([*project.pool.ids, "elsewhere"]) == {"i0": again.id} != {"i0": first.id}
    project.retract(again.id)
    assert project.standing(project.pool.ids) == {"i0": first.id}
    assert project.standing([]) == {}
