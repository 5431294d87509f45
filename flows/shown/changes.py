"""What one version of a campaign file changes of the one before it, for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from loop.record import Json

LONG: Final = 60  # characters of a value that is told as it is; of a longer one its size is
SHOWN: Final = 20  # changes that are told one by one


def spec_changes(before: Json, after: Json) -> tuple[str, ...]:
    """Every value of a resolved spec that another one changes, such as ``space.temperature.high 75 (was 80)``."""
    found = list(_changes("", before, after))
    more = (f"and {len(found) - SHOWN} more",) if len(found) > SHOWN else ()
    return (*found[:SHOWN], *more)


def _changes(path: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*new, *old)) if path == "space" else sorted({*old, *new}):  # as the file has them
            place = f"{path}.{key}" if path else str(key)
            if key not in new:
                yield f"{place} left out (was {_said(old[key])})"
            elif key not in old:
                yield f"{place} {_said(new[key])} (new)"
            else:
                yield from _changes(place, old[key], new[key])
    elif old != new:
        yield f"{path} {_said(new)} (was {_said(old)})"


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.15g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= LONG:
        return text
    return f"{len(value)} entries" if isinstance(value, list | Mapping) else f"{text[:LONG]}..."
