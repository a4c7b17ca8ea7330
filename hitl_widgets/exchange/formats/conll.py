r"""CoNLL: a word and its tag on each line, as in CoNLL-2003, a block of lines for each text. Read `FORMAT`.

A text is cut into words as `items.tokens` does it, and a block ends with an empty line::

    # labels = ["person","place"]
    # id = 17
    # annotator = ada
    # text = Ada met Grace in Rome.
    Ada B-person
    met O

- ``scheme`` is "BIO" (B begins every span), "IOB1" (B only where a span follows another of the same label) or
  "BILOU" (L is the last word, U the only one). In reading it is detected; words are grouped into spans as by conlleval,
  and spans that the scheme would write differently are counted.
- ``# labels`` (in the first block, a JSON list of label names, each with its parents' names and " / " before it),
  ``# id``, ``# annotator`` and ``# text`` are comments as in CoNLL-U. Texts that aren't plain, for example with a line
  break, are quoted as in JSON. With comments, everything is read back exactly. ``comments=False`` leaves them out for
  tools that don't support them: then ids are lost, and words are joined by single blanks.
- In a tag, white space and % in a label's name are percent-encoded, as in URLs; hyphens stay, since the prefix of a tag
  ends at the first one.

A text has one answer: that of ``annotator=``, else the first. Spans don't overlap: of two that do, the one that begins
first is kept, or the longer one if both begin together. A span that begins or ends inside a word or in white space is
left out and counted, never moved; ``split_words=True`` cuts words there instead.

Reading takes files that others made: the word is the first column and the tag the last one. Without comments, a text is
made of its words, joined by blanks. With ``-DOCSTART-`` lines each document is a text, with its sentences on separate
lines; without them each block is a text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from ...errors import BadInput, TaxonomyError
from ...items.tokens import tokens
from ...records import LABELLING, ObjectAnswer, is_text
from ...taxonomy.labels import Label, Taxonomy, label_id_of
from ...taxonomy.yaml import SEPARATOR
from ..carried import with_labels
from ..files import Source, Target, json_text
from ..format import Contents, Format, Options
from ..losses import Losses
from ..records import Answer, Header, ItemRecord

SCHEMES = ("BIO", "IOB1", "BILOU")
SEPARATORS = (" ", "\t")
# The label of a tag without one.
UNNAMED = "span"
_COMMENT = re.compile(r"# ?([A-Za-z_]+(?: id)?) = ?(.*)", re.DOTALL)
_TAG = re.compile(r"(?:O|[BILUESM](?:-.*)?)\Z", re.DOTALL)
_COLUMNS = re.compile(r"[ \t]+")
_DOCUMENT = "-DOCSTART-"

Span = tuple[int, int, str]


# -- writing -------------------------------------------------------------------------------------------------

def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """The spans of one answer that fit whole words and don't overlap; None without an answer."""
    who, text = options["annotator"], record.text
    answer = next((one for one in record.answers if who in (None, one.annotator)), None)
    if answer is None or answer.verdict not in LABELLING or answer.objects is None or text is None \
            or not is_text(text.replace("\0", "")):
        return None
    kept = _beside_each_other(answer.with_plain_objects().objects or (), text, split_words=bool(options["split_words"]))
    plain = Answer(answer.annotator, "answer", objects=kept)
    if options["comments"]:
        return ItemRecord(record.item_id, size=record.size, text=text, answers=(plain,))
    return _joined(ItemRecord(record.item_id, size=record.size, text=text, answers=(replace(plain, annotator=""),)))


def _beside_each_other(objects: Iterable[ObjectAnswer], text: str, *, split_words: bool) -> tuple[ObjectAnswer, ...]:
    """The spans that tags of words can hold, ascending; of two that overlap, the first one."""
    words = tokens(text).tolist()
    starts, ends = {start for start, _ in words}, {end for _, end in words}
    kept: list[ObjectAnswer] = []
    for one in sorted(objects, key=lambda one: (one.at[0], -one.at[1])):
        start, end = int(one.at[0]), int(one.at[1])
        fits = (start in starts and end in ends) or (
            split_words and not text[start].isspace() and not text[end - 1].isspace())
        if fits and (not kept or kept[-1].at[1] <= start):
            kept.append(one)
    return tuple(kept)


def _joined(record: ItemRecord) -> ItemRecord:
    """A record with its words joined by single blanks, and its spans moved with the words."""
    text, objects = str(record.text), record.answers[0].objects or ()
    places: dict[int, int] = {}
    words: list[str] = []
    at = 0
    cut = _words(text, [one.at for one in objects])
    for start, end in cut:
        places[start], places[end] = at, at + end - start
        words.append(text[start:end])
        at += end - start + 1
    joined = " ".join(words)
    moved = []
    for one in objects:
        # `places` can't give the end: it may also be the start of the next word, which has moved on by a blank.
        start = places[int(one.at[0])]
        n_words = sum(one.at[0] <= begin < one.at[1] for begin, _ in cut)
        end = start + len(" ".join(joined[start:].split(" ")[:n_words]))
        moved.append(replace(one, at=(start, end), quote=joined[start:end]))
    return replace(record, text=joined, size=None if record.size is None else (len(joined), 1),
                   answers=(replace(record.answers[0], objects=tuple(moved)),))


def _words(text: str, spans: Iterable[Sequence[float]]) -> list[tuple[int, int]]:
    """The words of a text, cut where a span begins or ends inside one."""
    cuts = sorted({int(place) for at in spans for place in at})
    found: list[tuple[int, int]] = []
    for start, end in tokens(text).tolist():
        found += pairwise([start, *(cut for cut in cuts if start < cut < end), end]) if cuts else [(start, end)]
    return found


def reduce_header(header: Header, options: Options) -> Header:
    """The labels and their parents without descriptions; no attributes."""
    taxonomy = header.taxonomy
    return replace(header.without("history", "about"), taxonomy=Taxonomy(
        [Label(one.id, one.name, parent=one.parent) for one in taxonomy.labels],
        inner_answers=taxonomy.inner_answers))


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write a block for each record."""
    _check(options)
    first = True
    with target.text() as file:
        for record in records:
            answer, text = record.answers[0], str(record.text)
            lines = _comments(header, record, first=first) if options["comments"] else []
            spans = [(int(one.at[0]), int(one.at[1]), escaped(header.name_of(one.label_id)))
                     for one in answer.objects or ()]
            words = _words(text, [one[:2] for one in spans])
            separator = options["separator"]
            lines += [f"{text[start:end]}{separator}{tag}" for (start, end), tag in zip(
                words, tags(words, spans, options["scheme"] or "BIO"), strict=True)]
            if first and lines and lines[0].startswith("\ufeff"):
                file.write("\n")  # at the beginning of a file, U+FEFF would be read as a byte order mark
            file.write("\n".join(lines) + "\n\n" if lines else "")
            first = False


def _comments(header: Header, record: ItemRecord, *, first: bool) -> list[str]:
    """The lines above a record's words; above the first record those of the labels too."""
    lines = []
    if first:
        labels = [header.taxonomy.path(label.id) for label in header.taxonomy.labels]
        lines.append(f"# labels = {json_text(labels)}")
    if first and header.taxonomy.inner_answers:
        lines.append("# inner_answers = true")
    lines.append(f"# id = {quoted(record.item_id)}")
    if annotator := record.answers[0].annotator:
        lines.append(f"# annotator = {quoted(annotator)}")
    return [*lines, f"# text = {quoted(str(record.text))}"]


def _check(options: Options) -> None:
    for name, known in (("scheme", (None, *SCHEMES)), ("separator", SEPARATORS), ("comments", (True, False)),
                        ("split_words", (True, False))):
        if options[name] not in known:
            raise BadInput(f"{name} is {options[name]!r:.40}; one of {', '.join(map(repr, known))} is expected.")


def tags(words: Sequence[tuple[int, int]], spans: Iterable[Span], scheme: str) -> list[str]:
    """The tag of each word.

    Parameters
    ----------
    words : sequence of (int, int)
        Where each begins and ends, ascending.
    spans : iterable of (int, int, str)
        Start, end and label; they begin and end with words, and don't overlap.
    scheme : "BIO", "IOB1" or "BILOU"

    Examples
    --------
    >>> words = [(0, 3), (4, 8), (9, 12)]
    >>> tags(words, [(0, 8, "PER"), (9, 12, "PER")], "BIO"), tags(words, [(0, 8, "PER"), (9, 12, "PER")], "BILOU")
    (['B-PER', 'I-PER', 'B-PER'], ['B-PER', 'L-PER', 'U-PER'])
    """
    found = ["O"] * len(words)
    at = {start: n for n, (start, _) in enumerate(words)}
    before = -1, ""
    for start, end, label in sorted(spans):
        first = last = at[start]
        while words[last][1] < end:
            last += 1
        begins = "I" if scheme == "IOB1" and before != (first - 1, label) else "B"
        for n in range(first, last + 1):
            prefix = begins if n == first else "I"
            if scheme == "BILOU" and n == last:
                prefix = "U" if n == first else "L"
            found[n] = f"{prefix}-{label}"
        before = last, label
    return found


def quoted(text: str) -> str:
    r"""A text on one line: as it is, or as JSON where it isn't plain.

    Examples
    --------
    >>> print(quoted("two words"), quoted("two\nlines"))
    two words "two\nlines"
    """
    plain = text and text == text.strip() and not text.startswith('"') and len(text.splitlines()) == 1 \
        and "\0" not in text
    return text if plain else json.dumps(text, ensure_ascii=not is_text(text.replace("\0", "")))


def escaped(name: str) -> str:
    """A label's name without white space, as a tag has it."""
    return "".join("".join(f"%{byte:02X}" for byte in one.encode()) if one.isspace() or one == "%" else one
                   for one in name)


# -- reading -------------------------------------------------------------------------------------------------

@dataclass
class _Block:
    """Consecutive lines, up to an empty line or the beginning of a document.

    Attributes
    ----------
    where : str
        File and line, for messages.
    comments : dict
    words, tags : list of str
    starts : bool
        Whether a document begins with it.
    """

    where: str
    comments: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    starts: bool = False

    @property
    def is_told(self) -> bool:
        """Whether the block is a text of its own, according to its comments."""
        return bool({"id", "text", "sent_id"} & self.comments.keys())


def read(source: Source, options: Options) -> Contents:
    """Read a file of words and tags. It is read twice: for its labels and tagging scheme, then for its texts."""
    _check(options)
    lost, found = Losses(), _Found()
    for block in _blocks(source, Losses()):
        found.look(block)
    if not found.n_blocks:
        raise BadInput(f"{source.path} is empty; a word and its tag on each line are expected.")
    scheme = options["scheme"] or found.scheme
    header = found.header(str(source.path))
    by_tag = {} if header is None else {escaped(name): name for name in header.ids}
    names = [by_tag.setdefault(label, _unescaped(label)) for label in found.labels]
    try:
        header = with_labels(header, "spans", "text", names)
    except BadInput as error:
        raise BadInput(f"{source.path}: {error}") from error
    reader = _Reader(header, by_tag, scheme, lost)
    return Contents(header, reader.records(_texts(_blocks(source, lost), joined=found.has_documents)), lost)


def _blocks(source: Source, lost: Losses) -> Iterator[_Block]:
    """The blocks of a file; a line that begins a document also ends a block."""
    block: _Block | None = None
    starts, last = False, 0
    for number, line in source.lines():
        if block is not None and number > last + 1:
            yield block
            block = None
        last = number
        where = f"{source.path}, line {number:,}"
        if _COLUMNS.split(line.strip(" \t"))[0] == _DOCUMENT:
            if block is not None:
                yield block
            block, starts = None, True
            continue
        if block is None:
            block, starts = _Block(where, starts=starts), False
        _add_line(block, line, where, lost)
    if block is not None:
        yield block


def _add_line(block: _Block, line: str, where: str, lost: Losses) -> None:
    """Add a word with its tag, or a comment."""
    if line.startswith("#") and not block.words and (comment := _COMMENT.match(line)):
        block.comments[comment[1]] = comment[2]
        return
    columns = _COLUMNS.split(line.strip(" \t"))
    if len(columns) > 1 and _TAG.match(columns[-1]):
        lost.add("column", "Only the first column, the word, and the last one, its tag, are read.", len(columns) - 2)
        block.words.append(columns[0])
        block.tags.append(columns[-1])
    elif line.startswith("#"):
        lost.add("comment", "It says nothing of labels that is known here.")
    else:
        raise BadInput(f"{where} is {line!r:.80}; a word and its tag, O or one such as B-PER, are expected, with a "
                       "blank or a tab between.")


def _texts(blocks: Iterable[_Block], *, joined: bool) -> Iterator[list[_Block]]:
    """Group the blocks of a file by text.

    A block is a text of its own, unless `joined` is true: then the blocks of a document are one text, except those
    that are a text according to their comments.
    """
    waiting: list[_Block] = []
    for block in blocks:
        if waiting and (block.starts or block.is_told or not joined):
            yield waiting
            waiting = []
        waiting.append(block)
        if block.is_told:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _parts(tag: str) -> tuple[str, str]:
    """Prefix and label of a tag; "O" and "" of a word outside of every span."""
    prefix, _, label = tag.partition("-")
    return prefix, "" if tag == "O" else label or UNNAMED


def chunks(some: Sequence[str]) -> list[tuple[int, int, str, bool]]:
    """Spans of words, as conlleval reads tags of any scheme.

    Returns
    -------
    list of (int, int, str, bool)
        First word, the word after the last one, label, and whether a tag says that it begins there (B, U or S).

    References
    ----------
    Tjong Kim Sang and Buchholz (2000), Introduction to the CoNLL-2000 Shared Task: Chunking; its script conlleval.
    """
    found: list[tuple[int, int, str, bool]] = []
    before = "O", ""
    for n, (prefix, label) in enumerate(map(_parts, some)):
        if prefix != "O":
            if prefix in "BUS" or before[0] in "OLEUS" or before[1] != label:
                found.append((n, n + 1, label, prefix in "BUS"))
            else:
                found[-1] = found[-1][0], n + 1, label, found[-1][3]
        before = prefix, label
    return found


class _Found:
    """Findings of a first pass: labels, signs of the scheme, whether there are documents."""

    def __init__(self) -> None:
        self._given: list[str] | None = None
        self._inner_answers = False
        self.labels: dict[str, None] = {}
        self.n_blocks = 0
        self.has_documents = False
        self._prefixes, self._signs = set[str](), Counter[str]()

    def look(self, block: _Block) -> None:
        """Take the findings of a block into account."""
        self.n_blocks += 1
        self.has_documents |= block.starts
        if (given := block.comments.get("labels")) is not None:
            try:
                names = json.loads(given)
            except (ValueError, RecursionError):
                names = None
            if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
                raise BadInput(f"{block.where}: the labels are {given!r:.80}; a list of names in JSON is expected.")
            if self._given not in (None, names):
                raise BadInput(f"{block.where} has other labels than a block above: two files were joined. Import one "
                               "after the other.")
            self._given, self._inner_answers = names, "inner_answers" in block.comments
        self._prefixes |= {tag[0] for tag in block.tags}
        end, label = -1, ""
        for start, stop, name, is_begun in chunks(block.tags):
            self.labels[name] = None
            if not is_begun:
                self._signs["I first"] += 1
            elif (start, name) != (end, label):
                self._signs["B first"] += 1
            end, label = stop, name

    def header(self, where: str) -> Header | None:
        """The labels that a comment lists by their paths; None without such a comment."""
        if not self._given:
            return None
        ids: dict[str, str] = {}
        for path in self._given:
            ids[path] = label_id_of(path.split(SEPARATOR), ids.values())
        try:
            labels = [Label(ids[path], name, parent=ids.get(above)) for path in self._given
                      for above, _, name in [path.rpartition(SEPARATOR)]]
            return Header("spans", "text", Taxonomy(labels, inner_answers=self._inner_answers))
        except TaxonomyError as error:
            raise BadInput(f"{where}: {error}") from error

    @property
    def scheme(self) -> str:
        """The scheme in which spans are written, inferred from the tags."""
        if self._prefixes & set("LUES"):
            return "BILOU"
        return "IOB1" if self._signs["I first"] and not self._signs["B first"] else "BIO"


class _Reader:
    """Makes records from blocks."""

    def __init__(self, header: Header, by_tag: dict[str, str], scheme: str, lost: Losses) -> None:
        self._header, self._by_tag, self._scheme, self._lost = header, by_tag, scheme, lost
        self._ids = Counter[str]()

    def records(self, some: Iterable[list[_Block]]) -> Iterator[ItemRecord]:
        """A record for each text."""
        for blocks in some:
            text = ""
            objects: list[ObjectAnswer] = []
            for block in blocks:
                text += "\n" if text else ""
                part, places = self._text(block)
                for first, stop, label, _ in self._spans(block):
                    start, end = len(text) + places[first][0], len(text) + places[stop - 1][1]
                    name = self._by_tag[label]
                    objects.append(ObjectAnswer(f"s{len(objects)}", "span", (start, end), self._header.ids[name], name,
                                                quote=part[start - len(text):end - len(text)]))
                text += part
            who = unquoted(blocks[0].comments.get("annotator", ""))[0].strip()[:200]
            yield ItemRecord(self._id(blocks[0], text), size=(len(text), 1), text=text,
                             answers=(Answer(who if is_text(who) else "", objects=tuple(objects)),))

    def _id(self, block: _Block, text: str) -> str:
        """The text's id: from a comment, else a hash of the text, since a running number could be another text's id."""
        given = block.comments.get("id") or block.comments.get("sent_id")
        if given and (item_id := unquoted(given)[0]):
            wanted = item_id
        else:
            wanted = f"text:{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
        self._ids[wanted] += 1
        if self._ids[wanted] == 1:
            return wanted
        if given:
            raise BadInput(f"{block.where}: {wanted!r:.80} is the id of another text above; ids are unique.")
        return f"{wanted}-{self._ids[wanted]}"

    def _text(self, block: _Block) -> tuple[str, list[tuple[int, int]]]:
        """The text of a block, and where its words are in it."""
        if (given := block.comments.get("text")) is not None:
            for text in unquoted(given):
                if (places := _places(text, block.words)) is not None:
                    return text, places
            self._lost.add("text of a comment", "It isn't made of the words below it, which were joined by blanks.")
        text = " ".join(block.words)
        return text, _places(text, block.words) or []

    def _spans(self, block: _Block) -> Iterator[tuple[int, int, str, bool]]:
        """The spans of a block; those that the scheme would write differently are counted."""
        end, before = -1, ""
        found = chunks(block.tags)
        for start, stop, label, is_begun in found:
            prefixes = "".join(tag[0] for tag in block.tags[start:stop])
            if self._scheme == "BILOU":
                sound = re.fullmatch("[US]|B[IM]*[LE]", prefixes) is not None
            elif self._scheme == "IOB1":
                sound = is_begun == ((start, label) == (end, before))
            else:
                sound = is_begun
            if not sound:
                self._lost.add("span that was mended", f"Its tags aren't {self._scheme}; they were taken together as "
                                                       "conlleval does.")
            end, before = stop, label
            yield start, stop, label, is_begun


def _places(text: str, words: Iterable[str]) -> list[tuple[int, int]] | None:
    """Places of consecutive words in a text; None if anything but white space lies between them."""
    found: list[tuple[int, int]] = []
    at = 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(word)
        found.append((start, at))
    return None if text[at:].strip() else found


def unquoted(written: str) -> list[str]:
    """Texts from which `quoted` may have made a line, the likeliest first: quotation marks may belong to the text."""
    if written.startswith('"'):
        try:
            text = json.loads(written)
        except (ValueError, RecursionError):
            return [written]
        if isinstance(text, str):
            return [text, written]
    return [written]


def _unescaped(label: str) -> str:
    """A label's name, if `escaped` made the tag from it; else the label as in the tag."""
    name: Any = unquote(label)
    return name if escaped(name) == label else label


FORMAT = Format(
    name="conll", title="CoNLL", tasks=("spans",), folder=False, suffixes=(".conll", ".bio", ".iob", ".iob2"),
    kinds=("text",), holds_unanswered=False,
    cannot_hold="Spans that overlap or don't begin and end with words, more than one answer to a text, unsure answers, "
                "certainty, notes, metadata, and what labels mean.",
    reduce=reduce, reduce_header=reduce_header, write=write, read=read,
    options={"scheme": None, "separator": " ", "comments": True, "annotator": None, "split_words": False},
    why={"object": "It overlaps another one, or begins or ends inside a word or in white space; split_words=True cuts "
                   "words. Without comments, places change with the white space.",
         "item": "A text without an answer would read as one in which there is nothing.",
         "answer": "A text has one answer; annotator= says whose.",
         "verdict": "A text has one answer; an unsure one or a skip is none.",
         "that objects were looked for": "A text has one answer; annotator= says whose.",
         "text": "Without comments, words are joined by single blanks.",
         "deleted proposal": "Tags say what is there."},
    otherwise="A word has a tag, and nothing else.")
