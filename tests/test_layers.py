"""The folders' imports: each module imports only what the table in docs/architecture.md allows its folder."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hitl_widgets"
# Above the table: the package's face, and the fakes for tests.
ABOVE = {"", "testing"}
# In these folders only, whatever a row allows.
ALONE = {"ipyannotations": "widgets.ipyannotations"}


class Row(NamedTuple):
    """A row of the table: a folder or file at the root, what it imports of the package, and from elsewhere."""

    name: str
    imports: frozenset[str]
    elsewhere: frozenset[str]


def read_table(page: str) -> list[Row]:
    """The rows of the table in the section "Folders"."""
    section = page.split("## Folders")[1].split("\n## ")[0]
    rows: list[Row] = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            imports = [row.name for row in rows] if cells[2] == "every row above" else re.findall(r"`(\w+)", cells[2])
            rows.append(Row(re.findall(r"`(\w+)", cells[0])[0], frozenset(imports),
                            frozenset(filter(None, re.split(r",\s*", cells[3])))))
    return rows


ROWS = read_table((ROOT / "docs" / "architecture.md").read_text("utf-8"))
BY_NAME = {row.name: row for row in ROWS}
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
           for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"}


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and name of each import, wherever it stands: "numpy", or "hitl_widgets.items.pool" for our own."""
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
    room = module.split(".")[0]
    if room in ABOVE:
        return []
    if room not in BY_NAME:
        return [f"{module} is in no row of docs/architecture.md"]
    found = []
    for line, name in imports(module, source, is_package=is_package):
        top, _, rest = name.partition(".")
        if top == "hitl_widgets":
            allowed = rest.split(".")[0] in BY_NAME[room].imports | {room}
        elif top in ALONE and not module.startswith(ALONE[top]):
            allowed = False
        else:
            allowed = top in BY_NAME[room].elsewhere or top in sys.stdlib_module_names
        if not allowed:
            found.append(f"{module}, line {line}: {room} may not import {name}")
    return found


def test_the_table_has_a_row_for_everything_at_the_root():
    assert {module.split(".")[0] for module in MODULES} - ABOVE == set(BY_NAME)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_only_rows_above_it(row):
    above = [other.name for other in ROWS[:ROWS.index(row)]]
    assert row.imports <= set(above)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_nothing_that_its_modules_do_not_import(row):
    used = {name.partition(".") for module, path in MODULES.items() if module.split(".")[0] == row.name
            for _, name in imports(module, path.read_text("utf-8"), is_package=path.name == "__init__.py")}
    ours = {rest.split(".")[0] for top, _, rest in used if top == "hitl_widgets"} - {row.name}
    if row.name != "workbench":
        assert row.imports == ours
    assert row.elsewhere <= {top for top, _, _ in used}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_what_its_folder_may(module):
    path = MODULES[module]
    assert breaches(module, path.read_text("utf-8"), is_package=path.name == "__init__.py") == []


@pytest.mark.parametrize(("module", "source"), [
    ("records", "import pandas"),
    ("records", "from .taxonomy.labels import Taxonomy"),
    ("taxonomy.labels", "from ..items import pool"),
    ("project.project", "def f():\n    import torch"),
    ("project.project", "from ..learn.predict import NetPredictor"),
    ("items.pool", "from ..storage import log"),
    ("learn.predict", "import captum.attr"),
    ("learn.predict", "from ..widgets import card"),
    ("widgets.card", "import sqlalchemy"),
    ("widgets.card", "import ipyannotations"),
    ("widgets.card", "from hitl_widgets.workbench import Workbench"),
    ("widgets.card", "from hitl_widgets import workbench"),
    ("surprise", ""),
])
def test_a_forbidden_import_is_noticed(module, source):
    assert len(breaches(module, source)) == 1


@pytest.mark.parametrize(("module", "source"), [
    ("edits", "from .taxonomy.labels import Taxonomy"),
    ("explain.attribute", "import captum.attr, torch\nfrom ..learn.predict import NetPredictor\n"
                          "from ..records import Item"),
    ("workbench", "from .widgets.card import Review"),
    ("widgets.ipyannotations.labeller", "import ipyannotations"),
])
def test_an_allowed_import_is_let_through(module, source):
    assert breaches(module, source) == []


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"torch", "ipywidgets", "anywidget", "ipyannotations", "IPython", "pandas", "matplotlib", "scipy",
             "sqlalchemy"}
    code = f"import sys, hitl_widgets; print(*sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


def test_no_environment_is_part_of_the_repository():
    """A checkout would put it in the place of the one that is there."""
    found = subprocess.run(["git", "ls-files", ".venv", "node_modules"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("this isn't a git repository")
    assert found.stdout.split() == [], "take it out of the commit that added it: git rm --cached .venv node_modules"
