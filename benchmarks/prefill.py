"""Coverage of the interval of what a prefill hides, beside the 93 to 97 of 100 that are promised.

Images with objects are drawn, some harder than others; a model proposes most objects and some places where none is; the
arms, thresholds and withheld proposals are drawn as a project draws them; simulated people find an object with one
probability where the image is blind, and with a lower one where others are proposed and this one is withheld. The table
has for each setting the share of the simulations whose interval holds the truth, for the difference and for the part
that is missed, and the mean of the estimate beside the truth.

    python benchmarks/prefill.py [--n 500] [--seeds 5]
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hitl_widgets.quality.prefill import missed, missed_share


class Setting(NamedTuple):
    """What is simulated."""

    name: str
    n_images: int
    n_objects: int  # of an image
    blind: float  # share of the images that are blind
    withheld: float  # share of the proposals that are withheld, in a tenth of the images
    finds: float  # probability that an object is found blind
    missed: float  # part of these that is missed where it isn't proposed
    wrong: float = 0.1  # share of the proposals where no object is
    differs: float = 0.03  # correlation of two objects of one image
    people: int = 1


SETTINGS = (
    Setting("usual shares", 2_000, 12, 0.1, 0.05, 0.9, 0.3),
    Setting("no effect", 2_000, 12, 0.1, 0.05, 0.9, 0.0),
    Setting("half is missed", 1_000, 20, 0.1, 0.05, 0.8, 0.5),
    Setting("images differ", 1_000, 20, 0.2, 0.05, 0.7, 0.3, differs=0.15),
    Setting("little withheld", 400, 10, 0.1, 0.05, 0.85, 0.3),
    Setting("few images", 300, 20, 0.2, 0.2, 0.85, 0.3),
    Setting("four people", 500, 12, 0.15, 0.1, 0.85, 0.3, people=4),
)


def simulated(setting: Setting, rng: np.random.Generator) -> pd.DataFrame:
    """A table of places, as `places_of` makes it from the boxes of images."""
    size = (1 - setting.differs) / setting.differs
    n_objects = rng.poisson(setting.n_objects, setting.n_images)
    image = np.repeat(np.arange(setting.n_images), n_objects)
    hard = rng.beta(setting.finds * size, (1 - setting.finds) * size, setting.n_images)[image]
    is_object, tables = rng.random(len(image)) >= setting.wrong, []
    for person in range(setting.people):
        blind = (rng.random(setting.n_images) < setting.blind)[image]
        held = (rng.random(len(image)) < setting.withheld) & ~blind & (rng.random(setting.n_images) < 0.1)[image]
        finds = is_object & (rng.random(len(image)) < hard * np.where(held, 1 - setting.missed, 1.0))
        tables.append(pd.DataFrame({
            "item_id": image, "annotator": f"person {person}", "label_id": "Lr", "score": 0.5,
            "arm": np.where(blind, "blind", np.where(held, "withheld", "shown")),
            "arm_probability": np.where(blind, setting.blind, 1 - setting.blind),
            "took": np.where(blind | held, finds, is_object)}))
    return pd.concat(tables, ignore_index=True)


def covered(setting: Setting, n: int, seed: int) -> dict[str, Any]:
    """The share of n simulations whose intervals hold the truth."""
    truth = (1 - setting.wrong) * setting.finds * setting.missed
    rng = np.random.default_rng([seed, setting.n_images, setting.n_objects, round(100 * setting.missed)])
    rows = []
    for _ in range(n):
        places = simulated(setting, rng)
        there, part = missed(places), missed_share(places)
        rows.append((int((places["arm"] == "withheld").sum()), there.low <= truth <= there.high, there.value,
                     part.low <= setting.missed <= part.high, part.value))
    withheld, held, mean, held_part, mean_part = np.mean(rows, axis=0)
    return {"setting": setting.name, "simulations": n, "withheld": withheld, "held": held, "held, part": held_part,
            "truth": truth, "mean": mean, "part": setting.missed, "mean part": mean_part}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="simulations of each setting, over all seeds")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    every = pd.DataFrame([covered(setting, max(1, given.n // given.seeds), seed) for setting in SETTINGS
                          for seed in range(given.seeds)])
    table = every.groupby("setting", sort=False).mean()
    print(f"{every.groupby('setting')['simulations'].sum().iloc[0]} simulations of each setting, "
          f"{given.seeds} seeds; target: 0.93 to 0.97 held\n")
    print(table.drop(columns="simulations").round(3).to_string())


if __name__ == "__main__":
    main()
