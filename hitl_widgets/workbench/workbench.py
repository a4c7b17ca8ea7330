"""The workbench: one object for labelling, training a model and looking at the results. Read `Workbench`.

Everyday operations are its methods, each of which calls one function. The other operations are in the accessors
`Workbench.models`, `Workbench.edits` and `Workbench.people`. `services.Services` has the project, its models and the
objects that compute saliency maps.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..items.pool import Pool
from ..project.gold import gold_by_name
from ..project.importing import import_annotations
from ..project.moving import move_project
from ..records import OBJECT_TASKS, Decision, Item, Items, Seen
from ..sampling.queue import AUDIT_SHARE
from ..sampling.uncertainty import Strategy
from ..storage import archive as archive_
from ..storage.location import locate
from ..taxonomy.labels import Taxonomy
from . import explaining, predicting, training
from .accessor import Accessor
from .edits import Edits
from .models import Models
from .people import People
from .reviewing import OpenWidgets
from .services import GivenModel, open_services

if TYPE_CHECKING:
    from ..exchange.export import Exported
    from ..exchange.importing import Imported
    from ..explain.explanations import Explanations
    from ..explain.object_explainer import ObjectMaps
    from ..explain.pool_maps import ExplainedPool
    from ..explain.service import Explainer
    from ..learn.data import LabelledImages
    from ..learn.detector_model import DetectorModel
    from ..learn.inference import Inference
    from ..learn.model import Model
    from ..learn.object_registry import ObjectRegistry
    from ..learn.object_run import ObjectRun
    from ..learn.rationales import Augment
    from ..learn.registry import Registry
    from ..learn.run import Run
    from ..learn.values_model import ValuesModel
    from ..project.joining import Joined
    from ..project.preview import Applied, Preview
    from ..report.object_progress import ObjectProgress
    from ..report.progress import Progress
    from ..widgets.card import Review
    from ..widgets.ipyannotations.labeller import LabellerReview


class Workbench:
    """A project with its pool, taxonomy, model and annotator.

    A context manager: ``with hw.Workbench(...) as wb`` closes it at the end.

    Parameters
    ----------
    folder : str or path
        The project's folder; created if missing, else the project is continued. For a team on several machines the URL
        of a project on a PostgreSQL server, ``postgresql+psycopg://user@host/database?project=cells``
        (docs/servers.md).
    pool : Pool, optional
        The items to label. A project that is opened without them can be read, and its taxonomy can be edited.
    taxonomy : Taxonomy or list of str, optional
        The labels; needed for a new project.
    model : torch.nn.Module, estimator or callable, optional
        Any net that gives logits, one per label; an object with `predict_proba`, such as a classifier of scikit-learn;
        or any function from a list of images or texts to probabilities (docs/models.md). Nets and estimators are
        copied, never changed. Without one the workbench works too, and `finetune` trains a small CNN of its
        own.
    preprocess : Preprocess or callable, optional
        Function from an image (uint8, H x W or H x W x 3) to a tensor. If the model is an estimator or a function, the
        tensors of several items are stacked and passed to it. By default the model's own configuration is used (timm's
        `pretrained_cfg`). If it has none, pixels are divided by 255, not normalised, and a message says so.
    device : str or torch.device
        "auto", "cpu", "cuda", "mps", or whatever torch.device takes.
    annotator : str, optional
        Name of the person labelling; by default JupyterHub's user, else the system's.
    holdout : float
        Share of the pool, from 0 up to 1, that models are measured on and never trained on. Its items are drawn by a
        hash of seed and id, so they stay the same.
    annotators_per_item : int or (int, int)
        How many annotators are asked about each item. ``(1, 5)`` asks at least 1 and at most 5. After the first,
        another is asked only if the votes are tied or the posterior of the leading label is below 0.95; ties come
        first.
    seed : int
        Random seed of the hold-out, the queue and the training.
    head : str, optional
        Name of the model's last layer among ``model.named_modules()``, if it isn't found by running the model. Its
        input is an item's embedding, and its outputs are replaced when the taxonomy changes.
    audit : float
        Share of the items asked, not counting the hold-out, that are drawn from the pool at random, whatever the
        strategy. From them `progress()` estimates how often suggestions are right in the pool. Half of them are shown
        blind.
    progress : bool
        Show a bar, or a line of text, while something takes longer than a second.
    group : str, optional
        A column of the pool's metadata, such as "patient" or "scene". Items with the same value are all in the
        hold-out or all outside of it, so that a model isn't measured on near-copies of what it learnt. Fixed when the
        project is made.
    purpose : str, optional
        What the project is for, in a sentence or two; everybody reads it on the card. Set when the project is made;
        ``wb.people.set(purpose=...)`` changes it.
    names : bool, optional
        True lets the owner, who makes the project, see the name of each person beside their figures (accuracy,
        agreement and so on). Otherwise everybody sees only their own figures, and the owner those of groups of five
        people or more. Fixed when the project is made, and logged.
    arms : mapping, optional
        How often an item with a prediction is shown in each way, as shares: "blind" (no suggestion, no saliency map),
        "no_map", "answer_first" (both appear once the person has answered), and "shown", which gets the rest. The way
        is drawn at random for each person and item. By default one item in ten is blind, and half of the audit's;
        hold-out and gold are always blind. The owner sets the shares; see ``wb.people.set``.
    task : str, optional
        What is asked of an item: "classify" (one label, the default), "multilabel" (any number of labels, or none of
        them), "scale" (values of the taxonomy's attributes alone), "boxes", "polygons" or "points" (the objects in an
        image), or "spans" (parts of a text). Fixed when the project is made.
    cache : str or path, optional
        For a project on a server: the folder on this machine for models, predictions and maps, all of which can be
        fetched or computed again; by default one in your cache directory.

    Raises
    ------
    TaxonomyMismatch, WrongPool, ModelError, ReadOnly, LogDamaged, LogBusy
        When folder and arguments don't belong together, or the folder can't be used.

    Examples
    --------
    >>> import tempfile, numpy as np, hitl_widgets as hw
    >>> pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8), ids=["a", "b", "c"])
    >>> wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy(["cat", "dog"]), holdout=0)
    >>> wb.decide("a", label="cat").verdict
    'answer'
    """

    models = Accessor(Models)
    edits = Accessor(Edits)
    people = Accessor(People)

    def __init__(self, folder: str | os.PathLike[str], pool: Pool | None = None,
                 taxonomy: Taxonomy | Sequence[str] | None = None, *, model: Any = None, preprocess: Any = None,
                 device: str = "auto", annotator: str | None = None, holdout: float = 0.2,
                 annotators_per_item: int | tuple[int, int] = 1, seed: int = 0, head: str | None = None,
                 audit: float = AUDIT_SHARE, progress: bool = True, group: str | None = None,
                 purpose: str | None = None, names: bool | None = None,
                 arms: Mapping[str, float] | None = None, task: str | None = None,
                 cache: str | os.PathLike[str] | None = None) -> None:
        # Needed to open the project again at another place.
        self._opened_with = {"pool": pool, "model": model, "preprocess": preprocess, "device": device, "head": head,
                             "annotator": annotator, "annotators_per_item": annotators_per_item, "audit": audit,
                             "progress": progress}
        self._services = open_services(
            folder, pool, taxonomy, GivenModel(model, preprocess, device, head), annotator=annotator, holdout=holdout,
            annotators_per_item=annotators_per_item, seed=seed, audit=audit, progress=progress, group=group,
            purpose=purpose, names=names, arms=arms, task=task, cache=cache)
        self._widgets = OpenWidgets(self._services)
        self.project, self.session = self._services.project, self._services.session

    # -- parts

    @property
    def folder(self) -> Path:
        """The project's folder; for a project on a server, its cache on this machine."""
        return self.project.folder

    @property
    def pool(self) -> Pool:
        """All items of the project; BadInput if it was opened without a pool."""
        return self.project.pool

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's taxonomy, with the latest edits by others; in a closed workbench, the last one read."""
        if not self.project.log.closed:
            self.project.refresh()
        return self.project.taxonomy

    @property
    def annotator(self) -> str:
        """Name under which decisions are stored, unless a call names somebody else. Earlier ones keep their names."""
        return self.project.annotator

    @annotator.setter
    def annotator(self, name: str) -> None:
        self.session.rename_annotator(name)

    @property
    def holdout(self) -> list[str]:
        """Ids of the hold-out's items, on which models are measured and never trained."""
        return [str(item_id) for item_id in self.pool.ids[self.project.queue.holdout]]

    @property
    def registry(self) -> Registry:
        """The versions of this project's model; loads torch when first used."""
        return self._services.registry

    @property
    def detectors(self) -> ObjectRegistry:
        """The detectors of a project that asks for objects; loads torch when first used.

        Raises
        ------
        BadInput
            In a project of another task.
        """
        return self._services.detectors

    @property
    def inference(self) -> Inference:
        """The model that was adopted last, here or by another process, with its predictions so far."""
        return self._services.inference

    @property
    def explainer(self) -> Explainer:
        """Computes saliency maps for the adopted model; loads captum when first used."""
        return self._services.explainer

    @property
    def value_explainer(self) -> Explainer:
        """Computes saliency maps for the adopted heads of attributes; loads captum when first used."""
        return self._services.value_explainer

    @property
    def object_maps(self) -> ObjectMaps:
        """Computes saliency maps for objects that the adopted detector finds; loads captum when first used."""
        return self._services.object_maps

    def __repr__(self) -> str:
        try:
            n = f"{len(self.pool):,} items"
        except BadInput:
            n = "no pool"
        return f"<Workbench {self.project.name!r}: {n}, {len(self.taxonomy)} labels (v{self.taxonomy.version}), " \
               f"{self.annotator!r} labelling>"

    def _repr_html_(self) -> str:
        from ..report.overview import overview
        return overview(self.session, self._services.adopted)

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    # -- acts

    def decide(self, item_id: Any, verdict: str | None = None, *, label: str | None = None,
               labels: Sequence[str] | None = None, values: Mapping[str, Any] | None = None,
               objects: Sequence[Any] | None = None, touched: Sequence[str] | None = None,
               certainty: float | None = None, note: str | None = None,
               flags: Sequence[str] = (), reason: str | None = None, wrong: Any = None,
               missing: Any = None, reasons: Mapping[str, Any] | None = None,
               seen: Seen | Mapping[str, Any] | None = None, id: str | None = None,
               annotator: str | None = None, acted_at: datetime | None = None) -> Decision:
        """Store one annotator's decision on one item; it is durable when this returns.

        Parameters
        ----------
        item_id : str or Item
            The item.
        verdict : str, optional
            "accept", "correct", "answer", "unsure" or "skip". If it is missing, it follows from the label: "accept" if
            the label is the visible suggestion, "correct" if it is another one, "answer" if no suggestion was visible.
        label : str, optional
            A label's name or id; for "unsure" a best guess.
        labels : sequence of str, optional
            With ``task="multilabel"``, all the labels that the item has; empty for none of them.
        values : mapping, optional
            Attribute -> value, such as ``{"blur": 3}``; only attributes that are asked for this label.
        objects : sequence of Box, Polygon, Point or Span, optional
            With ``task="boxes"``, ``"polygons"``, ``"points"`` or ``"spans"``, all the objects in the item; empty if
            there are none. An object with the id of a proposal replaces that proposal; proposals that were shown and
            aren't in the list count as deleted. With "accept", pass the proposals unchanged.
        touched : sequence of str, optional
            The labels and attributes that the person changed or confirmed by hand, if known; the others were left as
            they were suggested. Where objects are asked for, ids of objects.
        certainty : float, optional
            From 0 (a guess) to 10 (sure).
        note : str, optional
            Free text.
        flags : sequence of str
            Any of "ethics", "bad_data", "not_in_taxonomy", "second_look".
        reason : str, optional
            Whether the saliency map shows "right" or "wrong" reasons for the prediction. "wrong" is implied by either
            of the next two arguments.
        wrong, missing : ndarray of bool, shape (H, W), or Region, or list of (start, end), optional
            The region that the model used and shouldn't have, and the region that it should have used, at the item's
            size. For a text, spans of characters.
        reasons : mapping, optional
            Where objects are asked for, the same for single objects: id of an object or a proposal -> "right", "wrong",
            or a mapping such as ``{"wrong": mask}``. `wb.reasons()` lists them.
        seen : Seen or mapping, optional
            What was on the screen. Without it the current prediction is recorded, and the decision is marked scripted.
        id : str, optional
            Id of the act, made by the caller; sending the same act with the same id again changes nothing.
        annotator : str, optional
            The person who decides, if not the workbench's annotator.
        acted_at : datetime, optional
            Time of the decision, with a time zone; now if missing.

        Returns
        -------
        Decision
            The decision as stored.

        Raises
        ------
        UnknownItem, UnknownLabel, BadInput, IdReused, ReadOnly, DiskFull, LogBusy
            When an argument can't be used, or the log can't be written. Nothing was stored then.
        """
        item_id = item_id.id if isinstance(item_id, Item) else item_id
        return self.project.decide(item_id, verdict, label=label, labels=labels, values=values,
                                   objects=objects, touched=touched, certainty=certainty, note=note,
                                   flags=flags, reason=reason, wrong=wrong, missing=missing, reasons=reasons,
                                   seen=seen, id=id, annotator=annotator, acted_at=acted_at)

    def retract(self, decision_id: str | Decision, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Decision:
        """Undo a decision: the one that it replaced is valid again. Undoing it twice changes nothing more.

        Raises
        ------
        UnknownDecision
            When the log has no such decision.
        """
        decision_id = decision_id.id if isinstance(decision_id, Decision) else decision_id
        return self.project.retract(decision_id, id=id, annotator=annotator, acted_at=acted_at)

    def gold(self, known: Mapping[Any, Any] | pd.Series | pd.DataFrame | None = None) -> dict[str, Any]:
        """Store known answers (gold), which are used to measure people, never to train; return all of them.

        Parameters
        ----------
        known : mapping, Series or DataFrame, optional
            Item id -> label, or a table with the columns item_id (or id) and label. Former names of a label are
            accepted; None in place of a label withdraws the item's known answer. If `known` is missing, nothing is
            stored. With ``task="multilabel"`` each item has a list of labels, in a table a column ``labels``. With
            ``task="scale"`` each item has a mapping of attributes to values. A table has a column for each attribute;
            one with labels may have such columns too.

        Returns
        -------
        dict
            Item id -> today's label name; a tuple of names with ``task="multilabel"``, attribute -> value with
            ``task="scale"``.

        Raises
        ------
        BadInput, UnknownItem, UnknownLabel
            When an item or label isn't known, or one is missing; nothing was stored then.
        """
        return gold_by_name(self.project, known)

    def import_annotations(self, df: pd.DataFrame | pd.Series | Mapping[Any, str], annotator: str = "import") -> int:
        """Store labels that people already have.

        Importing the same table again changes nothing, even if its answers were revised or retracted since.

        Parameters
        ----------
        df : DataFrame, Series or mapping
            A table with the columns item_id (or id, or an index of that name) and label, and optionally verdict,
            certainty, note, flags, annotator and acted_at, as in `annotations`, also after ``to_csv`` and
            ``pd.read_csv``. Or a mapping, item id -> label. Former names of labels are accepted. Values of an attribute
            are in a column of its name. With ``task="multilabel"`` the labels are in a column ``labels`` or ``label``,
            as tuples or as texts such as "indoor, night"; or each label has a column of true and false; or each item
            and label has a row, as in `labels_table`. With ``task="scale"`` there is no label, and a table from
            `values` is accepted too. Where objects are asked for, each object has a row, as in `objects`; a row
            without coordinates means that the image has no objects.
        annotator : str
            The author of the answers, if the table has no column annotator.

        Returns
        -------
        int
            How many answers were new.

        Raises
        ------
        BadInput, UnknownItem, UnknownLabel
            With the number of the first row that can't be used (from 0), or of two rows in which a person answers an
            item differently; nothing was stored then.
        """
        return import_annotations(self.project, df, annotator=annotator, bars=self._services.bars)

    def import_predictions(self, df: pd.DataFrame, model: str = "imported", *, adopt: bool = True,
                           partial: bool = False) -> str:
        """Import predictions from another source, such as scikit-learn or an API, as a model of the project.

        The model suggests labels, orders the queue, finds answers for a second look, and is measured and compared like
        any other. It has predictions only for the items in the table. As it has no net, it can't be explained
        (docs/predictions.md).

        Importing the same table again changes nothing. An item whose content changes afterwards has no prediction.

        Parameters
        ----------
        df : DataFrame
            A row for each item: item_id (or id, or the index), and a column for each label with its probability, named
            by the label's name, path, former name or id. Or a row for each item and label: item_id, label and
            confidence; labels without a row share the remaining probability equally. Where an item may have several
            labels, each has a probability of its own, and 0 if it has no row. Where objects are asked for, a row for
            each object: item_id, label, score, and coordinates in the columns of `predict_objects`; an item without a
            row has no objects.
        model : str
            Name of the model, also for `adopt` and `models`.
        adopt : bool
            Whether it is adopted at once.
        partial : bool
            Whether items of the pool may have no row; they have no prediction then.

        Returns
        -------
        str
            The model's version, a hash of items, labels and probabilities.

        Raises
        ------
        UnknownItem, UnknownLabel, ShapeError, BadInput
            With the numbers of the rows that can't be used, counted from 0, and what to do: items that aren't in the
            pool, or have no row; labels that aren't in the taxonomy, or have no column; probabilities that are missing,
            below 0, or sum to 1 by more than 0.001 too much or too little. Nothing is imported then.

        Examples
        --------
        >>> import tempfile, numpy as np, pandas as pd, hitl_widgets as hw
        >>> pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8), ids=["a", "b", "c"])
        >>> wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy(["cat", "dog"]), holdout=0)
        >>> probs = pd.DataFrame({"item_id": ["a", "b", "c"], "cat": [0.9, 0.2, 0.6], "dog": [0.1, 0.8, 0.4]})
        >>> version = wb.import_predictions(probs, model="gpt-9")
        >>> wb.predict()["label"].tolist()
        ['cat', 'dog', 'cat']
        """
        return training.import_predictions(self._services, df, model, adopt=adopt, partial=partial)
    def export(self, path: str | os.PathLike[str], format: str | None = None, labels: str = "consensus", *,
               dry_run: bool = False, overwrite: bool = False, images: str | None = None, to_review: bool = False,
               presumed: bool = False, unanswered: bool = False, predictions: bool = False,
               people: Literal["pseudonyms", "names"] = "pseudonyms", **options: Any) -> Exported:
        """Write the labels into a file or folder of any format; `hw.formats` lists them.

        Everything that the format can't hold or that is left out is counted and reported before a file is written. The
        same project gives the same bytes each time. The files are written completely or not at all.

        Parameters
        ----------
        path : str or path
            A folder, or a file if the format is a single file; the parent folder must exist.
        format : str, optional
            Such as "coco"; by default it follows from the ending of the path.
        labels : "consensus" or "annotations"
            The consensus over all annotators, or each annotator's answers. A single answer is its own consensus.
        dry_run : bool
            Report without writing anything.
        overwrite : bool
            Replace what is at the path. A folder with files that no export of this project would have written, such as
            photos, and one that holds the project or its images, are never replaced.
        images : "reference" or "copy", optional
            Refer to images by their names, or copy them too. By default images in memory are copied into folders.
        to_review, presumed, unanswered : bool
            Also write answers whose label is uncertain since a taxonomy edit, labels that were assigned automatically
            after such an edit (`Edits.presume`), and items that nobody answered.
        predictions : bool
            Also write the adopted model's predictions for these items, as far as there are any.
        people : "pseudonyms" or "names"
            How annotators are named, also in notes. A file with pseudonyms that is imported into this project again is
            matched to its people; elsewhere they keep their pseudonyms.
        **options
            Options of the format, such as ``one_based=False`` for "voc".

        Returns
        -------
        Exported
            .files, .n (items), .lost (a DataFrame: what, n, why).

        Raises
        ------
        BadInput, StoreError
            When an argument can't be used, or the files can't be written. Nothing was written then.
        """
        from ..exchange.export import export
        return export(self.project, Path(path), format, labels=labels, dry_run=dry_run, overwrite=overwrite,
                      images=images, to_review=to_review, presumed=presumed, unanswered=unanswered,
                      predictions=predictions, people=people, options=options, bars=self._services.bars,
                      notify=self.project.notify)

    def import_file(self, path: str | os.PathLike[str], format: str | None = None, *, annotator: str = "import",
                    dry_run: bool = False, rename: Mapping[str, str] | None = None, **options: Any) -> Imported:
        """Store the labels of a file or folder of any format; `hw.formats` lists them.

        Items are matched by id, else by file name or text. Importing the same file again changes
        nothing. Paths and addresses in the file are never opened.

        Parameters
        ----------
        path : str or path
        format : str, optional
            Such as "label_studio"; by default it follows from the ending of the path.
        annotator : str
            The author of the labels, if the file doesn't say.
        dry_run : bool
            Report without storing anything.
        rename : mapping of str to str, optional
            Name of a label in the file -> its name in the taxonomy.
        **options
            Options of the format.

        Returns
        -------
        Imported
            .n_new and .n_known (answers), .n_revised (how many of the new ones replace an earlier answer of their
            annotator), .lost (a DataFrame: what, n, why).

        Raises
        ------
        BadInput, UnknownLabel
            When the file can't be read, or names labels that the taxonomy doesn't have; nothing was stored then.
        """
        from ..exchange.importing import import_file
        found = import_file(self.project, Path(path), format, annotator=annotator, dry_run=dry_run, rename=rename,
                            options=options, bars=self._services.bars)
        self.project.notify(found.words)
        return found if dry_run else training.import_predictions_of(self._services, found)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], folder: str | os.PathLike[str], format: str | None = None, *,
                  images: Any = None, annotator: str | None = None, answers_by: str = "import",
                  options: Mapping[str, Any] | None = None, **arguments: Any) -> Workbench:
        """Make a project from a file that another tool wrote: its items, labels, task and answers.

        Parameters
        ----------
        path : str or path
            A file or folder.
        folder : str or path
            The project's new folder, or the URL of a server.
        format : str, optional
            Such as "coco"; by default it follows from the ending of the path.
        images : folder or Pool, optional
            The images that the file refers to; they are found by their names.
        annotator : str, optional
            Name of the person labelling in the new project.
        answers_by : str
            Author of the answers for which the file names no annotator. If that is the person labelling, their answers
            on the card replace those of the file. Otherwise both count, as answers of two people.
        options : mapping, optional
            Options of the format.
        **arguments
            See `Workbench`. ``task="boxes"`` reads the boxes of a file with polygons, where its format has both.

        Raises
        ------
        BadInput
            When the file can't be read, or none of its images is found.
        """
        from ..exchange.foreign import foreign_project
        found = foreign_project(Path(path), format, images=images, task=arguments.get("task"), options=options)
        arguments = {"taxonomy": found.taxonomy, "task": found.task, "purpose": found.purpose, **arguments}
        wb = cls(folder, found.pool, annotator=annotator, **arguments)
        try:
            wb.import_file(path, format, annotator=answers_by, **found.options)
        except BaseException:
            wb.close()
            raise
        return wb

    def preview(self, edit: Any = None, *, revert: str | None = None) -> Preview:
        """The effects of an edit of `hitl_widgets.edits`, or of a list of them; nothing changes.

        Parameters
        ----------
        edit : Edit or list of Edit, optional
            The edit.
        revert : str, optional
            In place of an edit, the id of a former edit, to see the effects of taking it back.

        Returns
        -------
        Preview
            .kept and .to_review (label -> number of answers), .n_items and .minutes (to ask again), .model (how it
            predicts each new label), .prose (the edit in words), .taxonomy (after the edit), .version

        Raises
        ------
        EditError
            When an edit doesn't fit; the message says why.
        """
        return self.project.preview(edit, revert=revert)

    def apply(self, edit: Any, why: str | None = None, base: int | Preview | None = None) -> Applied:
        """Change the taxonomy by an edit of `hitl_widgets.edits`, or by a list of edits, of which all apply or none.

        Parameters
        ----------
        edit : Edit or list of Edit
            The edit.
        why : str, optional
            A note for the team, kept in the log.
        base : int or Preview, optional
            The version that was previewed, or its preview. The edit refers to the labels of that version, even if they
            were renamed since.

        Returns
        -------
        Applied
            .id (for `revert`), .version, .taxonomy, .edits, .prose (in words), .n_items (to ask again), .preview

        Raises
        ------
        EditError
            When an edit doesn't fit, or one of its labels is gone by now; nothing was changed then.
        """
        return self.project.apply(edit, why=why, base=base)

    def revert(self, edit_id: str | Applied, why: str | None = None) -> Applied:
        """Undo one edit of the taxonomy by a new edit; later edits stay.

        Answers from before the edit get their former labels back. Answers given since under the edit's labels are
        mapped to former labels where only one fits; otherwise the items are asked again.

        Raises
        ------
        EditError
            When there is no such edit, it was undone already, or later edits depend on it; the message names them.
        """
        return self.project.revert(str(getattr(edit_id, "id", edit_id)), why=why)

    # -- the queue

    def next(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
             queue: str | None = None) -> Items:
        """The next items of the queue, the first one first. They aren't reserved, as `claim` does.

        Parameters
        ----------
        n : int
            Number of items.
        strategy : str or callable, optional
            "random", "least_confidence", "margin", "entropy", "balanced_margin", "balanced_entropy", "typiclust",
            "k_centre", "diverse_margin", "disagreement", or a function that returns scores, shape (n_items,), from
            probabilities, shape (n_items, n_labels); items with the largest scores come first. It may have other
            parameters named in `hitl_widgets.sampling.strategies.INPUTS`. The default begins with typical items, and
            changes to uncertain ones once a model has learnt enough; a message reports the change. A tenth of the
            items is drawn at random in any case (the audit).
        annotator : str, optional
            The person to show them to, if not the workbench's annotator.
        queue : str, optional
            "relabel" for items whose label is uncertain since a taxonomy edit, "second_look" for answers that are
            likely to be wrong; by default the items that still need answers.
        """
        with self._services.bars(None, title="Choosing the next items"):
            return self.session.peek(n, strategy=strategy, annotator=annotator, queue=queue)

    def claim(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """Return the next items, and reserve them for a quarter of an hour, so that two people don't answer the same.

        The parameters are those of `next`, and `showing`, the ids of items that are on a screen already and are left
        out. The queue "second_look" has the order of the last call of `next`, `review` or `people.second_looks`.

        Raises
        ------
        NotAllowed
            When the annotator's role doesn't allow answers, such as a guest's; `next` lists items nevertheless.
        """
        self.project.require("decided", annotator)
        self.project.require_for(self.annotator if annotator is None else annotator)
        return self.session.claim(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def relabel_queue(self, annotator: str | None = None) -> pd.DataFrame:
        """The items whose label is uncertain since a taxonomy edit, in the order in which an annotator is asked again.

        Columns: item_id, annotator (who answered), label (as it was given), candidates (today's labels that it may
        mean), edit (the id of the edit), prose (that edit in words) and why (its reason). In a project that asks for
        objects also objects: the ids of those whose label is uncertain.
        """
        with self._services.bars(None, title="Ordering the items in doubt"):
            return self.project.relabel_queue(annotator)

    def review(self, n: int | None = None, strategy: str | Strategy | None = None,
               explain: str | Sequence[str] | None = "gradcam", blind: bool = False,
               certainty: Literal["keep", "ask", "unsure_only"] = "keep",
               keys: Mapping[str, str | Sequence[str]] | None = None, view: Any = None,
               queue: str | None = None, arms: Mapping[str, float] | None = None,
               learn: bool | None = None) -> Review | LabellerReview:
        """Show the card below the cell, to label items by keyboard. Calling it again closes the earlier card.

        Parameters
        ----------
        n : int, optional
            Stop after this many items; at the end of the queue if missing.
        strategy : str or callable, optional
            See `next`.
        explain : str, sequence of str or None
            Saliency method or methods; None shows none.
        blind : bool
            Hide suggestion and map for every item.
        certainty : str
            "keep" reuses the certainty of the last decision until it is changed, "ask" requires one for each decision,
            "unsure_only" one for each unsure answer.
        keys : mapping, optional
            Other keys for the card's actions, such as ``{"skip": "x", "accept": ["Enter", "j"]}``; `?` on the card
            lists the actions. A label's key is set in the taxonomy.
        view : widget, optional
            An ipyannotations labeller in place of the card, such as
            ``ipyannotations.images.ClassLabeller(options=wb.taxonomy.names)``; where an item may have several labels, a
            ``MulticlassLabeller``. It shows no saliency map and asks for no certainty. A labeller of a single label
            shows no suggestion.
        queue : str, optional
            "relabel" for items whose label is uncertain since a taxonomy edit, with the likely labels listed first;
            "second_look" for answers that are likely to be wrong, which their authors are asked first, without the
            model's prediction.
        arms : mapping, optional
            How often an item is shown in each way from now on; it sets ``wb.people.set(arms=...)`` for the project. For
            instance, with ``{"answer_first": 0.9, "blind": 0.1}`` nine items in ten show suggestion and map only once
            the person has answered.
        learn : bool, optional
            Whether a small classifier is fitted to the answers in the background, every 20 answers while a card is
            open, and adopted if it is better than the adopted model. None means yes if no model of yours was passed or
            adopted. If one was, True adopts the small classifier only if it is better with statistical certainty;
            `finetune` still trains your net.

        Raises
        ------
        BadInput
            When an argument can't be used, somebody other than the owner sets the arms, or the labeller returns
            something else, such as boxes.
        """
        return self._widgets.review(n, strategy=strategy, explain=explain, blind=blind, certainty=certainty, keys=keys,
                                    view=view, queue=queue, arms=arms, learn=learn)

    # -- the model

    def predict(self, n: int | None = None, budget_s: float | None = None, *, client: Any = None) -> pd.DataFrame:
        """Predictions of the adopted model for every item, or for the next n of the queue.

        Parameters
        ----------
        n : int, optional
            Only the next n items of the queue.
        budget_s : float, optional
            Stop after this many seconds and return what was predicted by then; the next call continues.
        client : distributed.Client, optional
            Predict on the workers of a Dask cluster, block by block; by default in this process (docs/scale.md).

        Returns
        -------
        DataFrame
            Columns: item_id, label, confidence, margin, model. For an item that can't be read, label is None and the
            numbers are NaN. The label is also None if the likeliest labels are tied; this happens if a label was split
            after the model was trained.

            With ``task="multilabel"`` there is also a column labels with tuples of names, and label has the same names
            in one text. Confidence is then that of the least certain label, whose confidence is the larger one of its
            probabilities of on and off. Margin is the smallest distance of a label's probability to its threshold.

            With ``task="scale"`` the table of `predict_values` is returned, and in projects that ask for objects the
            table of `predict_objects`. Both ignore `budget_s`.

        Raises
        ------
        ModelError
            Without a model, or when it can't be used.
        BadInput
            When n isn't a number of items, 1 or more, or budget_s isn't a number above 0; or when client is passed in a
            project with ``task="scale"`` or of objects.
        """
        return predicting.predict(self._services, n, budget_s, client)

    def embeddings(self, item_ids: Any = None, *, client: Any = None) -> np.ndarray:
        """The embedding of each item, the input of the adopted model's last layer; missing ones are computed and kept.

        A function, the small classifier learnt in the background, and some models of texts have no such layer.
        Descriptors are returned then: fixed features of each item.

        Parameters
        ----------
        item_ids : str or sequence of str, optional
            The items; all of the pool if missing.
        client : distributed.Client, optional
            Compute them on the workers of a Dask cluster, block by block; by default in this process (docs/scale.md).

        Returns
        -------
        ndarray, float32, shape (n_items, n_features)
            A row for each item in the order asked, or for all in the order of ``wb.pool.ids``, as a memory map that
            can't be written to. NaN where an item can't be read. ``pd.DataFrame(wb.embeddings(), index=wb.pool.ids)``
            makes a table of them.

        Raises
        ------
        ModelError
            Without a model, or when its last layer isn't found and must be named (``Workbench(..., head=...)``).
        UnknownItem
            When there is no such item.
        """
        return predicting.embeddings(self._services, item_ids, client)

    def predict_values(self, n: int | None = None) -> pd.DataFrame:
        """Values of attributes that the adopted heads predict, for every item or for the next n of the queue.

        Parameters
        ----------
        n : int, optional
            Only the next n items of the queue.

        Returns
        -------
        DataFrame
            item_id, attribute (its name), value (an int, a float or a choice), low, high (the ends of the 90 %
            prediction interval of an answer; NaN for choices), model. Items that can't be read are left out, and so is
            an attribute that the heads didn't learn, or whose values are uncertain since an edit.

        Raises
        ------
        ModelError
            Without heads: they are learnt by `finetune`, and in the background while a card is open.
        """
        return predicting.predict_values(self._services, n)

    def predict_objects(self, n: int | None = None) -> pd.DataFrame:
        """Objects that the adopted model finds, in every item or in the next n of the queue.

        Parameters
        ----------
        n : int, optional
            Only the next n items of the queue.

        Returns
        -------
        DataFrame
            item_id, object_id, kind ("box", "polygon", "point" or "span"), label (today's name), x0, y0, x1, y1 (in
            pixels of the image as it is shown; for a point x and y twice), points (for a polygon, a tuple of (x, y);
            None else), score, model, and of spans start, end (in characters) and quote; ``table.attrs["label_ids"]``
            has each label's id by its name. All objects with a score of 0.01 or more, at most 100 an image and 500 a
            text, the best first; the card shows only those above a threshold. Items that can't be read have no rows.

        Raises
        ------
        ModelError
            Without a model.
        BadInput
            In a project of another task.
        """
        return predicting.predict_objects(self._services, n)

    def probs(self) -> np.ndarray:
        """Probabilities of the adopted model: float32, shape (n_items, n_labels).

        Rows are in the pool's order, columns in the order of `wb.taxonomy.label_ids`; NaN where there is no prediction
        yet; `predict()` makes all that are missing. Once all items are predicted this is a memory map, before that an
        array in memory.
        """
        self._services.require_labels()
        return self.project.ranking.probs(self.project.lineage)

    def finetune(self, epochs: int | None = None, budget_s: float | None = None, start: str = "adopted",
                 adopt: str = "better", seed: int | None = None, *, reasons: str = "auto", certainty: str = "weight",
                 backbone_lr_scale: float = 1.0, lr: float | None = None, batch_size: int = 16,
                 weight_decay: float = 0.05, augment: bool | Augment = True,
                 min_steps: int | None = None) -> Run | ObjectRun:
        """Train on the annotations, measure the gain on the hold-out, and adopt the result if it is better.

        Where objects are asked for, a detector learns from the corrected images, and `epochs`, `budget_s`, `start`
        ("adopted" or "initial"), `adopt`, `seed`, `reasons`, `certainty` ("weight" or "off") and `lr` are used; the
        others aren't (docs/objects.md).

        Where an estimator was passed as `model`, a copy of it is fitted to the answers, and `adopt`, `seed` and
        `certainty` are used (docs/models.md).

        The training's state is kept once a minute and at the end. When a call was interrupted or its process
        ended, the same call resumes there.

        Parameters
        ----------
        epochs : int, optional
            Exactly this many passes over the training set. When None, 20 passes at most, and more for a small set: see
            `min_steps`. The run says how many there were.
        budget_s : float, optional
            Seconds for the whole call, at most. If it takes more than a tenth longer, it says why.
        start : str
            "adopted" continues from the adopted model, "initial" from the net as it was passed in, or from a small CNN
            where none was. "frozen" is for a workbench without a model of yours: it fits filters to the pool without
            any answer and trains a last layer over them. Without a model of yours, "adopted" compares a light
            model, the small CNN and the average of both on answers that neither was trained on; `Run.taken` says
            which was taken, and why (docs/strategies.md).
        adopt : str
            "better" adopts the new model if it is right on more of the measuring items than the adopted model, and on
            no fewer than the best model so far, or if there are no measuring items; "always"; "never".
        seed : int, optional
            The project's if missing. On a CPU the same seed and answers give the same model.
        reasons : str
            How the regions that people marked are added to the loss: "penalty" (on the gradient there), "invariance"
            (to repainting them), "off", or "auto": "penalty" with ``start="initial"`` and for objects, else
            "invariance".
        certainty : str
            "weight" weights an answer by its certainty, "off" doesn't. "soft" learns from probabilities: all answers to
            an item, their certainty and an out-of-fold model are combined according to their reliability on gold
            (docs/certainty.md); unsure answers are used too.
        backbone_lr_scale : float
            The learning rate of all but the last layer, as a share of the last layer's, above 0 and up to 1. Below 1,
            only the last layer is trained in the first fifth of the training; meant for a large pretrained net.
        lr : float, optional
            The largest learning rate. When None, 0.003 if fewer than a million weights are trained, else 0.0003. For a
            large pretrained net, 0.00003 to 0.0001 is usual (docs/training.md).
        batch_size : int
            Items in a batch; a smaller one needs less memory.
        weight_decay : float
            Weight decay of AdamW, 0 or more.
        augment : bool or callable
            Whether views are shifted, turned and scaled a little at random; or a function of a batch of views, shape
            (n, C, h, w), and a torch.Generator, that returns the views to train on. Pass False if a shift changes the
            label.
        min_steps : int, optional
            Minimum number of batches, however many passes that takes. When None, 640 batches of 16 items, or as many
            items in batches of another size; no minimum if `epochs` is passed.

        Returns
        -------
        Run or ObjectRun
            .before, .after (metrics with n and interval), .gain, .model, .plot(); with marked regions also
            .relies_before and .relies_after.

        Raises
        ------
        BadInput
            Without annotations, or with one label only.
        TrainingStopped
            When the loss is NaN; the adopted model stays.
        """
        return training.finetune(
            self._services, epochs=epochs, budget_s=budget_s, start=start, adopt=adopt, seed=seed, reasons=reasons,
            certainty=certainty, backbone_lr_scale=backbone_lr_scale, lr=lr, batch_size=batch_size,
            weight_decay=weight_decay, augment=augment, min_steps=min_steps)

    def explain(self, item_ids: Any, method: str = "gradcam", target: str | Sequence[str | None] | None = None,
                *, attribute: str | None = None, object: Any = None) -> Explanations:
        """Saliency maps of some items, for the adopted model's suggestion, for another label, or for an object each.

        Parameters
        ----------
        item_ids : str or sequence of str
            The items.
        method : str
            "gradcam", "saliency", "input_x_gradient", "integrated_gradients", "occlusion", "kernelshap" or "lime". For
            texts "contributions", "integrated_gradients", "erasure", "kernelshap" or "lime"; by default the first of
            these that works with the model. Functions and estimators have no gradients: their default is "kernelshap"
            for images and "erasure" for texts.
        target : str or pair of str, optional
            A label's name or id, or (label, other label) to show what makes the first more probable than the other; by
            default each item's suggestion. With `attribute`, one of its choices, or a pair of them.
        attribute : str, optional
            An attribute's name or id: the maps then show what makes its value larger, or for choices what makes the
            suggested one more probable. With ``task="scale"`` and a single attribute it may be left out.
        object : str, Box, Polygon, Point or Span, optional
            Where objects are asked for: the id of a proposal from `predict_objects`, or an object with a label, at any
            place; by default each item's proposal with the largest score. The maps show what the object's score
            depends on; `method` is "gradcam" or "occlusion", for spans "erasure".

        Returns
        -------
        Explanations
            .maps, float32 arrays at each item's own size, None if it failed; .errors, item id -> why; .plot().

        Raises
        ------
        ModelError
            Without a model, or when the method doesn't work with it; the message names those that do.
        BadInput, UnknownItem, UnknownLabel
            When there is no such method, item or label.
        """
        return explaining.explain(self._services, item_ids, method=method, target=target, attribute=attribute,
                                  one=object)

    def explain_all(self, method: str = "gradcam", *, n: int | None = None, client: Any = None) -> ExplainedPool:
        """Saliency maps for the adopted model's suggestion, of every item or of the next n of the queue, kept on disk.

        Items without a prediction are predicted first. Stored maps are reused as long as model, suggestion and item are
        unchanged; the card and `explain` show them too.

        Parameters
        ----------
        method : str
            See `explain`.
        n : int, optional
            Only the next n items of the queue.
        client : distributed.Client, optional
            Compute them on the workers of a Dask cluster, block by block; by default in this process (docs/scale.md).

        Returns
        -------
        ExplainedPool
            ``maps[item_id]`` reads a map, float32 at the item's own size, or for a text a table of words; .errors, item
            id -> why there is none; .n_bytes on disk.

        Raises
        ------
        ModelError
            Without a model, or when the method doesn't work with it.
        DiskFull
            If there is no room; an image of 224 x 224 takes 30 to 100 KB.
        """
        return explaining.explain_all(self._services, method, n=n, client=client)

    def check_explanations(self, methods: str | Sequence[str] | None = None, n: int = 24, *,
                           budget_s: float = 60.0) -> pd.DataFrame:
        """Whether the saliency maps can be trusted, measured for each method on randomly drawn items.

        Parameters
        ----------
        methods : str or sequence of str, optional
            Methods to check; by default all that work with the model.
        n : int
            Maximum number of items to measure on.
        budget_s : float
            Approximate number of seconds in all; fewer items are taken if time is short.

        Returns
        -------
        DataFrame
            One row per method: trusted (True, False, or None when undecided) and the verdict in words; randomised, the
            rank correlation with the map of a net whose upper layers were randomised (near 1: the map doesn't depend on
            the model); deletion and insertion with 95 % intervals, the gain in probability when cells are hidden or
            shown in the map's order, over a random order (above 0: the map finds what counts); infidelity, the fraction
            of the occlusion effect that the map fails to predict (0 to 1); sensitivity, how much the map changes under
            imperceptible noise; n and seconds.

        Raises
        ------
        ModelError
            Without a model, or when a method doesn't work with it.
        BadInput
            When there is no such method, or n or budget_s can't be used.
        """
        return explaining.check_explanations(self._services, methods, n, budget_s)

    def model(self, version: str | None = None) -> Model | DetectorModel | ValuesModel:
        """A version of the model with all that is needed to use it elsewhere: net, preprocessing and labels.

        Parameters
        ----------
        version : str, optional
            A version from `models` or `Run.model`, or its beginning; the adopted one by default.

        Returns
        -------
        Model, DetectorModel or ValuesModel
            Called on images, or whatever `Pool.from_images` accepts, it returns probabilities, shape (n, n_labels).
            .labels has the names of the columns, in the taxonomy that the model was trained with; .net and .preprocess
            are its parts; .save(folder) writes it into a folder with its model card. Where objects or spans are asked
            for, a call returns a table of the objects found. With ``task="scale"`` a call returns a table of the
            attributes' values; in a project with labels and attributes, .values is such a model.

        Raises
        ------
        ModelError
            Without a model, or when the version's weights were deleted, or belong to another net: if the project was
            trained with a net of yours, pass the same ``model=`` again.
        BadInput
            When there is no such version; the message lists the versions.
        """
        return training.model(self._services, version)

    def adopt(self, version_or_net: Any) -> str:
        """Adopt a former model, or one of your own.

        New predictions and maps are made when they are needed. The log keeps what was adopted, and when.

        Parameters
        ----------
        version_or_net : str, torch.nn.Module, estimator or callable
            A version from `models` (or of heads for attributes), or the first characters of one. Or a model of your
            own, as for `Workbench`: a net that returns one logit for each of today's labels, in the order of
            ``wb.taxonomy.label_ids``, a fitted estimator, or a function. Nets and estimators are copied, never changed.

        Returns
        -------
        str
            The adopted version.

        Raises
        ------
        BadInput
            When there is no such version; the message lists the versions.
        ModelError
            When the version's weights were deleted, or the net doesn't fit.
        """
        return training.adopt(self._services, version_or_net)

    def training_set(self, *, certainty: str = "weight") -> LabelledImages:
        """The data that `finetune` trains on, as a torch Dataset: items with their consensus, no hold-out and no gold.

        Parameters
        ----------
        certainty : str
            See `finetune`; with "soft" the targets are probabilities, shape (n_items, n_labels).
        """
        return training.training_set(self._services, certainty)

    # -- reading

    def annotations(self, taxonomy: int | None = None) -> pd.DataFrame:
        """The current answers: one row per item and annotator, the latest decision that wasn't retracted.

        Columns: item_id, annotator, label, label_id, verdict, certainty, flags, note, decision_id, acted_at, model,
        taxonomy, status, certainty_source ("given" or "carried" over from an earlier item). The status is "decided" (by
        a person, and valid under today's labels), "to_review" if the label is uncertain since a taxonomy edit,
        "presumed" if such an item was assigned one of its possible labels automatically, or "planted" if the suggestion
        was wrong on purpose: such an answer isn't used as a vote or for training. With the verdict "unsure" the label
        is a best guess. With ``task="multilabel"``, labels and label_ids are tuples, and label has all names in one
        text.

        Parameters
        ----------
        taxonomy : int, optional
            The version of the taxonomy whose labels are shown; by default today's.
        """
        return self.project.annotations(taxonomy)

    def labels_table(self) -> pd.DataFrame:
        """With ``task="multilabel"``, a row for each item, annotator and label: whether the item has the label.

        Columns: item_id, annotator, label, value (True if the item has the label), certainty. Unknown values are left
        out: labels that were added after the answer, or that an edit left in doubt, and unsure answers.

        Raises
        ------
        BadInput
            In a project of another task.
        """
        return self.project.labels_table()

    def values(self) -> pd.DataFrame:
        """The current values of attributes: a row for each item, annotator and attribute.

        Columns: item_id, annotator, attribute (its name), value (an int, a float or a choice), certainty, decision_id,
        status. The status is "decided"; "to_review" if the value is uncertain since an edit (it is None then), or the
        item has changed; or "planted" if the suggestion was wrong on purpose. Retired attributes are left out.
        """
        return self.project.values()

    def objects(self, deleted: bool = False, consensus: bool = False) -> pd.DataFrame:
        """The objects in the current answers: a row for each object, image and annotator.

        Columns: item_id, annotator, object_id (stays the same through revisions, unique within the image), kind ("box",
        "polygon" or "point"), label, label_id, x0, y0, x1, y1 (in pixels of the image as it is shown; for a polygon the
        box around it, for a point x and y twice), points (for a polygon, a tuple of (x, y); None else), certainty,
        origin ("model" or "person"), act ("accepted", "moved", "relabelled", "added" or "deleted": what became of the
        proposal), iou_to_proposal, score (of the proposal), decision_id, model (that proposed it), status ("decided";
        "unsure" if the annotator was unsure of this object or of the whole image; "to_review" if the label is uncertain
        since an edit, or the image has changed: label is None then; "planted" if the suggestion was wrong on purpose),
        verdict (of the whole image, "accept", "correct", "answer" or "unsure"; not in a consensus).

        Parameters
        ----------
        deleted : bool
            List the proposals that were deleted, too.
        consensus : bool
            List the consensus for each image, in place of each annotator's objects.

        Raises
        ------
        BadInput
            In a project of another task.
        """
        return self.project.objects(deleted=deleted, consensus=consensus)

    def reasons(self) -> pd.DataFrame:
        """People's current judgements of saliency maps: a row for each map that was judged right or wrong.

        Columns: item_id, annotator, object_id (where objects are asked for, the explained object; None otherwise),
        label and label_id (the label that the map explained, in today's taxonomy; None if unknown), attribute (if the
        map explained an attribute's value in place of a label), reason ("right" or "wrong"), wrong and missing (the
        region that the model shouldn't have used, and the one that it should have: a `Region` or None; ``.mask()`` is
        an array of bool), method and display of the map, model (that it explained), decision_id.
        """
        return self.project.reasons_table()

    def history(self) -> pd.DataFrame:
        """Every event of the log, one row each, in the order in which it was stored."""
        return self.project.history()

    def votes(self) -> pd.DataFrame:
        """Every answer by every annotator: the input of the functions in `hitl_widgets.quality`.

        Unlike `annotations`, the table also tells what the person had seen when they answered. It includes answers that
        aren't counted as votes: those to suggestions that were wrong on purpose, and repeated answers.

        Returns
        -------
        DataFrame
            item_id, annotator, label (if the suggestion was shown only after the person had answered, the first
            answer), label_after (the final answer then), label_id, shown (whether the suggestion was visible; missing
            if not recorded), suggestion, model, arm and arm_probability (the way in which the item was shown, and its
            share), planted (whether the suggestion was wrong on purpose), repeat_of (the decision that the answer
            repeats), chosen_by (why the item was asked), certainty (NaN unless it was given for this item), acted_at
        """
        return self.project.answers().all_votes()

    def consensus(self, method: str = "auto", *, attribute: str | None = None) -> pd.DataFrame:
        """The consensus of each item's annotators, one row per item.

        Parameters
        ----------
        method : str
            A method of `hitl_widgets.quality.consensus`; ``wb.people.consensus()`` also says why a method was chosen
            and who copied suggestions. With "auto" answers are counted while fewer than 30 items have answers by two
            people, and always where an item may have several labels. For values on a scale "auto", "model", "median" or
            "mean".
        attribute : str, optional
            An attribute, to return the consensus of its values in place of labels.

        Returns
        -------
        DataFrame
            item_id; label, missing where several are tied; share (of the answers that agree with it); n_answers; tied
            (the names of the tied labels); prob (the label's probability, NaN if answers were only counted). Where
            only one person answered an item, their answer is the consensus, however improbable it is.

            With ``task="multilabel"`` each label is decided on its own: labels is a tuple of the names, without tied
            ones; shares has the share of answers that say each label; label has all names in one text, missing where
            one is tied; share is that of the answers that agree with the consensus on every label.

            For an attribute: item_id, value, low and high (95 %), n_answers, spread (standard deviation of the answers,
            after removing each annotator's offset). For one with choices: item_id, value (missing where tied), share,
            n_answers, tied. With ``task="scale"`` and no attribute, all attributes, with a column attribute.
        """
        from ..report.several_people import consensus_table
        return consensus_table(self.project, method, attribute=attribute, bars=self._services.bars)

    def progress(self, n_answers: int = 50, *, goal: float | None = None) -> Progress | ObjectProgress:
        """The gain of each fine-tuning so far, and the likely gain of the next answers.

        Parameters
        ----------
        n_answers : int
            Number of answers to look back, and ahead.
        goal : float, optional
            An accuracy, above 0 and below 1, such as 0.9. `Progress.goal` then estimates how many more answers are
            needed until the accuracy on the pool, measured on the hold-out, reaches it. Only answers that a model is
            trained on are counted, not those to hold-out items in between. It is assumed that the queue continues as
            before.

        Returns
        -------
        Progress or ObjectProgress
            .accuracy, .labels, .suggestions, .times, .people, .difficulty (DataFrames, every share with its n and 95 %
            interval), .gained, .likely, .goal, .plot(). Where objects are asked for, .accuracy and .labels have map50
            (for points f1) on the blind hold-out, .suggestions the share of proposals that were kept, .acts what people
            did with objects, .prefill how often people miss objects that weren't proposed, .now the adopted model;
            there is no .likely and no .goal.

        Raises
        ------
        BadInput
            When n_answers isn't a whole number, 1 or more, or goal isn't a number above 0 and below 1, or the project
            was opened without its pool.
        """
        self.project.require_pool()
        if self.project.task in OBJECT_TASKS:
            from ..report.object_progress import object_progress
            return object_progress(self.project, more=n_answers, goal=goal)
        from ..report.progress import progress
        return progress(self.project, more=n_answers, goal=goal, registry=lambda: self.registry)

    def archive(self, path: str | os.PathLike[str], *, people: Literal["names", "pseudonyms"] = "names") -> Path:
        """Write the whole project (log, models, predictions; not the items themselves) into one file.

        This also works for a project on a server; the archive can be unpacked into a folder, or onto a server.

        Parameters
        ----------
        path : str or path
        people : "names" or "pseudonyms"
            How annotators are named. An archive with pseudonyms is a separate project: it is never joined with this
            one, and nobody can work out the names from its content alone.
        """
        return self.session.archive(Path(path), people=people)

    @classmethod
    def from_archive(cls, path: str | os.PathLike[str], folder: str | os.PathLike[str], *,
                     max_bytes: int = archive_.MAX_BYTES, **arguments: Any) -> Workbench:
        """Unpack an archive into a new folder and open it.

        Parameters
        ----------
        path : str or path
            The archive.
        folder : str or path
            The project's new folder.
        max_bytes : int
            Maximum total size of the unpacked files; 8 GiB by default.
        **arguments
            See `Workbench`.

        Raises
        ------
        BadInput
            When the file isn't an archive of a project or is too large, or the folder isn't empty or has a project.
        """
        cache = arguments.get("cache")
        archive_.unpack_at(Path(path), locate(folder, cache), max_bytes=max_bytes, cache=cache)
        return cls(folder, **arguments)

    def join(self, folder: str | os.PathLike[str], *, clock_ahead: bool = False) -> Joined:
        """Merge another copy of this project into this one; the other copy doesn't change.

        The result has the events of both logs, and doesn't depend on the order in which copies are joined. Joining a
        folder twice changes nothing. Where two people edited the same version of the taxonomy, the edit that
        was made first holds; the others wait in ``wb.edits.unsettled()``. Models and imported predictions are copied if
        they are missing; a server has no predictions. Open cards and other notebooks on this project continue.

        Parameters
        ----------
        folder : str or path
            The folder of the other copy, or the URL of one on a server.
        clock_ahead : bool
            Also join events that, by their machine's clock, were stored more than a day in the future.

        Returns
        -------
        Joined
            .table (which events were new, the same or conflicting, by kind and person), .edits_to_settle

        Raises
        ------
        BadInput
            When it is another project, or its clock is ahead.
        LogDamaged
            When the other log is damaged.
        """
        from ..project.joining import join
        return join(self.project, folder, clock_ahead=clock_ahead)

    def move_to(self, place: str | os.PathLike[str], *, cache: str | os.PathLike[str] | None = None) -> Workbench:
        """Move the project to a server, to a folder, or back, with every event as it is.

        Everything moves: answers, taxonomy, models. The old place becomes read-only, also for notebooks that have it
        open: what waits on their cards is stored once the project is opened at the new place. If the move is
        interrupted, call it again.

        Parameters
        ----------
        place : str or path
            A folder, or the URL of a server, ``postgresql+psycopg://user@host/database?project=cells``. There is no
            project at this place yet, or an earlier state of this one.
        cache : str or path, optional
            As for `Workbench`, if the place is a server.

        Returns
        -------
        Workbench
            The project at its new place. This one is closed.

        Raises
        ------
        BadInput
            When another project is at the new place, or this project was changed there independently. Nothing is
            changed then.
        StoreError
            When the project has moved somewhere else, or one of the places can't be used.
        """
        move_project(self.project, place, cache=cache, close=self.close, bars=self._services.bars)
        return Workbench(place, **{**self._opened_with, **({} if cache is None else {"cache": cache})})

    def close(self) -> None:
        """Close the widgets and the log, and end learning in the background."""
        self._widgets.close()
        self.session.close()
        self.project.close()
