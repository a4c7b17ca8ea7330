"""The adopted detector of a project: what it proposes under today's labels, and that it is there after closing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from circles import NAMES, drawn
from detectors import OneBox, Told

import hitl_widgets as hw
from hitl_widgets import edits, quality
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.object_net import ObjectNet
from hitl_widgets.learn.object_registry import _names_of
from hitl_widgets.quality import object_consensus

IMAGES = [drawn(seed)[0] for seed in range(12)]


@pytest.fixture
def bench(tmp_path):
    opened = []

    def opening(folder="p", *, taxonomy=NAMES, task="boxes", **more):
        opened.append(hw.Workbench(tmp_path / folder, hw.Pool.from_images(IMAGES),
                                   None if taxonomy is None else hw.Taxonomy(taxonomy), annotator="ada", task=task,
                                   progress=False, **more))
        return opened[-1]
    yield opening
    for workbench in opened:
        workbench.close()


def test_a_persons_detector_proposes_objects_under_todays_labels(bench):
    wb = bench(model=Told())
    table = wb.predict_objects()
    assert list(table.columns) == ["item_id", "object_id", "kind", "label", "x0", "y0", "x1", "y1", "points",
                                   "score", "model"]
    assert len(table) == 2 * len(IMAGES)
    first = table[table["item_id"] == str(wb.pool.ids[0])]
    assert first["label"].tolist() == ["disc", "ring"]
    assert first[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [2, 3, 30, 40]
    assert len(wb.predict(n=2)) == 4
    [event] = wb.project.log.events(kind="adopted")
    assert (event.body["kind"], event.body["origin"], event.body["own"]) == ("objects", "given", False)
    [proposal, _] = wb.session.proposals(0)
    assert (proposal.kind, proposal.at, proposal.score) == ("box", (2, 3, 30, 40), 0.9)


def test_a_table_made_before_a_rename_is_matched_with_one_made_after_it(bench):
    wb = bench(model=Told())
    found = wb.predict_objects()
    for item_id in wb.pool.ids[:4]:
        wb.decide(item_id, objects=[hw.Box(2, 3, 30, 40, label="disc")])
    wb.apply(edits.rename("disc", "plate"))
    assert quality.detection(wb.objects(), found[found["label"] == "disc"])["map50"] == 1
    errors = quality.object_errors(wb.objects(), found)
    assert "wrong label" not in set(errors["error"])


def test_tables_of_points_know_how_large_their_images_are(bench):
    wb = bench(task="points", model=Told())
    for annotator in ("ann", "bob"):
        for place, item_id in enumerate(wb.pool.ids[:4]):
            wb.decide(item_id, objects=[hw.Point(16 + 12 * place, 21, label="disc")], annotator=annotator)
    said, found = wb.objects(), wb.predict_objects()
    assert quality.detection(wb.objects(consensus=True), found)["recall"].value == 0.25
    assert quality.agreement_objects(said)["found"].value == 1
    assert object_consensus.object_abilities(said)["annotator"].tolist() == ["ann", "bob"]
    assert "wrong place" not in set(quality.object_errors(said, found)["error"])


def test_what_was_found_is_kept_on_disk_and_not_searched_again(bench):
    model = Told()
    wb = bench(model=model)
    wb.predict_objects()
    asked, before = model.n_asked, wb.session.proposals(3)
    wb.session.prepare(list(wb.next(5)))
    assert model.n_asked == asked
    wb.close()
    again = bench(taxonomy=None, model=Told())
    assert again.session.proposals(3) == before
    assert again.detectors.given.n_asked == 0
    path = again.folder / "predictions" / again.detectors.version / "objects.tsv"
    path.write_bytes(path.read_bytes()[:-20])  # the last line was cut off
    again.close()
    third = bench(taxonomy=None, model=Told())
    assert len(third.predict_objects()) == 2 * len(IMAGES)
    assert third.detectors.given.n_asked == 1


def test_what_cannot_be_used_is_said_once_and_the_rest_is_used(bench, monkeypatch):
    wb = bench(model=Told(boxes=[(2, 3, 30, 40), (5, 5, 5, 9), (np.nan, 0, 1, 1), (1, 1, 9, 9)],
                          labels=["disc", "disc", "ring", "square"], scores=[0.9, 0.8, 0.7, 0.6]))
    told = []
    monkeypatch.setattr(wb.project, "notify", told.append)
    assert len(wb.predict_objects()) == len(IMAGES)
    [notice] = told
    assert "12 images" in notice
    for words in ("12 without area", "12 with a coordinate that is no number", "12 of the unknown label 'square'"):
        assert words in notice


def test_labels_may_be_numbers_in_the_order_of_the_taxonomy_or_of_the_models_own_names(bench):
    assert bench("a", model=Told(labels=(1, 0))).predict_objects()["label"].tolist()[:2] == ["ring", "disc"]

    class Named(Told):
        labels = ("background-ish", "ring", "disc")
    named = bench("b", model=Named(labels=(1, 2)))
    assert named.predict_objects()["label"].tolist()[:2] == ["ring", "disc"]


def test_a_net_of_torchvisions_convention_is_kept_by_its_weights_and_opened_again(bench):
    net = OneBox()
    wb = bench(model=net)
    assert wb.predict_objects()["label"].unique().tolist() == ["disc"]
    version = wb.detectors.version
    assert (wb.folder / "models" / f"objects-{version}.safetensors").exists()
    wb.close()
    again = bench(taxonomy=None, model=OneBox())
    assert again.detectors.version == version
    again.close()
    without = bench(taxonomy=None)
    with pytest.raises(ModelError, match=r"model=\.\.\."):
        without.predict_objects()
    assert without.session.proposals(0) == ()


def test_a_merged_label_joins_and_a_retired_one_drops_and_a_split_one_is_left_out_with_a_word(bench, monkeypatch):
    wb = bench(model=Told(boxes=[(2, 3, 30, 40), (2, 3, 30, 39), (50, 10, 70, 30)], labels=["disc", "ring", "square"],
                          scores=[0.9, 0.8, 0.7]), taxonomy=[*NAMES, "square"])
    wb.apply(edits.merge(["disc", "ring"], into="round"))
    assert [one.score for one in wb.session.proposals(0)] == [0.9, 0.7]  # the same object isn't said twice
    wb.apply(edits.retire("square"))
    assert [one.score for one in wb.session.proposals(0)] == [0.9]
    told = []
    monkeypatch.setattr(wb.project, "notify", told.append)
    wb.apply(edits.split("round", ["small", "large"]))
    assert wb.session.proposals(0) == ()
    assert any("older than the split" in notice for notice in told)


def test_an_own_net_is_opened_again_and_one_can_go_back_to_a_former_model(bench):
    wb = bench()
    torch.manual_seed(0)
    net = ObjectNet(2, side=96)
    net.centres.bias.data += 3
    ids = wb.taxonomy.label_ids
    first = wb.detectors.install(wb.detectors.model_of(net, thresholds=dict.fromkeys(ids, 0.25)), origin="trained")
    before = wb.session.proposals(1)
    assert len(before) > 0
    assert all(0.01 <= one.score <= 1 for one in before)
    assert [one.score for one in before] == sorted((one.score for one in before), reverse=True)
    second = wb.adopt(Told())
    assert wb.session.proposals(1)[0].at == (2, 3, 30, 40)
    assert wb.adopt(first[:8]) == first
    assert wb.session.proposals(1) == before
    with pytest.raises(BadInput, match="unknown"):
        wb.adopt("no such")
    assert wb.models()["model"].tolist() == [first, second]
    wb.close()
    again = bench(taxonomy=None)
    assert again.detectors.version == first
    assert again.session.proposals(1) == before
    assert again.detectors.thresholds() == dict.fromkeys(ids, 0.25)
    path = again.detectors.path(first)
    again.close()
    path.write_bytes(path.read_bytes()[:-9])
    damaged = bench(taxonomy=None)
    assert damaged.session.proposals(1) == ()
    with pytest.raises(ModelError, match="can't be read"):
        damaged.predict_objects()


def test_polygons_and_points_have_their_kinds(bench):
    mask = np.zeros((2, 72, 96), bool)
    mask[:, 20:40, 30:60] = True
    polygons = bench("a", task="polygons", model=Told(masks=mask)).predict_objects(n=1)
    assert polygons["kind"].tolist() == ["polygon", "polygon"]
    assert len(polygons["points"].iloc[0]) >= 4
    assert polygons[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == pytest.approx([30, 20, 60, 40], abs=0.6)
    points = bench("b", task="points", model=Told()).predict_objects(n=1)
    assert points[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [16, 21.5, 16, 21.5]
    assert points["points"].isna().all()


def test_a_project_of_labels_has_no_detectors_and_one_of_objects_no_labels(bench, tmp_path):
    wb = bench()
    with pytest.raises(ModelError, match="no model yet"):
        wb.predict_objects()
    with pytest.raises(BadInput, match="predict_objects"):
        wb.probs()
    with pytest.raises(BadInput, match=r"wb\.predict"):
        bench("labels", task="classify").predict_objects()
    with pytest.raises(ModelError, match=r"predict\(images\)"):
        bench("c", model="yolo")


@pytest.mark.parametrize("labels", [np.array(["ring", "disc"]), {0: "ring", 1: "disc"}, ("ring", "disc")], ids=str)
def test_a_models_names_count_in_whichever_form_it_has_them(labels):
    assert _names_of(SimpleNamespace(labels=labels)) == ("ring", "disc")


def test_names_by_other_numbers_are_refused():
    with pytest.raises(ModelError, match="in the order of its numbers from 0"):
        _names_of(SimpleNamespace(labels={1: "ring", 2: "disc"}))


@pytest.mark.parametrize("damaged", [b"{bad", b"null", b'[["x",0.9,[1,2,3,4]]]', b"[[99,0.9,[1,2,3,4]]]",
                                     b'[[0,"x",[1,2,3,4]]]', b'[[0,0.9,"abc"]]', b"[[0,0.9,[1]]]"])
def test_a_damaged_line_of_what_was_found_is_searched_again(tmp_path, damaged):
    pool = hw.Pool.from_images(np.stack([drawn(seed)[0] for seed in range(4)]))
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", model=Told(), holdout=0, progress=False) as wb:
        before = wb.predict_objects()
    [path] = (tmp_path / "p" / "predictions").glob("*/objects.tsv")
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\t".join(first.split(b"\t")[:2]) + b"\t" + damaged + b"\n" + b"".join(others))
    with hw.Workbench(tmp_path / "p", pool, model=Told(), progress=False) as wb:
        assert wb.predict_objects().equals(before)


def test_an_answer_is_stored_also_where_the_model_fails(tmp_path):
    class Failing(Told):
        def predict(self, images):
            if self.n_asked:
                raise RuntimeError("no memory")
            return super().predict(images)
    pool = hw.Pool.from_images(np.stack([drawn(seed)[0] for seed in range(4)]))
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", model=Failing(), holdout=0, progress=False) as wb:
        decision = wb.decide("3", objects=[hw.Box(1, 1, 9, 9, "disc")])
        assert decision.seen.model is None
        assert len(wb.objects()) == 1
