"""What people are shown of an image's objects, in a project: drawn once, the same after a reload, kept in the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import UnknownLabel
from hitl_widgets.project import threshold_arms
from hitl_widgets.project.first_looks import first_looks
from hitl_widgets.project.shown_objects import todays_thresholds
from hitl_widgets.project.threshold_arms import WITHHELD, draw_threshold, is_withheld, moved
from hitl_widgets.quality.prefill import prefill_bias
from hitl_widgets.records import Proposal, Seen

N = 60


WITHHELD_ONE = "m0.1"


@pytest.fixture(scope="module")
def pool() -> hw.Pool:
    return hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (N, 30, 400), np.uint8))


def propose(wb: hw.Workbench, **thresholds: float) -> None:
    """A model that proposes a row of boxes in every image, the further to the right the less sure."""
    label = {name: wb.taxonomy.label(name).id for name in wb.taxonomy.names}
    wb.project.propose = lambda position: tuple(
        Proposal(f"m{position}.{k}", "box", (25.0 * k, 1.0, 25.0 * k + 20, 21.0), label[("RBC", "WBC")[k % 2]],
                 round(0.95 - 0.06 * k, 2)) for k in range(15))
    if not any(wb.project.log.events(kind="adopted")):
        wb.project.record("adopted", {
            "model": "m", "label_ids": list(wb.taxonomy.label_ids), "origin": "given", "own": False,
            "kind": "objects", "thresholds": {label[name]: at for name, at in thresholds.items()}})


def opened(folder: Path, pool: hw.Pool, **more: object) -> hw.Workbench:
    return hw.Workbench(folder, pool, ["RBC", "WBC"], task="boxes", annotator="ada", progress=False, **more)


def test_shown_is_what_was_drawn_for_the_person_and_the_same_after_a_reload(tmp_path, pool):
    with opened(tmp_path / "p", pool, seed=5) as wb:
        propose(wb, RBC=0.2, WBC=0.4)
        items = [*wb.next(N, strategy="random")]
        first = {item.id: wb.session.shown_objects(item) for item in items}
        for item in items:
            shown = first[item.id]
            if item.arm is None:  # hold-out
                assert (shown.hidden, shown.threshold, shown.threshold_probability, shown.withheld) == (
                    True, 0.3, None, ())
                continue
            arm = draw_threshold(5, "ada", item.id)
            assert shown.threshold_probability == arm.probability
            assert shown.threshold == pytest.approx(np.mean([moved(0.2, arm.which), moved(0.4, arm.which)]))
            at = {wb.taxonomy.label(name).id: moved(usual, arm.which) for name, usual in (("RBC", 0.2), ("WBC", 0.4))}
            above = [one for one in wb.session.proposals(item.position) if one.score >= at[one.label_id]]
            held = [one.id for one in above if not item.blind and is_withheld(5, "ada", item.id, one.id)]
            assert [one["id"] for one in shown.withheld] == held
            assert [one["id"] for one in shown.objects] == [one.id for one in above if one.id not in held]
            assert all(one["p"] == WITHHELD for one in shown.withheld)
            assert shown.hidden == item.blind
        assert {shown.threshold_probability for shown in first.values()} == {0.8, 0.1, None}
    with opened(tmp_path / "p", pool) as again:
        propose(again)
        assert {item.id: again.session.shown_objects(item) for item in items} == first
        other = [again.session.shown_objects(item, annotator="bob").threshold for item in items]
        assert other != [shown.threshold for shown in first.values()]  # another person, another draw


def answer(wb: hw.Workbench, item: hw.Item, *, finds: float, misses: float, rng: np.random.Generator) -> None:
    """Answer as somebody who finds objects at all places but the last three, and misses some that aren't proposed."""
    seen = wb.session.would_show(item)
    visible = {one["id"]: one for one in seen.visible_objects}
    given = []
    for one in wb.session.proposals(item.position)[:12]:
        if one.id in visible:
            given.append({"id": one.id, "kind": "box", "at": one.at, "label_id": one.label_id})
        elif rng.random() < (finds if seen.hidden else finds * (1 - misses)):
            x0, *rest = one.at
            given.append({"kind": "box", "at": (x0 + 1.0, *rest), "label_id": one.label_id})
    wb.decide(item, objects=given, seen={**seen.to_dict(), "shown_ms": 5000})


def test_what_the_prefill_hides_is_read_from_the_log(tmp_path, pool, monkeypatch):
    monkeypatch.setattr(threshold_arms, "WITHHELD_IN", 0.6)  # so that few images are enough
    rng = np.random.default_rng(0)
    with opened(tmp_path / "p", pool, seed=5, holdout=0.1, arms={"blind": 0.3}) as wb:
        propose(wb)
        wb.project.queue.annotators_per_item = 2
        for name in ("ada", "bob"):
            wb.annotator = name
            for item in wb.next(N, strategy="random"):
                answer(wb, item, finds=0.9, misses=0.6, rng=rng)
        looks = first_looks(wb.project)
        assert len(looks) == 2 * N
        bias = prefill_bias(looks)
        assert bias.added.n >= 10
        assert bias.found_blind.value > 0.8
        assert bias.missed.value > 0.2
        assert set(bias.by_threshold["threshold_arm"]) == {"lower", "usual", "higher"}
        by = bias.by_threshold.set_index("threshold_arm")
        assert by.loc["higher", "added"] > by.loc["usual", "added"]
        assert set(bias.per_label["label_id"]) == {"RBC", "WBC"}
        # a revision changes nothing: by then the person has seen their own objects
        one = looks[looks["withheld"].map(len) > 0].iloc[0]
        wb.annotator = one["annotator"]
        wb.decide(one["item_id"], objects=[])
        assert prefill_bias(first_looks(wb.project)).figures() == bias.figures()
        wb.retract(one["decision_id"])
        assert len(first_looks(wb.project)) == 2 * N  # now the revision is what they answered first


def test_where_a_proposal_was_withheld_and_nobody_adds_an_object_is_ignored_in_training(tmp_path, pool, monkeypatch):
    monkeypatch.setattr(threshold_arms, "WITHHELD_IN", 0.6)
    with opened(tmp_path / "p", pool, seed=5, holdout=0.1, arms={"blind": 0.0, "shown": 1.0}) as wb:
        propose(wb)
        items = [item for item in wb.next(20, strategy="random") if wb.session.shown_objects(item).withheld]
        assert len(items) >= 2
        for k, item in enumerate(items):
            seen = wb.session.would_show(item)
            given = [{name: one[name] for name in ("id", "at", "label_id")} for one in seen.visible_objects]
            if k % 2:
                given += [{"at": one["at"], "label_id": one["label_id"]} for one in seen.withheld]
            wb.decide(item, objects=given, seen=seen)
        images = wb.project.answers().reviewed_images().set_index("item_id")
        for k, item in enumerate(items):
            places = [tuple(one["at"]) for one in wb.project.log.standing_of(item.id, "ada").body["seen"]["withheld"]]
            assert list(images.loc[item.id, "ignore"]) == ([] if k % 2 else places)
            assert images.loc[item.id, "threshold"] in (0.3, 0.15, 0.65)


def test_a_merged_label_is_proposed_from_the_least_threshold_of_its_parts(tmp_path, pool):
    with opened(tmp_path / "p", pool, arms={"shown": 1.0}, holdout=0) as wb:
        propose(wb, RBC=0.6, WBC=0.5)
        before = todays_thresholds(wb.project.adopted().body["thresholds"], 1, wb.project.lineage)
        assert sorted(before.values()) == [0.5, 0.6]
        merged = wb.taxonomy.label("RBC").id
        wb.apply(edits.merge(["RBC", "WBC"], into="cell"))
        cell = wb.taxonomy.label("cell").id
        assert merged not in wb.taxonomy.label_ids
        assert todays_thresholds(wb.project.adopted().body["thresholds"], 1, wb.project.lineage) == {cell: 0.5}
        wb.project.propose = lambda position: (Proposal("a", "box", (1.0, 1.0, 9.0, 9.0), cell, 0.95),
                                               Proposal("b", "box", (20.0, 1.0, 29.0, 9.0), cell, 0.05))
        usual = next(shown for item in wb.next(N, strategy="random") if
                     (shown := wb.session.shown_objects(item)).threshold_probability == 0.8)
        assert usual.threshold == pytest.approx(0.5)


def answered_without_a_withheld_proposal(wb: hw.Workbench) -> hw.Item:
    """An image that was answered with its visible RBC, while a WBC was withheld."""
    propose(wb)
    item = wb.session.item("0")
    red, white, *_ = (one.to_dict() for one in wb.session.proposals(0))
    seen = Seen(model="m", taxonomy=1, chosen_by="random", arm="shown", arm_probability=0.9, threshold=0.3,
                threshold_probability=0.8, objects=(red,), withheld=({**white, "p": WITHHELD},))
    wb.decide(item, objects=[{name: red[name] for name in ("id", "at", "label_id")}], seen=seen)
    return item


def answered_again(wb: hw.Workbench, item: hw.Item) -> Seen:
    """What the log has as seen, after the image was answered again as a screen does it."""
    wb.decide(item, objects=[], seen=wb.session.would_show(item))
    return Seen.from_log(wb.project.log.standing_of(item.id, "ada").body["seen"])


def test_an_image_with_a_withheld_proposal_can_be_answered_again_after_its_label_was_merged(tmp_path, pool):
    """The withheld proposal was sent with its old label, which today's taxonomy refused."""
    with opened(tmp_path / "p", pool, holdout=0) as wb:
        item = answered_without_a_withheld_proposal(wb)
        wb.apply(edits.merge(["RBC", "WBC"], into="cell"))
        [one] = answered_again(wb, item).withheld
        assert (one["id"], one["label_id"], one["p"]) == (WITHHELD_ONE, wb.taxonomy.label("cell").id, WITHHELD)


@pytest.mark.parametrize("edit", [edits.split("WBC", into=["big", "small"]), edits.retire("WBC")], ids=str)
def test_a_withheld_proposal_whose_label_is_in_doubt_or_gone_stays_in_the_log_as_it_was_proposed(tmp_path, pool, edit):
    with opened(tmp_path / "p", pool, holdout=0) as wb:
        item = answered_without_a_withheld_proposal(wb)
        proposed = wb.taxonomy.label("WBC").id
        wb.apply(edit)
        again = answered_again(wb, item)
        assert [(one["id"], one["label_id"]) for one in again.withheld] == [(WITHHELD_ONE, proposed)]
        assert (again.threshold, again.threshold_probability, again.taxonomy) == (0.3, 0.8, 2)
        # The place is still left out of training, and the first look is still the first answer.
        [image] = wb.project.answers().reviewed_images().to_dict("records")
        assert image["ignore"] == (tuple(again.withheld[0]["at"]),)
        assert first_looks(wb.project)["decision_id"].tolist() == [
            event.id for event in wb.project.log.events(kind="decided")][:1]


def test_a_withheld_proposal_with_a_label_that_no_version_has_is_refused(tmp_path, pool):
    with opened(tmp_path / "p", pool, holdout=0) as wb:
        item = answered_without_a_withheld_proposal(wb)
        wb.apply(edits.rename("WBC", to="leucocyte"))
        seen = wb.session.would_show(item)
        for label in ("nobody", "WBC"):  # a former name is no id
            with pytest.raises(UnknownLabel, match=label):
                wb.decide(item, objects=[], seen=replace(seen, withheld=({**seen.withheld[0], "label_id": label},)))
