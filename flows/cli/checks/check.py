"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """``problem``: something cannot work; ``note``: something could be better, or is not there and not needed yet."""

    area: str
    subject: str
    verdict: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""
