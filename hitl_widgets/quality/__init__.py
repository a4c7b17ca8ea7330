"""Quality of answers and models, from arrays and tables alone.

``consensus``, ``agreement``, ``automation_bias`` and ``schools`` take a table of votes: a DataFrame with item_id,
annotator and label, as ``wb.votes()`` makes it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .annotator_agreement import agreement as agreement
    from .crowd_consensus import consensus as consensus
    from .schools_of_thought import schools as schools
    from .suggestion_effect import automation_bias as automation_bias

# Where each function is defined. No module has its name, since importing the module would hide the function.
_HOME = {"agreement": "annotator_agreement", "automation_bias": "suggestion_effect", "consensus": "crowd_consensus",
         "schools": "schools_of_thought"}

__all__ = ["agreement", "automation_bias", "consensus", "schools"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
