"""Do the results for several people name nobody to whom names aren't shown, and is a person's page about them alone?"""

import numpy as np
import pandas as pd
import pytest

from hitl_widgets import Box, Workbench
from hitl_widgets.errors import BadInput
from hitl_widgets.items.pool import Pool
from hitl_widgets.records import Seen
from hitl_widgets.report.experiment_plan import plan_experiment
from hitl_widgets.report.several_people import subject

PEOPLE = ("ada", "bob", "quyen")
N = 24


def pool_of(n=N):
    return Pool.from_images(np.random.default_rng(0).integers(0, 255, (n, 4, 4), np.uint8), [f"i{k}" for k in range(n)])


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_(annotator="ada", **more):
        made.append(Workbench(tmp_path / "p", pool_of(), ["cat", "dog"], annotator=annotator, holdout=0.0, audit=0.0,
                              progress=False, **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def truth():
    return {f"i{k}": "cat" if k % 2 else "dog" for k in range(N)}


def answer(wb, *, n=N, slips=()):
    """Three people answer; every other card is blind, and bob copies what is shown."""
    cat, dog = wb.taxonomy.label_ids
    for k in range(n):
        right, other = (cat, dog) if k % 2 else (dog, cat)
        for who in PEOPLE:
            arm = "shown" if (k // 4 + PEOPLE.index(who)) % 2 else "blind"
            said = other if (who, k) in slips or (who == "bob" and arm == "shown" and k % 4 == 0) else right
            wb.decide(f"i{k}", label=said, annotator=who, certainty=2 if (who, k) in slips else 9, seen=Seen(
                suggestion=other if k % 4 == 0 else right, probs={}, hidden=arm == "blind", chosen_by="margin",
                model="m1", taxonomy=1, arm=arm, arm_probability=0.5))


def test_others_have_pseudonyms_unless_the_project_said_at_its_start_that_its_owner_sees_names(opened):
    ada = opened("ada")
    answer(ada, n=12)
    text = "".join(map(str, (ada.people.agreement().pairs, ada.people.consensus().annotators,
                             ada.people.bias().per_annotator, ada.people.consensus().votes)))
    assert "ada" in text
    assert "bob" not in text
    assert "quyen" not in text
    assert list(ada.people.bias().per_annotator.index) == ["ada"]
    assert set(ada.people.consensus().annotators["annotator"]) == {"ada"}
    assert ada.people.agreement().table["n_annotators"].iloc[0] == 3
    names = set(subject(ada.project, reader="ada").votes["annotator"])
    assert names == set(subject(ada.project, reader="ada").votes["annotator"])
    bob = opened("bob")
    assert len(names & set(subject(bob.project, reader="bob").votes["annotator"])) == 1  # quyen is called the same


def six_answer(wb, others=("bob", "cem", "dee", "eli", "fay")):
    """Who opened it and five others answer; on every third item the first two others say something else."""
    for k in range(N):
        for who in (wb.annotator, *others):
            said = "dog" if (k % 2) ^ (k % 3 == 0 and who in others[:2]) else "cat"
            wb.decide(f"i{k}", label=said, annotator=who)


def test_nobody_else_is_shown_alone_in_agreement_or_schools(opened):
    """Pairs and schools had a row for each other person under a pseudonym, which a small team reads as a name."""
    ada = opened("ada")
    six_answer(ada)
    agreement = ada.people.agreement()
    [pair] = agreement.pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["n_items"]) == ("ada", "5 others", N)
    assert pair["percent"] == pytest.approx((3 * N + 2 * (N - 8)) / (5 * N))
    schools = ada.people.schools(n_boot=19)
    assert list(schools.members.index) == list(schools.people.index) == list(schools.together.index) == ["ada"]
    assert schools.sizes.sum() == 6
    for shown in (agreement, schools):
        assert "person " not in f"{shown!r} {shown._repr_html_()}"
        assert shown.plot() is not None


def test_with_four_others_or_fewer_agreement_has_no_pairs(opened):
    ada = opened("ada")
    six_answer(ada, others=("bob", "cem", "dee", "eli"))
    assert ada.people.agreement().pairs.empty
    assert ada.people.agreement().table["n_annotators"].iloc[0] == 5


def test_agreement_on_objects_has_the_own_row_and_counts_everybody(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 32), np.uint8)
    pool = Pool.from_images(images, [f"i{k}" for k in range(4)])
    for names, rows in ((False, ["ada"]), (True, list(PEOPLE))):
        with Workbench(tmp_path / str(names), pool, ["cell"], task="boxes", annotator="ada", holdout=0.0, audit=0.0,
                       progress=False, names=names) as wb:
            for k in range(4):
                for place, who in enumerate(PEOPLE):
                    wb.decide(f"i{k}", objects=[Box(2, 2, 20 + place, 20, "cell")], annotator=who)
            found = wb.people.agreement()
            assert found.annotators["annotator"].tolist() == rows
            assert found.n_people == 3
            assert "3 people" in repr(found)
            assert found.plot() is not None


def test_the_owner_sees_names_where_the_project_said_so_and_a_colleague_doesn_t(opened):
    ada = opened("ada", names=True)
    answer(ada, n=12)
    assert list(ada.people.bias().per_annotator.index) == list(PEOPLE)
    assert set(ada.people.agreement().pairs["first"]) <= set(PEOPLE)
    assert set(ada.people.schools(n_boot=19).members.index) == set(PEOPLE)
    assert opened("bob").people.agreement().pairs.empty
    assert list(opened("bob").people.bias().per_annotator.index) == ["bob"]


def test_the_results_are_those_of_the_functions_on_the_table_of_votes(opened):
    ada = opened("ada")
    answer(ada)
    ada.gold({"i0": "dog", "i4": "dog"})
    from hitl_widgets import quality
    votes = ada.votes()
    assert ada.people.consensus("majority").labels.to_dict() == quality.consensus(votes, "majority").labels.to_dict()
    assert ada.people.agreement()["fleiss_kappa"] == quality.agreement(votes)["fleiss_kappa"]
    effect = quality.automation_bias(votes, {"i0": "dog", "i4": "dog"}).effect
    assert ada.people.bias().effect == effect
    assert effect > 0


# -- the plan

def test_the_plan_says_how_many_cards_are_left_and_how_long_that_takes(opened):
    ada = opened("ada")
    empty = ada.people.plan(0.2)
    assert (empty.n_so_far, empty.n_more, empty.power, empty.weeks) == (0, empty.needed.n_cards, 0.0, float("inf"))
    assert empty.needed.n_cards == 894  # ANCHORS: 308 cards an arm of the same size, at 10 % blind 894
    answer(ada)
    ada.gold(truth())
    plan = ada.people.plan(0.2)
    assert plan.n_so_far == 72
    assert plan.per_week == pytest.approx(7 * 72)  # all of them today
    assert plan.weeks == pytest.approx(plan.n_more / 504)
    assert 0 < plan.power < 0.8
    bias = ada.people.bias()
    assert bias.power(plan.n_more, 0.2) >= 0.8 > bias.power(plan.n_more - 1, 0.2)
    assert ada.people.plan(0.9).n_more == 0
    assert "more cards (the truth of " in str(plan)
    assert "weeks" in plan._repr_html_()


def drawn_cards(n, wrong=lambda k: k % 5 == 0):
    """Cards of one person, one in ten blind, on which the model said "cat", and the truth."""
    votes = pd.DataFrame([(f"i{k}", "ada", "cat" if k % 2 else "dog", k % 10 != 3, "cat",
                           "blind" if k % 10 == 3 else "shown", 0.1 if k % 10 == 3 else 0.9) for k in range(n)],
                         columns=["item_id", "annotator", "label", "shown", "suggestion", "arm", "arm_probability"])
    return votes.assign(acted_at=pd.Timestamp.now(tz="UTC")), {f"i{k}": "dog" if wrong(k) else "cat" for k in range(n)}


def test_cards_without_a_known_truth_bring_the_end_of_the_experiment_no_nearer():
    """1,251 cards were answered, of none the truth is known: the plan said that no card more was needed."""
    votes, truth = drawn_cards(1251)
    plan = plan_experiment(votes)
    assert (plan.n_so_far, plan.n_known, plan.power) == (1251, 0, 0.0)
    assert plan.n_more == plan.needed.n_cards > 0
    assert plan.weeks == float("inf")
    assert "no card's truth becomes known" in str(plan)
    few = pd.Series({item_id: label for item_id, label in truth.items() if int(item_id[1:]) < 120})
    plan = plan_experiment(votes, truth=few)
    assert plan.n_known == 120
    assert plan.n_more > plan.needed.n_cards
    assert "the truth of 120 is known" in str(plan)
    assert "(the truth of 10% known, as so far)" in str(plan)


def test_a_large_effect_is_planned_where_people_err_often():
    """People erred alike in half of the blind cards: an effect of .6 was refused, since .5 + .6 is above 1."""
    votes, truth = drawn_cards(400, wrong=lambda k: True)
    votes["label"] = np.where(np.arange(400) // 10 % 2, "cat", "dog")
    assert plan_experiment(votes, truth=pd.Series(truth), effect=0.6).needed.n_cards > 0


@pytest.mark.parametrize("arguments", [{"effect": 0.0}, {"effect": 2.0}, {"effect": "x"}, {"power": 1.0},
                                       {"power": "high"}])
def test_a_plan_that_can_t_be_is_refused(opened, arguments):
    with pytest.raises(BadInput):
        opened().people.plan(**arguments)


# -- a person's own page

def test_own_slips_are_answers_that_most_of_two_others_contradict_but_gold_stays_hidden(opened):
    ada = opened("ada")
    answer(ada, slips={("ada", 7), ("ada", 8), ("quyen", 11)})
    ada.gold({"i8": "dog", "i3": "cat"})
    page = ada.people.own()
    assert list(page.slips["item_id"]) == ["i7"]
    [row] = page.slips.to_dict("records")
    assert (row["label"], row["others"], row["n_others"], row["share"], row["judged_by"], row["certainty"]) == \
        ("dog", "cat", 2, 1.0, "others", 2)
    assert np.isnan(page.gold)  # nobody knew these answers when she gave hers
    assert page.counts == {"n_answers": N, "n_unsure": 0, "n_skipped": 0, "n_questions": 0}
    ada.decide("i7", label="cat")  # corrected
    assert len(ada.people.own().slips) == 0


def test_every_page_tells_one_accuracy_on_gold(opened):
    """Two of three also counted answers given in sight of a suggestion, before the answer was known, or again."""
    ada = opened("ada")
    cat = ada.taxonomy.label("cat").id
    ada.decide("i0", label="cat")
    ada.gold({"i0": "cat", "i1": "cat", "i2": "cat", "i3": "cat"})
    blind = Seen(hidden=True, chosen_by="gold")
    for item_id, label, seen in (("i1", "cat", blind), ("i2", "dog", blind), ("i2", "cat", Seen(chosen_by="revision")),
                                 ("i3", "cat", Seen(suggestion=cat, chosen_by="margin"))):
        ada.decide(item_id, label=label, seen=seen)
    [row] = ada.people.table().to_dict("records")
    own = ada.people.own().gold
    assert (row["n"], own.n) == (2, 2)
    assert (own.value, own.low, own.high) == (row["accuracy"], row["low"], row["high"])
    [told] = ada.progress().people.to_dict("records")
    assert (told["source"], told["n"], told["share"]) == ("gold", 2, 0.5)


def test_own_figures_are_those_of_the_person_alone(opened):
    ada = opened("ada")
    answer(ada)
    ada.gold(truth())
    ada.annotator = "bob"
    page = ada.people.own()
    bias = page.bias.per_annotator.loc["bob"]
    assert (float(page.effect), float(page.anchoring)) == (bias["effect"], bias["anchoring"])
    assert page.effect == 1.0  # he takes every wrong suggestion that is shown
    assert list(page.calibration.table["annotator"]) == ["bob"]
    assert np.isnan(page.with_oneself)
    assert "asked anything twice" in str(page.with_oneself)
    html = page._repr_html_()
    assert "bob" in html
    assert "quyen" not in html
    assert "data:image/png" in html
    assert list(page.bias.per_annotator.index) == ["bob"]  # it had everybody's rows, by name


def test_own_agreement_leaves_out_items_on_which_the_others_tie(opened):
    """Where two others say two things, whatever a person answered counted against them."""
    ada = opened("ada")
    answer(ada, slips={("quyen", 5)})
    assert (ada.people.own().agreement.n, len(ada.people.own().slips)) == (N - 1 - sum(
        (k // 4 + 1) % 2 for k in range(0, N, 4)), 0)


def test_own_effect_without_a_truth_says_that_none_is_known(opened):
    """It said that there were no cards with and without the suggestion, below a figure of just these cards."""
    ada = opened("ada")
    for k in range(4):
        ada.decide(f"i{k}", label="cat", seen=Seen(suggestion=ada.taxonomy.label_ids[0], probs={}, hidden=k % 2 == 0,
                                                   chosen_by="margin", model="m1", taxonomy=1, arm_probability=0.5,
                                                   arm="blind" if k % 2 == 0 else "shown"))
    page = ada.people.own()
    assert page.anchoring.n == 4
    assert "known to be wrong" in str(page.effect)


def test_the_consensus_counts_all_people_though_only_the_own_row_is_shown(opened):
    ada = opened("ada")
    answer(ada, n=12)
    assert "3 people" in str(ada.people.consensus())


def test_a_page_without_answers_says_that_there_is_nothing_yet(opened):
    page = opened("zoe").people.own()
    assert [np.isnan(figure) for figure in page.figures().values()] == [True] * 5
    assert page.calibration is None
    assert "none (you answered no gold item yet)" in str(page)
    assert "zoe" in page._repr_html_()


def test_results_with_few_answers_say_so(opened):
    ada = opened("ada")
    ada.decide("i0", label="cat")
    ada.decide("i0", label="cat", annotator="bob")
    assert isinstance(ada.people.consensus().table, pd.DataFrame)
    assert "few items" in str(ada.people.own().agreement) or np.isnan(ada.people.own().agreement)
