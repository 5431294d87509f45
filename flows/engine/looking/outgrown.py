"""Outgrown: candidates that ran out of time or memory, as dearer versions of them would that are allowed no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adapters.several import PARTED, conditions_of
from loop.fidelity import fidelity_column
from loop.history import History
from loop.outcome import Fault, FaultKind, read_code
from loop.record import ObservationRecord
from loop.space import Category, Space
from loop.space.rows import key_of
from loop.spec import CampaignSpec

# Laboratories of which a dearer calculation takes more; a function of one's own may be anything, a person no program.
_CALCULATING: Final = frozenset({"ase", "command", "pyscf", "xtb"})
_WORDS: Final = {"timeout": ("time", "s"), "memory": ("memory", "MiB")}


class Outgrown(NamedTuple):
    """Coordinates of candidates that are not proposed, and sentences on those of them that were never tried."""

    places: tuple[tuple[float, ...], ...] = ()
    notes: tuple[str, ...] = ()


def ran_out_of(fault: Fault, context: Mapping[str, Any]) -> str:
    """What a fault ran out of that more of would mend: "timeout" or "memory", as laboratories call it; "" for others.

    Memory by its code: a full disk is a ``resource_error`` too, and so is a plate that one of its wells held up.
    """
    if fault.informative:
        return ""
    if fault.kind is FaultKind.RESOURCE_ERROR and read_code(context) == "out_of_memory":
        return "memory"
    return "timeout" if fault.kind is FaultKind.TIMEOUT else ""


def outgrown(spec: CampaignSpec, space: Space, observations: Sequence[ObservationRecord], history: History) -> Outgrown:
    """What ran out of time or memory in ``history``, made of ``observations``, and dearer versions; decision 0195."""
    context = {o.id: o.context for o in observations}
    ran = {key_of(o.x) for o in history.observations if not isinstance(o.outcome, Fault)}
    seen = {key_of(o.x) for o in history.observations}
    column = fidelity_column(space)
    places: dict[bytes, NDArray[np.float64]] = {}
    untried: dict[tuple[str, str, str, float], set[bytes]] = {}
    for one in history.observations:
        if not isinstance(one.outcome, Fault) or key_of(one.x) in ran:
            continue
        if not (what := ran_out_of(one.outcome, context[one.id])):
            continue
        places[key_of(one.x)] = one.x
        if column is None:
            continue
        method = space.parameters[column]
        assert isinstance(method, Category)
        level = int(one.x[column])
        for dearer, allowed in _no_roomier(spec, method, level, what):
            there = one.x.copy()
            there[column] = dearer
            if key_of(there) not in seen:
                places[key_of(there)] = there
                which = (method.options[level], method.options[dearer], what, allowed)
                untried.setdefault(which, set()).add(key_of(there))
    notes = (_said(spec.campaign, *which, len(these)) for which, these in untried.items())
    return Outgrown(tuple(tuple(x.tolist()) for x in places.values()), tuple(notes))


def _no_roomier(spec: CampaignSpec, method: Category, level: int, what: str) -> list[tuple[int, float]]:
    """The versions above ``level`` that are calculated where no more time or memory is allowed than that one has, and
    how much is."""
    allowed = _allowed(spec, method, level, what)
    if allowed is None:
        return []
    found = ((k, _allowed(spec, method, k, what)) for k in range(level + 1, method.size))
    return [(k, most) for k, most in found if most is not None and most <= allowed]


def _allowed(spec: CampaignSpec, method: Category, level: int, what: str) -> float | None:
    """The most that a laboratory which takes a version allows a calculation; None where that is not known of each."""
    from adapters.executors.placing import ComputeOptions

    options = spec.laboratory.options
    sections = [{"adapter": spec.laboratory.adapter, **options}]
    if spec.laboratory.adapter == PARTED:
        option = method.options[level]
        takes = {name: when.get(method.name, (option,)) for name, when in conditions_of(options).items()}
        sections = [options["laboratories"][name] for name, taken in takes.items() if option in taken]
    if not sections or any(section.get("adapter") not in _CALCULATING for section in sections):
        return None
    return max(float(section.get(what, ComputeOptions.model_fields[what].default)) for section in sections)


def _said(campaign: str, cheap: str, dear: str, what: str, allowed: float, n: int) -> str:
    word, unit = _WORDS[what]
    which, are, each = (f"{n} candidates", "are", "one") if n > 1 else ("1 candidate", "is", "it")
    return (
        f"{which} that ran out of {word} as {cheap!r} {are} not proposed as {dear!r}, which has no more "
        f"({what}: {allowed:g} {unit}): allow that more, or have {each} run all the same "
        f"(hakken pin {quote(campaign)})"
    )
