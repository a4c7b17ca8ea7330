"""Triage and presumed labels where an item has several labels, or values of attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from places import on_both

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, EditError
from hitl_widgets.project.triage import UnplacedItems

SCENES = ["indoor", "people", "other"]
Open = Callable[..., hw.Workbench]


@pytest.fixture
def opened(where: Callable[..., str]) -> Iterator[Open]:
    made = []

    def open_(taxonomy: Any = None, n: int = 12, **more: Any) -> hw.Workbench:
        images = np.zeros((n, 8, 8), np.uint8)
        images[1::2] = 200  # every other image is bright
        images += np.random.default_rng(0).integers(0, 40, images.shape).astype(np.uint8)
        pool = hw.Pool.from_images(images, ids=[f"i{k}" for k in range(n)])
        made.append(hw.Workbench(where(), pool, taxonomy, **{"annotator": "ann", "holdout": 0, **more},
                                 progress=False))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def sets(wb: hw.Workbench, annotator: str = "ann") -> dict[str, Any]:
    table = wb.annotations()
    table = table[table["annotator"] == annotator]
    return dict(zip(table["item_id"], table["labels"], strict=True))


# Triage.

@on_both
def test_items_with_the_label_other_among_theirs_wait_and_a_label_takes_its_place(opened):
    wb = opened(SCENES, task="multilabel")
    wb.decide("i0", labels=["indoor", "other"])
    wb.decide("i1", labels=["people"])
    wb.decide("i2", labels=[])
    wb.decide("i3", "unsure")
    wb.decide("i4", labels=["people"], flags=["not_in_taxonomy"])
    desk = UnplacedItems(wb.project)
    assert [(one.item_id, one.why) for one in desk.waiting()] == [("i0", "other"), ("i3", "unsure"), ("i4", "flagged")]
    wb.apply(edits.add("night"))
    act = desk.assign(["i0", "i3", "i4"], "night")
    assert act.label == "night"
    assert sets(wb) == {"i0": ("indoor", "night"), "i1": ("people",), "i2": (), "i3": ("night",),
                        "i4": ("people", "night")}
    assert desk.waiting() == []
    assert desk.assign(["i0", "i3", "i4"], "night", id=act.id) == act
    desk.undo(act.id)
    assert sets(wb)["i0"] == ("indoor", "other")
    assert len(desk.waiting()) == 3


@on_both
def test_the_label_comes_to_what_the_one_answered_because_of_whom_the_item_waits(opened):
    wb = opened(SCENES, task="multilabel", annotators_per_item=2)
    wb.decide("i0", labels=["indoor", "other"])
    UnplacedItems(wb.project).assign(["i0"], "people", annotator="ben")
    assert sets(wb, "ben") == {"i0": ("indoor", "people")}


@on_both
def test_a_label_made_of_items_comes_to_their_sets_and_goes_with_its_undo(opened):
    wb = opened(SCENES, task="multilabel")
    for k in range(3):
        wb.decide(f"i{k}", labels=["indoor", "other"])
    desk = UnplacedItems(wb.project)
    act = desk.make_label(["i0", "i1"], "lamp", definition="a light")
    assert sets(wb) == {"i0": ("indoor", "lamp"), "i1": ("indoor", "lamp"), "i2": ("indoor", "other")}
    desk.undo(act.id)
    assert sets(wb)["i0"] == ("indoor", "other")
    assert "lamp" not in wb.taxonomy


@on_both
def test_values_stay_as_far_as_the_label_is_asked_for_them(opened):
    wb = opened(hw.Taxonomy(["dog", "car", "other"], attributes=[
        hw.Attribute("blur", scale=(0, 10)), hw.Attribute("view", choices=["front", "side"], labels=["dog", "other"])]))
    wb.decide("i0", label="other", values={"blur": 4, "view": "front"})
    wb.decide("i1", label="other", values={"blur": 5, "view": "side"})
    wb.apply(edits.change_attribute("blur", scale=(0, 5)))
    desk = UnplacedItems(wb.project)
    desk.assign(["i0", "i1"], "car")
    assert wb.values()[["item_id", "attribute", "value"]].to_numpy().tolist() == [["i0", "blur", 2]]
    assert wb.annotations()["label"].tolist() == ["car", "car"]


def test_values_alone_have_no_label_to_be_given(opened):
    wb = opened(hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10))]), task="scale")
    wb.decide("i0", "unsure")
    desk = UnplacedItems(wb.project)
    assert [one.item_id for one in desk.waiting()] == ["i0"]
    for act in (lambda: desk.assign(["i0"], "x"), lambda: desk.make_label(["i0"], "x")):
        with pytest.raises(BadInput, match="Send the items back to the queue"):
            act()
    desk.send_back(["i0"])
    assert desk.waiting() == []
    with pytest.raises(EditError, match="no attribute would be left"):
        wb.apply(edits.retire_attribute("blur"))


# What is presumed.

def test_a_presumed_set_has_the_label_that_was_certain_and_is_nobodys_answer(opened):
    wb = opened(SCENES, task="multilabel")
    wb.decide("i0", labels=["indoor", "people"])
    wb.decide("i1", labels=["indoor"])
    wb.apply(edits.split("indoor", ["kitchen", "office"]))
    assert wb.project.presume({"i0": ["office", "people"]}, estimate={}) == ["i0"]
    rows = wb.annotations().set_index("item_id")
    assert rows["status"].to_dict() == {"i0": "presumed", "i1": "to_review"}
    assert set(rows.loc["i0", "labels"]) == {"office", "people"}
    assert wb.relabel_queue()["item_id"].tolist() == ["i1"]
    assert wb.edits.counts().set_index("label").loc["office", ["decided", "presumed", "in_doubt"]].tolist() == [0, 1, 2]
    with pytest.raises(BadInput, match="can't be presumed to be 'people'; it may be: kitchen, office"):
        wb.project.presume({"i1": ["people"]}, estimate={})
    wb.decide("i0", labels=["kitchen", "office"])
    assert wb.annotations().set_index("item_id")["status"]["i0"] == "decided"


def test_sets_are_presumed_after_checks_by_people(opened):
    wb = opened(SCENES, 130, task="multilabel")
    for k in range(130):
        wb.decide(f"i{k}", labels=["indoor", *(["people"] if k % 3 == 0 else [])])
    wb.apply(edits.split("indoor", ["dark", "bright"]))
    assert wb.edits.presume().estimate is None

    def answer(item_id: str) -> None:
        k = int(item_id[1:])
        wb.decide(item_id, labels=["bright" if k % 2 else "dark", *(["people"] if k % 3 == 0 else [])])

    for item_id in wb.next(20, queue="relabel").ids:
        answer(item_id)
    said = wb.edits.presume(tolerance=0.2)
    assert len(said.checks) == 30
    assert set(said.labels.values()) <= {"dark", "bright", "dark, people", "bright, people"}
    for _ in range(6):
        for item_id in said.checks:
            answer(item_id)
        said = wb.edits.presume(tolerance=0.2)
        if not said.checks:
            break
    assert said.taken
    rows = wb.annotations().set_index("item_id")
    for item_id in said.taken:
        k = int(item_id[1:])
        assert set(rows.loc[item_id, "labels"]) == {"bright" if k % 2 else "dark", *(["people"] * (k % 3 == 0))}
        assert rows.loc[item_id, "status"] == "presumed"


def test_a_set_of_which_two_labels_are_in_doubt_is_asked_and_never_presumed(opened):
    wb = opened(SCENES, task="multilabel")
    wb.decide("i0", labels=["indoor", "people"])
    wb.apply([edits.split("indoor", ["kitchen", "office"]), edits.split("people", ["one", "many"])])
    lineage = wb.project.lineage
    pair = next(iter(wb.project.state.label_index.counts()))
    assert all(lineage.settled(*pair, candidate) is None for candidate in lineage.candidates(*pair))
    with pytest.raises(BadInput, match="can't be presumed"):
        wb.project.presume({"i0": ["kitchen", "one"]}, estimate={})
