"""Stands for `automation_bias` until it is written."""

from __future__ import annotations

from typing import Any

import pandas as pd


def automation_bias(votes: pd.DataFrame, **options: Any) -> Any:
    """Not written yet."""
    raise NotImplementedError("automation_bias")
