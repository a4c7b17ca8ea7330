"""Fine-tuning on photographs of 12 megapixels: from their files, and by the same loop over views in memory.

The photographs are made by code: smooth scenes with detail, saved as JPEG; of every 20 one is decoded anew, the others
are further names of its file. They don't fit into memory here, however few there are. The views of the first row are a
tensor. Times are of an epoch; the first one from files contains the decoding.

    python benchmarks/photographs.py [--photographs 2000] [--epochs 4] [--side 224]
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.learn import data as training_data
from hitl_widgets.learn.data import LabelledImages, TrainingData, random_affine
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.learn.views import KeptViews

WIDTH, HEIGHT = 4000, 3000
NAMES_OF_ONE = 20


def make_photographs(folder: Path, n: int) -> hw.Pool:
    """A pool of n photographs in a folder."""
    for number in range(n):
        path, first = folder / f"{number:05d}.jpg", folder / f"{number - number % NAMES_OF_ONE:05d}.jpg"
        if path != first:
            os.link(first, path)
            continue
        rng = np.random.default_rng(number)
        coarse, fine = (Image.fromarray(rng.integers(0, 255, shape, np.uint8)).resize((WIDTH, HEIGHT))
                        for shape in ((9, 12, 3), (HEIGHT // 5, WIDTH // 5, 3)))
        Image.blend(coarse, fine, 0.2).save(path, quality=90)
    return hw.Pool.from_images(folder)


def epochs_of(data: TrainingData, *, epochs: int) -> list[float]:
    """The seconds of each epoch of a training; the first contains whatever comes before it."""
    ends = [time.perf_counter()]
    views = data.images[0]
    train(small_cnn(2, channels=len(views), size=(views.shape[1], views.shape[2])), data,
          TrainingOptions(epochs=epochs, augment=random_affine), progress=lambda row: ends.append(time.perf_counter()))
    return np.diff(ends).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--side", type=int, default=224, help="of the net's view, in pixels")
    arguments = parser.parse_args()
    n = arguments.photographs
    training_data.RESIDENT_BYTES = 0
    preprocess = hw.Preprocess(arguments.side, fit="crop", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
                               channels=3)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        pool = make_photographs(Path(folder), n)
        print(f"{n} photographs of {WIDTH} x {HEIGHT} pixels made in {time.perf_counter() - began:.0f} s; "
              f"{os.cpu_count()} cores, torch with {torch.get_num_threads()} threads", flush=True)

        def from_files(limit: int | None = None) -> TrainingData:
            items = LabelledImages(pool, range(n), ["dark", "light"] * (n // 2) + ["dark"] * (n % 2), ["dark", "light"],
                                   preprocess=preprocess, kept=KeptViews(limit))
            return items.training_data()

        data = from_files()
        files = epochs_of(data, epochs=arguments.epochs)
        images = torch.stack(list(data.images))
        # In turn, since other programs take their share of the machine now and then.
        memory = []
        for _ in range(2):
            memory += epochs_of(TrainingData(images, data.targets, draws=data.draws), epochs=arguments.epochs)[1:]
            files += epochs_of(data, epochs=arguments.epochs)[1:]
        anew = epochs_of(from_files(0), epochs=2)
    print(f"{'views':<28}{'first epoch':>12}{'later ones, at best':>21}")
    for name, first, later in (("in memory", math.nan, memory), ("of files, kept", files[0], files[1:]),
                               ("of files, decoded each time", anew[0], anew[1:])):
        print(f"{name:<28}{'' if math.isnan(first) else f'{first:.1f} s':>12}{min(later):>19.2f} s")
    print(f"after the first epoch: {min(files[1:]) / min(memory):.2f} times the time of views in memory "
          "(aim: at most 1.3)")


if __name__ == "__main__":
    main()
