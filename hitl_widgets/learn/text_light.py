"""Light models of texts: an additive net, fitted to answers in a fraction of a second.

`fit_text_light` fits and calibrates an `AdditiveTextNet` to rows of features (`text_rows`), with what is known of the
pool's texts without any answer (`fit_text_prior`). `PoolTexts` keeps both for a project.
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
# Topics of a pool, and how far a text's topics may count beside its features: not at all, or several times as much.
# Which of these is taken is decided out of fold.
N_TOPICS, TOPICS_COUNT = 32, (0.0, 4.0)
# Texts to which a prior is fitted, at most, and the characters of all of them together.
N_FITTED, MOST_CHARACTERS = 4_000, 4_000_000
# Products of features by which the texts of a fit are compared with each other, and with how many each is, at most.
N_PRODUCTS, MOST_LANDMARKS = 5 * 10**8, 1_500
# Numbers in the rows of features that are kept in memory: 240 MB.
MOST_KEPT = 20_000_000
# Changes where a prior of another form would be fitted.
FORM = f"prior of texts, 1, {COUNTS}"


@dataclass(frozen=True)
class TextPrior:
    """What is known of a pool's texts before any answer.

    Attributes
    ----------
    rarity : ndarray of float32, shape (n_buckets,)
        As `text_nets.rarity_of` gives it.
    buckets : ndarray of int64, shape (n_kept,)
        Features that occur.
    topics : ndarray of float32, shape (n_kept, n_topics)
        Directions in which the features of the pool's texts differ most: which of them occur together.
    """

    rarity: np.ndarray
    buckets: np.ndarray
    topics: np.ndarray


def fit_text_prior(texts: Sequence[str], *, n_buckets: int = N_HASHED, seed: int = 0) -> TextPrior:
    """Fit a prior to some texts; no answer is needed.

    Parameters
    ----------
    texts : sequence of str
        Those that may be learnt from, in an order drawn by chance; of more than 4,000 the first 4,000 are used.
    n_buckets : int
        Number of hashed features, a power of two.
    seed : int
        Of the randomised decomposition.

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
        Any number.
    rarity : ndarray of float32, shape (n_buckets,)
        As of a `TextPrior`.
    """
    parts = [sparse.csr_matrix((0, len(rarity)), dtype=np.float32)]
    for some in at_once(texts):
        found = amounts_of(some, rarity.astype(np.float64))
        rows = sparse.csr_matrix((found.amounts, (found.rows, found.buckets)), shape=(len(some), len(rarity)))
        rows.sum_duplicates()
        parts.append(rows.astype(np.float32))
    return sparse.vstack(parts, format="csr")


class Coordinates(NamedTuple):
    """Texts as rows of a few numbers, over which a fit is one over all of their features.

    Attributes
    ----------
    rows : Tensor of float32, shape (n, n_coordinates)
        Their inner products are those of features and topics.
    weights : callable
        From weights over these numbers, shape (n_labels, n_coordinates), to those of features, (n_labels, n_buckets).
    """

    rows: Tensor
    weights: Callable[[Tensor], np.ndarray]


def coordinates(rows: sparse.csr_matrix, prior: TextPrior, *, topics: float = 0.0,
                penalty: np.ndarray | None = None) -> Coordinates:
    """The coordinates of texts in the space of their own features.

    A fit with a penalty on the squares of all weights never leaves the space of the texts that it learns from, so that
    it needs no more numbers than there are texts. Of many texts, some span the space. A weight of a text's topics is
    one of all features that occur in these.

    Parameters
    ----------
    rows : sparse matrix, shape (n, n_buckets)
        As `text_rows` gives them; one or more.
    prior : TextPrior
        Of the pool.
    topics : float
        c, how far topics count beside the features, 0 or more.
    penalty : ndarray of float, shape (n_buckets,), optional
        D, by how much more than others each feature's weight is penalised, above 0; all alike when None. A feature of
        which it is large hardly counts.

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
    # Along the axes of the texts' own space a fit needs half as many steps. Equal texts add none.
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
    """The texts that span the space: all, or of many some that are drawn by chance."""
    n = rows.shape[0]
    n_products = float((np.bincount(rows.indices, minlength=1).astype(np.float64) ** 2).sum())
    most = min(MOST_LANDMARKS, max(100, int(n * N_PRODUCTS / max(1.0, n_products))))
    return np.sort(np.random.default_rng(0).permutation(n)[:most])


def fit_text_light(rows: sparse.csr_matrix, targets: Tensor, weights: Tensor, *, prior: TextPrior, n_labels: int,
                   draws: np.ndarray, shares: np.ndarray | None = None, penalty: np.ndarray | None = None,
                   strength: float = STRENGTH) -> Light:
    """Fit an additive net to answers, and calibrate it out of fold.

    It is multinomial logistic regression. Whether topics count beside features is decided by the loss out of fold.

    Parameters
    ----------
    rows : sparse matrix, shape (n, n_buckets)
        Of the texts, as `text_rows` gives them.
    targets, weights, n_labels, draws, shares
        As for `light.fit_light`.
    prior : TextPrior
        Of the pool.
    penalty : ndarray of float, shape (n_buckets,), optional
        As for `coordinates`.
    strength : float
        Inverse of the penalty on all weights, as scikit-learn's C.

    Returns
    -------
    Light
        Its head is an `AdditiveTextNet`.

    Raises
    ------
    ShapeError
        If they differ in length, or there is none.
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
        As for `fit_text_light`.
    on, weights, draws, shares
        As for `multilabel.fit_light_labels`.

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
    """Logits of an additive net from rows of features that are at hand: float32, shape (n, n_labels).

    Parameters
    ----------
    net : AdditiveTextNet
        With the rarity by which the rows were counted.
    rows : sparse matrix, shape (n, n_buckets)
        As `text_rows` gives them.
    """
    weight = net.last.weight.detach().cpu().double().numpy()
    logits = np.asarray(rows @ weight.T) + net.last.bias.detach().cpu().double().numpy()
    return torch.from_numpy(logits).float()


# -- the texts of a project ----------------------------------------------------------------------------------

class PoolTexts:
    """The features of a pool's texts, and what is known of them without any answer. Safe for many threads.

    Parameters
    ----------
    pool : Pool
        The texts.
    folder : Path
        Where the prior is kept.
    measures : callable
        Gives a mask of the pool's items that measure (hold-out and gold): bool, shape (n_items,). Nothing is fitted to
        these.
    seed : int
        Of the texts that the prior is fitted to.
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
        """What is known of the texts; fitting it may take seconds the first time."""
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
            Of the items in the pool.

        Returns
        -------
        rows : sparse matrix of float32, shape (n, n_buckets)
            Of a text that can't be read all are 0.
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
    """The prior in a file; None where there is none that can be read."""
    with suppress(OSError, safetensors.SafetensorError, KeyError):
        if path.exists():
            tensors = safetensors.torch.load_file(str(path))
            return TextPrior(tensors["rarity"].numpy(), tensors["buckets"].numpy(), tensors["topics"].float().numpy())
    return None
