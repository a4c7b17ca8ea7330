"""Do attributes check themselves and their values, and does a taxonomy keep them?"""

from __future__ import annotations

import numpy as np
import pytest

from hitl_widgets.errors import BadInput, TaxonomyError, UnknownLabel
from hitl_widgets.taxonomy.attributes import Attribute
from hitl_widgets.taxonomy.label_sets import is_set, members, set_id
from hitl_widgets.taxonomy.labels import Taxonomy

BLUR = Attribute("blur", scale=(0, 10))
VIEW = Attribute("view", choices=["front", "side"], labels=["animal"])
LOOK = Attribute("masculine to feminine appearance", scale=(0.0, 1.0),
                 sensitive="to find out whom a model serves worse")


def _taxonomy() -> Taxonomy:
    return Taxonomy({"animal": ["dog", "cat"], "car": "with wheels"}, attributes=[BLUR, VIEW, LOOK])


def test_a_scale_of_whole_numbers_is_ordinal_and_one_of_floats_continuous() -> None:
    assert [one.kind for one in (BLUR, VIEW, LOOK)] == ["ordinal", "choices", "continuous"]
    assert BLUR.steps == tuple(range(11))
    assert VIEW.steps == ("front", "side")
    assert LOOK.steps == ()


@pytest.mark.parametrize(("attribute", "value", "kept"), [
    (BLUR, 3, 3), (BLUR, np.int64(10), 10), (BLUR, 3.0, 3), (LOOK, 0, 0.0), (LOOK, np.float32(0.25), 0.25),
    (LOOK, 1 / 3, 0.3333), (VIEW, "side", "side"), (VIEW, np.str_("side"), "side")])
def test_values_are_kept_in_one_form(attribute: Attribute, value: object, kept: object) -> None:
    assert attribute.check(value) == kept
    assert type(attribute.check(value)) is type(kept)


@pytest.mark.parametrize(("attribute", "value"), [
    (BLUR, 11), (BLUR, -1), (BLUR, 2.5), (BLUR, True), (BLUR, "3"), (BLUR, 10 ** 400), (BLUR, float("nan")),
    (LOOK, 1.01), (LOOK, None), (VIEW, "back"), (VIEW, 0), (VIEW, ["front"])])
def test_a_value_outside_says_what_is_expected(attribute: Attribute, value: object) -> None:
    with pytest.raises(BadInput, match=f"attribute '{attribute.name}' is .* is expected"):
        attribute.check(value)


@pytest.mark.parametrize("fields", [
    {}, {"scale": (0, 10), "choices": ["a", "b"]}, {"scale": (10, 0)}, {"scale": (0,)}, {"scale": (0, float("inf"))},
    {"scale": (0, 1000)}, {"choices": ["a"]}, {"choices": ["a", "a"]}, {"scale": (0, 1), "sensitive": True},
    {"scale": (0, 1), "sensitive": " "}, {"scale": "01"}, {"scale": (False, True)}, {"scale": (0, 10 ** 400)},
    {"scale": (0.0, 1e-300)}])
def test_an_attribute_that_cant_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(TaxonomyError, match="expected"):
        Attribute("q", **fields)  # type: ignore[arg-type]


def test_scales_and_choices_may_come_from_a_table() -> None:
    assert Attribute("view", choices=np.array(["front", "side"])) == Attribute("view", choices=("front", "side"))  # type: ignore[arg-type]
    scale = Attribute("blur", scale=(np.int64(0), np.int64(10))).scale
    assert scale == (0, 10)
    assert all(type(end) is int for end in scale or ())


def test_a_taxonomy_keeps_its_attributes_through_json() -> None:
    taxonomy = _taxonomy()
    assert Taxonomy.from_dict(taxonomy.to_dict()) == taxonomy
    assert taxonomy.at_version(7).attributes == taxonomy.attributes
    assert taxonomy.digest != Taxonomy({"animal": ["dog", "cat"], "car": "with wheels"}).digest
    assert "attributes" not in Taxonomy(["a"]).to_dict()


def test_only_what_concerns_a_label_is_asked() -> None:
    taxonomy = _taxonomy()
    dog, car = taxonomy.label("dog").id, taxonomy.label("car").id
    assert [one.name for one in taxonomy.attributes_of(dog)] == ["blur", "view", LOOK.name]
    assert [one.name for one in taxonomy.attributes_of(car)] == ["blur", LOOK.name]
    assert [one.name for one in taxonomy.attributes_of(None)] == ["blur", LOOK.name]
    assert "view" in [one.name for one in taxonomy.attributes_of(set_id([car, dog]))]


def test_attributes_need_no_labels_but_known_ones() -> None:
    assert Taxonomy(attributes=[BLUR]).label_ids == ()
    with pytest.raises(TaxonomyError, match="at least one label"):
        Taxonomy([])
    with pytest.raises(UnknownLabel, match="lion"):
        Taxonomy(["dog"], attributes=[Attribute("mane", scale=(0, 3), labels=["lion"])])
    with pytest.raises(TaxonomyError, match="two attributes"):
        Taxonomy(["dog"], attributes=[BLUR, Attribute("blur", scale=(0, 3))])
    with pytest.raises(UnknownLabel, match="Close to it: blur"):
        Taxonomy(["dog"], attributes=[BLUR]).attribute("blurr")


def test_a_set_of_labels_has_an_id_and_a_name() -> None:
    taxonomy = Taxonomy(["indoor", "people", "night"])
    one = taxonomy.label_set(["night", "indoor", "night"])
    assert is_set(one)
    assert not is_set(taxonomy.label_ids[0])
    assert not is_set(None)
    assert set(members(one)) == {taxonomy.label("night").id, taxonomy.label("indoor").id}
    assert taxonomy.name_of(one) == "indoor, night"
    assert taxonomy.name_of(taxonomy.label_set([])) == "none of them"
    with pytest.raises(UnknownLabel):
        taxonomy.label_set(["day"])
    with pytest.raises(UnknownLabel, match="list of names"):
        taxonomy.label_set("night")
