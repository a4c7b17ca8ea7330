"""Does every module import only what its layer may?

`LAYERS` is the table in docs/architecture.md: a module imports its own row and those with a smaller number.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hitl_widgets"


class Layer(NamedTuple):
    """A row: its number, its modules (a folder stands for all in it), and what it may import from elsewhere.

    It imports its own line, and rows with a smaller number than `below`, its own if nothing else is said.
    """

    row: int
    modules: set[str]
    third_party: set[str]
    below: int | None = None

    def may_import(self, other: Layer) -> bool:
        return other is self or other.row < (self.row if self.below is None else self.below)


MATHEMATICS = {"numpy", "scipy", "pandas", "sklearn", "skimage", "PIL"}
LEARNING = {"numpy", "scipy", "pandas", "PIL", "torch", "safetensors", "tqdm"}
# ipywidgets stands on traitlets and comm.
VIEWS = {"numpy", "pandas", "PIL", "tqdm", "ipywidgets", "traitlets", "comm", "anywidget", "IPython", "matplotlib"}

LAYERS = [
    Layer(0, {"errors", "records"}, {"numpy"}),
    Layer(1, {"taxonomy", "reading", "edits", "changes", "differences", "events", "lineage", "undo", "rebase"},
          {"numpy", "yaml"}),
    Layer(2, {"sampling", "coverage", "strategies", "queue", "given", "answers", "intervals", "overlay",
             "superpixels", "examples", "features", "relabelling", "quality", "trust", "folds", "curves",
             "clusters", "census", "second_looks"}, MATHEMATICS),
    Layer(2, {"store", "tables", "copies", "lock"}, {"sqlalchemy"}),
    Layer(2, {"pool", "images"}, {"numpy", "pandas", "PIL"}),
    Layer(3, {"learn"}, LEARNING),
    # The spine knows predictors and explainers by their protocols in `records`, so that fakes serve in tests.
    Layer(4, {"project", "standing", "contents", "choosing", "iteration", "relabel", "proposal", "presuming",
             "predictions", "maps", "yardstick", "imports", "simulation", "report", "ledger", "others"},
          MATHEMATICS, below=3),
    Layer(5, {"widgets"}, VIEWS),
    Layer(6, {"workbench", "archive", "rounds", "shelf", "explanations", "flips", "marks", "looks", "believing",
             "worth", "calibration"},
          LEARNING | VIEWS),
]

# In these modules only, whatever the row of others allows.
ALONE = {"captum": {"learn.attribute", "learn.check"}, "ipyannotations": {"widgets.ipyannotations"}}

MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
           for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"}


def layer_of(module: str) -> Layer | None:
    return next((layer for layer in LAYERS if module.split(".")[0] in layer.modules), None)


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and name of all that is imported, wherever it stands: "numpy", or "hitl_widgets.pool" for our own."""
    here = ["hitl_widgets", *module.split("."), *([""] if is_package else [])]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = ".".join([*here[:-node.level], *filter(None, [node.module])] if node.level else [str(node.module)])
            # `from . import pool` names modules; `from .pool import Pool` names one.
            yield from ((node.lineno, f"{home}.{alias.name}" if home == "hitl_widgets" else home)
                        for alias in (node.names if home == "hitl_widgets" else node.names[:1]))


def breaches(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """What this module imports and may not, as sentences."""
    layer = layer_of(module)
    if layer is None:
        return [f"{module} is in no layer: give it a row here and in docs/architecture.md"]
    found = []
    for line, name in imports(module, source, is_package=is_package):
        top, _, rest = name.partition(".")
        if name == "hitl_widgets.__version__":
            continue
        if top == "hitl_widgets":
            other = layer_of(rest)
            allowed = other is not None and layer.may_import(other)
        elif top in ALONE:
            allowed = module in ALONE[top]
        else:
            allowed = top in layer.third_party or top in sys.stdlib_module_names
        if not allowed:
            found.append(f"{module}, line {line}: row {layer.row} may not import {name}")
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_its_layer_may(module):
    path = MODULES[module]
    assert breaches(module, path.read_text(), is_package=path.name == "__init__.py") == []


@pytest.mark.parametrize(("module", "source"), [
    ("records", "import pandas"),
    ("records", "from .taxonomy import Taxonomy"),
    ("taxonomy", "from . import pool"),
    ("project", "def f():\n    import torch"),
    ("project", "from .learn.predict import NetPredictor"),
    ("pool", "from . import store"),
    ("learn.predict", "import captum.attr"),
    ("learn.predict", "from ..widgets import card"),
    ("widgets.review", "import sqlalchemy"),
    ("widgets.card", "from hitl_widgets.workbench import Workbench"),
    ("widgets.card", "from hitl_widgets import workbench"),
    ("surprise", ""),
])
def test_a_forbidden_import_is_noticed(module, source):
    assert len(breaches(module, source)) == 1


@pytest.mark.parametrize(("module", "source"), [
    ("edits", "from .taxonomy import Taxonomy"),
    ("learn.attribute", "import captum.attr, torch\nfrom .predict import NetPredictor\nfrom ..records import Item"),
    ("workbench", "from .widgets.review import Review"),
])
def test_an_allowed_import_is_let_through(module, source):
    assert breaches(module, source) == []


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"torch", "ipywidgets", "anywidget", "ipyannotations", "IPython", "pandas", "matplotlib", "scipy",
             "sqlalchemy"}
    code = f"import sys, hitl_widgets; print(*sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
