"""Cost of saliency maps, beside other ways to compute the same numbers.

On the workbench's own net at 28 px and on a larger one, built like a ResNet-18, at 224 px. Gradient methods beside a
loop in raw torch that does the same sums; occlusion and KernelSHAP beside Captum called item by item with its defaults
(one perturbation a pass), on the same windows, and on the same superpixels with as many samples.

    python benchmarks/maps.py [--items 64] [--large 4] [--repeat 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from math import ceil

import numpy as np
import torch
from captum.attr import KernelShap, Occlusion
from torch import Tensor, nn
from torch.nn import functional

import hitl_widgets as hw
from hitl_widgets.explain import attribute
from hitl_widgets.explain.attribute import NetExplainer, last_convolution
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.items.superpixels import superpixels
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import picture


class Block(nn.Module):
    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(given, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))
        self.past = nn.Conv2d(given, width, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)) + self.past(x))


def large_net() -> nn.Module:
    widths = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2),
              (512, 512, 1)]
    return nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                         *(Block(*width) for width in widths), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(512, 10))


def raw_saliency(net: nn.Module, views: Tensor, columns: Tensor) -> Tensor:
    views = views.clone().requires_grad_()
    [gradient] = torch.autograd.grad(net(views).gather(1, columns[:, None]).sum(), views)
    return gradient.abs().sum(dim=1)


def raw_gradcam(net: nn.Module, views: Tensor, columns: Tensor, layer: nn.Module) -> Tensor:
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, __, maps: kept.append(maps))
    spoken = net(views.requires_grad_()).gather(1, columns[:, None]).sum()
    hook.remove()
    [gradient] = torch.autograd.grad(spoken, kept)
    maps = (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1, keepdim=True).relu()
    return functional.interpolate(maps, views.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def captum_occlusion(net: nn.Module, views: Tensor, columns: Tensor) -> Tensor:
    window = [ceil(side / attribute.WINDOWS) for side in views.shape[2:]]
    return torch.cat([Occlusion(net).attribute(view[None], (len(view), *window), target=int(column),
                                               strides=(len(view), *(ceil(side / 2) for side in window)))[:, 0]
                      for view, column in zip(views, columns, strict=True)])


def captum_kernelshap(net: nn.Module, views: Tensor, columns: Tensor) -> Tensor:
    found = []
    for view, column in zip(views, columns, strict=True):
        segments = torch.from_numpy(superpixels(picture(view), n=attribute.SEGMENTS))
        found.append(KernelShap(net).attribute(view[None], target=int(column), feature_mask=segments[None, None],
                                               n_samples=attribute.SAMPLES)[:, 0])
    return torch.cat(found)


def seconds(work: Callable[[], object], other: Callable[[], object], repeat: int) -> tuple[float, float]:
    """The better of some runs of each, taken in turn, so that a busy machine is as unkind to both."""
    best = [float("inf"), float("inf")]
    for _ in range(repeat):
        for place, one in enumerate((work, other)):
            began = time.perf_counter()
            one()
            best[place] = min(best[place], time.perf_counter() - began)
    return best[0], best[1]


def compare(name: str, net: nn.Module, pool: hw.Pool, view: hw.Preprocess, n: int, repeat: int,
            methods: tuple[str, ...]) -> None:
    labels = tuple(f"L{digit}" for digit in range(10))
    why = NetExplainer(NetPredictor(net, pool, labels, preprocess=view))
    net, rows = why.predictor.net, list(range(n))
    columns = torch.arange(n) % 10
    views = torch.stack([why.predictor.view(row)[0] for row in rows])
    targets = why.targets_of([labels[column] for column in columns], [None] * n)
    layer = last_convolution(net, lambda: net(views[:1]))
    at_once = why.at_once(views[0].shape)

    def batched(raw: Callable[..., Tensor], *more: object) -> Callable[[], Tensor]:
        return lambda: torch.cat([raw(net, some, which, *more) for some, which in
                                  zip(views.split(at_once), columns.split(at_once), strict=True)])
    others = {"saliency": ("raw torch", batched(raw_saliency), 1 / 1.15),
              "gradcam": ("raw torch", batched(raw_gradcam, layer), 1 / 1.15),
              "occlusion": ("Captum, item by item", lambda: captum_occlusion(net, views, columns), 3),
              "kernelshap": ("Captum, item by item", lambda: captum_kernelshap(net, views, columns), 3)}
    for method in methods:
        whose, other, target = others[method]

        def ours(method: str = method) -> np.ndarray:
            return np.array(why.attribute(method, list(views), targets))
        differ = float(np.abs(ours() - other().detach().numpy()).max())
        ours_s, other_s = seconds(ours, other, repeat)
        agree = "drawn anew" if method == "kernelshap" else f"{differ:.0e}"
        met = "met" if other_s / ours_s >= target else "missed"
        print(f"| {name} | {method} | {1000 * ours_s / n:.2f} | {whose} {1000 * other_s / n:.2f} | "
              f"{other_s / ours_s:.2f} | {target:.2f} {met} | {agree} |", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--items", type=int, default=64)
    arguments.add_argument("--large", type=int, default=4)
    arguments.add_argument("--repeat", type=int, default=3)
    given = arguments.parse_args()
    torch.manual_seed(0)
    images, _ = digits_on_photographs(max(given.items, 64))
    pool = hw.Pool.from_images(images)
    print(f"{torch.get_num_threads()} thread(s), torch {torch.__version__}\n\n| net | method | ours, ms an item | "
          "reference, ms an item | times as fast | target | largest difference |\n|---|---|---|---|---|---|---|")
    compare("own net, 28 px", small_cnn(10), pool, hw.Preprocess(28, channels=1), given.items, given.repeat,
            ("saliency", "gradcam", "occlusion", "kernelshap"))
    if given.large:
        compare("18 layers, 224 px", large_net(), pool, hw.Preprocess(224, channels=3), given.large, given.repeat,
                ("saliency", "gradcam"))


if __name__ == "__main__":
    main()
