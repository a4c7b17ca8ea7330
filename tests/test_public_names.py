"""Do the names that scripts outside the project call exist, with the parameters that they pass?

`CONTRACT` is what was promised, written as Python. An implementation may take more, if what it adds is optional. A
`/` stands after a parameter whose name was not promised, only its place.
"""

from __future__ import annotations

import importlib.util
import inspect
import types
from dataclasses import fields
from inspect import Parameter

import pytest

import hitl_widgets as hw
from hitl_widgets import workbench

CONTRACT = """
class Pool:
    def from_images(images, ids=None, meta=None): ...
    def from_frame(df, image="path", id="id"): ...

class Taxonomy:
    def __init__(self, labels, /): ...
    def from_yaml(path, /): ...

class Workbench:
    def __init__(self, folder, /, pool=None, taxonomy=None, *, model=None, preprocess=None, device="auto",
                 annotator=None, holdout=0.2, annotators_per_item=1, seed=0, purpose=None, names=None, arms=None): ...
    def decide(self, item_id, verdict=None, *, label=None, certainty=None, note=None, flags=(), seen=None, id=None,
               annotator=None): ...
    def retract(self, decision_id, /): ...
    def next(self, n, /, *, queue=None): ...
    def claim(self, n, /): ...
    def review(self, n=None, strategy=None, explain="gradcam", blind=False, certainty="keep", keys=None,
               view=None, *, queue=None, arms=None): ...
    def predict(self, n=None, budget_s=None): ...
    def probs(self): ...
    def finetune(self, epochs=None, budget_s=None, start="adopted", adopt="better", seed=None, *,
                 reasons="auto", certainty="weight"): ...
    def explain(self, item_ids, method="gradcam", target=None): ...
    def check_explanations(self, methods=None, n=24): ...
    def models(self): ...
    def adopt(self, version_or_net, /): ...
    def model(self, version=None): ...
    def training_set(self): ...
    def annotations(self, taxonomy=None): ...
    def preview(self, edit, /): ...
    def apply(self, edit, /, why=None, base=None): ...
    def revert(self, edit_id, /): ...
    def relabel_queue(self): ...
    def history(self): ...
    def consensus(self): ...
    def gold(self, answers, /): ...
    def import_annotations(self, df, /, annotator="import"): ...
    def archive(self, path, /): ...
    def from_archive(path, folder, /): ...

class People:
    def policy(self): ...
    def set(self, *, purpose=None, arms=None, repeats=None, rare=None, pairs=None, gold_by=None): ...
    def consent(self, yes=None, /): ...

class Preprocess:
    def __init__(self, size, /, *, fit="stretch", mean=None, std=None): ...

class edits:
    def rename(label, /, to): ...
    def merge(labels, /, into): ...
    def split(label, /, into, *, keep_parent=False): ...
    def add(label, /, under=None, *, like=()): ...
    def retire(label, /, to=None): ...
    def move(label, /, under): ...

def simulate(wb, truth, n=200, error=0.05, bias=0.0, annotator="sim", seed=0): ...
"""


def promised() -> dict[str, types.FunctionType]:
    names: dict[str, object] = {}
    exec(CONTRACT, names)
    flat: dict[str, types.FunctionType] = {}
    for name, value in names.items():
        if isinstance(value, type):
            flat |= {f"{name}.{method}": function for method, function in vars(value).items()
                     if isinstance(function, types.FunctionType)}
        elif isinstance(value, types.FunctionType):
            flat[name] = value
    return flat


def as_called(function: object) -> list[Parameter]:
    return [p for p in inspect.signature(function).parameters.values() if p.name != "self"]


@pytest.mark.parametrize(("name", "contract"), promised().items(), ids=promised())
def test_a_public_name_takes_what_was_promised(name, contract):
    function = workbench if name.startswith("People.") else hw
    for part in name.split("."):
        function = getattr(function, part)
    given, wanted = as_called(function), as_called(contract)
    by_name = {p.name: p for p in given}
    by_place = [p for p in given if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]

    for place, parameter in enumerate(wanted):
        if parameter.kind is not Parameter.KEYWORD_ONLY:
            assert place < len(by_place), f"{parameter.name} can't be given by its place"
        if parameter.kind is Parameter.POSITIONAL_ONLY:
            continue
        assert parameter.name in by_name, f"{parameter.name} can't be given by its name"
        found = by_name[parameter.name]
        assert found.kind is not Parameter.POSITIONAL_ONLY
        assert found.default == parameter.default
        if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
            assert by_place[place] is found, f"{parameter.name} is at another place"

    promised_names = {p.name for p in wanted} | {p.name for p in by_place[:len(wanted)]}
    assert [p.name for p in given if p.name not in promised_names and p.default is Parameter.empty
            and p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)] == []


def test_what_a_decision_tells_is_there():
    assert {"id", "verdict", "label", "acted_at"} <= {field.name for field in fields(hw.Decision)}


def test_an_item_of_a_queue_has_an_id():
    assert hw.Items([hw.Item(id="cat.png", position=0)])[0].id == "cat.png"


@pytest.mark.parametrize("name", hw.__all__)
def test_every_name_that_the_package_lists_is_there(name):
    assert getattr(hw, name) is not None


@pytest.mark.parametrize("name", sorted(set(hw.__all__) - {"__version__", "edits", "errors"}))
def test_no_module_takes_the_place_of_a_public_name_once_it_is_imported(name):
    assert importlib.util.find_spec(f"hitl_widgets.{name}") is None
