"""Who has answered what, and what should this person be asked next?

A `Queue` speaks of positions in the pool only: it knows neither ids nor the log. Read `Queue.order` first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .uncertainty import Scores, best

# Of what a person is asked, this much measures (hold-out) and this much tests (gold), until there is enough; and this
# much of the rest is drawn by chance, so that error rates are those of the pool, not of what a strategy picked.
HOLDOUT_SHARE = 0.25
GOLD_SHARE = 0.05
AUDIT_SHARE = 0.1


class Ask(NamedTuple):
    """One place in the queue: which item, why, and whether its suggestion stays hidden."""

    position: int
    chosen_by: str
    blind: bool


class Queue:
    """What is open for whom, over the positions of a pool.

    Parameters
    ----------
    draws : float64, shape (n_items,): a fixed random number per item; orders what nothing else orders
    holdout : bool, shape (n_items,): the random part that only measures
    annotators_per_item : how many annotators are asked about each item
    """

    def __init__(self, *, draws: npt.NDArray[np.float64], holdout: npt.NDArray[np.bool_],
                 annotators_per_item: int = 1) -> None:
        self.draws, self.holdout, self.annotators_per_item = draws, holdout, annotators_per_item
        self.gold = np.zeros(len(draws), np.bool_)
        self._n_closed = np.zeros(len(draws), np.int16)
        self._closed: dict[str, npt.NDArray[np.bool_]] = {}
        self._skipped: dict[str, dict[int, int]] = {}

    def mark_all(self, positions: npt.NDArray[np.int64], annotator: str, *, closed: npt.NDArray[np.bool_]) -> None:
        """What now stands for many items, each once, and an annotator: done, or open."""
        mine = self._closed_by(annotator)
        self._n_closed[positions] += closed.astype(np.int16) - mine[positions]
        mine[positions] = closed
        if skipped := self._skipped.get(annotator):
            for position in positions.tolist():
                skipped.pop(position, None)

    def mark(self, position: int, annotator: str, *, closed: bool, skipped_at: int | None = None) -> None:
        """What now stands for one item and annotator: done, skipped at some instant, or open."""
        mine = self._closed_by(annotator)
        self._n_closed[position] += int(closed) - int(mine[position])
        mine[position] = closed
        skipped = self._skipped.setdefault(annotator, {})
        skipped.pop(position, None)
        if skipped_at is not None and not closed:
            skipped[position] = skipped_at

    def is_learnable(self, annotator: str) -> npt.NDArray[np.bool_]:
        """Which items are open for the annotator and teach rather than measure: bool, shape (n_items,)."""
        return self._open(annotator) & ~self.holdout & ~self.gold

    def training_positions(self) -> npt.NDArray[np.intp]:
        """Positions of the items that somebody closed and that teach."""
        return np.flatnonzero((self._n_closed > 0) & ~self.holdout & ~self.gold)

    def n_training(self) -> int:
        """How many items somebody closed that teach."""
        return len(self.training_positions())

    def sample_learnable(self, n: int, annotator: str) -> npt.NDArray[np.intp]:
        """Positions of n of the items that are open for the annotator and teach, drawn by chance."""
        places = np.flatnonzero(self.is_learnable(annotator))
        return places[np.argsort(self.draws[places])[:n]]

    def skipped(self, annotator: str) -> list[int]:
        """What the annotator skipped and didn't come back to, the first skipped first."""
        put_off = self._skipped.get(annotator, {})
        return sorted(put_off, key=put_off.__getitem__)

    def is_skipped(self, position: int) -> bool:
        """True when somebody skipped the item and didn't come back to it."""
        return any(position in put_off for put_off in self._skipped.values())

    def is_closed(self, annotator: str) -> npt.NDArray[np.bool_]:
        """Which items are done for the annotator: bool, shape (n_items,)."""
        return self._closed_by(annotator).copy()

    def has_seen(self, position: int, annotator: str) -> bool:
        """True when the annotator closed or skipped the item."""
        return bool(self._closed_by(annotator)[position]) or position in self._skipped.get(annotator, {})

    def n_closed(self, annotator: str) -> int:
        """How many items are done for the annotator."""
        return int(self._closed_by(annotator).sum())

    def n_open(self, annotator: str) -> int:
        """How many items could still be asked of the annotator."""
        return int(self._open(annotator).sum())

    def order(self, n: int, annotator: str, *, scores: Scores | None = None, name: str = "random",
              by_chance: bool = False, ask_holdout: bool = True, audit: float = 0.0, held: Collection[int] = (),
              showing: Collection[int] = ()) -> list[Ask]:
        """The next n items for the annotator, best first.

        Parameters
        ----------
        scores : shape (n_items,), the larger the sooner, NaN where unknown; None orders at random
        name : what the scores are called, given back as the reason
        by_chance : every second item that teaches is drawn by chance: the items that a weak model doubts most are much
            alike, and may leave out whole labels
        ask_holdout : False once the hold-out has answers enough
        audit : share of the items that teach which are drawn by chance from all that are open, whatever their scores
        held : items that others are looking at; not asked
        showing : items that this annotator has before them already; not asked, but counted for the shares
        """
        open_ = self._open(annotator)
        for taken in (held, showing):
            open_[list(taken)] = False
        put_off = self._skipped.get(annotator, {})
        skipped = [p for p in sorted(put_off, key=put_off.__getitem__) if open_[p]]
        open_[skipped] = False
        measuring = open_ & self.holdout & ~self.gold
        testing = open_ & self.gold
        learning = open_ & ~self.holdout & ~self.gold

        lines = {
            "learn": self._line(learning, n, scores, name),
            "holdout": self._line(measuring, n if ask_holdout else 0, None, "holdout"),
            "gold": self._line(testing, n, None, "gold"),
        }
        share = {"holdout": HOLDOUT_SHARE if ask_holdout else 0.0, "gold": GOLD_SHARE}
        done = dict.fromkeys(lines, 0)
        mine = self._closed_by(annotator)
        done["gold"] = int((mine & self.gold).sum()) + sum(bool(self.gold[p]) for p in showing)
        done["holdout"] = int((mine & self.holdout & ~self.gold).sum()) \
            + sum(bool(self.holdout[p] and not self.gold[p]) for p in showing)
        total = int(mine.sum()) + len(showing)
        if by_chance and scores is not None:
            lines["learn"] = _alternated(self._line(learning, n, None, "random"), lines["learn"], turn=total % 2)

        lines["audit"] = self._line(learning, n if audit else 0, None, "audit")
        asked: dict[int, Ask] = {}
        while len(asked) < n:
            kind = next((k for k in ("gold", "holdout") if lines[k] and done[k] < share[k] * total), "learn")
            if not lines[kind]:
                kind = next((k for k in ("learn", "holdout") if lines[k]), "")
                if not kind:
                    break
            n_learning = total - done["holdout"] - done["gold"]
            due = kind == "learn" and int((n_learning + 1) * audit) > int(n_learning * audit)
            ask = (due and _first_new(lines["audit"], asked)) or _first_new(lines[kind], asked)
            if ask:
                asked[ask.position] = ask
                done[kind] += 1
                total += 1
        return [*asked.values(), *(Ask(position, "skipped", bool(self.holdout[position] or self.gold[position]))
                                   for position in skipped[:n - len(asked)])]

    def _line(self, mask: npt.NDArray[np.bool_], n: int, scores: Scores | None, name: str) -> list[Ask]:
        """The n best of a mask, best last, so that pop() takes the next."""
        places = np.flatnonzero(mask) if n else np.empty(0, np.intp)
        known = np.zeros(len(places)) if scores is None else scores[places]
        chosen = best(known, n, tie_break=self.draws[places])
        blind = name in ("holdout", "gold")
        return [Ask(int(places[c]), "random" if np.isnan(known[c]) else name, blind) for c in chosen[::-1]]

    def _closed_by(self, annotator: str) -> npt.NDArray[np.bool_]:
        if annotator not in self._closed:
            self._closed[annotator] = np.zeros(len(self.draws), np.bool_)
        return self._closed[annotator]

    def _open(self, annotator: str) -> npt.NDArray[np.bool_]:
        return (self._n_closed < self.annotators_per_item) & ~self._closed_by(annotator)


def _first_new(line: list[Ask], asked: Collection[int]) -> Ask | None:
    """The next of a line, best last, that wasn't taken from another one; what comes before it leaves the line."""
    while line:
        if (ask := line.pop()).position not in asked:
            return ask
    return None


def _alternated(one: list[Ask], other: list[Ask], *, turn: int) -> list[Ask]:
    """Two lines, best last, taken from in turn; an item that is in both stands where it comes first."""
    lines, merged = (list(one), list(other)), dict[int, Ask]()
    while lines[0] or lines[1]:
        line = lines[turn] or lines[1 - turn]
        ask = line.pop()
        if ask.position not in merged:
            merged[ask.position] = ask
            turn = 1 - turn
    return list(merged.values())[::-1]
