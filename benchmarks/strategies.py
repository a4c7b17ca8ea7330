"""Labels that each strategy needs for the same accuracy, and the strategies that lose to chance.

Fashion-MNIST (3,000 items to choose from, the same 1,000 to test in every row), through the project's own queue: 20
items are claimed and answered, a model learns from all answers so far, and so on up to 300. Every strategy of ours has
the audit's tenth drawn by chance. The model is the light head over the pool's descriptors. Beside them, without an
audit: scikit-activeml's strategies over the same descriptors and with the same model, where it is installed. "Former
default" is that of before the descriptors: typical by the pixels, then by margin, and the model a logistic regression
over the body of wb.finetune(start="frozen").

    python benchmarks/strategies.py [--seeds 5] [--only default random]
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from hitl_widgets.items.features import pixels
from hitl_widgets.items.pool import Pool
from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import fit_light, rows_of
from hitl_widgets.learn.losses import n_correct
from hitl_widgets.learn.nets import kmeans_net
from hitl_widgets.project.importing import import_annotations
from hitl_widgets.project.project import Project
from hitl_widgets.sampling.selector import TYPICAL_AT_MOST, TYPICAL_PER_LABEL
from hitl_widgets.sampling.strategies import STRATEGIES
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
AT_ONCE, UP_TO = 20, 300
SHOWN = (20, 60, 80, 100, 120, 160, 200, 300)
TARGETS = {60: 0.745, 100: 0.775, 200: 0.81}
# What random answers reached with 300 labels before the descriptors, and within how many the default is to reach it.
FORMER_RANDOM, WITHIN = 0.786, 115
THEIRS = {"scikit-activeml: margin": "margin", "scikit-activeml: TypiClust": "TypiClust",
          "scikit-activeml: CoreSet": "CoreSet", "scikit-activeml: Badge": "Badge"}
OURS = ["default", "random", "typiclust", "margin", "diverse_margin", "balanced_margin", "k_centre", "entropy"]


@dataclass
class Data:
    """A pool and other items to test, with what models and strategies read of both."""

    images: np.ndarray   # of the pool
    labels: np.ndarray
    truth: np.ndarray    # of the items to test
    rows: np.ndarray     # descriptors, of the pool
    tests: np.ndarray
    read: np.ndarray     # what the frozen body reads, of the pool
    read_tests: np.ndarray
    plain: np.ndarray    # components of the pool's pixels
    ids: Sequence[str]

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return int(max(self.labels.max(), self.truth.max())) + 1


# A model that learnt the answered items: probabilities over the pool, those of the items to test, and its out-of-fold
# figures.
Learnt = tuple[np.ndarray, np.ndarray, "dict[str, float] | None"]


def prepared(images: np.ndarray, labels: np.ndarray, tested: np.ndarray, seed: int) -> Data:
    """Fit descriptors and the frozen body to the pool, and read all items."""
    views = torch.from_numpy(images.astype(np.float32) / 255)
    views = views[:, None] if views.ndim == 3 else views.permute(0, 3, 1, 2)
    pool = np.flatnonzero(~tested)
    net = fit_descriptors(views[pool], seed=seed)
    body = kmeans_net(int(labels.max()) + 1, (views[pool[:3_000]] - 0.3) / 0.35, seed=seed)[:-1]  # type: ignore[index]
    with torch.no_grad():
        rows = rows_of(net, views).numpy()
        read = torch.cat([body((some - 0.3) / 0.35) for some in views.split(256)]).numpy()
    return Data(images[pool], labels[pool], labels[tested], rows[pool], rows[tested], read[pool], read[tested],
                pixels(images[pool], seed=seed), [f"{k:05d}" for k in range(len(pool))])


def light_head(data: Data, answered: list[int], seed: int) -> Learnt:
    """The light head over descriptors, calibrated out of fold."""
    targets = torch.from_numpy(data.labels[answered])
    draws = np.random.default_rng(seed).random(len(data.labels))[answered]
    light = fit_light(torch.from_numpy(data.rows[answered]), targets, torch.ones(len(answered)),
                      n_labels=data.n_labels, draws=draws)
    with torch.no_grad():
        probs = [torch.softmax(light.head(torch.from_numpy(rows)), dim=1).numpy() for rows in (data.rows, data.tests)]
    return probs[0], probs[1], {"n": len(answered), "right": n_correct(light.logits, targets),
                                "loss": float(light.losses.mean())}


def frozen_body(data: Data, answered: list[int], seed: int) -> Learnt:
    """A logistic regression over what the frozen body reads."""
    found = [np.zeros((len(rows), data.n_labels), np.float32) for rows in (data.read, data.read_tests)]
    if len(np.unique(data.labels[answered])) < 2:
        found[0][:], found[1][:] = 1 / data.n_labels, 1 / data.n_labels
        return found[0], found[1], None
    model = LogisticRegression(C=1.0, max_iter=300).fit(data.read[answered], data.labels[answered])
    for probs, rows in zip(found, (data.read, data.read_tests), strict=True):
        probs[:, model.classes_] = model.predict_proba(rows)
    return found[0], found[1], None


def figures_of(probs: np.ndarray, data: Data, rare: int | None = None) -> float:
    """Accuracy on the items to test; of a rare label its recall."""
    right = probs.argmax(axis=1) == data.truth
    return float(right.mean() if rare is None else right[data.truth == rare].mean())


def curve(strategy: str, seed: int, data: Data, *, up_to: int = UP_TO, rare: int | None = None, holdout: float = 0.0
          ) -> dict[int, float]:
    """Number of labels -> accuracy on the test items (or recall of a label), by the queue of a project."""
    former, n = strategy == "former default", len(data.images)
    accuracy: dict[int, float] = {}
    learn = frozen_body if former else light_head
    names = [f"label {k:02d}" for k in range(data.n_labels)]
    with tempfile.TemporaryDirectory() as folder:
        project = Project(folder, Pool.from_images(data.images, ids=data.ids), Taxonomy(names),
                          annotator="ada", holdout=holdout, seed=seed, notify=lambda _: None)
        measured: list[Any] = [None]
        project.selector.measured = lambda: measured[0]
        if former:
            project.selector.embeddings = lambda at: (data.plain if project.ranking.predictions is None else
                                                      data.read)[at]
        else:
            project.selector.embeddings = project.selector.descriptors = lambda at: data.rows[at]
        answered: list[int] = []  # those that teach
        while len(answered) < min(up_to, int((~project.queue.holdout).sum())):
            enough = min(TYPICAL_AT_MOST, TYPICAL_PER_LABEL * data.n_labels)
            named = ("typiclust" if len(answered) < enough else "margin") if former else \
                None if strategy == "default" else strategy
            items = project.asking.claim(AT_ONCE, strategy=named)
            if not items:
                break
            import_annotations(project, pd.DataFrame({
                "item_id": items.ids, "label": [names[data.labels[item.position]] for item in items]}), annotator="ada")
            answered += [item.position for item in items if not project.queue.holdout[item.position]]
            pool_probs, test_probs, measured[0] = learn(data, answered, seed)
            predictions = Predictions(project.folder / "predictions", model=f"m{len(answered)}", n_items=n,
                                      label_ids=project.taxonomy.label_ids, ids_digest=project.pool.digest)
            predictions.put(np.arange(n), pool_probs)
            project.use_predictions(predictions)
            accuracy[len(answered)] = figures_of(test_probs, data, rare)
        project.close()
    return accuracy


def theirs(name: str, seed: int, data: Data, query: Callable[[np.ndarray, np.ndarray, int], list[int]]
           ) -> dict[int, float]:
    """The same by a strategy of scikit-activeml, after 20 items drawn by chance where it needs a model."""
    labels = np.full(len(data.labels), np.nan)
    accuracy: dict[int, float] = {}
    answered = [] if name == "TypiClust" else \
        np.random.default_rng(seed).permutation(len(labels))[:AT_ONCE].tolist()
    while len(answered) < UP_TO:
        labels[answered] = data.labels[answered]
        if len(answered) >= AT_ONCE and not accuracy:
            accuracy[len(answered)] = figures_of(light_head(data, answered, seed)[1], data)
        answered += query(data.rows, labels, AT_ONCE)
        accuracy[len(answered)] = figures_of(light_head(data, answered, seed)[1], data)
    return accuracy


def their_query(name: str, seed: int, n_labels: int) -> Callable[[np.ndarray, np.ndarray, int], list[int]] | None:
    """A strategy of scikit-activeml as a function of rows, labels (NaN where open) and n; None without it."""
    try:
        from skactiveml import pool
        from skactiveml.classifier import SklearnClassifier
    except ImportError:
        return None
    model = SklearnClassifier(LogisticRegression(C=20.0, max_iter=100), classes=list(range(n_labels)),
                              random_state=seed)
    strategy = pool.UncertaintySampling(method="margin_sampling", random_state=seed) if name == "margin" else \
        getattr(pool, name)(random_state=seed)

    def query(rows: np.ndarray, labels: np.ndarray, n: int) -> list[int]:
        more = {"clf": model} if name in ("margin", "Badge") else {}
        return [int(place) for place in strategy.query(rows, labels, batch_size=n, **more)]
    return query


def table(runs: dict[str, list[dict[int, float]]]) -> str:
    """The runs as a table, best first, and the default beside its targets."""
    means = {name: {n: float(np.mean([one[n] for one in some])) for n in some[0]} for name, some in runs.items()}
    goal = means["random"][UP_TO] if "random" in means else float("nan")
    lines = ["| strategy | " + " | ".join(f"{n} labels" for n in SHOWN) + f" | labels to reach {FORMER_RANDOM} | "
             "against random at 300, seeds won |\n|" + "---|" * (len(SHOWN) + 3)]
    for name, accuracy in sorted(means.items(), key=lambda pair: -sum(pair[1].values())):
        won = sum(one[UP_TO] > other[UP_TO] for one, other in zip(runs[name], runs.get("random", []), strict=False))
        lost = ", **lost**" if name != "random" and accuracy[UP_TO] < goal else ""
        lines.append(f"| {name} | " + " | ".join(f"{accuracy.get(n, np.nan):.3f}" for n in SHOWN) +
                     f" | {reached(accuracy)} | {100 * (accuracy[UP_TO] - goal):+.1f} points, {won} of "
                     f"{len(runs[name])}{lost} |")
    if "default" in means:
        lines.append("")
        lines += [f"default, {n} labels: {means['default'][n]:.3f}, target {bar} "
                  f"{'met' if means['default'][n] >= bar else 'MISSED'}" for n, bar in TARGETS.items()]
        lines.append(f"default, labels to reach {FORMER_RANDOM}: {reached(means['default'])}, target {WITHIN}")
    return "\n".join(lines)


def reached(accuracy: dict[int, float], goal: float = FORMER_RANDOM) -> str:
    """The number of labels at which a curve reaches an accuracy, on a straight line between two models."""
    before = None
    for n in sorted(accuracy):
        if accuracy[n] >= goal:
            if before is None:
                return str(n)
            share = (goal - accuracy[before]) / (accuracy[n] - accuracy[before])
            return f"{before + share * (n - before):.0f}"
        before = n
    return f"not by {UP_TO}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[*OURS, "former default", *THEIRS],
                        choices=["default", "random", *STRATEGIES, "former default", *THEIRS])
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with np.load(DATA) as file:
        images, labels, tested = file["images"], file["labels"].astype(np.int64), file["is_test"] == 1
    runs: dict[str, list[dict[int, float]]] = {}
    for seed in range(given.seeds):
        data = prepared(images, labels, tested, seed)
        for name in given.only:
            if name in THEIRS:
                query = their_query(THEIRS[name], seed, data.n_labels)
                if query is None:
                    print(f"{name}: not installed")
                    continue
                found = theirs(THEIRS[name], seed, data, query)
            else:
                found = curve(name, seed, data)
            runs.setdefault(name, []).append(found)
            print(f"seed {seed} {name}: " + " ".join(f"{n}: {found[n]:.3f}" for n in SHOWN), flush=True)
    print("\n" + table(runs))


if __name__ == "__main__":
    main()
