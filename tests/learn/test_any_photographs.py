"""Folders of photographs of any kind: grey, colour, transparent, palette and 16 bits, under usual preprocessings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nets import ResNet, seeded
from PIL import Image
from torch import nn

import hitl_widgets as hw
from hitl_widgets.errors import ModelError
from hitl_widgets.learn.data import LabelledImages, load_views
from hitl_widgets.learn.predict import NetPredictor, sample_images
from hitl_widgets.learn.preprocess import Preprocess, as_preprocess
from hitl_widgets.testing import MemoryPool

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
NAMES = ["dark", "light"]


class Preset:
    """As torchvision's ImageClassification and timm's create_transform: resize, crop, to tensor, normalise in place."""

    def __call__(self, picture):
        if not isinstance(picture, Image.Image):
            raise TypeError(f"Unexpected type {type(picture)}")
        scale = 36 / min(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
        left, top = (picture.width - 32) // 2, (picture.height - 32) // 2
        array = np.asarray(picture.crop((left, top, left + 32, top + 32)), np.float32)
        view = torch.from_numpy(array / 255).reshape(32, 32, -1).permute(2, 0, 1).contiguous()
        return view.sub_(torch.from_numpy(MEAN)[:, None, None]).div_(torch.from_numpy(STD)[:, None, None])


class ImageProcessor:
    """As Hugging Face's: takes arrays and pictures, wants a channel axis, and prints the pixels that it refuses."""

    def __call__(self, images):
        array = np.asarray(images)
        if array.ndim != 3 or array.shape[2] != 3:
            np.set_printoptions(threshold=100_000)
            try:
                raise ValueError(f"Unable to infer channel dimension format of {array!r}")
            finally:
                np.set_printoptions(threshold=1000)
        seen = np.asarray(Image.fromarray(array).resize((32, 32)), np.float32) / 255
        return {"pixel_values": [((seen - MEAN) / STD).transpose(2, 0, 1)]}


class ToTensor:
    """A resize and a division: it takes a grey picture, of which the net takes no view."""

    def __call__(self, picture):
        array = np.asarray(Image.fromarray(picture).resize((32, 32)), np.float32) / 255
        return torch.from_numpy(array.reshape(32, 32, -1).transpose(2, 0, 1).copy())


PREPROCESSINGS = {"preset": Preset(), "image processor": ImageProcessor(), "to tensor": ToTensor(),
                  "own": Preprocess(32), "own, normalised": Preprocess(32, mean=tuple(MEAN), std=tuple(STD)),
                  "none": None}


@pytest.fixture
def photographs(tmp_path):
    """A folder of 40 pictures, mostly RGB and half of them dark; the last one is a grey strip of 1 x 400."""
    rng, folder = np.random.default_rng(0), tmp_path / "photographs"
    folder.mkdir()
    for n in range(39):
        colour = Image.fromarray((rng.integers(0, 60, (40, 48, 3)) + 150 * (n % 2)).astype(np.uint8))
        wide = (np.asarray(colour.convert("L")).astype(np.uint16) * 257)
        picture = {3: colour.convert("L"), 11: colour.convert("RGBA"), 17: colour.convert("P"), 18: colour.convert("1"),
                   22: Image.fromarray(wide), 28: colour.convert("LA")}.get(n, colour)
        picture.save(folder / f"{n:02d}.png")
    Image.fromarray(np.zeros((1, 400), np.uint8)).save(folder / "39.png")
    return hw.Pool.from_images(folder)


@pytest.mark.long
@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_a_folder_of_mixed_photographs_is_labelled_predicted_explained_and_learnt_from(name, photographs, tmp_path):
    """One grey file under a preset for colour stopped the queue, predictions, training and maps."""
    wb = hw.Workbench(tmp_path / "project", photographs, NAMES, model=seeded(ResNet, 2, 3),
                      preprocess=PREPROCESSINGS[name], holdout=0)
    assert len(wb.session.claim(10)) == 10
    assert np.isfinite(wb.predict()["confidence"]).all()
    for item in wb.next(40):
        wb.decide(item.id, label=NAMES[int(item.id[:2]) % 2])
    assert wb.finetune(epochs=1).n_training + wb.finetune(epochs=1).n_validation == 40
    assert len(np.asarray(wb.explain(["03.png", "22.png", "00.png"], method="saliency"))) == 3
    assert not wb.inference.predictor.unreadable


def too_dark(image):
    if image.max() < 10:
        raise ValueError("too dark")
    return Preprocess(32, channels=3)(image)


def test_one_impossible_item_is_named_and_stops_nothing(photographs, tmp_path, capsys):
    wb = hw.Workbench(tmp_path / "project", photographs, NAMES, model=seeded(ResNet, 2, 3), preprocess=too_dark,
                      holdout=0)
    frame = wb.predict()
    assert frame["item_id"][np.isnan(frame["confidence"])].tolist() == ["39.png"]
    assert "too dark" in wb.inference.predictor.unreadable[39]
    assert len(wb.session.claim(10)) == 10
    for item_id in photographs.ids:
        wb.decide(item_id, label=NAMES[int(item_id[:2]) % 2])
    run = wb.finetune(epochs=1)
    assert run.n_training + run.n_validation == 39
    assert "1 of 40 items can't be used and were left out, the first '39.png': preprocess too_dark" \
        in capsys.readouterr().out
    assert "too dark" in wb.explain(["39.png", "03.png"], method="saliency").errors["39.png"]


def test_a_preprocess_that_takes_no_item_is_refused_in_a_short_message(tmp_path):
    class Wants6:
        def __call__(self, image):
            raise ValueError("Unable to use " + " ".join(map(str, np.asarray(image).ravel())))
    pool = MemoryPool(np.random.default_rng(0).integers(0, 255, (8, 60, 60), np.uint8))
    with pytest.raises(ModelError, match="converted to RGB") as caught:
        NetPredictor(seeded(ResNet, 2, 3), pool, ["a", "b"], preprocess=Wants6())
    assert len(str(caught.value)) < 1000


def test_colour_is_offered_as_grey_to_a_net_for_grey():
    colour = np.random.default_rng(0).integers(0, 255, (6, 40, 40, 3), np.uint8)
    for preprocess in (ToTensor(), Preprocess(32)):
        net = seeded(ResNet, 2, 1)
        view = as_preprocess(preprocess, net, sample_images(MemoryPool([*colour, colour[0, ..., 0]])))
        assert view(colour[0]).shape == view(colour[0, ..., 0]).shape == (1, 32, 32)


def test_without_a_net_views_have_as_many_channels_as_the_items_in_colour():
    colour = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    view = as_preprocess(ToTensor(), None, [colour[..., 0], colour])
    assert view(colour[..., 0]).shape == (3, 32, 32)


def test_a_net_that_refuses_one_shape_of_view_leaves_that_item_out():
    class Square(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = seeded(ResNet, 2, 1)

        def forward(self, x):
            if x.shape[2] != x.shape[3]:
                raise ValueError("not square")
            return self.net(x)
    images = list(np.random.default_rng(0).integers(0, 255, (6, 32, 32), np.uint8))
    images[4] = images[4][:, :20]
    predictor = NetPredictor(Square(), MemoryPool(images), ["a", "b"],
                             preprocess=lambda image: torch.from_numpy(image / 255)[None])
    assert np.flatnonzero(np.isnan(predictor.predict(range(6))[:, 0])).tolist() == [4]
    assert "not square" in predictor.unreadable[4]


@pytest.mark.parametrize("odd", [0, 3])
def test_views_of_another_shape_than_most_are_left_out(odd):
    images = list(np.random.default_rng(0).integers(0, 255, (6, 32, 32), np.uint8))
    images[odd] = images[odd][:, :20]
    data = LabelledImages(MemoryPool(images), range(6), ["a", "b"] * 3, ["a", "b"],
                          preprocess=lambda image: torch.from_numpy(image / np.float32(255))[None])
    views, usable = load_views(data.images)
    assert np.flatnonzero(~usable).tolist() == [odd]
    np.testing.assert_array_equal(views[5, 0], images[5] / np.float32(255))
    assert "its view has shape (1, 32, 20)" in data.why_left_out([odd])
