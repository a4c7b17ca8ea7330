"""Of several labels an item, is a slip found label by label, and are certainties judged by whole sets?"""

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput

N = 80
LABELS = ["top", "middle", "bottom"]
IDS = [f"i{k:02d}" for k in range(N)]
RNG = np.random.default_rng(0)
ON = RNG.random((N, 3)) < 0.5


def images():
    drawn = RNG.normal(60, 6, (N, 12, 12))
    for k, row in enumerate(ON):
        for place in np.flatnonzero(row):
            drawn[k, 4 * place:4 * place + 4] += 120
    return drawn.clip(0, 255).astype(np.uint8)


POOL = hw.Pool.from_images(images(), IDS)


def labels_of(k):
    return [name for name, there in zip(LABELS, ON[k], strict=True) if there]


@pytest.mark.long
def test_a_slip_in_one_label_is_the_least_probable_and_asked_again(tmp_path):
    slipped = 7
    with hw.Workbench(tmp_path / "p", POOL, LABELS, task="multilabel", annotator="ada", holdout=0, audit=0,
                      progress=False) as wb:
        for k, item_id in enumerate(IDS[:60]):
            wrong = {"middle"} if k == slipped else set()
            wb.decide(item_id, labels=sorted(set(labels_of(k)) ^ wrong), certainty=7)
        table = wb.people.second_looks()
        first = table.iloc[0]
        assert (first["item_id"], first["label"]) == (IDS[slipped], "middle")
        assert bool(first["value"]) != bool(ON[slipped, 1])
        assert first["right"] < 0.5
        assert wb.next(1, queue="second_look").ids == [IDS[slipped]]
        wb.decide(IDS[slipped], labels=labels_of(slipped))
        assert IDS[slipped] not in wb.next(5, queue="second_look").ids


def test_a_certainty_is_judged_by_whether_the_whole_set_is_right(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, LABELS, task="multilabel", annotator="ada", holdout=0, audit=0,
                      progress=False) as wb:
        for k, item_id in enumerate(IDS[:20]):
            wrong = {"top"} if k % 5 == 0 else set()
            wb.decide(item_id, labels=sorted(set(labels_of(k)) ^ wrong), certainty=2 if wrong else 9)
        wb.gold({item_id: labels_of(k) for k, item_id in enumerate(IDS[:20])})
        row = wb.people.calibration().table.set_index("annotator").loc["ada"]
        assert row["n"] == 20
        assert row["auroc"] == 1


def test_values_alone_have_no_adjudication_and_say_so(tmp_path):
    with hw.Workbench(tmp_path / "p", POOL, hw.Taxonomy(attributes=[hw.Attribute("ink", scale=(0., 1.))]), task="scale",
                      annotator="ada", progress=False) as wb:
        wb.decide(IDS[0], values={"ink": 0.5})
        with pytest.raises(BadInput, match="asks for values alone"):
            wb.people.adjudicate()
        assert not len(wb.people.second_looks())
        assert not len(wb.people.calibration().table)
