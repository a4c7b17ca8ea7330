"""Another person is asked about an item only where its votes leave the label in doubt."""

import numpy as np
import pytest

from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.taxonomy.labels import Taxonomy

NAMES = ["cat", "dog", "owl"]


@pytest.fixture
def open_(tmp_path):
    made = []

    def open_(annotators_per_item, n=60, *, folder="p", **more):
        pool = Pool.from_images(np.zeros((n, 2, 2), np.uint8), ids=[f"i{k}" for k in range(n)])
        made.append(Project(tmp_path / folder, pool, Taxonomy(NAMES), annotator="ada", holdout=0.0, audit=0.0,
                            annotators_per_item=annotators_per_item, notify=lambda line: None, **more))
        return made[-1]
    yield open_
    for project in made:
        project.close()


def answer(project, who, items, wrong=()):
    for item_id in items:
        k = int(item_id[1:])
        project.decide(item_id, label=NAMES[(k + (item_id in wrong)) % 3], annotator=who)


def test_people_who_agree_are_believed_and_a_tie_is_asked_first(open_):
    project = open_((2, 5))
    ids = [f"i{k}" for k in range(40)]
    answer(project, "ada", ids)
    answer(project, "bob", ids, wrong={"i7", "i20"})
    asked = project.next(60, annotator="cyd")
    assert {item.id for item in asked[:2]} == {"i7", "i20"}
    assert {item.chosen_by for item in asked[:2]} == {"disagreement"}
    # Two reliable people who agree leave no doubt: nobody else is asked about these.
    assert not {item.id for item in asked} & (set(ids) - {"i7", "i20"})
    assert {item.id for item in asked[2:]} == {f"i{k}" for k in range(40, 60)}
    answer(project, "cyd", ["i7", "i20"])
    assert not {item.id for item in project.next(60, annotator="dan")} & set(ids)


def test_nobody_is_asked_beyond_the_most_even_of_a_tie(open_):
    project = open_((1, 2), n=10)
    project.decide("i0", label="cat", annotator="ada")
    project.decide("i0", label="dog", annotator="bob")
    assert "i0" not in {item.id for item in project.next(10, annotator="cyd")}


def test_an_unsure_answer_leaves_the_item_to_somebody_else(open_):
    project = open_((1, 3), n=10)
    project.decide("i0", "unsure", annotator="ada")
    assert project.next(10, annotator="bob")[0].id == "i0"
    assert "i0" not in project.next(10, annotator="ada").ids


def test_opening_again_and_another_process_come_to_the_same_doubts(open_):
    project, other = open_((1, 4)), open_((1, 4))
    rng = np.random.default_rng(0)
    ids = [f"i{k}" for k in range(50)]
    for who, n_wrong in (("ada", 5), ("bob", 20), ("cyd", 5)):
        answer(project, who, ids[:35], wrong=set(rng.choice(ids[:35], n_wrong, replace=False).tolist()))
    asked = project.next(60, annotator="dan").ids
    assert len(set(asked) & set(ids[:35])) > 3
    again = open_((1, 4)).next(60, annotator="dan").ids
    other.refresh()
    assert other.next(60, annotator="dan").ids == again
    # What was answered since people were fitted last is judged by that fit: some items may differ.
    assert len(set(again) ^ set(asked)) <= 8


def test_an_edit_of_the_labels_is_followed(open_):
    project = open_((2, 5))
    ids = [f"i{k}" for k in range(40)]
    answer(project, "ada", ids)
    answer(project, "bob", ids, wrong={"i1"})  # "dog" and "owl"
    assert project.next(60, annotator="cyd")[0].id == "i1"
    project.apply(edits.merge(["dog", "owl"], "other"))
    assert "i1" not in project.next(60, annotator="cyd").ids


@pytest.mark.parametrize("given", [0, (2, 1), (1, 2, 3), (0, 2), "two", (1, 2.5), True])
def test_numbers_that_are_none_are_refused(open_, given):
    with pytest.raises(BadInput, match="annotators_per_item"):
        open_(given)


def test_of_a_set_each_label_is_a_question_and_the_least_certain_one_counts(open_):
    project = open_((2, 5), n=60, task="multilabel")
    ids = [f"i{k}" for k in range(40)]

    def answer_sets(who, items, wrong=()):
        for item_id in items:
            k = int(item_id[1:])
            on = {NAMES[j] for j in range(3) if (k >> j) & 1}
            project.decide(item_id, labels=sorted(on ^ {"owl"} if item_id in wrong else on), annotator=who)

    answer_sets("ada", ids)
    answer_sets("bob", ids, wrong={"i7", "i20"})
    asked = {item.id for item in project.next(60, annotator="cyd")}
    assert asked & set(ids) == {"i7", "i20"}  # they agree on all labels of the others
    answer_sets("cyd", ["i7", "i20"])
    assert not {item.id for item in project.next(60, annotator="dan")} & set(ids)
    project.apply(edits.add("lynx"))  # unknown to all answers: no reason to ask again
    assert not {item.id for item in project.next(60, annotator="dan")} & set(ids)
    project.apply(edits.split("cat", ["Manx", "tabby"]))
    assert {item.id for item in project.next(60, annotator="dan")}
