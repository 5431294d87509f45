"""Sequences of texts that are read or worked out one at a time, and found again without looking at all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, overload


class TextSequence(Sequence[str]):
    """A sequence of texts, from how one is read and how one is found."""

    @abstractmethod
    def text(self, index: int) -> str:
        """The text at ``index``, which lies between 0 and the length."""

    @abstractmethod
    def find(self, text: str) -> int | None:
        """Where a text stands; None where it does not, or that cannot be told."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self.text(i) for i in range(*index.indices(len(self))))
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError(f"there are {len(self)} texts, and no number {index}")
        return self.text(i)

    def __iter__(self) -> Iterator[str]:
        return (self.text(i) for i in range(len(self)))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.find(text) is not None

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Where a text stands. Raises ``ValueError`` where it does not."""
        found = self.find(value) if isinstance(value, str) else None
        if found is None or not start <= found < (len(self) if stop is None else stop):
            raise ValueError(f"{value!r} is not among the {len(self)} texts")
        return found
