"""The relabel queue looks at the items alone of which something is known; the whole pool says the same."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.project.relabel import Doubt
from hitl_widgets.quality.annotation_tables import undecided
from hitl_widgets.sampling.queue import mixed

PEOPLE = ("ann", "bob", "cleo")


def asked_over_all(queue, annotator):
    """The rules of `RelabelQueue.asked`, one after the other, on arrays over the whole pool."""
    state, lineage = queue._state, queue._state.lineage
    index, per_item = state.label_index, state.queue.annotators_per_item
    short = index.n_certain(lineage) < per_item
    judged = queue._pool.positions(list(state.verdicts.labels(lineage, state.changed))).tolist()
    for place in np.flatnonzero(~short).tolist():
        short[place] = place not in judged and undecided(list(index.of(place).values()), lineage) is not None
    for item_id, pair in state.presumed.items():
        place = queue._pool.position(item_id)
        if lineage.exactly(*pair) is not None and not queue.measures()[place]:
            short[place] = False
    own = np.where(short, index.doubtful(lineage, annotator), 0)
    others, route = np.zeros_like(own), state.queue.route(annotator)
    alone = None if route is None else route.alone
    if per_item == 1 or alone is not None:
        free = short & (own == 0) & ~state.queue.is_closed(annotator) & (True if per_item == 1 else alone)
        others = np.where(free, index.doubtful(lineage), 0)
    for step in lineage.steps:
        if step.reverted_by is None and queue._looked_for(step):
            for name, unplaced in index.unplaced.items():
                for place, version in unplaced.items():
                    if version < step.version and not own[place] and not others[place] and (
                            name == annotator or per_item == 1 or (alone is not None and alone[place])):
                        (own if name == annotator else others)[place] = step.version
    if route is not None:
        own[~route.allowed] = others[~route.allowed] = 0
    return own, others


def order_over_all(queue, n, annotator, leave=()):
    """The order by these arrays."""
    state = queue._state
    own, others = asked_over_all(queue, annotator)
    versions, steps = np.maximum(own, others), {step.version: step for step in state.lineage.steps}
    skipped = [place for place in state.queue.skipped(annotator) if versions[place]]
    checks = [place for place in queue._checks() if versions[place] and place not in {*leave, *skipped}][:n]
    measures = queue.measures()
    line = np.flatnonzero(measures & (versions > 0))
    line = line[~np.isin(line, [*skipped, *leave])]
    line = line[np.argsort(state.queue.draws[line])][:n]
    since = int(versions[versions > 0].min(initial=sys.maxsize))
    index = state.label_index
    given = (index.look(lambda pair: int((pair[1] or 1) >= since), annotator) > 0)
    given[[place for place, then in index.unplaced.get(annotator, {}).items() if then >= since]] = True
    if index.values.given(annotator) is not None:
        given |= index.values.given_since(since, annotator, np.arange(len(given)))
    given &= versions == 0
    given[[place for place in leave if versions[place]]] = True
    n_asked = {"holdout": int((given & measures).sum()), "learn": int((given & ~measures).sum())}

    def doubts(places, is_check=False):
        return [Doubt(place, steps[versions[place]], queue.candidates(place), is_check) for place in places]
    first, last = doubts(checks, True), doubts([place for place in skipped if place not in leave])
    own[measures] = others[measures] = 0
    own[[*skipped, *checks]] = others[[*skipped, *checks]] = 0
    rest = []
    for version in sorted({*own[own > 0].tolist(), *others[others > 0].tolist()}, reverse=True):
        for cause in (own, others):
            places = np.flatnonzero(cause == version)
            if len(places) and len(rest) < n - len(first):
                rest += queue._of_step(version, places[~np.isin(places, list(leave))], n - len(first) - len(rest))
    return [*first, *mixed(rest, doubts(line.tolist()), n_asked=n_asked), *last][:n]


@pytest.mark.long
@pytest.mark.parametrize("per_item", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_asked_again_is_the_same_as_over_the_whole_pool(tmp_path, seed, per_item):
    rng = np.random.default_rng(seed)
    taxonomy = hw.Taxonomy(["cat", "dog", "bird"], attributes=[hw.Attribute("blur", scale=(0, 10))])
    pool = hw.Pool.from_texts([f"text {n}" for n in range(60)], meta=[{"site": "AB"[n % 2]} for n in range(60)])
    with hw.Workbench(tmp_path / "p", pool, taxonomy, annotator="ann", holdout=0.3, seed=seed,
                      annotators_per_item=per_item) as wb:
        def answer(n):
            for place in rng.choice(60, n).tolist():
                name, act = str(rng.choice(PEOPLE)), rng.choice(["label", "label", "values", "unsure", "skip"])
                given = {"verdict": str(act)} if act in ("unsure", "skip") else {
                    "label": str(rng.choice(wb.taxonomy.names))}
                if act == "values":
                    given["values"] = {"blur": int(rng.integers(11))}
                wb.decide(str(place), annotator=name, **given)
        answer(60)
        wb.apply(edits.split("cat", ["lion", "tabby"]))
        answer(20)
        wb.apply(edits.add("fox", like=["dog"]))
        wb.apply(edits.add_attribute("side", choices=["left", "right"], ask=seed == 1))
        answer(20)
        if seed == 2:
            wb.people.assign("bob", where={"site": ["A"]})
        queue, n_found = wb.project.relabel(), 0
        for name in PEOPLE:
            for one, other in zip(queue.asked(name), asked_over_all(queue, name), strict=True):
                np.testing.assert_array_equal(one, other)
            whole = queue.order(60, name)
            n_found += len(whole)
            shown = [doubt.position for doubt in whole[::5]]
            for n, leave in ((60, ()), (5, ()), (60, shown)):
                assert queue.order(n, name, leave=leave) == order_over_all(queue, n, name, leave)
        assert n_found > 10


def test_of_a_large_pool_little_is_looked_at(tmp_path):
    pool = hw.Pool.from_texts([f"text {n}" for n in range(5000)])
    with hw.Workbench(tmp_path / "p", pool, ["cat", "dog"], annotator="ann", holdout=0) as wb:
        for item_id in ("7", "4000"):
            wb.decide(item_id, label="cat")
        wb.decide("9", "unsure")
        wb.apply(edits.split("cat", ["lion", "tabby"]))
        assert wb.project.relabel()._asked("ann").places.tolist() == [7, 9, 4000]
        assert {item.id for item in wb.next(9, queue="relabel")} == {"7", "4000"}
