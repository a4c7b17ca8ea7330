"""The optimizers of nets and light models: torch's own, without its compiler; and layers, without sympy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import hitl_widgets
from hitl_widgets.learn.optimizers import LBFGS, AdamW

PACKAGE = Path(hitl_widgets.__file__).parent


def learnt(kind, *, n_steps=5, between=lambda optimizer: None, **how):
    """The weights of a small net after some steps."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net, views = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)), torch.randn(32, 4)
    optimizer = kind([{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.02}]
                     if "weight_decay" in how else net.parameters(), **how)

    def loss():
        optimizer.zero_grad()
        found = (net(views)[:, 0] - views.square().sum(1)).square().mean()
        found.backward()
        return found
    for _ in range(n_steps):
        optimizer.step(loss)
        between(optimizer)
    return nn.utils.parameters_to_vector(net.parameters())


@pytest.mark.parametrize(("ours", "torchs", "how"), [
    (AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.05}),
    (AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.05, "foreach": True}),
    (LBFGS, torch.optim.LBFGS, {"lr": 0.5, "line_search_fn": "strong_wolfe"})])
def test_they_learn_what_torchs_learn_to_the_last_bit(ours, torchs, how):
    expected = learnt(torchs, **how)
    assert not torch.equal(expected, learnt(torchs, n_steps=0, **how))
    assert torch.equal(learnt(ours, **how), expected)
    assert torch.equal(learnt(ours, between=lambda one: one.load_state_dict(one.state_dict()), **how), expected)


def test_the_state_of_one_is_that_of_the_other():
    weight, other = (nn.Parameter(torch.ones(3)) for _ in range(2))
    ours, torchs = AdamW([weight], lr=0.1), torch.optim.AdamW([other], lr=0.1)
    for optimizer in (ours, torchs):
        optimizer.step(lambda used=optimizer: used.param_groups[0]["params"][0].square().sum().backward())
    torchs.load_state_dict(ours.state_dict())
    assert torch.equal(torchs.state[other]["exp_avg"], ours.state[weight]["exp_avg"])
    assert ours.state_dict()["param_groups"] == torchs.state_dict()["param_groups"]


@pytest.mark.long
def test_neither_they_nor_layers_whose_weights_come_later_load_torchs_compiler():
    code = """
import sys, torch
from hitl_widgets.learn.optimizers import LBFGS, AdamW
from hitl_widgets.learn.weights import unset
weight = torch.nn.Parameter(torch.ones(3))
for optimizer in AdamW([weight], lr=0.1), LBFGS([weight], line_search_fn="strong_wolfe"):
    def loss():
        optimizer.zero_grad()
        found = weight.square().sum()
        found.backward()
        return found
    optimizer.step(loss)
    optimizer.load_state_dict(optimizer.state_dict())
chance = torch.random.get_rng_state()
layers = unset(torch.nn.Linear, 3, 2), unset(torch.nn.Conv2d, 1, 4, 3, bias=False)
assert [tuple(value.shape) for layer in layers for value in layer.state_dict().values()] == [(2, 3), (2,), (4, 1, 3, 3)]
assert not any(value.is_meta for layer in layers for value in layer.parameters())
assert torch.equal(chance, torch.random.get_rng_state())
print(*sorted({"torch._dynamo", "sympy"} & set(sys.modules)), "are loaded")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["are", "loaded"]


@pytest.mark.long
def test_nothing_else_makes_an_optimizer_of_torch():
    found = [f"{path.relative_to(PACKAGE)}:{node.lineno}" for path in PACKAGE.rglob("*.py")
             if path.name != "optimizers.py" for node in ast.walk(ast.parse(path.read_text("utf-8")))
             if isinstance(node, ast.Call) and "optim." in ast.unparse(node.func)]
    assert found == []
