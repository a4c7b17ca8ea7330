"""Near-duplicate texts between the hold-out and the rest, which make a model look better than it is.

`near_copies` finds them by MinHash, within a time budget.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .pool import Pool
from .text_features import readable_texts, word_hashes

# Minimum Jaccard similarity of near-duplicates, over their words and pairs of words.
SHARED = 0.7
# In texts with fewer distinct words than this, numbers are compared, too.
FEW = 4
# MinHash: bands, and hashes in each. One pair in 30 with similarity 0.7 is missed, and none with 0.9.
N_BANDS, IN_BAND = 8, 3
# Number of texts that are read between two checks of the time, and maximum comparisons of one text in a band.
AT_ONCE, MOST_OF_ONE = 2_000, 10
_FACTOR, _MIX = np.uint64(0x9e3779b97f4a7c15), np.uint64(0xff51afd7ed558ccd)


def near_copies(pool: Pool, holdout: npt.NDArray[np.bool_], *, positions: npt.NDArray[np.int64] | None = None,
                budget_s: float) -> list[tuple[int, int]]:
    """Find hold-out texts that are near-duplicates of a text that may train.

    Upper and lower case, punctuation and white space make no difference, nor do numbers beside four words or more. What
    can't be read is left out.

    Parameters
    ----------
    pool : Pool
        A pool of texts.
    holdout : ndarray of bool, shape (n_items,)
    positions : ndarray of int, optional
        The texts that are compared; all when None.
    budget_s : float
        Seconds after which no more texts are read, so that of a large pool only a part is compared.

    Returns
    -------
    list of (int, int)
        Each such hold-out item, and one of its near-duplicates.

    References
    ----------
    Broder (1997), On the resemblance and containment of documents, doi:10.1109/SEQUEN.1997.666900; Leskovec, Rajaraman
    and Ullman (2014), Mining of Massive Datasets, chapter 3 (bands).
    """
    every = np.arange(len(pool)) if positions is None else np.unique(positions)
    sides = (every[holdout[every]], every[~holdout[every]])
    if not all(len(side) for side in sides):
        return []
    signatures = [np.empty((0, N_BANDS), np.uint64)]
    places = [np.empty(0, np.int64)]
    end = time.monotonic() + budget_s
    for some in _in_turns(sides):
        texts = readable_texts(pool, some)
        known = [row for row, text in enumerate(texts) if text is not None]
        signatures.append(_signatures([text for text in texts if text is not None]))
        places.append(some[known])
        if time.monotonic() > end:
            break
    return _pairs(pool, np.concatenate(places), np.concatenate(signatures), holdout)


def _in_turns(sides: Sequence[npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.int64]]:
    """Parts of both sides in turns, so that both are covered whenever time is up."""
    for start in range(0, max(map(len, sides)), AT_ONCE):
        for side in sides:
            if len(some := side[start:start + AT_ONCE]):
                yield some


def _shingles(texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The words and pairs of words of some texts, at least one for each text: its text, ascending, and a hash."""
    row, words = word_hashes(texts, digits=False)
    # Texts of codes and numbers alone, such as "part 7B", would have no words: there, these count.
    few = np.flatnonzero(_n_distinct(row, words, len(texts)) < FEW)
    if len(few):
        row_of_few, words_of_few = word_hashes([texts[place] for place in few.tolist()])
        kept = ~np.isin(row, few)
        row, words = np.concatenate([row[kept], few[row_of_few]]), np.concatenate([words[kept], words_of_few])
        order = np.argsort(row, kind="stable")
        row, words = row[order], words[order]
    follows = row[1:] == row[:-1]
    without = np.setdiff1d(np.arange(len(texts)), row)  # texts of digits, signs or emoji alone
    whole = np.array([zlib.crc32(" ".join(texts[place].split()).encode()) for place in without.tolist()], np.uint64)
    rows = np.concatenate([row, row[1:][follows], without])
    hashes = np.concatenate([words, (words[:-1] * _FACTOR + words[1:])[follows], whole])
    order = np.argsort(rows, kind="stable")
    return rows[order], hashes[order]


def _n_distinct(row: npt.NDArray[np.int64], words: npt.NDArray[np.uint64], n_texts: int) -> npt.NDArray[np.int64]:
    """How many different words each text has."""
    order = np.lexsort((words, row))
    row, words = row[order], words[order]
    new = np.append(True, (row[1:] != row[:-1]) | (words[1:] != words[:-1]))[:len(row)]
    return np.bincount(row[new], minlength=n_texts)


def _signatures(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A number for each text and band, shape (n_texts, 8): similar texts have one or more in common."""
    if not texts:
        return np.empty((0, N_BANDS), np.uint64)
    rows, hashes = _shingles(texts)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    bands = np.zeros((len(texts), N_BANDS), np.uint64)
    factors = np.random.default_rng(0).integers(2**62, size=N_BANDS * IN_BAND, dtype=np.uint64) * np.uint64(2) \
        + np.uint64(1)
    for number, factor in enumerate(factors):
        mixed = hashes * factor
        least = np.minimum.reduceat((mixed ^ (mixed >> np.uint64(31))) * _MIX, starts)
        band = number // IN_BAND
        bands[:, band] = bands[:, band] * _FACTOR + least
    return bands


def _pairs(pool: Pool, places: npt.NDArray[np.int64], bands: npt.NDArray[np.uint64],
           holdout: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The pairs of texts that share a band and are similar enough when compared exactly."""
    measures = holdout[places]
    found: dict[int, int] = {}
    for band in bands.T:
        candidates = []
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order])) + 1
        starts, ends = np.append(0, starts), np.append(starts, len(order))
        for start, end in zip(starts[ends > starts + 1].tolist(), ends[ends > starts + 1].tolist(), strict=True):
            run = order[start:end]
            if 0 < measures[run].sum() < len(run):
                others = places[run[~measures[run]]][:MOST_OF_ONE].tolist()
                candidates += [(place, others) for place in places[run[measures[run]]].tolist() if place not in found]
        found.update(_alike(pool, candidates))
    return sorted(found.items())


def _alike(pool: Pool, candidates: Sequence[tuple[int, Sequence[int]]]) -> dict[int, int]:
    """For each hold-out item, the first candidate that is similar enough."""
    wanted = sorted({place for one, others in candidates for place in (one, *others)})
    rows, hashes = _shingles([text or "" for text in readable_texts(pool, wanted)])
    ends = np.searchsorted(rows, np.arange(len(wanted) + 1))
    sets = {place: frozenset(hashes[start:end].tolist())
            for place, start, end in zip(wanted, ends[:-1].tolist(), ends[1:].tolist(), strict=True)}
    alike: dict[int, int] = {}
    for one, others in candidates:
        own = sets[one]
        for other in others:
            # Jaccard similarity of two sets: n / (a + b - n).
            if (n := len(own & sets[other])) >= SHARED * (len(own) + len(sets[other]) - n) > 0:
                alike[one] = other
                break
    return alike
