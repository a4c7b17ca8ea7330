"""Votes about a part of the answers: one label of several that an item may have, or one attribute.

Each function makes a table of votes with the columns `votes.VOTE_COLUMNS`, the input of all algorithms for several
annotators. Read `about_label` first. To compare answers with suggestions, take `cards`, `cards_about_labels` or
`cards_about_attribute`: whether these have a card never depends on its answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..taxonomy.attributes import Attribute
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import members, set_id
from .annotation_tables import all_votes

Table = Mapping[str, Sequence[Any]]
Floats = npt.NDArray[np.float64]

# Number of values of a continuous scale by which a change of it is followed.
_N_POINTS = 201


def cards(table: Table, lineage: Lineage) -> pd.DataFrame:
    """List the votes for comparing answers with suggestions: all votes, and those that an edit left in doubt.

    A label or suggestion in doubt keeps its former name, "cat (before an edit)", since whether an answer agrees with
    the suggestion doesn't depend on later edits. Without these votes, a split of "cat" would leave out each card on
    which people and model disagreed about it.

    Parameters
    ----------
    table : mapping of str to sequence
        As `annotation_tables.all_votes` takes it.
    lineage : Lineage

    Returns
    -------
    DataFrame
        A table of votes with the columns label_in_doubt and suggestion_in_doubt, which mark former names. If there are
        any, also unjudged: the labels (a frozenset of names) that may be what the suggestion means, or not; if an item
        has one of them, it isn't known whether the suggestion is right. After a split of "cat", these are its parts for
        earlier suggestions, and "cat (before an edit)" for later ones.
    """
    former: dict[Hashable, str] = {}

    def name_of(label_id: str, version: int | None) -> str:
        today = lineage.exactly(label_id, version)
        return lineage.today.name_of(today) if today is not None else _former_name(
            former, label_id, lineage.versions[_number(lineage, version)].name_as_answered(label_id))

    def of_version(version: int | None) -> tuple[Collection[Hashable], Collection[Any]]:
        taxonomy = lineage.versions.get(_number(lineage, version))
        in_doubt = [label_id for label_id in (taxonomy.label_ids if taxonomy is not None else ())
                    if lineage.exactly(label_id, version) is None]
        return in_doubt, [lineage.today.name_of(today) for label_id in in_doubt
                          for today in lineage.candidates(label_id, version)]

    votes = _marked(all_votes(table, lineage, meaning=name_of), former.values())
    return _with_unjudged(votes, table, lineage, former, of_version)


def _with_unjudged(votes: pd.DataFrame, table: Table, lineage: Lineage, former: Mapping[Hashable, str],
                   of_version: Callable[[int | None], tuple[Collection[Hashable], Collection[Any]]]) -> pd.DataFrame:
    """Add the column unjudged; `of_version` lists what a version has in doubt, and what that may mean today."""
    if not former:
        return votes

    @cache
    def unjudged(version: int | None) -> frozenset[Any]:
        in_doubt, today = of_version(version)
        return frozenset([*today, *(name for key, name in former.items() if key not in in_doubt)])

    of_suggestions = all_votes(table, lineage, meaning=lambda _, version: unjudged(version))
    return votes.assign(unjudged=of_suggestions["suggestion"])


def about_label(table: Table, lineage: Lineage, label_id: str) -> pd.DataFrame:
    """List the votes about one label, where an item may have several: its name, or "not" and its name.

    Answers from which neither follows with certainty are left out: the label was added later, or an edit made the
    meaning of the answer uncertain.

    Parameters
    ----------
    table : mapping of str to sequence
        See `annotation_tables.all_votes`; each label_id is that of a set (`taxonomy.label_sets`).
    lineage : Lineage
    label_id : str
        A label of today.
    """
    on, off = names_of_states(lineage.today.name_of(label_id))

    def state(given: str, version: int | None) -> str | None:
        is_on = lineage.label_states(given, version).get(label_id)
        return None if is_on is None else on if is_on else off

    return _saying(all_votes(table, lineage, meaning=state))


def names_of_states(name: str) -> tuple[str, str]:
    """Names of the votes about a label: that an item has it, and that it hasn't.

    >>> names_of_states("night")
    ('night', 'not night')
    """
    return name, f"not {name}"


def cards_about_labels(table: Table, lineage: Lineage) -> dict[str, pd.DataFrame]:
    """List the cards of each label, where an item may have several, for comparing answers with suggestions.

    A card counts for a label of today if, whatever was answered, its state would be certain. If an edit made it depend
    on the answer, the card counts for the label of then, under its former name: after a split of "night" the earlier
    cards are those of "night (before an edit)", and the new labels have only later ones. Otherwise the new labels would
    have the earlier cards on which "night" was off, and thus be selected by their answers.

    Parameters
    ----------
    table : mapping of str to sequence
        As `annotation_tables.all_votes` takes it; each label_id is that of a set (`taxonomy.label_sets`).
    lineage : Lineage

    Returns
    -------
    dict of str to DataFrame
        Label's name -> its votes, as `about_label` has them, with the columns of `cards`: today's labels, then former
        ones, all of whose cards are in doubt.
    """
    versions = sorted({_number(lineage, version) for version in table["taxonomy"]}
                      | {version for version in table["first_taxonomy"] if version is not None})
    labels = {version: _labels_of(lineage, version) for version in versions}
    former: dict[Hashable, str] = {}
    for version, (_, in_doubt) in labels.items():
        for label_id in in_doubt:
            _former_name(former, label_id, lineage.versions[version].name_of(label_id))

    def of_today(label_id: str) -> pd.DataFrame:
        on, off = names_of_states(lineage.today.name_of(label_id))

        def state(given: str, version: int | None) -> str | None:
            if label_id not in labels[_number(lineage, version)][0]:
                return None
            return on if lineage.label_states(given, version)[label_id] else off
        return _marked(_saying(all_votes(table, lineage, meaning=state)), ())

    def of_then(label_id: Hashable, name: str) -> pd.DataFrame:
        on, off = names_of_states(name)

        def state(given: str, version: int | None) -> str | None:
            if label_id not in labels[_number(lineage, version)][1]:
                return None
            return on if label_id in members(given) else off
        return _marked(_saying(all_votes(table, lineage, meaning=state)), (on, off))

    return {**{lineage.today.name_of(label_id): of_today(label_id) for label_id in lineage.today.label_ids},
            **{name: of_then(label_id, name) for label_id, name in former.items()}}


def _labels_of(lineage: Lineage, version: int) -> tuple[frozenset[str], tuple[str, ...]]:
    """Today's labels whose state is certain in each answer of a version, and the labels of then that aren't these.

    Labels that were removed are neither.
    """
    then = lineage.versions[version].label_ids if lineage.versions.get(version) is not None else ()
    states = {old: lineage.label_states(set_id([old]), version) for old in then}
    certain = frozenset(label_id for label_id in lineage.today.label_ids
                        if (own := [of_old[label_id] for of_old in states.values()]) and any(own) and None not in own)
    return certain, tuple(old for old, of_old in states.items() if not any(of_old[label_id] for label_id in certain)
                          and lineage.exactly(set_id([old]), version) != set_id([]))


def about_attribute(table: Table, lineage: Lineage, attribute: Attribute) -> pd.DataFrame:
    """List the votes about one attribute: `label` and `suggestion` are values under today's scale or choices.

    Values that an edit left in doubt are left out.

    Parameters
    ----------
    table : mapping of str to sequence
        See `annotation_tables.all_votes`; also with the columns given_values, suggested_values and first_values.
    lineage : Lineage
    attribute : Attribute
        An attribute of today.
    """
    told = _values_of(table, attribute)

    def meaning(value: Any, version: int | None) -> Any:
        return lineage.value(attribute.id, value, version)

    return _as_values(_saying(all_votes(told, lineage, meaning=meaning)), attribute)


def cards_about_attribute(table: Table, lineage: Lineage, attribute: Attribute) -> pd.DataFrame:
    """List the cards of one attribute, for comparing answers with suggestions.

    As `cards`, a choice in doubt keeps its former name. A value of a scale in doubt is placed on the line between its
    neighbours that have a meaning today. Where a version has fewer than two of these, all its cards are left out,
    since answers without a number can't be left out alone.

    Parameters
    ----------
    table, lineage, attribute
        As `about_attribute` takes them.

    Returns
    -------
    DataFrame
        As `about_attribute`, with the columns label_in_doubt and suggestion_in_doubt; for choices those of `cards`.
    """
    told, former = _values_of(table, attribute), dict[Hashable, str]()

    def choice(value: Any, version: int | None) -> Any:
        today = lineage.value(attribute.id, value, version)
        return _former_name(former, value, value) if today is None else today

    def of_version(version: int | None) -> tuple[Collection[Hashable], Collection[Any]]:
        then = _attribute_of(lineage, attribute.id, version)
        meanings = {value: lineage.value(attribute.id, value, version) for value in (then.steps if then else ())}
        in_doubt = [value for value, today in meanings.items() if today is None]
        return in_doubt, set(attribute.choices) - set(meanings.values()) if in_doubt else ()

    if attribute.kind == "choices":
        votes = _marked(all_votes(told, lineage, meaning=choice), former.values())
        return _saying(_with_unjudged(votes, told, lineage, former, of_version))

    @cache
    def line(version: int | None) -> Floats | None:
        return _line(lineage, attribute.id, version)

    def number(value: Any, version: int | None) -> float | None:
        if (points := line(version)) is None:
            return None
        today = lineage.value(attribute.id, value, version)
        return _on_line(points, float(value)) if today is None else float(today)

    def is_in_doubt(value: Any, version: int | None) -> bool:
        return lineage.value(attribute.id, value, version) is None

    numbers, doubts = (all_votes(told, lineage, meaning=meaning) for meaning in (number, is_in_doubt))
    return _as_values(_saying(numbers.assign(**{f"{name}_in_doubt": doubts[name].eq(True)
                                                for name in ("label", "suggestion")})), attribute)


def _values_of(table: Table, attribute: Attribute) -> Table:
    """The table of annotations with the values of an attribute in place of labels."""
    given, suggested, first = (_of(table[name], attribute.id)
                               for name in ("given_values", "suggested_values", "first_values"))
    answered_first = np.array([version is not None for version in table["first_taxonomy"]], bool)
    versions = [version if value is not None or not at_first else None
                for version, value, at_first in zip(table["first_taxonomy"], first, answered_first, strict=True)]
    return {**table, "label_id": given, "suggestion": suggested, "first_label_id": first, "first_taxonomy": versions}


def _as_values(votes: pd.DataFrame, attribute: Attribute) -> pd.DataFrame:
    """The votes with floats for the values of a scale."""
    if attribute.kind == "choices":
        return votes
    return votes.assign(**{name: votes[name].astype(float) for name in ("label", "label_after", "suggestion")})


def _line(lineage: Lineage, attribute_id: str, version: int | None) -> Floats | None:
    """Values of a version's scale and their meanings today, shape (n, 2); None if not all values have a place there."""
    if (then := _attribute_of(lineage, attribute_id, version)) is None:
        return None
    if then.scale is None:  # choices have no place between others
        every = [lineage.value(attribute_id, choice, version) for choice in then.choices]
        return None if None in every else np.empty((0, 2))
    values = then.steps or np.linspace(*then.scale, _N_POINTS).tolist()
    points = [(float(value), float(today)) for value in values
              if (today := lineage.value(attribute_id, value, version)) is not None]
    return np.array(points) if len(points) > 1 else None


def _attribute_of(lineage: Lineage, attribute_id: str, version: int | None) -> Attribute | None:
    taxonomy = lineage.versions.get(_number(lineage, version))
    return None if taxonomy is None else next((one for one in taxonomy.attributes if one.id == attribute_id), None)


def _on_line(points: Floats, value: float) -> float:
    """The place of a value on the line through some points; before and after them, by the slope of the whole line.

    >>> points = np.array([[0.0, 0.0], [2.0, 5.0], [4.0, 10.0]])
    >>> _on_line(points, 1.0), _on_line(points, 6.0)
    (2.5, 15.0)
    """
    inside = min(max(value, points[0, 0]), points[-1, 0])
    slope = (points[-1, 1] - points[0, 1]) / (points[-1, 0] - points[0, 0])
    return float(np.interp(inside, points[:, 0], points[:, 1]) + (value - inside) * slope)


def _former_name(former: dict[Hashable, str], key: Hashable, name: str) -> str:
    """The name of what an edit left in doubt, with its key where another one had the same name."""
    if key not in former:
        name = f"{name} (before an edit)"
        former[key] = f"{name} {key}" if name in former.values() else name
    return former[key]


def _number(lineage: Lineage, version: int | None) -> int:
    return version or lineage.steps[0].version


def _marked(votes: pd.DataFrame, former: Collection[str]) -> pd.DataFrame:
    """Mark labels and suggestions with a former name."""
    return votes.assign(**{f"{name}_in_doubt": votes[name].isin(list(former)) for name in ("label", "suggestion")})


def _saying(votes: pd.DataFrame) -> pd.DataFrame:
    kept: pd.DataFrame = votes[votes["label"].notna()].reset_index(drop=True)
    return kept


def _of(texts: Sequence[str | None], attribute_id: str) -> list[Any]:
    return [None if text is None else json.loads(text).get(attribute_id) for text in texts]
