"""Imports: a table imported any number of times is one import, and what `annotations` gives comes back whole."""

import io
from datetime import datetime, timezone

import numpy as np
import pandas as pd
import pytest

from hitl_widgets import edits
from hitl_widgets.errors import BadInput, UnknownItem, UnknownLabel
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.importing import import_annotations
from hitl_widgets.project.project import Project
from hitl_widgets.taxonomy.labels import Taxonomy

NAMES = ["cat", "dog", "owl", "7"]
# What an import into another project can't give back: ids of its own.
OWN = ["decision_id"]


def pool_of(ids=None):
    ids = ids or [f"i{k}" for k in range(12)]
    return Pool.from_images(np.arange(len(ids) * 16, dtype=np.uint8).reshape(-1, 4, 4), ids=ids)


@pytest.fixture
def said():
    return []


@pytest.fixture
def opened(tmp_path, said):
    made = []

    def open_(folder="p", pool=None, **more):
        taxonomy = Taxonomy(NAMES) if folder != "p" or not made else None
        made.append(Project(tmp_path / folder, pool or pool_of(), taxonomy, annotator="ada", holdout=0.0,
                            notify=said.append, **more))
        return made[-1]
    yield open_
    for project in made:
        project.close()


def frame_of(**columns):
    return pd.DataFrame(columns)


def stands(project):
    frame = project.annotations()
    return dict(zip(frame["item_id"], zip(frame["verdict"], frame["label"], strict=True), strict=True))


# -- one table is one import ---------------------------------------------------------------------------------

def test_a_note_anywhere_does_not_make_an_import_be_stored_again(opened):
    project = opened()
    frame = frame_of(item_id=["i0", "i2"], label=["cat", "dog"])
    assert [import_annotations(project, frame) for _ in range(3)] == [2, 0, 0]
    project.decide("i1", label="dog", note="hm")
    n = project.log.last_seq()
    assert [import_annotations(project, frame) for _ in range(3)] == [0, 0, 0]
    noted = frame.assign(note=["a tail", None], item_id=["i3", "i4"])
    assert [import_annotations(project, noted) for _ in range(3)] == [2, 0, 0]
    assert project.log.last_seq() == n + 2


def test_two_answers_of_one_person_to_one_item_are_refused_with_both_rows(opened):
    project = opened()
    with pytest.raises(BadInput, match=r"rows 0 and 2 .*'import'.*'i0'.*'cat'.*'dog'"):
        import_annotations(project, frame_of(item_id=["i0", "i1", "i0"], label=["cat", "cat", "dog"]))
    assert project.annotations().empty
    twice = frame_of(item_id=["i0", "i0"], label=["cat", "cat"])
    assert import_annotations(project, twice) == 1
    two_people = frame_of(item_id=["i1", "i1"], label=["cat", "dog"], annotator=["bob", "eve"])
    assert import_annotations(project, two_people) == 2


def test_an_import_does_not_undo_a_later_revision(opened, said):
    project = opened()
    frame = frame_of(item_id=["i0", "i1"], label=["cat", "dog"], annotator=["ada", "ada"])
    import_annotations(project, frame)
    project.decide("i0", label="owl")
    assert import_annotations(project, frame) == 0
    assert stands(project) == {"i0": ("answer", "owl"), "i1": ("answer", "dog")}
    assert "1 rows" in said[-1]
    assert "revised or retracted since" in said[-1]


def test_an_unsure_with_the_same_guess_does_not_swallow_an_answer(opened):
    project = opened()
    project.decide("i0", "unsure", label="cat")
    assert import_annotations(project, frame_of(item_id=["i0"], label=["cat"]), annotator="ada") == 1
    assert stands(project) == {"i0": ("answer", "cat")}


def test_a_best_guess_that_an_edit_left_in_doubt_is_not_replaced_by_none(opened):
    """The project's own table stored "unsure" without a guess, which stayed so when the edit was reverted."""
    project = opened()
    project.decide("i0", "unsure", label="cat")
    edit = project.apply(edits.split("cat", into=["lion", "lynx"]))
    assert import_annotations(project, project.annotations()) == 0
    project.revert(edit.id)
    assert project.annotations()["label"].tolist() == ["cat"]
    assert import_annotations(project, pd.DataFrame({"item_id": ["i0"], "verdict": ["unsure"], "label": [None]}),
                              annotator="ada") == 1


def test_what_the_table_does_not_speak_of_is_left_as_it_is(opened):
    project = opened()
    project.decide("i0", label="cat", note="a tail", certainty=3, flags=["second_look"])
    assert import_annotations(project, frame_of(item_id=["i0"], label=["cat"]), annotator="ada") == 0
    assert import_annotations(project, frame_of(item_id=["i0"], label=["cat"], note=["two tails"]),
                              annotator="ada") == 1


# -- labels by their former names ----------------------------------------------------------------------------

def test_the_first_import_and_gold_run_again_after_a_rename(opened):
    project = opened()
    frame = frame_of(item_id=["i0", "i1"], label=["7", "cat"])
    import_annotations(project, frame)
    project.set_gold({"i5": "7"})
    project.apply(edits.rename("7", "seven"))
    n = project.log.last_seq()
    assert import_annotations(project, frame) == 0
    assert project.set_gold({"i5": "7"}) == {"i5": project.taxonomy.label("seven").id}
    assert project.log.last_seq() == n
    assert import_annotations(project, frame_of(item_id=["i2"], label=["7"])) == 1
    assert project.decide("i3", label="7").label == "seven"
    assert stands(project)["i2"] == ("answer", "seven")


def test_the_first_import_and_gold_run_again_after_a_split_or_a_merge(opened):
    project = opened()
    frame = frame_of(item_id=["i0", "i1", "i2"], label=["cat", "dog", "owl"])
    import_annotations(project, frame)
    project.set_gold({"i5": "cat", "i6": "dog"})
    project.apply([edits.split("cat", into=["lion", "tiger"]), edits.merge(["dog", "owl"], "pet")])
    n = project.log.last_seq()
    assert import_annotations(project, frame) == 0
    project.set_gold({"i5": "cat", "i6": "dog"})
    assert project.log.last_seq() == n
    assert import_annotations(project, frame_of(item_id=["i3"], label=["owl"])) == 1
    assert stands(project)["i3"] == ("answer", "pet")
    with pytest.raises(UnknownLabel, match=r"row 0 .*'cat'"):
        import_annotations(project, frame_of(item_id=["i4"], label=["cat"]))


def test_a_table_with_former_names_that_was_imported_is_known_after_later_edits(opened):
    """The second import raised UnknownLabel after a split, and stored its answers again after the merge was undone."""
    project = opened()
    merged = project.apply(edits.merge(["cat", "dog"], into="dog"))
    frame = frame_of(item_id=["i0", "i1"], label=["cat", "owl"])
    assert import_annotations(project, frame) == 2
    split = project.apply(edits.split("dog", into=["pug", "hound"]))
    assert import_annotations(project, frame) == 0
    project.revert(split.id)
    project.revert(merged.id)
    assert import_annotations(project, frame) == 0


@pytest.mark.parametrize("taken_back", [False, True], ids=["stands", "taken back"])
def test_a_label_of_today_is_imported_where_its_name_was_a_former_one_of_the_persons_answer(opened, taken_back):
    """The row wasn't stored: "cat" was a former name of "pet" when ada answered, and is another label now."""
    project = opened()
    project.apply(edits.merge(["cat", "dog"], into="pet"))
    answer = project.decide("i0", label="pet")
    if taken_back:
        project.retract(answer.id)
    project.apply(edits.split("pet", into=["cat", "hound"]))
    frame = frame_of(item_id=["i0"], label=["cat"], annotator=["ada"])
    assert import_annotations(project, frame) == 1
    assert stands(project)["i0"] == ("answer", "cat")
    assert import_annotations(project, frame) == 0


@pytest.mark.parametrize("edit", [
    edits.retire("cat"), edits.split("cat", into=["lion", "lynx"]), edits.split("cat", into=["cat", "lynx"]),
    [edits.rename("cat", "lion"), edits.add("cat")], edits.merge(["cat", "dog"], into="pet")],
    ids=["retire", "split", "split with its name", "a new label of that name", "merge"])
def test_the_first_import_of_several_labels_an_item_runs_again_after_an_edit(opened, edit):
    """It raised UnknownLabel, or stored the sets again with another label of the same name."""
    project = opened(task="multilabel")
    frame = frame_of(item_id=["i0", "i1", "i2", "i3"], labels=[("cat", "owl"), (), ("dog",), ("cat",)])
    assert import_annotations(project, frame) == 4
    project.apply(edit)
    assert import_annotations(project, frame) == 0
    assert import_annotations(project, frame_of(item_id=["i0"], labels=[("dog",)])) == 1


def test_a_former_name_that_two_labels_had_is_told_with_what_they_became(opened):
    project = opened()
    project.apply(edits.rename("7", "seven"))
    project.apply(edits.rename("owl", "7"))
    project.apply(edits.rename("7", "eagle"))
    with pytest.raises(UnknownLabel, match=r"'7' was renamed to 'seven' in v2.*'7' was renamed to 'eagle' in v4"):
        import_annotations(project, frame_of(item_id=["i0"], label=["7"]))
    with pytest.raises(UnknownLabel, match="'7' was renamed to 'seven' in v2"):
        project.set_gold({"i0": "7"})


def test_an_edit_of_another_kernel_is_known_to_imports_and_gold(opened):
    project, other = opened(), opened()
    other.apply(edits.rename("cat", "lion"))
    assert import_annotations(project, frame_of(item_id=["i0"], label=["lion"])) == 1
    other.apply(edits.rename("dog", "wolf"))
    assert list(project.set_gold({"i1": "wolf"})) == ["i1"]


# -- the way out and back ------------------------------------------------------------------------------------

def test_annotations_come_back_whole_from_a_csv_file(opened):
    project = opened()
    at = datetime(2026, 5, 1, 9, 30, 0, 123_456, tzinfo=timezone.utc)
    project.decide("i0", label="7", acted_at=at, certainty=7.5, note="line\nbreak, \"ü\" and 🐈",
                   flags=["bad_data", "second_look"])
    project.decide("i1", "unsure")
    project.decide("i2", "unsure", label="dog", certainty=1)
    project.decide("i3", "skip", note="later")
    for item_id, label in (("i4", "dog"), ("i5", "cat")):
        project.decide(item_id, label=label, certainty=4, annotator="bob", seen={
            "suggestion": "dog", "model": "m1", "certainty": "carried", "chosen_by": "margin"})
    file = io.StringIO()
    project.annotations().to_csv(file, index=False)
    file.seek(0)
    frame, fresh = pd.read_csv(file), opened("fresh")
    assert import_annotations(fresh, frame) == 6
    pd.testing.assert_frame_equal(fresh.annotations().drop(columns=OWN), project.annotations().drop(columns=OWN))
    assert import_annotations(fresh, frame) == 0
    assert import_annotations(project, frame) == 0


@pytest.mark.parametrize("note", ["NA", "None", "", "n/a", "007", "5.0"])
def test_a_note_that_a_csv_file_spells_otherwise_is_no_other_answer(opened, note):
    """It was stored again without its note, and the marked region of the answer no longer taught."""
    project = opened()
    project.decide("i0", label="dog", note=note, wrong=np.eye(*project.pool.load(0).shape[:2], dtype=bool))
    file = io.StringIO()
    project.annotations().to_csv(file, index=False)
    file.seek(0)
    frame = pd.read_csv(file)
    n = project.log.last_seq()
    assert import_annotations(project, frame) == 0
    assert project.log.last_seq() == n
    assert import_annotations(project, frame.assign(note="another")) == 1


def test_rows_that_nobody_decided_stay_out_and_are_counted(opened, said):
    project = opened()
    project.decide("i0", label="cat")
    project.decide("i1", label="dog")
    project.apply(edits.split("cat", into=["lion", "tiger"]))
    fresh = opened("fresh")
    assert import_annotations(fresh, project.annotations()) == 1
    assert said[-1].startswith("1 rows of the table to import are to be reviewed")


@pytest.mark.parametrize("table", [
    frame_of(id=["i0", "i1"], label=["cat", "dog"]).set_index("id"),
    frame_of(item_id=["i0", "i1"], label=["cat", "dog"]).set_index("item_id"),
    pd.Series(["cat", "dog"], index=["i0", "i1"]),
    {"i0": "cat", "i1": "dog"}], ids=["index", "item_id as index", "series", "dict"])
def test_tables_of_many_forms_are_taken_by_import_and_gold(opened, table):
    project = opened()
    assert import_annotations(project, table) == 2
    assert stands(project) == {"i0": ("answer", "cat"), "i1": ("answer", "dog")}
    assert sorted(project.set_gold(table)) == ["i0", "i1"]


def test_whole_numbers_that_became_floats_are_whole_numbers(opened):
    project = opened(pool=pool_of(["1", "2", "3"]))
    frame = frame_of(item_id=[1, 2, None], label=[7, 7, None]).head(2)
    assert str(frame["label"][0]) == "7.0"
    assert import_annotations(project, frame) == 2
    assert stands(project) == {"1": ("answer", "7"), "2": ("answer", "7")}
    assert sorted(project.set_gold(pd.Series([7.0, 7.0], index=[1.0, 3.0]))) == ["1", "3"]


@pytest.mark.parametrize(("columns", "error", "words"), [
    ({"label": ["cat", None]}, BadInput, "row 1 .*no label.*dropna"),
    ({"label": ["cat", "cat"], "acted_at": ["2024-05-01", "yesterday?"]}, BadInput, "row 1 .*'yesterday.*no instant"),
    ({"label": ["cat", "cat"], "acted_at": ["2024-05-01", "9999999-01-01"]}, BadInput, "row 1 .*no instant"),
    ({"label": ["cat", "cat"], "verdict": ["answer", "perhaps"]}, BadInput, "row 1 .*'perhaps'"),
    ({"label": ["cat", "cat"], "verdict": ["answer", "skip"]}, BadInput, "row 1 .*skip carries no label"),
    ({"label": ["cat", "cat"], "flags": ["", "odd"]}, BadInput, "row 1 .*flag 'odd'"),
    ({"label": ["cat", "cat"], "certainty": ["3", "many"]}, BadInput, "row 1 .*'many'"),
    ({"label": ["cat", "cat"], "note": ["", "x" * 10_001]}, BadInput, "row 1 .*10,001"),
    ({"label": ["cat", "cat"], "certainty_source": ["given", "told"]}, BadInput, "row 1 .*'told'"),
    ({"label": ["cat", "cat"], "annotator": pd.Series(["ada", "\ud800"], dtype=object)}, BadInput,
     "row 1 .*annotator")])
def test_what_a_row_cant_say_is_refused_with_its_number(opened, columns, error, words):
    project = opened()
    with pytest.raises(error, match=words):
        import_annotations(project, pd.DataFrame({"item_id": ["i0", "i1"], **columns}))
    assert project.annotations().empty


def test_ids_that_lost_their_zeros_are_refused_with_the_remedy(opened):
    project = opened(pool=pool_of(["007", "008"]))
    frame = pd.read_csv(io.StringIO("item_id,label\n007,cat\n"))
    with pytest.raises(UnknownItem, match=r"row 0 .*dtype"):
        import_annotations(project, frame)


@pytest.mark.parametrize(("known", "words"), [
    (["1"], "mapping of item id to label, a Series or a DataFrame.*list"), ("i0", "not str"),
    ({"i0": float("nan")}, "'i0' has no label.*dropna"),
    (pd.DataFrame({"item": ["i0"], "label": ["cat"]}), "item_id.*missing"),
    (pd.DataFrame({"item_id": ["i0", "i0"], "label": ["cat", "dog"]}), "'i0' is named twice.*'cat'.*'dog'")])
def test_gold_that_is_no_table_of_answers_is_refused_in_words(opened, known, words):
    project = opened()
    with pytest.raises(BadInput, match=words):
        project.set_gold(known)
    assert project.gold() == {}
