"""YAML with line numbers: what a campaign file says, and where in it each thing stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from loop.errors import SpecError

Path: TypeAlias = tuple[str | int, ...]  # keys and places in lists, such as ("stop", 0, "target")
Problem: TypeAlias = tuple[Path, str]  # where something is wrong, and what, with the way out


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a file on which its keys and the items of its lists stand."""

    source: str  # name of the file
    numbers: Mapping[Path, int]

    def where(self, path: Path) -> str:
        """File, line and dotted path; the line of the nearest enclosing key when the key itself is missing."""
        known = next((path[:k] for k in range(len(path), 0, -1) if path[:k] in self.numbers), ())
        line = f" line {self.numbers[known]}" if known else ""
        return f"{self.source}{line}: {_dotted(path)}"


def load_yaml(text: str, source: str) -> tuple[dict[str, Any], Lines]:
    """What a file says, and on which lines.

    Raises:
        SpecError: It is not YAML, gives a key twice, or is no mapping.
    """
    numbers: dict[Path, int] = {}
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise SpecError(f"{source}: the file is empty; write one with hakken init")
        _walk(node, (), numbers, source)
        data = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{source}{line}: not valid YAML ({problem}); {_remedy(problem)}") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{source}: not valid YAML ({error}); mend it") from None
    if not isinstance(data, dict):
        raise SpecError(f"{source}: must be a mapping that starts with 'campaign: NAME', got {type(data).__name__}")
    return data, Lines(source, numbers)


def _remedy(problem: str) -> str:
    """What to do about a fault of YAML, by the loader's words for it."""
    if "'\\t'" in problem:
        return "YAML indents by blanks alone: put blanks in the place of tabs"
    if sign := re.search(r"character '([%@`])'", problem):
        return f'put what begins with {sign[1]} in quotes, such as "{sign[1]}"'
    return "mend the line or the one above it"


def place(text: str, source: str, path: Path) -> str:
    """Where ``path`` stands in a campaign file, such as ``"a.yaml line 12: laboratory.adapter"``, for messages.

    For what only the caller can judge, such as the laboratory's own options. The text must be valid YAML.
    """
    return load_yaml(text, source)[1].where(path)


def _walk(node: yaml.Node, path: Path, numbers: dict[Path, int], source: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in numbers:
                is_rest = str(here[-1]).isdecimal() and value.value == ""  # {low: 0,5} is low: 0 and an entry 5
                raise SpecError(
                    f"{source} line {key.start_mark.line + 1}: {_dotted(here)} is given twice (first on line "
                    f"{numbers[here]}); "
                    + ("a comma parts entries, so write decimals with a point" if is_rest else "keep one")
                )
            numbers[here] = key.start_mark.line + 1
            _walk(value, here, numbers, source)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            numbers[*path, i] = item.start_mark.line + 1
            _walk(item, (*path, i), numbers, source)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
