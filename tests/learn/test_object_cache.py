"""Stored objects of a detector: what is read of lines that are damaged."""

from __future__ import annotations

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.learn.object_cache import FoundObjects
from hitl_widgets.learn.object_predictors import Candidate

FOUND = [Candidate((1.0, 2.0, 5.0, 6.0), 0, 0.9)]


@pytest.fixture
def cache(tmp_path):
    pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8), ids=["a", "b", "c"])
    FoundObjects(tmp_path / "m.tsv", pool).put([0, 1], [FOUND, FOUND])
    return lambda: FoundObjects(tmp_path / "m.tsv", pool)


@pytest.mark.parametrize("line", [
    b"{}\t\t[]", b"[1]\t\t[]", b"null\t\t[]", b"1\t\t[]", b'"a"\t\xff\t[]', b'"\xff"\t\t[]', b'"z"\t\t[]',
    b"\t\t", b"\0", b"[" * 100_000 + b"\t\t[]"])
def test_a_damaged_line_is_passed_over(line, cache, tmp_path):
    with (tmp_path / "m.tsv").open("ab") as file:
        file.write(line + b"\n")
    read = cache()
    assert read.missing([0, 1, 2]) == [2]
    assert read.get(0) == FOUND


@pytest.mark.parametrize("objects", [b"{", b"1", b"[1]", b'[["a",0.9,[1,2,5,6]]]', b"[[0,7,[1,2,5,6]]]",
                                     b"[[0,0.9,[1]]]", b"[[0,0.9,null]]", b"[" * 100_000, b"\xff"])
def test_an_item_whose_objects_are_damaged_is_searched_again(objects, cache, tmp_path):
    begin, _, _ = (tmp_path / "m.tsv").read_bytes().splitlines()[0].rpartition(b"\t")
    with (tmp_path / "m.tsv").open("ab") as file:
        file.write(begin + b"\t" + objects + b"\n")
    read = cache()
    assert read.missing([0]) == []
    assert read.get(0) == []
    assert read.missing([0]) == [0]
    read.put([0], [FOUND])
    again = cache()
    assert again.missing([0]) == []
    assert read.get(0) == again.get(0) == FOUND
