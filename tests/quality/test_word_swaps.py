"""The counterfactual gap of a classifier: how far its probability moves when a word is swapped."""

from __future__ import annotations

import numpy as np
import pytest

from hitl_widgets import quality
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.word_swaps import swap_gap, swapped

TEXTS = ["Being gay is fun", "I met an old friend", "Nothing here"]


def test_texts_differ_in_the_word_alone_and_each_template_is_there_once():
    table = swapped([*TEXTS, "Being OLD is fun", "gayer"], ["gay", "old"])
    assert table["text"].tolist() == ["Being gay is fun", "Being old is fun", "I met an gay friend",
                                      "I met an old friend"]
    assert table["template"].nunique() == 2


def test_longer_words_are_found_before_those_that_they_hold():
    table = swapped(["an african american man"], ["african", "african american", "old"])
    assert table["template"].unique().tolist() == ["an ___ man"]


def test_signs_in_words_are_no_patterns_and_other_alphabets_are_words_too():
    assert swapped(["I like c++ much"], ["c++", "java"])["text"].tolist() == ["I like c++ much", "I like java much"]
    assert swapped(["это старый дом"], ["старый", "новый"])["text"].tolist()[1] == "это новый дом"


def test_the_gap_is_the_mean_distance_of_two_words_by_hand():
    # Distances of (.9, .5, .5): .4, .4, 0; of (.5, .5, .5): 0.
    def predict(texts):
        return [0.9 if "gay" in text and "fun" in text else 0.5 for text in texts]
    found = quality.swap_gap(predict, TEXTS, ["gay", "old", "tall"])
    assert float(found.gap) == pytest.approx(0.8 / 3 / 2)
    assert found.gap.n == 2
    assert found.templates["gap"].tolist() == pytest.approx([0.8 / 3, 0])
    assert found.words["word"].tolist() == ["gay", "old", "tall"]
    assert found.words["effect"].tolist() == pytest.approx([(0.9 - 1.9 / 3) / 2, (0.5 - 1.9 / 3) / 2,
                                                            (0.5 - 1.9 / 3) / 2])
    assert found.table["prob"].tolist() == [0.9, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert "'gay' moves the probability by +0.133" in repr(found)
    assert "<script" not in found._repr_html_()


def test_a_classifier_that_ignores_the_word_has_no_gap():
    found = swap_gap(lambda texts: np.full((len(texts), 2), 0.5), TEXTS, ["gay", "old"])
    assert (float(found.gap), found.gap.low, found.gap.high) == (0, 0, 0)


def test_of_several_labels_the_column_is_named():
    def predict(texts):
        return np.array([[0.2, 0.5 + 0.4 * ("gay" in text), 0.1] for text in texts])
    assert float(swap_gap(predict, TEXTS, ["gay", "old"], column=1).gap) == pytest.approx(0.4)
    with pytest.raises(ShapeError, match="column"):
        swap_gap(predict, TEXTS, ["gay", "old"])


@pytest.mark.long
def test_the_interval_holds_the_mean_of_all_templates_about_as_often_as_it_says():
    # The gap of template i is g[i]: 40 of 4,000 templates are measured, 300 times.
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 4, 4_000)
    held = 0
    for number in range(300):
        some = rng.choice(truth, 40, replace=False)
        texts = [f"{row} gay" for row in range(40)]
        probs = dict(zip(texts, some, strict=True))
        found = swap_gap(lambda texts, probs=probs: [probs.get(text, 0.0) for text in texts], texts, ["gay", "old"],
                         seed=number)
        held += found.gap.low <= truth.mean() <= found.gap.high
    assert 0.90 <= held / 300 <= 0.98


@pytest.mark.long
@pytest.mark.parametrize("n", [2, 5, 10])
def test_intervals_of_a_few_templates_hold_the_truth_as_often_as_they_say(n):
    rng, held = np.random.default_rng(3), 0
    for number in range(200):
        moves = dict(zip(map(str, range(n)), rng.beta(2, 8, n), strict=True))
        found = swap_gap(lambda texts, moves=moves: [moves[text.split()[0]] * ("gay" in text) for text in texts],
                         [f"{name} gay" for name in moves], ["gay", "old"], seed=number)
        held += found.gap.low <= 0.2 <= found.gap.high
    assert held / 200 >= 0.90


def test_a_change_is_paired_over_the_templates():
    texts = [f"{row} gay" for row in range(60)]
    before = swap_gap(lambda texts: [(int(text.split()[0]) + 20 * ("gay" in text)) / 100 for text in texts], texts,
                      ["gay", "old"])
    after = swap_gap(lambda texts: [(int(text.split()[0]) + 5 * ("gay" in text)) / 100 for text in texts], texts,
                     ["gay", "old"])
    change = after.since(before)
    assert float(change) == pytest.approx(-0.15)
    assert (change.low, change.high) == pytest.approx((-0.15, -0.15))
    with pytest.raises(BadInput, match="in both"):
        swap_gap(lambda texts: np.zeros(len(texts)), ["other gay"], ["gay", "old"]).since(before)


@pytest.mark.parametrize("words", ["gay", ["gay"], ["gay", "gay"], ["gay", " "], ["gay", 3]])
def test_fewer_than_two_words_are_refused(words):
    with pytest.raises(BadInput, match="words"):
        swapped(TEXTS, words)


def test_texts_without_a_word_and_outputs_that_are_no_probabilities_are_refused():
    with pytest.raises(BadInput, match="nothing to swap"):
        swap_gap(lambda texts: np.zeros(len(texts)), ["Hello"], ["gay", "old"])
    for odd in (np.zeros(3), np.full(4, np.nan), np.full(4, 2.0)):
        with pytest.raises(ShapeError):
            swap_gap(lambda texts, odd=odd: odd, TEXTS, ["gay", "old"])
