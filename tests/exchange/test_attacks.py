"""Files that mean harm: nothing that they name is opened, nothing in them is run, and none keeps us for long."""

from __future__ import annotations

import json
import os
import socket

import numpy as np
import pytest
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, HitlError
from hitl_widgets.exchange.files import Source, safe_name, unsafe_name
from hitl_widgets.exchange.label_names import named_labels
from hitl_widgets.exchange.registry import available, find_format

LINES = ("prodigy", "doccano", "jsonl")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was to be opened on the network")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def contents_of(name, path):
    chosen = find_format(name)
    contents = chosen.read(Source(path), dict(chosen.options))
    return contents, list(contents.records)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
@pytest.mark.parametrize("name", available())
def test_a_pipe_is_never_read(name, tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert Source(tmp_path).names() == []
    with pytest.raises(HitlError):
        contents_of(name, tmp_path / "pipe.jsonl")


def test_a_link_out_of_a_folder_is_not_followed(tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"text": "secret", "label": ["x"]}\n', "utf-8")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "ada.jsonl").write_text('{"text": "open", "label": ["x"]}\n', "utf-8")
    (folder / "bob.jsonl").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    _, records = contents_of("doccano", folder)
    assert [one.text for one in records] == ["open"]
    with pytest.raises(BadInput, match="outside"):
        Source(folder).bytes("bob.jsonl")


@pytest.mark.parametrize("where", ["../secret.png", "/etc/passwd", "file:///etc/passwd", "C:\\secret.png",
                                   "https://example.org/secret.png", "//host/share/secret.png", "a\0b.png"])
def test_an_image_that_a_file_names_elsewhere_is_never_opened(where, tmp_path, no_network):
    folder = tmp_path / "images"
    folder.mkdir()
    for file in (folder / "a.png", tmp_path / "secret.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(file)
    for name, line in (("prodigy", {"image": where, "label": "x", "answer": "accept"}),
                       ("doccano", {"filename": where, "label": ["x"]})):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(line) + "\n", "utf-8")
        with pytest.raises(BadInput, match="none of the images"):
            hw.Workbench.from_file(path, tmp_path / "p", name, images=folder, progress=False)
        assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("value", ["[" * 5_000 + "]" * 5_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "9" * 10_000])
def test_deep_or_huge_values_are_refused_in_words(name, value, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"text": "a", "label": ["x"], "meta": {value}}}\n', "utf-8")
    with pytest.raises(BadInput):
        contents_of(name, path)


def test_names_that_become_one_are_told_apart_in_time_that_grows_with_their_number():
    names = ["\x01" * n + "a" for n in range(150)] + [f"b{chr(1 + n % 8) * (1 + n // 8)}" for n in range(8_000)]
    labels = named_labels(names)
    assert len(set(labels.ids.values())) == len(set(names))


def test_html_in_a_file_is_text_in_the_report(tmp_path):
    path = tmp_path / "x.jsonl"
    bad = "<img src=x onerror=alert(1)>"
    lines = [{"text": f"{bad} Rome", "answer": "accept", "spans": [{"start": 0, "end": 4, "label": bad, bad: 1}]},
             {"html": bad}]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    with hw.Workbench.from_file(path, tmp_path / "p", "prodigy", holdout=0, progress=False) as wb:
        got = wb.import_file(path, "prodigy", dry_run=True)
        assert any("img src" in what for what in got.lost["what"])
        for shown in (got, wb.export(tmp_path / "y.jsonl", "prodigy"), wb.taxonomy):
            assert "<img src" not in shown._repr_html_()


@pytest.mark.parametrize("forged", [
    {"item": {"item_id": "../x", "answers": [{"annotator": "a" * 300, "verdict": "accept"}]}},
    {"item": {"item_id": "1", "answers": [{"annotator": "a", "verdict": "answer", "label_ids": ["L404"]}]}},
    {"item": {"item_id": "1", "answers": [{"annotator": "a", "verdict": "shout"}]}},
    {"item": {"item_id": "1", "size": [10**30, 1]}}, {"item": {"item_id": "1", "answers": 7}},
    {"item": {"item_id": ["x"]}}, {"project": {"format": "hitl_widgets", "version": 99}},
    {"project": {"format": "hitl_widgets", "version": 1, "task": "spans", "kind": "text", "taxonomy": {"labels": 1}}},
])
def test_what_a_forged_line_carries_is_checked_as_a_file_of_ours_is(forged, tmp_path):
    header = {"format": "hitl_widgets", "version": 1, "task": "spans", "kind": "text", "history": [], "about": {},
              "taxonomy": hw.Taxonomy(["x"]).to_dict()}
    for name, line in (("prodigy", {"text": "a", "spans": [], "answer": "accept"}),
                       ("doccano", {"text": "a", "label": []})):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(line | {"hitl": {"project": header, **forged}}) + "\n", "utf-8")
        with pytest.raises(BadInput, match="line 1"):
            contents_of(name, path)


def test_half_characters_are_no_harm(tmp_path):
    for name, line in (("prodigy", {"text": "a\ud800", "label": "\ud800x", "_session_id": "\udfff"}),
                       ("doccano", {"text": "a\ud800", "label": ["\ud800x"], "username": "\udfff"})):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps(line) + "\n", "utf-8")
        contents, records = contents_of(name, path)
        assert [one.annotator for one in records[0].answers] == [""]
        assert all("\ud800" not in label.name for label in contents.header.taxonomy.labels)


def test_words_of_conll_run_in_time_that_grows_with_the_file(tmp_path):
    path = tmp_path / "x.conll"
    text = "a " * 20_000
    path.write_text(f"# text = {text}\n" + "a B-X\n" * 20_000, "utf-8")
    _, records = contents_of("conll", path)
    assert len(records[0].answers[0].objects) == 20_000


@pytest.mark.parametrize("text", ["a.", "...", "con.", "a/..", "aux"])
def test_a_name_that_windows_would_shorten_is_another_one(text):
    assert not safe_name(text).endswith(".")
    assert unsafe_name(safe_name(text)) == text
