"""Plain: any value of ours as JSON can hold it, for documents that programs read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: records become objects, times ISO text, NaN and infinities null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)  # also an enumeration of texts
        case float():
            return float(value) if math.isfinite(value) else None
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(plain(item) for item in value)
        case Iterable():
            return [plain(item) for item in value]
    return str(value)
