"""Probabilities are those of the pool, and confidence agrees with accuracy."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.learn import confidence
from hitl_widgets.learn.confidence import LastLayer, fit_temperature, label_rows, logit_shift
from hitl_widgets.learn.data import TrainingData, split_data
from hitl_widgets.learn.losses import PARTIAL
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, calibrate, initial_state, train
from hitl_widgets.learn.training_set import PER_LABEL, gather

torch.set_num_threads(1)


def two_kinds(n, share, *, seed=0):
    """Views of two overlapping kinds, whose brightness is normal with means 2 standard deviations apart."""
    rng = np.random.default_rng(seed)
    kinds = (rng.random(n) < share).astype(np.int64)
    images = (128 + 25 * rng.normal(2.0 * kinds, 1.0))[:, None, None] + rng.normal(0, 3, (n, 9, 9))
    return torch.from_numpy(images.clip(0, 255).astype(np.float32) / 255)[:, None], kinds, rng.random(n)


def probs_of(net, views):
    with torch.no_grad():
        return net(views).softmax(dim=1).numpy()


@pytest.mark.long
def test_a_rare_label_keeps_its_share_and_accuracy_is_no_less_than_that_of_always_saying_the_common_one():
    """Labels came equally often in training and nothing put that right: 0.899 where "common" has 0.954."""
    views, kinds, draws = two_kinds(4_000, 0.05)
    trained = train(small_cnn(2, size=9), TrainingData(views[:1_000], kinds[:1_000], draws=draws[:1_000]),
                    TrainingOptions(epochs=12))
    probs, truth = probs_of(trained.net, views[1_000:]), kinds[1_000:]
    assert (probs.argmax(axis=1) == truth).mean() >= (truth == 0).mean()
    assert abs(probs[:, 1].mean() - truth.mean()) <= 0.02


def test_going_on_from_a_net_that_has_the_shares_leaves_it_there():
    views, kinds, draws = two_kinds(700, 0.1)
    data = TrainingData(views[:400], kinds[:400], draws=draws[:400])
    first = train(small_cnn(2, size=9), data, TrainingOptions(epochs=10))
    again = train(first.net, data, TrainingOptions(epochs=1, lr=1e-6))
    assert abs(probs_of(again.net, views)[:, 1].mean() - probs_of(first.net, views)[:, 1].mean()) < 0.03


def test_the_shift_is_the_logarithm_of_the_share_drawn_over_the_share_in_the_pool():
    targets = torch.tensor([0] * 900 + [1] * 100)
    shift = logit_shift(targets, torch.ones(1_000), 2)
    assert float(shift[1] - shift[0]) == pytest.approx(math.log(900 / 100), abs=0.02)
    elsewhere = logit_shift(targets, torch.ones(1_000), 2, np.array([0.5, 0.5]))
    assert float(elsewhere[1] - elsewhere[0]) == pytest.approx(0, abs=1e-6)
    # A label is drawn ten times as often as by chance, at most: 1 % of the items, 10 % of the draws.
    rare = logit_shift(torch.tensor([0] * 990 + [1] * 10), torch.ones(1_000), 2)
    assert float(rare[1] - rare[0]) == pytest.approx(math.log((0.1 / 0.9) * (990 / 10)), abs=0.1)
    # Answers that count half teach half as much.
    weighted = logit_shift(targets, torch.where(targets == 0, 1.0, 0.5), 2)
    assert float(weighted[1] - weighted[0]) == pytest.approx(math.log(9 / 2), abs=0.02)


def test_a_label_without_an_answer_is_left_as_it_is():
    shift = logit_shift(torch.tensor([0, 0, 1, 1]), torch.ones(4), 3)
    assert shift.tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_targets_become_probabilities_without_label_smoothing():
    hard = TrainingData(torch.zeros(3, 1), [0, 1, PARTIAL], candidates=[[1, 0, 0], [0, 1, 0], [1, 1, 0]]).targets
    assert label_rows(hard, 3).tolist() == [pytest.approx(row, abs=1e-6) for row in ([1, 0, 0], [0, 1, 0], [.5, .5, 0])]
    soft = torch.tensor([[0.9 * 0.7 + 0.05, 0.9 * 0.3 + 0.05], [1.0, 0.0]])
    assert label_rows(soft, 2).tolist() == [pytest.approx(row, abs=1e-6) for row in ([0.7, 0.3], [1, 0])]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_temperature_of_many_items_undoes_a_scale_and_of_few_stays_near_one(factor):
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 2, (4_000, 3)))
    targets = torch.from_numpy((logits.softmax(dim=1).cumsum(dim=1).numpy() < rng.random((4_000, 1))).sum(axis=1))
    temperature, bias = fit_temperature(factor * logits, targets, factor * logits, targets)
    assert temperature == pytest.approx(factor, rel=0.1)
    assert bias.numpy() == pytest.approx(0, abs=0.1)
    few, _ = fit_temperature(factor * logits[:10], targets[:10], factor * logits, targets)
    assert abs(math.log(few)) <= abs(math.log(factor)) + 0.35
    none, bias = fit_temperature(logits[:0], targets[:0], logits + torch.tensor([1.0, 0.0, 0.0]), targets)
    assert none == 1.0
    assert (bias - bias[1]).numpy() == pytest.approx(np.array([-1, 0, 0]), abs=0.1)


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_the_temperature_is_found_with_a_third_of_the_fits_of_a_fine_grid(factor, monkeypatch):
    """Each of 81 temperatures was fitted to all items, a tenth of the time of a short training."""
    rng, fits = np.random.default_rng(1), []
    logits = torch.from_numpy(rng.normal(0, 3, (400, 4)))
    targets = torch.from_numpy((logits.softmax(dim=1).cumsum(dim=1).numpy() < rng.random((400, 1))).sum(axis=1))
    found = confidence._matching_bias
    monkeypatch.setattr(confidence, "_matching_bias", lambda *given: fits.append(given) or found(*given))
    temperature, _ = fit_temperature(factor * logits, targets, factor * logits, targets)

    def loss(log):
        bias = found(factor * logits / math.exp(log), label_rows(targets, 4).float().mean(dim=0))
        nats = torch.nn.functional.cross_entropy(factor * logits / math.exp(log) + bias, targets, reduction="sum")
        return float(nats) + (log - confidence.EXPECTED) ** 2 / (2 * confidence.SPREAD ** 2)
    assert len(fits) <= 27
    assert loss(math.log(temperature)) <= min(map(loss, np.linspace(-1.6, 1.6, 81))) + 1e-3


def test_children_whose_few_answers_arent_in_the_calibrating_part_keep_their_shares():
    """The shares of a split's children were counted again in every third item: a child with none there was given up."""
    rng = np.random.default_rng(0)
    n, kinds = 2_400, np.arange(2_400) // 3 % 4
    logits = torch.from_numpy(3 * np.eye(4)[kinds] + rng.normal(0, 1, (n, 4))).float()
    candidates = np.ones((n, 5), bool)
    candidates[:, 4] = False
    for kind in range(4):  # ten exact answers each, and none of the first kind is among every third item
        of_kind = np.flatnonzero((kinds == kind) & (np.arange(n) % 3 == (1 if kind == 0 else 0)))[:10]
        candidates[of_kind] = np.arange(5) == kind
    views = torch.cat([logits, torch.full((n, 1), -5.0)], dim=1)[:, None, None]
    split = split_data(TrainingData(views, kinds, candidates=candidates, draws=np.ones(n)), seed=0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(5, 5))
    with torch.no_grad():
        net[1].weight.copy_(torch.eye(5))
        net[1].bias.zero_()
    state = initial_state(net, TrainingOptions(), n_steps=1)
    state.shift, state.best_epoch = torch.zeros(5), 1
    last = LastLayer.of(net, views[:8])
    calibrate(state, last, split, label_rows(split.targets, 5).mean(dim=0).numpy())
    assert probs_of(net, views).mean(axis=0)[:4] == pytest.approx(0.25, abs=0.02)


class Squared(nn.Module):
    """A net whose linear layer isn't what gives the logits."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(81, 2)

    def forward(self, views):
        return self.fc(views.flatten(1)) ** 2


@pytest.mark.long
@pytest.mark.parametrize(("net", "there"), [
    (nn.Sequential(nn.Flatten(), nn.Linear(81, 2)), True),
    (nn.Sequential(nn.Flatten(), nn.Linear(81, 2), nn.Softmax(dim=1)), True),
    (nn.Sequential(nn.Flatten(), nn.Linear(81, 2, bias=False)), False),
    (nn.Sequential(nn.Flatten(), nn.Linear(81, 2).requires_grad_(requires_grad=False)), False),
    (Squared(), False)])
def test_the_last_layer_is_the_one_whose_bias_moves_the_logits(net, there):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    views = torch.rand(4, 1, 9, 9)
    last = LastLayer.of(net, views)
    assert (last is not None) == there
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], atol=1e-6, rtol=0)
    if last is not None:
        probs = probs_of(net, views) if len(net) == 2 else net(views).detach().numpy()
        last.divide(2.0)
        colder = probs_of(net, views) if len(net) == 2 else net(views).detach().numpy()
        assert colder == pytest.approx(np.sqrt(probs) / np.sqrt(probs).sum(axis=1, keepdims=True), abs=1e-5)


def test_a_net_without_such_a_layer_learns_labels_as_often_as_they_come_and_says_so():
    views, kinds, draws = two_kinds(800, 0.1)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(81, 8), nn.Tanh(), nn.Linear(8, 2, bias=False))
    trained = train(net, TrainingData(views[:400], kinds[:400], draws=draws[:400]), TrainingOptions(epochs=10))
    assert trained.calibrated.startswith("not calibrated: the net has no last layer with a bias")
    assert probs_of(trained.net, views[400:])[:, 1].mean() < 0.3


def test_the_pools_shares_are_those_of_answers_drawn_by_chance(tmp_path):
    pool = hw.Pool.from_images(np.zeros((40_000, 1, 1), np.uint8), ids=map(str, range(40_000)))
    wb = hw.Workbench(tmp_path, pool, ["a", "b"], annotator="ada", holdout=0.0)
    for place, item_id in enumerate(pool.ids[:200]):
        chosen_by = "random" if place < 100 else "margin"
        wb.decide(item_id, label="a" if place % 100 < (90 if chosen_by == "random" else 10) else "b",
                  seen={"chosen_by": chosen_by, "taxonomy": 1})
    data = gather(wb.project, wb.registry)
    weight = 2 * PER_LABEL
    assert data.shares == pytest.approx(np.array([90 + weight / 2, 10 + weight / 2]) / (100 + weight), abs=1e-3)
    wb.close()


def test_in_a_pool_that_is_used_up_what_a_strategy_picked_counts_as_it_is(tmp_path):
    """What chance drew was among what the strategy had left: the kind that it had asked for first was too rare."""
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8))
    wb = hw.Workbench(tmp_path, pool, ["common", "rare"], annotator="ada", holdout=0.0)
    for place, item_id in enumerate(pool.ids):
        wb.decide(item_id, label="rare" if place < 10 else "common",
                  seen={"chosen_by": "margin" if place < 10 else "audit", "taxonomy": 1})
        if place == 29:
            # Ten are open, of which 20 draws say that none is rare; 10 more count as all answers, a third of them rare.
            assert gather(wb.project, wb.registry).shares == pytest.approx([0.75, 0.25], abs=0.01)
    assert gather(wb.project, wb.registry).shares == pytest.approx([0.75, 0.25])
    wb.close()


def test_where_items_may_have_several_labels_a_used_up_pool_has_their_shares_and_none_is_always_on(tmp_path):
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8))
    wb = hw.Workbench(tmp_path, pool, ["common", "rare"], annotator="ada", holdout=0.0, task="multilabel")
    for place, item_id in enumerate(pool.ids):
        wb.decide(item_id, labels=["common", "rare"] if place < 10 else ["common"],
                  seen={"chosen_by": "margin" if place < 10 else "audit", "taxonomy": 1})
    shares = gather(wb.project, wb.registry).shares
    assert shares == pytest.approx([1.0, 0.25], abs=0.01)
    assert shares.max() < 1
    wb.close()


def test_the_pools_shares_hold_where_a_split_leaves_answers_in_doubt_and_asks_them_again(tmp_path):
    """An answer that was drawn by chance counted only as long as that was its last reason: a split label lost all."""
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (80, 8, 8), dtype=np.uint8))
    wb = hw.Workbench(tmp_path, pool, ["a", "rest"], annotator="ada", holdout=0.0)
    for place, item_id in enumerate(pool.ids):
        wb.decide(item_id, label="a" if place % 2 else "rest",
                  seen={"chosen_by": "audit" if place < 40 else "margin", "taxonomy": 1})
    wb.apply(edits.split("rest", into=["b", "c"]))
    assert gather(wb.project, wb.registry).shares == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    for place, item_id in enumerate(pool.ids[::2]):
        wb.decide(item_id, label="b" if place % 2 else "c", seen={"chosen_by": "relabel", "taxonomy": 2})
    assert gather(wb.project, wb.registry).shares == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    wb.close()


def test_a_run_says_how_far_its_confidence_can_be_trusted_and_what_rare_labels_get(tmp_path):
    views, kinds, _ = two_kinds(400, 0.2)
    pool = hw.Pool.from_images((255 * views[:, 0].numpy()).astype(np.uint8))
    labels = np.array(["common", "rare"])[kinds]
    wb = hw.Workbench(tmp_path, pool, ["common", "rare"], annotator="ada", holdout=0.3,
                      model=nn.Sequential(nn.Flatten(), nn.Linear(81, 2)))
    wb.gold(dict(zip(wb.holdout, labels[pool.positions(wb.holdout)], strict=True)))
    wb.import_annotations(pd.DataFrame({"item_id": pool.ids, "label": labels}))
    run = wb.finetune(epochs=3)
    for text in (repr(run), run._repr_html_()):
        assert "balanced" in text
        assert "calibration error (ECE, 10 bins" in text
        assert "calibrated on " in text
    assert run.table().set_index("label").loc["balanced accuracy", "after"] == pytest.approx(
        float(run.after["balanced_accuracy"]))
    read = hw.Run.from_dict(run.to_dict())
    assert (read.calibrated, read.after.ece, read.after.ece_by_chance) == (run.calibrated, run.after.ece,
                                                                          run.after.ece_by_chance)
    old = run.to_dict()
    for body in (old["before"], old["after"]):
        del body["ece"]
    del old["calibrated"]
    assert "calibrat" not in repr(hw.Run.from_dict(old))
    wb.close()
