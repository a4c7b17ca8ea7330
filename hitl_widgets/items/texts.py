"""Texts as items: which values are texts, which texts can't be shown, and snippets.

Offsets in a text count characters: Unicode code points of the text as it came, which is what Python's ``len`` and
slices count. Nothing is ever normalised. Read `Texts` first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import pandas as pd

from ..errors import BadInput, TextError

# Longer texts can't be shown: a browser would freeze.
MOST_CHARACTERS = 2_000_000
# Characters of a text's beginning that are looked at for a snippet, as a multiple of what is shown.
_LOOKED_AT = 8


class Texts(Sequence[Any]):
    """The texts of a pool as they came, each str or bytes.

    Parameters
    ----------
    values : iterable of str or bytes
        Bytes are UTF-8. What can't be shown is found when it is read: see `read`.

    Raises
    ------
    BadInput
        When one is missing, or is something else than a text.
    """

    def __init__(self, values: Any) -> None:
        if isinstance(values, (str, bytes, os.PathLike, pd.DataFrame, Mapping)) or not isinstance(values, Iterable):
            raise BadInput(f"texts is of type {type(values).__name__}; a list of texts, or a column of a table, is "
                           "expected. Pass [text] for a pool of one, and of a dict list(texts.values()) with "
                           "ids=list(texts).")
        self._column = repr(getattr(values, "name", None) or "text")  # of the table that they came from
        self._values: Any
        if in_arrow(values) and not values.hasnans:  # as it is: a str of each would take more than its letters
            self._values = values.array.copy()
            return
        self._values = values.tolist() if isinstance(values, pd.Series) else list(values)
        if not set(map(type, self._values)) <= {str, bytes}:
            self._check()
            self._values = [str(value) if isinstance(value, str) else bytes(value) for value in self._values]

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, row: Any) -> Any:
        values = self._values[row]
        return list(values) if isinstance(row, slice) else values

    def read(self, row: int, name: Callable[[], str]) -> str:
        """Return a text.

        Parameters
        ----------
        row : int
        name : function
            Gives what messages call it.

        Raises
        ------
        TextError
            If it is blank or longer than 2,000,000 characters, its bytes aren't UTF-8, or it has unpaired surrogates.
        """
        value = self._values[row]
        text, fault = _decoded(value) if isinstance(value, bytes) else (value, "")
        if not fault:
            fault = _fault_of(text)
        if fault:
            raise TextError(f"{name()} can't be shown: {fault}, or flag the item as bad data and go on.")
        return str(text)

    def _check(self) -> None:
        missing = [row for row, value in enumerate(self._values) if value is None or value is pd.NA or value is pd.NaT
                   or (isinstance(value, float) and value != value)]
        if missing:
            raise BadInput(f"there is no text in row {_some(missing)}; leave such rows out, of a table with df.dropna("
                           f"subset=[{self._column}]) (and reset_index(), if their numbers are ids); where words such "
                           "as NA and null are texts, read the file with pd.read_csv(..., keep_default_na=False).")
        for row, value in enumerate(self._values):
            if isinstance(value, os.PathLike):
                raise BadInput(f"texts[{row}] is a path, {os.fspath(value)!r}; texts are expected. Read them first: "
                               "[path.read_text(encoding='utf-8') for path in paths].")
            if not isinstance(value, (str, bytes)):
                raise BadInput(f"texts[{row}] is of type {type(value).__name__}: {value!r:.60}; a text is expected. "
                               "str(...) makes one.")


def snippet(text: str, n: int = 120) -> str:
    r"""Return the beginning of a text on one line: white space as one blank, "…" where more follows.

    Parameters
    ----------
    text : str
    n : int
        Most characters.

    Examples
    --------
    >>> snippet("Dear all,\r\n  please vote", 14)
    'Dear all, ple…'
    """
    begun = " ".join(text[:_LOOKED_AT * n].split())
    return begun if len(begun) <= n and len(text) <= _LOOKED_AT * n else begun[:n - 1] + "…"


def in_arrow(values: Any) -> TypeGuard[pd.Series]:
    """Whether these are a column of a table whose strings pandas keeps in Arrow."""
    if not isinstance(values, pd.Series):
        return False
    if isinstance(values.dtype, pd.ArrowDtype):
        return str(values.dtype.pyarrow_dtype) in ("string", "large_string")
    return getattr(values.dtype, "storage", "") == "pyarrow"


def _decoded(value: bytes) -> tuple[str, str]:
    """The text of some bytes, and why it has none."""
    try:
        return value.decode(), ""
    except UnicodeDecodeError as error:
        return "", f"byte {error.start:,} of {len(value):,} isn't UTF-8 ({value[error.start]:#04x}). Read the file " \
                   "with its own encoding, such as encoding='cp1252', and pass texts"


def _fault_of(text: str) -> str:
    """Why a text can't be shown, and the remedy; "" where it can."""
    if not text or text.isspace():
        return f"it is {'blank' if text else 'empty'}. Leave it out"
    if len(text) > MOST_CHARACTERS:
        return f"it has {len(text):,} characters; {MOST_CHARACTERS:,} are possible. Cut it into parts"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return f"character {error.start:,} is half of a surrogate pair, {text[error.start]!r}. Repair the text " \
                   "with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
    return ""


def _some(rows: Sequence[Hashable], n: int = 5) -> str:
    more = len(rows) - n
    return ", ".join(map(repr, rows[:n])) + (f" and {more:,} more" if more > 0 else "")
