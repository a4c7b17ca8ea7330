"""Annotations as tables: the current answers under today's labels, and the majority label of each item.

The functions compute them from the log's table of current annotations (a mapping of columns, as returned by
`Log.annotations`) and the taxonomy's lineage. Read `votes_by_item` first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..events import Event
from ..records import CLOSING, LABELLING, Decision, Seen
from ..taxonomy.attributes import explained_attribute
from ..taxonomy.history import Lineage, added_since, factorize
from ..taxonomy.label_sets import NONE_OF_THEM, is_set, members, set_id
from ..taxonomy.labels import Taxonomy
from .votes import VOTE_COLUMNS

Table = Mapping[str, Sequence[Any]]
VotesByItem = dict[str, list[tuple[str, float]]]

COLUMNS = ["item_id", "annotator", "label", "label_id", "verdict", "certainty", "flags", "note", "decision_id",
           "acted_at", "model", "taxonomy", "status", "certainty_source"]

# The columns of the log's table that these need.
STORED_COLUMNS = [*(name for name in COLUMNS if name not in ("label", "status")), "planted"]

# Largest weight of an answer, however much more certain than usual its annotator was.
MAX_WEIGHT = 3.0

HISTORY_COLUMNS = ["seq", "id", "kind", "item_id", "annotator", "verdict", "label", "certainty", "decision_id",
                   "acted_at", "stored_at", "body"]
REASON_COLUMNS = ["item_id", "annotator", "object_id", "label", "label_id", "attribute", "reason", "wrong", "missing",
                  "method", "display", "model", "decision_id"]


# 16 branches: what makes an answer lost, presumed, outdated or planted, each in a few lines over whole columns.
def annotation_table(table: Table, lineage: Lineage, *, version: int | None = None,
                     presumed: Mapping[str, str] | None = None, changed: Collection[str] = ()) -> pd.DataFrame:
    """Make a DataFrame of the annotations, under today's labels or under those of an older version.

    `status` is "decided" where the label (or its absence) is valid, "to_review" where a later edit left it in doubt or
    the item's content has changed; then label and label_id are None. It is "presumed" where one of its candidate labels
    is presumed, and "planted" where the suggestion was wrong on purpose: such an answer isn't a vote.

    Parameters
    ----------
    table : mapping of str to sequence
        The current annotations, or those of the older version.
    lineage : Lineage
    version : int, optional
        Version of the taxonomy; by default today's.
    presumed : mapping of str to str, optional
        item_id -> label_id, for items that nobody has answered since.
    changed : collection of str
        Ids of decisions on items whose content isn't what the annotator saw.

    Returns
    -------
    DataFrame
        With the columns `COLUMNS`.
    """
    to = version or lineage.steps[-1].version
    taxonomy, verdicts = lineage.versions[to], np.array(table["verdict"], object)
    # A label is resolved once for each pair of label and version, not for each row.
    pairs, where = factorize(table["label_id"], table["taxonomy"])
    became: list[str | None] = [lineage.exactly(*pair, to) for pair in pairs]
    ambiguous = [label_id is not None and new is None for (label_id, _), new in zip(pairs, became, strict=True)]
    lost = np.array([*ambiguous, False])[where] & np.isin(verdicts, list(LABELLING))  # a guess isn't asked again
    status = lost.astype(np.int64)
    for row in np.flatnonzero(lost).tolist() if presumed else ():
        label_id, (former, then) = (presumed or {}).get(table["item_id"][row]), pairs[where[row]]
        if label_id is not None and lineage.may_mean(str(former), then, label_id):
            became.append(label_id)
            where[row], status[row] = len(became) - 1, 2

    if changed:
        outdated = np.isin(verdicts, list(CLOSING)) & np.array([id in changed for id in table["decision_id"]], np.bool_)
        where[outdated], status[outdated] = len(became), 1
    if any(planted := table.get("planted", ())):
        status[np.array(planted, np.bool_)] = 3

    def taken(values: list[Any], code: np.ndarray) -> Any:
        return pd.Series([*values, None], dtype=None if any(values) else object).array.take(code)

    names = [None if label_id is None else taxonomy.name_of(label_id) for label_id in became]
    columns: dict[str, Any] = {**table, "label_id": taken(became, where), "label": taken(names, where),
                               "status": taken(["decided", "to_review", "presumed", "planted"], status)}
    columns["acted_at"] = pd.to_datetime(np.array(columns["acted_at"], np.int64), unit="us", utc=True)
    columns["certainty"] = np.array(columns["certainty"], float)
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


# 17 branches: the cases in which answers of uncertain meaning can't change what most people said, one after the other.
def undecided(given: Sequence[tuple[str, int | None]], lineage: Lineage) -> tuple[str, ...] | None:
    """Return the labels between which an item is undecided because an edit made the meaning of some answers uncertain.

    Example: two people answered "cat" and one "dog", and then "cat" is split. Now "dog" is the only answer with a
    certain meaning, but it isn't what most people said. So the item is decided only if one label has most answers
    whatever the uncertain answers mean, or if somebody has answered the item since the edit.

    Parameters
    ----------
    given : sequence of (label_id, taxonomy version)
        The labels that annotators gave the item, as they gave them. Sets of labels are decided label by label: see
        `undecided_labels`.
    lineage : Lineage

    Returns
    -------
    tuple of str or None
        The labels that may be the most common answer. It is empty if this may be any label. None if the item is
        decided, or if no answer has a certain meaning.
    """
    meanings = [lineage.resolve(label_id, version) for label_id, version in given]
    certain = Counter(meaning[0] for meaning in meanings if len(meaning) == 1)
    doubtful = [meaning for meaning in meanings if len(meaning) != 1]
    if not certain or not doubtful or is_set(given[0][0]):
        return None
    since = max(step.version for pair in given if (step := lineage.cause_of_doubt(*pair)) is not None)
    if any((version or 1) >= since for (_, version), meaning in zip(given, meanings, strict=True) if len(meaning) == 1):
        return None
    everywhere = sum(not meaning for meaning in doubtful)  # nothing is known of what these mean
    possible = certain + Counter(label_id for meaning in doubtful for label_id in meaning)
    top, n_top = certain.most_common(1)[0]
    if n_top > everywhere + max((n for label_id, n in possible.items() if label_id != top), default=0):
        return None
    most = max(possible.values())
    return () if everywhere else tuple(one for one in lineage.today.label_ids if possible[one] == most)


# 13 branches: one loop over each answer's labels in doubt, and one over each such label's answers.
def undecided_labels(given: Sequence[tuple[str, int | None]], lineage: Lineage) -> frozenset[str]:
    """Return the labels that are undecided (see `undecided`), for an item that may have several.

    Parameters
    ----------
    given : sequence of (label_id, taxonomy version)
        The sets of labels that annotators gave the item, as they gave them.
    lineage : Lineage
    """
    n_doubtful, since = Counter[str](), dict[str, int]()
    states = [lineage.label_states(*pair) for pair in given]
    for pair, of_pair in zip(given, states, strict=True):
        if (step := lineage.cause_of_doubt(*pair)) is not None:
            for label_id in lineage.candidates(*pair):
                if of_pair.get(label_id) is None:
                    n_doubtful[label_id] += 1
                    since[label_id] = max(since.get(label_id, 0), step.version)
    labels = set[str]()
    for label_id, n in n_doubtful.items():
        said = [(on, version or 1) for of_pair, (_, version) in zip(states, given, strict=True)
                if (on := of_pair.get(label_id)) is not None]
        n_on = sum(on for on, _ in said)
        if said and abs(2 * n_on - len(said)) <= n and all(version < since[label_id] for _, version in said):
            labels.add(label_id)
    return frozenset(labels)


def undecided_by_item(table: Table, lineage: Lineage) -> dict[str, tuple[str, ...]]:
    """Find the items that are undecided since an edit, with their possible labels: see `undecided`."""
    return {item_id: between for item_id, given in _given_by_item(table, lineage).items()
            if (between := undecided(given, lineage)) is not None}


def _given_by_item(table: Table, lineage: Lineage, *, without_planted: bool = False
                   ) -> dict[str, list[tuple[str, int | None]]]:
    """Collect the answers to items with several answers, as given; empty if the meaning of all answers is certain."""
    pairs = set(zip(table["label_id"], table["taxonomy"], strict=True))
    if all(label_id is None or lineage.exactly(label_id, version) is not None for label_id, version in pairs):
        return {}
    given: dict[str, list[tuple[str, int | None]]] = {}
    overruled = overruled_rows(table)
    planted = (without_planted and table.get("planted")) or [False] * len(table["item_id"])
    for row, (item_id, verdict, label_id, version) in enumerate(zip(
            *(table[name] for name in ("item_id", "verdict", "label_id", "taxonomy")), strict=True)):
        if row not in overruled and not planted[row] and verdict in LABELLING and label_id is not None:
            given.setdefault(item_id, []).append((label_id, version))
    return {item_id: of_item for item_id, of_item in given.items() if len(of_item) > 1}


def votes_by_item(table: Table, lineage: Lineage, *, undecided: Collection[str] = ()) -> VotesByItem:
    """Collect the labels that annotators gave each item, under today's taxonomy, with their weights.

    Left out are "unsure", answers whose meaning is uncertain since an edit, and answers that were replaced in triage.
    An answer with certainty c (0 to 10) has the weight (1 + c) / (1 + m), where m is the mean certainty of its
    annotator; the largest weight is 3. The weight is 1 if no certainty was given, or if it was carried over from an
    earlier item.

    Parameters
    ----------
    table : mapping of str to sequence
    lineage : Lineage
    undecided : collection of str
        Items to leave out because they are undecided: see `undecided_by_item`.

    Returns
    -------
    dict of str to list of (str, float)
        item_id -> (label_id, weight) of each annotator.
    """
    votes: VotesByItem = {}
    overruled, weights = overruled_rows(table), answer_weights(table)
    for row, (item_id, verdict, label_id, version) in enumerate(zip(
            *(table[name] for name in ("item_id", "verdict", "label_id", "taxonomy")), strict=True)):
        if row not in overruled and verdict in LABELLING and item_id not in undecided \
                and (today := lineage.exactly(label_id, version)) is not None:
            votes.setdefault(item_id, []).append((today, weights[row]))
    return votes


# 14 branches: an answer is certain, in doubt or between an item's labels; then each item's candidates are combined.
def candidates_by_item(table: Table, lineage: Lineage, *, undecided: Mapping[str, tuple[str, ...]] | None = None
                       ) -> dict[str, tuple[tuple[str, ...], float]]:
    """Candidate labels of items with answers whose meaning is uncertain since an edit.

    Only undecided items, and items without an answer of certain meaning, are included. The result is the intersection
    of the annotators' candidates, or their union if the intersection is empty. An item for which all labels are
    candidates is left out.

    Parameters
    ----------
    table : mapping of str to sequence
    lineage : Lineage
    undecided : mapping, optional
        Undecided items with their possible labels, as returned by `undecided_by_item`; these become the candidates.

    Returns
    -------
    dict of str to (tuple of str, float)
        item_id -> its candidate label_ids, and the mean weight of its answers, as in `votes_by_item`.
    """
    in_doubt: dict[str, list[tuple[set[str], float]]] = {}
    decided: set[str] = set()
    between = undecided or {}
    for item_id, verdict, label_id, version, counts in zip(
            *(table[name] for name in ("item_id", "verdict", "label_id", "taxonomy")), answer_weights(table),
            strict=True):
        if verdict in LABELLING and label_id is not None:
            candidates = lineage.resolve(label_id, version)
            if item_id in between:
                in_doubt.setdefault(item_id, []).append((set(between[item_id]), counts))
            elif len(candidates) == 1:
                decided.add(item_id)
            elif candidates:
                in_doubt.setdefault(item_id, []).append((set(candidates), counts))
    rows = {}
    for item_id in sorted(in_doubt.keys() - decided):
        sets = [some for some, _ in in_doubt[item_id]]
        left = set.intersection(*sets) or set.union(*sets)
        if 0 < len(left) < len(lineage.today.label_ids):
            in_order = tuple(label_id for label_id in lineage.today.label_ids if label_id in left)
            rows[item_id] = in_order, sum(counts for _, counts in in_doubt[item_id]) / len(sets)
    return rows


def tied_by_item(votes: VotesByItem) -> dict[str, tuple[tuple[str, ...], float]]:
    """List the items whose most common labels are tied.

    Returns
    -------
    dict of str to (tuple of str, float)
        item_id -> the tied label_ids, and the mean weight of the item's answers, as `candidates_by_item`.
    """
    rows = {}
    for item_id, of_item in votes.items():
        if len(of_item) > 1 and len(top := leaders([label_id for label_id, _ in of_item])[0]) > 1:
            rows[item_id] = top, sum(weight for _, weight in of_item) / len(of_item)
    return rows


def label_rows(table: Table, lineage: Lineage, *, every: bool = False) -> pd.DataFrame:
    """Make a table with a row for each item, annotator and label, for projects where an item may have several labels.

    The column value says whether the annotator gave the item this label. Three kinds of answers are left out: "unsure",
    answers to planted suggestions (wrong on purpose), and answers that were replaced in triage. Of the other answers,
    these labels are left out: labels that were added to the taxonomy later, labels whose state is uncertain since an
    edit, and undecided labels (see `undecided_labels`).

    Parameters
    ----------
    table : mapping of str to sequence
        Current annotations; each label_id is the id of a set of labels (`taxonomy.label_sets`).
    lineage : Lineage
    every : bool
        Whether to keep undecided labels.

    Returns
    -------
    DataFrame
        item_id, annotator, label_id (today's), value (bool), certainty, weight (as in `votes_by_item`), decision_id.
    """
    overruled, weights, states = overruled_rows(table), answer_weights(table), {}
    rows: list[tuple[Any, ...]] = []
    planted = table.get("planted") or [False] * len(table["item_id"])
    unsaid = {} if every else undecided_labels_by_item(table, lineage)
    for row, (verdict, label_id, version) in enumerate(zip(
            *(table[name] for name in ("verdict", "label_id", "taxonomy")), strict=True)):
        if row in overruled or planted[row] or verdict not in LABELLING or label_id is None:
            continue
        key = (label_id, version)
        if key not in states:
            states[key] = [(one, on) for one, on in lineage.label_states(*key).items() if on is not None]
        certainty = np.nan if table["certainty"][row] is None else float(table["certainty"][row])
        item_id = table["item_id"][row]
        rows += [(item_id, table["annotator"][row], one, on, certainty, weights[row], table["decision_id"][row])
                 for one, on in states[key] if one not in unsaid.get(item_id, ())]
    return pd.DataFrame(rows, columns=["item_id", "annotator", "label_id", "value", "certainty", "weight",
                                       "decision_id"]).astype({"value": bool})


def undecided_labels_by_item(table: Table, lineage: Lineage) -> dict[str, frozenset[str]]:
    """item_id -> the item's labels that are undecided since an edit, if any: see `undecided_labels`."""
    return {item_id: labels for item_id, given in _given_by_item(table, lineage, without_planted=True).items()
            if (labels := undecided_labels(given, lineage))}


def with_sets(annotations: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Add the columns labels and label_ids to a table of annotations: the labels of each set as a tuple, or None."""
    sets = [label_id if is_set(label_id) else None for label_id in annotations["label_id"]]
    ids = [None if one is None else tuple(label_id for label_id in taxonomy.label_ids if label_id in members(one))
           for one in sets]
    names = [None if of_row is None else tuple(map(taxonomy.name_of, of_row)) for of_row in ids]
    table = annotations.copy()
    table.insert(3, "labels", pd.Series(names, table.index, dtype=object))
    table.insert(5, "label_ids", pd.Series(ids, table.index, dtype=object))
    return table


def answer_weights(table: Table) -> list[float]:
    """Weight of each answer, see `votes_by_item`."""
    weights, given = [1.0] * len(table["item_id"]), {}
    for row, (certainty, source, verdict) in enumerate(zip(table["certainty"], table["certainty_source"],
                                                           table["verdict"], strict=True)):
        if certainty is not None and source != "carried" and verdict in LABELLING:
            given[row] = table["annotator"][row]
    sums: dict[str, list[float]] = {}
    for row, annotator in given.items():
        sums.setdefault(annotator, []).append(table["certainty"][row])
    means = {annotator: sum(certainties) / len(certainties) for annotator, certainties in sums.items()}
    for row, annotator in given.items():
        weights[row] = min(MAX_WEIGHT, (1 + table["certainty"][row]) / (1 + means[annotator]))
    return weights


def vote_table(table: Table, lineage: Lineage) -> pd.DataFrame:
    """Make a table of all answers, one row each, including "unsure".

    Left out are skips, answers whose meaning is uncertain since an edit, and answers that were replaced in triage.

    Parameters
    ----------
    table : mapping of str to sequence
    lineage : Lineage

    Returns
    -------
    DataFrame
        item_id, annotator, decision_id, content, label_id (today's; None for an unsure without a best guess), certainty
        (NaN unless it was given for this very item), unsure, chosen_by.
    """
    rows, overruled = [], overruled_rows(table)
    for row, (item_id, annotator, decision_id, content, verdict, label_id, version, certainty, source,
              chosen_by) in enumerate(zip(
            *(table[name] for name in ("item_id", "annotator", "decision_id", "content", "verdict", "label_id",
                                       "taxonomy", "certainty", "certainty_source", "chosen_by")), strict=True)):
        if row in overruled:
            continue
        today = None if label_id is None else lineage.exactly(label_id, version)
        if verdict == "unsure" or (verdict in LABELLING and today is not None):
            own = np.nan if certainty is None or source == "carried" else float(certainty)
            rows.append((item_id, annotator, decision_id, content, today, own, verdict == "unsure", chosen_by))
    return pd.DataFrame(rows, columns=["item_id", "annotator", "decision_id", "content", "label_id", "certainty",
                                       "unsure", "chosen_by"])


def all_votes(table: Table, lineage: Lineage, *, meaning: Callable[[Any, int | None], Any] | None = None
              ) -> pd.DataFrame:
    """Make the table of votes, the input of all algorithms for several annotators, with the columns `VOTE_COLUMNS`.

    There is a row for each answer, including "unsure", which has no label. Skips and answers that were replaced in
    triage are left out. If a person answered first and was then shown the suggestion, `label` is the first answer and
    `label_after` is the current one.

    Parameters
    ----------
    table : mapping of str to sequence
        The log's table of annotations, with a column repeat_of: the decision that an answer repeats, or None.
    lineage : Lineage
    meaning : callable, optional
        Maps an answer's label_id and taxonomy version to the name in the table, None if its meaning is uncertain. By
        default the name of the label that it means today.

    Returns
    -------
    DataFrame
        Labels and suggestions are today's names, missing where their meaning is uncertain. `shown` is missing where
        it wasn't recorded: for imports, and for scripts that don't say.
    """
    of, first = _counted_rows(table)
    labelled = np.isin(of["verdict"], sorted(LABELLING))
    nothing = np.full(len(first), None)
    of_today = lineage.exactly if meaning is None else meaning
    after = _today(np.where(labelled, of["label_id"], nothing), of["taxonomy"], of_today)
    given = np.where(first, _today(of["first_label_id"], of["first_taxonomy"], of_today), after)
    suggestion = _today(of["suggestion"], of["taxonomy"], of_today)
    shown = pd.array(~first & ~of["hidden"].astype(bool) & (of["suggestion"] != nothing), dtype="boolean")
    shown[np.isin(of["chosen_by"].astype(str), ["import", "script"])] = pd.NA
    every = {label_id for ids in (given, after, suggestion) for label_id in ids.tolist() if label_id is not None}
    name_of = {one: lineage.today.name_of(one) if meaning is None else one for one in every}
    names = {name: pd.Series([name_of.get(label_id) for label_id in ids.tolist()], dtype=object)
             for name, ids in (("label", given), ("label_after", np.where(first, after, nothing)),
                               ("suggestion", suggestion))}
    certainty = np.where(np.equal(of["certainty_source"], "carried"), nothing, of["certainty"]).astype(np.float64)
    return pd.DataFrame({
        "item_id": of["item_id"], "annotator": of["annotator"], "label": names["label"],
        "label_after": names["label_after"], "label_id": pd.Series(given, dtype=object), "shown": shown,
        "suggestion": names["suggestion"], "model": of["model"], "arm": of["arm"],
        "arm_probability": of["arm_probability"].astype(np.float64), "planted": of["planted"].astype(bool),
        "repeat_of": of["repeat_of"], "chosen_by": of["chosen_by"], "certainty": certainty,
        "acted_at": pd.to_datetime(of["acted_at"].astype(np.int64), unit="us", utc=True)})[VOTE_COLUMNS]


def _counted_rows(table: Table) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The columns `_OF_VOTES` and repeat_of of the answers that count, and in which of them somebody answered first."""
    overruled = overruled_rows(table)
    kept = np.array([verdict in CLOSING and row not in overruled for row, verdict in enumerate(table["verdict"])], bool)
    of = {name: np.array(table[name], object)[kept] for name in (*_OF_VOTES, "repeat_of")}
    first = np.array([at is not None for at in of["first_taxonomy"]], np.bool_)
    return of, first


def comparable_votes(table: Table, lineage: Lineage) -> pd.DataFrame:
    """Make the table of votes with sets of labels that are restricted, so that the answers to an item can be compared.

    Parameters
    ----------
    table : mapping of str to sequence
        As for `all_votes`.
    lineage : Lineage

    Returns
    -------
    DataFrame
        As of `all_votes`, with `label` and `label_id` restricted by `in_common`, and left_out: the label_ids that were
        left out of the sets of the row's item.
    """
    of, first = _counted_rows(table)
    votes, versions = all_votes(table, lineage), np.where(first, of["first_taxonomy"], of["taxonomy"])
    sets, left_out = in_common(votes["item_id"].tolist(), votes["label_id"].tolist(), versions.tolist(),
                               votes["annotator"].tolist(), lineage)
    names = [None if label_id is None else lineage.today.name_of(label_id) for label_id in sets]
    none: frozenset[str] = frozenset()
    return votes.assign(**{name: pd.Series(values, votes.index, dtype=object) for name, values in (
        ("label", names), ("label_id", sets), ("left_out", [left_out.get(one, none) for one in votes["item_id"]]))})


_OF_VOTES = ("item_id", "annotator", "verdict", "label_id", "taxonomy", "first_label_id", "first_taxonomy",
             "suggestion", "hidden", "model", "arm", "arm_probability", "planted", "chosen_by", "certainty",
             "certainty_source", "acted_at")


# 16 branches: missing sets and versions, sets older than a label, items that enough people answered with all labels.
def in_common(item_ids: Sequence[Any], label_ids: Sequence[Any], versions: Sequence[int | None],
              annotators: Sequence[Any], lineage: Lineage) -> tuple[list[str | None], dict[Any, frozenset[str]]]:
    """Restrict the sets of labels that each item was given, so that they can be compared.

    A label that was added to the taxonomy later is neither on nor off in an older set. If two people or more tell of
    all labels of today, an item's older sets are left out. Otherwise all its sets are restricted to the labels of which
    each of them tells whether they are on.

    Parameters
    ----------
    item_ids, label_ids, versions, annotators : sequences of one length
        The item, the set with today's labels (missing for no answer), the taxonomy version under which it was given,
        and who gave it.
    lineage : Lineage

    Returns
    -------
    label_ids : list of (str or None)
        The sets, None for one that is left out or has no label in common with the others.
    left_out : dict
        item_id -> the labels to which its sets are not restricted; only items with any.
    """
    label_ids = [label_id if isinstance(label_id, str) else None for label_id in label_ids]
    versions = [None if version is None or version != version else int(version) for version in versions]
    added = {version: added_since(version, lineage) for version in set(versions)}
    left_out: dict[Any, frozenset[str]] = {}
    if not any(added.values()):
        return label_ids, left_out
    complete: dict[Any, set[Any]] = {}
    for item_id, label_id, version, annotator in zip(item_ids, label_ids, versions, annotators, strict=True):
        if label_id is not None and added[version]:
            left_out[item_id] = left_out.get(item_id, frozenset()) | added[version]
        elif label_id is not None:
            complete.setdefault(item_id, set()).add(annotator)
    left_out = {item_id: labels for item_id, labels in left_out.items() if len(complete.get(item_id, ())) < 2}
    return [None if label_id is None or (added[version] and item_id not in left_out)
            else restricted(label_id, left_out.get(item_id, frozenset()), lineage)
            for item_id, label_id, version in zip(item_ids, label_ids, versions, strict=True)], left_out


def restricted(label_id: str | None, without: Collection[str], lineage: Lineage) -> str | None:
    """A set without some labels; None if these are all labels."""
    if label_id is None or not without:
        return label_id
    return None if lineage.today.answerable.issubset(without) else \
        set_id(one for one in members(label_id) if one not in without)


def _today(label_ids: np.ndarray, versions: np.ndarray, meaning: Callable[[Any, int | None], Any]) -> np.ndarray:
    """What label_ids of older versions mean today; None if it is uncertain. Each distinct pair is resolved once."""
    pairs, where = factorize(label_ids.tolist(), versions.tolist())
    became = np.array([*(None if label_id is None else meaning(label_id, version) for label_id, version in pairs),
                       None], object)
    return became[where]


def overruled_rows(table: Table) -> frozenset[int]:
    """Rows of answers that don't count any more, since their item got a later answer in triage."""
    chosen_by = table.get("chosen_by", ())
    if "desk" not in chosen_by:
        return frozenset()
    last: dict[str, int] = {}
    for item_id, at, why in zip(table["item_id"], table["acted_at"], chosen_by, strict=True):
        if why == "desk":
            last[item_id] = max(at, last.get(item_id, at))
    return frozenset(row for row, (item_id, at) in enumerate(zip(table["item_id"], table["acted_at"], strict=True))
                     if at < last.get(item_id, at))


def leaders(labels: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Find the most frequent label_ids (several if there is a tie), and how often each of them was given.

    A tie isn't decided by certainties, since people use the scale of certainty differently. For sets of labels, each
    label is decided by majority, so the result may be a set that nobody gave. If some labels of a set are tied, two
    sets are returned, one without these labels and one with all of them. The number is then the larger one of how often
    the two sets were given.

    Examples
    --------
    >>> leaders(["b", "a", "b"])
    (('b',), 2)
    >>> leaders(["b", "a"])
    (('a', 'b'), 1)
    >>> leaders(["+a", "+a+b", "+b+c"])
    (('+a+b',), 1)
    >>> leaders(["+a", "+a+b"])
    (('+a', '+a+b'), 1)
    """
    counts = Counter(labels)
    if any(map(is_set, counts)):
        on = Counter(label for given, n in counts.items() for label in members(given) for _ in range(n))
        most = [label for label, n in on.items() if 2 * n > len(labels)]
        tied = [label for label, n in on.items() if 2 * n == len(labels)]
        sets = tuple(dict.fromkeys((set_id(most), set_id([*most, *tied]))))
        return sets, max(counts[each] for each in sets)
    most_often = max(counts.values())
    return tuple(sorted(label for label, count in counts.items() if count == most_often)), most_often


def history_table(log: Iterable[Event]) -> pd.DataFrame:
    """Make a table of events in the order of the log; the column `body` has all fields of the event's body."""
    rows = [(e.seq, e.id, e.kind, e.item_id, e.annotator, e.body.get("verdict"), e.body.get("label"),
             e.body.get("certainty"), e.id if e.kind == "decided" else e.body.get("decision_id"), e.acted_at,
             e.stored_at, dict(e.body)) for e in log]
    return pd.DataFrame(rows, columns=HISTORY_COLUMNS)


def reasons_table(decisions: Iterable[Decision], lineage: Lineage) -> pd.DataFrame:
    """Make a table of annotators' feedback on explanations of items or objects: see `Workbench.reasons`.

    Parameters
    ----------
    decisions : iterable of Decision
    lineage : Lineage
    """
    rows: list[tuple[Any, ...]] = []
    for decision in decisions:
        seen = decision.seen
        judged: list[tuple[Any, ...]] = [(one.id, one.label_id, one.method, one.display, one)
                                         for one in decision.reasons]
        if decision.reason is not None:
            judged.append((None, seen.target, seen.method, seen.display, decision))
        for object_id, target, method, display, one in judged:
            known = target is not None and any(target in version for version in lineage.versions.values())
            label_id = lineage.exactly(target, seen.taxonomy) if known else None
            attribute = None if object_id is not None or known else of_attribute(seen, lineage)
            rows.append((decision.item_id, decision.annotator, object_id,
                         None if label_id is None else lineage.today.name_of(label_id), label_id, attribute, one.reason,
                         one.wrong, one.missing, method, display, seen.model, decision.id))
    rows.sort(key=lambda row: row[:2])
    return pd.DataFrame(rows, columns=REASON_COLUMNS, dtype=object)


def of_attribute(seen: Seen, lineage: Lineage) -> str | None:
    """Name of the attribute whose map was shown: today's name, or the name at that time if it is retired.

    None if the map was about a label or an object, or no map was shown.
    """
    version = seen.taxonomy or lineage.today.version
    if seen.target is None or version not in lineage.versions:
        return None
    attribute = explained_attribute(seen.target, lineage.versions[version].attributes)
    if attribute is None:
        return None
    now = explained_attribute(attribute.id, lineage.today.attributes)
    return (now or attribute).name


def consensus(votes: VotesByItem, lineage: Lineage, adjudicated: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Make a table of the label that most annotators gave each item.

    Parameters
    ----------
    votes : dict
        As returned by `votes_by_item`.
    lineage : Lineage
    adjudicated : mapping of str to str, optional
        item_id -> the label_id that overrules its votes.

    Returns
    -------
    DataFrame
        One row per item: item_id; label, missing where several labels are tied; share (of the answers that agree with
        the label, or with each of the tied ones, 0 to 1); n_answers; tied (the names of the tied labels in the order of
        the taxonomy, else empty).
    """
    rows: list[tuple[Any, ...]] = []
    today = lineage.today
    place_of = {label_id: place for place, label_id in enumerate(today.label_ids)}
    overruled = adjudicated or {}
    for item_id, of_item in votes.items():
        if item_id in overruled:
            agree = sum(label_id == overruled[item_id] for label_id, _ in of_item)
            rows.append((item_id, today.name_of(overruled[item_id]), agree / len(of_item), len(of_item), ()))
            continue
        if len(of_item) == 1:
            rows.append((item_id, today.name_of(of_item[0][0]), 1.0, 1, ()))
            continue
        top, count = leaders([label_id for label_id, _ in of_item])
        in_order = sorted(top, key=lambda label_id: place_of.get(label_id, len(place_of)))
        tied = tuple(map(today.name_of, in_order)) if len(top) > 1 else ()
        rows.append((item_id, None if tied else today.name_of(top[0]), count / len(of_item), len(of_item), tied))
    return pd.DataFrame(rows, columns=["item_id", "label", "share", "n_answers", "tied"])


SET_CONSENSUS_COLUMNS = ["item_id", "label", "labels", "share", "shares", "n_answers", "tied"]


# 14 branches: each label is decided on its own, in columns; the rows then name what was decided.
def consensus_of_sets(rows: pd.DataFrame, lineage: Lineage,
                      adjudicated: Mapping[str, Mapping[str, bool]] | None = None) -> pd.DataFrame:
    """Make a table of the labels that most annotators gave each item, where an item may have several.

    Each label is decided on its own, by the majority of the answers that decide on it. The resulting set may be one
    that nobody gave.

    Parameters
    ----------
    rows : DataFrame
        As returned by `label_rows`.
    lineage : Lineage
    adjudicated : mapping of str to mapping, optional
        item_id -> label_id -> whether it is on, which overrules its votes; votes decide the other labels.

    Returns
    -------
    DataFrame
        One row per item: item_id; label, the names of its labels as a text, missing where a label is tied; labels, the
        names as a tuple, without tied ones; share (of the answers that agree in every label, 0 to 1; tied labels count
        as all on or all off, whichever more answers agree with); shares (a mapping of each label's name to the share of
        answers that say that the item has it; unknown labels are left out); n_answers; tied (the names of the tied
        labels).
    """
    today, overruled = lineage.today, adjudicated or {}
    column_of = {label_id: k for k, label_id in enumerate(today.label_ids)}
    item, items = pd.factorize(rows["item_id"])
    column = rows["label_id"].map(column_of).to_numpy(np.int64)
    said = rows["value"].to_numpy(np.bool_)
    on, known = np.zeros((2, len(items), len(column_of)), np.int64)
    np.add.at(on, (item, column), said)
    np.add.at(known, (item, column), 1)
    has, tied = 2 * on > known, (known > 0) & (2 * on == known)
    for place, item_id in enumerate(items):
        for label_id, is_on in overruled.get(item_id, {}).items():
            if label_id in column_of:
                has[place, column_of[label_id]], tied[place, column_of[label_id]] = is_on, False
    answer = pd.factorize(pd.MultiIndex.from_arrays([item, rows["annotator"]]))[0] if len(rows) else item
    n_answers, n_same = _whole_answers(answer, item, said, [chosen[item, column] for chosen in (has, has | tied)])
    names = list(map(today.name_of, today.label_ids))
    table = []
    for place, item_id in enumerate(items):
        labels, between = (tuple(name for name, there in zip(names, row[place], strict=True) if there)
                           for row in (has, tied))
        shares = {name: float(k / n) for name, k, n in zip(names, on[place], known[place], strict=True) if n}
        table.append((item_id, None if between else ", ".join(labels) or NONE_OF_THEM, labels,
                      n_same[place] / n_answers[place], shares, int(n_answers[place]), between))
    found: pd.DataFrame = pd.DataFrame(table, columns=SET_CONSENSUS_COLUMNS)
    return found.assign(label=pd.Series([row[1] for row in table], dtype=object))


def _whole_answers(answer: npt.NDArray[np.int64], item: npt.NDArray[np.int64], said: npt.NDArray[np.bool_],
                   sets: Sequence[npt.NDArray[np.bool_]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Count the answers to each item, and those that agree in every label with the set that most agree with."""
    n_items = item.max(initial=-1) + 1
    of_answer = np.zeros(answer.max(initial=-1) + 1, np.int64)
    of_answer[answer] = item
    n_same = np.zeros(n_items)
    for chosen in sets:
        differs = np.zeros(len(of_answer), np.bool_)
        np.logical_or.at(differs, answer, said != chosen)
        n_same = np.maximum(n_same, np.bincount(of_answer, ~differs, minlength=n_items))
    return np.bincount(of_answer, minlength=n_items), n_same
