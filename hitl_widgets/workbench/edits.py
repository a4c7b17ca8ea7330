"""The accessor ``wb.edits``: the edits of the taxonomy, its editor, and what has to be done after edits.

`Edits` also opens the triage, a page on which items that fit no label are sorted. After an edit such as a split, an
answer may mean one of several labels of today: its item is "in doubt". `Edits.presume` labels such items automatically.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ..errors import BadInput
from ..project.labels_required import require_labels

if TYPE_CHECKING:
    from ..project.auto_label import Presumption
    from ..project.preview import Applied
    from ..widgets.editor import TaxonomyEditor
    from ..widgets.triage import Triage
    from .workbench import Workbench


class Edits:
    """The edits of a taxonomy: ``wb.edits()`` is the table, ``wb.edits.open()`` shows the taxonomy editor."""

    def __init__(self, wb: Workbench) -> None:
        self._wb = wb

    def __call__(self) -> pd.DataFrame:
        """Every edit of the taxonomy, oldest first; then conflicting edits of joined copies that wait to be settled.

        Columns: id, version (the version that the edit made; negative for a waiting edit), prose, annotator, acted_at,
        why, reverts (the edit that it undoes), reverted_by (the edit that undoes it) and to_settle (whether the edit
        waits: see ``wb.edits.unsettled()``).
        """
        from ..project.preview import edit_table
        self._wb.project.refresh()
        return edit_table(self._wb.project.lineage, to_settle=True)

    def open(self, keys: Mapping[str, str | Sequence[str]] | None = None) -> TaxonomyEditor:
        """Show the taxonomy editor below the cell: a tree of labels, in which edits are previewed, applied and undone.

        Calling it again closes the earlier editor.

        Parameters
        ----------
        keys : mapping, optional
            Other keys for the editor's actions, such as ``{"split": "Shift+Y"}``; `?` lists the actions.

        Raises
        ------
        BadInput
            When a key can't be used.
        """
        from ..widgets.editor import TaxonomyEditor
        return self._wb._widgets.take_over(TaxonomyEditor(self._wb.project, self._wb.session.example, keys=keys))

    def triage(self, label: str | None = None, size: int = 16,
               keys: Mapping[str, str | Sequence[str]] | None = None) -> Triage:
        """Show the triage below the cell: a page on which items that fit no label are sorted.

        These are items that were answered "other" or "unsure", or flagged "not in the taxonomy". Similar items are
        shown together. Calling it again closes the earlier triage.

        Parameters
        ----------
        label : str, optional
            The answer that means "something else"; by default a label called other, others, something else, none of
            these, miscellaneous or misc.
        size : int
            Approximate number of items per group.
        keys : mapping, optional
            Other keys for the actions, such as ``{"leave_out": "o"}``; `?` lists the actions.

        Raises
        ------
        BadInput, UnknownLabel
            When an argument can't be used.
        """
        self._wb.project.require("sorted")
        from ..project.triage import UnplacedItems
        from ..widgets.triage import Triage
        wb = self._wb
        wb.project.require_pool()
        require_labels(wb.project, "the triage is", "wb.people.second_looks() lists the objects that may be wrong")
        return wb._widgets.take_over(Triage(UnplacedItems(wb.project, label), size=size, keys=keys,
                                            features=lambda positions: wb.inference.features(positions)))

    def presume(self, tolerance: float = 0.05) -> Presumption:
        """Label items in doubt automatically, once enough of them were checked by people.

        An item is in doubt if, since a taxonomy edit, its answer may mean one of several labels. Call this method
        repeatedly. The first call proposes labels for items about which a small classifier is certain enough, and draws
        a sample of them to be checked. ``wb.review(queue="relabel")`` then asks this sample first, blind. Later calls
        report how many checks are missing. After 30, 60 and 120 checks the error of the proposed labels is estimated:
        if it is small enough, the labels are stored; otherwise the items stay in the queue. Items labelled in this way
        have the status "presumed", and never count as a person's answer.

        Parameters
        ----------
        tolerance : float
            Largest acceptable share of wrong labels, with 95 % confidence.

        Returns
        -------
        Presumption
            .labels (item id -> proposed label), .checks (items that people have to check next), .estimate (error with
            its interval), .taken (items whose labels were stored)
        """
        self._wb.project.require("presumed")
        from ..project.auto_label import advance
        wb, project = self._wb, self._wb.project
        require_labels(project, "presumptions are", 'wb.review(queue="relabel") asks the images in doubt again')
        if project.task == "scale":
            raise BadInput("only labels can be presumed, and this project asks for values of attributes alone: answer "
                           'the items in doubt with wb.review(queue="relabel").')
        project.refresh()
        with wb._services.bars(None, title="Proposing labels for the items in doubt"):
            return advance(project.state, wb.pool, project.relabel(), annotator=wb.annotator, tolerance=tolerance,
                           seed=project.settings["seed"], features=wb.inference.features, record=project.note_presumed)

    def counts(self) -> pd.DataFrame:
        """Count the answers of each label that may be an answer; quick, however many answers there are.

        Columns: label_id, label, decided (number of answers with this label), presumed (number of items labelled
        automatically), in_doubt (number of answers that, since an edit, may mean this label or another one).
        """
        return self._wb.project.counts()

    def unsettled(self) -> pd.DataFrame:
        """Conflicting edits that were made in joined copies of this project and wait to be settled.

        If several edits were made of the same version, the first one is valid. Answers given under the others keep
        their meaning if the edit didn't change their label; otherwise they have to be reviewed.

        Columns: id, version (negative, since it isn't a valid version), prose, annotator, acted_at, why, holds (the
        edit that is valid instead) and answers (the number of answers given under the edit).
        """
        from ..project.joining import unsettled
        return unsettled(self._wb.project)

    def settle(self, id: str, apply: bool, why: str | None = None) -> Applied | None:
        """Settle a conflicting edit: apply it to today's taxonomy, or drop it. Any of the joined copies can do this.

        Parameters
        ----------
        id : str
            Id of the edit, from ``wb.edits.unsettled()``.
        apply : bool
            True applies the edit to today's taxonomy; answers that were given under it then keep their meaning. False
            drops the edit; these answers then mean the same as if it had been undone.
        why : str, optional
            A note for the team.

        Returns
        -------
        Applied or None
            The new edit; None if it was dropped, or if it wouldn't change today's labels.

        Raises
        ------
        EditError
            When no waiting edit has this id, or the edit doesn't fit today's taxonomy. Nothing is changed then.
        """
        from ..project.joining import settle
        return settle(self._wb.project, id, apply=apply, why=why)

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return str(self().to_html())
