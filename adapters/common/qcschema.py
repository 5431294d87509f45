"""What QCSchema calls properties and failures that laboratories have words of their own for."""

from __future__ import annotations

import math
from typing import Any, Final

from adapters.compute.constants import DEBYE
from loop.outcome import FaultKind

# By what laboratories call it: the schema's name, the unit given, and the factor to it from atomic units.
PROPERTIES: Final = {
    "energy": ("return_energy", "hartree", 1.0),
    "dipole": ("scf_dipole_moment", "debye", DEBYE),
}
_KINDS: Final = {kind.value for kind in FaultKind}


def number_in(value: Any) -> float | None:
    """A finite number, or the length of a vector; None for anything else."""
    if isinstance(value, list | tuple) and len(value) == 3 and all(_is_finite(part) for part in value):
        return math.sqrt(sum(float(part) ** 2 for part in value))
    return float(value) if _is_finite(value) else None


def kind_of(error_type: str) -> FaultKind:
    """The kind of fault of an error: QCEngine's words are ours, but for unknown_error."""
    return FaultKind(error_type) if error_type in _KINDS else FaultKind.UNKNOWN


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
