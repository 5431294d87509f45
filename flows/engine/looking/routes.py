"""Routes: whether what laboratories of ``several`` are to take is something that their campaign can send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from adapters.errors import AdapterOptionsError
from adapters.several import PARTED, conditions_of
from loop.errors import did_you_mean
from loop.space import Component, Continuous, Discrete, Parameter, Space
from loop.space.parameters import HINTED
from loop.spec import CampaignSpec, build_space

_SHOWN: Final = 8  # options that a message names
_UNSET: Final = {  # parameters that no experiment is sent with, by their type
    "derived": "follows from others",
    "context": "is known with a result, not before",
}


def check_routes(spec: CampaignSpec) -> None:
    """See that every ``when`` of a laboratory section names parameters of the space, and values that they can have.

    Raises:
        AdapterOptionsError: One does not, so that its laboratory would be given nothing, or less than was meant.
    """
    if spec.laboratory.adapter != PARTED:
        return
    space, takes = build_space(spec), conditions_of(spec.laboratory.options)
    unset = {name: _UNSET[p.type] for name, p in spec.space.items() if p.type in _UNSET}
    problems = [
        f"laboratory {name!r}: {problem}" for name, when in takes.items() for problem in _astray(space, when, unset)
    ]
    if problems:
        raise AdapterOptionsError(PARTED, problems)


def _astray(space: Space, when: Mapping[str, tuple[str | float, ...]], unset: Mapping[str, str]) -> Iterator[str]:
    by_name = {p.name: p for p in space.parameters}
    for name, values in when.items():
        if (parameter := by_name.get(name)) is None:
            known = ", ".join(by_name)
            if name in unset:
                yield f"'when' names {name!r}, which {unset[name]}; name what is set, of {known}"
                continue
            yield f"'when' names no parameter of the space: {name!r}{did_you_mean(name, by_name)}; they are {known}"
        elif not values:
            yield f"'when' gives {name!r} no value, so that it takes nothing; name one, or leave {name!r} out"
        else:
            yield from (
                f"'when' gives {name!r} the value {said}" for value in values if (said := _not_had(parameter, value))
            )


def _not_had(p: Parameter, value: str | float) -> str:
    """What is wrong with a value that a parameter is to have; "" where it can."""
    if isinstance(p, Continuous | Discrete):
        if isinstance(value, str | bool):
            return f"{value!r}, which is no number; write it without quotes"
        if isinstance(p, Continuous):
            if p.low <= value <= p.high or (p.or_zero and value == 0):
                return ""
            return f"{value:g}, which lies outside {p.low:g} to {p.high:g}" + (" and is not 0" if p.or_zero else "")
        shown = ", ".join(f"{v:g}" for v in p.values[:_SHOWN]) + (", …" if p.size > _SHOWN else "")
        return "" if value in p.values else f"{value:g}, which it never is; it is one of {shown}"
    text = str(value)
    if p.has(text) if isinstance(p, Component) else text in p.options:
        return "" if isinstance(value, str) else f"{value!r}, and its options are text; put it in quotes"
    hint = did_you_mean(text, p.options) if p.size <= HINTED else ""
    shown = ", ".join(p.options[:_SHOWN]) + (", …" if p.size > _SHOWN else "")
    return f"{text!r}, which is none of its options{hint}; they are {shown}"
