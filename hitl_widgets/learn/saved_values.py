"""Saved heads for attributes, loaded from a model's folder: like `saved`, a source of its `load.py`.

Read `ImageValues` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ..taxonomy.attributes import rounded_on
from .descriptors import unfitted_descriptors
from .light import light_net
from .saved import config_in, image_view_of, shapes_in_file
from .text_descriptors import TextDescriptorNet
from .text_views import TextPreprocess
from .values import predict_values, unfitted_heads

VALUES = "values.safetensors"


class SavedAttribute:
    """An attribute as `model.json` describes it: as much as prediction needs of `taxonomy.attributes.Attribute`.

    Parameters
    ----------
    about : mapping
        name, id, kind, and scale or choices.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.name, self.id, self.kind = about["name"], about["id"], about["kind"]
        self.choices = tuple(about.get("choices", ()))
        self.scale = None if about.get("scale") is None else (about["scale"][0], about["scale"][1])

    @property
    def steps(self) -> tuple[Any, ...]:
        """Every value that it can have, in order; empty for a continuous scale."""
        if self.scale is None or self.kind == "continuous":
            return self.choices
        return tuple(range(int(self.scale[0]), int(self.scale[1]) + 1))

    def nearest(self, value: float) -> float:
        """The value of the scale that is nearest to a number."""
        assert self.scale is not None
        low, high = self.scale
        inside = min(max(float(value), low), high)
        return round(inside) if self.kind == "ordinal" else min(max(rounded_on(self.scale, inside), low), high)


class Values:
    """Saved heads that predict the value of each attribute for each item.

    Parameters
    ----------
    folder : str or path
        The model's folder.
    net : torch.nn.Module
        Descriptors and heads; all weights in the folder are loaded into it.
    preprocess : callable
        Maps an item to the view that the descriptors read.

    Attributes
    ----------
    attributes : list of str
        Names of the attributes, in the order of the heads.
    version : str
        The heads' version, which follows from their weights.
    """

    def __init__(self, folder: Any, net: nn.Module, preprocess: Any) -> None:
        about = config_in(folder)["values"]
        self.asked = [SavedAttribute(one) for one in about["attributes"]]
        self.attributes = [one.name for one in self.asked]
        self.version = about["version"]
        safetensors.torch.load_model(net, str(Path(folder) / VALUES), strict=True)
        self.net, self.preprocess = net.eval(), preprocess

    def __call__(self, items: Sequence[Any]) -> list[dict[str, dict[str, Any]]]:
        """The predictions for each item: name of the attribute -> its prediction.

        Returns
        -------
        list of dict
            For each attribute "value"; for a scale also "low" and "high", between which the value that a person gives
            lies with 90 % probability; for choices, and scales of whole steps, "probs", value -> probability.
        """
        return [self.told(item) for item in items]

    @torch.no_grad()
    def told(self, item: Any) -> dict[str, dict[str, Any]]:
        """The predictions for one item, ready for JSON."""
        descriptors, heads = self.net[0], self.net[1]  # type: ignore[index]
        rows = descriptors.rows_of([self.view(item)])
        return {one.name: _told(head, one, rows) for one, head in zip(self.asked, heads.heads, strict=True)}

    def view(self, item: Any) -> Tensor:
        """The descriptors' view of an item."""
        raise NotImplementedError


def _told(head: nn.Module, attribute: Any, rows: Tensor) -> dict[str, Any]:
    predicted = predict_values(head, attribute, rows)
    of: dict[str, Any] = {"value": predicted.values[0]}
    if attribute.scale is not None:
        of |= {"low": predicted.low[0], "high": predicted.high[0]}
    if predicted.probs is not None:
        of["probs"] = {str(step): float(p) for step, p in zip(attribute.steps, predicted.probs[0], strict=True)}
    return of


class ImageValues(Values):
    """Heads for attributes of images: paths, uint8 arrays of shape (H, W), (H, W, 3) or (H, W, 4), or PIL images."""

    def view(self, item: Any) -> Tensor:
        """The descriptors' view of an image: float32, shape (C, h, w)."""
        return image_view_of(item, self.preprocess)


class TextValues(Values):
    """Heads for attributes of texts: each item is an unchanged str."""

    def view(self, item: str) -> Tensor:
        """The code points of a text."""
        view: Tensor = self.preprocess(item)
        return view


def with_values(model: Any, values: Values) -> Any:
    """Attach the heads for attributes to a model of labels, as its `values`, and return the model."""
    model.values = values
    return model


def values_of_images(folder: Any) -> nn.Module:
    """Build descriptors of images and heads, without their weights, as a folder describes them."""
    path = Path(folder) / VALUES
    return light_net(unfitted_descriptors(path, prefix="0."), _heads(folder))


def values_of_texts(folder: Any) -> nn.Module:
    """Build descriptors of texts and heads, without their weights, as a folder describes them."""
    n_kept, n_components = shapes_in_file(Path(folder) / VALUES)["0.axes"]
    return light_net(TextDescriptorNet(n_kept, n_components), _heads(folder))


def text_view_of_values(folder: Any) -> TextPreprocess:
    """The view of texts that heads read, with the number in `model.json`."""
    return TextPreprocess(config_in(folder)["values"]["preprocess"]["most"])


def _heads(folder: Any) -> nn.Module:
    ids = [one["id"] for one in config_in(folder)["values"]["attributes"]]
    return unfitted_heads(shapes_in_file(Path(folder) / VALUES), ids)
