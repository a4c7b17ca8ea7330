"""A model says what it thinks of each item, and has a name."""

from __future__ import annotations

import copy
import re
import threading

import numpy as np
import pytest
import torch
from nets import KINDS, LABELS, Perceptron, ResNet, noise, seeded
from torch import nn

from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.predict import NetPredictor, pick_device, private_copy
from hitl_widgets.learn.preprocess import Preprocess
from hitl_widgets.learn.weights import load_weights, save_weights, weights_version
from hitl_widgets.testing import MemoryPool


class Fails(Perceptron):
    """Fails in some way on a bright item."""

    def __init__(self, how):
        super().__init__(3)
        self.how = how

    def forward(self, x):
        bright = x.mean(dim=(1, 2, 3)) > 0.9
        if bright.any() and self.how == "raises":
            raise KeyError("lamp")
        broken = float("nan" if self.how == "raises" else self.how)
        return super().forward(x).masked_fill(bright[:, None], broken)


def same(net, before):
    return all(torch.equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_any_net_predicts_without_being_changed(kind):
    net = seeded(KINDS[kind], 3).train()
    before = copy.deepcopy(net.state_dict())
    predictor = NetPredictor(net, MemoryPool(noise(20)), LABELS, batch_size=8)
    probs = predictor.predict(range(20))
    assert (probs.shape, probs.dtype) == ((20, 3), np.float32)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert np.ptp(probs, axis=0).min() > 0
    assert net.training
    assert same(net, before)


def test_it_predicts_what_the_net_would_in_evaluation_mode():
    net, images = seeded(ResNet, 3), noise(9)
    theirs = net.eval()(torch.from_numpy(images[:, None] / np.float32(255))).softmax(dim=1)
    predictor = NetPredictor(net.train(), MemoryPool(images), LABELS, batch_size=4)
    np.testing.assert_allclose(predictor.predict([8, 0, 3]), theirs[[8, 0, 3]].detach(), atol=1e-6)


def test_an_item_that_cannot_be_read_is_a_row_of_nan():
    images = list(noise(6))
    images[2] = images[5] = None
    predictor = NetPredictor(Perceptron(3), MemoryPool(images), LABELS, batch_size=2)
    probs = predictor.predict(range(6))
    assert np.flatnonzero(np.isnan(probs).any(axis=1)).tolist() == [2, 5]
    assert set(predictor.unreadable) == {2, 5}
    assert "400 bytes" in predictor.unreadable[2]
    assert (predictor.predict([2]).shape, predictor.predict([]).shape) == ((1, 3), (0, 3))


@pytest.mark.parametrize(("how", "said"), [("raises", "KeyError.*lamp"), ("nan", "finite"), ("inf", "finite")])
def test_the_item_that_breaks_a_net_is_named(how, said):
    images = noise(16)
    images[11] = 255
    predictor = NetPredictor(Fails(how), MemoryPool(images), LABELS, batch_size=16)
    probs = predictor.predict(range(16))
    assert np.flatnonzero(np.isnan(probs).any(axis=1)).tolist() == [11]
    assert re.search(f"item 'item-0011'.*{said}", predictor.unreadable[11])
    assert np.isnan(predictor.predict([11])).all()


@pytest.mark.parametrize(("how", "said"), [("raises", "KeyError.*lamp"), ("nan", "finite")])
def test_a_net_that_fails_on_every_item_raises(how, said):
    predictor = NetPredictor(Fails(how), MemoryPool(np.full((16, 28, 28), 255, np.uint8)), LABELS, batch_size=4)
    with pytest.raises(ModelError, match=f"item 'item-0003'.*{said}"):
        predictor.predict([3])
    with pytest.raises(ModelError, match=f"item 'item-0000'.*{said}"):
        predictor.predict(range(16))


def test_no_item_is_blamed_when_the_memory_is_short():
    class Large(Perceptron):
        def forward(self, x):
            if x.mean(dim=(1, 2, 3)).max() > 0.9:
                raise torch.cuda.OutOfMemoryError("out of memory")
            return super().forward(x)
    images = noise(4)
    images[2] = 255
    predictor = NetPredictor(Large(3), MemoryPool(images), LABELS)
    with pytest.raises(ModelError, match=r"item 'item-0002'.*out of memory"):
        predictor.predict(range(4))
    assert not predictor.unreadable


def test_a_batch_too_large_for_memory_is_halved():
    class Small(Perceptron):
        def forward(self, x):
            if len(x) > 3:
                raise torch.cuda.OutOfMemoryError("out of memory")
            return super().forward(x)
    net, gallery = seeded(Small, 3), MemoryPool(noise(16))
    one_by_one = NetPredictor(net, gallery, LABELS, batch_size=1).predict(range(16))
    np.testing.assert_allclose(NetPredictor(net, gallery, LABELS, batch_size=16).predict(range(16)), one_by_one,
                               rtol=1e-5)


@pytest.mark.parametrize(("net", "said"), [
    (Perceptron(5), "5 outputs an item, but the taxonomy has 3 labels"),
    (nn.Identity(), r"\(1, 1, 28, 28\).*\(1, 3\) is expected"),
])
def test_outputs_that_do_not_fit_are_told_of(net, said):
    predictor = NetPredictor(net, MemoryPool(noise(4)), LABELS)
    with pytest.raises(ModelError, match=said):
        predictor.predict([0])


def test_an_output_without_logits_is_told_of():
    class Chatty(Perceptron):
        def forward(self, x):
            return "hello"
    with pytest.raises(ModelError, match="gave str"):
        NetPredictor(Chatty(3), MemoryPool(noise(4)), LABELS).predict([0])


@pytest.mark.parametrize("as_output", [lambda y: {"logits": y}, lambda y: (y, None), lambda y: y[:, :, None, None]])
def test_logits_are_found_in_what_comes(as_output):
    class Packed(Perceptron):
        def forward(self, x):
            return as_output(super().forward(x))
    gallery = MemoryPool(noise(4))
    plain, packed = (NetPredictor(seeded(kind, 3), gallery, LABELS) for kind in (Perceptron, Packed))
    np.testing.assert_array_equal(packed.predict(range(4)), plain.predict(range(4)))


def test_a_net_that_ends_in_softmax_keeps_its_probabilities():
    plain = seeded(Perceptron, 3)
    gallery = MemoryPool(noise(4))
    np.testing.assert_allclose(NetPredictor(nn.Sequential(plain, nn.Softmax(dim=1)), gallery, LABELS).predict(range(4)),
                               NetPredictor(plain, gallery, LABELS).predict(range(4)), rtol=1e-5)


def test_half_precision_nets_serve():
    probs = NetPredictor(seeded(ResNet, 3).to(torch.bfloat16), MemoryPool(noise(4)), LABELS).predict(range(4))
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_are_what_the_last_linear_layer_reads(kind):
    net, gallery = seeded(KINDS[kind], 3).eval(), MemoryPool(noise(5))
    predictor = NetPredictor(net, gallery, LABELS)
    head = [layer for layer in predictor.net.modules() if isinstance(layer, nn.Linear)][-1]
    logits = torch.from_numpy(predictor.embed(range(5))) @ head.weight.detach().T + head.bias.detach()
    np.testing.assert_allclose(logits.softmax(dim=1), predictor.predict(range(5)), atol=1e-5)


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_are_what_a_hook_would_see_in_evaluation_mode(kind, halved):
    net, images = seeded(KINDS[kind], 3).eval(), noise(5)
    net = net.to(torch.bfloat16) if halved else net
    head = [layer for layer in net.modules() if isinstance(layer, nn.Linear)][-1]
    seen = []
    hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().clone()))
    views = torch.from_numpy(images[:, None] / np.float32(255)).to(next(net.parameters()).dtype)
    with torch.no_grad():
        net(views.clone())
    hook.remove()
    embedded = NetPredictor(net.train(), MemoryPool(images), LABELS).embed(range(5))
    assert embedded.dtype == np.float32
    np.testing.assert_allclose(embedded, seen[0].float(), atol=1e-5)


def test_probabilities_and_embeddings_of_one_pass_are_those_of_two():
    images = list(noise(9))
    images[4] = None
    predictor = NetPredictor(seeded(ResNet, 3), MemoryPool(images), LABELS, batch_size=4)
    probs, embedded = predictor.predict_and_embed(range(9))
    np.testing.assert_allclose(probs, predictor.predict(range(9)), atol=1e-6)
    assert embedded.shape == (9, 16)
    assert np.flatnonzero(np.isnan(embedded).any(axis=1)).tolist() == [4]


def test_the_embedding_of_a_named_layer_is_what_it_reads():
    net, images = seeded(Perceptron, 3).eval(), noise(4)
    embedded = NetPredictor(net, MemoryPool(images), LABELS, head="1").embed(range(4))
    np.testing.assert_allclose(embedded, images.reshape(4, -1) / np.float32(255), atol=1e-6)


def test_the_maps_that_a_named_convolution_reads_are_averaged_over_their_places():
    net = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = noise(3)
    predictor = NetPredictor(net, MemoryPool(images), LABELS, head="1")
    with torch.no_grad():
        maps = net[0](torch.from_numpy(images[:, None] / np.float32(255)))
    np.testing.assert_allclose(predictor.embed(range(3)), maps.mean(dim=(2, 3)), atol=1e-5)


def test_a_net_whose_last_layer_is_not_found_predicts_and_says_how_to_name_it():
    net = nn.Sequential(nn.Conv2d(1, 3, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    predictor = NetPredictor(net, MemoryPool(noise(5)), LABELS)
    with pytest.raises(ModelError, match=r"no nn.Linear with 3 outputs.*head='fc'"):
        predictor.embed(range(5))
    assert np.isfinite(predictor.predict(range(5))).all()
    with pytest.raises(ModelError, match="no layer 'fc'; its last ones are 0, 1, 2"):
        NetPredictor(net, MemoryPool(noise(5)), LABELS, head="fc")


def test_a_last_layer_that_the_net_never_calls_is_told_of():
    class Aside(Perceptron):
        def __init__(self, n_labels):
            super().__init__(n_labels)
            self.aside = nn.Linear(7, n_labels)

        def forward(self, x):
            return self[3](self[2](self[1](self[0](x))))
    predictor = NetPredictor(Aside(3), MemoryPool(noise(5)), LABELS)
    with pytest.raises(ModelError, match="doesn't call its layer 'aside'"):
        predictor.embed(range(5))
    assert predictor.predict_and_embed(range(5))[1].shape == (5, 0)


def test_threads_that_predict_and_embed_on_one_net_do_not_disturb_each_other():
    predictor = NetPredictor(seeded(ResNet, 3), MemoryPool(noise(32)), LABELS, batch_size=4)
    probs, features = predictor.predict(range(32)), predictor.embed(range(32))
    wrong = []

    def ask(ask_for, expected):
        for _ in range(5):
            if not np.allclose(ask_for(range(32)), expected, atol=1e-6):
                wrong.append(ask_for)
    threads = [threading.Thread(target=ask, args=pair)
               for pair in [(predictor.predict, probs), (predictor.embed, features)] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_version_follows_from_the_weights_alone():
    net, twin, other = seeded(ResNet, 3), seeded(ResNet, 3), seeded(ResNet, 3, seed=1)
    assert re.fullmatch("[0-9a-f]{16}", weights_version(net))
    assert weights_version(net) == weights_version(twin.eval()) == weights_version(private_copy(net))
    assert weights_version(net) != weights_version(other)
    with torch.no_grad():
        twin.fc.bias[0] += 1e-6
    assert weights_version(net) != weights_version(twin)


def test_a_version_tells_types_and_shapes_apart():
    nets = nn.Linear(2, 2, bias=False), nn.Linear(4, 1, bias=False), nn.Linear(2, 2, bias=False).half()
    for net in nets:
        nn.init.zeros_(net.weight)
    assert len({weights_version(net) for net in nets}) == 3


def test_weights_come_back_as_they_were_saved(tmp_path):
    net, other = seeded(ResNet, 3), seeded(ResNet, 3, seed=1)
    before = weights_version(other)
    save_weights(net, tmp_path / "a.safetensors", metadata={"version": "x"})
    assert weights_version(load_weights(other, tmp_path / "a.safetensors")) == weights_version(net)
    assert weights_version(other) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_weights_that_two_layers_share_are_saved_once_and_stay_shared(tmp_path):
    def tied():
        net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
        net[2].weight = net[0].weight
        return net
    net = seeded(tied)
    save_weights(net, tmp_path / "a")
    again = load_weights(seeded(tied, seed=1), tmp_path / "a")
    assert again[2].weight is again[0].weight
    assert weights_version(again) == weights_version(net)


def test_weights_of_another_net_are_refused_by_name(tmp_path):
    save_weights(seeded(ResNet, 3), tmp_path / "a")
    with pytest.raises(ModelError, match=r"fc.bias is \(3,\) in the file and \(4,\) in the net"):
        load_weights(ResNet(4), tmp_path / "a")
    with pytest.raises(ModelError, match="is only in the file"):
        load_weights(Perceptron(3), tmp_path / "a")
    save_weights(nn.Sequential(nn.Linear(2, 2)), tmp_path / "b")
    with pytest.raises(ModelError, match=r"1.bias is only in the net; 1.weight is only in the net"):
        load_weights(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), tmp_path / "b")


def test_a_damaged_or_missing_file_of_weights_is_told_of(tmp_path):
    save_weights(Perceptron(3), tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(whole[:len(whole) // 2])
    for name in ("a", "nowhere"):
        with pytest.raises(ModelError, match="can't be read"):
            load_weights(Perceptron(3), tmp_path / name)


def test_a_failed_save_leaves_the_former_file(tmp_path, monkeypatch):
    save_weights(seeded(Perceptron, 3), tmp_path / "a")
    before = (tmp_path / "a").read_bytes()

    def full(*_, **__):
        raise OSError("disk full")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        save_weights(seeded(Perceptron, 3, seed=1), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_no_net_or_has_no_weights_yet_is_refused():
    for wrong in ("resnet18", nn.Sequential(nn.Flatten(), nn.LazyLinear(3))):
        with pytest.raises(ModelError):
            NetPredictor(wrong, MemoryPool(noise(2)), LABELS)


def test_an_item_that_the_preprocess_refuses_is_a_row_of_nan_and_is_named():
    def picky(image):
        if image.max() == 0:
            raise ValueError("too dark")
        return Preprocess(28)(image)
    images = noise(4)
    images[3] = 0
    predictor = NetPredictor(Perceptron(3), MemoryPool(images), LABELS, preprocess=picky)
    assert np.isnan(predictor.predict(range(4))).any(axis=1).tolist() == [False, False, False, True]
    assert re.search(r"item 'item-0003'.*too dark", predictor.unreadable[3])
    assert np.isnan(predictor.predict([3])).all()


def test_devices_go_by_name():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(BadInput, match="toaster"):
        pick_device("toaster")


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3), (128, 1), ((48, 96), 3)])
def test_the_own_net_ends_in_maps_about_seven_pixels_wide(size, channels):
    height, width = (size, size) if isinstance(size, int) else size
    net = small_cnn(5, channels=channels, size=size).eval()
    maps = net[:-3](torch.zeros(2, channels, height, width))
    assert 5 <= min(maps.shape[2:]) <= 9
    assert net(torch.zeros(2, channels, height, width)).shape == (2, 5)


def test_the_own_net_depends_on_its_seed_and_leaves_torchs_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    versions = [weights_version(small_cnn(3, seed=seed)) for seed in (0, 0, 1)]
    assert versions[0] == versions[1] != versions[2]
    assert torch.equal(torch.rand(3), expected)
