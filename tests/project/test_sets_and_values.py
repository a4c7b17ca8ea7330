"""Do consensus, gold, imports, verdicts and what measures hold for sets of labels and for values of attributes?"""

import io

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, UnknownLabel
from hitl_widgets.events import Event
from hitl_widgets.records import Seen, utc_now

N = 12
IDS = [f"i{k}" for k in range(N)]
POOL = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (N, 6, 6), np.uint8), IDS)
SCENES = ["indoor", "people", "night"]
FACES = [hw.Attribute("ink", scale=(0.0, 1.0)), hw.Attribute("blur", scale=(0, 10)),
         hw.Attribute("view", choices=("front", "side"))]


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(taxonomy=None, task=None, **more):
        more = {"holdout": 0.0, "annotator": "ada", "progress": False, **more}
        made.append(hw.Workbench(tmp_path / str(len(made) if taxonomy is not None else 0), POOL, taxonomy, task=task,
                                 **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


@pytest.fixture
def scenes(opened):
    return opened(SCENES, "multilabel")


@pytest.fixture
def faces(opened):
    return opened(hw.Taxonomy(attributes=FACES), "scale")


def say(wb, item_id, **of_people):
    for who, labels in of_people.items():
        wb.decide(item_id, labels=labels.split(), annotator=who)


# -- consensus

def test_a_tie_is_one_however_often_other_items_have_the_label(opened):
    """The majority's share was off one half by a rounding error, and the item had "none of them" for its consensus."""
    wb = opened(["x", "y"], task="multilabel", holdout=0)
    for who, labels in (("ada", []), ("bob", ["x"]), ("cyd", ["y"]), ("dan", ["x", "y"])):
        wb.decide(str(wb.pool.ids[0]), labels=labels, annotator=who)
    for item_id in wb.pool.ids[1:4]:
        wb.decide(str(item_id), labels=["x"], annotator="ada")
    for method in ("auto", "majority"):
        row = wb.consensus(method).iloc[0]
        assert (row["labels"], row["tied"]) == ((), ("x", "y"))
        assert pd.isna(row["label"])


def test_each_label_is_decided_by_most_of_those_who_answered(scenes):
    say(scenes, "i0", ada="indoor", bob="indoor people", cem="people night")
    say(scenes, "i1", ada="indoor night", bob="night")
    say(scenes, "i2", ada="")
    table = scenes.consensus().set_index("item_id")
    assert table["label"].tolist() == ["indoor, people", None, "none of them"]
    assert table["labels"].tolist() == [("indoor", "people"), ("night",), ()]
    assert table["tied"].tolist() == [(), ("indoor",), ()]
    assert table["n_answers"].tolist() == [3, 2, 1]
    assert table.loc["i0", "shares"] == pytest.approx({"indoor": 2 / 3, "people": 2 / 3, "night": 1 / 3})
    assert table["share"].tolist() == pytest.approx([1 / 3, 1 / 2, 1])
    assert table["prob"].isna().all()


def test_a_label_that_was_added_later_is_decided_by_those_who_could_give_it(scenes):
    say(scenes, "i0", ada="indoor", bob="indoor")
    scenes.apply(hw.edits.add("rain"))
    say(scenes, "i0", cem="rain")
    row = scenes.consensus().iloc[0]
    assert row["labels"] == ("indoor", "rain")
    assert row["shares"] == {"indoor": pytest.approx(2 / 3), "people": 0, "night": 0, "rain": 1}


def test_a_method_weighs_the_votes_about_each_label(scenes):
    for item_id in IDS[:8]:
        say(scenes, item_id, ada="indoor", bob="indoor night", cem="indoor")
    row = scenes.consensus("one_coin").iloc[0]
    assert row["labels"] == ("indoor",)
    assert row["prob"] > 0.8


def test_what_measures_is_decided_label_by_label_too(opened):
    wb = opened(SCENES, "multilabel", holdout=0.99)
    item_id = wb.holdout[0]
    say(wb, item_id, ada="indoor", bob="indoor people", cem="people night")
    assert wb.project.reference() == {item_id: wb.taxonomy.label_set(["indoor", "people"])}
    say(wb, wb.holdout[1], ada="indoor", bob="indoor people")
    assert wb.project.measuring().tied == (wb.pool.position(wb.holdout[1]),)


# -- votes about a part

def test_votes_about_a_label_say_whether_it_is_on_and_whether_it_was_suggested(scenes):
    label_set, label = scenes.taxonomy.label_set, scenes.taxonomy.label
    scenes.decide("i0", labels=["night"], seen=Seen(suggestion=label_set(["indoor", "night"]), taxonomy=1, arm="shown",
                                                    arm_probability=0.5, model="m"))
    votes = scenes.project.answers().votes_about(label("indoor").id)
    assert votes[["label", "suggestion", "shown"]].to_numpy().tolist() == [["not indoor", "indoor", True]]
    votes = scenes.project.answers().votes_about(label("night").id)
    assert votes[["label", "suggestion"]].to_numpy().tolist() == [["night", "night"]]


def test_votes_about_an_attribute_are_its_values(faces):
    blur = faces.taxonomy.attribute("blur")
    faces.decide("i0", values={"blur": 3, "ink": 0.5}, seen=Seen(values={blur.id: 5}, taxonomy=1, arm="shown",
                                                                  arm_probability=0.5))
    faces.decide("i1", values={"ink": 0.5})
    votes = faces.project.answers().votes_about_attribute(blur)
    assert votes[["item_id", "label", "suggestion", "shown"]].to_numpy().tolist() == [["i0", 3.0, 5.0, True]]


# -- gold

def test_gold_takes_sets_in_any_spelling_and_gives_them_back(scenes):
    known = scenes.gold({"i0": ["night", "indoor"], "i1": "people", "i2": [], "i3": "indoor, people"})
    assert known == {"i0": ("indoor", "night"), "i1": ("people",), "i2": (), "i3": ("indoor", "people")}
    assert scenes.gold(known) == known
    assert len([*scenes.project.log.events(kind="gold")]) == 1
    assert scenes.gold({"i0": None})["i1"] == ("people",)
    assert "i0" not in scenes.gold()
    with pytest.raises(UnknownLabel, match="'dog' is not in"):
        scenes.gold({"i0": ["dog"]})


def test_gold_has_values_where_values_are_asked(faces):
    assert faces.gold({"i0": {"blur": 3, "view": "side"}}) == {"i0": {"blur": 3, "view": "side"}}
    assert faces.project.queue.gold[0]
    with pytest.raises(BadInput, match="blur"):
        faces.gold({"i1": {"blur": 30}})
    with pytest.raises(BadInput, match="mapping of attributes"):
        faces.gold({"i1": 3})
    assert faces.gold({"i0": None}) == {}
    assert not faces.project.queue.gold[0]


def test_gold_stays_out_of_what_teaches(scenes, faces):
    say(scenes, "i0", ada="indoor")
    scenes.gold({"i0": ["indoor"]})
    assert not scenes.project.answers().label_matrix().item_ids
    faces.decide("i0", values={"blur": 3})
    faces.gold({"i0": {"blur": 3}})
    assert not len(faces.project.answers().value_votes())


# -- values that measure

def test_values_of_the_holdout_measure_where_they_were_given_blind(opened):
    wb = opened(hw.Taxonomy(attributes=FACES), "scale", holdout=0.99)
    blur, view = (wb.taxonomy.attribute(name).id for name in ("blur", "view"))
    blind, seen, gold = wb.holdout[:3]
    wb.decide(blind, values={"blur": 2, "view": "side"}, seen=Seen(chosen_by="holdout", hidden=True, values={blur: 5}))
    wb.decide(blind, values={"blur": 9})  # looked at again: the first answer measures
    wb.decide(blind, values={"blur": 4, "view": "front"}, annotator="bob")
    wb.decide(seen, values={"blur": 2}, seen=Seen(chosen_by="holdout", values={blur: 5}))
    wb.gold({gold: {"blur": 7}})
    table = wb.project.reference_values()
    assert table[["item_id", "attribute_id", "value", "source"]].to_numpy().tolist() == [
        [blind, blur, 3.0, "holdout"], [gold, blur, 7, "gold"]]
    assert table["position"].tolist() == [wb.pool.position(blind), wb.pool.position(gold)]
    assert view not in set(table["attribute_id"])  # tied


# -- imports

def test_a_table_of_sets_is_imported_however_they_are_spelt(opened, scenes, tmp_path):
    say(scenes, "i0", ada="indoor night")
    say(scenes, "i1", ada="")
    scenes.decide("i2", "unsure")
    scenes.annotations().to_csv(tmp_path / "a.csv")
    for n, table in enumerate((scenes.annotations(), pd.read_csv(tmp_path / "a.csv"),
                               scenes.annotations()[["item_id", "label", "verdict", "certainty"]])):
        other = opened(SCENES, "multilabel", annotator="bob")
        assert other.import_annotations(table, "ada") == 3, n
        assert other.annotations()["labels"].tolist() == [("indoor", "night"), (), None]
        assert other.import_annotations(table, "ada") == 0
    assert scenes.import_annotations({"i3": ["people"], "i4": "indoor|night"}) == 2
    with pytest.raises(UnknownLabel, match="row 0 of the table to import: label 'dog'"):
        scenes.import_annotations({"i5": ["dog"]})


def test_names_with_commas_are_told_from_sets_that_are_spelt_alike(opened):
    names, sets = ["a", "b", "a, b", "none of them"], [("a", "b"), ("a, b",), (), ("none of them",)]
    wb = opened(names, "multilabel")
    assert wb.import_annotations(pd.DataFrame({"item_id": IDS[:4], "labels": sets})) == 4
    assert wb.annotations()["labels"].tolist() == sets
    other = opened(names, "multilabel")
    assert other.import_annotations(wb.annotations()) == 4
    assert other.annotations()["labels"].tolist() == sets


def test_tables_that_say_of_each_label_whether_it_is_on_are_taken(scenes, opened):
    say(scenes, "i0", ada="indoor", bob="people night")
    say(scenes, "i1", ada="")
    as_rows = scenes.labels_table()
    again = pd.read_csv(io.StringIO(as_rows.to_csv(index=False)))
    as_columns = pd.DataFrame({"item_id": ["i0", "i1"], "night": [1, 0], "indoor": [True, False],
                               "people": ["False", 0]})
    for table, n in ((as_rows, 3), (again, 3), (as_columns, 2)):
        other = opened(SCENES, "multilabel")
        assert other.import_annotations(table) == n
        assert other.import_annotations(table) == 0
        if n == 3:
            pd.testing.assert_frame_equal(other.labels_table(), as_rows)
        else:
            assert other.annotations()["labels"].tolist() == [("indoor", "night"), ()]
    assert other.gold(as_columns.iloc[:1]) == {"i0": ("indoor", "night")}
    for table, words in ((as_rows[as_rows["value"]], "whether it has 'people, night'"),
                         (as_columns.drop(columns="night"), "whether it has 'night'"),
                         (as_columns.assign(night=[0.5, 1]), "0.5; true or false"),
                         (as_columns.assign(night=[None, 1]), "true or false"),
                         (pd.concat([as_rows, as_rows.assign(value=True)]), "on in one row and off in another")):
        with pytest.raises(BadInput, match=words):
            opened(SCENES, "multilabel").import_annotations(table)


def test_values_are_imported_from_columns_or_from_rows(opened, faces):
    faces.decide("i0", values={"blur": 3, "view": "side"})
    faces.decide("i1", values={"ink": 0.25}, certainty=4)
    other = opened(hw.Taxonomy(attributes=FACES), "scale")
    assert other.import_annotations(faces.values()) == 2
    assert other.values().drop(columns="decision_id").equals(faces.values().drop(columns="decision_id"))
    assert other.import_annotations(faces.values()) == 0
    assert other.import_annotations(pd.DataFrame({"id": ["i2", "i3"], "blur": [3.0, np.nan], "view": ["side", "front"]})
                                    ) == 2
    with pytest.raises(BadInput, match=r"row 0 .* 'blur' is 11"):
        other.import_annotations({"i4": {"blur": 11}})
    with pytest.raises(BadInput, match="one for each attribute"):
        other.import_annotations(pd.DataFrame({"item_id": ["i4"], "label": ["cat"]}))


def test_attributes_are_imported_beside_a_label(opened):
    wb = opened(hw.Taxonomy(["cat", "dog"], attributes=[hw.Attribute("blur", scale=(0, 10), labels=("cat",))]))
    wb.import_annotations(pd.DataFrame({"item_id": ["i0", "i1"], "label": ["cat", "dog"], "blur": [3, None]}))
    assert wb.values()[["item_id", "value"]].to_numpy().tolist() == [["i0", 3]]
    with pytest.raises(BadInput, match="isn't asked of 'dog'"):
        wb.import_annotations(pd.DataFrame({"item_id": ["i2"], "label": ["dog"], "blur": [3]}))


# -- verdicts

def test_a_verdict_on_a_set_overrules_its_votes(scenes):
    say(scenes, "i0", ada="indoor", bob="night")
    say(scenes, "i1", ada="people", bob="people")
    desk = scenes.people.adjudicate(seed=1)
    case = desk.next()
    verdict = desk.decide(case, ["indoor", "night"], "slip")
    assert verdict.label == "indoor, night"
    row = scenes.consensus().set_index("item_id").loc[case.item_id]
    assert (row["labels"], row["tied"], row["prob"]) == (("indoor", "night"), (), 1.0)
    matrix = scenes.project.answers().label_matrix()
    assert matrix.on[matrix.item_ids.index(case.item_id)].tolist() == [1, 0, 1]
    desk.decide("i0", [], "ambiguous")
    assert scenes.consensus().set_index("item_id").loc["i0", "labels"] == ()
    with pytest.raises(UnknownLabel):
        desk.decide("i0", ["dog"], "slip")


def test_of_a_label_that_was_added_after_a_verdict_the_votes_decide(scenes):
    say(scenes, "i0", ada="indoor", bob="night")
    say(scenes, "i1", ada="people", bob="people")
    scenes.people.adjudicate(seed=1).decide("i0", ["indoor", "night"], "slip")
    scenes.apply(hw.edits.add("outdoor"))

    def taught():
        matrix = scenes.project.answers().label_matrix()
        return matrix.on[matrix.item_ids.index("i0")].tolist()
    assert taught()[:3] == [1, 0, 1]
    assert np.isnan(taught()[3])
    say(scenes, "i0", cem="people outdoor")
    assert taught() == [1, 0, 1, 1]
    for method in ("auto", "majority"):
        row = scenes.consensus(method).set_index("item_id").loc["i0"]
        assert (row["labels"], row["tied"]) == (("indoor", "night", "outdoor"), ())
    standing = scenes.project.answers().standing_labels()["i0"][0]
    assert standing == scenes.taxonomy.label_set(["indoor", "night", "outdoor"])


def test_what_measures_says_nothing_of_a_label_that_was_added_after_its_answers(opened):
    wb = opened(SCENES, "multilabel", holdout=0.5)
    again, both, known, untouched = wb.holdout[:4]
    for item_id in (again, both, untouched):
        say(wb, item_id, ada="indoor")
    wb.gold({known: ["indoor"]})
    wb.apply(hw.edits.add("outdoor"))
    say(wb, again, ada="indoor outdoor")
    say(wb, both, bob="indoor outdoor", cem="indoor outdoor")
    say(wb, known, ada="indoor outdoor")
    measuring, place, label_set = wb.project.measuring(), wb.pool.position, wb.taxonomy.label_set
    outdoor = wb.taxonomy.label("outdoor").id
    two = label_set(["indoor", "outdoor"])
    assert measuring.holdout == {place(again): two, place(both): two, place(known): two,
                                 place(untouched): label_set(["indoor"])}
    assert measuring.tied == ()
    assert measuring.gold == {place(known): label_set(["indoor"])}
    assert measuring.unknown == {"holdout": {place(untouched): (outdoor,)}, "gold": {place(known): (outdoor,)},
                                 "imported": {}}


def test_the_page_offers_the_sets_that_were_answered_and_takes_one(scenes):
    say(scenes, "i0", ada="indoor night", bob="indoor night", cem="people")
    session = scenes.people.adjudicate(seed=1).session
    offered = [name for _, name in session.sets]
    assert offered[0] == "indoor, night"
    assert {"people", "none of them", "indoor", "night"} <= set(offered)
    verdict = session.adjudicate("i0", session.sets[0][0], "slip")
    assert verdict.label_id == scenes.taxonomy.label_set(["indoor", "night"])


# -- what nobody writes

@pytest.mark.long
@pytest.mark.parametrize("more", [
    {"values": [1, 2]}, {"values": "text"}, {"values": {"blur": [1]}}, {"values": {"blur": {}}},
    {"seen": {"values": [1], "taxonomy": 1}}, {"seen": {"taxonomy": 99}}])
@pytest.mark.parametrize("task", ["multilabel", "scale"])
def test_an_invented_event_keeps_nothing_else_from_being_read(opened, task, more):
    of_values = hw.Taxonomy(attributes=[hw.Attribute("blur", id="blur", scale=(0, 10))])
    wb = opened(SCENES if task == "multilabel" else of_values, task)
    for k, item_id in enumerate(IDS[:6]):
        for who in ("ada", "bob"):
            wb.decide(item_id, **({"labels": SCENES[:1]} if task == "multilabel" else {"values": {"blur": k}}),
                      annotator=who)
    label = {"label_id": wb.taxonomy.label_set(SCENES[:1]), "label": "indoor"} if task == "multilabel" else {}
    wb.project.log.append(Event("invented", "decided", "eve", utc_now(),
                                {"verdict": "answer", "values": {"blur": 3}, **label, **more}, item_id=IDS[7]))
    folder = wb.folder
    wb.close()
    with hw.Workbench(folder, POOL, annotator="ada", progress=False) as again:
        assert len(again.annotations()) == 13
        assert len(again.consensus()) >= 6
        assert len(again.labels_table() if task == "multilabel" else again.values()) >= 12
        again.people.own()
        again.progress()


def test_a_verdict_that_is_none_is_no_answer_of_values(faces):
    with pytest.raises(BadInput, match="verdict 'unsur' is unknown"):
        faces.decide("i0", "unsur", values={"blur": 3})
    assert not len(faces.annotations())
