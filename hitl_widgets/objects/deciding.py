"""Decisions on objects: which proposals were accepted, changed or deleted, and which objects were added.

This depends only on what was on the screen and on the objects that the annotator left. Read `judge_objects` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from ..errors import BadInput
from ..records import MOST_OBJECTS, VERDICTS, Decision, KindOfShape, ObjectAnswer, ObjectReason, Proposal, Seen
from .overlap import iou_pair
from .shapes import Shape, as_shape, inside, shape

# Coordinates are sent with two decimals: a proposal that differs by no more wasn't moved.
SAME = 0.0101


def given_shapes(objects: Iterable[Any], kind: str, size: tuple[int, int], *, decision_id: str) -> list[Shape]:
    """Check the objects that an annotator gave, each with an id.

    Parameters
    ----------
    objects : iterable
        Each as `shapes.as_shape` takes it.
    kind : str
        The kind of object that the project asks for.
    size : (int, int)
        Width and height of the image.
    decision_id : str
        Ids of new objects are made from it, so that a decision that is sent twice has the same ids.

    Raises
    ------
    BadInput
        If one is invalid or lies outside the image, or an id occurs twice.
    """
    if isinstance(objects, (str, bytes, Mapping)) or not isinstance(objects, Iterable):
        raise BadInput(f"objects is {objects!r:.80}; a list of hw.{kind.capitalize()}(...) is expected, empty where "
                       "there are none.")
    objects = list(objects)
    if len(objects) > MOST_OBJECTS:
        item, parts = ("text", "parts") if kind == "span" else ("image", "tiles")
        raise BadInput(f"{len(objects):,} objects were given for one {item}; {MOST_OBJECTS:,} are possible. Cut the "
                       f"{item} into {parts}, or leave out those with a low score.")
    shapes = [inside(as_shape(one, kind), *size) for one in objects]
    ids = [one.id or f"{decision_id[:60]}.{place}" for place, one in enumerate(shapes)]
    if len(set(ids)) < len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise BadInput(f"two objects have the id {twice!r}; each needs its own, or none to get a new one.")
    return [shape(one.kind, one.at, label=one.label, certainty=one.certainty, unsure=one.unsure, id=id)
            for one, id in zip(shapes, ids, strict=True)]


def judge_objects(given: Sequence[Shape], seen: Seen, *, size: tuple[int, int],
                  name_of: Callable[[str], str], text: str | None = None) -> tuple[ObjectAnswer, ...]:
    """Find out what the annotator did with each object: accepted, moved, relabelled, added or deleted it.

    Objects are matched with the model's proposals by id. An object without a visible proposal was added, and a visible
    proposal without an object was deleted.

    Parameters
    ----------
    given : sequence of Box, Polygon, Point or Span
        The annotator's objects, each with an id, and with a label_id as label.
    seen : Seen
        What was on the screen. If proposals were hidden, all objects count as added.
    size : (int, int)
        Width and height of the image.
    name_of : callable
        Takes a label_id and returns the name of the label.
    text : str or None
        The text, if the item is a text; it is used to add the quoted words to each span.

    Returns
    -------
    tuple of ObjectAnswer
        The given objects in the same order, then the deleted proposals in the order of `seen`.
    """
    before = {str(one["id"]): one for one in seen.objects if not seen.hidden or _origin(one) == "person"}
    answers = [_judged(one, before.get(str(one.id)), size, name_of) for one in given]
    left = {one.id for one in answers}
    gone = [one for id, one in before.items() if id not in left and _origin(one) == "model"]
    answers += [_deleted(one, name_of) for one in gone]
    return tuple(answers if text is None else [replace(one, quote=text[slice(*map(int, one.at))]) for one in answers])


def judge_reasons(reasons: Any, objects: Iterable[ObjectAnswer], seen: Seen,
                  check: Callable[..., Mapping[str, Any]]) -> tuple[ObjectReason, ...]:
    """Make an `ObjectReason` for each object whose explanation an annotator judged.

    Parameters
    ----------
    reasons : mapping
        Id of an object, or of a proposal that was deleted -> "right", "wrong", or a mapping of reason, wrong, missing,
        method and display: see `ObjectReason`.
    objects : iterable of ObjectAnswer
        The decision's objects.
    seen : Seen
        What was on the screen. An explanation is always about the original proposal, even if the object was changed.
    check : callable
        Checks reason, wrong and missing, and returns them as in an `ObjectReason`.

    Raises
    ------
    BadInput
        If there is no such object, or the judgement of it is invalid.
    """
    if not isinstance(reasons, Mapping):
        raise BadInput(f"reasons is {reasons!r:.80}; a mapping is expected, of an object's id to 'wrong', 'right' or a "
                       "mapping with reason, wrong and missing.")
    explained = {one.id: (one.at, one.label_id) for one in objects}
    for one in seen.objects:
        former = one.get("was") or one
        explained[str(one["id"])] = tuple(former["at"]), former["label_id"]
    judged = []
    for id, given in reasons.items():
        if id not in explained:
            raise BadInput(f"a reason was given for object {id!r:.80}, which is neither among the objects nor was it "
                           f"proposed; there are {', '.join(map(repr, [*explained][:5])) or 'none'}. An object that "
                           "you add gets an id of yours by hw.Box(..., id='a').")
        of = {"reason": None, "wrong": None, "missing": None, "method": None, "display": None}
        said = given if isinstance(given, Mapping) else {"reason": given}
        if odd := sorted(map(str, set(said) - set(of))):
            raise BadInput(f"the reason of object {id!r} has {', '.join(odd)[:80]}; {', '.join(of)} are known.")
        of |= said
        at, label_id = explained[id]
        judged.append(ObjectReason(id, at=at, label_id=label_id, method=of.pop("method"), display=of.pop("display"),
                                   **check(**of)))
    return tuple(judged)


# 15 branches: a verdict may be given or follow from the objects, and each contradiction has its own message.
def verdict_of(verdict: str | None, objects: tuple[ObjectAnswer, ...] | None, seen: Seen) -> str:
    """Return the verdict that follows from the objects.

    The verdict is "answer" if no proposal was visible, "accept" if all proposals were accepted and no object was added,
    and "correct" otherwise. "skip" and "unsure", and the "answer" of a script, are returned as they were given.

    Raises
    ------
    BadInput
        If verdict and objects contradict each other.
    """
    if verdict not in (None, *VERDICTS):
        raise BadInput(f"verdict {verdict!r:.80} is unknown; one of {', '.join(VERDICTS)} is expected.")
    if verdict == "skip" and objects is not None:
        raise BadInput("a skip carries no objects; 'unsure' keeps them.")
    if verdict in ("skip", "unsure"):
        return verdict
    if objects is None:
        raise BadInput("neither a verdict nor objects were given; pass objects=[...] (empty where there are none), or "
                       "'accept', 'unsure' or 'skip'.")
    proposed = not seen.hidden and any(_origin(one) == "model" for one in seen.objects)
    follows = "answer" if not proposed else "accept" if all(one.act == "accepted" for one in objects) else "correct"
    if verdict is None or verdict == follows or (verdict == "answer" and seen.scripted):
        return verdict or follows
    raise BadInput({"accept": "an accept takes the proposals as they are, but others were given",
                    "correct": "nothing was corrected: the objects given are the proposals as they are, or none was "
                               "visible",
                    "answer": "'answer' says that no proposals were visible, and some were"}[verdict]
                   + "; leave the verdict out.")


def accepted(seen: Seen) -> list[Shape]:
    """Return the objects of the verdict "accept", which are the visible objects without changes.

    Raises
    ------
    BadInput
        If no object was visible, or if the label of an object is uncertain since an edit.
    """
    if not seen.visible_objects:
        raise BadInput("there were no visible proposals to accept; pass objects=[...] instead, empty where there are "
                       "none.")
    if doubtful := [one["id"] for one in seen.visible_objects if one.get("doubt")]:
        raise BadInput(f"an edit left the label of {len(doubtful)} objects in doubt, such as {doubtful[0]!r}; pass "
                       "objects=[...] with the label of each.")
    return [shape(one["kind"], one["at"], label=one["label_id"], certainty=one.get("certainty"), id=one["id"],
                  unsure=bool(one.get("unsure"))) for one in seen.visible_objects]


def as_seen(decision: Decision) -> list[dict[str, Any]]:
    """List a decision's objects in the form of `Seen.objects`, as they are shown when the decision is opened again."""
    return [{name: value for name, value in one.to_dict().items() if name != "label"} for one in decision.objects or ()]


def checked_seen(one: Mapping[str, Any], label_id_of: Callable[[str], str]) -> dict[str, Any]:
    """Check an object that was on the screen, with its label's id.

    Raises
    ------
    BadInput, UnknownLabel
        If it is invalid.
    """
    kind, at = one.get("kind"), one.get("at")
    if not isinstance(at, (list, tuple)):
        raise BadInput(f"an object on the screen is {dict(one)!r:.80}; id, kind, at, label_id and score are expected.")
    label_id = label_id_of(str(one.get("label_id")))
    checked = ObjectAnswer(str(one["id"]), cast("KindOfShape", kind), tuple(at), label_id, "",
                           origin=one.get("origin", "model"), act=one.get("act", "accepted"))
    kept = {name: one[name] for name in ("score", "origin", "act", "was", "certainty", "unsure", "iou", "p", "doubt")
            if one.get(name) is not None and one[name] is not False}
    if "was" in kept and not (isinstance(kept["was"], Mapping) and isinstance(kept["was"].get("at"), (list, tuple))
                              and len(kept["was"]["at"]) >= 2 and isinstance(kept["was"].get("label_id"), str)):
        raise BadInput(f"an object on the screen has was={kept['was']!r:.80}; at and label_id of its proposal are "
                       "expected.")
    return {"id": checked.id, "kind": checked.kind, "at": list(checked.at), "label_id": label_id, **kept}


def proposed(proposals: Iterable[Proposal]) -> tuple[dict[str, Any], ...]:
    """List proposals in the form of `Seen.objects`."""
    return tuple(one.to_dict() for one in proposals)


def _origin(one: Mapping[str, Any]) -> Literal["model", "person"]:
    return "person" if one.get("origin") == "person" else "model"


def _judged(one: Shape, before: Mapping[str, Any] | None, size: tuple[int, int], name_of: Callable[[str], str]
            ) -> ObjectAnswer:
    label_id = str(one.label)
    kind = cast("KindOfShape", one.kind)
    answer: dict[str, Any] = {"id": str(one.id), "kind": kind, "at": one.at, "label_id": label_id,
                              "label": name_of(label_id), "certainty": one.certainty, "unsure": one.unsure}
    if before is None or _origin(before) == "person":
        return ObjectAnswer(**answer)
    former = before.get("was") or before
    at = tuple(former["at"])
    stays = len(at) == len(one.at) and all(abs(a - b) <= SAME for a, b in zip(at, one.at, strict=True))
    act = "relabelled" if former["label_id"] != label_id else "accepted" if stays else "moved"
    return ObjectAnswer(**answer, origin="model", act=cast("Any", act), score=before.get("score"),
                        iou=1.0 if stays else round(iou_pair(kind, at, one.at, size=(size[1], size[0])), 6),
                        was=None if act == "accepted" else {"at": list(at), "label_id": former["label_id"]})


def _deleted(one: Mapping[str, Any], name_of: Callable[[str], str]) -> ObjectAnswer:
    former = one.get("was") or one
    label_id = former["label_id"]
    return ObjectAnswer(str(one["id"]), one["kind"], tuple(former["at"]), label_id, name_of(label_id), origin="model",
                        act="deleted", score=one.get("score"))
