"""Maps of functions: is the region, or the word, that decides the strongest of the map, and how long does a map take?

Images of coloured blotches have a red square at a place drawn by chance, and a function says "red" by the number of red
pixels. Texts of 5 and of 60 common words have the word "free", by which another function says "spam". Beside ours
Captum's KernelSHAP and LIME, on the same parts with the same number of calls.

    python benchmarks/maps_of_functions.py [--seeds 5] [--first 0]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from captum.attr import KernelShap, Lime

import hitl_widgets as hw
from hitl_widgets.explain.attribute import SAMPLES, SEGMENTS, NetExplainer, targets_of
from hitl_widgets.explain.text_explainer import TextExplainer
from hitl_widgets.explain.text_maps import TEXTS_A_PART
from hitl_widgets.items.superpixels import superpixels
from hitl_widgets.learn.callables import AsLoaded, CallableNet
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.preprocess import picture

SIDE, SQUARE, N = 60, 16, 40
TARGET = 0.95
LABELS = ("other", "planted")
CAPTUM = {"kernelshap": KernelShap, "lime": Lime}


def images_of(rng: np.random.Generator) -> tuple[list[np.ndarray], list[tuple[int, int]]]:
    """Blotches with a red square each, and where it is."""
    images, places = [], []
    for _ in range(N):
        image = np.kron(rng.integers(60, 150, (6, 6, 3)), np.ones((SIDE // 6, SIDE // 6, 1)))
        x, y = map(int, rng.integers(2, SIDE - SQUARE - 2, 2))
        image[y:y + SQUARE, x:x + SQUARE] = (230, 30, 30)
        images.append((image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8))
        places.append((x, y))
    return images, places


def redness(images: Sequence[np.ndarray]) -> np.ndarray:
    """The probability of "planted" by the number of red pixels."""
    share = np.array([((image[..., 0] > 190) & (image[..., 1] < 80)).mean() for image in images])
    red = 1 / (1 + np.exp(-90 * (share - 0.035)))
    return np.column_stack([1 - red, red])


def texts_of(rng: np.random.Generator, length: int) -> list[str]:
    """Texts of common words with the planted one somewhere."""
    texts = []
    for _ in range(N):
        words = [str(word) for word in rng.choice(["see", "you", "at", "the", "call", "me", "tonight"], length)]
        words.insert(int(rng.integers(length + 1)), "free")
        texts.append(" ".join(words))
    return texts


def says_free(texts: Sequence[str]) -> np.ndarray:
    """The probability of "planted" by whether the word is there."""
    spam = np.array([0.95 if "free" in text.split() else 0.1 for text in texts])
    return np.column_stack([1 - spam, spam])


def predictor_of(function: Callable[[Any], np.ndarray], pool: hw.Pool) -> NetPredictor:
    """What an explainer needs of a function."""
    return NetPredictor(CallableNet(function, kind=pool.kind), pool, LABELS, device="cpu", probabilities=False,
                        preprocess=AsLoaded() if pool.kind == "image" else None)


def by_captum(method: str, n_parts: int, score: Callable[[np.ndarray], np.ndarray], seed: int) -> np.ndarray:
    """What each part counts by Captum, with as many calls as ours."""
    torch.manual_seed(seed)
    made = CAPTUM[method](lambda shown: torch.from_numpy(score(shown.numpy() > 0.5)))
    n = max(SAMPLES, TEXTS_A_PART * n_parts)
    found: np.ndarray = made.attribute(torch.ones(1, n_parts), n_samples=n, perturbations_per_eval=n)[0].numpy()
    return found


def on_images(seed: int) -> list[dict[str, Any]]:
    """Each method's maps of images."""
    images, places = images_of(np.random.default_rng(seed))
    explainer, rows = NetExplainer(predictor_of(redness, hw.Pool.from_images(images))), []
    target = targets_of(LABELS, ["planted"], [None])

    def hits(values: np.ndarray, place: tuple[int, int]) -> bool:
        down, across = np.unravel_index(values.argmax(), values.shape)
        return bool(place[0] <= across < place[0] + SQUARE and place[1] <= down < place[1] + SQUARE)
    for method in explainer.methods:
        began = time.perf_counter()
        maps = [explainer.explain(row, method=method, target="planted").values for row in range(N)]
        rows.append({"items": "images", "method": method, "by": "ours", "ms": 1e3 * (time.perf_counter() - began) / N,
                     "first": np.mean([hits(one, place) for one, place in zip(maps, places, strict=True)])})
    for method in CAPTUM:
        found, began = [], time.perf_counter()
        for image, place in zip(images, places, strict=True):
            view = AsLoaded()(image)
            parts = superpixels(picture(view), n=SEGMENTS)
            mean = view.mean(dim=(1, 2), keepdim=True)

            def score(shown: np.ndarray, view: torch.Tensor = view, parts: np.ndarray = parts,
                      mean: torch.Tensor = mean) -> np.ndarray:
                masked = torch.where(torch.from_numpy(shown[:, parts])[:, None], view, mean)
                with torch.no_grad():
                    return explainer.score(masked, *(one.expand(len(masked), *one.shape[1:]) for one in target)).numpy()
            found.append(hits(by_captum(method, int(parts.max()) + 1, score, seed)[parts], place))
        rows.append({"items": "images", "method": method, "by": "captum", "first": np.mean(found),
                     "ms": 1e3 * (time.perf_counter() - began) / N})
    return rows


def on_texts(seed: int, length: int) -> list[dict[str, Any]]:
    """Each method's maps of texts."""
    texts = texts_of(np.random.default_rng(seed), length)
    explainer, rows = TextExplainer(predictor_of(says_free, hw.Pool.from_texts(texts))), []
    target = targets_of(LABELS, ["planted"], [None])
    for method in explainer.methods:
        began, found = time.perf_counter(), []
        for row, text in enumerate(texts):
            one = explainer.explain(row, method=method, target="planted")
            assert one.tokens is not None
            start, end = one.tokens[one.values[0].argmax()].tolist()
            found.append(text[start:end] == "free")
        rows.append({"items": f"texts of {length + 1} words", "method": method, "by": "ours", "first": np.mean(found),
                     "ms": 1e3 * (time.perf_counter() - began) / N})
    for method in CAPTUM:
        began, found = time.perf_counter(), []
        for text in texts:
            words = np.array(text.split())

            def score(shown: np.ndarray, words: np.ndarray = words) -> np.ndarray:
                return explainer.scores([" ".join(words[some]) for some in shown], target)
            found.append(words[by_captum(method, len(words), score, seed).argmax()] == "free")
        rows.append({"items": f"texts of {length + 1} words", "method": method, "by": "captum",
                     "first": np.mean(found), "ms": 1e3 * (time.perf_counter() - began) / N})
    return rows


def main() -> None:
    """Print for each method how often what decides comes first, beside the target, and the time of a map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        rows += [*on_images(seed), *on_texts(seed, 5), *on_texts(seed, 60)]
    table = pd.DataFrame(rows).groupby(["items", "method", "by"], sort=False).agg(
        first=("first", "mean"), worst=("first", "min"), ms=("ms", "mean")).reset_index()
    table["target"] = np.where(table["by"] == "ours", TARGET, np.nan)
    table["met"] = np.where(table["by"] == "ours", np.where(table["first"] >= TARGET, "yes", "no"), "")
    print(f"{arguments.seeds} seeds, {N} items each; first: share of maps of which the strongest part is what decides")
    print(table.round({"first": 3, "worst": 3, "ms": 1}).to_string(index=False))


if __name__ == "__main__":
    main()
