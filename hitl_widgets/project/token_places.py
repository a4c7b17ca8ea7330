"""Tokens of the texts of a pool, cut when they are asked for. Read `TokenPlaces`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ItemError
from ..items.pool import Pool
from ..items.tokens import tokens


class TokenPlaces(dict[Any, npt.NDArray[np.int32]]):
    """Where the tokens of each text begin and end: item_id -> ndarray of int32, shape (k, 2).

    A table of spans carries it in its `attrs`. It holds nothing: each text is read when it is asked for, so that
    copying and writing the table reads none.

    Parameters
    ----------
    pool : Pool
        Of texts.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def __missing__(self, item_id: Any) -> npt.NDArray[np.int32]:
        if str(item_id) not in self._pool:
            raise KeyError(item_id)
        try:
            return tokens(self._pool.load(self._pool.position(str(item_id))))
        except ItemError as error:
            raise KeyError(item_id) from error

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenPlaces:
        """Return the places themselves: pandas copies the attrs of a table with every step."""
        return self

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[()]]:
        """Nothing of the texts is written where a table is pickled."""
        return dict, ()
