"""Label Studio's JSON, both ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange.forged import forged
from exchange.labelled_records import headers, records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.files import Source, Target
from hitl_widgets.exchange.format import Contents, Format
from hitl_widgets.exchange.formats.label_studio import FORMAT
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction, facts, header_facts
from hitl_widgets.records import TASKS, ObjectAnswer
from hitl_widgets.taxonomy.attributes import Attribute
from hitl_widgets.taxonomy.labels import Taxonomy

OPTIONS = {"control": None, "offsets": None, "image_prefix": ""}


def written(folder: Path, header: Header, records: list[ItemRecord], form: Format = FORMAT) -> Path:
    """Write records into a new place of a folder."""
    path = folder / f"out-{sum(1 for _ in folder.iterdir())}"
    if form.folder:
        path.mkdir()
    form.write(header, iter(records), Target(path, folder=form.folder), form.options)
    return path


def read(path: Path, **options: Any) -> tuple[Contents, list[ItemRecord]]:
    """Read a file or folder, and all its records."""
    assert FORMAT.read is not None
    contents = FORMAT.read(Source(path), {**OPTIONS, **options})
    return contents, list(contents.records)


def foreign(folder: Path, tasks: Any, config: str | None = None, **options: Any) -> tuple[Contents, list[ItemRecord]]:
    """Read what somebody else wrote."""
    (folder / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    if config is not None:
        (folder / "config.xml").write_text(config, encoding="utf-8")
    return read(folder, **options)


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_what_is_written_is_read_again(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trips")

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        header = data.draw(headers((task,)))
        given = [data.draw(records(header, f"item {n}")) for n in range(2)]
        kept = [one for record in given if (one := FORMAT.reduce(header, record, OPTIONS)) is not None]
        assert [facts(header, one) for one in kept] == [facts(header, one) for one in given], "nothing has to be lost"
        path = written(folder, header, kept)
        contents, back = read(path)
        assert header_facts(contents.header) == header_facts(header)
        for one, other in zip(kept, back, strict=True):
            assert facts(contents.header, other) == facts(header, one)
        assert len(contents.lost) == 0
        again = written(folder, header, kept)
        assert [(again / name).read_bytes() for name in ("tasks.json", "config.xml", "hitl.json")] == \
            [(path / name).read_bytes() for name in ("tasks.json", "config.xml", "hitl.json")]
    check()


# -- what Label Studio gets ----------------------------------------------------------------------------------

def test_places_are_in_percent_and_label_studio_has_its_own_names_for_what_it_knows(tmp_path):
    header = Header("boxes", "image", Taxonomy(["RBC"]))
    (label_id,) = header.taxonomy.label_ids
    box = ObjectAnswer("o1", "box", (10, 20, 30, 60), label_id, "RBC", certainty=7.0, origin="model", act="moved")
    record = ItemRecord("a", "a.png", (100, 200), answers=(
        Answer("Ada", objects=(box,), seen={"shown_ms": 1500}), Answer("Ben", "skip")))
    (task,) = json.loads((written(tmp_path, header, [record]) / "tasks.json").read_text())
    assert task["data"] == {"image": "a.png", "item_id": "a"}
    (result,) = task["annotations"][0]["result"]
    assert result["value"] == {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["RBC"]}
    assert (result["original_width"], result["original_height"], result["image_rotation"]) == (100, 200, 0)
    assert (result["type"], result["origin"]) == ("rectanglelabels", "prediction-changed")
    assert result["meta"]["hitl"]["object"]["certainty"] == 7
    assert result["meta"]["hitl"]["answer"]["annotator"] == "Ada"
    assert task["annotations"][0]["lead_time"] == 1.5
    # Label Studio refuses a file with people whom it doesn't know, and takes what doesn't say so for ground truth.
    assert [("completed_by" in one, one["ground_truth"], one["was_cancelled"]) for one in task["annotations"]] == \
        [(False, False, False), (False, False, True)]


def test_a_span_counts_characters_and_has_its_quote(tmp_path):
    header = Header("spans", "text", Taxonomy(["city"]))
    span = ObjectAnswer("s", "span", (5, 9), header.taxonomy.label_ids[0], "city")
    record = ItemRecord("a", size=(9, 1), text="In 🏙 Rome", answers=(Answer("Ada", objects=(span,)),))
    (task,) = json.loads((written(tmp_path, header, [record]) / "tasks.json").read_text(encoding="utf-8"))
    assert task["annotations"][0]["result"][0]["value"] == {"start": 5, "end": 9, "text": "Rome", "labels": ["city"]}


def test_the_interface_asks_what_the_project_asks(tmp_path):
    taxonomy = Taxonomy({"$5": "a note", "a, \"b\" <&>": ""}, attributes=[
        Attribute("stars", scale=(1, 5)), Attribute("blur", scale=(0, 10)),
        Attribute("view", choices=["front", "side"])])
    root = Source(written(tmp_path, Header("multilabel", "image", taxonomy), [])).xml("config.xml")
    (image,), (labels, view) = root.findall("Image"), root.findall("Choices")
    assert image.get("value") == "$image"
    assert (labels.get("toName"), labels.get("choice")) == ("image", "multiple")
    # A name that begins like a column of the data is an alias.
    assert [(one.get("alias"), one.get("value")) for one in labels] == [("$5", "＄5"), (None, 'a, "b" <&>')]
    assert labels[0].get("hint") == "a note"
    assert root.find("Rating").get("maxRating") == "5"  # type: ignore[union-attr]
    number = root.find("Number")
    assert number is not None
    assert (number.get("name"), number.get("min"), number.get("max"), number.get("step")) == ("blur", "0", "10", "1")
    assert [one.get("value") for one in view] == ["front", "side"]


# -- files of others -----------------------------------------------------------------------------------------

def rectangle(x: float = 10, **more: Any) -> dict[str, Any]:
    """A result as Label Studio's page writes it."""
    return {"id": "Dx_aB1", "from_name": "tag", "to_name": "img", "type": "rectanglelabels", "origin": "manual",
            "original_width": 200, "original_height": 100, "image_rotation": 0,
            "value": {"x": x, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["car"]}, **more}


def annotated(*results: Any, data: Any = None, **more: Any) -> dict[str, Any]:
    """A task as Label Studio exports it."""
    return {"id": 7, "inner_id": 1, "project": 3, "total_annotations": 1, "drafts": [], "meta": {}, "predictions": [],
            "data": data or {"img": "/data/upload/3/1a2b3c4d-street%20one.png"}, "updated_by": 1, "comment_authors": [],
            "annotations": [{"id": 9, "completed_by": {"id": 1, "email": "ada@example.org", "first_name": "Ada",
                                                       "last_name": ""},
                             "result": list(results), "was_cancelled": False, "ground_truth": False,
                             "created_at": "2026-02-03T10:00:00.5Z", "updated_at": "2026-02-03T11:00:00Z",
                             "lead_time": 12.5, "prediction": {}, "unique_id": "c0ffee", "result_count": 0, **more}]}


def test_an_annotation_of_which_no_region_can_be_read_does_not_say_that_there_is_nothing(tmp_path):
    flat = rectangle(value={"x": 10, "y": 20, "width": 0, "height": 40, "rotation": 0, "rectanglelabels": ["car"]})
    contents, (record,) = foreign(tmp_path, [annotated(flat)])
    assert (record.answers, contents.lost.counts().get("answer")) == ((), 1)
    _, (record,) = foreign(tmp_path, [annotated(flat, rectangle())])
    assert len(record.answers[0].objects) == 1


def test_an_export_without_an_interface_is_read(tmp_path):
    contents, (record,) = foreign(tmp_path, [annotated(rectangle())])
    assert (contents.header.task, contents.header.kind, contents.header.taxonomy.names) == ("boxes", "image", ("car",))
    assert (record.item_id, record.size) == ("1a2b3c4d-street one.png", (200, 100))
    (answer,) = record.answers
    assert (answer.annotator, answer.verdict, answer.seen) == ("ada@example.org", "answer", {"shown_ms": 12500})
    assert answer.acted_at is not None
    assert answer.acted_at.isoformat() == "2026-02-03T11:00:00+00:00"
    assert answer.objects is not None
    assert [(one.at, one.label) for one in answer.objects] == [((20.0, 20.0, 80.0, 60.0), "car")]
    assert contents.lost.counts() == {}


def test_everything_that_has_no_place_is_counted(tmp_path):
    brush = rectangle(type="brushlabels", value={"format": "rle", "rle": [1, 2], "brushlabels": ["car"]})
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    noted = rectangle(meta={"text": ["look here"]})
    written_text = {"id": "t", "from_name": "why", "to_name": "img", "type": "textarea", "value": {"text": ["no idea"]}}
    of_region = {**rectangle(), "from_name": "colour", "type": "choices",
                 "value": {**rectangle()["value"], "choices": ["red"]}}
    two = rectangle(50, value={**rectangle()["value"], "rectanglelabels": ["car", "bus"]})
    turned = rectangle(value={**rectangle()["value"], "x": 40, "rotation": 90})
    task = annotated(brush, relation, noted, written_text, of_region, two, turned)
    task["drafts"] = [{"result": []}]
    contents, (record,) = foreign(tmp_path, [task])
    assert contents.lost.counts() == {
        "a brush": 1, "relation between objects": 1, "comment on an object": 1, "text that was written": 1,
        "value of an object's attribute": 1, "second label of an object": 1, "rotation of a box": 1, "draft": 1}
    # Turned by a quarter around its corner at the top left, a box of 60 x 40 pixels is one of 40 x 60 left of it.
    assert record.answers[0].objects is not None
    assert record.answers[0].objects[-1].at == (40.0, 20.0, 80.0, 80.0)


CONFIG = """<View><Image name="img" value="$url"/>
<Choices name="weather" toName="img"><Choice value="sun" alias="s"/><Choice value="rain"/></Choices>
<RectangleLabels name="tag" toName="img"><Label value="car" background="#ff0000"/><Label value="bus"/></RectangleLabels>
<Rating name="how" toName="img" maxRating="7"/></View>"""


def test_of_several_controls_the_one_of_objects_gives_the_labels_and_the_others_attributes(tmp_path):
    weather = {"from_name": "weather", "to_name": "img", "type": "choices", "id": "w", "value": {"choices": ["s"]}}
    how = {"from_name": "how", "to_name": "img", "type": "rating", "id": "h", "value": {"rating": 6}}
    tasks = [annotated(rectangle(), weather, how, data={"url": "s3://bucket/x/a.png", "place": "Köln"})]
    contents, (record,) = foreign(tmp_path, tasks, CONFIG)
    taxonomy = contents.header.taxonomy
    assert taxonomy.names == ("car", "bus")
    assert taxonomy.label("car").colour == "#ff0000"
    assert [(one.name, one.choices or one.scale) for one in taxonomy.attributes] == \
        [("weather", ("s", "rain")), ("how", (1, 7))]
    assert sorted(map(str, record.answers[0].values.values())) == ["6", "s"]
    assert (record.item_id, record.metadata) == ("a.png", {"place": "Köln"})
    contents, (record,) = read(tmp_path, control="weather")
    assert (contents.header.task, contents.header.taxonomy.names) == ("classify", ("s", "rain"))
    assert contents.lost.counts() == {"object": 1}


def test_nested_choices_are_a_hierarchy(tmp_path):
    def chosen(*path: str) -> dict[str, Any]:
        return annotated({"from_name": "k", "to_name": "t", "type": "taxonomy", "id": "x",
                          "value": {"taxonomy": [list(path)]}}, data={"t": "a text"})
    contents, records = foreign(tmp_path, [chosen("hat", "Boot"), {**chosen("shoe", "Boot"), "id": 8}])
    assert contents.header.taxonomy.names == ("hat / Boot", "shoe / Boot")
    assert [[contents.header.taxonomy.path(label_id) for label_id in one.answers[0].label_ids or ()]
            for one in records] == [["hat / Boot"], ["shoe / Boot"]]


TEXT = "👩🏽\u200d🚀 met\nBob in 🏛 Rome, Rome"


@pytest.mark.parametrize("unit", ["characters", "utf16"])
def test_quotes_tell_what_offsets_count(unit, tmp_path):
    def span(start: int, end: int, **more: Any) -> dict[str, Any]:
        shift = len(TEXT[:start].encode("utf-16-le")) // 2, len(TEXT[:end].encode("utf-16-le")) // 2
        start, end = (start, end) if unit == "characters" else shift
        return {"from_name": "l", "to_name": "t", "type": "labels", "id": f"s{start}",
                "value": {"start": start, "end": end, "labels": ["x"], **more}}
    bob, rome = TEXT.index("Bob"), TEXT.index("Rome")
    spans = [span(0, 4, text=TEXT[:4]), span(bob - 4, bob + 3, text="met\\nBob"), span(rome, rome + 4)]
    contents, (record,) = foreign(tmp_path, [annotated(*spans, data={"t": TEXT})])
    assert record.answers[0].objects is not None
    assert [one.quote for one in record.answers[0].objects] == [TEXT[:4], "met\nBob", "Rome"]
    assert contents.lost.counts() == {}


def test_offsets_that_nothing_tells_are_counted(tmp_path):
    def span(start: int, end: int, **more: Any) -> dict[str, Any]:
        return {"from_name": "l", "to_name": "t", "type": "labels", "id": f"s{start}",
                "value": {"start": start, "end": end, "labels": ["x"], **more}}
    tasks = [annotated(span(8, 11), span(1, 2, text="Bob"), span(3, 9, text="nowhere"), span(50, 60),
                       data={"t": TEXT})]
    contents, (record,) = foreign(tmp_path, tasks)
    assert record.answers[0].objects is not None
    assert [one.quote for one in record.answers[0].objects] == [TEXT[8:11], "Bob"]
    assert contents.lost.counts() == {"offsets of a span": 2, "object": 2}
    contents, (record,) = read(tmp_path, offsets="utf16")
    assert record.answers[0].objects is not None
    assert record.answers[0].objects[0].quote == TEXT[5:8]
    with pytest.raises(BadInput, match="offsets is 'bytes'"):
        read(tmp_path, offsets="bytes")


def test_json_min_is_read(tmp_path):
    box = {**rectangle()["value"], "original_width": 200, "original_height": 100}
    entries = [{"img": "/data/local-files/?d=a/b%20c.png", "id": 4, "tag": [box], "weather": "rain", "annotator": 2,
                "annotation_id": 5, "created_at": "2026-02-03T10:00:00Z", "updated_at": None, "lead_time": 2.0}] * 2
    path = tmp_path / "min.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(entries).encode())
    contents, (record,) = read(path)
    assert (contents.header.task, record.item_id) == ("boxes", "a/b c.png")
    assert [one.annotator for one in record.answers] == ["user 2", "user 2"], "two answers to one item"
    assert record.answers[0].objects is not None
    assert record.answers[0].objects[0].at == (20.0, 20.0, 80.0, 60.0)


def test_predictions_and_ground_truth_of_others_are_read(tmp_path):
    def chosen(name: str) -> dict[str, Any]:
        return {"from_name": "k", "to_name": "t", "type": "choices", "id": "x", "value": {"choices": [name]}}
    task = annotated(chosen("spam"), ground_truth=True, data={"t": "buy now"})
    task["predictions"] = [{"result": [chosen("ham")], "score": 0.75}, {"result": [chosen("ham")], "model_version": 3}]
    contents, (record,) = foreign(tmp_path, [task, {**annotated(was_cancelled=True, data={"t": "x"}), "id": 2}][:1])
    names = contents.header.names
    assert record.gold_ids == record.answers[0].label_ids
    assert [(one.model, {names[key]: p for key, p in one.probs.items()}) for one in record.predictions] == \
        [("undefined", {"ham": 0.75}), ("3", {})]
    assert contents.lost.counts() == {"prediction": 1}


# -- files that can't be right -------------------------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("own", [True, False])
def test_a_forged_file_is_read_or_refused_with_its_place(own, tmp_path):
    header = Header("boxes", "image", Taxonomy(["car"], attributes=[Attribute("how", scale=(1, 5))]))
    (label_id,), (how,) = header.taxonomy.label_ids, header.taxonomy.attributes
    box = ObjectAnswer("o", "box", (1, 2, 3, 4), label_id, "car", certainty=3.0, score=0.5)
    record = ItemRecord("a", "a.png", (9, 9), split="train", metadata={"x": 1}, answers=(
        Answer("Ada", certainty=2.0, note="n", flags=("ethics",), objects=(box,), values={how.id: 3},
               seen={"shown_ms": 3.0}, votes=(Answer("Ben", objects=(box,)),), share=1.0),),
        predictions=(Prediction("m", objects=(box,)),))
    if own:
        path = written(tmp_path, header, [record])
    else:
        path = tmp_path / "theirs"
        path.mkdir()
        task = annotated(rectangle(), {"from_name": "how", "to_name": "img", "type": "rating", "id": "h",
                                       "value": {"rating": 4}})
        task["predictions"] = [{"model_version": "1", "score": 0.5, "result": [rectangle(score=0.5)]}]
        (path / "tasks.json").write_text(json.dumps([task]))
        (path / "config.xml").write_text(CONFIG.replace("$url", "$img"))
    tasks = json.loads((path / "tasks.json").read_text())
    assert refusals(path, "tasks.json", tasks) > 100
    if own:
        (path / "tasks.json").write_text(json.dumps(tasks))
        assert refusals(path, "hitl.json", json.loads((path / "hitl.json").read_text())) > 100


def refusals(path: Path, name: str, sound: Any) -> int:
    """How often a file is refused that has an odd value at some place; always with its path."""
    n = 0
    for where, odd, changed in forged(sound):
        (path / name).write_text(json.dumps(changed))
        message = None
        try:
            read(path)
        except BadInput as error:
            message = str(error)
        n += message is not None
        assert message is None or str(path) in message, (where, odd, message)
    return n


def test_a_wrong_number_is_named_with_its_task_and_key(tmp_path):
    wrong = rectangle(value={**rectangle()["value"], "width": "wide"})
    with pytest.raises(BadInput, match=r"tasks\.json\[1\]\.annotations\[0\]\.result\[0\]\.value.*'wide'.*number"):
        foreign(tmp_path, [annotated(rectangle()), {**annotated(wrong), "id": 8}])


def test_what_is_no_export_is_refused_in_words(tmp_path):
    with pytest.raises(BadInput, match="is no list of tasks"):
        foreign(tmp_path, {"images": []})
    with pytest.raises(BadInput, match="there is nothing to read"):
        foreign(tmp_path, [{"data": {"text": "x"}}])
    with pytest.raises(BadInput, match="control='x' is no control here"):
        foreign(tmp_path, [annotated(rectangle())], control="x")
    assert [one.answers for one in foreign(tmp_path, [{"data": {"url": "a.png"}}], CONFIG)[1]] == [()]


def test_images_that_lie_in_the_folder_are_found_there_and_nothing_outside(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a~20b.png").touch()
    tasks = [annotated(rectangle(), data={"img": "images/a~20b.png", "item_id": "a b"}),
             {**annotated(rectangle(), data={"img": "../../etc/passwd"}), "id": 8}]
    contents, found = foreign(tmp_path, tasks)
    assert [one.item_id for one in found] == ["a b", "../../etc/passwd"]
    assert contents.images == {"a b": "images/a~20b.png"}


def test_a_project_goes_to_label_studio_and_becomes_another_one(tmp_path):
    pool = hw.Pool.from_images(np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8), ids=["one 1", "two", "three"])
    with hw.Workbench(tmp_path / "first", pool, ["cat", "dog"], holdout=0, annotator="Ada", progress=False) as wb:
        wb.decide("one 1", label="cat", certainty=7.0, note="odd 🤔")
        wb.decide("two", "skip")
        assert wb.export(tmp_path / "out", "label_studio", "annotations", images="copy", unanswered=True,
                         people="names").lost.empty
        before = wb.annotations()
    with hw.Workbench.from_file(tmp_path / "out", tmp_path / "second", "label_studio", holdout=0, progress=False) as wb:
        assert sorted(wb.pool.ids) == ["one 1", "three", "two"]
        assert (wb.pool["one 1"].image == pool["one 1"].image).all()
        columns = ["item_id", "annotator", "label", "verdict", "certainty", "note", "acted_at"]
        assert wb.annotations()[columns].equals(before[columns])


@pytest.mark.parametrize("task", ["spans", "multilabel"])
def test_an_answer_that_nothing_is_there_is_read_from_the_tasks_alone(task, tmp_path):
    pool = hw.Pool.from_texts(["Ada met Bob", "Rome", "Oslo"], ids=["a", "b", "c"])
    with hw.Workbench(tmp_path / "first", pool, ["place", "person"], task=task, holdout=0, annotator="Ada",
                      progress=False) as wb:
        if task == "spans":
            wb.decide("a", objects=[hw.Span(0, 3, label="person")])
            wb.decide("b", objects=[])
        else:
            wb.decide("a", labels=["person"])
            wb.decide("b", labels=[])
        wb.decide("c", "skip")
        wb.export(tmp_path / "out", "label_studio", "annotations", people="names")
        columns = ["item_id", "annotator", "verdict", "label"]
        before = wb.annotations()[columns]
        alone = (tmp_path / "out" / "tasks.json").rename(tmp_path / "project-1.json")
        again = wb.import_file(alone, "label_studio")
        assert (again.n_new, again.n_known) == (0, 3)
        assert "answer" not in set(again.lost["what"])
    with hw.Workbench.from_file(alone, tmp_path / "second", "label_studio", holdout=0, progress=False) as wb:
        assert wb.annotations()[columns].equals(before)
        if task == "spans":
            assert wb.objects()["item_id"].tolist() == ["a"]


def test_an_answer_of_ours_whose_regions_cannot_be_read_does_not_say_that_there_is_nothing(tmp_path):
    said = {"hitl": {"answer": {"annotator": "ada", "verdict": "answer"}}}
    flat = rectangle(value={"x": 10, "y": 20, "width": 0, "height": 40, "rotation": 0, "rectanglelabels": ["car"]},
                     meta=said)
    contents, (record,) = foreign(tmp_path, [annotated(flat)])
    assert (record.answers, contents.lost.counts().get("answer")) == ((), 1)
    _, (record,) = foreign(tmp_path, [annotated(flat, rectangle())])
    assert [(one.annotator, len(one.objects or ())) for one in record.answers] == [("ada", 1)]


def test_an_annotation_without_regions_is_of_the_person_whom_label_studio_names(tmp_path):
    empty = annotated(data={"img": "two.png"}) | {"id": 8}
    _, (_, record) = foreign(tmp_path, [annotated(rectangle()), empty])
    assert [(one.annotator, one.verdict, one.objects) for one in record.answers] == [("ada@example.org", "answer", ())]
