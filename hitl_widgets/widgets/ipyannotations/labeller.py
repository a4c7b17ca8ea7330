"""How does a person label with an ipyannotations labeller of their own? `LabellerReview` puts it before the queue.

The labeller shows one item and says what was chosen; claims, log and undo are the project's. Read
`LabellerReview._submit` and `LabellerReview._advance` first.
"""

from __future__ import annotations

import io
import logging
import reprlib
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import anywidget
import ipywidgets
import numpy as np
from PIL import Image, ImageDraw

from ...errors import BadInput, HitlError, StoreError, UnknownDecision, UnknownLabel
from ...records import Item, Prediction, Seen, judge, new_id, utc_now
from ...taxonomy.labels import Taxonomy
from ..card import take_over
from ..comm import STATIC
from ..host import CardHost
from ..packing import SHOWN
from .repairs import Repairs, check_is_served, is_a_caption

log = logging.getLogger(__name__)

AHEAD = 2  # items claimed, read and predicted beyond the one on the screen
UNDOABLE = 50
# Nobody sees, judges and presses within this time of an item being sent to the browser: such a press was the second of
# two, meant for the item before.
UNSEEN_S = 0.25
WIDTH = 110  # characters; a Label doesn't break its line

_behind: WeakValueDictionary[int, LabellerReview] = WeakValueDictionary()  # by id() of the labeller


@dataclass(eq=False)
class _Held:
    """A claimed item, ready to be shown."""

    item: Item
    annotator: str
    picture: Image.Image
    prediction: Prediction | None = None
    broken: str | None = None


class Shield(anywidget.AnyWidget):
    """Keeps the keys that are pressed over the labeller from JupyterLab's own shortcuts."""

    _esm = STATIC / "shield.js"


class LabellerReview:
    """Somebody's own ipyannotations labeller, before the project's queue.

    What is pressed becomes a decision: a label's name an answer, None a skip. A name that the taxonomy doesn't have is
    kept as unsure, with the flag "not_in_taxonomy" and the name as its note. A labeller shows no suggestion, so every
    item is blind; the log keeps what the model would have said, as hidden.

    Parameters
    ----------
    host : CardHost
        The project, as far as a card needs it.
    widget : gives one label an item: `display(item)`, which gets a PIL image, `on_submit(callback)` and
        `on_undo(callback)`, and is an ipywidget. `ClassLabeller` and `MulticlassLabeller` of `ipyannotations.images`
        and `ipyannotations.generic` are; of several labels chosen at once none is stored, and the view says so
    n : how many items to ask, None for as long as there are any
    strategy : which items come first; None leaves it to the project
    queue : another queue than what is open, such as "relabel"

    Raises
    ------
    BadInput
        When the labeller doesn't give one label an item, or has no label of the taxonomy.

    Notes
    -----
    Opening a review closes the project's former one, and the former one behind the same labeller. A press that comes
    within `UNSEEN_S` of a new item was meant for the one before, and isn't counted.
    """

    def __init__(self, host: CardHost, widget: Any, *, n: int | None = None, strategy: Any = None,
                 queue: str | None = None) -> None:
        if n is not None and n < 1:
            raise BadInput(f"n={n} asks for no items; a number from 1 on is expected, or None for all.")
        check_is_served(widget)
        self.host, self.widget, self.n, self.strategy, self.queue = host, widget, n, strategy, queue
        # The choices were made for this taxonomy: a name that a later edit changes still means what it meant.
        self._taxonomy: Taxonomy = host.taxonomy
        notices = _notices(host, self._taxonomy, widget)
        self._acting = threading.RLock()  # one act at a time, for they come on any thread
        self._filling = threading.Lock()  # one claim at a time; taken before _lock, never while holding it
        self._lock = threading.Lock()  # what follows; held for moments only
        self._window: list[_Held] = []
        self._current: _Held | None = None
        self._visible = False
        self._shown_at = 0.0
        self._done: deque[tuple[str, _Held]] = deque(maxlen=UNDOABLE)
        self._closing: dict[str, str] = {}  # by decision id, the item it closed
        self._closed = False
        self._message, self._progress = ipywidgets.VBox(), ipywidgets.Label()
        self._end, self._notices = ipywidgets.VBox(), ipywidgets.VBox(_lines(*notices))
        self._again, self._back = (ipywidgets.Button(description=text) for text in ("Look again", "Undo the last"))
        self._again.on_click(lambda _: self._act(self._look_again))
        self._back.on_click(lambda _: self._act(self._undo))
        self._status = ipywidgets.VBox([self._message, self._progress, self._notices, Shield()])
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
            state = "closed" if self._closed else "nothing left" if self._current is None else \
                f"showing {self._current.item.id}"
            return f"<LabellerReview by {self.host.annotator} with {type(self.widget).__name__}: " \
                   f"{len(self._closing)} decided, {state}>"

    def close(self, reason: str = "Another review has taken over.") -> None:
        """Give the waiting items back and the labeller, as it was. What was pressed before is stored all the same."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            held = [*self._window, *filter(None, [self._current])]
            self._window, self._current = [], None
        self._repairs.undo()
        for name, callback in (("submission_functions", self._on_submit), ("undo_fns", self._on_undo)):
            if callback in (callbacks := getattr(self.widget, name, None) or []):
                callbacks.remove(callback)
        self._give_back(held)
        self.view.children = _lines(f"Closed. {reason} {self._count()}.")

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
        held = self._current
        if held is None:
            return self._look_again()
        if time.monotonic() - self._shown_at < UNSEEN_S:
            return self._say("Not counted: this press came too soon after a new item to be about it. Press again.")
        if not self._visible and value is not None:
            return self._say(f"Not stored: item {held.item.id} isn't on the screen, nobody can answer it; press Skip.")
        decision = self.host.decide(held.item.id, id=new_id(), annotator=self.host.annotator, acted_at=utc_now(),
                                    **self._said(value, held))
        with self._lock:
            self._current = None
            self._done.append((decision.id, held))
            if decision.closes:
                self._closing[decision.id] = decision.item_id
        # Else the next press of Undo would take back a word typed for this item, not the decision.
        getattr(self.widget, "_undo_queue", []).clear()
        if decision.verdict == "unsure":
            self._say(f"Stored for item {held.item.id}: unsure, for {decision.note!r} isn't in the taxonomy. The name "
                      "is kept as a note, with the flag not_in_taxonomy.")
        else:
            self._say(f"Stored for item {held.item.id}: {decision.label or 'skipped; it comes again later'}.")
        self._advance()

    def _undo(self) -> None:
        if not self._done:
            return self._say("There is nothing to undo in this session.")
        decision_id, held = self._done[-1]
        try:
            self.host.retract(decision_id, annotator=self.host.annotator, acted_at=utc_now())
        except UnknownDecision:
            self._done.pop()
            raise
        self._done.pop()
        with self._lock:
            self._closing.pop(decision_id, None)
            former, self._current = self._current, None
            self._window = [h for h in [*filter(None, [former]), *self._window] if h.item.id != held.item.id]
            self._window.insert(0, held)
        self._say(f"Taken back for item {held.item.id}, which is asked again.")
        self._advance()

    def _look_again(self) -> None:
        self._say("")
        self._advance()

    def _said(self, value: Any, held: _Held) -> dict[str, Any]:
        """The arguments of `CardHost.decide` for a submission; BadInput where the log could keep nothing of it."""
        name = None if value is None else self._chosen(value)
        taxonomy, label_id = self._meant(name)
        seen = _seen(held, taxonomy)
        if name is None:
            return {"verdict": "skip", "seen": seen}
        if label_id is None:
            return {"verdict": "unsure", "flags": ("not_in_taxonomy",), "note": name, "seen": seen}
        verdict, label_id = judge(None, label_id, seen)
        return {"verdict": verdict, "label": label_id, "seen": seen}

    def _chosen(self, value: Any) -> str:
        """The one name that was chosen."""
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise BadInput(f"the labeller gave {reprlib.repr(value)}; a label's name is expected, or None for a skip. "
                           "Regions can't be kept yet.")
        if len(names) > 1:
            raise BadInput(f"{len(names)} labels were chosen ({', '.join(names)}), and an item keeps one. "
                           "Leave the best one chosen, or press Skip.")
        if not names or not names[0].strip() or is_a_caption(names[0], self.widget):
            raise BadInput("no label was chosen. Choose one, or press Skip.")
        return names[0].strip()

    def _meant(self, name: str | None) -> tuple[Taxonomy, str | None]:
        """The taxonomy that has this name, and its label_id there; None where none has it."""
        for taxonomy in (self._taxonomy, self.host.taxonomy):
            if name is not None and _has(taxonomy, name):
                return taxonomy, taxonomy.answer(name).id
        return self._taxonomy, None

    # -- the next item

    def _advance(self) -> None:
        """Show the next item, or a plain face where there is none. It never raises: what came before is stored."""
        problem = None
        if not self._window:
            try:
                self._fill()
            except HitlError as error:
                problem = str(error)
            except Exception as error:
                log.exception("preparing items for the labeller raised")
                problem = f"{type(error).__name__}: {error}. The kernel's log has the traceback."
        with self._lock:
            if self._closed:
                return
            self._current = held = self._window.pop(0) if self._window else None
        if held is None:
            self._show_the_end(problem)
        else:
            self._display(held)
            threading.Thread(target=self._fill_ahead, name="hitl-labeller", daemon=True).start()
        self._progress.value = _plain(self._count())

    def _display(self, held: _Held) -> None:
        self._repairs.problem = None
        try:
            self.widget.display(held.picture)
        except Exception as error:  # the labeller is anybody's code
            self._repairs.problem = f"{type(error).__name__}: {error}"
            log.exception("the labeller's display raised")
        self._visible, self._shown_at = self._repairs.problem is None, time.monotonic()
        self._face(self.widget)
        if not self._visible:
            self._say(f"The labeller can't show item {held.item.id} ({self._repairs.problem}). Press Skip to go on.")
        elif held.broken is not None:
            self._say(f"Item {held.item.id} can't be shown: {held.broken} Skip it, or answer all the same.")

    def _show_the_end(self, problem: str | None) -> None:
        enough = self.n is not None and len(set(self._closing.values())) >= self.n
        text = f"The next items can't be prepared: {problem}" if problem is not None else \
            f"That was all: {self.n:,} {'item is' if self.n == 1 else 'items are'} answered." if enough else \
            "Nothing is left to label. Others may hold some items, or skip them: look again later."
        self._end.children = [*_lines(text), ipywidgets.HBox([self._back] if enough else [self._again, self._back])]
        self._face(self._end)

    def _face(self, face: Any) -> None:
        with self._lock:
            if not self._closed and self.view.children[0] is not face:
                self.view.children = [face, self._status]

    def _fill_ahead(self) -> None:
        try:
            self._fill()
        except HitlError:
            pass  # tried again, and said, when the next item is wanted
        except Exception:
            log.exception("preparing items for the labeller raised")

    def _fill(self) -> None:
        """Claim what should wait behind the item on the screen, and have its picture and prediction ready."""
        with self._filling:
            with self._lock:
                showing = [held.item.id for held in [*self._window, *filter(None, [self._current])]]
                room = AHEAD - len(self._window)
                if self.n is not None:
                    room = min(room, self.n - len(set(self._closing.values())) - len(showing))
                if self._closed or room <= 0:
                    return
            annotator = self.host.annotator
            items = self.host.claim(room, strategy=self.strategy, annotator=annotator, showing=showing,
                                    queue=self.queue)
            with suppress(HitlError):  # an item without a prediction is labelled all the same
                self.host.prepare(items)
            ready = [self._ready(item, annotator) for item in items]
            with self._lock:
                if not self._closed:
                    there = {held.item.id for held in [*self._window, *filter(None, [self._current])]}
                    self._window += [held for held in ready if held.item.id not in there]
                    return
            self._give_back(ready)

    def _ready(self, item: Item, annotator: str) -> _Held:
        try:
            picture = Image.open(io.BytesIO(self.host.pool.picture(item.position).data))
            picture.load()
        except HitlError as error:
            return _Held(item, annotator, _no_picture(), broken=str(error))
        prediction = None
        with suppress(HitlError):
            prediction = self.host.prediction(item.position)
        return _Held(item, annotator, picture, prediction)

    def _give_back(self, held: Sequence[_Held]) -> None:
        for annotator in {h.annotator for h in held}:
            with suppress(StoreError):  # a claim ends by itself, later
                self.host.release([h.item.id for h in held if h.annotator == annotator], annotator)

    # -- what is said below the labeller

    def _say(self, text: str) -> None:
        self._message.children = _lines(text)

    def _count(self) -> str:
        try:
            annotator, progress = self.host.annotator, self.host.tally(self.host.annotator)
        except HitlError as error:  # what was just stored is stored
            return f"The progress can't be read: {error}"
        item = "" if self._current is None else f"Item {self._current.item.id} · "
        return f"{item}{progress['answered']:,} of {progress['items']:,} answered by {annotator}, " \
               f"{progress['today']:,} today"


def _notices(host: CardHost, taxonomy: Taxonomy, widget: Any) -> list[str]:
    """What to know before the first item; BadInput where no choice is a label."""
    notices = []
    if host.annotator_is_default:
        notices.append(f"You are labelling as {host.annotator!r}, which names nobody; say who you are with "
                       "wb.rename_annotator('your name').")
    options = getattr(widget, "options", None)
    if options is None:
        return notices
    offered, odd = set(), []
    for option in map(str, options):
        try:
            offered.add(taxonomy.answer(option).id)
        except UnknownLabel:
            odd.append(option)
    cure = f"make it with {type(widget).__name__}(options=wb.taxonomy.names)"
    if not offered:
        raise BadInput(f"the labeller's options ({_some(odd) or 'none'}) have no label of taxonomy "
                       f"v{taxonomy.version}, which has: {_some(taxonomy.names)}. To label with these, {cure}.")
    if odd:
        notices.append(f"No labels of taxonomy v{taxonomy.version}: {_some(odd)}. They are kept as unsure with the "
                       f"flag not_in_taxonomy; add them with wb.apply(edits.add(...)), or {cure}.")
    if missing := [taxonomy.name_of(label.id) for label in taxonomy if label.id not in offered]:
        notices.append(f"Labels that the labeller doesn't offer: {_some(missing)}. To have them, {cure}.")
    return notices


def _has(taxonomy: Taxonomy, name: str) -> bool:
    """True for a name that a label has, also one that several have or that may not be an answer."""
    return name in taxonomy or any(label.name == name for label in taxonomy.labels)


def _seen(held: _Held, taxonomy: Taxonomy) -> Seen:
    prediction = held.prediction
    if prediction is None or prediction.suggestion not in taxonomy or not np.isfinite(prediction.probs).all():
        return Seen(hidden=True, taxonomy=taxonomy.version, chosen_by=held.item.chosen_by)
    probs = {label_id: p for label_id, p in prediction.top(SHOWN).items() if label_id in taxonomy}
    return Seen(suggestion=prediction.suggestion, probs=probs, hidden=True, model=prediction.model,
                taxonomy=taxonomy.version, chosen_by=held.item.chosen_by)


def _no_picture() -> Image.Image:
    """Stands where the picture of an item can't be shown, so that the one before isn't taken for it."""
    picture = Image.new("L", (360, 90), 210)
    ImageDraw.Draw(picture).text((20, 38), "This item can't be shown; see below.", fill=0)
    return picture


def _lines(*texts: str) -> list[Any]:
    return [ipywidgets.Label(_plain(line), layout={"margin": "0 2px"})
            for text in texts for line in textwrap.wrap(text, WIDTH)]


def _plain(text: str) -> str:
    # A Label sets what stands between dollars, or after a backslash, as mathematics.
    return text.replace("$", "＄").replace("\\", "＼")


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
