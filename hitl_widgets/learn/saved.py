"""A saved model, loaded from its folder. This is the source of the folder's `load.py`.

`saving` writes `load.py` from this module and the parts of the package that it uses (`standalone`), so that the script
does what the workbench does. Read `ImageLabeller` first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn

from ..items.images import as_seen, as_seen_reduced, open_image, size_of
from .average import AverageNet
from .descriptors import unfitted_descriptors
from .light import light_net, unfitted_head
from .nets import small_cnn, unfitted_kmeans_net
from .object_net import ObjectNet
from .object_predictors import OwnDetector, TorchvisionDetector, as_array
from .outputs import Unsquashed, read_logits
from .preprocess import Preprocess, Probed
from .span_net import SpanNet
from .span_predictors import OwnSpanDetector
from .span_targets import N_TAGS
from .text_nets import TextCNN, unfitted_additive_net
from .text_views import ProbedText, TextPreprocess, collate, n_items, padding_shows, run_net

WEIGHTS, CONFIG = "model.safetensors", "model.json"
# Items in one pass through the net.
IN_ONE_PASS = 64


class Saved:
    """Base class of saved models.

    Parameters
    ----------
    folder : str or path
        The model's folder.
    net : torch.nn.Module
        A net of the same build; all weights in the folder are loaded into it.

    Attributes
    ----------
    config : dict
        The content of `model.json`.
    labels, label_ids : list of str
        Names of the labels, and their ids, in the order of the net's outputs.
    thresholds : dict of str to float
        Name of a label -> the probability from which it counts as on, or from which its objects are proposed.
    version : str
        The model's version, which follows from its weights.
    net : torch.nn.Module
    """

    def __init__(self, folder: Any, net: nn.Module) -> None:
        self.config = config_in(folder)
        self.labels = [one["name"] for one in self.config["labels"]]
        self.label_ids = [one["label_id"] for one in self.config["labels"]]
        named = dict(zip(self.label_ids, self.labels, strict=True))
        self.thresholds = {named[label_id]: limit for label_id, limit in self.config["thresholds"].items()}
        self.version = self.config["version"]
        safetensors.torch.load_model(net, str(Path(folder) / WEIGHTS), strict=True)
        self.net = net.eval()


class Labeller(Saved):
    """A saved model that predicts the probability of each label for each item.

    Parameters
    ----------
    folder, net
        See `Saved`.
    preprocess : callable
        Maps an item to the net's view of it.

    Attributes
    ----------
    values : callable or None
        Maps items to the values of their attributes, if heads for these were saved too.
    """

    def __init__(self, folder: Any, net: nn.Module, preprocess: Any) -> None:
        super().__init__(folder, net)
        self.values: Any = None
        self.preprocess = preprocess
        self.several = self.config["task"] == "multilabel"
        if self.config["outputs"] == "sigmoid":
            self.net = Unsquashed(self.net)

    def __call__(self, items: Sequence[Any]) -> np.ndarray:
        """Probabilities of some items, float32, shape (n_items, n_labels); rows sum to 1 if an item has one label."""
        rows = [self._probs(views) for views in self._batches(items)]
        return np.concatenate(rows) if rows else np.zeros((0, len(self.labels)), np.float32)

    def suggest(self, items: Sequence[Any]) -> list[Any]:
        """The likeliest label of each item; where an item may have several, those that count as on."""
        probs = self(items)
        if not self.several:
            return [self.labels[column] for column in probs.argmax(axis=1)]
        limits = [self.thresholds.get(name, 0.5) for name in self.labels]
        return [[name for name, p, limit in zip(self.labels, row, limits, strict=True) if p >= np.float32(limit)]
                for row in probs]

    def told(self, item: Any) -> dict[str, Any]:
        """The prediction for one item, ready for JSON."""
        [row] = self([item]).tolist()
        [suggestion] = self.suggest([item])
        of_values = {} if self.values is None else {"values": self.values.told(item)}
        return {"suggestion": suggestion, "probs": dict(zip(self.labels, row, strict=True)), **of_values}

    def view(self, item: Any) -> Any:
        """The net's view of an item."""
        raise NotImplementedError

    def batch(self, views: Sequence[Any]) -> Any:
        """A batch of views, the input of the net."""
        raise NotImplementedError

    def alike(self, view: Any) -> bool:
        """Whether a view may be in one batch with others."""
        raise NotImplementedError

    def _batches(self, items: Sequence[Any]) -> Iterator[Any]:
        waiting: list[Any] = []
        for item in items:
            view = self.view(item)
            if not self.alike(view) or len(waiting) == IN_ONE_PASS:
                yield from [self.batch(waiting)] if waiting else []
                waiting = []
            waiting.append(view)
            if not self.alike(view):
                yield self.batch(waiting)
                waiting = []
        yield from [self.batch(waiting)] if waiting else []

    @torch.no_grad()
    def _probs(self, views: Any) -> np.ndarray:
        logits = read_logits(run_net(self.net, views), n_items(views), len(self.labels),
                             probabilities=self.config["outputs"] == "probabilities")
        probs: np.ndarray = (logits.sigmoid() if self.several else logits.softmax(dim=1)).numpy()
        return probs


class ImageLabeller(Labeller):
    """A model of images: paths, uint8 arrays of shape (H, W), (H, W, 3) or (H, W, 4), or PIL images."""

    def view(self, item: Any) -> Tensor:
        """The net's view of an image: float32, shape (C, h, w)."""
        return image_view_of(item, self.preprocess)

    def batch(self, views: Sequence[Tensor]) -> Tensor:
        """A batch of views, of the type of the net's weights."""
        weight = next((one for one in self.net.parameters() if one.is_floating_point()), torch.zeros(()))
        return torch.stack(list(views)).to(weight.dtype)

    def alike(self, view: Tensor) -> bool:
        """All views of images are of one shape."""
        return True


class TextLabeller(Labeller):
    """A model of texts: each item is an unchanged str."""

    def view(self, item: str) -> Any:
        """The net's view of a text: a tensor, or several by name."""
        return self.preprocess(item)

    def batch(self, views: Sequence[Any]) -> Any:
        """A batch of views, shorter ones padded."""
        return collate(views, pad=self.preprocess.pad)

    def alike(self, view: Any) -> bool:
        """Whether the net can tell padding from text, so that texts of different lengths may share a batch."""
        return padding_shows(view, self.preprocess)


class Finder(Saved):
    """A model that finds objects in items; a subclass says how, in `find`."""

    def __call__(self, items: Sequence[Any]) -> list[dict[str, Any]]:
        """The objects in each item, the best first.

        Returns
        -------
        list of dict
            For each item "labels" (names), "scores" (n,), and coordinates: of images "boxes" (n, 4) with x0, y0, x1, y1
            in pixels and, where such objects are asked for, "polygons" (a list of (k, 2)) or "points" (n, 2); of texts
            "spans" (n, 2), start and end in characters. All objects with a score of .01 or more are listed;
            `thresholds` has the score from which objects of a label are proposed.
        """
        return [self._named(self.find(item)) for item in items]

    def told(self, item: Any) -> list[dict[str, Any]]:
        """The proposed objects of one item, ready for JSON."""
        [found] = self([item])
        columns = {name: values for name, values in found.items() if name not in ("labels", "scores")}
        return [{"label": label, "score": float(score), **{name[:-2] if name == "boxes" else name[:-1]:
                                                           as_array(values[row]).tolist()
                                                           for name, values in columns.items()}}
                for row, (label, score) in enumerate(zip(found["labels"], found["scores"], strict=True))
                if score >= self.thresholds.get(label, 0.5)]

    def find(self, item: Any) -> Mapping[str, Any]:
        """The objects that the net finds in an item, with its own numbers for labels."""
        raise NotImplementedError

    def _named(self, found: Mapping[str, Any]) -> dict[str, Any]:
        named = dict(zip(self.label_ids, self.labels, strict=True))
        names = {int(number): named[label_id] for number, label_id in self.config["outputs"].items()}
        known = [row for row, number in enumerate(found["labels"]) if int(number) in names]
        return {name: [names[int(values[row])] for row in known] if name == "labels" else
                [as_array(values[row]) for row in known] if name == "polygons" else as_array(values)[known]
                for name, values in found.items()}


class ObjectFinder(Finder):
    """A model that finds objects in images: paths, uint8 arrays, or PIL images."""

    def find(self, item: Any) -> Mapping[str, Any]:
        """The objects that the net finds in an image."""
        assert isinstance(self.net, ObjectNet)
        return OwnDetector(self.net, self.config["shape"]).predict([rgb(item)])[0]


class SpanFinder(Finder):
    """A model that finds spans in texts: each item is an unchanged str."""

    def find(self, item: str) -> Mapping[str, Any]:
        """The spans that the net finds in a text."""
        assert isinstance(self.net, SpanNet)
        return OwnSpanDetector(self.net).predict([item])[0]


class NetFinder(Finder):
    """A saved net with the inputs and outputs of torchvision's detection models, which finds objects in images."""

    def find(self, item: Any) -> Mapping[str, Any]:
        """The objects that the net finds in an image; also "masks" (n, 1, H, W), if it returns any."""
        return TorchvisionDetector(self.net).predict([rgb(item)])[0]


# -- items -------------------------------------------------------------------------------------------------------------

@contextmanager
def opened(item: Any) -> Iterator[Image.Image]:
    """An image of any accepted kind, as a Pillow image."""
    if isinstance(item, np.ndarray):
        yield Image.fromarray(np.ascontiguousarray(item[..., 0] if item.ndim == 3 and item.shape[2] == 1 else item))
    elif isinstance(item, Image.Image):
        item.load()  # an image that is loaded isn't drafted smaller
        yield item
    else:
        with Path(item).open("rb") as file, open_image(file) as image:
            yield image


def image_view_of(item: Any, preprocess: Any) -> Tensor:
    """A net's view of an image of any accepted kind: float32, shape (C, h, w)."""
    with opened(item) as image:
        if not isinstance(preprocess, Preprocess):
            view: Tensor = preprocess(np.array(as_seen(image)))
            return view
        height, width = size_of(image)
        seen = np.array(as_seen_reduced(image, *preprocess.scaled_size(height, width)))
    return preprocess.normalised(preprocess.pixels(seen, (height, width)), height, width)


def rgb(item: Any) -> np.ndarray:
    """An image as uint8 of shape (H, W, 3)."""
    with opened(item) as image:
        pixels = np.array(as_seen(image))
    return np.ascontiguousarray(np.broadcast_to(pixels[..., None], (*pixels.shape, 3)) if pixels.ndim == 2 else pixels)


def text_in(argument: str) -> str:
    """The text of a command-line argument: the argument itself, or the content of the file named after an @."""
    if argument.startswith("@"):
        return Path(argument[1:]).read_text(encoding="utf-8")
    return argument


# -- nets and preprocessing, as model.json describes them --------------------------------------------------------------

def config_in(folder: Any) -> dict[str, Any]:
    """The content of a folder's `model.json`."""
    config: dict[str, Any] = json.loads((Path(folder) / CONFIG).read_text(encoding="utf-8"))
    return config


def shapes_of(folder: Any) -> dict[str, list[int]]:
    """The shape of each tensor in a folder's weights."""
    return shapes_in_file(Path(folder) / WEIGHTS)


def shapes_in_file(path: Path) -> dict[str, list[int]]:
    """The shape of each tensor in a file of weights."""
    with safetensors.safe_open(str(path), framework="pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - no mapping


def image_view(folder: Any) -> Preprocess:
    """The preprocessing of images with the settings in `model.json`."""
    told = config_in(folder)["preprocess"]
    mean, std = (None if told[name] is None else tuple(told[name]) for name in ("mean", "std"))
    height, width = told["size"]
    return Preprocess((height, width), fit=told["fit"], mean=mean, std=std, channels=told["channels"],
                      crop_pct=told["crop_pct"], interpolation=told["interpolation"])


def function_of_images(folder: Any, function: Any) -> Probed:
    """The preprocessing of images by a given function."""
    return Probed(function, channels=config_in(folder)["preprocess"]["channels"])


def text_view(folder: Any) -> TextPreprocess:
    """The preprocessing of texts with the settings in `model.json`."""
    return TextPreprocess(config_in(folder)["preprocess"]["most"])


def function_of_texts(folder: Any, function: Any) -> ProbedText:
    """The preprocessing of texts by a given function or tokenizer."""
    return ProbedText(function, most=config_in(folder)["preprocess"]["most"])


def light_images(folder: Any, *, prefix: str = "") -> nn.Module:
    """Build a light net for images (descriptors and a head) as in a saved model's folder, without its weights."""
    descriptors = unfitted_descriptors(Path(folder) / WEIGHTS, prefix=f"{prefix}0.")
    return light_net(descriptors, unfitted_head(shapes_of(folder), prefix=f"{prefix}1."))


def cnn_of_images(folder: Any) -> nn.Module:
    """Build the small CNN for images as described in a saved model's folder, without loading its weights."""
    told = config_in(folder)
    return small_cnn(len(told["labels"]), channels=told["net"]["channels"], size=told["net"]["size"])


def average_images(folder: Any) -> nn.Module:
    """Build the average of a light net and a small CNN for images as in a saved model's folder, without its weights."""
    return AverageNet(light_images(folder, prefix="parts.0."), cnn_of_images(folder),
                      of_sets="sets" in shapes_of(folder))


def kmeans_images(folder: Any) -> nn.Module:
    """Build a net of k-means patch features and a trained last layer as in a model's folder, without its weights."""
    told = config_in(folder)
    return unfitted_kmeans_net(len(told["labels"]), channels=told["net"]["channels"])


def additive_texts(folder: Any, *, prefix: str = "") -> nn.Module:
    """Build an additive net for texts as described in a saved model's folder, without loading its weights."""
    return unfitted_additive_net(Path(folder) / WEIGHTS, prefix=prefix)


def cnn_of_texts(folder: Any) -> nn.Module:
    """Build the small CNN for texts as described in a saved model's folder, without loading its weights."""
    told = config_in(folder)
    return TextCNN(len(told["labels"]), width=told["net"]["width"])


def average_texts(folder: Any) -> nn.Module:
    """Build the average of an additive net and a small CNN for texts as in a model's folder, without its weights."""
    return AverageNet(additive_texts(folder, prefix="parts.0."), cnn_of_texts(folder),
                      of_sets="sets" in shapes_of(folder))


def net_of_objects(folder: Any) -> nn.Module:
    """Build the net that finds objects as described in a saved model's folder, without loading its weights."""
    return ObjectNet(shapes_of(folder)["centres.weight"][0])


def net_of_spans(folder: Any) -> nn.Module:
    """Build the net that finds spans as described in a saved model's folder, without loading its weights."""
    return SpanNet(shapes_of(folder)["tags.bias"][0] // N_TAGS)
