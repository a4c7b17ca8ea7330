"""A person's models of texts: a net with a preprocessing, one of Hugging Face's with its tokenizer, any function."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spam import SPAM, answer, bag, encode, messages, probs, shouting
from torch import nn
from torch.utils.data import DataLoader

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.average import AverageNet
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.callables import CallableNet
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.text_nets import WORD, AdditiveTextNet, TextCNN, features_of, is_additive_net


@pytest.fixture
def pool():
    return hw.Pool.from_texts(messages(120)[0])


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


@pytest.mark.parametrize("refused", ["what isn't ASCII", "one message"])
def test_a_text_that_a_function_raises_on_does_not_keep_a_project_from_opening(tmp_path, refused):
    texts, _ = messages(120)
    pool = hw.Pool.from_texts(texts)

    def raises(some):
        if any(text == texts[7] if refused == "one message" else not text.isascii() for text in some):
            raise KeyError("no such word")
        return shouting(some)
    odd = [7] if refused == "one message" else [row for row, text in enumerate(texts) if not text.isascii()]
    assert odd
    for _ in range(2):
        with hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=raises, progress=False) as wb:
            assert np.isnan(probs(wb)).any(axis=1).nonzero()[0].tolist() == odd
            wb.decide(str(odd[0]), label="ham")


def test_a_function_that_always_raises_is_told_as_that(tmp_path, pool):
    def raises(texts):
        raise KeyError("no such word")
    with pytest.raises(ModelError, match=r"raises' raised on 1 text.*KeyError: 'no such word'"):
        hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=raises)


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
    with pytest.raises(ModelError, match=r"gave no array .*it gave a dict"):
        hw.Workbench(tmp_path / "b", pool, ["ham", "spam"], model=shouting, preprocess=encode, progress=False)
    with pytest.raises(ModelError, match="n_labels"):
        hw.Workbench(tmp_path / "c", pool, ["ham", "spam"], model=lambda texts: [0.5] * len(texts), progress=False)
    with pytest.raises(BadInput, match="these are images"):
        hw.Workbench(tmp_path / "d", pool, ["ham", "spam"], model=shouting, progress=False).model()(
            hw.Pool.from_images(np.zeros((2, 8, 8), np.uint8)))


def test_a_tokenizer_that_learnt_other_words_is_asked_again(tmp_path, pool):
    vocabulary = {"win": 1, "lunch": 2}

    def ids(text):
        numbers = [vocabulary.get(word, 0) for word in text.split()]
        return {"input_ids": [numbers], "attention_mask": [[1] * len(numbers)]}
    net = bag()
    first = NetPredictor(net, pool, ["a", "b"], preprocess=ids).recipe
    assert NetPredictor(net, pool, ["a", "b"], preprocess=ids).recipe == first
    vocabulary.update({"see": 3, "you": 4, "call": 5, "me": 6, "at": 7, "the": 8})
    assert NetPredictor(net, pool, ["a", "b"], preprocess=ids).recipe != first


def test_a_net_of_a_person_learns_labels_that_come_later(tmp_path, pool):
    _, spam = messages(120)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=bag(), preprocess=encode, progress=False)
    for position in range(60):
        wb.decide(str(position), "answer", label="spam" if spam[position] else "ham")
    wb.apply(hw.edits.add("news"))
    for position in range(60, 100):
        wb.decide(str(position), "answer", label="news")
    run = wb.finetune(epochs=1, adopt="always")
    assert wb.model().labels == ["ham", "spam", "news"]
    assert probs(wb).shape == (120, 3)
    assert run.model == wb.model().version


def test_the_training_set_of_texts_makes_batches_for_a_loop_of_ones_own(tmp_path, pool):
    _, spam = messages(120)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=bag(), preprocess=encode, progress=False)
    answer(wb, spam)
    items = wb.training_set()
    net = bag()
    for views, targets, weights in DataLoader(items, batch_size=16, collate_fn=items.collate):
        assert net(**views).shape == (len(targets), 2)
        assert targets.dtype == torch.int64
        assert weights.shape == targets.shape


def test_a_function_is_called_with_a_whole_batch(pool):
    calls = []

    def counted(texts):
        calls.append(len(texts))
        return shouting(texts)
    predictor = NetPredictor(CallableNet(counted), pool, ["a", "b"], batch_size=60)
    calls.clear()
    predictor.predict(range(120))
    assert calls == [60, 60]


def test_a_function_gives_each_label_a_probability_of_its_own(tmp_path, pool):
    wb = hw.Workbench(tmp_path / "p", pool, ["long", "short"], task="multilabel", progress=False,
                      model=lambda texts: [[0.9, 0.8] if len(text) > 20 else [0.1, 0.3] for text in texts])
    expected = [[0.9, 0.8] if len(text) > 20 else [0.1, 0.3] for text in messages(120)[0]]
    np.testing.assert_allclose(probs(wb), expected, atol=1e-5)


def test_the_columns_of_a_classifier_of_scikit_learn_follow_its_classes(tmp_path, pool):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    texts, spam = messages(120)
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, np.where(spam, "spam", "ham"))
    for number, model in enumerate((pipeline, pipeline.predict_proba)):
        wb = hw.Workbench(tmp_path / str(number), pool, ["ham", "spam"], model=model, progress=False)
        np.testing.assert_allclose(probs(wb), pipeline.predict_proba(texts), atol=1e-5)
        other = hw.Workbench(tmp_path / f"other{number}", pool, ["spam", "ham"], model=model, progress=False)
        np.testing.assert_allclose(probs(other), pipeline.predict_proba(texts)[:, ::-1], atol=1e-5)
        with pytest.raises(ModelError, match="classes_ are 'ham', 'spam', and the labels 'ham', 'eggs'"):
            hw.Workbench(tmp_path / f"third{number}", pool, ["ham", "eggs"], model=model, progress=False)


def test_finetune_with_a_function_trains_a_net_of_the_workbench(tmp_path, pool, capsys):
    _, spam = messages(120)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=shouting, progress=False)
    function = wb.model().version
    answer(wb, spam)
    run = wb.finetune(epochs=2, adopt="always")
    assert "a function can't be" in run.taken
    assert wb.model().version == run.model != function
    del wb
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=shouting, progress=False)
    assert wb.model().version == run.model
    assert "goes on with the workbench's own model" in capsys.readouterr().out
    assert wb.adopt(function) == function
    np.testing.assert_allclose(probs(wb), shouting(messages(120)[0]), atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["net", "function"])
def test_what_is_learnt_in_the_background_takes_the_place_of_a_model_that_errs(tmp_path, pool, kind):
    _, spam = messages(120)
    model = {"model": bag(), "preprocess": encode} if kind == "net" else {"model": lambda texts: 1 - shouting(texts)}
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False, **model)
    given = wb.model().version
    answer(wb, spam)
    version = BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify).learn()
    assert version is not None
    assert is_additive_net(wb.inference.predictor.net)
    kept, said = probs(wb), wb.model()(["win free cash", "lunch at home"])
    assert said.argmax(axis=1).tolist() == [1, 0]
    del wb
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], progress=False, **model)
    assert wb.model().version == version
    np.testing.assert_array_equal(probs(wb), kept)
    assert wb.adopt(given) == given


def test_an_augmentation_of_ones_own_changes_a_batch_of_texts(tmp_path, pool):
    _, spam = messages(120)
    wb = hw.Workbench(tmp_path / "p", pool, ["ham", "spam"], model=bag(), preprocess=encode, progress=False)
    answer(wb, spam)
    seen = []

    def hide(batch, generator):
        seen.append(set(batch))
        return {**batch, "attention_mask": batch["attention_mask"].clone()}
    run = wb.finetune(epochs=1, adopt="never", augment=hide)
    assert run.n_training > 50
    assert seen[0] == {"input_ids", "attention_mask"}
    with pytest.raises(BadInput, match="what the net takes"):
        wb.finetune(epochs=1, augment=lambda batch, generator: None)
