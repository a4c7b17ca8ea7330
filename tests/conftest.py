"""What the tests share: data sets beside the repository, a PostgreSQL server, a project to label, digits, threads."""

from __future__ import annotations

import copy
import gc
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before torch is loaded: the tests' nets are so small that a second thread only waits for the first, and the checks run
# two processes side by side. What the tests start (kernels, scripts) inherits it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import postgres_server
import pytest
from checks import SHARED_DATA
from hypothesis import HealthCheck, settings
from places import DATABASES, Place
from scale import SEED, drawn

# A busy machine fails no test.
settings.register_profile("any pace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any pace")


def pytest_report_header() -> str:
    found = "found" if SHARED_DATA.is_dir() else "absent: the tests that read it are skipped"
    long = f"a tenth of them, drawn with HITL_SEED={SEED}" if SEED else "all of them"
    return f"shared data (../shared/data): {found}\nlong tests: {long}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what reads the shared data, so that `-m data` finds it; of the long tests keep those that the seed draws."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)
    long = [item for item in items if item.get_closest_marker("long")]
    for item in long:
        item.add_marker(pytest.mark.slow)
    if SEED:
        kept = drawn([item.nodeid for item in long], SEED)
        left_out = [item for item in long if item.nodeid not in kept]
        config.hook.pytest_deselected(items=left_out)
        out = set(left_out)
        items[:] = [item for item in items if item not in out]


def pytest_collection_finish() -> None:
    """Leave the modules, which stay, out of each search for cycles."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    reason = "reads ../shared/data, which is not on this machine"
    # CI counts on the data; a machine that has no ../shared at all never had them.
    if os.environ.get("CI") and SHARED_DATA.parent.is_dir():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """A PostgreSQL server that the tests of one process share; each takes a project of its own: `new_project_url`."""
    if not postgres_server.programs():
        if os.environ.get("CI"):
            pytest.fail(postgres_server.ABSENT)
        pytest.skip(postgres_server.ABSENT)
    with postgres_server.Server() as server:
        yield server


@pytest.fixture(params=DATABASES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Places for projects; a test that takes it runs twice, with folders and with a PostgreSQL server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # for the files of projects on a server
    return Place(tmp_path, request.getfixturevalue("postgres") if request.param == "postgres" else None)


@pytest.fixture
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Places for projects, as `Project` and `Workbench` take them: folders, and a server's for tests `on_both`."""
    is_server = getattr(request, "param", "sqlite") == "postgres"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = Place(tmp_path, request.getfixturevalue("postgres") if is_server else None)
    return lambda name="p": str(place(name))


@pytest.fixture(scope="session", autouse=True)
def fitted_once() -> Iterator[None]:
    """Projects on the same pool share one fit of its descriptors, half a second each: the same views give the same."""
    if "torch" not in sys.modules:  # these tests have no models
        yield
        return
    from hitl_widgets.learn.descriptors import fit_descriptors
    fitted = dict[bytes, Any]()

    def once(views: Any, *, of_own_size: Any = None, **more: Any) -> Any:
        digest = hashlib.blake2b(repr(sorted(more.items())).encode())
        for view in (*views, *(of_own_size or ())):
            digest.update(repr(view.shape).encode() + view.contiguous().numpy().tobytes())
        key = digest.digest()
        if key not in fitted:
            fitted[key] = fit_descriptors(views, of_own_size=of_own_size, **more)
        return copy.deepcopy(fitted[key])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hitl_widgets.learn.pool_descriptors.fit_descriptors", once)
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens workbenches on the pool of `shades` in a folder of the test's own, and closes them."""
    from shades import NAMES, POOL

    import hitl_widgets as hw
    opened = []

    def opening(folder: str = "p", *, pool: Any = POOL, taxonomy: Any = NAMES, annotator: str = "ada",
                **more: Any) -> Any:
        opened.append(hw.Workbench(tmp_path / folder, pool, None if taxonomy is None else hw.Taxonomy(taxonomy),
                                   annotator=annotator, **more))
        return opened[-1]
    yield opening
    for workbench in opened:
        workbench.close()


@pytest.fixture(scope="session")
def digits() -> tuple[Any, Any]:
    """Three of scikit-learn's digits, 8 x 8: images, targets."""
    import torch
    from sklearn.datasets import load_digits
    data = load_digits(n_class=3)
    return torch.from_numpy(data.images[:, None] / 16).float(), torch.from_numpy(data.target)
