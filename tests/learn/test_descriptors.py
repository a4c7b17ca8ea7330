"""Descriptors tell edges and brightness apart, take any image, and are fitted and computed once for a pool."""

from __future__ import annotations

import errno
import os
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from shades import IMAGES
from torch import Tensor

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn import pool_descriptors
from hitl_widgets.learn.descriptors import (
    N_DIRECTIONS,
    DescriptorNet,
    EdgeHistograms,
    fit_descriptors,
    holds_descriptors,
    unfitted_descriptors,
)
from hitl_widgets.learn.pool_descriptors import FILE, PoolDescriptors
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.learn.weights import load_weights, save_weights, weights_version


def stripes(angle, *, side=32, contrast=0.4):
    """An image whose brightness changes along one direction only, in degrees from left to right."""
    y, x = np.mgrid[:side, :side] / side
    turn = np.deg2rad(angle)
    return torch.from_numpy(0.5 + contrast * np.sin(25 * (x * np.cos(turn) + y * np.sin(turn)))).float()[None, None]


def smooth(n, side=32, seed=0):
    """Images of soft blobs."""
    noise = torch.from_numpy(np.random.default_rng(seed).random((n, 1, 8, 8))).float()
    return torch.nn.functional.interpolate(noise, (side, side), mode="bicubic").clamp(0, 1)


def by_direction(view):
    """How much there is of each direction, over the cells in the middle: at the frame lines end."""
    return EdgeHistograms(8)(view).view(4, N_DIRECTIONS, 7, 7)[:, :, 2:5, 2:5].square().sum(dim=(0, 2, 3))


@pytest.mark.parametrize("k", range(N_DIRECTIONS))
def test_stripes_count_for_their_direction(k):
    found = by_direction(stripes(180 * k / N_DIRECTIONS))
    assert int(found.argmax()) == k
    assert float(found[k]) > 3 * float(found.sum() - found[k])


def test_bars_that_stand_and_bars_that_lie_are_a_right_angle_apart():
    standing, lying = by_direction(stripes(0)), by_direction(stripes(90))
    np.testing.assert_allclose(standing.roll(N_DIRECTIONS // 2), lying, rtol=0.05, atol=0.1)
    assert float(standing @ lying) < 0.1 * float(standing @ standing)


def test_edges_are_the_same_in_other_light():
    edges, view = EdgeHistograms(8), 20 * smooth(5)  # strong edges
    for other in (view * 0.5, view + 3.0, 20 - view):  # an edge from dark to bright is one from bright to dark
        np.testing.assert_allclose(edges(other), edges(view), atol=0.02)


def test_noise_is_not_taken_for_edges():
    """Every block had length one, and the noise of a flat background counted as much as an edge."""
    edges, view = EdgeHistograms(8), smooth(5)
    assert edges(0.001 * view).square().sum() < 0.2 * edges(view).square().sum()


def test_edges_are_near_those_of_scikit_image():
    """Distances between images agree, though cells and interpolation aren't the same."""
    hog = pytest.importorskip("skimage.feature").hog
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr
    mixed = torch.from_numpy(np.random.default_rng(1).dirichlet(np.full(5, 0.5), 40)).float()
    views = (mixed @ smooth(5).flatten(1)).view(40, 1, 32, 32)
    theirs = np.array([hog(view[0].numpy(), orientations=8, pixels_per_cell=(4, 4), cells_per_block=(2, 2),
                           block_norm="L2-Hys", transform_sqrt=False) for view in views])
    ours = EdgeHistograms(8)(views).numpy()
    assert spearmanr(pdist(ours ** 2), pdist(theirs)).statistic > 0.85


def test_colour_shows_edges_that_grey_hides():
    left, right = torch.tensor([0.6, 0.2, 0.4]), torch.tensor([0.2, 0.6, 0.4])  # alike in grey
    view = torch.where(torch.arange(32)[None, None, None] < 16, left[None, :, None, None], right[None, :, None, None])
    view = view.expand(1, 3, 32, 32)
    edges = EdgeHistograms(4)
    nothing = edges(torch.full((1, 1, 32, 32), 0.4))
    np.testing.assert_allclose(edges(view.mean(dim=1, keepdim=True)), nothing, atol=1e-3)
    assert float((edges(view) - nothing).abs().max()) > 0.3


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_slopes_on_a_flat_image_are_finite(value):
    net = fit_descriptors(smooth(12))
    view = torch.full((1, 1, 32, 32), value, requires_grad=True)
    net(view).square().sum().backward()
    assert torch.isfinite(view.grad).all()


@pytest.mark.long
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (1, 28, 28), (3, 33, 17), (3, 5, 90), (1, 1, 1),
                                                           (3, 120, 64)])
def test_views_of_any_size_and_colour_have_descriptors(channels, height, width):
    views = torch.from_numpy(np.random.default_rng(0).random((9, channels, height, width))).float()
    net = fit_descriptors(views)
    assert net(views).shape == (9, net.n_features)
    assert torch.isfinite(net(views)).all()
    n = net.n_components  # tones are those of a view's own size
    np.testing.assert_allclose(net(net.resized(views))[:, :n], net(views)[:, :n], atol=1e-5)
    np.testing.assert_allclose(net.rows_of(list(views)), net(views), atol=1e-5)


def test_views_of_several_sizes_are_one_batch():
    views = [smooth(1, side)[0] for side in (20, 28, 40)]
    net = fit_descriptors(views)
    assert net.resized(views).shape == (3, 1, 20, 20)


def test_components_are_those_of_the_sample():
    """The blocks are centred and weigh 1, 0.7 and 0.6; the fine components don't correlate."""
    views = smooth(150)
    with torch.no_grad():
        rows = fit_descriptors(views)(views).numpy().astype(float)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-4)
    for columns, weight in ((slice(0, 100), 1.0), (slice(100, 150), 0.7), (slice(150, 200), 0.6),
                            (slice(200, 300), 1.2)):
        assert np.sqrt((rows[:, columns] ** 2).sum(axis=1).mean()) == pytest.approx(weight, rel=0.02)
    correlation = np.corrcoef(rows[:, :20].T) - np.eye(20)
    assert np.abs(correlation).max() < 0.02


def test_one_seed_gives_one_net_and_leaves_torchs_generator_alone():
    state = torch.random.get_rng_state()
    assert weights_version(fit_descriptors(smooth(30), seed=4)) == weights_version(fit_descriptors(smooth(30), seed=4))
    assert torch.equal(state, torch.random.get_rng_state())


def test_nothing_can_be_fitted_to_nothing():
    with pytest.raises(BadInput, match="no view"):
        fit_descriptors([])


def test_images_that_are_all_alike_have_the_same_finite_descriptors():
    net = fit_descriptors(torch.full((20, 1, 28, 28), 0.3))
    assert torch.equal(net(torch.full((2, 1, 28, 28), 0.3))[:, :300], torch.zeros(2, 300))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_stored_net_is_the_same(channels, tmp_path):
    views = smooth(15).repeat(1, channels, 1, 1)
    net = fit_descriptors(views)
    save_weights(net, tmp_path / FILE)
    assert holds_descriptors(tmp_path / FILE)
    again = load_weights(unfitted_descriptors(tmp_path / FILE), tmp_path / FILE)
    assert torch.equal(again(views), net(views))
    (tmp_path / FILE).write_bytes(b"damaged")
    assert not holds_descriptors(tmp_path / FILE)


# -- of a pool -----------------------------------------------------------------------------------------------

def of_pool(folder, images=IMAGES[:40], *, measures=(), seed=0):
    pool = images if isinstance(images, hw.Pool) else hw.Pool.from_images(images)
    mask = np.isin(np.arange(len(pool)), measures)
    return PoolDescriptors(pool, folder, view=lambda: Preprocess(16, channels=1), measures=lambda: mask, seed=seed)


@pytest.mark.parametrize("n", [1, 2, 10])
def test_a_small_pool_has_descriptors(n, tmp_path):
    rows = of_pool(tmp_path, IMAGES[:n]).of(np.arange(n))
    assert rows.shape == (n, 309)
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == n


@pytest.mark.long
def test_digits_of_8_pixels_have_descriptors_that_tell_them_apart(tmp_path):
    from sklearn.datasets import load_digits
    from sklearn.neighbors import KNeighborsClassifier
    data = load_digits()
    pool = hw.Pool.from_images((data.images[:400] * 15).astype(np.uint8))
    rows = PoolDescriptors(pool, tmp_path, view=lambda: Preprocess(8, channels=1),
                           measures=lambda: np.zeros(400, bool), seed=0).of(np.arange(400))
    assert KNeighborsClassifier(3).fit(rows[:300], data.target[:300]).score(rows[300:], data.target[300:400]) > 0.9


def test_rows_are_those_of_the_net_in_the_order_asked_for(tmp_path):
    found = of_pool(tmp_path)
    with torch.no_grad():
        views = torch.from_numpy(IMAGES[[7, 3, 7], None].astype(np.float32) / 255)
        np.testing.assert_allclose(found.of(np.array([7, 3, 7])), found.net(views), atol=1e-5)


def test_items_that_measure_never_enter_the_fit(tmp_path):
    """Other hold-out images leave the net as it is; others among the rest don't."""
    held_out = np.arange(5, 20)
    others = IMAGES[:40].copy()
    others[held_out] = 255 - others[held_out] // 3
    first, second = (of_pool(tmp_path / name, images, measures=held_out)
                     for name, images in (("a", IMAGES[:40]), ("b", others)))
    assert first.version == second.version
    others[0] = 0
    assert of_pool(tmp_path / "c", others, measures=held_out).version != first.version


def test_where_every_item_measures_there_are_descriptors_still(tmp_path):
    assert np.isfinite(of_pool(tmp_path, IMAGES[:6], measures=range(6)).of(np.arange(6))).all()


def test_an_unreadable_item_is_nan_and_the_rest_are_not(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n, image in enumerate(IMAGES[:8]):
        Image.fromarray(image).save(folder / f"{n}.png")
    (folder / "2.png").write_bytes(b"not a picture")
    rows = of_pool(tmp_path / "d", hw.Pool.from_images(folder)).of(np.arange(8))
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [2]


def test_a_pool_of_which_nothing_can_be_read_says_so(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"not a picture")
    with pytest.raises(ModelError, match="none of the pool's items can be read"):
        of_pool(tmp_path / "d", hw.Pool.from_images(folder)).of(np.arange(1))


def test_two_threads_fit_once_and_have_the_same_rows(tmp_path, monkeypatch):
    fits = []
    monkeypatch.setattr("hitl_widgets.learn.pool_descriptors.fit_descriptors",
                        lambda *some, **more: fits.append(1) or fit_descriptors(*some, **more))
    found, rows, start = of_pool(tmp_path), {}, threading.Barrier(3)

    def ask(name):
        start.wait()
        rows[name] = found.of(np.arange(40))
    threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fits) == 1
    np.testing.assert_array_equal(rows["a"], rows["b"])
    np.testing.assert_array_equal(rows["a"], rows["c"])


def test_rows_are_computed_once_and_kept(tmp_path, monkeypatch):
    before = of_pool(tmp_path).of(np.arange(40))
    monkeypatch.setattr(DescriptorNet, "forward", lambda self, views: pytest.fail("computed again"))
    monkeypatch.setattr("hitl_widgets.learn.pool_descriptors.fit_descriptors", lambda *_, **__: pytest.fail("fitted"))
    again = of_pool(tmp_path)
    np.testing.assert_array_equal(again.of(np.arange(40)), before)
    np.testing.assert_array_equal(again.stored(np.arange(3)), before[:3])


@pytest.mark.parametrize("damaged", [FILE, "embedding-*.npy", "embedded-*.npy"])
@pytest.mark.parametrize("how", ["cut off", "of another size", "gone"])
def test_damaged_files_are_made_again(damaged, how, tmp_path):
    before = of_pool(tmp_path).of(np.arange(40))
    [path] = tmp_path.rglob(damaged)
    whole = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes(whole[:len(whole) // 2] if how == "cut off" else b"")
    np.testing.assert_allclose(of_pool(tmp_path).of(np.arange(40)), before, atol=1e-5)


def test_rows_of_another_pool_are_not_taken(tmp_path):
    ids = [f"x{n}" for n in range(40)]
    of_pool(tmp_path).of(np.arange(40))
    other = of_pool(tmp_path, hw.Pool.from_images(IMAGES[40:80], ids=ids))
    with torch.no_grad():
        views = torch.from_numpy(IMAGES[40:80, None].astype(np.float32) / 255)
        np.testing.assert_allclose(other.of(np.arange(40)), other.net(views), atol=1e-5)
    assert other.version != of_pool(tmp_path).version


def test_kernels_that_describe_one_pool_at_once_describe_each_item_once(tmp_path, monkeypatch):
    fits, described = [], []
    monkeypatch.setattr(pool_descriptors, "AT_ONCE", 5)
    monkeypatch.setattr(pool_descriptors, "_FEW", 0)  # a few are computed without waiting for the others
    monkeypatch.setattr(pool_descriptors, "fit_descriptors",
                        lambda *some, **more: fits.append(1) or fit_descriptors(*some, **more))
    compute = PoolDescriptors._compute

    def counted(self, net, positions):
        described.extend(positions.tolist())
        return compute(self, net, positions)
    monkeypatch.setattr(PoolDescriptors, "_compute", counted)
    kernels, rows, start = [of_pool(tmp_path) for _ in range(3)], {}, threading.Barrier(3)

    def ask(n):
        start.wait()
        rows[n] = kernels[n].of(np.arange(40))
    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fits) == 1
    assert sorted(described) == list(range(40))
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])


def test_other_images_under_the_same_ids_and_another_accounts_files_are_not_taken(tmp_path, monkeypatch):
    found = of_pool(tmp_path)
    found.of(np.arange(40))
    other = of_pool(tmp_path, IMAGES[40:80])
    with torch.no_grad():
        views = torch.from_numpy(IMAGES[40:80, None].astype(np.float32) / 255)
        np.testing.assert_allclose(other.of(np.arange(40)), other.net(views), atol=1e-5)
    assert of_pool(tmp_path).holds(found.version)
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1, raising=False)
    assert not of_pool(tmp_path).holds(found.version)


def test_describing_takes_one_thread_of_torchs_and_leaves_the_others_theirs(tmp_path, monkeypatch):
    before, seen = torch.get_num_threads(), []
    compute = PoolDescriptors._compute

    def elsewhere():
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()

    def looking(self, net, positions):
        elsewhere()
        rows = compute(self, net, positions)
        seen.append(torch.get_num_threads())
        return rows
    monkeypatch.setattr(PoolDescriptors, "_compute", looking)
    torch.set_num_threads(3)
    try:
        of_pool(tmp_path).of(np.arange(30))
        assert seen == [3, 1]
        assert torch.get_num_threads() == 3
        elsewhere()
        assert seen == [3, 1, 3]
    finally:
        torch.set_num_threads(before)


def test_rows_too_many_to_be_kept_are_computed_each_time(tmp_path, monkeypatch):
    kept = of_pool(tmp_path / "a").of(np.array([5, 2, 5]))
    monkeypatch.setattr("hitl_widgets.learn.pool_descriptors.LIMIT", 1000)
    found = of_pool(tmp_path / "b")
    np.testing.assert_allclose(found.of(np.array([5, 2, 5])), kept, atol=1e-5)
    assert found.stored(np.arange(3)) is None


def test_whether_a_version_is_held_is_answered_without_a_fit(tmp_path):
    first = of_pool(tmp_path)
    assert not first.holds("0" * 16)
    assert not first.ready
    version = first.version
    second = of_pool(tmp_path)
    assert second.holds(version)
    assert not second.holds("0" * 16)


def test_views_are_reduced_before_they_are_gathered(tmp_path, monkeypatch):
    """4,000 views of 96 x 96 in colour would take 440 MB at once."""
    given: list[Tensor] = []
    monkeypatch.setattr("hitl_widgets.learn.pool_descriptors.fit_descriptors",
                        lambda views, **more: given.extend(views) or fit_descriptors(views, **more))
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 256, (6, 96, 96, 3), np.uint8))
    found = PoolDescriptors(pool, tmp_path, view=lambda: Preprocess(96, channels=3),
                            measures=lambda: np.zeros(6, bool), seed=0)
    assert found.net.side == 48
    assert {tuple(view.shape) for view in given} == {(3, 48, 48)}


# -- no room on the disk -----------------------------------------------------------------------------------------

def test_a_full_disk_costs_time_and_no_descriptors(tmp_path, monkeypatch):
    """Rows were written to a memory map without room for them, which ended the process (SIGBUS)."""
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")
    expected = of_pool(tmp_path / "roomy").of(np.arange(20))
    monkeypatch.setattr(os, "posix_fallocate", full)
    found = of_pool(tmp_path / "rows")
    for _ in range(2):
        assert np.allclose(found.of(np.array([7, 3, 7])), expected[[7, 3, 7]], atol=1e-4)
    monkeypatch.setattr(pool_descriptors, "save_weights", full)
    unsaved = of_pool(tmp_path / "net")
    assert np.allclose(unsaved.of(np.arange(20)), expected, atol=1e-4)
    monkeypatch.undo()
    assert np.allclose(unsaved.of(np.arange(20)), expected, atol=1e-4)  # room again
    assert np.allclose(found.of(np.arange(20)), expected, atol=1e-4)
    assert found.stored(np.arange(20)).shape == (20, found.net.n_features)
