"""Blocks on a cluster beside a plain loop: what a killed worker costs, the overhead, and two workers beside one.

Run `python benchmarks/dask_blocks.py`, on cores that do nothing else: it prints a table and the load. The plain loop
calls the same function for the same blocks in this process, with one thread. A LocalCluster is started with one and
with two workers of one thread; starting them, and their import of torch, is not in the times.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from distributed import Client, LocalCluster
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.items.pool_part import part_of
from hitl_widgets.learn import dask_cluster
from hitl_widgets.learn.blocks import SIZE, Answers, Block, Result, Work, blocks_of, run_block, work_of
from hitl_widgets.learn.nets import small_cnn

LINES = "HITL_BENCHMARK_LINES"


def counted(work: Work, block: Block) -> Result:
    """A block, of which a line is left when it begins."""
    with open(os.environ[LINES], "a") as file:
        file.write(f"{block.number}\n")
    return run_block(work, block)


def pool_in(folder: Path, n: int, side: int) -> hw.Pool:
    """A pool of n JPEG files."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    coarse = rng.integers(0, 256, (64, 8, 8, 3), dtype=np.uint8)
    for k in range(n):
        Image.fromarray(coarse[k % 64]).resize((side, side)).save(folder / f"{k:05}.jpg")
    return hw.Pool.from_images(folder)


def rows(answers: dict[int, Answers]) -> bytes:
    return np.concatenate([answers[number].arrays["probs"] for number in sorted(answers)]).tobytes()


def on(client: Client, work: Work, blocks: list[Block], *, kill_at: int | None = None) -> tuple[float, bytes]:
    """Seconds, and what came; a worker is killed once so many blocks have come."""
    found: dict[int, Answers] = {}
    began = time.perf_counter()
    for block, answers in dask_cluster.results(client, counted, work, blocks):
        assert answers is not None
        found[block.number] = answers
        if len(found) == kill_at:
            [pid, *_] = client.run(os.getpid).values()
            psutil.Process(pid).kill()
    return time.perf_counter() - began, rows(found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=4_096, help="items")
    parser.add_argument("--side", type=int, default=160, help="of each image, in pixels")
    parser.add_argument("--repeats", type=int, default=7, help="of each time, in turns; medians count")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.environ[LINES] = str(home / "lines")
        pool = pool_in(home / "images", arguments.n, arguments.side)
        torch.manual_seed(0)
        with hw.Workbench(home / "project", pool, ["a", "b", "c"], model=small_cnn(3, channels=3, size=96), holdout=0,
                          preprocess=hw.Preprocess(96, channels=3), progress=False) as wb:
            predictor = wb.inference.predictor
            work = work_of(predictor, np.arange(len(pool)), wb.inference.folder_of_work, what="probs")
            blocks = [Block(number, some, part_of(pool, some)) for number, some in blocks_of(np.arange(len(pool)))]
            loops, ones, twos, work_s, cluster_s = [], [], [], [], []
            loop = b""
            with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as local, \
                    Client(local) as client:
                on(client, work, blocks[:2])  # which loads the net
                run_block(work, blocks[0])
                for _ in range(arguments.repeats):
                    began, worked = time.perf_counter(), time.process_time()
                    found = {block.number: run_block(work, block).answers for block in blocks}
                    loops.append(time.perf_counter() - began)
                    work_s.append(time.process_time() - worked)
                    loop = rows(found)  # type: ignore[arg-type]
                    worked = time.process_time() + sum(client.run(time.process_time).values())
                    seconds, bytes_of_one = on(client, work, blocks)
                    cluster_s.append(time.process_time() + sum(client.run(time.process_time).values()) - worked)
                    ones.append(seconds)
            with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as local, \
                    Client(local) as client:
                on(client, work, blocks[:8])
                for _ in range(arguments.repeats):
                    seconds, bytes_of_two = on(client, work, blocks)
                    twos.append(seconds)
                Path(os.environ[LINES]).unlink()
                _, after_kill = on(client, work, blocks, kill_at=len(blocks) // 2)
            runs = len(Path(os.environ[LINES]).read_text().splitlines())
        more = np.array(ones) / loops - 1  # of neighbouring runs: processors slow down and speed up over minutes
        low, overhead, high = np.quantile(more, [0.25, 0.5, 0.75])
        loop_s, one_s, two_s = (float(np.median(times)) for times in (loops, ones, twos))
        print(f"{len(pool):,} JPEGs of {arguments.side} x {arguments.side}, {len(blocks)} blocks of {SIZE}, a small "
              f"CNN; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
        print("| figure | ours | reference | target | |\n|---|---|---|---|---|")
        same = bytes_of_one == bytes_of_two == loop
        lines = [
            ("one worker of one thread, s (plain loop)", f"{one_s:.2f}", f"{loop_s:.2f}", "", ""),
            ("the same on the processor, worker and kernel", f"{np.median(cluster_s):.2f}",
             f"{np.median(work_s):.2f}", "", ""),
            (f"overhead over the plain loop, {len(more)} pairs", f"{overhead:.1%} ({low:.1%} to {high:.1%})",
             "", "<= 10 %", overhead <= 0.1),
            ("two workers of one thread, s (one worker)", f"{two_s:.2f}", f"{one_s:.2f}", "", ""),
            ("two workers, times one", f"{one_s / two_s:.2f}", "", ">= 1.4", one_s / two_s >= 1.4),
            ("bytes equal to the plain loop's", str(same), "", "True", same),
            ("one of two killed half way: bytes equal", str(after_kill == loop), "", "True", after_kill == loop),
            ("and blocks that ran again", str(runs - len(blocks)), "", "<= 1", runs - len(blocks) <= 1)]
        for figure, ours, reference, target, met in lines:
            verdict = "" if met == "" else "met" if met else "not met"
            print(f"| {figure} | {ours} | {reference} | {target} | {verdict} |")


if __name__ == "__main__":
    main()
