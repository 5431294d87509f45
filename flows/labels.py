"""Labels: a candidate's settings in one line, from the resolved spec alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loop.record import Settings
from loop.units import unit_shown
from loop.wording import MANY, is_mute, named


def label_of(spec: Mapping[str, Any], settings: Settings) -> str:
    """Settings in one line, as ``Space.label`` writes them, without building the space (which looks at units)."""
    space: Mapping[str, Any] = spec["space"]
    words = []
    for name, value in arranged(spec, settings).items():
        parameter = space.get(name, {})
        kind = parameter.get("type")
        if kind in ("number", None) and not isinstance(value, str):  # also one that the file has no more
            words.append(f"{name} {value:g} {unit_shown(parameter.get('unit', ''))}".rstrip())
        elif kind in ("ordinal", "mixture") or _is_mute(space, name, str(value)):
            words.append(named(name, str(value)))
        else:
            words.append(str(value))
    return ", ".join(words)


def in_any_order(label: str, names: Sequence[str]) -> list[list[str]]:
    """What a label says, in whatever order it has parameters and the parts of mixtures, so that labels can be compared.

    The ``names`` of mixtures, and of other parameters that may be there or not, are left out.
    """
    bare = (
        next((part.removeprefix(f"{name} ") for name in names if part.startswith(f"{name} ")), part)
        for part in label.split(", ")
    )
    return sorted(sorted(part.split(" + ")) for part in bare)


def arranged(spec: Mapping[str, Any], settings: Settings) -> dict[str, str | float]:
    """Settings in the order of the space, a mixture as one of them: its parts in words, without what is not there.

    What was no parameter yet has the value that the file says it had, unless it depends on others.
    """
    space: Mapping[str, Any] = spec.get("space") or {}
    settings = {**_earlier(space), **settings} if settings else settings
    told: dict[str, str | float] = {}
    for name in _ordered(space, settings):
        value = settings[name]
        mixture, _, part = name.rpartition(".")
        if name in space or space.get(mixture, {}).get("type") != "mixture":
            told[name] = value
            continue
        before = told.setdefault(mixture, "")  # stands where the first of its parts does
        if value:
            told[mixture] = f"{before} + {value:.4g} {part}" if before else f"{value:.4g} {part}"
    return told


def came_later(space: Mapping[str, Any]) -> list[str]:
    """The parameters, and parts of mixtures, that what is on record may lack since it was there before them."""
    found = [name for name, parameter in space.items() if "earlier" in parameter and parameter["type"] != "mixture"]
    return found + [f"{n}.{part}" for n, p in space.items() if p.get("type") == "mixture" for part in p["parts"]]


def _earlier(space: Mapping[str, Any]) -> dict[str, str | float]:
    """What each parameter was before, and each part of a mixture that says it, but for what depends on others."""
    found: dict[str, str | float] = {}
    for name, parameter in space.items():
        said = parameter.get("earlier")
        if said is None or parameter.get("when") or parameter.get("unless"):
            continue
        found |= {f"{name}.{part}": share for part, share in said.items()} if isinstance(said, dict) else {name: said}
    return found


def _ordered(space: Mapping[str, Any], settings: Settings) -> list[str]:
    """Names of settings in the order of the space: the record sorts them, which parts and reagents are not."""
    order: list[str] = []
    for name, parameter in space.items():
        if parameter.get("type") == "mixture":
            order += [f"{name}.{part}" for part in parameter["parts"]]
        elif parameter.get("type") == "products":
            order += [f"{name}.{which}" for which in parameter.get("order") or parameter["reagents"]]
        else:
            order.append(name)
    known = [name for name in order if name in settings]
    return known + [name for name in settings if name not in set(known)]


def _is_mute(space: Mapping[str, Any], name: str, option: str) -> bool:
    """Whether an option needs its parameter's name, as ``Space.label`` decides."""
    choices = {n: p.get("options") or () for n, p in space.items() if p.get("type") in ("category", "component")}
    return name in choices and is_mute(option, [o for n, o in choices.items() if n != name and len(o) <= MANY])
