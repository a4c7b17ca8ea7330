"""Joining: do folders that were labelled apart come to the same state, in whatever order they are joined?

Five copies of a project, in each of which somebody decides, undoes, edits the taxonomy, sets gold, adopts, asks and
judges at random, are joined in 20 random orders and groupings. Run as::

    python benchmarks/join.py [--orders 20] [--acts 25] [--large 100000]
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from desks import Desk, state_of

from hitl_widgets.events import decided
from hitl_widgets.project.joining import join
from hitl_widgets.records import Decision

N_DESKS = 5
PEOPLE = ("ada", "bob", "cy", "dee", "eve")


def states(folder: Path, task: str, *, orders: int, acts: int, seed: int) -> tuple[int, int, int]:
    """The number of different states, of events and of edits made apart, after joining in so many orders."""
    rng, clock = random.Random(seed), [0]
    first = Desk(folder / "0", task, PEOPLE[0], clock)
    first.work(rng, acts)
    desks = [first, *(first.copy(folder / str(place), PEOPLE[place]) for place in range(1, N_DESKS))]
    for place, desk in enumerate(desks):
        desk.late = rng.choice([-3, 0, 3])
        desk.work(rng, acts)
        if place:  # some had met before
            join(desk.project, desks[rng.randrange(place)].folder) if rng.random() < 0.3 else None
            desk.work(rng, acts // 3)
    for desk in desks:
        desk.project.close()
    found: dict[str, int] = {}
    n_events = n_forks = 0
    for order in range(orders):
        here = folder / f"order-{order}"
        for place in range(N_DESKS):
            shutil.copytree(folder / str(place), here / str(place))
        waiting = list(range(N_DESKS))
        while len(waiting) > 1:
            rng.shuffle(waiting)
            other = waiting.pop()
            desk = Desk(here / str(waiting[0]), task, PEOPLE[0], clock)
            join(desk.project, here / str(other))
            if len(waiting) == 1:
                state = repr(sorted(state_of(desk.project).items()))
                found[state] = found.get(state, 0) + 1
                n_events, n_forks = desk.project.log.last_seq(), len(desk.project.lineage.forks.steps)
            desk.project.close()
        shutil.rmtree(here)
    return len(found), n_events, n_forks


def large(folder: Path, n: int) -> float:
    """Seconds to join two folders with so many decisions each, of which half are the same."""
    desk = Desk(folder / "large", "classify", "ada", [0])
    label = desk.project.taxonomy.label_ids[0]

    def decide(first: int, last: int, who: str, of: Desk) -> None:
        of.project.log.append(*(decided(Decision(f"decision-{who}-{k}", f"i{k}", who, "answer", label="cat",
                                                 label_id=label)) for k in range(first, last)))

    decide(0, n // 2, "ada", desk)
    desk.project.close()
    shutil.copytree(folder / "large", folder / "other")
    pair = [Desk(folder / name, "classify", who, [10**7]) for name, who in (("large", "ada"), ("other", "bob"))]
    for desk, who in zip(pair, ("ada", "bob"), strict=True):
        decide(n // 2, n, who, desk)
    began = time.perf_counter()
    join(pair[0].project, folder / "other")
    return time.perf_counter() - began


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--acts", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--large", type=int, default=100_000)
    given = parser.parse_args()
    for task in ("classify", "boxes"):
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as folder:
                n, n_events, n_forks = states(Path(folder), task, orders=given.orders, acts=given.acts, seed=seed)
            same = "the same state" if n == 1 else f"{n} DIFFERENT states"
            print(f"Join of {N_DESKS} folders in {given.orders} random orders: {same} ({task}, {n_events} events, "
                  f"{n_forks} edits made apart)", flush=True)
    if given.large:
        with tempfile.TemporaryDirectory() as folder:
            print(f"Join of two folders with {given.large:,} decisions each: {large(Path(folder), given.large):.1f} s")


if __name__ == "__main__":
    main()
