"""Texts with tinted words: as they are in a notebook, never as HTML of their own, and as a picture."""

from __future__ import annotations

import warnings

import numpy as np

from hitl_widgets.drawing.text_plot import MOST_DRAWN, pieces_of, plot_text_maps
from hitl_widgets.items.tokens import tokens
from hitl_widgets.records import Attribution


def map_of(text, values=None):
    places = tokens(text)
    values = np.arange(len(places)) - 1 if values is None else np.array(values)
    return Attribution(item_id="a", method="contributions", target="spam", model="m", box=(0.0, 0.0, len(text), 1.0),
                       values=values[None].astype(np.float32), signed=True, tokens=places)


def test_pieces_are_the_text_again_with_a_tint_for_each_token():
    text = " Hello,\n 👍🏽 لغة!"
    pieces = list(pieces_of(text, map_of(text)))
    assert "".join(piece.text for piece in pieces) == text
    tinted = [(piece.text, piece.value) for piece in pieces if piece.value is not None]
    assert tinted == [("Hello", -1.0), (",", 0.0), ("👍🏽", 1.0), ("لغة", 2.0), ("!", 3.0)]
    assert [np.sign(piece.tint) for piece in pieces if piece.value is not None] == [-1, 0, 1, 1, 1]


def test_html_in_a_text_or_an_id_stays_text():
    text = "<script>alert(1)</script> & more"
    shown = plot_text_maps([(text, map_of(text), "<img src=x>")], "<b>")._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert ">&lt;</span>" in shown or "&lt;" in shown
    assert "underline" in shown  # what speaks against is told by more than its colour


def test_of_a_long_text_the_part_around_the_strongest_word_is_drawn():
    text = "word " * 2_000
    values = np.zeros(2_000)
    values[1_500] = 1
    pieces = list(pieces_of(text, map_of(text, values)))
    assert sum(len(piece.text) for piece in pieces) <= MOST_DRAWN + 4
    assert any(piece.value == 1 for piece in pieces)
    assert pieces[0].text == "… "
    assert pieces[-1].text == " …"


def test_a_picture_is_drawn_of_any_script_without_a_warning():
    texts = ["Hello $x$ and $y", "مرحبا 👍🏽 狐", "a\n\nb " * 60, "x" * 500]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_text_maps([(text, map_of(text), "t") for text in texts], "erasure")
        picture, _ = figure._repr_png_()
    assert picture.startswith(b"\x89PNG")
