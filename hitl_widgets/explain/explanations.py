"""Saliency maps of several items at once: the arrays, the errors, and plots.

`explain` is what `Workbench.explain` does, and `Explanations` what it returns. `before_and_after` compares the models
before and after a round, on items where a region was marked as wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from ..drawing.overlay import resample
from ..errors import BadInput, HitlError, ModelError, ShapeError
from ..items.pool import Pool
from ..learn.imported import ImportedPredictor, no_net
from ..learn.inference import Inference
from ..learn.registry import Registry, Version
from ..learn.value_registry import ValueRegistry
from ..records import Attribution, Bars, Item, Prediction, Region, check_count, no_bars
from ..taxonomy.attributes import Attribute
from ..taxonomy.label_sets import is_set, members
from .attribute import NetExplainer
from .service import Explainer
from .text_explainer import BEST, TextExplainer, in_words
from .text_maps import MUCH_UNEXPLAINED

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

# For an image an array of its own size, for a text a table of its words.
Map: TypeAlias = np.ndarray | pd.DataFrame

N_PLOTTED = 12
# Maximum number of characters of an id above its picture.
LONGEST_TITLE = 44


class Explanations:
    """The saliency maps of some items; ``np.asarray(a)`` is (n, H, W) if there are no errors and all sizes agree.

    For texts each map is a table of words.

    Attributes
    ----------
    item_ids : list of str
        The items.
    method : str
        The saliency method.
    targets : list
        For each item the label_id that its map explains, or (label_id, against); None where there is none.
    maps : list of ndarray, DataFrame or None
        For each item its attribution, float32, at the item's own size (H, W); for a text, a DataFrame with a row for
        each word and sign: token, start, end (in characters) and value. None where it failed.
    attributions : list of Attribution or None
        The attributions on the net's own view.
    errors : dict of str to str
        Item id -> why there is no map.
    """

    def __init__(self, pool: Pool, *, item_ids: Sequence[str], method: str, targets: Sequence[Any],
                 titles: Sequence[str], maps: Sequence[Map | None],
                 attributions: Sequence[Attribution | None], errors: Mapping[str, str]) -> None:
        self._pool, self._titles = pool, list(titles)
        self.item_ids, self.method, self.targets = list(item_ids), method, list(targets)
        self.maps, self.attributions, self.errors = list(maps), list(attributions), dict(errors)

    @property
    def delta(self) -> list[float]:
        """For each item the share of the model's output that its map leaves unexplained; 0 if it explains all.

        It is the distance of the sum of the values from f(x) - f(baseline), as a share of that difference. NaN if the
        map failed, or the method doesn't promise such a sum, as those for images and "erasure".
        """
        return [float("nan") if one is None or one.delta is None else float(one.delta) for one in self.attributions]

    def __len__(self) -> int:
        return len(self.maps)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.errors:
            raise ShapeError(f"{len(self.errors)} of {len(self)} items have no map, so that they are no one array: "
                             f"see .errors, first {next(iter(self.errors.values()))!r}. Take .maps instead.")
        made = [array for array in self.maps if array is not None]
        if any(isinstance(one, pd.DataFrame) for one in made):
            raise ShapeError("the maps of texts are tables of words, not one array. Take .maps, a list of DataFrames.")
        if len(shapes := {one.shape for one in made}) > 1:
            raise ShapeError(f"the items have {len(shapes)} sizes, such as {sorted(shapes)[:3]}, so that their maps "
                             "are no one array. Take .maps, a list.")
        return np.array(made if made else np.empty((0, 0, 0)), dtype or np.float32)

    def __repr__(self) -> str:
        failed = f"; {len(self.errors)} failed, see .errors" if self.errors else ""
        if any(isinstance(one, pd.DataFrame) for one in self.maps):
            n_much = sum(delta > MUCH_UNEXPLAINED for delta in self.delta)
            much = f"; {n_much} leave more than {MUCH_UNEXPLAINED:.0%} of what the model says unexplained, see .delta" \
                if n_much else ""
            return f"<{len(self)} maps of texts by {self.method}{much}{failed}>"
        shapes = sorted({one.shape for one in self.maps if one is not None})
        size = f", {shapes[0][0]} x {shapes[0][1]}" if len(shapes) == 1 else f", {len(shapes)} sizes" if shapes else ""
        return f"<{len(self)} maps by {self.method}{size}{failed}>"

    def plot(self, n: int = N_PLOTTED) -> Drawing:
        """Draw the first n items, each beside its map, or texts with tinted words; items that failed are left out.

        The heading says how many are left out; a title says so where a map leaves more than 5 % of the model's output
        unexplained.
        """
        from ..drawing.plots import plot_maps
        from ..drawing.text_plot import plot_text_maps
        made = [(item_id, attribution, title) for item_id, attribution, title
                in zip(self.item_ids, self.attributions, self._titles, strict=True) if attribution is not None]
        heading = f"{self.method}; {len(self.errors)} of {len(self)} items have no map, see .errors" if self.errors \
            else self.method
        if self._pool.kind == "text":
            return plot_text_maps([
                (str(self._pool.load(self._pool.position(item_id))), attribution,
                 "; ".join(filter(None, (f"{_short(item_id)}, {title}", in_words(attribution.delta)))))
                for item_id, attribution, title in made[:n]], heading)
        return plot_maps([(self._pool.load(self._pool.position(item_id)), attribution, f"{_short(item_id)}\n{title}")
                          for item_id, attribution, title in made[:n]], heading)


def explain(explainer: Explainer, inference: Inference, item_ids: Any, *,
            prediction: Callable[[int], Prediction | None], method: str = "gradcam", target: Any = None,
            bars: Bars = no_bars) -> Explanations:
    """Explain some items; see `Workbench.explain`.

    Parameters
    ----------
    explainer : Explainer
        Explains the adopted model.
    inference : Inference
        Has the adopted model.
    item_ids : str, Item, or several of them
        The items. If the target is the model's suggestion, they must have been predicted already.
    prediction : callable
        Returns the stored prediction of the item at a position.
    method, target
        As for `Workbench.explain`.
    bars : Bars
        Shows how many items are explained.
    """
    positions = [inference.pool.position(item_id) for item_id in ids_of(item_ids)]
    label, against = _label_ids(inference, target)
    errors: dict[str, str] = {}
    labels = [label or suggestion(inference, position, prediction, against, errors) for position in positions]
    targets = [(own, against) if own and against else own for own in labels]
    return _explained(explainer, inference.pool, positions, method, labels, against, errors, bars, targets=targets,
                      titles=[_title(one, inference, is_suggestion=label is None) for one in targets])


def explain_values(explainer: Explainer, values: ValueRegistry, item_ids: Any, *, attribute: Attribute,
                   method: str = "gradcam", target: Any = None, bars: Bars = no_bars) -> Explanations:
    """Explain the values of an attribute of some items; see `Workbench.explain`.

    Parameters
    ----------
    explainer : Explainer
        Explains the adopted heads.
    values : ValueRegistry
        Has the adopted heads.
    item_ids : str, Item, or several of them
    attribute : Attribute
    method : str
        As for `Workbench.explain`.
    target : str, pair of str or None
        A choice, or (choice, against); None for the suggested choice, and for a scale.
    bars : Bars
        Shows how many items are explained.

    Raises
    ------
    BadInput
        When the target is no choice of the attribute.
    ModelError
        If there are no heads for the attribute.
    """
    pool = values.pool
    positions = [pool.position(item_id) for item_id in ids_of(item_ids)]
    chosen, other = _checked_choices(attribute, target)
    values.predictor  # noqa: B018 - a property that raises without heads
    against = None if other is None else values.output(attribute, other)
    errors: dict[str, str] = {}
    targets: list[str | None] = []
    for position in positions:
        found = _output_to_explain(values, attribute, position, chosen, other)
        if found is None:
            errors[str(pool.ids[position])] = f"nothing is predicted for attribute {attribute.name!r} of this item, " \
                "or it is what the target is compared with."
        targets.append(found)
    titles = [f"{attribute.name}" + (f": {one.partition('=')[2]}" if one is not None and "=" in one else "")
              for one in targets]
    return _explained(explainer, pool, positions, method, targets, against, errors, bars,
                      targets=[(own, against) if own and against else own for own in targets], titles=titles)


def _checked_choices(attribute: Attribute, target: Any) -> tuple[str | None, str | None]:
    """The choice that is to be explained, and the one that it is compared with; None for either if it isn't named."""
    if attribute.scale is not None and target is not None:
        raise BadInput(f"attribute {attribute.name!r} has a scale, so that a map shows what makes its value larger; "
                       "leave target out.")
    pair = tuple(target) if isinstance(target, (tuple, list)) else (target, None)
    if len(pair) != 2 or any(choice not in (None, *attribute.choices) for choice in pair):
        raise BadInput(f"target is {target!r}; of attribute {attribute.name!r} one of {', '.join(attribute.choices)} "
                       "is expected, or two of them, or None for the choice that is suggested.")
    return pair


def _output_to_explain(values: ValueRegistry, attribute: Attribute, position: int, choice: Any,
                       other: str | None) -> str | None:
    """The output of a choice, by default the suggested one; None if there is none or it equals `other`."""
    predicted = values.predicted(position).get(attribute.id)
    if predicted is None:
        return None
    if choice is None and attribute.scale is None:
        choice = predicted.value
    return None if choice is not None and choice == other else values.output(attribute, choice)


def _explained(explainer: Explainer, pool: Pool, positions: Sequence[int], method: str, labels: Sequence[str | None],
               against: str | None, errors: dict[str, str], bars: Bars, **more: Any) -> Explanations:
    """The maps of items for their labels; an item without a label has an entry in the errors already."""
    names: list[str] = pool.ids[np.array(positions, np.int64)].tolist()
    rows = [row for row, label_id in enumerate(labels) if label_id is not None]
    results = explainer.explain_many([positions[row] for row in rows], method, [str(labels[row]) for row in rows],
                                     against=against, bars=bars)
    attributions: list[Attribution | None] = [None] * len(names)
    maps: list[Map | None] = [None] * len(names)
    for row, result in zip(rows, results, strict=True):
        try:
            maps[row], attributions[row] = at_size(result, pool, positions[row])
        except HitlError as error:
            errors[names[row]] = str(error)
    method = next((one.method for one in attributions if one is not None), method)  # for texts it was chosen
    return Explanations(pool, item_ids=names, method=method, maps=maps, attributions=attributions, errors=errors,
                        **more)


def token_table(attribution: Attribution, text: str) -> pd.DataFrame:
    """The attribution of a text as a table, with a row for each word and sign: token, start, end and value.

    Parameters
    ----------
    attribution : Attribution
        With tokens.
    text : str
    """
    assert attribution.tokens is not None
    starts, ends = attribution.tokens.T.tolist() if len(attribution.tokens) else ([], [])
    return pd.DataFrame({"token": [text[start:end] for start, end in zip(starts, ends, strict=True)],
                         "start": starts, "end": ends, "value": attribution.values.ravel()})


def _title(target: Any, inference: Inference, *, is_suggestion: bool) -> str:
    """What a map explains: the suggestion or another target, and the label that it is compared with."""
    label_ids = target if isinstance(target, tuple) else () if target is None else (target,)
    names = " rather than ".join(map(inference.taxonomy.name_of, label_ids))
    return f"{'suggestion' if is_suggestion else 'target'}: {names}"


def _short(item_id: str) -> str:
    """The id, or only its end if it is too long."""
    return item_id if len(item_id) <= LONGEST_TITLE else f"…{item_id[1 - LONGEST_TITLE:]}"


def at_size(result: Attribution | HitlError, pool: Pool, position: int) -> tuple[Map, Attribution]:
    """A map at its item's own size, and the attribution; raises the error if the map failed."""
    if isinstance(result, HitlError):
        raise result
    if result.tokens is not None:
        return token_table(result, str(pool.load(position))), result
    return resample(result, pool.size(position)), result


def suggestion(inference: Inference, position: int, prediction: Callable[[int], Prediction | None],
                against: str | None, errors: dict[str, str]) -> str | None:
    """The label that the model suggests for an item; None, and an entry in the errors, if there is none to explain."""
    predicted, item_id = prediction(position), str(inference.pool.ids[position])
    if predicted is None:
        errors[item_id] = _why_no_prediction(inference, position)
    elif predicted.suggestion is None:
        errors[item_id] = f"the model {predicted.model} can't tell the likeliest labels of item {item_id!r} apart, " \
                          "as they are newer; name a target, or fine-tune."
    elif is_set(predicted.suggestion):
        return _of_set(predicted, against, inference, errors)
    elif predicted.suggestion == against:
        errors[item_id] = f"{inference.taxonomy.name_of(against)!r}, which the target is compared with, is what the " \
                          f"model suggests for item {item_id!r}; name a target."
    else:
        return predicted.suggestion
    return None


def _of_set(predicted: Prediction, against: str | None, inference: Inference, errors: dict[str, str]) -> str | None:
    """The most probable label of a suggested set; for an empty set, the most probable label of all."""
    there = members(str(predicted.suggestion)) or predicted.label_ids
    probs = {label_id: float(p) for label_id, p in zip(predicted.label_ids, predicted.probs, strict=True)
             if label_id in there and label_id != against}
    if not probs:
        name = inference.taxonomy.name_of(str(against))
        errors[predicted.item_id] = f"{name!r}, which the target is compared with, is all that the model suggests " \
                                    f"for item {predicted.item_id!r}; name a target."
        return None
    return max(probs, key=lambda label_id: probs[label_id])


def _why_no_prediction(inference: Inference, position: int) -> str:
    try:
        inference.predictor.view(position)
    except HitlError as error:
        return str(error)
    return inference.predictor.unreadable.get(position) \
        or f"the model says nothing of item {str(inference.pool.ids[position])!r}; name a target."


def _label_ids(inference: Inference, target: Any) -> tuple[str | None, str | None]:
    """The label_ids of a target, and of the label that it is compared with."""
    pair = tuple(target) if isinstance(target, (tuple, list)) else (target, None)
    if len(pair) != 2 or not all(label is None or isinstance(label, str) for label in pair):
        raise BadInput(f"target is {target!r}; a label, (label, against) or None is expected.")
    first, second = (None if label is None else inference.taxonomy.label(label).id for label in pair)
    if first is not None and first == second:
        raise BadInput(f"label {pair[0]!r} is compared with itself; another label is expected, or none.")
    return first, second


def ids_of(item_ids: Any) -> list[Hashable]:
    """The ids of one item or several, which may be items of a queue."""
    if isinstance(item_ids, (str, Item)) or not isinstance(item_ids, Iterable):
        item_ids = [item_ids]
    return [item.id if isinstance(item, Item) else item for item in item_ids]


def before_and_after(registry: Registry, regions: Iterable[Any], n_round: int, *, labels: Mapping[str, str], n: int,
                     method: str) -> Drawing:
    """Draw some items with a region that was marked as wrong, and the maps of the models before and after a round.

    Parameters
    ----------
    registry : Registry
        The registry of both models.
    regions : iterable of (item_id, list of (wrong, missing))
        What was marked on each item, as `Feedback.regions` has it.
    n_round : int
        The round, by which the log knows the two models.
    labels : mapping of str to str
        item_id -> the label_id that people gave it, which its maps explain. Items without one are left out.
    n : int
        How many items, spread evenly over all of them.
    method : str
        Method of the maps.

    Raises
    ------
    BadInput
        When no wrong region was marked, or there was no model before.
    ModelError
        When a model's weights are gone, or the method doesn't serve it.
    """
    from ..drawing.plots import plot_reasons
    check_count("n", n, "a number of items, 1 or more,", least=1)
    wrong = {item_id: mask for item_id, pairs in regions
             if item_id in labels and (mask := _wrong_region(pairs)) is not None}
    if not wrong:
        raise BadInput("no region of an item that teaches is marked as wrong; mark some on the card, or with "
                       "wb.decide(..., wrong=mask).")
    drawn = np.linspace(0, len(wrong) - 1, min(int(n), len(wrong))).round().astype(int).tolist()
    shown = {item_id: wrong[item_id] for item_id in (list(wrong)[row] for row in drawn)}
    maps = [_captioned_maps(registry, version, shown, labels, method) for version in registry.around(n_round)]
    pool, name_of = registry.inference.pool, registry.inference.taxonomy.name_of
    if pool.kind == "text":
        return _texts_before_and_after(pool, shown, {item_id: name_of(labels[item_id]) for item_id in shown}, maps)
    return plot_reasons([pool.load(pool.position(item_id)) for item_id in shown], list(shown.values()),
                        [f"{item_id}: {name_of(labels[item_id])}" for item_id in shown], maps, method)


def _captioned_maps(registry: Registry, version: Version, regions: Mapping[str, np.ndarray],
                    labels: Mapping[str, str], method: str) -> list[tuple[Attribution | None, str]]:
    """A model's map of each item for its label, with the share in the region; or None with the reason."""
    inference, predictor = registry.inference, registry.predictor(version)
    if isinstance(predictor, ImportedPredictor):
        return [(None, str(no_net("be explained", predictor.estimator)))] * len(regions)
    explainer: NetExplainer | TextExplainer = NetExplainer(predictor)
    if inference.pool.kind == "text":  # "saliency", the default of `Run.plot_reasons`, is for images
        explainer, method = TextExplainer(predictor), BEST if method == "saliency" else method
    targets = [labels[item_id] for item_id in regions]
    results = explainer.explain_many([inference.pool.position(item_id) for item_id in regions], method=method,
                                     targets=targets, parts={label: inference.parts(label, explainer.predictor)
                                                             for label in targets})
    return [(None, str(result)) if isinstance(result, HitlError) else
            (result, f"{_share(_at_own_size(result, region.shape), region):.0%} in the region")
            for result, region in zip(results, regions.values(), strict=True)]


def _at_own_size(attribution: Attribution, shape: tuple[int, ...]) -> np.ndarray:
    """The values of an attribution at the size of its item; a token's value is spread over its characters."""
    if attribution.tokens is None:
        return resample(attribution, (shape[0], shape[1]))
    values = np.zeros(shape, np.float64)
    for (start, end), value in zip(attribution.tokens.tolist(), attribution.values.ravel().tolist(), strict=True):
        values[0, start:end] += value / (end - start)
    return values


def _texts_before_and_after(pool: Pool, regions: Mapping[str, np.ndarray], names: Mapping[str, str],
                            maps: Sequence[Sequence[tuple[Attribution | None, str]]]) -> Drawing:
    """Texts tinted by the model before and by the one after, with the marked words in the title."""
    from ..drawing.text_plot import plot_text_maps
    drawn, method = [], ""
    for row, (item_id, region) in enumerate(regions.items()):
        text = pool.load(pool.position(item_id))
        edges = np.flatnonzero(np.diff(np.pad(region[0], 1).astype(np.int8))).reshape(-1, 2).tolist()
        marked = ", ".join(repr(text[start:end]) for start, end in edges)
        for when, of_model in zip(("before", "after"), maps, strict=True):
            attribution, caption = of_model[row]
            if attribution is not None:
                drawn.append((text, attribution, f"{item_id}: {names[item_id]}, {when}, {caption} ({marked})"))
                method = attribution.method
    if not drawn:
        raise ModelError(f"no map could be made: {maps[0][0][1]}")
    return plot_text_maps(drawn, method)


def _wrong_region(pairs: Iterable[Any]) -> np.ndarray | None:
    """All wrong regions of an item as one mask, None if there is none."""
    masks = [Region.from_dict(wrong).mask() for wrong, _ in pairs if wrong is not None]
    return np.logical_or.reduce(masks) if masks else None


def _share(values: np.ndarray, region: np.ndarray) -> float:
    """The share of the absolute saliency that lies in a region; NaN if all is 0."""
    whole = np.abs(values).sum()
    return float(np.abs(values)[region].sum() / whole) if whole else float("nan")
