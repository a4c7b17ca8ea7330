"""Where descriptors of the pool don't help, they must not hurt: the default queue beside the former default.

Digits over photographs (32 px, colour), scikit-learn's digits (8 px), crops of the boxes of blood cells, Fashion-MNIST
with one label of 2 %, 50 labels (scikit-learn's digits as they are, inverted, turned by 90, 180 and 270 degrees), 10
items. "Now" is the default with the light head over descriptors; "former" is the queue of before the descriptors with a
logistic regression over the frozen body (see strategies.py). Both have the audit's tenth.

    python benchmarks/half.py [--seeds 5] [--only photographs digits bccd rare fifty ten]
"""

from __future__ import annotations

import argparse
import csv
import warnings

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from strategies import DATA, curve, prepared

from hitl_widgets.items.datasets import digits_on_photographs

SHOWN = (60, 100, 200, 300)
BCCD = DATA.parent.parent / "bccd"
# Of all items, so many of a pool test; a rare label has this share.
TESTED, RARE = 1 / 3, 0.02
TITLES = {"photographs": "digits over photographs", "digits": "scikit-learn's digits", "bccd": "crops of blood cells",
          "rare": "Fashion-MNIST, a label of 2 %", "fifty": "50 labels", "ten": "10 items"}


def crops(side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of the blood cells' pictures, in colour, and their labels."""
    found, labels, pictures = [], [], {}
    with (BCCD / "boxes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["image"] not in pictures:
                path = next((BCCD / "images").glob(f"{row['image']}*"))
                pictures[row["image"]] = Image.open(path).convert("RGB")
            left, top, right, bottom = (int(row[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
            if min(right - left, bottom - top) >= side // 4:
                crop = pictures[row["image"]].crop((left, top, right, bottom))
                found.append(np.asarray(crop.resize((side, side))))
                labels.append(row["label"])
    return np.stack(found), np.array(labels)


def images_of(name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels as numbers, and which of them test."""
    rng = np.random.default_rng(seed)
    if name == "photographs":
        images, labels = digits_on_photographs(size=32)
    elif name == "bccd":
        images, labels = crops()
    elif name == "rare":
        with np.load(DATA) as file:
            images, labels, tested = file["images"], file["labels"].astype(np.int64), file["is_test"] == 1
        thinned = rng.permutation(np.flatnonzero((labels == 9) & ~tested))[int(RARE * (~tested).sum()):]
        kept = np.delete(np.arange(len(labels)), thinned)
        return images[kept], labels[kept], tested[kept]
    else:
        digits = load_digits()
        images, labels = (digits.images * 15.9).astype(np.uint8), digits.target
        if name == "fifty":
            some = images[:700]
            forms = [some, 255 - some, *(np.rot90(some, turns, axes=(1, 2)) for turns in (1, 2, 3))]
            images, labels = np.concatenate(forms), np.concatenate([labels[:700] + 10 * k for k in range(5)])
        if name == "ten":
            images, labels = images[:210], labels[:210]
    order = rng.permutation(len(images))
    n_tested = 200 if name == "ten" else int(TESTED * len(images))
    return images[order], np.unique(labels, return_inverse=True)[1][order], np.arange(len(order)) < n_tested


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=list(TITLES), choices=list(TITLES))
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    lines, misses = [], []
    for name in given.only:
        shown = (10,) if name == "ten" else SHOWN
        for what, rare in ([("accuracy", None), ("recall of the rare label", 9)] if name == "rare" else
                           [("accuracy", None)]):
            runs: dict[str, list[dict[int, float]]] = {"default": [], "former default": []}
            for seed in range(given.seeds):
                data = prepared(*images_of(name, seed), seed)
                for strategy, found in runs.items():
                    found.append(curve(strategy, seed, data, rare=rare, up_to=shown[-1]))
            now, former = ({n: float(np.mean([one[n] for one in found])) for n in shown} for found in runs.values())
            lines.append(f"| {TITLES[name]}, {what} | " + " | ".join(
                f"{now[n]:.3f} ({former[n]:.3f})" if n in now else "" for n in ((10, *SHOWN))) + " |")
            misses += [f"MISSED: {TITLES[name]}, {what}, {n} answers: {now[n]:.3f}, former default {former[n]:.3f}"
                       for n in shown if now[n] < former[n]]
            print(lines[-1], flush=True)
    print(f"\nNow (former default), mean of {given.seeds} seeds\n\n| pool | "
          + " | ".join(f"{n} answers" for n in (10, *SHOWN)) + " |\n|" + "---|" * (len(SHOWN) + 2))
    print("\n".join(lines))
    print("\n".join(misses) or "No miss: nowhere below the former default.")


if __name__ == "__main__":
    main()
