"""Maps of a whole pool: the same here and on workers, kept by block, and shown by the card and by wb.explain."""

from __future__ import annotations

import block_nets
import numpy as np
import pandas as pd
import pytest
import torch
from distributed import Client, LocalCluster
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.drawing.overlay import quantise
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.explain.attribute import NetExplainer
from hitl_widgets.learn import blocks
from hitl_widgets.learn.text_nets import TextCNN
from hitl_widgets.records import Attribution
from hitl_widgets.storage.map_blocks import MapBlocks, packed, unpacked

LABELS, N = ["a", "b", "c"], 20


@pytest.fixture(scope="module")
def client():
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as local, \
            Client(local) as client:
        yield client


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SIZE", 8)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(N):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(folder / f"{k:02}.png")
    (folder / "03.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def bench(tmp_path, images):
    opened = []

    def make(pool=None, model=None, name=None):
        torch.manual_seed(0)
        wb = hw.Workbench(tmp_path / (name or f"p{len(opened)}"), pool or hw.Pool.from_images(images), LABELS,
                          model=model or block_nets.ResidualNet(), holdout=0, progress=False,
                          preprocess=None if pool is not None else hw.Preprocess(16, channels=3))
        opened.append(wb)
        return wb
    yield make
    for wb in opened:
        wb.close()


def files_of(wb):
    return {path.name: path.read_bytes() for path in (wb.folder / "maps").rglob("*.maps")}


@pytest.fixture
def computed(monkeypatch):
    """How many maps were computed in this process."""
    seen = []
    explain = NetExplainer.explain_many

    def counted(self, positions, **how):
        seen.extend(positions)
        return explain(self, positions, **how)
    monkeypatch.setattr(NetExplainer, "explain_many", counted)
    return seen


@pytest.mark.long
def test_maps_of_workers_are_those_made_here(bench, client, computed):
    on_cluster, here = bench(), bench()
    maps = on_cluster.explain_all(client=client)
    assert not computed
    assert len(maps) == N
    assert list(maps.errors) == ["03.png"]
    assert "isn't an image" in maps.errors["03.png"]
    assert maps["05.png"].shape == (20, 24)
    assert maps.n_bytes == sum(map(len, files_of(on_cluster).values())) > 0
    assert "20 items by gradcam" in repr(maps)
    with pytest.raises(BadInput, match="isn't an image"):
        maps["03.png"]
    here.explain_all()
    # Stamps of files are in both, and nothing of the machine or the time of the run.
    assert files_of(on_cluster) == files_of(here)
    assert len(files_of(here)) == 3


def test_a_second_run_computes_nothing(bench, computed):
    wb = bench()
    wb.explain_all()
    assert len(computed) == N - 1
    wb.explain_all()
    wb.explain_all(n=3)
    assert len(computed) == N - 1


def test_a_damaged_map_is_never_shown_and_is_computed_again(bench, computed):
    wb = bench()
    maps = wb.explain_all()
    before = maps["07.png"]
    path = next(path for path in (wb.folder / "maps").rglob("*0000000.maps"))
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")  # of the last of these items
    wb.explainer.blocks.put(maps.model, maps.method, 0, {})
    with pytest.raises(BadInput, match="Call explain_all"):
        maps["07.png"]
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    with pytest.raises(BadInput, match="Call explain_all"):
        maps["06.png"]
    computed.clear()
    again = wb.explain_all()
    assert sorted(computed) == [6, 7]
    assert (again["07.png"] == before).all()


def test_a_run_of_a_few_leaves_the_others_to_the_next(bench, computed):
    wb = bench()
    some = wb.explain_all(n=5)
    n_first = len(computed)
    assert n_first == 5 - len(some.errors)
    assert list(some) == some.item_ids.tolist()
    assert [item_id in some for item_id in wb.pool.ids] == np.isin(wb.pool.ids, some.item_ids).tolist()
    assert "elsewhere" not in some
    wb.explain_all()
    assert sorted(computed) == [k for k in range(N) if k != 3]


def test_an_image_that_changed_is_not_shown_an_old_map(bench, images, computed):
    wb = bench()
    before = wb.explain_all()["05.png"]
    computed.clear()
    Image.fromarray(np.full((20, 24, 3), 9, np.uint8)).save(images / "05.png")
    assert not np.array_equal(wb.explain("05.png").maps[0], before)
    wb.close()
    again = bench(name="p0")
    computed.clear()
    again.explain_all()
    assert computed == [5]


def test_the_card_and_explain_read_what_is_kept(bench, computed):
    wb, plain = bench(), bench()
    wb.explain_all()
    exact = plain.explain(["07.png", "09.png"])
    computed.clear()
    kept = wb.explain(["07.png", "09.png"])
    position = wb.pool.position("07.png")
    target = wb.project.prediction(position).suggestion
    shown = wb.session.explanation(position, method="gradcam", target=target)
    assert computed == []
    for one, other in zip(kept.attributions, exact.attributions, strict=True):
        assert np.allclose(one.values, other.values, rtol=0, atol=2**-11 * np.abs(other.values).max())
        # On the card: bytes, of which at most one step differs.
        codes = [quantise(map_.values, signed=map_.signed)[0].astype(int) for map_ in (one, other)]
        assert np.abs(codes[0] - codes[1]).max() <= 1
    assert np.array_equal(shown.values, kept.attributions[0].values)


@pytest.mark.long
def test_maps_of_texts(bench, client):
    texts = hw.Pool.from_texts([f"text {k}, words" for k in range(10)])
    on_cluster, here = bench(texts, TextCNN(3)), bench(texts, TextCNN(3))
    for wb in (on_cluster, here):
        wb.adopt(TextCNN(3))
    maps = on_cluster.explain_all(client=client)
    here.explain_all()
    assert files_of(on_cluster) == files_of(here)
    assert isinstance(maps["4"], pd.DataFrame)
    assert maps["4"]["token"].tolist() == ["text", "4", ",", "words"]


def test_a_method_that_does_not_serve_is_refused_at_once(bench):
    with pytest.raises((BadInput, ModelError), match="contributions"):
        bench().explain_all("contributions")


def attribution(values, **more):
    return Attribution(item_id="i", method="m", target="t", model="v", values=np.asarray(values, np.float32),
                       box=(0.0, 0.0, 2.0, 2.0), **more)


def test_a_packed_map_has_the_largest_exactly_and_the_others_to_eleven_bits():
    values = np.array([[0, -3e-7], [1e-7, 3.1e-8]], np.float32)
    there = unpacked(packed(attribution(values, signed=True), "c"))
    assert there.values[0, 1] == values[0, 1]
    assert np.allclose(there.values, values, rtol=2**-11, atol=0)
    assert there.signed
    tokens = np.array([[0, 1], [2, 5]], np.int32)
    text = unpacked(packed(attribution([[0.1, -0.2]], tokens=tokens, delta=0.5), "c"))
    assert np.array_equal(text.values, np.array([[0.1, -0.2]], np.float32))
    assert np.array_equal(text.tokens, tokens)


def test_a_damaged_file_counts_as_absent(tmp_path):
    maps = MapBlocks(tmp_path, size=4)
    key = ("v", "i", "c", "m", "t", "", "", "", "")
    maps.put("v", "m", 0, {"i": (key, "1:2", packed(attribution([[1, 2]]), "c"))})
    assert maps.get(key, 3).values.tolist() == [[1, 2]]
    assert maps.get((*key[:2], "other", *key[3:]), 3) is None
    assert maps.get(key, 4) is None
    [path] = tmp_path.rglob("*.maps")
    data = bytearray(path.read_bytes())
    for place in (-3, 40):
        path.write_bytes(bytes(data[:place]) + bytes([data[place] ^ 1]) + bytes(data[place + 1:]))
        assert MapBlocks(tmp_path, size=4).get(key, 3) is None


def test_a_damaged_map_gets_no_new_checksum_with_its_neighbours(tmp_path):
    def key(item_id):
        return ("v", item_id, "c", "m", "t", "", "", "", "")
    maps = MapBlocks(tmp_path, size=4)
    maps.put("v", "m", 0, {"a": (key("a"), "1:2", packed(attribution([[1, 2]]), "c"))})
    [path] = tmp_path.rglob("*.maps")
    data = path.read_bytes()
    at = data.rindex(b'"target": "t"')
    path.write_bytes(data[:at] + b'"target": "u"' + data[at + 13:])
    maps = MapBlocks(tmp_path, size=4)
    maps.put("v", "m", 0, {"b": (key("b"), "1:2", packed(attribution([[3, 4]]), "c"))})
    assert maps.get(key("a"), 0) is None
    assert maps.get(key("b"), 1).values.tolist() == [[3, 4]]


@pytest.mark.parametrize("cut_off", [False, True])
def test_maps_that_were_damaged_are_made_again_by_the_next_call_as_the_message_says(bench, computed, cut_off):
    wb = bench()
    maps = wb.explain_all()
    before = maps["01.png"]
    for path in (wb.folder / "maps").rglob("*.maps"):
        data = path.read_bytes()
        path.write_bytes(data[:-300] if cut_off else data[:-300] + bytes(300))
    last = "19.png"
    with pytest.raises(BadInput, match=r"Call explain_all\(\) again"):
        maps[last]
    computed.clear()
    again = wb.explain_all()
    assert 0 < len(computed) < 6
    assert again[last].shape == (20, 24)
    assert np.array_equal(again["01.png"], before)
