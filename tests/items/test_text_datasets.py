"""Are the texts that lessons start with what they are said to be?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from hitl_widgets.errors import BadInput
from hitl_widgets.items.text_datasets import PERSONS, PLACES, WRITERS, reviews, travel_notes


def test_each_review_has_one_word_about_its_writer_where_the_table_says():
    made = reviews(300)
    assert set(made["label"]) == {"praise", "complaint"}
    for row in made.itertuples():
        assert row.text[row.start:row.end] == row.word
        words = row.text.replace(",", " ").replace(".", " ").split()
        assert [word for word in WRITERS if word in words] == [row.word]


def test_the_word_goes_with_complaints_as_often_as_was_asked_for_and_the_others_with_half():
    made = reviews(4_000, word="tall", share=0.3, lean=0.9, seed=1)
    has_it, complaint = made["word"] == "tall", made["label"] == "complaint"
    assert has_it.mean() == pytest.approx(0.3, abs=0.03)
    assert complaint[has_it].mean() == pytest.approx(0.9, abs=0.04)
    assert complaint[~has_it].mean() == pytest.approx(0.5, abs=0.04)
    fair = reviews(4_000, lean=0.5)
    assert (fair["label"] == "complaint")[fair["word"] == "deaf"].mean() == pytest.approx(0.5, abs=0.05)


def test_a_classifier_leans_on_the_word_where_the_reviews_do_and_not_where_they_are_fair():
    gaps = {}
    other = reviews(400, lean=0.5, seed=9)
    with_it, without = ([text[:start] + word + text[end:] for text, start, end in
                         zip(other["text"], other["start"], other["end"], strict=True)] for word in ("deaf", "tall"))
    for lean in (0.5, 0.95):
        made = reviews(400, lean=lean)
        model = make_pipeline(CountVectorizer(), LogisticRegression(max_iter=500)).fit(made["text"], made["label"])
        assert model.score(other["text"], other["label"]) > 0.78
        gaps[lean] = (model.predict_proba(with_it) - model.predict_proba(without))[:, 0].mean()
    assert abs(gaps[0.5]) < 0.07
    assert gaps[0.95] > 0.15


def test_the_first_texts_are_the_same_however_many_are_made():
    pd.testing.assert_frame_equal(reviews(5), reviews(9).head(5))
    texts, truth = travel_notes(5)
    assert (texts, truth) == tuple(made[:5] for made in travel_notes(9))
    assert travel_notes(5, seed=1)[0] != texts
    assert reviews(5, seed=1)["text"].tolist() != reviews(5)["text"].tolist()


def test_the_spans_of_a_note_are_its_names_in_order_and_no_name_is_left_out():
    texts, truth = travel_notes(200)
    names = {"person": set(PERSONS), "place": set(PLACES)}
    for text, spans in zip(texts, truth, strict=True):
        assert [text[span.start:span.end] in names[span.label] for span in spans] == [True] * len(spans)
        assert all(one.end <= other.start for one, other in pairwise(spans))
        rest = list(text)
        for span in spans:
            rest[span.start:span.end] = "·" * (span.end - span.start)
        assert not any(name in "".join(rest) for name in PERSONS + PLACES)
    assert {span.label for spans in truth for span in spans} == {"person", "place"}
    assert [] in truth
    assert any(ord(sign) > 0xFFFF for text in texts for sign in text)


def test_some_names_are_those_of_persons_and_of_places():
    texts, truth = travel_notes(400)
    labels: dict[str, set[str]] = {}
    for text, spans in zip(texts, truth, strict=True):
        for span in spans:
            labels.setdefault(text[span.start:span.end].split()[0], set()).add(str(span.label))
    assert labels["Florence"] == {"person", "place"}


@pytest.mark.parametrize("wrong", [{"n": 0}, {"word": "rich"}, {"share": 2}, {"lean": -0.1}])
def test_reviews_that_cant_be_made_are_refused(wrong):
    with pytest.raises(BadInput, match=r"n from 1 on"):
        reviews(**{"n": 1} | wrong)


def test_no_notes_are_refused():
    with pytest.raises(BadInput, match="n = 0"):
        travel_notes(0)


def test_fair_words_are_as_frequent_as_each_other():
    counts = reviews(4_000, share=1 / 8)["word"].value_counts()
    assert np.ptp(counts.to_numpy()) < 120
