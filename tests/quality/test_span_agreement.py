"""Agreement, consensus and doubts on the spans of several people."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import agreement_objects, detection, object_errors
from hitl_widgets.quality.object_consensus import consensus_objects

COLUMNS = ["item_id", "annotator", "label", "start", "end"]
N_TOKENS, WIDTH = 40, 5


def table(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS)


def people(seed, noise, *, n_texts=40, n_people=3, n_labels=2):
    """Spans over tokens of 5 characters by people who all err alike; the texts depend on the seed alone."""
    of_texts, of_people = np.random.default_rng(seed), np.random.default_rng([seed, int(1000 * noise)])
    rows = []
    for text in range(n_texts):
        starts = of_texts.choice(N_TOKENS // 4, 5, replace=False) * 4
        lengths, labels = of_texts.integers(1, 4, 5), of_texts.integers(0, n_labels, 5)
        for person in range(n_people):
            for start, length, label in zip(starts.tolist(), lengths.tolist(), labels.tolist(), strict=True):
                if of_people.random() < noise:
                    continue
                end = start + length + (int(of_people.integers(-1, 2)) if of_people.random() < noise else 0)
                named = int(of_people.integers(n_labels)) if of_people.random() < noise else label
                rows.append((text, f"p{person}", f"l{named}", start * WIDTH, max(start + 1, end) * WIDTH))
    return table(*rows)


def tokens(n_texts):
    at = np.arange(N_TOKENS) * WIDTH
    return {text: np.column_stack([at, at + WIDTH]) for text in range(n_texts)}


@pytest.mark.long
def test_noisier_people_agree_less_in_every_figure():
    for seed in range(3):
        levels = [agreement_objects(people(seed, noise, n_texts=60), tokens=tokens(60), resamples=2)
                  for noise in (0.02, 0.08, 0.2, 0.35)]
        for figure in ("f1_exact", "f1_overlap", "alpha", "found", "named", "together"):
            values = [level[figure].value for level in levels]
            assert (np.diff(values) < 0).all(), (seed, figure, values)


def coincidences(marks):
    """Krippendorff's alpha (nominal) from the matrix of coincidences, unit by unit as he writes it."""
    matrix = np.zeros((2, 2))
    for unit in marks.T.astype(int):
        for one in range(len(unit)):
            for other in range(len(unit)):
                if one != other:
                    matrix[unit[one], unit[other]] += 1 / (len(unit) - 1)
    of_value, n = matrix.sum(axis=1), matrix.sum()
    return 1 - (n - np.trace(matrix)) / ((n ** 2 - (of_value ** 2).sum()) / (n - 1))


def test_alpha_is_krippendorffs():
    for seed in range(2):
        objects, units = people(seed, 0.25, n_texts=15), tokens(15)
        found = agreement_objects(objects, tokens=units, resamples=2)
        for label in ("l0", "l1"):
            marks = np.zeros((3, 15, N_TOKENS))
            for row in objects[objects["label"] == label].itertuples():
                marks[int(row.annotator[1]), row.item_id, row.start // WIDTH:row.end // WIDTH] = 1
            assert found.of_spans("alpha", label).value == pytest.approx(coincidences(marks.reshape(3, -1)), abs=1e-10)


def test_figures_by_hand():
    objects = table((1, "ann", "place", 0, 4), (1, "bob", "place", 0, 4),     # the same
                    (1, "ann", "place", 10, 14), (1, "bob", "place", 10, 18),  # overlap
                    (1, "ann", "person", 20, 24), (1, "bob", "place", 20, 24),  # another label
                    (2, "ann", "place", 0, 4), (2, "bob", "place", 6, 8))       # beside each other
    found = agreement_objects(objects, tokens={1: [[0, 4], [10, 18], [20, 24]], 2: [[0, 4], [6, 8]]}, resamples=50)
    assert found["f1_exact"].value == pytest.approx(2 * 1 / 8)
    assert found["f1_overlap"].value == pytest.approx(2 * 2 / 8)
    assert found.of_spans("f1_exact", "place").value == pytest.approx(2 / 7)
    assert found.of_spans("f1_exact", "person").value == 0
    # place: ann marks tokens 1 1 0 | 1 0 and bob 1 1 1 | 0 1: 3 of 5 differ; 7 of 10 marks are on.
    assert found.of_spans("alpha", "place").value == pytest.approx(1 - (6 / 10) / (2 * 7 * 3 / (10 * 9)))
    assert found.spans.loc["place", ["n_texts", "n_spans"]].tolist() == [2, 7]


def test_intervals_over_texts_hold_the_value_and_are_shown():
    found = agreement_objects(people(1, 0.15, n_texts=30), tokens=tokens(30))
    for figure in ("f1_exact", "f1_overlap", "alpha"):
        one = found[figure]
        assert one.low < one.value < one.high
        assert one.n == 30
        assert figure in repr(found)
    assert "alpha of tokens" in found._repr_html_()
    assert found.kind == "span"
    assert "texts" in repr(found)
    with pytest.raises(BadInput, match="f1_exact"):
        found.of_spans("f1_exact", "nobody")


def test_people_who_agree_in_all_agree_wholly_and_nothing_at_all_has_no_figure():
    found = agreement_objects(people(0, 0.0), tokens=tokens(40))
    assert [found[name].value for name in ("f1_exact", "f1_overlap", "alpha", "found", "named")] == [1.0] * 5
    nothing = agreement_objects(people(0, 0.0)[:0], reviewed=pd.DataFrame({"item_id": [1, 1, 2, 2],
                                                                          "annotator": ["ann", "bob"] * 2}))
    assert math.isnan(nothing["f1_exact"].value)
    assert nothing["f1_exact"].why


def test_without_tokens_alpha_is_over_characters_and_says_so():
    objects = people(2, 0.2, n_texts=10)
    by_characters = agreement_objects(objects, resamples=2, sizes=dict.fromkeys(range(10), (N_TOKENS * WIDTH, 1)))
    assert any("over characters" in note for note in by_characters.notes)
    # All tokens have one length, so that alpha differs by the size of the sample alone.
    assert by_characters["alpha"].value == pytest.approx(
        agreement_objects(objects, tokens=tokens(10), resamples=2)["alpha"].value, abs=0.01)
    objects.attrs["tokens"] = tokens(10)
    assert not any("characters" in note for note in agreement_objects(objects, resamples=2).notes)


def test_the_same_words_with_two_labels_are_two_spans_whatever_their_order():
    objects = table((1, "ann", "place", 0, 4), (1, "ann", "person", 0, 4), (1, "bob", "person", 0, 4),
                    (1, "bob", "place", 0, 4), (2, "ann", "place", 0, 4), (2, "bob", "place", 0, 4))
    found = agreement_objects(objects, tokens={1: [[0, 4]], 2: [[0, 4], [5, 6]]}, resamples=2)
    assert found["f1_exact"].value == 1
    joined = consensus_objects(objects)
    assert sorted(joined["label"]) == ["person", "place", "place"]
    assert joined["n"].tolist() == [2, 2, 2]


def test_a_consensus_of_spans_is_one_that_somebody_left():
    objects = table((1, "ann", "place", 0, 4), (1, "bob", "place", 0, 4), (1, "cleo", "place", 0, 7),
                    (1, "cleo", "place", 20, 24)).assign(quote=["Rome", "Rome", "Rome he", "what"])
    joined = consensus_objects(objects)
    assert joined[["annotator", "label", "start", "end", "quote", "n"]].values.tolist() == \
        [["consensus", "place", 0, 4, "Rome", 3]]


def test_labels_of_a_consensus_are_voted_on():
    objects = table((1, "ann", "place", 0, 4), (1, "bob", "person", 0, 4), (1, "cleo", "person", 1, 4))
    assert consensus_objects(objects)[["label", "start", "end"]].values.tolist() == [["person", 0, 4]]


def test_spans_that_are_probably_wrong_are_listed():
    objects = table((1, "ann", "place", 0, 4), (1, "ann", "place", 30, 34))
    found = pd.DataFrame({"item_id": 1, "label": ["person", "place", "place"], "start": [0, 10, 30],
                          "end": [4, 14, 34], "score": [0.9, 0.8, 0.9], "kind": "span"})
    errors = object_errors(objects, found)
    assert errors[["error", "label", "expected", "start", "end"]].astype(object).where(
        errors["label"].notna(), None).values.tolist()[0][:3] == ["wrong label", "place", "person"]
    assert errors["error"].tolist() == ["wrong label", "missing"]
    assert errors[["start", "end"]].astype(int).values.tolist() == [[0, 4], [10, 14]]


def test_what_isnt_a_table_of_spans_is_said():
    objects = table((1, "ann", "place", 0, 4))
    for function in (agreement_objects, consensus_objects):
        with pytest.raises(ShapeError, match="annotator"):
            function(objects.drop(columns="annotator"))
        with pytest.raises(BadInput, match="from 4 to 4"):
            function(table((1, "ann", "place", 4, 4), (1, "bob", "place", 0, 4)))
    with pytest.raises(BadInput, match=r"quality\.spans"):
        detection(objects.assign(kind="span", x0=np.nan, y0=np.nan), objects.assign(score=1.0, x0=0, y0=0, kind="span"))


def test_of_one_person_it_says_that_two_are_needed():
    alone = agreement_objects(table((1, "ada", "place", 0, 4), (2, "ada", "place", 3, 8)))
    assert all("two people" in alone[figure].why for figure in ("f1_exact", "f1_overlap", "alpha", "found"))
    assert "nobody found" not in repr(alone)
    assert "nan" not in repr(alone)


def test_texts_with_a_label_in_doubt_are_left_out_of_figures_that_compare_labels():
    clear = [(text, who, label, 0, 4) for text in range(10) for who, label in
             (("ann", "person"), ("bob", "place" if text < 4 else "person"))]
    doubtful = [(text, who, label, start, start + 4) for text in range(10, 15) for start, labels in
                ((0, ("place", None)), (10, (None, None))) for who, label in zip(("ann", "bob"), labels, strict=True)]
    units = {text: [[0, 4], [10, 14], [20, 24]] for text in range(15)}
    found = agreement_objects(table(*clear, *doubtful), tokens=units)
    without = agreement_objects(table(*clear), tokens=units)
    assert found["f1_exact"].value == found["f1_overlap"].value == pytest.approx(12 / 20)
    pd.testing.assert_frame_equal(found.spans, without.spans)
    assert (found["alpha"].n, found["found"].n) == (10, 15)
    assert any("5 of 15 texts" in note and "alpha" in note for note in found.notes)
    nothing = agreement_objects(table(*doubtful), tokens=units)
    assert math.isnan(nothing["f1_exact"])
    assert nothing["alpha"].why == "every text that two people reviewed has a label in doubt"
