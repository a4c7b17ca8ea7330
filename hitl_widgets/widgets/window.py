"""The items that a review has sent to the browser, and the decisions on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..records import Decision, Item, Prediction

SIZE = 20  # items that wait in the browser
REMEMBERED = 50  # decided items that an undo brings back


@dataclass(eq=False)
class Entry:
    """An item of the window, and how much of it the browser has.

    Parameters
    ----------
    item : Item
    prediction : Prediction, optional
        The prediction as it was shown, if Python shows it.
    target : str, optional
        The label whose saliency map is pushed without a request, if a prediction was pushed with the item.
    pushed : bool
        Whether the browser has the item.
    again : bool
        Whether it is outside the queue: an undone or revised item.
    mapped : set of str
        Saliency methods whose maps the browser has, or won't get.
    standing : str, optional
        Id of the annotator's decision that stood for the item when it was pushed.
    """

    item: Item
    prediction: Prediction | None = None
    target: str | None = None
    pushed: bool = False
    again: bool = False
    mapped: set[str] = field(default_factory=set)
    standing: str | None = None


class Window:
    """The items that wait in the browser, best first. Not thread-safe: its owner has the lock.

    Parameters
    ----------
    n : int or None
        How many items the review asks about, None for as long as there are any.
    size : int
        How many items wait.
    """

    def __init__(self, n: int | None, size: int = SIZE) -> None:
        self.n, self.size = n, size
        self.entries: list[Entry] = []
        self.former: list[str] = []  # items chosen by the former model, which wait until the new model's are there
        self._decided: dict[str, Entry] = {}  # by decision id
        self._closing: dict[str, str] = {}  # by decision id, the item that it closed
        self._decided_since: set[str] = set()  # items, since more were asked for

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def item_ids(self) -> set[str]:
        """Ids of the items that wait in the browser."""
        return {entry.item.id for entry in self.entries}

    @property
    def n_decisions(self) -> int:
        """Decisions of this review that closed an item."""
        return len(self._closing)

    @property
    def n_answered(self) -> int:
        """Items that were closed in this review."""
        return len(set(self._closing.values()))

    @property
    def room(self) -> int:
        """How many more items should wait in the browser; 0 or less for none."""
        room = self.size - len(self.entries)
        return room if self.n is None else min(room, self.n - self.n_answered - len(self.entries))

    @property
    def last_decision(self) -> str | None:
        """The id of the last decision whose item can be brought back."""
        return next(reversed(self._decided), None)

    def ask(self) -> tuple[int, set[str]]:
        """Return how many more items should wait, and which wait already; pass what is found to `add`."""
        self._decided_since.clear()
        return self.room, self.item_ids

    def add(self, items: Iterable[Item]) -> None:
        """Put items behind those that wait, each once, and none that was decided since `ask`."""
        here = self.item_ids | self._decided_since
        self.entries += [Entry(item) for item in items if item.id not in here]

    def decide(self, decision: Decision) -> None:
        """Take out the item that was decided."""
        entry = next((entry for entry in self.entries if entry.item.id == decision.item_id), None)
        if entry is not None:
            self.entries.remove(entry)
            self._decided[decision.id] = entry
            while len(self._decided) > REMEMBERED:
                del self._decided[next(iter(self._decided))]
        self._decided_since.add(decision.item_id)
        self.former = [item_id for item_id in self.former if item_id != decision.item_id]  # an undo may show it
        if decision.closes:
            self._closing[decision.id] = decision.item_id

    def retract(self, decision_id: str) -> None:
        """Put the item of a decision that was taken back in front of the others."""
        self._closing.pop(decision_id, None)
        entry = self._decided.pop(decision_id, None)
        if entry is not None and entry.item.id not in self.item_ids:
            self.entries.insert(0, entry)

    def drop(self, entries: Collection[Entry]) -> None:
        """Take out items that were decided elsewhere."""
        self.entries = [entry for entry in self.entries if entry not in entries]

    def drop_decided(self, entries: Iterable[Entry], standing: Mapping[str, str]) -> list[Entry]:
        """Take out those of the entries whose standing decision (by item id) has changed since they were pushed."""
        decided = [entry for entry in entries if entry in self.entries
                   and standing.get(entry.item.id, entry.standing) != entry.standing]
        self.drop(decided)
        return decided

    def take_planted(self) -> list[str]:
        """Take out items with a suggestion that is wrong on purpose, but the first item; their ids are returned."""
        gone = [entry for entry in self.entries[1:] if entry.item.planted]
        self.drop(gone)
        return [entry.item.id for entry in gone]

    def cut(self, keep: int = 0) -> list[str]:
        """Take out all but the first `keep`; their ids are returned, to be released."""
        item_ids = [entry.item.id for entry in self.entries[keep:]]
        del self.entries[keep:]
        return item_ids

    def take_all(self) -> list[str]:
        """Take out all items, those of the former model too; their ids are returned, to be released."""
        waiting, self.former = self.cut() + self.former, []
        return waiting

    def take_former(self) -> list[str]:
        """Take out those of the former model that the new one didn't choose again; their ids are returned."""
        here = self.item_ids
        gone, self.former = [item_id for item_id in self.former if item_id not in here], []
        return gone

    def lacking(self, methods: Sequence[str], is_fetching: Callable[[int], bool]
                ) -> Iterator[tuple[float, Entry, str | None]]:
        """What the browser lacks: a place (smaller is sooner), the entry, and None or the method of a missing map."""
        for place, entry in enumerate(self.entries):
            if entry.pushed:
                # A map may come a few items later than its item, the map of a second method a window later.
                yield from ((place + 3.5 + SIZE * order, entry, method) for order, method in enumerate(methods)
                            if method not in entry.mapped)
            elif not is_fetching(entry.item.position):  # one that is slow doesn't hold up the others
                yield place, entry, None

    def forget(self, *decision_ids: str) -> None:
        """Don't bring back the items of these decisions; without arguments, of any decision until now."""
        for decision_id in decision_ids or tuple(self._decided):
            self._decided.pop(decision_id, None)

    def resend(self, have: Collection[str]) -> None:
        """Push again what the browser doesn't have."""
        for entry in self.entries:
            if entry.item.id not in have:
                entry.pushed, entry.mapped = False, set()
