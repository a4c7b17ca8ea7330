"""Selection of the strategy that orders the open items, and its scores.

A `Selector` passes a strategy its inputs, keeps the scores for as long as they hold, and changes from typical items to
uncertain ones once a model has learnt enough. Read `Selector.select` first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadInput
from ..taxonomy.history import Lineage
from .queue import Queue
from .ranking import Ranking
from .strategies import BY_FAMILY, inputs_of, scores_of, strategy_named
from .uncertainty import BY_ROW, Scores, Strategy

# Typical items come until a model can learn from the answers: this many per label, and this many at most.
TYPICAL_PER_LABEL, TYPICAL_AT_MOST = 6, 300
# Strategies that compare items with each other order this many items ahead, among this many open ones drawn by chance.
AHEAD, MAX_COMPARED = 20, 10_000

# Embeddings at some positions, rows of NaN where they aren't at hand; None where there are none at all.
EmbeddingsAt = Callable[[np.ndarray], "np.ndarray | None"]
# The answers so far: (position, index of the label among today's) of each.
AnswersSoFar = Callable[[], "list[tuple[int, int]]"]


class Choice(NamedTuple):
    """The order of the open items.

    A strategy's name, its scores over the pool (None for a random order), and whether every second item is drawn by
    chance all the same.
    """

    name: str
    scores: Scores | None
    by_chance: bool = False


class Selector:
    """The strategies of a project, with their current scores.

    Parameters
    ----------
    ranking : Ranking
        Predictions of the current model.
    notify : callable
        Called with a sentence when the default changes from one strategy to another.
    """

    def __init__(self, ranking: Ranking, notify: Callable[[str], None]) -> None:
        self.ranking, self._notify = ranking, notify
        self.embeddings: EmbeddingsAt = lambda positions: None
        self.why = ""
        self._phase: str | None = None
        self._kept: dict[tuple[object, str], tuple[object, Scores]] = {}
        self._lock = threading.RLock()

    def default(self, queue: Queue, lineage: Lineage) -> str:
        """Name of the strategy that is used where none was named: typical items, later uncertain ones.

        It sets `why` to the reason, and notifies when the strategy changes.
        """
        n_labels = len(lineage.today.label_ids)
        enough, n_training = min(TYPICAL_AT_MOST, TYPICAL_PER_LABEL * n_labels), queue.n_training()
        if n_training < enough:
            phase, why = "typical", (
                f"typical items until {enough} are answered ({TYPICAL_PER_LABEL} per label, at most {TYPICAL_AT_MOST}; "
                f"{n_training} so far): a model that knows little is uncertain about the wrong ones")
        elif self.ranking.predictions is not None:
            phase, why = "uncertain", (
                "uncertain items, where the model's two best labels are close: its uncertainty is informative now that "
                f"{n_training} items are answered ({TYPICAL_PER_LABEL} per label, at most {TYPICAL_AT_MOST})")
        else:
            phase, why = "untrained", (f"typical items: {n_training} answers are enough to learn from, but there is no "
                                       "model yet; uncertain items follow after wb.finetune()")
        with self._lock:
            self.why = why
            changed, self._phase = self._phase not in (None, phase), phase
        if changed:
            self._notify(f"The queue now asks for {why}.")
        return "margin" if phase == "uncertain" else "typiclust"

    def uses_embeddings(self, strategy: str | Strategy | None, queue: Queue, lineage: Lineage) -> bool:
        """Whether the strategy takes embeddings, so that some should be at hand."""
        if strategy == "random":
            return False
        name = self.default(queue, lineage) if strategy is None else strategy
        return "embeddings" in inputs_of(strategy_named(name) if isinstance(name, str) else name)

    def select(self, strategy: str | Strategy | None, *, queue: Queue, lineage: Lineage, annotator: str, n: int,
               taken: Collection[int], answered: AnswersSoFar, seed: int) -> Choice:
        """Choose the order of the items that are open for an annotator. May take a second: hold no lock.

        Parameters
        ----------
        strategy : str or callable, optional
            A name, a function of `strategies.INPUTS`, or "random"; the default otherwise.
        queue : Queue
        lineage : Lineage
        annotator : str
        n : int
            How many items are wanted.
        taken : collection of int
            Positions on screens now: not to be chosen, and treated as answered.
        answered : callable
            Returns (position, index of the label among today's) of every answer.
        seed : int

        Returns
        -------
        Choice

        Raises
        ------
        BadInput
            If there is no such strategy, or it requires an input that doesn't exist.
        """
        if strategy == "random":
            return Choice("random", None)
        name = self.default(queue, lineage) if strategy is None else strategy
        function = strategy_named(name) if isinstance(name, str) else name
        if inputs_of(function) == {"probs": True} and (not isinstance(name, str) or name in BY_ROW):
            return Choice(*self.ranking.scores(name, lineage))
        scores = self._compared(function, queue=queue, lineage=lineage, annotator=annotator, n=n, taken=taken,
                                answered=answered, seed=seed)
        if scores is not None:
            return Choice(name if isinstance(name, str) else getattr(function, "__name__", "custom"), scores)
        if strategy is None and self.ranking.predictions is not None:
            # Without embeddings: the items of which a weak model is least certain are much alike.
            return Choice(*self.ranking.scores("margin", lineage), by_chance=True)
        return Choice("random", None)

    def _compared(self, function: Strategy, *, queue: Queue, lineage: Lineage, annotator: str, n: int,
                  taken: Collection[int], answered: AnswersSoFar, seed: int) -> Scores | None:
        """Scores over the pool by a strategy that compares items; None where a required input is missing.

        They are made some way ahead and kept until fewer than n of the items are left: an order of typical or far items
        begins with what comes next, whatever is answered meanwhile.
        """
        inputs, predictions = inputs_of(function), self.ranking.predictions
        state = (len(queue.draws), lineage.today.version, None if predictions is None else predictions.model,
                 self.ranking.revision if "probs" in inputs else 0)
        open_ = queue.is_learnable(annotator)
        open_[list(taken)] = False
        with self._lock:
            former, scores = self._kept.get((function, annotator), (None, None))
            if former == state and scores is not None and int((open_ & ~np.isnan(scores)).sum()) >= max(1, n):
                return scores
            places = np.flatnonzero(open_)
            if "embeddings" in inputs and len(places) > MAX_COMPARED:
                places = np.sort(places[np.argpartition(queue.draws[places], MAX_COMPARED)[:MAX_COMPARED]])
            inputs_at = self._inputs(function, places, queue, lineage, taken, answered, max(n, AHEAD), seed)
            fresh = scores_of(function, inputs_at, n_items=len(places))
            if fresh is None or np.isnan(fresh).all():
                return None
            scores = np.full(len(queue.draws), np.nan, np.float32)
            scores[places] = fresh
            self._kept[function, annotator] = (state, scores)
            return scores

    def _inputs(self, function: Strategy, places: np.ndarray, queue: Queue, lineage: Lineage, taken: Collection[int],
                answered: AnswersSoFar, n: int, seed: int) -> dict[str, Callable[[], Any]]:
        n_labels = len(lineage.today.label_ids)

        def counts() -> np.ndarray:
            labels = [label for place, label in answered() if not queue.holdout[place] and not queue.gold[place]]
            return np.bincount(np.array(labels, np.int64), minlength=n_labels)

        def votes() -> np.ndarray:
            table = np.zeros((len(queue.draws), n_labels), np.float32)
            if answers := answered():
                np.add.at(table, tuple(np.array(answers).T), 1)
            return np.asarray(table[places])

        def labelled() -> np.ndarray | None:
            return self.embeddings(np.union1d(queue.training_positions(), np.array(sorted(taken), np.int64)))

        def probs() -> np.ndarray | None:
            if self.ranking.predictions is None:
                return None
            return (self.ranking.probs_by_family if function in BY_FAMILY else self.ranking.probs)(lineage, places)

        return {"probs": probs,
                "embeddings": lambda: self.embeddings(places), "labelled": labelled, "votes": votes, "counts": counts,
                "n": lambda: min(n, len(places)),
                "rng": lambda: np.random.default_rng([abs(seed), queue.n_training()])}


def check_strategy(strategy: Any) -> None:
    """Raise BadInput unless this is a known name, a function of `strategies.INPUTS`, or None."""
    if isinstance(strategy, str):
        if strategy != "random":
            strategy_named(strategy)
    elif callable(strategy):
        inputs_of(strategy)
    elif strategy is not None:
        raise BadInput(f"strategy is a {type(strategy).__name__}; a name or a function is expected.")
