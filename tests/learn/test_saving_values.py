"""Heads for attributes in a model's folder: the script, in a process without the package, says what the workbench says.

The card has what was measured of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ModelError
from hitl_widgets.learn import saved, saved_values
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.standalone import standalone
from hitl_widgets.learn.values_model import ValuesModel

N = 80
INK = hw.Attribute("ink", scale=(0.0, 10.0), sensitive="to show what a | <b>card</b> says")
STEPS = hw.Attribute("steps", scale=(0, 5))
SIDE = hw.Attribute("side", choices=("left", "right"))
RUNNER = """
import importlib.util, json, sys
class Never:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "hitl_widgets":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Never())
spec = importlib.util.spec_from_file_location("load", sys.argv[1] + "/load.py")
module = sys.modules["load"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
model = module.load(**({"preprocess": lambda image: 1 - image[None] / 255} if sys.argv[2] == "function" else {}))
items = json.loads(sys.argv[3])
print(json.dumps([(getattr(model, "values", None) or model)(items), model.told(items[0])]))
"""


def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures with a square, more or less light: the light, and whether the square is at the right."""
    rng = np.random.default_rng(0)
    right, light = np.arange(N) % 2 == 1, rng.uniform(20, 235, N)
    images = rng.normal(0, 2, (N, 24, 24))
    for image, at_right, value in zip(images, right, light, strict=True):
        image[8:16, slice(14, 22) if at_right else slice(2, 10)] += value
    return images.clip(0, 255).astype(np.uint8), light, right


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def files(folder: Path) -> list[str]:
    (folder / "images").mkdir()
    paths = []
    for row, image in enumerate(pictures()[0]):
        paths.append(str(folder / "images" / f"{row:02}.png"))
        Image.fromarray(image).save(paths[-1])
    return paths


def answered(wb: hw.Workbench, **labels: bool) -> hw.Workbench:
    _, light, right = pictures()
    for position, item_id in enumerate(wb.pool.ids[:60]):
        value, side = float(light[position]), "right" if right[position] else "left"
        wb.decide(str(item_id), values={"ink": value / 25, "steps": min(5, round(value / 50)), "side": side},
                  **({"label": "bright" if value > 127 else "dark"} if labels else {}))
    BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify).learn()
    return wb


@pytest.fixture(scope="module")
def alone(folder: Path, files: list[str]) -> Iterator[hw.Workbench]:
    taxonomy = hw.Taxonomy(attributes=[INK, STEPS, SIDE])
    with hw.Workbench(folder / "alone", hw.Pool.from_images(files), taxonomy, task="scale", annotator="ada",
                      holdout=0.0, progress=False) as wb:
        yield answered(wb)


@pytest.fixture(scope="module")
def beside(folder: Path, files: list[str]) -> Iterator[hw.Workbench]:
    taxonomy = hw.Taxonomy(["dark", "bright"], attributes=[INK, STEPS, SIDE])
    with hw.Workbench(folder / "beside", hw.Pool.from_images(files), taxonomy, annotator="ada", holdout=0.0,
                      progress=False) as wb:
        yield answered(wb, labels=True)


def run(saved: Path, items: list[str], preprocess: str = "") -> Any:
    """What the script of a folder says of items: their values, and all of the first item, ready for JSON."""
    done = subprocess.run([sys.executable, "-I", "-c", RUNNER, str(saved), preprocess, json.dumps(items)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def agree(said: list[dict[str, Any]], table: pd.DataFrame) -> None:
    """Whether a script's values are those of a table with a row for each item and attribute."""
    flat = [(one["value"], one.get("low"), one.get("high")) for of_item in said for one in of_item.values()]
    assert len(flat) == len(table)
    for found, expected in zip(flat, table[["value", "low", "high"]].itertuples(index=False), strict=True):
        for a, b in zip(found, expected, strict=True):
            if isinstance(b, str) or a is None:
                assert a == b or pd.isna(b)
            else:
                assert a == pytest.approx(float(b), abs=2e-3, nan_ok=True)


def test_heads_alone_are_saved_and_say_the_same_without_the_package(
        alone: hw.Workbench, files: list[str], tmp_path: Path) -> None:
    saved = alone.model().save(tmp_path / "m")
    assert {path.name for path in saved.iterdir()} == {"values.safetensors", "model.json", "README.md", "load.py"}
    said, told = run(saved, files[60:66])
    expected = alone.predict_values().set_index("item_id").loc[alone.pool.ids[60:66].tolist()].reset_index()
    agree(said, expected)
    assert told == said[0]
    assert set(told["steps"]["probs"]) == {"0", "1", "2", "3", "4", "5"}
    assert sum(told["side"]["probs"].values()) == pytest.approx(1)
    assert isinstance(told["steps"]["value"], int)


@pytest.mark.long
def test_heads_beside_labels_are_saved_with_them(beside: hw.Workbench, files: list[str], tmp_path: Path) -> None:
    saved = beside.model().save(tmp_path / "m")
    said, told = run(saved, files[60:66])
    agree(said, beside.predict_values().set_index("item_id").loc[beside.pool.ids[60:66].tolist()].reset_index())
    assert told["values"] == said[0]
    assert list(told["probs"].values()) == pytest.approx(beside.model()(files[60:61])[0].tolist(), abs=1e-4)
    config = json.loads((saved / "model.json").read_text())
    assert [one["name"] for one in config["values"]["attributes"]] == ["ink", "steps", "side"]
    before = {path.name: path.read_bytes() for path in saved.iterdir() if path.is_file()}
    beside.model().save(saved, overwrite=True)
    assert {path.name: path.read_bytes() for path in saved.iterdir() if path.is_file()} == before


@pytest.mark.long
def test_the_script_prints_the_values_on_the_command_line(
        beside: hw.Workbench, files: list[str], tmp_path: Path) -> None:
    saved = beside.model().save(tmp_path / "m")
    done = subprocess.run([sys.executable, str(saved / "load.py"), files[60]], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["says"]["values"]) == {"ink", "steps", "side"}


@pytest.mark.long
def test_heads_of_texts_are_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stars = rng.integers(0, 6, 60)
    texts = [" ".join([*rng.choice(["great", "fine"], n), *rng.choice(["awful", "poor"], 5 - n), f"number {row}"])
             for row, n in enumerate(stars)]
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), hw.Taxonomy(attributes=[
            hw.Attribute("stars", scale=(0, 5))]), task="scale", holdout=0.0, progress=False) as wb:
        for row in range(50):
            wb.decide(str(row), values={"stars": int(stars[row])})
        BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify).learn()
        said, _ = run(wb.model().save(tmp_path / "m"), texts[50:54])
        agree(said, wb.predict_values().set_index("item_id").loc[["50", "51", "52", "53"]].reset_index())


@pytest.mark.long
def test_heads_of_texts_are_saved_beside_each_net_of_texts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stars = rng.integers(0, 6, 60)
    texts = [" ".join([*rng.choice(["great", "fine"], n), *rng.choice(["awful", "poor"], 5 - n), f"number {row}"])
             for row, n in enumerate(stars)]
    taxonomy = hw.Taxonomy(["good", "bad"], attributes=[hw.Attribute("stars", scale=(0, 5))])
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(texts), taxonomy, holdout=0.0, progress=False) as wb:
        for row in range(50):
            wb.decide(str(row), label="good" if stars[row] > 2 else "bad", values={"stars": int(stars[row])})
        BackgroundLearning(wb.project, lambda: wb.registry, notify=wb.project.notify).learn()
        said, told = run(wb.model().save(tmp_path / "m"), texts[50:54])
        agree(said, wb.predict_values().set_index("item_id").loc[["50", "51", "52", "53"]].reset_index())
        assert list(told["probs"].values()) == pytest.approx(wb.model()(texts[50:51])[0].tolist(), abs=1e-4)
    of_values = [(saved_values.__name__, name) for name in ("with_values", "TextValues", "values_of_texts",
                                                            "text_view_of_values")]
    for net in ("additive_texts", "cnn_of_texts", "average_texts"):  # no two parts have a name in common
        for view in ("text_view", "function_of_texts"):
            compile(standalone(*((saved.__name__, name) for name in ("TextLabeller", net, view, "text_in")),
                               *of_values), "load.py", "exec")


@pytest.mark.long
def test_the_view_may_be_a_function_of_yours(files: list[str], tmp_path: Path) -> None:
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(files), hw.Taxonomy(attributes=[INK, STEPS, SIDE]),
                      preprocess=lambda image: 1 - image[None] / np.float32(255), task="scale", holdout=0.0,
                      progress=False) as wb:
        saved = answered(wb).model().save(tmp_path / "m")
        agree(run(saved, files[60:62], "function")[0],
              wb.predict_values().set_index("item_id").loc[wb.pool.ids[60:62].tolist()].reset_index())


def test_a_model_of_values_is_called_on_items_and_gives_a_table(alone: hw.Workbench, beside: hw.Workbench,
                                                                files: list[str]) -> None:
    model = alone.model()
    assert isinstance(model, ValuesModel)
    assert model.attributes == ["ink", "steps", "side"]
    table = model([Image.open(path) for path in files[60:63]])
    assert list(table.columns) == ["item_id", "attribute", "value", "low", "high"]
    agree([of_item.set_index("attribute").to_dict("index") for _, of_item in table.groupby("item_id")],
          alone.predict_values().set_index("item_id").loc[alone.pool.ids[60:63].tolist()].reset_index())
    assert alone.model(model.version[:6]).version == model.version
    assert beside.model().values.attributes == model.attributes
    with pytest.raises(BadInput, match="no heads have a version"):
        alone.model("nowhere")
    with pytest.raises(BadInput, match="these are texts"):
        model(hw.Pool.from_texts(["a text"]))


def test_without_heads_a_word_says_how_they_are_made(files: list[str], tmp_path: Path) -> None:
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(files), hw.Taxonomy(attributes=[INK]), task="scale",
                      progress=False) as wb, pytest.raises(ModelError, match="some 20 answers"):
        wb.model()


def test_the_card_says_what_was_measured_and_what_was_not(
        alone: hw.Workbench, files: list[str], tmp_path: Path) -> None:
    text = (alone.model().save(tmp_path / "m") / "README.md").read_text()
    assert "learnt in the background" in text
    assert "| steps | 0 to 5, whole steps | not measured | mean absolute error" in text
    assert "| side | left, right | not measured | 60 of 60 right |" in text
    assert r"to show what a \| &lt;b&gt;card&lt;/b&gt; says" in text
    assert "no estimate for the pool" in text
    _, light, _ = pictures()
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(files), hw.Taxonomy(attributes=[STEPS]), task="scale",
                      progress=False) as wb:
        for position, item_id in enumerate(wb.pool.ids.tolist()):
            if item_id in wb.holdout:
                seen = {"hidden": True, "chosen_by": "holdout"}
                wb.decide(item_id, values={"steps": min(5, round(light[position] / 50))}, seen=seen)
            else:
                wb.decide(item_id, values={"steps": min(5, round(light[position] / 50))})
        wb.finetune()
        text = (wb.model().save(tmp_path / "measured") / "README.md").read_text()
    assert "| mean absolute error 0." in text
    assert "Measured on the hold-out" in text
