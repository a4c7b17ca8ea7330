"""Does each part of the workbench do with texts what it does with images?

Small projects of texts made from templates, in each of the tasks. `test_every_method_by_task.py` calls each method;
here is what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.items.text_datasets import reviews, travel_notes
from hitl_widgets.records import Seen
from hitl_widgets.sampling.strategies import STRATEGIES
from hitl_widgets.widgets.triage import Triage

N = 160
TABLE = reviews(N, lean=0.5)
TEXTS, LABELS = TABLE["text"].tolist(), TABLE["label"].tolist()
IDS = [str(k) for k in range(N)]
OF_OBJECTS = {"doubt", "diverse_doubt", "contested", "most_corrected"}

Opening = Callable[..., hw.Workbench]


@pytest.fixture
def opened(tmp_path) -> Iterator[Opening]:
    benches: list[hw.Workbench] = []

    def opening(texts: Any = TEXTS, labels: Any = ("praise", "complaint"), name: str = "p",
                **settings: Any) -> hw.Workbench:
        pool = texts if isinstance(texts, hw.Pool) else hw.Pool.from_texts(texts)
        benches.append(hw.Workbench(tmp_path / name, pool, labels if isinstance(labels, hw.Taxonomy) else list(labels),
                                    annotator="ada", progress=False, **settings))
        return benches[-1]
    yield opening
    for wb in benches:
        wb.close()


def answer(wb: hw.Workbench, ids: Any, truth: Any = LABELS, **more: Any) -> None:
    for item_id in ids:
        wb.decide(item_id, label=truth[int(item_id)], **more)


# -- what is asked next

@pytest.mark.long
def test_each_strategy_asks_for_open_texts_before_and_after_a_training(opened):
    wb, trained = opened(holdout=0), opened(holdout=0, name="q")
    answer(trained, IDS[:40])
    trained.finetune(epochs=2)
    for strategy in ("random", *(name for name in STRATEGIES if name not in OF_OBJECTS)):
        assert len({item.id for item in wb.next(6, strategy=strategy)}) == 6, strategy
        then = {item.id for item in trained.next(6, strategy=strategy)}
        assert len(then) == 6, strategy
        assert not then & set(IDS[:40]), strategy


def test_typical_texts_come_first_and_odd_ones_later(opened):
    kinds = ["The train to {} was late again today.", "Please send the invoice for {} by Friday.",
             "My cat {} sleeps on the warm roof."]
    names = ["Oslo", "Lima", "Kyoto", "Accra", "Paris", "Hanoi", "Lisbon", "Cairo", "Bern", "Turin", "Quito", "Perth"]
    odd = ["qqq zzz 🙂🙂", "1234567890", "¿?", "xkcd foo bar baz quux", "Lorem ipsum dolor sit amet"]
    wb = opened([kind.format(name) for name in names for kind in kinds] + odd, holdout=0)
    first = [item.position for item in wb.next(6, strategy="typiclust")]
    assert max(first) < len(names) * len(kinds)
    assert len({position % 3 for position in first}) >= 2


def test_near_duplicates_arent_asked_in_one_batch(opened):
    texts = [f"{TEXTS[k // 4]}{' ' * (k % 4)}" for k in range(N)]
    wb = opened(texts, holdout=0)
    batch = [int(item.id) // 4 for item in wb.next(8, strategy="typiclust")]
    assert len(set(batch)) == len(batch)


# -- taxonomy

@pytest.mark.long
def test_texts_are_asked_again_after_a_split_and_the_model_follows(opened):
    wb = opened(holdout=0)
    answer(wb, IDS[:60])
    wb.finetune(epochs=4)
    wb.apply(edits.split("complaint", ["food", "place"]))
    waiting = wb.relabel_queue()
    assert set(waiting["item_id"]) == {item_id for item_id in IDS[:60] if LABELS[int(item_id)] == "complaint"}
    for item_id in waiting["item_id"]:
        wb.decide(item_id, label="food" if int(item_id) % 2 else "place")
    assert wb.relabel_queue().empty
    wb.finetune(epochs=4)
    assert set(wb.predict()["label"]) <= {"praise", "food", "place"}


def test_texts_that_fit_no_label_are_sorted_in_groups(opened):
    kinds = ["The train to {} was late.", "My cat {} sleeps on the roof."]
    names = ["Oslo", "Lima", "Kyoto", "Accra", "Paris", "Bern"] * 6
    texts = [kinds[k % 2].format(name) for k, name in enumerate(names)]
    wb = opened(texts, holdout=0)
    for item_id in IDS[:12]:  # six of each kind
        wb.decide(item_id, "unsure", flags=("not_in_taxonomy",))
    triage = wb.edits.triage(size=6)
    assert isinstance(triage, Triage)
    groups = [sorted({int(one.item_id) % 2 for one in group}) for group in triage.group()]
    assert len(groups) >= 2
    assert all(len(kind) == 1 for kind in groups)
    triage.unplaced.make_label([item_id for item_id in IDS[:12] if int(item_id) % 2 == 0], "travel")
    assert wb.annotations()["label"].tolist().count("travel") == 6


# -- what was answered

@pytest.mark.long
def test_second_looks_name_the_texts_that_were_answered_wrongly(opened):
    wb = opened(holdout=0)
    wrong = {"3", "11", "27", "42"}
    flipped = [{"praise": "complaint", "complaint": "praise"}[label] if str(k) in wrong else label
               for k, label in enumerate(LABELS)]
    answer(wb, IDS[:120], flipped)
    wb.finetune(epochs=4)
    looks = wb.people.second_looks()
    assert wrong & set(looks["item_id"].head(12))


@pytest.mark.long
def test_people_are_compared_and_what_the_model_does_to_them_is_measured(opened):
    wb = opened(holdout=0, names=True, annotators_per_item=2)
    praise, complaint = (wb.taxonomy.label(name).id for name in ("praise", "complaint"))
    for k in range(100):  # ada and bob keep every second wrong suggestion that they see
        suggested = complaint if (LABELS[k] == "praise") == (k % 4 == 0) else praise
        for who in ("ada", "bob"):
            arm = "shown" if (k // 4 + (who == "bob")) % 2 else "blind"
            name = wb.taxonomy.name_of(suggested) if arm == "shown" and k % 8 == 0 else LABELS[k]
            wb.decide(IDS[k], label=name, annotator=who, certainty=9 if k % 8 else 3,
                      seen=Seen(suggestion=suggested, hidden=arm == "blind", model="m1", arm=arm, arm_probability=0.5,
                                taxonomy=1, chosen_by="margin"))
    bias = wb.people.bias()
    assert bias.anchoring.low > 0
    assert "alpha" in repr(wb.people.agreement())
    assert len(wb.consensus()) == 100


@pytest.mark.long
def test_a_simulated_person_labels_texts_and_the_model_gains(opened):
    wb = opened(holdout=0.25)
    done = hw.simulate(wb, dict(zip(IDS, LABELS, strict=True)), n=110, seed=1)
    assert len(done) == 110
    run = wb.finetune(epochs=4)
    assert run.after["accuracy"].value > 0.6
    assert "hold-out accuracy" in repr(wb.progress())


def test_labels_of_texts_go_out_as_a_table_and_come_back_into_another_project(opened, tmp_path):
    wb = opened(holdout=0)
    answer(wb, IDS[:20], certainty=7)
    wb.annotations().to_csv(tmp_path / "a.csv", index=False)
    other = opened(name="q", holdout=0)
    other.import_annotations(pd.read_csv(tmp_path / "a.csv"))
    assert other.annotations()["label"].tolist() == LABELS[:20]
    archive = wb.archive(tmp_path / "p.zip")
    again = hw.Workbench.from_archive(archive, tmp_path / "r", pool=wb.pool, progress=False)
    assert again.annotations()["label"].tolist() == LABELS[:20]
    again.close()


# -- several labels, and values

@pytest.mark.long
def test_texts_with_several_labels_and_texts_with_values_learn_too(opened):
    sets = [[name for name, sign in (("rain", "☔"), ("friends", "friend")) if sign in text] for text in TEXTS]
    wb = opened(labels=("rain", "friends"), task="multilabel", holdout=0.2)
    hw.simulate(wb, dict(zip(IDS, sets, strict=True)), n=120, error=0.0)
    wb.finetune(epochs=4)
    assert len(wb.labels_table()) == 240
    assert set(wb.predict().columns) >= {"item_id"}
    length = hw.Taxonomy(attributes=[hw.Attribute("length", scale=(0, 10))])
    scale = opened(labels=length, task="scale", holdout=0.2, name="s")
    hw.simulate(scale, {k: {"length": min(10, len(text) // 25)} for k, text in zip(IDS, TEXTS, strict=True)}, n=120,
                error=0.0)
    scale.finetune(epochs=4)
    assert len(scale.predict_values()) == N


# -- spans

def test_spans_are_simulated_learnt_compared_and_come_back_from_a_table(opened, tmp_path):
    texts, truth = travel_notes(60)
    by_id = {str(k): spans for k, spans in enumerate(truth)}
    wb = opened(texts, ("place", "person"), task="spans", holdout=0.2, name="s", annotators_per_item=2, names=True)
    done = hw.simulate(wb, by_id, n=40, error=0.0, seed=2)
    assert done["right"].all()
    table = wb.objects()
    assert [texts[int(row.item_id)][row.start:row.end] for row in table.itertuples()] == table["quote"].tolist()
    for item_id in done["item_id"][:8]:
        wb.decide(item_id, objects=by_id[item_id], annotator="bob")
    assert wb.people.agreement() is not None
    assert not wb.objects(consensus=True).empty
    table.to_csv(tmp_path / "spans.csv", index=False)
    other = opened(texts, ("place", "person"), task="spans", name="t", holdout=0.2)
    other.import_annotations(pd.read_csv(tmp_path / "spans.csv"))
    columns = ["item_id", "start", "end", "quote", "label"]
    assert np.array_equal(other.objects().sort_values(columns)[columns].to_numpy(),
                          table[table["annotator"] == "sim"].sort_values(columns)[columns].to_numpy())


# -- what a new user meets first

def test_a_table_without_the_usual_columns_is_told_what_to_say():
    table = pd.DataFrame({"review": ["good", None, "bad"], "stars": [5, 1, 1]})
    with pytest.raises(BadInput, match=r"text=\.\.\. for texts"):
        hw.Pool.from_frame(table)
    with pytest.raises(BadInput, match=r"subset=\['review'\]"):
        hw.Pool.from_frame(table, text="review", id=None)


def test_one_pair_of_numbers_is_no_list_of_marked_words(opened):
    wb = opened()
    with pytest.raises(BadInput, match=r"a list of \(start, end\)"):
        wb.decide("0", label="praise", wrong=(0, 5))
    wb.decide("0", label="praise", wrong=[(0, 5)])
    assert wb.history()["body"].iloc[-1]["reason"] == "wrong"
