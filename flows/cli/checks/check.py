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


def failed(area: str, subject: str, error: Exception) -> Check:
    """A check that itself failed, by a fault of the code that was asked: the others are made all the same."""
    found = f"could not be looked at ({type(error).__name__}: {error})"
    return Check(area, subject, "problem", found, "mend its code where that is your own; else please report it")
