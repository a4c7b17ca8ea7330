"""A table of predicted values of attributes, such as "sharpness": one row for each item and attribute.

The values are predicted by the adopted heads (models of the attributes, trained on the answers) and converted to
today's scales if an edit has changed a scale since the heads were trained. Read `predicted_table`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.history import Lineage
from .value_registry import ValueModel, ValueRegistry
from .values import Predicted

COLUMNS = ["item_id", "attribute", "value", "low", "high", "model"]
AT_ONCE = 2_048


def predicted_table(registry: ValueRegistry, model: ValueModel, lineage: Lineage, positions: np.ndarray,
                    ids: Sequence[str] | np.ndarray) -> pd.DataFrame:
    """Predicted values of some items: a row for each readable item and each attribute.

    Parameters
    ----------
    registry : ValueRegistry
    model : ValueModel
        The adopted heads.
    lineage : Lineage
        Converts values to today's scales. Values whose meaning is unclear after an edit are left out.
    positions : ndarray of int, shape (n,)
    ids : sequence of str, length n
        Ids of these items.
    """
    ids, parts = np.asarray(ids, object), [pd.DataFrame(columns=COLUMNS)]
    for start in range(0, len(positions), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        readable = np.isfinite(registry.rows(positions[some], model)).all(axis=1)
        said = registry.predict(positions[some][readable], model) if readable.any() else {}
        for attribute in model.attributes:
            if attribute.id in said and attribute.id in {one.id for one in lineage.today.attributes}:
                parts.append(_rows(attribute, said[attribute.id], model, lineage).assign(
                    item_id=ids[some][readable]).dropna(subset="value"))
    table: pd.DataFrame = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    order = {item_id: place for place, item_id in enumerate(ids.tolist())}
    return table.sort_values("item_id", key=lambda column: column.map(order), kind="stable",
                             ignore_index=True)[COLUMNS]


def _rows(attribute: Attribute, said: Predicted, model: ValueModel, lineage: Lineage) -> pd.DataFrame:
    """The values of one attribute, without the items."""
    carried = {value: lineage.value(attribute.id, value, model.taxonomy)
               for value in {*said.values, *said.low, *said.high} if value is not None}

    def ends(low: Value | None, high: Value | None) -> tuple[float, float]:
        found = [carried.get(end) if end is not None else None for end in (low, high)]
        return tuple(sorted(math.nan if end is None or isinstance(end, str) else float(end)  # type: ignore[return-value]
                            for end in found))
    bounds = [ends(*pair) for pair in zip(said.low, said.high, strict=True)]
    name = next(one.name for one in lineage.today.attributes if one.id == attribute.id)
    return pd.DataFrame({"attribute": name, "value": pd.Series([carried[value] for value in said.values], dtype=object),
                         "low": [low for low, _ in bounds], "high": [high for _, high in bounds],
                         "model": model.version})
