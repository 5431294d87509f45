"""What an evaluator is, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A pure function of one structure, by name, so that a child process can import it.

    ``function`` is called as ``function(smiles, **options)`` and returns an ``Evaluation``; it raises
    ``adapters.errors.EvaluationError`` or a subclass to say which kind of fault is recorded.
    """

    name: str
    function: str  # "module:function"
    properties: Mapping[str, str]  # what is reported, with units
    options: Mapping[str, Any] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)  # module that must be installed, and the remedy


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Properties of one structure, and how they were obtained."""

    values: Mapping[str, tuple[float, str]]  # by property: value and unit
    program: str
    version: str
    repairs: tuple[str, ...] = ()  # whatever was not as first tried
    details: Mapping[str, Any] = field(default_factory=dict)  # charge, geometry, ...: kept in the provenance
