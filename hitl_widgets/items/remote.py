"""Remote files: fetched by threads with fsspec, cached, and shown without secrets in their addresses.

`RemoteFiles.open` returns a file, `RemoteFiles.ahead` fetches files before they are needed. Error messages are written
by this module, since those of the libraries beneath it quote whole addresses with their passwords.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd

from ..errors import BadInput, ImageError
from ..records import ADDRESS, MEANT_AS_ADDRESS
from .file_cache import FileCache
from .ids import some

CACHE_SIZE, MAX_SIZE, TIMEOUT_S = 2_000_000_000, 200_000_000, 30.0

# Number of simultaneous fetches, which wait but don't compute.
N_FETCHES = 24
# Maximum number of addresses that wait to be fetched ahead; others are fetched when they are needed.
_N_WAITING = 1_024
_ATTEMPTS, _BACK_OFF_S = 3, 0.2
# Seconds until a failed fetch is repeated: for temporary errors, and for missing files.
_AGAIN_SOON_S, _AGAIN_LATER_S = 30.0, 300.0
_N_REMEMBERED = 100_000
_IDLE_S = 2.0

# An address somewhere in a text.
_IN_TEXT = re.compile(ADDRESS.pattern + r"""[^\s"'<>]*""")
# A host or a bucket, perhaps with a port.
_PLACE = re.compile(r"(?:[^:]*|\[[^\]]*\])(?::[0-9]*)?\Z")
_MAY_PASS = {408, 425, 429, *range(500, 600)}
# With these protocols, a table could read this machine's own files, or files inside others.
_REFUSED = frozenset(("file", "local", "dir", "reference", "generic", "zip", "tar", "libarchive", "git", "dask", "data",
                      "cached", "blockcache", "filecache", "simplecache", "asyncwrapper", "async_wrapper",
                      "asynclocal", "dvc"))
# Options that determine the server of an address: with other values, it is another file.
_OF_PLACE = frozenset(("endpoint_url", "endpoint", "host", "port", "account_name", "account_host", "base_url"))
# Options of HTTP, and headers, that aren't credentials: any server may get these.
_NO_SECRETS = frozenset(("timeout", "ssl", "proxy", "proxy_auth", "proxy_headers", "trust_env", "encoded", "block_size",
                         "cache_type", "cache_options", "simple_links", "same_scheme", "use_listings_cache"))
_NO_SECRET_HEADERS = frozenset(("user-agent", "accept", "accept-language", "accept-encoding"))


def shown(address: str) -> str:
    """An address as it may be shown: without user, password, query and fragment.

    Examples
    --------
    >>> shown("https://ann:secret@host.org:8080/a%20b.png?X-Amz-Signature=12ab#top")
    'https://host.org:8080/a%20b.png'
    >>> shown("images/cat?.png")
    'images/cat?.png'
    """
    match = ADDRESS.match(address)
    if match is None:
        return address
    rest, *hidden = re.split(r"[?#]", address[match.end():], maxsplit=1)
    place, slash, path = rest.partition("/")
    place = place.rpartition("@")[2]
    if not _PLACE.match(place) or (not slash and "@" in "".join(hidden)):  # such as a password with a slash, or a ?
        return match.group() + "..."
    return match.group() + place + slash + path


def cleaned(value: Any) -> Any:
    """A value of a table with each address in it as it may be shown; also addresses within texts, lists and dicts.

    Examples
    --------
    >>> cleaned("From https://ann:secret@host/a.png?sig=12 and (https://host/b?sig=3).")
    'From https://host/a.png and (https://host/b'
    >>> cleaned({"at": ["https://host/a?sig=12", 3]})
    {'at': ['https://host/a', 3]}
    """
    if isinstance(value, str):
        if "://" not in value:
            return value
        text = shown(value.lstrip())
        text = _IN_TEXT.sub(lambda match: shown(match.group()), text)
        return value if text == value.lstrip() else text
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {cleaned(key): cleaned(one) for key, one in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(cleaned, value))
    told = str(value)  # as metadata are told, such as bytes and objects that are addresses
    return value if cleaned(told) == told else cleaned(told)


def without_secrets(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose addresses are as they may be shown; the one given isn't changed."""
    clean = frame.copy(deep=False)
    for place, (_, column) in enumerate(frame.items()):
        kind = column.dtype
        if isinstance(kind, np.dtype) and kind.kind in "biufcmM":
            continue
        values = column.tolist()
        texts = [value if type(value) is str and "://" not in value else cleaned(value) for value in values]
        if any(text is not value for text, value in zip(texts, values, strict=True)) and texts != values:
            clean.isetitem(place, pd.Series(texts, index=column.index, dtype=object).infer_objects())
    if (names := list(map(cleaned, frame.columns))) != list(frame.columns):
        clean.columns = pd.Index(names)
    return clean


# 13 branches: one check after the other, from single addresses to all of them, each over the rows or their protocols.
def check_addresses(addresses: pd.Series, name: str, options: Mapping[str, Any] | None) -> None:
    """Refuse, as BadInput, what isn't an address that fsspec can read from elsewhere.

    Parameters
    ----------
    addresses : Series of str
    name : str
        The column, for messages.
    options : mapping or None
        The storage options that were passed, which are for one protocol.
    """
    _check_options(options)
    begins = [address.partition("://")[0] if "://" in address else "" for address in addresses]
    if odd := {begin for begin in set(begins) if not ADDRESS.fullmatch(f"{begin}://")}:
        row = next(row for row, begin in enumerate(begins) if begin in odd)
        # Such as a misspelt address, with all its secrets.
        odd_one = re.split(r"[?#]", cleaned(str(addresses.iloc[row])), maxsplit=1)[0].rpartition("@")[2]
        raise BadInput(f"{name} is {odd_one!r:.200} in row {row}, which is no address; with "
                       "remote=True each row needs one, such as 's3://bucket/a.png' or 'https://host/a.png'. Make a "
                       "pool of files on this machine without remote=True.")
    kinds = {begin.lower() for begin in begins}
    for kind in sorted(kinds):
        _check_protocol(kind, name)
    if options and len(families := {"https" if kind == "http" else kind for kind in kinds}) > 1:
        raise BadInput(f"{name} has addresses of {', '.join(sorted(families))}; storage_options are for one of them. "
                       "Make them of one kind, or let fsspec read credentials from its configuration and leave "
                       "storage_options out.")
    for kind in sorted(kinds):
        if (told := _all_options(kind, options)) != _without_secrets(kind, told):
            _check_one_server(addresses, kind, name)


def _check_one_server(addresses: pd.Series, kind: str, name: str) -> None:
    """Refuse addresses of several servers, each of which would get the credentials of one."""
    # http and https share options, so that both are looked at.
    alike = ("http", "https") if kind in ("http", "https") else (kind,)
    # What follows the third slash says nothing of the server.
    starts = {"/".join(address.split("/", 3)[:3]) for address in addresses}
    servers = {_server_of(start) for start in starts if start.partition("://")[0].lower() in alike}
    if len(servers) > 1:
        raise BadInput(f"{name} has addresses of {len(servers):,} servers, such as {some(sorted(servers))}, and each "
                       "of them would get the credentials that storage_options, or fsspec's configuration, may hold. "
                       "Make a table of one server (http:// and https:// are two), or leave such options out.")


def _check_options(options: Any) -> None:
    if options is not None and not isinstance(options, Mapping):
        raise BadInput(f"storage_options is of type {type(options).__name__}; a dict is expected, as fsspec's file "
                       "system takes it, such as {'anon': True} for s3.")


def _all_options(kind: str, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """A person's options, and those of fsspec's configuration."""
    import fsspec
    from fsspec.config import apply_config
    told: dict[str, Any] = apply_config(fsspec.get_filesystem_class(kind), dict(options or {}))
    return told


def _without_secrets(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that any server may get."""
    if kind not in ("http", "https"):
        return {}
    told = {name: value for name, value in options.items() if name in _NO_SECRETS}
    for name in ("headers", "client_kwargs"):
        if isinstance(value := options.get(name), Mapping):
            told[name] = _without_secrets(kind, value) if name == "client_kwargs" else {
                header: one for header, one in value.items() if str(header).lower() in _NO_SECRET_HEADERS}
    return told


def _server_of(address: str) -> str:
    """The server of an address, as its file system reads it; all buckets of one cloud count as one server."""
    import fsspec
    kind = address.partition("://")[0].lower()
    if kind in ("http", "https"):
        from yarl import URL
        try:
            return str(URL(address).origin())
        except ValueError:  # it won't be fetched
            return shown(address)
    told = fsspec.get_filesystem_class(kind)._get_kwargs_from_urls(f"{address}/a")
    return ":".join((kind, *(str(told[name]) for name in sorted(_OF_PLACE & told.keys()))))


def _check_protocol(kind: str, name: str) -> None:
    if kind in ("file", "local"):
        raise BadInput(f"{name} has addresses that begin with {kind}://; remote=True is for files elsewhere. Pass "
                       "paths, without remote=True.")
    if kind in _REFUSED:
        raise BadInput(f"{name} has addresses that begin with {kind}://, by which a table could read other files of "
                       "this machine. Pass the address of each file itself, such as s3:// or https://.")
    try:
        import fsspec
        cls = fsspec.get_filesystem_class(kind)
    except ImportError as error:
        raise BadInput(f"{kind}:// needs packages that aren't installed: {error}. "
                       'pip install "hitl_widgets[remote]" brings those for s3, gs and https.') from None
    except ValueError:
        raise BadInput(f"{name} has addresses that begin with {kind}://, which fsspec doesn't know; s3://, gs:// and "
                       "https:// are some that it knows.") from None
    if any(base.__name__ == "ChainedFileSystem" for base in cls.__mro__):
        raise BadInput(f"{name} has addresses that begin with {kind}://, which is a file system within another one. "
                       "Pass the address of each file itself, such as s3:// or https://.")
    if getattr(cls, "local_file", False):
        raise BadInput(f"{name} has addresses that begin with {kind}://, which is this machine. Pass paths, without "
                       "remote=True.")


def check_ids(ids: pd.Series, name: str) -> None:
    """Refuse, as BadInput, ids that are addresses with something that may be a secret: ids are shown and stored.

    Parameters
    ----------
    ids : Series
    name : str
        The column, for messages.
    """
    for row, item_id in enumerate(ids):
        text = item_id if isinstance(item_id, str) else str(item_id)
        if "://" in text and cleaned(text) != text:
            raise BadInput(f"{name}, the items' ids, has addresses with a user, a password or a query, such as "
                           f"{cleaned(text)!r:.200} with more in row {row}. Ids are shown and stored, and these may "
                           "be secrets: pass another column as id=..., or id=None for the rows' numbers.")


class Failure(NamedTuple):
    """Why a file couldn't be fetched, what to do, whether it is temporary, and when to try again."""

    fault: str
    cure: str
    may_pass: bool = False
    again_s: float = _AGAIN_LATER_S


@dataclass(eq=False)
class _Fetch:
    address: str = field(repr=False)
    key: str
    started: bool = False
    failure: Failure | None = None
    done: threading.Event = field(default_factory=threading.Event)
    then: list[Callable[[], None]] = field(default_factory=list)


class _TooLargeError(Exception):
    """A file with more bytes than are allowed."""


class _SentOnError(Exception):
    """A redirect to another server, which gets none of the credentials."""

    def __init__(self, address: str) -> None:
        super().__init__("sent on")
        self.address = address


class RemoteFiles:
    """The files of a remote pool. Threads may share it, and processes its cache.

    `open` fetches a file at once, on the calling thread; files that are fetched ahead wait for one of a few threads. A
    file that is requested twice at the same time is fetched once.

    Parameters
    ----------
    options : mapping, optional
        What fsspec's file system gets, such as credentials. They are kept in memory only.
    cache : path, optional
        See `FileCache`.
    cache_size : int
        Bytes of all files in the cache, at most.
    max_size : int
        Bytes of one file, at most.
    timeout : float
        Seconds that fetching one file may take, with all attempts.
    """

    def __init__(self, *, options: Mapping[str, Any] | None = None, cache: str | os.PathLike[str] | None = None,
                 cache_size: int = CACHE_SIZE, max_size: int = MAX_SIZE, timeout: float = TIMEOUT_S) -> None:
        for name, value in (("cache_size", cache_size), ("max_size", max_size), ("timeout", timeout)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise BadInput(f"{name} is {value!r}; a number above 0 is expected, "
                               f"{'of seconds' if name == 'timeout' else 'of bytes'}.")
        _check_options(options)
        if cache is not None and MEANT_AS_ADDRESS.match(str(cache)):  # which may hold a password
            raise BadInput("cache is an address; the path of a folder on this machine is expected. Leave cache out for "
                           "a temporary one.")
        self._options = dict(options or {})
        self.max_size, self.timeout = int(max_size), float(timeout)
        self._cache = FileCache(cache, int(cache_size))
        self._place = repr(sorted(_places(self._options))).encode()
        self._id = uuid4().hex
        _made[self._id] = self
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Condition()
        self._fetches: dict[str, _Fetch] = {}
        self._queue: deque[_Fetch] = deque()
        self._failed: OrderedDict[str, tuple[float, Failure]] = OrderedDict()
        self._digests: OrderedDict[str, str] = OrderedDict()
        self._filesystems: dict[tuple[str, ...], Any] = {}
        self._n_threads = self._n_idle = 0

    def settings(self) -> dict[str, Any]:
        """The settings from which `of` makes the same object in another process, credentials included; never stored."""
        return {"id": self._id, "options": self._options, "cache_size": self._cache.limit, "max_size": self.max_size,
                "timeout": self.timeout}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RemoteFiles:
        """The same object in the process that made it; in another one, an equal one with a cache of its own."""
        with _making:
            files = _made.get(settings["id"])
            if files is None:
                files = cls(**{name: value for name, value in settings.items() if name != "id"})
                files._id = settings["id"]
                _made[files._id] = files
                _of_others.append(files)
            return files

    def __repr__(self) -> str:
        return f"<RemoteFiles cached in {self._cache.folder}>"

    def __reduce__(self) -> Any:
        raise BadInput("a pool of remote files can't be pickled: its addresses and credentials would go along. Make it "
                       "anew with Pool.from_frame(..., remote=True) where it is needed.")

    # -- one file

    def open(self, address: str, name: str) -> BinaryIO:
        """A file, open for reading; fetched now, unless it is in the cache.

        Parameters
        ----------
        address : str
        name : str
            The item's name in messages.

        Raises
        ------
        ImageError
            If it can't be fetched.
        """
        self._own()
        key = self._key(address)
        failure: Failure | None = Failure("it was removed from the cache while it was read", "Make cache_size larger")
        for _ in range(_ATTEMPTS):
            if (file := self._cache.open(key)) is not None:
                return file
            if (failed := self._fetched(address, key)) is not None:
                failure = failed
                break
        assert failure is not None
        raise ImageError(f"{name} can't be shown: {failure.fault}. {failure.cure}, or flag the item as bad data and go "
                         f"on; it is asked for again in {_in_words(failure.again_s)}.")

    def content(self, address: str, name: str) -> str:
        """A hash of a file's bytes, 32 hexadecimal digits, as they were fetched last; it is fetched if it never was."""
        self._own()
        key = self._key(address)
        with self._lock:
            if (digest := self._digests.get(key)) is not None:
                return digest
        with self.open(address, name) as file:
            return self._remember(key, _digest(file))

    def is_here(self, address: str) -> bool:
        """Whether a file can be read without fetching it."""
        return self._cache.has(self._key(address))

    def is_known(self, address: str) -> bool:
        """Whether the content of a file is known without fetching it."""
        self._own()
        key = self._key(address)
        return key in self._digests or self._cache.has(key)

    def is_waiting(self, address: str) -> bool:
        """Whether a file is being fetched, or about to be."""
        self._own()
        return self._key(address) in self._fetches

    # -- ahead

    # 14 branches: a file may be here, failed, queued, started or new, and come first or last; all under one lock.
    def ahead(self, addresses: Iterable[str], *, first: bool, then: Callable[[], None] | None = None) -> None:
        """Have some files fetched by threads, in this order.

        Parameters
        ----------
        addresses : iterable of str
        first : bool
            Whether they come before those that wait already.
        then : callable, optional
            Called once for each file, on any thread, when it is there or can't be fetched.
        """
        self._own()
        wanted = [(address, key := self._key(address), self._cache.has(key)) for address in addresses]
        settled, new = 0, list[_Fetch]()
        with self._lock:  # all at once: what is new is in the queue before another thread finds it
            for address, key, is_here in wanted:
                if is_here or self._failure_of(key) is not None:
                    settled += 1
                    continue
                if (fetch := self._fetches.get(key)) is None:
                    if len(self._queue) + len(new) >= _N_WAITING and not first:
                        settled += 1
                        continue
                    fetch = self._fetches[key] = _Fetch(address, key)
                    new.append(fetch)
                elif first and not fetch.started and fetch not in new:
                    self._queue.remove(fetch)
                    new.append(fetch)
                if then is not None:
                    fetch.then.append(then)
            if first:
                self._queue.extendleft(reversed(new))
            else:
                self._queue.extend(new)
            self._start_threads()
            self._lock.notify(len(new))
        if then is not None:
            for _ in range(settled):
                then()

    def _start_threads(self) -> None:
        """Start as many threads as the waiting files need; the caller holds the lock."""
        n_more = min(len(self._queue) - self._n_idle, N_FETCHES - self._n_threads)
        for _ in range(n_more):
            self._n_threads += 1
            threading.Thread(target=self._work, name="fetching", daemon=True).start()

    def _work(self) -> None:
        while (fetch := self._next()) is not None:
            self._run(fetch)

    def _next(self) -> _Fetch | None:
        with self._lock:
            while True:
                while self._queue:
                    fetch = self._queue.popleft()
                    if not fetch.started:  # otherwise a call of `open` is fetching it
                        fetch.started = True
                        return fetch
                self._n_idle += 1
                woken = self._lock.wait(_IDLE_S)
                self._n_idle -= 1
                if not woken and not self._queue:
                    self._n_threads -= 1
                    return None

    # -- fetching

    def _own(self) -> None:
        if os.getpid() != self._process:  # threads, locks and connections don't survive a fork
            self._begin()

    def _key(self, address: str) -> str:
        return blake2b(address.encode("utf-8", "surrogatepass") + b"\0" + self._place, digest_size=16).hexdigest()

    def _fetched(self, address: str, key: str) -> Failure | None:
        """Fetch a file now, or wait for another thread that fetches it."""
        with self._lock:
            if (failure := self._failure_of(key)) is not None:
                return failure
            fetch = self._fetches.setdefault(key, _Fetch(address, key))
            mine, fetch.started = not fetch.started, True
        if mine:
            self._run(fetch)
        elif not fetch.done.wait(2 * self.timeout):  # a file system that ignores the timeout
            return _too_slow(self.timeout)
        return fetch.failure

    def _failure_of(self, key: str) -> Failure | None:
        until, failure = self._failed.get(key, (0.0, None))
        return failure if time.monotonic() < until else None

    def _run(self, fetch: _Fetch) -> None:
        failure: Failure | None = Failure("fetching it was interrupted", "Try again", may_pass=True, again_s=0.0)
        try:
            failure = self._fetch(fetch)
        finally:
            with self._lock:
                fetch.failure = failure
                self._fetches.pop(fetch.key, None)
                self._failed.pop(fetch.key, None)
                if failure is not None:
                    self._failed[fetch.key] = time.monotonic() + failure.again_s, failure
                    while len(self._failed) > _N_REMEMBERED:
                        self._failed.popitem(last=False)
            fetch.done.set()
            for then in fetch.then:
                then()

    def _fetch(self, fetch: _Fetch) -> Failure | None:
        end, failure = time.monotonic() + self.timeout, None
        if self._cache.has(fetch.key):  # another thread had just fetched it
            return None
        for attempt in range(_ATTEMPTS):
            failure = self._attempt(fetch, end)
            pause_s = _BACK_OFF_S * 2**attempt * random.uniform(0.5, 1.5)
            if failure is None or not failure.may_pass or time.monotonic() + pause_s >= end:
                break
            if attempt + 1 < _ATTEMPTS:
                time.sleep(pause_s)
        return failure

    def _attempt(self, fetch: _Fetch, end: float) -> Failure | None:
        # Half of the time, so that one connection that hangs leaves time for another.
        seconds = min(self.timeout / 2, end - time.monotonic())

        def write(part: Path) -> None:
            self._download(fetch.address, part, seconds)
            with part.open("rb") as file:
                self._remember(fetch.key, _digest(file))
        caught: Exception | None = None
        try:
            self._cache.put(fetch.key, write)
        except Exception as error:  # whatever a file system raises
            caught = error
        # Not in the except block: the error's text may hold the whole address, and would be in the traceback.
        if caught is None:
            return None
        if isinstance(caught, OSError) and caught.errno == errno.ENOSPC:
            self._cache.shrink()
        return self._failure(caught)

    def _download(self, address: str, part: Path, seconds: float) -> None:
        from fsspec.asyn import sync
        from fsspec.callbacks import Callback
        max_size, end = self.max_size, time.monotonic() + seconds

        class Limits(Callback):  # type: ignore[misc]
            """Aborts a download that is too large or takes too long."""

            def set_size(self, size: int | None) -> None:
                if size is not None and size > max_size:
                    raise _TooLargeError
                super().set_size(size)

            def relative_update(self, inc: int = 1) -> None:
                super().relative_update(inc)
                if self.value > max_size:
                    raise _TooLargeError
                if time.monotonic() > end:
                    raise TimeoutError

        def get(filesystem: Any, address: str) -> None:
            path, left_s = filesystem._strip_protocol(address), end - time.monotonic()
            if filesystem.async_impl and hasattr(filesystem, "_get_file"):
                sync(filesystem.loop, filesystem._get_file, path, str(part), callback=Limits(), timeout=left_s)
            else:
                filesystem.get_file(path, str(part), callback=Limits())

        try:
            get(self._filesystem(address), address)
        except _SentOnError as sent_on:
            get(self._filesystem(sent_on.address, elsewhere=True), sent_on.address)

    def _filesystem(self, address: str, *, elsewhere: bool = False) -> Any:
        """The file system of an address; without credentials for an address that isn't from the table."""
        import fsspec
        protocol = address.partition("://")[0].lower()
        cls = fsspec.get_filesystem_class(protocol)
        of_address = {name: value for name, value in cls._get_kwargs_from_urls(address).items()  # as sftp://'s host
                      if name not in self._options or value != self._options[name]}
        key = protocol, "elsewhere" * elsewhere, repr(sorted(of_address.items()))
        with self._lock:
            if key not in self._filesystems:
                # A TypeError where both name a host, and not the same.
                options = _all_options(protocol, dict(**of_address, **self._options))
                if elsewhere:  # a class that fsspec's configuration has nothing for
                    cls = type("Elsewhere", (cls,), {"protocol": "elsewhere"})
                    options = _without_secrets(protocol, options)
                elif options != _without_secrets(protocol, options) and protocol in ("http", "https"):
                    options = _stopping(options)
                # Not among fsspec's own instances, which live as long as the process.
                self._filesystems[key] = cls(skip_instance_cache=True, **options)
            return self._filesystems[key]

    # 15 branches: one for each way in which fetching fails.
    def _failure(self, error: Exception) -> Failure:
        status = _status_of(error)
        if isinstance(error, _TooLargeError):
            return Failure(f"it has more than {self.max_size / 1e6:,.0f} MB", "Make max_size larger")
        if isinstance(error, FileNotFoundError) or status in (404, 410):
            return Failure("there is no such file", "Put it there")
        if isinstance(error, (FileExistsError, IsADirectoryError)):
            return Failure("its address is that of a folder", "Put the address of a file there")
        if isinstance(error, PermissionError) or status in (401, 403):
            return Failure("its server refuses it" + (f" (status {status})" if status else ""),
                           "Check your credentials, and whether its address has expired")
        if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
            return _too_slow(self.timeout)
        if status is not None and status not in _MAY_PASS:
            return Failure(f"its server refuses it (status {status})", "Check its address")
        if status is not None:
            return Failure(f"its server failed (status {status})", "Try later", True, _AGAIN_SOON_S)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return Failure("there is no room for it on this machine's disk", "Make room", True, _AGAIN_SOON_S)
        if isinstance(error, (OSError, EOFError)) or type(error).__module__.partition(".")[0] == "aiohttp":
            return Failure(f"the connection to its server failed ({type(error).__name__})", "Check the network", True,
                           _AGAIN_SOON_S)
        return Failure(f"fsspec couldn't read it ({type(error).__name__})", "Check its address, storage_options and "
                       "your credentials")

    def _remember(self, key: str, digest: str) -> str:
        with self._lock:
            self._digests[key] = digest
            self._digests.move_to_end(key)
            while len(self._digests) > _N_REMEMBERED:
                self._digests.popitem(last=False)
        return digest


# Those of this process, by their ids; of other processes' the last two stay, since blocks of one pool come one by one.
_made: WeakValueDictionary[str, RemoteFiles] = WeakValueDictionary()
_of_others: deque[RemoteFiles] = deque(maxlen=2)
_making = threading.Lock()


def _stopping(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an HTTP file system that raises `_SentOnError` instead of following a redirect to another server."""
    from aiohttp import TraceConfig
    from yarl import URL

    async def stop(_session: Any, _context: Any, redirect: Any) -> None:
        response = redirect.response
        to = response.url.join(URL(response.headers.get("Location") or response.headers.get("URI", "")))
        if to.scheme in ("http", "https") and to.origin() != response.url.origin():
            response.close()
            raise _SentOnError(str(to))
    tracing = TraceConfig()
    tracing.on_request_redirect.append(stop)
    client = options.get("client_kwargs") or {}
    return {**options, "client_kwargs": {**client, "trace_configs": [*(client.get("trace_configs") or ()), tracing]}}


def _too_slow(seconds: float) -> Failure:
    return Failure(f"its server didn't send it within {seconds:g} seconds", "Try later, make timeout larger", True,
                   _AGAIN_SOON_S)


def _status_of(error: Exception) -> int | None:
    """The HTTP status of an error, as aiohttp, gcsfs and botocore keep it."""
    response = getattr(error, "response", None)
    about = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    value = next((value for value in (getattr(error, "status", None), about.get("HTTPStatusCode")) if value), None)
    if value is None and type(error).__module__.startswith("gcsfs"):
        value = getattr(error, "code", None)
    return int(str(value)) if str(value).isdecimal() and 400 <= int(str(value)) < 600 else None


def _places(options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _places(value)
        elif name in _OF_PLACE:
            yield str(name), shown(str(value))


def _digest(file: BinaryIO) -> str:
    hasher = blake2b(digest_size=16)
    while block := file.read(1 << 20):
        hasher.update(block)
    return hasher.hexdigest()


def _in_words(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
