"""What a person marked as a wrong reason reaches the training, and what became of it is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from nets import VisionTransformer, seeded
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError, TrainingStopped
from hitl_widgets.explain.explanations import before_and_after
from hitl_widgets.learn.feedback import feedback_of
from hitl_widgets.learn.run import Run

NAMES = ["dark", "light"]


def hinted(n=160):
    """Noise, a little darker or lighter, with a corner that says which; and what each is."""
    rng = np.random.default_rng(0)
    kinds = np.arange(n) % 2
    images = rng.normal(0, 40, (n, 12, 12)) + np.array([115, 140])[kinds][:, None, None]
    images[:, :3, :3] = 255 * kinds[:, None, None]
    return images.clip(0, 255).astype(np.uint8), [NAMES[kind] for kind in kinds]


IMAGES, KINDS = hinted()
CORNER = np.zeros((12, 12), bool)
CORNER[:3, :3] = True


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 16), nn.ReLU(), nn.Linear(16, 2))


@pytest.fixture
def labelled(tmp_path):
    """A project in which all of the queue is answered and so many items are marked."""
    made = []

    def open_(n_marked=10, folder="p", *, model=None, wrong=CORNER, **more):
        pool = hw.Pool.from_images(IMAGES)
        wb = hw.Workbench(tmp_path / folder, pool, hw.Taxonomy(NAMES), annotator="ada", device="cpu",
                          model=model or net(), **more)
        made.append(wb)
        truth, teaching = dict(zip(pool.ids, KINDS, strict=True)), set(pool.ids) - set(wb.holdout)
        if not len(wb.annotations()):
            for i, item_id in enumerate(sorted(teaching)):
                wb.decide(item_id, label=truth[item_id], wrong=wrong if i < n_marked else None)
            wb.gold({item_id: truth[item_id] for item_id in wb.holdout})
        return wb
    yield open_
    for wb in made:
        wb.close()


@pytest.mark.long
def test_a_fine_tuning_with_marks_leans_less_on_them_and_says_so(labelled):
    wb = labelled(0)
    wb.finetune(epochs=4)
    teaching = sorted(set(wb.pool.ids) - set(wb.holdout))
    for item_id in teaching[:10]:
        wb.decide(item_id, label=KINDS[wb.pool.position(item_id)], wrong=CORNER)
    run = wb.finetune(epochs=4, adopt="never")
    assert run.reasons == "invariance"
    assert run.relies_before.marked.low > run.relies_after.marked.high
    assert run.relies_before.unmarked.low > run.relies_after.unmarked.high
    assert run.relies_after.marked.n == 10
    assert run.relies_after.area == pytest.approx(9 / 144)
    assert "reasons: invariance; regions marked as wrong cover 6.2% of their views" in repr(run)
    assert f"reliance, marked items: {run.relies_before.marked} before, {run.relies_after.marked} after" in repr(run)
    row = run.table().set_index("label").loc["reliance, marked items"]
    assert (row["n"], row["before"], row["after"]) == (10, run.relies_before.marked, run.relies_after.marked)
    off = wb.finetune(epochs=4, adopt="never", reasons="off")
    assert off.reasons == "off"
    assert off.relies_after.marked.low > run.relies_after.marked.high


def test_where_nobody_marked_anything_no_reliance_is_told(labelled):
    run = labelled(0).finetune(epochs=1)
    assert (run.relies_before, run.relies_after, run.reasons) == (None, None, "off")
    assert "relian" not in repr(run) + run.table().to_string() + str(run.to_dict())


def test_auto_takes_the_penalty_from_the_start_and_invariance_after(labelled):
    wb = labelled()
    assert wb.finetune(epochs=1, adopt="never", start="initial").reasons == "penalty"
    assert wb.finetune(epochs=1, adopt="never").reasons == "invariance"
    assert wb.finetune(epochs=1, adopt="never", reasons="penalty").reasons == "penalty"


def test_run_again_from_the_top_the_reliance_is_read_from_the_log(labelled):
    first = labelled()
    once = first.finetune(epochs=1)
    first.close()
    again = labelled().finetune(epochs=1)
    assert again.net is None
    assert (again.model, again.reasons, repr(again)) == (once.model, once.reasons, repr(once))
    pd.testing.assert_frame_equal(again.table(), once.table(), rtol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("change", ["marks", "reasons", "certainty"])
def test_other_marks_or_arguments_train_anew(labelled, change):
    first = labelled()
    first.finetune(epochs=1, adopt="never")
    if change == "marks":
        item_id = sorted(set(first.pool.ids) - set(first.holdout))[20]
        first.decide(item_id, label=KINDS[first.pool.position(item_id)], wrong=CORNER)
    first.close()
    again = labelled().finetune(epochs=1, adopt="never", **{"reasons": {"reasons": "off"}, "marks": {},
                                                             "certainty": {"certainty": "off"}}[change])
    assert again.net is not None


def test_a_region_that_covers_the_whole_view_is_left_out_and_said(labelled, capsys):
    covers = np.ones((12, 12), bool)
    covers[0] = False

    def middle(image):
        return torch.from_numpy(image[2:10, 2:10][None] / np.float32(255))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    run = labelled(1, wrong=covers, model=model, preprocess=middle).finetune(epochs=1)
    assert run.reasons == "off"
    assert "covers all that the net sees" in capsys.readouterr().out


def test_what_people_marked_on_measuring_items_never_teaches(labelled):
    wb = labelled(0)
    wb.decide(wb.holdout[0], label=KINDS[wb.pool.position(wb.holdout[0])], wrong=CORNER)
    wb.decide(wb.holdout[1], "unsure", wrong=CORNER)
    item_id = sorted(set(wb.pool.ids) - set(wb.holdout))[0]
    wb.decide(item_id, "skip", wrong=CORNER)
    wb.gold({item_id: "dark"})
    assert wb.finetune(epochs=1).reasons == "off"


def test_what_several_annotators_marked_on_an_item_is_joined_and_each_item_has_its_own(labelled):
    wb = labelled(1)
    first, second = sorted(set(wb.pool.ids) - set(wb.holdout))[:2]
    edge = np.zeros((12, 12), bool)
    edge[11] = True
    wb.decide(first, label="dark", wrong=edge, annotator="bob")
    wb.decide(second, label="dark", missing=edge, annotator="bob")
    marks = feedback_of(wb.project, wb.training_set(), wb.registry.architecture.view).rationales
    assert marks.rows.tolist() == [wb.training_set().item_ids.index(item_id) for item_id in (first, second)]
    np.testing.assert_array_equal(marks.wrong[0], CORNER | edge)
    assert not marks.wrong[1].any()
    np.testing.assert_array_equal(marks.missing[1], edge)


def test_unmarked_items_are_those_that_nobody_marked(labelled):
    wb = labelled(0)
    teaching = sorted(set(wb.pool.ids) - set(wb.holdout))
    for item_id in teaching[:100]:
        wb.decide(item_id, label=KINDS[wb.pool.position(item_id)], wrong=CORNER)
    wb.decide(teaching[100], "skip", wrong=CORNER)
    marked = feedback_of(wb.project, wb.training_set(), wb.registry.architecture.view)
    assert len(marked.views) == 101
    assert len(marked.others) == len(wb.pool) - 101
    known = {view.numpy().tobytes() for view in marked.views}
    assert not any(view.numpy().tobytes() in known for view in marked.others)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["unsure", "skip"])
def test_a_wrong_region_is_heard_where_nobody_knew_the_label(labelled, verdict):
    wb = labelled(0)
    wb.finetune(epochs=4)
    teaching = sorted(set(wb.pool.ids) - set(wb.holdout))
    for item_id in teaching[:10]:
        wb.decide(item_id, verdict, wrong=CORNER)
    run = wb.finetune(epochs=4, adopt="never")
    assert run.reasons == "invariance"
    assert run.relies_after.marked.n == 10
    assert run.n_training + run.n_validation == len(teaching) - 10
    assert run.relies_before.marked.low > run.relies_after.marked.high
    assert run.relies_before.unmarked.low > run.relies_after.unmarked.high


def test_a_missing_region_is_not_heard_without_an_answer(labelled):
    wb = labelled(0)
    item_id = sorted(set(wb.pool.ids) - set(wb.holdout))[0]
    wb.decide(item_id, "unsure", missing=CORNER)
    assert wb.finetune(epochs=1).reasons == "off"


def test_a_loss_that_is_no_number_leaves_the_last_good_model(labelled, monkeypatch):
    from hitl_widgets.learn import rationales as reasons
    wb = labelled()
    good = wb.finetune(epochs=1, adopt="always").model
    monkeypatch.setattr(reasons, "occlusion_invariance",
                        lambda net, views, painted, **_: net(views).sum() * float("nan"))
    with pytest.raises(TrainingStopped, match="loss is nan at step 1 "):
        wb.finetune(epochs=1, seed=5)
    assert wb.registry.adopted == good
    assert len(wb.predict())


def test_without_certainty_every_answer_counts_alike(labelled):
    from hitl_widgets.learn.training_set import training_set
    wb = labelled(0)
    for item_id, certainty in zip(sorted(set(wb.pool.ids) - set(wb.holdout)), (0, 10), strict=False):
        wb.decide(item_id, label="dark", certainty=certainty)
    assert training_set(wb.project, wb.registry).weights.min() == pytest.approx(1 / 6)
    assert training_set(wb.project, wb.registry, certainty="off").weights.tolist() == [1] * len(wb.training_set())


@pytest.mark.long
@pytest.mark.parametrize("bad", [{"reasons": "on"}, {"reasons": None}, {"certainty": "high"}])
def test_ways_to_hear_that_do_not_exist_are_refused(labelled, bad):
    with pytest.raises(BadInput, match=next(iter(bad))):
        labelled(0).finetune(**bad)


def test_a_run_of_an_older_log_has_no_reliance(labelled):
    body = labelled(0).finetune(epochs=1).to_dict()
    assert not {"reasons", "relies_before", "relies_after"} & set(body)
    assert Run.from_dict(body).relies_after is None


@pytest.mark.long
@pytest.mark.slow
def test_the_maps_of_both_models_stand_below_what_was_marked(labelled):
    first = labelled()
    first.finetune(epochs=4, min_steps=128, reasons="off")
    spoken = first.finetune(epochs=4, min_steps=128, seed=1, reasons="penalty", adopt="never")
    shares = shares_in(spoken.plot_reasons(3))
    assert [len(row) for row in shares] == [3, 3]
    assert np.mean(shares[0]) > np.mean(shares[1])
    first.close()
    again = labelled()
    again.finetune(epochs=4, min_steps=128, reasons="off")
    once_more = again.finetune(epochs=4, min_steps=128, seed=1, reasons="penalty", adopt="never")
    assert shares_in(once_more.plot_reasons(3)) == shares  # both models come from their files


def shares_in(plot):
    """What each map of a plot of reasons says lies in the region, in percent: before, after."""
    rows = [[axes for axes in plot.axes if axes.get_subplotspec().rowspan.start == row] for row in range(3)]
    assert [row[0].get_ylabel() for row in rows] == ["marked as wrong", "why, before", "why, after"]
    return [[int(axes.get_title(loc="left").split("%")[0]) for axes in row] for row in rows[1:]]


@pytest.mark.long
@pytest.mark.parametrize("case", ["nothing marked", "only missing", "no former model", "weights are gone"])
def test_reasons_that_cannot_be_compared_are_refused_in_words(labelled, case):
    if case == "nothing marked":
        with pytest.raises(BadInput, match="nobody had marked a region"):
            labelled(0).finetune(epochs=1).plot_reasons()
        return
    if case == "only missing":
        wb = labelled(0)
        wb.decide(sorted(set(wb.pool.ids) - set(wb.holdout))[0], label="dark", missing=CORNER)
        with pytest.raises(BadInput, match="marked as wrong"):
            wb.finetune(epochs=1).plot_reasons()
        return
    wb = labelled()
    run = wb.finetune(epochs=1, adopt="always")
    with pytest.raises(BadInput, match="n is 0"):
        run.plot_reasons(0)
    if case == "weights are gone":
        wb.registry.path(run.model).unlink()
        with pytest.raises(ModelError, match="are gone"):
            run.plot_reasons()
    else:
        labels = dict.fromkeys(wb.pool.ids, wb.taxonomy.label_ids[0])
        regions = [["0", [[None, None]]], *run.compare_maps.args[0]]
        with pytest.raises(BadInput, match="no model before round 7"):
            before_and_after(wb.registry, regions, 7, labels=labels, n=1, method="saliency")


@pytest.mark.slow
def test_a_vision_transformer_is_explained_and_hears_what_was_marked_by_both_ways(labelled):
    wb = labelled(model=seeded(VisionTransformer, 2, 1, 14), preprocess=hw.Preprocess(14, channels=1))
    shown = wb.explain(wb.holdout[:2], method="integrated_gradients", target=("light", "dark"))
    assert shown.errors == {}
    assert np.asarray(shown).any(axis=(1, 2)).all()
    with pytest.raises(ModelError, match="saliency"):  # one that does serve is named
        wb.explain(wb.holdout[:2], method="gradcam")
    for how in ("penalty", "invariance"):
        run = wb.finetune(epochs=1, reasons=how, adopt="never")
        assert (run.reasons, run.relies_after.marked.n) == (how, 10)
        assert np.isfinite(run.history["loss"]).all()
