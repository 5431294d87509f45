"""A rig at an exchange folder, and adapters on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.common.folder import Jobs
from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import CsvFolderOptions
from tests.adapters.csv_folder.exchange import MOVES, STATUS
from tests.adapters.csv_folder.rigs import FolderRig
from tests.adapters.helpers import EXPERIMENT, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rig(tmp_path: Path, clock: Clock) -> FolderRig:
    return FolderRig(tmp_path / "rig", clock=clock)


@pytest.fixture
def make(tmp_path: Path, clock: Clock, rig: FolderRig) -> Callable[..., CsvFolder]:
    """A new adapter on the same folders."""

    def adapter(*, campaign: str = "lab", parameters: Sequence[str] = (), **options: Any) -> CsvFolder:
        assert rig.folder.exists()
        read = CsvFolderOptions.model_validate({**MOVES, "response": STATUS, **options})
        jobs = Jobs(tmp_path / campaign)
        return CsvFolder(jobs, tmp_path, read, EXPERIMENT.targets, None, clock, parameters=parameters)

    return adapter
