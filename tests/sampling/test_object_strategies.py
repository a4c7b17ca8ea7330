"""Strategies where an image has objects: doubt about its proposals, disagreement, likeness to what was corrected."""

from __future__ import annotations

import numpy as np
import pytest

from hitl_widgets.errors import ShapeError
from hitl_widgets.sampling.object_strategies import apart, diverse_doubt, doubt_of, most_corrected


def test_a_proposal_at_its_threshold_is_in_most_doubt():
    each = [doubt_of([score], [0.3]) for score in (0.16, 0.3, 0.5, 0.9, 1.0)]
    assert each[1] == pytest.approx(1.0)
    assert each[1] > each[0] > 0.5
    assert each[1] > each[2] > each[3] > each[4] == 0
    assert doubt_of([0.6], [0.6]) == pytest.approx(1.0)


def test_noise_far_below_the_threshold_adds_nothing_and_objects_add_up():
    assert doubt_of([0.14] * 90, [0.3] * 90) == 0
    assert doubt_of([0.4, 0.4], [0.3, 0.3]) == pytest.approx(2 * doubt_of([0.4], [0.3]))
    assert doubt_of([], []) == 0
    assert np.isfinite(doubt_of([0.0, 1.0, 0.5], [0.0, 1.0, 1.0]))
    with pytest.raises(ShapeError, match="thresholds"):
        doubt_of([0.3], [0.3, 0.3])


def test_chosen_together_are_unlike_each_other():
    rng = np.random.default_rng(0)
    rows = np.repeat(np.eye(4) * 9, 20, axis=0) + rng.normal(0, 0.1, (80, 4))
    scores = np.where(np.arange(80) < 20, 2.0, 1.0) + rng.random(80) / 10
    chosen = np.flatnonzero(~np.isnan(diverse_doubt(scores, rows, n=4)))
    assert len(set(chosen // 20)) >= 3


def test_an_image_like_the_corrected_ones_comes_first_and_unknown_ones_have_no_score():
    rows = np.array([[0.0, 0], [10, 0], [0, 10], [np.nan, 0]])
    known = np.repeat(rows[:3], 6, axis=0) + np.random.default_rng(0).normal(0, 0.3, (18, 2))
    parts = np.repeat([0.1, 0.9, 0.4], 6)
    scores = most_corrected(rows, known, parts)
    assert scores[:3].argsort().tolist() == [0, 2, 1]
    assert np.isnan(scores[3])
    assert np.isnan(most_corrected(rows, known, np.full(18, np.nan))).all()
    few = most_corrected(rows, known[6:7], parts[6:7])
    assert few[:3] == pytest.approx([0.9, 0.9, 0.9])  # one answer says nothing of likeness
    with pytest.raises(ShapeError, match="answered"):
        most_corrected(rows, known, parts[:3])


def test_disagreement_is_the_part_of_objects_that_two_answers_do_not_share():
    assert apart([(4, 4, 4)]) == 0
    assert apart([(0, 3, 0)]) == 1
    assert apart([(2, 4, 2), (2, 2, 2)]) == pytest.approx(1 / 6)
    assert np.isnan(apart([]))
