"""Explanations of spans: the fall of a span's score when a word near it is erased. Read `SpanExplainer`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput, HitlError, ModelError
from ..items.tokens import tokens
from ..learn.span_predictors import SpanDetector, checked_spans, predicted_spans
from ..objects.overlap import overlaps
from ..records import OBJECT_TARGET, Attribution
from .kept_maps import KeptMaps

if TYPE_CHECKING:
    from .object_explainer import Explained

METHOD = "erasure"
# Maximum number of words that are erased in turn, the nearest to the span.
MOST_TOKENS = 200
# Context words on either side: of a long text the model reads no more, since it runs once for each erased word.
BESIDE = 100
# Replaces each character of an erased word, so that the span stays where it is.
HIDDEN = "_"


class SpanExplainer:
    """Explains the spans that one model finds. Several threads may use it.

    Parameters
    ----------
    detector : SpanDetector
    version : str
        Version of the model.
    folder : Path
        Folder where maps are kept.
    """

    def __init__(self, detector: SpanDetector, version: str, folder: Path) -> None:
        self.version, self._detector = version, detector
        self._lock, self._kept = threading.RLock(), KeptMaps(folder)

    def explain(self, item_id: str, text: Callable[[], str], one: Explained, method: str, *,
                content: str | None = None) -> Attribution:
        """The attribution of a span's score.

        Parameters
        ----------
        item_id : str
        text : callable
            Reads the item.
        one : Explained
        method : "erasure", or "gradcam" for the best that there is
        content : str or None
            Identifies the item's content; None if unknown, and then the map isn't kept.

        Returns
        -------
        Attribution
            A value for each of the text's words: the fall of the span's score without it, negative if it rises.

        Raises
        ------
        BadInput
            When there is no such method for spans.
        ModelError
            When the model raises, or has no such label.
        ItemError
            When the item can't be read.
        """
        if method not in (METHOD, "gradcam"):
            raise BadInput(f"method is {method!r}; for a span {METHOD!r} is there.")
        if not one.labels:
            raise ModelError("the model has no label that stands for the label of this object, so that the object "
                             "can't be explained.")
        key = (self.version, item_id, content or "", METHOD, repr(one.bounds), repr(sorted(map(str, one.labels))))
        with self._lock:
            kept = None if content is None else self._kept.get(key)
            if kept is None:
                read = text()
                try:
                    places, values = self._values(read, one)
                except HitlError:
                    raise
                except Exception as error:  # a person's model, which may raise anything
                    raise ModelError(f"the model raised on item {item_id!r} while a span was explained: "
                                     f"{type(error).__name__}: {error}.") from error
                kept = Attribution(item_id=item_id, method=METHOD, target=f"{OBJECT_TARGET}{one.id}",
                                   model=self.version, values=values[None], box=(0.0, 0.0, float(len(read)), 1.0),
                                   signed=True, tokens=places)
                if content is not None:
                    self._kept.put(key, kept)
            return replace(kept, target=f"{OBJECT_TARGET}{one.id}")

    def _values(self, text: str, one: Explained) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of a text, and the fall of the score without each."""
        places = tokens(text)
        start, end = one.bounds[0], one.bounds[2]
        away = np.maximum(0, np.maximum(places[:, 0] - end, start - places[:, 1]))
        tried = np.sort(np.argsort(away, kind="stable")[:MOST_TOKENS])
        begin, stop = _piece(places, np.union1d(tried, np.flatnonzero(away == 0)), len(text))
        piece, at = text[begin:stop], (start - begin, end - begin)
        variants = [piece[:first] + HIDDEN * (last - first) + piece[last:]
                    for first, last in (places[tried] - begin).tolist()]
        scores = [max((found.score * float(overlaps("span", [found.at], [at])[0, 0])
                       for found in checked_spans(output, len(piece), least=0.0)[0] if found.label in one.labels),
                      default=0.0) for output in predicted_spans(self._detector, [piece, *variants])]
        values = np.zeros(len(places), np.float32)
        values[tried] = scores[0] - np.array(scores[1:], np.float32)
        return places, values


def _piece(places: np.ndarray, near: np.ndarray, n_characters: int) -> tuple[int, int]:
    """[start, end) of the part of a text with the tokens `near` and `BESIDE` others on either side."""
    if not len(near):
        return 0, n_characters
    first, last = near[0] - BESIDE, near[-1] + BESIDE
    return (int(places[first, 0]) if first > 0 else 0,
            int(places[last, 1]) if last < len(places) - 1 else n_characters)
