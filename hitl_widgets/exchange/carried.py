"""Complete records of this package inside the files of other tools. Read `carried` and `Carrier`.

Some tools keep JSON keys that they don't know. So each line of such a file has the whole record under the key `KEY` (as
`plain_records` writes it), and the first line also has the project's header. A hash of the tool's own fields shows
whether somebody changed them after the export. If so, the tool's fields are read, and the answer under `KEY` isn't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from ..errors import BadInput
from ..taxonomy.labels import Label, Taxonomy, label_id_of
from .files import json_text
from .label_names import named_labels, sound_name
from .losses import Losses
from .plain_records import header_from_dict, header_to_dict, record_from_dict, record_to_dict
from .records import Answer, Header, ItemRecord

KEY = "hitl"
CHANGED = "The answer was changed in the other tool, so notes, certainty and so on of the former answer aren't kept."

# File and line (for messages), and the line's content.
Line = tuple[str, dict[str, Any]]


def digest(own: Mapping[str, Any]) -> str:
    """A hash of a tool's own fields, 16 hexadecimal digits."""
    try:
        text = json_text(own)
    except ValueError:  # NaN, which we never write
        text = ""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def carried(header: Header, record: ItemRecord, answer: Answer | None, own: Mapping[str, Any], *, first: bool,
            project: bool) -> dict[str, Any]:
    """Build the value of `KEY` for a line.

    Parameters
    ----------
    header : Header
    record : ItemRecord
    answer : Answer or None
        The answer in this line.
    own : mapping
        The tool's own fields for the same item and answer.
    first : bool
        Whether it is the item's first line, which carries everything that isn't about an answer.
    project : bool
        Whether it is the file's first line, which carries the header.
    """
    part = record.without("text") if first else ItemRecord(record.item_id)
    body: dict[str, Any] = {"item": record_to_dict(header, replace(part, answers=() if answer is None else (answer,))),
            "of": digest(own)}
    if first:
        body["first"] = True
    return body | ({"project": header_to_dict(header)} if project else {})


@dataclass
class Carrier:
    """Reads the records that lines have under `KEY`.

    Parameters
    ----------
    lost : Losses
    header : Header or None
        Header of the project that wrote the file; None until a line with one is read.
    """

    lost: Losses
    header: Header | None = None

    def look(self, line: Mapping[str, Any], where: str) -> None:
        """Store the header of a line, if it has one; raise BadInput if an earlier line had a different one."""
        body = line.get(KEY)
        if not isinstance(body, Mapping) or "project" not in body:
            return
        header = header_from_dict(body["project"], f"{where}, {KEY}.project")
        if self.header is not None and header_to_dict(header) != header_to_dict(self.header):
            raise BadInput(f"{where} is the first line of another export: two files were joined. Import one after the "
                           "other.")
        self.header = header

    def read(self, line: Mapping[str, Any], own: Mapping[str, Any], where: str) -> tuple[ItemRecord | None, bool]:
        """Read the record that a line has under `KEY`, and whether the tool's own fields are as we wrote them.

        Returns
        -------
        ItemRecord or None, bool
            None for a line without such a record. The record has no answer if the fields were changed.
        """
        body = line.get(KEY)
        if self.header is None or not isinstance(body, Mapping) or not isinstance(body.get("item"), Mapping):
            return None, False
        record = record_from_dict(self.header, body["item"], f"{where}, {KEY}.item", self.lost)
        if body.get("of") == digest(own):
            return record, True
        self.lost.add("what stood beside an answer", CHANGED, len(record.answers))
        return replace(record, answers=()), False


def with_labels(header: Header | None, task: str, kind: str, names: Iterable[str]) -> Header:
    """The header of a file, with a label for each name.

    It is `header`, extended by labels for new names; without a header, it is made from the names.

    Raises
    ------
    BadInput
        When there are no labels at all.
    """
    if header is None:
        if not (given := list(names)):
            raise BadInput("the file has no labels: nothing in it was labelled. Pass the texts or images to "
                           "hw.Workbench with labels of your own.")
        labels = named_labels(given)
        return Header(task, kind, labels.taxonomy, called={label_id: name for name, label_id in labels.ids.items()})
    new = [name for name in dict.fromkeys(names) if name not in header.ids]
    if not new:
        return header
    taxonomy = header.taxonomy
    taken = {label.id for label in taxonomy.labels} | taxonomy.former_ids
    top = {label.name for label in taxonomy.labels if label.parent is None}
    added: list[Label] = []
    called = dict(header.called)
    last: dict[str, int] = {}  # names that become equal are numbered
    for name in new:
        sound = sound_name(name).replace(" / ", "/")[:190]
        n, free = last.get(sound, 1), sound
        while free in top:
            n += 1
            free = f"{sound} ({n})"
        last[sound] = n
        label_id = label_id_of((free,), taken)
        added.append(Label(label_id, free))
        taken.add(label_id)
        top.add(free)
        called[label_id] = name
    return replace(header, called=called, taxonomy=Taxonomy(
        [*taxonomy.labels, *added], version=taxonomy.version, inner_answers=taxonomy.inner_answers,
        former_ids=taxonomy.former_ids, attributes=taxonomy.attributes))


def by_item(lines: Iterable[Line], counts: Counter[str], key_of: Callable[[dict[str, Any]], str | None]
            ) -> Iterator[tuple[str, list[Line]]]:
    """Yield each item and all its lines, which may be anywhere in the file, once the last of them is read.

    Parameters
    ----------
    lines : iterable
        File and line, and content of each.
    counts : Counter
        How many lines each item has.
    key_of : callable
        A line -> its item; None for a line that is left out.
    """
    waiting: dict[str, list[Line]] = {}
    for where, line in lines:
        if (key := key_of(line)) is None:
            continue
        waiting.setdefault(key, []).append((where, line))
        if len(waiting[key]) == counts[key]:
            yield key, waiting.pop(key)
