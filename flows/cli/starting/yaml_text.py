"""Scalars as YAML text: bare where that is safe, quoted where YAML would read something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import yaml


def scalar(text: str) -> str:
    """``text`` so that YAML reads the same text, in a block or inside braces."""
    is_bare = re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./+() -]*", text) and not text.endswith(" ")
    try:
        is_same = bool(is_bare) and yaml.safe_load(text) == text
    except yaml.YAMLError:
        is_same = False
    return text if is_same else json.dumps(text, ensure_ascii=False)


def flow(texts: Iterable[str]) -> str:
    """Texts as the inside of a YAML list in one line."""
    return ", ".join(scalar(text) for text in texts)


def exact(number: float) -> str:
    """A finite number so that YAML reads exactly the same number, as short as can be."""
    text = repr(float(number)).removesuffix(".0")
    mantissa, e, exponent = text.partition("e")
    if e and "." not in mantissa:  # YAML 1.1 takes 1e-05 for text
        return f"{mantissa}.0e{exponent if exponent.startswith('-') else '+' + exponent.removeprefix('+')}"
    return text


def known_before(target: str, choice: str, options: Iterable[str]) -> list[str]:
    """Commented lines on what may be known before the first result; ``choice`` has ``options``, "" where none has."""
    lines = [
        "# What is known already is heard while it helps to predict what is measured, and dropped when it does not:",
        "# earlier campaigns of this record, results of others (hakken tell FILE paper.csv --source TITLE), and what",
        "# you expect yourself.",
        "# memory: auto   # or names of campaigns, such as [last_year]",
    ]
    if choice:
        ranked = f"{scalar(target)}: {{{scalar(choice)}: [{flow(options)}]}}"
        lines.append(f"# prior: {{{ranked}}}   # the best first, or a value for each option")
    return [*lines, ""]
