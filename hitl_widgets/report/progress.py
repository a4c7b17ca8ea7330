"""What is an answer worth, and when is it enough?

What the log tells of a project's rounds, each figure with the number behind it and its 95 % interval. Read `progress`
first, which makes a `Progress`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..events import Event
from ..project.project import Project
from ..quality.intervals import across, jeffreys, newcombe, of_median
from ..quality.learning_curve import expected_gain
from ..quality.metrics import Metrics
from ..records import Estimate
from .decisions import against_others, consensus, decisions

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

# What nobody picked: figures of these are figures of the pool.
DRAWN = ("audit", "holdout", "random", "gold")
CERTAINTIES = ((0, 3), (4, 6), (7, 8), (9, 10))
SHARE = ["n", "share", "low", "high"]


@dataclass(frozen=True)
class Progress:
    """What came of a project's rounds. All shares run from 0 to 1 and stand beside n, low and high (95 %).

    Attributes
    ----------
    accuracy : one row a round and source: round, source, model, answers (that it learnt from), n, share, low, high.
        "holdout": the model that the round ended with, on the items that measure. "audit": the suggestions that people
        saw in that round on items drawn by chance from those still open, against what stands
    labels : the learning curve of each label: label, round, answers (with this label, by then), and its recall on the
        items that measure
    gained : what the last answers gained, some 50 or those of one round, by the items that measure
    gained_by : how many answers those were
    likely : what the next answers are likely to gain in truth, by a learning curve; NaN before the first round
    more : how many answers those are
    suggestions : how many of the model's suggestions stood, those that people saw: round, label, n, share (1 minus it
        is the intervention rate), low, high; "all" is every label together, where change, change_low and change_high
        say how far it lies from the round before
    times : seconds from the picture to the key: round, verdict, n, median_s, low, high
    people : right answers: annotator, source ("gold", or "others": audit items, against most of their other
        annotators), n, share, low, high; "all" stands for people like these, who may differ
    difficulty : where suggestions were right, on items that nobody picked: by ("certainty", "answers" or "flag"),
        group, n, share, low, high
    queue : what the queue asks for now, and why
    """

    accuracy: pd.DataFrame
    labels: pd.DataFrame
    gained: Estimate
    gained_by: int
    likely: Estimate
    more: int
    suggestions: pd.DataFrame
    times: pd.DataFrame
    people: pd.DataFrame
    difficulty: pd.DataFrame
    queue: str

    def plot(self) -> Drawing:
        """Accuracy by round, recall per label, suggestions that stood and time per decision, with 95 % intervals."""
        from ..drawing.plots import plot_progress
        return plot_progress(self)

    def __repr__(self) -> str:
        held = self.accuracy[self.accuracy["source"] == "holdout"]
        audit = self.accuracy[self.accuracy["source"] == "audit"]
        stood = self.suggestions[self.suggestions["label"] == "all"]
        lines = [f"{name:<20} {_told(table)}" for name, table in (
            ("hold-out accuracy", held), ("right in the audit", audit), ("suggestions stood", stood))]
        lines.append(f"{f'last {self.gained_by} answers':<20} gained {self.gained}" if self.gained_by else
                     f"{'last answers':<20} {self.gained}")
        lines.append(f"{f'next {self.more} answers':<20} " + (
            f"{self.likely}" if math.isnan(self.likely) else f"likely to gain {float(self.likely):+.3f} "
            f"({self.likely.low:+.3f} to {self.likely.high:+.3f})"))
        return "\n".join([*lines, f"{'the queue asks':<20} {self.queue}"])


def progress(project: Project, *, more: int = 50) -> Progress:
    """What the log tells of the rounds so far, and what the next answers are likely to gain.

    Parameters
    ----------
    more : how many answers back, and how many ahead

    Raises
    ------
    BadInput
        When more isn't a whole number, 1 or more.
    """
    if isinstance(more, bool) or not isinstance(more, (int, np.integer)) or more < 1:
        raise BadInput(f"answers is {more!r}; a whole number, 1 or more, is expected.")
    project.refresh()
    trained = list(project.log.events(kind="trained"))
    table = decisions(project, trained)
    stands = {item_id: label for item_id, (label, *_) in consensus(table).items()}
    truth = table["item_id"].map(stands | project.gold())
    known = table[table["suggestion"].notna() & truth.notna()].assign(right=table["suggestion"] == truth)
    seen = table[table["visible"] & ~table["scripted"] & table["verdict"].isin(["accept", "correct", "unsure"])]
    gained, gained_by = _gained(trained, int(more))
    project.selector.default(project.queue, project.lineage)
    return Progress(
        accuracy=_accuracy(trained, known), labels=_labels(project, trained, table), gained=gained,
        gained_by=gained_by, likely=_likely(trained, int(more)), more=int(more),
        suggestions=_suggestions(project, seen), times=_times(table), people=_people(project, table),
        difficulty=_difficulty(table, known), queue=project.selector.why)


def _accuracy(trained: Sequence[Event], known: pd.DataFrame) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for n_round, event in enumerate(trained, 1):
        after = Metrics.from_dict(event.body["after"])
        if after.n:
            rows.append((n_round, "holdout", event.body["model"], _learnt(event),
                         *_share(after.counts.trace(), after.n)))
    learnt = {event.body["model"]: _learnt(event) for event in trained}
    audit = known[(known["chosen_by"] == "audit") & known["visible"]].drop_duplicates("item_id")
    for (n_round, model), group in audit.groupby(["round", "model"]):
        rows.append((n_round, "audit", model, learnt.get(model, 0), *_share(group["right"].sum(), len(group))))
    return pd.DataFrame(rows, columns=["round", "source", "model", "answers", *SHARE])


def _labels(project: Project, trained: Sequence[Event], table: pd.DataFrame) -> pd.DataFrame:
    place = table["place"].to_numpy()
    teaches = (place >= 0) & ~project.queue.holdout[place] & ~project.queue.gold[place] \
        & table["verdict"].isin(["accept", "correct", "answer"])
    rows: list[tuple[Any, ...]] = []
    for n_round, event in enumerate(trained, 1):
        after = Metrics.from_dict(event.body["after"])
        counts = table[teaches & (table["round"] <= n_round)].drop_duplicates("item_id")["label_id"].value_counts()
        for k, (label_id, name) in enumerate(zip(after.label_ids, after.names, strict=True)):
            if n := int(after.counts[k].sum()):
                rows.append((name, n_round, int(counts.get(label_id, 0)), *_share(after.counts[k, k], n)))
    return pd.DataFrame(rows, columns=["label", "round", "answers", "n", "recall", "low", "high"])


def _gained(trained: Sequence[Event], back: int) -> tuple[Estimate, int]:
    """Accuracy now, minus that of the last model that had learnt from `back` answers less."""
    if len(trained) < 2:
        return Estimate(math.nan, why="two rounds are needed to tell" if trained else "no round is over yet"), 0
    last = trained[-1]
    former = next((event for event in reversed(trained[:-1]) if _learnt(last) - _learnt(event) >= back), trained[0])
    apart, now, then = _learnt(last) - _learnt(former), *(Metrics.from_dict(e.body["after"]) for e in (last, former))
    if not now.n or not then.n:
        return Estimate(math.nan, why=now.why or then.why), apart
    if last.body["gain"] and former is trained[-2] and former.body["adopted"]:  # measured on the very same items
        value, n, low, high = last.body["gain"]
        return Estimate(value, low, high, n=n), apart
    k_now, k_then = int(now.counts.trace()), int(then.counts.trace())
    low, high = newcombe(k_now, now.n, k_then, then.n)
    return Estimate(k_now / now.n - k_then / then.n, low, high, n=min(now.n, then.n)), apart


def _likely(trained: Sequence[Event], more: int) -> Estimate:
    points: dict[int, tuple[int, int]] = {}
    alike = []
    for event in trained:
        before, after = (Metrics.from_dict(event.body[name]) for name in ("before", "after"))
        if after.n:
            points[_learnt(event)] = int(after.counts.trace()), after.n
        if event.body["gain"] and before.n and after.n:
            _, n, low, high = event.body["gain"]
            one, two = (m.counts.trace() * (m.n - m.counts.trace()) / m.n ** 2 / n for m in (before, after))
            if one * two > 0:  # how the results of two models go together, read back from the interval of their gain
                alike.append((one + two - ((high - low) / 3.92) ** 2) / (2 * math.sqrt(one * two)))
    if not points:
        return Estimate(math.nan, why="no round was measured yet")
    answers = sorted(points)
    right, measured = zip(*(points[n] for n in answers), strict=True)
    return expected_gain(answers, right, measured, more=more,
                       correlation=float(np.clip(np.median(alike), 0, 0.9)) if alike else 0.0)



def _suggestions(project: Project, seen: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    former: tuple[int, int] | None = None
    for n_round, group in seen.groupby("round"):
        stood = group["verdict"] == "accept"
        k, n = int(stood.sum()), len(group)
        row = {"round": n_round, "label": "all", **_over_people(stood, group["annotator"])}
        if former is not None:
            low, high = newcombe(k, n, *former)
            row |= {"change": k / n - former[0] / former[1], "change_low": low, "change_high": high}
        former = k, n
        rows.append(row)
        for label_id, some in stood.groupby(group["suggestion"]):
            rows.append({"round": n_round, "label": project.taxonomy.name_of(str(label_id)),
                         **dict(zip(SHARE, _share(some.sum(), len(some)), strict=True))})
    return pd.DataFrame(rows, columns=["round", "label", *SHARE, "change", "change_low", "change_high"])


def _times(table: pd.DataFrame) -> pd.DataFrame:
    timed = table[table["shown_ms"].notna() & (table["shown_ms"] > 0)]
    rows = []
    for n_round, by_round in timed.groupby("round"):
        for verdict, group in [("all", by_round), *by_round.groupby("verdict")]:
            seconds = group["shown_ms"].to_numpy() / 1000
            low, high = of_median(seconds)
            rows.append((n_round, verdict, len(group), float(np.median(seconds)), max(0.0, low), high))
    return pd.DataFrame(rows, columns=["round", "verdict", "n", "median_s", "low", "high"])


def _people(project: Project, table: pd.DataFrame) -> pd.DataFrame:
    gold = project.gold()
    tested = table[table["item_id"].isin(list(gold)) & table["label_id"].notna()]
    tested = tested.assign(right=tested["label_id"] == tested["item_id"].map(gold))
    compared = against_others(table[table["item_id"].isin(table.loc[table["chosen_by"] == "audit", "item_id"])])
    rows: list[dict[str, Any]] = []
    for source, answers in (("gold", tested), ("others", compared)):
        for annotator, group in answers.groupby("annotator"):
            rows.append({"annotator": annotator, "source": source,
                         **dict(zip(SHARE, _share(group["right"].sum(), len(group)), strict=True))})
        if answers["annotator"].nunique() > 1:
            rows.append({"annotator": "all", "source": source,
                         **_over_people(answers["right"].astype(bool), answers["annotator"])})
    return pd.DataFrame(rows, columns=["annotator", "source", *SHARE])


def _difficulty(table: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    fair = known[known["chosen_by"].isin(DRAWN)]
    agreed = {item_id: most == n for item_id, (_, most, n) in consensus(table).items() if n > 1}
    agree = fair["item_id"].map(agreed)
    groups: list[tuple[str, str, pd.Series]] = [
        ("certainty", f"{low} to {high}", fair["certainty"].between(low, high)) for low, high in CERTAINTIES]
    groups += [("answers", "agree", agree.eq(True)), ("answers", "differ", agree.eq(False))]
    flags = sorted({flag for given in fair["flags"] for flag in given})
    groups += [("flag", flag, fair["flags"].map(lambda given, flag=flag: flag in given).astype(bool)) for flag in flags]
    groups += [("flag", "none", ~fair["flags"].map(bool).astype(bool))]
    rows = [{"by": by, "group": name, **_over_people(fair.loc[mask, "right"].astype(bool), fair.loc[mask, "annotator"])}
            for by, name, mask in groups if mask.any()]
    return pd.DataFrame(rows, columns=["by", "group", *SHARE])


def _learnt(event: Event) -> int:
    return int(event.body["n_training"]) + int(event.body["n_validation"])


def _share(k: Any, n: int) -> tuple[int, float, float, float]:
    return n, int(k) / n, *jeffreys(int(k), n)


def _over_people(right: pd.Series, annotator: pd.Series) -> dict[str, Any]:
    """A share of several people's answers; the interval is that of people like these."""
    counts = right.groupby(annotator).agg(["sum", "count"])
    low, high = across(counts["sum"].to_numpy(np.int64), counts["count"].to_numpy(np.int64))
    return {"n": len(right), "share": float(right.mean()), "low": low, "high": high}


def _told(table: pd.DataFrame) -> str:
    if not len(table):
        return "nothing yet"
    row = table.iloc[-1]
    return f"{Estimate(row['share'], row['low'], row['high'], n=int(row['n']))} in round {row['round']}"
