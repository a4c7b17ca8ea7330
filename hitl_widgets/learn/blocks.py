"""Work on a pool block by block, in a loop in this process or on the workers of a cluster.

`answers_of` computes the predictions and embeddings of a block, `descriptors_of` its descriptors. For other processes
`work_of` writes a net, as JSON and safetensors, into a file; `run_block` reads that file once in each process, and
returns a block's `Result` with a checksum. `dask_cluster` sends the blocks.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import BadInput, DiskFull, HitlError, ItemError, ModelError
from ..items.pool import Pool
from ..items.pool_part import Part, part_of, pool_of
from ..items.reading import one_by_one
from ..storage.files import make_folder, write_whole
from .callables import AsLoaded, CallableNet
from .descriptors import AT_ONCE as ROWS_AT_ONCE
from .estimator_nets import EstimatorNet
from .imported import ImportedNet
from .net_description import build, describe, imported, reference
from .pool_descriptors import image_rows
from .predict import NetPredictor
from .preprocess import Preprocess, Probed
from .text_descriptors import TextDescriptorNet, text_rows
from .text_views import ProbedText, TextPreprocess
from .views import Images
from .weights import weights_version

# Most items in a block: its number is position // SIZE of each of its items.
SIZE = 256
# Number of items on which a worker's net is compared with the one here, and how far their probabilities may differ:
# another processor may round differently.
N_SAMPLE, NEAR = 2, 1e-2
# Nets that a worker keeps in memory.
N_NETS = 2
# Bytes of freed memory that a worker keeps, in place of Dask's default: a batch reuses what the last one freed.
# Otherwise the system would clear each page anew, which takes a quarter of the time of a small net.
KEPT, KEPT_BY_DASK = 256 * 2**20, "65536"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
# Nets for workers that are older than this are removed from the project's folder.
OLD_S = 7 * 86_400.0


@dataclass(frozen=True)
class Work:
    """What is computed for each block, as plain data.

    Attributes
    ----------
    path : str
        The file with the net, which workers have to see at the same place.
    digest : str
        The file's SHA-256.
    what : str
        "probs", "probs and embeddings", "descriptors" or "maps".
    versions : dict of str to str
        Versions of the packages on which results depend.
    sample : Part
        A few items.
    expected : ndarray of float32, shape (n, n_outputs)
        The net's outputs for the sample, computed here.
    method : str
        For maps: how they are computed.
    """

    path: str
    digest: str
    what: str
    versions: Mapping[str, str]
    sample: Part
    expected: np.ndarray
    method: str = ""

    def fits(self, answers: Answers) -> bool:
        """Whether answers have the arrays that were asked for, with as many numbers for each item, none infinite."""
        arrays = answers.arrays
        if set(arrays) != {"probs": {"probs"}, "probs and embeddings": {"probs", "embeddings"},
                           "descriptors": {"descriptors"}, "maps": set()}[self.what]:
            return False
        first = next((arrays[name] for name in ("probs", "descriptors") if name in arrays), None)
        if first is not None and len(self.expected) and first.shape[1:] != self.expected.shape[1:]:
            return False
        return all(array.dtype == np.float32 and array.ndim == 2 and not np.isinf(array).any()
                   for array in arrays.values())


@dataclass(frozen=True)
class Block:
    """Some items of the pool, as plain data.

    Attributes
    ----------
    number : int
        The block's number: its items have positions from 256 * number up to 256 * (number + 1).
    positions : ndarray of int
        Positions of the items in the pool.
    part : Part
        The items.
    targets : tuple
        For maps: (target, labels of the model that make it up, content or None) of each item.
    """

    number: int
    positions: np.ndarray
    part: Part
    targets: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Answers:
    """What was computed for some items.

    Attributes
    ----------
    arrays : dict of str to ndarray
        A row for each item.
    unreadable : dict of int to str
        Row -> why that item couldn't be computed.
    blobs : tuple of bytes
        For saliency maps: the stored form of each item's map; empty for an item that failed.
    """

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    unreadable: Mapping[int, str] = field(default_factory=dict)
    blobs: tuple[bytes, ...] = ()

    def fits(self, n: int) -> bool:
        """Whether the arrays, and the blobs if there are any, are for this number of items."""
        return all(len(array) == n for array in self.arrays.values()) and len(self.blobs) in (0, n)

    @property
    def checksum(self) -> str:
        """A hash of all attributes."""
        digest = hashlib.blake2b(digest_size=16)
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name}\0{array.dtype}\0{array.shape}\0".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(json.dumps([sorted(self.unreadable.items()), [len(blob) for blob in self.blobs]]).encode())
        for blob in self.blobs:
            digest.update(blob)
        return digest.hexdigest()


@dataclass(frozen=True)
class Result:
    """What a worker returns for a block.

    Attributes
    ----------
    number : int
        The block's number.
    answers : Answers or None
        None where it failed.
    checksum : str
        The checksum of the answers, computed on the worker.
    error : str
        Why it failed.
    cause : str
        "set up" where the worker can't do the work at all, "model" where the net failed, else "".
    """

    number: int
    answers: Answers | None = None
    checksum: str = ""
    error: str = ""
    cause: str = ""


class SetUpError(ModelError):
    """Raised if a worker can't compute any block, for example because it can't read the net."""


# -- what is done with a block, here and there -----------------------------------------------------------------------

def blocks_of(positions: np.ndarray, *, draws: np.ndarray | None = None) -> list[tuple[int, np.ndarray]]:
    """Divide items into blocks: the number and the positions of each.

    A block has those of the items that lie in one run of 256 positions, so that blocks are the same in every call.

    Parameters
    ----------
    positions : ndarray of int
        Positions of the items in the pool.
    draws : ndarray of float, shape (n_items,), optional
        A number for each item of the pool. Blocks are sorted by the number of their first item; by default they are in
        the pool's order.
    """
    ordered = np.unique(np.asarray(positions, np.int64))
    numbers = ordered // SIZE
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    runs = [(int(run[0]) // SIZE, run) for run in np.split(ordered, cuts)] if len(ordered) else []
    return runs if draws is None else sorted(runs, key=lambda run: float(draws[run[1][0]]))


def answers_of(predictor: NetPredictor, positions: Sequence[int], *, embed: bool) -> Answers:
    """Compute the probabilities of some items, and their embeddings if `embed` is True and the last layer is known.

    Parameters
    ----------
    predictor : NetPredictor
        Its net and pool are used.
    positions : sequence of int
        Positions of the items in its pool.
    embed : bool
        Whether embeddings are wanted.
    """
    if embed:
        probs, embedded = predictor.predict_and_embed(positions)
        arrays = {"probs": probs, "embeddings": embedded}
    else:
        arrays = {"probs": predictor.predict(positions)}
    places = [int(position) for position in positions]
    return Answers(arrays, {row: predictor.unreadable[position] for row, position in enumerate(places)
                            if position in predictor.unreadable and np.isnan(arrays["probs"][row]).any()})


def descriptors_of(net: nn.Module, pool: Pool, view: Any, positions: np.ndarray) -> Answers:
    """Descriptors of some items.

    Parameters
    ----------
    net : Descriptors
        A net for images or texts.
    pool : Pool
        The items.
    view : callable
        From an item to the net's view of it.
    positions : ndarray of int
        Positions of the items in the pool.
    """
    def some(positions: np.ndarray) -> np.ndarray:
        return text_rows(net, pool, positions) if isinstance(net, TextDescriptorNet) else \
            image_rows(net, pool, view, positions)  # type: ignore[arg-type]  # of images otherwise
    return Answers({"descriptors": np.concatenate([some(positions[start:start + ROWS_AT_ONCE])
                                                   for start in range(0, len(positions), ROWS_AT_ONCE)])})


# -- a net for workers ----------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Loaded:
    """What a worker loaded from the file of a `Work`.

    Attributes
    ----------
    predictor : NetPredictor or None
        None where descriptors are computed.
    descriptors : torch.nn.Module or None
        The net that computes descriptors.
    view : callable
        The preprocessing.
    """

    predictor: NetPredictor | None
    descriptors: nn.Module | None
    view: Any


def work_of(predictor: NetPredictor, positions: np.ndarray, folder: Path, *, what: str, method: str = "") -> Work:
    """Make the `Work` with which workers compute the same as a predictor, and write its net into a file.

    Parameters
    ----------
    predictor : NetPredictor
        Has the net, its preprocessing and the pool.
    positions : ndarray of int
        Items that are about to be computed.
    folder : Path
        Where the file goes.
    what, method : str
        See `Work`.

    Raises
    ------
    ModelError
        Where the net or its preprocessing can't be described, or the net built from the description has other outputs
        for a few items than the net itself.
    """
    net = predictor.copy_of_net().cpu()
    if isinstance(net, ImportedNet):
        raise BadInput("the adopted model is predictions that were imported, so there is nothing to compute; leave "
                       "client out.")
    if isinstance(net, EstimatorNet):
        raise BadInput("the adopted model is an estimator, which isn't sent to workers, since that would take a "
                       "pickle; leave client out. n_jobs=-1 lets many estimators use all cores.")
    told, tensors = _described(net)
    about = {"net": told, "preprocess": _preprocess(predictor.preprocess), "label_ids": list(predictor.label_ids),
             "head": predictor.head, "probabilities": predictor.ends_in_softmax, "multilabel": predictor.multilabel,
             "batch_size": predictor.batch_size, "version": predictor.version}
    sample = _sample(predictor.pool, positions, predictor)
    pool = pool_of(sample) if len(sample) else None
    here = NetPredictor(net, pool or predictor.pool, predictor.label_ids, preprocess=predictor.preprocess,
                        device="cpu", batch_size=predictor.batch_size, head=predictor.head,
                        probabilities=predictor.ends_in_softmax, multilabel=predictor.multilabel)
    expected = here.predict(range(len(sample))) if len(sample) else np.zeros((0, 0), np.float32)
    work = _written(folder, about, tensors, what=what, sample=sample, expected=expected, method=method)
    twin = _load(work).predictor
    assert twin is not None
    if len(sample) and not np.array_equal(twin.on(pool_of(sample)).predict(range(len(sample))), expected):
        raise ModelError("the net that a worker would build from its description says something else than the net "
                         "itself, so it isn't sent: it may draw numbers by chance, or keep something outside of its "
                         "modules and attributes. Leave client out.")
    return work


def work_of_descriptors(net: nn.Module, view: Any, pool: Pool, positions: np.ndarray, folder: Path) -> Work:
    """Make the `Work` with which workers compute descriptors; see `work_of`.

    Parameters
    ----------
    net : Descriptors
    view : callable
        From an item to the net's view of it.
    pool : Pool
        The items.
    positions : ndarray of int
        Items that are about to be computed.
    folder : Path
        Where the net's file goes.
    """
    told, tensors = describe(net)
    some = _spread(positions)
    rows = descriptors_of(net, pool, view, some).arrays["descriptors"]
    readable = np.isfinite(rows).all(axis=1)
    about = {"descriptors": told, "preprocess": _preprocess(view), "version": weights_version(net)}
    some = some[readable][:N_SAMPLE]
    return _written(folder, about, tensors, what="descriptors", sample=part_of(pool, some),
                    expected=rows[readable][:N_SAMPLE])


def _described(net: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not isinstance(net, CallableNet):
        return describe(net)
    preprocess = None if net.preprocess is None else reference(net.preprocess, "the function preprocess")
    return {"function": reference(net.function, "the function model"), "kind": net.kind, "preprocess": preprocess,
            "multilabel": net.multilabel, "columns": None if net.columns is None else list(net.columns)}, {}


def _built(told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> nn.Module:
    if "function" not in told:
        return build(told, tensors)
    return CallableNet(imported(told["function"]), multilabel=told["multilabel"], kind=told["kind"],
                       preprocess=None if told["preprocess"] is None else imported(told["preprocess"]),
                       columns=told["columns"])


def _preprocess(view: Any) -> dict[str, Any]:
    """A preprocessing as plain data; ModelError for a user's function that can't be imported by its name."""
    if isinstance(view, Probed):
        return {"function": reference(view.function, "the function preprocess"), "colour": view.colour,
                "channels": view.channels}
    if isinstance(view, ProbedText):
        return {"function": reference(view.function, "the function preprocess"), "most": view.most}
    assert isinstance(view, (Preprocess, TextPreprocess, AsLoaded))
    return {"class": type(view).__name__, "fields": asdict(view)}


def _view(told: Mapping[str, Any]) -> Any:
    if "function" in told:
        function = imported(told["function"])
        return ProbedText(function, most=told["most"]) if "most" in told else \
            Probed(function, colour=told["colour"], channels=told["channels"])
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in told["fields"].items()}
    own: dict[str, Callable[..., Any]] = {"Preprocess": Preprocess, "TextPreprocess": TextPreprocess,
                                          "AsLoaded": AsLoaded}
    return own[told["class"]](**fields)


def _spread(positions: np.ndarray) -> np.ndarray:
    """A few of the positions, more than a sample takes, since some may be unreadable."""
    places = np.linspace(0, len(positions) - 1, min(10 * N_SAMPLE, len(positions))).astype(int)
    return np.asarray(positions, np.int64)[np.unique(places)]


def _sample(pool: Images, positions: np.ndarray, predictor: NetPredictor) -> Part:
    """A few items that the net accepts."""
    assert isinstance(pool, Pool)
    found: list[int] = []
    for position in _spread(positions).tolist():
        with suppress(ItemError, ModelError):
            if np.isfinite(predictor.predict([position])).all():
                found.append(position)
        if len(found) == N_SAMPLE:
            break
    return part_of(pool, found)


def _written(folder: Path, about: Mapping[str, Any], tensors: Mapping[str, Tensor], *, what: str, sample: Part,
             expected: np.ndarray, method: str = "") -> Work:
    """The `Work`, with its net in a file named by a hash of its content."""
    data = safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()},
                                  {"about": json.dumps(about)})
    digest = hashlib.sha256(data).hexdigest()
    path = Path(folder).resolve() / f"{digest[:32]}.safetensors"
    try:
        make_folder(path.parent)
        _tidy(path.parent)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            with write_whole(path, durable=False) as part:
                part.write_bytes(data)
        os.utime(path)
    except OSError as error:
        raise DiskFull(f"the net can't be written for the workers in {path.parent} ({error.strerror}). Make room on "
                       "the disk, or change the folder's permissions.") from error
    return Work(str(path), digest, what, _versions(), sample, expected, method)


def _tidy(folder: Path) -> None:
    """Remove the nets for workers that weren't used for a week."""
    for path in folder.glob("*.safetensors"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > OLD_S:
                path.unlink()


def _versions() -> dict[str, str]:
    return {"hitl-widgets": version("hitl-widgets"), "torch": version("torch").partition("+")[0]}


# -- on a worker ----------------------------------------------------------------------------------------------------

_nets: OrderedDict[str, Loaded] = OrderedDict()
_loading = threading.Lock()
_counting, _n_within, _n_threads = threading.Lock(), 0, 1


def run_block(work: Work, block: Block) -> Result:
    """Compute a block in this process; errors are in the result.

    Parameters
    ----------
    work : Work
        What to compute, and with which net.
    block : Block
        The items.
    """
    return run(work, block, _answers)


def run(work: Work, block: Block, compute: Callable[[Work, Loaded, Block], Answers]) -> Result:
    """Compute a block with a function; errors are in the result.

    Parameters
    ----------
    work, block
        See `run_block`.
    compute : callable
        Returns the answers of a block.
    """
    try:
        with _one_thread(), one_by_one():
            answers = compute(work, _ready(work), block)
        return Result(block.number, answers, answers.checksum)
    except SetUpError as error:
        return Result(block.number, error=str(error), cause="set up")
    except HitlError as error:
        return Result(block.number, error=str(error), cause="model")
    except Exception as error:  # a full memory or disk, or a user's net, which may raise anything
        return Result(block.number, error=f"{type(error).__name__}: {str(error)[:500]}")


def _answers(work: Work, loaded: Loaded, block: Block) -> Answers:
    pool, places = pool_of(block.part), np.arange(len(block.part))
    if loaded.predictor is None:
        assert loaded.descriptors is not None
        return descriptors_of(loaded.descriptors, pool, loaded.view, places)
    return answers_of(loaded.predictor.on(pool), places.tolist(), embed=work.what == "probs and embeddings")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread: the workers of a machine share its cores already.

    Where several threads of a process are inside, each restores the number from before the first of them entered: a
    number that is set holds for the thread itself, and for threads that begin to compute later.
    """
    global _n_within, _n_threads
    with _counting:
        here = torch.get_num_threads()  # asked in each thread: torch takes up what was set elsewhere at the first use
        _n_threads = _n_threads if _n_within else here
        _n_within += 1
        n_threads = _n_threads
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _counting:
            _n_within -= 1
            torch.set_num_threads(n_threads)


def _ready(work: Work) -> Loaded:
    """The net of a `Work`, kept in memory once it was read from its file and compared with the original."""
    with _loading:
        if work.digest in _nets:
            _nets.move_to_end(work.digest)
        else:
            _keep_memory()
            loaded = _load(work)
            _compare(work, loaded)
            _nets[work.digest] = loaded
            while len(_nets) > N_NETS:
                _nets.popitem(last=False)
        return _nets[work.digest]


def _keep_memory() -> None:
    """Keep freed memory for the next batch where Dask's default would give it back at once; glibc only."""
    if os.environ.get("MALLOC_TRIM_THRESHOLD_") == KEPT_BY_DASK:
        with suppress(AttributeError, OSError, TypeError):  # another C library has no mallopt, or isn't found by this
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_TRIM_THRESHOLD, KEPT)
            mallopt(_M_MMAP_THRESHOLD, KEPT)


def _load(work: Work) -> Loaded:
    differing = [f"{name} {here} instead of {work.versions[name]}" for name, here in _versions().items()
                 if here != work.versions[name]]
    if differing:
        raise SetUpError(f"a worker has {' and '.join(differing)}, and might compute something else. Install the same "
                         "versions where the workers run.")
    try:
        data = Path(work.path).read_bytes()
    except OSError as error:
        raise SetUpError(f"a worker can't read the net in {work.path} ({error.strerror or error}). The project's "
                         "folder has to be at the same path on every machine, such as on a shared disk.") from error
    if hashlib.sha256(data).hexdigest() != work.digest:
        raise SetUpError(f"a worker finds another net in {work.path} than the one that is meant (its SHA-256 isn't "
                         f"{work.digest[:12]}...), so it isn't used. The project's folder has to be the same on every "
                         "machine.")
    head = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    about = json.loads(head["__metadata__"]["about"])
    try:
        tensors, view = safetensors.torch.load(data), _view(about["preprocess"])
        if "descriptors" in about:
            return Loaded(None, build(about["descriptors"], tensors), view)
        net = _built(about["net"], tensors)
    except ModelError as error:
        raise SetUpError(f"a worker can't build the net: {error}") from error
    nobody = part_of(Pool.from_images(np.zeros((1, 1, 1), np.uint8)), [0])  # its items come with each block
    predictor = NetPredictor(net, pool_of(work.sample if len(work.sample) else nobody), about["label_ids"],
                             preprocess=view, device="cpu", batch_size=about["batch_size"], head=about["head"],
                             probabilities=about["probabilities"], multilabel=about["multilabel"])
    if predictor.version != about["version"]:
        raise SetUpError(f"the net that a worker built has the version {predictor.version} and not {about['version']}.")
    return Loaded(predictor, None, view)


def _compare(work: Work, loaded: Loaded) -> None:
    """Raise SetUpError where an item of the sample can't be read here, or the net's outputs for one differ."""
    if not len(work.sample):
        return
    pool, places = pool_of(work.sample), np.arange(len(work.sample))
    why: Mapping[int, str] = {}
    if loaded.predictor is None:
        assert loaded.descriptors is not None
        found = descriptors_of(loaded.descriptors, pool, loaded.view, places).arrays["descriptors"]
    else:
        predictor = loaded.predictor.on(pool)
        try:
            found, why = predictor.predict(places.tolist()), predictor.unreadable
        except ModelError as error:
            raise SetUpError(f"a worker's net can't take an item that the net here takes: {error}") from error
    if np.isnan(found).any():
        reason = next(iter(why.values()), f"item {work.sample.ids[0]!r} can't be read")
        raise SetUpError(f"a worker can't read items that can be read here: {reason}. The files have to be at the same "
                         "paths on every machine, such as on a shared disk.")
    if found.shape != work.expected.shape or \
            np.abs(found - work.expected).max() > NEAR * max(1.0, float(np.abs(work.expected).max())):
        raise SetUpError(f"a worker's net says something else of item {work.sample.ids[0]!r} than the net here: "
                         f"{found[0][:5].round(3).tolist()} and not {work.expected[0][:5].round(3).tolist()}. Its "
                         "class or its preprocessing may be another one there, or the item's file.")
