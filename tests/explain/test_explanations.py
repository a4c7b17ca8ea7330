"""Why the model says so: of some items at once, for any label, kept on disk, and under a changed taxonomy."""

import matplotlib.pyplot
import numpy as np
import pytest
import torch
from PIL import Image
from shades import IMAGES, NAMES, POOL, small_net

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, ModelError, ShapeError, UnknownItem, UnknownLabel
from hitl_widgets.explain.attribute import METHODS, NetExplainer


@pytest.fixture
def counted(monkeypatch):
    """How many items the net was asked to explain."""
    asked = []
    plain = NetExplainer.explain_many

    def counting(self, positions, **arguments):
        asked.extend(positions)
        return plain(self, positions, **arguments)
    monkeypatch.setattr(NetExplainer, "explain_many", counting)
    return asked


def as_files(folder, n=4, shapes=((20, 30), (16, 16))):
    for i in range(n):
        image = Image.fromarray(IMAGES[i]).resize(shapes[i % len(shapes)][::-1])
        image.save(folder / f"{i}.png")
    return hw.Pool.from_images(folder)


@pytest.mark.parametrize("method", METHODS)
def test_maps_come_at_the_items_own_size_for_what_the_model_suggests(bench, method):
    wb = bench(model=small_net())
    a = wb.explain(POOL.ids[:5], method=method)
    assert [(one.shape, one.dtype) for one in a.maps] == [((16, 16), np.float32)] * 5
    assert np.asarray(a).shape == (5, 16, 16)
    assert [wb.taxonomy.name_of(target) for target in a.targets] == wb.predict().set_index("item_id").loc[
        list(POOL.ids[:5]), "label"].tolist()
    assert repr(a) == f"<5 maps by {method}, 16 x 16>"
    assert not a.errors


def test_a_target_is_a_label_or_one_rather_than_another(bench):
    wb = bench(model=small_net())

    def said(target):
        return np.asarray(wb.explain(POOL.ids[:4], method="input_x_gradient", target=target))
    dark, light = said("dark"), said(wb.taxonomy.label("light").id)
    assert not np.allclose(dark, light)
    np.testing.assert_allclose(said(("dark", "light")), dark - light, atol=1e-6)
    assert wb.explain("0", target=("dark", "light")).targets == [tuple(wb.taxonomy.label(name).id
                                                                        for name in ("dark", "light"))]


def test_what_is_suggested_can_be_held_against_one_label(bench):
    wb = bench(model=small_net())
    said = wb.predict().set_index("item_id")["label"]
    against = said.iloc[0]
    a = wb.explain(list(POOL.ids[:40]), target=(None, against))
    assert list(a.errors) == [item_id for item_id in POOL.ids[:40] if said[item_id] == against]
    assert "name a target" in a.errors[POOL.ids[0]]
    assert all((one is None) == (item_id in a.errors) for item_id, one in zip(a.item_ids, a.maps, strict=True))


def test_an_item_that_fails_leaves_the_others_their_maps(bench, tmp_path):
    (tmp_path / "files").mkdir()
    pool = as_files(tmp_path / "files")
    (tmp_path / "files" / "2.png").write_bytes(b"torn")
    wb = bench(pool=pool, model=small_net(), preprocess=hw.Preprocess(16, channels=1))
    for target in (None, "dark"):
        a = wb.explain(list(pool.ids), target=target)
        assert [None if one is None else one.shape for one in a.maps] == [(20, 30), (16, 16), None, (16, 16)]
        assert list(a.errors) == [pool.ids[2]]
        assert "image" in a.errors[pool.ids[2]]
        assert a.plot().get_suptitle().endswith(f"; 1 of {len(a)} items have no map, see .errors")
        assert "1 failed" in repr(a)
        with pytest.raises(ShapeError, match="1 of 4 items have no map"):
            np.asarray(a)
    with pytest.raises(ShapeError, match="2 sizes"):
        np.asarray(wb.explain([pool.ids[0], pool.ids[1]]))


def test_what_cannot_be_explained_is_refused_in_words(bench):
    wb = bench(model=small_net())
    with pytest.raises(UnknownItem, match="nope"):
        wb.explain(["0", "nope"])
    with pytest.raises(UnknownLabel, match="lynx"):
        wb.explain("0", target="lynx")
    with pytest.raises(BadInput, match="magic"):
        wb.explain("0", method="magic")
    with pytest.raises(BadInput, match="compared with itself"):
        wb.explain("0", target=("dark", "dark"))
    with pytest.raises(BadInput, match=r"\(label, against\)"):
        wb.explain("0", target=("dark", "light", "striped"))
    with pytest.raises(ModelError, match="no model yet"):
        bench("other").explain("0")
    assert len(wb.explain([])) == 0


def test_a_map_is_worked_out_once_even_over_sessions(bench, counted):
    wb = bench(model=small_net())
    first = np.asarray(wb.explain(POOL.ids[:5], target="dark"))
    wb.explain(POOL.ids[:5], target="dark")
    assert len(counted) == 5
    wb.close()
    wb = bench(model=small_net())
    np.testing.assert_array_equal(np.asarray(wb.explain(POOL.ids[:6], target="dark")), np.concatenate(
        [first, np.asarray(wb.explain(POOL.ids[5], target="dark"))]))
    assert len(counted) == 6
    for more in ({"target": "light"}, {"target": ("dark", "light")}, {"target": "dark", "method": "saliency"}):
        counted.clear()
        wb.explain(POOL.ids[:5], **more)
        assert len(counted) == 5


def test_a_file_that_changed_is_explained_anew(bench, tmp_path, counted):
    (tmp_path / "files").mkdir()
    pool = as_files(tmp_path / "files", shapes=((16, 16),))
    wb = bench(pool=pool, model=small_net())
    before = np.asarray(wb.explain(list(pool.ids), target="dark", method="saliency"))
    Image.fromarray(255 - IMAGES[1]).save(tmp_path / "files" / "1.png")
    after = np.asarray(wb.explain(list(pool.ids), target="dark", method="saliency"))
    assert [np.array_equal(*pair) for pair in zip(before, after, strict=True)] == [True, False, True, True]
    assert len(counted) == 5


def test_another_view_of_the_items_makes_other_maps(bench, counted):
    bench("p", model=small_net()).explain("0", target="dark")
    for view in (hw.Preprocess(24, channels=1), lambda image: torch.from_numpy(image[None] / 255.0),
                 lambda image: torch.from_numpy(image[None] / 127.0)):
        counted.clear()
        again = bench("p", model=small_net(), preprocess=view)
        again.explain("0", target="dark")
        again.close()
        assert len(counted) == 1


def test_after_an_edit_maps_follow_as_far_as_the_labels_carry_over_exactly(bench):
    wb = bench(model=small_net())
    apart = {name: np.asarray(wb.explain("0", "input_x_gradient", name)) for name in NAMES}
    wb.apply([edits.rename("striped", "lines"), edits.add("dotted"), edits.merge(["dark", "light"], "plain")])
    np.testing.assert_array_equal(np.asarray(wb.explain("0", "input_x_gradient", "lines")), apart["striped"])
    merged = np.asarray(wb.explain("0", "input_x_gradient", "plain"))
    weights = torch.from_numpy(wb.inference.predictor.predict([0])[0][:2])
    share = (weights / weights.sum()).numpy()  # the gradient of a logarithm of a sum
    np.testing.assert_allclose(merged, share[0] * apart["dark"] + share[1] * apart["light"], atol=1e-5)
    a = wb.explain(["0", "1"], target="dotted")
    assert a.maps == [None, None]
    assert "newer than the model" in a.errors["0"]
    wb.apply(edits.split("lines", ["wide", "narrow"]))
    assert "split" in wb.explain("0", target="wide").errors["0"]
    assert wb.explain("0", target="plain").errors == {}


def test_the_card_still_gets_one_map_at_a_time(bench):
    wb = bench(model=small_net())
    target = wb.taxonomy.label("dark").id
    one = wb.session.explanation(3, method="saliency", target=target)
    assert (one.item_id, one.method, one.target, one.against) == ("3", "saliency", target, None)
    np.testing.assert_array_equal(one.values, wb.explain("3", "saliency", "dark").attributions[0].values)


def test_maps_are_drawn_without_pyplot(bench):
    wb = bench(model=small_net())
    figure = wb.explain(POOL.ids[:4], "occlusion", ("dark", "light")).plot()
    png, _ = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="left") == "0\ntarget: dark rather than light"
    assert matplotlib.pyplot.get_fignums() == []


def test_a_title_says_that_a_label_is_the_suggestion_and_cuts_a_long_id(bench, tmp_path):
    long_id = "a/folder/" * 10 + "cat.png"
    wb = bench(pool=hw.Pool.from_images([POOL.load(0), POOL.load(1)], ids=["0", long_id]), model=small_net())
    explained = wb.explain(["0", long_id], "saliency")
    first, second = (wb.taxonomy.name_of(target) for target in explained.targets)
    titles = [axes.get_title(loc="left") for axes in explained.plot().axes[::2]]
    assert titles[0] == f"0\nsuggestion: {first}"
    assert titles[1].endswith(f"/cat.png\nsuggestion: {second}")
    assert max(map(len, titles[1].splitlines())) < 50
