"""Descriptors of texts: kept on disk, the same as a net, and what the queue does with them."""

from pathlib import Path

import numpy as np
import pytest
import torch

import hitl_widgets as hw
from hitl_widgets.errors import ModelError
from hitl_widgets.learn.descriptors import Descriptors
from hitl_widgets.learn.light import holds_light_net, is_light_net, light_net, linear, rows_of, unfitted_light_net
from hitl_widgets.learn.text_descriptors import TextDescriptorNet, TextDescriptors, fit_text_descriptors
from hitl_widgets.learn.text_views import TextPreprocess
from hitl_widgets.learn.weights import load_weights, save_weights, weights_version

TOPICS = ("bus train late station ticket platform driver delay", "soup cold kitchen waiter table menu spicy bread")


def sentences(n: int, *, seed: int = 0) -> list[str]:
    """Sentences of two topics in turn, no two the same."""
    rng = np.random.default_rng(seed)
    return [" ".join([*rng.permutation(TOPICS[row % 2].split())[:4], *rng.permutation(["the", "was", "we", "now"])[:2],
                      f"on day {row}"]) for row in range(n)]


@pytest.fixture
def pool() -> hw.Pool:
    """Sixty sentences, one that can't be read, one empty."""
    return hw.Pool.from_texts([*sentences(60), b"\xff\xfe", ""])


def described(pool: hw.Pool, folder: Path, *, measures: np.ndarray | None = None, seed: int = 0) -> TextDescriptors:
    """Descriptors of a pool; `measures` are the items that measure."""
    mask = np.zeros(len(pool), bool) if measures is None else measures
    return TextDescriptors(pool, folder, measures=lambda: mask, seed=seed)


def test_rows_are_kept_and_read_again(pool: hw.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = described(pool, tmp_path)
    assert not first.ready
    rows = first.of(np.arange(62))
    assert first.ready
    assert rows.shape == (62, first.net.n_features) == (62, 128)
    assert np.isnan(rows).any(axis=1).tolist() == [False] * 60 + [True, True]
    again = described(pool, tmp_path)
    assert again.holds(first.version)
    monkeypatch.setattr(hw.Pool, "load", None)  # nothing is read any more
    np.testing.assert_array_equal(again.of(np.array([5, 61, 0])), rows[[5, 61, 0]])
    np.testing.assert_array_equal(again.stored(np.array([3])), rows[[3]])
    assert again.some(10).shape == (10, 128)


def test_the_net_gives_the_same_rows_from_code_points(pool: hw.Pool, tmp_path: Path) -> None:
    descriptors = described(pool, tmp_path)
    rows, net = descriptors.of(np.arange(5)), descriptors.net
    views = [TextPreprocess()(pool.load(position)) for position in range(5)]
    batch = torch.nn.utils.rnn.pad_sequence(views, batch_first=True, padding_value=-1)
    np.testing.assert_array_equal(net(batch).numpy(), rows)
    np.testing.assert_array_equal(rows_of(net, views).numpy(), rows)
    np.testing.assert_array_equal(descriptors.by(net, np.arange(5)), rows)


def test_nothing_is_fitted_to_items_that_measure(tmp_path: Path) -> None:
    texts = [*sentences(30), *(f"measuring {row} quagga zebra" for row in range(30))]
    measures = np.arange(60) >= 30
    net = described(hw.Pool.from_texts(texts), tmp_path, measures=measures).net
    assert weights_version(net) == weights_version(described(hw.Pool.from_texts(texts[:30]), tmp_path / "b").net)


def test_other_texts_seeds_and_folders_are_kept_apart(pool: hw.Pool, tmp_path: Path) -> None:
    first, other = described(pool, tmp_path), described(pool, tmp_path, seed=1)
    assert first.version != other.version
    assert not other.holds(first.version)


def test_a_pool_without_a_readable_text_has_no_descriptors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can be read"):
        described(hw.Pool.from_texts(["", b"\xff"]), tmp_path).of(np.array([0]))


def test_a_damaged_file_is_fitted_again(pool: hw.Pool, tmp_path: Path) -> None:
    version = described(pool, tmp_path).version
    next(tmp_path.rglob("net.safetensors")).write_bytes(b"no weights")
    assert described(pool, tmp_path).version == version


def test_a_light_net_of_texts_is_written_and_read(pool: hw.Pool, tmp_path: Path) -> None:
    head = linear(128, 3)
    torch.nn.init.ones_(head.weight)
    torch.nn.init.zeros_(head.bias)
    net = light_net(described(pool, tmp_path).net, head)
    assert is_light_net(net)
    assert isinstance(net[0], Descriptors)
    path = tmp_path / "light.safetensors"
    save_weights(net, path)
    assert holds_light_net(path)
    back = load_weights(unfitted_light_net(path), path)
    assert weights_version(back) == weights_version(net)
    assert isinstance(back[0], TextDescriptorNet)


def test_a_file_of_descriptors_is_small() -> None:
    net = fit_text_descriptors(sentences(500))
    assert sum(value.numel() * value.element_size() for value in net.state_dict().values()) < 2.2e6


def test_the_queue_begins_with_typical_texts_of_both_topics(tmp_path: Path) -> None:
    pool = hw.Pool.from_texts([*sentences(120), *(f"{word} {word}" for word in ("zzyzx", "qwrtp", "mnbvc"))])
    with hw.Workbench(tmp_path / "p", pool, ["travel", "food"]) as wb:
        chosen = [item for item in wb.next(10) if item.chosen_by == "typiclust"]
        assert len(chosen) >= 4
        assert {item.position % 2 for item in chosen} == {0, 1}
        assert all(item.position < 120 for item in chosen)


def test_near_duplicates_are_not_asked_together(tmp_path: Path) -> None:
    spam = [f"URGENT! You have won a £{row}00 prize, call 0800{row} now to claim it" for row in range(30)]
    pool = hw.Pool.from_texts([*sentences(90), *spam])
    with hw.Workbench(tmp_path / "p", pool, ["ham", "spam"]) as wb:
        chosen = [item for item in wb.next(12) if item.chosen_by == "typiclust"]
        assert sum(item.position >= 90 for item in chosen) <= 2
