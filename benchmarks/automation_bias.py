"""Automation bias: coverage, power and false alarms of the interval of the effect, with Wald's beside it.

5 people answer 400 cards each; the model is wrong on 20 of 100. Blind, a person makes the model's error in 5 of 100,
more often on some items than on others. Shown, people copy the suggestion with a probability of their own. Each row
of the table is a world: the people answer the same cards or cards of their own, copying differs by item or not, an
audit of harder items is blind more often, and the truth is known or is the majority of blind votes.

    python benchmarks/automation_bias.py [--seeds 500]
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hitl_widgets.quality.power import cards_needed, power_of
from hitl_widgets.quality.suggestion_effect import automation_bias

N_PEOPLE, N_CARDS, N_LABELS, WRONG, SAME_ERROR = 5, 400, 4, 0.2, 0.05


@dataclass(frozen=True)
class World:
    name: str
    effect: float
    blind: float
    same_items: bool
    by_item: bool = False
    audit: bool = False
    gold: bool = True


def votes_of(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series]:
    """A table of votes, and the truth by item."""
    n_items = N_CARDS if world.same_items else N_PEOPLE * N_CARDS
    person = np.repeat(np.arange(N_PEOPLE), N_CARDS)
    item = np.tile(np.arange(N_CARDS), N_PEOPLE) if world.same_items else np.arange(n_items)
    truth = rng.integers(N_LABELS, size=n_items)
    audit = rng.random(n_items) < (0.15 if world.audit else 0.0)
    # The audit's items are harder: the model is wrong twice as often, and people make its error more often.
    wrong = rng.random(n_items) < np.where(audit, 2 * WRONG, WRONG)
    model = np.where(wrong, (truth + rng.integers(1, N_LABELS, n_items)) % N_LABELS, truth)
    same = np.minimum(1.0, rng.beta(1, 19, n_items) * np.where(audit, 3.0, 1.0))
    copying = world.effect / (1 - SAME_ERROR) * rng.uniform(0.5, 1.5, N_PEOPLE)
    copying *= (world.effect / (1 - SAME_ERROR)) / max(copying.mean(), 1e-9) if world.effect else 0.0
    by_item = rng.beta(1.0, 1.0, n_items) * 2 if world.by_item else np.ones(n_items)
    p_copy = np.clip(copying[person] * by_item[item], 0, 1)
    answer = np.where(rng.random(len(item)) < 0.92, truth[item],
                      (truth[item] + rng.integers(1, N_LABELS, len(item))) % N_LABELS)
    on_wrong = np.where(rng.random(len(item)) < same[item], model[item], truth[item])
    other = (truth[item] + rng.integers(1, N_LABELS, len(item))) % N_LABELS
    stray = (rng.random(len(item)) < 0.03) & (on_wrong == truth[item]) & (other != model[item])
    answer = np.where(wrong[item], np.where(stray, other, on_wrong), answer)
    p_blind = np.where(audit[item], 0.5, world.blind)
    blind = rng.random(len(item)) < p_blind
    label = np.where(~blind & (rng.random(len(item)) < p_copy), model[item], answer)
    votes = pd.DataFrame({"item_id": item, "annotator": np.char.add("p", person.astype(str)), "label": label,
                          "shown": ~blind, "suggestion": model[item], "arm": np.where(blind, "blind", "shown"),
                          "arm_probability": np.where(blind, p_blind, 1 - p_blind)})
    return votes, pd.Series(truth)


def effect_of(world: World) -> float:
    """The expected effect: those who copy would have made the same error blind at times."""
    if not world.effect:
        return 0.0
    if not world.audit:
        return world.effect
    part = 0.15 * 2 / (0.15 * 2 + 0.85)  # of the wrong cards, the audit's
    return world.effect / (1 - SAME_ERROR) * (1 - SAME_ERROR * (part * 3 + 1 - part))


def wald(votes: pd.DataFrame, truth: pd.Series) -> tuple[float, float, float]:
    """Difference and interval as textbooks have it, unweighted."""
    wrong = votes[votes["suggestion"].to_numpy() != truth.reindex(votes["item_id"]).to_numpy()]
    took = (wrong["label"] == wrong["suggestion"]).groupby(wrong["shown"]).agg(["mean", "size"])
    (p_2, n_2), (p_1, n_1) = took.loc[False], took.loc[True]
    half = 1.959964 * math.sqrt(p_1 * (1 - p_1) / n_1 + p_2 * (1 - p_2) / n_2)
    return p_1 - p_2, p_1 - p_2 - half, p_1 - p_2 + half


def worlds() -> list[World]:
    made = []
    for blind in (0.25, 0.1):
        for same in (False, True):
            for effect in (0.2, 0.0):
                made.append(World(f"{'same' if same else 'own'} cards", effect, blind, same))
    made += [World("same cards, copying differs by item", 0.2, blind, True, by_item=True) for blind in (0.25, 0.1)]
    made += [World("own cards, a harder audit", effect, 0.1, False, audit=True) for effect in (0.2, 0.0)]
    made += [World("same cards, majority of blind votes", effect, 0.25, True, gold=False) for effect in (0.2, 0.0)]
    return made


def measure(world: World, n_seeds: int) -> dict[str, object]:
    found, plain = [], []
    true = effect_of(world)
    for seed in range(n_seeds):
        votes, truth = votes_of(world, np.random.default_rng(seed))
        measured = automation_bias(votes, truth if world.gold else None).effect
        assert measured is not None
        found.append((measured.value, measured.low, measured.high))
        plain.append(wald(votes, truth))
    table, walds = np.array(found), np.array(plain)

    def holding(rows: np.ndarray, value: float) -> float:
        return 100 * float(((rows[:, 1] <= value) & (value <= rows[:, 2])).mean())

    row: dict[str, object] = {
        "world": world.name, "blind": f"{world.blind:.0%}", "effect": f"{true:.3f}",
        "mean": f"{table[:, 0].mean():.3f}", "width": f"{(table[:, 2] - table[:, 1]).mean():.3f}",
        "covers, of 100": f"{holding(table, true):.1f}",
        "Wald covers": f"{holding(walds, true):.1f}",
        "power": f"{100 - holding(table, 0):.1f}" if true else "",
        "false alarms": "" if true else f"{100 - holding(table, 0):.1f}",
        "Wald's": "" if true else f"{100 - holding(walds, 0):.1f}"}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--only", default="", help="worlds whose names begin with this")
    asked = parser.parse_args()
    n_seeds = asked.seeds
    began = time.perf_counter()
    for n, world in enumerate(world for world in worlds() if world.name.startswith(asked.only)):
        row = measure(world, n_seeds)
        if not n:
            print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
        print("| " + " | ".join(map(str, row.values())) + " |", flush=True)
    print(f"\nTargets: covers 93 to 97, power at 25 % blind 90 or more, false alarms at most 7. {n_seeds} seeds, "
          f"{time.perf_counter() - began:.0f} s.\n")
    for effect, arm, cards in ((0.2, 47, 308), (0.1, 138, 916)):
        plan = cards_needed(effect, blind=0.05, model_error=0.15)
        print(f"{0.05 + effect:.2f} against 0.05: {plan.per_arm} wrong suggestions an arm (expected {arm}), "
              f"{plan.cards_per_arm} cards an arm (expected {cards}), {plan.n_cards} in all with 10 % blind")
    for world in worlds()[:5:4]:
        said = power_of(N_PEOPLE * 100, 0.2, blind=0.05, model_error=WRONG, blind_share=world.blind)
        print(f"power of 500 cards with {world.blind:.0%} blind: {said:.2f} by the formula")


if __name__ == "__main__":
    main()
