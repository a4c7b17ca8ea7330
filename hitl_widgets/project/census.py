"""How many answers has each label today, and which are the latest? Read `count` first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..taxonomy.history import Lineage
from ..taxonomy.labels import Taxonomy


class Count(NamedTuple):
    """Answers of a label with those of all under it: `stand` are certain, `doubt` may be this label's or another's."""

    stand: int
    doubt: int


class Census(NamedTuple):
    """label_id -> its answers, for every label of today that has any; and how many there are in all."""

    labels: dict[str, Count]
    all: Count


def count(given: Mapping[tuple[str, int | None], int], lineage: Lineage) -> Census:
    """The answers of each label today.

    Parameters
    ----------
    given : (label_id as decided, the taxonomy's version then) -> how many such answers stand
    """
    today = lineage.today
    stand, doubt, n_stand, n_doubt = Counter[str](), Counter[str](), 0, 0
    for pair, n in given.items():
        certain = lineage.exactly(*pair)
        now = lineage.candidates(*pair) if certain is None else (certain,)
        # An answer in doubt among labels of one parent is in doubt there once.
        places = {place for label in now for place in (label, *_above(today, label))}
        if certain is not None:
            stand.update(dict.fromkeys(places, n))
            n_stand += n
        else:
            doubt.update(dict.fromkeys(places, n))
            n_doubt += n
    return Census({label: Count(stand[label], doubt[label]) for label in stand.keys() | doubt.keys()},
                  Count(n_stand, n_doubt))


def latest(given: Iterable[tuple[str, str, int | None]], lineage: Lineage, most: int = 6) -> dict[str, list[str]]:
    """label_id -> the items that got it last, each once.

    Parameters
    ----------
    given : item_id, label_id as decided, the taxonomy's version then; the latest first
    """
    found: dict[str, list[str]] = {}
    for item_id, label_id, version in given:
        now = lineage.exactly(label_id, version)
        if now is not None and len(items := found.setdefault(now, [])) < most and item_id not in items:
            items.append(item_id)
    return found


def _above(taxonomy: Taxonomy, label_id: str) -> Iterable[str]:
    parent = taxonomy.label(label_id).parent
    while parent is not None:
        yield parent
        parent = taxonomy.label(parent).parent
