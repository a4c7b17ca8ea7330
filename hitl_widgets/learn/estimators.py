"""Estimators as models: scikit-learn's classifiers, and any object with `predict_proba`.

`Estimator` wraps a user's object, and brings its columns into the order of the labels; `Features` is its input.
`estimator_nets` predicts with it, and `estimator_fits` refits it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ..errors import HitlError, ItemError, ModelError
from ..items.pool import Pool
from .callables import classes_of, column_order
from .pool_descriptors import PoolDescriptors
from .preprocess import in_short
from .views import read_ahead

NOT_FITTED = frozenset(("NotFittedError", "NotInitializedError"))
CALIBRATED = "sklearn.calibration.CalibratedClassifierCV"


def is_estimator(model: Any) -> bool:
    """Whether a model is an object with `predict_proba`, or with `fit` and `get_params`, and not a net or a class.

    Parameters
    ----------
    model : object
        A user's model.
    """
    if isinstance(model, (nn.Module, str, type)):
        return False
    return hasattr(model, "predict_proba") or (hasattr(model, "fit") and hasattr(model, "get_params"))


class Unusable(ModelError):
    """Raised if an estimator's output has the wrong form for every item, such as a wrong number of columns."""


class NotFitted(Unusable):
    """Raised if an estimator is called before it was fitted."""


class Rows(NamedTuple):
    """An estimator's input for some items.

    Attributes
    ----------
    values : list or ndarray
        The input for the items that can be read, in their order.
    readable : ndarray of bool, shape (n,)
    why : dict of int to str
        Row -> why the item can't be read, where that is known.
    """

    values: Any
    readable: np.ndarray
    why: dict[int, str]


class Features:
    """An estimator's input for the items of a pool: texts, the pool's descriptors, or the output of `preprocess`.

    Parameters
    ----------
    pool : Pool
        The items.
    preprocess : callable, optional
        From an item to an array; those of several items are stacked.
    descriptors : callable
        Returns the pool's descriptors, for images without a preprocessing.
    view : callable
        Returns the preprocessing of images for the descriptors.
    """

    def __init__(self, pool: Pool, preprocess: Callable[[Any], Any] | None, *,
                 descriptors: Callable[[], PoolDescriptors], view: Callable[[], Any]) -> None:
        self.pool, self.preprocess = pool, preprocess
        self._descriptors, self._view = descriptors, view

    @property
    def described(self) -> bool:
        """Whether it reads descriptors."""
        return self.preprocess is None and self.pool.kind == "image"

    @property
    def name(self) -> str:
        """The input in words, for messages."""
        if self.preprocess is not None:
            named = getattr(self.preprocess, "__qualname__", None) or type(self.preprocess).__qualname__
            return f"what preprocess {named} gives"
        if self.pool.kind == "text":
            return "the texts as they are"
        n = self._descriptors().net.n_features
        return f"the pool's descriptors ({n} numbers an image: edges, pixels, patches and tones)"

    @property
    def version(self) -> str:
        """The version of the descriptors, which are refitted when the pool has other items; "" without any."""
        return self._descriptors().version if self.described else ""

    def of_pool(self, positions: np.ndarray) -> Rows:
        """The input for some items of the pool.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items.
        """
        if self.described:
            found = self._descriptors().of(positions)
            readable = np.isfinite(found).all(axis=1)
            return Rows(found[readable], readable, {})
        items: list[Any] = []
        readable, why = np.zeros(len(positions), bool), {}
        for row, item in enumerate(read_ahead(self._read, positions.tolist(), pool=self.pool)):
            if isinstance(item, ItemError):
                why[row] = str(item)
                continue
            items.append(item)
            readable[row] = True
        return Rows(self._stacked(items), readable, why)

    def _read(self, position: int) -> Any:
        item = self.pool.load(position)
        if self.preprocess is None:
            return item
        try:
            return np.asarray(self.preprocess(item))
        except Exception as error:  # a person's function, which may raise anything
            raise ItemError(f"item {str(self.pool.ids[position])!r}: preprocess raised {in_short(error)}. A function "
                            f"from {'a text' if isinstance(item, str) else 'a uint8 array (H, W) or (H, W, 3)'} to an "
                            "array is expected.") from error

    def of_items(self, items: Sequence[Any]) -> Any:
        """The input for texts, or for images as uint8 arrays, which needn't be in the pool."""
        if self.described:
            view, net = self._view(), self._descriptors().net
            with torch.no_grad():
                rows: np.ndarray = net.rows_of([view(item) for item in items]).numpy()
            return rows
        return list(items) if self.preprocess is None else \
            self._stacked([np.asarray(self.preprocess(item)) for item in items])

    def _stacked(self, items: list[Any]) -> Any:
        if self.preprocess is None or not items:
            return items
        shapes = {item.shape for item in items}
        if len(shapes) > 1:
            told = ", ".join(map(str, sorted(shapes)[:3]))
            raise ModelError(f"preprocess gave arrays of the shapes {told}, which can't be stacked; the same shape for "
                             "each item is expected.")
        return np.stack(items)


@dataclass(frozen=True)
class Estimator:
    """A user's estimator, and its input. The object is never changed: a copy of it is fitted.

    Attributes
    ----------
    model : object
        An object with `predict_proba`.
    features : Features
    multilabel : bool
        Whether an item may have several labels.
    columns : tuple of (int or None), optional
        The estimator's column of each label; None for a label that it has no column for. When not set, columns are
        used as they are.
    lock : threading.RLock
        Held while it is called.
    """

    model: Any
    features: Features
    multilabel: bool = False
    columns: tuple[int | None, ...] | None = None
    lock: Any = field(default_factory=threading.RLock)

    @property
    def name(self) -> str:
        """Name of its class."""
        return type(self.model).__name__

    @property
    def fits(self) -> bool:
        """Whether it can be fitted."""
        return callable(getattr(self.model, "fit", None))

    @property
    def is_fitted(self) -> bool:
        """Whether it is fitted, as far as can be found out without calling it."""
        if not self.fits or classes_of(self.model) is not None:
            return True
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted
        try:
            check_is_fitted(self.model)
        except NotFittedError:
            return any(name.endswith("_") and not name.startswith("_") for name in getattr(self.model, "__dict__", {}))
        except TypeError:  # an object of another package, of which scikit-learn knows nothing
            return True
        return True

    def check(self) -> None:
        """Refuse an estimator without `predict_proba`.

        Raises
        ------
        ModelError
            The message says what to do.
        """
        if not hasattr(self.model, "predict_proba"):
            only = "only decision_function" if hasattr(self.model, "decision_function") else "only predict"
            raise ModelError(f"the model is a {self.name} without predict_proba ({only}); probabilities are expected. "
                             f"Wrap a classifier in {CALIBRATED}(...), fit that, and pass it.")

    def own_lock(self) -> Estimator:
        """Return the same estimator with a lock of its own, for a copy of the object."""
        return replace(self, lock=threading.RLock())

    def own_copy(self) -> Estimator:
        """A copy that later changes of the user's object don't affect; itself where the object can't be copied."""
        try:
            return replace(self, model=copy.deepcopy(self.model), lock=threading.RLock())
        except Exception:  # an object that can't be copied, such as one that holds a connection
            return self

    def in_order(self, label_ids: Sequence[str], names: Iterable[Mapping[str, str]]) -> Estimator:
        """The same estimator, with its columns in the order of some labels.

        Parameters
        ----------
        label_ids : sequence of str
        names : iterable of mapping of str to str
            See `callables.column_order`.

        Raises
        ------
        ModelError
            When its `classes_` aren't these labels.
        """
        classes = classes_of(self.model)
        if self.columns is not None or classes is None:
            return self
        return replace(self, columns=column_order(classes, label_ids, names))

    def call(self, values: Any, n: int) -> np.ndarray:
        """Its probabilities for the input for n items: float32, shape (n, n_labels).

        Raises
        ------
        NotFitted
            When it raises because it isn't fitted.
        ModelError
            When it raises another error, or its output can't be used.
        """
        if not n:
            return np.zeros((0, len(self.columns or ())), np.float32)
        try:
            with self.lock:
                output = self.model.predict_proba(values)
        except (MemoryError, HitlError):
            raise
        except Exception as error:  # a person's object, which may raise anything
            if type(error).__name__ in NOT_FITTED:
                raise NotFitted(f"the {self.name} isn't fitted: {in_short(error)}.") from error
            raise ModelError(f"{self.name}.predict_proba raised on {self._some(values, n)}: {in_short(error)}. "
                             f"{self._remedy()}") from error
        return self._checked(output, n)

    def _remedy(self) -> str:
        if self.features.preprocess is not None:
            return "Does preprocess give for each item what it was fitted to, such as a row of numbers?"
        return f"It gets {self.features.name}; pass preprocess=..., the function from " \
               f"{'a text' if self.features.pool.kind == 'text' else 'an image'} to a row of numbers by which it was " \
               "fitted, or fit it to these with wb.finetune()."

    def _some(self, values: Any, n: int) -> str:
        shape = f" of shape {values.shape}" if isinstance(values, np.ndarray) else ""
        return f"{n} {self.features.pool.kind}{'' if n == 1 else 's'} ({self.features.name}{shape})"

    def _checked(self, output: Any, n: int) -> np.ndarray:
        if isinstance(output, (list, tuple)) and self.multilabel and len(output) and np.ndim(output[0]) == 2:
            output = self._of_each_label(output)
        try:
            probs: np.ndarray = np.array(output, np.float32)
        except (TypeError, ValueError) as error:
            raise Unusable(f"{self.name}.predict_proba gave {output!r:.80}; numbers of shape ({n}, n_labels) are "
                             "expected.") from error
        if probs.ndim != 2 or len(probs) != n:
            raise Unusable(f"{self.name}.predict_proba gave shape {probs.shape} for {n} items; ({n}, n_labels) is "
                             f"expected{' or a list of an array (n, 2) for each label' if self.multilabel else ''}.")
        if not ((probs >= 0) & (probs <= 1 + 1e-3)).all():
            raise ModelError(f"{self.name}.predict_proba gave numbers that are no probabilities (below 0, above 1 or "
                             "NaN).")
        probs = self._in_order(probs)
        if not self.multilabel and (np.abs(probs.sum(axis=1) - 1) > 1e-2).any():
            raise ModelError(f"the probabilities of {self.name} for an item sum to {float(probs.sum(axis=1)[0]):.3f}; "
                             "1 is expected.")
        return probs.clip(0, 1)

    def _in_order(self, probs: np.ndarray) -> np.ndarray:
        """The columns in the order of the labels; 0 for a label that the model doesn't know."""
        if self.columns is None:
            return probs
        n_columns = 1 + max((column for column in self.columns if column is not None), default=-1)
        if n_columns > probs.shape[1]:
            raise Unusable(f"{self.name}.predict_proba gave {probs.shape[1]} columns, and its classes_ are "
                           f"{n_columns}.")
        ordered = np.zeros((len(probs), len(self.columns)), np.float32)
        for place, column in enumerate(self.columns):
            if column is not None:
                ordered[:, place] = probs[:, column]
        return ordered

    def _of_each_label(self, output: Sequence[Any]) -> np.ndarray:
        """The probability that each label is on, from an array (n, 2) for each, as in MultiOutputClassifier."""
        classes = getattr(self.model, "classes_", None)
        columns = []
        for place, probs in enumerate(output):
            probs = np.asarray(probs, np.float32)
            told = list(np.asarray(classes[place]).tolist()) if isinstance(classes, list) and place < len(classes) \
                else [0, 1][:probs.shape[1]]
            # Where all items it was fitted to have the label, or none has it, there is one class.
            columns.append(probs[:, told.index(1)] if 1 in told and told.index(1) < probs.shape[1]
                           else np.zeros(len(probs), np.float32))
        return np.column_stack(columns)
