"""What do two models say differently?

A gain of two points may be ten items won and eight lost. Read `flips`, which is what `Workbench.flips` does, and
`Flips`, which it gives.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import BadInput
from ..learn.predict import NetPredictor
from ..learn.registry import Shelf
from ..storage.arrays import Predictions, under_today

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

AT_ONCE = 256
SAID = {"before": "as before", "after": "as after", "neither": "neither"}
PLOTTED, SIDE = 12, 160
NUMBERS = ("before_confidence", "after_confidence", "moved")
COLUMNS = ["item_id", "before", "before_confidence", "after", "after_confidence", "moved", "answer", "right", "role"]


class Flips:
    """The items of which one model says another label than the other.

    Attributes
    ----------
    before, after : versions of the two models
    n_items : how many items both were asked about; what can't be read isn't among them
    items : DataFrame, one row per item that flipped, those that moved most first: item_id; before, before_confidence,
        after, after_confidence (the label each model suggests, and its probability); moved, the total variation between
        the two predictions, from 0 to 1; answer, the known label or None; right, "before", "after", "neither", or None
        where no answer is known; role, "measures" (hold-out and gold), "teaches", or None
    """

    def __init__(self, shelf: Shelf, *, before: str, after: str, n_items: int, items: pd.DataFrame) -> None:
        self._shelf, self.before, self.after, self.n_items, self.items = shelf, before, after, n_items, items

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        lines = [f"{self.before} -> {self.after}: {len(self)} of {self.n_items} items flipped"]
        for role, said in (("measures", "whose answer measures"),
                           ("teaches", "that teach, which it may know by heart")):
            of = self.items[self.items["role"] == role]["right"].value_counts()
            if of.sum():
                lines.append(f"of {of.sum()} {said}: {of.get('after', 0)} became right, {of.get('before', 0)} became "
                             f"wrong, {of.get('neither', 0)} were and are wrong")
        return "\n".join(lines)

    def plot(self, n: int = PLOTTED) -> Plot:
        """Thumbnails of the first n: what was said before and after, and what is right."""
        from ..drawing.plots import plot_flips
        pool, shown = self._shelf.project.pool, []
        for row in self.items.head(n).itertuples():
            with Image.open(io.BytesIO(pool.thumbnail(pool.position(row.item_id), side=SIDE))) as picture:
                image = np.asarray(picture.convert("RGB"))
            answer = "no answer yet" if row.answer is None else f"answer: {row.answer}, {SAID[row.right]}"
            shown.append((image, f"{row.item_id}\n{row.before} {row.before_confidence:.2f}\n"
                                 f"> {row.after} {row.after_confidence:.2f}\n{answer}", row.right))
        return plot_flips(shown, f"{len(self)} of {self.n_items} items flipped, {self.before} > {self.after}")


def flips(shelf: Shelf, before: str | None = None, after: str | None = None, *, n: int | None = None) -> Flips:
    """See `Workbench.flips`."""
    project = shelf.project
    new, new_labels = shelf.version(after or shelf.predictor.version)
    old, old_labels = shelf.version(before or _former(shelf, new))
    if old == new:
        raise BadInput(f"before and after are one model, {new}; two versions of wb.models() are expected.")
    positions = np.argsort(project.queue.draws, kind="stable")[:n]
    was, now = (_probs(shelf, version, label_ids, positions)
                for version, label_ids in ((old, old_labels), (new, new_labels)))
    both = ~np.isnan(was).any(axis=1) & ~np.isnan(now).any(axis=1)
    positions, was, now = positions[both], was[both], now[both]
    tops = was.argmax(axis=1), now.argmax(axis=1)
    moved = np.abs(was - now).sum(axis=1) / 2
    rows = np.flatnonzero(tops[0] != tops[1])
    rows = rows[np.argsort(-moved[rows], kind="stable")]

    measures = project.reference()
    teaches = dict(project.training_answers()[["item_id", "label_id"]].itertuples(index=False))
    label_ids, name_of = project.taxonomy.label_ids, project.taxonomy.name_of
    found = []
    for row in rows.tolist():
        item_id = str(project.pool.ids[positions[row]])
        said = [label_ids[top[row]] for top in tops]
        answer = measures.get(item_id, teaches.get(item_id))
        right = None if answer is None else dict(zip(said, ("before", "after"), strict=True)).get(answer, "neither")
        found.append((item_id, name_of(said[0]), float(was[row].max()), name_of(said[1]), float(now[row].max()),
                      float(moved[row]), None if answer is None else name_of(answer), right,
                      "measures" if item_id in measures else "teaches" if item_id in teaches else None))
    return Flips(shelf, before=old, after=new, n_items=len(positions),
                 items=pd.DataFrame(found, columns=COLUMNS, dtype=object).astype(dict.fromkeys(NUMBERS, float)))


def _former(shelf: Shelf, version: str) -> str:
    """The adopted model, or where that is the one asked about, the one that was adopted before it."""
    if shelf.adopted not in (None, version):
        return str(shelf.adopted)
    adopted = [str(event.body["model"]) for event in shelf.project.log.events(kind="adopted")]
    others = [model for model in adopted if model != version]
    if not others:
        raise BadInput(f"no other model than {version} was ever adopted, so there is nothing to hold it against. "
                       "Fine-tune first, or name two versions of wb.models().")
    return others[-1]


def _probs(shelf: Shelf, version: str, label_ids: tuple[str, ...], positions: np.ndarray) -> np.ndarray:
    """What a model says of some items under today's labels, float32, shape (n, n_labels); kept by its version."""
    predictions, ask = shelf.project.ranking.predictions, shelf.ask
    if predictions is None or version != predictions.model:
        predictor = shelf.predictor_of(shelf.load(version, label_ids), label_ids)
        predictions = shelf.predictions_of(predictor)
        ask = partial(_ask, predictor, predictions)
    missing = predictions.missing(positions)
    for start in range(0, len(missing), AT_ONCE):
        ask(missing[start:start + AT_ONCE])
    return under_today(predictions.probs[positions], predictions.label_ids, shelf.project.lineage)


def _ask(predictor: NetPredictor, predictions: Predictions, positions: np.ndarray) -> None:
    predictions.put(positions, predictor.predict(positions.tolist()))
