"""Maps of models of which probabilities are all that is known: functions and estimators, of images and of texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from shades import KINDS, NAMES, POOL, label_some
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from spam import messages

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.explain.attribute import LEAST_PROB, NetExplainer, Targets, score_of
from hitl_widgets.explain.lime import nearness, samples, slopes
from hitl_widgets.explain.text_explainer import TextExplainer
from hitl_widgets.explain.text_maps import kernelshap, lime
from hitl_widgets.learn.callables import AsLoaded, CallableNet
from hitl_widgets.learn.predict import NetPredictor

SIDE, N = 60, 40


def planted(n=N, *, seed=0):
    """Coloured noise with blotches, and in each a red square that decides; and where it is."""
    rng = np.random.default_rng(seed)
    images, places = [], []
    for _ in range(n):
        image = np.kron(rng.integers(60, 150, (6, 6, 3)), np.ones((SIDE // 6, SIDE // 6, 1))) \
            + rng.normal(0, 6, (SIDE, SIDE, 3))
        x, y = rng.integers(2, SIDE - 18, 2)
        image[y:y + 16, x:x + 16] = np.array([230, 30, 30]) + rng.normal(0, 6, (16, 16, 3))
        images.append(image.clip(0, 255).astype(np.uint8))
        places.append((x, y))
    return images, places


def redness(images):
    """The probability of "red" by the number of red pixels, as a function of one's own gives it."""
    share = np.array([((image[..., 0] > 190) & (image[..., 1] < 80)).mean() for image in images])
    red = 1 / (1 + np.exp(-90 * (share - 0.035)))
    return np.column_stack([1 - red, red])


IMAGES, PLACES = planted()


def of_images(function, images=IMAGES, **more):
    net = CallableNet(function, kind="image", **more)
    return NetExplainer(NetPredictor(net, hw.Pool.from_images(images), ["plain", "red"], preprocess=AsLoaded(),
                                     device="cpu", probabilities=False, multilabel=net.multilabel))


@pytest.mark.long
@pytest.mark.parametrize("method", ["kernelshap", "lime", "occlusion"])
def test_the_region_that_decides_is_the_strongest_in_nearly_every_map(method):
    explainer = of_images(redness)
    found = 0
    for row, (x, y) in enumerate(PLACES):
        values = explainer.explain(row, method=method, target="red").values
        down, across = np.unravel_index(values.argmax(), values.shape)
        found += x <= across < x + 16 and y <= down < y + 16
    assert found >= 0.95 * N


def test_a_functions_map_is_kernelshap_unless_another_is_named():
    explainer = of_images(redness)
    assert explainer.methods == ("occlusion", "kernelshap", "lime")
    assert explainer.explain(0, target="red").method == "kernelshap"
    for method in ("saliency", "integrated_gradients", "input_x_gradient"):
        with pytest.raises(ModelError, match=r"is a function or an estimator.*occlusion, kernelshap or lime\."):
            explainer.explain(0, method=method, target="red")
    with pytest.raises(BadInput, match="did you mean 'kernelshap'"):
        explainer.explain(0, method="kernel_shap", target="red")


def test_what_speaks_for_one_label_speaks_against_the_other():
    explainer = of_images(redness)
    one, other = (explainer.explain(0, target=label).values for label in ("red", "plain"))
    np.testing.assert_allclose(one, -other, atol=1e-4)
    rather = explainer.explain(0, target="red", against="plain").values
    np.testing.assert_allclose(one, rather, atol=1e-4)


def test_shares_of_kernelshap_add_up_to_what_the_region_changes():
    explainer = of_images(redness)
    values = explainer.explain(3, target="red").values
    x, y = PLACES[3]
    parts = sum(float(value) for value in np.unique(values))
    hidden = np.broadcast_to(IMAGES[3].reshape(-1, 3).mean(axis=0).round().astype(np.uint8), IMAGES[3].shape)
    odds = [np.log(p[1] / p[0]) for p in np.clip(redness([IMAGES[3], hidden]), LEAST_PROB, 1)]
    assert parts == pytest.approx(odds[0] - odds[1], abs=0.05)
    assert values[y + 8, x + 8] > 0


def test_a_function_gets_whole_images_as_bytes():
    got = []

    def looks(images):
        got.extend(images)
        return redness(images)
    of_images(looks).explain(0, target="red")
    assert {(image.dtype.name, image.shape) for image in got} == {("uint8", (SIDE, SIDE, 3))}
    assert len(got) == 160
    np.testing.assert_array_equal(got[0], IMAGES[0])


@pytest.mark.long
def test_maps_of_large_images_are_of_their_own_size():
    large = [np.kron(image, np.ones((15, 12, 1), np.uint8)) for image in IMAGES[:1]]
    values = of_images(redness, large).explain(0, target="red").values
    assert values.shape == (900, 720)
    x, y = PLACES[0]
    down, across = np.unravel_index(values.argmax(), values.shape)
    assert x * 12 <= across < (x + 16) * 12
    assert y * 15 <= down < (y + 16) * 15


def test_several_labels_an_item_have_odds_of_their_own():
    def both(images):
        return np.column_stack([np.full(len(images), 0.7), redness(images)[:, 1]])
    explainer = of_images(both, multilabel=True)
    values = explainer.explain(1, target="red").values
    x, y = PLACES[1]
    down, across = np.unravel_index(values.argmax(), values.shape)
    assert x <= across < x + 16
    assert y <= down < y + 16
    assert np.abs(explainer.explain(1, target="plain").values).max() < 1e-6


def test_a_function_that_raises_says_so_for_its_item():
    def broken(images):
        raise RuntimeError("no credit left")
    with pytest.raises(ModelError, match="no credit left"):
        of_images(broken).explain(0, target="red")


def test_no_probability_of_a_function_outweighs_all_else():
    target, other = torch.tensor([[False, True]]), torch.ones(1, 2, dtype=torch.bool)
    logits = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.99, 0.01]]).clamp_min(1e-12).log()
    scores = score_of(logits, Targets(target, other, torch.zeros(1)), of_function=True, multilabel=False)
    np.testing.assert_allclose(scores, [np.log(LEAST_PROB), 0, np.log(0.01 / 0.99)], atol=1e-5)


# -- through the workbench

def test_the_card_draws_a_functions_map_by_the_usual_method(bench):
    wb = bench(pool=hw.Pool.from_images(IMAGES), taxonomy=["plain", "red"], model=redness)
    red = wb.taxonomy.label("red").id
    drawn = wb._services.attribution(2, "gradcam", red, None)
    assert (drawn.method, drawn.values.shape) == ("kernelshap", (SIDE, SIDE))
    found = wb.explain([wb.pool.ids[2]])
    np.testing.assert_array_equal(found.maps[0], drawn.values)
    assert "kernelshap" in repr(found)
    with pytest.raises(ModelError, match="function or an estimator"):
        wb.explain([wb.pool.ids[2]], method="saliency")


@pytest.mark.long
def test_a_functions_maps_are_checked_by_what_they_find(bench):
    wb = bench(pool=hw.Pool.from_images(IMAGES[:8]), taxonomy=["plain", "red"], model=redness)
    table = wb.check_explanations(methods=["kernelshap"], n=6, budget_s=20)
    assert table["method"].tolist() == ["kernelshap"]
    assert np.isnan(table["randomised"][0])
    assert table["deletion"][0] > 0
    assert "depends on the model" not in table["verdict"][0]


@pytest.mark.long
@pytest.mark.parametrize("method", ["kernelshap", "lime"])
def test_an_estimator_on_the_pools_descriptors_is_asked_about_changed_images(bench, method):
    wb = bench()
    label_some(wb, 40)
    rows = wb.registry.descriptors.of(np.arange(len(POOL)))
    estimator = LogisticRegression(max_iter=500).fit(rows, KINDS)
    wb.adopt(estimator)
    found = wb.explain([POOL.ids[0], POOL.ids[5]], method=method, target=NAMES[0])
    assert not found.errors
    for one in found.maps:
        assert one.shape == (16, 16)
        assert np.abs(one).max() > 0.01


# -- texts

def says_free(texts):
    spam = np.array([0.95 if "free" in text.split() else 0.1 for text in texts])
    return np.column_stack([1 - spam, spam])


def of_texts(function, texts):
    return TextExplainer(NetPredictor(CallableNet(function), hw.Pool.from_texts(texts), ["ham", "spam"], device="cpu",
                                      probabilities=False))


def with_free(n, length):
    rng = np.random.default_rng(length)
    texts = []
    for _ in range(n):
        words = [str(word) for word in rng.choice(["see", "you", "at", "the", "call", "me", "tonight"], length)]
        words.insert(int(rng.integers(length + 1)), "free")
        texts.append(" ".join(words))
    return texts


@pytest.mark.long
@pytest.mark.parametrize("method", ["kernelshap", "lime", "erasure"])
@pytest.mark.parametrize("length", [5, 60])
def test_the_word_that_decides_is_the_strongest_in_nearly_every_text(method, length):
    texts = with_free(30, length)
    explainer = of_texts(says_free, texts)
    found = 0
    for row, text in enumerate(texts):
        one = explainer.explain(row, method=method, target="spam")
        start, end = one.tokens[one.values[0].argmax()].tolist()
        found += text[start:end] == "free"
    assert found >= 0.95 * len(texts)


def test_words_of_a_pipeline_and_of_a_forest_are_found(bench):
    texts, spam = messages(120)
    for last in (LogisticRegression(C=10), RandomForestClassifier(50, random_state=0)):
        pipeline = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), last).fit(texts, np.where(spam, "spam", "ham"))
        wb = bench(f"p-{type(last).__name__}", pool=hw.Pool.from_texts(texts), taxonomy=["ham", "spam"], model=pipeline)
        rows = np.flatnonzero(spam)[:12].tolist()
        for method in ("kernelshap", "lime"):
            found = wb.explain([str(row) for row in rows], method=method, target="spam")
            top = [table.loc[table["value"].idxmax(), "token"] for table in found.maps]
            assert sum(word in ("win", "free", "cash", "🎁") for word in top) == 12


def test_shapley_values_of_words_are_exact_for_few_words():
    def score(texts):
        return np.array([2.0 * ("good" in text) * ("not" not in text) - ("bad" in text) for text in texts])
    text = "not so good"
    tokens = np.array([[0, 3], [4, 6], [7, 11]])
    found = kernelshap(score, text, tokens)
    np.testing.assert_allclose(found.values, [-1.0, 0.0, 1.0], atol=1e-9)  # by hand: not and good cancel each other
    assert found.delta == pytest.approx(0, abs=1e-9)


def test_neighbouring_words_of_a_long_text_share_their_parts_value():
    text = " ".join(["word"] * 250 + ["free"])
    starts = np.array([5 * row for row in range(250)] + [1250])
    tokens = np.column_stack([starts, starts + 4])
    n_asked = []

    def score(texts):
        n_asked.append(len(texts))
        return np.array([float("free" in text) for text in texts])
    for method in (kernelshap, lime):
        values = method(score, text, tokens).values
        assert values.argmax() >= 248
        assert values[-1] == values[-2] if 251 % 3 != 1 else values[-1] > 0
        assert values[:240].max() < 0.1 * values.max()
    assert max(n_asked) <= 600


# -- LIME itself

def test_slopes_are_those_of_scikit_learns_ridge():
    rng = np.random.default_rng(1)
    shown = samples(12, 200)
    outcomes = shown @ rng.normal(size=12) + rng.normal(0, 0.3, 200)
    ridge = Ridge(alpha=1.0).fit(shown, outcomes, sample_weight=nearness(shown))
    np.testing.assert_allclose(slopes(shown, outcomes), ridge.coef_, atol=1e-9)
    assert shown[0].all()
    assert nearness(shown)[0] == 1
    assert nearness(np.zeros((1, 4), bool))[0] == pytest.approx(np.exp(-8))  # a distance of 1: sqrt(exp(-16))


def test_the_same_number_of_parts_has_the_same_samples_and_torch_draws_nothing():
    before = torch.random.get_rng_state()
    one, other = samples(7, 50), samples(7, 50).copy()
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(of_images(redness).explain(0, method="lime", target="red").values,
                                  of_images(redness).explain(0, method="lime", target="red").values)
    assert torch.equal(before, torch.random.get_rng_state())
