"""Plots that can be read: titles, whole rounds, legends beside the points, and maps that stand out."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from hitl_widgets.drawing import figures
from hitl_widgets.drawing.figures import new_figure, png
from hitl_widgets.drawing.plots import plot_gain, plot_maps, plot_progress
from hitl_widgets.quality.metrics import compare, measure
from hitl_widgets.records import Attribution, Estimate
from hitl_widgets.widgets.live import Live

SHARE = ["share", "low", "high"]


def rounds(n_rounds, *, seen=True):
    """Progress after some rounds; without suggestions and times where nobody has seen the card."""
    numbers = range(1, n_rounds + 1)
    shares = [[0.6, 0.5, 0.7]] * n_rounds
    accuracy = pd.DataFrame(shares, columns=SHARE).assign(source="holdout", answers=[50 * n for n in numbers], curve=0,
                                                            figure="accuracy", adopted=True)
    labels = pd.DataFrame([(f"label {k}", 5 * n, 0.1 * k) for k in range(8) for n in numbers],
                          columns=["label", "answers", "recall"]).assign(adopted=True)
    suggestions = pd.DataFrame(shares, columns=SHARE).assign(round=numbers, label="all")
    times = pd.DataFrame([(n, verdict, 2.0, 1.5, 2.5) for n in numbers for verdict in ("all", "accept", "correct")],
                         columns=["round", "verdict", "median_s", "low", "high"])
    return SimpleNamespace(accuracy=accuracy, labels=labels, suggestions=suggestions if seen else suggestions[:0],
                           times=times if seen else times[:0], likely=Estimate(0.02, 0.0, 0.04), more=50, goal=None,
                           values=pd.DataFrame({"attribute": [], "measure": []}))


def test_the_panel_of_labels_names_the_figure_of_a_project_of_objects():
    progress = rounds(2)
    progress.accuracy["figure"] = "map50"
    axes = plot_progress(progress).axes[1]
    assert (axes.get_title(loc="left"), axes.get_ylabel()) == ("Map50 by label", "map50")


@pytest.mark.parametrize("n_rounds", [1, 2, 7])
def test_each_panel_of_progress_has_a_title_and_rounds_are_whole_numbers(n_rounds):
    figure = plot_progress(rounds(n_rounds))
    figure.canvas.draw()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Accuracy", "Recall by label", "Suggestions that stood", "Time per decision"]
    for axes in figure.axes[2:]:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(float(tick).is_integer() and tick >= 1 for tick in ticks)


def test_a_legend_lies_beside_its_panel_so_that_it_covers_no_point():
    figure = plot_progress(rounds(3))
    figure.canvas.draw()
    for axes in figure.axes:
        assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1 - 1


def test_a_panel_without_data_says_why_it_is_empty():
    figure = plot_progress(rounds(1, seen=False))
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == [
        "nobody has seen a suggestion yet", "nobody has decided on the card yet"]
    for axes in figure.axes[2:]:
        assert list(axes.get_xticks()) == []
        assert axes.get_legend() is None


def test_no_accuracy_above_one_is_foretold():
    """The gain is expected of a curve, and the last measurement may lie above that."""
    progress = rounds(1)
    progress.accuracy[SHARE], progress.likely = [0.95, 0.9, 1.0], Estimate(0.1, -0.02, 0.4)
    accuracy = plot_progress(progress).axes[0]
    ends = [line.get_ydata() for line in accuracy.lines] + [
        segment[:, 1] for bars in accuracy.collections if isinstance(bars, LineCollection)
        for segment in bars.get_segments()]
    assert max(np.max(end) for end in ends) == 1


def test_an_epoch_that_is_the_only_one_is_a_mark():
    rows = [{"epoch": 1, "loss": 2.9, "accuracy": 0.5}]
    assert {line.get_marker() for axes in drawn_live(20, rows) for line in axes.lines} == {"o"}


def drawn_live(epochs, rows):
    """The axes that a training's picture is drawn from."""
    live = Live(epochs, title="Round 1")
    live.rows = rows
    return live.figure().axes


def row(epoch, validation=float("nan")):
    return {"epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "validation_loss": validation,
            "validation_accuracy": validation}


@pytest.mark.parametrize(("epochs", "n_done"), [(1, 1), (12, 7), (20, 0)])
def test_epochs_are_whole_numbers(epochs, n_done):
    for axes in drawn_live(epochs, [row(epoch) for epoch in range(1, n_done + 1)]):
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


@pytest.mark.parametrize(("rows", "entries"), [
    ([], None), ([row(1)], ["training"]), ([row(1, 0.4)], ["training", "validation"])])
def test_a_training_has_a_legend_for_the_curves_that_there_are(rows, entries):
    for axes in drawn_live(5, rows):
        legend = axes.get_legend()
        assert (legend and [text.get_text() for text in legend.get_texts()]) == entries


@pytest.mark.parametrize("shade", [0, 90, 255])
@pytest.mark.parametrize("signed", [True, False])
def test_a_grainy_map_stands_out_from_any_item(shade, signed):
    values = np.zeros((40, 40), np.float32)
    values[::5, ::5] = 1.0
    values[2::5, 2::5] = 0.5
    attribution = Attribution("a", "integrated_gradients", "x", "m", values, (0, 0, 40, 40), signed=signed)
    figure = plot_maps([(np.full((40, 40), shade, np.uint8), attribution, "a")], "integrated_gradients")
    picture = np.asarray(figure.axes[1].images[0].get_array(), int)
    contrast = np.abs(picture - picture[1, 1]).max(axis=2)  # against a pixel where the map is 0
    assert contrast[::5, ::5].min() > 100
    assert contrast[2::5, 2::5].min() > 40


@pytest.mark.parametrize("name", ["a_b $x_1^2^3$", r"$\frac{$", "5$ to 9$"])
def test_a_dollar_in_the_name_of_a_label_is_a_dollar(name):
    """Matplotlib took it for a formula, and the plot raised its ValueError."""
    metrics = measure([[0.9, 0.1], [0.2, 0.8]], ["La", "Lb"], ["La", "Lb"], [name, "other"])
    assert png(plot_gain(metrics, metrics, compare([True, True], [True, False]))).startswith(b"\x89PNG")
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label=name)
    axes.set_xticks([0, 1], [name, "other"])
    axes.set_title(name)
    axes.legend(title=name)
    figure.suptitle(name)
    assert png(figure).startswith(b"\x89PNG")


def test_names_in_letters_that_the_font_has_not_warn_of_nothing_and_take_a_font_that_has_them(monkeypatch):
    monkeypatch.setattr(figures, "_wide_fonts", lambda: ("STIXGeneral",))
    figure = new_figure(2, 2)
    title = figure.subplots().set_title("\u732b and \ue001")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(figure)
        assert png(figure)
    assert title.get_fontfamily()[1:] == ["STIXGeneral"]
