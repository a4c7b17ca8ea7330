"""Labels that each strategy needs for the same accuracy, and the strategies that lose to chance.

Fashion-MNIST (3,000 items to choose from, 1,000 to test), through the project's own queue: 20 items are claimed and
answered, a model learns from all answers so far, and so on up to 300. Every strategy has the audit's tenth drawn by
chance. The model is a logistic regression over what the frozen body of wb.finetune(start="frozen") reads; before the
first model the strategies see the components of the pixels.

    python benchmarks/strategies.py [--seeds 5] [--only default random]
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from hitl_widgets.items.features import pixels
from hitl_widgets.items.pool import Pool
from hitl_widgets.learn.nets import kmeans_net
from hitl_widgets.project.importing import import_annotations
from hitl_widgets.project.project import Project
from hitl_widgets.sampling.strategies import STRATEGIES
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
AT_ONCE, UP_TO = 20, 300
NAMES = [f"label {k}" for k in range(10)]
SHOWN = (20, 60, 100, 200, 300)


def read_of(images: np.ndarray, seed: int) -> np.ndarray:
    """What the net for few answers reads of the images, fitted to the first 3,000."""
    views = torch.from_numpy((images[:, None].astype(np.float32) / 255 - 0.3) / 0.35)
    body = kmeans_net(10, views[:3_000], seed=seed)[:-1]  # type: ignore[index]
    with torch.no_grad():
        return torch.cat([body(some) for some in views.split(256)]).numpy()


def curve(strategy: str, seed: int, images: np.ndarray, labels: np.ndarray, read: np.ndarray, test: np.ndarray,
          truth: np.ndarray, plain: np.ndarray) -> dict[int, float]:
    """Number of labels -> accuracy on the test items."""
    accuracy, n = {}, len(images)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(folder, Pool.from_images(images, ids=[f"{k:04d}" for k in range(n)]), Taxonomy(NAMES),
                          annotator="ada", holdout=0.0, seed=seed, notify=lambda _: None)
        project.selector.embeddings = lambda places: (plain if project.ranking.predictions is None else read)[places]
        answered: list[int] = []
        while len(answered) < UP_TO:
            items = project.claim(AT_ONCE, strategy=None if strategy == "default" else strategy)
            some = [item.position for item in items]
            import_annotations(project, pd.DataFrame({"item_id": items.ids, "label": [NAMES[k] for k in labels[some]]}),
                               annotator="ada")
            answered += some
            model = LogisticRegression(C=1.0, max_iter=300).fit(read[answered], labels[answered])
            probs = np.zeros((n, 10), np.float32)
            probs[:, model.classes_] = model.predict_proba(read)
            predictions = Predictions(project.folder / "predictions", model=f"m{len(answered)}", n_items=n,
                                      label_ids=project.taxonomy.label_ids, ids_digest=project.pool.digest)
            predictions.put(np.arange(n), probs)
            project.use_predictions(predictions)
            accuracy[len(answered)] = float((model.predict(test) == truth).mean())
        project.close()
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["default", "random", *STRATEGIES])
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    with np.load(DATA) as data:
        images, labels, tested = data["images"], data["labels"].astype(np.int64), data["is_test"] == 1
    pool, targets = images[~tested], labels[~tested]
    runs: dict[str, list[dict[int, float]]] = {name: [] for name in given.only}
    for seed in range(given.seeds):
        read, plain = read_of(np.concatenate([pool, images[tested]]), seed), pixels(pool, seed=seed)
        read, test = read[:len(pool)], read[len(pool):]
        for name in given.only:
            runs[name].append(curve(name, seed, pool, targets, read, test, labels[tested], plain))
            print(f"seed {seed} {name}: {runs[name][-1][UP_TO]:.3f}", flush=True)
    means = {name: {n: float(np.mean([one[n] for one in some])) for n in some[0]} for name, some in runs.items()}
    goal = means["random"][UP_TO] if "random" in means else float("nan")
    print("\n| strategy | " + " | ".join(f"{n} labels" for n in SHOWN) + f" | labels to reach random's {goal:.3f} | "
          "against random at 300, seeds won |\n|" + "---|" * (len(SHOWN) + 3))
    for name, accuracy in sorted(means.items(), key=lambda pair: -sum(pair[1].values())):
        reached = next((str(n) for n in sorted(accuracy) if accuracy[n] >= goal), "not by 300")
        won = sum(one[UP_TO] > other[UP_TO] for one, other in zip(runs[name], runs.get("random", []), strict=False))
        lost = ", **lost**" if name != "random" and accuracy[UP_TO] < goal else ""
        print(f"| {name} | " + " | ".join(f"{accuracy[n]:.3f}" for n in SHOWN) + f" | {reached} | "
              f"{100 * (accuracy[UP_TO] - goal):+.1f} points, {won} of {len(runs[name])}{lost} |")


if __name__ == "__main__":
    main()
