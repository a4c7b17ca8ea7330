"""Files that are written whole, and files of others that are read within bounds."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets import Pool
from hitl_widgets.errors import BadInput, StoreError
from hitl_widgets.exchange import files
from hitl_widgets.exchange.files import (
    PoolNames,
    Source,
    Target,
    check_free,
    inner_path,
    parsed,
    safe_name,
    unsafe_name,
    written_whole,
)
from hitl_widgets.exchange.records import ItemRecord

ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(ANY_TEXT)
def test_a_safe_name_gives_the_text_back_and_is_one_file_in_the_folder(text):
    name = safe_name(text)
    assert unsafe_name(name) == text
    assert name
    assert name not in (".", "..")
    assert not set(name) & set('/\\:*?"<>| \n\t\0')
    assert not name.startswith(".")


@pytest.mark.parametrize("text", ["con", "NUL.txt", "aux", "..", ".", "", ".hidden", "a/../b", "lpt1"])
def test_names_that_a_system_keeps_for_itself_are_escaped(text):
    name = safe_name(text)
    assert unsafe_name(name) == text
    assert not name.startswith(".")
    assert name.lower().split(".")[0] not in ("con", "nul", "aux", "lpt1")


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "C:/x", "C:\\x", "http://x/y", "\\\\host\\x", "",
                                  "a\0b"])
def test_paths_that_lead_out_are_none(name, tmp_path):
    assert inner_path(name) is None
    with pytest.raises(BadInput, match="lies outside"):
        Source(tmp_path).file(name)
    with pytest.raises(BadInput, match="can't be a file's name"):
        Target(tmp_path, folder=True).file(name)


def test_links_that_lead_out_are_left_out(tmp_path):
    folder, outside = tmp_path / "in", tmp_path / "secret.txt"
    folder.mkdir()
    outside.write_text("secret")
    (folder / "own.txt").write_text("own")
    (folder / "out.txt").symlink_to(outside)
    (folder / ".hidden").write_text("x")
    source = Source(folder)
    assert source.names(".txt") == ["own.txt"]
    with pytest.raises(BadInput, match="lies outside"):
        source.file("out.txt")


@pytest.mark.parametrize(("text", "why"), [
    ("{", "line 1, column 2"), ('{"a": 1,}', "isn't JSON"), ("[" * 100 + "]" * 100, "nested more than"),
    ('{"a":' * 70 + "1" + "}" * 70, "nested more than"), ("1" * 5000, "can't be read")])
def test_malformed_json_is_refused_with_the_place(text, why):
    with pytest.raises(BadInput, match=why):
        parsed(text, "tasks.json")


def test_brackets_in_texts_are_no_nesting():
    value = {"text": "[" * 500, "more": '\\"{{[' * 50}
    assert parsed(json.dumps(value), "x") == value


def test_xml_with_a_dtd_is_refused_and_nothing_is_opened(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    bomb = tmp_path / "bomb.xml"
    bomb.write_text(f'<!DOCTYPE a [<!ENTITY b SYSTEM "file://{secret}">]><a>&b;</a>')
    with pytest.raises(BadInput, match="DTD"):
        Source(bomb).xml()
    deep = tmp_path / "deep.xml"
    deep.write_text("<a>" * 100 + "</a>" * 100)
    with pytest.raises(BadInput, match="nested"):
        Source(deep).xml()
    broken = tmp_path / "broken.xml"
    broken.write_text("<a><b></a>")
    with pytest.raises(BadInput, match="isn't XML"):
        Source(broken).xml()
    fine = tmp_path / "fine.xml"
    fine.write_text("<a><b>x &amp; y</b></a>")
    assert Source(fine).xml().findtext("b") == "x & y"


def test_lines_end_at_line_feeds_alone(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes('\ufeff{"a": "x\u2028y"}\r\n\n{"a": "z\x85"}\n'.encode())
    assert [(n, one["a"]) for n, one in Source(path).json_lines()] == [(1, "x\u2028y"), (3, "z\x85")]
    path.write_bytes(b'{"a": 1}\n\xff\n')
    with pytest.raises(BadInput, match="line 2 isn't UTF-8"):
        list(Source(path).json_lines())
    path.write_bytes(b'[1]\n')
    with pytest.raises(BadInput, match="line 1 is a list"):
        list(Source(path).json_lines())


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    path = tmp_path / "large.json"
    path.write_text('{"a": "0123456789"}')
    with pytest.raises(BadInput, match="at most 10"):
        Source(path).json()


def test_a_failure_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "out"
    with written_whole(path, folder=True, overwrite=False) as draft:
        (draft / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), written_whole(path, folder=True, overwrite=True) as draft:  # noqa: PT012
        (draft / "a.txt").write_text("new")
        raise ZeroDivisionError
    assert (path / "a.txt").read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    with written_whole(path, folder=True, overwrite=True) as draft:
        (draft / "b.txt").write_text("new")
    assert [one.name for one in path.iterdir()] == ["b.txt"]
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("mine")
    with pytest.raises(BadInput, match="overwrite=True"):
        check_free(path, folder=False, overwrite=False)
    with pytest.raises(BadInput, match="a file; choose another path for a folder"):
        check_free(path, folder=True, overwrite=True)
    with pytest.raises(BadInput, match="isn't there"):
        check_free(tmp_path / "no" / "out.json", folder=False, overwrite=False)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(BadInput, match="a link"):
        check_free(link, folder=False, overwrite=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    check_free(empty, folder=True, overwrite=False)


def test_a_full_disk_is_said(tmp_path):
    path = tmp_path / "out.json"
    with pytest.raises(StoreError, match="No space"), written_whole(path, folder=False, overwrite=False):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_stems_differ_whatever_the_case_and_length(tmp_path):
    target = Target(tmp_path, folder=True)
    ids = ["a", "A", "a ", "x" * 400, "x" * 401, "é" * 200, "é" * 201, "a/b", "a~2Fb"]
    stems = [target.stem(ItemRecord(one)) for one in ids]
    assert len({stem.lower() for stem in stems}) == len(ids)
    assert max(map(len, stems)) < 200
    assert [target.stem(ItemRecord(one)) for one in ids] == stems


def test_items_are_found_by_id_path_name_or_stem_where_one_alone_has_it(tmp_path):
    from PIL import Image
    for name in ("x/a.png", "y/a.png", "y/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    names = PoolNames(Pool.from_images(tmp_path))
    assert names.get("x/a.png") == 0
    assert names.get("b.png") == 2
    assert names.get("b") == 2
    assert names.get("a.png") == -1
    assert names.get("a") == -1
    assert names.get("upload\\b.png") == 2
    assert names.get("/data/upload/1/b.png") == 2
    assert PoolNames(None).get("b") == -1


def test_a_pools_file_names_never_say_where_this_machine_keeps_them(tmp_path):
    from PIL import Image
    path = tmp_path / "deep" / "a.png"
    path.parent.mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    pool = Pool.from_images([str(path)])
    assert pool.file_name(0) == "a.png"
    assert pool.file_path(0) == Path(path)
    assert Pool.from_images(tmp_path).file_name(0) == "deep/a.png"
    assert Pool.from_images(np.zeros((1, 4, 4), np.uint8)).file_name(0) is None


def test_a_name_with_half_a_character_is_looked_for_nowhere(tmp_path):
    assert inner_path("a\ud800.png") is None
    assert not Source(tmp_path).has("a\ud800.png")


@pytest.mark.parametrize("end", ["", "\\", '"'])
def test_json_with_a_text_that_has_no_end_is_refused_in_linear_time(end):
    text = "[" * 61 + '"' + '\\"' * 300_000 + end  # hours, where each quote is tried as the beginning of a text
    with pytest.raises(BadInput, match="nested more than"):
        parsed(text, "it")


def test_a_folder_that_a_killed_export_took_away_is_brought_back(tmp_path):
    path = tmp_path / "out[1]"
    former = tmp_path / ".out[1]-abc123" / "former"
    former.mkdir(parents=True)
    (former / "a.txt").write_text("older")
    with pytest.raises(BadInput, match="overwrite=True"):
        check_free(path, folder=True, overwrite=False)
    assert (path / "a.txt").read_text() == "older"
    assert [one.name for one in tmp_path.iterdir()] == ["out[1]"]
