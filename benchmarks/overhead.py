"""What fine-tuning costs beside a bare torch loop that does the same work.

Fashion-MNIST, the small CNN, batches of 16, the same augmentation, label smoothing and optimizer (AdamW as torch gives
it, with one cycle of the learning rate), and the same items to validate after each epoch. The bare loop shuffles; it
doesn't balance labels, keep the best weights, check anything, calibrate or save. Both run in turn, and the time is that
of the processor, which other programs on the machine change less.

    python benchmarks/overhead.py [--items 1000] [--epochs 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, train

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
BATCH, N_VALIDATING = 16, 150


def bare(net: nn.Module, views: Tensor, labels: Tensor, held_out: tuple[Tensor, Tensor], epochs: int) -> nn.Module:
    """A loop as one would write it by hand."""
    net, generator = copy.deepcopy(net), torch.Generator().manual_seed(0)
    n_steps = epochs * (len(views) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=n_steps)
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(views), generator=generator).tensor_split(len(views) // BATCH):
            optimizer.zero_grad()
            logits = net(random_affine(views[rows], generator))
            loss = functional.cross_entropy(logits, labels[rows], label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            schedule.step()
        net.eval()
        with torch.no_grad():
            for some, wanted in zip(held_out[0].split(64), held_out[1].split(64), strict=True):
                functional.cross_entropy(net(some), wanted)
    return net


def seconds(work: Callable[[], object]) -> float:
    """Time of the processor that a call takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(DATA) as data:
        views, labels = torch.from_numpy(data["images"][:, None] / np.float32(255)), torch.from_numpy(data["labels"])
    labels = labels.long()
    last = given.items + N_VALIDATING
    held_out = views[given.items:last], labels[given.items:last]
    ours = TrainingData(views[:given.items], labels[:given.items], validation=held_out)
    net, options = small_cnn(10), TrainingOptions(epochs=given.epochs, augment=random_affine)
    one = TrainingOptions(epochs=1)
    train(net, ours, one)  # whatever torch imports at the first step
    times = np.array([[seconds(lambda: train(net, ours, options)),
                       seconds(lambda: bare(net, views[:given.items], labels[:given.items], held_out, given.epochs))]
                      for _ in range(given.rounds)])
    ratios = times[:, 0] / times[:, 1]
    print(f"{given.rounds} rounds: ours {np.median(times[:, 0]):.2f} s, a bare loop {np.median(times[:, 1]):.2f} s of "
          f"the processor; median {np.median(ratios):.2f} times ({ratios.min():.2f} to {ratios.max():.2f})")


if __name__ == "__main__":
    main()
