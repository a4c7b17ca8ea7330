"""Edits of attributes: what becomes of values, also when an edit is taken back or made for an older version."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_widgets import Attribute, Taxonomy, edits
from hitl_widgets.errors import EditError, TaxonomyError
from hitl_widgets.taxonomy.attributes import Value
from hitl_widgets.taxonomy.history import Change, Lineage, change
from hitl_widgets.taxonomy.revert import revert_step
from hitl_widgets.taxonomy.value_maps import ValueMap, linear

BLUR = Attribute("blur", scale=(0, 10))
VIEW = Attribute("view", choices=["front", "side", "back"], labels=["dog"])
LOOK = Attribute("look", scale=(0.0, 1.0), sensitive="audit")


@pytest.fixture
def animals() -> Taxonomy:
    return Taxonomy({"animal": ["dog", "cat"], "car": None}, attributes=[BLUR, VIEW, LOOK])


def begun(taxonomy: Taxonomy) -> Lineage:
    return Lineage([Change(taxonomy, {}).event(id="taxonomy-1", annotator="ann", acted_at=datetime.now(timezone.utc))])


def stored(lineage: Lineage, made: Change) -> Lineage:
    """The lineage with one more step, as it comes back from the log's JSON."""
    event = made.event(id=f"taxonomy-{made.taxonomy.version}", annotator="ann", acted_at=datetime.now(timezone.utc))
    body = json.loads(json.dumps(event.body))
    return lineage.then(type(event)(event.id, event.kind, event.annotator, event.acted_at, body))


def edited(lineage: Lineage, *changes: edits.Edit, base: int | None = None) -> Lineage:
    return stored(lineage, change(list(changes), base or lineage.today.version, lineage))


def reverted(lineage: Lineage, version: int) -> Lineage:
    return stored(lineage, revert_step(lineage, f"taxonomy-{version}"))


def asked_of(taxonomy: Taxonomy) -> dict[str, list[str]]:
    return {one.name: [taxonomy.name_of(label_id) for label_id in one.labels] for one in taxonomy.attributes}


def refused(taxonomy: Taxonomy, edit: edits.Edit) -> str:
    with pytest.raises(EditError) as caught:
        edit.apply(taxonomy)
    return str(caught.value)


# What each edit does.

def test_an_added_attribute_is_asked_last_and_changes_no_answer(animals):
    after, resolution = edits.add_attribute("colour", choices=["red", "blue"], labels=["animal"]).apply(animals)
    assert [one.name for one in after.attributes] == ["blur", "view", "look", "colour"]
    assert asked_of(after)["colour"] == ["animal"]
    assert all(new == (old,) for old, new in resolution.items())


def test_a_name_that_a_retired_attribute_had_gets_another_id(animals):
    after, _ = edits.retire_attribute("blur").apply(animals)
    again, _ = edits.add_attribute("blur", scale=(0, 10)).apply(after)
    assert again.attribute("blur").id != BLUR.id


def test_renaming_keeps_id_and_values(animals):
    lineage = edited(begun(animals), edits.rename_attribute("blur", "sharpness"))
    assert lineage.today.attribute("sharpness").id == BLUR.id
    assert lineage.value(BLUR.id, 7, 1) == 7


def test_a_scale_of_fewer_steps_takes_the_nearest_and_asks_again_between_two(animals):
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0, 5)))
    assert [lineage.value(BLUR.id, v, 1) for v in range(11)] == [0, None, 1, None, 2, None, 3, None, 4, None, 5]
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0, 3)))
    # 0, .3, .6, .9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3
    assert [lineage.value(BLUR.id, v, 1) for v in range(11)] == [0, 0, 1, 1, 1, None, 2, 2, 2, 3, 3]


def test_a_scale_of_more_steps_carries_what_falls_on_a_step():
    lineage = edited(begun(Taxonomy(["a"], attributes=[Attribute("q", scale=(0, 3))])),
                     edits.change_attribute("q", scale=(0, 10)))
    q = lineage.today.attribute("q").id
    assert [lineage.value(q, v, 1) for v in range(4)] == [0, None, None, 10]


def test_a_scale_becomes_continuous_and_back_in_proportion(animals):
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0.0, 1.0)))
    assert [lineage.value(BLUR.id, v, 1) for v in (0, 3, 10)] == [0.0, 0.3, 1.0]
    lineage = edited(lineage, edits.change_attribute("blur", scale=(0, 10)))
    assert [lineage.value(BLUR.id, v, 1) for v in range(11)] == list(range(11))
    assert lineage.value(BLUR.id, 0.32, 2) == 3
    assert lineage.value(BLUR.id, 0.35, 2) is None  # as near to 3 as to 4


def test_a_map_says_what_becomes_of_each_value(animals):
    table = {0: 0, 1: 0, 5: 1, 10: 2, 9: None}
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0, 2), map=table))
    assert {v: lineage.value(BLUR.id, v, 1) for v in (0, 1, 5, 10, 9, 2)} == {0: 0, 1: 0, 5: 1, 10: 2, 9: None, 2: None}
    step = lineage.value_doubt(BLUR.id, 9, 1)
    assert step is not None
    assert step.version == 2
    assert lineage.value_doubt(BLUR.id, 5, 1) is None
    assert lineage.value(BLUR.id, 9, 1, to=1) == 9


def test_a_map_of_a_continuous_scale_is_a_line_through_its_points(animals):
    edit = edits.change_attribute("look", scale=(0, 10), map={0.0: 10, 0.5: 5, 1.0: 0})
    lineage = edited(begun(animals), edit)
    assert [lineage.value(LOOK.id, v, 1) for v in (0.0, 0.29, 0.5, 0.91, 1.0)] == [10, 7, 5, 1, 0]
    half = edits.change_attribute("look", scale=(0.0, 2.0), map={0.5: 0.0, 1.0: 2.0})
    lineage = edited(begun(animals), half)
    assert [lineage.value(LOOK.id, v, 1) for v in (0.2, 0.5, 0.75)] == [None, 0.0, 1.0]


def test_choices_keep_their_names_unless_the_map_says_otherwise(animals):
    lineage = edited(begun(animals), edits.change_attribute("view", choices=["side", "front", "top"]))
    assert [lineage.value(VIEW.id, v, 1) for v in ("front", "side", "back")] == ["front", "side", None]
    lineage = edited(begun(animals), edits.change_attribute("view", choices=["front", "other"], map={"side": "other"}))
    assert [lineage.value(VIEW.id, v, 1) for v in ("front", "side", "back")] == ["front", "other", None]


def test_a_scale_becomes_choices_by_a_map_only(animals):
    lineage = edited(begun(animals), edits.change_attribute("blur", choices=["sharp", "blurred"],
                                                             map={0: "sharp", 10: "blurred"}))
    assert [lineage.value(BLUR.id, v, 1) for v in (0, 5, 10)] == ["sharp", None, "blurred"]
    assert "give a map" in refused(animals, edits.change_attribute("blur", choices=["sharp", "blurred"]))
    lineage = edited(begun(animals), edits.change_attribute("blur", choices=["a", "b"], map={}))
    assert lineage.value(BLUR.id, 0, 1) is None


def test_other_labels_or_another_definition_change_no_value(animals):
    edit = edits.change_attribute("view", labels=["animal"], definition="of the head", sensitive="audit")
    lineage = edited(begun(animals), edit)
    assert asked_of(lineage.today)["view"] == ["animal"]
    assert lineage.today.attribute("view").sensitive == "audit"
    assert lineage.value(VIEW.id, "back", 1) == "back"
    assert not lineage.steps[-1].values


def test_a_retired_attribute_has_no_values_and_no_doubt(animals):
    lineage = edited(begun(animals), edits.retire_attribute("blur"))
    assert lineage.value(BLUR.id, 3, 1) is None
    assert lineage.value_doubt(BLUR.id, 3, 1) is None


def test_attributes_are_asked_of_what_their_labels_became(animals):
    assert asked_of(edits.merge(["dog", "cat"], into="pet").apply(animals)[0])["view"] == ["pet"]
    assert asked_of(edits.split("dog", into=["pug", "poodle"]).apply(animals)[0])["view"] == ["pug", "poodle"]
    assert asked_of(edits.split("dog", into=["pug", "poodle"], keep_parent=True).apply(animals)[0])["view"] == ["dog"]
    assert asked_of(edits.retire("dog", to="cat").apply(animals)[0])["view"] == ["cat"]


@pytest.mark.parametrize(("edit", "words"), [
    (edits.retire("dog"), "view.* is asked only for labels that this edit removes. Retire it first"),
    (edits.rename_attribute("nope", "x"), "attribute 'nope' is not in taxonomy v1"),
    (edits.rename_attribute("blur", "view"), "two attributes have the name 'view'"),
    (edits.add_attribute("blur", scale=(0, 1)), "two attributes have the name 'blur'"),
    (edits.add_attribute("tail", choices=["long", "short"], labels=["lynx"]), "label 'lynx' is not in"),
    (edits.change_attribute("blur", scale=(0, 5), map={11: 3}), "attribute 'blur' is 11; a whole number from 0 to 10"),
    (edits.change_attribute("blur", scale=(0, 5), map={1: 6}), "attribute 'blur' is 6; a whole number from 0 to 5"),
    (edits.change_attribute("look", scale=(0, 5), map={0.0: 5}), "two numbers of the scale or more"),
])
def test_what_does_not_fit_is_refused(animals, edit, words):
    with pytest.raises(EditError, match=words):
        edit.apply(animals)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: edits.change_attribute("blur"), "nothing to change"),
    (lambda: edits.change_attribute("blur", scale=(0, 5), choices=["a", "b"]), "a scale and choices"),
    (lambda: edits.change_attribute("blur", definition="x", map={1: 2}), "give these too"),
    (lambda: edits.change_attribute("blur", scale=(5, 0)), "scale is"),
    (lambda: edits.change_attribute("blur", scale=(0, 5), map=3), "a mapping from values before"),
    (lambda: edits.change_attribute("blur", sensitive=True), "the purpose"),
    (lambda: edits.add_attribute("blur"), "either a scale"),
    (lambda: edits.add_attribute("blur", scale=(0, 1), sensitive=""), "the purpose"),
    (lambda: edits.add_attribute("blur", scale=(0, 1), ask=1), "ask is 1"),
    (lambda: edits.retire_attribute(None), "an attribute is called None"),
])
def test_an_edit_that_can_not_be_meant_is_refused_when_it_is_made(make, words):
    with pytest.raises(EditError, match=words):
        make()


def test_the_last_attribute_of_a_taxonomy_without_labels_stays():
    alone = Taxonomy(attributes=[BLUR])
    assert "no attribute would be left" in refused(alone, edits.retire_attribute("blur"))
    assert edits.change_attribute("blur", scale=(0, 5)).apply(alone)[0].attribute("blur").scale == (0, 5)


# Edits for an older version, and several at once.

def test_an_edit_means_the_attribute_that_its_version_had(animals):
    lineage = edited(begun(animals), edits.rename_attribute("blur", "sharpness"), edits.rename("dog", to="hound"))
    lineage = edited(lineage, edits.change_attribute("blur", scale=(0, 5), labels=["dog"]), base=1)
    assert lineage.today.attribute("sharpness").scale == (0, 5)
    assert asked_of(lineage.today)["sharpness"] == ["hound"]
    lineage = edited(lineage, edits.retire_attribute("sharpness"))
    with pytest.raises(EditError, match="Attribute “blur” was retired by ann in version 5"):
        change([edits.rename_attribute("blur", "x")], 1, lineage)


def test_edits_made_together_find_what_the_earlier_ones_made(animals):
    lineage = edited(begun(animals), edits.rename("car", to="auto"))
    lineage = edited(
        lineage, edits.add_attribute("speed", scale=(0, 10)), edits.change_attribute("speed", scale=(0, 5)),
        edits.change_attribute("blur", scale=(0, 20)), edits.change_attribute("blur", scale=(0, 10)), base=1)
    assert lineage.today.attribute("speed").scale == (0, 5)
    assert [lineage.value(BLUR.id, v, 1) for v in range(11)] == list(range(11))


# Taking back.

def test_an_undone_change_gives_back_each_value_exactly(animals):
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0, 2)))
    assert lineage.value(BLUR.id, 7, 1) == 1
    lineage = reverted(lineage, 2)
    assert [lineage.value(BLUR.id, v, 1) for v in range(11)] == list(range(11))
    # Given since: 0 on the short scale is where 0 is, and 1 lies in the middle of the long one.
    assert [lineage.value(BLUR.id, v, 2) for v in range(3)] == [0, 5, 10]
    again = reverted(lineage, 3)
    assert [again.value(BLUR.id, v, 1) for v in (0, 7, 10)] == [0, 1, 2]


def test_of_values_that_a_map_made_one_nothing_is_known_without_it(animals):
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0, 2), map={0: 0, 1: 0, 5: 1, 10: 2}))
    lineage = reverted(lineage, 2)
    assert [lineage.value(BLUR.id, v, 2) for v in range(3)] == [None, 5, 10]
    step = lineage.value_doubt(BLUR.id, 0, 2)
    assert step is not None
    assert step.version == 3


def test_a_retired_attribute_comes_back_with_its_values_and_an_added_one_goes(animals):
    lineage = edited(begun(animals), edits.retire_attribute("blur"), edits.add_attribute("tail", scale=(0, 3)))
    tail = lineage.today.attribute("tail").id
    lineage = reverted(lineage, 3)
    assert sorted(one.name for one in lineage.today.attributes) == ["blur", "look", "view"]
    assert lineage.value(BLUR.id, 7, 1) == 7
    assert lineage.value(tail, 2, 3) is None
    lineage = reverted(lineage, 4)
    assert lineage.value(tail, 2, 3) == 2
    assert lineage.value(BLUR.id, 7, 1) is None


def test_labels_of_an_attribute_follow_two_edits_of_which_one_is_taken_back(animals):
    both, _ = edits.change_attribute("view", labels=["dog", "cat"]).apply(animals)
    lineage = edited(begun(both.at_version(1)), edits.split("dog", into=["pug", "poodle"]))
    lineage = edited(lineage, edits.split("cat", into=["siamese", "persian"]))
    lineage = reverted(lineage, 2)
    assert set(asked_of(lineage.today)["view"]) == {"dog", "siamese", "persian"}


def test_a_step_that_a_later_one_rests_on_is_not_taken_back(animals):
    lineage = edited(begun(animals), edits.change_attribute("blur", scale=(0, 5)))
    lineage = edited(lineage, edits.change_attribute("blur", scale=(0, 1)))
    with pytest.raises(EditError, match="a later edit rests on it: version 3"):
        revert_step(lineage, "taxonomy-2")
    lineage = edited(begun(animals), edits.add("lynx"))
    lineage = edited(lineage, edits.add_attribute("tufts", scale=(0, 3), labels=["lynx"]))
    with pytest.raises(EditError, match="a later edit rests on it: version 3"):
        revert_step(lineage, "taxonomy-2")


def test_labels_of_which_an_attribute_was_asked_have_to_be_there_for_it_to_be_asked_of_them_again(animals):
    lineage = edited(begun(animals), edits.change_attribute("view", labels=[]))
    lineage = edited(lineage, edits.merge(["cat", "dog"], into="cat"))
    with pytest.raises(EditError, match="a later edit rests on it: version 3"):
        revert_step(lineage, "taxonomy-2")
    lineage = reverted(reverted(lineage, 3), 2)
    assert asked_of(lineage.today)["view"] == ["dog"]
    # One that was added needs nothing of what was merged since.
    lineage = edited(begun(animals), edits.add_attribute("tail", scale=(0, 3), labels=["dog"]))
    lineage = edited(lineage, edits.merge(["cat", "dog"], into="cat"))
    assert [one.name for one in reverted(lineage, 2).today.attributes] == ["blur", "view", "look"]


# The edits between two taxonomies.

def between(old: Taxonomy, new: Taxonomy) -> list[str]:
    found = edits.between(old, new)
    assert edits.apply(old, found)[0].digest == new.digest
    return list(map(str, found))


def test_between_finds_what_became_of_attributes(animals):
    def with_(*attributes: Attribute) -> Taxonomy:
        return Taxonomy({"animal": ["dog", "cat"], "car": None}, attributes=attributes)

    assert between(animals, with_(LOOK, VIEW, BLUR)) == []
    assert between(animals, with_(VIEW, LOOK)) == ["edits.retire_attribute('blur')"]
    assert between(with_(VIEW), with_(VIEW, BLUR)) == ["edits.add_attribute('blur', scale=[0, 10])"]
    assert between(with_(BLUR), with_(Attribute("blurr", scale=(0, 10)))) == \
        ["edits.rename_attribute('blur', to='blurr')"]
    assert between(with_(BLUR), with_(Attribute("sharpness", id=BLUR.id, scale=(0, 5)))) == \
        ["edits.rename_attribute('blur', to='sharpness')", "edits.change_attribute('sharpness', scale=[0, 5])"]
    assert between(with_(LOOK), with_(Attribute("look", choices=["a", "b"], labels=["car"]))) == \
        ["edits.change_attribute('look', choices=['a', 'b'], labels=['car'], sensitive=False, map={})"]


def test_between_retires_an_attribute_before_the_only_label_that_it_is_asked_of(animals):
    assert between(animals, Taxonomy({"animal": ["cat"], "car": None}, attributes=[BLUR, LOOK])) == \
        ["edits.retire_attribute('view')", "edits.retire('dog')"]
    moved = Taxonomy({"animal": ["cat"], "car": None}, attributes=[BLUR, LOOK, Attribute(
        "view", choices=VIEW.choices, labels=["cat"])])
    assert between(animals, moved) == ["edits.change_attribute('view', labels=['cat'])", "edits.retire('dog')"]


def test_between_swaps_names():
    a, b = Attribute("a", scale=(0, 1), id="x1"), Attribute("b", scale=(0, 2), id="x2")
    swapped = [Attribute("b", scale=(0, 1), id="x1"), Attribute("a", scale=(0, 2), id="x2")]
    assert len(between(Taxonomy(["l"], attributes=[a, b]), Taxonomy(["l"], attributes=swapped))) == 3


# YAML.

def test_attributes_are_written_for_a_person_and_read_again(animals, tmp_path):
    after, _ = edits.apply(animals, [edits.rename_attribute("blur", "no"), edits.change_attribute(
        "look", scale=(0.0, 1000000.0), definition="1\n2")])
    path = tmp_path / "labels.yaml"
    after.to_yaml(path)
    assert Taxonomy.from_yaml(path) == after
    assert Taxonomy.from_yaml(Taxonomy(attributes=[BLUR]).to_yaml()).attributes == (BLUR,)


@pytest.mark.parametrize(("text", "words"), [
    ("attributes: blur\nlabels: [a]", "line 1: attributes is 'blur'"),
    ("labels: [a]\nattributes:\n- scale: [0, 1]", "line 3: an attribute has no name"),
    ("labels: [a]\nattributes:\n- name: blur\n  range: [0, 1]", "line 4: an attribute has the unknown field 'range'"),
    ("labels: [a]\nattributes:\n- name: blur\n  scale: [0, x]", "line 4: scale is a list"),
    ("labels: [a]\nattributes:\n- name: blur\n  scale: 5", "line 4: scale is '5'"),
    ("labels: [a]\nattributes:\n- name: blur\n  scale: [0]", "scale is"),
    ("labels: [a]\nattributes:\n- name: blur", "either a scale"),
])
def test_a_file_with_an_attribute_that_cant_be_read_says_where(text, words):
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy.from_yaml(text)


# Properties.

NAMES = ["blur", "view", "look", "extra"]


@st.composite
def an_edit(draw: st.DrawFn, taxonomy: Taxonomy) -> edits.Edit:
    """Some edit of today's attributes or labels."""
    has = [one.name for one in taxonomy.attributes]
    labels = [taxonomy.name_of(label.id) for label in taxonomy.labels]
    some = draw(st.lists(st.sampled_from(labels), max_size=2, unique=True))
    scale = draw(st.sampled_from([(0, 10), (0, 5), (0, 4), (-3, 20), (0.0, 1.0), (-5.0, 5.0)]))
    kind = draw(st.sampled_from(["add", "rename", "scale", "choices", "labels", "retire", "merge", "split", "drop"]))
    one = draw(st.sampled_from(has or ["none"]))
    new = draw(st.sampled_from(NAMES))
    first, *others = draw(st.permutations(labels))
    return {
        "add": edits.add_attribute(new, scale=scale, labels=some), "rename": edits.rename_attribute(one, new),
        "scale": edits.change_attribute(one, scale=scale, map=None if draw(st.booleans()) else {}),
        "choices": edits.change_attribute(one, choices=["front", "top"]),
        "labels": edits.change_attribute(one, labels=some), "retire": edits.retire_attribute(one),
        "merge": edits.merge([first, others[0]], into=first) if others else edits.rename(first, to="z"),
        "split": edits.split(first, into=[f"{first}1", f"{first}2"]),
        "drop": edits.retire(first)}[kind]


VALUES: dict[str, list[Value]] = {BLUR.id: list(range(11)), VIEW.id: ["front", "side", "back"],
                                  LOOK.id: [0.0, 0.1234, 0.5, 1.0]}


def content(taxonomy: Taxonomy) -> tuple[Any, Any]:
    return ({(one.id, frozenset(one.labels), one.scale, one.choices, one.name) for one in taxonomy.attributes},
            taxonomy.labels)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_sequence_of_edits_taken_back_gives_every_value_its_meaning_exactly(data):
    lineage = begun(Taxonomy({"animal": ["dog", "cat"], "car": None}, attributes=[BLUR, VIEW, LOOK]))
    began = content(lineage.today)
    for _ in range(data.draw(st.integers(1, 5))):
        try:
            lineage = edited(lineage, data.draw(an_edit(lineage.today)))
        except EditError:
            continue
        for attribute_id, values in VALUES.items():
            for value in values:  # certain, in doubt, or gone: one of the three
                now = lineage.value(attribute_id, value, 1)
                there = any(one.id == attribute_id for one in lineage.today.attributes)
                assert (now is None) == (not there or lineage.value_doubt(attribute_id, value, 1) is not None)
                assert now is None or lineage.today.attribute(attribute_id).check(now) == now
    while standing := [step for step in lineage.steps if step.before and not step.reverted_by and not step.reverts]:
        lineage = reverted(lineage, standing[-1].version)
    assert content(lineage.today) == began
    for attribute_id, values in VALUES.items():
        assert [lineage.value(attribute_id, value, 1) for value in values] == values


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_edits_that_rest_on_none_are_taken_back_in_any_order(data):
    lineage = begun(Taxonomy({"animal": ["dog", "cat"], "car": None}, attributes=[BLUR, VIEW, LOOK]))
    began = content(lineage.today)
    for _ in range(data.draw(st.integers(2, 5))):
        try:
            lineage = edited(lineage, data.draw(an_edit(lineage.today)))
        except EditError:
            continue
    while standing := [step for step in lineage.steps if step.before and not step.reverted_by and not step.reverts]:
        step = data.draw(st.sampled_from(standing))
        try:
            lineage = reverted(lineage, step.version)
        except EditError:  # a later one rests on it
            try:
                lineage = reverted(lineage, standing[-1].version)
            except EditError:  # of labels, by which others were taken back in another order
                return
    attributes, labels = content(lineage.today)
    assert (attributes, set(labels)) == (began[0], set(began[1]))
    for attribute_id, values in VALUES.items():
        assert [lineage.value(attribute_id, value, 1) for value in values] == values


@settings(max_examples=60, deadline=None)
@given(st.integers(-20, 20), st.integers(1, 40), st.integers(-20, 20), st.integers(1, 40))
def test_a_linear_map_keeps_order_and_ends(low, length, start, width):
    before, after = Attribute("q", scale=(low, low + length)), Attribute("q", scale=(start, start + width))
    made = linear(before, after)
    images = [image for value in before.steps if (image := made.image(value)) is not None]
    assert images == sorted(images)  # type: ignore[type-var]
    assert (made.image(low), made.image(low + length)) == (start, start + width)
    assert ValueMap.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_between_finds_edits_for_any_attributes(data):
    old = new = Taxonomy({"animal": ["dog", "cat"], "car": None}, attributes=[BLUR, VIEW, LOOK])
    for _ in range(data.draw(st.integers(1, 6))):
        try:
            new, _ = data.draw(an_edit(new)).apply(new)
        except EditError:
            continue
    assert edits.apply(old, edits.between(old, new))[0].digest == new.digest
    typed = Taxonomy.from_yaml(new.to_yaml())
    assert typed == new
