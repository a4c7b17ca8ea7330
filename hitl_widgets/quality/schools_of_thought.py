"""Stands for `schools` until it is written."""

from __future__ import annotations

from typing import Any

import pandas as pd


def schools(votes: pd.DataFrame, **options: Any) -> Any:
    """Not written yet."""
    raise NotImplementedError("schools")
