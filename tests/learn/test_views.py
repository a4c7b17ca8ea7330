"""Views of files are read on threads, decoded no larger than needed, and kept: no file is decoded twice."""

from __future__ import annotations

import os
import pickle
import threading

import numpy as np
import pytest
import torch
from nets import LABELS, ResNet, seeded
from PIL import Image
from torch.utils.data import DataLoader

import hitl_widgets as hw
from hitl_widgets.errors import ImageError
from hitl_widgets.items.reading import in_order
from hitl_widgets.learn import data as training_data
from hitl_widgets.learn.data import LabelledImages, load_views, make_batches
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import Preprocess, as_preprocess
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.learn.views import KeptViews, Views, read_view

CROP = Preprocess(32, fit="crop", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.2), channels=3)


def scene(n, height=480, width=640):
    """A smooth picture with some detail, as photographs are."""
    rng = np.random.default_rng(n)
    coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8)).resize((width, height), 3)
    fine = Image.fromarray(rng.integers(0, 255, (height // 4, width // 4, 3), np.uint8)).resize((width, height), 2)
    return Image.blend(coarse, fine, 0.2)


@pytest.fixture
def photographs(tmp_path):
    for n in range(8):
        scene(n).save(tmp_path / f"{n}.jpg", quality=90)
    return hw.Pool.from_images(tmp_path)


@pytest.fixture
def opened(monkeypatch):
    """The positions of the items that were decoded."""
    positions = []

    def noting(plain):
        def reading(pool, position, *more):
            positions.append(position)
            return plain(pool, position, *more)
        return reading
    for name in ("load", "load_reduced"):
        monkeypatch.setattr(hw.Pool, name, noting(getattr(hw.Pool, name)))
    return positions


def doubled(image):
    return torch.from_numpy(np.asarray(Image.fromarray(image).resize((16, 16)), np.float32).transpose(2, 0, 1) / 100)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_photograph_gives_nearly_the_same_view(fit, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    scene(0, 900, 1201).save(tmp_path / "a.jpg", quality=92, exif=exif)
    pool, preprocess = hw.Pool.from_images(tmp_path), Preprocess((60, 50), fit=fit)
    view, size = read_view(pool, 0, preprocess)
    image = pool.load(0)
    reduced, _ = pool.load_reduced(0, preprocess.scaled_size)
    assert size == image.shape[:2] == ((900, 1201) if orientation < 5 else (1201, 900))
    assert reduced.size < image.size / 4
    assert (view - preprocess(image)).abs().mean() < 1.5 / 255
    assert (view - preprocess(image)).abs().max() < 12 / 255


def test_small_photographs_are_not_reduced(photographs):
    assert photographs.load_reduced(0, lambda height, width: (height, width))[0].shape == (480, 640, 3)


@pytest.mark.parametrize("preprocess", [CROP, Preprocess((20, 30), fit="pad", channels=3), doubled])
def test_a_view_that_was_kept_is_the_view(preprocess, photographs, opened):
    views = Views(photographs, range(8), preprocess)
    first = [views[row] for row in range(8)]
    assert sorted(opened) == list(range(8))
    again = [views[row] for row in (7, 0, 3)]
    assert len(opened) == 8
    for view, row in zip(again, (7, 0, 3), strict=True):
        assert torch.equal(view, first[row])
        assert torch.equal(view, read_view(photographs, row, preprocess)[0])
        view += 1  # what a training writes into a batch doesn't reach what is kept
    assert torch.equal(views[7], first[7])


def test_views_of_a_preprocess_are_kept_as_bytes(photographs):
    kept = KeptViews()
    load_views(Views(photographs, range(8), CROP, kept=kept))
    assert kept._end == 8 * 32 * 32 * 3


def test_a_training_decodes_each_photograph_once(photographs, opened, monkeypatch):
    """Beyond 256 MB, each epoch decoded all of its files again."""
    monkeypatch.setattr(training_data, "RESIDENT_BYTES", 0)
    kept, answers = KeptViews(), ["La", "Lb"] * 4
    nets = []
    for _ in range(2):
        data = LabelledImages(photographs, range(8), answers, LABELS, preprocess=CROP, kept=kept).training_data()
        nets.append(train(seeded(ResNet, 3, 3), data, TrainingOptions(epochs=2), device="cpu").net)
    assert sorted(opened) == list(range(8))
    monkeypatch.undo()
    data = LabelledImages(photographs, range(8), answers, LABELS, preprocess=CROP).training_data()
    resident = train(seeded(ResNet, 3, 3), data, TrainingOptions(epochs=2), device="cpu").net
    for net in nets:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(net.parameters(), resident.parameters(),
                                                                     strict=True))


def test_the_next_training_of_a_project_decodes_only_what_is_new(tmp_path, photographs, opened, monkeypatch):
    monkeypatch.setattr(training_data, "RESIDENT_BYTES", 0)
    wb = hw.Workbench(tmp_path / "project", photographs, ["a", "b"], model=seeded(ResNet, 2, 3), preprocess=CROP,
                      holdout=0)
    for n, item_id in enumerate(photographs.ids[:6]):
        wb.decide(item_id, label="ab"[n % 2])
    for wanted in ([0, 1, 2, 3, 4, 5], [6]):
        opened.clear()
        load_views(wb.training_set().images)
        assert sorted(opened) == wanted
        wb.decide(photographs.ids[6], label="a")


def test_a_file_that_changed_is_read_again(photographs, tmp_path, opened):
    kept = KeptViews()
    before = Views(photographs, [0], CROP, kept=kept)[0]
    scene(99).save(tmp_path / "0.jpg")
    os.utime(tmp_path / "0.jpg", ns=(1, 1))
    after = Views(photographs, [0], CROP, kept=kept)[0]
    assert not torch.equal(before, after)
    assert torch.equal(after, read_view(photographs, 0, CROP)[0])


def test_a_full_file_or_disk_keeps_no_more_and_stops_nothing(photographs, opened, monkeypatch):
    kept = KeptViews(3 * 32 * 32 * 3 + 5)
    views = Views(photographs, range(8), CROP, kept=kept)
    first = [views[row] for row in range(8)]
    assert len(kept) == 3
    assert torch.equal(views[7], first[7])
    assert len(opened) == 9

    def full(**_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    views = Views(photographs, range(8), CROP)
    assert torch.equal(views[2], first[2])
    assert torch.equal(views[2], first[2])


def test_what_a_random_function_gives_is_not_kept(photographs):
    rng = np.random.default_rng(0)
    preprocess = as_preprocess(lambda image: doubled(image) + float(rng.random()), None, [photographs.load(0)])
    assert preprocess.random
    views = Views(photographs, range(8), preprocess)
    assert not torch.equal(views[0], views[0])


def test_threads_that_share_kept_views_see_the_right_ones(photographs):
    views = Views(photographs, range(8), CROP)
    expected, wrong = [read_view(photographs, row, CROP)[0] for row in range(8)], []

    def look(seed):
        for row in np.random.default_rng(seed).integers(0, 8, 60):
            if not torch.equal(views[row], expected[row]):
                wrong.append(row)
    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_another_process_makes_its_own_views(photographs, opened, monkeypatch):
    """A loader's worker that was forked shares the file, but not the table of what lies where in it."""
    data = LabelledImages(photographs, range(8), ["La", "Lb"] * 4, LABELS, preprocess=CROP)
    expected, kept = torch.stack([data[row][0] for row in range(8)]), data.images._kept
    monkeypatch.setattr("os.getpid", lambda: -1)
    views = torch.cat([views for views, _, _ in DataLoader(data, batch_size=4)])
    assert torch.equal(views, expected)
    assert len(opened) == 16
    assert len(kept) == 8
    assert len(pickle.loads(pickle.dumps(kept))) == 0


def test_batches_are_read_ahead_in_their_order_and_a_broken_file_is_left_out(photographs, tmp_path):
    (tmp_path / "3.jpg").write_bytes(b"no image")
    views = Views(photographs, range(8), CROP)
    _, readable = load_views(views)
    assert np.flatnonzero(~readable).tolist() == [3]
    rows = [np.array([7, 0]), np.array([5]), np.array([1, 2, 4])]
    for (batch, targets, _), some in zip(make_batches(views, torch.arange(8), None, rows), rows, strict=True):
        assert targets.tolist() == some.tolist()
        assert torch.equal(batch, torch.stack([views[row] for row in some]))
    with pytest.raises(ImageError):
        views[3]


def test_a_predictor_sees_what_a_training_sees(photographs):
    predictor = NetPredictor(seeded(ResNet, 3, 3), photographs, LABELS, preprocess=CROP, batch_size=3)
    views = torch.stack(list(Views(photographs, range(8), CROP)))
    with torch.no_grad():
        expected = predictor.net(views).softmax(dim=1)
    np.testing.assert_allclose(predictor.predict(range(8)), expected, atol=1e-5)


def test_results_come_in_order_and_an_error_ends_them():
    assert list(in_order(lambda n: n * n, range(50), ahead=3)) == [n * n for n in range(50)]
    done = in_order(lambda n: 1 / (3 - n), range(1000), ahead=2)
    with pytest.raises(ZeroDivisionError):
        list(done)
