"""What does a person hold in their hands? One object: `Workbench`.

It wires the project (log, queue, taxonomy) to learning and to the views, importing each when it is first used.
"""

from __future__ import annotations

import getpass
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd

from .errors import BadInput, ModelError
from .items.images import thumbnail_in
from .items.looks import Looks
from .items.pool import Pool
from .project.importing import import_annotations
from .project.project import SHOWN_PROBS, Project
from .project.relabel import by_doubt
from .quality.label_errors import SECOND_LOOK, SecondLooks
from .records import Attribution, Decision, Item, Items, Prediction, Region, Seen, check_annotator
from .sampling.queue import AUDIT_SHARE
from .sampling.selector import check_strategy
from .sampling.uncertainty import Strategy
from .storage import archive as archive_
from .taxonomy.labels import Taxonomy

if TYPE_CHECKING:
    from .explain.explanations import Explanations
    from .learn.registry import Shelf
    from .learn.run import Run
    from .learn.train import LabelledImages
    from .project.auto_label import Presumption
    from .project.impact import Applied, Preview
    from .quality.calibration import Calibration
    from .report.flips import Flips
    from .report.progress import Progress
    from .widgets.card import Review
    from .widgets.editor import TaxonomyEditor
    from .widgets.ipyannotations.labeller import LabellerReview
    from .widgets.triage import Triage

W = TypeVar("W", "TaxonomyEditor", "Triage")

# The user name of every account on Binder and in Jupyter's own images: it names nobody.
NOBODY = "jovyan"
# So many open items are predicted before the queue is ordered, unless that takes longer than so many seconds; less
# where somebody sits before the card. The next time goes on from there.
FORESEEN, FORESEEN_S, WAITED_FOR_S = 1_024, 5.0, 0.8
# What a strategy over embeddings sees of the answered items: so many of them, at most.
RECALLED = 2_048
# Without a model typical items are worth a longer wait, once: the first answers of all.
LOOKED_FOR_S = 3.0


class Workbench:
    """A project with its pool, its taxonomy, its model and whoever is labelling.

    Parameters
    ----------
    folder : the project's folder; made when it isn't there, gone on with when it is
    pool : `Pool`; None opens the project for reading and for taxonomy edits
    taxonomy : `Taxonomy` or a list of names; needed for a new project
    model : any torch.nn.Module that gives logits, one per label; it is copied, never changed. Without one the
        workbench labels all the same, and `finetune` trains a small CNN of its own
    preprocess : `Preprocess`, or a function from an image (uint8, H x W or H x W x 3) to a tensor; None chooses one
    device : "auto", "cpu", "cuda", "mps", or whatever torch.device takes
    head : name of the model's last layer among ``model.named_modules()``, where the last nn.Linear isn't it: what it
        reads is an item's embedding, and when the taxonomy changes it is given other outputs
    annotator : who is labelling; None takes JupyterHub's user, else the system's
    holdout, seed : share of the pool that only measures, never trains; drawn by a hash of seed and id: it never moves
    annotators_per_item : how many annotators are asked about each item
    audit : share of what people are asked, hold-out aside, that is drawn by chance whatever the strategy, so that error
        rates are those of the pool

    Raises
    ------
    TaxonomyMismatch, WrongPool, ItemChanged, ModelError, ReadOnly, LogDamaged, LogBusy
        When folder and arguments don't belong together, or the folder can't be used.

    Examples
    --------
    >>> import tempfile, numpy as np, hitl_widgets as hw
    >>> pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8), ids=["a", "b", "c"])
    >>> wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy(["cat", "dog"]), holdout=0)
    >>> wb.decide("a", label="cat").verdict
    'answer'
    """

    def __init__(self, folder: str | os.PathLike[str], pool: Pool | None = None,
                 taxonomy: Taxonomy | Sequence[str] | None = None, *, model: Any = None, preprocess: Any = None,
                 device: str = "auto", annotator: str | None = None, holdout: float = 0.2,
                 annotators_per_item: int = 1, seed: int = 0, head: str | None = None,
                 audit: float = AUDIT_SHARE) -> None:
        if not isinstance(folder, (str, os.PathLike)) or not os.fspath(folder):
            raise BadInput(f"folder is {folder!r}; the path of a folder for the project is expected.")
        if pool is not None and not isinstance(pool, Pool):
            raise BadInput(f"pool is a {type(pool).__name__}; make one with hw.Pool.from_images(...) or "
                           "hw.Pool.from_frame(...).")
        if taxonomy is not None and not isinstance(taxonomy, Taxonomy):
            taxonomy = Taxonomy(taxonomy)
        who = annotator or os.environ.get("JUPYTERHUB_USER") or _system_user()
        self.project = Project(Path(folder), pool, taxonomy, annotator=who, holdout=holdout,
                               annotators_per_item=annotators_per_item, seed=seed, audit=audit)
        self.annotator_is_default = annotator is None and who == NOBODY
        self._model_arguments = {"net": model, "preprocess": preprocess, "device": device, "head": head}
        self._shelf: Shelf | None = None
        self._wiring = threading.RLock()
        self._review: Review | LabellerReview | None = None
        self._open: dict[type, TaxonomyEditor | Triage] = {}
        self._simulations: Counter[tuple[str, int]] = Counter()
        if pool is not None:
            self._looks = Looks(pool, embedded=self._embedded, seed=self.project.settings["seed"])
            self.project.chooser.look = self._looks.at_hand
            self.project.ordering = by_doubt(lambda positions: self.shelf.features(positions),
                                             seed=self.project.settings["seed"])
        try:
            if pool is not None and (model is not None or any(self.project.log.events(kind="adopted"))):
                self.shelf.open()
        except BaseException:
            self.project.close()
            if self.project.log.created:  # a project that never began must not stand in the way of the next try
                for name in ("log.db", "log.db-journal", "pool.ids"):
                    (self.project.folder / name).unlink(missing_ok=True)
            raise

    # -- what is there ---------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.project.folder

    @property
    def pool(self) -> Pool:
        """All the items."""
        return self.project.pool

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's taxonomy."""
        return self.project.taxonomy

    @property
    def annotator(self) -> str:
        """Who acts when nobody else is named."""
        return self.project.annotator

    @property
    def holdout(self) -> list[str]:
        """Ids of the items that only measure, never train."""
        return [str(item_id) for item_id in self.pool.ids[self.project.queue.holdout]]

    @property
    def shelf(self) -> Shelf:
        """The models of this project: loads torch when first used."""
        with self._wiring:
            if self._shelf is None:
                from .learn.registry import Shelf
                self._shelf = Shelf(self.project, **self._model_arguments)
            return self._shelf

    def __repr__(self) -> str:
        try:
            n = f"{len(self.pool)} items"
        except BadInput:
            n = "no pool"
        return f"<Workbench {self.folder.name!r}: {n}, {len(self.taxonomy)} labels (v{self.taxonomy.version}), " \
               f"{self.annotator!r} labelling>"

    # -- acts ------------------------------------------------------------------------------------------------

    def decide(self, item_id: Any, verdict: str | None = None, *, label: str | None = None,
               certainty: float | None = None, note: str | None = None, flags: Sequence[str] = (),
               reason: str | None = None, wrong: np.ndarray | Region | None = None,
               missing: np.ndarray | Region | None = None, seen: Seen | Mapping[str, Any] | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Decision:
        """Store what one annotator says of one item; it is durable when this returns.

        Parameters
        ----------
        verdict : "accept", "correct", "answer", "unsure" or "skip". With a label alone it follows from what was seen:
            equal to the visible suggestion is an accept, different a correction, and with none visible an answer
        label : a label's name or id; for "unsure" a best guess
        certainty : 0 (a guess) to 10 (sure)
        flags : of "ethics", "bad_data", "not_in_taxonomy", "second_look"
        reason : "right" or "wrong", of the explanation; a wrong or missing region says "wrong" by itself
        wrong, missing : bool masks (H, W) at the item's size: what should not have counted, and what should have
        seen : `Seen`, or a mapping of its fields: what was on screen. Without it the current prediction is recorded,
            and the decision is marked scripted
        id : made by whoever acts; the same id sent again with the same act changes nothing

        Raises
        ------
        UnknownItem, UnknownLabel, BadInput, IdReused, ReadOnly, DiskFull, LogBusy
            Nothing was stored then.
        """
        item_id = item_id.id if isinstance(item_id, Item) else item_id
        return self.project.decide(item_id, verdict, label=label, certainty=certainty, note=note, flags=flags,
                                   reason=reason, wrong=wrong, missing=missing, seen=seen, id=id, annotator=annotator,
                                   acted_at=acted_at)

    def retract(self, decision_id: str | Decision, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Decision:
        """Undo a decision: what stood before it stands again. Undoing twice is undoing once.

        Raises
        ------
        UnknownDecision
            When the log has no such decision.
        """
        decision_id = decision_id.id if isinstance(decision_id, Decision) else decision_id
        return self.project.retract(decision_id, id=id, annotator=annotator, acted_at=acted_at)

    def gold(self, known: Mapping[Any, str] | pd.Series | None = None) -> dict[str, str]:
        """Keep known answers, item id -> label; they measure, and never train. Gives back all of them by name."""
        gold = self.project.set_gold({} if known is None else dict(known))
        return {item_id: self.taxonomy.name_of(label_id) for item_id, label_id in gold.items()}

    def import_annotations(self, df: pd.DataFrame, annotator: str = "import") -> int:
        """Store labels that people already have; how many were new. Importing a frame twice is importing it once.

        Parameters
        ----------
        df : columns item_id (or id) and label; certainty, note, annotator and acted_at where there are any

        Raises
        ------
        BadInput, UnknownItem, UnknownLabel
            With the number of the first row that can't be used; nothing was stored then.
        """
        return import_annotations(self.project, df, annotator=annotator)

    def preview(self, edit: Any = None, *, revert: str | None = None) -> Preview:
        """What an edit of `hitl_widgets.edits`, or a list of them, would do; nothing changes.

        Parameters
        ----------
        revert : the id of an edit that was made, in place of an edit: what taking it back would do

        Returns
        -------
        Preview
            .kept and .to_review (label -> number of answers), .n_items, .minutes, .model (what it keeps), .prose,
            .taxonomy (as it would be), .version

        Raises
        ------
        EditError
            When an edit doesn't fit; the message says why.
        """
        return self.project.preview(edit, revert=revert)

    def apply(self, edit: Any, why: str | None = None, base: int | Preview | None = None) -> Applied:
        """Change the taxonomy by an edit of `hitl_widgets.edits`, or a list of them: all or nothing.

        Parameters
        ----------
        why : what the team should know of it; the log keeps it
        base : the version that was previewed (or the `Preview`). The edit means the labels of that version, whatever
            they are called by now

        Returns
        -------
        Applied
            .id (for `revert`), .version, .taxonomy, .edits, .prose, .n_items (to look at again), .preview

        Raises
        ------
        EditError
            When an edit doesn't fit, or a label that it means is gone by now; then nothing was changed.
        """
        return self.project.apply(edit, why=why, base=base)

    def revert(self, edit_id: str | Applied, why: str | None = None) -> Applied:
        """Take back one edit of the taxonomy by a new one, under whatever came later.

        What was answered before it means again what it meant, exactly. What was answered since under its labels is
        mapped where that is certain, and asked again where it isn't.

        Raises
        ------
        EditError
            When there is no such edit, it was taken back already, or later ones rest on it; the message names them.
        """
        return self.project.revert(edit_id if isinstance(edit_id, str) else edit_id.id, why=why)

    def edits(self) -> pd.DataFrame:
        """Every edit of the taxonomy, one row each, the oldest first: id, version (that it led to), prose, annotator,
        acted_at, why, reverts (the edit that it takes back) and reverted_by (the one that takes it back now)."""
        return self.project.edits()

    def counts(self) -> pd.DataFrame:
        """One row per label that may be an answer: label_id, label, decided (answers that mean it), presumed (items),
        is_partial (answers that may mean it). Quick, however many answers there are."""
        return self.project.counts()

    def rename_annotator(self, name: str) -> None:
        """Say who is labelling; what was decided before keeps its former name."""
        self.project.annotator = check_annotator(name)
        self.annotator_is_default = False

    # -- the queue -------------------------------------------------------------------------------------------

    def next(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
             queue: str | None = None) -> Items:
        """A look at what the queue would show next, best first; nothing is claimed.

        Parameters
        ----------
        strategy : "random", "least_confidence", "margin", "entropy", "balanced_margin", "balanced_entropy",
            "typiclust", "k_centre", "disagreement", or a function that gives scores (n_items,), the larger the sooner,
            from probabilities (n_items, n_labels) or whatever else of `hitl_widgets.strategies.SIGHTS` its parameters
            name. None begins with typical items, goes over to doubtful ones once a model has learnt enough, and says
            so; a tenth is drawn by chance all the same (the audit)
        queue : "relabel" for what taxonomy edits left in doubt, "second_look" for answers that are likely to be wrong;
            None for what is open
        """
        if queue == "second_look":
            self._weigh()
        self._foresee("random" if queue else strategy, annotator)
        return self.project.next(n, strategy=strategy, annotator=annotator, queue=queue)

    def claim(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """Like `next`, and hold the items for a quarter of an hour, so that two people don't do the same.

        Answers that are likely to be wrong come as `next`, `review` or `second_looks` last weighed them.
        """
        if queue == "second_look" and self.project.second_looks is None:
            self._weigh()
        self._foresee("random" if queue else strategy, annotator, budget_s=WAITED_FOR_S)
        return self.project.claim(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def presume(self, tolerance: float = 0.05) -> Presumption:
        """Take items in doubt, of which a light head is sure, for what it says, once enough of them were checked.

        Call it again and again: first it proposes labels and draws items to be checked, which
        ``wb.review(queue="relabel")`` then asks about first, blind; then it tells how many are missing; and at 30, 60
        and 120 checks whether the rest is good enough, and is presumed, or not, and is left in the queue. The status of
        presumed items is "presumed": they never count as a person's answer.

        Parameters
        ----------
        tolerance : largest share of wrong labels to be put up with, with 95 % confidence

        Returns
        -------
        Presumption
            .labels, .checks (items to be asked about), .estimate (error with its interval), .taken
        """
        from .project.auto_label import go_on
        project = self.project
        project.refresh()
        return go_on(project.state, self.pool, project.relabel(), annotator=self.annotator, tolerance=tolerance,
                     seed=project.settings["seed"], features=self.shelf.features, record=project.note_presumed)

    def relabel_queue(self, annotator: str | None = None) -> pd.DataFrame:
        """The items that taxonomy edits left in doubt, in the order in which an annotator would be asked about them.

        Columns: item_id, annotator (whose answer), label (as it was given), candidates (what it may mean now), edit
        (the id of the one that left it in doubt), prose and why of that edit.
        """
        return self.project.relabel_queue(annotator)

    def second_looks(self) -> pd.DataFrame:
        """The answers that may be wrong, the least believed first: worth a second look.

        Columns: item_id, annotator, label, certainty, right (the probability that it is), looked (whether its author
        stood by it at a second look already). Weighed as for `finetune(certainty="soft")`, docs/certainty.md.
        """
        frame = self._weigh().frame
        return pd.DataFrame({"item_id": frame["item_id"], "annotator": frame["annotator"],
                             "label": [self.taxonomy.name_of(label_id) for label_id in frame["label_id"]],
                             "certainty": frame["certainty"], "right": frame["right"],
                             "looked": frame["chosen_by"] == SECOND_LOOK})

    def _weigh(self) -> SecondLooks:
        from .learn.soft_labels import soft_labels
        looks = self.project.second_looks = SecondLooks(soft_labels(self.shelf).answers, self.project.log.standing_of)
        return looks

    def release(self, item_ids: Iterable[str], annotator: str | None = None) -> None:
        """Let go of claimed items."""
        self.project.log.release(list(item_ids), annotator or self.annotator)

    def review(self, n: int | None = None, strategy: str | Strategy | None = None,
               explain: str | Sequence[str] | None = "gradcam", blind: bool = False,
               certainty: Literal["keep", "ask", "unsure_only"] = "keep",
               keys: Mapping[str, str | Sequence[str]] | None = None, view: Any = None,
               queue: str | None = None) -> Review | LabellerReview:
        """The card: label by keyboard, below the cell. Calling it again closes the earlier card and takes over.

        Parameters
        ----------
        n : stop after so many items; None goes on to the end of the queue
        explain : saliency method or methods; None shows none
        blind : hide suggestion and map for every item
        certainty : "keep" carries the last certainty on, "ask" wants one for each, "unsure_only" for unsure answers
        keys : other keys for what the card does, such as {"skip": "x", "accept": ["Enter", "j"]}; `?` on the card
            lists what there is. A label's key is set in the taxonomy
        view : an ipyannotations labeller of your own that gives one label an item, such as
            ``ipyannotations.images.ClassLabeller(options=wb.taxonomy.names)``, instead of the card. It shows every item
            blind, without map or certainty
        queue : "relabel" for what taxonomy edits left in doubt, the likely labels first; "second_look" for answers that
            are likely to be wrong, first to who gave them, without saying what the model thinks; None for what is open

        Raises
        ------
        BadInput
            When an argument can't be used, or the labeller gives something else, such as boxes.
        """
        if n is not None and (isinstance(n, bool) or not isinstance(n, int)):
            raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected, or None for all.")
        check_strategy(strategy)
        if queue == "second_look":
            self._weigh()
        self.project.next(0, queue=queue)  # says in words that a pool is needed, or that there is no such queue
        if view is not None:
            if certainty != "keep" or keys is not None:
                raise BadInput("certainty and keys are the card's; a labeller of ipyannotations has no scale, and keys "
                               "of its own. Leave them out, or leave view out to get the card.")
            from .widgets.ipyannotations.labeller import LabellerReview
            with self._wiring:
                self._review = LabellerReview(self, view, n=n, strategy=strategy, queue=queue)
                return self._review
        if explain is not None and self.project.ranking.predictions is not None:
            from .explain.attribute import METHODS
            if odd := [name for name in ([explain] if isinstance(explain, str) else explain) if name not in METHODS]:
                raise BadInput(f"saliency method {odd[0]!r} is unknown; known are {', '.join(METHODS)}.")
        from .widgets.card import Review
        with self._wiring:
            self._review = Review(self, n=n, strategy=strategy, explain=explain, blind=blind, certainty=certainty,
                                  keys=keys, queue=queue)
            return self._review

    def edit_taxonomy(self, keys: Mapping[str, str | Sequence[str]] | None = None) -> TaxonomyEditor:
        """A tree of the labels, in which edits are previewed, applied and undone, below the cell. Calling it again
        closes the earlier one.

        Parameters
        ----------
        keys : other keys for what the editor does, such as {"split": "Shift+Y"}; `?` lists what there is

        Raises
        ------
        BadInput
            When a key can't be used.
        """
        from .widgets.editor import TaxonomyEditor
        return self._opened(TaxonomyEditor(self.project, self.example, keys=keys))

    def other_desk(self, label: str | None = None, size: int = 16,
                   keys: Mapping[str, str | Sequence[str]] | None = None) -> Triage:
        """What was answered "other", unsure or flagged "not in the taxonomy", to be sorted by the handful, below the
        cell. Calling it again closes the earlier one.

        Parameters
        ----------
        label : the answer that means "something else"; None finds one called other, others, something else, none of
            these, miscellaneous or misc
        size : of a cluster of items that look alike, about
        keys : other keys for what the desk does, such as {"leave_out": "o"}; `?` lists what there is

        Raises
        ------
        BadInput, UnknownLabel
            When an argument can't be used.
        """
        from .project.triage import Others
        from .widgets.triage import Triage
        self.pool  # noqa: B018 - says in words that a pool is needed
        return self._opened(Triage(Others(self.project, label), lambda positions: self.shelf.features(positions),
                                      size=size, keys=keys))

    # -- the model -------------------------------------------------------------------------------------------

    def predict(self, n: int | None = None, budget_s: float | None = None) -> pd.DataFrame:
        """Ask the adopted model about every item, or about the next n of the queue.

        Parameters
        ----------
        budget_s : stop after so many seconds; what was predicted by then comes back, and the next call goes on

        Returns
        -------
        DataFrame
            item_id, label, confidence, margin, model; NaN and None for an item that can't be read.

        Raises
        ------
        ModelError
            Without a model, or when it can't be used.
        """
        if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1):
            raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected, or None for all.")
        if budget_s is not None and not budget_s > 0:
            raise BadInput(f"budget_s is {budget_s!r}; a number of seconds above 0 is expected, or None.")
        self.shelf.predictor  # noqa: B018 - says in words that a model is needed
        positions = np.argsort(self.project.queue.draws) if n is None else \
            np.array([item.position for item in self.next(n)], np.int64)
        self._ask(positions, budget_s=budget_s)
        predictions = self.project.ranking.predictions
        assert predictions is not None
        positions = np.sort(positions) if n is None else positions
        positions = positions[predictions.tried[positions]]
        probs = self.project.ranking.probs(self.project.lineage, positions)
        readable = ~np.isnan(probs).any(axis=1)
        names = np.array([self.taxonomy.name_of(label_id) for label_id in self.taxonomy.label_ids] + [None], object)
        top = np.where(readable, np.nan_to_num(probs).argmax(axis=1), -1)
        ranked = -np.sort(-probs, axis=1)
        return pd.DataFrame({"item_id": self.pool.ids[positions], "label": names[top], "confidence": ranked[:, 0],
                             "margin": ranked[:, 0] - ranked[:, 1] if ranked.shape[1] > 1 else ranked[:, 0],
                             "model": predictions.model})

    def probs(self) -> np.ndarray:
        """What the adopted model says of every item: the full memory map, float32, shape (n_items, n_labels).

        Rows in the pool's order, columns in the order of `wb.taxonomy.label_ids`; NaN where it wasn't asked yet.
        """
        return self.project.ranking.probs(self.project.lineage)

    def embeddings(self, item_ids: Any = None) -> np.ndarray:
        """What the adopted model's last layer reads of items: float32, shape (n, n_features).

        Parameters
        ----------
        item_ids : one id or several, a row each, NaN where an item can't be read; None for all of the pool in its
            order, NaN where the model wasn't asked yet (`predict` asks)

        Raises
        ------
        ModelError
            Without a model, or when its last layer isn't found; the message says how to name it.
        """
        from .explain.explanations import ids_of
        if item_ids is None:
            return self.shelf.embeddings()
        return self.shelf.embeddings([self.pool.position(item_id) for item_id in ids_of(item_ids)])

    def finetune(self, epochs: int = 20, budget_s: float | None = None, start: str = "adopted", adopt: str = "better",
                 seed: int | None = None, *, reasons: str = "auto", certainty: str = "weight",
                 body: float = 1.0) -> Run:
        """Train on what people said, measure what it gained on the hold-out, and adopt the result if it isn't worse.

        Parameters
        ----------
        epochs : passes over the training set, at most
        budget_s : seconds for the training, at most
        start : "adopted" goes on from the adopted model, "initial" from the net as it was passed in or, where none was,
            from a small CNN. "frozen", where none was, fits filters to the pool without any answer and teaches a last
            layer over them. Where none was and no CNN is adopted yet, "adopted" trains both and takes the one that errs
            less on answers that neither learnt from; `Run.taken` says which, and why (docs/strategies.md)
        adopt : "better" unless the 95 % interval of the gain lies wholly below zero; "always"; "never"
        seed : None takes the project's; the same run twice on a CPU gives the same model
        reasons : how the loss hears the regions that were marked: "penalty" (on the gradient there), "invariance" (when
            they are repainted), "off", or "auto": the penalty with start="initial", invariance else
        certainty : "weight" lets an answer count by the certainty given with it, "off" doesn't; "soft" learns from
            probabilities: all answers to an item, their certainty and a model that never heard them are weighed by
            what gold shows each to be worth (docs/certainty.md), and what was answered unsure teaches too
        body : how fast all but the last layer learns, as a share of the last one's rate, above 0 and up to 1. Below 1
            the last layer learns alone for the first fifth: for a large net that was trained elsewhere

        The state is kept after each epoch. The same call goes on from there when this one was interrupted, or its
        process ended.

        Returns
        -------
        Run
            .before, .after (figures with n and interval), .model, .plot(); with marked regions also .relies_before and
            .relies_after

        Raises
        ------
        BadInput
            Without annotations, or with one label only.
        TrainingStopped
            When the loss is no number any more; the adopted model stands.
        """
        from .learn.run import finetune
        return finetune(self.shelf, epochs=epochs, budget_s=budget_s, start=start, adopt=adopt, seed=seed,
                        reasons=reasons, certainty=certainty, body=body)

    def explain(self, item_ids: Any, method: str = "gradcam", target: str | Sequence[str | None] | None = None
                ) -> Explanations:
        """Why the adopted model says what it says of some items, or would say something else.

        Parameters
        ----------
        item_ids : one id or several
        method : "gradcam", "saliency", "input_x_gradient", "integrated_gradients", "occlusion" or "kernelshap"
        target : a label's name or id; (label, against) for what speaks for the one rather than the other; None for the
            model's suggestion, item by item

        Returns
        -------
        Explanations
            .maps, float32 arrays at each item's own size, None where it failed; .errors, item id -> why; .plot()

        Raises
        ------
        ModelError
            Without a model, or when the method doesn't serve it; the message says which do.
        BadInput, UnknownItem, UnknownLabel
            When there is no such method, item or label.
        """
        from .explain.explanations import explain, ids_of
        self.shelf.predictor  # noqa: B018 - says in words that a model is needed
        item_ids = ids_of(item_ids)
        if target is None or (isinstance(target, (tuple, list)) and target[0] is None):
            self._ask(np.array([self.pool.position(item_id) for item_id in item_ids], np.int64))
        return explain(self.shelf, item_ids, method=method, target=target)

    def check_explanations(self, methods: str | Sequence[str] | None = None, n: int = 24, *,
                           budget_s: float = 60.0) -> pd.DataFrame:
        """Are the maps to be trusted? Asked of each method on items drawn by chance, for what the model suggests.

        Parameters
        ----------
        methods : one or several; None for all that serve the model
        n : items to ask about, at most
        budget_s : seconds in all, about; fewer items are taken when they wouldn't fit

        Returns
        -------
        DataFrame
            One row per method: trusted (True, False, or None when undecided) and the verdict in words;
            randomised, the rank correlation with the map of a net whose upper layers were randomised (near 1: the map
            isn't about the model); deletion and insertion with 95 % intervals, what hiding and showing in the map's
            order gains over a random order, in probability (above 0: it finds what counts); infidelity, the share of
            what hiding squares does that the map doesn't foretell (0 to 1); sensitivity, how much of the map noise
            too small to see changes; n and seconds.

        Raises
        ------
        ModelError
            Without a model, or when a method doesn't serve it.
        BadInput
            When there is no such method, or n or budget_s can't be used.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected.")
        if isinstance(budget_s, bool) or not isinstance(budget_s, (int, float)) or not budget_s > 0:
            raise BadInput(f"budget_s is {budget_s!r}; a number of seconds above 0 is expected.")
        return self.shelf.check_explanations([methods] if isinstance(methods, str) else methods, n, budget_s=budget_s)

    def models(self) -> pd.DataFrame:
        """Every model that was adopted or trained, oldest first.

        Columns: model (its version), origin ("given", "trained" or "rolled back"), adopted_at (NaT where it never was),
        accuracy on the hold-out with n items when it was trained, adopted (True for today's).
        """
        return self.shelf.models()

    def adopt(self, version_or_net: Any) -> str:
        """Go back to a former model, or go on with a net that you trained yourself; its version comes back.

        Predictions and maps follow as they are asked for. The log has it.

        Parameters
        ----------
        version_or_net : a version of `models()`, or its beginning; or a torch.nn.Module that gives one logit for each
            of today's labels, in the order of ``wb.taxonomy.label_ids``. It is copied, never changed

        Raises
        ------
        BadInput
            When there is no such version; the message names those there are.
        ModelError
            When the version's weights are gone, or the net doesn't fit.
        """
        self.pool  # noqa: B018 - says in words that a pool is needed
        return self.shelf.take_up(version_or_net)

    def flips(self, before: str | None = None, after: str | None = None, *, n: int | None = None) -> Flips:
        """The items of which two models say different labels: what a new model won, and what it lost.

        Parameters
        ----------
        before, after : versions of `models()`, or their beginnings. Without `after` the adopted model; without `before`
            the adopted one too, or where that is `after`, the one adopted before it
        n : ask about so many items, drawn by chance; None asks about all

        Returns
        -------
        Flips
            .items, a DataFrame: item_id, before, before_confidence, after, after_confidence, moved, answer, right
            ("before", "after", "neither"), role ("measures", "teaches"); .plot(), thumbnails

        Raises
        ------
        BadInput
            When there is no such version, or only one.
        ModelError
            Without a model, or when a version's weights are gone.
        """
        for name, version in (("before", before), ("after", after)):
            if version is not None and not isinstance(version, str):
                raise BadInput(f"{name} is a {type(version).__name__}; a version of wb.models() is expected, or None.")
        if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1):
            raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected, or None for all.")
        self.pool  # noqa: B018 - says in words that a pool is needed
        from .report.flips import flips
        return flips(self.shelf, before, after, n=n)

    def training_set(self, *, certainty: str = "weight") -> LabelledImages:
        """A torch Dataset of the current annotations (consensus, without hold-out and gold), as `finetune` takes it.

        Parameters
        ----------
        certainty : as for `finetune`; with "soft" the targets are probabilities, shape (n_items, n_labels)
        """
        from .learn.run import training_set
        return training_set(self.shelf, certainty=certainty)

    # -- what stands -----------------------------------------------------------------------------------------

    def annotations(self, taxonomy: int | None = None) -> pd.DataFrame:
        """What stands: one row per item and annotator, the latest decision that wasn't retracted.

        Columns: item_id, annotator, label, label_id, verdict, certainty, flags, note, decision_id, acted_at, model,
        taxonomy, status, certainty_source ("given" or "carried"). The status is "decided" (by a person, and valid under
        today's labels), "to_review" where a taxonomy edit left the label in doubt, or "presumed" where such an item is
        taken for one of the labels it may be, without asking. Beside the verdict "unsure" the label is a best guess.

        Parameters
        ----------
        taxonomy : a version; the answers as that version saw them
        """
        return self.project.annotations(taxonomy)

    def history(self) -> pd.DataFrame:
        """Every event of the log, one row each, in the order in which it was stored."""
        return self.project.history()

    def consensus(self) -> pd.DataFrame:
        """What stands for each item over its annotators: item_id, label, share (of those that agree), n_answers."""
        return self.project.consensus()

    def calibration(self, annotator: str | None = None) -> Calibration:
        """Whether people's certainty means anything: how often answers are right at each step of it.

        Judged by gold, elsewhere by what two or more other annotators of the item agree on; hold-out aside.

        Parameters
        ----------
        annotator : of whom; None takes everybody, and all together

        Returns
        -------
        Calibration
            .table (n, Brier score, AUROC with its interval, a verdict in words, a flag for who rates everything 10),
            .curve, .plot()

        Raises
        ------
        BadInput
            When the annotator has answered nothing.
        """
        from .learn.soft_labels import judged
        from .quality.calibration import calibration
        answers = judged(self.project)
        if annotator is not None:
            if annotator not in (known := sorted(set(self.annotations()["annotator"]))):
                raise BadInput(f"annotator {annotator!r} has answered nothing; there are answers by: "
                               f"{', '.join(known) or 'nobody'}.")
            answers = answers[answers["annotator"] == annotator]
        return calibration(answers)

    def progress(self, answers: int = 50) -> Progress:
        """What the rounds so far came to, and what the next answers are likely to gain: when is it enough?

        Parameters
        ----------
        answers : how many answers back, and how many ahead

        Returns
        -------
        Progress
            .accuracy, .labels, .suggestions, .times, .people, .difficulty (DataFrames, every share with its n and 95 %
            interval), .gained, .likely, .plot()

        Raises
        ------
        BadInput
            When answers isn't a whole number, 1 or more, or the project was opened without its pool.
        """
        from .report.progress import progress
        self.pool  # noqa: B018 - says in words that a pool is needed
        return progress(self.project, more=answers)

    def archive(self, path: str | os.PathLike[str]) -> Path:
        """Write the whole project (log, models, predictions; not the items themselves) into one file."""
        return archive_.write(self.project, Path(path))

    @classmethod
    def from_archive(cls, path: str | os.PathLike[str], folder: str | os.PathLike[str], **arguments: Any) -> Workbench:
        """Unpack an archive into a new folder and open it; `arguments` as for `Workbench`.

        Raises
        ------
        BadInput
            When the file isn't an archive of a project, or the folder isn't empty.
        """
        archive_.unpack(Path(path), Path(folder))
        return cls(folder, **arguments)

    def close(self) -> None:
        """Close the cards and let go of the log."""
        if self._review is not None:
            self._review.close("The project was closed.")
        for widget in self._open.values():
            widget.close("The project was closed.")
        self.project.close()

    # -- what views and simulated people need ----------------------------------------------------------------

    @property
    def project_id(self) -> str:
        """The project's own random id."""
        return self.project.id

    def prepare(self, items: Iterable[Item]) -> None:
        """Have predictions ready for these items, where there is a model."""
        if self.project.ranking.predictions is not None:
            self._ask(np.array([item.position for item in items], np.int64))

    def prediction(self, position: int) -> Prediction | None:
        """What the model says of one item, asking it when needed; None without a model, or for an unreadable item."""
        if self.project.ranking.predictions is None:
            return None
        self._ask(np.array([position], np.int64))
        return self.project.prediction(position)

    def explanation(self, position: int, *, method: str, target: str, against: str | None = None
                    ) -> Attribution | None:
        """Why the model would say `target` (a label_id) of one item, or say it rather than `against`; None without a
        model."""
        if self.project.ranking.predictions is None:
            return None
        return self.shelf.explain(position, method, target, against)

    def item(self, item_id: str) -> Item:
        """One item outside the queue, to be looked at again."""
        return self.project.item(item_id)

    def latest(self, n: int = 50, annotator: str | None = None) -> list[Decision]:
        """The last n decisions that an annotator made on a screen and that stand, the newest at the end."""
        return self.project.latest(n, annotator)

    def example(self, name: str, *, side: int = 96) -> bytes:
        """A small PNG of a label's example: an item of the pool, or an image file in the project's folder.

        Raises
        ------
        ImageError
            When it is neither, lies outside the folder, or can't be read.
        """
        if name in self.pool:
            return self.pool.thumbnail(self.pool.position(name), side=side)
        return thumbnail_in(self.folder, name, side)

    def would_show(self, item: Item) -> Seen:
        """What a person would see of an item now."""
        prediction = self.project.prediction(item.position)
        return Seen(suggestion=None if prediction is None else prediction.suggestion, hidden=item.blind,
                    probs={} if prediction is None else prediction.top(SHOWN_PROBS), chosen_by=item.chosen_by,
                    model=None if prediction is None else prediction.model, taxonomy=self.taxonomy.version)

    def tally(self, annotator: str | None = None) -> dict[str, Any]:
        """Where an annotator stands: answered, today, in_round, open, items, round, taxonomy, holdout."""
        return self.project.tally(annotator)

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with "decisions", "taxonomy" or "model" after each change, on whatever thread it came."""
        return self.project.subscribe(listener)

    def _opened(self, widget: W) -> W:
        """The widget, which takes the place of the one of its kind that was opened before."""
        with self._wiring:
            if (former := self._open.get(type(widget))) is not None:
                former.close("Another one has taken over.")
            self._open[type(widget)] = widget
        return widget

    def count_simulation(self, annotator: str, seed: int) -> int:
        """How many times this session has simulated this annotator before; counts this time."""
        self._simulations[annotator, seed] += 1
        return self._simulations[annotator, seed] - 1

    def _foresee(self, strategy: str | Strategy | None, annotator: str | None, budget_s: float = FORESEEN_S) -> None:
        """Have enough open items predicted for an order by doubt: a model that was just adopted has spoken of few."""
        check_strategy(strategy)
        self.pool  # noqa: B018 - says in words that a pool is needed
        project, modelled = self.project, self.project.ranking.predictions is not None
        if strategy != "random" and modelled:
            self._ask(project.unforeseen(FORESEEN, annotator), budget_s=budget_s)
        if project.chooser.sees_embeddings(strategy, project.queue, project.lineage):
            known = project.queue.taught()[-RECALLED:]
            among = project.queue.foremost(FORESEEN, annotator or self.annotator)
            if modelled:
                self._ask(known, budget_s=budget_s)
            if self._embedded(among) is None:
                self._looks.prepare(np.union1d(known, among), budget_s=max(budget_s, LOOKED_FOR_S))

    def _embedded(self, positions: np.ndarray) -> np.ndarray | None:
        """What the model's last layer read of some items, as far as it was asked; None without a model."""
        return None if self._shelf is None or self._shelf.adopted is None else self._shelf.embedded(positions)

    def _ask(self, positions: np.ndarray, *, budget_s: float | None = None, at_once: int = 256) -> None:
        """Let the model speak of the items it wasn't asked about yet."""
        began = time.monotonic()
        predictions = self.project.ranking.predictions
        if predictions is None:
            raise ModelError("there is no model yet; pass model=... to the workbench, or fine-tune first.")
        missing = predictions.missing(positions)
        # How long one item takes is found on a few, so that a large net keeps to its budget too.
        n, done = (at_once if budget_s is None else 8), 0
        while done < len(missing):
            self.shelf.ask(missing[done:done + n])
            done += n
            if budget_s is not None:
                spent = time.monotonic() - began
                if spent >= budget_s:
                    return
                n = int(min(at_once, max(8, done * (budget_s - spent) / spent)))


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return NOBODY
