"""An explanation lies where the evidence is, for any net, and agrees with Captum."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Saliency
from nets import KINDS, LABELS, Gallery, InPlace, Perceptron, ResNet, VisionTransformer, Wrapped, noise, seeded
from torch import nn

from hitl_widgets.errors import BadInput, HitlError, ImageError, ModelError, UnknownLabel
from hitl_widgets.learn.attribute import METHODS, NetExplainer
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.overlay import resample


class Brightness(nn.Module):
    """Speaks for its second label as far as there is anything bright, and for its first as far as there isn't."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        nn.init.constant_(self.conv.weight, 1 / 9)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x):
        bright = self.conv(x).relu().mean(dim=(1, 2, 3))
        return torch.stack([-bright, bright, 0 * bright], dim=1)


def explainer(net, images, *, layer=None, **arguments):
    return NetExplainer(NetPredictor(net, Gallery(images), LABELS, **arguments), layer=layer)


def inputs(images):
    return torch.from_numpy(images[:, None] / np.float32(255))


@pytest.mark.parametrize("kind", KINDS)
def test_every_net_is_explained_without_being_changed(kind):
    net = seeded(KINDS[kind], 3).train()
    before = copy.deepcopy(net.state_dict())
    why = explainer(net, noise(3))
    assert set(why.methods) >= {"saliency", "integrated_gradients"}
    assert ("gradcam" in why.methods) == (kind not in ("Perceptron", "VisionTransformer"))
    for method in why.methods:
        answer = why.explain(1, method=method, target="Lb")
        assert (answer.values.shape, answer.values.dtype) == ((28, 28), np.float32)
        assert (answer.item_id, answer.method, answer.target) == ("item-1", method, "Lb")
        assert answer.model == why.predictor.version
        assert answer.box == (0, 0, 28, 28)
        assert np.isfinite(answer.values).all()
        assert (answer.values >= 0).all() or answer.signed
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_they_agree_with_captum_called_directly():
    net, images = seeded(ResNet, 3).eval(), noise(4)
    targets, columns = ["Lc", "La", "Lb", "La"], [2, 0, 1, 0]
    why, x = explainer(net, images, layer="layer2.conv2"), inputs(images).requires_grad_()
    cam = LayerGradCam(net, net.layer2.conv2).attribute(x, target=columns, relu_attributions=True)
    theirs = {"gradcam": LayerGradCam.interpolate(cam, (28, 28), interpolate_mode="bilinear"),
              "saliency": Saliency(net).attribute(x, target=columns),
              "integrated_gradients": IntegratedGradients(net).attribute(x, target=columns)}
    for method, values in theirs.items():
        ours = np.array([a.values for a in why.explain_many(range(4), method=method, targets=targets)])
        np.testing.assert_allclose(ours, values[:, 0].detach(), atol=1e-5)
        assert ours.max() > 0


def test_integrated_gradients_add_up_to_what_they_explain():
    net, images = seeded(Perceptron, 3).eval(), noise(2)
    answer = explainer(net, images).explain(1, method="integrated_gradients", target="Lc")
    with torch.no_grad():
        gained = net(inputs(images))[1, 2] - net(torch.zeros(1, 1, 28, 28))[0, 2]
    assert answer.values.sum() == pytest.approx(gained.item(), abs=0.01)
    assert answer.values.min() < 0


@pytest.mark.parametrize("method", ["gradcam", "integrated_gradients"])
@pytest.mark.parametrize(("fit", "shape"), [("stretch", (90, 120)), ("crop", (90, 120)), ("pad", (90, 120)),
                                            ("pad", (120, 90))])
def test_what_speaks_for_a_label_is_shown_where_it_is_on_the_item(method, fit, shape):
    item = np.zeros(shape, np.uint8)
    item[30:50, 40:70] = 255
    why = explainer(Brightness(), [item], preprocess=Preprocess(60, fit=fit, channels=1))
    drawn = resample(why.explain(0, method=method, target="Lb"), shape)
    rows, columns = np.nonzero(drawn > drawn.max() / 2)
    # Within a pixel of the item, or of the net's view where that is the coarser.
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == pytest.approx((30, 50, 40, 70), abs=2)


def test_a_batch_gives_what_each_item_gives_alone():
    why = explainer(seeded(ResNet, 3), noise(7), batch_size=3)
    targets = ["La", "Lb", "Lc"] * 2 + ["La"]
    for method in METHODS:
        batch = why.explain_many(range(7), method=method, targets=targets)
        for position, target in enumerate(targets):
            alone = why.explain(position, method=method, target=target)
            np.testing.assert_allclose(batch[position].values, alone.values, atol=1e-5)
    assert why.explain_many([], targets=[]) == []


def test_one_broken_item_spoils_no_other():
    images = list(noise(5))
    images[1], images[3] = None, np.full((28, 28), 255, np.uint8)

    class Picky(ResNet):
        def forward(self, x):
            if (x.mean(dim=(1, 2, 3)) > 0.99).any():
                raise ZeroDivisionError("too bright")
            return super().forward(x)
    why = explainer(seeded(Picky, 3), images)
    answers = why.explain_many(range(5), targets=["La"] * 5)
    assert [isinstance(answer, HitlError) for answer in answers] == [False, True, False, True, False]
    assert isinstance(answers[1], ImageError)
    with pytest.raises(ModelError, match=r"item 'item-3'.*too bright"):
        why.explain(3, target="La")
    with pytest.raises(ImageError, match="torn"):
        why.explain(1, target="La")


def test_nothing_that_speaks_for_a_label_is_a_map_of_zeros():
    why = explainer(Brightness(), [np.full((20, 20), 200, np.uint8)], preprocess=Preprocess(20, channels=1))
    assert not why.explain(0, method="gradcam", target="La").values.any()
    assert not why.explain(0, method="saliency", target="Lc").values.any()


@pytest.mark.parametrize("net", [Perceptron(3), VisionTransformer(3)])
def test_a_net_without_maps_is_told_which_methods_serve(net):
    with pytest.raises(ModelError, match="saliency and integrated_gradients serve"):
        explainer(net, noise(1)).explain(0, method="gradcam", target="La")


def test_the_last_convolution_is_found_by_running_the_net():
    class Backwards(nn.Module):
        """Its layers are named in another order than they run in, and one of them squeezes to a single pixel."""

        def __init__(self):
            super().__init__()
            self.last = nn.Conv2d(4, 6, 3)
            self.first = nn.Conv2d(1, 4, 3)
            self.gate = nn.Conv2d(6, 6, 1)
            self.fc = nn.Linear(6, 3)

        def forward(self, x):
            x = self.last(self.first(x).relu()).relu()
            pooled = x.mean(dim=(2, 3), keepdim=True)
            return self.fc((x * self.gate(pooled).sigmoid()).mean(dim=(2, 3)))
    net = seeded(Backwards)
    found, named, other = (explainer(net, noise(1), layer=layer).explain(0, target="Lb").values
                           for layer in (None, "last", "first"))
    np.testing.assert_array_equal(found, named)
    assert not np.array_equal(found, other)


def test_a_layer_can_be_named():
    with pytest.raises(BadInput, match=r"did you mean layer2\.conv2"):
        explainer(ResNet(3), noise(1), layer="layer2.conv3")
    with pytest.raises(ModelError, match="no maps"):
        explainer(Perceptron(3), noise(1), layer="1").explain(0, target="La")


def test_a_method_or_label_that_does_not_exist_is_refused():
    why = explainer(ResNet(3), noise(2))
    with pytest.raises(BadInput, match="gradcam, saliency, integrated_gradients"):
        why.explain(0, method="magic", target="La")
    with pytest.raises(UnknownLabel, match="Lx"):
        why.explain(0, target="Lx")
    with pytest.raises(BadInput, match="2 items and 1 targets"):
        why.explain_many([0, 1], targets=["La"])


def test_a_view_that_does_not_lie_upright_on_the_item_is_flagged():
    def mirrored(image):
        return Preprocess(28)(image).flip(2)
    why = explainer(seeded(ResNet, 3), noise(1, (40, 50)), preprocess=mirrored)
    assert why.explain(0, target="La").box == (0, 0, 50, 40)
    assert not why.maps_back
    assert explainer(seeded(ResNet, 3), noise(1, (40, 50))).maps_back


@pytest.mark.parametrize("kind", [ResNet, InPlace, Wrapped])
def test_half_precision_is_explained(kind):
    why = explainer(seeded(kind, 3).to(torch.bfloat16), noise(2))
    assert all(np.isfinite(why.explain(0, method=method, target="La").values).all() for method in why.methods)


def test_explaining_draws_no_random_numbers():
    why = explainer(seeded(VisionTransformer, 3), noise(2))
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.manual_seed(7)
    for method in why.methods:
        why.explain(0, method=method, target="La")
    assert torch.equal(torch.rand(4), expected)


def test_explaining_and_predicting_on_one_net_in_threads_do_not_disturb_each_other():
    why = explainer(seeded(ResNet, 3), noise(16), batch_size=4)
    probs = why.predictor.predict(range(16))
    maps = [a.values for a in why.explain_many(range(16), targets=["Lb"] * 16)]
    trouble = []

    def predict():
        for _ in range(12):
            if not np.allclose(why.predictor.predict(range(16)), probs, atol=1e-6):
                trouble.append("probs")

    def explain():
        for _ in range(6):
            again = why.explain_many(range(16), targets=["Lb"] * 16)
            if not all(np.allclose(a.values, b, atol=1e-6) for a, b in zip(again, maps, strict=True)):
                trouble.append("maps")
    threads = [threading.Thread(target=work) for work in (predict, explain, predict, explain)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
