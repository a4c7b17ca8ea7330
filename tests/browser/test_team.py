"""A team over two machines: two users with a kernel, a home and a cache each, and one project on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import PATIENCE_S, Lab, Notebook, shut_down  # noqa: E402
from postgres_server import Server  # noqa: E402

pytestmark = pytest.mark.browser

# Three brightnesses: a net of one layer learns them at once. The same cells on both machines; who it is, the hub says.
PROJECT = """
import numpy as np, torch, hitl_widgets as hw
from hitl_widgets import edits
rng = np.random.default_rng(0)
kinds = rng.integers(0, 3, 160)
images = np.clip(rng.normal(60 + 60 * kinds[:, None, None], 30, (160, 16, 16)), 0, 255).astype(np.uint8)
pool = hw.Pool.from_images(images, ids=[f"item-{{n:03d}}" for n in range(160)])
truth = dict(zip(pool.ids, kinds))
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 3))
wb = hw.Workbench({url!r}, pool, ["dark", "grey", "light"], model=net, audit=0)
"""
NOTHING_LEFT = "() => !Object.keys(localStorage).some((key) => key.startsWith('hitl_widgets/outbox/'))"
N = 24  # answers of each before a model is trained


class Team(NamedTuple):
    """The notebooks of the two, their machines, and the server that they share."""

    ann: Notebook
    ben: Notebook
    homes: dict[str, Path]
    server: Server


@pytest.fixture(scope="module")
def team(shared_lab: Lab, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Two users with a browser, a kernel, a home and a cache each: they have nothing in common but the server."""
    url, homes, notebooks = postgres.new_project_url(), {}, []
    with ExitStack() as stack:
        # The tests share one JupyterLab, so each kernel is told at its start what a hub would have told its server.
        for who in ("ann", "ben"):
            homes[who] = home = tmp_path_factory.mktemp(who)
            context = shared_lab.browser.new_context(viewport={"width": 1366, "height": 900})
            context.set_default_timeout(1000 * PATIENCE_S)
            stack.callback(context.close)
            hub = "\n".join(f"os.environ[{name!r}] = {value!r}" for name, value in (
                ("JUPYTERHUB_USER", who), ("HOME", str(home)), ("XDG_CACHE_HOME", str(home / "cache"))))
            notebook = shared_lab.open(f"team-{who}.ipynb", [f"import os\n{hub}{PROJECT.format(url=url)}",
                                                             "wb.review(explain=None)"], context=context)
            stack.callback(shut_down, notebook)
            notebooks.append(notebook)
        for notebook in notebooks:
            notebook.run_all()
            notebook.wait_for_item()
        yield Team(*notebooks, homes, postgres)


def label(notebook: Notebook, n: int) -> list[str]:
    """Answer n items with the keys of what they are; the items, once all is stored."""
    truth = notebook.value("{item: int(kind) for item, kind in truth.items()}")
    notebook.card.focus()
    items = []
    for _ in range(n):
        items.append(notebook.wait_for_item(items[-1] if items else ""))
        notebook.page.keyboard.press("123"[truth[items[-1]]])
        notebook.wait_for_item(items[-1])
    notebook.page.wait_for_function(NOTHING_LEFT)
    notebook.wait_until_stored()
    return items


def votes(notebook: Notebook) -> dict[str, str]:
    """Who answered what: item -> annotator."""
    return dict(notebook.value("[(v.item_id, v.annotator) for v in wb.votes().itertuples()]"))


@pytest.mark.long
def test_each_is_who_the_hub_says_and_has_a_cache_of_their_own(team):
    for who, notebook in (("ann", team.ann), ("ben", team.ben)):
        assert notebook.value("wb.annotator") == who
        folder = Path(notebook.value("str(wb.project.folder)"))
        assert folder.is_relative_to(team.homes[who] / "cache")


@pytest.mark.long
def test_they_label_side_by_side_and_no_item_twice(team):
    theirs = {"ann": label(team.ann, N), "ben": label(team.ben, N)}
    assert not set(theirs["ann"]) & set(theirs["ben"])
    expected = {item: who for who, items in theirs.items() for item in items}
    for notebook in (team.ann, team.ben):
        notebook.wait_until(lambda notebook=notebook: expected.items() <= votes(notebook).items())


def test_an_edit_of_one_is_on_the_card_of_the_other(team):
    team.ben.execute("wb.apply(edits.add('teal'))")
    chip = team.ann.card.locator(".hitl-chip", has_text="teal")
    chip.wait_for()
    team.ann.card.get_by_text("ben edited the taxonomy").first.wait_for()
    team.ann.card.focus()
    item = team.ann.wait_for_item()
    chip.click()
    team.ann.wait_for_item(item)
    team.ann.wait_until_stored()
    team.ben.wait_until(lambda: team.ben.value(f"wb.votes().set_index('item_id').label.get({item!r})") == "teal")


def test_a_server_that_restarts_loses_and_doubles_nothing(team):
    before = {name: votes(notebook) for name, notebook in (("ann", team.ann), ("ben", team.ben))}
    team.server.stop()
    for notebook in (team.ann, team.ben):
        notebook.card.focus()
        item = notebook.wait_for_item()
        for _ in range(3):
            notebook.page.keyboard.press("2")
            item = notebook.wait_for_item(item)
    assert int(team.ann.card.get_attribute("data-pending")) > 0
    team.server.start()
    for notebook in (team.ann, team.ben):
        notebook.page.wait_for_function(NOTHING_LEFT)
        notebook.wait_until_stored()
    now = votes(team.ann)
    assert now == votes(team.ben)
    assert len(now) == len(before["ann"]) + 6
    assert team.ann.value("int(wb.annotations().groupby(['item_id', 'annotator']).size().max())") == 1
    label(team.ann, 2)  # and they go on


def test_a_model_that_one_trains_is_the_model_of_both(team):
    team.ann.execute("run = wb.finetune(epochs=4, min_steps=40, adopt='always')")
    team.ben.card.get_by_text("ann adopted model").first.wait_for()
    version = team.ann.value("wb.registry.adopted")
    team.ben.wait_until(lambda: team.ben.value("wb.registry.adopted") == version)

    def models_seen():
        items = label(team.ben, 2)
        return team.ann.value("[e.body['seen'].get('model') for e in wb.history().itertuples() "
                              f"if e.kind == 'decided' and e.item_id in {items!r}]")

    team.ben.wait_until(lambda: version in models_seen())  # the first were there before the model, some are asked blind
