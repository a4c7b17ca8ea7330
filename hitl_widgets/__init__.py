"""A labelling workbench for JupyterLab. Start with `Workbench`, `Pool` and `Taxonomy`.

Importing this package loads neither torch nor ipywidgets: each public name is imported when first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import edits as edits
    from . import errors as errors
    from . import quality as quality
    from .exchange.export import Exported as Exported
    from .exchange.importing import Imported as Imported
    from .exchange.registry import formats as formats
    from .explain.explanations import Explanations as Explanations
    from .explain.pool_maps import ExplainedPool as ExplainedPool
    from .items.pool import Pool as Pool
    from .learn.data import LabelledImages as LabelledImages
    from .learn.model import Model as Model
    from .learn.preprocess import Preprocess as Preprocess
    from .learn.reliance import Reliance as Reliance
    from .learn.run import Run as Run
    from .objects.shapes import Box as Box
    from .objects.shapes import Point as Point
    from .objects.shapes import Polygon as Polygon
    from .objects.shapes import Span as Span
    from .project.auto_label import Presumption as Presumption
    from .project.joining import Joined as Joined
    from .project.preview import Applied as Applied
    from .project.preview import Preview as Preview
    from .project.simulation import simulate as simulate
    from .quality.calibration import Calibration as Calibration
    from .quality.metrics import Metrics as Metrics
    from .records import Attribution as Attribution
    from .records import Decision as Decision
    from .records import Estimate as Estimate
    from .records import Item as Item
    from .records import Items as Items
    from .records import Prediction as Prediction
    from .records import Region as Region
    from .records import Seen as Seen
    from .records import __version__ as __version__
    from .report.flips import Flips as Flips
    from .report.progress import Progress as Progress
    from .taxonomy.attributes import Attribute as Attribute
    from .taxonomy.labels import Label as Label
    from .taxonomy.labels import Taxonomy as Taxonomy
    from .workbench import Workbench as Workbench

# Where each public name is defined.
_HOME = {"Applied": "project.preview", "Attribute": "taxonomy.attributes", "Attribution": "records",
         "Box": "objects.shapes", "Point": "objects.shapes", "Polygon": "objects.shapes",
         "Span": "objects.shapes",
         "Calibration": "quality.calibration",
         "Decision": "records", "Estimate": "records", "ExplainedPool": "explain.pool_maps",
         "Explanations": "explain.explanations",
         "Exported": "exchange.export", "Imported": "exchange.importing", "formats": "exchange.registry",
         "Flips": "report.flips", "Item": "records", "Items": "records", "Joined": "project.joining",
         "Label": "taxonomy.labels",
         "LabelledImages": "learn.data", "Metrics": "quality.metrics", "Model": "learn.model", "Pool": "items.pool",
         "Prediction": "records", "Preprocess": "learn.preprocess", "Presumption": "project.auto_label",
         "Preview": "project.preview", "Progress": "report.progress", "Region": "records", "Reliance": "learn.reliance",
         "Run": "learn.run", "Seen": "records", "Taxonomy": "taxonomy.labels", "Workbench": "workbench",
         "__version__": "records", "simulate": "project.simulation"}
_MODULES = ("edits", "errors", "quality")

__all__ = ["Applied", "Attribute", "Attribution", "Box", "Calibration", "Decision", "Estimate", "ExplainedPool",
           "Explanations",
           "Exported", "Flips", "Imported", "Item", "Items", "Joined", "Label", "LabelledImages", "Metrics", "Model",
           "Point",
           "Polygon", "Pool", "Prediction", "Preprocess", "Presumption", "Preview",
           "Progress", "Region", "Reliance", "Run", "Seen", "Span", "Taxonomy", "Workbench",
           "__version__", "edits", "errors", "formats", "simulate"]


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
