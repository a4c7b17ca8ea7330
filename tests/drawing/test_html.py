"""HTML fragments for notebooks."""

from __future__ import annotations

import re

import pytest

from hitl_widgets.drawing.html import bar, page, paragraph, table, thumbnails

EVIL = "<img src=x onerror=alert(1)>\"'&"


def test_text_is_escaped_wherever_it_stands():
    fragment = page(EVIL, paragraph(EVIL), table([EVIL], [[EVIL]]), thumbnails([(b"png", EVIL)]))
    assert EVIL not in fragment
    assert fragment.count("&lt;img src=x onerror=alert(1)&gt;") == 6


def test_a_text_that_looks_like_a_bar_is_escaped_too():
    text = '<div class="track"><script>alert(1)</script></div>'
    assert "<script>" not in table(["label"], [[text]])


@pytest.mark.parametrize(("share", "width"), [(0.5, 50.0), (1.5, 100.0), (-1, 0.0), (float("nan"), 0.0)])
def test_a_bar_is_as_wide_as_its_share(share, width):
    assert float(re.findall(r'class="bar" style="width:([0-9.]+)%', bar(share))[0]) == width


def test_an_interval_is_drawn_from_its_low_to_its_high_end():
    assert 'style="left:20.0%;width:30.00%"' in bar(0.4, low=0.2, high=0.5)
    assert "interval" not in bar(0.4, low=float("nan"), high=float("nan"))


def test_numbers_are_aligned_and_have_separators():
    assert '<td class="n">12,345</td>' in table(["n"], [[12345]])
