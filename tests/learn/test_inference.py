"""A light model answers from the pool's descriptors, and says what its net would say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from shades import IMAGES, KINDS, NAMES, small_net
from torch import nn

import hitl_widgets as hw
from hitl_widgets.learn.descriptors import DescriptorNet, fit_descriptors
from hitl_widgets.learn.light import light_net
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.registry import Version


def a_light_net(wb, seed=0):
    """A light net over the pool's descriptors, with a head drawn by chance."""
    descriptors = wb.registry.descriptors.net
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return light_net(descriptors, nn.Linear(descriptors.n_features, 3))


def by_the_net(wb, net):
    """What a net says of each item, each seen by itself."""
    predictor = wb.registry.architecture.predictor(net, wb.taxonomy.label_ids)
    return predictor.predict(range(len(wb.pool)))


@pytest.fixture
def forwards(monkeypatch):
    """The number of views that descriptors were computed of."""
    seen = []
    forward = DescriptorNet.forward
    monkeypatch.setattr(DescriptorNet, "forward", lambda self, views: seen.append(len(views)) or forward(self, views))
    return seen


@pytest.fixture
def files(tmp_path):
    """A folder of 30 pictures, of which the fourth and the last are damaged."""
    from PIL import Image
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, image in enumerate(IMAGES[:30]):
        Image.fromarray(image).save(folder / f"{n:02d}.png")
    for name in ("03.png", "29.png"):
        (folder / name).write_bytes(b"not a picture")
    return hw.Pool.from_images(folder)


def test_a_light_model_says_what_its_net_says(bench):
    wb = bench()
    net = a_light_net(wb)
    wb.registry.install(net, origin="trained")
    every = np.arange(len(wb.pool))
    assert np.ptp(by_the_net(wb, net), axis=0).min() > 0
    np.testing.assert_allclose(wb.inference.probs(every), by_the_net(wb, net), atol=1e-5)
    np.testing.assert_allclose(wb.inference.embeddings(every[5:9]),
                               wb.registry.architecture.predictor(net, wb.taxonomy.label_ids).embed([5, 6, 7, 8]),
                               atol=1e-5)


def test_a_second_light_model_reads_no_item_again(bench, forwards):
    wb = bench()
    every = np.arange(len(wb.pool))
    wb.registry.install(a_light_net(wb), origin="trained")
    wb.inference.probs(every)
    forwards.clear()
    second = a_light_net(wb, seed=1)
    wb.registry.install(second, origin="trained")
    n_tried = sum(forwards)  # a net is tried out on an item before it is adopted
    probs = wb.inference.probs(every)
    wb.inference.embeddings(every)
    wb.inference.features(every)
    assert n_tried <= 10
    assert sum(forwards) == n_tried
    np.testing.assert_allclose(probs, by_the_net(wb, second), atol=1e-5)


def test_a_former_light_model_reads_no_item_again(bench, forwards):
    wb = bench()
    every = np.arange(len(wb.pool))
    first = a_light_net(wb)
    name = wb.registry.install(first, origin="trained")
    wb.registry.install(a_light_net(wb, seed=1), origin="trained")
    wb.inference.probs(every)
    predictor = wb.registry.predictor(Version(name, wb.taxonomy.label_ids, 0))
    forwards.clear()
    probs, _ = wb.inference.own_probs(every, predictor=predictor)
    assert not forwards
    np.testing.assert_allclose(probs, by_the_net(wb, first), atol=1e-5)


def test_embeddings_of_light_models_are_kept_once(bench):
    wb = bench()
    every = np.arange(len(wb.pool))
    for seed in (0, 1):
        wb.registry.install(a_light_net(wb, seed), origin="trained")
        wb.inference.probs(every)
    assert not list((wb.project.folder / "predictions").rglob("embedd*"))
    np.testing.assert_array_equal(wb.inference.embeddings(), wb.registry.descriptors.of(every))
    np.testing.assert_array_equal(wb.inference.stored_embeddings(every[:4]), wb.inference.embeddings(every[:4]))
    assert wb.inference.stored_embeddings(n=7).shape == (7, wb.registry.descriptors.net.n_features)


def test_embeddings_that_nobody_asked_for_are_nan(bench):
    wb = bench()
    wb.registry.install(a_light_net(wb), origin="trained")
    assert wb.inference.stored_embeddings(np.arange(3)) is None
    assert wb.inference.embeddings().shape == (len(wb.pool), wb.registry.descriptors.net.n_features)
    assert np.isnan(wb.inference.embeddings()).all()
    wb.inference.probs(np.array([2]))
    assert np.flatnonzero(np.isfinite(wb.inference.embeddings()).all(axis=1)).tolist() == [2]


def test_an_opened_project_goes_on_with_the_rows_on_disk(bench, forwards):
    wb = bench()
    every = np.arange(len(wb.pool))
    wb.registry.install(a_light_net(wb), origin="trained")
    before, rows = wb.inference.probs(every).copy(), wb.inference.embeddings(every)
    wb.close()
    again = bench()
    forwards.clear()
    np.testing.assert_array_equal(again.inference.embeddings(every), rows)
    np.testing.assert_array_equal(again.inference.probs(every), before)
    assert not forwards


def test_a_light_model_over_other_descriptors_reads_items_itself(bench):
    wb = bench()
    other = fit_descriptors([torch.from_numpy(image[None] / np.float32(255)) for image in IMAGES[:40]], seed=3)
    wb.registry.descriptors.of(np.arange(5))
    net = light_net(other, nn.Linear(other.n_features, 3))
    wb.registry.install(net, origin="trained")
    every = np.arange(len(wb.pool))
    np.testing.assert_allclose(wb.inference.probs(every), by_the_net(wb, net), atol=1e-5)
    with torch.no_grad():
        rows = other(torch.from_numpy(IMAGES[:6, None] / np.float32(255)))
    np.testing.assert_allclose(wb.inference.embeddings(range(6)), rows, atol=1e-4)


def test_asking_for_a_model_fits_no_descriptors(bench, monkeypatch):
    wb = bench()
    other = fit_descriptors([torch.from_numpy(image[None] / np.float32(255)) for image in IMAGES[:40]])
    monkeypatch.setattr("hitl_widgets.learn.pool_descriptors.fit_descriptors", lambda *_, **__: pytest.fail("fitted"))
    wb.registry.install(light_net(other, nn.Linear(other.n_features, 3)), origin="trained")
    assert np.isfinite(wb.inference.probs(np.arange(20))).all()
    assert not wb.registry.descriptors.ready


def test_an_item_that_cannot_be_read_is_nan_and_named(bench, files):
    wb = bench(pool=files)
    net = a_light_net(wb)
    wb.registry.install(net, origin="trained")
    probs = wb.inference.probs(np.arange(30))
    assert np.flatnonzero(np.isnan(probs).any(axis=1)).tolist() == [3, 29]
    assert set(wb.inference.predictor.unreadable) == {3, 29}
    np.testing.assert_allclose(probs, by_the_net(wb, net), atol=1e-5)
    assert np.flatnonzero(np.isnan(wb.inference.embeddings(range(30))).any(axis=1)).tolist() == [3, 29]
    assert np.flatnonzero(np.isnan(wb.inference.features(range(30))).any(axis=1)).tolist() == [3, 29]


def test_features_of_a_light_model_tell_the_kinds_apart(bench):
    from sklearn.neighbors import KNeighborsClassifier
    wb = bench()
    wb.registry.install(a_light_net(wb), origin="trained")
    rows = wb.inference.features(range(len(wb.pool)))
    assert rows.shape == (len(wb.pool), wb.registry.descriptors.net.n_features)
    assert KNeighborsClassifier(3).fit(rows[:60], KINDS[:60]).score(rows[60:], KINDS[60:]) > 0.95


def test_a_net_that_follows_a_light_model_embeds_by_itself(bench):
    wb = bench()
    wb.registry.install(a_light_net(wb), origin="trained")
    wb.inference.probs(np.arange(10))
    wb.registry.install(wb.registry.architecture.fresh(3, seed=0), origin="trained")
    wb.inference.probs(np.arange(10))
    predictor = wb.inference.predictor
    assert isinstance(predictor, NetPredictor)
    np.testing.assert_allclose(wb.inference.embeddings(range(10)), predictor.embed(range(10)), atol=1e-5)


def test_the_net_of_a_person_is_asked_as_before(bench):
    wb = bench(model=small_net(), taxonomy=NAMES)
    assert wb.inference.embeddings(range(4)).shape == (4, 48)
    assert not wb.registry.descriptors.ready
