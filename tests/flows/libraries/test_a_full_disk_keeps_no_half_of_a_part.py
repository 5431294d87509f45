"""What a build could not write for want of room takes no room from the next one."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.libraries.files import ArrayWriter, read_part, write_part


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


@pytest.mark.parametrize("pieces", [1, 3000])  # in one write, and from a buffer at the end
def test_an_array_without_room_is_named(tmp_path: Path, pieces: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(OSError, match="too large") as full:
            _write(tmp_path, np.split(np.arange(3000), pieces))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert full.value.filename == str(tmp_path / "numbers.bin")


def _write(folder: Path, pieces: Sequence[NDArray[np.int64]]) -> None:
    writer = ArrayWriter(folder)
    for piece in pieces:
        writer.append("numbers", piece)
    writer.close()
