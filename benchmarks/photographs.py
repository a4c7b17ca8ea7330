"""Fine-tuning on photographs of 12 megapixels: from their files, and by the same loop over views in memory.

The photographs are made by code: smooth scenes with detail, saved as JPEG; of every 20 one is decoded anew, the others
are further names of its file. They don't fit into memory here, however few there are. The views of the first row are a
tensor. Times are of an epoch, by the clock and of all threads' work on the processor, which other programs on the
machine change less; the first one from files contains the decoding.

    python benchmarks/photographs.py [--photographs 2000] [--epochs 4] [--side 224]
"""

from __future__ import annotations

import argparse
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


def epochs_of(data: TrainingData, *, epochs: int) -> np.ndarray:
    """Seconds of each epoch of a training, shape (epochs, 2): by the clock, and of the processor.

    The first epoch contains whatever comes before it.
    """
    def now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    ends = [now()]
    views = data.images[0]
    train(small_cnn(2, channels=len(views), size=(views.shape[1], views.shape[2])), data,
          TrainingOptions(epochs=epochs, augment=random_affine), progress=lambda row: ends.append(now()))
    return np.diff(ends, axis=0)


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

        # Torch loads a part of itself when something is first trained.
        epochs_of(TrainingData(torch.rand(8, 3, 32, 32), [0, 1] * 4), epochs=1)
        data = from_files()
        files = [epochs_of(data, epochs=arguments.epochs)]
        images = torch.stack(list(data.images))
        # In turn, since other programs take their share of the machine now and then.
        memory = []
        for _ in range(2):
            memory.append(epochs_of(TrainingData(images, data.targets, draws=data.draws), epochs=arguments.epochs))
            files.append(epochs_of(data, epochs=arguments.epochs))
        anew = [epochs_of(from_files(0), epochs=2)]
    later = {name: np.concatenate([one[1:] for one in times]).min(axis=0)
             for name, times in (("in memory", memory), ("of files, kept", files), ("of files, decoded anew", anew))}
    print(f"{'views':<24}{'first epoch':>12}{'later ones, at best':>22}{'processor':>12}")
    for (name, (clock, processor)), first in zip(later.items(), ("", *(f"{times[0][0, 0]:.1f} s" for times in (
            files, anew))), strict=True):
        print(f"{name:<24}{first:>12}{clock:>20.2f} s{processor:>10.2f} s")
    clock, processor = later["of files, kept"] / later["in memory"]
    print(f"after the first epoch, kept to in memory: {clock:.2f} by the clock, {processor:.2f} by the processor "
          "(aim: at most 1.3)")


if __name__ == "__main__":
    main()
