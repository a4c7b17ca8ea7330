"""Which strategies are there, and what does each look at?

A strategy is a function whose parameters name what it wants to see of the open items, and which gives a score for each:
the larger, the sooner; NaN where it has nothing to say. To add one, write it and put it into `STRATEGIES`; what there
is to see says `INPUTS`. Read these two tables first.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import BadInput, ShapeError
from .diversity import k_centre, typiclust
from .uncertainty import BY_ROW, Scores, Strategy, balanced, disagreement, entropy, margin

INPUTS = {
    "probs": "what the model says of the open items: (n_items, n_labels), rows of NaN where it wasn't asked",
    "embeddings": "what the open items look like: (n_items, n_features), rows of NaN where that isn't known",
    "labelled": "the same of the answered items: (n_labelled, n_features)",
    "votes": "the answers that each open item has already: (n_items, n_labels)",
    "counts": "how many items have been answered with each label: (n_labels,)",
    "n": "how many items will be wanted",
    "rng": "a numpy Generator, the same for the same seed and number of answers",
}

STRATEGIES: dict[str, Strategy] = {
    **BY_ROW, "balanced_margin": balanced(margin), "balanced_entropy": balanced(entropy),
    "typiclust": typiclust, "k_centre": k_centre, "disagreement": disagreement,
}


def strategy_named(name: str) -> Strategy:
    """The strategy of that name; BadInput names those there are."""
    if name not in STRATEGIES:
        raise BadInput(f"strategy {name!r} is unknown; 'random', {', '.join(map(repr, STRATEGIES))} or a function "
                       f"of any of {', '.join(INPUTS)} that gives scores (n_items,) are expected.")
    return STRATEGIES[name]


def inputs_of(strategy: Strategy) -> dict[str, bool]:
    """What a strategy looks at, and whether it can't do without: a function of one thing wants probabilities.

    Raises
    ------
    BadInput
        If a parameter without a default is none of `INPUTS`.

    Examples
    --------
    >>> inputs_of(k_centre)
    {'embeddings': True, 'labelled': False, 'n': True}
    """
    try:
        asked = [p for p in inspect.signature(strategy).parameters.values() if p.kind not in (p.VAR_POSITIONAL,
                                                                                              p.VAR_KEYWORD)]
    except (TypeError, ValueError):  # a function written in C tells nothing of itself
        return {"probs": True}
    needed = [p.name for p in asked if p.default is p.empty]
    if len(needed) == 1 and needed[0] not in INPUTS:
        return {"probs": True}
    if odd := [name for name in needed if name not in INPUTS]:
        raise BadInput(f"the strategy wants to see {odd[0]!r}; there are {', '.join(INPUTS)}. Give the parameter one "
                       "of these names, or a default.")
    return {p.name: p.default is p.empty for p in asked if p.name in INPUTS}


def scores_of(strategy: Strategy, inputs: Mapping[str, Callable[[], Any]], *, n_items: int) -> Scores | None:
    """What a strategy says of the open items: float32, shape (n_items,), NaN where it says nothing.

    Parameters
    ----------
    inputs : by the names of `INPUTS`, functions that give what there is to see, or None where there is nothing

    Returns
    -------
    None where something that the strategy can't do without isn't there.

    Raises
    ------
    ShapeError
        If it doesn't give one score an item.
    """
    seen: dict[str, Any] = {}
    for name, needed in inputs_of(strategy).items():
        sight = inputs[name]() if name in inputs else None
        if sight is not None:
            seen[name] = sight
        elif needed:
            return None
    # One thing alone is given by its place, whatever the function calls it.
    scores = np.asarray(strategy(seen["probs"]) if seen.keys() == {"probs"} else strategy(**seen), np.float32)
    if scores.shape != (n_items,):
        raise ShapeError(f"the strategy gave scores of shape {scores.shape} for {n_items} items; one each is expected.")
    return scores
