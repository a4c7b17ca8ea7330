"""JSON Lines of this package: everything comes back, and files of others are read within bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import whole_records as made
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats.jsonl import FORMAT
from hitl_widgets.exchange.records import ItemRecord
from hitl_widgets.records import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_every_field_of_every_task_comes_back(task: str, tmp_path: Path) -> None:
    made.check_every_field_comes_back(FORMAT, task, tmp_path)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(data=st.data(), task=st.sampled_from(TASKS))
def test_any_texts_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, task: str) -> None:
    made.check_any_texts_come_back(FORMAT, task, data, tmp_path_factory.mktemp("a") / "a.jsonl")


def test_half_a_character_comes_back(tmp_path: Path) -> None:
    records = [ItemRecord("a", metadata={"name": "\udcff.png", "é": 1})]
    assert made.read(FORMAT, made.written(FORMAT, made.header(), records, tmp_path / "a.jsonl"))[1] == records


def test_a_value_that_json_has_no_form_for_is_refused_with_its_item(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="item 'a' can't be written as JSON"):
        made.written(FORMAT, made.header(), [ItemRecord("a", metadata={"n": float("nan")})], tmp_path / "a.jsonl")


def _file(tmp_path: Path, change: dict[str, Any] | None = None, *, header: dict[str, Any] | None = None) -> Path:
    """A file of two records, the second of which, or its header, is changed."""
    path = made.written(FORMAT, made.header(), [ItemRecord("a"), ItemRecord("b", answers=(made.answer("classify"),))],
                        tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines[0] |= header or {}
    for name, value in (change or {}).items():
        (lines[2]["answers"][0] if name.startswith("answer.") else lines[2])[name.removeprefix("answer.")] = value
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


def test_a_file_made_by_hand_needs_names_alone(tmp_path: Path) -> None:
    path = _file(tmp_path, {"answer.label_ids": None, "answer.labels": ["animal / cat"]})
    assert made.read(FORMAT, path)[1][1].answers[0].label_ids == ("Lcat",)


def test_unknown_fields_are_counted(tmp_path: Path) -> None:
    contents, _ = made.read(FORMAT, _file(tmp_path, {"colour": 1, "answer.mood": "good"}))
    assert contents.lost.counts() == {"unknown field colour": 1, "unknown field mood": 1}


@pytest.mark.parametrize("change", [
    {"item_id": 3}, {"item_id": ""}, {"item_id": "a"}, {"size": [3]}, {"size": [-1, 1]}, {"size": "ab"},
    {"split": "dev"}, {"split": []}, {"text": 1}, {"metadata": []}, {"gold": []}, {"gold": {"label_ids": ["nobody"]}},
    {"gold": {"labels": "cat"}}, {"gold": {"values": {"a": []}}}, {"answers": {}}, {"answers": [3]}, {"predictions": 1},
    {"predictions": [{}]}, {"predictions": [{"model": "m", "probs": {"Lcat": 2}}]},
    {"predictions": [{"model": "m", "probs": {"nobody": 1}}]}, {"answer.annotator": ""}, {"answer.annotator": None},
    {"answer.verdict": "yes"}, {"answer.verdict": []}, {"answer.label_ids": ["nobody"]}, {"answer.label_ids": "Lcat"},
    {"answer.labels": ["NA"]}, {"answer.certainty": 11}, {"answer.certainty": "high"}, {"answer.certainty_source": "x"},
    {"answer.flags": ["odd"]}, {"answer.flags": 1}, {"answer.flags": [[]]}, {"answer.note": 1},
    {"answer.note": "x" * 10_001},
    {"answer.acted_at": "soon"}, {"answer.acted_at": "2026-01-01T00:00:00"}, {"answer.acted_at": 7},
    {"answer.acted_at": "0001-01-01T00:00:00+12:00"}, {"answer.status": "odd"}, {"answer.values": [1]},
    {"answer.objects": [{}]}, {"answer.objects": "x"}, {"answer.objects": [3]},
    {"answer.objects": [{"id": "o", "kind": "box", "at": [1], "label_id": "Lcat", "label": "cat"}]},
    {"answer.objects": [{"id": "o", "kind": "box", "at": [1, 2, 3, 4], "label_id": "nobody", "label": "cat"}]},
    {"answer.objects": [{"id": "o", "kind": "span", "at": [1, 2], "label_id": "Lcat", "label": "cat", "quote": 7}]},
    {"answer.reason": "so"}, {"answer.wrong": {"size": [2, 3], "runs": [1]}}, {"answer.missing": [3]},
    {"answer.wrong": {"size": "ab", "runs": "cd"}}, {"answer.seen": []}, {"answer.touched": "Lcat"},
    {"answer.touched": [1]}, {"answer.first": 1}, {"answer.as_decided": [1, 2, 3]}, {"answer.as_decided": ["a", "b"]},
    {"answer.share": 2}, {"answer.share": float("nan")}, {"answer.n_answers": -1}, {"answer.n_answers": 1.5},
    {"answer.votes": 1}, {"answer.votes": [{"annotator": "a", "verdict": "?"}]}, {"answer.decision_id": 1}])
def test_forged_records_are_refused_with_their_line(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.jsonl, line 3"):
        made.read(FORMAT, _file(tmp_path, change))


@pytest.mark.parametrize(("change", "words"), [
    ({"format": "coco"}, "isn't the header"), ({"version": 2}, "Install a newer"), ({"version": "1"}, "whole number"),
    ({"version": True}, "whole number"), ({"task": "guess"}, "task"), ({"task": []}, "task"),
    ({"kind": "sound"}, "kind"), ({"taxonomy": []}, "taxonomy"), ({"taxonomy": {}}, "taxonomy"),
    ({"taxonomy": {"labels": "abc"}}, "taxonomy"),
    ({"taxonomy": {"labels": [{"id": "a", "name": "x", "parent": "a"}]}}, "line 1"),
    ({"taxonomy": {"labels": [{"id": "a", "name": "x"}], "attributes": [{"name": "y", "scale": 3}]}}, "line 1"),
    ({"history": {}}, "history"), ({"history": [1]}, "history"), ({"about": []}, "about")])
def test_forged_headers_are_refused_in_words(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        made.read(FORMAT, _file(tmp_path, header=change))


@pytest.mark.parametrize("content", ["", "[1]", "{", "\xff", "{\"a\":" * 100 + "1" + "}" * 100])
def test_what_is_no_such_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match=r"a\.jsonl"):
        made.read(FORMAT, path)
