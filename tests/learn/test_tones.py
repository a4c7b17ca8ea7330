"""Do tones tell brightness and blur, without changing what the descriptors find alike?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hitl_widgets.learn.descriptors import TONE_SHARE, DescriptorNet, Form, fit_descriptors, unfitted_descriptors
from hitl_widgets.learn.scale_head import fit_scale
from hitl_widgets.learn.tones import Tones, n_tones, tones_of
from hitl_widgets.learn.values import tone_units
from hitl_widgets.learn.weights import load_weights, save_weights


def _noise(n: int, *, side: int = 24, channels: int = 1, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((n, channels, side, side), np.float32))


def _blurred(views: Tensor, widths: np.ndarray) -> Tensor:
    """Each view after so many passes of a box of 3 x 3 pixels."""
    out = views.clone()
    for row, width in enumerate(widths.tolist()):
        for _ in range(int(width)):
            out[row] = functional.avg_pool2d(functional.pad(out[row][None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    return out


@pytest.mark.parametrize("channels", [1, 3])
def test_there_is_a_row_of_finite_numbers_for_every_view(channels: int):
    for views in (_noise(5, channels=channels), torch.zeros(2, channels, 8, 8), torch.ones(2, channels, 1, 1)):
        numbers = tones_of(views, low=0.0, high=1.0)
        assert numbers.shape == (len(views), n_tones(channels))
        assert bool(torch.isfinite(numbers).all())
    views = [_noise(1, side=side, channels=channels)[0] for side in (8, 12)]
    assert torch.equal(tones_of(views, low=0.0, high=1.0)[1], tones_of(views[1][None], low=0.0, high=1.0)[0])


def test_they_are_scaled_to_the_views_that_they_were_fitted_to():
    numbers, tones = tones_of(_noise(50), low=0.0, high=1.0), Tones(1)
    tones.fit(numbers)
    scaled = tones(numbers)
    assert scaled.mean(dim=0).abs().max() < 0.1
    assert bool((scaled.abs() <= 4).all())


def test_what_is_alike_stays_as_it_was():
    views = _noise(60)
    net = fit_descriptors(views)
    with torch.no_grad():
        rows = net(views)
    assert rows.shape == (60, net.n_features)
    parts, tones = rows[:, :net.n_components], rows[:, net.n_components:]
    assert float(tones.var(dim=0).sum()) == pytest.approx(TONE_SHARE * float(parts.var(dim=0).sum()), rel=0.2)
    apart, apart_of_parts = torch.cdist(rows, rows), torch.cdist(parts, parts)
    assert bool((apart - apart_of_parts).abs().max() < 0.01 * apart_of_parts.max())


@pytest.mark.long
@pytest.mark.parametrize("what", ["brightness", "blur"])
def test_a_scale_of_brightness_or_blur_is_learnt_from_few_answers(what: str):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 7, 160).astype(float)
    views = _noise(160, side=32) * torch.from_numpy(0.3 + 0.1 * truth).float()[:, None, None, None] \
        if what == "brightness" else _blurred(_noise(160, side=32), truth)
    net = fit_descriptors(views)
    with torch.no_grad():
        rows = net(views)
    learnt, tested = np.arange(60), np.arange(60, 160)
    answers, draws = np.clip(truth[learnt] + rng.normal(0, 0.5, 60), 0, 6), rng.random(60)
    errors = {}
    for name, units in (("with", tone_units(net.n_features, net.n_features - net.n_components)), ("without", None)):
        part = rows if units is not None else rows[:, :net.n_components]
        head = fit_scale(part[learnt], answers, np.ones(60), low=0.0, high=6.0, draws=draws, units=units).head
        with torch.no_grad():
            errors[name] = float(np.abs(head(part[tested])[:, 0].numpy() - truth[tested]).mean())
    assert errors["with"] < 0.45
    assert errors["with"] < errors["without"]


def test_views_of_their_own_sizes_have_the_rows_that_a_batch_has():
    views = _noise(6, side=80)
    net = fit_descriptors(views)
    with torch.no_grad():
        assert torch.allclose(net(views), net.rows_of(list(views)), atol=1e-6)


def test_descriptors_of_an_earlier_version_have_none(tmp_path: Path):
    former = DescriptorNet(channels=1, form=Form(16), tones=False)
    save_weights(former, tmp_path / "former.safetensors")
    net = unfitted_descriptors(tmp_path / "former.safetensors")
    assert net.n_features == net.n_components
    load_weights(net, tmp_path / "former.safetensors")
    assert net(_noise(2)).shape == (2, net.n_components)
