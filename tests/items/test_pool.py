"""Images come in from wherever they are and are seen as they should be; ids find them again."""

from __future__ import annotations

import binascii
import contextlib
import datetime
import io
import json
import os
import pickle
import re
import struct
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import ExifTags, Image, features
from PIL.PngImagePlugin import PngInfo

from hitl_widgets.errors import BadInput, ImageError, UnknownItem
from hitl_widgets.items.images import open_image
from hitl_widgets.items.pool import Pool

CORNER = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)  # 2 rows, 3 columns, no two alike


@pytest.fixture(autouse=True)
def _no_warning_leaks():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # its remarks on damaged metadata
        yield


def one(image, *, ids=None):
    """A pool of one."""
    return Pool.from_images([image], ids=ids)


def saved(tmp_path, image, name="item.png", **how):
    """A pool of one image that was written to a file."""
    image.save(tmp_path / name, **how)
    return one(tmp_path / name)


def grey(values):
    return Image.fromarray(np.array(values, np.uint8))


# Where images come from


def test_a_folder_is_searched_with_its_subfolders_and_sorted(tmp_path):
    for name in ("b.png", "a/z.JPG", "a/b/c.tif", "._b.png", ".ipynb_checkpoints/b-checkpoint.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        grey(CORNER).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    pool = Pool.from_images(tmp_path)
    assert pool.ids.tolist() == ["a/b/c.tif", "a/z.JPG", "b.png"]
    assert Pool.from_images(str(tmp_path)).digest == pool.digest
    np.testing.assert_array_equal(pool.load(0), CORNER)


def test_a_folder_without_images_a_file_and_nothing_are_refused_in_words(tmp_path):
    (tmp_path / "notes.txt").write_text("not an image")
    with pytest.raises(BadInput, match="holds no image"):
        Pool.from_images(tmp_path)
    with pytest.raises(BadInput, match="is a file; pass its folder"):
        Pool.from_images(tmp_path / "notes.txt")
    with pytest.raises(BadInput, match="no folder"):
        Pool.from_images(tmp_path / "elsewhere")


def test_paths_keep_their_names_and_stay_found_when_the_working_folder_changes(tmp_path, monkeypatch):
    grey(CORNER).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    pool = Pool.from_images(["a.png", tmp_path / "a.png"])
    assert pool.ids.tolist() == ["a.png", (tmp_path / "a.png").as_posix()]
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pool.load(0), CORNER)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3), (2, 3, 4)])
def test_a_stack_of_arrays_counts_its_items(shape):
    stack = np.random.default_rng(0).integers(0, 256, (12, *shape), np.uint8)
    if shape[2:] == (4,):
        stack[..., 3] = 255  # opaque
    pool = Pool.from_images(stack)
    assert pool.ids.tolist() == [str(n) for n in range(12)]
    expected = stack[7, ..., 0] if shape[2:] == (1,) else stack[7, ..., :3] if len(shape) == 3 else stack[7]
    np.testing.assert_array_equal(pool.load(7), expected)
    assert (pool.size(7), pool.load(7).dtype) == ((2, 3), np.uint8)


def test_images_of_several_kinds_and_sizes_may_be_mixed(tmp_path):
    grey(CORNER).save(tmp_path / "a.png")
    pool = Pool.from_images(iter([grey(CORNER), CORNER[:1], tmp_path / "a.png"]))
    assert pool.ids.tolist() == ["0", "1", (tmp_path / "a.png").as_posix()]
    assert [pool.size(n) for n in range(3)] == [(2, 3), (1, 3), (2, 3)]


def test_whatever_turns_into_an_array_is_taken_as_one():
    class Tensor:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return self.array

        def __iter__(self):
            return iter(self.array)

    np.testing.assert_array_equal(Pool.from_images(Tensor(CORNER[None])).load(0), CORNER)
    np.testing.assert_array_equal(one(Tensor(CORNER)).load(0), CORNER)


@pytest.mark.parametrize("empty", [[], np.zeros((0, 4, 4), np.uint8), ()])
def test_an_empty_pool_is_refused(empty):
    with pytest.raises(BadInput, match="empty"):
        Pool.from_images(empty)


@pytest.mark.parametrize(("images", "advice"), [
    (np.zeros((2, 4, 4)), r"\(images \* 255\)\.round\(\)"),
    (np.zeros((2, 4, 4), bool), r"images\.astype\('uint8'\) \* 255"),
    (np.zeros((2, 4, 4), np.uint16), r"\(images / 257\)\.round\(\)"),
    (np.zeros((2, 4, 4), np.int64), r"images\.clip\(0, 255\)"),
    (np.zeros((2, 3, 8, 8), np.uint8), r"np\.moveaxis\(images, -3, -1\)"),
    (np.zeros((4, 4), np.uint8), r"Pass \[image\]"),
    (np.zeros((2, 8, 8, 2), np.uint8), "C of 1, 3 or 4"),
    (np.zeros((2, 0, 4), np.uint8), "shape"),
    ([np.zeros((4, 4))], r"images\[0\] holds float64"),
    ([CORNER, None], r"images\[1\] is of type NoneType"),
    ([Image.new("L", (0, 3))], "no pixels"),
    (grey(CORNER), r"pass \[image\]"),
    ({"a": CORNER}, "ids=list"),
    (pd.DataFrame({"path": ["a"]}), "from_frame"),
    (7, "type int"),
])
def test_what_cannot_be_an_image_is_refused_with_what_to_do(images, advice):
    with pytest.raises(BadInput, match=advice):
        Pool.from_images(images)


def test_the_advice_for_channels_first_is_good():
    assert Pool.from_images(np.moveaxis(np.zeros((2, 3, 8, 9), np.uint8), -3, -1)).size(1) == (8, 9)


# A table's rows


def test_another_table_than_one_of_pandas_is_refused_with_how_it_becomes_one():
    pyarrow = pytest.importorskip("pyarrow")
    with pytest.raises(BadInput, match=r"not Table; its method to_pandas\(\) gives one"):
        Pool.from_frame(pyarrow.table({"path": ["a.png"]}))


def frame(**columns):
    return pd.DataFrame({"path": ["x/1.png", "x/2.png", "x/3.png"], "id": ["a", "b", "c"], **columns})


def test_a_table_gives_paths_ids_and_metadata_by_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    grey(CORNER).save("x/2.png")
    df = frame(shop=[7, 8, 9])
    df.index = [5, 5, 1]
    pool = Pool.from_frame(df)
    assert (len(pool), pool.position("b"), pool.meta(1)) == (3, 1, {"shop": 8})
    np.testing.assert_array_equal(pool.load(1), CORNER)
    df.loc[:, "path"] = "gone.png"
    df.loc[:, "shop"] = 0
    assert (pool.size(1), pool.meta(1)) == ((2, 3), {"shop": 8})
    mine = pool.frame
    mine["shop"] = 0
    assert pool.frame.to_dict("list") == {"shop": [7, 8, 9]}


def test_other_columns_may_be_named_and_images_may_stand_in_the_table():
    df = pd.DataFrame({"picture": [CORNER, grey(CORNER)], "key": [11, 12]})
    pool = Pool.from_frame(df, image="picture", id="key")
    assert pool.ids.tolist() == ["11", "12"]
    assert pool.frame is None
    assert pool.meta(0) == {}
    np.testing.assert_array_equal(pool.load(0), pool.load(1))


def test_the_path_may_be_the_id():
    assert Pool.from_frame(frame(), id="path").ids.tolist() == ["x/1.png", "x/2.png", "x/3.png"]


@pytest.mark.parametrize(("df", "said"), [
    (frame().drop(columns="path"), "one column 'path' is expected; the frame has 'id'"),
    (frame().set_index("id"), "reset_index"),
    (frame().assign(path=["a", None, "c"]), r"'path' is empty in row 1"),
    (frame().assign(id=["a", np.nan, None]), "no id in row 1, 2"),
    (frame().assign(id=["a", "b", "a"]), "'a'"),
    (frame().assign(path=[1.5, 2.5, 3.5]), r"images\[0\] is of type float"),
    (frame().iloc[:0], "empty"),
    (pd.concat([frame(), frame()], axis=1), "one column 'path'"),
    ([1, 2], "DataFrame"),
])
def test_a_table_that_lacks_something_is_refused_with_its_rows(df, said):
    with pytest.raises(BadInput, match=said):
        Pool.from_frame(df)


def test_a_pool_holds_columns_not_an_object_for_each_item():
    n_items = 50_000
    # As objects, which the table holds itself: pandas keeps text in Arrow where that is installed.
    names = pd.DataFrame({"path": [f"{n}.png" for n in range(n_items)], "id": [f"item {n}" for n in range(n_items)]},
                         dtype=object)
    df = names.assign(shop=np.arange(n_items))
    tracemalloc.start()
    try:
        pool = Pool.from_frame(df)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # By item: pointers to path and id, two checksums and a place of 4 bytes, the column; a str alone takes 50 or more.
    assert kept / len(pool) < 40
    assert peak / len(pool) < 60


def test_metadata_is_plain_json():
    row = {"n": np.int64(3), "x": np.float32(0.5), "gap": np.nan, "far": np.inf, "yes": np.True_, "none": None,
           "day": pd.Timestamp("2024-02-29 12:00", tz="UTC"), "never": pd.NaT, "na": pd.NA,
           "box": np.array([1, 2]), "deep": {"a": (1, np.nan)}, "date": datetime.date(2024, 2, 29), 5: "five"}
    meta = Pool.from_images([CORNER, CORNER], meta=[row, {}]).meta(0)
    assert meta == {"n": 3, "x": 0.5, "gap": None, "far": None, "yes": True, "none": None,
                    "day": "2024-02-29T12:00:00+00:00", "never": None, "na": None, "box": [1, 2],
                    "deep": {"a": [1, None]}, "date": "2024-02-29", "5": "five"}
    assert json.loads(json.dumps(meta, allow_nan=False)) == meta


def test_metadata_from_a_table_keeps_the_type_of_each_column():
    df = pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "kind": pd.Categorical(["a", "b"]),
                       "at": pd.to_datetime(["2024-01-01"] * 2)})
    pool = Pool.from_images([CORNER, CORNER], meta=df.set_index(pd.Index([9, 9])))
    assert pool.meta(1) == {"n": 2, "x": None, "kind": "b", "at": "2024-01-01T00:00:00"}
    assert type(pool.meta(1)["n"]) is int


def test_metadata_must_have_a_row_for_each_image():
    for meta in (pd.DataFrame({"a": [1]}), [{"a": 1}], [{}]):
        with pytest.raises(BadInput, match="1 rows for 2 images"):
            Pool.from_images([CORNER, CORNER], meta=meta)
    with pytest.raises(BadInput, match="dict for each image"):
        Pool.from_images([CORNER], meta=[7])


# Ids


def test_ids_are_given_as_anything_and_kept_as_text():
    pool = Pool.from_images([CORNER] * 3, ids=[7, "b", np.str_("c")])
    assert pool.ids.tolist() == ["7", "b", "c"]
    assert {type(item_id) for item_id in pool.ids} == {str}
    assert pool.position(7) == pool.position(np.int64(7)) == pool.position("7") == 0
    assert "b" in pool
    assert 8 not in pool
    with pytest.raises(TypeError, match="item assignment"):
        pool.ids[0] = "x"


def test_ids_that_are_there_twice_are_named():
    with pytest.raises(BadInput, match=r"2 ids are there more than once: '1', 'b'\."):
        Pool.from_images([CORNER] * 6, ids=["b", "a", "b", 1, "1", "b"])


@pytest.mark.parametrize(("ids", "said"), [
    (["a"], "1 ids were given for 2 images"),
    (["a", None], "no id in row 1"),
    (["a", float("nan")], "no id in row 1"),
    (["a", ""], "'' can't be an id"),
    (["a", "b\0c"], "can't be an id"),
    (["a", "x" * 501], "500"),
    (["a", "\ud800"], "can't be an id"),
    (["\ud83d", "\ude00"], "can't be an id"),
])
def test_an_id_that_cannot_be_one_is_refused(ids, said):
    with pytest.raises(BadInput, match=said):
        Pool.from_images([CORNER, CORNER], ids=ids)


def test_the_longest_id_is_allowed():
    assert Pool.from_images([CORNER, CORNER], ids=["x" * 500, "\U0001f600" * 500]).position("\U0001f600" * 500) == 1


def test_an_unknown_item_is_an_error_that_names_those_like_it():
    pool = Pool.from_images([CORNER] * 3, ids=["train/shoe.png", "train/boot.png", "sandal"])
    with pytest.raises(UnknownItem, match=r"has 'train/shoe\.png'\."):
        pool.position("Shoe.jpg")
    with pytest.raises(UnknownItem, match="'sandal'"):
        pool.position("sandel")
    with pytest.raises(UnknownItem, match=r"pool\.ids"):
        pool.position("")


def test_positions_are_found_all_at_once_and_absent_ones_are_minus_one():
    pool = Pool.from_images([CORNER] * 3, ids=["a", "b", "7"])
    found = pool.positions(["b", "nobody", 7, "a", "b", "\ud800", "a\0", None])
    assert (found.tolist(), found.dtype) == ([1, -1, 2, 0, 1, -1, -1, -1], np.int64)
    assert pool.positions([]).tolist() == []
    assert pool.positions(pd.Series(["a", "b"])).tolist() == pool.positions(np.array(["a", "b"])).tolist() == [0, 1]


def test_two_ids_with_one_checksum_are_two_items():
    assert binascii.crc32(b"plumless") == binascii.crc32(b"buckeroo")
    pool = Pool.from_images([CORNER] * 3, ids=["plumless", "x", "buckeroo"])
    assert pool.positions(["buckeroo", "plumless", "x"]).tolist() == [2, 0, 1]
    alone = Pool.from_images([CORNER], ids=["plumless"])
    assert "buckeroo" not in alone
    with pytest.raises(BadInput, match=r"1 ids are there more than once: 'plumless'\."):
        Pool.from_images([CORNER] * 3, ids=["plumless", "buckeroo", "plumless"])


LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


@pytest.mark.long
@given(st.lists(st.text(LETTERS, min_size=1), min_size=1, unique=True), st.lists(st.text()))
@example(["plumless", "buckeroo"], ["buckeroo"])
def test_every_id_is_found_where_it_is_and_no_other(ids, others):
    pool = Pool.from_images([CORNER] * len(ids), ids=ids)
    known = {item_id: position for position, item_id in enumerate(ids)}
    assert pool.positions(ids).tolist() == list(range(len(ids)))
    assert pool.positions(others).tolist() == [known.get(other, -1) for other in others]


def test_the_digest_is_of_the_ids_in_their_order():
    pool = Pool.from_images([CORNER] * 2, ids=["a", "b"])
    assert pool.digest == blake2b(b"a\0b", digest_size=16).hexdigest()
    assert pool.digest != Pool.from_images([CORNER] * 2, ids=["b", "a"]).digest


def test_a_position_outside_of_the_pool_is_refused():
    pool = one(CORNER)
    for use in (pool.load, pool.size, pool.meta, pool.content, pool.stamp, pool.picture, pool.thumbnail):
        for position in (-1, 1):
            with pytest.raises(UnknownItem, match="outside the pool"):
                use(position)
        with pytest.raises(UnknownItem, match="'0' isn't a position"):
            use("0")


# Draws

# SplitMix64's first five numbers from the state 1234567, as Rosetta Code has them (Pseudo-random numbers/Splitmix64).
KNOWN = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


def test_draws_are_those_of_splitmix64_from_the_ids_checksum():
    assert binascii.crc32(b"aaenpn5") == 1234567
    pool = one(CORNER, ids=["aaenpn5"])
    assert [pool.draws(seed)[0] for seed in range(5)] == [(n >> 11) / 2**53 for n in KNOWN]


def test_a_draw_depends_on_id_and_seed_alone():
    many = Pool.from_images([CORNER] * 4000)
    few = Pool.from_images([CORNER] * 2, ids=["3999", "7"])
    assert few.draws(1).tolist() == many.draws(1)[[3999, 7]].tolist()
    assert not np.isin(many.draws(0), many.draws(1)).any()
    assert few.draws(2**70 + 5).tolist() == few.draws(np.int64(5)).tolist() == few.draws(5).tolist()  # modulo 2**64
    assert few.draws(-1).tolist() != few.draws(0).tolist()


def test_draws_fill_the_unit_interval_evenly():
    draws = Pool.from_images([CORNER] * 4000).draws(3)
    assert (draws.min() >= 0, draws.max() < 1, draws.dtype) == (True, True, np.float64)
    # Each of ten cells holds 400 +- 19; five deviations are wide enough for a fixed draw.
    assert np.abs(np.histogram(draws, 10, (0, 1))[0] - 400).max() < 95


# What a person sees

# By the EXIF standard, tag 274: which side of the scene the first row and the first column of the file are.
AS_STORED = {1: lambda seen: seen, 2: lambda seen: seen[:, ::-1], 3: lambda seen: seen[::-1, ::-1],
             4: lambda seen: seen[::-1], 5: lambda seen: seen.T, 6: lambda seen: np.rot90(seen),
             7: lambda seen: seen[::-1, ::-1].T, 8: lambda seen: np.rot90(seen, -1)}


@pytest.mark.parametrize("name", ["item.png", "item.tif", "item.webp", "item.jpg"])
@pytest.mark.parametrize("orientation", AS_STORED)
def test_a_camera_held_sideways_shows_its_images_upright(tmp_path, name, orientation):
    scene = np.kron(CORNER, np.ones((8, 8), np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(AS_STORED[orientation](scene)))
    pool = saved(tmp_path, stored, name, exif=exif, **({"lossless": True} if name.endswith("webp") else {}))
    seen = pool.load(0)
    if seen.ndim == 3:
        seen = seen[..., 0]  # WebP knows no grey
    np.testing.assert_allclose(seen, scene, atol=2 if name.endswith("jpg") else 0)
    picture = pool.picture(0)
    assert pool.size(0) == (picture.height, picture.width) == (16, 24)
    assert Image.open(io.BytesIO(picture.data)).size == (24, 16)


def test_an_image_in_memory_is_turned_too_and_stays_as_it_was(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    grey(np.rot90(CORNER)).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        pool = one(image)
        np.testing.assert_array_equal(pool.load(0), CORNER)
        assert pool.size(0) == (2, 3)
        assert image.size == (2, 3)
        assert image.getexif()[ExifTags.Base.Orientation] == 6


def test_damaged_exif_does_not_hide_the_image(tmp_path):
    pool = saved(tmp_path, grey(CORNER), exif=b"Exif\0\0MM\0*\0\0\xff\xff")
    np.testing.assert_array_equal(pool.load(0), CORNER)
    assert pool.size(0) == (2, 3)


def test_16_bit_grey_is_scaled_to_8(tmp_path):
    values = np.array([[0, 257, 5000, 65535]], np.uint16)
    (tmp_path / "item.pgm").write_bytes(b"P5 4 1 65535\n" + values.astype(">u2").tobytes())
    image = Image.fromarray(values)
    png, tif = saved(tmp_path, image, "item.png"), saved(tmp_path, image, "item.tif")
    for pool in (png, tif, one(tmp_path / "item.pgm"), one(image)):
        assert pool.load(0).tolist() == [[0, 1, 19, 255]]  # 5000 / 257 = 19.46


@pytest.mark.parametrize("name", ["item.png", "item.tif"])
def test_12_bit_grey_in_16_bits_is_not_black(tmp_path, name):
    pool = saved(tmp_path, Image.fromarray(np.array([[0, 16, 2048, 4095]], np.uint16)), name)
    assert pool.load(0).tolist() == [[0, 1, 128, 255]]  # 2048 / 4095 * 255 = 127.53
    assert Image.open(io.BytesIO(pool.picture(0).data)).getpixel((3, 0)) == 255


@pytest.mark.parametrize("values", [np.array([[-100, 0, 155]], np.int32), np.array([[-0.1, 0.0, 0.155]], np.float32),
                                    np.array([[2**30, 2**30 + 100, 2**30 + 255]], np.int32)])
def test_32_bit_grey_is_shown_from_its_smallest_to_its_largest(tmp_path, values):
    assert saved(tmp_path, Image.fromarray(values), "item.tif").load(0).tolist() == [[0, 100, 255]]


@pytest.mark.parametrize(("values", "seen"), [([np.nan, 1, 2], [0, 0, 255]), ([-np.inf, 0, np.inf], [0, 0, 255]),
                                              ([np.nan, np.nan, np.nan], [0, 0, 0]), ([3, 3, 3], [0, 0, 0])])
def test_floats_that_are_no_numbers_or_all_the_same_do_no_harm(tmp_path, values, seen):
    pool = saved(tmp_path, Image.fromarray(np.array([values], np.float32)), "item.tif")
    assert pool.load(0).tolist() == [seen]


def test_transparency_is_laid_over_white(tmp_path):
    rgba = Image.fromarray(np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]], np.uint8))
    for pool in (saved(tmp_path, rgba), one(rgba), one(np.asarray(rgba)), one(rgba.convert("RGBa"))):
        assert pool.load(0).tolist() == [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]  # 0.8 x 255 = 204
    la = rgba.getchannel("R").convert("LA")
    la.putalpha(rgba.getchannel("A"))
    for pool in (saved(tmp_path, la), one(la)):
        assert pool.load(0).tolist() == [[200, 255, 204]]


def test_a_colour_declared_transparent_is_white(tmp_path):
    colours = Image.fromarray(np.array([[[9, 9, 9], [200, 0, 0]]], np.uint8))
    assert saved(tmp_path, colours, transparency=(9, 9, 9)).load(0).tolist() == [[[255] * 3, [200, 0, 0]]]
    assert saved(tmp_path, grey([[9, 200]]), transparency=9).load(0).tolist() == [[255, 200]]
    bits = grey([[0, 255]]).convert("1")
    assert saved(tmp_path, bits, transparency=0).load(0).tolist() == [[255, 255]]
    for name in ("item.png", "item.gif"):
        palette = colours.quantize(2)
        clear = palette.getpixel((0, 0))
        assert saved(tmp_path, palette, name, transparency=clear).load(0).tolist() == [[[255] * 3, [200, 0, 0]]]
    half = colours.quantize(2)
    alphas = bytes(51 if n == half.getpixel((0, 0)) else 255 for n in range(2))
    assert saved(tmp_path, half, transparency=alphas).load(0).tolist() == [[[206] * 3, [200, 0, 0]]]  # 9/5 + 204


def test_palettes_bits_and_inks_become_grey_or_rgb(tmp_path):
    colours = Image.fromarray(np.array([[[9, 9, 9], [200, 0, 0]]], np.uint8))
    for name in ("item.png", "item.gif", "item.bmp"):
        assert saved(tmp_path, colours.quantize(2), name).load(0).tolist() == [[[9, 9, 9], [200, 0, 0]]]
    assert saved(tmp_path, grey([[0, 255]]).convert("1")).load(0).tolist() == [[0, 255]]
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow make red
    assert saved(tmp_path, inks, "item.tif").load(0)[0, 0].tolist() == [255, 0, 0]
    for pool in (saved(tmp_path, inks, "item.jpg"), one(inks)):
        np.testing.assert_allclose(pool.load(0)[8, 8], [255, 0, 0], atol=3)
    assert one(Image.new("YCbCr", (1, 1), (255, 128, 128))).load(0).tolist() == [[[255, 255, 255]]]
    assert one(Image.new("HSV", (1, 1), (0, 255, 255))).load(0).tolist() == [[[255, 0, 0]]]


def test_an_animation_shows_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    for name in ("item.gif", "item.tif", "item.png"):
        pool = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
        assert pool.load(0).tolist() == [[[255, 0, 0]] * 2] * 2


@pytest.mark.parametrize("image", [grey([[7]]), Image.new("RGB", (1, 1), "red"), Image.new("RGBA", (1, 1))])
def test_a_single_pixel_is_an_image(tmp_path, image):
    for pool in (saved(tmp_path, image), one(image)):
        assert pool.load(0).shape[:2] == pool.size(0) == (1, 1)
        assert Image.open(io.BytesIO(pool.picture(0).data)).size == (1, 1)
        assert Image.open(io.BytesIO(pool.thumbnail(0))).size == (1, 1)


def test_50_megapixels_are_shown(tmp_path):
    columns = np.linspace(0, 255, 10_000).astype(np.uint8)
    pool = saved(tmp_path, Image.fromarray(np.broadcast_to(columns, (5_000, 10_000))), "item.jpg")
    assert pool.size(0) == (5_000, 10_000)
    seen = pool.load(0)
    assert seen.shape == (5_000, 10_000)
    np.testing.assert_allclose(seen[2_500, ::500], columns[::500], atol=3)
    picture = pool.picture(0)
    assert (picture.height, picture.width, picture.mime) == (5_000, 10_000, "image/jpeg")
    small = np.asarray(Image.open(io.BytesIO(picture.data)))
    assert small.shape == (800, 1600)
    np.testing.assert_allclose(small[400], np.linspace(0, 255, 1600), atol=3)


def forged(path, width, height):
    """A PNG that says it is large."""
    grey(CORNER).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", binascii.crc32(data[12:29]))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("sides", [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_in_words_before_they_are_read(tmp_path, sides):
    pool = one(forged(tmp_path / "bomb.png", *sides))
    for use in (pool.load, pool.size, pool.picture, pool.thumbnail):
        with pytest.raises(ImageError, match=rf"too large \({sides[0]} x {sides[1]} = .* megapixels; at most 89"):
            use(0)


def test_the_limit_is_pillows_own(tmp_path, monkeypatch):
    for name in ("fits.png", "fits.tif", "fits.gif"):
        Image.new("L", (10, 10)).save(tmp_path / name)
    Image.new("L", (10, 11)).save(tmp_path / "large.png")
    pool = Pool.from_images(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert [pool.load(pool.position(f"fits.{end}")).shape[:2] for end in ("png", "tif", "gif")] == [(10, 10)] * 3
    with pytest.raises(ImageError, match="too large"):
        pool.load(pool.position("large.png"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert pool.size(pool.position("large.png")) == (11, 10)


# What can't be seen


def broken(pool, position=0):
    """The words in which all views of a broken item complain, which must be the same."""
    said = set()
    for use in (pool.load, pool.picture, pool.thumbnail):
        with pytest.raises(ImageError) as caught:
            use(position)
        said.add(str(caught.value))
    assert len(said) == 1
    assert "flag the item as bad data and go on" in str(caught.value)
    return said.pop()


def test_a_missing_an_empty_and_a_foreign_file_are_told_apart(tmp_path):
    grey(CORNER).save(tmp_path / "a.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("This is no image. " * 20)
    pool = Pool.from_images(tmp_path)
    (tmp_path / "a.png").unlink()
    assert "item 'a.png' can't be shown: there is no such file" in broken(pool, pool.position("a.png"))
    assert "isn't an image of a known format" in broken(pool, pool.position("empty.png"))
    assert "isn't an image of a known format" in broken(pool, pool.position("text.png"))
    for use in (pool.content, pool.stamp, pool.size):
        with pytest.raises(ImageError, match="no such file"):
            use(pool.position("a.png"))


def test_the_message_names_the_path_too_and_never_more_of_it_than_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = broken(Pool.from_frame(pd.DataFrame({"path": ["x/1.png"], "id": ["a"]})))
    assert said.startswith("item 'a' (x/1.png) can't be shown")
    assert str(tmp_path) not in said


@pytest.mark.parametrize("path", ["", ".", "a\0b.png", "x" * 5000, "a.png/b.png"])
def test_a_path_that_cannot_be_one_is_a_broken_item(tmp_path, path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grey(CORNER).save("a.png")
    broken(Pool.from_frame(pd.DataFrame({"path": [path], "id": ["a"]})))


@pytest.mark.skipif(os.name != "posix", reason="named pipes are a matter of POSIX")
def test_a_pipe_with_an_images_name_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert "no such file" in broken(Pool.from_images(tmp_path))


FORMATS = [end for end in ("png", "jpg", "gif", "tif", "webp", "bmp", "jp2", "avif", "ppm", "tga", "ico", "pcx")
           if features.check({"webp": "webp", "jp2": "jpg_2000", "avif": "avif"}.get(end, "zlib"))]


@pytest.mark.parametrize("end", FORMATS)
def test_a_file_that_breaks_off_is_a_broken_item_wherever_it_does(tmp_path, end):
    path = tmp_path / f"item.{end}"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(path)
    pool, data = one(path), path.read_bytes()
    assert pool.load(0).shape == (32, 32, 3)
    for length in [*range(min(64, len(data))), *np.linspace(64, len(data) // 2, 12, dtype=int)]:
        path.write_bytes(data[:length])
        broken(pool)


@pytest.mark.long
@pytest.mark.parametrize("end", FORMATS)
def test_damage_within_a_file_gives_an_image_or_an_image_error_and_nothing_else(tmp_path, end):
    path = tmp_path / f"item.{end}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    pool, data = one(path), path.read_bytes()
    for _ in range(150):
        damaged = bytearray(data)
        for place in rng.integers(0, min(len(data), rng.choice([64, len(data)])), 4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ImageError):
            assert pool.load(0).dtype == np.uint8
            assert pool.load(0).shape[:2] == pool.size(0)
            assert pool.picture(0).height == pool.size(0)[0]


def test_eps_is_not_run_through_ghostscript(tmp_path):
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert "isn't an image of a known format" in broken(Pool.from_images(tmp_path))


def test_a_closed_image_in_memory_is_a_broken_item(tmp_path):
    grey(CORNER).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        pool = one(image)
    assert "item '0' can't be shown" in broken(pool)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "pool").mkdir()
    grey(CORNER).save(tmp_path / "secret.png")
    grey(CORNER).save(tmp_path / "pool" / "real.png")
    (tmp_path / "pool" / "in.png").symlink_to(tmp_path / "pool" / "real.png")
    (tmp_path / "pool" / "loop.png").symlink_to("loop.png")
    (tmp_path / "pool" / "out.png").symlink_to(tmp_path / "secret.png")
    pool = Pool.from_images(tmp_path / "pool")
    np.testing.assert_array_equal(pool.load(pool.position("in.png")), CORNER)
    assert "a link that leads out of the pool's folder" in broken(pool, pool.position("out.png"))
    assert "no such file" in broken(pool, pool.position("loop.png"))
    with pytest.raises(ImageError, match="leads out"):
        pool.content(pool.position("out.png"))


def test_a_folder_reached_by_a_link_is_a_folder(tmp_path):
    (tmp_path / "pool").mkdir()
    grey(CORNER).save(tmp_path / "pool" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "pool")
    np.testing.assert_array_equal(Pool.from_images(tmp_path / "link").load(0), CORNER)


# What the browser gets


def test_a_small_picture_is_a_png_of_the_very_pixels():
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    picture = one(noise).picture(0)
    assert (picture.mime, picture.height, picture.width) == ("image/png", 50, 60)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.data))), noise)


def test_a_picture_is_a_png_up_to_a_megapixel_and_a_jpeg_without_colour_loss_above():
    assert one(np.zeros((1000, 1000), np.uint8)).picture(0).mime == "image/png"
    red = one(np.broadcast_to(np.array([255, 0, 0], np.uint8), (1001, 1000, 3))).picture(0)
    with Image.open(io.BytesIO(red.data)) as image:
        assert (red.mime, image.size, image.layer[0][1:3]) == ("image/jpeg", (1000, 1001), (1, 1))


def test_a_large_picture_is_shrunk_and_says_how_large_its_item_is():
    pool = one(np.zeros((300, 4000), np.uint8))
    for side, size in ((1600, (1600, 120)), (1, (1, 1)), (4000, (4000, 300)), (9999, (4000, 300))):
        picture = pool.picture(0, max_side=side)
        assert (picture.height, picture.width) == (300, 4000)
        assert Image.open(io.BytesIO(picture.data)).size == size


@pytest.mark.parametrize("name", ["item.jpg", "item.png"])
def test_a_shrunk_file_looks_like_the_item(tmp_path, name):
    y, x = np.mgrid[:900, :1200]
    scene = np.stack([x * 255 // 1200, y * 255 // 900, np.full_like(x, 90)], -1).astype(np.uint8)
    pool = saved(tmp_path, Image.fromarray(scene), name)
    small = np.asarray(Image.open(io.BytesIO(pool.picture(0, max_side=120).data))).astype(int)
    np.testing.assert_allclose(small, scene.reshape(90, 10, 120, 10, 3).mean((1, 3)), atol=6)


def test_a_thumbnail_is_small_and_keeps_the_shape():
    for shape, size in (((200, 100), (32, 64)), ((8, 8), (8, 8)), ((1, 5000), (64, 1))):
        assert Image.open(io.BytesIO(one(np.zeros(shape, np.uint8)).thumbnail(0))).size == size
    assert Image.open(io.BytesIO(one(np.zeros((99, 9), np.uint8)).thumbnail(0, side=11))).size == (1, 11)


def test_nothing_but_pixels_goes_to_the_browser(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "patient 4711"
    text = PngInfo()
    text.add_text("Comment", "patient 4711")
    secret = {"a.jpg": {"exif": exif, "comment": b"patient 4711", "icc_profile": b"patient 4711"},
              "b.png": {"exif": exif, "pnginfo": text, "icc_profile": b"patient 4711"}}
    for shape in ((40, 30, 3), (1100, 1000, 3)):
        for name, how in secret.items():
            pool = saved(tmp_path, Image.fromarray(np.zeros(shape, np.uint8)), name, **how)
            assert b"4711" in (tmp_path / name).read_bytes()
            for data in (pool.picture(0).data, pool.thumbnail(0)):
                with Image.open(io.BytesIO(data)) as image:
                    image.load()
                    assert not {"exif", "icc_profile", "comment", "Comment"} & set(image.info)
                assert b"4711" not in data


def test_looking_at_an_image_in_memory_changes_nothing_of_it(tmp_path):
    Image.new("RGB", (640, 480), "red").save(tmp_path / "a.jpg", comment=b"mine")
    with Image.open(tmp_path / "a.jpg") as image:
        pool = one(image)
        pool.thumbnail(0), pool.picture(0, max_side=20), pool.load(0)
        assert (image.size, image.info["comment"]) == ((640, 480), b"mine")


def test_what_is_loaded_is_the_callers_to_change():
    stack = np.zeros((1, 2, 2), np.uint8)
    for pool in (Pool.from_images(stack), one(Image.fromarray(stack[0]))):
        pool.load(0)[:] = 9
        assert pool.load(0).tolist() == [[0, 0], [0, 0]]


def test_real_photographs_are_seen_as_pillow_opens_them(shared_data):
    folder = shared_data / "bccd" / "images"
    pool = Pool.from_images(folder)
    assert {pool.size(position) for position in range(len(pool))} == {(480, 640)}
    for position in range(0, len(pool), 20):
        with Image.open(folder / pool.ids[position]) as image:
            np.testing.assert_array_equal(pool.load(position), np.asarray(image.convert("RGB")))


# Whether it is still the same


def test_the_content_of_a_file_is_the_hash_of_its_bytes(tmp_path):
    pool = saved(tmp_path, grey(CORNER))
    expected = blake2b((tmp_path / "item.png").read_bytes(), digest_size=16).hexdigest()
    assert pool.content(0) == f"blake2b:{expected}"
    stamp = pool.stamp(0)
    (tmp_path / "item.png").write_bytes(b"something else")
    assert (pool.content(0) != f"blake2b:{expected}", pool.stamp(0) != stamp) == (True, True)


def test_the_stamp_of_a_file_is_its_size_and_age_and_memory_has_none(tmp_path):
    pool = saved(tmp_path, grey(CORNER))
    os.utime(tmp_path / "item.png", ns=(5, 123_456_789))
    assert pool.stamp(0) == f"{(tmp_path / 'item.png').stat().st_size}:123456789"
    assert one(CORNER).stamp(0) is one(grey(CORNER)).stamp(0) is None


def test_the_content_of_an_image_in_memory_is_its_pixels_shape_and_colours():
    same = [one(CORNER), one(np.asfortranarray(CORNER)), Pool.from_images(np.stack([CORNER, CORNER]))]
    assert len({pool.content(0) for pool in same}) == 1
    palette = Image.new("P", (3, 2))
    other = palette.copy()
    palette.putpalette([255, 0, 0])
    other.putpalette([0, 0, 255])
    different = [CORNER, CORNER.reshape(3, 2), CORNER + 1, grey(CORNER + 1), palette, other]
    assert len({one(image).content(0) for image in different}) == 6
    assert one(grey(CORNER)).content(0) == one(grey(CORNER)).content(0)


def test_many_threads_may_look_at_once(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as lazy, ThreadPoolExecutor(8) as threads:
        pool = Pool.from_images([tmp_path / "a.png", lazy, noise])
        jobs = [(use, n) for _ in range(8) for use in (pool.load, pool.thumbnail, pool.content) for n in range(3)]
        seen = list(threads.map(lambda job: (job, job[0](job[1])), jobs))
    for (use, _), result in seen:
        if use == pool.load:
            np.testing.assert_array_equal(result, noise)
    assert len({result for (use, _), result in seen if use == pool.thumbnail}) == 1


def test_a_pool_goes_into_another_process_whole(tmp_path):
    pool = saved(tmp_path, grey(CORNER))
    there = pickle.loads(pickle.dumps(pool))
    assert (there.position(pool.ids[0]), there.load(0).tolist()) == (0, CORNER.tolist())


def test_a_pool_says_what_it_is():
    assert repr(Pool.from_images([CORNER] * 7)) == \
        "<Pool of 7 items, arrays in memory: '0', '1', '2', '3', '4' and 2 more>"


def test_a_pool_is_a_sequence_of_items_whose_images_are_read_when_they_are_asked_for(tmp_path, monkeypatch):
    for name in "abc":
        grey(CORNER).save(tmp_path / f"{name}.png")
    pool = Pool.from_images(tmp_path, meta=[{"shop": n} for n in range(3)])
    read = []
    monkeypatch.setattr(Pool, "load", lambda self, position: read.append(position) or CORNER)
    assert [(item.id, item.position, item.meta) for item in pool] == [
        ("a.png", 0, {"shop": 0}), ("b.png", 1, {"shop": 1}), ("c.png", 2, {"shop": 2})]
    assert pool[0] == pool["a.png"] == pool[np.int64(0)] == pool[-3]
    assert pool[1:].ids == ["b.png", "c.png"]
    assert pool[2] in pool
    assert "c.png" in pool
    assert read == []
    assert pool["b.png"].image is CORNER
    assert read == [1]


@pytest.mark.parametrize("which", [3, -4, "d.png", None, 1.0, True])
def test_an_item_that_a_pool_does_not_have_is_refused_with_its_place_or_id(which):
    with pytest.raises(UnknownItem, match=re.escape(repr(which) if which != -4 else "-1")):
        Pool.from_images([CORNER] * 3)[which]


def test_going_through_a_pool_costs_the_same_for_each_item(monkeypatch):
    pool = Pool.from_images(np.zeros((2_000, 2, 2), np.uint8))
    looked_up = []
    monkeypatch.setattr(Pool, "positions", lambda self, ids: looked_up.append(ids))
    assert sum(1 for _ in pool) == 2_000
    assert looked_up == []  # an id isn't searched for each


@pytest.mark.parametrize("make", [
    lambda: Pool.from_images(["a.png", "https://example.org/cat.png"]), lambda: Pool.from_images("s3://bucket/cats"),
    lambda: Pool.from_frame(pd.DataFrame({"id": ["a", "b"], "path": ["a.png", "http://example.org/cat.png"]}))])
def test_an_address_is_no_path(make):
    with pytest.raises(BadInput, match=r"an address; .*remote=True"):
        make()


def test_the_notebook_shows_a_handful_of_items_and_reads_no_other(tmp_path, monkeypatch):
    for i in range(40):
        grey(CORNER).save(tmp_path / f"{i:02}.png")
    (tmp_path / "00.png").write_text("no image")
    (tmp_path / "39.png").rename(tmp_path / "<b>39.png")
    pool = Pool.from_images(tmp_path, meta=[{"<i>": 1}] * 40)
    opened = []
    monkeypatch.setattr("hitl_widgets.items.pool.open_image",
                        lambda file: opened.append(Path(file.name).name) or open_image(file))
    html = pool._repr_html_()
    assert len(set(opened)) == 8
    assert html.count("<img ") == 7  # one of the eight is no image
    assert "Pool of 40 items" in html
    assert "2 x 3" in html
    assert "&lt;b&gt;39.png" in html
    assert "<b>" not in html
    assert "<i>" not in html


@pytest.mark.parametrize(("pool", "kind"), [
    (Pool.from_images([CORNER] * 3), "arrays in memory"),
    (Pool.from_images(np.stack([CORNER] * 3)), "arrays in memory"),
    (Pool.from_images([grey(CORNER)]), "PIL images in memory")])
def test_the_notebook_shows_small_pools_whole(pool, kind):
    assert kind in pool._repr_html_()
    assert pool._repr_html_().count("<img ") == len(pool)


@pytest.mark.parametrize("n_channels", [3, 4])
def test_one_image_in_colour_is_no_pool_of_its_rows(n_channels):
    image = np.zeros((30, 20, n_channels), np.uint8)
    with pytest.raises(BadInput, match="one image in colour"):
        Pool.from_images(image)
    assert len(Pool.from_images([image])) == 1
    assert len(Pool.from_images(list(image))) == 30
