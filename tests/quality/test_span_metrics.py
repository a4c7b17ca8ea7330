"""Spans of a model against true ones: nervaluate's counts, intervals, and what doesn't count."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import compare_spans, spans
from hitl_widgets.quality.span_metrics import SCHEMES, SPAN_FIGURES, SpanMetrics

COLUMNS = ["item_id", "label", "start", "end"]


def table(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS)


def invented(seed, *, n_texts=12, n_labels=3, overlapping=True):
    """True spans of some texts and predictions of them: moved, renamed, missed and added ones."""
    rng = np.random.default_rng(seed)
    true, found = [], []
    for text in range(n_texts):
        at = 0
        for _ in range(rng.integers(0, 7)):
            start = at + int(rng.integers(0, 6)) if not overlapping else int(rng.integers(0, 60))
            end = start + int(rng.integers(1, 9))
            at, label = end, int(rng.integers(n_labels))
            true.append((text, f"l{label}", start, end))
            if rng.random() < 0.8:
                shift = rng.integers(-2, 3, 2) if rng.random() < 0.4 else (0, 0)
                low, high = max(0, start + int(shift[0])), end + int(shift[1])
                named = int(rng.integers(n_labels)) if rng.random() < 0.3 else label
                if low < high:
                    found.append((text, f"l{named}", low, high))
        if rng.random() < 0.4:
            found.append((text, "l0", 70, 75))
    return table(*true), table(*found)


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_figures_are_those_of_nervaluate(seed, overlapping):
    nervaluate = pytest.importorskip("nervaluate")
    truth, found = invented(seed, overlapping=overlapping)
    texts = range(12)
    as_lists = [[[{"label": row.label, "start": row.start, "end": row.end - 1}
                  for row in some[some["item_id"] == text].itertuples()] for text in texts] for some in (truth, found)]
    # Its reader takes the kind of its input from the first text's first span.
    evaluator = nervaluate.Evaluator(*as_lists, tags=["l0", "l1", "l2"], loader="dict")
    theirs, ours = evaluator.evaluate(), spans(truth, found, texts=texts, resamples=2)
    for scheme in SCHEMES:
        own = theirs["overall"]["ent_type" if scheme == "type" else scheme]
        for figure in ("precision", "recall", "f1"):
            assert ours[f"{figure}_{scheme}"].value == pytest.approx(getattr(own, figure), abs=1e-12)
        for label, of in theirs["entities"].items():
            result = of["ent_type" if scheme == "type" else scheme]
            assert ours.estimate(f"f1_{scheme}", label).value == pytest.approx(result.f1, abs=1e-12)


def test_a_prediction_covers_a_hundredth_of_a_long_span_or_it_is_beside_it():
    long = table((1, "a", 0, 1000))
    assert spans(long, table((1, "a", 990, 1100)), resamples=2)["f1_type"].value == 1
    assert spans(long, table((1, "a", 995, 1100)), resamples=2)["f1_type"].value == 0


def test_each_scheme_by_hand():
    truth = table((1, "place", 0, 4), (1, "person", 9, 12), (2, "place", 5, 8))
    found = table((1, "person", 0, 4), (1, "person", 9, 14), (1, "place", 30, 33), (2, "place", 5, 8))
    result = spans(truth, found, resamples=2)
    # strict 1, exact 2, partial 2 1/2, type 2 of 4 predictions and 3 true spans.
    assert [result[f"f1_{scheme}"].value for scheme in ("strict", "exact", "partial", "type")] == \
        pytest.approx([2 * right / 7 for right in (1, 2, 2.5, 2)])
    assert result["precision_exact"].value == pytest.approx(2 / 4)
    assert result["recall_exact"].value == pytest.approx(2 / 3)
    assert result.table["n_spans"].tolist() == [3, 2, 1]
    assert result.table["n_predicted"].tolist() == [4, 2, 2]


def test_intervals_hold_the_value_and_narrow_with_more_texts():
    few, many = (spans(*invented(3, n_texts=n), texts=range(n)) for n in (10, 200))
    for name in SPAN_FIGURES:
        assert few[name].low <= few[name].value <= few[name].high
    assert many["f1_exact"].high - many["f1_exact"].low < few["f1_exact"].high - few["f1_exact"].low


def test_a_label_that_nobody_has_and_nothing_predicts_has_no_figure():
    truth, found = table((1, "place", 0, 4)), table((1, "place", 0, 4))
    empty = spans(truth[:0], found[:0], texts=[1, 2], resamples=2)
    assert math.isnan(empty["f1_exact"].value)
    assert empty.why
    missed = spans(truth, found[:0], resamples=2)
    assert (missed["f1_exact"].value, missed["precision_exact"].value) == (0, 0)


def test_spans_in_doubt_neednt_be_found_and_may_be():
    truth = table((1, "place", 0, 4), (1, "place", 10, 14)).assign(status=["decided", "unsure"])
    assert spans(truth, table((1, "place", 0, 4), (1, "place", 11, 14)), resamples=2)["f1_strict"].value == 1
    assert spans(truth, table((1, "place", 0, 4)), resamples=2)["f1_strict"].value == 1
    assert spans(truth, table((1, "place", 0, 4), (1, "place", 20, 24)), resamples=2)["f1_strict"].value < 1


def test_a_threshold_leaves_out_predictions_and_deleted_rows_dont_count():
    truth = table((1, "place", 0, 4), (1, "place", 10, 14)).assign(act=["added", "deleted"])
    found = table((1, "place", 0, 4), (1, "place", 20, 24)).assign(score=[0.9, 0.2])
    assert spans(truth, found, threshold=0.5, resamples=2)["f1_strict"].value == 1
    assert spans(truth, found, threshold={"place": 0.1}, resamples=2)["precision_strict"].value == 0.5


def test_texts_without_a_true_span_count_where_they_were_looked_at():
    truth, found = table((1, "place", 0, 4)), table((1, "place", 0, 4), (2, "place", 0, 3))
    assert "no true span" in spans(truth, found, resamples=2).notes[0]
    assert spans(truth, found, texts=[1], resamples=2)["f1_strict"].value == 1
    truth.attrs["reviewed"] = ((1, "ada"), (2, "ada"))
    reviewed = spans(truth, found, resamples=2)
    assert (reviewed.notes, reviewed["precision_strict"].value) == ((), 0.5)


def test_a_gain_is_that_of_the_same_texts():
    truth, found = invented(5, n_texts=60)
    gain = compare_spans(truth, found, truth, texts=range(60))
    assert gain.value == pytest.approx(1 - spans(truth, found, texts=range(60), resamples=2)["f1_strict"].value)
    assert 0 < gain.low <= gain.value <= gain.high
    assert compare_spans(truth, found, found, texts=range(60)).value == 0
    with pytest.raises(BadInput, match="f1_exact"):
        compare_spans(truth, found, found, "map50")


def test_figures_are_read_back_as_they_were_written():
    result = spans(*invented(1))
    again = SpanMetrics.from_dict(result.to_dict())
    pd.testing.assert_frame_equal(again.table, result.table)
    assert (again.n_texts, repr(again)) == (result.n_texts, repr(result))
    assert "f1_exact" in repr(result)
    assert "F1 exact" in result._repr_html_()
    assert list(result.per_label["label"]) == list(result.table.index[1:])


@pytest.mark.parametrize(("truth", "found", "error", "told"), [
    (table((1, "place", 4, 4)), table((1, "place", 0, 4)), BadInput, "from 4 to 4"),
    (table((1, "place", 0, 4)), table((1, "place", -1, 4)), BadInput, "0 <= start < end"),
    (table((1, "place", 0, 4)), table((1, "place", 0.5, 4)), BadInput, "whole numbers"),
    (table((1, "place", 0, 4)).drop(columns="end"), table((1, "place", 0, 4)), ShapeError, "lacks end"),
    (table((1, "place", 0, 4)).drop(columns="label"), table((1, "place", 0, 4)), ShapeError,
     "lacks label; item_id, label, start and end"),
    (table((1, "place", 0, 4)), table((1, "place", 0, 4)).assign(kind="box", x0=0, y0=0, x1=1, y1=1), BadInput,
     "spans and other objects"),
    (table((1, "place", 0, 4), (1, "place", 0, 4)).assign(annotator=["ada", "bob"]), table((1, "place", 0, 4)),
     BadInput, "2 annotators"),
    ([], table((1, "place", 0, 4)), BadInput, "list"),
])
def test_what_cant_be_compared_is_said(truth, found, error, told):
    with pytest.raises(error, match=told):
        spans(truth, found, resamples=2)
