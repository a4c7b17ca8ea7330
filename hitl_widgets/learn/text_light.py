"""Light models of texts: an additive net, fitted to answers in a fraction of a second.

`fit_text_light` fits and calibrates an `AdditiveTextNet` on rows of features (`text_rows`), using a prior that needs no
answers (`fit_text_prior`). `PoolTexts` keeps features and prior for a project.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from scipy import sparse
from torch import Tensor

from ..errors import BadInput, ItemError, ShapeError
from ..items.pool import Pool
from ..storage.files import make_folder, write_whole
from .light import Light, fit_head, fit_light
from .multilabel import LightLabels, fit_light_labels, fit_linear_label_heads
from .text_nets import COUNTS, N_HASHED, AdditiveTextNet, amounts_of, at_once, rarity_of
from .text_views import MOST_READ

# Inverse strength of the penalty on the weights, as scikit-learn's C.
STRENGTH = 30.0
# Number of topics of a pool, and their weights beside the features: 0 or several times as much. Which one is taken is
# decided out of fold.
N_TOPICS, TOPICS_COUNT = 32, (0.0, 4.0)
# Maximum number of texts to which a prior is fitted, and of characters in all of them.
N_FITTED, MOST_CHARACTERS = 4_000, 4_000_000
# Maximum number of feature products in comparing the texts of a fit, and of texts that each is compared with.
N_PRODUCTS, MOST_LANDMARKS = 5 * 10**8, 1_500
# Numbers in the rows of features that are kept in memory: 240 MB.
MOST_KEPT = 20_000_000
# Changed whenever the form of the prior changes.
FORM = f"prior of texts, 1, {COUNTS}"


@dataclass(frozen=True)
class TextPrior:
    """What a pool's texts show without answers: how rare features are, and which occur together.

    Attributes
    ----------
    rarity : ndarray of float32, shape (n_buckets,)
        As returned by `text_nets.rarity_of`.
    buckets : ndarray of int64, shape (n_kept,)
        Buckets of the features that occur.
    topics : ndarray of float32, shape (n_kept, n_topics)
        Principal directions of the features: which of them occur together in the pool's texts.
    """

    rarity: np.ndarray
    buckets: np.ndarray
    topics: np.ndarray


def fit_text_prior(texts: Sequence[str], *, n_buckets: int = N_HASHED, seed: int = 0) -> TextPrior:
    """Fit a prior to some texts; no answer is needed.

    Parameters
    ----------
    texts : sequence of str
        Texts that may be learnt from, in random order; the first 4,000 are used.
    n_buckets : int
        Number of hashed features, a power of two.
    seed : int
        Seed of the randomised decomposition.

    References
    ----------
    Deerwester et al. (1990), Indexing by latent semantic analysis; Halko, Martinsson, Tropp (2011), Finding structure
    with randomness, doi:10.1137/090771806.
    """
    from sklearn.utils.extmath import randomized_svd
    read = np.cumsum([len(text) for text in texts[:N_FITTED]])
    texts = [text[:MOST_READ] for text in texts[:max(1, int((read < MOST_CHARACTERS).sum()))]]
    rarity = rarity_of(texts, n_buckets)
    rows = text_rows(texts, rarity)
    buckets = np.unique(rows.indices).astype(np.int64)
    n_topics = min(N_TOPICS, len(texts) - 1, len(buckets) - 1)
    if n_topics < 1:
        return TextPrior(rarity, buckets, np.zeros((len(buckets), 0), np.float32))
    _, _, found = randomized_svd(rows[:, buckets], n_topics, n_iter=2, random_state=seed)
    # As a file holds them, so that a project that is opened again learns the same.
    return TextPrior(rarity, buckets, np.ascontiguousarray(found.T, np.float16).astype(np.float32))


def text_rows(texts: Sequence[str], rarity: np.ndarray) -> sparse.csr_matrix:
    """The features of texts: float32, shape (n, n_buckets), one row for each, as `text_nets.amounts_of` counts them.

    Parameters
    ----------
    texts : sequence of str
        The texts, any number.
    rarity : ndarray of float32, shape (n_buckets,)
        The `rarity` of a `TextPrior`.
    """
    parts = [sparse.csr_matrix((0, len(rarity)), dtype=np.float32)]
    for some in at_once(texts):
        found = amounts_of(some, rarity.astype(np.float64))
        rows = sparse.csr_matrix((found.amounts, (found.rows, found.buckets)), shape=(len(some), len(rarity)))
        rows.sum_duplicates()
        parts.append(rows.astype(np.float32))
    return sparse.vstack(parts, format="csr")


class Coordinates(NamedTuple):
    """Texts as rows of a few coordinates; a fit on these is equivalent to one on all features.

    Attributes
    ----------
    rows : Tensor of float32, shape (n, n_coordinates)
        Their inner products are those of features and topics.
    weights : callable
        Maps weights of coordinates, shape (n_labels, n_coordinates), to weights of features, (n_labels, n_buckets).
    """

    rows: Tensor
    weights: Callable[[Tensor], np.ndarray]


def coordinates(rows: sparse.csr_matrix, prior: TextPrior, *, topics: float = 0.0,
                penalty: np.ndarray | None = None) -> Coordinates:
    """The coordinates of texts in the space of their own features.

    A fit with a penalty on the squares of all weights never leaves the space that the training texts span, so that it
    needs no more coordinates than there are texts. If there are many, some of them span the space. The weight of a
    topic acts on all features that occur in it.

    Parameters
    ----------
    rows : sparse matrix, shape (n, n_buckets)
        As returned by `text_rows`; one row or more.
    prior : TextPrior
        The prior of the pool.
    topics : float
        c, the weight of topics beside the features, 0 or more.
    penalty : ndarray of float, shape (n_buckets,), optional
        D, the penalty on each feature's weight relative to others, above 0; equal when None. Features with a large one
        hardly count.

    References
    ----------
    Williams and Seeger (2000), Using the Nystrom method to speed up kernel machines.
    """
    n_buckets = rows.shape[1]
    factors = np.ones(n_buckets) if penalty is None else np.asarray(penalty, np.float64) ** -0.5
    if factors.shape != (n_buckets,) or not np.isfinite(factors).all():
        raise BadInput(f"penalty has shape {factors.shape}; a number above 0 for each of {n_buckets} features is "
                       "expected.")
    scaled = rows if penalty is None else (rows @ sparse.diags(factors)).tocsr()
    of_topics = topics * (scaled[:, prior.buckets] @ prior.topics.astype(np.float64))
    some = _landmarks(rows)
    inner = np.asarray((scaled @ scaled[some].T).todense(), np.float64) + of_topics @ of_topics[some].T
    # Along the principal axes of the texts' space a fit needs half as many steps. Equal texts add no axes.
    lengths, axes = np.linalg.eigh(inner[some])
    whole = lengths > 1e-9 * max(float(lengths[-1]), 1e-12)
    back = axes[:, whole] / np.sqrt(lengths[whole])

    def weights(found: Tensor) -> np.ndarray:
        alone = back @ found.detach().double().numpy().T
        of_features = np.asarray((scaled[some].T @ alone).T)
        of_features[:, prior.buckets] += topics * (of_topics[some].T @ alone).T @ prior.topics.T
        return of_features * factors
    return Coordinates(torch.from_numpy(inner @ back).float(), weights)


def _landmarks(rows: sparse.csr_matrix) -> np.ndarray:
    """The texts that span the space: all, or if there are many a random sample."""
    n = rows.shape[0]
    n_products = float((np.bincount(rows.indices, minlength=1).astype(np.float64) ** 2).sum())
    most = min(MOST_LANDMARKS, max(100, int(n * N_PRODUCTS / max(1.0, n_products))))
    return np.sort(np.random.default_rng(0).permutation(n)[:most])


def fit_text_light(rows: sparse.csr_matrix, targets: Tensor, weights: Tensor, *, prior: TextPrior, n_labels: int,
                   draws: np.ndarray, shares: np.ndarray | None = None, penalty: np.ndarray | None = None,
                   strength: float = STRENGTH) -> Light:
    """Fit an additive net to answers, and calibrate it out of fold.

    The method is multinomial logistic regression. The out-of-fold loss decides whether topics are used too.

    Parameters
    ----------
    rows : sparse matrix, shape (n, n_buckets)
        Features of the texts, as returned by `text_rows`.
    targets, weights, n_labels, draws, shares
        See `light.fit_light`.
    prior : TextPrior
        The prior of the pool.
    penalty : ndarray of float, shape (n_buckets,), optional
        See `coordinates`.
    strength : float
        Inverse of the penalty on all weights, as scikit-learn's C.

    Returns
    -------
    Light
        Its head is an `AdditiveTextNet`.

    Raises
    ------
    ShapeError
        If rows and targets differ in length, or are empty.
    """
    _check(rows, targets)

    def fit(found: Coordinates) -> Light:
        return fit_light(found.rows, targets, weights, n_labels=n_labels, draws=draws, shares=shares,
                         fit=partial(fit_head, strength=strength))
    light, found = _best(rows, prior, penalty, fit, lambda light: float(light.losses.mean()))
    return Light(_net(found, light.head, prior), light.logits, light.losses, light.temperature)


def fit_text_light_labels(rows: sparse.csr_matrix, on: Tensor, weights: Tensor, *, prior: TextPrior, draws: np.ndarray,
                          shares: np.ndarray | None = None, penalty: np.ndarray | None = None,
                          strength: float = STRENGTH) -> LightLabels:
    """Fit an additive net where an item may have several labels, and calibrate each label out of fold.

    Parameters
    ----------
    rows, prior, penalty, strength
        See `fit_text_light`.
    on, weights, draws, shares
        See `multilabel.fit_light_labels`.

    Returns
    -------
    LightLabels
        Its head is an `AdditiveTextNet`.
    """
    _check(rows, on)

    def fit(found: Coordinates) -> LightLabels:
        return fit_light_labels(found.rows, on, weights, draws=draws, shares=shares, strength=strength,
                                fit=fit_linear_label_heads)
    light, found = _best(rows, prior, penalty, fit, lambda light: float(light.losses.nanmean()))
    return LightLabels(_net(found, light.head, prior), light.logits, light.losses, light.adjustment, light.calibrated)


def _check(rows: sparse.csr_matrix, targets: Tensor) -> None:
    if rows.shape[0] != len(targets) or not len(targets):
        raise ShapeError(f"{rows.shape[0]} rows and {len(targets)} targets were given; one of each for every text is "
                         "expected, and one text at least.")


def _best(rows: sparse.csr_matrix, prior: TextPrior, penalty: np.ndarray | None, fit: Callable[[Coordinates], Any],
          loss: Callable[[Any], float]) -> tuple[Any, Coordinates]:
    """The fit with the smallest loss out of fold, of those without and with topics."""
    tried = []
    for topics in TOPICS_COUNT:
        found = coordinates(rows, prior, topics=topics, penalty=penalty)
        light = fit(found)
        tried.append((loss(light), light, found))
    _, light, found = min(tried, key=lambda one: one[0])
    return light, found


def _net(found: Coordinates, head: Any, prior: TextPrior) -> AdditiveTextNet:
    """The additive net of a head over coordinates."""
    net = AdditiveTextNet(len(head.bias), len(prior.rarity), rarity=prior.rarity).eval()
    with torch.no_grad():
        net.last.weight.copy_(torch.from_numpy(found.weights(head.weight)))
        net.last.bias.copy_(head.bias)
    return net


def row_logits(net: AdditiveTextNet, rows: sparse.csr_matrix) -> Tensor:
    """Logits of an additive net from given rows of features: float32, shape (n, n_labels).

    Parameters
    ----------
    net : AdditiveTextNet
        Has the rarity with which the rows were computed.
    rows : sparse matrix, shape (n, n_buckets)
        As returned by `text_rows`.
    """
    weight = net.last.weight.detach().cpu().double().numpy()
    logits = np.asarray(rows @ weight.T) + net.last.bias.detach().cpu().double().numpy()
    return torch.from_numpy(logits).float()


# -- the texts of a project ----------------------------------------------------------------------------------

class PoolTexts:
    """The features of a pool's texts, and their prior, which needs no answers. Safe for many threads.

    Parameters
    ----------
    pool : Pool
        The texts.
    folder : Path
        Folder of the prior.
    measures : callable
        Returns a mask of the pool's measuring items (hold-out and gold): bool, shape (n_items,). The prior is fitted to
        the other items, if there are any.
    seed : int
        Seed of the draw of texts to which the prior is fitted.
    """

    def __init__(self, pool: Pool, folder: Path, *, measures: Callable[[], np.ndarray], seed: int) -> None:
        self.pool, self.seed = pool, seed
        self._folder, self._measures = folder, measures
        self._lock = threading.RLock()
        self._prior: TextPrior | None = None
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._n_kept = 0

    @property
    def prior(self) -> TextPrior:
        """The prior of the texts. It is fitted at the first access, which may need seconds."""
        with self._lock:
            if self._prior is None:
                text = f"{FORM} {self.pool.digest} {self.seed}"
                path = self._folder / f"texts-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}.safetensors"
                self._prior = _read(path)
                if self._prior is None:
                    self._prior = self._fit()
                    with suppress(OSError, safetensors.SafetensorError):  # a full disk: the next session fits it again
                        _write(self._prior, path)
            return self._prior

    def rows(self, positions: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
        """The features of some texts, and which of them can be read.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items in the pool.

        Returns
        -------
        rows : sparse matrix of float32, shape (n, n_buckets)
            The row of an unreadable text is 0.
        readable : ndarray of bool, shape (n,)
        """
        prior, places = self.prior, np.asarray(positions, np.int64).tolist()
        with self._lock:
            found = {place: self._kept[place] for place in places if place in self._kept}
        texts = {place: text for place in dict.fromkeys(places) if place not in found
                 and (text := self._text(place)) is not None}
        fresh = text_rows(list(texts.values()), prior.rarity)
        bounds = fresh.indptr
        read = {place: (fresh.indices[start:end].copy(), fresh.data[start:end].copy())
                for place, start, end in zip(texts, bounds[:-1], bounds[1:], strict=True)}
        with self._lock:
            if self._n_kept + fresh.nnz > MOST_KEPT:
                self._kept, self._n_kept = {}, 0
            if fresh.nnz <= MOST_KEPT:
                self._kept.update(read)
                self._n_kept += fresh.nnz
        found |= read
        nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
        each = [found.get(place, nothing) for place in places]
        ends = np.cumsum([0, *(len(indices) for indices, _ in each)])
        rows = sparse.csr_matrix((np.concatenate([nothing[1], *(data for _, data in each)]),
                                  np.concatenate([nothing[0], *(indices for indices, _ in each)]), ends),
                                 shape=(len(places), len(prior.rarity)))
        return rows, np.array([place in found for place in places], bool)

    def _text(self, position: int) -> str | None:
        """The part of a text that nets read; None where it can't be read."""
        try:
            return str(self.pool.load(position))[:MOST_READ]
        except ItemError:
            return None

    def _fit(self) -> TextPrior:
        order = np.random.default_rng(self.seed).permutation(np.flatnonzero(~self._measures()))
        if not len(order):  # every item measures: nothing else is there to fit to
            order = np.arange(len(self.pool))
        texts = [text for text in map(self._text, order[:N_FITTED].tolist()) if text is not None]
        return fit_text_prior(texts, seed=self.seed)


def _write(prior: TextPrior, path: Path) -> None:
    make_folder(path.parent)
    tensors = {"rarity": torch.from_numpy(prior.rarity), "buckets": torch.from_numpy(prior.buckets),
               "topics": torch.from_numpy(prior.topics).half()}
    with write_whole(path) as part:
        safetensors.torch.save_file(tensors, str(part))


def _read(path: Path) -> TextPrior | None:
    """The prior in a file; None if it is missing or unreadable."""
    with suppress(OSError, safetensors.SafetensorError, KeyError):
        if path.exists():
            tensors = safetensors.torch.load_file(str(path))
            return TextPrior(tensors["rarity"].numpy(), tensors["buckets"].numpy(), tensors["topics"].float().numpy())
    return None
