"""Tones of images: how bright, how contrasted, how sharp and how coloured a view is, in a dozen numbers.

Descriptors say what lies where in a view, and hardly change with its brightness or contrast. But a value on a scale,
such as brightness or blur, often depends on little else. `Tones` is fitted to a pool without a label, as the
descriptors are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Added to energies before their logarithm is taken, so that a flat view has one.
FLAT = 1e-5
# Deviations beyond which a view counts as no more unusual.
MOST = 4.0


def n_tones(channels: int) -> int:
    """How many numbers views of so many channels have."""
    return 8 + channels + (channels == 3)


class Tones(nn.Module):
    """A row of numbers for each view, each with mean 0 and deviation 1 over the views that it was fitted to.

    The mean of each channel; of the mean channel the square root of the mean, the deviation, the logarithms of the
    energy of slopes across and down, at the view's own size and at half of it, the energy at its own size as a part of
    that at half, and as a part of the variance (both fall with blur); of three channels also how far they differ.

    Parameters
    ----------
    channels : int
        Of the views.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_tones(channels)))
        self.register_buffer("deviation", torch.ones(n_tones(channels)))

    def fit(self, numbers: Tensor) -> None:
        """Take mean and deviation from what `tones_of` gave for some views, shape (n, n_tones)."""
        self.mean.copy_(numbers.mean(dim=0))
        self.deviation.copy_(numbers.std(dim=0, unbiased=False).clamp_min(1e-4))

    def forward(self, numbers: Tensor) -> Tensor:
        """From what `tones_of` gives to the same in deviations from the mean, shape (n, n_tones)."""
        return ((numbers - self.mean) / self.deviation).clamp(-MOST, MOST)


def tones_of(views: Tensor | Sequence[Tensor], *, low: float | Tensor, high: float | Tensor) -> Tensor:
    """The numbers of some views before they are scaled: float32, shape (n, n_tones).

    Parameters
    ----------
    views : Tensor of shape (n, C, h, w), or sequence of Tensor of shape (C, h, w)
        At their own sizes: a blur that is seen there may be gone in a smaller view.
    low, high : float
        Smallest and largest number in views, which count as 0 and 1.
    """
    if not isinstance(views, Tensor):
        return torch.cat([tones_of(view[None], low=low, high=high) for view in views])
    shown = ((views.float() - low) / max(float(high) - float(low), 1e-6)).clamp(0, 1)
    means = shown.mean(dim=(2, 3))
    grey = shown.mean(dim=1, keepdim=True)
    mean = grey.mean(dim=(1, 2, 3))
    variance = (grey - mean[:, None, None, None]).square().mean(dim=(1, 2, 3))
    half = functional.avg_pool2d(grey, 2) if min(grey.shape[-2:]) > 1 else grey
    energies = [_energy(of, axis) for of in (grey, half) for axis in (3, 2)]
    sharp, coarse = energies[0] + energies[1] + FLAT, energies[2] + energies[3] + FLAT
    columns = [(mean + 1e-6).sqrt(), (variance + 1e-6).sqrt(), *((energy + FLAT).log() for energy in energies),
               (sharp / coarse).log(), (sharp / (variance + FLAT)).log()]
    if shown.shape[1] == 3:
        columns.append((shown.amax(dim=1) - shown.amin(dim=1)).mean(dim=(1, 2)))
    return torch.cat([means, torch.stack(columns, dim=1)], dim=1)


def _energy(grey: Tensor, axis: int) -> Tensor:
    """Mean square of the slope along an axis, shape (n,); 0 where a view has one pixel there."""
    if grey.shape[axis] < 2:
        return grey.new_zeros(len(grey))
    return grey.diff(dim=axis).square().mean(dim=(1, 2, 3))
