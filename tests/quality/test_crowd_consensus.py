"""The consensus of several annotators: labels, probabilities, people, and what copying does to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import consensus, crowd_consensus, vote_models
from hitl_widgets.quality.crowd_consensus import METHODS
from hitl_widgets.quality.vote_models import Ballots, fit, posterior

NAMES = np.array(["ant", "bee", "cat", "dog"])


def world(seed: int, *, copied: float = 0.4, shown: float = 0.7, n_items: int = 1000, n_people: int = 10,
          votes_an_item: int = 3) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Votes, truth, and what the model suggests: it is right in 75 of 100; of the votes in sight of it some are copies.

    Returns the votes, and the truth and suggestion of each item.
    """
    rng = np.random.default_rng(seed)

    def err(labels: np.ndarray) -> np.ndarray:
        return (labels + rng.integers(1, 4, len(labels))) % 4
    truth, ability = rng.integers(0, 4, n_items), rng.uniform(0.6, 0.95, n_people)
    model = np.where(rng.random(n_items) < 0.75, truth, err(truth))
    item = np.repeat(np.arange(n_items), votes_an_item)
    person = np.argsort(rng.random((n_items, n_people)), axis=1)[:, :votes_an_item].ravel()
    own = np.where(rng.random(len(item)) < ability[person], truth[item], err(truth[item]))
    visible = rng.random(len(item)) < shown
    copy = visible & (rng.random(len(item)) < copied)
    return pd.DataFrame({"item_id": [f"i{i}" for i in item], "annotator": [f"p{p}" for p in person],
                         "label": NAMES[np.where(copy, model[item], own)], "shown": visible,
                         "suggestion": NAMES[model[item]]}), NAMES[truth], NAMES[model]


def toy(**more: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"item_id": list("xxxyyyz"), "annotator": ["ann", "bob", "cleo"] * 2 + ["ann"],
                         "label": ["cat", "cat", "dog", "dog", "dog", "dog", "cat"], **more})


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_labels_and_rows_that_sum_to_one(method: str) -> None:
    votes = toy(shown=[True, False, False, True, False, False, True], suggestion=["cat"] * 7)
    c = consensus(votes, method)
    assert c.labels.index.tolist() == ["x", "y", "z"]
    assert c.labels.to_dict() == {"x": "cat", "y": "dog", "z": "cat"}
    np.testing.assert_allclose(c.probs.sum(axis=1), 1)
    assert c.annotators["annotator"].tolist() == ["ann", "bob", "cleo"]
    assert (c.annotators["low"] <= c.annotators["accuracy"]).all()
    assert (c.annotators["accuracy"] <= c.annotators["high"]).all()
    assert "3 items" in repr(c)
    assert "<table" in c._repr_html_()


def test_what_a_minority_says_is_kept() -> None:
    c = consensus(toy(), "majority", labels=["dog", "cat", "emu"])
    assert c.shares.loc["x"].round(3).tolist() == [0.333, 0.667, 0]
    row = c.table.set_index("item_id").loc["x"]
    assert (row["label"], row["n"], row["minority"]) == ("cat", 3, "dog")
    assert row["share"] == pytest.approx(2 / 3)
    assert row["minority_share"] == pytest.approx(1 / 3)
    assert pd.isna(c.table.set_index("item_id").loc["y", "minority"])
    assert len(c.votes) == 7


def test_of_repeated_rows_the_last_counts_and_their_number_is_said() -> None:
    again = pd.concat([toy(), pd.DataFrame({"item_id": ["z"], "annotator": ["ann"], "label": ["dog"]})])
    c = consensus(again, "majority")
    assert c.n_repeated == 1
    assert c.labels["z"] == "dog"
    assert "1 rows were left out" in repr(c)


def test_a_tie_is_told_and_goes_to_the_label_that_is_given_most_often() -> None:
    votes = pd.DataFrame({"item_id": list("xxyz"), "annotator": ["ann", "bob", "ann", "bob"],
                          "label": ["ant", "bee", "bee", "bee"]})
    c = consensus(votes, "majority")
    assert c.labels["x"] == "bee"
    assert c.table["tied"].tolist() == [True, False, False]


def test_no_votes_make_an_empty_consensus() -> None:
    c = consensus(toy().iloc[:0])
    assert len(c.labels) == 0
    assert c.copying is None
    assert c.probs.shape[0] == 0


@pytest.mark.long
def test_the_order_of_the_rows_changes_nothing() -> None:
    """Which votes were held out followed from their rows: in another order 0.8 became 0.6, and some labels others."""
    votes, _, _ = world(4, n_items=90, n_people=4)
    timed = votes.assign(acted_at=pd.date_range("2026-01-01", periods=len(votes), freq="min", tz="UTC"))
    for table in (votes, timed):
        c = consensus(table)
        for seed in range(3):
            again = consensus(table.sample(frac=1, random_state=seed))
            assert again.method == c.method
            pd.testing.assert_frame_equal(again.probs.loc[c.probs.index], c.probs, atol=1e-6)
    called = consensus(timed.assign(annotator=timed["annotator"].map(
        {"p0": "person 9f", "p1": "person 3a", "p2": "p2", "p3": "person 01"})))
    pd.testing.assert_frame_equal(called.probs, c.probs, atol=1e-6)


def test_one_annotator_alone_is_believed() -> None:
    c = consensus(pd.DataFrame({"item_id": list("xyz"), "annotator": "ann", "label": ["a", "b", "a"]}))
    assert c.labels.tolist() == ["a", "b", "a"]


def test_a_few_votes_are_counted_since_no_method_can_be_told_from_another() -> None:
    assert consensus(toy()).method == "majority"
    assert consensus(toy().iloc[:1]).labels.tolist() == ["cat"]


def test_hundreds_of_people_have_intervals_too() -> None:
    votes, truth, model = world(7, n_people=300, n_items=800)
    c = consensus(votes, "exposure", dependence=0)
    assert c.copying is not None
    assert len(c.copying) > 250
    assert c.copying[["rate", "low", "high"]].notna().all(axis=None)
    assert abs(c.copy_rate - 0.4) < 0.08
    assert c.copy_rate.low < c.copy_rate < c.copy_rate.high
    assert c.model.low < (model == truth).mean() < c.model.high


def test_input_that_can_not_be_used_is_named() -> None:
    with pytest.raises(BadInput, match="median"):
        consensus(toy(), "median")
    with pytest.raises(ShapeError, match="shown, suggestion"):
        consensus(toy(), "exposure")
    with pytest.raises(BadInput, match="dog"):
        consensus(toy(), labels=["cat"])
    with pytest.raises(ShapeError, match="dog"):
        consensus(toy(), probs=pd.DataFrame({"cat": [1.0]}, index=["x"]))
    with pytest.raises(BadInput, match="sum to 1"):
        consensus(toy(), probs=pd.DataFrame({"cat": [1.0], "dog": [0.5]}, index=["x"]))
    with pytest.raises(BadInput, match="dependence"):
        consensus(toy(), dependence=-1)


def test_copied_votes_do_not_lend_the_model_their_accuracy() -> None:
    """A consensus that ignores what was shown agrees with the model more often than the model is right."""
    votes, truth, model = world(0)
    aware, unaware = consensus(votes, "exposure", dependence=0), consensus(votes, "dawid_skene", dependence=0)
    order = [int(item[1:]) for item in aware.labels.index]
    right = (model == truth).mean()
    assert abs(aware.model - right) < 0.03
    assert aware.model.low < right < aware.model.high
    assert (unaware.labels.to_numpy() == model[order]).mean() > right + 0.03
    assert abs(aware.copy_rate - 0.4) < 0.06
    assert aware.copying is not None
    assert list(aware.copying.columns[:4]) == ["annotator", "rate", "low", "high"]
    assert ((aware.copying["low"] <= 0.4) & (aware.copying["high"] >= 0.4)).mean() >= 0.8
    wrong = model[order] != truth[order]
    hits = aware.labels.to_numpy() == truth[order]
    assert hits.mean() >= (unaware.labels.to_numpy() == truth[order]).mean() - 0.01
    assert hits[wrong].mean() > 0.55


@pytest.mark.long
@pytest.mark.parametrize("copied", [0.0, 0.4])
def test_intervals_hold_the_accuracy_of_a_person_and_their_rate_of_copying(copied: float) -> None:
    """An interval that took the share of copies for a doubt about each answer was .9 wide."""
    held, widths = [], []
    for seed in range(4):
        votes, _, _ = world(seed, copied=copied)
        rng = np.random.default_rng(seed)
        rng.integers(0, 4, 1000)
        ability = rng.uniform(0.6, 0.95, 10)  # as in world
        c = consensus(votes, "exposure", dependence=0)
        people, copying = c.annotators, c.copying
        assert copying is not None
        truth = ability[[int(name[1:]) for name in people["annotator"]]]
        held.append([((people["low"] <= truth) & (truth <= people["high"])).mean(),
                     ((copying["low"] <= copied) & (copied <= copying["high"])).mean()])
        widths.append([(people["high"] - people["low"]).mean(), (copying["high"] - copying["low"]).mean()])
    assert (np.mean(held, axis=0) >= 0.85).all()
    assert (np.mean(widths, axis=0) < [0.2, 0.35]).all()


def test_without_copying_the_model_still_helps() -> None:
    votes, truth, _ = world(1, copied=0.0)
    aware, unaware = consensus(votes, "exposure", dependence=0), consensus(votes, "dawid_skene", dependence=0)
    order = [int(item[1:]) for item in aware.labels.index]
    hits = [(c.labels.to_numpy() == truth[order]).mean() for c in (aware, unaware)]
    assert hits[0] > hits[1] + 0.01
    assert aware.copy_rate.low == 0


def test_auto_never_counts_a_vote_in_sight_of_a_suggestion_as_blind() -> None:
    votes, _, _ = world(2, n_items=300)
    c = consensus(votes)
    assert c.method == "exposure"
    table = c.evidence.table
    assert (table.loc[table["method"] != "exposure", "votes"] == "blind only").all()
    assert (table["n"] == int((~votes["shown"]).sum())).all()
    assert "blind votes" in c.evidence.why
    assert "exposure" in str(c.evidence)
    few = votes.assign(shown=True)
    c = consensus(few)
    assert c.method == "exposure"
    assert "hardly be told apart" in repr(c)
    assert (c.copying["high"] - c.copying["low"]).mean() > 0.3


def test_a_method_that_ignores_exposure_says_what_it_does() -> None:
    votes, _, _ = world(2, n_items=100)
    assert "may take over the model's errors" in consensus(votes, "majority").evidence.why


def test_imports_whose_exposure_is_unknown_may_be_copies() -> None:
    votes, truth, model = world(3)
    votes["shown"] = votes["shown"].astype("boolean").where(~votes["shown"], pd.NA)
    c = consensus(votes, "exposure", dependence=0)
    assert c.copying is None
    assert any("nobody recorded" in note for note in c.notes)
    assert abs(c.model - (model == truth).mean()) < 0.04
    bare = consensus(votes.drop(columns=["shown", "suggestion"]), "majority")
    assert not bare.notes
    assert "names no suggestion" not in repr(bare)


def test_probabilities_of_a_net_take_the_place_of_its_suggestions() -> None:
    votes, truth, _ = world(4, n_items=300)
    sure = np.full((300, 4), 0.05)
    sure[np.arange(300), np.searchsorted(NAMES, truth)] = 0.85
    probs = pd.DataFrame(sure, index=[f"i{i}" for i in range(300)], columns=NAMES)
    c = consensus(votes, "exposure", probs=probs, dependence=0)
    without = consensus(votes, "exposure", dependence=0)
    order = [int(item[1:]) for item in c.labels.index]
    assert (c.labels.to_numpy() == truth[order]).mean() > (without.labels.to_numpy() == truth[order]).mean() + 0.05
    assert len(consensus(votes, "exposure", probs=probs.iloc[:10], dependence=0).labels) == 300


def test_a_certainty_that_tells_something_counts() -> None:
    votes, truth, _ = world(5, copied=0.0, n_people=6)
    votes = votes.drop(columns=["shown", "suggestion"])
    rng = np.random.default_rng(0)
    right = votes["label"].to_numpy() == truth[[int(item[1:]) for item in votes["item_id"]]]
    votes["certainty"] = np.where(rng.random(len(votes)) < 0.85, np.where(right, 9, 2), np.where(right, 2, 9))
    c, without = consensus(votes, "one_coin", dependence=0), consensus(votes, "one_coin", dependence=0, certainty=False)
    order = [int(item[1:]) for item in c.labels.index]
    assert (c.labels.to_numpy() == truth[order]).mean() > (without.labels.to_numpy() == truth[order]).mean() + 0.02
    assert any("certainty" in note for note in c.notes)
    votes["certainty"] = rng.integers(1, 10, len(votes))
    noise = consensus(votes, "one_coin", dependence=0)
    slopes = [float(c.notes[0].split("1 + ")[1].split()[0]) for c in (c, noise)]
    assert slopes[1] < 0.2 < slopes[0]


def crowd_of(data: object, name: str) -> tuple[pd.DataFrame, pd.Series]:
    votes = pd.read_csv(f"{data}/crowd/{name}_labels.csv", dtype=str)
    truth = pd.read_csv(f"{data}/crowd/{name}_truth.csv", dtype=str).set_index("task")["truth"]
    return votes.rename(columns={"worker": "annotator", "task": "item_id"}), truth


def test_confusions_are_found_where_there_is_enough_of_them(shared_data: object) -> None:
    """Bluebirds: a count is right in 75.9 of 100, Dawid and Skene in 88.9 (Welinder et al., 2010)."""
    votes, truth = crowd_of(shared_data, "bluebirds")
    c = consensus(votes)
    assert c.method == "dawid_skene"
    assert (c.labels == truth.reindex(c.labels.index)).mean() >= 0.885
    majority = consensus(votes, "majority")
    assert (majority.labels == truth.reindex(majority.labels.index)).mean() == pytest.approx(0.759, abs=5e-4)


@pytest.mark.long
def test_a_method_that_moves_nearly_all_labels_one_way_is_passed_over(shared_data: object) -> None:
    votes, _ = crowd_of(shared_data, "zencrowd")
    assert consensus(votes, "majority", dependence=0.25).n_repeated == 1730
    some = votes.drop_duplicates(["annotator", "item_id"], keep="last").groupby("item_id").head(4)
    c = consensus(some)
    table = c.evidence.table.set_index("method")
    assert table["log_likelihood"].idxmax() == "dawid_skene"
    assert c.method != "dawid_skene"
    assert "the same direction" in c.evidence.why


def as_ballots(votes: pd.DataFrame) -> tuple[Ballots, pd.Index, pd.Index]:
    item, items = pd.factorize(votes["item_id"], sort=True)
    person, people = pd.factorize(votes["annotator"], sort=True)
    label, labels = pd.factorize(votes["label"], sort=True)
    return Ballots.of(item, person, label, n_items=len(items), n_annotators=len(people),
                      n_labels=len(labels)), items, labels


@pytest.mark.filterwarnings("ignore::Warning")  # crowd-kit's own
def test_plain_dawid_skene_is_that_of_crowdkit(shared_data: object) -> None:
    aggregation = pytest.importorskip("crowdkit.aggregation")
    votes, _ = crowd_of(shared_data, "bluebirds")
    ballots, items, labels = as_ballots(votes)
    ours = posterior(fit(ballots, "confusion", strengths=(0, 0, 0), shares_prior=0), ballots)
    theirs = aggregation.DawidSkene(n_iter=200, tol=-np.inf).fit_predict_proba(
        votes.rename(columns={"annotator": "worker", "item_id": "task"}))
    np.testing.assert_allclose(ours, theirs.loc[items, labels], atol=2e-3)


@pytest.mark.filterwarnings("ignore::Warning")  # crowd-kit's own
def test_one_coin_is_that_of_crowdkit(shared_data: object) -> None:
    aggregation = pytest.importorskip("crowdkit.aggregation")
    votes, _ = crowd_of(shared_data, "weather_amt")
    votes = votes.drop_duplicates(["annotator", "item_id"], keep="last")
    ballots, items, labels = as_ballots(votes)
    ours = posterior(fit(ballots, "one_coin", strengths=(0, 0, 0), shares_prior=0), ballots)
    theirs = aggregation.OneCoinDawidSkene(n_iter=200, tol=1e-9).fit_predict_proba(
        votes.rename(columns={"annotator": "worker", "item_id": "task"}))
    agree = ours.argmax(axis=1) == theirs.loc[items, labels].to_numpy().argmax(axis=1)
    assert agree.mean() > 0.98


def test_two_perfect_annotators_and_one_who_always_says_the_same() -> None:
    """Worked by hand: the third has the same label for every truth, so that their vote changes nothing."""
    item = np.repeat(np.arange(40), 3)
    truth = np.arange(40) % 2
    label = np.stack([truth, truth, np.zeros(40, int)], axis=1).ravel()
    ballots = Ballots.of(item, np.tile(np.arange(3), 40), label, n_items=40, n_annotators=3, n_labels=2)
    model = fit(ballots, "confusion", strengths=(0, 0, 0), shares_prior=0)
    np.testing.assert_allclose(model.confusions[2], [[1, 0], [1, 0]], atol=1e-6)
    np.testing.assert_allclose(posterior(model, ballots)[np.arange(40), truth], 1, atol=1e-6)


def test_with_dependence_many_votes_promise_less() -> None:
    votes, _, _ = world(6, copied=0.0, n_items=100, votes_an_item=9)
    votes = votes.drop(columns=["shown", "suggestion"])
    top = [consensus(votes, "majority", dependence=value).probs.max(axis=1).mean() for value in (0, 0.1, 0.5)]
    assert top[0] > top[1] > top[2]


def test_the_weight_of_a_vote_tempers_its_evidence() -> None:
    confusions = np.array([[[0.8, 0.2], [0.2, 0.8]]])
    ballots = Ballots.of(np.array([0, 1, 2]), np.zeros(3, int), np.zeros(3, int), n_items=3, n_annotators=1, n_labels=2,
                         weight=np.array([1.0, 0.0, 2.0]))
    own = vote_models._own_probs(confusions, ballots)
    np.testing.assert_allclose(own, [[0.8, 0.2], [0.5, 0.5], [16 / 17, 1 / 17]])


def people_and_model_err_alike(seed, *, blind, n=600):
    """Votes of which none is a copy; on a quarter of the items many answers, the model's too, fall for one error."""
    rng = np.random.default_rng(seed)
    truth, is_hard = rng.integers(4, size=n), rng.random(n) < 0.25
    lure = (truth + rng.integers(1, 4, size=n)) % 4

    def answer(items):
        chance = rng.random(len(items))
        other = (truth[items] + rng.integers(1, 4, size=len(items))) % 4
        return np.where(chance < np.where(is_hard[items], 0.5, 0.92), truth[items],
                        np.where(is_hard[items] & (chance < 0.9), lure[items], other))
    said, item = answer(np.arange(n)), np.repeat(np.arange(n), 3)
    names, is_shown = np.array([*"abcd"]), rng.random(len(item)) >= blind
    return pd.DataFrame({"item_id": item, "annotator": np.argsort(rng.random((n, 5)), axis=1)[:, :3].ravel(),
                         "label": names[answer(item)], "shown": is_shown, "suggestion": names[said[item]],
                         "arm": np.where(is_shown, "shown", "blind"),
                         "arm_probability": np.where(is_shown, 1 - blind, blind)})


@pytest.mark.parametrize("blind", [0.0, 0.3])
def test_errors_that_people_and_model_share_are_no_copies(blind):
    """The rate was .17 with an interval from .10, whether votes were blind or not, where nobody copied."""
    for seed in range(2):
        found = consensus(people_and_model_err_alike(seed, blind=blind), "exposure", dependence=0.0)
        assert found.copy_rate.low == 0
        assert found.copying["low"].min() == 0
        if blind:
            assert found.copy_rate.value < 0.15
        else:
            assert found.copy_rate.high > 0.3  # nothing tells a copy from an error of both


def test_items_that_nobody_answered_blind_keep_their_label_where_a_method_takes_blind_votes_alone(monkeypatch):
    """They got the label that is commonest in all votes, whatever had been said of them."""
    votes = people_and_model_err_alike(0, blind=0.3, n=200)
    said = consensus(votes, "exposure", dependence=0.0).labels
    monkeypatch.setattr(crowd_consensus, "_candidates", lambda *args, **more: (
        [crowd_consensus.Candidate("majority", True)], "for the test"))
    found = consensus(votes).labels
    unseen = votes.groupby("item_id")["shown"].all()
    assert unseen.sum() > 20
    assert (found[unseen.index[unseen]] == said[unseen.index[unseen]]).all()


@pytest.mark.parametrize(("change", "more", "error"), [
    ({"certainty": 5 + 1j}, {}, BadInput), ({"arm_probability": 0.5 + 1j}, {}, BadInput),
    ({}, {"probs": pd.DataFrame(0.25, index=["0", "1"], columns=[*"abcd"])}, ShapeError),
    ({}, {"probs": pd.DataFrame(0.25, index=[0, 0], columns=[*"abcd"])}, ShapeError)])
def test_numbers_that_are_none_and_probabilities_of_other_items_are_refused(change, more, error):
    """Imaginary parts were dropped with a warning, and probabilities that named no item counted as equal ones."""
    with pytest.raises(error):
        consensus(people_and_model_err_alike(0, blind=0.3, n=40).assign(**change), "exposure", **more)


def test_a_label_that_a_former_suggestion_may_mean_doesnt_judge_the_model():
    """The model is right of 20 in 30 dogs; of 30 lynxes nobody knows, since it couldn't suggest "lynx" yet."""
    former = "cat (before an edit)"
    rows = [(item, who, "dog" if item < 30 else "lynx", False, "dog" if item % 3 else former, frozenset({"lynx"}))
            for item in range(60) for who in ("ada", "bob", "cem")]
    votes = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "shown", "suggestion", "unjudged"])
    labels = ["dog", "lynx", former]
    model = consensus(votes, "exposure", labels).model
    assert model.n == 30
    assert model.value == pytest.approx(2 / 3, abs=0.01)
    assert consensus(votes.drop(columns="unjudged"), "exposure", labels).model.n == 60
    every = votes.assign(unjudged=[frozenset(labels)] * len(votes))
    assert "in doubt" in consensus(every, "exposure", labels).model.why
