"""Label index: each annotator's label for each item, and which answers may mean several labels after an edit.

An answer is in doubt if, since a taxonomy edit such as a split, it may mean one of several labels of today.
An item is identified by its position in the pool. A label is stored as a pair: the label_id that was given, and the
taxonomy version under which it was given. Each different pair has an integer code, and answers are stored as arrays of
these codes. Whether edits changed the meaning of a label is computed once for each pair, not for each answer, so that a
million answers are counted in milliseconds. Read `LabelIndex.note_all` and `LabelIndex.doubtful` first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..taxonomy.history import Lineage, factorize
from ..taxonomy.label_sets import is_set
from .value_index import EVERYWHERE, ValueIndex, doubts_of, values_of

# A label as it was given: its label_id, and the taxonomy version under which it was chosen.
Pair = tuple[str, int | None]
Positions = npt.NDArray[np.int64]


class LabelIndex:
    """The current label of each annotator and item. The class isn't thread-safe.

    Attributes
    ----------
    unplaced : dict
        annotator -> position -> taxonomy version, for items answered unsure or flagged as not in the taxonomy.
    put_off : dict
        annotator -> position -> label as it was given, for answers after which the annotator skipped the item. Such an
        answer is suspended: it isn't counted, but still limits the candidates that are offered.
    values : ValueIndex
        The current values of attributes.
    """

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items
        self._pairs: list[Pair | None] = [None]  # code 0: no label was given
        self._code: dict[Pair, int] = {}
        self._codes: dict[str, npt.NDArray[np.int32]] = {}
        # Updated with each answer, so that neither is recounted while somebody waits.
        self._n_given, self._n_of_code = np.zeros(n_items, np.int16), np.zeros(1, np.int64)
        self.unplaced: dict[str, dict[int, int]] = {}
        self.put_off: dict[str, dict[int, Pair]] = {}
        self.values = ValueIndex(n_items)
        self.revision = 0  # grows with every update

    def note_all(self, positions: npt.NDArray[np.int64], annotator: str, label_ids: Sequence[str | None],
                 versions: Sequence[int | None], *, unplaced: Mapping[int, int],
                 put_off: Mapping[int, Pair] | None = None) -> None:
        """Set the labels that an annotator gave to some items. They replace the annotator's earlier labels.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items, each once.
        annotator : str
        label_ids, versions : sequences, length n
            The label_ids, None where no label was given, and the taxonomy versions under which they were given.
        unplaced : mapping
            position -> taxonomy version, for items answered unsure or flagged as not in the taxonomy.
        put_off : mapping, optional
            position -> label, for items that were skipped after an answer.
        """
        self.revision += 1
        pairs, where = factorize(label_ids, versions)
        codes = np.array([0 if label_id is None else self._code_of((label_id, version)) for label_id, version in pairs],
                         np.int32)
        of_annotator, given = self._of(annotator), codes[where]
        former = of_annotator[positions]
        self._n_given[positions] += (given > 0).astype(np.int16) - (former > 0)
        of_annotator[positions] = given
        size = len(self._pairs)
        self._n_of_code = np.pad(self._n_of_code, (0, size - len(self._n_of_code))) \
            + np.bincount(given, minlength=size) - np.bincount(former, minlength=size)
        mine, late = self.unplaced.setdefault(annotator, {}), self.put_off.setdefault(annotator, {})
        for position in positions.tolist() if mine or late else ():
            mine.pop(position, None)
            late.pop(position, None)
        mine.update(unplaced)
        late.update(put_off or {})

    @property
    def n_votes(self) -> int:
        """How many answers gave a label, including labels that are in doubt now."""
        return int(self._n_of_code[1:].sum())

    @property
    def is_answered(self) -> npt.NDArray[np.bool_]:
        """Mask of the items that have a label from somebody: bool, shape (n_items,)."""
        answered: npt.NDArray[np.bool_] = self._n_given > 0
        return answered

    def n_given(self, at: Positions) -> npt.NDArray[np.int64]:
        """For some items, count the answers that gave a label, including labels that are in doubt now."""
        return self._n_given[at].astype(np.int64)

    def noted(self) -> Positions:
        """Positions of the items with any entry, sorted: a label, values, unsure or suspended by a skip."""
        noted = np.flatnonzero(self._n_given)
        late = [place for of in (self.unplaced, self.put_off) for places in of.values() for place in places]
        return np.unique(np.concatenate([noted, np.array(late, np.int64), self.values.noted()]))

    @property
    def annotators(self) -> list[str]:
        """Everybody who answered, in the order in which they were first noted here."""
        return list(self._codes)

    def votes(self, lineage: Lineage, positions: npt.NDArray[np.int64]
              ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """List the answers to some items whose label is clear in today's taxonomy.

        Parameters
        ----------
        lineage : Lineage
        positions : ndarray of int, shape (n,)

        Returns
        -------
        item, annotator, label : ndarray of int64, shape (n_votes,)
            For each answer, its index in `positions`, in `annotators` and in today's labels.
        """
        column_of = {label_id: column for column, label_id in enumerate(lineage.today.label_ids)}
        today = np.array([-1 if pair is None else column_of.get(lineage.exactly(*pair) or "", -1)
                          for pair in self._pairs], np.int64)
        given = [today[codes[positions]] for codes in self._codes.values()]
        item = [np.flatnonzero(labels >= 0) for labels in given]
        none = np.empty(0, np.int64)
        return (np.concatenate([none, *item]),
                np.concatenate([none, *(np.full(len(rows), place) for place, rows in enumerate(item))]),
                np.concatenate([none, *(labels[rows] for labels, rows in zip(given, item, strict=True))]))

    @property
    def has_sets(self) -> bool:
        """Whether answers are sets of labels."""
        return len(self._pairs) > 1 and is_set((self._pairs[1] or ("",))[0])

    def label_votes(self, lineage: Lineage, positions: npt.NDArray[np.int64]
                    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For answers with sets of labels, list whether each of today's labels is on, where this is certain.

        Returns
        -------
        item, annotator, on : ndarray of int64, shape (n_votes,)
            Index in `positions` times the number of labels, plus the index of the label; index in `annotators`; 1 if
            the label is on, 0 if it is off.
        """
        n_labels = len(lineage.today.label_ids)
        states = np.full((len(self._pairs), n_labels), -1, np.int8)
        for code, pair in enumerate(self._pairs):
            if pair is not None:
                states[code] = [-1 if on is None else on for on in lineage.label_states(*pair).values()]
        none = np.empty(0, np.int64)
        items, names, ons = [none], [none], [none]
        for name, codes in enumerate(self._codes.values()):
            said = states[codes[positions]].ravel()
            known = np.flatnonzero(said >= 0)
            items.append(known)
            names.append(np.full(len(known), name))
            ons.append(said[known].astype(np.int64))
        return np.concatenate(items), np.concatenate(names), np.concatenate(ons)

    def of(self, position: int) -> dict[str, Pair]:
        """The labels of an item, including those suspended by a skip: annotator -> label as it was given."""
        return {annotator: pair for annotator, codes in self._codes.items()
                if (pair := self._pairs[codes[position]] or self.put_off[annotator].get(position))}

    def attributes(self, lineage: Lineage, position: int) -> dict[str, tuple[str, ...]]:
        """List the attributes that are asked again for an item: annotator -> attribute ids, in order."""
        if not lineage.mapped and not lineage.asks:
            return {}
        given = self.values.of(position)
        doubts = {name: doubts_of(lineage, label_id, version, values_of(text))
                  for name, (label_id, version, text) in given.items()}
        alone = {name: self._pairs[codes[position]] for name, codes in self._codes.items() if name not in given}
        doubts |= {name: doubts_of(lineage, pair[0], pair[1], {}) for name, pair in alone.items() if pair is not None}
        return {name: tuple(one.id for one in lineage.today.attributes if one.id in of)
                for name, of in doubts.items() if of}

    def counts(self) -> dict[Pair, int]:
        """Count the answers that gave each label."""
        n_of_code = self._n_of_code.tolist()
        return {pair: n for pair, n in zip(self._pairs, n_of_code, strict=False) if pair is not None and n}

    def n_items(self, pairs: Collection[Pair]) -> int:
        """Count the items with any of these labels, including labels suspended by a skip.

        Items with one answer are counted from the number of answers for each label, without going through all items.
        """
        wanted = np.array([pair in pairs for pair in self._pairs], np.bool_)
        several = np.flatnonzero(self._n_given > 1)
        n_here = sum((wanted[codes[several]].astype(np.int64) for codes in self._codes.values()),
                     np.zeros(len(several), np.int64))
        late = {place for of_annotator in self.put_off.values() for place, pair in of_annotator.items()
                if pair in pairs}
        n_late = sum(not any(wanted[codes[place]] for codes in self._codes.values()) for place in late)
        return int(self._n_of_code[wanted[:len(self._n_of_code)]].sum() - np.maximum(n_here - 1, 0).sum()) + n_late

    def doubtful(self, lineage: Lineage, annotator: str | None = None, *, at: Positions | slice = EVERYWHERE
                 ) -> npt.NDArray[np.int64]:
        """For each item, find the edit after which its answers are in doubt: labels or values, suspended ones included.

        Parameters
        ----------
        lineage : Lineage
        annotator : str or None
            Whose answers; None for anyone's.
        at : ndarray of int, optional
            Only these items, sorted, a subset of `noted`.

        Returns
        -------
        ndarray of int, a number for each item
            The taxonomy version that the edit made; the newest if there are several. 0 if no answer is in doubt.
        """
        versions = self.look(lambda pair: step.version if (step := lineage.cause_of_doubt(*pair)) else 0, annotator,
                             put_off=True, at=at)
        for name in self._codes if lineage.has_attributes else ():
            if annotator in (None, name) and (of_values := self._doubtful_values(lineage, name, at)) is not None:
                np.maximum(versions, of_values, out=versions)
        return versions

    def has_doubt(self, lineage: Lineage) -> bool:
        """Whether any label that was ever given is in doubt under today's taxonomy."""
        return any(pair is not None and lineage.exactly(*pair) is None for pair in self._pairs)

    def may_mean(self, lineage: Lineage, label_ids: Collection[str]) -> npt.NDArray[np.bool_] | None:
        """Find the items with an answer in doubt that may mean one of these labels, suspended answers included.

        Parameters
        ----------
        lineage : Lineage
        label_ids : collection of str
            Some of today's labels.

        Returns
        -------
        ndarray of bool, shape (n_items,), or None
            None where no answer is in doubt.
        """
        def is_likely(pair: Pair) -> int:
            return int(lineage.exactly(*pair) is None and not set(label_ids).isdisjoint(lineage.candidates(*pair)))

        return self.look(is_likely, put_off=True) > 0 if self.has_doubt(lineage) else None

    def values_in_doubt(self, lineage: Lineage) -> npt.NDArray[np.bool_]:
        """Mask of the items with values in doubt, or not given yet for a later attribute: bool, shape (n_items,)."""
        doubtful = np.zeros(self._n_items, np.bool_)
        for name in self._codes:
            if (of_values := self._doubtful_values(lineage, name)) is not None:
                doubtful |= of_values > 0
        return doubtful

    def n_certain(self, lineage: Lineage, *, at: Positions | slice = EVERYWHERE) -> npt.NDArray[np.int64]:
        """For each item, count the answers that mean one of today's labels and whose values aren't in doubt.

        Parameters
        ----------
        lineage : Lineage
        at : ndarray of int, optional
            Only these items.
        """
        certain = np.array([pair is not None and lineage.exactly(*pair) is not None for pair in self._pairs], np.bool_)
        n_certain = np.zeros(len(self._n_given[at]), np.int64)
        for name, codes in self._codes.items():
            is_certain = certain[codes[at]]
            if lineage.has_attributes:
                if (alone := self.values.given(name, at)) is not None:
                    is_certain |= alone & (codes[at] == 0)
                if (of_values := self._doubtful_values(lineage, name, at)) is not None:
                    is_certain &= of_values == 0
            n_certain += is_certain
        return n_certain

    def _doubtful_values(self, lineage: Lineage, annotator: str, at: Positions | slice = EVERYWHERE
                         ) -> npt.NDArray[np.int64] | None:
        """Find the step because of which an annotator is asked again for each item's values; None if there is none."""
        of_values = self.values.doubtful(lineage, annotator, at)
        if not lineage.asks:
            return of_values
        # Answers that have only a label: attributes that were added later are asked for these, too.
        asks = np.array([0 if pair is None else max(doubts_of(lineage, *pair, {}).values(), default=0)
                         for pair in self._pairs], np.int64)[self._codes[annotator][at]]
        given = self.values.given(annotator, at)
        return asks if of_values is None or given is None else np.where(given, of_values, asks)

    # 13 branches: most are conditional expressions, for all items or some of them and for labels that may be missing.
    def tied(self, lineage: Lineage, positions: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.bool_]:
        """Find the items whose votes for today's labels are tied.

        Parameters
        ----------
        lineage : Lineage
        positions : ndarray of int, shape (n,), optional
            Only these items; all of them otherwise.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        tied = np.zeros(self._n_items if positions is None else len(positions), np.bool_)
        rows = np.flatnonzero((self._n_given if positions is None else self._n_given[positions]) > 1)
        if not len(rows):
            return tied
        places = rows if positions is None else positions[rows]
        exact = [None if pair is None else lineage.exactly(*pair) for pair in self._pairs]
        number_of = {label_id: number for number, label_id in enumerate(dict.fromkeys(filter(None, exact)))}
        today = np.array([number_of.get(label_id or "", -1) for label_id in exact], np.int32)
        given = [today[codes[places]] for codes in self._codes.values()]
        agree = [sum((other == label for other in given), np.zeros(len(rows), np.int32)) * (label >= 0)
                 for label in given]
        most = np.max(agree, axis=0)
        # Tied if several labels have the largest number of votes: together they then have more votes than one of them.
        tied[rows] = (most > 0) & (sum((n == most for n in agree), np.zeros(len(rows), np.int32)) > most)
        return tied

    def given_since(self, version: int, annotator: str) -> Positions:
        """Positions of the items that an annotator answered under a taxonomy version or a later one, sorted."""
        at = self.noted()
        given = self.look(lambda pair: int((pair[1] or 1) >= version), annotator, at=at) > 0
        late = [place for place, then in self.unplaced.get(annotator, {}).items() if then >= version]
        given[np.searchsorted(at, np.array(late, np.int64))] = True
        if (values := self.values.given_since(version, annotator, at)) is not None:
            given |= values
        since: Positions = at[given]
        return since

    # 14 branches: all items or some of them, and suspended answers, which are kept apart from the others.
    def look(self, up: Callable[[Pair], int], annotator: str | None = None, *, put_off: bool = False,
             at: Positions | slice = EVERYWHERE) -> npt.NDArray[np.int64]:
        """For each item, the largest number that the function `up` returns for one of its answers.

        Parameters
        ----------
        up : function
            Label as it was given -> a number, 0 or more.
        annotator : str or None
            Whose answers; None for anyone's.
        put_off : bool
            Include answers suspended by a skip.
        at : ndarray of int, optional
            Only these items, sorted.

        Returns
        -------
        ndarray of int, a number for each item
            0 where there is no answer.
        """
        numbers = np.array([0 if pair is None else up(pair) for pair in self._pairs], np.int64)
        if numbers.max(initial=0) < 2 ** 15:  # a quarter of the memory
            numbers = numbers.astype(np.int16)
        largest = np.zeros(len(self._n_given[at]), numbers.dtype)
        late: dict[int, int] = {}
        for name, codes in self._codes.items():
            if annotator in (None, name) and numbers.any():
                np.maximum(largest, numbers[codes[at]], out=largest)
            if put_off and annotator in (None, name):
                for position, pair in self.put_off[name].items():
                    late[position] = max(late.get(position, 0), up(pair))
        every: npt.NDArray[np.int64] = largest.astype(np.int64)
        for position, number in late.items():
            row = position if isinstance(at, slice) else int(np.searchsorted(at, position))
            if isinstance(at, slice) or (row < len(at) and at[row] == position):
                every[row] = max(int(every[row]), number)
        return every

    def _code_of(self, pair: Pair) -> int:
        if pair not in self._code:
            self._code[pair] = len(self._pairs)
            self._pairs.append(pair)
        return self._code[pair]

    def _of(self, annotator: str) -> npt.NDArray[np.int32]:
        if annotator not in self._codes:
            self._codes[annotator] = np.zeros(self._n_items, np.int32)
        return self._codes[annotator]
