"""JSON whose objects give each name once: programs differ in which of two values they take, so nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def named_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, as ``object_pairs_hook`` of ``json.loads``.

    Raises:
        ValueError: It gives a name twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} is given twice in one object; give it once")
    return found
