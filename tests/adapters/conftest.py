"""What tests of executors wait for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that jobs wait for; opened in the end, so that none is left behind."""
    path = tmp_path / "gate.open"
    yield path
    path.touch()
