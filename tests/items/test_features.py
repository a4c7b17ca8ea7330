"""Items have numbers: the pixels' own, and what the model's last layer reads."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from nets import noise
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError, ShapeError
from hitl_widgets.items.features import Pixels, features, pixels, thumbnails
from hitl_widgets.storage.arrays import Embeddings, Predictions
from hitl_widgets.testing import MemoryPool


def drawn(n=60, seed=0):
    """Images that differ in two things alone: how bright they are, and how bright their left half is."""
    bright, left = np.random.default_rng(seed).uniform(40, 120, (2, n))
    images = np.repeat(np.repeat(bright[:, None, None], 28, 1), 28, 2)
    images[:, :, :14] += left[:, None, None]
    return images.astype(np.uint8)


# -- pixels --------------------------------------------------------------------------------------------------

def test_two_things_that_vary_are_two_components():
    rows = pixels(drawn())
    assert rows.dtype == np.float32
    variances = rows.var(axis=0, ddof=1)
    assert variances[:2].sum() == pytest.approx(1, abs=1e-3)
    assert variances.sum() == pytest.approx(1, abs=1e-5)


def test_distances_between_images_are_kept_up_to_one_scale():
    images = drawn(40)
    rows = pixels(images)
    true = np.linalg.norm(images[:, None].astype(float) - images[None], axis=(2, 3))
    mine = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    ratios = (mine / np.where(true, true, 1))[np.triu_indices(40, 1)]
    assert np.ptp(ratios) < 0.01 * ratios.mean()


def test_the_same_seed_gives_the_same_components_in_any_order_of_asking():
    gallery = MemoryPool(noise(90))
    whole = Pixels(gallery, seed=3).of(range(90))
    piecewise = Pixels(gallery, seed=3)
    last = piecewise.of([80, 2, 80])
    np.testing.assert_allclose(piecewise.of(range(90)), whole, atol=1e-5)
    np.testing.assert_allclose(last, whole[[80, 2, 80]], atol=1e-5)


def test_an_image_that_cannot_be_read_has_no_components():
    images = list(noise(12))
    images[3] = None
    rows = pixels(images, n=4)
    assert rows.shape == (12, 4)
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [3]


@pytest.mark.parametrize(("images", "shape"), [
    ([], (0, 0)), ([None, None], (2, 0)), (noise(1), (1, 0)), (np.full((6, 9, 9), 7, np.uint8), (6, 0)),
    (noise(8, (5, 70, 3)), (8, 8))])
def test_few_plain_odd_or_coloured_images_serve_too(images, shape):
    rows = pixels(images)
    assert rows.shape == shape
    assert np.isfinite(rows).all() or not shape[1]


def test_an_image_is_reduced_by_averaging():
    image = np.zeros((56, 56), np.uint8)
    image[::2] = 200
    np.testing.assert_allclose(thumbnails([image]), 100 / 255, atol=1e-3)
    assert thumbnails([image], colour=True).shape == (1, 3 * 28 * 28)


def test_edges_tell_shapes_apart_whatever_their_light():
    bars = np.zeros((40, 28, 28))
    bars[:20, 12:16], bars[20:, :, 12:16] = 1, 1
    images = (bars * np.random.default_rng(0).uniform(40, 250, (40, 1, 1))).astype(np.uint8)
    rows = Pixels(MemoryPool([*images, None]), n=3, edges=True).of(range(41))
    assert np.isnan(rows[40]).all()
    far = np.linalg.norm(rows[:40, None] - rows[None, :40], axis=2)
    assert max(far[:20, :20].max(), far[20:, 20:].max()) < 0.1 * far[:20, 20:].min()


def test_threads_that_ask_for_components_get_the_same():
    gallery = MemoryPool(noise(200))
    whole, shared = Pixels(gallery).of(range(200)), Pixels(gallery)
    wrong = []

    def ask(start):
        if not np.allclose(shared.of(range(start, 200, 3)), whole[start::3], atol=1e-5):
            wrong.append(start)
    threads = [threading.Thread(target=ask, args=(start,)) for start in (0, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_components_are_refused():
    with pytest.raises(BadInput, match="n is 0"):
        Pixels(MemoryPool(noise(2)), n=0)


# -- blocks --------------------------------------------------------------------------------------------------

def test_no_block_outweighs_another_by_its_unit():
    rng = np.random.default_rng(0)
    rows = features(rng.normal(5, 1000, (50, 8)), rng.normal(0, 0.01, (50, 3)))
    assert rows[:, :8].var(axis=0).sum() == pytest.approx(1, abs=1e-4)
    assert rows[:, 8:].var(axis=0).sum() == pytest.approx(1, abs=1e-4)


def test_what_is_unknown_in_one_block_is_unknown():
    rows = features([[1.0], [np.nan], [3.0]], [[0.0], [0.0], [9.0]])
    assert np.isnan(rows).any(axis=1).tolist() == [False, True, False]


def test_blocks_of_other_items_are_refused():
    with pytest.raises(ShapeError, match=r"\(2, 1\), \(3, 1\)"):
        features([[1.0], [2.0]], [[1.0], [2.0], [3.0]])


# -- embeddings on disk --------------------------------------------------------------------------------------

@pytest.fixture
def predictions(tmp_path):
    def open_(n_items=10, digest="d"):
        return Predictions(tmp_path, model="m", label_ids=("La", "Lb"), ids_digest=digest, n_items=n_items)
    return open_


def test_embeddings_are_there_after_a_restart(predictions):
    kept = Embeddings(predictions(), head="fc")
    assert (kept.get().shape, kept.missing(np.array([4, 1])).tolist()) == ((10, 0), [4, 1])
    kept.put([1, 4], np.array([[1, 2, 3], [np.nan] * 3], np.float32))
    again = Embeddings(predictions(), head="fc")
    assert again.missing(np.arange(5)).tolist() == [0, 2, 3]
    np.testing.assert_array_equal(again.get(np.array([4, 1, 0])), [[np.nan] * 3, [1, 2, 3], [np.nan] * 3])


def test_embeddings_of_another_layer_or_another_pool_are_not_taken_for_these(predictions):
    Embeddings(predictions(), head="fc").put([1], np.ones((1, 3), np.float32))
    assert Embeddings(predictions(), head="fc2").n_features == 0
    assert Embeddings(predictions(digest="e"), head="fc").n_features == 0


def test_a_damaged_file_of_embeddings_is_as_if_it_were_not_there(predictions, tmp_path):
    Embeddings(predictions(), head="fc").put([1], np.ones((1, 3), np.float32))
    [file] = (tmp_path / "m").glob("embedding-*.npy")
    file.write_bytes(b"torn")
    kept = Embeddings(predictions(), head="fc")
    assert kept.n_features == 0
    kept.put([2], np.ones((1, 3), np.float32))
    assert kept.missing(np.arange(4)).tolist() == [0, 1, 3]


def test_embeddings_that_would_fill_the_disk_are_not_kept(predictions, tmp_path):
    kept = Embeddings(predictions(), head="fc", limit=100)
    kept.put([1], np.ones((1, 3), np.float32))
    assert kept.missing(np.arange(2)).tolist() == [0, 1]
    assert not list((tmp_path / "m").glob("embedd*"))


# -- on the workbench ----------------------------------------------------------------------------------------

IMAGES = noise(30)


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 6), nn.ReLU(inplace=True), nn.Linear(6, 2))


def expected(model):
    with torch.no_grad():
        return model.eval()[2](model[1](torch.from_numpy(IMAGES).reshape(30, -1) / 255)).numpy()


@pytest.fixture
def bench(tmp_path):
    made = []

    def open_(**more):
        made.append(hw.Workbench(tmp_path / "p", hw.Pool.from_images(IMAGES), ["a", "b"], annotator="ada", **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def test_embeddings_come_with_the_predictions_in_one_pass(bench, monkeypatch):
    model = net()
    wb = bench(model=model)
    assert np.isnan(wb.models.embeddings()[10:]).all()
    wb.predict()
    monkeypatch.setattr(wb.inference.predictor, "predict_and_embed", None)  # nothing is asked a second time
    assert wb.models.embeddings().shape == (30, 6)
    np.testing.assert_allclose(wb.models.embeddings(), expected(model), atol=1e-5)


def test_embeddings_of_some_items_are_asked_for_when_needed(bench):
    model = net()
    wb = bench(model=model)
    np.testing.assert_allclose(wb.models.embeddings([wb.pool.ids[7], wb.pool.ids[3]]), expected(model)[[7, 3]],
                               atol=1e-5)
    np.testing.assert_allclose(wb.models.embeddings(wb.pool.ids[29]), expected(model)[[29]], atol=1e-5)
    wb.close()
    rows = bench(model=model).models.embeddings()
    np.testing.assert_allclose(rows[[7, 3, 29]], expected(model)[[7, 3, 29]], atol=1e-5)


def test_another_model_has_other_embeddings(bench):
    wb = bench(model=net())
    wb.predict()
    wb.adopt(net(seed=1))
    np.testing.assert_allclose(wb.inference.embeddings(range(30)), expected(net(seed=1)), atol=1e-5)


def test_features_are_the_embedding_beside_the_pixels(bench):
    wb = bench(model=net())
    rows = wb.inference.features(range(30))
    edges = Pixels(wb.pool, n=100, edges=True).of(range(30))
    np.testing.assert_allclose(rows, features(expected(net()), pixels(IMAGES), edges), atol=1e-4)


def test_without_a_model_features_are_the_pixels_alone(bench):
    wb = bench()
    np.testing.assert_allclose(wb.inference.features(range(30))[:, :30], features(pixels(IMAGES)), atol=1e-5)
    with pytest.raises(ModelError, match="no model yet"):
        wb.models.embeddings()


class ByHand(nn.Module):
    """Multiplies by a matrix of its own, which is no layer that could be found."""

    def __init__(self):
        super().__init__()
        self.conv, self.matrix = nn.Conv2d(1, 5, 3, stride=4), nn.Parameter(torch.randn(5, 2))
        self.passing = nn.Identity()

    def forward(self, x):
        return self.passing(self.conv(x).mean(dim=(2, 3))) @ self.matrix


def test_a_last_layer_is_named_where_it_is_not_found(bench):
    model = ByHand()
    wb = bench(model=model)
    with pytest.raises(ModelError, match=r"hw.Workbench\(\.\.\., head="):
        wb.models.embeddings()
    assert len(wb.predict()) == 30
    wb.close()
    assert bench(model=model, head="passing").models.embeddings().shape == (30, 5)


def test_a_convolution_that_gives_the_outputs_is_found(bench):
    model = nn.Sequential(nn.Conv2d(1, 5, 3, stride=4), nn.Conv2d(5, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert bench(model=model).models.embeddings().shape == (30, 5)


ENDING = """
import threading, time
import numpy as np
from hitl_widgets.items.features import AvailableFeatures

begun = threading.Event()

def describe(positions):
    print("begun", flush=True)
    begun.set()
    time.sleep(0.3)
    print("over", flush=True)
    return np.zeros((len(positions), 2), np.float32)

features = AvailableFeatures(2_000, embeddings=lambda positions: None, describe=describe)
features.prepare(np.arange(2_000), budget_s=0)
begun.wait()
"""


def test_an_interpreter_that_ends_waits_for_what_the_thread_has_begun_and_no_more() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["begun", "over"]
    assert not ended.stderr


IMPORTING = """
import sys, threading
import numpy as np
from hitl_widgets.items.features import AvailableFeatures

begun = threading.Event()

def describe(positions):
    begun.set()
    threading.main_thread().join()
    import concurrent.futures.process
    raise AssertionError("it could be imported")

assert "concurrent.futures.process" not in sys.modules
AvailableFeatures(20, embeddings=lambda positions: None, describe=describe).prepare(np.arange(20), budget_s=0)
begun.wait()
"""


def test_an_import_that_comes_too_late_when_the_interpreter_ends_is_not_told() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=True)
    assert not ended.stderr
