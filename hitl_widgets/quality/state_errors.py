"""Label errors in sets of labels: which labels were probably left on or off by mistake.

A label's state is on or off. `state_errors` combines people's answers with the out-of-fold probabilities of models,
separately for each label; `pooling` does the same for items with one label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput, ShapeError
from .pooling import LogLinearPool, Votes, fit_pool, posterior

STATE_COLUMNS = ["item_id", "annotator", "label_id", "value", "right"]
ANSWER_COLUMNS = ["item_id", "annotator", "label_id", "right", "n_wrong"]


@dataclass(frozen=True)
class StateErrors:
    """Estimates of which labels were left on or off by mistake, for items that may have several labels.

    A state is an annotator's statement that a label is on or off for an item. The estimates use all answers, and the
    predictions of a model that wasn't trained on them.

    Attributes
    ----------
    probs : DataFrame, shape (n_items, n_labels)
        Probability that each label is on, indexed by item_id. It can be used as soft labels for training.
    states : DataFrame
        A row per state: item_id, annotator, label_id, value (on or off), right (the probability that it is right), and
        decision_id if the given states have it.
    answers : DataFrame
        A row per item and annotator: item_id, annotator, label_id and right of the state with the lowest probability of
        being right, n_wrong (the expected number of wrong states), and decision_id if the given states have it.
    pooling : LogLinearPool
        The estimated reliability of model, annotators and certainties; its annotators are in the order of `annotators`.
    annotators : list of str
        Names of the annotators.
    """

    probs: pd.DataFrame
    states: pd.DataFrame
    answers: pd.DataFrame
    pooling: LogLinearPool
    annotators: list[str]

    @property
    def per_label(self) -> pd.DataFrame:
        """A row for each label_id: the number of states and the expected number of wrong ones.

        Columns: n and n_wrong for all states, n_on and n_wrong_on for states "on", n_off and n_wrong_off for "off".
        """
        wrong = 1 - self.states["right"]
        on = self.states["value"].astype(bool)
        columns: dict[str, pd.Series] = {}
        for name, some in (("", on | ~on), ("_on", on), ("_off", ~on)):
            columns |= {f"n{name}": some.astype(int), f"n_wrong{name}": wrong.where(some, 0.0)}
        return pd.DataFrame(columns).groupby(self.states["label_id"]).sum()


def state_errors(states: pd.DataFrame, probs: pd.DataFrame, truth: pd.DataFrame | None = None) -> StateErrors:
    """Estimate the probability that each label's state is right.

    One model of reliability (`LogLinearPool`) is fitted to the states of all labels. So it is assumed that a person is
    equally reliable for all labels, and that their certainty means the same for all labels. The frequency of each label
    comes from `probs`.

    Parameters
    ----------
    states : DataFrame
        Table of states from `label_states.label_states`: item_id, annotator, label_id, value; also certainty,
        unsure and decision_id.
    probs : DataFrame, shape (n_items, n_labels)
        Probability that each label is on, predicted by models that weren't trained on these items' answers; indexed by
        item_id. NaN counts as 0.5.
    truth : DataFrame, optional
        item_id, label_id, value (bool): known states, such as those of gold.

    Returns
    -------
    StateErrors

    Raises
    ------
    ShapeError
        If a column is missing, or `probs` lacks an item or a label of the states.
    BadInput
        If `probs` holds something else than probabilities.
    """
    if missing := [name for name in ("item_id", "annotator", "label_id", "value") if name not in states]:
        raise ShapeError(f"the table of states lacks {', '.join(missing)}; label_states() makes such a table.")
    if lacking := sorted(set(states["label_id"].unique()) - set(probs.columns)):
        raise ShapeError(f"probs lacks columns for {', '.join(map(str, lacking[:5]))}; a column for each label is "
                         "expected.")
    if not probs.index.is_unique or not pd.Index(states["item_id"].unique()).isin(probs.index).all():
        raise ShapeError("probs has several rows for an item, or no row for an item of states; one row per item is "
                         "expected.")
    states = states[states["value"].notna()].drop_duplicates(["item_id", "annotator", "label_id"], keep="last")
    states = states.reset_index(drop=True)
    on = probs.to_numpy(np.float64, copy=True)
    if ((on < 0) | (on > 1)).any():
        raise BadInput("probs has numbers that are below 0 or above 1; probabilities that labels are on are expected.")
    on = np.where(np.isnan(on), 0.5, on)
    cells = np.column_stack([1 - on.ravel(), on.ravel()])
    row = _cells(states, probs)
    value = states["value"].to_numpy(bool)
    annotator, annotators = pd.factorize(states["annotator"], sort=True)
    votes = Votes(row, value.astype(np.int64), annotator.astype(np.int64),
                  pd.to_numeric(states["certainty"], errors="coerce").to_numpy(np.float64)
                  if "certainty" in states else np.full(len(states), np.nan),
                  states["unsure"].to_numpy(np.bool_, na_value=False) if "unsure" in states
                  else np.zeros(len(states), bool))
    known = np.full(len(cells), -1, np.int64)
    if truth is not None:
        said = truth[truth["item_id"].isin(probs.index) & truth["label_id"].isin(probs.columns)]
        known[_cells(said, probs)] = said["value"].to_numpy(bool).astype(np.int64)
    pooling = fit_pool(cells, votes, known)
    after = posterior(pooling, cells, votes)
    extra = [name for name in ("decision_id",) if name in states]
    table = states[["item_id", "annotator", "label_id", "value", *extra]].assign(right=after[row, value.astype(int)])
    return StateErrors(pd.DataFrame(after[:, 1].reshape(on.shape), probs.index, probs.columns),
                       table[[*STATE_COLUMNS, *extra]], _answers(table, extra), pooling, list(annotators))


def _cells(table: pd.DataFrame, probs: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Flat index of each row's item and label in `probs`."""
    return np.asarray(probs.index.get_indexer(pd.Index(table["item_id"])) * len(probs.columns)
                      + probs.columns.get_indexer(pd.Index(table["label_id"])), np.int64)


def _answers(states: pd.DataFrame, extra: list[str]) -> pd.DataFrame:
    """The state of each answer with the lowest probability of being right; see `StateErrors.answers`."""
    if states.empty:
        return pd.DataFrame(columns=[*ANSWER_COLUMNS, *extra])
    wrong = (1 - states["right"]).groupby([states["item_id"], states["annotator"]], sort=False).sum()
    least = states.loc[states.groupby(["item_id", "annotator"], sort=False)["right"].idxmin()]
    return least.assign(n_wrong=wrong.to_numpy())[[*ANSWER_COLUMNS, *extra]].reset_index(drop=True)
