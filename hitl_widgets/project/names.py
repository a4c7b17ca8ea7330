"""Names of annotators as a reader may see them beside figures, and as they leave the project. Read `as_seen_by`.

A person's figures are theirs. The owner sees names beside them only where the project said so at its start; everybody
else's names are replaced by pseudonyms. Exports have pseudonyms, too (`Pseudonyms`). The log itself is readable to all
who have the project's folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import pandas as pd

from ..storage.redaction import NOBODYS, SHORTEST_IN_TEXTS, as_words
from .notices import FEWEST
from .project import Project

# A pseudonym, or the number of a person who was forgotten: both are shown as they are.
IS_PSEUDONYM = re.compile(r"person [0-9a-f]{4,32}\Z")
_DIGITS = 6


def sees_names(project: Project, reader: str) -> bool:
    """Whether a reader sees other people's names beside their figures."""
    return bool(project.state.policy.get("names")) and project.state.agreements.is_owner(reader)


def pseudonyms(project: Project, annotators: Iterable[str] = ()) -> dict[str, str]:
    """Everybody's pseudonym in a project: name -> "person 3f2a1c".

    A pseudonym stays the same in a project, whoever reads and whoever joins. It is made with a key that only the log
    has: whoever has nothing but an export and a list of names can't tell which of them it is.

    Parameters
    ----------
    project : Project
    annotators : iterable of str
        People that the log may not have.
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
    """The people of a project by pseudonym, as in its exports: a name alone, and names in texts.

    Parameters
    ----------
    called : mapping
        Name -> what the person is called; who isn't in it keeps their name.
    """

    def __init__(self, called: Mapping[str, str]) -> None:
        self.called = {name: other for name, other in called.items() if name != other and name not in NOBODYS}
        words = sorted((name for name in self.called if len(name) >= SHORTEST_IN_TEXTS), key=len, reverse=True)
        self._in_texts = as_words(words) if words else None

    def of(self, name: str) -> str:
        """What a person is called."""
        return self.called.get(name, name)

    def text(self, text: str) -> str:
        """Return a text in which names, where they stand as words, are replaced."""
        return text if self._in_texts is None else self._in_texts.sub(lambda found: self.called[found[0]], text)

    def back(self) -> Pseudonyms:
        """The reverse mapping: pseudonym -> name."""
        return Pseudonyms({other: name for name, other in self.called.items()})


def names_for(project: Project, annotators: Iterable[str], reader: str) -> dict[str, str]:
    """The name under which a reader sees each annotator: their own, and others' only if the reader may see names.

    "import", which stands for whoever answered elsewhere, is nobody's name.
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
    """Return a table of figures of each annotator, without other people's rows unless the reader sees names.

    The annotator is in the index, or in a column of that name.
    """
    if sees_names(project, reader):
        return table
    who = table["annotator"] if "annotator" in table.columns else table.index.to_series()
    mine: pd.DataFrame = table[(who == reader).to_numpy()]
    return mine


def own_and_all(project: Project, table: pd.DataFrame, reader: str, *, annotators: Iterable[str]) -> pd.DataFrame:
    """Return a table of figures with the reader's own rows, and those of "all" where these are many people's.

    Parameters
    ----------
    project : Project
    table : DataFrame
        With a column annotator, which may be "all".
    reader : str
    annotators : iterable of str
        The people whose figures they are: with fewer than five others, "all" would give away single people's.
    """
    if sees_names(project, reader):
        return table
    kept = [reader, "all"] if len(set(annotators) - {reader}) >= FEWEST else [reader]
    mine: pd.DataFrame = table[table["annotator"].isin(kept)].reset_index(drop=True)
    return mine
