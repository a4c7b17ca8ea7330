"""Labels that a file knows only by name: `named_labels` makes a taxonomy of the names.

A name that contains " / " is read as a path, such as "Animal / Cat". `Header.names` writes such paths if two labels
have the same name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import TaxonomyError
from ..taxonomy.labels import Label, Taxonomy, label_id_of
from ..taxonomy.yaml import MAX_DEPTH, SEPARATOR

LONGEST = 200


@dataclass(frozen=True)
class NamedLabels:
    """A taxonomy made of names.

    Attributes
    ----------
    taxonomy : Taxonomy
    names : mapping
        label_id -> the whole name, a path where it is one.
    ids : mapping
        Name as it was given -> label_id.
    n_changed : int
        How many names couldn't be kept as they are.
    """

    taxonomy: Taxonomy
    names: Mapping[str, str]
    ids: Mapping[str, str]
    n_changed: int = 0


def named_labels(names: Iterable[str], *, label_ids: Mapping[str, str] | None = None) -> NamedLabels:
    """Make a taxonomy of names.

    Parameters
    ----------
    names : iterable of str
        In order; a repeated name is one label. Names that aren't valid are made valid by `sound_name`.
    label_ids : mapping, optional
        Name -> the id that its label gets.

    Raises
    ------
    TaxonomyError
        When there are no names.

    Examples
    --------
    >>> labels = named_labels(["cat", "hat / Boot", "shoe / Boot"])
    >>> labels.taxonomy.names
    ('cat', 'hat / Boot', 'shoe / Boot')
    """
    paths = _paths(dict.fromkeys(names))
    wanted = label_ids or {}
    ids: dict[tuple[str, ...], str] = {}
    taken = set(wanted.values())
    for path, given_as in sorted(paths.items(), key=lambda one: len(one[0])):
        own = None if given_as is None else wanted.get(given_as)
        ids[path] = own or label_id_of(path, taken)
        taken.add(ids[path])
    labels = [Label(ids[path], path[-1], parent=ids.get(path[:-1])) for path in paths]
    above = {path[:-1] for path in paths}
    taxonomy = Taxonomy(labels, inner_answers=any(name is not None and path in above for path, name in paths.items()))
    kept = {name: path for path, name in paths.items() if name is not None}
    return NamedLabels(taxonomy, {ids[path]: SEPARATOR.join(path) for path in kept.values()},
                       {name: ids[path] for name, path in kept.items()},
                       sum(SEPARATOR.join(path) != name for name, path in kept.items()))


def _paths(names: Iterable[str]) -> dict[tuple[str, ...], str | None]:
    """Map each label's path of valid names to its name in the file; None for labels that are only parents of others."""
    last: dict[tuple[str, ...], int] = {}  # names that become equal are numbered
    paths: dict[tuple[str, ...], str | None] = {}
    for name in names:
        sound = sound_name(name)
        path = tuple(sound.split(SEPARATOR))
        wanted_path = path
        n = last.get(path, 1)
        while paths.get(path) is not None:
            n += 1
            path = (*path[:-1], f"{sound.rpartition(SEPARATOR)[2][:LONGEST - 8]} ({n})")
        last[wanted_path] = n
        paths[path] = name
        for depth in range(1, len(path)):
            paths.setdefault(path[:depth], None)
    return paths


def labels_of_file(names: Iterable[str], label_ids: Mapping[str, str]) -> NamedLabels:
    """Make a taxonomy of names; labels get the ids that the file has for them, if all of these are valid label ids."""
    names = list(names)
    try:
        return named_labels(names, label_ids=label_ids if len(set(label_ids.values())) == len(label_ids) else {})
    except (TaxonomyError, TypeError):
        return named_labels(names)


def sound_name(name: str) -> str:
    r"""A valid name for a label: without control characters and surrounding space, at most 200 characters long.

    Examples
    --------
    >>> sound_name(" red\ncar "), sound_name("")
    ('red car', 'unnamed')
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    text = "".join(" " if unicodedata.category(one) in ("Cc", "Zl", "Zp") else one for one in text).strip()
    parts = [part.strip()[:LONGEST].strip() for part in text.split(SEPARATOR)]
    if not all(parts) or len(parts) > MAX_DEPTH:
        parts = [text.replace(SEPARATOR, "/").strip()[:LONGEST].strip()]
    return SEPARATOR.join(parts) if any(parts) else "unnamed"
