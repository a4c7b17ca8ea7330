"""Shapes: what they check, and how they lie in their image."""

from __future__ import annotations

import math

import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.objects.shapes import as_shape, inside, shape


def test_shapes_tell_where_they_are():
    assert hw.Box(1, 2, 3.5, 4).at == (1.0, 2.0, 3.5, 4.0)
    assert hw.Polygon([(0, 0), (4, 0), (2, 3), (0, 0)]).at == (0, 0, 4, 0, 2, 3)  # closed by repeating the first point
    assert hw.Polygon([(0, 0), (4, 0), (2, 3)]).bounds == (0, 0, 4, 3)
    assert hw.Point(3, 4).bounds == (3, 4, 3, 4)


@pytest.mark.parametrize(("make", "says"), [
    (lambda: hw.Box(3, 0, 3, 4), "no area"), (lambda: hw.Box(5, 0, 3, 4), "inverted"),
    (lambda: hw.Box(0, math.nan, 3, 4), "finite"), (lambda: hw.Box(0, 0, math.inf, 4), "finite"),
    (lambda: hw.Box(0, 0, "3", 4), "finite"), (lambda: hw.Box(True, 0, 3, 4), "finite"),
    (lambda: hw.Polygon([(0, 0), (1, 1)]), "3 different"), (lambda: hw.Polygon([(0, 0), (1, 1), (2, 2)]), "no area"),
    (lambda: hw.Polygon([(0, 0), (4, 4), (4, 0), (0, 3)]), "crosses"), (lambda: hw.Polygon([(0, 0, 1)]), r"\(x, y\)"),
    (lambda: hw.Point(math.nan, 2), "finite"), (lambda: hw.Box(0, 0, 1, 1, certainty=11), "0 .* to 10"),
    (lambda: hw.Box(0, 0, 1, 1, unsure="yes"), "unsure"), (lambda: hw.Box(0, 0, 1, 1, label=3), "label"),
    (lambda: shape("circle", (1, 2)), "box, polygon, point"), (lambda: shape("box", (1, 2)), "x0, y0, x1, y1"),
    (lambda: shape("polygon", (1, 2, 3)), "each vertex"), (lambda: as_shape({"x": 3}, "box"), "at, kind, label"),
    (lambda: as_shape(hw.Point(1, 2), "box"), "hw.Box"), (lambda: as_shape("box", "box"), "hw.Box")])
def test_what_cannot_be_a_shape_is_refused_in_words(make, says):
    with pytest.raises(BadInput, match=says):
        make()


def test_a_shape_at_the_edge_is_cut_off_and_one_further_out_refused():
    assert inside(hw.Box(-1, 0, 20, 31, "RBC"), 20, 30) == hw.Box(0, 0, 20, 30, "RBC")
    assert inside(hw.Point(20.5, 3), 20, 30).at == (20, 3)
    assert inside(hw.Polygon([(-0.5, 0), (4, 0), (2, 3)]), 20, 30).at == (0, 0, 4, 0, 2, 3)
    for outside in (hw.Box(-2, 0, 3, 3), hw.Box(0, 0, 3, 32), hw.Point(22, 0), hw.Polygon([(0, 0), (40, 0), (2, 3)])):
        with pytest.raises(BadInput, match="20 x 30 pixels"):
            inside(outside, 20, 30)
    with pytest.raises(BadInput, match="no area"):
        inside(hw.Box(-1, 0, 0, 3), 20, 30)  # nothing of it is left


def test_mappings_are_taken_as_the_browser_sends_them():
    sent = {"id": "m.1", "kind": "box", "at": [1, 2, 3, 4], "label_id": "La", "certainty": 3, "unsure": True}
    assert as_shape(sent, "box") == hw.Box(1, 2, 3, 4, "La", 3, id="m.1", unsure=True)
    assert as_shape({"at": (1, 2)}, "point") == hw.Point(1, 2)
