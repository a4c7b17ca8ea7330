"""Which model is adopted, where are its weights, and who asks it?

A `Shelf` keeps the models of one project: their weights lie in ``models/`` by content hash, the log says which was
adopted when, and one private copy of the adopted net serves predictions and explanations. Read `Shelf.adopt` first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from .. import __version__
from ..errors import BadInput, HitlError, ImageError, ModelError
from ..explain.attribute import NetExplainer
from ..items.features import COMPONENTS, OF_EDGES, Pixels, features
from ..project.project import Project
from ..records import Attribution, new_id
from ..storage.arrays import Embeddings, Predictions
from ..storage.attribution_cache import AttributionCache
from .head import n_outputs, with_outputs
from .nets import empty, holds_kmeans_net, kmeans_net
from .predict import NetPredictor, load_weights, private_copy, sample_images, save_weights, small_cnn
from .preprocess import Preprocess, Probed, as_preprocess

KEPT_MAPS = 512
# So many items, drawn by chance, show a net for few answers what items look like.
FITTED = 1_000
OWN_SIDE = 96
# Items by which the row of a merged label is chosen.
FOLDED_BY = 2_000


class Shelf:
    """The models of a project.

    Parameters
    ----------
    net : the architecture, and the first weights; None for the workbench's own small CNN
    preprocess, device, head : as for `Workbench`
    """

    def __init__(self, project: Project, *, net: nn.Module | None = None, preprocess: Any = None,
                 device: str = "auto", head: str | None = None) -> None:
        self.project, self.device, self.head = project, device, None if net is None else head
        self._given = None if net is None else private_copy(net)
        self._preprocess = preprocess
        self._view: Preprocess | Probed | None = None
        self._lock = threading.RLock()
        self._predictor: NetPredictor | None = None
        self._explainer: NetExplainer | None = None
        self._embeddings: Embeddings | None = None
        self._pixels: dict[bool, Pixels] = {}
        self._kept: OrderedDict[tuple[str, ...], Attribution] = OrderedDict()
        self._maps = AttributionCache(project.folder / "maps")
        self._recipe = ""
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

    @property
    def own(self) -> bool:
        """Whether the workbench makes its models itself; False where a person passed a net."""
        return self._given is None

    def open(self) -> None:
        """Take up the model that the log says is adopted; a net that comes to a project without one is adopted.

        Raises
        ------
        ModelError
            When weights and net don't fit, or the net can't be used on this pool.
        """
        events = list(self.project.log.events(kind="adopted"))
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
                net = self._stored(body["model"], len(label_ids))
                self._install(self.predictor_of(net, label_ids))
            except ModelError as error:
                if self._given is not None:
                    raise
                self.missing = f"{error} {again}"
        if self.missing:
            self.project.notify(f"{self.project.folder.name}: {self.missing}")

    def adopt(self, net: nn.Module, *, origin: str, label_ids: Sequence[str] | None = None) -> str:
        """Make a net the project's model; its version comes back. The weights are on disk before the log says so.

        Parameters
        ----------
        origin : "given", "trained" or "rolled back"
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
        """A copy to train from: the adopted net, the first weights, or a frozen body; its outputs are today's labels.

        A label that was there before keeps its row; a merged one gets the row whose probability comes nearest to its
        parts' sum on items that the model was asked about; a new one, or a child of a split, starts from fresh weights.
        """
        today = self.project.taxonomy.label_ids
        with self._lock:
            if self.missing and start == "adopted":
                raise ModelError(self.missing)
            if start == "frozen":
                if self._given is not None:
                    raise BadInput("start='frozen' is for a workbench without a model of yours; to teach only the last "
                                   "layer of yours, freeze the others: layer.requires_grad_(False).")
                return self._filters(len(today), seed=seed)
            if start == "initial" or self._predictor is None:
                return self._fresh(len(today), seed=seed)
            predictor, kept = self._predictor, self._embeddings
            with predictor.lock:
                net = private_copy(predictor.net)
        if predictor.label_ids == today:
            return net
        return with_outputs(net, len(today), old=len(predictor.label_ids), seed=seed, name=self.head,
                            seen=None if kept is None else kept.some(FOLDED_BY),
                            rows=self.project.lineage.columns(predictor.label_ids))

    def models(self) -> pd.DataFrame:
        """One row per model that was adopted or trained: model, origin, adopted_at, accuracy, n, adopted (today's)."""
        rows: dict[str, dict[str, Any]] = {}
        today = self.adopted
        for event in self.project.log.events():
            if event.kind == "adopted":
                row = rows.setdefault(event.body["model"], {"model": event.body["model"],
                                                            "origin": event.body["origin"]})
                row["adopted_at"] = event.acted_at
                today = self.adopted or event.body["model"]
            elif event.kind == "trained":
                row = rows.setdefault(event.body["model"], {"model": event.body["model"], "origin": "trained"})
                row |= {"accuracy": event.body["accuracy"], "n": event.body["n"]}
        frame = pd.DataFrame(list(rows.values()), columns=["model", "origin", "adopted_at", "accuracy", "n"])
        frame["adopted"] = frame["model"] == today
        return frame

    def take_up(self, model: str | nn.Module) -> str:
        """Go back to a former version, or on with a net that a person trained; see `Workbench.adopt`."""
        with self.training:
            if isinstance(model, nn.Module):
                return self._take_in(model)
            if not isinstance(model, str):
                raise BadInput(f"a model of type {type(model).__name__} was given; a version of wb.models(), or a "
                               "torch.nn.Module, is expected.")
            return self._go_back(model)

    def _take_in(self, net: nn.Module) -> str:
        label_ids = self.project.taxonomy.label_ids
        twin = private_copy(net)
        former = self._given, self._view
        if not self._is_of_our_build(twin, len(label_ids)):
            self._given, self._view = twin, None
        try:
            version = self.adopt(twin, origin="given", label_ids=label_ids)
        except BaseException:
            self._given, self._view = former
            raise
        if self._given is not former[0]:
            self.project.notify(f"The net given is of another build than the project's former one: from now on open "
                             f"{self.project.folder.name} with model=... a net of this build.")
        return version

    def _is_of_our_build(self, net: nn.Module, n_labels: int) -> bool:
        """Whether the net that this project is opened with can take this one's weights, and does the same with them."""
        try:
            ours = private_copy(self._fresh(n_labels, seed=0))
        except ModelError:
            return False

        def build(net: nn.Module) -> tuple[object, ...]:
            return repr(net), {name: (value.shape, value.dtype) for name, value in net.state_dict().items()}
        return build(ours) == build(net)

    def _go_back(self, wanted: str) -> str:
        version, label_ids = self.version(wanted)
        return version if version == self.adopted else \
            self.adopt(self.load(version, label_ids), origin="rolled back", label_ids=label_ids)

    def version(self, wanted: str) -> tuple[str, tuple[str, ...]]:
        """A version of `models`, found by its beginning, and its outputs' labels; BadInput where there is none."""
        known: dict[str, tuple[str, ...]] = {}
        shown: tuple[str, ...] = ()
        for event in self.project.log.events():
            if event.kind == "taxonomy":
                shown = self.project.lineage.versions[event.body["taxonomy"]["version"]].label_ids
            elif event.kind == "adopted":
                known[event.body["model"]] = tuple(event.body["label_ids"])
            elif event.kind == "trained":
                known.setdefault(event.body["model"], shown)
        fitting = [version for version in known if version.startswith(wanted)] if len(wanted) >= 4 else []
        if len(fitting) != 1:
            there = ", ".join(list(known)[-8:]) or "none yet"
            raise BadInput(f"model version {wanted!r} {'is unknown' if not fitting else 'fits more than one'}; there "
                           f"are: {there}. See wb.models().")
        return fitting[0], known[fitting[0]]

    def load(self, version: str, label_ids: Sequence[str]) -> nn.Module:
        """The net of a version; ModelError when its weights are gone, or are of another net."""
        if not self.path(version).exists():
            raise ModelError(f"the weights of {version} are gone from {self.path(version).parent}. Choose another "
                             "version of wb.models(), or train anew: no label is lost.")
        return self._stored(version, len(label_ids))

    # -- what it says ----------------------------------------------------------------------------------------

    def ask(self, positions: np.ndarray) -> None:
        """Let the adopted model speak of some items, and keep what it says."""
        with self._lock:
            predictor, predictions = self.predictor, self.project.ranking.predictions
            embeddings = self._embeddings
        probs, embedded = predictor.predict_and_embed(positions.tolist())
        if embeddings is not None:
            embeddings.put(positions, embedded)
        with self._lock:
            if self.project.ranking.predictions is predictions:
                self.project.ranking.put(positions, probs, self.project.lineage)
            elif predictions is not None:  # another model was adopted meanwhile: its answers aren't these
                predictions.put(positions, probs)

    def embeddings(self, positions: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """What the adopted model's last layer reads of some items: float32, shape (n, n_features); NaN where an item
        can't be read. Without positions, all the pool's as far as the model was asked, NaN elsewhere.

        Raises
        ------
        ModelError
            Without a model, or when its last layer has to be named.
        """
        with self._lock:
            predictor, kept = self.predictor, self._embeddings
        if kept is None:
            return predictor.embed([])  # says how to name the layer
        if positions is None:
            if not kept.n_features and (first := predictor.embed(range(min(10, len(self.project.pool))))).shape[1]:
                kept.put(range(len(first)), first)
            return kept.get()
        positions = np.asarray(positions, np.int64)
        missing = kept.missing(positions)
        rows = kept.get(positions)
        fresh = predictor.embed(missing.tolist())
        if fresh.shape[1]:
            kept.put(missing, fresh)
            if rows.shape[1] != fresh.shape[1]:
                rows = np.full((len(positions), fresh.shape[1]), np.nan, np.float32)
            rows[np.isin(positions, missing)] = fresh
        return rows

    def embedded(self, positions: np.ndarray) -> np.ndarray | None:
        """The same as far as it is known already, NaN elsewhere; None where nothing is."""
        with self._lock:
            kept = self._embeddings
        return None if kept is None or not kept.n_features else kept.get(positions)

    def features(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """What is known of some items' looks: the model's embedding, where there is one, beside the components of the
        pixels and of their edges (`hitl_widgets.items.features`): float32, shape (n, n_features); NaN where an item
        can't be read."""
        blocks = [self.pixels(positions), self.pixels(positions, edges=True)]
        if self._embeddings is not None:
            blocks.insert(0, self.embeddings(positions))
        return features(*blocks)

    def pixels(self, positions: Sequence[int] | np.ndarray, *, edges: bool = False) -> np.ndarray:
        """The components of some items' pixels, no model needed: float32, shape (n, at most 50), or of their edges, at
        most 100; NaN as above."""
        with self._lock:
            if edges not in self._pixels:
                self._pixels[edges] = Pixels(self.project.pool, n=OF_EDGES if edges else COMPONENTS, edges=edges,
                                             seed=self.project.settings["seed"])
        return self._pixels[edges].of(positions)

    def explain(self, position: int, method: str, target: str, against: str | None = None) -> Attribution:
        """Why the adopted model would say `target` of an item, or would say it rather than `against`: today's
        label_ids."""
        [answer] = self.explain_many([position], method, [target], against=against)
        if isinstance(answer, HitlError):
            raise answer
        return answer

    def explain_many(self, positions: Sequence[int], method: str, targets: Sequence[str], *,
                     against: str | None = None) -> list[Attribution | HitlError]:
        """The same for some items, a target each; an error stands in the place of one that failed.

        A map that was worked out before comes from the disk, as long as the item's content, the model and the way to
        explain are what they were.
        """
        with self._lock:
            explainer, recipe = self._explainer, self._recipe
        if explainer is None:
            raise ModelError("there is no model to explain; pass model=... to the workbench, or fine-tune first.")
        answers: dict[int, Attribution | HitlError] = {}
        keys: dict[int, tuple[str, ...]] = {}
        parts: dict[str, tuple[str, ...]] = {}
        for row, (position, target) in enumerate(zip(positions, targets, strict=True)):
            try:
                parts |= {label: self.parts(label, explainer.predictor) for label in (target, against)
                          if label is not None and label not in parts}
            except ModelError as error:
                answers[row] = error
                continue
            content = self.project.content(position)
            if content is not None:
                key = (explainer.predictor.version, str(self.project.pool.ids[position]), content.partition(" ")[0],
                       method, target, " ".join(parts[target]), against or "", " ".join(parts.get(against or "", ())),
                       recipe)
                if (kept := self._recall(key)) is not None:
                    answers[row] = kept
                    continue
                keys[row] = key
        missing = [row for row in range(len(positions)) if row not in answers]
        # A method that doesn't exist is refused even when nothing is left to be explained.
        n = explainer.predictor.batch_size
        for some in [missing[start:start + n] for start in range(0, len(missing), n)] or [[]]:
            fresh = explainer.explain_many([positions[row] for row in some], method=method, parts=parts,
                                           targets=[targets[row] for row in some], against=[against] * len(some))
            for row, answer in zip(some, fresh, strict=True):
                answers[row] = answer
                if row in keys and isinstance(answer, Attribution):
                    self._keep_map(keys[row], answer)
        return [answers[row] for row in range(len(positions))]

    def check_explanations(self, methods: Sequence[str] | None, n: int, *, budget_s: float) -> pd.DataFrame:
        """See `Workbench.check_explanations`."""
        from ..explain.faithfulness import check
        with self._lock:
            explainer = self._explainer
        if explainer is None:
            raise ModelError("there is no model to explain; pass model=... to the workbench, or fine-tune first.")
        positions = np.argsort(self.project.pool.draws(self.project.settings["seed"] + 1))[:n]
        found = check(explainer, positions.tolist(), methods=methods, budget_s=budget_s)
        return pd.DataFrame([one.as_row() for one in found])

    def parts(self, label_id: str, predictor: NetPredictor) -> tuple[str, ...]:
        """The model's labels that make up one of today's; ModelError where the model can't tell it from others."""
        lineage = self.project.lineage
        if predictor.label_ids == lineage.today.label_ids:
            return (label_id,) if label_id in predictor.label_ids else ()
        if label_id not in lineage.today.label_ids:
            return ()
        shares = lineage.columns(predictor.label_ids)[:, lineage.today.label_ids.index(label_id)]
        name = lineage.today.name_of(label_id)
        if not shares.any():
            raise ModelError(f"label {name!r} is newer than the model {predictor.version}, which knows nothing of it. "
                             "Fine-tune, then ask again.")
        if (shares[shares > 0] != 1).any():
            raise ModelError(f"the model {predictor.version} is older than the split that made label {name!r}, and "
                             "can't tell it from the others. Fine-tune, then ask again.")
        return tuple(label for label, share in zip(predictor.label_ids, shares, strict=True) if share)

    def _recall(self, key: tuple[str, ...]) -> Attribution | None:
        with self._lock:
            kept = self._kept.get(key)
        if kept is None and (kept := self._maps.get(key)) is not None:
            self._remember(key, kept)
        return kept

    def _keep_map(self, key: tuple[str, ...], attribution: Attribution) -> None:
        self._remember(key, attribution)
        self._maps.put(key, attribution)

    def _remember(self, key: tuple[str, ...], attribution: Attribution) -> None:
        with self._lock:
            self._kept[key] = attribution
            while len(self._kept) > KEPT_MAPS:
                self._kept.popitem(last=False)

    # -- taking up -------------------------------------------------------------------------------------------

    def _fresh(self, n_labels: int, *, seed: int) -> nn.Module:
        """The net as it was before any training, with so many outputs."""
        if self._given is not None:
            net = private_copy(self._given)
            given = n_outputs(net, name=self.head)
            return net if given in (None, n_labels) else with_outputs(net, n_labels, old=given, seed=seed,
                                                                      name=self.head)
        view = self.view(self._sample())
        return small_cnn(n_labels, channels=view.shape[0], size=(view.shape[1], view.shape[2]), seed=seed)

    def _filters(self, n_labels: int, *, seed: int) -> nn.Module:
        """A net for few answers, fitted to items drawn by chance."""
        view = self.view(self._sample())
        drawn = np.argsort(self.project.queue.draws)[:FITTED]
        views = [view]
        for position in drawn.tolist():
            with suppress(ImageError):
                views.append(self.view(self.project.pool.load(position)))
        return kmeans_net(n_labels, views, seed=seed)

    def _stored(self, version: str, n_labels: int) -> nn.Module:
        """The net of a version, with the weights that were kept of it; ModelError where they don't fit."""
        path = self.path(version)
        if self._given is None and holds_kmeans_net(path):
            return load_weights(empty(n_labels, channels=self.view(self._sample()).shape[0]), path)
        return load_weights(self._fresh(n_labels, seed=0), path)

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
        return NetPredictor(net, self.project.pool, label_ids, preprocess=self.view, device=self.device,
                            head=self.head)

    def predictions_of(self, predictor: NetPredictor) -> Predictions:
        """What this model said so far."""
        pool = self.project.pool
        return Predictions(self.project.folder / "predictions", model=predictor.version, label_ids=predictor.label_ids,
                           ids_digest=pool.digest, n_items=len(pool), recipe=_recipe(predictor))

    def _try(self, predictor: NetPredictor) -> None:
        """Ask about a few items, so that a net that doesn't fit is told before anything is stored."""
        for position in range(min(10, len(self.project.pool))):
            if not np.isnan(predictor.predict([position])).any():
                return

    def _install(self, predictor: NetPredictor) -> None:
        """Let this model speak from now on."""
        with self._lock:
            self._predictor, self._explainer, self.missing = predictor, NetExplainer(predictor), None
            self._recipe = _recipe(predictor)
            predictions = self.predictions_of(predictor)
            self._embeddings = None if predictor.head is None else Embeddings(predictions, head=predictor.head)
            self.project.use_predictions(predictions)


def _recipe(predictor: NetPredictor) -> str:
    """What a map follows from beside weights, item and target: the net's build, its view of an item, this package."""
    view = repr(predictor.preprocess)
    if isinstance(predictor.preprocess, Probed):  # a function may change and keep its name: what it does tells
        pattern = (np.arange(64 * 64 * 3) * 40_503 // 7 % 256).astype(np.uint8).reshape(64, 64, 3)
        try:
            view += predictor.preprocess(pattern).numpy().tobytes().hex()
        except ModelError:
            view += new_id()
    return blake2b(f"{__version__} {view} {predictor.net!r}".encode(), digest_size=8).hexdigest()
