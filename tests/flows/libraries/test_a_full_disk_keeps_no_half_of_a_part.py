"""What a build could not write for want of room takes no room from the next one."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from flows.libraries.files import read_part, write_part


def test_a_part_without_room_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    numbers = np.arange(10_000)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(OSError, match="too large"):
            write_part(tmp_path / "000000.npz", {"numbers": numbers})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(tmp_path.iterdir()) == []
    write_part(tmp_path / "000000.npz", {"numbers": numbers})
    assert (read_part(tmp_path / "000000.npz")["numbers"] == numbers).all()
