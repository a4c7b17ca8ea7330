"""Texts that are nearly the same on both sides of the hold-out's border."""

import random
import time
from pathlib import Path

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.items.near_copies import near_copies

WORDS = [f"{one}{other}" for one in ("ba", "ko", "lu", "mi", "ra", "se", "ti")
         for other in ("dan", "fel", "gor", "hin", "jus", "kem")]


def sentence(rng: random.Random, n: int = 12) -> str:
    """A sentence of n words drawn by chance."""
    return " ".join(rng.choices(WORDS, k=n))


def found(texts: list[str | bytes], n_holdout: int, *, budget_s: float = 60, **options: np.ndarray) -> dict[int, int]:
    """The pairs among texts of which the first n measure."""
    return dict(near_copies(hw.Pool.from_texts(texts), np.arange(len(texts)) < n_holdout, budget_s=budget_s, **options))


def test_copies_but_for_case_signs_and_numbers_are_found() -> None:
    assert found(["Call 0800 555 NOW, you've won £100!", "see you at six", "call  08712-77 now: you've won $9000",
                  "see you tomorrow"], 2) == {0: 2}


def test_numbers_count_where_little_else_is_said() -> None:
    assert found(["part 7B", "room 12 is free", "word12 word77", "part 7C", "room 13 is free", "word12 word78",
                  "Part 7b!"], 3) == {0: 6}


def test_what_has_no_letters_is_compared_as_it_is() -> None:
    assert found(["👍 👍", "12:30", "👍  👍", "12:31", "12:30"], 2) == {0: 2, 1: 4}


def test_texts_with_one_word_changed_are_found() -> None:
    rng = random.Random(0)
    originals = [sentence(rng, 30) for _ in range(100)]
    changed = []
    for text in originals:
        words = text.split()
        words[rng.randrange(30)] = "otherwise"
        changed.append(" ".join(words))
    others = [sentence(rng, 30) for _ in range(300)]
    pairs = found([*originals, *others, *changed], 100)
    assert len(pairs) >= 98  # MinHash may miss one
    assert all(other == one + 400 for one, other in pairs.items())


def test_texts_that_share_half_of_their_words_are_not_told() -> None:
    rng = random.Random(1)
    first, second = [[sentence(rng, 12) for _ in range(100)] for _ in range(2)]
    half = [f"{one[:len(one) // 2]} {sentence(rng, 6)}" for one in first]
    assert not found([*first, *second, *half], 100)


def test_copies_on_one_side_alone_are_not_told() -> None:
    assert not found(["the same text here"] * 3 + ["another one there"] * 3, 3)
    assert not found(["the same text here"] * 3, 3)
    assert not found(["the same text here"] * 3, 0)


def test_only_some_positions_are_compared() -> None:
    texts = ["the same text here", "one more of them", "the same text here", "one more of them"]
    assert found(texts, 2, positions=np.array([1, 2, 3])) == {1: 3}


def test_what_cannot_be_read_is_left_out() -> None:
    assert not found([b"\xff\xfe", "", b"\xff\xfe", ""], 2)
    assert found([b"\xff\xfe", "the same text here", "", "the same text here"], 2) == {1: 3}


def test_many_copies_of_one_text_take_no_longer_than_other_texts() -> None:
    begun = time.process_time()
    assert len(found(["win a prize now, call us"] * 40_000, 8_000)) == 8_000
    assert time.process_time() - begun < 20  # 1 s


def test_without_time_a_part_is_compared() -> None:
    texts = [*(f"text number {sentence(random.Random(row))}" for row in range(6_000))] * 2
    pairs = found(texts, 6_000, budget_s=0)
    assert 0 <= len(pairs) < 6_000


def test_the_person_is_told_when_a_project_is_begun_and_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]
                                                               ) -> None:
    rng = random.Random(2)
    texts = [sentence(rng) for _ in range(100)]
    pool = hw.Pool.from_texts([*texts, *(f"{text}!!" for text in texts)])
    with hw.Workbench(tmp_path / "p", pool, ["a", "b"]) as wb:
        assert "hold-out texts are the same as texts that may train" in capsys.readouterr().out
        holdout = wb.holdout[0]
        wb.decide(holdout, label="a")
        wb.decide(str((int(holdout) + 100) % 200), label="b")
        crossing = str((int(holdout) + 100) % 200) not in wb.holdout
    with hw.Workbench(tmp_path / "p", pool, ["a", "b"]):
        assert ("1 hold-out text is the same" in capsys.readouterr().out) == crossing
    with hw.Workbench(tmp_path / "q", hw.Pool.from_texts(texts), ["a", "b"]):
        assert "are the same" not in capsys.readouterr().out


def test_a_group_keeps_copies_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(3)
    texts = [sentence(rng) for _ in range(60)]
    pool = hw.Pool.from_texts(texts * 2, meta=[{"thread": row % 60} for row in range(120)])
    with hw.Workbench(tmp_path / "p", pool, ["a", "b"], group="thread"):
        assert "are the same" not in capsys.readouterr().out
