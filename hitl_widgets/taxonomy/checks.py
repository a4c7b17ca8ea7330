"""Checks of names and texts in a taxonomy; each raises TaxonomyError with what is expected."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import TaxonomyError
from . import yaml

# The id of a label or an attribute.
ID = re.compile(r"[0-9A-Za-z_.:-]{1,80}\Z")


def text(value: Any, what: str) -> str:
    """Return a value if it is valid text; otherwise raise a TaxonomyError that calls it `what`."""
    if not isinstance(value, str):
        raise TaxonomyError(f"{what} is {yaml.shown(value)}; text is expected.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise TaxonomyError(f"{what} is {value!r}, which has half a character (a lone surrogate); leave it out.") \
            from None
    return str(value)


def texts(values: Any, what: str) -> tuple[str, ...]:
    """Return a list of texts as a tuple; otherwise raise a TaxonomyError that calls it `what`."""
    if isinstance(values, str) and values == "":
        return ()
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TaxonomyError(f"{what} is {yaml.shown(values)}; a list of texts is expected.")
    return tuple(text(value, f"one of {what}") for value in values)


# Characters that set the direction of text: a name with one can look like another name.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(name: str) -> str:
    """Return the name without surrounding space, in Unicode's composed form; TaxonomyError if it can't name a label."""
    name = unicodedata.normalize("NFC", text(name, "a label's name").strip())
    if not 1 <= len(name) <= 200:
        raise TaxonomyError(f"a label's name is {name!r:.60}; 1 to 200 characters are expected.")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        raise TaxonomyError(f"label {name!r} has a line break or control character in its name; leave it out.")
    if yaml.SEPARATOR in name:
        raise TaxonomyError(f"label {name!r} has ' / ' in its name, which separates the names of a path. Write "
                            f"{name.replace(yaml.SEPARATOR, '/')!r}, or put one label under the other.")
    return name


def check_new_name(name: str) -> str:
    """Check a new label's name as `check_name` does, and that it doesn't change the text's direction; return it."""
    name = check_name(name)
    if odd := [character for character in name if character in _BIDI]:
        raise TaxonomyError(f"label {name!r} has U+{ord(odd[0]):04X} in its name, which turns the direction of the "
                            "text around it; leave it out.")
    return name
