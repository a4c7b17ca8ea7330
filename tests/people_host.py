"""A project in memory in which people ask each other, agree and are told things: a fake for the card's tests."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.records import Items, new_id, utc_now
from hitl_widgets.taxonomy.edits import as_list
from hitl_widgets.testing import MemoryHost


class PeopleHost(MemoryHost):
    """A `MemoryHost` that is a `ThreadHost` and a `PolicyHost` too.

    Parameters
    ----------
    arms : mapping of str to str, optional
        Item ids and the arms in which they are shown.
    purpose : str or None
        The project's.
    asks : str or None
        What the annotator is asked to agree to.
    """

    def __init__(self, *args: Any, arms: dict[str, str] | None = None, purpose: str | None = None,
                 asks: str | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.arms, self.set_purpose, self.asks_for = arms or {}, purpose, asks
        self.entries: dict[str, dict[str, Any]] = {}
        self.agreed: dict[str, bool] = {}
        self.notes: list[dict[str, Any]] = []
        self.ended = 0

    def claim(self, n: int = 20, *, strategy: Any = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """As ever, each item in its arm."""
        items = super().claim(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)
        return Items([replace(item, arm=arm, arm_probability=0.1, blind=arm in ("blind", "answer_first"))  # type: ignore[arg-type]
                      if (arm := self.arms.get(item.id)) else item for item in items])

    def ask(self, text: str, *, item_id: str | None = None, label_id: str | None = None, id: str | None = None,
            annotator: str | None = None, acted_at: datetime | None = None) -> None:
        """Begin a thread."""
        thread = id or new_id()
        if thread not in self.entries:
            self.entries[thread] = {"thread": thread, "item_id": item_id, "label_id": label_id, "settled": False,
                                    "how": None, "posts": [self._post("ask", text, annotator)]}

    def reply(self, thread: str, text: str, *, id: str | None = None, annotator: str | None = None,
              acted_at: datetime | None = None) -> None:
        """Add an answer."""
        if thread not in self.entries:
            raise BadInput(f"thread {thread!r} isn't in the log.")
        self._add(thread, self._post("answer", text, annotator))

    def settle(self, thread: str, how: str = "none", *, label_id: str | None = None, text: str | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> None:
        """Settle a thread; a sentence goes into the definition."""
        self._add(thread, self._post("settle", "", annotator), settled=True, how=how)
        if how == "sentence" and label_id is not None:
            label = self.taxonomy.label(label_id)
            definition = f"{label.definition} {text}".strip()
            [edit] = as_list(edits.describe(label.name, definition=definition))
            self.taxonomy = edit.apply(self.taxonomy)[0]
            self._tell("taxonomy")

    def threads(self) -> list[dict[str, Any]]:
        """List the threads."""
        return list(self.entries.values())

    def about(self, annotator: str | None = None) -> dict[str, Any]:
        """Say what was set."""
        return {"purpose": self.set_purpose, "owner": "eve", "names": False,
                "takes_part": [to for to, yes in self.agreed.items() if yes]}

    def asks_consent(self, annotator: str | None = None) -> Any:
        """Ask until it is answered."""
        return None if self.asks_for is None or "planted" in self.agreed else {"to": "planted", "text": self.asks_for}

    def consent(self, *args: Any, **who: Any) -> None:  # type: ignore[override, unused-ignore]
        """Note the answer."""
        self.agreed[args[0]] = args[1]

    def notices(self, annotator: str | None = None) -> Any:
        """List what is to be told."""
        return [dict(note) for note in self.notes]

    def dismiss(self, notice: str, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> None:
        """Take it off the list."""
        self.notes = [note for note in self.notes if note["notice"] != notice]

    def end_sitting(self, annotator: str | None = None) -> None:
        """Tell which suggestions were planted."""
        self.ended += 1
        self.notes.append({"notice": f"end{self.ended}", "kind": "debrief", "lines": ["item-0003: Bag was suggested."],
                           "text": "1 suggestion was wrong on purpose."})

    def _add(self, thread: str, post: dict[str, Any], **more: Any) -> None:
        entry = self.entries[thread]
        self.entries[thread] = {**entry, **more, "posts": [*entry["posts"], post]}

    def _post(self, act: str, text: str, annotator: str | None) -> dict[str, Any]:
        return {"act": act, "annotator": annotator or self.annotator, "at": utc_now().isoformat(), "text": text}

    def _tell(self, what: str) -> None:
        for listener in list(self._listeners):
            listener(what)
