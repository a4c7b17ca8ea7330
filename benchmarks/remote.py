"""Remote files beside local ones: time from a key press until the next item is painted, and time to predict a pool.

In one JupyterLab two cards take turns, on the same images: files on this disk, and files on a server on 127.0.0.1 that
takes 200 ms for each request. Painted means: from the key event's own time to the task after the first frame; a key
after which that frame has no other item is counted. Then a small net predicts all images of each pool.

    python benchmarks/remote.py [--quick] [--json figures.json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DELAY_S = 0.2
GAP_S = (0.15, 0.35)  # between what a key brought and the next key
BLOCK = 20

OPEN = """
import pandas as pd, hitl_widgets as hw
from hitl_widgets.learn.nets import small_cnn
where, remote = {where!r}, {remote}
df = pd.DataFrame({{"id": range({n}), "path": [f"{{where}}/{{i}}.png" for i in range({n})]}})
pool = hw.Pool.from_frame(df, remote=remote)
wb = hw.Workbench({folder!r}, pool, ["dark", "light"], model=small_cnn(2, channels=3, size=96), annotator="bench",
                  seed=0, holdout=0, progress=False)
wb.review(learn=False)
"""
# How many keys brought no other item at once.
_LATE = "() => window.painted.filter((row) => !row.other).length"


def images(folder: Path, n: int) -> None:
    """PNG files of 224 x 224 pixels, "0.png" and so on."""
    from hitl_widgets.items.datasets import digits_on_photographs
    folder.mkdir()
    for number, image in enumerate(digits_on_photographs(n, size=224)[0]):
        Image.fromarray(image).save(folder / f"{number}.png")


def press(notebook: Any, rng: random.Random, n: int) -> None:
    """Some decisions, at a person's fastest pace."""
    notebook.page.bring_to_front()
    notebook.card.focus()
    for _ in range(n):
        notebook.wait_for_item()
        time.sleep(rng.uniform(*GAP_S))
        notebook.page.keyboard.press(rng.choice("12"))


def keys(lab: Any, folder: Path, places: dict[str, tuple[str, bool]], n: int, n_blocks: int) -> dict[str, Any]:
    """Key to paint of both pools, in blocks that take turns."""
    rng, opened = random.Random(0), {}
    for name, (where, remote) in places.items():
        notebook = lab.open(f"{name}.ipynb", [OPEN.format(where=where, remote=remote, n=n,
                                                          folder=str(folder / f"{name}-project"))])
        notebook.run_all()
        notebook.wait_for_item()
        notebook.watch_keys()
        opened[name] = notebook
    for _ in range(n_blocks):
        for notebook in opened.values():
            press(notebook, rng, BLOCK)
    figures = {}
    for name, notebook in opened.items():
        notebook.wait_until_stored()
        ms = notebook.painted_ms()
        figures[name] = {"n": n_blocks * BLOCK, "median_ms": float(np.median(ms)),
                         "p95_ms": float(np.percentile(ms, 95)), "late": notebook.page.evaluate(_LATE)}
    return figures


def predicting(folder: Path, places: dict[str, tuple[str, bool]], n: int) -> dict[str, float]:
    """Seconds in which a small net predicts each pool, none of whose files was read before."""
    import pandas as pd

    import hitl_widgets as hw
    from hitl_widgets.learn.nets import small_cnn
    seconds = {}
    for name, (where, remote) in places.items():
        df = pd.DataFrame({"id": range(n), "path": [f"{where}/{i}.png" for i in range(n)]})
        pool = hw.Pool.from_frame(df, remote=remote)
        with hw.Workbench(folder / f"{name}-predicted", pool, ["dark", "light"], annotator="bench", holdout=0,
                          model=small_cnn(2, channels=3, size=96), progress=False) as wb:
            began = time.perf_counter()
            assert wb.predict()["label"].notna().all()
            seconds[name] = time.perf_counter() - began
    return seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few keys and images")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args(arguments)
    n_blocks, n_predicted = (1, 60) if options.quick else (4, 400)
    n = max(n_predicted, n_blocks * BLOCK + 40)
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    from latency import absent
    if (why := absent()) is not None:
        print(why)
        return
    from browser.lab import Lab
    from file_server import serving
    with tempfile.TemporaryDirectory(prefix="remote-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        images(folder / "images", n)
        files = {path.name: path.read_bytes() for path in (folder / "images").iterdir()}
        with serving(files, delay_s=DELAY_S) as server:
            places = {"local": (str(folder / "images"), False), "remote": (f"http://127.0.0.1:{server.port}", True)}
            with Lab(folder / "lab") as lab:
                figures: dict[str, Any] = {"keys": keys(lab, folder, places, n, n_blocks)}
            figures["predict_s"] = predicting(folder, places, n_predicted)
    figures["load"] = psutil.getloadavg()[0]
    figures["n_predicted"] = n_predicted
    print("| | keys | median | 95 % | no other item at once | predict |\n|---|---|---|---|---|---|")
    for name, title in (("local", "files on this disk"), ("remote", f"files that take {1000 * DELAY_S:.0f} ms each")):
        one = figures["keys"][name]
        print(f"| {title} | {one['n']} | {one['median_ms']:.0f} ms | {one['p95_ms']:.0f} ms | {one['late']} | "
              f"{n_predicted} images in {figures['predict_s'][name]:.1f} s |")
    print(f"One after the other, fetching alone would take {DELAY_S * n_predicted:.0f} s. Load at the end: "
          f"{figures['load']:.1f} on {os.cpu_count()} cores.")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
