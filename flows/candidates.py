"""What stands beside a candidate's name: the structure of its molecule, and what it costs by the campaign file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loop.record import Settings
from loop.wording import amount_text

MOLECULES: Final = frozenset({"molecule", "union", "products"})  # kinds whose structure is the candidate's own


def structures_of(spec: Mapping[str, Any], settings: Settings, smiles: Mapping[str, str]) -> dict[str, str]:
    """The SMILES of each molecule of a library or of reagents that a candidate is, or has, by parameter.

    One that is called by its structure is none of them.
    """
    names = [name for name, parameter in spec["space"].items() if parameter["type"] in MOLECULES]
    return {name: smiles[name] for name in names if smiles.get(name) and smiles[name] not in settings.values()}


def price_of(spec: Mapping[str, Any], settings: Settings) -> str:
    """What a candidate costs by itself, such as "128 EUR", where that differs; "" where nothing tells it.

    Changes of slow parameters come on top, and hours or versions whose cost is learnt are in no campaign file.
    """
    costs = spec.get("costs") or {}
    priced, amounts, lasts = costs.get("options") or {}, costs.get("amounts") or {}, costs.get("lasts")
    hours, hour = costs.get("hours"), costs.get("hour") or 0.0
    if not (priced or amounts or (lasts and hour)) or (hour and hours is None and lasts is None):
        return ""
    versions = {name: p.get("costs") for name, p in spec["space"].items() if p["type"] == "fidelity"}
    priced = {**{name: prices for name, prices in versions.items() if prices}, **priced}
    if not versions.keys() <= priced.keys():
        return ""
    per = costs.get("per") or {}

    def number(name: str) -> float:
        return _number(spec["space"], settings, name)

    total = (costs.get("experiment") or 0.0) + hour * (hours or 0.0)
    for name, prices in priced.items():
        total += prices.get(settings.get(name), 0.0) * (number(per[name]) if name in per else 1.0)
    for name, price in amounts.items():
        parts = {f"{name}.{part}": each for part, each in price.items()} if isinstance(price, dict) else {name: price}
        total += sum(each * number(part) for part, each in parts.items())
    if lasts:
        from loop.units import convert  # pint: only where a price is told

        total += hour * convert(number(lasts), spec["space"][lasts]["unit"], "h")
    return f"{amount_text(total)} {costs.get('unit') or ''}".rstrip()


def _number(space: Mapping[str, Any], settings: Settings, name: str) -> float:
    """The value of a number of a space, given or derived; zero for one that does not apply."""
    from loop.space.expressions import Expression  # NumPy: only where a price is told

    if space.get(name, {}).get("type") != "derived":
        return float(settings.get(name, 0.0))
    expression = Expression(space[name]["expression"])
    return float(expression({each: _number(space, settings, each) for each in expression.names}))
