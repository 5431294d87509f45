"""Unions: a library and what reagents become, numbered one after the other without being written out.

The molecules of the library come first, then the products of each reaction, a product's number being those of its
reagents in the mixed radix of their lists. So hundreds of millions cost neither memory nor time.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from loop.errors import did_you_mean
from loop.text_sequence import TextSequence

if TYPE_CHECKING:
    from loop.molecules.sieve import Sieve

AFTER_SOURCE: Final = ": "  # in a candidate's name, such as "made: benzoic + aniline"
BETWEEN: Final = " + "
MOST: Final = 2**53  # candidates that can be told apart by a coordinate, a float
NEAR: Final = 48  # neighbours of a product that differ from it in one list
HINTED: Final = 20_000  # names among which a misspelt one is looked for


@dataclass(frozen=True)
class Listed:
    """A library as a source: its ``name``, and that of each molecule, which need not lie in memory."""

    name: str
    names: Sequence[str]

    @property
    def size(self) -> int:
        return len(self.names)

    def label(self, number: int) -> str:
        """The name of one of its molecules."""
        return self.names[number]

    def number(self, label: str) -> int | None:
        """The number of a name; None where it is none of its molecules."""
        try:
            return self.names.index(label)
        except ValueError:
            return None

    def why_not(self, label: str) -> str:
        """Why a name is none of its molecules'."""
        hint = did_you_mean(label, self.names) if len(self.names) <= HINTED else ""
        return f"no molecule of {self.name} is called {label!r}{hint}"


@dataclass(frozen=True)
class Made:
    """Products of reagents by one reaction as a source.

    Attributes:
        name: Of the source.
        reaction: As SMARTS.
        lists: What its lists of reagents are called, in the order of the reaction's templates.
        names: Of the reagents, list by list; none holds " + ".
        smiles: Canonical SMILES of the reagents, list by list.
        sieve: How a product is standardised, and what it must keep to.
        merges: Whether combinations that give one product are one candidate.
    """

    name: str
    reaction: str
    lists: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    smiles: tuple[tuple[str, ...], ...]
    sieve: Sieve | None = None
    merges: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(names) for names in self.names)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def reagents(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the reagents of products: ``(n,)`` to ``(n, lists)``."""
        return np.stack(np.unravel_index(numbers, self.shape), axis=-1).astype(np.int64)

    def numbers(self, reagents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Products by the numbers of their reagents: ``(n, lists)`` to ``(n,)``."""
        return np.asarray(np.ravel_multi_index(tuple(reagents.T), self.shape), dtype=np.int64)

    def structures(self, number: int) -> tuple[str, ...]:
        """The SMILES of the reagents of one product."""
        which = self.reagents(np.array([number]))[0].tolist()
        return tuple(smiles[i] for smiles, i in zip(self.smiles, which, strict=True))

    def label(self, number: int) -> str:
        """The names of the reagents of one product, such as "benzoic + aniline"."""
        which = self.reagents(np.array([number]))[0].tolist()
        return BETWEEN.join(names[i] for names, i in zip(self.names, which, strict=True))

    def number(self, label: str) -> int | None:
        """The number of a name; None where it names no product."""
        parts = label.split(BETWEEN)
        if len(parts) != len(self.names) or any(p not in names for p, names in zip(parts, self._places, strict=True)):
            return None
        which = [names[p] for p, names in zip(parts, self._places, strict=True)]
        return int(self.numbers(np.array([which]))[0])

    def why_not(self, label: str) -> str:
        """Why a name is none of its products'."""
        parts = label.split(BETWEEN)
        if len(parts) == len(self.names):
            for part, which, names in zip(parts, self.lists, self.names, strict=True):
                if part not in names:
                    return f"the list {which} of {self.name} has no {part!r}{did_you_mean(part, names)}"
        return f"a product of {self.name} is called {self.name}{AFTER_SOURCE}{BETWEEN.join(self.lists).upper()}"

    @cached_property
    def _places(self) -> tuple[dict[str, int], ...]:
        return tuple({name: i for i, name in enumerate(names)} for names in self.names)


@dataclass(frozen=True, eq=False, repr=False)
class UnionNames(TextSequence):
    """Names of a union's candidates, such as "stock: caffeine" and "made: benzoic + aniline"; found by arithmetic."""

    library: Listed | None
    made: tuple[Made, ...]

    @cached_property
    def sources(self) -> tuple[Listed | Made, ...]:
        """The library first, where there is one."""
        return (*(() if self.library is None else (self.library,)), *self.made)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The number of the first candidate of each source, and how many there are in all."""
        return tuple(itertools.accumulate((s.size for s in self.sources), initial=0))

    @property
    def listed(self) -> int:
        """How many are of the library; the others are products."""
        return 0 if self.library is None else self.library.size

    def place(self, index: int) -> tuple[Listed | Made, int]:
        """The source of a candidate, and its number there."""
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} candidates, and no number {index}")
        source = next(i for i, end in enumerate(self.starts[1:]) if index < end)
        return self.sources[source], index - self.starts[source]

    def parted(self, indices: NDArray[np.int64]) -> Iterator[tuple[Made, int, NDArray[np.bool_]]]:
        """For each reaction: it, the number of its first candidate, and which of ``indices`` are of it."""
        first = len(self.sources) - len(self.made)
        for made, start, end in zip(self.made, self.starts[first:-1], self.starts[first + 1 :], strict=True):
            yield made, start, (indices >= start) & (indices < end)

    def drawn(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """``n`` candidates at random, as many of one source as of another, some perhaps more than once: ``(n,)``."""
        source = rng.integers(0, len(self.sources), n)
        starts, sizes = np.array(self.starts[:-1]), np.diff(np.array(self.starts))
        return np.asarray(starts[source] + rng.integers(0, sizes[source]), dtype=np.int64)

    def neighbours(self, index: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Products that differ from one in one reagent, some of them where they are many, and itself: ``(k,)``.

        Of a molecule of the library nothing lies near: all of it is looked at anyway.
        """
        source, number = self.place(index)
        if isinstance(source, Listed):
            return np.array([index], dtype=np.int64)
        own = source.reagents(np.array([number]))
        found = [own]
        for column, size in enumerate(source.shape):
            others = np.arange(size) if size <= NEAR else np.unique(rng.integers(0, size, NEAR))
            changed = np.repeat(own, len(others), axis=0)
            changed[:, column] = others
            found.append(changed)
        return np.unique(source.numbers(np.concatenate(found))) + (index - number)

    def meant(self, text: str) -> str | None:
        """The whole name of a candidate that ``text`` names without its source; None where none or several are so."""
        found = [(source, n) for source in self.sources if (n := source.number(text)) is not None]
        if len(found) != 1:
            return None
        source, number = found[0]
        return f"{source.name}{AFTER_SOURCE}{source.label(number)}"

    def why_not(self, text: str) -> str:
        """Why a text names no candidate, and how one is named."""
        head, found, label = text.partition(AFTER_SOURCE)
        source = next((s for s in self.sources if s.name == head), None) if found else None
        if source is not None:
            return source.why_not(label)
        return f"a candidate is called by its source and name, such as {self[0]!r} or {self[len(self) - 1]!r}"

    def said(self, index: int) -> str:
        """Where a candidate is from, for a sentence."""
        source, number = self.place(index)
        if isinstance(source, Listed):
            return f"from {source.name}"
        which = source.reagents(np.array([number]))[0].tolist()
        parts = [f"{a} {names[i]}" for a, names, i in zip(source.lists, source.names, which, strict=True)]
        return f"from {source.name}, of {' and '.join(parts)}"

    @property
    def is_slow(self) -> bool:
        """Whether some product takes tens of milliseconds rather than one."""
        return any(m.sieve is not None and m.sieve.is_slow for m in self.made)

    @property
    def said_count(self) -> str:
        """How many candidates there are, in words, before products are made."""
        parts = [f"{s.size} {'molecules' if isinstance(s, Listed) else 'products'} of {s.name}" for s in self.sources]
        return f"{len(self)} at the most: {', '.join(parts)}"

    @cached_property
    def digest(self) -> str:
        """Names the content: unions of one digest are equal."""
        library: list[Any] = []
        if self.library is not None:
            known = getattr(self.library.names, "digest", None)
            library = [self.library.name, known or list(self.library.names)]
        made = [[m.name, m.reaction, m.lists, m.names, m.smiles, repr(m.sieve), m.merges] for m in self.made]
        return hashlib.sha256(json.dumps([library, made]).encode()).hexdigest()

    def __len__(self) -> int:
        return self.starts[-1]

    def text(self, index: int) -> str:
        """What the candidate at ``index`` is called."""
        source, number = self.place(index)
        return f"{source.name}{AFTER_SOURCE}{source.label(number)}"

    def find(self, text: str) -> int | None:
        """Which candidate a name means; None where it means none."""
        head, found, label = text.partition(AFTER_SOURCE)
        for source, start in zip(self.sources, self.starts, strict=False):
            if found and source.name == head and (number := source.number(label)) is not None:
                return start + number
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnionNames) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}, {self.digest[:12]}>"
