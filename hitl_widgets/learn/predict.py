"""Predictions of a net for the items of a pool: probabilities, logits and embeddings.

A `NetPredictor` has a private copy of a net, and a lock that must be held while the copy is used.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cached_property
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput, ItemError, ModelError, ViewError
from ..items.reading import fetch_ahead
from ..records import new_id
from .callables import AsLoaded, CallableNet
from .last_layer import NAME_IT, find_head
from .outputs import look_at, read_logits
from .preprocess import Preprocess, Probed, as_preprocess, in_short
from .text_nets import is_additive_net
from .text_views import (
    MASK,
    PATTERN,
    Batch,
    ProbedText,
    TextPreprocess,
    TextView,
    as_text_preprocess,
    moved,
    n_items,
    padding_shows,
    recipe_of,
    run_net,
    shape_of,
)
from .views import Images, View, batched, read_ahead, read_view
from .weights import weights_version

# Before a failure is blamed on an item, this many others are tried.
N_TRIED = 10
# Number of a pool's texts, and of characters of each, whose outputs tell functions of the same name apart.
N_IN_RECIPE, LONGEST_IN_RECIPE = 3, 2_000
# An image whose views tell preprocessings of the same name apart.
PIXELS = (np.arange(64 * 64 * 3) * 40_503 // 7 % 256).astype(np.uint8).reshape(64, 64, 3)


class NetPredictor:
    """Predicts the items of a pool with a net (`records.Predictor`).

    It works on a private copy of the net, in evaluation mode: the net that was passed in is never changed. Several
    threads may use it at once; the lock is held for one batch at a time, so that a single item needn't wait long.

    Parameters
    ----------
    net : torch.nn.Module
        A net that returns logits, shape (n, n_labels), or an output with `.logits`.
    pool : Images
        The items.
    label_ids : sequence of str
        Labels of the net's outputs, in their order.
    preprocess : Preprocess, callable or None
        Maps an item to the net's input (its view); by default one that fits the net is chosen.
    device : str
        "auto" (cuda, mps or cpu, the first there is), or a device's name.
    batch_size : int
        Items in one pass; fewer are taken when they don't fit into memory.
    head : str or None
        Name of the net's last layer, whose input is an item's embedding; by default the last linear layer.
    probabilities : bool or None
        Whether the net ends in a softmax; by default this is determined once, from the outputs for a few items.
    multilabel : bool
        Whether an item may have several labels: then each logit gives a probability of its own, by a sigmoid.

    Attributes
    ----------
    version : str
        The `weights_version` of the net.
    head : str or None
        Name of the last layer; None where it has to be named.
    unreadable : dict of int to str
        Position -> why, for each item that couldn't be predicted so far: its file can't be read, or preprocessing or
        net refuse it.
    lock : threading.RLock
        Hold it while running or hooking `net`.

    Raises
    ------
    ModelError
        If the net can't be copied, accepts none of the usual views of the items, or has no layer of that name.
    """

    def __init__(self, net: nn.Module, pool: Images, label_ids: Sequence[str], *,
                 preprocess: Preprocess | Probed | Callable[[Any], Any] | None = None, device: str = "auto",
                 batch_size: int = 64, head: str | None = None, probabilities: bool | None = None,
                 multilabel: bool = False) -> None:
        self.version = weights_version(net)
        self.pool, self.label_ids, self.batch_size = pool, tuple(label_ids), batch_size
        self.device = pick_device(device)
        self.net = private_copy(net).to(self.device)
        self.lock = threading.RLock()
        self.unreadable: dict[int, str] = {}
        self.preprocess: Any = preprocess_for(preprocess, self.net, pool)  # of images, or of texts
        self._dtype = next((p.dtype for p in self.net.parameters() if p.is_floating_point()), torch.float32)
        self.multilabel = multilabel
        self._probabilities = False if multilabel else self._ends_in_softmax() if probabilities is None else \
            probabilities
        self.head: str | None = None
        with suppress(ModelError) if head is None else nullcontext():
            if is_additive_net(self.net):  # its last layer reads counts of character n-grams, never one row an item
                raise ModelError(f"the additive net of texts has no embedding. {NAME_IT} of another net.")
            self.head = find_head(self.net, len(self.label_ids), name=head)[0]

    @cached_property
    def recipe(self) -> str:
        """A digest of what predictions depend on, besides weights and items: build, preprocessing, package version.

        What was stored under another recipe is computed again.
        """
        view = repr(self.preprocess)
        if isinstance(self.preprocess, (TextPreprocess, ProbedText)):
            texts = [text[:LONGEST_IN_RECIPE] for text in sample_images(self.pool, n=N_IN_RECIPE)]
            try:
                view = recipe_of(self.preprocess, texts)
                if isinstance(self.net, CallableNet):
                    view += self.net.sample_of([PATTERN, *texts])
            except (ViewError, ModelError):
                view += new_id()
        elif isinstance(self.net, CallableNet):
            view += self.net.sample_of(sample_images(self.pool, n=N_IN_RECIPE) or [PIXELS])
        elif isinstance(self.preprocess, Probed):  # a function may change and keep its name, so its output counts
            try:
                view += self.preprocess(PIXELS).numpy().tobytes().hex()
            except ViewError:
                view += new_id()
        text = f"{version('hitl-widgets')} {view} {self.net!r}{' multilabel' if self.multilabel else ''}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the net's outputs are probabilities that sum to 1, and no logits."""
        return bool(self._probabilities)

    def copy_of_net(self) -> nn.Module:
        """A copy of the net that shares nothing with it."""
        with self.lock:
            return private_copy(self.net)

    def on(self, pool: Images) -> NetPredictor:
        """The same net and lock, for the items of another pool."""
        other = copy.copy(self)
        other.pool, other.unreadable = pool, {}
        return other

    def predict(self, positions: Sequence[int]) -> np.ndarray:
        """Probabilities of the items at some positions.

        Returns
        -------
        ndarray of float32, shape (len(positions), n_labels)
            Rows sum to 1, unless an item may have several labels. A row of NaN where an item can't be read, or
            preprocessing or net refuse it; `unreadable` then says why.

        Raises
        ------
        ModelError
            If the net or its preprocessing raises on every item, or gives anything but one finite number for each
            label; the message names an item.
        """
        return self._each(positions, self.probs, len(self.label_ids))

    def embed(self, positions: Sequence[int]) -> np.ndarray:
        """Embeddings of the items at some positions: the input of the last layer, averaged over places or tokens.

        Returns
        -------
        ndarray of float32, shape (len(positions), n_features)
            A row of NaN where an item can't be read.

        Raises
        ------
        ModelError
            For the reasons given in `predict`, and if the last layer isn't known; the message says how to name it.
        """
        head, _ = find_head(self.net, len(self.label_ids), name=self.head)
        probs, features = self.predict_and_embed(positions)
        if not features.shape[1] and np.isfinite(probs).any():
            raise ModelError(f"the net doesn't call its layer {head!r} with a row an item, so that what it reads is no "
                             f"embedding. {NAME_IT}.")
        return features

    def predict_and_embed(self, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Predict and embed in one pass; where the last layer isn't known, the embeddings have no columns."""
        both = self._each(positions, lambda views: torch.cat(self._with_features(views), dim=1), len(self.label_ids))
        return both[:, :len(self.label_ids)], both[:, len(self.label_ids):]

    def view(self, position: int) -> tuple[View, tuple[int, int]]:
        """The net's view of an item, and the item's own height and width; ItemError when there is none.

        For a text, the view is a tensor or a mapping of tensors, and the size is (1, number of characters).
        """
        try:
            return read_view(self.pool, int(position), self.preprocess)
        except ItemError as error:
            named = ViewError(f"item {str(self.pool.ids[position])!r}: {error}") if isinstance(error, ViewError) \
                else error
            self.unreadable[int(position)] = str(named)
            raise named from error

    def batch(self, views: Sequence[View]) -> Batch:
        """Make a batch of views, the input of `logits`; shorter texts are padded."""
        return batched(views, self.preprocess)

    def logits(self, views: Batch) -> Tensor:
        """The net's logits for a batch of views, float32, shape (n, n_labels), checked.

        Hold `lock`. Gradients flow when the caller lets them.
        """
        # A clone, since a net may write into its input, which torch refuses where gradients begin.
        output = run_net(self.net, moved(views, self.device, self._dtype, copy=True))
        logits = read_logits(output, n_items(views), len(self.label_ids), probabilities=self._probabilities)
        if not bool(torch.isfinite(logits).all()):
            raise ModelError("the net's logits aren't all finite numbers (NaN or infinite). Look for weights that "
                             "aren't finite, or for a division by zero in preprocess.")
        return logits

    def probs(self, views: Batch) -> Tensor:
        """The net's probabilities for a batch of views, float32, shape (n, n_labels). Hold `lock`."""
        logits = self.logits(views)
        return logits.sigmoid() if self.multilabel else logits.softmax(dim=1)

    def _ends_in_softmax(self) -> bool | None:
        """Whether the net's outputs are probabilities, judged by a few items; None if it fails on all of them."""
        views: list[View] = []
        for image in sample_images(self.pool):
            with suppress(ItemError):
                views.append(self.preprocess(image))
        alike = alike_views(views, self.preprocess)
        look = look_at(self.net, self.batch(alike)) if alike else None
        return None if look is None else look.probabilities

    def _with_features(self, views: Batch) -> list[Tensor]:
        """Probabilities, then the head's input as one vector an item, if it was called with one row an item."""
        if self.head is None:
            return [self.probs(views)]
        inputs: list[Tensor] = []

        def keep(layer: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
            # A clone, since what follows may write into it.
            inputs.append(next(value for value in (*positional, *named.values()) if isinstance(value, Tensor)).clone())
        hook = self.net.get_submodule(self.head).register_forward_pre_hook(keep, with_kwargs=True)
        try:
            probs = self.probs(views)
        finally:
            hook.remove()
        mask = views.get(MASK) if isinstance(views, dict) else None
        return [probs, pooled(inputs[-1].float(), mask)] if inputs and len(inputs[-1]) == len(probs) else [probs]

    def _each(self, positions: Sequence[int], forward: Callable[[Batch], Tensor], width: int) -> np.ndarray:
        """The results for all positions, a row each, batch after batch; NaN for an item that fails."""
        results: dict[int, np.ndarray] = {}
        refusal: ViewError | None = None
        each = read_ahead(lambda position: self.view(position)[0], positions, pool=self.pool, ahead=self.batch_size)
        for start in range(0, len(positions), self.batch_size):
            views: dict[int, View] = {}
            for row, view in enumerate(islice(each, self.batch_size), start):
                if not isinstance(view, ItemError):
                    views[row] = view
                elif isinstance(view, ViewError):
                    refusal = refusal or view
            for some in self._by_length(views):
                results |= self._forward(some, positions, forward, others_worked=bool(results))
            if refusal is not None and not results and not self._takes_any():
                raise ModelError(str(refusal)) from refusal
        table = np.full((len(positions), next((len(row) for row in results.values()), width)), np.nan, np.float32)
        for row, result in results.items():
            table[row] = result
        return table

    def _by_length(self, views: Mapping[int, View]) -> Iterator[Mapping[int, View]]:
        """Group texts of about equal length, so that one long text doesn't pad a hundred short ones.

        Where padding isn't masked, a net can't tell it from text: such views are grouped by exact shape. A function of
        texts gets all views at once, a function of images those of one size.
        """
        if isinstance(self.preprocess, AsLoaded):
            sizes: dict[Any, dict[int, View]] = {}
            for row, view in views.items():
                sizes.setdefault(shape_of(view), {})[row] = view
            return iter(sizes.values())
        if not isinstance(self.preprocess, (TextPreprocess, ProbedText)) or isinstance(self.net, CallableNet):
            return iter([views] if views else [])
        groups: dict[Any, dict[int, View]] = {}
        for row, view in views.items():
            length = max(int(shape[0]) if shape else 0 for shape in _shapes(view)).bit_length() \
                if padding_shows(view, self.preprocess) else shape_of(view)
            groups.setdefault(length, {})[row] = view
        return iter(groups.values())

    def _forward(self, views: Mapping[int, View], positions: Sequence[int], forward: Callable[[Batch], Tensor], *,
                 others_worked: bool) -> dict[int, np.ndarray]:
        """The results by row; a batch that fails is halved, until it fits into memory or the item to blame is alone."""
        rows = list(views)
        try:
            # Not inference_mode: what a net caches under it can't be used for gradients later.
            with self.lock, torch.no_grad():
                return dict(zip(rows, forward(self.batch(list(views.values()))).cpu().numpy(), strict=True))
        except Exception as error:  # a user's net, which may raise anything
            if len(rows) == 1:
                failure = self.failure(error, positions[rows[0]], views[rows[0]])
                if _is_shortage(error) or not (others_worked or self._takes_any()):
                    raise failure from error
                self.unreadable[int(positions[rows[0]])] = str(failure)
                return {}
        middle = len(rows) // 2
        first = self._forward({row: views[row] for row in rows[:middle]}, positions, forward,
                              others_worked=others_worked)
        return first | self._forward({row: views[row] for row in rows[middle:]}, positions, forward,
                                     others_worked=others_worked or bool(first))

    def _takes_any(self) -> bool:
        """Whether preprocessing and net accept at least one of a few items spread over the pool."""
        for position in np.unique(np.linspace(0, len(self.pool) - 1, min(N_TRIED, len(self.pool))).astype(int)):
            try:
                view = read_view(self.pool, int(position), self.preprocess)[0]
                with self.lock, torch.no_grad():
                    self.logits(self.batch([view]))
            except Exception as error:  # a user's net, which may raise anything
                if _is_shortage(error):
                    return False
                continue
            return True
        return False

    def failure(self, error: Exception, position: int, view: View) -> ModelError:
        """The error to raise when the net failed on an item."""
        reason = str(error) if isinstance(error, ModelError) else \
            f"the net raised on a view of shape {shape_of(view)}: {in_short(error)}. " \
            "Does preprocess give what the net was made for?"
        return ModelError(f"item {str(self.pool.ids[position])!r}: {reason}")


def _is_shortage(error: Exception) -> bool:
    """Whether the machine is to blame, and not the item."""
    return isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or "memory" in str(error).lower()


def pooled(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """One vector for each item: a map (n, C, h, w) averaged over its places, a sequence (n, tokens, d) over tokens.

    Parameters
    ----------
    features : Tensor
        Input of the last layer.
    mask : Tensor, shape (n, tokens), optional
        0 for padding.
    """
    if features.ndim == 4:
        return features.mean(dim=(2, 3))
    if mask is not None and features.ndim == 3 and mask.shape == features.shape[:2]:
        weights = mask.to(features)[..., None]
        return (features * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)
    return features.reshape(len(features), -1, features.shape[-1]).mean(dim=1)


def private_copy(net: nn.Module) -> nn.Module:
    """A copy of a net that shares nothing with it, in evaluation mode, whose modules don't work in place.

    Raises
    ------
    ModelError
        If it isn't a net, or can't be copied.
    """
    if not isinstance(net, nn.Module):
        raise ModelError(f"model is {type(net).__name__}; a torch.nn.Module that gives logits is expected, or an "
                         "estimator with predict_proba, or a function from a list of items to probabilities.")
    try:
        twin = copy.deepcopy(net).eval()
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"the net can't be copied: {error}. Pass one that copy.deepcopy can copy, such as one "
                         "freshly made with its state_dict loaded.") from error
    for module in twin.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return twin


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of a name; for "auto" the first of cuda, mps and cpu that exists.

    Raises
    ------
    BadInput
        When this machine has no such device.
    """
    there = ["cpu", *(["mps"] if torch.backends.mps.is_available() else []),
             *(["cuda"] if torch.cuda.is_available() else [])]
    if name == "auto":
        return torch.device(there[-1])
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise BadInput(f"device {name!r} is unknown; 'auto' or one of {there} is expected.") from error
    if device.type in ("cuda", "mps") and device.type not in there:
        raise BadInput(f"device {name!r} isn't there; this machine has {there}.")
    return device


def preprocess_for(preprocess: Any, net: nn.Module | None, pool: Images) -> Preprocess | Probed | AsLoaded | TextView:
    """The preprocessing of a pool's items, images or texts, from whatever a person passed.

    Parameters
    ----------
    preprocess : Preprocess, callable, tokenizer or None
        See `as_preprocess` and `as_text_preprocess`.
    net : torch.nn.Module or None
        The net that will see the items.
    pool : Images
        The items.
    """
    if isinstance(preprocess, (Preprocess, Probed, AsLoaded, TextPreprocess, ProbedText)) and \
            isinstance(preprocess, (TextPreprocess, ProbedText)) == is_of_texts(pool):
        return preprocess
    return as_text_preprocess(preprocess, net) if is_of_texts(pool) else \
        as_preprocess(preprocess, net, sample_images(pool))


def is_of_texts(pool: Images) -> bool:
    """Whether the items of a pool are texts."""
    return getattr(pool, "kind", "image") == "text"


def alike_views(views: Sequence[View], preprocess: Callable[[Any], View]) -> list[View]:
    """Those views that go into one batch with the first: of its shape, or texts that can be padded."""
    return [view for view in views if shape_of(view) == shape_of(views[0]) or padding_shows(view, preprocess)]


def _shapes(view: View) -> list[tuple[int, ...]]:
    return [tuple(view.shape)] if isinstance(view, Tensor) else [tuple(tensor.shape) for tensor in view.values()]


def sample_positions(pool: Images, *, n: int = 5) -> np.ndarray:
    """Positions spread over a pool: four times as many as are wanted, since some may be unreadable."""
    positions: np.ndarray = np.unique(np.linspace(0, len(pool) - 1, min(4 * n, len(pool))).astype(int))
    return positions


def sample_images(pool: Images, *, n: int = 5) -> list[Any]:
    """Up to n of the pool's readable items, spread over it."""
    images: list[Any] = []
    positions = sample_positions(pool, n=n).tolist()
    fetch_ahead(pool, positions[:n])
    for position in positions:
        try:
            images.append(pool.load(position))
        except ItemError:
            continue
        if len(images) == n:
            break
    return images
