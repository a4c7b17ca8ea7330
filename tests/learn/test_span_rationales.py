"""Marked words of single spans in the training of a tagger: what is collected, the loss, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import hitl_widgets as hw
from hitl_widgets.learn.object_rationales import MarkedObject, marked_objects
from hitl_widgets.learn.span_net import SpanNet, encoded, tag_scores
from hitl_widgets.learn.span_rationales import SpanRationaleLoss
from hitl_widgets.learn.span_targets import N_TAGS, OUTSIDE, UNIT, CorrectedText
from hitl_widgets.learn.span_training import SpanOptions, fit_spans

TEXT = "we saw zog Ada at noon"
CITIES = ["Rome", "Paris", "Oslo", "Lima", "Quito", "Cairo", "Delhi", "Tokyo", "Seoul", "Berlin", "Vienna", "Dublin"]
OTHERS = ["the train was late", "nobody came to dinner", "a long day in autumn", "they ate fish and bread"]


class Reads(nn.Module):
    """Takes a span's words for a unit by how often one word lies anywhere in the text."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.weight = int(encoded(word).words[0]), nn.Parameter(torch.tensor(2.0))

    def of(self, texts: Any) -> torch.Tensor:
        longest = max(len(one.words) for one in texts)
        logits = torch.zeros(len(texts), longest, 1, N_TAGS)
        seen = torch.tensor([float((one.words == self.word).any()) for one in texts])
        return torch.cat([logits[..., :UNIT], (self.weight * seen)[:, None, None, None].expand(-1, longest, 1, 1)],
                         dim=-1)


def marked(text: str, span: str, word: str, *, missing: bool = False) -> MarkedObject:
    start = text.index(span)
    mask = np.zeros((1, len(text)), bool)
    mask[0, text.index(word):text.index(word) + len(word)] = True
    return MarkedObject(text, (start, start + len(span)), 0, None if missing else mask, mask if missing else None)


def loss_of(one: MarkedObject, word: str) -> float:
    net: Any = Reads(word)
    return float(SpanRationaleLoss([one], [encoded(text) for text in OTHERS], seed=0)(net).detach())


def test_a_span_that_rests_on_a_wrong_word_costs_and_one_that_doesnt_costs_nothing():
    assert loss_of(marked(TEXT, "Ada", "zog"), "zog") > 0.1
    assert loss_of(marked(TEXT, "Ada", "zog"), "noon") == 0.0


def test_a_missing_word_costs_as_long_as_the_span_doesnt_need_it():
    assert loss_of(marked(TEXT, "Ada", "noon", missing=True), "zog") == pytest.approx(np.log(2), rel=1e-4)
    assert loss_of(marked(TEXT, "Ada", "zog", missing=True), "zog") < np.log(2)


def test_marks_on_blanks_and_spans_of_blanks_teach_nothing():
    texts = [encoded(text) for text in OTHERS]
    blank = MarkedObject("a  b", (1, 3), 0, np.ones((1, 4), bool), None)
    nothing = MarkedObject("a b", (0, 1), 0, np.array([[False, True, False]]), None)
    assert len(SpanRationaleLoss([blank, nothing], texts, seed=0)) == 0
    assert len(SpanRationaleLoss([marked(TEXT, "Ada", "zog")], [], seed=0)) == 0, "no other words are there"
    assert float(SpanRationaleLoss([blank], texts, seed=0)(SpanNet(1))) == 0


def test_of_a_long_text_only_what_bears_on_a_mark_is_read():
    words = ["ada"] * 400
    text = " ".join([*words[:150], "zog", *words[151:]])  # 4 characters each

    def read_of(first: int, last: int) -> list[int]:
        seen: list[int] = []

        class Counting(Reads):
            def of(self, texts: Any) -> torch.Tensor:
                seen.extend(len(one.words) for one in texts)
                return super().of(texts)
        one = marked(text, "ada", "zog")._replace(at=(4 * first, 4 * last - 1))
        loss = SpanRationaleLoss([one], [encoded(text) for text in OTHERS], seed=0)
        net: Any = Counting("zog")
        assert len(loss) == 0 or float(loss(net).detach()) > 0.1
        return seen
    assert read_of(151, 153) == [34, 34], "two tokens and 16 to either side"
    assert read_of(100, 300) == [65, 65], "16 to either side of the mark, and what bears on these"
    assert read_of(166, 167) == [33, 33]
    assert read_of(167, 168) == read_of(200, 201) == [], "so far away no mark bears on the span"


@pytest.mark.parametrize(("first", "last"), [(151, 153), (100, 300), (160, 170)])
def test_a_part_of_a_text_has_the_tags_of_the_whole(first: int, last: int):
    words = [f"w{place:03d}" for place in range(400)]
    text = " ".join(words)
    one = marked(text, "w000", "w150")._replace(at=(5 * first, 5 * last - 1))
    [example] = SpanRationaleLoss([one], [encoded(text) for text in OTHERS], seed=0)._examples
    torch.manual_seed(0)
    net = SpanNet(1).eval()
    own = np.flatnonzero(np.isin(encoded(text).words, example.text.words[example.tokens]))
    assert first <= own[0] <= own[-1] < last
    whole, part = (tag_scores(net, [each])[0] for each in (encoded(text), example.text))
    assert part[example.tokens] == pytest.approx(whole[own], abs=1e-5)


@pytest.mark.long
def test_whether_a_tagger_finds_a_span_rests_less_on_a_word_that_was_marked():
    rng = np.random.default_rng(0)
    stems = ["".join(rng.choice(list("bdfgklmnprst")) + rng.choice(list("aeiou")) for _ in range(3)) for _ in range(50)]
    texts = [f"{rng.choice(OTHERS)} zog {stem.capitalize()}ville met {other.capitalize()} there"
             for stem, other in zip(stems[:40], reversed(stems[:40]), strict=True)]
    places = [(text.index("zog ") + 4, text.index("ville") + 5) for text in texts]
    corrected = [CorrectedText(text, [at], [0], [1.0], item_id=text) for text, at in zip(texts, places, strict=True)]
    marks = [marked(text, text[slice(*at)], "zog") for text, at in zip(texts[:15], places, strict=False)]

    def leans(marks: list[MarkedObject]) -> float:
        """How much more likely a word that may be a name or not is one after the word that was marked."""
        net = fit_spans(corrected, 1, SpanOptions(steps=60), marked=marks).net
        after, before = ([1 - np.exp(scores[2, 0, OUTSIDE]) for scores in tag_scores(net, [
            encoded(f"then {word} {stem.capitalize()} came") for stem in stems[40:]])] for word in ("zog", "they"))
        return float(np.mean(after) - np.mean(before))
    without = leans([])
    assert without > 0.05
    assert leans(marks) < without / 2


# -- a project


def test_a_run_learns_from_marked_words_of_spans_and_says_so(tmp_path: Path):
    texts = [f"{OTHERS[k % 4]} zog {CITIES[k % 12]} and more" for k in range(24)]
    told: list[str] = []
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["place"], task="spans", annotator="ada", holdout=0.2,
                      progress=False) as wb:
        wb.project.notify = told.append  # type: ignore[method-assign]
        held = set(wb.holdout)
        for item_id, text in zip(map(str, wb.pool.ids), texts, strict=True):
            start = text.index("zog")
            end = start + 4 + len(text[start + 4:].split()[0])
            wb.decide(item_id, objects=[hw.Span(start + 4, end, label="place", id="s0")],
                      reasons=None if item_id in held else {"s0": {"wrong": [(start, start + 3)]}})
        marks = marked_objects(wb.project, wb.taxonomy.label_ids)
        assert len(marks.objects) == len(texts) - len(held)
        assert not marks.left_out
        assert all(one.image[one.wrong.nonzero()[1][0]:][:3] == "zog" for one in marks.objects if one.wrong is not None)
        run, off = (wb.finetune(epochs=1, adopt="never", seed=0, reasons=reasons) for reasons in ("auto", "off"))
    assert (run.n_marked, off.n_marked) == (len(marks.objects), 0)
    assert f"the marked words of {run.n_marked} spans were in the loss" in repr(run)
    assert any(not torch.equal(run.net.state_dict()[name], off.net.state_dict()[name]) for name in run.net.state_dict())
    assert not any("learn" in text for text in told)


def test_a_run_counts_the_marked_spans_that_its_loss_used(tmp_path: Path):
    texts = [f"zog {'and more ' * 12}{CITIES[k]} here" for k in range(4)]
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), ["place"], task="spans", annotator="ada", holdout=0,
                      progress=False) as wb:
        for k, (item_id, text) in enumerate(zip(map(str, wb.pool.ids), texts, strict=True)):
            start = text.index(CITIES[k])
            word = (start - 5, start - 1) if k else (0, 3)  # "zog" is 24 words away
            wb.decide(item_id, objects=[hw.Span(start, start + len(CITIES[k]), label="place", id="s0")],
                      reasons={"s0": {"wrong": [word]}})
        assert len(marked_objects(wb.project, wb.taxonomy.label_ids).objects) == 4
        assert wb.finetune(epochs=1).n_marked == 3
