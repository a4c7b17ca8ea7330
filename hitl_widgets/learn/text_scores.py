"""Logits and probabilities of a model for texts outside the pool, such as texts with words left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .text_views import collate, moved, padding_shows, shape_of

# Maximum number of characters in one pass.
PASS = 40_000


def text_logits(predictor: Any, texts: Sequence[str]) -> Tensor:
    """A model's logits for texts: float32, shape (n, n_labels).

    Parameters
    ----------
    predictor : NetPredictor
        Its lock is held for one pass at a time.
    texts : sequence of str
        One or more.

    Raises
    ------
    ViewError
        If preprocess fails on a text.
    ModelError
        If the net's logits aren't finite.
    """
    views = [predictor.preprocess(text) for text in texts]
    logits: list[Tensor] = [torch.zeros(0)] * len(texts)
    for rows in _passes(texts, views, predictor.preprocess):
        batch = collate([views[row] for row in rows], pad=getattr(predictor.preprocess, "pad", 0))
        with predictor.lock, torch.no_grad():
            made = predictor.logits(moved(batch, predictor.device)).float().cpu()
        for row, each in zip(rows, made, strict=True):
            logits[row] = each
    return torch.stack(logits)


def text_probs(predictor: Any, texts: Sequence[str]) -> np.ndarray:
    """A model's probabilities for texts: float64, shape (n, n_labels). Arguments and errors as for `text_logits`."""
    logits = text_logits(predictor, texts).double()
    probs: np.ndarray = (logits.sigmoid() if predictor.multilabel else logits.softmax(dim=1)).numpy()
    return probs


def _passes(texts: Sequence[str], views: Sequence[Any], preprocess: Any) -> Iterator[list[int]]:
    """Rows for each pass: texts of any length if the net can tell padding from text, else of one length."""
    groups: dict[Any, list[int]] = {}
    for row, view in enumerate(views):
        groups.setdefault(None if padding_shows(view, preprocess) else shape_of(view), []).append(row)
    for rows in groups.values():
        at_once = max(1, PASS // max(1, *(len(texts[row]) for row in rows)))
        yield from (rows[start:start + at_once] for start in range(0, len(rows), at_once))
