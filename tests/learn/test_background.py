"""A light head is learnt while somebody labels, and adopted where it errs less on answers that neither model learnt."""

from __future__ import annotations

import threading
import zlib

import numpy as np
import pytest
import torch
from shades import KINDS, NAMES, POOL, TRUTH, small_net
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.background import EVERY, BackgroundLearning
from hitl_widgets.learn.candidate import answer_losses, fit_candidate, is_right
from hitl_widgets.learn.learnt import learnt_gold, never_learnt, unpack
from hitl_widgets.learn.light import is_light_net, last_layer, light_net
from hitl_widgets.learn.registry import N_KEPT_OF_BACKGROUND

# Seconds after which a wait is given up: far more than anything here takes.
LIMIT_S = 120.0


@pytest.fixture
def learning():
    """Makes what learns in the background for a workbench, without a card."""
    def make(wb, **more):
        return BackgroundLearning(wb.project, lambda: wb.registry, notify=more.get("notify", wb.project.notify))
    return make


def label(wb, n, *, truth=TRUTH, **more):
    """Answer n items that may train, in the order of the pool."""
    queue = wb.project.queue
    places = np.flatnonzero(~queue.holdout & ~queue.gold & ~queue.is_answered())[:n]
    for item_id in POOL.ids[places]:
        wb.decide(item_id, label=truth[item_id], **more)


def adoptions(wb):
    return list(wb.project.log.events(kind="adopted"))


def wait_for(condition):
    done = threading.Event()
    for _ in range(int(LIMIT_S / 0.05)):
        if condition():
            return
        done.wait(0.05)
    raise AssertionError("what was waited for didn't come")


def some_light_net(wb, seed, *, scale=1.0):
    descriptors = wb.registry.descriptors.net
    head = nn.Linear(descriptors.n_features, len(wb.taxonomy))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nn.init.normal_(head.weight, std=scale)
    return light_net(descriptors, head)


# -- when ----------------------------------------------------------------------------------------------------

def test_it_learns_every_twenty_answers_that_may_train(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, EVERY - 1)
    assert not learns.due()
    assert (learns.state.n_answers, learns.state.n_until_next) == (EVERY - 1, 1)
    holdout = POOL.ids[wb.project.queue.holdout][:5]
    for item_id in holdout:  # measures, and is no answer that may train
        wb.decide(item_id, label=TRUTH[item_id], seen={"hidden": True})
    assert not learns.due()
    label(wb, 1)
    assert learns.due()
    assert learns.learn() == wb.registry.adopted
    assert not learns.due()
    assert learns.state.n_until_next == EVERY
    wb.close()
    again = bench()
    later = learning(again)
    assert not later.due()  # the log tells at how many answers the adopted model learnt
    label(again, EVERY)
    assert later.due()


def test_a_small_pool_is_learnt_once_all_of_it_is_answered(tmp_path, learning):
    """It waited for the twentieth answer in a pool of twelve items."""
    wb = hw.Workbench(tmp_path / "small", hw.Pool.from_images([POOL.load(k) for k in range(12)], ids=POOL.ids[:12]),
                      NAMES, annotator="ada", holdout=0.25)
    learns = learning(wb)
    n_in_all = int((~wb.project.queue.holdout).sum())
    assert learns.state.n_until_next == n_in_all < 12
    label(wb, n_in_all - 1)
    assert not learns.due()
    label(wb, 1)
    assert learns.due()
    learns.learn()
    assert not learns.due()
    wb.close()


def test_nothing_is_learnt_from_one_label(bench, learning):
    wb = bench()
    learns = learning(wb)
    for item_id in [item_id for item_id in POOL.ids if TRUTH[item_id] == "dark"][:40]:
        wb.decide(item_id, label="dark")
    assert learns.due()
    assert learns.learn() is None
    assert "two different labels" in learns.state.why
    assert not adoptions(wb)
    assert not (wb.folder / "models").exists()


@pytest.mark.long
def test_an_edit_that_changes_labels_makes_it_due(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 30)
    learns.learn()
    wb.apply(edits.rename("dark", "night"))
    assert not learns.due()  # its labels are the same
    wb.apply(edits.merge(["night", "light"], "plain"))
    assert learns.due()
    assert set(wb.predict()["label"].dropna()) <= {"plain", "striped"}  # until then the old one is translated
    version = learns.learn()
    assert version is not None
    assert wb.inference.predictor.label_ids == wb.taxonomy.label_ids
    assert not learns.due()
    body = adoptions(wb)[-1].body
    assert body["taxonomy"] == wb.taxonomy.version
    assert body["compared"] is None  # the former model learnt every answer


@pytest.mark.long
def test_a_split_leaves_answers_in_doubt_and_they_are_learnt_as_such(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 40)
    learns.learn()
    wb.apply(edits.split("striped", ["thin", "thick"]))
    assert learns.due()
    assert learns.learn() is not None
    probs = wb.inference.probs(np.arange(len(POOL)))
    assert probs.shape[1] == len(wb.taxonomy.label_ids)
    names = [wb.taxonomy.name_of(label_id) for label_id in wb.taxonomy.label_ids]
    striped = np.array(KINDS) == "striped"
    of_stripes = probs[:, [names.index("thin"), names.index("thick")]].sum(axis=1)
    assert of_stripes[striped].mean() > 0.8 > 0.2 > of_stripes[~striped].mean()


def test_a_model_that_learnt_no_part_of_a_split_suggests_none_of_them(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 40)
    learns.learn()
    wb.apply(edits.split("striped", ["thin", "thick"]))
    learns.learn()
    assert wb.inference.predictor.label_ids == wb.taxonomy.label_ids
    table = wb.predict()
    assert set(table["label"].dropna()) == {"dark", "light"}
    tied = [wb.project.prediction(position) for position in np.flatnonzero(table["label"].isna())]
    assert {frozenset(map(wb.taxonomy.name_of, one.likeliest)) for one in tied} == {frozenset({"thin", "thick"})}
    assert {one.suggestion for one in tied} == {None}


@pytest.mark.long
def test_answers_that_were_taken_back_make_it_due(bench, learning):
    wb = bench()
    queue, learns = wb.project.queue, learning(wb)
    places = np.flatnonzero(~queue.holdout)
    wrong = [wb.decide(item_id, label="dark") for item_id in POOL.ids[places[-60:]]]
    label(wb, 40)
    first = learns.learn()
    for decision in wrong[:EVERY - 1]:
        wb.retract(decision.id)
    assert not learns.due()
    for decision in wrong[EVERY - 1:]:
        wb.retract(decision.id)
    assert learns.due()
    assert learning(wb).due()  # in a later session as well
    assert learns.learn() not in (None, first)
    assert "60 were revised or taken back" in learns.state.why
    assert unpack(adoptions(wb)[-1].body["learnt"]).size == 40
    assert not learns.due()
    assert learns.state.n_until_next == EVERY
    assert learns.learn() is None


def test_answers_that_were_revised_make_it_due(bench, learning):
    wb = bench()
    queue, learns = wb.project.queue, learning(wb)
    light = [item_id for item_id in POOL.ids[~queue.holdout] if TRUTH[item_id] == "light"][-EVERY:]
    for item_id in light:
        wb.decide(item_id, label="dark")
    label(wb, 60)
    first = learns.learn()
    assert first is not None
    for item_id in light[1:]:
        wb.decide(item_id, label="light")
    assert not learns.due()
    wb.decide(light[0], label="light")
    assert learns.due()
    assert learns.learn() not in (None, first)
    assert f"{EVERY} were revised or taken back" in learns.state.why
    assert not learns.due()


def test_of_many_answers_a_fiftieth_is_waited_for(bench, learning):
    wb = bench()
    wb.registry.install(some_light_net(wb, 1), origin="background", n_training=5_000)
    wb.project.refresh()
    assert learning(wb)._next_at() == 5_100


@pytest.mark.long
def test_the_thread_rests_longer_than_it_learns(bench, monkeypatch):
    from hitl_widgets.learn import background
    wb = bench()
    monkeypatch.setattr(background, "RESTS", 1e9)
    wb.review()
    label(wb, EVERY)
    wait_for(lambda: adoptions(wb) and wb.session.learning.name == "waiting")
    learns = wb.session.learns
    assert learns._rest_s() > 1e6
    label(wb, EVERY)
    assert learns.due()
    threading.Event().wait(2 * background.LOOK_S)
    assert len(adoptions(wb)) == 1
    monkeypatch.setattr(background, "RESTS", 0.0)
    wait_for(lambda: len(adoptions(wb)) == 2)


# -- what is learnt and written down -------------------------------------------------------------------------

def test_the_log_says_what_was_learnt_and_why_it_was_adopted(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 20)
    learns.learn()
    label(wb, 20)
    version = learns.learn()
    first, body = (event.body for event in adoptions(wb))
    assert (body["origin"], body["own"], body["model"], body["seed"]) == ("background", True, version, 0)
    assert first["compared"] is None
    assert body["n_training"] == body["out_of_fold"]["n"] == 40
    answered = wb.training_set().item_ids
    assert unpack(body["learnt"]).tolist() == sorted(zlib.crc32(item_id.encode()) for item_id in answered)
    assert body["compared"]["n"] == 20
    assert body["compared"]["new"] < body["compared"]["adopted"]
    assert "20 answers that neither learnt" in body["why"]
    assert learns.state.out_of_fold.n == 40
    assert float(learns.state.out_of_fold) == body["out_of_fold"]["right"] / 40 > 0.9
    table = wb.models()
    assert table["origin"].tolist() == ["background", "background"]
    assert table["n_training"].tolist() == [20, 40]
    assert table["adopted"].tolist() == [False, True]
    assert wb.project.round == 1  # nothing began a round
    assert not list(wb.project.log.events(kind="trained"))


@pytest.mark.long
def test_holdout_and_gold_neither_teach_nor_decide(bench, learning):
    def learnt(folder, wrong):
        wb = bench(folder)
        label(wb, 30)
        learning(wb).learn()
        label(wb, 30)
        if wrong:
            for item_id in POOL.ids[wb.project.queue.holdout]:
                wb.decide(item_id, label=NAMES[(NAMES.index(TRUTH[item_id]) + 1) % 3], seen={"hidden": True})
        learning(wb).learn()
        return [event.body for event in adoptions(wb)]
    right, wrong = learnt("right", False), learnt("wrong", True)
    assert [body["model"] for body in right] == [body["model"] for body in wrong]
    assert [body["compared"] for body in right] == [body["compared"] for body in wrong]


def test_a_gold_item_that_was_learnt_before_doesnt_measure(bench, learning):
    wb = bench()
    label(wb, 30)
    version = learning(wb).learn()
    learnt, other = wb.training_set().item_ids[0], next(
        str(POOL.ids[place]) for place in np.flatnonzero(~wb.project.queue.holdout & ~wb.project.queue.is_answered()))
    wb.gold({learnt: TRUTH[learnt], other: TRUTH[other]})
    assert learnt_gold(wb.project, [version]) == {POOL.position(learnt)}


def test_predictions_are_those_of_the_net_that_was_stored(bench, learning):
    wb = bench()
    label(wb, 30)
    learning(wb).learn()
    asked = wb.inference.probs(np.arange(len(POOL)))
    wb.close()
    again = bench()
    assert is_light_net(again.inference.predictor.net)
    np.testing.assert_allclose(again.inference.predictor.predict(range(len(POOL))), asked, atol=1e-4)
    assert (asked.argmax(axis=1) == [again.taxonomy.names.index(kind) for kind in KINDS]).mean() > 0.95


def test_the_loss_of_an_answer_is_that_of_its_candidates_together():
    probs = np.array([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0]])
    rows = torch.tensor([[1.0, 1.0, 0.0], [0.93, 0.03, 0.03]])
    np.testing.assert_allclose(answer_losses(probs, rows), [-np.log(0.8), -np.log(1e-3)])
    assert is_right(probs, rows).tolist() == [True, False]
    np.testing.assert_allclose(answer_losses(probs, torch.tensor([2, 1])), [-np.log(0.2), 0.0])


# -- adopted or not ------------------------------------------------------------------------------------------

@pytest.mark.long
def test_one_that_is_not_better_leaves_no_event_and_no_file(bench, learning):
    every, wb = bench("every"), bench()
    label(every, len(POOL))
    best = wb.registry.install(fit_candidate(every.project, every.registry).net(every.registry), origin="trained")
    label(wb, 20)
    learns = learning(wb)
    events, files = wb.project.log.last_seq(), sorted((wb.folder / "models").iterdir())
    assert learns.learn() is None
    assert "beyond doubt" in learns.state.why
    assert wb.registry.adopted == best
    assert wb.project.log.last_seq() == events
    assert sorted((wb.folder / "models").iterdir()) == files
    assert sorted(path.name for path in (wb.folder / "predictions").iterdir()) == [best]


def test_another_model_gives_way_only_beyond_doubt(bench, learning):
    wb = bench()
    wrong = wb.registry.install(some_light_net(wb, 3), origin="trained")
    label(wb, 40)
    assert learning(wb).learn() not in (None, wrong)
    body = adoptions(wb)[-1].body
    assert body["why"].startswith("Better beyond doubt: on 40 answers")
    assert body["compared"]["adopted"] > body["compared"]["new"]


def test_items_of_which_a_model_was_in_doubt_dont_tell_that_another_one_is_better(bench, learning):
    """The queue picks items on which the adopted model errs most: on these a worse one may seem better."""
    wb = bench()
    wrong = wb.registry.install(some_light_net(wb, 3), origin="trained")
    label(wb, 40, seen={"hidden": True, "chosen_by": "diverse_margin"})
    label(wb, 10, seen={"hidden": True, "chosen_by": "audit"})
    learns = learning(wb)
    assert learns.learn() is None
    assert wb.registry.adopted == wrong
    assert "10 are to items that weren't picked because a model was in doubt" in learns.state.why
    label(wb, 10, seen={"hidden": True, "chosen_by": "audit"})
    assert learns.learn() is not None
    body = adoptions(wb)[-1].body
    assert body["why"].startswith("Better beyond doubt: on 20 answers")
    assert (body["n_training"], body["compared"]["n"]) == (60, 20)


def test_a_model_that_somebody_went_back_to_stays_until_there_is_no_doubt(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 30)
    first = learns.learn()
    label(wb, 30)
    assert learns.learn() is not None
    wb.adopt(first)
    assert learns.learn() is None or adoptions(wb)[-1].body["why"].startswith("Better beyond doubt")


def test_a_label_of_which_nothing_can_be_told_brings_no_first_model(bench, learning):
    wb = bench()
    chance = dict(zip(POOL.ids, np.random.default_rng(5).choice(NAMES, len(POOL)), strict=True))
    label(wb, 60, truth=chance)
    learns = learning(wb)
    assert learns.learn() is None
    assert "better than their shares" in learns.state.why


def test_an_item_counts_as_learnt_where_nothing_was_recorded_and_it_had_an_answer(bench):
    wb = bench()
    label(wb, 10)
    before = wb.training_set().item_ids
    version = wb.registry.install(some_light_net(wb, 1), origin="given")
    label(wb, 10)
    ids = wb.training_set().item_ids
    assert {item_id for item_id, never in zip(ids, never_learnt(wb.project, version, ids), strict=True)
            if not never} == set(before)


# -- fine-tuning and former versions -------------------------------------------------------------------------

@pytest.mark.long
def test_a_fine_tuning_measures_its_gain_over_the_model_of_the_background(bench, learning):
    wb = bench()
    label(wb, 60)
    version = learning(wb).learn()
    for item_id in POOL.ids[wb.project.queue.holdout]:
        wb.decide(item_id, label=TRUTH[item_id], seen={"hidden": True})
    run = wb.finetune(epochs=1)
    assert run.measured_on == "holdout"
    assert run.before.n == run.after.n == int(wb.project.queue.holdout.sum())
    assert run.before["accuracy"] > 0.9
    body = list(wb.project.log.events(kind="trained"))[-1].body
    assert body["former"] == version
    assert run.gain.n == run.before.n
    assert wb.models()["origin"].tolist()[0] == "background"
    assert wb.models()["n_training"].tolist()[0] == 60


def test_it_waits_while_a_fine_tuning_has_the_models(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 30)
    with wb.registry.training:
        assert learns.learn() is None
        assert learns.due()  # and comes back
    assert learns.learn() is not None


def test_old_models_of_the_background_are_removed_but_those_that_somebody_wanted(bench, learning):
    wb = bench()
    registry = wb.registry
    versions = []
    for seed in range(N_KEPT_OF_BACKGROUND + 4):
        versions.append(registry.install(some_light_net(wb, seed), origin="background", n_training=seed))
        wb.inference.ask(np.arange(4))
        if seed == 1:
            wb.adopt(versions[0])
    registry.remove_old()
    kept = {versions[0], *versions[-N_KEPT_OF_BACKGROUND:]}
    assert {path.stem for path in (wb.folder / "models").iterdir()} == kept
    assert {path.name for path in (wb.folder / "predictions").iterdir()} == kept
    with pytest.raises(ModelError, match=r"are gone.*in the background the last 5 are kept"):
        wb.adopt(versions[1])
    wb.close()
    assert bench().registry.adopted == versions[-1]


# -- several kernels, threads, failures ----------------------------------------------------------------------

def test_of_two_kernels_on_one_project_one_learns(bench, learning):
    one, two = bench(), bench(annotator="bob")
    label(one, 30)
    assert learning(one).learn() is not None
    assert not learning(two).due() or learning(two).learn() is None
    two.project.follow()
    assert not learning(two).due()
    assert len(adoptions(one)) == 1


def test_a_model_that_another_kernel_adopted_during_the_fit_stands(bench, learning, monkeypatch):
    one, two = bench(), bench(annotator="bob")
    label(one, 30)
    two.project.refresh()
    from hitl_widgets.learn import candidate

    def and_meanwhile(project, registry):
        monkeypatch.undo()
        assert learning(two).learn() is not None
        return fit_candidate(project, registry)
    monkeypatch.setattr(candidate, "fit_candidate", and_meanwhile)
    learns = learning(one)
    assert learns.learn() is None
    assert "Another kernel" in learns.state.why
    assert len(adoptions(one)) == 1
    assert one.registry.adopted == two.registry.adopted


def test_a_net_that_somebody_adopts_during_the_comparison_stays_though_a_card_has_followed(
        bench, learning, monkeypatch):
    """The card's look at the log came first: the light model took the place of a net with which nobody compared it."""
    one, two = bench(), bench(annotator="bob")
    label(one, 40)
    two.project.refresh()
    net = fit_candidate(two.project, two.registry).net(two.registry)
    with torch.no_grad():
        last_layer(net[1]).weight.mul_(1.01)
    from hitl_widgets.learn import candidate
    compare, adopted = candidate.compare_with, []

    def and_meanwhile(*arguments):
        found = compare(*arguments)
        if not adopted:
            adopted.append(two.registry.install(net, origin="trained"))
            one.session.follow()
        return found
    monkeypatch.setattr(candidate, "compare_with", and_meanwhile)
    assert learning(one).learn() is None
    assert one.registry.adopted == adopted[0]
    assert len(adoptions(one)) == 1


def test_two_adoptions_at_once_are_one(bench, learning, monkeypatch):
    one, two = bench(), bench(annotator="bob")
    label(one, 30)
    two.project.refresh()
    installs, install = [], one.registry.install

    def late(net, **more):  # both compared with the same model, and the other one was faster
        label(two, 1)
        installs.append(learning(two).learn())
        return install(net, **more)
    monkeypatch.setattr(one.registry, "install", late)
    learns = learning(one)
    assert learns.learn() is None
    assert installs[0] == one.registry.adopted
    assert len(adoptions(one)) == 1
    assert {path.stem for path in (one.folder / "models").iterdir()} == set(installs)


def test_an_error_is_told_and_tried_again_after_twenty_answers(bench, learning, monkeypatch):
    wb, told = bench(), []
    learns = learning(wb, notify=told.append)
    label(wb, 30)
    with monkeypatch.context() as broken:
        broken.setattr(type(wb.registry.descriptors), "of", lambda self, positions: 1 / 0)
        assert learns.learn() is None
        assert learns.state.name == "failed"
        assert "division by zero" in learns.state.why
        assert not learns.due()
        learns.learn()
    assert len(told) == 1
    label(wb, EVERY)
    assert learns.due()
    assert learns.learn() is not None
    assert learns.state.name != "failed"


def test_no_decision_is_lost_while_it_learns_again_and_again(bench, learning):
    wb = bench(holdout=0)
    label(wb, 30)
    learns, over, decided = learning(wb), threading.Event(), []
    free = [str(item_id) for item_id in POOL.ids[~wb.project.queue.is_answered()]]

    def decide(some, name):
        for item_id in some:
            decided.append(wb.decide(item_id, label=TRUTH[item_id], annotator=name).id)

    def learn():
        while not over.is_set():
            learns.learn()
    workers = [threading.Thread(target=decide, args=(free[k::3], f"person-{k}"), daemon=True) for k in range(3)]
    learners = [threading.Thread(target=learn, daemon=True) for _ in range(2)]
    for thread in (*workers, *learners):
        thread.start()
    for thread in workers:
        thread.join(LIMIT_S)
    over.set()
    for thread in learners:
        thread.join(LIMIT_S)
    assert not any(thread.is_alive() for thread in (*workers, *learners))
    assert len(decided) == len(free) == len(set(decided))
    assert set(decided) <= set(wb.annotations()["decision_id"])
    assert learns.state.name != "failed", learns.state.why
    learns.learn()
    assert wb.models()["adopted"].sum() == 1


# -- the experiment ------------------------------------------------------------------------------------------

def test_the_model_is_frozen_while_an_experiment_runs(bench, learning):
    wb = bench()
    learns = learning(wb)
    wb.people.plan(hold=True)
    label(wb, 30)
    first = learns.learn()  # without a model nobody sees a suggestion, and no experiment runs
    assert first is not None
    label(wb, 30)
    assert learns.learn() is None
    assert learns.state.name == "frozen"
    assert "more cards are answered" in learns.state.why
    assert learns.due()
    wb.people.plan(hold=False)
    assert learns.learn() is not None
    assert wb.registry.adopted != first


def test_planted_suggestions_freeze_the_model_as_well(bench, learning):
    wb = bench()
    learns = learning(wb)
    label(wb, 30)
    learns.learn()
    gold = POOL.ids[~wb.project.queue.holdout & ~wb.project.queue.is_answered()][-20:]
    wb.gold({item_id: TRUTH[item_id] for item_id in gold})
    wb.people.plant(0.05, purpose="to see how far suggestions move us")
    label(wb, 30)
    assert learns.learn() is None
    assert learns.state.name == "frozen"
    assert "wb.people.plant(None)" in learns.state.why
    wb.people.plant(None)
    assert learns.learn() is not None


def test_an_experiment_that_begins_during_the_fit_keeps_the_model(bench, learning, monkeypatch):
    from hitl_widgets.learn import candidate
    wb = bench()
    learns = learning(wb)
    label(wb, 30)
    first = learns.learn()
    label(wb, 30)

    def and_meanwhile(project, registry):
        wb.people.plan(hold=True)
        return fit_candidate(project, registry)
    monkeypatch.setattr(candidate, "fit_candidate", and_meanwhile)
    assert learns.learn() is None
    assert learns.state.name == "frozen"
    assert wb.registry.adopted == first
    assert learns.due()  # and comes back


def test_an_experiment_ends_with_its_last_card(bench, learning):
    from hitl_widgets.project import experiment
    wb = bench()
    label(wb, 30)
    learning(wb).learn()
    experiment.hold(wb.project, 2, effect=0.2, power=0.8)
    assert "until 2 more cards" in experiment.running(wb.project)
    items = [item for item in wb.claim(60) if item.arm is not None]
    wb.session.prepare(items)
    for item in items[:2]:
        wb.decide(item.id, label=TRUTH[item.id], seen=wb.session.would_show(item))
    assert experiment.running(wb.project) == ""


def test_only_the_owner_holds_the_model(bench):
    bench()
    other = bench(annotator="bob")
    with pytest.raises(BadInput, match="ada, who made the project"):
        other.people.plan(hold=True)


# -- with a card ---------------------------------------------------------------------------------------------

def test_an_open_card_learns_and_a_closed_one_ends_it(bench):
    wb = bench()
    card = wb.review()
    assert wb.session.learning.name == "waiting"
    heard = []
    wb.session.subscribe(heard.append)
    label(wb, 25)
    wait_for(lambda: adoptions(wb) and wb.session.learning.name == "waiting")
    assert "learning" in heard
    assert wb.session.learning.out_of_fold.n == 25 or wb.session.learning.out_of_fold.n >= EVERY
    thread = wb.session.learns._thread
    card.close()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert wb.session.learning.name == "off"
    wb.review()
    assert wb.session.learning.name == "waiting"
    thread = wb.session.learns._thread
    wb.close()
    assert not thread.is_alive()


def test_learning_is_off_where_a_model_was_given_or_nobody_wants_it(bench):
    wb = bench("own", model=small_net())
    wb.review()
    assert wb.session.learning.name == "off"
    wb = bench()
    wb.review()
    wb.review(learn=False)
    assert wb.session.learning.name == "off"
    with pytest.raises(BadInput, match="True, False or None"):
        wb.review(learn="yes")


def test_a_net_that_a_person_trained_switches_learning_off(bench):
    wb = bench()
    wb.adopt(small_net())
    wb.review()
    assert wb.session.learning.name == "off"


@pytest.mark.long
def test_with_a_net_of_the_users_a_light_head_is_adopted_only_where_it_is_asked_for(bench, learning):
    net = small_net()
    wb = bench(model=net)
    given = wb.registry.adopted
    label(wb, 60)
    wb.review(learn=True)
    wait_for(lambda: len(adoptions(wb)) == 2 and wb.session.learning.name == "waiting")
    assert is_light_net(wb.inference.predictor.net)
    assert adoptions(wb)[-1].body["why"].startswith("Better beyond doubt")
    light, probs = wb.registry.adopted, wb.inference.probs(np.arange(20))
    wb.close()
    again = bench(model=net)
    assert again.registry.adopted == light
    np.testing.assert_allclose(again.inference.probs(np.arange(20)), probs)
    np.asarray(again.explain(POOL.ids[:2], target="dark"))
    run = again.finetune(epochs=1, adopt="always")  # of the net that was passed
    body = list(again.project.log.events(kind="trained"))[-1].body
    assert (body["parent"], body["former"]) == (given, light)
    assert [type(layer) for layer in run.net] == [type(layer) for layer in net]
    again.adopt(light)
    again.close()
    without = bench()  # a light head needs no net of anybody's
    assert without.registry.adopted == light


@pytest.mark.long
def test_a_fine_tuning_says_that_an_experiment_is_running(bench, learning, monkeypatch):
    wb = bench()
    label(wb, 30)
    learning(wb).learn()
    wb.people.plan(hold=True)
    said = []
    monkeypatch.setattr(wb.project, "notify", said.append)
    wb.finetune(epochs=1, adopt="never")
    assert not any("experiment" in sentence for sentence in said)
    wb.finetune(epochs=1, seed=1)
    assert any("adopt='never'" in sentence for sentence in said)


# -- a log that somebody else wrote ---------------------------------------------------------------------------

def test_what_a_log_names_as_a_model_is_no_way_out_of_the_folder(bench, learning, tmp_path):
    """Labelling on with somebody else's project deleted any folder that it named as an old model of the background."""
    wb = bench()
    label(wb, 30)
    learns = learning(wb)
    learns.learn()
    body = adoptions(wb)[-1].body
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in (str(outside), "..", "", *(f"{number:016x}" for number in range(N_KEPT_OF_BACKGROUND))):
        wb.project.record("adopted", {**body, "model": name})
    wb.project.record("adopted", dict(body))
    wb.registry.remove_old()
    assert outside.exists()
    assert (wb.folder / "log.db").exists()
    assert (wb.folder / "predictions").exists()


@pytest.mark.long
@pytest.mark.parametrize(("part", "value"), [
    ("out_of_fold", 3), ("out_of_fold", {"n": "5", "right": "a"}), ("out_of_fold", {"n": 5, "right": 9}),
    ("out_of_fold", [1]), ("n_training", "x"), ("n_training", None), ("n_training", -1), ("learnt", 3),
    ("learnt", None)])
def test_a_strange_part_of_an_adoption_counts_as_missing(bench, learning, part, value):
    wb = bench()
    label(wb, 30)
    learning(wb).learn()
    wb.project.record("adopted", {**adoptions(wb)[-1].body, part: value})
    wb.close()
    again = bench()
    later = learning(again)
    assert later.state.n_answers == 30
    assert len(again.next(5)) == 5
    assert "right" in repr(again.progress(goal=0.9))
    label(again, EVERY)
    later.learn()
    assert later.state.name != "failed"


def test_a_model_that_is_learnt_again_takes_the_place_of_its_damaged_file(bench, learning):
    """The same answers give the same version, whose damaged file stayed as it was: each opening learnt it anew."""
    wb = bench()
    label(wb, 30)
    version = learning(wb).learn()
    wb.close()
    wb.registry.path(version).write_bytes(b"damaged")
    again = bench()
    assert "damaged" in again.inference.missing
    assert learning(again).learn() == version
    again.close()
    assert bench().inference.missing is None
