"""A real JupyterLab in Chromium, for tests and screenshots: read `Lab.open`, `Lab.take` and `Notebook.run_all` first.

    with Lab(folder) as lab:
        notebook = lab.open("x.ipynb", ["1 + 1"])   # a page and a kernel of its own: some seconds
        notebook.run_all()
        assert notebook.value("1 + 1") == 2
        notebook = lab.take(["2 + 2"])              # the page and the kernel that the tests share: at once

No time-out in here measures anything: each ends a test that would hang.
"""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

TESTS = Path(__file__).parents[1]
PATIENCE_S = 120.0

# Headless, but with the timers and the rendering that a window in front of a person would have.
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                  "--disable-background-timer-throttling", "--disable-renderer-backgrounding"]

_EXECUTE = """async ([code, expression]) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, silent: true, store_history: false, allow_stdin: false,
    user_expressions: expression ? {value: `__import__('json').dumps((${expression}), default=str)`} : {}}, true);
  const {content} = await future.done;
  if (content.status !== 'ok') throw new Error(`${content.ename}: ${content.evalue}`);
  if (!expression) return null;
  const {value} = content.user_expressions;
  if (value.status !== 'ok') throw new Error(`${value.ename}: ${value.evalue}`);
  return value.data['text/plain'];
}"""

_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(({model}) => ({
  type: model.type, source: model.sharedModel.getSource(), count: model.executionCount ?? null,
  state: model.executionState ?? null, outputs: model.outputs ? model.outputs.toJSON() : []}))"""

# The notebook that is open gets other cells; the former ones go, and their outputs with them.
_SET_CELLS = """(sources) => {
  localStorage.clear();
  const {content} = window.jupyterapp.shell.currentWidget;
  const model = content.model.sharedModel, n = model.cells.length;
  model.transact(() => {
    model.insertCells(n, sources.map((source) => ({cell_type: 'code', source, metadata: {}, outputs: []})));
    model.deleteCellRange(0, n);
  });
  content.activeCellIndex = 0;
}"""

# What a former test left in the kernel.
_RESET = """def _reset():
    import contextlib, gc, os, ipywidgets
    for value in list(get_ipython().user_ns.values()):
        if type(value).__module__.startswith('hitl_widgets.') and hasattr(value, 'close'):
            value.close()
    for _ in range(5):
        with contextlib.suppress(AttributeError):  # a widget that closes on its own thread just now has no comm left
            ipywidgets.Widget.close_all()
            break
    os.environ.pop('BINDER_LAUNCH_HOST', None)
    get_ipython().reset(new_session=False)
    gc.collect()
    gc.freeze()  # what is left are modules: the next test's search needn't go through them
_reset()"""

_IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"

# From the key event's own time to the frame that shows another item, and to the task after that frame.
_WATCH_KEYS = """() => {
  window.painted = [];
  document.addEventListener('keydown', (event) => {
    const card = document.activeElement?.closest('.hitl-card');
    if (!card) return;
    const before = card.dataset.item, pressed = event.timeStamp;
    requestAnimationFrame(() => {
      const other = card.dataset.item !== before;
      const {port1, port2} = new MessageChannel();
      port1.onmessage = () => window.painted.push({key: event.key, other, ms: performance.now() - pressed});
      port2.postMessage(null);
    });
  }, true);
}"""


def chromium() -> str | None:
    """The browser: $CHROMIUM, else one on the PATH, else None for Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Notebook:
    """A notebook open in a page."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.file = page, file
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"pageerror: {error.stack or error}"))

    @property
    def card(self) -> Any:
        """The decision card on the page."""
        return self.page.locator(".hitl-card").last

    @property
    def item(self) -> str:
        """The id of the item on the card."""
        return str(self.card.get_attribute("data-item"))

    def cells(self) -> list[dict[str, Any]]:
        """What the page knows of its cells: type, source, count, state, outputs."""
        return list(self.page.evaluate(_CELLS))

    def execute(self, code: str) -> None:
        """Run code in the kernel, behind whatever cell is running, leaving no trace in the notebook."""
        self.page.evaluate(_EXECUTE, [code, None])

    def value(self, expression: str) -> Any:
        """The value of an expression in the kernel, through JSON."""
        return json.loads(ast.literal_eval(self.page.evaluate(_EXECUTE, ["", expression])))

    def start_run_all(self) -> None:
        """Run every cell, and don't wait for them."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def run_cell(self, place: int) -> None:
        """Run one cell to its end, as Shift+Enter does."""
        self.page.evaluate("""(place) => {
          window.jupyterapp.shell.currentWidget.content.activeCellIndex = place;
          return window.jupyterapp.commands.execute('notebook:run-cell');
        }""", place)

    def run_all(self, timeout_s: float = 2 * PATIENCE_S) -> None:
        """Run every cell; RuntimeError with the traceback where one fails."""
        self.start_run_all()
        self.wait_for_cells(timeout_s)

    def wait_for_cells(self, timeout_s: float = 2 * PATIENCE_S) -> None:
        """Until every code cell has run."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            cells = [c for c in self.cells() if c["type"] == "code" and c["source"].strip()]
            for output in (o for c in cells for o in c["outputs"] if o.get("output_type") == "error"):
                raise RuntimeError("\n".join(output["traceback"]))
            # The kernel's status lies while a cell runs (a subshell's idle overwrites it): ask the cells.
            if all(c["count"] and c["state"] != "running" for c in cells):
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"cells still running after {timeout_s} s: {[c['state'] for c in self.cells()]}")

    def wait_for_item(self, other_than: str = "", timeout_s: float = PATIENCE_S) -> str:
        """Until the card shows an item (another one); gives its id."""
        self.page.wait_for_function(
            "(before) => { const c = [...document.querySelectorAll('.hitl-card')].pop();"
            " return c && c.dataset.item && c.dataset.item !== before; }", arg=other_than, timeout=timeout_s * 1000)
        return self.item

    def wait_until_stored(self, timeout_s: float = PATIENCE_S) -> None:
        """Until the card has nothing left to be stored."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.hitl-card')].pop().dataset.pending === '0'",
            timeout=timeout_s * 1000)

    def save(self) -> str:
        """Save the notebook, as File > Save does, and return what lies on the disk."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save(); }")
        return self.file.read_text("utf-8")

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Until something holds, while the page goes on."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"it didn't hold within {timeout_s:g} s")
            self.page.wait_for_timeout(20)

    def settle(self) -> None:
        """Until the page has painted twice: whatever a key press changes at once is to be seen."""
        self.page.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")

    def errors(self) -> list[str]:
        """What went wrong in the page, as far as the console tells."""
        return [line for line in self.console if line.startswith("pageerror") or "hitl_widgets" in line]

    def watch_keys(self) -> None:
        """From here on, measure each key press on the card until its effect is painted."""
        self.page.evaluate(_WATCH_KEYS)

    def painted_ms(self) -> list[float]:
        """For each watched key that brought another item: milliseconds from press to paint."""
        return [row["ms"] for row in self.page.evaluate("() => window.painted") if row["other"]]


def shut_down(notebook: Notebook) -> None:
    """End a notebook's kernel and close its page."""
    if not notebook.page.is_closed():
        notebook.page.evaluate("() => { localStorage.clear();"
                               " window.jupyterapp?.shell.currentWidget?.sessionContext.shutdown(); }")
        notebook.page.close()


class Lab:
    """A JupyterLab server of its own, settings and all, and a browser to see it with."""

    def __init__(self, folder: Path | str, *, viewport: tuple[int, int] = (1280, 900), python: str = sys.executable,
                 env: Mapping[str, str] | None = None, settings: Mapping[str, Any] | None = None,
                 scale: float = 1) -> None:
        self.folder = Path(folder)
        self.viewport, self.python, self.env, self.scale = viewport, python, dict(env or {}), scale
        # The news pop-up would lie over the notebook, and so would the question which of two pages' notebooks to keep,
        # which a save of its own accord brings up; only the user's settings stop them.
        self.settings = {"apputils-extension/notification": {"fetchNews": "false"},
                         "docmanager-extension/plugin": {"autosave": False}, **(settings or {})}
        self.port, self.token = _free_port(), secrets.token_hex(8)
        self._shared: Notebook | None = None
        self._n_shared = 0

    def __enter__(self) -> Lab:
        with ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)))
            self._settings_folder = home / "settings" / "@jupyterlab"
            for plugin, values in self.settings.items():
                self.set(plugin, values)
            self._start_server(home, stack)
            playwright = stack.enter_context(sync_playwright())
            self.browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
            stack.callback(self.browser.close)
            width, height = self.viewport
            self.context = self.browser.new_context(viewport={"width": width, "height": height},
                                                    device_scale_factor=self.scale)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def set(self, plugin: str, values: Mapping[str, Any]) -> None:
        """The user's settings of a plugin, for the pages that are opened from here on."""
        file = self._settings_folder / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def open(self, name: str, cells: Sequence[str] | None = None, *, in_notebook_7: bool = False,
             context: BrowserContext | None = None, timeout_s: float = PATIENCE_S) -> Notebook:
        """Open a notebook, written first where `cells` are given, and wait until its kernel is idle.

        Parameters
        ----------
        in_notebook_7 : in Notebook 7, which the same server serves, rather than in JupyterLab
        context : a browser profile of one's own
        """
        if cells is not None:
            written = [{"cell_type": "code", "id": f"cell{i}", "metadata": {}, "source": source, "outputs": [],
                        "execution_count": None} for i, source in enumerate(cells)]
            spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
            (self.folder / name).write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": written,
                                                        "metadata": {"kernelspec": spec}}))
        notebook = Notebook((context or self.context).new_page(), self.folder / name)
        place = "notebooks" if in_notebook_7 else "doc/tree"
        notebook.page.goto(f"http://127.0.0.1:{self.port}/{place}/{name}?token={self.token}")
        self.wait_for_kernel(notebook, timeout_s=timeout_s)
        return notebook

    def take(self, cells: Sequence[str]) -> Notebook:
        """The page and the kernel that are shared, with these cells and without anything of those before."""
        if self._shared is not None and self._shared.page.is_closed():
            self._shared = None
        if self._shared is None:
            self._n_shared += 1
            self._shared = self.open(f"shared-{self._n_shared}.ipynb", ["import hitl_widgets"])
            self._shared.run_all()
        notebook = self._shared
        notebook.page.evaluate(_SET_CELLS, list(cells))
        notebook.execute(_RESET)
        notebook.console.clear()
        return notebook

    def drop(self) -> None:
        """Share this page and this kernel no longer: after a test that failed, or one that ended the kernel."""
        if self._shared is not None:
            shut_down(self._shared)
            self._shared = None

    def wait_for_kernel(self, notebook: Notebook, *, timeout_s: float = PATIENCE_S) -> None:
        """Until the page shows a notebook whose kernel is idle."""
        notebook.page.wait_for_function(_IDLE, timeout=timeout_s * 1000)
        notebook.page.wait_for_selector(".jp-Notebook .jp-Cell")

    def _start_server(self, home: Path, stack: ExitStack) -> None:
        places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_DATA_DIR": "data",
                  "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
                  "IPYTHONDIR": "ipython", "MPLCONFIGDIR": "matplotlib"}
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        own = {name: str(home / place) for name, place in places.items()}
        env = {**os.environ, "PYTHONPATH": path, **own, **self.env}
        self.folder.mkdir(parents=True, exist_ok=True)
        log = stack.enter_context((home / "lab.log").open("w+"))
        server = subprocess.Popen(
            [self.python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={self.port}",
             "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
             f"--ServerApp.root_dir={self.folder}",
             "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
             "--LabApp.extension_manager=readonly",
             "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
            stdout=log, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        stack.callback(_stop, server)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status?token={self.token}", timeout=2).close()
                return
            if server.poll() is not None:
                break
            time.sleep(0.1)
        log.seek(0)
        raise RuntimeError(f"JupyterLab didn't start:\n{log.read()[-4000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()  # the server shuts its kernels down
    with suppress(subprocess.TimeoutExpired):
        server.wait(8)
        return
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(3)
