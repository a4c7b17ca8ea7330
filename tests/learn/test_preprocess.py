"""What the net sees of an item is known, and so is the way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nets import Perceptron, ResNet, VisionTransformer, noise
from PIL import Image

from hitl_widgets.drawing.overlay import resample
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.preprocess import Preprocess, Probed, as_preprocess, find_box, picture
from hitl_widgets.records import Attribution

MARK = (60, 70, 100, 115)  # top, left, bottom, right: in view for each fit


def resize_and_crop(image):
    """As torchvision's Resize(64) and CenterCrop(56), for PIL images only."""
    image = image.convert("L")
    scale = 64 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (image.width - 56) // 2, (image.height - 56) // 2
    return torch.from_numpy(np.asarray(image.crop((left, top, left + 56, top + 56)), np.float32)[None] / 255)


def standardised(image):
    view = Preprocess(64)(image)
    return (view - view.mean()) / view.std()


def upright(fit, size=64):
    return Preprocess(size, fit=fit, channels=1)


UPRIGHT = {
    **{fit: upright(fit) for fit in ("stretch", "crop", "pad")},
    "wide view": upright("pad", (40, 90)),
    "whole view": upright("crop", (80, 50)),
    "resize and crop": resize_and_crop,
    "standardised": standardised,
    "inverted": lambda image: 1 - upright("crop")(image),
    "grey border": lambda image: torch.nn.functional.pad(upright("stretch", 48)(image), (6, 10, 8, 8), value=0.45),
    "a corner": lambda image: torch.from_numpy(image[40:140, 50:130].copy()).float()[None],
    "batch of one": lambda image: upright("stretch")(image)[None],
    "pixel_values": lambda image: {"pixel_values": [upright("stretch")(image).numpy()]},
}
NOT_UPRIGHT = {
    "mirrored": lambda image: upright("stretch")(image).flip(2),
    "upside down": lambda image: upright("stretch")(image).flip(1),
    "transposed": lambda image: upright("stretch")(image).transpose(1, 2),
    "turned": lambda image: upright("stretch")(np.asarray(Image.fromarray(image).rotate(10))),
    "blind": lambda image: torch.zeros(1, 64, 64),
    "flattened": lambda image: upright("stretch")(image).reshape(1, 1, -1),
}


def brought_back(preprocess, shape):
    """Mark a square on a dark item, and find it from what the net sees."""
    item = np.zeros(shape, np.uint8)
    item[MARK[0]:MARK[2], MARK[1]:MARK[3]] = 255
    seen = (preprocess(item) - preprocess(np.zeros_like(item))).abs().amax(dim=0).numpy()
    map_ = Attribution(item_id="a", method="saliency", target="L", model="m", values=seen,
                       box=preprocess.box(*shape))
    rows, columns = np.nonzero(resample(map_, shape) > 0.5 * seen.max())
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


@pytest.mark.parametrize("name", [name for name in UPRIGHT if name != "standardised"])
@pytest.mark.parametrize("shape", [(160, 200), (200, 160), (180, 180)])
def test_a_marked_square_comes_back_within_a_pixel(name, shape):
    preprocess = as_preprocess(UPRIGHT[name], sample_images=[np.zeros(shape, np.uint8)])
    # One pixel of the item, or of the view where that is the coarser.
    _, _, width = preprocess(np.zeros(shape, np.uint8)).shape
    x0, _, x1, _ = preprocess.box(*shape)
    assert brought_back(preprocess, shape) == pytest.approx(MARK, abs=max(1.0, 0.5 * (x1 - x0) / width))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(200, 300), (97, 41, 3), (64, 64)])
def test_probing_finds_what_a_preprocess_says_of_itself(fit, shape):
    known = Preprocess(48, fit=fit, mean=0.4, std=0.2)
    assert find_box(known, *shape[:2], colour=len(shape) == 3) == pytest.approx(known.box(*shape[:2]), abs=0.6)


@pytest.mark.parametrize("name", UPRIGHT)
def test_an_upright_view_is_found_out(name):
    preprocess = Probed(UPRIGHT[name], colour=False)
    assert preprocess.box(160, 200) is not None
    assert preprocess.maps_back


@pytest.mark.parametrize("name", NOT_UPRIGHT)
def test_a_view_that_is_not_upright_has_no_box(name):
    preprocess = Probed(NOT_UPRIGHT[name], colour=False)
    assert preprocess.box(160, 200) is None
    assert not preprocess.maps_back


def test_a_random_view_has_no_box():
    rng = np.random.default_rng(0)

    def crop(image):
        top, left = rng.integers(0, 60, 2)
        return torch.from_numpy(image[top:top + 100, left:left + 100].copy()).float()[None]
    assert find_box(crop, 160, 200, colour=False) is None


def test_sizes_and_numbers_worked_out_by_hand():
    view = Preprocess(2, mean=(0.5, 0.25, 0), std=(0.5, 0.25, 1))(np.full((4, 4, 3), (255, 0, 51), np.uint8))
    assert view.shape == (3, 2, 2)
    assert view.dtype == torch.float32
    np.testing.assert_allclose(view[:, 0, 0], [1, -1, 0.2], rtol=1e-6)


def test_padding_is_where_the_item_is_not():
    view = Preprocess((4, 8), fit="pad", mean=0.5)(np.full((4, 4), 255, np.uint8))[0]
    assert (view[:, 2:6] == 0.5).all()
    assert (view[:, :2] == 0).all()
    assert (view[:, 6:] == 0).all()


def test_shrinking_averages_instead_of_picking():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    np.testing.assert_allclose(Preprocess(8)(stripes), 0.5, atol=0.03)


@pytest.mark.parametrize(("channels", "shape", "expected"), [
    (None, (9, 9), 1), (None, (9, 9, 3), 3), (3, (9, 9), 3), (1, (9, 9, 3), 1)])
def test_colours_become_what_the_net_takes(channels, shape, expected):
    assert Preprocess(4, channels=channels)(np.zeros(shape, np.uint8)).shape == (expected, 4, 4)


@given(st.integers(1, 80), st.integers(1, 80), st.integers(1, 40), st.integers(1, 40),
       st.sampled_from(["stretch", "crop", "pad"]))
def test_any_item_fits_any_view(height, width, view_height, view_width, fit):
    preprocess = Preprocess((view_height, view_width), fit=fit)
    assert preprocess(np.zeros((height, width), np.uint8)).shape == (1, view_height, view_width)
    x0, y0, x1, y1 = preprocess.box(height, width)
    assert x0 < x1
    assert y0 < y1
    if fit != "pad":
        assert x0 >= -1e-9
        assert x1 <= width + 1e-9


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": (1, 2, 3)}, {"size": 8.5}, {"size": 8, "fit": "squeeze"},
                                   {"size": 8, "std": 0}, {"size": 8, "mean": (1, 2)}, {"size": 8, "channels": 4},
                                   {"size": 8, "channels": 1, "mean": (1, 2, 3)}])
def test_what_makes_no_view_is_refused(wrong):
    with pytest.raises(BadInput):
        Preprocess(**wrong)


def test_without_a_choice_the_net_sees_small_items_at_their_own_size():
    assert as_preprocess(None, ResNet(3), noise(3)) == Preprocess((28, 28), channels=1)
    assert as_preprocess(None, ResNet(3, 3), noise(3)) == Preprocess((28, 28), channels=3)
    assert as_preprocess(None, None, noise(2, (40, 30, 3))) == Preprocess((40, 30), channels=3)


def test_without_a_choice_large_or_mixed_items_are_seen_at_224():
    assert as_preprocess(None, ResNet(3), noise(1, (300, 200))).shape == (224, 224)
    assert as_preprocess(None, ResNet(3), [noise(1, (30, 20))[0], noise(1, (20, 30))[0]]).shape == (224, 224)


@pytest.mark.parametrize("net", [Perceptron(3), VisionTransformer(3), Perceptron(3, 3 * 28 * 28)])
def test_a_net_made_for_one_size_gets_it(net):
    preprocess = as_preprocess(None, net, noise(2, (50, 50)))
    assert preprocess.shape == (28, 28)
    net(preprocess(noise(1, (50, 50))[0])[None])


def test_finding_a_view_leaves_the_net_as_it_was():
    net = ResNet(3).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    as_preprocess(None, net, noise(2))
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_net_that_takes_no_usual_view_is_told_of():
    with pytest.raises(ModelError, match=r"hw.Preprocess\(size"):
        as_preprocess(None, Perceptron(3, 17), noise(2))


def test_a_function_of_pil_images_serves_as_well():
    preprocess = as_preprocess(resize_and_crop, None, noise(1, (80, 100)))
    assert preprocess(noise(1, (80, 100))[0]).shape == (1, 56, 56)


def test_a_function_that_takes_neither_is_told_of():
    def breaks(image):
        raise KeyError("lamp")
    with pytest.raises(ModelError, match="KeyError: 'lamp'"):
        as_preprocess(breaks, None, noise(1))
    with pytest.raises(ModelError, match=r"\(C, h, w\) is expected"):
        as_preprocess(lambda image: torch.zeros(5), None, noise(1))
    with pytest.raises(BadInput):
        as_preprocess("resize", None, noise(1))


def test_the_nets_own_view_can_be_looked_at():
    seen = picture(torch.tensor([[[-1.0, 0.0], [0.5, 1.0]]]))
    assert (seen.dtype, seen.tolist()) == (np.uint8, [[0, 128], [191, 255]])
    assert picture(torch.zeros(3, 4, 5)).shape == (4, 5, 3)
