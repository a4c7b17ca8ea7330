"""Light models of texts: what they learn from few answers, what the pool tells without any, and how they are kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.learn.light import fit_head
from hitl_widgets.learn.losses import SMOOTHING
from hitl_widgets.learn.text_light import (
    PoolTexts,
    TextPrior,
    coordinates,
    fit_text_light,
    fit_text_light_labels,
    fit_text_prior,
    row_logits,
    text_rows,
)
from hitl_widgets.learn.text_nets import WORD, AdditiveTextNet, features_of
from hitl_widgets.learn.text_views import TextPreprocess, collate

N_BUCKETS = 2**13
GOOD, BAD = ["lovely", "great", "superb", "charming"], ["awful", "poor", "dreadful", "dull"]
THINGS = ["film", "meal", "room", "book", "garden", "song", "train", "coat"]


def reviews(n: int, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    liked = rng.integers(0, 2, n)
    texts = [f"The {rng.choice(THINGS)} near the {rng.choice(THINGS)} was {rng.choice(GOOD if like else BAD)}, "
             f"{rng.choice(['I think', 'they say', 'really', 'so it was'])}." for like in liked]
    return texts, liked


def views_of(texts: list[str]) -> Tensor:
    batch = collate([TextPreprocess()(text) for text in texts])
    assert isinstance(batch, Tensor)
    return batch


@pytest.fixture(scope="module")
def prior() -> TextPrior:
    return fit_text_prior(reviews(300, seed=1)[0], n_buckets=N_BUCKETS)


def test_a_net_learns_words_from_few_answers_and_knows_how_sure_it_may_be(prior: TextPrior) -> None:
    texts, liked = reviews(60)
    light = fit_text_light(text_rows(texts, prior.rarity), torch.from_numpy(liked), torch.ones(60), prior=prior,
                           n_labels=2, draws=np.random.default_rng(0).random(60))
    others, truth = reviews(200, seed=2)
    with torch.no_grad():
        probs = light.head(views_of(others)).softmax(dim=1).numpy()
    right = probs.argmax(axis=1) == truth
    assert right.mean() > 0.95
    assert abs(probs.max(axis=1).mean() - right.mean()) < 0.08
    assert light.temperature > 0
    assert light.logits.shape == (60, 2)
    assert float(light.losses.mean()) < 0.4


def test_the_words_that_tell_the_label_have_the_largest_contributions(prior: TextPrior) -> None:
    texts, liked = reviews(80)
    light = fit_text_light(text_rows(texts, prior.rarity), torch.from_numpy(liked), torch.ones(80), prior=prior,
                           n_labels=2, draws=np.random.default_rng(0).random(80))
    assert isinstance(light.head, AdditiveTextNet)
    text = "The coat near the film was superb, I think."
    (tokens,), (values,) = light.head.contributions(views_of([text]))
    first = tokens[(values[:, 1] - values[:, 0]).argmax()]
    assert text[slice(*first)] == "superb"


def test_coordinates_have_the_inner_products_of_all_features(prior: TextPrior) -> None:
    rows = text_rows(reviews(30)[0], prior.rarity)
    found = coordinates(rows, prior)
    expected = (rows @ rows.T).toarray()
    np.testing.assert_allclose((found.rows @ found.rows.T).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("topics", [0.0, 4.0])
@pytest.mark.parametrize("penalised", [False, True])
def test_weights_of_coordinates_become_those_of_features(prior: TextPrior, topics: float, *, penalised: bool) -> None:
    rows = text_rows(reviews(30)[0], prior.rarity)
    penalty = np.random.default_rng(0).uniform(0.5, 20, N_BUCKETS) if penalised else None
    found = coordinates(rows, prior, topics=topics, penalty=penalty)
    weight = torch.randn(3, found.rows.shape[1], generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(rows @ found.weights(weight).T, (found.rows @ weight.T).numpy(), atol=2e-3)


def test_without_topics_the_fit_is_that_of_scikit_learn_on_all_features(prior: TextPrior) -> None:
    from sklearn.linear_model import LogisticRegression
    texts, liked = reviews(50)
    rows = text_rows(texts, prior.rarity)
    found = coordinates(rows, prior)
    head = fit_head(found.rows, torch.from_numpy(liked), torch.ones(50), n_labels=2, strength=3.0)
    weight, bias = found.weights(head.weight), head.bias.detach().numpy()
    # Of two labels each has weights that are penalised: that of one against the other counts half. The loss is that of
    # smoothed labels, as if a part of each item had the other label.
    other = np.repeat([1 - SMOOTHING / 2, SMOOTHING / 2], 50)
    reference = LogisticRegression(C=6.0, tol=1e-8, max_iter=1_000).fit(
        sparse.vstack([rows, rows]), np.concatenate([liked, 1 - liked]), sample_weight=other)
    ours = rows @ (weight[1] - weight[0]) + bias[1] - bias[0]
    np.testing.assert_allclose(ours, reference.decision_function(rows), atol=0.1)


def test_a_penalised_word_hardly_counts(prior: TextPrior) -> None:
    rng = np.random.default_rng(0)
    liked = rng.integers(0, 2, 80)  # two words tell the label, and nothing else does
    texts = [f"{rng.choice(THINGS)} {'zig' if like else 'zag'} {'mum' if like else 'dad'} day" for like in liked]
    rows, draws = text_rows(texts, prior.rarity), rng.random(80)
    features = features_of(["zig", "zag"])
    penalty = np.ones(N_BUCKETS)
    penalty[features.buckets(N_BUCKETS)] = 1e4
    weights = []
    for each in (None, penalty):
        light = fit_text_light(rows, torch.from_numpy(liked), torch.ones(80), prior=prior, n_labels=2, draws=draws,
                               penalty=each)
        weights.append(light.head.last.weight.detach()[1].numpy())  # type: ignore[union-attr]
    (zig,) = features_of(["zig"]).buckets(N_BUCKETS)[features_of(["zig"]).kinds == WORD]
    (mum,) = features_of(["mum"]).buckets(N_BUCKETS)[features_of(["mum"]).kinds == WORD]
    assert weights[0][zig] > 0.1
    assert abs(weights[1][zig]) < 0.01 * weights[1][mum]


def test_topics_of_the_pool_count_only_where_they_help() -> None:
    # What a text is about tells the label here: words that occur together stand for each other.
    rng = np.random.default_rng(0)
    fields = [[f"{letter}{number}word" for number in range(40)] for letter in "pq"]
    about = rng.integers(0, 2, 400)
    texts = [" ".join(rng.choice(fields[field], 6)) for field in about]
    prior = fit_text_prior(texts[:300], n_buckets=N_BUCKETS)
    rows = text_rows(texts, prior.rarity)
    few = slice(0, 24)
    light = fit_text_light(rows[few], torch.from_numpy(about[few]), torch.ones(24), prior=prior, n_labels=2,
                           draws=rng.random(24))
    assert isinstance(light.head, AdditiveTextNet)
    assert (row_logits(light.head, rows[300:]).argmax(dim=1).numpy() == about[300:]).mean() > 0.97
    assert prior.topics.shape[1] == 32


def test_rows_at_hand_give_the_logits_of_the_net(prior: TextPrior) -> None:
    texts, liked = reviews(40)
    rows = text_rows(texts, prior.rarity)
    net = fit_text_light(rows, torch.from_numpy(liked), torch.ones(40), prior=prior, n_labels=2,
                         draws=np.random.default_rng(0).random(40)).head
    assert isinstance(net, AdditiveTextNet)
    with torch.no_grad():
        torch.testing.assert_close(row_logits(net, rows), net(views_of(texts)), atol=1e-4, rtol=1e-4)


def test_soft_and_partial_targets_are_learnt(prior: TextPrior) -> None:
    texts, liked = reviews(60)
    soft = np.full((60, 3), 0.0, np.float32)
    soft[np.arange(60), liked] = 0.9
    soft[:, 2] += 0.1
    light = fit_text_light(text_rows(texts, prior.rarity), torch.from_numpy(soft), torch.ones(60), prior=prior,
                           n_labels=3, draws=np.random.default_rng(0).random(60))
    with torch.no_grad():
        assert (light.head(views_of(texts))[:, :2].argmax(dim=1).numpy() == liked).mean() > 0.95


def test_several_labels_a_text_have_a_probability_each(prior: TextPrior) -> None:
    rng = np.random.default_rng(0)
    on = rng.integers(0, 2, (120, 2)).astype(np.float32)
    texts = [f"{rng.choice(THINGS)} {rng.choice(GOOD) if good else 'plain'} {'loud' if loud else 'quiet'} place"
             for good, loud in on]
    on[::7, 1] = np.nan
    light = fit_text_light_labels(text_rows(texts, prior.rarity), torch.from_numpy(on), torch.ones(120), prior=prior,
                                  draws=rng.random(120))
    with torch.no_grad():
        probs = light.head(views_of(["film superb loud place", "film plain quiet place"])).sigmoid().numpy()
    assert (probs[0] > 0.5).all()
    assert (probs[1] < 0.5).all()
    assert len(light.adjustment.thresholds) == 2
    assert light.calibrated


def test_what_does_not_fit_is_refused_in_words(prior: TextPrior) -> None:
    rows = text_rows(["a", "b"], prior.rarity)
    with pytest.raises(ShapeError, match="2 rows and 3 targets"):
        fit_text_light(rows, torch.tensor([0, 1, 0]), torch.ones(3), prior=prior, n_labels=2, draws=np.zeros(3))
    with pytest.raises(BadInput, match="a number above 0 for each"):
        coordinates(rows, prior, penalty=np.ones(3))


def test_a_prior_of_one_text_or_of_equal_ones_has_no_topics_and_serves() -> None:
    for texts in (["only one"], ["same", "same", "same"], ["", " "]):
        prior = fit_text_prior(texts, n_buckets=N_BUCKETS)
        light = fit_text_light(text_rows(["good", "bad", "good"], prior.rarity), torch.tensor([1, 0, 1]),
                               torch.ones(3), prior=prior, n_labels=2, draws=np.zeros(3))
        with torch.no_grad():
            assert light.head(views_of(["good", "bad", ""])).isfinite().all()


def test_a_pool_keeps_its_prior_and_never_fits_it_to_what_measures(tmp_path: Path) -> None:
    texts, _ = reviews(40)
    texts[7] = ""
    pool = hw.Pool.from_texts([*texts[:-1], "holdoutonly"])
    measures = np.zeros(40, bool)
    measures[-1] = True
    kept = PoolTexts(pool, tmp_path, measures=lambda: measures, seed=0)
    (bucket,) = features_of(["holdoutonly"]).buckets(len(kept.prior.rarity))[features_of(["holdoutonly"]).kinds == WORD]
    assert kept.prior.rarity[bucket] == kept.prior.rarity.max()
    rows, readable = kept.rows(np.array([3, 7, 39, 3]))
    assert readable.tolist() == [True, False, True, True]
    assert rows[1].nnz == 0
    np.testing.assert_array_equal(rows[0].toarray(), text_rows([texts[3]], kept.prior.rarity).toarray())
    np.testing.assert_array_equal(rows[0].toarray(), rows[3].toarray())
    again = PoolTexts(pool, tmp_path, measures=lambda: measures[:0], seed=0)  # from its file: the mask isn't needed
    np.testing.assert_array_equal(again.prior.topics, kept.prior.topics)
    np.testing.assert_array_equal(again.prior.rarity, kept.prior.rarity)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"damaged")
    np.testing.assert_array_equal(PoolTexts(pool, tmp_path, measures=lambda: measures, seed=0).prior.buckets,
                                  kept.prior.buckets)
