"""What an evaluator is, what it is asked, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A pure function, by name, so that a child process can import it.

    ``function`` is called as ``function(smiles, **options)``, or as ``function(request, **options)`` with a ``Request``
    where it takes settings; it returns an ``Evaluation``, or raises ``adapters.errors.EvaluationError`` or a subclass
    to say which kind of fault is recorded.
    """

    name: str
    function: str  # "module:function"
    properties: Mapping[str, str]  # what is reported, with units
    options: Mapping[str, Any] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)  # module that must be installed, and the remedy
    programs: Mapping[str, str] = field(default_factory=dict)  # program that must be on the path, and the remedy
    needs_structure: bool = True  # exactly one parameter with a structure
    may_be_nothing: bool = False  # whether there may be none instead: an option that adds nothing
    settings: frozenset[str] | None = frozenset()  # other parameters that it takes; None for whatever there is
    asks: frozenset[str] = frozenset()  # parameters that it cannot do without
    is_request: bool = False  # whether the function is given the whole request, and not the structure alone
    # "module:function", called as ``function(request, **options)``: the ``Problem``s for which ``function`` is certain
    # to raise ``InputRefused``, found without loading a program; "" where only a run can tell.
    foresees: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One experiment as an evaluator sees it."""

    settings: Mapping[str, str | float]  # numbers in the campaign's units, options by their labels
    units: Mapping[str, str] = field(default_factory=dict)  # of the numbers
    smiles: Mapping[str, str] = field(default_factory=dict)  # of the settings that are structures


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Properties of one structure, and how they were obtained."""

    values: Mapping[str, tuple[float, str]]  # by property: value and unit
    program: str
    version: str
    repairs: tuple[str, ...] = ()  # whatever was not as first tried
    details: Mapping[str, Any] = field(default_factory=dict)  # charge, geometry, ...: kept in the provenance
    negative: str = ""  # why the answer is no; "" where it is measured
    limits: Mapping[str, str] = field(default_factory=dict)  # "<" or ">", of values that are limits
    words: Mapping[str, str] = field(default_factory=dict)  # by property, the class or level that it is, in its word
    lacking: Mapping[str, str] = field(default_factory=dict)  # properties that the structure cannot have, and why
