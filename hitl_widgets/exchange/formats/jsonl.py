"""JSON Lines of this package: all of a project's labels with all their details, a line for each item. Read `FORMAT`.

The first line is the header: ``format`` ("hitl_widgets"), ``version`` (of these fields, 1), ``task``, ``kind`` ("image"
or "text"), ``taxonomy`` (as `Taxonomy.to_dict` writes it: labels with id, name, parent and description; attributes),
``history`` (the edits of the taxonomy) and ``about``. Each line after it is an item. What is None or empty is left out.

An item has ``item_id``; ``name`` (of its file); ``size`` ([width, height]; for a text [characters, 1]); ``text``;
``split`` ("train" or "holdout"); ``metadata``; ``gold`` (``label_ids``, ``labels`` and ``values``); ``answers``; and
``predictions`` (``model``, ``probs``: label id -> probability, ``objects``).

An answer has ``annotator`` ("consensus" for what stands over all of them); ``verdict``; ``labels`` (names that are
unique in the taxonomy: the path where two labels have one name) and ``label_ids`` (in a file made by hand either is
enough); ``certainty`` (0 to 10) and ``certainty_source``; ``flags``; ``note``; ``acted_at`` (ISO form, UTC);
``status`` (left out where it is "decided"); ``values`` (attribute id -> value); ``objects`` (id, kind, at, label_id,
label, and where there are some certainty, unsure, origin, act, iou, score, was, quote); ``reason``; ``wrong`` and
``missing`` (regions: size as [height, width], and runs); ``reasons`` (the same of single objects: id, reason, at,
label_id, and where there are some wrong, missing, method, display); ``seen`` (what was on the screen); ``decision_id``;
``touched``; ``first`` (what was answered before a suggestion was shown); ``as_decided`` ([label_id, label, version of
the taxonomy] as they were then); and for a consensus ``share``, ``n_answers`` and ``votes``, which are answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ...errors import BadInput
from ...records import TASKS
from ..files import Source, Target, json_text
from ..format import Contents, Format, Options
from ..losses import Losses
from ..plain_records import header_from_dict, header_to_dict, record_from_dict, record_to_dict
from ..records import Header, ItemRecord


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord:
    """The record as it is: nothing is lost."""
    return record


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write the header, and a line for each record."""
    with target.text() as file:
        file.write(line_of(header_to_dict(header), "the project"))
        for record in records:
            file.write(line_of(record_to_dict(header, record), f"item {record.item_id!r:.80}"))


def line_of(body: object, what: str) -> str:
    """A line of JSON; BadInput, with `what` in its message, for a value that JSON can't hold."""
    try:
        line = json_text(body)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{what} can't be written as JSON: {error}. Texts, finite numbers, lists and mappings are "
                       "expected, in its metadata too.") from error
    try:
        line.encode()
    except UnicodeEncodeError:  # an unpaired surrogate, which JSON can escape
        line = json.dumps(body, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return line + "\n"


def read(source: Source, options: Options) -> Contents:
    """Read what `write` wrote; the header at once, the records one after the other."""
    path, lost = source.file(), Losses()
    lines = source.json_lines()
    number, first = next(lines, (1, {}))
    header = header_from_dict(first, f"{path}, line {number:,}")

    def records() -> Iterator[ItemRecord]:
        before = set[str]()
        for number, body in lines:
            record = record_from_dict(header, body, f"{path}, line {number:,}", lost)
            if record.item_id in before:
                raise BadInput(f"{path}, line {number:,} is about item {record.item_id!r:.80}, as a line above it is; "
                               "an item has one line. Join them.")
            before.add(record.item_id)
            yield record
    return Contents(header, records(), lost)


FORMAT = Format(
    name="jsonl", title="JSON Lines", tasks=TASKS, folder=False, suffixes=(".jsonl", ".ndjson"),
    cannot_hold="Nothing is lost.", reduce=reduce, write=write, read=read)
