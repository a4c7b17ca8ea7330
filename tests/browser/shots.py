"""Pictures of the widgets for the docs, from a real JupyterLab: `python tests/browser/shots.py [folder] [name ...]`.

Each scene is a notebook of its own; what is seen is what a person would see. Read `SCENES` first.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.blood import SETUP as BLOOD
from browser.lab import Lab, Notebook

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DARK = {"apputils-extension/themes": {"theme": "JupyterLab Dark"}}

PROJECT = """import tempfile, pandas as pd, hitl_widgets as hw
from hitl_widgets.items.datasets import digits_on_photographs
images, labels = digits_on_photographs(400, size=48)
labels = [str(label) for label in labels]
pool = hw.Pool.from_images(images, meta=pd.DataFrame({{"camera": ["north", "south"] * 200}}))
shapes = {shapes}
def some(digit, n):
    return [i for i, label in zip(pool.ids[300:], labels[300:]) if label == str(digit % 10)][:n]
wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy([
    {{"name": str(digit), "definition": shape, "examples": some(digit, 3), "counter_examples": some(digit + 7, 2)}}
    for digit, shape in enumerate(shapes)]), annotator="ada", holdout=0, arms={{"blind": 0}})
wb.import_annotations(pd.DataFrame({{"item_id": pool.ids[100:300], "label": labels[100:300]}}))
wb.finetune(epochs=15, min_steps=480, adopt="always")"""
SHAPES = ["One closed loop, taller than wide.", "One stroke, at most with a flag and a foot.",
          "A hook that ends in a flat foot.", "Two bows, open to the left.", "An angle and an upright that cross.",
          "A flat roof, and a bow below it.", "A stroke that ends in a loop below.",
          "A flat roof and one slanting stroke.", "Two loops, one above the other.", "A loop above a stroke."]
REAL = PROJECT.format(shapes=SHAPES)
MADE_UP = """from hitl_widgets.testing import MemoryHost, rings
from hitl_widgets.widgets.card import Review
review = Review(MemoryHost({arguments}))
review"""
PEOPLE = """
truth = dict(zip(pool.ids, labels))
wb.people.set(purpose="Read house numbers from photographs, for the map of a town.",
              arms={{"answer_first": {first}, "blind": 0}})
bob = hw.Workbench(wb.folder, pool, annotator="bob", progress=False)
bob.session.ask("Is a seven with a bar through it still a seven?", label_id=wb.taxonomy.label("7").id,
                id="a-seven-with-a-bar")
wb.session.reply("a-seven-with-a-bar", "Yes: the bar doesn't count.")
bob.session.ask("Does a one need its foot?", label_id=wb.taxonomy.label("1").id)
wb.review()"""
VERDICTS = """
shown = pool.ids[40:60]
for n, who in enumerate(("bob", "eve", "sam")):
    other = hw.Workbench(wb.folder, pool, annotator=who, progress=False)
    for i, item in enumerate(shown):
        wrong = (i + n) % 4 == 0
        label = str((int(labels[40 + i]) + 5 * wrong) % 10)
        other.decide(item, label=label, certainty=4 if wrong else 8, note="the upper bow is open" if wrong else None)
    other.close()
desk = wb.people.adjudicate(seed=0)
desk"""
FASHION = str(Path(__file__).parents[3] / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz")
CLOTHES = """import tempfile, numpy as np, hitl_widgets as hw
from hitl_widgets import edits
with np.load("{data}") as data:
    images, kinds = (data[name] for name in list(data)[:2])
names = ["top", "Trouser", "top", "Dress", "top", "shoe", "top", "shoe", "Other", "shoe"]
pool = hw.Pool.from_images(images[:400], ids=[f"photo-{n:04d}" for n in range(400)])
some = lambda kind, n=3: [i for i, k in zip(pool.ids, kinds) if k == kind][:n]
wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy([
    {"name": "clothes", "definition": "Worn on the body.", "colour": "#1b9e77", "labels": [
        {"name": "top", "definition": "Worn on the upper body, by itself or over another one.", "colour": "#1b9e77",
          "examples": some(2), "counter_examples": some(3, 2)},
        {"name": "Trouser", "definition": "Two legs, from the waist down.", "colour": "#66a61e"},
        {"name": "Dress", "definition": "One piece from the shoulder to the knee or below.", "colour": "#e7298a"}]},
    {"name": "shoe", "definition": "Worn on the foot.", "colour": "#7570b3"},
    {"name": "Other", "definition": "None of these."}]), annotator="ann", holdout=0)
for item_id, kind in zip(pool.ids[:300], kinds):
    if kind == 6 and item_id[-1] in "13579":
        wb.decide(item_id, "unsure", flags=["not_in_taxonomy"] if item_id[-1] in "159" else [], note="a blouse?")
    else:
        wb.decide(item_id, label=names[kind], seen={"chosen_by": "random", "shown_ms": 1400})
wb.apply(edits.describe("shoe", link="https://example.org/shoes"), why="a page for newcomers")
wb.apply(edits.rename("Trouser", "trousers"))""".replace("{data}", FASHION)
PAIRS = """import tempfile, numpy as np, hitl_widgets as hw
from hitl_widgets.items.datasets import side_by_side
names = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
with np.load("{data}") as data:
    images, kinds = (data[name] for name in list(data)[:2])
images, pairs = side_by_side(images, [names[kind] for kind in kinds], 500)
pool = hw.Pool.from_images(images, ids=[f"pair-{{n:04d}}" for n in range(500)])
wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy([
    {{"name": name, "definition": f"A {{name.lower()}} in either half."}} for name in names]{attributes}),
    task="multilabel", annotator="ada", holdout=0, arms={{"blind": 0}})
for item_id, pair in zip(pool.ids[60:460], pairs[60:460]):
    wb.decide(item_id, labels=pair, seen={{"chosen_by": "random", "shown_ms": 1400}})"""
FAULTS = """import tempfile, hitl_widgets as hw
from hitl_widgets.items.datasets import photographs_with_faults
images, truth, discs = photographs_with_faults(400, size=64)
pool = hw.Pool.from_images(images, ids=[f"patch-{{n:04d}}" for n in range(400)])
covered = (truth["covered"] * 2).clip(0, 1).round(2)
wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy({labels}, attributes=[
    hw.Attribute("blur", scale=(0, 10), definition="0 is as sharp as the camera can; at 10 no edge is left."),{view}
    hw.Attribute("covered", scale=(0.0, 1.0), definition="How much of the patch is under the disc.")]){task},
    annotator="ada", holdout=0, arms={{"blind": 0}})
for i, row in truth.iloc[60:360].iterrows():
    wb.decide(pool.ids[i], {answer}values={{"blur": int(row["blur"]), "covered": covered[i]}},
              seen={{"chosen_by": "random", "shown_ms": 1400}})
{train}"""
CELLS = BLOOD + """
wb = cells(12)
def off(boxes):
    rng = np.random.default_rng(len(boxes))
    moved = [(label, np.clip(at + rng.normal(0, 3, 4), 0, [640, 480] * 2)) for label, at in boxes]
    return [(label if k % 7 else "Platelets", at) for k, (label, at) in enumerate(moved) if k % 9 != 4]
proposes(wb, off)
opened(wb{more})
review"""
CORRECTED = ["Tab", "1", "Tab", "Tab", "ArrowRight", "ArrowRight", "Tab", "x", "e", "Shift+8", "u"]
MAPPED = "explains(wb)\nopened(wb, explain=('gradcam',))"
MARKED = ["Tab", "Tab", "w", "Tab", "b", "[", "[", "[", *["ArrowUp", "ArrowLeft"] * 2, "Space", "ArrowUp", "Space"]
TREE, TRIAGE = "wb.edits.open()", "wb.edits.triage()"


REVIEWS = """import tempfile, hitl_widgets as hw
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
from hitl_widgets.records import Attribution
from hitl_widgets.items.tokens import tokens
import numpy as np
text = ("The room was clean and the staff were friendly, but we waited an hour for breakfast.\\n\\n"
        "As a nurse I am used to early hours. Still, nobody told us that the kitchen opens at nine.")
weights = {"clean": -.7, "friendly": -.8, "waited": .9, "hour": .35, "nurse": 1, "nobody": .6, "Still": .2}
class Host(MemoryHost):
    def explanation(self, position, *, method, target, against=None):
        text = self.pool.images[position]
        cut = tokens(text)
        values = np.array([[weights.get(text[a:b], .03) for a, b in cut]], np.float32)
        return Attribution("", method, target, self.model, values, (0, 0, len(text), 1), True, against, cut, 0.0)
host = Host([text, "Thank you for the quiet night.", "Never again."], ["complaint", "praise"])
review = Review(host, explain="contributions")
review"""


@dataclass(frozen=True)
class Scene:
    """A notebook, what is done in it, and the window in which it is seen."""

    cells: list[str]
    keys: list[str] = field(default_factory=list)
    width: int = 1320
    height: int = 960
    settings: dict[str, Any] = field(default_factory=dict)
    scale: float = 1
    after: Callable[[Notebook], None] | None = None
    env: dict[str, str] = field(default_factory=dict)
    focus: str = ".hitl-card"
    wait: str = ""  # until this holds in the page, no key is pressed


def go_offline(notebook: Notebook) -> None:
    """The network goes, and a few keys later the card says so."""
    notebook.page.add_style_tag(content=".jp-Dialog { display: none !important }")  # JupyterLab's own word on it
    notebook.page.context.set_offline(True)
    for key in ("Enter", "3", "Enter"):
        notebook.page.keyboard.press(key)
    notebook.card.get_by_text("The kernel hasn't answered").wait_for(timeout=60_000)
    notebook.card.focus()


def mapped(notebook: Notebook) -> None:
    """The map of the object in focus has come."""
    notebook.card.locator(".hitl-map-words").get_by_text("Grad-CAM for").wait_for()
    notebook.settle()


def drop(notebook: Notebook) -> None:
    """A label is dropped on another one."""
    rows = notebook.page.locator(".hitl-tree-row")
    rows.filter(has_text="Dress").drag_to(rows.filter(has_text="top"))
    notebook.page.wait_for_timeout(800)


def somebody_else(notebook: Notebook) -> None:
    """Another person renames a label while a split of it is being thought about."""
    notebook.page.wait_for_timeout(700)
    notebook.execute("hw.Workbench(wb.folder, pool, annotator='bob').apply(edits.rename('shoe', 'footwear'))")
    notebook.page.get_by_text("changed meanwhile").wait_for()


SPLIT = ["s", "Shift+S", *"Sandal", "Enter", *"Sneaker", "Enter", *"Ankle boot".replace(" ", "_")]
DECIDED = ["Shift+8", "Enter", "Enter", "u", "Enter", "4", "Shift+6", "Enter", "Shift+9", "Enter"]
SETS = ["Enter", "2", "Enter", "Enter", "3", "5", "Shift+8"]
OF_SHOES = """, attributes=[
    hw.Attribute("wear", scale=(0, 10), labels=["Sandal", "Sneaker", "Ankle boot"], definition="10 is worn out."),
    hw.Attribute("crop", choices=["whole", "cut off", "turned"]), hw.Attribute("darkness", scale=(0.0, 1.0))]"""
# The first items of a card come before the model has learnt: it is opened anew when there is something to suggest.
LEARNT = ["review = wb.review()\nreview", """import time
while not (wb.session.predicted_values(0) if wb.session.task == "scale" else wb.session.prediction(0)):
    time.sleep(0.2)""", "wb.review()"]
ASKED = "() => [...document.querySelectorAll('.hitl-card')].pop().dataset.item"
SURFACES = '["brick", "coins", "fur", "grass", "gravel"]'
SURFACE_VIEW = """
    hw.Attribute("wear", choices=["new", "worn", "broken"], labels=["brick", "coins"]),"""
APPEARANCE = """
    hw.Attribute("rough to smooth", scale=(0.0, 1.0),
                 sensitive="to compare what two cameras show of the same ground"),"""
TINTED = "document.querySelector('.hitl-lines .hitl-word') !== null"
SCENES: dict[str, Scene] = {
    "light": Scene([REAL, "wb.review()"], DECIDED),
    "dark": Scene([REAL, "wb.review()"], DECIDED, settings=DARK),
    "laptop": Scene([REAL, "wb.review()"], DECIDED, width=1366, height=768),
    "narrow": Scene([REAL, "wb.review()"], DECIDED[:4], width=560, height=1500),
    "zoomed": Scene([REAL, "wb.review()"], DECIDED[:4], width=640, height=1500, scale=2),
    "blind": Scene([REAL, "wb.review(blind=True)"], ["3", "5", "Shift+4", "7", "2", "ArrowDown"]),
    "labels": Scene([MADE_UP.format(arguments="rings(60), [f'{genus} {s:03d}' for genus in ('Apis', 'Bombus', 'Osmia', "
                                             "'Andrena') for s in range(250)]")], ["/", *"mia 1"]),
    "broken": Scene([MADE_UP.format(arguments="rings(60), broken=('item-0000',)")]),
    "offline": Scene([MADE_UP.format(arguments="rings(60)")], ["Enter", "2"], after=go_offline),
    "signed": Scene([REAL, 'wb.review(explain=["integrated_gradients", "gradcam"])'], [*DECIDED[:3], "m"]),
    "hot": Scene([REAL, "wb.review()"], [*DECIDED[:5], "m", "m"]),
    "revised": Scene([REAL, "wb.review()"], [*DECIDED, "Shift+E", "ArrowLeft", "ArrowLeft", "ArrowLeft"]),
    "reason": Scene([REAL, "wb.review()"], [*DECIDED[:3], "b", *["ArrowLeft"] * 4, *["ArrowDown", "Space"] * 4, "b",
                                            *["ArrowUp", "Space"] * 2]),
    "parts": Scene([REAL, "wb.review()"], [*DECIDED[:3], "b", "p", *["ArrowLeft"] * 4, "Space", "ArrowDown", "Space",
                                           "ArrowDown", "Space", "b", *["ArrowRight"] * 4, "Space", "ArrowUp"]),
    "text": Scene([REVIEWS], ["b", "Space", "Escape"], wait=TINTED),
    "text-dark": Scene([REVIEWS], ["b", "Space", "Escape"], settings=DARK, wait=TINTED),
    "keys": Scene([MADE_UP.format(arguments="rings(60)")], ["?"]),
    "temporary": Scene([MADE_UP.format(arguments="rings(60)")], ["Enter"],
                       env={"BINDER_LAUNCH_HOST": "https://mybinder.org/"}),
    "several": Scene([PAIRS.format(data=FASHION, attributes=""), *LEARNT], SETS, wait=ASKED),
    "several-laptop": Scene([PAIRS.format(data=FASHION, attributes=OF_SHOES), *LEARNT], [*SETS, "Tab", "7"],
                            width=1366, height=768, wait=ASKED),
    "beside": Scene([FAULTS.format(labels=SURFACES, view=SURFACE_VIEW, task="", answer='label=row["surface"], ',
                                   train="wb.finetune(epochs=10, adopt='always')"), *LEARNT],
                    ["Enter", "2", "4", "Tab", "2", "Tab"], wait=ASKED),
    "values": Scene([FAULTS.format(labels="[]", view=APPEARANCE, task=', task="scale"', answer="", train=""),
                     *LEARNT], ["Enter", "7", "Enter", "Shift+8", "3", "Tab", "3", "5", "Tab"], wait=ASKED),
    "values-blind": Scene([FAULTS.format(labels="[]", view=APPEARANCE, task=', task="scale"', answer="", train=""),
                           "wb.review(blind=True)"], ["6", "Enter", "2"], wait=ASKED),
    "objects": Scene([CELLS.replace("{more}", "")], CORRECTED, wait=ASKED),
    "objects-dark": Scene([CELLS.replace("{more}", "")], CORRECTED, settings=DARK, wait=ASKED),
    "objects-narrow": Scene([CELLS.replace("{more}", "")], CORRECTED, width=560, height=1500, wait=ASKED),
    "objects-reason": Scene([CELLS.replace("opened(wb{more})", MAPPED)], MARKED, wait=ASKED, after=mapped),
    "objects-reason-dark": Scene([CELLS.replace("opened(wb{more})", MAPPED)], MARKED, settings=DARK, wait=ASKED,
                                 after=mapped),
    "objects-drawn": Scene([CELLS.replace("{more}", ", blind=True")],
                           ["n", *["Shift+ArrowDown"] * 4, " ", "Shift+ArrowRight"], wait=ASKED),
    "objects-keys": Scene([CELLS.replace("{more}", "")], ["?"]),
    "taxonomy-tree": Scene([CLOTHES, TREE], ["Home", "ArrowDown"], focus=".hitl-tree"),
    "taxonomy-split": Scene([CLOTHES, TREE], SPLIT, focus=".hitl-tree"),
    "taxonomy-two": Scene([CLOTHES, TREE], SPLIT, after=somebody_else, focus=".hitl-tree"),
    "taxonomy-drop": Scene([CLOTHES, TREE], after=drop, focus=".hitl-tree"),
    "taxonomy-history": Scene([CLOTHES, TREE], ["Shift+H"], focus=".hitl-tree"),
    "taxonomy-dark": Scene([CLOTHES, TREE], SPLIT, settings=DARK, focus=".hitl-tree"),
    "taxonomy-narrow": Scene([CLOTHES, TREE], ["Home", "ArrowDown"], width=560, height=1500, focus=".hitl-tree"),
    "triage-page": Scene([CLOTHES, TRIAGE], ["Space", "ArrowRight", "ArrowRight", "Space"], focus=".hitl-grid"),
    "triage-label": Scene([CLOTHES, TRIAGE], ["n", *"Bag"], focus=".hitl-grid"),
    "triage-dark": Scene([CLOTHES, TRIAGE], ["ArrowRight", "Space"], settings=DARK, focus=".hitl-grid"),
    "triage-narrow": Scene([CLOTHES, TRIAGE], ["ArrowRight", "Space"], width=560, height=1500, focus=".hitl-grid"),
    "first": Scene([REAL, PEOPLE.format(first=1)], ["3"]),
    "questions": Scene([REAL, PEOPLE.format(first=0)], ["Shift+8", "Enter", "q", *"Does_a_shadow_count?"], height=860),
    "guideline": Scene([REAL, PEOPLE.format(first=0)], ["Enter", "3", "g"], height=860),
    "adjudication": Scene([REAL, VERDICTS], ["1"], focus=".hitl-adjudication"),
    "name": Scene([MADE_UP.format(arguments="annotator='jovyan', annotator_is_default=True")]),
}


def shoot(name: str, scene: Scene, folder: Path) -> Path:
    """Run a scene and keep what the card looks like at its end."""
    path = folder / (f"{name}.png" if "-" in name or name == "adjudication" else f"card-{name}.png")
    with tempfile.TemporaryDirectory() as home, Lab(home, viewport=(scene.width, scene.height), settings=scene.settings,
                                                    env=scene.env, scale=scene.scale) as lab:
        notebook = lab.open(f"{name}.ipynb", scene.cells)
        notebook.run_all(300)
        notebook.card.wait_for()
        notebook.page.wait_for_timeout(3000)
        notebook.page.locator(scene.focus).last.wait_for()
        notebook.page.wait_for_timeout(1500 if scene.focus != ".hitl-card" else 0)
        if scene.wait:
            notebook.page.wait_for_function(scene.wait, timeout=240_000)
        notebook.page.locator(scene.focus).last.focus()
        for key in scene.keys:
            notebook.page.keyboard.press(key.replace("_", " ") if len(key) == 1 else key)
            notebook.page.wait_for_timeout(120)
        if scene.after:
            scene.after(notebook)
        notebook.page.wait_for_timeout(1200)
        notebook.card.screenshot(path=path)
    print(path, flush=True)
    return path


def main(arguments: list[str]) -> None:
    """All scenes, or those named; into docs/images, or the folder named first."""
    folder = Path(arguments.pop(0)) if arguments and arguments[0] not in SCENES else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments or SCENES:
        shoot(name, SCENES[name], folder)


if __name__ == "__main__":
    main(sys.argv[1:])
