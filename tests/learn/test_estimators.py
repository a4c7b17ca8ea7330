"""Estimators of scikit-learn as models: columns, features, fits, what is stored, and another session."""

import copy
import functools
import pickletools

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from spam import messages

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn import estimator_nets
from hitl_widgets.learn.data import LabelledImages
from hitl_widgets.learn.estimator_fits import fit_arguments, fit_estimator, fresh_copy, recipe_of, training_rows
from hitl_widgets.learn.estimator_nets import EstimatorNet, EstimatorPredictor
from hitl_widgets.learn.estimators import Estimator, Features, is_estimator
from hitl_widgets.learn.imported import ImportedPredictor
from hitl_widgets.learn.losses import SETS

NAMES = ["zero", "one", "two", "three"]
IMAGES, TRUTH = map(np.array, load_digits(n_class=4, return_X_y=True))
IMAGES, TRUTH = (IMAGES[:160].reshape(-1, 8, 8) * 15).astype(np.uint8), TRUTH[:160]
FEW = np.concatenate([np.flatnonzero(label == TRUTH)[:2] for label in range(4)])


def flat(image):
    return image.ravel() / 255.0


ROWS = np.stack([flat(image) for image in IMAGES])


@pytest.fixture
def pool():
    return hw.Pool.from_images(IMAGES)


def weak():
    """A classifier that saw two images of each label, and takes two of the labels for each other."""
    return LogisticRegression().fit(ROWS[FEW], np.array(["zero", "one", "three", "two"])[TRUTH[FEW]])


def bench(folder, pool, model=None, *, names=NAMES, preprocess=flat, **more):
    return hw.Workbench(folder, pool, names, model=model, preprocess=None if model is None else preprocess,
                        progress=False, **more)


def probs(wb):
    return wb.inference.probs(np.arange(len(wb.pool)))


def answer(wb, *, every=1):
    for row in range(0, 160, every):
        wb.decide(str(row), label=NAMES[TRUTH[row]])


# -- columns and features ------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["names", "label_ids", "numbers", "shuffled names"])
def test_columns_follow_classes(tmp_path, pool, kind):
    names = ["two", "zero", "three", "one"] if kind == "shuffled names" else NAMES
    ids = hw.Taxonomy(names).label_ids
    said = {"names": np.array(NAMES), "label_ids": np.array(ids), "numbers": np.arange(4)}.get(kind, np.array(NAMES))
    model = LogisticRegression().fit(ROWS, said[TRUTH])
    wb = bench(tmp_path / "p", pool, model, names=names)
    columns = [list(model.classes_).index(one) for one in (names if kind == "shuffled names" else said)]
    np.testing.assert_allclose(probs(wb), model.predict_proba(ROWS)[:, columns], atol=1e-6)
    assert (wb.predict()["label"] == np.array(NAMES)[TRUTH]).mean() > 0.95


def test_digits_that_name_labels_are_names_and_no_numbers(tmp_path, pool):
    model = LogisticRegression().fit(ROWS, TRUTH)
    wb = bench(tmp_path / "p", pool, model, names=["3", "2", "1", "0"])
    np.testing.assert_allclose(probs(wb), model.predict_proba(ROWS)[:, ::-1], atol=1e-6)


def test_other_classes_than_the_labels_are_refused_with_both_lists(tmp_path, pool):
    model = weak()
    with pytest.raises(ModelError, match=r"classes_ are 'one', 'three', 'two', 'zero', and the labels 'zero', 'one'\."):
        bench(tmp_path / "p", pool, model, names=["zero", "one"])


def test_without_a_preprocessing_images_come_as_the_descriptors_of_the_pool(tmp_path, pool):
    wb = hw.Workbench(tmp_path / "p", pool, NAMES, model=RandomForestClassifier(20), progress=False)
    answer(wb)
    run = wb.finetune()
    n = wb.registry.descriptors.net.n_features
    assert f"the pool's descriptors ({n} numbers an image: edges, pixels, patches and tones)" in run.taken
    net = run.net
    assert isinstance(net, EstimatorNet)
    assert net.function.n_features_in_ == n
    rows = wb.registry.descriptors.of(np.arange(160))
    np.testing.assert_allclose(probs(wb), net.estimator.call(rows, 160), atol=1e-6)
    # An image that isn't in the pool is described as those of the pool are.
    np.testing.assert_allclose(wb.model()(list(IMAGES[:5])), probs(wb)[:5], atol=1e-4)


def test_an_estimator_of_other_features_is_told_which_it_gets(tmp_path, pool):
    with pytest.raises(ModelError, match=r"item '0': LogisticRegression\.predict_proba raised on .*the pool's "
                                         r"descriptors.*expecting 64 features.*pass preprocess="):
        bench(tmp_path / "p", pool, weak(), preprocess=None)
    with pytest.raises(ModelError, match="Does preprocess give for each item what it was fitted to"):
        bench(tmp_path / "q", pool, weak(), preprocess=lambda image: image / 255)


def test_a_pipeline_gets_texts_as_str(tmp_path):
    texts, spam = messages(120)
    said = np.where(spam, "spam", "ham")
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[:10], said[:10])
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["spam", "ham"], model=model, progress=False)
    np.testing.assert_allclose(probs(wb), model.predict_proba(texts)[:, ::-1], atol=1e-6)
    for row in range(120):
        wb.decide(str(row), label=said[row])
    run = wb.finetune()
    assert run.taken == "Pipeline, fitted anew on the texts as they are"
    assert run.adopted
    assert float(run.gain) > 0
    said = run.net.function.predict_proba(["win free cash"])
    np.testing.assert_allclose(wb.model()(["win free cash"]), said[:, ::-1], atol=1e-6)


# -- fine-tuning ---------------------------------------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("model", [
    LogisticRegression(), RandomForestClassifier(20), HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=5),
    make_pipeline(StandardScaler(), LogisticRegression()), KNeighborsClassifier(3),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), CalibratedClassifierCV(LinearSVC(), cv=2)],
    ids=lambda model: type(model).__name__)
def test_finetune_fits_a_copy_and_adopts_what_is_better(tmp_path, pool, model):
    wb = bench(tmp_path / "p", pool, model)
    assert wb.inference.version is None
    answer(wb)
    parameters, before = str(model.get_params()), dict(vars(model))
    run = wb.finetune()
    assert run.adopted
    assert float(run.after["accuracy"]) > 0.8
    assert run.measured_on == "holdout"
    assert (str(model.get_params()), dict(vars(model))) == (parameters, before)
    assert wb.predict()["model"].unique().tolist() == [run.model]
    assert wb.models()["name"].tolist() == [type(model).__name__]
    assert f"{type(model).__name__}, fitted anew on what preprocess flat gives" in str(run)


def test_a_run_measures_before_and_after_on_the_same_items(tmp_path, pool):
    model = weak()
    given = copy.deepcopy(model)
    wb = bench(tmp_path / "p", pool, model)
    version = wb.model().version
    answer(wb)
    run = wb.finetune()
    assert run.before.n == run.after.n == len(wb.holdout)
    held = wb.pool.positions(wb.holdout)
    right = np.array(NAMES)[TRUTH[held]] == model.classes_[model.predict_proba(ROWS[held]).argmax(axis=1)]
    assert float(run.before["accuracy"]) == pytest.approx(right.mean())
    assert run.gain.low <= float(run.gain) <= run.gain.high
    assert run.n_training == 160 - len(wb.holdout)
    assert "one fit" in str(run)
    assert "the probabilities are LogisticRegression's own" in run.calibrated
    np.testing.assert_array_equal(model.coef_, given.coef_)
    assert wb.models()["name"].tolist() == ["LogisticRegression"] * 2
    np.testing.assert_allclose(probs(wb), run.net.estimator.call(ROWS, 160), atol=1e-6)
    assert wb.adopt(version) == version
    np.testing.assert_allclose(probs(wb)[:, [1, 3, 2, 0]], model.predict_proba(ROWS), atol=1e-6)
    assert len(wb.models.flips(version, run.model).items)


def test_the_estimator_of_the_person_may_be_refitted_behind_the_back_of_the_project(tmp_path, pool):
    model = weak()
    wb = bench(tmp_path / "p", pool, model)
    kept, said = probs(wb), wb.model()(list(IMAGES[:3]))
    model.fit(ROWS, np.array(NAMES)[::-1][TRUTH])
    np.testing.assert_array_equal(probs(wb), kept)
    np.testing.assert_array_equal(wb.model()(list(IMAGES[:3])), said)


def test_the_loop_goes_on_with_an_estimator(tmp_path, pool):
    wb = bench(tmp_path / "p", pool, weak())
    for item in wb.next(20):
        wb.decide(item.id, label=NAMES[TRUTH[int(item.id)]])
    wb.predict()
    # An estimator may have learnt these very answers: second looks use models that haven't.
    assert wb.registry.imported_probs([0]) is None
    assert {"label", "right"} <= set(wb.people.second_looks().columns)
    assert wb.finetune(adopt="never").adopted is False
    assert len(wb.next(5)) == 5
    assert wb.models.embeddings(["0"]).shape[0] == 1


@pytest.mark.long
def test_what_an_estimator_cannot_learn_from_is_told(tmp_path, pool, capsys):
    wb = bench(tmp_path / "p", pool, KNeighborsClassifier(1))
    answer(wb)
    wb.decide("0", label="one", certainty=2)
    wb.decide("1", label="one", certainty=5)
    wb.finetune(adopt="never")
    assert "KNeighborsClassifier.fit takes no sample_weight: all answers counted alike" in capsys.readouterr().out
    wb.finetune(adopt="never", certainty="soft")
    assert "it learnt the likeliest label of each item" in capsys.readouterr().out
    with pytest.raises(BadInput, match="always fitted anew"):
        wb.finetune(start="frozen")


def test_a_fit_that_raises_is_told_with_type_features_and_remedy(tmp_path, pool):
    wb = bench(tmp_path / "p", pool, LogisticRegression())
    for row in range(0, 160, 4):
        wb.decide(str(row), label="zero")
    with pytest.raises(ModelError, match=r"LogisticRegression\.fit raised on \d+ image\(s\) \(what preprocess flat "
                                         r"gives, shape \(\d+, 64\)\): ValueError.*answer items of another one too"):
        wb.finetune()
    assert wb.inference.version is None


def test_labels_without_an_answer_have_no_probability(tmp_path, pool):
    wb = bench(tmp_path / "p", pool, LogisticRegression())
    for row in np.flatnonzero(TRUTH < 2).tolist():
        wb.decide(str(row), label=NAMES[TRUTH[row]])
    run = wb.finetune(adopt="always")
    assert run.adopted
    assert (probs(wb)[:, 2:] == 0).all()
    np.testing.assert_allclose(probs(wb).sum(axis=1), 1, atol=1e-6)


def test_a_classifier_that_takes_whole_numbers_alone_gets_these(tmp_path, pool):
    class Strict(LogisticRegression):
        def fit(self, X, y, sample_weight=None):  # noqa: N803 - scikit-learn's name
            if np.asarray(y).dtype.kind != "i" or sorted(set(y)) != list(range(len(set(y)))):
                raise ValueError("Invalid classes inferred from unique values of `y`")
            return super().fit(X, y, sample_weight)
    wb = bench(tmp_path / "p", pool, Strict())
    for row in np.flatnonzero(TRUTH != 1).tolist():
        wb.decide(str(row), label=NAMES[TRUTH[row]])
    run = wb.finetune(adopt="always")
    assert float(run.after["accuracy"]) > 0.9
    assert (probs(wb)[:, 1] == 0).all()


# -- refusals ------------------------------------------------------------------------------------------------

def test_an_estimator_without_probabilities_is_refused_with_the_remedy(tmp_path, pool):
    with pytest.raises(ModelError, match=r"LinearSVC without predict_proba \(only decision_function\).*Calibrated"):
        bench(tmp_path / "p", pool, LinearSVC())


class Says(ClassifierMixin, BaseEstimator):
    """Gives what it is told to."""

    def __init__(self, output=None):
        self.output = output

    def fit(self, X, y):  # noqa: N803 - scikit-learn's name
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):  # noqa: N803 - scikit-learn's name
        if isinstance(self.output, Exception):
            raise self.output
        return self.output(X)


@pytest.mark.parametrize(("output", "said"), [
    (lambda rows: np.full((len(rows), 3), 1 / 3), "gave 3 columns, and its classes_ are 4"),
    (lambda rows: np.full((len(rows), 4), 0.5), "sum to 2.000"),
    (lambda rows: np.full((len(rows), 4), np.nan), "no probabilities"),
    (lambda rows: np.full((1, 4), 0.25), r"shape \(1, 4\) for 10 items|shape \(1, 4\) for 160 items"),
    (lambda rows: "spam", "numbers of shape"),
    (KeyError("no such word"), r"Says\.predict_proba raised on .*KeyError: 'no such word'")])
def test_what_an_estimator_gives_is_checked(tmp_path, pool, output, said):
    model = Says(output).fit(ROWS, np.array(NAMES)[TRUTH])
    with pytest.raises(ModelError, match=said):
        bench(tmp_path / "p", pool, model)


def test_an_item_on_which_an_estimator_raises_has_no_prediction(tmp_path, pool):
    def picky(rows):
        if (np.abs(rows - ROWS[7]).sum(axis=1) == 0).any():
            raise KeyError("seven")
        return np.full((len(rows), 4), 0.25)
    for folder, model in (("a", Says(picky).fit(ROWS, np.array(NAMES)[TRUTH])), ("b", picky)):
        wb = bench(tmp_path / folder, pool, model)
        assert np.flatnonzero(np.isnan(probs(wb)).any(axis=1)).tolist() == [7]
        told = wb.inference.predictor.unreadable[7]
        assert told.startswith("item '7'")
        assert "KeyError: 'seven'" in told


def test_what_is_an_estimator():
    assert is_estimator(LogisticRegression())
    assert is_estimator(LinearSVC())
    assert not is_estimator(LogisticRegression)
    assert not is_estimator(flat)


# -- what is stored, and another session ---------------------------------------------------------------------

def holds_a_pickle(path):
    try:
        return any(opcode.name == "STOP" for opcode, _, _ in pickletools.genops(path.read_bytes()))
    except Exception:  # whatever else the bytes are
        return False


def test_an_estimator_is_never_stored_and_its_probabilities_are(tmp_path, pool, capsys):
    wb = bench(tmp_path / "p", pool, weak())
    answer(wb)
    run = wb.finetune()
    kept = probs(wb)
    wb.close()
    files = [path for path in (tmp_path / "p").rglob("*") if path.is_file()]
    assert files
    assert not any(holds_a_pickle(path) for path in files)
    assert not any(b"sklearn" in path.read_bytes() for path in files if path.suffix == ".safetensors")
    capsys.readouterr()

    wb = bench(tmp_path / "p", pool)
    told = capsys.readouterr().out
    assert "goes on with the stored probabilities of LogisticRegression" in told
    assert "pass it again" in told
    assert wb.inference.version == run.model
    assert isinstance(wb.inference.predictor, ImportedPredictor)
    np.testing.assert_array_equal(probs(wb), kept)
    assert wb.predict()["model"].unique().tolist() == [run.model]
    with pytest.raises(ModelError, match=r"stored probabilities of a LogisticRegression.*Pass the LogisticRegression"
                       ) as refused:
        wb.model()
    assert "imported" not in str(refused.value)
    with pytest.raises(ModelError, match=r"Pass the LogisticRegression again"):
        wb.explain("0")


def test_a_later_session_takes_the_same_estimator_up_again(tmp_path, pool, capsys):
    model = weak()
    wb = bench(tmp_path / "p", pool, model)
    version, kept = wb.model().version, probs(wb)
    wb.close()
    wb = bench(tmp_path / "p", pool, model)
    assert isinstance(wb.inference.predictor, EstimatorPredictor)
    assert wb.model().version == version
    np.testing.assert_array_equal(probs(wb), kept)
    assert wb.models()["model"].tolist() == [version]
    wb.close()
    other = LogisticRegression(C=10).fit(ROWS, np.array(NAMES)[TRUTH])
    capsys.readouterr()
    wb = bench(tmp_path / "p", pool, other)
    assert "isn't the model that was adopted" in capsys.readouterr().out
    assert wb.model().version != version
    np.testing.assert_allclose(probs(wb)[:, [1, 3, 2, 0]], other.predict_proba(ROWS), atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("passed", ["the first", "the fitted", "an unfitted"])
def test_a_notebook_run_again_from_the_top_ends_where_it_ended(tmp_path, pool, capsys, passed):
    model = weak()
    wb = bench(tmp_path / "p", pool, model)
    answer(wb)
    run = wb.finetune()
    kept = probs(wb)
    wb.close()
    again = {"the first": model, "the fitted": run.net.function, "an unfitted": LogisticRegression()}[passed]
    wb = bench(tmp_path / "p", pool, again)
    assert wb.inference.version == run.model
    capsys.readouterr()
    second = wb.finetune()
    assert "this is that run" in capsys.readouterr().out
    assert second.model == run.model
    assert second.taken == run.taken
    np.testing.assert_array_equal(probs(wb), kept)
    # The fit gives the same again, so that the estimator itself is at hand.
    assert isinstance(wb.inference.predictor, EstimatorPredictor)
    assert wb.model()(list(IMAGES[:2])).shape == (2, 4)
    wb.decide("0", label="one")
    assert wb.finetune().round == run.round + 1


def test_another_estimator_is_fitted_although_there_is_no_new_answer(tmp_path, pool, capsys):
    wb = bench(tmp_path / "p", pool, LogisticRegression())
    answer(wb)
    first = wb.finetune()
    wb.close()
    wb = bench(tmp_path / "p", pool, KNeighborsClassifier(3))
    assert "wb.finetune() fits the KNeighborsClassifier given" in capsys.readouterr().out
    assert wb.inference.version == first.model
    run = wb.finetune(adopt="always")
    assert run.taken.startswith("KNeighborsClassifier")
    assert wb.models()["name"].tolist() == ["LogisticRegression", "KNeighborsClassifier"]


def test_what_runs_follow_from_is_the_same_in_another_session(pool):
    def told(model, preprocess=flat):
        return recipe_of(Estimator(model, features(pool, preprocess)), seed=0)
    def model():
        return make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression())
    assert told(model()) == told(model()) == told(fresh_copy(model(), seed=0))
    assert told(LogisticRegression()) != told(LogisticRegression(C=2)) != told(LogisticRegression(), np.ravel)


def test_without_an_estimator_finetune_trains_a_net_of_the_workbench(tmp_path, pool):
    wb = bench(tmp_path / "p", pool, weak())
    version = wb.model().version
    wb.close()
    wb = bench(tmp_path / "p", pool)
    answer(wb, every=4)
    run = wb.finetune(epochs=1, adopt="always")
    assert "the workbench's own net was trained" in run.taken
    assert wb.adopt(version) == version


def test_an_item_whose_content_changed_is_predicted_again_by_the_estimator(tmp_path):
    model = weak()
    wb = bench(tmp_path / "p", hw.Pool.from_images(IMAGES), model)
    before = probs(wb)
    wb.close()
    changed = IMAGES.copy()
    changed[3] = IMAGES[0]
    pool = hw.Pool.from_images(changed)
    wb = bench(tmp_path / "p", pool)
    assert np.flatnonzero(np.isnan(probs(wb)).any(axis=1)).tolist() == [3]
    wb.close()
    wb = bench(tmp_path / "p", pool, model)
    np.testing.assert_allclose(probs(wb)[3], before[0], atol=1e-6)


@pytest.mark.long
def test_an_estimator_of_other_descriptors_is_not_asked(tmp_path, capsys):
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(IMAGES[:120]), NAMES, progress=False)
    model = LogisticRegression().fit(wb.registry.descriptors.of(np.arange(120)), np.array(NAMES)[TRUTH[:120]])
    version, kept = wb.adopt(model), probs(wb)
    wb.close()
    capsys.readouterr()
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_images(IMAGES), NAMES, model=model, progress=False)
    assert "descriptors were fitted anew" in capsys.readouterr().out
    assert wb.inference.version == version
    np.testing.assert_array_equal(probs(wb)[:120], kept)
    assert np.isnan(probs(wb)[120:]).all()
    answer(wb)
    assert wb.finetune(adopt="always").model != version
    assert np.isfinite(probs(wb)).all()


def test_a_damaged_table_is_mended_by_the_estimator_that_is_at_hand(tmp_path, pool):
    wb = bench(tmp_path / "p", pool, weak())
    version, kept = wb.inference.version, probs(wb)
    answer(wb)
    wb.finetune(adopt="always")
    path = wb.registry.path(version)
    whole = path.read_bytes()
    path.write_bytes(whole[:-64] + bytes(64))
    assert wb.adopt(version) == version
    np.testing.assert_array_equal(probs(wb), kept)
    assert path.read_bytes() == whole


def test_of_a_large_pool_probabilities_are_computed_when_they_are_asked_for(tmp_path, pool, monkeypatch):
    monkeypatch.setattr(estimator_nets, "MOST_STORED", 100)
    monkeypatch.setattr("hitl_widgets.learn.estimator_registry.MOST_STORED", 100)
    monkeypatch.setattr(estimator_nets, "N_TOLD", 4)
    model = weak()
    wb = bench(tmp_path / "p", pool, model)
    assert not wb.project.ranking.predictions.tried.all()
    np.testing.assert_allclose(probs(wb)[:, [1, 3, 2, 0]], model.predict_proba(ROWS), atol=1e-6)
    version = wb.model().version
    wb.close()
    wb = bench(tmp_path / "p", pool, model)
    assert wb.model().version == version
    assert wb.project.ranking.predictions.tried.all()
    answer(wb)
    assert wb.finetune().adopted
    wb.close()
    wb = bench(tmp_path / "p", pool)
    with pytest.raises(ModelError, match="open the project with model="):
        wb.predict()


def test_a_project_that_was_begun_without_takes_an_estimator_by_adopt(tmp_path, pool):
    wb = bench(tmp_path / "p", pool)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(wb.registry.descriptors.of(np.arange(160)), np.array(NAMES)[TRUTH])
    version = wb.adopt(model)
    assert wb.models()["name"].tolist() == ["Pipeline"]
    answer(wb)
    run = wb.finetune()
    assert run.taken.startswith("Pipeline, fitted anew on the pool's descriptors")
    assert wb.adopt(version) == version
    with pytest.raises(ModelError, match="isn't fitted"):
        wb.adopt(LogisticRegression())
    assert wb.inference.version == version


def test_a_renamed_label_and_a_new_one(tmp_path, pool):
    model = weak()
    wb = bench(tmp_path / "p", pool, model)
    version = wb.model().version
    wb.apply(hw.edits.rename("zero", "nought"))
    wb.close()
    wb = hw.Workbench(tmp_path / "p", pool, model=model, preprocess=flat, progress=False)
    assert wb.model().version == version
    wb.apply(hw.edits.add("four"))
    assert probs(wb).shape == (160, 5)
    for row in range(100):
        wb.decide(str(row), label=["nought", *NAMES[1:]][TRUTH[row]])
    run = wb.finetune(adopt="always")
    assert set(run.net.function.classes_) == {"nought", "one", "two", "three"}
    assert probs(wb).shape == (160, 5)


# -- several labels an item ----------------------------------------------------------------------------------

LABELS = ["odd", "large"]
SETS_ON = np.column_stack([TRUTH % 2, TRUTH >= 2])


@pytest.mark.long
@pytest.mark.parametrize("make", [
    lambda: MultiOutputClassifier(LogisticRegression()), lambda: OneVsRestClassifier(LogisticRegression()),
    lambda: RandomForestClassifier(20), lambda: KNeighborsClassifier(3)], ids=["outputs", "one-vs-rest", "forest",
                                                                              "neighbours"])
def test_an_item_may_have_several_labels(tmp_path, pool, make):
    model = make().fit(ROWS[:20], SETS_ON[:20])
    wb = hw.Workbench(tmp_path / "p", pool, LABELS, task="multilabel", model=model, preprocess=flat, progress=False)
    said = model.predict_proba(ROWS)
    expected = np.column_stack([one[:, 1] for one in said]) if isinstance(said, list) else said
    np.testing.assert_allclose(probs(wb), expected, atol=1e-6)
    for row in range(160):
        wb.decide(str(row), labels=[label for label, on in zip(LABELS, SETS_ON[row], strict=True) if on])
    run = wb.finetune()
    assert run.n_training == 160 - len(wb.holdout)
    assert float(run.after["macro_f1"]) > 0.9
    wb.close()
    wb = hw.Workbench(tmp_path / "p", pool, LABELS, task="multilabel", progress=False)
    assert wb.inference.version in set(wb.models()["model"])
    assert probs(wb).shape == (160, 2)


def test_a_label_that_all_items_or_none_have(pool):
    on = np.column_stack([np.ones(160, int), np.zeros(160, int), TRUTH % 2])
    model = RandomForestClassifier(5).fit(ROWS, on)
    estimator = Estimator(model, features(pool), multilabel=True)
    np.testing.assert_allclose(estimator.call(ROWS, 160)[:, :2], np.tile([1, 0], (160, 1)))


def test_an_estimator_of_one_label_is_told_what_wraps_it(tmp_path, pool):
    wb = hw.Workbench(tmp_path / "p", pool, LABELS, task="multilabel", model=LogisticRegression(), preprocess=flat,
                      progress=False)
    for row in range(60):
        wb.decide(str(row), labels=[label for label, on in zip(LABELS, SETS_ON[row], strict=True) if on])
    with pytest.raises(ModelError, match="MultiOutputClassifier"):
        wb.finetune()


# -- what is fitted ------------------------------------------------------------------------------------------

def features(pool, preprocess=flat):
    def no_descriptors():
        raise AssertionError("descriptors aren't read")
    return Features(pool, preprocess, descriptors=no_descriptors, view=no_descriptors)


def labelled(pool, targets, **more):
    more = {"label_ids": NAMES, **more}
    return LabelledImages(pool, range(len(targets)), targets, preprocess=lambda image: None, **more)


def test_rows_of_hard_labels_count_by_their_weights(pool):
    rows = training_rows(labelled(pool, ["one", "zero", "one"], weights=[1, 0.5, 2]))
    assert rows.items.tolist() == [0, 1, 2]
    assert rows.labels.tolist() == [1, 0, 1]
    assert rows.weights.tolist() == [1, 0.5, 2]


def test_a_partial_answer_becomes_a_row_for_each_label_that_it_may_mean(pool):
    rows = training_rows(labelled(pool, ["one", "zero"], candidates=[None, ["zero", "two"]], weights=[1, 0.6]))
    assert rows.items.tolist() == [0, 1, 1]
    assert rows.labels.tolist() == [1, 0, 2]
    assert rows.weights == pytest.approx([1, 0.3, 0.3])
    assert rows.hard.tolist() == [1, -1]


def test_a_soft_label_becomes_weighted_rows(pool):
    soft = 0.9 * np.array([[0.7, 0.3, 0, 0], [0, 0, 0, 1]]) + 0.1 / 4  # smoothed, as `training_set` gives them
    rows = training_rows(labelled(pool, soft))
    assert rows.items.tolist() == [0, 0, 1]
    assert rows.labels.tolist() == [0, 1, 3]
    assert rows.weights == pytest.approx([0.7, 0.3, 1], abs=1e-6)
    assert rows.hard.tolist() == [0, 3]


def test_items_whose_labels_are_not_all_known_are_left_out_of_sets(pool):
    rows = training_rows(labelled(pool, np.array([[1, 0], [np.nan, 1]]), label_ids=LABELS, objective=SETS))
    assert rows.items.tolist() == [0]
    assert rows.labels.tolist() == [[1, 0]]
    assert rows.left_out == (1,)


def test_where_annotators_are_tied_about_a_label_an_estimator_learns_neither(pool):
    """A tie was learnt as if the item had the label."""
    rows = training_rows(labelled(pool, np.array([[1, 0.5], [0.4, 1]]), label_ids=LABELS, objective=SETS))
    assert (rows.items.tolist(), rows.labels.tolist(), rows.left_out) == ([1], [[0, 1]], (0,))



def test_weights_of_rows_change_what_is_learnt(pool):
    targets = ["zero", "one"] * 4
    alike = fit(pool, targets, LogisticRegression())
    heavy = fit(pool, targets, LogisticRegression(), weights=[1, 9] * 4)
    assert heavy.call(ROWS[:8], 8)[:, 1].mean() > alike.call(ROWS[:8], 8)[:, 1].mean() + 0.05


def fit(pool, targets, model, **more):
    return fit_estimator(Estimator(model, features(pool)), labelled(pool, targets, **more), np.arange(len(targets)),
                         seed=0, names=NAMES).estimator


def test_answers_that_count_alike_are_fitted_as_by_hand(pool):
    targets = np.array(NAMES)[TRUTH[:40]]
    fitted = fit(pool, targets.tolist(), LogisticRegression())
    np.testing.assert_array_equal(fitted.model.coef_, LogisticRegression().fit(ROWS[:40], targets).coef_)


def test_weights_reach_the_last_step_of_a_pipeline_and_what_a_search_searches_with():
    weights = np.ones(3)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    assert list(fit_arguments(pipeline, weights)) == ["logisticregression__sample_weight"]
    assert list(fit_arguments(GridSearchCV(pipeline, {}), weights)) == ["logisticregression__sample_weight"]
    assert fit_arguments(KNeighborsClassifier(), weights) == {}
    assert fit_arguments(make_pipeline(KNeighborsClassifier()), weights) == {}


def test_what_is_random_gets_the_seed_and_what_has_one_keeps_it():
    forest = fresh_copy(make_pipeline(RandomForestClassifier()), seed=3)
    assert forest.get_params()["randomforestclassifier__random_state"] == 3
    assert fresh_copy(RandomForestClassifier(random_state=7), seed=3).random_state == 7


def test_an_item_that_preprocess_cannot_take_is_left_out(pool):
    def picky(image):
        if (image == IMAGES[1]).all():
            raise KeyError("one")
        return flat(image)
    estimator = Estimator(LogisticRegression(), features(pool, picky))
    fitted = fit_estimator(estimator, labelled(pool, ["zero", "one", "zero", "one"]), np.arange(4), seed=0, names=NAMES)
    assert fitted.left_out == (1,)
    assert fitted.n_training == 3
    with pytest.raises(BadInput, match="no item that LogisticRegression could learn from"):
        fit_estimator(Estimator(LogisticRegression(), features(pool, lambda image: 1 / 0)),
                      labelled(pool, ["zero"]), np.arange(1), seed=0, names=NAMES)


def test_predictions_of_scikit_learn_may_come_as_a_table_as_well(tmp_path, pool):
    model = weak()
    wb = bench(tmp_path / "p", pool, model)
    version = wb.inference.version
    frame = pd.DataFrame(model.predict_proba(ROWS), columns=model.classes_).assign(item_id=pool.ids)
    other = bench(tmp_path / "q", pool)
    other.import_predictions(frame, model="mine")
    np.testing.assert_allclose(probs(other), probs(wb), atol=1e-6)
    assert functools.reduce(lambda same, one: same and one, [other.inference.version == version])
