"""Consensus of several annotators, by the method that best predicts held-out votes, allowing for copied suggestions.

`consensus` makes a `Consensus` from a table of votes: a label and probabilities for each item, the reliability of each
person, and why the method was chosen. `vote_models` has the models, `exposure` the rates of copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput, ShapeError
from ..records import Estimate
from . import copying_rates, vote_models
from .intervals import jeffreys
from .pooling import Votes
from .suggestion_effect import agreement_with_model
from .vote_models import BLIND_VOTE, SHOWN_VOTE, UNKNOWN_VOTE, Ballots, Floats, VoteModel
from .votes import EncodedVotes, Ints, encode

METHODS = ("auto", "majority", "one_coin", "dawid_skene", "glad", "mace", "exposure")
STRUCTURE = {"majority": "equal", "one_coin": "one_coin", "dawid_skene": "confusion", "glad": "glad", "mace": "mace",
             "exposure": "confusion"}
# In order of simplicity: of methods that predict votes equally well, the first is taken.
PLAIN = ("majority", "one_coin", "dawid_skene", "mace", "glad")
PEOPLE_COLUMNS = ["annotator", "n", "accuracy", "low", "high"]
TABLE_COLUMNS = ["item_id", "label", "prob", "share", "n", "minority", "minority_share", "tied"]
# m votes of an item count as m / (1 + dependence (m - 1)): of these, the one that predicts held-out votes best.
DEPENDENCES = (0.0, 0.03, 0.06, 0.1, 0.17, 0.25, 0.35, 0.5)
# A simpler method is rejected if another one predicts held-out votes better by this many standard errors.
CLEARLY = 2.0
# Of values that predict equally well, within a standard error, the one nearest to this is taken: as in `pooling`. Where
# the model votes too, held-out votes determine the value well enough by themselves.
USUAL_DEPENDENCE = 0.25
# Folds of votes, and iterations of a fit to them.
N_FOLDS, FOLD_ITERATIONS = 5, 60
# Compared with a plain count, a method that moves the shares of labels by more than the first, and by more than the
# second as a part of all its changes, assumes that nearly everybody errs in one direction. Votes can't show that: the
# answers may as well be right. Chosen on four crowds (benchmarks/consensus.py).
LARGEST_SHIFT, ONE_WAY = 0.1, 2 / 3
# With fewer held-out votes than this, no method counts as worse than another one.
MIN_HELD_OUT = 20
# With fewer blind votes than this, methods that ignore exposure aren't fitted to them.
MIN_BLIND = 30


@dataclass(frozen=True)
class Evidence:
    """Why a method was chosen.

    Parameters
    ----------
    why : str
        In words.
    table : DataFrame
        A row for each candidate: method, votes ("all" or "blind only": what it was fitted to), log_likelihood (mean
        log-probability of a held-out vote, in nats), behind (mean lead of the best candidate per held-out vote) and its
        standard error se, n (held-out votes), dependence, shift (how far it moves the shares of labels from those of a
        plain count, 0 to 1), chosen, and note.
    """

    why: str
    table: pd.DataFrame

    def __str__(self) -> str:
        return self.why if not len(self.table) else f"{self.why}\n{self.table.to_string(index=False)}"

    __repr__ = __str__


@dataclass(frozen=True)
class Consensus:
    """Consensus of several annotators on each item.

    Parameters
    ----------
    labels : Series of object, indexed by item_id
        The most probable label. If several are equally probable, the one that has most votes over all items; `table`
        marks such ties.
    probs : DataFrame, shape (n_items, n_labels), rows sum to 1
        Probability of each label, indexed by item_id.
    annotators : DataFrame
        A row per person: annotator, n (votes), accuracy (how often their own judgement is right), low and high (95 %).
    method : str
        The method that was used.
    evidence : Evidence
        Why this method was chosen.
    copying : DataFrame or None
        A row for each person who saw a suggestion: annotator, rate (the probability that they take it over without a
        judgement of their own), low, high (95 %), n_shown and n_blind (votes). None where nothing was shown. Since
        people and model may err alike on the same items, rates are corrected by the difference between shown and blind
        votes; intervals are wide where few votes were blind.
    copy_rate : Estimate
        Rate of copying of all people together.
    model : Estimate
        How often the model's suggestions are right on these items, seen or not, judged without the answers that copied
        them. If a strategy chose the items, this isn't the accuracy in the pool. Errors that people and model have in
        common count as right. Items of which it isn't known since an edit whether their label is what the model
        suggested are left out.
    shares : DataFrame, shape (n_items, n_labels)
        Share of each label among the item's votes, minorities included.
    table : DataFrame
        A row per item: item_id, label, prob, share (of the votes that say the label), n (votes), minority (the
        commonest other label) and minority_share, tied (whether several labels are most probable).
    votes : DataFrame
        The rows that were counted.
    n_repeated : int
        Rows that were left out because the same person voted on the same item further down.
    notes : tuple of str
        Further remarks on the result.
    """

    labels: pd.Series
    probs: pd.DataFrame
    annotators: pd.DataFrame
    method: str
    evidence: Evidence
    copying: pd.DataFrame | None
    copy_rate: Estimate
    model: Estimate
    shares: pd.DataFrame
    table: pd.DataFrame
    votes: pd.DataFrame
    n_repeated: int = 0
    notes: tuple[str, ...] = ()

    def _lines(self) -> list[str]:
        n_people = self.votes["annotator"].nunique()  # `annotators` may be left with one person's own row
        people = "1 person" if n_people == 1 else f"{n_people} people"
        lines = [f"{len(self.labels)} items, {len(self.votes)} votes, {people}; {self.method}"]
        if self.n_repeated:
            lines.append(f"{self.n_repeated} rows were left out: the same person voted for the same item again")
        lines.append(self.evidence.why)
        if not np.isnan(self.copy_rate):
            lines.append(f"of suggestions in sight, copied: {self.copy_rate}")
        if not np.isnan(self.model):
            lines.append(f"on these items the model's suggestions are right: {self.model}")
        return [*lines, *self.notes]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in self._lines()) + self.table.head(10).to_html(index=False)


def consensus(votes: pd.DataFrame, method: str = "auto", labels: Sequence[str] | None = None, *,
              probs: pd.DataFrame | None = None, certainty: bool = True, dependence: float | None = None,
              seed: int = 0) -> Consensus:
    """Estimate each item's label from the votes of several annotators, and the reliability of each annotator.

    Parameters
    ----------
    votes : DataFrame
        With item_id, annotator and label; exposure needs shown (True, False, or missing where it isn't known) and
        suggestion too. `wb.votes()` makes such a table. An optional column unjudged has the labels of which it isn't
        known, since an edit, whether the suggestion means them (`votes_about.cards`).
    method : str
        "majority" counts votes. "one_coin" estimates an accuracy for each person; "dawid_skene" a confusion matrix for
        each person, shrunk towards their accuracy if they have few votes; "glad" the ability of each person and the
        difficulty of each item; "mace" how often each person answers without looking at the item. "exposure" is
        Dawid-Skene in which a vote given in sight of a suggestion may be a copy of it, and the model has a vote too.
        "auto" chooses the method that predicts held-out votes best. If the table has suggestions, methods that ignore
        them are fitted to blind votes only, and not considered if there are too few blind votes.
    labels : sequence of str, optional
        Every label that could have been given, in order; without it those that occur.
    probs : DataFrame, optional
        Items x labels: probabilities of a model that was trained neither on votes given in sight of a suggestion nor on
        the item itself. They replace the vote of the suggestions. Rows may be missing. "majority" ignores them.
    certainty : bool
        Whether votes are weighted by certainty. The evidence of a vote is multiplied by 1 + slope * s, where s is the
        log-odds of its certainty above the person's mean, and the slope is fitted so that the other votes predict each
        vote best. "majority" ignores it.
    dependence : float, optional
        m votes of an item count as m / (1 + dependence (m - 1)), since people make the same errors on hard items. By
        default the value among `DEPENDENCES` that predicts held-out votes best. If both method and value are passed, no
        votes are held out, which is several times as fast.
    seed : int
        Seed of the folds of held-out votes.

    Returns
    -------
    Consensus

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If the method isn't one of these, a label isn't among `labels`, `probs` holds something else than probabilities
        of these labels, or dependence is below 0.

    References
    ----------
    Dawid and Skene (1979), doi:10.2307/2346806; Hovy et al. (2013), Learning Whom to Trust with MACE; Whitehill et al.
    (2009), Whose Vote Should Count More.

    Examples
    --------
    >>> votes = pd.DataFrame({"item_id": list("xxxyyy"), "annotator": ["ann", "bob", "cleo"] * 2,
    ...                       "label": ["cat", "cat", "dog", "dog", "dog", "dog"]})
    >>> consensus(votes, "majority").labels.tolist()
    ['cat', 'dog']
    """
    if method not in METHODS:
        raise BadInput(f"method {method!r} isn't known; one of {', '.join(METHODS)} is expected.")
    if dependence is not None and not dependence >= 0:
        raise BadInput(f"dependence is {dependence!r}; 0 or more is expected.")
    encoded = encode(votes, labels, exposure=method == "exposure")
    ballots, notes = _ballots(encoded, probs, certainty)
    if not len(ballots):
        return _empty(encoded)
    aware = None
    if (ballots.channel != BLIND_VOTE).any() or (ballots.item_suggestion >= 0).any():
        aware = vote_models.fit(ballots, "confusion", copying=True)
    candidates, reason = _candidates(method, ballots, suggested=aware is not None)
    candidates = _fitted(candidates, ballots, aware)
    if dependence is None or len(candidates) > 1:
        fold = _folds(encoded, np.random.default_rng(seed))
        if aware is not None and method == "auto":  # only blind votes are compared
            fold[ballots.channel != BLIND_VOTE] = -1
        candidates = _score(candidates, ballots, dependence, fold)
    else:
        candidates = [replace(candidate, dependence=dependence) for candidate in candidates]
    chosen, evidence = _choose(candidates, reason)
    return _finish(encoded, ballots, chosen, aware, evidence, notes)


@dataclass(frozen=True)
class Candidate:
    """A method, what it is fitted to, and how well it predicts held-out votes.

    Parameters
    ----------
    method : str
    blind_only : bool
        Whether it is fitted only to blind votes.
    model : VoteModel, optional
        Fitted to all the votes that it may use.
    logs : ndarray of float64, optional
        Log-probability of each held-out vote.
    dependence : float
    shift, one_way : float
        Distance of the shares of labels from those of a plain count, and the part of all changes that goes in one
        direction.
    """

    method: str
    blind_only: bool
    model: VoteModel | None = None
    logs: Floats | None = None
    dependence: float = 0.0
    shift: float = 0.0
    one_way: float = 0.0

    def ballots(self, ballots: Ballots) -> Ballots:
        """Keep the votes and weights that this method may use."""
        if self.blind_only:
            ballots = ballots.take(ballots.channel == BLIND_VOTE)
        if self.method == "majority":
            ballots = replace(ballots, weight=np.ones(len(ballots)), item_logs=None)
        return ballots

    def fit(self, ballots: Ballots, max_iterations: int = vote_models.MAX_ITERATIONS) -> VoteModel:
        """Estimate the model from votes that this method may use."""
        return vote_models.fit(ballots, STRUCTURE[self.method], copying=self.method == "exposure",
                               max_iterations=max_iterations)

    @property
    def drifts(self) -> bool:
        """Whether this fit assumes that nearly everybody errs in the same direction."""
        return self.shift > LARGEST_SHIFT and self.one_way > ONE_WAY


def _candidates(method: str, ballots: Ballots, *, suggested: bool) -> tuple[list[Candidate], str]:
    """Methods to compare, and why these."""
    visible = int((ballots.channel != BLIND_VOTE).sum())
    if method != "auto":
        if visible and method != "exposure":
            return [Candidate(method, False)], (
                f"{method} was asked for; it counts {visible} votes that were given, or may have been given, in sight "
                "of a suggestion as if they were blind, and so may take over the model's errors")
        return [Candidate(method, False)], f"{method} was asked for"
    if not suggested:
        return [Candidate(name, False) for name in PLAIN], "no suggestion is named in the votes"
    candidates = [Candidate("exposure", False)]
    n_blind = len(ballots) - visible
    if n_blind < MIN_BLIND:
        return candidates, (f"{visible} of {len(ballots)} votes were given in sight of a suggestion, and only "
                            f"{n_blind} blind: too few for any method that ignores suggestions")
    if not visible:
        return [*candidates, *(Candidate(name, False) for name in PLAIN)], "no suggestion was visible"
    return [*candidates, *(Candidate(name, True) for name in ("majority", "one_coin", "dawid_skene"))], (
        f"{visible} of {len(ballots)} votes were given in sight of a suggestion; methods that ignore this are fitted "
        "to blind votes only, and all are compared on held-out blind votes")


def _fitted(candidates: list[Candidate], ballots: Ballots, aware: VoteModel | None) -> list[Candidate]:
    """Fit each candidate, and measure how far it moves the shares of labels from those of a plain count."""
    fitted, counted = [], None
    for candidate in candidates:
        some = candidate.ballots(ballots)
        model = aware if candidate.method == "exposure" and aware is not None else candidate.fit(some)
        shift = gross = 0.0
        if candidate.method not in ("majority", "exposure") and len(candidates) > 1:
            if counted is None:
                counted = vote_models.posterior(vote_models.fit(some, "equal"), some, USUAL_DEPENDENCE)
            change = (vote_models.posterior(model, some, USUAL_DEPENDENCE) - counted)[some.n_of_item > 0]
            shift, gross = float(abs(change.mean(axis=0)).sum() / 2), float(abs(change).sum(axis=1).mean() / 2)
        fitted.append(replace(candidate, model=model, shift=shift, one_way=shift / max(gross, 1e-12)))
    return fitted


def _folds(encoded: EncodedVotes, rng: np.random.Generator) -> Ints:
    """The fold of each vote, drawn in the order of the items' ids: a table says the same in whatever order it is."""
    by_item = np.argsort(encoded.items.map(str).to_numpy(object), kind="stable")
    place = np.empty(len(by_item), np.int64)
    place[by_item] = np.arange(len(by_item))
    # Names come last, and only where there are no times: a reader may have pseudonyms before them.
    rows = encoded.rows
    at = pd.factorize(rows["acted_at"], sort=True)[0] if "acted_at" in rows and rows["acted_at"].notna().all() else \
        encoded.annotator
    order = np.lexsort((encoded.annotator, at, encoded.suggestion, encoded.shown, encoded.label, place[encoded.item]))
    fold = np.empty(len(encoded), np.int64)
    fold[order] = rng.integers(0, N_FOLDS, len(encoded))
    return fold


def _score(candidates: list[Candidate], ballots: Ballots, dependence: float | None, fold: Ints) -> list[Candidate]:
    """Predict the same held-out votes with each candidate: those of each fold from the others; fold -1 is left out."""
    n_held = len(ballots)
    options = DEPENDENCES if dependence is None else (dependence,)
    scored = []
    for candidate in candidates:
        logs = np.zeros((len(options), n_held))
        for part in range(N_FOLDS):
            held = fold == part
            if not held.any():
                continue
            rest, tested = candidate.ballots(ballots.take(~held)), ballots.take(held)
            if candidate.method == "majority":
                tested = replace(tested, weight=np.ones(len(tested)))
            model = candidate.fit(rest, max_iterations=FOLD_ITERATIONS)
            logs[:, held] = vote_models.predict_votes(model, rest, tested, options)
        logs = logs[:, fold >= 0]
        row = int(np.argmax(logs.sum(axis=1)))
        if candidate.method != "exposure" or not logs.size:
            level = [other for other in range(len(options)) if _level(logs[other], logs[row], 1.0)]
            row = min(level, key=lambda row: abs(options[row] - USUAL_DEPENDENCE))
        scored.append(replace(candidate, logs=logs[row], dependence=options[row]))
    return scored


def _choose(candidates: list[Candidate], reason: str) -> tuple[Candidate, Evidence]:
    """Take the simplest candidate that predicts held-out votes as well as the best one, of those that don't drift."""
    if len(candidates) == 1:
        only = candidates[0]
        return only, Evidence(reason, _evidence_table(candidates, only))
    fit = [candidate for candidate in candidates if not candidate.drifts]
    leader, best = max(fit, key=_mean_log), max(candidates, key=_mean_log)
    chosen = next(candidate for candidate in fit if _level_with(candidate, leader))
    how = "predicts held-out votes best" if chosen is leader else \
        f"predicts held-out votes as well as {leader.method}, which is less simple,"
    why = (f"{chosen.method} {how} of {len(fit)} methods ({_mean_log(chosen):.3f} nats a vote"
           f"{''.join(f', {c.method} {_mean_log(c):.3f}' for c in fit if c is not chosen)}); {reason}")
    if best is not chosen:
        why += (f". {best.method} predicts them better ({_mean_log(best):.3f}), but it assumes that nearly everybody "
                "errs in the same direction, which votes alone can't show")
    return chosen, Evidence(why, _evidence_table(candidates, chosen))


def _level_with(candidate: Candidate, leader: Candidate) -> bool:
    """Whether a candidate predicts held-out votes as well as the best one, or nearly."""
    if candidate is leader or candidate.logs is None or leader.logs is None:
        return candidate is leader
    return _level(candidate.logs, leader.logs, CLEARLY)


def _level(logs: Floats, best: Floats, n_errors: float) -> bool:
    gap = best - logs
    return len(gap) < MIN_HELD_OUT or bool(gap.mean() <= n_errors * gap.std() / np.sqrt(len(gap)))


def _mean_log(candidate: Candidate) -> float:
    return float(candidate.logs.mean()) if candidate.logs is not None and len(candidate.logs) else float("nan")


def _evidence_table(candidates: list[Candidate], chosen: Candidate) -> pd.DataFrame:
    scored = [candidate for candidate in candidates if candidate.logs is not None and len(candidate.logs)]
    best = max(scored, key=_mean_log).logs if scored else None
    rows = []
    for candidate in candidates:
        behind = se = float("nan")
        if best is not None and candidate.logs is not None and len(candidate.logs):
            gap = best - candidate.logs
            behind, se = float(gap.mean()), float(gap.std() / np.sqrt(len(gap)))
        rows.append((candidate.method, "blind only" if candidate.blind_only else "all", _mean_log(candidate), behind,
                     se, 0 if candidate.logs is None else len(candidate.logs), candidate.dependence, candidate.shift,
                     candidate is chosen, "moves nearly all labels one way" if candidate.drifts else ""))
    return pd.DataFrame(rows, columns=["method", "votes", "log_likelihood", "behind", "se", "n", "dependence", "shift",
                                       "chosen", "note"])


def _ballots(encoded: EncodedVotes, probs: pd.DataFrame | None, certainty: bool) -> tuple[Ballots, list[str]]:
    """Arrays for the models, and remarks on them."""
    rows, notes = encoded.rows, []
    order = np.argsort(rows["acted_at"].to_numpy(), kind="stable") if "acted_at" in rows and \
        rows["acted_at"].notna().all() else np.arange(len(rows))
    # The first suggestion: a later model may have learnt from the item's votes.
    said = order[encoded.suggestion[order] >= 0][::-1]
    item_suggestion = np.full(len(encoded.items), -1)
    item_suggestion[encoded.item[said]] = encoded.suggestion[said]
    ballots = Ballots.of(encoded.item, encoded.annotator, encoded.label, n_items=len(encoded.items),
                         n_annotators=len(encoded.annotators), n_labels=len(encoded.labels), shown=encoded.shown,
                         suggestion=encoded.suggestion, item_suggestion=item_suggestion,
                         judged=_judged(encoded, said),
                         item_logs=None if probs is None else _item_logs(encoded, probs))
    if n := int((ballots.channel == UNKNOWN_VOTE).sum()):
        notes.append(f"of {n} votes nobody recorded whether their suggestion was visible: they may be copies, at a "
                     "rate of their own for each person")
    n_shown, n_blind = (int((ballots.channel == channel).sum()) for channel in (SHOWN_VOTE, BLIND_VOTE))
    if n_shown and n_blind < MIN_BLIND:
        notes.append(f"only {n_blind} votes were given blind: who copies and who agrees can hardly be told apart")
    if certainty and "certainty" in rows and len(rows):
        numbers = pd.to_numeric(rows["certainty"], errors="coerce")
        if np.iscomplexobj(numbers):
            raise BadInput("certainty holds complex numbers; numbers from 0 to 10 are expected.")
        given = numbers.to_numpy(float)
        odds = Votes.of(encoded.item, encoded.label, certainty=given, annotator=encoded.annotator).centred_log_odds()
        if odds.any():
            slope = vote_models.certainty_slope(ballots, odds)
            ballots = replace(ballots, weight=vote_models.evidence_weights(odds, slope))
            notes.append(f"certainty: the evidence of a vote is multiplied by 1 + {slope:.2f} times the log-odds of "
                         "its certainty above its annotator's mean")
    return ballots, notes


def _judged(encoded: EncodedVotes, said: Ints) -> npt.NDArray[np.bool_] | None:
    """For which labels of each item it would be known whether its suggestion is right; None if for all of them.

    `said` lists the votes with a suggestion; the last one of an item has the item's.
    """
    if "unjudged" not in encoded.rows:
        return None
    judged = np.zeros((len(encoded.items), len(encoded.labels)), np.bool_)
    unjudged, names = encoded.rows["unjudged"].to_numpy(object), encoded.labels.to_numpy(object)
    known = {labels: ~np.isin(names, list(labels)) for labels in set(unjudged[said])}
    for vote in said:
        judged[encoded.item[vote]] = known[unjudged[vote]]
    return judged


def _item_logs(encoded: EncodedVotes, probs: pd.DataFrame) -> Floats:
    """Log-probabilities of `probs` in the order of items and labels; equal ones where a row is missing."""
    if lacking := [str(label) for label in encoded.labels if label not in probs.columns]:
        raise ShapeError(f"probs lacks columns for {', '.join(lacking[:5])}; a column for each label is expected.")
    if not probs.index.is_unique or (len(encoded.items) and not encoded.items.isin(probs.index).any()):
        raise ShapeError("probs names an item twice, or none of the items that were voted on; a row for each item_id "
                         "is expected, of the same type as in the votes.")
    values = probs.reindex(encoded.items)[list(encoded.labels)].to_numpy(float, copy=True)
    there = np.isfinite(values).all(axis=1)
    if (values[there] < 0).any() or not np.allclose(values[there].sum(axis=1), 1, atol=1e-3):
        raise BadInput("probs has rows that are below 0 or don't sum to 1; probabilities of the labels are expected.")
    values[~there] = 1 / max(1, len(encoded.labels))
    return np.asarray(np.log(np.clip(values, 1e-6, None)))


def _finish(encoded: EncodedVotes, ballots: Ballots, chosen: Candidate, aware: VoteModel | None, evidence: Evidence,
            notes: list[str]) -> Consensus:
    """Put the result together."""
    used = chosen.ballots(ballots)
    model = chosen.fit(used) if chosen.model is None else chosen.model
    probs = vote_models.posterior(model, used, chosen.dependence)
    if chosen.blind_only and aware is not None:  # it knows nothing about items that nobody answered blind
        unseen = used.n_of_item == 0
        probs[unseen] = vote_models.posterior(aware, ballots)[unseen]
    counts = encoded.counts()
    n = counts.sum(axis=1)
    tied = probs >= probs.max(axis=1, keepdims=True, initial=0) - 1e-9
    top = np.where(tied, 1 + counts.sum(axis=0), 0).argmax(axis=1) if probs.size else np.zeros(0, np.int64)
    labels = pd.Series(encoded.labels.to_numpy()[top], index=encoded.items, name="label", dtype=object)
    copying, rate, right = _copying(encoded, ballots, aware, probs if chosen.method == "exposure" else None)
    return Consensus(labels, pd.DataFrame(probs, encoded.items, encoded.labels), _people(encoded, used, model, probs),
                     chosen.method, evidence, copying, rate, right,
                     pd.DataFrame(counts / np.maximum(n, 1)[:, None], encoded.items, encoded.labels),
                     _table(encoded, probs, counts, top, tied.sum(axis=1) > 1), encoded.rows, encoded.n_repeated,
                     tuple(notes))


def _empty(encoded: EncodedVotes) -> Consensus:
    nothing, why = pd.DataFrame(index=encoded.items, columns=encoded.labels, dtype=float), "there are no votes"
    none = Estimate(float("nan"), why=why)
    return Consensus(pd.Series(index=encoded.items, name="label", dtype=object), nothing,
                     pd.DataFrame(columns=PEOPLE_COLUMNS), "majority", Evidence(why, pd.DataFrame()), None, none, none,
                     nothing.copy(), pd.DataFrame(columns=TABLE_COLUMNS), encoded.rows, encoded.n_repeated)


def _table(encoded: EncodedVotes, probs: Floats, counts: Floats, top: npt.NDArray[np.int64],
           tied: npt.NDArray[np.bool_]) -> pd.DataFrame:
    rows, n = np.arange(len(top)), counts.sum(axis=1)
    others = counts.copy()
    others[rows, top] = 0
    second = others.argmax(axis=1) if others.size else top
    names = encoded.labels.to_numpy()
    minority = np.array([names[place] if there else None for place, there in
                         zip(second, others[rows, second] > 0, strict=True)], dtype=object)
    columns = (encoded.items, names[top], probs[rows, top], counts[rows, top] / np.maximum(n, 1), n.astype(int),
               minority, others[rows, second] / np.maximum(n, 1), tied)
    return pd.DataFrame(dict(zip(TABLE_COLUMNS, columns, strict=True)))


def _people(encoded: EncodedVotes, ballots: Ballots, model: VoteModel, probs: Floats) -> pd.DataFrame:
    """Accuracy of each person's own judgement, with a 95 % interval that allows for what isn't known of the truth."""
    n_people = ballots.n_annotators
    of_votes, own = probs[ballots.item], model.own_probs(ballots)
    rate = model.copy_rates[ballots.annotator, ballots.channel][:, None]
    together = rate * (ballots.label == ballots.suggestion)[:, None] + (1 - rate) * own
    mine = of_votes * (1 - rate) * own / together  # each vote's own judgement, by truth
    right = mine[np.arange(len(ballots)), ballots.label]
    wrong = mine.sum(axis=1) - right
    hits, misses = (np.bincount(ballots.annotator, values, n_people) for values in (right, wrong))
    n = hits + misses
    share = np.clip(hits / np.maximum(n, 1e-9), 1e-6, 1 - 1e-6)
    # The part of the information of n judged answers that is left, since right and wrong are only probable.
    up, down = 1 / share[ballots.annotator], 1 / (1 - share[ballots.annotator])
    spread = right * up ** 2 + wrong * down ** 2 - (right * up - wrong * down) ** 2
    lost = np.bincount(ballots.annotator, spread, n_people)
    n_judged = n * np.clip(1 - lost * share * (1 - share) / np.maximum(n, 1e-9), 0, 1)
    table = []
    for place, name in enumerate(encoded.annotators):
        low, high = jeffreys(share[place] * n_judged[place], n_judged[place]) if n_judged[place] > 0 else (0.0, 1.0)
        value = hits[place] / n[place] if n[place] > 0 else float("nan")
        table.append((name, int((encoded.annotator == place).sum()), value, min(low, value), max(high, value)))
    return pd.DataFrame(table, columns=PEOPLE_COLUMNS)


def _copying(encoded: EncodedVotes, ballots: Ballots, aware: VoteModel | None,
             probs: Floats | None) -> tuple[pd.DataFrame | None, Estimate, Estimate]:
    """Rates of copying, of each person and of all, and the model's accuracy."""
    if aware is None:
        why = "the votes name no suggestion"
        return None, Estimate(float("nan"), why=why), Estimate(float("nan"), why=why)
    probs = vote_models.posterior(aware, ballots) if probs is None else probs
    rate, right = copying_rates.overall(aware, ballots, probs)
    if not (ballots.channel == SHOWN_VOTE).any():
        return None, rate, right
    off = copying_rates.misfit(rate, *agreement_with_model(encoded.rows))
    table = copying_rates.copy_intervals(aware, ballots)
    table["annotator"] = encoded.annotators.to_numpy()[table["annotator"]]
    each = zip(table["rate"].tolist(), table["low"].tolist(), table["high"].tolist(), strict=True)
    table["rate"], table["low"], table["high"] = zip(
        *(copying_rates.corrected(value, low, high, off) for value, low, high in each), strict=True)
    return table, Estimate(*copying_rates.corrected(rate.value, rate.low, rate.high, off), n=rate.n), right
