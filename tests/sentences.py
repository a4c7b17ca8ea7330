"""Texts made from templates, with the places and persons in them as spans: what a tagger learns in a second or two."""

from __future__ import annotations

import numpy as np

NAMES = ["place", "person"]
FIRST = ["Ada", "Bob", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ines", "Jan", "Kim", "Lena", "Max", "Nora",
         "Otto", "Pia", "Quin", "Rosa", "Sam", "Tara", "Uwe", "Vera", "Wim", "Xena", "Yara", "Zoe"]
LAST = ["Smith", "Jones", "Garcia", "Müller", "Rossi", "Silva", "Chen", "Novák", "Dubois", "Hansen", "Kowalski",
        "Ivanov", "Tanaka", "Okafor"]
PLACES = ["Rome", "Paris", "Berlin", "Madrid", "Lisbon", "Vienna", "Prague", "Warsaw", "Dublin", "Oslo", "Cairo",
          "Lima", "Quito", "Delhi", "Tokyo", "Seoul", "Sydney", "Boston", "Nairobi", "New York", "San Francisco",
          "Cape Town", "القاهرة", "Los Angeles", "São Paulo"]
TEMPLATES = ["{1} flew from {0} to {0} on Monday.", "In {0} I met {1} and {1}.", "The mayor of {0}, {1}, spoke.",
             "Nobody came, said {1}.", "It rained in {0} all week 👩‍👩‍👧.", "We had a nice day and ate fish.",
             "{0} is larger than {0}.", "{1} wrote to {1} about the trip.", "My aunt {1} lives near {0}; she likes it.",
             "Call me on Tuesday, please.", "🌧 Then {1} left {0} at 5 pm."]


def sentences(n: int, seed: int = 0, *, unknown: float = 0.3) -> list[tuple[str, list[tuple[int, int, int]]]]:
    """Texts, and of each the spans as (start, end, number of the label).

    Parameters
    ----------
    n : int
    seed : int
        Of what is drawn.
    unknown : float
        Part of the names that seeds below 100 never draw.
    """
    rng, made = np.random.default_rng(seed), list[tuple[str, list[tuple[int, int, int]]]]()
    share = 1.0 if seed >= 100 else 1 - unknown
    some = [names[:round(len(names) * share)] for names in (FIRST, PLACES)]
    for _ in range(n):
        text, spans = "", list[tuple[int, int, int]]()
        for _ in range(rng.integers(1, 4)):
            rest = (" " if text else "") + TEMPLATES[rng.integers(len(TEMPLATES))]
            while "{" in rest:
                at = rest.index("{")
                label = int(rest[at + 1])
                name = str(rng.choice(some[1 - label]))
                name += f" {rng.choice(LAST)}" if label and rng.random() < 0.5 else ""
                text += rest[:at] + name
                spans.append((len(text) - len(name), len(text), label))
                rest = rest[at + 3:]
            text += rest
        made.append((text, spans))
    return made
