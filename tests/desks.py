"""Desks: copies of one project on which people work apart, with random acts of every kind, for tests of joining."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from hitl_widgets import edits
from hitl_widgets.errors import HitlError
from hitl_widgets.items.pool import Pool
from hitl_widgets.objects.shapes import Box
from hitl_widgets.project.adjudication import Adjudication
from hitl_widgets.project.answers import annotation_table
from hitl_widgets.project.joining import settle, unsettled
from hitl_widgets.project.policy import set_policy
from hitl_widgets.project.project import Project
from hitl_widgets.project.threads import Threads
from hitl_widgets.project.triage import UnplacedItems
from hitl_widgets.taxonomy.attributes import Attribute
from hitl_widgets.taxonomy.labels import Taxonomy

N_ITEMS = 24
NAMES = ["cat", "dog", "bird", "other"]
NEW_NAMES = ["lynx", "fox", "wolf", "hare"]
BEGAN = datetime(2025, 1, 1, tzinfo=timezone.utc)


def pool() -> Pool:
    """Small pictures."""
    return Pool.from_images(np.random.default_rng(0).integers(0, 255, (N_ITEMS, 8, 8), np.uint8),
                            ids=[f"i{k}" for k in range(N_ITEMS)])


class Desk:
    """A project in a folder of its own, and somebody who works on it.

    Parameters
    ----------
    folder : Path or str
        The project's, or the URL of one on a server.
    task : str
    annotator : str
    clock : list of int
        One number that all desks share: seconds since they began.
    cache : Path, optional
        For a project on a server.
    """

    def __init__(self, folder: Path | str, task: str, annotator: str, clock: list[int],
                 cache: Path | None = None) -> None:
        self.folder, self.clock, self.late = folder, clock, 0
        attributes = [Attribute("blur", scale=(0, 10))] if task == "classify" else []
        self.project = Project(folder, pool(), Taxonomy(NAMES, attributes=attributes), annotator=annotator, task=task,
                               holdout=0.3, annotators_per_item=2, cache=cache, now=self.now,
                               notify=lambda line: None)

    def now(self) -> datetime:
        """A time that never stands still, some seconds off that of other desks."""
        self.clock[0] += 1
        return BEGAN + timedelta(seconds=self.clock[0] + self.late)

    def copy(self, folder: Path, annotator: str) -> Desk:
        """Another desk, which has what this one has until now."""
        assert isinstance(self.folder, Path)
        shutil.copytree(self.folder, folder)
        return Desk(folder, self.project.task, annotator, self.clock)

    def work(self, rng: random.Random, n: int) -> None:
        """Act n times."""
        acts = [self._decide] * 8 + [self._undo, self._edit, self._edit, self._gold, self._policy, self._adopt,
                                     self._ask, self._settle_thread, self._judge, self._triage, self._revert,
                                     self._settle, self._presume]
        for _ in range(n):
            with suppress(HitlError):  # what is drawn doesn't always fit
                rng.choice(acts)(rng)

    def _label(self, rng: random.Random) -> str:
        return rng.choice(self.project.taxonomy.names)

    def _decide(self, rng: random.Random) -> None:
        item = f"i{rng.randrange(N_ITEMS)}"
        annotator = rng.choice([self.project.annotator, "guest"])
        if self.project.task == "boxes":
            boxes = [Box(1, 1, 2 + rng.randrange(5), 4, label=self._label(rng)) for _ in range(rng.randrange(3))]
            self.project.decide(item, objects=boxes, annotator=annotator)
        elif rng.random() < 0.15:
            self.project.decide(item, rng.choice(["unsure", "skip"]), annotator=annotator)
        else:
            self.project.decide(item, label=self._label(rng), annotator=annotator,
                                values={"blur": rng.randrange(11)} if rng.random() < 0.5 else None)

    def _undo(self, rng: random.Random) -> None:
        decided = [event.id for event in self.project.log.events(kind="decided")]
        if decided:
            self.project.retract(rng.choice(decided))

    def _edit(self, rng: random.Random) -> None:
        names = self.project.taxonomy.names
        new = [name for name in NEW_NAMES if name not in names]
        made: list[Any] = [edits.rename(rng.choice(names), f"{rng.choice(NEW_NAMES)} {rng.randrange(9)}")]
        if new:
            made += [edits.add(new[0]), edits.add(new[-1], like=[rng.choice(names)])]
        if len(names) > 2:
            made.append(edits.merge(rng.sample(list(names), 2), rng.choice(names)))
        made.append(edits.split(rng.choice(names), [f"one {rng.randrange(9)}", f"two {rng.randrange(9)}"]))
        self.project.apply(rng.choice(made), why=rng.choice([None, "clearer"]))

    def _revert(self, rng: random.Random) -> None:
        made = [step.id for step in self.project.lineage.steps if step.before is not None]
        if made:
            self.project.revert(rng.choice(made))

    def _settle(self, rng: random.Random) -> None:
        waiting = unsettled(self.project)["id"].tolist()
        if waiting:
            settle(self.project, rng.choice(waiting), apply=rng.random() < 0.6)

    def _gold(self, rng: random.Random) -> None:
        if self.project.task == "classify":
            self.project.set_gold({f"i{rng.randrange(N_ITEMS)}": self._label(rng)})

    def _policy(self, rng: random.Random) -> None:
        set_policy(self.project, purpose=f"purpose {rng.randrange(5)}")

    def _adopt(self, rng: random.Random) -> None:
        labels = list(self.project.taxonomy.label_ids)
        self.project.record("adopted", {"model": f"{rng.randrange(16**6):06x}" * 2, "label_ids": labels,
                                        "origin": "given", "own": False})

    def _ask(self, rng: random.Random) -> None:
        Threads(self.project).ask(f"What is this? {rng.randrange(99)}", item_id=f"i{rng.randrange(N_ITEMS)}")

    def _settle_thread(self, rng: random.Random) -> None:
        threads = Threads(self.project)
        if len(threads):
            thread = rng.choice([threads[k] for k in self.project.state.threads])
            threads.settle(thread, edits.describe(self._label(rng), definition=f"defined {rng.randrange(99)}"))

    def _judge(self, rng: random.Random) -> None:
        if self.project.task == "classify":
            Adjudication(self.project).decide(f"i{rng.randrange(N_ITEMS)}", self._label(rng), "slip")

    def _triage(self, rng: random.Random) -> None:
        if self.project.task == "classify":
            UnplacedItems(self.project, "other").send_back([f"i{rng.randrange(N_ITEMS)}"])

    def _presume(self, rng: random.Random) -> None:
        if self.project.task == "classify":
            self.project.presume({f"i{rng.randrange(N_ITEMS)}": self._label(rng)}, estimate={"value": 0.1})


def state_of(project: Project) -> dict[str, Any]:
    """All that a project says: what two logs must agree on that hold the same."""
    project.refresh()
    state, lineage = project.state, project.lineage
    tables: dict[str, Any] = {"annotations": project.annotations(), "history": project.history(),
                              "edits": project.edits(), "unsettled": unsettled(project)}
    for version in lineage.versions:
        tables[f"annotations of v{version}"] = annotation_table(project.log, state, version)
    if project.task == "classify":
        tables |= {"votes": project.answers().all_votes(), "consensus": project.answers().consensus(),
                   "values": project.values(), "counts": project.counts()}
    else:
        tables["objects"] = project.objects()
    said: dict[str, Any] = {name: table.to_csv(index=False) for name, table in tables.items()}
    return said | {
        "labels": {place: state.label_index.of(place) for place in range(N_ITEMS)},
        "in doubt": state.label_index.doubtful(lineage).tolist(), "gold": project.gold() if state.gold else {},
        "presumed": state.presumed, "adopted": state.adopted and state.adopted.body, "policy": dict(state.policy),
        "threads": {id: [(post.act, post.text, post.edit) for post in thread.posts]
                    for id, thread in state.threads.items()},
        "verdicts": [verdict.id for verdict in state.verdicts.all()],
        "steps": [(step.id, step.prose, step.reverted_by) for step in lineage.steps],
        "forks": [(number, step.id, lineage.forks.is_settled(step)) for number, step in lineage.forks.steps.items()],
        "today": lineage.today.to_dict(), "measures": project.measuring(), "sent back": state._sent_back,
        "next": {who: [item.id for item in project.next(N_ITEMS, annotator=who, strategy="random")]
                 for who in ("guest", "ada")},
    }


