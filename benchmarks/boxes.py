"""A detector that learns from corrected boxes: average precision on blood cells, and how long it trains.

For each seed a project on the 90 images of ../shared/data/bccd keeps 30 of them as hold-out, answered blind. A person
corrects 30 of the others, a run of wb.finetune() follows, then 30 more and a second run. Both are measured on the same
30 images: by the run itself, and by pycocotools from the same predictions (absent: it says so). Beside it:

- without augmentation: the same net, steps and images, without turns, zoom, colours or pasted objects (--reference).
- chance: boxes of the training images, put at random places.

    python benchmarks/boxes.py --seeds 5 [--images 30 60] [--reference]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.learn.object_learning import Fitting, fit_objects
from hitl_widgets.learn.object_run import gather, truth_of
from hitl_widgets.learn.object_training import ObjectOptions
from hitl_widgets.learn.object_views import Augmentation
from hitl_widgets.quality.object_detection import detection

DATA = Path(__file__).parents[2] / "shared" / "data" / "bccd"
NAMES = ["RBC", "WBC", "Platelets"]
MUST, AIM, EARLIER = {30: 0.67, 60: 0.75}, {30: 0.70, 60: 0.78}, {30: 0.713, 60: 0.788}
PLAIN = Augmentation(crop=1.0, zoom=0.0, stretch=0.0, mirror=False, upside_down=False, colour=0.0, paste=0.0)


def boxes_of(table: pd.DataFrame) -> tuple[dict[str, list[Any]], int]:
    """The boxes of each image, and how many can't be one."""
    boxes: dict[str, list[Any]] = {}
    left_out = 0
    for row in table.itertuples():
        try:
            box = hw.Box(row.xmin, row.ymin, row.xmax, row.ymax, label=row.label)  # type: ignore[arg-type]
        except BadInput:
            left_out += 1
            continue
        boxes.setdefault(f"{row.image}.jpg", []).append(box)
    return boxes, left_out


def by_pycocotools(truth: pd.DataFrame, found: pd.DataFrame, images: list[str]) -> float:
    """map50 as pycocotools gives it; NaN where it isn't installed."""
    if importlib.util.find_spec("pycocotools") is None:
        return float("nan")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    numbers = {name: number for number, name in enumerate(NAMES, 1)}
    places = {item_id: place for place, item_id in enumerate(sorted(images), 1)}

    def listed(table: pd.DataFrame) -> list[dict[str, Any]]:
        rows: list[Any] = list(table.itertuples())
        return [{"id": n, "image_id": places[row.item_id], "category_id": numbers[row.label], "iscrowd": 0,
                 "bbox": [row.x0, row.y0, row.x1 - row.x0, row.y1 - row.y0],
                 "area": (row.x1 - row.x0) * (row.y1 - row.y0), "score": getattr(row, "score", 1.0)}
                for n, row in enumerate(rows, 1)]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": place} for place in places.values()], "annotations": listed(truth),
                        "categories": [{"id": number} for number in numbers.values()]}
        coco.createIndex()
        scored = COCOeval(coco, coco.loadRes(listed(found)), "bbox")
        scored.evaluate()
        scored.accumulate()
    precisions = scored.eval["precision"][0, :, :, 0, 2]
    return float(precisions[:, precisions.max(axis=0) > -1].mean())


def by_chance(wb: hw.Workbench, truth: pd.DataFrame, boxes: dict[str, list[Any]], taught: list[str],
              rng: np.random.Generator) -> float:
    """map50 of training boxes that are put at random places, 20 in each image."""
    every = [box for item_id in taught for box in boxes[item_id]]
    rows = []
    for item_id in sorted(wb.holdout):
        height, width = wb.pool.size(wb.pool.position(item_id))
        for box in rng.choice(np.array(every, object), 20):
            w, h = box.x1 - box.x0, box.y1 - box.y0
            x, y = rng.uniform(0, max(width - w, 1)), rng.uniform(0, max(height - h, 1))
            rows.append((item_id, box.label, x, y, x + w, y + h, rng.random()))
    table = pd.DataFrame(rows, columns=["item_id", "label", "x0", "y0", "x1", "y1", "score"])
    return float(detection(truth.drop(columns="label_id"), table, images=sorted(wb.holdout), resamples=2)["map50"])


def of_seed(seed: int, n_images: list[int], *, reference: bool) -> list[dict[str, Any]]:
    """A row for each number of corrected images."""
    boxes, _ = boxes_of(pd.read_csv(DATA / "boxes.csv"))
    rows, rng = [], np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        wb = hw.Workbench(folder, hw.Pool.from_images(DATA / "images"), NAMES, task="boxes", annotator="ada",
                          holdout=1 / 3, seed=seed, progress=False)
        held = set(wb.holdout)
        for item_id in held:
            wb.decide(item_id, objects=boxes.get(item_id, []), seen={"hidden": True, "chosen_by": "holdout"})
        others = rng.permutation([str(item_id) for item_id in wb.pool.ids if item_id not in held]).tolist()
        truth, _ = truth_of(wb.project, wb.project.reference_objects(), "box")
        done = 0
        for n in n_images:
            for item_id in others[done:n]:
                wb.decide(item_id, objects=boxes.get(item_id, []))
            done = n
            began = time.process_time()
            run: Any = wb.finetune(adopt="always")
            spent = time.process_time() - began
            found = wb.predict_objects()
            found = found[found["item_id"].isin(held)]
            row = {"seed": seed, "images": n, "map50": float(run.after["map50"]), "map": float(run.after["map"]),
                   "pycocotools": by_pycocotools(truth, found, sorted(held)),
                   **{name: float(run.after.estimate("map50", name)) for name in NAMES},
                   "chance": by_chance(wb, truth, boxes, [one for one in others[:n] if one in boxes], rng),
                   "steps": int(run.history["step"].max()), "seconds": run.seconds, "cpu_s": spent}
            if reference:
                data = gather(wb.project)
                fitted = fit_objects(data.images, len(NAMES), Fitting(
                    options=ObjectOptions(seed=seed, augmentation=PLAIN), flips=(False, False)))
                plain = wb.detectors.model_of(fitted.net)
                positions = wb.pool.positions(sorted(held))
                row["plain"] = float(detection(truth, wb.detectors.table(positions, plain), images=sorted(held),
                                               resamples=2)["map50"])
            rows.append(row)
            print(pd.DataFrame([row]).round(3).to_string(index=False), flush=True)
        wb.close()
    return rows


def main() -> None:
    """Print a table of the seeds, and what was measured beside its targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5], help="how many, or which ones if several")
    parser.add_argument("--images", type=int, nargs="+", default=[30, 60])
    parser.add_argument("--reference", action="store_true", help="train without augmentation as well")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} isn't there: this benchmark reads the blood cells of ../shared/data.")
    if importlib.util.find_spec("pycocotools") is None:
        print("pycocotools is absent: its column is empty")
    _, left_out = boxes_of(pd.read_csv(DATA / "boxes.csv"))
    print(f"{left_out} boxes of the data can't be boxes and are left out; torch has {torch.get_num_threads()} threads")
    seeds = range(options.seeds[0]) if len(options.seeds) == 1 else options.seeds
    table = pd.DataFrame([row for seed in seeds for row in of_seed(seed, options.images,
                                                                   reference=options.reference)])
    for n, of in table.groupby("images"):
        print(f"\nfrom {n} corrected images, {len(of)} splits: map50 {of['map50'].mean():.3f} "
              f"({of['map50'].min():.3f} to {of['map50'].max():.3f}); must {MUST.get(int(str(n)), float('nan'))}, aim "
              f"{AIM.get(int(str(n)), float('nan'))}, an earlier net without augmentation "
              f"{EARLIER.get(int(str(n)), float('nan'))} (one split)")
        print(f"  by pycocotools {of['pycocotools'].mean():.3f}, largest difference "
              f"{(of['map50'] - of['pycocotools']).abs().max():.1e}; chance {of['chance'].mean():.3f}"
              + (f"; without augmentation {of['plain'].mean():.3f}" if "plain" in of else ""))
        print(f"  map {of['map'].mean():.3f}; " + ", ".join(f"{name} {of[name].mean():.3f}" for name in NAMES))
        print(f"  wb.finetune() took {of['seconds'].mean():.0f} s, {of['cpu_s'].mean():.0f} s of processor time for "
              f"{of['steps'].mean():.0f} steps and the measuring; must 60 s on two cores")


if __name__ == "__main__":
    main()
