"""The current answers, taxonomy, models and counts of a project, as tables and mappings.

`Standing` is the part of `Project` that only reads. Read `Standing.annotations` and `Standing.answers` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import events
from ..errors import BadInput
from ..items.pool import Pool
from ..quality.annotation_tables import history_table, label_rows, of_attribute, reasons_table, with_sets
from ..quality.object_consensus import consensus_objects
from ..quality.object_tables import STORED_COLUMNS as OBJECTS_STORED
from ..quality.object_tables import images_table, objects_table, reviewed_images
from ..quality.value_tables import STORED_COLUMNS, values_table
from ..records import OBJECT_TASKS, Decision, ObjectReason, PredictedValue, Prediction, check_annotator
from ..sampling.queue import Queue
from ..sampling.ranking import Ranking, likeliest, suggested_sets
from ..storage.log import Log
from ..taxonomy.attributes import Value
from ..taxonomy.history import Lineage, unknown_in
from ..taxonomy.label_sets import set_id
from ..taxonomy.labels import Taxonomy
from . import preview as preview_
from .answers import Answers, annotation_table
from .preview import LabelCounts
from .reference import Measuring, first_blind, measuring_rows, measuring_values
from .state import State, midnight
from .token_places import TokenPlaces


class Standing:
    """The read-only part of an open project: current answers and models. Safe for many threads.

    Attributes
    ----------
    folder : Path
    annotator : str
        The annotator when no other is named.
    log : Log
        The log of all events.
    state : State
        The state that follows from the log.
    ranking : Ranking
        The adopted model's predictions.
    settings : dict
        The folder's own settings.
    suggest_values : callable or None
        Position -> the attribute values to suggest; None without a model for them.
    """

    folder: Path
    log: Log
    state: State
    ranking: Ranking
    settings: dict[str, Any]
    suggest_values: Callable[[int], Mapping[str, PredictedValue]] | None
    _pool: Pool | None
    _now: Callable[[], datetime]

    @property
    def id(self) -> str:
        """The project's own random id, made once."""
        return self.log.id

    @property
    def annotator(self) -> str:
        """The annotator when no other is named."""
        raise NotImplementedError

    def who(self, annotator: str | None = None) -> str:
        """The name of an annotator, by default the project's, in the log: a number if the name was forgotten."""
        return self.log.who(check_annotator(annotator or self.annotator))

    @property
    def task(self) -> str:
        """The project's task: one of `records.TASKS`."""
        task: str = self.settings["task"]
        return task

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's taxonomy."""
        return self.lineage.today

    @property
    def lineage(self) -> Lineage:
        """Every version of the taxonomy."""
        return self.state.lineage

    @property
    def queue(self) -> Queue:
        """The queue of items, with who answered what."""
        return self.state.queue

    @property
    def absent(self) -> tuple[str, ...]:
        """Ids of answered items that aren't in the pool."""
        return self.state.absent

    @property
    def pool(self) -> Pool:
        """The items; BadInput if the project was opened without them."""
        if self._pool is None:
            raise BadInput(f"{self.folder} was opened without a pool, for reading; open it with its pool to do this.")
        return self._pool

    def require_pool(self) -> None:
        """Raise BadInput if the project was opened without its items."""
        self.pool  # noqa: B018

    @property
    def has_pool(self) -> bool:
        """Whether the project was opened with its items."""
        return self._pool is not None

    def prediction(self, position: int, ranking: Ranking | None = None) -> Prediction | None:
        """Read the current model's prediction of one item under today's labels; None where there is none.

        Parameters
        ----------
        position : int
        ranking : Ranking, optional
            Another model's predictions.
        """
        ranking = ranking or self.ranking
        with self.state.lock:
            if (predictions := ranking.predictions) is None:
                return None
            probs = ranking.probs(self.lineage, np.array([position]))
            label_ids, model = self.taxonomy.label_ids, predictions.model
            if ranking.multilabel:
                on = suggested_sets(probs, label_ids, ranking.thresholds)[0]
                chosen = set_id(label_id for label_id, one in zip(label_ids, on, strict=True) if one)
                return None if np.isnan(probs).all() else \
                    Prediction(str(self.pool.ids[position]), label_ids, probs[0], model, (chosen,))
            best = np.flatnonzero(likeliest(probs, ranking.families(self.lineage))[0])
        return Prediction(str(self.pool.ids[position]), label_ids, probs[0], model,
                          tuple(label_ids[column] for column in best)) if len(best) else None

    def predicted_values(self, position: int) -> Mapping[str, PredictedValue]:
        """The suggested attribute values of one item, by attribute id; empty without a model for them."""
        return {} if self.suggest_values is None or not self.taxonomy.attributes else self.suggest_values(position)

    def annotations(self, taxonomy: int | None = None) -> pd.DataFrame:
        """List the annotations, one row per item and annotator, under today's labels or those of an older version."""
        self.refresh()
        table = annotation_table(self.log, self.state, taxonomy)
        return table if self.task != "multilabel" else \
            with_sets(table, self.taxonomy if taxonomy is None else self.lineage.versions[taxonomy])

    def labels_table(self) -> pd.DataFrame:
        """List for each item, annotator and label whether it is on; see `Workbench.labels_table`."""
        if self.task in OBJECT_TASKS:
            raise BadInput("an image has objects in this project, each with a label; wb.objects() has them.")
        if self.task != "multilabel":
            raise BadInput(f"an item has one label at most in a project with task={self.task!r}; wb.annotations() has "
                           "it.")
        self.refresh()
        rows = label_rows(self.log.annotations(), self.lineage, every=True)
        rows = rows[~rows["decision_id"].isin(list(self.state.changed))].reset_index(drop=True)
        name_of = {label_id: self.taxonomy.name_of(label_id) for label_id in self.taxonomy.label_ids}
        table: pd.DataFrame = rows.assign(label=rows["label_id"].map(name_of).astype(object))[
            ["item_id", "annotator", "label", "value", "certainty"]]
        return table

    def values(self) -> pd.DataFrame:
        """List the current values of attributes; see `Workbench.values`."""
        self.refresh()
        return values_table(self.log.annotations(columns=STORED_COLUMNS), self.lineage, changed=self.state.changed)

    def objects(self, *, deleted: bool = False, consensus: bool = False) -> pd.DataFrame:
        """List the objects of the current answers; see `Workbench.objects`."""
        if self.task not in OBJECT_TASKS:
            raise BadInput(f"no objects are asked for in a project with task={self.task!r}; wb.annotations() has the "
                           "labels.")
        self.refresh()
        table = self.log.annotations(columns=OBJECTS_STORED)
        found = objects_table(table, self.lineage, deleted=deleted and not consensus, changed=self.state.changed,
                              spans=self.task == "spans")
        reviewed, sizes = reviewed_images(table, changed=self.state.changed)
        found.attrs["reviewed"], found.attrs["sizes"] = reviewed, sizes
        if self.task == "spans" and self._pool is not None:
            found.attrs["tokens"] = TokenPlaces(self._pool)
        # A consensus of several answers has no verdict.
        return consensus_objects(found.drop(columns="verdict"), sizes=sizes) if consensus else found

    def reference_objects(self) -> pd.DataFrame:
        """List the hold-out images against which models are measured, with the objects of one blind answer each.

        If no hold-out image was answered blind, the images with imported objects are listed.

        Returns
        -------
        DataFrame
            The columns of `Answers.reviewed_images`, a row for each image (`measuring_rows` chooses the answer), and
            source: "holdout", or "imported" if it isn't known what the author had seen.
        """
        with self.state.lock:
            self.refresh()
            answered = self.pool.ids[self.queue.holdout & self.queue.is_answered()].tolist()
            decided, source = list(self.log.events_of(answered)), "holdout"
            given = first_blind(decided, self.state.changed)
            if not given["seq"]:
                given, source = first_blind(decided, self.state.changed, imported=True), "imported"
            table = images_table(given, self.lineage, changed=self.state.changed)
            table = table[table["decision_id"].isin(measuring_rows(given, table["decision_id"], self.lineage))]
            table = table.reset_index(drop=True)
            return table.assign(position=self.pool.positions(table["item_id"].tolist()), source=source)

    def answers(self) -> Answers:
        """Read the current answers, under today's taxonomy, for consensus and for training."""
        with self.state.lock:
            self.refresh()
            return Answers(self.log, self.state, self._pool, task=self.task)

    def history(self) -> pd.DataFrame:
        """Every event in the order in which the log got it, one row each."""
        return history_table(self.log.events())

    def latest(self, n: int = 50, annotator: str | None = None) -> list[Decision]:
        """List the last n current decisions that an annotator made on a screen, the newest at the end."""
        return [events.decision_of(event) for event in
                self.log.latest(self.who(annotator), n)]

    def reasons(self) -> dict[str, list[Decision]]:
        """List the current decisions that mark a region of their item: item_id -> one decision per annotator.

        Regions that were marked on the map of an attribute don't concern labels and objects, and are left out.
        """
        marked: dict[str, list[Decision]] = {}
        for decision in self._judging():
            judged: list[Decision | ObjectReason] = [decision, *decision.reasons]
            regions = (region for one in judged for region in (one.wrong, one.missing))
            if any(regions) and of_attribute(decision.seen, self.lineage) is None:
                marked.setdefault(decision.item_id, []).append(decision)
        return marked

    def reasons_table(self) -> pd.DataFrame:
        """List people's feedback on explanations; see `Workbench.reasons`."""
        self.refresh()
        return reasons_table(self._judging(), self.lineage)

    def _judging(self) -> list[Decision]:
        """The current decisions that judge an explanation, without items whose content has changed."""
        return [events.decision_of(event) for event in self.log.judging() if event.id not in self.state.changed]

    def gold(self, *, whole: bool = False) -> dict[str, str]:
        """List the known answers that certainly mean one label of today: item_id -> label_id.

        Parameters
        ----------
        whole : bool
            Whether to leave out known sets of labels that were given before a label was added: they don't say whether
            it is on.
        """
        self.refresh()
        return {item_id: label for item_id, given in dict(self.state.gold).items()
                if (label := self.lineage.exactly(*given)) is not None
                and not (whole and unknown_in(*given, self.lineage))}

    def gold_values(self) -> dict[str, dict[str, Value]]:
        """List the known values that no edit made uncertain: item_id -> attribute id -> value under today's scales."""
        self.refresh()
        return {item_id: found for item_id in self.state.gold_values if (found := self.state.gold_values_of(item_id))}

    def reference(self) -> dict[str, str]:
        """List the reference labels: item_id -> today's label_id, for gold and hold-out items answered blind."""
        measuring = self.measuring()
        return {str(self.pool.ids[place]): label_id for place, label_id in (measuring.holdout | measuring.gold).items()}

    def measuring(self) -> Measuring:
        """List the items on which models are measured, by kind (hold-out, gold, imported), and how many are unsure."""
        with self.state.lock:
            self.refresh()
            return self.state.reference.measuring(self.lineage)

    def reference_values(self) -> pd.DataFrame:
        """List the attribute values against which models are measured: see `reference.measuring_values`.

        Returns
        -------
        DataFrame
            item_id, position, attribute_id, value, source ("gold", "holdout" or "imported").
        """
        with self.state.lock:
            self.refresh()
            gold = self.gold_values()
            answered = self.pool.ids[self.queue.holdout & self.queue.is_answered()].tolist()
            places = dict(zip(ids := [*answered, *gold], self.pool.positions(ids).tolist(), strict=True))
            return measuring_values(self.log.events_of(answered), {i: p for i, p in places.items() if p >= 0},
                                    self.lineage, changed=self.state.changed, gold=gold)

    def tally(self, annotator: str | None = None) -> dict[str, Any]:
        """Count an annotator's answers and the items of the queue.

        Returns
        -------
        dict
            answered (in all), today, in_round, open, items (of the pool), round, taxonomy (its version), holdout (how
            many answers measure).
        """
        annotator = self.who(annotator)
        with self.state.lock:
            self.refresh()
            answered, began = self.queue.n_closed(annotator), self.state.trained_at
            return {"answered": answered, "today": self.state.n_acted(annotator, midnight(self._now())),
                    "in_round": self.state.n_acted(annotator, began) if began else answered,
                    "open": self.queue.n_open(annotator), "items": len(self.pool), "round": self.round,
                    "taxonomy": self.taxonomy.version,
                    "holdout": len(self.state.reference.measuring(self.lineage).holdout)}

    def standing(self, item_ids: Iterable[str], annotator: str | None = None) -> dict[str, str]:
        """List an annotator's current decisions on some items: item_id -> decision id."""
        return self.log.standing_ids(item_ids, self.who(annotator))

    @property
    def round(self) -> int:
        """The number of the current round: 1 before the first fine-tuning, 2 after it, and so on."""
        with self.state.lock:
            self.refresh()
            return 1 + self.state.n_trained

    def refresh(self) -> None:
        """Apply what this or another process has stored since the last refresh."""
        self.state.refresh()

    def adopted(self) -> events.Event | None:
        """Read the last "adopted" event, from any process; None before the first."""
        with self.state.lock:
            self.refresh()
            return self.state.adopted

    def adopted_values(self) -> events.Event | None:
        """Read the last "adopted_values" event, from any process; None before the first."""
        with self.state.lock:
            self.refresh()
            return self.state.adopted_values

    def edits(self) -> pd.DataFrame:
        """Every edit of the taxonomy, one row each, the oldest first."""
        self.refresh()
        return preview_.edit_table(self.lineage)

    def counts(self) -> pd.DataFrame:
        """Count the answers, presumed labels and ambiguous answers of each label. Quick at any size."""
        self.require_pool()
        with self.state.lock:
            self.refresh()
            doubtful = self.state.label_index.doubtful(self.lineage)
            return preview_.count_table(self.lineage, self.state.label_index, [
                pair for place, pair in self.state.presumed_positions().items() if doubtful[place]])

    def label_counts(self) -> LabelCounts:
        """Count the answers of each of today's labels, including parents of other labels; empty without a pool."""
        with self.state.lock:
            self.refresh()
            return preview_.label_counts({} if self._pool is None else self.state.label_index.counts(), self.lineage)

    def _value_model(self) -> str | None:
        event = self.state.adopted_values
        return None if event is None else str(event.body["model"])

    def _measured(self) -> Mapping[str, Any] | None:
        event = self.state.adopted
        return None if event is None else event.body.get("out_of_fold")
