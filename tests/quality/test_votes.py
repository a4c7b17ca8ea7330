"""The table of votes as arrays of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.votes import BLIND, SHOWN, UNKNOWN, encode


def table(**more: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"item_id": ["x", "x", "y", "x"], "annotator": ["ann", "bob", "ann", "ann"],
                         "label": ["cat", "dog", "dog", "dog"], **more})


def test_the_last_of_repeated_rows_counts_and_their_number_is_told() -> None:
    encoded = encode(table())
    assert encoded.n_repeated == 1
    assert encoded.labels.tolist() == ["dog"]
    assert encoded.counts().tolist() == [[2], [1]]


def test_planted_answers_repeats_and_rows_without_a_label_are_no_votes() -> None:
    frame = pd.DataFrame({"item_id": list("abcd"), "annotator": ["ann"] * 4, "label": ["cat", "cat", None, "dog"],
                          "planted": [True, False, False, pd.NA], "repeat_of": [None, "earlier-1", None, None]})
    assert encode(frame).rows["item_id"].tolist() == ["d"]


def test_what_was_shown_has_three_values() -> None:
    frame = table(shown=[True, False, pd.NA, True], suggestion=["bird", None, "cat", "bird"])
    encoded = encode(frame, exposure=True)
    assert encoded.shown.tolist() == [BLIND, UNKNOWN, SHOWN]
    assert encoded.labels[encoded.suggestion[encoded.suggestion >= 0]].tolist() == ["cat", "bird"]
    assert encoded.suggestion[0] == -1


@pytest.mark.parametrize("dtype", ["boolean", object])
def test_booleans_of_any_kind_are_read(dtype: object) -> None:
    frame = table(shown=pd.array([True, None, False, None], dtype=dtype), suggestion=["cat"] * 4)
    assert np.bincount(encode(frame).shown + 1).sum() == 3


def test_a_table_that_cannot_be_used_says_what_is_missing() -> None:
    with pytest.raises(ShapeError, match="lacks label"):
        encode(table().drop(columns="label"))
    with pytest.raises(ShapeError, match="shown, suggestion"):
        encode(table(), exposure=True)
    with pytest.raises(BadInput, match="labels lacks dog"):
        encode(table(), ["cat"])
    with pytest.raises(BadInput, match="shown has 'yes'"):
        encode(table(shown=["yes"] * 4, suggestion=["cat"] * 4))
