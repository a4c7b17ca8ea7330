"""Each part gets its share of what all of them bring about."""

from itertools import permutations

import numpy as np
import pytest

from hitl_widgets.explain.shapley import coalitions, shares


def by_definition(value, n_parts):
    """Shapley's own: the mean of what a part adds, over all orders in which the parts may come."""
    found = np.zeros(n_parts)
    orders = list(permutations(range(n_parts)))
    for order in orders:
        there = np.zeros(n_parts, bool)
        for part in order:
            before = value(there)
            there = there.copy()
            there[part] = True
            found[part] += (value(there) - before) / len(orders)
    return found


@pytest.mark.parametrize("n_parts", [1, 2, 3, 5])
def test_few_parts_get_exactly_the_shares_of_the_definition(n_parts):
    table = np.random.default_rng(n_parts).normal(size=2 ** n_parts)

    def value(there):
        return table[int(there @ (1 << np.arange(n_parts)))]
    shown, weights = coalitions(n_parts, 160)
    assert len(shown) == 2 ** n_parts
    found = shares(shown, weights, [value(one) for one in shown])
    np.testing.assert_allclose(found, by_definition(value, n_parts), atol=1e-10)


def test_shares_of_a_sum_are_its_terms_however_many():
    terms = np.random.default_rng(0).normal(size=30)
    shown, weights = coalitions(30, 160)
    assert len(shown) == 160
    np.testing.assert_allclose(shares(shown, weights, shown @ terms + 5), terms, atol=1e-9)


def test_shares_add_up_even_where_the_samples_are_too_few_to_know_them():
    shown, weights = coalitions(300, 40)
    outcomes = np.random.default_rng(0).normal(size=len(shown))
    assert shares(shown, weights, outcomes).sum() == pytest.approx(outcomes[0] - outcomes[1])
