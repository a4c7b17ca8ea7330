"""Are values that an edit left in doubt previewed, asked again, and asked no more once they are answered or undone?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import EditError, TaxonomyMismatch
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy

ANIMALS = Taxonomy(["dog", "car"], attributes=[
    hw.Attribute("blur", scale=(0, 10)), hw.Attribute("view", choices=["front", "side", "back"], labels=["dog"])])
TONES = Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10)), hw.Attribute("tone", scale=(0.0, 1.0))])
SCENES = Taxonomy(["indoor", "people", "night"])

Open = Callable[..., Project]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    made = []

    def open_(taxonomy: Taxonomy | None = None, *, annotator: str = "ann", **more: Any) -> Project:
        images = np.random.default_rng(0).integers(0, 255, (12, 4, 4), np.uint8)
        pool = Pool.from_images(images, ids=[f"i{k}" for k in range(12)])
        made.append(Project(tmp_path / "p", pool, taxonomy, annotator=annotator, **{"holdout": 0.0, **more},
                            notify=lambda line: None))
        return made[-1]
    yield open_
    for project in made:
        project.close()


@pytest.fixture
def animals(opened: Open) -> Project:
    """Eleven dogs and a car, blurred from 0 to 10 and 5; the first three dogs from each side."""
    project = opened(ANIMALS)
    for k in range(11):
        view = {"view": ["front", "side", "back"][k]} if k < 3 else {}
        project.decide(f"i{k}", label="dog", values={"blur": k, **view})
    project.decide("i11", label="car", values={"blur": 5})
    return project


def asked(project: Project, annotator: str | None = None) -> set[str]:
    return set(project.relabel_queue(annotator)["item_id"])


def values(project: Project, attribute: str) -> dict[str, Any]:
    table = project.values()
    table = table[(table["attribute"] == attribute) & (table["status"] == "decided")]
    return dict(zip(table["item_id"], table["value"], strict=True))


def test_only_values_without_a_place_on_the_new_scale_are_asked_again(animals):
    edit = edits.change_attribute("blur", scale=(0, 5))
    preview = animals.preview(edit)
    odd = {f"i{k}" for k in (1, 3, 5, 7, 9)} | {"i11"}
    assert (preview.values_kept, preview.values_to_review, preview.values_gone) == ({"blur": 6}, {"blur": 6}, {})
    assert (preview.n_items, preview.n_kept, preview.n_to_review) == (6, 12, 0)
    assert "6 values carried over; 6 of “blur” to be given again" in repr(preview)
    applied = animals.apply(edit, base=preview)
    assert asked(animals) == odd
    assert values(animals, "blur") == {f"i{k}": k // 2 for k in range(0, 11, 2)}
    row = animals.relabel_queue().set_index("item_id").loc["i11"]
    assert (row["annotator"], row["label"], row["candidates"], row["attributes"]) == ("ann", "car", (), ("blur",))
    assert set(animals.next(20, queue="relabel").ids) == odd
    animals.decide("i3", label="dog", values={"blur": 2})
    assert asked(animals) == odd - {"i3"}
    assert animals.asking.waiting("relabel") == 5
    back = animals.preview(revert=applied.id)
    assert (back.n_items, back.n_settled, back.values_to_review) == (0, 5, {})
    animals.revert(applied.id)
    assert asked(animals) == set()
    assert values(animals, "blur") == {**{f"i{k}": k for k in range(11)}, "i11": 5, "i3": 4}


def test_what_is_asked_again_is_the_same_after_opening_and_in_another_process(animals, opened):
    other = opened(annotator="ben")
    animals.apply(edits.change_attribute("blur", scale=(0, 5)))
    again = opened()
    assert asked(other) == asked(again) == asked(animals)
    other.decide("i1", label="dog", values={"blur": 1})
    assert asked(animals) == asked(again) == asked(animals, "ben")
    assert "i1" not in asked(animals)


def test_with_two_people_an_item_each_is_asked_about_their_own_values(opened):
    project = opened(ANIMALS, annotators_per_item=2)
    project.decide("i0", label="dog", values={"blur": 5})
    project.decide("i0", label="dog", values={"blur": 4}, annotator="ben")
    project.apply(edits.change_attribute("blur", scale=(0, 5)))
    assert asked(project) == {"i0"}
    assert asked(project, "ben") == set()


def test_an_added_attribute_is_asked_of_new_answers_only_unless_the_edit_says_otherwise(animals):
    assert animals.preview(edits.add_attribute("tail", scale=(0, 3), labels=["dog"])).n_items == 0
    animals.apply(edits.add_attribute("tail", scale=(0, 3), labels=["dog"]))
    assert asked(animals) == set()
    edit = edits.add_attribute("ears", choices=["up", "down"], labels=["dog"], ask=True)
    assert animals.preview(edit).n_items == 11
    applied = animals.apply(edit)
    assert asked(animals) == {f"i{k}" for k in range(11)}
    assert set(animals.relabel_queue()["attributes"]) == {("ears",)}
    animals.decide("i0", label="dog", values={"ears": "up"})
    animals.decide("i1", label="car")
    animals.decide("i2", label="dog")  # they looked, and didn't say
    assert asked(animals) == {f"i{k}" for k in range(3, 11)}
    animals.apply(edits.rename_attribute("ears", "ear position"))
    assert len(asked(animals)) == 8
    with pytest.raises(EditError, match="a later edit rests on it"):
        animals.revert(applied.id)
    animals.revert(animals.edits()["id"].iloc[-1])
    animals.revert(applied.id)
    assert asked(animals) == set()
    animals.revert(animals.edits()["id"].iloc[-1])
    assert asked(animals) == {f"i{k}" for k in range(3, 11)}
    assert values(animals, "ears") == {"i0": "up"}


def test_an_added_attribute_is_asked_where_a_label_alone_was_answered(opened):
    project = opened(Taxonomy(["dog", "car"]))
    for k in range(4):
        project.decide(f"i{k}", label=["dog", "car"][k % 2])
    project.apply(edits.add_attribute("blur", scale=(0, 10), labels=["dog"], ask=True))
    assert asked(project) == {"i0", "i2"}
    project.decide("i0", label="dog", values={"blur": 1})
    assert asked(project) == {"i2"}


def test_a_retired_attribute_asks_nothing_and_comes_back_with_its_values(animals):
    preview = animals.preview(edits.retire_attribute("blur"))
    assert (preview.values_gone, preview.n_items) == ({"blur": 12}, 0)
    assert "12 values of “blur” kept in the log only" in repr(preview)
    applied = animals.apply(edits.retire_attribute("blur"))
    assert set(animals.values()["attribute"]) == {"view"}
    assert asked(animals) == set()
    animals.revert(applied.id)
    assert values(animals, "blur") == {**{f"i{k}": k for k in range(11)}, "i11": 5}


def test_values_of_a_label_that_is_in_doubt_wait_for_the_label(animals):
    animals.apply([edits.change_attribute("view", choices=["front", "side"]), edits.split("dog", ["pug", "poodle"])])
    assert asked(animals) == {f"i{k}" for k in range(11)}
    table = animals.relabel_queue().set_index("item_id")
    assert set(table["attributes"]) == {()}
    assert set(table["candidates"]) == {("pug", "poodle")}
    animals.decide("i2", label="pug", values={"view": "side"})
    assert "i2" not in asked(animals)


def test_values_alone_are_asked_again(opened):
    project = opened(TONES, task="scale")
    for k in range(5):
        project.decide(f"i{k}", values={"blur": k, "tone": k / 10})
    project.decide("i5", "unsure")
    applied = project.apply(edits.change_attribute("blur", scale=(0, 5)))
    assert asked(project) == {"i1", "i3"}
    assert set(project.relabel_queue()["attributes"]) == {("blur",)}
    project.decide("i1", values={"blur": 1, "tone": 0.1})
    assert asked(project) == {"i3"}
    project.revert(applied.id)
    assert asked(project) == set()
    project.apply(edits.add_attribute("grain", scale=(0, 3), ask=True))
    assert asked(project) == {f"i{k}" for k in range(5)}


def test_holdout_items_with_values_in_doubt_are_asked_in_a_line_of_their_own(opened):
    project = opened(ANIMALS, holdout=0.4)
    for k in range(12):
        project.decide(f"i{k}", label="dog", values={"blur": 5})
    project.apply(edits.change_attribute("blur", scale=(0, 5)))
    items = project.next(12, queue="relabel")
    holdout = {str(project.pool.ids[place]) for place in np.flatnonzero(project.queue.holdout)}
    assert {item.id for item in items if item.chosen_by == "holdout"} == holdout
    assert all(item.blind == (item.id in holdout) for item in items)


def test_typical_items_come_first_where_values_are_in_doubt(opened):
    from hitl_widgets.project.relabel import by_features
    project = opened(TONES, task="scale")
    for k in range(12):
        project.decide(f"i{k}", values={"blur": 5})
    # Two clusters, of eight and of four items, and an item that can't be read.
    where = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [0.5], [0.6], [9.0], [9.1], [9.2], [9.3], [np.nan]])
    project.ordering = by_features(lambda positions: where[positions].astype(np.float32), seed=0)
    project.apply(edits.change_attribute("blur", scale=(0, 5)))
    order = project.next(12, queue="relabel").ids
    assert sorted(order) == sorted(project.pool.ids)
    assert order[-1] == "i11"


# Sets of labels.

def scenes(opened: Open) -> Project:
    project = opened(SCENES, task="multilabel")
    for k, labels in enumerate([["indoor"], ["indoor", "night"], ["people"], [], ["indoor", "people", "night"]]):
        project.decide(f"i{k}", labels=labels)
    return project


def sets(project: Project) -> dict[str, Any]:
    table = project.annotations()
    return dict(zip(table["item_id"], table["labels"], strict=True))


def test_a_split_asks_which_of_them_and_an_undo_asks_nothing(opened):
    project = scenes(opened)
    before = sets(project)
    edit = edits.split("indoor", ["kitchen", "office", "hall"])
    preview = project.preview(edit)
    assert preview.to_review == {"indoor": 1, "indoor, night": 1, "indoor, people, night": 1}
    assert preview.kept == {"people": 1, "none of them": 1}
    assert (preview.n_items, preview.n_kept) == (3, 2)
    applied = project.apply(edit)
    table = project.relabel_queue().set_index("item_id")
    assert set(table.index) == {"i0", "i1", "i4"}
    assert set(table["candidates"]) == {("kitchen", "office", "hall")}
    assert table.loc["i1", "label"] == "indoor, night"
    project.decide("i1", labels=["kitchen", "office", "night"])
    assert asked(project) == {"i0", "i4"}
    counts = project.counts().set_index("label")
    assert counts["decided"].to_dict() == {"kitchen": 1, "office": 1, "hall": 0, "people": 2, "night": 2}
    assert counts["in_doubt"].to_dict() == {"kitchen": 2, "office": 2, "hall": 2, "people": 0, "night": 0}
    assert project.label_counts().all == (3, 2)
    project.revert(applied.id)
    assert asked(project) == set()
    assert sets(project) == before


def test_a_merge_of_labels_that_an_item_has_is_one_label(opened):
    project = scenes(opened)
    preview = project.preview(edits.merge(["indoor", "night"], into="dim"))
    assert (preview.n_items, preview.n_kept) == (0, 5)
    project.apply(edits.merge(["indoor", "night"], into="dim"))
    assert sets(project) == {"i0": ("dim",), "i1": ("dim",), "i2": ("people",), "i3": (), "i4": ("dim", "people")}


def test_the_preview_says_what_the_model_makes_of_labels_that_are_independent(opened):
    project = opened(SCENES, task="multilabel")
    label_ids = project.taxonomy.label_ids
    project.use_predictions(Predictions(project.folder / "predictions", model="m1", label_ids=label_ids,
                                        ids_digest=project.pool.digest, n_items=12))
    assert project.preview(edits.split("indoor", ["kitchen", "office"])).model == {
        "kitchen": "whole", "office": "whole", "people": "kept", "night": "kept"}
    merge = project.preview(edits.merge(["people", "night"], into="party"))
    assert merge.model == {"indoor": "kept", "party": "highest"}
    assert "“party”: the highest probability of several labels before" in merge.model_prose
    assert project.preview(edits.add("day")).model["day"] == "new"


def test_sets_in_doubt_are_ordered_by_what_others_were_answered(opened):
    from hitl_widgets.project.relabel import by_features
    project = opened(SCENES, task="multilabel")
    for k in range(12):
        project.decide(f"i{k}", labels=["indoor", "night"] if k % 3 else ["indoor"])
    project.ordering = by_features(lambda positions: np.stack([positions, positions > 5], 1).astype(np.float32), seed=0)
    project.apply(edits.split("indoor", ["kitchen", "office"]))
    first = project.next(12, queue="relabel").ids
    assert sorted(first) == sorted(project.pool.ids)
    for item_id in first[:10]:
        k = int(item_id[1:])
        project.decide(item_id, labels=["kitchen" if k > 5 else "office", *(["night"] if k % 3 else [])])
    assert set(project.next(12, queue="relabel").ids) == set(first[10:])


NAMES = ["a", "b", "c", "d", "e"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_edits_of_sets_and_values_taken_back_give_back_each_answer_exactly(data, tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 255, (12, 4, 4), np.uint8)
    pool = Pool.from_images(images, ids=[f"i{k}" for k in range(12)])
    taxonomy = Taxonomy(NAMES[:3], attributes=[hw.Attribute("blur", scale=(0, 10)),
                                               hw.Attribute("view", choices=["front", "side"], labels=["a"])])
    project = Project(tmp_path_factory.mktemp("p"), pool, taxonomy, annotator="ann", holdout=0.0, task="multilabel",
                      notify=lambda line: None)
    try:
        for k in range(8):
            labels = data.draw(st.lists(st.sampled_from(NAMES[:3]), unique=True))
            view = {"view": data.draw(st.sampled_from(["front", "side"]))} if "a" in labels else {}
            project.decide(f"i{k}", labels=labels, values={"blur": data.draw(st.integers(0, 10)), **view})
        before, given_values = sets(project), project.values()
        for _ in range(data.draw(st.integers(1, 4))):
            has = list(project.taxonomy.names)
            one, *others = data.draw(st.permutations(has))
            new = data.draw(st.sampled_from(NAMES))
            edit = data.draw(st.sampled_from([
                edits.split(one, [f"{one}1", f"{one}2"]), edits.retire(one), edits.add(new, like=[one]), edits.add(new),
                edits.merge([one, others[0]], into=one) if others else edits.rename(one, "z"), edits.rename(one, new),
                edits.change_attribute("blur", scale=(0, 4)), edits.change_attribute("view", choices=["side", "top"]),
                edits.retire_attribute("view"), edits.add_attribute("tail", scale=(0, 1), ask=True)]))
            try:
                preview = project.preview(edit)
                project.apply(edit)
            except EditError:
                continue
            states = project.annotations()["status"].value_counts().to_dict()
            assert sum(states.values()) == 8
            assert preview.n_items <= len(asked(project)) <= 8
        while True:
            table = project.edits()
            standing = table[table["reverted_by"].isna() & table["reverts"].isna()]
            if standing.empty:
                break
            project.revert(standing["id"].iloc[-1])
        assert sets(project) == before
        assert project.values().equals(given_values)
        assert asked(project) == set()
    finally:
        project.close()


# Opening, and presuming beside values.

def test_a_project_opened_with_other_attributes_names_the_edits_that_lead_there(animals, opened):
    other = Taxonomy(["dog", "car"], attributes=[hw.Attribute("blur", scale=(0, 5)),
                                                 hw.Attribute("tail", scale=(0, 3))])
    with pytest.raises(TaxonomyMismatch) as error:
        opened(other)
    for edit in ("edits.retire_attribute('view')", "edits.add_attribute('tail', scale=[0, 3])",
                 "edits.change_attribute('blur', scale=[0, 5])"):
        assert edit in str(error.value)
    animals.apply(edits.between(animals.taxonomy, other))
    assert opened(other).taxonomy.digest == other.digest


def test_items_with_values_in_doubt_do_not_hide_labels_that_may_be_presumed(animals):
    animals.apply(edits.split("dog", ["pug", "poodle"]))
    split = animals.lineage.steps[-1]
    for k in range(4):
        animals.decide(f"i{k}", label="pug", values={"blur": 1})
    animals.apply(edits.change_attribute("blur", scale=(0, 5)))
    doubtful = animals.relabel().newest("ann", 20)
    assert doubtful is not None
    assert doubtful.step == split
    assert len(doubtful.positions) == 7


# Older projects.

def test_a_step_of_an_older_log_has_no_values_and_means_the_same(animals):
    plain = list(animals.log.events(kind="taxonomy"))
    assert all("values" not in event.body for event in plain)
    animals.apply(edits.rename("car", "auto"))
    assert "values" not in list(animals.log.events(kind="taxonomy"))[-1].body
    animals.apply(edits.change_attribute("blur", scale=(0, 2)))
    assert len(list(animals.log.events(kind="taxonomy"))[-1].body["values"]) == 1
