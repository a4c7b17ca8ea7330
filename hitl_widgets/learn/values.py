"""Heads for attributes: a value on a scale, or one of several choices, from rows of descriptors.

`ValueHeads` is a module with a head for each attribute: a `scale_head.ScaleHead`, or for choices a head of
`light.fit_light`. Captum's methods can explain its outputs. `fit_values` fits the head of one attribute to the answers
with a value of it, and `predict_values` predicts with the head.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..taxonomy.attributes import Attribute, Value
from .descriptors import TONE_SHARE
from .light import fit_light, light_net, unfitted_head
from .scale_head import ScaleHead, fit_scale
from .text_descriptors import unfitted_descriptors_of
from .weights import shapes_in

# Minimum number of answers for a head.
FEWEST = 8
# For a scale, tones have this share of the variance of all other columns.
TONES_FOR_SCALES = 0.64


class ValueHeads(nn.Module):
    """Heads of several attributes on the same rows of descriptors; their outputs are concatenated.

    Parameters
    ----------
    heads : mapping of str to nn.Module
        attribute_id -> a `ScaleHead`, or for choices a head that returns a logit for each.

    Attributes
    ----------
    attribute_ids : tuple of str
        The attributes, in the order of the outputs.
    """

    def __init__(self, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.attribute_ids = tuple(heads)
        self.heads = nn.ModuleList(heads.values())

    def forward(self, rows: Tensor) -> Tensor:
        """Predict from rows of descriptors.

        Parameters
        ----------
        rows : Tensor, shape (n, n_features)

        Returns
        -------
        Tensor, shape (n, n_outputs)
            For an attribute on a scale one column, for an attribute with choices one column of logits for each choice.
        """
        return torch.cat([head(rows) for head in self.heads], dim=1)

    def head(self, attribute_id: str) -> nn.Module | None:
        """The head of an attribute; None where it has none."""
        return dict(self.each()).get(attribute_id)

    def each(self) -> Iterator[tuple[str, nn.Module]]:
        """Each attribute's id with its head."""
        yield from zip(self.attribute_ids, self.heads, strict=True)

    @property
    def columns(self) -> dict[str, slice]:
        """The columns of the outputs that belong to each attribute."""
        found, start = dict[str, slice](), 0
        for attribute_id, head in self.each():
            n_outputs = 1 if isinstance(head, ScaleHead) else _n_outputs(head)
            found[attribute_id] = slice(start, start + n_outputs)
            start += n_outputs
        return found


def _n_outputs(head: nn.Module) -> int:
    return int([layer for layer in head.modules() if isinstance(layer, nn.Linear)][-1].out_features)


def unfitted_value_net(path: Path, attribute_ids: Sequence[str]) -> nn.Sequential:
    """Build descriptors and `ValueHeads` with the tensor shapes in a file, ready to load the file's weights.

    Parameters
    ----------
    path : Path
        The safetensors file.
    attribute_ids : sequence of str
        The attribute of each head, in the order of the heads.

    Raises
    ------
    OSError, SafetensorError
        When the file can't be read.
    ModelError
        When the file has another number of heads.
    """
    shapes = shapes_in(path)
    numbers = {name.split(".")[2] for name in shapes if name.startswith("1.heads.")}
    if len(numbers) != len(attribute_ids):
        raise ModelError(f"{path.name} has heads of {len(numbers)} attributes; {len(attribute_ids)} are expected.")
    return light_net(unfitted_descriptors_of(path, prefix="0."), unfitted_heads(shapes, attribute_ids))


def unfitted_heads(shapes: Mapping[str, Sequence[int]], attribute_ids: Sequence[str]) -> ValueHeads:
    """Build heads with the tensor shapes in a file, ready to load the file's weights.

    Parameters
    ----------
    shapes : mapping of str to sequence of int
        Shapes of all tensors in the file. Names of tensors of the heads begin with "1.heads.".
    attribute_ids : sequence of str
        The attribute of each head, in the order of the heads.
    """
    heads: dict[str, nn.Module] = {}
    for number, attribute_id in enumerate(attribute_ids):
        prefix = f"1.heads.{number}."
        if f"{prefix}whitened" in shapes:
            n_landmarks, n_directions = shapes[f"{prefix}whitened"]
            heads[attribute_id] = ScaleHead(n_landmarks, shapes[f"{prefix}centre"][0], n_directions)
        else:
            heads[attribute_id] = unfitted_head(shapes, prefix=prefix)
    return ValueHeads(heads)


@dataclass(frozen=True)
class FittedAttribute:
    """The head of an attribute, with its out-of-fold predictions.

    Attributes
    ----------
    attribute : Attribute
        The attribute when the head learnt it.
    head : nn.Module
    rows : ndarray of int, shape (n,)
        The item of each answer, as an index into the items passed to `fit_values`.
    answers : ndarray of int, shape (n,)
        The indices of these answers among those passed to it; answers to unreadable items are left out.
    values : tuple, length n
        The answered values.
    predicted : ndarray of float64
        Out-of-fold predictions: values on a scale, shape (n,), or probabilities of choices, shape (n, n_choices).
    deviations : ndarray of float64, shape (n,)
        Out-of-fold standard deviations (see `ScaleHead.deviations`); NaN for choices.
    """

    attribute: Attribute
    head: nn.Module
    rows: np.ndarray
    answers: np.ndarray
    values: tuple[Value, ...]
    predicted: np.ndarray
    deviations: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """The error of each answer's out-of-fold prediction: see `value_errors`."""
        return value_errors(self.attribute, self.predicted, self.values)


def value_errors(attribute: Attribute, predicted: np.ndarray, values: Sequence[Value]) -> np.ndarray:
    """The errors of predictions, each from 0 to 1.

    Parameters
    ----------
    attribute : Attribute
    predicted : ndarray
        Values on a scale, shape (n,), or probabilities of choices, shape (n, n_choices).
    values : sequence, length n
        The answered values.

    Returns
    -------
    ndarray of float64, shape (n,)
        For a scale the absolute error as a share of the scale's length; for choices the total probability of all other
        choices.
    """
    if attribute.scale is None:
        column = {choice: k for k, choice in enumerate(attribute.choices)}
        said = np.array([column[str(value)] for value in values], np.int64)
        return np.asarray(1 - predicted[np.arange(len(said)), said], np.float64)
    low, high = attribute.scale
    return np.asarray(np.abs(predicted - np.array(values, np.float64)) / (high - low))


def fit_values(rows: Tensor, attribute: Attribute, items: np.ndarray, values: Sequence[Value], weights: np.ndarray, *,
               draws: np.ndarray, n_tones: int = 0) -> FittedAttribute | None:
    """Fit the head of one attribute to the answers that give it a value.

    Parameters
    ----------
    rows : Tensor, shape (n_items, n_features)
        Descriptors of the items; rows with NaN are ignored.
    attribute : Attribute
    items : ndarray of int, shape (n,)
        The item of each answer.
    values : sequence, length n
        The answers, each a value of the attribute.
    weights : ndarray, shape (n,)
        How much each answer counts.
    draws : ndarray, shape (n_items,)
        See `fit_scale`; one for each item.
    n_tones : int
        Number of columns at the end that are tones (`tones.Tones`), which get more weight for scales.

    Returns
    -------
    FittedAttribute or None
        None if there are fewer than `FEWEST` answers, or all are to one item or name the same choice.
    """
    items = np.asarray(items, np.int64)
    usable = np.flatnonzero(np.isfinite(rows.numpy()).all(axis=1)[items] & (np.asarray(weights) > 0))
    items, weights = items[usable], np.asarray(weights, np.float64)[usable]
    said = tuple(values[row] for row in usable.tolist())
    if len(items) < FEWEST or len(np.unique(draws[items])) < 2:
        return None
    of_answers, answer_draws = rows[torch.from_numpy(items)], draws[items]
    if attribute.scale is not None:
        low, high = attribute.scale
        fitted = fit_scale(of_answers, np.array(said, np.float64), weights, low=low, high=high, draws=answer_draws,
                           units=tone_units(rows.shape[1], n_tones))
        return FittedAttribute(attribute, fitted.head, items, usable, said, fitted.values, fitted.deviations)
    column = {choice: k for k, choice in enumerate(attribute.choices)}
    targets = torch.tensor([column[str(value)] for value in said])
    if len(targets.unique()) < 2:
        return None
    light = fit_light(of_answers, targets, torch.from_numpy(weights).float(), n_labels=len(column), draws=answer_draws)
    probs = light.logits.softmax(dim=1).double().numpy()
    return FittedAttribute(attribute, light.head, items, usable, said, probs, np.full(len(items), np.nan))


def tone_units(n_features: int, n_tones: int) -> Tensor:
    """Factor of each column for a scale: tones get more weight than they have in the descriptors."""
    units = torch.ones(n_features)
    units[n_features - n_tones:] = (TONES_FOR_SCALES / TONE_SHARE) ** 0.5
    return units


class Predicted(NamedTuple):
    """Predictions of a head for some items.

    Attributes
    ----------
    values : tuple, length n
        Each a value of the attribute.
    low, high : tuple, length n
        Ends of the intervals, values of the attribute; None each for choices.
    numbers : ndarray of float64
        For a scale the values before they were rounded, shape (n,); for choices their probabilities, (n, n_choices).
    probs : ndarray of float64, shape (n, n_steps), or None
        The probability of each step of an ordinal scale, and of each choice; None for a continuous scale.
    deviations : ndarray of float64, shape (n,)
        See `ScaleHead.deviations`, as shares of the scale's length; for choices the probability of any other choice.
    """

    values: tuple[Value, ...]
    low: tuple[Value | None, ...]
    high: tuple[Value | None, ...]
    numbers: np.ndarray
    probs: np.ndarray | None
    deviations: np.ndarray


def predict_values(head: nn.Module, attribute: Attribute, rows: Tensor) -> Predicted:
    """Predict the values of some items with a head.

    Parameters
    ----------
    head : nn.Module
        The head of a `FittedAttribute`.
    attribute : Attribute
        The attribute when the head learnt it.
    rows : Tensor, shape (n, n_features)
        Descriptors, without NaN.
    """
    with torch.no_grad():
        if attribute.scale is None:
            probs = head(rows.float()).softmax(dim=1).double().numpy()
            choices = tuple(attribute.choices[k] for k in probs.argmax(axis=1).tolist())
            none: tuple[Value | None, ...] = (None,) * len(choices)
            return Predicted(choices, none, none, probs, probs, 1 - probs.max(axis=1, initial=0))
        assert isinstance(head, ScaleHead)
        numbers, low, high = (end.double().numpy() for end in head.intervals(rows.float()))
        deviations = head.deviations(rows.float()).double().numpy()
    values = tuple(map(attribute.nearest, numbers.tolist()))
    length = attribute.scale[1] - attribute.scale[0]
    if attribute.kind == "continuous":
        ends = [tuple(map(attribute.nearest, end.tolist())) for end in (low, high)]
        return Predicted(values, ends[0], ends[1], numbers, None, deviations / length)
    # A whole number lies between the ends exactly if it lies between these.
    whole = [(min(math.ceil(a - 1e-6), value), max(math.floor(b + 1e-6), value))
             for a, b, value in zip(low.tolist(), high.tolist(), map(int, values), strict=True)]
    return Predicted(values, tuple(a for a, _ in whole), tuple(b for _, b in whole), numbers,
                     step_probs(numbers, deviations, attribute), deviations / length)


def step_probs(numbers: np.ndarray, deviations: np.ndarray, attribute: Attribute) -> np.ndarray:
    """The probability of each step of an ordinal scale, by a normal distribution whose tails go to the end steps.

    Parameters
    ----------
    numbers, deviations : ndarray, shape (n,)
        Mean and standard deviation of each item.
    attribute : Attribute
        An attribute on an ordinal scale.

    Returns
    -------
    ndarray of float64, shape (n, n_steps), rows sum to 1
    """
    steps = np.array(attribute.steps, np.float64)
    away = ((steps[:-1] + 0.5) - numbers[:, None]) / np.maximum(deviations, 1e-9)[:, None]
    return np.diff(torch.special.ndtr(torch.from_numpy(away)).numpy(), axis=1, prepend=0.0, append=1.0)
