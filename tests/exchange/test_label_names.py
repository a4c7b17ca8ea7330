"""Labels that a file knows by name alone."""

from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.exchange.label_names import named_labels
from hitl_widgets.exchange.records import Header
from hitl_widgets.taxonomy.labels import Taxonomy


def test_names_alone_make_a_taxonomy_in_their_order():
    labels = named_labels(["dog", "cat", "dog"])
    assert labels.taxonomy.names == ("dog", "cat")
    assert [labels.taxonomy.label(labels.ids[name]).name for name in ("dog", "cat")] == ["dog", "cat"]


def test_a_path_is_a_label_under_others():
    labels = named_labels(["shoe / Boot", "hat / Boot"])
    assert labels.taxonomy.path(labels.ids["hat / Boot"]) == "hat / Boot"
    assert labels.names == {labels.ids[name]: name for name in ("shoe / Boot", "hat / Boot")}


def test_a_label_above_another_can_be_an_answer_too():
    labels = named_labels(["shoe / Boot", "shoe"])
    assert labels.taxonomy.answer("shoe").id == labels.ids["shoe"]


@given(st.lists(st.text(max_size=12) | st.sampled_from(["", " / ", "a / ", "\n", "a", "a ", "a (2)", "a / b", "x" * 300,
                                                        " / " * 40, "a\0"]), min_size=1, max_size=8))
def test_any_texts_become_labels_of_their_own(names):
    labels = named_labels(names)
    assert len({labels.ids[name] for name in names}) == len(set(names))
    assert all(labels.taxonomy.answer(labels.ids[name]) for name in names)


def test_a_flat_header_keeps_unique_names_and_ids():
    # Boot lies under two labels, and only one of them is an answer: its name stays a path all the same.
    taxonomy = Taxonomy({"shoe": ["Boot"], "thing": {"Boot": ["left"]}, "bag": "carried, not worn"})
    header = Header("boxes", "image", taxonomy)
    flat = header.flat()
    assert {flat.names[label_id] for label_id in flat.taxonomy.label_ids} == {"shoe / Boot", "left", "bag"}
    assert flat.taxonomy.label_ids == taxonomy.label_ids
    assert flat.taxonomy.label("bag").definition == ""


def test_attributes_of_a_flat_header_are_asked_of_the_same_answers():
    taxonomy = Taxonomy({"shoe": ["Boot", "Clog"], "Bag": ""}, attributes=[
        {"name": "wear", "scale": (0, 3), "labels": ["shoe"]}])
    flat = Header("classify", "image", taxonomy).flat().taxonomy
    assert flat.attributes_of(flat.label("Clog").id)
    assert not flat.attributes_of(flat.label("Bag").id)
