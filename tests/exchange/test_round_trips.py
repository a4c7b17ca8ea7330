"""Round trips through every format: a file says what the project said, minus exactly what the report says is lost."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from exchange.random_projects import KINDS_OF, random_project
from exchange.round_trip import faults_of
from whole_records import bytes_in

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, StoreError
from hitl_widgets.exchange.project_records import ProjectRecords
from hitl_widgets.exchange.registry import available, find_format

CASES = [(name, task) for name in available() for task in find_format(name).tasks]


def kinds_of(name: str, task: str) -> list[str]:
    """Where items may lie that a format can hold, of a task."""
    of_images = "image" in find_format(name).kinds
    return [kind for kind in KINDS_OF.get(task, ("memory", "files", "text"))
            if (of_images if kind != "text" else "text" in find_format(name).kinds)]


@pytest.fixture(scope="module")
def projects():
    """A project for each task and kind of items, made once."""
    with ExitStack() as stack:
        made = {}

        def project(task, kind, seed=3):
            if (task, kind, seed) not in made:
                made[task, kind, seed] = stack.enter_context(random_project(seed, task=task, kind=kind, n_items=6))
            return made[task, kind, seed]
        yield project


@pytest.mark.long
# The rest of the kinds and labels, and 200 seeds a format: benchmarks/round_trips.py.
@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_file_says_what_the_project_said_but_for_what_was_reported(name, task, projects, tmp_path):
    kinds, number = kinds_of(name, task), CASES.index((name, task))
    wb = projects(task, kinds[number % len(kinds)]).wb
    assert faults_of(wb, name, tmp_path, labels=["annotations", "consensus"][number // 2 % 2]) == []


FORMATS = [(name, next(iter(find_format(name).tasks))) for name in available()]


@pytest.mark.parametrize(("name", "task"), FORMATS)
def test_what_is_there_is_never_overwritten_unless_it_is_asked_for(name, task, projects, tmp_path):
    wb = projects(task, kinds_of(name, task)[0]).wb
    path = place_for(name, tmp_path)
    wb.export(path, name)
    before = bytes_in(path)
    with pytest.raises(BadInput, match="overwrite=True"):
        wb.export(path, name, "annotations")
    assert bytes_in(path) == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    wb.export(path, name, overwrite=True)
    assert bytes_in(path) == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("there", ["nothing", "an older export"])
@pytest.mark.parametrize(("name", "task"), FORMATS)
def test_a_failure_half_way_leaves_what_was_there(name, task, there, projects, tmp_path, monkeypatch):
    wb = projects(task, kinds_of(name, task)[0]).wb
    path = place_for(name, tmp_path)
    if there != "nothing":
        wb.export(path, name)
    before = bytes_in(path) if path.exists() else None
    each = ProjectRecords.__iter__

    def fails_half_way(self):
        for number, record in enumerate(each(self)):
            if number == 2:
                raise OSError(28, "No space left on device")
            yield record
    monkeypatch.setattr(ProjectRecords, "__iter__", fails_half_way)
    with pytest.raises(StoreError, match="No space left"):
        wb.export(path, name, overwrite=True)
    assert (bytes_in(path) if path.exists() else None) == before
    assert [one.name for one in tmp_path.iterdir()] == ([path.name] if before is not None else [])


@pytest.mark.parametrize(("name", "task"), FORMATS)
def test_importing_the_same_file_again_changes_nothing(name, task, projects, tmp_path):
    made = projects(task, kinds_of(name, task)[0])
    path = place_for(name, tmp_path)
    made.wb.export(path, name)
    images = made.pool if made.pool.kind == "image" else None
    with hw.Workbench.from_file(path, tmp_path / "second", name, images=images, holdout=0, progress=False) as other:
        before = other.history()
        again = other.import_file(path, name)
        assert again.n_new == 0
        assert again.n_known
        assert len(other.history()) == len(before)


def place_for(name, folder):
    """A path for an export of a format."""
    chosen = find_format(name)
    return folder / ("out" if chosen.folder else f"out{(chosen.suffixes or ('.txt',))[0]}")
