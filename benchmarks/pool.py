"""What unlabelled items add to a light head and to a small net, compared on the same answers and test items.

Four sets: Fashion-MNIST (28 px), digits over photographs (32 px, colour), scikit-learn's digits (8 px) and crops of
blood cells (32 px, colour). Answers are drawn by chance, or as the queue picks them: 60 typical ones, then those of the
smallest margin, 20 at a time. Each way is compared with the plain head, or the plain net, that learns the same answers.
Its settings were chosen on Fashion-MNIST's pool, on items that were neither answered nor used for testing (`--choose`).

    python benchmarks/pool.py [--seeds 5] [--net-seeds 2] [--only fashion photographs digits cells] [--parts light nets]
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy import sparse, stats
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelSpreading
from torch import Tensor, nn
from torch.nn import functional

from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import STRENGTH, Light, fit_head, fit_light, rows_of
from hitl_widgets.learn.losses import SMOOTHING
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.quality.out_of_fold import folds
from hitl_widgets.sampling.diversity import typiclust

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SETS = {"fashion": "Fashion-MNIST", "photographs": "digits over photographs", "digits": "scikit-learn's digits",
        "cells": "blood cells"}
SIZES, N_TYPICAL, AT_ONCE, N_TEST = (60, 100, 200), 60, 20, {"photographs": 600, "digits": 600, "cells": 400}


# Of the small net: steps of 64 views to pretrain or to learn a light head's labels, and of 16 views to learn answers.
N_STEPS, PRETRAINING_BATCH, PSEUDO_STEPS, TRAINING_STEPS = 200, 64, 160, 320


@dataclass(frozen=True)
class Views:
    """Views of a pool and of test items, with their labels."""

    pool: Tensor
    truth: Tensor
    test: Tensor
    test_truth: Tensor
    n_labels: int


@dataclass(frozen=True)
class Case:
    """Some answers to a pool: rows of descriptors, the places of the answered ones, and a draw for each of these."""

    rows: Tensor
    answered: np.ndarray
    targets: Tensor
    draws: np.ndarray
    n_labels: int
    by_chance: bool
    graph: Graph

    @cached_property
    def light(self) -> Light:
        """The plain head, without a kernel as those beside it, calibrated out of fold."""
        return fit_light(self.rows[self.answered], self.targets, torch.ones(len(self.targets)), n_labels=self.n_labels,
                         draws=self.draws, fit=fit_head)

    @property
    def open(self) -> np.ndarray:
        """Places of the items that weren't answered."""
        return np.setdiff1d(np.arange(len(self.rows)), self.answered)

    @property
    def some_open(self) -> np.ndarray:
        """Places of 1,000 of them, drawn by chance: more cost more and add little."""
        return np.random.default_rng(0).permutation(self.open)[:1_000]

    @property
    def answers(self) -> Tensor:
        """The answers as probabilities, smoothed as the plain head does."""
        return functional.one_hot(self.targets, self.n_labels) * (1 - SMOOTHING) + SMOOTHING / self.n_labels


# Ways to use the pool: from a case and rows to predict to probabilities.
Way = Callable[[Case, Tensor], Tensor]


class Graph:
    """The k nearest neighbours among some rows, with the weights exp(-(distance / distance to the k-th)^2)."""

    def __init__(self, rows: Tensor, k: int = 10) -> None:
        self.k = k
        self._search = NearestNeighbors(n_neighbors=k + 1).fit(rows.numpy())
        near = self.to(rows)
        self.affinity = (near + near.T).tocsr()
        self.affinity.setdiag(0)
        self.affinity.eliminate_zeros()

    def to(self, rows: Tensor) -> sparse.csr_matrix:
        """Weights from some rows to the graph's, shape (n, n_rows)."""
        distance, place = self._search.kneighbors(rows.numpy())
        weight = np.exp(-(distance / np.maximum(distance[:, -1:], 1e-9)) ** 2)
        starts = np.arange(len(rows) + 1) * (self.k + 1)
        shape = len(rows), self._search.n_samples_fit_
        return sparse.csr_matrix((weight.ravel(), place.ravel(), starts), shape=shape)

    def spread(self, places: np.ndarray, targets: np.ndarray, *, n_labels: int, alpha: float) -> np.ndarray:
        """Label spreading (Zhou and others 2004) by scikit-learn: probabilities of all rows, shape (n, n_labels)."""
        labels = np.full(self.affinity.shape[0], -1)
        labels[places] = targets

        def kernel(rows: np.ndarray, _: np.ndarray | None = None) -> sparse.csr_matrix:
            return self.affinity

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            model = LabelSpreading(kernel=kernel, alpha=alpha, max_iter=50).fit(np.arange(len(labels))[:, None], labels)
        probs = np.zeros((len(labels), n_labels))
        probs[:, model.classes_] = np.nan_to_num(model.label_distributions_)
        return _distributions(probs)


def _distributions(rows: np.ndarray) -> np.ndarray:
    """Rows that sum to one; equal probabilities where nothing arrived."""
    rows = rows + 1e-6
    return rows / rows.sum(axis=1, keepdims=True)


def fit_weighted(rows: Tensor, targets: Tensor, weights: Tensor, n_labels: int) -> nn.Linear:
    """`fit_head` with a penalty as for as many items as the weights sum to."""
    return fit_head(rows, targets, weights, n_labels=n_labels, strength=STRENGTH * float(weights.mean()))


def probs_of(head: nn.Module, rows: Tensor) -> Tensor:
    with torch.no_grad():
        return head(rows).softmax(dim=1)


def plain(case: Case, rows: Tensor) -> Tensor:
    """The head that learns the answers alone."""
    return probs_of(case.light.head, rows)


def threshold(probs: Tensor, truth: Tensor, precision: float) -> float:
    """The lowest confidence above which out-of-fold predictions have this precision; above 1 where none has."""
    confidence, label = probs.max(dim=1)
    order = confidence.argsort(descending=True)
    right = (label == truth)[order].double().cumsum(0)
    n = torch.arange(1, len(order) + 1)
    enough = torch.nonzero((right + 0.5) / (n + 1) >= precision)
    return float(confidence[order][enough.max()]) if len(enough) else 2.0


def self_training(case: Case, rows: Tensor, *, precision: float = 0.9, weight: float = 3.0, rounds: int = 1) -> Tensor:
    """Open items that are sure enough are learnt with their predicted label."""
    least = threshold(case.light.logits.softmax(dim=1), case.targets, precision)
    head: nn.Module = case.light.head
    for _ in range(rounds):
        head = _with_sure(case, probs_of(head, case.rows[case.open]), least, weight)
    return probs_of(head, rows)


def _with_sure(case: Case, probs: Tensor, least: float, weight: float) -> nn.Module:
    """A head that learns the answers and the sure ones among the predictions of open items."""
    confidence, label = probs.max(dim=1)
    sure = confidence >= least
    if not sure.any():
        return case.light.head
    pseudo = functional.one_hot(label[sure], case.n_labels) * (1 - SMOOTHING) + SMOOTHING / case.n_labels
    n_answered, n_sure = len(case.targets), int(sure.sum())
    weights = torch.cat([torch.ones(n_answered), torch.full((n_sure,), min(1.0, weight * n_answered / n_sure))])
    return fit_weighted(torch.cat([case.rows[case.answered], case.rows[case.open][sure]]),
                        torch.cat([case.answers, pseudo]), weights, case.n_labels)


def spreading(case: Case, rows: Tensor, *, alpha: float = 0.8) -> Tensor:
    """Labels spread over the graph of the pool; a row gets the mean of its neighbours in the pool."""
    found = case.graph.spread(case.answered, case.targets.numpy(), n_labels=case.n_labels, alpha=alpha)
    return torch.from_numpy(_distributions(case.graph.to(rows) @ found)).float()


def _spread_out_of_fold(case: Case, alpha: float) -> Tensor:
    """What spreading says of each answered item, from the other folds' answers."""
    fold = folds(case.targets.numpy(), case.draws)
    found = np.empty((len(fold), case.n_labels))
    for number in np.unique(fold):
        rest = fold != number
        spread = case.graph.spread(case.answered[rest], case.targets[rest].numpy(), n_labels=case.n_labels, alpha=alpha)
        found[~rest] = spread[case.answered[~rest]]
    return torch.from_numpy(found).float()


def averaged_self_training(case: Case, rows: Tensor, *, alpha: float = 0.8, precision: float = 0.9, weight: float = 3.0
                           ) -> Tensor:
    """Self-training, with the labels of the mean of head and spreading."""
    share, some = _share_of_spreading(case, alpha), case.open
    own = (1 - share) * case.light.logits.softmax(dim=1) + share * _spread_out_of_fold(case, alpha)
    spread = case.graph.spread(case.answered, case.targets.numpy(), n_labels=case.n_labels, alpha=alpha)[some]
    probs = (1 - share) * plain(case, case.rows[some]) + share * torch.from_numpy(spread).float()
    return probs_of(_with_sure(case, probs, threshold(own, case.targets, precision), weight), rows)


def _share_of_spreading(case: Case, alpha: float) -> float:
    """How much spreading counts beside the head: what errs least out of fold, in mean loss."""
    head, spread, own = case.light.logits.softmax(dim=1), _spread_out_of_fold(case, alpha), case.targets[:, None]
    shares = np.linspace(0, 1, 11)
    losses = [float(-((1 - w) * head + w * spread).gather(1, own).clamp_min(1e-4).log().mean()) for w in shares]
    return float(shares[int(np.argmin(losses))])


def averaged(case: Case, rows: Tensor, *, alpha: float = 0.8) -> Tensor:
    """The mean of head and spreading, weighed out of fold."""
    share = _share_of_spreading(case, alpha)
    return (1 - share) * plain(case, rows) + share * spreading(case, rows, alpha=alpha)


def distilled(case: Case, rows: Tensor, *, alpha: float = 0.8, weight: float = 10.0) -> Tensor:
    """A head that learns the answers and, at open items, what the mean of head and spreading says of them."""
    share, some = _share_of_spreading(case, alpha), case.some_open
    spread = case.graph.spread(case.answered, case.targets.numpy(), n_labels=case.n_labels, alpha=alpha)[some]
    soft = (1 - share) * plain(case, case.rows[some]) + share * torch.from_numpy(spread).float()
    n_answered = len(case.targets)
    weights = torch.cat([torch.ones(n_answered), torch.full((len(some),), weight * n_answered / len(some))])
    return probs_of(fit_weighted(torch.cat([case.rows[case.answered], case.rows[some]]),
                                 torch.cat([case.answers, soft]), weights, case.n_labels), rows)


def whitened(case: Case, rows: Tensor, *, floor: float = 3.0) -> Tensor:
    """A head on descriptors whose covariance over the pool is brought towards the identity."""
    variance, axes = torch.linalg.eigh(torch.cov(case.rows.T).double())
    variance = variance.clamp_min(0)
    turn = (axes / (variance + floor * variance.mean()).sqrt()).float()
    return _on_turned(case, rows, turn)


def smooth(case: Case, rows: Tensor, *, much: float = 3.0) -> Tensor:
    """A head whose logits are to differ little between neighbours in the pool (Belkin and others 2006)."""
    centred = (case.rows - case.rows.mean(dim=0)).numpy().astype(np.float64)
    degree = np.asarray(case.graph.affinity.sum(axis=1)).ravel()
    rough = centred.T @ (degree[:, None] * centred - case.graph.affinity @ centred)
    rough *= centred.shape[1] / np.trace(rough)
    variance, axes = np.linalg.eigh(rough)
    return _on_turned(case, rows, torch.from_numpy(axes / np.sqrt(1 + much * variance)).float())


def _on_turned(case: Case, rows: Tensor, turn: Tensor) -> Tensor:
    """A head on other axes of the descriptors, scaled so that they are as long as before."""
    centre = case.rows.mean(dim=0)
    turned = (case.rows - centre) @ turn
    scale = ((case.rows - centre).square().sum() / turned.square().sum()).sqrt()
    head = fit_head(scale * turned[case.answered], case.targets, torch.ones(len(case.targets)), n_labels=case.n_labels)
    return probs_of(head, scale * ((rows - centre) @ turn))


def regularised(case: Case, rows: Tensor, *, entropy: float = 0.0, balance: float = 0.0) -> Tensor:
    """A head with a loss on the pool: mean entropy, or how far its mean probabilities are from the answers' shares."""
    if balance and not case.by_chance:  # only answers drawn by chance tell the shares
        return plain(case, rows)
    n, inner = len(case.targets), case.rows[case.answered].double()
    start = fit_head(case.rows[case.answered], case.targets, torch.ones(n), n_labels=case.n_labels)
    weights = torch.cat([start.weight, start.bias[:, None]], dim=1).detach().double().requires_grad_()
    pool, answers = case.rows[case.some_open].double(), case.answers.double()
    shares = (answers.sum(dim=0) + 1 / case.n_labels) / (n + 1)
    optimiser = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe", tolerance_grad=1e-4)

    def loss() -> Tensor:
        optimiser.zero_grad()
        log_probs = (inner @ weights[:, :-1].T + weights[:, -1]).log_softmax(dim=1)
        beyond = (pool @ weights[:, :-1].T + weights[:, -1]).log_softmax(dim=1)
        penalty = weights[:, :-1].square().sum() + 0.01 * weights[:, -1].square().sum()
        extra = -entropy * (beyond.exp() * beyond).sum(dim=1).mean()
        extra = extra + balance * (shares * (shares.log() - beyond.exp().mean(dim=0).log())).sum()
        total: Tensor = -(answers * log_probs).sum() + penalty / (2 * STRENGTH) + n * extra
        total.backward()
        return total

    optimiser.step(loss)
    w = weights.detach().float()
    return (rows @ w[:, :-1].T + w[:, -1]).softmax(dim=1)


WAYS: dict[str, Way] = {
    "self-training, one round": self_training, "self-training, three rounds": partial(self_training, rounds=3),
    "label spreading alone": spreading, "head and spreading averaged": averaged,
    "averaged, taught to a head": distilled, "averaged, sure labels taught": averaged_self_training,
    "whitened descriptors": whitened, "smooth over neighbours": smooth,
    "least entropy": partial(regularised, entropy=0.1), "shares of the labels": partial(regularised, balance=0.3)}
GRID: dict[str, list[tuple[str, Way]]] = {
    "self-training": [(f"precision {p}, weight {w}, rounds {r}",
                       partial(self_training, precision=p, weight=w, rounds=r))
                      for p in (0.9, 0.95) for w in (0.25, 1.0, 3.0) for r in (1, 3)],
    "spreading": [(f"alpha {a}", partial(spreading, alpha=a)) for a in (0.5, 0.8, 0.9, 0.95, 0.99)],
    "averaged": [(f"alpha {a}", partial(averaged, alpha=a)) for a in (0.2, 0.5, 0.7, 0.8, 0.9, 0.95)],
    "taught": [(f"alpha {a}, weight {w}", partial(distilled, alpha=a, weight=w)) for a in (0.5, 0.7, 0.9)
               for w in (1.0, 3.0, 10.0, 30.0)],
    "whitened": [(f"floor {f}", partial(whitened, floor=f)) for f in (0.1, 0.3, 1.0, 3.0, 10.0)],
    "smooth": [(f"much {m}", partial(smooth, much=m)) for m in (0.3, 1.0, 3.0, 10.0)],
    "entropy": [(f"{e}", partial(regularised, entropy=e)) for e in (0.03, 0.1, 0.3)],
    "shares": [(f"{b}", partial(regularised, balance=b)) for b in (0.3, 1.0, 3.0)]}


@lru_cache(maxsize=1)
def images_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8, shape (n, h, w) or (n, h, w, 3), and the index of each one's label."""
    if name == "photographs":
        images, labels = digits_on_photographs(size=32)
        return images, labels.astype(np.int64)
    if name == "digits":
        digits = load_digits()
        return (digits.images * 15.9375).astype(np.uint8), digits.target.astype(np.int64)
    return _cells()


def _cells() -> tuple[np.ndarray, np.ndarray]:
    """Squares around the boxes of blood cells, 32 px."""
    with (DATA / "bccd" / "boxes.csv").open() as file:
        boxes = list(csv.DictReader(file))
    crops, opened = [], ("", Image.new("RGB", (1, 1)))
    for box in boxes:
        if opened[0] != box["image"]:
            path = next((DATA / "bccd" / "images").glob(f"{box['image']}.*"))
            opened = box["image"], Image.open(path).convert("RGB")
        left, top, right, bottom = (int(box[side]) for side in ("xmin", "ymin", "xmax", "ymax"))
        x, y, half = (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top, 2) / 2
        square = (round(x - half), round(y - half), round(x + half), round(y + half))
        crops.append(np.asarray(opened[1].crop(square).resize((32, 32), Image.Resampling.BOX)))
    return np.stack(crops), np.unique([box["label"] for box in boxes], return_inverse=True)[1].astype(np.int64)


def views_of(name: str, seed: int) -> Views:
    """A set's views; other items test with each seed, except where the set says which do."""
    if name == "fashion":
        with np.load(DATA / "fashion_mnist" / "fashion_dev.npz") as data:
            images, labels, tested = data["images"], data["labels"].astype(np.int64), data["is_test"] == 1
        test, pool = np.flatnonzero(tested), np.flatnonzero(~tested)
    else:
        images, labels = images_of(name)
        order = np.random.default_rng(seed).permutation(len(images))
        test, pool = order[:N_TEST[name]], order[N_TEST[name]:]
    images = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
    views, targets = torch.from_numpy((images.astype(np.float32) / 255 - 0.3) / 0.35), torch.from_numpy(labels)
    return Views(views[pool], targets[pool], views[test], targets[test], int(targets.max()) + 1)


def by_queue(rows: Tensor, truth: Tensor, n_labels: int, seed: int) -> np.ndarray:
    """Places of 200 answers: 60 typical items, then 20 of the smallest margin at a time."""
    scores = typiclust(rows.numpy(), n=N_TYPICAL, rng=np.random.default_rng(seed))
    asked = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:N_TYPICAL]
    while len(asked) < max(SIZES):
        head = fit_head(rows[asked], truth[asked], torch.ones(len(asked)), n_labels=n_labels)
        top = probs_of(head, rows).topk(2, dim=1).values
        margin = (top[:, 0] - top[:, 1]).numpy()
        margin[asked] = np.inf
        asked = np.concatenate([asked, np.argsort(margin)[:AT_ONCE]])
    return asked


def cases(name: str, seed: int) -> Iterator[tuple[str, int, Case, Tensor, Views]]:
    """The answers' way and number, the case, the test items' rows, and the views."""
    views = views_of(name, seed)
    descriptors = fit_descriptors(views.pool, seed=seed)
    rows, test = rows_of(descriptors, views.pool), rows_of(descriptors, views.test)
    graph, draws = Graph(rows), np.random.default_rng(seed).random(max(SIZES))
    orders = {"by chance": np.random.default_rng(1_000 + seed).permutation(len(rows))[:max(SIZES)],
              "queue": by_queue(rows, views.truth, views.n_labels, seed)}
    for how, order in orders.items():
        for n in SIZES:
            some = order[:n]
            yield how, n, Case(rows, some, views.truth[some], draws[:n], views.n_labels, how == "by chance",
                               graph), test, views


def accuracy(probs: Tensor, truth: Tensor) -> float:
    return float((probs.argmax(dim=1) == truth).double().mean())


def choose(seeds: int) -> None:
    """Gains in points on Fashion-MNIST's open items, by setting."""
    found = []
    for seed in range(100, 100 + seeds):
        for how, n, case, _, views in cases("fashion", seed):
            rows, truth = case.rows[case.open], views.truth[case.open]
            base = accuracy(plain(case, rows), truth)
            for way, settings in GRID.items():
                for setting, function in settings:
                    found.append({"way": way, "setting": setting, "how": how, "n": n,
                                  "gain": 100 * (accuracy(function(case, rows), truth) - base)})
        print(f"seed {seed} done", flush=True)
    print(pd.DataFrame(found).pivot_table(index=["way", "setting"], columns=["how", "n"], values="gain",
                                          sort=False).round(2).to_string())


def light_figures(name: str, seed: int) -> Iterator[dict[str, object]]:
    """Accuracy of each way on the test items."""
    for how, n, case, test, views in cases(name, seed):
        base = accuracy(plain(case, test), views.test_truth)
        for way, function in WAYS.items():
            if way == "shares of the labels" and not case.by_chance:
                continue
            began = time.monotonic()
            own = accuracy(function(case, test), views.test_truth)
            yield {"set": name, "way": way, "how": how, "n": n, "seed": seed, "plain": base, "own": own,
                   "s": time.monotonic() - began}


def body_of(views: Views, seed: int) -> nn.Sequential:
    net = small_cnn(views.n_labels, channels=views.pool.shape[1], size=views.pool.shape[-1], seed=seed)
    assert isinstance(net, nn.Sequential)
    return net


def _width(net: nn.Sequential) -> int:
    last = net[-1]
    assert isinstance(last, nn.Linear)
    return last.in_features


def rotation(views: Views, seed: int) -> nn.Sequential:
    """A net whose body learnt by how many quarter turns a view was turned (Gidaris and others 2018)."""
    net, generator = body_of(views, seed), torch.Generator().manual_seed(seed)
    body, head = net[:-1], nn.Linear(_width(net), 4)

    def loss(some: Tensor) -> Tensor:
        turns = torch.randint(4, (len(some),), generator=generator)
        turned = torch.stack([torch.rot90(view, int(k), (1, 2)) for view, k in zip(some, turns, strict=True)])
        return functional.cross_entropy(head(body(random_affine(turned, generator))), turns)

    pretrain([body, head], loss, views.pool, generator)
    return net


def vicreg(views: Views, seed: int) -> nn.Sequential:
    """A net whose body learnt to see two moved copies alike, and no two numbers alike (Bardes and others 2022)."""
    net, generator = body_of(views, seed), torch.Generator().manual_seed(seed)
    body, width = net[:-1], 128
    head = nn.Sequential(nn.Linear(_width(net), width), nn.BatchNorm1d(width), nn.ReLU(),
                         nn.Linear(width, width))

    def loss(some: Tensor) -> Tensor:
        first, second = head(body(torch.cat([random_affine(some, generator), random_affine(some, generator)]))).chunk(2)
        total = 25 * functional.mse_loss(first, second)
        for rows in (first, second):
            rows = rows - rows.mean(dim=0)
            covariance = rows.T @ rows / (len(rows) - 1)
            off = covariance - torch.diag(covariance.diagonal())
            total = total + 12.5 * (1 - (rows.var(dim=0) + 1e-4).sqrt()).relu().mean() + off.square().sum() / width
        return total

    pretrain([body, head], loss, views.pool, generator)
    return net


def pretrain(parts: list[nn.Module], loss: Callable[[Tensor], Tensor], pool: Tensor, generator: torch.Generator,
             ) -> None:
    """AdamW with one cycle of the learning rate, over batches of the pool."""
    net = nn.ModuleList(parts).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.003)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.003, total_steps=N_STEPS)
    for _ in range(N_STEPS):
        optimiser.zero_grad()
        loss(pool[torch.randint(len(pool), (PRETRAINING_BATCH,), generator=generator)]).backward()
        optimiser.step()
        schedule.step()
    net.eval()


def pseudo_labelled(views: Views, case: Case, seed: int) -> nn.Module:
    """A net that learnt what the light head says of the pool, and the answers."""
    soft = probs_of(case.light.head, case.rows)
    soft[case.answered] = case.answers
    options = TrainingOptions(epochs=1, min_steps=PSEUDO_STEPS, batch_size=64, augment=random_affine, seed=seed)
    return train(body_of(views, seed), TrainingData(views.pool, soft), options).net


def net_figures(name: str, seed: int) -> Iterator[dict[str, object]]:
    """Accuracy on the test items of nets that learn answers drawn by chance, from each start."""
    starts: dict[str, tuple[nn.Module, float]] = {}
    for how, n, case, test, views in cases(name, seed):
        if how != "by chance" or n == 100:
            continue
        if not starts:
            for way, function in (("rotation, then answers", rotation), ("VICReg, then answers", vicreg)):
                began = time.monotonic()
                starts[way] = function(views, seed), time.monotonic() - began
        data = TrainingData(views.pool[case.answered], case.targets, draws=case.draws)
        options = TrainingOptions(min_steps=TRAINING_STEPS, augment=random_affine, seed=seed)

        def right(net: nn.Module, views: Views = views) -> float:
            with torch.no_grad():
                return accuracy(torch.cat([net(some) for some in views.test.split(256)]), views.test_truth)

        base = right(train(body_of(views, seed), data, options).net)
        found = {way: (right(train(net, data, options).net), s) for way, (net, s) in starts.items()}
        began = time.monotonic()
        taught = pseudo_labelled(views, case, seed)
        found["light head's labels of the pool"] = right(taught), time.monotonic() - began
        found["light head's labels, then answers"] = (right(train(taught, data, replace(options, lr=0.001)).net),
                                                      time.monotonic() - began)
        found["(the light head itself)"] = accuracy(plain(case, test), views.test_truth), 0.0
        for way, (own, s) in found.items():
            yield {"set": name, "way": way, "how": how, "n": n, "seed": seed, "plain": base, "own": own, "s": s}


def summary(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Gains in points with their 95 % interval over seeds, and how many seeds were won; a tie is half."""
    rows = []
    for key, some in found.groupby(by, sort=False):
        # All numbers of answers together, seed by seed: answers of one seed overlap.
        gain = 100 * (some["own"] - some["plain"]).groupby(some["seed"]).mean()
        half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else np.nan
        rows.append({**dict(zip(by, key, strict=True)), "plain": some["plain"].mean(), "own": some["own"].mean(),
                     "gain": gain.mean(), "low": gain.mean() - half, "high": gain.mean() + half,
                     "won": (gain > 0).sum() + 0.5 * (gain == 0).sum(), "seeds": len(gain), "s": some["s"].mean()})
    return pd.DataFrame(rows)


def show(found: pd.DataFrame, by: list[str]) -> None:
    """Print a table for the documentation."""
    print("\n| " + " | ".join(by) + " | plain | with the pool | gain, points | 95 % | seeds won | s |\n|"
          + "---|" * (len(by) + 6))
    for row in summary(found, by).to_dict("records"):
        print("| " + " | ".join(str(row[name]) for name in by) + f" | {row['plain']:.3f} | {row['own']:.3f} | "
              f"{row['gain']:+.1f} | {row['low']:+.1f} to {row['high']:+.1f} | {row['won']:g} of {row['seeds']} | "
              f"{row['s']:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--net-seeds", type=int, default=2)
    parser.add_argument("--parts", nargs="+", default=["light", "nets"], choices=["light", "nets"])
    parser.add_argument("--save", help="a CSV file for every single figure")
    parser.add_argument("--choose", action="store_true", help="show the settings on Fashion-MNIST's pool instead")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.choose:
        choose(given.seeds)
        return
    for part, figures, seeds in (("light", light_figures, given.seeds), ("nets", net_figures, given.net_seeds)):
        if part in given.parts:
            found = []
            for name in given.only:
                for seed in range(seeds):
                    found += list(figures(name, seed))
                    print(f"{part}, {SETS[name]}, seed {seed}", flush=True)
            if given.save:
                pd.DataFrame(found).to_csv(given.save, index=False)
            show(pd.DataFrame(found), ["way", "how", "set"])
            show(pd.DataFrame(found), ["way", "set", "how", "n"])


if __name__ == "__main__":
    main()
