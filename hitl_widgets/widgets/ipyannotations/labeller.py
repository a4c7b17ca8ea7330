"""ipyannotations labellers that show the items of the project's queue.

The labeller shows one item and reports what was chosen; the project claims items, stores decisions and undoes them.
"""

from __future__ import annotations

import io
import logging
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import ipywidgets
from PIL import Image, ImageDraw

from ...errors import BadInput, HitlError, StoreError, UnknownDecision
from ...records import Decision, Item, new_id, utc_now
from ..card import take_over
from ..comm import STATIC
from ..host import CardHost
from ..window import Entry, Window
from .repairs import Repairs, check_is_served
from .submission import answers_for
from .texts import STYLE

log = logging.getLogger(__name__)

AHEAD = 2  # items claimed and predicted beyond the one on the screen
# Nobody can answer within this time after an item was sent to the browser: such a press was the second of two presses,
# meant for the item before.
UNSEEN_S = 0.25
NO_ITEM = "This item can't be shown; see below."
WIDTH = 110  # characters; a Label doesn't break its line

_behind: WeakValueDictionary[int, LabellerReview] = WeakValueDictionary()  # by id() of the labeller


class Shield(anywidget.AnyWidget):
    """Keeps the keys that are pressed over the labeller from JupyterLab's own shortcuts, and has the style of texts."""

    _esm = STATIC / "shield.js"
    _css = STYLE


class LabellerReview:
    """A person's own ipyannotations labeller, which shows the items of the project's queue.

    A submission becomes a decision: a label's name an answer, None a skip. A name that the taxonomy doesn't have is
    stored as unsure, with the flag "not_in_taxonomy" and the name as its note. A labeller of one label shows no
    suggestion, so every item is blind; the log keeps the model's suggestion, as hidden. Where an item may have several
    labels, the submitted list is the answer, also an empty one, and the suggested labels are chosen beforehand unless
    the item is blind. Where objects are asked for, an annotator's canvas shows the proposals in the same way.

    Parameters
    ----------
    host : CardHost
        The project, as far as a card needs it.
    widget : ipywidget
        A labeller that gives labels: `display(item)`, which gets a PIL image or a text, `on_submit(callback)` and
        `on_undo(callback)`. Examples are `ClassLabeller` and `MulticlassLabeller` of `ipyannotations.images`,
        `ipyannotations.text` and `ipyannotations.generic`. If several labels are chosen for an item that has one,
        nothing is stored, and the view says so.
    n : int, optional
        How many items to ask about, None for as long as there are any.
    strategy : str or strategy, optional
        Which items come first; None leaves it to the project.
    queue : str, optional
        Another queue than that of open items, such as "relabel".

    Raises
    ------
    BadInput
        When the labeller doesn't give labels, has none of the taxonomy's labels, gives one label where items may have
        several, or gives other objects than the project asks for.

    Notes
    -----
    Opening a review closes the project's former one, and the former one behind the same labeller. A press that comes
    within `UNSEEN_S` of a new item was meant for the one before, and isn't counted.
    """

    def __init__(self, host: CardHost, widget: Any, *, n: int | None = None, strategy: Any = None,
                 queue: str | None = None) -> None:
        if n is not None and n < 1:
            raise BadInput(f"n={n} asks for no items; a number from 1 on is expected, or None for all.")
        check_is_served(widget, _kind(host))
        self.host, self.widget, self.n, self.strategy, self.queue = host, widget, n, strategy, queue
        self._answers = answers_for(host, widget)
        notices = [*_who(host), *self._answers.notices()]
        self._acting = threading.RLock()  # one act at a time, since they come on any thread
        self._lock = threading.Lock()  # for the attributes below; held for moments only
        self._window = Window(n, size=1 + AHEAD)  # the first of it is on the screen
        self._claimant = host.annotator
        self._closed = False
        self._visible = False
        self._shown_at = 0.0
        self._message, self._progress = ipywidgets.VBox(), ipywidgets.Label()
        self._end, self._notices = ipywidgets.VBox(), ipywidgets.VBox(_lines(*notices))
        self._again, self._back = (ipywidgets.Button(description=text) for text in ("Look again", "Undo the last"))
        self._again.on_click(lambda _: self._act(self._look_again))
        self._back.on_click(lambda _: self._act(self._undo))
        self._status = ipywidgets.VBox([*self._answers.controls, self._message, self._progress, self._notices,
                                        Shield()])
        self.view = ipywidgets.VBox([widget, self._status])
        self.view.add_class("hitl-labeller")
        if (former := _behind.get(id(widget))) is not None:
            former.close()
        take_over(host, self)
        _behind[id(widget)] = self
        self._repairs = Repairs(widget, self._say)
        widget.on_submit(self._on_submit)
        widget.on_undo(self._on_undo)
        self._act(self._advance)

    def show(self) -> None:
        """Display the labeller in the notebook."""
        from IPython.display import display
        display(self.view)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.view._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        with self._lock:
            item = self._item
            state = "closed" if self._closed else "nothing left" if item is None else f"showing {item.id}"
            return f"<LabellerReview by {self.host.annotator} with {type(self.widget).__name__}: " \
                   f"{self._window.n_decisions} decided, {state}>"

    @property
    def _item(self) -> Item | None:
        """The item on the screen."""
        return self._window.entries[0].item if self._window.entries else None

    def close(self, reason: str = "Another review has taken over.") -> None:
        """Release the waiting items and undo the changes to the labeller. Earlier presses are stored all the same."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = self._window.cut()
        self._answers.close()
        self._repairs.undo()
        for name, callback in (("submission_functions", self._on_submit), ("undo_fns", self._on_undo)):
            if callback in (callbacks := getattr(self.widget, name, None) or []):
                callbacks.remove(callback)
        self._give_back(waiting)
        self.view.children = _lines(f"Closed. {reason} {self._count()}.")

    def end(self, reason: str) -> None:
        """Close for good: the project was closed, and nothing here may keep it in memory."""
        self.close(reason)
        for button in (self._again, self._back):
            button.close()
        _behind.pop(id(self.widget), None)

    # -- acts: whatever goes wrong is said below the labeller, for ipywidgets swallows what a callback raises

    def _on_submit(self, value: Any) -> None:
        self._act(partial(self._submit, value))

    def _on_undo(self, *_: Any) -> None:
        self._act(self._undo)

    def _act(self, act: Callable[[], None]) -> None:
        with self._acting:
            try:
                if self._closed:
                    self._say("This review is closed; nothing was stored. Run wb.review(view=...) again.")
                else:
                    act()
            except StoreError as error:
                self._say(f"Not stored: {error} Nothing was lost but this press: repeat it once that is mended.")
            except HitlError as error:
                self._say(f"Not stored: {error}")
            except Exception as error:
                log.exception("an act of the labeller raised")
                self._say(f"Not stored: {type(error).__name__}: {error}. The kernel's log has the traceback.")

    def _submit(self, value: Any) -> None:
        if not self._window.entries:
            return self._look_again()
        entry = self._window.entries[0]
        item_id = entry.item.id
        if time.monotonic() - self._shown_at < UNSEEN_S:
            return self._say("Not counted: this press came too soon after a new item to be about it. Press again.")
        if not self._visible and value is not None:
            return self._say(f"Not stored: item {item_id} isn't on the screen, nobody can answer it; press Skip.")
        decision = self.host.decide(item_id, id=new_id(), annotator=self.host.annotator, acted_at=utc_now(),
                                    **self._answers.arguments(value, entry))
        with self._lock:
            self._window.decide(decision)
        # Otherwise the next press of Undo would take back a word typed for this item, not the decision.
        getattr(self.widget, "_undo_queue", []).clear()
        if decision.verdict == "unsure":
            self._say(f"Stored for item {item_id}: unsure, for {decision.note!r} isn't in the taxonomy. The name "
                      "is kept as a note, with the flag not_in_taxonomy.")
        else:
            self._say(f"Stored for item {item_id}: {_stored(decision)}.{self._answers.remark}")
        self._advance()

    def _undo(self) -> None:
        if (decision_id := self._window.last_decision) is None:
            return self._say("There is nothing to undo in this session.")
        try:
            self.host.retract(decision_id, annotator=self.host.annotator, acted_at=utc_now())
        except UnknownDecision:
            self._window.forget(decision_id)
            raise
        with self._lock:
            self._window.retract(decision_id)
        if self._item is not None:
            self._say(f"Taken back for item {self._item.id}, which is asked again.")
        self._advance()

    def _look_again(self) -> None:
        self._say("")
        self._advance()

    # -- the next item

    def _advance(self) -> None:
        """Show the next item, or a message that none is left. It never raises: what came before is stored."""
        problem = None
        if not self._window.entries:
            try:
                self._refill()
            except HitlError as error:
                problem = str(error)
            except Exception as error:
                log.exception("preparing items for the labeller raised")
                problem = f"{type(error).__name__}: {error}. The kernel's log has the traceback."
        with self._lock:
            if self._closed:
                return
            entry = self._window.entries[0] if self._window.entries else None
        if entry is None:
            self._show_the_end(problem)
        else:
            self._display(entry)
        self._progress.value = _plain(self._count())

    def _refill(self) -> None:
        """Claim the next items, and have their predictions ready."""
        with self._lock:
            room, showing = self._window.ask()
        if self._closed or room <= 0:
            return
        self._claimant = self.host.annotator
        items = self.host.claim(room, strategy=self.strategy, annotator=self._claimant, showing=showing,
                                queue=self.queue)
        self.host.pool.fetch_ahead([item.position for item in items], first=True)
        with suppress(HitlError):  # an item without a prediction is labelled all the same
            self.host.prepare(items)
        with self._lock:
            if not self._closed:
                self._window.add(items)
                return
        self._give_back([item.id for item in items])

    def _display(self, entry: Entry) -> None:
        item, broken = entry.item, None
        thing: Any
        try:
            thing = _thing(self.host, item)
            with suppress(HitlError):
                entry.prediction = self.host.prediction(item.position)
        except HitlError as error:
            thing, broken = NO_ITEM if _kind(self.host) == "text" else _no_picture(), str(error)
        self._repairs.problem = None
        try:
            self.widget.display(thing)
        except Exception as error:  # the labeller is anybody's code
            self._repairs.problem = f"{type(error).__name__}: {error}"
            log.exception("the labeller's display raised")
        if self._repairs.problem is None:
            self._answers.show(entry)
        self._visible, self._shown_at = self._repairs.problem is None, time.monotonic()
        self._face(self.widget)
        if not self._visible:
            self._say(f"The labeller can't show item {item.id} ({self._repairs.problem}). Press Skip to go on.")
        elif broken is not None:
            self._say(f"Item {item.id} can't be shown: {broken} Skip it, or answer all the same.")

    def _show_the_end(self, problem: str | None) -> None:
        enough = self.n is not None and self._window.n_answered >= self.n
        text = f"The next items can't be prepared: {problem}" if problem is not None else \
            f"That was all: {self.n:,} {'item is' if self.n == 1 else 'items are'} answered." if enough else \
            "Nothing is left to label. Others may hold some items, or skip them: look again later."
        self._end.children = [*_lines(text), ipywidgets.HBox([self._back] if enough else [self._again, self._back])]
        self._face(self._end)

    def _face(self, face: Any) -> None:
        with self._lock:
            if not self._closed and self.view.children[0] is not face:
                self.view.children = [face, self._status]

    def _give_back(self, item_ids: Sequence[str]) -> None:
        if item_ids:
            with suppress(StoreError):  # a claim ends by itself, later
                self.host.release(item_ids, self._claimant)

    # -- what is said below the labeller

    def _say(self, text: str) -> None:
        self._message.children = _lines(text)

    def _count(self) -> str:
        try:
            annotator, progress = self.host.annotator, self.host.tally(self.host.annotator)
        except HitlError as error:  # the decision was stored all the same
            return f"The progress can't be read: {error}"
        item = "" if self._item is None else f"Item {self._item.id} · "
        return f"{item}{progress['answered']:,} of {progress['items']:,} answered by {annotator}, " \
               f"{progress['today']:,} today"


def _stored(decision: Decision) -> str:
    """What a decision says, in few words."""
    if decision.objects is not None:
        there = sum(one.is_there for one in decision.objects)
        return f"{there:,} object{'' if there == 1 else 's'}"
    return decision.label or "skipped; it comes again later"


def _who(host: CardHost) -> list[str]:
    return [f"You are labelling as {host.annotator!r}, which names nobody; say who you are with "
            "wb.rename_annotator('your name')."] if host.annotator_is_default else []


def _kind(host: CardHost) -> str:
    """What the items are: "image" or "text"."""
    return getattr(host.pool, "kind", "image")


def _thing(host: CardHost, item: Item) -> Any:
    """What a labeller displays of an item: a PIL image, or a text as a string."""
    if _kind(host) == "text":
        return host.pool.load(item.position)
    picture = Image.open(io.BytesIO(host.pool.picture(item.position).data))
    picture.load()
    return picture


def _no_picture() -> Image.Image:
    """Stands where the picture of an item can't be shown, so that the one before isn't taken for it."""
    picture = Image.new("L", (360, 90), 210)
    ImageDraw.Draw(picture).text((20, 38), NO_ITEM, fill=0)
    return picture


def _lines(*texts: str) -> list[Any]:
    return [ipywidgets.Label(_plain(line), layout={"margin": "0 2px"})
            for text in texts for line in textwrap.wrap(text, WIDTH)]


def _plain(text: str) -> str:
    # A Label sets what stands between dollars, or after a backslash, as mathematics.
    return text.replace("$", "＄").replace("\\", "＼")
