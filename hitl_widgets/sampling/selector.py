"""Selection of the strategy that orders the open items, and its scores.

A `Selector` passes a strategy its inputs, keeps the scores as long as they are valid, and changes from typical items to
uncertain ones once a model has learnt enough. Read `Selector.select` first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadInput
from ..taxonomy.history import Lineage
from .diversity import (
    MAX_WALKED,
    alike_below,
    diverse_margin,
    diverse_set_margin,
    diverse_spread,
    k_centre,
    near_duplicates,
    typiclust,
)
from .object_strategies import OfObjects, diverse_doubt
from .orders import best_of
from .queue import Queue
from .ranking import Ranking
from .strategies import BY_FAMILY, OVER_OBJECTS, OVER_SETS, OVER_VALUES, inputs_of, scores_of, strategy_named
from .uncertainty import BY_ROW, Scores, Strategy

# Typical items come until a model can learn from the answers: this many per label, and this many at most.
TYPICAL_PER_LABEL, TYPICAL_AT_MOST = 6, 300
# They end earlier once a model gets this share of held-out answers right, with at least this many per label.
RIGHT_ENOUGH, MEASURED_PER_LABEL = 0.6, 2
# If items may have several labels: the share whose whole set is right.
SETS_RIGHT_ENOUGH = 0.4
# If only values are asked: typical items come until this many have a value (two trainings in the background).
TYPICAL_OF_VALUES = 40
# If objects are asked for: typical images come until this many are answered. An image has many objects to learn from.
TYPICAL_OF_OBJECTS = 20
# Strategies that compare items with each other order this many items ahead, among this many random open ones.
AHEAD, MAX_COMPARED = 20, 10_000
# Largest number of times that a strategy chooses other items in place of near-duplicates.
TURNS = 4
CHOOSING: tuple[Strategy, ...] = (typiclust, k_centre, diverse_margin, diverse_set_margin, diverse_spread,
                                  diverse_doubt)

# Embeddings at some positions, rows of NaN where they aren't available; None if there are none at all.
EmbeddingsAt = Callable[[np.ndarray], "np.ndarray | None"]
# Out-of-fold results of the adopted model: "n", "right" and "loss"; None if they weren't measured.
Measured = Callable[[], "Mapping[str, Any] | None"]
# Predictive spread of the values of items with these descriptors; None without heads for attributes.
SpreadOf = Callable[[np.ndarray], "np.ndarray | None"]
# The answers so far: (position, index of the label among today's) of each.
AnswersSoFar = Callable[[], "list[tuple[int, int]]"]


class Choice(NamedTuple):
    """The order of the open items.

    Attributes
    ----------
    name : str
        Name of the strategy.
    scores : ndarray or None
        Scores of the pool's items; None for a random order.
    by_chance : bool
        Whether every second item is drawn at random all the same.
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

    Attributes
    ----------
    embeddings : callable
        Embeddings at some positions, for strategies that compare items.
    descriptors : callable
        Descriptors at some positions, for finding near-duplicates; they depend on the items' content alone.
    measured : callable
        Out-of-fold results of the adopted model.
    spread : callable
        Predictive spread of the values of items, from their `descriptors`.
    value_model : callable
        The version of the adopted heads for attributes, or None.
    over_values : callable
        Whether the project asks only for values. Strategies then use the spread of predicted values.
    over_objects : callable
        Whether the project asks for objects. Strategies then use the model's uncertainty about objects.
    objects : OfObjects or None
        Interface to the objects of the pool; None without any.
    """

    def __init__(self, ranking: Ranking, notify: Callable[[str], None]) -> None:
        self.ranking, self._notify = ranking, notify
        self.embeddings: EmbeddingsAt = lambda positions: None
        self.descriptors: EmbeddingsAt = lambda positions: None
        self.measured: Measured = lambda: None
        self.spread: SpreadOf = lambda rows: None
        self.value_model: Callable[[], str | None] = lambda: None
        self.over_values: Callable[[], bool] = lambda: False
        self.over_objects: Callable[[], bool] = lambda: False
        self.objects: OfObjects | None = None
        self.why = ""
        self._phase: str | None = None
        self._kept: dict[tuple[object, str], tuple[object, Scores]] = {}
        self._bar = (0, 0.0)  # the number of rows that it follows from, and the distance of near-duplicates
        self._lock = threading.RLock()

    def default(self, queue: Queue, lineage: Lineage) -> str:
        """Name of the default strategy: typical items first, later uncertain ones.

        The reason is stored in `why`, and `notify` is called when the strategy changes.
        """
        if self.over_values():
            return self._default_over_values(queue.n_training())
        if self.over_objects():
            return self._default_over_objects(queue.n_training())
        measured, has_model = self.measured() or {"n": 0, "right": 0}, self.ranking.predictions is not None
        phase, why = self._phase_of(len(lineage.today.label_ids), queue.n_training(), measured, has_model=has_model)
        with self._lock:
            if phase == "typical" and self._phase == "uncertain" and has_model and measured["n"]:
                phase, why = "uncertain", self.why  # doubtful items are harder: lower accuracy isn't less knowledge
        self._enter(phase, why)
        return "diverse_margin" if phase == "uncertain" else "typiclust"

    def _phase_of(self, n_labels: int, n_training: int, measured: Mapping[str, int], *, has_model: bool
                  ) -> tuple[str, str]:
        """The current phase and the reason for it.

        The phases are "typical", "uncertain", and "untrained": enough items are answered, but there is no model yet, so
        that typical items are still asked.
        """
        enough = min(TYPICAL_AT_MOST, TYPICAL_PER_LABEL * n_labels)
        right = measured["right"] / max(1, measured["n"])
        enough_right = SETS_RIGHT_ENOUGH if self.ranking.multilabel else RIGHT_ENOUGH
        good = right >= enough_right and measured["n"] >= min(TYPICAL_AT_MOST, MEASURED_PER_LABEL * n_labels)
        if has_model and (good or n_training >= enough):
            because = (f"it gets {right:.0%} of {measured['n']} answers right that it hadn't learnt" if good else
                       f"{n_training} items are answered ({TYPICAL_PER_LABEL} per label, at most {TYPICAL_AT_MOST})")
            return "uncertain", (
                f"uncertain items, where the model's two best {'sets of ' * self.ranking.multilabel}labels are close, "
                "and which are unlike each other: its "
                f"uncertainty is informative now that {because}")
        if n_training < enough:
            return "typical", (
                f"typical items until the model gets {enough_right:.0%} of the answers right that it hasn't learnt, or "
                f"{enough} are answered ({TYPICAL_PER_LABEL} per label, at most {TYPICAL_AT_MOST}; {n_training} so "
                "far): a model that knows little is uncertain about the wrong ones")
        return "untrained", (f"typical items: {n_training} answers are enough to learn from, but there is no model "
                             "yet; uncertain items follow once one was learnt, in the background while wb.review() is "
                             "open, or by wb.finetune()")

    def _default_over_values(self, n_training: int) -> str:
        """Name of the default strategy in projects that ask only for values.

        Typical items come first; later, items whose values the model predicts with the largest spread.
        """
        if self.value_model() is not None and n_training >= TYPICAL_OF_VALUES:
            self._enter("uncertain", "items of whose values least is known, and which are unlike each other: "
                                     f"{n_training} items have some, from which values were learnt")
            return "diverse_spread"
        self._enter("typical", f"typical items until {TYPICAL_OF_VALUES} have values and some were learnt "
                               f"({n_training} so far): before that, an item of which little is known is an outlier")
        return "typiclust"

    def _default_over_objects(self, n_training: int) -> str:
        """Name of the default strategy in projects that ask for objects.

        Typical images come first; later, images on whose objects the model is least certain.
        """
        if self.objects is not None and self.objects.has_model and n_training >= TYPICAL_OF_OBJECTS:
            self._enter("uncertain", "items whose objects are least certain, and which are unlike each other: "
                                     f"{n_training} items are answered, and a model proposes objects")
            return "diverse_doubt"
        self._enter("typical", f"typical items until {TYPICAL_OF_OBJECTS} are answered and a model proposes objects "
                               f"({n_training} so far): before that, it is uncertain about the wrong ones")
        return "typiclust"

    def _enter(self, phase: str, why: str) -> None:
        """Store the current phase and its reason, and notify if the phase has changed."""
        with self._lock:
            self.why = why
            changed, self._phase = self._phase not in (None, phase), phase
        if changed:
            self._notify(f"The queue now asks for {why}.")

    def _named(self, strategy: str | Strategy | None, queue: Queue, lineage: Lineage) -> str | Strategy:
        """The strategy to use: the given one or the default; for values or objects, its counterpart for these."""
        name = self.default(queue, lineage) if strategy is None else strategy
        if not isinstance(name, str):
            return name
        over = OVER_VALUES if self.over_values() else OVER_OBJECTS if self.over_objects() else {}
        return over.get(name, name)

    def _function(self, name: str) -> Strategy:
        """The strategy with this name, or its counterpart for sets of labels if an item may have several."""
        function = strategy_named(name)
        return OVER_SETS.get(name, function) if self.ranking.multilabel else function

    def uses_embeddings(self, strategy: str | Strategy | None, queue: Queue, lineage: Lineage) -> bool:
        """Whether the strategy needs embeddings, so that some should be ready."""
        if strategy == "random":
            return False
        name = self._named(strategy, queue, lineage)
        inputs = inputs_of(self._function(name) if isinstance(name, str) else name)
        return inputs.get("embeddings", False) or inputs.get("spread", False)

    def select(self, strategy: str | Strategy | None, *, queue: Queue, lineage: Lineage, annotator: str, n: int,
               taken: Collection[int], answered: AnswersSoFar, seed: int, beside: Collection[int] = ()) -> Choice:
        """Choose the order of the items that are open for an annotator. It may take a second, so don't hold a lock.

        Parameters
        ----------
        strategy : str or callable, optional
            A name, "random", or a function with arguments from `strategies.INPUTS`. None for the default.
        queue : Queue
        lineage : Lineage
        annotator : str
        n : int
            How many items are wanted.
        taken : collection of int
            Positions of items that are on somebody's screen now. They aren't chosen, and count as answered.
        answered : callable
            Returns (position, index of the label among today's) of every answer: see `Answers.labelled`.
        seed : int
        beside : collection of int
            Positions of items that are asked together with the chosen ones, such as those of the audit.

        Returns
        -------
        Choice
            If a built-in strategy orders the items by a model or by embeddings, near-duplicates come last: of the first
            items in the order, of `taken`, and of `beside`.

        Raises
        ------
        BadInput
            If there is no such strategy, or it requires an input that doesn't exist.
        """
        if strategy == "random":
            return Choice("random", None)
        name = self._named(strategy, queue, lineage)
        function = self._function(name) if isinstance(name, str) else name
        if inputs_of(function) == {"probs": True} and (not isinstance(name, str) or name in BY_ROW):
            label, scores = self.ranking.scores(name, lineage)
            return Choice(label, self._apart(scores, name, queue, annotator, n, [*taken, *beside]))
        scores = self._compared(function, queue=queue, lineage=lineage, annotator=annotator, n=n, taken=taken,
                                answered=answered, seed=seed)
        if scores is not None:
            return Choice(name if isinstance(name, str) else getattr(function, "__name__", "custom"),
                          self._apart(scores, name, queue, annotator, n, [*taken, *beside]))
        if strategy is None and self.ranking.predictions is not None:
            # There are no embeddings to avoid similar items, and a weak model is least certain of items that are alike.
            return Choice(*self.ranking.scores("margin", lineage), by_chance=True)
        return Choice("random", None)

    # 13 branches: each input that a strategy may ask for adds to what its kept scores depend on.
    def _compared(self, function: Strategy, *, queue: Queue, lineage: Lineage, annotator: str, n: int,
                  taken: Collection[int], answered: AnswersSoFar, seed: int) -> Scores | None:
        """Scores of the pool's items by a strategy that compares items with each other, such as "typiclust".

        More items than needed are scored. The scores are kept until fewer than n scored items are left, or the model or
        the taxonomy changes. New answers change them only for strategies that use the answers on objects ("contested"
        or "corrected" among their inputs). Returns None if an input that the strategy requires is missing, or if no
        item has a score.
        """
        inputs, predictions = inputs_of(function), self.ranking.predictions
        state = (len(queue.draws), lineage.today.version, None if predictions is None else predictions.model,
                 self.ranking.revision if "probs" in inputs else 0,
                 self.value_model() if "spread" in inputs else None,
                 None if self.objects is None or inputs.keys().isdisjoint(("doubt", "contested", "corrected")) else
                 self.objects.state(of_answers="doubt" not in inputs))
        open_ = queue.is_learnable(annotator)
        open_[list(taken)] = False
        with self._lock:
            former, scores = self._kept.get((function, annotator), (None, None))
            if former == state and scores is not None and int((open_ & ~np.isnan(scores)).sum()) >= max(1, n):
                return scores
            few = "embeddings" in inputs or "spread" in inputs
            places = np.sort(queue.first_ahead(open_, MAX_COMPARED)) if few else np.flatnonzero(open_)
            def scores_at(places: np.ndarray, asked: Collection[int], n: int) -> Scores | None:
                inputs_at = self._inputs(function, places, queue, lineage, asked, answered, n, seed)
                return scores_of(function, inputs_at, n_items=len(places))
            scores = self._in_turns(scores_at, places, taken, max(n, AHEAD), queue.draws) \
                if function in CHOOSING else \
                _placed(scores_at(places, taken, max(n, AHEAD)), places, len(queue.draws))
            if scores is None or np.isnan(scores).all():
                return None
            self._kept[function, annotator] = (state, scores)
            return scores

    def _in_turns(self, scores_at: Callable[[np.ndarray, Collection[int], int], Scores | None], places: np.ndarray,
                  taken: Collection[int], n: int, draws: np.ndarray) -> Scores | None:
        """Scores with n or more items that aren't near-duplicates of each other, chosen in several turns if necessary.

        If the pool has many near-duplicates, a strategy may choose some of them. These come last. In the next turn the
        strategy chooses among the other items, without those that are like the chosen ones.
        """
        chosen: list[int] = []
        late: list[int] = []
        for _ in range(TURNS):
            fresh = scores_at(places, [*taken, *chosen], n - len(chosen))
            if fresh is None:
                return None
            some = np.flatnonzero(~np.isnan(fresh))
            some = some[np.lexsort((draws[places[some]], -fresh[some]))]
            rest = np.setdiff1d(np.arange(len(places)), some)
            marked = self._marked(places[np.concatenate([some, rest[:MAX_WALKED]])], [*taken, *chosen], len(some))
            alike = np.zeros(len(places), np.bool_)
            alike[np.concatenate([some, rest[:MAX_WALKED]])] = marked
            chosen += places[some[~alike[some]]].tolist()
            late += places[some[alike[some]]].tolist()
            places = places[rest[~alike[rest]]]
            if len(chosen) >= n or not len(places):
                break
        order = np.array([*chosen, *late], np.int64)
        return _placed(np.arange(len(order), 0, -1, dtype=np.float32), order, len(draws))

    def _apart(self, scores: Scores | None, name: str | Strategy, queue: Queue, annotator: str, n: int,
               near: Collection[int]) -> Scores | None:
        """Lower the scores of near-duplicates (of items with a higher score, or of `near`) below all other scores."""
        if scores is None or name in ("disagreement", "contested") or not isinstance(name, str):
            return scores
        places = queue.is_learnable(annotator) & ~np.isnan(scores)
        line = best_of(places, scores, MAX_WALKED, tie_break=queue.draws)
        late = line[self._marked(line, near, n)]
        if not len(late):
            return scores
        lowered = np.array(scores, np.float32)
        lowered[late] -= np.ptp(scores[places]) + 1
        return lowered

    def _marked(self, line: np.ndarray, near: Collection[int], n: int) -> np.ndarray:
        """Mark the items in `line` (the best first) that are near-duplicates of its first n items or of `near`."""
        rows = self.descriptors(line)
        if rows is None or not rows.shape[1]:
            return np.zeros(len(line), np.bool_)
        with self._lock:
            n_known = int((~np.isnan(rows[:, 0])).sum())
            if n_known >= 2 * self._bar[0]:
                self._bar = (n_known, alike_below(rows[np.argsort(line)]))
            bar = self._bar[1]
        beside = self.descriptors(np.array(sorted(set(near)), np.int64))
        return near_duplicates(rows, rows[:0] if beside is None else beside, n=n, bar=bar)

    def _inputs(self, function: Strategy, places: np.ndarray, queue: Queue, lineage: Lineage, taken: Collection[int],
                answered: AnswersSoFar, n: int, seed: int) -> dict[str, Callable[[], Any]]:
        n_labels = len(lineage.today.label_ids)

        def counts() -> np.ndarray:
            labels = [label for place, label in answered() if not queue.holdout[place] and not queue.gold[place]]
            return np.bincount(np.array(labels, np.int64), minlength=n_labels)[:n_labels]

        def votes() -> np.ndarray:
            table = np.zeros((len(queue.draws), (1 + self.ranking.multilabel) * n_labels), np.float32)
            if answers := answered():
                np.add.at(table, tuple(np.array(answers).T), 1)
            return np.asarray(table[places])

        def labelled() -> np.ndarray | None:
            return self.embeddings(answered_places())

        def answered_places() -> np.ndarray:
            return np.union1d(queue.training_positions(), np.array(sorted(taken), np.int64))

        def probs() -> np.ndarray | None:
            if self.ranking.predictions is None:
                return None
            return (self.ranking.probs_by_family if function in BY_FAMILY else self.ranking.probs)(lineage, places)

        def spread() -> np.ndarray | None:
            rows = self.descriptors(places)
            return None if rows is None else self.spread(rows)

        of = self.objects
        return {"probs": probs, "spread": spread,
                "doubt": lambda: None if of is None else of.doubt(places),
                "contested": lambda: None if of is None else of.contested(places),
                "corrected": lambda: None if of is None else of.corrected(answered_places()),
                "embeddings": lambda: self.embeddings(places), "labelled": labelled, "votes": votes, "counts": counts,
                "n": lambda: min(n, len(places)),
                "rng": lambda: np.random.default_rng([abs(seed), queue.n_training()])}


def _placed(scores: Scores | None, places: np.ndarray, n_items: int) -> Scores | None:
    """Expand the scores of some items to the whole pool, with NaN for all other items."""
    if scores is None:
        return None
    placed = np.full(n_items, np.nan, np.float32)
    placed[places] = scores
    return placed


def check_strategy(strategy: Any) -> None:
    """Raise BadInput unless this is a known name, a function of `strategies.INPUTS`, or None."""
    if isinstance(strategy, str):
        if strategy != "random":
            strategy_named(strategy)
    elif callable(strategy):
        inputs_of(strategy)
    elif strategy is not None:
        raise BadInput(f"strategy is a {type(strategy).__name__}; a name or a function is expected.")
