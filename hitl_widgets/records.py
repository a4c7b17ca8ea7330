"""Records: items, decisions, predictions, attributions and estimates.

They are frozen, and check themselves once, when made. Read `Decision` and `Seen` first: what a person did, and what
was on the screen then.
"""

from __future__ import annotations

import difflib
import math
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import Any, Literal, Protocol, get_args

import numpy as np

from .errors import BadInput

Verdict = Literal["accept", "correct", "answer", "unsure", "skip"]
Flag = Literal["ethics", "bad_data", "not_in_taxonomy", "second_look"]
CertaintySource = Literal["given", "carried"]
Reason = Literal["right", "wrong"]
Display = Literal["overlay", "side_by_side", "hot"]
Arm = Literal["shown", "blind", "no_map", "answer_first", "none"]

VERDICTS: tuple[str, ...] = get_args(Verdict)
# Tasks: one label per item, any number of labels, attribute values alone, or the objects in an item (boxes, polygons or
# points in images, spans in texts).
Task = Literal["classify", "multilabel", "scale", "boxes", "polygons", "points", "spans"]
TASKS: tuple[str, ...] = get_args(Task)
KindOfShape = Literal["box", "polygon", "point", "span"]
KINDS_OF_SHAPES: tuple[str, ...] = get_args(KindOfShape)
# The shape of an object where objects are asked for.
SHAPE_OF: Mapping[str, KindOfShape] = {"boxes": "box", "polygons": "polygon", "points": "point", "spans": "span"}
OBJECT_TASKS: tuple[str, ...] = tuple(SHAPE_OF)
# Maximum number of objects in a decision.
MOST_OBJECTS = 1_000
# Prefix of an object's id in a map's target.
OBJECT_TARGET = "object:"
# Including deleted proposals.
MOST_WITH_DELETED = 2 * MOST_OBJECTS
# What became of an object that was proposed, or where it came from.
ObjectAct = Literal["accepted", "moved", "relabelled", "added", "deleted"]
OBJECT_ACTS: tuple[str, ...] = get_args(ObjectAct)
# Names of `explain.attribute.METHODS`, to check a name without loading torch and captum.
METHOD_NAMES = ("gradcam", "saliency", "input_x_gradient", "integrated_gradients", "occlusion", "kernelshap", "lime")
# Methods for texts.
TEXT_METHODS = ("contributions", "integrated_gradients", "erasure", "kernelshap", "lime")
CLOSING: frozenset[str] = frozenset({"accept", "correct", "answer", "unsure"})
LABELLING: frozenset[str] = frozenset({"accept", "correct", "answer"})
FLAGS: tuple[str, ...] = get_args(Flag)

LONGEST_NOTE = 10_000

# The beginning of an address, such as that of a file on a server or of a database.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# Also with a single slash, since paths lose double slashes. A Windows drive has one letter.
MEANT_AS_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+:/")

# The version of this package; `hitl_widgets.__version__` is the same.
__version__ = "0.1.0.dev0"

# Progress bars. Called with the number of steps (None if unknown), `title` and perhaps `unit`, it returns a context
# manager whose value is called with each number of completed steps. `no_bars` shows nothing.
Bars = Callable[..., AbstractContextManager[Callable[..., object]]]

_ID = re.compile(r"[0-9A-Za-z_.:-]{8,80}\Z")


def utc_now() -> datetime:
    """Return the current time, UTC-aware."""
    return datetime.now(timezone.utc)


def no_bars(total: int | None, *, title: str, unit: str = "item") -> AbstractContextManager[Callable[..., object]]:
    """Show no progress, in place of a `Bars`."""
    return nullcontext(lambda *done: None)


def new_id() -> str:
    """Make a fresh id for an event: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def check_event_id(id: str) -> str:
    """Return the id, if it can name an event; BadInput otherwise."""
    if not isinstance(id, str) or not _ID.match(id):
        raise BadInput(f"event id {id!r} can't be used: 8 to 80 letters, digits or _ . : - are expected. "
                       "Leave id out to get a fresh one.")
    return id


def check_instant(acted_at: datetime) -> datetime:
    """Return the instant; BadInput when it is no datetime, has no time zone, or leaves the years 1 to 9999 in UTC."""
    if not isinstance(acted_at, datetime):
        raise BadInput(f"acted_at is {acted_at!r:.80}; an UTC-aware datetime is expected.")
    if acted_at.tzinfo is None:
        raise BadInput(f"acted_at {acted_at} has no time zone; an UTC-aware datetime is expected.")
    try:
        acted_at.astimezone(timezone.utc)
    except OverflowError:
        raise BadInput(f"acted_at {acted_at} isn't in the years 1 to 9999 in UTC.") from None
    return acted_at


def check_annotator(name: str) -> str:
    """Return the annotator's name without surrounding space; BadInput if it is empty, too long or not a text."""
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or not is_text(name):
        raise BadInput(f"annotator {name!r} can't be used: a name of 1 to 200 characters is expected.")
    return name.strip()


def is_text(text: str) -> bool:
    """Whether a text can be stored and sent: without NUL characters and unpaired surrogates."""
    return "\0" not in text and (text.isascii() or text == text.encode("utf-8", "ignore").decode())


@dataclass(frozen=True, slots=True)
class Seen:
    """What was on the screen when a decision was made.

    Parameters
    ----------
    suggestion : str or None
        label_id of the top prediction; None when there was none.
    probs : mapping
        label_id -> probability, for the labels that were shown (or would have been, when hidden).
    hidden : bool
        True when suggestion and map were kept from the person (a blind item).
    method, target : str or None
        Saliency method of the map on the screen, and its target: a label_id, "object:" and the id of an object, or the
        id of an attribute, perhaps followed by "=" and a choice. None when no map was visible. If the person judged a
        map, it is that map.
    display : "overlay", "side_by_side", "hot" or None
        How the map was shown; "hot" shows only the parts of the item where the map is hot.
    model : str or None
        Version (a content hash) of the model that predicted; None without one.
    taxonomy : int or None
        Version of the taxonomy under which the choices were offered; None is filled in by the project.
    certainty : "given", "carried" or None
        "given" for this item, "carried" over from an earlier one, None when there was none.
    chosen_by : str or None
        Why this item was on the screen: a strategy's name, "holdout", "gold", "revision" ...
    shown_ms : float or None
        Milliseconds from paint to key press; None when not measured.
    scripted : bool
        True when no person looked at a screen.
    against : str or None
        The label_id that the map compares the target with; None when it is about the target only.
    arm : "shown", "blind", "no_map", "answer_first", "none" or None
        How the item was shown, drawn at random: with suggestion and map, without both, without the map, or without both
        until the person had answered; "none" if there was no model. None if no arm was drawn: for hold-out, gold, blind
        reviews, revisions, imports, and answers from versions without arms.
    arm_probability : float or None
        The probability with which this arm was drawn, above 0, up to 1.
    planted : bool
        True when the suggestion was wrong on purpose; `probs` are the model's own all the same.
    repeat_of : str or None
        Id of the same person's earlier decision on the item, if they are asked again to measure their agreement with
        themselves.
    objects : tuple of mapping
        The objects that were on the screen before the person acted, or would have been if not `hidden`: plain JSON,
        each with ``id``, ``kind``, ``at``, ``label_id`` and ``score``. Objects of an earlier decision under revision
        also have its ``origin``, ``act`` and ``was``: see `ObjectAnswer`.
    values : mapping
        Attribute id -> the suggested value, even if it was hidden.
    values_model : str or None
        Version of the model that suggested the values.
    withheld : tuple of mapping
        Proposals that were withheld at random, as in `objects`, each with the probability ``p`` of that.
    threshold, threshold_probability : float or None
        The score from which proposals were shown, and the probability with which this threshold was drawn.

    Notes
    -----
    Where an item may have several labels, `suggestion` is the id of a set of labels: see `taxonomy.label_sets`.
    """

    suggestion: str | None = None
    probs: Mapping[str, float] = field(default_factory=dict)
    hidden: bool = False
    method: str | None = None
    target: str | None = None
    display: Display | None = None
    model: str | None = None
    taxonomy: int | None = None
    certainty: CertaintySource | None = None
    chosen_by: str | None = None
    shown_ms: float | None = None
    scripted: bool = False
    against: str | None = None
    arm: Arm | None = None
    arm_probability: float | None = None
    planted: bool = False
    repeat_of: str | None = None
    objects: tuple[Mapping[str, Any], ...] = ()
    values: Mapping[str, int | float | str] = field(default_factory=dict)
    values_model: str | None = None
    withheld: tuple[Mapping[str, Any], ...] = ()
    threshold: float | None = None
    threshold_probability: float | None = None

    # 16 branches: one check for each part, with its own message.
    def __post_init__(self) -> None:
        for name in ("objects", "withheld"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, (fits, expected) in _SEEN.items():
            if not fits(value := getattr(self, name)):
                raise BadInput(f"seen.{name} is {value!r:.80}; {expected} is expected.")
        if self.against is not None and (self.target is None or self.against == self.target):
            raise BadInput(f"seen.against is {self.against!r} and seen.target {self.target!r}; a label is compared "
                           "with another one.")
        if self.certainty not in (None, "given", "carried"):
            raise BadInput(f"seen.certainty is {self.certainty!r}; 'given', 'carried' or None are expected.")
        if self.display not in (None, *get_args(Display)):
            raise BadInput(f"seen.display is {self.display!r}; {', '.join(get_args(Display))} or None are expected.")
        if self.arm not in (None, *get_args(Arm)):
            raise BadInput(f"seen.arm is {self.arm!r}; {', '.join(get_args(Arm))} or None are expected.")
        if self.planted and self.suggestion is None:
            raise BadInput("seen.planted is True without a suggestion; only a suggestion can be planted.")
        for label_id, p in self.probs.items():
            if not isinstance(label_id, str) or not _is_number(p) or not -1e-6 <= p <= 1 + 1e-6:
                raise BadInput(f"seen.probs holds {label_id!r}: {p!r}; a probability from 0 to 1 for each label_id "
                               "is expected.")

    @property
    def visible_suggestion(self) -> str | None:
        """The label_id that the person could see suggested, or None."""
        return None if self.hidden else self.suggestion

    @property
    def visible_objects(self) -> tuple[Mapping[str, Any], ...]:
        """The objects that the person could see before they acted: their own even if proposals were hidden."""
        return tuple(one for one in self.objects if one.get("act") != "deleted"
                     and (not self.hidden or one.get("origin") == "person"))

    @property
    def visible_values(self) -> Mapping[str, int | float | str]:
        """The values that the person could see suggested: attribute id -> value."""
        return {} if self.hidden else self.values

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, ready for JSON."""
        return {name: (dict(v) if name in ("probs", "values") else
                       [*map(dict, v)] if name in ("objects", "withheld") else v)
                for name, default in _UNSEEN.items() if (v := getattr(self, name)) != default}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Seen:
        """Read what `to_dict` wrote; BadInput names a field that doesn't exist."""
        if not isinstance(body, Mapping):
            raise BadInput(f"seen is {type(body).__name__}; a mapping of what was on screen is expected.")
        known = {f.name for f in fields(cls)}
        if odd := sorted(map(str, set(body) - known)):
            raise BadInput(f"seen has unknown fields {odd}; known are {sorted(known)}.")
        return cls(**body)

    @classmethod
    def from_log(cls, body: Mapping[str, Any]) -> Seen:
        """Read a log's mapping; invalid values from versions that didn't check them are left out.

        Raises
        ------
        BadInput
            When the fields don't fit each other.
        """
        body = {name: objects_on_screen(value) if name in ("objects", "withheld") else value
                for name, value in body.items()}
        return cls.from_dict({name: value for name, value in body.items()
                              if name not in _SEEN or _SEEN[name][0](value)})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _are_coordinates(kind: str, at: Sequence[Any]) -> bool:
    """Whether these are valid coordinates of a kind of shape: the right number of finite numbers."""
    n = len(at)
    if kind == "span":
        return n == 2 and all(type(one) is int for one in at) and 0 <= at[0] < at[1] < 2**31
    expected = 4 if kind == "box" else 2 if kind == "point" else max(n, 6)
    # Hundreds of thousands are read at once, nearly all of them floats: a list takes half the time of a generator.
    return n == expected and n % 2 == 0 and not [
        one for one in at if not (-1e15 < one < 1e15 if type(one) is float else _is_number(one))]


def are_values(values: object) -> bool:
    """Whether something is a mapping of attribute ids to numbers or texts."""
    return isinstance(values, Mapping) and all(
        isinstance(name, str) and (isinstance(value, str) or (_is_number(value) and math.isfinite(value)))
        for name, value in values.items())


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


# Field of `Seen` -> check of its value, in addition to the checks there.
_SEEN: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("suggestion", "method", "target", "model", "chosen_by", "against", "repeat_of", "values_model"),
                    (_is_text, "a text, or None,")),
    **dict.fromkeys(("hidden", "scripted", "planted"), (lambda value: isinstance(value, bool), "True or False")),
    "probs": (lambda value: isinstance(value, Mapping), "a mapping of label_id to probability"),
    "taxonomy": (lambda value: value is None or (isinstance(value, int) and _is_number(value)),
                 "a version of the taxonomy, or None,"),
    **dict.fromkeys(("arm_probability", "threshold_probability"),
                    (lambda value: value is None or (_is_number(value) and 0 < value <= 1),
                     "a probability above 0, up to 1, or None,")),
    **dict.fromkeys(("objects", "withheld"), (
        lambda value: isinstance(value, tuple) and len(value) <= MOST_WITH_DELETED
        and all(isinstance(each, Mapping) and isinstance(each.get("id"), str) for each in value),
        f"a list of {MOST_WITH_DELETED:,} mappings at most, each with a text id,")),
    "threshold": (lambda value: value is None or _is_number(value), "a score, or None,"),
    "values": (lambda values: are_values(values), "a mapping of attribute ids to numbers or texts"),
    "shown_ms": (lambda value: value is None or _is_number(value), "a number of milliseconds, or None,")}
_UNSEEN = {f.name: getattr(Seen(), f.name) for f in fields(Seen)}


@dataclass(frozen=True, slots=True)
class Region:
    """Some pixels of an item, at the item's own size, in run-length encoding (RLE).

    Parameters
    ----------
    size : tuple of two int
        Height and width of the item.
    runs : tuple of int
        Lengths of the runs along the rows, from the top left; the first run is outside, and may have length 0.

    Raises
    ------
    BadInput
        If the runs don't add up to the size.

    Examples
    --------
    >>> Region.of(np.array([[False, True], [True, False]]))
    Region(size=(2, 2), runs=(1, 2, 1))
    """

    size: tuple[int, int]
    runs: tuple[int, ...]

    def __post_init__(self) -> None:
        whole = [*self.size, *self.runs]
        if len(self.size) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in whole) \
                or 0 in (*self.size, *self.runs[1:]) or sum(self.runs) != self.size[0] * self.size[1]:
            raise BadInput(f"a region of size {self.size} can't have the runs {self.runs[:12]}: whole numbers above 0 "
                           "that add up to height x width are expected; only the first may be 0.")

    @classmethod
    def of(cls, mask: np.ndarray) -> Region:
        """Make the region of a mask, bool, shape (H, W)."""
        mask = np.asarray(mask)
        if mask.ndim != 2 or mask.dtype != bool or not mask.size:
            raise BadInput(f"a region is a mask of {mask.dtype} and shape {mask.shape}; bool, (H, W), at the item's "
                           "size, is expected.")
        flat = mask.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        runs = np.diff([0, *edges.tolist(), flat.size]).tolist()
        height, width = mask.shape
        return cls((height, width), tuple([0, *runs] if flat[0] else runs))

    def mask(self) -> np.ndarray:
        """Return the pixels as a mask, bool, shape (H, W)."""
        inside = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside, self.runs).reshape(self.size)

    @property
    def n_pixels(self) -> int:
        """How many pixels lie inside."""
        return sum(self.runs[1::2])

    def to_dict(self) -> dict[str, list[int]]:
        """Ready for JSON."""
        return {"size": list(self.size), "runs": list(self.runs)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Region:
        """Read what `to_dict` wrote; BadInput when it is no region."""
        try:
            return cls(tuple(body["size"]), tuple(body["runs"]))
        except (KeyError, TypeError) as error:
            raise BadInput("a region is given by its size and runs; something else was passed.") from error


@dataclass(frozen=True, slots=True)
class Proposal:
    """An object as a model proposes it.

    Parameters
    ----------
    id : str
        Unique among the proposals for an item.
    kind : "box", "polygon", "point" or "span"
    at : tuple of float
        Its coordinates in pixels; of a span two int, in characters: see `objects.shapes.shape`.
    label_id : str
    score : float
        From 0 to 1.

    Raises
    ------
    BadInput
        For coordinates that its kind can't have: an answer to it couldn't be stored.
    """

    id: str
    kind: KindOfShape
    at: tuple[float, ...]
    label_id: str
    score: float

    def __post_init__(self) -> None:
        if not _are_coordinates(self.kind, self.at):
            raise BadInput(f"the proposal {self.id!r} is a {self.kind} at {str(self.at)[:80]}; the coordinates of a "
                           f"{self.kind} are expected.")

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"id": self.id, "kind": self.kind, "at": list(self.at), "label_id": self.label_id, "score": self.score}


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """An annotator's answer about one object in an item.

    Parameters
    ----------
    id : str
        Stays the same through revisions.
    kind : "box", "polygon", "point" or "span"
    at : tuple of float
        Its coordinates in pixels, of a span in characters: see `objects.shapes.shape`.
    label_id, label : str
        The label, and its name as the annotator knew it.
    certainty : float or None
        From 0 (a guess) to 10 (sure).
    unsure : bool
        Whether the annotator was unsure of it.
    origin : "model" or "person"
    act : "accepted", "moved", "relabelled", "added" or "deleted"
        What became of the proposal; "relabelled" for one that was moved and relabelled, "added" where there was none.
    iou : float or None
        Intersection over union with the proposal; for points their nearness (`objects.overlap.iou_pair`). None without
        a proposal, or if it was deleted.
    score : float or None
        The proposal's score.
    was : mapping or None
        The proposal's ``at`` and ``label_id``, if the object differs from it.
    quote : str or None
        The characters of the text that a span covers.

    Raises
    ------
    BadInput
        When a part can't be used.
    """

    id: str
    kind: KindOfShape
    at: tuple[float, ...]
    label_id: str
    label: str
    certainty: float | None = None
    unsure: bool = False
    origin: Literal["model", "person"] = "person"
    act: ObjectAct = "added"
    iou: float | None = None
    score: float | None = None
    was: Mapping[str, Any] | None = None
    quote: str | None = None

    # 22 branches: one check for each part, with its own message.
    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not 1 <= len(self.id) <= 80 or not is_text(self.id):
            raise BadInput(f"an object has the id {self.id!r:.100}; a text of 1 to 80 characters is expected.")
        if self.kind not in KINDS_OF_SHAPES or self.act not in OBJECT_ACTS or self.origin not in ("model", "person"):
            raise BadInput(f"object {self.id!r} has kind {self.kind!r:.40}, act {self.act!r:.40} and origin "
                           f"{self.origin!r:.40}; {', '.join(KINDS_OF_SHAPES)}; {', '.join(OBJECT_ACTS)}; and model or "
                           "person are expected.")
        if not isinstance(self.label_id, str) or not isinstance(self.label, str):
            raise BadInput(f"object {self.id!r} has the label {self.label_id!r:.40}; a label is expected.")
        if not _are_coordinates(self.kind, self.at):
            raise BadInput(f"object {self.id!r} is a {self.kind} at {str(self.at)[:80]}; its coordinates are expected.")
        for name, value in (("iou", self.iou), ("score", self.score)):
            if value is not None and not _is_number(value):
                raise BadInput(f"object {self.id!r} has the {name} {value!r:.40}; a number is expected, or None.")
        was = self.was
        if was is not None and not (isinstance(was, Mapping) and isinstance(was.get("label_id"), str)
                                    and isinstance(at := was.get("at"), (list, tuple))
                                    and _are_coordinates(self.kind, at)):
            raise BadInput(f"object {self.id!r} has was={was!r:.80}; at and label_id of its proposal are expected.")
        if not isinstance(self.unsure, bool):
            raise BadInput(f"object {self.id!r} has unsure {self.unsure!r:.40}; True or False is expected.")
        if self.quote is not None and (self.kind != "span" or not isinstance(self.quote, str)
                                       or len(self.quote) != self.at[1] - self.at[0]):
            raise BadInput(f"object {self.id!r} at {self.at} has the quote {self.quote!r:.80}; the characters that a "
                           "span covers are expected.")
        check_certainty(self.certainty)

    @property
    def is_there(self) -> bool:
        """False where the annotator deleted it."""
        return self.act != "deleted"

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; what is None or False is left out."""
        values: dict[str, Any] = {}
        for name in _FIELDS:
            if (value := getattr(self, name)) is not None and value is not False:
                values[name] = value
        values["at"] = list(self.at)
        if self.was is not None:
            values["was"] = dict(self.was)
        return values

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ObjectAnswer:
        """Read what `to_dict` wrote; BadInput where it can't be one."""
        if not isinstance(body, Mapping) or not _NEEDED <= body.keys() <= _KNOWN \
                or not isinstance(body["at"], (list, tuple)):
            raise BadInput(f"an object is {body!r:.80}; a mapping with id, kind, at, label_id and label is expected.")
        return cls(**{**body, "at": tuple(body["at"])})


_NEEDED = frozenset({"id", "kind", "at", "label_id", "label"})
_FIELDS = tuple(f.name for f in fields(ObjectAnswer))
_KNOWN = frozenset(_FIELDS)


@dataclass(frozen=True, slots=True)
class ObjectReason:
    """An annotator's feedback on the explanation of one object.

    Parameters
    ----------
    id : str
        The object's id.
    reason : "right" or "wrong"
    at : tuple of float
        Coordinates of the object that was explained: of its proposal or, without one, of the object itself.
    label_id : str
        The label that was explained.
    wrong, missing : Region or None
        The region that should not have counted, and the one that should have.
    method : str or None
        Saliency method of the map on the screen; None when no map was visible.
    display : "overlay", "side_by_side", "hot" or None
        How the map was shown.

    Raises
    ------
    BadInput
        When a part can't be used, or the reason is "right" and has a wrong region.
    """

    id: str
    reason: Reason
    at: tuple[float, ...]
    label_id: str
    wrong: Region | None = None
    missing: Region | None = None
    method: str | None = None
    display: Display | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not 1 <= len(self.id) <= 80 or not isinstance(self.label_id, str):
            raise BadInput(f"a reason is of the object {self.id!r:.100} with the label {self.label_id!r:.40}; the id "
                           "of an object, and of a label, are expected.")
        if len(self.at) < 2 or not all(map(_is_number, self.at)):
            raise BadInput(f"the reason of object {self.id!r} is of a place {str(self.at)[:80]}; the object's "
                           "coordinates are expected.")
        check_reason(self.reason, self.wrong)
        if self.reason is None:
            raise BadInput(f"nothing is said of the reason of object {self.id!r}; 'right', 'wrong' or a region is "
                           "expected.")
        if not _is_text(self.method) or self.display not in (None, *get_args(Display)):
            raise BadInput(f"the reason of object {self.id!r} has method {self.method!r:.40} and display "
                           f"{self.display!r:.40}; a saliency method, one of {', '.join(get_args(Display))}, or None "
                           "are expected.")

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; what is None is left out."""
        values = {name: getattr(self, name) for name in ("id", "reason", "label_id", "method", "display")}
        regions = {name: region.to_dict() for name in ("wrong", "missing") if (region := getattr(self, name))}
        return {**{name: value for name, value in values.items() if value is not None}, "at": list(self.at), **regions}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ObjectReason:
        """Read what `to_dict` wrote; BadInput where it can't be one."""
        known = {f.name for f in fields(cls)}
        if not isinstance(body, Mapping) or not {"id", "reason", "at", "label_id"} <= body.keys() <= known \
                or not isinstance(body["at"], (list, tuple)):
            raise BadInput(f"the reason of an object is {body!r:.80}; a mapping with id, reason, at and label_id is "
                           "expected.")
        regions = {name: Region.from_dict(body[name]) for name in ("wrong", "missing") if body.get(name) is not None}
        return cls(**{**body, "at": tuple(body["at"]), **regions})


def check_reason(reason: Any, wrong: Region | None) -> None:
    """Raise BadInput if a reason is invalid, or "right" with a wrong region."""
    if reason not in (None, *get_args(Reason)):
        raise BadInput(f"reason {reason!r} is unknown; 'right', 'wrong' or None is expected.")
    if reason == "right" and wrong is not None:
        raise BadInput("a reason that is right has no wrong region; say reason='wrong', or leave the region out.")


def objects_on_screen(objects: Any) -> tuple[Mapping[str, Any], ...]:
    """List the valid objects in a log's `Seen.objects`, `Seen.withheld` or decision."""
    sound: list[Mapping[str, Any]] = []
    for one in objects[:MOST_WITH_DELETED] if isinstance(objects, (list, tuple)) else ():
        if isinstance(one, Mapping) and isinstance(one.get("at"), (list, tuple)):
            with suppress(BadInput, TypeError):
                ObjectAnswer(one.get("id"), one.get("kind"), tuple(one["at"]), one.get("label_id"),  # type: ignore[arg-type]
                             "", origin=one.get("origin", "model"), act=one.get("act", "accepted"),
                             iou=one.get("iou"), score=one.get("score"), was=one.get("was"))
                sound.append(one)
    return tuple(sound)


@dataclass(frozen=True, slots=True)
class Decision:
    """One act of one annotator on one item.

    Parameters
    ----------
    id : str
        Made by the sender, so that an act that is sent twice is stored once.
    item_id, annotator : str
    verdict : "accept", "correct", "answer", "unsure" or "skip"
    label, label_id : str or None
        The label's name as the annotator knew it, and its id; None for a skip, for an unsure without a best guess, and
        where only attributes are asked. Where an item may have several labels, the names joined by commas, and the id
        of the set: `label_ids` are its parts.
    certainty : float or None
        From 0 (a guess) to 10 (sure).
    note : str or None
    flags : tuple of str
        Of `FLAGS`.
    seen : Seen
        What was on the screen.
    acted_at : datetime
        UTC-aware.
    stored_at : datetime or None
        When it was stored in the log; None before.
    replaces : str or None
        The id of the decision that this one revises.
    reason : "right", "wrong" or None
        The annotator's feedback on the explanation.
    wrong, missing : Region or None
        The region that should not have counted, and the one that should have.
    values : mapping
        Attribute id -> its value.
    touched : tuple of str or None
        Ids of the labels and attributes that the annotator changed or confirmed by hand; the others were left as
        suggested. None if not recorded.
    objects : tuple of ObjectAnswer or None
        Where objects are asked for, all objects in the item, and deleted proposals.
    size : (int, int) or None
        Width and height of the image of these objects.
    reasons : tuple of ObjectReason
        The annotator's feedback on the explanations of single objects.

    Raises
    ------
    BadInput
        When the parts contradict each other, or one can't be used.
    """

    id: str
    item_id: str
    annotator: str
    verdict: Verdict
    label: str | None = None
    label_id: str | None = None
    certainty: float | None = None
    note: str | None = None
    flags: tuple[str, ...] = ()
    seen: Seen = Seen()
    acted_at: datetime = field(default_factory=utc_now)
    stored_at: datetime | None = None
    replaces: str | None = None
    reason: Reason | None = None
    wrong: Region | None = None
    missing: Region | None = None
    values: Mapping[str, int | float | str] = field(default_factory=dict)
    touched: tuple[str, ...] | None = None
    objects: tuple[ObjectAnswer, ...] | None = None
    size: tuple[int, int] | None = None
    reasons: tuple[ObjectReason, ...] = ()

    # 20 branches: one check for each part, and for parts that contradict each other, with its own message.
    def __post_init__(self) -> None:
        check_event_id(self.id)
        check_annotator(self.annotator)
        if self.verdict not in VERDICTS:
            raise BadInput(f"verdict {self.verdict!r} is unknown; one of {', '.join(VERDICTS)} is expected.")
        if not are_values(self.values):
            raise BadInput(f"values is {self.values!r:.80}; a mapping of attribute ids to numbers or texts is "
                           "expected.")
        if self.touched is not None and not (isinstance(self.touched, tuple)
                                             and all(isinstance(one, str) for one in self.touched)):
            raise BadInput(f"touched is {self.touched!r:.80}; ids of labels and attributes, or None, are expected.")
        if self.objects is not None and (len(self.objects) > MOST_WITH_DELETED or self.size is None):
            raise BadInput(f"a decision has {len(self.objects):,} objects in an image of size {self.size}; at most "
                           f"{MOST_WITH_DELETED:,} and the image's width and height are expected.")
        if self.verdict in LABELLING and self.label_id is None and not self.values:
            raise BadInput(f"verdict {self.verdict!r} needs a label; pass label=..., or say 'unsure' or 'skip'.")
        if self.verdict == "skip" and (self.label_id is not None or self.values):
            what = "no label" if self.label_id is not None else "no values"
            raise BadInput(f"a skip carries {what}, but {self.label or dict(self.values)!r} was given; "
                           "'unsure' keeps a best guess.")
        check_reason(self.reason, self.wrong)
        check_certainty(self.certainty)
        check_flags(self.flags)
        if self.note is not None and (not isinstance(self.note, str) or len(self.note) > LONGEST_NOTE):
            raise BadInput(f"a note is text of at most {LONGEST_NOTE:,} characters.")
        check_instant(self.acted_at)

    @property
    def closes(self) -> bool:
        """True when the item is done for this annotator."""
        return self.verdict in CLOSING

    @property
    def label_ids(self) -> tuple[str, ...]:
        """The ids of the labels: those of the set, or the single one; empty without a label."""
        label_id = self.label_id or ""
        return tuple(filter(None, label_id.split("+")))


def check_count(name: str, value: Any, expected: str, *, least: int | None = None) -> int:
    """Return a whole number; BadInput, with what is `expected`, if it isn't one or is below `least`.

    >>> check_count("n", True, "a number of items, 0 or more,", least=0)
    Traceback (most recent call last):
    ...
    hitl_widgets.errors.BadInput: n is True; a number of items, 0 or more, is expected.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or (least is not None and value < least):
        raise BadInput(f"{name} is {value!r}; {expected} is expected.")
    return int(value)


def check_number(name: str, value: Any, expected: str, low: float, high: float) -> float:
    """Return a number from `low` to `high`; otherwise BadInput, with what is `expected`."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) \
            or not low <= value <= high:
        raise BadInput(f"{name} is {value!r}; {expected} is expected.")
    return float(value)


def check_certainty(certainty: float | None) -> float | None:
    """Return the certainty when it is None or a number from 0 to 10; BadInput otherwise."""
    if certainty is None or (type(certainty) is float and 0 <= certainty <= 10):
        return certainty
    if isinstance(certainty, bool) or not isinstance(certainty, (int, float, np.integer, np.floating)) \
            or not 0 <= certainty <= 10:
        raise BadInput(f"certainty {certainty!r} can't be used: a number from 0 (a guess) to 10 (sure) is expected, "
                       "or None.")
    return float(certainty)


def check_methods(methods: str | Sequence[str], kind: str = "image") -> None:
    """Check the names of saliency methods for a kind of items; BadInput with the first unknown name.

    "gradcam" is accepted for texts, too: it is the default everywhere, and means the method that fits the model best.
    """
    names = [methods] if isinstance(methods, str) else list(methods)
    known = METHOD_NAMES if kind == "image" else TEXT_METHODS
    if odd := [name for name in names if name not in known and (kind == "image" or name != METHOD_NAMES[0])]:
        near = difflib.get_close_matches(str(odd[0]), known, n=1)
        raise BadInput(f"saliency method {odd[0]!r} is unknown{f'; did you mean {near[0]!r}?' if near else ';'} known "
                       f"are {', '.join(known)}{'' if kind == 'image' else ', of a pool of texts'}.")


def check_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """Return the flags as a tuple, each once, in their order; BadInput names an unknown one."""
    if not isinstance(flags, Iterable):
        raise BadInput(f"flags is {flags!r}; a sequence of flags is expected, such as ('bad_data',), or () for none.")
    if isinstance(flags, str):
        raise BadInput(f"flags is the text {flags!r}; a sequence of flags is expected, such as ({flags!r},).")
    if odd := [f for f in flags if f not in FLAGS]:
        raise BadInput(f"flag {odd[0]!r} is unknown; known are {', '.join(FLAGS)}.")
    return tuple(dict.fromkeys(flags))


# 18 branches: one for each way in which verdict, values and what was seen can contradict each other.
def judge_values(verdict: str | None, values: Mapping[str, Any], seen: Seen) -> str:
    """The verdict where only attributes are asked, from the values that were given and those seen.

    Values equal to the visible ones are an accept, different ones a correction, and without visible values an answer.
    An accept without values takes the visible ones: see `Seen.visible_values`.

    Raises
    ------
    BadInput
        When verdict, values and what was seen contradict each other.
    """
    visible = seen.visible_values
    if verdict not in (None, *VERDICTS):
        raise BadInput(f"verdict {verdict!r:.80} is unknown; one of {', '.join(VERDICTS)} is expected.")
    if verdict in ("unsure", "skip"):
        return verdict
    if verdict == "accept" and not visible:
        raise BadInput("there were no visible values to accept; pass values=... instead.")
    if not values and verdict != "accept":
        raise BadInput("neither a verdict nor a value was given; pass values={...}, or 'accept', 'unsure' or 'skip'.")
    same = all(visible.get(name) == value for name, value in values.items())
    if verdict == "accept" and not same:
        raise BadInput("an accept takes the visible values, but others were given; leave the verdict out.")
    if verdict == "correct" and visible and same:
        raise BadInput("the values given are the suggested ones; say 'accept', or leave the verdict out.")
    if verdict == "answer" and visible and not seen.scripted:
        raise BadInput("'answer' says that no suggested values were visible, and some were; leave the verdict out.")
    if verdict == "answer":
        return verdict
    return "answer" if not visible else "accept" if same else "correct"


# 14 branches: one for each way in which verdict, label and what was seen can contradict each other.
def judge(verdict: str | None, label_id: str | None, seen: Seen) -> tuple[str, str | None]:
    """The verdict that follows from the answer and what was seen, and its label_id.

    A label without a verdict is an accept if it equals the visible suggestion, a correction if it differs, and an
    answer if no suggestion was visible.

    Raises
    ------
    BadInput
        When verdict, label and what was seen contradict each other.
    """
    visible = seen.visible_suggestion
    if verdict is None:
        if label_id is None:
            raise BadInput("neither a verdict nor a label was given; pass label=..., or 'accept', 'unsure' or 'skip'.")
        return ("answer" if visible is None else "accept" if label_id == visible else "correct"), label_id
    if verdict == "accept":
        if visible is None:
            raise BadInput("there was no visible suggestion to accept; pass label=... instead.")
        if label_id not in (None, visible):
            raise BadInput("an accept takes the visible suggestion, but another label was given; leave it out.")
        return "accept", visible
    if verdict == "correct":
        if label_id is not None and label_id == visible:
            raise BadInput("the label given is the suggestion itself; say 'accept', or leave the verdict out.")
        return ("answer" if visible is None else "correct"), label_id
    if verdict == "answer" and visible is not None and not seen.scripted:
        raise BadInput("'answer' says that no suggestion was visible, and one was; leave the verdict out.")
    return verdict, label_id


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a queue: what is asked next, and why.

    Parameters
    ----------
    id : str
    position : int
        Its place in the pool.
    chosen_by : str
        Why it is asked: a strategy's name, "holdout", "gold", "relabel" ...
    blind : bool
        True when suggestion and map stay hidden.
    meta : mapping
    candidates : tuple of str
        The label_ids that are likely by an earlier answer, for an item that is asked again.
    arm, arm_probability : str and float, or None
        How the item is shown to this person, and the probability with which the arm was drawn: see `Seen`. None if no
        arm was drawn.
    planted : str or None
        The label_id that is suggested in place of the model's, wrong on purpose; None if nothing is planted.
    repeat_of : str or None
        Id of the person's earlier decision on the item, if they are asked again to measure their agreement with
        themselves.
    """

    id: str
    position: int
    chosen_by: str = "random"
    blind: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    arm: Arm | None = None
    arm_probability: float | None = None
    planted: str | None = None
    repeat_of: str | None = None


class Items(Sequence[Item]):
    """Items in the order in which they would be asked, best first."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        got = self._items[index]
        return Items(got) if isinstance(index, slice) else got

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def ids(self) -> list[str]:
        """The items' ids, in order."""
        return [item.id for item in self._items]

    def __repr__(self) -> str:
        shown = ", ".join(item.id for item in self._items[:5]) + (", ..." if len(self._items) > 5 else "")
        return f"<{len(self._items)} items{': ' if shown else ''}{shown}>"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's probabilities over today's labels, for one item.

    Parameters
    ----------
    item_id : str
    label_ids : tuple of str, length n_labels
    probs : ndarray, shape (n_labels,)
        In the order of `label_ids`; they sum to 1, but for items that may have several labels.
    model : str
        The model's version.
    likeliest : tuple of str
        The label_id to suggest, or several that the model can't tell apart, since a later edit split its label into
        them. Empty for the label with the largest probability. Where an item may have several labels, the id of the set
        to suggest.
    """

    item_id: str
    label_ids: tuple[str, ...]
    probs: np.ndarray
    model: str
    likeliest: tuple[str, ...] = ()

    @property
    def suggestion(self) -> str | None:
        """The label_id to suggest; None where the model can't tell the likeliest labels apart."""
        if not self.likeliest:
            return self.label_ids[int(np.argmax(self.probs))]
        return self.likeliest[0] if len(self.likeliest) == 1 else None

    def top(self, n: int) -> dict[str, float]:
        """List the n largest probabilities: label_id -> probability, largest first."""
        order = np.argsort(-self.probs, kind="stable")[:n]
        return {self.label_ids[i]: round(float(self.probs[i]), 6) for i in order}


@dataclass(frozen=True, slots=True)
class PredictedValue:
    """A model's prediction of an attribute of an item.

    Parameters
    ----------
    attribute_id : str
    value : int, float or str
        The value to suggest: a step or a number of the scale, or a choice.
    low, high : float
        Ends of its 90 % interval on the scale; NaN for choices.
    model : str
        Version of the heads.
    probs : mapping or None
        Value -> probability, for choices and, if the head predicts them, for the steps of a scale.
    """

    attribute_id: str
    value: int | float | str
    low: float
    high: float
    model: str
    probs: Mapping[int | float | str, float] | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """The attribution of a label in one item: signed numbers for its parts.

    Parameters
    ----------
    item_id, method : str
    target : str
        A label_id.
    model : str
        The model's version.
    values : ndarray of float32, shape (h, w)
        As the method computed them on the net's own view of the item; for a text (1, k), a number for each token.
    box : tuple of four float
        The part of the item (x0, y0, x1, y1, in item pixels) that this view covers, so that any size can be drawn.
    signed : bool
        Whether negative values mean anything (Grad-CAM's don't).
    against : str or None
        A label_id: the map then shows what counts for the target rather than for this label.
    tokens : ndarray of int32, shape (k, 2), or None
        For a text, start and end of each token, in characters.
    delta : float or None
        Convergence error, as a fraction of the model's output for the item minus that for the baseline: how far the sum
        of the numbers is from it. None for methods without such a sum.
    """

    item_id: str
    method: str
    target: str
    model: str
    values: np.ndarray
    box: tuple[float, float, float, float]
    signed: bool = False
    against: str | None = None
    tokens: np.ndarray | None = None
    delta: float | None = None


# Estimates from fewer items than this say that the items are few.
TOO_FEW = 30


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(float):
    """A number with its 95 % interval and the number of items behind it.

    It is also the float `value`: it can be compared, added and formatted.

    Parameters
    ----------
    value : float
        The number; NaN where it isn't known.
    low, high : float
        The ends of its interval; NaN where they aren't known.
    n : int
        Number of items behind it, 0 or more.
    why : str
        The reason why there is no number; empty where there is one.

    Raises
    ------
    BadInput
        If n is negative, or low lies above high.

    Examples
    --------
    >>> Estimate(0.9, 0.852, 0.936, n=200)
    0.900 (0.852 to 0.936, n = 200)
    >>> Estimate(0.9, 0.616, 0.988, n=10)
    0.900 (0.616 to 0.988, n = 10: few items)
    >>> Estimate(math.nan, why="no answers yet")
    none (no answers yet)
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    why: str = ""

    def __new__(cls, value: float, low: float = math.nan, high: float = math.nan, n: int = 0,
                why: str = "") -> Estimate:
        """Make the float; the other fields are set by the dataclass."""
        return super().__new__(cls, value)

    def __post_init__(self) -> None:
        for name, kind in (("value", float), ("low", float), ("high", float), ("n", int)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        if self.n < 0 or self.low > self.high:
            raise BadInput(f"an estimate from {self.low} to {self.high} with n = {self.n} can't be: low is at most "
                           "high, and n is 0 or more.")

    @property
    def tells(self) -> bool:
        """False if there is no number, or it is from fewer items than `TOO_FEW`."""
        return self.n >= TOO_FEW and not math.isnan(self)

    def __repr__(self) -> str:
        if math.isnan(self):
            return f"none ({self.why or 'nothing to measure'})"
        doubt = "" if self.tells else ": few items"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.n}{doubt})"

    __str__ = __repr__


class Predictor(Protocol):
    """Protocol of models that predict items."""

    version: str
    label_ids: tuple[str, ...]

    def predict(self, positions: Sequence[int]) -> np.ndarray:
        """Probabilities, float32, shape (len(positions), n_labels); a row of NaN where an item can't be read."""
        ...


class Explainer(Protocol):
    """Protocol of explainers of a model."""

    def explain(self, position: int, *, method: str, target: str) -> Attribution:
        """Compute the attribution of one item for one target label_id."""
        ...


@dataclass(frozen=True)
class LearningState:
    """The state of background learning.

    Parameters
    ----------
    name : str
        "off", "waiting" (for more answers), "learning", "frozen" (a bias experiment is running) or "failed".
    n_answers : int
        Number of items with an answer that may train.
    n_until_next : int
        Number of further such items until the next training; 0 if it is due.
    out_of_fold : Estimate or None
        Out-of-fold accuracy of the adopted model, if it was trained in the background; otherwise None.
    why : str
        Why it is frozen and until when, what failed, or the result of the last training; empty before the first.
    """

    name: Literal["off", "waiting", "learning", "frozen", "failed"]
    n_answers: int = 0
    n_until_next: int = 0
    out_of_fold: Estimate | None = None
    why: str = ""
