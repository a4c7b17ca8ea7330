"""Fakes for tests: a pool and a project in memory, for code that uses the widgets or the models.

Begin with `MemoryHost`, on which a decision card works without a project's folder, and `MemoryPool`. `wait_for` waits
for something that another thread does. Nothing in the package uses this module.

>>> host = MemoryHost(rings(3), ["cat", "dog"])
>>> [item.id for item in host.claim(2)]
['item-0000', 'item-0001']
>>> decision = host.decide("item-0000", "answer", label=host.taxonomy.label_ids[1])
>>> [item.id for item in host.claim(2)], decision.label
(['item-0001', 'item-0002'], 'dog')
"""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
from PIL import Image

from .errors import AlreadyDecided, ImageError, TextError, UnknownDecision, UnknownItem
from .items.images import Picture
from .items.texts import snippet
from .objects.deciding import as_seen, given_shapes, judge_objects, judge_reasons, verdict_of
from .project.shown_objects import Shown
from .records import (
    OBJECT_TASKS,
    SHAPE_OF,
    Attribution,
    Decision,
    Item,
    Items,
    LearningState,
    ObjectAnswer,
    PredictedValue,
    Prediction,
    Proposal,
    Region,
    Seen,
    judge_values,
    new_id,
    utc_now,
)
from .taxonomy.label_sets import is_set, members, set_id
from .taxonomy.labels import Taxonomy

__all__ = ["CLOTHES", "MemoryHost", "MemoryPool", "rings", "wait_for"]

CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

_Truth = TypeVar("_Truth")


def wait_for(condition: Callable[[], _Truth], *, timeout_s: float = 120.0) -> _Truth:
    """Wait until a condition holds, and return what it returned.

    Parameters
    ----------
    condition : callable
        Called without arguments every 10 ms.
    timeout_s : float
        Seconds after which to give up. It is there to end a test that would hang, not to measure anything: leave it
        generous, so that a busy machine fails no test.

    Returns
    -------
    object
        The first value of `condition()` that is true.

    Raises
    ------
    TimeoutError
        If it doesn't hold in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition didn't hold within {timeout_s:g} s; its last value was {value!r}.")
        time.sleep(0.01)
    return value


def rings(n: int, side: int = 28) -> np.ndarray:
    """Draw images with a bright ring somewhere, the same ones each time.

    Parameters
    ----------
    n : int
        Number of images.
    side : int
        Height and width in pixels.

    Returns
    -------
    ndarray, uint8, shape (n, side, side)
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    images = np.empty((n, side, side), np.uint8)
    for image, (cx, cy, r) in zip(images, rng.uniform([.35, .35, .15], [.65, .65, .3], (n, 3)), strict=True):
        distance = np.abs(np.hypot(x - cx, y - cy) - r)
        image[:] = np.clip(40 + 60 * x + 200 * np.exp(-(distance / .05) ** 2), 0, 255)
    return images


class MemoryPool:
    """Items held as arrays or texts, some of them unreadable; a fake of the parts of `Pool` that models and cards use.

    Parameters
    ----------
    images : sequence of (ndarray, uint8, shape (H, W) or (H, W, 3)), str or None
        The items; None is an unreadable item. If one is a text, all are.
    ids : sequence of str, optional
        Their ids; "item-0000" and so on by default.
    broken : collection of str
        Ids of further unreadable items.
    """

    def __init__(self, images: Iterable[Any], ids: Sequence[str] | None = None, broken: Collection[str] = ()) -> None:
        self.images = list(images)
        self.ids: list[str] = list(ids) if ids is not None else [f"item-{i:04d}" for i in range(len(self.images))]
        self.broken = frozenset(broken)
        self.kind: Literal["image", "text"] = "text" if any(isinstance(one, str) for one in self.images) else "image"

    def __len__(self) -> int:
        return len(self.images)

    def load(self, position: int) -> Any:
        """Return an item, an array or a text; ImageError or TextError if it can't be read."""
        item = self.images[position]
        if item is None or self.ids[position] in self.broken:
            raise (TextError if self.kind == "text" else ImageError)(
                f"{self.ids[position]} ends after 12 of 400 bytes. Copy the file again.")
        return item if self.kind == "text" else np.asarray(item)

    def picture(self, position: int) -> Picture:
        """Encode an item for the screen, as PNG or UTF-8; ImageError or TextError if it can't be read."""
        image = self.load(position)
        if self.kind == "text":
            return Picture(data=image.encode(), mime="text/plain", height=1, width=len(image))
        return Picture(data=_png(image), mime="image/png", height=image.shape[0], width=image.shape[1])

    def size(self, position: int) -> tuple[int, int]:
        """Height and width of an item, for a text 1 and its length; ImageError or TextError if it can't be read."""
        item = self.load(position)
        if self.kind == "text":
            return 1, len(item)
        height, width = item.shape[:2]
        return height, width

    def snippet(self, position: int, n: int = 120) -> str:
        """Return the beginning of a text on one line."""
        return snippet(self.load(position), n)

    def fetch_ahead(self, positions: Iterable[int], *, first: bool = False,
                    then: Callable[[], None] | None = None) -> None:
        """Call `then` for each item at once, since none has to be fetched."""
        for _ in positions if then is not None else ():
            assert then is not None
            then()

    def is_fetching(self, position: int) -> bool:
        """Return False: no item is ever being fetched."""
        return False

    def thumbnail(self, position: int) -> bytes:
        """Encode an item as PNG, or the beginning of a text as UTF-8, even one of those named `broken`."""
        if self.kind == "text":
            return snippet(self.images[position]).encode()
        return _png(self.images[position])


def _png(image: np.ndarray) -> bytes:
    png = io.BytesIO()
    Image.fromarray(image).save(png, "PNG")
    return png.getvalue()


class MemoryHost:
    """A fake project whose log is a list: a `CardHost` for tests of a card alone.

    Predictions and saliency maps are made up, and deterministic for each item and model.

    Parameters
    ----------
    images : ndarray or sequence of str, optional
        The items, images or texts; 200 `rings` by default.
    labels : sequence or Taxonomy, optional
        What `Taxonomy` takes, or one with attributes; `CLOTHES` by default.
    model : str or None
        The version of the made-up model; None for a project without one.
    broken, blind : collection of str
        Ids of items that can't be read, and of items that are shown without suggestion and map.
    annotator : str
        Name of the person who decides.
    annotator_is_default : bool
        Whether the card should ask for a name.
    signed : bool
        Whether the maps have negative values too.
    meta : mapping, optional
        Metadata that every item shows.
    task : str
        What is asked of an item: one of `hitl_widgets.records.TASKS`.

    Attributes
    ----------
    log : list of (str, object)
        ("decided", the decision) or ("retracted", its id), in the order in which they were stored.
    released : list of str
        Ids of the items that were given back.
    refuse : Exception or None
        When set, `decide` raises it instead of storing.
    news : list of str
        Sentences about what others did; tests add to it.
    before : dict of str to sequence of (str, str)
        Item id -> the (id, text) of the items that precede it; tests add to it.
    learning : LearningState
        State of learning in the background; see `learn`.
    """

    def __init__(self, images: np.ndarray | Sequence[str | None] | None = None, labels: Any = None, *,
                 model: str | None = "a1b2c3", broken: Collection[str] = (), blind: Collection[str] = (),
                 annotator: str = "ada", annotator_is_default: bool = False, signed: bool = False,
                 meta: Mapping[str, Any] | None = None, task: str = "classify") -> None:
        self.pool = MemoryPool(rings(200) if images is None else images, broken=broken)
        self.taxonomy = labels if isinstance(labels, Taxonomy) else Taxonomy(labels or list(CLOTHES))
        self.task = task
        self.project_id, self.annotator, self.annotator_is_default = "memory", annotator, annotator_is_default
        self.model, self.blind, self.signed = model, frozenset(blind), signed
        self.meta = dict(meta or {})
        self.log: list[tuple[str, Any]] = []
        self.released: list[str] = []
        self.refuse: Exception | None = None
        self.news: list[str] = []
        self.before: dict[str, Sequence[tuple[str, str]]] = {}
        self.learning = LearningState("off")
        self._lock = threading.RLock()
        self._closed: set[tuple[str, str]] = set()
        self._skipped: list[str] = []
        self._listeners: list[Callable[[str], None]] = []

    @property
    def decisions(self) -> list[Decision]:
        """The decisions in the order in which they were stored."""
        return [what for kind, what in self.log if kind == "decided"]

    def rename_annotator(self, name: str) -> None:
        """Decide under another name from now on."""
        self.annotator, self.annotator_is_default = name, False

    def claim(self, n: int = 20, *, strategy: Any = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """List the next `n` items in the pool's order, skipped ones last."""
        who = annotator or self.annotator
        with self._lock:
            waiting = [i for i in self.pool.ids if i not in self._skipped] + self._skipped
            free = [i for i in waiting if (i, who) not in self._closed and i not in showing][:n]
            return Items([Item(i, self.pool.ids.index(i), strategy or "margin", i in self.blind, self.meta)
                          for i in free])

    @contextmanager
    def following(self) -> Iterator[None]:
        """Do nothing, since there are no other processes."""
        yield

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Never call `heard`, since nothing is stored elsewhere."""
        return lambda: None

    def standing(self, item_ids: Iterable[str], annotator: str | None = None) -> dict[str, str]:
        """The current decisions of an annotator on some items: item id -> decision id."""
        return {d.item_id: d.id for d in self.latest(len(self.log), annotator) if d.item_id in set(item_ids)}

    def release(self, item_ids: Iterable[str], annotator: str | None = None) -> None:
        """Record the items in `released`."""
        self.released += item_ids

    def prepare(self, items: Iterable[Item]) -> None:
        """Do nothing, since predictions take no time."""

    def item(self, item_id: str) -> Item:
        """Find an item outside the queue; UnknownItem if there is none."""
        if item_id not in self.pool.ids:
            raise UnknownItem(f"item {item_id!r} isn't in the pool.")
        return Item(item_id, self.pool.ids.index(item_id), "revision", meta=self.meta)

    def latest(self, n: int = 50, annotator: str | None = None) -> list[Decision]:
        """List the last `n` current decisions of an annotator."""
        with self._lock:
            undone = {what for kind, what in self.log if kind == "retracted"}
            live = [d for d in self.decisions if d.id not in undone and d.annotator == (annotator or self.annotator)]
            replaced = {d.replaces for d in live}
            return [d for d in live if d.id not in replaced][-n:]

    def earlier(self, position: int) -> Sequence[tuple[str, str]]:
        """List the entries of `before` for the item."""
        return self.before.get(self.pool.ids[position], ())

    def example(self, name: str) -> bytes:
        """Encode a label's example as PNG, or the beginning of a text as UTF-8."""
        return self.pool.thumbnail(self.item(name).position)

    def archive(self, path: Path) -> Path:
        """Write a few bytes that stand for an archive."""
        path.write_bytes(b"PK archive of " + self.project_id.encode())
        return path

    def prediction(self, position: int) -> Prediction | None:
        """Make up probabilities for an item; None without a model."""
        if self.model is None or self.task == "scale" or self.task in OBJECT_TASKS:
            return None
        rng = np.random.default_rng([position, sum(map(ord, self.model))])
        if self.task == "multilabel":
            probs, label_ids = rng.beta(0.4, 0.8, size=len(self.taxonomy)), self.taxonomy.label_ids
            on = set_id(label_id for label_id, p in zip(label_ids, probs, strict=True) if p > 0.5)
            return Prediction(self.pool.ids[position], label_ids, probs, self.model, (on,))
        logits = 3.2 * rng.normal(size=len(self.taxonomy)) / np.log10(len(self.taxonomy))
        probs = np.exp(logits - logits.max())
        return Prediction(self.pool.ids[position], self.taxonomy.label_ids, probs / probs.sum(), self.model)

    def predicted_values(self, position: int) -> dict[str, PredictedValue]:
        """Make up a value of each attribute of an item, with an interval on scales; empty without a model."""
        rng, model = np.random.default_rng(position), self.model
        values: dict[str, PredictedValue] = {}
        for attribute in self.taxonomy.attributes if model is not None else ():
            place = rng.uniform(0.2, 0.8)
            if attribute.scale is None:
                choice = attribute.choices[int(place * len(attribute.choices))]
                values[attribute.id] = PredictedValue(attribute.id, choice, np.nan, np.nan, model or "")
            else:
                low, high = attribute.scale
                at, below, above = (low + (place + by) * (high - low) for by in (0, -0.15, 0.15))
                values[attribute.id] = PredictedValue(attribute.id, at, below, above, model or "")
        return values

    def shown_objects(self, item: Item, annotator: str | None = None) -> Shown:
        """Make up six objects in a grid, or spans, the last the least certain; or an item's decided objects."""
        former = next((d for d in reversed(self.latest(len(self.log), annotator)) if d.item_id == item.id), None)
        if former is not None and former.objects is not None:
            return Shown(tuple(as_seen(former)), threshold=former.seen.threshold, hidden=former.seen.hidden,
                         model=former.seen.model)
        if self.model is None:
            return Shown(hidden=item.blind)
        height, width = self.pool.size(item.position)
        kind, ids, objects = SHAPE_OF[self.task], self.taxonomy.label_ids, []
        for k in range(6 if kind != "span" else min(6, max(1, width // 6))):
            if kind == "span":
                start = width * k // 6
                objects.append(Proposal(f"{item.id}.{k}", kind, (start, min(width, start + 4)), ids[k % len(ids)],
                                        round(0.9 - 0.1 * k, 2)).to_dict())
                continue
            x0, y0 = round(width * (k % 3 + 0.2) / 3, 2), round(height * (k // 3 + 0.2) / 2, 2)
            x1, y1 = round(x0 + width / 6, 2), round(y0 + height / 4, 2)
            at = {"box": (x0, y0, x1, y1), "point": (x0, y0), "polygon": (x0, y0, x1, y0, x1, y1, x0, y1)}[kind]
            objects.append(Proposal(f"{item.id}.{k}", kind, at, ids[k % len(ids)], round(0.9 - 0.1 * k, 2)).to_dict())
        return Shown(tuple(objects), threshold=0.3, threshold_probability=1.0, hidden=item.blind, model=self.model)

    def explanation(self, position: int, *, method: str, target: str, against: str | None = None) -> Attribution | None:
        """Make up an attribution of shape (14, 14): a spot near the middle; for a text, a number for each word."""
        if isinstance(text := self.pool.images[position], str):
            tokens = np.array([match.span() for match in re.finditer(r"\w+|[^\w\s]", text)], np.int32).reshape(-1, 2)
            numbers = np.random.default_rng(position).normal(size=(1, len(tokens))).astype(np.float32)
            return Attribution(self.pool.ids[position], method, target, self.model or "", numbers, (0, 0, len(text), 1),
                               True, against, tokens, 0.0)
        height, width = self.pool.images[position].shape[:2]
        y, x = np.mgrid[:14, :14] / 14
        cx, cy = np.random.default_rng(position).uniform(.35, .65, 2)
        values = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / .04)
        if self.signed:
            values = values - np.exp(-((x - cy) ** 2 + (y - cx - .2) ** 2) / .03)
        return Attribution(self.pool.ids[position], method, target, self.model or "", values.astype(np.float32),
                           (0, 0, width, height), self.signed, against)

    # 23 branches: the parameters are those of `CardHost.decide`, each a field of the decision with its own default.
    def decide(self, item_id: Any, verdict: str | None = None, *, label: str | None = None,
               values: Mapping[str, Any] | None = None, objects: Iterable[Any] | None = None,
               touched: Iterable[str] | None = None, certainty: float | None = None, note: str | None = None,
               flags: Sequence[str] = (), reason: str | None = None, wrong: Region | None = None,
               missing: Region | None = None, reasons: Mapping[str, Any] | None = None, seen: Seen | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None,
               known: Collection[str] | None = None) -> Decision:
        """Store a decision; the same `id` a second time changes nothing."""
        id, annotator, seen = id or new_id(), annotator or self.annotator, seen or Seen()
        with self._lock:
            if self.refuse is not None:
                raise self.refuse
            label, name = self._named(label)
            values = {name: self.taxonomy.attribute(name).check(value) for name, value in (values or {}).items()}
            if verdict is None and self.task == "scale":
                verdict = judge_values(None, values, seen)
            answers, size = None, None
            if self.task in OBJECT_TASKS:
                verdict, answers, size = self._judged(item_id, objects, verdict, seen, id)
                label = name = None if answers is None else set_id(one.label_id for one in answers if one.is_there)
            before = [d for d in self.latest(len(self.log), annotator) if d.item_id == item_id and d.id != id]
            former = before[-1] if before else None
            if known is not None and former and former.id not in known and former.verdict != "skip":
                raise AlreadyDecided("you decided this item in another tab or notebook meanwhile.")
            # A Decision checks its own verdict and reason.
            decision = Decision(id, item_id, annotator, cast(Any, verdict), name, label, certainty, note, tuple(flags),
                                seen, acted_at or utc_now(), replaces=former.id if former else None,
                                reason=cast(Any, reason), wrong=wrong, missing=missing, values=values,
                                touched=None if touched is None else tuple(touched), objects=answers, size=size,
                                reasons=judge_reasons(reasons or {}, answers or (), seen, dict))
            self._store(decision)
            return decision

    def _named(self, label: str | None) -> tuple[str | None, str | None]:
        """A label or a set of labels as stored, and its name."""
        if is_set(label):
            label = self.taxonomy.label_set(members(label))
            return label, self.taxonomy.name_as_answered(label)
        return label, None if label is None else self.taxonomy.label(label).name

    def _store(self, decision: Decision) -> None:
        if decision.id not in {d.id for d in self.decisions}:
            self.log.append(("decided", decision))
        if decision.closes:
            self._closed.add((decision.item_id, decision.annotator))
        else:
            self._skipped = [i for i in self._skipped if i != decision.item_id] + [decision.item_id]

    def _judged(self, item_id: str, objects: Iterable[Any] | None, verdict: str | None, seen: Seen, decision_id: str
                ) -> tuple[str, tuple[ObjectAnswer, ...] | None, tuple[int, int] | None]:
        height, width = self.pool.size(self.pool.ids.index(item_id))
        answers, kind = None, SHAPE_OF[self.task]
        if objects is not None:
            shapes = given_shapes(objects, kind, (width, height), decision_id=decision_id)
            text = self.pool.load(self.pool.ids.index(item_id)) if kind == "span" else None
            answers = judge_objects(shapes, seen, size=(width, height), name_of=lambda id: self.taxonomy.label(id).name,
                                    text=text)
        return verdict_of(verdict, answers, seen), answers, None if answers is None else (width, height)

    def retract(self, decision_id: str, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Decision:
        """Take a decision back; UnknownDecision if there is none with this id."""
        with self._lock:
            decision = next((d for d in self.decisions if d.id == decision_id), None)
            if decision is None:
                raise UnknownDecision(f"decision {decision_id!r} isn't in the log.")
            self.log.append(("retracted", decision_id))
            self._closed.discard((decision.item_id, decision.annotator))
            return decision

    def tally(self, annotator: str | None = None) -> dict[str, int]:
        """Count what an annotator has answered."""
        with self._lock:
            answered = sum(who == (annotator or self.annotator) for _, who in self._closed)
            return {"answered": answered, "today": answered, "in_round": answered, "items": len(self.pool), "round": 1,
                    "open": len(self.pool) - answered}

    def waiting(self, queue: str, annotator: str | None = None) -> int:
        """Count the open items, whatever the queue."""
        return int(self.tally(annotator)["open"])

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` after each `adopt` and `learn`; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def adopt(self, model: str) -> None:
        """Predict with another made-up model from now on, and tell the listeners."""
        self.model = model
        for listener in list(self._listeners):
            listener("model")

    def learn(self, state: LearningState) -> None:
        """Set the state of learning in the background, and tell the listeners."""
        self.learning = state
        for listener in list(self._listeners):
            listener("learning")
