"""Tokens of a pool's texts, computed when they are needed. Read `TokenPlaces`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ItemError
from ..items.pool import Pool
from ..items.tokens import tokens


class TokenPlaces(dict[Any, npt.NDArray[np.int32]]):
    """Lazy mapping of texts to their tokens' starts and ends: item_id -> ndarray of int32, shape (k, 2).

    A table of spans has one in its `attrs`. It stores nothing: a text is read when its tokens are asked for, so that
    copying and writing the table reads none.

    Parameters
    ----------
    pool : Pool
        A pool of texts.
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
        """Return self: pandas copies the attrs of a table with every step."""
        return self

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[()]]:
        """Pickle as an empty dict: no texts are written with a table."""
        return dict, ()
