"""Tones of images: how bright, how contrasted, how sharp and how coloured a view is, in a dozen numbers.

Descriptors capture the layout of a view, and hardly change with its brightness or contrast. But a value on a scale,
such as brightness or blur, often depends on little else. Like the descriptors, `Tones` is fitted to a pool without
labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Added to energies before their logarithm is taken, so that a flat view has one.
FLAT = 1e-5
# Numbers are clipped at this many standard deviations.
MOST = 4.0


def n_tones(channels: int) -> int:
    """The number of tones for views with this many channels."""
    return 8 + channels + (channels == 3)


class Tones(nn.Module):
    """Standardised tones of each view: mean 0 and standard deviation 1 over the views it was fitted to.

    These are the mean of each channel; of the mean channel the square root of the mean, the standard deviation, the
    logarithms of the gradient energy across and down, at the view's own size and at half of it, and the ratios of the
    energy at its own size to that at half and to the variance (both fall with blur); with three channels, how far these
    differ.

    Parameters
    ----------
    channels : int
        Channels of the views.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_tones(channels)))
        self.register_buffer("deviation", torch.ones(n_tones(channels)))

    def fit(self, numbers: Tensor) -> None:
        """Set mean and deviation from the output of `tones_of` for some views, shape (n, n_tones)."""
        self.mean.copy_(numbers.mean(dim=0))
        self.deviation.copy_(numbers.std(dim=0, unbiased=False).clamp_min(1e-4))

    def forward(self, numbers: Tensor) -> Tensor:
        """Standardise the output of `tones_of`, shape (n, n_tones)."""
        return ((numbers - self.mean) / self.deviation).clamp(-MOST, MOST)


def tones_of(views: Tensor | Sequence[Tensor], *, low: float | Tensor, high: float | Tensor) -> Tensor:
    """The tones of some views before standardisation: float32, shape (n, n_tones).

    Parameters
    ----------
    views : Tensor of shape (n, C, h, w), or sequence of Tensor of shape (C, h, w)
        At their own sizes: blur that is visible there may vanish in a smaller view.
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
    """Mean squared difference of neighbours along an axis, shape (n,); 0 for a length of one pixel."""
    if grey.shape[axis] < 2:
        return grey.new_zeros(len(grey))
    return grey.diff(dim=axis).square().mean(dim=(1, 2, 3))
