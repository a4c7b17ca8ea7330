"""Which strategy speaks now, and what does it say of the open items?

A `Selector` shows a strategy what it wants to see, keeps the order that came of it for as long as it holds, and goes
over from typical items to doubtful ones. Read `Selector.select` first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import BadInput
from ..taxonomy.history import Lineage
from .queue import Queue
from .ranking import Ranking
from .strategies import inputs_of, scores_of, strategy_named
from .uncertainty import BY_ROW, Scores, Strategy

# Typical items until a model can learn from the answers: so many a label, and so many at most.
TYPICAL_PER_LABEL, TYPICAL_AT_MOST = 6, 300
# What orders items by each other is worked out for so many ahead, and over so many open items drawn by chance.
AHEAD, LOOKED_AT = 20, 10_000

# Rows of what items look like, as far as that is at hand (NaN elsewhere); None where nothing is.
Look = Callable[[np.ndarray], "np.ndarray | None"]


class Answered(Protocol):
    """The answers so far."""

    def __call__(self) -> list[tuple[int, int]]:
        """(position, index of the label among today's) of every answer."""
        ...


class Choice(NamedTuple):
    """What orders the open items: a strategy's name, its scores over the pool (None orders by chance), and whether
    every second place is drawn by chance all the same."""

    name: str
    scores: Scores | None
    by_chance: bool = False


class Selector:
    """What a project's strategies say.

    Parameters
    ----------
    ranking : what the model says
    notify : called with a sentence when the default goes over from one strategy to another
    """

    def __init__(self, ranking: Ranking, notify: Callable[[str], None]) -> None:
        self.ranking, self._notify = ranking, notify
        self.embeddings: Look = lambda positions: None
        self.why = ""
        self._phase: str | None = None
        self._kept: dict[tuple[object, str], tuple[object, Scores]] = {}
        self._lock = threading.RLock()

    def default(self, queue: Queue, lineage: Lineage) -> str:
        """The strategy that stands in where none was named: typical items, later doubtful ones.

        `why` then says why. The change is said when it happens.
        """
        n_labels = len(lineage.today.label_ids)
        enough, n_taught = min(TYPICAL_AT_MOST, TYPICAL_PER_LABEL * n_labels), queue.n_training()
        modelled = self.ranking.predictions is not None
        if n_taught < enough:
            phase, why = "typical", f"typical items until {enough} are answered ({TYPICAL_PER_LABEL} a label, " \
                f"{TYPICAL_AT_MOST} at most; {n_taught} are): a model that knows little doubts the wrong ones"
        elif modelled:
            phase, why = "doubtful", "doubtful items, where the model's two best labels are close: its doubt tells, " \
                f"now that {n_taught} items are answered ({TYPICAL_PER_LABEL} a label, {TYPICAL_AT_MOST} at most)"
        else:
            phase, why = "untrained", f"typical items: {n_taught} answers are enough to learn from, but there is no " \
                "model yet; after wb.finetune() the doubtful ones come"
        with self._lock:
            self.why = why
            changed, self._phase = self._phase not in (None, phase), phase
        if changed:
            self._notify(f"The queue goes over to {why}.")
        return "margin" if phase == "doubtful" else "typiclust"

    def uses_embeddings(self, strategy: str | Strategy | None, queue: Queue, lineage: Lineage) -> bool:
        """Whether the strategy looks at embeddings, so that some should be at hand."""
        if strategy == "random":
            return False
        name = self.default(queue, lineage) if strategy is None else strategy
        return "embeddings" in inputs_of(strategy_named(name) if isinstance(name, str) else name)

    def select(self, strategy: str | Strategy | None, *, queue: Queue, lineage: Lineage, annotator: str, n: int,
               taken: Collection[int], answered: Answered, seed: int) -> Choice:
        """What orders the items that are open for an annotator. May take a second: hold no lock.

        Parameters
        ----------
        strategy : a name, a function (see `strategies.INPUTS`), "random", or None for the default
        n : how many are wanted
        taken : positions that are on screens now: not to be chosen, and as good as answered

        Raises
        ------
        BadInput
            If there is no such strategy, or it wants to see what there isn't.
        """
        if strategy == "random":
            return Choice("random", None)
        name = self.default(queue, lineage) if strategy is None else strategy
        function = strategy_named(name) if isinstance(name, str) else name
        if inputs_of(function) == {"probs": True} and (not isinstance(name, str) or name in BY_ROW):
            return Choice(*self.ranking.scores(name, lineage))
        scores = self._ordered(function, queue=queue, lineage=lineage, annotator=annotator, n=n, taken=taken,
                               answered=answered, seed=seed)
        if scores is not None:
            return Choice(name if isinstance(name, str) else getattr(function, "__name__", "custom"), scores)
        if strategy is None and self.ranking.predictions is not None:
            # Nobody knows what the items look like, and the items that a weak model doubts most are much alike.
            return Choice(*self.ranking.scores("margin", lineage), by_chance=True)
        return Choice("random", None)

    def _ordered(self, function: Strategy, *, queue: Queue, lineage: Lineage, annotator: str, n: int,
                 taken: Collection[int], answered: Answered, seed: int) -> Scores | None:
        """Scores over the pool by a strategy that sets items against each other; None where it can't see enough.

        They are worked out some way ahead and kept until fewer than n of the items are left: an order of typical or far
        items begins with what comes next, whatever is answered meanwhile.
        """
        asked, predictions = inputs_of(function), self.ranking.predictions
        state = (len(queue.draws), lineage.today.version, None if predictions is None else predictions.model,
                 self.ranking.revision if "probs" in asked else 0)
        open_ = queue.is_learnable(annotator)
        open_[list(taken)] = False
        with self._lock:
            former, scores = self._kept.get((function, annotator), (None, None))
            if former == state and scores is not None and int((open_ & ~np.isnan(scores)).sum()) >= max(1, n):
                return scores
            places = np.flatnonzero(open_)
            if "embeddings" in asked and len(places) > LOOKED_AT:
                places = np.sort(places[np.argpartition(queue.draws[places], LOOKED_AT)[:LOOKED_AT]])
            said = scores_of(function, self._inputs(places, queue, lineage, taken, answered, max(n, AHEAD), seed),
                             n_items=len(places))
            if said is None or np.isnan(said).all():
                return None
            scores = np.full(len(queue.draws), np.nan, np.float32)
            scores[places] = said
            self._kept[function, annotator] = (state, scores)
            return scores

    def _inputs(self, places: np.ndarray, queue: Queue, lineage: Lineage, taken: Collection[int], answered: Answered,
                n: int, seed: int) -> dict[str, Callable[[], Any]]:
        n_labels = len(lineage.today.label_ids)

        def counts() -> np.ndarray:
            learnt = [label for place, label in answered() if not queue.holdout[place] and not queue.gold[place]]
            return np.bincount(np.array(learnt, np.int64), minlength=n_labels)

        def votes() -> np.ndarray:
            table = np.zeros((len(queue.draws), n_labels), np.float32)
            if said := answered():
                np.add.at(table, tuple(np.array(said).T), 1)
            return table[places]

        def labelled() -> np.ndarray | None:
            return self.embeddings(np.union1d(queue.training_positions(), np.array(sorted(taken), np.int64)))

        return {"probs": lambda: None if self.ranking.predictions is None else self.ranking.probs(lineage, places),
                "embeddings": lambda: self.embeddings(places), "labelled": labelled, "votes": votes, "counts": counts,
                "n": lambda: min(n, len(places)),
                "rng": lambda: np.random.default_rng([abs(seed), queue.n_training()])}


def check_strategy(strategy: Any) -> None:
    """BadInput when it is no strategy: neither a known name, nor a function of what there is to see, nor None."""
    if isinstance(strategy, str):
        if strategy != "random":
            strategy_named(strategy)
    elif callable(strategy):
        inputs_of(strategy)
    elif strategy is not None:
        raise BadInput(f"strategy is a {type(strategy).__name__}; a name or a function is expected.")
