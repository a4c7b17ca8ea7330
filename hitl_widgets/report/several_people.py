"""Figures over several annotators of a project: consensus, agreement, automation bias and schools of thought.

The functions of `quality` are applied to a project's votes. Readers who may not see names get pseudonyms beside votes,
and only their own rows in figures of single people. Where an item may have several labels, a figure is about whole
sets, each label, or one label; for an attribute it is about its values. Read `subject` first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..project.answers import Answers
from ..project.first_looks import first_looks
from ..project.labels_required import require_labels
from ..project.names import as_seen_by, own_rows, sees_names
from ..project.notices import FEWEST
from ..project.project import Project
from ..quality import agreement, automation_bias, consensus, schools
from ..quality.annotator_agreement import Agreement, Distance
from ..quality.by_label import ByLabel
from ..quality.crowd_consensus import Consensus
from ..quality.label_states import IN_WORDS, SetConsensus, set_bias, set_consensus
from ..quality.object_agreement import ObjectAgreement, agreement_objects
from ..quality.prefill import PrefillBias, prefill_bias
from ..quality.schools_of_thought import Schools
from ..quality.suggestion_effect import AutomationBias, bias_by_label
from ..quality.value_agreement import ValueAgreement, value_agreement
from ..quality.value_bias import ValueBias, value_bias
from ..quality.value_consensus import ValueConsensus, value_consensus
from ..quality.votes_about import names_of_states
from ..records import OBJECT_TASKS, Bars, no_bars
from ..taxonomy.attributes import Attribute
from ..taxonomy.label_sets import NONE_OF_THEM


@dataclass(frozen=True)
class Subject:
    """What a figure is about: the labels of items, one label of several, or an attribute.

    Attributes
    ----------
    votes : DataFrame
        The votes about it, with the names that the reader may see.
    kind : {"labels", "sets", "label", "choices", "scale"}
        "labels": one label per item; "sets": sets of labels; "label": whether one label of a set is on; "choices": one
        of an attribute's choices; "scale": a value on its scale.
    names : list or None
        All possible labels or choices, in order; None for sets and scales.
    label_id : str or None
        Id of the label, if the figure is about one label.
    attribute : Attribute or None
    """

    votes: pd.DataFrame
    kind: Literal["labels", "sets", "label", "choices", "scale"]
    names: list[str] | None = None
    label_id: str | None = None
    attribute: Attribute | None = None

    @property
    def values(self) -> pd.DataFrame:
        """The votes about a scale as values: item_id, annotator, value, and further columns."""
        return self.votes.rename(columns={"label": "value", "suggestion": "suggested"})


# 14 branches: one for each request that doesn't fit the project, and for each kind of subject.
def subject(project: Project, *, reader: str | None = None, label: str | None = None, attribute: str | None = None,
            answers: Answers | None = None) -> Subject:
    """Collect the votes for a figure.

    Parameters
    ----------
    project : Project
    reader : str, optional
        The person who reads the result: others get pseudonyms, unless the reader may see names. By default, names are
        shown.
    label : str, optional
        One label, by name or id, where an item may have several.
    attribute : str, optional
        Name or id. A project that asks for nothing but one attribute needs none.
    answers : Answers, optional
        The project's answers, if they were read already.

    Raises
    ------
    BadInput, UnknownLabel
        When there is no such label or attribute, or the project asks for something else.
    """
    taxonomy, task = project.taxonomy, project.task
    require_labels(project, "this figure is", "wb.objects(consensus=True), people.agreement() and people.bias() report "
                   "on objects")
    if label is not None and attribute is not None:
        raise BadInput("label and attribute were both given; a figure is about one of them.")
    if label is not None and task != "multilabel":
        raise BadInput("label=... asks about one of several labels, and an item of this project has one label at most; "
                       "leave it out.")
    if attribute is None and task == "scale":
        if len(taxonomy.attributes) > 1:
            names = ", ".join(repr(one.name) for one in taxonomy.attributes)
            raise BadInput(f"this project asks for several attributes; name one with attribute=...: {names}.")
        attribute = taxonomy.attributes[0].id
    answers = answers or project.answers()

    def seen(votes: pd.DataFrame) -> pd.DataFrame:
        return votes if reader is None else as_seen_by(project, votes, reader)

    if attribute is not None:
        about = taxonomy.attribute(attribute)
        votes = seen(answers.votes_about_attribute(about))
        return Subject(votes, "choices", list(about.choices), attribute=about) if about.kind == "choices" else \
            Subject(votes, "scale", attribute=about)
    if label is not None:
        label_id = taxonomy.answer(label).id
        return Subject(seen(answers.votes_about(label_id)), "label", list(names_of_states(taxonomy.name_of(label_id))),
                       label_id=label_id)
    return Subject(seen(answers.all_votes()), "sets" if task == "multilabel" else "labels", answers.names)


def known_of(project: Project, about: Subject) -> pd.Series:
    """The known answers to what a figure is about, by item: names of labels, or values."""
    name_of = project.taxonomy.name_of
    known: dict[str, Any]
    if about.attribute is not None:
        known = {item_id: values[about.attribute.id] for item_id, values in project.gold_values().items()
                 if about.attribute.id in values}
    elif about.label_id is not None:
        on, off = names_of_states(name_of(about.label_id))
        known = {item_id: on if is_on else off for item_id, given in dict(project.state.gold).items()
                 if (is_on := project.lineage.label_states(*given).get(about.label_id)) is not None}
    else:
        known = {item_id: name_of(label_id) for item_id, label_id in project.gold(whole=True).items()}
    return pd.Series(known, dtype=object)


def consensus_of(project: Project, reader: str, method: str = "auto", *, label: str | None = None,
                 attribute: str | None = None) -> Consensus | ValueConsensus | SetConsensus:
    """The consensus of all annotators; see `Workbench.people.consensus`."""
    answers = project.answers()
    about = subject(project, reader=reader, label=label, attribute=attribute, answers=answers)
    if about.kind == "scale":
        assert about.attribute is not None
        values = value_consensus(about.values, method, scale=about.attribute.scale)
        return replace(values, annotators=own_rows(project, values.annotators, reader))
    if about.kind == "sets":
        return _of_sets(project, reader, answers, method)
    votes = about.votes if about.attribute is not None or about.label_id is not None else \
        answers.decided(about.votes)
    found = consensus(votes, method, about.names)
    return _own(project, reader, _with_model(found, _cards(project, about, answers), len(about.votes),
                                             about.names or ()))


def _with_model(found: Consensus, cards: pd.DataFrame, n_votes: int, names: Sequence[str]) -> Consensus:
    """A consensus whose accuracy of the model rests on all cards, under the labels of then where an edit left doubts.

    Of the items that stay decided after an edit, few have a suggestion in doubt: the model would look too good on them.
    """
    if math.isnan(found.model) or (len(cards) == n_votes and not cards[["label_in_doubt", "suggestion_in_doubt"]
                                                                       ].to_numpy().any()):
        return found
    every = set(cards["label"].dropna()) | set(cards["suggestion"].dropna())
    return replace(found, model=consensus(cards, found.method, [*names, *sorted(every - set(names))]).model)


def states_of(project: Project, reader: str | None = None, answers: Answers | None = None) -> pd.DataFrame:
    """The table of states that `quality.label_states` takes, with the labels' names in place of their ids."""
    answers = answers or project.answers()
    return _states({name: subject(project, reader=reader, label=name, answers=answers).votes
                    for name in project.taxonomy.names})


def _states(votes_by_name: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    parts = []
    for name, votes in votes_by_name.items():
        suggestion = votes["suggestion"].map(lambda said, on=name: said == on, na_action="ignore").astype(object)
        parts.append(votes.drop(columns="label").assign(label_id=name, value=votes["label"] == name,
                                                        suggestion=suggestion))
    return pd.concat(parts, ignore_index=True)


def _of_sets(project: Project, reader: str, answers: Answers, method: str) -> SetConsensus:
    names = project.taxonomy.names
    states, id_of = states_of(project, reader, answers), dict(zip(names, project.taxonomy.label_ids, strict=True))
    decided = [id_of[label] not in answers.undecided_labels.get(item_id, ()) for item_id, label in
               zip(states["item_id"], states["label_id"], strict=True)]
    found = set_consensus(states[np.array(decided, np.bool_)].reset_index(drop=True), method, names)
    cards, n_votes = answers.cards_about_labels(), states["label_id"].value_counts()
    by_label = {name: _with_model(one, cards[name], int(n_votes.get(name, 0)), names_of_states(name))
                for name, one in found.by_label.items()}
    labels = found.table["label_ids"]
    table = found.table.drop(columns=["label_id", "label_ids"])
    table.insert(1, "label", pd.Series([", ".join(of_item) or NONE_OF_THEM for of_item in labels], dtype=object))
    table.insert(2, "labels", labels)
    named = {"label_id": "label"}
    return replace(found, table=table, per_label=found.per_label.rename(columns=named),
                   annotators=own_rows(project, found.annotators.rename(columns=named), reader),
                   by_label={name: _own(project, reader, one) for name, one in by_label.items()})


def _own(project: Project, reader: str, found: Consensus) -> Consensus:
    copying = None if found.copying is None else own_rows(project, found.copying, reader)
    return replace(found, annotators=own_rows(project, found.annotators, reader), copying=copying)


def agreement_of(project: Project, reader: str, distance: Distance | None = None, *, label: str | None = None,
                 attribute: str | None = None) -> Agreement | ValueAgreement | ObjectAgreement:
    """How far annotators agree; see `Workbench.people.agreement`."""
    if project.task in OBJECT_TASKS:
        return _agreement_on_objects(project, reader, distance=distance, label=label, attribute=attribute)
    found = _agreement_on_labels(project, reader, distance, label=label, attribute=attribute)
    return found if sees_names(project, reader) else found.seen_by(reader, fewest=FEWEST)


def _agreement_on_labels(project: Project, reader: str, distance: Distance | None, *, label: str | None,
                         attribute: str | None) -> Agreement | ValueAgreement:
    answers = project.answers()
    about = subject(project, reader=reader, label=label, attribute=attribute, answers=answers)
    if about.kind == "scale":
        assert about.attribute is not None
        usual: Any = "ordinal" if about.attribute.kind == "ordinal" else "interval"
        return value_agreement(about.values, usual if distance is None else distance)  # type: ignore[arg-type]
    if about.kind == "sets":
        names_in = project.taxonomy.names_in
        votes = as_seen_by(project, answers.comparable_votes(), reader)
        sets = votes["label_id"].map(lambda label_id: names_in(label_id), na_action="ignore").astype(object)
        return agreement(votes.assign(label=sets), distance or "masi")
    return agreement(about.votes, distance or "nominal", labels=about.names)


def bias_of(project: Project, reader: str, truth: Any = None, *, label: str | None = None,
            attribute: str | None = None) -> AutomationBias | ValueBias | PrefillBias:
    """The effect of seeing the model's suggestion on people's answers; see `Workbench.people.bias`."""
    if project.task in OBJECT_TASKS:
        return _prefill(project, reader, truth=truth, label=label, attribute=attribute)
    answers = project.answers()
    about = subject(project, reader=reader, label=label, attribute=attribute, answers=answers)
    about = replace(about, votes=as_seen_by(project, _cards(project, about, answers), reader))
    if about.kind == "scale":
        of_values = value_bias(about.values, known_of(project, about) if truth is None else truth)
        return replace(of_values, per_annotator=own_rows(project, of_values.per_annotator, reader))
    found = automation_bias(about.votes, known_of(project, about) if truth is None else truth)
    if about.kind == "sets":
        found = _with_labels(found, project, reader, truth, answers)
    return replace(found, per_annotator=own_rows(project, found.per_annotator, reader))


def _cards(project: Project, about: Subject, answers: Answers) -> pd.DataFrame:
    """The cards of a subject: its votes, and those that an edit left in doubt."""
    if about.attribute is not None:
        return answers.cards_about_attribute(about.attribute)
    if about.label_id is not None:
        return answers.cards_about_labels()[project.taxonomy.name_of(about.label_id)]
    return answers.cards()


def _with_labels(found: AutomationBias, project: Project, reader: str, truth: Any, answers: Answers) -> AutomationBias:
    """The bias of sets, with that of each label; labels that an edit left in doubt have rows of their own."""
    cards = {name: as_seen_by(project, votes, reader) for name, votes in answers.cards_about_labels().items()}
    each = [(name, Subject(cards[name], "label", list(names_of_states(name)), label_id=label_id)) for name, label_id in
            zip(project.taxonomy.names, project.taxonomy.label_ids, strict=True)]
    known = {name: known_of(project, of_label) for name, of_label in each} if truth is None else {}
    per_label = bias_by_label(cards, known)
    kept = set_bias(_states(cards), pd.DataFrame(
        [(item_id, name, state == name) for name, states in known.items() for item_id, state in states.items()],
        columns=["item_id", "label_id", "value"]))
    return replace(found, per_label=per_label.join(kept.per_label.set_index("label_id")),
                   notes=(*found.notes, *(f"To {IN_WORDS[name]}, more often when it is seen: {figure}."
                                          for name, figure in kept.figures().items() if figure.n)))


def _agreement_on_objects(project: Project, reader: str, **unused: Any) -> ObjectAgreement:
    """How far annotators agree on the objects of the images that several of them answered for certain."""
    if given := [name for name, value in unused.items() if value is not None]:
        raise BadInput(f"{given[0]}= was given; for objects the figures are how many were found, named and placed "
                       "alike. Leave it out.")
    images = project.answers().reviewed_images(teaching=False)
    sizes = {item_id: (float(width), float(height)) for item_id, width, height in
             zip(images["item_id"], images["width"], images["height"], strict=True)}
    found = agreement_objects(as_seen_by(project, project.objects(), reader), sizes=sizes,
                              reviewed=as_seen_by(project, images[["item_id", "annotator"]], reader))
    return replace(found, annotators=own_rows(project, found.annotators, reader))


def _prefill(project: Project, reader: str, **unused: Any) -> PrefillBias:
    """The misses that proposals cause, where objects are asked for."""
    if given := [name for name, value in unused.items() if value is not None]:
        raise BadInput(f"{given[0]}= was given; where objects are asked for, what people find blind is the measure, "
                       "and .per_label has a row for each label. Leave it out.")
    found = prefill_bias(as_seen_by(project, first_looks(project), reader))
    return replace(found, per_annotator=own_rows(project, found.per_annotator, reader))


def schools_of(project: Project, reader: str, *, label: str | None = None, attribute: str | None = None,
               **how: Any) -> Schools | ByLabel[Schools]:
    """Whether people mean different things; see `Workbench.people.schools`."""
    answers = project.answers()
    about = subject(project, reader=reader, label=label, attribute=attribute, answers=answers)
    if about.kind == "scale":
        raise BadInput("schools of thought are looked for among labels and choices, not on a scale; "
                       "people.consensus(attribute=...).annotators says who answers high or low.")

    def of(votes: pd.DataFrame) -> Schools:
        found = schools(votes, **how)
        return found if sees_names(project, reader) else found.seen_by(reader)

    if about.kind == "sets":
        return ByLabel({name: of(subject(project, reader=reader, label=name, answers=answers).votes)
                        for name in project.taxonomy.names})
    return of(about.votes)


def consensus_table(project: Project, method: str = "auto", *, attribute: str | None = None,
                    bars: Bars = no_bars) -> pd.DataFrame:
    """The consensus of labels, or of values if an attribute is given or only values are asked.

    See `Workbench.consensus`.
    """
    require_labels(project, "this consensus is", "wb.objects(consensus=True) joins several people's objects")
    with bars(None, title="Finding the consensus"):
        if attribute is not None or project.task == "scale":
            return value_table(project, attribute, method)
        return project.answers().consensus(method)


def value_table(project: Project, attribute: str | None, method: str = "auto") -> pd.DataFrame:
    """The consensus of an attribute's values, item by item; see `Workbench.consensus`.

    Parameters
    ----------
    project : Project
    attribute : str or None
        Name or id; None for all attributes, with a column attribute.
    method : str
    """
    if attribute is None:
        tables = [value_table(project, one.id, method).assign(attribute=one.name)
                  for one in project.taxonomy.attributes]
        together = pd.concat([table.astype({"value": object}) for table in tables], ignore_index=True)
        together.insert(1, "attribute", together.pop("attribute"))
        return together.sort_values(["item_id", "attribute"], kind="stable", ignore_index=True)
    about = subject(project, attribute=attribute)
    if about.kind == "scale":
        assert about.attribute is not None
        found = value_consensus(about.values, method, scale=about.attribute.scale).table
        return found.rename(columns={"n": "n_answers"})[["item_id", "value", "low", "high", "n_answers", "spread"]]
    table = consensus(about.votes, "majority" if method == "auto" else method, about.names).table
    value = table["label"].where(~table["tied"], None)
    return pd.DataFrame({"item_id": table["item_id"], "value": value.astype(object), "share": table["share"],
                         "n_answers": table["n"], "tied": table["tied"]})

