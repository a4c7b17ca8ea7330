"""Names of annotators as a reader may see them beside figures. Read `as_seen_by`.

A person's figures are theirs. The owner sees names beside them only where the project said so at its start; everybody
else's names are replaced by pseudonyms. The log itself is readable to all who have the project's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import pandas as pd

from .notices import FEWEST
from .project import Project


def sees_names(project: Project, reader: str) -> bool:
    """Whether a reader sees other people's names beside their figures."""
    return bool(project.state.policy.get("names")) and reader == project.state.agreements.owner


def names_for(project: Project, annotators: Iterable[str], reader: str) -> dict[str, str]:
    """What a reader calls each annotator: by name where the reader may see names, else by a pseudonym, but themselves.

    A pseudonym stays the same in a project, whoever reads and whoever joins.
    """
    everybody = list(dict.fromkeys(annotators))
    if sees_names(project, reader):
        return {name: name for name in everybody}
    known: dict[str, str] = {}
    for name in sorted(everybody):
        digest, length = blake2b(f"{project.id}\0{name}".encode(), digest_size=16).hexdigest(), 4
        while (pseudonym := f"person {digest[:length]}") in known.values() or pseudonym in everybody:
            length += 1
        known[name] = name if name == reader else pseudonym
    return known


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
        Whose figures they are: of fewer than five others "all" would tell one person's.
    """
    if sees_names(project, reader):
        return table
    kept = [reader, "all"] if len(set(annotators) - {reader}) >= FEWEST else [reader]
    mine: pd.DataFrame = table[table["annotator"].isin(kept)].reset_index(drop=True)
    return mine
