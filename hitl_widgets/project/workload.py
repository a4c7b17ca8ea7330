"""The workload: how many items are assigned to whom, and how many of them are left. Read `workload` first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..records import utc_now
from .assignments import in_words

if TYPE_CHECKING:
    from .project import Project

COLUMNS = ["annotator", "asked", "assigned", "answered", "left", "nobody_else", "last_acted_at"]
# Number of days without an answer after which a person is reported as absent.
ABSENT_DAYS = 14
# Roles with which nobody answers.
_HAS = {"none": "has no role in this project", "guest": "is a guest"}


def workload(project: Project) -> tuple[pd.DataFrame, list[str]]:
    """Count the items that are assigned to each person, and report items that nobody answers.

    Returns
    -------
    table : DataFrame
        One row for each person with an assignment: annotator; asked, what their items have in common; assigned, the
        number of items now; answered, how many of these they have answered; left, how many they may still be asked;
        nobody_else, how many of these only they may be asked; last_acted_at, the time of their last current answer.
    lines : list of str
        A sentence for each reason why items aren't answered.
    """
    project.require_pool()
    project.refresh()
    state, rows, last = project.state, list[tuple[object, ...]](), last_acted(project)
    with state.lock:
        assignments, queue = state.assignments, state.queue
        able = assignments.able()
        open_to = {name: queue.is_open(name) & mask & (name in able) for name in assignments.by_annotator
                   if (mask := assignments.covered(name)) is not None}
        n_open = sum((mask.astype(np.int32) for mask in open_to.values()), np.zeros(len(project.pool), np.int32))
        exclusive = assignments.exclusive()
        for name, one in assignments.by_annotator.items():
            mask = assignments.covered(name)
            assert mask is not None
            left = open_to[name]
            alone = left & (n_open == 1) & (exclusive if exclusive is not None else False)
            answered = mask & queue.is_closed(name)
            rows.append((name, in_words(one, project.lineage), int(mask.sum()), int(answered.sum()), int(left.sum()),
                         int(alone.sum()), last[name]))
        lines = [] if exclusive is None else _stuck(project, exclusive & queue.is_wanted(), {
            name: mask for name, mask in open_to.items() if name in able}, last)
        lines += [f"{name} {_HAS[state.roles.of(name)]} and can't answer any more: what is assigned to {name} is asked "
                  f"of everybody else. wb.people.assign({name!r}, None) ends the assignment."
                  for name in assignments.by_annotator if name not in able]
        lines += [f"This pool has no column {column!r}, by which items are assigned: the items that this concerns are "
                  "asked of everybody." for column in assignments.missing_columns()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["last_acted_at"] = pd.to_datetime(table["last_acted_at"], utc=True)
    return table, lines


def asked_in_words(project: Project, annotator: str) -> str | None:
    """Tell a person which items are assigned to them, and how many are done; None if none are assigned."""
    state = project.state
    if not project.has_pool or (one := state.assignments.by_annotator.get(annotator)) is None:
        return None
    with state.lock:
        mask = state.assignments.covered(annotator)
        assert mask is not None
        n, n_answered = int(mask.sum()), int((mask & state.queue.is_closed(annotator)).sum())
        n_left = int((mask & state.queue.is_open(annotator)).sum())
        words = in_words(one, project.lineage)
    first = "You are asked these items" if one.only else "You are asked these items first, and others are asked too"
    return f"{first} ({words}): {n_answered:,} of {n:,} answered" + (
        "." if n_left == n - n_answered else f", {n_left:,} left.")


def last_acted(project: Project) -> dict[str, pd.Timestamp | None]:
    """The time of the last current answer of each person with an assignment; None if they have none."""
    log, found = project.log, dict[str, pd.Timestamp | None]()
    for name in list(project.state.assignments.by_annotator):
        newest = [event for item_id in log.recent_items(name, 1)
                  if (event := log.standing_of(item_id, name)) is not None]
        found[name] = pd.Timestamp(newest[0].acted_at) if newest else None
    return found


def _stuck(project: Project, wanted: npt.NDArray[np.bool_], open_to: Mapping[str, npt.NDArray[np.bool_]],
           last: Mapping[str, pd.Timestamp | None]) -> list[str]:
    """Report how many items that need an answer are asked of nobody, or only of people who are absent."""
    since, lines = utc_now() - timedelta(days=ABSENT_DAYS), list[str]()
    absent = {name: "has answered nothing yet" if at is None else f"answered last on {at:%Y-%m-%d}"
              for name in open_to if (at := last[name]) is None or at < since}
    by_present, by_absent = (sum((mask.astype(np.int32) for name, mask in open_to.items()
                                  if (name in absent) == is_absent), np.zeros(len(wanted), np.int32))
                             for is_absent in (False, True))
    for name, what in absent.items():
        if n := int((wanted & (by_present == 0) & (by_absent == 1) & open_to[name]).sum()):
            lines.append(f"{_items(n)} asked of {name} alone, who {what}.")
    if n := int((wanted & (by_present == 0) & (by_absent > 1)).sum()):
        who = "; ".join(f"{name} {what}" for name, what in absent.items())
        lines.append(f"{_items(n)} asked only of people who have answered nothing yet, or nothing for {ABSENT_DAYS} "
                     f"days: {who}.")
    if n := int((wanted & (by_present == 0) & (by_absent == 0)).sum()):
        lines.append(f"{_items(n)} asked of nobody any more, though more answers are wanted: all to whom they are "
                     "assigned have answered them. Assign them to somebody else too.")
    return [f"{line} wb.people.assign(name, None) ends an assignment." if place == 0 else line
            for place, line in enumerate(lines)]


def _items(n: int) -> str:
    return "1 item is" if n == 1 else f"{n:,} items are"
