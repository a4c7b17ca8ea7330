"""A project in memory: the least that a card needs, for tests of the card alone."""

from __future__ import annotations

import io
import threading
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from hitl_widgets.errors import ImageError, UnknownDecision, UnknownItem
from hitl_widgets.records import Attribution, Decision, Item, Items, Prediction, Seen
from hitl_widgets.taxonomy.labels import Taxonomy

CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def drawn(n: int, side: int = 28) -> np.ndarray:
    """Images with a bright ring somewhere, uint8, shape (n, side, side)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    images = np.empty((n, side, side), np.uint8)
    for image, (cx, cy, r) in zip(images, rng.uniform([.35, .35, .15], [.65, .65, .3], (n, 3)), strict=True):
        distance = np.abs(np.hypot(x - cx, y - cy) - r)
        image[:] = np.clip(40 + 60 * x + 200 * np.exp(-(distance / .05) ** 2), 0, 255)
    return images


class MemoryPool:
    """Items held as arrays; the ids in `broken` can't be shown."""

    def __init__(self, images: np.ndarray, ids: list[str] | None = None, broken: tuple[str, ...] = ()) -> None:
        self.images, self.broken = images, broken
        self.ids = ids or [f"item-{i:04d}" for i in range(len(images))]

    def __len__(self) -> int:
        return len(self.ids)

    def picture(self, position: int) -> SimpleNamespace:
        image = self.load(position)
        return SimpleNamespace(data=self._png(image), mime="image/png", height=image.shape[0], width=image.shape[1])

    def load(self, position: int) -> np.ndarray:
        if self.ids[position] in self.broken:
            raise ImageError(f"{self.ids[position]} ends after 12 of 400 bytes. Copy the file again.")
        return self.images[position]

    def thumbnail(self, position: int) -> bytes:
        return self._png(self.images[position])

    @staticmethod
    def _png(image: np.ndarray) -> bytes:
        png = io.BytesIO()
        Image.fromarray(image).save(png, "PNG")
        return png.getvalue()


class MemoryDesk:
    """A `review.Desk` whose log is a list. Predictions and maps are made up, but always the same."""

    def __init__(self, images: np.ndarray | None = None, labels: list | None = None, *,
                 model: str | None = "a1b2c3", broken: tuple[str, ...] = (), blind: tuple[str, ...] = (),
                 annotator: str = "ada", annotator_is_default: bool = False, signed: bool = False,
                 meta: dict | None = None) -> None:
        self.pool = MemoryPool(drawn(200) if images is None else images, broken=broken)
        self.taxonomy = Taxonomy(labels or CLOTHES)
        self.project_id, self.annotator, self.annotator_is_default = "memory", annotator, annotator_is_default
        self.model, self.blind, self.signed = model, blind, signed
        self.meta = meta or {}
        self.log: list[tuple[str, object]] = []
        self.released: list[str] = []
        self.refuse: Exception | None = None
        self._lock = threading.RLock()
        self._closed: set[tuple[str, str]] = set()
        self._skipped: list[str] = []
        self._listeners: list = []

    @property
    def decisions(self) -> list[Decision]:
        """The decisions in the order in which they were stored."""
        return [what for kind, what in self.log if kind == "decided"]

    def rename_annotator(self, name: str) -> None:
        self.annotator, self.annotator_is_default = name, False

    def claim(self, n=20, *, strategy=None, annotator=None, showing=(), queue=None) -> Items:
        who = annotator or self.annotator
        with self._lock:
            waiting = [i for i in self.pool.ids if i not in self._skipped] + self._skipped
            free = [i for i in waiting if (i, who) not in self._closed and i not in showing][:n]
            return Items([Item(i, self.pool.ids.index(i), strategy or "margin", i in self.blind, self.meta)
                          for i in free])

    def release(self, item_ids, annotator=None) -> None:
        self.released += item_ids

    def prepare(self, items) -> None:
        pass

    def item(self, item_id: str) -> Item:
        if item_id not in self.pool.ids:
            raise UnknownItem(f"item {item_id!r} isn't in the pool.")
        return Item(item_id, self.pool.ids.index(item_id), "revision", meta=self.meta)

    def latest(self, n: int = 50, annotator: str | None = None) -> list[Decision]:
        with self._lock:
            undone = {what for kind, what in self.log if kind == "retracted"}
            live = [d for d in self.decisions if d.id not in undone and d.annotator == (annotator or self.annotator)]
            replaced = {d.replaces for d in live}
            return [d for d in live if d.id not in replaced][-n:]

    def example(self, name: str) -> bytes:
        return self.pool.thumbnail(self.item(name).position)

    def archive(self, path: Path) -> Path:
        path.write_bytes(b"PK archive of " + self.project_id.encode())
        return path

    def prediction(self, position: int) -> Prediction | None:
        if self.model is None:
            return None
        rng = np.random.default_rng([position, sum(map(ord, self.model))])
        logits = 3.2 * rng.normal(size=len(self.taxonomy)) / np.log10(len(self.taxonomy))
        probs = np.exp(logits - logits.max())
        return Prediction(self.pool.ids[position], self.taxonomy.label_ids, probs / probs.sum(), self.model)

    def explanation(self, position: int, *, method: str, target: str, against: str | None = None) -> Attribution | None:
        height, width = self.pool.images[position].shape[:2]
        y, x = np.mgrid[:14, :14] / 14
        cx, cy = np.random.default_rng(position).uniform(.35, .65, 2)
        values = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / .04)
        if self.signed:
            values = values - np.exp(-((x - cy) ** 2 + (y - cx - .2) ** 2) / .03)
        return Attribution(self.pool.ids[position], method, target, self.model or "", values.astype(np.float32),
                           (0, 0, width, height), self.signed, against)

    def decide(self, item_id, verdict=None, *, label=None, certainty=None, note=None, flags=(), reason=None,
               wrong=None, missing=None, seen=None, id=None, annotator=None, acted_at=None) -> Decision:
        with self._lock:
            if self.refuse is not None:
                raise self.refuse
            name = None if label is None else self.taxonomy.label(label).name
            standing = [d.id for d in self.latest(len(self.log), annotator) if d.item_id == item_id and d.id != id]
            decision = Decision(id, item_id, annotator, verdict, name, label, certainty, note, tuple(flags),
                                seen or Seen(), acted_at, replaces=standing[-1] if standing else None,
                                reason=reason, wrong=wrong, missing=missing)
            if id not in {d.id for d in self.decisions}:
                self.log.append(("decided", decision))
            if decision.closes:
                self._closed.add((item_id, annotator))
            else:
                self._skipped = [i for i in self._skipped if i != item_id] + [item_id]
            return decision

    def retract(self, decision_id, *, id=None, annotator=None, acted_at: datetime | None = None) -> Decision:
        with self._lock:
            decision = next((d for d in self.decisions if d.id == decision_id), None)
            if decision is None:
                raise UnknownDecision(f"decision {decision_id!r} isn't in the log.")
            self.log.append(("retracted", decision_id))
            self._closed.discard((decision.item_id, decision.annotator))
            return decision

    def tally(self, annotator=None) -> dict:
        with self._lock:
            answered = sum(who == (annotator or self.annotator) for _, who in self._closed)
            return {"answered": answered, "today": answered, "in_round": answered, "items": len(self.pool), "round": 1,
                    "open": len(self.pool) - answered}

    def subscribe(self, listener):
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def adopt(self, model: str) -> None:
        """Another model speaks from now on."""
        self.model = model
        for listener in list(self._listeners):
            listener("model")
