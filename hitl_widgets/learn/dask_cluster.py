"""Blocks on the workers of a Dask cluster: sent a few at a time, and sent again where one failed.

`checked` checks whether a client can be used; `results` sends blocks and yields their answers as they come. No other
module imports Dask, and this module is imported only if there is a client.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ..errors import BadInput, ModelError
from .blocks import Answers, Block, Result, Work

# Blocks in flight for each thread of the workers; seconds after which the threads are counted again.
AHEAD, COUNTED_S = 3, 5.0
# A block that failed this many times raises an error.
MOST_FAILURES = 3
# Seconds to wait for a first worker.
WAIT_S = 30.0
# The setting of Dask with which a user declares that nobody else is in the network between the machines.
UNENCRYPTED = "hitl-widgets.unencrypted"
GOES_ON = "What came before is kept; the next call goes on from there."
INSTALL = 'pip install "hitl_widgets[scale]"'


def checked(client: Any) -> Any:
    """Return the client, if it can be used to send work.

    Parameters
    ----------
    client : distributed.Client

    Raises
    ------
    BadInput
        Where it is something else, asynchronous or closed, or its scheduler is on another machine without TLS.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise BadInput(f"client= takes a client of Dask, which isn't installed here: {INSTALL}") from error
    if not isinstance(client, Client):
        raise BadInput(f"client is a {type(client).__name__}; a distributed.Client is expected, such as "
                       "Client(LocalCluster()), or None for this process.")
    if client.asynchronous:
        raise BadInput("the client is asynchronous, and these calls wait for their results; make it without "
                       "asynchronous=True, or leave client out.")
    if client.status != "running" or client.scheduler is None:
        raise BadInput(f"the client is {client.status}, not running; make a new one, or leave client out.")
    address = str(client.scheduler.address)
    if not _is_private(address) and not dask.config.get(UNENCRYPTED, False):
        raise BadInput(f"the scheduler at {address} is on another machine and without TLS. Dask sends work as pickles: "
                       "whoever can reach the scheduler or a worker can run code there. Start the cluster with "
                       "security=distributed.Security(...), so that its address begins with tls://; or, where nobody "
                       f"else is in that network, say so with dask.config.set({{{UNENCRYPTED!r}: True}}).")
    return client


def _is_private(address: str) -> bool:
    """Whether what is sent there stays on this machine, or is encrypted."""
    parts = urlsplit(address)
    if parts.scheme in ("inproc", "tls", "wss", "ucxx+tls"):
        return True
    host = parts.hostname or ""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def results(client: Any, function: Callable[[Work, Block], Result], work: Work, blocks: Iterable[Block], *,
            budget_s: float | None = None) -> Iterator[tuple[Block, Answers | None]]:
    """Yield each block with its answers, as they come; with None if the net failed on the block.

    When the caller stops, as on an interrupt, the blocks in flight are cancelled.

    Parameters
    ----------
    client : distributed.Client
        See `checked`.
    function : callable
        Run on a worker with work and block.
    work : Work
    blocks : iterable of Block
        Taken one by one, as the workers get room.
    budget_s : float, optional
        Seconds after which no answer is waited for.

    Raises
    ------
    ModelError
        Where the workers can't do the work, or a block failed three times; the message names it.
    """
    from distributed import as_completed
    began, counted = time.monotonic(), 0.0
    _wait_for_a_worker(client, budget_s)
    coming: Any = as_completed(
        with_results=True, raise_errors=False, loop=client.loop,
        timeout=None if budget_s is None else max(0.0, budget_s - (time.monotonic() - began)))
    waiting: dict[Any, Block] = {}
    failures: Counter[int] = Counter()
    source, room = iter(blocks), 0

    def send(block: Block) -> None:
        # A new key each time, so that Dask doesn't return an earlier run's answer.
        future = client.submit(function, work, block, pure=False,
                               key=f"{work.what.replace(' ', '-')}-{block.number}-{uuid.uuid4().hex}")
        waiting[future] = block
        coming.add(future)

    try:
        while True:
            if time.monotonic() - counted > COUNTED_S:
                room, counted = AHEAD * max(1, sum(client.nthreads().values())), time.monotonic()
            while len(waiting) < room and (block := next(source, None)) is not None:
                send(block)
            if not waiting:
                return
            try:
                future, told = next(coming)
            except (TimeoutError, asyncio.TimeoutError):  # two before Python 3.11
                return
            block = waiting.pop(future)
            result = _result_of(future.status, told, block)
            if isinstance(result, Result) and result.cause == "model":
                yield block, None
            elif why := _fault(result, block, work):
                failures[block.number] += 1
                if failures[block.number] >= MOST_FAILURES:
                    raise ModelError(f"{_named(block)} failed {MOST_FAILURES} times, at last with: {why}. {GOES_ON}")
                send(block)
            else:
                yield block, result.answers
            future.release()
    finally:
        if waiting:
            with suppress(Exception):  # a cluster that is gone has nothing that could be cancelled
                client.cancel(list(waiting), force=True)


def _wait_for_a_worker(client: Any, budget_s: float | None) -> None:
    if client.nthreads():
        return
    try:
        client.wait_for_workers(1, timeout=WAIT_S if budget_s is None else min(WAIT_S, budget_s))
    except (TimeoutError, asyncio.TimeoutError) as error:  # two before Python 3.11
        raise ModelError("the cluster has no workers. Start some, such as with cluster.scale(2), or leave client "
                         "out.") from error


def _result_of(status: str, told: Any, block: Block) -> Any:
    """A worker's result for a block; raises ModelError where there is none, or the worker can't do the work at all."""
    if status != "finished":
        _raise(status, told, block)
    if isinstance(told, Result) and told.cause == "set up":
        raise ModelError(told.error)
    return told


def _fault(result: Any, block: Block, work: Work) -> str:
    """Why an answer can't be used; "" where it can."""
    if not isinstance(result, Result):
        return f"its answer is a {type(result).__name__}"
    if result.answers is None:
        return result.error
    if result.number != block.number or result.answers.checksum != result.checksum or \
            not result.answers.fits(len(block.positions)):
        return "its answer didn't come as it was sent (the checksum is another)"
    if not work.fits(result.answers):
        return "its answer isn't of the numbers that were asked for"
    return ""


def _raise(status: str, told: Any, block: Block) -> None:
    """Raise the error of a block that has no answer."""
    error = told[1] if isinstance(told, tuple) else told
    if type(error).__name__ == "KilledWorker":
        raise ModelError(f"{_named(block)} was on its way when several workers died, one after the other. The net, "
                         f"or an item, may take more memory than a worker has. {GOES_ON}") from None
    if status in ("cancelled", "lost"):
        raise ModelError(f"{_named(block)} was cancelled, or the cluster was closed. {GOES_ON}") from None
    raise ModelError(f"a worker can't run {_named(block)}: {type(error).__name__}: {str(error)[:300]}. hitl_widgets "
                     "has to be installed where the workers run, in the same version.") from None


def _named(block: Block) -> str:
    first, last = block.part.ids[0], block.part.ids[-1]
    return f"block {block.number} (items {first!r} to {last!r})"
