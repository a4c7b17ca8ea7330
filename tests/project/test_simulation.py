"""Does the simulated annotator err, follow and hesitate as it was told to?"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, UnknownLabel
from hitl_widgets.records import PredictedValue
from hitl_widgets.storage.arrays import Predictions

NAMES = [f"label {k}" for k in range(5)]
IMAGES = np.random.default_rng(0).integers(0, 255, (480, 8, 8), np.uint8)
POOL = hw.Pool.from_images(IMAGES)
TRUTH = {item_id: NAMES[k % 5] for k, item_id in enumerate(POOL.ids)}


@pytest.fixture
def wb(tmp_path):
    wb = hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(NAMES), annotator="ada", holdout=0.0)
    yield wb
    wb.close()


def let_model_say(wb, names, *, runner_up="label 4"):
    """A model that says `names`, one per item, with a certain runner-up."""
    predictions = Predictions(wb.folder / "predictions", model="fake", label_ids=wb.taxonomy.label_ids,
                              ids_digest=POOL.digest, n_items=len(POOL))
    wb.project.use_predictions(predictions)
    probs = np.full((len(POOL), 5), 0.01, np.float32)
    probs[:, NAMES.index(runner_up)] = 0.27
    probs[np.arange(len(POOL)), [NAMES.index(name) for name in names]] = 0.7
    wb.project.ranking.put(np.arange(len(POOL)), probs / probs.sum(axis=1, keepdims=True), wb.project.lineage)


@pytest.mark.long
def test_it_errs_as_often_as_it_was_told(wb):
    rows = hw.simulate(wb, TRUTH, n=300, error=0.2)
    assert binomtest(int((~rows["right"]).sum()), 300, 0.2).pvalue > 0.001
    assert len(wb.annotations()) == 300


@pytest.mark.long
def test_its_certainty_tells_right_from_wrong(wb):
    rows = hw.simulate(wb, TRUTH, n=400, error=0.3)
    assert roc_auc_score(rows["right"], rows["certainty"]) == pytest.approx(0.85, abs=0.05)
    assert rows["certainty"].between(0, 10).all()


@pytest.mark.long
def test_how_well_its_certainty_tells_can_be_set(wb):
    rows = hw.simulate(wb, TRUTH, n=300, error=0.3, auroc=0.5)
    assert roc_auc_score(rows["right"], rows["certainty"]) == pytest.approx(0.5, abs=0.08)


@pytest.mark.long
def test_it_follows_wrong_visible_suggestions_as_often_as_it_was_told(wb):
    let_model_say(wb, ["label 3"] * len(POOL))
    rows = hw.simulate(wb, TRUTH, n=250, error=0.0, bias=0.4)
    misled = rows[rows["truth"] != "label 3"]
    assert binomtest(int((misled["verdict"] == "accept").sum()), len(misled), 0.4).pvalue > 0.001
    assert rows[rows["truth"] == "label 3"]["right"].all()


def test_without_bias_it_corrects_every_wrong_suggestion(wb):
    let_model_say(wb, ["label 3"] * len(POOL))
    rows = hw.simulate(wb, TRUTH, n=80, error=0.0)
    assert rows["right"].all()
    assert set(rows["verdict"]) == {"accept", "correct", "answer"}  # one half of the audit is blind


@pytest.mark.long
def test_it_errs_towards_what_the_model_confuses(wb):
    let_model_say(wb, [TRUTH[item_id] for item_id in POOL.ids])
    rows = hw.simulate(wb, TRUTH, n=250, error=0.5)
    wrong = rows[~rows["right"] & (rows["truth"] != "label 4")]
    assert (wrong["label"] == "label 4").mean() > 0.75


@pytest.mark.long
def test_without_a_model_it_errs_towards_what_looks_alike(tmp_path):
    shades = np.repeat(np.array([0, 20, 200], np.uint8), 100)
    pool = hw.Pool.from_images(np.broadcast_to(shades[:, None, None], (300, 8, 8)).copy())
    truth = dict(zip(pool.ids, np.repeat(["black", "dark", "light"], 100), strict=True))
    wb = hw.Workbench(tmp_path / "p", pool, hw.Taxonomy(["black", "dark", "light"]), annotator="ada", holdout=0)
    rows = hw.simulate(wb, truth, n=200, error=0.5)
    wrong = rows[(rows["truth"] == "black") & ~rows["right"]]
    assert (wrong["label"] == "dark").mean() > 0.6
    wb.close()


@pytest.mark.long
def test_blind_items_are_answered_without_a_look_at_the_suggestion(tmp_path):
    wb = hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(NAMES), annotator="ada", holdout=0.5, audit=0,
                      arms={"blind": 0})
    let_model_say(wb, ["label 3"] * len(POOL))
    hw.simulate(wb, TRUTH, n=200, error=0.0, bias=1.0)
    history = wb.history().query("kind == 'decided'")
    hidden = history[[body["seen"].get("hidden", False) for body in history["body"]]]
    assert len(hidden) > 30
    assert (hidden["verdict"] == "answer").all()
    assert set(hidden["item_id"]) == set(wb.project.reference())
    wb.close()


def test_it_takes_time_and_says_so(wb):
    rows = hw.simulate(wb, TRUTH, n=50)
    bodies = wb.history().query("kind == 'decided'")["body"]
    took = [body["seen"]["shown_ms"] for body in bodies]
    assert len(took) == len(rows)
    assert 500 < np.median(took) < 5000
    assert wb.annotations()["acted_at"].is_unique


@pytest.mark.long
def test_the_same_seed_gives_the_same_answers(tmp_path):
    frames = []
    for folder in ("a", "b"):
        wb = hw.Workbench(tmp_path / folder, POOL, hw.Taxonomy(NAMES), annotator="ada", holdout=0.0)
        frames.append(hw.simulate(wb, TRUTH, n=60, error=0.3, seed=4))
        wb.close()
    assert frames[0].equals(frames[1])


def test_a_second_call_goes_on_and_a_new_session_repeats_nothing(tmp_path, capsys):
    def session():
        wb = hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(NAMES), annotator="ada", holdout=0.0)
        made = [len(hw.simulate(wb, TRUTH, n=20)) for _ in range(2)], len(wb.annotations())
        wb.close()
        return made
    assert session() == ([20, 20], 40)
    assert session() == ([0, 0], 40)
    assert "another seed" in capsys.readouterr().out


def test_an_empty_queue_ends_it_in_words(tmp_path, capsys):
    pool = hw.Pool.from_images(IMAGES[:5])
    wb = hw.Workbench(tmp_path / "p", pool, hw.Taxonomy(NAMES), annotator="ada", holdout=0.0)
    assert len(hw.simulate(wb, TRUTH_OF_FIVE, n=9)) == 5
    assert "nothing more to decide after 5" in capsys.readouterr().out
    wb.close()


TRUTH_OF_FIVE = NAMES


@pytest.mark.parametrize("bad", [{"error": 1.5}, {"bias": -1}, {"auroc": 0.2}, {"error": "0.1"}])
def test_shares_outside_their_range_are_refused(wb, bad):
    with pytest.raises(BadInput, match=next(iter(bad))):
        hw.simulate(wb, TRUTH, n=1, **bad)


@pytest.mark.long
def test_more_than_the_pool_holds_ends_with_the_pool(wb):
    with pytest.raises(BadInput, match="n is -1"):
        hw.simulate(wb, TRUTH, n=-1)
    wb.import_annotations(pd.DataFrame({"id": POOL.ids[20:], "label": [TRUTH[i] for i in POOL.ids[20:]]}))
    assert len(hw.simulate(wb, TRUTH, n=10**9)) == 20


def test_a_truth_that_is_a_series_speaks_of_the_items_in_its_index_whatever_their_order(wb):
    truth = pd.Series(TRUTH).sample(frac=1, random_state=0)
    assert hw.simulate(wb, truth, n=20, error=0).set_index("item_id")["truth"].to_dict().items() <= TRUTH.items()


def test_a_truth_that_does_not_cover_the_pool_is_refused(wb):
    with pytest.raises(BadInput, match="3 labels for a pool of 480"):
        hw.simulate(wb, NAMES[:3], n=1)
    with pytest.raises(BadInput, match="has no truth"):
        hw.simulate(wb, {"0": NAMES[0]}, n=5)


# -- several labels, and values

SCENES = ["indoor", "people", "night"]
SETS = [[name for k, name in enumerate(SCENES) if number >> k & 1] for number in range(8)]
SOME = hw.Pool.from_images(IMAGES[:320])
SETS_OF = {item_id: SETS[k % 8] for k, item_id in enumerate(SOME.ids)}
ASKED = hw.Taxonomy(["dog", "car"], attributes=[hw.Attribute("blur", scale=(0, 10)),
                                                hw.Attribute("view", choices=["front", "side"], labels=["dog"])])
SHOWN = {"blind": 0.0, "no_map": 0.0, "answer_first": 0.0, "shown": 1.0}


@pytest.fixture
def project(tmp_path):
    opened = []

    def opening(taxonomy, **more):
        opened.append(hw.Workbench(tmp_path / "p", SOME, taxonomy, annotator="ada", holdout=0.0, audit=0.0, arms=SHOWN,
                                   **more))
        return opened[-1]
    yield opening
    for wb in opened:
        wb.close()


def let_model_say_sets(wb, probs, *, on_from):
    """A model that gives every item these probabilities, and puts labels on from one of them."""
    predictions = Predictions(wb.folder / "predictions", model="fake", label_ids=wb.taxonomy.label_ids,
                              ids_digest=SOME.digest, n_items=len(SOME))
    wb.project.use_predictions(predictions)
    of_label = dict(zip(SCENES, probs, strict=True))
    row = np.array([of_label[name] for name in wb.taxonomy.names], np.float32)
    wb.project.ranking.thresholds = dict.fromkeys(wb.taxonomy.label_ids, on_from)
    wb.project.ranking.put(np.arange(len(SOME)), np.tile(row, (len(SOME), 1)), wb.project.lineage)


def touched_by(wb):
    history = wb.history()
    return [body.get("touched") for body in history[history["kind"] == "decided"]["body"]]


def test_it_answers_with_sets_and_touches_each_label_that_is_on_where_nothing_is_suggested(project):
    wb = project(SCENES, task="multilabel")
    rows = hw.simulate(wb, SETS_OF, n=40, error=0.0)
    answered = wb.annotations().set_index("item_id")["labels"]
    assert {item_id: sorted(labels) for item_id, labels in answered.items()} == \
        {item_id: sorted(SETS_OF[item_id]) for item_id in rows["item_id"]}
    assert rows["right"].all()
    assert (rows["label"] == rows["truth"]).all()
    assert "none of them" in set(rows["label"])
    assert [len(some) for some in touched_by(wb)] == [len(SETS_OF[item_id]) for item_id in rows["item_id"]]


def test_of_suggested_labels_it_touches_those_that_differ(project):
    wb = project(SCENES, task="multilabel")
    let_model_say_sets(wb, [0.5, 0.05, 0.45], on_from=0.3)
    rows = hw.simulate(wb, SETS_OF, n=40, error=0.0)
    differ = [set(SETS_OF[item_id]) ^ {"indoor", "night"} for item_id in rows["item_id"]]
    assert [{wb.taxonomy.name_of(one) for one in some} for some in touched_by(wb)] == differ
    assert [verdict == "accept" for verdict in rows["verdict"]] == [not some for some in differ]


@pytest.mark.long
def test_an_error_in_a_set_is_one_label_likely_one_that_the_model_is_not_sure_of(project):
    wb = project(SCENES, task="multilabel")
    let_model_say_sets(wb, [0.05, 0.05, 0.9], on_from=0.95)
    rows = hw.simulate(wb, SETS_OF, n=200, error=0.4)
    wrong = rows[~rows["right"]]
    assert binomtest(len(wrong), 200, 0.4).pvalue > 0.001
    given = wb.annotations().set_index("item_id")["labels"]
    changed = [set(given[item_id]) ^ set(SETS_OF[item_id]) for item_id in wrong["item_id"]]
    assert {len(some) for some in changed} == {1}
    without = [some for some, item_id in zip(changed, wrong["item_id"], strict=True)
               if "night" not in SETS_OF[item_id] and not SETS_OF[item_id]]
    assert np.mean([some == {"night"} for some in without]) > 0.7


@pytest.mark.long
def test_it_follows_wrong_sets_as_often_as_it_was_told(project):
    wb = project(SCENES, task="multilabel")
    let_model_say_sets(wb, [0.04, 0.9, 0.06], on_from=0.5)
    rows = hw.simulate(wb, SETS_OF, n=200, error=0.0, bias=0.3)
    misled = rows[rows["truth"] != "people"]
    assert binomtest(int((misled["verdict"] == "accept").sum()), len(misled), 0.3).pvalue > 0.001


def test_beside_a_label_it_gives_the_values_that_are_asked_of_it(project):
    wb = project(ASKED)
    truth = {item_id: ["dog", "car"][k % 2] for k, item_id in enumerate(SOME.ids)}
    values = {item_id: {"blur": np.int64(k % 11), "view": "side"} for k, item_id in enumerate(SOME.ids)}
    rows = hw.simulate(wb, truth, n=30, error=0.0, values=values)
    table = wb.values().merge(rows[["item_id", "label"]])
    assert set(table[table["label"] == "car"]["attribute"]) == {"blur"}
    assert set(table[table["label"] == "dog"]["attribute"]) == {"blur", "view"}
    blur = table[table["attribute"] == "blur"]
    assert blur["value"].tolist() == [values[item_id]["blur"] for item_id in blur["item_id"]]
    assert rows["values"][0] == {name: values[rows["item_id"][0]][name] for name in rows["values"][0]}


@pytest.mark.long
def test_where_values_alone_are_asked_the_truth_is_values(project):
    wb = project(hw.Taxonomy(attributes=ASKED.attributes[:1]), task="scale")
    truth = [k % 11 for k in range(len(SOME))]
    rows = hw.simulate(wb, truth, n=150, error=0.2)
    assert binomtest(int((~rows["right"]).sum()), 150, 0.2).pvalue > 0.001
    assert wb.values()["value"].between(0, 10).all()
    assert rows["label"].isna().all()


@pytest.mark.long
def test_values_scatter_about_the_truth_as_far_as_the_noise_says(project):
    wb = project(hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0.0, 10.0))]), task="scale")
    rows = hw.simulate(wb, [5.0] * len(SOME), n=150, error=0.0, noise=0.1)
    away = wb.values()["value"].astype(float) - 5
    assert 0.8 < away.std() < 1.2
    assert abs(away.mean()) < 0.35
    assert rows["right"].tolist() == (away.abs() <= 2).loc[
        [wb.values()["item_id"].tolist().index(item_id) for item_id in rows["item_id"]]].tolist()
    with pytest.raises(BadInput, match="noise is 2"):
        hw.simulate(wb, [5.0] * len(SOME), n=1, noise=2)


def test_suggested_values_are_seen_and_followed_once_heads_are_adopted(project):
    wb = project(hw.Taxonomy(attributes=ASKED.attributes[:1]), task="scale")
    hw.simulate(wb, [5] * len(SOME), n=4, error=0.0)
    wb.project.suggest_values = lambda position: {
        ASKED.attributes[0].id: PredictedValue(ASKED.attributes[0].id, 7, 6, 8, None, "heads")}
    assert set(hw.simulate(wb, [5] * len(SOME), n=4, error=0.0)["verdict"]) == {"answer"}
    wb.project.state.adopted_values = SimpleNamespace(seq=0, body={"model": "heads"})
    assert set(hw.simulate(wb, [5] * len(SOME), n=4, error=0.0)["verdict"]) == {"correct"}
    assert set(hw.simulate(wb, [5] * len(SOME), n=4, error=0.0, bias=1.0)["verdict"]) == {"accept"}
    assert set(hw.simulate(wb, [7] * len(SOME), n=4, error=0.0)["verdict"]) == {"accept"}
    assert [len(some) for some in touched_by(wb)] == [1] * 12 + [0] * 8


@pytest.mark.parametrize(("taxonomy", "task", "truth", "why"), [
    (SCENES, "multilabel", [3] * len(SOME), "the names of its labels are expected"),
    (SCENES, "multilabel", [["snow"]] * len(SOME), "snow"),
    (hw.Taxonomy(attributes=[*ASKED.attributes[:1], hw.Attribute("tone", scale=(0.0, 1.0))]), "scale",
     [3] * len(SOME), "a mapping of attribute to value"),
    (hw.Taxonomy(attributes=ASKED.attributes[:1]), "scale", [11] * len(SOME), "from 0 to 10")])
def test_a_truth_of_another_kind_is_refused(project, taxonomy, task, truth, why):
    with pytest.raises((BadInput, UnknownLabel), match=why):
        hw.simulate(project(taxonomy, task=task), truth, n=1)
