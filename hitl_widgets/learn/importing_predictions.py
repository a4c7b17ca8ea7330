"""Import of predictions that were made elsewhere, as a model of the project. Read `import_predictions`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..errors import BadInput
from ..project.prediction_tables import read_probabilities
from ..project.project import Project
from ..records import Bars, no_bars
from .imported import net_of
from .registry import IS_VERSION, Registry

LONGEST_NAME = 100


def check_name(name: Any) -> str:
    """Check the name of a model, and return it without white space around it; BadInput if it can't be one."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or re.search(r"[\x00-\x1f\x7f]", name):
        raise BadInput(f"model is {name!r:.80}; the name of the model that predicted is expected, one line of up to "
                       f"{LONGEST_NAME} characters, such as 'gpt-9'.")
    if IS_VERSION(name.strip()):
        raise BadInput(f"model is {name!r}, which reads as a version of wb.models(); choose another name.")
    return name.strip()


def import_predictions(project: Project, registry: Registry, table: Any, *, name: str, adopt: bool = True,
                       partial: bool = False, bars: Bars = no_bars) -> str:
    """Add a table of probabilities to the project as a model; see `Workbench.import_predictions`.

    Parameters
    ----------
    project : Project
    registry : Registry
        The registry of models.
    table : DataFrame
    name : str
        The model's name.
    adopt, partial : bool
        See `Workbench.import_predictions`.
    bars : Bars
        Progress bar for reading the items. They have to be read because each prediction is stored with a hash of its
        item's content.

    Returns
    -------
    str
        The model's version.
    """
    name = check_name(name)
    if not isinstance(adopt, bool):
        raise BadInput(f"adopt is {adopt!r}; True or False is expected.")
    project.refresh()
    read = read_probabilities(project, table, partial=partial)
    with bars(len(read.positions), title="Reading the items that were predicted") as advance:
        def content(position: int) -> str | None:
            advance(1)
            return project.content(position)
        net = net_of(project.pool, read.positions, read.probs, read.label_ids, content=content)
    for note in read.notes:
        project.notify(note)
    with bars(None, title="Taking up the predictions"):  # each item's file is checked again
        version = registry.add_predictions(net, label_ids=read.label_ids, name=name, adopt=adopt)
        if registry.adopted == version:
            registry.inference.ask(np.arange(len(project.pool)))
    return version
