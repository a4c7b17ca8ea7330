"""Values of texts: heads over descriptors of texts learn them, predict them, and are read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hitl_widgets as hw

GOOD, BAD = ["great", "lovely", "super", "fine", "nice"], ["awful", "poor", "dreadful", "bad", "nasty"]
RNG = np.random.default_rng(0)
STARS = RNG.integers(0, 6, 160)
TEXTS = [" ".join([*RNG.choice(GOOD, stars), *RNG.choice(BAD, 5 - stars), "film", f"number {row}"])
         for row, stars in enumerate(STARS)]


def test_values_on_a_scale_are_learnt_from_texts_predicted_and_kept(tmp_path: Path) -> None:
    pool = hw.Pool.from_texts([*TEXTS, ""])
    stars = hw.Attribute("stars", scale=(0, 5))
    with hw.Workbench(tmp_path / "p", pool, hw.Taxonomy(attributes=[stars]), task="scale") as wb:
        for position in range(120):
            if str(position) not in wb.holdout:
                wb.decide(str(position), values={"stars": int(STARS[position])})
        for item_id in wb.holdout[:20]:
            if int(item_id) < 160:
                wb.decide(item_id, values={"stars": int(STARS[int(item_id)])},
                          seen={"hidden": True, "chosen_by": "holdout"})
        run = wb.finetune()
        assert run.adopted
        predicted = wb.predict_values().set_index("item_id")["value"].astype(float)
        assert wb.session.predicted_values(160) == {}  # an empty text
        version = wb.registry.values.version
    rest = [position for position in range(120, 160) if str(position) in predicted.index]
    error = np.abs(predicted.loc[list(map(str, rest))].to_numpy() - STARS[rest]).mean()
    assert error < 0.8 < np.abs(STARS[rest] - STARS[rest].mean()).mean()
    with hw.Workbench(tmp_path / "p", pool) as wb:
        again = wb.predict_values().set_index("item_id")["value"].astype(float)
        assert again.loc["130"] == pytest.approx(predicted.loc["130"])
        assert wb.registry.values.version == version
        assert len(wb.next(10)) == 10
