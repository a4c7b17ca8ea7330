"""Names of annotators as a reader may see them beside figures, and as exports show them. Read `as_seen_by`.

Everybody sees their own figures under their own name, and those of others under pseudonyms; the owner sees names if the
project was created with that setting. Exports have pseudonyms, too (`Pseudonyms`). Everybody who has the project's
folder can read the log itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import pandas as pd

from ..storage.redaction import NOBODYS, SHORTEST_IN_TEXTS, as_words
from .notices import FEWEST
from .project import Project

# A pseudonym, or the number of a forgotten person: both are shown unchanged.
IS_PSEUDONYM = re.compile(r"person [0-9a-f]{4,32}\Z")
_DIGITS = 6


def sees_names(project: Project, reader: str) -> bool:
    """Whether a reader sees other people's names beside their figures."""
    return bool(project.state.policy.get("names")) and project.state.agreements.is_owner(reader)


def pseudonyms(project: Project, annotators: Iterable[str] = ()) -> dict[str, str]:
    """Everybody's pseudonym in a project: name -> "person 3f2a1c".

    A person has the same pseudonym for every reader and in every copy of the project. It is made with a key that only
    the log has, so an export and a list of names aren't enough to find out whose it is.

    Parameters
    ----------
    project : Project
    annotators : iterable of str
        Further people, who may be missing from the log.
    """
    everybody = {*project.log.annotators(), *annotators}
    key = project.settings.get("key")
    key = key.encode()[:64] if isinstance(key, str) else b""
    known: dict[str, str] = {}
    taken = set(everybody)
    for name in sorted(everybody):
        if IS_PSEUDONYM.match(name):
            known[name] = name
            continue
        digest = blake2b(f"{project.id}\0{name}".encode(), digest_size=16, key=key).hexdigest()
        length = _DIGITS
        while (pseudonym := f"person {digest[:length]}") in taken and length < len(digest):
            length += 1
        known[name] = pseudonym
        taken.add(pseudonym)
    return known


class Pseudonyms:
    """Replaces the names of a project's people by pseudonyms, alone and in texts, as in its exports.

    Parameters
    ----------
    called : mapping
        Name -> pseudonym; people who are missing in it keep their names.
    """

    def __init__(self, called: Mapping[str, str]) -> None:
        self.called = {name: other for name, other in called.items() if name != other and name not in NOBODYS}
        words = sorted((name for name in self.called if len(name) >= SHORTEST_IN_TEXTS), key=len, reverse=True)
        self._in_texts = as_words(words) if words else None

    def of(self, name: str) -> str:
        """The pseudonym of a person."""
        return self.called.get(name, name)

    def text(self, text: str) -> str:
        """Return a text with names replaced, where they are whole words."""
        return text if self._in_texts is None else self._in_texts.sub(lambda found: self.called[found[0]], text)

    def back(self) -> Pseudonyms:
        """The reverse mapping: pseudonym -> name."""
        return Pseudonyms({other: name for name, other in self.called.items()})


def names_for(project: Project, annotators: Iterable[str], reader: str) -> dict[str, str]:
    """The name under which a reader sees each annotator: their own, and others' only if the reader may see names.

    "import", the author of imported answers without an annotator, is always shown.
    """
    everybody = list(dict.fromkeys(annotators))
    if sees_names(project, reader):
        return {name: name for name in everybody}
    known = pseudonyms(project, everybody)
    return {name: name if name == reader or name in NOBODYS else known[name] for name in everybody}


def as_seen_by(project: Project, votes: pd.DataFrame, reader: str) -> pd.DataFrame:
    """Return a table of votes, or another one with a column annotator, with the names that the reader may see."""
    known = names_for(project, votes["annotator"], reader)
    return votes.assign(annotator=votes["annotator"].map(known).astype(object))


def own_rows(project: Project, table: pd.DataFrame, reader: str) -> pd.DataFrame:
    """Filter a table with figures of each annotator: only the reader's own rows, unless the reader sees names.

    The annotator is in the index, or in a column of that name.
    """
    if sees_names(project, reader):
        return table
    who = table["annotator"] if "annotator" in table.columns else table.index.to_series()
    mine: pd.DataFrame = table[(who == reader).to_numpy()]
    return mine


def own_and_all(project: Project, table: pd.DataFrame, reader: str, *, annotators: Iterable[str]) -> pd.DataFrame:
    """Filter a table of figures: the reader's own rows, and those of "all" if they summarise enough people.

    Parameters
    ----------
    project : Project
    table : DataFrame
        With a column annotator, which may be "all".
    reader : str
    annotators : iterable of str
        The people in the figures: with fewer than five others, "all" would reveal figures of single people.
    """
    if sees_names(project, reader):
        return table
    kept = [reader, "all"] if len(set(annotators) - {reader}) >= FEWEST else [reader]
    mine: pd.DataFrame = table[table["annotator"].isin(kept)].reset_index(drop=True)
    return mine
