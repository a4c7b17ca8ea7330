"""Heads for attributes are learnt from the values that people give, kept in the log, and suggest values."""

from __future__ import annotations

import numpy as np
import pytest
from shade_values import KIND, LIGHT, LOOK, SHADE, STEP, answer, learner, open_positions
from shades import NAMES, POOL

import hitl_widgets as hw
from hitl_widgets.learn.background import EVERY
from hitl_widgets.learn.learnt import unpack
from hitl_widgets.learn.value_candidate import (
    ValueComparison,
    carried_over,
    compare_values_with,
    fit_value_candidate,
)
from hitl_widgets.learn.value_learning import adopt_values
from hitl_widgets.learn.value_registry import N_KEPT


def test_values_are_learnt_every_twenty_answers_and_suggested_with_intervals(values_bench):
    wb = values_bench(SHADE, STEP, LOOK)
    learns = learner(wb)
    answer(wb, EVERY - 1, SHADE, STEP, LOOK)
    assert not learns.due()
    assert wb.session.predicted_values(0) == {}
    answer(wb, 1, SHADE, STEP, LOOK)
    assert learns.due()
    assert learns.learn() == wb.registry.values.version
    assert not learns.due()
    assert learns.state.n_until_next == EVERY
    away, within, right = [], [], []
    for position in open_positions(wb).tolist():
        said, item_id = wb.session.predicted_values(position), POOL.ids[position]
        assert set(said) == {SHADE.id, STEP.id, LOOK.id}
        away.append(abs(said[SHADE.id].value - LIGHT[item_id]))
        within.append(said[STEP.id].low <= STEP.nearest(LIGHT[item_id]) <= said[STEP.id].high)
        right.append(said[LOOK.id].value == KIND[item_id])
        assert said[STEP.id].low <= said[STEP.id].value <= said[STEP.id].high
        assert sum(said[STEP.id].probs.values()) == pytest.approx(1, abs=1e-4)
        assert said[LOOK.id].probs[said[LOOK.id].value] == max(said[LOOK.id].probs.values())
    assert np.mean(away) < 1
    assert np.mean(within) > 0.7
    assert np.mean(right) > 0.8


def test_the_log_says_what_was_learnt_and_an_unread_log_opens_again(values_bench):
    wb = values_bench(SHADE, LOOK)
    taught = answer(wb, 30, SHADE, LOOK)
    learner(wb).learn()
    [event] = wb.project.log.events(kind="adopted_values")
    body = event.body
    assert body["attributes"] == [SHADE.id, LOOK.id]
    assert (body["taxonomy"], body["origin"], body["n_training"]) == (1, "background", 30)
    assert len(unpack(body["learnt"])) == len(taught)
    assert body["out_of_fold"][SHADE.id]["n"] == 30
    assert 0 < body["out_of_fold"][SHADE.id]["mae"] < 2
    assert 20 < body["out_of_fold"][LOOK.id]["right"] <= 30
    assert "first" in body["why"]
    path = wb.folder / "models" / f"values-{body['model']}.safetensors"
    assert path.exists()
    before = [wb.session.predicted_values(position) for position in range(5)]
    wb.close()
    again = values_bench()
    assert [again.session.predicted_values(position) for position in range(5)] == before
    assert not learner(again).due()  # the log tells how many answers the adopted heads learnt


def test_suggested_values_are_what_a_decision_is_held_against(values_bench):
    wb = values_bench(SHADE)
    answer(wb, 30, SHADE)
    learner(wb).learn()
    position = int(open_positions(wb)[0])
    said = wb.session.predicted_values(position)[SHADE.id]
    decision = wb.decide(str(POOL.ids[position]), "accept")
    assert decision.values == {SHADE.id: said.value}
    assert decision.seen.values_model == wb.registry.values.version


def test_better_heads_are_adopted_and_worse_ones_are_not(values_bench):
    wb = values_bench(SHADE)
    learns = learner(wb)
    answer(wb, 20, SHADE, noise=3.0)
    first = learns.learn()
    answer(wb, 40, SHADE)
    second = learns.learn()
    assert second not in (None, first)
    compared = list(wb.project.log.events(kind="adopted_values"))[-1].body["compared"][SHADE.id]
    assert compared["n"] == 40  # those that the first heads never learnt
    assert compared["new"] < compared["adopted"]
    rng = np.random.default_rng(0)
    for item_id in POOL.ids[open_positions(wb, 60)]:  # nonsense: it can't be learnt
        wb.decide(str(item_id), values={"shade": float(rng.uniform(0, 10))})
    new = fit_value_candidate(wb.project, wb.registry)
    found = compare_values_with(wb.project, wb.registry.values, new, wb.registry.values.adoption)
    assert found.compared[SHADE.id]["n"] == 60
    assert found.adopted == (found.compared[SHADE.id]["new"] < found.compared[SHADE.id]["adopted"])


def test_holdout_answers_never_teach(values_bench):
    wb = values_bench(SHADE)
    answer(wb, 25, SHADE)
    for item_id in wb.holdout[:20]:
        wb.decide(item_id, values={"shade": 0.0}, seen={"hidden": True})
    new = fit_value_candidate(wb.project, wb.registry)
    assert set(new.taught).isdisjoint(wb.holdout)
    assert len(new.taught) == 25


def test_each_attribute_learns_from_the_items_where_it_was_given(values_bench):
    wb = values_bench(SHADE, STEP)
    answer(wb, 30, SHADE)
    answer(wb, 20, STEP)
    new = fit_value_candidate(wb.project, wb.registry)
    assert {id: len(one.rows) for id, one in new.fitted.items()} == {SHADE.id: 30, STEP.id: 20}
    answered_once = values_bench(SHADE, name="few")
    answer(answered_once, 5, SHADE)
    assert "once 8 items" in fit_value_candidate(answered_once.project, answered_once.registry)


def test_certainty_weighs_and_can_be_left_out(values_bench):
    wb = values_bench(SHADE)
    for k, item_id in enumerate(answer(wb, 60, SHADE)):
        wb.decide(item_id, values={"shade": 10 - LIGHT[item_id] if k % 2 else LIGHT[item_id]}, certainty=0 if k % 2
                  else 10)
    place = open_positions(wb)
    heads = [fit_value_candidate(wb.project, wb.registry, certainty=how).fitted[SHADE.id] for how in ("weight", "off")]
    errors = [np.abs(head.head(_rows(wb, place))[:, 0].detach().numpy() - [LIGHT[POOL.ids[p]] for p in place]).mean()
              for head in heads]
    assert errors[0] < 0.7 * errors[1]


def _rows(wb, places):
    import torch
    return torch.from_numpy(wb.registry.descriptors.of(places))


def test_values_beside_labels_are_learnt_beside_them(values_bench):
    wb = values_bench(SHADE, labels=NAMES, task="classify")
    learns = learner(wb)
    answer(wb, 40, SHADE, label=KIND)
    learns.learn()
    assert wb.registry.adopted is not None
    assert wb.registry.values.version is not None
    assert "Of values" in learns.state.why
    position = int(open_positions(wb)[0])
    assert wb.session.prediction(position) is not None
    assert SHADE.id in wb.session.predicted_values(position)


def test_a_new_attribute_is_due_and_known_after_some_answers(values_bench):
    wb = values_bench(SHADE)
    learns = learner(wb)
    answer(wb, 40, SHADE)
    learns.learn()
    wb.apply(hw.edits.add_attribute("look", choices=NAMES))
    assert learns.due()
    learns.learn()
    answer(wb, 20, SHADE, LOOK)
    assert learns.learn() == wb.registry.values.version
    assert "look" in list(wb.project.log.events(kind="adopted_values"))[-1].body["why"]
    assert len(wb.session.predicted_values(int(open_positions(wb)[0]))) == 2


def test_a_changed_scale_carries_suggestions_over_until_it_is_learnt_again(values_bench):
    wb = values_bench(SHADE)
    answer(wb, 40, SHADE)
    learner(wb).learn()
    position = int(open_positions(wb)[0])
    before = wb.session.predicted_values(position)[SHADE.id]
    wb.apply(hw.edits.change_attribute("shade", scale=(0.0, 1.0)))
    after = wb.session.predicted_values(position)[SHADE.id]
    assert (after.value, after.low, after.high) == pytest.approx(
        (before.value / 10, before.low / 10, before.high / 10), abs=1e-3)
    new = fit_value_candidate(wb.project, wb.registry)
    found = compare_values_with(wb.project, wb.registry.values, new, wb.registry.values.adoption)
    assert found.adopted
    assert "edited" in found.why


def test_a_scale_that_is_turned_round_and_choices_that_change_places_are_carried_over(values_bench):
    wb = values_bench(STEP, LOOK)
    answer(wb, 30, STEP, LOOK)
    learner(wb).learn()
    values, lineage = wb.registry.values, wb.project.lineage
    position = int(open_positions(wb)[0])
    before = wb.session.predicted_values(position)
    explained = values.target(LOOK.id, position)
    (low, high), moved = STEP.scale, dict(zip(LOOK.choices, LOOK.choices[1:] + LOOK.choices[:1], strict=True))
    steps = range(int(low), int(high) + 1)
    wb.apply([hw.edits.change_attribute(STEP.name, scale=STEP.scale, map={k: int(low + high) - k for k in steps}),
              hw.edits.change_attribute(LOOK.name, choices=LOOK.choices, map=moved)])
    after = wb.session.predicted_values(position)
    assert after[STEP.id].value == low + high - before[STEP.id].value
    assert (after[STEP.id].low, after[STEP.id].high) == (low + high - before[STEP.id].high,
                                                         low + high - before[STEP.id].low)
    assert after[LOOK.id].value == moved[before[LOOK.id].value]
    assert values.target(LOOK.id, position) == explained
    new, former = fit_value_candidate(wb.project, wb.registry), values.adopted
    numbers = carried_over(values.predict(np.array([position]))[STEP.id], STEP, wb.taxonomy.attribute(STEP.id),
                           new.lineage, former.taxonomy)
    assert numbers.tolist() == [after[STEP.id].value]
    assert lineage.today.version == former.taxonomy


def test_heads_that_another_kernel_adopted_are_taken_up(values_bench):
    one = values_bench(SHADE)
    other = values_bench()
    answer(one, 30, SHADE)
    version = learner(one).learn()
    position = int(open_positions(one)[0])
    other.session.follow()
    assert other.registry.values.version == version
    assert other.session.predicted_values(position) == one.session.predicted_values(position)


def test_heads_whose_weights_are_gone_or_damaged_are_said_to_be_and_learnt_again(values_bench):
    wb = values_bench(SHADE)
    answer(wb, 30, SHADE)
    version = learner(wb).learn()
    path = wb.registry.values.path(version)
    wb.close()
    whole = path.read_bytes()
    for broken in (None, whole[:100], whole[:-64] + bytes(64)):
        path.unlink(missing_ok=True)
        if broken is not None:
            path.write_bytes(broken)
        again = values_bench()
        assert again.session.predicted_values(0) == {}
        assert "learnt again" in again.registry.values.missing
        again.close()
    again = values_bench()
    assert learner(again).learn() is not None
    assert again.session.predicted_values(int(open_positions(again)[0]))


def test_of_former_heads_the_last_few_are_kept(values_bench):
    wb = values_bench(SHADE)
    for _ in range(N_KEPT + 2):
        answer(wb, 10, SHADE)
        new = fit_value_candidate(wb.project, wb.registry)
        adopt_values(wb.registry, new, ValueComparison(True, "for a test"), origin="background")
    assert len(list((wb.folder / "models").glob("values-*.safetensors"))) == N_KEPT
    assert wb.registry.values.path(wb.registry.values.version).exists()


def test_the_queue_asks_for_typical_items_first_and_later_for_those_of_which_least_is_known(values_bench):
    wb = values_bench(SHADE, audit=0.0)
    wb.session.describe()
    assert {item.chosen_by for item in wb.next(20)} <= {"typiclust", "holdout"}
    answer(wb, 40, SHADE)
    learner(wb).learn()
    items = wb.next(20)
    assert {item.chosen_by for item in items} <= {"diverse_spread", "holdout"}
    chosen = [item.position for item in items if item.chosen_by == "diverse_spread"]
    spread = wb.registry.values.spread(wb.registry.descriptors.of(open_positions(wb, 1000)))
    assert np.mean(wb.registry.values.spread(wb.registry.descriptors.of(np.array(chosen)))) > np.mean(spread)
    assert {item.chosen_by for item in wb.next(20, strategy="margin")} <= {"spread", "holdout"}


def test_gold_that_heads_of_the_background_learnt_before_does_not_measure_them(values_bench):
    """A fine-tuning left such gold out, and the progress measured heads of the background on it."""
    wb = values_bench(SHADE)
    taught = answer(wb, 40, SHADE)
    learner(wb).learn()
    wb.gold({item_id: {"shade": float(LIGHT[item_id])} for item_id in taught[:12]})
    assert not len(wb.progress().values)
    fresh = POOL.ids[open_positions(wb, 9)].tolist()
    wb.gold({item_id: {"shade": float(LIGHT[item_id])} for item_id in fresh})
    [row] = wb.progress().values.to_dict("records")
    assert (row["source"], row["origin"], row["n"]) == ("gold", "background", 9)
