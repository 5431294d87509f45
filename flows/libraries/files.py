"""Arrays on disk that are whole or absent: a temporary name, fsync, then rename."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.common.durable import replace, replace_bytes

INDEX: Final = "arrays.json"


def write_part(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put some arrays into one file, whole or not at all."""
    file = io.BytesIO()
    save: Any = np.savez  # its stubs take every array for a flag
    save(file, **arrays)
    replace_bytes(path, file.getvalue())


def read_part(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that ``write_part`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


class ArrayWriter:
    """Writes arrays piece by piece into a folder, each a file of plain bytes; ``close`` makes them readable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._kinds: dict[str, tuple[str, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, name: str, piece: NDArray[Any]) -> None:
        """Add to the end of an array of one or two dimensions; pieces must be alike but for their length."""
        width = piece.shape[1] if piece.ndim == 2 else 0
        kind = (piece.dtype.newbyteorder("<").str, width)
        if self._kinds.setdefault(name, kind) != kind:
            raise ValueError(f"array {name!r} is {self._kinds[name]}, and a piece of it {kind}")
        path = self._folder / f"{name}.bin"
        with self._naming(path):
            if name not in self._files:
                self._files[name] = path.open("wb")
            self._files[name].write(np.ascontiguousarray(piece.astype(kind[0], copy=False)).data)

    def close(self) -> None:
        """Make every array durable, then the list of them: with it the folder counts as whole."""
        for name, file in self._files.items():
            with self._naming(self._folder / f"{name}.bin"):
                file.flush()
                os.fsync(file.fileno())
                file.close()
        replace(self._folder / INDEX, json.dumps(self._kinds, indent=1))

    @contextmanager
    def _naming(self, path: Path) -> Iterator[None]:
        """Where there is no room: name the file at ``path``, which the system does not, and keep none open."""
        try:
            yield
        except OSError as error:
            for file in self._files.values():
                with suppress(OSError):
                    file.close()
            error.filename = str(path)
            raise


def mapped(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder, in memory maps. Raises ``FileNotFoundError`` where it is not whole."""
    kinds = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    found: dict[str, NDArray[Any]] = {}
    for name, (kind, width) in kinds.items():
        path, dtype = folder / f"{name}.bin", np.dtype(kind)
        shape = (-1, width) if width else (-1,)
        is_empty = path.stat().st_size == 0  # nothing cannot be mapped
        array = np.empty(0, dtype) if is_empty else np.memmap(path, dtype, mode="r")
        found[name] = array.reshape(shape) if not (is_empty and width) else np.empty((0, width), dtype)
    return found
