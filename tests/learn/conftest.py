"""Workbenches that ask for values."""

from __future__ import annotations

import pytest
from shades import POOL

import hitl_widgets as hw


@pytest.fixture
def values_bench(tmp_path):
    """Opens a workbench that asks for values, the same folder each time."""
    made = []

    def open_(*attributes, labels=(), task="scale", name="p", **more):
        taxonomy = hw.Taxonomy(labels, attributes=attributes) if attributes else None
        made.append(hw.Workbench(tmp_path / name, POOL, taxonomy, task=task, annotator="ada", holdout=0.2,
                                 progress=False, **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()
