"""Amounts that a person gives for targets: ``5``, where one is wanted, or ``yield=5``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loop.errors import HakkenError
from loop.objective import Objective
from loop.sheets.cells import as_float


def amounts_of(
    objective: Objective, said: Sequence[str], meaning: str, error: type[HakkenError]
) -> Mapping[str, float]:
    """The amount of each target that is named; ``meaning`` ends "write ..., such as yield=5".

    Raises:
        error: One is no number, names no target where several are wanted, or is given again as another.
    """
    wanted = [t.name for t in objective.wanted]
    found: dict[str, float] = {}
    for text in said:
        name, sign, number = text.rpartition("=")
        name = name.strip() if sign else wanted[0]
        if not sign and len(wanted) > 1:
            raise error(f"{text!r}: several targets are wanted; write {wanted[0]}={text}, for each that counts")
        amount = as_float(number.strip())
        if amount is None:
            raise error(f"{text!r} is no number; write {meaning}, such as {wanted[0]}=5")
        if found.setdefault(name, amount) != amount:
            raise error(f"{name} is given twice, as {found[name]:g} and as {amount:g}; give one amount")
    return found
