"""Quality of answers and models, computed from arrays and tables.

The input of ``consensus``, ``agreement``, ``automation_bias`` and ``schools`` is a table of votes: a DataFrame with
item_id, annotator and label, such as ``wb.votes()``. The input of ``detection``, ``spans``, ``object_errors`` and
``agreement_objects`` are tables of objects, such as ``wb.objects()`` and ``wb.predict_objects()``. ``swap_gap``
measures a classifier of texts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .annotation_errors import object_errors as object_errors
    from .annotator_agreement import agreement as agreement
    from .crowd_consensus import consensus as consensus
    from .object_agreement import agreement_objects as agreement_objects
    from .object_detection import compare_detection as compare_detection
    from .object_detection import detection as detection
    from .schools_of_thought import schools as schools
    from .span_metrics import compare_spans as compare_spans
    from .span_metrics import spans as spans
    from .suggestion_effect import automation_bias as automation_bias
    from .word_swaps import swap_gap as swap_gap

# Where each function is defined. No module has its name, since importing the module would hide the function.
_HOME = {"agreement": "annotator_agreement", "agreement_objects": "object_agreement",
         "automation_bias": "suggestion_effect", "compare_detection": "object_detection",
         "compare_spans": "span_metrics",
         "consensus": "crowd_consensus", "detection": "object_detection", "object_errors": "annotation_errors",
         "schools": "schools_of_thought", "spans": "span_metrics", "swap_gap": "word_swaps"}

__all__ = ["agreement", "agreement_objects", "automation_bias", "compare_detection", "compare_spans", "consensus",
           "detection", "object_errors", "schools", "spans", "swap_gap"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
