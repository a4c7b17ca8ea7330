"""First looks after edits of the taxonomy: every label has one name, wherever it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.project.first_looks import first_looks
from hitl_widgets.quality.prefill import prefill_bias
from hitl_widgets.records import Seen


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    """Six images with a proposal of a cat and a withheld one: accepted in 2, moved in 2, deleted in 1, a dog in 1."""
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (6, 60, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, ["cat", "dog"], task="boxes", holdout=0, annotator="ada",
                      progress=False) as wb:
        cat, dog = wb.taxonomy.label_ids
        proposal = {"id": "m", "kind": "box", "at": [1, 1, 21, 21], "label_id": cat, "score": 0.9}
        seen = Seen(model="m", taxonomy=1, chosen_by="random", arm="shown", arm_probability=0.9, threshold=0.3,
                    threshold_probability=0.8, objects=(proposal,),
                    withheld=({**proposal, "id": "w", "at": [40, 30, 60, 50], "p": 0.05},))
        for k, (at, label_id) in enumerate([([1, 1, 21, 21], cat)] * 2 + [([3, 1, 21, 21], cat)] * 2
                                           + [(None, None), ([1, 1, 21, 21], dog)]):
            wb.decide(str(k), objects=[] if at is None else [{"id": "m", "at": at, "label_id": label_id}], seen=seen)
        yield wb


def names(wb: hw.Workbench) -> set[str]:
    """The label under which the proposals are listed, in the answers, on the screens and among the withheld ones."""
    looks = first_looks(wb.project)
    listed = [one for of in (*looks["seen"], *looks["withheld"]) for one in of]
    listed += [one.get("was") or one for of in looks["objects"] for one in of]
    return {one["label_id"] for one in listed}


def test_after_a_split_the_proposals_of_a_label_stay_one_row_under_its_last_name(wb):
    """Accepted ones had the label's name, and moved or relabelled ones its id: shares of 1 and of 0, both wrong."""
    stood = wb.progress().suggestions
    wb.apply(edits.split("cat", into=["tabby", "siamese"]))
    assert names(wb) == {"cat"}
    after = wb.progress().suggestions
    assert after.equals(stood)
    assert after.set_index("label").loc["cat", ["n", "share"]].tolist() == [6, 2 / 6]
    assert wb.people.bias().per_label["label_id"].tolist() == ["cat"]


def test_a_label_that_was_renamed_before_it_was_split_has_its_last_name(wb):
    """Objects that were answered before the new name kept the former one, beside those that were answered later."""
    wb.apply(edits.rename("cat", to="feline"))
    wb.apply(edits.split("feline", into=["tabby", "siamese"]))
    assert names(wb) == {"feline"}


def test_a_label_has_todays_name_after_a_merge_and_its_own_last_name_once_that_is_gone(wb):
    wb.apply(edits.rename("cat", to="feline"))
    wb.apply(edits.merge(["feline", "dog"], into="animal"))
    assert names(wb) == {"animal"}
    wb.apply(edits.add("plant"))
    wb.apply(edits.retire("animal"))
    assert names(wb) == {"feline"}
    assert prefill_bias(first_looks(wb.project)).per_label["label_id"].tolist() == ["feline"]
