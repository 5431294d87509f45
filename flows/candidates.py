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
    """What a candidate costs by itself, such as "128 EUR", where options have prices; "" where nothing tells it.

    Changes of slow parameters come on top, and hours or versions whose cost is learnt are in no campaign file.
    """
    costs = spec.get("costs") or {}
    priced = costs.get("options") or {}
    hours, hour = costs.get("hours"), costs.get("hour") or 0.0
    if not priced or (hour and hours is None):
        return ""
    versions = {name: p.get("costs") for name, p in spec["space"].items() if p["type"] == "fidelity"}
    priced = {**{name: prices for name, prices in versions.items() if prices}, **priced}
    if not versions.keys() <= priced.keys():
        return ""
    total = (costs.get("experiment") or 0.0) + hour * (hours or 0.0)
    total += sum(prices.get(settings.get(name), 0.0) for name, prices in priced.items())
    return f"{amount_text(total)} {costs.get('unit') or ''}".rstrip()
