"""Self-training of the light head as it would have to be built in, beside the light head: paired, on the same answers.

Open items of which the head is sure teach another head, with the label that it predicts. Sure is what lies above a
confidence from which on 90 % of the predictions out of fold were right; each label gets at most three times the worth
of its answers. The taught head is taken only where its mean loss out of fold is smaller. What an answer's fold learns
is predicted by a head, and sure by a temperature, a bias and a threshold, that saw the other folds' answers alone.

Fashion-MNIST, digits over photographs, scikit-learn's digits, crops of blood cells, and Fashion-MNIST with one label of
2 %; answers by chance, and by a queue: 60 typical ones, then those of the smallest margin, 20 at a time. The target is
a gain on three of the first four sets, a loss on none, and no fall of the rare label's recall.

    python benchmarks/self_training.py [--seeds 5] [--only fashion photographs digits bccd rare] [--sizes 60 200]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from half import images_of
from scipy import stats
from strategies import DATA
from torch import Tensor, nn
from torch.nn import functional

from hitl_widgets.learn.confidence import fit_temperature, label_rows
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import KERNEL_STRENGTH, fit_kernel_head, rows_of
from hitl_widgets.learn.losses import SMOOTHING, item_losses
from hitl_widgets.quality.out_of_fold import folds
from hitl_widgets.sampling.diversity import typiclust

SETS = ("fashion", "photographs", "digits", "bccd", "rare")
PRECISION, TIMES, N_LEARNT, N_READ = 0.9, 3.0, 1_000, 4_000
N_TYPICAL, AT_ONCE, RARE, N_BINS = 60, 20, 9, 10


@dataclass(frozen=True)
class Answers:
    """Rows, labels, and the number of labels; of weight 1 each."""

    rows: Tensor
    targets: Tensor
    n_labels: int

    def head(self) -> nn.Module:
        return fit_kernel_head(self.rows, self.targets, torch.ones(len(self.rows)), n_labels=self.n_labels)

    def select(self, mask: Tensor) -> Answers:
        return Answers(self.rows[mask], self.targets[mask], self.n_labels)

    def taught(self, head: nn.Module, logits: Tensor, unlabelled: Tensor, temperature: float, bias: Tensor
               ) -> nn.Module:
        """A head that learns the answers, and what another one is sure of; the other one where it is sure of nothing.

        Logits are those of the answers, out of fold.
        """
        least = threshold((logits / temperature + bias).softmax(dim=1), self.targets)
        confidence, label = (logits_of(head, unlabelled) / temperature + bias).softmax(dim=1).max(dim=1)
        sure = torch.nonzero(confidence >= least).flatten()
        worth = label_rows(self.targets, self.n_labels).float().sum(dim=0)
        own = functional.one_hot(label[sure], self.n_labels)
        rank = (own * own.cumsum(dim=0)).sum(dim=1)
        sure = sure[rank <= (N_LEARNT * worth / worth.sum()).ceil()[label[sure]]]
        if not len(sure):
            return head
        each = (TIMES * worth / torch.bincount(label[sure], minlength=self.n_labels))[label[sure]].clamp_max(1.0)
        every = torch.cat([torch.ones(len(self.rows)), each])
        labels = functional.one_hot(torch.cat([self.targets, label[sure]]), self.n_labels)
        return fit_kernel_head(torch.cat([self.rows, unlabelled[sure]]),
                               labels * (1 - SMOOTHING) + SMOOTHING / self.n_labels, every, n_labels=self.n_labels,
                               strength=KERNEL_STRENGTH * float(every.mean()))


def logits_of(head: nn.Module, rows: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = head(rows)
    return found


def threshold(probs: Tensor, truth: Tensor) -> float:
    """The confidence from which on predictions are right often enough; infinite where they never are."""
    confidence, label = probs.max(dim=1)
    order = confidence.argsort(descending=True, stable=True)
    right = (label == truth)[order].double().cumsum(0)
    precise = torch.nonzero((right + 0.5) / (torch.arange(len(order)) + 2) >= PRECISION)
    return float(confidence[order][precise.max()]) if len(precise) else math.inf


def both(answers: Answers, draws: np.ndarray, unlabelled: Tensor, tests: Tensor) -> tuple[Tensor, Tensor, bool, float]:
    """Probabilities of the test items without and with self-training, whether it was taken, and times as long."""
    began = time.process_time()
    fold = folds(answers.targets.numpy(), draws)
    masks = [torch.from_numpy(fold == number) for number in np.unique(fold)]
    head, heads = answers.head(), [answers.select(~held_out).head() for held_out in masks]
    first = torch.zeros(len(fold), answers.n_labels)
    for held_out, other in zip(masks, heads, strict=True):
        first[held_out] = logits_of(other, answers.rows[held_out])
    scale = fit_temperature(first, answers.targets, first, answers.targets)
    plain, middle = (logits_of(head, tests) / scale[0] + scale[1]).softmax(dim=1), time.process_time()
    second = first.clone()
    for held_out, other in zip(masks, heads, strict=True):
        some, own = answers.select(~held_out), first[~held_out]
        taught = some.taught(other, own, unlabelled, *fit_temperature(own, some.targets, own, some.targets))
        second[held_out] = logits_of(taught, answers.rows[held_out])
    new = fit_temperature(second, answers.targets, second, answers.targets)
    before, after = (float(item_losses(each / t + bias, answers.targets).mean())
                     for each, (t, bias) in ((first, scale), (second, new)))
    if after < before:
        last = logits_of(answers.taught(head, first, unlabelled, *scale), tests)
        probs = (last / new[0] + new[1]).softmax(dim=1)
    cost = (time.process_time() - began) / max(1e-9, middle - began)
    return plain, probs if after < before else plain, after < before, cost


def by_queue(rows: Tensor, truth: Tensor, n_labels: int, *, n: int, seed: int) -> np.ndarray:
    """Places of n answers, typical ones first, then those of the smallest margin."""
    scores = typiclust(rows.numpy(), n=N_TYPICAL, rng=np.random.default_rng(seed))
    asked = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:N_TYPICAL]
    while len(asked) < n:
        head = Answers(rows[asked], truth[asked], n_labels).head()
        top = logits_of(head, rows).softmax(dim=1).topk(2, dim=1).values
        margin = (top[:, 0] - top[:, 1]).numpy()
        margin[asked] = np.inf
        asked = np.concatenate([asked, np.argsort(margin)[:AT_ONCE]])
    return asked


def calibration_error(probs: Tensor, truth: Tensor) -> float:
    """The mean distance of confidence from accuracy over ten bins of confidence."""
    confidence, label = probs.max(dim=1)
    right, bins = (label == truth).float(), (confidence * N_BINS).long().clamp_max(N_BINS - 1)
    gaps = [float((bins == k).float().mean() * (confidence[bins == k].mean() - right[bins == k].mean()).abs())
            for k in range(N_BINS) if bool((bins == k).any())]
    return sum(gaps)


def figures(name: str, seed: int, sizes: list[int]) -> Iterator[dict[str, object]]:
    """One row for each way to pick answers and each number of them."""
    if name == "fashion":
        with np.load(DATA) as file:
            images, labels, tested = file["images"], file["labels"].astype(np.int64), file["is_test"] == 1
    else:
        images, labels, tested = images_of(name, seed)
    views = torch.from_numpy(images.astype(np.float32) / 255)
    views = views[:, None] if views.ndim == 3 else views.permute(0, 3, 1, 2)
    pool, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    net = fit_descriptors(views[pool], seed=seed)
    rows, tests = rows_of(net, views[pool]), rows_of(net, views[test])
    truth, wanted, n_labels = torch.from_numpy(labels[pool]), torch.from_numpy(labels[test]), int(labels.max()) + 1
    orders = {"by chance": np.random.default_rng(1_000 + seed).permutation(len(rows)),
              "queue": by_queue(rows, truth, n_labels, n=max(sizes), seed=seed)}
    draws = np.random.default_rng(seed).random(len(rows))
    for how, order in orders.items():
        for n in sizes:
            some = order[:n]
            others = np.random.default_rng(seed).permutation(np.setdiff1d(np.arange(len(rows)), some))[:N_READ]
            *probs, taken, cost = both(Answers(rows[some], truth[some], n_labels), draws[some], rows[others], tests)
            row = {"set": name, "how": how, "n": n, "seed": seed, "taken": float(taken), "cost": cost}
            for way, each in zip(("plain", "own"), probs, strict=True):
                right = (each.argmax(dim=1) == wanted).double()
                row |= {way: float(right.mean()), f"{way} error": calibration_error(each, wanted),
                        f"{way} loss": float(-each.gather(1, wanted[:, None]).clamp_min(1e-4).log().mean()),
                        f"{way} recall": float(right[wanted == RARE].mean()) if name == "rare" else math.nan}
            yield row


def show(found: pd.DataFrame) -> None:
    """Print a table for the documentation."""
    print("\n| set | answers | plain | taught | gain, points | 95 % | seeds won | taken | loss on test items "
          "| calibration error | rare recall | time |\n" + "|---" * 12 + "|")
    for (name, how, n), some in found.groupby(["set", "how", "n"], sort=False):
        gain = 100 * (some["own"] - some["plain"])
        half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else math.nan
        mean = some.mean(numeric_only=True)
        print(f"| {name} | {n} {how} | {mean['plain']:.3f} | {mean['own']:.3f} | {gain.mean():+.1f} | "
              f"{gain.mean() - half:+.1f} to {gain.mean() + half:+.1f} | "
              f"{(gain > 0).sum() + 0.5 * (gain == 0).sum():g} of {len(gain)} | {mean['taken']:.1f} | "
              f"{mean['own loss'] - mean['plain loss']:+.3f} | {mean['plain error']:.3f}, {mean['own error']:.3f} | "
              f"{100 * (mean['own recall'] - mean['plain recall']):+.1f} | {mean['cost']:.1f} times |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[60, 200])
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict[str, object]] = []
    for name in given.only:
        for seed in range(given.seeds):
            found += list(figures(name, seed, given.sizes))
            print(f"{name}, seed {seed}", flush=True)
    show(pd.DataFrame(found))


if __name__ == "__main__":
    main()
