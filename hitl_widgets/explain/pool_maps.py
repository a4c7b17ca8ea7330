"""Saliency maps of a whole pool, computed block by block and kept on disk, not in memory.

`explain_pool` implements `Workbench.explain_all`, and `ExplainedPool` is its result. `run_block` computes a block on a
worker of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadInput, DiskFull, HitlError, ItemError
from ..items.pool import Pool
from ..items.pool_part import part_of, pool_of
from ..learn.blocks import Answers, Block, Loaded, Result, Work, blocks_of, run, work_of
from ..learn.inference import Inference
from ..learn.predict import NetPredictor
from ..records import Attribution, Bars, Prediction, no_bars
from ..storage.map_blocks import Entry, MapBlocks, content_of, packed
from .attribute import NetExplainer
from .explanations import Map, at_size, suggestion
from .service import Explainer
from .text_explainer import TextExplainer


class ExplainedPool:
    """The maps of many items, on disk: ``maps[item_id]`` reads one.

    A map is at the item's own size: float32 (H, W), or for a text a table of words, as in `Explanations.maps`. The card
    and `Workbench.explain` read the same files. ``for item_id in maps`` iterates over `item_ids`, items that failed
    included.

    Attributes
    ----------
    item_ids : ndarray of str
        The items that were asked for.
    method : str
        The saliency method.
    model : str
        The model's version.
    errors : dict of str to str
        Item id -> why there is no map.
    n_bytes : int
        Size on disk of all maps of this model by this method, in bytes.
    """

    def __init__(self, pool: Pool, maps: MapBlocks, *, positions: np.ndarray, method: str, model: str,
                 errors: Mapping[str, str]) -> None:
        self._pool, self._maps, self._positions = pool, maps, positions
        self.method, self.model, self.errors = method, model, dict(errors)

    @property
    def item_ids(self) -> np.ndarray:
        """The items that were asked for."""
        ids: np.ndarray = self._pool.ids[self._positions]
        return ids

    @property
    def n_bytes(self) -> int:
        """Size on disk of all maps of this model by this method, in bytes."""
        return self._maps.n_bytes(self.model, self.method)

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[str]:
        return (str(self._pool.ids[position]) for position in self._positions)

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, str) and bool(np.isin(self._pool.positions([item_id]), self._positions)[0])

    def __getitem__(self, item_id: str) -> Map:
        return at_size(self.attribution(item_id), self._pool, self._pool.position(item_id))[0]

    def attribution(self, item_id: str) -> Attribution:
        """The map of an item on the net's own view.

        Parameters
        ----------
        item_id : str

        Raises
        ------
        BadInput
            If it has no map; the message says why.
        """
        position = self._pool.position(item_id)
        number = position // self._maps.size
        entry = self._maps.entries(self.model, self.method, number).get(str(self._pool.ids[position]))
        found = None if entry is None else self._maps.read(entry, position)
        if entry is not None and found is None:
            with suppress(DiskFull):
                self._maps.put(self.model, self.method, number, {})  # leaves out damaged maps, to be computed again
        if found is None:
            raise BadInput(self.errors.get(item_id, f"there is no map of item {item_id!r} any more. Call explain_all() "
                                                    "again."))
        return found

    def __repr__(self) -> str:
        failed = f"; {len(self.errors):,} failed, see .errors" if self.errors else ""
        return f"<maps of {len(self):,} items by {self.method}, {self.n_bytes / 1e6:,.1f} MB on disk{failed}>"


class _Wanted(NamedTuple):
    """An item whose map is to be computed: its target, the model's labels that make it up, and its current stamp."""

    position: int
    target: str
    parts: tuple[str, ...]
    stamp: str | None


def explain_pool(explainer: Explainer, inference: Inference, positions: np.ndarray, *, predictor: NetPredictor,
                 prediction: Callable[[int], Prediction | None], method: str, client: Any = None,
                 bars: Bars = no_bars) -> ExplainedPool:
    """Explain what a model suggests for some items; see `Workbench.explain_all`.

    Parameters
    ----------
    explainer : Explainer
    inference : Inference
    positions : ndarray of int
        Positions of the items in the pool; they have predictions.
    predictor : NetPredictor
        The model: the adopted one, or the one adopted until now.
    prediction : callable
        Returns its stored prediction of the item at a position.
    method : str
        As for `Workbench.explain`.
    client : distributed.Client or None
        See `learn.dask_cluster.checked`.
    bars : Bars
        Shows how many items are explained.
    """
    explainer.explain_many([], method, [])  # a method that doesn't serve is refused at once
    if client is not None:
        from ..learn.dask_cluster import checked
        client = checked(client)
    maps = _Maps(explainer, inference, predictor, prediction, method)
    runs = blocks_of(positions)
    with bars(len(positions), title=f"Explaining by {maps.method}") as advance:
        def blocks() -> Iterator[tuple[Block, list[_Wanted]]]:
            for number, some in runs:
                missing = maps.missing(number, some)
                advance(len(some) - len(missing))
                if missing:
                    yield maps.block(number, missing), missing

        for block, missing, answers in _computed(blocks(), maps, client):
            maps.keep(block.number, missing, answers)
            advance(len(missing))
    return ExplainedPool(maps.pool, maps.kept, positions=positions, method=maps.method, model=predictor.version,
                         errors=maps.errors)


class _Maps:
    """The maps of one model by one method: which are missing, and where computed ones are kept."""

    def __init__(self, explainer: Explainer, inference: Inference, predictor: NetPredictor,
                 prediction: Callable[[int], Prediction | None], method: str) -> None:
        self.explainer, self.inference, self.predictor, self.prediction = explainer, inference, predictor, prediction
        self.net = explainer.net_explainer(predictor)
        self.method = self.net.method_of(method)
        self.pool, self.kept = inference.pool, explainer.blocks
        self.errors: dict[str, str] = {}

    def missing(self, number: int, positions: np.ndarray) -> list[_Wanted]:
        """The items of a block whose map is missing or outdated."""
        entries = self.kept.entries(self.predictor.version, self.method, number)
        wanted = filter(None, map(self._wanted, positions.tolist()))
        return [one for one in wanted if not self._is_kept(one, entries.get(str(self.pool.ids[one.position])))]

    def _wanted(self, position: int) -> _Wanted | None:
        """What to explain of an item; None if nothing can be explained, with the reason in the errors."""
        target = suggestion(self.inference, position, self.prediction, None, self.errors)
        if target is None:
            return None
        parts, refused = self.explainer.parts_of([target], self.net)
        if target in refused:
            self.errors[str(self.pool.ids[position])] = str(refused[target])
            return None
        return _Wanted(position, target, parts[target], _stamp(self.pool, position))

    def _is_kept(self, one: _Wanted, entry: Entry | None) -> bool:
        return entry is not None and entry.key == self._key(one, entry.key[2]) \
            and _unchanged(self.pool, one.position, one.stamp, entry.stamp, entry.key[2])

    def block(self, number: int, missing: Sequence[_Wanted]) -> Block:
        """The block to send to the process that computes these maps."""
        places = np.array([one.position for one in missing], np.int64)
        targets = tuple((one.target, one.parts, None if one.stamp is not None or self.pool.remote
                         else _content(self.pool, one.position)) for one in missing)
        return Block(number, places, part_of(self.pool, places), targets)

    def keep(self, number: int, missing: Sequence[_Wanted], answers: Answers) -> None:
        """Keep the maps of a block, and the errors of items without one."""
        maps = {}
        for row, (one, blob) in enumerate(zip(missing, answers.blobs, strict=True)):
            item_id = str(self.pool.ids[one.position])
            if blob:
                maps[item_id] = (self._key(one, content_of(blob)), one.stamp, blob)
            else:
                self.errors[item_id] = answers.unreadable.get(row, "no map could be made")
        if maps:
            self.kept.put(self.predictor.version, self.method, number, maps)

    def _key(self, one: _Wanted, content: str) -> tuple[str, ...]:
        """As `Explainer._key`, without a label to contrast with."""
        return (self.predictor.version, str(self.pool.ids[one.position]), content, self.method, one.target,
                " ".join(one.parts), "", "", self.predictor.recipe)


def _computed(blocks: Iterator[tuple[Block, list[_Wanted]]], maps: _Maps, client: Any
              ) -> Iterator[tuple[Block, list[_Wanted], Answers]]:
    """Compute the maps of blocks of items, in this process or on a cluster."""
    def here(block: Block) -> Answers:
        return maps_of(maps.net, block.positions, maps.method, block.targets)
    if client is None:
        for block, missing in blocks:
            yield block, missing, here(block)
        return
    first = next(blocks, None)
    if first is None:
        return
    from ..learn.dask_cluster import results
    work = work_of(maps.predictor, first[0].positions, maps.inference.folder_of_work, what="maps", method=maps.method)
    sent: dict[int, list[_Wanted]] = {}

    def source() -> Iterator[Block]:
        for block, missing in chain([first], blocks):
            sent[block.number] = missing
            yield block
    for block, answers in results(client, run_block, work, source()):
        yield block, sent.pop(block.number), here(block) if answers is None else answers


def run_block(work: Work, block: Block) -> Result:
    """Compute the maps of a block, in this process or on a worker; errors are returned, not raised.

    Parameters
    ----------
    work : Work
    block : Block
    """
    def compute(work: Work, loaded: Loaded, block: Block) -> Answers:
        assert loaded.predictor is not None
        predictor = loaded.predictor.on(pool_of(block.part))
        net = (TextExplainer if block.part.kind == "text" else NetExplainer)(predictor)
        return maps_of(net, np.arange(len(block.part)), work.method, block.targets)
    return run(work, block, compute)


def maps_of(net: NetExplainer | TextExplainer, positions: np.ndarray, method: str, targets: Sequence[Any]) -> Answers:
    """Compute the saliency maps of some items. Each is packed together with an identifier of the item's content.

    Parameters
    ----------
    net : NetExplainer or TextExplainer
    positions : ndarray of int
        Positions of the items in the pool of `net`.
    method : str
        Name of the saliency method.
    targets : sequence of (str, tuple of str, str or None)
        For each item: the target to explain (such as a label), the model's labels that this target consists of, and the
        identifier of the item's content, or None if it isn't known.
    """
    pool: Any = net.predictor.pool
    contents = [_content(pool, position) if content is None else content
                for position, (_, _, content) in zip(positions.tolist(), targets, strict=True)]
    found = net.explain_many(positions.tolist(), method=method, targets=[target for target, *_ in targets],
                             parts={target: parts for target, parts, _ in targets})
    return Answers(unreadable={row: str(one) for row, one in enumerate(found) if isinstance(one, HitlError)},
                   blobs=tuple(b"" if isinstance(one, HitlError) else packed(one, content)
                               for one, content in zip(found, contents, strict=True)))


def _content(pool: Pool, position: int) -> str:
    try:
        return pool.content(position)
    except ItemError:
        return ""


def _stamp(pool: Pool, position: int) -> str | None:
    try:
        return pool.stamp(position)
    except ItemError:
        return None


def _unchanged(pool: Pool, position: int, stamp: str | None, former: str | None, content: str) -> bool:
    """Whether an item is unchanged, by the size and time of its file; in memory, by its content."""
    return stamp == former and (stamp is not None or pool.remote or _content(pool, position) == content)
