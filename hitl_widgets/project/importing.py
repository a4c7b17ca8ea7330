"""Import of labels that people already have, from a DataFrame. Read `import_annotations` first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from .. import events
from ..errors import BadInput
from ..records import Decision, Seen, check_annotator, check_certainty, new_id, utc_now
from .project import Project


def import_annotations(project: Project, frame: pd.DataFrame, *, annotator: str = "import") -> int:
    """Store labels that people already have.

    Importing the same frame twice is importing it once, and what was retracted since isn't imported again.

    Parameters
    ----------
    project : Project
    frame : DataFrame
        Columns item_id (or id) and label; certainty, note, annotator and acted_at where there are any.
    annotator : str
        Who gave the labels, where the frame doesn't say.

    Returns
    -------
    int
        How many of the labels were new.

    Raises
    ------
    BadInput, UnknownItem, UnknownLabel
        With the number of the first row that can't be used; nothing was stored then.
    """
    if not isinstance(frame, pd.DataFrame):
        raise BadInput(f"import_annotations takes a DataFrame, not {type(frame).__name__}.")
    if "item_id" not in frame:
        frame = frame.rename(columns={"id": "item_id"})
    if missing := [name for name in ("item_id", "label") if name not in frame]:
        raise BadInput(f"the frame to import has columns {list(map(str, frame.columns))}; {missing} is missing.")
    pool, taxonomy, now = project.pool, project.taxonomy, utc_now()
    stands: dict[tuple[Any, Any], Any] = {(row.item_id, row.annotator): row
                                          for row in project.annotations().itertuples()}
    taken_back = _taken_back(project)
    batch: dict[tuple[str, str], events.Event] = {}
    for number, row in enumerate(frame.to_dict("records")):
        value = {name: None if not isinstance(v, str) and pd.isna(v) else v for name, v in row.items()}
        try:
            position = pool.position(value["item_id"])
            label = taxonomy.answer(str(value["label"]))
            who = check_annotator(value.get("annotator") or annotator)
            certainty, note = check_certainty(value.get("certainty")), value.get("note")
        except BadInput as error:
            raise type(error)(f"row {number} of the frame to import: {error}") from None
        item_id = str(pool.ids[position])
        former = stands.get((item_id, who))
        if former is not None and former.label_id == label.id and former.note == note \
                and (former.certainty == certainty or (certainty is None and pd.isna(former.certainty))):
            continue  # it stands already: importing the same frame twice is importing it once
        if (item_id, who, label.id, certainty, note) in taken_back:
            continue  # somebody undid just this: importing it again doesn't undo the undo
        batch[item_id, who] = events.decided(Decision(
            id=new_id(), item_id=item_id, annotator=who, verdict="answer", label=label.name, label_id=label.id,
            certainty=certainty, note=note, acted_at=_instant(value.get("acted_at"), now),
            replaces=None if former is None else former.decision_id,
            seen=Seen(taxonomy=taxonomy.version, chosen_by="import", scripted=True)),
            content=project.content(position))
    project.take_in(*batch.values())
    return len(batch)


def _taken_back(project: Project) -> set[tuple[Any, ...]]:
    """List what was imported and then retracted: (item_id, annotator, label_id, certainty, note)."""
    retracted: set[tuple[Any, ...]] = set()
    for event in project.log.events(kind="retracted"):
        decided = project.log.get(event.body["decision_id"])
        if decided is not None and decided.body.get("seen", {}).get("chosen_by") == "import":
            body = decided.body
            retracted.add((decided.item_id, decided.annotator, body["label_id"], body.get("certainty"),
                           body.get("note")))
    return retracted


def _instant(value: Any, otherwise: datetime) -> datetime:
    if value is None:
        return otherwise
    at = pd.Timestamp(value)
    instant: datetime = (at.tz_localize("UTC") if at.tzinfo is None else at).to_pydatetime()
    return instant
