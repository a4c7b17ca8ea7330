"""Learning from answers to texts: in the background, in a first training, and what is opened again."""

import numpy as np
import pytest
import torch
from spam import messages

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.candidate import Candidate, fit_candidate
from hitl_widgets.learn.choose import Compared, train_and_choose
from hitl_widgets.learn.data import TrainingData
from hitl_widgets.learn.light_rows import AVERAGE, LIGHT, DescriptorRows, TextRows, light_rows
from hitl_widgets.learn.losses import SETS
from hitl_widgets.learn.text_light import fit_text_prior
from hitl_widgets.learn.text_nets import AdditiveTextNet, TextCNN
from hitl_widgets.learn.text_views import TextPreprocess
from hitl_widgets.learn.train import TrainingOptions
from hitl_widgets.learn.training_set import training_set
from hitl_widgets.learn.views import TextViews
from hitl_widgets.workbench import Workbench

TEXTS, IS_SPAM = messages(150)


def answered(wb: Workbench, n: int = 150) -> None:
    for position, item_id in enumerate(wb.pool.ids[:n]):
        wb.decide(str(item_id), "answer", label="spam" if IS_SPAM[position] else "ham")


def learning(wb: Workbench) -> BackgroundLearning:
    return BackgroundLearning(wb.project, lambda: wb.registry, notify=lambda text: None)


@pytest.fixture
def wb(tmp_path):  # type: ignore[no-untyped-def]
    wb = hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(TEXTS), ["ham", "spam"], annotator="ada", holdout=0.2)
    yield wb
    wb.close()


def test_the_background_adopts_an_additive_net_that_explains_itself_exactly(wb: Workbench) -> None:
    answered(wb, 80)
    version = learning(wb).learn()
    assert version is not None
    net = wb.registry.inference.predictor.net
    assert isinstance(net, AdditiveTextNet)
    frame = wb.predict()
    spam = dict(zip(wb.pool.ids, IS_SPAM, strict=True))
    right = [(row.label == "spam") == spam[row.item_id] for row in frame.itertuples()]
    assert np.mean(right) > 0.9
    event = wb.registry.adoption
    assert event is not None
    assert event.body["own"]
    assert event.body["out_of_fold"]["right"] > 0.85 * event.body["out_of_fold"]["n"]


def test_the_adopted_additive_net_is_opened_again_and_learns_on(tmp_path) -> None:  # type: ignore[no-untyped-def]
    wb = hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(TEXTS), ["ham", "spam"], annotator="ada", holdout=0.2)
    answered(wb, 60)
    version = learning(wb).learn()
    before = wb.predict()
    wb.close()
    wb = hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(TEXTS), ["ham", "spam"], annotator="ada")
    assert wb.registry.adopted == version
    after = wb.predict()
    np.testing.assert_allclose(before.sort_values("item_id")["confidence"], after.sort_values("item_id")["confidence"],
                               atol=1e-6)
    answered(wb, 120)
    assert learning(wb).learn() not in (None, version)
    wb.close()


def test_texts_that_cannot_be_read_teach_nothing(tmp_path) -> None:  # type: ignore[no-untyped-def]
    texts = list(TEXTS)
    texts[3] = texts[11] = ""
    wb = hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(texts), ["ham", "spam"], annotator="ada", holdout=0.0)
    answered(wb, 80)
    assert learning(wb).learn() is not None
    event = wb.registry.adoption
    assert event is not None
    assert event.body["n_training"] == 78
    wb.close()


@pytest.mark.long
def test_a_label_that_is_new_or_merged_is_learnt_by_a_later_training(wb: Workbench) -> None:
    answered(wb, 100)
    assert learning(wb).learn() is not None
    wb.apply(edits.add("offer"))
    for position, item_id in enumerate(wb.pool.ids[100:140]):
        wb.decide(str(item_id), "answer", label="offer" if position % 2 else "ham")
    run = wb.finetune(epochs=1, adopt="always")
    assert run.adopted
    assert len(wb.registry.inference.predictor.label_ids) == 3
    assert np.isfinite(wb.predict()["confidence"]).all()


def test_several_labels_a_text_are_learnt_in_the_background(tmp_path) -> None:  # type: ignore[no-untyped-def]
    texts = [f"{text} {'urgent' if number % 3 == 0 else 'later'}" for number, text in enumerate(TEXTS)]
    wb = hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(texts), ["spam", "urgent"], annotator="ada",
                      task="multilabel", holdout=0.0)
    for position, item_id in enumerate(wb.pool.ids[:100]):
        labels = ["spam"] * bool(IS_SPAM[position]) + ["urgent"] * (position % 3 == 0)
        wb.decide(str(item_id), "answer", labels=labels)
    assert learning(wb).learn() is not None
    predictor = wb.registry.inference.predictor
    assert isinstance(predictor.net, AdditiveTextNet)
    probs = predictor.predict(list(range(100, 150)))
    expected = np.column_stack([IS_SPAM[100:], np.arange(100, 150) % 3 == 0])
    assert ((probs > 0.5) == expected).mean() > 0.9
    wb.close()


def data_of(n: int, *, of_sets: bool = False) -> TrainingData:
    texts, spam = messages(n, seed=3)
    view = TextPreprocess()
    views = TextViews([view(text) for text in texts], view)
    draws = np.random.default_rng(0).random(n)
    if of_sets:
        on = np.column_stack([spam, np.char.find(texts, "call") >= 0]).astype(np.float32)
        return TrainingData(views, on, draws=draws, objective=SETS)
    return TrainingData(views, spam.astype(np.int64), draws=draws)


@pytest.mark.long
@pytest.mark.parametrize(("n", "of_sets"), [(30, False), (120, False), (120, True)])
def test_a_first_training_takes_the_additive_net_where_the_cnn_errs_no_less(n: int, *, of_sets: bool) -> None:
    data = data_of(n, of_sets=of_sets)
    prior = fit_text_prior(TEXTS, n_buckets=2**13)
    trained, why = train_and_choose(TextCNN(2, width=4), prior, data, 2, TrainingOptions(epochs=1))
    assert isinstance(trained.net, AdditiveTextNet)
    assert why.startswith("the light model: mean loss")
    texts, spam = messages(60, seed=5)
    batch = next(TextViews([TextPreprocess()(text) for text in texts], TextPreprocess()).batches([np.arange(60)]))
    assert isinstance(batch, torch.Tensor)
    with torch.no_grad():
        logits = trained.net(batch)
    said = logits[:, 0] > 0 if of_sets else logits.argmax(dim=1) == 1
    assert (said.numpy() == spam).mean() > 0.85


def test_of_texts_the_light_model_is_taken_in_doubt() -> None:
    losses = {"light model": 0.11, "small CNN": 0.2, "average of both": 0.1}
    chance = dict.fromkeys(losses, 0.05)
    assert Compared(losses, 50, chance, LIGHT).best == LIGHT
    assert Compared(losses, 50, chance).best == AVERAGE
    assert Compared(losses, 50, dict.fromkeys(losses, 0.001), LIGHT).best == AVERAGE


def test_rows_of_items_that_cannot_be_read_are_empty() -> None:
    rows = TextRows(fit_text_prior(TEXTS, n_buckets=2**13))
    views = [TextPreprocess()(text) for text in TEXTS[:2]]
    whole, spread = rows.of(views), rows.of(views, at=np.array([1, 3]), n=5)
    assert spread.shape == (5, 2**13)
    np.testing.assert_array_equal(spread[[1, 3]].toarray(), whole.toarray())
    assert spread[[0, 2, 4]].nnz == 0


def test_what_a_light_model_cannot_learn_from_is_refused() -> None:
    with pytest.raises(hw.errors.BadInput, match="can't learn from str"):
        light_rows("descriptors")  # type: ignore[arg-type]
    assert DescriptorRows.in_doubt == AVERAGE
    assert TextRows.in_doubt == LIGHT


@pytest.mark.long
def test_a_word_marked_as_wrong_hardly_counts_after_the_next_training(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)  # two words tell the label, and one of them shouldn't count
    liked = rng.integers(0, 2, 100)
    things = ["film", "meal", "room", "book", "garden", "song"]
    texts = [f"{'zig' if like else 'zag'} the {rng.choice(things)} was {'good' if like else 'bad'}" for like in liked]
    wb = hw.Workbench(tmp_path / "reviews", hw.Pool.from_texts(texts), ["bad", "good"], annotator="ada", holdout=0.0)
    for position, item_id in enumerate(wb.pool.ids[:80]):
        wb.decide(str(item_id), "answer", label="good" if liked[position] else "bad")
    assert learning(wb).learn() is not None

    def weight_of_zig() -> float:
        net = wb.registry.inference.predictor.net
        assert isinstance(net, AdditiveTextNet)
        _, (values,) = net.contributions([TextPreprocess()("zig the film")])
        return float(values[0, 1] - values[0, 0])
    before = weight_of_zig()
    for position, item_id in enumerate(wb.pool.ids[:40]):
        wb.decide(str(item_id), "answer", label="good" if liked[position] else "bad", wrong=[(0, 3)])
    run = wb.finetune(epochs=1, adopt="always")
    assert run.taken.startswith("the light model")
    assert before > 0.3
    assert abs(weight_of_zig()) < 0.2 * before
    wb.close()


def test_copies_of_a_text_validate_together_so_that_calibration_is_of_texts_that_were_not_learnt(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    labels = [str(rng.choice(["spam", "ham"])) if rng.random() < 0.3 else ("spam" if is_spam else "ham")
              for is_spam in IS_SPAM[:60]]
    copies = [each for text in TEXTS[:60] for each in (text, f" {text.upper()}\n")]
    wb = hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(copies), ["ham", "spam"], annotator="ada", holdout=0)
    for position in range(len(copies)):
        wb.decide(str(position), "answer", label=labels[position // 2])
    items = training_set(wb.project, wb.registry)
    draw_of = dict(zip(items.item_ids, items.draws.tolist(), strict=True))
    assert all(draw_of[str(2 * row)] == draw_of[str(2 * row + 1)] for row in range(60))
    assert len(set(draw_of.values())) == len(set(TEXTS[:60]))
    candidate = fit_candidate(wb.project, wb.registry)
    assert isinstance(candidate, Candidate)
    assert candidate.losses.mean() > 0.45  # noise alone costs about this; 0.3 where a copy was learnt
    wb.close()


@pytest.mark.long
def test_marked_words_hardly_count_in_what_the_background_learns_either(tmp_path) -> None:  # type: ignore[no-untyped-def]
    counts = {}
    for name in ("plain", "marked"):
        wb = hw.Workbench(tmp_path / name, hw.Pool.from_texts(TEXTS), ["ham", "spam"], annotator="ada", holdout=0)
        for position, item_id in enumerate(wb.pool.ids[:120]):
            start = TEXTS[position].find("cash") if name == "marked" else -1
            wb.decide(str(item_id), "answer", label="spam" if IS_SPAM[position] else "ham",
                      wrong=None if start < 0 else [(start, start + 4)])
        assert learning(wb).learn() is not None
        found = wb.explain([wb.pool.ids[TEXTS.index(next(text for text in TEXTS if "cash" in text))]], "contributions",
                           target=("spam", "ham")).maps[0]
        counts[name] = float(found.loc[found["token"] == "cash", "value"].sum())
        wb.close()
    assert counts["plain"] > 1
    assert abs(counts["marked"]) < 0.25 * counts["plain"]
