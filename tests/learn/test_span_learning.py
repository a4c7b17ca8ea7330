"""A tagger of spans: targets, decoding, what it learns, and from which score on it proposes."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from sentences import sentences

from hitl_widgets.items.tokens import tokens
from hitl_widgets.learn import span_net
from hitl_widgets.learn.span_net import EncodedText, SpanNet, encoded, find_spans, pieces, tag_scores
from hitl_widgets.learn.span_targets import (
    BEGIN,
    INSIDE,
    LAST,
    MAY_FOLLOW,
    OUTSIDE,
    UNIT,
    CorrectedText,
    decode,
    may_overlap,
    targets_of,
    tokens_of,
    viterbi,
)
from hitl_widgets.learn.span_training import SpanOptions, _Example, _parted, fit_spans
from hitl_widgets.learn.weights import load_weights, save_weights, weights_version


def corrected(text, *spans, weights=None, **more):
    return CorrectedText(text, [span[:2] for span in spans], [span[2] for span in spans],
                         [1.0] * len(spans) if weights is None else weights, **more)


def of_templates(n, seed=0):
    return [corrected(text, *spans, item_id=str(place)) for place, (text, spans) in enumerate(sentences(n, seed))]


def said(net, one, least=0.3):
    [found] = find_spans(net, [text := encoded(one.text)])
    return {(int(text.places[first, 0]), int(text.places[last - 1, 1]), int(label)) for (first, last), label, score in
            zip(found.tokens, found.labels, found.scores, strict=True) if score >= least}


def f1(net, texts, least=0.3):
    true = [{(*at, label) for at, label in zip(one.shapes, one.labels, strict=True)} for one in texts]
    found = [said(net, one, least) for one in texts]
    both = sum(len(a & b) for a, b in zip(true, found, strict=True))
    return 2 * both / (sum(map(len, true)) + sum(map(len, found)))


@pytest.fixture(scope="module")
def fitted():
    return fit_spans(of_templates(80), 2, SpanOptions(steps=140))


def test_tags_say_where_a_span_begins_and_ends_for_each_label():
    text = "Ada Smith met Bob in Rome"
    targets = targets_of(corrected(text, (0, 9, 1), (14, 17, 1), (21, 25, 0)), tokens(text), 2)
    assert targets.tags[:, 1].tolist() == [BEGIN, LAST, OUTSIDE, UNIT, OUTSIDE, OUTSIDE]
    assert targets.tags[:, 0].tolist() == [OUTSIDE] * 5 + [UNIT]
    assert (targets.weights == 1).all()


def test_spans_of_different_labels_overlap_and_of_one_label_the_longest_is_learnt():
    text = "University of Cape Town"
    targets = targets_of(corrected(text, (14, 23, 0), (0, 23, 0), (14, 23, 1)), tokens(text), 2)
    assert targets.tags[:, 0].tolist() == [BEGIN, INSIDE, INSIDE, LAST]
    assert targets.tags[:, 1].tolist() == [OUTSIDE, OUTSIDE, BEGIN, LAST]


def test_a_span_that_cuts_a_token_teaches_the_whole_token_and_one_of_blanks_nothing():
    text = "unhappy  man"
    targets = targets_of(corrected(text, (0, 2, 0), (7, 9, 0)), tokens(text), 1)
    assert targets.tags[:, 0].tolist() == [UNIT, OUTSIDE]
    assert tokens_of(tokens(text), 7, 9) == (1, 1)


def test_what_is_ignored_is_no_background_and_certainty_is_a_weight():
    text = "Ada met Bob in Rome"
    targets = targets_of(corrected(text, (0, 3, 1), weights=[2.5], ignored=[(8, 11)], unknown=(0,), weight=0.5),
                         tokens(text), 2)
    assert targets.weights[:, 1].tolist() == [1.25, 0.5, 0, 0.5, 0.5]
    assert (targets.weights[:, 0] == 0).all()


def test_labels_that_never_overlap_are_known():
    texts = [corrected("a b c d", (0, 3, 0), (2, 5, 1), (6, 7, 2)), corrected("a b", (0, 1, 2), (2, 3, 0))]
    assert may_overlap(texts, 3).tolist() == [[False, True, False], [True, False, False], [False, False, False]]


def best_of_all(scores):
    """The best tags of a row of tokens, of all there are."""
    best, found = -np.inf, None
    for tags in product(range(5), repeat=len(scores)):
        chain = (OUTSIDE, *tags, OUTSIDE)
        if all(MAY_FOLLOW[a, b] for a, b in pairwise(chain)):
            value = sum(scores[place, tag] for place, tag in enumerate(tags))
            if value > best:
                best, found = value, tags
    return list(found)


def test_decoded_tags_are_the_best_of_all_that_make_whole_spans():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 5):
        scores = rng.normal(0, 2, (20, n, 5)).astype(np.float32)
        assert viterbi(scores).tolist() == [best_of_all(one) for one in scores]


def test_a_spans_score_is_its_least_probable_tag_and_short_texts_of_a_batch_end_where_they_end():
    def of(*probabilities):
        rows = np.full((len(probabilities), 1, 5), 1e-6, np.float32)
        for place, (tag, value) in enumerate(probabilities):
            rows[place, 0, tag], rows[place, 0, OUTSIDE if tag else UNIT] = value, 1 - value - 3e-6
        return np.log(rows)
    long = of((BEGIN, 0.9), (INSIDE, 0.7), (LAST, 0.8), (OUTSIDE, 0.999))
    short = of((UNIT, 0.6))
    [first, second, empty] = decode([long, short, long[:0]], np.ones((1, 1), bool))
    assert (first.tokens.tolist(), first.scores.tolist()) == ([[0, 3]], pytest.approx([0.7], abs=1e-4))
    assert (second.tokens.tolist(), second.scores.tolist()) == ([[0, 1]], pytest.approx([0.6], abs=1e-4))
    assert len(empty.scores) == 0


def test_what_the_first_look_just_missed_is_found_with_a_lower_score():
    scores = np.log(np.array([[[0.7, 1e-6, 1e-6, 1e-6, 0.3]], [[0.999, 1e-6, 1e-6, 1e-6, 1e-3]]], np.float32))
    [found] = decode([scores], np.ones((1, 1), bool))
    assert (found.tokens.tolist(), found.scores.tolist()) == ([[0, 1]], pytest.approx([0.3], abs=1e-4))


def test_of_labels_that_never_overlap_the_better_span_is_kept():
    scores = np.log(np.full((1, 2, 5), 1e-6, np.float32))
    scores[0, 0, UNIT], scores[0, 1, UNIT] = np.log(0.9), np.log(0.6)
    both, one = (decode([scores], together)[0] for together in (np.ones((2, 2), bool), np.zeros((2, 2), bool)))
    assert both.labels.tolist() == [0, 1]
    assert one.labels.tolist() == [0]


def test_a_small_net_learns_names_that_it_has_never_seen(fitted):
    assert f1(fitted.net, of_templates(60, seed=100)) > 0.8
    assert fitted.n_later == 15  # a fifth of the 76 that differ
    assert fitted.stopped == "done"
    assert all(0.05 <= limit <= 0.95 for limit in fitted.thresholds)
    assert fitted.history[0][1] > 4 * fitted.history[-1][1]


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    versions = []
    for _ in range(2):
        torch.rand(3)
        versions.append(weights_version(fit_spans(of_templates(12), 2, SpanOptions(steps=6, seed=4)).net))
    assert versions[0] == versions[1]
    assert weights_version(fit_spans(of_templates(12), 2, SpanOptions(steps=6, seed=5)).net) != versions[0]


def test_weights_are_read_back_as_they_were_written(fitted, tmp_path):
    save_weights(fitted.net, tmp_path / "net.safetensors")
    again = load_weights(SpanNet(2), tmp_path / "net.safetensors").eval()
    texts = of_templates(5, seed=101)
    assert [said(again, one) for one in texts] == [said(fitted.net, one) for one in texts]


def test_a_texts_spans_dont_depend_on_the_others_and_long_texts_are_read_in_parts(fitted, monkeypatch):
    texts = [encoded(one.text) for one in of_templates(9, seed=102)]
    alone = [tag_scores(fitted.net, [one])[0] for one in texts]
    for one, other in zip(alone, tag_scores(fitted.net, texts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    long = encoded(" ".join(text for text, _ in sentences(40, 103)))
    whole = tag_scores(fitted.net, [long])[0]
    monkeypatch.setattr(span_net, "AT_A_TIME", 37)
    np.testing.assert_allclose(tag_scores(fitted.net, [long])[0], whole, atol=1e-4)
    assert len(find_spans(fitted.net, [long])[0].scores) > 40


@pytest.mark.long
def test_texts_in_doubt_are_no_background():
    """Spans of persons that somebody was unsure of: where they are ignored, the others are still learnt."""
    texts = of_templates(60, seed=3)
    rng = np.random.default_rng(0)
    ignored, background = [], []
    for one in texts:
        kept = [label != 1 or rng.random() < 0.3 for label in one.labels]
        spans = [(*at, label) for at, label, stays in zip(one.shapes, one.labels, kept, strict=True) if stays]
        gone = [at for at, stays in zip(one.shapes, kept, strict=True) if not stays]
        ignored.append(corrected(one.text, *spans, ignored=gone, item_id=one.item_id))
        background.append(corrected(one.text, *spans, item_id=one.item_id))
    nets = [fit_spans(some, 2, SpanOptions(steps=120)).net for some in (ignored, background)]
    test = of_templates(60, seed=104)
    assert f1(nets[0], test) > f1(nets[1], test) + 0.1


def test_without_a_token_or_with_two_texts_there_is_a_net_all_the_same():
    for texts in ([corrected("   ")], [corrected("Ada", (0, 3, 0)), corrected("Rome")]):
        fitted = fit_spans(texts, 1, SpanOptions(steps=3))
        assert fitted.n_later == 0
        assert fitted.thresholds.tolist() == [0.3]
    assert find_spans(fitted.net, [encoded("")])[0].labels.tolist() == []


def test_a_budget_ends_the_training_early():
    fitted = fit_spans(of_templates(12), 2, SpanOptions(steps=100_000), budget_s=0.2)
    assert fitted.stopped == "budget"
    assert fitted.history[-1][0] < 100_000


def test_a_span_may_end_before_an_apostrophe():
    text = "Ada's and Zoe’s 'trip' to 'Rome'"
    assert [text[start:end] for start, end in pieces(text)] == \
        ["Ada", "'s", "and", "Zoe", "’s", "'", "trip", "'", "to", "'", "Rome", "'"]
    assert pieces("no sign of it").tolist() == tokens("no sign of it").tolist()


def test_a_tokens_numbers_follow_from_its_characters():
    one, other = encoded("Rome"), encoded("To Rome")
    assert isinstance(one, EncodedText)
    assert one.words[0] == other.words[1]
    assert set(other.grams[1]) < set(one.grams[0])  # that begins a line
    assert encoded("a" * 500).grams[0].size < 120


def test_copies_of_a_text_are_learnt_from_together_so_that_none_shows_how_well_another_was():
    texts = [corrected(one.text, item_id=f"{one.item_id} {copy}") for one in of_templates(20) for copy in range(3)]
    examples = [_Example(text := encoded(one.text), targets_of(one, text.places, 2), one) for one in texts]
    first, later = _parted(examples, np.random.default_rng(0))
    assert len(first) > len(later) > 0
    assert not {one.corrected.text for one in first} & {one.corrected.text for one in later}
