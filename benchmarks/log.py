"""Time until one decision is on the disk.

Prints a table: the log alone, with eight threads writing at once, and beside a thread that keeps Python busy; each
next to a plain sqlite3 INSERT under the same pragmas, which is what the disk allows.

    python benchmarks/log.py [--n 400] [--folder DIR]
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from hitl_widgets.events import Event, canonical, decided
from hitl_widgets.records import Decision, Seen, new_id
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.sqlite import BUSY_S

LABELS = [f"L{i:010x}" for i in range(10)]


def decision(item: int) -> Event:
    """A decision as the card sends it: ten probabilities were on the screen."""
    seen = Seen(suggestion=LABELS[0], probs=dict.fromkeys(LABELS, 0.1), method="gradcam", target=LABELS[0],
                model="0123456789abcdef", taxonomy=1, certainty="given", chosen_by="margin", shown_ms=812.5)
    return decided(Decision(new_id(), f"images/{item:06d}.png", "ann", "accept", label="Sneaker", label_id=LABELS[0],
                            certainty=7.0, seen=seen))


@contextmanager
def log_writes(folder: Path) -> Iterator[Callable[[int], object]]:
    """One append through the log."""
    with Log(folder) as log:
        yield lambda item: log.append(decision(item))


@contextmanager
def plain_writes(folder: Path) -> Iterator[Callable[[int], object]]:
    """The reference: one row and one index, no bookkeeping, one connection under a lock."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "plain.db", isolation_level=None, timeout=BUSY_S,
                                 check_same_thread=False)) as connection:
        connection.execute("PRAGMA journal_mode = PERSIST")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, item_id TEXT, body TEXT)")
        lock = threading.Lock()

        def write(item: int) -> None:
            event = decision(item)
            with lock:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO event (id, item_id, body) VALUES (?, ?, ?)",
                                   (event.id, event.item_id, canonical(event.body)))
                connection.commit()

        yield write


def timed(write: Callable[[int], object], n: int, *, n_threads: int) -> np.ndarray:
    """Milliseconds that each of n writes took, shared among threads."""
    took: list[float] = []

    def work(items: range) -> None:
        for item in items:
            start = time.perf_counter()
            write(item)
            took.append((time.perf_counter() - start) * 1e3)

    threads = [threading.Thread(target=work, args=(range(i, n, n_threads),)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return np.array(took)


@contextmanager
def busy_python(n_threads: int) -> Iterator[None]:
    """Threads that hold the interpreter as often as they are let."""
    done = threading.Event()

    def spin() -> None:
        while not done.is_set():
            sum(range(1_000))

    threads = [threading.Thread(target=spin) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=400, help="writes in each row of the table")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    args = parser.parse_args()
    print(f"one decision, ms{'':24}log                      plain sqlite3")
    print(f"{'':34}median    p99    max     median    p99    max")
    for title, n_threads, n_busy in (("alone", 1, 0), ("8 threads at once", 8, 0), ("beside a busy thread", 1, 1),
                                     ("8 threads, and a busy one", 8, 1)):
        cells = []
        for writes in (log_writes, plain_writes):
            with tempfile.TemporaryDirectory(dir=args.folder) as folder, writes(Path(folder) / "log") as write, \
                    busy_python(n_busy):
                took = timed(write, args.n, n_threads=n_threads)
            cells.append(f"{np.median(took):7.2f}{np.quantile(took, 0.99):7.1f}{took.max():7.1f}")
        print(f"{title:33}{cells[0]}    {cells[1]}")


if __name__ == "__main__":
    main()
