"""A person's own page: their answers that others contradict, and their own figures. Read `own_page`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..drawing import html
from ..drawing.figures import png
from ..learn.soft_labels import judged_answers
from ..project.answers import Answers
from ..project.names import own_rows
from ..project.project import Project
from ..quality import agreement, automation_bias
from ..quality.annotation_tables import leaders, restricted
from ..quality.calibration import Calibration, calibration
from ..quality.gold_tests import accuracy
from ..quality.intervals import jeffreys
from ..quality.suggestion_effect import AutomationBias
from ..quality.value_consensus import value_consensus
from ..quality.votes import is_vote
from ..records import CLOSING, Estimate
from ..taxonomy.label_sets import set_id

SLIPS = ["item_id", "label", "others", "n_others", "share", "judged_by", "certainty", "acted_at"]
OWN_VALUES = ["attribute", "n", "offset", "offset_low", "offset_high", "spread"]
_HTML_SLIPS = 20


@dataclass(frozen=True)
class OwnPage:
    """A person's own answers and figures.

    Parameters
    ----------
    annotator : str
        Whose page it is.
    counts : dict of str to int
        n_answers, n_unsure, n_skipped and n_questions.
    slips : DataFrame
        Your answers that a verdict or the majority of two or more others contradict, the surest contradictions first:
        item_id, label (your own), others (the label of the verdict or the majority), n_others, share (of the others who
        agree with each other), judged_by ("verdict" or "others"), certainty, acted_at. Gold items aren't listed, so
        that they stay hidden tests.
    gold : Estimate
        How often your answers to gold items are right: your first answer to each item asked as a test, as in
        `people.table()`.
    agreement : Estimate
        How often you gave the label of the majority of two or more others; items with tied votes are left out.
    with_oneself : Estimate
        How often you gave the same label again, where you were asked twice.
    calibration : Calibration or None
        How well your certainty predicts right answers; None if no answer with a certainty can be judged.
    anchoring : Estimate
        How much more often you gave the model's label when you saw it.
    effect : Estimate
        The same, only for cards on which the model was wrong.
    bias : AutomationBias or None
        The whole measure: figures of all people, and your own row in `per_annotator` (everybody's if you may see
        names). None if nobody had a suggestion.
    values : DataFrame
        A row for each attribute with a scale that others answered too: attribute, n (your answers), offset (how far
        above the others you answer, on average, in units of the scale), offset_low, offset_high (95 %), spread
        (standard deviation of your errors); NaN if too few items were answered by two people.
    """

    annotator: str
    counts: dict[str, int]
    slips: pd.DataFrame
    gold: Estimate
    agreement: Estimate
    with_oneself: Estimate
    calibration: Calibration | None
    anchoring: Estimate
    effect: Estimate
    bias: AutomationBias | None = None
    values: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=OWN_VALUES))

    def figures(self) -> dict[str, Estimate]:
        """The figures, by their descriptions."""
        return {"answers to gold that are right": self.gold,
                "answers that most of two or more others gave too": self.agreement,
                "the same label again, where you were asked twice": self.with_oneself,
                "the model's label more often when you saw it": self.anchoring,
                "the same where the model was wrong": self.effect}

    def __str__(self) -> str:
        counts = self.counts
        values = [f"{row['attribute']}: you answer {row['offset']:+.2f} ({row['offset_low']:+.2f} to "
                  f"{row['offset_high']:+.2f}) beside the others" for row in self.values.to_dict("records")
                  if not math.isnan(row["offset"])]
        lines = [f"{self.annotator}: {counts['n_answers']:,} answers, {counts['n_unsure']:,} of them unsure, "
                 f"{counts['n_skipped']:,} skipped, {counts['n_questions']:,} questions",
                 *(f"{name}: {estimate}" for name, estimate in self.figures().items()),
                 *values, f"{len(self.slips):,} answers that others contradict"]
        if self.calibration is not None and len(self.calibration.table):
            lines.append(f"certainty: {self.calibration.table['verdict'].iloc[0]}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *_ = str(self).splitlines()
        rows = [(name, html.bar(estimate.value, low=estimate.low, high=estimate.high) if estimate >= 0 else "",
                 str(estimate)) for name, estimate in self.figures().items()]
        parts = [html.paragraph(head.removeprefix(f"{self.annotator}: ") + "."), html.table(["", "", ""], rows)]
        if self.calibration is not None and len(self.calibration.curve):
            verdict = str(self.calibration.table["verdict"].iloc[0])
            parts += [html.paragraph(f"Certainty: {verdict}."),
                      html.picture(png(self.calibration.plot()), f"Curve of calibration: {verdict}", width=480)]
        if len(self.slips):
            shown = [(row.item_id, row.label, row.others, f"{row.share:.0%} of {row.n_others}" if
                      row.judged_by == "others" else "the verdict") for row in
                     self.slips.head(_HTML_SLIPS).itertuples(index=False)]
            parts += [html.paragraph("Others gave other answers here. They may be wrong; look again, and revise with "
                                     "wb.decide(item_id, label=...) or on the card."),
                      html.table(["item", "you", "others", "who"], shown)]
            if len(self.slips) > _HTML_SLIPS:
                parts.append(html.paragraph(f"and {len(self.slips) - _HTML_SLIPS:,} more in .slips"))
        return html.page(f"Your own page, {self.annotator}", *parts,
                         html.paragraph("This page is yours. Few answers give wide intervals: where it says \u201cfew "
                                        "items\u201d, it says little."))


def own_page(project: Project, annotator: str) -> OwnPage:
    """Collect a person's own answers and figures.

    Parameters
    ----------
    project : Project
        With its pool.
    annotator : str
        Whose page it is.
    """
    answers = project.answers()
    table, votes = project.annotations(), answers.comparable_votes()
    verdicts = table.loc[table["annotator"] == annotator, "verdict"]
    gold, name_of = project.gold(), project.taxonomy.name_of
    judged = judged_answers(project)
    mine = calibration(judged[judged["annotator"] == annotator]) if (
        judged["certainty"].notna() & (judged["annotator"] == annotator)).any() else None
    counted = votes[is_vote(votes)]
    counted = counted.assign(label=counted["label_id"])  # for sets of labels, the ids determine the majority
    compared = _against_others(counted, annotator)
    adjudicated = answers.adjudicated
    if project.task == "multilabel":
        compared, adjudicated = _with_verdicts(compared, votes, answers)
    slips = _slips(compared, adjudicated, gold)
    slips = slips.assign(**{name: slips[name].map(name_of).astype(object) for name in ("label", "others")})
    known = pd.Series({item_id: name_of(label_id) for item_id, label_id in project.gold(whole=True).items()},
                      dtype=object)
    cards = answers.cards()
    bias = automation_bias(cards, known) if cards["suggestion"].notna().any() else None
    anchoring, effect = _own_bias(bias, annotator)
    if bias is not None:
        bias = replace(bias, per_annotator=own_rows(project, bias.per_annotator, annotator))
    return OwnPage(
        annotator, {"n_answers": int(verdicts.isin(CLOSING).sum()), "n_unsure": int((verdicts == "unsure").sum()),
                    "n_skipped": int((verdicts == "skip").sum()),
                    "n_questions": sum(thread.asked_by == annotator for thread in project.state.threads.values())},
        slips, _on_gold(project, annotator),
        _share((compared["label"] == compared["others"]).to_numpy()[
            (compared["n_others"] >= 2) & compared["others"].notna()],
               "no item of yours was answered by two others who agree"),
        _with_oneself(votes, annotator), mine, anchoring, effect, bias, _own_values(project, annotator, answers))


def _own_values(project: Project, annotator: str, answers: Answers) -> pd.DataFrame:
    """Offset from the others and spread of a person's values, by attribute."""
    rows = []
    for attribute in project.taxonomy.attributes:
        votes = answers.votes_about_attribute(attribute)
        people = set(votes["annotator"])
        if attribute.scale is None or annotator not in people or len(people) < 2:
            continue
        table = value_consensus(votes.rename(columns={"label": "value"}), scale=attribute.scale).annotators
        own = table[table["annotator"] == annotator].iloc[0]
        rows.append((attribute.name, *(own[name] for name in OWN_VALUES[1:])))
    return pd.DataFrame(rows, columns=OWN_VALUES)


def _against_others(votes: pd.DataFrame, annotator: str) -> pd.DataFrame:
    """A row for each own answer: the others' majority (None for a tie or no others), their number, and its share."""
    rows: list[tuple[Any, ...]] = []
    own = votes["annotator"] == annotator
    others = {item_id: labels.tolist() for item_id, labels in votes[~own].groupby("item_id", sort=False)["label"]}
    for row in votes[own].itertuples(index=False):
        labels = others.get(row.item_id, [])
        top, most = leaders(labels) if labels else ((), 0)
        rows.append((row.item_id, row.label, top[0] if len(top) == 1 else None, len(labels),
                     most / len(labels) if labels else math.nan, "others", row.certainty, row.acted_at))
    return pd.DataFrame(rows, columns=SLIPS)


def _with_verdicts(compared: pd.DataFrame, votes: pd.DataFrame, answers: Answers
                   ) -> tuple[pd.DataFrame, dict[str, str]]:
    """Own answers and adjudicated sets, restricted to the labels that were known in both when they were given."""
    left_out, today = dict(zip(votes["item_id"], votes["left_out"], strict=True)), answers.lineage.today.answerable
    verdicts = {item_id: (set_id(one for one, is_on in states.items() if is_on), today - states.keys())
                for item_id, states in answers.judged_states.items()}
    labels = [label if item_id not in verdicts else restricted(label, verdicts[item_id][1], answers.lineage)
              for item_id, label in zip(compared["item_id"], compared["label"], strict=True)]
    adjudicated = {item_id: restricted(label, left_out.get(item_id, frozenset()) | unknown, answers.lineage)
                   for item_id, (label, unknown) in verdicts.items()}
    return compared.assign(label=pd.Series(labels, compared.index, dtype=object)), {
        item_id: one for item_id, one in adjudicated.items() if one is not None}


def _slips(compared: pd.DataFrame, verdicts: dict[str, str], gold: dict[str, str]) -> pd.DataFrame:
    judged = compared["item_id"].isin(list(verdicts))
    table = compared.assign(others=np.where(judged, compared["item_id"].map(verdicts), compared["others"]),
                            judged_by=np.where(judged, "verdict", "others"),
                            share=np.where(judged, 1.0, compared["share"]), by_verdict=judged)
    told = table["others"].notna() & table["label"].notna()
    told &= (table["others"] != table["label"]) & (judged | (table["n_others"] >= 2))
    rows: pd.DataFrame = table[told & ~table["item_id"].isin(list(gold))].sort_values(
        ["by_verdict", "share", "n_others", "item_id"], ascending=[False, False, False, True], ignore_index=True)
    return rows[SLIPS]


def _on_gold(project: Project, annotator: str) -> Estimate:
    rows = project.people.gold_answers([annotator]).dropna(subset=["label", "truth"])
    if not len(rows):
        return Estimate(math.nan, why="you answered no gold item yet")
    return accuracy((rows["label"] == rows["truth"]).to_numpy(np.bool_))


def _with_oneself(votes: pd.DataFrame, annotator: str) -> Estimate:
    within = agreement(votes).within
    rows = within[within["annotator"] == annotator]
    if not len(rows):
        return Estimate(math.nan, why="you weren't asked anything twice yet")
    row = rows.iloc[0]
    return Estimate(row["value"], row["low"], row["high"], n=int(row["n"]))


def _own_bias(bias: AutomationBias | None, annotator: str) -> tuple[Estimate, Estimate]:
    """The person's own anchoring and effect."""
    few = "you have no cards with and without the suggestion yet"
    if bias is None or annotator not in bias.per_annotator.index:
        return Estimate(math.nan, why=few), Estimate(math.nan, why=few)
    row = bias.per_annotator.loc[annotator]
    unjudged = ("it takes suggestions that are known to be wrong, both with and without sight of them: by gold, or by "
                "two others' blind answers")
    figures = [Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"], n=int(n), why=why)
               for name, n, why in (("anchoring", row["n_shown"] + row["n_blind"], few),
                                    ("effect", row["n_wrong"], unjudged))]
    return figures[0], figures[1]


def _share(right: np.ndarray, why: str) -> Estimate:
    if not len(right):
        return Estimate(math.nan, why=why)
    low, high = jeffreys(int(right.sum()), len(right))
    return Estimate(float(right.mean()), low, high, n=len(right))
