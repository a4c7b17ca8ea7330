"""The two comms of a widget: `Card` for acts and replies, `Feed` for what is pushed.

Each send on a comm re-routes what comes in on it to the thread that sent (ipykernel 7): a card that a training cell
writes to would freeze until the cell ends. So acts and pushes are kept apart, and nothing but the handler of an act
ever sends on the card's own comm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import comm
import ipywidgets
import traitlets

from .acts import rejected
from .messages import Push, Reply

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"  # what `npm run build` makes of js/
TARGET = "hitl_widgets.acts"

_cards: WeakValueDictionary[str, Card] = WeakValueDictionary()


class Feed(ipywidgets.Widget):  # type: ignore[misc, unused-ignore]
    """The comm on which items, maps and progress go to the browser. Nothing ever comes back on it."""

    def push(self, message: Push, buffers: Sequence[Any] | None = None) -> None:
        """Send one message to every tab that shows the card."""
        self.send(message, buffers)


class Card(anywidget.AnyWidget):
    """What the browser shows, and the comm on which acts come from it.

    Parameters
    ----------
    feed : Feed
        Its comm is the one on which items are pushed.
    answer : callable
        Takes an act and gives its reply, in under 20 ms, on whichever thread the act arrived.
    """

    _esm: Path = STATIC / "card.js"
    _css: Path = STATIC / "card.css"
    feed = traitlets.Unicode().tag(sync=True)

    def __init__(self, feed: Feed, answer: Callable[[Any], Reply]) -> None:
        self._answer, self._feed = answer, feed
        super().__init__(feed=feed.model_id)
        self.on_msg(self._on_act)
        _cards[self.feed] = self
        comm.get_comm_manager().register_target(TARGET, _open_line)

    def answer(self, act: Any) -> Reply:
        """Answer an act: there always is a reply, for ipywidgets swallows what a handler raises."""
        try:
            return self._answer(act)
        except Exception as error:
            log.exception("an act of the card raised")
            return rejected(act, f"{type(error).__name__}: {error}. The kernel's log has the traceback; your decision "
                                 "is kept here and sent again.", again=True)

    def detach(self, reason: str) -> None:
        """Drop the reference to `answer`: the project was closed, and its memory is to be freed.

        The page stays as it is. Acts that still come are refused for now, so that the browser keeps them for the
        project's next opening.
        """
        feed = self._feed

        def refuse(act: Any) -> Reply:
            if isinstance(act, Mapping) and act.get("kind") == "hello":
                feed.push({"kind": "closed", "reason": reason})
            return rejected(act, f"{reason} Open it again: your decision is kept in the browser until then.",
                            again=True)

        self._answer = refuse

    def _on_act(self, _: Any, act: Any, buffers: Any) -> None:
        self.send(self.answer(act))

    def open(self) -> None:
        """Open the comm, so that the first act is served even while the next cell runs (Run All)."""
        super().open()
        self._forget_route()

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        self._forget_route()

    def _forget_route(self) -> None:
        # The comm was opened, and a trait may be changed, by a running cell. ipykernel would now keep incoming acts
        # for that cell's thread; without its note the browser's own choice, a subshell, holds.
        getattr(self.comm, "__dict__", {}).pop("_reply_subshell_id", None)


def _open_line(line: Any, opening: Mapping[str, Any]) -> None:
    """Answer on a further comm with its own subshell, which a card has opened because its acts weren't answered."""
    card = _cards.get(opening["content"]["data"].get("feed", ""))
    if card is None:
        line.close()
        return
    line.on_msg(lambda message: line.send(card.answer(message["content"]["data"])))
