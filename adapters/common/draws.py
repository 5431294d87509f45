"""Chance that can be repeated: random streams named by what they are for, never by an attempt's key."""

from __future__ import annotations

import hashlib
import json
from random import Random


def stream(*names: str | int | float) -> Random:
    """A random stream of its own for these names; the same names give the same numbers on every machine."""
    return Random(int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest(), "big"))
