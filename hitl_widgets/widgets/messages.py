"""The messages between widgets and their JavaScript, both ways.

Acts come from the browser and are dataclasses, which `hitl_widgets.widgets.acts.reader` makes. Replies and pushes go to
the browser and are typed dictionaries. ``js/messages.d.ts`` is generated from this module by
``python tests/widgets/typescript.py``; a test checks that it is up to date.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypedDict, cast

from ..errors import HitlError
from ..records import (
    CertaintySource,
    Decision,
    Display,
    KindOfShape,
    LearningState,
    ObjectAct,
    ObjectAnswer,
    ObjectReason,
    Reason,
    Region,
    Seen,
    Task,
    Verdict,
)
from ..taxonomy.attributes import Attribute
from ..taxonomy.attributes import Kind as AttributeKind
from ..taxonomy.edits import Edit
from ..taxonomy.keys import DIGITS, KeyPlaces
from ..taxonomy.labels import Label, Taxonomy

Certainty = Literal["keep", "ask", "unsure_only"]
Why = Literal["other", "unsure", "flagged"]
Sorting = Literal["assigned", "left_out", "sent_back"]
Settling = Literal["example", "counter_example", "sentence", "none"]
Cause = Literal["ambiguous", "guideline_gap", "slip", "edge_case", "disagreement"]
Telling = Literal["alarm", "debrief", "word"]
KeyTable = dict[str, tuple[list[str], str]]  # action -> its keys, and what it does in words
Ids = Annotated[tuple[str, ...], "one id or more, as text"]
Edits = Annotated[tuple[Edit, ...], "one edit or more"]
Values = Annotated[dict[str, float | str], "attribute_id -> a number, or one of the choices"]
Size = Annotated[tuple[int, int], "width and height in pixels"]


class _GivenObjectMore(TypedDict, total=False):
    certainty: float | None
    unsure: bool


class GivenObject(_GivenObjectMore):
    """An object that the annotator left in the item. One that was on the screen before keeps its id."""

    id: str
    kind: KindOfShape
    at: list[float]
    label_id: str


class RegionEntry(TypedDict):
    """Pixels of an item at its own size (height, width), run-length encoded by rows; the first run is outside."""

    size: tuple[int, int]
    runs: list[int]


class _ObjectReasonMore(TypedDict, total=False):
    wrong: RegionEntry | None
    missing: RegionEntry | None
    method: str
    display: Display


class ObjectReasonEntry(_ObjectReasonMore):
    """A judgement of one object's explanation; `method` and `display` are those of the map on the screen."""

    reason: Reason


Objects = Annotated[tuple[GivenObject, ...], "objects, each with id, kind, at and label_id"]
Reasons = Annotated[dict[str, ObjectReasonEntry], "the id of an object -> what was said of its explanation"]

MOST_PAST_OBJECTS = 2_000  # in the past decisions that are pushed

# -- acts: what the browser asks for. A field with a default may be left out.


@dataclass(frozen=True, kw_only=True)
class Hello:
    """The greeting of a page that has opened. It is ignored if the same tab has sent a later greeting.

    `left`: the id that the page had before it was reloaded. `shows`: whether the widget is visible in the page.
    `takes`: whether the person wants to act in this page although another page is active.
    """

    KIND: ClassVar = "hello"
    tab: str | None = None
    n: int | None = None
    have: tuple[str, ...] = ()  # items that the page has, or decides
    left: str | None = None
    shows: bool = True
    takes: bool = False


@dataclass(frozen=True, kw_only=True)
class Here:
    """The active page is still there."""

    KIND: ClassVar = "here"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A page that isn't active reports that it is open. It becomes active if the active page is gone."""

    KIND: ClassVar = "watch"


@dataclass(frozen=True, kw_only=True)
class Leave:
    """A page is being closed or reloaded."""

    KIND: ClassVar = "leave"


@dataclass(frozen=True, kw_only=True)
class Act:
    """Base class of acts. An act is stored once, however often it is sent.

    `after`: id of the same tab's act before this one, which has to be stored first.
    """

    decision_id: str
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class SignedAct(Act):
    """An act with its annotator and its time."""

    annotator: str | None = None  # the project's own if missing
    acted_at: datetime


@dataclass(frozen=True, kw_only=True)
class Decide(SignedAct):
    """A decision on an item.

    `known`: ids of the annotator's earlier decisions on the item that the page has made or been sent. `label_id`: the
    id of a label or of a set of labels. `values`: the answers to attributes. `touched`: ids of the labels and
    attributes that the person changed or confirmed; None if this isn't recorded, as for a skip or in a project that
    asks only for one label. In a project that asks for objects, `objects` has all objects of the item, `size` is the
    width and height of the picture in which they were marked, `touched` has the ids of the objects that were in focus
    or changed, and `reasons` has the judgements of the explanations of single objects.
    """

    KIND: ClassVar = "decide"
    item_id: str
    verdict: Verdict
    label_id: str | None
    certainty: float | None
    note: str | None
    flags: tuple[str, ...]
    reason: Reason | None
    wrong: Region | None
    missing: Region | None
    seen: Seen
    known: tuple[str, ...] | None = None
    values: Values | None = None
    touched: tuple[str, ...] | None = None
    objects: Objects | None = None
    size: Size | None = None
    reasons: Reasons | None = None


@dataclass(frozen=True, kw_only=True)
class Retract(SignedAct):
    """The retraction of a decision."""

    KIND: ClassVar = "retract"
    retracts: str
    item_id: str | None


@dataclass(frozen=True, kw_only=True)
class More:
    """A request for more items, sent when the page has too few that wait to be shown. `have`: those it has."""

    KIND: ClassVar = "more"
    have: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Name:
    """The name that the annotator gives."""

    KIND: ClassVar = "name"
    annotator: str


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A request for an item that isn't in the queue."""

    KIND: ClassVar = "fetch"
    item_id: str


@dataclass(frozen=True, kw_only=True)
class WantMap:
    """A request for a saliency map of another label than the suggestion."""

    KIND: ClassVar = "map"
    item_id: str
    method: str
    target: str
    against: str | None = None


@dataclass(frozen=True, kw_only=True)
class WantSegments:
    """A request for the parts of an item, for marking them."""

    KIND: ClassVar = "segments"
    item_id: str


@dataclass(frozen=True, kw_only=True)
class WantExamples:
    """A request for pictures of the examples of labels."""

    KIND: ClassVar = "examples"
    label_ids: Ids


@dataclass(frozen=True, kw_only=True)
class WantArchive:
    """A request for the whole project as one file."""

    KIND: ClassVar = "archive"


@dataclass(frozen=True, kw_only=True)
class Ask(SignedAct):
    """A question about an item, a label, or both."""

    KIND: ClassVar = "ask"
    text: str
    item_id: str | None = None
    label_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Respond(SignedAct):
    """An answer to the question that began `thread`."""

    KIND: ClassVar = "respond"
    thread: str
    text: str
    item_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settle(SignedAct):
    """A question is settled: its item or a sentence becomes part of a label's definition, or neither does."""

    KIND: ClassVar = "settle"
    thread: str
    how: Settling
    label_id: str | None = None
    text: str | None = None  # the sentence
    item_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Consent(SignedAct):
    """The annotator's yes or no to a question about consent, `to`. A no also takes back an earlier yes.

    `policy` is the one that the question was about: a yes to an earlier policy isn't a yes to today's.
    """

    KIND: ClassVar = "consent"
    to: str
    yes: bool
    policy: str | None = None
    item_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dismiss(SignedAct):
    """The annotator has read a notice."""

    KIND: ClassVar = "dismiss"
    notice: str
    item_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The end of the sitting, and a request for the notices that follow it."""

    KIND: ClassVar = "stop"


@dataclass(frozen=True, kw_only=True)
class Adjudicate(SignedAct):
    """The verdict on an item with competing answers, and why they differed."""

    KIND: ClassVar = "adjudicate"
    item_id: str
    label_id: str | None
    cause: Cause
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class WantPreview:
    """A request to preview the effect of edits, of reverting an edit, or of settling a conflicting edit.

    `ask`: number of the request. `settle`: id of an edit that conflicted with others when copies of the project were
    joined.
    """

    KIND: ClassVar = "preview"
    ask: int
    edits: Edits | None = None
    edit_id: str | None = None
    settle: str | None = None


@dataclass(frozen=True, kw_only=True)
class Apply(Act):
    """Edits of the taxonomy, which refer to the labels of version `base`."""

    KIND: ClassVar = "apply"
    edits: Edits
    why: str | None = None
    base: int | None = None


@dataclass(frozen=True, kw_only=True)
class Revert(Act):
    """An edit is reverted. This makes a new edit."""

    KIND: ClassVar = "revert"
    edit_id: str
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class SettleEdit(Act):
    """An edit that conflicted with others when copies of the project were joined is applied now, or dropped."""

    KIND: ClassVar = "settle_edit"
    edit_id: str
    apply: bool
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Assign(SignedAct):
    """Items get a label. `taxonomy` is the version that the label was chosen from."""

    KIND: ClassVar = "assign"
    item_ids: Ids
    label_id: str
    taxonomy: int | None = None


@dataclass(frozen=True, kw_only=True)
class Make(SignedAct):
    """A new label is added to the taxonomy, and items get it."""

    KIND: ClassVar = "make"
    item_ids: Ids
    name: str
    under: str | None = None
    definition: str | None = None


@dataclass(frozen=True, kw_only=True)
class LeaveOut(SignedAct):
    """Items keep their answers, since they need no place in the taxonomy. They leave the triage."""

    KIND: ClassVar = "leave_out"
    item_ids: Ids


@dataclass(frozen=True, kw_only=True)
class SendBack(SignedAct):
    """Items go back to the queue."""

    KIND: ClassVar = "send_back"
    item_ids: Ids


@dataclass(frozen=True, kw_only=True)
class Undo(SignedAct):
    """An act of triage is taken back."""

    KIND: ClassVar = "undo"
    retracts: str


@dataclass(frozen=True, kw_only=True)
class Regroup:
    """A request to group the items by similarity again."""

    KIND: ClassVar = "regroup"


@dataclass(frozen=True, kw_only=True)
class WantPictures:
    """A request for pictures of items, small or large."""

    KIND: ClassVar = "pictures"
    item_ids: Ids
    large: bool = False


# -- parts of replies and pushes


class _LabelMore(TypedDict, total=False):
    definition: str
    link: str
    colour: str
    sensitive: str


class _LabelEntryMore(_LabelMore, total=False):
    n_examples: int
    group: str
    letter: int


class LabelEntry(_LabelEntryMore):
    """A label that may be chosen. `own_key`: the taxonomy itself names its key. `group`: the path of its parent.

    `letter`: of a label without a key, its place among those that get the card's free letters, from 0.
    """

    label_id: str
    name: str
    path: str
    key: str | None
    own_key: bool


class _AttributeEntryMore(TypedDict, total=False):
    low: float
    high: float
    step: float
    choices: list[str]
    labels: list[str]
    definition: str
    sensitive: str


class AttributeEntry(_AttributeEntryMore):
    """An attribute that is asked of an item: a value on a scale from `low` to `high`, or one of some `choices`.

    `step`: the smallest change by an arrow key. `labels`: the label_ids for which it is asked; all labels if missing.
    `sensitive`: the purpose for which it is asked.
    """

    attribute_id: str
    name: str
    kind: AttributeKind


class _LabelsMore(TypedDict, total=False):
    attributes: list[AttributeEntry]


class Labels(_LabelsMore):
    """The labels to choose from, and what is asked beside them, at a version of the taxonomy."""

    version: int
    labels: list[LabelEntry]


class Place(TypedDict):
    """A label under which a new one may be put."""

    label_id: str
    name: str
    path: str


class TriageLabels(Labels):
    """The labels for triage. `other` is the one that means "something else"."""

    other: str | None
    places: list[Place]


class _TreeLabelMore(_LabelMore, total=False):
    parent: str
    key: str
    own_key: bool
    examples: list[str]
    counter_examples: list[str]


class TreeLabel(_TreeLabelMore):
    """A label of the tree."""

    label_id: str
    name: str


class _TreeLabelsMore(TypedDict, total=False):
    attributes: list[AttributeEntry]


class TreeLabels(_TreeLabelsMore):
    """The whole taxonomy, depth first. `inner_answers`: whether labels that have children may be answers.

    An attribute's `labels` are only those that were named for it, without their descendants.
    """

    version: int
    inner_answers: bool
    labels: list[TreeLabel]


class Progress(TypedDict, total=False):
    """How many items the annotator has answered, and how many are left.

    `answered`: items answered in all. `today`, `in_round`, `here`: items answered today, since the last fine-tuning,
    and in this review. `open`: items that the annotator may still be asked. `items`: items in the pool. `holdout`:
    hold-out items with an answer that is used for measuring. `round`: number of the round, from 1. `taxonomy`: version
    of the taxonomy. `asked`: length of this review's queue; missing if the review has the usual queue.
    """

    answered: int
    today: int
    in_round: int
    here: int
    asked: int
    open: int
    items: int
    round: int
    taxonomy: int
    holdout: int


class SuggestedValue(TypedDict):
    """The value of an attribute as a model suggests it, and its interval where it has one."""

    value: float | str
    low: float | None
    high: float | None


class WasObject(TypedDict):
    """The place and label of the proposal from which an object was made."""

    at: list[float]
    label_id: str


class _ObjectMore(TypedDict, total=False):
    score: float
    origin: Literal["model", "person"]
    act: ObjectAct
    iou: float
    was: WasObject
    certainty: float
    unsure: bool
    doubt: bool
    reason: ObjectReasonEntry


class ObjectEntry(_ObjectMore):
    """An object of an item, as proposed by a model, or as in the annotator's earlier answer (with `origin` and `act`).

    `was`: the proposal, if the object differs from it. `doubt`: whether its label is uncertain since an edit of the
    taxonomy, or the object may be wrong (in a second look). `reason`: the annotator's judgement of its explanation.
    """

    id: str
    kind: KindOfShape
    at: list[float]
    label_id: str


class EarlierText(TypedDict):
    """The beginning of a text that comes before the item in its group."""

    item_id: str
    text: str


class _ItemMore(TypedDict, total=False):
    before: list[EarlierText]
    objects: list[ObjectEntry]
    threshold: float
    target: str
    values: dict[str, SuggestedValue]
    values_model: str
    exposure: dict[str, Any]
    no_map: bool
    answer_first: bool
    mime: str
    broken: str
    problem: str
    candidates: list[str]
    suggestion: str
    model: str
    standing: str


class ItemEntry(_ItemMore):
    """An item of the queue; its picture, or its text in UTF-8, is the buffer.

    `probs`: label_id and probability, the likeliest first.
    `broken` says why there is no picture, `problem` why there is no prediction. `candidates`: the label_ids that an
    earlier answer may mean now, or between which the model can't decide. `standing`: the id of the annotator's decision
    that stands for it. `exposure`: fields of `Seen` that are copied unchanged into the `seen` of its decisions.
    `no_map`: no saliency map is shown. `answer_first`: suggestion and map are hidden until the person has answered;
    then they are shown, and the person keeps or changes the answer. Where an item may have several labels, `probs` has
    an independent probability for each label, `suggestion` is the id of a set, and `target` is the label whose saliency
    map is sent without a request. `values`: a model's suggestions for attributes, by attribute_id. `objects`: the
    proposals with a score of at least `threshold`, which aren't shown if the item is blind; for an item that was
    answered before, the objects of the annotator's decision. `before`: the texts before this text in its group.
    """

    item_id: str
    chosen_by: str
    blind: bool
    meta: dict[str, Any]
    height: int
    width: int
    probs: list[tuple[str, float]]


class ShownMap(TypedDict):
    """A map on the screen: its method and target, how it was shown, and what the target was compared with.

    `models`: those whose suggestions were shown with it, including its own model.
    """

    method: str
    target: str
    display: Display | None
    against: str | None
    models: list[str]


class _PastMore(TypedDict, total=False):
    map: ShownMap
    objects: list[ObjectEntry]
    counts: dict[str, int]
    values: dict[str, float | str]
    touched: list[str]


class PastDecision(_PastMore):
    """A current decision of the annotator. `counts`: number of objects for each label.

    `objects` is missing in older decisions. `map`: the map that the reason is about, if there is a reason.
    """

    decision_id: str
    item_id: str
    verdict: Verdict
    label_id: str | None
    label: str | None
    certainty: float | None
    certainty_source: CertaintySource | None
    flags: list[str]
    note: str | None
    reason: Reason | None
    wrong: RegionEntry | None
    missing: RegionEntry | None
    suggestion: str | None
    hidden: bool
    chosen_by: str | None


class _ExampleMore(TypedDict, total=False):
    answered: bool
    case: str


class ExampleEntry(_ExampleMore):
    """An example of a label, or one `against` it.

    `answered`: whether it is just an item with this answer, not one that somebody chose as an example. `case`: what
    makes it hard to see, such as "occluded".
    """

    name: str
    against: bool
    problem: str | None


class EditEntry(TypedDict):
    """An edit of the taxonomy in the log. `reverts` and `reverted_by` are versions.

    `to_settle`: whether it conflicted with others when copies of the project were joined, and isn't settled yet.
    """

    edit_id: str
    version: int
    prose: str
    annotator: str
    at: str
    why: str | None
    reverts: int | None
    reverted_by: int | None
    to_settle: bool


class EditPreview(TypedDict):
    """What an edit would do: number of answers that stay valid, of items to review again, and of these by label."""

    version: int
    prose: str
    carried: int
    again: int
    minutes: float
    measured: bool
    labels: list[tuple[str, int]]
    settled: str
    model: str


class UnplacedItem(TypedDict):
    """An item without a place in the taxonomy: why, and whose answer says so."""

    item_id: str
    why: Why
    annotator: str
    note: str | None


class PastSorting(TypedDict):
    """An act of triage that can be undone."""

    act_id: str
    act: Sorting
    n: int
    label: str | None


class Post(TypedDict):
    """An entry of a thread; `act` says whether it asks, answers, settles or reopens the question."""

    act: Literal["ask", "answer", "settle", "reopen"]
    annotator: str
    at: str
    text: str


class ThreadEntry(TypedDict):
    """A question about an item, a label or both, with its answers. `how`: how the question was settled."""

    thread: str
    item_id: str | None
    label_id: str | None
    settled: bool
    how: str | None
    posts: list[Post]


class _ConsentQuestionMore(TypedDict, total=False):
    policy: str


class ConsentQuestion(_ConsentQuestionMore):
    """What the annotator is asked to agree to, the question's text, and the id of the owner's policy."""

    to: str
    text: str


class NoticeEntry(TypedDict):
    """Something that the annotator is told: an alarm about gold, or a debriefing with a line for each item."""

    notice: str
    kind: Telling
    text: str
    lines: list[str]


class _AboutMore(TypedDict, total=False):
    asked: str


class About(_AboutMore):
    """Information on the project for all of its people: its purpose, and who sees whose figures.

    `takes_part`: what the annotator has agreed to and may stop. `asked`: which items are assigned to the annotator, if
    any, and how many of them are done.
    """

    purpose: str | None
    owner: str | None
    names: bool
    takes_part: list[str]


class LearningEntry(TypedDict):
    """What the model learns in the background, in words.

    `learnt`: number of answers on which the adopted model was trained in the background; None if there is no adopted
    model, or if it wasn't trained in the background. `text` is the state in words, `next` says what comes next, `why`
    gives more detail.
    """

    name: Literal["waiting", "learning", "frozen", "failed"]
    learnt: int | None
    text: str
    next: str
    why: str


class CompetingAnswer(TypedDict):
    """Somebody's answer, under a letter in place of their name."""

    letter: str
    label_id: str | None
    label: str | None
    certainty: float | None
    note: str | None
    reason: Reason | None
    flags: list[str]


class _CaseMore(TypedDict, total=False):
    mime: str
    broken: str


class CaseEntry(_CaseMore):
    """An item to be adjudicated; its picture is the buffer."""

    item_id: str
    meta: dict[str, Any]
    height: int
    width: int
    answers: list[CompetingAnswer]


class AdjudicationProgress(TypedDict):
    """Progress of the adjudication: verdicts, the residual error of the labels with its interval, and what is left.

    `left`: expected number of reviews until `goal` is met, None if that can't be estimated. `done`: why it may stop.
    """

    judged: int
    error: float | None
    low: float | None
    high: float | None
    goal: float | None
    left: int | None
    done: str | None


class PastVerdict(TypedDict):
    """A verdict that can be undone."""

    decision_id: str
    item_id: str
    label: str | None
    cause: Cause


# -- replies to acts


class _Ready(TypedDict, total=False):
    active: str | None  # the page that acts; the others watch


class CardReady(_Ready):
    """The reply to `Hello` on the card.

    `reading`: why nothing can be answered here, if the annotator's role doesn't allow it.
    """

    kind: Literal["ready"]
    project_id: str
    annotator: str
    annotator_is_default: bool
    task: Task
    taxonomy: Labels
    certainty: Certainty
    methods: list[str]
    keys: KeyTable
    n: int | None
    queue: str | None
    temporary: bool
    progress: Progress
    people: bool  # questions can be asked here
    about: About | None
    consent: ConsentQuestion | None
    reading: str | None


class EditorReady(_Ready):
    """The reply to `Hello` in the editor."""

    kind: Literal["ready"]
    project_id: str
    annotator: str
    keys: KeyTable


class TriageReady(_Ready):
    """The reply to `Hello` in triage."""

    kind: Literal["ready"]
    project_id: str
    annotator: str
    keys: KeyTable
    taxonomy: TriageLabels


class AdjudicationReady(_Ready):
    """The reply to `Hello` in the adjudication."""

    kind: Literal["ready"]
    project_id: str
    annotator: str
    keys: KeyTable
    taxonomy: Labels
    causes: list[tuple[Cause, str]]


class _StoredMore(TypedDict, total=False):
    aside: str


class Stored(_StoredMore):
    """The log has it. `aside`: why it counts nowhere, if the annotator's role didn't allow it."""

    kind: Literal["stored"]
    decision_id: str


class EditStored(Stored):
    """The log has the edit."""

    edit_id: str
    version: int
    prose: str


class SortingStored(Stored):
    """The log has the act of triage, with the label that it gave."""

    label: str | None
    label_id: str | None


class _RejectedMore(TypedDict, total=False):
    decision_id: str
    item_id: str
    again: bool
    decided: bool


class Rejected(_RejectedMore):
    """It was not stored. `again`: send it again, it may be stored then. `decided`: the item was decided elsewhere."""

    kind: Literal["rejected"]
    reason: str


class _NotedMore(TypedDict, total=False):
    page: str


class Noted(_NotedMore):
    """It was understood; what was asked for follows as a push. `page`: the only page that this answers."""

    kind: Literal["noted"]


# -- pushes


class Problem(TypedDict):
    """What follows is late, and why; None when that is over."""

    kind: Literal["problem"]
    reason: str | None


class Closed(TypedDict):
    """The widget takes no further acts."""

    kind: Literal["closed"]
    reason: str


class PushActive(TypedDict):
    """The page that acts; the others watch. `asks`: it is to say whether it is still there."""

    kind: Literal["active"]
    page: str | None
    asks: bool


class Examples(TypedDict):
    """The examples of a label, a buffer each."""

    kind: Literal["examples"]
    label_id: str
    examples: list[ExampleEntry]


class News(TypedDict):
    """What somebody else did in the project, in a sentence."""

    kind: Literal["news"]
    text: str


class PushThreads(TypedDict):
    """The questions of the project and what was said to them, the latest at the end."""

    kind: Literal["threads"]
    threads: list[ThreadEntry]


class PushAbout(TypedDict):
    """A change of what the owner set, what the annotator is asked to agree to, or what their role allows.

    `reading` is as in `CardReady`; `aside` says how many of the annotator's answers are kept aside, and to an owner
    whose others are.
    """

    kind: Literal["about"]
    about: About | None
    consent: ConsentQuestion | None
    reading: str | None
    aside: str | None


class PushNotices(TypedDict):
    """What the annotator is to be told and hasn't dismissed."""

    kind: Literal["notices"]
    notices: list[NoticeEntry]


class PushCase(TypedDict):
    """An item to be adjudicated, behind those that wait."""

    kind: Literal["case"]
    case: CaseEntry


class PushAdjudication(TypedDict):
    """Where the adjudication stands, and the verdicts that can be undone, the newest at the end."""

    kind: Literal["adjudication"]
    progress: AdjudicationProgress
    past: list[PastVerdict]


class PushItem(TypedDict):
    """An item of the queue. With `again`, an earlier one that the page asked for, outside the queue."""

    kind: Literal["item"]
    item: ItemEntry
    again: bool


class _PushMapMore(TypedDict, total=False):
    problem: str
    model: str
    by: str
    tokens: list[int]
    delta: float


class PushMap(_PushMapMore):
    """A saliency map, a byte a cell in the buffer (128 is zero when signed), on `box` of the item.

    `model`: the model that it explains; it isn't shown beside another model's suggestion. For a text there is a byte
    for each token; `tokens` are where they begin and end in characters, one after the other. `by`: the method, if it
    isn't the one that was asked for. `delta`: the part of the model's output that the map leaves unexplained, if known.
    """

    kind: Literal["map"]
    item_id: str
    method: str
    target: str
    against: str | None
    height: int
    width: int
    box: tuple[float, float, float, float]
    signed: bool


class _SegmentsMore(TypedDict, total=False):
    problem: str


class Segments(_SegmentsMore):
    """The number of its part for each cell of an item: uint16 in the buffer."""

    kind: Literal["segments"]
    item_id: str
    height: int
    width: int


class _DropMore(TypedDict, total=False):
    decision_id: str


class Drop(_DropMore):
    """Items leave the queue, except the first `keep` of them. `decision_id`: the decision that closed them."""

    kind: Literal["drop"]
    item_ids: list[str]
    keep: int


class PushPast(TypedDict):
    """The last decisions that stand, the newest at the end."""

    kind: Literal["past"]
    past: list[PastDecision]


class Thumbnail(TypedDict):
    """A small picture of a past item, in the buffer."""

    kind: Literal["thumbnail"]
    item_id: str


class _ArchiveMore(TypedDict, total=False):
    problem: str


class Archive(_ArchiveMore):
    """The project as a file, in the buffer."""

    kind: Literal["archive"]
    name: str


class PushProgress(TypedDict):
    """Where the annotator stands."""

    kind: Literal["progress"]
    progress: Progress


class PushLabels(TypedDict):
    """The taxonomy has changed."""

    kind: Literal["taxonomy"]
    taxonomy: Labels


class End(TypedDict):
    """No item is left: none at all, or as many are answered as were asked for."""

    kind: Literal["end"]
    reason: Literal["empty", "enough"]


class PushLearning(TypedDict):
    """What the model learns in the background has changed; None if it learns nothing there."""

    kind: Literal["learning"]
    learning: LearningEntry | None


class PushTree(TypedDict):
    """The taxonomy and its edits, the latest first; `may_settle`: whether the person's role lets them settle edits."""

    kind: Literal["taxonomy"]
    taxonomy: TreeLabels
    history: list[EditEntry]
    may_settle: bool


class Counts(TypedDict):
    """Answers that stand, and those in doubt: of each label with all under it, and of all."""

    kind: Literal["counts"]
    counts: Mapping[str, tuple[int, int]]
    count: tuple[int, int]


class _PushPreviewMore(TypedDict, total=False):
    preview: EditPreview
    problem: str


class PushPreview(_PushPreviewMore):
    """The answer to `WantPreview` number `ask`."""

    kind: Literal["preview"]
    ask: int


class Pages(TypedDict):
    """The items without a place, similar ones on the same page; for texts the words that distinguish each page."""

    kind: Literal["pages"]
    pages: list[list[UnplacedItem]]
    words: list[list[str]]


class Unplaced(TypedDict):
    """The items that have no place now, and those of them that are on no page yet."""

    kind: Literal["unplaced"]
    item_ids: list[str]
    more: list[UnplacedItem]


class PastActs(TypedDict):
    """What the annotator did in triage before, the latest at the end."""

    kind: Literal["acts"]
    acts: list[PastSorting]


class Pictures(TypedDict):
    """Pictures of items, a buffer each; a problem where there is none."""

    kind: Literal["pictures"]
    item_ids: list[str]
    problems: list[str | None]
    large: bool


class PushTriageLabels(TypedDict):
    """The taxonomy has changed."""

    kind: Literal["taxonomy"]
    taxonomy: TriageLabels


PageAct = Here | Watch | Leave
CardAct = (Hello | Decide | Retract | More | Name | Fetch | WantMap | WantSegments | WantExamples | WantArchive | Ask
           | Respond | Settle | Consent | Dismiss | Stop)
CardReply = CardReady | Stored | Rejected | Noted
CardPush = (PushItem | PushMap | Segments | Drop | PushPast | Thumbnail | Examples | Archive | PushProgress | PushLabels
            | End | News | PushThreads | PushAbout | PushNotices | PushLearning | Problem | PushActive
            | Closed)
EditorAct = Hello | WantPreview | WantExamples | Apply | Revert | SettleEdit
EditorReply = EditorReady | EditStored | Rejected | Noted
EditorPush = PushTree | Counts | PushPreview | Examples | Problem | PushActive | Closed
TriageAct = Hello | Assign | Make | LeaveOut | SendBack | Undo | Regroup | WantPictures
TriageReply = TriageReady | SortingStored | Rejected | Noted
TriagePush = Pages | Unplaced | PastActs | Pictures | PushTriageLabels | Problem | PushActive | Closed
AdjudicationAct = Hello | Adjudicate | Undo | More
AdjudicationReply = AdjudicationReady | Stored | Rejected | Noted
AdjudicationPush = PushCase | PushAdjudication | End | Problem | PushActive | Closed
AnyAct = CardAct | EditorAct | TriageAct | AdjudicationAct | PageAct
Reply = CardReply | EditorReply | TriageReply | AdjudicationReply
Push = CardPush | EditorPush | TriagePush | AdjudicationPush

NOTED: Noted = {"kind": "noted"}


# -- parts that several messages have


def labels_of(taxonomy: Taxonomy, first: Collection[str] = ()) -> Labels:
    """List the labels to choose from, with their keys and meanings.

    Parameters
    ----------
    taxonomy : Taxonomy
    first : collection of str
        label_ids of labels that come before the others, in their order; they are the first to get free keys.
    """
    labels: list[LabelEntry] = []
    answers = sorted(taxonomy, key=lambda label: label.id not in first)
    places = taxonomy.key_places
    if first:
        places = KeyPlaces().then(sorted(taxonomy.without_key, key=lambda label_id: label_id not in first),
                                  taxonomy.own_keys)
    keys = taxonomy.keys_at(places)
    for label in answers:
        entry: LabelEntry = {"label_id": label.id, "name": taxonomy.name_of(label.id), "path": taxonomy.path(label.id),
                             "key": keys[label.id], "own_key": label.key is not None}
        if keys[label.id] is None:
            entry["letter"] = places.now[label.id] - len(DIGITS)
        for name in ("definition", "link", "colour", "sensitive"):
            if text := getattr(label, name):
                entry[name] = text
        if label.parent is not None:
            entry["group"] = taxonomy.path(label.parent)
        if n_examples := len({*label.examples, *label.counter_examples, *cases_of(label)}):
            entry["n_examples"] = n_examples
        labels.append(entry)
    of: Labels = {"version": taxonomy.version, "labels": labels}
    if taxonomy.attributes:
        of["attributes"] = [_attribute_entry(attribute, taxonomy) for attribute in taxonomy.attributes]
    return of


def _attribute_entry(attribute: Attribute, taxonomy: Taxonomy) -> AttributeEntry:
    entry: AttributeEntry = {"attribute_id": attribute.id, "name": attribute.name, "kind": attribute.kind}
    if attribute.scale is None:
        entry["choices"] = list(attribute.choices)
    else:
        entry["low"], entry["high"] = attribute.scale
        entry["step"] = step_of(attribute)
    if attribute.labels:
        entry["labels"] = [label.id for label in taxonomy if attribute in taxonomy.attributes_of(label.id)]
    if attribute.definition:
        entry["definition"] = attribute.definition
    if attribute.sensitive:
        entry["sensitive"] = attribute.sensitive
    return entry


def step_of(attribute: Attribute) -> float:
    """The smallest step on a scale that the card makes: 1, or a power of ten that has 50 to 500 steps on the scale."""
    if attribute.scale is None or attribute.kind == "ordinal":
        return 1
    low, high = attribute.scale
    return float(10.0 ** math.floor(math.log10((high - low) / 50)))


def cases_of(label: Label) -> dict[str, str]:
    """List the examples of a label that are hard to see: name -> what makes them hard to see."""
    cases: Mapping[str, tuple[str, ...]] = getattr(label, "edge_cases", {})
    return {name: case for case, names in cases.items() for name in names}


# 13 branches: a part for each thing that a decision may have.
def past_of(decision: Decision, *, with_objects: bool = True) -> PastDecision:
    """Describe a past decision, with its objects or with nothing but their counts."""
    seen = decision.seen
    past: PastDecision = {
        "decision_id": decision.id, "item_id": decision.item_id, "verdict": decision.verdict,
        "label_id": decision.label_id, "label": decision.label, "certainty": decision.certainty,
        "certainty_source": seen.certainty, "flags": list(decision.flags), "note": decision.note,
        "reason": decision.reason, "wrong": _region(decision.wrong), "missing": _region(decision.missing),
        "suggestion": seen.suggestion, "hidden": seen.hidden, "chosen_by": seen.chosen_by}
    judged = decision.reason or decision.wrong or decision.missing
    if judged and seen.method is not None and seen.target is not None:
        past["map"] = {"method": seen.method, "target": seen.target, "display": seen.display, "against": seen.against,
                       "models": [model for model in (seen.model, seen.values_model) if model is not None]}
    if decision.values:
        past["values"] = dict(decision.values)
    if decision.touched is not None:
        past["touched"] = list(decision.touched)
    if decision.objects is not None:
        past["counts"] = dict(Counter(one.label_id for one in decision.objects if one.is_there))
        if with_objects:
            reasons = {one.id: one for one in decision.reasons}
            past["objects"] = [_object_entry(one, reasons.get(one.id)) for one in decision.objects]
    return past


def _object_entry(one: ObjectAnswer, reason: ObjectReason | None) -> ObjectEntry:
    entry = {name: value for name, value in one.to_dict().items() if name != "label"}
    if reason is not None:
        entry["reason"] = {name: value for name, value in reason.to_dict().items()
                           if name not in ("id", "at", "label_id")}
    return cast("ObjectEntry", entry)


def value_target(attribute: Attribute, value: float | str) -> str:
    """The target of a saliency map that explains the value of an attribute; for choices, why it is this one."""
    return attribute.id if attribute.scale is not None else f"{attribute.id}={value}"


def object_target(object_id: str) -> str:
    """The target of a saliency map that explains one object."""
    return f"object:{object_id}"


def pasts_of(decisions: Sequence[Decision]) -> list[PastDecision]:
    """Describe past decisions, the newest at the end; with up to 2,000 objects in all, those of the newest."""
    described, n_objects = [], 0
    for decision in reversed(decisions):
        n_objects += len(decision.objects or ())
        described.append(past_of(decision, with_objects=n_objects <= MOST_PAST_OBJECTS))
    return described[::-1]


def _region(region: Region | None) -> RegionEntry | None:
    return None if region is None else cast("RegionEntry", region.to_dict())


def learning_of(state: LearningState) -> LearningEntry | None:
    """Say what the model learns in the background; None if it doesn't."""
    if state.name == "off":
        return None
    right = state.out_of_fold
    left = f"in {state.n_until_next:\u2007>2}"  # padded with a space as wide as a digit: the words before it don't move
    if state.name == "frozen":
        text, follows = "The model is frozen while the bias experiment runs", ""
    elif right is not None:
        share = f"{right:.0%}".replace("%", " %")
        text = f"The model has learnt {right.n:,} answers (right on {share} of answers it hadn't seen)"
        follows = f"learning failed, next try {left}" if state.name == "failed" else f"next {left}"
    elif state.name == "failed":
        text, follows = "Learning failed", f"next try {left}"
    else:
        text, follows = "The model learns from your answers", f"{'again' if state.why else 'first'} {left}"
    if state.name == "learning" or (state.name == "waiting" and not state.n_until_next):
        follows = "learning now"
    why = " ".join(filter(None, ["Answers to items of the random hold-out measure, and aren't learnt.", state.why]))
    return {"name": state.name, "learnt": None if right is None else right.n, "text": text, "next": follows,
            "why": state.why if state.name == "frozen" else why}


def examples_of(names: Iterable[tuple[bool, str]], picture: Callable[[str], bytes],
                most: int, cases: Mapping[str, str] | None = None) -> tuple[list[ExampleEntry], list[bytes]]:
    """List a label's examples, and their pictures.

    Parameters
    ----------
    names : iterable of (bool, str)
        Whether it is an example against the label, and the example's name.
    picture : callable
        From a name to a PNG; a `HitlError` that it raises becomes the example's problem.
    most : int
        Maximum number of examples for the label, of those against it, and of further ones from `cases`.
    cases : mapping of str to str, optional
        Name of an example that is hard to see -> what makes it hard to see.
    """
    cases = cases or {}
    examples: list[ExampleEntry] = []
    buffers: list[bytes] = []
    for against, name in names:
        if sum(each["against"] == against and ("case" in each) == (name in cases) for each in examples) >= most:
            continue
        problem = None
        try:
            buffers.append(picture(name))
        except HitlError as error:
            buffers.append(b"")
            problem = str(error)
        entry: ExampleEntry = {"name": name, "against": against, "problem": problem}
        if name in cases:
            entry["case"] = cases[name]
        examples.append(entry)
    return examples, buffers
