"""Keys that boxes take: proposals that a simulated person corrects, beside the same boxes drawn from nothing.

A detector learns from 30 corrected blood-cell images of ../shared/data/bccd and proposes boxes on 20 others, as the
card shows them. The person presses keys in the card's own state (object_keys.mjs, with node): Tab as long as anything
is wrong, x for what is nothing (held down where several follow one another), a label's key, n for what is missing,
Enter; arrows are held until a box overlaps with the truth by .8 (also: .75, .85), what helps most first. A key that is
held down counts once, Shift and Alt don't count. Drawing from nothing is the same person without proposals: both end
with an average precision of 1 up to that overlap.

Beside it, snapping: boxes of drawn cells and of the blood cells, each side off by up to 5 pixels, before and after it.

    python benchmarks/object_keys.py --seeds 5 [--images 20]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.items.datasets import cells
from hitl_widgets.objects.overlap import iou
from hitl_widgets.quality.object_detection import detection

DATA = Path(__file__).parents[2] / "shared" / "data" / "bccd"
NAMES = ["RBC", "WBC", "Platelets"]
TAUGHT = 30
OFF = 5.0  # pixels
ENOUGH = (0.75, 0.8, 0.85)  # overlaps from which a person is content; the second is the one of the figure


def boxes_of_cells() -> dict[str, list[hw.Box]]:
    """The boxes of each image, without those that can't be one."""
    boxes: dict[str, list[hw.Box]] = {}
    for row in pd.read_csv(DATA / "boxes.csv").itertuples():
        try:
            box = hw.Box(row.xmin, row.ymin, row.xmax, row.ymax, label=row.label)  # type: ignore[arg-type]
        except BadInput:
            continue
        boxes.setdefault(f"{row.image}.jpg", []).append(box)
    return boxes


def simulate(images: list[dict[str, Any]], enough: float = ENOUGH[1]) -> list[dict[str, Any]]:
    """Run the simulated person, or snapping, on each image."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"overlap": enough, "images": images}, file)
        file.flush()
        done = subprocess.run(["node", str(Path(__file__).with_suffix(".mjs")), file.name], check=True,
                              capture_output=True, text=True)
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def proposals(seed: int, n_images: int, boxes: dict[str, list[hw.Box]]) -> list[dict[str, Any]]:
    """The images of both arms: with what a detector proposes that learnt from 30 others, and with nothing."""
    with tempfile.TemporaryDirectory() as folder:
        wb = hw.Workbench(folder, hw.Pool.from_images(DATA / "images"), NAMES, task="boxes", annotator="ada",
                          holdout=1 / 3, seed=seed, progress=False)
        ids = {wb.taxonomy.label(one).name: one for one in wb.taxonomy.label_ids}
        others = np.random.default_rng(seed).permutation([one for one in boxes if one not in set(wb.holdout)]).tolist()
        for item_id in others[:TAUGHT]:
            wb.decide(item_id, objects=boxes[item_id])
        wb.finetune(adopt="always")
        images = []
        for item_id in others[TAUGHT:TAUGHT + n_images]:
            shown = wb.session.shown_objects(wb.session.item(item_id))
            height, width = wb.pool.size(wb.pool.position(item_id))
            truth = [{"at": list(box.at), "label_id": ids[box.label or ""]} for box in boxes[item_id]]
            images += [{"arm": arm, "item_id": item_id, "size": [width, height], "labels": list(ids.values()),
                        "truth": truth, "shown": [dict(one) for one in shown.objects] if arm == "proposed" else []}
                       for arm in ("proposed", "nothing")]
        wb.close()
    return images


def table(objects: Iterable[tuple[str, list[dict[str, Any]]]]) -> pd.DataFrame:
    """A row for each object of some images."""
    return pd.DataFrame([(item_id, one["label_id"], *one["at"], 1.0) for item_id, here in objects for one in here],
                        columns=["item_id", "label", "x0", "y0", "x1", "y1", "score"])


def corrected(images: list[dict[str, Any]], enough: float) -> tuple[dict[str, float], list[tuple[str, int]]]:
    """Keys and the final average precision of both arms; what was done to each object from proposals, and its keys."""
    results = simulate(images, enough)
    row: dict[str, float] = {"enough": enough, "boxes": sum(len(one["truth"]) for one in images) / 2,
                             "proposals": sum(len(one["shown"]) for one in images)}
    by: list[tuple[str, int]] = []
    for arm in ("proposed", "nothing"):
        pairs = [(image, result) for image, result in zip(images, results, strict=True) if image["arm"] == arm]
        row[f"keys {arm}"] = sum(result["keys"] for _, result in pairs)
        truth = table((image["item_id"], image["truth"]) for image, _ in pairs)
        given = table((image["item_id"], result["sent"]) for image, result in pairs)
        measured = detection(truth.drop(columns="score"), given, images=sorted(set(truth["item_id"])), resamples=2)
        row |= {f"{name} {arm}": float(measured[name]) for name in ("map50", "map75", "map")}
        if arm == "proposed":
            by = [(what, n) for _, result in pairs for what, counts in result["by"].items() for n in counts]
    return row, by


def snapping(seed: int, n_images: int, boxes: dict[str, list[hw.Box]]) -> list[dict[str, Any]]:
    """Overlap with the truth, and sides within a pixel and a half of it, before and after snapping."""
    rng, rows = np.random.default_rng(seed), []
    drawn, places = cells(n_images, seed=seed)
    real = [(np.asarray(Image.open(DATA / "images" / one).convert("L")), boxes[one])
            for one in sorted(boxes)[:n_images]]
    made = [(np.asarray(Image.fromarray(image).convert("L")), where)
            for image, where in zip(drawn, places, strict=True)]
    every: dict[str, list[tuple[Any, list[Any]]]] = {"drawn cells": made, "blood cells": real}
    for name, images in every.items():
        with tempfile.TemporaryDirectory() as folder:
            asked, truths, starts = [], [], []
            for k, (grey, where) in enumerate(images):
                height, width = grey.shape
                path = Path(folder) / f"{k}.raw"
                path.write_bytes(np.ascontiguousarray(grey, np.uint8).tobytes())
                large = [box.at for box in where if min(box.x1 - box.x0, box.y1 - box.y0) > 3 * OFF]
                truth = np.array(large).reshape(-1, 4)
                start = np.clip(truth + rng.uniform(-OFF, OFF, truth.shape), 0, [width, height, width, height])
                truths.append(truth)
                starts.append(start)
                asked.append({"size": [width, height], "picture": {"path": str(path), "width": width, "height": height},
                              "snaps": start.tolist()})
            ends = [np.array(one["snapped"]).reshape(-1, 4) for one in simulate(asked)]
        truth, before, after = (np.concatenate(arrays) for arrays in (truths, starts, ends))
        rows.append({"images": name, "boxes": len(truth), "overlap before": float(np.mean(np.diag(iou(truth, before)))),
                     "after": float(np.mean(np.diag(iou(truth, after)))),
                     "sides within 1.5 px before": float(np.mean(np.abs(before - truth) <= 1.5)),
                     "within 1.5 px after": float(np.mean(np.abs(after - truth) <= 1.5))})
    return rows


def main() -> None:
    """Print the keys of both arms, of each object by what was done to it, and what snapping does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=20)
    options = parser.parse_args()
    if not DATA.is_dir() or shutil.which("node") is None:
        raise SystemExit(f"{DATA} or node isn't there: this benchmark reads the blood cells of ../shared/data, and "
                         "runs the card's code.")
    boxes = boxes_of_cells()
    snapped = [row for seed in range(options.seeds) for row in snapping(seed, options.images, boxes)]
    print("snapping, each side off by up to 5 pixels\n"
          + pd.DataFrame(snapped).groupby("images", sort=False).mean().round(3).to_string(), flush=True)
    rows: list[dict[str, float]] = []
    by: list[tuple[str, int]] = []
    for seed in range(options.seeds):
        images = proposals(seed, options.images, boxes)
        for enough in ENOUGH:
            row, kinds = corrected(images, enough)
            rows.append({"seed": seed, **row})
            by += kinds if enough == ENOUGH[1] else []
        print(pd.DataFrame(rows[-len(ENOUGH):]).round(3).to_string(index=False), flush=True)
    for enough, of in pd.DataFrame(rows).groupby("enough"):
        total, mean = of.sum(), of.mean()
        goal = ", must be half at most" if enough == ENOUGH[1] else ""
        print(f"\noverlap {enough}: {total['keys proposed'] / total['boxes']:.2f} keys a box from proposals, "
              f"{total['keys nothing'] / total['boxes']:.2f} from nothing: "
              f"{total['keys proposed'] / total['keys nothing']:.0%}{goal}\n"
              f"  final map50 {mean['map50 proposed']:.3f} and {mean['map50 nothing']:.3f}, map75 "
              f"{mean['map75 proposed']:.3f} and {mean['map75 nothing']:.3f}, map {mean['map proposed']:.3f} and "
              f"{mean['map nothing']:.3f}")
    print("\nkeys of each object, from proposals (must: 3 at most to accept, relabel or delete, 12 for a moved one)\n"
          + pd.DataFrame(by, columns=["what", "keys"]).groupby("what")["keys"].agg(["count", "mean", "max"]).round(2)
          .to_string())


if __name__ == "__main__":
    main()
