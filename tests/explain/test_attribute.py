"""An explanation lies where the evidence is, for any net, and agrees with Captum."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerGradCam, Occlusion, Saliency, ShapleyValues
from nets import KINDS, LABELS, InPlace, Perceptron, ResNet, VisionTransformer, Wrapped, noise, seeded
from torch import nn

from hitl_widgets.drawing.overlay import resample
from hitl_widgets.errors import BadInput, HitlError, ImageError, ModelError, UnknownLabel
from hitl_widgets.explain import attribute
from hitl_widgets.explain.attribute import METHODS, NetExplainer
from hitl_widgets.items.superpixels import superpixels
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import Preprocess, picture
from hitl_widgets.testing import MemoryPool


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
    return NetExplainer(NetPredictor(net, MemoryPool(images), LABELS, **arguments), layer=layer)


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
        assert (answer.item_id, answer.method, answer.target) == ("item-0001", method, "Lb")
        assert answer.model == why.predictor.version
        assert answer.box == (0, 0, 28, 28)
        assert np.isfinite(answer.values).all()
        assert (answer.values >= 0).all() or answer.signed
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.long
@pytest.mark.parametrize("against", [None, ["La", "Lb", "Lc", "Lc"]])
def test_they_agree_with_captum_called_directly(against):
    net, images = seeded(ResNet, 3).eval(), noise(4)
    targets, columns = ["Lc", "La", "Lb", "La"], torch.tensor([2, 0, 1, 0])
    why, x = explainer(net, images, layer="layer2.conv2"), inputs(images).requires_grad_()
    other = None if against is None else torch.tensor([LABELS.index(label) for label in against])

    def speaks(x, columns, other=None):
        logits = net(x)
        spoken = logits.gather(1, columns[:, None])[:, 0]
        return spoken if other is None else spoken - logits.gather(1, other[:, None])[:, 0]
    more = {"additional_forward_args": columns if other is None else (columns, other)}
    cam = LayerGradCam(speaks, net.layer2.conv2).attribute(x, relu_attributions=True, **more)
    theirs = {"gradcam": LayerGradCam.interpolate(cam, (28, 28), interpolate_mode="bilinear"),
              "saliency": Saliency(speaks).attribute(x, **more),
              "input_x_gradient": InputXGradient(speaks).attribute(x, **more),
              "integrated_gradients": IntegratedGradients(speaks).attribute(x, **more),
              "occlusion": Occlusion(speaks).attribute(x, (1, 4, 4), strides=(1, 2, 2), **more)}
    for method, values in theirs.items():
        ours = np.array([a.values for a in why.explain_many(range(4), method=method, targets=targets, against=against)])
        np.testing.assert_allclose(ours, values[:, 0].detach(), atol=1e-5)
        assert ours.max() > 0


def test_shares_of_few_superpixels_are_captums_own_shapley_values(monkeypatch):
    monkeypatch.setattr(attribute, "SEGMENTS", 5)
    net, images = seeded(ResNet, 3).eval(), noise(2)
    for row, column, shade in ((0, 0, 250), (0, 14, 20), (14, 0, 90), (14, 14, 160)):
        images[1, row:row + 14, column:column + 14] = shade
    why, x = explainer(net, images), inputs(images)
    for row, target in enumerate(["Lb", "Lc"]):
        segments = torch.from_numpy(superpixels(picture(x[row]), n=5))
        theirs = ShapleyValues(net).attribute(x[row:row + 1], target=LABELS.index(target), feature_mask=segments[None],
                                              perturbations_per_eval=8)
        ours = why.explain(row, method="kernelshap", target=target).values
        assert 2 + 2 * row <= len(np.unique(ours)) <= 7
        np.testing.assert_allclose(ours, theirs[0, 0], atol=1e-5)


def linear(seed=0):
    net = nn.Sequential(nn.Flatten(), nn.Linear(14 * 14, 3))
    nn.init.normal_(net[1].weight, generator=torch.Generator().manual_seed(seed))
    return net


def test_of_a_linear_net_each_method_gives_what_is_computed_by_hand():
    """Each pixel brings its weight times its value: that is what it loses when hidden, and what its part adds up."""
    net, images = linear(), noise(1, (14, 14))
    why, x = explainer(net, images), inputs(images)[0]
    brings = ((net[1].weight[2] - net[1].weight[0]).reshape(14, 14) * x[0]).detach().numpy()

    def said(method):
        return why.explain(0, method=method, target="Lc", against="La").values
    for method in ("input_x_gradient", "integrated_gradients"):
        np.testing.assert_allclose(said(method), brings, atol=1e-4)
    parts = superpixels(picture(x), n=30)
    of_parts = np.bincount(parts.ravel(), brings.ravel())
    np.testing.assert_allclose(said("kernelshap"), of_parts[parts], atol=1e-3)
    # Windows of 2 x 2 that move by 1: a pixel's value is the mean over the windows that hide it.
    windows = np.lib.stride_tricks.sliding_window_view(brings, (2, 2)).sum(axis=(2, 3))
    expected = [[windows[max(0, i - 1):i + 1, max(0, j - 1):j + 1].mean() for j in range(14)] for i in range(14)]
    np.testing.assert_allclose(said("occlusion"), expected, atol=1e-4)


@pytest.mark.parametrize("method", ["integrated_gradients", "kernelshap"])
@pytest.mark.parametrize("against", [None, "Lb"])
def test_a_map_adds_up_to_what_it_explains(method, against):
    net, images = seeded(Perceptron, 3).eval(), noise(2)
    values = explainer(net, images).explain(1, method=method, target="Lc", against=against).values
    with torch.no_grad():
        gained = (net(inputs(images)[1:]) - net(torch.zeros(1, 1, 28, 28)))[0]
    expected = gained[2] - (0 if against is None else gained[1])
    if method == "kernelshap":  # a part's share stands at each of its pixels
        parts = superpixels(images[1], n=attribute.SEGMENTS)
        values = np.array([values[parts == part].mean() for part in range(parts.max() + 1)])
    assert values.sum() == pytest.approx(expected.item(), abs=0.01)
    assert values.min() < 0


def test_a_label_merged_from_two_of_the_models_has_the_sum_of_their_probabilities():
    net, images = seeded(Perceptron, 3).eval(), noise(1)
    why, x = explainer(net, images), inputs(images).requires_grad_()
    [ours] = why.explain_many([0], method="input_x_gradient", targets=["Lm"], against=["Lb"],
                              parts={"Lm": ("La", "Lc")})
    probs = net(x).softmax(dim=1)[0]
    (torch.log(probs[0] + probs[2]) - torch.log(probs[1])).backward()
    np.testing.assert_allclose(ours.values, (x * x.grad)[0, 0].detach(), atol=1e-5)
    assert (ours.target, ours.against) == ("Lm", "Lb")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 255])
def test_a_flat_item_has_a_map(method, value):
    answer = explainer(seeded(ResNet, 3), [np.full((28, 28), value, np.uint8)]).explain(0, method=method, target="La")
    assert np.isfinite(answer.values).all()


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "occlusion", "kernelshap"])
def test_an_item_of_one_pixel_has_a_map(method):
    net = nn.Sequential(nn.Flatten(), nn.Linear(1, 3, bias=False))
    nn.init.constant_(net[1].weight, 2)
    values = explainer(net, np.full((1, 1, 1), 255, np.uint8)).explain(0, method=method, target="La").values
    np.testing.assert_allclose(values, [[2]], atol=1e-5)


def test_views_of_many_sizes_are_explained_in_one_go():
    def own_size(image):
        return torch.from_numpy(image[None] / np.float32(255))
    images = [noise(1, shape)[0] for shape in ((20, 24), (28, 28), (20, 24), (33, 17))]
    why = explainer(seeded(ResNet, 3), images, preprocess=own_size)
    for method in METHODS:
        answers = why.explain_many(range(4), method=method, targets=["La"] * 4)
        assert [answer.values.shape for answer in answers] == [image.shape for image in images]


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_no_pass_is_larger_than_its_budget(method, monkeypatch):
    monkeypatch.setattr(attribute, "PASS", 12 * 28 * 28)
    passed = []

    class Watched(ResNet):
        def forward(self, x):
            passed.append(len(x))
            return super().forward(x)
    why = explainer(seeded(Watched, 3), noise(30))
    passed.clear()
    why.explain_many(range(30), method=method, targets=["La"] * 30)
    assert 6 <= max(passed) <= 12


def test_captum_is_asked_again_in_halves_when_memory_runs_out():
    class Small(ResNet):
        def forward(self, x):
            if len(x) > 20:
                raise MemoryError("20 at most")
            return super().forward(x)
    why = explainer(seeded(Small, 3), noise(30))
    answers = why.explain_many(range(30), method="saliency", targets=["La"] * 30)
    assert not [answer for answer in answers if isinstance(answer, HitlError)]


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


@pytest.mark.long
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
    with pytest.raises(ModelError, match=r"item 'item-0003'.*too bright"):
        why.explain(3, target="La")
    with pytest.raises(ImageError, match="400 bytes"):
        why.explain(1, target="La")


def test_nothing_that_speaks_for_a_label_is_a_map_of_zeros():
    why = explainer(Brightness(), [np.full((20, 20), 200, np.uint8)], preprocess=Preprocess(20, channels=1))
    assert not why.explain(0, method="gradcam", target="La").values.any()
    assert not why.explain(0, method="saliency", target="Lc").values.any()


@pytest.mark.parametrize("net", [Perceptron(3), VisionTransformer(3)])
def test_a_net_without_maps_is_told_which_methods_serve(net):
    with pytest.raises(ModelError, match=r"serve it: saliency, .* or lime\.$"):
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
    with pytest.raises(BadInput, match="gradcam, saliency, input_x_gradient, integrated_gradients"):
        why.explain(0, method="magic", target="La")
    with pytest.raises(UnknownLabel, match="Lx"):
        why.explain(0, target="Lx")
    with pytest.raises(UnknownLabel, match="Lx"):
        why.explain(0, target="La", against="Lx")
    with pytest.raises(BadInput, match="compared with itself"):
        why.explain(0, target="La", against="La")
    with pytest.raises(BadInput, match="2 items and 1 targets"):
        why.explain_many([0, 1], targets=["La"])


def test_a_view_that_does_not_lie_upright_on_the_item_is_flagged():
    def mirrored(image):
        return Preprocess(28)(image).flip(2)
    why = explainer(seeded(ResNet, 3), noise(1, (40, 50)), preprocess=mirrored)
    assert why.explain(0, target="La").box == (0, 0, 50, 40)
    assert not why.maps_back
    assert explainer(seeded(ResNet, 3), noise(1, (40, 50))).maps_back


@pytest.mark.long
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", [ResNet, InPlace, Wrapped, VisionTransformer])
def test_half_precision_is_explained(kind, dtype):
    why = explainer(seeded(kind, 3).to(dtype), noise(2))
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
