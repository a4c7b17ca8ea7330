"""Does the progress tell how many answers are left, and what a model of the background achieved?"""

import math

import numpy as np
import pytest
from spam import messages

import hitl_widgets as hw
from hitl_widgets import edits, simulate
from hitl_widgets.errors import BadInput
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.refits import FEWEST_ANSWERS, FEWEST_MEASURING, prefixes, refit, refit_rows
from hitl_widgets.quality.metrics import measure

NAMES = ["bars", "beams"]


def striped(n, rng):
    """Images of upright bars and of level beams under noise."""
    labels = rng.integers(2, size=n)
    phase = rng.integers(4, size=n)
    stripes = (np.arange(16)[None] + phase[:, None]) % 4 < 2
    across = np.broadcast_to(stripes[:, None, :], (n, 16, 16))
    images = np.where(labels[:, None, None] == 0, across, across.transpose(0, 2, 1)) * 90 + rng.normal(80, 70,
                                                                                                       (n, 16, 16))
    return np.clip(images, 0, 255).astype(np.uint8), labels


@pytest.fixture
def project(tmp_path):
    rng = np.random.default_rng(0)
    images, _ = striped(240, rng)
    pool = hw.Pool.from_images(images, ids=[f"i{k:03d}" for k in range(240)])
    with hw.Workbench(tmp_path / "p", pool, NAMES, annotator="ada", holdout=0.3) as wb:
        yield wb


def truth_of(wb):
    """The label of each item of `project`."""
    _, labels = striped(240, np.random.default_rng(0))
    return {str(item_id): NAMES[label] for item_id, label in zip(wb.pool.ids, labels, strict=True)}


def label(wb, *, n_training, n_holdout):
    """Answer so many items that teach and that measure, in a random order."""
    mask, truth = wb.project.queue.holdout, truth_of(wb)
    for places, n, why in ((np.flatnonzero(~mask), n_training, "random"), (np.flatnonzero(mask), n_holdout, "holdout")):
        for item_id in wb.pool.ids[np.random.default_rng(1).permutation(places)[:n]].tolist():
            wb.decide(item_id, label=truth[item_id],
                      seen=hw.Seen(chosen_by=why, taxonomy=wb.taxonomy.version))


@pytest.mark.parametrize("goal", [0, 1, -0.5, 1.5, "0.9", True, math.nan])
def test_a_goal_that_is_no_accuracy_is_refused(project, goal):
    with pytest.raises(BadInput, match="above 0 and below 1"):
        project.progress(goal=goal)


def test_with_too_few_answers_there_is_a_reason_and_no_number(project):
    label(project, n_training=FEWEST_ANSWERS - 1, n_holdout=0)
    goal = project.progress(goal=0.9).goal
    assert math.isnan(goal)
    assert goal.why == f"{FEWEST_ANSWERS - 1} answers can be learnt from; {FEWEST_ANSWERS} are needed to tell"
    label(project, n_training=FEWEST_ANSWERS, n_holdout=FEWEST_MEASURING - 1)
    progress = project.progress(goal=0.9)
    assert f"{FEWEST_MEASURING - 1} hold-out items have a blind answer" in repr(progress)
    assert project.progress().goal is None


@pytest.mark.long
def test_the_number_of_answers_left_stands_in_the_progress(project):
    label(project, n_training=60, n_holdout=60)
    progress = project.progress(goal=0.55)
    queue = project.project.queue
    assert progress.goal.n == 60
    assert progress.goal.most == int((~queue.holdout).sum()) - 60
    assert progress.goal.low <= progress.goal.value <= progress.goal.high
    assert progress.goal.value == 0  # stripes are easy
    assert "to a goal of 0.55" in repr(progress)
    assert "probably reached" in progress._repr_html_()
    progress.plot()


def test_the_models_learn_from_the_answers_in_their_order_and_never_from_the_holdout(project, monkeypatch):
    label(project, n_training=60, n_holdout=30)
    seen = {}

    def noted(rows, labels, weights, test, truth, **more):
        seen.update(rows=rows, labels=labels, test=test)
        return refit_rows(rows, labels, weights, test, truth, **more)
    monkeypatch.setattr("hitl_widgets.learn.refits.refit_rows", noted)
    refit(project.project, project.registry)
    mask = project.project.queue.holdout
    order = np.random.default_rng(1).permutation(np.flatnonzero(~mask))[:60]
    assert np.array_equal(seen["rows"], project.registry.descriptors.of(order))
    assert [NAMES[k] for k in seen["labels"]] == [truth_of(project)[item_id] for item_id in project.pool.ids[order]]
    assert len(seen["test"]) == 30


def test_the_background_models_accuracy_is_measured_and_named_as_such(project):
    label(project, n_training=80, n_holdout=40)
    assert len(project.progress().accuracy) == 0
    BackgroundLearning(project.project, lambda: project.registry, notify=lambda _: None).learn()
    progress = project.progress(n_answers=20)
    [row] = progress.accuracy.to_dict("records")
    assert (row["source"], row["origin"], row["answers"], row["n"]) == ("holdout", "background", 80, 40)
    assert row["model"] == project.registry.adopted
    truth = project.project.measuring().holdout
    places = np.fromiter(truth, np.int64)
    probs = project.registry.predictor(project.registry.find(row["model"])).predict(places.tolist())
    top = np.array(project.registry.inference.predictor.label_ids)[probs.argmax(axis=1)]
    assert row["share"] == np.mean(top == np.array(list(truth.values())))
    assert "background model of 80 answers" in repr(progress)
    assert (progress.gained.n, progress.gained_by) == (40, 20)
    assert progress.likely.n == 40
    assert "background" in progress._repr_html_()


@pytest.mark.long
def test_nets_that_were_turned_down_dont_tell_what_the_background_models_answers_gained(project):
    label(project, n_training=80, n_holdout=40)
    BackgroundLearning(project.project, lambda: project.registry, notify=lambda _: None).learn()
    expected = project.progress(n_answers=20)
    ids = project.taxonomy.label_ids
    for n_training, n_right in ((40, 16), (60, 8)):
        after = measure(np.eye(2)[(np.arange(40) < n_right).astype(int)], [ids[1]] * 40, ids, NAMES)
        project.project.record("trained", {
            "before": after.to_dict(), "after": after.to_dict(), "gain": None, "model": f"m{n_training}", "key": "",
            "former": project.registry.adopted, "n_training": n_training, "n_validation": 0, "adopted": False})
    progress = project.progress(n_answers=20)
    assert (progress.gained, progress.gained_by) == (expected.gained, 20)
    assert (progress.likely, progress.likely.n) == (expected.likely, 40)


def test_a_background_model_that_somebody_went_back_to_is_measured(project):
    learns = BackgroundLearning(project.project, lambda: project.registry, notify=lambda _: None)
    label(project, n_training=40, n_holdout=40)
    first = learns.learn()
    label(project, n_training=80, n_holdout=0)
    assert learns.learn() not in (None, first)
    project.adopt(first)
    progress = project.progress()
    [row] = progress.accuracy.to_dict("records")
    assert (row["model"], row["origin"], row["answers"], row["n"]) == (first, "background", 40, 40)
    assert "background model of 40 answers" in repr(progress)


@pytest.mark.long
def test_accuracies_of_background_models_under_other_labels_are_other_curves(project):
    learns = BackgroundLearning(project.project, lambda: project.registry, notify=lambda _: None)
    label(project, n_training=40, n_holdout=10)
    learns.learn()
    simulate(project, truth_of(project), n=40, error=0.0)
    project.apply(edits.add("grids"))
    assert learns.learn() is not None
    simulate(project, truth_of(project), n=40, error=0.0)
    accuracy = project.progress().accuracy
    audited = accuracy[accuracy["source"] == "audit"]
    assert audited["model"].nunique() == 2
    assert audited["curve"].tolist() == [1, 2]
    assert accuracy.loc[accuracy["source"] == "holdout", "curve"].tolist() == [2]


def test_models_are_refitted_on_few_first_answers_and_on_all():
    for n in (40, 60, 200, 10_000):
        sizes = prefixes(n)
        assert sizes[-1] == n
        assert n - 50 in sizes or n - 50 < sizes[0]
        assert len(sizes) <= 11
        assert sizes[0] >= 20


def test_the_models_are_those_that_the_background_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    angle = rng.uniform(0, 2 * np.pi, 400)
    rows = ((1 + 2 * labels)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])).astype(np.float32)
    refits = refit_rows(rows[:100], labels[:100], np.ones(100), rows[100:], labels[100:], n_labels=2)
    assert refits.right[-1].mean() > 0.95  # rings, which no line tells apart


@pytest.mark.long
def test_of_texts_the_models_are_additive_nets_as_the_background_learns(tmp_path):
    """They were models over descriptors, worse than the one in use: a goal that it had reached was told as far away."""
    texts, spam = messages(400)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["ham", "spam"], annotator="ada", holdout=0.4,
                      progress=False) as wb:
        mask, slips = wb.project.queue.holdout, np.random.default_rng(0).random(400) < 0.15
        for places, why in ((np.flatnonzero(~mask)[:80], "random"), (np.flatnonzero(mask), "holdout")):
            for place in places.tolist():  # with slips no model is right on all
                said = spam[place] ^ (why == "random" and slips[place])
                wb.decide(wb.pool.ids[place], label="spam" if said else "ham", seen=hw.Seen(chosen_by=why, taxonomy=1))
        BackgroundLearning(wb.project, lambda: wb.registry, notify=lambda _: None).learn()
        places = np.array(list(wb.project.measuring().holdout))
        top = wb.registry.inference.probs(places).argmax(axis=1)
        right = top == np.array([wb.taxonomy.label_ids.index(label) for label in
                                 wb.project.measuring().holdout.values()])
        refits = refit(wb.project, wb.registry)
        assert 0.6 < right.mean() < 0.99
        assert (refits.right[-1] == right).mean() > 0.97
        assert refits.answers[-1] == 80


def test_an_item_that_was_skipped_counts_when_it_is_answered(project, monkeypatch):
    queue, seen = project.project.queue, {}
    places = np.flatnonzero(~queue.holdout)
    project.decide(project.pool.ids[places[0]], verdict="skip")
    label(project, n_training=0, n_holdout=30)
    for item_id in [*project.pool.ids[places[1:60]], project.pool.ids[places[0]]]:
        project.decide(item_id, label=truth_of(project)[item_id])

    def noted(rows, labels, weights, test, truth, **more):
        seen.update(rows=rows)
        return refit_rows(rows, labels, weights, test, truth, **more)
    monkeypatch.setattr("hitl_widgets.learn.refits.refit_rows", noted)
    refit(project.project, project.registry)
    assert np.array_equal(seen["rows"], project.registry.descriptors.of(np.append(places[1:60], places[0])))


def test_answers_of_one_label_tell_nothing():
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    refits = refit_rows(rows, np.zeros(50, np.int64), np.ones(50), rows, np.zeros(50, np.int64), n_labels=2)
    assert "all answers so far are one label" in repr(refits.likely(20))
