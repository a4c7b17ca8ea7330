"""What a prefill hides: the figure from boxes, its interval in simulations, what counts as found, what is left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import ShapeError
from hitl_widgets.quality.prefill import at_places, missed, missed_share, places_of, prefill_bias, ratio_limits
from hitl_widgets.records import Estimate


def box(k: float, *, id: str = "", act: str | None = None, off: float = 0.0, score: float = 0.5) -> dict[str, Any]:
    """The k-th box of a row of boxes, moved by some pixels."""
    return {"id": id or f"p{k}", "kind": "box", "at": [30.0 * k + off, 0.0, 30.0 * k + off + 20, 20.0],
            "label_id": ("Lr", "Lw")[int(k) % 2], "score": score, **({} if act is None else {"act": act})}


def image(item_id: str, *, blind: bool, n: int = 6, held: tuple[int, ...] = (), found: tuple[int, ...] = (),
          deleted: tuple[int, ...] = (), annotator: str = "ada", threshold: float = 0.3, probability: float = 0.8,
          **more: Any) -> dict[str, Any]:
    """A row of the table: the proposals of a row of boxes, and what somebody made of them."""
    seen = [box(k) for k in range(n) if k not in held]
    kept = [] if blind else [box(k, act="deleted" if k in deleted else "accepted") for k in range(n) if k not in held]
    return {"item_id": item_id, "annotator": annotator, "arm": "blind" if blind else "shown",
            "arm_probability": 0.1 if blind else 0.9, "threshold": threshold, "threshold_probability": probability,
            "hidden": blind, "objects": [*kept, *(box(k, id=f"mine{k}", act="added", off=1.0) for k in found)],
            "seen": seen, "withheld": [box(k) for k in held], **more}


def test_found_and_added_are_counted_at_the_places_of_proposals():
    bias = prefill_bias(pd.DataFrame([
        image("a", blind=True, found=(0, 1, 2, 3)), image("b", blind=True, found=(0, 1, 2, 3, 4)),
        image("c", blind=False, held=(1, 4), found=(1,)), image("d", blind=False, held=(2,), deleted=(0,))]))
    assert (bias.found_blind.value, bias.found_blind.n) == (9 / 12, 12)
    assert (bias.added.value, bias.added.n) == (pytest.approx(1 / 3), 3)
    assert bias.missed.value == pytest.approx(9 / 12 - 1 / 3)
    assert bias.missed_share.value == pytest.approx(1 - (1 / 3) / (9 / 12))
    assert bias.proposed.value == pytest.approx(8 / 9 - 9 / 12)
    assert bias.per_label["n_withheld"].tolist() == [2, 1]
    assert bias.per_annotator.loc[0, ["n_withheld", "n_blind"]].tolist() == [3, 12]
    assert bias.by_score["score"].tolist() == ["0.3 to 0.5"]
    assert "nothing" not in repr(bias)
    assert "What the proposals hide" in bias._repr_html_()


def test_an_object_of_another_place_or_half_beside_it_is_not_found():
    there = [box(0, act="added", off=9.0), box(2, act="added", off=3.0)]
    assert at_places([box(0), box(1), box(2)], there, (20, 200)).tolist() == [False, False, True]
    point = {"kind": "point", "at": [10.0, 10.0], "label_id": "Lr", "score": 0.5}
    for apart, expected in ((4.0, True), (5.0, False)):  # 3 % of a diagonal of 141 are 4.2 px
        assert at_places([point], [{**point, "at": [10.0 + apart, 10.0]}], (100, 100)).tolist() == [expected]


def test_what_was_not_drawn_is_left_out():
    images = pd.DataFrame([image("a", blind=True, found=(0,)), image("b", blind=False, held=(1,)),
                           {**image("hold-out", blind=True), "arm": None, "arm_probability": None},
                           {**image("revised", blind=False), "threshold_probability": None},
                           {**image("only", blind=True), "arm_probability": 1.0},
                           {**image("looked", blind=False), "arm": "blind"}])
    bias = prefill_bias(images)
    assert (bias.found_blind.n, bias.added.n) == (6, 1)
    assert any("4 answers are left out" in note for note in bias.notes)


def test_a_withheld_proposal_counts_only_beside_one_that_is_shown_and_a_blind_place_only_beside_another():
    beside_others = [image("a", blind=True, n=2, found=(0,)), image("b", blind=False, n=2, held=(1,))]
    single = [image("c", blind=True, n=1), image("d", blind=False, n=1, held=(0,), found=(0,)),
              image("e", blind=False, n=2, held=(0, 1), found=(0, 1)), image("f", blind=False, n=1)]
    bias = prefill_bias(pd.DataFrame(beside_others + single))
    assert (bias.found_blind.value, bias.found_blind.n) == (1 / 2, 2)
    assert (bias.added.value, bias.added.n) == (0, 1)
    assert (bias.missed.value, bias.missed.n) == (1 / 2, 3)
    assert bias.per_annotator.loc[0, ["n_withheld", "n_blind", "missed"]].tolist() == [1, 2, 1 / 2]
    assert bias.per_label[["n_withheld", "n_blind"]].to_numpy().sum() == 3
    assert bias.by_score[["n_withheld", "n_blind"]].to_numpy().sum() == 3
    assert bias.proposed.value == pytest.approx(1 - 1 / 3)  # of single proposals, too
    assert any("4 blind or withheld places are left out" in note for note in bias.notes)


def test_a_withheld_place_weighs_by_how_seldom_another_proposal_is_shown_beside_it():
    held = [image("a", blind=False, n=2, held=(0,)), image("b", blind=False, n=3, held=(0,))]
    for row in held:
        row["withheld"][0]["p"] = 0.5
    places, _ = places_of(pd.DataFrame(held))
    withheld = places[places["arm"] == "withheld"]
    assert withheld["arm_probability"].tolist() == pytest.approx([0.9 * 0.5, 0.9 * 0.75])


def texts_with_few_spans(rng: np.random.Generator, *, part: float, part_alone: float, n_texts: int = 1_500
                         ) -> pd.DataFrame:
    """Simulated texts with one to three spans; the more there are, the harder they are to find."""
    rows = []
    for k in range(n_texts):
        n, blind = int(rng.integers(1, 4)), bool(rng.random() < 0.3)
        held = () if blind else tuple(np.flatnonzero(rng.random(n) < 0.4).tolist())
        finds = (0.9, 0.9, 0.5)[n - 1] * (1.0 if blind else 1 - (part if len(held) < n else part_alone))
        row = image(f"t{k}", blind=blind, n=n, held=held, found=tuple(
            j for j in (range(n) if blind else held) if rng.random() < finds))
        rows.append({**row, "arm_probability": 0.3 if blind else 0.7,
                     "withheld": [{**one, "p": 0.4} for one in row["withheld"]]})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("part_alone", [0.0, 0.4])
def test_what_people_do_where_nothing_else_is_shown_does_not_matter(part_alone):
    rng = np.random.default_rng(5)
    found = [prefill_bias(texts_with_few_spans(rng, part=0.4, part_alone=part_alone)) for _ in range(5)]
    # In texts with two or three spans, two of five places are found blind with probability .9, the others with .5.
    assert np.mean([one.missed for one in found]) == pytest.approx(0.4 * (2 * 0.9 + 3 * 0.5) / 5, abs=0.03)
    assert np.mean([one.missed_share for one in found]) == pytest.approx(0.4, abs=0.04)


def test_places_on_top_of_each_other_are_left_out():
    images = pd.DataFrame([image("a", blind=True, found=(0,))])
    images.at[0, "seen"] = [*images.at[0, "seen"], {**box(0), "id": "again", "label_id": "Lw"}]
    places, n_twice = places_of(images)
    assert (len(places), n_twice) == (5, 2)


def test_without_withheld_or_blind_ones_the_reason_is_said():
    bias = prefill_bias(pd.DataFrame([image("a", blind=True, found=(0,))]))
    assert math.isnan(bias.missed)
    assert "withheld" in bias.missed.why
    assert math.isnan(bias.missed_share)
    empty = prefill_bias(pd.DataFrame(columns=list(image("a", blind=True))))
    assert math.isnan(empty.missed)
    assert math.isnan(prefill_bias(pd.DataFrame([image("a", blind=True), image("b", blind=False, held=(0,))]))
                      .missed_share)
    with pytest.raises(ShapeError, match="withheld"):
        prefill_bias(pd.DataFrame({"item_id": ["a"]}))


def test_thresholds_are_compared_by_what_people_did():
    rows = [image(f"u{k}", blind=False, found=(7,), shown_ms=10_000) for k in range(8)]
    rows += [image(f"l{k}", blind=False, deleted=(0, 1), threshold=0.15, probability=0.1, shown_ms=20_000)
             for k in range(4)]
    rows += [image(f"h{k}", blind=False, n=2, found=(4, 5, 7), threshold=0.65, probability=0.1, shown_ms=30_000)
             for k in range(3)]
    table = prefill_bias(pd.DataFrame(rows)).by_threshold.set_index("threshold_arm")
    assert table.index.tolist() == ["lower", "usual", "higher"]
    assert table["added"].tolist() == [0, 1, 3]
    assert table["deleted"].tolist() == [2, 0, 0]
    assert table["seconds"].tolist() == [20, 10, 30]
    assert table["n_images"].tolist() == [4, 8, 3]


def drawn_places(rng: np.random.Generator, *, n_images: int = 600, part: float = 0.3, finds: float = 0.85
                 ) -> pd.DataFrame:
    """Places of simulated images, one in ten of them no object; some images are harder than others."""
    image = np.repeat(np.arange(n_images), rng.poisson(12, n_images))
    hard = rng.beta(30 * finds, 30 * (1 - finds), n_images)[image]
    blind = (rng.random(n_images) < 0.1)[image]
    held = (rng.random(len(image)) < 0.1) & ~blind & (rng.random(n_images) < 0.1)[image]
    real = rng.random(len(image)) < 0.9
    finds_it = real & (rng.random(len(image)) < hard * np.where(held, 1 - part, 1.0))
    return pd.DataFrame({"item_id": image, "annotator": "ada", "label_id": "Lr", "score": 0.5,
                         "arm": np.where(blind, "blind", np.where(held, "withheld", "shown")),
                         "arm_probability": np.where(blind, 0.1, 0.9), "took": np.where(blind | held, finds_it, real)})


@pytest.mark.long
def test_the_intervals_hold_the_truth_in_95_of_100_simulations():
    rng = np.random.default_rng(4)
    held = np.zeros(2)
    values = []
    for _ in range(200):
        places = drawn_places(rng)
        difference, part = missed(places), missed_share(places)
        held += [difference.low <= 0.9 * 0.85 * 0.3 <= difference.high, part.low <= 0.3 <= part.high]
        values.append((difference.value, part.value))
    assert (held / 200 >= 0.91).all()
    assert (held / 200 <= 0.99).all()
    assert np.mean(values, axis=0) == pytest.approx([0.9 * 0.85 * 0.3, 0.3], abs=0.015)


def test_wrong_proposals_make_the_difference_smaller_but_not_the_part():
    rng = np.random.default_rng(0)
    places = drawn_places(rng, n_images=6_000)
    wrong = places.sample(frac=1.0, random_state=0).assign(took=False)
    wrong["item_id"] += 6_000
    more = pd.concat([places, wrong])
    assert missed(more).value == pytest.approx(missed(places).value / 2, abs=0.02)
    assert missed_share(more).value == pytest.approx(missed_share(places).value, abs=0.02)


def test_the_limits_of_a_ratio_hold_it():
    assert ratio_limits(Estimate(0.4, 0.3, 0.5), Estimate(0.8, 0.75, 0.85)) == pytest.approx((0.375, 0.632), abs=0.01)
    low, high = ratio_limits(Estimate(0.0, 0.0, 0.3), Estimate(0.1, 0.0, 0.4))
    assert low == 0
    assert math.isinf(high)
