"""The queue: which items each person has answered, and which they are asked next.

A `Queue` works on positions in the pool; it doesn't use ids or the log. Read `Queue.order` first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from .audit import Audit
from .orders import RandomOrder, best_of
from .uncertainty import Scores

# Shares of hold-out and of gold among the items that a person is asked, until there are enough; and share of the other
# items that is asked in the random order of the audit, whatever a strategy picks, which is also the audit's share of
# the pool.
HOLDOUT_SHARE = 0.25
GOLD_SHARE = 0.05
AUDIT_SHARE = 0.1
# The model predicts ahead until this many open items are known to be assigned to a person by their suggested label.
ASSIGNED_AHEAD = 64


class Route(NamedTuple):
    """The items that a person may be asked, as masks over the pool, where items are assigned to people.

    Parameters
    ----------
    allowed : ndarray of bool, shape (n_items,)
        The items that may be asked of the person.
    own : ndarray of bool, shape (n_items,), or None
        The items that are assigned to them, which come first; None where none are.
    alone : ndarray of bool, shape (n_items,), or None
        Those of `own` that only people to whom they are assigned are asked; None where `own` is.
    maybe : ndarray of bool, shape (n_items,), or None
        The items that may turn out to be assigned to them once the model has predicted them; None where that doesn't
        depend on the model.
    """

    allowed: npt.NDArray[np.bool_]
    own: npt.NDArray[np.bool_] | None = None
    alone: npt.NDArray[np.bool_] | None = None
    maybe: npt.NDArray[np.bool_] | None = None


class Ask(NamedTuple):
    """One entry of the queue: the item, why it was chosen, and whether everybody answers it blind."""

    position: int
    chosen_by: str
    blind: bool


class Queue:
    """The queue: which items each annotator can still be asked about. Items are positions in the pool.

    Parameters
    ----------
    draws : ndarray of float64, shape (n_items,)
        A fixed random number for each item; items are asked in this order if no other order applies.
    holdout : ndarray of bool, shape (n_items,)
        The random part of the pool that is never used for training.
    annotators_per_item : int or (int, int)
        How many annotators are asked about each item. Two numbers are the minimum and the maximum: after the minimum,
        another annotator is asked only if the votes are tied or the label is uncertain (see `in_doubt`).
    audit : Audit, optional
        The random sample from which the accuracy of suggestions is estimated; none by default.

    Attributes
    ----------
    gold : ndarray of bool, shape (n_items,)
        The items whose answer is known.
    tied : ndarray of bool, shape (n_items,)
        The items whose most common labels are tied: another annotator is asked about them first.
    in_doubt : ndarray of bool, shape (n_items,)
        With two numbers of annotators, the items without votes or whose leading label has a low posterior, so that
        another annotator is asked about them. Empty with one number.
    tops : ndarray of float32, shape (n_items,)
        The posterior of each item's leading label, 0 where it has none: the lowest are asked first. Empty with one
        number.
    planted : dict
        annotator -> items that they were shown with a suggestion that was wrong on purpose. These items are done for
        them, but their answers aren't votes.
    informed : dict
        annotator -> items for which they have read other people's answers, for example as adjudicator. They aren't
        asked about these items.
    route : function
        Maps an annotator to their `Route`; None where nothing is assigned to anybody.
    """

    def __init__(self, *, draws: npt.NDArray[np.float64], holdout: npt.NDArray[np.bool_],
                 annotators_per_item: int | tuple[int, int] = 1, audit: Audit | None = None) -> None:
        self.audit = audit or Audit.none(len(draws))
        self.draws, self.holdout = draws, holdout
        self._by_chance, self._others_by_chance = RandomOrder(draws), RandomOrder(draws, without=holdout)
        self.most: int | None = None
        if isinstance(annotators_per_item, tuple):
            annotators_per_item, self.most = annotators_per_item
        self.annotators_per_item = annotators_per_item
        self.gold, self.tied = np.zeros(len(draws), np.bool_), np.zeros(len(draws), np.bool_)
        self.planted: dict[str, set[int]] = {}
        self.informed: dict[str, set[int]] = {}
        self.route: Callable[[str], Route | None] = _everywhere
        n_doubted = 0 if self.most is None else len(draws)
        self.in_doubt, self.tops = np.ones(n_doubted, np.bool_), np.zeros(n_doubted, np.float32)
        self._n_closed = np.zeros(len(draws), np.int16)
        self._closed: dict[str, npt.NDArray[np.bool_]] = {}
        self._skipped: dict[str, dict[int, int]] = {}

    @cached_property
    def ahead(self) -> npt.NDArray[np.float64]:
        """The order in which items are predicted in advance: a random number from 0 to 1 for each item, (n_items,).

        The numbers are independent of `draws`. Otherwise, items that a strategy rejected among those predicted so far
        would be the next ones in the random order.
        """
        return np.asarray(self.draws * 2.0**26 % 1)  # the lower half of a draw's 53 bits

    @cached_property
    def _ahead(self) -> RandomOrder:
        return RandomOrder(self.ahead, without=self.holdout)

    def mark_all(self, positions: npt.NDArray[np.int64], annotator: str, *, closed: npt.NDArray[np.bool_]) -> None:
        """Mark items as done or open for an annotator. Each position may occur only once in `positions`."""
        mine = self._closed_by(annotator)
        self._n_closed[positions] += closed.astype(np.int16) - mine[positions]
        mine[positions] = closed
        if skipped := self._skipped.get(annotator):
            for position in positions.tolist():
                skipped.pop(position, None)

    def mark(self, position: int, annotator: str, *, closed: bool, skipped_at: int | None = None) -> None:
        """Set an item to done, open, or skipped (at an instant, in microseconds) for an annotator."""
        mine = self._closed_by(annotator)
        self._n_closed[position] += int(closed) - int(mine[position])
        mine[position] = closed
        skipped = self._skipped.setdefault(annotator, {})
        skipped.pop(position, None)
        if skipped_at is not None and not closed:
            skipped[position] = skipped_at

    def is_learnable(self, annotator: str) -> npt.NDArray[np.bool_]:
        """Mask of the items that the annotator is asked next and that may be used for training: bool, shape (n_items,).

        These are the items open for them; only those assigned to them, as long as some of these are open.
        """
        learnable = self._open(annotator) & ~self.holdout & ~self.gold
        if (route := self.route(annotator)) is not None and route.own is not None \
                and (assigned := learnable & route.own).any():
            return assigned
        return learnable

    def is_open(self, annotator: str) -> npt.NDArray[np.bool_]:
        """Mask of the items that the annotator may be asked, including those that other people have on screen now.

        It is an array of bool, shape (n_items,).
        """
        return self._open(annotator)

    def is_wanted(self) -> npt.NDArray[np.bool_]:
        """Mask of the items that need another answer from anybody, without gold: bool, shape (n_items,)."""
        return self._wanted() & ~self.gold

    def allowed(self, annotator: str) -> npt.NDArray[np.bool_] | None:
        """Mask of the items that aren't assigned to other people only: bool, shape (n_items,); None for all."""
        return None if (route := self.route(annotator)) is None else route.allowed

    def is_allowed(self, position: int, annotator: str) -> bool:
        """Whether the item isn't assigned to other people only."""
        return (allowed := self.allowed(annotator)) is None or bool(allowed[position])

    def unpredicted(self, n: int, annotator: str, tried: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        """Positions of open items to predict next, in the order of `ahead`, so that n open items are predicted.

        Parameters
        ----------
        n : int
        annotator : str
        tried : ndarray of bool, shape (n_items,)
            The items that have a prediction, or couldn't get one.
        """
        open_, route = self._open(annotator) & ~self.holdout & ~self.gold, self.route(annotator)
        short = n - int((open_ & tried).sum())
        if route is not None and route.own is not None and route.maybe is not None \
                and int((open_ & tried & route.own).sum()) < ASSIGNED_AHEAD:
            open_, short = open_ & route.maybe, n  # items that are assigned to them may still have to be found
        if short <= 0:
            return np.empty(0, np.intp)
        return self._ahead.first(open_ & ~tried, short)

    def training_positions(self) -> npt.NDArray[np.intp]:
        """Positions of the closed items that may be used for training."""
        return np.flatnonzero((self._n_closed > 0) & ~self.holdout & ~self.gold)

    def n_training(self) -> int:
        """Count the closed items that may be used for training."""
        return len(self.training_positions())

    def sample_learnable(self, n: int, annotator: str) -> npt.NDArray[np.intp]:
        """Positions of n of the items of `is_learnable`, in the order of `ahead`."""
        return self.first_ahead(self.is_learnable(annotator), n)

    def first_ahead(self, mask: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.intp]:
        """Positions of the first n items of a mask without hold-out items, in the order of `ahead`."""
        return self._ahead.first(mask, n)

    def next_drawn(self, n: int, annotator: str) -> npt.NDArray[np.intp]:
        """Positions of the next n items of the audit that are open for the annotator, in the audit's random order."""
        return self.audit.first(self.is_learnable(annotator) & self.audit.drawn, n)

    def has_closed(self, position: int, annotator: str) -> bool:
        """Whether the item is done for the annotator."""
        return bool(self._closed_by(annotator)[position])

    def skipped(self, annotator: str) -> list[int]:
        """Positions of the items that the annotator skipped and hasn't answered since, in the order of skipping."""
        put_off = self._skipped.get(annotator, {})
        return sorted(put_off, key=put_off.__getitem__)

    def is_skipped(self, position: int) -> bool:
        """Whether somebody skipped the item and hasn't answered it since."""
        return any(position in put_off for put_off in self._skipped.values())

    def is_blind(self, position: int) -> bool:
        """Whether the item is a hold-out or gold item, asked without suggestion and map (unless one is planted)."""
        return bool(self.holdout[position] or self.gold[position])

    def is_answered(self) -> npt.NDArray[np.bool_]:
        """Mask of the items that are done for somebody: bool, shape (n_items,)."""
        answered: npt.NDArray[np.bool_] = self._n_closed > 0
        return answered

    def audited(self) -> npt.NDArray[np.intp]:
        """Positions of the audit, in its random order, up to the first item that is still open.

        An open item that somebody skipped isn't such an end. Hold-out and gold items aren't part of the audit, since
        gold items are asked separately and some of them never.
        """
        order, others = self.audit.order, ~(self.holdout | self.gold)
        open_ = others & (self._n_closed == 0)
        open_[[place for put_off in self._skipped.values() for place in put_off]] = False
        if len(first := self.audit.first(open_, 1)):
            others &= (order < order[first]) | ((order == order[first]) & (np.arange(len(order)) < first))
        places = np.flatnonzero(others)
        return places[np.argsort(order[places], kind="stable")]

    def is_closed(self, annotator: str) -> npt.NDArray[np.bool_]:
        """Mask of the items that are done for the annotator: bool, shape (n_items,)."""
        closed: npt.NDArray[np.bool_] = self._closed_by(annotator).copy()
        closed[list(self.planted.get(annotator, ()))] = True
        return closed

    def has_seen(self, position: int, annotator: str) -> bool:
        """Whether the annotator closed or skipped the item."""
        return bool(self._closed_by(annotator)[position]) or position in self._skipped.get(annotator, {}) \
            or position in self.planted.get(annotator, ())

    def n_closed(self, annotator: str) -> int:
        """Count the items that are done for the annotator."""
        return int(self._closed_by(annotator).sum()) + len(self.planted.get(annotator, ()))

    def n_open(self, annotator: str) -> int:
        """Count the items that the annotator could still be asked about."""
        return int(self._open(annotator).sum())

    def order(self, n: int, annotator: str, *, scores: Scores | None = None, name: str = "random",
              by_chance: bool = False, ask_holdout: bool = True, audit: float = 0.0, held: Collection[int] = (),
              showing: Collection[int] = (), gold: Sequence[int] | None = None) -> list[Ask]:
        """Order the next n items for the annotator, the first to be asked first.

        Parameters
        ----------
        n : int
        annotator : str
        scores : ndarray, shape (n_items,), optional
            Items with larger scores are asked earlier; NaN if unknown. By default the order is random.
        name : str
            Name of the scores, which is returned as the reason.
        by_chance : bool
            Whether every second training item is drawn at random: the items of which a weak model is least certain are
            similar to each other, and may leave out whole labels.
        ask_holdout : bool
            False once the hold-out has enough answers.
        audit : float
            Share of the training items that are asked in the order of the audit, whatever their scores.
        held : collection of int
            Positions on other people's screens: not asked.
        showing : collection of int
            Positions on this annotator's screen: not asked, but counted for the shares.
        gold : sequence of int, optional
            Positions of gold items in the order in which they are asked; by default all, in the order of their draws.

        Returns
        -------
        list of Ask
            Items that are assigned to the annotator come first, skipped ones last. Gold keeps its share throughout.
        """
        open_ = self._open(annotator)
        for taken in (held, showing):
            open_[list(taken)] = False
        skipped = [position for position in self.skipped(annotator) if open_[position]]
        open_[skipped] = False
        gold_line = self._line(open_ & self.gold, n, None, "gold") if gold is None else \
            [Ask(place, "gold", True) for place in reversed(gold) if open_[place]]
        n_asked, asks = self._n_asked(annotator, showing), list[Ask]()
        own = None if (route := self.route(annotator)) is None else route.own
        for part in (open_,) if own is None else (open_ & own, open_ & ~own):
            if (n_left := n - len(asks)) > 0:
                lines = self._lines(part, n_left, scores, name, by_chance=by_chance, ask_holdout=ask_holdout,
                                    audit=audit, turn=sum(n_asked.values()) % 2)
                asks += _interleaved(n_left, {**lines, "gold": gold_line}, n_asked, audit=audit)
        return [*asks, *(Ask(position, "skipped", self.is_blind(position)) for position in skipped[:n - len(asks)])]

    def _lines(self, open_: npt.NDArray[np.bool_], n: int, scores: Scores | None, name: str, *, by_chance: bool,
               ask_holdout: bool, audit: float, turn: int) -> dict[str, list[Ask]]:
        """Put n items of a mask into lines, best last: "learn", "holdout" and "audit"."""
        tied, measuring = open_ & self.tied & ~self.holdout & ~self.gold, open_ & self.holdout & ~self.gold
        again = open_ & self._again() & ~self.tied  # items for another person, on which people don't disagree yet
        learnable = open_ & ~again & ~self.tied & ~self.holdout & ~self.gold
        n_holdout = n if ask_holdout else 0
        lines = {
            "learn": self._line(learnable, n, scores, name),
            "holdout": [*self._line(measuring & ~again & ~self.tied, n_holdout, None, "holdout"),
                        *self._line(measuring & again, n_holdout, None, "holdout"),
                        *self._line(measuring & self.tied, n_holdout, None, "holdout")],
            "audit": self._line(learnable & self.audit.drawn, n, None, "audit") if audit else [],
        }
        if by_chance and scores is not None:
            lines["learn"] = _alternated(self._line(learnable, n, None, "random"), lines["learn"], turn=turn)
        if self.most is not None:
            lines["learn"] += self._line(again & ~self.holdout & ~self.gold, n, -self.tops, "more_votes")
        lines["learn"] += self._line(tied, n, None, "disagreement")
        return lines

    def _n_asked(self, annotator: str, showing: Collection[int]) -> dict[str, int]:
        """Count the gold, hold-out and training items that the annotator has answered or sees now."""
        mine, shown = self._closed_by(annotator), list(showing)
        gold = int((mine & self.gold).sum()) + int(self.gold[shown].sum())
        measuring = self.holdout & ~self.gold
        holdout = int((mine & measuring).sum()) + int(measuring[shown].sum())
        return {"gold": gold, "holdout": holdout, "learn": int(mine.sum()) + len(shown) - gold - holdout}

    def n_asked(self, annotator: str, showing: Collection[int] = ()) -> int:
        """Count the items that the annotator has answered or sees now, with those shown with a wrong suggestion."""
        return self.n_closed(annotator) + len(showing)

    def _line(self, mask: npt.NDArray[np.bool_], n: int, scores: Scores | None, name: str) -> list[Ask]:
        """Put the n best of a mask into a line, best last, so that pop() takes the next."""
        if scores is None:
            order = self.audit if name == "audit" else \
                self._by_chance if name in ("holdout", "gold") else self._others_by_chance
            places = order.first(mask, n)
            return [Ask(place, name, self.is_blind(place)) for place in places[::-1].tolist()]
        return [Ask(place, "random" if np.isnan(scores[place]) else name, self.is_blind(place))
                for place in best_of(mask, scores, n, tie_break=self.draws)[::-1].tolist()]

    def _closed_by(self, annotator: str) -> npt.NDArray[np.bool_]:
        if annotator not in self._closed:
            self._closed[annotator] = np.zeros(len(self.draws), np.bool_)
        return self._closed[annotator]

    def _wanted(self) -> npt.NDArray[np.bool_]:
        again = self.tied if self.most is None else (self.tied | self.in_doubt) & (self._n_closed < self.most)
        # Gold tests everybody, however many have answered it.
        wanted: npt.NDArray[np.bool_] = (self._n_closed < self.annotators_per_item) | again | self.gold
        return wanted

    def _open(self, annotator: str) -> npt.NDArray[np.bool_]:
        open_: npt.NDArray[np.bool_] = self._wanted() & ~self._closed_by(annotator)
        open_[[*self.planted.get(annotator, ()), *self.informed.get(annotator, ())]] = False
        if (allowed := self.allowed(annotator)) is not None:
            open_ &= allowed
        return open_

    def _again(self) -> npt.NDArray[np.bool_] | np.bool_:
        """Mask of the items that enough people answered, and whose label is still in doubt."""
        if self.most is None:
            return np.False_
        again: npt.NDArray[np.bool_] = self.in_doubt & ~self.gold & (self._n_closed >= self.annotators_per_item)
        return again


def _everywhere(annotator: str) -> Route | None:
    """Route of a queue in which nothing is assigned to anybody."""
    return None


_T = TypeVar("_T")


def mixed(learn: Sequence[_T], holdout: Sequence[_T], *, n_asked: Mapping[str, int]) -> list[_T]:
    """Mix hold-out items into others, so that they get their share of all questions; both keep their order.

    Parameters
    ----------
    learn, holdout : sequences
        The first to be asked first.
    n_asked : mapping
        How many items of each line, "learn" and "holdout", were asked before.

    Examples
    --------
    >>> "".join(mixed("abcdef", "XYZ", n_asked={"learn": 0, "holdout": 0}))
    'aXbcdYefZ'
    """
    lines, n = {"learn": iter(learn), "holdout": iter(holdout)}, dict(n_asked)
    order: list[_T] = []
    while lines:
        due = "holdout" if n["holdout"] < HOLDOUT_SHARE * (n["learn"] + n["holdout"]) else "learn"
        kind = due if due in lines else next(iter(lines))
        for item in lines[kind]:
            order.append(item)
            n[kind] += 1
            break
        else:
            del lines[kind]
    return order


def _interleaved(n: int, lines: Mapping[str, list[Ask]], n_asked: dict[str, int], *, audit: float) -> list[Ask]:
    """Take n items from lines (best last) so that gold and hold-out get their shares of all questions.

    Parameters
    ----------
    lines : "gold", "holdout", "learn" and "audit"; they are used up
    n_asked : number of items asked so far of the first three; updated
    """
    asks: dict[int, Ask] = {}
    while len(asks) < n:
        total, n_learn = sum(n_asked.values()), n_asked["learn"]
        due = (kind for kind, share in (("gold", GOLD_SHARE), ("holdout", HOLDOUT_SHARE))
               if n_asked[kind] < share * total)
        kind = next((kind for kind in chain(due, ("learn", "holdout")) if lines[kind]), None)
        if kind is None:
            break
        audited = kind == "learn" and int((n_learn + 1) * audit) > int(n_learn * audit)
        ask = (audited and _first_new(lines["audit"], asks)) or _first_new(lines[kind], asks)
        if ask:
            asks[ask.position] = ask
            n_asked[kind] += 1
    return list(asks.values())


def _first_new(line: list[Ask], asked: Collection[int]) -> Ask | None:
    """Take the next item of a line (best last) that wasn't taken from another one."""
    while line:
        if (ask := line.pop()).position not in asked:
            return ask
    return None


def _alternated(one: list[Ask], other: list[Ask], *, turn: int) -> list[Ask]:
    """Merge two lines (best last) by turns; an item of both keeps its first place."""
    lines, merged = (list(one), list(other)), dict[int, Ask]()
    while lines[0] or lines[1]:
        line = lines[turn] or lines[1 - turn]
        ask = line.pop()
        if ask.position not in merged:
            merged[ask.position] = ask
            turn = 1 - turn
    return list(merged.values())[::-1]
