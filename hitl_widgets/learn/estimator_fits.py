"""Refitting of a user's estimator to the answers.

`fit_estimator` fits a copy of an `estimators.Estimator` to a training set; `training_rows` turns the set into rows,
labels and weights, and lists the items that are left out.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput, HitlError, ModelError
from .callables import classes_of
from .data import LabelledImages
from .estimators import Estimator
from .losses import PARTIAL, SMOOTHING
from .preprocess import in_short
from .train import HISTORY

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# Labels of a soft label that are less probable are left out.
LEAST = 0.02
UNCALIBRATED = "the probabilities are {name}'s own; CalibratedClassifierCV of sklearn.calibration around it calibrates"


@dataclass(frozen=True)
class TrainingRows:
    """The rows that an estimator is fitted to.

    Attributes
    ----------
    items : ndarray of int, shape (n,)
        The item of each row; a soft label has a row for each label.
    labels : ndarray
        The column of each row's label, int, shape (n,); where an item may have several labels, whether each is on,
        shape (n, n_labels).
    weights : ndarray of float64, shape (n,)
        How much each row counts.
    hard : ndarray of int, shape (n_items,), or None
        The likeliest label of each item, -1 where there are several; for an estimator that takes no weights.
    left_out : tuple of int
        Items of which some label is unknown or tied.
    """

    items: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    hard: np.ndarray | None
    left_out: tuple[int, ...] = ()


def training_rows(items: LabelledImages) -> TrainingRows:
    """The rows, labels and weights of a training set.

    A soft label, or an answer with several candidates, becomes a row for each label, weighted by its probability. Where
    an item may have several labels, items with an unknown or a tied label are left out.

    Parameters
    ----------
    items : LabelledImages
    """
    n, n_labels = len(items), len(items.label_ids)
    if items.objective.of_sets:
        whole = ~(np.isnan(items.targets) | (items.targets == 0.5)).any(axis=1)  # a tie is no truth
        rows = np.flatnonzero(whole)
        weights = items.weights if items.weights.ndim == 1 else items.weights.mean(axis=1)
        return TrainingRows(rows, (items.targets[rows] >= 0.5).astype(np.int64), weights[rows].astype(np.float64), None,
                            tuple(np.flatnonzero(~whole).tolist()))
    probs = np.zeros((n, n_labels))
    if items.targets.ndim == 1:
        exact = items.targets != PARTIAL
        probs[exact, items.targets[exact]] = 1
    else:
        probs = np.clip(items.targets.astype(np.float64) - SMOOTHING / n_labels, 0, None)
        probs /= probs.sum(axis=1, keepdims=True)
    if items.candidates is not None:
        several = items.candidates.sum(axis=1) > 1
        probs[several] = items.candidates[several] / items.candidates[several].sum(axis=1, keepdims=True)
    probs[probs < LEAST] = 0
    places, columns = np.nonzero(probs)
    weights = items.weights[places].astype(np.float64) * probs[places, columns]
    top = probs.max(axis=1, keepdims=True)
    hard = np.where((probs >= top - 1e-9).sum(axis=1) == 1, probs.argmax(axis=1), -1)
    return TrainingRows(places, columns, weights, hard)


@dataclass(frozen=True)
class Fitted:
    """An estimator that was fitted to the answers.

    Attributes
    ----------
    estimator : Estimator
        A copy of the user's estimator, with its columns in the order of the labels.
    n_training : int
        Number of items that it learnt from.
    left_out : tuple of int
        Items that can't be read.
    notes : list of str
        Sentences on what couldn't be used.
    history : DataFrame
        The training's history, of one row.
    """

    estimator: Estimator
    n_training: int
    left_out: tuple[int, ...]
    notes: list[str]
    history: pd.DataFrame


def fit_estimator(estimator: Estimator, items: LabelledImages, positions: np.ndarray, *, seed: int,
                  names: Sequence[str]) -> Fitted:
    """Fit a copy of an estimator to a training set.

    Parameters
    ----------
    estimator : Estimator
        It isn't changed.
    items : LabelledImages
        The training set.
    positions : ndarray of int, shape (n_items,)
        Positions of its items in the pool.
    seed : int
        Set as each `random_state` of the estimator that is None.
    names : sequence of str
        Names of the labels.

    Raises
    ------
    BadInput
        When there is no item to learn from.
    ModelError
        When `fit` raises.
    """
    began = time.monotonic()
    rows, notes = training_rows(items), []
    read = estimator.features.of_pool(positions)
    place = np.full(len(positions), -1)
    place[read.readable] = np.arange(int(read.readable.sum()))
    model = fresh_copy(estimator.model, seed=seed)
    weighs = bool(fit_arguments(model, rows.weights))
    if rows.hard is not None and not weighs and len(rows.items) > len(np.unique(rows.items)):
        hard = np.flatnonzero(rows.hard >= 0)
        notes.append(f"{estimator.name}.fit takes no sample_weight: it learnt the likeliest label of each item"
                     + (f", and nothing of {len(rows.hard) - len(hard)} items with several" if len(hard) <
                        len(rows.hard) else "") + ".")
        rows = replace(rows, items=hard, labels=rows.hard[hard], weights=items.weights[hard].astype(np.float64))
    if rows.left_out:
        notes.append(f"{len(rows.left_out)} items whose labels aren't all known can't teach {estimator.name}, and were "
                     "left out.")
    kept = place[rows.items] >= 0
    rows = replace(rows, items=rows.items[kept], labels=rows.labels[kept], weights=rows.weights[kept])
    if not len(rows.items):
        raise BadInput(f"there is no item that {estimator.name} could learn from: none of {len(items)} can be read, or "
                       "is fully labelled.")
    at = place[rows.items]
    values = [read.values[row] for row in at] if isinstance(read.values, list) else read.values[at]
    weights = None if np.ptp(rows.weights) < 1e-9 else rows.weights
    if weights is not None and not weighs:
        notes.append(f"{estimator.name}.fit takes no sample_weight: all answers counted alike.")
    fitted = _fit(estimator, model, values, rows.labels, weights, names=names, label_ids=items.label_ids, notes=notes)
    row = dict.fromkeys(HISTORY, float("nan")) | {"epoch": 1, "step": 1, "passes": 1.0,
                                                  "elapsed_s": time.monotonic() - began}
    return Fitted(fitted, len(np.unique(rows.items)), tuple(np.flatnonzero(~read.readable).tolist()), notes,
                  pd.DataFrame([row], columns=list(HISTORY)))


def _fit(estimator: Estimator, model: Any, values: Any, labels: np.ndarray, weights: np.ndarray | None, *,
         names: Sequence[str], label_ids: Sequence[str], notes: list[str]) -> Estimator:
    """The fitted estimator, with its columns in the order of the labels."""
    own = replace(estimator.own_lock(), model=model, columns=None)
    if labels.ndim == 2:
        _call_fit(own, values, labels, weights, notes)
        return own
    there = np.unique(labels)
    known = _vocabulary(estimator, names, label_ids)
    try:
        _call_fit(own, values, np.array([known[label] for label in labels.tolist()]), weights, notes)
    except ModelError as first:
        if isinstance(known[0], int):
            raise
        # Some classifiers, such as XGBoost's, only take whole numbers from 0.
        own = replace(own, model=fresh_copy(model, seed=0))
        try:
            _call_fit(own, values, np.searchsorted(there, labels), weights, notes)
        except ModelError:
            raise first from None
        said: Sequence[Any] = range(len(there))
    else:
        said = [known[label] for label in there.tolist()]
    classes = classes_of(own.model)
    column_of = {str(one): column for column, one in enumerate(said if classes is None else classes)}
    of_label = {int(label): column_of.get(str(one)) for label, one in zip(there, said, strict=True)}
    return replace(own, columns=tuple(of_label.get(label) for label in range(len(label_ids))))


def _vocabulary(estimator: Estimator, names: Sequence[str], label_ids: Sequence[str]) -> list[Any]:
    """The class of each label to fit the estimator with: as in its former `classes_`, else the label's name."""
    classes = classes_of(estimator.model) or []
    if classes and set(map(str, classes)) <= set(names):
        by_name = {str(one): one for one in classes}
        return [by_name.get(name, name) for name in names] if set(by_name) == set(names) else list(names)
    if classes and set(map(str, classes)) <= set(label_ids):
        return list(label_ids)
    if classes and all(isinstance(one, (int, float)) for one in classes):
        return list(range(len(names)))
    return list(names)


def _call_fit(estimator: Estimator, values: Any, labels: np.ndarray, weights: np.ndarray | None,
              notes: list[str]) -> None:
    arguments = {} if weights is None else fit_arguments(estimator.model, weights)
    try:
        estimator.model.fit(values, labels, **arguments)
        return
    except (MemoryError, HitlError):
        raise
    except Exception as error:  # a person's object, which may raise anything
        first = error
    if arguments and "weight" in str(first).lower():
        try:
            estimator.model.fit(values, labels)
        except Exception as error:
            first = error
        else:
            notes.append(f"{estimator.name}.fit refused sample_weight ({in_short(first)}): all answers counted alike.")
            return
    remedy = "Wrap it in sklearn.multioutput.MultiOutputClassifier or sklearn.multiclass.OneVsRestClassifier, if it " \
             "learns one label alone." if labels.ndim == 2 else \
        "A classifier that takes these is expected" + (
            "; let preprocess give a row of numbers for each item." if getattr(values, "ndim", 2) > 2 else
            f"; with preprocess=... it gets something else than {estimator.features.name}."
            if estimator.features.preprocess is None else ".")
    shape = getattr(values, "shape", (len(values),))
    if labels.ndim == 1 and len(np.unique(labels)) == 1:
        remedy = "All answers to learn from give one label: answer items of another one too."
    raise ModelError(f"{estimator.name}.fit raised on {len(values)} {estimator.features.pool.kind}(s) "
                     f"({estimator.features.name}, shape {shape}): {in_short(first)}. {remedy}") from first


def fresh_copy(model: Any, *, seed: int) -> Any:
    """An unfitted copy of an estimator with its parameters; a `random_state` that isn't set is set to the seed.

    Parameters
    ----------
    model : object
        It isn't changed.
    seed : int
    """
    from sklearn.base import clone
    if not hasattr(model, "get_params"):
        return copy.deepcopy(model)
    try:
        twin = clone(model)
    except (TypeError, RuntimeError, ValueError):
        twin = copy.deepcopy(model)
    parameters: Mapping[str, Any] = twin.get_params(deep=True)
    unset = [name for name, value in parameters.items() if name.rpartition("__")[2] == "random_state" and value is None]
    if unset and hasattr(twin, "set_params"):
        twin.set_params(**dict.fromkeys(sorted(unset), seed))
    return twin


def recipe_of(estimator: Estimator, *, seed: int) -> str:
    """The part of a run's key that describes an estimator: its class, parameters and preprocessing, without its fit.

    Parameters
    ----------
    estimator : Estimator
    seed : int
        See `fresh_copy`.
    """
    model = fresh_copy(estimator.model, seed=seed)
    parameters = sorted(model.get_params(deep=True).items()) if hasattr(model, "get_params") else []
    named = getattr(estimator.features.preprocess, "__qualname__", "") if estimator.features.preprocess else ""
    # The default repr of an object has its address, which differs in the next session.
    return ADDRESS.sub("", f"{type(model).__module__}.{estimator.name} {named} {parameters!r}")


def fit_arguments(model: Any, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Keyword arguments that pass the rows' weights to `fit`; empty where it takes none.

    A pipeline passes them to its last step, a search to its estimator.

    Parameters
    ----------
    model : object
    weights : ndarray, shape (n,)

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> list(fit_arguments(make_pipeline(LogisticRegression()), np.ones(1)))
    ['logisticregression__sample_weight']
    """
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return {f"{name}__{argument}": value for argument, value in fit_arguments(last, weights).items()}
    if hasattr(model, "best_estimator_") or type(model).__module__.startswith("sklearn.model_selection"):
        inner = getattr(model, "estimator", None)
        if inner is not None:
            return fit_arguments(inner, weights)
    return {"sample_weight": weights} if has_fit_parameter(model, "sample_weight") else {}
