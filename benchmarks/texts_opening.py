"""Time to open a project of 1,000,000 texts: begun anew, and again with answers, each with making the pool.

    python benchmarks/texts_opening.py [--items 1000000] [--answers 1000] [--seeds 5] [--profile]

Beside it stands a table of pandas with the same texts under unique ids, which keeps no project and compares nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

import numpy as np

TARGET_S = 3.0

TEXTS = """
import sys, time
import numpy as np
folder, n, seed, n_answers = sys.argv[1], *map(int, sys.argv[2:5])
rng = np.random.default_rng(seed)
letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
words = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 10, 20_000)]
drawn = rng.zipf(1.3, (n, 14)) % len(words)
texts = [" ".join([words[k] for k in row]) for row in drawn.tolist()]
"""
OURS = TEXTS + """
import hitl_widgets as hw
with hw.Workbench(folder + "/warm", hw.Pool.from_texts(texts[:100]), ["ham", "spam"]):
    pass  # what is imported by the first project of a session
if len(sys.argv) > 5:
    import cProfile, pstats
    profile = cProfile.Profile()
    profile.enable()
took = []
for _ in range(2):
    began = time.perf_counter()
    pool = hw.Pool.from_texts(texts)
    made = time.perf_counter()
    wb = hw.Workbench(folder + "/p", pool, ["ham", "spam"], annotator="ada")
    took += [made - began, time.perf_counter() - made]
    for item in pool.ids[rng.permutation(n)[:n_answers]].tolist() if len(took) == 2 else ():
        wb.decide(item, label="ham")
    wb.close()
if len(sys.argv) > 5:
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
print(*took)
"""
PANDAS = TEXTS + """
import pandas as pd
began = time.perf_counter()
table = pd.DataFrame({"text": texts}, index=pd.Index(list(map(str, range(n)))))
assert table.index.is_unique and table["text"].notna().all() and table.loc["0", "text"] == texts[0]
print(time.perf_counter() - began)
"""


def run(code: str, *arguments: object) -> list[float]:
    """The numbers that a fresh Python prints last; what comes before them is passed on where a profile is wanted."""
    output = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True,
                            check=True).stdout.rstrip("\n").split("\n")
    if "profile" in arguments:
        print("\n".join(output[:-1]))
    return [float(number) for number in output[-1].split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--answers", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="say what takes the time")
    arguments = parser.parse_args()
    figures = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            numbers = [arguments.items, seed, arguments.answers]
            if arguments.profile:
                run(OURS, folder, *numbers, "profile")
                continue
            pool, new, again_pool, again = run(OURS, folder, *numbers)
            [table] = run(PANDAS, folder, *numbers)
            figures.append((pool + new, again_pool + again, table))
            print(f"seed {seed}: {arguments.items:,} texts: pool {pool:.2f} s, new project {new:.2f} s; pool again "
                  f"{again_pool:.2f} s, project with {arguments.answers:,} answers {again:.2f} s; pandas {table:.2f} s")
    if figures:
        new, again, table = np.median(figures, axis=0)
        print(f"median of {arguments.seeds}: begun in {new:.2f} s, opened again in {again:.2f} s (target {TARGET_S} s: "
              f"{'met' if max(new, again) < TARGET_S else 'missed'}); a table of pandas {table:.2f} s")


if __name__ == "__main__":
    main()
