"""People in exports: by pseudonym unless their names are asked for, and understood when they come back."""

from __future__ import annotations

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.registry import available, find_format
from hitl_widgets.project.names import pseudonyms


def pool_of():
    rng = np.random.default_rng(0)
    return hw.Pool.from_images(rng.integers(0, 256, (6, 8, 8, 3), np.uint8), ids=[f"i{n}" for n in range(6)])


@pytest.fixture
def wb(tmp_path):
    with hw.Workbench(tmp_path / "p", pool_of(), ["cat", "dog", "bird"], annotator="Annabel", holdout=0,
                      purpose="for Bartholomew", progress=False) as wb:
        wb.decide("i0", label="cat", note="ask Bartholomew, not Annabelle")
        wb.decide("i0", label="cat", annotator="Bartholomew")
        wb.decide("i1", label="dog", annotator="Bartholomew", certainty=7)
        wb.apply(hw.edits.add("fox"), why="Bartholomew saw one")
        yield wb


def everything_in(path):
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    found = b"".join(file.name.encode() + file.read_bytes() for file in files)
    for file in files:
        if file.suffix == ".parquet":  # compressed
            pq = pytest.importorskip("pyarrow.parquet")
            table = pq.read_table(file)
            found += f"{table.schema.metadata}{table.to_pylist()}".encode()
    return found


@pytest.mark.parametrize("name", [name for name in available() if "classify" in find_format(name).tasks
                                  and "image" in find_format(name).kinds])
@pytest.mark.parametrize("labels", ["consensus", "annotations"])
def test_no_format_has_a_name_unless_it_is_asked_for(name, labels, wb, tmp_path):
    found = wb.export(tmp_path / "out", name, labels)
    assert dict(zip(found.lost["what"], found.lost["n"], strict=True))["name of a person"] == 2
    assert b"Bartholomew" not in everything_in(tmp_path / "out")
    assert b"Annabel" not in everything_in(tmp_path / "out").replace(b"Annabelle", b"")


def test_names_are_written_where_they_are_asked_for(wb, tmp_path):
    found = wb.export(tmp_path / "x.jsonl", labels="annotations", people="names")
    assert "name of a person" not in set(found.lost["what"])
    assert "ask Bartholomew, not Annabelle" in (tmp_path / "x.jsonl").read_text()
    with pytest.raises(BadInput, match="'pseudonyms' or 'names'"):
        wb.export(tmp_path / "y.jsonl", people="nobody")


def test_the_report_says_how_many_people_and_how_to_get_their_names(wb, tmp_path, capsys):
    wb.export(tmp_path / "x.jsonl", dry_run=True)
    said = capsys.readouterr().out
    assert "2 x name of a person: They appear by pseudonym; people='names' writes them." in said
    assert "1 x name in a note" in said


@pytest.mark.parametrize("name", ["jsonl", "csv", "doccano", "prodigy"])
def test_a_file_with_pseudonyms_is_about_the_same_people_when_it_comes_back(name, wb, tmp_path):
    task = find_format(name).tasks
    if "classify" not in task or "image" not in find_format(name).kinds:
        pytest.skip("not for this task")
    wb.export(tmp_path / f"x{find_format(name).suffixes[0]}", name, "annotations")
    got = wb.import_file(tmp_path / f"x{find_format(name).suffixes[0]}", name)
    assert (got.n_new, got.n_known) == (0, 3)


def test_in_another_project_people_keep_their_pseudonyms_also_when_they_leave_it_again(wb, tmp_path):
    wb.export(tmp_path / "x.jsonl", labels="annotations")
    called = pseudonyms(wb.project)
    with hw.Workbench(tmp_path / "q", pool_of(), ["cat", "dog", "bird", "fox"], annotator="eve", holdout=0,
                      progress=False) as other:
        other.import_file(tmp_path / "x.jsonl")
        assert set(other.annotations()["annotator"]) == {called["Annabel"], called["Bartholomew"]}
        assert set(other.people()["annotator"]) == {called["Annabel"], called["Bartholomew"]}
        other.export(tmp_path / "y.jsonl", labels="annotations")
        assert called["Annabel"] in (tmp_path / "y.jsonl").read_text()


def test_pseudonyms_are_stable_and_cannot_be_made_from_an_export(wb, tmp_path):
    called = pseudonyms(wb.project)
    wb.decide("i2", label="dog", annotator="Cleopatra")
    assert {name: pseudonyms(wb.project)[name] for name in called} == called
    wb.export(tmp_path / "x.jsonl", labels="annotations")
    written = (tmp_path / "x.jsonl").read_text()
    assert wb.project.id not in written  # what they are made with, beside the name
    assert wb.project.settings["key"] not in written


def test_answers_come_in_an_order_that_does_not_tell_names(wb, tmp_path):
    for name in ("Aaron", "Zoe", "Mia", "Noah"):
        wb.decide("i0", label="cat", annotator=name)
    from hitl_widgets.exchange.project_records import ProjectRecords
    [first, *_] = ProjectRecords(wb.project, labels="annotations")
    names = [answer.annotator for answer in first.answers]
    assert names == sorted(names)
    assert all(name.startswith("person ") for name in names)
