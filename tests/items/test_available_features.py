"""Features that are at hand in time, from a model or from pixels."""

import threading

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.items.features import AvailableFeatures

IMAGES, LABELS = digits_on_photographs(120, size=32, seed=1)


class Slow:
    """A pool whose files lie far away."""

    def __init__(self):
        self.gate, self.n_loaded = threading.Event(), 0

    def __len__(self):
        return len(IMAGES)

    def load(self, position):
        self.gate.wait()
        self.n_loaded += 1
        return IMAGES[position]


def no_model(positions):
    return None


def test_pixels_are_at_hand_once_they_were_prepared():
    features = AvailableFeatures(hw.Pool.from_images(IMAGES), embeddings=no_model, seed=0)
    assert features.get(np.arange(3)) is None
    features.prepare(np.arange(60), budget_s=60)
    rows = features.get(np.array([5, 100, 59]))
    assert np.isfinite(rows).all(axis=1).tolist() == [True, False, True]
    assert features.get(np.array([100, 101])).shape == (2, rows.shape[1])


def test_slow_files_keep_nobody_waiting_and_are_known_later():
    pool = Slow()
    features = AvailableFeatures(pool, embeddings=no_model, seed=0)
    features.prepare(np.arange(20), budget_s=0.05)
    assert pool.n_loaded == 0
    assert features.get(np.arange(20)) is None
    pool.gate.set()
    features.prepare(np.arange(20), budget_s=60)
    assert np.isfinite(features.get(np.arange(20))).all()


def test_the_first_items_of_a_project_without_a_model_are_typical_and_of_many_kinds(tmp_path):
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(IMAGES), sorted(set(LABELS)), annotator="ada", holdout=0)
    items = wb.next(20)
    assert {item.chosen_by for item in items} == {"typiclust", "audit"}
    assert wb.next(20).ids == items.ids
    wb.close()


@pytest.mark.slow
def test_a_models_own_view_takes_the_place_of_pixels(tmp_path):
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(IMAGES), sorted(set(LABELS)), annotator="ada", holdout=0)
    for item, label in zip(wb.pool.ids[:30], LABELS[:30], strict=True):
        wb.decide(item, label=str(label))
    wb.finetune(epochs=1)
    wb.next(20)
    rows = wb.project.selector.embeddings(np.arange(120))
    assert rows.shape[1] == wb.models.embeddings().shape[1]
    assert {item.chosen_by for item in wb.next(20)} == {"typiclust", "audit"}
    wb.close()
