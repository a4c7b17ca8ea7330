"""Saliency maps of the adopted model, each computed once and then kept in memory and on disk.

`Explainer.explain_many` serves the card and the notebook alike; `Explainer.check` measures whether a method can be
trusted. Several threads may use one `Explainer`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import HitlError, ModelError
from ..learn.inference import Inference
from ..records import Attribution
from ..storage.attribution_cache import AttributionCache
from .attribute import NetExplainer
from .faithfulness import check

# Maps kept in memory.
N_KEPT = 512

Key = tuple[str, ...]


class Explainer:
    """Explains the adopted model of a project.

    Parameters
    ----------
    inference : Inference
        Has the adopted model.
    folder : Path
        Where maps are kept.
    content : callable
        Gives, for an item's position, what identifies its content; None where that isn't known, and its maps aren't
        kept.
    """

    def __init__(self, inference: Inference, folder: Path, *, content: Callable[[int], str | None]) -> None:
        self.inference = inference
        self._content, self._on_disk = content, AttributionCache(folder)
        self._lock = threading.Lock()
        self._net: NetExplainer | None = None
        self._kept: OrderedDict[Key, Attribution] = OrderedDict()

    def explain(self, position: int, method: str, target: str, against: str | None = None) -> Attribution:
        """Why the adopted model would give one item the label `target`, or would rather give it than `against`.

        Parameters
        ----------
        position : int
            Of the item in the pool.
        method : str
            One of `explain.attribute.METHODS`.
        target, against : str
            Ids of today's labels.

        Raises
        ------
        ModelError
            Without a model, where it is older than a label, or when the method doesn't serve it.
        BadInput, ImageError
            When there is no such method, or the item can't be read.
        """
        [result] = self.explain_many([position], method, [target], against=against)
        if isinstance(result, HitlError):
            raise result
        return result

    def explain_many(self, positions: Sequence[int], method: str, targets: Sequence[str], *,
                     against: str | None = None) -> list[Attribution | HitlError]:
        """The same for several items, with one target each; an error stands in the place of an item that failed.

        A map that was computed before is reused as long as the item's content, the model and the way to explain are
        what they were.
        """
        explainer = self._explainer()
        results: list[Attribution | HitlError | None] = [None] * len(positions)
        keys: dict[int, Key] = {}
        parts, refused = self._parts([*targets, *([] if against is None else [against])], explainer)
        for row, (position, target) in enumerate(zip(positions, targets, strict=True)):
            if error := refused.get(target) or refused.get(against or ""):
                results[row] = error
            elif (content := self._content(position)) is not None:
                keys[row] = _key(explainer, position, content, method, [(label, parts.get(label, ()))
                                                                        for label in (target, against or "")])
                results[row] = self._recall(keys[row])
        missing = [row for row, result in enumerate(results) if result is None]
        n = explainer.predictor.batch_size
        # A method that doesn't exist is refused even when nothing is left to be explained.
        for rows in [missing[start:start + n] for start in range(0, len(missing), n)] or [[]]:
            fresh = explainer.explain_many([positions[row] for row in rows], method=method, parts=parts,
                                           targets=[targets[row] for row in rows], against=[against] * len(rows))
            for row, result in zip(rows, fresh, strict=True):
                results[row] = result
                if row in keys and isinstance(result, Attribution):
                    self._remember(keys[row], result)
                    self._on_disk.put(keys[row], result)
        return [result for result in results if result is not None]

    def check(self, methods: Sequence[str] | None, n: int, *, budget_s: float) -> pd.DataFrame:
        """See `Workbench.check_explanations`."""
        explainer, inference = self._explainer(), self.inference
        positions = np.argsort(inference.pool.draws(inference.seed + 1))[:n]
        return pd.DataFrame([one.as_row() for one in
                             check(explainer, positions.tolist(), methods=methods, budget_s=budget_s)])

    def _explainer(self) -> NetExplainer:
        """The explainer of the model that is adopted now."""
        if self.inference.version is None:
            raise ModelError("there is no model to explain; pass model=... to the workbench, or fine-tune first.")
        predictor = self.inference.predictor
        with self._lock:
            if self._net is None or self._net.predictor is not predictor:
                self._net = NetExplainer(predictor)
            return self._net

    def _parts(self, labels: Sequence[str], explainer: NetExplainer
               ) -> tuple[dict[str, tuple[str, ...]], dict[str, ModelError]]:
        """Of each label the model's labels that make it up, or why the model can't tell it from others."""
        parts: dict[str, tuple[str, ...]] = {}
        refused: dict[str, ModelError] = {}
        for label in dict.fromkeys(labels):
            try:
                parts[label] = self.inference.parts(label, explainer.predictor)
            except ModelError as error:
                refused[label] = error
        return parts, refused

    def _recall(self, key: Key) -> Attribution | None:
        with self._lock:
            kept = self._kept.get(key)
        if kept is None and (kept := self._on_disk.get(key)) is not None:
            self._remember(key, kept)
        return kept

    def _remember(self, key: Key, attribution: Attribution) -> None:
        with self._lock:
            self._kept[key] = attribution
            while len(self._kept) > N_KEPT:
                self._kept.popitem(last=False)


def _key(explainer: NetExplainer, position: int, content: str, method: str,
         labels: Sequence[tuple[str, Sequence[str]]]) -> Key:
    """What a map follows from: model, item and its content, method, each label and its parts, and the recipe."""
    predictor = explainer.predictor
    return (predictor.version, str(predictor.pool.ids[position]), content.partition(" ")[0], method,
            *(text for label, parts in labels for text in (label, " ".join(parts))), predictor.recipe)
