"""Threads: questions about an item or a label, their answers, and what became of them.

A thread begins with a question. People answer it and then settle it. Settling can turn an answer into a sentence of the
label's definition, an example, a counter-example or an edge case; this taxonomy edit, which needs the role of a
reviewer, is stored together with the settling. Read `Threads.ask` and `Threads.settle` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from ..drawing import html
from ..errors import BadInput
from ..events import Event
from ..records import check_event_id, is_text, new_id, utc_now
from ..taxonomy.edits import Edit, as_list, describe
from ..taxonomy.history import Lineage, change
from ..taxonomy.labels import EDGE_CASES, Label, Taxonomy

if TYPE_CHECKING:
    from .project import Project

Act = Literal["ask", "answer", "settle", "reopen"]

LONGEST_TEXT = 2_000
COLUMNS = ["thread", "item_id", "label", "text", "asked_by", "asked_at", "n_answers", "last_answer", "answered_by",
           "settled", "settled_by", "edit"]
_HTML_THREADS = 50
# What an answer may become, beside an edge case -> the field of the label that it is added to.
_EXAMPLES = {"example": "examples", "counter_example": "counter_examples"}


@dataclass(frozen=True)
class Post:
    """One contribution to a thread.

    Parameters
    ----------
    id : str
        Id of the log's event.
    act : {"ask", "answer", "settle", "reopen"}
        What was done.
    annotator : str
        Who did it.
    acted_at : datetime
        When, in UTC.
    text : str
        Plain text; may be empty.
    edit : str or None
        Id of the taxonomy edit that settled the thread, if any.
    into : str or None
        What the answer became in the guideline, such as "example"; None if nothing, or an edit of another kind.
    """

    id: str
    act: Act
    annotator: str
    acted_at: datetime
    text: str = ""
    edit: str | None = None
    into: str | None = None


@dataclass(frozen=True)
class Thread:
    """A question with the posts that reply to it.

    Parameters
    ----------
    id : str
        Id of the event of the question.
    item_id : str or None
        The item that it is about, if any.
    label_id : str or None
        The label that it is about, if any, in the taxonomy version `taxonomy`.
    taxonomy : int
        The taxonomy version when it was asked.
    posts : tuple of Post
        The question, then the other posts in the order of the log.
    """

    id: str
    item_id: str | None
    label_id: str | None
    taxonomy: int
    posts: tuple[Post, ...]

    def __repr__(self) -> str:
        n = sum(post.act == "answer" for post in self.posts)
        parts = [f"{self.asked_by} asks {_short(self.text)!r}",
                 *([] if self.item_id is None else [f"about item {self.item_id!r}"]),
                 "no answer" if not n else "1 answer" if n == 1 else f"{n} answers"]
        return f"<Thread: {', '.join(parts)}>"

    @property
    def text(self) -> str:
        """The question."""
        return self.posts[0].text

    @property
    def asked_by(self) -> str:
        """Who asked."""
        return self.posts[0].annotator

    @property
    def asked_at(self) -> datetime:
        """When it was asked, in UTC."""
        return self.posts[0].acted_at

    @property
    def answers(self) -> tuple[Post, ...]:
        """The posts after the question: answers, and posts that settled or reopened the thread."""
        return tuple(post for post in self.posts[1:] if post.text)

    @property
    def settling(self) -> Post | None:
        """The post that settled it; None while it is open."""
        last = next((post for post in reversed(self.posts) if post.act in ("settle", "reopen")), None)
        return last if last is not None and last.act == "settle" else None

    def is_settled(self, lineage: Lineage) -> bool:
        """Whether it is settled, and the edit that settled it wasn't reverted since."""
        post = self.settling
        return post is not None and (post.edit is None or not any(
            step.id == post.edit and step.reverted_by is not None for step in lineage.steps))

    def label_today(self, lineage: Lineage) -> Label | None:
        """Today's label that it is about; None if there is none, or an edit left it in doubt."""
        if self.label_id is None:
            return None
        if self.label_id in lineage.today:
            return lineage.today.label(self.label_id)
        today = lineage.exactly(self.label_id, self.taxonomy)
        return None if today is None else lineage.today.label(today)


def take_in(threads: dict[str, Thread], events: Iterable[Event]) -> None:
    """Add "thread" events, in the log's order, to a dict of threads: id -> thread."""
    for event in events:
        body = event.body
        post = Post(event.id, body["act"], event.annotator, event.acted_at, body.get("text") or "", body.get("edit"),
                    body.get("into"))
        if post.act == "ask":
            threads[event.id] = Thread(event.id, event.item_id, body.get("label_id"), body["taxonomy"], (post,))
        elif (thread := threads.get(body["thread"])) is not None:
            threads[thread.id] = replace(thread, posts=(*thread.posts, post))


def entry(thread: Thread, lineage: Lineage) -> dict[str, Any]:
    """Write a thread as plain JSON: thread, item_id, label_id (today's), settled, how it was settled, and its posts."""
    label, settling, settled = thread.label_today(lineage), thread.settling, thread.is_settled(lineage)
    into = None if settling is None else settling.into
    how = None if not settled else "sentence" if into == "definition" else into or "none"
    return {"thread": thread.id, "item_id": thread.item_id, "label_id": None if label is None else label.id,
            "settled": settled, "how": how, "posts": [
                {"act": post.act, "annotator": post.annotator, "at": post.acted_at.isoformat(), "text": post.text}
                for post in thread.posts]}


def in_words(event: Event, threads: dict[str, Thread], lineage: Lineage, *, who: str) -> str | None:
    """Describe in a sentence what somebody did in a thread; None for an unknown thread.

    A question about an item isn't quoted: people who haven't answered the item mustn't read what others think of it.
    """
    body = event.body
    thread = threads.get(body.get("thread") or event.id)
    if thread is None:
        return None
    label = None if thread.label_id is None else _name_then(thread, lineage)
    about = f"item {thread.item_id!r}" if thread.item_id is not None else f"{label!r}" if label else "the labels"
    quoted = body.get("text") and thread.item_id is None and body.get("edit") is None
    words = f": {_short(body['text'])}" if quoted else "."
    verb = {"ask": "asked", "answer": "answered a question", "reopen": "reopened a question"}.get(body["act"])
    if verb is not None:
        return f"{who} {verb} about {about}{words}"
    return f"{who} settled a question about {about}{words}"


class Threads:
    """The questions of a project, their answers, and what became of them.

    Parameters
    ----------
    project : Project
        The project.
    reader : str, optional
        The person who reads them: as on the card, questions about items that this person hasn't answered yet are left
        out, unless they wrote in them. Without a reader, nothing is left out.

    Examples
    --------
    >>> import tempfile, numpy as np, hitl_widgets as hw
    >>> pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8), ids=["a", "b", "c"])
    >>> wb = hw.Workbench(tempfile.mkdtemp(), pool, ["cat", "dog"], annotator="ada")
    >>> threads = wb.people.threads()
    >>> thread = threads.ask("Is a drawing of a cat a cat?", label="cat", item_id="a")
    >>> thread = threads.answer(thread, "Drawings count as the animal that they show.")
    >>> thread = threads.settle(thread, "definition")
    >>> wb.taxonomy.label("cat").definition
    'Drawings count as the animal that they show.'
    """

    def __init__(self, project: Project, reader: str | None = None) -> None:
        self._project, self._reader = project, reader

    # -- acts: each is one event ------------------------------------------------------------------------------

    def ask(self, text: str, *, item_id: str | None = None, label: str | None = None, id: str | None = None,
            annotator: str | None = None, acted_at: datetime | None = None) -> Thread:
        """Ask about an item, a label, both or neither. The question and its author's name are public.

        Parameters
        ----------
        text : str
            Plain text of 1 to 2,000 characters.
        item_id : str, optional
            The item that it is about.
        label : str, optional
            The name or id of the label that it is about.
        id : str, optional
            Id of the question, made by the caller; sending it again changes nothing.
        annotator : str, optional
            The author, by default the project's annotator.
        acted_at : datetime, optional
            UTC-aware; now by default.

        Raises
        ------
        BadInput, UnknownItem, UnknownLabel, IdReused, ReadOnly, DiskFull, LogBusy
            When an argument can't be used, or the log can't be written. Nothing was stored then.
        """
        project = self._project
        place = None if item_id is None else str(project.pool.ids[project.pool.position(item_id)])
        label_id = None if label is None else self._label_of(label, id).id
        event = self._event("ask", text, id=id, annotator=annotator, acted_at=acted_at, item_id=place,
                            label_id=label_id)
        return self._store(event)

    def answer(self, thread: Thread | str, text: str, *, id: str | None = None, annotator: str | None = None,
               acted_at: datetime | None = None) -> Thread:
        """Answer a question, with plain text of 1 to 2,000 characters."""
        return self._store(self._event("answer", text, of=self[thread], id=id, annotator=annotator,
                                       acted_at=acted_at))

    def reopen(self, thread: Thread | str, text: str = "", *, id: str | None = None, annotator: str | None = None,
               acted_at: datetime | None = None) -> Thread:
        """Open a settled thread again. An edit that settled it stays valid; `Workbench.revert` undoes it."""
        return self._store(self._event("reopen", text, of=self[thread], id=id, annotator=annotator,
                                       acted_at=acted_at, may_be_empty=True))

    # The parameters are those of an act, and what the guideline gets.
    def settle(self, thread: Thread | str, into: str | Edit | Sequence[Edit] | None = None,
               *, text: str | None = None, item_id: str | None = None, label: str | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Thread:
        """Settle a thread and, with `into`, edit the label's guideline.

        The edit and the settling are stored together. `Workbench.revert` with the id of the edit undoes it and opens
        the thread again.

        Parameters
        ----------
        thread : Thread or str
            The thread, or its id.
        into : str, Edit, sequence of Edit or None
            "definition" adds a sentence to the label's definition, "example" and "counter_example" add an item,
            "cropped", "occluded", "tiny", "blurred", "group" and "drawing" add an item to these edge cases; or an edit
            of `hitl_widgets.edits`. None changes no guideline.
        text : str, optional
            The sentence for the definition, by default the last answer; otherwise a post in the thread.
        item_id : str, optional
            The item that becomes an example, by default the thread's.
        label : str, optional
            The label whose guideline it is, by default the thread's.
        id, annotator, acted_at : optional
            See `ask`.

        Raises
        ------
        BadInput
            When there is no such thread, or no label, sentence or item to add.
        EditError
            When the edit doesn't fit; nothing was changed then.
        """
        project, it = self._project, self[thread]
        act_id = check_event_id(id or new_id())
        if (stored := project.log.get(act_id)) is not None:
            return self._again(stored, "settle", it)
        if into == "definition" and text is None:
            if not (answers := [post for post in it.posts if post.act == "answer"]):
                raise BadInput("the thread has no answer that could go into a definition; pass text=..., or answer it "
                               "first.")
            text = answers[-1].text
        event = self._event("settle", text or "", of=it, id=act_id, annotator=annotator, acted_at=acted_at,
                            may_be_empty=True)
        if into is None:
            return self._store(event)
        edits = self._edits(it, into, text=text, item_id=item_id, label=label)
        if isinstance(into, str):
            event = replace(event, body={**event.body, "into": into})
        project.refresh()
        project.commit(lambda lineage: change(edits(lineage.today), lineage.today.version, lineage),
                       why=f"settles the question: {_short(it.text)}", annotator=event.annotator,
                       acted_at=event.acted_at,
                       beside=lambda edit_id: [replace(event, body={**event.body, "edit": edit_id})])
        return self._find(it.id)

    # -- reading ----------------------------------------------------------------------------------------------

    @property
    def table(self) -> pd.DataFrame:
        """One row per thread, the newest first.

        Columns: thread (its id), item_id, label (its name today; missing if the thread isn't about a label), text,
        asked_by, asked_at, n_answers, last_answer, answered_by, settled (False again once its edit is reverted),
        settled_by, edit (the id of the edit that settled it).
        """
        lineage = self._project.lineage
        rows = []
        for thread in self:
            post, label, answers = thread.settling, thread.label_today(lineage), thread.answers
            rows.append((thread.id, thread.item_id, None if label is None else lineage.today.name_of(label.id),
                         thread.text, thread.asked_by, thread.asked_at, len(answers),
                         answers[-1].text if answers else None, answers[-1].annotator if answers else None,
                         thread.is_settled(lineage), None if post is None else post.annotator,
                         None if post is None else post.edit))
        table: pd.DataFrame = pd.DataFrame(rows, columns=COLUMNS)
        return table.astype({"settled": bool, "asked_at": "datetime64[ns, UTC]"})

    def of(self, *, item_id: str | None = None, label: str | None = None) -> list[Thread]:
        """List the threads about an item or a label, the newest first; all of them without either."""
        lineage = self._project.lineage
        label_id = None if label is None else lineage.today.label(label).id
        return [thread for thread in self if (item_id is None or thread.item_id == item_id)
                and (label_id is None or ((of := thread.label_today(lineage)) is not None and of.id == label_id))]

    def visible_to(self, annotator: str, *, item_id: str | None = None, label: str | None = None) -> list[Thread]:
        """As `of`, without threads about items that this person hasn't answered yet, unless they wrote in them.

        This keeps people's answers independent of each other.
        """
        return [thread for thread in self.of(item_id=item_id, label=label) if self._may_read(thread, annotator)]

    def _may_read(self, thread: Thread, annotator: str | None) -> bool:
        return annotator is None or thread.item_id is None \
            or any(post.annotator == annotator for post in thread.posts) \
            or self._has_answered(thread.item_id, annotator)

    def _has_answered(self, item_id: str, annotator: str) -> bool:
        project = self._project
        if not project.has_pool:  # nobody answers items here
            return True
        [position] = project.pool.positions([item_id]).tolist()
        return position >= 0 and project.queue.has_closed(position, annotator)

    def _all(self) -> list[Thread]:
        project = self._project
        with project.state.lock:
            project.refresh()
            return list(reversed(project.state.threads.values()))

    def _find(self, thread: Thread | str) -> Thread:
        id = getattr(thread, "id", thread)
        found = next((one for one in self._all() if one.id == id), None)
        if found is None:
            raise BadInput(f"thread {id!r:.90} isn't in the log; wb.people.threads().table['thread'] has the ids of "
                           "all threads.")
        return found

    def __iter__(self) -> Iterator[Thread]:
        return iter([thread for thread in self._all() if self._may_read(thread, self._reader)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, thread: Thread | str) -> Thread:
        found = self._find(thread)
        if not self._may_read(found, self._reader):
            raise BadInput(f"thread {found.id!r} is about item {found.item_id!r}, which {self._reader!r} hasn't "
                           "answered yet: nobody reads what others think of an item before their own answer. Answer "
                           "the item first; whoever may adjudicate reads it in wb.people.threads(all_items=True).")
        return found

    @property
    def _left_out(self) -> str:
        """A sentence about threads that aren't listed; empty if all are."""
        n = sum(not self._may_read(thread, self._reader) for thread in self._all())
        return "" if not n else f"{n:,} more about {'an item' if n == 1 else 'items'} that you haven't answered yet"

    def __repr__(self) -> str:
        threads, left_out = list(self), self._left_out
        settled = sum(thread.is_settled(self._project.lineage) for thread in threads)
        return f"<{len(threads)} threads, {settled} settled{left_out and '; '}{left_out}>"

    def _repr_html_(self) -> str:
        lineage, threads, rows = self._project.lineage, list(self), []
        for thread in threads[:_HTML_THREADS]:
            label, last = thread.label_today(lineage), thread.answers[-1:]
            rows.append((f"{thread.asked_at:%Y-%m-%d %H:%M}", thread.asked_by, thread.item_id or "",
                         "" if label is None else lineage.today.name_of(label.id), thread.text,
                         f"{last[0].annotator}: {last[0].text}" if last else "no answer yet",
                         "settled" if thread.is_settled(lineage) else "open"))
        more = len(threads) - len(rows)
        return html.page("Questions", html.table(["asked", "by", "item", "label", "question", "last answer", ""], rows),
                         *([html.paragraph(f"and {more:,} more")] if more else []),
                         *([html.paragraph(f"There {'is' if said.startswith('1 ') else 'are'} {said}.")]
                           if (said := self._left_out) else []))

    # -- events -----------------------------------------------------------------------------------------------

    def _label_of(self, label: str, act_id: str | None) -> Label:
        """Find one of today's labels; for an act that is sent again, the label that it named at that time."""
        lineage = self._project.lineage
        stored = None if act_id is None else self._project.log.get(check_event_id(act_id))
        if stored is not None and stored.kind == "thread" and lineage.means(
                label, stored.body.get("label_id"), stored.body.get("taxonomy")):
            return lineage.versions[stored.body["taxonomy"]].label(label)
        self._project.refresh()
        return self._project.taxonomy.label(label)

    # The parts of an event; each act leaves some out.
    def _event(self, act: Act, text: str, *, of: Thread | None = None, id: str | None,
               annotator: str | None, acted_at: datetime | None, item_id: str | None = None,
               label_id: str | None = None, may_be_empty: bool = False) -> Event:
        project = self._project
        text, annotator = check_text(text, may_be_empty=may_be_empty), project.who(annotator)
        project.require_for(annotator)
        body: dict[str, Any] = {"act": act, "taxonomy": project.taxonomy.version}
        if of is not None:
            item_id, label_id = of.item_id, of.label_id
            body["thread"] = of.id
        for name, value in (("text", text), ("label_id", label_id)):
            if value:
                body[name] = value
        return Event(id=check_event_id(id or new_id()), kind="thread",
                     annotator=annotator, acted_at=acted_at or utc_now(), item_id=item_id, body=body)

    def _store(self, event: Event) -> Thread:
        project = self._project
        stored = project.log.get(event.id)
        if stored is not None and stored.kind == "thread":  # sent again, perhaps after an edit of the taxonomy
            event = replace(event, body={**event.body, "taxonomy": stored.body["taxonomy"]})
        project.note_thread(event)
        return self._find(event.body.get("thread", event.id))

    def _again(self, stored: Event, act: Act, thread: Thread) -> Thread:
        if stored.kind != "thread" or stored.body["act"] != act or stored.body.get("thread") != thread.id:
            raise BadInput(f"event id {stored.id!r} is in the log already and says something else. A new act needs a "
                           "new id; leave id out to get one.")
        return self._find(thread.id)

    def _edits(self, thread: Thread, into: Any, *, text: str | None, item_id: str | None, label: str | None
               ) -> Callable[[Taxonomy], list[Edit]]:
        """A function from a taxonomy to the edits; it is called again if somebody else's edit comes first."""
        if not isinstance(into, str):
            edits = as_list(into)
            return lambda taxonomy: edits
        known = ("definition", *_EXAMPLES, *EDGE_CASES)
        if into not in known:
            raise BadInput(f"into is {into!r}; one of {', '.join(known)}, an edit or None is expected.")
        today = self._project.taxonomy.label(label) if label is not None else thread.label_today(self._project.lineage)
        if today is None:
            raise BadInput("the thread is about no label of today; pass label=..., whose guideline it belongs to.")
        label_id = today.id
        if into == "definition":
            sentence = str(text).strip()
            return lambda taxonomy: [_with_sentence(taxonomy, label_id, sentence)]
        given = item_id if item_id is not None else thread.item_id
        if given is None:
            raise BadInput(f"the thread is about no item, and {into!r} takes one; pass item_id=, such as "
                           "item_id='img-0017.png'.")
        name = given
        if self._project.has_pool and thread.item_id != given:
            name = str(self._project.pool.ids[self._project.pool.position(given)])
        return lambda taxonomy: [_with_example(taxonomy, label_id, into, name)]


def check_text(text: str, *, may_be_empty: bool = False) -> str:
    """Return a text without surrounding space; BadInput when it is empty, too long, or not plain text."""
    if not isinstance(text, str) or not is_text(text):
        raise BadInput(f"text is {text!r:.80}; plain text is expected, without NUL characters "
                       "and without unpaired surrogates.")
    text = text.strip()
    if not text and not may_be_empty:
        raise BadInput("text is empty; say what the question or the answer is.")
    if len(text) > LONGEST_TEXT:
        raise BadInput(f"text has {len(text):,} characters; at most {LONGEST_TEXT:,} are expected.")
    return text


def _with_sentence(taxonomy: Taxonomy, label_id: str, sentence: str) -> Edit:
    former = taxonomy.label(label_id).definition
    # Somebody else may have settled the same question meanwhile.
    ends = tuple(".!?")
    there = f" {former}".endswith(f" {sentence}") or (sentence.endswith(ends) and f" {sentence} " in f" {former} ")
    return describe(taxonomy.name_of(label_id), definition=former if there else f"{former} {sentence}".strip())


def _with_example(taxonomy: Taxonomy, label_id: str, into: str, name: str) -> Edit:
    label = taxonomy.label(label_id)
    if into in _EXAMPLES:
        field = _EXAMPLES[into]
        return describe(taxonomy.name_of(label_id), **{field: _once((*getattr(label, field), name))})
    cases = dict(label.edge_cases)
    return describe(taxonomy.name_of(label_id), edge_cases={**cases, into: _once((*cases.get(into, ()), name))})


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _name_then(thread: Thread, lineage: Lineage) -> str:
    label = thread.label_today(lineage)
    if label is not None:
        return lineage.today.name_of(label.id)
    then = lineage.versions.get(thread.taxonomy)
    return then.name_of(str(thread.label_id)) if then is not None and thread.label_id in then else str(thread.label_id)


def _short(text: str, most: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most - 1] + "…"
