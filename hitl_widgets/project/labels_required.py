"""Refusal of figures about item labels in projects where people mark objects. Read `require_labels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import BadInput
from ..records import OBJECT_TASKS

if TYPE_CHECKING:
    from .project import Project


def require_labels(project: Project, what: str, instead: str) -> None:
    """Raise BadInput in a project that asks for objects.

    Parameters
    ----------
    project : Project
    what : str
        The figure that is about item labels, with its verb: "schools of thought are".
    instead : str
        The figure for objects to use instead.
    """
    if project.task in OBJECT_TASKS:
        raise BadInput(f"{what} about the labels of whole items, and this project asks for the objects in an image "
                       f"(task={project.task!r}); {instead}.")
