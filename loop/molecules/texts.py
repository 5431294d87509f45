"""Texts of a library: names or SMILES of ten million molecules as arrays of bytes, which may lie in a memory map."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.text_sequence import TextSequence


@dataclass(frozen=True, eq=False)
class Texts(TextSequence):
    """A sequence of different texts that is read one at a time and found again by its hash.

    Attributes:
        data: UTF-8 of all texts, one after the other, shape ``(bytes,)``.
        offsets: Where each begins and the last ends, shape ``(n + 1,)``.
        hashes: ``text_hash`` of each, in rising order, shape ``(n,)``.
        order: Whose hash that is, shape ``(n,)``.
        digest: Names the content: texts of one digest are equal.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    order: NDArray[np.int64]
    digest: str

    @staticmethod
    def of(texts: Iterable[str]) -> Texts:
        """Texts in memory, for few of them. They must differ, which is not looked at."""
        encoded = [text.encode() for text in texts]
        data, offsets = joined(encoded)
        hashes = np.array([text_hash(text) for text in encoded], dtype=np.uint64)
        order = np.argsort(hashes, kind="stable")
        return Texts(data, offsets, hashes[order], order, digest_of(data, offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def text(self, index: int) -> str:
        """The text at ``index``."""
        return bytes(self.data[self.offsets[index] : self.offsets[index + 1]]).decode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Texts) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}, {self.digest[:12]}>"

    def find(self, text: str) -> int | None:
        """Where a text stands; None where it does not."""
        try:
            wanted = text.encode()
        except UnicodeEncodeError:
            return None
        key = np.uint64(text_hash(wanted))
        for place in range(int(np.searchsorted(self.hashes, key)), len(self.hashes)):
            if self.hashes[place] != key:
                return None
            i = int(self.order[place])
            if bytes(self.data[self.offsets[i] : self.offsets[i + 1]]) == wanted:
                return i
        return None


def text_hash(text: bytes) -> int:
    """64 bits of a text, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def joined(encoded: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts one after the other, and where each begins and the last ends: shapes ``(bytes,)`` and ``(n + 1,)``."""
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets


def digest_of(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> str:
    """What names texts by their content: a sha256 over lengths and bytes."""
    digest = hashlib.sha256(np.diff(offsets).astype("<i8").tobytes())
    digest.update(np.ascontiguousarray(data).data)
    return digest.hexdigest()
