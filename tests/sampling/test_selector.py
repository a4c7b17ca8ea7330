"""Is it the right strategy that speaks, and does it see what it should?"""

import threading

import numpy as np
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.sampling.selector import AHEAD, TYPICAL_OF_OBJECTS, TYPICAL_OF_VALUES, TYPICAL_PER_LABEL
from hitl_widgets.sampling.strategies import INPUTS, STRATEGIES, inputs_of, scores_of
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy
from hitl_widgets.testing import wait_for

NAMES = ["cat", "dog", "owl"]
ENOUGH = TYPICAL_PER_LABEL * len(NAMES)


def nothing(n):
    """A pool whose pictures nobody looks at."""
    return Pool.from_images(np.zeros((n, 2, 2), np.uint8), ids=[f"i{k}" for k in range(n)])


@pytest.fixture
def said():
    return []


@pytest.fixture
def opened(tmp_path, said):
    made = []

    def open_(n=200, *, names=NAMES, holdout=0.0, **more):
        project = Project(tmp_path / "p", nothing(n), Taxonomy(names), annotator="ada", holdout=holdout,
                          notify=said.append, **more)
        looks = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
        project.selector.embeddings = lambda positions: looks[positions]
        made.append(project)
        return project
    yield open_
    for project in made:
        project.close()


def predicted(project, probs, *, model="m1"):
    n = len(probs)
    predictions = Predictions(project.folder / "predictions", model=model, label_ids=project.taxonomy.label_ids,
                              ids_digest=project.pool.digest, n_items=n)
    predictions.put(np.arange(n), probs.astype(np.float32))
    project.use_predictions(predictions)


def some_probs(n, n_labels=3, *, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_labels), n)


def reasons(items):
    return {item.chosen_by for item in items} - {"audit"}


# -- what a strategy is ----------------------------------------------------------------------------------------

def test_a_function_of_one_thing_sees_probabilities_whatever_it_calls_them():
    assert inputs_of(lambda p: p[:, 0]) == {"probs": True}
    assert scores_of(lambda p: p[:, 0], {"probs": lambda: np.eye(2)}, n_items=2).tolist() == [1, 0]


def test_a_function_sees_what_its_parameters_name():
    def near_the_answered(embeddings, labelled, scale=2.0):
        return -scale * np.abs(embeddings - labelled.mean(axis=0)).sum(axis=1)
    inputs = {"embeddings": lambda: np.array([[0.0], [3.0]]), "labelled": lambda: np.array([[1.0]])}
    assert scores_of(near_the_answered, inputs, n_items=2).tolist() == [-2, -4]


def test_what_cannot_be_seen_is_told():
    with pytest.raises(BadInput, match=r"'weather'.*probs, embeddings"):
        inputs_of(lambda probs, weather: probs)
    assert scores_of(STRATEGIES["typiclust"], {"embeddings": lambda: None}, n_items=2) is None
    with pytest.raises(ShapeError, match="3 items"):
        scores_of(lambda probs: probs, {"probs": lambda: np.eye(3)}, n_items=3)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_looks_at_what_there_is(name):
    assert set(inputs_of(STRATEGIES[name])) <= set(INPUTS)


class Known:
    """What is known of the objects of a pool: a number for each image, by its position."""

    has_model = True

    def state(self, *, of_answers: bool) -> int:
        return 0

    def doubt(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray(positions * 7 % 200 / 200)

    contested = corrected = doubt


# -- the queue asks by it --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_orders_the_queue_and_says_so(opened, name):
    project = opened(annotators_per_item=2)
    predicted(project, some_probs(200))
    project.selector.descriptors = project.selector.embeddings
    project.selector.spread = lambda rows: np.abs(rows[:, 0])
    project.selector.objects = Known()
    for k in range(30):
        project.decide(f"i{k}", label=NAMES[k % 3], annotator="bob")
    items = project.next(10, strategy=name)
    assert {item.chosen_by for item in items} == {name}
    assert len(set(items.ids)) == 10


def test_where_values_are_asked_items_come_of_whose_values_least_is_known(opened, said):
    project = opened(audit=0.0)
    selector = project.selector
    selector.descriptors = selector.embeddings
    selector.over_values = lambda: True
    assert selector.default(project.queue, project.lineage) == "typiclust"
    spread = np.random.default_rng(0).random(200).astype(np.float32)
    rows = selector.descriptors(np.arange(200))
    selector.spread = lambda some: spread[np.square(some[:, None] - rows[None]).sum(axis=2).argmin(axis=1)]
    selector.value_model = lambda: "heads"
    queue = project.queue
    for k in range(TYPICAL_OF_VALUES):
        assert selector.default(queue, project.lineage) == "typiclust"
        project.decide(f"i{k}", label="cat")
    assert selector.default(queue, project.lineage) == "diverse_spread"
    assert "least is known" in said[-1]
    open_ = np.arange(TYPICAL_OF_VALUES, 200)
    most = int(open_[spread[open_].argmax()])
    for name in ("margin", "entropy", "balanced_margin"):  # names of strategies over labels stay valid
        items = project.next(10, strategy=name)
        assert (items[0].position, items[0].chosen_by) == (most, "spread")
        assert np.mean(spread[[item.position for item in items]]) > 0.9
    diverse = project.next(10, strategy="diverse_margin")
    assert {item.chosen_by for item in diverse} == {"diverse_spread"}
    assert np.mean(spread[[item.position for item in diverse]]) > np.mean(spread[open_])


def test_where_objects_are_asked_images_come_of_whose_objects_least_is_known(opened, said):
    project = opened(audit=0.0)
    selector, known = project.selector, Known()
    selector.descriptors, selector.over_objects = selector.embeddings, lambda: True
    queue = project.queue
    for k in range(TYPICAL_OF_OBJECTS):
        assert selector.default(queue, project.lineage) == "typiclust"
        project.decide(f"i{k}", label="cat")
    assert selector.default(queue, project.lineage) == "typiclust"  # there is no model
    selector.objects = known
    assert selector.default(queue, project.lineage) == "diverse_doubt"
    assert "least certain" in said[-1]
    open_ = np.arange(TYPICAL_OF_OBJECTS, 200)
    most = int(open_[known.doubt(open_).argmax()])
    for name in ("margin", "entropy", "least_confidence"):  # names of strategies over labels stay valid
        items = project.next(10, strategy=name)
        assert (items[0].position, items[0].chosen_by) == (most, "doubt")
    assert {item.chosen_by for item in project.next(10, strategy="diverse_margin")} == {"diverse_doubt"}
    assert {item.chosen_by for item in project.next(10, strategy="disagreement")} == {"contested"}


def test_images_come_first_that_look_like_those_that_were_corrected(opened):
    project = opened(audit=0.0)
    selector = project.selector
    rows = np.arange(200.0)[:, None]
    selector.embeddings = selector.descriptors = lambda positions: rows[positions]
    selector.over_objects, selector.objects = lambda: True, Known()
    selector.objects.corrected = lambda positions: np.where(np.abs(positions - 30) < 10, 1.0, 0.0)
    for k in range(0, 200, 5):
        project.decide(f"i{k}", label="cat")
    places = [item.position for item in project.next(8, strategy="most_corrected")
              if item.chosen_by == "most_corrected"]
    assert all(abs(place - 30) <= 16 for place in places[:3])  # others are unlike these, as in every batch


def test_other_heads_make_another_order(opened):
    project = opened(audit=0.0)
    selector = project.selector
    selector.descriptors = selector.embeddings
    selector.value_model = lambda: "first"
    selector.spread = lambda rows: np.arange(len(rows))
    first = project.next(5, strategy="spread").ids
    selector.spread = lambda rows: np.arange(len(rows), 0, -1)
    assert project.next(5, strategy="spread").ids == first
    selector.value_model = lambda: "second"
    assert project.next(5, strategy="spread").ids != first


def test_items_whose_answers_the_model_contradicts_come_first(opened):
    project = opened(20, annotators_per_item=2)
    predicted(project, np.tile([0.9, 0.05, 0.05], (20, 1)))
    project.decide("i3", label="cat", annotator="bob")
    project.decide("i7", label="owl", annotator="bob")
    assert project.next(2, strategy="disagreement").ids == ["i7", "i3"]


def test_a_strategy_of_ten_lines_that_uses_embeddings_and_answers(opened):
    def unlike(embeddings, labelled, counts, n):
        assert counts.tolist() == [1, 1, 0]
        return np.square(embeddings[:, None] - labelled[None]).sum(axis=2).min(axis=1)
    project = opened()
    project.decide("i0", label="cat")
    project.decide("i1", label="dog")
    looks = project.selector.embeddings(np.arange(200))
    far = np.square(looks[:, None] - looks[None, :2]).sum(axis=2).min(axis=1)
    [first, *_] = project.next(3, strategy=unlike)
    assert (first.position, first.chosen_by) == (int(far.argmax()), "unlike")


def test_answers_do_not_shuffle_an_order_of_far_items(opened):
    project = opened()
    first = project.next(AHEAD, strategy="k_centre").ids
    for item_id in first[:5]:
        project.decide(item_id, label="cat")
    assert project.next(AHEAD - 5, strategy="k_centre").ids == first[5:]


def test_what_others_hold_counts_as_answered_and_is_not_chosen(opened):
    project = opened()
    bobs = set(project.claim(6, strategy="k_centre", annotator="bob").ids)
    assert not bobs & set(project.next(AHEAD, strategy="k_centre", annotator="ada").ids)


@pytest.mark.parametrize("strategy", ["marign", 7, lambda weather, probs: probs])
def test_what_is_no_strategy_is_refused(opened, strategy):
    with pytest.raises(BadInput, match="strategy"):
        opened().next(3, strategy=strategy)


# -- the default strategy -------------------------------------------------------------------------------------

def test_the_default_begins_with_typical_items_changes_to_uncertain_ones_and_says_so(opened, said):
    project = opened()
    predicted(project, some_probs(200))
    assert reasons(project.next(20)) == {"typiclust"}
    for k in range(ENOUGH - 1):
        project.decide(f"i{k}", label="cat")
    assert reasons(project.next(20)) == {"typiclust"}
    assert said == []
    project.decide("i150", label="cat")
    assert reasons(project.next(20)) == {"diverse_margin"}
    assert len(said) == 1
    assert "uncertain items, where the model's two best labels are close" in said[0]
    assert f"now that {ENOUGH} items are answered" in said[0]
    project.next(20)
    assert len(said) == 1


def test_without_a_model_the_default_goes_on_with_typical_items_and_says_what_to_do(opened, said):
    project = opened()
    project.next(5)
    for k in range(ENOUGH):
        project.decide(f"i{k}", label="cat")
    assert reasons(project.next(20)) == {"typiclust"}
    assert "no model yet; uncertain items follow once one was learnt, in the background" in said[0]
    assert project.selector.why in said[0]


def test_where_nobody_knows_what_items_look_like_chance_decides(opened):
    project = opened()
    project.selector.embeddings = lambda positions: None
    assert reasons(project.next(20)) == {"random"}
    predicted(project, some_probs(200))
    assert reasons(project.next(20)) == {"random", "margin"}


# -- the audit -------------------------------------------------------------------------------------------------

def test_one_in_ten_of_those_that_teach_is_drawn_by_chance_and_marked(opened):
    project = opened(2_000, holdout=0.2)
    predicted(project, some_probs(2_000))
    items = project.claim(400, strategy="margin")
    teaching = [item for item in items if item.chosen_by != "holdout"]
    audit = [item for item in teaching if item.chosen_by == "audit"]
    assert len(audit) == pytest.approx(0.1 * len(teaching), abs=1)
    assert 0 < sum(item.blind for item in audit) < len(audit)
    assert {(item.arm, item.blind, item.arm_probability) for item in audit} == {
        ("blind", True, 0.5), ("shown", False, 0.5)}
    decision = project.decide(audit[0].id, label="cat", seen={"chosen_by": "audit"})
    assert project.log.get(decision.id).body["seen"]["chosen_by"] == "audit"


def test_asking_one_at_a_time_keeps_the_audits_share(opened):
    project = opened(300)
    predicted(project, some_probs(300))
    asked = []
    for _ in range(60):
        [item] = project.claim(1, strategy="margin")
        asked.append(item.chosen_by)
        project.decide(item.id, label="cat")
    assert asked.count("audit") == 6


def test_the_audit_is_drawn_without_regard_to_doubt_from_what_a_strategy_has_asked_too(opened):
    """It was drawn from what was still open, after margin had taken the doubtful items."""
    project = opened(3_000)
    probs = some_probs(3_000)
    predicted(project, probs)
    asked = project.claim(1_500, strategy="margin")
    for item in asked:
        project.queue.mark(item.position, "ada", closed=True)
    confidence, drawn = probs.max(axis=1), project.queue.audit.drawn
    sample = project.queue.audited()
    for hidden in (True, False):
        half = [place for place in sample.tolist() if project.asking.arms.of(
            "ada", str(project.pool.ids[place]), audited=True).arm == ("blind" if hidden else "shown")]
        error = confidence.std() / len(half) ** 0.5
        assert confidence[half].mean() == pytest.approx(confidence.mean(), abs=2.5 * error)
        assert {item.chosen_by for item in asked if item.position in half} == {"audit", "margin"}
    line = [item.position for item in asked if item.chosen_by == "audit"]
    assert drawn[line].all()
    assert confidence[line].mean() > confidence.mean() + 0.02  # what the audit's own places got, margin had left
    # An item of the audit is shown as one, whichever line asks it.
    assert all((item.arm_probability == 0.5) == project.queue.audit.is_drawn(item.position) for item in asked)


@pytest.mark.parametrize(("audit", "n"), [(0.0, 0), (0.5, 20), (1.0, 40)])
def test_the_audits_share_can_be_chosen(opened, audit, n):
    items = opened(200, audit=audit).claim(40)
    assert [item.chosen_by for item in items].count("audit") == n


@pytest.mark.parametrize("audit", [-0.1, 1.5, True, "some"])
def test_a_share_that_is_none_is_refused(opened, audit):
    with pytest.raises(BadInput, match="audit"):
        opened(audit=audit)


# -- no stall --------------------------------------------------------------------------------------------------

def test_decisions_go_on_while_new_predictions_of_a_hundred_thousand_items_come_in(opened):
    n = 100_000
    project = opened(n)
    predicted(project, some_probs(n, seed=1))
    project.next(20, strategy="margin")
    decided, done = [], threading.Event()

    def decide():
        while not done.is_set():
            decided.append(project.decide(f"i{len(decided)}", label="cat"))
    thread = threading.Thread(target=decide)
    thread.start()
    try:
        fresh = some_probs(n, seed=2)
        for start in range(0, n, 20_000):  # as they come in, block by block
            block = np.arange(start, start + 20_000)
            project.ranking.put(block, fresh[block].astype(np.float32), project.lineage)
            items = project.next(20, strategy="margin")
            before = len(decided)
            wait_for(lambda before=before: len(decided) > before)
    finally:
        done.set()
        thread.join()
    doubt = 1 - np.abs(np.diff(np.sort(fresh, axis=1)[:, -2:], axis=1))[:, 0]
    open_ = np.setdiff1d(np.arange(n), np.arange(len(decided)))
    assert doubt[[item.position for item in items]].min() >= np.sort(doubt[open_])[-20] - 1e-6
