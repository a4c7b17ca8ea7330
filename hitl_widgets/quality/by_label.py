"""One result for each label, where an item may have several. Read `ByLabel`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from ..drawing import html

R = TypeVar("R")


class ByLabel(Mapping[str, R], Generic[R]):
    """Figures of each label on its own: ``found["night"]`` is the result of the votes about one label.

    Parameters
    ----------
    results : mapping
        Label's name -> result.

    Examples
    --------
    >>> found = ByLabel({"night": "one school"})
    >>> found["night"], list(found)
    ('one school', ['night'])
    """

    def __init__(self, results: Mapping[str, R]) -> None:
        self._results = dict(results)

    def __getitem__(self, name: str) -> R:
        return self._results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {result!r}" for name, result in self._results.items()) or "no labels"

    def _repr_html_(self) -> str:
        parts: list[Any] = []
        for name, result in self._results.items():
            parts += [html.paragraph(name), html.Html(result._repr_html_()) if hasattr(result, "_repr_html_") else
                      html.paragraph(repr(result))]
        return html.page("By label", *parts)
