"""Checks of values in JSON from other tools: each function returns a valid value, or raises BadInput.

The context manager `inside` adds to the error messages where in the file the value is, such as ``.annotations[0]``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from ...errors import BadInput
from ...records import check_instant, is_text
from ..records import Header


@contextmanager
def inside(where: str) -> Iterator[None]:
    """Put the location in the file, such as ``.annotations[0]``, before the message of each BadInput raised inside."""
    try:
        yield
    except BadInput as error:
        message = str(error)
        raise BadInput(f"{where}{'' if message.startswith(('.', '[')) else ': '}{message}") from error


def instant(value: Any) -> datetime:
    """A time in ISO 8601 format. UTC is assumed if it has no time zone."""
    try:
        at = datetime.fromisoformat(value[:-1] + "+00:00" if value.endswith(("Z", "z")) else value)
    except (ValueError, TypeError, AttributeError):
        raise BadInput(f"a time is {value!r:.80}; ISO 8601 is expected, such as 2026-01-31T12:00:00Z.") from None
    return check_instant(at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc))


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e15 < value < 1e15 \
            or not math.isfinite(value):
        raise BadInput(f"{value!r:.80} is given; a finite number is expected.")
    return value


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise BadInput(f"{value!r:.80} is given; a text is expected.")
    return value


def nameable(value: Any) -> str:
    """A text that can be a name: not empty, without NUL characters and without unpaired surrogates."""
    if not isinstance(value, str) or not value or not is_text(value):
        raise BadInput(f"{value!r:.80} is given; a text that isn't empty is expected, without NUL characters and "
                       "without unpaired surrogates.")
    return value


def listed(value: Any) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise BadInput(f"{value!r:.80} is given; a list is expected.")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, as a dict."""
    if not isinstance(value, dict):
        raise BadInput(f"{value!r:.80} is given; an object in braces is expected.")
    return value


def known_label(label_id: Any, header: Header) -> str:
    """A label_id that is in the taxonomy of the header."""
    if not isinstance(label_id, str) or label_id not in header.names:
        raise BadInput(f"{label_id!r:.80} is the id of no label in the file's taxonomy.")
    return label_id
