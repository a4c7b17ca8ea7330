"""Keys of labels: which digit chooses which label, and that a label keeps its digit when others change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

DIGITS = "1234567890"


@dataclass(frozen=True)
class KeyPlaces:
    """The places of a taxonomy's answers: places 0 to 9 have the digits 1 to 9 and 0, further ones have letters.

    Attributes
    ----------
    now : mapping of str to int
        label_id -> place, of each answer that has no key of its own.
    former : mapping of str to int
        label_id -> its last place, of labels that had one in an earlier version.
    own : set of int
        Places of the digits that are a label's own key.
    """

    now: Mapping[str, int] = field(default_factory=dict)
    former: Mapping[str, int] = field(default_factory=dict)
    own: frozenset[int] = frozenset()

    def then(self, label_ids: Iterable[str], own: Iterable[str] = ()) -> KeyPlaces:
        """Return the places in the next version of the taxonomy.

        An answer that was there keeps its place, unless its digit is now another label's own key. One that comes back
        has its former place if that is free. Any other gets the lowest free place. A place that becomes free with this
        version is free from the next version on: whoever is used to its key doesn't choose another label by mistake.

        Parameters
        ----------
        label_ids : iterable of str
            Ids of the next version's answers that have no key of their own, in its order.
        own : iterable of str
            The keys that are labels' own in the next version.

        Examples
        --------
        >>> KeyPlaces().then(["cat", "dog", "bird"]).then(["cat", "puppy", "bird"]).now
        {'cat': 0, 'bird': 2, 'puppy': 3}
        """
        ids, own_places = list(label_ids), frozenset(DIGITS.index(key) for key in own if key in DIGITS)
        now = {label_id: self.now[label_id] for label_id in ids
               if label_id in self.now and self.now[label_id] not in own_places}
        taken, lowest = {*self.now.values(), *self.own, *own_places}, 0
        for label_id in ids:
            if label_id in now:
                continue
            place = self.former.get(label_id)
            if place is None or place in taken:
                while lowest in taken:
                    lowest += 1
                place = lowest
            now[label_id] = place
            taken.add(place)
        return KeyPlaces(now, {**self.former, **self.now}, own_places)


def own_keys(answers: Sequence[tuple[str, str, str | None]], taken: Iterable[str]) -> dict[str, str]:
    """Return the keys of those answers that have one of their own: the key itself, or a name that is a digit.

    Parameters
    ----------
    answers : sequence of (label_id, name, key)
        The answers in the order of the taxonomy; key is None where the taxonomy names none.
    taken : iterable of str
        The keys that the taxonomy names, also those of labels that are no answers.

    Returns
    -------
    dict
        label_id -> key.
    """
    digits = set(DIGITS) - set(taken)
    named = {name: label_id for label_id, name, _ in reversed(answers) if name in digits}
    return {label_id: key or name for label_id, name, key in answers if key or named.get(name) == label_id}
