"""Mean absolute error of a scale after 200 noisy answers, beside ridge regression on the pixels with the same answers.

Fashion-MNIST: 3,000 training images to label, 1,000 test images that measure. The true value is the mean ink, from 0 to
10; an answer is the true value with planted noise of a standard deviation of 1, rounded to a whole number and kept
within the scale. A project with ``task="scale"`` asks for it, a simulated annotator answers 200 items of the queue, and
heads are learnt every 20 answers, as behind an open card. Errors are against the true ink.

The reference is scikit-learn's RidgeCV on the pixels, with the same answers; beside it, with answers to 200 items drawn
at random. Mean ink is a sum of the pixels, so no model of another kind can do this better. "Answers" are how wrong the
annotator's own answers were, and "the median of all" is what a model that learnt nothing would say.

    python benchmarks/mean_ink.py [--seeds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeCV

import hitl_widgets as hw
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.light import rows_of
from hitl_widgets.learn.values import predict_values

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
N_ANSWERS, AT_ONCE, NOISE, TARGET = 200, 20, 1.0, 0.8
INK = hw.Attribute("ink", scale=(0, 10), definition="How much of the image is ink: 0 none, 10 the fullest.")


def ink_of(images: np.ndarray) -> np.ndarray:
    """Mean ink of each image, 10 for the two hundredth part with the most."""
    mean = images.reshape(len(images), -1).mean(axis=1)
    return np.asarray(np.clip(10 * mean / np.percentile(mean, 99.5), 0, 10))


def ridge(images: np.ndarray, answers: np.ndarray, tests: np.ndarray) -> np.ndarray:
    """What ridge regression on the pixels says of the tests, its penalty chosen by leaving one out."""
    rows, test_rows = (some.reshape(len(some), -1) / 255 for some in (images, tests))
    found = RidgeCV(np.logspace(-2, 5, 15)).fit(rows, answers).predict(test_rows)
    return np.asarray(np.clip(found, 0, 10))


def run(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Mean absolute errors of one seed, and keys and intervals."""
    with np.load(DATA) as data:
        images, tested = data["images"], data["is_test"] == 1
    ink, rng = ink_of(images), np.random.default_rng(seed)
    answers = np.clip(np.round(ink + rng.normal(0, NOISE, len(ink))), 0, 10).astype(int)
    pool, tests = hw.Pool.from_images(images[~tested]), np.flatnonzero(tested)
    said = dict(zip(pool.ids, answers[~tested].tolist(), strict=True))
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), hw.Workbench(
            Path(folder) / "project", pool, hw.Taxonomy(attributes=[INK]), task="scale", annotator="bench",
            holdout=0.0, seed=seed, progress=False) as wb:
        learning = BackgroundLearning(wb.project, lambda: wb.registry, notify=print)
        for _ in range(N_ANSWERS // AT_ONCE):
            hw.simulate(wb, said, n=AT_ONCE, error=0.0, seed=seed)
            learning.learn()
        values, history, model = wb.values(), wb.history(), wb.registry.values.adopted
        assert model is not None
        rows = rows_of(model.descriptors, torch.from_numpy(images[tests][:, None] / 255.0).float())
        found = predict_values(model.heads.heads[0], model.attributes[0], rows)
    trained = np.flatnonzero(~tested)
    asked, given = trained[pool.positions(values["item_id"])], values["value"].to_numpy(float)
    low, high = (np.array(end, float) for end in (found.low, found.high))
    drawn = rng.permutation(trained)[:N_ANSWERS]
    of_drawn = ridge(images[drawn], answers[drawn], images[tests])
    covered = ((low <= answers[tests]) & (answers[tests] <= high)).mean()
    errors = {
        "ours, task='scale'": np.abs(np.array(found.values, float) - ink[tests]).mean(),
        "ridge on pixels, the same answers": np.abs(ridge(images[asked], given, images[tests]) - ink[tests]).mean(),
        "ridge on pixels, random items": np.abs(of_drawn - ink[tests]).mean(),
        "the answers themselves": np.abs(given - ink[asked]).mean(),
        "the median of all": np.abs(np.median(given) - ink[tests]).mean()}
    bodies = history[history["kind"] == "decided"]["body"]
    keys = np.array([len(body["touched"]) + 1 for body in bodies])
    return errors, {"keys a decision, the last 100": keys[-100:].mean(), "answers": len(asked),
                    "answers to come within the 90 % interval": covered}


def main() -> None:
    """Print the table of all seeds."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=3)
    torch.set_num_threads(1)
    seeds = range(arguments.parse_args().seeds)
    errors, others = zip(*map(run, seeds), strict=True)
    table = pd.DataFrame(errors, index=[f"seed {seed}" for seed in seeds]).T
    table["mean"] = table.mean(axis=1)
    ours = table.loc["ours, task='scale'", "mean"]
    print(f"mean absolute error\n{table.round(3).to_string()}\n\n{pd.DataFrame(others).mean().round(3).to_string()}\n\n"
          f"ours {ours:.3f} (target at most {TARGET:g}: {'met' if ours <= TARGET else 'MISSED'})")


if __name__ == "__main__":
    main()
