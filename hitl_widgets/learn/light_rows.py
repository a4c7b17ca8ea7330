"""The inputs of light models: rows of descriptors of images, or of features of texts.

Both classes have the same three methods: `of` computes the rows of views, `learn` trains a light model on rows, and
`logits` trains one on some rows and predicts others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ..errors import BadInput
from .data import TrainingData
from .descriptors import N_COMPONENTS, Descriptors
from .light import fit_light, learn_rows, rows_of, trained_light
from .multilabel import fit_light_labels, learn_label_rows, trained_labels
from .rationales import Rationales
from .text_light import TextPrior, fit_text_light, fit_text_light_labels, row_logits, text_rows
from .text_nets import AdditiveTextNet
from .text_rationales import feature_penalty
from .text_views import text_of
from .train import Progress, Trained

LIGHT, CNN, AVERAGE = "light model", "small CNN", "average of both"


class LightRows(Protocol):
    """The inputs of a light model: `DescriptorRows` or `TextRows`.

    Attributes
    ----------
    in_doubt : str
        The net that is chosen unless another net's loss is significantly lower: `LIGHT` or `AVERAGE`.
    """

    in_doubt: str

    def of(self, views: Tensor | Sequence[Any], *, at: np.ndarray | None = None, n: int | None = None) -> Any:
        """The rows of views. With `at` (ascending), n rows of which those at these indices are set, the others zero."""
        ...

    def learn(self, seen: Any, data: TrainingData, *, n_labels: int, progress: Progress | None) -> Trained:
        """Train a light model on the rows `seen`, one for each item of the data; its images aren't read."""
        ...

    def logits(self, seen: Any, data: TrainingData, *, n_labels: int, tested: Any) -> Tensor:
        """Logits of the rows `tested` by a light model trained on `seen`: float32, shape (n_tested, n_labels)."""
        ...


class DescriptorRows:
    """Rows of descriptors, for a head with a kernel.

    Parameters
    ----------
    descriptors : Descriptors
        The fitted net.
    """

    in_doubt = AVERAGE

    def __init__(self, descriptors: Descriptors) -> None:
        self.descriptors = descriptors

    def of(self, views: Tensor | Sequence[Any], *, at: np.ndarray | None = None, n: int | None = None) -> Tensor:
        """The rows of views: float32, shape (n, n_features); see `LightRows.of`."""
        found = rows_of(self.descriptors, views)
        if at is None:
            return found
        seen = torch.zeros(n or len(at), self.descriptors.n_features)
        seen[torch.from_numpy(at)] = found
        return seen

    def learn(self, seen: Tensor, data: TrainingData, *, n_labels: int, progress: Progress | None) -> Trained:
        """As `LightRows.learn`."""
        learn = learn_label_rows if data.objective.of_sets else learn_rows
        return learn(self.descriptors, seen, data, n_labels=n_labels, progress=progress)

    def logits(self, seen: Tensor, data: TrainingData, *, n_labels: int, tested: Tensor) -> Tensor:
        """As `LightRows.logits`."""
        assert data.draws is not None
        if data.objective.of_sets:
            n_windows = max(1, seen.shape[1] // sum(N_COMPONENTS.values()))
            head = fit_light_labels(seen, data.targets, data.weights, draws=data.draws, shares=data.shares,
                                    n_windows=n_windows).head
        else:
            head = fit_light(seen, data.targets, data.weights, n_labels=n_labels, draws=data.draws,
                             shares=data.shares).head
        with torch.no_grad():
            logits: Tensor = head(tested)
        return logits


class TextRows:
    """Rows of features of texts, for an additive net.

    Parameters
    ----------
    prior : TextPrior
        Computed from the pool.
    rationales : Rationales, optional
        Words that people marked: the weights of their features are penalised (`text_rationales.feature_penalty`).
    """

    in_doubt = LIGHT  # its contributions are exact, those of an average are not

    def __init__(self, prior: TextPrior, *, rationales: Rationales | None = None) -> None:
        self.prior, self.rationales = prior, rationales

    def of(self, views: Tensor | Sequence[Any], *, at: np.ndarray | None = None,
           n: int | None = None) -> sparse.csr_matrix:
        """The rows of views: sparse, shape (n, n_buckets); see `LightRows.of`."""
        found = text_rows([text_of(view) for view in views], self.prior.rarity)
        if at is None:
            return found
        n_each = np.zeros(len(at) if n is None else n, np.int64)
        n_each[at] = np.diff(found.indptr)  # places ascend
        return sparse.csr_matrix((found.data, found.indices, np.cumsum([0, *n_each])),
                                 shape=(len(n_each), found.shape[1]))

    def learn(self, seen: sparse.csr_matrix, data: TrainingData, *, n_labels: int,
              progress: Progress | None) -> Trained:
        """As `LightRows.learn`."""
        penalty = feature_penalty(self.rationales, seen)
        if data.objective.of_sets:
            labels = fit_text_light_labels(seen, data.targets, data.weights, draws=_draws(data), prior=self.prior,
                                           shares=data.shares, penalty=penalty)
            return trained_labels(labels, labels.head, data, n_labels=n_labels, progress=progress)
        light = fit_text_light(seen, data.targets, data.weights, n_labels=n_labels, draws=_draws(data),
                               prior=self.prior, shares=data.shares, penalty=penalty)
        return trained_light(light, light.head, data, progress=progress)

    def logits(self, seen: sparse.csr_matrix, data: TrainingData, *, n_labels: int,
               tested: sparse.csr_matrix) -> Tensor:
        """As `LightRows.logits`."""
        net = self.learn(seen, data, n_labels=n_labels, progress=None).net
        assert isinstance(net, AdditiveTextNet)
        return row_logits(net, tested)


def light_rows(source: Descriptors | TextPrior | LightRows, rationales: Rationales | None = None) -> LightRows:
    """The `LightRows` of descriptors of images, or of the prior of texts.

    Parameters
    ----------
    source : Descriptors, TextPrior, DescriptorRows or TextRows
    rationales : Rationales, optional
        Regions that people marked; only texts can be learnt with them.
    """
    if isinstance(source, Descriptors):
        return DescriptorRows(source)
    if isinstance(source, TextPrior):
        return TextRows(source, rationales=rationales)
    if not isinstance(source, (DescriptorRows, TextRows)):
        raise BadInput(f"a light model can't learn from {type(source).__name__}.")
    return source


def _draws(data: TrainingData) -> np.ndarray:
    draws: np.ndarray = np.random.default_rng(0).random(len(data.targets)) if data.draws is None else data.draws
    return draws
