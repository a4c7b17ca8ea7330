"""Offsets are right for every text: through the log into each format of spans and back, a span covers its quote."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from odd_texts import PIECES
from scale import tenth

import hitl_widgets as hw
from hitl_widgets.exchange.files import Source
from hitl_widgets.exchange.formats.offsets import units_before
from hitl_widgets.exchange.registry import find_format

FORMATS = ("prodigy", "doccano", "label_studio", "jsonl", "conll")
LABELS = ["place", "person, or so", "🎈"]


def project(n_texts, folder):
    """A project of texts made of what is known to break offsets, each with some spans, which its log has."""
    rng = np.random.default_rng(7)
    texts, rows = [], []
    for k in range(n_texts):
        # A word in front, since a pool has no text without a letter.
        text = "a" + "".join(PIECES[n] for n in rng.integers(len(PIECES), size=rng.integers(1, 9)))
        texts.append(text)
        for _ in range(int(rng.integers(1, 4))):
            start, end = sorted(rng.choice(len(text) + 1, 2, replace=False).tolist())
            rows.append({"item_id": str(k), "start": start, "end": end, "quote": text[start:end],
                         "label": LABELS[int(rng.integers(3))], "annotator": "ada"})
    table = pd.DataFrame(rows).drop_duplicates(["item_id", "start", "end", "label"])
    wb = hw.Workbench(folder, hw.Pool.from_texts(texts), LABELS, task="spans", annotator="ada", holdout=0,
                      progress=False)
    wb.import_annotations(table)
    return wb, texts, set(table[["item_id", "start", "end", "label"]].itertuples(index=False, name=None))


def check(n_texts, folder):
    wb, texts, spans = project(n_texts, folder / "p")
    with wb:
        logged = {(row.item_id, row.start, row.end, row.label) for row in wb.objects().itertuples()}
        assert logged == spans
        for name in FORMATS:
            wb.export(folder / f"{name}.txt", name, "annotations")
    for name in FORMATS:
        chosen = find_format(name)
        contents = chosen.read(Source(folder / f"{name}.txt"), dict(chosen.options))
        back = set()
        for record in contents.records:
            assert record.text == texts[int(record.item_id)]
            for answer in record.answers:
                for one in answer.objects:
                    assert record.text[one.at[0]:one.at[1]] == one.quote
                    back.add((record.item_id, *one.at, contents.header.name_of(one.label_id)))
        assert back == spans if name != "conll" else back < spans
        assert contents.lost.counts() == {}
    tools_fields(folder, texts, spans)


def tools_fields(folder, texts, spans):
    """What Prodigy and doccano themselves look at says the same, in characters."""
    doccano = [json.loads(one) for one in (folder / "doccano.txt").read_text("utf-8").split("\n") if one]
    assert {(line["id"], *span) for line in doccano for span in line["label"]} == spans
    prodigy = [json.loads(one) for one in (folder / "prodigy.txt").read_text("utf-8").split("\n") if one]
    assert {(line["id"], one["start"], one["end"], one["label"]) for line in prodigy for one in line["spans"]} == spans
    for line in prodigy:
        words = line["tokens"]
        assert "".join(one["text"] + " " * one["ws"] for one in words) == line["text"]
        for one in line["spans"]:
            assert line["text"][one["start"]:one["end"]] == one["text"]
            assert (words[one["token_start"]]["start"], words[one["token_end"]]["end"]) == (one["start"], one["end"])
    # In units of browsers nearly all of them would lie elsewhere: what the test is made of is hard.
    wide = [one for one in spans if units_before(texts[int(one[0])])[one[1]] != one[1]]
    assert len(wide) > len(spans) / 5


def test_spans_cover_their_quotes_through_the_log_and_each_format(tmp_path):
    check(300, tmp_path)


@pytest.mark.long
def test_spans_of_ten_thousand_texts_cover_their_quotes(tmp_path):
    check(tenth(10_000), tmp_path)
