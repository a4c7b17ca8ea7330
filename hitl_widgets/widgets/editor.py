"""What passes between a project and the tree in which its taxonomy is edited? Read `TaxonomyEditor.receive` first.

The browser holds a form and says what edits it means; Python previews them, applies them, and tells every open editor
when the taxonomy has changed, whoever changed it. Applying and undoing are answered at once; whatever takes longer
(previews, counts, pictures) is done by one thread in the background.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import BadInput, HitlError, StoreError
from ..project.impact import Applied, Preview, latest_items
from ..taxonomy.edits import Edit, from_body
from ..taxonomy.labels import Label, Taxonomy
from .acts import Acts
from .comm import STATIC, Card, Feed, Message, keep_feeding
from .keys import configured
from .messages import examples_body, needed

if TYPE_CHECKING:
    from ..project.project import Project

log = logging.getLogger(__name__)

POLL_S = 1.5  # another process's edits and answers are looked for
COUNT_S = 1.0  # answers are counted anew, at most so often
LATEST = 20_000  # answers among which a label without examples finds its pictures
PICTURES = 6  # of a label, for it and as many against


class EditorCard(Card):
    """The tree, and the comm on which its acts come from the browser."""

    _esm = STATIC / "editor.js"
    _css = STATIC / "editor.css"


class TaxonomyEditor:
    """A tree in which a person edits the taxonomy of a project: preview, apply, undo.

    Parameters
    ----------
    project : whose taxonomy it is
    example : the picture of a label's example, by its name
    keys : other keys for what the editor does, such as {"split": "Shift+Y"}

    Several may be open at once, here and in other notebooks: each is told what the others did.
    """

    def __init__(self, project: Project, example: Callable[[str], bytes], *,
                 keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self.project, self.example = project, example
        self.keys = configured(keys or {}, "editor")
        self._acts = Acts({"hello": self._hello, "preview": self._preview, "apply": self._apply, "revert": self._revert,
                           "examples": self._examples})
        self._acting = threading.Lock()
        self._done: dict[str, Message] = {}  # replies to the acts that came, which may come again
        self._changed = threading.Condition()
        self._asked: tuple[int, list[Edit] | str] | None = None  # the preview that is wanted
        self._pictured: dict[str, None] = {}  # labels whose pictures are wanted
        self._latest: Mapping[str, Sequence[str]] = {}
        self._due = {"taxonomy", "counts"}
        self._pushed = 0
        self._count_at = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False
        self.feed = Feed()
        self.card = EditorCard(self.feed, self.receive)
        self._unsubscribe = project.subscribe(self._on_change)

    def show(self) -> None:
        """Display the editor in the notebook."""
        from IPython.display import display
        display(self.card)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.card._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        return f"<TaxonomyEditor by {self.project.annotator}: {self.project.taxonomy!r}>"

    def close(self, reason: str = "This editor was closed.") -> None:
        """Stop listening. What was applied stays."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._unsubscribe()
        self.feed.push({"kind": "closed", "reason": reason})

    # -- acts: answered at once

    def receive(self, act: Any) -> Message:
        """The reply to one act of the editor: `ready`, `stored`, `rejected` or `noted`."""
        return self._acts.receive(act)

    def _hello(self, act: Mapping[str, Any]) -> Message:
        with self._changed:
            self._due |= {"taxonomy", "counts"}
            self._pushed = 0
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="hitl-editor", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return {"kind": "ready", "project_id": self.project.id, "annotator": self.project.annotator,
                "keys": self.keys}

    def _preview(self, act: Mapping[str, Any]) -> Message:
        undone = act.get("edit_id")
        wanted = (int(act.get("ask") or 0), edits_of(act) if undone is None else needed(act, "edit_id"))
        with self._changed:
            self._asked = wanted  # whatever was asked before is out of date
            self._changed.notify_all()
        return {"kind": "noted"}

    def _examples(self, act: Mapping[str, Any]) -> Message:
        label_ids = act.get("label_ids")
        if not isinstance(label_ids, list) or not all(isinstance(label_id, str) for label_id in label_ids):
            raise BadInput(f"label_ids is {label_ids!r:.80}; a list of texts is expected.")
        with self._changed:
            # What is in sight now comes before what was scrolled past.
            self._pictured = {**dict.fromkeys(label_ids), **self._pictured}
            self._changed.notify_all()
        return {"kind": "noted"}

    def _apply(self, act: Mapping[str, Any]) -> Message:
        steps, base = edits_of(act), act.get("base")
        return self._once(act, lambda: self.project.apply(steps, why=act.get("why"),
                                                          base=base if isinstance(base, int) else None))

    def _revert(self, act: Mapping[str, Any]) -> Message:
        return self._once(act, lambda: self.project.revert(needed(act, "edit_id"), why=act.get("why")))

    def _once(self, act: Mapping[str, Any], do: Callable[[], Applied]) -> Message:
        """The reply to an act that may come twice, and is done once."""
        act_id = needed(act, "decision_id")
        with self._acting:
            if act_id not in self._done:
                try:
                    edit = do()
                    reply: Message = {"kind": "stored", "decision_id": act_id, "edit_id": edit.id,
                                      "version": edit.version, "prose": edit.prose}
                except StoreError:
                    raise  # the disk may have room again: it comes again
                except HitlError as error:
                    reply = {"kind": "rejected", "decision_id": act_id, "reason": str(error)}
                self._done[act_id] = reply
            return self._done[act_id]

    # -- pushes: prepared in the background

    def _on_change(self, what: str) -> None:
        with self._changed:
            self._due |= {"counts"} if what == "decisions" else {"taxonomy", "counts"} if what == "taxonomy" else set()
            self._changed.notify_all()

    def _work(self) -> None:
        keep_feeding(self._wait_for_job, self._push, log=log, raised="preparing the taxonomy editor raised",
                     failing="The taxonomy can't be looked at")

    def _wait_for_job(self, pause: float) -> Callable[[], None] | None:
        with self._changed:
            if pause and not self._closed:
                self._changed.wait(pause)
            while not self._closed:
                now = time.monotonic()
                if "taxonomy" in self._due:
                    return self._push_taxonomy
                if self._asked is not None:
                    return self._push_preview
                if "counts" in self._due and now >= self._count_at:
                    return self._push_counts
                if self._pictured:
                    return self._push_examples
                wait = self._count_at - now if "counts" in self._due else POLL_S
                if not self._changed.wait(max(0.01, wait)) and "counts" not in self._due:
                    return self._look
            return None

    def _look(self) -> None:
        self.project.refresh()
        if self.project.taxonomy.version != self._pushed:
            self._on_change("taxonomy")

    def _push_taxonomy(self) -> None:
        with self._changed:
            self._due.discard("taxonomy")
        self.project.refresh()
        taxonomy = self.project.taxonomy
        self._push({"kind": "taxonomy", "taxonomy": tree_body(taxonomy), "history": history_body(self.project.edits())})
        self._pushed = taxonomy.version

    def _push_preview(self) -> None:
        with self._changed:
            asked, self._asked = self._asked, None
        if asked is None:
            return
        ask, of = asked
        try:
            preview = self.project.preview(revert=of) if isinstance(of, str) else self.project.preview(of)
            self._push({"kind": "preview", "ask": ask, "preview": preview_body(preview)})
        except HitlError as error:
            self._push({"kind": "preview", "ask": ask, "problem": str(error)})

    def _push_counts(self) -> None:
        with self._changed:
            self._due.discard("counts")
        began = time.monotonic()
        counts = self.project.label_counts()
        self._latest = latest_items(self.project.log.newest(LATEST), self.project.lineage)
        self._push({"kind": "counts", "counts": counts.labels, "count": counts.all})
        # A large log is counted more seldom than a small one.
        self._count_at = time.monotonic() + max(COUNT_S, 5 * (time.monotonic() - began))

    def _push_examples(self) -> None:
        with self._changed:
            label_id = next(iter(self._pictured))
            del self._pictured[label_id]
        taxonomy = self.project.taxonomy
        if label_id in taxonomy:
            body, buffers = self._examples_of(taxonomy.label(label_id))
            self._push({"kind": "examples", "label_id": label_id, "examples": body}, buffers)

    def _examples_of(self, label: Label) -> tuple[list[Message], list[bytes]]:
        """A label's examples with their pictures; where nobody named any, what was answered so last."""
        for_it = label.examples or tuple(self._latest.get(label.id, ()))
        named = [(False, name) for name in for_it] + [(True, name) for name in label.counter_examples]
        bodies, buffers = examples_body(named, self.example, PICTURES)
        return [{**body, "answered": not (label.examples or body["against"])} for body in bodies], buffers

    def _push(self, message: Message, buffers: list[Any] | None = None) -> None:
        if not self._closed:
            self.feed.push(message, buffers)


def edits_of(act: Mapping[str, Any]) -> list[Edit]:
    """The edits of an act."""
    bodies = act.get("edits")
    if not isinstance(bodies, list) or not bodies:
        raise BadInput(f"edits is {bodies!r:.80}; a list of one edit or more is expected.")
    return [from_body(body) for body in bodies]


def tree_body(taxonomy: Taxonomy) -> Message:
    """A taxonomy as the editor has it: every label, depth first, with its key and what is said of it."""
    keys = taxonomy.keys
    labels = [{"label_id": label.id, "name": label.name, **({"parent": label.parent} if label.parent else {}),
               **({"key": keys[label.id]} if label.id in keys else {}), **({"own_key": True} if label.key else {}),
               **{name: list(value) if isinstance(value, tuple) else value
                  for name in ("definition", "link", "colour", "sensitive", "examples", "counter_examples")
                  if (value := getattr(label, name))}} for label in taxonomy.labels]
    return {"version": taxonomy.version, "inner_answers": taxonomy.inner_answers, "labels": labels}


def preview_body(preview: Preview) -> Message:
    """What an edit would do, as the editor has it."""
    in_doubt = sorted(preview.to_review.items(), key=lambda label: -label[1])
    settled = f"{preview.n_settled:,} in doubt until now would mean one label again." if preview.n_settled else ""
    return {"version": preview.version, "prose": preview.prose, "carried": preview.n_kept, "again": preview.n_items,
            "minutes": preview.minutes, "measured": preview.timed, "labels": in_doubt, "settled": settled,
            "model": preview.model_prose}


def history_body(history: pd.DataFrame) -> list[Message]:
    """The edits of a project as the editor has them, the latest first."""
    versions = dict(zip(history["id"], history["version"], strict=True))
    return [{"edit_id": edit.id, "version": int(edit.version), "prose": edit.prose, "annotator": edit.annotator,
             "at": edit.acted_at.isoformat(), "why": edit.why if isinstance(edit.why, str) else None,
             "reverts": _version(versions, edit.reverts), "reverted_by": _version(versions, edit.reverted_by)}
            for edit in history.iloc[::-1].itertuples()]


def _version(versions: Mapping[str, int], edit_id: Any) -> int | None:
    return int(versions[edit_id]) if isinstance(edit_id, str) else None
