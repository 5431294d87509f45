"""Numbers in what a program wrote: found by a regular expression or in JSON, each with its unit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.errors import AnalysisFailed

KEYS: Final = frozenset({"regex", "json", "difference", "file", "take", "unit", "factor"})
_END: Final = 60  # characters at the end of a file that a message tells


def wrong_rules(name: str, rule: Mapping[str, Any], names: Mapping[str, Any]) -> list[str]:
    """What is wrong with the rule for one property, one message for each."""
    found = [
        f"parse {name!r}: unknown key {key!r}; known: {', '.join(sorted(KEYS))}" for key in sorted(set(rule) - KEYS)
    ]
    ways = [way for way in ("regex", "json", "difference") if way in rule]
    if len(ways) != 1:
        found.append(f"parse {name!r}: give one of regex, json and difference, got {', '.join(ways) or 'none'}")
    if "unit" not in rule:
        found.append(f"parse {name!r}: give its unit; '' where it has none")
    if rule.get("take", "last") not in ("first", "last"):
        found.append(f"parse {name!r}: take is first or last, got {rule['take']!r}")
    if "regex" in rule:
        found += [f"parse {name!r}: {problem}" for problem in wrong_pattern(rule["regex"], groups=1)]
    for part in rule.get("difference", ()):
        if part not in names or "difference" in names[part]:
            found.append(f"parse {name!r}: the difference of two parsed properties, and {part!r} is none")
    return found


def wrong_pattern(pattern: object, *, groups: int | None = None) -> list[str]:
    """What is wrong with a regular expression; ``groups`` is how many it has to have."""
    try:
        count = re.compile(str(pattern)).groups
    except re.error as error:
        return [f"{pattern!r} is no regular expression: {error}"]
    if groups is not None and count != groups:
        return [f"{pattern!r} has {count} groups and needs {groups}: put parentheses around the number"]
    return []


def parse(
    rules: Mapping[str, Mapping[str, Any]], folder: Path, main: str
) -> tuple[dict[str, tuple[float, str]], list[str]]:
    """Values with units by property, and what could not be found, one message for each.

    Raises:
        AnalysisFailed: A file that holds the answer cannot be read as what it should be.
    """
    values: dict[str, tuple[float, str]] = {}
    missing: list[str] = []
    for name, rule in rules.items():
        if "difference" not in rule:
            try:
                found = _value(name, rule, folder, main)
            except LookupError as error:
                missing.append(str(error.args[0]))
                continue
            values[name] = (found * float(rule.get("factor", 1.0)), str(rule["unit"]))
    for name, rule in rules.items():
        if "difference" in rule:
            more, less = rule["difference"]
            if more in values and less in values:
                values[name] = (values[more][0] - values[less][0], str(rule["unit"]))
            else:
                missing.append(f"no {name}: it is {more} less {less}")
    return values, missing


def _value(name: str, rule: Mapping[str, Any], folder: Path, main: str) -> float:
    """The number; raises ``LookupError`` where there is none."""
    file = rule.get("file", main)
    path = folder / file
    if not path.exists():
        raise LookupError(f"no {name}: the program wrote no {file}")
    text = path.read_text(encoding="utf-8", errors="replace")
    if "json" in rule:
        return _from_json(name, str(rule["json"]), text, file)
    found = list(re.finditer(rule["regex"], text, re.MULTILINE))
    if not found:
        raise LookupError(f"no {name}: {rule['regex']!r} matches nothing in {file}")
    word = found[0 if rule.get("take") == "first" else -1].group(1)
    try:
        return float(word.replace("D", "E").replace("d", "e"))
    except ValueError:
        raise AnalysisFailed(f"{name}: {word!r} in {file} is no number; mend the regex") from None


def _from_json(name: str, where: str, text: str, file: str) -> float:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise AnalysisFailed(f"{name}: {file} is empty") from None
        end = text.rstrip()[-_END:]
        raise AnalysisFailed(f"{name}: {file} is no JSON ({error}); it ends with {end!r}") from None
    for part in where.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise LookupError(f"no {name}: {file} has no {where}") from None
    if found is None:
        raise LookupError(f"no {name}: {where} in {file} is null")
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise AnalysisFailed(f"{name}: {where} in {file} is {found!r} and no number")
    return float(found)
