"""What the tests share: the data sets that lie beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from checks import SHARED_DATA


def pytest_report_header() -> str:
    found = "found" if SHARED_DATA.is_dir() else "absent: the tests that read it are skipped"
    return f"shared data (../shared/data): {found}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads the shared data, so that `-m data` finds it."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)


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
