"""A former model can be had again, and a net that a person trained can take over."""

import os
import threading
from datetime import datetime, timezone
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from shades import POOL, TRUTH, label_some, small_net
from torch import nn

from hitl_widgets import edits
from hitl_widgets.errors import BadInput, LogDamaged, ModelError
from hitl_widgets.events import Event
from hitl_widgets.explain.attribute import NetExplainer
from hitl_widgets.learn.inference import Adopted, Inference
from hitl_widgets.learn.model_table import models
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.weights import save_weights
from hitl_widgets.records import new_id
from hitl_widgets.sampling.ranking import Ranking


def test_models_are_listed_with_their_figures(bench):
    wb = bench(model=small_net())
    label_some(wb)
    run = wb.finetune(epochs=2, adopt="always")
    frame = wb.models()
    assert frame["origin"].tolist() == ["given", "trained"]
    assert frame["model"][1] == run.model
    assert frame["adopted"].tolist() == [False, True]
    assert frame["accuracy"].tolist()[1] == pytest.approx(float(run.after["accuracy"]))


def test_a_project_without_a_model_lists_none(bench):
    wb = bench()
    assert wb.models().empty
    assert "Empty DataFrame" in repr(wb.models())
    assert "adopted_at" in wb.models._repr_html_()


def test_the_table_of_models_is_shown_in_100_columns_and_has_everything_in_full():
    at = datetime(2026, 5, 1, 10, 30, 5, 123456, timezone.utc)

    def event(kind, **body):
        return Event(id=new_id(), kind=kind, annotator="ann", acted_at=at, body=body)
    long_name = "KNeighborsClassifier of a colleague"
    table = models([event("adopted", model="0123456789abcdef", origin="given"),
                    event("imported", model="11aa22bb33cc44dd", name=long_name, label_ids=[]),
                    event("trained", model="fedcba9876543210", accuracy=0.91234, n=54_321, n_training=98_765),
                    event("adopted", model="fedcba9876543210", origin="rolled back")])
    lines = repr(table).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 100
    assert lines[3].split() == ["2", "fedcba98", "trained", "2026-05-01", "10:30", "0.912", "54321", "98765", "yes"]
    assert "KNeighborsClassif…" in lines[2]
    assert "fedcba98<" in table._repr_html_()
    assert (table["model"][2], table["name"][1]) == ("fedcba9876543210", long_name)
    assert table["adopted_at"][2] == at
    assert type(table[["model", "origin"]]) is pd.DataFrame
    assert repr(table.drop(columns="n")) == repr(pd.DataFrame(table).drop(columns="n"))


def test_versions_that_begin_alike_are_shown_in_full():
    events = [Event(id=new_id(), kind="imported", annotator="ann", acted_at=datetime.now(timezone.utc),
                    body={"model": model, "label_ids": []}) for model in ("0123456789abcdef", "0123456711111111")]
    assert [line.split()[1] for line in repr(models(events)).splitlines()[1:]] == [
        "0123456789abcdef", "0123456711111111"]


def test_a_former_version_comes_back_with_its_predictions_and_maps(bench):
    wb = bench(model=small_net())
    probs, maps = wb.predict()["confidence"].to_numpy(), np.asarray(wb.explain(POOL.ids[:3], target="dark"))
    first = wb.registry.adopted
    label_some(wb)
    wb.finetune(epochs=2, adopt="always")
    assert wb.adopt(first) == first
    np.testing.assert_array_equal(wb.predict()["confidence"].to_numpy(), probs)
    np.testing.assert_array_equal(np.asarray(wb.explain(POOL.ids[:3], target="dark")), maps)
    assert wb.models().set_index("model")["adopted"][first]
    assert wb.models()["origin"].tolist() == ["given", "trained"]
    assert wb.history()["kind"].tolist()[-1] == "adopted"
    wb.close()
    again = bench(model=small_net())
    assert again.registry.adopted == first


def test_a_model_that_was_trained_and_not_adopted_can_be(bench):
    wb = bench(model=small_net())
    label_some(wb)
    run = wb.finetune(epochs=1, adopt="never")
    assert wb.adopt(run.model[:6]) == run.model == wb.registry.adopted


@pytest.mark.long
@pytest.mark.slow
def test_a_version_that_is_older_than_the_taxonomy_comes_back_under_todays(bench):
    wb = bench()
    label_some(wb)
    first = wb.finetune(epochs=1).model
    wb.apply(edits.merge(["dark", "light"], "plain"))
    wb.finetune(epochs=1, adopt="always", seed=3)
    assert list(wb.inference.predictor.net.modules())[-1].out_features == 2
    wb.adopt(first)
    assert list(wb.inference.predictor.net.modules())[-1].out_features == 3
    assert set(wb.predict()["label"]) <= {"plain", "striped"}


def test_an_unknown_version_is_told_which_there_are(bench):
    wb = bench(model=small_net())
    there = wb.registry.adopted
    with pytest.raises(BadInput, match=f"'deadbeef' is unknown; there are: {there}"):
        wb.adopt("deadbeef")
    with pytest.raises(BadInput, match="is unknown"):
        wb.adopt("")
    with pytest.raises(BadInput, match=r"type int.*wb\.models\(\)"):
        wb.adopt(3)


def test_a_version_whose_weights_are_gone_is_told_and_the_adopted_one_stands(bench):
    wb = bench(model=small_net())
    first = wb.registry.adopted
    label_some(wb)
    run = wb.finetune(epochs=1, adopt="always")
    wb.registry.path(first).unlink()
    with pytest.raises(ModelError, match=f"weights of {first} are gone"):
        wb.adopt(first)
    assert wb.registry.adopted == run.model


def test_weights_that_are_not_those_of_their_name_are_refused(bench):
    """A file whose bytes had changed was taken for the adopted model."""
    wb = bench(model=small_net())
    path, other = wb.registry.path(wb.registry.adopted), wb.model().net
    wb.close()
    with torch.no_grad():
        next(other.parameters()).add_(1)
    path.unlink()
    save_weights(other, path)
    again = bench(model=small_net())  # labelling goes on
    assert again.registry.adopted is None
    assert "than its name says" in str(again.inference.missing)
    with pytest.raises(ModelError, match=r"holds other weights .* than its name says"):
        again.adopt(path.stem)


@pytest.mark.parametrize("size", [0, 50])
def test_weights_that_were_cut_off_do_not_keep_the_project_shut(bench, size):
    """The project didn't open, and the error advised what only an open project can do."""
    wb = bench(model=small_net())
    path = wb.registry.path(wb.registry.adopted)
    label_some(wb)
    wb.close()
    os.truncate(path, size)
    again = bench(model=small_net())
    assert "cut off or damaged" in str(again.inference.missing)
    with pytest.raises(ModelError, match="cut off or damaged"):
        again.adopt(path.stem)
    again.finetune(epochs=1, start="initial", adopt="always")
    assert again.registry.adopted is not None


def test_an_adoption_that_lacks_a_part_is_a_damaged_log(bench):
    wb = bench(model=small_net())
    wb.project.record("adopted", {"model": wb.registry.adopted})
    wb.close()
    with pytest.raises(LogDamaged, match="hitl_widgets never writes: KeyError"):
        bench(model=small_net())


def test_a_net_from_a_loop_of_ones_own_takes_over(bench):
    wb = bench(model=small_net())
    label_some(wb)
    items = wb.training_set()
    net = small_net()
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    views, targets = torch.stack([items[i][0] for i in range(len(items))]), torch.as_tensor(items.targets)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(views), targets).backward()
        optimiser.step()
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    version = wb.adopt(net)
    assert net.training
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())
    said = wb.predict().set_index("item_id")["label"]
    assert np.mean([said[item_id] == TRUTH[item_id] for item_id in POOL.ids]) > 0.8
    wb.close()
    assert bench(model=small_net(seed=5)).registry.adopted == version


class Other(nn.Module):
    """Of another build, for larger views in colour."""

    def __init__(self, n_labels=3):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 5, stride=2), nn.Linear(4 * 14 * 14, n_labels)

    def forward(self, x):
        return self.fc(self.conv(x).relu().flatten(1))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("model", [None, small_net()])
def test_a_net_of_another_build_takes_over_and_is_asked_for_from_then_on(bench, capsys, model):
    wb = bench(model=model)
    label_some(wb)
    wb.finetune(epochs=1)
    version = wb.adopt(Other())
    assert "of another build" in capsys.readouterr().out
    assert wb.predict()["model"].unique().tolist() == [version]
    assert wb.explain("0").errors == {}
    wb.close()
    again = bench(model=Other())
    assert again.registry.adopted == version
    again.close()
    bench(model=None)
    assert "needs its net" in capsys.readouterr().out


def test_a_net_that_does_not_fit_changes_nothing(bench):
    wb = bench(model=small_net())
    before, events = wb.registry.adopted, len(wb.history())
    for net in (small_net(7), Other(7), nn.Linear(5, 3)):
        with pytest.raises(ModelError):
            wb.adopt(net)
    assert (wb.registry.adopted, len(wb.history())) == (before, events)
    assert not wb.predict(5)["confidence"].isna().any()
    assert wb.registry.architecture.view.shape == (16, 16)
    assert wb.registry.start("initial", seed=0)[0].in_channels == 1


def test_adopting_what_is_adopted_says_nothing_twice(bench):
    wb = bench(model=small_net())
    n = len(wb.history())
    wb.adopt(wb.registry.adopted)
    assert len(wb.history()) == n


def test_predictions_made_with_another_preprocessing_are_made_anew(bench):
    net = small_net()
    before = bench(model=net).predict()["confidence"].to_numpy()
    inverted = bench(model=net, preprocess=lambda image: torch.from_numpy(255 - image).float()[None] / 255)
    after = inverted.predict()["confidence"].to_numpy()
    assert not np.allclose(before, after)


@pytest.mark.long
def test_adopting_while_others_predict_and_explain_mixes_no_two_models(bench):
    nets = [small_net(seed=seed) for seed in (0, 5)]
    wb = bench(model=nets[0])
    versions = [wb.registry.adopted, wb.adopt(nets[1])]
    target, positions = wb.taxonomy.label_ids[0], np.arange(len(POOL))
    expected = [NetPredictor(net, POOL, wb.taxonomy.label_ids, preprocess=wb.registry.architecture.view)
                for net in nets]
    probs = dict(zip(versions, (predictor.predict(positions) for predictor in expected), strict=True))
    maps = {version: NetExplainer(predictor).explain(3, method="saliency", target=target).values
            for version, predictor in zip(versions, expected, strict=True)}
    done, errors = threading.Event(), []

    def repeat(ask):
        try:
            while not done.is_set():
                ask()
        except Exception as error:
            errors.append(error)
            done.set()

    def explain():
        attribution = wb.explainer.explain(3, "saliency", target)
        np.testing.assert_allclose(attribution.values, maps[attribution.model], atol=1e-6)

    def embed():
        assert wb.inference.embeddings(range(8)).shape == (8, 48)
    asks = [lambda: wb.inference.ask(np.random.default_rng().permutation(positions)[:40]), explain, embed]
    threads = [threading.Thread(target=repeat, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for turn in range(8):
        wb.adopt(versions[turn % 2])
    wb.inference.ask(positions)
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    for version in versions:
        wb.adopt(version)
        wb.inference.ask(positions)
        np.testing.assert_allclose(wb.probs(), probs[version], atol=1e-5)


def test_a_models_probabilities_are_its_own_also_when_another_is_adopted_meanwhile(monkeypatch):
    def adopted(version, share):
        probs = np.full((2, 2), share, np.float32)
        return Adopted(SimpleNamespace(version=version), SimpleNamespace(
            probs=probs, label_ids=("a", "b"), missing=lambda positions: positions[:0]), None)

    first, second = adopted("first", 0.1), adopted("second", 0.9)
    inference = Inference.__new__(Inference)
    inference._adopted, inference.missing, inference._lineage = first, None, lambda: None
    inference._ranking = Ranking()

    def adopts_another(*arguments):
        inference._adopted = second

    monkeypatch.setattr(inference, "_ask", adopts_another)
    monkeypatch.setattr("hitl_widgets.learn.inference.todays_probs", lambda probs, *more, **how: probs)
    assert (inference.probs(np.arange(2), predictor=first.predictor) == np.float32(0.1)).all()


# -- models that others adopt --------------------------------------------------------------------------------


def adopt_one(wb, seed=1):
    """Adopt a net of the workbench's own build, without the seconds of a training."""
    return wb.registry.install(wb.registry.architecture.fresh(3, seed=seed), origin="trained")


def two(bench, **more):
    return bench(annotator="ada", **more), bench(annotator="bob", **more)


def test_a_model_that_a_colleague_adopted_predicts_here_and_is_what_the_next_is_compared_with(bench):
    """Ada's kernel said that there was no model yet, and her own training that there was none before."""
    ada, bob = two(bench)
    label_some(ada)
    model = adopt_one(bob)
    assert set(ada.predict()["model"]) == {model}
    assert ada.project.news == [f"bob adopted model {model[:7]}."]
    run = ada.finetune(epochs=1, start="initial", adopt="always")
    assert run.before.n == run.gain.n > 0
    bob.session.follow()
    assert bob.registry.adopted == run.model == bob.models().set_index("adopted")["model"][True]
    assert bob.project.news == [f"ada adopted model {run.model[:7]}."]


def test_what_one_does_is_no_news_to_oneself(bench):
    ada, bob = two(bench, model=small_net())
    ada.apply(edits.rename("dark", "black"))
    model = ada.adopt(small_net(seed=3))
    ada.session.follow()
    assert ada.project.news == []
    bob.session.follow()
    assert bob.project.news == ["ada edited the taxonomy: Rename “dark” to “black”.", f"ada adopted model {model[:7]}."]
    assert bob.registry.adopted == model
    again = bench(annotator="ada", model=small_net())
    bob.adopt(bob.models()["model"][0])
    again.session.follow()
    assert again.project.news == [f"bob adopted model {bob.registry.adopted[:7]}."]


def test_a_colleagues_model_of_another_build_is_named_and_nothing_is_compared_with_none(bench):
    ada = bench(annotator="ada")
    bob = bench(annotator="bob", model=small_net())
    label_some(ada)
    ada.session.follow()
    assert bob.registry.adopted in ada.inference.missing
    with pytest.raises(ModelError, match="needs its net"):
        ada.finetune(epochs=1)
    run = ada.finetune(epochs=1, start="initial")
    assert "no comparison is possible" in run.gain.why
    assert "needs its net" in run.gain.why
    bob.session.follow()
    assert f"model {run.model}, which ada adopted, is of the workbench's own making" in bob.inference.missing
    assert bob.predict()["model"][0] == bob.registry.adopted != run.model


def test_a_model_adopted_elsewhere_during_a_training_is_what_its_outcome_is_compared_with(bench, monkeypatch):
    from hitl_widgets.learn import run as running
    ada, bob = two(bench)
    label_some(ada)
    train_nets = running.train_nets

    def meanwhile(*args, **kwargs):
        monkeypatch.setattr(running, "train_nets", train_nets)
        adopt_one(bob)
        return train_nets(*args, **kwargs)

    monkeypatch.setattr(running, "train_nets", meanwhile)
    run = ada.finetune(epochs=1, start="initial", adopt="always")
    assert run.gain.n > 0
    assert len(set(ada.models()["model"])) == 2


@pytest.mark.long
def test_models_that_were_never_adopted_are_removed_but_the_last_rounds(bench):
    """Each round left its weights and predictions for ever."""
    wb = bench(model=small_net())
    label_some(wb)
    runs = [wb.finetune(epochs=1, seed=seed, adopt="always" if seed == 1 else "never") for seed in range(6)]
    wb.registry.inference.probs(np.arange(3), predictor=wb.registry.predictor(wb.registry.find(runs[3].model)))
    assert (wb.folder / "predictions" / runs[3].model).is_dir()
    runs.append(wb.finetune(epochs=1, seed=6, adopt="never"))
    kept = {path.stem for path in (wb.folder / "models").iterdir()}
    adopted = {event.body["model"] for event in wb.project.log.events(kind="adopted")}
    assert len(adopted) == 2
    assert kept == adopted | {run.model for run in runs[-3:]}
    assert not (wb.folder / "predictions" / runs[3].model).exists()
    assert len(wb.models()) == 8
    with pytest.raises(ModelError, match="are gone"):
        wb.adopt(runs[3].model)
