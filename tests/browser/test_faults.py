"""Nothing is lost: kernels die, pages reload, networks drop and logs refuse, in the middle of a burst of keys.

The yardstick is a key recorder of its own (`browser.recorder`). After each fault `agree` holds its list against
`wb.history()`, id by id.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import PATIENCE_S, Lab, Notebook, shut_down  # noqa: E402
from browser.recorder import Recorder  # noqa: E402
from playwright.sync_api import Error  # noqa: E402

pytestmark = pytest.mark.browser

PROJECT = """
import os, numpy as np, hitl_widgets as hw
pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, ({n_items}, 8, 8), np.uint8))
wb = hw.Workbench({folder!r}, pool, ["cat", "dog", "owl"], annotator={annotator!r})
def acts():
    history = wb.history().query("kind in ('decided', 'retracted')")
    return [[e.id, e.kind, e.item_id, e.annotator, e.body.get("label_id") or e.body.get("verdict")]
            for e in history.itertuples()]
"""
DIES_ONCE_IT_HAS_STORED = """
import signal
append, left = wb.project.log.append, iter(range({n} - 1))
def append_and_die(*events, **more):
    stored = append(*events, **more)
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return stored
wb.project.log.append = append_and_die
"""
KEYS_A_SECOND = 30
# So many acts at least come of a burst, however slow the machine: a key without an item on the screen does nothing.
SOME = 10
# Mostly answers, some unsure, a skip; three in twenty are undone.
BURST = [*"1231u2z312s312z13uz1"] * 10

_ASK = """async (expression) => {
  const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({code: '', silent: true, user_expressions: {it: expression}}, true);
  const late = new Promise((done) => setTimeout(done, 1000, null));
  return (await Promise.race([future.done, late]))?.content?.user_expressions?.it?.data?.['text/plain'] ?? null;
}"""
_DECIDED = "wb.annotations().query(\"verdict != 'skip'\").item_id.tolist()"
_NOTHING_LEFT = "() => !Object.keys(localStorage).some((key) => key.startsWith('hitl_widgets/outbox/'))"

# JupyterLab says in a dialog that the server is gone, at its own time, and the dialog takes the keys.
_CLOSE_DIALOGS = """() => new MutationObserver(() => {
  const card = [...document.querySelectorAll('.hitl-card')].pop();
  const button = document.querySelector('.jp-Dialog button.jp-mod-reject');
  if (button) { button.click(); card.focus(); }
}).observe(document.body, {childList: true})"""

# What the card says of decisions that another tab came before.
_HEAR = """() => {
  const heard = window.hitlHeard = [], card = [...document.querySelectorAll('.hitl-card')].pop();
  new MutationObserver(() => {
    const said = [...card.querySelector('.hitl-footer').children].map((part) => part.textContent).join(' ');
    if (said.includes('in another tab or notebook meanwhile')) heard.push(said);
  }).observe(card, {subtree: true, childList: true, characterData: true});
}"""

_ACTS = "() => !document.querySelector('.hitl-card[inert]')"
_WATCHES = "() => Boolean(document.querySelector('.hitl-card[inert]'))"

# Its storage is empty before the frame with these words is painted.
_HEARD = "(item) => window.hitlHeard.some((said) => said.match(/\\w+/g).includes(item))"


class Desk:
    """A project of its own for one test, the pages in which people label it, and the yardstick."""

    def __init__(self, lab: Lab, recorder: Recorder, name: str) -> None:
        self.lab, self.recorder, self.name = lab, recorder, name
        self.log = lab.folder / name / "log.db"
        self.notebooks: list[Notebook] = []
        self.own: list[Notebook] = []
        self.used_up = False

    def open(self, *then: str, annotator: str = "ada", n_items: int = 400, shared: bool = True,
             in_notebook_7: bool = False) -> Notebook:
        """A notebook with the project, its card, which has the keys, and other cells below."""
        cells = [PROJECT.format(folder=self.name, annotator=annotator, n_items=n_items), "wb.review()", *then]
        if shared:
            notebook = self.lab.take(cells)
        else:
            notebook = self.lab.open(f"{self.name}-{annotator}.ipynb", cells, in_notebook_7=in_notebook_7)
            self.own.append(notebook)
        self.notebooks.append(notebook)
        run_first(notebook, 2)
        self.recorder.said |= dict(zip("123", notebook.value("list(wb.taxonomy.label_ids)"), strict=True))
        self.take_up(notebook)
        return notebook

    def open_again(self, notebook: Notebook) -> Notebook:
        """The notebook that was opened and saved before, in another page with the same kernel."""
        again = self.lab.open(notebook.file.name)
        self.notebooks.append(again)
        self.used_up = True
        return again

    def take_over(self, notebook: Notebook) -> None:
        """The button of a page that only watches; the card has the keys then, and the page that acted watches."""
        notebook.page.locator(".hitl-watching button").last.click()
        notebook.page.wait_for_function(_ACTS)
        self.take_up(notebook)

    def take_up(self, notebook: Notebook) -> None:
        """Wait for an item and give the card the keys."""
        notebook.wait_for_item()
        notebook.card.focus()

    def cut(self, notebook: Notebook) -> None:
        """The network is gone: sockets close, and none opens."""
        notebook.wait_for_item()
        notebook.page.evaluate(_CLOSE_DIALOGS)
        self.lab.context.set_offline(True)
        notebook.page.evaluate("() => { for (const socket of window.hitlSockets) socket.close(); }")

    def cut_alone(self, notebook: Notebook) -> Callable[[], None]:
        """The network is gone for this page, and there for the others; what is returned mends it."""
        notebook.page.evaluate(_CLOSE_DIALOGS)
        devtools = notebook.page.context.new_cdp_session(notebook.page)
        offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", offline)
        notebook.page.evaluate("() => { for (const socket of window.hitlSockets) socket.close(); }")

        def mend() -> None:
            devtools.send("Network.emulateNetworkConditions", {**offline, "offline": False})
            self.mend(notebook)

        return mend

    def mend(self, notebook: Notebook) -> None:
        """The network is there again. Kernel > Reconnect: JupyterLab by itself may wait for half a minute."""
        self.lab.context.set_offline(False)
        notebook.page.evaluate("() => { window.jupyterapp.commands.execute('kernelmenu:reconnect-to-kernel'); }")

    def agree(self, notebook: Notebook, *, within_s: float = PATIENCE_S) -> list[list[Any]]:
        """Every key did what it should, and the log tells just that: id by id, in each page's order. Gives the log."""
        notebook.page.wait_for_function(_NOTHING_LEFT, timeout=1000 * within_s)
        notebook.wait_until_stored()
        log, recorder = notebook.value("acts()"), self.recorder
        assert Counter(row[0] for row in log) == Counter(recorder.ids())
        assert recorder.expected()
        for page in dict.fromkeys(page for page, _ in recorder.notes):
            assert recorder.kept(page) == recorder.expected(page)
            mine = set(recorder.ids(page))
            rows = [row for row in log if row[0] in mine]
            assert [row[0] for row in rows] == recorder.ids(page)
            assert [(row[1], row[2], row[4]) for row in rows] == \
                [({"decide": "decided", "retract": "retracted"}[act.kind], *act[1:]) for act in recorder.kept(page)]
        return list(log)

    def agree_on_one(self, tabs: Sequence[Notebook]) -> None:
        """Each act is in the log, in each page's order, or its page was told that another tab was first."""
        tabs[0].page.wait_for_function(_NOTHING_LEFT)
        log, recorder = tabs[0].value("acts()"), self.recorder
        by_id = {row[0]: row for row in log}
        assert set(by_id) <= set(recorder.ids())
        for tab in tabs:
            mine, refused = recorder.noted("kept", tab.page), set()
            for act in mine:
                if act["id"] in by_id:
                    assert by_id[act["id"]][1:3] == [{"decide": "decided", "retract": "retracted"}[act["kind"]],
                                                     act["item"]]
                elif act["kind"] == "decide":
                    refused.add(act["id"])
                    tab.page.wait_for_function(_HEARD, arg=act["item"])
                    assert any(row[1] == "decided" and row[2] == act["item"] for row in log)
                else:
                    by_another = any(row[1] == "retracted" and row[2] == act["item"] for row in log)
                    assert act["retracts"] in refused or by_another
            assert [row[0] for row in log if row[0] in {act["id"] for act in mine}] == \
                [act["id"] for act in mine if act["id"] in by_id]

    def close(self) -> None:
        # The card's code comes from a blob; what the applications themselves raise isn't its affair.
        errors = [line for notebook in self.notebooks for line in notebook.console
                  if line.startswith("pageerror") and "blob:" in line]
        self.lab.context.set_offline(False)  # the pages of the tests to come are in the same context
        for notebook in self.own:
            shut_down(notebook)
        for notebook in self.notebooks[1:]:
            notebook.page.close()
        if self.used_up:
            self.lab.drop()
        assert errors == []


@pytest.fixture
def desk(lab: Lab, recorder: Recorder, request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(lab, recorder, request.node.name.removeprefix("test_").replace("[", "-").replace("]", ""))
    yield desk
    desk.close()


def run_later(notebook: Notebook, cell: int) -> None:
    """Run a cell, and leave the keys with the card."""
    notebook.page.evaluate("(i) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", cell)
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    notebook.card.focus()


def run_first(notebook: Notebook, n: int, timeout_s: float = PATIENCE_S) -> None:
    """Run the first n cells."""
    notebook.page.evaluate("(i) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", n - 1)
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-above'); }")
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    deadline = time.monotonic() + timeout_s
    while not all(cell["count"] and cell["state"] == "idle" for cell in notebook.cells()[:n]):
        assert time.monotonic() < deadline, notebook.cells()
        notebook.page.wait_for_timeout(50)
    assert not any(output["output_type"] == "error" for cell in notebook.cells()[:n] for output in cell["outputs"])


def press(notebook: Notebook, keys: Sequence[str], *, faults: Mapping[int, Callable[[], None]] | None = None,
          a_second: float = KEYS_A_SECOND) -> None:
    """Press keys at an even pace; `faults` happen before the key with that number."""
    began = time.monotonic()
    for i, key in enumerate(keys):
        if faults and i in faults:
            faults[i]()
        notebook.page.wait_for_timeout(max(0.0, 1000 * (began + i / a_second - time.monotonic())))
        notebook.page.keyboard.press(key)


def stop(notebook: Notebook, pid: int) -> None:
    """The kernel stands still, while there is something to decide."""
    notebook.wait_for_item()
    os.kill(pid, signal.SIGSTOP)


def press_in_turn(notebooks: Sequence[Notebook], keys: Sequence[str]) -> None:
    """Press each key in one page and at once in the others."""
    for key in keys:
        for notebook in notebooks:
            notebook.page.keyboard.press(key)


def pid_of(notebook: Notebook) -> int:
    """The kernel's process; waits for one that answers."""
    for _ in range(60):
        with suppress(Error):  # a question that the dying kernel took with it
            if (said := notebook.page.evaluate(_ASK, "__import__('os').getpid()")) is not None:
                return int(said)
        notebook.page.wait_for_timeout(250)
    raise TimeoutError("no kernel answers")


def wait_for_another_kernel(desk: Desk, notebook: Notebook, former: int) -> None:
    """The server starts another one by itself, and JupyterLab says so in a dialog."""
    desk.used_up = True
    deadline = time.monotonic() + PATIENCE_S
    while pid_of(notebook) == former:
        assert time.monotonic() < deadline, "the kernel wasn't started again"
        notebook.page.wait_for_timeout(100)
    for button in notebook.page.locator(".jp-Dialog button.jp-mod-accept").all():
        button.click()


def wait_for_open_items(tabs: Sequence[Notebook]) -> None:
    """Until no tab shows an item that is decided. (They needn't show the same: what one undoes waits there alone.)"""
    for tab in tabs:
        tab.wait_until(lambda tab=tab: tab.item not in {*tab.value(_DECIDED)})


def pending(notebook: Notebook) -> int:
    return int(notebook.card.get_attribute("data-pending") or 0)


def decided_twice(log: Sequence[Sequence[Any]], annotator: str = "ada") -> list[str]:
    """The items that a person was asked about again, though they had neither skipped them nor taken their word back."""
    stands: dict[str, str] = {}
    twice = []
    for _, kind, item, who, said in log:
        if who != annotator:
            continue
        if kind == "retracted":
            stands.pop(item, None)
        else:
            twice += [item] if stands.get(item, "skip") != "skip" else []
            stands[item] = said
    return twice


def test_a_kernel_that_is_killed_in_a_burst(desk):
    notebook = desk.open()
    pid = pid_of(notebook)
    press(notebook, [*BURST[:100], "z", "z", *BURST[100:]], faults={100: lambda: os.kill(pid, signal.SIGKILL)})
    assert pending(notebook) > 0
    wait_for_another_kernel(desk, notebook, pid)
    run_first(notebook, 2)
    log = desk.agree(notebook)
    assert len(log) >= SOME
    assert {row[1] for row in log} == {"decided", "retracted"}


@pytest.mark.long
def test_a_kernel_that_dies_between_storing_and_answering(desk):
    notebook = desk.open()
    pid = pid_of(notebook)
    notebook.execute(DIES_ONCE_IT_HAS_STORED.format(n=15))
    press(notebook, BURST[:40])
    wait_for_another_kernel(desk, notebook, pid)
    run_first(notebook, 1)
    stored = notebook.value("[row[0] for row in acts()]")
    assert stored == desk.recorder.ids()[:15]
    run_first(notebook, 2)
    n_before = len(desk.agree(notebook))
    assert n_before >= 15
    desk.take_up(notebook)
    press(notebook, BURST[40:60])
    assert len(desk.agree(notebook)) > n_before


@pytest.mark.long
def test_a_page_that_is_reloaded_in_a_burst(desk):
    notebook = desk.open()
    pid = pid_of(notebook)
    notebook.save()
    press(notebook, BURST[:100], faults={92: lambda: stop(notebook, pid)})
    assert pending(notebook) > 0
    notebook.page.reload(wait_until="commit")
    os.kill(pid, signal.SIGCONT)
    desk.lab.wait_for_kernel(notebook)
    notebook.wait_for_item()
    desk.agree(notebook)  # nobody has touched anything
    desk.take_up(notebook)
    press(notebook, BURST[100:140])
    assert len(desk.agree(notebook)) >= SOME


@pytest.mark.long
def test_a_tab_that_is_closed_in_a_burst_and_opened_again(desk):
    notebook = desk.open()
    pid = pid_of(notebook)
    notebook.save()
    press(notebook, BURST[:60], faults={52: lambda: stop(notebook, pid)})
    notebook.page.close()
    os.kill(pid, signal.SIGCONT)
    notebook = desk.open_again(notebook)
    notebook.wait_for_item()
    desk.agree(notebook)
    desk.take_up(notebook)
    press(notebook, BURST[:20])
    assert len(desk.agree(notebook)) >= SOME


@pytest.mark.long
def test_a_log_that_refuses_writes_in_a_burst(desk):
    notebook = desk.open()
    with closing(sqlite3.connect(desk.log, isolation_level=None)) as other:
        press(notebook, BURST[:60], faults={20: lambda: other.execute("BEGIN EXCLUSIVE").close()})
        n_stored = len(desk.recorder.ids()) - pending(notebook)
        assert n_stored < 25
        notebook.card.get_by_text("was held by another program").first.wait_for()
        press(notebook, ["z"])
        other.rollback()
    log = desk.agree(notebook)
    assert len(log) > n_stored


@pytest.mark.long
def test_a_network_that_is_gone_for_a_while_in_a_burst(desk):
    notebook = desk.open()
    press(notebook, BURST[:80], faults={40: lambda: desk.cut(notebook)})
    assert pending(notebook) > 0
    desk.mend(notebook)
    press(notebook, BURST[80:90])
    notebook.wait_for_item()
    notebook.card.focus()
    press(notebook, BURST[90:120])
    assert len(desk.agree(notebook)) >= SOME


@pytest.mark.long
def test_a_second_page_only_watches_until_it_takes_over(desk):
    first = desk.open()
    first.save()
    press(first, BURST[:10])
    first.wait_until_stored()
    second = desk.open_again(first)
    second.page.wait_for_function(_WATCHES)
    assert second.page.locator(".hitl-watching").is_visible()
    second.wait_for_item()
    n_before = len(first.value("acts()"))
    before = [(cell["type"], cell["source"]) for cell in second.cells()]
    second.page.locator(".hitl-watching").focus()
    press(second, [*"12xxddzu1"])
    second.card.locator(".hitl-chip").first.dispatch_event("click")
    assert len(first.value("acts()")) == n_before
    assert [(cell["type"], cell["source"]) for cell in second.cells()] == before
    press(first, BURST[:10])  # what is decided in the first page is followed in the second one
    first.wait_until_stored()
    second.wait_until(lambda: second.item == first.item)
    desk.take_over(second)
    first.page.wait_for_function(_WATCHES)
    assert first.page.evaluate("() => document.activeElement.className") == "hitl-watching"
    press(first, [*"12xxdd"])
    assert [(cell["type"], cell["source"]) for cell in first.cells()] == before
    press(second, BURST[:20])
    second.wait_until_stored()
    assert decided_twice(desk.agree(second)) == []


@pytest.mark.long
def test_a_page_that_is_reloaded_goes_on_though_another_one_watches(desk):
    first = desk.open()
    first.save()
    second = desk.open_again(first)
    second.page.wait_for_function(_WATCHES)
    # On a busy machine a reload may take longer than the ten seconds that whoever watches waits for it.
    first.execute("from hitl_widgets.widgets import pages; pages.RELOAD_S = pages.SILENT_S = 600.0")
    first.page.reload(wait_until="commit")
    desk.lab.wait_for_kernel(first)
    desk.take_up(first)
    press(first, BURST[:20])
    assert len(desk.agree(first)) >= SOME
    assert second.page.evaluate(_WATCHES)


@pytest.mark.long
def test_a_page_follows_one_that_was_closed(desk):
    first = desk.open()
    first.save()
    second = desk.open_again(first)
    second.page.wait_for_function(_WATCHES)
    first.page.close()
    second.page.wait_for_function(_ACTS)
    desk.take_up(second)
    press(second, BURST[:20])
    assert len(desk.agree(second)) >= SOME


@pytest.mark.long
def test_two_views_in_one_page_are_one_front_end(desk):
    notebook = desk.open()
    notebook.page.evaluate("""async () => {
      const {content} = window.jupyterapp.shell.currentWidget;
      content.activeCellIndex = 1;
      await window.jupyterapp.commands.execute('notebook:create-output-view');
    }""")
    views = notebook.page.locator(".hitl-card")
    notebook.wait_until(lambda: views.count() == 2)
    for view in (views.first, views.last):
        view.click(position={"x": 5, "y": 5})
        press(notebook, BURST[:5])
    assert notebook.page.locator(".hitl-card[inert]").count() == 0
    assert len(desk.agree(notebook)) >= 2
    desk.used_up = True


@pytest.mark.long
def test_two_tabs_of_one_person(desk):
    tabs = [desk.open()]
    tabs[0].save()
    tabs.append(desk.open_again(tabs[0]))
    for tab in [*reversed(tabs)] * 2:
        desk.take_over(tab)
        press(tab, BURST[:20])
        tab.wait_until_stored()
        wait_for_open_items(tabs)  # then the person turns to the other
    assert decided_twice(desk.agree(tabs[0])) == []
    # The first tab doesn't hear that the other one takes over: what is decided in both is decided once.
    for tab in tabs:
        tab.page.evaluate(_HEAR)
    mend = desk.cut_alone(tabs[0])
    desk.take_over(tabs[1])
    tabs[0].card.focus()
    press_in_turn(tabs, BURST[:30])
    assert pending(tabs[0]) > 0
    mend()
    tabs[0].page.wait_for_function(_WATCHES)
    desk.agree_on_one(tabs)
    wait_for_open_items(tabs)
    log = tabs[0].value("acts()")
    assert decided_twice(log) == []
    wb = "wb.annotations().groupby(['item_id', 'annotator']).size().max()"
    assert tabs[0].value(f"int({wb})") == 1


@pytest.mark.long
def test_two_people_with_two_kernels_on_one_project(desk):
    people = {"ada": desk.open(), "bob": desk.open(annotator="bob", shared=False)}
    press_in_turn(list(people.values()), BURST[:60])
    for name, notebook in people.items():
        notebook.wait_until_stored()
        log = desk.agree(notebook)
        assert {row[3] for row in log if row[0] in desk.recorder.ids(notebook.page)} == {name}
    theirs = [{row[2] for row in log if row[3] == name} for name in people]
    assert all(theirs)
    assert theirs[0].isdisjoint(theirs[1])
    seen = [desk.recorder.screens([notebook.page]) for notebook in people.values()]
    assert [(a, b) for a in seen[0] for b in seen[1] if a[2] == b[2] and a[0] < b[1] and b[0] < a[1]] == []


@pytest.mark.parametrize("in_notebook_7", [False, True], ids=["JupyterLab", "Notebook 7"])
def test_the_keys_of_the_card_leave_the_notebook_as_it_was(desk, in_notebook_7):
    notebook = desk.open("'another cell'", shared=not in_notebook_7, in_notebook_7=in_notebook_7)
    before = [(cell["type"], cell["source"]) for cell in notebook.cells()]
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('notebook:enter-command-mode')")
    notebook.card.locator(".hitl-stage").click()
    press(notebook, [*"mxddabz012z3"])
    press(notebook, BURST[:20])
    assert [(cell["type"], cell["source"]) for cell in notebook.cells()] == before
    assert len(desk.agree(notebook)) >= SOME


@pytest.fixture
def no_subshells(lab: Lab) -> Iterator[None]:
    """For the pages that are opened meanwhile, a host that knows no subshells."""
    lab.set("apputils-extension/kernels-settings", {"commsOverSubshells": "disabled"})
    yield
    lab.set("apputils-extension/kernels-settings", {})


@pytest.mark.long
def test_a_host_without_subshells_goes_on_with_what_it_has(no_subshells, desk, busy):
    notebook = desk.open(busy.code, shared=False)
    notebook.card.locator(".hitl-chip").first.wait_for()
    run_later(notebook, 2)
    busy.wait_for(notebook)
    press(notebook, ["1"] * 40)
    assert notebook.item == ""
    notebook.card.get_by_text("it may be running a cell").wait_for()
    n_decided = pending(notebook)
    assert n_decided > 0
    assert notebook.cells()[2]["state"] == "running"
    busy.end()
    notebook.wait_for_cells()
    assert len(desk.agree(notebook)) == n_decided
