"""The adjudication widget: items with competing answers, anonymous, the model hidden, and the verdict with its cause.

Acts are stored and answered at once; one background thread chooses the next items, prepares their pictures and
estimates the residual error. Start with `AdjudicationReview`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ..errors import HitlError
from ..project.verdicts import CAUSES_IN_WORDS
from .acts import on
from .comm import STATIC, Card
from .host import AdjudicationHost
from .keys import configured
from .messages import (
    NOTED,
    Adjudicate,
    AdjudicationProgress,
    AdjudicationPush,
    AdjudicationReady,
    CaseEntry,
    Cause,
    CompetingAnswer,
    Hello,
    Labels,
    More,
    Noted,
    PastVerdict,
    Stored,
    Undo,
    labels_of,
)
from .widget import Job, Widget

if TYPE_CHECKING:
    import pandas as pd

    from ..project.adjudication import Adjudication, Case
    from ..project.verdicts import Verdict
    from ..records import Estimate
    from ..sampling.review_order import ResidualError

CAUSES: tuple[tuple[Cause, str], ...] = tuple(CAUSES_IN_WORDS.items())
AHEAD = 4  # items that wait in the browser
POLL_S = 5.0  # how often to look for items when none is waiting
PAST = 50  # verdicts that can still be undone after a reload


class AdjudicationCard(Card):
    """The page of the adjudication in the browser."""

    _esm = STATIC / "adjudication.js"
    _css = STATIC / "adjudication.css"


class AdjudicationReview(Widget[AdjudicationPush]):
    """A page on which one person judges items whose annotators disagree.

    Parameters
    ----------
    host : AdjudicationHost
        The adjudication; a script may use it too.
    keys : mapping, optional
        Other keys for what the page does, such as {"undecided": "x"}.
    """

    NAME = "adjudication"
    FAILING = "The next items can't be prepared"
    CLOSING = "This adjudication was closed."

    def __init__(self, host: AdjudicationHost, *, keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self.host, self.keys = host, configured(keys or {}, "adjudication")
        self._waiting: list[str] = []  # items on the page, or on their way to it
        self._judged: dict[str, str] = {}  # by verdict, its item
        self._due: list[Job] = []
        self._fill_at: float | None = None
        self._ended = False
        self._judged_at_once: set[str] = set()  # while further cases were on their way
        super().__init__(AdjudicationCard, on(Hello, self._hello), on(Adjudicate, self._adjudicate),
                         on(Undo, self._undo), on(More, self._more))

    def __repr__(self) -> str:
        return f"<Adjudication by {self.host.annotator}: {len(self._judged)} judged here>"

    # -- acts: answered at once

    def _hello(self, act: Hello) -> AdjudicationReady:
        self._refill(act.have)
        self._start()
        return {"kind": "ready", "project_id": self.host.project_id, "annotator": self.host.annotator,
                "keys": self.keys, "taxonomy": self._choices(), "causes": list(CAUSES)}

    def _choices(self) -> Labels:
        """The choices: labels, or sets of them where an item may have several."""
        labels = labels_of(self.host.taxonomy)
        sets = getattr(self.host, "sets", ())  # a host of one label an item needs none
        return labels if not sets else {"version": labels["version"], "labels": [
            {"label_id": id, "name": name, "path": name, "key": None, "own_key": False} for id, name in sets]}

    def _more(self, act: More) -> Noted:
        self._refill(act.have)
        return NOTED

    def _refill(self, have: Collection[str]) -> None:
        with self._changed:
            self._waiting = list(have)
            self._ended = False
            self._stir()

    def _adjudicate(self, act: Adjudicate) -> Stored:
        self.host.adjudicate(act.item_id, act.label_id, act.cause, note=act.note, id=act.decision_id,
                             annotator=act.annotator, acted_at=act.acted_at)
        with self._changed:
            self._judged[act.decision_id] = act.item_id
            self._judged_at_once.add(act.item_id)
            self._waiting = [item_id for item_id in self._waiting if item_id != act.item_id]
            self._stir()
        return {"kind": "stored", "decision_id": act.decision_id}

    def _undo(self, act: Undo) -> Stored:
        self.host.retract(act.retracts, id=act.decision_id, annotator=act.annotator, acted_at=act.acted_at)
        with self._changed:
            self._waiting += [item_id for item_id in [self._judged.pop(act.retracts, None)] if item_id]
            self._stir()
        return {"kind": "stored", "decision_id": act.decision_id}

    def _stir(self) -> None:
        self._fill_at, self._due = time.monotonic(), [self._push_progress]
        self._changed.notify_all()

    # -- pushes: prepared in the background

    def _next_job(self) -> Job | None:
        if self._fill_at is not None and time.monotonic() >= self._fill_at:
            self._fill_at = None
            return self._fill
        return self._due.pop() if self._due else None

    def _wakes_at(self) -> float | None:
        return self._fill_at

    def _fill(self) -> None:
        with self._changed:
            showing = set(self._waiting)
            self._judged_at_once.clear()
        wanted = AHEAD - len(showing)
        found = [item_id for item_id in self.host.cases(wanted, showing=showing) if item_id not in showing] \
            if wanted > 0 else []
        self.host.pool.fetch_ahead([self.host.item(item_id).position for item_id in found])
        for item_id in found:
            self._push_case(item_id)
        with self._changed:
            self._waiting += [item_id for item_id in found if item_id not in self._judged_at_once]
            if not self._waiting:
                self._fill_at = time.monotonic() + POLL_S
                if not self._ended:
                    self._ended = True
                    self._due.append(partial(self._push, {"kind": "end", "reason": "empty"}))

    def _push_case(self, item_id: str) -> None:
        item = self.host.item(item_id)
        answers = cast("list[CompetingAnswer]", list(self.host.answers(item_id)))
        case: CaseEntry = {"item_id": item_id, "meta": dict(item.meta), "height": 0, "width": 0, "answers": answers}
        buffers = []
        try:
            picture = self.host.pool.picture(item.position)
            case["mime"], case["height"], case["width"] = picture.mime, picture.height, picture.width
            buffers.append(picture.data)
        except HitlError as error:
            case["broken"] = str(error)
        self._push({"kind": "case", "case": case}, buffers)

    def _push_progress(self) -> None:
        self._push({"kind": "adjudication", "progress": cast("AdjudicationProgress", dict(self.host.progress())),
                    "past": cast("list[PastVerdict]", list(self.host.verdicts(PAST)))})


class AdjudicationDesk(AdjudicationReview):
    """The adjudication of a project: a page in the notebook, and the same for a script.

    Parameters
    ----------
    session : Adjudication
        The cases and verdicts.
    keys : mapping, optional
        Other keys for what the page does.
    """

    def __init__(self, session: Adjudication, *, keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self.session = session
        super().__init__(session, keys=keys)

    def next(self) -> Case | None:
        """The next item to be decided, with its answers; None where every item is reviewed."""
        return self.session.next()

    def decide(self, item_id: Any, label: str | Collection[str] | None, cause: str, *,
               note: str | None = None) -> Verdict:
        """Store the verdict on an item; see `Adjudication.decide`."""
        return self.session.decide(item_id, label, cause, note=note)

    def retract(self, verdict: str | Verdict) -> Verdict:
        """Take a verdict back; see `Adjudication.retract`."""
        return self.session.retract(verdict)

    @property
    def estimate(self) -> Estimate:
        """Share of labels that are still wrong, with its interval."""
        return self.session.estimate

    @property
    def error(self) -> ResidualError:
        """How many labels were wrong and still are, and whether reviewing may stop (`good`)."""
        return self.session.error

    @property
    def table(self) -> pd.DataFrame:
        """One row per verdict that stands, the newest first; see `Adjudication.table`."""
        return self.session.table

    def __repr__(self) -> str:
        return f"<Adjudication by {self.session.annotator}: {self.session!r}>"
