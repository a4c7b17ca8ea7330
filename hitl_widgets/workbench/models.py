"""The accessor ``wb.models``: every model of a project, and comparisons of two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput

if TYPE_CHECKING:
    from ..learn.model_table import ModelTable
    from ..report.flips import Flips
    from .workbench import Workbench


class Models:
    """Every model of a project: ``wb.models()`` is the table, ``wb.models.flips()`` compares two models."""

    def __init__(self, wb: Workbench) -> None:
        self._wb = wb

    def __call__(self) -> ModelTable:
        """Every model that was adopted or trained, oldest first.

        Columns: model (its version), origin ("given", "trained", "rolled back", "imported", or "background" if it was
        learnt while somebody labelled), adopted_at (NaT if it was never adopted), accuracy and n (measured after
        training, on the items of `Run.measured_on`; map50 for detectors, F1 for points), n_training (items that it
        learnt from), adopted (True for the model in use), name (of imported predictions, or the class of an estimator;
        only if there are any).

        All trained models are measured on the same items, so the largest of many accuracies is partly due to chance.
        Weights and predictions are kept for all models that were adopted or imported, the last five learnt in the
        background, and the last three trained. A notebook shows only the first characters of each version, which
        `Workbench.adopt` accepts.
        """
        from ..learn.model_table import models
        return models(self._wb.project.log.events())

    def flips(self, before: str | None = None, after: str | None = None, *, n: int | None = None) -> Flips:
        """The items for which two models suggest different labels: what a new model gained, and what it lost.

        Parameters
        ----------
        before, after : str, optional
            Versions from `models`, or the first characters of each. `after` is the adopted model by default. `before`
            is the adopted model by default, or, if `after` is that one, the model adopted before it.
        n : int, optional
            Compare on this many items, drawn at random; on all if missing.

        Returns
        -------
        Flips
            .items, a DataFrame: item_id, before and after (the labels), before_confidence, after_confidence, moved (how
            far the probabilities moved), answer, right (which model agrees with the answer: "before", "after" or
            "neither"), role ("measures" for the hold-out and gold, "teaches" for training items). .plot() shows the
            items.

        Raises
        ------
        BadInput
            When there is no such version, or only one.
        ModelError
            Without a model, or when a version's weights are gone.
        """
        for name, version in (("before", before), ("after", after)):
            if version is not None and not isinstance(version, str):
                raise BadInput(f"{name} is a {type(version).__name__}; a version of wb.models() is expected, or None.")
        if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1):
            raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected, or None for all.")
        self._wb.project.require_pool()
        self._wb._services.require_labels()
        with self._wb._services.bars(None, title="Comparing two models"):
            from ..report.flips import flips
            return flips(self._wb.project, self._wb.registry, before, after, n=n)

    def embeddings(self, item_ids: Any = None) -> np.ndarray:
        """The embedding of each item, the input of the adopted model's last layer: float32, shape (n, n_features).

        Parameters
        ----------
        item_ids : str or sequence of str, optional
            The items; a row is NaN if its item can't be read. By default all items, in the order of the pool; a row is
            then NaN if its item has no prediction yet. `Workbench.embeddings` computes the missing rows.

        Raises
        ------
        ModelError
            Without a model, or when its last layer isn't found; the message says how to name it.
        """
        self._wb._services.require_labels()
        with self._wb._services.bars(None, title="Computing embeddings"):
            from ..explain.explanations import ids_of
            positions = None if item_ids is None else [self._wb.pool.position(item_id) for item_id in ids_of(item_ids)]
            return self._wb.inference.embeddings(positions)

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return self()._repr_html_()
