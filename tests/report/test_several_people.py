"""What do several people's answers say together where an item has several labels, or values of attributes?"""

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits, quality
from hitl_widgets.errors import BadInput, UnknownLabel
from hitl_widgets.project.adaptive import adapt, where
from hitl_widgets.project.names import names_for
from hitl_widgets.records import Seen

N = 24
IDS = [f"i{k:02d}" for k in range(N)]
POOL = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (N, 6, 6), np.uint8), IDS)
PEOPLE = ("ada", "bob", "cem")


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(taxonomy, task, **more):
        made.append(hw.Workbench(tmp_path / task, POOL, taxonomy, task=task, holdout=0.0, annotator="ada",
                                 progress=False, **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


@pytest.fixture
def scenes(opened):
    """Bob copies "night" where it is suggested; otherwise people agree, but for cem's "people" on every sixth item."""
    wb = opened(["indoor", "people", "night"], "multilabel", names=True)
    for k, item_id in enumerate(IDS):
        labels = {name for name, every in (("indoor", 2), ("people", 3)) if k % every == 0}
        suggested = labels ^ ({"night"} if k % 4 == 0 else set())
        for who in PEOPLE:
            arm = "shown" if (k // 4 + PEOPLE.index(who)) % 2 else "blind"
            said = suggested if who == "bob" and arm == "shown" else labels ^ (
                {"people"} if who == "cem" and k % 6 == 1 else set())
            wb.decide(item_id, labels=sorted(said), annotator=who, certainty=8, seen=Seen(
                suggestion=wb.taxonomy.label_set(suggested), hidden=arm == "blind", chosen_by="margin", model="m",
                taxonomy=1, arm=arm, arm_probability=0.5))
    return wb


@pytest.fixture
def faces(opened):
    """Bob says 2 more than ada of the blur, cem differs by 1; all agree on the view but for bob's every sixth."""
    wb = opened(hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10)),
                                        hw.Attribute("view", choices=("front", "side"))]), "scale", names=True)
    for k, item_id in enumerate(IDS):
        for who, more in zip(PEOPLE, (0, 2, (-1) ** k), strict=True):
            view = ("front", "side")[(k % 2) ^ (who == "bob" and k % 6 == 0)]
            wb.decide(item_id, values={"blur": 1 + k % 7 + more, "view": view}, annotator=who)
    return wb


def test_agreement_of_sets_counts_how_much_they_have_in_common_and_tells_of_each_label(scenes):
    of_sets = scenes.people.agreement()
    assert of_sets.distance == "masi"
    per_label = of_sets.per_label.set_index("label")
    assert list(per_label.index) == ["indoor", "night", "people"]
    assert per_label.loc["indoor", "krippendorff_alpha"] == 1
    assert per_label.loc["people", "krippendorff_alpha"] == pytest.approx(
        scenes.people.agreement(label="people")["krippendorff_alpha"].value)
    assert per_label["krippendorff_alpha"].min() < of_sets["krippendorff_alpha"].value < 1
    assert scenes.people.agreement("nominal").distance == "nominal"
    with pytest.raises(UnknownLabel):
        scenes.people.agreement(label="dog")


def test_bias_tells_of_whole_sets_and_of_each_label(scenes):
    scenes.gold({item_id: [name for name, every in (("indoor", 2), ("people", 3)) if k % every == 0]
                 for k, item_id in enumerate(IDS)})
    found = scenes.people.bias()
    assert list(found.per_label.index) == ["indoor", "people", "night"]
    assert found.per_label.loc["night", "effect"] == pytest.approx(1 / 3, abs=0.2)
    assert found.per_label.loc["indoor", "anchoring"] == 0
    one = scenes.people.bias(label="night")
    assert one.effect.value == pytest.approx(found.per_label.loc["night", "effect"])
    assert one.per_annotator.loc["bob", "effect"] == 1
    assert found.plot() is not None


def test_bias_of_values_is_how_far_the_suggestion_pulls(opened):
    wb = opened(hw.Taxonomy(attributes=[hw.Attribute("ink", scale=(0.0, 1.0))]), "scale", names=True)
    ink, rng = wb.taxonomy.attributes[0].id, np.random.default_rng(0)
    for k, item_id in enumerate(IDS):
        own, suggested = 0.2 + 0.02 * k, 0.2 + 0.02 * k + 0.3
        for who in PEOPLE:
            arm = "shown" if (k + PEOPLE.index(who)) % 2 else "blind"
            said = own + 0.5 * (suggested - own) * (arm == "shown") + rng.normal(0, 0.01)
            wb.decide(item_id, values={"ink": min(1.0, said)}, annotator=who, seen=Seen(
                values={ink: round(suggested, 3)}, hidden=arm == "blind", chosen_by="margin", values_model="m",
                taxonomy=1, arm=arm, arm_probability=0.5))
    found = wb.people.bias()
    assert found.pull.low < 0.5 < found.pull.high
    assert found.pull == pytest.approx(0.5, abs=0.1)
    assert list(found.per_annotator["annotator"]) == list(PEOPLE)


def test_whoever_follows_wrong_sets_answers_first(scenes):
    scenes.gold({item_id: [name for name, every in (("indoor", 2), ("people", 3)) if k % every == 0]
                 for k, item_id in enumerate(IDS)})
    scenes.people.set(adaptive=0.05)
    assert "+1.00" in adapt(scenes.project, "bob")[0]
    assert where(scenes.project, "bob") == {None}
    assert not adapt(scenes.project, "ada")


def test_consensus_and_schools_are_found_label_by_label(scenes):
    found = scenes.people.consensus()
    assert found.per_label["label"].tolist() == list(found.probs) == ["indoor", "people", "night"]
    assert found.table.set_index("item_id").loc["i06", "labels"] == ("indoor", "people")
    assert set(found.by_label) == {"indoor", "people", "night"}
    assert scenes.people.consensus("majority", label="night").method == "majority"
    assert "night" in found._repr_html_()
    assert scenes.people.schools(n_boot=19, label="indoor").n == 1


def test_values_have_a_consensus_that_knows_who_answers_high(faces):
    table = faces.consensus(attribute="blur")
    assert list(table) == ["item_id", "value", "low", "high", "n_answers", "spread"]
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    people = faces.people.consensus(attribute="blur").annotators.set_index("annotator")
    assert people["offset"].idxmax() == "bob"
    views = faces.consensus(attribute="view").set_index("item_id")
    assert views.loc["i00", "value"] == "front"
    assert views.loc["i00", "share"] == pytest.approx(2 / 3)
    both = faces.consensus()
    assert len(both) == 2 * N
    assert both["attribute"].unique().tolist() == ["blur", "view"]


def test_ones_own_page_says_how_far_above_the_others_one_answers(faces):
    faces.annotator = "bob"
    row = faces.people.own().values.iloc[0]
    assert (row["attribute"], row["n"]) == ("blur", N)
    assert row["offset_low"] > 0
    assert "blur: you answer +" in str(faces.people.own())


def test_agreement_about_values_takes_the_distance_that_fits(faces):
    assert faces.people.agreement(attribute="blur").distance == "ordinal"
    assert faces.people.agreement("interval", attribute="blur").difference == pytest.approx(4 / 3, abs=0.4)
    assert faces.people.agreement(attribute="view").distance == "nominal"
    with pytest.raises(BadInput, match=r"name one with attribute=.*'blur', 'view'"):
        faces.people.agreement()
    with pytest.raises(BadInput, match="not on a scale"):
        faces.people.schools(attribute="blur")


def test_others_have_pseudonyms_in_what_is_told_of_values(opened):
    wb = opened(hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10))]), "scale")
    for k, item_id in enumerate(IDS):
        for who in PEOPLE:
            wb.decide(item_id, values={"blur": k % 9}, annotator=who)
    said = f"{wb.people.agreement().pairs} {wb.people.consensus().annotators}"
    assert "ada" in said
    assert "bob" not in said
    assert list(wb.people.consensus().annotators["annotator"]) == ["ada"]


def test_label_and_attribute_are_refused_where_there_are_none(scenes, faces):
    with pytest.raises(BadInput, match="one label at most"):
        faces.people.agreement(label="blur")
    with pytest.raises(UnknownLabel, match="attribute 'blur'"):
        scenes.people.agreement(attribute="blur")
    with pytest.raises(BadInput, match="one of them"):
        scenes.people.agreement(label="night", attribute="blur")


def test_progress_after_an_edit_counts_what_is_not_in_doubt(scenes):
    before = scenes.progress().suggestions.set_index("label")
    scenes.apply(hw.edits.split("indoor", into=["kitchen", "office"]))
    scenes.decide(IDS[0], labels=["office"])
    after = scenes.progress().suggestions.set_index("label")
    assert set(after.index) <= {"all", "people", "night"}
    assert 0 < after.loc["people", "n"] < before.loc["people", "n"]
    assert after.loc["people", "share"] == pytest.approx(1, abs=0.1)


def test_your_own_page_of_values_has_room_for_who_was_unsure(faces):
    faces.decide(IDS[0], "unsure", annotator="ada")
    faces.decide(IDS[1], "unsure", annotator="bob")
    assert "unsure" in repr(faces.people.own())
    assert not len(faces.people.calibration().curve)


def test_answers_of_nobody_in_particular_have_no_pseudonym(opened):
    wb = opened(["cat", "dog"], "classify")
    wb.import_annotations({IDS[0]: "cat"})
    wb.decide(IDS[0], label="dog", annotator="bob")
    own, imported, other = (names_for(wb.project, [name], "ada")[name] for name in ("ada", "import", "bob"))
    assert (own, imported) == ("ada", "import")
    assert other.startswith("person ")


FIGURES = ("found", "named", "placed", "together", "f1_exact", "f1_overlap", "alpha")


def mark(wb, k, annotator, *, person="person", unsure=False, **more):
    """A person at places that differ between texts, and a place at the end."""
    wb.decide(IDS[k], annotator=annotator, objects=[hw.Span(5 * (k % 6), 5 * (k % 6) + 4, label=person, unsure=unsure),
                                                    hw.Span(40, 44, label="place")], **more)


@pytest.fixture
def notes(tmp_path):
    """Twelve texts that ada and bob marked alike."""
    pool = hw.Pool.from_texts(["word " * 10] * 12, IDS[:12])
    with hw.Workbench(tmp_path / "notes", pool, ["person", "place"], task="spans", holdout=0.0, annotator="ada",
                      progress=False, names=True) as wb:
        for k in range(12):
            mark(wb, k, "ada")
            mark(wb, k, "bob")
        yield wb


def test_who_is_unsure_of_a_span_found_it_all_the_same(notes):
    for k in range(12):
        mark(notes, k, "bob", unsure=True)
    found = notes.people.agreement()
    assert [found[name].value for name in FIGURES] == [pytest.approx(1)] * len(FIGURES)
    assert found.annotators["found"].tolist() == [1, 1]
    assert found.notes == ()


def test_a_split_takes_nothing_from_what_people_found_and_a_note_counts_what_it_left_in_doubt(notes):
    notes.apply(edits.split("person", into=["man", "woman"]))
    for k in range(12):
        mark(notes, k, "ada", person="woman")
    for k in range(8):
        mark(notes, k, "bob", person="woman")
    found = notes.people.agreement()
    assert [found[name].value for name in FIGURES] == [pytest.approx(1)] * len(FIGURES)
    assert [found[name].n for name in ("found", "named", "f1_exact")] == [12, 12, 8]
    assert any("4 of 12 texts" in note for note in found.notes)


def test_agreement_on_spans_is_that_of_the_table_of_objects(notes):
    notes.apply(edits.split("person", into=["man", "woman"]))
    for k in range(9):
        mark(notes, k, "ada", person="woman", unsure=k % 2 == 0)
        mark(notes, k, "bob", person="man" if k < 2 else "woman", **({"verdict": "unsure"} if k > 6 else {}))
    found, direct = notes.people.agreement(), quality.agreement_objects(notes.objects())
    pd.testing.assert_frame_equal(found.table, direct.table)
    pd.testing.assert_frame_equal(found.spans, direct.spans)
    assert found["found"].n == 10
    assert found["f1_exact"].n == 7
    assert found["f1_exact"].value == pytest.approx((5 + 7) / 14)
