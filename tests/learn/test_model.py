"""A model for use elsewhere: net, preprocessing and labels in one object, of any version of the project's."""

import re
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from shades import IMAGES, NAMES, POOL, TRUTH, label_some, small_net
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, ModelError, ShapeError
from hitl_widgets.learn.model import Model
from hitl_widgets.learn.predict import NetPredictor


def by_hand(net, images):
    """Probabilities of a net for grey images at their own size, as small_net sees them."""
    with torch.no_grad():
        return net.eval()(torch.from_numpy(images[:, None] / np.float32(255))).softmax(dim=1).numpy()


def test_it_gives_the_nets_probabilities_for_images(bench):
    model = bench(model=small_net()).model()
    probs = model(IMAGES[:100])
    assert (probs.shape, probs.dtype) == ((100, 3), np.float32)
    np.testing.assert_allclose(probs, by_hand(small_net(), IMAGES[:100]), atol=1e-5)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-6)


def test_its_columns_are_those_of_the_workbenchs_probabilities(bench):
    wb = bench()
    label_some(wb)
    wb.finetune(epochs=1)
    model = wb.model()
    wb.predict()
    assert model.labels == list(wb.taxonomy.names)
    assert model.label_ids == list(wb.taxonomy.label_ids)
    np.testing.assert_allclose(model(IMAGES), wb.probs(), atol=1e-5)


def test_net_takes_a_batch_of_what_preprocess_gives(bench):
    model = bench(model=small_net()).model()
    views = torch.stack([model.preprocess(image) for image in IMAGES[:7]])
    assert not model.net.training
    with torch.no_grad():
        logits = model.net(views)
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), model(IMAGES[:7]), atol=1e-5)


def test_net_is_a_copy(bench):
    wb, given = bench(model=small_net()), small_net()
    model = wb.model()
    before = model(IMAGES[:3])
    with torch.no_grad():
        for weight in model.net.parameters():
            weight.zero_()
    assert not any(weight.any() for weight in model.net.parameters())  # what a person changes in it stays
    np.testing.assert_array_equal(model(IMAGES[:3]), before)
    np.testing.assert_allclose(wb.model()(IMAGES[:3]), by_hand(given, IMAGES[:3]), atol=1e-5)
    assert wb.predict(3)["confidence"].between(1 / 3, 1).all()


@pytest.mark.parametrize("kind", ["folder", "folder as text", "paths", "texts", "arrays", "stack", "PIL", "frame",
                                  "series", "generator", "pool"])
def test_it_takes_what_makes_a_pool(bench, tmp_path, kind):
    (tmp_path / "files").mkdir()
    paths = [tmp_path / "files" / f"{row}.png" for row in range(4)]
    for path, image in zip(paths, IMAGES, strict=False):
        Image.fromarray(image).save(path)
    images = {"folder": tmp_path / "files", "folder as text": str(tmp_path / "files"), "paths": paths,
              "texts": [str(path) for path in paths], "arrays": list(IMAGES[:4]), "stack": IMAGES[:4],
              "PIL": [Image.fromarray(image) for image in IMAGES[:4]],
              "frame": pd.DataFrame({"path": [str(path) for path in paths], "place": "zoo"}),
              "series": pd.Series([str(path) for path in paths]), "generator": iter(IMAGES[:4]),
              "pool": hw.Pool.from_images(IMAGES[:4])}[kind]
    np.testing.assert_allclose(bench(model=small_net()).model()(images), by_hand(small_net(), IMAGES[:4]), atol=1e-5)


@pytest.mark.parametrize(("images", "words"), [
    (IMAGES[0], "images"), (Image.fromarray(IMAGES[0]), r"\[image\]"), ([], "is empty"), (3, "int"),
    (IMAGES / 255, "uint8"), (pd.DataFrame({"file": ["a.png"]}), "'path'"), ({"a": IMAGES[0]}, "dict"),
    ("no such folder", "no such folder")])
def test_what_cannot_be_images_is_refused_in_words(bench, images, words):
    model = bench(model=small_net()).model()
    with pytest.raises(BadInput, match=words):
        model(images)


def test_an_image_may_come_twice(bench, tmp_path):
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    once, again = bench(model=small_net()).model()([tmp_path / "a.png", tmp_path / "a.png"])
    np.testing.assert_array_equal(once, again)


def test_grey_and_colour_images_of_any_size_are_seen_as_the_net_needs_them(bench):
    model = bench(model=small_net()).model()
    colour = np.repeat(IMAGES[:3, :, :, None], 3, axis=3)
    np.testing.assert_allclose(model(colour), model(IMAGES[:3]), atol=0.01)
    large = [np.kron(image, np.ones((2, 2), np.uint8)) for image in IMAGES[:3]]
    np.testing.assert_allclose(model(large), model(IMAGES[:3]), atol=0.05)
    np.testing.assert_array_equal(model([IMAGES[0], colour[1], large[2]]),
                                  np.concatenate([model(IMAGES[:1]), model(colour[1:2]), model(large[2:])]))


def test_a_net_for_colour_images_takes_grey_ones(bench):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    colour = np.repeat(IMAGES[:, :, :, None], 3, axis=3)
    model = bench(pool=hw.Pool.from_images(colour), model=net).model()
    np.testing.assert_array_equal(model(IMAGES[:3]), model(colour[:3]))


def test_an_own_net_keeps_its_own_preprocessing(bench):
    def inverted(image):
        return torch.from_numpy(1 - image[None] / np.float32(255))
    model = bench(model=small_net(), preprocess=inverted).model()
    np.testing.assert_allclose(model(IMAGES[:9]), by_hand(small_net(), 255 - IMAGES[:9]), atol=1e-5)
    torch.testing.assert_close(model.preprocess(IMAGES[0]), inverted(IMAGES[0]))


def test_an_image_that_cannot_be_read_gives_nan_and_a_warning(bench, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"torn")
    Image.fromarray(IMAGES[0]).save(tmp_path / "fine.png")
    model = bench(model=small_net()).model()
    with pytest.warns(UserWarning, match=r"1 of 2 images can't be read.*torn\.png"):
        probs = model([tmp_path / "torn.png", tmp_path / "fine.png"])
    assert np.isnan(probs).all(axis=1).tolist() == [True, False]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the next call begins anew
        assert np.isfinite(model([tmp_path / "fine.png"])).all()


def test_images_go_through_the_net_in_batches(bench):
    sizes = []

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small_net()

        def forward(self, views):
            sizes.append(len(views))
            return self.net(views)
    model = bench(model=Counting()).model()
    sizes.clear()
    model(IMAGES)
    assert sum(sizes) == len(IMAGES)
    assert max(sizes) == model._predictor.batch_size


# -- which version

def test_without_a_model_it_says_how_to_get_one(bench):
    with pytest.raises(ModelError, match="no model yet; pass model="):
        bench().model()


def test_a_version_is_had_by_its_name_or_its_beginning(bench):
    wb = bench(model=small_net())
    first = wb.models()["model"][0]
    label_some(wb)
    run = wb.finetune(epochs=2, adopt="never")
    assert wb.model().version == first
    assert wb.model(run.model).version == wb.model(run.model[:6]).version == run.model
    np.testing.assert_allclose(wb.model(run.model)(IMAGES[:20]), by_hand(run.net, IMAGES[:20]), atol=1e-5)
    np.testing.assert_allclose(wb.model(first)(IMAGES[:20]), by_hand(small_net(), IMAGES[:20]), atol=1e-5)


@pytest.mark.parametrize(("version", "words"), [("deadbeef", "'deadbeef' is unknown"), ("", "is unknown"), (3, "int")])
def test_a_version_that_is_not_there_is_refused(bench, version, words):
    with pytest.raises(BadInput, match=words):
        bench(model=small_net()).model(version)


def test_after_a_rollback_it_is_the_former_model(bench):
    wb = bench(model=small_net())
    first = wb.registry.adopted
    label_some(wb)
    run = wb.finetune(epochs=2, adopt="always")
    assert wb.model().version == run.model
    wb.adopt(first)
    assert wb.model().version == first
    np.testing.assert_allclose(wb.model()(IMAGES[:5]), by_hand(small_net(), IMAGES[:5]), atol=1e-5)


def test_what_was_handed_out_stays_when_another_model_is_adopted(bench):
    wb = bench(model=small_net())
    model = wb.model()
    wb.adopt(small_net(seed=5))
    np.testing.assert_allclose(model(IMAGES[:5]), by_hand(small_net(), IMAGES[:5]), atol=1e-5)
    np.testing.assert_allclose(wb.model()(IMAGES[:5]), by_hand(small_net(seed=5), IMAGES[:5]), atol=1e-5)


def test_weights_that_are_gone_are_told(bench):
    wb = bench(model=small_net())
    first = wb.registry.adopted
    wb.adopt(small_net(seed=5))
    wb.registry.path(first).unlink()
    with pytest.raises(ModelError, match=f"weights of {first} are gone"):
        wb.model(first)
    assert wb.model().version == wb.registry.adopted


@pytest.mark.long
def test_a_reopened_project_gives_the_same_model(bench):
    wb = bench()
    label_some(wb)
    wb.finetune(epochs=2)
    model = wb.model()
    probs = model(IMAGES[:30])
    wb.close()
    again = bench().model()
    assert (again.version, again.labels) == (model.version, model.labels)
    np.testing.assert_allclose(again(IMAGES[:30]), probs, atol=1e-6)
    np.testing.assert_array_equal(model(IMAGES[:30]), probs)  # needs no open project


def test_a_net_of_ones_own_is_needed_again_in_a_later_session(bench, capsys):
    version = bench(model=small_net()).model().version
    assert bench(model=small_net(seed=3)).model().version == version  # its weights come from the project
    with pytest.raises(ModelError, match="needs its net; open the project with model="):
        bench().model()
    assert "needs its net" in capsys.readouterr().out


def test_a_version_of_another_build_is_refused_in_words(bench):
    wb = bench(model=small_net())
    first = wb.registry.adopted
    wb.adopt(nn.Sequential(nn.Flatten(), nn.Linear(256, 3)))
    assert wb.model().net[1].out_features == 3
    with pytest.raises(ModelError, match="are of another net"):
        wb.model(first)


def test_a_project_without_its_pool_asks_for_it(bench):
    bench(model=small_net()).close()
    with pytest.raises(BadInput, match="without a pool"):
        bench(pool=None, taxonomy=None).model()


# -- labels are those of the model's own taxonomy

def test_a_label_that_is_renamed_later_keeps_its_name_in_the_model(bench):
    wb = bench(model=small_net())
    first = wb.registry.adopted
    wb.apply(edits.rename("dark", "night"))
    assert wb.model().labels == NAMES
    label_some_of(wb, {"dark": "night"})
    run = wb.finetune(epochs=1, adopt="always")
    assert wb.model().labels == wb.model(run.model).labels == ["night", *NAMES[1:]]
    assert wb.model(first).labels == NAMES
    assert wb.model(first).label_ids == wb.model().label_ids
    wb.adopt(first)  # written down again, under today's taxonomy: what it was stays
    assert wb.model().labels == NAMES


def label_some_of(wb, renamed, n=40):
    for item in wb.next(n):
        wb.decide(item.id, label=renamed.get(TRUTH[item.id], TRUTH[item.id]))


def test_after_an_edit_the_labels_and_columns_are_still_the_models(bench):
    wb = bench(model=small_net())
    before = wb.model()(IMAGES[:10])
    wb.apply([edits.merge(["dark", "light"], "plain"), edits.add("dotted")])
    model = wb.model()
    assert model.labels == NAMES
    np.testing.assert_array_equal(model(IMAGES[:10]), before)
    wb.close()
    assert bench(model=small_net(), taxonomy=None).model().labels == NAMES


@pytest.mark.long
def test_each_version_has_the_labels_that_it_was_trained_with(bench):
    wb = bench()
    label_some(wb)
    first = wb.finetune(epochs=1).model
    wb.apply(edits.merge(["dark", "light"], "plain"))
    second = wb.finetune(epochs=1, adopt="never", seed=3).model
    assert wb.model(first).labels == NAMES
    assert wb.model(second).labels == list(wb.taxonomy.names)
    assert wb.model(second)(IMAGES[:4]).shape == (4, 2)
    wb.adopt(second)
    wb.apply(edits.rename("plain", "even"))
    wb.close()
    again = bench(taxonomy=None)
    assert again.model(first).labels == NAMES
    assert sorted(again.model().labels) == ["plain", "striped"]


@pytest.mark.long
def test_another_persons_edit_is_taken_in(bench):
    wb, other = bench(), bench(annotator="bob")
    label_some(other)
    other.apply(edits.merge(["dark", "light"], "plain"))
    version = other.finetune(epochs=1).model
    assert sorted(wb.model(version).labels) == ["plain", "striped"]


# -- what it looks like, and threads

def test_it_says_what_it_is(bench):
    wb = bench(taxonomy=["<b>dark</b>", "light", "striped"], model=small_net())
    model = wb.model()
    assert repr(model) == f"<Model {model.version}: 3 labels (<b>dark</b>, light, striped), on {model.device}>"
    page = model._repr_html_()
    assert "&lt;b&gt;dark" in page
    assert "<b>" not in page
    assert re.search(r"Sequential, 3\d\d weights", page)


def test_many_labels_are_counted(bench):
    names = [f"label {k}" for k in range(20)]
    assert "and 8 more" in repr(bench(taxonomy=names, model=small_net(20)).model())


def test_names_and_columns_must_agree():
    with pytest.raises(ShapeError, match="2 names for 3 labels"):
        Model(NetPredictor(small_net(), POOL, ["a", "b", "c"]), ["a", "b"])


def test_several_threads_may_call_it_while_another_model_is_adopted(bench):
    wb = bench(model=small_net())
    model, expected = wb.model(), by_hand(small_net(), IMAGES[:64])
    errors = []

    def call():
        try:
            for _ in range(5):
                np.testing.assert_allclose(model(IMAGES[:64]), expected, atol=1e-5)
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    wb.adopt(small_net(seed=5))
    for thread in threads:
        thread.join()
    assert errors == []
