"""A project of spans from the first answers to a tagger that proposes: training, adoption, a person's own model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sentences import NAMES, sentences

import hitl_widgets as hw
from hitl_widgets import edits, quality
from hitl_widgets.errors import BadInput, HitlError, ModelError
from hitl_widgets.learn.object_run import ObjectRun, gather
from hitl_widgets.learn.span_net import SpanNet
from hitl_widgets.learn.span_predictors import OwnSpanDetector, checked_spans, predicted_spans

N = 60
MADE = sentences(N, 100)
BLIND = {"hidden": True, "chosen_by": "holdout"}


class Finder:
    """Finds the names that it knows, wherever they are."""

    def __init__(self, labels=None, version="1", names=(("Rome", "place"), ("Ada", "person"))):
        self.names, self.version = names, version
        if labels is not None:
            self.labels = labels

    def predict(self, texts):
        assert all(isinstance(text, str) for text in texts)
        outputs = []
        for text in texts:
            found = [((at, at + len(name)), label) for name, label in self.names for at in range(len(text))
                     if text.startswith(name, at)]
            outputs.append({"spans": np.array([at for at, _ in found]).reshape(-1, 2),
                            "labels": [label for _, label in found], "scores": [0.9] * len(found)})
        return outputs


def opened(folder, *, made=MADE, taxonomy=NAMES, **more):
    return hw.Workbench(folder, hw.Pool.from_texts([text for text, _ in made]),
                        None if taxonomy is None else hw.Taxonomy(taxonomy), annotator="ada", task="spans",
                        progress=False, **{"holdout": 0.3, **more})


def spans_of(position, made=MADE, **more):
    return [hw.Span(start, end, label=NAMES[label], **more) for start, end, label in made[position][1]]


def answer(wb, n=25):
    held = set(wb.holdout)
    places = [place for place in range(N) if str(wb.pool.ids[place]) not in held][:n]
    for place in places:
        wb.decide(str(wb.pool.ids[place]), objects=spans_of(place))
    for item_id in sorted(held):
        wb.decide(item_id, objects=spans_of(wb.pool.position(item_id)), seen=BLIND)
    return places


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spans") / "p"
    wb = opened(folder)
    answer(wb)
    run = wb.finetune(epochs=50)
    yield wb, run, folder
    wb.close()


@pytest.fixture
def bench(tmp_path):
    made = []

    def opening(folder="p", **more):
        made.append(opened(tmp_path / folder, **more))
        return made[-1]
    yield opening
    for wb in made:
        wb.close()


def test_a_first_run_learns_from_the_spans_and_measures_on_blind_texts(trained):
    wb, run, _ = trained
    assert isinstance(run, ObjectRun)
    assert (run.adopted, run.round, run.n_training, run.measured_on) == (True, 1, 25, "holdout")
    assert run.after.n_texts == len(wb.holdout)
    for figure in ("f1_exact", "f1_partial", "f1_strict"):
        assert 0.7 < run.after[figure] <= 1
        assert run.after[figure].low <= run.after[figure] <= run.after[figure].high
    assert run.main == "f1_strict"
    assert "texts with" in repr(run)
    assert "f1_exact" in repr(run)
    assert run.table()["label"].tolist()[0] == "all"
    assert run.after.why == ""


def test_the_figures_are_those_of_quality_spans_on_the_same_texts(trained):
    wb, run, _ = trained
    objects, found = wb.objects(), wb.predict_objects()
    held = list(wb.holdout)
    again = quality.spans(objects[objects["item_id"].isin(held)], found, texts=held, threshold={
        wb.taxonomy[label_id].id if label_id in wb.taxonomy.names else label_id: limit
        for label_id, limit in run.thresholds.items()})
    assert again["f1_exact"].value == pytest.approx(run.after["f1_exact"].value)
    assert again["f1_partial"].value == pytest.approx(run.after["f1_partial"].value)


def test_what_was_found_has_start_end_and_quote(trained):
    wb, _, _ = trained
    found = wb.predict_objects()
    assert found["kind"].eq("span").all()
    assert found["start"].dtype == "Int64"
    assert found[["x0", "y0", "x1", "y1", "points"]].isna().all(axis=None)
    for row in found.itertuples():
        assert MADE[wb.pool.position(row.item_id)][0][row.start:row.end] == row.quote
    assert found["score"].between(0.01, 1).all()


def test_after_closing_the_same_spans_are_proposed(trained):
    wb, run, folder = trained
    before = wb.predict_objects()
    with opened(folder, taxonomy=None) as again:
        pd.testing.assert_frame_equal(again.predict_objects(), before)
        assert again.models().iloc[-1]["model"] == run.model
        events = list(again.project.log.events(kind="trained"))
        read = ObjectRun.from_dict(events[-1].body)
        assert repr(read.after) == repr(run.after)


def test_proposals_are_shown_accepted_and_corrected(trained, tmp_path):
    wb, _, _ = trained
    item = next(item for item in wb.session.claim(30) if wb.session.would_show(item, "ada").visible_objects)
    seen = wb.session.would_show(item, "ada")
    first, *rest = seen.visible_objects
    text = wb.pool.load(item.position)
    kept = [hw.Span(*one["at"], label=one["label_id"], id=one["id"]) for one in rest]
    longer = hw.Span(first["at"][0], min(first["at"][1] + 1, len(text)), label=first["label_id"], id=first["id"])
    decision = wb.session.decide(item.id, objects=[longer, *kept], annotator="ada", seen=seen)
    acts = {one.id: one.act for one in decision.objects}
    assert acts[first["id"]] == "moved"
    assert set(acts.values()) <= {"moved", "accepted"}
    assert all(one.quote == text[one.at[0]:one.at[1]] for one in decision.objects)
    wb.retract(decision.id)


def test_what_is_learnt_are_certain_answers_with_their_certainty(bench):
    wb = bench(holdout=0.0)
    text = MADE[0][0]
    wb.decide("0", objects=[hw.Span(0, 3, label="person", certainty=9), hw.Span(4, 8, label="place", certainty=3),
                            hw.Span(9, 12, label="place", unsure=True)])
    wb.decide("1", objects=[])
    wb.decide("2", "unsure", objects=[hw.Span(0, 3, label="person")])
    data = gather(wb.project)
    assert data.item_ids == ["0", "1"]
    one = data.images[0]
    assert (one.text, list(one.shapes), list(one.ignored)) == (text, [(0, 3), (4, 8)], [(9, 12)])
    assert one.weights == pytest.approx([10 / 7, 4 / 7])
    assert gather(wb.project, certainty="off").images[0].weights == [1.0, 1.0]


def test_without_an_answer_there_is_nothing_to_learn_from(bench):
    wb = bench()
    with pytest.raises(BadInput, match="no text was corrected yet"):
        wb.finetune()
    with pytest.raises(ModelError, match="some texts"):
        wb.predict_objects()


def test_a_worse_model_isnt_adopted_and_a_former_one_comes_back(bench):
    wb = bench(model=Finder(names=[(name, NAMES[label]) for name, label in
                                   {(text[start:end], label) for text, spans in MADE for start, end, label in spans}]))
    answer(wb, 8)
    given = wb.predict_objects()
    run = wb.finetune(epochs=2)
    assert not run.adopted
    assert "lower than of the former model" in run.verdict
    assert "texts" in run.verdict
    pd.testing.assert_frame_equal(wb.predict_objects(), given)
    assert wb.finetune(epochs=2, adopt="always", seed=3).adopted
    wb.adopt(given["model"].iloc[0])
    pd.testing.assert_frame_equal(wb.predict_objects(), given)


def test_a_persons_model_proposes_under_todays_labels(bench):
    wb = bench(model=Finder())
    found = wb.predict_objects()
    assert set(found["quote"]) <= {"Rome", "Ada"}
    assert len(found) == sum(text.count("Rome") + text.count("Ada") for text, _ in MADE)
    wb.apply(edits.rename("place", "town"))
    assert "town" in set(wb.predict_objects()["label"])
    numbered = bench("numbered", model=Finder(labels=["person", "place"], names=[("Rome", 1)]))
    assert set(numbered.predict_objects()["label"]) == {"place"}


@pytest.mark.parametrize(("output", "told"), [
    ({"spans": [[0, 3]], "labels": ["place"]}, "without scores"),
    ({"spans": [[0, 3]], "labels": ["place", "place"], "scores": [0.5]}, "2 labels and 1 scores"),
    ({"spans": [0, 3, 4], "labels": ["place"], "scores": [0.5]}, "shape"),
    ({"spans": [[0, 3]], "labels": [None], "scores": [0.5]}, "names, or numbers"),
    ({"spans": [["a", "b"]], "labels": ["place"], "scores": [0.5]}, "can't be read"),
])
def test_what_cant_be_read_of_a_model_is_said(bench, output, told):
    class Wrong:
        def predict(self, texts):
            return [output for _ in texts]
    with pytest.raises(ModelError, match=told):
        bench(model=Wrong())


def test_what_isnt_a_model_of_spans_is_said(bench):
    for wrong, told in ((lambda texts: texts, r"predict\(texts\)"), (3, r"predict\(texts\)")):
        with pytest.raises(HitlError, match=told):
            bench(model=wrong)

    class Raises:
        def predict(self, texts):
            raise KeyError("x")
    with pytest.raises(ModelError, match="KeyError on 1 texts"):
        predicted_spans(Raises(), ["a"])

    class Short:
        def predict(self, texts):
            return {}
    with pytest.raises(ModelError, match="gave dict for 1 texts"):
        predicted_spans(Short(), ["a"])


def test_spans_that_cant_be_used_are_left_out_and_counted():
    output = {"spans": [[0, 3], [3, 3], [5, 99], [1.5, 2], [0, 1], [-1, 2], [2, 3]],
              "labels": ["a", "a", "a", "a", 1, "a", "a"], "scores": [0.5, 0.9, 0.9, 0.9, 0.8, 0.7, 7]}
    kept, faults = checked_spans(output, 10)
    assert [(one.at, one.label, one.score) for one in kept] == [((0, 1), 1, 0.8), ((0, 3), "a", 0.5)]
    assert faults == {"that are empty or inverted": 1, "outside of the text": 2,
                      "whose start or end is no whole number": 1, "whose score isn't a number from 0 to 1": 1}
    many = {"spans": [[0, 1]] * 5, "labels": [0] * 5, "scores": [0.5] * 5}
    assert checked_spans(many, 10, most=3)[1] == {"beyond the 3 best": 2}
    assert checked_spans({"spans": [], "labels": [], "scores": []}, 10) == ([], {})


def test_merged_labels_are_joined_and_split_ones_wait_for_the_next_round(trained, tmp_path):
    wb = opened(tmp_path / "edited", model=Finder(names=[("Rome", "place"), ("Rome", "person")]))
    n = len(wb.predict_objects())
    wb.apply(edits.merge(["place", "person"], into="name"))
    found = wb.predict_objects()
    assert (len(found), set(found["label"])) == (n / 2, {"name"})
    wb.close()


def test_a_text_that_cant_be_read_stops_nothing(bench):
    made = [*MADE[:12], ("   ", [])]
    wb = bench(made=made, holdout=0.0, model=Finder())
    assert "12" not in set(wb.predict_objects()["item_id"])


def test_an_own_net_gives_characters_of_texts_with_emoji_and_arabic():
    detector = OwnSpanDetector(SpanNet(2))
    text = "🌧 القاهرة 👩‍👩‍👧 Rome"
    [output] = detector.predict([text])
    assert output["spans"].shape[1:] == (2,)
    assert all(text[start:end] == text[start:end].strip() for start, end in output["spans"].tolist())


# -- the other verbs


@pytest.mark.parametrize("strategy", [None, "random", "least_confidence", "margin", "disagreement", "diverse_margin",
                                      "typiclust", "k_centre", "balanced_margin"])
def test_strategies_order_texts_or_say_why_they_cant(trained, strategy):
    wb, _, _ = trained
    try:
        items = wb.next(5, strategy=strategy)
    except HitlError as error:
        assert str(error).endswith((".", "?"))  # noqa: PT017 - either is right, and nothing else
    else:
        assert len(items) == 5


def test_a_spans_score_rests_on_its_words(bench):
    wb = bench(model=Finder())
    one = wb.predict_objects().query("quote == 'Rome'").iloc[0]
    for how in ({"object": one["object_id"]}, {"object": hw.Span(one["start"], one["end"], label="place")}):
        explained = wb.explain(one["item_id"], **how)
        [table] = explained.maps
        assert list(table.columns) == ["token", "start", "end", "value"]
        assert table.loc[table["start"] == one["start"], "value"].item() == pytest.approx(0.9)
        assert (table.loc[table["start"] != one["start"], "value"] == 0).all()
    assert explained.method == "erasure"
    with pytest.raises(BadInput, match="erasure"):
        wb.explain(one["item_id"], "occlusion", object=one["object_id"])
    kept = wb.object_maps.explain(wb.pool.position(one["item_id"]), "gradcam", f"object:{one['object_id']}")
    assert kept.tokens.shape == (len(table), 2)


def test_second_looks_and_errors_name_spans(bench):
    wb = bench(model=Finder(), holdout=0.0)
    for place in range(20):
        kept = [one for one in spans_of(place) if MADE[place][0][one.start:one.end] != "Rome"]
        wb.decide(str(place), objects=kept, seen={"hidden": True})
    there = sum(text.count("Rome") for text, _ in MADE[:20])
    assert there > 0
    errors = quality.object_errors(wb.objects(), wb.predict_objects())
    missing = errors[errors["error"] == "missing"]
    assert len(missing) == there
    for row in missing.itertuples():
        assert MADE[int(row.item_id)][0][int(row.start):int(row.end)] == "Rome"
    looks = wb.people.second_looks()
    assert (looks["error"] == "missing").sum() == there


def test_a_consensus_joins_the_spans_of_several_people(bench):
    wb = bench(holdout=0.0, annotators_per_item=3)
    for place in range(6):
        for person in ("ann", "bob", "cleo"):
            spans = spans_of(place)[1:] if person == "cleo" else spans_of(place)
            wb.decide(str(place), objects=spans, annotator=person, seen={"hidden": True})
    joined = wb.objects(consensus=True)
    assert len(joined) == sum(len(spans) for _, spans in MADE[:6])
    assert joined["quote"].tolist() == [MADE[int(row.item_id)][0][row.start:row.end] for row in joined.itertuples()]
    agreement = wb.people.agreement()
    assert agreement.kind == "span"
    assert 0.5 < agreement["f1_exact"].value < 1
    assert agreement["alpha"].value < 1
    assert not any("characters" in note for note in agreement.notes)
    direct = quality.agreement_objects(wb.objects())
    assert direct["alpha"].value == pytest.approx(agreement["alpha"].value)


def test_a_simulated_person_corrects_spans(bench):
    wb = bench(model=Finder())
    truth = {str(place): spans_of(place) for place in range(N)}
    told = hw.simulate(wb, truth, n=20, seed=0, error=0.0)
    assert len(told) == 20
    assert told["right"].all()
    objects = wb.objects()
    for row in objects.itertuples():
        assert (row.start, row.end, row.label) in {(one.start, one.end, one.label)
                                                   for one in spans_of(wb.pool.position(row.item_id))}


def test_what_proposals_hide_is_told_of_spans(bench):
    wb = bench(model=Finder())
    truth = {str(place): spans_of(place) for place in range(N)}
    hw.simulate(wb, truth, n=30, seed=0, noise=0.2)
    assert wb.people.bias() is not None
    assert wb.progress() is not None


def test_verbs_that_dont_take_spans_say_so(trained):
    wb, _, _ = trained
    for call in (wb.probs, wb.consensus, lambda: wb.predict_values(), lambda: wb.people.schools(),
                 lambda: quality.detection(wb.objects(), wb.predict_objects()), lambda: wb.training_set()):
        with pytest.raises(HitlError) as told:
            call()
        assert str(told.value).endswith(".")
