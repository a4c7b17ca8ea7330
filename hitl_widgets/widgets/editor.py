"""The taxonomy editor: previews and applies the edits that a person makes in a tree of labels.

The browser holds a form and says what edits it means; Python previews them, applies them, and tells every open editor
when the taxonomy has changed, whoever changed it. Applying and undoing are answered at once; whatever takes longer
(previews, counts, pictures) is done by one thread in the background. Start with `TaxonomyEditor`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from ..errors import BadInput, HitlError, StoreError
from ..project.joining import preview_settling, settle
from ..project.preview import Applied, Preview, latest_items
from ..taxonomy.history import Lineage
from ..taxonomy.labels import Label, Taxonomy
from .acts import on, rejected
from .comm import STATIC, Card
from .keys import configured
from .messages import (
    NOTED,
    Apply,
    EditEntry,
    EditorPush,
    EditorReady,
    EditPreview,
    EditStored,
    ExampleEntry,
    Hello,
    Noted,
    Rejected,
    Revert,
    SettleEdit,
    TreeLabel,
    TreeLabels,
    WantExamples,
    WantPreview,
    examples_of,
    labels_of,
)
from .widget import WAKE_S, Job, Widget, rest_s

if TYPE_CHECKING:
    from ..project.project import Project

POLL_S = 1.5  # how often to look for another process's edits and answers
COUNT_S = 1.0  # shortest time between two counts of answers
LATEST = 20_000  # answers among which a label without examples finds its pictures
PICTURES = 6  # examples of a label, and as many counter-examples


class EditorCard(Card):
    """The tree in the browser."""

    _esm = STATIC / "editor.js"
    _css = STATIC / "editor.css"


class TaxonomyEditor(Widget[EditorPush]):
    """A tree in which a person edits the taxonomy of a project: preview, apply, undo.

    Parameters
    ----------
    project : Project
        The project with the taxonomy.
    example : callable
        From the name of a label's example to its picture, a PNG.
    keys : mapping, optional
        Other keys for what the editor does, such as {"split": "Shift+Y"}.

    Notes
    -----
    Several may be open at once, here and in other notebooks: each is told what the others did.
    """

    NAME = "editor"
    FAILING = "The taxonomy can't be looked at"
    CLOSING = "This editor was closed."

    def __init__(self, project: Project, example: Callable[[str], bytes], *,
                 keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self.project, self.example = project, example
        self.keys = configured(keys or {}, "editor")
        self._acting = threading.Lock()
        self._replies: dict[str, EditStored | Rejected] = {}  # to the acts that came, which may come again
        self._wanted: WantPreview | None = None
        self._pictured: dict[str, None] = {}  # labels whose pictures are wanted
        self._latest: Mapping[str, Sequence[str]] = {}
        self._due = {"taxonomy", "counts"}
        self._pushed: object = None  # what the browser has of the taxonomy
        self._count_at = self._look_at = self._looked_at = 0.0
        self._rest_s = WAKE_S  # between two looks at the log, by how long the last one took
        super().__init__(EditorCard, on(Hello, self._hello), on(WantPreview, self._preview), on(Apply, self._apply),
                         on(Revert, self._revert), on(SettleEdit, self._settle), on(WantExamples, self._examples))
        self._unsubscribe, self._listen = project.subscribe(self._on_change), project.listen

    def __repr__(self) -> str:
        return f"<TaxonomyEditor by {self.project.annotator}: {self.project.taxonomy!r}>"

    # -- acts: answered at once

    def _hello(self, _: Hello) -> EditorReady:
        with self._changed:
            self._due |= {"taxonomy", "counts"}
            self._pushed = None
            self._changed.notify_all()
        self._start()
        return {"kind": "ready", "project_id": self.project.id, "annotator": self.project.annotator,
                "keys": self.keys}

    def _preview(self, act: WantPreview) -> Noted:
        if act.edits is None and act.edit_id is None and act.settle is None:
            raise BadInput("edits is None; a list of one edit or more is expected.")
        with self._changed:
            self._wanted = act  # whatever was asked before is out of date
            self._changed.notify_all()
        return NOTED

    def _examples(self, act: WantExamples) -> Noted:
        with self._changed:
            # Labels in sight now come before those scrolled past.
            self._pictured = {**dict.fromkeys(act.label_ids), **self._pictured}
            self._changed.notify_all()
        return NOTED

    def _apply(self, act: Apply) -> EditStored | Rejected:
        return self._once(act, lambda: _done(self.project.apply(act.edits, why=act.why, base=act.base)))

    def _revert(self, act: Revert) -> EditStored | Rejected:
        return self._once(act, lambda: _done(self.project.revert(act.edit_id, why=act.why)))

    def _settle(self, act: SettleEdit) -> EditStored | Rejected:
        def do() -> tuple[str, int, str]:
            applied = settle(self.project, act.edit_id, apply=act.apply, why=act.why)
            if applied is not None:
                return _done(applied)
            words = "The edit is settled: today's labels have it already." if act.apply else "The edit is left."
            return act.edit_id, self.project.taxonomy.version, words
        return self._once(act, do)

    def _once(self, act: Apply | Revert | SettleEdit, do: Callable[[], tuple[str, int, str]]) -> EditStored | Rejected:
        """Do once what an act asks for, which may come twice."""
        with self._acting:
            if act.decision_id not in self._replies:
                try:
                    edit_id, version, prose = do()
                    self._replies[act.decision_id] = {"kind": "stored", "decision_id": act.decision_id,
                                                      "edit_id": edit_id, "version": version, "prose": prose}
                except StoreError:
                    raise  # the act is sent again: the disk may have room by then
                except HitlError as error:
                    self._replies[act.decision_id] = rejected({"decision_id": act.decision_id}, str(error))
            return self._replies[act.decision_id]

    # -- pushes: prepared in the background

    def _on_change(self, what: str) -> None:
        with self._changed:
            self._due |= {"counts"} if what == "decisions" else {"taxonomy", "counts"} if what == "taxonomy" \
                else {"taxonomy"} if what == "people" else set()
            self._changed.notify_all()

    def _next_job(self) -> Job | None:
        now = time.monotonic()
        if "taxonomy" in self._due:
            return self._push_taxonomy
        if self._wanted is not None:
            return self._push_preview
        if "counts" in self._due and now >= self._count_at:
            return self._push_counts
        if self._pictured:
            return self._push_examples
        return self._look if now >= self._look_at else None

    def _wakes_at(self) -> float:
        return min(self._look_at, self._count_at) if "counts" in self._due else self._look_at

    def _wake(self) -> None:
        self._look_at = min(self._look_at, self._looked_at + self._rest_s)

    def _look(self) -> None:
        with self._changed:  # anything stored from here on wakes it again
            self._looked_at = time.monotonic()
            self._look_at = self._looked_at + POLL_S
        self.project.refresh()
        with self._changed:
            self._rest_s = rest_s(time.monotonic() - self._looked_at)
            self._look_at = max(self._look_at, self._looked_at + self._rest_s)
        if self._seen() != self._pushed:
            self._on_change("taxonomy")

    def _seen(self) -> tuple[int, tuple[str, ...], bool]:
        """What a push of the taxonomy depends on: its version, the edits to settle, and whether this person may."""
        waiting = tuple(step.id for step in self.project.lineage.forks.unsettled)
        return self.project.taxonomy.version, waiting, self.project.may("settled")

    def _push_taxonomy(self) -> None:
        with self._changed:
            self._due.discard("taxonomy")
        self.project.refresh()
        seen = self._seen()
        self._push({"kind": "taxonomy", "taxonomy": tree_of(self.project.taxonomy), "may_settle": seen[2],
                    "history": [*history_of(self.project.edits()), *waiting_of(self.project.lineage)]})
        self._pushed = seen

    def _push_preview(self) -> None:
        with self._changed:
            wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        try:
            preview = preview_settling(self.project, wanted.settle) if wanted.settle is not None else \
                self.project.preview(wanted.edits) if wanted.edit_id is None else \
                self.project.preview(revert=wanted.edit_id)
            self._push({"kind": "preview", "ask": wanted.ask, "preview": preview_of(preview)})
        except HitlError as error:
            self._push({"kind": "preview", "ask": wanted.ask, "problem": str(error)})

    def _push_counts(self) -> None:
        with self._changed:
            self._due.discard("counts")
        began = time.monotonic()
        counts = self.project.label_counts()
        self._latest = latest_items(self.project.log.newest(LATEST), self.project.lineage)
        self._push({"kind": "counts", "counts": counts.labels, "count": counts.all})
        # A large log is counted less often than a small one.
        self._count_at = time.monotonic() + max(COUNT_S, 5 * (time.monotonic() - began))

    def _push_examples(self) -> None:
        with self._changed:
            label_id = next(iter(self._pictured))
            del self._pictured[label_id]
        taxonomy = self.project.taxonomy
        if label_id in taxonomy:
            examples, buffers = self._examples_of(taxonomy.label(label_id))
            self._push({"kind": "examples", "label_id": label_id, "examples": examples}, buffers)

    def _examples_of(self, label: Label) -> tuple[list[ExampleEntry], list[bytes]]:
        """List a label's examples; where nobody named any, the items that got it last."""
        for_it = label.examples or tuple(self._latest.get(label.id, ()))
        names = [(False, name) for name in for_it] + [(True, name) for name in label.counter_examples]
        examples, buffers = examples_of(names, self.example, PICTURES)
        for example in examples:
            example["answered"] = not (label.examples or example["against"])
        return examples, buffers


def tree_of(taxonomy: Taxonomy) -> TreeLabels:
    """Describe every label, depth first, with its key, definition and other properties."""
    keys = taxonomy.keys
    labels: list[TreeLabel] = []
    for label in taxonomy.labels:
        entry: dict[str, Any] = {"label_id": label.id, "name": label.name, "parent": label.parent,
                                 "key": keys.get(label.id), "own_key": bool(label.key)}
        for name in ("definition", "link", "colour", "sensitive", "examples", "counter_examples"):
            value = getattr(label, name)
            entry[name] = list(value) if isinstance(value, tuple) else value
        labels.append(cast("TreeLabel", {name: value for name, value in entry.items() if value}))
    tree: TreeLabels = {"version": taxonomy.version, "inner_answers": taxonomy.inner_answers, "labels": labels}
    if taxonomy.attributes:
        tree["attributes"] = labels_of(taxonomy)["attributes"]
        for attribute, asked in zip(taxonomy.attributes, tree["attributes"], strict=True):
            if attribute.labels:
                asked["labels"] = list(attribute.labels)
    return tree


def preview_of(preview: Preview) -> EditPreview:
    """Describe what an edit would do."""
    in_doubt = sorted(preview.to_review.items(), key=lambda label: -label[1])
    settled = [f"{preview.n_settled:,} in doubt until now would be certain again."] if preview.n_settled else []
    for words, counts in (("carried over", preview.values_kept), ("to be given again", preview.values_to_review),
                          ("kept in the log only", preview.values_gone)):
        settled += [f"{n:,} value{'' if n == 1 else 's'} of “{name}” {words}." for name, n in counts.items()]
    return {"version": preview.version, "prose": preview.prose, "carried": preview.n_kept, "again": preview.n_items,
            "minutes": preview.minutes, "measured": preview.timed, "labels": in_doubt, "settled": " ".join(settled),
            "model": preview.model_prose}


def history_of(history: pd.DataFrame) -> list[EditEntry]:
    """Describe the edits of a project, the latest first."""
    versions = dict(zip(history["id"], history["version"], strict=True))
    return [{"edit_id": edit.id, "version": int(edit.version), "prose": edit.prose, "annotator": edit.annotator,
             "at": edit.acted_at.isoformat(), "why": edit.why if isinstance(edit.why, str) else None,
             "reverts": _version(versions, edit.reverts), "reverted_by": _version(versions, edit.reverted_by),
             "to_settle": False}
            for edit in history.iloc[::-1].itertuples()]


def waiting_of(lineage: Lineage) -> list[EditEntry]:
    """Describe the edits that were made apart and wait to be settled, below those of the history."""
    return [{"edit_id": step.id, "version": step.version, "prose": step.prose,
             "annotator": step.annotator, "at": step.acted_at.isoformat(), "why": step.why, "reverts": None,
             "reverted_by": None, "to_settle": True} for step in reversed(lineage.forks.unsettled)]


def _done(edit: Applied) -> tuple[str, int, str]:
    return edit.id, edit.version, edit.prose


def _version(versions: Mapping[str, int], edit_id: Any) -> int | None:
    return int(versions[edit_id]) if isinstance(edit_id, str) else None
