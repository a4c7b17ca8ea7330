"""The random projects of round trips are the same for a seed, and have what breaks files."""

from __future__ import annotations

from exchange.random_projects import random_project


def test_the_same_seed_gives_the_same_answers():
    tables = []
    for _ in range(2):
        with random_project(5, task="classify", kind="memory") as made:
            tables.append(made.wb.annotations())
    assert len(tables[0])
    assert tables[0].equals(tables[1])


def test_random_projects_have_answers_in_doubt_guesses_skips_gold_and_equal_names():
    statuses, verdicts, paths, n_gold = set(), set(), 0, 0
    for seed in range(9):
        with random_project(seed, task="classify", n_items=6) as made:
            notes = made.wb.annotations()
            statuses |= set(notes["status"])
            verdicts |= set(notes["verdict"].where(notes["label"].notna(), notes["verdict"] + " without a label"))
            paths += any(" / " in name for name in made.wb.taxonomy.names)
            n_gold += len(made.wb.gold())
    assert statuses == {"decided", "to_review", "presumed", "planted"}
    assert {"answer", "accept", "correct", "unsure", "unsure without a label", "skip without a label"} <= verdicts
    assert paths
    assert n_gold
