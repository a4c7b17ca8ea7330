"""Methods behind one name of the workbench, as pandas' ``df.plot`` is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from .workbench import Workbench

A = TypeVar("A")


class Accessor(Generic[A]):
    """Methods behind one name, as pandas' ``df.plot`` is: ``wb.models()``, ``wb.models.flips()``.

    Parameters
    ----------
    kind : type
        Made with the workbench; calling the instance runs its main method.
    """

    def __init__(self, kind: type[A]) -> None:
        self._kind = kind

    @overload
    def __get__(self, wb: None, owner: type) -> Any: ...
    @overload
    def __get__(self, wb: Workbench, owner: type) -> A: ...
    def __get__(self, wb: Workbench | None, owner: type) -> Any:
        # On the class it is the function that a call runs, with its signature and docstring.
        return self._kind.__call__ if wb is None else self._kind(wb)  # type: ignore[call-arg]
