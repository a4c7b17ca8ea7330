"""Functions of images or of texts as nets: any callable from items to probabilities, and objects with `predict_proba`.

`CallableNet` wraps one; it has no weights to train. Its input is code points for texts (`text_views.TextPreprocess`),
and the output of `AsLoaded` for images. `column_order` finds the order of a classifier's columns.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn

from ..errors import ModelError
from .preprocess import Box, in_short
from .text_views import text_of
from .weights import shapes_in

# How far probabilities may lie outside of [0, 1], and the sum of a row from 1.
BEYOND, SUM_OFF = 1e-3, 1e-2
# Names of labels in a message.
N_NAMED = 12


# -- views of images -----------------------------------------------------------------------------------------

@dataclass(frozen=True)
class AsLoaded:
    """The view of an image that functions take: all its pixels at its own size, divided by 255.

    Examples
    --------
    >>> AsLoaded()(np.full((2, 3), 255, np.uint8))
    tensor([[[1., 1., 1.],
             [1., 1., 1.]]])
    """

    maps_back = True

    def __call__(self, image: np.ndarray) -> Tensor:
        """The view of an image: float32, shape (1, H, W) or (3, H, W), from 0 to 1."""
        pixels = torch.from_numpy(np.array(image, np.uint8))
        return (pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)).float() / 255

    def box(self, height: int, width: int) -> Box:
        """(x0, y0, x1, y1) of the view in an item of this size: all of it."""
        return 0.0, 0.0, float(width), float(height)


def image_of(view: Tensor) -> np.ndarray:
    """The image of a view: uint8, shape (H, W) where the view has one channel, else (H, W, 3).

    Parameters
    ----------
    view : Tensor, shape (C, H, W)
        uint8, or numbers from 0 to 1, which are rounded to bytes.
    """
    values = view.detach().cpu()
    pixels = values if values.dtype == torch.uint8 else (255 * values.float()).round().clamp(0, 255).to(torch.uint8)
    image: np.ndarray = pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
    return image


# -- the net -------------------------------------------------------------------------------------------------

def is_function(model: Any) -> bool:
    """Whether a model is a function, and not a net, a class, or an estimator.

    Parameters
    ----------
    model : object
        A user's model.
    """
    return callable(model) and not isinstance(model, (nn.Module, type)) and not hasattr(model, "predict_proba")


class CallableNet(nn.Module):
    """Any function of images or of texts as a net without weights to train.

    Parameters
    ----------
    function : callable
        A function from a list of texts, or of images as uint8 arrays (H, W) or (H, W, 3), to the probability of each
        label for each item: shape (n, n_labels). Or an object with `predict_proba`, such as a pipeline of scikit-learn.
    multilabel : bool
        Whether an item may have several labels, so that rows needn't sum to 1.
    kind : str
        "text" or "image".
    preprocess : callable, optional
        From a text or an image to an array; the function is called with the arrays of several items stacked.
    columns : sequence of int, optional
        The function's column of each label; the columns as they are when None.

    Attributes
    ----------
    fingerprint : Tensor of uint8
        Identifies the function: a hash of its `version`, if it has one, else of its name.
    lock : threading.RLock
        Held while the function is called, also by copies of this net.
    """

    fingerprint: Tensor

    def __init__(self, function: Any, *, multilabel: bool = False, kind: str = "text",
                 preprocess: Callable[[Any], Any] | None = None, columns: Sequence[int] | None = None) -> None:
        super().__init__()
        self.function, self.multilabel, self.kind, self.preprocess = function, multilabel, kind, preprocess
        self.columns = None if columns is None else tuple(columns)
        self.lock = threading.RLock()
        name = hashlib.blake2b(_name_of(function).encode(), digest_size=8).digest()
        self.register_buffer("fingerprint", torch.tensor(list(name), dtype=torch.uint8))

    def __deepcopy__(self, memo: dict[int, Any]) -> CallableNet:
        return self._again(self.columns)  # a function isn't copied

    def _again(self, columns: Sequence[int] | None) -> CallableNet:
        twin = CallableNet(self.function, multilabel=self.multilabel, kind=self.kind, preprocess=self.preprocess,
                           columns=columns)
        twin.lock = self.lock
        return twin

    @property
    def reads_code_points(self) -> bool:
        """Whether it takes texts."""
        return self.kind == "text"

    @property
    def name(self) -> str:
        """The function's name in messages; for an object, that of its class."""
        return _name_of(self.function).rpartition(".")[2] or _name_of(self.function)

    @property
    def classes(self) -> list[Any] | None:
        """The classes of the function's columns, as in scikit-learn's `classes_`; None where it has none."""
        return classes_of(self.function)

    def in_order(self, columns: Sequence[int]) -> CallableNet:
        """The same function, with some of its columns in another order.

        Parameters
        ----------
        columns : sequence of int
            The function's column of each label.
        """
        return self._again(columns)

    def forward(self, views: Tensor) -> Tensor:
        """Logits of a batch of views: float32, shape (n, n_labels).

        They are logarithms of probabilities, or of odds where an item may have several labels.

        Parameters
        ----------
        views : Tensor
            Code points of texts, shape (n, n_characters); or images, such as the output of `AsLoaded`, shape
            (n, C, H, W), uint8 or from 0 to 1.
        """
        read: Callable[[Tensor], Any] = text_of if self.kind == "text" else image_of
        return self.logits([read(view) for view in views]).to(views.device)

    def logits(self, items: Iterable[Any]) -> Tensor:
        """The logits of some texts or images; ModelError if the function's output can't be used."""
        probs = self.probs_of(items)
        return probs.logit(eps=1e-6) if self.multilabel else probs.clamp_min(1e-12).log()

    def probs_of(self, items: Iterable[Any]) -> Tensor:
        """The probabilities of some texts or images: float32, shape (n, n_labels).

        Raises
        ------
        ModelError
            When the function or the preprocessing raises, or the function's output can't be used.
        """
        items = list(items)
        return self.checked(self.call(items if self.preprocess is None else self._stacked(items), len(items)),
                            len(items))

    def call(self, argument: Any, n: int) -> Any:
        """The function's output; ModelError when it raises.

        Parameters
        ----------
        argument : object
            The function's argument.
        n : int
            Number of items.
        """
        call = getattr(self.function, "predict_proba", self.function)
        try:
            with self.lock:
                return call(argument)
        except (ModelError, MemoryError):
            raise
        except Exception as error:  # a person's function, which may raise anything
            expected = "what preprocess gives, stacked," if self.preprocess is not None else \
                f"a list of {'texts' if self.kind == 'text' else 'uint8 arrays (H, W) or (H, W, 3)'}"
            raise ModelError(f"the model {_name_of(self.function)!r} raised on {self._some(n)}: "
                             f"{type(error).__name__}: {str(error)[:200]}. A function from {expected} to "
                             "probabilities is expected.") from error

    def checked(self, output: Any, n: int) -> Tensor:
        """Check a function's output, and return it with a column for each label: float32, shape (n, n_labels).

        Parameters
        ----------
        output : array_like
            What the function returned.
        n : int
            Number of items.

        Raises
        ------
        ModelError
            When the output can't be used as probabilities.
        """
        try:
            probs = torch.as_tensor(output if isinstance(output, Tensor) else np.array(output, np.float32)) \
                .detach().cpu().float()
        except (TypeError, ValueError) as error:
            raise ModelError(f"the model gave {output!r:.80}; numbers of shape ({n}, n_labels) are "
                             "expected.") from error
        if probs.ndim != 2 or len(probs) != n:
            raise ModelError(f"the model gave shape {tuple(probs.shape)} for {self._some(n)}; ({n}, n_labels) is "
                             f"expected: a probability for each label, a row for each {self.kind}.")
        if not bool(((probs >= 0) & (probs <= 1 + BEYOND)).all()):
            raise ModelError("the model gave numbers that are no probabilities (below 0, above 1 or NaN).")
        if not self.multilabel and bool(((probs.sum(dim=1) - 1).abs() > SUM_OFF).any()):
            raise ModelError(f"the model's probabilities for {_a(self.kind)} sum to {float(probs.sum(dim=1)[0]):.3f} "
                             f"over its {probs.shape[1]} columns; 1 is expected, with a column for each label.")
        if self.columns is not None and max(self.columns, default=-1) < probs.shape[1]:
            probs = probs[:, list(self.columns)]
        return probs.clamp_max(1)

    def _stacked(self, items: Sequence[Any]) -> np.ndarray:
        assert self.preprocess is not None
        try:
            found: np.ndarray = np.stack([_numbers(_seen(self.preprocess, item)) for item in items])
            return found
        except Exception as error:  # a person's function, which may raise anything
            shape = f" of shape {items[0].shape}" if self.kind == "image" and len(items) == 1 else ""
            raise ModelError(f"preprocess {_name_of(self.preprocess)!r} gave no array for {self._some(len(items))}"
                             f"{shape}: {in_short(error)}. It has to return an array for {_a(self.kind)}, of the same "
                             f"shape for each {self.kind}.") from error

    def _some(self, n: int) -> str:
        return f"{n} {self.kind}(s)"

    def sample_of(self, items: Sequence[Any]) -> str:
        """Its rounded outputs for some items as text, since a function may change and keep its name.

        An item on which the function fails counts as "refused".

        Parameters
        ----------
        items : sequence of str or ndarray
            At least one.
        """
        try:
            return str(self.logits(items).exp().numpy().round(4).tolist())
        except ModelError:
            return "refused" if len(items) == 1 else ", ".join(self.sample_of([item]) for item in items)

    def extra_repr(self) -> str:
        """The names of the function and its preprocessing, and the order of its columns."""
        told = [_name_of(self.function), *([] if self.preprocess is None else [_name_of(self.preprocess)]),
                *([] if self.columns is None else [str(list(self.columns))])]
        return ", ".join(told)


def _seen(preprocess: Callable[[Any], Any], item: Any) -> Any:
    """The output of a preprocessing for an item; if it fails on an array, it is given a PIL image."""
    try:
        return preprocess(item)
    except Exception:  # a person's function, which may raise anything
        if isinstance(item, str):
            raise
        with suppress(Exception):
            return preprocess(Image.fromarray(item))
        raise


def _numbers(output: Any) -> np.ndarray:
    found = np.asarray(output)
    if found.dtype == object:
        raise TypeError(f"it gave a {type(output).__name__}")
    return found


def _a(kind: str) -> str:
    return "an image" if kind == "image" else f"a {kind}"


def _name_of(function: Any) -> str:
    told = getattr(function, "version", None)
    function = getattr(function, "func", function)  # of functools.partial
    owner = getattr(function, "__self__", function)  # of a bound method its object
    named = function if hasattr(function, "__qualname__") and owner is function else type(owner)
    return str(told) if told is not None else f"{named.__module__}.{named.__qualname__}"


def holds_callable(path: Path) -> bool:
    """Whether a file of weights is that of a `CallableNet`; False for one that can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    """
    with suppress(OSError, SafetensorError):
        return set(shapes_in(path)) == {"fingerprint"}
    return False


# -- the labels of columns -----------------------------------------------------------------------------------

def classes_of(model: Any) -> list[Any] | None:
    """The classes of a model's columns, from its attribute `classes_`, as in scikit-learn; None if it has none.

    Parameters
    ----------
    model : object
        The model, or a method of it, such as its `predict_proba`. Where `classes_` is a list of arrays, one for each
        label that may be on or off, the result is None.
    """
    owner = getattr(model, "__self__", model)
    try:
        classes = owner.classes_
    except Exception:  # of a pipeline that isn't fitted yet, or whatever a person's own property raises
        return None
    if isinstance(classes, list) and any(np.ndim(one) for one in classes):
        return None
    return [one.item() if isinstance(one, np.generic) else one for one in classes]


def names_of_outputs(net: nn.Module) -> list[str]:
    """Names of a net's outputs in their order, from `config.id2label` as Hugging Face's have; empty without these.

    Parameters
    ----------
    net : torch.nn.Module
    """
    names = getattr(getattr(net, "config", None), "id2label", None) or {}
    return [str(names[number]) for number in sorted(names)] if isinstance(names, dict) else []


# 18 branches: the ways in which classes may name labels are listed, then tried in their order.
def column_order(classes: Sequence[Any], label_ids: Sequence[str],
                 names: Iterable[Mapping[str, str]]) -> tuple[int, ...]:
    """The classifier's column of each label.

    Classes are names of labels, or label_ids. Whole numbers from 0 that are neither, and False and True, are indices
    of labels in the taxonomy's order.

    Parameters
    ----------
    classes : sequence
        The class of each column.
    label_ids : sequence of str
        The labels.
    names : iterable of mapping of str to str
        label_id -> name under each version of the taxonomy, today's first.

    Raises
    ------
    ModelError
        When the classes aren't the labels; the message lists both.

    Examples
    --------
    >>> column_order(["dog", "cat"], ["a1", "a2"], [{"a1": "cat", "a2": "dog"}])
    (1, 0)
    """
    said = [str(one) for one in classes]
    named = [[one.get(label_id, "") for label_id in label_ids] for one in map(dict, names)]
    places = {name: column for column, name in enumerate(said)}
    ways = [(way, places) for way in (*named[:1], list(label_ids), *named[1:])]
    numbers = [int(one) if isinstance(one, (bool, int)) or (isinstance(one, float) and one.is_integer()) else None
               for one in classes]
    if None not in numbers:
        ways.append(([str(number) for number in range(len(label_ids))],
                     {str(number): column for column, number in enumerate(numbers)}))
    for wanted, columns in ways:
        if len(columns) == len(said) and len(set(wanted)) == len(wanted) and set(wanted) == set(columns):
            return tuple(columns[name] for name in wanted)
    labels = named[0] if named else list(label_ids)
    raise ModelError(f"the model's classes_ are {_listed(said)}, and the labels {_listed(labels)}. The same names, in "
                     f"any order, are expected, or label_ids, or the numbers 0 to {len(label_ids) - 1}. Fit the model "
                     "to these labels, or give the project the labels of the model.")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - N_NAMED
    return ", ".join(map(repr, names[:N_NAMED])) + (f" and {more} more" if more > 0 else "") if names else "none"
