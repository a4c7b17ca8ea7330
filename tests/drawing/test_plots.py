"""Figures are drawn whatever the labels are called."""

from __future__ import annotations

import pytest

from hitl_widgets.drawing.figures import new_figure, png
from hitl_widgets.drawing.plots import plot_gain
from hitl_widgets.quality.metrics import compare, measure


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
