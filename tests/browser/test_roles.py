"""A role that is withdrawn while an answer waits in the browser: kept aside, told to both, and taken in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook, shut_down  # noqa: E402

pytestmark = pytest.mark.browser

PROJECT = """
import numpy as np, hitl_widgets as hw
from hitl_widgets.errors import LogBusy
pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (40, 16, 16), np.uint8),
                           ids=[f"item-{{n:02d}}" for n in range(40)])
wb = hw.Workbench({folder!r}, pool, ["dark", "grey", "light"], annotator={who!r}, holdout=0, annotators_per_item=2)
append = wb.project.log.append
def busy(*events, **more):
    raise LogBusy("another process holds the log.")
"""


class Two(NamedTuple):
    """The notebooks of the owner, olga, and of ada."""

    olga: Notebook
    ada: Notebook


@pytest.fixture
def two(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """A project that olga made, open in two kernels, each shown by a browser of its own."""
    folder = str(tmp_path_factory.mktemp("roles") / "project")
    with ExitStack() as stack:
        notebooks = []
        for who in ("olga", "ada"):
            context = shared_lab.browser.new_context(viewport={"width": 1366, "height": 768})
            context.set_default_timeout(60_000)
            stack.callback(context.close)
            notebook = shared_lab.open(f"roles-{who}.ipynb", [PROJECT.format(folder=folder, who=who),
                                                              "wb.review(explain=None, learn=False)"], context=context)
            stack.callback(shut_down, notebook)
            notebooks.append(notebook)
            notebook.run_all()
            notebook.wait_for_item()
        yield Two(*notebooks)


def standing(notebook: Notebook) -> str:
    """What the card says above the item of roles and of what is kept aside."""
    bar = notebook.card.locator(".hitl-standing")
    return str(bar.inner_text()) if bar.is_visible() else ""


@pytest.mark.long
def test_an_answer_whose_role_was_withdrawn_meanwhile_is_kept_aside_told_to_both_and_counts_once_taken_in(
        two: Two) -> None:
    olga, ada = two
    olga.execute("wb.people.invite('ada')")
    ada.card.focus()
    first = ada.item
    ada.page.keyboard.press("1")
    ada.wait_for_item(first)
    ada.wait_until_stored()
    # The log can't take the next one: it waits in the browser's storage.
    ada.execute("wb.project.log.append = busy")
    second = ada.item
    ada.page.keyboard.press("2")
    ada.wait_for_item(second)
    ada.card.get_by_text("1 to be stored").wait_for()
    olga.execute("wb.people.withdraw('ada')")
    ada.execute("wb.project.log.append = append")

    ada.wait_until_stored()
    ada.card.get_by_text(f"{second}: Kept aside: ada has no role in this project").first.wait_for()
    ada.wait_until(lambda: "1 of your answers is kept aside" in standing(ada))
    assert "You have no role in this project: this card is for reading. olga can invite you." in standing(ada)
    olga.wait_until(lambda: "1 act by ada is kept aside" in standing(olga))
    for notebook in two:
        assert notebook.value("wb.annotations()['item_id'].tolist()") == [first]
        assert notebook.value("wb.people.set_aside()['item_id'].tolist()") == [second]

    # Keys that would be refused aren't offered, and do nothing; arrows go through the items.
    ada.card.focus()
    item = ada.item
    for key in ("1", "Enter", "s", "u", "z"):
        ada.page.keyboard.press(key)
    assert ada.item == item
    assert not ada.card.locator(".hitl-chip .hitl-cap:visible").count()
    ada.card.locator(".hitl-chip").first.click(force=True)
    ada.page.keyboard.press("ArrowRight")
    ada.wait_for_item(item)
    ada.page.keyboard.press("ArrowLeft")
    ada.wait_until(lambda: ada.item == item)
    assert ada.value("len(wb.history())") == olga.value("len(wb.history())")
    assert ada.value("wb.people.set_aside()['item_id'].tolist()") == [second]

    olga.execute("wb.people.take_in(wb.people.set_aside())")
    for notebook in two:
        assert sorted(notebook.value("wb.annotations()['item_id'].tolist()")) == sorted([first, second])
    olga.wait_until(lambda: not standing(olga))
    ada.wait_until(lambda: "kept aside" not in standing(ada))

    # And with the role back, the same card labels on.
    olga.execute("wb.people.invite('ada')")
    ada.wait_until(lambda: not standing(ada))
    ada.wait_until(lambda: ada.item not in ("", first, second))
    ada.card.focus()
    third = ada.item
    ada.page.keyboard.press("3")
    ada.wait_for_item(third)
    ada.wait_until_stored()
    assert sorted(olga.value("wb.annotations()['item_id'].tolist()")) == sorted([first, second, third])
    assert olga.errors() == ada.errors() == []
