"""A person's models of texts: a net with a preprocessing, one of Hugging Face's with its tokenizer, any function."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.average import AverageNet
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.text_nets import WORD, AdditiveTextNet, TextCNN, features_of

SPAM, HAM = ["win", "free", "cash", "🎁"], ["lunch", "home", "train", "mañana"]


def messages(n, seed=0):
    """Texts of words, of which one decides whether a text is spam; and whether it is."""
    rng = np.random.default_rng(seed)
    spam = rng.random(n) < 0.4
    texts = []
    for is_spam in spam:
        words = [str(word) for word in rng.choice(["see", "you", "at", "the", "call", "me"], rng.integers(2, 9))]
        words.insert(int(rng.integers(len(words) + 1)), str(rng.choice(SPAM if is_spam else HAM)))
        texts.append(" ".join(words))
    return texts, spam


WORDS = {word: number for number, word in enumerate(["", *SPAM, *HAM, "see", "you", "at", "the", "call", "me"])}


def encode(text):
    """A tokenizer of one's own, with places and without a batch."""
    ids, places, at = [], [], 0
    for word in text.split():
        at = text.index(word, at)
        ids.append(WORDS.get(word, 0))
        places.append((at, at + len(word)))
        at += len(word)
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.ones(len(ids), dtype=torch.int64),
            "offset_mapping": torch.tensor(places)}


class BagOfWords(nn.Module):
    """The mean of the words' embeddings, and a linear layer."""

    def __init__(self, n_labels=2, width=16):
        super().__init__()
        self.embedding, self.fc = nn.Embedding(len(WORDS), width, padding_idx=0), nn.Linear(width, n_labels)

    def forward(self, input_ids, attention_mask):
        weights = attention_mask[..., None].float()
        return self.fc((self.embedding(input_ids) * weights).sum(1) / weights.sum(1).clamp_min(1))


def bag(n_labels=2, seed=0):
    torch.manual_seed(seed)
    return BagOfWords(n_labels)


def shouting(texts):
    """A function of texts: spam has a word of spam."""
    spam = np.array([0.9 if set(text.split()) & set(SPAM) else 0.2 for text in texts])
    return np.column_stack([1 - spam, spam])


@pytest.fixture
def pool():
    return hw.Pool.from_texts(messages(120)[0])


def answer(wb, spam):
    """Answer all items."""
    for position, item_id in enumerate(wb.pool.ids):
        wb.decide(str(item_id), "answer", label="spam" if spam[position] else "ham")


def probs(wb):
    return wb.inference.probs(np.arange(len(wb.pool)))


def test_a_net_predicts_texts_whatever_else_is_in_the_batch(pool):
    predictor = NetPredictor(bag(), pool, ["a", "b"], preprocess=encode)
    together = predictor.predict(range(40))
    alone = np.concatenate([predictor.predict([position]) for position in range(40)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    assert predictor.embed(range(5)).shape == (5, 16)


def test_a_tensor_of_ids_without_a_mask_is_never_filled_up():
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 2)

        def forward(self, ids):
            return self.fc((ids + 1).float().sum(1, keepdim=True))  # what fills up would count
    predictor = NetPredictor(Sums(), hw.Pool.from_texts(["a b c", "a", "a b", "c"]), ["a", "b"],
                             preprocess=lambda text: encode(text)["input_ids"])
    together = predictor.predict(range(4))
    np.testing.assert_allclose(together, np.concatenate([predictor.predict([row]) for row in range(4)]), atol=1e-6)


def test_a_text_that_cannot_be_read_or_encoded_is_a_row_of_nan():
    pool = hw.Pool.from_texts(["see you", "", "   ", b"\xff\xfe", "win cash"])
    predictor = NetPredictor(bag(), pool, ["a", "b"], preprocess=encode)
    assert np.isnan(predictor.predict(range(5))).any(axis=1).tolist() == [False, True, True, True, False]
    assert set(predictor.unreadable) == {1, 2, 3}


def test_a_workbench_takes_a_net_with_its_preprocess_and_finetunes_it(tmp_path, pool):
    _, spam = messages(120)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=bag(), preprocess=encode, progress=False)
    assert len(wb.predict()) == 120
    answer(wb, spam)
    run = wb.finetune(epochs=20, lr=0.03, adopt="always")
    assert float(run.after["accuracy"]) > 0.9
    model = wb.model()
    said = model(["win free cash", "lunch at home"])
    assert said.argmax(axis=1).tolist() == [1, 0]
    with torch.no_grad():
        logits = model.net(**model.batch(["win free cash", "lunch at home"]))
    np.testing.assert_allclose(logits.softmax(1).numpy(), said, atol=1e-5)
    assert wb.models.embeddings(list(pool.ids[:3])).shape == (3, 16)
    version, kept = wb.model().version, probs(wb)
    del wb
    again = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=bag(seed=1), preprocess=encode, progress=False)
    assert again.model().version == version
    np.testing.assert_array_equal(probs(again), kept)


def test_any_function_of_texts_is_a_model(tmp_path, pool):
    texts, _ = messages(120)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=shouting, progress=False)
    np.testing.assert_allclose(probs(wb), shouting(texts), atol=1e-5)
    version = wb.model().version
    np.testing.assert_allclose(wb.model()(["win cash", "home"]), shouting(["win cash", "home"]), atol=1e-5)
    del wb
    again = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=shouting, progress=False)
    assert again.model().version == version

    def other(texts):
        return 1 - shouting(texts)
    del again
    third = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=other, progress=False)
    assert third.model().version != version
    np.testing.assert_allclose(probs(third), other(texts), atol=1e-5)
    assert third.adopt(shouting) == version
    np.testing.assert_allclose(probs(third), shouting(texts), atol=1e-5)


def test_a_function_that_changes_and_keeps_its_name_is_asked_again(tmp_path, pool):
    answers = {"spam": 0.9}

    def says(texts):
        return np.tile([1 - answers["spam"], answers["spam"]], (len(texts), 1))
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=says, progress=False)
    assert probs(wb)[0, 1] == pytest.approx(0.9)
    del wb
    answers["spam"] = 0.3
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=says, progress=False)
    assert probs(wb)[0, 1] == pytest.approx(0.3)


def knows_spam():
    """An additive net that knows the words of spam, fitted by hand."""
    net = AdditiveTextNet(2)
    with torch.no_grad():
        found = features_of(SPAM)
        words = found.buckets(net.last.in_features)[found.kinds == WORD]
        net.last.weight[1, torch.from_numpy(words)] = 40.0
        net.last.bias[1] = -3.0
    return net


@pytest.mark.parametrize("given", [False, True])
def test_the_additive_net_is_adopted_and_opened_again_beside_any_net(tmp_path, pool, given):
    _, spam = messages(120)
    model = {"model": bag(), "preprocess": encode} if given else {}
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False, **model)
    net = knows_spam()
    version = wb.registry.install(net, origin="background")
    assert (probs(wb).argmax(axis=1) == spam).all()
    assert wb.models.embeddings(["0", "1"]).shape[0] == 2  # of descriptors
    assert list(wb.project.log.events(kind="adopted"))[-1].body["own"]
    kept = probs(wb)
    del wb
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False, **model)
    assert wb.model().version == version
    np.testing.assert_array_equal(probs(wb), kept)
    assert wb.model()(["free lunch"]).shape == (1, 2)
    assert wb.registry.starts_from("adopted") == (wb.models()["model"][0] if given else version)


def test_the_average_of_both_own_nets_is_opened_again(tmp_path, pool):
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False)
    light = knows_spam()
    version = wb.registry.install(AverageNet(light, TextCNN(2)), origin="trained")
    kept = probs(wb)
    assert wb.models.embeddings(["0", "1"]).shape == (2, 128)  # of the convolutional net
    del wb
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False)
    assert wb.model().version == version
    np.testing.assert_array_equal(wb.model()(messages(120)[0]), kept)


def test_without_its_model_a_project_says_what_it_needs(tmp_path, pool, capsys):
    hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=shouting, progress=False)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False)
    with pytest.raises(ModelError, match="open the project with model="):
        wb.predict()


def test_a_model_that_cannot_be_used_is_refused_in_words(tmp_path, pool):
    with pytest.raises(ModelError, match="Pass preprocess="):
        hw.Workbench(tmp_path / "a", pool, ["ham", "spam"], model=bag(), progress=False)
    with pytest.raises(BadInput, match="read a text as it is"):
        hw.Workbench(tmp_path / "b", pool, ["ham", "spam"], model=shouting, preprocess=encode, progress=False)
    with pytest.raises(ModelError, match="n_labels"):
        hw.Workbench(tmp_path / "c", pool, ["ham", "spam"], model=lambda texts: [0.5] * len(texts), progress=False)
    with pytest.raises(BadInput, match="these are images"):
        hw.Workbench(tmp_path / "d", pool, ["ham", "spam"], model=shouting, progress=False).model()(
            hw.Pool.from_images(np.zeros((2, 8, 8), np.uint8)))
