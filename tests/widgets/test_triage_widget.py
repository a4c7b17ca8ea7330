"""The other desk without a browser: what lies there, what may be done with it, and what passes to and fro."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, EditError, IdReused, UnknownDecision, UnknownItem, UnknownLabel
from hitl_widgets.project.triage import UnplacedItems, other_label
from hitl_widgets.records import new_id
from hitl_widgets.testing import wait_for

AT = "2026-03-01T09:30:00.000Z"
IDS = [f"item-{n:02d}" for n in range(30)]


def shapes(n: int = 30) -> np.ndarray:
    """Images of three kinds in turn: bright above, bright below, bright in the middle; with a little noise."""
    images = np.random.default_rng(0).integers(0, 30, (n, 12, 12)).astype(np.uint8)
    for i, image in enumerate(images):
        image[[slice(0, 4), slice(8, 12), slice(4, 8)][i % 3]] += 200
    return images


@pytest.fixture
def bench(tmp_path):
    made = []

    def open_(taxonomy=("cat", "dog", "Other"), *, annotator="ann", holdout=0.0, **more):
        pool = hw.Pool.from_images(shapes(), ids=IDS)
        wb = hw.Workbench(tmp_path / "p", pool, None if taxonomy is None else hw.Taxonomy(list(taxonomy)),
                          annotator=annotator, holdout=holdout, **more)
        made.append(wb)
        return wb
    yield open_
    for wb in made:
        wb.close()


@pytest.fixture
def laid(bench):
    """Six items answered "other", one unsure, one flagged, one answered cat."""
    wb = bench()
    for item_id in IDS[:6]:
        wb.decide(item_id, label="Other")
    wb.decide(IDS[6], "unsure", note="too dark")
    wb.decide(IDS[7], label="dog", flags=["not_in_taxonomy"])
    wb.decide(IDS[8], label="cat")
    return wb, UnplacedItems(wb.project)


def ids_of(others: UnplacedItems) -> list[str]:
    return [other.item_id for other in others.waiting()]


def n_open(wb: hw.Workbench) -> int:
    """How many items the queue has for this annotator."""
    wb.project.refresh()
    return wb.project.queue.n_open(wb.annotator)


def answers(wb: hw.Workbench) -> dict[str, str]:
    return dict(wb.consensus()[["item_id", "label"]].to_numpy().tolist())


# -- what lies there


def test_others_unsure_and_flagged_items_lie_at_the_desk_in_the_order_in_which_they_came(laid):
    _, others = laid
    lying = others.waiting()
    assert [other.item_id for other in lying] == IDS[:8]
    assert [other.why for other in lying] == ["other"] * 6 + ["unsure", "flagged"]
    assert lying[6].note == "too dark"
    assert lying[6].annotator == "ann"


@pytest.mark.parametrize(("names", "found"), [
    (["cat", "OTHER"], "OTHER"), (["Misc", "others"], "others"), (["cat", "None of these"], "None of these"),
    (["cat", "mother"], None)])
def test_the_label_that_means_something_else_is_found_by_its_name(names, found):
    taxonomy = hw.Taxonomy(names)
    assert other_label(taxonomy) == (None if found is None else taxonomy.label(found).id)


def test_another_name_for_other_may_be_given_and_stays_meant_when_it_is_renamed(bench):
    wb = bench(["cat", "rest"])
    wb.decide(IDS[0], label="rest")
    assert ids_of(UnplacedItems(wb.project)) == []
    others = UnplacedItems(wb.project, "rest")
    wb.apply(edits.rename("rest", "leftover"))
    assert ids_of(others) == [IDS[0]]
    with pytest.raises(UnknownLabel, match="'lynx'"):
        UnplacedItems(wb.project, "lynx")


def test_an_answer_other_of_before_a_merge_still_lies_there(bench):
    wb = bench(["cat", "Other", "rubbish"])
    wb.decide(IDS[0], label="rubbish")
    wb.apply(edits.merge(["Other", "rubbish"], into="Other"))
    assert ids_of(UnplacedItems(wb.project)) == [IDS[0]]


def test_what_is_answered_anew_leaves_the_desk_by_itself(laid):
    wb, others = laid
    wb.decide(IDS[0], label="cat")
    assert IDS[0] not in ids_of(others)


# -- the acts


def test_assigning_answers_all_of_them_in_one_act_and_one_undo_takes_all_back(laid):
    wb, others = laid
    act = others.assign(IDS[:3], "cat")
    assert ids_of(others) == IDS[3:8]
    assert [answers(wb)[item_id] for item_id in IDS[:3]] == ["cat"] * 3
    [row] = wb.history().query("kind == 'sorted'").to_dict("records")
    assert row["body"]["item_ids"] == IDS[:3]
    others.undo(act.id)
    assert ids_of(others) == IDS[:8]
    assert [answers(wb)[item_id] for item_id in IDS[:3]] == ["Other"] * 3
    assert others.acts() == []


def test_the_log_tells_what_was_seen_at_the_desk(laid):
    wb, others = laid
    act = others.assign(IDS[:1], "cat")
    seen = wb.project.log.get(f"{act.id}-0").body["seen"]
    assert (seen["chosen_by"], seen["hidden"], seen["taxonomy"]) == ("desk", True, 1)
    assert wb.annotations().set_index("item_id").loc[IDS[0], "verdict"] == "answer"


def test_the_same_act_sent_again_changes_nothing_and_another_under_its_id_is_refused(laid):
    wb, others = laid
    act = others.assign(IDS[:3], "cat", id="assign-01")
    n = len(wb.history())
    assert others.assign(IDS[:3], "cat", id="assign-01") == act
    assert len(wb.history()) == n
    with pytest.raises(IdReused):
        others.assign(IDS[:3], "dog", id="assign-01")
    assert answers(wb)[IDS[0]] == "cat"
    others.undo(act.id)
    others.undo(act.id)
    assert len(others.acts()) == 0


def test_an_act_about_an_unknown_item_or_label_stores_nothing(laid):
    wb, others = laid
    n = len(wb.history())
    with pytest.raises(UnknownItem):
        others.assign([IDS[0], "nowhere"], "cat")
    with pytest.raises(UnknownLabel):
        others.assign(IDS[:1], "lynx")
    with pytest.raises(BadInput, match="a list of one item or more"):
        others.leave_out([])
    with pytest.raises(UnknownDecision):
        others.undo("never-done")
    assert len(wb.history()) == n


def test_a_label_is_made_of_a_cluster_with_examples_and_one_undo_takes_back_both(laid):
    wb, others = laid
    act = others.make_label(IDS[:2], "owl", definition="hoots")
    assert wb.taxonomy.label("owl").examples == tuple(IDS[:2])
    assert wb.taxonomy.label("owl").definition == "hoots"
    assert answers(wb)[IDS[0]] == "owl"
    assert others.make_label(IDS[:2], "owl", definition="hoots", id=act.id) == act   # sent again
    others.undo(act.id)
    assert "owl" not in wb.taxonomy
    assert answers(wb)[IDS[0]] == "Other"
    assert ids_of(others) == IDS[:8]


def test_a_label_that_can_not_be_made_changes_nothing(laid):
    wb, others = laid
    with pytest.raises(EditError, match="cat"):
        others.make_label(IDS[:2], "cat")
    assert wb.taxonomy.version == 1
    assert ids_of(others) == IDS[:8]


def test_a_label_on_which_later_edits_rest_is_not_unmade_and_the_answers_stay(laid):
    wb, others = laid
    act = others.make_label(IDS[:2], "owl")
    wb.apply(edits.split("owl", into=["barn owl", "tawny owl"]))
    with pytest.raises(EditError, match="rest"):
        others.undo(act.id)
    assert [done.id for done in others.acts()] == [act.id]


def test_what_is_left_out_keeps_its_answer_and_comes_again_with_a_new_one(laid):
    wb, others = laid
    others.leave_out([IDS[0], IDS[6]])
    assert ids_of(others) == [*IDS[1:6], IDS[7]]
    assert answers(wb)[IDS[0]] == "Other"
    wb.decide(IDS[6], "unsure")
    assert IDS[6] in ids_of(others)


def test_what_is_sent_back_is_asked_again_also_after_a_restart_and_in_another_process(laid, bench):
    wb, others = laid
    beside = bench(None, annotator="bob")
    before = n_open(wb)
    act = others.send_back([IDS[0], IDS[6]])
    assert n_open(wb) == n_open(beside) == before + 2
    assert {IDS[0], IDS[6]} <= {item.id for item in wb.next(30)}
    assert answers(wb)[IDS[0]] == "Other"   # until it is answered anew
    assert n_open(bench(None)) == before + 2
    wb.decide(IDS[0], label="dog")
    assert n_open(wb) == n_open(beside) == before + 1
    others.undo(act.id)
    assert n_open(wb) == n_open(beside) == before
    assert answers(wb)[IDS[0]] == "dog"


def test_the_desk_has_the_last_word_over_what_another_annotator_answered_before(laid, bench):
    wb, _ = laid
    bob = bench(None, annotator="bob")
    UnplacedItems(bob.project).assign(IDS[:2], "dog")
    assert answers(wb)[IDS[0]] == "dog"
    assert wb.consensus().set_index("item_id").loc[IDS[0], "n_answers"] == 1
    assert dict(wb.project.answers().training()[["item_id", "share"]].to_numpy())[IDS[0]] == 1
    wb.decide(IDS[1], label="cat")   # said after the desk, and so beside it
    assert wb.consensus().set_index("item_id").loc[IDS[1], "n_answers"] == 2


def test_a_label_renamed_meanwhile_is_still_assigned(laid):
    wb, others = laid
    cat = wb.taxonomy.label("cat").id
    wb.apply(edits.rename("cat", "feline"))
    act = others.assign(IDS[:1], cat, taxonomy=1)
    assert act.label == "cat"
    assert answers(wb)[IDS[0]] == "feline"


# -- what passes between the desk and the browser


class Browser:
    """Stands where the desk's JavaScript stands: sends acts, keeps what is pushed."""

    def __init__(self, desk: Any) -> None:
        self.desk, self.pushed = desk, []
        self._lock = threading.Lock()
        desk.feed.push = self._receive

    def _receive(self, message: dict[str, Any], buffers: list[Any] | None = None) -> None:
        with self._lock:
            self.pushed.append((message, buffers or []))

    def of_kind(self, kind: str) -> list[Any]:
        with self._lock:
            return [(message, buffers) for message, buffers in self.pushed if message["kind"] == kind]

    def hello(self) -> dict[str, Any]:
        return self.desk.receive({"kind": "hello", "tab": "t", "n": 1})

    def act(self, kind: str, **more: Any) -> dict[str, Any]:
        return self.desk.receive({"kind": kind, "decision_id": new_id(), "annotator": "ann", "acted_at": AT, **more})


@pytest.fixture
def opened(laid):
    wb, _ = laid
    desk = wb.edits.triage(size=4)
    return wb, desk, Browser(desk)


def test_hello_is_answered_with_labels_and_keys_and_the_pages_follow(opened):
    _, _, browser = opened
    ready = browser.hello()
    assert ready["kind"] == "ready"
    assert ready["annotator"] == "ann"
    assert [label["name"] for label in ready["taxonomy"]["labels"]] == ["cat", "dog", "Other"]
    [(message, _)] = wait_for(lambda: browser.of_kind("pages"))
    assert sorted(other["item_id"] for page in message["pages"] for other in page) == IDS[:8]
    assert len(message["pages"]) == 2


def test_pages_put_together_what_looks_alike(opened):
    _, desk, _ = opened
    kinds = [{int(other.item_id[-2:]) % 3 for other in page} for page in desk.group()]
    assert min(map(len, kinds)) == 1


def test_acts_are_stored_and_what_lies_there_is_told_anew(opened):
    wb, _, browser = opened
    browser.hello()
    wait_for(lambda: browser.of_kind("pages"))
    cat = wb.taxonomy.label("cat").id
    reply = browser.act("assign", item_ids=IDS[:2], label_id=cat, taxonomy=1)
    assert (reply["kind"], reply["label"]) == ("stored", "cat")
    assert answers(wb)[IDS[0]] == "cat"
    told = wait_for(lambda: [m for m, _ in browser.of_kind("unplaced") if m["item_ids"] == IDS[2:8]])
    assert told[0]["more"] == []
    assert browser.act("undo", retracts=reply["decision_id"])["kind"] == "stored"
    assert answers(wb)[IDS[0]] == "Other"


def test_each_kind_of_act_has_its_undo(opened):
    _, desk, browser = opened
    for kind, more in (("leave_out", {}), ("send_back", {}), ("make", {"name": "owl", "under": None})):
        reply = browser.act(kind, item_ids=IDS[:2], **more)
        assert reply["kind"] == "stored", reply
        assert ids_of(desk.unplaced) == IDS[2:8]
        assert browser.act("undo", retracts=reply["decision_id"])["kind"] == "stored"
        assert ids_of(desk.unplaced) == IDS[:8]


def test_what_comes_later_is_laid_beside_what_is_there(opened):
    wb, _, browser = opened
    browser.hello()
    wait_for(lambda: browser.of_kind("pages"))
    wb.decide(IDS[20], label="Other")
    [(message, _)] = wait_for(lambda: browser.of_kind("unplaced"))
    assert [other["item_id"] for other in message["more"]] == [IDS[20]]


def test_pictures_come_as_binary_and_a_broken_one_says_why(opened, monkeypatch):
    wb, _, browser = opened
    def thumbnail(position, *, side, as_it_was=wb.pool.thumbnail):
        if position == 1:
            raise hw.errors.ImageError("it ends after 12 bytes")
        return as_it_was(position, side=side)
    monkeypatch.setattr(wb.pool, "thumbnail", thumbnail)
    browser.hello()
    assert browser.desk.receive({"kind": "pictures", "item_ids": IDS[:2]}) == {"kind": "noted"}
    [(message, buffers)] = wait_for(lambda: browser.of_kind("pictures"))
    assert message["item_ids"] == IDS[:2]
    assert message["problems"] == [None, "it ends after 12 bytes"]
    assert buffers[0][:4] == b"\x89PNG"


@pytest.mark.parametrize("act", [
    {"kind": "dance"}, {"kind": "assign", "item_ids": "item-00", "label_id": "x"}, {"kind": "assign", "item_ids": []},
    {"kind": "pictures", "item_ids": [1]}, {"kind": "pictures", "item_ids": ["\ud800"]}, {"kind": "undo"}, 7])
def test_what_can_not_be_read_is_rejected_with_a_reason(opened, act):
    _, _, browser = opened
    reply = browser.desk.receive({"decision_id": new_id(), "annotator": "ann", "acted_at": AT, **act}
                                 if isinstance(act, dict) else act)
    assert reply["kind"] == "rejected"
    assert reply["reason"]


def test_an_edit_by_somebody_else_changes_the_labels_to_choose_from(opened, bench):
    _, _, browser = opened
    browser.hello()
    wait_for(lambda: browser.of_kind("pages"))
    bench(None, annotator="bob").apply(edits.add("owl"))
    [(message, _)] = wait_for(lambda: browser.of_kind("taxonomy"))
    assert "owl" in [label["name"] for label in message["taxonomy"]["labels"]]


def test_a_second_desk_closes_the_first(opened):
    wb, _, browser = opened
    browser.hello()
    wb.edits.triage()
    assert browser.of_kind("closed")


def test_a_desk_needs_a_pool_and_a_size(tmp_path, bench):
    wb = bench()
    with pytest.raises(BadInput, match="size is 0"):
        wb.edits.triage(size=0)
    wb.close()
    with pytest.raises(BadInput, match="without a pool"):
        hw.Workbench(tmp_path / "p").edits.triage()


# -- texts


def test_groups_of_texts_are_told_with_the_words_that_set_them_apart(tmp_path):
    trains = [f"the {which} train to town was late on day {day}" for day, which in enumerate(("first", "next", "last"))]
    soups = [f"we had cold soup again at table {table}, waiter" for table in range(3)]
    rest = [f"nothing much to say of number {row} today" for row in range(20)]
    pool = hw.Pool.from_texts([*trains, *soups, *rest, ""])
    with hw.Workbench(tmp_path / "p", pool, ["praise", "Other"], holdout=0.0) as wb:
        for item_id in (*range(6), 26):
            wb.decide(str(item_id), label="Other")
        browser = Browser(wb.edits.triage(size=3))
        browser.hello()
        [(message, _)] = wait_for(lambda: browser.of_kind("pages"))
    groups = {frozenset(int(item["item_id"]) for item in page): words
              for page, words in zip(message["pages"], message["words"], strict=True)}
    assert set(groups) == {frozenset({0, 1, 2}), frozenset({3, 4, 5}), frozenset({26})}
    assert {"train", "late"} & set(groups[frozenset({0, 1, 2})])
    assert {"soup", "cold"} & set(groups[frozenset({3, 4, 5})])
    assert groups[frozenset({26})] == []


def test_groups_of_images_have_no_words(laid):
    _, unplaced = laid
    assert unplaced.words([unplaced.waiting()]) == [[]]
