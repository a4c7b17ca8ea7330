"""The table of predicted values says of each item what the card suggests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from shade_values import LOOK, SHADE, STEP, answer, learner
from shades import POOL

from hitl_widgets import edits
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn import predicted_table


def test_each_item_has_a_row_for_each_attribute_and_says_what_is_suggested(values_bench, monkeypatch):
    monkeypatch.setattr(predicted_table, "AT_ONCE", 50)
    wb = values_bench(SHADE, LOOK)
    answer(wb, 30, SHADE, LOOK)
    learner(wb).learn()
    table = wb.predict_values()
    assert list(table.columns) == ["item_id", "attribute", "value", "low", "high", "model"]
    assert table["item_id"].tolist() == np.repeat(POOL.ids, 2).tolist()
    assert table["attribute"].tolist() == ["shade", "look"] * len(POOL)
    for position in range(0, len(POOL), 31):
        said = wb.session.predicted_values(position)
        shade, look = table.iloc[2 * position], table.iloc[2 * position + 1]
        assert (shade["low"], shade["high"]) == pytest.approx((said[SHADE.id].low, said[SHADE.id].high), abs=2e-3)
        assert shade["value"] == pytest.approx(said[SHADE.id].value, abs=2e-3)
        assert look["value"] == said[LOOK.id].value
        assert pd.isna(look["low"])
    few = wb.predict_values(3)
    assert few["item_id"].drop_duplicates().tolist() == [item.id for item in wb.next(3)]
    assert set(table["model"]) == {wb.registry.values.version}


def test_values_are_on_todays_scale_and_those_without_a_meaning_are_left_out(values_bench):
    wb = values_bench(STEP, LOOK)
    answer(wb, 30, STEP, LOOK)
    learner(wb).learn()
    before = wb.predict_values().query("attribute == 'step'").set_index("item_id")["value"]
    wb.apply([edits.change_attribute("step", scale=(0, 1), map={step: int(step >= 5) for step in range(1, 11)}),
              edits.retire_attribute("look")])
    after = wb.predict_values().set_index("item_id")
    assert set(after["attribute"]) == {"step"}
    kept = before[before > 0]
    assert after["value"].to_dict() == (kept >= 5).astype(int).to_dict()


def test_without_heads_the_message_says_how_to_get_some(values_bench):
    wb = values_bench(SHADE)
    with pytest.raises(ModelError, match=r"wb\.finetune"):
        wb.predict_values()
    with pytest.raises(BadInput, match="n is 0"):
        wb.predict_values(0)
