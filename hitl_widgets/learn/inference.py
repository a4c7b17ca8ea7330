"""Inference with the adopted model: a private copy of it, and its stored predictions.

`Inference.ask` fills the stored predictions, which determine the queue's order; `Inference.embeddings` and
`Inference.features` describe items as numbers. Several threads may use one `Inference`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import DiskFull, ModelError
from ..items.features import COMPONENTS, OF_EDGES, Pixels, features
from ..items.pool import Pool
from ..items.pool_part import part_of
from ..items.reading import fetch_ahead, to_keep
from ..items.text_features import readable_texts, text_features
from ..records import Bars, no_bars
from ..sampling.ranking import Ranking, todays_probs
from ..storage.arrays import Embeddings, Predictions, Rows
from ..taxonomy.history import Lineage
from ..taxonomy.labels import Taxonomy
from .blocks import Answers, Block, Work, answers_of, blocks_of, descriptors_of, run_block, work_of, work_of_descriptors
from .callables import CallableNet
from .light import is_light_net
from .pool_descriptors import PoolDescriptors
from .predict import NetPredictor
from .weights import weights_version

# Items in a batch, after which their rows are stored.
AT_ONCE = 256


@dataclass(frozen=True)
class Adopted:
    """The adopted model, with the files that its predictions are stored in.

    Attributes
    ----------
    predictor : NetPredictor
        The private copy of the net.
    predictions : Predictions
        Its probabilities for the pool's items.
    embeddings : Embeddings or None
        Stored inputs of its last layer; None where that layer isn't known, and for a light model.
    descriptors : PoolDescriptors or None
        Descriptors that are used as embeddings: the inputs of a light model's head; the pool's descriptors for a
        function, and for texts if the last layer isn't known.
    by_rows : bool
        Whether its last layer reads these descriptors.
    """

    predictor: NetPredictor
    predictions: Predictions
    embeddings: Embeddings | None
    descriptors: PoolDescriptors | None = None
    by_rows: bool = False


class Inference:
    """The adopted model of a project, and its predictions.

    Parameters
    ----------
    pool : Pool
        The items.
    folder : Path
        Where predictions are stored, a folder per model version.
    ranking : Ranking
        Scores items by the adopted model's predictions.
    use_predictions : callable
        Called with the `Predictions` of a model when it is adopted; makes `ranking` use them, and informs listeners.
    lineage : callable
        Returns today's `Lineage`.
    seed : int
        Seed of the components of pixels, and of random draws of items.
    descriptors : PoolDescriptors or None
        The pool's descriptors. A light model on top of them reads them instead of the items.

    Attributes
    ----------
    missing : str or None
        Why the adopted model can't be used, where the log names one that could not be opened.
    """

    def __init__(self, pool: Pool, folder: Path, *, ranking: Ranking,
                 use_predictions: Callable[[Predictions], None], lineage: Callable[[], Lineage], seed: int,
                 descriptors: PoolDescriptors | None = None) -> None:
        self.pool, self.seed = pool, seed
        self._descriptors = descriptors
        self.missing: str | None = None
        self._folder, self._ranking = folder, ranking
        self._use_predictions, self._lineage = use_predictions, lineage
        self._lock = threading.RLock()
        self._adopted: Adopted | None = None
        self._pixels: dict[bool, Pixels] = {}

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's taxonomy."""
        return self._lineage().today

    @property
    def adopted(self) -> Adopted:
        """The adopted model; ModelError where there is none."""
        adopted = self._adopted
        if adopted is None:
            raise ModelError(self.missing or
                             "there is no model yet; pass model=... to the workbench, run wb.finetune(), or go on "
                             "labelling with wb.review(), which learns one from some 20 answers.")
        return adopted

    @property
    def predictor(self) -> NetPredictor:
        """The adopted model's private copy; ModelError where there is none."""
        return self.adopted.predictor

    @property
    def version(self) -> str | None:
        """The adopted model's version, or None."""
        return None if self._adopted is None else self._adopted.predictor.version

    def use(self, predictor: NetPredictor, *, thresholds: Mapping[str, float] | None = None) -> None:
        """Predict with this model from now on.

        Parameters
        ----------
        predictor : NetPredictor
            The model.
        thresholds : mapping of str to float, optional
            Label_id -> threshold; see `Ranking.thresholds`.
        """
        descriptors = self._descriptors_of(predictor)  # not under the lock: files are read
        with self._lock:
            predictions = self._predictions_of(predictor)
            embeddings = None if predictor.head is None or descriptors is not None \
                else Embeddings(predictions, head=predictor.head)
            without = embeddings is None and (self.pool.kind == "text" or isinstance(predictor.net, CallableNet))
            described = self._descriptors if without else descriptors
            self._adopted = Adopted(predictor, predictions, embeddings, described, by_rows=descriptors is not None)
            self.missing = None
            self._ranking.thresholds = dict(thresholds or {})
            self._use_predictions(predictions)

    def require_model(self) -> None:
        """Raise ModelError where there is no adopted model; the message says how to get one."""
        self.adopted  # noqa: B018 - a property that raises

    def ask(self, positions: np.ndarray) -> None:
        """Predict, with the adopted model, those of these items that have no stored prediction yet.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items in the pool.

        Raises
        ------
        ModelError
            Without a model, or when it can't be used.
        """
        self._ask(self.adopted, positions)

    def _ask(self, adopted: Adopted, positions: np.ndarray) -> None:
        missing = adopted.predictions.missing(positions)
        for start in range(0, len(missing), AT_ONCE):
            some = missing[start:start + AT_ONCE]
            self._take(adopted, some, self._answers(adopted, some))

    def ask_in_blocks(self, positions: np.ndarray, *, client: Any = None, budget_s: float | None = None,
                      bars: Bars = no_bars) -> tuple[NetPredictor, Ranking]:
        """Predict missing items like `ask`, block by block: in this process, or on the workers of a cluster.

        Predictions are stored after each block, so that an interrupted call loses only one.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items in the pool.
        client : distributed.Client or None
            See `dask_cluster.checked`.
        budget_s : float, optional
            Seconds after which no further block begins, or is waited for.
        bars : Bars
            Shows how many items are predicted.

        Returns
        -------
        NetPredictor, Ranking
            The model that predicted, and its ranking. Another model may have been adopted in the meantime.

        Raises
        ------
        ModelError
            Without a model, or when it can't be used.
        BadInput
            When the client can't be used.
        """
        began = time.monotonic()
        with self._lock:
            adopted, ranking = self.adopted, self._ranking.frozen()
        client = _checked(client)
        if adopted.by_rows and adopted.descriptors is not None:  # items with stored descriptors need no worker
            self._ask(adopted, np.setdiff1d(positions, adopted.descriptors.rows.missing(positions)))
        missing = adopted.predictions.missing(positions)
        runs = blocks_of(missing, draws=self.pool.draws(self.seed))
        with bars(len(missing), title="Predicting") as advance:
            def work() -> Work:
                if adopted.by_rows:
                    return self._work_of_rows(adopted, missing)
                embedded = adopted.embeddings is not None and adopted.embeddings.has_room
                return self._work(adopted.predictor, missing, "probs and embeddings" if embedded else "probs")

            def here(some: np.ndarray) -> Answers:
                return self._answers(adopted, some)
            for some, answers in self._computed(runs, work, client, budget_s, here):
                self._take(adopted, some, answers)
                advance(len(some))
                if client is None and budget_s is not None and time.monotonic() - began >= budget_s:
                    break
        return adopted.predictor, ranking

    def _computed(self, runs: Sequence[tuple[int, np.ndarray]], work: Callable[[], Work], client: Any,
                  budget_s: float | None, here: Callable[[np.ndarray], Answers]
                  ) -> Iterator[tuple[np.ndarray, Answers]]:
        """Yield the results of blocks, computed here or on a cluster; blocks that fail on a worker are tried here."""
        if client is None or not runs:
            for place, (_, some) in enumerate(runs):
                for _, soon in runs[place:place + 2]:  # the connections aren't idle between two blocks
                    fetch_ahead(self.pool, soon.tolist())
                yield some, here(some)
            return
        from .dask_cluster import results
        blocks = (Block(number, some, part_of(self.pool, some)) for number, some in runs)
        for block, answers in results(client, run_block, work(), blocks, budget_s=budget_s):
            # The net here can try other items of the pool before it takes these for unreadable; else it raises.
            yield block.positions, here(block.positions) if answers is None else answers

    def _work(self, predictor: NetPredictor, positions: np.ndarray, what: str) -> Work:
        return work_of(predictor, positions, self.folder_of_work, what=what)

    def _work_of_rows(self, adopted: Adopted, positions: np.ndarray) -> Work:
        assert adopted.descriptors is not None
        return work_of_descriptors(adopted.descriptors.net, adopted.descriptors.view, self.pool, positions,
                                   self.folder_of_work)

    @property
    def folder_of_work(self) -> Path:
        """Where nets for workers are written: in the project's folder."""
        return self._folder.parent / "work"

    def _answers(self, adopted: Adopted, positions: np.ndarray) -> Answers:
        """The adopted model's answers for some items, computed here."""
        if adopted.by_rows:
            assert adopted.descriptors is not None
            return Answers({"descriptors": adopted.descriptors.of(positions)})
        return answers_of(adopted.predictor, positions.tolist(), embed=adopted.embeddings is not None)

    def _take(self, adopted: Adopted, positions: np.ndarray, answers: Answers) -> None:
        """Store answers that were computed here or on a worker."""
        adopted.predictor.unreadable.update({int(positions[row]): why for row, why in answers.unreadable.items()})
        if adopted.by_rows:
            assert adopted.descriptors is not None
            adopted.descriptors.keep(positions, answers.arrays["descriptors"])
            probs = _by_head(adopted.predictor, answers.arrays["descriptors"], positions)
        else:
            probs = answers.arrays["probs"]
            if adopted.embeddings is not None and "embeddings" in answers.arrays:
                embedded = answers.arrays["embeddings"]
                kept = to_keep(self.pool, positions, embedded)
                with suppress(OSError):  # no room on the disk: they are computed again when they are asked for
                    adopted.embeddings.put(positions[kept], embedded[kept])
        kept = to_keep(self.pool, positions, probs)
        positions, probs = positions[kept], probs[kept]
        with self._lock:
            if self._ranking.predictions is adopted.predictions:
                self._ranking.put(positions, probs, self._lineage())
            else:  # another model was adopted meanwhile: these answers aren't its
                adopted.predictions.put(positions, probs)

    def probs(self, positions: np.ndarray, *, predictor: NetPredictor | None = None) -> np.ndarray:
        """A model's probabilities for some items, over today's labels; see `own_probs`.

        Returns
        -------
        ndarray of float32, shape (n, n_labels)
            Rows sum to 1; NaN where an item can't be read.
        """
        probs, label_ids = self.own_probs(positions, predictor=predictor)
        return todays_probs(probs, label_ids, self._lineage(), multilabel=self._ranking.multilabel)

    def own_probs(self, positions: np.ndarray, *, predictor: NetPredictor | None = None
                  ) -> tuple[np.ndarray, tuple[str, ...]]:
        """A model's probabilities for some items, over its own labels; those that aren't stored are predicted.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items in the pool.
        predictor : NetPredictor or None
            Another model than the adopted one. Its predictions are stored under its version, as the adopted one's are.

        Returns
        -------
        probs : ndarray of float32, shape (n, n_labels of the model)
            Rows sum to 1; NaN where an item can't be read.
        label_ids : tuple of str
            The label of each column.
        """
        # Read once: another thread may adopt another model meanwhile.
        adopted = self.adopted if predictor is None else self._adopted
        if adopted is not None and (predictor is None or predictor.version == adopted.predictor.version):
            self._ask(adopted, positions)
            predictions = adopted.predictions
        else:
            assert predictor is not None
            predictions, descriptors = self._predictions_of(predictor), self._descriptors_of(predictor)
            missing = predictions.missing(positions)
            for start in range(0, len(missing), AT_ONCE):
                some = missing[start:start + AT_ONCE]
                probs = predictor.predict(some.tolist()) if descriptors is None else \
                    _by_rows(predictor, descriptors, some)
                kept = to_keep(self.pool, some, probs)
                predictions.put(some[kept], probs[kept])
        return predictions.probs[positions], predictions.label_ids

    def embeddings(self, positions: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Embeddings of some items: the input of the adopted model's last layer, or `Adopted.descriptors`.

        Parameters
        ----------
        positions : sequence of int or None
            Positions of the items in the pool; None for all items, with only those embeddings that are stored.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            NaN where an item can't be read, and with `positions=None` where no embedding is stored.

        Raises
        ------
        ModelError
            Without a model, or when its last layer has to be named.
        """
        adopted = self.adopted
        predictor, stored = adopted.predictor, adopted.embeddings
        if adopted.descriptors is not None:
            if positions is not None:
                return adopted.descriptors.of(np.asarray(positions, np.int64))
            every = adopted.descriptors.stored()
            return np.full((len(self.pool), adopted.descriptors.net.n_features), np.nan, np.float32) \
                if every is None else every
        if stored is None:
            return predictor.embed([])  # raises, and names the remedy
        if positions is None:
            if not stored.n_features and (first := predictor.embed(range(min(10, len(self.pool))))).shape[1]:
                stored.put(range(len(first)), first)
            return stored.get()
        positions = np.asarray(positions, np.int64)
        missing, rows = stored.missing(positions), stored.get(positions)
        fresh = predictor.embed(missing.tolist())
        if fresh.shape[1]:
            kept = to_keep(self.pool, missing, fresh)
            with suppress(OSError):
                stored.put(missing[kept], fresh[kept])
            if rows.shape[1] != fresh.shape[1]:
                rows = np.full((len(positions), fresh.shape[1]), np.nan, np.float32)
            rows[np.isin(positions, missing)] = fresh
        return rows

    def embeddings_in_blocks(self, positions: np.ndarray | None, *, client: Any = None,
                             bars: Bars = no_bars) -> np.ndarray:
        """Embeddings of some or all items; missing ones are computed block by block and stored, however large they are.

        Parameters
        ----------
        positions : ndarray of int, shape (n,), or None
            Positions of the items in the pool; None for all of them.
        client, bars
            See `ask_in_blocks`.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            For all items a read-only memory map. NaN where an item can't be read.

        Raises
        ------
        ModelError
            Without a model, or when its last layer has to be named.
        DiskFull
            Where there is no room to store them.
        """
        adopted, client = self.adopted, _checked(client)
        predictor, described = adopted.predictor, adopted.descriptors
        if described is None and adopted.embeddings is None:
            return predictor.embed([])  # raises, and names the remedy
        stored: Rows = described.rows if described is not None else adopted.embeddings  # type: ignore[assignment]
        missing = stored.missing(np.arange(len(self.pool)) if positions is None else np.unique(positions))
        runs = blocks_of(missing)
        with bars(len(missing), title="Embedding") as advance:
            def here(some: np.ndarray) -> Answers:
                return answers_of(predictor, some.tolist(), embed=True) if described is None else \
                    descriptors_of(described.net, self.pool, described.view, some)

            def work() -> Work:
                return self._work(predictor, missing, "probs and embeddings") if described is None else \
                    self._work_of_rows(adopted, missing)
            for some, answers in self._computed(runs, work, client, None, here):
                rows = answers.arrays["embeddings" if described is None else "descriptors"]
                if not rows.shape[1] and np.isfinite(answers.arrays["probs"]).any():
                    return predictor.embed(some.tolist())  # raises, and names the remedy
                kept = to_keep(self.pool, some, rows)
                with self._room_for(rows.shape[1]):
                    stored.put(some[kept], rows[kept], asked=True)
                advance(len(some))
        if positions is not None:
            return stored.get(positions)
        with self._room_for(stored.n_features):
            return stored.memory_map()

    @contextmanager
    def _room_for(self, n_features: int) -> Iterator[None]:
        """Raise DiskFull where there is no room to store embeddings."""
        try:
            yield
        except OSError as error:
            raise DiskFull(f"there is no room for the embeddings of {len(self.pool):,} items, {4 * n_features:,} bytes "
                           f"each ({error.strerror}). Make room, and call this again: what is computed is kept."
                           ) from error

    def stored_embeddings(self, positions: np.ndarray | None = None, *, n: int | None = None) -> np.ndarray | None:
        """Stored embeddings of these items, NaN for those without one, or of n items spread over the pool.

        None without a model, where its last layer isn't known, and where no embedding is stored.
        """
        adopted = self._adopted
        if adopted is not None and adopted.descriptors is not None:
            return adopted.descriptors.stored(positions) if n is None else adopted.descriptors.some(n)
        stored = None if adopted is None else adopted.embeddings
        if stored is None or not stored.n_features:
            return None
        return stored.get(positions) if n is None else stored.some(n)

    def features(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """Feature vectors of some items, for clustering and for small classifiers.

        A row consists of the model's embedding, if there is one, and the principal components of the pixels and of
        their edges (`hitl_widgets.items.features`); for texts, of the embedding and the pool's descriptors. If
        descriptors are used as embeddings (`Adopted.descriptors`), it consists of these alone.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            NaN where an item can't be read.
        """
        adopted = self._adopted
        if adopted is not None and adopted.descriptors is not None:
            return features(adopted.descriptors.of(np.asarray(positions, np.int64)))
        blocks = [self._of_texts(positions)] if self.pool.kind == "text" else \
            [self.pixels(positions), self.pixels(positions, edges=True)]
        if adopted is not None and adopted.embeddings is not None:
            blocks.insert(0, self.embeddings(positions))
        return features(*blocks)

    def _of_texts(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        if self._descriptors is not None:
            return self._descriptors.of(np.asarray(positions, np.int64))
        return text_features(readable_texts(self.pool, positions), seed=self.seed)

    def pixels(self, positions: Sequence[int] | np.ndarray, *, edges: bool = False) -> np.ndarray:
        """Components of some items' pixels, or of their edges; no model is needed.

        Returns
        -------
        ndarray of float32, shape (n, at most 50), of edges (n, at most 100)
            NaN where an item can't be read.
        """
        with self._lock:
            if edges not in self._pixels:
                self._pixels[edges] = Pixels(self.pool, n=OF_EDGES if edges else COMPONENTS, edges=edges,
                                             seed=self.seed)
        return self._pixels[edges].of(positions)

    def parts(self, label_id: str, predictor: NetPredictor) -> tuple[str, ...]:
        """The labels of the model that were merged into one of today's labels, or that label itself.

        The result is empty if there is no such label today.

        Raises
        ------
        ModelError
            Where the model can't tell the label from others, because it is older.
        """
        lineage = self._lineage()
        today = lineage.today
        if predictor.label_ids == today.label_ids:
            return (label_id,) if label_id in predictor.label_ids else ()
        if label_id not in today.label_ids:
            return ()
        shares = lineage.columns(predictor.label_ids)[:, today.label_ids.index(label_id)]
        name = today.name_of(label_id)
        if not shares.any():
            raise ModelError(f"label {name!r} is newer than the model {predictor.version}, which knows nothing of it. "
                             "Fine-tune, then ask again.")
        if (shares[shares > 0] != 1).any():
            raise ModelError(f"the model {predictor.version} is older than the split that made label {name!r}, and "
                             "can't tell it from the others. Fine-tune, then ask again.")
        return tuple(label for label, share in zip(predictor.label_ids, shares, strict=True) if share)

    def _predictions_of(self, predictor: NetPredictor) -> Predictions:
        return Predictions(self._folder, model=predictor.version, label_ids=predictor.label_ids,
                           ids_digest=self.pool.digest, n_items=len(self.pool), recipe=predictor.recipe)

    def _descriptors_of(self, predictor: NetPredictor) -> PoolDescriptors | None:
        """The pool's descriptors if the model is a light one on top of them, else None."""
        descriptors, net = self._descriptors, predictor.net
        if descriptors is None or not isinstance(net, torch.nn.Sequential) or not is_light_net(net):
            return None
        return descriptors if descriptors.holds(weights_version(net[0])) else None


def _by_rows(predictor: NetPredictor, descriptors: PoolDescriptors, positions: np.ndarray) -> np.ndarray:
    """Probabilities of some items by the head of a light model, from the pool's descriptors."""
    return _by_head(predictor, descriptors.of(positions), positions)


def _by_head(predictor: NetPredictor, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Probabilities of some items by the head of a light model, from descriptors that were computed already."""
    with predictor.lock, torch.no_grad():
        assert isinstance(predictor.net, torch.nn.Sequential)
        logits = predictor.net[1](torch.from_numpy(rows).to(predictor.device))
    probs: np.ndarray = (logits.sigmoid() if predictor.multilabel else logits.softmax(dim=1)).cpu().numpy()
    unread = np.isnan(rows).any(axis=1)
    if unread.any():  # the predictor says why
        probs[unread] = predictor.predict(positions[unread].tolist())
    return probs


def _checked(client: Any) -> Any:
    if client is None:
        return None
    from .dask_cluster import checked
    return checked(client)
