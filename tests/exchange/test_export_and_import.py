"""Export and import of a project: what is left out, what stands over several people, what a second import changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, UnknownLabel
from hitl_widgets.exchange.project_records import ProjectRecords
from hitl_widgets.exchange.records import CONSENSUS, facts, header_facts

IDS = [f"i{n}" for n in range(8)]


def pool_of(n=8):
    return hw.Pool.from_images(np.arange(n * 64, dtype=np.uint8).reshape(n, 8, 8), ids=IDS[:n])


@pytest.fixture
def wb(tmp_path):
    with hw.Workbench(tmp_path / "p", pool_of(), ["cat", "dog", "bird"], annotator="ann", holdout=0) as wb:
        yield wb


def lost(result):
    return dict(zip(result.lost["what"], result.lost["n"], strict=True))


def records(wb, **how):
    return {one.item_id: one for one in ProjectRecords(wb.project, people="names", **how)}


def test_the_report_comes_first_and_a_dry_run_writes_nothing(wb, tmp_path, capsys):
    wb.decide("i0", label="cat")
    found = wb.export(tmp_path / "x.jsonl", dry_run=True)
    assert found.files == []
    assert found.n == 1
    assert lost(found) == {"item": 7, "name of a person": 1}
    assert "7 x item: Nobody answered them" in capsys.readouterr().out
    assert not (tmp_path / "x.jsonl").exists()
    written = wb.export(tmp_path / "x.jsonl")
    assert lost(written) == lost(found)
    assert written.files == ["x.jsonl"]


def test_the_same_project_gives_the_same_bytes_and_replaces_nothing_unasked(wb, tmp_path):
    wb.decide("i0", label="cat", note="=1+1")
    path = tmp_path / "x.jsonl"
    wb.export(path)
    first = path.read_bytes()
    with pytest.raises(BadInput, match="overwrite=True"):
        wb.export(path)
    wb.export(path, overwrite=True)
    assert path.read_bytes() == first


def test_what_an_edit_left_in_doubt_is_left_out_and_counted_unless_asked_for(wb, tmp_path):
    wb.decide("i0", label="cat")
    wb.decide("i1", label="dog")
    wb.apply(edits.split("cat", ["lion", "tabby"]))
    assert set(records(wb)) == {"i1"}
    found = wb.export(tmp_path / "x.jsonl")
    assert lost(found) == {"answer": 1, "item": 7, "name of a person": 1}
    assert "to_review=True" in found.lost.set_index("what")["why"]["answer"]
    doubtful = records(wb, to_review=True)["i0"].answers[0]
    assert (doubtful.status, doubtful.label_ids) == ("to_review", None)
    assert doubtful.as_decided[1] == "cat"


@pytest.fixture
def with_blur(tmp_path):
    taxonomy = hw.Taxonomy(["cat", "dog"], attributes=[hw.Attribute("blur", scale=(0.0, 1.0)),
                                                       hw.Attribute("side", choices=["left", "right"])])
    with hw.Workbench(tmp_path / "blur", pool_of(), taxonomy, annotator="ann", holdout=0) as wb:
        yield wb


def exported_values(wb, attribute, **how):
    of = wb.taxonomy.attribute(attribute).id
    found = {item: [one.values[of] for one in record.answers if of in one.values]
             for item, record in records(wb, **how).items()}
    return {item: values for item, values in found.items() if values}


def test_values_beside_a_label_in_doubt_are_exported_as_the_consensus_of_values_has_them(with_blur, tmp_path):
    wb = with_blur
    wb.decide("i0", label="cat", values={"blur": 0.25, "side": "left"}, certainty=8)  # of one person
    wb.decide("i1", label="cat", values={"blur": 0.0})
    wb.decide("i1", label="dog", values={"blur": 0.5}, annotator="bob")
    wb.decide("i2", label="cat", values={"blur": 0.5})
    wb.decide("i2", label="cat", values={"blur": 0.75}, annotator="bob")
    wb.decide("i3", label="cat")  # without a value
    wb.decide("i4", label="dog", values={"side": "right"})
    wb.apply(edits.split("cat", ["lion", "tabby"]))
    for attribute in ("blur", "side"):
        stands = wb.consensus(attribute=attribute).set_index("item_id")["value"].to_dict()
        assert exported_values(wb, attribute) == {item: [value] for item, value in stands.items()}
    found = records(wb)
    [alone], [two], [both] = (found[item].answers for item in ("i0", "i1", "i2"))
    assert (alone.annotator, alone.label_ids, alone.certainty, alone.status) == ("ann", None, 8, "decided")
    assert (two.n_answers, two.label_ids) == (2, (wb.taxonomy.label("dog").id,))
    assert both.label_ids is None
    assert len(records(wb, labels="annotations")["i2"].answers) == 2
    report = lost(wb.export(tmp_path / "x.jsonl"))
    assert (report["label"], report["answer"]) == (4, 1)


def test_a_value_beside_a_label_in_doubt_comes_into_another_project_and_its_own_knows_it(with_blur, tmp_path):
    with_blur.decide("i0", label="cat", values={"blur": 0.25})
    with_blur.apply(edits.split("cat", ["lion", "tabby"]))
    with_blur.export(tmp_path / "x.jsonl", people="names")
    assert with_blur.import_file(tmp_path / "x.jsonl").n_new == 0
    with hw.Workbench(tmp_path / "q", pool_of(), with_blur.taxonomy, annotator="eve", holdout=0) as other:
        assert other.import_file(tmp_path / "x.jsonl").n_new == 1
        assert other.values()[["item_id", "annotator", "value"]].values.tolist() == [["i0", "ann", 0.25]]


def test_values_to_a_planted_suggestion_or_a_changed_image_are_no_export_and_no_consensus(tmp_path):
    taxonomy = hw.Taxonomy(["cat", "dog"], attributes=[hw.Attribute("blur", scale=(0, 10))])
    with hw.Workbench(tmp_path / "p", pool_of(), taxonomy, annotator="ann", holdout=0) as wb:
        dog = wb.taxonomy.label("dog").id
        wb.decide("i0", label="cat", values={"blur": 3}, seen=hw.Seen(suggestion=dog, planted=True, taxonomy=1))
        wb.decide("i1", label="cat", values={"blur": 4})
    images = np.arange(8 * 64, dtype=np.uint8).reshape(8, 8, 8)
    images[1] = 255 - images[1]
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(images, ids=IDS), annotator="ann") as wb:
        assert exported_values(wb, "blur") == {}
        assert wb.consensus(attribute="blur").empty


def test_a_renamed_label_says_what_it_was_called(wb):
    wb.decide("i0", label="cat")
    wb.apply(edits.rename("cat", "Felis"))
    found = records(wb)["i0"].answers[0]
    assert wb.taxonomy.name_of(found.label_ids[0]) == "Felis"
    assert found.as_decided[1:] == ("cat", 1)


def test_answers_to_planted_suggestions_are_never_written(wb):
    wb.decide("i0", label="cat", seen=hw.Seen(suggestion=wb.taxonomy.label("dog").id, planted=True, taxonomy=1))
    stream = ProjectRecords(wb.project, to_review=True, presumed=True)
    assert list(stream) == []
    assert ("answer", 1) in [(what, n) for what, n, _ in stream.lost]


@pytest.mark.parametrize("verdict", ["skip", "unsure"])
def test_the_answer_of_one_stands_where_the_others_skipped_or_were_unsure(verdict, wb):
    wb.decide("i0", verdict)
    wb.decide("i0", label="dog", annotator="bob")
    answer, = records(wb, labels="consensus")["i0"].answers
    assert (answer.annotator, answer.verdict, [wb.taxonomy.name_of(one) for one in answer.label_ids]) == (
        CONSENSUS, "answer", ["dog"])
    assert [one.verdict for one in answer.votes] == [verdict, "answer"]


def test_spans_of_one_stand_where_the_others_skipped(tmp_path):
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(["Ada in Rome"]), ["place"], task="spans", annotator="ann",
                      holdout=0) as wb:
        wb.decide("0", "skip")
        wb.decide("0", objects=[hw.Span(7, 11, "place")], annotator="bob")
        answer, = records(wb, labels="consensus")["0"].answers
        assert (answer.verdict, [one.quote for one in answer.objects]) == ("answer", ["Rome"])


def test_consensus_has_the_votes_and_a_single_answer_stands_as_it_is(wb):
    wb.decide("i0", label="cat", certainty=3)
    wb.decide("i0", label="cat", annotator="bob", certainty=9)
    wb.decide("i0", label="dog", annotator="cleo")
    wb.decide("i1", label="dog", certainty=2)
    wb.decide("i2", label="dog")
    wb.decide("i2", label="cat", annotator="bob")
    found = records(wb)
    [joined], [single], [tied] = (found[item].answers for item in ("i0", "i1", "i2"))
    assert (joined.annotator, joined.n_answers, len(joined.votes)) == (CONSENSUS, 3, 3)
    assert wb.taxonomy.name_of(joined.label_ids[0]) == "cat"
    assert joined.share == pytest.approx(2 / 3)
    assert (single.annotator, single.certainty, single.votes) == ("ann", 2, ())
    assert (tied.verdict, tied.label_ids) == ("unsure", None)
    assert len(records(wb, labels="annotations")["i0"].answers) == 3


@pytest.fixture
def several(tmp_path):
    with hw.Workbench(tmp_path / "several", pool_of(), ["day", "night", "snow"], task="multilabel", annotator="ann",
                      holdout=0) as wb:
        yield wb


def test_agreed_labels_are_exported_where_another_is_tied_and_the_tied_ones_are_counted(several, tmp_path):
    several.decide("i0", labels=["day", "snow"])
    several.decide("i0", labels=["day"], annotator="bob")
    found = several.export(tmp_path / "x.csv")
    written = pd.read_csv(tmp_path / "x.csv")
    assert (written["verdict"].tolist(), written["labels"].tolist()) == (["answer"], ['["day"]'])
    tied = found.lost.set_index("what").loc["label"]
    assert tied["n"] == 1
    assert "As many annotators gave it as didn't" in tied["why"]
    joined, = records(several)["i0"].answers
    assert joined.share == 0.5  # one of the two says exactly this
    assert several.consensus()["tied"].tolist() == [("snow",)]


def test_a_tie_without_an_agreed_label_is_unsure_since_no_label_would_be_an_answer(several):
    several.decide("i0", labels=["snow"])
    several.decide("i0", labels=[], annotator="bob")
    for annotator in ("ann", "bob"):
        several.decide("i1", labels=[], annotator=annotator)
    found = records(several)
    assert [(one.verdict, one.label_ids) for item in ("i0", "i1") for one in found[item].answers] == [
        ("unsure", None), ("answer", ())]


def test_a_choice_that_is_tied_is_counted_beside_an_agreed_label(tmp_path):
    taxonomy = hw.Taxonomy(["cat", "dog"], attributes=[hw.Attribute("side", choices=["left", "right"])])
    with hw.Workbench(tmp_path / "p", pool_of(), taxonomy, annotator="ann", holdout=0) as wb:
        for annotator, side in (("ann", "left"), ("bob", "right")):
            wb.decide("i0", label="cat", values={"side": side}, annotator=annotator)
        found = wb.export(tmp_path / "x.csv")
        assert lost(found)["value of an attribute"] == 1
        assert (wb.taxonomy.label("cat").id,) == records(wb)["i0"].answers[0].label_ids


def test_a_verdict_stands_over_a_single_answer(wb):
    wb.decide("i0", label="cat")
    wb.decide("i0", label="dog", annotator="bob")
    wb.decide("i0", label="dog", annotator="cleo")
    desk = wb.project.answers()
    assert records(wb)["i0"].answers[0].label_ids == (wb.taxonomy.label("dog").id,)
    assert desk.consensus()["label"].tolist() == ["dog"]


def test_only_what_stands_is_written_and_the_rest_is_counted(wb, tmp_path):
    first = wb.decide("i0", label="cat")
    wb.decide("i0", label="dog")
    gone = wb.decide("i1", label="dog")
    wb.retract(gone)
    found = wb.export(tmp_path / "x.jsonl")
    assert lost(found) == {"earlier answer": 2, "item": 7, "name of a person": 1}
    assert first.id not in (tmp_path / "x.jsonl").read_text()


def test_what_is_stored_while_it_is_written_is_not_in_it(wb):
    wb.decide("i0", label="cat")
    stream = ProjectRecords(wb.project, labels="annotations")
    before = list(stream)
    wb.decide("i0", label="dog")
    wb.decide("i1", label="dog")
    assert list(stream) == before


def test_importing_again_changes_nothing_also_after_a_revision(wb, tmp_path):
    wb.decide("i0", label="cat", certainty=4)
    path = tmp_path / "x.jsonl"
    wb.export(path, people="names")
    with hw.Workbench(tmp_path / "q", pool_of(), ["bird", "dog", "cat"], annotator="eve", holdout=0) as other:
        got = other.import_file(path)
        assert (got.n_new, got.n_known) == (1, 0)
        row = other.annotations().iloc[0]
        assert (row.annotator, row.label, row.certainty) == ("ann", "cat", 4)
        other.decide("i0", label="dog", annotator="ann")
        again = other.import_file(path)
        assert (again.n_new, again.n_known) == (0, 1)
        assert other.annotations()["label"].tolist() == ["dog"]


def test_labels_that_the_project_lacks_are_refused_renamed_or_added(wb, tmp_path):
    wb.decide("i0", label="cat")
    path = tmp_path / "x.jsonl"
    wb.export(path)
    with hw.Workbench(tmp_path / "q", pool_of(), ["Felis", "dog"], holdout=0) as other:
        with pytest.raises(UnknownLabel, match=r"bird, cat.*rename="):
            other.import_file(path)
        assert not len(other.annotations())
        with pytest.raises(BadInput, match="isn't a label of the file"):
            other.import_file(path, rename={"lion": "Felis"})
        got = other.import_file(path, rename={"cat": "Felis"})
        assert got.n_new == 1
        assert lost(got)["label of the taxonomy"] == 1  # bird, which nothing uses
        assert other.annotations()["label"].tolist() == ["Felis"]


def test_a_dry_run_of_an_import_stores_nothing_and_says_the_same(wb, tmp_path):
    wb.decide("i0", label="cat")
    wb.gold({"i1": "dog"})
    path = tmp_path / "x.jsonl"
    wb.export(path)
    with hw.Workbench(tmp_path / "q", pool_of(), ["cat", "dog", "bird"], holdout=0.5) as other:
        dry = other.import_file(path, dry_run=True)
        assert dry.n_new == 1
        assert not len(other.annotations())
        assert other.gold() == {}
        got = other.import_file(path)
        assert got.lost.equals(dry.lost)
        assert other.gold() == {"i1": "dog"}


def test_items_that_the_pool_lacks_are_counted(wb, tmp_path):
    wb.decide("i7", label="cat")
    wb.decide("i1", label="cat")
    path = tmp_path / "x.jsonl"
    wb.export(path)
    with hw.Workbench(tmp_path / "q", pool_of(4), ["cat", "dog", "bird"], holdout=0) as other:
        got = other.import_file(path)
    assert got.n_new == 1
    assert lost(got) == {"item": 1}


def test_a_project_of_a_file_says_what_the_first_said(wb, tmp_path):
    wb.decide("i0", label="cat", certainty=4, note="a\nb", flags=["bad_data"])
    wb.decide("i0", label="dog", annotator="bob")
    wb.decide("i1", "skip")
    wb.decide("i2", "unsure", label="dog")
    wb.gold({"i3": "bird"})
    wb.people.set(purpose="Cats & dogs.")
    path = tmp_path / "x.jsonl"
    wb.export(path, labels="annotations")
    with hw.Workbench.from_file(path, tmp_path / "q", images=pool_of(), holdout=0) as other:
        ours, theirs = ProjectRecords(wb.project, labels="annotations"), \
            ProjectRecords(other.project, labels="annotations")
        assert header_facts(ours.header.without("history")) == header_facts(theirs.header.without("history"))
        assert [facts(ours.header, one) for one in ours] == [facts(theirs.header, one) for one in theirs]


def test_objects_outside_of_their_image_are_cut_off_or_left_out_and_counted(tmp_path):
    with hw.Workbench(tmp_path / "p", pool_of(), ["cell"], task="boxes", holdout=0) as wb:
        wb.decide("i0", objects=[hw.Box(1, 1, 5, 5), hw.Box(2, 2, 8, 8, certainty=3)])
        wb.export(tmp_path / "x.jsonl")
    text = (tmp_path / "x.jsonl").read_text()
    (tmp_path / "y.jsonl").write_text(text.replace("[2.0,2.0,8.0,8.0]", "[2.0,2.0,9.5,8.0]")
                                      .replace("[1.0,1.0,5.0,5.0]", "[20.0,1.0,25.0,5.0]"))
    with hw.Workbench(tmp_path / "q", pool_of(), ["cell"], task="boxes", holdout=0) as other:
        got = other.import_file(tmp_path / "y.jsonl")
        assert lost(got)["part of an object"] == 1
        assert lost(got)["object"] == 1
        assert other.objects()[["x0", "y0", "x1", "y1", "certainty"]].values.tolist() == [[2, 2, 8, 8, 3]]
    (tmp_path / "z.jsonl").write_text(text.replace("[2.0,2.0,8.0,8.0]", "[22.0,2.0,28.0,8.0]")
                                      .replace("[1.0,1.0,5.0,5.0]", "[20.0,1.0,25.0,5.0]"))
    with hw.Workbench(tmp_path / "r", pool_of(), ["cell"], task="boxes", holdout=0) as other:
        got = other.import_file(tmp_path / "z.jsonl")
        assert (got.n_new, lost(got)["object"], lost(got)["answer"]) == (0, 2, 1)  # not that there is nothing


def test_labels_of_which_pandas_made_numbers_are_refused_with_the_remedy(tmp_path):
    with hw.Workbench(tmp_path / "p", pool_of(), ["0", "1"], holdout=0) as wb:
        wb.decide("i0", label="1")
        wb.decide("i1", verdict="unsure")
        wb.export(tmp_path / "x.csv")
        pd.read_csv(tmp_path / "x.csv").to_csv(tmp_path / "y.csv", index=False)
        with pytest.raises(BadInput, match=r"label '1\.0' isn't among .* dtype=\{'label': str\}"):
            wb.import_file(tmp_path / "y.csv")
        pd.read_csv(tmp_path / "x.csv", dtype={"label": str}).to_csv(tmp_path / "y.csv", index=False)
        assert wb.import_file(tmp_path / "y.csv").n_new == 0


def test_a_format_that_cannot_hold_a_task_names_those_that_can(wb, tmp_path):
    with pytest.raises(BadInput, match="format 'docx' is unknown; one of jsonl"):
        wb.export(tmp_path / "x", format="docx")
    with pytest.raises(BadInput, match="can't be told from its name"):
        wb.export(tmp_path / "x.docx")
    with pytest.raises(BadInput, match="Parquet is a folder here: name a folder, and pass format='parquet'"):
        wb.export(tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="colour= is no option"):
        wb.export(tmp_path / "x.jsonl", colour="red")
    with pytest.raises(BadInput, match="labels is 'votes'"):
        wb.export(tmp_path / "x.jsonl", labels="votes")


def test_predictions_travel_and_become_a_model(wb, tmp_path):
    wb.import_predictions(pd.DataFrame({"item_id": IDS, "cat": 0.7, "dog": 0.2, "bird": 0.1}), model="gpt-9")
    wb.decide("i0", label="cat")
    path = tmp_path / "x.jsonl"
    wb.export(path, predictions=True, unanswered=True)
    with hw.Workbench(tmp_path / "q", pool_of(), ["cat", "dog", "bird"], holdout=0) as other:
        got = other.import_file(path)
        assert got.n_new == 1
        assert set(other.predict()["label"]) == {"cat"}
        assert np.allclose(other.probs(), [0.7, 0.2, 0.1], atol=1e-6)


def test_an_answer_that_was_changed_in_another_tool_is_a_revision(wb, tmp_path):
    wb.decide("i0", label="cat", certainty=4)
    wb.decide("i1", label="cat")
    path = tmp_path / "x.jsonl"
    wb.export(path)
    cat, dog = (wb.taxonomy.label(name).id for name in ("cat", "dog"))
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(f'"label_ids":["{cat}"]', f'"label_ids":["{dog}"]').replace('["cat"]', '["dog"]')
    path.write_text("\n".join(lines) + "\n")
    got = wb.import_file(path)
    assert (got.n_new, got.n_known) == (1, 1)
    assert wb.annotations().set_index("item_id")["label"].to_dict() == {"i0": "dog", "i1": "cat"}
    assert len(wb.history().query("kind == 'decided'")) == 3
    again = wb.import_file(path)
    assert (again.n_new, again.n_known) == (0, 2)


def test_points_and_spans_outside_and_words_that_differ_are_counted(tmp_path):
    pool = hw.Pool.from_texts(["Anna lives in Rome.", "Rome"], ids=["a", "b"])
    with hw.Workbench(tmp_path / "p", pool, ["city"], task="spans", holdout=0) as wb:
        wb.decide("a", objects=[hw.Span(14, 18)])
        wb.decide("b", objects=[hw.Span(0, 4)])
        wb.export(tmp_path / "x.jsonl")
    other_pool = hw.Pool.from_texts(["Anna lives in Bern.", "Rom"], ids=["a", "b"])
    with hw.Workbench(tmp_path / "q", other_pool, ["city"], task="spans", holdout=0) as wb:
        got = wb.import_file(tmp_path / "x.jsonl")
        whys = set(got.lost[got.lost["what"] == "object"]["why"])
        assert whys == {"Its words aren't those of the text at its place.", "It lies outside of its item."}
        assert not len(wb.objects())


def photos_in(folder, names=("cat/holiday.png", "cat/i0.png")):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    return folder


@pytest.mark.parametrize("name", ["coco", "yolo", "image_folders", "parquet", "hugging_face"])
def test_a_folder_with_files_that_no_export_has_is_never_replaced(wb, tmp_path, name):
    wb = objects_of(tmp_path) if name in ("coco", "yolo") else wb
    wb.decide("i0", **({"objects": []} if name in ("coco", "yolo") else {"label": "cat"}))
    folder = photos_in(tmp_path / "photos")
    with pytest.raises(BadInput, match="holiday"):
        wb.export(folder, name, overwrite=True)
    assert sorted(one.name for one in folder.rglob("*.png")) == ["holiday.png", "i0.png"]
    (tmp_path / "out").mkdir()
    wb.export(tmp_path / "out", name)
    (tmp_path / "out" / "thesis.docx").write_text("mine")
    with pytest.raises(BadInput, match="thesis"):
        wb.export(tmp_path / "out", name, overwrite=True)
    assert (tmp_path / "out" / "thesis.docx").read_text() == "mine"


def objects_of(tmp_path):
    return hw.Workbench(tmp_path / "objects", pool_of(), ["cat"], task="boxes", annotator="ann", holdout=0)


def test_an_export_replaces_an_older_one_of_other_items_and_labels(wb, tmp_path):
    first = wb.decide("i0", label="cat")
    wb.export(tmp_path / "out", "image_folders")
    wb.retract(first.id)
    wb.decide("i1", label="dog")
    wb.export(tmp_path / "out", "image_folders", overwrite=True)
    assert [one.stem for one in (tmp_path / "out").rglob("*.png")] == ["i1"]


def test_neither_the_project_nor_the_files_of_its_pool_are_replaced(tmp_path):
    images = photos_in(tmp_path / "photos")
    with hw.Workbench(tmp_path / "photos" / "project", hw.Pool.from_images(images), ["cat", "dog"], holdout=0) as wb:
        item = str(wb.pool.ids[0])
        wb.decide(item, label="cat")
        for path, name in ((images, "image_folders"), (images / "cat", "image_folders"), (tmp_path, "parquet"),
                           (images / "project", "parquet"), (images / "project" / "log.db", "jsonl"),
                           (images / "cat" / "i0.png", "csv")):
            with pytest.raises(BadInput, match="would be lost"):
                wb.export(path, name, overwrite=True)
        wb.export(tmp_path / "a.jsonl")
        assert len(list(images.rglob("*.png"))) == 2
        assert len(wb.annotations()) == 1


def changed(wb, path, change):
    """An export of everybody's answers, with each line changed."""
    wb.export(path, "jsonl", labels="annotations", unanswered=True)
    head, *lines = path.read_text().splitlines()
    ids = {one["name"]: one["id"] for one in json.loads(head)["taxonomy"]["labels"]}
    bodies = [json.loads(line) for line in lines]
    for body in bodies:
        change(body, ids)
    path.write_text("\n".join([head, *map(json.dumps, bodies)]))
    return path


def test_a_file_never_replaces_known_answers_that_a_project_has(wb, tmp_path):
    wb.gold({"i0": "cat", "i1": "dog"})

    def otherwise(body, ids):
        if body["item_id"] in ("i0", "i2"):
            body["gold"] = {"label_ids": [ids["bird"]]}
    got = wb.import_file(changed(wb, tmp_path / "x.jsonl", otherwise))
    assert wb.gold() == {"i0": "cat", "i1": "dog", "i2": "bird"}
    assert got.n_gold == 1
    assert lost(got) == {"gold": 1}


@pytest.mark.parametrize("labels", [[], ["cat", "dog"]])
def test_gold_without_one_label_is_counted_and_the_rest_is_stored(wb, tmp_path, labels):
    def several(body, ids):
        body["gold"] = {"label_ids": [ids[one] for one in labels]}
    got = wb.import_file(changed(wb, tmp_path / "x.jsonl", several))
    assert wb.gold() == {}
    assert lost(got) == {"gold": 8}


def test_answers_in_place_of_others_are_counted_and_older_ones_replace_nothing(wb, tmp_path):
    for item in ("i0", "i1"):
        wb.decide(item, label="cat", annotator="eve")

    def answers(when):
        def change(body, ids):
            for one in body.get("answers", ()):
                one.pop("labels")
                one.pop("decision_id")
                one |= {"label_ids": [ids["dog"]], "acted_at": when}
        return change
    older = wb.import_file(changed(wb, tmp_path / "older.jsonl", answers("2020-01-01T00:00:00+00:00")))
    assert (older.n_new, older.n_revised, lost(older)) == (0, 0, {"answer": 2})
    assert set(wb.annotations()["label"]) == {"cat"}
    later = wb.import_file(changed(wb, tmp_path / "later.jsonl", answers("2100-01-01T00:00:00+00:00")))
    assert (later.n_new, later.n_revised) == (2, 2)
    assert "2 of them in place of an earlier one" in repr(later)
    assert "2 of them in place of what their annotator said before" in later.words
    assert set(wb.annotations()["label"]) == {"dog"}


def test_a_file_of_nobody_is_that_of_whoever_is_named_and_can_be_corrected(tmp_path):
    (tmp_path / "x.csv").write_text("item_id,text,label\na,buy now,spam\nb,see you,ham\n")
    with hw.Workbench.from_file(tmp_path / "x.csv", tmp_path / "p", annotator="ada", answers_by="ada",
                                holdout=0) as wb:
        wb.decide("a", label="ham")
        assert wb.consensus().set_index("item_id")["label"].to_dict() == {"a": "ham", "b": "ham"}
    with hw.Workbench.from_file(tmp_path / "x.csv", tmp_path / "q", annotator="ada", holdout=0) as wb:
        wb.decide("a", label="ham")
        assert set(wb.annotations()["annotator"]) == {"ada", "import"}


@pytest.mark.parametrize(("format", "cure"), [("image_folders", "format='csv'"),
                                              ("label_studio", "images='reference'")])
def test_an_image_that_cannot_be_copied_is_left_out_and_reported_with_its_reason(format, cure, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(5):
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / f"{n}.png")
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(folder), ["cat", "dog"], annotator="ann") as wb:
        for item_id in wb.pool.ids:
            wb.decide(item_id, label="cat")
        (folder / "1.png").write_bytes(b"no image")
        (folder / "3.png").unlink()
        looked = wb.export(tmp_path / "out", format, images="copy", dry_run=True)
        out = wb.export(tmp_path / "out", format, images="copy")
    pd.testing.assert_frame_equal(looked.lost, out.lost)
    assert (looked.n, out.n) == (3, 3)
    why = out.lost.loc[out.lost["what"] == "item", "why"].tolist()
    assert len(why) == 2
    for name, reason in zip(("1.png", "3.png"), sorted(why), strict=True):
        assert name in reason
        assert reason.startswith("Its image can't be copied: ")
        assert cure in reason
    assert sorted(Path(name).name for name in out.files if name.endswith(".png")) == ["0.png", "2.png", "4.png"]
    assert not list((tmp_path / "out").rglob(".next*"))


@pytest.mark.parametrize(("task", "shape"), [
    ("boxes", lambda **more: hw.Box(1, 2, 11, 12, "a", **more)),
    ("polygons", lambda **more: hw.Polygon([(1, 1), (9, 2), (2, 9)], "a", **more)),
    ("points", lambda **more: hw.Point(4, 5, "a", **more)), ("spans", lambda **more: hw.Span(0, 3, "a", **more))])
def test_another_certainty_or_unsure_of_an_object_is_a_new_answer_also_if_it_was_removed(task, shape, tmp_path):
    pool = hw.Pool.from_texts(["Ada met Grace."]) if task == "spans" else \
        hw.Pool.from_images(np.zeros((1, 20, 30), np.uint8))

    def opened(name: str) -> hw.Workbench:
        return hw.Workbench(tmp_path / name, pool, ["a"], task=task, holdout=0, annotator="ada", progress=False)

    def of_another_tool(file: Path) -> Path:
        """The same answer without an id, without what was seen, and without certainties and "unsure"."""
        header, record = map(json.loads, file.read_text().splitlines())
        for answer in record["answers"]:
            for name in ("decision_id", "seen"):
                answer.pop(name, None)
            for one in answer["objects"]:
                one.pop("certainty", None)
                one.pop("unsure", None)
        made = file.with_stem(f"{file.stem}_other")
        made.write_text("\n".join(map(json.dumps, (header, record))))
        return made
    files = []
    with opened("theirs") as theirs, opened("ours") as ours, opened("third") as third:
        for number, more in enumerate(({"certainty": 5}, {"certainty": 5, "unsure": True}, {"certainty": 1}, {})):
            theirs.decide(str(pool.ids[0]), objects=[shape(**more)])
            files.append(tmp_path / f"{number}.jsonl")
            theirs.export(files[-1], people="names")
        for file in files:
            got, again = ours.import_file(file), ours.import_file(file)
            assert (got.n_new, again.n_new, again.n_known) == (1, 0, 1)
            assert not len(got.lost)
            assert not len(again.lost)
        assert ours.objects()["certainty"].isna().tolist() == [True]
        last = list(ours.project.log.events(kind="decided"))[-1]
        assert [one.get("unsure", False) for one in last.body["objects"]] == [False]
        for file in files[:2]:
            third.import_file(file)
        got = third.import_file(of_another_tool(files[1]))
        assert (got.n_new, got.n_known) == (0, 1)
        assert lost(got) == {"certainty of an object": 1, "object that somebody was unsure of": 1}
        assert all("own stays" in why for why in got.lost["why"])


def test_a_certainty_note_or_flag_that_was_removed_is_a_new_answer(wb, tmp_path):
    files = []
    whole = {"certainty": 3, "note": "an ear", "flags": ["second_look"]}
    for number, more in enumerate((whole, {"note": "an ear"}, {})):
        wb.decide("i0", label="cat", **more)
        files.append(tmp_path / f"{number}.jsonl")
        wb.export(files[-1], people="names")
    with hw.Workbench(tmp_path / "q", pool_of(), ["cat", "dog", "bird"], annotator="ann", holdout=0) as other:
        for file in files:
            got, again = other.import_file(file), other.import_file(file)
            assert (got.n_new, again.n_new, again.n_known) == (1, 0, 1)
        row = other.annotations().iloc[0]
        assert pd.isna(row["certainty"])
        assert pd.isna(row["note"])


def test_two_answers_of_one_person_in_a_file_are_refused_also_if_only_their_certainty_differs(wb, tmp_path):
    wb.decide("i0", label="cat", certainty=3)

    def twice(body, ids):
        for one in list(body.get("answers", ())):
            body["answers"].append({**one, "certainty": 8, "decision_id": None})
    file = changed(wb, tmp_path / "x.jsonl", twice)
    with hw.Workbench(tmp_path / "q", pool_of(), wb.taxonomy.names, annotator="ann", holdout=0) as other:
        with pytest.raises(BadInput, match=r"'i0' has two answers of '.*' in the file that differ in more than"):
            other.import_file(file)
        assert not len(other.annotations())


def test_a_suggestion_and_proposals_whose_label_the_project_does_not_have_are_counted(wb, tmp_path):
    wb.decide("i0", label="cat")
    box = {"id": "o1", "kind": "box", "at": [1, 1, 5, 5], "label_id": "gone", "score": .9}
    with hw.Workbench(tmp_path / "boxes", pool_of(), ["cat"], task="boxes", holdout=0, annotator="ann") as boxes:
        boxes.decide("i0", objects=[hw.Box(1, 1, 5, 5, "cat")])
        for one, shown, expected in (
                (wb, {"suggestion": "gone"}, {"suggestion that was shown": 1}),
                (boxes, {"objects": [box], "withheld": [{**box, "id": "o2", "p": .05}]},
                 {"proposal that was shown": 1, "proposal that was withheld": 1})):
            def seen(body, ids, shown=shown):
                for answer in body.get("answers", ()):
                    answer["seen"] |= shown
            file = changed(one, tmp_path / f"{one.project.task}.jsonl", seen)
            with hw.Workbench(tmp_path / f"{one.project.task} q", pool_of(), one.taxonomy.names, holdout=0,
                              task=one.project.task, annotator="ann") as other:
                got = other.import_file(file)
                assert got.n_new == 1
                assert lost(got) == expected
                assert lost(other.import_file(file)) == expected
