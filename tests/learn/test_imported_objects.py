"""Objects that were proposed elsewhere: a table of them is a detector like any other, but for what needs a net."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from circles import NAMES, drawn
from detectors import Told

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, ModelError, UnknownItem, UnknownLabel

IMAGES = [drawn(seed)[0] for seed in range(12)]
TEXTS = [f"ada met bob in room {k}" for k in range(12)]
BOXES = pd.DataFrame([("0", "disc", 2, 3, 30, 40, 0.9), ("0", "ring", 5, 6, 20, 21, 0.2),
                      ("1", "ring", 1, 1, 9, 9, 0.7), ("2", None, None, None, None, None, None)],
                     columns=["item_id", "label", "x0", "y0", "x1", "y1", "score"])
POINTS = pd.DataFrame([("0", "disc", 2, 3, 0.9), ("3", "ring", 8, 9, 0.6)],
                      columns=["item_id", "label", "x", "y", "score"])
POLYGONS = pd.DataFrame([("0", "disc", ((2, 3), (30, 3), (30, 40)), 0.9),
                         ("1", "ring", "((1, 1), (9, 1), (5, 8))", 0.6)],
                        columns=["item_id", "label", "points", "score"])
SPANS = pd.DataFrame([("0", "disc", 0, 3, 0.9), ("1", "ring", 8, 11, 0.6)],
                     columns=["item_id", "label", "start", "end", "score"])
TABLES = {"boxes": BOXES, "points": POINTS, "polygons": POLYGONS, "spans": SPANS}


@pytest.fixture
def bench(tmp_path, keep):
    """Opens a workbench in one folder."""
    def open_(*, task="boxes", images=IMAGES, **more):
        pool = hw.Pool.from_texts(TEXTS, map(str, range(12))) if task == "spans" else hw.Pool.from_images(images)
        wb = hw.Workbench(tmp_path / "p", pool, None if (tmp_path / "p").exists() else NAMES, annotator="ada",
                          task=task, progress=False, **more)
        return keep(wb)
    return open_


@pytest.mark.parametrize("task", TABLES)
def test_a_table_of_objects_proposes_them_now_and_in_the_next_session(bench, task):
    wb, table = bench(task=task), TABLES[task]
    version = wb.import_predictions(table, model="gpt-9")
    for now in (wb, bench(task=task)):
        found = now.predict_objects()
        assert found["item_id"].tolist() == table.dropna(subset=["label"])["item_id"].tolist()
        assert found["label"].tolist() == table["label"].dropna().tolist()
        np.testing.assert_allclose(found["score"].astype(float), table["score"].dropna(), atol=1e-12)
        assert set(found["model"]) == {version}
        assert now.models()[["model", "origin", "name", "adopted"]].to_numpy().tolist() == [
            [version, "imported", "gpt-9", True]]
    assert wb.import_predictions(table.sample(frac=1, random_state=1)) == version
    assert len(list(wb.project.log.events(kind="adopted"))) == 1


@pytest.mark.parametrize("how", ["accepted", "relabelled", "deleted"])
@pytest.mark.parametrize("task", TABLES)
def test_what_it_proposes_is_answered_as_what_any_model_proposes(bench, task, how):
    wb = bench(task=task, holdout=0, arms={"blind": 0})
    wb.import_predictions(TABLES[task])
    item_id = TABLES[task].dropna(subset=["label"])["item_id"].iloc[-1]
    seen = wb.session.would_show(wb.session.item(item_id))
    [one] = seen.objects
    if how == "accepted":
        decision = wb.decide(item_id, "accept", seen=seen)
    else:
        again = {"box": hw.Box, "point": hw.Point, "span": hw.Span}.get(one["kind"], lambda *at, **more: hw.Polygon(
            list(zip(at[::2], at[1::2], strict=True)), **more))(*one["at"], label="disc", id=one["id"])
        decision = wb.decide(item_id, objects=[again] if how == "relabelled" else [], seen=seen)
    assert [(each.act, each.at) for each in decision.objects] == [(how, tuple(one["at"]))]


@pytest.mark.parametrize(("task", "x", "table"), [
    ("boxes", ["x0", "x1"], pd.DataFrame([(100, 10, 118, 30)], columns=["x0", "y0", "x1", "y1"])),
    ("points", ["x0"], pd.DataFrame([(110, 20)], columns=["x", "y"])),
    ("polygons", ["x0", "x1"], pd.DataFrame({"points": [((100, 10), (118, 10), (110, 30))]}))])
def test_proposals_for_an_image_that_is_wider_than_high_are_whole(bench, task, x, table):
    wb = bench(task=task, images=[np.zeros((90, 120), np.uint8)])
    wb.import_predictions(table.assign(item_id="0", label="disc", score=0.9))
    assert wb.predict_objects()[x].iloc[0].tolist() == [100, 118] if len(x) == 2 else [110]


def test_what_it_gives_is_its_own_table_again(bench):
    wb = bench()
    version = wb.import_predictions(BOXES.dropna(subset=["label"]))
    assert wb.import_predictions(wb.predict_objects(), model="again") == version


def test_the_card_has_them_as_proposals_of_a_person_to_correct(bench):
    wb = bench()
    version = wb.import_predictions(BOXES, model="gpt-9")
    best, faint = wb.session.proposals(0)
    assert (best.kind, best.at, best.score) == ("box", (2, 3, 30, 40), 0.9)
    assert faint.score == 0.2
    seen = wb.session.would_show(wb.session.item("0"))
    wb.decide("0", objects=[hw.Box(*best.at, label="disc", id=best.id)], seen=seen)
    assert wb.objects()["origin"].tolist() == ["model"]
    assert wb.history()["kind"].tolist().count("decided") == 1
    assert best.id.startswith(version[:8])


def test_they_wait_until_they_are_adopted_by_name(bench):
    wb = bench(model=Told())
    given = wb.detectors.version
    version = wb.import_predictions(BOXES, model="gpt-9", adopt=False)
    assert wb.detectors.version == given
    assert wb.models()["name"].tolist() == [None, "gpt-9"]
    assert wb.adopt("gpt-9") == version
    assert bench(model=Told()).detectors.version == version
    assert wb.adopt(given) == given
    assert wb.adopt(version[:6]) == version


@pytest.mark.parametrize("task", ["boxes", "spans"])
def test_what_needs_a_net_says_so(bench, task):
    wb = bench(task=task)
    wb.import_predictions(TABLES[task])
    with pytest.raises(ModelError, match=r"imported: there is no net that could be explained\. wb\.finetune"):
        wb.explain("0")
    with pytest.raises(ModelError, match="no net that could be used elsewhere"):
        wb.model()
    [proposal, *_] = wb.session.proposals(0)
    with pytest.raises(ModelError, match="no net that could be explained"):
        wb.session.explanation(0, method="erasure" if task == "spans" else "gradcam", target=f"object:{proposal.id}")
    with pytest.raises(ModelError, match="no net"):
        wb.detectors.adopted.detector.predict([IMAGES[0]])


def test_an_image_whose_content_changed_has_no_proposals(bench):
    wb = bench()
    wb.import_predictions(BOXES)
    wb.close()
    changed = bench(images=[255 - IMAGES[0], *IMAGES[1:]])
    assert changed.predict_objects()["item_id"].tolist() == ["1"]


def test_a_taxonomy_edit_carries_them_over(bench):
    wb = bench()
    wb.import_predictions(BOXES)
    wb.apply(edits.rename("disc", "plate"))
    assert wb.predict_objects()["label"].tolist() == ["plate", "ring", "ring"]
    wb.apply(edits.split("ring", ["thin", "thick"]))
    assert wb.predict_objects()["label"].tolist() == ["plate"]


def test_second_looks_use_them_and_say_once_what_they_must_be(bench, said):
    wb = bench(holdout=0)
    wb.import_predictions(BOXES, model="gpt-9")
    for k in range(3):
        wb.decide(str(k), objects=[hw.Box(40, 40, 60, 60, label="disc")])
    for _ in range(2):
        assert len(wb.people.second_looks())
    assert sum("'gpt-9'" in line and "out-of-sample" in line for line in said) == 1


def test_finetuning_trains_the_workbenchs_own_net(bench):
    wb = bench(holdout=0)
    wb.import_predictions(BOXES, model="gpt-9")
    for k in range(4):
        wb.decide(str(k), objects=[hw.Box(4, 4, 30, 30, label="disc")])
    run = wb.finetune(epochs=1, adopt="always")
    assert "imported objects can't be" in run.taken
    assert wb.detectors.version == run.model
    assert wb.adopt("gpt-9")
    assert len(wb.predict_objects()) == 3


def test_items_without_a_row_are_told(bench, said):
    bench().import_predictions(BOXES, model="gpt-9")
    assert any("9 of the pool's 12 items have no row" in line for line in said)


def with_(table, row, **values):
    table = table.astype(dict.fromkeys(values, object))
    for name, value in values.items():
        table.loc[row, name] = value
    return table


REFUSED = {
    "no column": (BOXES.drop(columns="score"), BadInput, "score is missing"),
    "unknown item": (with_(BOXES, 1, item_id="x"), UnknownItem, "Row 1 of the table is about items that aren't"),
    "unknown label": (with_(BOXES, 2, label="lynx"), UnknownLabel, "Row 2 of the table: .*'lynx'"),
    "no label": (with_(BOXES, 2, label=None), UnknownLabel, "Row 2 of the table: there is no label"),
    "no score": (with_(BOXES, 1, score=None), BadInput, "Row 1 of the table has no score from 0 to 1"),
    "percent": (with_(BOXES, 1, score=90), BadInput, "Row 1 of the table has no score from 0 to 1"),
    "outside": (with_(BOXES, 2, x0=900, x1=950), BadInput, "Row 2 of the table is one of boxes outside of the image"),
    "inverted": (with_(BOXES, 2, x0=9, x1=1), BadInput, "Row 2 of the table is one of boxes that are inverted"),
    "no number": (with_(BOXES, 2, x0="left"), BadInput, "Row 2 of the table: its coordinates aren't numbers"),
    "half": (with_(BOXES, 2, x0=None), BadInput,
             "Row 2 of the table is one of boxes with a coordinate that is no number"),
    "another kind": (BOXES.assign(kind="polygon"), BadInput, "Row 0 of the table: a polygon was given"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_used_is_refused_with_its_row_and_nothing_is_kept(bench, case):
    table, kind, words = REFUSED[case]
    wb = bench()
    with pytest.raises(kind, match=words):
        wb.import_predictions(table)
    assert not len(wb.models())


def test_a_damaged_table_is_told_when_the_project_is_opened(bench, said):
    wb = bench()
    version = wb.import_predictions(BOXES)
    wb.close()
    path = wb.detectors.path(version)
    path.write_bytes(path.read_bytes()[:50])
    again = bench()
    again.project.notify = said.append
    assert again.detectors.version is None
    with pytest.raises(ModelError, match=r"gone or damaged\. Import their table again"):
        again.predict_objects()
