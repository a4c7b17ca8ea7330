"""Cards of the experiment on automation bias: which of the votes count, and whether the model was wrong on them.

Read `drawn` and `truths` first; `EffectFigures` displays the results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate

SUGGESTED, WITHOUT = ("shown",), ("blind", "answer_first")
DRAWN = (*SUGGESTED, *WITHOUT, "no_map")


class EffectFigures:
    """Text and table of a result whose attributes are estimated effects of seeing a suggestion.

    Attributes
    ----------
    IN_WORDS : dict
        Description of each figure by the name of its attribute, in the order of display.
    TITLE, UNIT, COUNTED : str
        Title of the table, and headings of the columns of the figure and of its n.
    notes : tuple of str
        Remarks to show with the figures.
    """

    IN_WORDS: ClassVar[Mapping[str, str]] = {}
    TITLE: ClassVar[str]
    UNIT: ClassVar[str]
    COUNTED: ClassVar[str]
    notes: tuple[str, ...]

    def figures(self) -> dict[str, Estimate]:
        """List every figure by name."""
        return {name: getattr(self, name) for name in self.IN_WORDS}

    def __repr__(self) -> str:
        return "\n".join([*(f"{self.IN_WORDS[name]}: {estimate!r}" for name, estimate in self.figures().items()),
                          *self.notes])

    def _repr_html_(self) -> str:
        rows = [[self.IN_WORDS[name], "none" if math.isnan(estimate) else f"{estimate.value:+.3f}",
                 estimate.why or f"{estimate.low:+.3f} to {estimate.high:+.3f}", estimate.n]
                for name, estimate in self.figures().items()]
        return html.page(self.TITLE, html.table(["", self.UNIT, "95 % interval", self.COUNTED], rows),
                         *map(html.paragraph, self.notes))


def check(votes: pd.DataFrame) -> pd.DataFrame:
    """Check a table of votes; return its labelled rows without repeats, with planted and shown as booleans."""
    if not isinstance(votes, pd.DataFrame):
        raise BadInput(f"votes is a {type(votes).__name__}; a table of votes is expected, as wb.votes() makes it.")
    needed = ["item_id", "annotator", "label", "shown", "suggestion"]
    if missing := [name for name in needed if name not in votes.columns]:
        raise ShapeError(f"the table of votes lacks {', '.join(missing)}; the effect of a suggestion can be measured "
                         f"only from {', '.join(needed)}. wb.votes() makes such a table.")
    kept = np.array(votes["label"].notna(), np.bool_)
    if "repeat_of" in votes:
        kept = kept & votes["repeat_of"].isna().to_numpy(np.bool_)
    votes = votes[kept].reset_index(drop=True)
    planted = votes["planted"].to_numpy(np.bool_, na_value=False) if "planted" in votes else np.zeros(len(votes), bool)
    try:
        shown = votes["shown"].astype("boolean")
    except (TypeError, ValueError):
        raise BadInput("shown holds something else than True (the suggestion was visible), False and missing "
                       "values.") from None
    return votes.assign(planted=planted, shown=shown)


def truth_of(truth: pd.Series | Mapping[Any, Any] | None) -> pd.Series:
    """Check the truth; return it as a Series by item_id, without missing labels."""
    known = pd.Series(truth, dtype=object) if isinstance(truth, Mapping) or truth is None else truth
    if not isinstance(known, pd.Series):
        raise BadInput(f"truth is a {type(truth).__name__}; a Series or a mapping of item_id to label is expected.")
    if not known.index.is_unique:
        raise BadInput(f"truth names the item {known.index[known.index.duplicated()][0]!r} twice; one label each is "
                       "expected.")
    return known.dropna()


def same_names(votes: pd.DataFrame, known: pd.Series) -> None:
    """Refuse a truth whose items or labels match the votes only after conversion to text, such as 1 and "1".

    Such items would be judged without the truth, and with such labels every suggestion would be wrong.
    """
    said = known[known.index.isin(votes["item_id"])]
    labels = pd.concat([votes["label"], votes["suggestion"].dropna()])
    for what, ours, theirs in (("items", known.index.to_series(), votes["item_id"]), ("labels", said, labels)):
        if len(ours) and not ours.isin(theirs).any() and (same := ours[ours.astype(str).isin(theirs.astype(str))]).size:
            other = theirs[theirs.astype(str) == str(same.iloc[0])].iloc[0]
            raise BadInput(f"truth names {what} as {type(same.iloc[0]).__name__} ({same.iloc[0]!r}), and the votes as "
                           f"{type(other).__name__} ({other!r}); one type is expected, such as with astype(str).")


def drawn(votes: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Each person's first card of an item among those whose arm was drawn; and whether the votes record the arms."""
    cards = votes[~votes["planted"] & votes["suggestion"].notna()]
    if "arm" not in votes:
        cards = cards[cards["shown"].notna()]
        arm = np.where(cards["shown"].to_numpy(np.bool_), "shown", "blind")
        cards = cards.assign(arm=arm.astype(object), arm_probability=1.0)
        return cards.drop_duplicates(["item_id", "annotator"]), False
    cards = cards[cards["arm"].isin(DRAWN)]
    if "arm_probability" not in votes:
        return cards.assign(arm_probability=0.5).drop_duplicates(["item_id", "annotator"]), True
    probability = pd.to_numeric(cards["arm_probability"], errors="coerce")
    if np.iscomplexobj(probability):
        raise BadInput("arm_probability holds complex numbers; numbers above 0, and at most 1, are expected.")
    probability = probability.astype(np.float64)
    if (odd := probability[(probability <= 0) | (probability > 1)]).size:
        raise BadInput(f"arm_probability has {odd.iloc[0]:g}; a number above 0, and at most 1, is expected.")
    cards = cards.assign(arm_probability=probability)[probability.notna().to_numpy()]
    return cards.drop_duplicates(["item_id", "annotator"]), True


def judged(cards: pd.DataFrame, votes: pd.DataFrame, known: pd.Series, min_blind: int) -> pd.DataFrame:
    """Cards with the columns took (the answer is the model's label), truth, right and wrong (of the model, if known).

    A suggestion that an edit left in doubt (`suggestion_in_doubt`) is neither right nor wrong.
    """
    truth = truths(cards, votes, known, min_blind)
    suggestion = cards["suggestion"].to_numpy(object)
    judged = truth.notna().to_numpy(np.bool_)
    if "suggestion_in_doubt" in cards:
        judged = judged & ~cards["suggestion_in_doubt"].to_numpy(np.bool_)
    right = judged & (suggestion == truth.to_numpy(object))
    return cards.assign(took=cards["label"].to_numpy(object) == suggestion, truth=truth.to_numpy(object), right=right,
                        wrong=judged & ~right)


def truths(cards: pd.DataFrame, votes: pd.DataFrame, known: pd.Series, min_blind: int) -> pd.Series:
    """Each card's truth: the known label of its item, else the majority of other people's blind votes, else None.

    Votes that an edit left in doubt (`label_in_doubt`) don't count.
    """
    truth = pd.Series(known.reindex(cards["item_id"]).to_numpy(object), index=cards.index, dtype=object)
    open_items = pd.Index(cards["item_id"][truth.isna()].unique())
    told = ~votes["label_in_doubt"].to_numpy(np.bool_) if "label_in_doubt" in votes else True
    blind = votes[~votes["planted"] & is_blind(votes) & told
                  & votes["item_id"].isin(open_items)].drop_duplicates(["item_id", "annotator"], keep="last")
    if blind.empty:
        return truth
    label, labels = pd.factorize(blind["label"])
    counts = np.zeros((len(open_items), len(labels)))
    np.add.at(counts, (open_items.get_indexer(pd.Index(blind["item_id"])), label), 1.0)
    own = pd.Series(label, index=pd.MultiIndex.from_frame(blind[["item_id", "annotator"]]))
    asked = np.flatnonzero(truth.isna())
    rows = cards.iloc[asked]
    place = open_items.get_indexer(pd.Index(rows["item_id"]))
    mine = own.reindex(pd.MultiIndex.from_frame(rows[["item_id", "annotator"]])).fillna(-1).to_numpy(np.int64)
    enough = counts.sum(axis=1)[place] - (mine >= 0) >= min_blind
    asked, place, mine = asked[enough], place[enough], mine[enough]
    others = counts[place]
    others[mine >= 0, mine[mine >= 0]] -= 1  # without the vote of the person who is judged
    top = others.argmax(axis=1)
    alone = (others == others.max(axis=1, keepdims=True)).sum(axis=1) == 1
    truth.iloc[asked[alone]] = labels.to_numpy(object)[top[alone]]
    return truth


def is_blind(votes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which labels were given without sight of a suggestion, as far as known."""
    return votes["shown"].eq(False).to_numpy(np.bool_, na_value=False)
