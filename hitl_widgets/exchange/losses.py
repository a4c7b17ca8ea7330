"""Losses of an import or export: counts of what a project or file can't hold, with reasons. Read `Losses`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pandas as pd

from ..drawing import html
from .records import Fact

LOST_COLUMNS = ["what", "n", "why"]
# Why a whole answer is left out if none of its objects can be used.
NOTHING_READ = "None of its objects can be used, and an answer without any would say that there is nothing."


class Losses:
    """Counts of what was lost, by kind and reason. Not thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, what: str, why: str, n: int = 1) -> None:
        """Count a loss.

        Parameters
        ----------
        what : str
            The kind of fact, as in `records.facts`: "certainty", "note", "what was shown" ...
        why : str
            A sentence.
        n : int
        """
        if n > 0:
            self._counts[what, why] += n

    def compare(self, before: Counter[Fact], after: Counter[Fact], why: Mapping[str, str], otherwise: str) -> None:
        """Count the facts that are missing afterwards.

        Parameters
        ----------
        before, after : Counter of Fact
        why : mapping
            Kind of fact -> the reason. For a vote, "vote: certainty" is looked up first, then "certainty".
        otherwise : str
            The reason where `why` has none.
        """
        self.count(before - after, why, otherwise)

    def count(self, lost: Counter[Fact], why: Mapping[str, str], otherwise: str) -> None:
        """Count facts that are lost; see `compare`."""
        for (what, _), n in lost.items():
            self.add(what, why.get(what) or why.get(what.removeprefix("vote: ")) or otherwise, n)

    def update(self, other: Losses) -> None:
        """Add the counts of another report."""
        self._counts.update(other._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __iter__(self) -> Iterator[tuple[str, int, str]]:
        return iter((what, n, why) for (what, why), n in self._counts.items())

    def counts(self) -> dict[str, int]:
        """Number of losses of each kind, over all reasons."""
        total: Counter[str] = Counter()
        for what, n, _ in self:
            total[what] += n
        return dict(total)

    def table(self) -> pd.DataFrame:
        """A row for each thing that was lost: what, n and why, the most frequent first."""
        rows = sorted(((what, n, why) for what, n, why in self), key=lambda row: (-row[1], row[0], row[2]))
        return pd.DataFrame(rows, columns=LOST_COLUMNS)

    def in_words(self) -> str:
        """The report, for people: a line for each thing that was lost."""
        lines = [f"  {n:,} x {what}: {why}" for what, n, why in self.table().itertuples(index=False)]
        return "\n".join(lines) if lines else "  nothing"


def in_short(lost: pd.DataFrame) -> str:
    """How much was lost, in a few words."""
    n = int(lost["n"].sum())
    return f"{n:,} thing{'' if n == 1 else 's'} lost (.lost says which)" if n else "nothing lost"


def losses_page(words: str, lost: pd.DataFrame) -> str:
    """A report for a notebook: a title, and the table of what was lost.

    Parameters
    ----------
    words : str
    lost : DataFrame
        The table of `Losses.table`.
    """
    rows = [(str(what), f"{n:,}", str(why)) for what, n, why in lost.itertuples(index=False)]
    return html.page(words, html.table(["what", "n", "why"], rows) if rows
                     else html.paragraph("Nothing is lost."))
