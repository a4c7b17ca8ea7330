"""Is the net taken that errs least where nothing was learnt, and does an average do what any other net does?"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.learn import architecture, choose, light_rows
from hitl_widgets.learn.average import AverageNet, cnn_of, holds_average_net, is_average_net, unfitted_average_net
from hitl_widgets.learn.choose import Compared, train_and_choose
from hitl_widgets.learn.confidence import fit_temperature
from hitl_widgets.learn.data import TrainingData
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import is_light_net, light_net
from hitl_widgets.learn.light_rows import AVERAGE, CNN, LIGHT
from hitl_widgets.learn.nets import is_kmeans_net, small_cnn
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.learn.weights import load_weights, save_weights

torch.set_num_threads(1)


def stripes(n, *, seed=0, side=16):
    """Views with upright stripes (1) or level ones (0), at any place, in noise."""
    rng = np.random.default_rng(seed)
    targets, wave = rng.integers(0, 2, n), np.sin(np.arange(side) * np.pi / 2 + rng.uniform(0, 6, (n, 1)))
    upright, level = wave[:, None, :], wave[:, :, None]
    images = np.where(targets[:, None, None] == 1, upright, level) + rng.normal(0, 0.5, (n, side, side))
    return torch.from_numpy(images[:, None].astype(np.float32)), targets


def dull(n_labels, **_):
    """A CNN that sees how bright a view is, and nothing else: it can't tell stripes."""
    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                               torch.nn.Linear(4, n_labels))


def pool_of(views):
    return hw.Pool.from_images((40 * views[:, 0].numpy() + 128).clip(0, 255).astype(np.uint8))


@pytest.fixture
def striped(tmp_path):
    """Opens the same project again and again: 90 items, all answered, views of 16 pixels."""
    views, targets = stripes(90)
    pool, opened = pool_of(views), []

    def open_it(**settings):
        wb = hw.Workbench(tmp_path / "p", pool, *([] if opened else [["0", "1"]]), annotator="ada",
                          **({} if opened else {"holdout": 0.0}), **settings)
        if not opened:
            wb.import_annotations(pd.DataFrame({"item_id": pool.ids, "label": targets.astype(str)}))
        opened.append(wb)
        return wb
    yield open_it
    for wb in opened:
        wb.close()


def averaged(n_labels=2, *, side=16, channels=1):
    views = torch.rand(40, channels, side, side, generator=torch.Generator().manual_seed(0))
    descriptors = fit_descriptors(views)
    head = torch.nn.Linear(descriptors.n_features, n_labels)
    cnn = small_cnn(n_labels, channels=channels, size=side, seed=1).eval()
    return AverageNet(light_net(descriptors, head), cnn).eval(), views


# -- the average ---------------------------------------------------------------------------------------------


def test_an_average_says_the_mean_of_its_parts_probabilities():
    net, views = averaged(3)
    with torch.no_grad():
        mean = torch.stack([part(views).softmax(dim=1) for part in net.parts]).mean(dim=0)
        assert net(views).softmax(dim=1) == pytest.approx(mean, abs=1e-6)
    assert cnn_of(net) is net.parts[1]


def test_an_averages_weights_are_known_again(tmp_path):
    net, views = averaged(3)
    save_weights(net, tmp_path / "a.safetensors")
    save_weights(net.parts[0], tmp_path / "b.safetensors")
    assert [holds_average_net(tmp_path / name) for name in ("a.safetensors", "b.safetensors", "none")] \
        == [True, False, False]
    twin = load_weights(unfitted_average_net(tmp_path / "a.safetensors", small_cnn(3, size=16)),
                        tmp_path / "a.safetensors")
    assert is_average_net(twin)
    with torch.no_grad():
        assert torch.equal(twin(views), net(views))


# -- the choice ----------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(("n", "told_by"), [(100, "on 13 answers"), (40, "on 40 answers")])
def test_a_light_model_is_taken_where_the_cnn_sees_nothing_and_the_reason_says_so(n, told_by):
    (views, targets), draws = stripes(n), np.random.default_rng(1).random(n)
    taken, why = train_and_choose(dull(2), fit_descriptors(views), TrainingData(views, targets, draws=draws), 2,
                                  TrainingOptions(epochs=2, min_steps=32))
    assert is_light_net(taken.net)
    assert why.startswith("the light model: mean loss")
    assert "for the small CNN" in why
    assert told_by in why


@pytest.mark.long
@pytest.mark.parametrize("n", [100, 40])
def test_the_cnn_is_taken_where_the_descriptors_see_nothing(n, monkeypatch):
    (views, targets), draws = stripes(n), np.random.default_rng(1).random(n)
    monkeypatch.setattr(light_rows, "rows_of", lambda net, images: torch.randn(len(images), net.n_features))
    monkeypatch.setattr(choose, "average_logits", lambda logits: torch.zeros(logits.shape[1:]))
    taken, why = train_and_choose(small_cnn(2, size=16), fit_descriptors(views),
                                  TrainingData(views, targets, draws=draws), 2,
                                  TrainingOptions(epochs=2, min_steps=256))
    assert why.startswith("the small CNN: mean loss")
    assert not is_light_net(taken.net)
    assert not is_average_net(taken.net)


@pytest.mark.long
@pytest.mark.parametrize("n", [100, 40])
def test_the_average_is_taken_where_it_errs_least(n, monkeypatch):
    (views, targets), draws = stripes(n), np.random.default_rng(1).random(n)
    monkeypatch.setattr(choose, "_compare", lambda *_, **__: Compared({LIGHT: 0.5, CNN: 0.6, AVERAGE: 0.4}, 7))
    taken, why = train_and_choose(small_cnn(2, size=16), fit_descriptors(views),
                                  TrainingData(views, targets, draws=draws), 2,
                                  TrainingOptions(epochs=1, min_steps=32))
    assert is_average_net(taken.net)
    assert is_light_net(taken.net.parts[0])
    assert why == ("the average of both: mean loss 0.40, against 0.50 for the light model and 0.60 for the small CNN, "
                   "on 7 answers that neither was trained on")


def test_items_that_validate_did_not_teach_the_light_model_that_is_compared(monkeypatch):
    """A head that had learnt them would always look better than the CNN."""
    views, _ = stripes(100)
    targets, draws = np.random.default_rng(5).integers(0, 2, 100), np.random.default_rng(1).random(100)
    seen = []
    monkeypatch.setattr(choose, "_compare", lambda light, cnn, targets, **_: seen.append((light, targets)) or
                        Compared({LIGHT: 0.5, CNN: 0.6, AVERAGE: 0.7}, 7))
    train_and_choose(dull(2), fit_descriptors(views), TrainingData(views, targets, draws=draws), 2,
                     TrainingOptions(epochs=1, min_steps=8))
    (light, truth), = seen
    assert len(truth) == (draws < 0.15).sum()
    loss = torch.nn.functional.cross_entropy(light, truth)
    assert loss > 0.5  # labels by chance: nothing can be known of an item that wasn't learnt


def test_items_of_a_group_are_in_one_half(monkeypatch):
    """Copies of one thing in both halves would let the nets be compared on what they learnt."""
    views, targets = stripes(44)
    draws, taught = np.repeat(np.linspace(0.2, 0.9, 22), 2), []
    monkeypatch.setattr(choose, "train", lambda net, data, options, **_: taught.append(data.draws) or
                        train(net, data, options))
    train_and_choose(dull(2), fit_descriptors(views), TrainingData(views, targets, draws=draws), 2,
                     TrainingOptions(epochs=1, min_steps=8))
    assert not set(taught[0]) & set(taught[1])
    assert len(taught[0]) + len(taught[1]) == 44


def test_the_cnns_temperature_and_bias_are_fitted_to_other_items_than_it_is_compared_on():
    """Of 13 items with labels by chance, a bias for each label that was fitted to them would look like knowledge."""
    rng = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(13, 8, generator=rng), torch.randint(0, 8, (13,), generator=rng)
    beside = torch.zeros(0, 8), targets[:0]
    apart = choose._calibrated_apart(logits, targets, draws=np.linspace(0, 0.1, 13), beside=beside, shares=None)
    temperature, bias = fit_temperature(logits, targets, logits, targets)
    own, fair = (float(torch.nn.functional.cross_entropy(each, targets)) for each in
                 (logits / temperature + bias, apart))
    assert own < np.log(8) - 0.1
    assert fair > np.log(8)


def test_one_item_of_which_a_net_was_wrongly_sure_does_not_decide_alone():
    truth, sure = torch.tensor([0, 1] * 10), torch.zeros(20, 2)
    sure[torch.arange(20), truth] = 3.0
    blunder = sure.clone()
    blunder[0] = torch.tensor([-500.0, 500.0])
    losses = choose._compare(blunder, sure, truth, by_chance=True).losses
    assert losses[LIGHT] - losses[CNN] < 7 / 20


def test_of_a_partial_answer_each_candidate_is_right():
    rows, logits = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), torch.tensor([[9.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    assert choose._compare(logits, logits, rows, by_chance=False).losses[LIGHT] < 0.01


def test_items_that_cannot_be_read_are_not_compared(monkeypatch):
    views, targets = stripes(100)
    draws, compare, seen = np.linspace(0, 0.99, 100), choose._compare, []
    monkeypatch.setattr(choose, "_compare", lambda light, *rest, **by: seen.append(len(light)) or
                        compare(light, *rest, **by))
    monkeypatch.setattr(choose, "load_views", lambda images: (images, draws > 0.025))  # three of those that validate
    train_and_choose(dull(2), fit_descriptors(views), TrainingData(views, targets, draws=draws), 2,
                     TrainingOptions(epochs=1, min_steps=8))
    assert seen == [12]


def test_answers_too_few_to_tell_take_the_light_model():
    views, targets = stripes(30)
    some = [int(np.flatnonzero(targets == 0)[0]), *np.flatnonzero(targets == 1)[:4].tolist()]
    data = TrainingData(views[some], targets[some], draws=np.linspace(0, 0.9, 5))
    taken, why = train_and_choose(small_cnn(2, size=16), fit_descriptors(views), data, 2, TrainingOptions(epochs=1))
    assert is_light_net(taken.net)
    assert why == "the light model: 5 answers are too few to tell which is better"


@pytest.mark.long
def test_the_budget_that_the_choice_leaves_is_the_cnns(monkeypatch):
    """The CNN got half of the budget and the frozen backbone a tenth, and the rest was never used."""
    views, targets = stripes(100)
    data, given, learn = TrainingData(views, targets, draws=np.linspace(0, 0.99, 100)), [], train

    def spy(net, data, options, **more):
        given.append(options.budget_s)
        return learn(net, data, options, **more)
    monkeypatch.setattr(choose, "train", spy)
    train_and_choose(small_cnn(2, size=16), fit_descriptors(views), data, 2, TrainingOptions(budget_s=2.0))
    assert 0.1 * 2.0 <= given[-1] < 2.0


def test_the_average_stands_unless_another_is_better_beyond_chance():
    """Of 10 answers the lowest loss tells little, and the average is hardly ever much worse than the better one."""
    losses = {LIGHT: 0.50, CNN: 0.90, AVERAGE: 0.55}
    doubtful, certain = (Compared(losses, 10, {LIGHT: chance, CNN: chance}) for chance in (0.1, 0.01))
    assert (doubtful.best, certain.best, Compared(losses, 10).best) == (AVERAGE, LIGHT, LIGHT)
    assert doubtful.why == ("the average of both: mean loss 0.55, against 0.50 for the light model and 0.90 for the "
                            "small CNN, on 10 answers that neither was trained on; neither errs less beyond chance")
    assert certain.why.endswith("neither was trained on")


def test_what_is_by_chance_follows_from_the_answers():
    truth = torch.tensor([0, 1] * 20)
    right, noise = torch.nn.functional.one_hot(truth, 2) * 4.0, torch.randn(40, 2, generator=torch.Generator())
    assert choose._compare(right, -right, truth, by_chance=True).best == LIGHT
    assert choose._compare(-right, right, truth, by_chance=True).best == CNN
    assert choose._compare(0.1 * noise, 0.1 * noise.flip(0), truth, by_chance=True).best == AVERAGE


# -- in a project --------------------------------------------------------------------------------------------


def test_a_first_fine_tuning_says_once_what_was_taken_and_why_and_remembers_it(striped, monkeypatch):
    monkeypatch.setattr(architecture, "small_cnn", dull)
    wb, said = striped(), []
    wb.project.notify = said.append
    run = wb.finetune(epochs=1, min_steps=32)
    assert is_light_net(run.net)
    assert run.taken.startswith("the light model: mean loss")
    assert f"taken: {run.taken}" in repr(run)
    assert repr(run).count(run.taken) + sum(run.taken in text for text in said) == 1  # told once
    wb.close()
    again = striped()
    assert again.finetune(epochs=1, min_steps=32).taken == run.taken  # read from the log



def test_an_interrupt_while_the_nets_are_compared_says_that_nothing_was_adopted(striped, monkeypatch):
    wb, said, calls = striped(), [], []
    monkeypatch.setattr(choose, "split_validation", lambda targets, **_: (np.arange(len(targets)), np.array([], int)))

    def stopped(net, data, options, **more):
        calls.append(len(data))
        return dataclasses.replace(train(net, data, options, **more), stopped_because="interrupted")
    wb.project.notify = said.append
    monkeypatch.setattr(choose, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        wb.finetune(epochs=1, min_steps=8)
    assert calls == [45]
    assert any("Interrupted: nothing was adopted" in text for text in said)
    assert wb.registry.adopted is None


def test_a_light_models_run_says_how_it_was_calibrated_and_claims_no_other_items(striped, monkeypatch):
    wb = striped()
    taking(monkeypatch, LIGHT)
    run = wb.finetune(epochs=1, min_steps=8)
    assert run.n_validation == 0
    assert "best epoch" not in repr(run)
    assert "90 items, each predicted by a model that hadn't learnt it" in repr(run)


def taking(monkeypatch, name):
    """Let one of the candidates win each comparison."""
    losses = {LIGHT: 0.5, CNN: 0.5, AVERAGE: 0.5, name: 0.4}
    monkeypatch.setattr(choose, "_compare", lambda *_, **__: Compared(losses, 12))


@pytest.mark.long
def test_candidates_are_compared_again_in_each_round(striped, monkeypatch):
    wb, quick = striped(), {"epochs": 1, "min_steps": 8, "adopt": "always"}
    kinds, parents = [], []
    for seed, name in enumerate((LIGHT, AVERAGE, AVERAGE, CNN, CNN, LIGHT)):
        taking(monkeypatch, name)
        run = wb.finetune(**quick, seed=seed)
        kinds.append("light" if is_light_net(run.net) else "average" if is_average_net(run.net) else "cnn")
        parents.append(wb.registry.runs()[-1].body["parent"])
        assert run.taken.startswith(f"the {name}")
    assert kinds == ["light", "average", "average", "cnn", "cnn", "light"]
    versions = [event.body["model"] for event in wb.registry.runs()]
    # The CNN goes on from what it learnt, alone or in an average; beside a light model it starts from first weights.
    assert parents == [None, None, versions[1], versions[2], versions[3], None]


def test_a_cnn_that_learnt_what_would_validate_is_trained_further_without_a_rival(striped, monkeypatch):
    wb = striped()
    taking(monkeypatch, CNN)
    wb.finetune(epochs=1, min_steps=8, adopt="always")
    monkeypatch.setattr("hitl_widgets.learn.run._kept_apart", lambda registry: False)
    assert wb.finetune(epochs=1, min_steps=8, adopt="always", seed=1).taken == ""


@pytest.mark.long
def test_an_average_is_restored_explained_asked_edited_and_left_again(striped, monkeypatch):
    wb = striped()
    taking(monkeypatch, LIGHT)
    first = wb.finetune(epochs=1, min_steps=8, adopt="always")
    taking(monkeypatch, AVERAGE)
    run = wb.finetune(epochs=1, min_steps=8, adopt="always", seed=1)
    wb.models.flips(n=5)
    item = str(wb.pool.ids[3])
    said = wb.predict()["confidence"].to_numpy()
    assert wb.model().net(wb.model().preprocess(wb.pool.load(3))[None]).shape == (1, 2)
    assert wb.model()([wb.pool.load(3)]).shape == (1, 2)
    for method in ("gradcam", "saliency", "input_x_gradient", "integrated_gradients"):
        found = wb.explain(item, method=method).maps[0]
        assert found.shape == (16, 16)
        assert np.isfinite(found).all()
        assert np.ptp(found) > 0 or method == "gradcam"  # of a CNN that learnt nothing, no place may speak for it
    assert wb.registry.inference.embeddings([3]).shape[1] == run.net.parts[1][-1].in_features
    wb.close()
    again = striped()
    assert is_average_net(again.registry.inference.predictor.net)
    assert again.predict()["confidence"].to_numpy() == pytest.approx(said, abs=1e-5)
    again.apply(edits.add("2"))
    assert again.registry.start("adopted", seed=0)(torch.rand(2, 1, 16, 16)).shape == (2, 3)
    assert again.adopt(first.model) == first.model
    assert is_light_net(again.registry.inference.predictor.net)


@pytest.mark.long
@pytest.mark.parametrize("name", [LIGHT, AVERAGE])
def test_marks_teach_a_whole_net_where_a_light_model_or_an_average_is_adopted(striped, monkeypatch, name):
    """Descriptors don't learn: marks would have changed the last layer alone."""
    wb, said = striped(), []
    taking(monkeypatch, name)
    wb.finetune(epochs=1, min_steps=8, adopt="always")
    corner = np.zeros((16, 16), bool)
    corner[:4, :4] = True
    for position in range(4):
        wb.decide(str(wb.pool.ids[position]), label="0", wrong=corner)
    wb.project.notify = said.append
    run = wb.finetune(epochs=1, min_steps=8)
    assert not is_light_net(run.net)
    assert not is_average_net(run.net)
    assert run.reasons == "penalty"
    assert run.relies_before is not None  # of a light model too
    assert any("starts from the small CNN's first weights" in text for text in said)


def test_a_light_net_can_be_reached_by_the_gradient_of_a_region(striped, monkeypatch):
    wb = striped()
    taking(monkeypatch, LIGHT)
    net = wb.finetune(epochs=1, min_steps=8, adopt="always").net
    views = stripes(4, seed=9)[0].requires_grad_()
    net(views).log_softmax(dim=1).sum().backward()
    inside = views.grad[:, :, :4, :4]
    assert torch.isfinite(views.grad).all()
    assert float(inside.abs().max()) > 0


def test_start_frozen_and_start_initial_train_that_net_alone(striped):
    wb = striped()
    frozen = wb.finetune(epochs=1, min_steps=8, start="frozen", adopt="always")
    assert (is_kmeans_net(frozen.net), frozen.taken) == (True, "")
    initial = wb.finetune(epochs=1, min_steps=8, start="initial", adopt="always")
    assert (is_kmeans_net(initial.net), is_light_net(initial.net), initial.taken) == (False, False, "")


@pytest.mark.long
def test_a_frozen_backbones_rivals_are_compared_once_it_is_adopted(striped):
    wb = striped()
    wb.finetune(epochs=1, min_steps=8, start="frozen", adopt="always")
    assert wb.finetune(epochs=1, min_steps=8).taken.startswith("the ")
