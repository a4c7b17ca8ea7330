"""Views of texts: code points, and what a person's preprocessing, tokenizer or function of texts gives."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hitl_widgets.errors import BadInput, ModelError, ViewError
from hitl_widgets.learn.callables import CallableNet
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.learn.text_views import (
    EncodedText,
    ProbedText,
    TextPreprocess,
    as_text_preprocess,
    collate,
    moved,
    n_items,
    padding_shows,
    recipe_of,
    room_of,
    rows_of,
    run_net,
    text_of,
)
from hitl_widgets.learn.weights import weights_version

FOX = "Hé 🦊\r\nثعلب"


def words(text):
    """A tokenizer of one's own: the length of each word, with its place."""
    at, places = 0, []
    for word in text.split():
        at = text.index(word, at)
        places.append((at, at + len(word)))
        at += len(word)
    return {"input_ids": [[end - start for start, end in places]], "attention_mask": [[1] * len(places)],
            "offset_mapping": [places]}


@given(st.text(min_size=1))
@settings(max_examples=200, deadline=None)
def test_code_points_come_back_as_the_text(text):
    view = TextPreprocess()(text)
    assert view.dtype == torch.int64
    assert len(view) == len(text)
    batch = collate([view, TextPreprocess()(text + FOX)])
    assert [text_of(row) for row in batch] == [text, text + FOX]


def test_only_the_beginning_of_a_long_text_is_read():
    assert text_of(TextPreprocess(4)(FOX)) == FOX[:4]
    assert len(TextPreprocess()("a" * 50_000)) == 20_000
    with pytest.raises(BadInput, match="characters"):
        TextPreprocess(0)


def test_a_mapping_loses_its_batch_axis_and_keeps_its_offsets_aside():
    preprocess = ProbedText(words)
    view = preprocess(FOX)
    assert isinstance(view, EncodedText)
    assert list(view) == ["input_ids", "attention_mask"]
    assert view["input_ids"].tolist() == [2, 1, 4]
    assert [FOX[start:end] for start, end in preprocess.offsets(FOX)] == ["Hé", "🦊", "ثعلب"]
    assert view.offsets.dtype == np.int32


def test_a_batch_of_mappings_is_filled_up_and_its_mask_says_so():
    preprocess = ProbedText(words)
    batch = collate([preprocess("one three"), preprocess("a bc def ghij")])
    assert batch["input_ids"].tolist() == [[3, 5, 0, 0], [1, 2, 3, 4]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert n_items(batch) == 2
    assert rows_of(batch, np.array([1]))["input_ids"].tolist() == [[1, 2, 3, 4]]
    assert padding_shows(preprocess("a"), preprocess)


def test_whole_numbers_keep_their_type_and_others_take_that_of_the_net():
    batch = moved({"input_ids": torch.tensor([[1]]), "values": torch.tensor([[0.5]])}, "cpu", torch.float64)
    assert batch["input_ids"].dtype == torch.int64
    assert batch["values"].dtype == torch.float64
    assert run_net(lambda input_ids, values: (input_ids + values).tolist(), batch) == [[1.5]]


def test_a_tensor_of_features_is_a_view_too():
    preprocess = ProbedText(lambda text: torch.tensor([[float(len(text)), 1.0]]))
    batch = collate([preprocess("ab"), preprocess("abc")], pad=preprocess.pad)
    assert batch.tolist() == [[2.0, 1.0], [3.0, 1.0]]
    assert not padding_shows(batch[0], preprocess)
    assert preprocess.offsets("ab") is None


def test_what_a_function_refuses_is_said_with_its_name():
    def refuses(text):
        raise KeyError("no such word")
    with pytest.raises(ViewError, match=r"refuses.*can't take a text of 2 characters.*no such word"):
        ProbedText(refuses)("ab")
    with pytest.raises(ViewError, match="empty mapping"):
        ProbedText(lambda text: {})("ab")
    with pytest.raises(ViewError, match=r"shapes .* don't fit in one batch"):
        collate([torch.zeros(2, 3), torch.zeros(2, 4)])
    with pytest.raises(ViewError, match="different arguments"):
        collate([{"a": torch.zeros(2)}, {"b": torch.zeros(2)}])


def test_a_net_without_a_preprocessing_is_asked_for_one():
    with pytest.raises(ModelError, match="Pass preprocess="):
        as_text_preprocess(None, nn.Linear(2, 2))
    with pytest.raises(BadInput, match="from a text to tensors"):
        as_text_preprocess(Preprocess(8))
    assert as_text_preprocess(None) == TextPreprocess()
    assert as_text_preprocess(TextPreprocess(5), nn.Linear(2, 2)).most == 5


def test_a_function_that_changes_and_keeps_its_name_has_another_recipe():
    more = 0

    def numbers(text):
        return torch.tensor([len(text) + more])
    before = recipe_of(ProbedText(numbers))
    assert before == recipe_of(ProbedText(numbers))
    more = 1
    assert recipe_of(ProbedText(numbers)) != before != recipe_of(TextPreprocess())


def shouts(texts):
    """The share of capitals, and the rest."""
    share = np.array([sum(map(str.isupper, text)) / len(text) for text in texts])
    return np.column_stack([1 - share, share])


def test_any_function_of_texts_is_a_net_that_reads_code_points():
    net = CallableNet(shouts)
    views = collate([TextPreprocess()(text) for text in ("AB cd", "🦊")])
    assert torch.allclose(net(views).softmax(dim=1), torch.tensor([[0.6, 0.4], [1, 0]]), atol=1e-6)
    assert copy.deepcopy(net).function is shouts
    assert weights_version(net) == weights_version(CallableNet(shouts)) != weights_version(CallableNet(words))
    assert weights_version(CallableNet(functools.partial(shouts))) == weights_version(net)


def test_what_a_function_gives_is_checked():
    for output, said in (([0.5, 0.5], r"\(1, n_labels\)"), ([[0.2, 0.2]], "sum to 0.400"), ([[-1, 2]], "no probab"),
                         ([[np.nan, 1]], "no probab"), ("spam", "numbers of shape")):
        with pytest.raises(ModelError, match=said):
            CallableNet(lambda texts, output=output: output).logits(["a"])
    logits = CallableNet(lambda texts: [[0.9, 0.8]], multilabel=True).logits(["a"])
    assert torch.allclose(logits.sigmoid(), torch.tensor([[0.9, 0.8]]))


def test_a_tokenizer_of_hugging_face_is_taken_as_it_is():
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers
    raw = Tokenizer(models.WordLevel({"[PAD]": 7, "[UNK]": 1, "Hé": 2, "🦊": 3}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]")
    net = transformers.BertModel(transformers.BertConfig(
        vocab_size=8, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4,
        max_position_embeddings=2))
    assert room_of(net) == 2
    assert room_of(nn.Linear(2, 2)) is None
    for given_, pad in ((tokenizer, 7), (raw, 0)):
        preprocess = as_text_preprocess(given_, net)
        view = preprocess(FOX)
        assert view["input_ids"].tolist() == [2, 3]
        assert preprocess.pad == pad
        assert [FOX[start:end] for start, end in preprocess.offsets(FOX)] == ["Hé", "🦊"]
        assert collate([view, preprocess("Hé")])["input_ids"].tolist() == [[2, 3], [2, pad]]
