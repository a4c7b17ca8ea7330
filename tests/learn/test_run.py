"""A fine-tuning run: its arguments, its steps without a view, and what it looks like."""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from shades import NAMES, label_some, small_net

from hitl_widgets.errors import BadInput
from hitl_widgets.learn.run import Recipe, Run, finetune, key_of
from hitl_widgets.quality.metrics import Metrics, compare
from hitl_widgets.records import Estimate


@pytest.mark.parametrize(("name", "value"), [
    ("epochs", 0), ("epochs", 2.5), ("epochs", True), ("budget_s", 0), ("budget_s", "long"), ("budget_s", True),
    ("start", "again"), ("adopt", "maybe"), ("reasons", "on"), ("certainty", "high"), ("seed", 1.5), ("seed", True),
    ("backbone_lr_scale", 0), ("backbone_lr_scale", 1.5), ("backbone_lr_scale", "slow"),
    ("lr", 0), ("lr", "low"), ("lr", float("inf")), ("batch_size", 0), ("batch_size", None), ("weight_decay", -0.1),
    ("weight_decay", float("nan")), ("augment", "flip"), ("augment", None), ("min_steps", 0), ("min_steps", 1.5)])
def test_an_argument_that_cannot_be_used_is_refused_with_its_value(name, value):
    with pytest.raises(BadInput, match=f"{name} is {value!r}"):
        Recipe(**{name: value})


@pytest.mark.long
def test_a_script_needs_no_view_and_waits_for_no_library_before_it_is_used():
    """scikit-learn and scipy.stats take more than a second of a core, also where somebody only reads the answers."""
    late = {"IPython", "ipywidgets", "matplotlib", "captum", "sklearn", "scipy.stats", "scipy.optimize"}
    code = f"import sys, hitl_widgets.learn.registry, hitl_widgets.learn.run; print(*{late} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


@pytest.mark.long
def test_a_script_gets_the_same_run_without_progress(bench):
    wb, other = bench(model=small_net()), bench("q", model=small_net())
    for one in (wb, other):
        label_some(one)
    run = finetune(wb.project, wb.registry, Recipe(epochs=2))
    assert run.model == other.finetune(epochs=2).model
    assert run.adopted == (wb.registry.adopted == run.model)


def test_progress_is_opened_with_the_number_of_epochs_and_a_title_and_gets_each_row(bench):
    wb = bench(model=small_net())
    label_some(wb)
    opened, rows = [], []

    @contextmanager
    def progress(epochs, *, title):
        opened.append((epochs, title))
        yield rows.append
        opened.append("closed")
    run = finetune(wb.project, wb.registry, Recipe(epochs=3), progress=progress)
    n_items = run.n_training + run.n_validation
    assert opened == [(3, f"Round 1: learning from {n_items} items"), "closed"]
    assert [row["epoch"] for row in rows] == run.history["epoch"].tolist() == [1, 2, 3]


def made(before_right, after_right, *, n_labels=2, **more):
    """A run of two models that got these items right, of labels in turn."""
    names = more.pop("names", NAMES)[:n_labels]
    before, after = (measured(right, names) for right in (before_right, after_right))
    return Run(before=before, after=after, gain=compare(before_right, after_right) if len(before_right) else
               Estimate(float("nan"), why="there was no model before"), model="ab12", adopted=True, n_training=50,
               history=pd.DataFrame({"epoch": [1, 2]}), stopped_because="done", seconds=2.4, round=3, **more)


def measured(right, names):
    counts = np.zeros((len(names), len(names)), int)
    for item, is_right in enumerate(right):
        label = item % len(names)
        counts[label, label if is_right else (label + 1) % len(names)] += 1
    return Metrics(counts, names, names)


def test_it_is_shown_with_accuracies_gain_and_labels():
    run = made([True] * 60 + [False] * 40, [True] * 90 + [False] * 10, n_validation=9)
    page = run._repr_html_()
    for text in ("Round 3: model ab12, adopted", "60.0% (", "90.0% (", "Gain in accuracy: +30.0 percentage points",
                 "better than the former model", "n = 100", "dark", "light", "chosen on 9 others"):
        assert text in page, text
    assert page.count('class="bar"') == 8  # before and after: accuracy, balanced accuracy, the recall of two labels
    assert page.count('class="interval"') == 4


@pytest.mark.parametrize(("before", "after", "words"), [
    ([True] * 90 + [False] * 10, [True] * 60 + [False] * 40, "worse than the former model."),
    ([True] * 60 + [False] * 40, [True] * 61 + [False] * 39, "neither clearly better nor clearly worse"),
    ([True, False] * 5, [True, True] * 5, "these are few items")])
def test_the_gain_is_said_in_words(before, after, words):
    assert words in made(before, after)._repr_html_()


def test_without_a_model_before_there_is_no_gain():
    page = made([], [True] * 40)._repr_html_()
    assert "Gain: none (there was no model before)." in page
    assert "nan" not in page.lower()


def test_without_measured_items_it_is_shown_all_the_same(bench):
    wb = bench(model=small_net(), holdout=0)
    label_some(wb)
    page = wb.finetune(epochs=1)._repr_html_()
    assert "no hold-out" in page
    assert "nan" not in page.lower()


def test_a_labels_name_is_escaped():
    page = made([True] * 4, [True] * 4, names=["<script>", "b"], taken="<i>")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;i&gt;" in page


def test_one_that_was_not_adopted_says_so():
    run = replace(made([True] * 4, [True] * 4), adopted=False)
    assert "not adopted: the former model stands" in run._repr_html_()
    assert repr(run).startswith("round 3: model ab12, not adopted")


@pytest.mark.parametrize(("candidates", "key"), [
    (None, "8b0c420873484a74a1b110b8038aa876"), ([[True, False], [True, True]], "14fa4d510ff702fbf9c53c8e09cb06fb"),
])
def test_a_run_keeps_the_key_under_which_earlier_versions_logged_it(candidates, key):
    # Both keys were printed by commit fa1687a. Another one would train again what a project's log has already.
    items = SimpleNamespace(item_ids=["a", "b"], targets=np.array([0, 1]), weights=np.array([1, 1], np.float32),
                            label_ids=("L1", "L2"), candidates=None if candidates is None else np.array(candidates))
    data = SimpleNamespace(items=items, reference={}, feedback=None)
    assert key_of(data, Recipe(seed=0), "off") == key


def test_arguments_that_earlier_versions_did_not_have_are_in_the_key_where_they_are_not_the_default():
    items = SimpleNamespace(item_ids=["a"], targets=np.array([0]), weights=np.array([1], np.float32),
                            label_ids=("L1", "L2"), candidates=None, images=[torch.rand(1, 8, 8)])
    data = SimpleNamespace(items=items, reference={}, feedback=None)
    usual = key_of(data, Recipe(), "off")
    assert usual == key_of(data, Recipe(lr=None, batch_size=16, weight_decay=0.05, augment=True), "off")
    shift = [lambda views, generator: views.roll(1, -1), lambda views, generator: views.roll(2, -1)]
    others = [Recipe(**some) for some in ({"lr": 1e-4}, {"batch_size": 8}, {"weight_decay": 0}, {"min_steps": 10},
                                          {"augment": False}, {"augment": shift[0]}, {"augment": shift[1]},
                                          {"epochs": 20}, {"epochs": 3})]
    assert len({usual, *(key_of(data, recipe, "off") for recipe in others)}) == 10
    for wrong in (lambda views, generator: views[..., 1:], lambda views: views):
        with pytest.raises(BadInput, match=r"augment (gave|raised)"):
            key_of(data, Recipe(augment=wrong), "off")


def test_a_run_takes_its_arguments_and_says_how_many_passes_there_were(bench):
    """A large net could be given no learning rate, though the message on a loss of NaN told one to."""
    wb, drawn = bench(model=small_net()), []
    label_some(wb)

    def augment(views, generator):
        drawn.append(len(views))
        return views
    run = wb.finetune(epochs=2, adopt="never", lr=1e-3, batch_size=8, weight_decay=0.0, augment=augment)
    assert run.history["lr"].max() <= 1e-3
    assert set(drawn[1:]) <= {8, 9}
    assert f"in {run.history['step'].iloc[-1]} steps = 2 passes" in repr(run)
    longer = wb.finetune(adopt="never", min_steps=100)
    assert longer.history["step"].iloc[0] == 5
    assert " steps = " in longer._repr_html_()
