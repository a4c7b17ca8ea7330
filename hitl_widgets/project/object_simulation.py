"""A simulated annotator of objects, for lessons and tests: it corrects proposals, given the true objects.

`simulation.simulate` uses it in projects that ask for objects. Read `ObjectPerson.decide` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..objects.overlap import match_one_to_one, overlaps
from ..objects.shapes import Shape, as_shape, shape
from ..records import SHAPE_OF, Item, Seen
from .importing_objects import shape_of_row
from .project import Project
from .session import Session

# Columns of the table of decisions.
COLUMNS = ["item_id", "n_objects", "n_true", "verdict", "certainty", "right", "missed", "accepted", "moved",
           "relabelled", "deleted", "added"]
# Overlap (IoU) from which a proposal is matched with an object, and from which it isn't moved.
SAME = {"box": 0.5, "polygon": 0.5, "point": 1e-9, "span": 0.5}
GOOD = {"box": 0.8, "polygon": 0.8, "point": 0.5, "span": 1.0}
# Median seconds for looking at an image, and for each act.
LOOK_S = 2.0
TAKES_S = {"accepted": 0.3, "moved": 3.0, "relabelled": 1.0, "deleted": 0.8, "added": 5.0}


def known_objects(project: Project, truth: Any) -> dict[str, list[Shape]]:
    """Bring true objects to one form: item id -> shapes, with a label_id each.

    Parameters
    ----------
    project : Project
    truth : mapping or DataFrame
        Item id -> list of objects; or a table with a row for each object, such as that of `Workbench.objects`. Items
        that are missing in the table have no objects.

    Raises
    ------
    BadInput, UnknownLabel
        When an object can't be used.
    """
    kind, taxonomy = SHAPE_OF[project.task], project.taxonomy
    given: dict[str, list[Any]] = {}
    if isinstance(truth, pd.DataFrame):
        given = {str(item_id): [] for item_id in project.pool.ids}
        for record in truth.to_dict("records"):
            one = shape_of_row(record, kind)
            given.setdefault(str(record["item_id"]), []).extend([] if one is None else [one])
    elif isinstance(truth, Mapping):
        given = {str(item_id): list(objects) for item_id, objects in truth.items()}
    else:
        raise BadInput(f"truth is a {type(truth).__name__}; item id -> list of objects, or a table as wb.objects() "
                       "gives it, is expected.")
    found: dict[str, list[Shape]] = {}
    for item_id, objects in given.items():
        shapes = [as_shape(one, kind) for one in objects]
        found[item_id] = [replace(one, label=taxonomy.answer(str(one.label)).id) for one in shapes]
    return found


class ObjectPerson:
    """A simulated annotator who corrects the proposals in images.

    Parameters
    ----------
    session : Session
    error : float
        Probability of an error on an object: half of them overlooked, half with another label.
    bias : float
        Probability of keeping a visible proposal that is wrong, and of overlooking an object that isn't proposed while
        others are.
    noise : float
        Standard deviation of positions: of corners, as a fraction of the object's side; of points, of the image's side;
        of a span's ends, of its length.
    """

    def __init__(self, session: Session, *, error: float, bias: float, noise: float) -> None:
        self.session, self.error, self.bias, self.noise = session, error, bias, noise

    def decide(self, item: Item, true: Sequence[Shape], *, annotator: str, id: str, clock: datetime, pace: float,
               rng: np.random.Generator) -> tuple[dict[str, Any], datetime]:
        """Decide an image; return the row of the table, and the time after the decision."""
        session, project = self.session, self.session.project
        kind, size = SHAPE_OF[project.task], project.pool.size(item.position)
        seen = session.would_show(item, annotator)
        given = self._answer(kind, true, seen, (float(size[0]), float(size[1])), rng)
        n_visible = len(seen.visible_objects)
        n_new = sum(one.id is None for one in given)
        took = pace * (LOOK_S + TAKES_S["added"] * n_new + TAKES_S["accepted"] * n_visible)
        clock += timedelta(seconds=took)
        missed = self._missed(kind, true, given, (float(size[0]), float(size[1])))
        right = not missed and len(given) == len(true)
        decision = session.decide(item.id, objects=given, certainty=int(rng.integers(6, 11) if right else
                                                                        rng.integers(2, 9)),
                                  annotator=annotator, id=id, acted_at=clock,
                                  seen=replace(seen, certainty="given", shown_ms=round(1000 * took)))
        acts = [one.act for one in decision.objects or ()]
        return {"item_id": item.id, "n_objects": len(given), "n_true": len(true), "verdict": decision.verdict,
                "certainty": decision.certainty, "right": right, "missed": missed,
                **{name: acts.count(name) for name in COLUMNS[-5:]}}, clock  # type: ignore[arg-type]

    # 16 branches: what a person may do with each object, in the order of the random draws.
    def _answer(self, kind: str, true: Sequence[Shape], seen: Seen, size: tuple[float, float],
                rng: np.random.Generator) -> list[Shape]:
        """The objects of the answer."""
        visible = seen.visible_objects
        overlap = overlaps(kind, [one.at for one in true], [one["at"] for one in visible], size=size) \
            if len(true) and len(visible) else np.zeros((len(true), len(visible)))
        pairs = dict(zip(*(some.tolist() for some in match_one_to_one(overlap, SAME[kind])), strict=True))
        given: list[Shape] = []
        for place, one in enumerate(true):
            errs, overlooks = rng.random() < self.error, rng.random() < self.bias
            label = self._other(one.label, rng) if errs and rng.random() < 0.5 else one.label
            if errs and label == one.label:
                continue
            if place in pairs:
                proposal = visible[pairs[place]]
                is_good = overlap[place, pairs[place]] >= GOOD[kind]
                at = proposal["at"] if is_good else self._placed(kind, one, size, rng)
                given.append(shape(kind, at, label=label, id=proposal["id"]))
            elif not (visible and overlooks):
                given.append(shape(kind, self._placed(kind, one, size, rng), label=label))
        wrong = [one for place, one in enumerate(visible) if place not in pairs.values()]
        return [*given, *(shape(kind, one["at"], label=one["label_id"], id=one["id"]) for one in wrong
                          if rng.random() < self.bias)]

    def _placed(self, kind: str, one: Shape, size: tuple[float, float], rng: np.random.Generator) -> Sequence[float]:
        """Where the person puts an object: its true place, with some noise, within the image."""
        if not self.noise:
            return one.at
        x0, y0, x1, y1 = one.bounds
        sides = (size[1], size[0]) if kind == "point" else (x1 - x0, y1 - y0)
        shift = rng.normal(0, self.noise, 4)
        if kind == "span":  # whole characters, at least one
            start, end = np.round(np.array([x0, x1]) + shift[:2] * (x1 - x0)).astype(int).tolist()
            start = min(max(start, 0), int(size[1]) - 1)
            return start, min(max(end, start + 1), int(size[1]))
        if kind == "box":  # never inverted, however much noise there is
            low = np.clip(np.array([x0, y0]) + shift[:2].clip(-0.4, 0.4) * sides, 0, None)
            high = np.clip(np.array([x1, y1]) + shift[2:].clip(-0.4, 0.4) * sides, None, (size[1], size[0]))
            return [*low.tolist(), *high.tolist()]
        moved = np.array(one.at).reshape(-1, 2) + shift[:2] * sides
        inside = np.clip(moved, 0, (size[1], size[0]))
        return [float(number) for number in (inside if kind == "point" or (inside == moved).all() else
                                             np.array(one.at).reshape(-1, 2)).ravel()]

    def _other(self, label_id: str | None, rng: np.random.Generator) -> str | None:
        others = [one for one in self.session.taxonomy.label_ids if one != label_id]
        return str(rng.choice(others)) if others else label_id

    @staticmethod
    def _missed(kind: str, true: Sequence[Shape], given: Sequence[Shape], size: tuple[float, float]) -> int:
        """How many objects weren't found, or have another label."""
        if not true or not given:
            return len(true)
        overlap = overlaps(kind, [one.at for one in true], [one.at for one in given], size=size)
        same = np.array([[a.label == b.label for b in given] for a in true])
        return len(true) - len(match_one_to_one(np.where(same, overlap, 0.0), SAME[kind])[0])
