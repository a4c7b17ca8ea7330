"""The parts of a workbench: its project, its models, and the explainers that compute their saliency maps.

`open_services` opens a project with its models and returns a `Services`, which loads each part when it is first used.
"""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import BadInput
from ..items.pool import Pool
from ..project.evidence import is_of_attribute, is_of_object
from ..project.project import Project
from ..project.relabel import by_features
from ..project.session import ModelAccess, Session
from ..quality.label_errors import SuspectedErrors
from ..records import OBJECT_TASKS, SHAPE_OF, Attribution, Bars, PredictedValue, no_bars
from ..storage.location import locate
from ..taxonomy.labels import Taxonomy
from ..widgets.bars import Bar, say

if TYPE_CHECKING:
    from ..explain.object_explainer import ObjectMaps
    from ..explain.service import Explainer
    from ..learn.inference import Inference
    from ..learn.object_registry import ObjectRegistry
    from ..learn.registry import Registry

# The user name of every account on Binder and in Jupyter's own images: it identifies nobody.
NOBODY = "jovyan"


class GivenModel(NamedTuple):
    """The model that a person passed to the workbench, and how to use it; see `Workbench`."""

    net: Any
    preprocess: Any
    device: str
    head: str | None


# 17 branches: each argument is checked or replaced by a default, and what was opened is given back after an error.
def open_services(folder: str | os.PathLike[str], pool: Pool | None, taxonomy: Any, model: GivenModel, *,
                  annotator: str | None, progress: bool, cache: str | os.PathLike[str] | None,
                  **settings: Any) -> Services:
    """Open a project and the model that was adopted last; `settings` are passed to `Project`.

    Raises
    ------
    TaxonomyMismatch, WrongPool, ModelError, ReadOnly, LogDamaged, LogBusy, BadInput
        For the reasons given in `Workbench`. The project is closed then.
    """
    location = locate(folder, cache)
    if pool is not None and not isinstance(pool, Pool):
        raise BadInput(f"pool is a {type(pool).__name__}; make one with hw.Pool.from_images(...) or "
                       "hw.Pool.from_frame(...).")
    if taxonomy is not None and not isinstance(taxonomy, Taxonomy):
        taxonomy = Taxonomy(taxonomy)
    if model.device not in ("auto", "cpu"):  # another device means that torch is loaded, or will be at once
        from ..learn.predict import pick_device
        pick_device(model.device)
    who = annotator or os.environ.get("JUPYTERHUB_USER") or _system_user()
    bars: Bars = Bar if progress else no_bars
    with bars(None, title=f"Opening {location.name}"):
        project = Project(folder, pool, taxonomy, annotator=who, cache=cache, notify=say, **settings)
    services = Services(project, model, has_pool=pool is not None, bars=bars,
                        annotator_is_default=annotator is None and who == NOBODY)
    try:
        if project.task == "scale" and model.net is not None:
            raise BadInput("this project asks for values alone, and its heads learn from descriptors of the pool; a "
                           "model of labels can't be used. Leave model= out.")
        if pool is not None and (model.net is not None or any(project.log.events(kind="adopted"))):
            with bars(None, title=f"Opening the model of {location.name}"):
                services.detectors.open() if services.asks_for_objects else services.registry.open()
    except BaseException as error:
        project.abandon()
        if isinstance(error, KeyError):  # in the event of the adopted model
            raise project.log.unreadable(error) from error
        raise
    return services


class Services:
    """A project, its models and their explainers. Safe for many threads; torch and captum load when first used.

    Parameters
    ----------
    project : Project
    given : GivenModel
        The person's own model.
    has_pool : bool
        Whether the project was opened with its items.
    annotator_is_default : bool
        Whether the annotator's name is a default that identifies nobody.
    bars : Bars
        Shows progress while something takes longer than a second.
    """

    def __init__(self, project: Project, given: GivenModel, *, has_pool: bool, annotator_is_default: bool,
                 bars: Bars) -> None:
        self.project, self.given, self.bars = project, given, bars
        self._lock = threading.RLock()
        self._registry: Registry | None = None
        self._detectors: ObjectRegistry | None = None
        self._explainer: Explainer | None = None
        self._value_explainer: Explainer | None = None
        self._object_maps: ObjectMaps | None = None
        access = ModelAccess(self._ask, self._embeddings, self.attribution, self._label_errors, self.follow,
                             self._describe)
        self.session = Session(project, access, pool=project.pool if has_pool else None,
                               annotator_is_default=annotator_is_default, bars=bars)
        if has_pool:
            project.ordering = by_features(lambda positions: self.inference.features(positions),
                                           seed=project.settings["seed"])
            project.suggest_values, project.selector.spread = self._suggest_values, self._spread

    # -- the models

    @property
    def asks_for_objects(self) -> bool:
        """Whether the project asks for the objects in an item, which detectors find."""
        return self.project.task in OBJECT_TASKS

    @property
    def registry(self) -> Registry:
        """The versions of this project's model; loads torch when first used."""
        with self._lock:
            if self._registry is None:
                from ..learn.registry import registry_of
                given = GivenModel(None, None, self.given.device, None) if self.asks_for_objects else self.given
                self._registry = registry_of(self.project, bars=self.bars, **given._asdict())
            return self._registry

    @property
    def detectors(self) -> ObjectRegistry:
        """The detectors of a project that asks for objects; BadInput in other projects. Loads torch when first used."""
        if not self.asks_for_objects:
            raise BadInput(f"this project has task={self.project.task!r}, and no model that finds objects; "
                           "wb.predict() has what its model says.")
        with self._lock:
            if self._detectors is None:
                from ..learn.object_registry import ObjectRegistry
                self._detectors = ObjectRegistry(self.project, model=self.given.net, device=self.given.device)
            return self._detectors

    @property
    def inference(self) -> Inference:
        """The model that was adopted last, here or by another process, with its predictions so far."""
        self.follow()
        return self.registry.inference

    def load_inference(self) -> Inference:
        """Return `inference`, with a progress bar while torch is imported; raise ModelError without a model."""
        with self.bars(None, title="Loading the model"):
            inference = self.inference
            inference.require_model()
        return inference

    @property
    def adopted(self) -> str | None:
        """The version of the model in use; None if none was loaded yet."""
        if self._detectors is not None:
            return self._detectors.version
        return None if self._registry is None else self._registry.adopted

    def follow(self) -> None:
        """Switch to the model that another process adopted, if any. Without an adopted model torch isn't loaded."""
        self.project.follow()
        if self.project.state.adopted is not None and self.asks_for_objects:
            self.detectors.follow()
        elif self.project.state.adopted is not None:
            self.registry.follow()
        if self.project.state.adopted_values is not None:
            self.registry.values.follow()

    def require_labels(self) -> None:
        """Raise BadInput in a project that asks for attribute values alone, or for objects."""
        if self.asks_for_objects:
            raise BadInput("this project asks for objects, and its model says no label of a whole image; "
                           "wb.predict_objects() has what is proposed, and wb.objects() what people said.")
        if self.project.task == "scale":
            raise BadInput("this project asks for values alone, so there is no model of labels; wb.predict() has the "
                           "values that are suggested, and wb.values() those that were given.")

    # -- the explainers

    @property
    def explainer(self) -> Explainer:
        """Computes saliency maps for the adopted model; loads captum when first used."""
        with self._lock:
            if self._explainer is None:
                from ..learn.imported import refuse_without_net
                if self.inference.version is not None:
                    refuse_without_net(self.inference.predictor)  # before captum, which takes seconds to load
                from ..explain.service import Explainer
                self._explainer = Explainer(self.inference, self.project.folder / "maps", content=self.project.content)
            return self._explainer

    def load_explainer(self) -> Explainer:
        """Return `explainer`, with a progress bar while torch and captum are imported; ModelError without a model."""
        with self.bars(None, title="Loading the model"):
            self.inference.require_model()
            return self.explainer

    @property
    def value_explainer(self) -> Explainer:
        """Computes saliency maps for the adopted heads of attributes; loads captum when first used."""
        with self._lock:
            if self._value_explainer is None:
                from ..explain.service import Explainer
                self._value_explainer = Explainer(self.registry.values, self.project.folder / "maps",
                                                  content=self.project.content)
            return self._value_explainer

    @property
    def object_maps(self) -> ObjectMaps:
        """Computes saliency maps for objects that the adopted detector finds; loads captum when first used."""
        detectors = self.detectors
        with self._lock:
            if self._object_maps is None:
                from ..explain.object_explainer import ObjectMaps
                self._object_maps = ObjectMaps(detectors, self.project.pool, SHAPE_OF[self.project.task],
                                               self.project.folder / "maps", content=self.project.content)
            return self._object_maps

    def attribution(self, position: int, method: str, target: str, against: str | None = None) -> Attribution | None:
        """The attribution of the item at a position, for a label, a value of an attribute or an object."""
        if is_of_object(target):
            return self.object_maps.explain(position, method, target)
        if is_of_attribute(target, self.project.taxonomy):
            values = self.registry.values
            return self.value_explainer.explain(position, method, values.target(target, position), against)
        return self.explainer.explain(position, method, target, against)

    # -- predictions for the session and the queue

    def _ask(self, positions: np.ndarray) -> None:
        """Have the adopted model predict these items, or find their objects."""
        if self.asks_for_objects:
            self.detectors.ask(positions)
        else:
            self.inference.ask(positions)

    def _embeddings(self, positions: np.ndarray) -> np.ndarray | None:
        if (registry := self._registry) is None or registry.architecture.own:
            return None
        return registry.inference.stored_embeddings(positions)

    def _describe(self, positions: np.ndarray) -> np.ndarray:
        return self.registry.descriptors.of(positions)

    def _suggest_values(self, position: int) -> Mapping[str, PredictedValue]:
        return {} if self.project.state.adopted_values is None else self.registry.values.predicted(position)

    def _spread(self, rows: np.ndarray) -> np.ndarray | None:
        return None if self.project.state.adopted_values is None else self.registry.values.spread(rows)

    def _label_errors(self) -> SuspectedErrors:
        project = self.project
        if self.asks_for_objects:
            from ..project.object_suspects import suspected
            if project.state.adopted is not None:
                self.detectors.tell_out_of_sample()
            return SuspectedErrors(suspected(project), project.log.standing_of)
        if project.task == "scale":
            from ..learn.value_suspects import suspected_values
            return SuspectedErrors(suspected_values(project, self.registry), project.log.standing_of)
        from ..learn.soft_labels import suspected_answers
        answers = suspected_answers(project, self.registry.untrained_embeddings,
                                    predicted=self.registry.imported_probs)
        return SuspectedErrors(answers, project.log.standing_of)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return NOBODY
