"""`CardHost`, the protocol of the project that a card serves.

The workbench offers a host to `Review` and to labellers of ipyannotations; for tests there is one in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from ..items.images import Picture
from ..records import Attribution, Decision, Item, Items, LearningState, PredictedValue, Prediction, Region, Seen
from ..taxonomy.labels import Taxonomy


class ItemPictures(Protocol):
    """The pictures, or texts, of the items by their positions in the pool. Each raises ItemError for a broken item."""

    @property
    def kind(self) -> Literal["image", "text"]:
        """What the items are."""

    def picture(self, position: int) -> Picture:
        """Encode an item for the screen, with the size that the item itself has; a text as UTF-8."""

    def thumbnail(self, position: int) -> bytes:
        """Encode an item as a small PNG, or the beginning of a text as UTF-8."""

    def size(self, position: int) -> tuple[int, int]:
        """Height and width of an item; for a text 1 and how many characters it has."""

    def fetch_ahead(self, positions: Iterable[int], *, first: bool = False,
                    then: Callable[[], None] | None = None) -> None:
        """Have the files of some items fetched, and call `then` for each when it is there, or can't be."""

    def is_fetching(self, position: int) -> bool:
        """Whether an item can't be read yet, since its file is on its way."""

    def load(self, position: int) -> Any:
        """Read an item as uint8, shape (H, W) or (H, W, 3), or a text as str."""


class ShownObjects(Protocol):
    """The objects of an item as shown to a person; see `hitl_widgets.records.Seen` for the fields."""

    @property
    def objects(self) -> Sequence[Mapping[str, Any]]:
        """The objects on the screen; if they are hidden, those that would be shown."""

    @property
    def withheld(self) -> Sequence[Mapping[str, Any]]:
        """The objects that are withheld from the person at random."""

    @property
    def threshold(self) -> float | None:
        """The score from which proposals are shown."""

    @property
    def threshold_probability(self) -> float | None:
        """The probability with which this threshold was drawn."""

    @property
    def model(self) -> str | None:
        """The model that proposed the objects."""


class CardHost(Protocol):
    """The project as a card sees it. All of it may be called on any thread."""

    @property
    def project_id(self) -> str:
        """The project's own random id."""

    @property
    def annotator(self) -> str:
        """The annotator of acts that name nobody."""

    @property
    def annotator_is_default(self) -> bool:
        """Whether that name was never chosen, so that the card asks for one."""

    @property
    def task(self) -> str:
        """What is asked of an item: one of `hitl_widgets.records.TASKS`."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's labels: another object after each edit."""

    @property
    def pool(self) -> ItemPictures:
        """The pictures of the items."""

    def rename_annotator(self, name: str) -> None:
        """Decide under another name from now on."""

    def claim(self, n: int = 20, *, strategy: Any = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """Hold the next `n` items for an annotator, besides those that are on the card already."""

    def following(self) -> AbstractContextManager[None]:
        """Take in what other processes stored; quick where there is nothing. Listeners are told.

        Inside this context, the other methods use this one look at the log, and what this process stores.
        """

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard`, on another thread, when somebody stored something, where the log can notify.

        The returned function ends it. A card also looks every few seconds, without being called.
        """

    @property
    def news(self) -> Sequence[str]:
        """What others did while the project was open, a sentence each, the latest at the end."""

    def standing(self, item_ids: Iterable[str], annotator: str | None = None) -> Mapping[str, str]:
        """List the decisions of an annotator that stand for some items: item_id -> decision id."""

    def release(self, item_ids: Iterable[str], annotator: str | None = None) -> None:
        """Give claimed items back."""

    def prepare(self, items: Iterable[Item]) -> None:
        """Predict these items, so that `prediction` answers at once."""

    def item(self, item_id: str) -> Item:
        """Find an item outside the queue, to be shown again."""

    def latest(self, n: int = 50, annotator: str | None = None) -> Sequence[Decision]:
        """List the last `n` decisions of an annotator that stand, the newest at the end."""

    def earlier(self, position: int) -> Sequence[tuple[str, str]]:
        """List what came before a text in its group: ids and beginnings of a few texts, the nearest last."""

    def example(self, name: str) -> bytes:
        """Encode a label's example as a small PNG, or the beginning of a text as UTF-8."""

    def archive(self, path: Path) -> Path:
        """Write the whole project into one file."""

    def prediction(self, position: int) -> Prediction | None:
        """Predict one item; None without a model."""

    def predicted_values(self, position: int) -> Mapping[str, PredictedValue]:
        """Predict the attributes of one item, by their ids; empty where nothing predicts them."""

    def shown_objects(self, item: Item, annotator: str | None = None) -> ShownObjects:
        """Say what an annotator is shown of an item's objects, where these are asked for."""

    def explanation(self, position: int, *, method: str, target: str,
                    against: str | None = None) -> Attribution | None:
        """Explain why a model would choose the label `target`, or `target` rather than `against`; None without one.

        Where objects are asked for, the target is "object:" and the id of a proposal.
        """

    def decide(self, item_id: Any, verdict: str | None = None, *, label: str | None = None,
               values: Mapping[str, Any] | None = None, objects: Iterable[Any] | None = None,
               touched: Iterable[str] | None = None, certainty: float | None = None, note: str | None = None,
               flags: Sequence[str] = (), reason: str | None = None, wrong: Region | None = None,
               missing: Region | None = None, reasons: Mapping[str, Any] | None = None, seen: Seen | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None,
               known: Collection[str] | None = None) -> Decision:
        """Store a decision. The same `id` a second time changes nothing.

        `label` may be the id of a set of labels. With `known`,
        AlreadyDecided where a decision of this annotator stands that isn't among these ids.
        """

    def retract(self, decision_id: str, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Decision:
        """Take a decision back; it is returned."""

    def tally(self, annotator: str | None = None) -> Mapping[str, Any]:
        """Count where an annotator stands: answered, today, in_round, open, items, round."""

    def waiting(self, queue: str, annotator: str | None = None) -> int:
        """Count the items of a queue such as "second_look" that an annotator is asked about."""

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with "decisions", "taxonomy", "model" or "learning" after each change.

        The returned function ends it.
        """


@runtime_checkable
class ThreadHost(Protocol):
    """A project in which questions can be asked. Who acts is the host's annotator where no name is given."""

    def ask(self, text: str, *, item_id: str | None = None, label_id: str | None = None, id: str | None = None,
            annotator: str | None = None, acted_at: datetime | None = None) -> Any:
        """Ask about an item, a label or both; `id` becomes the thread's id, and a second time changes nothing."""

    def reply(self, thread: str, text: str, *, id: str | None = None, annotator: str | None = None,
              acted_at: datetime | None = None) -> Any:
        """Answer a question."""

    def settle(self, thread: str, how: str = "none", *, label_id: str | None = None, text: str | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Any:
        """Settle a question.

        `how` is "example" or "counter_example" (the thread's item becomes one of the label), "sentence" (`text` is
        added to the label's definition), or "none".
        """

    def threads(self) -> Sequence[Mapping[str, Any]]:
        """List the questions, the latest at the end: `hitl_widgets.widgets.messages.ThreadEntry`."""


@runtime_checkable
class PolicyHost(Protocol):
    """A project whose owner has set a policy for its people, and that sends notices to them."""

    def about(self, annotator: str | None = None) -> Mapping[str, Any] | None:
        """Return the information for all people, `hitl_widgets.widgets.messages.About`; None if nothing was set."""

    def asks_consent(self, annotator: str | None = None) -> Mapping[str, Any] | None:
        """Return the question of consent to ask the annotator now: a mapping of `to`, `text` and `policy`, or None."""

    def consent(self, to: str, yes: bool, *, policy: str | None = None, id: str | None = None,
                annotator: str | None = None, acted_at: datetime | None = None) -> Any:
        """Store the annotator's yes or no; `to` and `policy` are those of the question that they read."""

    def notices(self, annotator: str | None = None) -> Sequence[Mapping[str, Any]]:
        """List the notices that the annotator hasn't dismissed: `hitl_widgets.widgets.messages.NoticeEntry`."""

    def dismiss(self, notice: str, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Any:
        """Note that the annotator has read a notice."""

    def end_sitting(self, annotator: str | None = None) -> Any:
        """End the annotator's sitting: they get a notice with the suggestions that were wrong on purpose, if any."""


@runtime_checkable
class AssigningHost(Protocol):
    """A project in which items are assigned to people. Listeners are told "assigned" when that changes."""

    def own_labels(self, annotator: str | None = None) -> Sequence[str]:
        """List the label_ids that are assigned to the annotator. They are offered first. Empty if there are none."""


@runtime_checkable
class RolesHost(Protocol):
    """A project whose people have roles. Its `decide` and `retract` take `keep_aside`.

    With `keep_aside`, an act that the annotator's role doesn't allow is stored but doesn't count. Without it,
    NotAllowed is raised. Listeners are called with "people" when a role changes.
    """

    def reading(self, annotator: str | None = None) -> str | None:
        """Say why the annotator may only read; None where their role allows answers. Quick."""

    def aside(self, annotator: str | None = None) -> str | None:
        """Say how many of the annotator's answers are stored but don't count; None if there are none.

        An owner is also told which other people have answers that don't count.
        """

    def kept_aside(self, id: str, annotator: str | None = None) -> str | None:
        """Say why an act that was stored just now doesn't count; None if it counts."""


@runtime_checkable
class LearningHost(Protocol):
    """A project in which a model may learn in the background. Listeners are told "learning" when that changes."""

    @property
    def learning(self) -> LearningState:
        """The state of the learning; quick, on any thread."""


class AdjudicationHost(Protocol):
    """The adjudication of a project, as its widget sees it: `taxonomy` and `pool` are the project's."""

    @property
    def project_id(self) -> str:
        """The project's own random id."""

    @property
    def annotator(self) -> str:
        """The person who adjudicates."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's labels."""

    @property
    def pool(self) -> ItemPictures:
        """The pictures of the items."""

    def item(self, item_id: str) -> Item:
        """Find an item."""

    def cases(self, n: int, *, showing: Collection[str] = ()) -> Sequence[str]:
        """List the next items to adjudicate, beside those that are shown already."""

    def answers(self, item_id: str) -> Sequence[Mapping[str, Any]]:
        """List the competing answers to an item, anonymous: `hitl_widgets.widgets.messages.CompetingAnswer`."""

    def adjudicate(self, item_id: str, label_id: str | None, cause: str, *, note: str | None = None,
                   id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Any:
        """Store a verdict."""

    def retract(self, verdict_id: str, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Any:
        """Take a verdict back."""

    def progress(self) -> Mapping[str, Any]:
        """Report the progress: `hitl_widgets.widgets.messages.AdjudicationProgress`."""

    def verdicts(self, n: int = 50) -> Sequence[Mapping[str, Any]]:
        """List the annotator's last verdicts that stand: `hitl_widgets.widgets.messages.PastVerdict`."""


def own_labels(host: CardHost) -> tuple[str, ...]:
    """The labels that are offered first, where an item may have several: those assigned to the annotator."""
    if host.task != "multilabel" or not isinstance(host, AssigningHost):
        return ()
    return tuple(host.own_labels(host.annotator))
