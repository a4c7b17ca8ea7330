"""Pictures of the card for the docs, from a real JupyterLab: `python tests/browser/shots.py [folder] [name ...]`.

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

from browser.lab import Lab, Notebook

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DARK = {"apputils-extension/themes": {"theme": "JupyterLab Dark"}}

PROJECT = """import tempfile, pandas as pd, hitl_widgets as hw
from hitl_widgets.examples import digits_on_photographs
images, labels = digits_on_photographs(400, size=48)
labels = [str(label) for label in labels]
pool = hw.Pool.from_images(images, meta=pd.DataFrame({{"camera": ["north", "south"] * 200}}))
shapes = {shapes}
def some(digit, n):
    return [i for i, label in zip(pool.ids[300:], labels[300:]) if label == str(digit % 10)][:n]
wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy([
    {{"name": str(digit), "definition": shape, "examples": some(digit, 3), "counter_examples": some(digit + 7, 2)}}
    for digit, shape in enumerate(shapes)]), annotator="ada", holdout=0)
wb.import_annotations(pd.DataFrame({{"item_id": pool.ids[100:300], "label": labels[100:300]}}))
wb.finetune(epochs=15, adopt="always")"""
SHAPES = ["One closed loop, taller than wide.", "One stroke, at most with a flag and a foot.",
          "A hook that ends in a flat foot.", "Two bows, open to the left.", "An angle and an upright that cross.",
          "A flat roof, and a bow below it.", "A stroke that ends in a loop below.",
          "A flat roof and one slanting stroke.", "Two loops, one above the other.", "A loop above a stroke."]
REAL = PROJECT.format(shapes=SHAPES)
MADE_UP = """from browser.desk import MemoryDesk, drawn
from hitl_widgets.widgets.review import Review
review = Review(MemoryDesk({arguments}))
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


def go_offline(notebook: Notebook) -> None:
    """The network goes, and a few keys later the card says so."""
    notebook.page.add_style_tag(content=".jp-Dialog { display: none !important }")  # JupyterLab's own word on it
    notebook.page.context.set_offline(True)
    for key in ("Enter", "3", "Enter"):
        notebook.page.keyboard.press(key)
    notebook.card.get_by_text("The kernel hasn't answered").wait_for(timeout=60_000)
    notebook.card.focus()


DECIDED = ["Shift+8", "Enter", "Enter", "u", "Enter", "4", "Shift+6", "Enter", "Shift+9", "Enter"]
SCENES: dict[str, Scene] = {
    "light": Scene([REAL, "wb.review()"], DECIDED),
    "dark": Scene([REAL, "wb.review()"], DECIDED, settings=DARK),
    "narrow": Scene([REAL, "wb.review()"], DECIDED[:4], width=560, height=1500),
    "zoomed": Scene([REAL, "wb.review()"], DECIDED[:4], width=640, height=1500, scale=2),
    "blind": Scene([REAL, "wb.review(blind=True)"], ["3", "5", "Shift+4", "7", "2", "ArrowDown"]),
    "labels": Scene([MADE_UP.format(arguments="drawn(60), [f'{genus} {s:03d}' for genus in ('Apis', 'Bombus', 'Osmia', "
                                             "'Andrena') for s in range(250)]")], ["/", *"mia 1"]),
    "broken": Scene([MADE_UP.format(arguments="drawn(60), broken=('item-0000',)")]),
    "offline": Scene([MADE_UP.format(arguments="drawn(60)")], ["Enter", "2"], after=go_offline),
    "signed": Scene([REAL, 'wb.review(explain=["integrated_gradients", "gradcam"])'], [*DECIDED[:3], "m"]),
    "hot": Scene([REAL, "wb.review()"], [*DECIDED[:5], "m", "m", "PageUp"]),
    "revised": Scene([REAL, "wb.review()"], [*DECIDED, "Shift+E", "ArrowLeft", "ArrowLeft", "ArrowLeft"]),
    "reason": Scene([REAL, "wb.review()"], [*DECIDED[:3], "b", *["ArrowLeft"] * 4, *["ArrowDown", "Space"] * 4, "b",
                                            *["ArrowUp", "Space"] * 2]),
    "parts": Scene([REAL, "wb.review()"], [*DECIDED[:3], "b", "p", *["ArrowLeft"] * 4, "Space", "ArrowDown", "Space",
                                           "ArrowDown", "Space", "b", *["ArrowRight"] * 4, "Space", "ArrowUp"]),
    "keys": Scene([MADE_UP.format(arguments="drawn(60)")], ["?"]),
    "temporary": Scene([MADE_UP.format(arguments="drawn(60)")], ["Enter"],
                       env={"BINDER_LAUNCH_HOST": "https://mybinder.org/"}),
    "name": Scene([MADE_UP.format(arguments="annotator='jovyan', annotator_is_default=True")]),
}


def shoot(name: str, scene: Scene, folder: Path) -> Path:
    """Run a scene and keep what the card looks like at its end."""
    path = folder / f"card-{name}.png"
    with tempfile.TemporaryDirectory() as home, Lab(home, viewport=(scene.width, scene.height), settings=scene.settings,
                                                    env=scene.env, scale=scene.scale) as lab:
        notebook = lab.open(f"{name}.ipynb", scene.cells)
        notebook.run_all(300)
        notebook.card.wait_for()
        notebook.page.wait_for_timeout(3000)
        notebook.card.focus()
        for key in scene.keys:
            notebook.page.keyboard.press(key)
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
