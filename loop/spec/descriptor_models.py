"""What a campaign file may say of descriptors of one's own: numbers of each option, or columns of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, model_validator

from loop.spec.strict import Strict, Text


def _columns(value: Any) -> Any:
    found = value if isinstance(value, list) else [value]
    if odd := [c for c in found if not isinstance(c, str) or not c]:
        raise ValueError(f"columns are names of columns, or all, and {odd[0]!r} is none; put a number in quotes")
    if not found:
        raise ValueError("names no column; give some, or all for every column of numbers")
    if twice := sorted({c for c in found if found.count(c) > 1}):
        raise ValueError(f"column {twice[0]!r} is given twice; keep one")
    return value if value == "all" else found


class DescriptorsSpec(Strict):
    """Numbers that describe options: ``names`` with ``values``, or ``columns`` of a table.

    The table is ``file``, else the file that the options come from. Its rows are found by their ``name`` or ``smiles``.
    """

    names: list[Text] | None = None  # in order: of two that say the same the first counts
    values: dict[Text, list[float]] | None = None  # by option
    file: Text | None = None
    columns: Annotated[Literal["all"] | list[Text], BeforeValidator(_columns)] | None = None
    name: Text | None = None
    smiles: Text | None = None
    missing: Literal["mean"] | None = None  # None: a missing number is refused
    imputed: dict[Text, list[Text]] | None = None  # written when the file is read: which numbers of which option

    @model_validator(mode="after")
    def _one_way(self) -> DescriptorsSpec:
        of_table = [k for k in ("file", "name", "smiles", "missing") if getattr(self, k) is not None]
        if (self.names is None) != (self.values is None):
            raise ValueError("names and values come together; give both")
        if (self.values is None) == (self.columns is None):
            raise ValueError(
                "give either the numbers of each option by name, such as {XPhos: {homo: -5.1}}, or columns of a table"
            )
        if self.values is not None and of_table:
            raise ValueError(f"{of_table[0]} goes with columns of a table, and numbers are given here; leave it out")
        if self.name is not None and self.smiles is not None:
            raise ValueError("rows of a table are found by name or by smiles; give one of them")
        return self


def _from_options(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Option: {name: number} as names and values. Raises ``ValueError``."""
    given = {option: numbers for option, numbers in value.items() if numbers is not None}
    for option, numbers in given.items():
        if not isinstance(numbers, Mapping) or not numbers:
            raise ValueError(f"option {option!r}: give its numbers by name, such as {{homo: -5.1}}, got {numbers!r}")
        for name, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                raise ValueError(f"option {option!r}: {name} must be a finite number, got {number!r}; write a number")
    names = list(dict.fromkeys(name for numbers in given.values() for name in numbers))
    for option, numbers in given.items():
        if lacking := [name for name in names if name not in numbers]:
            has = next(o for o, other in given.items() if lacking[0] in other)
            raise ValueError(
                f"option {option!r} has no {lacking[0]}, which {has!r} has; give it, or take {lacking[0]} from all"
            )
    return {"names": names, "values": {option: [numbers[n] for n in names] for option, numbers in given.items()}}


def _is_numbers(value: Any) -> bool:
    """Whether it is numbers without names, as others give the descriptors of an option."""
    found = value if isinstance(value, list) else [value]
    return bool(found) and all(isinstance(v, int | float) for v in found)


def _written(value: Any) -> Any:
    """The short ways to write it as the long one."""
    if isinstance(value, list) or value == "all":
        return {"columns": value}
    if isinstance(value, Mapping):
        by_option = any(isinstance(v, Mapping) for k, v in value.items() if k not in ("values", "imputed"))
        is_bare = not set(value) & set(DescriptorsSpec.model_fields) and all(map(_is_numbers, value.values()))
        by_option |= bool(value) and is_bare
        return _from_options(value) if by_option else value
    if isinstance(value, DescriptorsSpec):
        return value
    raise ValueError(
        f"give numbers by option, such as {{XPhos: {{homo: -5.1}}}}, a list of columns, or all, and not {value!r}"
    )


Describing: TypeAlias = Annotated[DescriptorsSpec, BeforeValidator(_written)]
