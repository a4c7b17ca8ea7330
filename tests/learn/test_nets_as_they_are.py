"""Nets are taken as they are: wherever their head was made, whatever they end in, with or without a preprocessing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nets import Perceptron, ResNet, noise, seeded
from shades import IMAGES, POOL, label_some, small_net
from torch import nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import ModelError
from hitl_widgets.learn.architecture import Architecture
from hitl_widgets.learn.outputs import look_at
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import Preprocess, as_preprocess
from hitl_widgets.testing import MemoryPool

VIEWS = torch.from_numpy(IMAGES[:5, None] / np.float32(255))


class HeadFirst(nn.Module):
    """Makes its head before its body."""

    def __init__(self, n_labels=3):
        super().__init__()
        self.fc = nn.Linear(16, n_labels)
        self.c1, self.c2 = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3)

    def forward(self, x):
        return self.fc(self.c2(self.c1(x).relu()).relu().mean(dim=(2, 3)))


class WithBranches(nn.Module):
    """Makes a projection and an auxiliary head after its head, and runs both."""

    def __init__(self, n_labels=3):
        super().__init__()
        self.body = nn.Conv2d(1, 16, 3)
        self.classifier = nn.Linear(16, n_labels)
        self.projection = nn.Linear(16, 32)
        self.auxiliary = nn.Linear(16, n_labels)

    def forward(self, x):
        features = self.body(x).relu().mean(dim=(2, 3))
        return self.classifier(features), self.auxiliary(features), self.projection(features)


class Unused(HeadFirst):
    """Has a layer of the right width that never runs."""

    def __init__(self, n_labels=3):
        super().__init__(n_labels)
        self.spare = nn.Linear(9, n_labels)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "head"), [(HeadFirst, "fc"), (WithBranches, "classifier"), (Unused, "fc")])
def test_a_project_opens_again_wherever_the_head_was_made(kind, head, bench):
    """A convolution was taken for the head, and replaced: the net's own weights didn't fit it any more."""
    wb = bench(model=seeded(kind))
    assert wb.registry.architecture.head == head
    label_some(wb, 30)
    wb.finetune(epochs=1, start="initial", adopt="always")
    assert len(wb.training_set(certainty="soft"))
    assert wb.models.embeddings(POOL.ids[:2]).shape == (2, 16)
    wb.apply(edits.add("grey"))
    wb.finetune(epochs=1, adopt="always")
    probs = wb.model()(IMAGES[:4])
    wb.close()
    again = bench(taxonomy=None, model=seeded(kind))
    np.testing.assert_allclose(again.model()(IMAGES[:4]), probs, atol=1e-6)
    assert again.inference.predictor.net.get_submodule(head).out_features == 4


def test_weights_of_another_net_are_refused_with_the_name_of_the_argument(bench):
    bench(model=small_net()).close()
    with pytest.raises(ModelError, match=r"head='fc'"):
        bench(taxonomy=None, model=seeded(Perceptron, 3, 256))


@pytest.mark.parametrize(("net", "head"), [
    (seeded(HeadFirst), "fc"), (seeded(WithBranches), "classifier"), (small_net(), "5"),
    (nn.Sequential(small_net(), nn.Softmax(dim=1)), "0.5"), (nn.Sequential(small_net(), nn.LogSoftmax(dim=1)), "0.5"),
    (nn.Sequential(nn.Conv2d(1, 3, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "0"), (nn.Flatten(), None)])
def test_the_head_is_the_layer_that_gives_the_outputs(net, head):
    assert look_at(net.eval(), VIEWS).head == head


def test_a_net_that_takes_no_such_view_shows_nothing():
    assert look_at(Perceptron(3, 17).eval(), VIEWS) is None


# -- what the outputs are


class Halved(nn.Module):
    """Gives probabilities in half precision."""

    def __init__(self, n_labels, dtype):
        super().__init__()
        self.net, self.dtype = ResNet(n_labels), dtype

    def forward(self, x):
        return self.net(x).mul(3).softmax(dim=1).to(self.dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_softmax_in_half_precision_is_one_whatever_the_batch(dtype):
    """Whether it was recognised depended on the batch: its rows sum to 1 to three digits only."""
    labels, pool = tuple(f"L{n}" for n in range(40)), MemoryPool(noise(64))
    net = seeded(Halved, 40, dtype)
    together, alone = (NetPredictor(net, pool, labels, batch_size=size).predict(range(64)) for size in (64, 1))
    np.testing.assert_allclose(together, alone, atol=1e-3)
    exact = net.net.eval()(torch.from_numpy(noise(64)[:, None] / np.float32(255))).mul(3).softmax(dim=1)
    np.testing.assert_allclose(together, exact.detach(), atol=0.01)


def test_logits_that_sum_to_1_in_one_batch_stay_logits():
    class Crafted(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 2)

        def forward(self, x):
            bright = x.mean(dim=(1, 2, 3))
            return torch.stack([bright, 1 - bright], dim=1) * (1 + (bright < 0.4))[:, None] + 0 * self.fc.bias
    images = np.stack([np.full((28, 28), value, np.uint8) for value in (10, 60, 200, 255)])
    predictor = NetPredictor(Crafted(), MemoryPool(images), ("a", "b"))
    np.testing.assert_allclose(predictor.predict([3]), torch.tensor([[1.0, 0.0]]).softmax(dim=1), atol=1e-3)


@pytest.mark.long
@pytest.mark.parametrize(("last", "told"), [(nn.Sigmoid(), True), (nn.Identity(), False), (nn.Softmax(dim=1), False),
                                            (nn.LogSoftmax(dim=1), False)])
def test_a_net_that_ends_in_a_sigmoid_is_told_about_once(last, told, bench, capsys):
    wb = bench(model=nn.Sequential(small_net(), last), preprocess=hw.Preprocess(16))
    wb.predict()
    label_some(wb, 20)
    wb.finetune(epochs=1)
    assert capsys.readouterr().out.count("as after a sigmoid") == told


def test_a_fresh_net_whose_logits_lie_between_0_and_1_is_no_sigmoid():
    net = small_net()
    with torch.no_grad():
        net[-1].bias.fill_(0.5)
        net[-1].weight.mul_(0.01)
    look = look_at(net.eval(), VIEWS)
    assert not look.sigmoid
    assert look_at(nn.Sequential(net, nn.Hardtanh(0, 0.9)).eval(), VIEWS[:2]).sigmoid is False  # too few items to say


# -- nets without a preprocessing


def told(net, pool=POOL, preprocess=None):
    said = []
    architecture = Architecture(pool, net, preprocess=preprocess, notify=said.append)
    return architecture.view, said


def test_a_net_without_a_preprocess_is_told_about_once(bench, capsys):
    """A net that was trained elsewhere got views that weren't normalised, without a word."""
    wb = bench(model=small_net())
    wb.predict()
    wb.predict()
    assert capsys.readouterr().out.count("No preprocess was given: views are 16 x 16 pixels, divided by 255, not "
                                         "normalised") == 1


def test_with_a_preprocess_or_without_a_net_nothing_is_told():
    assert told(small_net(), preprocess=Preprocess(16))[1] == []
    assert told(None)[1] == []


TIMM = {"input_size": (3, 28, 28), "interpolation": "bicubic", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4),
        "crop_pct": 0.875, "crop_mode": "center"}


@pytest.mark.parametrize(("cfg", "expected"), [
    (TIMM, Preprocess(28, fit="crop", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), channels=3, crop_pct=0.875,
                      interpolation="bicubic")),
    (SimpleNamespace(**TIMM), Preprocess(28, fit="crop", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), channels=3,
                                         crop_pct=0.875, interpolation="bicubic")),
    ({**TIMM, "crop_mode": "squash", "crop_pct": 1.0, "interpolation": "bilinear"},
     Preprocess(28, fit="stretch", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), channels=3)),
    ({"input_size": (3, 32, 40)}, Preprocess((32, 40), fit="crop", mean=(0.485, 0.456, 0.406), channels=3,
                                             std=(0.229, 0.224, 0.225), crop_pct=0.875, interpolation="bicubic"))])
def test_timms_configuration_is_read(cfg, expected):
    net = seeded(ResNet, 3, 3)
    net.pretrained_cfg = cfg
    view, said = told(net)
    assert view == expected
    assert said == []
    assert as_preprocess(None, nn.Sequential(net), list(noise(2))) == expected


def test_a_net_of_hugging_faces_is_seen_at_its_own_size_and_wants_its_image_processor():
    net = seeded(ResNet, 3, 3)
    net.config = SimpleNamespace(image_size=48, num_channels=3, model_type="vit", _name_or_path="google/vit-base")
    view, [said] = told(net)
    assert view == Preprocess(48, channels=3)
    assert "AutoImageProcessor.from_pretrained('google/vit-base')" in said


def test_a_configuration_that_the_net_refuses_is_not_used():
    net = seeded(Perceptron, 3)
    net.pretrained_cfg = TIMM
    assert as_preprocess(None, net, list(noise(2))) == Preprocess(28, channels=1)


def test_a_share_from_the_middle_is_shown():
    view = Preprocess(50, fit="crop", crop_pct=0.5)
    assert view.box(100, 200) == (75.0, 25.0, 125.0, 75.0)
    item = np.zeros((100, 200), np.uint8)
    item[25:75, 75:125] = 255
    assert (view(item) == 1).all()
    assert Preprocess(50, crop_pct=0.5).box(100, 200) == (50.0, 25.0, 150.0, 75.0)
