"""The interface of a project for widgets and simulated annotators. Start with `Session`.

A `Project` has no model. A `Session` is made with functions that call one (`ModelAccess`). It computes predictions and
image features ahead, for the items that the queue considers next, within a time budget.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import HitlError, ModelError
from ..items.features import AvailableFeatures
from ..items.images import thumbnail_in
from ..items.pool import Pool
from ..items.reading import fetch_ahead
from ..quality.label_errors import SECOND_LOOK, SuspectedErrors
from ..records import (
    OBJECT_TASKS,
    Attribution,
    Bars,
    Decision,
    Item,
    Items,
    LearningState,
    PredictedValue,
    Prediction,
    Proposal,
    Seen,
    check_annotator,
    no_bars,
)
from ..sampling.selector import MAX_COMPARED, check_strategy
from ..sampling.uncertainty import Strategy
from ..storage.roles import NEEDS
from ..taxonomy.labels import Taxonomy
from . import team
from .earlier import EarlierTexts
from .evidence import is_of_attribute, is_of_object, seen_of
from .forgetting import write_archive
from .given_objects import seen_of_objects
from .guideline import Guideline, guideline_of
from .project import Project
from .shown_objects import Shown, shown
from .threads import Thread, Threads
from .threads import entry as thread_entry

SECOND_LOOK_QUEUE = "second_look"
IMPORTER = "import"  # author of imported answers without an annotator
# Number of open items that are predicted before the queue is ordered, the limit in seconds, and a shorter limit while a
# person waits in front of the card. The next call continues from there.
PREDICTED_AHEAD, AHEAD_S, WAITING_S = 1_024, 5.0, 0.8
# Number of items whose files are fetched from a remote pool to order the queue; others are fetched on request.
FETCHED_AHEAD = 256
# Number of times that the next items are predicted, since a prediction may route an item to somebody else.
N_SETTLED = 8
# Maximum number of answered items, the latest ones, that a strategy over embeddings gets.
LATEST_ANSWERED = 2_048
# Without a person's own net, the first typical items may take longer, once, while the descriptors are fitted.
FEATURES_S = 3.0
# From this pool size on, ordering alone takes long: the first items are drawn at random unless descriptors are ready
# within this time.
MANY, FEATURES_OF_MANY_S = 1_000_000, 0.2
# Maximum number of seconds that a simulated annotator waits for the descriptors of all items.
DESCRIBED_S = 600.0


class ModelAccess(NamedTuple):
    """The functions through which a session uses the adopted model; all may be called on any thread.

    Parameters
    ----------
    predict : callable
        Predicts the items at some positions and stores the result.
    embeddings : callable
        Embeddings of the items at some positions by the person's own net, NaN where they aren't computed yet; None if
        no net of theirs is adopted.
    explain : callable
        Computes the attribution of one item, from position, method, target and against (label ids).
    label_errors : callable
        Lists every answer with the probability that it is right.
    follow : callable
        Takes in what other processes stored, and a model that one of them adopted; quick if there is nothing new.
    describe : callable
        Descriptors of the items at some positions, computed where they are missing; the first call may take seconds.
    """

    predict: Callable[[np.ndarray], None]
    embeddings: Callable[[np.ndarray], np.ndarray | None]
    explain: Callable[[int, str, str, str | None], Attribution | None]
    label_errors: Callable[[], SuspectedErrors]
    follow: Callable[[], None]
    describe: Callable[[np.ndarray], np.ndarray]


class Learns(Protocol):
    """Protocol of background learning, as far as a session needs it."""

    @property
    def state(self) -> LearningState:
        """The state of background learning; quick, on any thread."""


class Session:
    """The part of a project that widgets and simulated annotators use. Safe for many threads.

    Parameters
    ----------
    project : Project
        The project.
    model : ModelAccess
        Access to the adopted model.
    pool : Pool, optional
        Its items; None if it was opened without them, for reading and for taxonomy edits.
    annotator_is_default : bool
        Whether the annotator's name is a placeholder, so that the card asks for one.
    bars : Bars
        Progress bars of a simulated annotator.

    Attributes
    ----------
    learns : Learns or None
        Background learning; None as long as it is off.
    """

    def __init__(self, project: Project, model: ModelAccess, *, pool: Pool | None = None,
                 annotator_is_default: bool = False, bars: Bars = no_bars) -> None:
        self.project, self.annotator_is_default, self.bars = project, annotator_is_default, bars
        self._model = model
        self.learns: Learns | None = None
        self._simulations: Counter[tuple[str, int]] = Counter()
        group = project.settings.get("group")
        self._earlier = EarlierTexts(pool, group) if group and pool is not None and pool.kind == "text" else None
        if pool is not None:
            self._features = AvailableFeatures(len(pool), embeddings=model.embeddings, describe=model.describe)
            project.selector.embeddings = self._features.get
            project.selector.descriptors = self._features.descriptors

    @property
    def project_id(self) -> str:
        """The project's own random id."""
        return self.project.id

    @property
    def annotator(self) -> str:
        """The annotator when no other is named."""
        return self.project.annotator

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's taxonomy."""
        return self.project.taxonomy

    @property
    def task(self) -> str:
        """The project's task: one of `records.TASKS`."""
        return self.project.task

    @property
    def pool(self) -> Pool:
        """All the items."""
        return self.project.pool

    def rename_annotator(self, name: str) -> None:
        """Change the annotator's name; earlier decisions keep the earlier name."""
        self.project.annotator = check_annotator(name)
        self.annotator_is_default = False

    @property
    def learning(self) -> LearningState:
        """The state of background learning; listeners get "learning" when it changes."""
        if self.learns is None:
            return LearningState("off", self.project.queue.n_training() if self.project.has_pool else 0)
        return self.learns.state

    def close(self) -> None:
        """End the thread that computes descriptors."""
        if self.project.has_pool:
            self._features.stop()

    # -- other people's acts

    def follow(self) -> None:
        """Read and apply what others stored: decisions, taxonomy edits, adopted models. Listeners are notified."""
        self._model.follow()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Context manager: read what others stored, like `follow`; in the block this thread doesn't read it again.

        What others store meanwhile is taken in afterwards; see `State.one_look`.
        """
        with self.project.state.one_look():
            self.follow()
            yield

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard`, on another thread, when somebody stores something, if the log can notify; see `Log.listen`."""
        return self.project.listen(heard)

    @property
    def news(self) -> Sequence[str]:
        """What others did while this project was open, a sentence each, the latest at the end."""
        return self.project.news

    # -- consent and notices

    @property
    def purpose(self) -> str | None:
        """What the project is for, as its owner put it; None where nothing was said."""
        return self.project.state.policy.get("purpose")

    def about(self, annotator: str | None = None) -> Mapping[str, Any] | None:
        """The public facts about the project: purpose, owner, names, takes_part; None if nothing was set."""
        return self.project.people.about(self.project.who(annotator))

    def asks_consent(self, annotator: str | None = None) -> Mapping[str, Any] | None:
        """The question to a person before they get planted suggestions: `to`, `text` and `policy`, or None."""
        return self.project.people.asks_consent(self.project.who(annotator))

    def consent(self, to: str, yes: bool, *, policy: str | None = None, id: str | None = None,
                annotator: str | None = None, acted_at: datetime | None = None) -> None:
        """Store a person's yes or no to the question of `asks_consent`; they can say no at any time."""
        self.project.people.consent(to, yes, self.project.who(annotator), policy=policy, id=id, acted_at=acted_at)

    def own_labels(self, annotator: str | None = None) -> Sequence[str]:
        """The label_ids of today's labels that are assigned to a person: the card offers them first."""
        return self.project.state.assignments.labels_of(annotator or self.annotator)

    def notices(self, annotator: str | None = None) -> Sequence[Mapping[str, Any]]:
        """The unread notices of a person, the latest at the end; nobody else's card shows them."""
        return self.project.people.notices(self.project.who(annotator))

    def dismiss(self, notice: str, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> None:
        """Mark a notice as read."""
        self.project.people.dismiss(notice, self.project.who(annotator), id=id, acted_at=acted_at)

    def end_sitting(self, annotator: str | None = None) -> None:
        """Tell a person which suggestions had been planted since the last such notice."""
        self.project.people.end_sitting(self.project.who(annotator))

    # -- the queue

    def peek(self, n: int, *, strategy: str | Strategy | None = None, annotator: str | None = None,
             queue: str | None = None) -> Items:
        """The next n items of a queue, best first, without claiming them."""
        self.follow()
        if queue == SECOND_LOOK_QUEUE:
            self.update_second_looks()
        self._predict_ahead("random" if queue else strategy, annotator, AHEAD_S)
        if queue == SECOND_LOOK_QUEUE and n > 0:
            self.tell_whose_second_looks(annotator)
        self._settle_who(n, queue, strategy=strategy, annotator=annotator)
        return self.project.next(n, strategy=strategy, annotator=annotator, queue=queue)

    def claim(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """The next n items of a queue, claimed for an annotator for a quarter of an hour.

        They aren't claimed for a person whose role doesn't allow answers.
        """
        self.follow()
        if queue == SECOND_LOOK_QUEUE and self.project.second_looks is None:
            self.update_second_looks()
        self._predict_ahead("random" if queue else strategy, annotator, WAITING_S)
        if queue is None and (ahead := self.project.hidden_tests.ahead(self.project.who(annotator))):
            self._prepare(ahead)
        self._settle_who(n, queue, strategy=strategy, annotator=annotator, showing=showing)
        who = annotator or self.annotator
        holds = who != self.annotator or self.project.state.roles.allows(who, NEEDS["decided"])
        choose = self.project.claim if holds else self.project.next
        return choose(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def _settle_who(self, n: int, queue: str | None, **asked: Any) -> None:
        """Predict the next items if assignments are by label, so that the suggestion decides whom an item is asked."""
        predictions = self.project.ranking.predictions
        if predictions is None or queue == SECOND_LOOK_QUEUE or not self.project.state.assignments.by_label:
            return
        for _ in range(N_SETTLED):
            items = self.project.next(n, queue=queue, **asked)
            missing = predictions.missing(np.array([item.position for item in items], np.int64))
            if not len(missing):
                return
            self.predict(missing, budget_s=WAITING_S)

    def describe(self, most: int = 10_000) -> None:
        """Have the descriptors of all items computed, for local pools of up to `most` items that need them."""
        if len(self.pool) <= most and not self.pool.remote and self._model.embeddings(np.arange(1)) is None:
            self._features.prepare(np.arange(len(self.pool)), budget_s=DESCRIBED_S)

    def release(self, item_ids: Iterable[str], annotator: str | None = None) -> None:
        """Give claimed items back. If the log can't be written, their claims run out by themselves."""
        with suppress(HitlError):
            self.project.log.release(list(item_ids), self.project.who(annotator))

    def update_second_looks(self) -> SuspectedErrors:
        """Update the probability that each answer is right, which the second-look queue uses."""
        self.project.second_looks = looks = self._model.label_errors()
        return looks

    def tell_whose_second_looks(self, annotator: str | None = None) -> None:
        """Notify if answers may be wrong but none is asked of this annotator, since their authors come first."""
        looks, annotator = self.project.second_looks, self.project.who(annotator)
        if looks is None or self.waiting(SECOND_LOOK_QUEUE, annotator):
            return
        authors = looks.frame.loc[looks.frame["chosen_by"] != SECOND_LOOK, "annotator"]
        if (n := int((authors != annotator).sum())) == 0:
            return
        why = f"{annotator} is asked for no second look: of the answers of others {n:,} may be wrong " \
              "(wb.people.second_looks() lists them), and each is asked of its author first."
        if annotator != IMPORTER and (imported := int((authors == IMPORTER).sum())):
            why += f" The author of {imported:,} is {IMPORTER!r}: open the project with annotator={IMPORTER!r} to be " \
                   "asked about these."
        self.project.notify(why)

    # -- what the screen shows

    def prepare(self, items: Iterable[Item]) -> None:
        """Compute missing predictions of these items, if there is a model; remote items only if fetched already."""
        self._prepare([item.position for item in items])

    def _prepare(self, positions: Sequence[int]) -> None:
        if self.pool.remote:
            positions = np.array(positions, np.int64)[self.pool.at_hand(positions)].tolist()
        if self.project.ranking.predictions is not None:
            self.predict(np.array(positions, np.int64))
        elif self.project.propose is not None:
            self._model.predict(np.array(positions, np.int64))

    def prediction(self, position: int) -> Prediction | None:
        """The prediction of one item, computed if needed; None without a model, or for an unreadable item."""
        if self.project.ranking.predictions is None:
            return None
        self.predict(np.array([position], np.int64))
        return self.project.prediction(position)

    def explanation(self, position: int, *, method: str, target: str, against: str | None = None
                    ) -> Attribution | None:
        """The attribution of one item for `target` (a label_id), perhaps compared with `against`; None without a model.

        The target may also be an attribute's id, to explain what increases its value or makes the suggested choice more
        probable. An attribute's id followed by "=" and a choice explains that choice. "object:" followed by the id of a
        proposal explains an object.
        """
        if is_of_object(target):
            return None if self.project.propose is None else self._model.explain(position, method, target, against)
        of_value = is_of_attribute(target, self.taxonomy)
        if self.project.state.adopted_values is None if of_value else self.project.ranking.predictions is None:
            return None
        return self._model.explain(position, method, target, against)

    def earlier(self, position: int) -> list[tuple[str, str]]:
        """List up to five earlier texts of the same group: ids and beginnings, the nearest last.

        Groups are those of the project's group column. Images have none.
        """
        return [] if self._earlier is None else self._earlier.of(position)

    def example(self, name: str, *, side: int = 96) -> bytes:
        """A small PNG of a label's example: an item of the pool, or an image file in the project's folder.

        Raises
        ------
        ItemError
            When it is neither, lies outside the folder, or can't be read.
        """
        if name in self.pool:
            return self.pool.thumbnail(self.pool.position(name), side=side)
        return thumbnail_in(self.project.folder, name, side)

    def proposals(self, position: int) -> Sequence[Proposal]:
        """The objects that the adopted model proposes for one item, best first; none without a model."""
        propose = self.project.propose
        return () if propose is None else propose(position)

    def shown_objects(self, item: Item, annotator: str | None = None) -> Shown:
        """The objects that an annotator is shown for an item: the proposals, or their own in a review."""
        return shown(self.project, item, self.project.who(annotator))

    def would_show(self, item: Item, annotator: str | None = None) -> Seen:
        """What a person would see of an item now."""
        if self.task in OBJECT_TASKS:
            return seen_of_objects(self.project, item, self.project.who(annotator))
        return seen_of(item, self.project.prediction(item.position), taxonomy=self.taxonomy.version,
                       values=self.predicted_values(item.position))

    def predicted_values(self, position: int) -> Mapping[str, PredictedValue]:
        """The suggested attribute values of one item, by attribute id; empty without a model for them."""
        return self.project.predicted_values(position)

    def item(self, item_id: str, annotator: str | None = None) -> Item:
        """One item outside the queue, to be revised by an annotator, as it was shown to them."""
        return self.project.asking.item(item_id, annotator)

    def standing(self, item_ids: Iterable[str], annotator: str | None = None) -> Mapping[str, str]:
        """The current decisions of an annotator on some items: item_id -> decision id."""
        return self.project.standing(item_ids, annotator)

    def latest(self, n: int = 50, annotator: str | None = None) -> list[Decision]:
        """The last n current decisions that an annotator made on a screen, the newest at the end."""
        return self.project.latest(n, annotator)

    def tally(self, annotator: str | None = None) -> Mapping[str, Any]:
        """Counts of one annotator: answered, today, in_round, open, items, round, taxonomy, holdout."""
        return self.project.tally(annotator)

    def waiting(self, queue: str, annotator: str | None = None) -> int:
        """Count the items of the queue "relabel" or "second_look" that an annotator is asked about."""
        return self.project.asking.waiting(queue, annotator)

    # -- acts

    def decide(self, item_id: Any, verdict: str | None = None, **what: Any) -> Decision:
        """Store an annotator's decision on an item; see `Workbench.decide`."""
        return self.project.decide(item_id, verdict, **what)

    def retract(self, decision_id: str, **what: Any) -> Decision:
        """Undo a decision; see `Workbench.retract`."""
        return self.project.retract(decision_id, **what)

    # -- who may do what

    def reading(self, annotator: str | None = None) -> str | None:
        """Why a person's card is read-only, in a sentence; None if it isn't."""
        return team.reading(self.project, annotator or self.annotator)

    def aside(self, annotator: str | None = None) -> str | None:
        """A sentence to a person about acts that were set aside; None if there are none."""
        return team.aside_in_words(self.project, annotator or self.annotator)

    def kept_aside(self, id: str, annotator: str | None = None) -> str | None:
        """Why an act that was stored was set aside, in a sentence; None if it wasn't."""
        return team.kept_aside(self.project, annotator or self.annotator) if self.project.is_aside(id) else None

    # -- questions and the guideline

    def threads(self, *, item_id: str | None = None, label_id: str | None = None, annotator: str | None = None
                ) -> list[dict[str, Any]]:
        """The questions that an annotator may read, the latest at the end, as plain JSON; see `threads.entry`.

        Questions about items that the annotator hasn't answered are left out, unless they wrote in them.
        """
        threads = Threads(self.project).visible_to(self.project.who(annotator), item_id=item_id, label=label_id)
        return [thread_entry(thread, self.project.lineage) for thread in reversed(threads)]

    def ask(self, text: str, *, item_id: str | None = None, label_id: str | None = None, **who: Any) -> Thread:
        """Ask about an item, a label (its id or name) or both; see `Threads.ask`."""
        return Threads(self.project).ask(text, item_id=item_id, label=label_id, **who)

    def reply(self, thread: str, text: str, **who: Any) -> Thread:
        """Answer a question; see `Threads.answer`."""
        return Threads(self.project).answer(thread, text, **who)

    def settle(self, thread: str, how: str = "none", *, label_id: str | None = None, text: str | None = None,
               **who: Any) -> Thread:
        """Settle a question, and add the answer to a label's guideline unless `how` is "none"; see `Threads.settle`.

        `how` is "sentence" (`text` is added to the definition), "none", or what `Threads.settle` takes.
        """
        into = {"none": None, "sentence": "definition"}.get(how, how)
        return Threads(self.project).settle(thread, into, label=label_id, text=text, **who)

    def guideline(self, label: str) -> Guideline:
        """The guideline of a label: definition, examples, edge cases, purpose of the project."""
        return guideline_of(self.project, label, self.annotator)

    def archive(self, path: Path, *, people: str = "names") -> Path:
        """Write the whole project into one file, its people by name or by pseudonym."""
        return write_archive(self.project, path, people=people)

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with the kind of each change, on the thread that made it; see `Project.subscribe`."""
        return self.project.subscribe(listener)

    def count_simulation(self, annotator: str, seed: int) -> int:
        """Count a simulation of this annotator, and return how many ran in this session before it."""
        self._simulations[annotator, seed] += 1
        return self._simulations[annotator, seed] - 1

    # -- predicting ahead

    def predict(self, positions: np.ndarray, *, budget_s: float | None = None, batch: int = 256,
                bars: Bars = no_bars) -> None:
        """Have the adopted model predict those of the items that it hasn't predicted yet.

        Parameters
        ----------
        positions : ndarray of int, shape (n_items,)
            The items.
        budget_s : float, optional
            Seconds after which no further batch begins.
        batch : int
            Maximum number of items per batch.
        bars : Bars
            Progress bars.

        Raises
        ------
        ModelError
            Without a model.
        """
        began = time.monotonic()
        predictions = self.project.ranking.predictions
        if predictions is None:
            raise ModelError("there is no model yet; pass model=... to the workbench, run wb.finetune(), or go on "
                             "labelling with wb.review(), which learns one from some 20 answers.")
        missing = predictions.missing(positions)
        # A small first batch shows how long one item takes, so that a large net keeps to its budget too.
        n, done = (batch if budget_s is None else 8), 0
        with bars(len(missing), title="Predicting") as advance:
            while done < len(missing):
                some = missing[done:done + n]
                fetch_ahead(self.pool, missing[done:done + 2 * n].tolist())
                self._model.predict(some)
                advance(len(some))
                done += n
                if budget_s is not None:
                    spent = time.monotonic() - began
                    if spent >= budget_s:
                        return
                    n = int(min(batch, max(8, done * (budget_s - spent) / spent)))

    def _predict_ahead(self, strategy: str | Strategy | None, annotator: str | None, budget_s: float) -> None:
        """Predict enough open items to order them by uncertainty, since a new model has predicted only few."""
        check_strategy(strategy)
        self.project.require_pool()
        project, has_model = self.project, self.project.ranking.predictions is not None
        n_ahead = FETCHED_AHEAD if self.pool.remote else PREDICTED_AHEAD
        if strategy != "random" and has_model:
            self.predict(self._here(project.asking.unforeseen(n_ahead, annotator)), budget_s=budget_s)
        if strategy == "random":
            return
        first = project.queue.sample_learnable(n_ahead, self.project.who(annotator))
        if project.object_scores.has_model:
            project.object_scores.ahead(self._here(first), budget_s, self._model.predict)
        if not project.selector.uses_embeddings(strategy, project.queue, project.lineage):
            self._features.prepare(first, budget_s=0)  # to keep near-duplicates out of a batch
            return
        answered = project.queue.training_positions()[-LATEST_ANSWERED:]
        if has_model:
            self.predict(self._here(answered), budget_s=budget_s)
        has_embeddings = self._model.embeddings(first) is not None
        longest_s = max(budget_s, FEATURES_S) if len(self.pool) < MANY else FEATURES_OF_MANY_S
        self._features.prepare(np.union1d(answered, first), budget_s=0 if has_embeddings else longest_s,
                               then=None if has_embeddings or self.pool.remote else
                               project.queue.sample_learnable(MAX_COMPARED, self.project.who(annotator)))

    def _here(self, positions: np.ndarray) -> np.ndarray:
        """Return the items whose files are on this computer; the files of the others are fetched in the background."""
        if not self.pool.remote:
            return positions
        self.pool.fetch_ahead(positions.tolist())
        return positions[self.pool.at_hand(positions)]
