"""The architecture of a project's nets: the user's own, or a built-in one.

`Architecture` makes nets with a given number of outputs, reads weights from disk into a net, and wraps a net as a
`NetPredictor` on the project's pool. An `Architecture` never changes; `with_net` makes one for another net.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..errors import BadInput, ItemError, ModelError
from ..items.pool import Pool
from .average import holds_average_net, unfitted_average_net
from .callables import AsLoaded, CallableNet, column_order, holds_callable, is_function
from .estimator_nets import EstimatorNet, EstimatorPredictor
from .estimators import Estimator, Features, is_estimator
from .imported import Content, ImportedNet, ImportedPredictor, holds_imported_net, unfilled_imported_net
from .last_layer import n_outputs, with_outputs
from .light import holds_light_net, is_light_net, unfitted_light_net
from .nets import holds_kmeans_net, kmeans_net, small_cnn, unfitted_kmeans_net
from .outputs import Look, Unsquashed, look_at
from .pool_descriptors import PoolDescriptors
from .predict import (
    NetPredictor,
    alike_views,
    is_of_texts,
    preprocess_for,
    private_copy,
    sample_images,
    sample_positions,
)
from .preprocess import Preprocess, as_preprocess, without_preprocess
from .text_nets import TextCNN
from .text_views import TextPreprocess
from .views import KeptViews, View, batched, read_ahead, read_view
from .weights import load_weights, weights_version

# A frozen backbone is fitted to this many items, drawn at random.
N_FITTED = 1_000
# Largest view of the workbench's own nets, in pixels a side.
LARGEST_OWN_VIEW = 96


class Architecture:
    """How the nets of one project are built.

    Parameters
    ----------
    pool : Pool
        The items that the nets will see.
    net : torch.nn.Module, callable or None
        The user's net with its initial weights, which is copied; None for the workbench's own net. A function of images
        or of texts (`callables.CallableNet`) can only predict, so the workbench's own nets are trained in its place.
    preprocess : Preprocess, callable, tokenizer or None
        Turns an item into the net's view of it; None chooses one that fits. For a function, its outputs for several
        items are stacked.
    device : str
        "auto", or what torch.device takes.
    head : str or None
        Name of the net's last layer; by default it is found by running the net. Ignored for the workbench's own nets.
    seed : int
        Seed for drawing the items to which a frozen backbone is fitted.
    notify : callable or None
        Called once with each message for the user: which preprocessing was chosen where none was passed, and that a
        net seems to end in a sigmoid.
    task : str
        The project's task; with "multilabel" each logit gives a probability of its own.
    names : callable, optional
        Returns a mapping label_id -> name for each version of the taxonomy, today's first. By these names the columns
        of a function are found, if it names them.
    content : callable or None
        Position -> an identifier of the item's content, such as `Project.content`: imported predictions are valid only
        for the content that they were made from. By default the pool is asked each time.
    descriptors : callable or None
        Returns the pool's descriptors, which are the features of estimators of images.

    Attributes
    ----------
    kept : KeptViews
        Views of items that a net learnt from, for the next training.
    function : CallableNet or None
        The function that was passed.
    estimator : Estimator or None
        The object with `predict_proba` that was passed, a copy of it.

    Raises
    ------
    ModelError
        When `net` isn't a net, or can't be copied.
    """

    def __init__(self, pool: Pool, net: nn.Module | Callable[..., Any] | None = None, *,
                 preprocess: Callable[[Any], Any] | None = None, device: str = "auto",
                 head: str | None = None, seed: int = 0, notify: Callable[[str], None] | None = None,
                 task: str = "classify", names: Callable[[], Iterable[Mapping[str, str]]] = list,
                 content: Content | None = None, descriptors: Callable[[], PoolDescriptors] | None = None) -> None:
        self.pool, self.device, self.seed, self.task = pool, device, seed, task
        self.of_texts, self.function = is_of_texts(pool), None
        self._named_head, self.names, self._notify, self._of_function = head, names, notify, None
        self.estimator: Estimator | None = None
        self._descriptors = descriptors
        if is_estimator(net):
            self._of_function, preprocess = preprocess, None
            self.estimator, net = self._as_estimator(net), None
        elif is_function(net):
            self._of_function, preprocess = preprocess, None
            self.function = CallableNet(net, multilabel=task == "multilabel", kind=pool.kind,
                                        preprocess=self._of_function)
            net = None
        self._net = None if net is None else private_copy(net)  # type: ignore[arg-type]  # which refuses another
        self._preprocess, self._content = preprocess, content
        self._lock = threading.RLock()
        self._view: Any = None
        self.kept = KeptViews()
        self._look: Look | None = None
        self._looked = False

    def _as_estimator(self, model: Any) -> Estimator:
        def descriptors() -> PoolDescriptors:
            if self._descriptors is None:
                raise ModelError("there are no descriptors that the estimator could read; pass preprocess=...")
            return self._descriptors()
        estimator = Estimator(model, Features(self.pool, self._of_function, descriptors=descriptors,
                                              view=lambda: self.view), multilabel=self.task == "multilabel")
        estimator.check()
        return estimator.own_copy()

    def content(self, position: int) -> str | None:
        """An identifier of an item's content now; None where it can't be read."""
        if self._content is not None:
            return self._content(position)
        with suppress(ItemError):
            return self.pool.content(position)
        return None

    @property
    def own(self) -> bool:
        """Whether the nets are the workbench's own; False where the user passed one."""
        return self._net is None

    @property
    def first_net(self) -> nn.Module | None:
        """The net that a person passed, with its first weights; None for the workbench's own."""
        return self.function if self._net is None else self.with_logits(self._net)

    @property
    def _squashed(self) -> bool:
        """Whether a user's net ends in a sigmoid, in a project where an item may have several labels."""
        return self.task == "multilabel" and self.look is not None and self.look.sigmoid

    def with_logits(self, net: nn.Module) -> nn.Module:
        """Return a net that outputs logits: the net itself or, if it ends in a sigmoid, an `outputs.Unsquashed`."""
        return Unsquashed(net) if self._squashed and not isinstance(net, Unsquashed) else net

    @property
    def view(self) -> Any:
        """The preprocessing, from an item to the nets' view of it; chosen once, from a few items."""
        with self._lock:
            if self._view is None:
                view = preprocess_for(self._preprocess, self._net, self.pool) if self.of_texts else \
                    as_preprocess(self._preprocess, self._net, sample_images(self.pool))
                if self.of_texts and self._net is None and not isinstance(view, TextPreprocess):
                    raise BadInput("preprocess= is for a model of yours: the workbench's own nets read a text as it "
                                   "is. Pass model=... too, or leave preprocess= out.")
                if self._net is None and self._preprocess is None and isinstance(view, Preprocess) \
                        and max(view.shape) > LARGEST_OWN_VIEW:  # no larger than the workbench's own net is made for
                    view = Preprocess(LARGEST_OWN_VIEW, channels=view.channels)
                if self._net is not None and self._preprocess is None and not self.of_texts:
                    self._tell(without_preprocess(self._net, view))  # type: ignore[arg-type]  # of images
                self._view = view
            return self._view

    @property
    def look(self) -> Look | None:
        """How a user's net behaves on a few items; None for the workbench's own nets, and where it accepts no item."""
        with self._lock:
            if not self._looked and self._net is not None:
                views = self._sample_views()
                alike = alike_views(views, self.view)
                self._look = look_at(private_copy(self._net), batched(alike, self.view)) if alike else None
                if self._look is not None and self._look.sigmoid and self.task != "multilabel":
                    self._tell("the net's outputs all lie between 0 and 1 and don't sum to 1, as after a sigmoid, and "
                               "are taken for logits: no probability comes near 1. Pass the net without its last "
                               "activation.")
            self._looked = True
            return self._look

    @property
    def head(self) -> str | None:
        """Name of the last layer: the one that the person named, or that was found; None where it isn't known."""
        if self._net is None:
            return None
        name = self._named_head or (None if self.look is None else self.look.head)
        return f"{Unsquashed.NAME}.{name}" if name is not None and self._squashed else name

    def _tell(self, sentence: str | None) -> None:
        if sentence is not None and self._notify is not None:
            self._notify(f"{sentence[0].upper()}{sentence[1:]}")

    def with_net(self, net: nn.Module | Callable[..., Any]) -> Architecture:
        """The architecture of another net or function, with this one's device, head, and preprocessing of its kind."""
        of_function = is_function(net) or is_estimator(net)
        return Architecture(self.pool, net, preprocess=self._of_function if of_function else self._preprocess,
                            device=self.device, head=self._named_head, seed=self.seed, notify=self._notify,
                            task=self.task, names=self.names, content=self._content, descriptors=self._descriptors)

    def fresh(self, n_labels: int, *, seed: int) -> nn.Module:
        """The net as it was before any training, with this many outputs."""
        if self._net is None:
            if self.of_texts:
                return TextCNN(n_labels, seed=seed)
            view = self._sample_view()
            return small_cnn(n_labels, channels=view.shape[0], size=(view.shape[1], view.shape[2]), seed=seed)
        net = self.with_logits(private_copy(self._net))
        n_old = n_outputs(net, name=self.head) if self.look is None else self.look.n_outputs
        return net if n_old in (None, n_labels) else with_outputs(net, n_labels, old=n_old, seed=seed, name=self.head)

    def frozen(self, n_labels: int, *, seed: int) -> nn.Module:
        """A net of which only the last layer is trained; the rest is fitted to items drawn at random, without labels.

        Raises
        ------
        BadInput
            When the user passed a net, or the items are texts.
        """
        if self.of_texts:
            raise BadInput("start='frozen' is for images: of texts the workbench's own nets learn as a whole. Leave "
                           "start= out.")
        if self._net is not None:
            raise BadInput("start='frozen' is for a workbench without a model of yours; to teach only the last "
                           "layer of yours, freeze the others: layer.requires_grad_(False).")
        views = [self._sample_view()]
        # A seed other than the hold-out's, whose items have the smallest draws: the sample would be the hold-out alone.
        some = np.argsort(self.pool.draws(self.seed + 1))[:N_FITTED].tolist()
        views += [view for view in read_ahead(lambda position: read_view(self.pool, position, self.view)[0], some,
                                              pool=self.pool) if isinstance(view, Tensor)]
        return kmeans_net(n_labels, views, seed=seed)

    def restored(self, path: Path, n_labels: int) -> nn.Module:
        """The net with the weights in a file; ModelError where they don't fit."""
        if holds_callable(path):
            if self.function is None or weights_version(self.function) != path.stem:
                raise ModelError(f"model {path.stem} is a function of {self.pool.kind}s, and another function or none "
                                 f"was given as model=. Open the project again with the function of {path.stem}.")
            return self.function
        if holds_imported_net(path):  # whatever net was passed
            return load_weights(unfilled_imported_net(path), path)
        if holds_light_net(path):  # of the workbench's own, whatever net was passed
            return load_weights(unfitted_light_net(path), path)
        if self._net is None and holds_average_net(path):
            return load_weights(unfitted_average_net(path, self.fresh(n_labels, seed=0)), path)
        if self._net is None and holds_kmeans_net(path):
            return load_weights(unfitted_kmeans_net(n_labels, channels=self._sample_view().shape[0]), path)
        return load_weights(self.fresh(n_labels, seed=0), path)

    def builds(self, net: nn.Module, n_labels: int) -> bool:
        """Whether a net has this architecture: the same modules, and weights of the same shapes and dtypes."""
        try:
            ours = private_copy(self.fresh(n_labels, seed=0))
        except ModelError:
            return False

        def build(net: nn.Module) -> tuple[object, ...]:
            return repr(net), {name: (value.shape, value.dtype) for name, value in net.state_dict().items()}
        return build(ours) == build(net)

    def predictor(self, net: nn.Module, label_ids: Sequence[str]) -> NetPredictor:
        """A predictor with a copy of this net, on the project's pool."""
        several = self.task == "multilabel"
        if isinstance(net, ImportedNet):
            return ImportedPredictor(net, self.pool, label_ids, content=self.content, multilabel=several)
        if isinstance(net, EstimatorNet):
            return EstimatorPredictor(net, self.pool, label_ids, content=self.content)
        if isinstance(net, CallableNet):
            return NetPredictor(self.ordered(net, label_ids), self.pool, label_ids, preprocess=view_of(net),
                                device=self.device, probabilities=False, multilabel=several)
        if is_light_net(net):  # of the workbench's own, whatever net was passed
            view = TextPreprocess() if self.of_texts else self.view
            return NetPredictor(net, self.pool, label_ids, preprocess=view, device=self.device, multilabel=several)
        return NetPredictor(net, self.pool, label_ids, preprocess=self.view, device=self.device, head=self.head,
                            probabilities=None if self.look is None else self.look.probabilities, multilabel=several)

    def ordered(self, net: CallableNet, label_ids: Sequence[str]) -> CallableNet:
        """The function with its columns in the order of these labels, if it names its columns.

        Raises
        ------
        ModelError
            When its columns aren't these labels.
        """
        classes = net.classes
        return net if classes is None else net.in_order(column_order(classes, label_ids, self.names()))

    def _sample_view(self) -> View:
        """The view of the first item that has one."""
        views = self._sample_views(n=1)
        if not views:
            raise ModelError("none of the pool's items can be read, so no model can be made for them.")
        return views[0]

    def _sample_views(self, *, n: int = 5) -> list[View]:
        """The views of a few items spread over the pool, the first n that have one."""
        views: list[View] = []
        for position in sample_positions(self.pool, n=5).tolist():
            with suppress(ItemError):
                views.append(read_view(self.pool, position, self.view)[0])
            if len(views) == n:
                break
        return views


def view_of(net: CallableNet) -> Any:
    """The preprocessing for a function: texts as code points, images as loaded."""
    return TextPreprocess() if net.kind == "text" else AsLoaded()
