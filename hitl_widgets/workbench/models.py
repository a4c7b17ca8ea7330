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
        learnt while somebody labelled), adopted_at (NaT if it never was), accuracy with n items when it was trained (on
        the items of `Run.measured_on`; for detectors map50, and for points F1), n_training (items that it learnt from),
        adopted (True for today's); if predictions were imported also name, theirs, and for an estimator its class.
        The rounds were measured on the same items: the largest accuracy among many owes some of it to chance. Weights
        and predictions are kept of models that were ever adopted or imported, of the last five of the background, and
        of the last three rounds. A notebook shows the beginning of each version, which `Workbench.adopt` takes, and
        times in UTC; the table itself has both in full.
        """
        from ..learn.model_table import models
        return models(self._wb.project.log.events())

    def flips(self, before: str | None = None, after: str | None = None, *, n: int | None = None) -> Flips:
        """The items for which two models suggest different labels: what a new model gained, and what it lost.

        Parameters
        ----------
        before, after : str, optional
            Versions of `models`, or their beginnings. `after` defaults to the adopted model; `before` too or, if that
            is `after`, to the model adopted before it.
        n : int, optional
            Compare on this many items, drawn at random; on all if missing.

        Returns
        -------
        Flips
            .items, a DataFrame: item_id, before, before_confidence, after, after_confidence, moved, answer, right
            ("before", "after", "neither"), role ("measures", "teaches"); .plot(), thumbnails

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
        """The input of the adopted model's last layer, item by item: float32, shape (n, n_features).

        Parameters
        ----------
        item_ids : str or sequence of str, optional
            A row for each of these, NaN for an unreadable item; without it all of the pool in its order, NaN for items
            without a prediction yet (`Workbench.predict` adds them, and `Workbench.embeddings` computes all).

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
