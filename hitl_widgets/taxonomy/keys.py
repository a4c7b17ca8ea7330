"""Keys of labels: which digit chooses which label, and that a label keeps its digit when others change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

DIGITS = "1234567890"


@dataclass(frozen=True)
class KeyPlaces:
    """The places of a taxonomy's answers among the free keys: place 0 has the first free key, and so on.

    Attributes
    ----------
    now : mapping of str to int
        label_id -> place, of each answer that has no key of its own.
    former : mapping of str to int
        label_id -> its last place, of labels that had one in an earlier version.
    """

    now: Mapping[str, int] = field(default_factory=dict)
    former: Mapping[str, int] = field(default_factory=dict)

    def then(self, label_ids: Iterable[str]) -> KeyPlaces:
        """Return the places in the next version of the taxonomy.

        An answer that was there keeps its place, and one that comes back has its former place if that is free. Any
        other gets the lowest free place. A place that becomes free with this version is free from the next version on:
        whoever is used to its key doesn't choose another label by mistake.

        Parameters
        ----------
        label_ids : iterable of str
            Ids of the next version's answers that have no key of their own, in its order.

        Examples
        --------
        >>> KeyPlaces().then(["cat", "dog", "bird"]).then(["cat", "puppy", "bird"]).now
        {'cat': 0, 'bird': 2, 'puppy': 3}
        """
        ids = list(label_ids)
        now = {label_id: self.now[label_id] for label_id in ids if label_id in self.now}
        taken, lowest = set(self.now.values()), 0
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
        return KeyPlaces(now, {**self.former, **self.now})


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
