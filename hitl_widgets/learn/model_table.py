"""The table of a project's models: their origin, adoption and accuracy. Read `models`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from ..events import Event
from .value_registry import KIND as VALUES
from .versions import IMPORTED

COLUMNS = ["model", "origin", "adopted_at", "accuracy", "n", "n_training"]
# Characters that are shown of versions and of names, and rows that are shown of a table.
SHORT, LONGEST_NAME, MOST_ROWS = 8, 18, 60


class ModelTable(pd.DataFrame):
    """The table of models, which is shown with short versions and times, so that its rows fit into 100 columns."""

    def __repr__(self) -> str:
        if (shown := self._shown()) is None or not len(self):
            return str(pd.DataFrame(self))
        return str(shown.to_string(max_rows=MOST_ROWS))

    def _repr_html_(self) -> str:
        shown = self._shown()
        return str((pd.DataFrame(self) if shown is None else shown).to_html(max_rows=MOST_ROWS))

    def _shown(self) -> pd.DataFrame | None:
        """The table as it is shown; None where it lacks columns of `models`, as after a change in place."""
        if not {*COLUMNS, "adopted"} <= set(self.columns):
            return None
        shown = pd.DataFrame(self)
        length = next(n for n in (SHORT, 16, None) if n is None or not shown["model"].str[:n].duplicated().any())
        words: dict[str, Callable[[Any], str]] = {
            "model": lambda model: model[:length], "adopted_at": "{:%Y-%m-%d %H:%M}".format,
            "accuracy": "{:.3f}".format, "n": "{:.0f}".format, "n_training": "{:.0f}".format,
            "adopted": lambda adopted: "yes" if adopted else "",
            "name": lambda name: name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME - 1]}…"}
        return shown.assign(**{name: ["" if pd.isna(value) else words[name](value) for value in shown[name]]
                               for name in words if name in shown})


def models(events: Iterable[Event], *, adopted: str | None = None) -> ModelTable:
    """The table of models that were adopted or trained, the oldest first.

    Parameters
    ----------
    events : iterable of Event
        The log's events.
    adopted : str or None
        The version in use; None takes the one that was adopted last.

    Returns
    -------
    ModelTable
        model, origin, adopted_at, accuracy, n, n_training, adopted (True for the one in use; heads for attributes are
        models of their own). Where predictions were imported, or an estimator was adopted or fitted, also name: the
        name of the predictions, or the estimator's class.
    """
    rows: dict[str, dict[str, Any]] = {}
    last, names = dict[str, str](), dict[str, str]()
    for event in events:
        body = event.body
        if event.kind in ("adopted", "trained", IMPORTED) and body.get("name"):
            names.setdefault(body["model"], body["name"])
        if event.kind in ("adopted", VALUES):
            rows.setdefault(body["model"], {"model": body["model"], "origin": body["origin"]})
            rows[body["model"]]["adopted_at"], last[event.kind] = event.acted_at, body["model"]
            if "n_training" in body:
                rows[body["model"]]["n_training"] = body["n_training"]
        elif event.kind == IMPORTED:
            rows.setdefault(body["model"], {"model": body["model"], "origin": IMPORTED})
        elif event.kind == "trained":
            rows.setdefault(body["model"], {"model": body["model"], "origin": "trained"})
            rows[body["model"]] |= {"accuracy": body["accuracy"], "n": body["n"],
                                    "n_training": body.get("n_training")}
    frame = ModelTable(list(rows.values()), columns=COLUMNS)
    frame["adopted"] = frame["model"].isin([adopted or last.get("adopted"), last.get(VALUES)])
    if names:
        frame["name"] = pd.Series([names.get(model) for model in frame["model"]], dtype=object)
    return frame
