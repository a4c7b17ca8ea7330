"""Texts are explained word by word: exactly for an additive net, by gradients or by leaving words out for others."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from hitl_widgets.errors import BadInput, ModelError, TextError
from hitl_widgets.explain.text_explainer import TextExplainer, in_words
from hitl_widgets.explain.text_faithfulness import measure_text_faithfulness
from hitl_widgets.learn.callables import CallableNet
from hitl_widgets.learn.outputs import read_logits
from hitl_widgets.learn.text_nets import AdditiveTextNet, TextCNN
from hitl_widgets.learn.text_views import ProbedText, TextPreprocess, run_net
from hitl_widgets.testing import MemoryPool

TEXTS = ["You won a FREE prize 👍🏽, call now", "see you at home", None, "مرحبا free صديقي"]


class Predictor:
    """A net with what an explainer asks of it."""

    multilabel, batch_size, version = False, 8, "v1"
    label_ids, device = ("ham", "spam"), torch.device("cpu")

    def __init__(self, net, texts=TEXTS, preprocess=None):
        self.net, self.pool, self.lock = net.eval(), MemoryPool(texts), threading.RLock()
        self.preprocess = preprocess or TextPreprocess()

    def logits(self, batch):
        return read_logits(run_net(self.net, batch), len(batch) if isinstance(batch, torch.Tensor)
                           else len(batch["input_ids"]))


def additive():
    net = AdditiveTextNet(2, 2**12)
    nn.init.normal_(net.last.weight, generator=torch.Generator().manual_seed(0))
    nn.init.normal_(net.last.bias, generator=torch.Generator().manual_seed(1))
    return net


def says_free(texts):
    return [[1 - p, p] for p in (0.9 if "free" in text.lower() else 0.2 for text in texts)]


def words_of(found, text):
    return [text[start:end] for start, end in found.tokens]


def test_an_additive_net_is_explained_by_exact_contributions():
    net = additive()
    explainer = TextExplainer(Predictor(net))
    assert explainer.methods == ("contributions", "erasure", "kernelshap", "lime")
    for position in (0, 1, 3):
        found = explainer.explain(position, target="spam")
        text = TEXTS[position]
        assert found.method == "contributions"
        assert found.values.shape == (1, len(found.tokens))
        assert found.values.dtype == np.float32
        assert found.tokens.dtype == np.int32
        assert found.box == (0.0, 0.0, float(len(text)), 1.0)
        assert found.delta <= 1e-6
        logit = net(TextPreprocess()(text)[None])[0, 1].item()
        assert found.values.sum() == pytest.approx(logit - net.last.bias[1].item(), abs=1e-5)
    assert words_of(explainer.explain(0, target="spam"), TEXTS[0])[4:7] == ["prize", "👍🏽", ","]


def test_against_another_label_the_contributions_are_the_difference():
    explainer = TextExplainer(Predictor(additive()))
    ham, spam, rather = (explainer.explain(0, target=target, against=against) for target, against
                         in (("ham", None), ("spam", None), ("spam", "ham")))
    assert np.allclose(rather.values, spam.values - ham.values, atol=1e-6)
    assert (rather.target, rather.against) == ("spam", "ham")
    assert rather.delta <= 1e-6


def test_a_merged_label_of_an_additive_net_adds_up_too():
    predictor = Predictor(AdditiveTextNet(3, 2**12))
    nn.init.normal_(predictor.net.last.weight, generator=torch.Generator().manual_seed(0))
    predictor.label_ids = ("a", "b", "c")
    [found] = TextExplainer(predictor).explain_many([0], targets=["ab"], against=["c"], parts={"ab": ["a", "b"]})
    assert found.delta <= 1e-6


def test_the_small_convolutional_net_is_explained_by_integrated_gradients():
    net = TextCNN(2)
    explainer = TextExplainer(Predictor(net))
    assert explainer.methods == ("integrated_gradients", "erasure", "kernelshap", "lime")
    found = explainer.explain(0, target="spam")
    assert found.method == "integrated_gradients"
    assert found.delta < 0.05
    assert len(found.tokens) == 9
    assert found.values.any()
    assert "forward" not in net.embedding.__dict__  # the net is as it was


def test_a_function_of_texts_is_explained_by_what_leaving_a_word_out_does_to_the_odds():
    explainer = TextExplainer(Predictor(CallableNet(says_free)))
    assert explainer.methods == ("erasure", "kernelshap", "lime")
    found = explainer.explain(0, target="spam")
    assert found.delta is None
    values = dict(zip(words_of(found, TEXTS[0]), found.values[0].tolist(), strict=True))
    fall = np.log(0.9 / 0.1) - np.log(0.2 / 0.8)
    assert values.pop("FREE") == pytest.approx(fall, abs=1e-4)
    assert not any(values.values())


class Tiny(nn.Module):
    """A net of one's own over the ids of a tokenizer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.last = nn.Embedding(100, 6, padding_idx=0), nn.Linear(6, 2)

    def forward(self, input_ids, attention_mask):
        embedded = torch.tanh(self.tokens(input_ids)) * attention_mask[..., None]
        return self.last(embedded.sum(dim=1) / attention_mask.sum(dim=1, keepdim=True))


def tokenized(text, *, offsets=True):
    """Ids of halves of words, between a mark of beginning and one of end."""
    places, start = [(0, 0)], 0
    for word in text.split():
        start = text.index(word, start)
        middle = start + max(1, len(word) // 2)
        places += [(start, middle)] + ([(middle, start + len(word))] if len(word) > 1 else [])
        start += len(word)
    places.append((0, 0))
    ids = [1, *(3 + sum(map(ord, text[a:b])) % 90 for a, b in places[1:-1]), 2]
    made = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.int64)}
    return {**made, "offset_mapping": torch.tensor([places])} if offsets else made


def test_pieces_of_a_tokenizer_are_brought_to_words_and_add_up():
    net = Tiny()
    predictor = Predictor(net, preprocess=ProbedText(tokenized))
    found = TextExplainer(predictor).explain(1, target="spam")
    assert words_of(found, TEXTS[1]) == ["see", "you", "at", "home"]
    assert found.delta < 0.05
    # Marks of beginning and end stay as they are in the baseline.
    ids = tokenized(TEXTS[1])["input_ids"]
    base = torch.tensor([[1, *[0] * (ids.shape[1] - 2), 2]])
    mask = torch.ones_like(ids)
    gain = (net(ids, mask) - net(base, mask))[0, 1].item()
    assert found.values.sum() == pytest.approx(gain, rel=0.05)


def test_without_offsets_gradients_cannot_be_brought_to_words_and_erasure_can():
    explainer = TextExplainer(Predictor(Tiny(), preprocess=ProbedText(lambda text: tokenized(text, offsets=False))))
    with pytest.raises(ModelError, match=r"offset_mapping.*erasure"):
        explainer.explain(1, method="integrated_gradients", target="spam")
    assert explainer.explain(1, method="erasure", target="spam").values.any()


def _bytes(text, places):
    return [[len(text[:place].encode()) for place in pair] for pair in places]


def _units(text, places):
    return [[len(text[:place].encode("utf-16-le")) // 2 for place in pair] for pair in places]


@pytest.mark.parametrize(("moved", "said"), [
    (_bytes, "They seem to be bytes"),
    (_units, "They seem to be UTF-16 units"),
    (lambda text, places: [[start + 500, end + 500] for start, end in places], "a token at \\[500, 500\\)"),
    (lambda text, places: [[start - 9, end - 9] for start, end in places], "a token at \\[-1, -1\\)"),
    (lambda text, places: [[end, start] for start, end in places], "text has 26 characters"),
    (lambda text, places: [[0, 0] for _ in places], "no token any character"),
])
def test_places_of_tokens_that_cannot_be_right_tint_no_other_words(moved, said):
    text = "Ça va 🦊🦊? Buy a free prize"

    def preprocess(text):
        made = tokenized(text)
        return {**made, "offset_mapping": torch.tensor([moved(text, made["offset_mapping"][0].tolist())])}
    explainer = TextExplainer(Predictor(Tiny(), [text, "!!"], ProbedText(preprocess)))
    with pytest.raises(ModelError, match=f"(?s)offset_mapping.*{said}.*erasure"):
        explainer.explain(0, method="integrated_gradients", target="spam")
    assert explainer.explain(0, target="spam").method == "erasure"  # the best method, of English texts too


def test_the_best_method_of_a_net_whose_tokens_have_no_place_is_erasure():
    explainer = TextExplainer(Predictor(Tiny(), preprocess=ProbedText(lambda text: tokenized(text, offsets=False))))
    assert explainer.explain(1, target="spam").method == "erasure"


def test_a_text_that_cannot_be_read_stands_as_its_error_among_the_others():
    found = TextExplainer(Predictor(additive())).explain_many([0, 2, 1], targets=["spam"] * 3)
    assert isinstance(found[1], TextError)
    assert [one.item_id for one in (found[0], found[2])] == ["item-0000", "item-0001"]


def test_a_model_that_raises_is_told_with_the_item():
    def broken(texts):
        raise ValueError("no room")
    with pytest.raises(ModelError, match=r"'item-0000'.*ValueError: no room"):
        TextExplainer(Predictor(CallableNet(broken))).explain(0, target="spam")


def test_odd_methods_are_refused_with_those_that_serve():
    explainer = TextExplainer(Predictor(CallableNet(says_free)))
    with pytest.raises(BadInput, match="did you mean 'erasure'"):
        explainer.explain(0, method="erasur", target="spam")
    with pytest.raises(BadInput, match="contributions, integrated_gradients, erasure, kernelshap, lime"):
        explainer.explain(0, method="occlusion", target="spam")
    with pytest.raises(ModelError, match="'erasure'"):
        explainer.explain(0, method="contributions", target="spam")


def test_a_text_of_no_word_has_one_token():
    found = TextExplainer(Predictor(additive(), texts=[" \u2003 "])).explain(0, target="spam")
    assert found.tokens.tolist() == [[0, 3]]
    assert found.values.tolist() == [[0.0]]


def test_more_than_a_twentieth_unexplained_is_said():
    assert in_words(None) == in_words(0.05) == ""
    assert in_words(0.34) == "34 % of what the model says is left unexplained"


LONGER = [f"{first} word free to {last} and some more" for first in ("one", "two", "three") for last in "abcd"]


def test_contributions_are_trusted_and_their_layers_count():
    predictor = Predictor(additive(), texts=LONGER)
    [exact, left_out] = measure_text_faithfulness(TextExplainer(predictor), range(12),
                                                  methods=["contributions", "erasure"])
    assert (exact.method, left_out.method) == ("contributions", "erasure")
    for one in (exact, left_out):
        assert one.n == 12
        assert one.trusted is True
        assert one.randomised.value < 0.8
        assert one.deletion.low > 0
        assert one.infidelity.value < 0.5


def test_a_function_of_texts_has_no_layers_and_is_judged_by_what_it_finds():
    predictor = Predictor(CallableNet(says_free), texts=LONGER)
    checked = measure_text_faithfulness(TextExplainer(predictor), range(12))
    assert [one.method for one in checked] == ["erasure", "kernelshap", "lime"]
    for one in checked:
        assert np.isnan(one.randomised.value)
        assert one.trusted is True
        assert one.verdict.startswith("It asks the model itself")


def test_values_by_chance_are_not_trusted(monkeypatch):
    explainer = TextExplainer(Predictor(additive(), texts=LONGER))

    def same_for_all_nets(self, text, tokens, targets):
        from hitl_widgets.explain.text_maps import TokenValues
        return TokenValues(np.random.default_rng(len(text)).normal(size=len(tokens)), None)
    monkeypatch.setattr(TextExplainer, "_erasure", same_for_all_nets)
    [one] = measure_text_faithfulness(explainer, range(12), methods=["erasure"])
    assert one.trusted is False
    assert "shows the text" in one.verdict
    with pytest.raises(BadInput, match="three words"):
        measure_text_faithfulness(TextExplainer(Predictor(additive(), texts=["a b"])), [0])
