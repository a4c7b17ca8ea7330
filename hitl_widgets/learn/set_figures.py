"""Gains of a fine-tuning where items may have several labels, as a table, as lines of text and as HTML.

All three show a `measurement.Figure` whose metrics are `MultilabelMetrics`.
"""

from __future__ import annotations

import math

import pandas as pd

from ..drawing import html
from ..quality.multilabel import MultilabelMetrics
from ..records import Estimate
from .measurement import GAINS, Figure
from .reliance import Reliance

COLUMNS = ["label", "n", "before", "after", "gain", "gain_low", "gain_high", "threshold", "ece"]
NAMES = {"macro_f1": "macro F1", "micro_f1": "micro F1", "exact_match": "exact match"}


def set_table(figure: Figure, relies_before: Reliance | None, relies_after: Reliance | None) -> pd.DataFrame:
    """F1 per label before and after, then over all: label, n, before, after, gain, gain_low, gain_high, threshold, ece.

    Parameters
    ----------
    figure : Figure
        A figure of sets of labels.
    relies_before, relies_after : Reliance or None
        How much the models rely on marked regions, a row for each of their figures.
    """
    before, after = figure.before.per_label, figure.after.per_label
    frame = pd.DataFrame({"label": after["label"], "n": after["n"], "before": before["f1"].reindex(after.index),
                          "after": after["f1"], "threshold": after["threshold"], "ece": after["ece"]})
    frame["gain_low"] = frame["gain_high"] = math.nan
    for name in GAINS:
        now, then, gain = figure.after[name], figure.before[name], figure.gains.get(name)
        frame.loc[name] = {"label": NAMES[name], "n": figure.after.n, "before": float(then), "after": float(now),
                           "threshold": math.nan, "ece": math.nan,
                           "gain_low": math.nan if gain is None else gain.low,
                           "gain_high": math.nan if gain is None else gain.high}
    for name, estimate in (relies_after.rows() if relies_after else {}).items():
        former = relies_before.rows()[name] if relies_before else math.nan
        frame.loc[name] = {"label": name, "n": estimate.n, "before": float(former), "after": float(estimate)}
    frame["gain"] = frame["after"] - frame["before"]
    table: pd.DataFrame = frame[COLUMNS].reset_index(drop=True)
    return table


def set_lines(figure: Figure) -> list[str]:
    """Macro F1, micro F1 and exact match before and after, with the gains, a line each, and the calibration error.

    Parameters
    ----------
    figure : Figure
        A figure of sets of labels.
    """
    lines = []
    for name in GAINS:
        then, now = figure.before[name], figure.after[name]
        gain = figure.gains.get(name, figure.gain)
        lines.append(f"{NAMES[name]:<12} {then if figure.before.n else 'none'} before, {now} after, "
                     f"gain {gain if gain.n else f'none ({figure.gain.why})'}")
    assert isinstance(figure.after, MultilabelMetrics)
    if figure.after.n:
        lines.append(f"calibration error (mean ECE of the labels): {_mean_ece(figure.before)} before, "
                     f"{_mean_ece(figure.after)} after; exact probabilities would have "
                     f"{pd.Series(figure.after.ece_by_chance).mean():.3f} by chance")
    return lines


def _mean_ece(metrics: object) -> str:
    mean = float(pd.Series(metrics.ece).mean()) if isinstance(metrics, MultilabelMetrics) and metrics.n else math.nan
    return "none" if math.isnan(mean) else f"{mean:.3f}"


def set_html(figure: Figure, source: str) -> list[html.Html]:
    """The lines of `set_lines` with bars, and F1 per label.

    Parameters
    ----------
    figure : Figure
        A figure of sets of labels.
    source : str
        What it is measured on.
    """
    rows = [(f"{NAMES[name]} {when}", _bar(metrics[name]), _percent(metrics[name]), metrics[name].n)
            for name in GAINS for when, metrics in (("before", figure.before), ("after", figure.after))]
    parts = [html.table([f"on {source}" if source else "", "", "", "n"], rows)]
    if figure.after.n:
        table = figure.after.per_label
        before = figure.before.per_label["f1"].reindex(table.index).tolist()
        parts.append(html.table(["F1 of", "before", "", "after", "", "n"], [
            (label, _bar(then), _percent(then), _bar(now), _percent(now), n)
            for label, then, now, n in zip(table["label"], before, table["f1"].tolist(), table["n"].tolist(),
                                           strict=True) if n]))
    return parts


def _bar(share: float) -> html.Html:
    return html.bar(float(share), low=getattr(share, "low", None), high=getattr(share, "high", None))


def _percent(share: float | Estimate) -> str:
    if math.isnan(share):
        return "none"
    low, high = getattr(share, "low", math.nan), getattr(share, "high", math.nan)
    return f"{float(share):.1%}" + ("" if math.isnan(low) else f" ({low:.1%} to {high:.1%})")
