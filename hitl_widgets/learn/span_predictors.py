"""Models that find spans: the protocol, the workbench's own tagger, and checks of outputs.

A model is an object with a method `predict`, which is called with a list of texts and returns for each a mapping with
spans, labels and scores. `as_span_detector` accepts such an object. `checked_spans` converts the output for a text to
`Candidate` objects, and counts spans that can't be used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import ModelError
from .object_net import LEAST_SCORE
from .object_predictors import Candidate, as_array, as_list, check_labels
from .span_net import SpanNet, encoded, find_spans

# Texts passed to a model at once, and the maximum number of spans kept for a text.
AT_ONCE, MOST_SPANS = 32, 500
EXPECTED = "a list with a dict of spans (n, 2), labels and scores for each text"


class SpanDetector(Protocol):
    """A model that finds spans in texts."""

    def predict(self, texts: list[str]) -> Sequence[Mapping[str, Any]]:
        """The spans in each text.

        Parameters
        ----------
        texts : list of str

        Returns
        -------
        sequence of mapping
            For each text ``spans`` (n, 2), start and end in its characters (Unicode code points), ``labels`` (n), names
            or numbers, and ``scores`` (n), from 0 to 1.
        """


class OwnSpanDetector:
    """A `SpanNet`, as a `SpanDetector`.

    Parameters
    ----------
    net : SpanNet
    """

    def __init__(self, net: SpanNet) -> None:
        self.net = net.eval()

    def predict(self, texts: list[str]) -> Sequence[Mapping[str, Any]]:
        """Find the spans in each text; labels are numbers from 0. See `SpanDetector.predict`."""
        each = [encoded(text) for text in texts]
        outputs: list[Mapping[str, Any]] = []
        for text, found in zip(each, find_spans(self.net, each), strict=True):
            starts, ends = (text.places[tokens, side] for tokens, side in
                            ((found.tokens[:, 0], 0), (found.tokens[:, 1] - 1, 1)))
            outputs.append({"spans": np.column_stack([starts, ends]).reshape(-1, 2), "labels": found.labels,
                            "scores": found.scores})
        return outputs


def as_span_detector(model: Any) -> SpanDetector:
    """A person's model as a `SpanDetector`.

    Raises
    ------
    ModelError
        When it has no `predict`.
    """
    if isinstance(model, SpanNet):
        return OwnSpanDetector(model)
    if callable(getattr(model, "predict", None)):
        found: SpanDetector = model
        return found
    raise ModelError(f"model is {type(model).__name__}; where spans are asked for, an object with predict(texts) is "
                     f"expected, which gives {EXPECTED}. Wrap a net or a pipeline in one.")


def predicted_spans(detector: SpanDetector, texts: Sequence[str]) -> list[Mapping[str, Any]]:
    """The output of a model for each text, computed a few texts at a time.

    Parameters
    ----------
    detector : SpanDetector
    texts : sequence of str

    Raises
    ------
    ModelError
        When the model raises, or doesn't return a mapping for each text.
    """
    outputs: list[Mapping[str, Any]] = []
    for start in range(0, len(texts), AT_ONCE):
        some = list(texts[start:start + AT_ONCE])
        try:
            output = detector.predict(some)
        except ModelError:
            raise
        except Exception as error:  # a person's model, which may raise anything
            raise ModelError(f"the model raised {type(error).__name__} on {len(some)} texts (the first has "
                             f"{len(some[0]):,} characters): {error}. predict(texts) is called with a list of str."
                             ) from error
        if not isinstance(output, (list, tuple)) or len(output) != len(some) \
                or not all(isinstance(one, Mapping) for one in output):
            raise ModelError(f"predict gave {type(output).__name__} for {len(some)} texts; {EXPECTED} is expected.")
        outputs += output
    return outputs


def checked_spans(output: Mapping[str, Any], n_characters: int, *, most: int = MOST_SPANS, least: float = LEAST_SCORE
                  ) -> tuple[list[Candidate], Counter[str]]:
    """The usable spans in a model's output for a text, the best first, and counts of the faults of others.

    Parameters
    ----------
    output : mapping
        The output of `SpanDetector.predict` for one text.
    n_characters : int
        Length of the text.
    most : int
        Maximum number of spans kept.
    least : float
        Minimum score; spans below are left out, and aren't counted as faults.

    Raises
    ------
    ModelError
        When spans, labels or scores are missing, differ in number, or can't be read.
    """
    if missing := [name for name in ("spans", "labels", "scores") if name not in output]:
        raise ModelError(f"the model gave {', '.join(map(str, sorted(output)))} for a text, without "
                         f"{' and '.join(missing)}.")
    try:
        return _checked(output, n_characters, most, least)
    except ModelError:
        raise
    except Exception as error:  # what a person's model gives may be anything
        raise ModelError(f"what the model gave for a text can't be read ({type(error).__name__}: {error}); spans of "
                         "shape (n, 2), n labels and n scores are expected.") from error


def _checked(output: Mapping[str, Any], n_characters: int, most: int, least: float
             ) -> tuple[list[Candidate], Counter[str]]:
    spans = as_array(output["spans"]).astype(np.float64)
    spans = spans.reshape(0, 2) if not spans.size else spans
    scores = as_array(output["scores"]).astype(np.float64).reshape(-1)
    labels = as_list(output["labels"])
    if spans.shape != (len(scores), 2) or len(labels) != len(scores):
        raise ModelError(f"the model gave spans of shape {spans.shape}, {len(labels)} labels and {len(scores)} scores "
                         "for a text; the same number of each is expected, and spans of shape (n, 2).")
    check_labels(labels)
    faults: Counter[str] = Counter()
    kept: list[Candidate] = []
    with np.errstate(invalid="ignore"):
        is_score = np.isfinite(scores) & (scores >= 0) & (scores <= 1)
    faults["whose score isn't a number from 0 to 1"] = int((~is_score).sum())
    for row in np.argsort(np.where(is_score, -scores, np.inf), kind="stable").tolist():
        if not is_score[row] or scores[row] < least:
            continue
        if len(kept) == most:
            faults[f"beyond the {most} best"] += 1
            continue
        if fault := _fault(spans[row], n_characters):
            faults[fault] += 1
            continue
        label, (start, end) = labels[row], spans[row].tolist()
        kept.append(Candidate((int(start), int(end)), label if isinstance(label, str) else int(label),
                              float(scores[row])))
    return kept, +faults


def _fault(span: np.ndarray, n_characters: int) -> str:
    """What is wrong with a span."""
    if not np.isfinite(span).all() or (span != np.floor(span)).any():
        return "whose start or end is no whole number"
    if span[0] >= span[1]:
        return "that are empty or inverted"
    return "outside of the text" if span[0] < 0 or span[1] > n_characters else ""
