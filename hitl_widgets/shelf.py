"""Which model is adopted, where are its weights, and who asks it?

A `Shelf` keeps the models of one project: their weights lie in ``models/`` by content hash, the log says which was
adopted when, and one private copy of the adopted net serves predictions and explanations. Read `Shelf.adopt` first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from .errors import ModelError
from .learn.attribute import NetExplainer
from .learn.head import n_outputs, with_outputs
from .learn.predict import NetPredictor, load_weights, private_copy, sample_images, save_weights, small_cnn
from .learn.preprocess import Preprocess, Probed, as_preprocess
from .predictions import Predictions
from .project import Project
from .records import Attribution

KEPT_MAPS = 512
OWN_SIDE = 96


class Shelf:
    """The models of a project.

    Parameters
    ----------
    net : the architecture, and the first weights; None for the workbench's own small CNN
    preprocess, device : as for `Workbench`
    """

    def __init__(self, project: Project, *, net: nn.Module | None = None, preprocess: Any = None,
                 device: str = "auto") -> None:
        self.project, self.device = project, device
        self._given = None if net is None else private_copy(net)
        self._preprocess = preprocess
        self._view: Preprocess | Probed | None = None
        self._lock = threading.RLock()
        self._predictor: NetPredictor | None = None
        self._explainer: NetExplainer | None = None
        self._maps: OrderedDict[tuple[Any, ...], Attribution] = OrderedDict()
        self.made_here: set[str] = set()
        self.training = threading.Lock()
        self.missing: str | None = None

    # -- which model -----------------------------------------------------------------------------------------

    @property
    def predictor(self) -> NetPredictor:
        """The adopted model's private copy; ModelError where there is none."""
        if self._predictor is None:
            raise ModelError(self.missing or
                             "there is no model yet; pass model=... to the workbench, or fine-tune first.")
        return self._predictor

    @property
    def adopted(self) -> str | None:
        """The adopted model's version, or None."""
        return None if self._predictor is None else self._predictor.version

    def open(self) -> None:
        """Take up the model that the log says is adopted; a net that comes to a project without one is adopted.

        Raises
        ------
        ModelError
            When weights and net don't fit, or the net can't be used on this pool.
        """
        events = list(self.project.store.events(kind="adopted"))
        if not events:
            if self._given is not None:
                self.adopt(self._given, origin="given")
            return
        body = events[-1].body
        if body["own"] and self._given is not None:
            raise ModelError(f"{self.project.folder} has a model of the workbench's own, {body['model']}, and goes on "
                             "with it; leave model= out. For a net of yours choose another folder.")
        label_ids = tuple(body["label_ids"])
        again = "Or train anew with wb.finetune(start='initial'): no label is lost."
        if self._given is None and not body["own"]:
            self.missing = f"the adopted model {body['model']} needs its net; open the project with model=... {again}"
        elif not self.path(body["model"]).exists():
            self.missing = f"the weights of the adopted model, {self.path(body['model'])}, are gone. {again}"
        else:
            try:
                net = load_weights(self._fresh(len(label_ids), seed=0), self.path(body["model"]))
                self._install(self.predictor_of(net, label_ids))
            except ModelError as error:
                if self._given is not None:
                    raise
                self.missing = f"{error} {again}"
        if self.missing:
            self.project.say(f"{self.project.folder.name}: {self.missing}")

    def adopt(self, net: nn.Module, *, origin: str, label_ids: Sequence[str] | None = None) -> str:
        """Make a net the project's model; its version comes back. The weights are on disk before the log says so.

        Parameters
        ----------
        origin : "given" or "trained"
        label_ids : of its outputs; today's labels when None

        Raises
        ------
        ModelError
            When it doesn't give one finite logit for each label.
        """
        label_ids = tuple(label_ids or self.project.taxonomy.label_ids)
        net = private_copy(net)
        predictor = self.predictor_of(net, label_ids)
        self._try(predictor)
        self.keep(net, predictor.version)
        self.project.record("adopted", {"model": predictor.version, "label_ids": list(label_ids), "origin": origin,
                                        "own": self._given is None})
        self._install(predictor)
        return predictor.version

    def keep(self, net: nn.Module, version: str) -> None:
        """Have a net's weights on disk."""
        path = self.path(version)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            save_weights(net, path, metadata={"version": version})

    def path(self, version: str) -> Any:
        """Where the weights of a version lie."""
        return self.project.folder / "models" / f"{version}.safetensors"

    def start(self, start: str, *, seed: int) -> nn.Module:
        """A copy to train from: the adopted net, or the first weights; its outputs are today's labels.

        A label that was there before keeps its row, a merged one starts from the mean of its parts, a new one from
        fresh weights.
        """
        today = self.project.taxonomy.label_ids
        with self._lock:
            if self.missing and start != "initial":
                raise ModelError(self.missing)
            if start == "initial" or self._predictor is None:
                return self._fresh(len(today), seed=seed)
            predictor = self._predictor
            with predictor.lock:
                net = private_copy(predictor.net)
        if predictor.label_ids == today:
            return net
        return with_outputs(net, len(today), old=len(predictor.label_ids), seed=seed,
                            rows=self.project.lineage.columns(predictor.label_ids))

    def models(self) -> pd.DataFrame:
        """One row per model that was adopted or trained: model, origin, adopted_at, accuracy, n, adopted (today's)."""
        rows: dict[str, dict[str, Any]] = {}
        for event in self.project.store.events():
            if event.kind == "adopted":
                row = rows.setdefault(event.body["model"], {"model": event.body["model"]})
                row |= {"origin": event.body["origin"], "adopted_at": event.acted_at}
            elif event.kind == "trained":
                row = rows.setdefault(event.body["model"], {"model": event.body["model"], "origin": "trained"})
                row |= {"accuracy": event.body["accuracy"], "n": event.body["n"]}
        frame = pd.DataFrame(list(rows.values()), columns=["model", "origin", "adopted_at", "accuracy", "n"])
        frame["adopted"] = frame["model"] == self.adopted
        return frame

    # -- what it says ----------------------------------------------------------------------------------------

    def ask(self, positions: np.ndarray) -> None:
        """Let the adopted model speak of some items, and keep what it says."""
        with self._lock:
            predictor, predictions = self.predictor, self.project.ranking.predictions
        probs = predictor.predict(positions.tolist())
        with self._lock:
            if self.project.ranking.predictions is predictions:
                self.project.ranking.put(positions, probs, self.project.lineage)
            elif predictions is not None:  # another model was adopted meanwhile: its answers aren't these
                predictions.put(positions, probs)

    def explain(self, position: int, method: str, target: str) -> Attribution:
        """Why the adopted model would say `target` of an item."""
        with self._lock:
            explainer, version = self._explainer, self.adopted
        if explainer is None:
            raise ModelError("there is no model to explain; pass model=... to the workbench, or fine-tune first.")
        key = (version, position, method, target)
        if key not in self._maps:
            attribution = explainer.explain(position, method=method, target=target)
            with self._lock:
                self._maps[key] = attribution
                while len(self._maps) > KEPT_MAPS:
                    self._maps.popitem(last=False)
            return attribution
        return self._maps[key]

    # -- taking up -------------------------------------------------------------------------------------------

    def _fresh(self, n_labels: int, *, seed: int) -> nn.Module:
        """The net as it was before any training, with so many outputs."""
        if self._given is not None:
            net = private_copy(self._given)
            given = n_outputs(net)
            return net if given in (None, n_labels) else with_outputs(net, n_labels, old=given, seed=seed)
        view = self.view(self._sample())
        return small_cnn(n_labels, channels=view.shape[0], size=(view.shape[1], view.shape[2]), seed=seed)

    def _sample(self) -> np.ndarray:
        samples = sample_images(self.project.pool, n=1)
        if not samples:
            raise ModelError("none of the pool's items can be read, so no model can be made for them.")
        return samples[0]

    @property
    def view(self) -> Preprocess | Probed:
        """What the net sees of an item; worked out once, from the first items."""
        with self._lock:
            if self._view is None:
                samples = sample_images(self.project.pool)
                view = as_preprocess(self._preprocess, self._given, samples)
                if self._given is None and self._preprocess is None and isinstance(view, Preprocess) \
                        and max(view.shape) > OWN_SIDE:  # no larger than the workbench's own net is made for
                    view = Preprocess(OWN_SIDE, channels=view.channels)
                self._view = view
            return self._view

    def predictor_of(self, net: nn.Module, label_ids: Sequence[str]) -> NetPredictor:
        """Something to ask a net by, on this project's pool."""
        return NetPredictor(net, self.project.pool, label_ids, preprocess=self.view, device=self.device)

    def _try(self, predictor: NetPredictor) -> None:
        """Ask about a few items, so that a net that doesn't fit is told before anything is stored."""
        for position in range(min(10, len(self.project.pool))):
            if not np.isnan(predictor.predict([position])).any():
                return

    def _install(self, predictor: NetPredictor) -> None:
        """Let this model speak from now on."""
        pool = self.project.pool
        with self._lock:
            self._predictor, self._explainer, self.missing = predictor, NetExplainer(predictor), None
            self.project.use_predictions(Predictions(
                self.project.folder / "predictions", model=predictor.version, label_ids=predictor.label_ids,
                ids_digest=pool.digest, n_items=len(pool)))
