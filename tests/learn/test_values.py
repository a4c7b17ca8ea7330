"""Heads for attributes: what they predict, how sure they are, and what wrong answers do to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from shades import IMAGES

from hitl_widgets.errors import ModelError, ShapeError
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import light_net, rows_of
from hitl_widgets.learn.scale_head import conformal_quantile, fit_scale
from hitl_widgets.learn.values import (
    FEWEST,
    ValueHeads,
    fit_values,
    predict_values,
    step_probs,
    unfitted_value_net,
    value_errors,
)
from hitl_widgets.learn.weights import load_weights, save_weights
from hitl_widgets.taxonomy.attributes import Attribute

TILT = Attribute("tilt", scale=(0.0, 10.0))
STEPS = Attribute("steps", scale=(0, 10))
VIEW = Attribute("view", choices=["front", "side", "back"])


def rows_and_truth(n, *, seed=0, n_features=12):
    """Rows, and a value from 0 to 10 that follows from them along a bent line."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (n, n_features)).astype(np.float32)
    truth = 10 / (1 + np.exp(-1.2 * rows[:, 0] - 0.6 * rows[:, 1] * rows[:, 2]))
    return torch.from_numpy(rows), truth


def fitted(n=150, *, noise=1.0, seed=0, weights=None, spoil=0.0):
    rows, truth = rows_and_truth(n + 1_000, seed=seed)
    rng = np.random.default_rng([seed, 1])
    answers = (truth + rng.normal(0, noise, len(truth))).clip(0, 10)
    spoilt = rng.random(n) < spoil
    answers[:n][spoilt] = rng.uniform(0, 10, int(spoilt.sum()))
    found = fit_scale(rows[:n], answers[:n], np.ones(n) if weights is None else weights, low=0, high=10,
                      draws=rng.random(n))
    return found, rows[n:], truth[n:], answers[n:], spoilt


def away(found, rows, truth):
    with torch.no_grad():
        return float(np.abs(found.head.intervals(rows)[0].numpy() - truth).mean())


def test_a_scale_is_learnt_from_noisy_answers():
    found, rows, truth, _, _ = fitted()
    assert away(found, rows, truth) < 0.9  # the answers' own errors are 0.8, those of one value for all items 2.2


def test_more_answers_teach_more():
    few, many = (away(*fitted(n)[:3]) for n in (30, 400))
    assert many < 0.7 * few


def test_nine_of_ten_new_answers_lie_in_their_intervals():
    shares = []
    for seed in range(4):
        found, rows, _, answers, _ = fitted(120, seed=seed)
        with torch.no_grad():
            _, low, high = (end.numpy() for end in found.head.intervals(rows))
        shares.append(((answers >= low) & (answers <= high)).mean())
        assert (high - low).mean() < 7  # the scale's length would hold every answer
    assert 0.86 <= np.mean(shares) <= 0.95


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_deviations_are_as_large_as_the_errors_however_little_noise_there_is(noise):
    """Answers without noise are best learnt almost without a penalty, and much of each row isn't known then."""
    found, rows, _, answers, _ = fitted(120, noise=noise)
    with torch.no_grad():
        standardised = (found.head(rows)[:, 0].numpy() - answers) / found.head.deviations(rows).numpy()
    assert 0.4 < np.sqrt(np.median(standardised ** 2)) / 0.6745 < 1.6


def test_intervals_are_wider_where_nothing_like_it_was_learnt():
    found, rows, _, _, _ = fitted()
    with torch.no_grad():
        near, far = found.head.deviations(rows).median(), found.head.deviations(4 * rows).median()
    assert far > near


@pytest.mark.long
def test_a_tenth_of_answers_by_chance_hardly_moves_the_head():
    clean, spoilt = (np.mean([away(*fitted(200, seed=seed, spoil=share)[:3]) for seed in range(3)])
                     for share in (0.0, 0.1))
    assert spoilt < 1.25 * clean


def test_answers_that_count_little_teach_little():
    """Half the answers are upside down, and weigh a hundredth."""
    rows, truth = rows_and_truth(300)
    answers, weights = truth.copy(), np.ones(300)
    answers[::2], weights[::2] = 10 - answers[::2], 0.01
    draws = np.random.default_rng(0).random(300)
    heads = [fit_scale(rows[:200], answers[:200], some[:200], low=0, high=10, draws=draws[:200]).head
             for some in (weights, np.ones(300))]
    with torch.no_grad():
        weighed, not_weighed = (np.abs(head(rows[200:])[:, 0].numpy() - truth[200:]).mean() for head in heads)
    assert weighed < 0.5 * not_weighed


def test_no_answer_of_an_item_is_learnt_by_the_head_that_predicts_it():
    """Each item has two equal answers: a head that learnt one of them would know the other."""
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.normal(0, 1, (40, 12)).astype(np.float32))
    answers = rng.uniform(0, 10, 40)  # nothing to learn
    draws = rng.random(40)
    twice = [torch.cat([rows, rows]), np.tile(answers, 2), np.ones(80)]
    found = fit_scale(*twice, low=0, high=10, draws=np.tile(draws, 2))
    assert np.abs(found.values - twice[1]).mean() > 0.8 * np.abs(answers - np.median(answers)).mean()


@pytest.mark.parametrize("answers", [np.full(20, 4.0), np.array([3.0] * 19 + [9.0])])
def test_equal_answers_are_learnt_as_they_are(answers):
    rows, _ = rows_and_truth(20)
    found = fit_scale(rows, answers, np.ones(20), low=0, high=10, draws=np.random.default_rng(0).random(20))
    with torch.no_grad():
        value, low, high = found.head.intervals(rows)
    assert torch.isfinite(value).all()
    assert (low <= value).all()
    assert (value <= high).all()
    assert value.median() == pytest.approx(np.median(answers), abs=0.7)


def test_equal_rows_are_no_trouble():
    found = fit_scale(torch.zeros(10, 5), np.arange(10.0), np.ones(10), low=0, high=10,
                      draws=np.random.default_rng(0).random(10))
    assert float(found.head.intervals(torch.zeros(1, 5))[0].detach()) == pytest.approx(4.5, abs=0.3)


def test_answers_of_different_lengths_are_refused():
    with pytest.raises(ShapeError, match="2 values"):
        fit_scale(torch.zeros(3, 5), np.zeros(2), np.ones(3), low=0, high=1, draws=np.zeros(3))


def test_the_quantile_of_few_scores_is_the_largest():
    assert conformal_quantile(np.array([1.0, 2.0])) == 2.0
    assert conformal_quantile(np.arange(1.0, 10.0)) == 9.0  # the ninth of ten places
    assert conformal_quantile(np.arange(1.0, 40.0)) == 36.0


# -- several attributes

def table(attribute, n=120, *, seed=0):
    rows, truth = rows_and_truth(n, seed=seed)
    rng = np.random.default_rng(seed)
    if attribute.choices:
        values = [attribute.choices[int(value // 3.4)] for value in truth]
    else:
        values = [attribute.nearest(value) for value in truth + rng.normal(0, 1, n)]
    return rows, values, rng.random(n)


@pytest.mark.parametrize("attribute", [TILT, STEPS, VIEW])
def test_each_kind_of_attribute_gives_its_own_values(attribute):
    rows, values, draws = table(attribute)
    found = fit_values(rows, attribute, np.arange(120), values, np.ones(120), draws=draws)
    said = predict_values(found.head, attribute, rows)
    assert all(attribute.check(value) == value for value in said.values)
    assert all(low is None or low <= value <= high
               for value, low, high in zip(said.values, said.low, said.high, strict=True))
    if attribute is not TILT:
        np.testing.assert_allclose(said.probs.sum(axis=1), 1, atol=1e-6)
    constant = max(np.mean([value == other for value in values]) for other in set(values))
    assert np.mean([a == b for a, b in zip(said.values, values, strict=True)]) > constant or attribute is TILT
    assert found.errors.mean() < (0.25 if attribute.scale else 0.55)  # by chance a third and two thirds


def test_the_steps_of_a_scale_have_the_probabilities_of_a_normal_distribution():
    probs = step_probs(np.array([5.0, 0.0, 30.0]), np.array([1.0, 1.0, 1.0]), STEPS)
    np.testing.assert_allclose(probs[0, 4:7], [0.2417, 0.3829, 0.2417], atol=1e-4)  # between z = 0.5 and 1.5, and so on
    np.testing.assert_allclose(probs[1, 0], 0.6915, atol=1e-4)  # below z = 0.5
    np.testing.assert_allclose(probs[2], [0] * 10 + [1], atol=1e-9)


def test_an_attribute_learns_from_the_items_where_it_was_said_and_that_can_be_read():
    rows, values, draws = table(TILT)
    there = np.arange(60)
    alone = fit_values(rows[:60], TILT, there, values[:60], np.ones(60), draws=draws[:60])
    among = torch.cat([rows[:60], torch.full((3, 12), torch.nan), rows[60:]])
    masked = fit_values(among, TILT, np.arange(63), [*values[:60], 0.0, 0.0, 0.0], np.ones(63),
                        draws=np.concatenate([draws[:60], np.zeros(3), draws[60:]]))
    np.testing.assert_array_equal(masked.rows, there)
    np.testing.assert_allclose(predict_values(masked.head, TILT, rows).numbers,
                               predict_values(alone.head, TILT, rows).numbers, atol=1e-6)


def test_too_few_answers_make_no_head():
    rows, values, draws = table(TILT)
    few = np.arange(FEWEST - 1)
    assert fit_values(rows, TILT, few, values[:FEWEST - 1], np.ones(FEWEST - 1), draws=draws) is None
    assert fit_values(rows, TILT, np.zeros(20, int), values[:20], np.ones(20), draws=draws) is None  # one item
    assert fit_values(rows, VIEW, np.arange(20), ["front"] * 20, np.ones(20), draws=draws) is None


def test_errors_are_parts_of_a_scale_and_probabilities_of_other_choices():
    np.testing.assert_allclose(value_errors(TILT, np.array([2.0, 10.0]), [3.0, 0.0]), [0.1, 1.0])
    np.testing.assert_allclose(value_errors(VIEW, np.array([[0.5, 0.3, 0.2]]), ["side"]), [0.7])


def test_heads_are_restored_from_a_file_without_pickling(tmp_path):
    views = torch.from_numpy(IMAGES[:40, None] / 255.0).float()
    descriptors = fit_descriptors(views)
    rows = rows_of(descriptors, views)
    rng = np.random.default_rng(0)
    heads = {}
    for attribute, values in ((TILT, list(rng.uniform(0, 10, 40))), (VIEW, [VIEW.choices[k % 3] for k in range(40)])):
        heads[attribute.id] = fit_values(rows, attribute, np.arange(40), values, np.ones(40),
                                         draws=rng.random(40)).head
    net = light_net(descriptors, ValueHeads(heads))
    save_weights(net, path := tmp_path / "values.safetensors")
    restored = load_weights(unfitted_value_net(path, list(heads)), path)
    with torch.no_grad():
        torch.testing.assert_close(restored(views), net(views))
    assert restored[1].columns == {TILT.id: slice(0, 1), VIEW.id: slice(1, 4)}
    torch.testing.assert_close(restored[1].head(TILT.id).deviations(rows), heads[TILT.id].deviations(rows))
    with pytest.raises(ModelError, match="2 attributes"):
        unfitted_value_net(path, [TILT.id])
