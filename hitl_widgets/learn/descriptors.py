"""Descriptors of images: edge directions, pixels and typical patches, reduced to principal components.

`fit_descriptors` fits a `DescriptorNet` to preprocessed images of a pool ("views"). It needs no labels, and the net
isn't trained after that. The net is a torch module, so that Captum can explain a classifier that is put on top of it.
The queue, the light models that learn in the background, and explanations all use these descriptors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import BadInput
from .patches import PatchFilters
from .tones import Tones, n_tones, tones_of
from .weights import shapes_in, unset

# Number of directions of an edge, without its sign; cells along each side of the image in the fine and the coarse grid.
N_DIRECTIONS, FINE, COARSE = 8, 8, 4
# Added to a block's squared norm, for pixels scaled to a range of 1, so that noise isn't taken for edges.
NORM_FLOOR = 1e-3
# Maximum number of components of each block of features, and the weight of each block.
N_COMPONENTS = {"fine": 100, "coarse": 50, "pixels": 50, "patches": 100}
WEIGHT = {"fine": 1.0, "coarse": 0.7, "pixels": 0.6, "patches": 1.2}
# Variance of the tones relative to that of the components: so small that they don't affect distances between items.
# Heads for scales rescale them.
TONE_SHARE = 1e-4
# Exponent that gives components with small variance a little more weight than their variance.
FLATTENED = 0.3
# Largest and smallest side, in pixels, to which views are scaled.
LARGEST, SMALLEST = 48, 16
# Maximum number of views to which components are fitted: with more views they hardly change.
N_FITTED = 4_000
# Patch filters are fitted to this many views, whose pixels, from 0 to 1, are standardised by this mean and deviation.
N_FOR_FILTERS, MEAN, DEVIATION = 1_500, 0.3, 0.35
# Tones are fitted to this many views.
N_FOR_TONES = 500
# Maximum number of windows along the longer side of a view.
MOST_WINDOWS = 4
# Batch size: 32 views in colour take 50 MB while their edges are counted, and more are no faster.
AT_ONCE = 32


class EdgeHistograms(nn.Module):
    """Histograms of the directions of edges (HOG) in the cells of a grid, each normalised with its neighbours.

    An edge adds its contrast to the bin of its direction and, with less weight, to the nearest bins. In colour images,
    each direction uses the channel with the strongest edge.

    Parameters
    ----------
    cells : int
        Cells along each side.

    References
    ----------
    Dalal and Triggs (2005), Histograms of oriented gradients for human detection, doi:10.1109/CVPR.2005.177.
    """

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells
        angles = torch.arange(N_DIRECTIONS) * math.pi / N_DIRECTIONS
        across = torch.tensor([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
        filters = angles.cos()[:, None, None] * across + angles.sin()[:, None, None] * across.T
        self.slopes = unset(nn.Conv2d, 1, N_DIRECTIONS, 3, bias=False)
        with torch.no_grad():
            self.slopes.weight.copy_(filters[:, None])
        self.slopes.requires_grad_(requires_grad=False)

    def forward(self, views: Tensor) -> Tensor:
        """From views, shape (n, C, h, w), to histograms, shape (n, 4 * 8 * (cells - 1) ** 2)."""
        n, channels, height, width = views.shape
        # Padded, so that cells cover the whole view, and cells at the border are in as many blocks as the others.
        side = self.cells * math.ceil(max(height, width) / (self.cells - 1))
        top, left = (side - height) // 2, (side - width) // 2
        around = (left, side - width - left, top, side - height - top)
        framed = functional.pad(functional.pad(views, (1, 1, 1, 1), mode="replicate"), around, mode="replicate")
        slopes = self.slopes(framed.flatten(0, 1)[:, None])
        # From two directions at a right angle.
        contrast = (slopes[:, :1].square() + slopes[:, N_DIRECTIONS // 2:][:, :1].square() + 1e-8).sqrt()
        # 0 where the edge's direction is a whole step or more away.
        strength = functional.relu(slopes.abs() - math.cos(math.pi / N_DIRECTIONS) * contrast)
        strength = strength.unflatten(0, (n, channels)).amax(dim=1)
        cells = functional.avg_pool2d(strength, side // self.cells)
        k = self.cells - 1
        blocks = torch.stack([cells[:, :, i:i + k, j:j + k] for i in (0, 1) for j in (0, 1)], dim=1)
        for most in (0.2, 1.0):  # clipped (L2-Hys), so that no single direction dominates its block
            norm = (blocks.square().sum(dim=(1, 2), keepdim=True) + NORM_FLOOR).sqrt()
            blocks = (blocks / norm).clamp(max=most)
        return (blocks + 1e-5).sqrt().flatten(1)


class Brightness(nn.Module):
    """Square roots of the pixels, after scaling these from the range [low, high] to [0, 1].

    Parameters
    ----------
    low, high : float
        Smallest and largest pixel in the fitted views.
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("high", torch.tensor(high))

    def forward(self, views: Tensor) -> Tensor:
        """From views, shape (n, C, h, w), to rows, shape (n, C * h * w)."""
        shown = (views - self.low) / (self.high - self.low).clamp_min(1e-6)
        return (shown.clamp(0, 1) + 1e-3).sqrt().flatten(1)


class Components(nn.Module):
    """Principal components: a projection of rows that is fitted once and never trained.

    Parameters
    ----------
    n_inputs, n_components : int
        Width of the rows, and of the projected rows.
    """

    mean: Tensor
    axes: Tensor

    def __init__(self, n_inputs: int, n_components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("axes", torch.zeros(n_components, n_inputs))

    def forward(self, rows: Tensor) -> Tensor:
        """From shape (n, n_inputs) to (n, n_components)."""
        return functional.linear(rows - self.mean, self.axes)

    def fit(self, rows: Tensor, *, weight: float, seed: int) -> None:
        """Fit the projection, scaled so that the rows of components have this root mean square norm.

        Parameters
        ----------
        rows : Tensor, shape (n, n_inputs)
            Some views' rows; they are centred in place.
        weight : float
            The root mean square of the norms of rows of components.
        seed : int
            Seed of the randomised decomposition.

        References
        ----------
        Halko, Martinsson, Tropp (2011), Finding structure with randomness, doi:10.1137/090771806.
        """
        from sklearn.utils.extmath import randomized_svd
        n = min(len(self.axes), *rows.shape)
        self.mean.copy_(rows.mean(dim=0))
        self.axes.zero_()
        rows -= self.mean
        if sum(float(some.square().sum()) for some in rows.split(AT_ONCE)) < 1e-6 * len(rows):
            return
        _, lengths, found = randomized_svd(rows.numpy(), n, n_iter=4, random_state=seed)  # PCA would copy the rows
        variance = np.maximum(lengths ** 2 / max(len(rows) - 1, 1), 1e-9 * lengths[0] ** 2)
        axes = found * (variance / variance[0])[:, None] ** (-FLATTENED / 2)
        scale = weight / math.sqrt(float((variance * (variance / variance[0]) ** -FLATTENED).sum()))
        self.axes[:n] = torch.from_numpy(scale * axes).to(self.axes)


class Form(NamedTuple):
    """The size to which views are scaled: square windows of `side` pixels, in `down` rows of `across` windows."""

    side: int
    across: int = 1
    down: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.side * self.down, self.side * self.across

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return self.across * self.down


class Descriptors(nn.Module, ABC):
    """Base class of nets that compute descriptors of items, on which light models are trained.

    For images it is `DescriptorNet`.

    Attributes
    ----------
    n_windows : int
        Number of parts of an item, each with a descriptor of its own.
    """

    n_windows: int

    @property
    @abstractmethod
    def n_components(self) -> int:
        """Width of a descriptor without tones."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Width of a descriptor."""

    @abstractmethod
    def rows_of(self, views: Sequence[Tensor]) -> Tensor:
        """Descriptors of views that may be of several sizes: float32, shape (n, n_features)."""


class DescriptorNet(Descriptors):
    """Descriptors of images: components of two grids of edge histograms, of the pixels and of typical patches.

    The tones of the view (`tones.Tones`) are appended, with a very small weight.

    Parameters
    ----------
    channels : int
        Number of channels of the views, 1 or 3.
    form : Form or int
        The size to which views are scaled first; a number is the side of one window. The same components describe each
        window; a view's descriptor is the concatenation of those of its windows.
    tones : bool
        Whether tones come after the components; False for descriptors that an earlier version fitted.

    Attributes
    ----------
    n_components, n_features : int
        Width of a descriptor without tones, and with them.
    n_windows : int
        Number of windows.
    """

    tone_factor: Tensor

    def __init__(self, *, channels: int, form: Form | int, tones: bool = True) -> None:
        super().__init__()
        self.form = form if isinstance(form, Form) else Form(form)
        self.side, self.channels, self.n_windows = self.form.side, channels, self.form.n_windows
        side = self.side
        self.register_buffer("view", torch.tensor([channels, side]))  # recorded in the file of weights
        if self.n_windows > 1:
            self.register_buffer("windows", torch.tensor([self.form.across, self.form.down]))
        self.fine, self.coarse, self.pixels = EdgeHistograms(FINE), EdgeHistograms(COARSE), Brightness()
        self.patches = PatchFilters(channels, padding_mode="replicate")  # a border of zeros would look like an edge
        widths = {"fine": 4 * N_DIRECTIONS * (FINE - 1) ** 2, "coarse": 4 * N_DIRECTIONS * (COARSE - 1) ** 2,
                  "pixels": channels * side ** 2, "patches": self.patches.n_outputs}
        self.components = nn.ModuleDict({name: Components(width, N_COMPONENTS[name]) for name, width in widths.items()})
        self.tones = Tones(channels) if tones else None
        if tones:
            self.register_buffer("tone_factor", torch.tensor(0.0))

    @property
    def n_components(self) -> int:
        """Width of a descriptor without tones."""
        return self.n_windows * sum(N_COMPONENTS.values())

    @property
    def n_features(self) -> int:
        """Width of a descriptor."""
        return self.n_components + (n_tones(self.channels) if self.tones is not None else 0)

    def forward(self, views: Tensor) -> Tensor:
        """From views, shape (n, C, h, w), to descriptors, float32, shape (n, n_features)."""
        return self._with_tones(self._of_components(_resized(views, self.form.size)), views)

    def rows_of(self, views: Sequence[Tensor]) -> Tensor:
        """Descriptors of views that may be of several sizes: float32, shape (n, n_features)."""
        return self._with_tones(self._of_components(self.resized(views)), views)

    def _of_components(self, views: Tensor) -> Tensor:
        """The components of resized views, shape (n, n_components)."""
        n, views = len(views), cut(views, self.side)
        rows = torch.cat([self.components[name](self.block(name, views)) for name in N_COMPONENTS], dim=1)
        return rows.reshape(n, self.n_components)

    def _with_tones(self, rows: Tensor, views: Tensor | Sequence[Tensor]) -> Tensor:
        if self.tones is None:
            return rows
        numbers = tones_of(views, low=self.pixels.low, high=self.pixels.high)
        return torch.cat([rows, self.tone_factor * self.tones(numbers)], dim=1)

    def fit_tones(self, views: Sequence[Tensor]) -> None:
        """Fit the tones, once the components are fitted, to views at their own sizes."""
        if self.tones is None:
            return
        with torch.no_grad():
            self.tones.fit(tones_of(list(views), low=self.pixels.low, high=self.pixels.high))
            batches = [self._of_components(self.resized(views[start:start + AT_ONCE]))
                       for start in range(0, min(len(views), N_FOR_TONES), AT_ONCE)]
            variance = float(torch.cat(batches).var(dim=0, unbiased=False).sum())
            self.tone_factor.fill_((TONE_SHARE * max(variance, 1e-6) / len(self.tones.mean)) ** 0.5)

    def resized(self, views: Sequence[Tensor] | Tensor) -> Tensor:
        """Views of any sizes as one batch, float32, shape (n, C, side * down, side * across)."""
        return torch.stack([resized(view, self.form) for view in views])

    def block(self, name: str, views: Tensor) -> Tensor:
        """Compute the features that are reduced to components, shape (n, width of the block).

        Parameters
        ----------
        name : str
            "fine", "coarse", "pixels" or "patches".
        views : Tensor, shape (n, C, side, side)
            Resized views.
        """
        if name == "patches":
            views = self.scaled(views)
        elif name != "pixels":
            views = views / (self.pixels.high - self.pixels.low).clamp_min(1e-6)
        rows: Tensor = getattr(self, name)(views)
        return rows

    def scaled(self, views: Tensor) -> Tensor:
        """Views standardised for `patches`, from the range of the fitted views' pixels."""
        low, high = self.pixels.low, self.pixels.high
        return ((views - low) / (high - low).clamp_min(1e-6) - MEAN) / DEVIATION


def fit_descriptors(views: Sequence[Tensor] | Tensor, *, seed: int = 0, form: Form | None = None,
                    of_own_size: Sequence[Tensor] | None = None) -> DescriptorNet:
    """Fit descriptors to some views of a pool; no label is needed.

    Parameters
    ----------
    views : sequence of Tensor, or Tensor of shape (n, C, h, w)
        Views with the same number of channels, without NaN; the first 4,000 are used.
    seed : int
        Seed of the patch filters and the decomposition; torch's own generator isn't used.
    form : Form, optional
        The size to which views are scaled, such as `fitting_form`; one window with the side `fitting_side` when None.
    of_own_size : sequence of Tensor, optional
        Some of the views before they were reduced in size, for the tones; `views` when None.

    Raises
    ------
    BadInput
        Without any view.
    """
    if not len(views):
        raise BadInput("no view was given to fit descriptors to; one or more are expected.")
    sample = views[:N_FITTED]
    net = DescriptorNet(channels=len(sample[0]), form=form or fitting_side(sample[0])).eval()
    if net.n_windows > 1:
        sample = cut(net.resized(sample[:math.ceil(N_FITTED / net.n_windows)]), net.side)
    with torch.no_grad():
        net.pixels.low.fill_(min(float(view.min()) for view in sample))
        net.pixels.high.fill_(max(float(view.max()) for view in sample))
        net.patches.fit(net.scaled(_squares(sample[:N_FOR_FILTERS], net.side)).numpy(), rng=np.random.default_rng(seed))
        for name in N_COMPONENTS:
            components = net.components[name]
            assert isinstance(components, Components)
            rows = torch.empty(len(sample), len(components.mean))  # one block after the other: each may take 100 MB
            for start in range(0, len(sample), AT_ONCE):
                some = sample[start:start + AT_ONCE]
                rows[start:start + len(some)] = net.block(name, _squares(some, net.side))
            components.fit(rows, weight=WEIGHT[name], seed=seed)
    net.fit_tones(list((views if of_own_size is None else of_own_size)[:N_FOR_TONES]))
    return net


def fitting_side(view: Tensor) -> int:
    """The side, in pixels, to which `fit_descriptors` scales views like this one."""
    return int(np.clip(min(view.shape[-2:]), SMALLEST, LARGEST))


def fitting_form(view: Tensor) -> Form:
    """Square windows, at most four, that divide views like this one along the longer side.

    In a long image with several labels, the things that the labels name are often side by side.

    Examples
    --------
    >>> fitting_form(torch.zeros(1, 28, 56))
    Form(side=28, across=2, down=1)
    """
    height, width = view.shape[-2:]
    n = min(MOST_WINDOWS, round(max(height, width) / max(1, min(height, width))))
    return Form(fitting_side(view), *((n, 1) if width > height else (1, n)))


def cut(views: Tensor, side: int) -> Tensor:
    """Views cut into square windows, row by row.

    Parameters
    ----------
    views : Tensor, shape (n, C, side * down, side * across)
        Resized views.
    side : int
        Side of a window.

    Returns
    -------
    Tensor, shape (n * n_windows, C, side, side)
    """
    if views.shape[-2:] == (side, side):
        return views
    windows = views.unfold(2, side, side).unfold(3, side, side)  # (n, C, down, across, side, side)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def resized(view: Tensor, form: Form) -> Tensor:
    """A view scaled to the size of a form, float32, shape (C, side * down, side * across)."""
    return _resized(view[None].float(), form.size)[0]


def _squares(views: Sequence[Tensor] | Tensor, side: int) -> Tensor:
    return torch.stack([resized(view, Form(side)) for view in views])


def _resized(views: Tensor, size: tuple[int, int]) -> Tensor:
    if views.shape[-2:] == size:
        return views
    if views.shape[-2] >= size[0] and views.shape[-1] >= size[1]:
        return functional.adaptive_avg_pool2d(views, size)
    return functional.interpolate(views, size, mode="bilinear", align_corners=False)


def unfitted_descriptors(path: Path, *, prefix: str = "") -> DescriptorNet:
    """An unfitted `DescriptorNet` of the shape of that in a file of weights, to load these into.

    Parameters
    ----------
    path : Path
        A safetensors file.
    prefix : str
        Prefix of the weights' names in the file.

    Raises
    ------
    OSError, SafetensorError
        When the file can't be read, or has no descriptors.
    """
    with safetensors.safe_open(str(path), framework="pt") as file:
        channels, side = file.get_tensor(f"{prefix}view").tolist()
        names = set(file.keys())
        windows = file.get_tensor(f"{prefix}windows").tolist() if f"{prefix}windows" in names else []
    return DescriptorNet(channels=channels, form=Form(side, *windows), tones=f"{prefix}tone_factor" in names).eval()


def holds_descriptors(path: Path, *, prefix: str = "") -> bool:
    """Whether a file of weights has descriptors; False for one that can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        Prefix of the weights' names in the file.
    """
    try:
        return {f"{prefix}{name}" for name in ("view", "components.pixels.axes")} <= set(shapes_in(path))
    except (OSError, safetensors.SafetensorError):
        return False
