"""What became of library files, in words: lines that could not be read, what came twice, what filters removed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings


def stored_in(spec: Any) -> list[Any]:
    """What became of each library file of a resolved spec."""
    from loop.spec.unions import stored_of

    return list(stored_of(spec.space))


def left_out_of(where: Settings, spec: Any, known: Collection[str] = ()) -> list[str]:
    """Of each library file what was guessed of its letters, and, where lines could not be read or came twice, what
    became of it and the first lines. Nothing of libraries whose keys are ``known``."""
    from flows.wiring import library_reader

    said = []
    for stored in stored_in(spec):
        if stored.key in known:
            continue
        store = library_reader(where, Path()).store
        said += store.report(stored.key).guesses
        if not stored.unreadable and not stored.duplicates:
            continue
        said.append(f"{said_of(stored)}; hakken library show {stored.key[:12]} says where they are listed")
        said += [f"left out of {stored.source}: {line}" for line in store.report(stored.key).first]
    return said


def said_of(stored: Any) -> str:
    """What became of a library file, in a sentence."""
    removed = [f"{name} removed {n:,}" for name, n in stored.removed.items()]
    parts = [
        f"{stored.source}: {plural(stored.molecules, 'molecule')} of {plural(stored.read, 'record')}",
        f"{stored.unreadable:,} could not be read",
        f"{stored.duplicates:,} came twice",
        *removed,
    ]
    return "; ".join(parts)
