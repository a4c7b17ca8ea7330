"""The model card of a saved model, in Markdown: how it was trained and measured, and what isn't known about it.

`record_of` reads the content from the log, and `card` returns it as text. A figure that wasn't measured is marked so.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..events import Event, is_planted, standing
from ..quality.metrics import Metrics
from ..quality.multilabel import MultilabelMetrics
from ..quality.object_detection import Detection
from ..quality.span_metrics import Figures, SpanMetrics
from ..records import LABELLING, TOO_FEW
from ..storage.log import Log
from .learnt import unpack
from .measurement import SOURCES
from .object_run import IN_WORDS, ObjectRun
from .run import Run
from .value_run import ValueFigure, ValueRun

SOURCES_IN_WORDS = {
    "holdout": "the hold-out: items that were drawn by chance from the pool, teach no model, and were answered without "
               "sight of a suggestion",
    "gold": "gold: items whose answer was known. Nobody drew them by chance, so that the figures may be others on the "
            "pool",
    "imported": "imported labels. Nobody recorded whether a model's suggestions were seen when they were given, so "
                "that the figures may flatter a model"}
ORIGINS = {"given": "It was given by a person.", "trained": "It was trained with `wb.finetune()`.",
           "background": "It was learnt in the background, while somebody labelled.",
           "rolled back": "It is a former model to which somebody went back."}
OF_LABELS = {"classify": "gives an item the probability of each label; one label an item",
             "multilabel": "gives an item the probability of each label; any number of labels an item"}
# Marks of Markdown, which a backslash escapes; one also breaks up addresses, which some renderers turn into links.
_MARKS = re.compile(r"([\\`*_\[\]#|~@$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True)
class Record:
    """The record of a model in a log.

    Attributes
    ----------
    taxonomy : int or None
        The version of the taxonomy that its labels are from.
    thresholds : dict of str to float
        label_id -> threshold, from the model's events.
    origin : str
        A key of `ORIGINS`, or "".
    run : Run, ObjectRun or None
        The run that trained it.
    former : str or None
        The model with which that run compared it.
    next_run : Run, ObjectRun or None
        A later run that compared a new model with it, and so measured it too.
    n_runs : int
        Number of runs up to that one, all measured on the same items.
    out_of_fold : mapping
        Out-of-fold figures of a model that was learnt in the background: n, right.
    n_answers, n_annotators : int or None
        Number of answers that it learnt from, and of their annotators; None where not known.
    n_training : int or None
        Number of items that it learnt from.
    """

    taxonomy: int | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    origin: str = ""
    run: Run | ObjectRun | None = None
    former: str | None = None
    next_run: Run | ObjectRun | None = None
    n_runs: int = 0
    out_of_fold: Mapping[str, Any] = field(default_factory=dict)
    n_answers: int | None = None
    n_annotators: int | None = None
    n_training: int | None = None


# 24 branches: a model may have been trained here, measured by a later run, adopted from elsewhere, or nothing of these.
def record_of(log: Log, version: str, *, taxonomy: int | None) -> Record:
    """Read the record of a model from a log.

    Parameters
    ----------
    log : Log
    version : str
        The model.
    taxonomy : int or None
        The version of the taxonomy that its labels are from.
    """
    events = list(log.events(kind=("adopted", "trained")))
    runs = [event for event in events if event.kind == "trained"]
    # The last measurement has the most items; a run that made the same model again compared it with itself.
    own = next((event for event in sorted(runs, key=lambda one: (one.body.get("former") == version, -(one.seq or 0)))
                if event.body["model"] == version), None)
    adopted = [event for event in events if event.kind == "adopted" and event.body["model"] == version]
    later = next((event for event in reversed(runs) if event.body.get("former") == version), None)
    first = next((event for event in adopted if event.body["origin"] != "rolled back"), None)
    told = [event for event in (own, first) if event is not None]
    thresholds = next((dict(event.body["thresholds"]) for event in [*reversed(adopted), *told]
                       if event.body.get("thresholds")), {})
    taught = next((event for event in told if "learnt" in event.body), None)
    n_answers, n_annotators = (None, None) if taught is None else _answers(log, taught)
    return Record(
        taxonomy=taxonomy, thresholds=thresholds,
        origin="trained" if own is not None else first.body["origin"] if first is not None else "",
        run=None if own is None else _run(own.body), former=None if own is None else own.body.get("former"),
        next_run=None if later is None or own is not None else _run(later.body),
        n_runs=0 if (last := own or later) is None else sum((event.seq or 0) <= (last.seq or 0) for event in runs),
        out_of_fold={} if first is None else first.body.get("out_of_fold", {}),
        n_answers=n_answers, n_annotators=n_annotators,
        n_training=next((event.body["n_training"] for event in told if "n_training" in event.body), None))


def _run(body: Mapping[str, Any]) -> Run | ObjectRun:
    return ObjectRun.from_dict(body) if body.get("kind") == "objects" else Run.from_dict(body)


# 14 branches: one pass over the log, then one over each item's annotators, whose last answer counts if it is a label.
def _answers(log: Log, taught: Event) -> tuple[int, int]:
    """Number of answers that were valid when a model had learnt their items, and number of their annotators."""
    sums = set(unpack(taught.body["learnt"]).tolist())
    by_item: dict[str, list[Event]] = {}
    for event in log.events(kind=("decided", "retracted")):
        if (event.seq or 0) > (taught.seq or 0):
            break
        if event.item_id is not None and zlib.crc32(event.item_id.encode()) in sums:
            by_item.setdefault(event.item_id, []).append(event)
    annotators: list[str] = []
    for events in by_item.values():
        for annotator in {event.annotator for event in events if event.kind == "decided"}:
            last = standing(event for event in events if event.kind == "retracted" or event.annotator == annotator)
            if last is not None and last.body["verdict"] in LABELLING and not is_planted(last.body):
                annotators.append(annotator)
    return len(annotators), len(set(annotators))


# -- the card ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class ValueRecord:
    """The record of heads for attributes in a log.

    Attributes
    ----------
    origin : str
        A key of `ORIGINS`, or "".
    n_training : int or None
        Number of items that they learnt from; None where not known.
    out_of_fold : mapping
        attribute_id -> n, and mae or right, on the answers that they learnt from, each predicted by a head that didn't
        learn it.
    figures : mapping of str to ValueFigure
        Name of an attribute -> the figure of these heads in the last run that made them.
    """

    origin: str = ""
    n_training: int | None = None
    out_of_fold: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, ValueFigure] = field(default_factory=dict)


def value_record_of(log: Log, version: str) -> ValueRecord:
    """Read the record of heads for attributes from a log.

    Parameters
    ----------
    log : Log
    version : str
        Version of the heads.
    """
    adopted = next((event for event in log.events(kind="adopted_values") if event.body["model"] == version
                    and event.body["origin"] != "rolled back"), None)
    runs = [ValueRun.from_dict(event.body["values"]) for event in log.events(kind="trained")
            if event.body.get("values")]
    run = next((one for one in reversed(runs) if one.model == version), None)
    body = {} if adopted is None else adopted.body
    return ValueRecord(origin=body.get("origin", "" if run is None else "trained"),
                       n_training=body.get("n_training", None if run is None else run.n_training),
                       out_of_fold=body.get("out_of_fold", {}), figures={} if run is None else run.figures)


def values_card(config: Mapping[str, Any], record: ValueRecord, *, use: str) -> str:
    """The card of heads for attributes alone, in Markdown: see `card`.

    Parameters
    ----------
    config : mapping
        The content of `model.json`.
    record : ValueRecord
    use : str
        How to load them, in Markdown.
    """
    items = "text" if config["kind"] == "text" else "image"
    lines = [f"# Model {config['version']}", "",
             f"A model of {items}s that gives each item the value of each attribute. {ORIGINS.get(record.origin, '')} "
             f"Its attributes are those of version {config['taxonomy']} of the taxonomy.".replace("  ", " "), "",
             f"Saved by hitl_widgets {config['package']}.", "", *_values(config, record, heading=False),
             "## Use", "", use.rstrip()]
    return "\n".join(lines) + "\n"


# 11 branches: what is said of an attribute depends on its kind, and on what was measured.
def _values(config: Mapping[str, Any], record: ValueRecord, *, heading: bool = True) -> list[str]:
    """The part of a card about values of attributes."""
    items = "text" if config["kind"] == "text" else "image"
    about = config["values"]
    learnt = "Not known what they learnt from." if record.n_training is None else \
        f"Learnt from {record.n_training:,} {items}s with values."
    lines = [] if not heading else ["## Values of attributes", "", f"Heads {about['version']}, of version "
                                    f"{about['taxonomy']} of the taxonomy. {ORIGINS.get(record.origin, '')}".rstrip(),
                                    ""]
    lines += [learnt, "", "| attribute | values | measured | out of fold |", "|---|---|---|---|"]
    for one in about["attributes"]:
        of = ", ".join(one["choices"]) if one["kind"] == "choices" else \
            f"{one['scale'][0]:g} to {one['scale'][1]:g}" + (", whole steps" if one["kind"] == "ordinal" else "")
        lines.append(f"| {escaped(one['name'])} | {escaped(of)} | {_of_attribute(record.figures.get(one['name']))} | "
                     f"{_out_of_fold(record.out_of_fold.get(one['id']))} |")
    sources = {figure.source for figure in record.figures.values() if figure.after.n}
    lines += ["", *(f"Measured on {SOURCES_IN_WORDS[source]}. Figures have 95 % intervals." for source
                    in sorted(sources & SOURCES_IN_WORDS.keys())),
              "Out of fold is about the answers that they learnt from, each predicted by a head that did not learn it. "
              "Nobody drew these by chance, so that it is no estimate for the pool.", ""]
    if sensitive := [one for one in about["attributes"] if one.get("sensitive")]:
        lines += [*(f"- {escaped(one['name'])} is sensitive. It was asked for this purpose: "
                    f"{escaped(one['sensitive'])}" for one in sensitive), ""]
    return lines


def _of_attribute(figure: ValueFigure | None) -> str:
    if figure is None or not figure.after.n:
        return "not measured"
    return f"{'mean absolute error' if figure.measure == 'mae' else figure.measure} " \
           f"{escaped(str(figure.after[figure.measure]))}"


def _out_of_fold(of: Mapping[str, Any] | None) -> str:
    if not of:
        return "not known"
    return f"{of['right']:,} of {of['n']:,} right" if "right" in of else \
        f"mean absolute error {of['mae']:.3g} (n = {of['n']:,})"


def card(config: Mapping[str, Any], record: Record, *, net: str, use: str, values: ValueRecord | None = None) -> str:
    """The card of a model, in Markdown.

    Parameters
    ----------
    config : mapping
        The content of `model.json`.
    record : Record
    net : str
        The kind of net, in words.
    use : str
        How to load it, in Markdown.
    values : ValueRecord or None
        The record of heads for attributes that are saved with it.

    Returns
    -------
    str
        Without HTML: names of labels are escaped.
    """
    objects = config["task"] not in OF_LABELS
    items = "text" if config["kind"] == "text" else "image"
    does = OF_LABELS.get(config["task"], f"finds objects ({config['task']}) in {items}s")
    under = "" if config["taxonomy"] is None else f" Its labels are those of version {config['taxonomy']} of the " \
                                                  "taxonomy."
    lines = [f"# Model {config['version']}", "",
             f"A model of {items}s that {does}. {ORIGINS.get(record.origin, '')}{under} {net}".replace("  ", " "), "",
             f"Saved by hitl_widgets {config['package']}.", "", "## How good it is", "", *_measured(record),
             "## What it learnt from", "", *_learnt(record, objects, items), "## Confidence", "",
             *_confidence(record, objects), "## What is not known", "", *_unknown(config, record, items), "## Labels",
             "", *_labels(config, objects), *([] if values is None else _values(config, values)), "## Use", "",
             use.rstrip()]
    return "\n".join(lines) + "\n"


# 17 branches: what a measurement has depends on the kind of model, and on the run that made it.
def _measured(record: Record) -> list[str]:
    run, when = (record.run, "") if record.run is not None else (record.next_run, "before")
    metrics = None if run is None else run.before if when else run.after
    n = _n(metrics)
    if run is None or metrics is None or not n:
        return _not_measured(record, run)
    source = SOURCES_IN_WORDS.get(run.measured_on, "items with a known answer")
    noun = " texts" if isinstance(metrics, SpanMetrics) else " images" if isinstance(metrics, Detection) else ""
    lines = [f"Measured on {source}. n = {n:,}{noun}. Figures have 95 % intervals." +
             (f" It was measured as the model before round {run.round}." if when else ""), ""]
    lines += [f"- {_in_words(name)}: {metrics[name]}" for name in _figures(metrics)]
    if coverage := getattr(metrics, "coverage", ""):
        lines.append(f"- answered: {escaped(coverage)}")
    lines += [f"- {escaped(note)}" for note in getattr(metrics, "notes", ())]
    for name, figure in getattr(run, "figures", {}).items():
        other = figure.before if when else figure.after
        if name != run.measured_on and other.n:
            lines.append(f"- on {SOURCES[name]}: {_in_words(_figures(other)[0])} {other[_figures(other)[0]]}")
    lines += ["", "| label | n |" + "".join(f" {name} |" for name in _columns(metrics)),
              "|---|---|" + "---|" * len(_columns(metrics)), *_rows(metrics), ""]
    return [*lines, "### Gain over the model before", "", *_gain(record, run, measured_later=bool(when))]


def _not_measured(record: Record, run: Run | ObjectRun | None) -> list[str]:
    lines = ["Not measured: no item with a known answer was there when it was trained." if run is not None else
             "Not measured.", ""]
    if record.out_of_fold.get("n"):
        right, n = (record.out_of_fold[name] for name in ("right", "n"))
        lines += [f"Out of fold (each item predicted by a head that did not learn it) {right:,} of {n:,} of the "
                  "items that it learnt from were right. Nobody drew these by chance, so that this is no estimate "
                  "for the pool.", ""]
    return lines


def _gain(record: Record, run: Run | ObjectRun, *, measured_later: bool) -> list[str]:
    if measured_later or math.isnan(run.gain):
        return [f"None: {escaped('there is no record of one' if measured_later else run.gain.why)}.", ""]
    of = _in_words(run.main) if isinstance(run, ObjectRun) else \
        "macro F1" if isinstance(run.after, MultilabelMetrics) else "accuracy"
    clear = "better" if run.gain.low > 0 else "worse" if run.gain.high < 0 else "neither clearly better nor clearly " \
                                                                               "worse"
    return [f"{of}: {float(run.gain):+.3f} ({run.gain.low:+.3f} to {run.gain.high:+.3f}, n = {run.gain.n:,}) over "
            f"{'the former model' if record.former is None else f'model {escaped(record.former)}'}, on the same items: "
            f"{clear}.", ""]


def _learnt(record: Record, objects: bool, items: str) -> list[str]:
    if record.n_training is None:
        return ["Not known: it was trained elsewhere." if record.origin == "given" else "Not known.", ""]
    lines = [f"- {record.n_training:,} {items}s"]
    if isinstance(record.run, ObjectRun):
        lines[0] += f" with {record.run.n_objects:,} {'spans' if items == 'text' else 'objects'}"
    lines.append("- answers: not recorded" if record.n_answers is None else
                 f"- {record.n_answers:,} answers by {record.n_annotators:,} "
                 f"{'annotator' if record.n_annotators == 1 else 'annotators'}")
    if record.run is not None:
        lines.append(f"- round {record.run.round}" + (f"; {escaped(record.run.taken)}" if record.run.taken else ""))
        if record.run.n_validation and not objects:
            lines.append(f"- {record.run.n_validation:,} others chose the best epoch")
    return [*lines, ""]


def _confidence(record: Record, objects: bool) -> list[str]:
    run = record.run
    if objects:
        return ["Scores are from 0 to 1. They are no probabilities. Objects are proposed from the score below.",
                ""]
    said = run.calibrated if isinstance(run, Run) and run.calibrated else ""
    if record.origin == "background":
        said = "calibrated out of fold" if (record.n_training or 0) >= TOO_FEW else "not calibrated: few items"
    lines = [f"{escaped(said)[:1].upper()}{escaped(said)[1:]}. Temperature and shift are in the weights of the last "
             "layer." if said else "Not calibrated, as far as is known."]
    ece = getattr(run.after, "ece", math.nan) if isinstance(run, Run) else math.nan
    if isinstance(ece, float) and not math.isnan(ece) and isinstance(run, Run) and isinstance(run.after, Metrics):
        lines += ["", f"Calibration error (ECE, 10 bins): {ece:.3f} at n = {run.after.n:,}; exact confidence would "
                      f"have {run.after.ece_by_chance:.3f} by chance."]
    return [*lines, ""]


# 18 branches: a sentence for each thing that may not be known.
def _unknown(config: Mapping[str, Any], record: Record, items: str) -> list[str]:
    lines = []
    run = record.run or record.next_run
    metrics = None if run is None else run.after if record.run is not None else run.before
    n = _n(metrics)
    if not n:
        lines.append("How often it is right: it was not measured.")
    elif metrics is not None:
        if n < TOO_FEW:
            lines.append(f"Much: {n} items are few.")
        table = _table(metrics)
        missing = [name for name in table.index if not table.loc[name, "n"]]
        few = [name for name in table.index if 0 < table.loc[name, "n"] < TOO_FEW]
        if missing:
            lines.append(f"How good it is at {_listed(missing)}: no measured item has that label.")
        if few:
            lines.append(f"Much of {_listed(few)}: fewer than {TOO_FEW} measured items have that label.")
    if isinstance(run, Run) and run.n_gold_learnt and record.run is not None:
        lines.append(f"{run.n_gold_learnt:,} gold items were learnt before they were gold, and do not measure.")
    if n and record.n_runs > 1:
        lines.append(f"How much of the figure is luck: {record.n_runs} rounds were measured on the same items, and the "
                     "best of many owes some of it to chance.")
    if record.n_training is None:
        lines.append("What it learnt from.")
    lines.append(f"How good it is on {items}s from elsewhere: the figures are about the pool that the items were drawn "
                 "from.")
    if record.n_annotators == 1:
        lines.append("Whether others would agree with the answers: one annotator gave them.")
    return [*(f"- {line}" for line in lines), ""]


def _labels(config: Mapping[str, Any], objects: bool) -> list[str]:
    limits = config["thresholds"]
    head = ["| column | label | label id |", "|---|---|---|"]
    if limits:
        head = [f"{head[0]} {'proposed from' if objects else 'on from'} |", f"{head[1]}---|"]
    rows = [f"| {number} | {escaped(one['name'])} | {escaped(one['label_id'])} |"
            + (f" {limits.get(one['label_id'], 0.5):g} |" if limits else "")
            for number, one in enumerate(config["labels"])]
    return [*head, *rows, ""]


# -- figures -----------------------------------------------------------------------------------------------------------

def _n(metrics: Metrics | MultilabelMetrics | Figures | None) -> int:
    if metrics is None:
        return 0
    return metrics.n if isinstance(metrics, (Metrics, MultilabelMetrics)) else metrics.n_images


def _is_of_objects(metrics: Metrics | MultilabelMetrics | Figures) -> bool:
    return not isinstance(metrics, (Metrics, MultilabelMetrics))


def _figures(metrics: Any) -> Sequence[str]:
    names: Sequence[str] = metrics.FIGURES
    return [name for name in names if name in ("map50", "map", "f1", "precision", "recall", "f1_strict", "f1_exact",
                                               "f1_partial")] if _is_of_objects(metrics) else names


def _in_words(name: str) -> str:
    return IN_WORDS.get(name, name.replace("_f1", " F1").replace("_", " "))


def _columns(metrics: Any) -> Sequence[str]:
    return _figures(metrics)[:3] if _is_of_objects(metrics) else ("precision", "recall", "f1")


def _table(metrics: Any) -> pd.DataFrame:
    """A row for each label by its name, with n (measured items, or objects, that have it)."""
    if _is_of_objects(metrics):
        table = metrics.table.iloc[1:]
        return table.assign(n=table["n_spans" if metrics.kind == "span" else "n_objects"])
    return metrics.per_label.set_index("label")


def _rows(metrics: Any) -> list[str]:
    table = _table(metrics)
    lines = []
    for name, row in zip(table.index, table.to_dict("records"), strict=True):
        cells = "".join(f" {_share(row, column)} |" for column in _columns(metrics))
        lines.append(f"| {escaped(str(name))} | {int(row['n']):,} |{cells}")
    return lines


def _share(row: Mapping[Any, Any], column: str) -> str:
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    return "none" if math.isnan(value) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _listed(names: Iterable[Any], n: int = 20) -> str:
    names = list(map(str, names))
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(map(escaped, names[:n])) + more


def escaped(text: str) -> str:
    r"""Escape a text so that Markdown shows it literally: without links, HTML or line breaks.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> print(escaped("cat | <b>*dog*</b>"))
    cat \| &lt;b&gt;\*dog\*&lt;/b&gt;
    """
    shown = "".join(" " if one.isspace() else "\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in ("Cc", "Cs")
                    else one for one in text)
    marked = _MARKS.sub(r"\\\1", shown)
    return "".join(_ENTITIES.get(one, one) for one in marked)
