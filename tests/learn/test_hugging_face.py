"""Models and tokenizers of Hugging Face's, as they are: built from their classes with random weights, no download."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spam import answer, messages, probs

import hitl_widgets as hw
from hitl_widgets.errors import ModelError
from hitl_widgets.learn.text_views import as_text_preprocess

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tokenizer():
    """A tokenizer that learnt pieces of words from the texts themselves."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.train_from_iterator(messages(120)[0], trainers.WordPieceTrainer(
        vocab_size=120, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]))
    raw.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]",
                                                       special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]",
                                                cls_token="[CLS]", sep_token="[SEP]")


def small(kind, tokenizer, **more):
    """A small net of a kind, with random weights."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
             "max_position_embeddings": 20, **more}
    if kind == "GPT2":
        sizes = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 20, "bos_token_id": 2, "eos_token_id": 3}
    if kind == "ModernBert":
        sizes |= {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    pad = 1 if kind == "Roberta" else 0
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(vocab_size=len(tokenizer), num_labels=2, pad_token_id=pad, **sizes)
    return getattr(transformers, f"{kind}ForSequenceClassification")(config)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["Bert", "Roberta", "GPT2", "ModernBert"])
def test_nets_of_several_kinds_predict_texts_of_any_length(tmp_path, tokenizer, kind):
    texts = ["see you at home", "win", "call me " * 50, "🦊 mañana", "free cash free cash"]
    wb = hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["ham", "spam"], model=small(kind, tokenizer),
                      preprocess=tokenizer, progress=False)
    together, predictor = probs(wb), wb.registry.inference.predictor
    assert np.isfinite(together).all()
    alone = np.concatenate([predictor.predict([position]) for position in range(len(texts))])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert wb.models.embeddings().shape == (len(texts), 32)


def test_the_offsets_of_tokens_are_characters(tokenizer):
    text = "🦊 win a  FREE lunch\r\nnow"
    view = as_text_preprocess(tokenizer, small("Bert", tokenizer))(text)
    assert len(view.offsets) == len(view["input_ids"])
    words = [text[start:end] for start, end in view.offsets if end > start]
    assert "win" in words
    assert "lunch" in words


def test_a_net_learns_from_answers_and_is_opened_again(tmp_path, tokenizer):
    texts, spam = messages(120)
    pool = hw.Pool.from_texts(texts)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=small("ModernBert", tokenizer),
                      preprocess=tokenizer, progress=False)
    answer(wb, spam)
    run = wb.finetune(epochs=8, lr=0.003, adopt="always")
    assert float(run.after["accuracy"]) > 0.9
    assert run.calibrated.startswith("calibrated")
    model, kept = wb.model(), probs(wb)
    said = model(["win free cash", "lunch at home"])
    assert said.argmax(axis=1).tolist() == [1, 0]
    with torch.no_grad():
        logits = model.net(**model.batch(["win free cash", "lunch at home"])).logits
    np.testing.assert_allclose(logits.softmax(1).numpy(), said, atol=1e-5)
    del wb
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=small("ModernBert", tokenizer),
                      preprocess=tokenizer, progress=False)
    assert wb.model().version == run.model
    np.testing.assert_array_equal(probs(wb), kept)


def test_a_net_that_names_its_outputs_in_another_order_is_refused(tmp_path, tokenizer):
    net = small("Bert", tokenizer)
    net.config.id2label = {0: "spam", 1: "ham"}
    pool = hw.Pool.from_texts(["see you", "win cash"])
    with pytest.raises(ModelError, match="spam, ham in this order"):
        hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=net, preprocess=tokenizer, progress=False)
    assert hw.Workbench(tmp_path / "q", pool, ["spam", "ham"], model=net, preprocess=tokenizer, progress=False)
