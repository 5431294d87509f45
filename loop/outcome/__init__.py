"""Outcomes: how an experiment ended (measured, negative or fault), and how an envelope is read as one."""

from loop.outcome.kinds import (
    CANNOT,
    CANNOT_KIND,
    FAULT_RULES,
    LARGEST,
    Fault,
    FaultKind,
    FaultRule,
    Measured,
    Measurement,
    Negative,
    Outcome,
    Qualifier,
    as_told,
    too_large,
)
from loop.outcome.reading import CODE, read_code, read_outcome, write_outcome

__all__ = [
    "CANNOT",
    "CANNOT_KIND",
    "CODE",
    "FAULT_RULES",
    "LARGEST",
    "Fault",
    "FaultKind",
    "FaultRule",
    "Measured",
    "Measurement",
    "Negative",
    "Outcome",
    "Qualifier",
    "as_told",
    "read_code",
    "read_outcome",
    "too_large",
    "write_outcome",
]
