"""Is a tenth of the long tests drawn, again by the same seed, and each of them by some seed?"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from scale import drawn

VARIANTS = [f"tests/test_a.py::test_shapes[{n}]" for n in range(45)]
FUNCTIONS = [f"tests/test_b.py::test_{n}" for n in range(500)]


def test_a_tenth_of_each_functions_variants_is_drawn():
    assert {len(drawn(VARIANTS, str(seed))) for seed in range(50)} == {4, 5}
    assert 30 < len(drawn(FUNCTIONS, "a commit")) < 70


def test_a_seed_draws_the_same_and_another_one_others():
    assert drawn(VARIANTS, "a commit") == drawn(VARIANTS[::-1], "a commit") != drawn(VARIANTS, "another")


def test_each_is_drawn_by_some_seed():
    assert set().union(*(drawn([*VARIANTS, *FUNCTIONS], str(seed)) for seed in range(200))) == {*VARIANTS, *FUNCTIONS}


@pytest.mark.long
def test_without_a_seed_all_of_them_run_and_with_one_those_that_it_draws(request):
    def collected(**env: str) -> set[str]:
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
                   "tests/test_every_method_by_task.py"]
        lines = subprocess.run(command, cwd=request.config.rootpath, env=env, capture_output=True, text=True,
                               check=True).stdout.splitlines()
        return {line for line in lines if "::test_a_method_answers" in line}
    others = ("HITL_SEED", "HITL_WHOLE", "PYTEST_ADDOPTS")
    env = {name: value for name, value in os.environ.items() if name not in others}
    every = collected(**env)
    assert collected(**env, HITL_SEED="a commit") == drawn(every, "a commit") < every
    assert collected(**env, HITL_SEED="a commit", HITL_WHOLE="1") == every
