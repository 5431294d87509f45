"""Labels: a candidate's settings in one line, from the resolved spec alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loop.record import Settings


def label_of(spec: Mapping[str, Any], settings: Settings) -> str:
    """Settings in one line, as ``Space.label`` writes them, without building the space (which looks at units)."""
    space: Mapping[str, Any] = spec["space"]
    parts: list[list[str]] = []  # words of each
    mixtures: dict[str, list[str]] = {}
    for name, value in settings.items():
        mixture, _, part = name.rpartition(".")
        parameter = space.get(name, {})
        kind = parameter.get("type")
        if name not in space and space.get(mixture, {}).get("type") == "mixture":
            if mixture not in mixtures:  # stands where the first of its parts does
                parts.append(mixtures.setdefault(mixture, [mixture]))
            if value:
                mixtures[mixture].append(f"{'+ ' if len(mixtures[mixture]) > 1 else ''}{value:.4g} {part}")
        elif kind == "number" and not isinstance(value, str):
            parts.append([f"{name} {value:g} {parameter.get('unit', '')}".rstrip()])
        else:
            parts.append([name, str(value)] if kind == "ordinal" else [str(value)])
    return ", ".join(" ".join(words) for words in parts)
