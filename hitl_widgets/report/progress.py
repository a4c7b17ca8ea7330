"""Progress of a project over its rounds: accuracy, recall per label, suggestions, times and people.

Every number comes with its n and its 95 % interval. `progress` makes a `Progress` from the log.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..drawing import html
from ..errors import BadInput
from ..events import Event
from ..learn.measurement import MANY_ROUNDS, SOURCES, Outputs, Reference, figures_of
from ..project.arms import ARMS
from ..project.names import sees_names
from ..project.notices import FEWEST
from ..project.project import Project
from ..quality.intervals import across, jeffreys, newcombe, of_median
from ..quality.learning_curve import AnswersLeft, expected_gain, points_of_rounds
from ..quality.metrics import Metrics
from ..quality.multilabel import MultilabelMetrics
from ..quality.suggestion_effect import agreement_with_model
from ..records import LABELLING, Estimate, check_count
from ..taxonomy.label_sets import is_set, members
from .audit import Audited, audit
from .decisions import against_others, comparable, consensus, decisions
from .value_progress import COLUMNS as VALUE_COLUMNS
from .value_progress import value_progress

if TYPE_CHECKING:
    from ..drawing.figures import Drawing
    from ..learn.registry import Registry

# `chosen_by` of items that no strategy picked: shares among these estimate shares of the pool.
DRAWN = ("holdout", "random")
CERTAINTIES = ((0, 3), (4, 6), (7, 8), (9, 10))
SHARE = ["n", "share", "low", "high"]
AGREEMENT = ("blind", "shown", "difference")
ACCURACY = ["round", "source", "model", "answers", *SHARE, "curve", "origin", "figure", "adopted"]
RECALL = ["label", "round", "answers", "n", "recall", "low", "high", "adopted"]
NOT_ADOPTED = " (not adopted)"
# Task -> the main metric of its models.
FIRST = {"classify": "accuracy", "multilabel": "macro F1", "scale": "accuracy"}
BACKGROUND, IMPORTED = "background", "imported"
Figures = Metrics | MultilabelMetrics


@dataclass(frozen=True)
class Progress:
    """Progress of a project over its rounds. All shares run from 0 to 1 and stand beside n, low and high (95 %).

    Parameters
    ----------
    accuracy : DataFrame
        One row for each round and source: round, source, model, answers (that it learnt from), n, share, low, high,
        curve (number of the learning curve; a new one begins when the labels change), origin ("round", "background" for
        a model that was trained while people labelled, or "imported"; of the latter two only the adopted one is
        measured on hold-out and gold, and it has the current round). "holdout", "gold" and "imported": the model that
        the round trained, on these items (`Run.figures`); earlier versions joined the three as "holdout". "audit": the
        model that suggested in that round, on a random sample of the items that nobody had answered before it: its
        accuracy in that pool, from blind answers only, including those to the hold-out. figure is "accuracy"; where an
        item may have several labels it is "macro F1", and "exact match" (the share of items whose whole set is right)
        in the audit. adopted: False for the model of a round that was rejected, and never adopted later.
    labels : DataFrame
        The learning curve of each of today's labels: label, round, answers (with this label by then), n, recall, low
        and high on the items that measure, and adopted, as in `accuracy`.
    gained : Estimate
        The gain in accuracy by the last answers, about 50 or those of one round, on the items that measure. Only rounds
        with the same labels as the last one count, whose models it builds on: not those that were rolled back. If there
        are fewer than two, or none of their models was adopted, and the model in use was trained in the background,
        light models are refitted: on all answers, and on all but the last ones.
    gained_by : int
        Number of the last answers in `gained`.
    likely : Estimate
        The true gain expected from the next answers, by a learning curve over the same rounds or refitted models; NaN
        before the first round.
    more : int
        Number of the next answers in `likely`.
    suggestions : DataFrame
        How many of the model's visible suggestions stood: round, label, n, share (the intervention rate is 1 minus
        share), low, high; the row "all" is for all labels together, where change, change_low and change_high are the
        difference from the round before. Where sets are suggested, "all" counts whole sets, and a label stood if it was
        left on; where values are suggested, "all" counts items without a changed value.
    agreement : DataFrame
        How often answers agree with the model: a row for each model, then "all": model; blind (answers given without
        sight of its suggestion), shown (in sight of it) and difference (shown minus blind), each with its number, such
        as n_blind, and its interval, such as blind_low and blind_high. The two kinds were assigned at random. Only the
        blind figure measures the model; the difference is the effect of seeing the suggestion.
    times : DataFrame
        Seconds from paint to key press: round, verdict, n, median_s, low, high.
    people : DataFrame
        Right answers: annotator, source ("gold": the first answer to each gold item that was asked as a test, as in
        `people.table()`; or "others": audit items, against the majority of their other annotators), n, share, low,
        high; the interval of "all" allows for differences between people. Rows of others, and "all" if there are fewer
        than five others, are only for the owner of a project that shows names.
    difficulty : DataFrame
        How often suggestions were right in groups of items that no strategy picked, by blind answers: by ("certainty",
        "answers" or "flag"), group, n, share, low, high.
    queue : str
        Which items the queue asks for now, and why.
    bias : Estimate
        Automation bias: how much more often answers agree with a suggestion that people see than with one that is
        hidden from them, from the two halves of the audit.
    coverage : str
        A sentence on how many hold-out items measured the last round, how many were unsure, and whether many models
        were selected on these items.
    aside : str
        A sentence if the last round's model isn't the adopted one, with the latter's accuracy; otherwise empty.
    goal : AnswersLeft or None
        Number of answers until the goal, with its 95 % interval; None without a goal.
    values : DataFrame
        Errors of predicted attribute values, by round: see `value_progress.value_progress`.
    task : str
        The project's task: with "multilabel" answers are whole sets of labels, with "scale" there are only values.
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
    bias: Estimate
    agreement: pd.DataFrame
    coverage: str = ""
    aside: str = ""
    goal: AnswersLeft | None = None
    values: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=VALUE_COLUMNS))
    task: str = "classify"

    def plot(self) -> Drawing:
        """Plot accuracy by round, recall per label, suggestions that stood and times, with 95 % intervals."""
        from ..drawing.plots import plot_progress
        return plot_progress(self)

    def __repr__(self) -> str:
        by_source = dict(iter(self.accuracy.groupby("source")))
        stood = self.suggestions[self.suggestions["label"] == "all"]
        covered = f"; {self.coverage}" if self.coverage else ""
        first = FIRST[self.task]
        of_models = [(f"hold-out {first}", _latest(by_source.get("holdout", stood[:0])) + self.aside + covered),
                     *((f"{first}, {name}", _latest(by_source[name])) for name in ("gold", "imported")
                       if name in by_source),
                     ("right in the audit", _latest(by_source.get("audit", stood[:0])))]
        of_labels = [*self._agreements(), ("automation bias", f"{self.bias}"), *self._expectations()]
        lines = [*(of_models if self.task != "scale" else []), *self._value_lines(),
                 ("suggestions stood", _latest(stood)), *(of_labels if self.task != "scale" else of_labels[-1:])]
        return "\n".join(f"{name:<20} {text}" for name, text in lines)

    def _repr_html_(self) -> str:
        sources = {**SOURCES, "audit": "audit"}
        rounds = [(row["origin"] if row["origin"] in (BACKGROUND, IMPORTED) else
                   f"{row['round']}{'' if row['adopted'] else NOT_ADOPTED}",
                   sources[row["source"]], row["answers"], *_bar(row["share"], row))
                  for row in self.accuracy.to_dict("records")]
        latest = self.labels[self.labels["round"] == self.labels["round"].max()]
        recall = f"recall, latest round{'' if latest['adopted'].all() else NOT_ADOPTED}"
        labels = [(row["label"], row["answers"], *_bar(row["recall"], row)) for row in latest.to_dict("records")]
        parts = [html.table(("round", "measured on", "answers", FIRST[self.task], ""), rounds)] if rounds else []
        if said := f"{self.aside.removeprefix(', ')}; {self.coverage}".strip("; "):
            parts.append(html.paragraph(f"Hold-out: {said}."))
        parts += [html.paragraph(f"{name}: {text}") for name, text in self._value_lines()]
        parts += [html.table(("label", "answers", recall, ""), labels)] if labels else []
        parts += [html.paragraph(f"{name}: {text}") for name, text in (*self._agreements(), *self._expectations())]
        return html.page("Progress", *parts)

    def _value_lines(self) -> list[tuple[str, str]]:
        """Sentences on how well the values of each attribute are predicted now."""
        if not len(self.values):
            return [("values", "nothing measured yet")] if self.task == "scale" else []
        lines = []
        for name, table in self.values.groupby("attribute", sort=False):
            row = table.iloc[-1]
            if row["edited"]:
                lines.append((str(name), "not measured since its values were edited"))
                continue
            called = "mean absolute error" if row["measure"] == "mae" else "accuracy"
            aside = "" if row["in_use"] else ", of heads that aren't the adopted ones"
            figure = Estimate(row["value"], row["low"], row["high"], n=int(row["n"]))
            lines.append((str(name), f"{called} {figure}{aside}"))
        return lines

    def _agreements(self) -> list[tuple[str, str]]:
        """Sentences on how often answers agree with the model, blind and in sight of its suggestion."""
        if not len(self.agreement):
            return []
        row = self.agreement.iloc[-1]
        figures = {name: Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"], n=int(row[f"n_{name}"]),
                                  why="no such answers yet") for name in AGREEMENT}
        return [("agree with the model", f"blind {figures['blind']}; shown {figures['shown']}; "
                                         f"difference {figures['difference']}")]

    def _expectations(self) -> list[tuple[str, str]]:
        """Sentences on the gain from the last answers, the expected gain from the next, and the queue."""
        gained = ("last answers", f"{self.gained}") if not self.gained_by else \
            (f"last {self.gained_by} answers", f"gained {self.gained}")
        likely = f"{self.likely}" if math.isnan(self.likely) else \
            f"likely to gain {self.likely:+.3f} ({self.likely.low:+.3f} to {self.likely.high:+.3f})"
        left = [] if self.goal is None else [(f"to a goal of {self.goal.goal:g}", f"{self.goal}")]
        return [gained, (f"next {self.more} answers", likely), *left, ("the queue asks for", self.queue)]


def progress(project: Project, *, more: int = 50, goal: float | None = None,
             registry: Callable[[], Registry] | None = None) -> Progress:
    """Measure the rounds so far, and estimate what the next answers will gain.

    Parameters
    ----------
    project : Project
    more : int
        Number of last answers in `gained`, and of next answers in `likely`.
    goal : float, optional
        An accuracy, above 0 and below 1, for which to estimate the number of further answers.
    registry : callable, optional
        Returns the project's models; needed for a goal, and to measure a model trained in the background.

    Returns
    -------
    Progress

    Raises
    ------
    BadInput
        If more isn't a whole number, 1 or more, or the goal isn't a number above 0 and below 1.
    """
    more = check_count("n_answers", more, "a whole number, 1 or more,", least=1)
    _check_goal(goal, project)
    project.refresh()
    trained = list(project.log.events(kind="trained"))
    adopted = list(project.log.events(kind="adopted"))
    table = decisions(project, trained)
    sets, gold = comparable(table, project)
    blind = sets[~sets["visible"]]  # answers given in sight of a suggestion can't measure it
    agreed = {item_id: label for item_id, (label, *_) in consensus(blind).items() if label is not None}
    truth = blind["item_id"].map(agreed | gold)
    # If an edit left answer or suggestion in doubt, their agreement at that time counts: leaving these cards out would
    # leave out exactly those with a disagreement about the edited label.
    then = (blind["label_id"].isna() | blind["suggestion"].isna()) & blind["agreed"].notna() \
        & blind["verdict"].isin(LABELLING)
    told = then | (blind["suggestion"].notna() & truth.notna())
    known = blind[told].assign(right=(blind["suggestion"] == truth).mask(then, blind["agreed"].eq(True)))
    seen = table[table["visible"] & ~table["scripted"] & table["verdict"].isin(["accept", "correct", "unsure"])]
    current = project.state.adopted
    # For a model that was adopted again, the first adoption says what it learnt from.
    background = _adoption_of(current, reversed(adopted), BACKGROUND)
    measured = background or _adoption_of(current, adopted, IMPORTED)
    figures = {} if registry is None or measured is None else _figures_of(project, registry(), measured)
    gained, gained_by, likely, left = _expected(project, _line(trained, adopted), more, goal, registry,
                                                in_background=background is not None)
    coverage, aside = _of_holdout(figures.get("holdout"), trained, current)
    audited = audit(project, trained, table)
    project.selector.default(project.queue, project.lineage)
    return Progress(
        accuracy=_accuracy(trained, audited, adopted, measured, figures,
                           in_audit="exact match" if project.task == "multilabel" else "accuracy"),
        labels=_labels(project, trained, table, ever_adopted(trained, adopted)), gained=gained, gained_by=gained_by,
        likely=likely, more=more, goal=left, coverage=coverage, aside=aside,
        suggestions=_suggestions(project, seen), times=_times(table),
        people=_people(project, sets), difficulty=_difficulty(sets, known, audited), queue=project.selector.why,
        bias=audited.bias(), agreement=_agreement(project), task=project.task,
        values=value_progress(project, trained, registry if project.taxonomy.attributes else None))


def _check_goal(goal: float | None, project: Project) -> None:
    if goal is None:
        return
    if isinstance(goal, bool) or not isinstance(goal, (int, float, np.number)) or not 0 < goal < 1:
        raise BadInput(f"goal is {goal!r}; an accuracy above 0 and below 1 is expected, such as 0.9.")
    if project.task != "classify":
        raise BadInput("a goal is an accuracy of items with one label each; how many answers are left isn't estimated "
                       f"in a project with task={project.task!r}. Leave goal out.")


def _adoption_of(current: Event | None, adopted: Iterable[Event], origin: str) -> Event | None:
    """The first adoption of the model in use, if it has this origin."""
    return None if current is None else next((
        event for event in adopted
        if event.body["origin"] == origin and event.body["model"] == current.body["model"]), None)


# 13 branches: rounds, light models or neither tell what is gained, with or without a goal.
def _expected(project: Project, line: Sequence[tuple[Event, str | None]], more: int, goal: float | None,
              registry: Callable[[], Registry] | None, *,
              in_background: bool) -> tuple[Estimate, int, Estimate, AnswersLeft | None]:
    """`gained`, `gained_by`, `likely` and `goal` of `Progress`."""
    rounds = [event for event, _ in line]
    (gained, gained_by), likely = _gained(line, more), _likely(rounds, more)
    # A model trained in the background has no rounds: light models are refitted in their place. Rounds whose nets were
    # all rejected say nothing about it.
    by_refits = in_background and project.task == "classify" and (
        len(line) < 2 or not any(event.body["adopted"] for event in rounds))
    if registry is None or (goal is None and not by_refits):
        return gained, gained_by, likely, None
    from ..learn import refits
    refitted = refits.refit(project, registry(), back=more)
    if by_refits and not refitted.why:
        (gained, gained_by), likely = refitted.gained(more), refitted.likely(more)
    if goal is None:
        return gained, gained_by, likely, None
    measured = None if refits.uses_light_model(registry()) else _measured(rounds)
    points = None if measured is None else points_of_rounds(*measured[:3], correlation=measured[3])
    return gained, gained_by, likely, refits.goal_of(project, refitted, points, float(goal))


def _of_holdout(now: Figures | None, trained: Sequence[Event], current: Event | None) -> tuple[str, str]:
    """`coverage` and `aside` of `Progress`."""
    if now is not None:
        return now.coverage, ""
    if not trained:
        return "", ""
    last = trained[-1].body
    covered = [words] if (words := read_metrics(last["after"]).coverage) else []
    if (n_before := int(last.get("n_decided_before", 0))) >= MANY_ROUNDS:
        covered.append(f"these items chose the best of {n_before + 1} models by now, so that its figure may be some "
                       "points too high; the audit's isn't")
    return "; ".join(covered), _aside(trained[-1], current)


def _agreement(project: Project) -> pd.DataFrame:
    votes = project.answers().cards()
    votes = votes[votes["arm"].isin(ARMS)]
    groups = [(str(model), of_model) for model, of_model in votes.groupby("model", sort=False)]
    rows = []
    for model, of_model in [*groups, ("all", votes)] if groups else []:
        row: dict[str, Any] = {"model": model}
        for name, figure in zip(AGREEMENT, agreement_with_model(of_model), strict=True):
            row |= {f"n_{name}": figure.n or 0, name: figure.value, f"{name}_low": figure.low,
                    f"{name}_high": figure.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=["model", *(column for name in AGREEMENT for column in (
        f"n_{name}", name, f"{name}_low", f"{name}_high"))])


def _figures_of(project: Project, registry: Registry, adopted: Event) -> dict[str, Figures]:
    """Measure an adopted background or imported model like that of a round, on each kind of measuring items."""
    from ..learn.learnt import learnt_gold
    reference, version = Reference.of(project), adopted.body["model"]
    learnt, places = learnt_gold(project, [version]), list(reference.rows)
    if not places or not registry.path(version).exists():
        return {}
    predictor = registry.predictor(registry.find(version))
    new = Outputs(version, predictor.predict(places), tuple(adopted.body["label_ids"]), registry.thresholds_of(version))
    figures = figures_of(reference, new=new, adopted=None, best=None, learnt=learnt, of_sets=predictor.multilabel)
    return {source: figure.after for source, figure in figures.by_source.items()}


def read_metrics(body: Mapping[str, Any]) -> Figures:
    """Read the metrics of a model as the log has them."""
    return MultilabelMetrics.from_dict(body) if body.get("kind") == "multilabel" else Metrics.from_dict(body)


def _first(metrics: Figures) -> tuple[str, int, float, float, float]:
    """The main metric of a model: its name, n, value and interval."""
    if isinstance(metrics, Metrics):
        return FIRST["classify"], *_share(metrics.counts.trace(), metrics.n, metrics)
    figure = metrics["macro_f1"]
    return FIRST["multilabel"], metrics.n, figure.value, figure.low, figure.high


def _as_counts(metrics: Figures) -> tuple[float, float]:
    """Number of right items, and of independent items; for a macro F1 the effective numbers with its interval."""
    if isinstance(metrics, Metrics):
        return metrics.counts.trace() / metrics.design_effect, metrics.n / metrics.design_effect
    _, n, value, low, high = _first(metrics)
    error = (high - low) / 3.92
    worth = value * (1 - value) / error ** 2 if 0 < value < 1 and error > 0 else float(n)
    return value * worth, worth


# 17 branches: rows for the rounds, for the model in use and for the audit, each with the known fields.
def _accuracy(trained: Sequence[Event], audited: Audited, adopted: Sequence[Event], measured: Event | None,
              of_measured: Mapping[str, Figures], *, in_audit: str) -> pd.DataFrame:
    learnt = [event for event in adopted if event.body["origin"] == BACKGROUND]
    events = sorted((*trained, *learnt), key=lambda event: event.seq or 0)
    curves, in_use = _curves(events), ever_adopted(trained, adopted)
    rows: list[tuple[Any, ...]] = []
    for n_round, event in enumerate(trained, 1):
        body = event.body
        figures = {body.get("measured_on") or "holdout": body, **body.get("figures", {})}
        for source, figure in figures.items():
            if (after := read_metrics(figure["after"])).n:
                rows.append((n_round, source, body["model"], _n_learned(event), *_first(after)[1:],
                             curves[event.seq or 0], "round", _first(after)[0], body["model"] in in_use))
    for source, after in of_measured.items():
        if measured is not None and after.n:
            # One more if the labels were edited since it was trained.
            curve = curves.get(measured.seq or 0, max(curves.values(), default=0) + 1) \
                + (set(measured.body["label_ids"]) != set(after.label_ids))
            rows.append((len(trained) + 1, source, measured.body["model"], int(measured.body.get("n_training", 0)),
                         *_first(after)[1:], curve, measured.body["origin"], _first(after)[0], True))
    curve_of = {event.body["model"]: curves[event.seq or 0] for event in events}
    n_learned = {event.body["model"]: int(event.body.get("n_training", 0)) for event in learnt} \
        | {event.body["model"]: _n_learned(event) for event in trained}
    origins = {event.body["model"]: event.body["origin"] for event in adopted
               if event.body["origin"] in (BACKGROUND, IMPORTED)}
    rows += [(n_round, "audit", model, n_learned.get(model, 0), right.n, right.value, right.low, right.high,
              curve_of.get(model, 1), origins.get(model, "round"), in_audit, True)
             for (n_round, model), right in audited.accuracy().items()]
    return pd.DataFrame(rows, columns=ACCURACY)


def ever_adopted(trained: Iterable[Event], adopted: Iterable[Event]) -> set[str]:
    """The versions of the models that a round adopted, or that were adopted apart from one."""
    return {event.body["model"] for event in trained if event.body["adopted"]} \
        | {event.body["model"] for event in adopted}


def _curves(events: Iterable[Event]) -> dict[int, int]:
    """The learning curve's number for each model's event, in order: a new curve begins when the labels change."""
    curves, curve, former = dict[int, int](), 0, list[str]()
    for event in events:
        labels = sorted((event.body["after"] if event.kind == "trained" else event.body)["label_ids"])
        curve += labels != former
        curves[event.seq or 0], former = curve, labels
    return curves


def _aside(last: Event, event: Event | None) -> str:
    """A sentence that the last round's model isn't in use, with the accuracy of the one in use on the same items."""
    body, adopted = last.body, None if event is None else event.body["model"]
    if adopted in (None, body["model"]) or (body.get("measured_on") or "holdout") != "holdout":
        return ""
    before = read_metrics(body["before"])
    same = f" (the adopted one had {_first(before)[2]:.3f})" if body.get("former") == adopted and before.n else ""
    return f", whose model isn't the adopted one{same}"


# 13 branches: conditions for belonging to the line, and fields that logs of earlier versions lack.
def _line(trained: Sequence[Event], adopted: Sequence[Event]) -> list[tuple[Event, str | None]]:
    """The rounds comparable with the last one, the oldest first, each with the model from which it started.

    They have the same taxonomy and kind of measuring items, and form one line: each round's model is the start of the
    next, or a rejected model from the same start. Models that were rolled back aren't in the line.
    """
    if not trained:
        return []
    began: list[str | None] = []
    model: str | None = None
    for event in sorted((*trained, *adopted), key=lambda event: event.seq or 0):
        if event.kind == "trained":  # missing in events of an earlier version: it was the model adopted at that time
            began.append(event.body.get("former", model))
        if event.kind == "adopted" or event.body["adopted"]:
            model = event.body["model"]
    line = [(trained[-1], began[-1])]
    kind = [(set(event.body["after"]["label_ids"]), event.body.get("measured_on")) for event in trained]
    for place in reversed(range(len(trained) - 1)):
        body, (_, start) = trained[place].body, line[-1]
        if read_metrics(body["after"]).n and kind[place] != kind[-1]:
            break
        if body["model"] == start or (not body["adopted"] and began[place] == start):
            line.append((trained[place], began[place]))
    return line[::-1]


def _labels(project: Project, trained: Sequence[Event], table: pd.DataFrame, in_use: Container[str]) -> pd.DataFrame:
    place = table["place"].to_numpy()
    teaches = (place >= 0) & ~project.queue.holdout[place] & ~project.queue.gold[place] \
        & table["verdict"].isin(["accept", "correct", "answer"])
    rows: list[tuple[Any, ...]] = []
    today = set(project.taxonomy.label_ids)
    for n_round, event in enumerate(trained, 1):
        after, is_adopted = read_metrics(event.body["after"]), event.body["model"] in in_use
        given = table[teaches & (table["round"] <= n_round)].drop_duplicates("item_id")["label_id"]
        counts = Counter(label for label_id in given for label in members(label_id))
        if isinstance(after, MultilabelMetrics):
            of = after.per_label
            rows += [(project.taxonomy.name_of(str(label_id)), n_round, counts[str(label_id)], int(row["n"]),
                      row["recall"], row["recall_low"], row["recall_high"], is_adopted)
                     for label_id, row in of.iterrows() if label_id in today and row["n"]]
            continue
        for k, label_id in enumerate(after.label_ids):
            # For a label that was split or merged since, the answers by then can't be counted under today's labels.
            if label_id in today and (n := int(after.counts[k].sum())):
                rows.append((project.taxonomy.name_of(label_id), n_round, counts[label_id],
                             *_share(after.counts[k, k], n, after), is_adopted))
    return pd.DataFrame(rows, columns=RECALL)


def _gained(line: Sequence[tuple[Event, str | None]], back: int) -> tuple[Estimate, int]:
    """Accuracy now, minus that of the last model of the line that had learnt from at least `back` answers fewer."""
    if len(line) < 2:
        why = "two rounds are needed to tell, under these labels and of one line of models"
        return Estimate(math.nan, why=why if line else "no round has ended yet"), 0
    (last, began), n_last = line[-1], _n_learned(line[-1][0])
    former = next((event for event, _ in reversed(line[:-1]) if n_last - _n_learned(event) >= back), line[0][0])
    apart, now, then = n_last - _n_learned(former), *(read_metrics(e.body["after"]) for e in (last, former))
    if not now.n or not then.n:
        return Estimate(math.nan, why=now.why or then.why), apart
    if apart <= 0:
        return Estimate(math.nan, why="the rounds so far learned from the same answers"), 0
    if last.body["gain"] and former.body["model"] == began:  # measured on the very same items
        value, n, low, high = last.body["gain"]
        return Estimate(value, low, high, n=n), apart
    low, high = newcombe(*_as_counts(now), *_as_counts(then))
    return Estimate(_first(now)[2] - _first(then)[2], low, high, n=min(now.n, then.n)), apart


def _likely(trained: Sequence[Event], more: int) -> Estimate:
    rounds = _measured(trained)
    if rounds is None:
        return Estimate(math.nan, why="no round has been measured yet")
    answers, right, measured, correlation = rounds
    return expected_gain(answers, right, measured, more=more, correlation=correlation)


# 15 branches: rounds lack a figure before, after or both, had their model rejected, or have no gain with an interval.
def _measured(trained: Sequence[Event]) -> tuple[list[int], list[int], list[int], float] | None:
    """Answers that each round learnt from, its numbers of right and of all items, and the rounds' correlation.

    Of a round whose model was rejected the former model counts, on the same items, unless the rejected one was better.
    """
    points: dict[int, tuple[int, int]] = {}
    correlations = []
    for event in trained:
        before, after = (read_metrics(event.body[name]) for name in ("before", "after"))
        if after.n:
            is_worse = before.n and not event.body["adopted"] and _first(before)[2] > _first(after)[2]
            right, worth = _as_counts(before if is_worse else after)
            points[_n_learned(event)] = (round(right), max(1, round(worth)))
        if event.body["gain"] and before.n and after.n:
            _, n, low, high = event.body["gain"]
            one, two = (share * (1 - share) / n for share in (_first(before)[2], _first(after)[2]))
            if one * two > 0:  # correlation of the two models' results, from the interval of their gain
                correlations.append((one + two - ((high - low) / 3.92) ** 2) / (2 * math.sqrt(one * two)))
    if not points:
        return None
    answers = sorted(points)
    return (answers, [points[n][0] for n in answers], [points[n][1] for n in answers],
            float(np.clip(np.median(correlations), 0, 0.9)) if correlations else 0.0)


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
        for label_id, some in _by_suggested_label(group, stood):
            rows.append({"round": n_round, "label": project.taxonomy.name_of(label_id),
                         **dict(zip(SHARE, _share(some.sum(), len(some)), strict=True))})
    return pd.DataFrame(rows, columns=["round", "label", *SHARE, "change", "change_low", "change_high"])


def _by_suggested_label(group: pd.DataFrame, stood: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Each suggested label, and whether it stood each time; a set counts for each of its labels."""
    if not group["suggestion"].map(is_set).any():
        yield from ((str(label_id), some) for label_id, some in stood.groupby(group["suggestion"]))
        return
    # Suggestions and answers that an edit left in doubt don't count for any label.
    group = group[group["suggestion"].notna() & (group["label_id"].notna() | (group["verdict"] == "unsure"))]
    suggested = group["suggestion"].map(members)
    given = group["label_id"].map(lambda label_id: members(label_id) if is_set(label_id) else ())
    for label_id in sorted({label for of_card in suggested for label in of_card}):
        there = suggested.map(lambda of_card, label=label_id: label in of_card)
        yield label_id, given[there].map(lambda of_card, label=label_id: label in of_card)


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
    """The figures that the reader may see: their own, and those of all people if there are five others or more."""
    reader = project.annotator
    names = sees_names(project, reader)
    tested = project.people.gold_answers().dropna(subset=["label", "truth"])
    tested = tested.assign(right=tested["label"] == tested["truth"])
    compared = against_others(table[table["item_id"].isin(table.loc[table["chosen_by"] == "audit", "item_id"])])
    rows: list[dict[str, Any]] = []
    for source, answers in (("gold", tested), ("others", compared)):
        for annotator, group in answers.groupby("annotator"):
            if names or annotator == reader:
                rows.append({"annotator": annotator, "source": source,
                             **dict(zip(SHARE, _share(group["right"].sum(), len(group)), strict=True))})
        n_others = answers.loc[answers["annotator"] != reader, "annotator"].nunique()
        if n_others >= (1 if names else FEWEST) and answers["annotator"].nunique() > 1:
            rows.append({"annotator": "all", "source": source,
                         **_over_people(answers["right"].astype(bool), answers["annotator"])})
    return pd.DataFrame(rows, columns=["annotator", "source", *SHARE])


def _difficulty(table: pd.DataFrame, known: pd.DataFrame, audited: Audited) -> pd.DataFrame:
    blind = audited.sample.loc[audited.sample["half"] != "shown", "item_id"]
    fair = known[known["chosen_by"].isin(DRAWN) | known["item_id"].isin(blind)]
    agreed = {item_id: most == n for item_id, (_, most, n) in consensus(table).items() if n > 1}
    agree = fair["item_id"].map(agreed)
    groups: list[tuple[str, str, pd.Series]] = [
        ("certainty", f"{low} to {high}", fair["certainty"].between(low, high)) for low, high in CERTAINTIES]
    groups += [("answers", "agree", agree.eq(True)), ("answers", "differ", agree.eq(False))]
    flags = sorted({flag for of_item in fair["flags"] for flag in of_item})
    groups += [("flag", flag, fair["flags"].map(lambda of_item, flag=flag: flag in of_item).astype(bool))
               for flag in flags]
    groups += [("flag", "none", ~fair["flags"].map(bool).astype(bool))]
    rows = [{"by": by, "group": name, **_over_people(fair.loc[mask, "right"].astype(bool), fair.loc[mask, "annotator"])}
            for by, name, mask in groups if mask.any()]
    return pd.DataFrame(rows, columns=["by", "group", *SHARE])


def _n_learned(event: Event) -> int:
    return int(event.body["n_training"]) + int(event.body["n_validation"])


def _share(k: Any, n: int, metrics: Metrics | None = None) -> tuple[int, float, float, float]:
    return n, int(k) / n, *(jeffreys(int(k), n) if metrics is None else metrics.interval(int(k), n))


def _over_people(right: pd.Series, annotator: pd.Series) -> dict[str, Any]:
    """Share of several people's answers, with an interval that allows for differences between people."""
    counts = right.groupby(annotator).agg(["sum", "count"])
    low, high = across(counts["sum"].to_numpy(np.int64), counts["count"].to_numpy(np.int64))
    return {"n": len(right), "share": float(right.mean()), "low": low, "high": high}


def _latest(table: pd.DataFrame) -> str:
    """The last row of a table of shares, in words."""
    if not len(table):
        return "nothing yet"
    row = table.iloc[-1]
    where = f", background model of {row['answers']} answers" if row.get("origin") == BACKGROUND else \
        ", imported predictions" if row.get("origin") == IMPORTED else \
        f" in round {row['round']}"
    return f"{Estimate(row['share'], row['low'], row['high'], n=int(row['n']))}{where}"


def _bar(share: float, row: Mapping[Any, Any]) -> tuple[html.Html, str]:
    """Draw a bar with its interval, and the same in numbers."""
    low, high = row["low"], row["high"]
    return html.bar(share, low=low, high=high), str(Estimate(share, low, high, n=row["n"]))
