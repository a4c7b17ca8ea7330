"""Keys of labels stay the same through edits, in one kernel and in the next."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import EditError
from hitl_widgets.taxonomy.keys import KeyPlaces
from hitl_widgets.widgets.messages import labels_of

NAMES = ["cat", "dog", "bird", "fish"]


def keys(taxonomy):
    return {taxonomy.name_of(label_id): key for label_id, key in taxonomy.keys.items()}


@pytest.fixture
def opened(tmp_path):
    pool = hw.Pool.from_images(np.zeros((4, 8, 8), np.uint8))
    return lambda: hw.Workbench(tmp_path / "p", pool, NAMES, annotator="ann", holdout=0, progress=False)


def test_the_labels_that_are_left_keep_their_digits_and_a_new_one_gets_the_next(opened):
    with opened() as wb:
        wb.apply(edits.split("dog", ["puppy", "hound"]))
        expected = {"cat": "1", "bird": "3", "fish": "4", "puppy": "5", "hound": "6"}
        assert keys(wb.taxonomy) == expected
        wb.apply(edits.add("frog"))  # what became free with the edit before is free now
        expected["frog"] = "2"
        assert keys(wb.taxonomy) == expected
        wb.apply([edits.rename("bird", "birds"), edits.merge(["puppy", "hound"], "dog")])
        before = keys(wb.taxonomy)
        assert {name: before[name] for name in ("cat", "birds", "fish", "frog")} == {
            "cat": "1", "birds": "3", "fish": "4", "frog": "2"}
    with opened() as wb:
        assert keys(wb.taxonomy) == before


def test_a_label_that_comes_back_has_the_digit_that_it_had(opened):
    with opened() as wb:
        edit = wb.apply(edits.retire("dog"))
        assert keys(wb.taxonomy) == {"cat": "1", "bird": "3", "fish": "4"}
        wb.revert(edit)
        assert keys(wb.taxonomy) == dict(zip(NAMES, "1234", strict=True))


def test_a_key_of_its_own_is_no_place_and_takes_nobodys_digit_for_long():
    taxonomy = hw.Taxonomy(["a", {"name": "b", "key": "x"}, "c", "7"])
    assert keys(taxonomy) == {"a": "1", "b": "x", "c": "2", "7": "7"}
    after, _ = edits.retire("a").apply(taxonomy)
    assert keys(after) == {"b": "x", "c": "2", "7": "7"}


@pytest.mark.parametrize(("edit", "changed"), [
    (edits.retire("3"), {"3": None}), (edits.describe("3", key="1"), {"3": "1", "cat": "6"}),
    (edits.rename("dog", "1"), {"dog": None, "1": "1", "cat": "6"}), (edits.add("7"), {"7": "7"}),
    (edits.add("emu"), {"emu": "6"}), (edits.retire("cat"), {"cat": None})], ids=str)
def test_a_key_of_ones_own_that_comes_or_goes_moves_only_who_is_in_its_way(edit, changed):
    taxonomy = hw.Taxonomy(["3", "cat", "dog", "fox", "owl"])
    before = keys(taxonomy)
    assert before == {"3": "3", "cat": "1", "dog": "2", "fox": "4", "owl": "5"}
    after, _ = edit.apply(taxonomy)
    assert keys(after) == {name: key for name, key in (before | changed).items() if key is not None}


def test_beyond_the_digits_the_card_has_letters_in_the_same_order_after_an_edit(opened):
    taxonomy = hw.Taxonomy([f"label {n}" for n in range(14)])
    first = {one["name"]: (one["key"], one.get("letter")) for one in labels_of(taxonomy)["labels"]}
    assert first["label 9"] == ("0", None)
    assert first["label 10"] == (None, 0)
    after, _ = edits.retire("label 11").apply(taxonomy)
    then = {one["name"]: (one["key"], one.get("letter")) for one in labels_of(after)["labels"]}
    assert then == {name: place for name, place in first.items() if name != "label 11"}


def test_labels_that_somebody_is_assigned_come_first():
    taxonomy = hw.Taxonomy(NAMES)
    fish = taxonomy.label("fish").id
    assert [(one["name"], one["key"]) for one in labels_of(taxonomy, [fish])["labels"]] == [
        ("fish", "1"), ("cat", "2"), ("dog", "3"), ("bird", "4")]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=8))
def test_whatever_changes_nobody_has_the_place_of_another(versions):
    places = KeyPlaces()
    for label_ids in versions:
        before, places = places, places.then(label_ids)
        assert set(places.now) == set(label_ids)
        assert len(set(places.now.values())) == len(label_ids)
        for label_id, place in places.now.items():
            assert before.now.get(label_id, place) == place
            if label_id not in before.now:
                assert place not in before.now.values()


@given(st.lists(st.tuples(st.sampled_from(["add", "retire", "split", "merge", "rename", "key"]),
                          st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_after_any_edits_a_new_kernel_gives_each_label_the_key_that_it_has_here(tmp_path_factory, steps):
    pool = hw.Pool.from_images(np.zeros((2, 8, 8), np.uint8))
    folder = tmp_path_factory.mktemp("p") / "p"
    with hw.Workbench(folder, pool, ["a", "1", "c"], annotator="ann", holdout=0, progress=False) as wb:
        for number, (kind, one, other) in enumerate(steps):
            names = wb.taxonomy.names
            a, b = names[one % len(names)], names[other % len(names)]
            made = {"add": (edits.add, f"n{number}"), "retire": (edits.retire, a),
                    "rename": (edits.rename, a, str(other)),
                    "split": (edits.split, a, [f"s{number}", f"t{number}"]),
                    "merge": (edits.merge, [a, b], f"m{number}"), "key": (partial(edits.describe, key="x"), a)}
            make, *arguments = made[kind]
            try:
                wb.apply(make(*arguments))
            except EditError:
                continue
        here = wb.taxonomy.keys
        places = wb.taxonomy.key_places.now
    with hw.Workbench(folder, pool, annotator="ann", progress=False) as wb:
        assert wb.taxonomy.keys == here
        assert wb.taxonomy.key_places.now == places
