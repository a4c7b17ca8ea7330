"""Items that are asked together are no near-duplicates of each other, as long as there are others."""

import numpy as np
import pytest

from hitl_widgets.items.pool import Pool
from hitl_widgets.project.project import Project
from hitl_widgets.sampling.diversity import alike_below, diverse_margin, near_duplicates
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy

STRATEGIES = [None, "typiclust", "k_centre", "margin", "entropy", "diverse_margin", "balanced_margin"]


def scenes(n_scenes, n_frames, *, seed=0, apart=0.02):
    """Descriptors of films: scenes unlike each other, whose frames are nearly the same."""
    rng = np.random.default_rng(seed)
    frames = np.repeat(rng.normal(size=(n_scenes, 40)), n_frames, axis=0)
    return (frames + apart * rng.normal(size=frames.shape)).astype(np.float32)


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(rows, *, probs=None, **more):
        n = len(rows)
        project = Project(tmp_path / "p", Pool.from_images(np.zeros((n, 2, 2), np.uint8)), Taxonomy(["cat", "dog"]),
                          annotator="ada", notify=lambda said: None, **{"holdout": 0.0, "audit": 0.0} | more)
        project.selector.embeddings = project.selector.descriptors = lambda at: rows[at]
        if probs is not None:
            predictions = Predictions(project.folder / "predictions", model="m1", n_items=n,
                                      label_ids=project.taxonomy.label_ids, ids_digest=project.pool.digest)
            predictions.put(np.arange(n), np.stack([probs, 1 - probs], axis=1).astype(np.float32))
            project.use_predictions(predictions)
            project.selector.measured = lambda: {"n": 30, "right": 25, "loss": 0.4}
        made.append(project)
        return project
    yield open_
    for project in made:
        project.close()


def test_the_bar_lies_between_frames_of_a_scene_and_ordinary_neighbours():
    ordinary = np.random.default_rng(0).normal(size=(500, 40))
    copies = ordinary + 0.05 * np.random.default_rng(1).normal(size=ordinary.shape)
    nearest = np.sort(np.linalg.norm(ordinary[:, None] - ordinary[None, :200], axis=2), axis=0)[1]
    bar = alike_below(ordinary)
    assert np.linalg.norm(ordinary - copies, axis=1).max() < bar < np.quantile(nearest, 0.05)
    film = scenes(30, 20)
    within = np.linalg.norm(film[:20, None] - film[None, :20], axis=2)
    between = np.linalg.norm(film[::20, None] - film[None, ::20], axis=2)[~np.eye(30, dtype=bool)]
    assert within.max() < alike_below(film) < between.min()


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.zeros((1, 3)), np.zeros((9, 3)), np.full((9, 3), np.nan)])
def test_where_all_are_alike_or_unknown_the_bar_is_nothing(rows):
    assert alike_below(rows) == 0


def test_the_later_of_two_is_marked_and_what_is_taken_counts():
    rows = np.array([[0.0], [0.1], [5.0], [np.nan], [9.05], [5.1], [20.0], [20.1]])
    marked = near_duplicates(rows, np.array([[9.0], [np.nan]]), n=3, bar=0.2)
    assert marked.tolist() == [False, True, False, False, True, True, False, False]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_batch_has_two_frames_of_a_scene_as_long_as_there_are_other_scenes(opened, strategy):
    rows, n_scenes = scenes(30, 15), 30
    # The most doubtful items are all of the same three scenes.
    probs = np.where(np.arange(len(rows)) < 45, 0.5, np.linspace(0.6, 0.99, len(rows)))
    items = opened(rows, probs=probs).asking.claim(20, strategy=strategy)
    assert len({item.position // 15 for item in items}) == 20 <= n_scenes
    assert "random" not in {item.chosen_by for item in items}


def test_typical_items_without_a_model_are_of_different_scenes(opened):
    items = opened(scenes(30, 15)).asking.claim(20)
    assert {item.chosen_by for item in items} == {"typiclust"}
    assert len({item.position // 15 for item in items}) == 20


def test_what_is_on_the_screen_and_what_the_audit_asks_count(opened):
    project = opened(scenes(40, 10), probs=np.full(400, 0.5), audit=0.3)
    shown = [str(project.pool.ids[place]) for place in range(0, 60, 10)]
    items = project.asking.claim(20, showing=shown)
    chosen = [item.position // 10 for item in items if item.chosen_by == "diverse_margin"]
    drawn = [item.position // 10 for item in items if item.chosen_by == "audit"]
    assert len(drawn) >= 5
    assert len(set(chosen)) == len(chosen)
    assert not set(chosen) & {*drawn, *range(6)}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("rows", [np.zeros((30, 5), np.float32), scenes(1, 30), scenes(3, 10)])
def test_where_all_items_are_alike_they_are_asked_all_the_same(opened, rows, strategy):
    items = opened(rows, probs=np.linspace(0.5, 0.9, 30)).asking.claim(20, strategy=strategy)
    assert len(set(items.ids)) == 20


def test_items_of_few_scenes_come_one_from_each_first(opened):
    items = opened(scenes(3, 10), probs=np.linspace(0.5, 0.9, 30)).asking.claim(20)
    assert {item.position // 10 for item in items[:3]} == {0, 1, 2}


def test_a_strategy_of_ones_own_and_disagreement_keep_their_order(opened):
    project = opened(scenes(3, 10), probs=np.linspace(0.5, 0.9, 30), annotators_per_item=2)
    items = project.asking.next(5, strategy=lambda probs: probs[:, 0])
    assert [item.position for item in items] == [29, 28, 27, 26, 25]


def test_doubtful_items_of_many_kinds_are_chosen():
    kinds = np.repeat(np.arange(5), 40)
    rows = np.eye(5)[kinds] * 9 + np.random.default_rng(0).normal(size=(200, 5))
    top = np.where(kinds == 0, 0.5, 0.55) + np.linspace(0, 0.04, 200)
    scores = diverse_margin(np.stack([top, 1 - top], axis=1), rows, n=20)
    chosen = np.flatnonzero(~np.isnan(scores))
    assert len(chosen) == 20
    assert set(kinds[chosen]) == set(range(5))
    assert np.nanargmax(scores) == 0
