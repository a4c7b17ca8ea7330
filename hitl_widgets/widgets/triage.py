"""What passes between a project and the desk at which "other" answers are sorted? Read `Triage.receive` first.

Acts are answered at once and are stored by then; looking for what lies there, putting together what looks alike, and
pictures are the work of one thread in the background.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import BadInput, HitlError
from ..project.triage import Other, Others, Sorted
from ..sampling.clusters import SIZE, clusters
from ..taxonomy.labels import Taxonomy
from .acts import Acts
from .comm import STATIC, Card, Feed, Message, keep_feeding
from .keys import configured
from .messages import instant, needed, taxonomy_body

log = logging.getLogger(__name__)

POLL_S = 2.0  # what others answer and sort is looked for
LOOK_S = 0.5  # after a change, at most so often
SIDE, LARGE = 112, 448  # pixels of a picture on the page, and of the one in focus
AT_ONCE = 12  # pictures in one message
PAST = 50  # acts that can still be undone after a reload


class TriageCard(Card):
    """The page of thumbnails, and the comm on which its acts come from the browser."""

    _esm = STATIC / "triage.js"
    _css = STATIC / "triage.css"


class Triage:
    """A desk at which a person sorts what found no place in the taxonomy, a cluster at a time.

    Parameters
    ----------
    others : what lies there, and what may be done with it; a script may use it too
    features : positions in the pool -> float, shape (n, n_features), by which items look alike
    size : of a cluster, about
    keys : other keys for what the desk does, such as {"leave_out": "o"}

    Attributes
    ----------
    pages : list of lists of `Other`, as they were put together last
    """

    def __init__(self, others: Others, features: Callable[[Sequence[int]], np.ndarray], *, size: int = SIZE,
                 keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise BadInput(f"size is {size!r}; a number of items to a cluster, 1 or more, is expected.")
        self.others, self.features, self.size = others, features, size
        self.keys = configured(keys or {}, "triage")
        self.pages: list[list[Other]] = []
        self._acts = Acts({"hello": self._hello, "assign": self._assign, "make": self._make,
                           "leave_out": self._leave_out, "send_back": self._send_back, "undo": self._undo,
                           "gather": self._gather, "pictures": self._pictures})
        self._changed = threading.Condition()
        self._wanted: dict[tuple[str, int], None] = {}
        self._due: set[str] = set()
        self._look_at = 0.0
        self._paged: set[str] = set()
        self._lay: list[str] = []
        self._taxonomy: Taxonomy | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self.feed = Feed()
        self.card = TriageCard(self.feed, self.receive)
        self._unsubscribe = others.project.subscribe(self._on_change)

    def show(self) -> None:
        """Display the desk in the notebook."""
        from IPython.display import display
        display(self.card)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.card._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        return f"<Triage: {len(self.others.lying())} items to sort>"

    def close(self, reason: str = "This desk was closed.") -> None:
        """Stop listening. Acts that are still on their way are stored all the same."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._unsubscribe()
        self.feed.push({"kind": "closed", "reason": reason})

    def gather(self) -> list[list[Other]]:
        """Put together what looks alike among all that lies here now: the pages, the largest first."""
        lying = self.others.lying()
        rows = self.features([other.position for other in lying]) if lying else np.empty((0, 0))
        return [[lying[row] for row in cluster] for cluster in clusters(rows, size=self.size)]

    # -- acts: answered at once

    def receive(self, act: Any) -> Message:
        """The reply to one act of the desk: `ready`, `stored`, `rejected` or `noted`."""
        return self._acts.receive(act)

    def _hello(self, act: Mapping[str, Any]) -> Message:
        project = self.others.project
        self._taxonomy = project.taxonomy
        self._note("gather", "acts")
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="hitl-desk", daemon=True)
                self._thread.start()
        return {"kind": "ready", "project_id": project.id, "annotator": project.annotator, "keys": self.keys,
                "taxonomy": self._taxonomy_body(self._taxonomy)}

    def _gather(self, act: Mapping[str, Any]) -> Message:
        self._note("gather")
        return {"kind": "noted"}

    def _pictures(self, act: Mapping[str, Any]) -> Message:
        item_ids = _item_ids(act)
        side = LARGE if act.get("large") else SIDE
        with self._changed:
            # What is in sight now comes before what was paged past.
            self._wanted = {**{(item_id, side): None for item_id in item_ids}, **self._wanted}
            self._changed.notify_all()
        return {"kind": "noted"}

    def _assign(self, act: Mapping[str, Any]) -> Message:
        taxonomy = act.get("taxonomy")
        return self._stored(act, self.others.assign(
            _item_ids(act), needed(act, "label_id"), taxonomy=taxonomy if isinstance(taxonomy, int) else None,
            **_whose(act)))

    def _make(self, act: Mapping[str, Any]) -> Message:
        under = act.get("under")
        return self._stored(act, self.others.make_label(
            _item_ids(act), needed(act, "name"), under=str(under) if under else None,
            definition=str(act.get("definition") or ""), **_whose(act)))

    def _leave_out(self, act: Mapping[str, Any]) -> Message:
        return self._stored(act, self.others.leave_out(_item_ids(act), **_whose(act)))

    def _send_back(self, act: Mapping[str, Any]) -> Message:
        return self._stored(act, self.others.send_back(_item_ids(act), **_whose(act)))

    def _undo(self, act: Mapping[str, Any]) -> Message:
        return self._stored(act, self.others.undo(needed(act, "retracts"), **_whose(act)))

    def _stored(self, act: Mapping[str, Any], done: Sorted) -> Message:
        return {"kind": "stored", "decision_id": act["decision_id"], "label": done.label, "label_id": done.label_id}

    # -- pushes: prepared in the background

    def _on_change(self, what: str) -> None:
        if what in ("decisions", "taxonomy"):
            self._note("look", *(["taxonomy"] if what == "taxonomy" else []))

    def _note(self, *due: str) -> None:
        with self._changed:
            self._due.update(due)
            self._changed.notify_all()

    def _work(self) -> None:
        keep_feeding(self._wait_for_job, self._push, log=log, raised="preparing the other desk raised",
                     failing="The desk can't be laid")

    def _wait_for_job(self, pause: float) -> Callable[[], None] | None:
        with self._changed:
            if pause and not self._closed:
                self._changed.wait(pause)
            while not self._closed:
                for name, job in (("taxonomy", self._push_taxonomy), ("gather", self._push_pages),
                                  ("acts", self._push_acts)):
                    if name in self._due:
                        self._due.discard(name)
                        return job
                if self._wanted:
                    return self._push_pictures
                wait = self._look_at - time.monotonic() if "look" in self._due else POLL_S
                if wait <= 0 or (not self._changed.wait(wait) and not self._due):
                    self._due.discard("look")
                    return self._push_lying
            return None

    def _push_taxonomy(self) -> None:
        self._taxonomy = self.others.project.taxonomy
        self._push({"kind": "taxonomy", "taxonomy": self._taxonomy_body(self._taxonomy)})

    def _push_pages(self) -> None:
        self.pages = self.gather()
        lying = [other.item_id for page in self.pages for other in page]
        self._paged, self._lay = set(lying), sorted(lying)
        self._push({"kind": "pages", "pages": [list(map(_other_body, page)) for page in self.pages]})

    def _push_acts(self) -> None:
        mine = [act for act in self.others.acts() if act.annotator == self.others.project.annotator]
        self._push({"kind": "acts", "acts": [{"act_id": act.id, "act": act.act, "n": len(act.item_ids),
                                              "label": act.label} for act in mine[-PAST:]]})

    def _push_lying(self) -> None:
        began = time.monotonic()
        lying = self.others.lying()
        if self.others.project.taxonomy is not self._taxonomy:
            self._push_taxonomy()
        if (lay := sorted(other.item_id for other in lying)) != self._lay:
            self._lay = lay
            more = [other for other in lying if other.item_id not in self._paged]
            self._paged.update(other.item_id for other in more)
            self._push({"kind": "lying", "item_ids": lay, "more": list(map(_other_body, more))})
        self._look_at = time.monotonic() + max(LOOK_S, 5 * (time.monotonic() - began))

    def _push_pictures(self) -> None:
        with self._changed:
            side = next(iter(self._wanted))[1]
            item_ids = [item_id for item_id, its in self._wanted if its == side][:AT_ONCE]
            for item_id in item_ids:
                del self._wanted[item_id, side]
        pool = self.others.project.pool
        problems: list[str | None] = []
        buffers: list[bytes] = []
        for item_id in item_ids:
            try:
                buffers.append(pool.thumbnail(pool.position(item_id), side=side))
                problems.append(None)
            except HitlError as error:
                buffers.append(b"")
                problems.append(str(error))
        self._push({"kind": "pictures", "item_ids": item_ids, "problems": problems, "large": side == LARGE}, buffers)

    def _taxonomy_body(self, taxonomy: Taxonomy) -> Message:
        """The labels to choose from; the one that means "other" comes last, as nothing is sorted by it."""
        body, other = taxonomy_body(taxonomy), self.others.label
        return {**body, "labels": sorted(body["labels"], key=lambda label: label["label_id"] == other), "other": other,
                "places": [{"label_id": label.id, "name": label.name, "path": taxonomy.path(label.id)}
                           for label in taxonomy.labels]}

    def _push(self, message: Message, buffers: list[Any] | None = None) -> None:
        if not self._closed:
            self.feed.push(message, buffers)


def _item_ids(act: Mapping[str, Any]) -> list[str]:
    """The items of an act."""
    item_ids = act.get("item_ids")
    if not isinstance(item_ids, list) or not item_ids or not all(isinstance(item_id, str) for item_id in item_ids):
        raise BadInput(f"item_ids is {item_ids!r:.80}; a list of one id or more, as text, is expected.")
    return item_ids


def _whose(act: Mapping[str, Any]) -> dict[str, Any]:
    """Whose act it is, and when it was done."""
    return {"id": needed(act, "decision_id"), "annotator": needed(act, "annotator"), "acted_at": instant(act)}


def _other_body(other: Other) -> Message:
    return {"item_id": other.item_id, "why": other.why, "annotator": other.annotator, "note": other.note}
