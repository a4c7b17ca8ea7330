"""Adaptive answer-first: people who follow wrong suggestions answer before they see any. Read `adapt` first.

The owner sets a threshold for automation bias (`adaptive` in the policy). If the whole interval of a person's bias lies
above the threshold, the person is told so, and from then on answers most items before seeing a suggestion. If the
interval of one suggested label, over all people, lies above it, everybody does so for items with this suggestion. An
event of kind "told" records the bias. Setting another value of `adaptive` ends the measure.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..events import Event
from ..quality.votes_about import names_of_states
from ..records import utc_now

if TYPE_CHECKING:
    from .answers import Answers
    from .project import Project

ADAPTIVE = "adaptive"
PERSON = "Your answers follow wrong suggestions more often than they give the same label unseen ({figure}). From now " \
         "on you answer most items first, and see suggestion and map then; you may change your answer."
LABEL = "Answers follow the suggestion {label!r} where it is wrong, more often than they give it unseen ({figure}). " \
        "From now on you answer most items with it first, and see suggestion and map then; you may change your answer."


def adapt(project: Project, annotator: str) -> list[str]:
    """Tell a person which items they answer before seeing a suggestion from now on; return the new notices.

    Parameters
    ----------
    project : Project
    annotator : str
    """
    project.refresh()
    threshold = project.state.policy.get(ADAPTIVE)
    if threshold is None:
        return []
    from ..quality.suggestion_effect import automation_bias  # few projects need it, and it takes a while
    taxonomy = project.taxonomy
    gold = {item_id: taxonomy.name_of(label_id) for item_id, label_id in project.gold(whole=True).items()}
    answers = project.answers()
    bias = automation_bias(answers.cards(), gold)
    per_label = bias.per_label if project.task != "multilabel" else _of_each_label(project, answers)
    there, told = where(project, annotator), []
    rows: list[tuple[str | None, pd.Series]] = []
    if annotator in bias.per_annotator.index:
        rows.append((None, bias.per_annotator.loc[annotator]))
    rows += [(taxonomy.label(str(name)).id, row) for name, row in per_label.iterrows() if name in taxonomy.names]
    for label_id, row in rows:
        if label_id in there or not row["effect_low"] > threshold:
            continue
        figure = f"{row['effect']:+.2f}, {row['effect_low']:+.2f} to {row['effect_high']:+.2f}"
        text = PERSON.format(figure=figure) if label_id is None else \
            LABEL.format(label=taxonomy.name_of(label_id), figure=figure)
        since = project.state.agreements.set_by[ADAPTIVE]
        about = f"{annotator}\0{since}\0{label_id}".encode()
        project.take_in(Event(
            id=f"told-first-{blake2b(about, digest_size=12).hexdigest()}", kind="told", annotator=annotator,
            acted_at=utc_now(), body={"kind": "word", "text": text, "answer_first": {
                "policy": since, "label_id": label_id, "taxonomy": taxonomy.version, "threshold": threshold,
                "effect": [float(row[name]) for name in ("effect", "effect_low", "effect_high")]}}))
        told.append(text)
    return told


def _of_each_label(project: Project, answers: Answers) -> pd.DataFrame:
    """The automation bias of each label, where an item may have several, over all cards that suggested it."""
    from ..quality.suggestion_effect import bias_by_label
    votes, truth = dict[str, pd.DataFrame](), dict[str, pd.Series]()
    cards = answers.cards_about_labels()
    for label_id in project.taxonomy.label_ids:
        on, off = names_of_states(name := project.taxonomy.name_of(label_id))
        votes[name] = cards[name][cards[name]["suggestion"] == on]
        truth[name] = pd.Series({item_id: on if is_on else off for item_id, given in dict(project.state.gold).items()
                                 if (is_on := project.lineage.label_states(*given).get(label_id)) is not None},
                                dtype=object)
    return bias_by_label(votes, truth)


def where(project: Project, annotator: str) -> set[str | None]:
    """The suggested labels (today's label_ids) that a person sees only after answering; None in it means all labels."""
    agreements = project.state.agreements
    if agreements.policy.get(ADAPTIVE) is None:
        return set()
    events: list[Any] = [event.body["answer_first"] for event in agreements.told.get(annotator, ())
                         if event.body.get("answer_first", {}).get("policy") == agreements.set_by[ADAPTIVE]]
    return {None if body["label_id"] is None else project.lineage.exactly(body["label_id"], body["taxonomy"]) or ""
            for body in events}
