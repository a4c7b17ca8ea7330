"""A labelling workbench for JupyterLab. Start with `Workbench`, `Pool` and `Taxonomy`.

Importing this package loads neither torch nor ipywidgets: each public name is imported when first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import edits as edits
    from . import errors as errors
    from .items.pool import Pool as Pool
    from .learn.preprocess import Preprocess as Preprocess
    from .project.simulation import simulate as simulate
    from .records import Decision as Decision
    from .records import Item as Item
    from .records import Items as Items
    from .records import Seen as Seen
    from .taxonomy.labels import Label as Label
    from .taxonomy.labels import Taxonomy as Taxonomy
    from .workbench import Workbench as Workbench

__version__ = "0.1.0.dev0"

_HOME = {"Decision": "records", "Item": "records", "Items": "records", "Label": "taxonomy.labels", "Pool": "items.pool",
         "Preprocess": "learn.preprocess", "Seen": "records", "Taxonomy": "taxonomy.labels", "Workbench": "workbench",
         "simulate": "project.simulation"}
_MODULES = ("edits", "errors")

__all__ = ["Decision", "Item", "Items", "Label", "Pool", "Preprocess", "Seen", "Taxonomy", "Workbench",
           "__version__", "edits", "errors", "simulate"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
