"""A net's views of texts: code points, or the output of a person's own preprocessing or tokenizer.

`TextPreprocess` converts a text to the code points that the workbench's own nets read, `ProbedText` calls a user's
function or Hugging Face tokenizer, and `collate` makes a batch of views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput, ModelError, ViewError

# A batch of views: a tensor, or tensors by argument name. Each tensor has a row an item.
Batch = Tensor | dict[str, Tensor]
# Maximum number of characters of a text that the workbench's own nets read.
MOST_READ = 20_000
# Padding of shorter texts in a batch: no code point.
NO_CHARACTER = -1
OFFSETS, IDS, MASK = "offset_mapping", "input_ids", "attention_mask"
# Preprocessings with the same name are distinguished by their views of this text.
PATTERN = "The quick brown fox - 0123456789 - saw: Füchse, лисы, الثعالب, 狐 & 🦊!\n"


@dataclass(frozen=True)
class TextPreprocess:
    """Convert a text to its code points, the view of texts that the workbench's own nets read.

    Parameters
    ----------
    most : int
        Maximum number of characters that are read, from the beginning of a text.

    Examples
    --------
    >>> TextPreprocess()("Hé 🦊").tolist()
    [72, 233, 32, 129418]
    """

    most: int = MOST_READ

    pad = NO_CHARACTER

    def __post_init__(self) -> None:
        if isinstance(self.most, bool) or not isinstance(self.most, (int, np.integer)) or self.most < 1:
            raise BadInput(f"most is {self.most!r}; a number of characters, 1 or more, is expected.")

    def __call__(self, text: str) -> Tensor:
        """The code points of a text: int64, shape (n_characters,)."""
        points = text[:self.most].encode("utf-32-le", "surrogatepass")
        return torch.from_numpy(np.frombuffer(points, "<u4").astype(np.int64))


def text_of(view: Tensor) -> str:
    """The text of a row of code points, without padding.

    Parameters
    ----------
    view : Tensor of int64, shape (n,)
    """
    points: np.ndarray = view.cpu().numpy()
    return points[points >= 0].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class EncodedText(dict[str, Tensor]):
    """The view of one text, as a mapping with keys such as `input_ids`, from a user's preprocessing; no batch axis.

    Attributes
    ----------
    offsets : ndarray of int32, shape (n_tokens, 2), or None
        [start, end) of each token in the text, in characters; None if the preprocessing doesn't return them.
    pad : int
        Padding value of `input_ids`.
    """

    offsets: np.ndarray | None = None
    pad: int = 0

    @property
    def shape(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each tensor, for messages."""
        return tuple(tuple(tensor.shape) for tensor in self.values())


class ProbedText:
    """A user's own preprocessing of texts: a function, or a Hugging Face tokenizer.

    Parameters
    ----------
    function : callable
        Maps a text to a tensor or a mapping of tensors, with or without a batch axis of length 1. In a mapping,
        `offset_mapping` has [start, end) of each token in the text; it isn't passed to the net. A Hugging Face
        tokenizer is asked for offsets automatically, and truncates texts that are too long for the net.
    most : int or None
        Tokens that the net has room for; None where that isn't known.

    Attributes
    ----------
    most : int or None
        As it was passed.
    pad : int
        Padding value of shorter texts in a batch: the function's `pad_token_id`, or 0.
    """

    maps_back = True

    def __init__(self, function: Callable[[str], Any], *, most: int | None = None) -> None:
        self.function, self.most = function, most
        told = getattr(function, "pad_token_id", None)
        self.pad = told if isinstance(told, int) else 0
        self._call = _tokenizer_call(function, most)

    def __call__(self, text: str) -> Any:
        """Return the view of a text, a tensor or an `EncodedText`; ViewError if the function fails on it."""
        try:
            return self._as_view(self._call(text))
        except Exception as error:  # a user's own code, which may raise anything
            raise ViewError(f"preprocess {self!r} can't take a text of {len(text):,} characters: "
                            f"{type(error).__name__}: {str(error)[:200]}. A function from a text to a tensor, or to a "
                            "mapping of tensors such as input_ids and attention_mask, is expected.") from error

    def offsets(self, text: str) -> np.ndarray | None:
        """[start, end) of each token in a text, in characters, shape (n, 2); None if the function has none."""
        view = self(text)
        return view.offsets if isinstance(view, EncodedText) else None

    def _as_view(self, output: Any) -> Any:
        if not isinstance(output, Mapping):
            view = _without_batch(output)
            if view.ndim < 1 or not view.numel():
                raise BadInput(f"it gave shape {tuple(view.shape)}; (n_tokens,) or (n_features,) is expected")
            return view
        encoded = EncodedText((str(name), _without_batch(value)) for name, value in output.items() if name != OFFSETS)
        if not encoded:
            raise BadInput("it gave an empty mapping; one with input_ids, or another argument of the net, is expected")
        if output.get(OFFSETS) is not None:
            offsets = _without_batch(output[OFFSETS], ndim=2).double().numpy().reshape(-1, 2)
            if not (offsets == np.floor(offsets)).all():
                raise BadInput("its offset_mapping holds numbers that aren't whole; [start, end) of each token in the "
                               "text is expected, in characters")
            # Offsets outside of any text stay so, and are refused where a map needs them.
            encoded.offsets = np.clip(offsets, -1, np.iinfo(np.int32).max).astype(np.int32)
        encoded.pad = self.pad
        return encoded

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", None) or type(self.function).__qualname__
        return f"ProbedText({name})"


def _tokenizer_call(function: Any, most: int | None) -> Any:
    """The function to call with a text alone; a Hugging Face tokenizer gets its other arguments here."""
    if not callable(function) and hasattr(function, "encode"):  # of the package tokenizers, without a wrapper
        def encoded(text: str) -> dict[str, Any]:
            told = function.encode(text)
            return {IDS: told.ids[:most], MASK: told.attention_mask[:most], OFFSETS: told.offsets[:most]}
        return encoded
    if not hasattr(function, "model_max_length"):
        return function
    longest = min(int(function.model_max_length), most or int(function.model_max_length))
    arguments: dict[str, Any] = {"truncation": True, "max_length": longest} if longest < 10**9 else {}
    if getattr(function, "is_fast", False):
        arguments["return_offsets_mapping"] = True
    return lambda text: function(text, **arguments)


def _without_batch(value: Any, *, ndim: int = 1) -> Tensor:
    """A tensor without its batch axis of length 1; floats as float32, booleans as they are, integers as int64."""
    tensor = torch.as_tensor(value).detach().cpu()
    if tensor.ndim > ndim and len(tensor) == 1:
        tensor = tensor[0]
    return tensor.float() if tensor.is_floating_point() else tensor if tensor.dtype == torch.bool else tensor.long()


TextView = TextPreprocess | ProbedText


def as_text_preprocess(preprocess: Any, net: nn.Module | None = None) -> TextView:
    """The preprocessing of texts, from whatever a person passed.

    Parameters
    ----------
    preprocess : TextPreprocess, ProbedText, callable, tokenizer or None
        None gives code points, which the workbench's own nets and functions of texts read.
    net : torch.nn.Module or None
        The net that will see the texts; None where it is the workbench's own.

    Raises
    ------
    BadInput
        If `preprocess` is none of these.
    ModelError
        If a person's net was passed without a preprocessing.
    """
    if isinstance(preprocess, (TextPreprocess, ProbedText)):
        return preprocess
    if preprocess is None:
        if net is not None and not reads_code_points(net):
            raise ModelError("no preprocess was given, and a net can't take a text as it is. Pass preprocess=...: the "
                             "net's tokenizer, or a function from a text to a tensor or a mapping of tensors.")
        return TextPreprocess()
    if (not callable(preprocess) and not hasattr(preprocess, "encode")) or hasattr(preprocess, "scaled_size"):
        raise BadInput(f"preprocess is {preprocess!r}; for texts a function from a text to tensors, or a tokenizer, is "
                       "expected.")
    return ProbedText(preprocess, most=None if net is None else room_of(net))


def reads_code_points(net: nn.Module) -> bool:
    """Whether a net reads the code points that `TextPreprocess` returns: its attribute `reads_code_points`."""
    return bool(getattr(net, "reads_code_points", False))


def room_of(net: nn.Module) -> int | None:
    """Maximum number of tokens of a Hugging Face net, by its configuration; None if it doesn't say.

    Parameters
    ----------
    net : torch.nn.Module
    """
    config = next((module.config for module in net.modules() if hasattr(module, "config")), None)
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most < 1:
        return None
    # RoBERTa and similar nets count positions from the padding index + 1.
    places = [layer.padding_idx for name, layer in net.named_modules()
              if name.endswith("position_embeddings") and isinstance(layer, nn.Embedding)]
    return most - max((place + 1 for place in places if place is not None), default=0)


def recipe_of(preprocess: TextView, texts: Sequence[str] = ()) -> str:
    """The description of a preprocessing in a recipe.

    For a function it includes the output for some texts, since a function may change and keep its name.

    Parameters
    ----------
    preprocess : TextPreprocess or ProbedText
    texts : sequence of str
        Texts of the pool for which the output is included besides a fixed text. A small vocabulary may have none of the
        fixed text's words.
    """
    if isinstance(preprocess, TextPreprocess):
        return repr(preprocess)
    said = []
    for text in (PATTERN, *texts):
        view = preprocess(text)
        tensors = dict(view) if isinstance(view, EncodedText) else {"": view}
        said += [f"{name} {tensor.dtype} {tensor.numpy().tobytes().hex()}" for name, tensor in sorted(tensors.items())]
    return f"{preprocess!r} {preprocess.pad} {' '.join(said)}"


# -- batches -------------------------------------------------------------------------------------------------

def collate(views: Sequence[Any], *, pad: int = NO_CHARACTER) -> Batch:
    """Make a batch of the views of texts; shorter ones are padded on the right.

    Parameters
    ----------
    views : sequence of Tensor, or of mappings of tensors
        The outputs of a preprocessing. In mappings, `input_ids` are padded with the tokenizer's own padding value, and
        everything else with 0; `offset_mapping` is left out.
    pad : int
        Padding value of tensors.

    Raises
    ------
    ViewError
        If the views are of different kinds.
    """
    first = views[0]
    if isinstance(first, Tensor):
        return _padded(views, pad)
    names = [name for name in first if name != OFFSETS]
    if any(isinstance(view, Tensor) or [name for name in view if name != OFFSETS] != names for view in views):
        raise ViewError("preprocess gave different arguments for different texts; the same names are expected for "
                        "each.")
    of_ids = getattr(first, "pad", 0)
    return {name: _padded([view[name] for view in views], of_ids if name == IDS else 0) for name in names}


def _padded(tensors: Sequence[Tensor], pad: int) -> Tensor:
    first = tensors[0]
    if all(tensor.shape == first.shape for tensor in tensors):
        return torch.stack(list(tensors))
    if any(tensor.shape[1:] != first.shape[1:] or not tensor.ndim for tensor in tensors):
        raise ViewError(f"views of shapes {', '.join(str(tuple(tensor.shape)) for tensor in tensors[:5])} don't fit in "
                        "one batch; those of texts may differ only in their first axis.")
    batch = first.new_full((len(tensors), max(map(len, tensors)), *first.shape[1:]), pad)
    for row, tensor in zip(batch, tensors, strict=True):
        row[:len(tensor)] = tensor
    return batch


def padding_shows(view: Any, preprocess: Any) -> bool:
    """Whether a net can tell padding from text, so that texts of different lengths may share a batch."""
    return MASK in view if isinstance(view, Mapping) else isinstance(preprocess, TextPreprocess)


def shape_of(view: Any) -> tuple[Any, ...]:
    """The shape of a view, or the shapes of its tensors."""
    return tuple(view.shape) if isinstance(view, (Tensor, EncodedText)) else \
        tuple(tuple(tensor.shape) for tensor in view.values())


def n_items(batch: Batch) -> int:
    """Number of items in a batch."""
    return len(batch) if isinstance(batch, Tensor) else len(next(iter(batch.values())))


def rows_of(batch: Batch, rows: Any) -> Batch:
    """Some of the items of a batch."""
    return batch[rows] if isinstance(batch, Tensor) else {name: tensor[rows] for name, tensor in batch.items()}


def moved(batch: Batch, device: torch.device | str, dtype: torch.dtype | None = None, *, copy: bool = False) -> Batch:
    """A batch on a device, its floats as another type; integers stay as they are, since they are indices.

    Parameters
    ----------
    batch : Tensor or dict of str to Tensor
    device : torch.device
    dtype : torch.dtype, optional
        Type of the net's weights.
    copy : bool
        Whether to copy in any case.
    """
    if isinstance(batch, dict):
        return {name: _moved(tensor, device, dtype, copy=copy) for name, tensor in batch.items()}
    return _moved(batch, device, dtype, copy=copy)


def _moved(tensor: Tensor, device: torch.device | str, dtype: torch.dtype | None, *, copy: bool) -> Tensor:
    return tensor.to(device, dtype if tensor.is_floating_point() else None, copy=copy)


def run_net(net: nn.Module, batch: Batch) -> Any:
    """The output of a net for a batch; a mapping's tensors are passed as keyword arguments.

    Parameters
    ----------
    net : torch.nn.Module
    batch : Tensor or dict of str to Tensor
    """
    return net(**batch) if isinstance(batch, dict) else net(batch)
