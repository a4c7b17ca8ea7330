"""Stands for `consensus` until it is written."""

from __future__ import annotations

from typing import Any

import pandas as pd


def consensus(votes: pd.DataFrame, **options: Any) -> Any:
    """Not written yet."""
    raise NotImplementedError("consensus")
