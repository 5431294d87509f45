"""Merging parts into a library: duplicates merged, names settled, arrays written one after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flows.libraries.files import ArrayWriter, read_part
from flows.libraries.recipe import Recipe
from flows.libraries.records import guesses
from loop.molecules.packed import MORGAN, totals_of
from loop.molecules.texts import text_hash

Repeats: TypeAlias = list[tuple[int, int]]  # of a part: row, and the place of what it repeats
FIRST: Final = 5  # lines that a report shows; all are in a file
LISTS: Final = {"unreadable": "unreadable.tsv", "duplicates": "duplicates.tsv", "removed": "removed.tsv"}


@dataclass
class Report:
    """What became of the files of a library."""

    source: str  # their names
    read: int = 0
    molecules: int = 0
    unreadable: int = 0
    duplicates: int = 0
    removed: dict[str, int] = field(default_factory=dict)  # by each filter, in the order of testing
    first: list[str] = field(default_factory=list)  # the first lines that were not read, for a person
    guesses: list[str] = field(default_factory=list)  # what was guessed of the encoding of its files


def merge(parts: Sequence[Path], folder: Path, recipe: Recipe) -> Report:
    """Write the arrays of a library into ``folder``, and three lists of what is not in it.

    A part is read twice: its keys first, to see what is new in it, then all of it.
    """
    report = Report(recipe.shown, removed={name: 0 for name, _ in recipe.filters.tests})
    report.guesses += [said for source in recipe.sources for said in guesses(source)]
    kept, twin_of, taken_by, others = _settled(parts, named=recipe.is_named)
    vocabulary = np.unique(np.concatenate([np.unique(read_part(p)["features"]) for p in parts]))
    arrays = ArrayWriter(folder)
    texts = {
        name: _TextWriter(arrays, name)
        for name in (("smiles", "names", "raw") if recipe.is_named else ("smiles", "raw"))
    }
    if any(others):
        texts["aliases"] = _TextWriter(arrays, "aliases", of="names")
    entries = 0
    with _Lists(folder, recipe) as lists:
        for number, path in enumerate(parts):
            part = read_part(path)
            keep = kept[number]
            report.read += int(part["records"][0])
            report.molecules += len(keep)
            for place, reason, is_fault, raw, *name in json.loads(part["left"].tobytes()):  # once without a name
                lists.add("unreadable" if is_fault else "removed", place, reason, raw, *name)
                if is_fault:
                    report.unreadable += 1
                    if len(report.first) < FIRST:
                        report.first.append(f"{recipe.where(place)}: {reason}: {raw[:80]}")
                else:
                    report.removed[reason] += 1
            for row, first in twin_of[number]:
                report.duplicates += 1
                reason = f"the same molecule as {recipe.where(first)}"
                lists.add("duplicates", int(part["places"][row]), reason, _text(part, row), _text(part, row, "names"))
            for row, first in taken_by[number]:
                report.unreadable += 1
                reason = f"its name {_text(part, row, 'names')!r} is that of {recipe.where(first)}"
                lists.add("unreadable", int(part["places"][row]), reason, _text(part, row), _text(part, row, "names"))
                if len(report.first) < FIRST:
                    report.first.append(f"{recipe.where(int(part['places'][row]))}: {reason}")
            arrays.append("places", part["places"][keep])
            for name, text in texts.items():
                text.add(
                    part, keep if name != "aliases" else np.array([row for row, _ in others[number]], dtype=np.int64)
                )
            pointers, at = _gathered(part["indptr"], keep)
            columns = np.searchsorted(vocabulary, part["features"][at]).astype(np.uint32)
            arrays.append(f"{MORGAN}.columns", columns)
            arrays.append(f"{MORGAN}.counts", part["counts"][at])
            arrays.append(f"{MORGAN}.totals", totals_of(pointers, part["counts"][at]))
            arrays.append(f"{MORGAN}.indptr", pointers[1:] + entries if number else pointers)
            entries += int(pointers[-1])
    arrays.append(f"{MORGAN}.vocabulary", vocabulary)
    for text in texts.values():
        text.close()
    if any(others):
        arrays.append("aliases.of", np.array([of for part in others for _, of in part], dtype=np.int64))
    arrays.close()
    return report


def _settled(
    parts: Sequence[Path], *, named: bool
) -> tuple[list[NDArray[np.int64]], list[Repeats], list[Repeats], list[Repeats]]:
    """Rows of each part that are kept; those that repeat a structure, or a name, with the place that had it; and those
    whose structure goes by another name, with the number of its molecule in the library."""
    keys, names, places, sizes = [], [], [], []
    for path in parts:
        with np.load(path, allow_pickle=False) as part:
            keys.append(part["smiles.keys"])
            places.append(part["places"])
            sizes.append(len(places[-1]))
            if named:
                names.append(part["names.keys"])
    every = np.concatenate(places)
    ends = np.cumsum([0, *sizes])
    first = _first_of_each(np.concatenate(keys))
    twins = _by_part(np.flatnonzero(first != np.arange(len(every))), first, every, ends)
    is_kept = first == np.arange(len(every))
    taken: list[Repeats] = [[] for _ in parts]
    others: list[Repeats] = [[] for _ in parts]
    if named:
        there = np.flatnonzero(is_kept)
        holder = there[_first_of_each(np.concatenate(names)[there])]
        owner = np.arange(len(every))
        owner[there] = holder
        taken = _by_part(there[holder != there], owner, every, ends)
        is_kept[there[holder != there]] = False
        rows = _other_names(first, _first_of_each(np.concatenate(names)), is_kept)
        others = _by_part(rows, first, np.cumsum(is_kept) - 1, ends)
    kept = [np.flatnonzero(is_kept[a:b]) for a, b in pairwise(ends)]
    return kept, twins, taken, others


def _other_names(first: NDArray[np.int64], called: NDArray[np.int64], is_kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows whose name is no molecule's and whose structure is one's: shape ``(k,)``. A name of two means neither.

    Args:
        first: The first row with the structure of each, shape ``(n,)``.
        called: The first row with the name of each, shape ``(n,)``.
        is_kept: Which rows are molecules of the library, shape ``(n,)``.
    """
    rows = np.flatnonzero(~is_kept & is_kept[first] & ~np.isin(called, called[is_kept]))
    pairs = np.unique(np.stack([called[rows], first[rows]], axis=1), axis=0)
    names, meanings = np.unique(pairs[:, 0], return_counts=True)
    return np.intersect1d(rows, names[meanings == 1])  # the first row of each name, which says what all of it say


def _by_part(
    rows: NDArray[np.int64], owner: NDArray[np.int64], places: NDArray[np.int64], ends: NDArray[np.int64]
) -> list[Repeats]:
    """Rows sorted into parts: their number in it, and the place of their owner."""
    found: list[Repeats] = [[] for _ in ends[1:]]
    for row, part in zip(rows, np.searchsorted(ends, rows, side="right") - 1, strict=True):
        found[int(part)].append((int(row - ends[part]), int(places[owner[row]])))
    return found


def _first_of_each(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Of each row of ``keys``, ``(n, 2)``, the first row that is equal: shape ``(n,)``."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: equal keys stay in order
    ordered = keys[order]
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.empty(len(keys), dtype=np.int64)
    first[order] = order[np.flatnonzero(is_new)[np.cumsum(is_new) - 1]] if len(keys) else first
    return first


def _gathered(indptr: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the entries of some rows go, and where they are: shapes ``(len(rows) + 1,)`` and ``(entries,)``."""
    lengths = indptr[rows + 1] - indptr[rows]
    pointers = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    return pointers, np.arange(pointers[-1]) + np.repeat(indptr[rows] - pointers[:-1], lengths)


def _text(part: dict[str, NDArray[Any]], at: int, what: str = "raw") -> str:
    begin, end = part[f"{what}.offsets"][at : at + 2]
    return str(part[f"{what}.data"][begin:end].tobytes().decode())


class _TextWriter:
    """Texts of one kind, and the hashes that they are found by."""

    def __init__(self, arrays: ArrayWriter, name: str, of: str = "") -> None:
        self._arrays, self._name, self._end = arrays, name, 0
        self._of = of or name  # what it is called in a part
        self._hashes: list[NDArray[np.uint64]] = []
        arrays.append(f"{name}.offsets", np.zeros(1, dtype=np.int64))
        arrays.append(f"{name}.data", np.empty(0, dtype=np.uint8))

    def add(self, part: dict[str, NDArray[Any]], keep: NDArray[np.int64]) -> None:
        data, offsets = part[f"{self._of}.data"].tobytes(), part[f"{self._of}.offsets"]
        texts = [data[offsets[i] : offsets[i + 1]] for i in keep]
        self._arrays.append(f"{self._name}.data", np.frombuffer(b"".join(texts), dtype=np.uint8))
        ends = self._end + np.cumsum([len(text) for text in texts], dtype=np.int64)
        self._arrays.append(f"{self._name}.offsets", ends)
        self._end = int(ends[-1]) if len(ends) else self._end
        if self._name != "raw":  # nobody looks for a raw text
            self._hashes.append(np.array([text_hash(text) for text in texts], dtype=np.uint64))

    def close(self) -> None:
        if self._hashes:
            hashes = np.concatenate(self._hashes)
            order = np.argsort(hashes, kind="stable")
            self._arrays.append(f"{self._name}.hashes", hashes[order])
            self._arrays.append(f"{self._name}.order", order.astype(np.int64))


class _Lists:
    """The three lists, open while they are written."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder, self._recipe = folder, recipe
        self._files: dict[str, IO[str]] = {}

    def __enter__(self) -> _Lists:
        self._folder.mkdir(parents=True, exist_ok=True)
        for kind, name in LISTS.items():
            self._files[kind] = (self._folder / name).open("w", encoding="utf-8", errors="replace", newline="")
            self._files[kind].write("line\treason\trecord\tname\n")
        return self

    def add(self, kind: str, place: int, reason: str, raw: str, name: str = "") -> None:
        where = self._recipe.where(place).removeprefix("line ")
        cells = (" ".join(cell.split()) for cell in (where, reason, raw, name))
        self._files[kind].write("\t".join(cells) + "\n")

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()
