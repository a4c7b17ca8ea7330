"""Boxes into files and out of them: seconds of each format beside its target, and average precision from our files.

A project of n / 20 images with 20 boxes each, as one person drew them, leaves with `wb.export` and comes into an empty
project on the same images with `wb.import_file`; the places have to be equal to a thousandth of a pixel. "format alone"
is without the log: records that are at hand are written, and records are all that is read. Beside seconds of the clock
stand those of the processor, which other work on the machine doesn't change much. The reference is pandas writing and
reading the same boxes as a plain CSV.

Average precision: the true boxes of BCCD (../shared/data; made up where that is absent) and predictions that are moved
and mislabelled by chance, written by us as COCO with results, read by pycocotools, beside `quality.detection` on the
same boxes.

    python benchmarks/boxes_in_and_out.py [--n 100000] [--seeds 5] [--formats coco yolo voc]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import hitl_widgets as hw
from hitl_widgets.events import decided
from hitl_widgets.exchange.files import Source, Target
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction
from hitl_widgets.exchange.registry import load_format
from hitl_widgets.quality import detection
from hitl_widgets.records import Decision, ObjectAnswer, Seen, utc_now
from hitl_widgets.taxonomy.label_sets import set_id
from hitl_widgets.taxonomy.labels import Taxonomy

LABELS = ["RBC", "WBC", "Platelets"]
SIZE, PER_IMAGE = (640, 480), 20
TARGET_S, TARGET_AP = 10.0, 1e-6
BCCD = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "bccd"


def boxes(rng: np.random.Generator, taxonomy: Taxonomy, n: int) -> tuple[ObjectAnswer, ...]:
    """Boxes at places with three decimals."""
    corner = rng.uniform(0, [SIZE[0] - 100, SIZE[1] - 100], (n, 2)).round(3)
    ends = (corner + rng.uniform(5, 95, (n, 2))).round(3)
    labels = rng.integers(len(LABELS), size=n)
    return tuple(ObjectAnswer(f"o{k}", "box", (*corner[k].tolist(), *ends[k].tolist()), taxonomy.label_ids[labels[k]],
                              LABELS[labels[k]], certainty=float(k % 11)) for k in range(n))


def images(n: int) -> hw.Pool:
    """Blank images that are named after files, and of the size of BCCD's."""
    blank = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    return hw.Pool.from_images(np.broadcast_to(blank, (n, *blank.shape)), ids=[f"image-{k:06d}" for k in range(n)])


def a_project(folder: Path, pool: hw.Pool, *, seed: int, n: int) -> hw.Workbench:
    """A project in which one person drew `n` boxes; none where n is 0."""
    wb = hw.Workbench(folder, pool, LABELS, task="boxes", annotator="ann", holdout=0, progress=False)
    rng = np.random.default_rng(seed)
    events = []
    for k in range(n // PER_IMAGE):
        drawn = boxes(rng, wb.taxonomy, PER_IMAGE)
        label_id = set_id(one.label_id for one in drawn)
        events.append(decided(Decision(
            f"decision-{k:08d}", str(pool.ids[k]), "ann", "answer", label=wb.taxonomy.name_of(label_id),
            label_id=label_id, objects=drawn, size=SIZE, seen=Seen(chosen_by="random", taxonomy=1),
            acted_at=utc_now())))
    if events:
        wb.project.take_in(*events)
    return wb


def timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds of the clock and of the processor, and what it gives."""
    began, spent = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - began, time.process_time() - spent), found


def places(wb: hw.Workbench) -> set[tuple[Any, ...]]:
    """Item, label and coordinates of each box, in thousandths of a pixel."""
    table = wb.objects()
    corners = (table[["x0", "y0", "x1", "y1"]] * 1000).round().astype(int)
    return set(zip(table["item_id"], table["label"], *(corners[name] for name in corners), strict=True))


def in_and_out(name: str, wb: hw.Workbench, home: Path, *, n: int) -> list[tuple[float, float]]:
    """Seconds out and in through the project, and of the format alone: of the clock and of the processor."""
    path = home / name
    with contextlib.redirect_stdout(io.StringIO()):
        out_s, _ = timed(lambda: wb.export(path, name, images="reference"))
        with a_project(home / f"{name}-again", wb.pool, seed=0, n=0) as again:
            in_s, got = timed(lambda: again.import_file(path, name))
            if got.n_new != n // PER_IMAGE or places(again) != places(wb):
                sys.exit(f"{name}: the boxes that came in aren't those that left.")
    chosen = load_format(name)
    assert chosen.read is not None
    read = chosen.read
    read_s, records = timed(lambda: list(read(Source(path, wb.pool), chosen.options).records))
    header = read(Source(path, wb.pool), chosen.options).header
    alone = home / f"{name}-alone"
    alone.mkdir()
    write_s, _ = timed(lambda: chosen.write(header, iter(records), Target(alone, folder=True), chosen.options))
    return [out_s, in_s, write_s, read_s]


def plain(wb: hw.Workbench, home: Path) -> list[tuple[float, float]]:
    """Seconds that pandas takes to write the boxes as CSV and to read them."""
    table = wb.objects()[["item_id", "label", "x0", "y0", "x1", "y1"]]
    return [timed(lambda: table.to_csv(home / "plain.csv", index=False))[0],
            timed(lambda: pd.read_csv(home / "plain.csv"))[0]]


def true_boxes(seed: int) -> tuple[Header, list[ItemRecord], str]:
    """The boxes of BCCD, read from its files; made up where they are absent."""
    if BCCD.is_dir():
        voc = load_format("voc")
        assert voc.read is not None
        contents = voc.read(Source(BCCD), {**voc.options, "one_based": False})
        return contents.header, list(contents.records), "BCCD"
    header = Header("boxes", "image", Taxonomy(LABELS))
    rng = np.random.default_rng(seed)
    return header, [ItemRecord(f"i{k}", size=SIZE, answers=(Answer("a", objects=boxes(rng, header.taxonomy, 12)),))
                    for k in range(90)], "made up"


def found_boxes(rng: np.random.Generator, header: Header, record: ItemRecord) -> Iterator[ObjectAnswer]:
    """The true boxes moved, some mislabelled, some left out, and some where there is nothing."""
    label_ids = header.taxonomy.label_ids
    for k, one in enumerate(record.answers[0].objects or ()):
        if rng.random() < 0.85:
            at = np.round(np.array(one.at) + rng.normal(0, 4, 4), 2)
            label_id = one.label_id if rng.random() < 0.9 else str(rng.choice(label_ids))
            if at[0] < at[2] and at[1] < at[3]:
                yield ObjectAnswer(f"p{k}", "box", tuple(at.tolist()), label_id, "", origin="model", act="accepted",
                                   score=round(float(rng.random()), 6))
    for one in boxes(rng, Taxonomy([{"name": name, "id": label_id} for name, label_id in zip(
            LABELS, (*label_ids, *"abc"), strict=False)]), 3):
        if one.label_id in label_ids:
            yield ObjectAnswer(f"n{one.id}", "box", one.at, one.label_id, "", origin="model", act="accepted",
                               score=round(float(rng.random()), 6))


def table(header: Header, rows: list[tuple[str, ObjectAnswer]]) -> pd.DataFrame:
    """Objects as `quality.detection` takes them."""
    return pd.DataFrame([(item_id, header.names[one.label_id], *one.at, one.score) for item_id, one in rows],
                        columns=["item_id", "label", "x0", "y0", "x1", "y1", "score"])


def average_precision(seed: int, home: Path) -> tuple[str, list[tuple[str, float, float]]]:
    """Name of a figure, ours, and that of pycocotools on our files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    header, records, where = true_boxes(seed)
    rng = np.random.default_rng(seed)
    truth = [(record.item_id, one) for record in records for one in record.answers[0].objects or ()]
    found = {record.item_id: tuple(found_boxes(rng, header, record)) for record in records}
    coco = load_format("coco")
    told = [coco.reduce(header, ItemRecord(record.item_id, record.name, record.size, answers=record.answers,
                                           predictions=(Prediction("net", {}, found[record.item_id]),)), {})
            for record in records]
    path = home / f"ap-{seed}"
    path.mkdir()
    coco.write(header, [one for one in told if one is not None], Target(path, folder=True), coco.options)
    ours = detection(table(header, truth), table(header, [(name, one) for name, some in found.items() for one in some]),
                     images=list(found), resamples=2)
    with contextlib.redirect_stdout(io.StringIO()):
        true = COCO(str(path / "annotations.json"))
        theirs = COCOeval(true, true.loadRes(str(path / "predictions" / "net.json")), "bbox")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    return where, [(name, float(ours[name].value), float(theirs.stats[k]))
                   for k, name in enumerate(("map", "map50", "map75"))]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--formats", nargs="+", default=["coco", "yolo", "voc"])
    options = parser.parse_args()
    target = TARGET_S * options.n / 100_000
    seconds: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in ("(csv)", *options.formats)}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as temporary:
            home = Path(temporary)
            with a_project(home / "project", images(options.n // PER_IMAGE), seed=seed, n=options.n) as wb:
                seconds["(csv)"].append(plain(wb, home))
                for name in options.formats:
                    seconds[name].append(in_and_out(name, wb, home, n=options.n))
    print(f"{options.n:,} boxes in {options.n // PER_IMAGE:,} images, the slowest of {options.seeds} runs; target "
          f"{target:g} s each way")
    print(f"{'clock (processor)':>18} {'export':>15} {'import':>15} {'':>7} {'format: write':>15} {'read':>15}")
    for name, runs in seconds.items():
        slowest = [f"{clock:.1f} ({spent:.1f})" for clock, spent in np.max(runs, axis=0)]
        met = "" if name == "(csv)" else "met" if np.max(runs, axis=0)[:2, 0].max() < target else "MISSED"
        print(f"{name:>18} {slowest[0]:>15} {slowest[1]:>15} {met:>7} " + " ".join(f"{one:>15}" for one in slowest[2:]))
    print()
    print(f"Average precision of our files, target: equal to {TARGET_AP:g}")
    worst = 0.0
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as temporary:
            where, figures = average_precision(seed, Path(temporary))
        worst = max(worst, *(abs(ours - theirs) for _, ours, theirs in figures))
        print(f"  seed {seed} ({where}): " + ", ".join(f"{name} {ours:.6f} (pycocotools {theirs:.6f})"
                                                      for name, ours, theirs in figures))
    print(f"  largest difference {worst:.1e}: {'met' if worst <= TARGET_AP else 'MISSED'}")


if __name__ == "__main__":
    main()
