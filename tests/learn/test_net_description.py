"""A net as text: what is built from its description computes the same bits, and what can't be described is named."""

from __future__ import annotations

import functools
import json

import block_nets
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from hitl_widgets.errors import ModelError
from hitl_widgets.learn.average import AverageNet
from hitl_widgets.learn.net_description import build, describe
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.outputs import Unsquashed
from hitl_widgets.learn.text_nets import AdditiveTextNet, TextCNN


def rebuilt(net):
    """The net of another process, which has the description as text and the tensors' numbers."""
    told, tensors = describe(net)
    return build(json.loads(json.dumps(told)), {name: tensor.clone() for name, tensor in tensors.items()})


class Tied(nn.Module):
    """Two layers with one weight, a tensor and a tuple as attributes, and a module that stands twice."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.again = self.first
        self.factor, self.sizes, self.names = torch.tensor([2.0, 3, 4, 5]), (4, 4), {"a": [1, None, True]}
        self.norm = functools.partial(nn.LayerNorm, eps=1e-3)
        self.last = self.norm(4)

    def forward(self, x):
        return self.last(self.again(self.second(self.first(x))) * self.factor)


class Reads(nn.Module):
    """The outputs of a recurrent net at the end."""

    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.inner = kind(4, 5, 2, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.inner(x)[0]


IMAGES, ROWS = torch.rand(2, 3, 16, 16), torch.rand(2, 4)
NETS = {
    "residual": (block_nets.ResidualNet, IMAGES), "cnn": (lambda: small_cnn(3, channels=3, size=112), torch.rand(
        2, 3, 112, 112)),
    "deep": (lambda: nn.Sequential(*[nn.Linear(4, 4) for _ in range(12)]), ROWS), "tied": (Tied, ROWS),
    "lstm": (Reads, torch.rand(2, 6, 4)), "gru": (lambda: Reads(nn.GRU), torch.rand(2, 6, 4)),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, activation=nn.functional.gelu), torch.rand(2, 5, 8)),
    "text cnn": (lambda: TextCNN(3), torch.randint(1, 90, (2, 30))),
    "additive": (lambda: AdditiveTextNet(3), torch.randint(1, 90, (2, 30))),
    "average": (lambda: AverageNet(TextCNN(3), TextCNN(3), of_sets=False), torch.randint(1, 90, (2, 30))),
    "sigmoid": (lambda: Unsquashed(nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())), ROWS)}


@pytest.mark.parametrize("name", NETS)
def test_what_is_built_computes_the_same_bits(name):
    make, views = NETS[name]
    torch.manual_seed(0)
    net = make().eval()
    twin = rebuilt(net)
    with torch.no_grad():
        assert torch.equal(twin(views), net(views))
    assert not twin.training
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in net.named_parameters()]
    assert twin.state_dict().keys() == net.state_dict().keys()


@pytest.mark.parametrize("kind", ["Bert", "ViT"])
def test_nets_of_hugging_face(kind):
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    net, views = {
        "Bert": lambda: (transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=90, **small)),
                         torch.randint(1, 90, (2, 9))),
        "ViT": lambda: (transformers.ViTForImageClassification(
            transformers.ViTConfig(image_size=16, patch_size=8, **small)), IMAGES)}[kind]()
    twin = rebuilt(net.eval())
    with torch.no_grad():
        assert torch.equal(twin(views).logits, net(views).logits)


def with_attribute(name, value):
    net = block_nets.ResidualNet()
    setattr(net.body[0], name, value)
    return net


def hooked():
    net = block_nets.ResidualNet()
    net.fc.register_forward_hook(lambda *_: None)
    return net


def defined_inside():
    class Net(nn.Linear):
        pass
    return Net(2, 2)


@pytest.mark.parametrize(("make", "why"), [
    (lambda: with_attribute("how", lambda x: x), r"attribute 'body.0.how'.*no name"),
    (lambda: with_attribute("thing", object()), r"attribute 'body.0.thing' of the net is a builtins.object"),
    (lambda: with_attribute("forward", torch.relu), r"module 'body.0' of the net has its own 'forward'"),
    (hooked, r"module 'fc' of the net has hooks \(forward hooks\)"),
    (defined_inside, r"the class of the net.*no name"),
    (lambda: parametrizations.weight_norm(nn.Linear(2, 2)), r"parametri[sz]"),
], ids=["lambda", "object", "method", "hook", "inside", "parametrised"])
def test_what_cannot_be_described_is_named(make, why):
    with pytest.raises(ModelError, match=why):
        describe(make())


def test_a_class_that_was_defined_again_is_refused(monkeypatch):
    net = block_nets.ResidualNet()
    monkeypatch.setattr(block_nets, "ResidualNet", type("ResidualNet", (nn.Module,), {}))
    with pytest.raises(ModelError, match="was changed, or defined again"):
        describe(net)
