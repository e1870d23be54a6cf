"""Skip the tests that this machine cannot run: shared data, a browser, a GPU."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = set()
    if not SHARED.is_dir():
        lacking.add("data")
    if CHROMIUM is None:
        lacking.add("browser")
    if not (os.path.exists("/dev/nvidia0") or os.path.exists("/dev/nvidiactl")):
        lacking.add("gpu")
    skipped = [item for item in items if any(item.get_closest_marker(name) for name in lacking)]
    if skipped:
        config.hook.pytest_deselected(items=skipped)
        items[:] = [item for item in items if item not in skipped]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data made by others (mark the test `data`)."""
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium to drive (mark the test `browser`)."""
    assert CHROMIUM is not None
    return CHROMIUM
