"""Light models and trainings of several labels an item."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import f1_score
from torch import nn

from hitl_widgets.errors import BadInput
from hitl_widgets.learn.data import TrainingData, split_data
from hitl_widgets.learn.descriptors import Form, cut, fit_descriptors, fitting_form, unfitted_descriptors
from hitl_widgets.learn.label_calibration import fit_calibration, known_of, label_shares, matching_bias
from hitl_widgets.learn.light import light_net, rows_of, unfitted_light_net
from hitl_widgets.learn.losses import SETS, mean_set_loss, n_correct_sets, rarest_label, set_losses
from hitl_widgets.learn.multilabel import fit_light_labels, learn_label_rows
from hitl_widgets.learn.rationales import necessity_loss, occlusion_invariance
from hitl_widgets.learn.train import TrainingOptions, train

NAN = math.nan


def patterns(n, *, seed=0, wide=True):
    """Views of two squares side by side, each a pattern of three, and which patterns each view has."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(3, size=(n, 2))
    shades = np.zeros((3, 16, 16), np.float32)
    shades[0, 4:12, ::4], shades[1, ::4, 4:12] = 1, 1
    shades[2, 4:12, 4:12] = np.add.outer(np.arange(8), np.arange(8)) % 2
    views = np.concatenate([shades[kinds[:, 0]], shades[kinds[:, 1]]], axis=2 if wide else 1)
    views = views + rng.normal(0, 0.15, views.shape).astype(np.float32)
    on = (kinds[:, :, None] == np.arange(3)).any(axis=1)
    return torch.from_numpy(views[:, None].clip(0, 1)), torch.from_numpy(on.astype(np.float32))


def draws(n):
    return np.random.default_rng(1).random(n)


def test_long_views_are_described_by_square_windows_with_the_same_components():
    wide, _ = patterns(40)
    form = fitting_form(wide[0])
    assert form == Form(16, 2, 1)
    net = fit_descriptors(wide, form=form)
    rows = rows_of(net, wide[:5])
    assert rows.shape == (5, net.n_features)
    assert net.n_components == 600
    swapped = rows_of(net, torch.cat([wide[:5, ..., 16:], wide[:5, ..., :16]], dim=3))
    torch.testing.assert_close(swapped[:, :600], torch.cat([rows[:, 300:600], rows[:, :300]], dim=1))
    assert fitting_form(wide[0].transpose(1, 2)) == Form(16, 1, 2)
    assert fitting_form(torch.zeros(1, 20, 24)) == Form(20)
    tall = cut(wide.transpose(2, 3), 16)
    torch.testing.assert_close(tall[1], wide[0, :, :, 16:].transpose(1, 2))


def test_descriptors_by_windows_and_heads_of_labels_come_back_from_their_file(tmp_path):
    views, on = patterns(40)
    net = fit_descriptors(views, form=fitting_form(views[0]))
    light = fit_light_labels(rows_of(net, views), on, torch.ones(40), draws=draws(40), n_windows=2)
    whole = light_net(net, light.head)
    save_file({name: value.contiguous().clone() for name, value in whole.state_dict().items()}, tmp_path / "net")
    twin = unfitted_light_net(tmp_path / "net")
    twin.load_state_dict(whole.state_dict())
    torch.testing.assert_close(twin(views[:4]), whole(views[:4]))
    assert unfitted_descriptors(tmp_path / "net", prefix="0.").n_windows == 2


@pytest.mark.long
def test_light_heads_tell_the_labels_of_items_that_they_did_not_learn():
    views, on = patterns(240)
    net = fit_descriptors(views, form=fitting_form(views[0]))
    rows = rows_of(net, views)
    light = fit_light_labels(rows[:60], on[:60], torch.ones(60), draws=draws(60), n_windows=2)
    with torch.no_grad():
        probs = light.head(rows[60:]).sigmoid().numpy()
    assert f1_score(on[60:], probs >= light.adjustment.thresholds, average="macro") > 0.95
    out_of_fold = light.logits.sigmoid().numpy()
    assert np.abs(out_of_fold.mean(axis=0) - on[:60].numpy().mean(axis=0)).max() < 0.05


@pytest.mark.long
def test_what_is_not_known_of_a_label_teaches_nothing():
    views, on = patterns(80)
    rows = rows_of(fit_descriptors(views, form=fitting_form(views[0])), views)
    known = on.clone()
    known[40:, 0] = NAN
    wrong = torch.where(known.isnan(), 1 - on, known)
    weights = torch.ones(80, 3)
    weights[40:, 0] = 0
    masked, unweighted = (fit_light_labels(rows, some, weights, draws=draws(80), n_windows=2) for some in
                          (known, wrong))
    with torch.no_grad():
        torch.testing.assert_close(masked.head(rows), unweighted.head(rows), atol=0.05, rtol=0.05)


@pytest.mark.long
@pytest.mark.parametrize("n_on", [0, 1])
def test_a_label_with_hardly_a_positive_has_a_probability_near_its_shrunk_share(n_on):
    views, on = patterns(60)
    on[:, 2] = 0
    on[:n_on, 2] = 1
    rows = rows_of(fit_descriptors(views, form=fitting_form(views[0])), views)
    light = fit_light_labels(rows, on, torch.ones(60), draws=draws(60), n_windows=2)
    with torch.no_grad():
        probs = light.head(rows).sigmoid()
    assert torch.isfinite(probs).all()
    assert torch.isfinite(light.losses).all()
    assert 0.001 < float(probs[:, 2].mean()) < 0.12
    assert 0.1 < light.adjustment.thresholds[2] <= 0.5


@pytest.mark.long
def test_a_label_that_nobody_answered_is_taken_to_be_rare():
    views, on = patterns(60)
    on[:, 1] = NAN
    rows = rows_of(fit_descriptors(views, form=fitting_form(views[0])), views)
    light = fit_light_labels(rows, on, torch.ones(60), draws=draws(60), n_windows=2)
    with torch.no_grad():
        probs = light.head(rows).sigmoid().mean(dim=0)
    assert float(probs[1]) == pytest.approx(0.2, abs=0.02)
    assert float(on[:, [0, 2]].mean()) > 0.4
    assert light.adjustment.thresholds[1] == 0.5


@pytest.mark.long
def test_the_shares_of_the_pool_move_each_label_by_itself():
    views, on = patterns(80)
    rows = rows_of(fit_descriptors(views, form=fitting_form(views[0])), views)
    usual = fit_light_labels(rows, on, torch.ones(80), draws=draws(80), n_windows=2)
    shares = label_shares(on, torch.ones(80, 3)).numpy()
    shares[0] /= 3
    rarer = fit_light_labels(rows, on, torch.ones(80), draws=draws(80), n_windows=2, shares=shares)
    with torch.no_grad():
        moved = rarer.head(rows) - usual.head(rows)
    assert (moved[:, 0] < -1).all()
    torch.testing.assert_close(moved[:, 1:], torch.zeros(80, 2), atol=1e-4, rtol=0)


def test_an_item_that_is_alone_in_its_group_is_predicted_by_heads_that_never_saw_the_group():
    # Two groups that contradict each other: out of fold each is predicted by what the other says.
    views, on = patterns(40)
    rows = rows_of(fit_descriptors(views, form=fitting_form(views[0])), views).repeat(2, 1)
    both = torch.cat([on, 1 - on])
    light = fit_light_labels(rows, both, torch.ones(80), draws=np.repeat([0.2, 0.7], 40), n_windows=2)
    assert ((light.logits[:40, 0] - light.logits[:40, 0].mean() > 0) == (on[:, 0] < 0.5)).float().mean() > 0.9


def test_losses_of_sets_are_those_of_known_labels_alone():
    logits = torch.tensor([[2.0, -1.0, 5.0], [0.0, 0.0, 0.0]])
    on = torch.tensor([[1.0, 0.0, NAN], [NAN, NAN, NAN]])
    losses = set_losses(logits, on)
    by_hand = [0.975 * math.log1p(math.exp(-2)) + 0.025 * (2 + math.log1p(math.exp(-2))),
               0.975 * math.log1p(math.exp(-1)) + 0.025 * (1 + math.log1p(math.exp(-1)))]
    assert losses.tolist() == pytest.approx([3 * sum(by_hand) / 2, 0.0])
    weights = torch.tensor([[3.0, 1.0, 9.0], [1.0, 1.0, 1.0]])
    assert float(mean_set_loss(logits, on, weights)) == pytest.approx(3 * (3 * by_hand[0] + by_hand[1]) / 4)
    assert n_correct_sets(logits, torch.tensor([[1.0, 0.0, NAN], [1.0, 0.0, 0.0]])) == 1
    assert rarest_label(torch.tensor([[1.0, 1.0], [1.0, 0.0], [NAN, 0.0]])).tolist() == [1, 0, 2]


def test_calibration_finds_scale_and_bias_of_each_label():
    rng = np.random.default_rng(0)
    true = torch.from_numpy(rng.normal(0, 2, (4000, 2)).astype(np.float32)) - torch.tensor([0.0, 1.5])
    on = (torch.rand(true.shape, generator=torch.Generator().manual_seed(0)) < true.sigmoid()).float()
    scales, biases = fit_calibration(true * torch.tensor([2.0, 0.5]) + 1, on, torch.ones(on.shape))
    assert scales.tolist() == pytest.approx([0.5, 2.0], rel=0.15)
    assert biases.tolist() == pytest.approx([-0.5, -2.0], abs=0.25)


def test_the_bias_makes_mean_probabilities_the_shares():
    logits = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) * 4
    shares = torch.tensor([0.02, 0.5, 0.9])
    biases = matching_bias(logits, shares, torch.ones(200, 3))
    torch.testing.assert_close((logits + biases).sigmoid().mean(dim=0), shares, atol=1e-4, rtol=0)


def test_known_labels_are_told_from_unknown_ones():
    known, on, weights = known_of(torch.tensor([[1.0, NAN]]), torch.tensor([0.5]))
    assert (known.tolist(), on.tolist(), weights.tolist()) == ([[True, False]], [[1.0, 0.0]], [[0.5, 0.0]])


def small_net(n_labels=3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
                             nn.Linear(8, n_labels))


def test_a_net_learns_several_labels_and_its_probabilities_have_the_answers_shares():
    views, on = patterns(200)
    unknown = on.clone()
    unknown[::7, 1] = NAN
    data = TrainingData(views, unknown, draws=draws(200), objective=SETS)
    trained = train(small_net(), data, TrainingOptions(epochs=12, lr=0.02))
    with torch.no_grad():
        probs = trained.net(views).sigmoid().numpy()
    assert f1_score(on, probs >= trained.adjustment.thresholds, average="macro") > 0.8
    assert np.abs(probs.mean(axis=0) - np.nanmean(unknown.numpy(), axis=0)).max() < 0.1
    assert "label by label on" in trained.calibrated
    assert not split_data(data, seed=0).objective.item_losses(torch.zeros(1, 3), torch.full((1, 3), NAN)).any()


def test_nothing_is_learnt_where_no_label_tells_items_apart():
    views, _ = patterns(30)
    same = torch.tensor([[1.0, 0.0, NAN]]).repeat(30, 1)
    with pytest.raises(BadInput, match="no label is on for one and off for another"):
        train(small_net(), TrainingData(views, same, objective=SETS), TrainingOptions(epochs=1))
    net = fit_descriptors(views)
    with pytest.raises(BadInput, match="nothing to tell apart"):
        learn_label_rows(net, rows_of(net, views), TrainingData(views, same, objective=SETS), n_labels=3)


def test_marked_regions_add_the_losses_of_all_labels():
    class Reads(nn.Module):
        """Label 0 from the first pixel, label 1 from the last."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(8.0))

        def forward(self, views):
            return self.scale * (torch.stack([views[:, 0, 0, 0], views[:, 0, -1, -1]], dim=1) - 0.5)

    views, hidden = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    hidden[..., 0, 0] = 0
    assert occlusion_invariance(Reads(), views, hidden, of_sets=True).item() > 1
    assert occlusion_invariance(Reads(), views, views, of_sets=True).item() == pytest.approx(0, abs=1e-3)
    # Label 0 loses its reason, label 1 doesn't: of a label that is on, only the latter lacks something.
    assert necessity_loss(Reads(), views, hidden, torch.tensor([[1.0, 0.0]])).item() == 0
    assert necessity_loss(Reads(), views, hidden, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(math.log(2))
