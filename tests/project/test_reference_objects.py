"""Which answer to a hold-out image measures, after an edit left labels in doubt and people answered again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.project.given_objects import seen_of_objects

PERSON, PLACE = hw.Span(0, 3, label="person"), hw.Span(17, 21, label="place")


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    texts = [f"Ada met Grace in Rome {k * 7919}." for k in range(20)]
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["person", "place"], task="spans", holdout=0.5,
                      annotator="ann", annotators_per_item=2, progress=False) as wb:
        yield wb


def answer(wb: hw.Workbench, annotator: str, *objects: hw.Span) -> None:
    """Somebody answers the first hold-out text blind."""
    wb.decide(wb.holdout[0], objects=objects, annotator=annotator, seen={"hidden": True, "chosen_by": "holdout"})


def answer_again(wb: hw.Workbench, annotator: str, *objects: hw.Span) -> None:
    """Somebody answers it as the queue of what is in doubt asks for it."""
    [item] = [one for one in wb.next(5, queue="relabel", annotator=annotator) if one.id == wb.holdout[0]]
    wb.decide(item, objects=objects, annotator=annotator, seen=seen_of_objects(wb.project, item, annotator))


def measures(wb: hw.Workbench) -> tuple[str, list[str], int]:
    """Whose answer measures, with which labels, and how many places are ignored."""
    [row] = wb.project.reference_objects().to_dict("records")
    return row["annotator"], [one.label for one in row["objects"]], len(row["ignore"])


def test_the_first_persons_answer_measures_also_once_they_answered_again(wb):
    """The newer answer came later than that of the other person, whose label is still in doubt."""
    answer(wb, "ann", PERSON, PLACE)
    answer(wb, "bob", PERSON, PLACE)
    assert measures(wb) == ("ann", ["person", "place"], 0)
    wb.apply(edits.split("person", into=["man", "woman"]))
    assert measures(wb) == ("ann", ["place"], 1)
    answer_again(wb, "ann", hw.Span(0, 3, label="woman"), PLACE)
    assert measures(wb) == ("ann", ["woman", "place"], 0)


def test_while_the_first_answer_is_in_doubt_one_that_was_given_since_the_edit_measures(wb):
    answer(wb, "ann", PERSON, PLACE)
    answer(wb, "bob", PERSON, PLACE)
    wb.apply(edits.split("person", into=["man", "woman"]))
    answer_again(wb, "bob", hw.Span(0, 3, label="woman"), PLACE)
    assert measures(wb) == ("bob", ["woman", "place"], 0)
    answer_again(wb, "ann", hw.Span(0, 3, label="man"), PLACE)
    assert measures(wb) == ("ann", ["man", "place"], 0)


def test_an_older_answer_without_the_label_in_doubt_does_not_take_the_place_of_the_first(wb):
    """It is certain only because its author overlooked the person: what a model rightly finds there would be wrong."""
    answer(wb, "ann", PERSON, PLACE)
    answer(wb, "bob", PLACE)
    wb.apply(edits.split("person", into=["man", "woman"]))
    assert measures(wb) == ("ann", ["place"], 1)


def test_doubt_about_an_object_of_which_the_first_person_was_unsure_changes_nothing(wb):
    answer(wb, "ann", hw.Span(0, 3, label="person", unsure=True), PLACE)
    answer(wb, "bob", PERSON, PLACE)
    wb.apply(edits.split("person", into=["man", "woman"]))
    answer_again(wb, "bob", hw.Span(0, 3, label="woman"), PLACE)
    assert measures(wb) == ("ann", ["place"], 1)


def test_of_imported_answers_the_first_persons_measures_also_once_it_was_imported_again(wb):
    def spans(annotator: str, **more: int) -> pd.DataFrame:
        return pd.DataFrame({"item_id": [wb.holdout[0]], "label": ["person"], "start": [0], "end": [3],
                             "annotator": [annotator], **more})
    for table in (spans("ann"), spans("bob")):
        assert wb.import_annotations(table) == 1
    assert measures(wb)[0] == "ann"
    assert wb.import_annotations(spans("ann", certainty=5)) == 1
    assert measures(wb)[0] == "ann"
