"""The adopted detector of a project: its weights, its proposals and their labels.

An `ObjectRegistry` follows the log's "adopted" events of a project that asks for objects. Read
`ObjectRegistry.proposals` first. Found objects are stored under the model's own labels, and converted to today's labels
when they are read.
"""

from __future__ import annotations

import copy
import hashlib
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from torch import nn

from ..errors import BadInput, ItemError, ModelError, StoreError
from ..events import Event
from ..project.project import Project
from ..project.shown_objects import todays_thresholds
from ..records import SHAPE_OF, Proposal
from ..storage.files import make_folder
from .detector_model import DetectorModel
from .imported import no_net
from .imported_objects import ImportedDetector, ImportedObjects, holds_imported_objects, unfilled_imported_objects
from .object_cache import FoundObjects
from .object_net import ObjectNet
from .object_predictors import (
    Candidate,
    Detector,
    OwnDetector,
    TorchvisionDetector,
    as_detector,
    without_repeats,
)
from .object_search import found_table, outputs_of, search
from .predict import pick_device
from .registry import IS_VERSION, N_KEPT
from .span_net import SpanNet
from .span_predictors import OwnSpanDetector, SpanDetector, as_span_detector
from .span_targets import N_TAGS
from .versions import IMPORTED, given_names
from .weights import load_weights, save_weights, shapes_in, weights_version

if TYPE_CHECKING:
    from .model_card import Record

KIND_OF_MODEL = "objects"
AGAIN = "Or train anew with wb.finetune(start='initial'): no object is lost."
SHORTEST = 4
# Items in a batch, after which the objects that were found are stored.
AT_ONCE = 8


@dataclass(frozen=True)
class ObjectModel:
    """A detector as a model of the project.

    Attributes
    ----------
    version : str
    detector : Detector or SpanDetector
    label_ids : tuple of str
        The labels of its outputs.
    taxonomy : int
        The version of the taxonomy that these are from.
    net : torch.nn.Module or None
        The net; None for a detector that isn't a net, but an object with `predict`.
    own : bool
        Whether it is the workbench's own `ObjectNet` or `SpanNet`.
    thresholds : dict of str to float
        label_id -> the score from which its objects are proposed.
    """

    version: str
    detector: Detector | SpanDetector
    label_ids: tuple[str, ...]
    taxonomy: int
    net: nn.Module | None
    own: bool
    thresholds: Mapping[str, float] = field(default_factory=dict)


class ObjectRegistry:
    """The detectors of a project. Safe for many threads.

    Parameters
    ----------
    project : Project
        A project whose task asks for objects.
    model : Any
        A user's detector, as for `object_predictors.as_detector`, or for spans as for `span_predictors`; None for the
        workbench's own.
    device : str
        "auto", or what torch.device takes; for a user's net.

    Attributes
    ----------
    training : threading.Lock
        Held while a model is trained or adopted.
    items : "images" or "texts"
    missing : str or None
        Why the adopted model can't be used here.
    trained_here : set of str
        Keys of this session's runs: the same call trains again, and doesn't read the run from the log.
    """

    def __init__(self, project: Project, *, model: Any = None, device: str = "auto") -> None:
        self.project, self.kind = project, SHAPE_OF[project.task]
        self.training, self.trained_here = threading.Lock(), set[str]()
        self.missing: str | None = None
        self.items = "texts" if self.kind == "span" else "images"
        self.device = torch.device("cpu") if model is None or not isinstance(model, nn.Module) else pick_device(device)
        self.given = None if model is None else self._detector_of(model)
        self._given_names = _names_of(model)
        self._lock, self._predicting = threading.RLock(), threading.Lock()
        self._event: Event | None = None
        self._at = 0  # number of that event
        self._model: ObjectModel | None = None
        self._caches: dict[str, FoundObjects] = {}
        self._told = set[str]()

    @property
    def adopted(self) -> ObjectModel | None:
        """The adopted model, as of the last `follow`; None without one that can be used."""
        return self._model

    @property
    def version(self) -> str | None:
        """The adopted model's version, or None."""
        return None if self._model is None else self._model.version

    def require(self) -> ObjectModel:
        """The adopted model; ModelError where there is none, with the remedy."""
        self.follow()
        if self._model is None:
            raise ModelError(self.missing or "there is no model yet; pass model=... to the workbench, or correct some "
                             f"{self.items} and run wb.finetune().")
        return self._model

    def path(self, version: str) -> Path:
        """The file with a model's weights; fetched from the project's server if it is missing here."""
        return self.project.files.here(self._place(version))

    def _place(self, version: str) -> Path:
        return self.project.folder / "models" / f"{KIND_OF_MODEL}-{version}.safetensors"

    # -- opening and adopting --------------------------------------------------------------------------------

    def open(self) -> None:
        """Load the adopted model; in a project without one, adopt the user's model."""
        self.follow()
        if self.given is None:
            return
        if self._event is None:
            self.install(self.model_of(self.given), origin="given")
        elif self._event.body["own"]:
            self.project.notify(f"{self.project.name} goes on with the workbench's own model, "
                                f"{self._event.body['model']}, and not with the model given; wb.adopt(model) takes "
                                "that one.")

    def follow(self) -> bool:
        """Load the model that was adopted last, by any process; return whether it is a new one."""
        # Never wait for the project's lock while holding this one: a thread that asks for proposals may hold it.
        event = self.project.adopted()
        with self._lock:
            if event is None or (event.seq or 0) <= self._at:
                return False
            former = self._event, self._at
            self._event, self._at = event, event.seq or 0
        try:
            model = self.load(event)
        except StoreError:  # the server can't be reached now: tried again later
            with self._lock:
                if self._event is event:
                    self._event, self._at = former
            raise
        except ModelError as error:
            with self._lock:
                if self._event is event:  # a former model's proposals would pass for the adopted one's
                    self.missing, self._model = str(error), None
                    if self.project.propose == self.proposals:
                        self.project.propose = None
            self.project.notify(f"{self.project.name}: {error}")
            return False
        self._use(model, event)
        self.project.tell("model")
        return True

    def load(self, event: Event) -> ObjectModel:
        """The model of an "adopted" event.

        Raises
        ------
        ModelError
            When its weights are gone or damaged, or it needs a user's model that wasn't passed.
        """
        body = event.body
        version, label_ids, own = body["model"], tuple(body["label_ids"]), bool(body["own"])
        taxonomy = int(body.get("taxonomy", self.project.lineage.today.version))
        path = self.path(version)
        more: dict[str, Any] = {"label_ids": label_ids, "taxonomy": taxonomy, "own": own,
                                "thresholds": dict(body.get("thresholds", {}))}
        if holds_imported_objects(path):
            return ObjectModel(version, self._imported(version), net=None, **more)
        if body["origin"] == IMPORTED:
            raise ModelError(f"the imported objects of model {version}, {path}, are gone or damaged. Import their "
                             f"table again. {AGAIN}")
        if not own and self.given is None:
            raise ModelError(f"the adopted model {version} isn't one of the workbench's own; pass it when you open the "
                             f"project, with model=... {AGAIN}")
        if not own and not isinstance(self.given, TorchvisionDetector):
            assert self.given is not None
            if (other := _version_of(self.given)) != version:
                self.project.notify(f"The model given, {other}, isn't the one that was adopted, {version}; it is "
                                    "adopted now.")
                return self._given_anew()
            return ObjectModel(version, self.given, net=None, **more)
        net = self._adopted_net(path, version, own=own)
        detector: Detector | SpanDetector = OwnDetector(net, self.kind) if isinstance(net, ObjectNet) else \
            OwnSpanDetector(net) if isinstance(net, SpanNet) else TorchvisionDetector(net, device=self.device)
        return ObjectModel(version, detector, net=net, **more)

    def _adopted_net(self, path: Path, version: str, *, own: bool) -> nn.Module:
        """The net of the workbench, or that of torchvision's detector, with the weights of a version."""
        if not path.exists():
            raise ModelError(f"the weights of the adopted model, {path}, are gone.{self.project.files.lost(path)} "
                             f"{AGAIN}")
        try:
            net = load_weights(self.given.net if not own else (  # type: ignore[union-attr]  # torchvision's, see `load`
                SpanNet(shapes_in(path)["tags.bias"][0] // N_TAGS) if self.kind == "span" else
                ObjectNet(shapes_in(path)["centres.weight"][0])), path)
        except (OSError, SafetensorError, KeyError) as error:
            raise ModelError(f"the weights in {path} can't be read ({error}). {AGAIN}") from error
        if (held := weights_version(net)) != version:
            raise ModelError(f"{path} holds other weights ({held}) than its name says: the file was damaged or "
                             f"changed. {AGAIN}")
        self.project.files.share(path)  # the server may have lost what this machine has kept
        return net

    def _imported(self, version: str) -> ImportedDetector:
        """The imported objects of a version; ModelError where they are damaged."""
        net = load_weights(unfilled_imported_objects(self.path(version)), self.path(version))
        if (held := weights_version(net)) != version:
            raise ModelError(f"{self.path(version)} holds other objects ({held}) than its name says: the file was "
                             f"damaged or changed. Import their table again. {AGAIN}")
        assert isinstance(net, ImportedObjects)
        return ImportedDetector(net, self.project.pool, self.kind, content=self.project.content)

    def names(self) -> dict[str, str]:
        """The names under which versions were imported: version -> name."""
        return given_names(self.project.log)

    def add_objects(self, net: ImportedObjects, *, label_ids: Sequence[str], name: str, adopt: bool) -> str:
        """Make imported objects a model of the project, and adopt them, unless they are adopted already.

        Parameters
        ----------
        net : ImportedObjects
        label_ids : sequence of str
            Ids of its labels.
        name : str
            The model's name; a version that was imported before keeps its first name.
        adopt : bool
            Whether it is adopted; otherwise it is kept, and `adopt` takes its version or name.

        Returns
        -------
        str
            Its version.
        """
        with self.training:
            self.follow()
            version, taxonomy = weights_version(net), self.project.lineage.today.version
            known = self.names().get(version)
            if known is not None and known != name:
                self.project.notify(f"These objects were imported before, as {known!r}, which stays their name.")
            detector = ImportedDetector(net, self.project.pool, self.kind, content=self.project.content)
            model = ObjectModel(version, detector, tuple(label_ids), taxonomy, net, False)
            if version == self.version or (known is not None and not adopt):
                self.save(model)  # it may be gone from the disk
            elif adopt:
                self.install(model, origin="imported", name=known or name)
            else:
                self.save(model)
                self.project.record(IMPORTED, {
                    "model": version, "name": name, "label_ids": list(label_ids), "origin": IMPORTED, "own": False,
                    "kind": KIND_OF_MODEL, "taxonomy": taxonomy})
            return version

    def tell_out_of_sample(self) -> None:
        """Notify the user once that imported objects are used for second looks, and so must be out-of-sample."""
        self.follow()
        model = self._model
        if model is not None and isinstance(model.detector, ImportedDetector) \
                and f"{model.version} out-of-sample" not in self._told:
            self._told.add(f"{model.version} out-of-sample")
            self.project.notify(f"Second looks use the imported objects of {self.names().get(model.version)!r} as they "
                                f"are. They must be out-of-sample, from a model that hadn't learnt these {self.items}: "
                                "a model finds what it learnt, also where that is wrong.")

    def model_of(self, detector: Detector | SpanDetector | ObjectNet | SpanNet, *,
                 label_ids: Sequence[str] | None = None, thresholds: Mapping[str, float] | None = None,
                 taxonomy: int | None = None) -> ObjectModel:
        """A detector as a model of this project, under today's labels.

        Raises
        ------
        ModelError
            When it fails on an item of the pool, or its output can't be used.
        """
        today = self.project.lineage.today
        net = detector if isinstance(detector, nn.Module) else getattr(detector, "net", None)
        if isinstance(detector, (ObjectNet, SpanNet)):
            detector = OwnDetector(detector, self.kind) if isinstance(detector, ObjectNet) else \
                OwnSpanDetector(detector)
        net = net if isinstance(net, nn.Module) else None
        version = weights_version(net) if net is not None else _version_of(detector)
        model = ObjectModel(version, detector, tuple(label_ids or today.label_ids), taxonomy or today.version, net,
                            isinstance(net, (ObjectNet, SpanNet)), dict(thresholds or {}))
        if not model.own:
            self._try_out(model)
        return model

    def install(self, model: ObjectModel, *, origin: Literal["given", "trained", "rolled back", "imported"],
                event_id: str | None = None, **more: Any) -> str:
        """Adopt a model: store its weights on disk, then record the adoption in the log.

        Parameters
        ----------
        model : ObjectModel
        origin : str
        event_id : str or None
            Id of the event; a new one when None.
        **more
            Further parts of the event's body.

        Returns
        -------
        str
            Its version.

        Raises
        ------
        StoreError
            When the weights can't be kept; nothing is adopted then.
        """
        self.save(model)
        body = {"model": model.version, "label_ids": list(model.label_ids), "origin": origin, "own": model.own,
                "kind": KIND_OF_MODEL, "taxonomy": model.taxonomy,
                **({"thresholds": dict(model.thresholds)} if model.thresholds else {}), **more}
        self._use(model, self.project.record("adopted", body, id=event_id))
        self.project.refresh()  # its state has the model before a listener asks
        self.project.tell("model")
        return model.version

    def save(self, model: ObjectModel) -> None:
        """Store a model's weights; StoreError where that isn't possible."""
        if model.net is None:
            return
        try:
            make_folder(self._place(model.version).parent)
            save_weights(model.net, self._place(model.version), metadata={"version": model.version})
        except (OSError, SafetensorError) as error:
            raise StoreError(f"the model can't be kept in {self._place(model.version).parent} ({error}). Make room on "
                             "the disk, or let the folder be written to, and try again; no answer is lost.") from error
        self.project.files.share(self._place(model.version))

    def adopt(self, model: Any) -> str:
        """Adopt a former version, or a user's detector; see `Workbench.adopt`."""
        with self.training:
            self.follow()
            if not isinstance(model, str):
                self._given_names, self.given = _names_of(model), self._detector_of(model)
                return self.install(self.model_of(self.given), origin="given")
            event = self._find(model)
            if event.body["model"] == self.version:
                return str(event.body["model"])
            name = self.names().get(str(event.body["model"]))
            return self.install(self.load(event), origin="rolled back", **({} if name is None else {"name": name}))

    def _find(self, beginning: str) -> Event:
        """The last event of the only version with this beginning or imported name; BadInput unless there is one."""
        every = [event for event in self.project.log.events(kind=("adopted", "trained", IMPORTED))
                 if "label_ids" in event.body]
        events = {event.body["model"]: event for event in every if event.body.get("name") == beginning}
        if not events and len(beginning) >= SHORTEST:
            events = {event.body["model"]: event for event in every if event.body["model"].startswith(beginning)}
        if len(events) != 1:
            raise BadInput(f"model version {beginning!r} {'fits more than one' if events else 'is unknown'}; see "
                           "wb.models().")
        [event] = events.values()
        return event

    def model(self, beginning: str | None = None) -> DetectorModel:
        """A version for use elsewhere; see `Workbench.model`."""
        if beginning is not None and not isinstance(beginning, str):
            raise BadInput(f"version is a {type(beginning).__name__}; a version of wb.models() is expected, or None.")
        model = self.require() if beginning is None else self._version(beginning)
        if isinstance(model.detector, ImportedDetector):
            raise no_net("be used elsewhere; wb.predict_objects() has them, as they were imported")
        named = self.project.lineage.versions[model.taxonomy]
        return DetectorModel(model, [named.name_of(label_id) for label_id in model.label_ids], self.project.task,
                             numbers=self._numbers(model), record=partial(self._record_of, model))

    def _version(self, beginning: str) -> ObjectModel:
        event = self._find(beginning)
        return self.require() if event.body["model"] == self.version else self.load(event)

    def _record_of(self, model: ObjectModel) -> Record:
        from .model_card import record_of
        return record_of(self.project.log, model.version, taxonomy=model.taxonomy)

    def remove_old(self) -> None:
        """Remove weights and found objects of models that were never adopted, except those of the last rounds."""
        adopted, trained = ([event.body["model"] for event in self.project.log.events(kind=kind)]
                            for kind in ("adopted", "trained"))
        # The log may come from somebody else: a name that isn't a version could be that of any folder.
        versions = list(filter(IS_VERSION, set(trained) - set(adopted) - set(trained[-N_KEPT:])))
        self.project.files.remove(*map(self._place, versions))
        for version in versions:
            shutil.rmtree(self.project.folder / "predictions" / version, ignore_errors=True)

    def _detector_of(self, model: Any) -> Detector | SpanDetector:
        """A user's model as a detector, which has its own copy of a net."""
        if self.kind == "span":
            return as_span_detector(copy.deepcopy(model) if isinstance(model, SpanNet) else model)
        if isinstance(model, ObjectNet):
            return OwnDetector(copy.deepcopy(model), self.kind)
        return as_detector(model, device=self.device)

    def _given_anew(self) -> ObjectModel:
        assert self.given is not None
        model = self.model_of(self.given)
        self.project.record("adopted", {
            "model": model.version, "label_ids": list(model.label_ids), "origin": "given", "own": False,
            "kind": KIND_OF_MODEL, "taxonomy": model.taxonomy})
        return model

    def _use(self, model: ObjectModel, event: Event) -> None:
        with self._lock:
            if (event.seq or 0) >= self._at:
                self._event, self._at = event, event.seq or 0
                self._model, self.missing = model, None
        self.project.propose = self.proposals

    def _try_out(self, model: ObjectModel) -> None:
        """Run a user's model on an item of the pool."""
        pool = self.project.pool
        for position in range(min(len(pool), 20)):
            with suppress(ItemError):
                outputs_of(model.detector, self.kind, {position: pool.load(position)})
                return

    # -- what it finds ---------------------------------------------------------------------------------------

    def ask(self, positions: Sequence[int] | np.ndarray, model: ObjectModel | None = None,
            show: Callable[[int], object] = lambda n: None) -> None:
        """Search those of these items for which a model has no stored objects yet.

        Parameters
        ----------
        positions : sequence of int
            Positions of the items in the pool.
        model : ObjectModel or None
            The adopted one when None; without any, nothing is done.
        show : callable
            Called with the number of items that were searched since the last call.
        """
        if model is None:
            self.follow()
            model = self._model
        if model is None or isinstance(model.detector, ImportedDetector):
            return
        cache = self._cache(model)
        missing = cache.missing(positions)
        number_of = self._numbers(model) if missing else {}  # not under the lock: it waits for the project's
        faults, n_searched = Counter[str](), 0
        for start in range(0, len(missing), AT_ONCE):
            with self._predicting:  # two threads don't search the same item
                some = cache.missing(missing[start:start + AT_ONCE])
                found, wrong = search(model.detector, self.kind, self.project.pool, some, number_of)
                cache.put(some, found)
            faults += wrong
            n_searched += len(some)
            show(len(missing[start:start + AT_ONCE]))
        self._tell_faults(model, faults, n_searched)

    def _numbers(self, model: ObjectModel) -> dict[int | str, int]:
        """The name, id or number by which the model calls a label -> the label's index among the model's labels."""
        taxonomy, numbers = self.project.lineage.versions[model.taxonomy], dict[int | str, int]()
        for number, label_id in enumerate(model.label_ids):
            numbers |= {taxonomy.name_of(label_id): number, label_id: number}
            if model.own or not self._given_names:
                numbers[number] = number
        if not model.own:
            numbers |= {place: numbers[name] for place, name in enumerate(self._given_names) if name in numbers}
        return numbers

    def labels_of(self, label_id: str, model: ObjectModel | None = None) -> frozenset[int | str]:
        """The names, ids and numbers by which a model calls one of today's labels, or the labels merged into it.

        Parameters
        ----------
        label_id : str
        model : ObjectModel or None
            The adopted one when None.
        """
        model = model or self.require()
        today = [self.project.lineage.exactly(own, model.taxonomy) for own in model.label_ids]
        return frozenset(name for name, number in self._numbers(model).items() if today[number] == label_id)

    def numbers_of_given(self, label_ids: Sequence[str]) -> dict[int, int]:
        """Index in `label_ids` -> the label's number in a user's net, where 0 is the background, as in torchvision.

        Numbers follow the net's `labels`; without these the labels of the adopted model, if that is a user's, else
        `label_ids`.
        """
        today, model = self.project.lineage.today, self._model
        if self._given_names:
            names = {name: place + 1 for place, name in enumerate(self._given_names)}
            return {place: names[today.name_of(label_id)] for place, label_id in enumerate(label_ids)
                    if today.name_of(label_id) in names}
        known = list(label_ids) if model is None or model.own else \
            [self.project.lineage.exactly(label_id, model.taxonomy) for label_id in model.label_ids]
        return {place: known.index(label_id) + 1 for place, label_id in enumerate(label_ids) if label_id in known}

    def _tell_faults(self, model: ObjectModel, faults: Mapping[str, int], n_images: int) -> None:
        """Notify once of each kind of fault in a model's outputs."""
        new = {fault: n for fault, n in faults.items() if f"{model.version} {fault}" not in self._told}
        if new:
            self._told |= {f"{model.version} {fault}" for fault in new}
            self.project.notify(f"Of what model {model.version[:7]} found in {n_images} "
                                f"{self.items if n_images != 1 else self.items[:-1]}, these weren't used, the rest is: "
                                + "; ".join(f"{n:,} {fault}" for fault, n in new.items()) + ". It isn't said again.")

    def proposals(self, position: int, model: ObjectModel | None = None) -> tuple[Proposal, ...]:
        """The objects that a model finds in an item, under today's labels: with a score of .01 or more, the best first.

        Objects of labels that were retired are left out, and so are those of labels that were split, since it isn't
        known which part they belong to. An object that is found under several labels which were merged comes once.

        Parameters
        ----------
        position : int
        model : ObjectModel or None
            The adopted one when None; without any the result is empty.
        """
        if model is None:
            self.follow()
            model = self._model
        if model is None:
            return ()
        lineage, found = self.project.lineage, []
        today = [lineage.exactly(label_id, model.taxonomy) for label_id in model.label_ids]
        in_doubt = set[str]()
        for one in self._found(model, position):
            label_id = today[int(one.label)]
            if label_id is None:
                if lineage.candidates(model.label_ids[int(one.label)], model.taxonomy):
                    in_doubt.add(model.label_ids[int(one.label)])
                continue
            found.append((one, label_id))
        if in_doubt and f"{model.version} split" not in self._told:
            self._told.add(f"{model.version} split")
            named = lineage.versions[model.taxonomy]
            self.project.notify(f"Model {model.version[:7]} is older than the split of "
                                f"{', '.join(sorted(map(named.name_of, in_doubt)))}, and proposes none of these; fine-"
                                "tune, and the new one will.")
        if len({label_id for label_id in today if label_id}) < len([label_id for label_id in today if label_id]):
            found = without_repeats(found, self.kind)
        kind: Any = self.kind
        return tuple(Proposal(f"{model.version[:8]}.{place}", kind, one.at, label_id, one.score)
                     for place, (one, label_id) in enumerate(found))

    def _found(self, model: ObjectModel, position: int) -> list[Candidate]:
        """The objects that a model finds in an item; searched again where the stored ones are damaged or don't fit."""
        if isinstance(model.detector, ImportedDetector):
            return model.detector.candidates(position)
        cache, n_at = self._cache(model), {"box": 4, "point": 2, "span": 2}.get(self.kind)
        for _ in range(2):
            self.ask([position], model)
            found = cache.get(position)
            if all(int(one.label) < len(model.label_ids) and len(one.at) == (n_at or max(6, len(one.at) // 2 * 2))
                   for one in found):
                if not cache.missing([position]):
                    return found
            else:
                cache.forget(position)
        return []

    def thresholds(self, model: ObjectModel | None = None) -> dict[str, float]:
        """The threshold of a model's objects, by today's labels; a merged label has the lowest of its parts."""
        model = model or self._model
        return {} if model is None else todays_thresholds(model.thresholds, model.taxonomy, self.project.lineage)

    def table(self, positions: Sequence[int] | np.ndarray, model: ObjectModel | None = None) -> pd.DataFrame:
        """The objects that a model finds in some items, a row for each: see `Workbench.predict_objects`."""
        model = model or self.require()
        return found_table(self.project, positions, partial(self.proposals, model=model), model.version)

    def _cache(self, model: ObjectModel) -> FoundObjects:
        with self._lock:
            if model.version not in self._caches:
                self._caches[model.version] = FoundObjects(
                    self.project.folder / "predictions" / model.version / f"{KIND_OF_MODEL}.tsv", self.project.pool)
            return self._caches[model.version]


def _names_of(model: Any) -> tuple[str, ...]:
    """Names of the labels of a user's model in the order of its numbers, from its attribute `labels`; else empty."""
    names = getattr(model, "labels", None)
    if isinstance(names, (np.ndarray, pd.Index, pd.Series)):
        names = names.tolist()
    first = int(isinstance(model, nn.Module))  # torchvision's 0 is the background
    if not isinstance(names, (Mapping, list, tuple)) or not names:
        return ()
    if isinstance(names, Mapping) and set(names) == set(range(first, first + len(names))):
        names = [names[number] for number in sorted(names)]
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
        return tuple(map(str, names))
    if isinstance(names, Mapping) and all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"the model's labels are {dict(names)!r:.80}; a list of names, in the order of its numbers "
                         f"from {first}, is expected.")
    return ()


def _version_of(detector: Detector | SpanDetector) -> str:
    """The version of a user's detector: a hash of its weights, else of its attribute `version` or its class's name."""
    if isinstance(net := getattr(detector, "net", None), nn.Module):
        return weights_version(net)
    told = getattr(detector, "version", None)
    name = str(told) if told is not None else f"{type(detector).__module__}.{type(detector).__qualname__}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
