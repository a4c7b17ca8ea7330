"""The strategies by name, and the inputs of each.

A strategy is a function whose parameters name its inputs. It returns a score for each open item: items with larger
scores are asked earlier, and NaN means no score. To add one, write it and put it into `STRATEGIES`; `INPUTS` lists the
inputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import BadInput, ShapeError
from .diversity import diverse_margin, diverse_set_margin, diverse_spread, k_centre, spread, typiclust
from .object_strategies import contested, diverse_doubt, doubt, most_corrected
from .uncertainty import (
    BY_ROW,
    BY_ROW_OF_SETS,
    Scores,
    Strategy,
    balanced,
    disagreement,
    entropy,
    margin,
    set_disagreement,
    set_entropy,
    set_margin,
)

INPUTS = {
    "probs": "the model's probabilities of the open items: (n_items, n_labels), rows of NaN where it wasn't asked; "
             "they don't sum to 1 where an item may have several labels",
    "embeddings": "embeddings of the open items: (n_items, n_features), rows of NaN where they aren't known",
    "labelled": "the same of the answered items: (n_labelled, n_features)",
    "votes": "the number of answers that each open item has for each label: (n_items, n_labels); where an item may "
             "have several labels also those against each: (n_items, 2 * n_labels)",
    "counts": "the number of items that were answered with each label: (n_labels,)",
    "spread": "how much isn't known of the open items' values, as parts of the scales' lengths: (n_items,), NaN where "
              "it isn't known",
    "doubt": "how doubtful the objects are that the model proposes in the open items: (n_items,), NaN where it wasn't "
             "asked",
    "contested": "how far the answers to the open items disagree about their objects: (n_items,), NaN where there are "
                 "none",
    "corrected": "which part of the proposals of the answered items was corrected: (n_labelled,), NaN where none was "
                 "shown",
    "n": "the number of items that will be wanted",
    "rng": "a numpy Generator, the same for the same seed and number of answers",
}

STRATEGIES: dict[str, Strategy] = {
    **BY_ROW, "balanced_margin": balanced(margin), "balanced_entropy": balanced(entropy),
    "typiclust": typiclust, "k_centre": k_centre, "diverse_margin": diverse_margin, "disagreement": disagreement,
    "spread": spread, "diverse_spread": diverse_spread,
    "doubt": doubt, "diverse_doubt": diverse_doubt, "contested": contested, "most_corrected": most_corrected,
}

# If only values of attributes are asked, a strategy's name means its counterpart over values.
OVER_VALUES = {**dict.fromkeys([*BY_ROW, "balanced_margin", "balanced_entropy", "disagreement"], "spread"),
               "diverse_margin": "diverse_spread"}

# If objects are asked for, a strategy's name means its counterpart over objects.
OVER_OBJECTS = {**dict.fromkeys([*BY_ROW, "balanced_margin", "balanced_entropy", "spread"], "doubt"),
                "diverse_margin": "diverse_doubt", "diverse_spread": "diverse_doubt", "disagreement": "contested"}

# If an item may have several labels, a strategy's name means its counterpart over sets of labels.
OVER_SETS: dict[str, Strategy] = {
    **BY_ROW_OF_SETS, "balanced_margin": balanced(set_margin), "balanced_entropy": balanced(set_entropy),
    "diverse_margin": diverse_set_margin, "disagreement": set_disagreement,
}

# These score families of labels: to a model that is older than an edit, the labels that it made of one are one label.
BY_FAMILY = (*BY_ROW.values(), STRATEGIES["balanced_margin"], STRATEGIES["balanced_entropy"], diverse_margin,
             *OVER_SETS.values())


def strategy_named(name: str) -> Strategy:
    """Return the strategy of a name; BadInput lists the known names."""
    if name not in STRATEGIES:
        raise BadInput(f"strategy {name!r} is unknown; 'random', {', '.join(map(repr, STRATEGIES))} or a function "
                       f"of any of {', '.join(INPUTS)} that gives scores (n_items,) are expected.")
    return STRATEGIES[name]


def inputs_of(strategy: Strategy) -> dict[str, bool]:
    """Look up the inputs of a strategy, and whether each is required.

    The input of a function with a single parameter is probabilities, whatever the parameter's name.

    Parameters
    ----------
    strategy : callable

    Returns
    -------
    dict of str to bool

    Raises
    ------
    BadInput
        If a parameter without a default isn't in `INPUTS`.

    Examples
    --------
    >>> inputs_of(k_centre)
    {'embeddings': True, 'labelled': False, 'n': True}
    """
    try:
        parameters = [p for p in inspect.signature(strategy).parameters.values()
                      if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    except (TypeError, ValueError):  # a function written in C may have no signature
        return {"probs": True}
    required = [p.name for p in parameters if p.default is p.empty]
    if len(required) == 1 and required[0] not in INPUTS:
        return {"probs": True}
    if unknown := [name for name in required if name not in INPUTS]:
        raise BadInput(f"the strategy has a parameter {unknown[0]!r}; the inputs are {', '.join(INPUTS)}. Give the "
                       "parameter one of these names, or a default.")
    return {p.name: p.default is p.empty for p in parameters if p.name in INPUTS}


def scores_of(strategy: Strategy, inputs: Mapping[str, Callable[[], Any]], *, n_items: int) -> Scores | None:
    """Scores of the open items by a strategy.

    Parameters
    ----------
    strategy : callable
    inputs : mapping of str to callable
        Name of an input (`INPUTS`) -> a function that returns it, or None if there is none.
    n_items : int

    Returns
    -------
    ndarray of float32, shape (n_items,), or None
        None where a required input is missing.

    Raises
    ------
    ShapeError
        If the strategy doesn't return one score an item.
    """
    values: dict[str, Any] = {}
    for name, required in inputs_of(strategy).items():
        value = inputs[name]() if name in inputs else None
        if value is not None:
            values[name] = value
        elif required:
            return None
    # Probabilities alone are passed by position, since the parameter may have any name.
    scores = np.asarray(strategy(values["probs"]) if values.keys() == {"probs"} else strategy(**values), np.float32)
    if scores.shape != (n_items,):
        raise ShapeError(f"the strategy gave scores of shape {scores.shape} for {n_items} items; one each is expected.")
    return scores
