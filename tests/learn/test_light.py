"""Light heads learn any answer, know what they don't know, and are stored and explained as nets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from shades import IMAGES, KINDS, NAMES
from torch import nn

from hitl_widgets.errors import ShapeError
from hitl_widgets.learn.data import TrainingData
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import (
    fit_head,
    fit_kernel_head,
    fit_light,
    holds_light_net,
    is_light_net,
    learn_rows,
    light_net,
    out_of_fold_logits,
    rows_of,
    unfitted_light_net,
)
from hitl_widgets.learn.losses import SMOOTHING, item_losses, with_candidates
from hitl_widgets.learn.weights import load_weights, save_weights
from hitl_widgets.quality.out_of_fold import folds

FITS = pytest.mark.parametrize("fit", [fit_head, fit_kernel_head])


def clouds(n, n_labels=3, *, apart=2.0, seed=0, width=6):
    """Rows around one middle for each label, and which."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(0, apart, (n_labels, width))
    labels = rng.integers(0, n_labels, n)
    labels[:n_labels] = np.arange(n_labels)[:n]
    return torch.from_numpy(middles[labels] + rng.normal(0, 1, (n, width))).float(), torch.from_numpy(labels)


def ones(targets):
    return torch.ones(len(targets))


def said(head, rows):
    with torch.no_grad():
        return head(rows)


def objective(weight, bias, rows, targets, strength):
    """The sum of losses with the penalty, as `fit_head` has it."""
    penalty = (weight ** 2).sum() + 0.01 * (bias ** 2).sum()
    return float(item_losses(rows @ weight.T + bias, targets).sum() + penalty / (2 * strength))


@pytest.mark.parametrize("strength", [0.1, 1.0, 20.0])
def test_a_head_is_that_of_scikit_learn(strength):
    """Smoothed targets are items with each label, weighted; scikit-learn's own bias isn't penalised."""
    from sklearn.linear_model import LogisticRegression
    rows, labels = clouds(120)
    head = fit_head(rows, labels, ones(labels), n_labels=3, strength=strength)
    weights = np.full((120, 3), SMOOTHING / 3)
    weights[np.arange(120), labels] += 1 - SMOOTHING
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=2_000).fit(
        np.repeat(rows.numpy(), 3, axis=0), np.tile(np.arange(3), 120), sample_weight=weights.ravel())
    np.testing.assert_allclose(said(head, rows).softmax(dim=1), theirs.predict_proba(rows.numpy()), atol=0.01)


def test_no_other_head_errs_less():
    from scipy.optimize import minimize
    rows, labels = clouds(60)
    head = fit_head(rows, labels, ones(labels), n_labels=3, strength=5.0)
    ours = objective(head.weight.detach(), head.bias.detach(), rows, labels, 5.0)

    def theirs(flat):
        both = torch.from_numpy(flat.reshape(3, 7)).float()
        return objective(both[:, :-1], both[:, -1], rows, labels, 5.0)
    start = torch.cat([head.weight, head.bias[:, None]], dim=1).detach().numpy().astype(float).ravel()
    better = minimize(theirs, start, method="Powell", options={"maxiter": 3}).fun
    assert ours < better + 0.02


@FITS
def test_rows_of_probabilities_are_learnt_as_indices_are(fit):
    rows, labels = clouds(90)
    smoothed = nn.functional.one_hot(labels, 3) * (1 - SMOOTHING) + SMOOTHING / 3
    np.testing.assert_allclose(said(fit(rows, smoothed, ones(labels), n_labels=3), rows),
                               said(fit(rows, labels, ones(labels), n_labels=3), rows), atol=0.05)


@FITS
def test_partial_answers_teach_which_labels_it_is_not(fit):
    """Half of the items say only "the first or the second"; the other half tells these two apart."""
    rows, labels = clouds(240)
    candidates = nn.functional.one_hot(labels, 3).bool()
    partial = (labels < 2) & (torch.arange(240) % 2 == 0)
    candidates[partial] = torch.tensor([True, True, False])
    head = fit(rows, with_candidates(labels, candidates), ones(labels), n_labels=3)
    others, truth = clouds(300, seed=5)
    assert float((said(head, others).argmax(dim=1) == truth).float().mean()) > 0.9


@FITS
def test_an_item_of_weight_two_counts_as_two_items(fit):
    rows, labels = clouds(40)
    weights = ones(labels)
    weights[:10] = 2.0
    others, _ = clouds(30, seed=3)
    if fit is fit_head:  # the mean weight is one: the penalty is that of as many items
        once = fit(rows, labels, weights, n_labels=3, strength=5 * 50 / 40)
        twice = fit(torch.cat([rows, rows[:10]]), torch.cat([labels, labels[:10]]), torch.ones(50), n_labels=3,
                    strength=5.0)
        np.testing.assert_allclose(said(once, others).softmax(dim=1), said(twice, others).softmax(dim=1), atol=0.02)
    weights[:10] = 0.0
    changed = labels.clone()
    changed[:10] = (labels[:10] + 1) % 3
    np.testing.assert_allclose(said(fit(rows, labels, weights, n_labels=3), others),
                               said(fit(rows, changed, weights, n_labels=3), others), atol=1e-4)


@FITS
def test_a_label_without_an_answer_is_possible_and_unlikely(fit):
    rows, labels = clouds(100)
    logits = said(fit(rows, labels, ones(labels), n_labels=5), rows)
    assert torch.isfinite(logits).all()
    assert float(logits.softmax(dim=1)[:, 3:].max()) < 0.2
    assert float(logits.softmax(dim=1)[:, 3:].min()) > 1e-4


@FITS
def test_one_label_alone_is_learnt(fit):
    rows, _ = clouds(12)
    head = fit(rows, torch.ones(12, dtype=torch.int64), torch.ones(12), n_labels=3)
    assert (said(head, rows).argmax(dim=1) == 1).all()


@FITS
def test_fifty_labels_are_told_apart(fit):
    rows, labels = clouds(300, 50, apart=4.0, width=20)
    others, truth = clouds(200, 50, apart=4.0, width=20, seed=7)
    assert float((said(fit(rows, labels, ones(labels), n_labels=50), others).argmax(dim=1) == truth).float().mean()) \
        > 0.9


@FITS
@pytest.mark.parametrize("n", [1, 2, 10])
def test_few_items_are_enough_for_finite_probabilities(fit, n):
    rows, labels = clouds(n)
    light = fit_light(rows, labels, ones(labels), n_labels=3, draws=np.linspace(0, 0.9, n), fit=fit)
    assert torch.isfinite(said(light.head, rows)).all()
    assert torch.isfinite(light.losses).all()


@FITS
def test_items_that_are_all_alike_give_the_labels_shares(fit):
    rows, labels = torch.zeros(30, 4), torch.tensor([0] * 20 + [1] * 10)
    probs = said(fit(rows, labels, ones(labels), n_labels=2), rows).softmax(dim=1)
    np.testing.assert_allclose(probs[0], [0.65, 0.35], atol=0.03)  # 2/3 and 1/3, smoothed


def test_lengths_that_differ_are_refused():
    rows, labels = clouds(10)
    with pytest.raises(ShapeError, match="10 rows, 9 targets"):
        fit_head(rows, labels[:9], torch.ones(10), n_labels=3)
    with pytest.raises(ShapeError, match="0 rows"):
        fit_head(rows[:0], labels[:0], torch.ones(0), n_labels=3)


def test_a_kernel_head_learns_what_no_line_separates():
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(0, 1, (500, 2))).float()
    labels = (rows.norm(dim=1) > 1.1).long()
    right = {fit: float((said(fit(rows[:250], labels[:250], torch.ones(250), n_labels=2), rows[250:]).argmax(dim=1)
                         == labels[250:]).float().mean()) for fit in (fit_head, fit_kernel_head)}
    assert right[fit_kernel_head] > 0.9
    assert right[fit_head] < 0.7


def test_slopes_of_a_kernel_head_are_finite_at_an_item_that_it_learnt():
    rows, labels = clouds(20)
    head = fit_kernel_head(rows, labels, ones(labels), n_labels=3)
    given = rows[:4].clone().requires_grad_()
    head(given).sum().backward()
    assert torch.isfinite(given.grad).all()


def test_fits_leave_torchs_generator_alone():
    state, (rows, labels) = torch.random.get_rng_state(), clouds(30)
    fit_light(rows, labels, ones(labels), n_labels=3, draws=np.linspace(0, 0.9, 30))
    assert torch.equal(state, torch.random.get_rng_state())


# -- out of fold ---------------------------------------------------------------------------------------------

@FITS
def test_an_item_is_predicted_without_its_own_answer(fit):
    """Wrong answers on one fold change what is said of all others, and nothing that is said of this fold."""
    rows, labels = clouds(60)
    draws = np.random.default_rng(2).random(60)
    fold = folds(labels.numpy(), draws)
    candidates = nn.functional.one_hot(labels, 3).float() * 0.9 + 0.1 / 3
    changed = candidates.clone()
    inside = torch.from_numpy(fold == 0)
    # The largest is the same, so that folds are: they follow from the labels.
    changed[inside] = 0.4 * nn.functional.one_hot(labels[inside], 3) + 0.2
    before, after = (out_of_fold_logits(rows, targets, ones(labels), n_labels=3, draws=draws, fit=fit)
                     for targets in (candidates, changed))
    np.testing.assert_array_equal(before[inside], after[inside])
    assert float((before[~inside] - after[~inside]).abs().max()) > 0.05


def test_labels_by_chance_are_right_by_chance_out_of_fold():
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(0, 1, (200, 50))).float()
    labels = torch.from_numpy(rng.integers(0, 4, 200))
    logits = out_of_fold_logits(rows, labels, torch.ones(200), n_labels=4, draws=rng.random(200))
    assert float((logits.argmax(dim=1) == labels).float().mean()) < 0.4


def test_groups_stay_together_and_labels_are_dealt_out():
    labels = np.repeat([0, 1, 2], 20)
    groups = np.arange(60) // 4 / 100
    fold = folds(labels, groups)
    assert all(len(set(fold[groups == group])) == 1 for group in groups)
    alone = folds(labels, np.random.default_rng(0).random(60))
    assert (np.array([np.bincount(alone[labels == label], minlength=5) for label in range(3)]) == 4).all()


# -- calibration ---------------------------------------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("n", [60, 300])
def test_probabilities_mean_what_they_say(n, shared_data, capsys):
    from hitl_widgets.quality.calibration import calibration_error
    with np.load(shared_data / "fashion_mnist" / "fashion_dev.npz") as data:
        images, labels, tested = data["images"], data["labels"].astype(np.int64), data["is_test"] == 1
    views = torch.from_numpy(images[:, None].astype(np.float32) / 255)
    pool, others = np.flatnonzero(~tested)[::3], np.flatnonzero(tested)
    net = fit_descriptors(views[pool])
    asked = np.random.default_rng(0).permutation(pool)[:n]
    light = fit_light(rows_of(net, views[asked]), torch.from_numpy(labels[asked]), torch.ones(n), n_labels=10,
                      draws=np.random.default_rng(1).random(n))
    probs = said(light.head, rows_of(net, views[others])).softmax(dim=1).numpy()
    error, _ = calibration_error(probs.max(axis=1), probs.argmax(axis=1) == labels[others])
    with capsys.disabled():
        print(f"\n{n} answers: calibration error {error:.3f}")
    assert error < {60: 0.12, 300: 0.08}[n]


# -- as nets -------------------------------------------------------------------------------------------------

VIEWS = torch.from_numpy(IMAGES[:120, None].astype(np.float32) / 255)
TARGETS = torch.tensor([NAMES.index(kind) for kind in KINDS[:120]])


@FITS
def test_a_stored_light_net_is_the_same(fit, tmp_path):
    descriptors = fit_descriptors(VIEWS)
    net = light_net(descriptors, fit(rows_of(descriptors, VIEWS), TARGETS, ones(TARGETS), n_labels=3))
    path = tmp_path / "net.safetensors"
    save_weights(net, path)
    assert holds_light_net(path)
    again = load_weights(unfitted_light_net(path), path)
    assert is_light_net(again)
    assert torch.equal(said(again, VIEWS), said(net, VIEWS))


def test_a_light_net_learns_in_the_form_of_a_training():
    descriptors, data = fit_descriptors(VIEWS), TrainingData(VIEWS[:90], TARGETS[:90].numpy())
    rows, weights = rows_of(descriptors, data.images), {k: v.clone() for k, v in descriptors.state_dict().items()}
    trained = learn_rows(descriptors, rows, data, n_labels=3)
    assert all(torch.equal(value, weights[name]) for name, value in descriptors.state_dict().items())
    assert float((said(trained.net, VIEWS[90:]).argmax(dim=1) == TARGETS[90:]).float().mean()) > 0.95
    again = learn_rows(trained.net[0], rows_of(trained.net[0], data.images), data, n_labels=3)
    assert torch.equal(said(again.net, VIEWS), said(trained.net, VIEWS))
