"""CoNLL: what goes out comes back, tags say what nervaluate reads from them, and files of others are read."""

from __future__ import annotations

import re

import pytest
from exchange.loose_records import HEADERS, check_round_trip, items, missing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_texts import texts
from whole_records import read as read_back
from whole_records import write

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats.conll import FORMAT, SCHEMES, chunks, escaped, quoted, tags, unquoted
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, facts
from hitl_widgets.items.tokens import tokens
from hitl_widgets.records import ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy

SOME = settings(max_examples=40, deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
HEADER = Header("spans", "text", Taxonomy(["person", "place"]))


@pytest.mark.long
@pytest.mark.parametrize("more", [{}, {"scheme": "IOB1", "separator": "\t"}, {"scheme": "BILOU", "split_words": True}])
def test_what_is_written_is_read_again(more, tmp_path):
    @SOME
    @given(items("spans"))
    def holds(some):
        if any(FORMAT.reduce(HEADERS["spans"], one, FORMAT.options | more) for one in some):
            check_round_trip(FORMAT, HEADERS["spans"], some, tmp_path / "x.conll", **more)
    holds()


@SOME
@given(some=items("spans"))
def test_without_comments_words_and_spans_come_back(some, tmp_path):
    header, kept = write(FORMAT, HEADERS["spans"], some, tmp_path / "x.conll", comments=False)
    kept = [one for one in kept if tokens(one.text).size]
    if not any(answer.objects for one in kept for answer in one.answers):
        return
    contents, back = read_back(FORMAT, tmp_path / "x.conll", comments=False)
    assert contents.lost.counts() == {}
    for one, other in zip(kept, back, strict=True):
        before = ItemRecord("", size=one.size, text=one.text, answers=one.answers)
        after = ItemRecord("", size=other.size, text=other.text, answers=other.answers)
        assert missing(facts(header, before), facts(contents.header, after)) == ([], [])


def test_a_word_that_looks_like_a_byte_order_mark_stays(tmp_path):
    write(FORMAT, HEADER, [spans_of("\ufeff Rome", (2, 6))], tmp_path / "x.conll", comments=False)
    _, (back,) = read_back(FORMAT, tmp_path / "x.conll")
    assert back.text == "\ufeff Rome"


@st.composite
def some_spans(draw):
    words = [(3 * k, 3 * k + 2) for k in range(draw(st.integers(0, 8)))]
    found, at = [], 0
    while at < len(words):
        if draw(st.booleans()):
            last = draw(st.integers(at, min(at + 2, len(words) - 1)))
            found.append((words[at][0], words[last][1], draw(st.sampled_from(["PER", "LOC", "a-b"]))))
            at = last
        at += 1
    return words, found


@SOME
@given(some_spans(), st.sampled_from(SCHEMES))
def test_tags_of_each_scheme_say_the_spans(of, scheme):
    words, spans = of
    told = tags(words, spans, scheme)
    assert [(words[first][0], words[stop - 1][1], label) for first, stop, label, _ in chunks(told)] == spans


@SOME
@given(some_spans())
def test_nervaluate_reads_the_same_entities(of):
    utils = pytest.importorskip("nervaluate.utils")
    words, spans = of
    found, = utils.list_to_spans([tags(words, spans, "BIO")]) if words else [[]]
    assert [(words[one["start"]][0], words[one["end"]][1], one["label"]) for one in found] == spans


def test_nervaluate_reads_our_file_without_comments(tmp_path):
    utils = pytest.importorskip("nervaluate.utils")
    record = ItemRecord("1", text="Ada met Grace Hopper in Rome.", size=(29, 1), answers=(Answer("ada", objects=tuple(
        ObjectAnswer(f"o{k}", "span", at, HEADER.ids[name], name)
        for k, (at, name) in enumerate([((0, 3), "person"), ((8, 20), "person"), ((24, 28), "place")]))),))
    write(FORMAT, HEADER, [record], tmp_path / "x.conll", comments=False, separator="\t")
    assert utils.conll_to_spans((tmp_path / "x.conll").read_text("utf-8").strip()) == [[
        {"label": "person", "start": 0, "end": 0}, {"label": "person", "start": 2, "end": 3},
        {"label": "place", "start": 5, "end": 5}]]


@SOME
@given(texts())
def test_any_text_is_quoted_on_one_line_and_any_name_in_one_word(text):
    assert unquoted(quoted(text))[0] == text
    assert "\n" not in quoted(text)
    assert not re.search(r"\s", escaped(text))


# -- what can't be held

def spans_of(text, *at):
    return ItemRecord("7", text=text, size=(len(text), 1), answers=(Answer("ada", objects=tuple(
        ObjectAnswer(f"o{k}", "span", one, HEADER.ids["place"], "place", quote=text[one[0]:one[1]])
        for k, one in enumerate(at))),))


def kept(record, **more):
    return [one.at for one in FORMAT.reduce(HEADER, record, FORMAT.options | more).answers[0].objects]


def test_spans_inside_words_or_in_white_space_are_left_out_and_never_moved():
    record = spans_of("Newcastle upon Tyne", (0, 3), (9, 14), (10, 14), (15, 18))
    assert kept(record) == [(10, 14)]
    assert kept(record, split_words=True) == [(0, 3), (10, 14), (15, 18)]


def test_of_spans_that_overlap_the_first_and_longest_is_kept():
    assert kept(spans_of("a b c d", (0, 1), (0, 3), (2, 5), (4, 7), (0, 3))) == [(0, 3), (4, 7)]


def test_a_text_has_the_answer_of_the_annotator_that_is_named():
    record = spans_of("Rome", (0, 4))
    both = ItemRecord("7", text="Rome", answers=(*record.answers, Answer("bob", objects=())))
    assert FORMAT.reduce(HEADER, both, FORMAT.options).answers[0].annotator == "ada"
    assert FORMAT.reduce(HEADER, both, FORMAT.options | {"annotator": "bob"}).answers[0].objects == ()
    assert FORMAT.reduce(HEADER, both, FORMAT.options | {"annotator": "eve"}) is None


@pytest.mark.parametrize("verdict", ["skip", "unsure"])
def test_texts_without_an_answer_are_left_out(verdict):
    assert FORMAT.reduce(HEADER, ItemRecord("7", text="a", answers=(Answer("ada", verdict, objects=()),)),
                         FORMAT.options) is None


def test_the_file_has_the_lines_of_the_documentation(tmp_path):
    write(FORMAT, HEADER, [spans_of("Ada in New York", (7, 15))], tmp_path / "x.conll")
    assert (tmp_path / "x.conll").read_text("utf-8") == (
        '# labels = ["person","place"]\n# id = 7\n# annotator = ada\n# text = Ada in New York\n'
        "Ada O\nin O\nNew B-place\nYork I-place\n\n")


# -- files of others

def read(tmp_path, text, **options):
    (tmp_path / "y.conll").write_text(text, "utf-8", newline="")
    contents, records = read_back(FORMAT, tmp_path / "y.conll", **options)
    return contents.header, records, contents.lost


def quotes(header, record):
    return [(one.quote, header.name_of(one.label_id)) for one in record.answers[0].objects]


CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
call NN I-NP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER

-DOCSTART- -X- -X- O

Rome NNP I-NP I-LOC
Italy NNP B-NP B-LOC
"""


def test_documents_of_conll_2003_in_iob1(tmp_path):
    header, records, lost = read(tmp_path, CONLL_2003)
    assert [one.text for one in records] == ["EU rejects German call\nPeter Blackburn", "Rome Italy"]
    assert quotes(header, records[0]) == [("EU", "ORG"), ("German", "MISC"), ("Peter Blackburn", "PER")]
    assert quotes(header, records[1]) == [("Rome", "LOC"), ("Italy", "LOC")]
    assert lost.counts() == {"column": 16}


def test_blocks_are_texts_where_there_are_no_documents(tmp_path):
    _, records, _ = read(tmp_path, "EU B-ORG\r\nwins O\r\n\r\nEU B-ORG\r\nwins O\r\n")
    assert [one.text for one in records] == ["EU wins", "EU wins"]
    assert len({one.item_id for one in records}) == 2


def test_spans_that_begin_with_i_are_mended_in_bio_and_counted(tmp_path):
    header, records, lost = read(tmp_path, "a B-X\nb I-Y\nc O\nd I-X\ne I-X\n")
    assert quotes(header, records[0]) == [("a", "X"), ("b", "Y"), ("d e", "X")]
    assert lost.counts() == {"span that was mended": 2}
    _, _, lost = read(tmp_path, "a I-X\nb B-X\n")
    assert lost.counts() == {}
    _, _, lost = read(tmp_path, "a I-X\nb B-X\n", scheme="BIO")
    assert lost.counts() == {"span that was mended": 1}


def test_bilou_and_its_twin_with_e_and_s(tmp_path):
    for text in ("a B-X\nb I-X\nc L-X\nd U-Y\ne B-X\n", "a B-X\nb I-X\nc E-X\nd S-Y\ne B-X\n"):
        header, records, lost = read(tmp_path, text)
        assert quotes(header, records[0]) == [("a b c", "X"), ("d", "Y"), ("e", "X")]
        assert lost.counts() == {"span that was mended": 1}


def test_tags_without_a_label_are_spans(tmp_path):
    header, records, _ = read(tmp_path, "a B\nb I\nc O\n")
    assert quotes(header, records[0]) == [("a b", "span")]


def test_texts_and_ids_of_comments_as_in_conll_u(tmp_path):
    header, records, lost = read(tmp_path, '# sent_id = s-1\n# text = "Hi," he  said\n" O\nHi O\n, O\n" O\nhe B-P\n'
                                           "said O\n\n# sent_id = s-2\n# text = other\n# O\n1 B-P\n")
    assert [(one.item_id, one.text) for one in records] == [("s-1", '"Hi," he  said'), ("s-2", "# 1")]
    assert quotes(header, records[0]) == [("he", "P")]
    assert lost.counts() == {"text of a comment": 1}


def test_escaped_labels_come_back_and_other_percents_stay(tmp_path):
    header, records, _ = read(tmp_path, "a B-two%20words\nb B-100%\nc B-a-b\n")
    assert quotes(header, records[0]) == [("a", "two words"), ("b", "100%"), ("c", "a-b")]


@pytest.mark.parametrize(("text", "message"), [
    ("a B-X\nb\n", "line 2 is 'b'"), ("a PER\n", "line 1 is 'a PER'"), ("", "is empty"), ("a O\n", "no labels"),
    ("# labels = [1]\na B-X\n", "line 1: the labels are"),
    ("# id = 1\na B-X\n\n# id = 1\nb B-X\n", "line 4: '1' is the id"),
    ("a\tO-X\n", "line 1"),
])
def test_a_malformed_file_is_refused_with_its_line(text, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        read(tmp_path, text)


def test_unknown_options_are_refused(tmp_path):
    for more in ({"scheme": "IOB9"}, {"separator": ","}):
        with pytest.raises(BadInput, match="is expected"):
            write(FORMAT, HEADER, [], tmp_path / "x", **more)
