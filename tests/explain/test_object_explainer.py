"""Why an object was found: by the workbench's own net, by torchvision's convention, and by anything that predicts."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import circles
import numpy as np
import pytest
from finders import Finder, drawn, part_inside

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ImageError, ModelError
from hitl_widgets.explain.object_explainer import Explained, ObjectExplainer, ObjectMaps, explain_objects
from hitl_widgets.learn.object_learning import CorrectedImage, Fitting, fit_objects
from hitl_widgets.learn.object_predictors import OwnDetector, TorchvisionDetector
from hitl_widgets.learn.object_training import ObjectOptions
from hitl_widgets.records import Proposal


class Predicts:
    """Somebody's own detector, which is known by its predict alone."""

    def __init__(self, detector):
        self.detector, self.n_images = detector, 0

    def predict(self, images):
        self.n_images += len(images)
        return self.detector.predict(images)


@pytest.fixture(scope="module")
def own():
    images = [circles.drawn(seed) for seed in range(10)]
    corrected = [CorrectedImage(image, boxes.tolist(), labels.tolist(), [1.0] * len(labels))
                 for image, boxes, labels in images]
    return OwnDetector(fit_objects(corrected, 2, Fitting(options=ObjectOptions(steps=60, batch=4))).net)


def best_of(detector, image, row=0):
    [output] = detector.predict([image])
    return Explained(f"m.{row}", tuple(map(float, output["boxes"][row])), {int(output["labels"][row])})


def on_item(attribution, box, size):
    """The part of a map that lies in a box of the item."""
    height, width = attribution.values.shape
    by = width / attribution.box[2], height / attribution.box[3]
    assert attribution.box == (0, 0, size[1], size[0])
    return part_inside(attribution.values, [side * by[place % 2] for place, side in enumerate(box)], by=4)


def test_a_map_of_an_object_that_our_own_net_found_is_highest_on_that_object(own, tmp_path):
    image, _, _ = circles.drawn(200)
    why = ObjectExplainer(own, "v", tmp_path)
    assert why.methods == ("gradcam", "occlusion")
    for row in range(2):
        one = best_of(own, image, row)
        occlusion = why.explain("item", lambda: image, one, "occlusion")
        y, x = np.unravel_index(occlusion.values.argmax(), occlusion.values.shape)
        by = image.shape[1] / occlusion.values.shape[1]
        assert one.bounds[0] - 2 <= x * by <= one.bounds[2] + 2
        assert one.bounds[1] - 2 <= y * by <= one.bounds[3] + 2
        assert (occlusion.target, occlusion.model, occlusion.signed) == (f"object:m.{row}", "v", True)
        gradcam = why.explain("item", lambda: image, one, "gradcam")
        assert on_item(gradcam, one.bounds, image.shape[:2]) > 0.5
        assert not gradcam.signed


@pytest.mark.parametrize("method", ["gradcam", "occlusion"])
def test_a_net_of_torchvisions_convention_is_explained(method, tmp_path):
    view, boxes, [row] = drawn()
    image = (view * 255).round().byte().permute(1, 2, 0).numpy()
    detector = TorchvisionDetector(Finder(boxes, [1 if place == row else 2 for place in range(len(boxes))]))
    one = Explained("m.0", tuple(boxes[row]), {0})
    made = ObjectExplainer(detector, "v", tmp_path).explain("item", lambda: image, one, method)
    assert made.values.shape == image.shape[:2]
    assert part_inside(made.values, boxes[row], by=4) > 0.7
    of_another = ObjectExplainer(detector, "v", tmp_path).explain("item", lambda: image, one._replace(labels={4}),
                                                                  "occlusion")
    assert np.abs(of_another.values).max() == 0


def test_of_whatever_predicts_occlusion_alone_is_there(tmp_path):
    view, boxes, [row] = drawn()
    image = (view * 255).round().byte().permute(1, 2, 0).numpy()
    detector = Predicts(TorchvisionDetector(Finder(boxes, [1] * len(boxes))))
    why, one = ObjectExplainer(detector, "v", tmp_path), Explained("m.0", tuple(boxes[row]), {0})
    assert why.methods == ("occlusion",)
    assert part_inside(why.explain("item", lambda: image, one, "occlusion").values, boxes[row], by=4) > 0.7
    assert 36 < detector.n_images < 160
    with pytest.raises(ModelError, match="Take 'occlusion'"):
        why.explain("item", lambda: image, one, "gradcam")
    grey = why.explain("item", lambda: image[..., 1], one, "occlusion")
    assert grey.values.shape == image.shape[:2]


def test_a_map_is_computed_once_for_an_objects_place_and_label_whatever_its_id(tmp_path):
    view, boxes, [row] = drawn()
    image = (view * 255).round().byte().permute(1, 2, 0).numpy()
    detector = Predicts(TorchvisionDetector(Finder(boxes, [1] * len(boxes))))
    one = Explained("m.0", tuple(boxes[row]), {0})
    first = ObjectExplainer(detector, "v", tmp_path).explain("item", lambda: image, one, "occlusion", content="c")
    n = detector.n_images
    again = ObjectExplainer(detector, "v", tmp_path).explain("item", lambda: image, one._replace(id="m.7"),
                                                             "occlusion", content="c")
    assert detector.n_images == n
    assert (again.values == first.values).all()
    assert again.target == "object:m.7"
    for other in ({"content": "d"}, {"content": None}):
        ObjectExplainer(detector, "v", tmp_path).explain("item", lambda: image, one, "occlusion", **other)
        assert detector.n_images > n
        n = detector.n_images
    moved = one._replace(bounds=(one.bounds[0] + 1, *one.bounds[1:]))
    ObjectExplainer(detector, "v", tmp_path).explain("item", lambda: image, moved, "occlusion", content="c")
    assert detector.n_images > n


def test_the_net_that_predicts_meanwhile_isnt_hooked(own, tmp_path):
    image, _, _ = circles.drawn(201)
    why, one = ObjectExplainer(own, "v", tmp_path), best_of(own, image)
    want = own.predict([image])[0]["scores"]
    wrong = []

    def predict():
        for _ in range(5):
            if not np.array_equal(own.predict([image])[0]["scores"], want):
                wrong.append(1)
    thread = threading.Thread(target=predict)
    thread.start()
    for _ in range(5):
        why.explain("item", lambda: image, one, "gradcam")
    thread.join()
    assert not wrong
    assert all(weight.grad is None for weight in own.net.parameters())


def test_what_cant_be_explained_is_said(own, tmp_path):
    image, _, _ = circles.drawn(200)
    why, one = ObjectExplainer(own, "v", tmp_path), best_of(own, image)
    with pytest.raises(BadInput, match="gradcam and occlusion"):
        why.explain("item", lambda: image, one, "saliency")
    with pytest.raises(ModelError, match="no label that stands for"):
        why.explain("item", lambda: image, one._replace(labels=set()), "gradcam")

    def unreadable():
        raise ImageError("item 'x' is gone")
    with pytest.raises(ImageError, match="is gone"):
        why.explain("item", unreadable, one, "gradcam")

    class Breaks:
        def predict(self, images):
            raise RuntimeError("no such kernel")
    with pytest.raises(ModelError, match="no such kernel"):
        ObjectExplainer(Breaks(), "v", tmp_path).explain("item", lambda: image, one, "occlusion")


class Detects:
    """A registry of one detector, whose labels are numbers."""

    def __init__(self, detector, proposals):
        self.model, self.found = SimpleNamespace(version="v", detector=detector), proposals

    def require(self):
        return self.model

    def proposals(self, position):
        return self.found if position == 0 else ()

    def labels_of(self, label_id):
        return {int(label_id[1:])}


def maps_of(tmp_path, kind="box"):
    view, boxes, [row] = drawn()
    image = (view * 255).round().byte().permute(1, 2, 0).numpy()
    x0, y0, x1, y1 = boxes[row]
    at = (x0, y0, x1, y1) if kind == "box" else ((x0 + x1) / 2, (y0 + y1) / 2)
    detects = Detects(TorchvisionDetector(Finder(boxes, [1] * len(boxes))), [Proposal("m.0", kind, at, "L0", 0.9)])
    pool = hw.Pool.from_images(np.stack([image, image]))
    return ObjectMaps(detects, pool, kind, tmp_path, content=pool.content), boxes[row]


def explained(maps, one, method="occlusion"):
    return explain_objects(maps, ["0", "1"], one, method=method, label_id_of=str, name_of=str)


@pytest.mark.parametrize("kind", ["box", "point"])
def test_the_map_of_a_proposal_comes_under_its_id(kind, tmp_path):
    maps, box = maps_of(tmp_path, kind)
    made = maps.explain(0, "occlusion", "object:m.0")
    assert made.target == "object:m.0"
    assert part_inside(made.values, box, by=8) > 0.7
    with pytest.raises(BadInput, match="the model proposes no object"):
        maps.explain(1, "occlusion", "object:m.0")


def test_several_items_are_explained_at_once_and_those_without_the_object_say_so(tmp_path):
    maps, _ = maps_of(tmp_path)
    for one in (None, "m.0"):
        made = explained(maps, one)
        assert made.maps[0].shape == (120, 160)
        assert made.maps[1] is None
        assert "in item '1'" in made.errors["1"]
        assert made.targets == ["object:m.0", None]
    assert repr(made).startswith("<2 maps by occlusion, 120 x 160; 1 failed")


def test_a_place_that_the_model_didnt_propose_is_explained_too(tmp_path):
    maps, box = maps_of(tmp_path)
    made = explained(maps, hw.Box(*box, label="L0"))
    assert made.errors == {}
    assert all(part_inside(one, box, by=4) > 0.7 for one in made.maps)
    with pytest.raises(BadInput, match="has no label"):
        explained(maps, hw.Box(*box))
    with pytest.raises(BadInput, match="asks for boxes"):
        explained(maps, hw.Point(3, 4, label="L0"))
    with pytest.raises(BadInput, match="gradcam and occlusion"):
        explained(maps, None, "kernelshap")
