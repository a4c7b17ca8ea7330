"""Do the answers that may be wrong come back, to the right person, without a hint?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.quality.label_errors import SECOND_LOOK, SuspectedErrors

NAMES = [str(digit) for digit in range(10)]
DIGITS = load_digits()
IMAGES, TRUTH = (DIGITS.images * 15.9).astype(np.uint8), DIGITS.target


class Standing:
    """A log in which some decisions stand."""

    def __init__(self, **decisions):
        self.decisions = decisions

    def __call__(self, item_id, annotator):
        found = self.decisions.get(f"{item_id}_{annotator}")
        return None if found is None else type("Event", (), {"id": found})


def looks(*rows, stands):
    names = ["item_id", "position", "annotator", "decision_id", "right", "chosen_by", "unsure"]
    return SuspectedErrors(pd.DataFrame([(*row, "margin", False)[:7] if len(row) == 5 else row for row in rows],
                                    columns=names), stands)


def nobody_knows(position, annotator):
    return False


def test_the_answer_believed_least_comes_first_and_only_to_its_author():
    of = looks(("a", 0, "ada", "d1", 0.6), ("b", 1, "ada", "d2", 0.1), ("c", 2, "bob", "d3", 0.2),
               stands=Standing(a_ada="d1", b_ada="d2", c_bob="d3"))
    assert of.order(5, "ada", has_seen=nobody_knows) == [1, 0]
    assert of.order(5, "bob", has_seen=nobody_knows) == [2]
    assert of.order(1, "ada", has_seen=nobody_knows, leave=[1]) == [0]
    assert of.order(5, "eve", has_seen=nobody_knows) == []


def test_an_answer_that_is_most_likely_right_or_was_a_guess_is_left_alone():
    of = looks(("a", 0, "ada", "d1", 0.95), ("b", 1, "ada", "d2", 0.1, "margin", True),
               stands=Standing(a_ada="d1", b_ada="d2"))
    assert of.order(5, "ada", has_seen=nobody_knows) == []


def test_what_was_revised_or_taken_back_since_is_not_asked():
    of = looks(("a", 0, "ada", "d1", 0.1), ("b", 1, "ada", "d2", 0.1), stands=Standing(a_ada="d9"))
    assert of.order(5, "ada", has_seen=nobody_knows) == []


def test_what_its_author_stands_by_goes_to_somebody_who_has_not_spoken_of_it():
    of = looks(("a", 0, "ada", "d1", 0.1, SECOND_LOOK, False), stands=Standing(a_ada="d1"))
    assert of.order(5, "ada", has_seen=nobody_knows) == []
    assert of.order(5, "bob", has_seen=nobody_knows) == [0]
    assert of.order(5, "bob", has_seen=lambda position, annotator: True) == []


@pytest.fixture
def wb(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(IMAGES[:240]), hw.Taxonomy(NAMES), annotator="ada",
                      holdout=0.0, device="cpu", model=net)
    said = TRUTH[:200].copy()
    said[::10] = (said[::10] + 3) % 10
    wb.import_annotations(pd.DataFrame({"id": wb.pool.ids[:200], "label": said.astype(str), "annotator": "ada"}))
    yield wb
    wb.close()


def test_wrong_answers_come_back_blind_and_a_second_look_is_a_revision(wb):
    wrong = set(wb.pool.ids[:200:10])
    items = wb.next(15, queue="second_look")
    assert sum(item.id in wrong for item in items) >= 10
    assert all(item.blind and item.chosen_by == "second look" for item in items)
    assert wb.session.would_show(items[0]).hidden
    first = items[0]
    former = wb.annotations().set_index("item_id").loc[first.id, "decision_id"]
    decision = wb.decide(first.id, label=NAMES[TRUTH[first.position]], seen=wb.session.would_show(first))
    assert (decision.replaces, decision.verdict, decision.seen.chosen_by) == (former, "answer", "second look")
    assert first.id not in [item.id for item in wb.claim(15, queue="second_look")]


@pytest.mark.long
def test_who_stands_by_an_answer_is_not_asked_again_but_another_is(wb):
    [item] = wb.next(1, queue="second_look")
    label = wb.annotations().set_index("item_id").loc[item.id, "label"]
    wb.decide(item.id, label=label, seen=wb.session.would_show(item))
    assert item.id not in [other.id for other in wb.next(50, queue="second_look")]
    assert item.id in [other.id for other in wb.next(50, queue="second_look", annotator="bob")]
    table = wb.people.second_looks().set_index("item_id")
    assert table.loc[item.id, "looked"]
    assert table["right"].is_monotonic_increasing
    assert set(table.columns) == {"annotator", "label", "certainty", "right", "looked"}


@pytest.mark.long
def test_who_is_asked_for_none_is_told_whose_answers_may_be_wrong(wb, capsys):
    assert len(wb.next(15, queue="second_look")) > 0
    assert "no second look" not in capsys.readouterr().out
    assert len(wb.next(15, queue="second_look", annotator="bob")) == 0
    assert "bob is asked for no second look" in (out := capsys.readouterr().out)
    assert "annotator='import'" not in out
    said = {str(item_id): NAMES[(TRUTH[n] + 3 * (n % 10 == 0)) % 10] for n, item_id in enumerate(wb.pool.ids[:200])}
    with hw.Workbench(wb.folder.parent / "q", wb.pool, NAMES, annotator="ada", holdout=0.0, device="cpu") as other:
        other.import_annotations(said)
        other.review(queue="second_look", explain=None).close()
        assert "open the project with annotator='import'" in capsys.readouterr().out
        assert len(other.next(15, queue="second_look", annotator="import")) > 0


def test_the_card_asks_for_second_looks(wb):
    review = wb.review(queue="second_look", explain=None)
    assert review.queue == "second_look"
    review.close()


def test_without_answers_there_is_nothing_to_look_at_again(tmp_path):
    wb = hw.Workbench(tmp_path / "q", hw.Pool.from_images(IMAGES[:20]), hw.Taxonomy(NAMES), annotator="ada",
                      device="cpu")
    assert len(wb.next(5, queue="second_look")) == 0
    assert wb.people.second_looks().empty
    with pytest.raises(BadInput, match="relabel, second_look"):
        wb.next(5, queue="third_look")
    wb.close()
