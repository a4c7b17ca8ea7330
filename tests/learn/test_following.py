"""The model follows the taxonomy: what it knew of the old labels it says of the new ones, and goes on learning from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import ResNet, noise, seeded
from torch import nn
from torch.nn import functional

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import ModelError, ShapeError, UnknownLabel
from hitl_widgets.learn.data import LabelledImages, TrainingData, balanced_order, split_validation
from hitl_widgets.learn.last_layer import merged_row, with_outputs
from hitl_widgets.learn.losses import (
    PARTIAL,
    SMOOTHING,
    is_partial,
    item_losses,
    label_groups,
    n_correct,
    partial_label_losses,
    with_candidates,
)
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, train

LOGITS = torch.tensor([[0.5, 0.2, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]]).log()


# -- the loss of an answer in doubt --------------------------------------------------------------------------

def test_the_loss_of_a_doubt_is_that_of_its_labels_sum():
    losses = partial_label_losses(LOGITS, torch.tensor([[0.0, 1, 1, 0], [1.0, 1, 0, 0]]), smoothing=0.0)
    np.testing.assert_allclose(losses, [-np.log(0.4), -np.log(0.5)], rtol=1e-6)


def test_smoothing_doubts_the_answer_as_a_whole():
    # 0.9 on the sum and 0.1 shared by all four labels, two of them in the sum: 0.95 on it, 0.025 on each other one.
    [loss] = partial_label_losses(LOGITS[:1], torch.tensor([[0.0, 1, 1, 0]]), smoothing=0.1)
    assert loss.item() == pytest.approx(-0.95 * np.log(0.4) - 0.025 * (np.log(0.5) + np.log(0.1)), rel=1e-6)


def test_no_label_of_a_doubt_is_pulled_to_another():
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0]], requires_grad=True)
    partial_label_losses(logits, torch.tensor([[1.0, 1, 0, 0]]), smoothing=0.1).sum().backward()
    # The gradient moves both by the share that each has of the sum: their odds stay as they are.
    pull, share = logits.grad[0, :2], functional.softmax(logits[0, :2], dim=0)
    np.testing.assert_allclose((pull / pull.sum()).numpy(), share.detach().numpy(), rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_an_answer_that_is_known_costs_what_it_did(seed):
    rng = np.random.default_rng(seed)
    logits, targets = torch.from_numpy(rng.normal(0, 3, (7, 5))).float(), torch.from_numpy(rng.integers(0, 5, 7))
    rows = with_candidates(targets, np.eye(5, dtype=bool)[targets], smoothing=SMOOTHING)
    np.testing.assert_allclose(item_losses(logits, rows), item_losses(logits, targets), rtol=1e-4, atol=1e-5)
    soft = torch.from_numpy(rng.dirichlet(np.ones(5), 7)).float()
    np.testing.assert_allclose(item_losses(logits, with_candidates(soft, np.zeros((7, 5)), smoothing=SMOOTHING)),
                               functional.cross_entropy(logits, soft, reduction="none"), rtol=1e-5)


def test_doubts_stand_beside_answers_and_probabilities():
    rows = with_candidates(torch.tensor([2, PARTIAL]), [[False, False, True], [True, True, False]], smoothing=0.3)
    np.testing.assert_allclose(rows, [[0.1, 0.1, 0.8], [1, 1, 0]], rtol=1e-6)
    assert is_partial(rows).tolist() == [False, True]
    assert label_groups(rows).tolist() == [2, 3]
    assert n_correct(torch.tensor([[0.0, 0, 9], [0, 9, 0]]), rows) == 2
    assert n_correct(torch.tensor([[9.0, 0, 0], [0, 0, 9]]), rows) == 0


def test_doubts_of_one_kind_are_drawn_as_one_label_is_and_validate_by_their_share():
    rows = with_candidates(torch.tensor([0] * 80 + [1] * 80 + [PARTIAL] * 160),
                 [[True, False, False, False]] * 80 + [[False, True, False, False]] * 80 +
                 [[False, False, True, True]] * 160, smoothing=SMOOTHING)
    drawn = balanced_order(rows, 600, torch.Generator().manual_seed(0))
    assert np.bincount(label_groups(rows)[drawn]).tolist()[:2] == [200, 200]
    training, validating = split_validation(rows, seed=0)
    assert (validating >= 160).sum() == 24
    assert len(training) + len(validating) == 320


def test_few_answers_come_often_beside_many_in_doubt():
    candidates = np.zeros((1_022, 4), bool)
    candidates[:2, 0] = candidates[2:22, 1] = candidates[22:, 2:] = True
    rows = with_candidates(torch.tensor([0] * 2 + [1] * 20 + [PARTIAL] * 1_000), candidates, smoothing=SMOOTHING)
    drawn = np.bincount(label_groups(rows)[balanced_order(rows, 900, torch.Generator().manual_seed(0))])
    assert drawn[drawn > 0].tolist() == [300, 300, 300]


@pytest.mark.parametrize(("targets", "candidates"), [
    ([0, 1], [[True, True]]), ([0, 5], [[True, False], [False, True]]), ([0, PARTIAL], [[True, False], [False, True]]),
    ([[0.5, 0.5]], [[True, False, True]])])
def test_choices_that_do_not_fit_are_refused(targets, candidates):
    with pytest.raises(ShapeError):
        with_candidates(torch.tensor(targets), candidates, smoothing=0.1)


def test_a_net_learns_the_parents_from_doubts_alone_and_the_children_from_few_answers():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, 300)  # dark or bright, plain or striped
    images = rng.normal(0, 0.03, (300, 1, 8, 8)) + np.where(kinds < 2, 0.2, 0.8)[:, None, None, None]
    images[kinds % 2 == 1, :, ::2] += 0.15
    candidates = (np.arange(4)[None] < 2) == (kinds < 2)[:, None]
    few = np.concatenate([np.flatnonzero(kinds == kind)[:6] for kind in range(4)])
    candidates[few] = np.eye(4, dtype=bool)[kinds[few]]
    net = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 4)))
    targets = np.full(300, PARTIAL) * (candidates.sum(1) > 1) + kinds * (candidates.sum(1) == 1)
    trained = train(net, TrainingData(torch.from_numpy(images).float(), targets, candidates=candidates),
                    TrainingOptions(epochs=10, lr=0.03))
    assert trained.history["accuracy"].iloc[-1] > 0.9
    with torch.no_grad():
        top = trained.net(torch.from_numpy(images).float()).argmax(dim=1).numpy()
    assert ((top < 2) == (kinds < 2)).mean() > 0.98
    assert (top == kinds).mean() > 0.8


# -- what a training set says --------------------------------------------------------------------------------

def items(answers, candidates):
    pool = hw.Pool.from_images(noise(len(answers)))
    return LabelledImages(pool, range(len(answers)), answers, ["La", "Lb", "Lc"], candidates=candidates,
                          preprocess=lambda image: torch.from_numpy(image)[None] / 255)


def test_a_loop_of_ones_own_leaves_out_what_is_in_doubt():
    said = items(["La", "Lb", "Lc"], [None, ("Lb", "Lc"), ("Lc",)])
    assert said.targets.tolist() == [0, PARTIAL, 2]
    assert said.candidates.tolist() == [[True, False, False], [False, True, True], [False, False, True]]
    assert said[1][1] == PARTIAL
    losses = functional.cross_entropy(torch.zeros(3, 3), torch.from_numpy(said.targets), reduction="none")
    assert losses[1] == 0


def test_without_doubt_nothing_changes():
    assert items(["La", "Lb"], [("La",), None]).candidates is None
    with pytest.raises(UnknownLabel, match="Lx"):
        items(["La", "Lb"], [("La", "Lx"), None])
    with pytest.raises(ShapeError, match="1 candidates and 2 answers"):
        items(["La", "Lb"], [None])


# -- the row of a merged label -------------------------------------------------------------------------------

def test_rows_that_agree_fold_exactly():
    weight, bias = torch.tensor([[1.0, 2.0], [1.0, 2.0]]), torch.tensor([0.5, 0.5])
    row, offset = merged_row(weight, bias)
    assert row.tolist() == [1, 2]
    assert offset.item() == pytest.approx(0.5 + np.log(2))


def test_one_row_is_kept_as_it_is():
    weight, bias = torch.tensor([[1.0, 2.0]]), torch.tensor([0.3])
    row, offset = merged_row(weight, bias, np.random.default_rng(0).normal(size=(50, 2)))
    assert torch.equal(row, weight[0])
    assert torch.equal(offset, bias[0])


@pytest.mark.parametrize("bias", [True, False])
def test_a_merged_row_is_nearer_to_the_sum_than_the_mean_of_the_rows(bias):
    net = seeded(lambda: nn.Sequential(nn.Linear(6, 4, bias=bias)))
    with torch.no_grad():
        net[0].weight.mul_(6)
    seen = np.random.default_rng(0).normal(1, 1, (400, 6)).astype(np.float32)
    sums = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    fresh = torch.from_numpy(np.random.default_rng(1).normal(1, 1, (400, 6)).astype(np.float32))
    with torch.no_grad():
        wanted = net(fresh).softmax(dim=1).numpy() @ sums
        mean = torch.stack([net[0].weight[:3].mean(dim=0), net[0].weight[3]])
        logits = fresh @ mean.T + (torch.stack([net[0].bias[:3].mean(), net[0].bias[3]]) if bias else 0)
        plain = np.abs(logits.softmax(dim=1).numpy() - wanted).mean()
        other = with_outputs(net, 2, old=4, rows=sums, embeddings=np.concatenate([seen, np.full((3, 6), np.nan)]))
        assert np.abs(other(fresh).softmax(dim=1).numpy() - wanted).mean() < plain / 3


def test_a_layer_is_named_where_none_is_found():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.last = nn.Linear(4, 3), nn.Bilinear(3, 3, 3)

    with pytest.raises(ModelError, match=r"no layer with 5 outputs.*head='fc'"):
        with_outputs(Odd(), 2, old=5)
    with pytest.raises(ModelError, match=r"no nn\.Linear or nn\.Conv2d 'last' with 3 outputs"):
        with_outputs(Odd(), 2, old=3, name="last")
    assert with_outputs(Odd(), 2, old=3, name="body").body.out_features == 2


# -- through the workbench -----------------------------------------------------------------------------------

NAMES = ["ant", "bee", "cow", "dog"]
IMAGES = noise(60)


@pytest.fixture
def bench(tmp_path):
    made = []

    def open_(**more):
        made.append(hw.Workbench(tmp_path / "p", hw.Pool.from_images(IMAGES), NAMES, annotator="ada", **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def column(wb, name):
    return wb.taxonomy.label_ids.index(wb.taxonomy.label(name).id)


def test_after_a_merge_the_new_label_has_the_sum_at_once_and_nearly_so_when_it_is_trained_on(bench):
    wb = bench(model=seeded(small_cnn, 4))
    wb.predict()
    before = wb.probs().copy()
    wb.apply(edits.merge(["ant", "bee", "dog"], "animal"))
    after = wb.probs()
    np.testing.assert_allclose(after[:, column(wb, "animal")], before[:, [0, 1, 3]].sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-6)
    start = wb.registry.architecture.predictor(wb.registry.start("adopted", seed=0), wb.taxonomy.label_ids)
    np.testing.assert_allclose(start.predict(range(60)), after, atol=0.02)


def test_after_a_split_the_children_share_and_their_sum_is_the_parents(bench):
    wb = bench(model=seeded(small_cnn, 4))
    wb.predict()
    before = wb.probs().copy()
    wb.apply(edits.split("cow", into=["calf", "bull"]))
    after = wb.probs()
    np.testing.assert_allclose(after[:, column(wb, "calf")], before[:, 2] / 2, atol=1e-6)
    np.testing.assert_allclose(after[:, [column(wb, "calf"), column(wb, "bull")]].sum(axis=1), before[:, 2], atol=1e-6)


@pytest.mark.long
@pytest.mark.slow
def test_old_answers_of_a_split_label_teach_their_sum(bench):
    wb = bench(holdout=0.0)
    for position, item_id in enumerate(wb.pool.ids[:40]):
        wb.decide(item_id, label=NAMES[position % 4], certainty=10 if position < 20 else 4)
    wb.apply(edits.split("cow", into=["calf", "bull"]))
    wb.decide(wb.pool.ids[2], label="calf")
    said = wb.training_set()
    rows = {item_id: row for row, item_id in enumerate(said.item_ids)}
    assert len(said) == 40
    assert (said.targets == PARTIAL).sum() == 9
    assert said.targets[rows[wb.pool.ids[2]]] == column(wb, "calf")
    open_ = rows[wb.pool.ids[6]]
    assert np.flatnonzero(said.candidates[open_]).tolist() == sorted([column(wb, "calf"), column(wb, "bull")])
    mean = (19 * 10 + 20 * 4) / 39  # the calf was answered without a certainty
    weights = said.weights[[open_, rows[wb.pool.ids[38]]]]
    assert weights.tolist() == pytest.approx([11 / (1 + mean), 5 / (1 + mean)])
    run = wb.finetune(epochs=1, adopt="always")
    assert run.n_training + run.n_validation == 40


def test_annotators_in_doubt_narrow_each_other_and_one_who_is_not_decides(bench):
    wb = bench(holdout=0.0, annotators_per_item=2)
    a, b = wb.pool.ids[:2]
    wb.decide(a, label="cow", annotator="ada")
    wb.decide(b, label="cow", annotator="ada")
    wb.apply(edits.split("cow", into=["calf", "bull", "ox"]))
    wb.decide(b, label="ox", annotator="ben")
    assert wb.project.answers().partial()["item_id"].tolist() == [a]
    wb.apply(edits.split("dog", into=["pup", "hound"]))
    assert len(wb.project.answers().partial()["label_ids"][0]) == 3


def test_an_inner_node_as_an_answer_teaches_the_sum_of_what_lies_below(tmp_path):
    taxonomy = hw.Taxonomy({"animal": ["cat", "dog"], "car": None}, inner_answers=True)
    wb = hw.Workbench(tmp_path / "q", hw.Pool.from_images(IMAGES), taxonomy, annotator="ada", holdout=0.0)
    wb.decide(wb.pool.ids[0], label="animal")
    wb.decide(wb.pool.ids[1], label="car")
    said = wb.training_set()
    names = {item_id: {said.names[place] for place in np.flatnonzero(said.candidates[row])}
             for row, item_id in enumerate(said.item_ids)}
    assert names == {wb.pool.ids[0]: {"animal", "cat", "dog"}, wb.pool.ids[1]: {"car"}}
    wb.close()


def test_a_net_whose_last_layer_is_not_found_says_so_when_it_must_change(bench):
    class Scaled(ResNet):
        """Its last layer gives more than the labels, and what follows takes some of it."""

        def __init__(self):
            super().__init__(5)

        def forward(self, x):
            return super().forward(x)[:, :4]

    wb = bench(model=seeded(Scaled))
    wb.apply(edits.add("elk"))
    wb.predict()
    with pytest.raises(ModelError, match=r"no layer with 4 outputs.*hw.Workbench\(\.\.\., head="):
        wb.registry.start("adopted", seed=0)
