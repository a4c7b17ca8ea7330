"""Sets of labels, label by label: the consensus of several annotators, and the effect of seeing suggested labels.

A table of states has a row for each item, annotator and label that the annotator decided on: item_id, annotator,
label_id, value (True where they turned it on), and what was on the screen. `label_states` makes it from a table of
votes whose labels are set ids; it is the input of `set_consensus` and `set_bias`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from ..taxonomy.label_sets import members, set_id
from .crowd_consensus import METHODS, USUAL_DEPENDENCE, Consensus, consensus
from .experiment_cards import SUGGESTED, WITHOUT, EffectFigures, check, drawn, judged
from .suggestion_effect import contrast

ON, OFF = "on", "off"
# Columns of an answer that are copied to each of its labels.
CARRIED = ("item_id", "annotator", "shown", "arm", "arm_probability", "planted", "repeat_of", "chosen_by", "certainty",
           "unsure", "decision_id", "position",
           "acted_at", "model", "status")
ANNOTATOR_COLUMNS = ["label_id", "annotator", "n", "accuracy", "low", "high"]
PER_LABEL_COLUMNS = ["label_id", "n", "on", "tied", "method", "why", "copy_rate", "copy_low", "copy_high"]
FIGURES = ("kept", "kept_wrong", "left_off", "left_off_wrong")
IN_WORDS = {"kept": "keep a suggested label", "kept_wrong": "keep a suggested label that is wrong",
            "left_off": "leave off a label that wasn't suggested",
            "left_off_wrong": "leave off a label that wasn't suggested, but is right"}


# 15 branches: states may come from sets, from mappings or from nothing, and suggestions too.
def label_states(votes: pd.DataFrame, label_ids: Sequence[str],
                 states: Sequence[Mapping[str, bool | None]] | None = None) -> pd.DataFrame:
    """Make the table of states of a table of votes whose labels are sets.

    Parameters
    ----------
    votes : DataFrame
        item_id, annotator and label_id (set ids such as "+Lab+Lcd"); the other columns of a table of votes are carried
        over, and `suggestion` is divided like label_id. A suggestion that isn't a set id is ignored.
    label_ids : sequence of str
        Today's labels.
    states : sequence of mapping, length n_votes, optional
        The labels' states in each vote: True (on), False (off), None (not known, such as for a label that was added
        later). Without it a label is on where it is in the set, and off otherwise.

    Returns
    -------
    DataFrame
        A row for each vote and label whose state is known: item_id, annotator, label_id, value (bool), suggestion
        (True where the label was suggested, False where others were, None where nothing was), and what was carried
        over.

    Raises
    ------
    ShapeError
        If a column is missing, or there isn't a mapping for each vote.

    Examples
    --------
    >>> votes = pd.DataFrame({"item_id": [1], "annotator": ["ann"], "label_id": ["+La"]})
    >>> label_states(votes, ["La", "Lb"])[["item_id", "annotator", "label_id", "value"]].values.tolist()
    [[1, 'ann', 'La', True], [1, 'ann', 'Lb', False]]
    """
    if missing := [name for name in ("item_id", "annotator", "label_id") if name not in votes]:
        raise ShapeError(f"the table of votes lacks {', '.join(missing)}; item_id, annotator and label_id, a set id, "
                         "are expected.")
    if states is not None and len(states) != len(votes):
        raise ShapeError(f"there are states of {len(states)} votes, and {len(votes)} votes; one mapping for each is "
                         "expected.")
    carried = votes[[name for name in CARRIED if name in votes]]
    table = carried.loc[carried.index.repeat(len(label_ids))].reset_index(drop=True)
    table.insert(2, "label_id", np.tile(np.array(label_ids, dtype=object), len(votes)))
    if states is None:
        values = [state for label in votes["label_id"] for state in _in_set(label, label_ids)]
    else:
        values = [state.get(label_id) for state in states for label_id in label_ids]
    suggested: list[bool | None] = [None] * len(table)
    if "suggestion" in votes:
        suggested = [state for label in votes["suggestion"]
                     for state in _in_set(label if str(label).startswith("+") else None, label_ids)]
    for place, (name, cells) in enumerate((("value", values), ("suggestion", suggested))):
        column = np.empty(len(table), dtype=object)
        column[:] = cells
        table.insert(3 + place, name, column)
    table = table[table["value"].notna()].reset_index(drop=True)
    return table.assign(value=table["value"].astype(bool))


def _in_set(label: Any, label_ids: Sequence[str]) -> list[bool | None]:
    """Whether each label is in a set; None for all labels if there is no set."""
    if not isinstance(label, str):
        return [None] * len(label_ids)
    on = members(label)
    return [label_id in on for label_id in label_ids]


@dataclass(frozen=True, eq=False, repr=False)
class SetConsensus:
    """Consensus of several annotators on the labels of each item.

    Attributes
    ----------
    table : DataFrame
        A row per item: item_id, label_id (the id of the set of labels that are more probably on than off), label_ids
        (the same as a tuple), prob (probability of the label that is least certain), n (annotators), tied (tuple of the
        labels with as many answers for on as for off: they get the label's more common state).
    probs : DataFrame, shape (n_items, n_labels)
        Probability that each label is on, indexed by item_id; NaN where nobody decided on it.
    shares, counts : DataFrame, shape (n_items, n_labels)
        Share of the annotators who turned each label on, and how many decided on it.
    per_label : DataFrame
        A row per label: label_id, n (decisions), on (share of items), tied (items), method and why it was taken,
        copy_rate with copy_low and copy_high (share of the visible suggested states that people copied without an own
        judgement; NaN where it isn't known).
    annotators : DataFrame
        A row for each label and person: label_id, annotator, n, accuracy (how often their own judgement of the label is
        right), low, high (95 %).
    """

    table: pd.DataFrame
    probs: pd.DataFrame
    shares: pd.DataFrame
    counts: pd.DataFrame
    per_label: pd.DataFrame
    annotators: pd.DataFrame
    by_label: Mapping[str, Consensus] = field(default_factory=dict)

    @property
    def sets(self) -> pd.Series:
        """The set id of each item, by item_id."""
        return self.table.set_index("item_id")["label_id"]

    def __repr__(self) -> str:
        n_tied = int(self.table["tied"].map(bool).sum())
        methods = ", ".join(sorted(self.per_label["method"].unique()))
        tied = f"; {n_tied} items have a label that is tied" if n_tied else ""
        return f"{len(self.table)} items, {len(self.per_label)} labels, {self.annotators['annotator'].nunique()} " \
               f"people; {methods}{tied}"

    def _repr_html_(self) -> str:
        shown = self.per_label.iloc[:, :5]
        return html.page("Consensus of sets", html.paragraph(repr(self)),
                         html.table(list(shown), shown.to_numpy(object).tolist()))


def set_consensus(states: pd.DataFrame, method: str = "auto", label_ids: Sequence[str] | None = None, *,
                  probs: pd.DataFrame | None = None, certainty: bool = True, seed: int = 0) -> SetConsensus:
    """Estimate the labels of each item from the answers of several annotators, label by label.

    Parameters
    ----------
    states : DataFrame
        Table of states, as returned by `label_states`.
    method : str
        A method of `quality.consensus`, which is applied to each label separately: "majority", "one_coin",
        "dawid_skene", "exposure" (states given in sight of a suggestion may be copies), or "auto", which chooses for
        each label the method that predicts held-out decisions best.
    label_ids : sequence of str, optional
        The labels, in order; without it those that occur.
    probs : DataFrame, shape (n_items, n_labels), optional
        Probabilities of a model that never learnt from an answer in sight of a suggestion, nor from the item itself;
        indexed by item_id.
    certainty : bool
        See `quality.consensus`.
    seed : int
        Seed of the folds of held-out votes.

    Returns
    -------
    SetConsensus

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If the method is unknown, or a label isn't among `label_ids`.

    Examples
    --------
    >>> votes = pd.DataFrame({"item_id": ["x"] * 3, "annotator": ["ann", "bob", "cleo"],
    ...                       "label_id": ["+La+Lb", "+La", "+La+Lc"]})
    >>> set_consensus(label_states(votes, ["La", "Lb", "Lc"]), "majority").sets.tolist()
    ['+La']
    """
    if method not in METHODS:
        raise BadInput(f"method {method!r} isn't known; one of {', '.join(METHODS)} is expected.")
    found = {}
    for label_id, rows in _by_label(states, label_ids):
        if method == "majority":  # neither exposure nor the dependence of votes moves a majority
            found[label_id] = consensus(rows.drop(columns=["shown", "suggestion"], errors="ignore"), method,
                                        [OFF, ON], dependence=USUAL_DEPENDENCE)
            continue
        own = None if probs is None else pd.DataFrame({OFF: 1 - probs[label_id], ON: probs[label_id]}).dropna()
        found[label_id] = consensus(rows, method, [OFF, ON], probs=own, certainty=certainty, seed=seed)
    return _joined(states, found)


def _by_label(states: pd.DataFrame, label_ids: Sequence[str] | None = None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each label with a table of votes for on and off."""
    if not isinstance(states, pd.DataFrame):
        raise BadInput(f"states is a {type(states).__name__}; a table of states is expected, as label_states() makes "
                       "it.")
    if missing := [name for name in ("item_id", "annotator", "label_id", "value") if name not in states]:
        raise ShapeError(f"the table of states lacks {', '.join(missing)}; a row for each item, annotator and label "
                         "with item_id, annotator, label_id and value is expected.")
    every = sorted(states["label_id"].unique()) if label_ids is None else list(label_ids)
    if unknown := sorted(set(states["label_id"].unique()) - set(every)):
        raise BadInput(f"label_ids lacks {', '.join(map(str, unknown[:5]))}, which the table of states has; name every "
                       "label.")
    for label_id in every:
        rows = states[(states["label_id"] == label_id).to_numpy(np.bool_) & states["value"].notna().to_numpy(np.bool_)]
        rows = rows.drop(columns="value").assign(label=_named(rows["value"]))
        if "suggestion" in rows:
            rows = rows.assign(suggestion=_named(rows["suggestion"]))
        yield label_id, rows.reset_index(drop=True)


def _named(column: pd.Series) -> pd.Series:
    """Write True as "on", False as "off", and what is missing as None."""
    return pd.Series([None if value is None or value != value or value is pd.NA else ON if value else OFF
                      for value in column], index=column.index, dtype=object)


def _joined(states: pd.DataFrame, found: Mapping[str, Consensus]) -> SetConsensus:
    """Put the labels' results side by side."""
    items = pd.Index(states["item_id"].unique(), name="item_id")
    label_ids = list(found)
    columns = pd.Index(label_ids, name="label_id")
    on, share, count = (pd.DataFrame(np.nan, items, columns) for _ in range(3))
    tied = pd.DataFrame(False, items, columns)
    likelier = pd.DataFrame(False, items, columns)
    per_label, annotators = [], []
    for label_id, result in found.items():
        rows = result.table.set_index("item_id").reindex(items)
        on[label_id] = result.probs.reindex(items)[ON] if len(result.probs) else np.nan
        share[label_id] = result.shares.reindex(items)[ON] if len(result.shares) else np.nan
        count[label_id] = rows["n"].fillna(0)
        if len(result.table):
            tied[label_id] = rows["tied"].eq(True)
            likelier[label_id] = rows["label"].eq(ON)
        told = count[label_id].gt(0)  # the other items have no decision on the label
        share_on = float(likelier.loc[told, label_id].mean()) if told.any() else np.nan
        per_label.append((label_id, len(result.votes), share_on,
                          int(tied[label_id].sum()), result.method, result.evidence.why, result.copy_rate.value,
                          result.copy_rate.low, result.copy_rate.high))
        annotators.append(result.annotators.assign(label_id=label_id))
    sure = np.fmax(on.to_numpy(np.float64), 1 - on.to_numpy(np.float64))
    with np.errstate(invalid="ignore"):
        least = np.where(np.isnan(sure).all(axis=1), np.nan, np.fmin.reduce(sure, axis=1, initial=np.inf))
    table = pd.DataFrame({"item_id": items, "prob": least, "n": count.to_numpy().max(axis=1, initial=0).astype(int)})
    sets = [tuple(np.array(label_ids, object)[row]) for row in likelier.to_numpy(np.bool_)]
    table.insert(1, "label_id", pd.Series([set_id(labels) for labels in sets], dtype=object))
    table.insert(2, "label_ids", pd.Series(sets, dtype=object))
    table["tied"] = pd.Series([tuple(np.array(label_ids, object)[row]) for row in tied.to_numpy(np.bool_)],
                              dtype=object)
    people = pd.concat(annotators, ignore_index=True)[ANNOTATOR_COLUMNS] if annotators else \
        pd.DataFrame(columns=ANNOTATOR_COLUMNS)
    return SetConsensus(table, on, share, count.fillna(0).astype(int),
                        pd.DataFrame(per_label, columns=PER_LABEL_COLUMNS), people, dict(found))


@dataclass(frozen=True, repr=False)
class SetBias(EffectFigures):
    """Effect of seeing suggested labels on the sets that people give, as `set_bias` measures it.

    Each figure is the share of labels on cards whose suggestion was shown, minus that on blind ones.

    Attributes
    ----------
    kept : Estimate
        How much more often a suggested label is on: above 0 where suggested labels are turned off less often when they
        are seen. It needs no truth, and mixes help and harm.
    kept_wrong : Estimate
        The same for suggested labels that are wrong; NaN without a truth.
    left_off : Estimate
        How much more often a label that wasn't suggested is off.
    left_off_wrong : Estimate
        The same for labels that should be on: how much more often people overlook what the model overlooked.
    per_label : DataFrame
        A row per label: label_id; n_suggested and n_not (cards on which it was and wasn't suggested); each of the
        figures with its interval (`_low`, `_high`).
    notes : tuple of str
        Remarks to show with the figures.
    """

    kept: Estimate
    kept_wrong: Estimate
    left_off: Estimate
    left_off_wrong: Estimate
    per_label: pd.DataFrame
    notes: tuple[str, ...] = ()

    IN_WORDS: ClassVar[Mapping[str, str]] = IN_WORDS
    TITLE: ClassVar[str] = "What seeing suggested labels did"
    UNIT: ClassVar[str] = "difference"
    COUNTED: ClassVar[str] = "labels"


def set_bias(states: pd.DataFrame, truth: pd.DataFrame | None = None, *, min_blind: int = 2) -> SetBias:
    """Measure the effect of seeing suggested labels on the sets that people give, label by label.

    The method is that of `quality.automation_bias`: only cards whose arm was drawn at random are used, each weighted by
    the inverse of its arm's probability. The truth of an item is `truth`, or else the majority of other people's blind
    decisions on the label. The labels of an item are treated as one cluster.

    Parameters
    ----------
    states : DataFrame
        Table of states with `shown` and `suggestion`, and `arm` and `arm_probability` where they are known.
    truth : DataFrame, optional
        item_id, label_id, value (bool): states that nobody gave in sight of a suggestion, such as gold.
    min_blind : int
        Smallest number of blind decisions of other people on a label that make a majority.

    Returns
    -------
    SetBias

    Raises
    ------
    ShapeError
        If a column is missing.

    Examples
    --------
    >>> rows = [(f"i{k}", "ada", "La", k % 2 == 0 or k % 4 == 1, True, k % 2 == 0, "shown" if k % 2 == 0 else "blind")
    ...         for k in range(200)]
    >>> states = pd.DataFrame(rows, columns=["item_id", "annotator", "label_id", "value", "suggestion", "shown", "arm"])
    >>> set_bias(states).kept
    0.500 (0.397 to 0.596, n = 200)
    """
    check_count("min_blind", min_blind, "a number of decisions, 1 or more,", least=1)
    if isinstance(states, pd.DataFrame) and (missing := [name for name in ("shown", "suggestion")
                                                         if name not in states]):
        raise ShapeError(f"the table of states lacks {', '.join(missing)}; the effect of suggested labels can be "
                         "estimated only with the columns shown and suggestion.")
    parts, randomised = [], True
    for label_id, rows in _by_label(states):
        votes = check(rows)
        cards, of_chance = drawn(votes)
        randomised &= of_chance or not len(votes)
        cards = cards[cards["arm_probability"] < 1] if of_chance else cards
        cards = judged(cards, votes, _known(truth, label_id), min_blind)
        parts.append(cards.assign(label_id=label_id))
    if not parts:
        nothing = Estimate(math.nan, why="there are no decisions on labels")
        return SetBias(nothing, nothing, nothing, nothing, pd.DataFrame(columns=_COLUMNS))
    cards = pd.concat(parts, ignore_index=True)
    rows_of = []
    for label_id, own in cards.groupby("label_id", sort=True):
        row: dict[str, Any] = {"label_id": label_id, "n_suggested": int((own["suggestion"] == ON).sum()),
                               "n_not": int((own["suggestion"] == OFF).sum())}
        for name, estimate in _figures(own).items():
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows_of.append(row)
    notes = () if randomised else (
        "As far as known, chance did not draw what was shown: the table has no column arm. Cards that were shown and "
        "cards that were blind may differ in other ways too.",)
    return SetBias(**_figures(cards), per_label=pd.DataFrame(rows_of, columns=_COLUMNS), notes=notes)


_COLUMNS = ["label_id", "n_suggested", "n_not",
            *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high"))]


def _figures(cards: pd.DataFrame) -> dict[str, Estimate]:
    suggested = (cards["suggestion"] == ON).to_numpy(np.bool_)
    wrong = cards["wrong"].to_numpy(np.bool_)
    return {"kept": contrast(cards[suggested], SUGGESTED, WITHOUT),
            "kept_wrong": contrast(cards[suggested & wrong], SUGGESTED, WITHOUT),
            "left_off": contrast(cards[~suggested], SUGGESTED, WITHOUT),
            "left_off_wrong": contrast(cards[~suggested & wrong], SUGGESTED, WITHOUT)}


def _known(truth: pd.DataFrame | None, label_id: str) -> pd.Series:
    if truth is None:
        return pd.Series(dtype=object)
    if missing := [name for name in ("item_id", "label_id", "value") if name not in truth]:
        raise ShapeError(f"truth lacks {', '.join(missing)}; item_id, label_id and value are expected.")
    own = truth[(truth["label_id"] == label_id).to_numpy(np.bool_)]
    return pd.Series(_named(own["value"]).to_numpy(object), index=pd.Index(own["item_id"]), dtype=object).dropna()
