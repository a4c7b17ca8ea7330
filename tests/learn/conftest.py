"""Workbenches that ask for values, and what others need: `keep` closes them, and `said` has their words."""

from __future__ import annotations

from contextlib import ExitStack

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


@pytest.fixture
def said():
    """What the workbenches told that `keep` was given."""
    return []


@pytest.fixture
def keep(said):
    """Takes a workbench, which tells `said` from now on and is closed after the test."""
    with ExitStack() as stack:
        def keeping(wb):
            wb.project.notify = said.append
            return stack.enter_context(wb)
        yield keeping
