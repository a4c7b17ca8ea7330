"""Maps of attributes: what makes a value larger, and what speaks for a choice."""

from __future__ import annotations

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError, UnknownLabel
from hitl_widgets.learn.background import BackgroundLearning

N = 80
INK = hw.Attribute("ink", scale=(0.0, 10.0))
SIDE = hw.Attribute("side", choices=("left", "right"))


def pictures():
    """Pictures with a light square at the left or the right, more or less light: the values, and the side of each."""
    rng = np.random.default_rng(0)
    right, light = np.arange(N) % 2 == 1, rng.uniform(20, 235, N)
    images = rng.normal(0, 2, (N, 24, 24))
    for image, at_right, value in zip(images, right, light, strict=True):
        image[8:16, slice(14, 22) if at_right else slice(2, 10)] += value
    return images.clip(0, 255).astype(np.uint8), light / 25, np.where(right, "right", "left")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    images, ink, side = pictures()
    wb = hw.Workbench(tmp_path_factory.mktemp("maps") / "p", hw.Pool.from_images(images),
                      hw.Taxonomy(attributes=[INK, SIDE]), task="scale", annotator="ada", holdout=0.0, progress=False)
    for item_id, value, one in zip(wb.pool.ids[:60], ink, side, strict=False):
        wb.decide(str(item_id), values={"ink": float(value), "side": str(one)})
    BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify).learn()
    yield wb
    wb.close()


def share_at(maps, rows, columns):
    """How much of the maps lies in a part of the picture."""
    maps = np.abs(maps)
    return float(maps[:, rows, columns].sum() / maps.sum())


@pytest.mark.parametrize("method", ["gradcam", "saliency", "input_x_gradient", "integrated_gradients", "occlusion",
                                    "kernelshap"])
def test_every_method_makes_a_map_of_a_value(bench, method):
    found = bench.explain(bench.pool.ids[70:72].tolist(), method, attribute="ink")
    assert not found.errors
    assert np.asarray(found).shape == (2, 24, 24)
    assert found.targets == [INK.id] * 2
    assert np.abs(np.asarray(found)).sum() > 0


def test_the_map_of_a_value_lies_where_it_comes_from(bench):
    odd = bench.pool.ids[61:80:2].tolist()  # the square is at the right
    maps = np.asarray(bench.explain(odd, "occlusion", attribute="ink"))
    assert share_at(maps, slice(6, 18), slice(12, 24)) > 0.5  # a quarter of the picture


@pytest.mark.long
def test_the_map_of_a_value_adds_up_to_what_the_picture_adds(bench):
    places = np.arange(60, 80)
    values = [bench.session.predicted_values(int(place))[INK.id].value for place in places]
    maps = np.asarray(bench.explain(bench.pool.ids[places].tolist(), "integrated_gradients", attribute="ink"))
    assert np.corrcoef(values, maps.sum(axis=(1, 2)))[0, 1] > 0.9  # the value less that of a black picture


def test_what_speaks_for_a_choice_and_for_one_rather_than_another(bench):
    item_id = str(bench.pool.ids[61])
    alone = bench.explain(item_id, "occlusion", attribute="side")
    assert alone.targets == [f"{SIDE.id}=right"]  # the one that is suggested
    other = np.asarray(bench.explain(item_id, "occlusion", attribute="side", target="left"))[0]
    rather = np.asarray(bench.explain(item_id, "occlusion", attribute="side", target=("right", "left")))[0]
    np.testing.assert_allclose(rather, np.asarray(alone)[0] - other, atol=1e-4)


def test_the_card_asks_for_the_map_of_an_attribute_by_its_id(bench):
    found = bench.session.explanation(61, method="occlusion", target=INK.id)
    assert (found.target, found.model) == (INK.id, bench.registry.values.version)
    assert bench.session.explanation(61, method="occlusion", target=SIDE.id).target == f"{SIDE.id}=right"
    assert bench.session.explanation(61, method="occlusion", target=f"{SIDE.id}=left").target == f"{SIDE.id}=left"
    decision = bench.decide(str(bench.pool.ids[79]), values={"ink": 3.0}, seen={
        "method": "occlusion", "target": INK.id, "hidden": False, "values": {INK.id: 2.0}})
    assert decision.seen.target == INK.id


def test_what_cannot_be_explained_is_told(bench, tmp_path):
    item_id = str(bench.pool.ids[61])
    with pytest.raises(BadInput, match="leave target out"):
        bench.explain(item_id, attribute="ink", target="left")
    with pytest.raises(BadInput, match="one of left, right"):
        bench.explain(item_id, attribute="side", target="top")
    with pytest.raises(BadInput, match="name the attribute"):
        bench.explain(item_id)
    with pytest.raises(UnknownLabel, match="'colour'"):
        bench.explain(item_id, attribute="colour")
    new = hw.Workbench(tmp_path / "new", bench.pool, hw.Taxonomy(attributes=[INK]), task="scale", annotator="ada",
                       progress=False)
    with pytest.raises(ModelError, match="no heads for attributes yet"):
        new.explain(item_id)
    new.close()
