"""A fine-tuning measures the values of attributes on blind answers to hold-out items, and adopts what is better."""

from __future__ import annotations

import numpy as np
import pytest
from shade_values import KIND, LIGHT, LOOK, SHADE, STEP, answer, learner, open_positions
from shades import NAMES, POOL

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.learn.run import Run
from hitl_widgets.records import Estimate


def measure_on_holdout(wb, n=30):
    for item_id in wb.holdout[:n]:
        wb.decide(item_id, values={"shade": float(LIGHT[item_id])}, seen={"hidden": True, "chosen_by": "holdout"},
                  **({"label": KIND[item_id]} if wb.project.task == "classify" else {}))


def test_a_run_of_values_alone_says_what_was_gained_on_the_holdout(values_bench):
    wb = values_bench(SHADE)
    measure_on_holdout(wb)
    answer(wb, 20, SHADE, noise=3.0)
    first = wb.finetune()
    assert (first.adopted, first.round, first.n_training) == (True, 1, 20)
    [row] = first.values.itertuples()
    assert (row.attribute, row.measure, row.n) == ("shade", "mae", 30)
    assert np.isnan(row.before)  # there were no heads
    by_hand = [abs(wb.session.predicted_values(wb.pool.position(item_id))[SHADE.id].value - LIGHT[item_id])
               for item_id in wb.holdout[:30]]
    assert row.after == pytest.approx(np.mean(by_hand), abs=1e-3)
    answer(wb, 100, SHADE)
    second = wb.finetune()
    assert second.adopted
    assert second.values["before"].item() == pytest.approx(row.after)
    assert second.gain.low > 0
    assert float(second.gain) == pytest.approx(row.after - second.values["after"].item())
    assert "mean absolute error" in repr(second)
    assert "Spearman" in second._repr_html_()
    assert wb.models()["adopted"].tolist() == [False, True]
    assert not list(wb.project.log.events(kind="adopted"))


def test_a_run_is_read_back_from_the_log_and_not_made_again(values_bench):
    wb = values_bench(SHADE)
    measure_on_holdout(wb)
    answer(wb, 30, SHADE)
    run = wb.finetune()
    [event] = wb.project.log.events(kind="trained")
    read = Run.from_dict(event.body)
    assert read.values.equals(run.values)
    assert repr(read) == repr(run)
    wb.close()
    again = values_bench()
    assert again.finetune().round == 1
    assert len(list(again.project.log.events(kind="trained"))) == 1


@pytest.mark.long
def test_worse_heads_are_measured_and_not_adopted(values_bench):
    wb = values_bench(SHADE)
    measure_on_holdout(wb)
    answer(wb, 60, SHADE)
    good = wb.finetune()
    rng = np.random.default_rng(0)
    for item_id in POOL.ids[open_positions(wb, 100)]:
        wb.decide(str(item_id), values={"shade": float(rng.uniform(0, 10))})
    bad = wb.finetune()
    assert not bad.adopted
    assert bad.gain < 0
    assert wb.registry.values.version == good.model
    assert wb.finetune(adopt="always", seed=1).adopted


def test_somebody_may_go_back_to_former_heads(values_bench):
    wb = values_bench(SHADE)
    measure_on_holdout(wb)
    answer(wb, 30, SHADE, noise=2.0)
    first = wb.finetune()
    before = wb.session.predicted_values(0)
    answer(wb, 60, SHADE)
    second = wb.finetune()
    assert second.adopted
    assert wb.adopt(first.model[:8]) == first.model
    assert wb.session.predicted_values(0) == before
    assert list(wb.project.log.events(kind="adopted_values"))[-1].body["origin"] == "rolled back"
    with pytest.raises(BadInput, match="unknown"):
        wb.adopt("ffffffff")


def test_without_values_there_is_nothing_to_learn_from(values_bench):
    wb = values_bench(SHADE)
    with pytest.raises(BadInput, match="no values to learn from"):
        wb.finetune()


def test_a_run_of_labels_fits_the_heads_beside_them(values_bench):
    wb = values_bench(SHADE, LOOK, labels=NAMES, task="classify")
    measure_on_holdout(wb)
    answer(wb, 60, SHADE, LOOK, label=KIND)
    run = wb.finetune(start="frozen", epochs=3)
    assert run.after.n == 30
    assert run.values["attribute"].tolist() == ["shade"]  # nothing measures the other
    assert wb.registry.values.version == run.of_values.model
    assert wb.registry.adopted == run.model
    assert "shade: mean absolute error" in repr(run)
    assert len(wb.session.predicted_values(int(open_positions(wb)[0]))) == 2


def test_several_attributes_have_a_gain_each(values_bench):
    wb = values_bench(SHADE, STEP, LOOK)
    for item_id in wb.holdout[:20]:
        wb.decide(item_id, values={"shade": float(LIGHT[item_id]), "step": STEP.nearest(LIGHT[item_id]),
                                   "look": KIND[item_id]}, seen={"hidden": True, "chosen_by": "holdout"})
    answer(wb, 20, SHADE, STEP, LOOK)
    learner(wb).learn()
    answer(wb, 60, SHADE, STEP, LOOK)
    run = wb.finetune()
    assert run.values["measure"].tolist() == ["mae", "mae", "accuracy"]
    assert np.isfinite(run.values["gain"]).all()
    assert run.values["within"].iloc[:2].between(0.5, 1).all()
    assert isinstance(run.gain, Estimate)
    assert np.isnan(run.gain)
    assert "run.values" in run.gain.why


def test_an_edited_scale_is_measured_on_todays(values_bench):
    wb = values_bench(SHADE)
    measure_on_holdout(wb)
    answer(wb, 60, SHADE)
    before = wb.finetune()
    wb.apply(hw.edits.change_attribute("shade", scale=(0.0, 100.0)))
    after = wb.finetune()
    assert after.values["before"].item() == pytest.approx(10 * before.values["after"].item(), abs=0.02)
    assert after.values["n"].item() == 30


def test_the_progress_of_values_follows_an_attribute_through_edits(values_bench):
    """On a scale of 0 to 100 the error was told in the units of the scale before, and a new name made a second row."""
    wb = values_bench(SHADE)
    measure_on_holdout(wb)
    answer(wb, 60, SHADE)
    wb.finetune()
    [before] = wb.progress().values.to_dict("records")
    assert (before["attribute"], before["edited"], before["in_use"]) == ("shade", False, True)
    wb.apply(hw.edits.rename_attribute("shade", "light"))
    assert wb.progress().values.to_dict("records") == [{**before, "attribute": "light"}]
    wb.apply(hw.edits.change_attribute("light", scale=(0.0, 100.0)))
    progress = wb.progress()
    assert progress.values.to_dict("records") == [{**before, "attribute": "light", "edited": True}]
    assert "light                not measured since its values were edited" in repr(progress)
    wb.finetune(adopt="never")
    progress = wb.progress()
    former, now = progress.values.to_dict("records")
    assert (former["edited"], now["edited"], now["in_use"]) == (True, False, False)
    assert now["value"] == pytest.approx(10 * former["value"], rel=0.1)
    assert "of heads that aren't the adopted ones" in repr(progress)
    progress.plot()
    wb.apply(hw.edits.add_attribute("step", scale=(0, 10)))
    wb.apply(hw.edits.retire_attribute("light"))
    assert not len(wb.progress().values)
