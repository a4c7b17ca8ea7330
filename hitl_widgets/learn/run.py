"""What did a round of labelling teach the model?

A round ends with a fine-tuning: the answers of the training items become a training set, a copy of the net learns from
it, and old and new are measured on the same items, which nobody chose. Read `finetune` first, step by step.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import torch
from torch import nn

from ..errors import BadInput, TrainingStopped
from ..events import canonical
from ..explain.explanations import before_and_after
from ..quality.metrics import Metrics, compare, measure
from ..records import Estimate
from ..taxonomy.labels import Taxonomy
from ..widgets.live import Live
from .checkpoint import Checkpoint
from .feedback import Feedback, feedback_of
from .losses import PARTIAL
from .nets import is_kmeans_net, train_and_choose, train_head
from .predict import weights_version
from .rationales import RationaleMethod, Rationales
from .registry import Shelf
from .reliance import Reliance
from .soft_labels import soft_labels
from .train import SMOOTHING, LabelledImages, Trained, random_affine, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

Start = Literal["adopted", "initial", "frozen"]
Adopt = Literal["better", "always", "never"]
Reasons = Literal["auto", "penalty", "invariance", "off"]
Certainty = Literal["weight", "soft", "off"]


@dataclass(frozen=True)
class Run:
    """What came of one fine-tuning.

    Attributes
    ----------
    before, after : `Metrics` of the adopted model and of the new one, on the same measuring items
    gain : after minus before in accuracy, with the paired 95 % interval
    model : version of the new model
    adopted : whether it is the project's model now
    n_training, n_validation : how many items taught, and how many more chose the best epoch
    history : one row per epoch
    stopped_because : "done", "early" or "budget"
    seconds : how long it took
    net : the trained net itself; None for a run that was read from the log
    relies_before, relies_after : how much each model leans on what people marked as wrong; None where nobody marked
        anything, or there was no model before
    reasons : how the loss heard what people marked: "penalty", "invariance" or "off"
    taken : whether a frozen body or the small CNN was taken, and why; "" where there was no choice
    witness : draws what `plot_reasons` shows; None where nobody marked anything
    """

    before: Metrics
    after: Metrics
    gain: Estimate
    model: str
    adopted: bool
    n_training: int
    history: pd.DataFrame
    stopped_because: str
    seconds: float
    round: int
    n_validation: int = 0
    net: nn.Module | None = field(default=None, repr=False)
    relies_before: Reliance | None = None
    relies_after: Reliance | None = None
    reasons: str = "off"
    taken: str = ""
    witness: Callable[..., Plot] | None = field(default=None, repr=False, compare=False)

    def plot(self) -> Plot:
        """Before and after, per label and in all, with 95 % intervals."""
        from ..drawing.plots import plot_gain
        return plot_gain(self.before, self.after, self.gain)

    def plot_reasons(self, n: int = 4, *, method: str = "saliency") -> Plot:
        """Some of the items on which a wrong region was marked: where, and the maps of the models before and after.

        Parameters
        ----------
        n : of so many items, drawn evenly from all that are marked
        method : as for `Workbench.explain`; each map is for the label that people gave the item

        Raises
        ------
        BadInput
            When no wrong region was marked, or there was no model before.
        ModelError
            When a model's weights are gone, or the method doesn't serve it.
        """
        if self.witness is None:
            raise BadInput("nobody had marked a region when this run was made; mark some on the card, or with "
                           "wb.decide(..., wrong=mask), and fine-tune again.")
        return self.witness(n=n, method=method)

    def table(self) -> pd.DataFrame:
        """Recall per label before and after: label, n, before, after, gain; then the accuracy in a row "all",
        and where people marked regions, what the models' reliance on them was: the smaller the better."""
        before, after = self.before.per_label, self.after.per_label
        frame = pd.DataFrame({"label": after["label"], "n": after["n"],
                              "before": before["recall"].reindex(after.index), "after": after["recall"]})
        frame.loc["all"] = ["all", self.after.n, float(self.before["accuracy"]), float(self.after["accuracy"])]
        for name, figure in (self.relies_after.rows() if self.relies_after else {}).items():
            former = self.relies_before.rows()[name] if self.relies_before else float("nan")
            frame.loc[name] = [name, figure.n, float(former), float(figure)]
        return frame.assign(gain=frame["after"] - frame["before"]).reset_index(drop=True)

    def __repr__(self) -> str:
        verdict = "adopted" if self.adopted else "not adopted: the former model stands"
        return "\n".join([
            f"round {self.round}: model {self.model}, {verdict}",
            f"learned from {self.n_training} items in {len(self.history)} epochs, {self.seconds:.0f} s; "
            f"{self.n_validation} more chose the epoch",
            f"accuracy before  {self.before['accuracy'] if self.before.n else f'none ({self.gain.why})'}",
            f"accuracy after   {self.after['accuracy']}",
            f"gain             {self.gain}", *([f"taken: {self.taken}"] if self.taken else []), *self._reliance()])

    def _reliance(self) -> list[str]:
        if self.relies_after is None:
            return []
        lines = [f"reasons: {self.reasons}; regions marked as wrong cover {self.relies_after.area:.1%} of their views"]
        for name, figure in self.relies_after.rows().items():
            lines.append(f"{name}: {self.relies_before.rows()[name] if self.relies_before else 'none'} before, "
                         f"{figure} after")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """What the log keeps of it."""
        return {"model": self.model, "adopted": self.adopted, "n_training": self.n_training,
                "n_validation": self.n_validation, "round": self.round,
                "before": self.before.to_dict(), "after": self.after.to_dict(),
                "gain": None if not self.gain.n else [float(self.gain), self.gain.n, self.gain.low, self.gain.high],
                "why": self.gain.why, "stopped_because": self.stopped_because, "seconds": self.seconds,
                "accuracy": None if not self.after.n else float(self.after["accuracy"]), "n": self.after.n,
                "history": [{name: None if value != value else value for name, value in row.items()}
                            for row in self.history.to_dict("records")],
                **({"taken": self.taken} if self.taken else {}),
                **({} if self.relies_after is None else {
                    "reasons": self.reasons, "relies_after": self.relies_after.to_dict(),
                    "relies_before": None if self.relies_before is None else self.relies_before.to_dict()})}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Run:
        """Read what `to_dict` wrote."""
        value, n, low, high = body["gain"] or (float("nan"), 0, float("nan"), float("nan"))
        return cls(before=Metrics.from_dict(body["before"]), after=Metrics.from_dict(body["after"]),
                   gain=Estimate(value, low, high, n=n, why=body["why"]), model=body["model"],
                   adopted=body["adopted"], n_training=body["n_training"], history=pd.DataFrame(body["history"]),
                   stopped_because=body["stopped_because"], seconds=body["seconds"], round=body["round"],
                   n_validation=body["n_validation"], reasons=body.get("reasons", "off"),
                   taken=body.get("taken", ""),
                   relies_before=_reliance_of(body.get("relies_before")),
                   relies_after=_reliance_of(body.get("relies_after")))


def _reliance_of(body: Mapping[str, Any] | None) -> Reliance | None:
    return None if body is None else Reliance.from_dict(body)


def training_set(shelf: Shelf, *, certainty: Certainty | str = "weight") -> LabelledImages:
    """The current annotations as a torch Dataset: consensus of the training items, as the net will see them.

    With "weight" an item counts by its annotators' certainty (`consensus.label_weights`), with "off" by the share of
    them that agree, whatever their certainty. With "soft" its target is its row of `soft_labels`.
    An answer that an edit left in doubt, and one that is an inner node, is learnt as one of several
    (`LabelledImages.candidates`).
    """
    if certainty not in get_args(Certainty):
        raise BadInput(f"certainty is {certainty!r}; one of {', '.join(get_args(Certainty))} is expected.")
    pool, taxonomy = shelf.project.pool, shelf.project.taxonomy
    label_ids, narrowed = taxonomy.label_ids, shelf.project.narrowed_answers()
    open_to = {label_id: _open_to(taxonomy, label_id) for label_id in label_ids}
    given: Sequence[str] | np.ndarray
    if certainty == "soft":
        believed = soft_labels(shelf)
        narrowed = narrowed[~narrowed["item_id"].isin(believed.item_ids)]
        any_of = [[float(label_id in some) / len(some) for label_id in label_ids] for some in narrowed["label_ids"]]
        positions, probs = believed.positions, np.array([*believed.probs, *any_of]).reshape(-1, len(label_ids))
        given = (1 - SMOOTHING) * probs + SMOOTHING / len(label_ids)  # doubted as any answer is
        said, weights = [label_ids[top] for top in believed.probs.argmax(axis=1)], [1.0] * len(positions)
    else:
        answers = shelf.project.training_answers()
        positions, said = answers["position"].tolist(), answers["label_id"].tolist()
        given = said + [some[0] for some in narrowed["label_ids"]]
        weights = answers["share" if certainty == "off" else "weight"].tolist()
    return LabelledImages(pool, positions + narrowed["position"].tolist(), given, label_ids, preprocess=shelf.view,
                          weights=weights + ([1.0] * len(narrowed) if certainty == "off" else
                                             narrowed["weight"].tolist()),
                          candidates=[open_to[label_id] for label_id in said] + narrowed["label_ids"].tolist(),
                          names=[taxonomy.name_of(label_id) for label_id in label_ids])


def _open_to(taxonomy: Taxonomy, label_id: str) -> tuple[str, ...]:
    """The labels of which an answer may be: itself and, of an inner node, those below it."""
    return (label_id, *(label.id for label in taxonomy.below(label_id)))


def finetune(shelf: Shelf, *, epochs: int = 20, budget_s: float | None = None, start: Start | str = "adopted",
             adopt: Adopt | str = "better", seed: int | None = None, reasons: Reasons | str = "auto",
             certainty: Certainty | str = "weight", body: float = 1.0) -> Run:
    """Train on what people said, measure what it gained, adopt it unless it is worse; see `Workbench.finetune`.

    A run whose answers and arguments are those of a former session's isn't made again: it is read from the log, so
    that a notebook that is run from the top ends where it ended before.
    """
    with shelf.training:  # one after the other: each is measured against what is adopted then
        return _finetune(shelf, epochs=epochs, budget_s=budget_s, start=start, adopt=adopt, seed=seed,
                         reasons=reasons, certainty=certainty, body=body)


def _finetune(shelf: Shelf, *, epochs: int, budget_s: float | None, start: Start | str, adopt: Adopt | str,
              seed: int | None, reasons: Reasons | str, certainty: Certainty | str, body: float) -> Run:
    project = shelf.project
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise BadInput(f"epochs is {epochs!r}; a whole number, 1 or more, is expected.")
    if budget_s is not None and (isinstance(budget_s, bool) or not isinstance(budget_s, (int, float)) or budget_s <= 0):
        raise BadInput(f"budget_s is {budget_s!r}; a number of seconds above 0 is expected, or None.")
    if isinstance(body, bool) or not isinstance(body, (int, float)) or not 0 < body <= 1:
        raise BadInput(f"body is {body!r}; a share of the last layer's rate is expected, above 0 and up to 1. To leave "
                       "layers as they are, pass a net whose weights there have requires_grad=False.")
    for name, value, known in (("start", start, get_args(Start)), ("adopt", adopt, get_args(Adopt)),
                               ("reasons", reasons, get_args(Reasons)),
                               ("certainty", certainty, get_args(Certainty))):
        if value not in known:
            raise BadInput(f"{name} is {value!r}; one of {', '.join(known)} is expected.")
    seed = project.settings["seed"] if seed is None else seed
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise BadInput(f"seed is {seed!r}; a whole number is expected.")
    items = training_set(shelf, certainty=certainty)
    if not len(items):
        raise BadInput("there are no annotations to learn from yet; label some items of the queue first, or bring "
                       "labels with wb.import_annotations(df). Hold-out and gold items measure, they never teach.")
    truth = project.reference()
    marked = feedback_of(shelf, items)
    how = heard(reasons, start=start if shelf.adopted else "initial", marked=marked)
    key = _key(items, truth, epochs=epochs, budget_s=budget_s, start=start, adopt=adopt, seed=seed,
               **({} if marked is None else {"reasons": how, "marks": marked.regions}),
               **({} if certainty == "weight" else {"certainty": certainty}), **({} if body == 1 else {"body": body}))
    former = _former(shelf, key)
    if former is not None:
        project.notify(f"Nothing was said since round {former.round} that it didn't learn from: this is what it "
                       "gained. To train on all the same, pass another seed.")
        return former if marked is None else replace(
            former, witness=partial(before_and_after, shelf, marked.regions, former.round))
    began = time.monotonic()
    n_round = project.round
    before_probs = _before(shelf, list(truth))
    relies_before = None if marked is None or shelf.adopted is None else marked.reliance_of(shelf.predictor, seed=seed)
    marks: Rationales | None = None if marked is None or how == "off" else marked.rationales
    net = shelf.start(start, seed=seed)
    # Rationales teach the body; without any, a frozen one needs to read each item once only.
    whole = partial(train, augment=random_affine, marks=marks, reasons="penalty" if how == "penalty" else "invariance",
                    body=body, head=shelf.head)
    learn: Callable[..., Any] = train_head if is_kmeans_net(net) and marks is None else whole
    rivals = start == "adopted" and shelf.own and marks is None and (shelf.adopted is None or is_kmeans_net(net))
    if rivals:  # both from first weights: a last layer alone forgets nothing by it
        net = shelf.start("initial", seed=seed)
        learn = partial(train_and_choose, whole, frozen=shelf.start("frozen", seed=seed))
    checkpoint = _checkpoint(shelf, key, net)
    with checkpoint.removed_on(TrainingStopped), leaving_a_core(), \
            Live(epochs, title=f"Round {n_round}: learning from {len(items)} items") as live:
        trained = learn(net, items.images, items.targets, weights=items.weights, candidates=items.candidates,
                        draws=items.draws, epochs=epochs, budget_s=budget_s, seed=seed, progress=live,
                        checkpoint=checkpoint, device=shelf.device)
        trained, taken = trained if rivals else (trained, "")
    if trained.stopped_because == "interrupted":
        project.notify("Interrupted: nothing was adopted, the former model stands. The same call goes on from the last "
                       "epoch that was finished.")
        raise KeyboardInterrupt
    run = replace(_measured(shelf, trained, truth, before_probs, adopt=adopt, n_round=n_round, began=began),
                  taken=taken)
    if taken:
        project.notify(f"Of two nets trained, this run took {taken}.")
    if marked is not None:
        relies_after = marked.reliance_of(shelf.predictor_of(trained.net, project.taxonomy.label_ids), seed=seed)
        run = replace(run, reasons=how, relies_before=relies_before, relies_after=relies_after,
                      witness=partial(before_and_after, shelf, marked.regions, n_round),
                      seconds=round(time.monotonic() - began, 1))
    shelf.keep(trained.net, run.model)
    project.record("trained", {**run.to_dict(), "key": key, "start": start, "seed": seed})
    shelf.made_here.add(key)
    if run.adopted:
        shelf.adopt(trained.net, origin="trained")
    checkpoint.remove()
    project.log.keep_copy(f"round-{n_round}")
    return run


def heard(reasons: Reasons | str, *, start: Start | str, marked: Feedback | None) -> RationaleMethod | Literal["off"]:
    """How the loss hears what was marked: "auto" takes the penalty for a net that learns from the start, invariance for
    one that learnt before, since a short fine-tuning with the penalty makes a wrong reason flat, not weak."""
    if marked is None or not len(marked.rationales) or reasons == "off":
        return "off"
    if reasons == "auto":
        return "penalty" if start == "initial" else "invariance"
    return "penalty" if reasons == "penalty" else "invariance"


@contextmanager
def leaving_a_core() -> Iterator[None]:
    """Let torch take all cores but one.

    Its threads spin while they wait for each other. With one on every core, whatever else runs, such as the browser and
    the card's maps, stops all of them again and again: a training then took eight times as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, min(threads, (os.cpu_count() or 1) - 1)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _key(items: LabelledImages, truth: Mapping[str, str], **arguments: Any) -> str:
    """What a run follows from: answers, known answers and arguments, but not the model it starts from."""
    by_degrees = items.targets.ndim == 2
    said: list[Any] = [
        [item_id, [round(float(p), 3) for p in target] if by_degrees else
         None if target == PARTIAL else items.label_ids[target], round(float(weight), 6)]
        for item_id, target, weight in zip(items.item_ids, items.targets, items.weights, strict=True)]
    if items.candidates is not None:
        said = [*said, np.packbits(items.candidates, axis=1).tolist()]
    text = canonical({"said": said, "truth": dict(truth), "labels": list(items.label_ids), **arguments})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _checkpoint(shelf: Shelf, key: str, net: nn.Module) -> Checkpoint:
    """Where this run's state is kept until it is done; other runs that were stopped are given up."""
    checkpoint = Checkpoint(shelf.project.folder / "training" / f"{key}.safetensors", fingerprint=weights_version(net))
    if checkpoint.path.parent.exists():
        for other in set(checkpoint.path.parent.iterdir()) - {checkpoint.path}:
            other.unlink(missing_ok=True)
    if checkpoint.n_epochs:
        shelf.project.notify(f"This training was stopped after epoch {checkpoint.n_epochs}; it goes on from there.")
    return checkpoint


def _former(shelf: Shelf, key: str) -> Run | None:
    """A former session's run of this key, as long as its outcome still stands."""
    if key in shelf.made_here:
        return None
    for event in reversed(list(shelf.project.log.events(kind="trained"))):
        if event.body["key"] == key and (not event.body["adopted"] or event.body["model"] == shelf.adopted):
            return Run.from_dict(event.body)
    return None


def _before(shelf: Shelf, item_ids: list[str]) -> np.ndarray | None:
    """What the adopted model says of the measuring items, under today's labels; None without a model."""
    if shelf.adopted is None:
        return None
    places = shelf.project.pool.positions(item_ids)
    predictions = shelf.project.ranking.predictions
    assert predictions is not None
    if len(missing := predictions.missing(places)):
        shelf.ask(missing)
    return shelf.project.ranking.probs(shelf.project.lineage, places)


def _measured(shelf: Shelf, trained: Trained, truth: Mapping[str, str], before_probs: np.ndarray | None, *,
              adopt: str, n_round: int, began: float) -> Run:
    taxonomy, pool = shelf.project.taxonomy, shelf.project.pool
    label_ids, names = taxonomy.label_ids, [taxonomy.name_of(label_id) for label_id in taxonomy.label_ids]
    item_ids, answers = list(truth), list(truth.values())
    predictor = shelf.predictor_of(trained.net, label_ids)
    after_probs = predictor.predict(pool.positions(item_ids).tolist())
    after = measure(after_probs, answers, label_ids, names)
    if before_probs is None:
        before = measure(np.empty((0, len(label_ids))), [], label_ids, names)
        why = "there was no model before" if truth else _nothing_measures(shelf)
        gain = Estimate(math.nan, why=why)
    else:
        before = measure(before_probs, answers, label_ids, names)
        both = ~np.isnan(before_probs).any(axis=1) & ~np.isnan(after_probs).any(axis=1)
        wanted = np.array([label_ids.index(answer) for answer in answers], np.int64)[both]
        gain = compare(before_probs[both].argmax(axis=1) == wanted, after_probs[both].argmax(axis=1) == wanted)
        if not gain.n:
            gain = Estimate(math.nan, why=_nothing_measures(shelf))
    worse = gain.n > 0 and gain.high < 0
    return Run(before=before, after=after, gain=gain, model=predictor.version, n_training=trained.n_training,
               adopted=adopt == "always" or (adopt == "better" and not worse), history=trained.history,
               stopped_because=trained.stopped_because, seconds=round(time.monotonic() - began, 1), round=n_round,
               n_validation=trained.n_validation, net=trained.net)


def _nothing_measures(shelf: Shelf) -> str:
    if not shelf.project.settings["holdout"]:
        return "this project has no hold-out, and no gold"
    return "no hold-out item has been answered yet; the queue mixes them in"
