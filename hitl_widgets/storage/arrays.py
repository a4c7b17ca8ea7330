"""What does a model say of every item, and where is that kept?

One memory-mapped array per model version beside the log; losing it costs time, never labels. Read `Predictions`
(the file) and `Ranking` (what follows from it for the queue) first; `Embeddings` lie beside the predictions.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..errors import BadInput, ShapeError
from ..sampling.uncertainty import BY_ROW, Scores, Strategy
from ..taxonomy.history import Lineage

EMBEDDINGS_LIMIT = 2**30


class Predictions:
    """Probabilities of one model version for all items of a pool, on disk.

    Parameters
    ----------
    folder : where all model versions are kept; this one gets a folder named by its version
    model : the model's version, a content hash
    label_ids : which label each column stands for
    ids_digest : digest of the pool's ids; rows made for other ids are thrown away
    n_items : how many rows
    recipe : what the rows follow from beside weights and items, such as the preprocessing; others are thrown away

    Attributes
    ----------
    probs : memory map, float32, shape (n_items, n_labels); NaN where nothing is known (yet)
    tried : memory map, bool, shape (n_items,); True where the model was asked, even if the item was unreadable
    home : the folder of this version
    """

    def __init__(self, folder: Path, *, model: str, label_ids: Sequence[str], ids_digest: str, n_items: int,
                 recipe: str = "") -> None:
        self.model, self.label_ids = model, tuple(label_ids)
        self.home = Path(folder) / model
        self._lock = threading.Lock()
        about = {"model": model, "label_ids": list(label_ids), "ids_digest": ids_digest, "n_items": n_items,
                 "recipe": recipe}
        if not self._made_for(about):
            shutil.rmtree(self.home, ignore_errors=True)
            self._make(about)
        self.probs: np.ndarray = np.load(self.home / "probs.npy", mmap_mode="r+")
        self.tried: np.ndarray = np.load(self.home / "tried.npy", mmap_mode="r+")

    def put(self, positions: Sequence[int] | np.ndarray, probs: np.ndarray) -> None:
        """Keep the rows of some items; ShapeError when they don't fit."""
        if probs.shape != (len(positions), len(self.label_ids)):
            raise ShapeError(f"predictions have shape {probs.shape}; "
                             f"({len(positions)}, {len(self.label_ids)}) is expected.")
        with self._lock:
            self.probs[positions] = probs
            self.tried[positions] = True

    def missing(self, positions: np.ndarray) -> np.ndarray:
        """Those of the positions that the model wasn't asked about yet, in their order."""
        positions = np.asarray(positions, dtype=np.int64)
        return positions[~self.tried[positions]]

    def _made_for(self, about: dict[str, object]) -> bool:
        try:
            return bool(json.loads((self.home / "about.json").read_text("utf-8")) == about
                        and np.load(self.home / "probs.npy", mmap_mode="r").shape
                        == (about["n_items"], len(self.label_ids))
                        and np.load(self.home / "tried.npy", mmap_mode="r").shape == (about["n_items"],))
        except (OSError, ValueError):
            return False

    def _make(self, about: dict[str, object]) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        n_items = int(str(about["n_items"]))
        probs = np.lib.format.open_memmap(self.home / "probs.npy", mode="w+", dtype=np.float32,
                                          shape=(n_items, len(self.label_ids)))
        probs[:] = np.nan
        probs.flush()
        np.lib.format.open_memmap(self.home / "tried.npy", mode="w+", dtype=np.bool_, shape=(n_items,)).flush()
        # Written last: a folder without it was never finished, and is made anew.
        draft = self.home / "about.json.new"
        draft.write_text(json.dumps(about), "utf-8")
        os.replace(draft, self.home / "about.json")


class Embeddings:
    """What one model version's last layer reads of a pool's items, on disk beside its `Predictions`.

    Nothing is written before the first rows come, which say how wide a row is.

    Parameters
    ----------
    predictions : of the same model; they see to it that the folder belongs to this pool
    head : name of the layer; another layer's rows are kept apart
    limit : bytes; where all rows together would take more, none is kept

    Attributes
    ----------
    n_features : width of a row, 0 as long as it isn't known
    """

    def __init__(self, predictions: Predictions, *, head: str, limit: int = EMBEDDINGS_LIMIT) -> None:
        self._predictions, self._limit = predictions, limit
        name = hashlib.blake2b(head.encode(), digest_size=4).hexdigest()
        self._file, self._marks = (predictions.home / f"{kind}-{name}.npy" for kind in ("embedding", "embedded"))
        self._lock = threading.Lock()
        self._rows: np.ndarray | None = None
        self._known = np.zeros(len(predictions.tried), bool)
        self.n_features = 0
        with suppress(OSError, ValueError):
            rows, known = (np.load(file, mmap_mode="r+") for file in (self._file, self._marks))
            if rows.ndim == 2 and len(rows) == len(known) == len(self._known) and rows.dtype == np.float32:
                self._rows, self._known, self.n_features = rows, known, rows.shape[1]

    def put(self, positions: Sequence[int] | np.ndarray, rows: np.ndarray) -> None:
        """Keep the rows of some items, shape (n, n_features); NaN for one that can't be read."""
        with self._lock:
            if not len(positions) or not rows.shape[1] or 4 * rows.shape[1] * len(self._known) > self._limit:
                return
            if rows.shape[1] != self.n_features:
                self.n_features = rows.shape[1]
                shape = (len(self._known), self.n_features)
                self._known = np.lib.format.open_memmap(self._marks, mode="w+", dtype=np.bool_, shape=shape[:1])
                # Holes until they are written: a pool of which little was asked takes little of the disk.
                self._rows = np.lib.format.open_memmap(self._file, mode="w+", dtype=np.float32, shape=shape)
            assert self._rows is not None
            self._rows[positions] = rows
            self._known[positions] = True

    def get(self, positions: np.ndarray | None = None) -> np.ndarray:
        """Rows of some items, or of all: float32, shape (n, n_features); NaN where nothing is known."""
        with self._lock:
            positions = np.arange(len(self._known)) if positions is None else np.asarray(positions, np.int64)
            if self._rows is None:
                return np.full((len(positions), 0), np.nan, np.float32)
            return np.where(self._known[positions, None], self._rows[positions], np.float32(np.nan))

    def some(self, n: int) -> np.ndarray:
        """Up to n of the rows that are known, spread over the pool."""
        known = np.flatnonzero(self._known)
        return self.get(known[np.linspace(0, len(known) - 1, min(n, len(known))).astype(int)])

    def missing(self, positions: np.ndarray) -> np.ndarray:
        """Those of the positions whose rows aren't here, in their order."""
        positions = np.asarray(positions, dtype=np.int64)
        with self._lock:
            return positions[~self._known[positions]]


class Ranking:
    """What the current model says under today's labels, and the scores that follow from it.

    Scores are kept per strategy and brought up to date as predictions come in, so that ordering a large pool costs no
    second look at its probabilities. When a model takes over, an item keeps its former score until the new one spoke.
    """

    def __init__(self) -> None:
        self.predictions: Predictions | None = None
        self.revision = 0
        self._scores: dict[str, Scores] = {}
        self._former: dict[str, Scores] = {}
        self._lock = threading.RLock()

    def use(self, predictions: Predictions | None) -> None:
        """Take another model's predictions, or the same under another taxonomy. Scores are worked out when they are
        next asked for: whoever changes the taxonomy doesn't wait."""
        with self._lock:
            self.predictions = predictions
            self._former |= self._scores
            self._scores = {}

    def put(self, positions: np.ndarray, probs: np.ndarray, lineage: Lineage) -> None:
        """Keep a model's rows for some items.

        Raises
        ------
        BadInput
            Without a model; ShapeError when the rows don't fit.
        """
        with self._lock:
            if self.predictions is None:
                raise BadInput("there is no model whose predictions could be kept; pass model=... to the workbench.")
            self.predictions.put(positions, probs)
            self.revision += 1
            for name, scores in self._scores.items():
                scores[positions] = BY_ROW[name](self.probs(lineage, positions))

    def probs(self, lineage: Lineage, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Probabilities over today's labels, float32, shape (n, n_labels); NaN where nothing is known.

        The memory map itself where the model's labels are today's; else its columns summed, shared out or left away.
        """
        predictions = self.predictions
        if predictions is None:
            raise BadInput("there is no model; pass model=... to the workbench, or fine-tune first.")
        return under_today(predictions.probs[positions], predictions.label_ids, lineage)

    def scores(self, strategy: str | Strategy, lineage: Lineage) -> tuple[str, Scores | None]:
        """A strategy's name and its scores, shape (n_items,), NaN where unknown; without a model "random" and None.

        Parameters
        ----------
        strategy : a name of `sampling.BY_ROW`, whose scores are kept, or any function from probabilities to scores
        """
        with self._lock:
            if self.predictions is None:
                return "random", None
            if not isinstance(strategy, str):
                return getattr(strategy, "__name__", "custom"), self._score(strategy, lineage)
            if strategy not in self._scores:
                fresh, former = self._score(BY_ROW[strategy], lineage), self._former.pop(strategy, None)
                self._scores[strategy] = fresh if former is None else np.where(np.isnan(fresh), former, fresh)
            return strategy, self._scores[strategy]

    def _score(self, function: Strategy, lineage: Lineage) -> Scores:
        assert self.predictions is not None
        tried = self.predictions.tried
        scores = np.full(len(tried), np.nan, np.float32)
        if tried.all():
            scores[:] = function(self.probs(lineage))
        elif tried.any():
            asked = np.flatnonzero(tried)
            scores[asked] = function(self.probs(lineage, asked))
        return scores


def under_today(probs: np.ndarray, label_ids: Sequence[str], lineage: Lineage) -> np.ndarray:
    """A model's probabilities over today's labels: as they are where its labels are today's; else its columns summed,
    shared out or left away."""
    if tuple(label_ids) == lineage.today.label_ids:
        return probs
    mapped = probs @ lineage.columns(label_ids)
    total = mapped.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Nothing left of what the model knew: it can't tell, so every label is as likely.
        return np.where(total == 0, 1 / mapped.shape[1], mapped / total).astype(np.float32, copy=False)
