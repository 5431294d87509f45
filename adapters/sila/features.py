"""The features, read from their definitions; no code is generated from them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

RUNNER: Final = "ExperimentRunner"
REPORTER: Final = "MeasurementReporter"
PROCEDURES: Final = "ProcedureReceiver"  # which a server may have


@cache
def feature(name: str) -> Any:
    """The ``sila2.framework.Feature`` of that name; brings sila2 and gRPC."""
    from sila2.framework import Feature

    return Feature(str(Path(__file__).with_name(f"{name}.sila.xml")))
