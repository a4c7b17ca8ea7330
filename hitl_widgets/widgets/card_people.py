"""A card's part about people: questions among them, notices and consent, and what a role allows.

Its acts are stored by the project; `CardPeople.push` tells the browser what others asked, answered and changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from ..errors import BadInput, HitlError
from .acts import Handler, on
from .host import CardHost, PolicyHost, RolesHost, ThreadHost
from .messages import (
    NOTED,
    About,
    Ask,
    CardPush,
    Consent,
    ConsentQuestion,
    Dismiss,
    Noted,
    NoticeEntry,
    Respond,
    Settle,
    SignedAct,
    Stop,
    Stored,
    ThreadEntry,
)
from .widget import Job

THREADS = 200  # questions that the browser has, the latest


class Pushed:
    """What the browser has, by kind of push, so that nothing is pushed twice. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, object] = {}

    def is_new(self, kind: str, state: object) -> bool:
        """Whether this state differs from what was pushed last; it counts as pushed from now on."""
        with self._lock:
            new = kind not in self._states or self._states[kind] != state
            self._states[kind] = state
            return new

    def forget(self) -> None:
        """Forget everything: a page was opened, which has nothing yet."""
        with self._lock:
            self._states.clear()


class CardPeople:
    """Questions, notices, consent and roles on a card.

    Parameters
    ----------
    host : CardHost
        The project. What it doesn't support isn't shown.
    pushed : Pushed
        What the browser has.
    push : callable
        Pushes a message to the browser.
    errand : callable
        Has a job done in the background, the sooner the smaller its place.
    choose_anew : callable
        Called when the items that wait in the browser must be chosen again.
    drop_planted : callable
        Takes out waiting items with a suggestion that is wrong on purpose.
    """

    def __init__(self, host: CardHost, pushed: Pushed, *, push: Callable[[CardPush], None],
                 errand: Callable[[float, Job], None], choose_anew: Callable[[], None], drop_planted: Job) -> None:
        self._host, self._pushed, self._push, self._errand = host, pushed, push, errand
        self._choose_anew, self._drop_planted = choose_anew, drop_planted
        self._asks = host if isinstance(host, ThreadHost) else None
        self._tells = host if isinstance(host, PolicyHost) else None
        self._roles = host if isinstance(host, RolesHost) else None
        self._reading = self.reading()
        # No answer is lost because of a role: one that isn't allowed any more is kept aside.
        self.keeping: dict[str, Any] = {} if self._roles is None else {"keep_aside": True}

    @property
    def handlers(self) -> list[Handler]:
        """Handlers of questions, replies, consent and notices."""
        return [on(Ask, self._ask), on(Respond, self._respond), on(Settle, self._settle), on(Consent, self._consent),
                on(Dismiss, self._dismiss), on(Stop, self._stop)]

    @property
    def can_ask(self) -> bool:
        """Whether questions can be asked here."""
        return self._asks is not None

    def about(self) -> tuple[About | None, ConsentQuestion | None]:
        """What the project tells the annotator about itself, and whether it asks for their consent."""
        if self._tells is None:
            return None, None
        annotator = self._host.annotator
        return (cast("About | None", self._tells.about(annotator)),
                cast("ConsentQuestion | None", self._tells.asks_consent(annotator)))

    def reading(self) -> str | None:
        """Why the annotator's role lets them only read; None if it allows answers."""
        return None if self._roles is None else self._roles.reading(self._host.annotator)

    def kept_aside(self, act: SignedAct) -> str | None:
        """Why an act that was stored just now is kept aside; None if it isn't."""
        why = None if self._roles is None else self._roles.kept_aside(act.decision_id, act.annotator)
        if why is not None:
            self._errand(0.2, self.push)
        return why

    def end(self) -> None:
        """End the sitting of a card that is closed."""
        if self._tells is not None:
            with suppress(HitlError):
                self._tells.end_sitting(self._host.annotator)

    def push(self) -> None:
        """Push what people asked each other and are told, where it has changed since it was pushed last."""
        pushed, annotator = self._pushed, self._host.annotator
        if self._asks is not None:
            threads = cast("list[ThreadEntry]", list(self._asks.threads())[-THREADS:])
            if pushed.is_new("threads", threads):
                self._push({"kind": "threads", "threads": threads})
        if self._tells is not None or self._roles is not None:
            (about, consent), reading = self.about(), self.reading()
            aside = None if self._roles is None else self._roles.aside(annotator)
            if pushed.is_new("about", (about, consent, reading, aside)):
                self._push({"kind": "about", "about": about, "consent": consent, "reading": reading, "aside": aside})
            if self._reading != reading:  # the waiting items were chosen for another role
                self._reading = reading
                self._choose_anew()
        if self._tells is not None:
            notices = cast("list[NoticeEntry]", list(self._tells.notices(annotator)))
            if pushed.is_new("notices", notices):
                self._push({"kind": "notices", "notices": notices})

    # -- acts

    def _ask(self, act: Ask) -> Stored:
        if self._asks is None:
            raise BadInput("questions can't be asked here.")
        self._asks.ask(act.text, item_id=act.item_id, label_id=act.label_id, **_signature(act))
        return self._spoken(act)

    def _respond(self, act: Respond) -> Stored:
        if self._asks is not None:
            self._asks.reply(act.thread, act.text, **_signature(act))
        return self._spoken(act)

    def _settle(self, act: Settle) -> Stored:
        if self._asks is not None:
            self._asks.settle(act.thread, act.how, label_id=act.label_id, text=act.text, **_signature(act))
        return self._spoken(act)

    def _consent(self, act: Consent) -> Stored:
        if self._tells is not None:
            self._tells.consent(act.to, act.yes, policy=act.policy, **_signature(act))
            if not act.yes:
                self._errand(0.1, self._drop_planted)
            self._choose_anew()  # the waiting items were drawn without this answer
        return self._spoken(act)

    def _dismiss(self, act: Dismiss) -> Stored:
        if self._tells is not None:
            self._tells.dismiss(act.notice, **_signature(act))
        return self._spoken(act)

    def _stop(self, _: Stop) -> Noted:
        if self._tells is not None:
            self._errand(2.0, partial(self._end_sitting, self._tells))
        return NOTED

    def _end_sitting(self, host: PolicyHost) -> None:
        host.end_sitting(self._host.annotator)
        self.push()

    def _spoken(self, act: SignedAct) -> Stored:
        self._errand(0.2, self.push)
        return {"kind": "stored", "decision_id": act.decision_id}


def _signature(act: SignedAct) -> dict[str, Any]:
    return {"id": act.decision_id, "annotator": act.annotator, "acted_at": act.acted_at}
