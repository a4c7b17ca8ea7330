"""The workbench's own nets for texts: what they give, that contributions add up, how they are stored."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hitl_widgets.learn.text_nets import (
    AT_ONCE,
    MOST_TOKENS,
    PAIR,
    SHAPE,
    WORD,
    AdditiveTextNet,
    Features,
    TextCNN,
    amounts_of,
    features_of,
    holds_additive_net,
    is_additive_net,
    rarity_of,
    unfitted_additive_net,
)
from hitl_widgets.learn.text_views import TextPreprocess, collate
from hitl_widgets.learn.weights import load_weights, save_weights, weights_version

FIXED = [3731, 3879, 17564, 30542, 36440, 47542, 50945, 57207, 58730, 62974,
         71132, 80916, 85219, 111175, 116563, 120137, 120150, 122960, 130872]
TEXTS = ["Call 0800 123 NOW, it's free!!", "see you at home", "", "  \r\n\t", "من العربية 👩‍👩‍👧 e\u0301 狐狸",
         "a", "\x00\x00 b"]


def views_of(texts: list[str]) -> Tensor:
    views = collate([TextPreprocess()(text) for text in texts])
    assert isinstance(views, Tensor)
    return views


def random_net(n_labels: int = 3, *, texts: list[str] = TEXTS) -> AdditiveTextNet:
    net = AdditiveTextNet(n_labels, 2**12, rarity=rarity_of(texts, 2**12))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        net.last.weight.normal_(generator=generator)
        net.last.bias.normal_(generator=generator)
    return net.eval()


def test_contributions_and_the_bias_are_the_logits() -> None:
    net = random_net()
    tokens, values = net.contributions(views_of(TEXTS))
    with torch.no_grad():
        logits = net(views_of(TEXTS)).double().numpy()
    sums = np.array([each.sum(axis=0) for each in values]) + net.last.bias.detach().double().numpy()
    np.testing.assert_allclose(sums, logits, atol=1e-6)
    assert [len(each) for each in tokens] == [len(each) for each in values] == [9, 4, 0, 0, 6, 1, 3]
    assert TEXTS[0][slice(*tokens[0][0])] == "Call"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_contributions_add_up_for_any_text(texts: list[str]) -> None:
    net = random_net()
    net = net.double()
    _, values = net.contributions(views_of(texts))
    with torch.no_grad():
        logits = net(views_of(texts)).numpy()
    np.testing.assert_allclose(np.array([each.sum(axis=0) for each in values]) + net.last.bias.detach().numpy(), logits,
                               atol=1e-9)


def test_a_text_alone_has_the_logits_that_it_has_among_others() -> None:
    for net in (random_net(), TextCNN(3).eval()):
        with torch.no_grad():
            together = net(views_of(TEXTS))
            alone = torch.cat([net(views_of([text])) for text in TEXTS])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_a_text_without_tokens_gets_the_bias() -> None:
    net = random_net()
    with torch.no_grad():
        torch.testing.assert_close(net(views_of(["", "  "])), net.last.bias.expand(2, -1))
        assert TextCNN(2).eval()(views_of([""])).isfinite().all()


def test_only_the_token_that_changes_has_other_features() -> None:
    net = random_net(1)
    with torch.no_grad():
        net.last.weight.zero_()
    found = net.amounts(["good old news"])
    with torch.no_grad():  # teach it the whole word alone: every other token counts nothing
        words = found.buckets[(found.tokens == 1) & ~found.pairs]
        net.last.weight[0, torch.from_numpy(words)] = 1.0
    _, (values,) = net.contributions(views_of(["good old news"]))
    assert values[1, 0] > 0.2
    assert np.abs(values[[0, 2], 0]).max() < 0.1


def test_features_of_pairs_belong_to_both_tokens_half_and_half() -> None:
    net = random_net(1)
    found = net.amounts(["not good"])
    (pair,) = np.flatnonzero(found.pairs)
    with torch.no_grad():
        net.last.weight.zero_()
        net.last.weight[0, int(found.buckets[pair])] = 1.0
    _, (values,) = net.contributions(views_of(["not good"]))
    np.testing.assert_allclose(values[:, 0], found.amounts[pair] / 2, rtol=1e-6)


def test_small_and_capital_letters_differ_in_their_shape_alone() -> None:
    small, capital = features_of(["free"]), features_of(["FREE"])
    assert set(small.hashes) == set(capital.hashes[capital.kinds != SHAPE])
    assert (small.kinds == SHAPE).sum() == 0
    assert (capital.kinds == SHAPE).sum() == 1


def test_digits_are_alike_in_pairs_and_differ_in_words() -> None:
    one, other = features_of(["£ 100"]), features_of(["£ 271"])

    def of(found: Features, kind: int) -> set[int]:
        return set(found.hashes[found.kinds == kind].tolist())
    assert of(one, PAIR) == of(other, PAIR)
    assert of(one, SHAPE) == of(other, SHAPE)
    assert of(one, WORD) != of(other, WORD)


def test_the_hashes_are_the_same_on_every_machine() -> None:
    # Files of weights hold one number for each bucket: another hash would read them wrongly.
    assert np.sort(features_of(["Hi 5!"]).buckets(2**17)).tolist() == FIXED


def test_features_of_a_kind_have_a_length_of_their_own_in_any_text() -> None:
    short, long = (amounts_of([text], np.ones(2**12)) for text in ("good day", " ".join(["Good day 12"] * 50)))
    for found in (short, long):
        assert np.isfinite(found.amounts).all()
        assert (found.amounts > 0).all()
    totals: dict[int, float] = {}
    for bucket, amount in zip(long.buckets.tolist(), long.amounts.tolist(), strict=True):
        totals[bucket] = totals.get(bucket, 0.0) + amount
    assert sum(total ** 2 for total in totals.values()) == pytest.approx(1.0, abs=0.05)


def test_rare_features_count_more() -> None:
    rarity = rarity_of(["the cat", "the dog", "the sun"], 2**17)
    the, cat = (features_of([word]) for word in ("the", "cat"))
    (of_the,), (of_cat,) = (each.buckets(2**17)[each.kinds == WORD] for each in (the, cat))
    assert rarity[of_the] == pytest.approx(1.0)
    assert rarity[of_cat] == pytest.approx(np.log(2) + 1)
    assert rarity.max() == pytest.approx(np.log(4) + 1)  # of what no text has


def test_many_long_texts_are_read_in_parts() -> None:
    net = random_net(2)
    texts = ["good " * (AT_ONCE // 5), "bad", "good", "old news " * (AT_ONCE // 18), "a"]
    views = [TextPreprocess(most=10**6)(text) for text in texts]
    with torch.no_grad():
        together = net(collate(views))
        torch.testing.assert_close(together, torch.cat([net(view[None]) for view in views]), atol=1e-5, rtol=1e-5)
    tokens, values = net.contributions(views)
    assert len(tokens) == len(values) == len(texts)
    assert len(values[1]) == 1


def test_the_additive_net_is_stored_and_read(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    net = random_net()
    save_weights(net, path)
    assert holds_additive_net(path)
    assert not holds_additive_net(tmp_path / "none")
    read = load_weights(unfitted_additive_net(path), path)
    assert is_additive_net(read)
    assert weights_version(read) == weights_version(net)
    with torch.no_grad():
        torch.testing.assert_close(read(views_of(TEXTS)), net(views_of(TEXTS)))
    cnn = TextCNN(3)
    save_weights(cnn, path)
    assert not holds_additive_net(path)


def test_gradients_reach_the_weights_of_both_nets() -> None:
    for net in (AdditiveTextNet(2, 2**12), TextCNN(2)):
        net(views_of(TEXTS)).square().sum().backward()
        net(views_of(TEXTS))[:, 0].sum().backward()
        assert net.last.weight.grad is not None
        assert float(net.last.weight.grad.abs().sum()) > 0


def test_the_first_weights_of_the_cnn_follow_from_the_seed_and_draw_nothing_from_torch() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = TextCNN(2, seed=1), TextCNN(2, seed=1), TextCNN(2, seed=2)
    torch.testing.assert_close(torch.rand(3), expected)
    assert weights_version(one) == weights_version(again) != weights_version(other)


def test_the_cnn_has_one_embedding_for_each_token() -> None:
    cnn = TextCNN(2).eval()
    views = views_of(["a b c", "d", "e " * (MOST_TOKENS + 5)])
    embedded = cnn.get_input_embeddings()(views)
    assert embedded.shape[:2] == (3, MOST_TOKENS)
    assert [len(spans) for spans in cnn.token_spans(views)] == [3, 1, MOST_TOKENS]
    assert float(embedded[0, 3:].detach().abs().sum()) == 0 < float(embedded[0, :3].detach().abs().sum())


def test_the_cnn_learns_a_word() -> None:
    texts = [f"{word} {other} day" for word in ("awful", "lovely") for other in
             ("sunny", "rainy", "long", "short", "warm", "cold", "old", "new")]
    labels = torch.tensor([0] * 8 + [1] * 8)
    cnn = TextCNN(2, seed=0)
    optimiser = torch.optim.Adam(cnn.parameters(), lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(cnn(views_of(texts)), labels).backward()
        optimiser.step()
    cnn.eval()
    with torch.no_grad():
        assert cnn(views_of(["an awful week", "a lovely week"])).argmax(dim=1).tolist() == [0, 1]
