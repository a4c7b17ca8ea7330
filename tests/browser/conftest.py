"""What the browser tests share: one JupyterLab, one page with one kernel, and a record of each key press."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from browser.lab import Lab, Notebook
    from browser.recorder import Recorder

# Who is at the keyboard, as the kernel's machine has it.
ANNOTATOR = "ada"
_SOCKETS = """() => {
  const sockets = window.hitlSockets = [];
  window.WebSocket = class extends WebSocket { constructor(...address) { super(...address); sockets.push(this); } };
}"""
_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note which tests failed: what they leave behind is not shared."""
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left with one at the end."""
    items.sort(key=lambda item: item.path.name not in ("test_faults.py", "test_first_loop.py"))


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests."""
    pytest.importorskip("playwright")
    from browser.lab import PATIENCE_S, Lab
    with Lab(tmp_path_factory.mktemp("lab"), env={"LOGNAME": ANNOTATOR, "JUPYTERHUB_USER": ""}) as lab:
        lab.context.set_default_timeout(1000 * PATIENCE_S)
        lab.context.add_init_script(f"({_SOCKETS})()")
        yield lab


@pytest.fixture(scope="session")
def recorder(shared_lab: Lab) -> Recorder:
    """Listens in every page that is opened after it."""
    from browser.recorder import Recorder
    return Recorder(shared_lab.context)


@pytest.fixture
def lab(shared_lab: Lab, recorder: Recorder, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The JupyterLab that is shared; after a test that failed, its page and its kernel are not."""
    recorder.forget()
    yield shared_lab
    if request.node.stash.get(_failed, False):
        shared_lab.drop()


class Busy:
    """A cell that keeps its kernel busy until it is told to end: `code` is its source."""

    def __init__(self, folder: Path) -> None:
        self._began, self._ended = folder / "began", folder / "ended"
        self.code = (f"import os\nopen({str(self._began)!r}, 'w').close()\n"
                     f"while not os.path.exists({str(self._ended)!r}): sum(range(1000))")

    def wait_for(self, notebook: Notebook) -> None:
        """Until the cell runs."""
        notebook.wait_until(self._began.exists)

    def end(self) -> None:
        """Let it end."""
        self._ended.touch()


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Busy]:
    """A cell that runs until it is told to end, or until the test is over."""
    busy = Busy(tmp_path)
    yield busy
    busy.end()
