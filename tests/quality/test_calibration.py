"""Is it told whether a certainty means anything?"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.calibration import auroc, calibration, calibration_error, reliability

NAMES = [str(digit) for digit in range(10)]


def answers(certainty, right, annotator="ada", judged_by="gold"):
    return pd.DataFrame({"annotator": annotator, "certainty": np.asarray(certainty, float),
                         "right": np.asarray(right, bool), "judged_by": judged_by})


def test_the_figures_of_six_answers_by_hand():
    found = calibration(answers([10, 10, 8, 5, 5, 0], [1, 1, 1, 1, 0, 0]))
    [row] = found.table.to_dict("records")
    assert (row["annotator"], row["n"]) == ("ada", 6)
    assert row["right"] == pytest.approx(4 / 6)
    assert row["certainty"] == pytest.approx(38 / 6)
    # Off by 0, 0, 0.2, 0.5, 0.5 and 0.
    assert row["brier"] == pytest.approx((0.04 + 0.25 + 0.25) / 6)
    # Of 8 pairs of a right and a wrong answer 7 lie the right way round and one is a tie.
    assert row["auroc"] == pytest.approx(7.5 / 8)
    assert row["verdict"].startswith("too few to tell: 6 answers")
    assert found.curve[["certainty", "n", "share"]].to_numpy().tolist() == \
        [["0-2", 1, 0.0], ["5-6", 2, 0.5], ["7-8", 1, 1.0], ["10", 2, 1.0]]
    assert (found.curve["low"] <= found.curve["share"]).all()
    assert (found.curve["high"] >= found.curve["share"]).all()


@pytest.mark.parametrize(("certainty", "right", "said"), [
    ([10] * 29 + [3], [1] * 25 + [0] * 5, "rates nearly everything 10"),
    ([5, 9] * 15, [1] * 30, "all 30 are right"),
    ([9] * 20 + [2] * 20, [1] * 20 + [0] * 20, "tells right from wrong (AUROC 1.00"),
    ([2] * 20 + [9] * 20, [1] * 20 + [0] * 20, "upside down"),
    ([2, 9] * 20, [1, 1, 0, 0] * 10, "can't be told from chance yet (AUROC 0.50"),
    ([np.nan] * 20, [1] * 20, "no answer with a certainty can be judged yet"),
])
def test_the_verdict_says_it_in_words(certainty, right, said):
    assert said in calibration(answers(certainty, right)).table["verdict"][0]


def test_of_several_annotators_each_has_a_row_and_all_together_one():
    both = pd.concat([answers([9, 3], [1, 0]), answers([7], [1], "bob", "others")])
    found = calibration(both)
    assert found.table["annotator"].tolist() == ["ada", "bob", "all"]
    assert found.table["n"].tolist() == [2, 1, 3]
    assert found.judged_by == {"gold": 2, "others": 1}
    assert "2 answers with a certainty were judged by gold, 1 by other annotators" in repr(found)


def test_without_any_answer_the_tables_are_empty():
    found = calibration(answers([], []))
    assert found.table.empty
    assert found.curve.empty
    assert found.plot() is not None


def test_the_area_is_scikit_learns():
    rng = np.random.default_rng(0)
    scores, right = rng.integers(0, 11, 200), rng.random(200) < 0.7
    assert auroc(scores, right)[0] == pytest.approx(roc_auc_score(right, scores))


@pytest.mark.parametrize(("scores", "right", "expected"), [
    ([1, 2], [True, True], (0, 1)), ([1, 2], [False, False], (0, 1)), ([], [], (0, 1))])
def test_with_one_kind_only_the_area_may_be_anything(scores, right, expected):
    area, *ends = auroc(scores, right)
    assert np.isnan(area)
    assert tuple(ends) == expected


def test_a_perfect_area_of_few_answers_is_still_uncertain():
    area, low, high = auroc([1, 2, 8, 9], [False, False, True, True])
    assert (area, high) == (1, 1)
    assert 0.2 < low < 0.9


@pytest.mark.parametrize("truth", [0.5, 0.7, 0.85])
def test_the_intervals_of_the_area_hold_the_truth_as_often_as_they_say(truth):
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        right = rng.random(60) < 0.8
        _, low, high = auroc(rng.normal(np.where(right, np.sqrt(2) * ndtri(truth), 0)), right)
        held += bool(low <= truth <= high)
    assert 0.93 <= held / 1000 <= 0.975


def test_a_level_that_is_no_share_is_refused():
    with pytest.raises(BadInput, match="level"):
        auroc([1, 2], [True, False], level=95)


@pytest.fixture
def wb(tmp_path):
    digits = load_digits()
    images, truth = (digits.images * 15.9).astype(np.uint8)[:60], digits.target[:60]
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(images), hw.Taxonomy(NAMES), annotator="ada", holdout=0.0,
                      annotators_per_item=3, names=True)
    said = np.where(np.arange(60) % 4 == 0, (truth + 1) % 10, truth)
    for who, labels, certainty in (("ada", said, np.where(said == truth, 9, 2)), ("bob", truth, np.full(60, 10)),
                                   ("eve", truth, np.full(60, np.nan))):
        wb.import_annotations(pd.DataFrame({"id": wb.pool.ids, "label": labels.astype(str), "certainty": certainty,
                                            "annotator": who}))
    wb.gold({item_id: NAMES[truth[row]] for row, item_id in enumerate(wb.pool.ids[:20])})
    yield wb
    wb.close()


def test_the_workbench_judges_by_gold_and_by_the_other_annotators(wb):
    found = wb.people.calibration()
    table = found.table.set_index("annotator")
    assert "tells right from wrong (AUROC 1.00" in table.loc["ada", "verdict"]
    assert "rates nearly everything 10" in table.loc["bob", "verdict"]
    assert "no answer with a certainty" in table.loc["eve", "verdict"]
    # Ada errs on 15 of 60; Bob and Eve judge her there, while of these 40 items nobody but Eve and Ada could judge Bob.
    assert table.loc["ada", "n"] == 60
    assert table.loc["ada", "right"] == pytest.approx(0.75)
    assert table.loc["bob", "n"] == 50
    assert found.judged_by == {"gold": 40, "others": 70}
    assert found.plot() is not None


def test_others_figures_are_theirs_where_the_owner_sees_no_names(wb):
    wb.annotator = "bob"
    assert wb.people.calibration().table["annotator"].tolist() == ["bob"]
    assert set(wb.people.calibration().curve["annotator"]) == {"bob"}
    with pytest.raises(BadInput, match="the figures of 'ada' are theirs"):
        wb.people.calibration("ada")


def test_one_annotator_can_be_asked_for(wb):
    assert wb.people.calibration("ada").table["annotator"].tolist() == ["ada"]
    with pytest.raises(BadInput, match="'zoe' has answered nothing; there are answers by: ada, bob, eve"):
        wb.people.calibration("zoe")


def test_a_models_confidence_is_compared_with_how_often_it_is_right():
    confidence, right = [0.5, 0.5, 0.9, 0.9, 0.9, 0.9], [True, False, True, True, True, False]
    table = reliability(confidence, right, n_bins=3)
    assert table["n"].tolist() == [2, 2, 2]
    assert table["confidence"].tolist() == pytest.approx([0.5, 0.9, 0.9])
    assert table["right"].tolist() == [0.5, 1.0, 0.5]
    assert calibration_error(confidence, right, n_bins=3)[0] == pytest.approx((0 + 0.1 + 0.4) / 3)
    assert len(reliability([0.7], [True])) == 1
    assert np.isnan(calibration_error([], [])).all()
    with pytest.raises(ShapeError, match="a verdict for each item"):
        reliability([0.7], [True, False])


def test_what_chance_adds_to_the_error_is_what_exact_confidence_has_on_average():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 200)
    errors = [calibration_error(confidence, rng.random(200) < confidence)[0] for _ in range(200)]
    assert calibration_error(confidence, rng.random(200) < confidence)[1] == pytest.approx(np.mean(errors), rel=0.05)
