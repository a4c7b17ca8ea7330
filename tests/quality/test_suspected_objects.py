"""Objects that were probably annotated wrongly: which of four errors it is, and what isn't suspected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from hitl_widgets.quality.suspected_objects import COLUMNS, suspected_objects, suspicions


def thing(*at: float, label: str | None = "Lr", score: float = 0.9, is_deleted: bool = False,
          in_doubt: bool = False) -> Any:
    return SimpleNamespace(id=f"o{at[0]:g}", kind="box", at=at, label_id=label, score=score, is_deleted=is_deleted,
                           in_doubt=in_doubt)


A, B, C = (0, 0, 40, 40), (100, 0, 140, 40), (200, 0, 240, 40)


def errors(objects: list[Any], proposals: list[Any], **more: Any) -> list[tuple[str, int | None]]:
    return [(one.error, one.place) for one in suspicions("box", objects, proposals, **more)]


def test_each_of_the_four_errors_is_told():
    assert errors([thing(*A)], [thing(*A), thing(*B)]) == [("missing", None)]
    assert errors([thing(*A, label="Lw")], [thing(*A)]) == [("wrong label", 0)]
    assert errors([thing(20, 0, 65, 45)], [thing(*A)]) == [("wrong place", 0)]
    assert errors([thing(0, 0, 140, 40)], [thing(*A), thing(*B)]) == [("wrongly grouped", 0)]
    assert sorted(errors([thing(0, 0, 20, 40), thing(20, 0, 40, 40)], [thing(*A)])) == [
        ("wrongly grouped", 0), ("wrongly grouped", 1)]


def test_what_the_model_confirms_or_hardly_proposes_is_not_suspected():
    assert errors([thing(*A), thing(*B)], [thing(*A), thing(102, 1, 141, 42)]) == []
    assert errors([thing(*A)], [thing(*A), thing(*B, score=0.4)]) == []
    assert errors([thing(*A), thing(*C)], [thing(*A)]) == []  # an object that the model doesn't know
    assert errors([thing(*A, label="Lw")], [thing(*A), thing(*A, label="Lw", score=0.7)]) == []
    assert errors([], []) == []
    assert errors([thing(*A)], []) == []


def test_a_surer_model_makes_an_answer_less_probable():
    few = suspicions("box", [], [thing(*A, score=0.7), thing(*B, score=0.95)])
    assert [(one.at, round(one.right, 2)) for one in few] == [(B, 0.05), (A, 0.3)]
    gone = suspicions("box", [], [thing(*A, score=0.9)], deleted=[thing(*A)])
    assert gone[0].right == pytest.approx(1 - 0.45)  # the person has looked at it already
    weak = suspicions("box", [thing(*A, label="Lw")], [thing(*A, score=0.8), thing(*A, label="Lw", score=0.5)])
    assert weak[0].right > suspicions("box", [thing(*A, label="Lw")], [thing(*A, score=0.8)])[0].right


def test_points_are_missing_wrongly_labelled_or_misplaced():
    def point(x: float, label: str = "Lr", score: float = 0.9) -> Any:
        return SimpleNamespace(id="p", kind="point", at=(x, 10.0), label_id=label, score=score, act="added")
    found = suspicions("point", [point(10), point(60, "Lw"), point(93)], [point(10), point(60), point(90), point(150)],
                       size=(100, 100))
    assert sorted((one.error, one.place) for one in found if one.place is not None) == [
        ("wrong label", 1), ("wrong place", 2)]
    assert [one.at for one in found if one.error == "missing"] == [(150, 10.0)]


def test_the_table_names_image_object_and_what_was_expected_and_nothing_that_is_in_doubt():
    images = pd.DataFrame([
        {"item_id": "a", "position": 0, "annotator": "ada", "decision_id": "d1", "verdict": "correct",
         "chosen_by": "random", "width": 300, "height": 100,
         "objects": (thing(*A, label="Lw"), thing(*B, label=None, in_doubt=True))},
        {"item_id": "b", "position": 1, "annotator": "ada", "decision_id": "d2", "verdict": "unsure",
         "chosen_by": "random", "width": 300, "height": 100, "objects": ()}])
    table = suspected_objects(images, {"a": [thing(*A, score=0.7), thing(*B), thing(*C)], "b": [thing(*A)]})
    assert list(table) == COLUMNS
    assert table[["item_id", "error", "object_id", "expected_id"]].to_numpy().tolist() == [
        ["a", "missing", None, "Lr"], ["a", "wrong label", "o0", "Lr"]]
    assert table["at"].iloc[0] == C
    empty = suspected_objects(images.iloc[:0], {})
    assert list(empty) == COLUMNS
    assert not len(empty)
