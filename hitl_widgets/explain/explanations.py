"""Why does the adopted model say so, of some items at once?

Read `explain`, which is what `Workbench.explain` does, and `Explanations`, which it gives. `before_and_after` asks
the two models of a round, on items whose reason people marked as wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing.overlay import resample
from ..errors import BadInput, HitlError, ShapeError
from ..learn.registry import Shelf
from ..records import Attribution, Item, Region
from .attribute import NetExplainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

PLOTTED = 12


class Explanations:
    """The saliency maps of some items; ``np.asarray(a)`` is (n, H, W) where all were made and their sizes agree.

    Attributes
    ----------
    item_ids, method : of what, and how
    targets : for each item the label_id that it speaks for, or (label_id, against); None where none could be told
    maps : for each item its attribution, float32, at the item's own size (H, W); None where it failed
    attributions : the same as `Attribution`, on the net's own view
    errors : item id -> why there is no map
    """

    def __init__(self, shelf: Shelf, *, item_ids: Sequence[str], method: str, targets: Sequence[Any],
                 maps: Sequence[np.ndarray | None], attributions: Sequence[Attribution | None],
                 errors: dict[str, str]) -> None:
        self._shelf, self.item_ids, self.method, self.targets = shelf, list(item_ids), method, list(targets)
        self.maps, self.attributions, self.errors = list(maps), list(attributions), dict(errors)

    def __len__(self) -> int:
        return len(self.maps)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.errors:
            raise ShapeError(f"{len(self.errors)} of {len(self)} items have no map, so that they are no one array: "
                             f"see .errors, first {next(iter(self.errors.values()))!r}. Take .maps instead.")
        made = [one for one in self.maps if one is not None]
        if len(shapes := {one.shape for one in made}) > 1:
            raise ShapeError(f"the items have {len(shapes)} sizes, such as {sorted(shapes)[:3]}, so that their maps "
                             "are no one array. Take .maps, a list.")
        return np.array(made if made else np.empty((0, 0, 0)), dtype or np.float32)

    def __repr__(self) -> str:
        shapes = sorted({one.shape for one in self.maps if one is not None})
        size = f", {shapes[0][0]} x {shapes[0][1]}" if len(shapes) == 1 else f", {len(shapes)} sizes" if shapes else ""
        failed = f"; {len(self.errors)} failed, see .errors" if self.errors else ""
        return f"<{len(self)} maps by {self.method}{size}{failed}>"

    def plot(self, n: int = PLOTTED) -> Plot:
        """The first n items, each beside its map; what failed is left out."""
        from ..drawing.plots import plot_maps
        pool, name_of = self._shelf.project.pool, self._shelf.project.taxonomy.name_of
        shown: list[tuple[np.ndarray, Attribution, str]] = []
        for item_id, target, attribution in zip(self.item_ids, self.targets, self.attributions, strict=True):
            if attribution is not None and len(shown) < n:
                labels = target if isinstance(target, tuple) else (target,)
                shown.append((pool.load(pool.position(item_id)), attribution,
                              f"{item_id}: {' rather than '.join(map(name_of, labels))}"))
        return plot_maps(shown, self.method)


def explain(shelf: Shelf, item_ids: Any, *, method: str = "gradcam", target: Any = None) -> Explanations:
    """See `Workbench.explain`; the items were predicted already where the target is their suggestion."""
    project = shelf.project
    positions = [project.pool.position(item_id) for item_id in ids_of(item_ids)]
    names = [str(project.pool.ids[position]) for position in positions]
    wanted, against = _labels(shelf, target)
    errors: dict[str, str] = {}
    targets: list[str | None] = []
    for name, position in zip(names, positions, strict=True):
        suggested = None
        if wanted is None:
            prediction = project.prediction(position)
            suggested = None if prediction is None else prediction.suggestion
            if suggested is None:
                errors[name] = _why_nothing(shelf, position)
            elif suggested == against:
                errors[name] = f"{project.taxonomy.name_of(suggested)!r}, which the target is held against, is what " \
                               f"the model suggests for item {name!r}; name a target."
        targets.append(wanted or (None if name in errors else suggested))
    sound = [row for row, label in enumerate(targets) if label is not None]
    found = shelf.explain_many([positions[row] for row in sound], method, [str(targets[row]) for row in sound],
                               against=against)
    attributions: list[Attribution | None] = [None] * len(names)
    maps: list[np.ndarray | None] = [None] * len(names)
    for row, answer in zip(sound, found, strict=True):
        try:
            if isinstance(answer, HitlError):
                raise answer
            maps[row] = resample(answer, project.pool.size(positions[row]))
            attributions[row] = answer
        except HitlError as error:
            errors[names[row]] = str(error)
    return Explanations(shelf, item_ids=names, method=method, maps=maps, attributions=attributions, errors=errors,
                        targets=[(label, against) if label and against else label for label in targets])


def before_and_after(shelf: Shelf, said: Sequence[Any], n_round: int, *, n: int, method: str) -> Plot:
    """Some items on which a wrong region was marked, with the maps of the model before a round and of the one after.

    Parameters
    ----------
    said : item_id and regions of the marked items, as `Feedback.regions` has them
    n_round : the round's number, which the log tells the two models by
    n : of so many items, drawn evenly from all of them
    method : of the maps, each for the label that people gave the item

    Raises
    ------
    BadInput
        When no wrong region was marked, or there was no model before.
    ModelError
        When a model's weights are gone, or the method doesn't serve it.
    """
    from ..drawing.plots import plot_reasons
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected.")
    pool, taxonomy = shelf.project.pool, shelf.project.taxonomy
    answers = shelf.project.training_answers().set_index("item_id")["label_id"]
    wrong = {item_id: np.logical_or.reduce(regions) for item_id, pairs in said if item_id in answers.index
             and (regions := [Region.from_dict(pair[0]).mask() for pair in pairs if pair[0] is not None])}
    if not wrong:
        raise BadInput("no region of an item that teaches is marked as wrong; mark some on the card, or with "
                       "wb.decide(..., wrong=mask).")
    chosen = [list(wrong)[i] for i in np.linspace(0, len(wrong) - 1, min(int(n), len(wrong))).round().astype(int)]
    positions, labels = [pool.position(item_id) for item_id in chosen], [str(answers[item_id]) for item_id in chosen]
    maps: list[list[tuple[Attribution | None, str]]] = []
    for version in _models_of(shelf, n_round):
        full, label_ids = shelf.version(version)
        explainer = NetExplainer(shelf.predictor_of(shelf.load(full, label_ids), label_ids))
        parts = {label: shelf.parts(label, explainer.predictor) for label in labels}
        found = explainer.explain_many(positions, method=method, targets=labels, parts=parts)
        maps.append([(None, str(one)) if isinstance(one, HitlError) else
                     (one, f"{_share(resample(one, wrong[item_id].shape), wrong[item_id]):.0%} in the region")
                     for item_id, one in zip(chosen, found, strict=True)])
    titles = [f"{item_id}: {taxonomy.name_of(label)}" for item_id, label in zip(chosen, labels, strict=True)]
    return plot_reasons([pool.load(position) for position in positions], [wrong[item_id] for item_id in chosen], titles,
                        maps, method)


def _models_of(shelf: Shelf, n_round: int) -> tuple[str, str]:
    """The versions before and after a round."""
    before = None
    for event in shelf.project.log.events():
        if event.kind == "adopted":
            before = event.body["model"]
        elif event.kind == "trained" and event.body["round"] == n_round:
            if before is None:
                break
            return before, event.body["model"]
    raise BadInput(f"there was no model before round {n_round}, so there is nothing to compare with.")


def _share(values: np.ndarray, region: np.ndarray) -> float:
    """How much of the saliency lies in a region, whatever its sign; NaN where there is none."""
    whole = np.abs(values).sum()
    return float(np.abs(values)[region].sum() / whole) if whole else float("nan")


def _why_nothing(shelf: Shelf, position: int) -> str:
    """Why the model has no suggestion for an item."""
    try:
        shelf.predictor.view(position)
    except HitlError as error:
        return str(error)
    return f"the model says nothing of item {str(shelf.project.pool.ids[position])!r}; name a target."


def ids_of(item_ids: Any) -> list[Hashable]:
    """The ids, whether one was given or several, or items of a queue."""
    if isinstance(item_ids, (str, Item)) or not isinstance(item_ids, Iterable):
        item_ids = [item_ids]
    return [item.id if isinstance(item, Item) else item for item in item_ids]


def _labels(shelf: Shelf, target: Any) -> tuple[str | None, str | None]:
    """The label_ids of a target and of what it is held against."""
    pair = tuple(target) if isinstance(target, (tuple, list)) else (target, None)
    if len(pair) != 2 or not all(label is None or isinstance(label, str) for label in pair):
        raise BadInput(f"target is {target!r}; a label, (label, against) or None is expected.")
    first, second = (None if label is None else shelf.project.taxonomy.label(label).id for label in pair)
    if first is not None and first == second:
        raise BadInput(f"label {pair[0]!r} is held against itself; another label is expected, or none.")
    return first, second
