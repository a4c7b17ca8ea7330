"""Progress where objects are asked for: rounds, proposals that stood, acts, times, and the model on blind images."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.quality.object_detection import detection
from hitl_widgets.records import Proposal, Seen

N = 40
AT = {"RBC": (1.0, 1.0, 21.0, 21.0), "WBC": (30.0, 30.0, 50.0, 50.0)}


@pytest.fixture
def wb(tmp_path: Path):
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (N, 60, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, ["RBC", "WBC"], task="boxes", holdout=0.3, annotator="ada",
                      progress=False) as wb:
        yield wb


def propose(wb: hw.Workbench) -> None:
    """A model that finds every RBC, and every WBC at a place some pixels off."""
    label = {name: wb.taxonomy.label(name).id for name in AT}
    off = {"RBC": 0.0, "WBC": 9.0}
    wb.project.propose = lambda position: tuple(
        Proposal(f"m{position}.{k}", "box", (x0 + off[name], y0, x1 + off[name], y1), label[name], 0.9 - 0.2 * k)
        for k, (name, (x0, y0, x1, y1)) in enumerate(AT.items()))
    wb.project.record("adopted", {"model": "m", "label_ids": list(wb.taxonomy.label_ids), "origin": "given",
                                  "own": False, "kind": "objects"})


def test_without_a_model_there_is_nothing_to_measure_and_it_says_so(wb):
    wb.decide("0", objects=[])
    progress = wb.progress()
    assert progress.now is None
    assert not len(progress.accuracy)
    assert "nothing yet" in repr(progress)
    assert progress._repr_html_()
    assert "typical" in progress.queue
    progress.plot()


def test_the_model_is_measured_on_images_that_were_answered_blind(wb):
    propose(wb)
    held = wb.holdout
    for k, item in enumerate(wb.next(N, strategy="random")):
        blind = item.id in held
        seen = wb.session.would_show(item)
        assert seen.hidden or not blind
        given = [hw.Box(*at, label=name) for name, at in AT.items()] if blind or k % 2 else [
            {name: one[name] for name in ("id", "at", "label_id")} for one in seen.visible_objects]
        wb.decide(item, objects=given, seen={**seen.to_dict(), "shown_ms": 5_000, "scripted": False})
    progress = wb.progress()
    now = progress.now
    assert now is not None
    assert now.n_images == len(held)
    assert now.estimate("map50", "RBC").value == pytest.approx(1.0)
    assert now.estimate("map50", "WBC").value == pytest.approx(0.0, abs=1e-9)  # overlaps by less than half
    row = progress.accuracy.iloc[-1]
    assert (row["model"], row["figure"], row["share"]) == ("m", "map50", pytest.approx(0.5))
    assert progress.times["median_s"].tolist()[0] == 5
    progress.plot()


def test_proposals_that_stood_and_acts_are_counted_by_image(wb):
    propose(wb)
    label = {name: wb.taxonomy.label(name).id for name in AT}
    ids = [item_id for item_id in map(str, range(N)) if item_id not in wb.holdout][:8]
    for k, item_id in enumerate(ids):
        seen = Seen(model="m", taxonomy=1, chosen_by="random", arm="shown", arm_probability=0.9, threshold=0.3,
                    threshold_probability=0.8, objects=tuple(
                        one.to_dict() for one in wb.project.propose(wb.pool.position(item_id))))
        first, second = (dict(one) for one in seen.objects)
        moved = [x + 2 for x in second["at"]] if k < 4 else second["at"]
        wb.decide(item_id, seen=seen, objects=[
            {"id": first["id"], "at": first["at"], "label_id": first["label_id"]},
            *([{"id": second["id"], "at": moved, "label_id": label["WBC"]}] if k < 6 else []),
            *([hw.Box(60, 1, 70, 9, "RBC")] if k == 0 else [])])
    progress = wb.progress()
    stood = progress.suggestions.set_index("label")
    assert (stood.loc["all", "n"], stood.loc["all", "share"]) == (16, 10 / 16)
    assert stood.loc["RBC", "share"] == 1
    assert stood.loc["WBC", "share"] == 2 / 8
    assert stood.loc["all", "low"] < 10 / 16 < stood.loc["all", "high"]
    acts = progress.acts.iloc[0]
    assert acts[["n_images", "accepted", "moved", "deleted", "added"]].tolist() == [8, 10 / 8, 4 / 8, 2 / 8, 1 / 8]
    assert 0.6 < acts["iou"] < 0.9


def test_a_proposal_that_got_another_label_counts_for_the_label_that_was_proposed(wb):
    """It was left out of every label's share: a label of which half was renamed by hand seemed to have stood wholly."""
    propose(wb)
    label = {name: wb.taxonomy.label(name).id for name in AT}
    ids = [item_id for item_id in map(str, range(N)) if item_id not in wb.holdout][:4]
    for k, item_id in enumerate(ids):
        seen = Seen(model="m", taxonomy=1, chosen_by="random", arm="shown", arm_probability=0.9, threshold=0.3,
                    threshold_probability=0.8, objects=tuple(
                        one.to_dict() for one in wb.project.propose(wb.pool.position(item_id))))
        first, second = ({name: one[name] for name in ("id", "at", "label_id")} for one in seen.objects)
        wb.decide(item_id, seen=seen, objects=[first if k % 2 else {**first, "label_id": label["WBC"]}, second])
    stood = wb.progress().suggestions.set_index("label")
    assert stood[["n", "share"]].to_dict("index") == {
        "all": {"n": 8, "share": 6 / 8}, "RBC": {"n": 4, "share": 2 / 4}, "WBC": {"n": 4, "share": 1.0}}
    wb.apply(edits.merge(["RBC", "WBC"], "cell"))
    merged = wb.progress().suggestions.set_index("label")
    assert merged[["n", "share"]].to_numpy().tolist() == [[8, 6 / 8], [8, 6 / 8]]


def test_of_several_people_the_first_who_answered_an_image_blind_measures(wb):
    """Whose name came first in the alphabet did, so that another name, as of a forgotten person, was another figure."""
    propose(wb)
    for item_id in wb.holdout:
        for annotator, found in (("zoe", AT), ("bob", {})):
            wb.decide(item_id, annotator=annotator, objects=[hw.Box(*at, label=name) for name, at in found.items()],
                      seen=Seen(hidden=True, chosen_by="holdout", model="m"))
    now = wb.progress().now
    assert now is not None
    assert now.estimate("map50", "RBC").value == pytest.approx(1.0)


def test_imported_objects_are_not_taken_for_blind_answers(wb):
    """Hold-out images with imported objects were counted among those that were answered blind."""
    propose(wb)
    rows = [(item_id, name, *at) for item_id in wb.holdout for name, at in AT.items()]
    wb.import_annotations(pd.DataFrame(rows, columns=["item_id", "label", "x0", "y0", "x1", "y1"]))
    progress = wb.progress()
    assert progress.accuracy[["source", "n"]].to_numpy().tolist() == [["imported", len(wb.holdout)]]
    assert "map50, imported" in repr(progress)
    assert "hold-out map50" not in repr(progress)


def test_where_an_image_was_answered_blind_imported_objects_do_not_measure(wb):
    propose(wb)
    blind, *others = wb.holdout
    wb.decide(blind, objects=[hw.Box(*AT["RBC"], label="RBC")], seen=Seen(hidden=True, chosen_by="holdout", model="m"))
    rows = [(item_id, "RBC", *AT["WBC"]) for item_id in others]
    wb.import_annotations(pd.DataFrame(rows, columns=["item_id", "label", "x0", "y0", "x1", "y1"]))
    assert wb.project.reference_objects()[["item_id", "source"]].to_numpy().tolist() == [[blind, "holdout"]]
    assert wb.progress().accuracy[["source", "n"]].to_numpy().tolist() == [["holdout", 1]]


def test_the_models_interval_allows_for_whole_groups(tmp_path):
    """A round's did, and that of a model that no round trained was as narrow as of images drawn one by one."""
    images = np.random.default_rng(0).integers(0, 255, (N, 60, 80), np.uint8)
    pool = hw.Pool.from_images(images, meta=[{"slide": k // 5} for k in range(N)])
    widths = []
    for folder, more in (("one", {}), ("grouped", {"group": "slide"})):
        with hw.Workbench(tmp_path / folder, pool, ["RBC", "WBC"], task="boxes", holdout=0.6, annotator="ada",
                          progress=False, **more) as wb:
            propose(wb)
            for item_id in wb.holdout:  # on every other slide the cells are where the model finds them
                shift = 0 if wb.pool.meta(wb.pool.position(item_id))["slide"] % 2 else 30
                wb.decide(item_id, objects=[hw.Box(1, 1 + shift, 21, 21 + shift, label="RBC")], seen=Seen(
                    hidden=True, chosen_by="holdout", model="m"))
            now = wb.progress().now
            assert now is not None
            widths.append(now["map50"].high - now["map50"].low)
    assert widths[1] > 1.3 * widths[0]


def measured(wb: hw.Workbench, model: str, share: float) -> None:
    """A round's event, as a fine-tuning writes it: a model that finds a share of each label's cells."""
    truth = pd.DataFrame([(k, label.name, label.id, *AT["RBC"]) for k in range(10) for label in wb.taxonomy.labels],
                         columns=["item_id", "label", "label_id", "x0", "y0", "x1", "y1"])
    found = truth[truth["item_id"] < 10 * share].assign(score=0.9)
    figures = {**detection(truth, found).to_dict(), "label_ids": list(wb.taxonomy.label_ids)}
    wb.project.record("trained", {"kind": "objects", "before": figures, "after": figures, "gain": None, "model": model,
                                  "n_training": 5, "adopted": True, "key": "", "why": "",
                                  "label_ids": list(wb.taxonomy.label_ids)})


def test_labels_are_told_apart_by_their_ids_and_a_curve_ends_where_they_change(wb):
    """A new label had the figures of the one that was called so before, and all rounds were one curve."""
    measured(wb, "m1", 0.5)
    wb.apply(edits.rename("RBC", "red"))
    measured(wb, "m2", 0.7)
    wb.apply(edits.add("RBC"))
    progress = wb.progress()
    assert progress.labels.groupby("label")["round"].agg(list).to_dict() == {"red": [1, 2], "WBC": [1, 2]}
    measured(wb, "m3", 0.9)
    assert wb.progress().accuracy["curve"].tolist() == [1, 1, 2]


def test_a_goal_is_refused_in_a_sentence(wb):
    with pytest.raises(BadInput, match="Leave goal out"):
        wb.progress(goal=0.9)
    with pytest.raises(BadInput, match="n_answers"):
        wb.progress(0)
    assert math.isnan(wb.progress().gained)
