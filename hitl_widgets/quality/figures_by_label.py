"""Table of figures for all labels together and for each label, for measurements of objects and of spans."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..records import Estimate
from .metrics import json_number

ALL = "all"


class FiguresByLabel:
    """Estimates from a table with a row for all labels together ("all") and one for each label.

    Attributes
    ----------
    table : DataFrame
        Indexed by the labels' names, "all" first: label_id, counts, and each figure with its 95 % interval (`_low`,
        `_high`).
    FIGURES : tuple of str
        Names of the figures.
    """

    table: pd.DataFrame
    # The column, and the attribute, that counts the items; and why a figure may be undefined.
    _COUNT: ClassVar[str]
    _UNDEFINED: ClassVar[str]

    @property
    def FIGURES(self) -> tuple[str, ...]:  # noqa: N802 - as of the other metrics
        """Names of the figures."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> Estimate:
        """Estimate of one of `FIGURES` over all labels; BadInput for another name."""
        return self.estimate(name)

    def estimate(self, figure: str, label: str = ALL) -> Estimate:
        """Figure of one label, by its name.

        Parameters
        ----------
        figure : str
            One of `FIGURES`.
        label : str
            A name in the table's index; "all" for all labels together.
        """
        if figure not in self.FIGURES or label not in self.table.index:
            raise BadInput(f"there is no figure {figure!r} of {label!r}; one of {', '.join(self.FIGURES)} is expected, "
                           f"of {', '.join(map(str, self.table.index[:10]))}.")
        row = self.table.loc[label]
        n = int(getattr(self, self._COUNT) if label == ALL else row[self._COUNT])
        value, low, high = (float(row[f"{figure}{end}"]) for end in ("", "_low", "_high"))
        return Estimate(value, low, high, n=n, why=self._UNDEFINED if math.isnan(value) else "")

    @property
    def per_label(self) -> pd.DataFrame:
        """The table without the row for all labels, indexed by label_id, with the names in `label`."""
        rows = self.table.iloc[1:].rename_axis("label").reset_index()
        return rows.set_index("label_id")


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Write the rows of such a table, ready for JSON; `table_of` reads them."""
    rows = table.reset_index(names="label").astype(object).to_dict("records")
    return [{name: json_number(value) if isinstance(value, float) else value for name, value in row.items()}
            for row in rows]


def table_of(rows: Sequence[Mapping[str, Any]], figures: Sequence[str]) -> pd.DataFrame:
    """Read the rows that `rows_of` wrote of a table with these figures."""
    table = pd.DataFrame(rows).set_index("label").rename_axis(None)
    columns = [f"{figure}{end}" for figure in figures for end in ("", "_low", "_high")]
    table[columns] = table[columns].astype(np.float64)
    return table
