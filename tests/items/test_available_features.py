"""Features that are at hand in time, from a person's net or from the pool's descriptors."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import ModelError
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.items.features import AvailableFeatures
from hitl_widgets.project import session
from hitl_widgets.testing import wait_for

IMAGES, LABELS = digits_on_photographs(120, size=32, seed=1)


class Slow:
    """Descriptors of files that lie far away."""

    def __init__(self):
        self.gate, self.asked = threading.Event(), []

    def __call__(self, positions):
        self.gate.wait()
        self.asked += positions.tolist()
        return np.stack([positions, positions], axis=1).astype(np.float32)


def no_model(positions):
    return None


def opened_gate():
    describe = Slow()
    describe.gate.set()
    return describe


def test_descriptors_are_at_hand_once_they_were_prepared():
    features = AvailableFeatures(120, embeddings=no_model, describe=opened_gate())
    assert features.get(np.arange(3)) is None
    features.prepare(np.arange(60), budget_s=60)
    assert features.get(np.array([5, 100, 59]))[:, 0].tolist() == pytest.approx([5, np.nan, 59], nan_ok=True)
    assert features.get(np.array([100, 101])).shape == (2, 2)


def test_slow_files_keep_nobody_waiting_and_are_known_later():
    describe = Slow()
    features = AvailableFeatures(120, embeddings=no_model, describe=describe)
    features.prepare(np.arange(20), budget_s=0.05)
    assert features.get(np.arange(20)) is None
    describe.gate.set()
    features.prepare(np.arange(20), budget_s=60)
    assert np.isfinite(features.get(np.arange(20))).all()


def test_the_thread_goes_on_with_what_nobody_waits_for_and_computes_nothing_twice():
    describe = opened_gate()
    features = AvailableFeatures(1_000, embeddings=no_model, describe=describe)
    features.prepare(np.arange(10), budget_s=60, then=np.arange(1_000))
    wait_for(lambda: np.isfinite(features.get(np.arange(1_000))).all())
    features.prepare(np.arange(500), budget_s=60)
    assert sorted(describe.asked) == list(range(1_000))


def test_a_persons_own_net_says_what_items_look_like_and_descriptors_tell_near_duplicates():
    features = AvailableFeatures(9, embeddings=lambda positions: np.ones((len(positions), 5)), describe=opened_gate())
    features.prepare(np.arange(9), budget_s=60)
    assert features.get(np.arange(9)).shape == (9, 5)
    assert features.descriptors(np.arange(9)).shape == (9, 2)


def test_where_no_item_can_be_read_nobody_waits_and_it_is_tried_once():
    tries = []

    def describe(positions):
        tries.append(positions)
        raise ModelError("none can be read")
    features = AvailableFeatures(9, embeddings=no_model, describe=describe)
    for _ in range(2):
        features.prepare(np.arange(9), budget_s=60)
    assert features.get(np.arange(9)) is None
    assert len(tries) == 1


def test_the_first_items_of_a_project_without_a_model_are_typical_and_of_many_kinds(tmp_path):
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(IMAGES), sorted(set(LABELS)), annotator="ada", holdout=0)
    wb.registry.descriptors.of(np.arange(120))  # they are at hand in time on a slow machine too
    items = wb.next(20)
    assert {item.chosen_by for item in items} == {"typiclust", "audit"}
    assert wb.next(20).ids == items.ids
    wb.close()


@pytest.mark.parametrize("many", [False, True])
def test_the_first_question_of_a_large_pool_hardly_waits_for_descriptors(many, tmp_path, monkeypatch):
    waits, prepare = [], AvailableFeatures.prepare

    def recorded(features, positions, *, budget_s, then=None):
        waits.append(budget_s)
        prepare(features, positions, budget_s=budget_s if many else 60, then=then)
    monkeypatch.setattr(AvailableFeatures, "prepare", recorded)
    monkeypatch.setattr(session, "MANY", 120 if many else 121)
    with hw.Workbench(tmp_path, hw.Pool.from_images(IMAGES), sorted(set(LABELS)), annotator="ada", holdout=0) as wb:
        describe = Slow()
        wb.session._features._describe = describe
        if not many:
            describe.gate.set()
        items = wb.next(20)
        assert {item.chosen_by for item in items} == {"random" if many else "typiclust", "audit"}
        assert (waits[0] < 1) == many
        describe.gate.set()


@pytest.mark.long
def test_opening_a_project_and_preparing_nothing_loads_no_torch(tmp_path):
    script = ("import sys, numpy as np, hitl_widgets as hw\n"
              f"wb = hw.Workbench({str(tmp_path)!r}, hw.Pool.from_images(np.zeros((9, 8, 8), np.uint8)), ['a', 'b'])\n"
              "assert 'torch' not in sys.modules\nwb.close()")
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


@pytest.mark.long
@pytest.mark.slow
def test_the_workbenchs_own_net_goes_on_with_the_pools_descriptors(tmp_path):
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(IMAGES), sorted(set(LABELS)), annotator="ada", holdout=0)
    for item, label in zip(wb.pool.ids[:30], LABELS[:30], strict=True):
        wb.decide(item, label=str(label))
    wb.finetune(epochs=1)
    wb.registry.descriptors.of(np.arange(120))
    wb.next(20)
    assert wb.project.selector.embeddings(np.arange(120)).shape == (120, wb.registry.descriptors.net.n_features)
    assert {item.chosen_by for item in wb.next(20)} == {"typiclust", "audit"}
    wb.close()


def test_a_thread_that_the_end_of_the_interpreter_meets_says_nothing_of_it_and_others_do(monkeypatch):
    said = []
    monkeypatch.setattr(threading, "excepthook", lambda about: said.append(str(about.exc_value)))
    for message in ("cannot schedule new futures after interpreter shutdown", "a fault"):
        def describe(positions, message=message):
            raise RuntimeError(message)
        features = AvailableFeatures(9, embeddings=no_model, describe=describe)
        features.prepare(np.arange(9), budget_s=60)
        assert features.get(np.arange(9)) is None
    wait_for(lambda: said)
    assert said == ["a fault"]
