"""Values of tokens add up to what a model says more of a text than of none, and lie on the words that count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.explain.text_maps import (
    additive_values,
    embedding_gradients,
    embedding_of,
    erasure,
    on_tokens,
    unexplained,
    without,
)


def test_an_additive_net_is_explained_by_its_contributions_exactly():
    rng = np.random.default_rng(0)
    each, bias = rng.normal(size=(7, 3)), rng.normal(size=3)
    target, against = np.array([False, True, False]), np.array([True, False, False])
    alone = additive_values(each, bias, target)
    assert np.allclose(alone.values, each[:, 1], atol=1e-15)
    assert alone.delta == 0
    rather = additive_values(each, bias, target, against)
    assert np.allclose(rather.values, each[:, 1] - each[:, 0], atol=1e-15)
    assert rather.delta < 1e-12


def test_of_a_merged_label_the_contributions_add_up_to_its_log_sum_exp():
    rng = np.random.default_rng(1)
    each, bias = 2 * rng.normal(size=(9, 4)), rng.normal(size=4)
    merged = np.array([True, False, True, False])
    found = additive_values(each, bias, merged)
    gain = np.log(np.exp((bias + each.sum(axis=0))[merged]).sum()) - np.log(np.exp(bias[merged]).sum())
    assert found.values.sum() == pytest.approx(gain, abs=1e-9)
    assert found.delta < 1e-9


def test_a_text_without_tokens_has_no_values_and_leaves_nothing_unexplained():
    found = additive_values(np.zeros((0, 2)), np.ones(2), np.array([True, False]))
    assert found.values.shape == (0,)
    assert found.delta == 0
    assert erasure(lambda texts: np.ones(len(texts)), "  ", np.zeros((0, 2), int)).shape == (0,)


def test_the_delta_is_the_part_of_the_change_that_is_missing():
    assert unexplained(np.array([1.0, 1.0]), 4.0) == 0.5
    assert unexplained(np.array([0.0]), 0.0) == 0.0
    assert unexplained(np.array([1e-7]), 0.0) == pytest.approx(0.1)


def test_parts_of_a_tokenizer_are_added_up_by_token():
    # "unhappy !" as un, happy and a blank with the sign, between marks without characters.
    parts = np.array([[0, 0], [0, 2], [2, 7], [7, 9], [0, 0]])
    assert on_tokens(np.array([9.0, 1, 2, 4, 9]), parts, np.array([[0, 7], [8, 9]])).tolist() == [3.0, 4.0]


def test_white_space_counts_for_the_token_after_it_and_at_the_end_for_the_last():
    tokens = np.array([[1, 3], [5, 6]])
    parts = np.array([[0, 1], [3, 4], [6, 8]])
    assert on_tokens(np.array([1.0, 2.0, 4.0]), parts, tokens).tolist() == [1.0, 6.0]


def test_a_part_over_several_tokens_is_shared_out_by_its_characters():
    tokens = np.array([[0, 1], [2, 5], [6, 7]])
    assert on_tokens(np.array([8.0]), np.array([[0, 5]]), tokens).tolist() == [2.0, 6.0, 0.0]


def test_numbers_and_parts_that_differ_in_number_are_refused():
    with pytest.raises(BadInput, match="2 numbers"):
        on_tokens(np.zeros(2), np.zeros((3, 2), int), np.zeros((1, 2), int))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=8),
       st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_part_with_characters_is_lost_or_counted_twice(parts, steps):
    parts = np.array([(start, start + n) for start, n in parts]).reshape(-1, 2)
    tokens, reached = [], 0
    for gap, n in steps:
        tokens.append((reached + gap, reached + gap + n))
        reached = tokens[-1][1]
    values = 2.0 ** np.arange(len(parts))
    there = parts[:, 1] > parts[:, 0]
    assert on_tokens(values, parts, np.array(tokens)).sum() == pytest.approx(values[there].sum())


def test_a_token_that_is_left_out_leaves_a_blank_so_that_its_neighbours_do_not_join():
    assert without("a.b", np.array([[1, 2]])) == "a b"
    assert without("👩‍🚀 flies", np.array([[0, 3]])) == "  flies"


def test_erasure_gives_each_token_the_fall_of_the_output_without_it():
    def score(texts):
        return np.array([3.0 * ("spam" in text) - ("ham" in text) for text in texts])
    values = erasure(score, "spam or ham", np.array([[0, 4], [5, 7], [8, 11]]))
    assert values.tolist() == [3.0, 0.0, -1.0]


def test_of_long_texts_neighbouring_tokens_are_left_out_together():
    text = "w " * 99 + "key"
    tokens = np.array([[2 * row, 2 * row + 1] for row in range(99)] + [[198, 201]])
    n_texts = []

    def score(texts):
        n_texts.append(len(texts))
        return np.array([4.0 * ("key" in text) for text in texts])
    values = erasure(score, text, tokens, most=25)
    assert n_texts == [26]
    assert values[96:].tolist() == [1.0] * 4
    assert not values[:96].any()


class Pooled(nn.Module):
    """Embeds ids, and has a nonlinear layer over their maximum or their mean."""

    def __init__(self, *, pool: str = "max") -> None:
        super().__init__()
        torch.manual_seed(3)
        self.positions, self.tokens = nn.Embedding(40, 8), nn.Embedding(50, 8, padding_idx=0)
        self.last, self.pool = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2)), pool

    def forward(self, input_ids, attention_mask=None):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        embedded = self.positions(torch.arange(input_ids.shape[1])) * 0.1 + self.tokens(input_ids)
        embedded = embedded * mask[..., None]
        return self.last(embedded.amax(dim=1) if self.pool == "max" else embedded.mean(dim=1))


def score_of(net, column=1):
    def score(batch):
        return (net(batch) if isinstance(batch, torch.Tensor) else net(**batch))[:, column]
    return score


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_integrated_gradients_add_up_to_the_change_of_the_output(pool):
    net = Pooled(pool=pool).eval()
    batch = {"input_ids": torch.tensor([[4, 7, 9, 1]]), "attention_mask": torch.ones(1, 4, dtype=torch.int64)}
    layer = embedding_of(net, lambda: net(**batch), batch)
    assert layer is net.tokens  # not that of positions, which runs first
    found = embedding_gradients(score_of(net), layer, batch)
    gain = (net(**batch) - net(torch.zeros(1, 4, dtype=torch.int64)))[0, 1].item()
    assert found.values.shape == (4,)
    assert found.values.sum() == pytest.approx(gain, rel=0.05)
    assert found.delta < 0.05


def test_positions_that_are_kept_count_nothing():
    net, ids = Pooled(pool="mean").eval(), torch.tensor([[4, 7, 9, 1]])
    kept = torch.tensor([True, False, False, True])
    found = embedding_gradients(score_of(net), net.tokens, ids, kept=kept)
    assert found.values[[0, 3]].tolist() == [0.0, 0.0]
    base = ids.masked_fill(~kept, 0)
    assert found.values.sum() == pytest.approx((net(ids) - net(base))[0, 1].item(), rel=0.01)
    with pytest.raises(ModelError, match="4 positions"):
        embedding_gradients(score_of(net), net.tokens, ids, kept=kept[:3])


def test_the_gradients_are_those_of_captums_own_layer_method():
    from captum.attr import LayerIntegratedGradients
    net, ids = Pooled().eval(), torch.tensor([[4, 7, 9, 1, 30]])
    ours = embedding_gradients(score_of(net), net.tokens, ids, steps=[50])
    theirs = LayerIntegratedGradients(net, net.tokens).attribute(ids, baselines=torch.zeros_like(ids), target=1,
                                                                  n_steps=50)
    assert np.allclose(ours.values, theirs.sum(dim=2)[0].detach().numpy(), atol=1e-5)


@pytest.mark.long
def test_a_sharp_bend_takes_more_points_and_what_is_left_is_told():
    class Steep(Pooled):
        def forward(self, input_ids, attention_mask=None):
            return torch.sigmoid(400 * (self.tokens(input_ids).sum(dim=(1, 2), keepdim=True)[:, 0] - 1))
    net, ids = Steep().eval(), torch.tensor([[4, 7]])
    with torch.no_grad():
        net.tokens.weight[4], net.tokens.weight[7] = 0.1, 0.15
    few = embedding_gradients(score_of(net, 0), net.tokens, ids, steps=[5])
    assert few.delta > 0.05
    more = embedding_gradients(score_of(net, 0), net.tokens, ids, steps=[5, 2_000])
    assert more.delta < few.delta
    assert more.delta < 0.05


@pytest.mark.parametrize(("mode", "padding"), [("mean", None), ("sum", 0), ("mean", 0)])
def test_of_a_bag_of_embeddings_each_token_gets_its_share(mode, padding):
    net = nn.Sequential(nn.EmbeddingBag(50, 8, mode=mode, padding_idx=padding), nn.Linear(8, 2)).eval()
    ids = torch.tensor([[4, 7, 0, 0]])
    found = embedding_gradients(score_of(net), embedding_of(net, lambda: net(ids), ids), ids)
    bag, last = net[0], net[1]
    counted = ids[0] != padding if padding is not None else torch.ones(4, dtype=torch.bool)
    each = bag.weight[ids[0]] @ last.weight[1] * counted
    expected = each / counted.sum() if mode == "mean" else each
    assert np.allclose(found.values, expected.detach().numpy(), atol=1e-5)
    assert found.delta < 1e-4


def test_nets_whose_embeddings_cannot_be_told_apart_are_refused_with_the_remedy():
    plain = nn.Linear(4, 2)
    with pytest.raises(ModelError, match="erasure"):
        embedding_of(plain, lambda: plain(torch.zeros(1, 4)), torch.zeros(1, 4))
    most = nn.Sequential(nn.EmbeddingBag(50, 8, mode="max"), nn.Linear(8, 2))
    with pytest.raises(ModelError, match="erasure"):
        embedding_gradients(score_of(most), most[0], torch.tensor([[4, 7]]))


@pytest.mark.long
def test_a_net_of_transformers_names_its_embeddings():
    transformers = pytest.importorskip("transformers")
    net = transformers.BertForSequenceClassification(transformers.BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=2)).eval()
    batch = {"input_ids": torch.tensor([[2, 7, 9, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.int64)}
    layer = embedding_of(net, lambda: net(**batch), batch)
    assert layer is net.bert.embeddings.word_embeddings
    kept = torch.tensor([True, False, False, True])
    found = embedding_gradients(lambda some: net(**some).logits[:, 1], layer, batch, kept=kept)
    assert found.values[0] == 0
    assert found.values.any()
    assert found.delta < 0.05
