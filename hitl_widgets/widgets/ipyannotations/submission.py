"""Submissions of labellers, turned into the arguments of a decision on one label or on several.

`answers_for` chooses the class that reads a labeller: `OneLabel`; `SeveralLabels`, which also turns on the suggested
labels; or `object_answers.ObjectAnswers`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import ipyannotations.generic
import numpy as np
import traitlets

from ...errors import BadInput, UnknownLabel
from ...project.evidence import seen_of
from ...records import OBJECT_TASKS, SHAPE_OF, Seen, judge
from ...taxonomy.label_sets import members, set_id
from ...taxonomy.labels import Taxonomy
from ..host import CardHost
from ..packing import SHOWN
from ..window import Entry
from .canvas import kind_of
from .object_answers import ObjectAnswers
from .repairs import is_a_caption
from .span_answers import SpanAnswers

PLURALS: dict[str, str] = {kind: task for task, kind in SHAPE_OF.items()}


class Answers(Protocol):
    """Reads what a labeller submits."""

    # The version for which the choices were made: a name keeps its meaning, even if a later edit changes it.
    taxonomy: Taxonomy
    # Widgets below the labeller.
    controls: Sequence[Any]
    # Message about the last submission, beside what was stored.
    remark: str

    def notices(self) -> list[str]:
        """List what to know before the first item; BadInput if the labeller doesn't fit the taxonomy."""

    def show(self, entry: Entry) -> None:
        """Prepare the labeller for an item that it now shows."""

    def arguments(self, value: Any, entry: Entry) -> dict[str, Any]:
        """Make the arguments of `CardHost.decide`; BadInput for a submission that can't be stored."""

    def close(self) -> None:
        """Stop watching the labeller, and undo what this reader changed in its functions."""


def answers_for(host: CardHost, widget: Any) -> Answers:
    """Make the reader of a labeller in a project.

    Raises
    ------
    BadInput
        When the project asks only for values of attributes, or when the labeller doesn't fit it: one label where items
        may have several, objects in place of labels, or labels in place of objects.
    """
    task = getattr(host, "task", "classify")
    if task in OBJECT_TASKS:
        return SpanAnswers(host, widget) if task == "spans" and kind_of(widget) == "span" else \
            ObjectAnswers(host, widget)
    if (kind := kind_of(widget)) is not None:
        raise BadInput(f"view is a {type(widget).__name__}, and this project asks for no {PLURALS[kind]}; make one "
                       f"with task={PLURALS[kind]!r}, or take a labeller that gives labels.")
    if task == "scale":
        raise BadInput("this project asks for values of attributes, and a labeller gives labels. Leave view out to get "
                       "the card.")
    if task != "multilabel":
        return OneLabel(host, widget)
    if isinstance(widget, ipyannotations.generic.ClassLabeller):
        raise BadInput(f"view is a {type(widget).__name__}, which gives one label, and an item of this project may "
                       "have several. Take a MulticlassLabeller(options=wb.taxonomy.names) of the same module.")
    return SeveralLabels(host, widget)


class OneLabel:
    """Reads a labeller that gives one label an item. It shows no suggestion.

    Parameters
    ----------
    host : CardHost
    widget : ipywidget
    """

    def __init__(self, host: CardHost, widget: Any) -> None:
        self._host, self._widget, self.taxonomy = host, widget, host.taxonomy
        self.controls: Sequence[Any] = ()
        self.remark = ""

    def notices(self) -> list[str]:
        """List what to know before the first item; BadInput if no choice is a label."""
        options = getattr(self._widget, "options", None)
        if options is None:
            return []
        taxonomy, offered, odd = self.taxonomy, *_options(self._widget, self.taxonomy)
        cure = _cure(self._widget)
        if not offered:
            raise BadInput(f"the labeller's options ({some(odd) or 'none'}) have no label of taxonomy "
                           f"v{taxonomy.version}, which has: {some(taxonomy.names)}. To label with these, {cure}.")
        notices = [_odd(odd, taxonomy, cure)] if odd else []
        if missing := [taxonomy.name_of(label.id) for label in taxonomy if label.id not in offered]:
            notices.append(f"Labels that the labeller doesn't offer: {some(missing)}. To have them, {cure}.")
        return notices

    def show(self, entry: Entry) -> None:
        """Do nothing: every item is blind."""

    def close(self) -> None:
        """Do nothing."""

    def arguments(self, value: Any, entry: Entry) -> dict[str, Any]:
        """Make the arguments of `CardHost.decide`; BadInput for a submission that can't be stored."""
        name = None if value is None else self._chosen(value)
        taxonomy, label_id = self._meant(name)
        seen = _hidden(entry, taxonomy)
        if name is None:
            return {"verdict": "skip", "seen": seen}
        if label_id is None:
            return {"verdict": "unsure", "flags": ("not_in_taxonomy",), "note": name, "seen": seen}
        verdict, label_id = judge(None, label_id, seen)
        return {"verdict": verdict, "label": label_id, "seen": seen}

    def _chosen(self, value: Any) -> str:
        """Find the one name that was chosen."""
        names = _names(value)
        if len(names) > 1:
            raise BadInput(f"{len(names)} labels were chosen ({', '.join(names)}), and an item keeps one. "
                           "Leave the best one chosen, or press Skip.")
        if not names or not names[0].strip() or is_a_caption(names[0], self._widget):
            raise BadInput("no label was chosen. Choose one, or press Skip.")
        return names[0].strip()

    def _meant(self, name: str | None) -> tuple[Taxonomy, str | None]:
        """Find the taxonomy that has this name, and its label_id there; None if none has it."""
        for taxonomy in (self.taxonomy, self._host.taxonomy):
            if name is not None and _has(taxonomy, name):
                return taxonomy, taxonomy.answer(name).id
        return self.taxonomy, None


class SeveralLabels:
    """Reads a labeller that gives a list of labels, and switches the suggested ones on unless the item is blind.

    Parameters
    ----------
    host : CardHost
    widget : ipywidget
        If it has a list `data` of the labels that are on, as `MulticlassLabeller` does, suggestions are put there, and
        the person's changes are recorded. Without it every item is blind.

    Notes
    -----
    Choosing no label is an answer, too: the item has none of the labels. So a labeller has to offer every label;
    otherwise each answer would deny labels that nobody was asked about.
    """

    def __init__(self, host: CardHost, widget: Any) -> None:
        self._host, self._widget, self.taxonomy = host, widget, host.taxonomy
        self.controls: Sequence[Any] = ()
        self.remark = ""
        self._shows = isinstance(getattr(type(widget), "data", None), traitlets.List)
        self._entry: Entry | None = None
        self._seen, self._touched, self._showing, self._watches = Seen(hidden=True), set[str](), False, False

    def notices(self) -> list[str]:
        """List what to know before the first item; BadInput if a label isn't offered."""
        notices = []
        if getattr(self._widget, "options", None) is not None:
            taxonomy, offered, odd = self.taxonomy, *_options(self._widget, self.taxonomy)
            cure = _cure(self._widget)
            if missing := [taxonomy.name_of(label.id) for label in taxonomy if label.id not in offered]:
                raise BadInput(f"the labeller doesn't offer {some(missing)}, and what isn't chosen counts as off; "
                               f"{cure}.")
            notices = [_odd(odd, taxonomy, cure)] if odd else []
        if self.taxonomy.attributes:
            names = [attribute.name for attribute in self.taxonomy.attributes]
            notices.append(f"A labeller doesn't ask for attributes ({some(names)}); the card does.")
        return notices

    def show(self, entry: Entry) -> None:
        """Switch on the suggested labels that the labeller offers."""
        self._entry, self._seen = entry, self._would_show(entry)
        if not self._shows:
            return
        if not self._watches:
            self._widget.observe(self._on_data, "data")
            self._watches = True
        on = set(members(self._seen.visible_suggestion))
        offered, _ = _options(self._widget, self.taxonomy)
        self._showing = True
        try:
            self._widget.data = [option for label_id, option in offered.items() if label_id in on]
        finally:
            self._showing, self._touched = False, set()

    def close(self) -> None:
        """Stop watching the labeller."""
        if self._watches:
            self._widget.unobserve(self._on_data, "data")
            self._watches = False

    def arguments(self, value: Any, entry: Entry) -> dict[str, Any]:
        """Make the arguments of `CardHost.decide`; BadInput for a submission that can't be stored."""
        # `show` isn't called for an item that the labeller can't display.
        seen = self._seen if self._entry is entry else replace(self._would_show(entry), hidden=True)
        if value is None:
            return {"verdict": "skip", "seen": seen}
        names = list(dict.fromkeys(name.strip() for name in _names(value) if name.strip()))
        odd = [name for name in names if not any(_has(one, name) for one in (self.taxonomy, self._host.taxonomy))]
        taxonomy, chosen = self._meant([name for name in names if name not in odd])
        seen = replace(seen, taxonomy=taxonomy.version)
        touched = [label_id for name in sorted(self._touched) if _has(taxonomy, name)
                   for label_id in [taxonomy.answer(name).id]] if self._shows else None
        if odd:
            return {"verdict": "unsure", "label": set_id(chosen) if chosen else None, "flags": ("not_in_taxonomy",),
                    "note": ", ".join(odd), "seen": seen, "touched": touched}
        verdict, label_id = judge(None, set_id(chosen), seen)
        return {"verdict": verdict, "label": label_id, "seen": seen, "touched": touched}

    def _on_data(self, change: Any) -> None:
        if not self._showing:
            self._touched |= set(change["old"]) ^ set(change["new"])

    def _would_show(self, entry: Entry) -> Seen:
        """What the person sees of an item: the suggested labels, without a map."""
        prediction, item = entry.prediction, entry.item
        if prediction is not None and not np.isfinite(prediction.probs).all():
            prediction = None
        seen = seen_of(item, prediction, taxonomy=self.taxonomy.version)
        if seen.arm == "answer_first":  # nothing is shown once the person has answered
            seen = replace(seen, arm=None, arm_probability=None)
        suggestion = None if seen.suggestion is None else \
            set_id(one for one in members(seen.suggestion) if one in self.taxonomy)
        probs = {label_id: p for label_id, p in seen.probs.items() if label_id in self.taxonomy}
        return replace(seen, suggestion=suggestion, probs=probs, hidden=seen.hidden or not self._shows)

    def _meant(self, names: Sequence[str]) -> tuple[Taxonomy, list[str]]:
        """Find the taxonomy that has these names, and their ids; today's if a name belongs to a label added since."""
        former, today = self.taxonomy, self._host.taxonomy
        chosen = [former.answer(name).id if _has(former, name) else today.answer(name).id for name in names]
        if all(_has(former, name) for name in names):
            return former, chosen
        if gone := [name for name, label_id in zip(names, chosen, strict=True) if label_id not in today]:
            raise BadInput(f"{some(gone)} is no label of taxonomy v{today.version}, which has the others. Turn it off, "
                           "or run wb.review(view=...) again with options=wb.taxonomy.names.")
        return today, chosen


def _names(value: Any) -> list[str]:
    """Find the names in what was submitted."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"the labeller gave {reprlib.repr(value)}; a label's name is expected, or None for a skip. "
                       "Objects are kept in a project with task='boxes', 'polygons', 'points' or 'spans'.")
    return list(names)


def _options(widget: Any, taxonomy: Taxonomy) -> tuple[dict[str, str], list[str]]:
    """Sort a labeller's options: label_id -> option, and those that the taxonomy doesn't have."""
    offered, odd = dict[str, str](), []
    for option in map(str, getattr(widget, "options", None) or ()):
        try:
            offered.setdefault(taxonomy.answer(option).id, option)
        except UnknownLabel:
            odd.append(option)
    return offered, odd


def _cure(widget: Any) -> str:
    return f"make it with {type(widget).__name__}(options=wb.taxonomy.names)"


def _odd(odd: Sequence[str], taxonomy: Taxonomy, cure: str) -> str:
    return f"No labels of taxonomy v{taxonomy.version}: {some(odd)}. They are kept as unsure with the flag " \
           f"not_in_taxonomy; add them with wb.apply(edits.add(...)), or {cure}."


def _has(taxonomy: Taxonomy, name: str) -> bool:
    """Tell whether any label has this name, even if several have it or it may not be an answer."""
    return name in taxonomy or any(label.name == name for label in taxonomy.labels)


def _hidden(entry: Entry, taxonomy: Taxonomy) -> Seen:
    """The model's hidden suggestion for an item that is shown blind."""
    prediction, chosen_by = entry.prediction, entry.item.chosen_by
    suggestion = None if prediction is None else prediction.suggestion
    if prediction is None or suggestion is None or suggestion not in taxonomy \
            or not np.isfinite(prediction.probs).all():
        return Seen(hidden=True, taxonomy=taxonomy.version, chosen_by=chosen_by)
    probs = {label_id: p for label_id, p in prediction.top(SHOWN).items() if label_id in taxonomy}
    return Seen(suggestion=suggestion, probs=probs, hidden=True, model=prediction.model,
                taxonomy=taxonomy.version, chosen_by=chosen_by)


def some(names: Sequence[str], most: int = 8) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
