"""Learning in the background as a person sees it: they label, no cell trains, and the suggestions become right."""

from __future__ import annotations

from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook  # noqa: E402
from browser.person import Person, take_the_card  # noqa: E402

pytestmark = pytest.mark.browser

# A quarter of the answers measures, a tenth of the cards is blind: as in everybody's project.
PROJECT = """import numpy as np, hitl_widgets as hw
from sklearn.datasets import load_digits
images, labels = load_digits(return_X_y=True)
pool = hw.Pool.from_images((15 * images.reshape(-1, 8, 8)).astype(np.uint8).repeat(3, 1).repeat(3, 2))
truth = dict(zip(pool.ids, map(str, labels)))
wb = hw.Workbench({folder!r}, pool, list("0123456789"), annotator="ada", seed=0)"""
STATE = "(lambda s: [s.name, s.n_until_next, s.out_of_fold and s.out_of_fold.n])(wb.session.learning)"
ADOPTED = "[event.body for event in wb.project.log.events(kind='adopted')]"
SEEN = "[event.body['seen'] for event in wb.project.log.events(kind='decided')]"

MADE_UP = """from hitl_widgets.errors import DiskFull
from hitl_widgets.records import Estimate, LearningState
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
host = MemoryHost()
review = Review(host)
push, n_pushed = review.feed.push, [0]
def counting(message, buffers=None):
    push(message, buffers)
    n_pushed[0] += message["kind"] == "item"
review.feed.push = counting
review"""
# Each frame in which the card shows no item, or an item without its picture.
BLANKS = """() => {
  window.blanks = [];
  const card = [...document.querySelectorAll('.hitl-card')].pop();
  const look = () => {
    if (!card.dataset.item || card.querySelector('.hitl-empty')) window.blanks.push(card.dataset.item);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def wait_until_learnt(notebook: Notebook) -> int:
    """Until what was answered is stored and nothing of it is due to be learnt; how many answers the card says then."""
    notebook.wait_until_stored()

    def is_idle() -> bool:
        name, n_until_next, n_learnt = notebook.value(STATE)
        shown = notebook.card.get_attribute("data-learnt")
        return name == "waiting" and n_until_next > 0 and shown == str(n_learnt or 0)
    notebook.wait_until(is_idle)
    return int(notebook.card.get_attribute("data-learnt"))


def answer(person: Person, n: int) -> list[bool]:
    """Answer n items rightly; of those that showed a suggestion, whether it was right."""
    verdicts = [person.answer().verdict for _ in range(n)]
    return [verdict == "accept" for verdict in verdicts if verdict != "answer"]


def open_card(notebook: Notebook) -> None:
    """Wait for the card's first item, and give it the keys."""
    notebook.wait_for_item()
    take_the_card(notebook)


@pytest.mark.long
def test_suggestions_become_right_while_somebody_labels_and_no_cell_trains(lab: Lab, tmp_path: Path) -> None:
    notebook = lab.take([PROJECT.format(folder=str(tmp_path / "digits")), "wb.review()",
                         "wb.review(strategy='random')"])
    notebook.run_cell(0)
    notebook.run_cell(1)
    open_card(notebook)
    person = Person(notebook)
    assert answer(person, 10) == []
    words = notebook.card.locator(".hitl-learning")
    words.get_by_text("The model learns from your answers · first in ").wait_for()
    n_learnt = []
    for n in (20, 15, 15):
        answer(person, n)
        n_learnt.append(wait_until_learnt(notebook))
    assert n_learnt[0] >= 20
    assert n_learnt[-1] >= 40
    words.get_by_text(f"The model has learnt {n_learnt[-1]} answers (right on ").wait_for()

    # How right it is, is told by items that nobody chose: the default asks what it is in doubt about.
    notebook.run_cell(2)
    open_card(notebook)
    right: list[bool] = []
    while len(right) < 20:
        right += answer(person, 1)
    assert sum(right) > 12
    notebook.wait_until_stored()
    adopted = notebook.value(ADOPTED)
    assert {(body["origin"], body["own"]) for body in adopted} == {("background", True)}
    assert {body["n_training"] for body in adopted} >= set(n_learnt)
    # Of each suggestion the log says whose it was.
    models = [seen.get("model") for seen in notebook.value(SEEN)]
    assert models[:10] == [None] * 10
    assert set(models) - {None} <= {body["model"] for body in adopted}
    assert notebook.value("len(list(wb.project.log.events(kind='trained')))") == 0
    assert notebook.value("wb.project.tally()['round']") == 1
    assert notebook.errors() == []


def test_while_an_experiment_runs_the_card_says_that_the_model_is_frozen(lab: Lab) -> None:
    notebook = lab.take([MADE_UP])
    notebook.run_all()
    open_card(notebook)
    words = notebook.card.locator(".hitl-learning")
    assert words.inner_text() == ""
    notebook.execute("host.learn(LearningState('frozen', 63, 17, Estimate(0.8, 0.7, 0.9, n=60), 'Until Monday.'))")
    words.get_by_text("The model is frozen while the bias experiment runs").wait_for()
    assert words.get_attribute("title") == "Until Monday."
    assert notebook.card.get_attribute("data-learning") == "frozen"
    notebook.execute("host.learn(LearningState('off'))")
    notebook.wait_until(lambda: words.inner_text() == "")
    assert notebook.errors() == []


def test_what_is_learnt_takes_no_height_and_gives_way_to_what_went_wrong(lab: Lab) -> None:
    notebook = lab.take([MADE_UP])
    notebook.run_all()
    open_card(notebook)
    size = notebook.page.viewport_size
    notebook.page.set_viewport_size({"width": 1366, "height": 768})
    words = notebook.card.locator(".hitl-learning")
    notebook.wait_until(lambda: notebook.card.bounding_box()["height"] <= 606)
    notebook.execute("host.learn(LearningState('failed', 1263, 17, Estimate(0.8, 0.7, 0.9, n=1240), 'no memory'))")
    words.get_by_text("learning failed, next try in 17").wait_for()
    notebook.page.keyboard.press("Enter")
    notebook.card.locator(".hitl-notice", has_text="Accepted").wait_for()
    assert words.is_visible()
    assert notebook.card.bounding_box()["height"] <= 606
    footer, box = (notebook.card.locator(part).bounding_box() for part in (".hitl-footer", ".hitl-learning"))
    assert footer["x"] < box["x"] < box["x"] + box["width"] <= footer["x"] + footer["width"]
    notebook.execute("host.refuse = DiskFull('the disk is full.')")
    notebook.page.keyboard.press("Enter")
    notebook.card.locator(".hitl-bad").wait_for()
    assert not words.is_visible()
    notebook.execute("host.refuse = None")
    notebook.wait_until_stored()
    words.wait_for()
    notebook.page.set_viewport_size(size)


def test_an_adopted_model_changes_nothing_of_the_item_on_the_screen_and_leaves_no_blank(lab: Lab) -> None:
    notebook = lab.take([MADE_UP])
    notebook.run_all()
    open_card(notebook)
    notebook.wait_until(lambda: notebook.value("n_pushed[0] >= 20"))
    notebook.card.locator(".hitl-scale").wait_for()
    notebook.page.evaluate(BLANKS)

    def screen() -> list[str]:
        notebook.settle()
        return [notebook.card.locator(part).inner_text() for part in (".hitl-says", ".hitl-map-words")]

    for model in ("b2c3d4", "c3d4e5", "d4e5f6"):
        before, n_pushed = screen(), notebook.value("n_pushed[0]")
        notebook.execute(f"host.adopt({model!r})")
        notebook.wait_until(lambda n=n_pushed: notebook.value("n_pushed[0]") >= n + 18)
        assert screen() == before
        for _ in range(3):
            item = notebook.item
            notebook.page.keyboard.press("Enter")
            notebook.wait_for_item(other_than=item)
        notebook.wait_until_stored()
    assert notebook.value("[d.seen.model for d in host.decisions]") == [
        "a1b2c3", "a1b2c3", *["b2c3d4"] * 3, *["c3d4e5"] * 3, "d4e5f6"]
    assert notebook.page.evaluate("() => window.blanks") == []
    assert notebook.errors() == []
