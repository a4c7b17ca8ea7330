"""Is the right item asked of the right person?"""

import numpy as np
import pytest

from hitl_widgets.sampling.more_votes import another_person
from hitl_widgets.sampling.queue import GOLD_SHARE, HOLDOUT_SHARE, Queue


def queue_of(n, *, holdout=(), annotators_per_item=1):
    mask = np.zeros(n, bool)
    mask[list(holdout)] = True
    return Queue(draws=np.linspace(0, 0.999, n), holdout=mask, annotators_per_item=annotators_per_item)


def positions(asked):
    return [ask.position for ask in asked]


def test_without_scores_the_draws_decide():
    assert positions(queue_of(5).order(3, "ada")) == [0, 1, 2]


def test_with_scores_the_largest_comes_first_and_the_unknown_last():
    asked = queue_of(4).order(4, "ada", scores=np.array([0.1, np.nan, 0.9, 0.5]), name="margin")
    assert [(a.position, a.chosen_by) for a in asked] == [(2, "margin"), (3, "margin"), (0, "margin"), (1, "random")]


def test_by_chance_every_second_item_is_drawn():
    scores = np.linspace(0, 1, 10)
    asked = queue_of(10).order(6, "ada", scores=scores, name="margin", by_chance=True)
    assert [(a.position, a.chosen_by) for a in asked] == [
        (0, "random"), (9, "margin"), (1, "random"), (8, "margin"), (2, "random"), (7, "margin")]
    everything = queue_of(5).order(9, "ada", scores=scores[:5], name="margin", by_chance=True)
    assert sorted(positions(everything)) == list(range(5))


def test_what_is_closed_is_not_asked_again():
    queue = queue_of(4)
    queue.mark(1, "ada", closed=True)
    assert positions(queue.order(4, "ada")) == [0, 2, 3]
    assert positions(queue.order(4, "bob")) == [0, 2, 3]
    assert queue.n_closed("ada") == 1
    assert queue.n_open("ada") == 3


def test_two_answers_ask_two_people_but_nobody_twice():
    queue = queue_of(2, annotators_per_item=2)
    queue.mark(0, "ada", closed=True)
    assert positions(queue.order(2, "ada")) == [1]
    assert positions(queue.order(2, "bob")) == [0, 1]
    queue.mark(0, "bob", closed=True)
    assert positions(queue.order(2, "cyd")) == [1]


def test_another_person_is_asked_only_where_it_pays_and_ties_come_first():
    """With at least and at most: the queue follows the rule of `more_votes.another_person`."""
    rng, n = np.random.default_rng(0), 60
    queue = queue_of(n, annotators_per_item=(1, 3))
    n_votes, who = rng.integers(0, 4, n), ["ada", "bob", "cyd"]
    for place in range(n):
        for name in who[:n_votes[place]]:
            queue.mark(place, name, closed=True)
    tops = np.where(n_votes > 0, rng.uniform(0.8, 1.0, n), 0.0)
    queue.tops[:], queue.in_doubt[:] = tops, tops < 0.95
    queue.tied[:] = (n_votes == 2) & (rng.random(n) < 0.3)
    rule = another_person(n_votes, tops, queue.tied, least=1, most=3)
    assert sorted(positions(queue.order(n, "dan"))) == np.flatnonzero(rule.open).tolist()
    assert queue.n_open("dan") == int(rule.open.sum())
    asked = queue.order(n, "dan")
    kinds = [ask.chosen_by for ask in asked]
    n_tied, n_doubt = kinds.count("disagreement"), kinds.count("more_votes")
    assert kinds == ["disagreement"] * n_tied + ["more_votes"] * n_doubt + ["random"] * (len(kinds) - n_tied - n_doubt)
    assert n_tied > 1
    assert n_doubt > 5
    doubted = positions(asked)[n_tied:n_tied + n_doubt]
    assert doubted == [int(place) for place in rule.order if place in doubted]
    # Nobody is asked twice, and nobody beyond the most.
    assert not {place for place in positions(queue.order(n, "ada")) if n_votes[place]}
    assert not {place for place in positions(asked) if n_votes[place] >= 3}


def test_reopening_gives_the_item_back():
    queue = queue_of(2)
    queue.mark(0, "ada", closed=True)
    queue.mark(0, "ada", closed=True)   # said twice, counted once
    queue.mark(0, "ada", closed=False)
    assert positions(queue.order(2, "bob")) == [0, 1]


def test_skipped_items_come_last_in_the_order_of_skipping():
    queue = queue_of(4)
    queue.mark(1, "ada", closed=False, skipped_at=20)
    queue.mark(0, "ada", closed=False, skipped_at=30)
    asked = queue.order(4, "ada")
    assert [(a.position, a.chosen_by) for a in asked] == [(2, "random"), (3, "random"), (1, "skipped"), (0, "skipped")]
    assert positions(queue.order(4, "bob")) == [0, 1, 2, 3]


def test_a_skipped_holdout_item_stays_blind():
    queue = queue_of(2, holdout=[1])
    queue.mark(1, "ada", closed=False, skipped_at=1)
    assert queue.order(2, "ada")[-1] == (1, "skipped", True)


def test_what_others_hold_and_what_is_on_screen_is_not_asked():
    assert positions(queue_of(5).order(5, "ada", held=[0], showing=[2])) == [1, 3, 4]


def test_holdout_items_are_blind_and_take_their_share():
    asked = queue_of(400, holdout=range(200)).order(100, "ada")
    measured = [a for a in asked if a.chosen_by == "holdout"]
    assert len(measured) == pytest.approx(100 * HOLDOUT_SHARE, abs=1)
    assert all(a.blind for a in measured)
    assert not any(a.blind for a in asked if a.chosen_by != "holdout")


def test_asking_one_at_a_time_keeps_the_share():
    queue = queue_of(400, holdout=range(200))
    for _ in range(80):
        [ask] = queue.order(1, "ada")
        queue.mark(ask.position, "ada", closed=True)
    assert int((queue.holdout & queue._closed["ada"]).sum()) == pytest.approx(80 * HOLDOUT_SHARE, abs=1)


def test_holdout_items_on_screen_count_for_the_share():
    queue = queue_of(400, holdout=range(200))
    first = queue.order(20, "ada")
    second = queue.order(20, "ada", showing=positions(first))
    assert sum(a.chosen_by == "holdout" for a in first + second) == pytest.approx(40 * HOLDOUT_SHARE, abs=1)
    assert not set(positions(first)) & set(positions(second))


def test_a_narrow_holdout_is_asked_no_more():
    asked = queue_of(40, holdout=range(20)).order(40, "ada", ask_holdout=False)
    assert positions(asked) == list(range(20, 40))


def test_when_nothing_else_is_left_the_holdout_goes_on():
    asked = queue_of(6, holdout=[0, 1, 2, 3]).order(6, "ada")
    assert sorted(positions(asked)) == list(range(6))


def test_gold_is_asked_blind_and_seldom():
    queue = queue_of(1000, holdout=range(100))
    queue.gold[200:300] = True
    asked = queue.order(200, "ada")
    tests = [a for a in asked if a.chosen_by == "gold"]
    assert len(tests) == pytest.approx(200 * GOLD_SHARE, abs=1)
    assert all(a.blind for a in tests)
    assert not any(a.chosen_by not in ("gold",) and queue.gold[a.position] for a in asked)


def test_many_answers_at_once_are_the_same_as_one_by_one():
    at_once, one_by_one = queue_of(10), queue_of(10)
    at_once.mark_all(np.array([1, 4, 7]), "ada", closed=np.ones(3, bool))
    for position in (1, 4, 7):
        one_by_one.mark(position, "ada", closed=True)
    assert at_once.order(10, "bob") == one_by_one.order(10, "bob")


def test_an_empty_queue_asks_nothing():
    queue = queue_of(1)
    queue.mark(0, "ada", closed=True)
    assert queue.order(5, "ada") == []


@pytest.mark.parametrize("by_chance", [True, False])
def test_what_a_strategy_leaves_of_the_items_predicted_so_far_is_no_draw_by_chance(by_chance):
    """Items were predicted in the order of the draws: chance drew what the strategy had just passed over."""
    n, n_ahead, rng = 20_000, 1_000, np.random.default_rng(0)
    rare = rng.random(n) < 0.05
    queue = Queue(draws=rng.random(n), holdout=np.zeros(n, bool))
    tried, drawn = np.zeros(n, bool), list[int]()

    def asked(n_asked, **how):
        for ask in queue.order(n_asked, "ada", **how):
            queue.mark(ask.position, "ada", closed=True)
            if ask.chosen_by == "random":
                drawn.append(ask.position)
    for _ in range(30):
        tried[queue.unpredicted(n_ahead, "ada", tried)] = True
        doubt = np.where(tried, rare + 0.01 * rng.random(n), np.nan)
        asked(20, scores=doubt, name="margin", by_chance=by_chance)
    if not by_chance:
        asked(300)
    assert len(drawn) == 300
    assert 6 <= rare[drawn].sum() <= 26  # 15 are expected; it was 1 and 0
