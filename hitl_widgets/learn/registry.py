"""The registry of models: which versions there are, which is adopted, and where their weights are stored.

Weights are stored in the project's folder under their content hash; the log says which model was trained or adopted
when. `models` returns a table of the models. A `Registry` opens the adopted model, adopts another, and makes nets for
training.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from torch import nn

from ..errors import BadInput, IdReused, ModelError, StoreError
from ..events import Event
from ..project.project import Project
from ..records import Bars, no_bars
from ..storage.blobs import TeamFiles
from ..storage.files import make_folder
from ..storage.log import Log
from ..taxonomy.history import Lineage
from ..taxonomy.labels import Taxonomy
from .architecture import Architecture
from .average import AverageNet, average_with_outputs
from .callables import CallableNet, is_function, names_of_outputs
from .descriptors import Descriptors
from .estimator_registry import EstimatorVersions
from .estimators import Estimator, NotFitted, is_estimator
from .imported import ImportedNet, ImportedPredictor, holds_imported_net, no_net
from .inference import Inference
from .last_layer import with_outputs
from .light import holds_light_net, is_light_net
from .model import Model
from .pool_descriptors import PoolDescriptors
from .predict import NetPredictor, private_copy
from .text_descriptors import TextDescriptors
from .text_light import PoolTexts, TextPrior
from .value_registry import ValueRegistry
from .versions import BACKGROUND, IMPORTED, SHORTEST, LoggedVersions
from .versions import Version as Version
from .weights import load_weights, save_weights, shapes_in, weights_version

if TYPE_CHECKING:
    from .model_card import Record

# Number of items to which the row of a merged label is fitted.
N_FITTED_BY = 2_000
AGAIN = "Or train anew with wb.finetune(start='initial'): no label is lost."
# Number of latest rounds whose models are kept although they weren't adopted.
N_KEPT = 3
# Number of latest models of the background that are kept.
N_KEPT_OF_BACKGROUND = 5
IS_VERSION = re.compile("[0-9a-f]{16}").fullmatch


class Registry:
    """The models of a project.

    Parameters
    ----------
    folder : Path
        The project's folder.
    log : Log
        The project's log.
    architecture : Architecture
        Builds the project's nets.
    inference : Inference
        Predicts with the adopted model; it is notified when another is adopted.
    record : callable
        Called with an event's kind and body, and perhaps its id; appends it to the log.
    lineage : callable
        Returns today's `Lineage`.
    latest : callable
        Returns the log's last "adopted" event, from any process, or None.
    notify : callable
        Called with a sentence for the person.
    descriptors : PoolDescriptors
        Descriptors of the pool's items, for light models.
    values : ValueRegistry
        The heads for attributes.
    files : TeamFiles
        The project's files that other machines need.
    texts : PoolTexts or None
        Features of the pool's items, where these are texts.
    bars : Bars
        Shows how many items an estimator has predicted.

    Attributes
    ----------
    training : threading.Lock
        Held while a model is trained or adopted: each new model is compared with the one that is adopted then.
    estimators : EstimatorVersions
        The versions that come from a person's estimator.
    """

    def __init__(self, folder: Path, log: Log, architecture: Architecture, inference: Inference, *,
                 record: Callable[..., Event], lineage: Callable[[], Lineage], latest: Callable[[], Event | None],
                 notify: Callable[[str], None], descriptors: PoolDescriptors, values: ValueRegistry, files: TeamFiles,
                 texts: PoolTexts | None = None, bars: Bars = no_bars) -> None:
        self.folder, self.architecture, self.inference = folder, architecture, inference
        self.descriptors, self.values, self.texts, self._files = descriptors, values, texts, files
        self.training = threading.Lock()
        # Held while the adopted model is replaced; a training doesn't hold it, so that cards can `follow` meanwhile.
        self._adopting = threading.RLock()
        self._at = 0  # number of the event by which the model in use was adopted
        self._log, self._record, self._lineage, self._latest, self._notify = log, record, lineage, latest, notify
        self._logged = LoggedVersions(log, lineage)
        self.estimators = EstimatorVersions(lambda: self.architecture, notify=notify, names=self.names, bars=bars)
        self._trained_here, self._told_out_of_sample = set[str](), set[str]()

    @property
    def adopted(self) -> str | None:
        """The adopted model's version, or None."""
        return self.inference.version

    @property
    def light_source(self) -> Descriptors | TextPrior:
        """What light models learn from: descriptors of images, or the prior of texts."""
        return self.descriptors.net if self.texts is None else self.texts.prior

    @property
    def adopted_at(self) -> int:
        """Number of the event by which the model in use was adopted; 0 without one.

        A larger number than earlier shows that another model was adopted since. The result of `follow` doesn't show
        that, because a card follows on another thread.
        """
        return self._at

    @property
    def adoption(self) -> Event | None:
        """The event by which the model in use was adopted, as of the last `follow`; None without one."""
        event = self._latest()
        return event if event is None or (event.seq or 0) <= self._at else \
            next((event for event in reversed(list(self._log.events(kind="adopted")))
                  if (event.seq or 0) <= self._at), None)

    @property
    def _label_ids(self) -> list[str]:
        return [] if self.adopted is None else list(self.inference.predictor.label_ids)

    # -- opening and adopting --------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the model that the log says is adopted; in a project without one, adopt the net that was passed.

        Raises
        ------
        ModelError
            When weights and net don't fit, or the net can't be used on this pool.
        """
        event, own = self._latest(), self.architecture.own
        if event is None:
            if self.architecture.first_net is not None:
                self.install(self.architecture.first_net, origin="given")
            elif self.architecture.estimator is not None:
                self._begin_with_estimator(self.architecture.estimator)
            return
        if self._goes_on_with_function(event):
            return
        if self.estimators.takes_over(event, self.path(event.body["model"])):
            assert self.architecture.estimator is not None
            self._install_estimator(self.architecture.estimator)
            return
        if event.body["own"] and not own and not self._is_light(event):
            raise ModelError(f"{self.folder} has a model of the workbench's own, {event.body['model']}, and goes on "
                             "with it; leave model= out. For a net of yours choose another folder.")
        try:
            self._take_up(event)
        except ModelError as error:
            if not own:
                raise
            self._miss(f"{error} {AGAIN}")

    def _begin_with_estimator(self, estimator: Estimator) -> None:
        """Adopt the estimator that was given, unless it isn't fitted yet."""
        if estimator.is_fitted:
            with suppress(NotFitted):
                self._install_estimator(estimator)
                return
        does = "wb.finetune() fits it to the answers" if estimator.fits else "pass one that is fitted"
        self._notify(f"The {estimator.name} given isn't fitted, so there is no model yet: {does}.")

    def _install_estimator(self, estimator: Estimator) -> str:
        label_ids = self._lineage().today.label_ids
        net = self.estimators.net(estimator, label_ids)
        return self.install(net, origin="given", label_ids=label_ids, **net.about)

    def _goes_on_with_function(self, event: Event) -> bool:
        """Adopt the function that was given if the log names another; notify if a net of the workbench is adopted."""
        function = self.architecture.function
        if function is None:
            return False
        if event.body["own"]:
            self._notify(f"{self._log.name} goes on with the workbench's own model, {event.body['model']}, and not "
                         "with the model given; wb.adopt(model) takes that one.")
            return False
        if (version := weights_version(function)) == event.body["model"] or self._is_imported(event):
            return False
        self._notify(f"The model given, {version}, isn't the one that was adopted, {event.body['model']}; it is "
                     "adopted now.")
        self.install(function, origin="given")
        return True

    def follow(self) -> bool:
        """Switch to the model that was adopted last, if another process adopted it.

        If its weights can't be used here, `Inference.missing` has the reason, and the former model stays in use.

        Returns
        -------
        bool
            Whether there was a new "adopted" event to follow.
        """
        event = self._latest()  # not under the lock: it waits for the project's own
        with self._adopting:
            if event is None or (event.seq or 0) <= self._at:
                return False
            try:
                if event.body["own"] and not self.architecture.own and not self._is_light(event):
                    raise ModelError(f"model {event.body['model']}, which {event.annotator} adopted, is of the "
                                     f"workbench's own making; open the project again, without model=. {AGAIN}")
                if (event.body["model"], event.body["label_ids"]) == (self.adopted, self._label_ids):
                    self._at, self.inference.missing = event.seq or 0, None
                else:
                    self._take_up(event)
            except ModelError as error:
                self._at = event.seq or 0
                self._miss(str(error))
            return True

    def _is_light(self, event: Event) -> bool:
        """Whether an adopted model is a light one, which a project with a user's net can have as well."""
        return event.body["origin"] == BACKGROUND or holds_light_net(self.path(event.body["model"]))

    def _is_imported(self, event: Event) -> bool:
        """Whether an adopted model is imported predictions, which need no net."""
        return event.body["origin"] == IMPORTED or holds_imported_net(self.path(event.body["model"]))

    def _take_up(self, event: Event) -> None:
        """Predict with the model of an "adopted" event, or report why it isn't available."""
        body = event.body
        # First of all: where the server can't be reached now, the same model is tried again later.
        label_ids, path = tuple(body["label_ids"]), self.path(body["model"])
        self._at = event.seq or 0
        if self.architecture.own and not body["own"] and self.architecture.function is None \
                and self.architecture.estimator is None and not self._is_imported(event):
            self._miss(f"the adopted model {body['model']} needs its net; open the project with model=... {AGAIN}")
        elif not path.exists():
            self._miss(f"the weights of the adopted model, {path}, are gone.{self._files.lost(path)} "
                       f"{'Import its table again. ' * self._is_imported(event)}{AGAIN}")
        elif why := _unreadable(path):
            self._miss(f"{why} {AGAIN}")
        else:
            net = self._restored(path, label_ids)
            if why := _other_weights(net, body["model"], path):
                self._miss(f"{why} {AGAIN}")
            else:
                self._files.share(path)  # the server may have lost what this machine has kept
                self.inference.use(self.architecture.predictor(net, label_ids), thresholds=body.get("thresholds"))

    def use_live(self) -> None:
        """Predict with the adopted estimator itself, not its stored probabilities, if it is in memory by now."""
        with self._adopting:
            if (version := self.adopted) is None or not self.estimators.is_live(version):
                return
            predictor = self.inference.predictor
            if isinstance(predictor, ImportedPredictor):
                net = self.estimators.restored(self.path(version), predictor.label_ids)
                assert net is not None
                self.inference.use(self.architecture.predictor(net, predictor.label_ids),
                                   thresholds=self.thresholds_of(version))

    def _restored(self, path: Path, label_ids: Sequence[str]) -> nn.Module:
        """The net of a file, with the estimator whose probabilities it holds, if that was passed or fitted here."""
        net = self.estimators.restored(path, label_ids)
        if isinstance(net, ImportedNet):
            net.estimator = self.names().get(path.stem, "") if self._logged.was_estimator(path.stem) else ""
        return self.architecture.restored(path, len(label_ids)) if net is None else net

    def _miss(self, why: str) -> None:
        self.inference.missing = why
        self._notify(f"{self._log.name}: {why}")

    def adopt(self, model: str | nn.Module | Callable[..., Any]) -> str:
        """Adopt a former version, or a net that the user trained; see `Workbench.adopt`."""
        with self.training:
            self.follow()
            if isinstance(model, nn.Module):
                return self._adopt_net(model)
            if is_function(model) or is_estimator(model):
                return self._adopt_function(model)
            if not isinstance(model, str):
                raise BadInput(f"a model of type {type(model).__name__} was given; a version of wb.models(), a "
                               "torch.nn.Module or a function is expected.")
            if len(model) >= SHORTEST and (heads := self.values.go_back(model)) is not None:
                return heads
            version = self.find(model)
            return version.name if version.name == self.adopted else \
                self.install(self.load(version), origin="rolled back", label_ids=version.label_ids,
                             thresholds=self.thresholds_of(version.name), **self._logged.named(version.name))

    def install(self, net: nn.Module, *, origin: str, label_ids: Sequence[str] | None = None,
                event_id: str | None = None, thresholds: Mapping[str, float] | None = None, **more: Any) -> str:
        """Make a net the project's model. Its weights are on disk before the log says so.

        Parameters
        ----------
        net : torch.nn.Module
            The net, which is copied.
        origin : str
            "given", "trained", "rolled back", "background" or "imported".
        label_ids : sequence of str or None
            Labels of its outputs; today's labels when None.
        event_id : str or None
            Id of the event; a new one when None.
        thresholds : mapping of str to float, optional
            Where an item may have several labels, the probability from which each counts as on, by label_id.
        **more
            Further parts of the event's body.

        Returns
        -------
        str
            Its version.

        Raises
        ------
        ModelError
            When the net doesn't return one finite logit for each label.
        IdReused
            When the log has another event of this id; nothing was changed then.
        """
        label_ids = tuple(label_ids or self._lineage().today.label_ids)
        if origin == "given" and self.architecture.of_texts and not isinstance(net, CallableNet):
            _check_order(net, label_ids, self._lineage().today)
        net = private_copy(net)
        predictor = self.architecture.predictor(net, label_ids)
        _try_out(predictor)
        is_new = not self.path(predictor.version).exists()
        self._save(net, predictor.version)
        with self._adopting:
            try:
                event = self._record("adopted", {"model": predictor.version, "label_ids": list(label_ids),
                                                 "origin": origin, "own": self._is_own(net),
                                                 **({"thresholds": dict(thresholds)} if thresholds else {}), **more},
                                     id=event_id)
            except IdReused:
                if is_new:
                    self._files.remove(self._place(predictor.version))
                raise
            self._at = event.seq or 0
            self.inference.use(predictor, thresholds=event.body.get("thresholds"))
        return predictor.version

    def _is_own(self, net: nn.Module) -> bool:
        """Whether a net is one of the workbench's own, and not the user's."""
        return is_light_net(net) or (self.architecture.own and not isinstance(net, (CallableNet, ImportedNet)))

    def thresholds_of(self, version: str) -> dict[str, float]:
        """The thresholds of a model's labels by label_id; empty if it has none."""
        return self._logged.thresholds_of(version)

    def _adopt_function(self, function: Any) -> str:
        former, self.architecture = self.architecture, self.architecture.with_net(function)
        try:
            if self.architecture.estimator is not None:
                return self._install_estimator(self.architecture.estimator)
            assert self.architecture.first_net is not None
            return self.install(self.architecture.first_net, origin="given")
        except BaseException:
            self.architecture = former
            raise

    def _adopt_net(self, net: nn.Module) -> str:
        label_ids, former = self._lineage().today.label_ids, self.architecture
        net = private_copy(net)
        if not former.builds(former.with_logits(net), len(label_ids)):
            self.architecture = former.with_net(net)
        net = self.architecture.with_logits(net)
        try:
            version = self.install(net, origin="given", label_ids=label_ids)
        except BaseException:
            self.architecture = former
            raise
        if self.architecture is not former:
            self._notify(f"The net given is of another build than the project's former one: from now on open "
                         f"{self._log.name} with model=... a net of this build.")
        return version

    # -- versions and weights --------------------------------------------------------------------------------

    def find(self, beginning: str) -> Version:
        """The version that begins with this text or was imported under this name; BadInput unless exactly one does."""
        return self._logged.find(beginning)

    def names(self) -> dict[str, str]:
        """Names of versions, version -> name: those given to imports, and the classes of estimators."""
        return self._logged.names()

    def add_predictions(self, net: ImportedNet, *, label_ids: Sequence[str], name: str, adopt: bool) -> str:
        """Make imported probabilities a model of the project, and adopt them, unless they are adopted already.

        Parameters
        ----------
        net : ImportedNet
        label_ids : sequence of str
            Labels of its columns.
        name : str
            Name shown to people; a version keeps its first name.
        adopt : bool
            Whether it is adopted; otherwise it is kept, and `adopt` takes its version or name.

        Returns
        -------
        str
            Its version.
        """
        with self.training:
            self.follow()
            version = weights_version(net)
            known = self.names().get(version)
            if known is not None and known != name:
                self._notify(f"These predictions were imported before, as {known!r}, which stays their name.")
            if version == self.adopted or (known is not None and not adopt):
                self._save(net, version)  # it may be gone from the disk
            elif adopt:
                self.install(net, origin=IMPORTED, label_ids=label_ids, name=known or name)
            else:
                self._save(net, version)
                self._record(IMPORTED, {"model": version, "name": name, "label_ids": list(label_ids)})
            return version

    def around(self, n_round: int) -> tuple[Version, Version]:
        """The versions before and after a round; BadInput where there was none before."""
        return self._logged.around(n_round)

    def path(self, version: str) -> Path:
        """The file with the weights of a version; in a project on a server it is fetched if it is missing."""
        return self._files.here(self._place(version))

    def _place(self, version: str) -> Path:
        return self.folder / "models" / f"{version}.safetensors"

    def load(self, version: Version) -> nn.Module:
        """The net of a version; ModelError when its weights are gone, or are of another net."""
        path = self.path(version.name)
        if not path.exists():
            kept = f" Of the models that were learnt in the background the last {N_KEPT_OF_BACKGROUND} are kept." \
                if self._logged.was_learnt_in_background(version.name) else ""
            raise ModelError(f"the weights of {version.name} are gone from {path.parent}.{kept}"
                             f"{self._files.lost(path) if not kept else ''} Choose another version of wb.models(), or "
                             "train anew: no label is lost.")
        if why := _unreadable(path):
            raise ModelError(why)
        net = self._restored(path, version.label_ids)
        if why := _other_weights(net, version.name, path):
            raise ModelError(f"{why} Choose another version of wb.models(), or train anew: no label is lost.")
        return net

    def predictor(self, version: Version) -> NetPredictor:
        """A predictor with the net of a version."""
        return self.architecture.predictor(self.load(version), version.label_ids)

    # 13 branches: the version may be the adopted one, which another thread may change, an older one or an imported one.
    def model(self, beginning: str | None = None) -> Model:
        """A version with all that is needed to use it elsewhere; see `Workbench.model`."""
        if beginning is not None and not isinstance(beginning, str):
            raise BadInput(f"version is a {type(beginning).__name__}; a version of wb.models() is expected, or None.")
        # One look at the adopted model: another thread may adopt another one meanwhile.
        adopted = self.inference.predictor if beginning is None or self.adopted is not None else None
        version = self.find(adopted.version if beginning is None and adopted is not None else str(beginning))
        if holds_imported_net(self.path(version.name)) and not self.estimators.is_live(version.name):
            estimator = self.names().get(version.name, "") if self._logged.was_estimator(version.name) else ""
            raise no_net("be used elsewhere; wb.predict() and wb.probs() have them"
                         f"{'' if estimator else ', as they were imported'}", estimator)
        # The adopted net is in memory even if its weights are gone from the disk.
        predictor = self.predictor(version) if adopted is None or version.name != adopted.version else \
            self.architecture.predictor(adopted.copy_of_net(), version.label_ids)
        taxonomy = self._lineage().versions[version.taxonomy]
        return Model(predictor, [taxonomy.name_of(label_id) for label_id in version.label_ids],
                     record=partial(self._record_of, version), values=self.values.current())

    def _record_of(self, version: Version) -> Record:
        from .model_card import record_of
        return record_of(self._log, version.name, taxonomy=version.taxonomy)

    def _save(self, net: nn.Module, version: str) -> None:
        path = self.path(version)
        _write(net, path, version)
        self._files.share(path)

    # -- training --------------------------------------------------------------------------------------------

    def start(self, start: str, *, seed: int, lineage: Lineage | None = None) -> nn.Module:
        """A net to train from, with one output for each label.

        A label that was there before keeps its row of the last layer. A merged label gets a row whose probability
        approximates the sum of those of its parts on items that the model has predicted. A new label, or one that a
        split made, starts from fresh weights.

        Parameters
        ----------
        start : str
            "adopted" copies the adopted net, "initial" copies the net with its initial weights, "frozen" makes a net of
            which only the last layer is trained. Without an adopted model, "adopted" means "initial".
        seed : int
            Seed of fresh weights.
        lineage : Lineage or None
            Its newest version has the labels; None for today's.

        Raises
        ------
        ModelError
            When the adopted model can't be loaded, or its last layer isn't found.
        BadInput
            When start is "frozen" and the user passed a net.
        """
        lineage = lineage or self._lineage()
        label_ids, inference = lineage.today.label_ids, self.inference
        if inference.missing and start == "adopted":
            raise ModelError(inference.missing)
        if start == "frozen":
            return self.architecture.frozen(len(label_ids), seed=seed)
        if (name := self.starts_from(start)) is None:
            return self.architecture.fresh(len(label_ids), seed=seed)
        predictor, embeddings = inference.predictor, inference.stored_embeddings(n=N_FITTED_BY)
        if name != predictor.version:
            predictor, embeddings = self.predictor(self.find(name)), None
        net = predictor.copy_of_net()
        if predictor.label_ids == label_ids:
            return net
        rows, old = lineage.columns(predictor.label_ids), len(predictor.label_ids)
        if isinstance(net, AverageNet):
            return average_with_outputs(net, len(label_ids), old=old, seed=seed, rows=rows, embeddings=embeddings)
        return with_outputs(net, len(label_ids), old=old, seed=seed, name=self.architecture.head, rows=rows,
                            embeddings=embeddings)

    def starts_from(self, start: str) -> str | None:
        """The version whose net `start` copies: the adopted one; None if training starts from initial weights.

        If the user passed a net and a light model is adopted, it is the last adopted version of the user's net. It is
        also None for a function and, if the workbench makes the nets, for imported predictions: neither has weights.
        """
        if start != "adopted" or self.adopted is None:
            return None
        net, own = self.inference.predictor.net, self.architecture.own
        if isinstance(net, CallableNet) or (own and isinstance(net, ImportedNet)):
            return None
        if own or not (is_light_net(net) or isinstance(net, ImportedNet)):
            return self.adopted
        return next((event.body["model"] for event in reversed(list(self._log.events(kind="adopted")))
                     if not event.body["own"] and self.path(event.body["model"]).exists()
                     and not self._is_imported(event)), None)

    def untrained_embeddings(self, positions: Sequence[int]) -> np.ndarray | None:
        """Embeddings of some items by the net as it was before it learnt from any answer.

        That is the net with which the project began, also if a later session passed one with trained weights.

        Returns
        -------
        ndarray of float32, shape (n, n_features), or None
            NaN where an item can't be read. None where the net's last layer isn't found.
        """
        predictor = self._untrained()
        return None if predictor.head is None else predictor.embed(positions)

    def imported_probs(self, positions: Sequence[int]) -> np.ndarray | None:
        """The imported probabilities of some items; notify the person once that they must be out-of-sample.

        Returns
        -------
        ndarray of float32, shape (n, n_labels), or None
            Over today's labels: one that was added since has the probability 1 / n_labels (1/2 if an item may have
            several labels). NaN where there is no prediction. None if no imported predictions are adopted.
        """
        self.follow()
        version = self.adopted
        if version is None or (name := self.names().get(version)) is None or self._logged.was_estimator(version):
            return None  # an estimator may have learnt these very answers
        if version not in self._told_out_of_sample:
            self._told_out_of_sample.add(version)
            self._notify(f"Second looks and soft labels use the imported probabilities of {name!r} as they are. They "
                         "must be out-of-sample, from a model that hadn't learnt these answers, as cross-validation "
                         "gives them: a model agrees with the answers that it learnt, also with those that are wrong.")
        probs, lineage = self.inference.probs(np.asarray(positions, np.int64)), self._lineage()
        unknown = np.logical_not(lineage.columns(self._label_ids).any(axis=0))
        return _with_new_labels(probs, unknown, multilabel=self.inference.predictor.multilabel)

    def _untrained(self) -> NetPredictor:
        """A predictor with the net as it was before it learnt from any answer."""
        first = next((event.body for event in self._log.events(kind="adopted")), None)
        if first is not None and first["origin"] == "given" and not self.architecture.own:
            with suppress(ModelError):  # the weights are gone, or of a net of another build
                label_ids = tuple(first["label_ids"])
                net = self.architecture.restored(self.path(first["model"]), len(label_ids))
                return self.architecture.predictor(net, label_ids)
        label_ids = self._lineage().today.label_ids
        return self.architecture.predictor(self.architecture.fresh(len(label_ids), seed=self.architecture.seed),
                                           label_ids)

    def runs(self) -> list[Event]:
        """The "trained" events of the log, the oldest first."""
        return list(self._log.events(kind="trained"))

    def best(self) -> Version | None:
        """The best model so far, according to the last run; None if none was measured, or its weights were deleted."""
        best = next((event.body["best"] for event in reversed(list(self._log.events(kind="trained")))
                     if event.body.get("best")), None)
        return self.find(best) if best is not None and self.path(best).exists() else None

    def add(self, net: nn.Module | None, *, key: str, body: Mapping[str, Any]) -> None:
        """Store the net that a run has trained, and write the run into the log.

        Parameters
        ----------
        net : torch.nn.Module or None
            With its final weights; None for a run of heads for attributes alone, which `values` stores.
        key : str
            Hash of what the run depends on.
        body : mapping
            Body of the event; "model" is the net's version.
        """
        if net is not None:
            self._save(net, body["model"])
        self._record("trained", {**body, "key": key})
        self._trained_here.add(key)

    def remove_old(self) -> None:
        """Remove weights, predictions and embeddings of old models that nothing uses any more.

        Those are models that were never adopted, except those of the last rounds; and models that only the background
        adopted, except the last five, the adopted one and the best. The log keeps their figures.
        """
        adoptions, runs = (list(self._log.events(kind=kind)) for kind in ("adopted", "trained"))
        # The log may come from somebody else, and a text that isn't a version could name any folder.
        versions = list(filter(IS_VERSION, _old_versions(adoptions, runs, self.adopted)))
        self._files.remove(*map(self._place, versions))
        for version in versions:
            for kind in ("predictions", "maps"):
                shutil.rmtree(self.folder / kind / version, ignore_errors=True)

    def former_run(self, key: str) -> Mapping[str, Any] | None:
        """The body of the last run with this key, if an earlier session made it and its result is still valid."""
        if key in self._trained_here:
            return None
        return next((event.body for event in reversed(list(self._log.events(kind="trained")))
                     if event.body["key"] == key
                     and (not event.body["adopted"] or event.body["model"] in (self.adopted, self.values.version))),
                    None)


def registry_of(project: Project, *, net: nn.Module | None = None, preprocess: Any = None, device: str = "auto",
                head: str | None = None, bars: Bars = no_bars) -> Registry:
    """Make the registry of a project, with an `Inference` of its own; the arguments are those of `Architecture`.

    Raises
    ------
    BadInput
        When the project was opened without its pool.
    ModelError
        When `net` isn't a net, or can't be copied.
    """
    pool, seed = project.pool, project.settings["seed"]
    architecture = Architecture(pool, net, preprocess=preprocess, device=device, head=head, seed=seed,
                                notify=project.notify, task=project.task, names=lambda: names_of(project.lineage),
                                content=project.content, descriptors=lambda: descriptors)
    folder = project.folder / "descriptors"

    def measures() -> np.ndarray:
        return project.queue.holdout | project.queue.gold
    descriptors = TextDescriptors(pool, folder, measures=measures, seed=seed) if pool.kind == "text" else \
        PoolDescriptors(pool, folder, view=lambda: architecture.view, seed=seed, measures=measures,
                        by_windows=project.task == "multilabel")
    inference = Inference(pool, project.folder / "predictions", ranking=project.ranking, seed=seed,
                          use_predictions=project.use_predictions, lineage=lambda: project.lineage,
                          descriptors=descriptors)

    def changed() -> None:
        project.refresh()  # the state knows of the heads
        project.tell("model")
    registry = Registry(project.folder, project.log, architecture, inference, record=project.record,
                        lineage=lambda: project.lineage, latest=project.adopted, notify=project.notify,
                        descriptors=descriptors, values=ValueRegistry(
                            project.folder, project.log, lambda: registry.architecture, descriptors,
                            record=project.record, lineage=lambda: project.lineage, latest=project.adopted_values,
                            notify=project.notify, changed=changed, files=project.files),
                        files=project.files,
                        texts=PoolTexts(pool, folder, measures=measures, seed=seed) if pool.kind == "text" else None,
                        bars=bars)
    return registry


def names_of(lineage: Lineage) -> Iterable[Mapping[str, str]]:
    """The names of labels under each version of a taxonomy, label_id -> name, the newest first."""
    for number in sorted(lineage.versions, reverse=True):
        taxonomy = lineage.versions[number]
        yield dict(zip(taxonomy.label_ids, taxonomy.names, strict=True))


def _check_order(net: nn.Module, label_ids: Sequence[str], today: Taxonomy) -> None:
    """Refuse a model whose outputs have the names of the labels in another order."""
    names, told = [today.name_of(label_id) for label_id in label_ids], names_of_outputs(net)
    if told != names and sorted(told) == sorted(names):
        raise ModelError(f"the model's outputs are {', '.join(told)} in this order, and the labels "
                         f"{', '.join(names)}. Pass the labels in the model's order.")


def _old_versions(adoptions: Sequence[Event], runs: Sequence[Event], in_use: str | None) -> set[str]:
    """The versions in "adopted" and "trained" events that nothing uses any more; see `Registry.remove_old`."""
    adopted, trained = ({event.body["model"] for event in events} for events in (adoptions, runs))
    old = trained - adopted - {event.body["model"] for event in runs[-N_KEPT:]}
    light = list(dict.fromkeys(event.body["model"] for event in reversed(adoptions)
                               if event.body["origin"] == BACKGROUND))
    chosen = {event.body["model"] for event in adoptions if event.body["origin"] != BACKGROUND}
    best = [event.body["best"] for event in runs if event.body.get("best")][-1:]
    return old | set(light[N_KEPT_OF_BACKGROUND:]) - chosen - trained - {in_use, *best}


def _with_new_labels(probs: np.ndarray, unknown: np.ndarray, *, multilabel: bool) -> np.ndarray:
    """Probabilities in which each label unknown to the model gets 1 / n_labels, or 1/2 with several labels."""
    if not unknown.any():
        return probs
    share = 1 / (2 if multilabel else len(unknown))
    known = probs * (1 if multilabel else 1 - share * unknown.sum())
    return np.where(unknown, np.float32(share) + 0 * probs[:, :1], known)


def _write(net: nn.Module, path: Path, version: str) -> None:
    """Write the weights of a net to a file unless they are there already; StoreError if that fails."""
    if not path.exists() or not _holds(path, net, version):  # it was damaged since, and the same net learnt again
        try:
            make_folder(path.parent)
            save_weights(net, path, metadata={"version": version})
        except (OSError, SafetensorError) as error:
            raise StoreError(f"the model can't be kept in {path.parent} ({error}). Make room on the disk, or let "
                             "the folder be written to, and try again; no answer is lost.") from error


def _try_out(predictor: NetPredictor) -> None:
    """Predict a few items, so that a net that doesn't fit is refused before anything is stored."""
    for position in range(min(10, len(predictor.pool))):
        if not np.isnan(predictor.predict([position])).any():
            return


def _unreadable(path: Path) -> str | None:
    """A sentence on why weights can't be read, by this account or by anybody; None if they can."""
    if os.access(path, os.R_OK):
        try:
            shapes_in(path)
        except (OSError, SafetensorError) as error:
            return f"The weights in {path} can't be read ({error}): the file was cut off or damaged."
        return None
    return (f"The weights in {path} may not be read here: their permissions are {stat.filemode(path.stat().st_mode)}. "
            "Whoever owns them can change that with chmod.")


def _holds(path: Path, net: nn.Module, version: str) -> bool:
    """Whether a file has the weights of a net."""
    with suppress(OSError, SafetensorError, ModelError):
        return weights_version(load_weights(net, path)) == version
    return False


def _other_weights(net: nn.Module, version: str, path: Path) -> str | None:
    """A sentence saying that a net isn't the one in its file's name; None if it is."""
    held = weights_version(net)
    return None if held == version else \
        f"{path} holds other weights ({held}) than its name says: the file was damaged or changed."
