"""The taxonomy editor without a browser: acts are answered, previews and changes are told."""

from __future__ import annotations

import shutil
import threading
from typing import Any

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, DiskFull
from hitl_widgets.project.preview import label_counts, latest_items
from hitl_widgets.records import new_id
from hitl_widgets.testing import wait_for

IDS = [f"item-{n:02d}" for n in range(20)]
CLOTHES = {"top": {"T-shirt": "short sleeves", "Pullover": ""}, "shoe": "worn on the foot", "Bag": ""}


class Browser:
    """Stands where the editor's JavaScript stands: sends acts, keeps what is pushed."""

    def __init__(self, editor: Any) -> None:
        self.editor, self.pushed, self.asked = editor, [], 0
        self._lock = threading.Lock()
        editor.feed.push = self._receive

    def _receive(self, message: dict[str, Any], buffers: list[Any] | None = None) -> None:
        with self._lock:
            self.pushed.append((message, buffers or []))

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        with self._lock:
            return [message for message, _ in self.pushed if message["kind"] == kind]

    def hello(self) -> dict[str, Any]:
        reply = self.editor.receive({"kind": "hello", "tab": "t", "n": 1})
        wait_for(lambda: self.of_kind("counts"))
        return reply

    def act(self, kind: str, **more: Any) -> dict[str, Any]:
        return self.editor.receive({"kind": kind, "decision_id": new_id(), **more})

    def apply(self, *steps: edits.Edit, **more: Any) -> dict[str, Any]:
        return self.act("apply", edits=[step.to_dict() for step in steps], **more)

    def preview(self, *steps: edits.Edit, **more: Any) -> dict[str, Any]:
        self.asked += 1
        said = {"edits": [step.to_dict() for step in steps]} if steps else {}
        assert self.editor.receive({"kind": "preview", "ask": self.asked, **said, **more}) == {"kind": "noted"}
        return wait_for(lambda: [m for m in self.of_kind("preview") if m["ask"] == self.asked])[0]


@pytest.fixture
def bench(tmp_path):
    made = []

    def open_(taxonomy=None, *, annotator="ann", pool=True):
        images = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (20, 8, 8)).astype(np.uint8), ids=IDS)
        wb = hw.Workbench(tmp_path / "p", images if pool else None, None if taxonomy is None else hw.Taxonomy(taxonomy),
                          annotator=annotator, holdout=0.2)
        made.append(wb)
        return wb
    yield open_
    for wb in made:
        wb.close()


@pytest.fixture
def opened(bench):
    """Five answers T-shirt, three shoe."""
    wb = bench(CLOTHES)
    for item_id in IDS[:5]:
        wb.decide(item_id, label="T-shirt")
    for item_id in IDS[5:8]:
        wb.decide(item_id, label="shoe")
    return wb, Browser(wb.edits.open())


def test_hello_is_answered_ready_and_the_tree_with_its_counts_follows(opened):
    wb, browser = opened
    ready = browser.hello()
    assert (ready["kind"], ready["annotator"]) == ("ready", "ann")
    [tree] = browser.of_kind("taxonomy")
    labels = {label["name"]: label for label in tree["taxonomy"]["labels"]}
    assert list(labels) == ["top", "T-shirt", "Pullover", "shoe", "Bag"]
    assert labels["T-shirt"]["parent"] == labels["top"]["label_id"]
    assert (labels["T-shirt"]["definition"], labels["T-shirt"]["key"]) == ("short sleeves", "1")
    assert "key" not in labels["top"]   # no answer
    [counts] = browser.of_kind("counts")
    assert counts["counts"] == {wb.taxonomy.label(name).id: (n, 0) for name, n in
                                (("top", 5), ("T-shirt", 5), ("shoe", 3))}
    assert counts["count"] == (8, 0)


def test_a_preview_tells_what_is_carried_over_and_what_is_to_look_at_again_and_changes_nothing(opened):
    wb, browser = opened
    browser.hello()
    preview = browser.preview(edits.split("T-shirt", into=["Polo", "Tank top"]))["preview"]
    assert preview["prose"] == "Split “T-shirt” into “Polo” and “Tank top”."
    assert (preview["version"], preview["carried"], preview["again"]) == (1, 3, 5)
    assert preview["labels"] == [("T-shirt", 5)]
    assert preview["minutes"] == pytest.approx(5 * 3 / 60)
    assert not preview["measured"]
    assert wb.taxonomy.version == 1


def test_a_preview_of_what_can_not_be_says_why(opened):
    _, browser = opened
    browser.hello()
    problem = browser.preview(edits.rename("T-shirt", "Pullover"))["problem"]
    assert "two labels" in problem
    assert "Pullover" in problem


def test_applying_is_stored_with_its_why_and_told_to_the_browser(opened):
    wb, browser = opened
    browser.hello()
    reply = browser.apply(edits.rename("Bag", "Purse"), why="nobody says bag", base=1)
    assert reply == {"kind": "stored", "decision_id": reply["decision_id"], "edit_id": reply["edit_id"], "version": 2,
                     "prose": "Rename “Bag” to “Purse”."}
    assert "Purse" in wb.taxonomy
    tree = wait_for(lambda: [m for m in browser.of_kind("taxonomy") if m["taxonomy"]["version"] == 2])[0]
    [past] = tree["history"]
    assert (past["version"], past["why"], past["annotator"]) == (2, "nobody says bag", "ann")
    assert (past["reverts"], past["reverted_by"]) == (None, None)


def test_an_act_sent_twice_is_done_once(opened):
    wb, browser = opened
    act = {"kind": "apply", "decision_id": new_id(), "edits": [edits.add("Hat").to_dict()], "base": 1}
    assert browser.editor.receive(act) == browser.editor.receive(act)
    assert wb.taxonomy.version == 2


def test_a_refused_edit_is_rejected_in_words(opened):
    wb, browser = opened
    reply = browser.apply(edits.retire("Hat"))
    assert reply["kind"] == "rejected"
    assert "Hat" in reply["reason"]
    assert "again" not in reply
    assert wb.taxonomy.version == 1


def test_an_edit_that_the_disk_could_not_take_comes_again(opened, monkeypatch):
    wb, browser = opened
    act = {"kind": "apply", "decision_id": new_id(), "edits": [edits.add("Hat").to_dict()], "base": 1}
    with monkeypatch.context() as full:
        def refuse(*_, **__):
            raise DiskFull("the disk is full")
        full.setattr(wb.project.log, "append", refuse)
        reply = browser.editor.receive(act)
        assert (reply["kind"], reply["again"]) == ("rejected", True)
    assert browser.editor.receive(act)["kind"] == "stored"


def test_undoing_is_previewed_and_then_done_by_a_new_edit(opened):
    wb, browser = opened
    browser.hello()
    edit_id = browser.apply(edits.split("T-shirt", into=["Polo", "Tank top"]))["edit_id"]
    preview = browser.preview(edit_id=edit_id)["preview"]
    assert preview["again"] == 0
    assert "5 in doubt until now" in preview["settled"]
    reply = browser.act("revert", edit_id=edit_id, why="too fine")
    assert (reply["kind"], reply["version"]) == ("stored", 3)
    assert "T-shirt" in wb.taxonomy
    tree = wait_for(lambda: [m for m in browser.of_kind("taxonomy") if m["taxonomy"]["version"] == 3])[0]
    undo, split = tree["history"]
    assert (undo["reverts"], split["reverted_by"]) == (2, 3)


def test_an_undo_on_which_later_edits_rest_is_refused_in_words(opened):
    _, browser = opened
    browser.hello()
    edit_id = browser.apply(edits.add("Hat"))["edit_id"]
    browser.apply(edits.rename("Hat", "Cap"))
    browser.apply(edits.split("Cap", into=["Beret", "Beanie"]))
    assert "rest" in browser.preview(edit_id=edit_id)["problem"]
    reply = browser.act("revert", edit_id=edit_id)
    assert reply["kind"] == "rejected"
    assert "Beret" in reply["reason"]


def test_somebody_elses_edit_is_told_and_an_edit_previewed_before_it_is_applied_on_top(opened, bench):
    wb, browser = opened
    browser.hello()
    bench(annotator="bob").apply(edits.rename("Bag", "Purse"))
    tree = wait_for(lambda: [m for m in browser.of_kind("taxonomy") if m["taxonomy"]["version"] == 2])[0]
    assert tree["history"][0]["annotator"] == "bob"
    reply = browser.apply(edits.describe("Bag", definition="carried, not worn"), base=1)
    assert reply["kind"] == "stored"
    assert wb.taxonomy.label("Purse").definition == "carried, not worn"


def test_an_edit_of_a_label_that_somebody_else_retired_names_who_did(opened, bench):
    _, browser = opened
    browser.hello()
    bench(annotator="bob").apply(edits.retire("Bag"))
    reply = browser.apply(edits.rename("Bag", "Purse"), base=1)
    assert reply["kind"] == "rejected"
    assert "bob" in reply["reason"]


def test_answers_are_counted_anew_when_they_come(opened):
    wb, browser = opened
    browser.hello()
    wb.decide(IDS[10], label="Bag")
    wait_for(lambda: browser.of_kind("counts")[-1]["count"] == (9, 0))


def test_a_label_without_examples_shows_what_was_answered_so_last(opened):
    wb, browser = opened
    wb.apply(edits.describe("shoe", examples=[IDS[12]], counter_examples=["gone.png"]))
    browser.hello()
    shirt, shoe = wb.taxonomy.label("T-shirt").id, wb.taxonomy.label("shoe").id
    browser.editor.receive({"kind": "examples", "label_ids": [shirt, shoe]})
    told = wait_for(lambda: {m["label_id"]: m["examples"] for m in browser.of_kind("examples")}
                    if len(browser.of_kind("examples")) == 2 else None)
    assert [(e["name"], e["answered"]) for e in told[shirt]] == [(item_id, True) for item_id in IDS[4::-1]]
    assert [(e["name"], e["against"], e["answered"]) for e in told[shoe]] == [(IDS[12], False, False),
                                                                             ("gone.png", True, False)]
    assert told[shoe][1]["problem"]


@pytest.mark.parametrize("act", [
    {"kind": "dance"}, {"kind": "apply", "edits": []}, {"kind": "apply", "edits": [{"edit": "explode"}]},
    {"kind": "apply", "edits": "rename"}, {"kind": "preview", "ask": 1, "edits": None}, {"kind": "revert"},
    {"kind": "examples", "label_ids": "x"}, 7])
def test_what_can_not_be_read_is_rejected_with_a_reason(opened, act):
    _, browser = opened
    reply = browser.editor.receive({"decision_id": new_id(), **act} if isinstance(act, dict) else act)
    assert reply["kind"] == "rejected"
    assert reply["reason"]


def test_a_project_without_its_pool_can_be_edited_too(opened, bench):
    browser = Browser(bench(annotator="bob", pool=False).edits.open())
    browser.hello()
    assert browser.of_kind("counts")[0]["count"] == (0, 0)
    assert browser.preview(edits.add("Hat"))["preview"]["carried"] == 0
    assert browser.apply(edits.add("Hat"))["kind"] == "stored"


def test_ten_thousand_labels_come_in_one_message(bench):
    browser = Browser(bench([f"label {n:05d}" for n in range(10_000)]).edits.open())
    browser.hello()
    assert len(browser.of_kind("taxonomy")[0]["taxonomy"]["labels"]) == 10_000


def test_a_second_editor_closes_the_first_and_closing_the_project_closes_it(opened):
    wb, browser = opened
    browser.hello()
    second = Browser(wb.edits.open())
    assert browser.of_kind("closed")
    wb.close()
    assert second.of_kind("closed")


def test_a_key_that_is_taken_is_refused(opened):
    wb, _ = opened
    with pytest.raises(BadInput, match="'Shift\\+S'"):
        wb.edits.open(keys={"merge": "Shift+S"})


# -- counts


def test_answers_in_doubt_among_siblings_are_in_doubt_once_above_them(opened):
    wb, _ = opened
    wb.apply(edits.split("T-shirt", into=["Polo", "Tank top"]))
    counts = label_counts(wb.project.state.label_index.counts(), wb.project.lineage)
    of = {wb.taxonomy.name_of(label_id): tuple(n) for label_id, n in counts.labels.items()}
    assert of == {"Polo": (0, 5), "Tank top": (0, 5), "top": (0, 5), "shoe": (3, 0)}
    assert tuple(counts.all) == (3, 5)


def test_the_latest_items_of_a_label_come_first_and_once(opened):
    wb, _ = opened
    cat = wb.taxonomy.label("Bag").id
    assert latest_items([("b", cat, 1), ("a", cat, 1), ("b", cat, 1), ("c", cat, 1)], wb.project.lineage, most=2) \
        == {cat: ["b", "a"]}


# Attributes.

def test_the_tree_has_attributes_and_they_are_edited_as_they_were_typed(bench):
    wb = bench(CLOTHES)
    wb.decide("item-00", label="Bag")
    browser = Browser(wb.edits.open())
    browser.hello()
    assert "attributes" not in browser.of_kind("taxonomy")[-1]["taxonomy"]
    assert browser.act("apply", edits=[
        {"edit": "add_attribute", "name": "wear", "scale": ["0", "10"], "labels": ["top"]},
        {"edit": "add_attribute", "name": "tone", "scale": ["0", "1.0"]}], base=1)["kind"] == "stored"
    wait_for(lambda: browser.of_kind("taxonomy")[-1]["taxonomy"]["version"] == 3)
    wear, tone = browser.of_kind("taxonomy")[-1]["taxonomy"]["attributes"]
    assert (wear["kind"], wear["low"], wear["high"]) == ("ordinal", 0, 10)
    assert wear["labels"] == [wb.taxonomy.label("top").id]
    assert (tone["kind"], "labels" in tone) == ("continuous", False)
    for k, value in enumerate([3, 10]):
        wb.decide(f"item-1{k}", label="T-shirt", values={"wear": value})
    shown = browser.preview(edits.change_attribute("wear", scale=(0, 5)))["preview"]
    assert shown["settled"] == "1 value of “wear” carried over. 1 value of “wear” to be given again."
    assert shown["again"] == 1
    problem = browser.preview(edits.add_attribute("wear", scale=(0, 5)))["problem"]
    assert "two attributes have the name 'wear'" in problem
    reply = browser.act("apply", edits=[{"edit": "change_attribute", "name": "wear", "scale": ["0", "x"]}], base=3)
    assert reply["kind"] == "rejected"
    assert "its lowest and its highest value" in reply["reason"]


@pytest.fixture
def apart(tmp_path):
    """A project into which another folder's was joined: there "Hat" was added after "Cap" was here. And its owner."""
    images = hw.Pool.from_images(np.zeros((20, 8, 8), np.uint8), ids=IDS)
    with hw.Workbench(tmp_path / "p", images, hw.Taxonomy(CLOTHES), annotator="ann", progress=False) as wb:
        shutil.copytree(tmp_path / "p", tmp_path / "other")
        wb.apply(edits.add("Cap"))
        with hw.Workbench(tmp_path / "other", images, annotator="bob", progress=False) as other:
            other.apply(edits.add("Hat"))
        wb.join(tmp_path / "other")
        yield wb


def test_an_edit_made_apart_is_previewed_and_applied(apart):
    browser = Browser(apart.edits.open())
    browser.hello()
    [tree] = browser.of_kind("taxonomy")
    [step] = [past for past in tree["history"] if past["to_settle"]]
    assert (step["prose"], step["annotator"], step["version"], tree["may_settle"]) == ("Add “Hat”.", "bob", -1, True)
    assert browser.preview(settle=step["edit_id"])["preview"]["prose"] == "Add “Hat”."
    assert apart.taxonomy.version == 2
    reply = browser.act("settle_edit", edit_id=step["edit_id"], apply=True, why="hats are no caps")
    assert (reply["kind"], reply["version"], reply["prose"]) == ("stored", 3, "Add “Hat”.")
    assert "Hat" in apart.taxonomy.names
    assert apart.edits()["why"].iloc[-1] == "hats are no caps"
    wait_for(lambda: not any(past["to_settle"] for past in browser.of_kind("taxonomy")[-1]["history"]))


def test_an_edit_made_apart_is_left_once(apart):
    browser = Browser(apart.edits.open())
    browser.hello()
    [edit_id] = apart.edits.unsettled()["id"]
    reply = browser.act("settle_edit", edit_id=edit_id, apply=False, why="we have no hats")
    assert (reply["kind"], reply["version"], reply["prose"]) == ("stored", 2, "The edit is left.")
    assert apart.taxonomy.version == 2
    assert not len(apart.edits.unsettled())
    # The version is the same; what waits is not.
    wait_for(lambda: not any(past["to_settle"] for past in browser.of_kind("taxonomy")[-1]["history"]))
    again = browser.act("settle_edit", edit_id=edit_id, apply=True)
    assert again["kind"] == "rejected"
    assert "It was settled already" in again["reason"]


def test_an_edit_whose_labels_are_there_already_is_settled_without_another_version(apart):
    apart.apply(edits.add("Hat"))
    browser = Browser(apart.edits.open())
    browser.hello()
    [edit_id] = apart.edits.unsettled()["id"]
    assert browser.preview(settle=edit_id)["preview"]["again"] == 0
    reply = browser.act("settle_edit", edit_id=edit_id, apply=True)
    assert (reply["version"], reply["prose"]) == (3, "The edit is settled: today's labels have it already.")


def test_whose_role_does_not_allow_it_is_told_so_and_settles_nothing(apart, tmp_path):
    apart.people.invite("cy", role="annotator")
    with hw.Workbench(tmp_path / "p", apart.pool, annotator="cy", progress=False) as cy:
        browser = Browser(cy.edits.open())
        browser.hello()
        assert not browser.of_kind("taxonomy")[-1]["may_settle"]
        [edit_id] = apart.edits.unsettled()["id"]
        for apply in (True, False):
            reply = browser.act("settle_edit", edit_id=edit_id, apply=apply)
            assert reply["kind"] == "rejected"
            assert "cy has the role of an annotator" in reply["reason"]
        apart.people.invite("cy", role="reviewer")
        wait_for(lambda: browser.of_kind("taxonomy")[-1]["may_settle"])
        assert browser.act("settle_edit", edit_id=edit_id, apply=False)["kind"] == "stored"
