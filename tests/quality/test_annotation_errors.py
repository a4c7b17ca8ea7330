"""Objects that were probably annotated wrongly are found where errors were planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.objects.overlap import iou
from hitl_widgets.quality import object_errors
from hitl_widgets.quality.object_matching import Reviewed

SIDES = ["x0", "y0", "x1", "y1"]
KINDS = ("missing", "wrong label", "wrongly grouped", "wrong place")


def planted(seed: int, kinds: tuple[str, ...] = KINDS) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Objects of which a tenth is annotated wrongly, a model's predictions, and what was planted.

    The model finds 85 % of the objects, names 5 % of them wrongly, and finds 1.5 in each image that aren't there.
    """
    rng = np.random.default_rng(seed)
    rows, found, wrong = [], [], []
    for image in range(60):
        n = int(rng.integers(6, 14))
        cells = rng.permutation(36)[:n]
        side, label = rng.uniform(25, 44, (n, 2)), rng.integers(0, 3, n)
        corner = 60 * np.column_stack([cells % 6, cells // 6]) + rng.uniform(0, 15, (n, 2))
        box, sides = np.hstack([corner, corner + side]), np.hstack([side, side])
        named = np.where(rng.random(n) < 0.08, rng.integers(0, 3, n), label)
        score = np.clip(rng.beta(6, 2, n), 0.05, 0.99) * np.where(named == label, 1, 0.7)
        seen, extra = rng.random(n) < 0.85, rng.uniform(0, 320, (rng.poisson(1.5), 2))
        found.append(pd.DataFrame((box + rng.normal(0, 0.06, (n, 4)) * sides)[seen], columns=SIDES).assign(
            item_id=image, label=named[seen], score=score[seen]))
        found.append(pd.DataFrame(np.hstack([extra, extra + 35]), columns=SIDES).assign(
            item_id=image, label=rng.integers(0, 3, len(extra)), score=rng.beta(2, 4, len(extra))))
        given = box + rng.normal(0, 0.03, (n, 4)) * sides
        for place in range(n):
            name, at, of = f"{image}-{place}", given[place], label[place]
            kind = kinds[rng.integers(len(kinds))] if rng.random() < 0.1 else None
            if kind is not None:
                wrong.append((image, kind, name, *box[place]))
            if kind == "missing":
                continue
            if kind == "wrong label":
                of = (of + 1 + rng.integers(2)) % 3
            elif kind == "wrong place":
                at = at + np.tile(rng.choice([-1, 1], 2) * side[place] * 0.45, 2)
            elif kind == "wrongly grouped" and rng.random() < 0.5:
                middle = (at[0] + at[2]) / 2
                rows.append((image, name, of, middle, at[1], at[2], at[3]))
                at = np.array([at[0], at[1], middle, at[3]])
            elif kind == "wrongly grouped":
                far = np.hypot(*(corner - corner[place]).T)
                far[place] = np.inf
                other = box[int(far.argmin())]
                at = np.concatenate([np.minimum(box[place, :2], other[:2]), np.maximum(box[place, 2:], other[2:])])
            rows.append((image, name, of, *at))
    return (pd.DataFrame(rows, columns=["item_id", "object_id", "label", *SIDES]), pd.concat(found, ignore_index=True),
            pd.DataFrame(wrong, columns=["item_id", "error", "object_id", *SIDES]))


def hits(table: pd.DataFrame, wrong: pd.DataFrame) -> np.ndarray:
    """Whether each row is about an error that was planted."""
    missing = wrong[wrong["error"] == "missing"]
    named = set(wrong.loc[wrong["error"] != "missing", "object_id"])
    found = []
    for row in table.itertuples():
        if row.object_id is not None:
            found.append(row.object_id in named)
            continue
        there = missing.loc[missing["item_id"] == row.item_id, SIDES].to_numpy()
        found.append(bool((iou([[row.x0, row.y0, row.x1, row.y1]], there) > 0.4).any()))
    return np.array(found)


@pytest.mark.long
def test_planted_errors_come_first() -> None:
    """About a tenth of the objects is wrong; of the first half as many doubts 85 % are, of as many 65 %."""
    first, whole = [], []
    for seed in range(4):
        objects, predictions, wrong = planted(seed)
        right = hits(object_errors(objects, predictions), wrong)
        first.append(right[:len(wrong) // 2].mean())
        whole.append(right[:len(wrong)].mean())
    assert np.mean(first) >= 0.85
    assert np.mean(whole) >= 0.65


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_error_is_named(kind: str) -> None:
    objects, predictions, wrong = planted(5, (kind,))
    table = object_errors(objects, predictions)
    top = table[hits(table, wrong)].head(len(wrong) // 2)
    assert (top["error"] == kind).mean() >= 0.8


def test_what_is_said_of_each() -> None:
    objects = pd.DataFrame({"item_id": "a", "annotator": "ann", "object_id": ["o1", "o2"], "label": ["cell", "dust"],
                            "x0": [0, 50], "y0": 0, "x1": [40, 90], "y1": 40})
    predictions = pd.DataFrame({"item_id": "a", "label": "cell", "x0": [1, 50, 200], "y0": 0, "x1": [41, 90, 240],
                                "y1": 40, "score": [0.9, 0.8, 0.7]})
    found = object_errors(objects, predictions)
    assert found[["annotator", "object_id", "error", "label", "expected", "x0"]].values.tolist() == [
        ["ann", "o2", "wrong label", "dust", "cell", 50], ["ann", None, "missing", None, "cell", 200]]
    assert found["score"].tolist() == [pytest.approx(0.8), pytest.approx(0.7)]


def test_who_deleted_a_proposal_or_reviewed_an_empty_image_is_heard() -> None:
    objects = pd.DataFrame({"item_id": "a", "annotator": "ann", "object_id": ["o1"], "label": "cell", "act": "deleted",
                            "x0": [0], "y0": 0, "x1": [40], "y1": 40})
    predictions = objects.drop(columns=["act", "annotator"]).assign(score=0.9)
    assert object_errors(objects, predictions)["score"].tolist() == [pytest.approx(0.45)]
    nothing = objects[:0].copy()
    assert object_errors(nothing, predictions).empty
    nothing.attrs["reviewed"] = Reviewed([("a", "ann"), ("b", "ann")])
    assert object_errors(nothing, predictions)["error"].tolist() == ["missing"]


def test_objects_in_doubt_are_not_doubted_again_and_other_tables_are_refused() -> None:
    objects, predictions, _ = planted(0)
    known = object_errors(objects, predictions)
    doubted = object_errors(objects.assign(status="unsure"), predictions)
    assert len(doubted) == (known["error"] == "missing").sum() > 0
    with pytest.raises(ShapeError, match="lacks score"):
        object_errors(objects, predictions.drop(columns="score"))
    with pytest.raises(BadInput, match="one kind"):
        object_errors(objects.assign(kind="box"), predictions.assign(kind="point"))
