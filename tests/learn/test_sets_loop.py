"""A project of several labels an item: background, suggestions, fine-tuning, measurement, edits."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.learn.average import AverageNet, average_set_logits
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.light import is_light_net
from hitl_widgets.learn.run import Run
from hitl_widgets.project.simulation import simulate
from hitl_widgets.quality.multilabel import MultilabelMetrics, multilabel_metrics
from hitl_widgets.sampling.ranking import todays_probs
from hitl_widgets.sampling.uncertainty import set_margin
from hitl_widgets.taxonomy.label_sets import members

NAMES = ["bars", "rows", "board"]
N = 150


def two_patterns(n=N, *, seed=0):
    """Images of two patterns side by side, of three, and the names of those that each has."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(3, size=(n, 2))
    shades = np.zeros((3, 16, 16))
    shades[0, 4:12, ::4], shades[1, ::4, 4:12] = 1, 1
    shades[2, 4:12, 4:12] = np.add.outer(np.arange(8), np.arange(8)) % 2
    images = np.concatenate([shades[kinds[:, 0]], shades[kinds[:, 1]]], axis=2) + rng.normal(0, 0.1, (n, 16, 32))
    return (images.clip(0, 1) * 255).astype(np.uint8), [sorted({NAMES[kind] for kind in pair}) for pair in kinds]


IMAGES, LABELS = two_patterns()
POOL = hw.Pool.from_images(IMAGES)
TRUTH = dict(zip(map(str, POOL.ids), LABELS, strict=True))


@pytest.fixture
def open_(tmp_path):
    def make(**more):
        return hw.Workbench(tmp_path / "project", POOL, NAMES, task="multilabel", annotator="ada", progress=False,
                            **more)
    return make


def answer(wb, n, *, truth=TRUTH, holdout=False):
    queue = wb.project.queue
    places = np.flatnonzero((queue.holdout == holdout) & ~queue.is_answered())[:n]
    for item_id in map(str, POOL.ids[places]):
        wb.decide(item_id, labels=truth[item_id])


def learn(wb):
    return BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify).learn()


def right(wb, *, truth=TRUTH):
    """The share of open items whose suggestion is their set."""
    places = np.flatnonzero(~wb.project.queue.is_answered())
    wb.registry.inference.ask(places)
    return np.mean([wb.project.prediction(place).suggestion == wb.taxonomy.label_set(truth[str(POOL.ids[place])])
                    for place in places.tolist()])


@pytest.mark.long
def test_sixty_answers_teach_a_light_model_whose_suggestions_are_right(open_):
    with open_() as wb:
        simulate(wb, TRUTH, 60, error=0.0)
        version = learn(wb)
        event = wb.project.state.adopted
        assert event.body["model"] == version
        assert is_light_net(wb.registry.inference.predictor.net)
        assert set(event.body["thresholds"]) == set(wb.taxonomy.label_ids) == set(wb.project.ranking.thresholds)
        assert event.body["out_of_fold"]["right"] > 0.8 * event.body["out_of_fold"]["n"]
        assert right(wb) > 0.85
    with open_() as again:
        assert again.registry.adopted == version
        assert again.project.ranking.thresholds == event.body["thresholds"]


@pytest.mark.long
def test_the_progress_measures_a_model_of_the_background_with_its_own_thresholds(open_):
    """It was measured only where an item has one label: nothing was told of the model in use, or of an older one."""
    with open_(holdout=0.3) as wb:
        answer(wb, 60)
        answer(wb, 30, holdout=True)
        version = learn(wb)
        [row] = [row for row in wb.progress().accuracy.to_dict("records") if row["source"] == "holdout"]
        assert (row["model"], row["origin"], row["figure"], row["n"]) == (version, "background", "macro F1", 30)
        measuring = wb.project.measuring().holdout
        probs, label_ids = wb.registry.inference.own_probs(np.array(list(measuring)))
        truth = [[label_id in members(given) for label_id in label_ids] for given in measuring.values()]
        limits = [wb.project.ranking.thresholds[label_id] for label_id in label_ids]
        by_hand = multilabel_metrics(truth, probs, limits, label_ids)["macro_f1"]
        assert (row["share"], row["low"], row["high"]) == pytest.approx((by_hand.value, by_hand.low, by_hand.high))
        assert "background model of 60 answers" in repr(wb.progress())


def test_it_begins_once_answers_differ_in_some_label(open_):
    with open_() as wb:
        for item_id in POOL.ids[np.flatnonzero(~wb.project.queue.holdout)[:25]]:
            wb.decide(str(item_id), labels=["bars"])
        learning = BackgroundLearning(wb.project, lambda: wb.registry, notify=print)
        assert learning.learn() is None
        assert "differ in some label" in learning.state.why


@pytest.mark.long
def test_a_former_light_model_gives_way_to_one_that_learnt_more(open_):
    with open_() as wb:
        answer(wb, 25)
        first = learn(wb)
        answer(wb, 35)
        second = learn(wb)
        assert second not in (None, first)
        compared = wb.project.state.adopted.body["compared"]
        assert compared["n"] == 35
        assert compared["new"] < compared["adopted"]
        wb.adopt(first)
        assert wb.project.ranking.thresholds == wb.registry.thresholds_of(first)


@pytest.mark.long
def test_a_fine_tuning_is_measured_by_f1_and_adopted_by_it(open_):
    with open_(holdout=0.3) as wb:
        answer(wb, 60)
        answer(wb, 40, holdout=True)
        run = wb.finetune(epochs=2)
        assert isinstance(run.after, MultilabelMetrics)
        assert run.measured_on == "holdout"
        assert run.after["macro_f1"].low < run.after["macro_f1"] <= run.after["macro_f1"].high
        assert run.adopted
        assert run.after["macro_f1"] > 0.85
        table = run.table()
        assert table["label"].tolist() == [*NAMES, "macro F1", "micro F1", "exact match"]
        assert set(run.thresholds) == set(wb.taxonomy.label_ids)
        assert wb.project.ranking.thresholds == run.thresholds
        again = Run.from_dict(json.loads(json.dumps(run.to_dict())))
        assert again.table().round(9).equals(table.round(9))
        assert "macro F1" in repr(run)
        assert "exact match" in run._repr_html_()
        run.plot()
        answer(wb, 20)
        second = wb.finetune(epochs=2, seed=1)
        assert set(second.figures["holdout"].gains) == {"macro_f1", "micro_f1", "exact_match"}
        assert np.isfinite(second.table()["gain_low"].iloc[3:]).all()
        assert "macro-F1" in second.verdict or "decisions right" in second.verdict


class OneLogitEach(nn.Module):
    """A net of the user's, with three outputs."""

    def __init__(self, *, squash=False):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.body = nn.Sequential(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
            self.last = nn.Linear(8, 3)
        self.squash = squash

    def forward(self, views):
        logits = self.last(self.body(views))
        return logits.sigmoid() if self.squash else logits


def test_a_net_of_the_users_with_a_logit_a_label_gives_sigmoids_and_is_trained(open_):
    net = OneLogitEach()
    with open_(model=net, holdout=0.3) as wb:
        probs = wb.registry.inference.probs(np.arange(5))
        views = torch.stack([wb.registry.architecture.view(image) for image in IMAGES[:5]])
        with torch.no_grad():
            np.testing.assert_allclose(probs, net(views).sigmoid().numpy(), atol=1e-5)
        answer(wb, 60)
        answer(wb, 40, holdout=True)
        run = wb.finetune(epochs=10, lr=0.02)
        assert run.after["macro_f1"] > run.before["macro_f1"]
        assert run.gain.n == 40


def test_the_average_of_two_nets_has_their_mean_probabilities():
    logits = torch.tensor([[[2.0, -30.0]], [[-1.0, 40.0]]])
    torch.testing.assert_close(average_set_logits(logits).sigmoid(), logits.sigmoid().mean(dim=0))
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    views = torch.randn(3, 2)
    torch.testing.assert_close(AverageNet(one, other, of_sets=True)(views).sigmoid(),
                               (one(views).sigmoid() + other(views).sigmoid()) / 2)


@pytest.mark.long
def test_edits_after_the_model_was_made_change_its_suggestions_and_what_is_learnt(open_):
    with open_() as wb:
        answer(wb, 60)
        learn(wb)
        own, label_ids = wb.registry.inference.own_probs(np.arange(30))
        wb.apply(edits.merge(["bars", "rows"], "lines"))
        [lines] = [label.id for label in wb.taxonomy if label.name == "lines"]
        today = todays_probs(own, label_ids, wb.project.lineage, multilabel=True)
        at = {label_id: column for column, label_id in enumerate(wb.taxonomy.label_ids)}
        columns = [label_ids.index(one) for one in label_ids if one not in at]
        np.testing.assert_allclose(today[:, at[lines]], own[:, columns].max(axis=1))
        wb.apply(edits.add("dots"))
        [dots] = [label.id for label in wb.taxonomy if label.name == "dots"]
        data = wb.training_set()
        assert np.isnan(data.targets[:, data.label_ids.index(dots)]).all()
        merged = [{"lines" if name in ("bars", "rows") else name for name in TRUTH[item_id]}
                  for item_id in data.item_ids]
        assert (data.targets[:, data.label_ids.index(lines)] == ["lines" in one for one in merged]).all()
        assert learn(wb) is not None
        place = int(np.flatnonzero(~wb.project.queue.is_answered())[0])
        wb.registry.inference.ask(np.array([place]))
        assert dots not in members(wb.project.prediction(place).suggestion)


@pytest.mark.long
def test_the_queue_asks_for_sets_of_which_the_model_is_unsure(open_):
    with open_(holdout=0.0) as wb:
        answer(wb, 60)
        learn(wb)
        places = np.flatnonzero(~wb.project.queue.is_answered() & ~wb.project.queue.holdout)
        wb.registry.inference.ask(places)
        name, scores = wb.project.ranking.scores("margin", wb.project.lineage)
        around = wb.project.ranking.probs_by_family(wb.project.lineage, places)
        np.testing.assert_allclose(scores[places], set_margin(around), atol=1e-6)
        for strategy in ("entropy", "least_confidence", "balanced_margin", "diverse_margin", "disagreement",
                         "typiclust", None):
            assert len(wb.next(5, strategy=strategy)) == 5
        assert {item.chosen_by for item in wb.next(5, strategy="margin")} == {name} == {"margin"}


def test_maps_of_a_light_model_by_windows_lie_on_the_half_that_shows_the_label(open_):
    with open_() as wb:
        answer(wb, 60)
        learn(wb)
        bars_left = LABELS.index(["bars", "board"])
        item_id = str(POOL.ids[bars_left])
        maps = {name: np.abs(wb.explain([item_id], target=name).maps[0]) for name in ("bars", "board")}
        left = {name: one[:, :16].sum() / one.sum() for name, one in maps.items()}
        assert abs(left["bars"] - left["board"]) > 0.3
        assert wb.explain([item_id]).targets[0] in wb.taxonomy.label_ids
        saliency = wb.explain([item_id], method="saliency", target="bars").maps[0]
        assert saliency.shape == (16, 32)


def test_a_net_that_ends_in_a_sigmoid_gives_its_own_probabilities_and_is_trained(tmp_path):
    net = OneLogitEach(squash=True)
    with hw.Workbench(tmp_path / "project", POOL, NAMES, task="multilabel", annotator="ada", progress=False, model=net,
                      holdout=0.3) as wb:
        views = torch.stack([wb.registry.architecture.view(image) for image in IMAGES[:5]])
        with torch.no_grad():
            np.testing.assert_allclose(wb.registry.inference.probs(np.arange(5)), net(views).numpy(), atol=1e-5)
        assert wb.registry.inference.predictor.head == "net.last"
        answer(wb, 100)
        answer(wb, 40, holdout=True)
        run = wb.finetune(epochs=10, lr=0.02)
        assert run.after["macro_f1"] > run.before["macro_f1"]
        assert "label by label" in run.calibrated
        other = OneLogitEach(squash=True)
        with torch.no_grad():
            other.last.bias += 1
        wb.adopt(other)
        with torch.no_grad():
            np.testing.assert_allclose(wb.registry.inference.probs(np.arange(5)), other(views).numpy(), atol=1e-5)
    with hw.Workbench(tmp_path / "project", POOL, model=net, annotator="ada", progress=False) as wb:
        with torch.no_grad():
            np.testing.assert_allclose(wb.registry.inference.probs(np.arange(5)), other(views).numpy(), atol=1e-5)
