"""What does a model say of every item, and where is that kept?

One memory-mapped array per model version beside the log; losing it costs time, never labels. Read `Predictions`
(the file) and `Ranking` (what follows from it for the queue) first.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .errors import BadInput, ShapeError
from .lineage import Lineage
from .sampling import STRATEGIES, Scores, Strategy, strategy_named


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
    """

    def __init__(self, folder: Path, *, model: str, label_ids: Sequence[str], ids_digest: str, n_items: int,
                 recipe: str = "") -> None:
        self.model, self.label_ids = model, tuple(label_ids)
        self._home = Path(folder) / model
        self._lock = threading.Lock()
        about = {"model": model, "label_ids": list(label_ids), "ids_digest": ids_digest, "n_items": n_items,
                 "recipe": recipe}
        if not self._made_for(about):
            shutil.rmtree(self._home, ignore_errors=True)
            self._make(about)
        self.probs: np.ndarray = np.load(self._home / "probs.npy", mmap_mode="r+")
        self.tried: np.ndarray = np.load(self._home / "tried.npy", mmap_mode="r+")

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
            return bool(json.loads((self._home / "about.json").read_text("utf-8")) == about
                        and np.load(self._home / "probs.npy", mmap_mode="r").shape
                        == (about["n_items"], len(self.label_ids))
                        and np.load(self._home / "tried.npy", mmap_mode="r").shape == (about["n_items"],))
        except (OSError, ValueError):
            return False

    def _make(self, about: dict[str, object]) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        n_items = int(str(about["n_items"]))
        probs = np.lib.format.open_memmap(self._home / "probs.npy", mode="w+", dtype=np.float32,
                                          shape=(n_items, len(self.label_ids)))
        probs[:] = np.nan
        probs.flush()
        np.lib.format.open_memmap(self._home / "tried.npy", mode="w+", dtype=np.bool_, shape=(n_items,)).flush()
        # Written last: a folder without it was never finished, and is made anew.
        draft = self._home / "about.json.new"
        draft.write_text(json.dumps(about), "utf-8")
        os.replace(draft, self._home / "about.json")


class Ranking:
    """What the current model says under today's labels, and the scores that follow from it.

    Scores are kept per strategy and brought up to date as predictions come in, so that ordering a large pool costs no
    second look at its probabilities. When a model takes over, an item keeps its former score until the new one spoke.
    """

    def __init__(self) -> None:
        self.predictions: Predictions | None = None
        self.revision = 0
        self._scores: dict[str, Scores] = {}
        self._lock = threading.RLock()

    def use(self, predictions: Predictions | None, lineage: Lineage) -> None:
        """Take another model's predictions, or the same under another taxonomy."""
        with self._lock:
            self.predictions, former = predictions, self._scores
            self._scores = {}
            for name, old in former.items():
                fresh = self._score(STRATEGIES[name], lineage)
                self._scores[name] = np.where(np.isnan(fresh), old, fresh)

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
                scores[positions] = STRATEGIES[name](self.probs(lineage, positions))

    def probs(self, lineage: Lineage, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Probabilities over today's labels, float32, shape (n, n_labels); NaN where nothing is known.

        The memory map itself where the model's labels are today's; else its columns summed, shared out or left away.
        """
        predictions = self.predictions
        if predictions is None:
            raise BadInput("there is no model; pass model=... to the workbench, or fine-tune first.")
        probs = predictions.probs[positions]
        if predictions.label_ids == lineage.today.label_ids:
            return probs
        mapped = probs @ lineage.columns(predictions.label_ids)
        total = mapped.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Nothing left of what the model knew: it can't tell, so every label is as likely.
            return np.where(total == 0, 1 / mapped.shape[1], mapped / total).astype(np.float32, copy=False)

    def scores(self, strategy: str | Strategy | None, lineage: Lineage) -> tuple[str, Scores | None]:
        """A strategy's name and its scores, shape (n_items,), NaN where unknown; None orders at random."""
        with self._lock:
            if strategy is None:
                strategy = "random" if self.predictions is None else "margin"
            if strategy == "random":
                return "random", None
            if not isinstance(strategy, str):
                name = getattr(strategy, "__name__", "custom")
                return name, None if self.predictions is None else self._score(strategy, lineage)
            function = strategy_named(strategy)
            if self.predictions is None:
                return strategy, None
            if strategy not in self._scores:
                self._scores[strategy] = self._score(function, lineage)
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
