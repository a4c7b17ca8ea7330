"""What a span's score rests on: the words near it, whatever the length of the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hitl_widgets.explain.object_explainer import Explained
from hitl_widgets.explain.span_explainer import BESIDE, MOST_TOKENS, SpanExplainer


class Greeting:
    """Finds "Ana", whose score is 0.9 behind "dear" and 0.5 elsewhere, and counts what it reads."""

    def __init__(self) -> None:
        self.longest = 0

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        self.longest = max(self.longest, *map(len, texts))
        found = []
        for text in texts:
            starts = [start for start in range(len(text)) if text.startswith("Ana", start)]
            found.append({"spans": np.array([(start, start + 3) for start in starts]).reshape(-1, 2),
                          "labels": ["person"] * len(starts),
                          "scores": [0.9 if text[:start].endswith("dear ") else 0.5 for start in starts]})
        return found


def explained(model: Greeting, text: str, start: int, folder: Path) -> dict[str, float]:
    one = Explained("1", (float(start), 0.0, float(start + 3), 1.0), frozenset(["person"]))
    found = SpanExplainer(model, "v", folder).explain("0", lambda: text, one, "gradcam")
    assert found.tokens is not None
    assert found.values.shape == (1, len(found.tokens))
    assert found.box == (0.0, 0.0, float(len(text)), 1.0)
    return {f"{text[first:last]}@{first}": round(float(value), 3)
            for (first, last), value in zip(found.tokens, found.values[0], strict=True) if value}


@pytest.mark.parametrize("n_before", [0, 3, MOST_TOKENS, 2000])
@pytest.mark.parametrize("n_after", [0, 2000])
def test_the_words_that_count_are_the_same_in_a_long_text(tmp_path, n_before, n_after):
    before = "ü " * n_before
    text = before + "dear Ana" + " 👋" * n_after
    start = len(before)
    assert explained(Greeting(), text, start + 5, tmp_path) == {f"dear@{start}": 0.4, f"Ana@{start + 5}": 0.9}


def test_of_a_long_text_the_model_reads_what_is_near_the_span(tmp_path):
    model, text = Greeting(), "word " * 5000 + "dear Ana " + "word " * 5000
    explained(model, text, text.index("Ana"), tmp_path)
    assert model.longest <= 5 * (MOST_TOKENS + 2 * BESIDE + 2)


def test_a_span_of_more_words_than_are_tried_is_read_whole(tmp_path):
    model, text = Greeting(), "word " * 1000
    one = Explained("1", (0.0, 0.0, 2500.0, 1.0), frozenset(["person"]))
    found = SpanExplainer(model, "v", tmp_path).explain("0", lambda: text, one, "erasure")
    assert found.values.shape == (1, 1000)
    assert not found.values.any()
    assert model.longest >= 2500
