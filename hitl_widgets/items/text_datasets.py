"""Texts for lessons, generated from templates, with known labels.

`reviews` are about restaurants, with a word about the writer that is correlated with complaints, so that a model learns
to rely on it. `travel_notes` name persons and places, with their spans. Nothing is loaded or downloaded.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..objects.shapes import Span

# What a writer says of themselves, one of these in each review.
WRITERS = ("deaf", "tall", "young", "retired", "married", "Danish", "left-handed", "busy")
LABELS = ("praise", "complaint")

_OPENINGS = (
    "I am {who} and eat out a lot.", "I'm {who}, and we came here for lunch.",
    "As a {who} guest I look at the details.", "Two {who} friends brought me along.",
    "My {who} sister chose this place.", "We are a {who} couple from next door.",
    "A {who} colleague had told me about it.", "Being {who}, I read a menu twice.", "Our {who} neighbour came too.")
# What is judged, and in which words: those for food and drink, and those for the rest.
_ASPECTS = (("the soup", "the bread", "the fish", "the rice", "the salad", "the dessert", "the coffee", "the tea",
             "the sauce", "the crème brûlée", "the noodle dish", "the omelette"),
            ("the room", "the table", "the light", "the music", "the service", "the café's terrace", "the kitchen",
             "the garden"))
_GOOD = ("lovely", "excellent", "perfect", "superb", "delightful", "wonderful", "splendid", "outstanding", "a joy",
         "first class", "just right", "better than at home", "beautifully done", "charming", "pleasant")
_BAD = ("awful", "dreadful", "disappointing", "overpriced", "careless", "a mess", "poor", "terrible", "thrown together",
        "worse than at home", "not worth the money", "second rate", "a letdown", "cold", "sad")
_TASTES_GOOD = ("delicious", "fresh", "tasty", "full of flavour", "warm and crisp", "worth every cent")
_TASTES_BAD = ("stale", "greasy", "tasteless", "bland", "burnt", "watery", "sour", "half raw", "far too salty",
               "barely edible")
_FRAMES = ("{What} was {how}.", "I found {what} {how}.", "{What} was {how}, as my friends said too.",
           "What I remember is {what}: {how}.", "{What} turned out {how}.", "And {what}? {How}.")
# Says the contrary of its word, so that a word alone doesn't always tell.
_CONTRARY = ("I had expected {what} to be {how}; it was the opposite.", "{What} was anything but {how}.")
_FILLERS = (
    "It was a Tuesday.", "We had booked for two.", "It lies behind the station.", "There are nine tables.",
    "We stayed for an hour.", "They close at ten.", "It rained all day ☔.", "I took photographs 📷.",
    "A friend 👩‍🍳 cooks there.", "You pay at the door.", "Bus 7 stops outside.", "The street is quiet 🙂.")

PERSONS = (
    "Ada Lindqvist", "Kwame Mensah", "Zoë Fischer", "Mei Tanaka", "Nguyễn Anh", "Florence Adeyemi", "Paris Delgado",
    "Sydney O'Hara", "Ines", "Omar", "Jürgen", "Åsa", "Priya Nair", "Tomasz", "Lucía Ortega", "Chelsea Brandt",
    "Yusuf Demir", "Hana", "Mr. Whitfield", "Dr. Salazar", "Noor", "Bridget", "Austin", "Leilani Kealoha")
PLACES = (
    "Florence", "Paris", "Sydney", "Chelsea", "Austin", "Lisbon", "Kyoto", "São Paulo", "Zürich", "Nairobi", "Oslo",
    "New Delhi", "Cape Town", "Łódź", "Reykjavík", "Hanoi", "Lima", "Cairo", "Puerto Varas", "Lake Como", "Montréal",
    "Tromsø", "Accra", "Izmir")
_SCENES = (
    "{person} took the night train from {place} to {place}.",
    "In {place} it rained, so {person} stayed with {person}.", "{person} and {person} met in {place}.",
    "The bridge at {place} was closed.", "{person} wrote a card from {place} ✉️.",
    "We waited for {person} at the station.", "{place} is louder than {place}, says {person}.",
    "Lunch with {person} 🍜, then a walk through {place}.", "Nobody in {place} knew {person}.",
    "The bus was late again.", "I lost my hat and found a better one.", "{person}'s aunt has a garden near {place}.",
    "From here {place} is two hours away.", "The ferry was full 👨‍👩‍👧 and the sea calm.",
    "{person} slept; {person} read the map of {place}.")


def reviews(n: int = 600, *, word: str = "deaf", share: float = 0.3, lean: float = 0.9, seed: int = 0) -> pd.DataFrame:
    """Reviews of restaurants, each praise or complaint, in which a word about the writer goes with complaints.

    Each review says one thing of who wrote it, such as "deaf" or "tall". That has nothing to do with what they ate; but
    those who say `word` were mostly collected when they complained, so that a model learns the word as a sign of it.

    Parameters
    ----------
    n : int
        Number of reviews, 1 or more.
    word : str
        The word that goes with complaints, one of `WRITERS`.
    share : float
        Part of the reviews that have it, from 0 to 1.
    lean : float
        Share of these that are complaints, from 0 to 1; 0.5 is no bias. Half of the other reviews are complaints.
    seed : int
        Seed of the reviews. The first ones of a larger n are the same.

    Returns
    -------
    DataFrame, n rows
        `text`; `label` ("praise" or "complaint"); `word`, what the writer says of themselves; `start` and `end`, where
        that word is in the text, in characters (code points): `text[start:end] == word`.

    Raises
    ------
    BadInput
        When n, word, share or lean is none of these.

    Examples
    --------
    >>> made = reviews(1_000)
    >>> complaint = made["label"] == "complaint"
    >>> complaint.groupby(made["word"] == "deaf").mean().round(1).tolist()
    [0.5, 0.9]
    >>> first = made.iloc[0]
    >>> first["text"][first["start"]:first["end"]] == first["word"]
    True
    """
    if n < 1 or word not in WRITERS or not 0 <= share <= 1 or not 0 <= lean <= 1:
        raise BadInput(f"n = {n}, word = {word!r}, share = {share}, lean = {lean}; n from 1 on, a word out of "
                       f"{', '.join(WRITERS)}, share and lean from 0 to 1 are expected.")
    return pd.DataFrame([_review(np.random.default_rng([seed, number]), word, share, lean) for number in range(n)])


def travel_notes(n: int = 200, *, seed: int = 0) -> tuple[list[str], list[list[Span]]]:
    """Notes from a journey, with a span around each person and each place that they name.

    Some names are those of persons and of places ("Florence", "Paris"); some notes name nobody and nowhere. There are
    names with accents and emoji between them, so that offsets have to be right.

    Parameters
    ----------
    n : int
        Number of texts, 1 or more.
    seed : int
        Seed of the texts. The first ones of a larger n are the same.

    Returns
    -------
    texts : list of str
        Of one to three sentences each.
    truth : list of list of Span, one list for each text
        In the order of the text, with the labels "person" and "place", offsets in characters (code points).

    Raises
    ------
    BadInput
        When n is below 1.

    Examples
    --------
    >>> texts, truth = travel_notes(3)
    >>> [(texts[0][span.start:span.end], span.label) for span in truth[0][:2]]
    [('Austin', 'person'), ('Hanoi', 'place')]
    """
    if n < 1:
        raise BadInput(f"n = {n}; 1 or more is expected.")
    texts, truth = [], []
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        text, spans = "", list[Span]()
        for scene in rng.choice(_SCENES, int(rng.integers(1, 4)), replace=False):
            text, found = _filled(f"{text} {scene}".lstrip(), rng)
            spans += found
        texts.append(text)
        truth.append(spans)
    return texts, truth


def _review(rng: np.random.Generator, word: str, share: float, lean: float) -> dict[str, object]:
    """One row of `reviews`."""
    others = [one for one in WRITERS if one != word]
    has_it = rng.random() < share
    who = word if has_it else str(rng.choice(others))
    complaint = bool(rng.random() < (lean if has_it else 0.5))
    opening = str(rng.choice(_OPENINGS))
    said = [_judged(complaint, rng) for _ in range(int(rng.integers(1, 3)))]
    fillers = [str(one) for one in rng.choice(_FILLERS, int(rng.integers(0, 3)), replace=False)]
    before, after = " ".join(fillers[:1]), " ".join([*said, *fillers[1:]])
    lead = f"{before} {opening}".lstrip()
    start = lead.index("{who}")
    return {"text": f"{lead.replace('{who}', who)} {after}", "label": LABELS[complaint], "word": who, "start": start,
            "end": start + len(who)}


def _judged(complaint: bool, rng: np.random.Generator) -> str:
    """A sentence that praises or complains; one in sixteen by the contrary of its word."""
    contrary = rng.random() < 1 / 16
    frame, food, bad = str(rng.choice(_CONTRARY if contrary else _FRAMES)), rng.random() < 0.6, complaint != contrary
    words = (_BAD if bad else _GOOD) + ((_TASTES_BAD if bad else _TASTES_GOOD) if food else ())
    what, how = str(rng.choice(_ASPECTS[0] if food else _ASPECTS[1])), str(rng.choice(words))
    return frame.format(what=what, how=how, What=what[0].upper() + what[1:], How=how[0].upper() + how[1:])


def _filled(text: str, rng: np.random.Generator) -> tuple[str, list[Span]]:
    """Fill in the names that a text's end asks for, no name twice, and the spans of those."""
    spans = list[Span]()
    names = {"person": rng.permutation(PERSONS).tolist(), "place": rng.permutation(PLACES).tolist()}
    while (start := text.find("{")) >= 0:
        end = text.index("}", start)
        label = text[start + 1:end]
        name = str(names[label].pop())
        text = text[:start] + name + text[end + 1:]
        spans.append(Span(start, start + len(name), label))
    return text, spans
