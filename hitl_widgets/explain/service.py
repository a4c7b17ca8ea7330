"""Saliency maps of the adopted model, computed once and then kept in memory and on disk.

`Explainer.explain_many` serves the card and the notebook alike; `Explainer.check` measures whether a method can be
trusted. Several threads may use one `Explainer`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ..errors import HitlError, ModelError
from ..items.pool import Pool
from ..learn import blocks
from ..learn.imported import refuse_without_net
from ..learn.predict import NetPredictor
from ..records import Attribution, Bars, no_bars
from ..storage.map_blocks import MapBlocks
from .attribute import NetExplainer
from .faithfulness import Faithfulness, measure_faithfulness
from .kept_maps import KeptMaps
from .text_explainer import TextExplainer
from .text_faithfulness import measure_text_faithfulness

# Maps kept in memory.
N_KEPT = 512

# The values of `faithfulness.Faithfulness.trusted`, in words.
TRUSTED = {True: "trusted", False: "not trusted", None: "undecided"}

Key = tuple[str, ...]


class Explained(Protocol):
    """Protocol of an owner of an adopted net to explain: `Inference` for labels, `ValueRegistry` for values.

    Attributes
    ----------
    seed : int
        Seed of random draws of items.
    """

    seed: int

    @property
    def pool(self) -> Pool:
        """The items."""

    @property
    def version(self) -> str | None:
        """The adopted net's version, or None."""

    @property
    def predictor(self) -> NetPredictor:
        """The adopted net; ModelError if there is none."""

    def parts(self, label_id: str, predictor: NetPredictor) -> tuple[str, ...]:
        """The net's outputs that make up one of today's labels; ModelError if they can't be told apart."""


class MethodChecks(pd.DataFrame):
    """The table of `Explainer.check`, which shows its verdicts in full where pandas would cut them."""

    def __repr__(self) -> str:
        if not {"method", "trusted", "verdict"} <= set(self.columns):
            return str(pd.DataFrame(self))
        lines = [f"{method}: {TRUSTED[trusted]}. {verdict}" for method, trusted, verdict
                 in zip(self["method"], self["trusted"].tolist(), self["verdict"], strict=True)]
        figures = self.drop(columns=["trusted", "verdict"]).to_string(float_format="{:.3f}".format)
        return "\n".join([*lines, "", figures])

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None, "display.max_columns", None):
            return str(pd.DataFrame(self).round(3).to_html())


class Explainer:
    """Explains the adopted model of a project.

    Parameters
    ----------
    inference : Explained
        Has the adopted model: an `Inference`, or for attributes a `ValueRegistry`.
    folder : Path
        Folder where maps are kept.
    content : callable
        Maps an item's position to an identifier of its content; None if unknown, and then its maps aren't kept.

    Attributes
    ----------
    blocks : MapBlocks
        Maps computed for many items at once; these are searched first.
    """

    def __init__(self, inference: Explained, folder: Path, *, content: Callable[[int], str | None]) -> None:
        self.inference = inference
        self._content, self._kept = content, KeptMaps(folder, most=N_KEPT)
        self.blocks = MapBlocks(folder, size=blocks.SIZE)
        self._lock = threading.Lock()
        self._net: NetExplainer | TextExplainer | None = None

    def explain(self, position: int, method: str, target: str, against: str | None = None) -> Attribution:
        """The attribution of one item for the label `target`, or for `target` rather than `against`.

        Parameters
        ----------
        position : int
            Position of the item in the pool.
        method : str
            One of `explain.attribute.METHODS`; for texts one of `records.TEXT_METHODS`. For texts and for functions of
            images, "gradcam" stands for the best method that serves the model.
        target, against : str
            Ids of today's labels.

        Raises
        ------
        ModelError
            Without a model, if it is older than a label, or if the method doesn't serve it.
        BadInput, ItemError
            When there is no such method, or the item can't be read.
        """
        [result] = self.explain_many([position], method, [target], against=against)
        if isinstance(result, HitlError):
            raise result
        return result

    def explain_many(self, positions: Sequence[int], method: str, targets: Sequence[str], *,
                     against: str | None = None, bars: Bars = no_bars) -> list[Attribution | HitlError]:
        """Explain several items, with one target each; with an error in place of an item that failed.

        A map that was computed before is reused as long as the item's content, the model and the recipe of explaining
        are unchanged.
        """
        explainer = self.net_explainer()
        method = explainer.method_of(method)
        parts, refused = self.parts_of([*targets, *([] if against is None else [against])], explainer)
        keys = [self._key(explainer, position, method, target, against, parts)
                for position, target in zip(positions, targets, strict=True)]
        results: list[Attribution | HitlError | None] = [
            refused.get(target) or refused.get(against or "") or self._recall(key, position)
            for position, target, key in zip(positions, targets, keys, strict=True)]
        missing = [row for row, result in enumerate(results) if result is None]
        with bars(len(missing), title=f"Explaining by {method}") as advance:
            for rows in _batches(missing, explainer.predictor.batch_size):
                fresh = explainer.explain_many([positions[row] for row in rows], method=method, parts=parts,
                                               targets=[targets[row] for row in rows], against=[against] * len(rows))
                for row, result in zip(rows, fresh, strict=True):
                    results[row] = result
                    self._keep(keys[row], result)
                advance(len(rows))
        return [result for result in results if result is not None]

    def check(self, methods: Sequence[str] | None, n: int, *, budget_s: float, bars: Bars = no_bars) -> pd.DataFrame:
        """Measure how far each saliency method can be trusted; see `Workbench.check_explanations`."""
        explainer, inference = self.net_explainer(), self.inference
        positions = np.argsort(inference.pool.draws(inference.seed + 1))[:n]
        checked: Sequence[Faithfulness]
        if isinstance(explainer, TextExplainer):
            checked = measure_text_faithfulness(explainer, positions.tolist(), methods=methods, budget_s=budget_s,
                                                bars=bars)
        else:
            checked = measure_faithfulness(explainer, positions.tolist(), methods=methods, budget_s=budget_s, bars=bars)
        return MethodChecks([one.as_row() for one in checked])

    def net_explainer(self, predictor: NetPredictor | None = None) -> NetExplainer | TextExplainer:
        """The explainer of a model, by default of the adopted one."""
        if self.inference.version is None:
            raise ModelError("there is no model to explain; pass model=... to the workbench, run wb.finetune(), or go "
                             "on labelling with wb.review(), which learns one from some 20 answers.")
        adopted = self.inference.predictor
        predictor = predictor or adopted
        refuse_without_net(predictor)
        of = TextExplainer if self.inference.pool.kind == "text" else NetExplainer
        if predictor is not adopted:  # no longer adopted
            return of(predictor)
        with self._lock:
            if self._net is None or self._net.predictor is not predictor:
                self._net = of(predictor)
            return self._net

    def parts_of(self, labels: Sequence[str], explainer: NetExplainer | TextExplainer
                 ) -> tuple[dict[str, tuple[str, ...]], dict[str, ModelError]]:
        """For each label, the model's labels that make it up; or the error that the model can't tell it from others."""
        parts: dict[str, tuple[str, ...]] = {}
        refused: dict[str, ModelError] = {}
        for label in dict.fromkeys(labels):
            try:
                parts[label] = self.inference.parts(label, explainer.predictor)
            except ModelError as error:
                refused[label] = error
        return parts, refused

    def _key(self, explainer: NetExplainer | TextExplainer, position: int, method: str, target: str,
             against: str | None, parts: Mapping[str, Sequence[str]]) -> Key | None:
        """The key of a map: model, item and its content, method, each label and its parts, and the recipe.

        None if the content is unknown, so that the map can't be kept.
        """
        if (content := self._content(position)) is None:
            return None
        predictor, other = explainer.predictor, against or ""
        return (predictor.version, str(predictor.pool.ids[position]), content.partition(" ")[0], method,
                target, " ".join(parts.get(target, ())), other, " ".join(parts.get(other, ())), predictor.recipe)

    def _recall(self, key: Key | None, position: int) -> Attribution | None:
        return None if key is None else self.blocks.get(key, position) or self._kept.get(key)

    def _keep(self, key: Key | None, result: Attribution | HitlError) -> None:
        if key is not None and isinstance(result, Attribution):
            self._kept.put(key, result)


def _batches(rows: list[int], n: int) -> list[list[int]]:
    """The rows, at most n at a time; without any, one empty batch, so that the method is checked all the same."""
    return [rows[start:start + n] for start in range(0, len(rows), n)] or [[]]
