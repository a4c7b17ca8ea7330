"""The guideline of a label: what its annotators should know when they decide. Read `guideline_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..drawing import html
from .threads import Thread, Threads

if TYPE_CHECKING:
    from .project import Project


@dataclass(frozen=True)
class Guideline:
    """What annotators of a label should know.

    Parameters
    ----------
    label_id, label, path : str
        The label, its name, and its name after those of the labels above it.
    version : int
        Version of the taxonomy.
    definition : str
        When an item has this label and no other.
    examples, counter_examples : tuple of str
        Item ids or images.
    edge_cases : mapping of str to tuple of str
        Examples that are hard to recognise: one of `EDGE_CASES`, the reason -> item ids or images.
    link : str
        A web address with more about it.
    sensitive : str or None
        Why the label needs care; None if it doesn't.
    purpose : str
        What the project is for, in its owner's words; empty if not stated.
    threads : tuple of Thread
        The questions about the label that the reader may see, the newest first.
    """

    label_id: str
    label: str
    path: str
    version: int
    definition: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    edge_cases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link: str = ""
    sensitive: str | None = None
    purpose: str = ""
    threads: tuple[Thread, ...] = ()

    def _repr_html_(self) -> str:
        named = {"examples": self.examples, "counter-examples": self.counter_examples, **self.edge_cases}
        rows = [(case, ", ".join(names)) for case, names in named.items() if names]
        rows += [("question", f"{thread.asked_by}: {thread.text}") for thread in self.threads]
        parts = [text for text in (self.definition, self.sensitive and f"Sensitive: {self.sensitive}", self.link,
                                   self.purpose and f"What the project is for: {self.purpose}") if text]
        return html.page(self.path, *map(html.paragraph, parts), *([html.table(["", ""], rows)] if rows else []))


def guideline_of(project: Project, label: str, annotator: str) -> Guideline:
    """Gather the guideline of a label for an annotator.

    Parameters
    ----------
    project : Project
    label : str
        Its name, path or id.
    annotator : str
        Who reads it.

    Raises
    ------
    UnknownLabel
        When there is no such label today.
    """
    with project.state.lock:
        taxonomy = project.taxonomy
        entry = taxonomy.label(label)
        threads = tuple(Threads(project).visible_to(annotator, label=entry.id))
    return Guideline(entry.id, taxonomy.name_of(entry.id), taxonomy.path(entry.id), taxonomy.version, entry.definition,
                     entry.examples, entry.counter_examples, entry.edge_cases, entry.link, entry.sensitive,
                     project.state.policy.get("purpose") or "", threads)
