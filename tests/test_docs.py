"""The documents: what they say is true of the code, and every public name is in them."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from operator import attrgetter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres_server import Server, programs

import hitl_widgets
import hitl_widgets as hw
import hitl_widgets.errors
import hitl_widgets.workbench

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PATH = ARCHITECTURE.split("## The path of one label")[1].split("\n## ")[0]
NAMES = sorted(set(re.findall(r"`([A-Za-z_]+(?:\.(?!js)[A-Za-z_]+)?)`", PATH)))


@pytest.fixture(scope="module")
def known():
    """Every module, and every class and function of each, by the last part of its name."""
    found = defaultdict(list)
    for info in pkgutil.walk_packages(hitl_widgets.__path__, "hitl_widgets."):
        module = importlib.import_module(info.name)
        found[info.name.rpartition(".")[2]].append(module)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == info.name:
                found[name].append(value)
    return found


def test_the_path_of_a_label_is_written_down():
    assert len(NAMES) > 25


def test_no_function_is_met_twice_on_the_path_of_one_label():
    rows = PATH.split("\nA taxonomy edit")[0].splitlines()
    met = [name for row in rows if row.startswith("|") for name in re.findall(r"`([^`]+)`", row.split("|")[2])]
    assert len(met) > 80
    assert [name for name in met if met.count(name) > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_function_on_the_path_of_a_label_exists(known, name):
    holder, _, member = name.partition(".")
    if name == "stored":   # the reply to the browser
        return
    assert any(not member or hasattr(value, member) for value in known[holder])


@pytest.mark.parametrize("file", re.findall(r"`([a-z/]+\.js)", PATH))
def test_each_script_on_the_path_of_a_label_exists(file):
    assert (ROOT / "hitl_widgets" / "widgets" / "js" / file).exists()


@pytest.mark.slow
def test_the_readmes_example_runs():
    example, *others = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(example.strip().splitlines()) <= 16
    done = subprocess.run([sys.executable, "-W", "error::FutureWarning", "-c", "".join([example, *others])],
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "accuracy after" in done.stdout


def test_the_examples_of_the_guide_on_attributes_run(capsys):
    names = {}
    for example in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "attributes.md").read_text("utf-8"), re.DOTALL):
        exec(example, names)
    assert names["wb"].annotations()["labels"].tolist() == [("brick", "fur"), (), None]
    assert len(names["wb"].labels_table()) == 10
    assert names["photographs"].values()["attribute"].tolist() == ["blur", "side", "blur", "covered"]
    assert "brick" in capsys.readouterr().out
    for name in ("wb", "photographs"):
        names[name].close()


@pytest.mark.long
def test_the_examples_of_the_guide_on_models_of_ones_own_run():
    names = {}
    for example in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "models.md").read_text("utf-8"), re.DOTALL):
        exec(example, names)
    assert names["run"].taken.startswith("Pipeline, fitted anew on the pool's descriptors")
    assert names["fitted"] is not names["classifier"]
    for name in ("wb", "own"):
        names[name].close()


@pytest.mark.long
@pytest.mark.slow
def test_the_examples_of_the_guide_on_texts_run():
    names = {}
    for example in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "text.md").read_text("utf-8"), re.DOTALL):
        exec(example, names)
    assert names["notes"].objects().query("item_id == '1'")[["start", "end"]].to_numpy().tolist() == [[0, 4]]
    assert [len(names[name].explain("0").maps) for name in ("wb", "own", "theirs")] == [1, 1, 1]
    for name in ("wb", "notes", "own", "theirs"):
        names[name].close()


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL)


def test_the_examples_of_the_guide_to_teams_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pool = hw.Pool.from_texts(["one", "two", "three"], ids=["a", "b", "c"])
    names: dict[str, Any] = {"hw": hw, "pool": pool}
    one_folder, begin, join, settle = blocks("teams.md", "python")
    exec(one_folder.replace("/srv/labels/cells", "shared"), names)
    names["wb"].close()
    exec(begin, names)
    shutil.copytree("cells", "cells-second-desk")
    for folder, annotator, name in (("cells-second-desk", "ben", "debris"), ("cells", "ada", "rest")):
        names["wb"] = hw.Workbench(folder, pool, annotator=annotator)
        names["wb"].apply(hw.edits.rename("other", name))
        if annotator == "ben":
            names["wb"].close()
    exec(join, names)
    assert str(names["joined"]).startswith("1 event is new here, 2 were here already. 1 edit of the taxonomy")
    exec(settle, names)
    assert names["wb"].taxonomy.names == ("round", "long", "rest")
    assert names["wb"].edits.unsettled().empty
    names["wb"].close()


def test_the_examples_of_the_guide_to_privacy_run():
    names = {}
    for example in blocks("privacy.md", "python"):
        exec(example, names)
    assert set(names["wb"].annotations()["annotator"]) == {names["done"].number}
    names["wb"].close()


@pytest.mark.parametrize("page", ["servers.md", "jupyterhub.md"])
def test_the_database_of_a_guide_belongs_to_the_team_and_can_be_restored(page, tmp_path):
    pool = hw.Pool.from_texts(["one", "two", "three"], ids=["a", "b", "c"])
    making = blocks(page, "(?:sql|text)")[0]
    statements = [line.split("--")[0].strip() for line in making.splitlines() if line[:1] not in "\\"]
    statements = list(filter(None, statements))
    if not any("role ben" in line.lower() for line in statements):
        statements += [line.replace("ann", "ben") for line in statements if " ann " in line]
    with Server() as server:
        server.execute(*statements)

        def open_(user, *taxonomy):
            return hw.Workbench(server.url("cells", user=user, database="labels"), pool, *taxonomy, annotator=user,
                                holdout=0, cache=tmp_path / user)

        open_("ann", ["yes", "no"]).close()
        with open_("ben") as wb:
            wb.decide("a", label="yes")
            assert not wb.people.forget("ben").not_reached["what"].str.contains("free space").any()
        dump, restore = re.findall(r"^(pg_(?:dump|restore)) (.*)$", (ROOT / "docs" / "servers.md").read_text("utf-8"),
                                   re.MULTILINE)
        bin = next(iter(programs().values()))
        for program, arguments in (dump, restore):
            words = arguments.replace("db.example.org", server.host).replace("cells.dump", str(tmp_path / "cells.dump"))
            subprocess.run([bin / program, f"--port={server.port}", *words.replace("ann", "ben").split()], check=True,
                           timeout=60)
            if program == "pg_dump":
                with psycopg.connect(**{**server.connection(), "user": "ann", "dbname": "labels"}) as conn:
                    conn.execute("ALTER SCHEMA hitl_cells RENAME TO hitl_cells_old")
        with open_("ann") as wb:
            assert len(wb.annotations()) == 1


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))],
                         ids=lambda page: page.name)
def test_an_example_imports_only_what_it_uses(page):
    for example in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        nodes = list(ast.walk(ast.parse(example)))
        imported = {(alias.asname or alias.name).partition(".")[0] for node in nodes
                    if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
        assert imported <= {node.id for node in nodes if isinstance(node, ast.Name)}


REFERENCE = set(re.findall(r"^\.\. (?:auto(?:class|function|exception)|py:data):: hitl_widgets\.(\S+)",
                          (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE))
GUIDES = "\n".join(path.read_text("utf-8") for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("notebooks/*.ipynb")]
                   if path.name not in ("api.md", "architecture.md", "index.md"))
ERRORS = [name for name, value in vars(hitl_widgets.errors).items()
          if isinstance(value, type) and value.__module__ == "hitl_widgets.errors"]
PUBLIC = [*(name for name in hitl_widgets.__all__ if name not in ("__version__", "edits", "errors")),
          *(f"edits.{name}" for name in hitl_widgets.edits.__all__ if name not in ERRORS),
          *(f"errors.{name}" for name in ERRORS)]
HOLDERS = ("Workbench", "workbench.models.Models", "workbench.edits.Edits", "workbench.people.People")
METHODS = [f"{holder}.{name}" for holder in HOLDERS
           for name, value in vars(attrgetter(holder)(hitl_widgets)).items()
           if not name.startswith("_") and not isinstance(value, property)]


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_in_the_reference(name):
    assert name in REFERENCE


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_the_reference_names_what_there_is(name):
    holder, _, member = f"hitl_widgets.{name}".rpartition(".")
    if name in hitl_widgets.__all__:
        assert getattr(hitl_widgets, name).__doc__
    else:
        assert hasattr(importlib.import_module(holder), member)


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.startswith("errors.")] + METHODS)
def test_each_public_name_is_in_a_guide(name):
    assert re.search(rf"\b{name.rpartition('.')[2]}\b", GUIDES)


@pytest.mark.parametrize("name", METHODS)
def test_each_public_method_has_a_docstring_by_which_the_reference_finds_it(name):
    assert inspect.getdoc(attrgetter(name)(hitl_widgets))


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
                         ids=lambda page: page.name)
def test_links_in_the_documents_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_page_about_the_card_names_every_action_that_a_key_can_do():
    actions = json.loads((ROOT / "hitl_widgets" / "widgets" / "js" / "keys" / "card.json").read_text("utf-8"))
    page = (ROOT / "docs" / "card.md").read_text("utf-8")
    [said] = re.findall(r"The actions are (.*?)\.\sA\slabel's", page, re.DOTALL)
    assert re.findall(r"`(\w+)`", said) == list(actions)
