"""Are the images that lessons start with what they are said to be?"""

from __future__ import annotations

import numpy as np
import pytest

from hitl_widgets.errors import BadInput
from hitl_widgets.items.datasets import STICKERS, digits_on_photographs, digits_with_stickers


def test_a_stickers_colour_gives_the_digit_away_and_nothing_else_of_the_image_is_changed():
    plain, digits = digits_on_photographs(40, size=32)
    images, labels, stickers = digits_with_stickers(40, share=0.5)
    assert labels.tolist() == digits.tolist()
    assert (images[~stickers] == plain[~stickers]).all()
    assert stickers.sum(axis=(1, 2)).tolist() == [36] * 20 + [0] * 20
    for image, label, sticker in zip(images[:20], labels, stickers, strict=False):
        assert (image[sticker] == STICKERS[int(label)]).all()


def test_stickers_lie_in_all_four_corners_and_their_colours_are_far_apart():
    _, _, stickers = digits_with_stickers(40, share=1)
    corners = stickers[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.any(axis=0).all()
    assert (corners.sum(axis=1) == 1).all()
    apart = np.abs(STICKERS[:, None].astype(int) - STICKERS).max(axis=2)
    assert apart[~np.eye(10, dtype=bool)].min() >= 50


def test_a_share_that_is_none_is_refused():
    with pytest.raises(BadInput, match=r"share = 2"):
        digits_with_stickers(3, share=2)
