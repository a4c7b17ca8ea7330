"""A simulated annotator, for lessons and tests.

It claims items of the queue, sees what a person would see, makes errors, follows wrong suggestions, rates its certainty
and takes time. It answers with one label, several labels or attribute values, as the project asks, always by `decide`.
Read `simulate` first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from ..errors import BadInput, ItemError
from ..records import (
    OBJECT_TASKS,
    Decision,
    Item,
    Prediction,
    Seen,
    check_annotator,
    check_count,
    check_number,
    utc_now,
)
from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.label_sets import is_set, members, set_id
from ..taxonomy.labels import Taxonomy
from .object_simulation import COLUMNS as OBJECT_COLUMNS
from .object_simulation import ObjectPerson, known_objects
from .project import Project
from .session import Session

AT_ONCE = 10
# Assumed median seconds per decision: accepting is quicker than naming, naming quicker than correcting.
MEDIAN_S = {"accept": 1.2, "answer": 1.9, "correct": 2.4}


class Bench(Protocol):
    """Protocol with the only part of a workbench that `simulate` uses, its session."""

    session: Session


class _Answer(NamedTuple):
    """A true or given answer for an item: the id of a label or of a set of labels, and values of attributes."""

    label_id: str | None
    values: Mapping[str, Value]


# 16 branches: one loop, since each decision depends on the items asked and decided before.
def simulate(wb: Bench, truth: Mapping[Any, Any] | pd.Series | Sequence[Any], n: int = 200, error: float = 0.05,
             bias: float = 0.0, annotator: str = "sim", seed: int = 0, *, auroc: float = 0.85,
             queue: str | None = None, values: Mapping[Any, Mapping[str, Value]] | None = None,
             noise: float = 0.0) -> pd.DataFrame:
    """Let a simulated annotator decide the next n items of the queue.

    The id of a decision is made from annotator, seed, the number of the call in this session, and the number of the
    decision in the call. So a notebook that is run again from the top stores nothing twice, and a second call in the
    same session continues with the next items.

    Parameters
    ----------
    wb : Workbench
    truth : mapping, Series or sequence
        Item id -> label name or id; or one label per item, in the pool's order. Where items may have several labels, a
        collection of names or ids in place of each label, empty for none. In a project that asks for values alone, a
        mapping of attribute to value, or the value itself if there is one attribute. Where objects are asked for, item
        id -> list of objects, or a table with the columns of `Workbench.objects`.
    n : int
        Number of decisions, 0 or more.
    error : float
        Probability, 0 to 1, of an error that doesn't come from the suggestion. For a label, it is a label that the
        model (or, without one, the pool) confuses with the true one. For a set, it is one label too many or too few.
        For each attribute, it is any other value. For each object, it is missing the object or giving it another label.
    bias : float
        Probability, 0 to 1, of following a visible suggestion that is wrong; with objects, of keeping a wrong proposal,
        and of overlooking an object that isn't proposed while others are.
    annotator : str
        Name of the simulated annotator.
    seed : int
        Random seed; another seed simulates another annotator.
    auroc : float
        How well the certainty separates right answers from wrong ones, from 0.5 (not at all) to below 1.
    queue : "relabel" or None
        "relabel" for items with an answer that is in doubt since an edit of the taxonomy; None for open items.
    values : mapping, optional
        Item id -> mapping of attribute to value, for attributes beside the labels. An attribute that isn't asked of the
        label, or that the mapping doesn't have, isn't answered.
    noise : float
        Standard deviation of the errors of values on a scale, as a fraction of the scale's length, 0 to 1. A value
        within two standard deviations of the true one counts as right.

    Returns
    -------
    DataFrame
        One row per decision made now: item_id, label, truth, verdict, certainty, right; also `values` if the taxonomy
        has attributes. `right` refers to the label or labels, or to the values if there are no labels. Where objects
        are asked for: item_id, n_objects, n_true, verdict, certainty, right, missed, and how many were accepted, moved,
        relabelled, deleted and added.

    Raises
    ------
    BadInput
        For a parameter outside its range, or an item without a truth; decisions made before that stay stored.
    """
    for name, value, low, high in (("error", error, 0, 1), ("bias", bias, 0, 1), ("auroc", auroc, 0.5, 0.999),
                                   ("noise", noise, 0, 1)):
        check_number(name, value, f"a number from {low} to {high}", low, high)
    n = check_count("n", n, "a number of decisions, 0 or more,", least=0)
    annotator = check_annotator(annotator)
    session = wb.session
    project = session.project
    known: Mapping[str, Any]
    person: Any
    if project.task in OBJECT_TASKS:
        known = known_objects(project, truth)
        person = ObjectPerson(session, error=error, bias=bias, noise=noise)
    else:
        known = _known(project, truth, values or {})
        person = _Person(session, _PoolConfusion(project, known), error=error, bias=bias, auroc=auroc, noise=noise)
    n = min(int(n), len(project.pool) + 1)
    call = session.count_simulation(annotator, seed)
    ids = [uuid.uuid5(uuid.NAMESPACE_OID, f"{project.id}/{annotator}/{seed}/{call}/{k}").hex for k in range(n)]
    open_turns = [k for k in range(n) if project.log.get(ids[k]) is None]
    if n and not open_turns:
        project.notify(f"{annotator!r} had decided all {n} items in an earlier session; another seed makes further "
                       "ones.")
    elif n and queue is None:
        session.describe()  # the same seed gives the same answers on any machine
    paces = [np.random.default_rng([seed, call, k, 1]).lognormal(0, 0.5) for k in open_turns]
    clock = utc_now() - timedelta(seconds=2.5 * float(np.sum(paces)))
    rows: list[dict[str, Any]] = []
    with session.bars(len(open_turns), title=f"{annotator} decides", unit="decision") as advance:
        while len(rows) < len(open_turns):
            items = session.claim(min(AT_ONCE, len(open_turns) - len(rows)), annotator=annotator, queue=queue)
            if not items:
                project.notify(f"{annotator!r} found nothing more to decide after {len(rows)} items.")
                break
            try:
                if unknown := [item.id for item in items if item.id not in known]:
                    raise BadInput(f"item {unknown[0]!r} has no truth; pass one for each item of the pool.")
                session.prepare(items)
                for item in items:
                    k = open_turns[len(rows)]
                    row, clock = person.decide(item, known[item.id], annotator=annotator, id=ids[k], clock=clock,
                                               pace=paces[len(rows)], rng=np.random.default_rng([seed, call, k]))
                    rows.append(row)
                    advance(1)
            finally:
                project.log.release(items.ids, annotator)
    if project.task in OBJECT_TASKS:
        return pd.DataFrame(rows, columns=OBJECT_COLUMNS)
    columns = ["item_id", "label", "truth", "verdict", "certainty", "right"]
    table: pd.DataFrame = pd.DataFrame(rows, columns=columns + ["values"] * bool(session.taxonomy.attributes))
    return table


class _Person:
    """A simulated annotator who decides items.

    Parameters
    ----------
    session : Session
    confusion : _PoolConfusion
    error, bias, auroc, noise : float
        See `simulate`.
    """

    def __init__(self, session: Session, confusion: _PoolConfusion, *, error: float, bias: float, auroc: float,
                 noise: float) -> None:
        self.session, self.confusion = session, confusion
        self.error, self.bias, self.auroc, self.noise = error, bias, auroc, noise

    def decide(self, item: Item, true: _Answer, *, annotator: str, id: str, clock: datetime, pace: float,
               rng: np.random.Generator) -> tuple[dict[str, Any], datetime]:
        """Decide an item; return the row of the table, and the time after the decision."""
        session, taxonomy = self.session, self.session.taxonomy
        seen, prediction = session.would_show(item), session.project.prediction(item.position)
        answer = self._answer(rng, true, seen, prediction, item, taxonomy)
        right = self._is_right(answer, true)
        took = MEDIAN_S[_verdict(answer, seen)] * pace
        clock += timedelta(seconds=took)
        decision = session.decide(
            item.id, label=answer.label_id, certainty=_certainty(rng, right, self.auroc), annotator=annotator, id=id,
            acted_at=clock, seen=replace(seen, certainty="given", shown_ms=round(1000 * took)),
            **_more(answer, seen))
        if seen.arm == "answer_first" and seen.hidden and seen.suggestion is not None:
            decision = self._look_again(decision, true, clock=clock, rng=rng)
            right = self._is_right(_Answer(decision.label_id, answer.values), true)
        row: dict[str, Any] = {
            "item_id": item.id, "label": decision.label,
            "truth": None if true.label_id is None else taxonomy.name_of(true.label_id),
            "verdict": decision.verdict, "certainty": decision.certainty, "right": right}
        if taxonomy.attributes:
            row["values"] = {taxonomy.attribute(one).name: value for one, value in answer.values.items()}
        return row, clock

    def _is_right(self, answer: _Answer, true: _Answer) -> bool:
        """Whether the label or labels are right or, if there are none, the values."""
        if true.label_id is not None:
            return answer.label_id == true.label_id
        attributes = [self.session.taxonomy.attribute(one) for one in answer.values]
        return all(_is_near(attribute, answer.values[attribute.id], true.values[attribute.id], self.noise)
                   for attribute in attributes)

    def _answer(self, rng: np.random.Generator, true: _Answer, seen: Seen, prediction: Prediction | None, item: Item,
                taxonomy: Taxonomy) -> _Answer:
        """Choose an answer."""
        label_id = true.label_id
        if is_set(label_id):
            label_id = self._choose_set(rng, str(label_id), seen, prediction, taxonomy)
        elif label_id is not None:
            label_id = self._choose(rng, label_id, seen, prediction, item)
        suggested = {} if seen.hidden else getattr(seen, "values", {})
        return _Answer(label_id, {
            attribute.id: self._choose_value(rng, attribute, true.values[attribute.id], suggested.get(attribute.id))
            for attribute in taxonomy.attributes_of(label_id) if attribute.id in true.values})

    def _choose(self, rng: np.random.Generator, right: str, seen: Seen, prediction: Prediction | None,
                item: Item) -> str:
        """Choose a label_id: the visible wrong suggestion, an error of its own, or the truth."""
        errs, follows = rng.random() < self.error, rng.random() < self.bias
        visible = seen.visible_suggestion
        if visible is not None and visible != right and follows:
            return visible
        if not errs:
            return right
        label_ids, weights = self.confusion.weights(item) if prediction is None else \
            (list(prediction.label_ids), np.array(prediction.probs, float))
        weights = np.where([label_id == right for label_id in label_ids], 0.0, weights + 1e-6)
        return str(rng.choice(label_ids, p=weights / weights.sum())) if weights.any() else right

    def _choose_set(self, rng: np.random.Generator, right: str, seen: Seen, prediction: Prediction | None,
                    taxonomy: Taxonomy) -> str:
        """Choose a set of labels; an error is one label too many or too few, most often one that the model confuses."""
        errs, follows = rng.random() < self.error, rng.random() < self.bias
        visible = seen.visible_suggestion
        if visible is not None and visible != right and follows:
            return visible
        if not errs:
            return right
        on = set(members(right))
        label_ids = list(taxonomy.label_ids) if prediction is None else list(prediction.label_ids)
        probs = np.full(len(label_ids), 0.5) if prediction is None else np.array(prediction.probs, float)
        weights = np.where([label_id in on for label_id in label_ids], 1 - probs, probs).clip(0, 1) + 1e-6
        return set_id(on ^ {str(rng.choice(label_ids, p=weights / weights.sum()))})

    def _choose_value(self, rng: np.random.Generator, attribute: Attribute, right: Value,
                      suggested: Value | None) -> Value:
        """Choose a value: the visible wrong one, an error of its own, or the truth."""
        errs, follows = rng.random() < self.error, rng.random() < self.bias
        if suggested is not None and suggested != right and follows:
            return suggested
        if not errs and self.noise and attribute.scale is not None:
            low, high = attribute.scale
            return attribute.nearest(float(right) + rng.normal(0, self.noise) * (high - low))
        if not errs:
            return right
        if attribute.steps:
            return attribute.check(rng.choice([step for step in attribute.steps if step != right]).item())
        assert attribute.scale is not None
        return attribute.check(float(rng.uniform(*attribute.scale)))

    def _look_again(self, first: Decision, true: _Answer, *, clock: datetime, rng: np.random.Generator) -> Decision:
        """Decide again once the suggestion is shown: follow a wrong one with probability `bias`."""
        seen = replace(first.seen, hidden=False)
        takes_over = rng.random() < self.bias and seen.suggestion != true.label_id
        answer = _Answer(seen.suggestion if takes_over else first.label_id, getattr(first, "values", {}))
        return self.session.decide(first.item_id, label=answer.label_id, certainty=first.certainty,
                                   annotator=first.annotator, seen=seen, acted_at=clock + timedelta(milliseconds=1),
                                   id=uuid.uuid5(uuid.NAMESPACE_OID, f"{first.id}/after").hex, known=[first.id],
                                   **_more(answer, seen))


def _is_near(attribute: Attribute, value: Value, true: Value, noise: float) -> bool:
    """Whether a value is the true one, or within two standard deviations of the noise."""
    if attribute.scale is None or not noise:
        return value == true
    return abs(float(value) - float(true)) <= 2 * noise * (attribute.scale[1] - attribute.scale[0])


def _verdict(answer: _Answer, seen: Seen) -> str:
    """The verdict of an answer, given the visible suggestion."""
    visible: Any = seen.visible_suggestion
    given: Any = answer.label_id
    if answer.label_id is None:
        suggested = {} if seen.hidden else getattr(seen, "values", {})
        visible = {one: suggested[one] for one in answer.values if one in suggested} or None
        given = answer.values
    return "answer" if visible is None else "accept" if given == visible else "correct"


def _more(answer: _Answer, seen: Seen) -> dict[str, Any]:
    """Further arguments of `decide`, for sets of labels and for values."""
    if answer.label_id is not None and not is_set(answer.label_id) and not answer.values:
        return {}
    suggested = {} if seen.hidden else getattr(seen, "values", {})
    labels = set(members(answer.label_id)) ^ set(members(seen.visible_suggestion))
    if not is_set(answer.label_id):
        labels &= set(members(answer.label_id))
    values = [one for one, value in answer.values.items() if suggested.get(one) != value]
    return {"values": dict(answer.values), "touched": (*sorted(labels), *values)}


def _known(project: Project, truth: Mapping[Any, Any] | pd.Series | Sequence[Any],
           values: Mapping[Any, Mapping[str, Value]]) -> dict[str, _Answer]:
    """Convert the truth to one form: item id -> answer."""
    if isinstance(truth, pd.Series) and (project.pool.positions(truth.index) >= 0).all():
        truth = truth.to_dict()
    if not isinstance(truth, Mapping):
        if len(truth) != len(project.pool):
            raise BadInput(f"truth has {len(truth)} labels for a pool of {len(project.pool)} items; one each is "
                           "expected.")
        truth = dict(zip(project.pool.ids, truth, strict=True))
    taxonomy, task = project.taxonomy, getattr(project, "task", "classify")
    beside = {str(item_id): _checked(taxonomy, of) for item_id, of in values.items()}
    if task == "scale":
        return {str(item_id): _Answer(None, _checked(taxonomy, one)) for item_id, one in truth.items()}
    label_id_of = _set_of(taxonomy) if task == "multilabel" else lambda label: taxonomy.answer(str(label)).id
    return {str(item_id): _Answer(label_id_of(one), beside.get(str(item_id), {})) for item_id, one in truth.items()}


def _set_of(taxonomy: Taxonomy) -> Callable[[Any], str]:
    """A function from a set's id, or the names of its labels, to the set's id."""
    def make(labels: Any) -> str:
        if isinstance(labels, str):
            labels = members(labels) if is_set(labels) else [labels]
        if not isinstance(labels, Collection):
            raise BadInput(f"the truth of an item is {labels!r:.80}; the names of its labels are expected, [] for "
                           "none of them.")
        return taxonomy.label_set(map(str, labels))
    return make


def _checked(taxonomy: Taxonomy, values: Any) -> dict[str, Value]:
    """The values of an item by attribute id; BadInput where one isn't valid."""
    if not isinstance(values, Mapping):
        if len(taxonomy.attributes) != 1:
            raise BadInput(f"the truth of an item is {values!r:.80}; a mapping of attribute to value is expected.")
        values = {taxonomy.attributes[0].name: values}
    attributes = {taxonomy.attribute(str(name)): value for name, value in values.items()}
    return {attribute.id: attribute.check(_plain(value)) for attribute, value in attributes.items()}


def _plain(value: Any) -> Any:
    """A numpy number as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _certainty(rng: np.random.Generator, right: bool, auroc: float) -> int:
    """Draw a certainty from 0 to 10, in steps of 1: from two normal distributions whose distance determines the AUROC.

    References
    ----------
    Hanley and McNeil (1982), The meaning and use of the area under a ROC curve.
    """
    distance = float(np.sqrt(2) * ndtri(auroc))
    # The midpoint of the two means falls in the middle of the scale.
    return int(min(10, np.floor(11 * ndtr(rng.normal(distance if right else 0.0) - distance / 2))))


class _PoolConfusion:
    """Confusion of labels from the items alone: the distance of an item to the mean item of each label."""

    def __init__(self, project: Project, known: Mapping[str, _Answer]) -> None:
        self._project, self._known = project, known
        self._means: tuple[list[str], np.ndarray] | None = None

    def weights(self, item: Item) -> tuple[list[str], np.ndarray]:
        """Label ids, and how similar the item is to each label's mean item."""
        if self._means is None:
            sums: dict[str, list[np.ndarray]] = {label_id: [] for label_id in self._project.taxonomy.label_ids}
            for item_id, true in self._known.items():
                pictures = sums.get(str(true.label_id))
                if pictures is not None and len(pictures) < 30 and item_id in self._project.pool \
                        and (small := self._small(self._project.pool.position(item_id))) is not None:
                    pictures.append(small)
            plain = np.full(64, 0.5 if self._project.pool.kind == "image" else 1 / 64)
            self._means = (list(sums), np.array([np.mean(p, axis=0) if p else plain for p in sums.values()]))
        label_ids, means = self._means
        small = self._small(item.position)
        if small is None:
            return label_ids, np.ones(len(label_ids))
        distance = ((means - small) ** 2).mean(axis=1)
        return label_ids, np.exp(-(distance - distance.min()) / (distance.std() + 1e-9))

    def _small(self, position: int) -> np.ndarray | None:
        """Reduce an item to 64 numbers: 8 x 8 grey values, or letter frequencies; None if it can't be read."""
        try:
            image = self._project.pool.load(position)
        except ItemError:
            return None
        if isinstance(image, str):
            points = np.frombuffer(image.lower().encode("utf-32-le", "surrogatepass"), np.uint32)
            return np.bincount(points % 64, minlength=64) / len(points)
        grey = image if image.ndim == 2 else image.mean(axis=2)
        rows = np.array_split(np.arange(grey.shape[0]), 8) if grey.shape[0] >= 8 else None
        if rows is None or grey.shape[1] < 8:
            return np.full(64, float(grey.mean()) / 255)
        columns = np.array_split(np.arange(grey.shape[1]), 8)
        return np.array([grey[np.ix_(r, c)].mean() for r in rows for c in columns]) / 255
