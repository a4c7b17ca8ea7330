"""A map that was worked out is found again, whole or not at all, and the folder doesn't grow for ever."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hitl_widgets.records import Attribution
from hitl_widgets.storage.attribution_cache import AttributionCache

MAP = Attribution(item_id="löwe", method="gradcam", target="La", against="Lb", model="m1",
                  values=np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32), box=(0.0, -1.5, 7.0, 6.5),
                  signed=True)


def key(n=0):
    return ("m1", f"item-{n}", "gradcam")


def test_a_map_comes_back_as_it_was(tmp_path):
    AttributionCache(tmp_path / "maps").put(key(), MAP)
    back = AttributionCache(tmp_path / "maps").get(key())
    np.testing.assert_array_equal(back.values, MAP.values)
    assert back.values.dtype == np.float32
    assert replace(back, values=None) == replace(MAP, values=None)
    assert AttributionCache(tmp_path / "maps").get(key(1)) is None


@pytest.mark.parametrize("harm", [lambda raw: raw[:-3], lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), lambda raw: b"",
                                  lambda raw: b"null\n", lambda raw: raw.replace(b"item-0", b"item-9")])
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path, harm):
    maps = AttributionCache(tmp_path)
    maps.put(key(), MAP)
    [file] = tmp_path.rglob("*.map")
    file.write_bytes(harm(file.read_bytes()))
    assert maps.get(key()) is None
    maps.put(key(), MAP)
    assert maps.get(key()) is not None


def test_the_oldest_go_when_it_is_too_much(tmp_path):
    maps = AttributionCache(tmp_path, most=20)
    for n in range(50):
        maps.put(key(n), MAP)
        for file in tmp_path.rglob("*.map"):  # a clock too coarse to tell them apart
            if maps._path(key(n)) == file:
                os.utime(file, ns=(n * 10**9, n * 10**9))
    kept = [n for n in range(50) if maps.get(key(n))]
    assert 10 <= len(kept) <= 20
    assert kept == list(range(50 - len(kept), 50))


def test_the_limit_in_bytes_holds_for_what_others_wrote_too(tmp_path):
    size = MAP.values.nbytes + 600
    ours, theirs = AttributionCache(tmp_path, limit=30 * size), AttributionCache(tmp_path, limit=30 * size)
    for n in range(100):
        (ours if n % 2 else theirs).put(key(n), MAP)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.map")) <= 33 * size


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path):
    (tmp_path / "maps").write_text("a file is in the way")
    maps = AttributionCache(tmp_path / "maps")
    maps.put(key(), MAP)
    assert maps.get(key()) is None


def test_a_killed_writer_leaves_whole_maps_and_its_draft_is_swept_up(tmp_path):
    code = f"""
import numpy as np
from hitl_widgets.storage.attribution_cache import AttributionCache
from hitl_widgets.records import Attribution
maps = AttributionCache({str(tmp_path)!r})
values = np.ones((2000, 2000), np.float32)
for n in range(10**6):
    maps.put(("m1", f"item-{{n}}", "gradcam"), Attribution("a", "gradcam", "La", "m1", values, (0, 0, 1, 1)))
    print(n, flush=True)
"""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    for _ in range(3):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    maps = AttributionCache(tmp_path)
    assert all((maps.get(key(n)).values == 1).all() for n in range(3))
    draft = tmp_path / "m1" / "x.map.1.2.part"
    draft.write_bytes(b"half")
    os.utime(draft, (0, 0))
    maps.put(key(), MAP)
    assert not draft.exists()
