"""What tests of executors wait for, and the program that judges plans for robots."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adapters.forking import Forking

ROOT = Path(__file__).parents[2]
SIMULATOR = ROOT / ".opentrons/bin/opentrons_simulate"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that jobs wait for; opened in the end, so that none is left behind."""
    path = tmp_path / "gate.open"
    yield path
    path.touch()


@pytest.fixture
def kept_open(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Says of which file a program keeps others from reading it, until ``monkeypatch`` is undone."""
    read = Path.read_bytes

    def keep(locked: Path) -> None:
        def read_bytes(path: Path) -> bytes:
            if path == locked:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return read(path)

        monkeypatch.setattr(Path, "read_bytes", read_bytes)

    return keep


@pytest.fixture(scope="session")
def opentrons_simulator() -> Path:
    """Opentrons' own program."""
    if not SIMULATOR.is_file():
        pytest.skip(f"Opentrons' simulator is not at {SIMULATOR}; make opentrons installs it")
    return SIMULATOR


@pytest.fixture(scope="session")
def simulator(opentrons_simulator: Path) -> Iterator[Path]:
    """The same, started once for all tests that ask for it."""
    started = Forking(opentrons_simulator.with_name("python"), "opentrons.simulate", "opentrons.simulate")
    yield started.program
    started.close()


@pytest.fixture(scope="session")
def bench_worker() -> Iterator[Path]:
    """The program that checks and plays runs of a bench that PyLabRobot drives, started once for all tests."""
    module = "adapters.pylabrobot.worker"
    started = Forking(Path(sys.executable), module, module, "pylabrobot.liquid_handling", path=ROOT)
    yield started.program
    started.close()
