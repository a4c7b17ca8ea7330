"""Agreement of several people on the objects in images: whether they found the same objects, labels and places.

`agreement_objects` computes it from a table of objects and returns an `ObjectAgreement`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..objects.overlap import distances, match_by_overlap, overlaps
from ..records import Estimate, check_count
from .object_matching import IN_DOUBT, Floats, columns_of, coordinates, kinds_in, known_sizes, reviewed_pairs
from .pairwise import unseen
from .resampling import ALIKE, around
from .span_agreement import FIGURES as SPAN_FIGURES
from .span_agreement import IN_WORDS as SPANS_IN_WORDS
from .span_agreement import WHY as SPANS_WHY
from .span_agreement import Found, span_table, units_of

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

QUESTIONS = ("found", "named", "placed", "together", "ks")
IN_WORDS = {"found": "found the same objects", "named": "named them the same", "placed": "placed them the same",
            "together": "found, named and placed the same", "ks": "placed: KS distance"}
THRESHOLDS = tuple(round(0.3 + 0.05 * step, 2) for step in range(13))
RESAMPLES = 1_000
# Of spans that overlap equally, those with the same label are paired first.
SAME_LABEL = 1e-6
# Number of other images that each image is compared with, to estimate agreement by chance.
_OTHERS = 4
_BINS = 200
COLUMNS = ["question", "threshold", "value", "low", "high", "n_images", "n", "why"]
PERSON_COLUMNS = ["annotator", "n_images", "n_objects", "found", "named", "placed"]
# What one person found in an image: coordinates and labels.
_Objects = tuple[list[Sequence[float]], npt.NDArray[np.int64]]


@dataclass(frozen=True, eq=False, repr=False)
class ObjectAgreement:
    """How far people agree on the objects of images, at each overlap from which two objects count as the same.

    `result["found"]` is the `Estimate` at a threshold of 0.5; for spans there are `["f1_exact"]`, `["f1_overlap"]` and
    `["alpha"]` too.

    Attributes
    ----------
    table : DataFrame
        A row for each question and threshold of the overlap: question, threshold, value, low and high (95 %, over
        images), n_images (that two people or more reviewed), n (pairs of objects, for "found" and "together" objects),
        why (the reason where there is no number).

        - found: 1 - Do / De, with Do the share of two people's objects in one image that have no partner, and De that
          share for two people's objects in two different images. 1 if each found what the other did, 0 if no more
          objects have partners than by chance.
        - named: Krippendorff's alpha (nominal) of the labels of paired objects.
        - placed: sigma, 1 - the mean distance of paired objects over the mean distance of objects of different images;
          the distance is (1 - GIoU) / 2; for points it is their distance as a share of the image's diagonal. It is
          about objects that two people found, overlapping by 0.3 or more; those that overlap by less than the threshold
          count as placed by chance, since without them the worst placed would be left out first.
        - together: as `found`, where a partner must also have the same label.
        - ks: the largest difference between the distributions of these two kinds of distances: 1 where every pair is
          nearer than any two objects of different images.

        A higher threshold turns badly placed objects into objects that weren't found, so look at the curves.

        The label of an object is "in doubt" if, since a taxonomy edit, it may mean several labels, so that it isn't
        known whether two people agree on it. Such an object is used for found, placed and ks. "named" leaves out pairs
        with such an object; "together" and the figures of spans leave out images with one. n_images and n count the
        rest, and a note says how many images have one.
    annotators : DataFrame
        A row per person: annotator, n_images, n_objects, and at a threshold of 0.5 with all others: found (share of
        their and the others' objects that have a partner), named (share of pairs with one label, of those without a
        label in doubt), placed (mean overlap of pairs). Not corrected for chance. ``wb.people.agreement()`` has only
        your own row, or everybody's if you may see names.
    kind : "box", "polygon", "point" or "span"
    notes : tuple of str
        Remarks to show with the figures.
    spans : DataFrame or None
        For spans, a row for all labels ("all") and one for each: n_texts, n_spans, and with its 95 % interval over
        texts (_low, _high) each of

        - f1_exact: F1 of each two people, where the same characters with the same label are the same span.
        - f1_overlap: the same, where one character in common and the same label are enough.
        - alpha: Krippendorff's alpha (nominal) over the tokens of the texts, each with the label or without it; for all
          labels the value of a token is the set of its labels.
    n_people : int
        All people, also those without a row in `annotators`.
    """

    table: pd.DataFrame
    annotators: pd.DataFrame
    kind: str
    notes: tuple[str, ...] = field(default=())
    spans: pd.DataFrame | None = None
    n_people: int = 0

    def __getitem__(self, question: str) -> Estimate:
        """Estimate of one of `QUESTIONS` at a threshold of 0.5; for spans also f1_exact, f1_overlap and alpha."""
        if self.spans is not None and question in SPAN_FIGURES:
            return self.of_spans(question)
        return self.at(question)

    def of_spans(self, figure: str, label: str = "all") -> Estimate:
        """Estimate of one of the figures of spans: f1_exact, f1_overlap or alpha, of one label or of all."""
        if self.spans is None or figure not in SPAN_FIGURES or label not in self.spans.index:
            raise BadInput(f"there is no {figure!r} of {label!r}; spans and their labels have "
                           f"{', '.join(SPAN_FIGURES)}.")
        row = self.spans.loc[label]
        value, low, high = (float(row[f"{figure}{end}"]) for end in ("", "_low", "_high"))
        n = int(self.table.loc[self.table["question"] == "together", "n_images"].iloc[0])
        why = SPANS_WHY[figure] if n else "every text that two people reviewed has a label in doubt" \
            if self.table["n_images"].any() else "no text that two people reviewed"
        return Estimate(value, low, high, n, why if math.isnan(value) else "")

    def at(self, question: str, threshold: float = 0.5) -> Estimate:
        """Estimate of a question at a threshold of the table."""
        rows = self.table[(self.table["question"] == question) & np.isclose(self.table["threshold"], threshold)]
        if rows.empty:
            raise BadInput(f"there is no {question!r} at {threshold!r}; {', '.join(QUESTIONS)} are asked, at "
                           f"thresholds {THRESHOLDS[0]} to {THRESHOLDS[-1]} in steps of 0.05.")
        row = rows.iloc[0]
        return Estimate(row["value"], row["low"], row["high"], int(row["n_images"]), row["why"])

    def plot(self) -> Drawing:
        """Draw each question over the thresholds, with its 95 % band."""
        from ..drawing.object_agreement_plot import plot_object_agreement

        return plot_object_agreement(self.table, "nearness" if self.kind == "point" else "IoU")

    def _summary(self) -> str:
        items = "texts" if self.kind == "span" else "images"
        return f"{int(self.table['n_images'].iloc[0]):,} {items} that two people or more reviewed, " \
               f"{self.n_people} people"

    def __repr__(self) -> str:
        lines = [f"Agreement on objects: {self._summary()}"]
        for question in QUESTIONS:
            others = {threshold: float(self.at(question, threshold)) for threshold in (0.3, 0.7, 0.9)}
            cells = [f"{value:.2f} at {threshold}" for threshold, value in others.items() if not math.isnan(value)]
            more = f"; {', '.join(cells)}" if cells else ""
            lines.append(f"  {question:<7} {self[question]!r} at an overlap of 0.5{more}")
        if self.spans is not None:
            lines[1:1] = [f"  {name:<10} {self[name]!r} ({SPANS_IN_WORDS[name]})" for name in SPAN_FIGURES]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        rows = []
        for question in QUESTIONS:
            cells: list[object] = [IN_WORDS[question]]
            for threshold in (0.3, 0.5, 0.7, 0.9):
                estimate = self.at(question, threshold)
                cells.append("none" if math.isnan(estimate) else
                             f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})")
            rows.append(cells)
        return html.page("Agreement on objects", html.paragraph(self._summary()), *self._of_spans_html(),
                         html.table(["", *(f"overlap {threshold}" for threshold in (0.3, 0.5, 0.7, 0.9))], rows),
                         *map(html.paragraph, self.notes))

    def _of_spans_html(self) -> list[html.Html]:
        if self.spans is None:
            return []
        rows = [[str(label), *("none" if math.isnan(one) else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for
                               one in (self.of_spans(name, label) for name in SPAN_FIGURES))]
                for label in self.spans.index]
        return [html.table(["label", "F1 exact", "F1 overlapping", "alpha of tokens"], rows)]


def agreement_objects(objects: pd.DataFrame, *, reviewed: pd.DataFrame | None = None,
                      sizes: Mapping[Any, tuple[float, float]] | None = None, resamples: int = RESAMPLES,
                      seed: int = 0, tokens: Mapping[Any, npt.ArrayLike] | None = None) -> ObjectAgreement:
    """Measure how far several people agree on the objects of images, or on the spans of texts: found, named and placed.

    Parameters
    ----------
    objects : DataFrame
        A row per object, such as `wb.objects()`: item_id, annotator, label_id or label, kind (boxes without it), x0,
        y0, x1, y1; `points` of polygons; start and end of spans. Rows with the act "deleted" or the status "planted"
        are ignored; rows with the status "unsure" are used. A missing label is in doubt: see `ObjectAgreement`. In
        images that their annotator didn't review (see `reviewed`), unsure objects and those in doubt are ignored, since
        `wb.objects()` also lists images that were answered "unsure" as a whole, and images that have changed.
    reviewed : DataFrame, optional
        item_id and annotator of each image that each person looked at, also of those in which they found nothing.
        By default `objects.attrs["reviewed"]`, which `wb.objects()` sets, else the images in which they found
        something.
    sizes : mapping of item_id to (width, height), optional
        Size of each image in pixels, which only points need; the width of a text is its number of characters. By
        default `objects.attrs["sizes"]`, which `wb.objects()` sets, or the columns width and height.
    resamples : int
        Number of bootstrap samples of images, for the intervals.
    seed : int
        Seed of the samples, and of the images that are compared for agreement by chance.
    tokens : mapping of item_id to array_like of int, shape (k, 2), optional
        Start and end of each token of a text, for the alpha over tokens; `items.tokens.tokens(text)` finds them. By
        default `objects.attrs["tokens"]`, which `wb.objects()` sets, else each character is a token.

    Returns
    -------
    ObjectAgreement

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If kinds are mixed, a coordinate is missing, or the size of an image with points isn't known.

    Notes
    -----
    Alpha over 1 - IoU isn't given: two boxes that don't meet are 1 apart however far they are, so that the expected
    disagreement is always about 1, and it ranks annotators worse than other distances do.

    References
    ----------
    Braylan, Alonso and Lease (2022), Measuring Annotator Agreement Generally across Complex Structured, Multi-object,
    and Free-text Annotation Tasks, doi:10.1145/3485447.3512242; Krippendorff (2018), Content Analysis, 4th edition.

    Examples
    --------
    >>> ann = pd.DataFrame({"item_id": range(20), "annotator": "ann", "label": ["cell", "dust"] * 10,
    ...                     "x0": range(0, 1000, 50), "y0": 0, "x1": range(40, 1040, 50), "y1": 40})
    >>> bob = ann.assign(annotator="bob", x0=ann["x0"] + 5)
    >>> found = agreement_objects(pd.concat([ann, bob]))
    >>> found["found"].value, found["named"].value, found.at("found", 0.9).value < 1
    (1.0, 1.0, True)
    """
    check_count("resamples", resamples, "a number of samples, 2 or more,", least=2)
    given = _Given.of(objects, reviewed, sizes)
    clear = given.without_doubts()
    counts = labelled = _count(given, np.random.default_rng(seed))
    drawn = drawn_labelled = _drawn(counts, resamples, seed)
    rows = _rows(counts, drawn, QUESTIONS)
    notes: tuple[str, ...] = () if given.told else (
        "An image in which somebody found nothing doesn't count for them: pass reviewed= if there are some.",)
    if len(clear.images) < len(given.images):
        labelled = _count(clear, np.random.default_rng(seed))
        drawn_labelled = _drawn(labelled, resamples, seed)
        rows |= _rows(labelled, drawn_labelled, ("together",))
        notes += _of_doubts(given.kind, len(counts.image) - len(labelled.image), len(counts.image))
    of_spans = None
    if given.kind == "span":
        tokens = objects.attrs.get("tokens") if tokens is None else tokens
        of_spans, told = _spans(clear, labelled.image, tokens, drawn_labelled)
        notes = (*notes, told) if told else notes
    table = pd.DataFrame([row for question in QUESTIONS for row in rows[question]], columns=COLUMNS)
    return ObjectAgreement(table, counts.people, given.kind, notes, of_spans, len(counts.people))


def _drawn(counts: _Counts, resamples: int, seed: int) -> Floats:
    """How often each image is in each sample, shape (resamples, n_images)."""
    n = len(counts.image)
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples).astype(np.float64) if n \
        else np.zeros((resamples, 0))


def _rows(counts: _Counts, drawn: Floats, questions: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the table about each question."""
    once, again = counts.figures(np.ones((1, len(counts.image)))), counts.figures(drawn)
    rows: dict[str, list[tuple[Any, ...]]] = {question: [] for question in questions}
    for question in questions:
        n_images = counts.n_images_of(question)
        for place, threshold in enumerate(THRESHOLDS):
            value, n = float(once[question][0, place]), counts.n_of(question, place)
            low, high = interval_of_coefficient(value, again[question][:, place], n_images)
            why = "" if not math.isnan(value) else counts.why(question, place)
            rows[question].append((question, threshold, value, low, high, n_images, n, why))
    return rows


def _of_doubts(kind: str, n: int, n_images: int) -> tuple[str, ...]:
    """A remark on the images that have an object whose label is in doubt, if there are any."""
    items, figures = ("texts", "together, f1_exact, f1_overlap and alpha leave") if kind == "span" else \
        ("images", "together leaves")
    return (f"{n:,} of {n_images:,} {items} have an object whose label is in doubt: {figures} out these {items}, named "
            "leaves out pairs with such an object.",) if n else ()


def _spans(given: _Given, items: Sequence[Any], tokens: Mapping[Any, npt.ArrayLike] | None, weights: Floats
           ) -> tuple[pd.DataFrame, str]:
    """The figures that only spans have, and a remark on them."""
    found = [[Found(*given.by[item, who]) for who in given.images[item]] for item in items]
    units, told = units_of(items, found, tokens, given.sizes)
    return span_table(found, units, [str(name) for name in given.names], weights), told


@dataclass(frozen=True, eq=False)
class _Given:
    """The objects of each person in each image.

    Parameters
    ----------
    kind : str
    by : dict of (item_id, annotator) to (coordinates, labels)
        Also of people who reviewed an image and found nothing. A label in doubt is -1.
    images : dict of item_id to list of annotators
    labels, names : list
        Keys and names of the labels.
    sizes : dict of item_id to (height, width)
    told : bool
        Whether it is known who reviewed what.
    without_doubt : bool
        Whether images with a label in doubt were left out.
    """

    kind: str
    by: dict[tuple[Any, Any], _Objects]
    images: dict[Any, list[Any]]
    labels: list[Any]
    names: list[Any]
    sizes: dict[Any, tuple[float, float]]
    told: bool
    without_doubt: bool = False

    def without_doubts(self) -> _Given:
        """Return a copy without the images that have an object whose label is in doubt."""
        doubts = {item for (item, _), (_, labels) in self.by.items() if (labels < 0).any()}
        images = {item: people for item, people in self.images.items() if item not in doubts}
        by = {who: found for who, found in self.by.items() if who[0] in images}
        return replace(self, by=by, images=images, without_doubt=True)

    @classmethod
    def of(cls, objects: pd.DataFrame, reviewed: pd.DataFrame | None,
           sizes: Mapping[Any, tuple[float, float]] | None) -> _Given:
        rows, kind, key = _checked(objects)
        told = reviewed if reviewed is not None else reviewed_pairs(objects)
        rows = rows if told is None else _reviewed(rows, told)
        ats = coordinates(rows, kind) if len(rows) else []
        label, labels = pd.factorize(rows[key])
        named = dict(zip(rows[key], rows["label"], strict=True)) if "label" in rows else {}
        by: dict[Any, _Objects] = {}
        images: dict[Any, list[Any]] = {}
        whole = rows if told is None else pd.concat([rows[["item_id", "annotator"]], told[["item_id", "annotator"]]])
        for item, annotator in whole[["item_id", "annotator"]].drop_duplicates().itertuples(index=False):
            by[item, annotator] = ([], np.zeros(0, np.int64))
            images.setdefault(item, []).append(annotator)
        for who, places in rows.groupby(["item_id", "annotator"], sort=False).indices.items():
            by[who] = ([ats[place] for place in places], np.asarray(label[places], np.int64))
        known = known_sizes(rows, sizes)
        if kind == "point" and (unknown := [item for item in images if not min(known.get(item, (0, 0))) > 0]):
            raise BadInput(f"the size of image {unknown[0]!r} isn't known; points need it, as columns width and height "
                           "or as sizes={item_id: (width, height)}.")
        return cls(kind, by, images, list(labels), [named.get(one, one) for one in labels], known, told is not None)


def _checked(objects: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """The rows of objects that aren't deleted, their only kind, and the column that identifies labels."""
    if not isinstance(objects, pd.DataFrame):
        raise BadInput(f"objects is a {type(objects).__name__}; a table of objects is expected, as wb.objects() "
                       "makes it.")
    key = "label_id" if "label_id" in objects else "label"
    if missing := [name for name in ("item_id", "annotator", key) if name not in objects]:
        raise ShapeError(f"the table of objects lacks {', '.join(missing)}; item_id, annotator, label and "
                         f"{', '.join(columns_of(objects))} are expected, as wb.objects() has them.")
    rows = objects
    for name, gone in (("act", "deleted"), ("status", "planted")):
        rows = rows[rows[name].ne(gone).to_numpy(np.bool_)] if name in rows else rows
    rows = rows.reset_index(drop=True)
    kinds = kinds_in(rows)
    if len(kinds) > 1:
        raise BadInput(f"the table has objects of the kinds {', '.join(map(str, kinds))}; those of one kind are "
                       "expected.")
    return rows, str(kinds[0]), key


def _reviewed(rows: pd.DataFrame, reviewed: pd.DataFrame) -> pd.DataFrame:
    """The objects without those that are unsure or in doubt in images that their annotator didn't review."""
    if "status" not in rows:
        return rows
    pairs = set(zip(reviewed["item_id"], reviewed["annotator"], strict=True))
    kept = [status not in IN_DOUBT or pair in pairs for status, pair in
            zip(rows["status"], zip(rows["item_id"], rows["annotator"], strict=True), strict=True)]
    return rows[np.array(kept, np.bool_)].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class _Counts:
    """The counts behind the figures, image by image.

    Parameters
    ----------
    image : list
        Images with two people or more.
    alone, alone_chance : ndarray of float, shape (n_images, 2, n_thresholds + 1)
        Number of objects without a partner, and without a partner of the same label, at each threshold; in the last
        place that of all objects. `alone` is for two people in the image, `alone_chance` for one in it and one in
        another image.
    named : ndarray of float, shape (n_images, n_thresholds, n_labels, n_labels)
        Number of pairs of objects with each two labels, in both orders, without pairs with a label in doubt.
    near, far : ndarray of float, shape (n_images, n_thresholds, n_bins) and (n_images, n_bins)
        Distances of pairs, and of objects of different images, in bins.
    near_sum, far_sum : ndarray of float, shape (n_images, n_thresholds) and (n_images,)
    people : DataFrame
    without_doubt : bool
        Whether images with a label in doubt were left out.
    """

    image: list[Any]
    alone: Floats
    alone_chance: Floats
    named: Floats
    near: Floats
    far: Floats
    near_sum: Floats
    far_sum: Floats
    people: pd.DataFrame
    without_doubt: bool

    def figures(self, weights: Floats) -> dict[str, Floats]:
        """Each figure in each sample of the images, shape (n_samples, n_thresholds); NaN where undefined."""
        alone = [np.einsum("si,ikt->kst", weights, of, optimize=True) for of in (self.alone, self.alone_chance)]
        observed, expected = (_quotient(of[..., :-1], of[..., -1:]) for of in alone)
        found, together = 1 - _quotient(observed, expected)
        named = np.einsum("si,itkl->stkl", weights, self.named, optimize=True)
        pairs, of_label = named.sum(axis=(2, 3)), named.sum(axis=3)
        same = np.einsum("stkk->st", named)
        met = _quotient((of_label * (of_label - 1)).sum(axis=2), pairs * (pairs - 1))
        n_near = weights @ self.near.sum(axis=2)
        far = _quotient(weights @ self.far_sum, weights @ self.far.sum(axis=1))[:, None]
        near = _quotient(weights @ self.near_sum + (n_near[:, :1] - n_near) * far, n_near[:, :1])
        reached = [_quotient(np.cumsum(of, axis=-1), of.sum(axis=-1, keepdims=True)) for of in
                   (np.einsum("si,itb->stb", weights, self.near, optimize=True), (weights @ self.far)[:, None, :])]
        return {"found": found, "named": 1 - _quotient(1 - _quotient(same, pairs), 1 - met),
                "placed": 1 - _quotient(near, far), "together": together,
                "ks": (reached[0] - reached[1]).max(axis=2)}

    def n_of(self, question: str, place: int) -> int:
        """Objects, for "found" and "together", or pairs of them at a threshold."""
        return int(self.alone[:, 0, -1].sum() if question in ("found", "together") else
                   self.named[:, place].sum() / 2 if question == "named" else self.near[:, place].sum())

    def n_images_of(self, question: str) -> int:
        """Images, for "named" without those whose pairs all have a label in doubt."""
        pairs, named = self.near[:, 0].sum(axis=1), self.named[:, 0].sum(axis=(1, 2))
        return len(self.image) - (int(((pairs > 0) & (named == 0)).sum()) if question == "named" else 0)

    def why(self, question: str, place: int) -> str:
        """Reason why a figure is undefined at a threshold."""
        if len(self.image) < 2:
            return "two items that two people reviewed" + (", without a label in doubt," * self.without_doubt) + \
                " are needed"
        n = self.n_of(question, place)
        if question in ("found", "together"):
            return "all images have the same objects, so that no disagreement is expected by chance" if n else \
                "nobody found an object"
        if question == "named" and self.near[:, place].any():
            return "all paired objects have one label, so that no disagreement is expected by chance" if n else \
                "all paired objects have a label in doubt"
        return "no two objects are paired at this overlap"


def _pairs(given: _Given, item: Any) -> Iterator[tuple[Any, Any]]:
    yield from combinations(sorted(given.images[item], key=str), 2)


def _count(given: _Given, rng: np.random.Generator) -> _Counts:
    """Compare every two people in each image, and each image with some others."""
    limits, n_labels = np.array(THRESHOLDS), max(1, len(given.labels))
    images = [item for item, people in given.images.items() if len(people) >= 2]
    n, n_limits = len(images), len(limits)
    alone, chance = np.zeros((n, 2, n_limits + 1)), np.zeros((n, 2, n_limits + 1))
    named, near = np.zeros((n, n_limits, n_labels, n_labels)), np.zeros((n, n_limits, _BINS))
    far, near_sum, far_sum = np.zeros((n, _BINS)), np.zeros((n, n_limits)), np.zeros(n)
    middle = THRESHOLDS.index(0.5)
    theirs: dict[Any, list[Any]] = {}
    order = rng.permutation(n)
    place_of = np.argsort(order)
    for row, item in enumerate(images):
        size = given.sizes.get(item)
        for one, other in _pairs(given, item):
            (a, of_a), (b, of_b) = given.by[item, one], given.by[item, other]
            worth, first, second = _paired(given.kind, a, b, size, of_a, of_b)
            kept = worth[None, :] >= limits[:, None]
            labelled = (of_a[first] >= 0) & (of_b[second] >= 0)
            alike = labelled & (of_a[first] == of_b[second])
            alone[row] += _alone(len(a) + len(b), kept, alike)
            apart = _distances_of_pairs(given.kind, a, b, first, second, size)
            at, pair = np.nonzero(kept & labelled)
            np.add.at(named[row], (at, of_a[first[pair]], of_b[second[pair]]), 1)
            np.add.at(named[row], (at, of_b[second[pair]], of_a[first[pair]]), 1)
            at, pair = np.nonzero(kept)
            np.add.at(near[row], (at, np.minimum((apart * _BINS).astype(np.int64), _BINS - 1)[pair]), 1)
            near_sum[row] += kept @ apart
            some = kept[middle]
            sums = (int(some.sum()), len(a) + len(b), int((some & alike).sum()), int((some & labelled).sum()),
                    float(worth[some].sum()))
            for who in (one, other):
                theirs.setdefault(who, []).append(sums)
        for step in range(1, min(_OTHERS, n - 1) + 1):
            apart_from = images[order[(place_of[row] + step) % n]]
            (a, of_a), (b, of_b) = _strangers(given, item, apart_from, step)
            worth, first, second = _paired(given.kind, a, b, size, of_a, of_b)
            chance[row] += _alone(len(a) + len(b), worth[None, :] >= limits[:, None], of_a[first] == of_b[second])
            if a and b:
                between = distances(given.kind, a, b, size=size).ravel()
                far[row] += np.bincount(np.minimum((between * _BINS).astype(int), _BINS - 1), minlength=_BINS)
                far_sum[row] += between.sum()
    return _Counts(images, alone, chance, named, near, far, near_sum, far_sum, _people(given, theirs),
                   given.without_doubt)


def _alone(n: int, kept: npt.NDArray[np.bool_], alike: npt.NDArray[np.bool_]) -> Floats:
    """Of two people's n objects those without a partner, and those without one of the same label; each before n."""
    return np.array([[*(n - 2 * (kept & some).sum(axis=1)), n] for some in (np.ones_like(alike), alike)], np.float64)


def _strangers(given: _Given, item: Any, other: Any, step: int) -> tuple[_Objects, _Objects]:
    """Objects of one person in an image, and of another person in another image."""
    first = given.images[item][step % len(given.images[item])]
    seconds = [who for who in given.images[other] if who != first]
    return given.by[item, first], given.by[other, seconds[step % len(seconds)]]


def _paired(kind: str, a: list[Sequence[float]], b: list[Sequence[float]], size: tuple[float, float] | None,
            of_a: npt.NDArray[np.int64], of_b: npt.NDArray[np.int64]
            ) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Overlap of each pair, and the places of both objects."""
    if not a or not b:
        return np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
    overlap = overlaps(kind, a, b, size=size)
    # The same words may have two spans: if overlaps are equal, the one with the same label is the partner.
    alike = overlap + SAME_LABEL * (of_a[:, None] == of_b[None, :]) * (overlap > 0) if kind == "span" else overlap
    first, second = match_by_overlap(alike, THRESHOLDS[0])
    return overlap[first, second], first, second


def _distances_of_pairs(kind: str, a: list[Sequence[float]], b: list[Sequence[float]], first: npt.NDArray[np.int64],
                        second: npt.NDArray[np.int64], size: tuple[float, float] | None) -> Floats:
    return np.array([distances(kind, [a[one]], [b[other]], size=size)[0, 0] for one, other in
                     zip(first.tolist(), second.tolist(), strict=True)]) if kind == "polygon" else \
        np.diag(distances(kind, [a[one] for one in first], [b[other] for other in second], size=size)) \
        if len(first) else np.zeros(0)


def _people(given: _Given, theirs: dict[Any, list[Any]]) -> pd.DataFrame:
    rows = []
    for who in sorted({who for people in given.images.values() for who in people}, key=str):
        own = [of for (_, annotator), of in given.by.items() if annotator == who]
        n_pairs, n_objects, same, n_named, worth = np.sum(theirs.get(who, [(0, 0, 0, 0, 0.0)]), axis=0)
        rows.append((who, len(own), sum(len(ats) for ats, _ in own), 2 * n_pairs / n_objects if n_objects else np.nan,
                     same / n_named if n_named else np.nan, worth / n_pairs if n_pairs else np.nan))
    return pd.DataFrame(rows, columns=PERSON_COLUMNS)


def _quotient(above: Floats, below: Floats) -> Floats:
    """The quotient, NaN where it is undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 1e-12, above / below, np.nan)


def interval_of_coefficient(value: float, samples: Floats, n: int) -> tuple[float, float]:
    """95 % interval of a coefficient: the wider of Student's on the scale log(1 - value) and the percentiles.

    Samples without any disagreement are infinite on that scale: they count as half of the smallest disagreement in
    another sample, and the interval is at least as wide as if nobody disagreed.
    """
    finite = samples[np.isfinite(samples)]
    if math.isnan(value) or n < 2 or len(finite) < len(samples) / 2:
        return math.nan, math.nan
    if value >= 1 - 1e-12 or float(finite.std()) < ALIKE:
        left = float(unseen(n, 0.95))
        return value - left, min(1.0, value + left)
    gaps = 1 - finite
    perfect = gaps <= 1e-12
    scale = np.log(np.where(perfect, gaps[~perfect].min() / 2, gaps))
    student = -float(stdtrit(n - 1, 0.025)) * math.sqrt(n / (n - 1))
    low, high = around(value, float(scale.std()) * (1 - value), student, student)
    ends = np.quantile(finite, [0.025, 0.975])
    if perfect.any():
        low = min(low, 1 - float(unseen(n, 0.95)))
    return min(value, low, float(ends[0])), min(1.0, max(value, high, float(ends[1])))
