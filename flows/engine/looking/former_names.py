"""Former names: what substances were called in earlier versions of a campaign file, as tables and results still say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from loop.space import Component

if TYPE_CHECKING:
    from loop.contracts import Ledger
    from loop.record import Json
    from loop.space import Parameter, Space


def with_former_names(space: Space, ledger: Ledger, name: str, version: int) -> Space:
    """The space of a campaign's ``version``, whose substances are known by the names that they had before it, too.

    Of a name that stood for several, the last is meant. Stored libraries keep their names.
    """
    if version == 1 or not any(isinstance(p, Component) and not p.is_stored for p in space.parameters):
        return space
    before = [ledger.spec_version(name, n)["space"] for n in range(1, version)]
    return replace(space, parameters=tuple(_with_former(p, before) for p in space.parameters))


def _with_former(p: Parameter, before: Sequence[Json]) -> Parameter:
    if not isinstance(p, Component) or p.is_stored:
        return p
    now = dict(zip(p.smiles, p.options, strict=True))
    former: dict[str, str] = {}
    for space in before:
        options = space.get(p.name, {}).get("options")
        for option, smiles in options.items() if isinstance(options, Mapping) else ():
            if not p.has(option) and (smiles or "") in now:
                former[option] = now[smiles or ""]
            else:
                former.pop(option, None)
    return replace(p, former=former) if former else p
