"""The shelf: where stored libraries stand, for a spec that names one by its key.

``loop`` opens no file; a campaign's spec says which library it means by a key, and whoever wires the program says
where libraries stand. What a key means never changes, so this is no hidden argument of planning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from loop.errors import SpaceError

if TYPE_CHECKING:
    from loop.molecules.structures import StoredLibrary  # RDKit: only where a library is opened


class Shelf(Protocol):
    """Where stored libraries stand."""

    def library(self, key: str) -> StoredLibrary | None:
        """The library of that key; None where it is not there."""
        ...


_shelves: list[Shelf] = []


def put_up(shelf: Shelf) -> None:
    """Look for libraries there too, and there first; the same shelf twice changes nothing."""
    if shelf in _shelves:
        _shelves.remove(shelf)
    _shelves.insert(0, shelf)


def from_shelf(key: str, source: str) -> StoredLibrary:
    """The library of that key. ``source`` is the name of its file, for the message.

    Raises:
        SpaceError: It stands on no shelf.
    """
    for shelf in _shelves:
        if (found := shelf.library(key)) is not None:
            return found
    raise SpaceError(
        f"the library of {source!r} ({key[:12]}) is not stored here; hakken library build with the campaign file "
        "stores it again, or copy its folder from where it was"
    )
