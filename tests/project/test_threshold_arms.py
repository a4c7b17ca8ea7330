"""Which proposals a person is shown: drawn as the recipe says, the same each time, in the shares that it says."""

from __future__ import annotations

from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hitl_widgets.project.arms import draw
from hitl_widgets.project.threshold_arms import (
    USUAL,
    DrawnProposals,
    draw_proposals,
    draw_threshold,
    is_withheld,
    moved,
    threshold_arm,
)

SCORES = np.linspace(0.01, 0.99, 50)
PROPOSALS = [SimpleNamespace(id=f"o{k}", label_id=("Lr", "Lw")[k % 2], score=float(score))
             for k, score in enumerate(SCORES)]


def shown(item_id: str = "i1", *, drawn: bool = True, hidden: bool = False, annotator: str = "ada", seed: int = 0,
          **thresholds: float) -> DrawnProposals[Any]:
    return draw_proposals(PROPOSALS, thresholds, ["Lr", "Lw"], seed=seed, annotator=annotator, item_id=item_id,
                          drawn=drawn, hidden=hidden)


def by_recipe(*texts: str) -> float:
    whole = blake2b("\0".join(texts).encode(), digest_size=8).digest()
    return (int.from_bytes(whole, "big") >> 11) / 2 ** 53


def test_thresholds_are_drawn_as_the_recipe_says():
    for k in range(300):
        drawn = by_recipe("threshold", "7", "ada", f"i{k}")
        which = "usual" if drawn < 0.8 else "lower" if drawn < 0.9 else "higher"
        got = shown(f"i{k}", seed=7)
        assert draw_threshold(7, "ada", f"i{k}").which == which == threshold_arm(got.threshold,
                                                                                got.probability)
        assert got.threshold == {"usual": 0.3, "lower": 0.15, "higher": 0.65}[which]
        assert got.probability == {"usual": 0.8}.get(which, 0.1)
        assert {one.id for one in (*got.shown, *got.withheld)} == {
            one.id for one in PROPOSALS if one.score >= got.threshold}


def test_withheld_proposals_are_drawn_as_the_recipe_says_in_a_tenth_of_the_images():
    n_images = n_withheld = n_above = 0
    for k in range(2_000):
        got = shown(f"i{k}", seed=3)
        inside = by_recipe("withhold", "3", "ada", f"i{k}") < 0.1
        assert inside or not got.withheld
        assert {one.id for one in got.withheld} == {
            one.id for one in PROPOSALS if one.score >= got.threshold and inside
            and by_recipe("withheld", "3", "ada", f"i{k}", one.id) < 0.05}
        n_images, n_withheld = n_images + inside, n_withheld + len(got.withheld)
        n_above += inside * (len(got.shown) + len(got.withheld))
    assert 0.08 < n_images / 2_000 < 0.12
    assert 0.04 < n_withheld / n_above < 0.06


def test_threshold_and_arm_are_drawn_independently():
    arms = np.array([draw(0, "ada", f"i{k}") for k in range(4_000)])
    rare = np.array([draw_threshold(0, "ada", f"i{k}").which != "usual" for k in range(4_000)])
    held = np.array([is_withheld(0, "ada", f"i{k}", "o1") for k in range(4_000)])
    assert abs(np.corrcoef(arms, rare)[0, 1]) < 0.05
    assert abs(np.corrcoef(rare, held)[0, 1]) < 0.05


def test_a_blind_image_shows_nothing_and_withholds_nothing_but_its_threshold_is_drawn():
    for k in range(500):
        got, open_ = shown(f"i{k}", hidden=True), shown(f"i{k}")
        assert not got.withheld
        assert got.threshold == open_.threshold
        assert got.probability == open_.probability
        assert {one.id for one in got.shown} == {one.id for one in (*open_.shown, *open_.withheld)}


def test_what_measures_is_not_drawn():
    for k in range(200):
        got = shown(f"i{k}", drawn=False, hidden=True)
        assert (got.threshold, got.probability, got.withheld) == (USUAL, None, [])


def test_labels_have_thresholds_of_their_own():
    got = shown(drawn=False, Lr=0.2, Lw=0.6)
    assert got.threshold == pytest.approx(0.4)
    assert min(one.score for one in got.shown if one.label_id == "Lr") < 0.25
    assert min(one.score for one in got.shown if one.label_id == "Lw") >= 0.6
    lower = next(f"i{k}" for k in range(100) if draw_threshold(0, "ada", f"i{k}").which == "lower")
    assert shown(lower, Lr=0.2, Lw=0.6).threshold == pytest.approx(0.2)


def test_a_rare_threshold_is_told_from_the_log_alone():
    for usual in (0.01, 0.3, 0.5, 0.99):
        for which, probability in (("usual", 0.8), ("lower", 0.1), ("higher", 0.1)):
            assert threshold_arm(moved(usual, which), probability) == which
    assert threshold_arm(0.3, None) is None
    assert threshold_arm(None, None) is None
