"""A model's folder: weights, `model.json`, a model card, and a script that loads them without this package.

`save_labeller` writes the folder of a model of labels, `save_detector` that of a model that finds objects. The same
model gives the same bytes, and the folder is written completely or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from ..errors import BadInput, StoreError
from ..records import SHAPE_OF, __version__
from ..storage.files import make_folder, share_like_folder
from . import saved, saved_values
from .average import AverageNet
from .callables import CallableNet
from .descriptors import DescriptorNet
from .light import is_light_net
from .model_card import Record, card, values_card
from .nets import is_kmeans_net, small_cnn
from .object_net import ObjectNet
from .object_registry import ObjectModel
from .outputs import Unsquashed
from .predict import NetPredictor
from .preprocess import Preprocess, Probed
from .span_net import SpanNet
from .standalone import standalone
from .text_nets import AdditiveTextNet, TextCNN
from .text_views import ProbedText, TextPreprocess
from .values_model import ValuesModel
from .weights import save_weights

CARD, SCRIPT = "README.md", "load.py"
FILES = (saved.WEIGHTS, saved_values.VALUES, saved.CONFIG, CARD, SCRIPT)
FORM = "hitl_widgets model, 1"
NOTHING = "of this model there is nothing to save: {what}. Keep it with your own means (of scikit-learn " \
          "joblib.dump(estimator, path)), and what it says of the items with wb.export(path, predictions=True)."


@dataclass(frozen=True)
class Build:
    """How to build a net again.

    Attributes
    ----------
    kind : str
        Its name in `model.json`; "yours" for a person's own net.
    parts : tuple of str
        Functions of `saved` that build the net; empty if it is of the user's own class.
    told : mapping
        Further numbers for `model.json`.
    words : str
        The kind of net, in words.
    """

    kind: str
    parts: tuple[str, ...]
    told: Mapping[str, Any]
    words: str


def save_labeller(predictor: NetPredictor, labels: Sequence[str], folder: Any, record: Record, *,
                  values: ValuesModel | None = None, overwrite: bool = False) -> Path:
    """Save a model of labels; see `Model.save`.

    Parameters
    ----------
    predictor : NetPredictor
        Has the net and its preprocessing.
    labels : sequence of str
        Names of its outputs.
    folder, overwrite
        See `Model.save`.
    record : Record
        The log's record of the model.
    values : ValuesModel or None
        Heads for attributes, saved in the same folder.
    """
    net = predictor.copy_of_net().cpu()
    if isinstance(net, CallableNet):
        raise BadInput(NOTHING.format(what="it is a function or an estimator of yours, which is never stored"))
    squashed = isinstance(net, Unsquashed)
    if isinstance(net, Unsquashed):
        net = net.net
    texts = isinstance(predictor.preprocess, (TextPreprocess, ProbedText))
    build = _build_of(net, len(labels))
    config = {
        **_about(predictor.version, predictor.label_ids, labels, record), "kind": "text" if texts else "image",
        "task": "multilabel" if predictor.multilabel else "classify",
        "outputs": "sigmoid" if squashed else "probabilities" if predictor.ends_in_softmax else "logits",
        "net": {"kind": build.kind, **build.told, **_class_of(net)}, "preprocess": _preprocess(predictor.preprocess),
        **({} if values is None else {"values": _about_values(values)})}
    face = "TextLabeller" if texts else "ImageLabeller"
    view = {Preprocess: "image_view", TextPreprocess: "text_view", Probed: "function_of_images",
            ProbedText: "function_of_texts"}[type(predictor.preprocess)]
    script = _script(config, build, face=face, view=view)
    return _write(Path(folder), net, config, record, build, script, values=values, overwrite=overwrite)


def save_values(values: ValuesModel, folder: Any, *, overwrite: bool = False) -> Path:
    """Save heads for attributes of a project without labels; see `ValuesModel.save`.

    Parameters
    ----------
    values : ValuesModel
    folder, overwrite
        See `Model.save`.
    """
    texts = isinstance(values.preprocess, TextPreprocess)
    record = values.record()
    config = {**_about(values.version, (), (), Record(taxonomy=values.model.taxonomy)), "kind": "text" if texts else
              "image", "task": "scale", "preprocess": _preprocess(values.preprocess), "values": _about_values(values)}
    face, build = ("TextValues", "values_of_texts") if texts else ("ImageValues", "values_of_images")
    view = "text_view_of_values" if texts else \
        "image_view" if isinstance(values.preprocess, Preprocess) else "function_of_images"
    made = Build("values", (build,), {}, "It has a head for each attribute, over descriptors of the pool's items.")
    script = _script(config, made, face=face, view=view)
    text = values_card(config, record, use=_use(config, made))
    return _written(Path(folder), {saved_values.VALUES: (values.model.net, values.version)}, config, text, script,
                    overwrite=overwrite)


def save_detector(model: ObjectModel, labels: Sequence[str], task: str, folder: Any, record: Record, *,
                  numbers: Mapping[int, str], overwrite: bool = False) -> Path:
    """Save a model that finds objects; see `Model.save`.

    Parameters
    ----------
    model : ObjectModel
    labels : sequence of str
        Names of `model.label_ids`.
    task : str
        Task of the project.
    folder, overwrite
        See `Model.save`.
    record : Record
        The log's record of the model.
    numbers : mapping of int to str
        The net's number for a label -> its label_id.
    """
    net = model.net
    if net is None:
        raise BadInput(NOTHING.format(what="it is an object of yours of which only predict is known"))
    shape = SHAPE_OF[task]
    build = _build_of(net, len(labels))
    config = {
        **_about(model.version, model.label_ids, labels, record), "kind": "text" if shape == "span" else "image",
        "task": task, "shape": shape,
        "outputs": {str(number): label_id for number, label_id in sorted(numbers.items())},
        "net": {"kind": build.kind, **build.told, **_class_of(net)}, "preprocess": _object_view(net)}
    config["thresholds"] = dict(model.thresholds)
    face = "SpanFinder" if isinstance(net, SpanNet) else "ObjectFinder" if isinstance(net, ObjectNet) else "NetFinder"
    return _write(Path(folder), net, config, record, build, _script(config, build, face=face), overwrite=overwrite)


# -- what model.json says ----------------------------------------------------------------------------------------------

def _about(version: str, label_ids: Sequence[str], labels: Sequence[str], record: Record) -> dict[str, Any]:
    return {"format": FORM, "version": version, "package": __version__, "taxonomy": record.taxonomy,
            "labels": [{"label_id": label_id, "name": name} for label_id, name in zip(label_ids, labels, strict=True)],
            "thresholds": {label_id: record.thresholds[label_id] for label_id in label_ids
                           if label_id in record.thresholds}}


# 13 branches: one for each kind of net that the workbench makes.
def _build_of(net: nn.Module, n_labels: int) -> Build:
    """How to build a net again, whether it is the workbench's or the user's."""
    if isinstance(net, ObjectNet):
        return Build("objects", ("net_of_objects",), {}, "It is the workbench's own net for objects.")
    if isinstance(net, SpanNet):
        return Build("spans", ("net_of_spans",), {}, "It is the workbench's own net for spans.")
    if isinstance(net, AdditiveTextNet):
        return Build("additive", ("additive_texts",), {}, "It is additive: a bias, and a sum over words.")
    if isinstance(net, TextCNN):
        return Build("text_cnn", ("cnn_of_texts",), {"width": net.embedding.rows.embedding_dim},
                     "It is a small convolutional net.")
    if isinstance(net, AverageNet):
        light, cnn = (_build_of(part, n_labels) for part in net.parts)
        of_texts = cnn.kind == "text_cnn"
        return Build("average", ("average_texts" if of_texts else "average_images",), cnn.told,
                     "It is the average of a light net and of a small convolutional net.") \
            if light.kind != "yours" and cnn.kind in ("text_cnn", "cnn") else _YOURS
    if is_light_net(net) and isinstance(net[0], DescriptorNet):  # type: ignore[index]
        return Build("light", ("light_images",), {}, "It is a light head over descriptors of images.")
    if is_kmeans_net(net):
        return Build("patches", ("kmeans_images",), {"channels": net[0].in_channels},  # type: ignore[index]
                     "It is a head over typical patches of the pool's images.")
    return _small_cnn(net, n_labels) or _YOURS


_YOURS = Build("yours", (), {}, "The net is a person's own.")


def _small_cnn(net: nn.Module, n_labels: int) -> Build | None:
    """The arguments of `small_cnn` that build this net; None if there are none."""
    if not isinstance(net, nn.Sequential) or not len(net) or not isinstance(net[0], nn.Conv2d):
        return None
    stride = int(net[0].stride[0])
    halvings = sum(isinstance(layer, nn.MaxPool2d) for layer in net) + stride - 1
    told = {"channels": net[0].in_channels, "size": 7 * 2 ** halvings}
    if told["size"] > 2**12 or repr(small_cnn(n_labels, **told)) != repr(net):
        return None
    return Build("cnn", ("cnn_of_images",), told, "It is a small convolutional net.")


def _about_values(values: ValuesModel) -> dict[str, Any]:
    return {"version": values.version, "taxonomy": values.model.taxonomy,
            "attributes": [{**attribute.to_dict(), "kind": attribute.kind} for attribute in values.model.attributes],
            "preprocess": _preprocess(values.preprocess)}


def _class_of(net: nn.Module) -> dict[str, str]:
    return {"module": type(net).__module__, "class": type(net).__qualname__}


def _preprocess(view: Any) -> dict[str, Any]:
    """A preprocessing with all its numbers; for a function its name, since no more is known."""
    if isinstance(view, Preprocess):
        return {"kind": "image", "size": list(view.shape), "fit": view.fit, "channels": view.channels,
                "mean": None if view.mean is None else list(view.mean),  # type: ignore[arg-type]
                "std": None if view.std is None else list(view.std),  # type: ignore[arg-type]
                "crop_pct": view.crop_pct, "interpolation": view.interpolation, "divided_by": 255}
    if isinstance(view, TextPreprocess):
        return {"kind": "code points", "most": view.most, "filled_up_with": view.pad}
    function = view.function
    named = function if hasattr(function, "__qualname__") else type(function)
    told = {"kind": "function", "module": named.__module__, "name": named.__qualname__}
    return {**told, "most": view.most} if isinstance(view, ProbedText) else {**told, "channels": view.channels}


def _object_view(net: nn.Module) -> dict[str, Any]:
    if isinstance(net, ObjectNet):
        return {"kind": "resized", "longest_side": int(net.side), "mean": net.mean.tolist(), "std": net.std.tolist(),
                "mirrored": bool(net.flips[0]), "upside_down": bool(net.flips[1]), "divided_by": 255}
    return {"kind": "tokens"} if isinstance(net, SpanNet) else {"kind": "as it is", "divided_by": 255}


# -- load.py -----------------------------------------------------------------------------------------------------------

_HEAD = '''"""A model that was saved by hitl_widgets, loaded without that package.

    python load.py {usage}

prints what the model says, a line of JSON for each item. In Python:

    from load import load
    model = load()                    # of this folder; its labels are model.labels
    model(items)                      # {gives}{also}

It needs {needs}.{more}
"""

from __future__ import annotations

'''
_OWN = '''def load(folder: str | Path = Path(__file__).parent{arguments}) -> {face}:
    """The model in a folder; that of this script, unless another is named.{note}"""
    return {made}
'''
_YOUR_NET = '''def load(folder: str | Path = Path(__file__).parent, net: nn.Module | None = None{arguments}
         ) -> {face}:
    """The model in a folder; that of this script, unless another is named.

    `net` is an instance of {name}, made with the arguments with which you made it: they are yours, and aren't
    known here. Every weight in the folder has to fit it (`load_state_dict(..., strict=True)`).{note}
    """
    if net is None:
{make}
    return {made}
'''
_MAIN = '''

if __name__ == "__main__":
    import sys
    if not sys.argv[1:]:
        sys.exit("""python load.py {usage}""")
    of_arguments, some_failed = load(), False
    for argument in sys.argv[1:]:
        try:
            says = of_arguments.told({item})
        except OSError as error:
            print(f"{{argument}} can't be read: {{error}}", file=sys.stderr)
            some_failed = True
        else:
            print(json.dumps({{"item": argument, "says": says}}, ensure_ascii=False))
    sys.exit(some_failed)
'''


# 13 branches: texts, a person's own net and a person's own function each need other lines.
def _script(config: Mapping[str, Any], build: Build, *, face: str, view: str = "") -> str:
    """The source of `load.py`."""
    texts = config["kind"] == "text"
    alone, beside = config["task"] == "scale", "values" in config and config["task"] != "scale"
    needs_function = view.startswith("function")
    parts = [face, *build.parts, *([view] if view else []), *(["text_in"] if texts else [])]
    of_values = [] if not beside else ["with_values", *(("TextValues", "values_of_texts", "text_view_of_values")
                                                        if texts else ("ImageValues", "values_of_images"))]
    source = standalone(*((_home(part), part) for part in [*parts, *of_values]))
    gives = "a dict for each: of each attribute its value" if alone else \
        "probabilities, shape (n_items, n_labels)" if view else "a dict of labels, scores and places for each"
    usage = "'a text' @file.txt ..." if texts else "a.png b.jpg ..."
    head = _HEAD.format(usage=usage, gives=gives, more=_more(config, build, needs_function=needs_function),
                        also="\n    model.values(items)               # a dict for each: of each attribute its value"
                        if beside else "", needs="torch, safetensors, numpy and pillow" if not texts else
                        "torch, safetensors, numpy and scipy" if "values" in config else "torch, safetensors and numpy")
    values = ["folder", "net" if not build.parts else f"{build.parts[0]}(folder)"]
    if view:
        values.append(f"{view}(folder{', preprocess' if needs_function else ''})")
    made = f"{face}({', '.join(values)})"
    if beside:
        views = "text_view_of_values(folder)" if texts else values[-1]
        made = f"with_values({made},\n                       {of_values[1]}(folder, {of_values[2]}(folder), {views}))"
    fields = {"face": face, "made": made, "arguments": "", "note": ""}
    if needs_function:
        fields["arguments"] = ", *, preprocess: Any"
        fields["note"] = "\n\n    `preprocess` is the function from an item to the net's view of it: " \
                         f"{_plain(config['preprocess']['name'])}.\n    "
    foot = _OWN if build.parts else _YOUR_NET
    if not build.parts:
        fields |= {"name": _plain(config["net"]["class"]), "make": _made_anew(config["net"])}
    item = "text_in(argument)" if texts else "argument"
    main = _MAIN.format(usage=usage, item=item)
    return f"{head}{source}\n\n{foot.format(**fields)}{main}"


def _home(part: str) -> str:
    """The module that defines a part of the script."""
    return saved.__name__ if hasattr(saved, part) else saved_values.__name__


def _more(config: Mapping[str, Any], build: Build, *, needs_function: bool) -> str:
    lines = []
    if not build.parts:
        lines.append("The net is yours:\npass it to load(), or write its arguments there.")
    if needs_function:
        lines.append("The preprocessing is yours: pass it to load().")
    if config["task"] not in ("classify", "multilabel", "scale"):
        lines.append("Objects that\nare printed have the score from which they are proposed, or more.")
    return "".join(f" {line}" for line in lines)


def _made_anew(net: Mapping[str, str]) -> str:
    """The lines that build a person's net, or that say that the person has to."""
    module, name = net["module"], net["class"]
    can_import = all(part.isidentifier() for part in (*module.split("."), *name.split("."))) and module != "__main__"
    ask = f'raise TypeError("pass net=, a {_plain(module)}.{_plain(name)} made as yours was made.")'
    if not can_import or module.partition(".")[0] == "torch":
        return f"        {ask}"
    return f"        from {module} import {name.partition('.')[0]}\n" \
           "        try:\n" \
           f"            net = {name}()  # write your constructor's arguments here: they aren't known\n" \
           "        except TypeError as error:\n" \
           f"            {ask} from error"


def _plain(name: str) -> str:
    """A name of Python's in a comment: nothing that could end it."""
    return "".join(one if one.isalnum() or one in "_.<>" else "?" for one in name)


# -- the folder --------------------------------------------------------------------------------------------------------

def _use(config: Mapping[str, Any], build: Build) -> str:
    texts, objects = config["kind"] == "text", config["task"] not in ("classify", "multilabel", "scale")
    item = '["a text", "another"]' if texts else '["a.png", "b.png"]'
    given = [] if build.parts else ["net=..."]
    given += ["preprocess=..."] if config["preprocess"]["kind"] == "function" else []
    gives = "labels, scores and places of each item" if objects else "values of each item" \
        if config["task"] == "scale" else "probabilities, a row for each item"
    lines = ["```python", "from load import load  # in this folder; it needs neither hitl_widgets nor the project",
             f"model = load({', '.join(given)})", f"model({item})  # {gives}",
             *([f"model.values({item})  # values of each item's attributes"] if "values" in config
               and config["task"] != "scale" else []), "```"]
    if not build.parts:
        lines += ["", "The net's class isn't in this folder: `load.py` imports it, or takes the net. Every weight has "
                      "to fit it."]
    return "\n".join(lines)


def _write(folder: Path, net: nn.Module, config: Mapping[str, Any], record: Record, build: Build, script: str, *,
           overwrite: bool, values: ValuesModel | None = None) -> Path:
    nets = {saved.WEIGHTS: (net, str(config["version"]))}
    of_values = None if values is None else values.record()
    if values is not None:
        nets[saved_values.VALUES] = values.model.net, values.version
    text = card(config, record, net=build.words, use=_use(config, build), values=of_values)
    return _written(folder, nets, config, text, script, overwrite=overwrite)


def _written(folder: Path, nets: Mapping[str, tuple[nn.Module, str]], config: Mapping[str, Any], text: str,
             script: str, *, overwrite: bool) -> Path:
    """Write a model's folder: for each file of weights a net and its version; `model.json`, card and script."""
    _check_target(folder, overwrite=overwrite)
    try:
        with _new_folder(folder, overwrite=overwrite) as part:
            for name, (net, version) in nets.items():
                save_weights(net, part / name, metadata={"version": version})
            for name, content in ((saved.CONFIG, json.dumps(config, ensure_ascii=False, indent=1) + "\n"), (CARD, text),
                                  (SCRIPT, script)):
                (part / name).write_bytes(content.encode("utf-8", "surrogatepass"))
                share_like_folder(part / name)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"the model can't be saved in {folder} ({error}). Make room on the disk, or name a folder "
                         "that may be written to; what was there before is still there.") from error
    return folder


def _check_target(folder: Path, *, overwrite: bool) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BadInput(f"{folder} is a {'link' if folder.is_symlink() else 'file'}; the name of a new folder is "
                       "expected.")
    there = {one.name for one in folder.iterdir()} if folder.exists() else set()
    if there and not overwrite:
        raise BadInput(f"{folder} isn't empty; name a new folder, or pass overwrite=True where a model was saved "
                       "there.")
    if others := sorted(there - set(FILES) - {"__pycache__"}):
        raise BadInput(f"{folder} has {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}, which no saved "
                       "model has, and which would be lost; name another folder.")


@contextmanager
def _new_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A new folder next to `folder`, which replaces it in the end if nothing was raised."""
    make_folder(folder.resolve().parent)
    folder = folder.resolve()
    mark = f"{os.getpid()}.{threading.get_ident()}"
    part, former = (folder.with_name(f".{folder.name}.{mark}.{end}") for end in ("part", "former"))
    part.mkdir()
    try:
        share_like_folder(part)
        yield part
        if folder.exists():
            os.replace(folder, former)
        try:
            os.replace(part, folder)
        except OSError:
            with suppress(OSError):
                os.replace(former, folder)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)
