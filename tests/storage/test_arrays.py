"""Predictions take room for the rows that are there, and are read as if all were."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.errors import DiskFull, ShapeError
from hitl_widgets.storage.arrays import KnownRows, Predictions, Rows

needs_sparse = pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no sparse files here")


def predictions(folder, n_items=1000, n_labels=3):
    return Predictions(folder, model="m", label_ids=[f"l{k}" for k in range(n_labels)], ids_digest="d", n_items=n_items)


def on_disk(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.3, 1.0]))
def test_what_is_known_is_indexed_as_an_array_with_nan_elsewhere(seed, share):
    rng = np.random.default_rng(seed)
    rows, known = rng.random((20, 3)).astype(np.float32), rng.random(20) < share
    expected = np.where(known[:, None], rows, np.float32(np.nan))
    kept = KnownRows(rows, known)
    places = rng.integers(-20, 20, 7)
    for which in (slice(None), slice(3, 9), slice(None, None, -2), 4, np.int64(5), places, places.tolist(),
                  rng.random(20) < 0.5, (slice(2, 5), 1), (4, 0), (places, slice(0, 2))):
        np.testing.assert_array_equal(kept[which], expected[which])
        assert kept[which].dtype == np.float32
    np.testing.assert_array_equal(np.asarray(kept), expected)
    assert (kept.shape, len(kept), kept.ndim) == ((20, 3), 20, 2)


@needs_sparse
def test_rows_that_nobody_asked_for_take_no_room(tmp_path):
    n_items, n_labels = 1_000_000, 100  # 400 MB, were they written
    kept = predictions(tmp_path, n_items, n_labels)
    assert on_disk(tmp_path) < 100_000
    places = np.array([5, 999_999, 123_456, 5])
    kept.put(places, np.full((4, n_labels), 0.01, np.float32))
    assert on_disk(tmp_path) < 200_000
    assert np.isnan(kept.probs[[4, 6, 999_998]]).all()
    assert (kept.probs[places] == np.float32(0.01)).all()
    assert kept.missing(np.array([4, 5, 999_999])).tolist() == [4]


def test_several_processes_read_what_one_wrote(tmp_path):
    first, second = predictions(tmp_path), predictions(tmp_path)
    first.put([3, 1], np.array([[1, 0, 0], [np.nan] * 3], np.float32))
    code = "import sys; from tests.storage.test_arrays import predictions; from pathlib import Path; " \
           "print(predictions(Path(sys.argv[1])).probs[[3, 1, 0]].tolist())"
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[[1.0, 0.0, 0.0], [nan, nan, nan], [nan, nan, nan]]"
    assert second.tried.nonzero()[0].tolist() == [1, 3]
    assert second.probs[3].tolist() == [1, 0, 0]


def test_a_folder_whose_rows_were_written_as_nan_is_read_as_before(tmp_path):
    # As they were kept until 2026-11: the whole file, NaN where nothing was known.
    predictions(tmp_path)
    home = tmp_path / "m"
    probs, tried = np.full((1000, 3), np.nan, np.float32), np.zeros(1000, np.bool_)
    probs[7], tried[7] = [0.25, 0.5, 0.25], True
    np.save(home / "probs.npy", probs)
    np.save(home / "tried.npy", tried)
    assert json.loads((home / "about.json").read_text())["n_items"] == 1000
    again = predictions(tmp_path)
    np.testing.assert_array_equal(np.asarray(again.probs), probs)
    again.put([8], np.array([[1, 0, 0]], np.float32))
    assert again.probs[7:9].tolist() == [[0.25, 0.5, 0.25], [1, 0, 0]]


def test_rows_that_do_not_fit_and_no_rows(tmp_path):
    kept = predictions(tmp_path)
    with pytest.raises(ShapeError, match="shape"):
        kept.put([1], np.zeros((1, 4), np.float32))
    kept.put([], np.zeros((0, 3), np.float32))
    assert not kept.tried.any()


@needs_sparse
def test_a_full_disk_is_met_before_the_memory_map_is_written(tmp_path, monkeypatch):
    kept = predictions(tmp_path)

    def full(*arguments):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DiskFull, match="No space left"):
        kept.put([1, 2], np.ones((2, 3), np.float32))
    assert not kept.tried.any()


def test_two_that_make_the_same_rows_share_the_files(tmp_path):
    one, other = (Rows(tmp_path, n_items=6, name="layer") for _ in range(2))  # neither finds any
    one.put([0, 1], np.full((2, 3), 1, np.float32))
    every = one.memory_map()
    other.put([2], np.full((1, 3), 2, np.float32))  # made no new files, which would end the process that has the former
    assert one.missing(np.arange(6)).tolist() == other.missing(np.arange(6)).tolist() == [3, 4, 5]
    for rows in (one.get(), other.get(), every):
        assert rows[:3].tolist() == [[1] * 3, [1] * 3, [2] * 3]


def test_rows_of_another_width_leave_the_former_to_who_has_them(tmp_path):
    former, later = (Rows(tmp_path, n_items=4, name="layer") for _ in range(2))
    former.put([1], np.full((1, 5), 1, np.float32))
    later.put([2], np.full((1, 2), 2, np.float32))
    assert former.get()[1].tolist() == [1] * 5
    assert later.get()[2].tolist() == [2] * 2
    assert later.missing(np.arange(4)).tolist() == [0, 1, 3]
    assert Rows(tmp_path, n_items=4, name="layer").missing(np.arange(4)).tolist() == [0, 1, 3]


@pytest.mark.long
def test_processes_that_take_up_one_model_at_once_share_its_files(tmp_path):
    code = "import sys, time, numpy as np; from tests.storage.test_arrays import Rows, predictions; " \
           "from pathlib import Path; place = int(sys.argv[2]); n = 200_000; sys.stdin.readline()\n" \
           "kept = predictions(Path(sys.argv[1]), n); rows = Rows(kept.home, n_items=n, name='layer')\n" \
           "for block in range(place, 20, 2):\n" \
           "    some = np.arange(block * 256, block * 256 + 256)\n" \
           "    kept.put(some, np.full((256, 3), block + 1, np.float32))\n" \
           "    rows.put(some, np.full((256, 7), block + 1, np.float32))\n"
    for turn in range(3):
        folder = tmp_path / str(turn)
        both = [subprocess.Popen([sys.executable, "-c", code, str(folder), str(place)], stdin=subprocess.PIPE)
                for place in range(2)]
        for process in both:
            process.stdin.close()
        assert [process.wait(100) for process in both] == [0, 0]
        kept = predictions(folder, 200_000)
        rows = Rows(kept.home, n_items=200_000, name="layer")
        expected = np.repeat(np.arange(1, 21), 256)
        assert (kept.probs[:5120, 0] == expected).all()
        assert (rows.get(np.arange(5120))[:, 6] == expected).all()
        assert len(kept.missing(np.arange(200_000))) == len(rows.missing(np.arange(200_000))) == 200_000 - 5120


def test_a_file_that_says_oddly_which_rows_are_known_counts_as_absent(tmp_path):
    Rows(tmp_path, n_items=4, name="layer").put([1], np.full((1, 5), 1, np.float32))
    [path] = tmp_path.glob("embedded-*.npy")
    for known in (np.ones(4, np.int64), np.ones((4, 2), np.bool_), np.array([None] * 4, object)):
        np.save(path, known, allow_pickle=True)
        assert Rows(tmp_path, n_items=4, name="layer").missing(np.arange(4)).tolist() == [0, 1, 2, 3]


def test_a_row_that_was_half_written_when_the_power_failed_counts_as_missing(tmp_path):
    rows = np.arange(40, dtype=np.float32).reshape(8, 5)
    Rows(tmp_path, n_items=9, name="layer").put(np.arange(8), rows)
    [path] = tmp_path.glob("embedding-*.npy")
    on_the_disk = np.load(path, mmap_mode="r+")
    on_the_disk[3], on_the_disk[5, 2:] = 0, 0
    on_the_disk.flush()
    again = Rows(tmp_path, n_items=9, name="layer")
    assert np.isnan(again.get(np.array([3, 5, 8]))).all()
    assert again.missing(np.arange(9)).tolist() == [3, 5, 8]
    np.testing.assert_array_equal(again.get(np.array([7, 4])), rows[[7, 4]])
    again.put([3], rows[[3]])
    assert again.missing(np.arange(9)).tolist() == [5, 8]
    assert np.isnan(again.memory_map()[5]).all()
    assert Rows(tmp_path, n_items=9, name="layer").missing(np.arange(9)).tolist() == [5, 8]


def test_who_finds_no_rows_sees_those_that_another_makes_later(tmp_path):
    early, later = (Rows(tmp_path, n_items=4, name="layer") for _ in range(2))
    later.put([1], np.full((1, 5), np.nan, np.float32))
    assert early.missing(np.arange(4)).tolist() == [0, 2, 3]
    assert early.get().shape == (4, 5)


def of_pool(folder, digest, n_items=10):
    return Predictions(folder, model="m", label_ids=["a", "b"], ids_digest=digest, n_items=n_items)


def test_kernels_with_different_pools_leave_each_other_their_predictions(tmp_path):
    one = of_pool(tmp_path, "one")
    one.put([1], np.array([[0.25, 0.75]], np.float32))
    Rows(one.home, n_items=10, name="layer").put([1], np.ones((1, 3), np.float32))
    other = of_pool(tmp_path, "other")
    other.put([2], np.array([[0.5, 0.5]], np.float32))
    assert Rows(other.home, n_items=10, name="layer").missing(np.arange(10)).tolist() == list(range(10))
    for again, row in ((of_pool(tmp_path, "one"), 1), (of_pool(tmp_path, "other"), 2)):
        assert again.tried.nonzero()[0].tolist() == [row]
    third = of_pool(tmp_path, "third")
    assert len({one.home, other.home, third.home}) == 3
    del one, again  # whose notebook was closed: the room is taken by who needs it
    gc.collect()
    fourth = of_pool(tmp_path, "fourth")
    assert fourth.home == tmp_path / "m"
    assert of_pool(tmp_path, "other").tried.nonzero()[0].tolist() == [2]
    assert sorted(path.name for path in tmp_path.rglob("about.json")) == ["about.json"] * 3


def test_the_disk_has_rows_before_they_are_marked_as_known(tmp_path, monkeypatch):
    kept, marked = predictions(tmp_path), []
    monkeypatch.setattr(np.memmap, "flush", lambda rows: marked.append((rows[7].tolist(), bool(kept.tried[7]))))
    kept.put([7], np.array([[1, 0, 0]], np.float32))
    assert marked == [([1, 0, 0], False)]
    assert kept.tried[7]
