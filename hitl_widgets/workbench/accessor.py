"""Accessors: methods of the workbench grouped under one name, like pandas' ``df.plot``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from .workbench import Workbench

A = TypeVar("A")


class Accessor(Generic[A]):
    """Methods grouped under one name, like pandas' ``df.plot``: ``wb.models()``, ``wb.models.flips()``.

    Parameters
    ----------
    kind : type
        Class of the accessor, created with the workbench; calling an instance runs its main method.
    """

    def __init__(self, kind: type[A]) -> None:
        self._kind = kind

    @overload
    def __get__(self, wb: None, owner: type) -> Any: ...
    @overload
    def __get__(self, wb: Workbench, owner: type) -> A: ...
    def __get__(self, wb: Workbench | None, owner: type) -> Any:
        # `Workbench.models` is the function that ``wb.models()`` runs, so that help() shows its signature.
        return self._kind.__call__ if wb is None else self._kind(wb)  # type: ignore[call-arg]
