"""A method that ignores the model fails, and one that finds what the model goes by passes; in plain words."""

import copy
import html

import numpy as np
import pytest
import torch
from nets import KINDS, LABELS, noise, seeded
from shades import small_net
from torch import nn

from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.explain import faithfulness
from hitl_widgets.explain.attribute import METHODS, Method, NetExplainer, Targets
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.quality.intervals import student_mean
from hitl_widgets.testing import MemoryPool

pytestmark = pytest.mark.slow


def textures(n, seed):
    """A patch of stripes that lie, stripes that stand, or a chequerboard, anywhere on noise: and which."""
    rng = np.random.default_rng(seed)
    images, kinds = rng.integers(0, 140, (n, 20, 20)), rng.integers(0, 3, n)
    rows, columns = np.mgrid[:8, :8]
    patches = [rows // 2 % 2, columns // 2 % 2, (rows // 2 + columns // 2) % 2]
    for image, kind in zip(images, kinds, strict=True):
        top, left = rng.integers(0, 13, 2)
        image[top:top + 8, left:left + 8] = 255 * patches[kind]
    return images.astype(np.uint8), kinds


@pytest.fixture(scope="module")
def why():
    """A net that tells the textures apart, and what explains it."""
    images, kinds = textures(600, seed=0)
    views, targets = torch.from_numpy(images[:, None] / np.float32(255)), torch.from_numpy(kinds)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 16, 5, padding=2), nn.ReLU(),
                            nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
                            nn.Flatten(), nn.Linear(16, 3))
        optimiser = torch.optim.Adam(net.parameters(), 0.004)
        for _ in range(12):
            for some in torch.randperm(600).split(50):
                optimiser.zero_grad()
                nn.functional.cross_entropy(net(views[some]), targets[some]).backward()
                optimiser.step()
    shown, truth = textures(40, seed=1)
    why = NetExplainer(NetPredictor(net, MemoryPool(shown), LABELS))
    assert (why.predictor.predict(range(40)).argmax(axis=1) == truth).mean() > 0.9
    return why


def edges(explainer, views, asked):
    """No explanation at all: how bright neighbours differ."""
    grey = views.detach().mean(dim=1)
    found = torch.zeros_like(grey)
    found[:, 1:] += grey.diff(dim=1).abs()
    found[:, :, 1:] += grey.diff(dim=2).abs()
    return found


def checked(why, method, n=24, **arguments):
    [found] = faithfulness.measure_faithfulness(why, range(n), methods=[method], **arguments)
    return found


@pytest.mark.long
@pytest.mark.parametrize("method", ["gradcam", "saliency", "input_x_gradient", "occlusion"])
def test_a_method_that_finds_what_the_model_goes_by_is_trusted(why, method):
    found = checked(why, method)
    assert found.trusted is True
    assert "better than chance" in found.verdict
    assert found.n == 24


def test_an_edge_detector_posing_as_a_method_fails(why, monkeypatch):
    monkeypatch.setitem(METHODS, "edges", Method(edges))
    found = checked(why, "edges")
    assert found.trusted is False
    assert found.randomised.value == pytest.approx(1)
    assert "shows the item, not what the model makes of it" in found.verdict


@pytest.mark.long
def test_a_method_that_points_away_from_what_counts_fails(why, monkeypatch):
    monkeypatch.setitem(METHODS, "away", Method(lambda why, *given: -METHODS["occlusion"].compute(why, *given)))
    found = checked(why, "away")
    assert found.trusted is False
    assert "at random changes more" in found.verdict


def test_a_map_of_zeros_is_not_trusted(why, monkeypatch):
    monkeypatch.setitem(METHODS, "zeros", Method(lambda why, views, asked: torch.zeros_like(views[:, 0])))
    found = checked(why, "zeros")
    assert found.trusted is None
    assert found.verdict == "Its maps are flat, so they show nothing."


def test_too_few_items_or_too_little_time_decide_nothing(why):
    assert checked(why, "gradcam", n=2).trusted is None
    assert checked(why, "occlusion", budget_s=1e-3).n == 2


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_net_is_checked_without_being_changed(kind):
    predictor = NetPredictor(seeded(KINDS[kind], 3), MemoryPool(noise(5)), LABELS)
    before = copy.deepcopy(predictor.net.state_dict())
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    found = faithfulness.measure_faithfulness(NetExplainer(predictor), range(5), budget_s=4)
    assert torch.equal(torch.rand(3), expected)
    assert [one.method for one in found] == list(NetExplainer(predictor).methods)
    assert all(torch.equal(before[name], value) for name, value in predictor.net.state_dict().items())
    assert not predictor.net.training
    assert all(abs(one.randomised.value) < 1 for one in found)


def linear(side=14):
    net = nn.Sequential(nn.Flatten(), nn.Linear(side * side, 3, bias=False))
    nn.init.normal_(net[1].weight, generator=torch.Generator().manual_seed(0))
    return net


def test_what_foretells_a_linear_net_exactly_misses_nothing_and_noise_does_not_move_its_gradient():
    """Hiding a square takes away its pixels' weights times their values: that is what input x gradient says."""
    why = NetExplainer(NetPredictor(linear(), MemoryPool(noise(6, (14, 14))), LABELS))
    exact, gradient = faithfulness.measure_faithfulness(why, range(6), methods=["input_x_gradient", "saliency"])
    assert exact.infidelity.value == pytest.approx(0, abs=1e-5)
    assert gradient.sensitivity.value == pytest.approx(0, abs=1e-5)
    assert gradient.infidelity.value > 0.2


def test_what_the_right_order_gains_is_computed_by_hand(monkeypatch):
    """Of four cells one counts. Hidden first, the probability falls from p to q in the first of four steps, an area of
    q + (p - q) / 8; by chance it falls in any of the four, q + (p - q) / 2 on average. And so for showing."""
    for name, value in (("CELLS", 2), ("STEPS", 4), ("ORDERS", 400)):
        monkeypatch.setattr(faithfulness, name, value)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2, bias=False))
    nn.init.zeros_(net[1].weight)
    with torch.no_grad():
        net[1].weight[1, 15] = 3
    why = NetExplainer(NetPredictor(net, MemoryPool([np.full((4, 4), 255, np.uint8)]), ("La", "Lb")))
    views = torch.ones(1, 1, 4, 4)
    targets = Targets(torch.tensor([[False, True]]), torch.ones(1, 2, dtype=torch.bool), torch.zeros(1))
    values = np.zeros((1, 4, 4), np.float32)
    values[0, 3, 3] = 1
    p, q = 1 / (1 + np.exp(-3)), 1 / 2
    for sign in (1, -1):
        gains = faithfulness._gains(why, sign * values, views, targets, np.random.default_rng(0))
        np.testing.assert_allclose(gains, [[sign * (p - q) * 3 / 8]] * 2, atol=0.02)


def test_an_interval_of_a_mean_is_students():
    mean = student_mean([1.0, 2.0, 3.0, np.nan])
    assert (mean.value, mean.n) == (2, 3)
    assert mean.high - mean.value == pytest.approx(4.303 / 3 ** 0.5, abs=1e-3)  # t of 2 degrees, from a table


@pytest.mark.long
def test_the_workbench_gives_a_table(bench):
    wb = bench(model=small_net())
    frame = wb.check_explanations(n=6, budget_s=6)
    assert frame["method"].tolist() == list(METHODS)
    assert {"trusted", "verdict", "randomised", "deletion", "deletion_low", "insertion_high", "infidelity",
            "sensitivity", "n", "seconds"} <= set(frame.columns)
    for page in (repr(frame), frame._repr_html_()):
        for verdict in frame["verdict"]:
            assert verdict in html.unescape(page)  # pandas would cut it
    assert "deletion_low" in repr(frame)
    assert wb.check_explanations("saliency", 4)["method"].tolist() == ["saliency"]
    with pytest.raises(BadInput, match="magic"):
        wb.check_explanations(["magic"])
    with pytest.raises(BadInput, match="n is 0"):
        wb.check_explanations(n=0)
    with pytest.raises(BadInput, match="budget_s is -1"):
        wb.check_explanations(budget_s=-1)
    with pytest.raises(ModelError, match="no model"):
        bench("other").check_explanations()


def test_items_that_cannot_be_read_are_left_out():
    predictor = NetPredictor(linear(28), MemoryPool([None, *noise(4), None]), LABELS)
    assert checked(NetExplainer(predictor), "saliency", n=6).n == 4
    predictor.pool.images[:] = [None] * 6  # type: ignore[attr-defined]
    with pytest.raises(BadInput, match="none of the items"):
        faithfulness.measure_faithfulness(NetExplainer(predictor), range(6))
