"""Translation of a file's answers into decisions of a project, with the project's labels, attributes and people.

Read `Translator` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, HitlError, UnknownLabel
from ..objects.shapes import Shape, shape
from ..project.evidence import explanation_feedback
from ..project.given_objects import answered_objects
from ..project.names import Pseudonyms, pseudonyms
from ..records import (
    LABELLING,
    MOST_OBJECTS,
    OBJECT_TARGET,
    Decision,
    ObjectAnswer,
    ObjectReason,
    Seen,
    new_id,
    utc_now,
)
from ..taxonomy.label_sets import is_set, members, set_id
from .losses import NOTHING_READ, Losses
from .records import CONSENSUS, Answer, Header, Value

if TYPE_CHECKING:
    from ..project.project import Project


_NO_LABEL = "Its label is none of the project's."


class Translator:
    """Converts the answers of a file to decisions of a project. What can't be imported is counted in `losses`.

    Parameters
    ----------
    project : Project
    header : Header
        The header of the file.
    losses : Losses
    annotator : str
        The annotator of answers for which the file names none.
    rename : mapping of str to str
        The file's name of a label -> the project's.

    Attributes
    ----------
    labels : FileLabels
        The labels of the file, matched with those of the project.
    people : Pseudonyms
        Turns pseudonyms of this project's people in the file back into their names.
    today : Taxonomy
    now : datetime
        The time of answers for which the file has none.
    """

    def __init__(self, project: Project, header: Header, losses: Losses, *, annotator: str,
                 rename: Mapping[str, str]) -> None:
        self._project, self._header, self._losses, self._annotator = project, header, losses, annotator
        self.today, self.labels, self.now = project.taxonomy, FileLabels(project, header, rename), utc_now()
        self._attributes = {one.id: found for one in header.taxonomy.attributes
                            if (found := _attribute(self.today, one)) is not None}
        self._unseen: dict[str | None, Seen] = {}
        self.people = Pseudonyms(pseudonyms(project)).back()

    def decision(self, position: int, item_id: str, answer: Answer) -> Decision | None:
        """Convert an answer to a decision; None if nothing of it can be imported."""
        try:
            return self._made(position, item_id, answer)
        except UnknownLabel:
            raise
        except (BadInput, HitlError) as error:
            raise type(error)(f"item {item_id!r}, the answer of {answer.annotator or self._annotator!r}: {error}"
                              ) from error

    def _made(self, position: int, item_id: str, answer: Answer) -> Decision | None:
        project = self._project
        annotator = self._annotator if answer.annotator in ("", CONSENSUS) else answer.annotator
        annotator = project.who(self.people.of(annotator))
        if answer.note is not None:
            answer = replace(answer, note=project.log.redactions.text(self.people.text(answer.note)))
        decision_id = answer.decision_id or new_id()
        seen, values = self._seen(answer), self.values(answer.values)
        fields = self._labelled(answer, seen, values) if self._header.shape is None else \
            self._objects(position, answer, seen, decision_id)
        if fields is None:
            return None
        touched = None if answer.touched is None else tuple(
            self.labels.ids.get(one, self._attributes.get(one, one)) for one in answer.touched)
        return Decision(id=decision_id, item_id=item_id, annotator=annotator, certainty=answer.certainty,
                        note=answer.note, flags=answer.flags, seen=seen, touched=touched,
                        acted_at=answer.acted_at or self.now, **fields,
                        reasons=self._reasons(position, answer),
                        **explanation_feedback(project.pool, position, reason=answer.reason, wrong=answer.wrong,
                                               missing=answer.missing))

    def _reasons(self, position: int, answer: Answer) -> tuple[ObjectReason, ...]:
        """The judgements of the explanations of single objects, with the label ids of the project."""
        if answer.reasons and self._header.shape is None:
            self._losses.add("reason of an object", "The project asks for no objects.", len(answer.reasons))
            return ()
        return tuple(replace(one, label_id=self.labels.today(one.label_id), **explanation_feedback(
            self._project.pool, position, reason=one.reason, wrong=one.wrong, missing=one.missing))
            for one in answer.reasons)

    def _label_id(self, answer: Answer) -> str | None:
        if answer.label_ids is None or self._project.task == "scale":
            return None
        ids = [self.labels.today(label_id) for label_id in answer.label_ids]
        if self._project.task == "multilabel":
            return set_id(ids)
        if len(ids) > 1:
            raise BadInput(f"it has {len(ids)} labels, and an item of this project has one. Make a project with "
                           "task='multilabel'.")
        return ids[0] if ids else None

    def _labelled(self, answer: Answer, seen: Seen, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The fields of a decision on labels and values; None if a label or a value was expected and there is none."""
        label_id = self._label_id(answer)
        if answer.verdict in LABELLING and label_id is None and not values:
            self._losses.add("answer", "It has no label." if self._project.task != "scale" else "It has no value.")
            return None
        name = None if label_id is None else self.today.name_as_answered(label_id)
        was_shown = seen.suggestion is not None or bool(seen.values)
        verdict = "answer" if answer.verdict in ("accept", "correct") and not was_shown else answer.verdict
        return {"verdict": verdict, "label": name, "label_id": label_id, "values": values}

    # 15 branches: objects may be absent, unreadable, too many, of one id or deleted, each treated in its own way.
    def _objects(self, position: int, answer: Answer, seen: Seen, decision_id: str
                 ) -> dict[str, Any] | None:
        """The fields of a decision on objects; None if the answer has objects but none of them can be imported."""
        if answer.objects is None:
            return answered_objects(self._project, position, None, answer.verdict, seen, self.today, decision_id)
        height, width = self._project.pool.size(position)
        text = self._project.pool.load(position) if self._header.shape == "span" else None
        there = [found for one in answer.objects if one.is_there
                 and (found := self._object(one, (width, height), text, shown=bool(seen.objects))) is not None]
        if not there and answer.verdict != "unsure" and any(one.is_there for one in answer.objects):
            self._losses.add("answer", NOTHING_READ)
            return None
        if len(there) > MOST_OBJECTS:
            raise BadInput(f"it has {len(there):,} objects; {MOST_OBJECTS:,} are possible.")
        if len({one.id for one in there}) < len(there):
            raise BadInput("two of its objects have one id; each needs its own.")
        label_id = set_id(one.label_id for one in there)
        verdict = answer.verdict if answer.verdict == "unsure" or seen.objects else "answer"
        deleted = [replace(one, label_id=self.labels.today(one.label_id), was=self._was(one.was))
                   for one in answer.objects if not one.is_there]
        return {"verdict": verdict, "label": self.today.name_as_answered(label_id), "label_id": label_id,
                "objects": (*there, *deleted), "size": (width, height)}

    def _object(self, one: ObjectAnswer, size: tuple[int, int], text: str | None, *, shown: bool
                ) -> ObjectAnswer | None:
        """Convert an object of the file to an object of the project.

        Returns None if the object can't be imported; it is then counted in the losses.
        """
        label_id = self.labels.today(one.label_id)
        found = self._shape(one, *size)
        if found is None:
            return None
        quote = None if text is None else text[slice(*map(int, found.at))]
        if quote is not None and one.quote is not None and quote != one.quote:
            self._losses.add("object", "Its words aren't those of the text at its place.")
            return None
        more: dict[str, Any] = {"origin": one.origin, "act": one.act, "iou": one.iou, "score": one.score,
                                "was": self._was(one.was)} if shown else {}
        return ObjectAnswer(id=one.id, kind=one.kind, at=found.at, label_id=label_id,
                            label=self.today.name_of(label_id), certainty=one.certainty, unsure=one.unsure,
                            quote=quote, **more)

    def _was(self, was: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if was is None:
            return None
        if (label_id := self._known(was.get("label_id"))) is None:
            self._losses.add("what became of a proposal", "It was proposed with a label that the project doesn't have.")
            return None
        return {**was, "label_id": label_id}

    # 14 branches: boxes and outlines are clipped at each edge of the image; points and spans beyond it are left out.
    def _shape(self, one: ObjectAnswer, width: int, height: int) -> Shape | None:
        """The shape of an object, clipped to the image.

        Returns None if it can't be used: nothing of it lies in the image, a point or a span ends outside of the item,
        or the shape isn't valid. It is then counted in the losses.
        """
        at = one.at
        if one.kind in ("box", "polygon"):
            x, y = at[::2], at[1::2]
            if min(x) < 0 or min(y) < 0 or max(x) > width or max(y) > height:
                sides = (width, height)
                at = tuple(min(max(float(value), 0.0), float(sides[n % 2])) for n, value in enumerate(at))
                x, y = at[::2], at[1::2]
                if max(x) - min(x) <= 0 or max(y) - min(y) <= 0:
                    self._losses.add("object", "It lies outside of its image, or has no area.")
                    return None
                self._losses.add("part of an object", "It lies outside of its image, and was cut off at the border.")
        elif (one.kind == "point" and not (0 <= at[0] <= width and 0 <= at[1] <= height)) \
                or (one.kind == "span" and not at[1] <= width):
            self._losses.add("object", "It lies outside of its item.")
            return None
        try:
            return shape(one.kind, at, certainty=one.certainty)
        except BadInput as error:
            self._losses.add("object", f"It can't be used: {str(error)[:200]}")
            return None

    # 14 branches: each part of what was on the screen is translated where the file has it.
    def _seen(self, answer: Answer) -> Seen:
        """What was on the screen, with the labels of this project; if the file doesn't say, a scripted answer's.

        A suggestion and a proposal whose label the project doesn't have are left out and counted in the losses.
        """
        version = self.today.version
        if not answer.seen:
            if (unseen := self._unseen.get(answer.certainty_source)) is None:
                unseen = self._unseen[answer.certainty_source] = Seen(
                    taxonomy=version, chosen_by="import", scripted=True, certainty=answer.certainty_source)
            return unseen
        body = dict(answer.seen)
        for name, known in (("suggestion", self._known), ("target", self._target), ("against", self._target)):
            if isinstance(label := body.get(name), str):
                body[name] = known(label)
                if name == "suggestion" and body[name] is None:
                    self._losses.add("suggestion that was shown", _NO_LABEL)
        for name, what in (("objects", "proposal that was shown"), ("withheld", "proposal that was withheld")):
            if isinstance(some := body.get(name), (list, tuple)):
                body[name] = [{**one, "label_id": label} for one in some if isinstance(one, Mapping)
                              and (label := self._known(one.get("label_id"))) is not None]
                self._losses.add(what, _NO_LABEL, len(some) - len(body[name]))
        if isinstance(probs := body.get("probs"), Mapping):
            body["probs"] = {label: p for one, p in probs.items() if (label := self._known(one)) is not None}
        if isinstance(given := body.get("values"), Mapping):
            body["values"] = self.values(given)
        if body.get("target") is None or body.get("against") == body.get("target"):
            body.pop("against", None)
        if body.get("suggestion") is None:
            body.pop("planted", None)
        body.pop("repeat_of", None)
        return replace(Seen.from_log(body), taxonomy=version)

    def _known(self, label_id: Any) -> str | None:
        """The project's id of a label that was shown to the annotator; None if the project doesn't have the label."""
        if not isinstance(label_id, str):
            return None
        if is_set(label_id):
            ids = [self.labels.ids.get(one) for one in members(label_id)]
            return None if None in ids else set_id(one for one in ids if one is not None)
        return self.labels.ids.get(label_id)

    def _target(self, target: str) -> str | None:
        """The target of a saliency map (a label, an object, or a value of an attribute), with today's ids."""
        if target.startswith(OBJECT_TARGET):
            return target
        attribute, of, choice = target.partition("=")
        own = self._attributes.get(attribute)
        return self._known(target) if own is None else f"{own}{of}{choice}"

    def values(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Convert the values of attributes to those of the project.

        Values of unknown attributes, and values between two steps of a scale, are left out and counted in the losses.
        Any other value that the attribute can't have raises BadInput.
        """
        found: dict[str, Value] = {}
        for attribute, value in values.items():
            name = self._attributes.get(attribute)
            if name is None:
                self._losses.add("value of an attribute", "The taxonomy has no such attribute; wb.apply("
                                                          "hw.edits.add_attribute(...)) adds it.")
            elif self.today.attribute(name).kind == "ordinal" and isinstance(value, float) and not value.is_integer():
                self._losses.add("value of an attribute", "It lies between two steps of the scale, as what stands over "
                                                          "several people may.")
            else:
                found[name] = self.today.attribute(name).check(value)
        return found


class FileLabels:
    """The labels of a file, matched with those of a project by path, name, former name or id."""

    def __init__(self, project: Project, header: Header, rename: Mapping[str, str]) -> None:
        self.ids: dict[str, str] = {}
        self._header = header
        unknown: list[str] = []
        today = project.taxonomy
        if odd := sorted(set(rename) - set(header.ids)):
            raise BadInput(f"rename names {odd[0]!r}, which isn't a label of the file; it has "
                           f"{', '.join(list(header.ids)[:20])}.")
        for label in header.taxonomy.labels:
            found = _match(project, header, label.id, rename.get(header.names[label.id]))
            if found is not None:
                self.ids[label.id] = found
            elif label.id in header.taxonomy.answerable:
                unknown.append(header.names[label.id])
        self._unknown = set(unknown)
        self._hint = f"The taxonomy v{today.version} has {', '.join(today.names[:20])}. Pass rename={{...}} from the " \
                     "file's names to yours, or add them first: wb.apply(hw.edits.add(name))."

    def today(self, label_id: str) -> str:
        """The project's id of a label of the file; UnknownLabel if it has none."""
        if label_id not in self.ids:
            names = ", ".join(sorted(self._unknown)[:10]) or self._header.name_of(label_id)
            raise UnknownLabel(f"the file has labels that the project doesn't: {names}. {self._hint}")
        return self.ids[label_id]


def _match(project: Project, header: Header, label_id: str, name: str | None) -> str | None:
    """Today's id for a label of a file."""
    today = project.taxonomy
    if name is None:
        own = header.taxonomy.label(label_id)
        if label_id in today.answerable and today.label(label_id).name == own.name:
            return label_id
        name = header.names[label_id]
        for spelt in (header.taxonomy.path(label_id), name):
            if spelt in today and (found := today.label(spelt).id) in today.answerable:
                return found
    try:
        return project.lineage.answer(name).id
    except UnknownLabel:
        return label_id if label_id in today.answerable else None


def _attribute(today: Any, one: Any) -> str | None:
    for name in (one.name, one.id):
        try:
            return str(today.attribute(name).id)
        except HitlError:
            continue
    return None
