"""Messages about hold-out items that are copies of training items, and about items whose content has changed.

Read `copies_in_holdout`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..items.integrity import alike_in_size, shared_contents
from ..items.near_copies import near_copies
from ..items.pool import Pool

COPIES_BUDGET_S = 0.5
NEAR_COPIES_BUDGET_S = 0.25


def copies_in_holdout(pool: Pool, holdout: npt.NDArray[np.bool_], places: npt.NDArray[np.int64],
                      contents: Sequence[str | None], content_of: Callable[[int], str | None]) -> Iterator[str]:
    """Say which hold-out items are copies of items that may train, so that a model may have learnt their answer.

    Parameters
    ----------
    pool : Pool
    holdout : ndarray of bool, shape (n_items,)
    places : ndarray of int, shape (n_answers,)
        Positions of the answered items, -1 for those that aren't in the pool.
    contents : sequence of str
        The content hash of each answered item when it was answered.
    content_of : callable
        Position -> content hash of the item now. Where nothing is answered yet, items are read, as far as there is
        time.
    """
    if not holdout.any():
        return
    if pool.kind == "text":
        answered = places[places >= 0] if len(places) else None
        if pairs := near_copies(pool, holdout, positions=answered, budget_s=NEAR_COPIES_BUDGET_S):
            one, other = (repr(str(pool.ids[place])) for place in pairs[0])
            are = _counted(len(pairs), "hold-out text is", "hold-out texts are")
            yield (f"{are} the same as texts that may train, or nearly, such as {one} and {other}: a model that learnt "
                   "one knows the other. Leave copies out of the pool, or begin a project with group=, a metadata "
                   "column that keeps them together.")
        return
    yield from _shared(pool, holdout, zip(places.tolist(), contents, strict=True))
    if not len(places):
        yield from _shared(pool, holdout, ((place, content_of(place))
                                           for place in alike_in_size(pool, budget_s=COPIES_BUDGET_S)))


def _shared(pool: Pool, holdout: npt.NDArray[np.bool_], contents: Iterable[tuple[int, str | None]]) -> Iterator[str]:
    if shared := shared_contents(contents, holdout):
        one, other = (repr(str(pool.ids[place])) for place in shared[0])
        have = _counted(len(shared), "hold-out item has", "hold-out items have")
        yield (f"{have} the same content as items that may train, such as {one} and {other}: a model that learnt one "
               "knows the other. Leave copies out of the pool, or begin a project with group=, a metadata column that "
               "keeps them together.")


def changed_in_words(item_ids: Sequence[str], kind: str) -> str:
    """Say that the content of some answered items has changed, in a pool of images or of texts."""
    some = ", ".join(map(repr, item_ids[:3])) + (", ..." if len(item_ids) > 3 else "")
    return (f"the content of {len(item_ids):,} answered items has changed ({some}); "
            "their answers are to be reviewed, and the items are asked again."
            + (" Where rows of a table moved, open it with the ids that the texts had: ids=... stay with "
               "their texts, row numbers don't." if kind == "text" else ""))


def _counted(n: int, one: str, several: str) -> str:
    return f"1 {one}" if n == 1 else f"{n:,} {several}"
