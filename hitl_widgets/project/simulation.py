"""A simulated annotator, for lessons and tests.

It claims items of the queue, sees what a person would see, makes errors, follows wrong suggestions, rates its certainty
and takes time. Everything that it does passes through `decide`. Read `simulate` first.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from ..errors import BadInput, ImageError
from ..records import Decision, Item, Prediction, Seen, check_annotator, check_count, check_number, utc_now
from .project import Project
from .session import Session

AT_ONCE = 10
# Seconds a person takes, median, as far as a glance tells: agreeing is quicker than naming, naming than correcting.
MEDIAN_S = {"accept": 1.2, "answer": 1.9, "correct": 2.4}


class Bench(Protocol):
    """What a simulated annotator needs of a workbench: its session."""

    session: Session


# One loop, as a person works: what is decided next depends on what was asked and decided before.
def simulate(wb: Bench, truth: Mapping[Any, str] | pd.Series | Sequence[str], n: int = 200, error: float = 0.05,
             bias: float = 0.0, annotator: str = "sim", seed: int = 0, *, auroc: float = 0.85,
             queue: str | None = None) -> pd.DataFrame:
    """Let a simulated annotator decide the next n items of the queue.

    The k-th decision of the j-th call in a session has an id of its own, made from annotator, seed, j and k. So a
    notebook that is run again from the top stores nothing twice, and a second call in one session goes on with further
    items.

    Parameters
    ----------
    wb : Workbench
    truth : mapping, Series or sequence
        Item id -> label name or id; or one label per item, in the pool's order.
    n : int
        Number of decisions, 0 or more.
    error : float
        Probability, 0 to 1, of an error of its own: a label that the model (or, without one, the pool) confuses.
    bias : float
        Probability, 0 to 1, of following a visible suggestion that is wrong.
    annotator : str
        Its name.
    seed : int
        Another seed makes another annotator.
    auroc : float
        How well its certainty separates its right answers from its wrong ones, from 0.5 (not at all) to below 1.
    queue : "relabel" or None
        "relabel" for what taxonomy edits left in doubt; None for what is open.

    Returns
    -------
    DataFrame
        One row per decision made now: item_id, label, truth, verdict, certainty, right.

    Raises
    ------
    BadInput
        For a share outside 0 to 1, or an item without a truth; what was decided before it stays.
    """
    for name, value, low, high in (("error", error, 0, 1), ("bias", bias, 0, 1), ("auroc", auroc, 0.5, 0.999)):
        check_number(name, value, f"a number from {low} to {high}", low, high)
    n = check_count("n", n, "a number of decisions, 0 or more,", least=0)
    annotator = check_annotator(annotator)
    session = wb.session
    project, taxonomy = session.project, session.taxonomy
    known = _label_ids(project, truth)
    confusion, n = _PoolConfusion(project, known), min(int(n), len(project.pool) + 1)
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
                    rng = np.random.default_rng([seed, call, k])
                    seen, prediction = session.would_show(item), project.prediction(item.position)
                    label_id = _choose(rng, known[item.id], seen, prediction, confusion, item, error=error, bias=bias)
                    right = label_id == known[item.id]
                    verdict = "answer" if seen.visible_suggestion is None else \
                        "accept" if label_id == seen.visible_suggestion else "correct"
                    took = MEDIAN_S[verdict] * paces[len(rows)]
                    clock += timedelta(seconds=took)
                    decision = session.decide(
                        item.id, label=label_id, certainty=_certainty(rng, right, auroc), annotator=annotator,
                        id=ids[k], acted_at=clock, seen=replace(seen, certainty="given", shown_ms=round(1000 * took)))
                    if seen.arm == "answer_first" and seen.hidden and seen.suggestion is not None:
                        decision = _look_again(session, decision, known[item.id], bias=bias, clock=clock, rng=rng)
                        right = decision.label_id == known[item.id]
                    rows.append({"item_id": item.id, "label": decision.label, "truth": taxonomy.name_of(known[item.id]),
                                 "verdict": decision.verdict, "certainty": decision.certainty, "right": right})
                    advance(1)
            finally:
                project.log.release(items.ids, annotator)
    table: pd.DataFrame = pd.DataFrame(rows, columns=["item_id", "label", "truth", "verdict", "certainty", "right"])
    return table


def _look_again(session: Session, first: Decision, right: str, *, bias: float, clock: datetime,
                rng: np.random.Generator) -> Decision:
    """Decide again, once the suggestion is shown: take it over where it is wrong, with the probability `bias`."""
    seen = replace(first.seen, hidden=False)
    takes_over = rng.random() < bias and seen.suggestion != right
    return session.decide(first.item_id, label=seen.suggestion if takes_over else first.label_id,
                          certainty=first.certainty, annotator=first.annotator,
                          id=uuid.uuid5(uuid.NAMESPACE_OID, f"{first.id}/after").hex, seen=seen,
                          acted_at=clock + timedelta(milliseconds=1), known=[first.id])


def _label_ids(project: Project, truth: Mapping[Any, str] | pd.Series | Sequence[str]) -> dict[str, str]:
    """Bring the truth to one form: item id -> label_id."""
    if isinstance(truth, pd.Series) and (project.pool.positions(truth.index) >= 0).all():
        truth = truth.to_dict()
    if not isinstance(truth, Mapping):
        if len(truth) != len(project.pool):
            raise BadInput(f"truth has {len(truth)} labels for a pool of {len(project.pool)} items; one each is "
                           "expected.")
        truth = dict(zip(project.pool.ids, truth, strict=True))
    return {str(item_id): project.taxonomy.answer(str(label)).id for item_id, label in truth.items()}


def _choose(rng: np.random.Generator, right: str, seen: Seen, prediction: Prediction | None,
            confusion: _PoolConfusion, item: Item, *, error: float, bias: float) -> str:
    """Choose a label_id: the visible wrong suggestion, an error of its own, or the truth."""
    errs, follows = rng.random() < error, rng.random() < bias
    visible = seen.visible_suggestion
    if visible is not None and visible != right and follows:
        return visible
    if not errs:
        return right
    label_ids, weights = confusion.weights(item) if prediction is None else \
        (list(prediction.label_ids), np.array(prediction.probs, float))
    weights = np.where([label_id == right for label_id in label_ids], 0.0, weights + 1e-6)
    return str(rng.choice(label_ids, p=weights / weights.sum())) if weights.any() else right


def _certainty(rng: np.random.Generator, right: bool, auroc: float) -> int:
    """Draw a certainty from 0 to 10: two normals whose distance gives the AUROC, cut into eleven steps.

    References
    ----------
    Hanley and McNeil (1982), The meaning and use of the area under a ROC curve.
    """
    distance = float(np.sqrt(2) * ndtri(auroc))
    # The middle between the two lies low on the scale, so that the steps are fine where the wrong answers are.
    return int(min(10, np.floor(11 * ndtr(rng.normal(distance if right else 0.0) - distance / 2))))


class _PoolConfusion:
    """How much labels look alike, from the pixels alone: the distance of an item to the mean picture of each label."""

    def __init__(self, project: Project, known: Mapping[str, str]) -> None:
        self._project, self._known = project, known
        self._means: tuple[list[str], np.ndarray] | None = None

    def weights(self, item: Item) -> tuple[list[str], np.ndarray]:
        """Label ids, and how much the item looks like each."""
        if self._means is None:
            sums: dict[str, list[np.ndarray]] = {label_id: [] for label_id in self._project.taxonomy.label_ids}
            for item_id, label_id in self._known.items():
                pictures = sums.get(label_id)
                if pictures is not None and len(pictures) < 30 and item_id in self._project.pool \
                        and (small := self._small(self._project.pool.position(item_id))) is not None:
                    pictures.append(small)
            grey = np.full(64, 0.5)
            self._means = (list(sums), np.array([np.mean(p, axis=0) if p else grey for p in sums.values()]))
        label_ids, means = self._means
        small = self._small(item.position)
        if small is None:
            return label_ids, np.ones(len(label_ids))
        distance = ((means - small) ** 2).mean(axis=1)
        return label_ids, np.exp(-(distance - distance.min()) / (distance.std() + 1e-9))

    def _small(self, position: int) -> np.ndarray | None:
        """Shrink an item to 8 x 8 grey values, 0 to 1, as one row; None where it can't be read."""
        try:
            image = self._project.pool.load(position)
        except ImageError:
            return None
        grey = image if image.ndim == 2 else image.mean(axis=2)
        rows = np.array_split(np.arange(grey.shape[0]), 8) if grey.shape[0] >= 8 else None
        if rows is None or grey.shape[1] < 8:
            return np.full(64, float(grey.mean()) / 255)
        columns = np.array_split(np.arange(grey.shape[1]), 8)
        return np.array([grey[np.ix_(r, c)].mean() for r in rows for c in columns]) / 255
