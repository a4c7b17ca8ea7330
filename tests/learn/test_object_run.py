"""A fine-tuning from corrected boxes: what is learnt and measured, adoption, and that it is read back."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from circles import NAMES, drawn
from detectors import OneBox, Told

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.learn import object_run
from hitl_widgets.learn.object_learning import POINT_SIDE, Fitting, best_thresholds, fit_objects
from hitl_widgets.learn.object_net import Found
from hitl_widgets.learn.object_run import ObjectRun, gather, truth_of
from hitl_widgets.learn.object_targets import Annotated
from hitl_widgets.learn.object_training import ObjectOptions
from hitl_widgets.quality.object_detection import detection
from hitl_widgets.quality.object_tables import without_unknown

N = 30
IMAGES = [drawn(seed) for seed in range(N)]
BLIND = {"hidden": True, "chosen_by": "holdout"}


def opened(folder, *, task="boxes", model=None, taxonomy=NAMES):
    return hw.Workbench(folder, hw.Pool.from_images([image for image, _, _ in IMAGES]),
                        None if taxonomy is None else hw.Taxonomy(taxonomy), annotator="ada", task=task,
                        progress=False, holdout=0.3, model=model)


def shapes(position, task="boxes"):
    _, boxes, labels = IMAGES[position]
    for (x0, y0, x1, y1), label in zip(boxes.tolist(), labels.tolist(), strict=True):
        if task == "points":
            yield hw.Point((x0 + x1) / 2, (y0 + y1) / 2, label=NAMES[label])
        elif task == "polygons":
            turn = 2 * np.pi * np.arange(8) / 8
            yield hw.Polygon(np.stack([(x0 + x1) / 2 + (x1 - x0) / 2 * np.cos(turn),
                                       (y0 + y1) / 2 + (y1 - y0) / 2 * np.sin(turn)], 1).tolist(), label=NAMES[label])
        else:
            yield hw.Box(x0, y0, x1, y1, label=NAMES[label])


def answer(wb, n=12, *, holdout=True):
    held = set(wb.holdout)
    places = [place for place in range(N) if str(wb.pool.ids[place]) not in held][:n]
    for place in places:
        wb.decide(str(wb.pool.ids[place]), objects=list(shapes(place, wb.project.task)))
    for item_id in sorted(held) if holdout else []:
        wb.decide(item_id, objects=list(shapes(wb.pool.position(item_id), wb.project.task)), seen=BLIND)
    return places


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "p"
    wb = opened(folder)
    answer(wb)
    run = wb.finetune(epochs=40)
    yield wb, run, folder
    wb.close()


def test_a_first_run_learns_from_the_boxes_and_measures_on_blind_images(trained):
    wb, run, _ = trained
    assert isinstance(run, ObjectRun)
    assert (run.adopted, run.round, run.n_training, run.n_validation) == (True, 1, 12, 2)
    assert run.measured_on == "holdout"
    assert run.after.n_images == len(wb.holdout)
    assert run.after["map50"] > 0.6
    assert run.after["map50"].low <= run.after["map50"] <= run.after["map50"].high
    assert 0 < run.after["map"] <= run.after["map50"]
    assert run.after.per_label["label"].tolist() == NAMES or set(run.after.per_label["label"]) == set(NAMES)
    assert run.before.n_images == 0
    assert run.gain.why == "there was no model before"
    assert all(0.2 <= threshold <= 0.8 for threshold in run.thresholds.values())


def test_the_adopted_model_proposes_what_is_there(trained):
    wb, run, _ = trained
    assert wb.detectors.version == run.model
    position = next(place for place in range(N) if str(wb.pool.ids[place]) in wb.holdout)
    proposals = [one for one in wb.session.proposals(position) if one.score >= run.thresholds[one.label_id]]
    middles = np.array([((one.at[0] + one.at[2]) / 2, (one.at[1] + one.at[3]) / 2) for one in proposals])
    _, boxes, _ = IMAGES[position]
    true = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.median(np.hypot(*(middles[:, None] - true[None]).transpose(2, 0, 1)).min(axis=0)) < 4
    [event] = wb.project.log.events(kind="adopted")
    assert event.body["thresholds"] == dict(run.thresholds)


def test_a_run_says_in_words_what_came_of_it(trained):
    _, run, _ = trained
    for words in ("round 1", "12 images", "blind", "map50", "adopted", "objects are proposed from"):
        assert words in repr(run)
    assert "<table" in run._repr_html_()
    assert run.table()["label"].tolist()[0] == "all"
    assert set(run.table().columns) == {"label", "n", "before", "after", "gain", "threshold"}


def test_a_run_is_read_back_from_the_log_and_not_made_again(trained):
    wb, run, _ = trained
    [event] = wb.project.log.events(kind="trained")
    read = ObjectRun.from_dict(event.body)
    assert repr(read) == repr(run)
    assert read.after["map50"] == run.after["map50"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wb.detectors, "trained_here", set())  # as in another session
        again = wb.finetune(epochs=40)
    assert again.round == 1
    assert len(list(wb.project.log.events(kind="trained"))) == 1


def test_a_worse_model_is_not_adopted_and_the_same_images_measure_both(trained):
    wb, run, _ = trained
    worse = wb.finetune(epochs=1, seed=5)
    assert not worse.adopted
    assert worse.before["map50"] == pytest.approx(float(run.after["map50"]))
    assert worse.gain < 0
    assert worse.gain == pytest.approx(worse.after["map50"] - worse.before["map50"])
    assert "lower than of the former model" in worse.verdict
    assert wb.detectors.version == run.model
    assert wb.models()["adopted"].tolist() == [True, False]


def test_a_run_that_imported_objects_measured_says_so_and_they_dont_decide(tmp_path):
    """It said that the images had been answered blind, and a model that was worse on them was turned down."""
    wb = opened(tmp_path / "p")
    answer(wb, 3, holdout=False)
    wb.import_annotations(pd.DataFrame([(item_id, NAMES[0], 4, 4, 14, 14) for item_id in wb.holdout],
                                       columns=["item_id", "label", "x0", "y0", "x1", "y1"]))
    run = wb.finetune(epochs=2)
    assert run.measured_on == "imported"
    assert f"measured on {len(wb.holdout)} hold-out images with imported objects" in repr(run)
    assert "that were answered blind" not in repr(run)
    again = wb.finetune(epochs=1, seed=1)
    assert again.before.n_images == again.after.n_images == len(wb.holdout)
    assert again.adopted
    assert "no hold-out image was answered blind yet, and imported ones don't decide" in again.verdict


def test_without_answers_there_is_nothing_to_learn_and_without_holdout_it_says_so(tmp_path):
    wb = opened(tmp_path / "p")
    with pytest.raises(BadInput, match="no image was corrected yet"):
        wb.finetune()
    answer(wb, 3, holdout=False)
    run = wb.finetune(epochs=1)
    assert run.adopted
    assert "no hold-out image was answered blind yet" in run.verdict
    assert np.isnan(run.gain)
    assert run.thresholds == dict.fromkeys(wb.taxonomy.label_ids, 0.3)
    assert "nan" not in repr(run)
    with pytest.raises(BadInput, match="start is 'frozen'"):
        wb.finetune(start="frozen")
    with pytest.raises(BadInput, match="epochs is 0"):
        wb.finetune(epochs=0)
    wb.close()


def test_certain_objects_count_more_and_unsure_ones_are_neither_object_nor_background(tmp_path):
    wb = opened(tmp_path / "p")
    places = answer(wb, 1, holdout=False)
    other = next(place for place in range(N) if str(wb.pool.ids[place]) not in wb.holdout and place not in places)
    wb.decide(str(wb.pool.ids[other]), objects=[
        hw.Box(1, 1, 20, 20, label="disc", certainty=9), hw.Box(30, 1, 50, 20, label="ring", certainty=2),
        hw.Box(60, 30, 80, 50, label="ring", unsure=True)])
    data = gather(wb.project)
    image = data.images[data.item_ids.index(str(wb.pool.ids[other]))]
    assert len(image.shapes) == 2
    assert image.weights == pytest.approx([10 / 6.5, 3 / 6.5])
    assert image.ignored == [[60, 30, 80, 50]]
    assert gather(wb.project, certainty="off").images[data.item_ids.index(str(wb.pool.ids[other]))].weights == [1, 1]
    wb.close()


def test_models_that_were_never_adopted_are_kept_for_three_rounds(tmp_path):
    wb = opened(tmp_path / "p")
    answer(wb, 1, holdout=False)
    runs = [wb.finetune(epochs=1, seed=seed, adopt="never" if seed else "always") for seed in range(5)]
    assert len({run.model for run in runs}) == 5
    assert [wb.detectors.path(run.model).exists() for run in runs] == [True, False, True, True, True]
    wb.close()


def test_proposals_are_asked_by_other_threads_while_a_model_is_trained_and_adopted(tmp_path):
    wb = opened(tmp_path / "p", model=Told())
    answer(wb, 6)
    ended, errors, asked = threading.Event(), [], []

    def ask(turn):
        try:
            while not ended.is_set():
                with wb.project.state.lock if turn else contextlib.nullcontext():  # as a decision by script does
                    asked.append({one.kind for one in wb.session.proposals(len(asked) % N)})
                wb.session.prepare(list(wb.next(3)))
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=ask, args=(turn,)) for turn in range(2)]
    for thread in threads:
        thread.start()
    run = wb.finetune(epochs=4, adopt="always")
    ended.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    assert asked
    assert wb.detectors.version == run.model
    wb.close()


def test_an_interrupted_run_leaves_the_former_model(tmp_path, monkeypatch):
    wb = opened(tmp_path / "p")
    answer(wb, 3, holdout=False)

    def interrupted(*arguments, **more):
        raise KeyboardInterrupt
    monkeypatch.setattr(object_run, "fit_objects", interrupted)
    told = []
    monkeypatch.setattr(wb.project, "notify", told.append)
    with pytest.raises(KeyboardInterrupt):
        wb.finetune()
    assert wb.detectors.version is None
    assert any("nothing was adopted" in notice for notice in told)
    assert not wb.detectors.training.locked()
    wb.close()


@pytest.mark.long
def test_points_are_measured_by_f1_and_polygons_by_their_areas(tmp_path):
    points = opened(tmp_path / "points", task="points")
    answer(points, 8)
    run = points.finetune(epochs=40)
    assert run.main == "f1"
    assert run.after["f1"] > 0.4
    assert "F1" in repr(run)
    points.close()
    polygons = opened(tmp_path / "polygons", task="polygons")
    answer(polygons, 3)
    run = polygons.finetune(epochs=2)
    assert run.after.kind == "polygon"
    assert {one.kind for one in polygons.session.proposals(0)} <= {"polygon"}
    polygons.close()


def test_a_persons_net_is_trained_by_torchvisions_convention_on_a_copy(tmp_path):
    net = OneBox()
    wb = opened(tmp_path / "p", model=net)
    answer(wb, 6)
    run = wb.finetune(epochs=1, lr=0.5, adopt="always")
    assert "a copy of the net given" in run.taken
    assert run.net.box.tolist() != [10, 10, 30, 30]
    assert net.box.tolist() == [10, 10, 30, 30]
    assert run.before.n_images == run.after.n_images == len(wb.holdout)
    assert wb.detectors.version == run.model
    wb.close()
    again = opened(tmp_path / "p", model=OneBox(), taxonomy=None)
    assert again.detectors.version == run.model
    assert again.session.proposals(0)[0].at == pytest.approx(run.net.box.tolist(), abs=0.01)
    again.close()


def test_beside_a_model_of_which_only_predict_is_known_the_own_net_is_trained(tmp_path):
    wb = opened(tmp_path / "p", model=Told())
    answer(wb, 3)
    run = wb.finetune(epochs=1, adopt="always")
    assert "the workbench's own net was trained" in run.taken
    assert wb.detectors.adopted.own
    wb.close()
    again = opened(tmp_path / "p", model=Told(), taxonomy=None)
    assert again.detectors.version == run.model  # it goes on with that one, and says so
    again.close()


def test_two_hold_out_images_are_too_few_for_an_interval_and_the_run_is_kept_all_the_same(tmp_path):
    wb = opened(tmp_path / "p", model=Told(labels=NAMES))
    answer(wb, 3, holdout=False)
    for item_id in sorted(wb.holdout)[:2]:
        blind(wb, item_id, NAMES)
    run = wb.finetune(epochs=1, adopt="never")
    assert run.gain.n == 2
    assert np.isnan([run.gain.low, run.gain.high]).all()
    again = ObjectRun.from_dict([event.body for event in wb.project.log.events(kind="trained")][-1])
    assert float(again.gain) == float(run.gain)
    assert np.isnan([again.gain.low, again.gain.high]).all()
    assert f"{run.gain.value:.3f}" in repr(wb.progress().gained)
    wb.close()


def blind(wb, item_id, names):
    of_image = shapes(wb.pool.position(item_id), wb.project.task)
    wb.decide(item_id, objects=[one for one in of_image if one.label in names], seen=BLIND)


def perfect(wb, item_ids):
    """What a model finds that makes no error."""
    rows = [(item_id, f"{number}", "box", one.label, wb.taxonomy.label(one.label).id, *one.at, None, 0.9, "m")
            for item_id in item_ids for number, one in enumerate(shapes(wb.pool.position(item_id)))]
    return pd.DataFrame(rows, columns=["item_id", "object_id", "kind", "label", "label_id", "x0", "y0", "x1", "y1",
                                       "points", "score", "model"])


def test_objects_of_a_label_that_came_after_the_answer_are_not_wrong(tmp_path, monkeypatch):
    with opened(tmp_path / "p", taxonomy=NAMES[:1]) as wb:
        held = sorted(wb.holdout)
        for item_id in held[:4]:
            blind(wb, item_id, NAMES[:1])
        wb.apply(edits.add(NAMES[1]))
        for item_id in held[4:]:
            blind(wb, item_id, NAMES)
        answer(wb, 4, holdout=False)
        reference = wb.project.reference_objects()
        found = perfect(wb, held)
        truth, sizes = truth_of(wb.project, reference, "box")
        assert detection(truth, found, images=held, sizes=sizes)["map50"] < 0.9  # what nobody was asked about
        known = without_unknown(found, reference)
        assert len(known) == len(truth)
        assert detection(truth, known, images=held, sizes=sizes)["map50"] == pytest.approx(1)
        monkeypatch.setattr(wb.detectors, "table", lambda positions, model=None: found if len(positions) else
                            found.iloc[:0])
        assert wb.finetune(epochs=1).after["map50"] == pytest.approx(1)


@pytest.mark.parametrize("edit", [edits.merge(NAMES, into="both"), edits.retire(NAMES[1]),
                                  edits.split(NAMES[0], ["small", "large"])], ids=["merge", "retire", "split"])
def test_labels_may_be_edited_while_it_trains(tmp_path, monkeypatch, edit):
    with opened(tmp_path / "p") as wb:
        answer(wb, 4)

        def fitted(*args, **more):
            made = fit_objects(*args, **more)
            wb.apply(edit)
            return made
        monkeypatch.setattr(object_run, "fit_objects", fitted)
        version = wb.taxonomy.version
        run = wb.finetune(epochs=1)
        assert run.adopted
        assert wb.detectors.adopted.taxonomy == version
        assert set(wb.predict_objects()["label"]) <= set(wb.taxonomy.names)
        assert run.after.n_images == len(wb.holdout)


def test_a_point_in_doubt_is_neither_background_nor_has_to_be_found(tmp_path):
    with opened(tmp_path / "p", task="points") as wb:
        held, place = wb.holdout[0], next(place for place in range(len(IMAGES))
                                          if str(wb.pool.ids[place]) not in wb.holdout)
        wb.decide(str(wb.pool.ids[place]), objects=[hw.Point(40, 30, label=NAMES[0], unsure=True)])
        [image] = gather(wb.project).images
        height, width = image.image.shape[:2]
        half = POINT_SIDE * np.hypot(height, width) / 2
        assert np.allclose(image.ignored, [[40 - half, 30 - half, 40 + half, 30 + half]])
        wb.decide(held, objects=[hw.Point(10, 10, label=NAMES[0]), hw.Point(40, 30, label=NAMES[0], unsure=True)],
                  seen=BLIND)
        truth, sizes = truth_of(wb.project, wb.project.reference_objects(), "point")
        found = pd.DataFrame({"item_id": held, "kind": "point", "label": NAMES[0],
                              "label_id": wb.taxonomy.label(NAMES[0]).id, "x0": [10.0, 40.5], "y0": [10.0, 30.0],
                              "score": 0.9})
        assert detection(truth, found, images=[held], sizes=sizes)["f1"] == 1


def test_all_answers_to_an_image_join_the_training_together(tmp_path, monkeypatch):
    with opened(tmp_path / "p") as wb:
        places = answer(wb, 10, holdout=False)
        for place in places:
            wb.decide(str(wb.pool.ids[place]), objects=list(shapes(place)), annotator="bob")
        images = gather(wb.project).images
    parts = {}

    def train(net, some, options, *, later, join, **more):
        parts["first"], parts["later"] = some, later
        join(net)
        return net, "done"
    monkeypatch.setattr("hitl_widgets.learn.object_learning.train_objects", train)
    fitted = fit_objects(images, 2, Fitting(options=ObjectOptions(steps=1)))
    first, later = ({one.view.numpy().tobytes() for one in parts[name]} for name in ("first", "later"))
    assert (len(parts["first"]), len(parts["later"]), fitted.n_later) == (16, 4, 2)
    assert not first & later


def test_thresholds_are_not_found_on_labels_of_which_nothing_is_known():
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    found = Found(boxes, np.array([0, 1]), np.array([0.5, 0.4], np.float32))
    one = Annotated(torch.zeros(3, 40, 40), boxes[:1], np.array([0]), np.ones(1, np.float32),
                    np.zeros((0, 4), np.float32))
    assert best_thresholds([one], [found], 2).tolist() == pytest.approx([0.45 * 15 / 16 + 0.25 / 16, 0.45])
    known = best_thresholds([one._replace(unknown=(1,))], [found], 2)
    assert known.tolist() == pytest.approx([0.25, 0.25])


def test_proposals_of_a_former_model_are_not_told_as_those_of_one_that_is_missing(tmp_path):
    with opened(tmp_path / "p") as wb, opened(tmp_path / "p", taxonomy=None) as other:
        answer(wb, 4, holdout=False)
        former = wb.finetune(epochs=1).model
        item = next(item for item in other.next(9) if item.arm == "shown")
        assert other.session.shown_objects(item).model == former
        wb.adopt(OneBox())
        shown = other.session.shown_objects(item)  # the other one has no such detector
        assert (shown.model, shown.objects, other.detectors.version) == (None, (), None)
        assert other.decide(item.id, objects=[]).seen.model is None
        wb.adopt(former)
        assert other.session.shown_objects(other.next(9)[0]).model == former


def test_what_was_proposed_and_by_which_model_belong_together(tmp_path):
    with opened(tmp_path / "p") as wb:
        answer(wb, 4, holdout=False)
        wb.finetune(epochs=1)
        item, propose = next(item for item in wb.next(9) if item.arm == "shown"), wb.project.propose
        adopted = []

        def slowly(position):
            found = propose(position)
            if not adopted:
                adopted.append(wb.adopt(OneBox()))
            return found
        wb.project.propose = slowly
        shown = wb.session.shown_objects(item)
        assert shown.model == adopted[0]
        assert all(one["id"].startswith(adopted[0][:8]) for one in shown.objects)
