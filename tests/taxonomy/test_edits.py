"""Taxonomy edits: each changes what it says and nothing else, and old answers are carried over where certain."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_widgets import Taxonomy, edits
from hitl_widgets.errors import EditError, TaxonomyError
from hitl_widgets.taxonomy.history import Change, Lineage
from hitl_widgets.taxonomy.labels import Label, label_id_of
from hitl_widgets.taxonomy.revert import revert_step


@pytest.fixture
def clothes() -> Taxonomy:
    return Taxonomy({"shoe": ["Sneaker", "Boot"], "top": None, "Shirt": None, "Bag": None})


def steps(taxonomy: Taxonomy, edit: edits.Edit) -> tuple[Taxonomy, dict[str, list[str]]]:
    """The taxonomy after the edit, and the resolution by name."""
    after, resolution = edit.apply(taxonomy)
    return after, {taxonomy.name_of(old): [after.name_of(label_id) for label_id in new]
                   for old, new in resolution.items()}


def refused(taxonomy: Taxonomy, edit: edits.Edit) -> str:
    with pytest.raises(EditError) as caught:
        edit.apply(taxonomy)
    return str(caught.value)


# What each edit does.

def test_an_edit_makes_the_next_version_and_leaves_the_old_one_alone(clothes):
    after, _ = edits.add("lynx").apply(clothes)
    assert (after.version, clothes.version) == (2, 1)
    assert "lynx" in after
    assert "lynx" not in clothes


def test_rename_keeps_the_id_the_place_and_every_answer(clothes):
    after, became = steps(clothes, edits.rename("top", to="upper body"))
    assert after.label("upper body").id == clothes.label("top").id
    assert after.names == ("Sneaker", "Boot", "upper body", "Shirt", "Bag")
    assert became == {"Sneaker": ["Sneaker"], "Boot": ["Boot"], "top": ["upper body"], "Shirt": ["Shirt"],
                      "Bag": ["Bag"]}


def test_rename_of_an_inner_label_changes_no_answer(clothes):
    after, resolution = edits.rename("shoe", to="footwear").apply(clothes)
    assert after.path("Boot") == "footwear / Boot"
    assert resolution == {label_id: (label_id,) for label_id in clothes.label_ids}


def test_merge_into_one_of_them_keeps_that_one_with_its_id(clothes):
    after, became = steps(clothes, edits.merge(["top", "Shirt"], into="Shirt"))
    assert after.names == ("Sneaker", "Boot", "Shirt", "Bag")
    assert after.label("Shirt").id == clothes.label("Shirt").id
    assert became["top"] == became["Shirt"] == ["Shirt"]
    assert became["Bag"] == ["Bag"]


def test_merge_into_a_new_name_makes_a_new_label_in_the_place_of_the_first(clothes):
    after, became = steps(clothes, edits.merge(["Shirt", "top"], into="upper body"))
    assert after.names == ("Sneaker", "Boot", "upper body", "Bag")
    assert after.label("upper body").id not in {label.id for label in clothes.labels}
    assert became["top"] == became["Shirt"] == ["upper body"]


def test_merge_of_inner_labels_brings_what_lies_under_them_together():
    taxonomy = Taxonomy({"shoe": ["Sneaker"], "footwear": ["Boot"]})
    after, resolution = edits.merge(["shoe", "footwear"], into="footwear").apply(taxonomy)
    assert [after.path(name) for name in after.names] == ["footwear / Sneaker", "footwear / Boot"]
    assert resolution == {label_id: (label_id,) for label_id in taxonomy.label_ids}


def test_merge_tells_labels_of_one_name_by_their_paths():
    taxonomy = Taxonomy({"shoe": ["other", "Boot"], "top": ["other", "Shirt"]})
    after, became = steps(taxonomy, edits.merge(["shoe / other", "top / other"], into="top / other"))
    assert after.names == ("Boot", "other", "Shirt")
    assert after.label("other").id == taxonomy.label("top / other").id
    assert became["shoe / other"] == became["top / other"] == ["other"]


def test_merge_into_a_name_that_several_have_means_the_one_at_the_top_as_everywhere():
    taxonomy = Taxonomy({"cat": ["puma", "lynx"], "puma": None})
    for labels in (["cat / puma", "lynx", "puma"], ["puma", "cat / puma", "lynx"]):
        after, _ = edits.merge(labels, into="puma").apply(taxonomy)
        assert [after.path(label.id) for label in after.labels] == ["cat", "puma"]
        assert after.label("puma").id == taxonomy.label("puma").id


def test_merge_into_a_name_that_several_have_below_others_asks_for_the_path_of_one():
    taxonomy = Taxonomy({"shoe": ["other", "Boot"], "top": ["other", "Shirt"], "bag": ["other"]})
    assert "“shoe / other” and “top / other”" in refused(
        taxonomy, edits.merge(["shoe / other", "Boot", "top / other"], into="other"))
    # What isn't merged doesn't count.
    after, _ = edits.merge(["Boot", "shoe / other"], into="other").apply(taxonomy)
    assert after.label("shoe / other").id == taxonomy.label("shoe / other").id


@pytest.mark.parametrize("into", ["puma", "lion"])  # a name that means another label today, and one that is ambiguous
def test_a_merge_of_an_older_log_is_taken_back_as_it_was_made(into):
    taxonomy = Taxonomy({"cat": ["puma", "lion"], "dog": ["lion"], "puma": None})
    labels = [f"cat / {into}", "puma", "dog / lion"]
    kept = taxonomy.label(f"cat / {into}").id
    after, resolution = edits.merge(labels, into=kept).apply(taxonomy)
    written = [Change(taxonomy, {}), Change(after, resolution, [edits.merge(labels, into=into)])]
    lineage = Lineage([one.event(id=f"taxonomy-{one.taxonomy.version}", annotator="ann",
                                 acted_at=datetime.now(timezone.utc)) for one in written])
    back = revert_step(lineage, "taxonomy-2")
    assert back.taxonomy.label_ids == taxonomy.label_ids
    assert set(back.resolution[kept]) == {taxonomy.label(name).id for name in labels}


def test_split_puts_its_answers_in_doubt_among_the_new_labels_only(clothes):
    after, became = steps(clothes, edits.split("top", into=["T-shirt", "Pullover"]))
    assert after.names == ("Sneaker", "Boot", "T-shirt", "Pullover", "Shirt", "Bag")
    assert "top" not in after
    assert became["top"] == ["T-shirt", "Pullover"]
    assert all(became[name] == [name] for name in ("Sneaker", "Boot", "Shirt", "Bag"))


def test_split_may_keep_the_parent_above_the_new_labels(clothes):
    after, became = steps(clothes, edits.split("top", into=["T-shirt", "Pullover"], keep_parent=True))
    assert after.label("top").id == clothes.label("top").id
    assert after.path("T-shirt") == "top / T-shirt"
    assert became["top"] == ["T-shirt", "Pullover"]


def test_split_leaves_the_parent_possible_where_inner_labels_are_answers():
    _, became = steps(Taxonomy(["top"], inner_answers=True), edits.split("top", into=["a", "b"], keep_parent=True))
    assert became["top"] == ["top", "a", "b"]


def test_split_and_add_give_the_new_labels_the_examples_named(clothes):
    after, _ = edits.split("top", into={"T-shirt": ["i6", "i7"], "Pullover": []}).apply(clothes)
    assert [after.label(name).examples for name in ("T-shirt", "Pullover")] == [("i6", "i7"), ()]
    assert edits.add("hat", examples=["i1"]).apply(clothes)[0].label("hat").examples == ("i1",)


def test_split_into_a_label_of_the_old_name_makes_a_new_one_as_it_means_less(clothes):
    after, _ = edits.split("top", into=["top", "Pullover"]).apply(clothes)
    assert after.label("top").id != clothes.label("top").id


def test_add_leaves_all_answers_as_they_are(clothes):
    after, resolution = edits.add("Sandal", under="shoe").apply(clothes)
    assert after.path("Sandal") == "shoe / Sandal"
    assert resolution == {label_id: (label_id,) for label_id in clothes.label_ids}


def test_add_like_others_puts_only_their_answers_in_doubt(clothes):
    _, became = steps(clothes, edits.add("Sandal", like=["shoe", "Bag"]))
    assert became == {"Sneaker": ["Sneaker", "Sandal"], "Boot": ["Boot", "Sandal"], "Bag": ["Bag", "Sandal"],
                      "top": ["top"], "Shirt": ["Shirt"]}


def test_add_under_an_answer_leaves_its_answers_to_be_asked_again(clothes):
    after, became = steps(clothes, edits.add("Handbag", under="Bag"))
    assert after.names[-1] == "Handbag"
    assert became["Bag"] == []


def test_retire_leaves_its_answers_to_be_asked_again_or_gives_them_to_another(clothes):
    after, became = steps(clothes, edits.retire("Bag"))
    assert "Bag" not in after
    assert became["Bag"] == []
    assert steps(clothes, edits.retire("Bag", to="Boot"))[1]["Bag"] == ["Boot"]


def test_retire_takes_what_lies_under_it_too(clothes):
    after, became = steps(clothes, edits.retire("shoe", to="Bag"))
    assert after.names == ("top", "Shirt", "Bag")
    assert became["Sneaker"] == became["Boot"] == ["Bag"]


def test_retire_may_fold_the_last_label_into_its_parent():
    after, became = steps(Taxonomy({"shoe": ["Boot"], "Bag": None}), edits.retire("Boot", to="shoe"))
    assert after.names == ("shoe", "Bag")
    assert became["Boot"] == ["shoe"]


def test_move_changes_the_place_and_no_answer(clothes):
    after, resolution = edits.move("shoe", under=None).apply(edits.move("Boot", under=None).apply(clothes)[0])
    assert [after.path(label.id) for label in after.labels] == ["top", "Shirt", "Bag", "Boot", "shoe",
                                                                "shoe / Sneaker"]
    assert all(new == (old,) for old, new in resolution.items())


def test_move_under_an_answer_leaves_that_one_to_be_asked_again(clothes):
    _, became = steps(clothes, edits.move("Shirt", under="top"))
    assert became["top"] == []
    assert became["Shirt"] == ["Shirt"]


def test_describe_changes_what_is_said_and_no_answer(clothes):
    after, resolution = edits.describe("Bag", definition="carried", examples=["a.png"], key="b").apply(clothes)
    assert after.label("Bag") == Label(clothes.label("Bag").id, "Bag", "carried", ("a.png",), key="b")
    assert resolution == {label_id: (label_id,) for label_id in clothes.label_ids}
    assert edits.describe("Bag", definition="", examples=[], key=None).apply(after)[0].digest == clothes.digest


def test_answers_lets_inner_labels_be_answers_and_asks_theirs_again_when_they_no_longer_are(clothes):
    inner, resolution = edits.answers(inner=True).apply(clothes)
    assert "shoe" in inner.names
    assert all(new == (old,) for old, new in resolution.items())
    outer, became = steps(inner, edits.answers(inner=False))
    assert became["shoe"] == []
    assert outer.digest == clothes.digest


# Ids.

def test_the_same_edit_of_the_same_taxonomy_gives_the_same_ids(clothes):
    edit = edits.split("top", into=["a", "b"])
    assert edit.apply(clothes)[0] == edit.apply(clothes)[0]


def test_a_name_that_comes_back_gets_another_id_as_it_may_mean_something_else():
    comings = [edits.add("lynx"), edits.retire("lynx"), edits.add("lynx"), edits.retire("lynx"), edits.add("lynx")]
    taxonomy, ids = Taxonomy(["cat"]), set()
    for edit in comings:
        taxonomy, _ = edit.apply(Taxonomy.from_dict(taxonomy.to_dict()).at_version(1))
        ids |= {label.id for label in taxonomy.labels}
    assert len(ids) == 1 + 3


def test_an_old_name_is_free_for_another_label_after_a_rename():
    after, _ = edits.apply(Taxonomy(["cat"]), [edits.rename("cat", to="felis"), edits.add("cat")])
    assert after.label("felis").id == label_id_of(["cat"])
    assert after.label("cat").id != after.label("felis").id


# What doesn't fit.

@pytest.mark.parametrize(("edit", "words"), [
    (edits.rename("lynx", to="cat"), "label 'lynx' is not in taxonomy v1"),
    (edits.rename("top", to="Bag"), "two labels at the top are named 'Bag'"),
    (edits.add("Boot", under="shoe"), "two labels under 'shoe' are named 'Boot'"),
    (edits.split("top", into=["Bag", "T-shirt"]), "two labels at the top are named 'Bag'"),
    (edits.split("shoe", into=["a", "b"]), r"has labels under it already. Use edits.add\(..., under='shoe'\)"),
    (edits.merge(["top", "top"], into="top"), "can't be merged with itself"),
    (edits.merge(["Boot", "shoe"], into="shoe"), "“Boot” lies under “shoe”, and can't be merged with it"),
    (edits.merge(["top", "Bag"], into="Shirt"), "two labels at the top are named 'Shirt'"),
    (edits.merge(["top", "shoe"], into="shoe"), "'shoe' can't be an answer"),
    (edits.merge(["top", "Bag"], into="a / b"), "' / ' in its name"),
    (edits.move("shoe", under="Boot"), "“shoe” can't be moved under itself"),
    (edits.move("shoe", under="shoe"), "“shoe” can't be moved under itself"),
    (edits.retire("Bag", to="Bag"), "“Bag” would be retired too"),
    (edits.retire("shoe", to="Boot"), "“Boot” would be retired too"),
    (edits.retire("Bag", to="shoe"), "'shoe' can't be an answer"),
    (edits.add("Handbag", under="Bag", like=["Bag"]), "'Bag' can't be an answer"),
    (edits.describe("Bag", key="1"), None),
    (edits.describe("Bag", key="t"), "'top' and 'Bag' share the key 't'"),
])
def test_an_edit_that_does_not_fit_is_refused_in_words(clothes, edit, words):
    keyed, _ = edits.describe("top", key="t").apply(clothes)
    keyed = keyed.at_version(1)
    if words is None:
        edit.apply(keyed)
    else:
        with pytest.raises(EditError, match=rf"(?s)doesn't fit taxonomy v1: .*{words}"):
            edit.apply(keyed)


def test_the_error_begins_with_the_edit(clothes):
    assert refused(clothes, edits.retire("lynx", to="Bag")).startswith("edits.retire('lynx', to='Bag') doesn't fit")


def test_the_last_label_can_not_be_retired():
    assert "no label would be left" in refused(Taxonomy({"shoe": ["Boot"]}), edits.retire("shoe"))


def test_a_label_that_somebody_just_retired_can_not_be_edited(clothes):
    after, _ = edits.retire("Bag").apply(clothes)
    assert "label 'Bag' is not in taxonomy v2" in refused(after, edits.rename("Bag", to="Handbag"))


@pytest.mark.parametrize(("make", "words"), [
    (lambda: edits.rename("top", to=""), "1 to 200 characters"),
    (lambda: edits.rename("top", to="a / b"), "' / ' in its name"),
    (lambda: edits.rename(3, to="a"), "a label is called 3"),
    (lambda: edits.merge("top", into="a"), r"merge is 'top'; a list of labels is expected"),
    (lambda: edits.merge(["top"], into="a"), "two labels or more"),
    (lambda: edits.merge([], into="a"), "two labels or more"),
    (lambda: edits.split("top", into=["a"]), "two different names or more"),
    (lambda: edits.split("top", into=["a", "a"]), "two different names or more"),
    (lambda: edits.split("top", into="ab"), "a list of labels is expected"),
    (lambda: edits.split("top", into=["a", "b"], keep_parent="no"), "keep_parent is 'no'"),
    (lambda: edits.add(None), "a label's name is None"),
    (lambda: edits.split("top", into={"a": "i1", "b": []}), "examples is 'i1'; a list"),
    (lambda: edits.split("top", into={"a": [1], "b": []}), "one of label 'a': examples is 1"),
    (lambda: edits.add("a", like="b"), "like is 'b'"),
    (lambda: edits.describe("top"), "nothing"),
    (lambda: edits.describe("top", name="x"), "'name'; one or more of definition, .* use rename and move"),
    (lambda: edits.describe("a / top", key="xx"), "label 'top': key is 'xx'"),
    (lambda: edits.answers(inner=1), "inner is 1"),
    (lambda: edits.from_body({"edit": "explode", "label": "x"}), "can't be read.*rename, merge, split"),
    (lambda: edits.from_body({"edit": "rename", "label": "x"}), "can't be read"),
    (lambda: edits.from_body({"edit": "rename", "label": "x", "to": "y", "more": 1}), "can't be read"),
    (lambda: edits.from_body(["rename"]), "can't be read"),
])
def test_an_edit_that_can_not_be_meant_is_refused_when_it_is_made(make, words):
    with pytest.raises(EditError, match=words):
        make()


# Edits are values.

EVERY_KIND = [
    (edits.rename("top", "upper body"), "edits.rename('top', to='upper body')", "Rename “top” to “upper body”."),
    (edits.merge(["a", "b", "c"], "d"), "edits.merge(['a', 'b', 'c'], into='d')", "Merge “a”, “b” and “c” into “d”."),
    (edits.split("top", ["a", "b"]), "edits.split('top', into=['a', 'b'])", "Split “top” into “a” and “b”."),
    (edits.split("top", ["a", "b"], keep_parent=True), "edits.split('top', into=['a', 'b'], keep_parent=True)",
     "Split “top” into “a” and “b” under it."),
    (edits.split("top", {"b": ["i1", "i2"], "a": []}), "edits.split('top', into={'b': ['i1', 'i2'], 'a': []})",
     "Split “top” into “b” and “a”, with 2 examples."),
    (edits.add("lynx"), "edits.add('lynx')", "Add “lynx”."),
    (edits.add("lynx", examples=["i1"]), "edits.add('lynx', examples=['i1'])", "Add “lynx”."),
    (edits.add("lynx", "cat", like=["bobcat"]), "edits.add('lynx', under='cat', like=['bobcat'])",
     "Add “lynx” under “cat”, looking among “bobcat”."),
    (edits.retire("lynx"), "edits.retire('lynx')", "Retire “lynx”."),
    (edits.retire("lynx", "cat"), "edits.retire('lynx', to='cat')", "Retire “lynx”; its answers become “cat”."),
    (edits.move("lynx", "cat"), "edits.move('lynx', under='cat')", "Move “lynx” under “cat”."),
    (edits.move("lynx", None), "edits.move('lynx', under=None)", "Move “lynx” to the top."),
    (edits.describe("lynx", definition="ear tufts", examples=["a", "b"], ratings={"fun": 2}, key=""),
     "edits.describe('lynx', definition='ear tufts', examples=['a', 'b'], ratings={'fun': 2.0}, key=None)",
     "Describe “lynx”: definition “ear tufts”; examples “a” and “b”; ratings fun 2; key nothing."),
    (edits.answers(inner=True), "edits.answers(inner=True)", "Labels with others under them may be answers too."),
    (edits.add_attribute("blur", scale=(0, 10)), "edits.add_attribute('blur', scale=[0, 10])",
     "Add the attribute “blur”, from 0 to 10."),
    (edits.add_attribute("view", choices=["front", "side"], labels=["dog"], sensitive="audit", ask=True),
     "edits.add_attribute('view', choices=['front', 'side'], labels=['dog'], sensitive='audit', ask=True)",
     "Add the attribute “view”, “front” or “side”, asked of “dog”, for the purpose “audit”; ask it of items answered "
     "before too."),
    (edits.rename_attribute("blur", "sharpness"), "edits.rename_attribute('blur', to='sharpness')",
     "Rename the attribute “blur” to “sharpness”."),
    (edits.change_attribute("blur", scale=(0.0, 1.0)), "edits.change_attribute('blur', scale=[0.0, 1.0])",
     "Change the attribute “blur”: from 0.0 to 1.0."),
    (edits.change_attribute("blur", scale=(0, 2), map={0: 0, 10: 2, 5: None}),
     "edits.change_attribute('blur', scale=[0, 2], map={0: 0, 10: 2, 5: None})",
     "Change the attribute “blur”: from 0 to 2 by a map."),
    (edits.change_attribute("view", choices=["a", "b"], labels=[], definition="of the head", sensitive=False, map={}),
     "edits.change_attribute('view', choices=['a', 'b'], labels=[], definition='of the head', sensitive=False, map={})",
     "Change the attribute “view”: “a” or “b”, all values asked again; asked of every item; definition “of the head”; "
     "not sensitive."),
    (edits.retire_attribute("blur"), "edits.retire_attribute('blur')", "Retire the attribute “blur”."),
]


@pytest.mark.parametrize(("edit", "call", "prose"), EVERY_KIND)
def test_an_edit_can_be_shown_read_and_logged(edit, call, prose):
    assert (str(edit), edit.prose()) == (call, prose)
    assert eval(call, {"edits": edits}) == edit
    again = edits.from_body(json.loads(json.dumps(edit.to_dict(), sort_keys=True)))
    assert again == edit
    assert list(getattr(again, "into", "")) == list(getattr(edit, "into", ""))  # the order of a mapping too
    assert hash(edits.from_body(edit.to_dict())) == hash(edit)


def test_every_kind_of_edit_was_looked_at():
    assert {type(edit) for edit, _, _ in EVERY_KIND} == set(edits.Edit.__subclasses__())


# Several edits.

def test_edits_are_applied_one_after_the_other(clothes):
    after, resolution = edits.apply(clothes, [edits.rename("top", to="upper body"),
                                              edits.split("upper body", into=["T-shirt", "Pullover"]),
                                              edits.merge(["T-shirt", "Shirt"], into="shirts")])
    assert after.names == ("Sneaker", "Boot", "shirts", "Pullover", "Bag")
    assert after.version == 4
    shirts, pullover = after.label("shirts").id, after.label("Pullover").id
    assert resolution[clothes.label("top").id] == (shirts, pullover)
    assert resolution[clothes.label("Shirt").id] == (shirts,)


def test_no_edits_change_nothing(clothes):
    assert edits.apply(clothes, []) == (clothes, {label_id: (label_id,) for label_id in clothes.label_ids})


def test_a_split_that_is_merged_again_leaves_every_answer_certain(clothes):
    there_and_back = [edits.split("top", into=["a", "b"]), edits.merge(["a", "b"], into="top")]
    after, resolution = edits.apply(clothes, there_and_back)
    assert resolution[clothes.label("top").id] == (after.label("top").id,)


def test_an_answer_in_doubt_is_not_certain_because_another_choice_was_retired(clothes):
    _, resolution = edits.apply(clothes, [edits.split("top", into=["a", "b"]), edits.retire("b")])
    assert resolution[clothes.label("top").id] == ()


# Few and alike, so that they collide.
NAMES = ["a", "b", "aaaa", "aaab"]


ROWS = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 7), st.booleans(), st.sampled_from(" xy")),
                min_size=1, max_size=7)
KEYS = st.permutations("012")


@st.composite
def taxonomies(draw: st.DrawFn) -> Taxonomy:
    keys = iter(draw(KEYS))
    labels: list[Label] = []
    for name, above, own_id, said in draw(ROWS):
        parent = labels[above].id if above < len(labels) else None
        if all((label.name, label.parent) != (name, parent) for label in labels):
            label_id = f"own-{len(labels)}" if own_id else label_id_of([name, str(parent)])
            labels.append(Label(label_id, name, said.strip(), parent=parent,
                                key=next(keys, None) if said == "x" else None))
    return Taxonomy(labels, inner_answers=draw(st.booleans()))


Step = tuple[Taxonomy, edits.Edit, dict[str, tuple[str, ...]], Taxonomy]


def edit_of(taxonomy: Taxonomy, kind: str, places: tuple[int, ...], names: tuple[str, ...], yes: bool) -> edits.Edit:
    """An edit of some labels of this taxonomy, which may not fit."""
    label, other, third = [taxonomy.labels[place % len(taxonomy.labels)].id for place in places]
    makes = {"rename": lambda: edits.rename(label, names[0]),
             "merge": lambda: edits.merge([label, other, third][:2 + yes], label if names[0] == names[1] else names[0]),
             "split": lambda: edits.split(label, names, keep_parent=yes),
             "add": lambda: edits.add(names[0], other if yes else None, like=[third] * (names[0] == names[1])),
             "retire": lambda: edits.retire(label, other if yes else None),
             "move": lambda: edits.move(label, other if yes else None),
             "describe": lambda: edits.describe(label, definition=names[0], key=names[1][0]),
             "answers": lambda: edits.answers(inner=yes)}
    return makes[kind]()


# Edits of attributes have histories of their own.
KINDS = sorted(kind.__name__ for kind in edits.Edit.__subclasses__() if "attribute" not in kind.__name__)
WISHES = st.lists(st.tuples(st.sampled_from(KINDS),
                            st.tuples(*[st.integers(0, 7)] * 3), st.tuples(*[st.sampled_from(NAMES)] * 2),
                            st.booleans()), min_size=1, max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """(before, edit, resolution, after) for edits that fit, each after the one before."""
    taxonomy, history = draw(taxonomies()), []
    for wish in draw(WISHES):
        try:
            edit = edit_of(taxonomy, *wish)
            after, resolution = edit.apply(taxonomy)
        except EditError:
            continue
        history.append((taxonomy, edit, resolution, after))
        taxonomy = after
    return history


@settings(deadline=None, max_examples=60)
@given(histories())
def test_a_resolution_speaks_of_every_old_answer_and_only_of_new_ones(history):
    for before, _, resolution, after in history:
        assert list(resolution) == list(before.label_ids)
        assert {new for stands in resolution.values() for new in stands} <= set(after.label_ids)
        assert all(len(set(stands)) == len(stands) for stands in resolution.values())


@settings(deadline=None, max_examples=60)
@given(histories())
def test_an_answer_that_may_still_be_given_is_among_what_it_may_mean(history):
    for before, _, resolution, after in history:
        assert all(label_id in resolution[label_id] for label_id in {*before.label_ids} & {*after.label_ids})


@settings(deadline=None, max_examples=60)
@given(histories())
def test_rename_merge_and_describe_ask_nothing_again(history):
    for _, edit, resolution, _ in history:
        if isinstance(edit, (edits.rename, edits.merge, edits.describe)):
            assert all(len(stands) == 1 for stands in resolution.values())


@settings(deadline=None, max_examples=60)
@given(histories())
def test_move_asks_again_only_where_a_label_came_to_lie_under_an_answer(history):
    for before, edit, resolution, after in history:
        if isinstance(edit, edits.move):
            assert {old for old, stands in resolution.items() if stands != (old,)} \
                == set(before.label_ids) - set(after.label_ids)


@settings(deadline=None, max_examples=60)
@given(histories())
def test_no_id_is_ever_given_to_a_second_label(history):
    ever: set[str] = set()
    for before, _, _, after in history:
        ever |= {label.id for label in before.labels}
        fresh = {label.id for label in after.labels} - {label.id for label in before.labels}
        assert not fresh & ever


@settings(deadline=None, max_examples=60)
@given(histories())
def test_answers_resolve_the_same_live_and_replayed(history):
    if not history:
        return
    first = history[0][0]
    live = {label_id: (label_id,) for label_id in first.label_ids}
    for _, _, resolution, _ in history:
        live = edits.compose(live, resolution)
    replayed = history[-1][2]
    for _, _, resolution, _ in reversed(history[:-1]):
        replayed = edits.compose(resolution, replayed)
    assert live == replayed
    logged = [edits.from_body(json.loads(json.dumps(edit.to_dict()))) for _, edit, _, _ in history]
    assert edits.apply(Taxonomy.from_dict(first.to_dict()), logged) == (history[-1][3], live)


# The edits between two taxonomies.

def between(old: object, new: object) -> list[str]:
    found = edits.between(Taxonomy(old), Taxonomy(new))
    assert edits.apply(Taxonomy(old), found)[0].digest == Taxonomy(new).digest
    return [str(edit) for edit in found]


def test_between_equals_lies_nothing():
    assert between(["cat", "dog"], ["dog", "cat"]) == []


def test_between_finds_what_came_and_what_went():
    assert between(["cat", "dog"], ["cat", "lynx", "dog"]) == ["edits.add('lynx')"]
    assert between(["cat", "dog"], ["dog"]) == ["edits.retire('cat')"]
    assert between(["cat"], ["dog"]) == ["edits.add('dog')", "edits.retire('cat')"]


def test_between_finds_a_rename_by_a_name_much_like_the_old_or_by_what_lies_under_it():
    assert between(["T-shirt/top", "Bag"], ["T-shirt", "Bag"]) == ["edits.rename('T-shirt/top', to='T-shirt')"]
    assert between({"shoe": ["a", "b"]}, {"boots": ["a", "b"]}) == ["edits.rename('shoe', to='boots')"]
    assert between([{"name": "lynx", "definition": "ear tufts"}], [{"name": "Luchs", "definition": "ear tufts"}]) \
        == ["edits.rename('lynx', to='Luchs')"]


def test_between_finds_a_rename_by_an_id_even_if_the_old_name_came_back():
    after, _ = edits.apply(Taxonomy(["cat", "dog"]), [edits.rename("cat", to="felis"), edits.add("cat")])
    assert [str(edit) for edit in edits.between(Taxonomy(["cat", "dog"]), after)] \
        == ["edits.rename('cat', to='felis')", "edits.add('cat')"]
    back = edits.rename("felis", to="cat").apply(edits.rename("cat", to="felis").apply(Taxonomy(["cat", "dog"]))[0])[0]
    assert edits.between(back, Taxonomy(["cat", "dog"])) == []


def test_between_finds_a_move_and_calls_labels_by_their_path_where_it_must():
    assert between({"shoe": ["Boot"], "Bag": None, "top": None}, {"shoe": ["Boot", "Bag"], "top": None}) \
        == ["edits.move('Bag', under='shoe')"]
    assert between({"a": ["x", "z"], "b": ["x"]}, {"a": ["z"], "b": ["x"]}) == ["edits.retire('a / x')"]


def test_between_finds_what_is_said_and_lets_keys_be_swapped():
    assert between(["cat"], [{"name": "cat", "definition": "purrs"}]) == ["edits.describe('cat', definition='purrs')"]
    assert between([{"name": "cat", "key": "a"}, {"name": "dog", "key": "b"}],
                   [{"name": "cat", "key": "b"}, {"name": "dog", "key": "a"}]) \
        == ["edits.describe('cat', key=None)", "edits.describe('dog', key=None)",
            "edits.describe('cat', key='b')", "edits.describe('dog', key='a')"]


def test_between_finds_its_way_when_two_labels_swap_their_names():
    one, other = [Label("1", "x"), Label("2", "y")], [Label("1", "y"), Label("2", "x")]
    assert between(one, other) == ["edits.rename('y', to='y (old)')", "edits.rename('x', to='y')",
                                   "edits.rename('y (old)', to='x')"]


def test_between_finds_its_way_when_parent_and_child_swap_their_places():
    between([Label("1", "x"), Label("2", "y", parent="1")], [Label("2", "y"), Label("1", "x", parent="2")])
    between([Label("1", "x"), Label("2", "y", parent="1")], [Label("2", "x"), Label("1", "y", parent="2")])


@settings(deadline=None)
@given(taxonomies(), taxonomies())
def test_the_edits_between_any_two_taxonomies_lead_from_one_to_the_other(old, new):
    assert edits.apply(old, edits.between(old, new))[0].digest == new.digest


@settings(deadline=None, max_examples=60)
@given(histories())
def test_the_edits_between_two_versions_lead_from_one_to_the_other_both_ways(history):
    for before, _, _, after in history:
        assert edits.apply(before, edits.between(before, after))[0].digest == after.digest
        assert edits.apply(after, edits.between(after, before))[0].digest == before.digest


def test_the_edits_between_two_large_taxonomies_are_found():
    old = Taxonomy([f"old {n}" for n in range(3_000)])
    assert len(edits.between(old, Taxonomy([f"new {n}" for n in range(3_000)]))) == 6_000


@pytest.mark.parametrize("name", ["cat\u202egod", "\u2066cat", "cat\u2069"])
def test_a_new_name_that_turns_the_direction_of_the_text_is_refused_and_an_old_one_is_read(name):
    taxonomy = Taxonomy(["cat", "dog"])
    for edit in (edits.add(name), edits.rename("dog", name), edits.split("dog", into=[name, "wolf"])):
        with pytest.raises(EditError, match=r"U\+20\d\w in its name"):
            edit.apply(taxonomy)
    with pytest.raises(TaxonomyError, match=r"U\+20\d\w"):
        Taxonomy([name, "dog"])
    body = taxonomy.to_dict()
    body["labels"][0]["name"] = name
    assert Taxonomy.from_dict(body).names[0] == name
