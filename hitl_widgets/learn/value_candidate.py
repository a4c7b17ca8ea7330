"""Heads for attributes fitted to all answers, and their comparison with the adopted heads.

`fit_value_candidate` fits the new heads. `compare_values_with` compares new and adopted heads on answers from which
neither learnt: the new heads predict out of fold, and only answers that the adopted heads never saw are used. Hold-out
and gold items aren't used.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from ..events import Event
from ..project.project import Project
from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.history import Lineage
from .data import item_draws, pool_draws
from .learnt import pack, unpack
from .light import light_net
from .registry import Registry
from .value_registry import ValueModel, ValueRegistry
from .values import FEWEST, FittedAttribute, Predicted, ValueHeads, fit_values, value_errors


@dataclass(frozen=True)
class ValueCandidate:
    """Heads for attributes, and what they learnt from.

    Attributes
    ----------
    fitted : mapping of str to FittedAttribute
        attribute_id -> its head, for attributes with enough answers.
    item_ids : ndarray of str, shape (n_items,)
        The training items; `FittedAttribute.rows` are indices into it.
    positions : ndarray of int, shape (n_items,)
        Positions of these items in the pool.
    draws : ndarray, shape (n_items,)
        Random numbers that decide the folds; equal for all items of a group.
    votes : DataFrame
        The answers, as returned by `Answers.value_votes`; `FittedAttribute.answers` are rows of it.
    lineage : Lineage
        The lineage when the answers were read.
    seed : int
        The project's seed.
    """

    fitted: Mapping[str, FittedAttribute]
    item_ids: np.ndarray
    positions: np.ndarray
    draws: np.ndarray
    votes: pd.DataFrame
    lineage: Lineage
    seed: int

    @property
    def attributes(self) -> list[Attribute]:
        """The attributes that have a head, in the order of the heads."""
        return [one.attribute for one in self.fitted.values()]

    @property
    def taught(self) -> list[str]:
        """Ids of the items that a head learnt from."""
        rows = np.unique(np.concatenate([one.rows for one in self.fitted.values()]))
        return list(map(str, self.item_ids[rows]))

    def net(self, registry: Registry) -> nn.Sequential:
        """The whole net, descriptors included."""
        return light_net(registry.descriptors.net, ValueHeads({id: one.head for id, one in self.fitted.items()}))

    def body(self) -> dict[str, Any]:
        """The body of the "adopted_values" event, except why they were adopted."""
        taught = self.taught
        return {"learnt": pack(taught), "n_training": len(taught), "seed": self.seed,
                "out_of_fold": {id: out_of_fold_figure(one) for id, one in self.fitted.items()}}


@dataclass(frozen=True)
class ValueComparison:
    """Whether a candidate is adopted, why, and the mean errors where both were compared.

    `compared` has for each attribute ``n``, the number of answers that neither learnt, and the mean error of the
    ``new`` heads and of the ``adopted`` ones, as shares of the scale's length.
    """

    adopted: bool
    why: str
    compared: dict[str, Any] | None = None


def out_of_fold_figure(fitted: FittedAttribute) -> dict[str, Any]:
    """A head's out-of-fold figures for the log: ``n`` answers, and ``mae`` or the number ``right``."""
    attribute, n = fitted.attribute, len(fitted.values)
    if attribute.scale is None:
        said = [attribute.choices[k] for k in fitted.predicted.argmax(axis=1).tolist()]
        return {"n": n, "right": sum(a == b for a, b in zip(said, fitted.values, strict=True))}
    return {"n": n, "mae": round(float(np.abs(fitted.predicted - np.array(fitted.values, np.float64)).mean()), 6)}


def fit_value_candidate(project: Project, registry: Registry, *, certainty: str = "weight") -> ValueCandidate | str:
    """Fit heads to all training values; if there are too few, return a sentence that says so.

    Parameters
    ----------
    project : Project
        Its lock is held only while the answers are read.
    registry : Registry
        Has the descriptors.
    certainty : str
        With "off", each answer counts the same, whatever its certainty.
    """
    with project.state.lock:
        answers = project.answers()
        lineage = answers.lineage
        table = answers.value_votes()
    table = table[table["attribute_id"].isin([attribute.id for attribute in lineage.today.attributes])]
    item_ids, first, row = np.unique(table["item_id"].to_numpy(str), return_index=True, return_inverse=True)
    positions = table["position"].to_numpy(np.int64)[first]
    if len(item_ids) < FEWEST:
        return f"Values are learnt once {FEWEST} items have some."
    rows = torch.from_numpy(registry.descriptors.of(positions))
    net = registry.descriptors.net
    n_tones = net.n_features - net.n_components
    draws = draws_of(project, positions)
    weights = np.ones(len(table)) if certainty == "off" else table["weight"].to_numpy(np.float64)
    fitted: dict[str, FittedAttribute] = {}
    for attribute in lineage.today.attributes:
        said = np.flatnonzero(table["attribute_id"].to_numpy(str) == attribute.id)
        if (one := fit_values(rows, attribute, row[said], table["value"].iloc[said].tolist(), weights[said],
                              draws=draws, n_tones=n_tones)) is not None:
            fitted[attribute.id] = replace(one, answers=said[one.answers])
    if not fitted:
        return f"Values are learnt once {FEWEST} items that can be read have some that differ."
    return ValueCandidate(fitted, item_ids, positions, draws, table, lineage, project.settings["seed"])


def draws_of(project: Project, positions: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each item, equal for all items of a group and for equal texts."""
    if (column := project.settings.get("group")) is not None:
        return np.asarray(item_draws(map(str, project.pool.group_sums(column)[positions].tolist())))
    return np.asarray(pool_draws(project.pool, positions))


# 13 branches: there may be no heads to compare with, nothing new to compare on, or attributes that had no head.
def compare_values_with(project: Project, values: ValueRegistry, new: ValueCandidate,
                        former: Event | None) -> ValueComparison:
    """Decide whether new heads replace the adopted ones.

    Parameters
    ----------
    project : Project
    values : ValueRegistry
        Has the adopted heads.
    new : ValueCandidate
    former : Event or None
        The event by which the adopted heads were adopted.

    Notes
    -----
    The smaller mean error decides: for scales as a share of the scale's length, for choices the probability of those
    that weren't given. If an attribute had no head, the new ones are adopted: far from its training answers a head
    predicts the mean, with a wide interval.
    """
    n, adopted = len(new.taught), values.adopted
    if former is None or adopted is None:
        return ValueComparison(True, f"The first heads, from {n} items.")
    fresh = ~np.isin(np.array([zlib.crc32(id.encode()) for id in new.item_ids.tolist()], np.uint32),
                     unpack(former.body["learnt"]))
    fresh &= ~np.isin(new.draws, new.draws[~fresh])  # all items of a group, or none
    compared: dict[str, Any] = {}
    for attribute_id, one in new.fitted.items():
        chosen = np.flatnonzero(fresh[one.rows])
        before = _errors_of(values, adopted, new, one, chosen)
        if before is not None and len(chosen):
            compared[attribute_id] = {"n": len(chosen), "new": round(float(one.errors[chosen].mean()), 6),
                                      "adopted": round(float(before.mean()), 6)}
    added = [one.attribute.name for id, one in new.fitted.items() if id not in former.body["attributes"]]
    if not compared:
        return _nothing_new(project, new, former, added)
    after, before_ = (float(np.mean([one[name] for one in compared.values()])) for name in ("new", "adopted"))
    n_fresh = sum(one["n"] for one in compared.values())
    words = f"on {n_fresh} values that neither learnt, the mean error is {after:.1%} of the scale, that of the " \
            f"adopted heads {before_:.1%}"
    if added:
        return ValueComparison(True, f"The first that know {', '.join(added)}; {words}.", compared)
    return ValueComparison(after < before_, f"{'Better' if after < before_ else 'Not better'}: {words}.", compared)


def _errors_of(values: ValueRegistry, adopted: ValueModel, new: ValueCandidate, one: FittedAttribute,
               chosen: np.ndarray) -> np.ndarray | None:
    """The errors of the adopted heads on some answers to an attribute; None where they have no head for it."""
    was = next((attribute for attribute in adopted.attributes if attribute.id == one.attribute.id), None)
    if was is None or not len(chosen):
        return None
    said = values.predict(new.positions[one.rows[chosen]], adopted)[was.id]
    numbers = carried_over(said, was, one.attribute, new.lineage, adopted.taxonomy)
    return None if numbers is None else value_errors(one.attribute, numbers, [one.values[row] for row in chosen])


def carried_over(said: Predicted, was: Attribute, now: Attribute, lineage: Lineage, version: int) -> np.ndarray | None:
    """Predictions under an older taxonomy as numbers on today's scale, or probabilities of today's choices.

    Parameters
    ----------
    said : Predicted
        Predictions under the older taxonomy.
    was, now : Attribute
        The attribute in the older and in today's taxonomy.
    lineage : Lineage
    version : int
        Version of the older taxonomy.

    Returns
    -------
    ndarray or None
        See `Predicted.numbers`; None if a value has no counterpart today.
    """
    if (was.scale, was.choices) == (now.scale, now.choices) and not lineage.moved(was.id, version):
        return said.numbers
    carried: list[Value | None] = [lineage.value(was.id, value, version) for value in said.values]
    if None in carried or (was.scale is None) != (now.scale is None):
        return None
    if now.scale is not None:
        return np.array(carried, np.float64)
    probs = np.zeros((len(carried), len(now.choices)))
    for row, of_item in enumerate(said.numbers):
        for choice, prob in zip(was.choices, of_item.tolist(), strict=True):
            if (today := lineage.value(was.id, choice, version)) is not None:
                probs[row, now.choices.index(today)] += prob
    return probs


def _nothing_new(project: Project, new: ValueCandidate, former: Event, added: Sequence[str]) -> ValueComparison:
    """The decision if the adopted heads learnt every answer, so that nothing shows which are better."""
    if added:
        return ValueComparison(True, f"The first that know {', '.join(added)}.")
    if former.body["taxonomy"] != new.lineage.today.version \
            and new.attributes != [one for one in project.lineage.versions[former.body["taxonomy"]].attributes
                                   if one.id in new.fitted]:
        return ValueComparison(True, "The attributes were edited since the adopted heads were learnt.")
    if (n := len(new.taught)) > former.body["n_training"]:
        return ValueComparison(True, f"It learnt {n} items, the adopted heads {former.body['n_training']}.")
    ids = np.array([zlib.crc32(item_id.encode()) for item_id in new.taught], np.uint32)
    gone = np.setdiff1d(unpack(former.body["learnt"]), ids)
    changed = set(new.taught).intersection(project.log.changed_items(former.seq or 0))
    if len(gone) + len(changed):
        return ValueComparison(True, f"Of the items that the adopted heads learnt, {len(gone) + len(changed)} were "
                                     "answered anew or taken back since.")
    return ValueComparison(False, "The adopted heads learnt every answer, so nothing tells the two apart yet.")
