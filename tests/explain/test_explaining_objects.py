"""Why an object was proposed, from the workbench and from a card: by its id, with marks that the log keeps."""

from __future__ import annotations

import numpy as np
import pytest
from finders import Finder, drawn, part_inside

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.records import Seen


@pytest.fixture
def bench(tmp_path):
    view, boxes, [row] = drawn()
    image = (view * 255).round().byte().permute(1, 2, 0).numpy()
    finder = Finder(boxes, [2 if place == row else 1 for place in range(len(boxes))])
    with hw.Workbench(tmp_path / "cells", hw.Pool.from_images(np.stack([image] * 3)), ["RBC", "WBC"], task="boxes",
                      model=finder, annotator="ada", holdout=0) as wb:
        yield wb, boxes[row]


@pytest.mark.parametrize("method", ["gradcam", "occlusion"])
def test_a_proposal_is_explained_by_its_id(bench, method):
    wb, box = bench
    found = wb.predict_objects()
    one = found.query("item_id == '1' and label == 'WBC'").iloc[0]
    made = wb.explain("1", method, object=one.object_id)
    assert made.errors == {}
    assert part_inside(np.asarray(made)[0], box, by=4) > 0.7
    assert made.targets == [f"object:{one.object_id}"]
    of_card = wb.session.explanation(1, method=method, target=f"object:{one.object_id}")
    assert (of_card.values == made.attributions[0].values).all()


def test_after_an_edit_the_map_is_of_todays_label(bench):
    wb, box = bench
    wb.apply(hw.edits.rename("WBC", "white cell"))
    assert wb.explain("0", "occlusion", object=hw.Box(*box, label="white cell")).errors == {}
    wb.apply(hw.edits.add("other"))
    assert "no label that stands for" in wb.explain("0", "occlusion", object=hw.Box(*box, label="other")).errors["0"]


def test_marks_beside_an_object_are_kept_with_its_id(bench):
    wb, _ = bench
    item = wb.next(1)[0]
    seen = wb.session.would_show(item)
    one = seen.objects[0]
    wrong = np.zeros(wb.pool.size(item.position), bool)
    wrong[:20, :20] = True
    decision = wb.decide(item.id, "accept", wrong=wrong,
                         seen=Seen(**{**{name: getattr(seen, name) for name in (
                             "objects", "withheld", "threshold", "threshold_probability", "model", "chosen_by",
                             "taxonomy")}, "target": f"object:{one['id']}", "method": "gradcam"}))
    assert (decision.reason, decision.wrong.n_pixels) == ("wrong", 400)
    assert decision.seen.target == f"object:{one['id']}"


def test_explaining_objects_is_refused_where_it_means_nothing(bench, tmp_path):
    wb, _ = bench
    with pytest.raises(BadInput, match="pass object="):
        wb.explain("0", target="WBC")
    pool = hw.Pool.from_images(np.zeros((3, 40, 40), np.uint8))
    with hw.Workbench(tmp_path / "other", pool, ["a", "b"]) as other, pytest.raises(BadInput, match="doesn't ask for"):
        other.explain("0", object="m.0")
    with hw.Workbench(tmp_path / "bare", pool, ["a", "b"], task="boxes") as bare, \
            pytest.raises(ModelError, match="there is no model yet"):
        bare.explain("0")


def test_the_card_of_a_detector_without_gradients_shows_what_hiding_parts_does(bench, tmp_path):
    class Plain:
        def predict(self, images):
            return [{"boxes": [[2, 2, 9, 9]], "labels": ["RBC"], "scores": [0.9]} for _ in images]

    wb, _ = bench
    assert wb.review().methods == ("gradcam",)
    with hw.Workbench(tmp_path / "plain", wb.pool, ["RBC"], task="boxes", model=Plain(), annotator="ada") as plain:
        assert plain.review().methods == ("occlusion",)
        assert plain.review(explain="saliency").methods == ("saliency",)
