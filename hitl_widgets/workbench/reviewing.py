"""The widgets that a workbench has opened, and learning in the background while a card is open. Read `OpenWidgets`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from weakref import WeakSet

from ..errors import BadInput
from ..project.adaptive import adapt
from ..project.policy import check_arms, set_policy
from ..project.session import SECOND_LOOK_QUEUE
from ..records import check_methods
from ..sampling.selector import check_strategy
from ..sampling.uncertainty import Strategy
from ..storage.roles import NEEDS

if TYPE_CHECKING:
    from ..learn.background import BackgroundLearning
    from ..widgets.adjudication import AdjudicationDesk
    from ..widgets.card import Review
    from ..widgets.editor import TaxonomyEditor
    from ..widgets.ipyannotations.labeller import LabellerReview
    from ..widgets.triage import Triage
    from .services import Services

W = TypeVar("W", "AdjudicationDesk", "TaxonomyEditor", "Triage")


class OpenWidgets:
    """The widgets that a workbench has opened, and the learning in the background while one of them is a card.

    Parameters
    ----------
    services : Services
        The project that they show, and its models.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.RLock()
        # Every widget that was opened: the browser may still show one that another has taken over.
        self._all: WeakSet[Review | LabellerReview | TaxonomyEditor | Triage | AdjudicationDesk] = WeakSet()
        self._latest: dict[type, TaxonomyEditor | Triage | AdjudicationDesk] = {}
        self._learning: BackgroundLearning | None = None

    @property
    def sitting(self) -> bool:
        """Whether a card is open on which somebody may be labelling."""
        from ..widgets.card import Review
        return any(isinstance(widget, Review) and not widget._closed for widget in list(self._all))

    def take_over(self, widget: W) -> W:
        """Close the widget of the same class that was opened before, and return the new one."""
        with self._lock:
            if (former := self._latest.get(type(widget))) is not None:
                from ..widgets.widget import took_over
                former.close(took_over("editor" if former.NAME == "editor" else "page"))
            self._latest[type(widget)] = widget
            self._all.add(widget)
        return widget

    def review(self, n: int | None, *, strategy: str | Strategy | None, explain: str | Sequence[str] | None,
               blind: bool, certainty: Literal["keep", "ask", "unsure_only"],
               keys: Mapping[str, str | Sequence[str]] | None, view: Any, queue: str | None,
               arms: Mapping[str, float] | None, learn: bool | None) -> Review | LabellerReview:
        """Open the card, or a labeller of ipyannotations as `view`; see `Workbench.review`."""
        if n is not None and (isinstance(n, bool) or not isinstance(n, int)):
            raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected, or None for all.")
        check_strategy(strategy)
        if learn is not None and not isinstance(learn, bool):
            raise BadInput(f"learn is {learn!r}; True, False or None is expected.")
        if arms is not None:
            self._set_arms(arms, by_view=blind or view is not None)
        self._prepare(queue)
        if view is not None:
            if certainty != "keep" or keys is not None:
                raise BadInput("certainty and keys are the card's; a labeller of ipyannotations has no scale, and keys "
                               "of its own. Leave them out, or leave view out to get the card.")
            from ..widgets.ipyannotations.labeller import LabellerReview
            with self._lock:
                opened: Review | LabellerReview = LabellerReview(self._services.session, view, n=n, strategy=strategy,
                                                                 queue=queue)
                self._all.add(opened)
        else:
            explain = self._methods(explain)
            from ..widgets.card import Review
            with self._lock:
                opened = Review(self._services.session, n=n, strategy=strategy, explain=explain, blind=blind,
                                certainty=certainty, keys=keys, queue=queue)
                self._all.add(opened)
        self._learn(learn)
        return opened

    def close(self) -> None:
        """Close all widgets, and end learning in the background."""
        if self._learning is not None:
            self._learning.stop()
        for widget in list(self._all):
            widget.end("The project was closed.")
        self._latest.clear()

    def _set_arms(self, arms: Mapping[str, float], *, by_view: bool) -> None:
        if by_view:
            raise BadInput("arms sets the shares of items shown in each way; a review with blind=True, or with a "
                           "labeller of ipyannotations, shows every item blind. Leave one of the two out.")
        set_policy(self._services.project, arms=check_arms(arms))

    def _prepare(self, queue: str | None) -> None:
        """Prepare the order of a queue; raise BadInput without a pool, or if there is no such queue."""
        session, project = self._services.session, self._services.project
        if queue == SECOND_LOOK_QUEUE:
            with self._services.bars(None, title="Estimating how likely each answer is right"):
                session.update_second_looks()
            session.tell_whose_second_looks()
        project.next(0, queue=queue)
        adapt(project, project.annotator)

    def _methods(self, explain: str | Sequence[str] | None) -> str | Sequence[str] | None:
        """The saliency methods to show, which work with the model; raise BadInput if one doesn't exist."""
        services, pool = self._services, self._services.project.pool
        if explain is not None:
            check_methods(explain, pool.kind)
        if explain == "gradcam" and services.asks_for_objects and pool.kind == "image" and \
                (model := services.detectors.adopted) and model.net is None:
            return "occlusion"  # a detector that is known only by its function predict has no gradients
        return explain

    def _learn(self, learn: bool | None) -> None:
        """Start or stop learning in the background, as requested in `review`; only `finetune` trains detectors."""
        services, project = self._services, self._services.project
        if services.asks_for_objects:
            return
        event = project.state.adopted
        if learn is None:
            learn = project.task == "scale" or (services.given.net is None and (event is None or event.body["own"]))
        if not learn:
            if self._learning is not None:
                self._learning.stop()
            return
        with self._lock:
            if self._learning is None:
                from ..learn.background import BackgroundLearning
                self._learning = BackgroundLearning(project, lambda: self._services.registry, notify=project.notify)
                services.session.learns = self._learning
        self._learning.start(lambda: self.labelling)

    @property
    def labelling(self) -> bool:
        """Whether a card or a labeller is open, by somebody whose role allows that a model is adopted."""
        project = self._services.project
        return project.state.roles.allows(project.annotator, NEEDS["adopted"]) and any(
            not getattr(widget, "_closed", True) for widget in list(self._all)
            if getattr(widget, "NAME", "labeller") in ("review", "labeller"))
