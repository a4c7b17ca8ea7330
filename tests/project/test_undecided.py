"""Items with several answers of which an edit left some in doubt: the others aren't taken for what most people said."""

from __future__ import annotations

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.records import Seen
from hitl_widgets.workbench import Workbench

IDS = [f"i{k}" for k in range(40)]
POOL = hw.Pool.from_images(np.zeros((40, 2, 2), np.uint8), IDS)
PEOPLE = ("ann", "bob", "eve")


@pytest.fixture
def opened(tmp_path):
    made: list[Workbench] = []

    def open_(each: object) -> Workbench:
        made.append(hw.Workbench(tmp_path / "p", POOL, ["cat", "dog", "fox"], annotator="ann", holdout=0.4,
                                 annotators_per_item=each, progress=False))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def answered(wb: Workbench, item_id: str, *labels: str, people: tuple[str, ...] = PEOPLE) -> None:
    why = "holdout" if item_id in wb.holdout else "random"
    for name, label in zip(people, labels, strict=False):
        wb.decide(item_id, label=label, annotator=name, seen=Seen(hidden=True, chosen_by=why,
                                                                 taxonomy=wb.taxonomy.version))


def one_of_each(wb: Workbench) -> tuple[str, str]:
    """An item that teaches, and one of the hold-out."""
    return next(item_id for item_id in IDS if item_id not in wb.holdout), wb.holdout[0]


def truth(wb: Workbench) -> dict[str, str]:
    return {IDS[place]: wb.taxonomy.name_of(label_id) for place, label_id in wb.project.measuring().holdout.items()}


@pytest.mark.parametrize("each", [3, 1, (1, 3)])
def test_a_split_of_what_most_people_said_doesnt_make_the_minoritys_answer_the_label(opened, each):
    """Two of three said cat. After its split "dog" was the consensus with a share of 1, taught, and measured."""
    wb = opened(each)
    teaches, measures = one_of_each(wb)
    for item_id in (teaches, measures):
        answered(wb, item_id, "cat", "cat", "dog")
    assert truth(wb) == {measures: "cat"}
    wb.apply(edits.split("cat", into={"lion": [], "lynx": []}))
    assert not len(wb.consensus())
    assert not len(wb.people.consensus("majority").labels)
    assert not len(wb.project.answers().training())
    [row] = wb.project.answers().partial().to_dict("records")
    assert (row["item_id"], [wb.taxonomy.name_of(label_id) for label_id in row["label_ids"]]) == (
        teaches, ["lion", "lynx"])
    assert (truth(wb), wb.project.measuring().n_in_doubt) == ({}, 1)
    assert {name: set(wb.relabel_queue(annotator=name)["item_id"]) for name in PEOPLE} == {
        "ann": {teaches, measures}, "bob": {teaches, measures}, "eve": set()}
    for item_id in (teaches, measures):
        answered(wb, item_id, "lynx", "lynx")
    assert wb.consensus()["label"].tolist() == ["lynx", "lynx"]
    assert truth(wb) == {measures: "lynx"}
    assert not len(wb.relabel_queue())


def test_most_answers_decide_where_those_in_doubt_cannot_overturn_them(opened):
    wb = opened(3)
    teaches, measures = one_of_each(wb)
    for item_id in (teaches, measures):
        answered(wb, item_id, "cat", "dog", "dog")
    wb.apply(edits.split("cat", into={"lion": [], "lynx": []}))
    assert wb.consensus()["label"].tolist() == ["dog", "dog"]
    assert truth(wb) == {measures: "dog"}
    assert wb.project.answers().training()["item_id"].tolist() == [teaches]


def test_one_answer_against_one_in_doubt_decides_nothing_until_somebody_answers_since_the_edit(opened):
    wb = opened(1)
    teaches, _ = one_of_each(wb)
    answered(wb, teaches, "cat", "dog")
    assert wb.consensus()["tied"].tolist() == [("cat", "dog")]
    wb.apply(edits.split("cat", into={"lion": [], "lynx": []}))
    assert not len(wb.consensus())
    assert len(wb.project.answers().partial()["label_ids"].item()) == 3  # lion, lynx or dog
    answered(wb, teaches, "dog", people=("ann",))
    assert wb.consensus()["label"].tolist() == ["dog"]


def test_somebody_elses_answer_since_an_edit_settles_one_in_doubt(opened):
    wb = opened(1)
    teaches, measures = one_of_each(wb)
    for item_id in (teaches, measures):
        answered(wb, item_id, "cat")
    wb.apply(edits.split("cat", into={"lion": [], "lynx": []}))
    for item_id in (teaches, measures):
        answered(wb, item_id, "lynx", people=("bob",))
    assert wb.consensus()["label"].tolist() == ["lynx", "lynx"]
    assert truth(wb) == {measures: "lynx"}


def test_a_label_that_was_retired_may_have_meant_any_other(opened):
    wb = opened(3)
    teaches, measures = one_of_each(wb)
    for item_id in (teaches, measures):
        answered(wb, item_id, "cat", "cat", "dog")
    wb.apply(edits.retire("cat"))
    assert not len(wb.consensus())
    assert truth(wb) == {}
    assert not len(wb.project.answers().partial())  # it may be any label: nothing is learnt from it


@pytest.mark.parametrize("each", [3, 1])
def test_a_split_of_a_label_that_most_people_saw_doesnt_make_its_parts_off(tmp_path, each):
    """Two of three said that it is night. After the split of "night" the third's answer made both parts off."""
    with hw.Workbench(tmp_path / "p", POOL, ["indoor", "night"], task="multilabel", annotator="ann", holdout=0.4,
                      annotators_per_item=each, progress=False) as wb:
        teaches, measures = one_of_each(wb)
        for item_id, why in ((teaches, "random"), (measures, "holdout")):
            for name, labels in zip(PEOPLE, (["night"], ["indoor", "night"], ["indoor"]), strict=True):
                wb.decide(item_id, labels=labels, annotator=name, seen=Seen(hidden=True, chosen_by=why, taxonomy=1))
        wb.apply(edits.split("night", into={"dusk": [], "dark": []}))
        assert wb.consensus()["shares"].tolist() == [{"indoor": pytest.approx(2 / 3)}] * 2
        assert wb.consensus("majority")["labels"].tolist() == [("indoor",)] * 2
        assert set(wb.people.consensus("majority").probs.dropna(axis=1)) == {"indoor"}
        assert np.isnan(wb.project.answers().label_matrix().on).tolist() == [[False, True, True]]
        measuring = wb.project.measuring()
        parts = {wb.taxonomy.label(name).id for name in ("dusk", "dark")}
        assert {IDS[place]: set(of) for place, of in measuring.unknown["holdout"].items()} == {measures: parts}
        assert len(wb.labels_table()) == 2 * 5  # all that is certain is told: three times "indoor", and what eve said
        assert set(wb.relabel_queue(annotator="ann")["item_id"]) == {teaches, measures}
        for item_id, why in ((teaches, "random"), (measures, "holdout")):
            wb.decide(item_id, labels=["dusk"], annotator="ann", seen=Seen(hidden=True, chosen_by=why, taxonomy=2))
            wb.decide(item_id, labels=["dusk", "indoor"], annotator="bob",
                      seen=Seen(hidden=True, chosen_by=why, taxonomy=2))
        assert wb.consensus()["labels"].tolist() == [("indoor", "dusk")] * 2
        assert {wb.taxonomy.name_of(one) for one in wb.project.measuring().holdout.values()} == {"indoor, dusk"}
