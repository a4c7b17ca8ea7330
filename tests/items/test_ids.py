"""Ids are kept as bytes and used as an array of str; what follows from an id is what it has always been."""

from __future__ import annotations

import binascii
import pickle
import tracemalloc
import zlib
from hashlib import blake2b

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.errors import BadInput, TextError
from hitl_widgets.items.ids import AT_ONCE, Ids
from hitl_widgets.items.pool import Pool
from hitl_widgets.items.some_rows import SomeRows, drawn

FIT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
IMAGE = np.zeros((1, 1), np.uint8)


def odd_ids(n, seed=0):
    """Ids of one to twelve characters of all kinds, no two alike."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcXYZ019 _-/.éñ你好📞\n\t\"'"))
    made = {"".join(rng.choice(letters, size)): None for size in rng.integers(1, 13, 2 * n)}
    return [f"{item_id}{row}" for row, item_id in enumerate(made)][:n]


def pool_of(ids):
    return Pool.from_texts(["text"] * len(ids), ids)


def forms(ids):
    """The same ids in whatever a table or a script may have them."""

    series = {"object": pd.Series(ids, dtype=object), "arrow": pd.Series(ids, dtype=pd.ArrowDtype(pa.string())),
              "large": pd.Series(ids, dtype=pd.ArrowDtype(pa.large_string())),
              "pandas": pd.Series(ids, dtype=pd.StringDtype("pyarrow")),
              "python": pd.Series(ids, dtype=pd.StringDtype("python")), "category": pd.Series(ids, dtype="category")}
    half = len(ids) // 2
    return {**series, "list": ids, "array": np.array(ids, object),
            "chunks": pd.concat([series["pandas"][:half], series["pandas"][half:]]),
            "part of a table": pd.concat([series["pandas"][:3], series["pandas"]]).iloc[3:]}


def test_ids_of_every_kind_give_the_digest_the_draws_and_the_places_that_they_always_gave():
    ids = odd_ids(5000)
    sums = np.array([zlib.crc32(item_id.encode()) for item_id in ids], np.uint32)
    order = np.random.default_rng(1).permutation(len(ids))
    draws = pool_of(ids).draws(3)
    for name, form in forms(ids).items():
        pool = pool_of(form)
        assert pool.ids.tolist() == ids, name
        assert pool.digest == blake2b("\0".join(ids).encode(), digest_size=16).hexdigest(), name
        np.testing.assert_array_equal(pool.ids.checksums, sums, err_msg=name)
        np.testing.assert_array_equal(pool.draws(3), draws, err_msg=name)
        np.testing.assert_array_equal(pool.positions([ids[place] for place in order]), order, err_msg=name)


def test_a_draw_is_the_one_of_the_first_version():
    # SplitMix64 by hand, from the CRC-32 of the id, with Python's whole numbers.
    def draw(item_id, seed):
        state = (binascii.crc32(item_id.encode()) + 0x9E3779B97F4A7C15 * (seed + 1)) % 2**64
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
        return ((state ^ state >> 31) >> 11) * 2.0**-53
    ids = odd_ids(3 * AT_ONCE)
    assert pool_of(ids).draws(7)[::997].tolist() == [draw(item_id, 7) for item_id in ids[::997]]


@given(st.lists(FIT, min_size=1, max_size=40, unique=True), st.data())
def test_ids_are_used_as_an_array_of_them(ids, data):
    kept, array = Ids.of(ids, len(ids), "text"), np.array(ids, object)
    assert len(kept) == kept.size == kept.shape[0] == len(ids)
    place = data.draw(st.integers(-len(ids), len(ids) - 1))
    assert kept[place] == ids[place]
    assert type(kept[place]) is str
    for which in (slice(place, None), slice(None, None, -2), [place, 0], np.array([], np.int64), array == ids[place],
                  np.array([[0, place]])):
        np.testing.assert_array_equal(kept[which], array[which])
        assert kept[which].dtype == object
    np.testing.assert_array_equal(kept == ids[place], array == ids[place])
    np.testing.assert_array_equal(np.asarray(kept), array)
    assert pd.Series(ids).isin(kept).all()
    assert pd.DataFrame({"id": kept})["id"].tolist() == list(kept) == ids
    assert ids[place] in kept
    assert pickle.loads(pickle.dumps(kept)).tolist() == ids


def test_a_place_that_is_not_there_is_an_index_error():
    ids = Ids.of(["a", "b"], 2, "text")
    for which in (2, -3, [0, 2], np.array([-3]), np.array([True])):
        with pytest.raises(IndexError):
            ids[which]
    with pytest.raises(TypeError):
        ids[np.array([0.5])]


@pytest.mark.parametrize("bad", ["", "a\0b", "\0", "x" * 501, "📞" * 501, "\ud83d"])
@pytest.mark.parametrize("form", [list, lambda ids: pd.Series(ids, dtype=object), pd.Series])
def test_what_cannot_be_an_id_is_named_wherever_it_stands(bad, form):
    ids = [f"item {row}" for row in range(AT_ONCE + 5)]
    ids[AT_ONCE + 1] = bad
    try:
        column = form(ids)
    except UnicodeEncodeError:
        pytest.skip("pandas itself refuses half of a surrogate pair here")
    with pytest.raises(BadInput) as error:
        pool_of(column)
    assert str(error.value) == f"{bad[:60]!r} can't be an id: 1 to 500 characters of Unicode without NUL are " \
                               "expected. Rename the files, or pass ids=...."


def test_500_characters_of_four_bytes_are_an_id():
    assert pool_of(["📞" * 500, "b"]).ids[0] == "📞" * 500


def test_copies_are_named_whatever_they_are_in():
    ids = [*odd_ids(500), "twice", "b", "twice"]
    said = "1 ids are there more than once: 'twice'. Each item needs an id of its own; " \
           "pass ids=..., or drop the copies."
    for form in forms(ids).values():
        with pytest.raises(BadInput) as error:
            pool_of(form)
        assert str(error.value) == said


def test_the_places_of_another_pools_ids_are_found_where_items_joined_left_and_moved():
    ids = odd_ids(2 * AT_ONCE + 100)
    pool = pool_of(ids)
    place = {item_id: row for row, item_id in enumerate(ids)}
    for other in (ids, ids[5:], ids[:-7], [*ids[:50], "new", *ids[50:]], ids[::-1], ["new", "newer"],
                  [*ids[:AT_ONCE], *[f"new {row}" for row in range(AT_ONCE)], *ids[AT_ONCE:]]):
        expected = [place.get(item_id, -1) for item_id in other]
        assert pool.positions(pool_of(other).ids).tolist() == pool.positions(other).tolist() == expected


def test_groups_have_the_numbers_that_they_always_had():
    columns = {"whole": [1, 2, 2, 1], "missing": [1, None, 2, 1], "mixed": [1, True, 1.0, "1"], "text": list("abca"),
               "odd": [0.5, -0.0, 0.0, 1e300], "days": pd.to_datetime(["2026-01-01", None, "2026-01-02", "2026-01-01"]),
               "category": pd.Categorical(["x", None, "y", "x"])}
    pool = Pool.from_texts(["text"] * 4, ids=list("pqrs"), meta=pd.DataFrame(columns))
    for column, values in pd.DataFrame(columns).items():
        texts = [str(int(value) if isinstance(value, (float, np.floating)) and float(value).is_integer() else value)
                 for value in values]
        expected = [zlib.crc32((item_id if pd.isna(value) else text).encode())
                    for item_id, value, text in zip("pqrs", values, texts, strict=True)]
        assert pool.group_sums(column).tolist() == expected, column


def test_200_000_items_take_some_40_bytes_each_beyond_the_table():
    n = 200_000
    rows = range(n)
    df = pd.DataFrame({"id": [f"item-{row:08d}" for row in rows], "path": [f"{row}.png" for row in rows]})
    Pool.from_frame(df[:10])  # what is imported
    tracemalloc.start()
    try:
        pool = Pool.from_frame(df)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A byte for each letter and one more, 8 for where the id begins, 12 for the sums by which it is found.
    assert kept / n < 40
    assert peak / n < 90
    assert pool.ids[n - 1] == "item-00199999"


def test_texts_of_a_column_in_arrow_are_those_of_a_list():
    texts = ["Call now 📞!", "two\nlines", "", "café"]
    for form in (pd.Series(texts, dtype=pd.StringDtype("pyarrow")), pd.Series(texts, dtype=pd.ArrowDtype(pa.string()))):
        kept, listed = Pool.from_texts(form), Pool.from_texts(texts)
        assert [kept.load(row) for row in (0, 1, 3)] == [listed.load(row) for row in (0, 1, 3)]
        assert type(kept.load(0)) is str
        assert [kept.content(row) for row in (0, 1, 3)] == [listed.content(row) for row in (0, 1, 3)]
        with pytest.raises(TextError, match="empty"):
            kept.load(2)
        form.iloc[0] = "changed later"
        assert kept.load(0) == texts[0]
    with pytest.raises(BadInput, match="no text in row 1"):
        Pool.from_texts(pd.Series(["a", None], dtype=pd.StringDtype("pyarrow")))


def test_rows_of_some_items_take_room_for_these_alone():
    rng, rows, known = np.random.default_rng(0), SomeRows(100_000, 3), {}
    for _ in range(30):
        some = rng.choice(100_000, 20, replace=False)
        new = rng.random((20, 3)).astype(np.float32)
        rows.put(some, new)
        known |= dict(zip(some.tolist(), new.tolist(), strict=True))
    places = np.array([*known, *range(50)])
    expected = [known.get(place, [np.nan] * 3) for place in places.tolist()]
    np.testing.assert_array_equal(rows.get(places), np.array(expected, np.float32))
    assert rows.has(places).tolist() == [place in known for place in places.tolist()]
    assert rows._rows.nbytes < 3 * 4 * 2000


def test_a_sample_of_a_small_pool_is_the_one_it_always_was():
    assert drawn(50, 5, seed=3).tolist() == np.random.default_rng(3).permutation(50)[:5].tolist()
    large = drawn(2_000_000, 1000, seed=3)
    assert len(set(large.tolist())) == 1000
    assert 0 <= large.min() < large.max() < 2_000_000
