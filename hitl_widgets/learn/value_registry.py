"""The adopted heads for attributes: their weights and their predictions.

A `ValueRegistry` follows the log's "adopted_values" events, from any process. Read
`ValueRegistry.predicted` first. Heads of an older taxonomy predict under it, and their values are carried over to
today's scales.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from ..errors import BadInput, ModelError, StoreError
from ..events import Event
from ..items.pool import Pool
from ..records import PredictedValue
from ..storage.blobs import TeamFiles
from ..storage.files import make_folder
from ..storage.log import Log
from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.history import Lineage
from .architecture import Architecture
from .descriptors import Descriptors
from .pool_descriptors import PoolDescriptors
from .predict import NetPredictor, private_copy
from .text_views import TextPreprocess
from .values import Predicted, ValueHeads, predict_values, unfitted_value_net
from .weights import load_weights, save_weights, weights_version

if TYPE_CHECKING:
    from .model_card import ValueRecord
    from .values_model import ValuesModel

KIND = "adopted_values"
# Number of latest heads that are kept, and of items whose values are held in memory.
N_KEPT, N_REMEMBERED = 5, 10_000
NO_HEADS = "there are no heads for attributes yet; some 20 answers in which values are given make them, while " \
           "wb.review() is open, or by wb.finetune()."
AGAIN = "They are learnt again from the answers: no value is lost."


@dataclass(frozen=True)
class ValueModel:
    """Adopted heads for attributes.

    Attributes
    ----------
    version : str
        The `weights_version` of the net.
    net : nn.Sequential
        Descriptors and `values.ValueHeads`.
    attributes : tuple of Attribute
        The attributes as they were when the heads learnt them, in the order of the heads.
    taxonomy : int
        The version of the taxonomy at that time.
    """

    version: str
    net: nn.Sequential
    attributes: tuple[Attribute, ...]
    taxonomy: int

    @property
    def descriptors(self) -> Descriptors:
        """The descriptors that the heads read."""
        net = self.net[0]
        assert isinstance(net, Descriptors)
        return net

    @property
    def heads(self) -> ValueHeads:
        """The heads."""
        heads = self.net[1]
        assert isinstance(heads, ValueHeads)
        return heads

    @cached_property
    def of_descriptors(self) -> str:
        """The version of the descriptors."""
        return weights_version(self.descriptors)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """A name for each output: the attribute's id, and for a choice also the choice, after "="."""
        names: list[str] = []
        for attribute in self.attributes:
            names += [attribute.id] if attribute.scale is not None else \
                [output_of(attribute, choice) for choice in attribute.choices]
        return tuple(names)


def output_of(attribute: Attribute, choice: Value | None = None) -> str:
    """The name of the output for an attribute, or for one of its choices."""
    return attribute.id if attribute.scale is not None else f"{attribute.id}={choice}"


class ValueRegistry:
    """The heads for attributes of a project. Safe for many threads.

    Parameters
    ----------
    folder : Path
        The project's folder.
    log : Log
        The project's log.
    architecture : callable
        Returns the `Architecture`, whose view of an item the descriptors read.
    descriptors : PoolDescriptors
        Descriptors of the pool's items.
    record : callable
        Called with an event's kind and body, and perhaps its id; appends it to the log.
    lineage : callable
        Returns today's `Lineage`.
    latest : callable
        Returns the log's last "adopted_values" event, from any process, or None.
    notify : callable
        Called with a sentence for the person.
    changed : callable
        Called when other heads are in use.
    files : TeamFiles
        The project's files that other machines need.

    Attributes
    ----------
    missing : str or None
        Why the adopted heads can't be used, where the log names some that can't be opened.
    seed : int
        Seed of random draws of items.
    """

    def __init__(self, folder: Path, log: Log, architecture: Callable[[], Architecture], descriptors: PoolDescriptors,
                 *, record: Callable[..., Event], lineage: Callable[[], Lineage],
                 latest: Callable[[], Event | None], notify: Callable[[str], None],
                 changed: Callable[[], None], files: TeamFiles) -> None:
        self._files = files
        self.folder, self.missing, self.seed = folder, None, descriptors.seed
        self._log, self._architecture, self._descriptors = log, architecture, descriptors
        self._record, self._lineage, self._latest = record, lineage, latest
        self._notify, self._changed = notify, changed
        self._lock = threading.RLock()
        self._event: Event | None = None
        self._model: ValueModel | None = None
        self._predictor: NetPredictor | None = None
        self._known: OrderedDict[int, Mapping[str, PredictedValue]] = OrderedDict()
        self._known_of: tuple[str, int] | None = None  # the heads and the taxonomy behind the values in memory

    missing: str | None

    @property
    def adopted(self) -> ValueModel | None:
        """The adopted heads, as of the last `follow`; None if there are none."""
        return self._model

    @property
    def adoption(self) -> Event | None:
        """The event by which the adopted heads were adopted."""
        return self._event

    @property
    def version(self) -> str | None:
        """The version of the heads in use, or None; the former ones if the adopted ones can't be used (`missing`)."""
        return None if self._model is None else self._model.version

    # -- opening and adopting --------------------------------------------------------------------------------

    def path(self, version: str) -> Path:
        """The file with the weights of some heads; in a project on a server it is fetched if it is missing."""
        return self._files.here(self._place(version))

    def _place(self, version: str) -> Path:
        return self.folder / "models" / f"values-{version}.safetensors"

    def follow(self) -> bool:
        """Switch to the heads that were adopted last, by any process; quick if they are in use already.

        If their weights can't be used here, `missing` has the reason, and the former heads stay in use.

        Returns
        -------
        bool
            Whether other heads are in use now.
        """
        event = self._latest()
        with self._lock:
            before = self._event
            former = 0 if before is None else before.seq or 0
            if event is None or (event.seq or 0) <= former:
                return False
            self._event = event
            try:
                self._use(self.load(event))
            except ModelError as error:
                self.missing = str(error)
                self._notify(f"{self._log.name}: {error}")
                return False
            except StoreError:  # the server can't be reached now: tried again later
                self._event = before
                raise
        self._changed()
        return True

    def _open(self) -> None:
        """Open the adopted heads, unless that was done already."""
        if self._event is None:
            self.follow()

    def load(self, event: Event) -> ValueModel:
        """The heads of an "adopted_values" event; ModelError where their weights are gone or damaged."""
        body, lineage = event.body, self._lineage()
        path, version = self.path(body["model"]), int(body["taxonomy"])
        if version not in lineage.versions:
            raise ModelError(f"the heads {body['model']} are of taxonomy version {version}, which isn't in the log.")
        if not path.exists():
            raise ModelError(f"the heads for attributes, {path}, are gone.{self._files.lost(path)} {AGAIN}")
        try:
            net = load_weights(unfitted_value_net(path, body["attributes"]), path)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ModelError(f"the heads for attributes in {path} can't be read ({error}). {AGAIN}") from error
        if (held := weights_version(net)) != body["model"]:
            raise ModelError(f"{path} holds other heads ({held}) than its name says: the file was damaged or changed. "
                             f"{AGAIN}")
        assert isinstance(net, nn.Sequential)
        self._files.share(path)  # the server may have lost what this machine has kept
        taxonomy = lineage.versions[version]
        return ValueModel(body["model"], net, tuple(map(taxonomy.attribute, body["attributes"])), version)

    def install(self, net: nn.Sequential, attributes: Sequence[Attribute], *, taxonomy: int, origin: str,
                event_id: str | None = None, **more: Any) -> str:
        """Adopt heads: store their weights on disk, then record the adoption in the log.

        Parameters
        ----------
        net : nn.Sequential
            Descriptors and `values.ValueHeads`; it is copied.
        attributes : sequence of Attribute
            The attributes, in the order of the heads.
        taxonomy : int
            The version of the taxonomy under which they were learnt.
        origin : str
            "trained", "background" or "rolled back".
        event_id : str or None
            Id of the event; a new one when None.
        **more
            Further parts of the event's body.

        Returns
        -------
        str
            Their version.

        Raises
        ------
        IdReused
            When the log has another event of this id; nothing is adopted then.
        StoreError
            When the weights can't be kept.
        """
        net = self._kept(net)
        model = ValueModel(weights_version(net), net, tuple(attributes), taxonomy)
        try:
            make_folder(self._place(model.version).parent)
            save_weights(net, self._place(model.version), metadata={"version": model.version})
        except (OSError, SafetensorError) as error:
            raise StoreError(f"the heads for attributes can't be kept in {self.folder / 'models'} ({error}). Make room "
                             "on the disk, or let the folder be written to, and try again; no answer is lost."
                             ) from error
        self._files.share(self._place(model.version))
        with self._lock:
            self._event = self._record(KIND, {"model": model.version, "origin": origin, "taxonomy": taxonomy,
                                              "attributes": [attribute.id for attribute in attributes], **more},
                                       id=event_id)
            self._use(model)
        self._changed()
        return model.version

    def go_back(self, beginning: str) -> str | None:
        """Adopt former heads again; return their version, or None if no version of heads begins so.

        Parameters
        ----------
        beginning : str
            Beginning of a version in `wb.models()`.

        Raises
        ------
        ModelError
            When their weights are gone.
        """
        self.follow()
        events = {event.body["model"]: event for event in self._log.events(kind=KIND)
                  if event.body["model"].startswith(beginning)}
        if len(events) != 1:
            return None
        [event] = events.values()
        model = self.load(event)
        if model.version == self.version:
            return model.version
        kept = {name: event.body[name] for name in ("learnt", "n_training", "seed", "out_of_fold")}
        return self.install(model.net, model.attributes, taxonomy=model.taxonomy, origin="rolled back", **kept,
                            why="Somebody went back to these heads.", compared=None)

    @staticmethod
    def _kept(net: nn.Sequential) -> nn.Sequential:
        copy = private_copy(net)
        assert isinstance(copy, nn.Sequential)
        return copy

    def _use(self, model: ValueModel) -> None:
        self._model, self.missing, self._predictor = model, None, None
        self._known.clear()

    def remove_old(self) -> None:
        """Remove the weights of all heads but the last few that were adopted; the log keeps their figures."""
        versions = [event.body["model"] for event in self._log.events(kind=KIND)]
        kept = {*list(dict.fromkeys(reversed(versions)))[:N_KEPT], self.version}
        self._files.remove(*map(self._place, set(versions) - kept))

    # -- predicting ------------------------------------------------------------------------------------------

    def rows(self, positions: np.ndarray, model: ValueModel | None = None) -> np.ndarray:
        """The inputs of the heads for some items: float32, shape (n, n_features), NaN where an item can't be read.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
        model : ValueModel or None
            The adopted heads when None.
        """
        model = model or self._model
        if model is None or self._descriptors.holds(model.of_descriptors):
            return self._descriptors.of(positions)
        return self._descriptors.by(model.descriptors, positions)

    def predict(self, positions: np.ndarray, model: ValueModel | None = None) -> dict[str, Predicted]:
        """Predictions for some items, under the taxonomy that the heads learnt: attribute_id -> `values.Predicted`.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of items that can be read.
        model : ValueModel or None
            The adopted heads when None; without any the result is empty.
        """
        model = model or self._model
        if model is None:
            return {}
        rows = torch.from_numpy(self.rows(positions, model))
        return {attribute.id: predict_values(head, attribute, rows)
                for attribute, (_, head) in zip(model.attributes, model.heads.each(), strict=True)}

    def predicted(self, position: int) -> Mapping[str, PredictedValue]:
        """The predicted values of an item, on today's scales: attribute_id -> value with its interval.

        Attributes without a head are left out, and so are values whose meaning an edit left in doubt; empty for an item
        that can't be read.
        """
        self._open()
        model, lineage = self._model, self._lineage()
        if model is None:
            return {}
        key = (model.version, lineage.today.version)
        with self._lock:
            if self._known_of != key:
                self._known.clear()
                self._known_of = key
            if position in self._known:
                return self._known[position]
        rows = self.rows(np.array([position]), model)
        found = {} if not np.isfinite(rows).all() else dict(_todays(model, torch.from_numpy(rows), lineage))
        with self._lock:
            if self._known_of == key:
                self._known[position] = found
                while len(self._known) > N_REMEMBERED:
                    self._known.popitem(last=False)
        return found

    def spread(self, rows: np.ndarray) -> np.ndarray | None:
        """The uncertainty of some items' values, averaged over today's attributes.

        Parameters
        ----------
        rows : ndarray, shape (n, n_features)
            Descriptors of the items, by the pool's own net.

        Returns
        -------
        ndarray of float32, shape (n,), or None
            Standard deviations as shares of the scale's length, and for choices the probability of any other choice;
            NaN where a row has NaN. None without heads.
        """
        self._open()
        model, today = self._model, {attribute.id for attribute in self._lineage().today.attributes}
        if model is None or today.isdisjoint(attribute.id for attribute in model.attributes) \
                or not self._descriptors.holds(model.of_descriptors):
            return None
        known = np.isfinite(rows).all(axis=1)
        found = np.full(len(rows), np.nan, np.float32)
        if known.any():
            of_known = torch.from_numpy(rows[known])
            found[known] = np.mean([predict_values(head, attribute, of_known).deviations for attribute, (_, head) in
                                    zip(model.attributes, model.heads.each(), strict=True) if attribute.id in today],
                                   axis=0)
        return found

    # -- elsewhere ---------------------------------------------------------------------------------------------

    def current(self) -> ValuesModel | None:
        """The adopted heads with all that is needed to use them elsewhere; None if there are none."""
        self.follow()
        return None if self._model is None else self._elsewhere(self._model)

    def model(self, beginning: str | None = None) -> ValuesModel:
        """Some heads with all that is needed to use them elsewhere; see `Workbench.model`.

        Parameters
        ----------
        beginning : str or None
            Beginning of a version in `wb.models()`; the adopted heads when None.

        Raises
        ------
        ModelError
            Without heads, or when their weights are gone.
        BadInput
            When there is no such version.
        """
        if beginning is None:
            if (current := self.current()) is None:
                raise ModelError(self.missing or NO_HEADS)
            return current
        events = {event.body["model"]: event for event in self._log.events(kind=KIND)
                  if event.body["model"].startswith(str(beginning))}
        if len(events) != 1:
            versions = dict.fromkeys(event.body["model"] for event in self._log.events(kind=KIND))
            raise BadInput(f"{'several heads have' if events else 'no heads have'} a version that begins with "
                           f"{beginning!r}; there are {', '.join(versions) or 'none'}.")
        return self._elsewhere(self.load(*events.values()))

    def _elsewhere(self, model: ValueModel) -> ValuesModel:
        from .values_model import ValuesModel
        architecture = self._architecture()
        return ValuesModel(model, kind=architecture.pool.kind, preprocess=self._view, record=lambda: _record(
            self._log, model.version))

    @property
    def _view(self) -> Any:
        architecture = self._architecture()
        return TextPreprocess() if architecture.pool.kind == "text" else architecture.view

    # -- explaining ------------------------------------------------------------------------------------------

    @property
    def predictor(self) -> NetPredictor:
        """The whole net as a predictor with an output for each scale and each choice, for explanations.

        Raises
        ------
        ModelError
            Without heads.
        """
        self._open()
        with self._lock:
            if self._model is None:
                raise ModelError(self.missing or NO_HEADS)
            if self._predictor is None or self._predictor.version != self._model.version:
                architecture = self._architecture()
                self._predictor = NetPredictor(self._model.net, architecture.pool, self._model.outputs,
                                               preprocess=self._view, device=architecture.device,
                                               probabilities=False)
            return self._predictor

    def output(self, attribute: Attribute, choice: Value | None = None) -> str:
        """The name of the output for an attribute's value, or for one of its choices.

        Raises
        ------
        ModelError
            If the adopted heads have no such output, since the attribute or the choice is newer.
        """
        name = output_of(attribute, self._former(attribute, choice))
        if name not in self.predictor.label_ids:
            of = f"choice {choice!r} of attribute" if choice is not None else "attribute"
            raise ModelError(f"the adopted model has no output for {of} {attribute.name!r}: it was added later, or has "
                             "too few answers. Answer some items, and fine-tune.")
        return name

    def _former(self, attribute: Attribute, choice: Value | None) -> Value | None:
        """The choice that the heads learnt and that today has this meaning; the choice itself if there is none."""
        model, lineage = self._model, self._lineage()
        if choice is None or model is None or not lineage.moved(attribute.id, model.taxonomy):
            return choice
        was = next((one for one in model.attributes if one.id == attribute.id), attribute)
        return next((old for old in was.choices if lineage.value(was.id, old, model.taxonomy) == choice), choice)

    def target(self, name: str, position: int) -> str:
        """The output for a name: its own or, for an attribute with choices, that of the choice to suggest.

        Parameters
        ----------
        name : str
            An attribute's id, optionally followed by "=" and a choice.
        position : int
            Position of the item.

        Raises
        ------
        ModelError
            See `output`.
        """
        attribute_id, _, choice = name.partition("=")
        attribute = self._lineage().today.attribute(attribute_id)
        if attribute.scale is not None:
            return self.output(attribute)
        said = self.predicted(position).get(attribute_id)
        return self.output(attribute, choice or (None if said is None else said.value))

    def parts(self, label_id: str, predictor: NetPredictor) -> tuple[str, ...]:
        """The outputs that make up an output: only itself. See `Inference.parts`."""
        return (label_id,) if label_id in predictor.label_ids else ()

    @property
    def pool(self) -> Pool:
        """The items."""
        return self._architecture().pool


def _record(log: Log, version: str) -> ValueRecord:
    from .model_card import value_record_of
    return value_record_of(log, version)


def sorted_ends(low: float, high: float) -> tuple[float, float]:
    """The ends of an interval, sorted: an edit that reverses a scale swaps them.

    If one end has no counterpart today, both are NaN.
    """
    return (math.nan, math.nan) if math.isnan(low + high) else (min(low, high), max(low, high))


def _todays(model: ValueModel, rows: torch.Tensor, lineage: Lineage) -> list[tuple[str, PredictedValue]]:
    """The predicted values of one item, carried over to today's scales."""
    found = []
    today = {attribute.id: attribute for attribute in lineage.today.attributes}
    for attribute, (_, head) in zip(model.attributes, model.heads.each(), strict=True):
        if attribute.id not in today:
            continue
        said = predict_values(head, attribute, rows)
        moved = lineage.moved(attribute.id, model.taxonomy)

        def now(value: Value | None, id: str = attribute.id, moved: bool = moved) -> Value | None:
            if value is None or not moved:
                return value
            carried: Value | None = lineage.value(id, value, model.taxonomy)
            return carried
        if (value := now(said.values[0])) is None:
            continue
        low, high = sorted_ends(*(math.nan if end is None or isinstance(end, str) else float(end)
                                  for end in (now(said.low[0]), now(said.high[0]))))
        probs: dict[Value, float] | None = None
        if said.probs is not None:
            probs = {}
            for step, prob in zip(attribute.steps, said.probs[0].tolist(), strict=True):
                if (carried := now(step)) is not None:  # an edit may merge steps
                    probs[carried] = round(probs.get(carried, 0.0) + prob, 6)
        found.append((attribute.id, PredictedValue(attribute.id, value, low, high, model=model.version, probs=probs)))
    return found
