"""Features of texts: what makes two texts alike, and the words that set groups apart."""

import csv
import time
from pathlib import Path

import numpy as np
import pytest

from hitl_widgets.errors import BadInput
from hitl_widgets.items.text_features import (
    CHARACTERS_AT_ONCE,
    MOST,
    N_BUCKETS,
    distinctive_words,
    fit_text_features,
    hashed,
    text_features,
)

RNG = np.random.default_rng(0)
TOPICS = ("bus train late station ticket platform driver delay", "soup cold kitchen waiter table menu spicy bread",
          "goal match referee striker league penalty fans stadium")


def of_topic(topic: int, n: int) -> list[str]:
    """Sentences of some of a topic's words among words that all topics have."""
    words, common = TOPICS[topic].split(), ["the", "a", "was", "very", "and", "today", "we", "again", "it"]
    return [" ".join(RNG.permutation([*RNG.choice(words, 4, replace=False), *RNG.choice(common, 4, replace=False)]))
            for _ in range(n)]


def test_pieces_are_counted_within_words_only() -> None:
    once, twice = hashed(["cab"]), hashed(["cab cab"])
    np.testing.assert_array_equal(once.indices, twice.indices)
    np.testing.assert_array_equal(2 * once.data, twice.data)
    # The word; " ca", "cab", "ab "; " cab", "cab "; " cab ".
    assert once.sum() == 7
    assert once.shape == (1, N_BUCKETS)


def test_case_and_white_space_make_no_difference() -> None:
    plain, other = hashed(["free prize now"]), hashed(["  FREE\r\nprize\u2028 Now "])
    assert (plain != other).nnz == 0


def test_a_text_has_the_same_row_alone_and_among_others() -> None:
    texts = ["", "see you at six", "\ud83d", "x" * (CHARACTERS_AT_ONCE + 10), "世界 👍🏽", "see you at six", "end"]
    together = hashed(texts)
    for row, text in enumerate(texts):
        assert (together[row] != hashed([text])).nnz == 0


def test_ideographs_count_by_twos() -> None:
    both = set(hashed(["天气很好"]).indices) & set(hashed(["今天天气"]).indices)
    assert both  # 天气


def test_a_long_text_counts_by_its_beginning() -> None:
    assert (hashed(["ab " * MOST]) != hashed([("ab " * MOST)[:MOST] + "zz" * 9])).nnz == 0


def test_texts_of_one_topic_are_near_each_other() -> None:
    rows = text_features([*of_topic(0, 40), *of_topic(1, 40), *of_topic(2, 40)])
    topic = np.repeat(np.arange(3), 40)
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (topic[apart.argmin(axis=1)] == topic).mean() > 0.95
    assert rows.dtype == np.float32


def test_what_was_not_fitted_to_is_told_apart_all_the_same() -> None:
    fitted = fit_text_features(of_topic(0, 50))
    rows = fitted.of(["zebra quagga", "onyx jasper", "zebra  QUAGGA", "👍", "🎉"])
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    assert apart[0, 2] == 0
    assert apart[0, 1] > 0.1
    assert apart[3, 4] > 0.1


def test_features_follow_from_texts_and_seed() -> None:
    texts = of_topic(1, 30)
    rows = [fit_text_features(texts, seed=seed).of(texts) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert (rows[0] != rows[2]).any()


def test_few_texts_have_rows_of_the_same_width() -> None:
    for texts in (["one"], ["one", "two words"], ["a", "a", "a"]):
        fitted = fit_text_features(texts)
        assert fitted.of(texts).shape == (len(texts), fitted.n_features) == (len(texts), 128)
    with pytest.raises(BadInput, match="no text"):
        fit_text_features([])


def test_none_has_no_features() -> None:
    rows = text_features(["see you at six", None, "see you at seven"])
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, False]
    assert text_features([None, None]).shape == (2, 0)


def test_distinctive_words_are_those_of_the_topic() -> None:
    groups = [of_topic(topic, 20) for topic in range(3)]
    for words, topic in zip(distinctive_words(groups), TOPICS, strict=True):
        assert len(words) == 5
        assert set(words) <= set(topic.split())


def test_groups_that_nothing_sets_apart_have_no_words() -> None:
    assert distinctive_words([["the same words"] * 4, ["the same words"] * 4]) == [[], []]
    assert distinctive_words([["only one group"] * 4]) == [[]]
    assert distinctive_words([]) == []
    assert distinctive_words([[], ["a text"]]) == [[], []]


def test_one_group_is_compared_with_texts_beside() -> None:
    beside = ["the soup", "a table", "the bread"]
    assert distinctive_words([["a late bus", "the bus again"]], beside=beside) == [["bus"]]


def test_two_and_a_half_thousand_messages_are_described_in_a_second(shared_data: Path) -> None:
    with (shared_data / "text/sms_dev.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    begun = time.process_time()
    rows = fit_text_features(texts).of(texts)
    assert time.process_time() - begun < 10  # 0.4 s
    assert np.isfinite(rows).all()
